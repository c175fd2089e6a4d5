/* briefs: rows as the search for the worst scenario reads them (held_brief.c): three cache lines
 * for what a row and the record of its series take six.
 *
 * A scenario's number is its price weighed with IM's flat weight, in units of 2^shift micros: so
 * numbers of all expiries of an underlying add up as they are. The unit is about 2^-21 of what a
 * lot is worth at spot. Rounding: the price is cut to units, below 2^28, and the product rounded to
 * the nearest: a number is less than 2.5 units off, as weights are below 2^31. */
#include "margin/internal.h"

#include <string.h>

#define PPM 1000000
enum { UNIT_BITS = 21, PRICE_BITS = 28, TIMES_MAX = 1 << 15 };

/* Which scenario stands where; none if they are more than there is room for. */
static void place_scenarios(struct tn_margin_briefs *briefs, const struct tn_shocks *shocks)
{
    uint32_t plain = 0, skews = 0;
    briefs->places = 0;
    memset(briefs->columns, 0, sizeof briefs->columns);
    for (uint32_t k = 0; k < shocks->scenarios_count; k++) {
        bool is_skew = shocks->scenarios[k].kind != TN_SCENARIO_SHOCK;
        if (is_skew ? skews == TN_BRIEF_SKEWS : plain == TN_BRIEF_PLAIN) {
            briefs->places = 0;
            return;
        }
        uint32_t place = is_skew ? TN_BRIEF_PLAIN + skews++ : plain++;
        briefs->columns[place] = (uint8_t)k;
        briefs->places |= UINT64_C(1) << place;
    }
}

static void weigh_underlying(struct tn_margin_briefs *briefs, const struct tn_margin_market *market,
                             uint32_t index)
{
    struct tn_margin_scale *scale = &briefs->underlyings[index];
    struct tn_margin_weights weights;
    int64_t lambda_ppm = market->underlyings[index].lambda_ppm;
    memset(scale, 0, sizeof *scale);
    if (briefs->places == 0 || lambda_ppm < PPM || market->mm_factor_ppm <= 0) return;
    int64_t factor_ppm = tn_margin_im_factor_ppm(market, lambda_ppm);
    int64_t times = (factor_ppm + market->mm_factor_ppm - 1) / market->mm_factor_ppm;
    tn_margin_flat_weights(&weights, market, factor_ppm);
    if (weights.is_wide || times < 1 || times >= TIMES_MAX) return;
    for (uint32_t i = 0; i < TN_BRIEF_PLAIN + TN_BRIEF_SKEWS; i++) {
        uint32_t at = i < TN_BRIEF_PLAIN ? 8 + i : 4 + i - TN_BRIEF_PLAIN;
        if (briefs->places >> i & 1) scale->flat[at] = (uint32_t)weights.flat[briefs->columns[i]];
    }
    scale->im_factor_ppm = factor_ppm;
    scale->times = times;
}

/* The unit of an underlying, from the lot that is worth most. */
static void choose_units(struct tn_margin_briefs *briefs, const struct tn_margin_market *market)
{
    for (uint32_t s = 0; s < market->series_count; s++) {
        const struct tn_margin_series *series = &market->series[s];
        struct tn_margin_scale *scale = &briefs->underlyings[series->underlying];
        uint32_t bits = 64 - (uint32_t)__builtin_clzll((uint64_t)series->spot_lot | 1);
        if (bits > scale->shift + UNIT_BITS) scale->shift = bits - UNIT_BITS;
    }
}

static uint32_t number_of(const int64_t *row, uint64_t *bits, uint64_t flat, uint32_t column,
                          uint32_t shift)
{
    uint64_t price = (uint64_t)row[column] >> shift;
    *bits |= price;
    return (uint32_t)((price * flat + (UINT64_C(1) << 29)) >> 30);
}

static void brief_series(struct tn_margin_briefs *briefs, const struct tn_margin_market *market,
                         uint32_t index)
{
    const struct tn_margin_series *series = &market->series[index];
    const struct tn_margin_scale *scale = &briefs->underlyings[series->underlying];
    const int64_t *row = market->rows[index];
    struct tn_margin_brief *brief = &briefs->series[index];
    uint64_t bits = (uint64_t)row[TN_COLUMN_MARK] >> scale->shift;
    uint32_t most = (uint32_t)bits;
    for (uint32_t i = 0; i < TN_BRIEF_PLAIN; i++) {
        brief->plain[i] =
            number_of(row, &bits, scale->flat[8 + i], briefs->columns[i], scale->shift);
        if (brief->plain[i] > most) most = brief->plain[i];
    }
    for (uint32_t i = 0; i < TN_BRIEF_SKEWS; i++) {
        brief->skews[i] = number_of(row, &bits, scale->flat[4 + i],
                                    briefs->columns[TN_BRIEF_PLAIN + i], scale->shift);
        if (brief->skews[i] > most) most = brief->skews[i];
    }
    brief->mark = row[TN_COLUMN_MARK];
    brief->up = row[TN_COLUMN_UP] - row[TN_COLUMN_MARK];
    brief->down = row[TN_COLUMN_DOWN] - row[TN_COLUMN_MARK];
    brief->most = bits >> PRICE_BITS == 0 ? most + 1 : UINT32_MAX;
    brief->expiry = series->expiry;
    brief->is_linear = tn_margin_is_linear(series);
    brief->strike_micros = series->strike_micros;
    brief->spot_lot = series->spot_lot;
}

void tn_margin_brief(struct tn_margin_briefs *briefs, const struct tn_margin_market *market)
{
    place_scenarios(briefs, market->shocks);
    for (uint32_t u = 0; u < market->underlyings_count; u++)
        weigh_underlying(briefs, market, u);
    if (briefs->places == 0) return;
    choose_units(briefs, market);
    for (uint32_t s = 0; s < market->series_count; s++)
        brief_series(briefs, market, s);
}
