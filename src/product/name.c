/* name: series ids to and from the names makers know: BTC-25DEC26-100000-C, BTC-25DEC26, BTC-PERP.
 *
 * A name is typed by people and sent by programs, so it has one spelling and the parser is strict:
 * it accepts exactly what format writes. Both walk the same grammar:
 *
 *     name   = symbol "-" ( "PERP" | day [ "-" strike "-" ( "C" | "P" ) ] )
 *     day    = 1..31 without a leading zero, month in three letters, two digits of the year
 *     strike = whole [ "." 1 to 4 digits, the last not 0 ], whole without a leading zero but "0"
 *
 * The parser reads one character at a time and stops at the first that does not fit, so it needs no
 * length and never passes the NUL. */
#include "tenor/product.h"

#include <string.h>

#define SYMBOL_LENGTH_MAX (TN_SYMBOL_SIZE - 1)

static const char MONTHS[12][4] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                   "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};

static bool is_digit(char character)
{
    return character >= '0' && character <= '9';
}

static bool is_symbol_character(char character)
{
    return is_digit(character) || (character >= 'A' && character <= 'Z');
}

/* The length of a symbol at the start of text; 0 when there is none. */
static uint32_t symbol_length(const char *text)
{
    uint32_t length = 0;
    if (is_digit(text[0])) return 0;
    while (length < SYMBOL_LENGTH_MAX && is_symbol_character(text[length]))
        length++;
    return length;
}

bool tn_symbol_valid(const char symbol[TN_SYMBOL_SIZE])
{
    uint32_t length = symbol_length(symbol);
    return length > 0 && symbol[length] == '\0';
}

/* ---- Writing ---- */

struct writer {
    char *out;
    uint32_t length;
};

static void write_text(struct writer *writer, const char *text)
{
    for (; *text != '\0'; text++) {
        TN_ASSERT(writer->length < TN_SERIES_NAME_SIZE - 1);
        writer->out[writer->length++] = *text;
    }
}

/* At least digits_min digits, with leading zeros. */
static void write_number(struct writer *writer, uint64_t number, uint32_t digits_min)
{
    char digits[21] = {0};
    uint32_t at = 20;
    TN_ASSERT(digits_min <= at);
    for (uint32_t written = 0; written < digits_min || number > 0; written++, number /= 10) {
        digits[--at] = (char)('0' + number % 10);
    }
    write_text(writer, digits + at);
}

static void write_day(struct writer *writer, uint32_t day)
{
    struct tn_date date = tn_date_of_day(day);
    write_number(writer, date.day, 1);
    write_text(writer, MONTHS[date.month - 1]);
    write_number(writer, date.year - 2000u, 2);
}

static void write_strike(struct writer *writer, uint64_t strike)
{
    uint32_t fraction = (uint32_t)(strike % TN_STRIKE_UNITS);
    write_number(writer, strike / TN_STRIKE_UNITS, 1);
    if (fraction == 0) return;

    uint32_t digits = 4;
    for (; fraction % 10 == 0; fraction /= 10)
        digits--;
    write_text(writer, ".");
    write_number(writer, fraction, digits);
}

bool tn_series_name_format(char out[TN_SERIES_NAME_SIZE], uint64_t id,
                           const char (*symbols)[TN_SYMBOL_SIZE], uint32_t symbols_count)
{
    struct writer writer = {.out = out};
    struct tn_series_terms terms;
    memset(out, 0, TN_SERIES_NAME_SIZE);
    if (!tn_series_unpack(&terms, id)) return false;
    if (terms.underlying > symbols_count) return false;
    if (!tn_symbol_valid(symbols[terms.underlying - 1])) return false;

    write_text(&writer, symbols[terms.underlying - 1]);
    write_text(&writer, "-");
    if (terms.kind == TN_PERPETUAL) {
        write_text(&writer, "PERP");
        return true;
    }
    write_day(&writer, terms.expiry_day);
    if (terms.kind == TN_FUTURE) return true;
    write_text(&writer, "-");
    write_strike(&writer, terms.strike);
    write_text(&writer, terms.kind == TN_CALL ? "-C" : "-P");
    return true;
}

/* ---- Reading: each reader moves *at past what it took, and is false when it does not fit ---- */

static bool read_text(const char **at, const char *expected)
{
    for (; *expected != '\0'; expected++, (*at)++) {
        if (**at != *expected) return false;
    }
    return true;
}

static bool read_underlying(uint16_t *underlying, const char **at,
                            const char (*symbols)[TN_SYMBOL_SIZE], uint32_t symbols_count)
{
    char symbol[TN_SYMBOL_SIZE] = {0};
    uint32_t length = symbol_length(*at);
    if (length == 0) return false;
    memcpy(symbol, *at, length);
    *at += length;

    uint32_t count = symbols_count < TN_UNDERLYING_MAX ? symbols_count : TN_UNDERLYING_MAX;
    for (uint32_t i = 0; i < count; i++) {
        if (memcmp(symbols[i], symbol, length + 1) == 0) {
            *underlying = (uint16_t)(i + 1);
            return true;
        }
    }
    return false;
}

static bool read_month(uint8_t *month, const char **at)
{
    for (uint8_t i = 0; i < 12; i++) {
        const char *after = *at;
        if (read_text(&after, MONTHS[i])) {
            *month = (uint8_t)(i + 1);
            *at = after;
            return true;
        }
    }
    return false;
}

static bool read_day(uint16_t *expiry_day, const char **at)
{
    struct tn_date date = {0};
    uint32_t day;
    if (!is_digit(**at) || **at == '0') return false;
    for (uint32_t digits = 0; digits < 2 && is_digit(**at); digits++, (*at)++) {
        date.day = (uint8_t)(date.day * 10 + (**at - '0'));
    }
    if (!read_month(&date.month, at)) return false;
    for (uint32_t digits = 0; digits < 2; digits++, (*at)++) {
        if (!is_digit(**at)) return false;
        date.year = (uint16_t)(date.year * 10 + (**at - '0'));
    }
    date.year = (uint16_t)(date.year + 2000);
    if (!tn_day_of_date(&day, date)) return false;
    *expiry_day = (uint16_t)day;
    return true;
}

static bool read_strike(uint64_t *strike, const char **at)
{
    uint64_t value = 0;
    if (!is_digit(**at)) return false;
    if (**at == '0' && is_digit((*at)[1])) return false;
    for (; is_digit(**at); (*at)++) {
        value = value * 10 + (uint64_t)(**at - '0');
        if (value > TN_STRIKE_MAX / TN_STRIKE_UNITS) return false;
    }
    value *= TN_STRIKE_UNITS;
    if (**at == '.') {
        uint64_t unit = TN_STRIKE_UNITS;
        for ((*at)++; is_digit(**at) && unit > 1; (*at)++) {
            unit /= 10;
            value += unit * (uint64_t)(**at - '0');
        }
        if ((*at)[-1] == '.' || (*at)[-1] == '0') return false;
    }
    *strike = value; /* 0 and what passes TN_STRIKE_MAX are for tn_series_pack to refuse */
    return true;
}

/* Day, strike and kind of a series with an expiry. */
static bool read_dated(struct tn_series_terms *terms, const char **at)
{
    TN_ASSERT(terms->strike == 0);
    terms->kind = TN_FUTURE;
    if (!read_day(&terms->expiry_day, at)) return false;
    if (**at == '\0') return true;

    if (!read_text(at, "-") || !read_strike(&terms->strike, at)) return false;
    if (!read_text(at, "-")) return false;
    if (**at != 'C' && **at != 'P') return false;
    terms->kind = **at == 'C' ? TN_CALL : TN_PUT;
    (*at)++;
    return true;
}

bool tn_series_name_parse(uint64_t *id, const char *text, const char (*symbols)[TN_SYMBOL_SIZE],
                          uint32_t symbols_count)
{
    struct tn_series_terms terms = {.kind = TN_PERPETUAL};
    const char *at = text;
    if (!read_underlying(&terms.underlying, &at, symbols, symbols_count)) return false;
    if (!read_text(&at, "-")) return false;

    if (*at == 'P') {
        if (!read_text(&at, "PERP")) return false;
    } else {
        if (!read_dated(&terms, &at)) return false;
    }
    if (*at != '\0') return false;
    return tn_series_pack(id, &terms);
}
