/* decimal: money, quantities and rates as people write them, without a double in between.
 *
 * A number is read digit by digit into an integer of its unit. Digits beyond the unit must be
 * zeros, and nothing is ever rounded, so what was read can be printed and read again. */
#include "decimal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DIGITS_MAX    40 /* of the whole part, or of the fraction, before anything is cut */
#define EXPONENT_MAX  99
#define DIGITS_OF_MAX 18

/* The digits of a number without its point: value = 0.digits × 10^whole_count. */
struct parts {
    char digits[2 * DIGITS_MAX];
    int digits_count;
    int whole_count;
    bool negative;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Takes up to DIGITS_MAX digits; false for none or more. */
static bool take_digits(struct parts *parts, const char **text)
{
    int count = 0;
    for (; is_digit(**text); ++*text, count++) {
        if (count == DIGITS_MAX) return false;
        parts->digits[parts->digits_count++] = **text;
    }
    return count > 0;
}

static bool take_exponent(int *exponent, const char **text)
{
    bool negative = false;
    ++*text;
    if (**text == '+' || **text == '-') {
        negative = **text == '-';
        ++*text;
    }
    if (!is_digit(**text)) return false;
    int value = 0;
    for (; is_digit(**text); ++*text) {
        value = value * 10 + (**text - '0');
        if (value > EXPONENT_MAX) return false;
    }
    *exponent = negative ? -value : value;
    return true;
}

static bool take_parts(struct parts *parts, const char *text, bool with_exponent)
{
    *parts = (struct parts){.negative = *text == '-'};
    if (parts->negative) text++;
    if (text[0] == '0' && is_digit(text[1])) return false;
    if (!take_digits(parts, &text)) return false;
    parts->whole_count = parts->digits_count;
    if (*text == '.') {
        text++;
        if (!take_digits(parts, &text)) return false;
    }
    int exponent = 0;
    if (with_exponent && (*text == 'e' || *text == 'E')) {
        if (!take_exponent(&exponent, &text)) return false;
    }
    parts->whole_count += exponent;
    return *text == '\0';
}

enum decimal_fault decimal_parse(int64_t *out, const char *text, unsigned digits, bool exponent)
{
    struct parts parts;
    if (!take_parts(&parts, text, exponent)) return DECIMAL_NOT_A_NUMBER;
    int kept_count = parts.whole_count + (int)digits;
    for (int i = kept_count < 0 ? 0 : kept_count; i < parts.digits_count; i++) {
        if (parts.digits[i] != '0') return DECIMAL_TOO_FINE;
    }
    int64_t value = 0;
    for (int i = 0; i < kept_count; i++) {
        int digit = i < parts.digits_count ? parts.digits[i] - '0' : 0;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value)) {
            return DECIMAL_TOO_LARGE;
        }
    }
    if (!parts.negative && __builtin_sub_overflow(0, value, &value)) return DECIMAL_TOO_LARGE;
    *out = value;
    return DECIMAL_GOOD;
}

const char *decimal_format(char out[DECIMAL_SIZE], int64_t value, unsigned digits, unsigned least)
{
    if (digits > DIGITS_OF_MAX) digits = DIGITS_OF_MAX;
    uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    uint64_t scale = 1;
    for (unsigned i = 0; i < digits; i++)
        scale *= 10;
    uint64_t fraction = size % scale;
    const char *sign = value < 0 ? "-" : "";
    while (digits > least && fraction % 10 == 0) {
        fraction /= 10;
        digits--;
    }
    if (digits == 0) {
        snprintf(out, DECIMAL_SIZE, "%s%" PRIu64, sign, size / scale);
    } else {
        snprintf(out, DECIMAL_SIZE, "%s%" PRIu64 ".%0*" PRIu64, sign, size / scale, (int)digits,
                 fraction);
    }
    return out;
}
