/* The exchange's risk records: feeds, expiries, scenario rows, accounts under margin, liquidation.
 * All of it is in one struct that exists only where limits.expiries_max > 0; the rules are in
 * docs/specs/risk.md.
 *
 * Who writes what: feeds.c stores reports and takes medians; mark.c turns them, at a MARK, into
 * marks, rows and weights; remargin.c judges accounts, in the sweep or before they act;
 * liquidate.c, seize.c and deleverage.c wind down those that fail; holdings.c keeps each account's
 * positions in the order in which margin reads them. */
#ifndef TENOR_EXCHANGE_RISK_H
#define TENOR_EXCHANGE_RISK_H

#include "exchange/internal.h"
#include "tenor/margin.h"

enum { HOLDINGS_PER_CHUNK = 10, GROUPS_PER_ACCOUNT_MAX = 256 };

/* The last report of one signer on one feed; sequence 0 = none yet. */
struct stored {
    uint64_t sequence;
    int64_t time_ms;
    int64_t value;
    int32_t confidence_ppm;
};

/* What a feed says after the medians: the value in use, how old it is (the feed_signers_min
 * freshest reports were observed then or later), and a value that jumped and waits to be confirmed
 * by the next MARK. Of a surface the value is its volatility at the money, in ppm. */
struct reading {
    int64_t value;
    int64_t time_ms;
    int64_t held;           /* a jump, seen once; 0 = none */
    int32_t reported_ppm;   /* confidence as reported */
    int32_t confidence_ppm; /* the same, decayed by age at the last MARK */
    uint8_t freshness;      /* enum tn_freshness at the last MARK */
    bool seen;
};

/* A perpetual's slot (day 0) or an expiry of an underlying. Slots of settled expiries are reused.
 */
struct expiry {
    uint16_t underlying; /* index */
    uint16_t day;        /* 0: the perpetual's */
    bool used;
    bool priced;    /* has rows and weights, of the last MARK at which its feeds were not stale */
    bool unsettled; /* expired, and the average lacks cover: waits for a price by SETTLE */
    uint8_t freshness;        /* of its options: see tn_exchange_freshness */
    uint8_t freshness_linear; /* of its future or perpetual */
    bool inconsistent;        /* its surface contradicts the one before it beyond repair */
    int64_t expiry_ms;        /* INT64_MAX of a perpetual's */
    struct reading forward, vol, rate;
    struct tn_surface adopted; /* as reported */
    struct tn_surface surface; /* the same, repaired at the last MARK: what prices are made of */
    tn_micros fixed_micros, variable_micros; /* of the settlement average, at the last MARK */
    tn_i128 spot_integral;                   /* Σ spot × ms inside the window */
    int64_t covered_ms;                      /* of it with fresh spot */
    int64_t integrated_until_ms;
    uint32_t series_head, series_count; /* through struct series.expiry_next */
    uint32_t next;                      /* of the underlying's expiries, by day */
};

/* What an underlying needs beyond struct underlying. */
struct risk_underlying {
    struct reading spot;
    uint32_t expiries_head; /* its used slots by day, the perpetual's (day 0) first */
    uint32_t perpetual;     /* its series, or TN_NONE */
    int64_t premium_micros; /* EWMA of (impact mid − spot), of one unit */
    int64_t premium_time_ms;
    int64_t variance_e12;    /* EWMA of squared returns per year */
    tn_micros variance_spot; /* spot of the last MARK that had one, 0 = none, and its time */
    int64_t variance_ms;
    int64_t lambda_ppm;
    tn_micros interest_micros; /* open interest at spot, at the last MARK */
    tn_micros largest_micros;  /* the largest account's, found by the sweep that runs */
    tn_micros largest_before;  /* by the one that ended: what λ reads */
};

/* An account under margin; beside struct account, same index. */
struct guard {
    uint32_t mark;                     /* number of the last MARK at which it was judged */
    uint32_t holdings, holdings_count; /* first chunk */
    uint8_t model;                     /* enum tn_margin_model */
    uint8_t liquidation;               /* enum tn_liquidation */
    bool fee_taken;
    uint8_t
        columns[2];   /* the worst scenarios then, by underlying: not state, but soon asked again */
    int64_t stage_ms; /* when its present stage began */
    int64_t second_ms; /* the second for which slices are counted, and what they freed in it */
    tn_micros freed_micros;
    tn_micros received_micros; /* C of the auction: cash that bids have paid in */
    tn_micros paid_micros;     /* what insurance has paid for it in this episode */
    int64_t called_until_ms;   /* margin call, 0 = none */
    int64_t interest_ms;       /* until when it has paid interest; 0: nothing is borrowed */
    tn_micros borrowed_micros; /* max(0, −CE) when last judged: part of risk.borrowed_micros */
    tn_micros debt_share;      /* |MM| when last judged if E < 0: part of risk.gate_micros */
    /* As of the last judgement: what the liquidation list is sorted by, ADL ranks and views show.
     */
    tn_micros equity, mm, m;
};

/* A piece of an account's holdings: holdings.c. */
struct chunk {
    LINES uint32_t next;
    uint32_t account;
    uint32_t series[HOLDINGS_PER_CHUNK];
    tn_lots quantities[HOLDINGS_PER_CHUNK];
};

/* An account whose MM is below zero. Two in a cache line. */
struct listed {
    tn_micros mm, requirement; /* as of the sweep */
    uint32_t account;
    /* listed.c: places of worse and of better ones below it in the order, and how many the worse
     * ones are. */
    uint32_t below[2], before;
};

/* cushion.c: caches, not state; of the epoch that sums have, all of it. */
struct cushion {
    uint32_t epoch;
    bool is_known;         /* beside_cash is one */
    bool is_worn;          /* orders are counted roughly, or a position changed since then */
    bool has_sums;         /* sums.c may keep some of the account */
    bool was_exact;        /* its orders were gone over one by one */
    tn_micros beside_cash; /* m is at least this and the account's cash */
};
struct worst {
    uint32_t epoch;
    tn_micros mark;       /* of one lot */
    tn_micros per_lot[2]; /* by side */
};

struct pending_risk {
    uint64_t height; /* 0 = none waits */
    struct tn_risk risk;
    struct tn_scenario scenarios[TN_SCENARIOS_MAX];
    uint32_t scenarios_count;
};

struct risk {
    struct tn_risk parameters;
    struct tn_scenario scenarios[TN_SCENARIOS_MAX];
    uint32_t scenarios_count;
    struct tn_shocks shocks;
    struct pending_risk pending;
    uint64_t version;
    uint32_t signers_active; /* bit signer − 1 */

    uint32_t mark; /* number of the last MARK, 0 before the first */
    int64_t mark_ms;
    int64_t mm_factor_ppm, mm_factor_before_ppm, mm_factor_hour; /* the factor and its last step */
    int64_t mm_factor_next_ppm; /* what it will be from the next hour on: known an hour ahead */
    uint16_t listing_underlying, listing_day; /* the expiry that listing by rule looked at last */
    struct reading stable;

    /* By limits: [expiries_max + accounts… ]. */
    struct expiry *expiries;
    struct risk_underlying *underlyings;
    struct stored *spot_reports;    /* [underlyings_max][signers_max] */
    struct stored *stable_reports;  /* [signers_max] */
    struct stored *forward_reports; /* [expiries_max][signers_max] */
    struct stored *rate_reports;
    struct stored *vol_reports;      /* value unused */
    struct tn_surface *surfaces;     /* [expiries_max][signers_max] */
    int64_t (*rows)[TN_ROW_COLUMNS]; /* [series_max] */
    int64_t (*rows_scratch)[TN_ROW_COLUMNS];
    struct tn_price_series *price_scratch; /* [series_max] */
    struct tn_price_mark *mark_scratch;
    uint32_t *series_scratch;
    struct tn_margin_series *margin_series;
    struct tn_margin_expiry *margin_expiries;
    struct tn_margin_underlying *margin_underlyings;
    struct tn_margin_briefs briefs; /* a cache, like sums; of the epoch that they have */
    uint32_t briefs_epoch;
    struct tn_margin_asset margin_assets[TN_MARGIN_ASSETS_MAX];
    uint16_t asset_underlying[TN_MARGIN_ASSETS_MAX]; /* number, 0 = worth 1 */
    uint32_t im_haircut_ppm[TN_MARGIN_ASSETS_MAX];
    struct guard *guards; /* [accounts_max] */
    uint64_t *wound[2];   /* wound.c: who is wound down, and which words of that are not zero */
    struct chunk *chunks;
    tn_lots (*opens)[2]; /* by place, by side */
    uint32_t chunks_max, chunks_used, chunks_free;
    /* Scratch of one evaluation. */
    struct tn_holding *scratch_holdings;
    struct tn_margin_order *scratch_orders; /* [orders_max + CHANGES_MAX] */
    uint32_t *scratch_slots;                /* beside them */
    uint32_t *scratch_candidates;           /* [orders_max] */
    struct tn_holding *scratch_filled;
    struct tn_margin_order *scratch_sorted; /* the same orders as margin takes them */
    uint32_t *scratch_starts;               /* [holdings + 1] */
    uint32_t *scratch_places;               /* [series_max]: of a series among the holdings */
    struct tn_margin_note *scratch_notes;   /* [underlyings_max] */
    tn_lots scratch_limits[GROUPS_PER_ACCOUNT_MAX];
    uint32_t scratch_groups[GROUPS_PER_ACCOUNT_MAX];

    /* sums.c: a cache, not state. */
    struct kept *kept;
    uint32_t sums_sets, sums_epoch, sums_turn;
    struct cushion *cushions; /* [accounts_max] */
    struct worst *worsts;     /* [series_max] */

    /* The sweep of the last MARK: accounts from `cursor` on are not judged yet. */
    uint32_t cursor;
    bool sweeping;
    tn_micros borrowed_micros; /* Σ max(0, −CE) */
    tn_micros gate_micros;     /* Σ |MM| over accounts with E < 0 */

    /* Accounts to wind down, in the places at which the sweep listed them; worst first from its end
     * on, when LIQ works them. The order is kept as they come, from its root on; TN_NONE: nobody is
     * listed, or the list was read from a state after a sweep's end, and places are the order. */
    struct listed *list; /* [accounts_max] */
    uint32_t list_count, list_cursor, list_root;
    bool list_sorted;
};

/* The list from some rank on: worst first if it is sorted, else as accounts came. */
enum { LIST_DEPTH_MOST = 80 }; /* of its order: 2.41 times the logarithm of 2^32 */
struct list_walk {
    const struct listed *list;
    bool by_place;
    uint32_t place, end; /* if so */
    uint32_t path[LIST_DEPTH_MOST], depth;
};

/* An account copied into scratch. */
struct gathered {
    struct tn_margin_account account;
};

/* Does margin count this order? It stands in its book, open and triggered. */
static inline bool tn_exchange_order_counts(const struct tn_exchange *exchange, uint32_t slot)
{
    return !exchange->orders[slot].waiting && exchange->resting[slot].level != TN_NONE &&
           open_of(exchange, slot) > 0;
}

/* An account's cushion in the present epoch. */
static inline struct cushion *tn_exchange_cushion_of(const struct risk *risk, uint32_t account)
{
    struct cushion *cushion = &risk->cushions[account];
    if (cushion->epoch != risk->sums_epoch) *cushion = (struct cushion){.epoch = risk->sums_epoch};
    return cushion;
}

/* holdings.c */
/* What holdings ascend by. */
uint64_t tn_exchange_holding_key(const struct tn_exchange *exchange, uint32_t series);
uint32_t tn_exchange_copy_holdings(const struct tn_exchange *exchange, struct tn_holding *out,
                                   uint32_t account);
/* Starts loading where an exposure's holding was last. */
static inline void tn_exchange_load_holding(const struct tn_exchange *exchange,
                                            const struct exposure *exposure)
{
    const struct risk *risk = exchange->risk;
    const struct chunk *chunk = &risk->chunks[exposure->holding / HOLDINGS_PER_CHUNK];
    tn_prefetch(chunk);
    tn_prefetch(&chunk->quantities[exposure->holding % HOLDINGS_PER_CHUNK]);
    tn_prefetch(&risk->opens[exposure->holding]);
}
struct tn_holding *tn_exchange_scratch_holding(const struct tn_exchange *exchange,
                                               struct tn_holding *holdings, uint32_t *count,
                                               uint32_t series);

/* evaluate.c: what an account is worth. */
void tn_exchange_risk_market(const struct tn_exchange *exchange, struct tn_margin_market *market);
/* With these changes made (changes_count 0: as it stands). Uses scratch; changes nothing. */
void tn_exchange_evaluate(const struct tn_exchange *exchange, struct tn_margin_result *result,
                          uint32_t account, const struct change *changes, uint32_t changes_count);
/* The same; details: NULL, or one for each underlying of the market, zeroed. */
void tn_exchange_evaluate_in_detail(const struct tn_exchange *exchange,
                                    struct tn_margin_result *result,
                                    struct tn_margin_detail *details, uint32_t account,
                                    const struct change *changes, uint32_t changes_count);
/* As it stands; what was seen besides is in scratch_notes. */
void tn_exchange_evaluate_account(const struct tn_exchange *exchange,
                                  struct tn_margin_result *result, uint32_t account);
/* In steps: gathered orders are risk->scratch_orders, their slots beside them; an order may be
 * dropped (the last one takes its place). */
tn_micros tn_exchange_accrued_funding(const struct tn_exchange *exchange, uint32_t account);
/* Of a collateral asset an account has as much as it has, but margin counts no more of it than is
 * worth 2^58 micros: past that its arithmetic would not hold. */
int64_t tn_exchange_countable(int64_t balance, tn_micros price_micros);
void tn_exchange_gather(const struct tn_exchange *exchange, struct gathered *gathered,
                        uint32_t account);
void tn_exchange_gathered_drop(const struct tn_exchange *exchange, struct gathered *gathered,
                               uint32_t index);
void tn_exchange_evaluate_gathered(const struct tn_exchange *exchange,
                                   struct tn_margin_result *result, struct gathered *gathered);

/* An account's cash and holdings, with changes made, in scratch; no orders. */
void tn_exchange_view_changed(const struct tn_exchange *exchange, struct tn_margin_account *view,
                              uint32_t account, const struct change *changes,
                              uint32_t changes_count);

/* Of that account the orders of groups with a quantity limit, with the changes made, as margin
 * takes them: view->orders, with the limits, but view->orders_count stays. Returns how many. */
uint32_t tn_exchange_gather_limited(const struct tn_exchange *exchange,
                                    struct tn_margin_account *view, uint32_t account,
                                    const struct change *changes, uint32_t changes_count);

/* sums.c */
uint32_t tn_exchange_sums_sets(const struct tn_exchange_limits *limits);
size_t tn_exchange_sums_size(const struct tn_exchange_limits *limits);
bool tn_exchange_quick_bound(const struct tn_exchange *exchange, tn_micros *m, uint32_t account,
                             const struct change *changes, uint32_t changes_count);
bool tn_exchange_quick_m(const struct tn_exchange *exchange, tn_micros *m, uint32_t account,
                         const struct change *changes, uint32_t changes_count);
void tn_exchange_check_sums(const struct tn_exchange *exchange);

/* cushion.c: true: m is not negative with the changes made, and nobody winds the account down;
 * false: it may or may not be so. */
bool tn_exchange_cushion_bears(const struct tn_exchange *exchange, uint32_t account,
                               const struct change *changes, uint32_t changes_count);
void tn_exchange_cushion_term(struct tn_exchange *exchange, uint32_t slot, bool is_added);
void tn_exchange_cushion_position(struct tn_exchange *exchange, uint32_t account, uint32_t index,
                                  tn_lots change);
/* The account was just worked out as it stands, its holdings are in scratch. */
void tn_exchange_cushion_judged(const struct tn_exchange *exchange, uint32_t account, tn_micros im);
void tn_exchange_check_cushions(const struct tn_exchange *exchange);

/* equity.c: m with the changes made, of the kept sums (margin.md, "Kept sums"), and of the orders
 * of groups with limits, which relieve it. Who is refused again and again, or takes out a micro at
 * a time, then costs as little as who passes, however many orders it has. */
tn_micros tn_exchange_m(const struct tn_exchange *exchange, uint32_t account,
                        const struct change *changes, uint32_t changes_count);
/* How far below zero the cash equity of an account may fall now; do the changes touch a series
 * whose feeds are late? */
tn_micros tn_exchange_may_owe(const struct tn_exchange *exchange, uint32_t account);
bool tn_exchange_is_late(const struct tn_exchange *exchange, const struct change *changes,
                         uint32_t changes_count);

/* remargin.c: keeps what an evaluation said of an account. */
void tn_exchange_note_result(struct tn_exchange *exchange, uint32_t account,
                             const struct tn_margin_result *result);

/* risk.c: memory and defaults */
size_t tn_exchange_risk_lay_out(struct risk *risk, unsigned char *memory, size_t used,
                                const struct tn_exchange_limits *limits);
void tn_exchange_risk_init(struct tn_exchange *exchange);

/* feeds.c, surface.c: medians at a MARK. mark.c: everything a MARK does but the sweep. */
bool tn_exchange_mark_due(const struct tn_exchange *exchange, int64_t time_ms);
void tn_exchange_mark(struct tn_exchange *exchange);
/* When rows, weights and the epoch of sums are those of the MARK. */
void tn_exchange_brief(struct tn_exchange *exchange);

/* market.c, settle.c: what MARKS, INDEX and SETTLE entries do, for mark.c and expire.c */
void tn_exchange_set_series_mark(struct tn_exchange *exchange, uint32_t series,
                                 const struct tn_mark *mark);
bool tn_exchange_set_index(struct tn_exchange *exchange, uint16_t underlying, tn_micros price);
void tn_exchange_settle_expiry(struct tn_exchange *exchange, uint16_t underlying_number,
                               uint16_t day, tn_micros price);

/* listed.c: adding takes time by the logarithm of the count, ending none, of the places' marks
 * apart. What walks reads a list that does not change meanwhile. */
void tn_exchange_list_add(struct tn_exchange *exchange, uint32_t account,
                          const struct tn_margin_result *result);
void tn_exchange_list_end(struct tn_exchange *exchange); /* it is sorted */
void tn_exchange_list_clear(struct tn_exchange *exchange);
void tn_exchange_list_import(struct risk *risk); /* its places were read */
void tn_exchange_list_walk(struct list_walk *walk, const struct risk *risk, uint32_t from);
const struct listed *tn_exchange_list_next(struct list_walk *walk); /* NULL: no more */
void tn_exchange_check_list(const struct risk *risk);

/* liquidate.c: an account that fails is listed when it is judged, unless that ends it. */
void tn_exchange_list_account(struct tn_exchange *exchange, uint32_t account,
                              const struct tn_margin_result *result);
/* What cash equity lacks to the least that it may fall to; 0 = nothing. Such an account fails too.
 */
tn_micros tn_exchange_overdrawn(const struct tn_exchange *exchange,
                                const struct tn_margin_result *result);
/* BM: what MM has beyond the buffer at which a liquidation ends; below zero while cash equity lacks
 * anything. */
tn_micros tn_exchange_buffer(const struct tn_exchange *exchange,
                             const struct tn_margin_result *result);
void tn_exchange_set_stage(struct tn_exchange *exchange, uint32_t account,
                           enum tn_liquidation stage, const struct tn_margin_result *result);
void tn_exchange_move_stage(struct tn_exchange *exchange, uint32_t account,
                            const struct tn_margin_result *result);
bool tn_exchange_has_positions(const struct tn_exchange *exchange, uint32_t account);
/* wound.c: after an account's stage may have changed. */
void tn_exchange_note_wound(struct tn_exchange *exchange, uint32_t account);
/* The first account from `from` on that is wound down, or TN_NONE; *looked grows by the words that
 * were read, at most one for each 4 096 accounts and two more. */
uint32_t tn_exchange_next_wound(const struct tn_exchange *exchange, uint32_t *looked,
                                uint32_t from);
size_t tn_exchange_wound_words(uint32_t accounts_max, uint32_t level);
void tn_exchange_check_wound(const struct tn_exchange *exchange);

/* seize.c: the auction. */
void tn_exchange_take_auction_fee(struct tn_exchange *exchange, uint32_t account);
/* rank.c: what deleveraging takes the holders of a side by, highest first. */
int64_t tn_exchange_rank_at(const struct tn_exchange *exchange, const struct exposure *exposure);

/* deleverage.c: what a MARK does to accounts at the end of the waterfall, before its sweep. */
void tn_exchange_liquidations_at_mark(struct tn_exchange *exchange);
/* An account without positions owes: insurance pays, and what it lacks is debt. */
void tn_exchange_absorb(struct tn_exchange *exchange, uint32_t account,
                        const struct tn_margin_result *result);
void tn_exchange_pay_back(struct tn_exchange *exchange, uint32_t account,
                          struct tn_margin_result *result);
/* A position (signed lots) of an account moves to another and is booked there at a price per lot;
 * with `pays` cash goes the other way. Both exposures are made if need be. */
void tn_exchange_reassign(struct tn_exchange *exchange, uint32_t from, uint32_t to, uint32_t series,
                          tn_lots quantity, tn_micros price_micros, bool pays);

#endif
