/* held_brief: one underlying of an account without orders, worked out beside briefs.
 *
 * One walk over the holdings finds expiries, sizes, marks, the bracket, and what they are worth in
 * the scenario that was the worst before, all exact; the vectors (columns_brief.h) then say roughly
 * what each scenario comes to. Of those that may be the worst, others than that one are worked out
 * from their rows, a column each. Signs and the length of an expiry are as good as random, so there
 * is no branch where arithmetic does. The rules are portfolio.c's, and so is every number. What
 * briefs have no room for is left to held.c: prices or lots of more bits, more expiries, factors
 * that are not known, too many suspects. */
#include "margin/internal.h"

enum { SUSPECTS_MAX = 8, SUM_BITS = 29, LOT_BITS = 31 };

/* What the walk adds up. */
struct tally {
    const struct tn_margin_market *market;
    const struct tn_margin_scale *scale;
    uint32_t underlying, column; /* the scenario that was the worst before */
    struct tn_margin_search search;
    struct tn_margin_exposures exposures;
    tn_micros im_basis, mm_basis, linear_mark, linear_value, options;
    uint64_t lots, reach; /* Σ |n|, and Σ of |n| times the most that a brief has */
    uint64_t linear_lots;
};

/* ---- One expiry --------------------------------------------------------------------------------
 */

/* Some holdings, and what they add up to: exact but for `reach`. */
struct stretch {
    const struct tn_holding *at, *end;
    const struct tn_margin_brief *briefs, *brief; /* that of `at`, if it is not the end */
    const int64_t *prices;                        /* of the scenario that was the worst */
    uint32_t series_count;
    tn_micros mark, value, up, down, size; /* size: what contingencies count */
    uint64_t lots, reach;
};

static inline void look_at(struct stretch *stretch)
{
    if (stretch->at == stretch->end) return;
    TN_ASSERT(stretch->at->series < stretch->series_count);
    stretch->brief = &stretch->briefs[stretch->at->series];
}

/* Adds one holding and goes on to the next. */
static inline tn_lots take_holding(struct stretch *stretch)
{
    const struct tn_margin_brief *brief = stretch->brief;
    tn_lots lots = stretch->at->quantity;
    uint64_t size = (uint64_t)(lots < 0 ? -lots : lots);
    stretch->mark += lots * brief->mark;
    stretch->value += lots * stretch->prices[(size_t)stretch->at->series * TN_ROW_COLUMNS];
    stretch->up += lots * brief->up;
    stretch->down += lots * brief->down;
    stretch->lots += size;
    stretch->reach += size * brief->most;
    stretch->at++;
    look_at(stretch);
    return lots;
}

static void take_linear(struct stretch *stretch, uint16_t expiry)
{
    do {
        tn_micros spot_lot = stretch->brief->spot_lot;
        tn_lots lots = take_holding(stretch);
        stretch->size += (lots < 0 ? -lots : lots) * spot_lot;
    } while (stretch->at < stretch->end && stretch->brief->expiry == expiry &&
             stretch->brief->is_linear);
}

/* Of a strike the call and the put count together: what of them is short is naked. */
static void take_options(struct stretch *given, uint16_t expiry)
{
    struct stretch stretch = *given; /* in registers */
    tn_micros strike = -1;
    do {
        tn_micros spot_lot = stretch.brief->spot_lot;
        TN_ASSERT(stretch.brief->strike_micros > strike); /* holdings are in order */
        strike = stretch.brief->strike_micros;
        tn_lots net = take_holding(&stretch);
        if (stretch.at < stretch.end && stretch.brief->strike_micros == strike &&
            stretch.brief->expiry == expiry)
            net += take_holding(&stretch);
        stretch.size -= (net < 0 ? net : 0) * spot_lot;
    } while (stretch.at < stretch.end && stretch.brief->expiry == expiry);
    *given = stretch;
}

static uint32_t q32_of(int64_t q30)
{
    return q30 >= INT64_C(1) << 30 ? UINT32_MAX : (uint32_t)q30 << 2;
}

/* Terms of low confidence are rare. */
static void take_confidence(struct tally *tally, const struct tn_margin_run *run)
{
    const struct tn_margin_market *market = tally->market;
    int64_t floor_ppm = market->risk->confidence_floor_ppm;
    if (run->expiry->confidence_ppm >= floor_ppm &&
        market->underlyings[tally->underlying].confidence_ppm >= floor_ppm) {
        return;
    }
    tally->exposures.confidence +=
        tn_margin_expose(market, run->holdings, run->count, TN_MARGIN_HELD, NULL).confidence;
}

/* Are its weights known to be what briefs take them for? */
static bool is_known(const struct tally *tally, const struct tn_margin_expiry *expiry)
{
    return expiry->im_factor_ppm == tally->scale->im_factor_ppm &&
           expiry->mm_factor_ppm == tally->market->mm_factor_ppm && !expiry->im.is_wide;
}

static void take_expiry(struct tally *tally, struct stretch *stretch,
                        const struct tn_margin_expiry *expiry)
{
    struct tn_margin_run *run = &tally->search.runs[tally->search.runs_count++];
    uint16_t index = stretch->brief->expiry;
    run->holdings = stretch->at;
    run->expiry = expiry;
    run->loss_q32 = q32_of((INT64_C(1) << 30) - expiry->discounts.long_q30);
    run->rise_q32 = q32_of(expiry->discounts.short_q30 - (INT64_C(1) << 30));
    stretch->mark = stretch->value = stretch->up = stretch->down = stretch->size = 0;
    run->linear = 0;
    if (stretch->brief->is_linear) {
        uint64_t before = stretch->lots;
        take_linear(stretch, index);
        tally->linear_lots += stretch->lots - before;
        run->linear = (uint32_t)(stretch->at - run->holdings);
        tally->linear_mark += stretch->mark;
        tally->linear_value += stretch->value;
        tally->exposures.linear += stretch->size;
        stretch->mark = stretch->value = stretch->size = 0;
    }
    if (stretch->at < stretch->end && stretch->brief->expiry == index) take_options(stretch, index);
    run->count = (uint32_t)(stretch->at - run->holdings);
    run->options = stretch->mark;
    run->value = stretch->value;
    tally->options += stretch->mark;
    tally->exposures.naked += stretch->size;
    tally->im_basis += tn_margin_basis(stretch->up, stretch->down, &expiry->im);
    tally->mm_basis += tn_margin_basis(stretch->up, stretch->down, &expiry->mm);
    take_confidence(tally, run);
}

/* Returns the holding after those of the underlying, or NULL. */
static const struct tn_holding *take_holdings(struct tally *tally, const struct tn_holding *from,
                                              const struct tn_holding *to)
{
    const struct tn_margin_market *market = tally->market;
    struct stretch stretch = {.at = from,
                              .end = to,
                              .briefs = market->briefs->series,
                              .prices = *market->rows + tally->column,
                              .series_count = market->series_count};
    look_at(&stretch);
    while (stretch.at < stretch.end) {
        uint16_t expiry = stretch.brief->expiry;
        TN_ASSERT(expiry < market->expiries_count);
        if (market->expiries[expiry].underlying != tally->underlying) break;
        if (tally->search.runs_count == TN_MARGIN_SCAN_EXPIRIES) return NULL;
        if (!is_known(tally, &market->expiries[expiry])) return NULL;
        take_expiry(tally, &stretch, &market->expiries[expiry]);
    }
    tally->lots = stretch.lots;
    tally->reach = stretch.reach;
    return stretch.at;
}

/* ---- Its scenarios -----------------------------------------------------------------------------
 */

/* Towards 0. */
static int64_t in_units(tn_micros value, uint32_t shift)
{
    tn_micros rest = (INT64_C(1) << shift) - 1;
    return (value + (rest & value >> 63)) >> shift;
}

/* Chooses the unit and says how far apart suspects are (columns_brief.h). */
static void prepare(struct tally *tally)
{
    struct tn_margin_search *search = &tally->search;
    uint32_t more = 0;
    while (tally->reach >> more >> SUM_BITS != 0)
        more++;
    uint32_t shift = tally->scale->shift + more;
    for (uint32_t r = 0; r < search->runs_count; r++)
        search->runs[r].mark = in_units(search->runs[r].options, shift);
    search->linear_mark = in_units(tally->linear_mark, shift);
    search->all_mark = in_units(tally->linear_mark + tally->options, shift);
    int64_t lots = (int64_t)tally->lots, expiries = search->runs_count;
    search->apart = 7 * lots + 12 * expiries + 8 + tally->scale->times * (lots + 2 * expiries + 2);
    search->briefs = tally->market->briefs->series;
    search->flat = tally->scale->flat;
    search->shift = more;
}

static inline tn_micros value_at(const int64_t (*rows)[TN_ROW_COLUMNS],
                                 const struct tn_holding *from, const struct tn_holding *to,
                                 uint32_t column)
{
    const int64_t *prices = *rows + column;
    tn_micros value = 0;
    for (; from < to; from++)
        value += from->quantity * prices[(size_t)from->series * TN_ROW_COLUMNS];
    return value;
}

struct worst {
    tn_micros im, mm;
};

/* What an expiry's options add to a scenario, by their value there. */
static inline void add_options(struct worst *number, const struct tn_margin_run *run,
                               tn_micros value, uint32_t column)
{
    number->im += tn_margin_pnl(&run->expiry->im, value, run->options, column);
    number->mm += tn_margin_pnl(&run->expiry->mm, value, run->options, column);
}

/* Adds what is linear, by its value there, and takes the scenario for the worst if it is. */
static void judge(struct worst *worst, struct worst number, const struct tally *tally,
                  tn_micros linear_value, uint32_t column)
{
    const struct tn_margin_expiry *expiry = tally->search.runs[0].expiry; /* flat is one for all */
    tn_micros change = linear_value - tally->linear_mark;
    worst->im = min_of(worst->im, number.im + tn_margin_weigh(expiry->im.flat[column], change));
    worst->mm = min_of(worst->mm, number.mm + tn_margin_weigh(expiry->mm.flat[column], change));
}

/* One scenario, exactly. */
static void question(struct worst *worst, const struct tally *tally, uint32_t column)
{
    const int64_t(*rows)[TN_ROW_COLUMNS] = tally->market->rows;
    struct worst number = {0, 0};
    tn_micros linear = 0;
    for (uint32_t r = 0; r < tally->search.runs_count; r++) {
        const struct tn_margin_run *run = &tally->search.runs[r];
        const struct tn_holding *options = run->holdings + run->linear;
        linear += value_at(rows, run->holdings, options, column);
        add_options(&number, run, value_at(rows, options, run->holdings + run->count, column),
                    column);
    }
    judge(worst, number, tally, linear, column);
}

/* The scenario that was the worst before, and most often is: the walk has added it up. */
static void question_last(struct worst *worst, const struct tally *tally)
{
    struct worst number = {0, 0};
    for (uint32_t r = 0; r < tally->search.runs_count; r++)
        add_options(&number, &tally->search.runs[r], tally->search.runs[r].value, tally->column);
    judge(worst, number, tally, tally->linear_value, tally->column);
}

/* False where too many may be the worst. */
static bool question_suspects(struct worst *worst, uint32_t *column, const struct tally *tally)
{
    const struct tn_margin_briefs *briefs = tally->market->briefs;
    uint64_t suspects =
        tn_margin_path_of(tally->market->cpu)->search(&tally->search) & briefs->places;
    uint32_t count = 0;
    question_last(worst, tally);
    for (; suspects != 0; suspects &= suspects - 1) {
        if (count++ == SUSPECTS_MAX) return false;
        *column = briefs->columns[__builtin_ctzll(suspects)];
        if (*column != tally->column) question(worst, tally, *column);
    }
    return true;
}

/* Prices that no brief holds, or lots that no product takes: only where much is held. */
static bool fits(const struct tally *tally, const struct tn_holding *from,
                 const struct tn_holding *to)
{
    if (tally->reach >> LOT_BITS == 0) return true; /* mosts are 1 or more */
    for (; from < to; from++) {
        if (tally->market->briefs->series[from->series].most == UINT32_MAX) return false;
        if ((from->quantity ^ from->quantity >> 63) >> LOT_BITS != 0) return false;
    }
    return true;
}

uint32_t tn_margin_held_brief(struct tn_margin_part *part, const struct tn_margin_market *market,
                              const struct tn_margin_account *account, uint32_t underlying,
                              uint32_t first)
{
    struct tally tally; /* but for the runs, which are filled as they are counted */
    const struct tn_holding *from = account->holdings + first;
    tally.market = market;
    tally.scale = &market->briefs->underlyings[underlying];
    tally.underlying = underlying;
    tally.search.runs_count = 0;
    tally.exposures = (struct tn_margin_exposures){0, 0, 0};
    tally.im_basis = tally.mm_basis = tally.linear_mark = tally.linear_value = tally.options = 0;
    tally.linear_lots = 0;
    tally.column = part->note.column < market->shocks->scenarios_count ? part->note.column : 0;
    if (tally.scale->times == 0) return 0;
    TN_ASSERT(part->note.column < TN_ROW_COLUMNS);
    const struct tn_holding *to =
        take_holdings(&tally, from, account->holdings + account->holdings_count);
    if (to == NULL || !fits(&tally, from, to)) return 0;
    prepare(&tally);
    struct worst worst = {min_of(0, tally.im_basis), min_of(0, tally.mm_basis)};
    if (!question_suspects(&worst, &part->note.column, &tally)) return 0;
    part->linear_mark = tally.linear_mark;
    part->options = tally.options;
    part->note.linear = (tn_lots)tally.linear_lots;
    part->note.options = (tn_lots)(tally.lots - tally.linear_lots);
    part->im = worst.im - tn_margin_contingency_total(
                              tn_margin_contingency_im(market, underlying, &tally.exposures));
    part->mm =
        worst.mm - tn_margin_contingency_total(tn_margin_contingency_mm(market, &tally.exposures));
    return (uint32_t)(to - account->holdings);
}
