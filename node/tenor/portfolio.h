/* portfolio: a portfolio file as the integers of whatif.h. docs/what-if.md is its manual. */
#ifndef NODE_TENOR_PORTFOLIO_H
#define NODE_TENOR_PORTFOLIO_H

#include "reader.h"
#include "tenor/whatif.h"

#define PORTFOLIO_NAME_SIZE 33 /* of a group or an asset */

/* How many decimals each unit of the file holds. */
enum { DIGITS_MONEY = 6, DIGITS_PPM = 6, DIGITS_PPB = 9, DIGITS_SURFACE = 12 };

/* A series that positions and orders name; sorted by its key, the order that margin wants. */
struct portfolio_series {
    uint64_t key; /* underlying, expiry day, strike, kind */
    uint64_t id;
};

struct portfolio {
    int64_t now_ms;
    struct tn_whatif whatif; /* points into what follows */
    struct tn_risk risk;
    struct tn_scenario scenarios[TN_SCENARIOS_MAX];
    uint32_t scenarios_count;

    char symbols[TN_WHATIF_UNDERLYINGS_MAX][TN_SYMBOL_SIZE];
    struct tn_whatif_underlying underlyings[TN_WHATIF_UNDERLYINGS_MAX];
    uint32_t underlyings_count;
    struct tn_whatif_expiry expiries[TN_WHATIF_EXPIRIES_MAX];
    uint16_t expiry_days[TN_WHATIF_EXPIRIES_MAX];
    const json_t *vols[TN_WHATIF_EXPIRIES_MAX]; /* of the document; NULL: none */
    uint32_t expiries_count;

    struct portfolio_series names[TN_WHATIF_SERIES_MAX];
    struct tn_whatif_series series[TN_WHATIF_SERIES_MAX];
    uint32_t series_count;
    uint64_t position_ids[TN_MARGIN_POSITIONS_MAX]; /* as in the file, until series are sorted */
    uint64_t order_ids[TN_WHATIF_ORDERS_MAX];
    struct tn_whatif_position positions[TN_MARGIN_POSITIONS_MAX];
    uint32_t position_places[TN_MARGIN_POSITIONS_MAX]; /* where in the file each stands */
    uint32_t positions_count;
    struct tn_margin_order orders[TN_WHATIF_ORDERS_MAX];
    uint32_t orders_count;
    char groups[TN_WHATIF_GROUPS_MAX][PORTFOLIO_NAME_SIZE];
    tn_lots group_limits[TN_WHATIF_GROUPS_MAX];
    uint32_t groups_count;
    char asset_names[TN_MARGIN_ASSETS_MAX][PORTFOLIO_NAME_SIZE];
    struct tn_margin_asset assets[TN_MARGIN_ASSETS_MAX];
    uint32_t assets_count;
};

/* portfolio_read fills in a zeroed portfolio from a document, which must outlive the call only.
 * What is wrong is in the reader. */
void portfolio_read(struct portfolio *portfolio, struct reader *reader, json_t *root);

/* portfolio_blame turns what whatif found into a complaint with a place. */
void portfolio_blame(const struct portfolio *portfolio, struct reader *reader,
                     const struct tn_whatif_fault *fault);

/* The name of series i, of expiry i ("BTC-25DEC26"). */
const char *portfolio_series_name(const struct portfolio *portfolio, char out[TN_SERIES_NAME_SIZE],
                                  uint32_t series);
const char *portfolio_expiry_name(const struct portfolio *portfolio, char out[TN_SERIES_NAME_SIZE],
                                  uint32_t expiry);

/* Names, by the symbols of the file. */
bool portfolio_parse(const struct portfolio *portfolio, uint64_t *id, const char *name);
void portfolio_name(const struct portfolio *portfolio, char out[TN_SERIES_NAME_SIZE], uint64_t id);

/* The parts of portfolio_read. */
void portfolio_read_parameters(struct portfolio *portfolio, struct reader *reader,
                               const struct node *root);
void portfolio_read_market(struct portfolio *portfolio, struct reader *reader,
                           const struct node *root);
void portfolio_read_account(struct portfolio *portfolio, struct reader *reader,
                            const struct node *root);
/* The expiry of a series id; UINT32_MAX when the file has no such expiry. */
uint32_t portfolio_expiry_of(const struct portfolio *portfolio, uint64_t id);
/* The volatility of its own that an option's expiry gives it, if any. */
int64_t portfolio_vol_ppb(const struct portfolio *portfolio, struct reader *reader, uint32_t expiry,
                          uint64_t id);
/* Millionths of a unit in one lot of a series. */
int64_t portfolio_lot(const struct portfolio *portfolio, uint64_t id);

#define WORDS(list) list, sizeof(list) / sizeof(list)[0]

#endif
