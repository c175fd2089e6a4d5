/* held: portfolio margin of an account without open orders, which is what a sweep asks of most.
 *
 * The rules are portfolio.c's, and so is every number. But only the worst scenario's number is
 * wanted, so scenarios are first worked out roughly (columns_scan.h), IM's alone, and exactly only
 * where one may be the worst; most often that is a single one. Where nearly all may be, as in an
 * account that hardly holds anything, or where nothing is known of the weights' factors, all are
 * worked out. One walk over the holdings finds their expiries, sizes and sums. */
#include "margin/internal.h"

#include <string.h>

enum { SUSPECTS_MAX = 5 };

/* One underlying of the account, while the walk is in it. */
struct unit {
    struct tn_margin_scan scan;
    _Alignas(64) int64_t im[TN_ROW_COLUMNS], mm[TN_ROW_COLUMNS]; /* of what is folded */
    bool is_folded;                        /* so many expiries that some were folded already */
    const struct tn_margin_expiry *expiry; /* the last one met: all share the flat weights */
    tn_micros im_basis, mm_basis;
    struct tn_margin_exposures exposures;
};

struct walk {
    const struct tn_margin_market *market;
    const struct tn_margin_account *account;
    const struct tn_margin_path *path;
    struct tn_margin_collateral collateral;
    uint32_t underlying, next;
    tn_micros linear_mark, options, im, mm;
};

static inline const struct tn_margin_series *series_at(const struct walk *walk, uint32_t place)
{
    uint32_t series = walk->account->holdings[place].series;
    TN_ASSERT(series < walk->market->series_count);
    return &walk->market->series[series];
}

/* ---- One expiry --------------------------------------------------------------------------------
 */

/* What the bracket changes of an expiry's positions. */
struct bracket {
    tn_micros up, down;
};

/* Futures and perpetuals come first. Returns the place after them. */
static uint32_t take_linear(struct unit *unit, struct bracket *bracket, const struct walk *walk,
                            uint16_t expiry)
{
    const struct tn_margin_account *account = walk->account;
    uint32_t place = walk->next;
    for (; place < account->holdings_count; place++) {
        const struct tn_margin_series *series = series_at(walk, place);
        if (series->expiry != expiry || !tn_margin_is_linear(series)) break;
        const struct tn_holding *holding = &account->holdings[place];
        const int64_t *row = walk->market->rows[holding->series];
        tn_lots lots = holding->quantity;
        bracket->up += lots * (row[TN_COLUMN_UP] - row[TN_COLUMN_MARK]);
        bracket->down += lots * (row[TN_COLUMN_DOWN] - row[TN_COLUMN_MARK]);
        unit->exposures.linear += (lots < 0 ? -lots : lots) * series->spot_lot;
    }
    if (place == walk->next) return place;
    walk->path->add(unit->scan.linear, walk->market->rows, account->holdings + walk->next,
                    place - walk->next, !unit->scan.has_linear);
    unit->scan.has_linear = true;
    return place;
}

/* Returns the place after the options of the expiry, and adds what of them is short at its strike.
 */
static uint32_t take_naked(struct unit *unit, const struct walk *walk, uint32_t place,
                           uint16_t expiry)
{
    tn_micros strike = -1, spot_lot = 0, naked = 0;
    tn_lots net = 0;
    for (; place < walk->account->holdings_count; place++) {
        const struct tn_margin_series *series = series_at(walk, place);
        if (series->expiry != expiry) break;
        if (series->strike_micros != strike) {
            TN_ASSERT(series->strike_micros > strike); /* holdings are in order */
            naked -= (net < 0 ? net : 0) * spot_lot;
            strike = series->strike_micros;
            spot_lot = series->spot_lot;
            net = 0;
        }
        net += walk->account->holdings[place].quantity;
    }
    unit->exposures.naked += naked - (net < 0 ? net : 0) * spot_lot;
    return place;
}

/* Terms of low confidence are rare. */
static void take_confidence(struct unit *unit, const struct walk *walk, uint32_t count)
{
    const struct tn_margin_market *market = walk->market;
    int64_t floor_ppm = market->risk->confidence_floor_ppm;
    if (unit->expiry->confidence_ppm >= floor_ppm &&
        market->underlyings[walk->underlying].confidence_ppm >= floor_ppm) {
        return;
    }
    unit->exposures.confidence +=
        tn_margin_expose(market, walk->account->holdings + walk->next, count, TN_MARGIN_HELD, NULL)
            .confidence;
}

/* Works out everything that the scan holds, and empties it. */
static void fold(struct unit *unit, const struct walk *walk)
{
    struct tn_margin_scan *scan = &unit->scan;
    for (uint32_t e = 0; e < scan->count; e++) {
        walk->path->fold_both(unit->im, unit->mm, scan->sums[e], scan->expiries[e],
                              !unit->is_folded);
        unit->is_folded = true;
    }
    scan->count = 0;
}

static void take_options(struct unit *unit, struct bracket *bracket, struct walk *walk,
                         uint32_t place, uint32_t count)
{
    struct tn_margin_scan *scan = &unit->scan;
    if (scan->count == TN_MARGIN_SCAN_EXPIRIES) fold(unit, walk);
    int64_t *sum = scan->sums[scan->count];
    walk->path->add(sum, walk->market->rows, walk->account->holdings + place, count, true);
    scan->expiries[scan->count++] = unit->expiry;
    walk->options += sum[TN_COLUMN_MARK];
    bracket->up += sum[TN_COLUMN_UP] - sum[TN_COLUMN_MARK];
    bracket->down += sum[TN_COLUMN_DOWN] - sum[TN_COLUMN_MARK];
}

static void take_expiry(struct unit *unit, struct walk *walk, uint16_t expiry)
{
    struct bracket bracket = {0, 0};
    TN_ASSERT(expiry < walk->market->expiries_count);
    unit->expiry = &walk->market->expiries[expiry];
    TN_ASSERT(unit->expiry->underlying == walk->underlying);
    uint32_t options = take_linear(unit, &bracket, walk, expiry);
    uint32_t end = take_naked(unit, walk, options, expiry);
    TN_ASSERT(end > walk->next);
    take_confidence(unit, walk, end - walk->next);
    if (end > options) take_options(unit, &bracket, walk, options, end - options);
    unit->im_basis += tn_margin_basis(bracket.up, bracket.down, &unit->expiry->im);
    unit->mm_basis += tn_margin_basis(bracket.up, bracket.down, &unit->expiry->mm);
    walk->next = end;
}

/* ---- One underlying ----------------------------------------------------------------------------
 */

/* What moves with spot counts by how much it changes; its value at the mark is cash equity. */
static void settle_linear(struct unit *unit, struct walk *walk)
{
    struct tn_margin_scan *scan = &unit->scan;
    const struct tn_margin_market *market = walk->market;
    if (scan->has_linear) {
        tn_micros mark = scan->linear[TN_COLUMN_MARK];
        walk->linear_mark += mark;
        for (uint32_t k = 0; k < TN_ROW_COLUMNS; k++)
            scan->linear[k] -= mark;
    }
    if (!tn_margin_collateral_moves(&walk->collateral, market, walk->underlying)) return;
    if (!scan->has_linear) memset(scan->linear, 0, sizeof scan->linear);
    scan->has_linear = true;
    tn_margin_move_collateral(scan->linear, &walk->collateral, market, walk->underlying);
}

/* The worst of IM and of MM: no more than 0. */
struct worst {
    tn_micros im, mm;
};

static void question(struct worst *worst, const struct unit *unit, uint64_t suspects)
{
    const struct tn_margin_scan *scan = &unit->scan;
    for (; suspects != 0; suspects &= suspects - 1) {
        uint32_t k = (uint32_t)__builtin_ctzll(suspects);
        tn_micros im = 0, mm = 0;
        if (scan->has_linear) {
            im = tn_margin_weigh(unit->expiry->im.flat[k], scan->linear[k]);
            mm = tn_margin_weigh(unit->expiry->mm.flat[k], scan->linear[k]);
        }
        for (uint32_t e = 0; e < scan->count; e++) {
            im += tn_margin_pnl(&scan->expiries[e]->im, scan->sums[e][k],
                                scan->sums[e][TN_COLUMN_MARK], k);
            mm += tn_margin_pnl(&scan->expiries[e]->mm, scan->sums[e][k],
                                scan->sums[e][TN_COLUMN_MARK], k);
        }
        worst->im = min_of(worst->im, im);
        worst->mm = min_of(worst->mm, mm);
    }
}

/* All scenarios, one by one. Where only collateral moves, no expiry lends its weights. */
static void question_all(struct worst *worst, struct unit *unit, const struct walk *walk)
{
    const struct tn_margin_market *market = walk->market;
    struct tn_margin_expiry made;
    const struct tn_margin_expiry *expiry = unit->expiry;
    fold(unit, walk);
    if (expiry == NULL) {
        int64_t lambda_ppm = market->underlyings[walk->underlying].lambda_ppm;
        tn_margin_flat_weights(&made.mm, market, market->mm_factor_ppm);
        tn_margin_flat_weights(&made.im, market, tn_margin_im_factor_ppm(market, lambda_ppm));
        expiry = &made;
    }
    if (unit->scan.has_linear) {
        walk->path->linear(unit->im, unit->scan.linear, &expiry->im, !unit->is_folded);
        walk->path->linear(unit->mm, unit->scan.linear, &expiry->mm, !unit->is_folded);
    }
    uint32_t count = market->shocks->scenarios_count;
    worst->im = min_of(worst->im, walk->path->least(unit->im, NULL, count));
    worst->mm = min_of(worst->mm, walk->path->least(unit->mm, NULL, count));
}

/* IM's factor over MM's, rounded up; 0 where the scan may not be asked. */
static int64_t times_of(const struct tn_margin_scan *scan)
{
    if (scan->count == 0) return 0;
    int64_t im = scan->expiries[0]->im_factor_ppm, mm = scan->expiries[0]->mm_factor_ppm;
    for (uint32_t e = 0; e < scan->count; e++) {
        const struct tn_margin_expiry *expiry = scan->expiries[e];
        if (expiry->im_factor_ppm != im || expiry->mm_factor_ppm != mm) return 0;
        if (expiry->im.is_wide) return 0;
    }
    return mm == 0 ? 0 : (im + mm - 1) / mm;
}

static void finish_unit(struct unit *unit, struct walk *walk)
{
    const struct tn_margin_market *market = walk->market;
    struct worst worst = {min_of(0, unit->im_basis), min_of(0, unit->mm_basis)};
    settle_linear(unit, walk);
    uint64_t suspects = UINT64_MAX;
    int64_t times = unit->is_folded ? 0 : times_of(&unit->scan);
    if (times > 0 && times < 1 << 16) suspects = walk->path->suspects(&unit->scan, times);
    if (__builtin_popcountll(suspects) <= SUSPECTS_MAX)
        question(&worst, unit, suspects);
    else
        question_all(&worst, unit, walk);
    walk->im += worst.im - tn_margin_contingency_total(tn_margin_contingency_im(
                               market, walk->underlying, &unit->exposures));
    walk->mm +=
        worst.mm - tn_margin_contingency_total(tn_margin_contingency_mm(market, &unit->exposures));
}

/* False: nothing is done. */
static bool walk_briefs(struct walk *walk)
{
    struct tn_margin_part part;
    struct tn_margin_note *notes = walk->account->notes;
    part.note.column = notes == NULL ? 0 : notes[walk->underlying].column;
    uint32_t end =
        tn_margin_held_brief(&part, walk->market, walk->account, walk->underlying, walk->next);
    if (end == 0) return false;
    walk->next = end;
    walk->linear_mark += part.linear_mark;
    walk->options += part.options;
    walk->im += part.im;
    walk->mm += part.mm;
    if (notes != NULL) notes[walk->underlying] = part.note;
    return true;
}

static void walk_series(struct walk *walk)
{
    struct unit unit;
    uint32_t first = walk->next;
    unit.scan.count = 0;
    unit.scan.has_linear = unit.is_folded = false;
    unit.expiry = NULL;
    unit.im_basis = unit.mm_basis = 0;
    unit.exposures = (struct tn_margin_exposures){0, 0, 0};
    while (walk->next < walk->account->holdings_count) {
        const struct tn_margin_series *series = series_at(walk, walk->next);
        if (series->underlying != walk->underlying) break;
        take_expiry(&unit, walk, series->expiry);
    }
    finish_unit(&unit, walk);
    if (walk->account->notes != NULL)
        tn_margin_count_lots(walk->market, walk->account, first, walk->next - first);
}

static void walk_underlying(struct walk *walk)
{
    const struct tn_margin_market *market = walk->market;
    bool is_held = walk->next < walk->account->holdings_count &&
                   series_at(walk, walk->next)->underlying == walk->underlying;
    if (walk->account->notes != NULL)
        walk->account->notes[walk->underlying].options =
            walk->account->notes[walk->underlying].linear = 0;
    if (!tn_margin_collateral_moves(&walk->collateral, market, walk->underlying)) {
        if (!is_held || (market->briefs != NULL && walk_briefs(walk))) return;
    }
    walk_series(walk);
}

void tn_margin_held(struct tn_margin_result *result, const struct tn_margin_market *market,
                    const struct tn_margin_account *account)
{
    struct walk walk;
    walk.market = market;
    walk.account = account;
    walk.path = tn_margin_path_of(market->cpu);
    walk.next = 0;
    walk.linear_mark = walk.options = walk.im = walk.mm = 0;
    TN_ASSERT(account->model == TN_MARGIN_PORTFOLIO && account->orders_count == 0);
    TN_ASSERT(account->holdings_count <= TN_MARGIN_POSITIONS_MAX);
    tn_margin_take_collateral(&walk.collateral, market, account);
    for (uint32_t u = 0; u < market->underlyings_count; u++) {
        walk.underlying = u;
        walk_underlying(&walk);
    }
    TN_ASSERT(walk.next == account->holdings_count); /* they came in order */
    result->cash_equity = account->cash + walk.linear_mark;
    result->options = walk.options;
    result->collateral = walk.collateral.value;
    result->equity = result->cash_equity + walk.options + walk.collateral.value;
    result->mm = result->equity + walk.mm - walk.collateral.mm;
    result->m = result->equity + walk.im - walk.collateral.im;
    /* Where nothing is at risk, roundings could put IM a few micros above MM. */
    result->im = min_of(result->m, result->mm);
}
