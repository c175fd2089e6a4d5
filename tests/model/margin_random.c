/* Random markets and accounts for margin and its twin.
 *
 * Every number is drawn as the integer that the real thing takes. In most markets factors,
 * confidences and haircuts are drawn coarsely (λ and most of them in hundredths), so that their
 * products are whole in millionths: margin rounds up rates that λ has scaled, before they meet
 * money. In some, is_fine, they are not. */
#include "margin_random.h"

#include <math.h>
#include <string.h>

#define WINDOW_MS INT64_C(1800000)
#define DAY_MS    INT64_C(86400000)
#define E12       1e12

/* ---- Draws ---- */

static int64_t between(uint64_t *random, int64_t low, int64_t high)
{
    return low + (int64_t)tn_random_below(random, (uint64_t)(high - low) + 1);
}

static bool chance(uint64_t *random, uint32_t percent)
{
    return tn_random_below(random, 100) < percent;
}

static double uniform(uint64_t *random, double low, double high)
{
    return low + (high - low) * ((double)(tn_random_next(random) >> 11) * 0x1p-53);
}

/* A part of one, in steps of `step` millionths unless the market is fine. */
static int32_t random_part(const struct margin_pair *pair, uint64_t *random, int32_t most_ppm,
                           int32_t step)
{
    if (pair->is_fine) step = 1;
    return (int32_t)between(random, 0, most_ppm / step) * step;
}

static int32_t random_confidence(const struct margin_pair *pair, uint64_t *random)
{
    return chance(random, 70) ? 1000000 : random_part(pair, random, 1000000, 10000);
}

static double magnitude(uint64_t *random, double low, double high)
{
    return low * pow(high / low, uniform(random, 0, 1));
}

/* ---- Parameters ---- */

void margin_random_parameters(struct margin_twin_market *twin, const struct tn_risk *risk,
                              const struct tn_scenario *scenarios, uint32_t scenarios_count)
{
    struct margin_twin_parameters *parameters = &twin->parameters;
#define X(name, standard) parameters->name##_part = (long double)risk->name##_ppm / 1e6L;
    MARGIN_TWIN_PARAMETERS(X)
#undef X
    parameters->window_ms = (long double)risk->settlement_window_ms;
    parameters->lambda_interest_low = (long double)risk->lambda_interest_low_micros;
    parameters->lambda_interest_high = (long double)risk->lambda_interest_high_micros;
    parameters->band_ticks = (long double)risk->band_ticks;
    parameters->auction_first_ms = (long double)risk->auction_first_ms;
    parameters->auction_total_ms = (long double)risk->auction_total_ms;
    parameters->insolvent_rise = (long double)risk->insolvent_rise_ms;
    twin->scenarios_count = scenarios_count;
    for (uint32_t k = 0; k < scenarios_count; k++) {
        twin->scenarios[k].move = (long double)scenarios[k].move_ppm / 1e6L;
        twin->scenarios[k].damping = (long double)scenarios[k].damping_q30 * 0x1p-30L;
        twin->scenarios[k].vol = (enum tn_vol_shock)scenarios[k].vol;
        twin->scenarios[k].kind = (enum tn_scenario_kind)scenarios[k].kind;
    }
}

/* Half to one and a half times the standard value, in ten thousandths, inside of the bounds. */
static void vary(struct tn_risk *risk, uint64_t *random, uint32_t field)
{
    const struct tn_risk_field_info *info = tn_risk_field_info(field);
    int64_t value = info->standard / 100 * between(random, 50, 150);
    if (info->standard == 0) value = between(random, 0, 1000000);
    value = value / 10000 * 10000;
    if (value < info->least) value = info->least;
    if (value > info->most) value = info->most;
    *tn_risk_field(risk, field) = value;
}

static void random_scenarios(struct margin_pair *pair, uint64_t *random)
{
    pair->scenarios_count = (uint32_t)between(random, 1, TN_SCENARIOS_MAX);
    for (uint32_t k = 0; k < pair->scenarios_count; k++) {
        struct tn_scenario *scenario = &pair->scenarios[k];
        scenario->kind = (uint8_t)(chance(random, 85) ? 0 : between(random, 1, 2));
        scenario->vol = (uint8_t)(scenario->kind != 0 ? 0 : between(random, 0, 2));
        scenario->move_ppm = (int32_t)between(random, -500000, 500000);
        if (chance(random, 10)) scenario->move_ppm = (int32_t)between(random, -1000000, 5000000);
        scenario->damping_q30 = 1 << 30;
        if (chance(random, 30)) scenario->damping_q30 = (int32_t)between(random, 1, 1 << 30);
    }
}

static void random_risk(struct margin_pair *pair, uint64_t *random)
{
    tn_risk_default(&pair->risk, pair->scenarios, &pair->scenarios_count);
    if (chance(random, 60)) return;
    struct tn_risk risk = pair->risk;
    for (uint32_t field = TN_RISK_im_factor_ppm; field < TN_RISK_lambda_most_ppm; field++) {
        if (chance(random, 40)) vary(&risk, random, field);
    }
    if (tn_risk_check(&risk) == TN_RISK_FIELDS_COUNT) pair->risk = risk;
    if (chance(random, 60)) random_scenarios(pair, random);
}

/* ---- Expiries ---- */

/* Raw SVI with w(0) near vol²·τ: every length scales with √w. */
static void random_surface(struct tn_surface *surface, uint64_t *random, double forward,
                           int64_t left_ms)
{
    surface->tau_ms = left_ms + (chance(random, 50) ? 0 : between(random, 0, 60000));
    surface->forward_micros = (tn_micros)(forward * uniform(random, 0.998, 1.002));
    double vol = magnitude(random, 0.15, 2.0);
    double w = vol * vol * (double)surface->tau_ms / (365.0 * (double)DAY_MS);
    double root = sqrt(w);
    for (;;) {
        double b = fmin(root * uniform(random, 0.02, 0.8), 0.9);
        double rho = uniform(random, -0.9, 0.9);
        double m = root * uniform(random, -0.5, 0.5);
        double sigma = fmax(root * uniform(random, 0.2, 2.0), 1e-9);
        double a = w - b * (sqrt(m * m + sigma * sigma) - rho * m);
        surface->a_e12 = (int64_t)(a * E12);
        surface->b_e12 = (int64_t)(b * E12);
        surface->rho_e12 = (int64_t)(rho * E12);
        surface->m_e12 = (int64_t)(m * E12);
        surface->sigma_e12 = (int64_t)(sigma * E12);
        if (tn_surface_admitted(surface)) return;
    }
}

static void random_expiry(struct margin_pair *pair, uint64_t *random, uint32_t index,
                          int64_t left_ms)
{
    struct tn_margin_expiry *expiry = &pair->expiries[index];
    struct tn_price_expiry *priced = &pair->priced_expiries[index];
    double spot = (double)pair->underlyings[expiry->underlying].spot_micros;
    double forward = spot * exp(uniform(random, -0.1, 0.2) * (double)left_ms / 3e10);
    priced->left_ms = expiry->left_ms = left_ms;
    priced->variable_micros = (tn_micros)forward;
    priced->fixed_micros = 0;
    if (left_ms == 0) priced->variable_micros = (tn_micros)spot;
    if (left_ms > 0 && left_ms < WINDOW_MS) {
        double left = (double)left_ms / (double)WINDOW_MS;
        priced->variable_micros = (tn_micros)(forward * left);
        priced->fixed_micros = (tn_micros)(spot * uniform(random, 0.98, 1.02) * (1 - left));
    }
    if (chance(random, 25)) priced->rate_ppb = between(random, -30000000, 120000000);
    expiry->confidence_ppm = random_confidence(pair, random);
    if (left_ms > 0) random_surface(&priced->surface, random, forward, left_ms);
}

/* Times to expiry ascend: up to two inside of the window, then from an hour to two years. */
static void random_expiries(struct margin_pair *pair, uint64_t *random, uint16_t underlying,
                            uint32_t count)
{
    int64_t left_ms = 0;
    for (uint32_t i = 0; i <= count; i++) {
        uint32_t index = pair->market.expiries_count++;
        pair->expiries[index].underlying = underlying;
        random_expiry(pair, random, index, left_ms);
        if (i < 2 && chance(random, 20)) {
            left_ms += between(random, 1000, WINDOW_MS / 2 - 1);
        } else {
            left_ms += (int64_t)magnitude(random, 3.6e6, 1e10);
        }
    }
}

/* ---- Series ---- */

static void add_series(struct margin_pair *pair, uint32_t expiry, enum tn_series_kind kind,
                       tn_micros strike, int64_t lot, tn_micros mark)
{
    uint32_t index = pair->market.series_count++;
    const struct tn_price_expiry *priced = &pair->priced_expiries[expiry];
    uint16_t underlying = pair->expiries[expiry].underlying;
    tn_micros spot = pair->underlyings[underlying].spot_micros;
    tn_micros forward = priced->fixed_micros + priced->variable_micros;
    TN_ASSERT(index < MARGIN_TWIN_SERIES_MAX);
    pair->series[index] = (struct tn_margin_series){
        .underlying = underlying,
        .expiry = (uint16_t)expiry,
        .kind = (uint8_t)kind,
        .strike_micros = strike,
        .spot_lot = tn_mul_div_floor(spot, lot, 1000000),
        .forward_lot = tn_mul_div_floor(kind == TN_PERPETUAL ? spot : forward, lot, 1000000),
        .strike_lot = tn_mul_div_floor(strike, lot, 1000000),
    };
    pair->priced[index] = (struct tn_price_series){.kind = (uint8_t)kind,
                                                   .strike_micros = strike,
                                                   .lot_micro_units = lot,
                                                   .mark_micros = mark};
}

/* Strikes ascend by moneyness, whole in steps of 1/1000 of the magnitude of spot. */
static void add_options(struct margin_pair *pair, uint64_t *random, uint32_t expiry,
                        uint32_t strikes_max, tn_micros step, int64_t lot)
{
    const struct tn_price_expiry *priced = &pair->priced_expiries[expiry];
    double forward = (double)(priced->fixed_micros + priced->variable_micros);
    double width = sqrt((double)priced->left_ms / (365.0 * (double)DAY_MS));
    width = chance(random, 20) ? 0.7 : fmax(0.005, 2.5 * width);
    uint32_t count = (uint32_t)between(random, 1, strikes_max);
    tn_micros last = 0;
    for (uint32_t i = 0; i < count; i++) {
        double x = count == 1 ? 0 : width * (2.0 * i / (count - 1) - 1);
        tn_micros strike = (tn_micros)(forward * exp(x)) / step * step;
        if (strike <= last) strike = last + step;
        last = strike;
        bool call = chance(random, 90), put = chance(random, 90);
        if (call || !put) add_series(pair, expiry, TN_CALL, strike, lot, 0);
        if (put) add_series(pair, expiry, TN_PUT, strike, lot, 0);
    }
}

static void random_series(struct margin_pair *pair, uint64_t *random, uint32_t expiry,
                          const struct margin_random_limits *limits, const int64_t lots[2])
{
    uint32_t first = pair->market.series_count;
    tn_micros spot = pair->underlyings[pair->expiries[expiry].underlying].spot_micros;
    tn_micros step = 1000;
    while (step * 2000 < spot)
        step *= 10;
    if (pair->expiries[expiry].left_ms == 0) {
        tn_micros value = tn_mul_div_floor(spot, lots[1], 1000000);
        add_series(pair, expiry, TN_PERPETUAL, 0, lots[1],
                   (tn_micros)((double)value * uniform(random, 0.995, 1.005)));
    } else {
        if (chance(random, 60)) add_series(pair, expiry, TN_FUTURE, 0, lots[1], 0);
        add_options(pair, random, expiry, limits->strikes, step, lots[0]);
    }
    pair->first_series[expiry] = first;
    pair->series_of[expiry] = pair->market.series_count - first;
}

/* ---- Market ---- */

static void random_assets(struct margin_pair *pair, uint64_t *random)
{
    pair->market.assets_count = (uint32_t)between(random, 1, MARGIN_TWIN_ASSETS_MAX - 3);
    for (uint32_t i = 1; i < pair->market.assets_count; i++) {
        struct tn_margin_asset *asset = &pair->assets[i];
        asset->price_micros = (tn_micros)magnitude(random, 1e3, 1e11);
        asset->mm_haircut_ppm = random_part(pair, random, 200000, 100);
        asset->im_haircut_ppm = random_part(pair, random, 100000, 100);
        asset->confidence_ppm = random_confidence(pair, random);
        asset->underlying = TN_MARGIN_NO_UNDERLYING;
        if (chance(random, 60)) {
            asset->underlying = (uint16_t)tn_random_below(random, pair->market.underlyings_count);
        }
    }
}

static void random_underlying(struct margin_pair *pair, uint64_t *random, uint32_t index)
{
    struct tn_margin_underlying *underlying = &pair->underlyings[index];
    underlying->spot_micros = (tn_micros)magnitude(random, 5e5, 2e11);
    underlying->lambda_ppm = 1000000;
    if (chance(random, 40))
        underlying->lambda_ppm = 1000000 + random_part(pair, random, 1000000, 10000);
    underlying->confidence_ppm = random_confidence(pair, random);
}

static void shuffle(uint32_t *order, uint32_t count, uint64_t *random)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t other = (uint32_t)tn_random_below(random, i + 1);
        order[i] = order[other];
        order[other] = i;
    }
}

static void price_market(struct margin_pair *pair)
{
    struct tn_margin_market *market = &pair->market;
    for (uint32_t i = 0; i < market->expiries_count; i++) {
        const struct tn_price_expiry *priced = &pair->priced_expiries[i];
        uint32_t first = pair->first_series[i];
        tn_pricing_discounts(&pair->discounts[i], &pair->shocks, priced->left_ms, priced->rate_ppb);
        tn_margin_factors(&pair->expiries[i], market, &pair->discounts[i]);
        if (pair->series_of[i] == 0) continue;
        tn_pricing_rows(&pair->rows[first], &pair->marks[first], TN_CPU_BASE, &pair->shocks, priced,
                        &pair->priced[first], pair->series_of[i]);
    }
}

static void twin_expiry(struct margin_twin_expiry *twin, const struct tn_price_expiry *priced,
                        const struct tn_margin_expiry *expiry)
{
    const struct tn_surface *surface = &priced->surface;
    *twin = (struct margin_twin_expiry){
        .underlying = expiry->underlying,
        .a = (long double)surface->a_e12 / 1e12L,
        .b = (long double)surface->b_e12 / 1e12L,
        .rho = (long double)surface->rho_e12 / 1e12L,
        .m = (long double)surface->m_e12 / 1e12L,
        .sigma = (long double)surface->sigma_e12 / 1e12L,
        .fitted_forward = (long double)surface->forward_micros,
        .fitted_ms = (long double)surface->tau_ms,
        .fixed = (long double)priced->fixed_micros,
        .variable = (long double)priced->variable_micros,
        .left_ms = (long double)priced->left_ms,
        .rate = (long double)priced->rate_ppb / 1e9L,
        .confidence = (long double)expiry->confidence_ppm / 1e6L,
    };
}

static void twin_market(struct margin_pair *pair)
{
    const struct tn_margin_market *market = &pair->market;
    struct margin_twin_market *twin = &pair->twin;
    margin_random_parameters(twin, &pair->risk, pair->scenarios, pair->scenarios_count);
    twin->mm_factor = (long double)market->mm_factor_ppm / 1e6L;
    twin->stable = (long double)market->stable_ppm / 1e6L;
    twin->underlyings_count = market->underlyings_count;
    for (uint32_t i = 0; i < market->underlyings_count; i++) {
        const struct tn_margin_underlying *underlying = &pair->underlyings[i];
        twin->underlyings[i] = (struct margin_twin_underlying){
            (long double)underlying->spot_micros, (long double)underlying->lambda_ppm / 1e6L,
            (long double)underlying->confidence_ppm / 1e6L};
    }
    twin->expiries_count = market->expiries_count;
    for (uint32_t i = 0; i < market->expiries_count; i++)
        twin_expiry(&twin->expiries[i], &pair->priced_expiries[i], &pair->expiries[i]);
    twin->series_count = market->series_count;
    for (uint32_t i = 0; i < market->series_count; i++) {
        const struct tn_price_series *priced = &pair->priced[i];
        twin->series[i] = (struct margin_twin_series){pair->series[i].underlying,
                                                      pair->series[i].expiry,
                                                      (enum tn_series_kind)priced->kind,
                                                      (long double)priced->strike_micros,
                                                      (long double)priced->lot_micro_units / 1e6L,
                                                      (long double)priced->mark_micros};
    }
    twin->assets_count = market->assets_count;
    for (uint32_t i = 1; i < market->assets_count; i++) {
        const struct tn_margin_asset *asset = &pair->assets[i];
        bool moves = asset->underlying != TN_MARGIN_NO_UNDERLYING;
        twin->assets[i] = (struct margin_twin_asset){(long double)asset->price_micros / 1e6L,
                                                     (long double)asset->mm_haircut_ppm / 1e6L,
                                                     (long double)asset->im_haircut_ppm / 1e6L,
                                                     (long double)asset->confidence_ppm / 1e6L,
                                                     moves,
                                                     moves ? asset->underlying : 0};
    }
}

void margin_random_market(struct margin_pair *pair, uint64_t *random,
                          const struct margin_random_limits *limits)
{
    memset(pair, 0, sizeof *pair);
    struct tn_margin_market *market = &pair->market;
    pair->is_fine = chance(random, 25);
    random_risk(pair, random);
    TN_ASSERT(tn_risk_shocks(&pair->shocks, &pair->risk, pair->scenarios, pair->scenarios_count));
    *market = (struct tn_margin_market){.risk = &pair->risk,
                                        .shocks = &pair->shocks,
                                        .rows = (const int64_t(*)[TN_ROW_COLUMNS])pair->rows,
                                        .series = pair->series,
                                        .expiries = pair->expiries,
                                        .underlyings = pair->underlyings,
                                        .assets = pair->assets,
                                        .mm_factor_ppm = pair->risk.mm_factor_ppm,
                                        .stable_ppm = 1000000,
                                        .cpu = TN_CPU_BASE};
    if (chance(random, 40)) market->stable_ppm = 800000 + random_part(pair, random, 200000, 10000);
    market->underlyings_count = (uint32_t)between(random, 1, limits->underlyings);
    int64_t lots[MARGIN_TWIN_UNDERLYINGS_MAX][2];
    for (uint32_t i = 0; i < market->underlyings_count; i++) {
        random_underlying(pair, random, i);
        /* A lot is worth 1 to 1 000 dollars or so. */
        int64_t lot = 1000;
        while (pair->underlyings[i].spot_micros / 1000000 * lot < 1000000 && lot < 1000000000)
            lot *= 10;
        lots[i][0] = lot;
        lots[i][1] = chance(random, 50) ? lot : lot * 10;
        random_expiries(pair, random, (uint16_t)i, (uint32_t)between(random, 1, limits->expiries));
    }
    uint32_t order[MARGIN_TWIN_EXPIRIES_MAX];
    shuffle(order, market->expiries_count, random);
    for (uint32_t i = 0; i < market->expiries_count; i++)
        random_series(pair, random, order[i], limits, lots[pair->expiries[order[i]].underlying]);
    random_assets(pair, random);
    price_market(pair);
    twin_market(pair);
    margin_twin_build(&pair->twin);
}

static void share_weights(struct margin_twin_weights *twin, const struct tn_margin_weights *weights)
{
    for (uint32_t column = 0; column < TN_ROW_COLUMNS; column++) {
        twin->low[column] = (long double)weights->low[column] * 0x1p-30L;
        twin->high[column] = (long double)weights->high[column] * 0x1p-30L;
        twin->flat[column] = (long double)weights->flat[column] * 0x1p-30L;
    }
}

void margin_random_share(struct margin_pair *pair)
{
    struct margin_twin_table *table = &pair->twin.table;
    for (uint32_t i = 0; i < pair->market.series_count; i++) {
        table->spot_lot[i] = (long double)pair->series[i].spot_lot;
        table->forward_lot[i] = (long double)pair->series[i].forward_lot;
        table->strike_lot[i] = (long double)pair->series[i].strike_lot;
        for (uint32_t column = 0; column < TN_ROW_COLUMNS; column++)
            table->price[i][column] = (long double)pair->rows[i][column];
    }
    for (uint32_t i = 0; i < pair->market.expiries_count; i++) {
        share_weights(&table->weights[MARGIN_TWIN_IM][i], &pair->expiries[i].im);
        share_weights(&table->weights[MARGIN_TWIN_MM][i], &pair->expiries[i].mm);
    }
}

/* ---- Accounts ---- */

/* Up to 500 lots; of a whale, up to half of what margin takes at the series' highest price. */
static tn_lots random_quantity(uint64_t *random, const struct margin_pair *pair, uint32_t series,
                               bool is_whale)
{
    double most = 500;
    if (is_whale) {
        int64_t price = 1;
        for (uint32_t column = 0; column < TN_ROW_COLUMNS; column++) {
            if (pair->rows[series][column] > price) price = pair->rows[series][column];
        }
        most = fmin((double)(TN_MARGIN_VALUE_MAX / 2 / price), 1e9);
        most = fmax(most, 1);
    }
    tn_lots quantity = (tn_lots)magnitude(random, 1, most);
    return chance(random, 50) ? quantity : -quantity;
}

static void random_positions(tn_lots *quantities, uint64_t *random, const struct margin_pair *pair,
                             uint32_t positions_max, bool is_whale)
{
    uint32_t count = (uint32_t)between(random, 0, positions_max);
    uint32_t last = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t series = (uint32_t)tn_random_below(random, pair->market.series_count);
        if (i > 0 && !is_whale && chance(random, 40)) { /* a spread: the neighbour, the other way */
            series = (last + 1) % pair->market.series_count;
            quantities[series] = -quantities[last];
        } else {
            quantities[series] = random_quantity(random, pair, series, is_whale);
        }
        last = series;
    }
}

static void random_orders(struct margin_account_pair *account, uint64_t *random,
                          const struct margin_pair *pair, const struct margin_random_limits *limits,
                          bool is_whale)
{
    account->account.orders_count = (uint32_t)between(random, 0, limits->orders);
    account->account.groups_count = limits->caps ? (uint32_t)between(random, 1, 4) : 0;
    for (uint32_t g = 0; g < account->account.groups_count; g++)
        account->group_limits[g] = chance(random, 20) ? 0 : (tn_lots)magnitude(random, 1, 1000);
    for (uint32_t i = 0; i < account->account.orders_count; i++) {
        struct tn_margin_order *order = &account->orders[i];
        order->series = (uint32_t)tn_random_below(random, pair->market.series_count);
        order->quantity = random_quantity(random, pair, order->series, is_whale);
        double mark = (double)pair->rows[order->series][TN_COLUMN_MARK];
        double away = chance(random, 20) ? 0.5 : 0.03;
        order->price_micros = 1 + (tn_micros)(mark * uniform(random, 1 - away, 1 + away));
        double value = (double)order->price_micros * fabs((double)order->quantity);
        order->fee_micros = (tn_micros)(value * uniform(random, 0, 0.01));
        if (account->account.groups_count > 0 && chance(random, 70))
            order->group = (uint32_t)between(random, 1, account->account.groups_count);
    }
}

/* In the order of holdings, which margin walks along. */
static void sort_orders(struct margin_account_pair *account, const struct margin_pair *pair)
{
    for (uint32_t i = 1; i < account->account.orders_count; i++) {
        struct tn_margin_order order = account->orders[i];
        uint32_t expiry = pair->series[order.series].expiry;
        uint32_t place = i;
        for (; place > 0; place--) {
            const struct tn_margin_order *before = &account->orders[place - 1];
            uint32_t other = pair->series[before->series].expiry;
            if (other < expiry || (other == expiry && before->series <= order.series)) break;
            account->orders[place] = *before;
        }
        account->orders[place] = order;
    }
}

/* Ascending by underlying and expiry (their indices ascend so), strike, kind. */
static void list_holdings(struct margin_account_pair *account, const struct margin_pair *pair,
                          const tn_lots *quantities)
{
    tn_lots buys[MARGIN_TWIN_SERIES_MAX] = {0}, sells[MARGIN_TWIN_SERIES_MAX] = {0};
    for (uint32_t i = 0; i < account->account.orders_count; i++) {
        const struct tn_margin_order *order = &account->orders[i];
        if (order->quantity > 0) buys[order->series] += order->quantity;
        if (order->quantity < 0) sells[order->series] -= order->quantity;
    }
    uint32_t count = 0;
    for (uint32_t e = 0; e < pair->market.expiries_count; e++) {
        uint32_t first = pair->first_series[e];
        for (uint32_t i = first; i < first + pair->series_of[e]; i++) {
            if (quantities[i] == 0 && buys[i] == 0 && sells[i] == 0) continue;
            TN_ASSERT(count < TN_MARGIN_POSITIONS_MAX);
            account->holdings[count++] = (struct tn_holding){i, quantities[i], buys[i], sells[i]};
        }
    }
    account->account.holdings_count = count;
}

static void twin_account(struct margin_account_pair *pair, const tn_lots *quantities,
                         uint32_t series_count)
{
    const struct tn_margin_account *account = &pair->account;
    struct margin_twin_account *twin = &pair->twin;
    memset(twin, 0, sizeof *twin);
    twin->standard = account->model == TN_MARGIN_STANDARD;
    twin->cash = (long double)account->cash;
    for (uint32_t i = 1; i < MARGIN_TWIN_ASSETS_MAX; i++)
        twin->balances[i] = (long double)account->balances[i];
    for (uint32_t i = 0; i < series_count; i++)
        twin->quantities[i] = (long double)quantities[i];
    twin->orders_count = account->orders_count;
    for (uint32_t i = 0; i < account->orders_count; i++) {
        const struct tn_margin_order *order = &pair->orders[i];
        twin->orders[i] = (struct margin_twin_order){
            order->series, order->group, (long double)order->quantity,
            (long double)order->price_micros, (long double)order->fee_micros};
    }
    for (uint32_t g = 0; g < account->groups_count; g++)
        twin->group_limits[g] = (long double)pair->group_limits[g];
}

void margin_random_account(struct margin_account_pair *account, uint64_t *random,
                           const struct margin_pair *pair,
                           const struct margin_random_limits *limits)
{
    static tn_lots quantities[MARGIN_TWIN_SERIES_MAX];
    memset(quantities, 0, sizeof quantities);
    memset(account, 0, sizeof *account);
    account->account = (struct tn_margin_account){
        .model =
            chance(random, limits->standard_percent) ? TN_MARGIN_STANDARD : TN_MARGIN_PORTFOLIO,
        .cash = between(random, -INT64_C(10000000000000), INT64_C(10000000000000)),
        .holdings = account->holdings,
        .orders = account->orders,
        .group_limits = account->group_limits};
    for (uint32_t i = 1; i < pair->market.assets_count; i++) {
        double value = chance(random, 40) ? 0 : magnitude(random, 1e6, 1e12);
        double price = (double)pair->assets[i].price_micros / 1e6;
        account->account.balances[i] = (tn_micros)(value / price);
    }
    bool is_whale = chance(random, 15);
    random_positions(quantities, random, pair, limits->positions, is_whale);
    random_orders(account, random, pair, limits, is_whale);
    sort_orders(account, pair);
    list_holdings(account, pair, quantities);
    twin_account(account, quantities, pair->market.series_count);
}
