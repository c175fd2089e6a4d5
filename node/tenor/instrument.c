/* instrument: names, ticks and lots.
 *
 * A price is read into micros of one unit, digit by digit, and divided by what a tick is; what is
 * left over is a refusal. A quantity is read into millionths of a unit and multiplied by the lots
 * of a unit. Which prices are admissible is product's to say. */
#include "instrument.h"

#include "words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MONEY_DIGITS = 6, QUANTITY_DIGITS = 9, NAMES_SHOWN = 5 };
static const int64_t quantity_scale = 1000000000; /* 10^QUANTITY_DIGITS */

/* ---- Names ------------------------------------------------------------------------------------
 */

static int compare(const void *a, const void *b)
{
    const struct instrument *one = a, *other = b;
    return (one->series_id > other->series_id) - (one->series_id < other->series_id);
}

void instruments_sort(struct instruments *instruments)
{
    if (instruments->count == 0) return;
    qsort(instruments->list, instruments->count, sizeof *instruments->list, compare);
}

const struct instrument *instruments_by_id(const struct instruments *instruments, uint64_t id)
{
    const struct instrument key = {.series_id = id};
    if (instruments->count == 0) return NULL;
    return bsearch(&key, instruments->list, instruments->count, sizeof key, compare);
}

/* The name that it is a slip of, or else some that begin like it. */
static void suggest(char why[INSTRUMENT_WHY_SIZE], const struct instruments *instruments,
                    const char *name)
{
    const char *nearest = NULL;
    for (uint32_t i = 0; i < instruments->count && nearest == NULL; i++) {
        const char *one = instruments->list[i].name;
        /* One wrong character only: names of neighbouring strikes differ by as much. */
        if (strlen(one) != strlen(name)) continue;
        size_t different = 0;
        for (size_t k = 0; one[k] != '\0'; k++)
            different += one[k] != name[k];
        if (different == 1) nearest = one;
    }
    if (nearest != NULL) {
        snprintf(why, INSTRUMENT_WHY_SIZE, "there is no series '%.39s'; did you mean %s?", name,
                 nearest);
        return;
    }
    int used = snprintf(why, INSTRUMENT_WHY_SIZE, "there is no series '%.39s'; there are", name);
    uint32_t shown = instruments->count < NAMES_SHOWN ? instruments->count : NAMES_SHOWN;
    for (uint32_t i = 0; i < shown && used > 0 && used < INSTRUMENT_WHY_SIZE; i++) {
        used += snprintf(why + used, INSTRUMENT_WHY_SIZE - (size_t)used, "%s %s", i == 0 ? "" : ",",
                         instruments->list[i].name);
    }
    if (used <= 0 || used >= INSTRUMENT_WHY_SIZE) return;
    if (shown == 0)
        snprintf(why + used, INSTRUMENT_WHY_SIZE - (size_t)used, " none in this market");
    else if (shown < instruments->count)
        snprintf(why + used, INSTRUMENT_WHY_SIZE - (size_t)used, " … see tenor markets");
}

const struct instrument *instruments_find(const struct instruments *instruments, const char *name,
                                          char why[INSTRUMENT_WHY_SIZE])
{
    char upper[TN_SERIES_NAME_SIZE] = "";
    if (strlen(name) < sizeof upper) {
        for (size_t i = 0; name[i] != '\0'; i++)
            upper[i] = name[i] >= 'a' && name[i] <= 'z' ? (char)(name[i] - 'a' + 'A') : name[i];
    }
    for (uint32_t i = 0; i < instruments->count; i++) {
        if (strcmp(instruments->list[i].name, upper) == 0) return &instruments->list[i];
    }
    suggest(why, instruments, upper);
    return NULL;
}

/* ---- Prices -----------------------------------------------------------------------------------
 */

const char *instrument_price_text(char out[DECIMAL_SIZE], const struct instrument *instrument,
                                  tn_ticks price)
{
    tn_micros micros;
    if (__builtin_mul_overflow(price, instrument->tick_micros, &micros)) {
        snprintf(out, DECIMAL_SIZE, "%lld ticks", (long long)price);
        return out;
    }
    return decimal_format(out, micros, MONEY_DIGITS, 0);
}

static bool off_tick(char why[INSTRUMENT_WHY_SIZE], const struct instrument *instrument,
                     const char *text, tn_ticks below)
{
    char low[DECIMAL_SIZE], high[DECIMAL_SIZE];
    tn_ticks floor = below < 1 ? 0 : tn_tick_floor(&instrument->schedule, below);
    tn_ticks ceil = tn_tick_ceil(&instrument->schedule, below + 1);
    instrument_price_text(high, instrument, ceil);
    if (floor < 1) {
        snprintf(why, INSTRUMENT_WHY_SIZE,
                 "%.40s is no price of %s: the nearest one is %s, the lowest there is", text,
                 instrument->name, high);
    } else {
        snprintf(why, INSTRUMENT_WHY_SIZE,
                 "%.40s is between two prices of %s: the nearest are %s and %s", text,
                 instrument->name, instrument_price_text(low, instrument, floor), high);
    }
    return false;
}

/* The whole part and no more than the digits that the unit holds: for naming neighbours. */
static bool parse_cut(int64_t *out, const char *text, unsigned digits)
{
    char cut[DECIMAL_SIZE];
    const char *point = strchr(text, '.');
    if (point == NULL) return false;
    size_t length = (size_t)(point - text) + 1 + digits;
    if (length >= sizeof cut || length > strlen(text)) return false;
    memcpy(cut, text, length);
    cut[length] = '\0';
    return decimal_parse(out, cut, digits, false) == DECIMAL_GOOD;
}

bool instrument_price(tn_ticks *out, const struct instrument *instrument, const char *text,
                      char why[INSTRUMENT_WHY_SIZE])
{
    tn_micros micros;
    bool is_cut = false;
    enum decimal_fault fault = decimal_parse(&micros, text, MONEY_DIGITS, false);
    if (fault == DECIMAL_TOO_FINE) is_cut = parse_cut(&micros, text, MONEY_DIGITS);
    bool is_huge = fault == DECIMAL_TOO_LARGE && text[0] != '-';
    if (fault != DECIMAL_GOOD && !is_cut && !is_huge) {
        snprintf(why, INSTRUMENT_WHY_SIZE, "'%.40s' is no price; write it like 1250.5", text);
        return false;
    }
    if (!is_huge && (micros < 0 || (micros == 0 && !is_cut))) {
        snprintf(why, INSTRUMENT_WHY_SIZE, "a price is above zero, not %.40s", text);
        return false;
    }
    tn_ticks price = is_huge ? 0 : micros / instrument->tick_micros;
    if (is_huge || price > TN_PRICE_TICKS_MAX) {
        snprintf(why, INSTRUMENT_WHY_SIZE, "%.40s is above every price that a book holds", text);
        return false;
    }
    if (is_cut || micros % instrument->tick_micros != 0 ||
        !tn_tick_on(&instrument->schedule, price)) {
        return off_tick(why, instrument, text, price);
    }
    *out = price;
    return true;
}

/* ---- Quantities -------------------------------------------------------------------------------
 */

const char *instrument_quantity_text(char out[DECIMAL_SIZE], const struct instrument *instrument,
                                     tn_lots quantity)
{
    int64_t scaled;
    /* lots_per_unit divides the scale: how an instrument is read sees to it. */
    if (__builtin_mul_overflow(quantity, quantity_scale / instrument->lots_per_unit, &scaled)) {
        snprintf(out, DECIMAL_SIZE, "%lld lots", (long long)quantity);
        return out;
    }
    return decimal_format(out, scaled, QUANTITY_DIGITS, 0);
}

bool instrument_quantity(tn_lots *out, const struct instrument *instrument, const char *text,
                         char why[INSTRUMENT_WHY_SIZE])
{
    int64_t scaled;
    bool is_cut = false;
    enum decimal_fault fault = decimal_parse(&scaled, text, QUANTITY_DIGITS, false);
    if (fault == DECIMAL_TOO_FINE) is_cut = parse_cut(&scaled, text, QUANTITY_DIGITS);
    if (fault == DECIMAL_TOO_LARGE && text[0] != '-') {
        snprintf(why, INSTRUMENT_WHY_SIZE, "%.40s is more than a book holds", text);
        return false;
    }
    if ((fault != DECIMAL_GOOD && !is_cut) || scaled < 0 || (scaled == 0 && !is_cut)) {
        snprintf(why, INSTRUMENT_WHY_SIZE, "'%.40s' is no quantity; write it like 0.5", text);
        return false;
    }
    int64_t lot = quantity_scale / instrument->lots_per_unit;
    if (is_cut || scaled % lot != 0) {
        char low[DECIMAL_SIZE], high[DECIMAL_SIZE];
        instrument_quantity_text(high, instrument, scaled / lot + 1);
        instrument_quantity_text(low, instrument, scaled / lot);
        if (scaled < lot) {
            snprintf(why, INSTRUMENT_WHY_SIZE, "%.40s is less than a lot of %s, which is %s", text,
                     instrument->name, high);
        } else {
            snprintf(why, INSTRUMENT_WHY_SIZE,
                     "%.40s is not whole lots of %s: the nearest are %s and %s", text,
                     instrument->name, low, high);
        }
        return false;
    }
    if (scaled / lot > TN_QUANTITY_LOTS_MAX) {
        snprintf(why, INSTRUMENT_WHY_SIZE, "%.40s is more than a book holds", text);
        return false;
    }
    *out = scaled / lot;
    return true;
}

tn_micros instrument_of_unit(const struct instrument *instrument, tn_micros micros_of_lot)
{
    tn_micros micros;
    if (!__builtin_mul_overflow(micros_of_lot, instrument->lots_per_unit, &micros)) return micros;
    return micros_of_lot < 0 ? INT64_MIN : INT64_MAX;
}
