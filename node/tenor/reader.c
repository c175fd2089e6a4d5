/* reader: JSON in, with a place for every complaint.
 *
 * jansson parses; this file is what makes it strict. Duplicate keys are refused, unknown fields are
 * named with the nearest known one, and numbers are exact: a string is read digit by digit, and a
 * bare number is taken only where its double still tells what was written, that is up to 15
 * significant digits (17 would be needed to tell any double, 15 always survive the way there and
 * back). A scan of the text before the parse sees to that, because afterwards the digits are gone.
 */
#include "reader.h"

#include "decimal.h"
#include "tenor/product.h"
#include "words.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DIGITS_OF_DOUBLE 15
#define PATH_SIZE        512
#define DEPTH_MAX        16
#define NUMBER_SIZE      64

/* ---- Places ---- */

static bool is_plain_key(const char *key)
{
    if (*key == '\0') return false;
    for (const char *at = key; *at != '\0'; at++) {
        bool letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || *at == '_';
        bool digit = *at >= '0' && *at <= '9';
        if (!letter && !(digit && at != key)) return false;
    }
    return true;
}

/* Whatever came from a file is printed without control characters. */
static void append(char *out, size_t size, const char *text)
{
    size_t used = strlen(out);
    for (; *text != '\0' && used + 1 < size; text++) {
        out[used++] = (unsigned char)*text < ' ' || *text == 127 ? '?' : *text;
    }
    out[used] = '\0';
}

static void append_place(char out[PATH_SIZE], const struct node *node)
{
    char step[64];
    if (node->key == NULL) {
        snprintf(step, sizeof step, "[%zu]", node->index);
        append(out, PATH_SIZE, step);
    } else if (is_plain_key(node->key)) {
        append(out, PATH_SIZE, out[0] == '\0' ? "" : ".");
        append(out, PATH_SIZE, node->key);
    } else {
        append(out, PATH_SIZE, "[\"");
        append(out, PATH_SIZE, node->key);
        append(out, PATH_SIZE, "\"]");
    }
}

static void path_of(char out[PATH_SIZE], const struct node *node)
{
    const struct node *steps[DEPTH_MAX];
    size_t steps_count = 0;
    for (; node->parent != NULL && steps_count < DEPTH_MAX; node = node->parent) {
        steps[steps_count++] = node;
    }
    out[0] = '\0';
    while (steps_count > 0)
        append_place(out, steps[--steps_count]);
    if (out[0] == '\0') append(out, PATH_SIZE, "the document");
}

void reader_fail(struct reader *reader, const struct node *node, const char *format, ...)
{
    if (reader->failed) return;
    reader->failed = true;
    char path[PATH_SIZE], what[READER_PROBLEM_SIZE];
    path_of(path, node);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    reader->problem[0] = '\0';
    append(reader->problem, sizeof reader->problem, path);
    append(reader->problem, sizeof reader->problem, ": ");
    append(reader->problem, sizeof reader->problem, what);
}

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
        case JSON_OBJECT: return "an object";
        case JSON_ARRAY: return "an array";
        case JSON_STRING: return "a string";
        case JSON_INTEGER: return "a number";
        case JSON_REAL: return "a number";
        case JSON_TRUE: return "true";
        case JSON_FALSE: return "false";
        case JSON_NULL: return "null";
    }
    return "nothing";
}

/* False, after a complaint, when there is no value or one of another type. */
static bool is_type(struct reader *reader, const struct node *node, bool right, const char *wanted)
{
    if (reader->failed) return false;
    if (node->value == NULL) {
        reader_fail(reader, node, "is missing; give %s", wanted);
        return false;
    }
    if (!right) reader_fail(reader, node, "is %s; give %s", type_name(node->value), wanted);
    return right;
}

/* ---- The text ---- */

__attribute__((format(printf, 4, 5))) static void fail_at(struct reader *reader, size_t line,
                                                          size_t column, const char *format, ...)
{
    if (reader->failed) return;
    reader->failed = true;
    int used =
        snprintf(reader->problem, sizeof reader->problem, "line %zu, column %zu: ", line, column);
    char what[READER_PROBLEM_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    append(reader->problem + used, sizeof reader->problem - (size_t)used, what);
}

static bool in_number(char c)
{
    return (c >= '0' && c <= '9') || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-';
}

/* Significant digits of a bare number, and those of its exponent. Zeros in front do not count. */
static void count_digits(const char *text, size_t size, unsigned *digits, unsigned *exponent)
{
    *digits = *exponent = 0;
    bool behind_e = false;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == 'e' || text[i] == 'E') behind_e = true;
        if (text[i] < '0' || text[i] > '9') continue;
        if (behind_e) {
            ++*exponent;
        } else if (*digits > 0 || text[i] != '0') {
            ++*digits;
        }
    }
}

/* Every bare number with a point or an exponent must survive a double. Integers do not become
 * doubles; jansson refuses those beyond 64 bits. */
static void scan_numbers(struct reader *reader, const char *bytes, size_t size)
{
    size_t line = 1, line_start = 0;
    bool in_string = false;
    for (size_t i = 0; i < size && !reader->failed; i++) {
        if (bytes[i] == '\n') {
            line++;
            line_start = i + 1;
        }
        if (in_string) {
            if (bytes[i] == '\\')
                i++;
            else if (bytes[i] == '"')
                in_string = false;
            continue;
        }
        in_string = bytes[i] == '"';
        if (bytes[i] != '-' && (bytes[i] < '0' || bytes[i] > '9')) continue;
        size_t length = 1;
        bool real = false;
        for (; i + length < size && in_number(bytes[i + length]); length++) {
            real = real || bytes[i + length] == '.' || bytes[i + length] == 'e' ||
                   bytes[i + length] == 'E';
        }
        unsigned digits, exponent;
        count_digits(bytes + i, length, &digits, &exponent);
        if (real && (digits > DIGITS_OF_DOUBLE || exponent > 2)) {
            fail_at(reader, line, i - line_start + 1,
                    "a bare number with more than %d digits, or an exponent beyond 99; write it "
                    "as a string, \"123.45\"",
                    DIGITS_OF_DOUBLE);
        }
        i += length - 1;
    }
}

json_t *reader_load(struct reader *reader, const char *bytes, size_t size)
{
    *reader = (struct reader){.failed = false};
    scan_numbers(reader, bytes, size);
    if (reader->failed) return NULL;
    json_error_t error;
    json_t *root = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        size_t line = error.line < 1 ? 1 : (size_t)error.line;
        size_t column = error.column < 1 ? 1 : (size_t)error.column;
        fail_at(reader, line, column, "not JSON: %s", error.text);
        return NULL;
    }
    if (!json_is_object(root)) {
        fail_at(reader, 1, 1, "the document is %s; give an object, { ... }", type_name(root));
        json_decref(root);
        return NULL;
    }
    return root;
}

/* ---- Walking ---- */

struct node reader_member(const struct node *parent, const char *key)
{
    json_t *value = json_is_object(parent->value) ? json_object_get(parent->value, key) : NULL;
    return (struct node){.parent = parent, .key = key, .value = value};
}

struct node reader_needed(struct reader *reader, const struct node *parent, const char *key,
                          const char *what)
{
    struct node node = reader_member(parent, key);
    if (node.value == NULL) reader_fail(reader, &node, "is missing; give %s", what);
    return node;
}

struct node reader_element(const struct node *parent, size_t index)
{
    return (struct node){
        .parent = parent, .index = index, .value = json_array_get(parent->value, index)};
}

bool reader_map(struct reader *reader, const struct node *node)
{
    return is_type(reader, node, json_is_object(node->value), "an object");
}

bool reader_object(struct reader *reader, const struct node *node, const char *const *fields,
                   size_t fields_count)
{
    if (!reader_map(reader, node)) return false;
    const char *key;
    json_t *value;
    json_object_foreach(node->value, key, value)
    {
        size_t i = 0;
        while (i < fields_count && strcmp(key, fields[i]) != 0)
            i++;
        if (i == fields_count) {
            struct node child = {.parent = node, .key = key, .value = value};
            reader_unknown(reader, &child, "field", key, fields, fields_count);
            return false;
        }
    }
    return true;
}

size_t reader_array(struct reader *reader, const struct node *node, size_t max)
{
    if (node->value == NULL) return 0;
    if (!is_type(reader, node, json_is_array(node->value), "an array")) return 0;
    size_t count = json_array_size(node->value);
    if (count > max) {
        reader_fail(reader, node, "has %zu elements; at most %zu are taken", count, max);
        return 0;
    }
    return count;
}

const char *reader_text(struct reader *reader, const struct node *node)
{
    if (!is_type(reader, node, json_is_string(node->value), "a string")) return "";
    return json_string_value(node->value);
}

/* ---- Words ---- */

void reader_unknown(struct reader *reader, const struct node *node, const char *what,
                    const char *text, const char *const *words, size_t words_count)
{
    const char *nearest = words_nearest(text, words, words_count);
    char all[256] = "";
    for (size_t i = 0; i < words_count; i++) {
        append(all, sizeof all, i == 0 ? "" : ", ");
        append(all, sizeof all, words[i]);
    }
    if (nearest != NULL) {
        reader_fail(reader, node, "unknown %s \"%.60s\"; did you mean \"%s\"?", what, text,
                    nearest);
    } else if (words_count == 0) {
        reader_fail(reader, node, "unknown %s \"%.60s\"; the file defines none", what, text);
    } else if (words_count <= 12) {
        reader_fail(reader, node, "unknown %s \"%.60s\"; known: %s", what, text, all);
    } else {
        reader_fail(reader, node, "unknown %s \"%.60s\"", what, text);
    }
}

size_t reader_choice(struct reader *reader, const struct node *node, const char *const *words,
                     size_t words_count)
{
    const char *text = reader_text(reader, node);
    for (size_t i = 0; i < words_count; i++) {
        if (strcmp(text, words[i]) == 0) return i;
    }
    reader_unknown(reader, node, "word", text, words, words_count);
    return 0;
}

/* ---- Numbers ---- */

static enum decimal_fault parse_number(int64_t *out, const json_t *value, unsigned digits)
{
    char text[NUMBER_SIZE];
    if (json_is_string(value)) return decimal_parse(out, json_string_value(value), digits, false);
    if (json_is_integer(value)) {
        snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else {
        snprintf(text, sizeof text, "%.*g", DIGITS_OF_DOUBLE, json_real_value(value));
    }
    return decimal_parse(out, text, digits, true);
}

int64_t reader_decimal(struct reader *reader, const struct node *node, unsigned digits,
                       int64_t least, int64_t most)
{
    bool right = json_is_string(node->value) || json_is_number(node->value);
    if (!is_type(reader, node, right, "a number, bare or as a string")) return 0;
    int64_t value = 0;
    char low[DECIMAL_SIZE], high[DECIMAL_SIZE];
    decimal_format(low, least, digits, 0);
    decimal_format(high, most, digits, 0);
    switch (parse_number(&value, node->value, digits)) {
        case DECIMAL_GOOD:
            if (value >= least && value <= most) return value;
            reader_fail(reader, node, "is out of its bounds; give a number from %s to %s", low,
                        high);
            return 0;
        case DECIMAL_NOT_A_NUMBER:
            reader_fail(reader, node,
                        "is not a finite decimal number; write it like \"-123.45\", without "
                        "spaces, plus sign or leading zeros");
            return 0;
        case DECIMAL_TOO_FINE:
            reader_fail(reader, node, "has more decimals than its unit holds; give at most %u",
                        digits);
            return 0;
        case DECIMAL_TOO_LARGE:
            reader_fail(reader, node, "is out of its bounds; give a number from %s to %s", low,
                        high);
            return 0;
    }
    return 0;
}

int64_t reader_decimal_or(struct reader *reader, const struct node *node, unsigned digits,
                          int64_t least, int64_t most, int64_t otherwise)
{
    return node->value == NULL ? otherwise : reader_decimal(reader, node, digits, least, most);
}

/* ---- Times ---- */

/* Takes exactly `count` digits and the character behind them. */
static bool take_field(unsigned *out, const char **text, unsigned count, char behind)
{
    *out = 0;
    for (; count > 0; count--, ++*text) {
        if (**text < '0' || **text > '9') return false;
        *out = *out * 10 + (unsigned)(**text - '0');
    }
    if (**text != behind) return false;
    if (behind != '\0') ++*text;
    return true;
}

bool reader_time_parse(int64_t *time_ms, const char *text)
{
    unsigned year, month, day, hour, minute, second, milli = 0;
    if (!take_field(&year, &text, 4, '-') || !take_field(&month, &text, 2, '-') ||
        !take_field(&day, &text, 2, 'T') || !take_field(&hour, &text, 2, ':') ||
        !take_field(&minute, &text, 2, ':')) {
        return false;
    }
    const char *behind_minute = text;
    if (!take_field(&second, &text, 2, 'Z')) {
        text = behind_minute;
        if (!take_field(&second, &text, 2, '.') || !take_field(&milli, &text, 3, 'Z')) {
            return false;
        }
    }
    uint32_t day_number;
    struct tn_date date = {(uint16_t)year, (uint8_t)month, (uint8_t)day};
    if (*text != '\0' || hour > 23 || minute > 59 || second > 59) return false;
    if (!tn_day_of_date(&day_number, date)) return false;
    *time_ms = TN_EPOCH_2020_MS + (int64_t)day_number * TN_MS_PER_DAY +
               (((int64_t)hour * 60 + minute) * 60 + second) * 1000 + milli;
    return true;
}

int64_t reader_time_ms(struct reader *reader, const struct node *node)
{
    int64_t time_ms = 0;
    int64_t most = TN_EPOCH_2020_MS + ((int64_t)TN_EXPIRY_DAY_MAX + 1) * TN_MS_PER_DAY - 1;
    if (json_is_integer(node->value)) {
        return reader_decimal(reader, node, 0, TN_EPOCH_2020_MS, most);
    }
    if (!is_type(reader, node, json_is_string(node->value),
                 "a time like \"2026-11-20T12:00:00Z\" or unix milliseconds")) {
        return 0;
    }
    if (!reader_time_parse(&time_ms, json_string_value(node->value))) {
        reader_fail(reader, node,
                    "is not a time from 2020 to 2099; write it like \"2026-11-20T12:00:00Z\"");
    }
    return time_ms;
}
