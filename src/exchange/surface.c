/* surface: which of several signers' volatility surfaces is taken, and how expiries are kept from
 * contradicting each other (docs/specs/risk.md, "Feeds").
 *
 * A median of each parameter would be nobody's surface and could have an arbitrage that none of
 * the reports has. So one signer's whole report is taken: the one nearest to the medians of total
 * variance at five points. Across expiries total variance must not fall with time: a deficit is
 * repaired by lifting the later surface, in the copy that prices are made of; the report itself
 * stays as signed, so the repair never adds up. */
#include "exchange/feeds.h"

#define MS_PER_YEAR INT64_C(31536000000)
#define E12         INT64_C(1000000000000)
#define PPB         INT64_C(1000000000)
#define VOL_MAX_PPB E12
enum { POINTS = 5 };

/* √(w/τ) of a surface's total variance. */
int64_t tn_exchange_vol_ppb(const struct tn_surface *surface, int64_t variance_e12)
{
    int64_t years_e12 = tn_mul_div_floor(surface->tau_ms, E12, MS_PER_YEAR);
    int64_t root = tn_surface_root_e12(years_e12); /* τ ≥ 1 ms: above 0 */
    TN_ASSERT(root > 0 && variance_e12 >= 0);
    tn_i128 vol = (tn_i128)tn_surface_root_e12(variance_e12) * PPB / root;
    return vol < VOL_MAX_PPB ? (int64_t)vol : VOL_MAX_PPB;
}

/* Returns the signer whose surface is taken. */
uint32_t tn_exchange_choose_surface(const struct tn_surface *surfaces, const struct fresh *fresh)
{
    int64_t variances[TN_SIGNERS_MAX], sorted[TN_SIGNERS_MAX];
    tn_i128 distances[TN_SIGNERS_MAX] = {0};
    TN_ASSERT(fresh->count >= 1);
    for (uint32_t i = 0; i < fresh->count; i++) {
        sorted[i] = tn_surface_variance_e12(&surfaces[fresh->signers[i]], 0);
    }
    int64_t step = tn_surface_root_e12(tn_exchange_median(sorted, fresh->count));
    for (int64_t point = 0; point < POINTS; point++) {
        for (uint32_t i = 0; i < fresh->count; i++) {
            variances[i] =
                tn_surface_variance_e12(&surfaces[fresh->signers[i]], (point - POINTS / 2) * step);
            sorted[i] = variances[i];
        }
        int64_t median = tn_exchange_median(sorted, fresh->count);
        for (uint32_t i = 0; i < fresh->count; i++) {
            distances[i] += variances[i] > median ? variances[i] - median : median - variances[i];
        }
    }
    uint32_t best = 0;
    for (uint32_t i = 1; i < fresh->count; i++) {
        if (distances[i] < distances[best]) best = i;
    }
    return fresh->signers[best];
}

/* The largest deficit of the later expiry's surface on its listed strikes, ≥ 0. */
static int64_t largest_deficit(const struct tn_exchange *exchange, const struct expiry *nearer,
                               const struct expiry *farther)
{
    int64_t nearer_left_ms = tn_exchange_left_ms(exchange, nearer);
    int64_t farther_left_ms = tn_exchange_left_ms(exchange, farther);
    int64_t largest = 0;
    uint64_t before = 0; /* calls and puts of a strike are mostly listed one after the other */
    for (uint32_t i = farther->series_head; i != TN_NONE; i = exchange->series[i].expiry_next) {
        uint64_t strike = tn_series_strike(exchange->series[i].id);
        if (strike == 0 || strike == before) continue;
        before = strike;
        int64_t deficit =
            tn_surface_deficit_e12(&nearer->surface, nearer_left_ms, &farther->surface,
                                   farther_left_ms, (tn_micros)strike * TN_MICROS_PER_STRIKE_UNIT);
        if (deficit > largest) largest = deficit;
    }
    return largest;
}

static void repair(struct tn_exchange *exchange, const struct expiry *nearer,
                   struct expiry *farther)
{
    int64_t deficit = largest_deficit(exchange, nearer, farther);
    if (deficit == 0) return;
    /* The deficit is of variance scaled to the time left; a belongs to the time of the fit. */
    tn_i128 left_ms = tn_exchange_left_ms(exchange, farther);
    tn_i128 raise = ((tn_i128)deficit * farther->surface.tau_ms + left_ms - 1) / left_ms;
    struct tn_surface raised = farther->surface;
    bool small = raise <= exchange->risk->parameters.calendar_raise_max_e12;
    if (small) raised.a_e12 += (int64_t)raise;
    farther->inconsistent = !small || !tn_surface_admitted(&raised);
    if (!farther->inconsistent) farther->surface = raised;
}

/* Each surface against the one before it, the nearest first: a lifted one lifts those behind it. */
static void repair_underlying(struct tn_exchange *exchange, const struct risk_underlying *under)
{
    struct risk *risk = exchange->risk;
    const struct expiry *nearer = NULL;
    for (uint32_t i = under->expiries_head; i != TN_NONE; i = risk->expiries[i].next) {
        struct expiry *expiry = &risk->expiries[i];
        bool was_inconsistent = expiry->inconsistent;
        expiry->inconsistent = false;
        if (expiry->day == 0 || expiry->unsettled || expiry->vol.freshness == TN_STALE) continue;
        expiry->surface = expiry->adopted;
        if (nearer != NULL) repair(exchange, nearer, expiry);
        if (!expiry->inconsistent) nearer = expiry;
        if (expiry->inconsistent != was_inconsistent) {
            tn_exchange_report_feed(
                exchange, tn_exchange_expiry_name(expiry->underlying, expiry->day), TN_FEED_VOL,
                expiry->inconsistent ? TN_STALE : (enum tn_freshness)expiry->vol.freshness);
        }
    }
}

void tn_exchange_repair_surfaces(struct tn_exchange *exchange)
{
    for (uint32_t i = 0; i < exchange->underlyings_count; i++)
        repair_underlying(exchange, &exchange->risk->underlyings[i]);
}
