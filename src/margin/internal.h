/* margin/internal: what the files of this module share. */
#ifndef TENOR_MARGIN_INTERNAL_H
#define TENOR_MARGIN_INTERNAL_H

#include "tenor/margin.h"

/* Standard margin of an account (tn_margin_evaluate takes either model and comes here). */
void tn_margin_standard(struct tn_margin_result *result, const struct tn_margin_market *market,
                        const struct tn_margin_account *account);
/* Its MM and E alone, without orders: all that the sweep asks. */
void tn_margin_standard_maintenance(tn_micros *mm, tn_micros *equity,
                                    const struct tn_margin_market *market,
                                    const struct tn_margin_account *account);

/* Portfolio margin of an account, with orders or in detail. */
void tn_margin_portfolio(struct tn_margin_result *result, struct tn_margin_detail *details,
                         const struct tn_margin_market *market,
                         const struct tn_margin_account *account);

/* tn_margin_sums_total by way of the positions: of one order, or of groups with limits. */
tn_micros tn_margin_portfolio_total(const struct tn_margin_market *market,
                                    const struct tn_margin_account *account,
                                    struct tn_margin_sums *const *sums, uint32_t sums_count);

/* ---- Arithmetic over columns, for one set of instructions (columns.h) --------------------------
 * Only scenario columns count in what all but add write. is_new: what is added to is 0, whatever
 * stands there. */

/* An order as the columns see it. */
struct tn_margin_path_order {
    const int64_t *row;
    tn_lots quantity;
    tn_micros mark; /* of the whole quantity */
    tn_micros gain;
    bool is_linear; /* no discounts, and no other direction in skew scenarios */
};

/* The positions of one underlying beside IM's weights. */
enum { TN_MARGIN_SCAN_EXPIRIES = 16 };
struct tn_margin_scan {
    _Alignas(64) int64_t sums[TN_MARGIN_SCAN_EXPIRIES][TN_ROW_COLUMNS]; /* of options */
    int64_t linear[TN_ROW_COLUMNS]; /* change of what is linear */
    const struct tn_margin_expiry *expiries[TN_MARGIN_SCAN_EXPIRIES];
    uint32_t count;
    bool has_linear;
};

/* The same beside briefs: holdings of one expiry, futures and perpetuals first. */
struct tn_margin_run {
    const struct tn_holding *holdings;
    const struct tn_margin_expiry *expiry;
    tn_micros options;           /* Σ n·mark of its options, in micros … */
    tn_micros value;             /* … and in the scenario that was the worst before */
    int64_t mark;                /* the first in units */
    uint32_t linear, count;      /* of the holdings: so many linear ones, and all */
    uint32_t loss_q32, rise_q32; /* 1 − L and H − 1 */
};
struct tn_margin_search {
    struct tn_margin_run runs[TN_MARGIN_SCAN_EXPIRIES];
    const struct tn_margin_brief *briefs;
    const uint32_t *flat;          /* of the underlying's scale */
    int64_t linear_mark, all_mark; /* Σ n·mark in units */
    int64_t apart;                 /* how far from the worst a suspect may be */
    uint32_t runs_count, shift;
};

struct tn_margin_path {
    /* sum += Σ quantity × row, in all columns */
    void (*add)(int64_t sum[TN_ROW_COLUMNS], const int64_t (*rows)[TN_ROW_COLUMNS],
                const struct tn_holding *holdings, uint32_t count, bool is_new);
    /* pnl += floor(min(low·V, high·V) − flat·M), in skew scenarios the lower of that and of
     * floor(flat·M − flat·V) */
    void (*fold)(int64_t pnl[TN_ROW_COLUMNS], const int64_t sum[TN_ROW_COLUMNS],
                 const struct tn_margin_weights *weights, bool is_new);
    /* the same, for IM and MM at once */
    void (*fold_both)(int64_t im[TN_ROW_COLUMNS], int64_t mm[TN_ROW_COLUMNS],
                      const int64_t sum[TN_ROW_COLUMNS], const struct tn_margin_expiry *expiry,
                      bool is_new);
    /* A bit for each scenario that may be the worst of IM or of MM, if that is a loss; all ones
     * where it cannot tell. times: IM's factor over MM's, rounded up. */
    uint64_t (*suspects)(const struct tn_margin_scan *scan, int64_t times);
    /* The same from briefs, by their places. */
    uint64_t (*search)(const struct tn_margin_search *search);
    /* pnl += floor(flat·change) */
    void (*linear)(int64_t pnl[TN_ROW_COLUMNS], const int64_t change[TN_ROW_COLUMNS],
                   const struct tn_margin_weights *weights, bool is_new);
    /* low += min(0, floor(low·qP − flat·q·mark) + gain), high likewise, and in skew scenarios back
     * += min(0, floor(flat·q·mark − flat·qP) + gain); or −= */
    void (*order)(struct tn_margin_sums *sums, const struct tn_margin_path_order *order,
                  bool is_added, const struct tn_margin_weights *weights);
    /* pnl as in fold; change += by how much the orders' terms lower it: the lowest of both c and of
     * the other direction, each with its own terms */
    void (*fold_orders)(int64_t pnl[TN_ROW_COLUMNS], int64_t change[TN_ROW_COLUMNS],
                        const struct tn_margin_sums *sums, const struct tn_margin_weights *weights,
                        bool is_new);
    /* bound += both of these */
    void (*fold_bound)(int64_t bound[TN_ROW_COLUMNS], const struct tn_margin_sums *sums,
                       const struct tn_margin_weights *weights, bool is_new);
    /* bound = both of these with one order more or less */
    void (*preview)(int64_t bound[TN_ROW_COLUMNS], const struct tn_margin_sums *sums,
                    const struct tn_margin_path_order *order, bool is_added,
                    const struct tn_margin_weights *weights);
    /* pnl += more */
    void (*gather)(int64_t pnl[TN_ROW_COLUMNS], const int64_t more[TN_ROW_COLUMNS], bool is_new);
    /* the least of the first pnl, or of pnl + change where change is not NULL */
    tn_micros (*least)(const int64_t pnl[TN_ROW_COLUMNS], const int64_t change[TN_ROW_COLUMNS],
                       uint32_t count);
    /* the least of the first columns' sums over all of these */
    tn_micros (*least_of)(const int64_t *const *pnls, uint32_t pnls_count, uint32_t count);
};
const struct tn_margin_path *tn_margin_path_base(void);
const struct tn_margin_path *tn_margin_path_avx2(void);
const struct tn_margin_path *tn_margin_path_avx512(void);

static inline const struct tn_margin_path *tn_margin_path_of(enum tn_cpu cpu)
{
    switch (cpu) {
        case TN_CPU_AVX2: return tn_margin_path_avx2();
        case TN_CPU_AVX512: return tn_margin_path_avx512();
        case TN_CPU_BASE: break;
    }
    return tn_margin_path_base();
}

static inline tn_micros min_of(tn_micros a, tn_micros b)
{
    return a < b ? a : b;
}

/* floor(weight·value / 2^30) */
static inline tn_micros tn_margin_weigh(int64_t weight, tn_micros value)
{
    return (tn_micros)(((tn_i128)weight * value) >> 30);
}

/* What an expiry's options come to in scenario k, by their value there and at the mark. */
static inline tn_micros tn_margin_pnl(const struct tn_margin_weights *weights, int64_t value,
                                      int64_t mark, uint32_t k)
{
    int64_t flat = weights->flat[k], weight = (value < 0 ? weights->high : weights->low)[k];
    tn_micros pnl = (tn_micros)(((tn_i128)weight * value - (tn_i128)flat * mark) >> 30);
    if ((weights->skews >> k & 1) == 0) return pnl;
    tn_micros back = tn_margin_weigh(flat, mark - value);
    return back < pnl ? back : pnl;
}

static inline bool tn_margin_is_linear(const struct tn_margin_series *series)
{
    return series->kind == TN_PERPETUAL || series->kind == TN_FUTURE;
}

/* Weight of losses in ppm: of MM, and of IM of an underlying. */
int64_t tn_margin_im_factor_ppm(const struct tn_margin_market *market, int64_t lambda_ppm);
/* The weights of an underlying without discounts: only their `flat` is of use, to linear value. */
void tn_margin_flat_weights(struct tn_margin_weights *weights,
                            const struct tn_margin_market *market, int64_t factor_ppm);

/* The worse end of the basis bracket. */
static inline tn_micros tn_margin_basis(tn_micros up, tn_micros down,
                                        const struct tn_margin_weights *weights)
{
    tn_micros least = up < down ? up : down;
    return tn_margin_weigh(weights->flat[TN_COLUMN_UP], least < 0 ? least : 0);
}

/* ---- Contingencies (contingency.c) -------------------------------------------------------------
 * Which quantities they see: the position, or what orders may make of it. */
enum tn_margin_view { TN_MARGIN_HELD, TN_MARGIN_WORST, TN_MARGIN_FILLED };

/* Exposures of one underlying, in micros at spot. */
struct tn_margin_exposures {
    tn_micros linear, naked; /* Σ |n|·S of perpetuals and futures; of naked short options */
    tn_micros confidence;    /* the terms themselves, rounded up each */
};

struct tn_margin_contingency {
    tn_micros linear, naked, confidence;
};

static inline tn_micros tn_margin_contingency_total(struct tn_margin_contingency contingency)
{
    return contingency.linear + contingency.naked + contingency.confidence;
}

/* Of the holdings of one expiry; `filled` is read for the FILLED view. */
struct tn_margin_exposures tn_margin_expose(const struct tn_margin_market *market,
                                            const struct tn_holding *holdings, uint32_t count,
                                            enum tn_margin_view view,
                                            const struct tn_margin_order *filled);
struct tn_margin_contingency tn_margin_contingency_mm(const struct tn_margin_market *market,
                                                      const struct tn_margin_exposures *exposures);
struct tn_margin_contingency tn_margin_contingency_im(const struct tn_margin_market *market,
                                                      uint32_t underlying,
                                                      const struct tn_margin_exposures *exposures);
/* Haircuts of so much of an asset. */
void tn_margin_haircut(tn_micros *mm, tn_micros *im, const struct tn_margin_market *market,
                       uint32_t asset, tn_micros value);

/* ---- Collateral (collateral.c) -----------------------------------------------------------------
 * What an account has of each asset but cash, at its price. */
struct tn_margin_collateral {
    tn_micros value, mm, im; /* value; haircuts, ≥ 0 */
    tn_micros floors[TN_MARGIN_ASSETS_MAX], ceilings[TN_MARGIN_ASSETS_MAX];
    bool is_any;
};
void tn_margin_take_collateral(struct tn_margin_collateral *collateral,
                               const struct tn_margin_market *market,
                               const struct tn_margin_account *account);
/* Is there any that moves with this underlying? */
bool tn_margin_collateral_moves(const struct tn_margin_collateral *collateral,
                                const struct tn_margin_market *market, uint32_t underlying);
/* Adds how its value changes in each scenario. */
void tn_margin_move_collateral(int64_t linear[TN_ROW_COLUMNS],
                               const struct tn_margin_collateral *collateral,
                               const struct tn_margin_market *market, uint32_t underlying);

/* ---- Lots --------------------------------------------------------------------------------------
 * Counts the next `count` holdings. */
static inline void tn_margin_count_lots(const struct tn_margin_market *market,
                                        const struct tn_margin_account *account, uint32_t first,
                                        uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++) {
        const struct tn_holding *holding = &account->holdings[i];
        const struct tn_margin_series *series = &market->series[holding->series];
        struct tn_margin_note *note = &account->notes[series->underlying];
        *(tn_margin_is_linear(series) ? &note->linear : &note->options) +=
            holding->quantity < 0 ? -holding->quantity : holding->quantity;
    }
}

/* ---- Accounts without open orders (held.c) -----------------------------------------------------
 */

/* Worked out without going through every scenario: the same numbers as tn_margin_portfolio's. */
void tn_margin_held(struct tn_margin_result *result, const struct tn_margin_market *market,
                    const struct tn_margin_account *account);

/* ---- Briefs (held_brief.c) ---------------------------------------------------------------------
 * What one underlying of an account comes to, worked out beside briefs. */
struct tn_margin_part {
    tn_micros linear_mark, options; /* Σ n·mark */
    tn_micros im, mm;               /* worst less contingencies */
    struct tn_margin_note note;     /* its column: in and out */
};
/* Of the holdings from `first` on, which are of this underlying. Returns the place after them; 0:
 * briefs cannot tell. */
uint32_t tn_margin_held_brief(struct tn_margin_part *part, const struct tn_margin_market *market,
                              const struct tn_margin_account *account, uint32_t underlying,
                              uint32_t first);

/* ---- Open orders of one underlying (orders.c) --------------------------------------------------
 * How far orders may lower each number of an underlying below what it is without them. */
struct tn_margin_bound {
    _Alignas(64) int64_t pnl[TN_ROW_COLUMNS];
    tn_micros basis;
    tn_micros zero; /* where nothing moves */
};

/* What the trade itself gains at the mark, after its fee: q·(mark − limit) − fee. */
tn_micros tn_margin_order_gain(const struct tn_margin_market *market,
                               const struct tn_margin_order *order);

/* Adds an expiry with orders: to pnl what its positions are worth, to the bound what orders do. */
void tn_margin_bound_expiry(struct tn_margin_bound *bound, int64_t pnl[TN_ROW_COLUMNS], bool is_new,
                            const struct tn_margin_path *path, const struct tn_margin_sums *sums,
                            const struct tn_margin_weights *weights);

/* The least that the bracket and an expiry's orders in it come to. */
static inline tn_micros tn_margin_basis_bound(const struct tn_margin_sums *sums,
                                              const struct tn_margin_weights *weights)
{
    int64_t weight = weights->flat[TN_COLUMN_UP];
    tn_micros up = tn_margin_weigh(weight, sums->up) + sums->up_terms;
    tn_micros down = tn_margin_weigh(weight, sums->down) + sums->down_terms;
    tn_micros least = up < down ? up : down;
    return least < sums->zero_terms ? least : sums->zero_terms;
}

/* Adds what one order does when it is filled. The linear part is the caller's. */
void tn_margin_bound_filled(struct tn_margin_bound *bound, const struct tn_margin_market *market,
                            const struct tn_margin_order *order, const struct tn_margin_sums *sums,
                            const struct tn_margin_weights *weights);

/* Adds what the orders of limited groups may do at most, over all expiries of the underlying. */
void tn_margin_bound_groups(struct tn_margin_bound *bound, const struct tn_margin_market *market,
                            const struct tn_margin_account *account,
                            const struct tn_margin_order *orders, uint32_t count);

static inline bool tn_margin_is_limited(const struct tn_margin_account *account,
                                        const struct tn_margin_order *order)
{
    return order->group != 0 && account->group_limits[order->group - 1] != 0;
}

static inline bool tn_margin_has_limits(const struct tn_margin_account *account)
{
    for (uint32_t g = 0; g < account->groups_count; g++)
        if (account->group_limits[g] != 0) return true;
    return false;
}

/* ---- Sums (sums.c) -----------------------------------------------------------------------------
 * Of tn_margin_sums_start what one evaluation needs: its orders' terms in the first so many columns
 * are none. */
void tn_margin_sums_start_terms(struct tn_margin_sums *sums, uint32_t count);

#endif
