/* contingency: what margin takes on top of the worst scenario, by size alone: perpetuals and
 * futures, naked short options, collateral, and in IM whatever feeds of low confidence value.
 *
 * Exposures add up exactly per underlying; each term is rounded up once. A rate of IM is scaled by
 * λ first and rounded up to a millionth. */
#include "margin/internal.h"

#define PPM 1000000

static tn_lots magnitude(tn_lots quantity)
{
    return quantity < 0 ? -quantity : quantity;
}

static int64_t confidence_rate(const struct tn_risk *risk, int64_t confidence_ppm,
                               int64_t lambda_ppm)
{
    TN_ASSERT(confidence_ppm >= 0 && confidence_ppm <= PPM);
    if (confidence_ppm >= risk->confidence_floor_ppm) return 0;
    return tn_ppm_ceil(tn_ppm_ceil(PPM - confidence_ppm, risk->confidence_slope_ppm), lambda_ppm);
}

/* The least and the most of a series that the account may come to hold. */
struct reach {
    tn_lots least, most;
};

static struct reach reach_of(const struct tn_holding *holding, enum tn_margin_view view,
                             const struct tn_margin_order *filled)
{
    tn_lots quantity = holding->quantity;
    switch (view) {
        case TN_MARGIN_HELD: break;
        case TN_MARGIN_WORST:
            return (struct reach){quantity - holding->open_sell, quantity + holding->open_buy};
        case TN_MARGIN_FILLED:
            if (filled->series == holding->series) quantity += filled->quantity;
            break;
    }
    return (struct reach){quantity, quantity};
}

/* One strike's call and put, net: what of it is short is naked. */
struct strike {
    tn_micros strike_micros, spot_lot;
    tn_lots net;
};

static void close_strike(struct tn_margin_exposures *exposures, const struct strike *strike)
{
    if (strike->net < 0) exposures->naked += -strike->net * strike->spot_lot;
}

/* Of IM only. Perpetuals hang on the underlying's feed, all else on those of its expiry. */
static void add_confidence(struct tn_margin_exposures *exposures,
                           const struct tn_margin_market *market,
                           const struct tn_margin_expiry *expiry, tn_micros perpetuals,
                           tn_micros others)
{
    const struct tn_margin_underlying *underlying = &market->underlyings[expiry->underlying];
    int64_t lambda_ppm = underlying->lambda_ppm;
    if (perpetuals != 0)
        exposures->confidence += tn_ppm_ceil(
            perpetuals, confidence_rate(market->risk, underlying->confidence_ppm, lambda_ppm));
    if (others != 0)
        exposures->confidence +=
            tn_ppm_ceil(others, confidence_rate(market->risk, expiry->confidence_ppm, lambda_ppm));
}

void tn_margin_expose(struct tn_margin_exposures *exposures, const struct tn_margin_market *market,
                      const struct tn_holding *holdings, uint32_t count, enum tn_margin_view view,
                      const struct tn_margin_order *filled)
{
    tn_micros perpetuals = 0, others = 0;
    struct strike strike = {-1, 0, 0};
    TN_ASSERT(count > 0);
    for (uint32_t i = 0; i < count; i++) {
        const struct tn_margin_series *series = &market->series[holdings[i].series];
        struct reach reach = reach_of(&holdings[i], view, filled);
        tn_lots least = magnitude(reach.least), most = magnitude(reach.most);
        tn_micros value = (least > most ? least : most) * series->spot_lot;
        if (series->kind == TN_PERPETUAL)
            perpetuals += value;
        else
            others += value;
        if (tn_margin_is_linear(series)) {
            exposures->linear += value;
            continue;
        }
        if (series->strike_micros != strike.strike_micros) {
            TN_ASSERT(series->strike_micros > strike.strike_micros); /* holdings are in order */
            close_strike(exposures, &strike);
            strike = (struct strike){series->strike_micros, series->spot_lot, 0};
        }
        strike.net += reach.least;
    }
    close_strike(exposures, &strike);
    uint32_t expiry = market->series[holdings[0].series].expiry;
    add_confidence(exposures, market, &market->expiries[expiry], perpetuals, others);
}

struct tn_margin_contingency tn_margin_contingency_mm(const struct tn_margin_market *market,
                                                      const struct tn_margin_exposures *exposures)
{
    return (struct tn_margin_contingency){tn_ppm_ceil(exposures->linear, market->risk->perp_mm_ppm),
                                          tn_ppm_ceil(exposures->naked, market->risk->naked_mm_ppm),
                                          0};
}

struct tn_margin_contingency tn_margin_contingency_im(const struct tn_margin_market *market,
                                                      uint32_t underlying,
                                                      const struct tn_margin_exposures *exposures)
{
    const struct tn_risk *risk = market->risk;
    int64_t lambda_ppm = market->underlyings[underlying].lambda_ppm;
    int64_t linear_ppm = tn_ppm_ceil(risk->perp_mm_ppm + risk->perp_im_ppm, lambda_ppm);
    int64_t naked_ppm = tn_ppm_ceil(risk->naked_mm_ppm + risk->naked_im_ppm, lambda_ppm);
    return (struct tn_margin_contingency){tn_ppm_ceil(exposures->linear, linear_ppm),
                                          tn_ppm_ceil(exposures->naked, naked_ppm),
                                          exposures->confidence};
}

static int64_t at_most_all(int64_t rate_ppm)
{
    TN_ASSERT(rate_ppm >= 0);
    return rate_ppm < PPM ? rate_ppm : PPM;
}

void tn_margin_haircut(tn_micros *mm, tn_micros *im, const struct tn_margin_market *market,
                       uint32_t asset_index, tn_micros value)
{
    const struct tn_margin_asset *asset = &market->assets[asset_index];
    int64_t lambda_ppm = PPM;
    if (asset->underlying != TN_MARGIN_NO_UNDERLYING) {
        TN_ASSERT(asset->underlying < market->underlyings_count);
        lambda_ppm = market->underlyings[asset->underlying].lambda_ppm;
    }
    int64_t haircut_ppm = (int64_t)asset->mm_haircut_ppm + asset->im_haircut_ppm;
    int64_t doubt_ppm = confidence_rate(market->risk, asset->confidence_ppm, lambda_ppm);
    *mm = tn_ppm_ceil(value, at_most_all(asset->mm_haircut_ppm));
    *im = tn_ppm_ceil(value, at_most_all(tn_ppm_ceil(haircut_ppm, lambda_ppm))) +
          tn_ppm_ceil(value, doubt_ppm);
}
