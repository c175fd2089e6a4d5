/* margin_random: random markets and accounts, each for the real margin and for its twin at once.
 *
 * The integers of the real thing are drawn; the twin's numbers are the same values as reals. What
 * is drawn is realistic in shape (surfaces from total variance, strikes by moneyness) and unusual
 * in mix: expiries inside of the settlement window, low confidences, a weak cash asset, λ above 1,
 * hedged and naked books, collateral that moves with an underlying. */
#ifndef MARGIN_RANDOM_H
#define MARGIN_RANDOM_H

#include "margin_twin.h"
#include "tenor/margin.h"

/* What a market or account may be at most. */
struct margin_random_limits {
    uint32_t underlyings, expiries, strikes; /* each at least 1 */
    uint32_t positions, orders;
    bool caps;                 /* orders may stand in groups with a limit */
    uint32_t standard_percent; /* of accounts */
};

struct margin_pair {
    struct tn_risk risk;
    struct tn_scenario scenarios[TN_SCENARIOS_MAX];
    uint32_t scenarios_count;
    struct tn_shocks shocks;
    _Alignas(64) int64_t rows[MARGIN_TWIN_SERIES_MAX][TN_ROW_COLUMNS];
    struct tn_price_mark marks[MARGIN_TWIN_SERIES_MAX];
    struct tn_price_series priced[MARGIN_TWIN_SERIES_MAX]; /* in the order of series */
    struct tn_margin_series series[MARGIN_TWIN_SERIES_MAX];
    struct tn_price_expiry priced_expiries[MARGIN_TWIN_EXPIRIES_MAX];
    struct tn_discounts discounts[MARGIN_TWIN_EXPIRIES_MAX];
    struct tn_margin_expiry expiries[MARGIN_TWIN_EXPIRIES_MAX];
    struct tn_margin_underlying underlyings[MARGIN_TWIN_UNDERLYINGS_MAX];
    struct tn_margin_asset assets[MARGIN_TWIN_ASSETS_MAX];
    struct tn_margin_market market;
    /* Series of an expiry follow one another; expiries stand in any order. */
    uint32_t first_series[MARGIN_TWIN_EXPIRIES_MAX], series_of[MARGIN_TWIN_EXPIRIES_MAX];
    /* Rates that λ scales are not whole in millionths: there margin rounds them up. */
    bool is_fine;
    struct margin_twin_market twin;
};

struct margin_account_pair {
    struct tn_holding holdings[TN_MARGIN_POSITIONS_MAX];
    struct tn_margin_order orders[MARGIN_TWIN_ORDERS_MAX];
    tn_lots group_limits[MARGIN_TWIN_GROUPS_MAX];
    struct tn_margin_account account;
    struct margin_twin_account twin;
};

/* The twin's parameters from the real ones. */
void margin_random_parameters(struct margin_twin_market *twin, const struct tn_risk *risk,
                              const struct tn_scenario *scenarios, uint32_t scenarios_count);

/* The twin's table is its own; margin_random_share puts the real integers in its place. */
void margin_random_market(struct margin_pair *pair, uint64_t *random,
                          const struct margin_random_limits *limits);
void margin_random_share(struct margin_pair *pair);

/* Prices of orders come from the rows: the market first. */
void margin_random_account(struct margin_account_pair *account, uint64_t *random,
                           const struct margin_pair *pair,
                           const struct margin_random_limits *limits);

#endif
