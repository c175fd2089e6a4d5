/* What of TOML is no string: truths, numbers, dates.
 *
 * Each reader takes the longest text of its shape; whatever stands behind it then is none that may
 * follow a value, and is refused there: 0123 is a 0 and something that does not belong. */
#include "settings/toml_internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum { NUMBER_SIZE = 512 };

/* ---- Dates -------------------------------------------------------------------------------------
 */

/* So many digits from an offset on, as a number; false: they are not there. */
static bool digits_at(const struct toml_reader *reader, uint32_t offset, uint32_t count,
                      uint32_t *number)
{
    *number = 0;
    for (uint32_t i = 0; i < count; i++) {
        char c = toml_ahead(reader, offset + i);
        if (!toml_is_digit(c)) return false;
        *number = *number * 10 + (uint32_t)(c - '0');
    }
    return true;
}

/* HH:MM:SS[.digits] at an offset; *end: behind it. */
static bool time_at(const struct toml_reader *reader, uint32_t offset, struct toml_date *date,
                    uint32_t *end)
{
    uint32_t hour, minute, second;
    if (!digits_at(reader, offset, 2, &hour) || toml_ahead(reader, offset + 2) != ':' ||
        !digits_at(reader, offset + 3, 2, &minute) || toml_ahead(reader, offset + 5) != ':' ||
        !digits_at(reader, offset + 6, 2, &second) || hour > 23 || minute > 59 || second > 59) {
        return false;
    }
    date->has_time = true;
    date->hour = (uint8_t)hour;
    date->minute = (uint8_t)minute;
    date->second = (uint8_t)second;
    *end = offset + 8;
    if (toml_ahead(reader, *end) != '.' || !toml_is_digit(toml_ahead(reader, *end + 1)))
        return true;
    uint32_t scale = 100000;
    for ((*end)++; toml_is_digit(toml_ahead(reader, *end)); (*end)++) {
        date->micros += scale * (uint32_t)(toml_ahead(reader, *end) - '0');
        scale /= 10;
    }
    return true;
}

static uint32_t days_of(uint32_t year, uint32_t month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && is_leap ? 29 : days[month - 1];
}

static void take_offset(const struct toml_reader *reader, struct toml_date *date, uint32_t *end)
{
    uint32_t hours, minutes;
    char c = toml_ahead(reader, *end);
    if (c == 'Z' || c == 'z') {
        date->has_offset = true;
        (*end)++;
    } else if ((c == '+' || c == '-') && digits_at(reader, *end + 1, 2, &hours) && hours <= 23 &&
               toml_ahead(reader, *end + 3) == ':' && digits_at(reader, *end + 4, 2, &minutes) &&
               minutes <= 59) {
        int total = (int)(hours * 60 + minutes);
        date->has_offset = true;
        date->offset_minutes = (int16_t)(c == '-' ? -total : total);
        *end += 6;
    }
}

/* A date, with or without a time. False and no fault: it is none. */
static bool read_date(struct toml_reader *reader, struct toml_date *date, bool *is_wrong)
{
    uint32_t year, month, day, end = 10;
    if (!digits_at(reader, 0, 4, &year) || toml_ahead(reader, 4) != '-' ||
        !digits_at(reader, 5, 2, &month) || toml_ahead(reader, 7) != '-' ||
        !digits_at(reader, 8, 2, &day) || month < 1 || month > 12 || day < 1 || day > 31) {
        return false;
    }
    *date = (struct toml_date){
        .has_date = true, .year = (uint16_t)year, .month = (uint8_t)month, .day = (uint8_t)day};
    if (year == 0 || day > days_of(year, month)) {
        *is_wrong = true;
        return toml_refuse(reader, reader->at, "there is no such day");
    }
    char c = toml_ahead(reader, 10);
    if ((c == 'T' || c == 't' || c == ' ') && time_at(reader, 11, date, &end)) {
        take_offset(reader, date, &end);
    }
    reader->at += end;
    return true;
}

/* ---- Numbers -----------------------------------------------------------------------------------
 */

static bool is_digit_of(char c, uint32_t base)
{
    if (base == 16) {
        return toml_is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    }
    return c >= '0' && c < (char)('0' + (char)base);
}

/* Digits with single underscores between them, from an offset on: how many bytes. */
static uint32_t digits_length(const struct toml_reader *reader, uint32_t offset, uint32_t base)
{
    uint32_t length = 0;
    if (!is_digit_of(toml_ahead(reader, offset), base)) return 0;
    for (;;) {
        if (is_digit_of(toml_ahead(reader, offset + length), base)) {
            length++;
        } else if (toml_ahead(reader, offset + length) == '_' &&
                   is_digit_of(toml_ahead(reader, offset + length + 1), base)) {
            length++;
        } else {
            return length;
        }
    }
}

/* The bytes of a number without underscores, ended by a zero. */
static bool copy_number(struct toml_reader *reader, char text[NUMBER_SIZE], uint32_t length)
{
    uint32_t used = 0;
    for (uint32_t i = 0; i < length; i++) {
        char c = toml_ahead(reader, i);
        if (c == '_') continue;
        if (used == NUMBER_SIZE - 1) {
            return toml_refuse(reader, reader->at, "a number with too many digits");
        }
        text[used++] = c;
    }
    text[used] = '\0';
    return true;
}

static bool take_integer(struct toml_reader *reader, struct toml_value *value, uint32_t length,
                         uint32_t prefix, int base)
{
    char text[NUMBER_SIZE];
    if (!copy_number(reader, text, length)) return false;
    errno = 0;
    value->kind = TOML_INTEGER;
    value->as.integer = strtoll(text + prefix, NULL, base);
    if (errno != 0) return toml_refuse(reader, reader->at, "a whole number of more than 64 bits");
    reader->at += length;
    return true;
}

static bool take_float(struct toml_reader *reader, struct toml_value *value, uint32_t length)
{
    char text[NUMBER_SIZE];
    if (!copy_number(reader, text, length)) return false;
    value->kind = TOML_FLOAT;
    value->as.real = strtod(text, NULL);
    reader->at += length;
    return true;
}

/* The bytes of a fraction and an exponent at an offset; 0: neither is there. */
static uint32_t float_length(const struct toml_reader *reader, uint32_t offset)
{
    uint32_t length = 0;
    if (toml_ahead(reader, offset) == '.') {
        uint32_t digits = digits_length(reader, offset + 1, 10);
        if (digits > 0) length = 1 + digits;
    }
    char c = toml_ahead(reader, offset + length);
    if (c == 'e' || c == 'E') {
        char sign = toml_ahead(reader, offset + length + 1);
        uint32_t head = sign == '+' || sign == '-' ? 2 : 1;
        uint32_t digits = digits_length(reader, offset + length + head, 10);
        if (digits > 0) length += head + digits;
    }
    return length;
}

static bool read_based(struct toml_reader *reader, struct toml_value *value, bool *is_taken)
{
    static const struct based {
        char letter;
        uint8_t base;
    } bases[] = {{'x', 16}, {'o', 8}, {'b', 2}};
    for (uint32_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
        if (toml_here(reader) != '0' || toml_ahead(reader, 1) != bases[i].letter) continue;
        uint32_t length = digits_length(reader, 2, bases[i].base);
        if (length == 0) break;
        *is_taken = true;
        return take_integer(reader, value, 2 + length, 2, bases[i].base);
    }
    *is_taken = false;
    return true;
}

static bool read_decimal(struct toml_reader *reader, struct toml_value *value, bool *is_taken)
{
    char c = toml_here(reader);
    uint32_t sign = c == '+' || c == '-' ? 1 : 0;
    uint32_t whole = toml_ahead(reader, sign) == '0' ? 1 : digits_length(reader, sign, 10);
    *is_taken = whole > 0;
    if (whole == 0) return true;
    uint32_t rest = float_length(reader, sign + whole);
    if (rest > 0) return take_float(reader, value, sign + whole + rest);
    return take_integer(reader, value, sign + whole, 0, 10);
}

static bool read_special(struct toml_reader *reader, struct toml_value *value, bool *is_taken)
{
    char c = toml_here(reader);
    uint32_t sign = c == '+' || c == '-' ? 1 : 0;
    reader->at += sign;
    bool is_infinite = toml_starts(reader, "inf");
    *is_taken = is_infinite || toml_starts(reader, "nan");
    if (!*is_taken) {
        reader->at -= sign;
        return true;
    }
    reader->at += 3;
    value->kind = TOML_FLOAT;
    value->as.real = is_infinite ? (double)INFINITY : (double)NAN;
    if (c == '-') value->as.real = -value->as.real;
    return true;
}

/* ---- All of them -------------------------------------------------------------------------------
 */

bool toml_read_scalar(struct toml_reader *reader, struct toml_value *value)
{
    static bool (*const readers[])(struct toml_reader *, struct toml_value *,
                                   bool *) = {read_based, read_decimal, read_special};
    uint32_t end = 0;
    bool is_taken = false, is_wrong = false;
    if (toml_starts(reader, "true") || toml_starts(reader, "false")) {
        value->kind = TOML_BOOL;
        value->as.truth = toml_here(reader) == 't';
        reader->at += value->as.truth ? 4 : 5;
        return true;
    }
    struct toml_date date = {.has_date = false};
    if (read_date(reader, &date, &is_wrong) || time_at(reader, 0, &date, &end)) {
        value->kind = TOML_DATE;
        value->as.date = date;
        reader->at += end;
        return true;
    }
    if (is_wrong) return false;
    for (uint32_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        if (!readers[i](reader, value, &is_taken)) return false;
        if (is_taken) return true;
    }
    return toml_refuse(reader, reader->at, "no value here; a text wants quotes");
}
