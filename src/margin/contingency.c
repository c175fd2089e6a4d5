/* contingency: what margin takes on top of the worst scenario, by size alone: perpetuals and
 * futures, naked short options, collateral, and in IM whatever feeds of low confidence value.
 *
 * Exposures add up exactly per underlying; each term is rounded up once, with λ in it where it is
 * IM's. */
#include "margin/internal.h"

#define PPM 1000000

static tn_lots magnitude(tn_lots quantity)
{
    return quantity < 0 ? -quantity : quantity;
}

/* value × rate ÷ 10^12, rounded up; at the usual λ of 1 the rate is whole in millionths. */
static tn_micros e12_ceil(tn_micros value, int64_t rate_e12)
{
    TN_ASSERT(value >= 0 && rate_e12 >= 0);
    if (value == 0) return 0;
    if (rate_e12 % PPM == 0) return tn_ppm_ceil(value, rate_e12 / PPM);
    tn_u128 product = (tn_u128)(uint64_t)value * (uint64_t)rate_e12;
    return (tn_micros)((product + (UINT64_C(1000000000000) - 1)) / UINT64_C(1000000000000));
}

/* value × (1 − c) × slope × λ, rounded up: below 2^57, 2^20, 2^23 and 2^21. */
static tn_micros doubt(const struct tn_risk *risk, tn_micros value, int64_t confidence_ppm,
                       int64_t lambda_ppm)
{
    TN_ASSERT(confidence_ppm >= 0 && confidence_ppm <= PPM && value >= 0);
    if (confidence_ppm >= risk->confidence_floor_ppm || value == 0) return 0;
    int64_t rate_e12 = (PPM - confidence_ppm) * risk->confidence_slope_ppm;
    tn_u128 divisor = (tn_u128)PPM * PPM * PPM;
    tn_u128 product = (tn_u128)(uint64_t)value * (uint64_t)rate_e12 * (uint64_t)lambda_ppm;
    return (tn_micros)((product + divisor - 1) / divisor);
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
static tn_micros naked_of(tn_lots net, tn_micros spot_lot)
{
    return net < 0 ? -net * spot_lot : 0;
}

/* Σ |n|·spot, by what it counts for, of the holdings of one expiry. */
struct sizes {
    tn_micros perpetuals, futures, naked;
    uint32_t linear; /* how many are */
};

static tn_lots larger(struct reach reach)
{
    tn_lots least = magnitude(reach.least), most = magnitude(reach.most);
    return least > most ? least : most;
}

/* Linear ones come first: their strike is 0. */
static inline void size_linear(struct sizes *sizes, const struct tn_margin_market *market,
                               const struct tn_holding *holdings, uint32_t count,
                               enum tn_margin_view view, const struct tn_margin_order *filled)
{
    uint32_t i = 0;
    for (; i < count; i++) {
        const struct tn_margin_series *series = &market->series[holdings[i].series];
        if (!tn_margin_is_linear(series)) break;
        tn_micros value = larger(reach_of(&holdings[i], view, filled)) * series->spot_lot;
        if (series->kind == TN_PERPETUAL)
            sizes->perpetuals += value;
        else
            sizes->futures += value;
    }
    sizes->linear = i;
}

static inline void size_options(struct sizes *sizes, const struct tn_margin_market *market,
                                const struct tn_holding *holdings, uint32_t count,
                                enum tn_margin_view view, const struct tn_margin_order *filled)
{
    tn_micros strike = -1, spot_lot = 0;
    tn_lots net = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct tn_margin_series *series = &market->series[holdings[i].series];
        if (series->strike_micros != strike) {
            TN_ASSERT(series->strike_micros > strike); /* holdings are in order */
            sizes->naked += naked_of(net, spot_lot);
            strike = series->strike_micros;
            spot_lot = series->spot_lot;
            net = 0;
        }
        net += reach_of(&holdings[i], view, filled).least;
    }
    sizes->naked += naked_of(net, spot_lot);
}

static inline void size_up(struct sizes *sizes, const struct tn_margin_market *market,
                           const struct tn_holding *holdings, uint32_t count,
                           enum tn_margin_view view, const struct tn_margin_order *filled)
{
    size_linear(sizes, market, holdings, count, view, filled);
    size_options(sizes, market, holdings + sizes->linear, count - sizes->linear, view, filled);
}

/* Σ |n|·spot of options: only low confidence asks for it. */
static tn_micros size_of_options(const struct tn_margin_market *market,
                                 const struct tn_holding *holdings, uint32_t count,
                                 enum tn_margin_view view, const struct tn_margin_order *filled)
{
    tn_micros size = 0;
    for (uint32_t i = 0; i < count; i++) {
        size += larger(reach_of(&holdings[i], view, filled)) *
                market->series[holdings[i].series].spot_lot;
    }
    return size;
}

/* Perpetuals hang on the underlying's feed, all else on those of its expiry. */
static tn_micros confidence_of(const struct tn_margin_market *market, const struct sizes *sizes,
                               const struct tn_holding *holdings, uint32_t count,
                               enum tn_margin_view view, const struct tn_margin_order *filled)
{
    const struct tn_risk *risk = market->risk;
    const struct tn_margin_expiry *expiry =
        &market->expiries[market->series[holdings[0].series].expiry];
    const struct tn_margin_underlying *underlying = &market->underlyings[expiry->underlying];
    tn_micros terms =
        doubt(risk, sizes->perpetuals, underlying->confidence_ppm, underlying->lambda_ppm);
    if (expiry->confidence_ppm >= risk->confidence_floor_ppm) return terms;
    tn_micros options =
        size_of_options(market, holdings + sizes->linear, count - sizes->linear, view, filled);
    return terms +
           doubt(risk, sizes->futures + options, expiry->confidence_ppm, underlying->lambda_ppm);
}

struct tn_margin_exposures tn_margin_expose(const struct tn_margin_market *market,
                                            const struct tn_holding *holdings, uint32_t count,
                                            enum tn_margin_view view,
                                            const struct tn_margin_order *filled)
{
    struct sizes sizes = {0, 0, 0, 0};
    TN_ASSERT(count > 0);
    switch (view) { /* each its own copy of the loops */
        case TN_MARGIN_HELD: size_up(&sizes, market, holdings, count, TN_MARGIN_HELD, NULL); break;
        case TN_MARGIN_WORST:
            size_up(&sizes, market, holdings, count, TN_MARGIN_WORST, NULL);
            break;
        case TN_MARGIN_FILLED:
            size_up(&sizes, market, holdings, count, TN_MARGIN_FILLED, filled);
            break;
    }
    return (struct tn_margin_exposures){
        sizes.perpetuals + sizes.futures, sizes.naked,
        confidence_of(market, &sizes, holdings, count, view, filled)};
}

struct tn_margin_contingency tn_margin_contingency_mm(const struct tn_margin_market *market,
                                                      const struct tn_margin_exposures *exposures)
{
    const struct tn_risk *risk = market->risk;
    struct tn_margin_contingency contingency = {0, 0, 0};
    if (exposures->linear != 0)
        contingency.linear = tn_ppm_ceil(exposures->linear, risk->perp_mm_ppm);
    if (exposures->naked != 0)
        contingency.naked = tn_ppm_ceil(exposures->naked, risk->naked_mm_ppm);
    return contingency;
}

struct tn_margin_contingency tn_margin_contingency_im(const struct tn_margin_market *market,
                                                      uint32_t underlying,
                                                      const struct tn_margin_exposures *exposures)
{
    const struct tn_risk *risk = market->risk;
    int64_t lambda_ppm = market->underlyings[underlying].lambda_ppm;
    int64_t linear_ppm = risk->perp_mm_ppm + risk->perp_im_ppm;
    int64_t naked_ppm = risk->naked_mm_ppm + risk->naked_im_ppm;
    return (struct tn_margin_contingency){e12_ceil(exposures->linear, linear_ppm * lambda_ppm),
                                          e12_ceil(exposures->naked, naked_ppm * lambda_ppm),
                                          exposures->confidence};
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
    TN_ASSERT(asset->mm_haircut_ppm >= 0 && asset->im_haircut_ppm >= 0);
    int64_t haircut_ppm = (int64_t)asset->mm_haircut_ppm + asset->im_haircut_ppm;
    int64_t haircut_e12 = haircut_ppm * lambda_ppm, all_e12 = (int64_t)PPM * PPM;
    *mm = tn_ppm_ceil(value, asset->mm_haircut_ppm < PPM ? asset->mm_haircut_ppm : PPM);
    *im = e12_ceil(value, haircut_e12 < all_e12 ? haircut_e12 : all_e12) +
          doubt(market->risk, value, asset->confidence_ppm, lambda_ppm);
}
