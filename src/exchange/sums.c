/* sums: what margin adds up for an account in one expiry, kept between commands.
 *
 * A bounded cache beside the state: within a MARK rows and weights stand still, so each order that
 * gets or loses its place, and each position that changes, is added to or taken from the sums that
 * are kept, exactly. The check before a command then costs what the command changes, not what the
 * account holds. The bound it gives is never above the full evaluation's: when it is not negative
 * the command passes, else the full evaluation decides. What is evicted is added up again when it
 * is next asked for; nothing here is state, and nothing depends on what happens to be kept. */
#include "exchange/risk.h"

enum { WAYS = 4, TOUCHED_MAX = 64 };

/* One kept sum; free while epoch is not the present one. */
struct kept {
    struct tn_margin_sums sums;
    uint32_t account, epoch;
};

uint32_t tn_exchange_sums_sets(const struct tn_exchange_limits *limits)
{
    /* Eight places for each account; in a large market, for those that are active. */
    uint32_t sets = 16;
    while (sets < limits->accounts_max * 2 && sets < 8192)
        sets *= 2;
    return sets;
}

size_t tn_exchange_sums_size(const struct tn_exchange_limits *limits)
{
    return ((size_t)tn_exchange_sums_sets(limits) * WAYS + TOUCHED_MAX) * sizeof(struct kept);
}

void tn_exchange_forget_sums(struct tn_exchange *exchange)
{
    if (exchange->risk != NULL) exchange->risk->sums_epoch++;
}

static struct kept *set_of(const struct risk *risk, uint32_t account, uint32_t expiry)
{
    uint64_t mixed = ((uint64_t)account << 16 ^ expiry) * UINT64_C(0x9e3779b97f4a7c15);
    return risk->kept + (size_t)(mixed >> 40 & (risk->sums_sets - 1)) * WAYS;
}

/* Most accounts have none: their cushion's line says so, and the sets stay unread. */
static struct tn_margin_sums *find(const struct risk *risk, uint32_t account, uint32_t expiry)
{
    const struct cushion *cushion = &risk->cushions[account];
    if (cushion->epoch != risk->sums_epoch || !cushion->has_sums) return NULL;
    struct kept *set = set_of(risk, account, expiry);
    for (uint32_t i = 0; i < WAYS; i++) {
        if (set[i].epoch == risk->sums_epoch && set[i].account == account &&
            set[i].sums.expiry == expiry) {
            return &set[i].sums;
        }
    }
    return NULL;
}

/* A place for new sums: a free one, or the one that is next to go. */
static struct tn_margin_sums *claim(struct risk *risk, uint32_t account, uint32_t expiry)
{
    struct kept *set = set_of(risk, account, expiry);
    uint32_t way = risk->sums_turn++ % WAYS;
    for (uint32_t i = 0; i < WAYS; i++) {
        if (set[i].epoch != risk->sums_epoch) way = i;
    }
    tn_exchange_cushion_of(risk, account)->has_sums = true;
    set[way].account = account;
    set[way].epoch = risk->sums_epoch;
    tn_margin_sums_start(&set[way].sums, expiry);
    return &set[way].sums;
}

static struct tn_margin_order order_of(const struct tn_exchange *exchange, uint32_t slot)
{
    const struct order *order = &exchange->orders[slot];
    const struct tn_resting *resting = &exchange->resting[slot];
    uint32_t index = exchange->exposures[order->exposure].series;
    const struct series *series = &exchange->series[index];
    tn_lots open = open_of(exchange, slot);
    return (struct tn_margin_order){
        .series = index,
        .quantity = signed_lots(order->side, open),
        .price_micros = resting->price * series->terms->micros_per_tick,
        .fee_micros = tn_exchange_fee_per_lot(series, resting->price) * open,
    };
}

void tn_exchange_keep_term(struct tn_exchange *exchange, uint32_t slot, bool is_added)
{
    struct risk *risk = exchange->risk;
    tn_exchange_cushion_term(exchange, slot, is_added);
    uint32_t index = exchange->exposures[exchange->orders[slot].exposure].series;
    uint32_t expiry = exchange->series[index].expiry;
    struct tn_margin_sums *sums = find(risk, exchange->resting[slot].account, expiry);
    if (sums == NULL || !tn_exchange_order_counts(exchange, slot)) return;
    struct tn_margin_market market;
    struct tn_margin_order order = order_of(exchange, slot);
    tn_exchange_risk_market(exchange, &market);
    tn_margin_sums_order(sums, &market, &order, is_added);
}

void tn_exchange_keep_position(struct tn_exchange *exchange, uint32_t account, uint32_t index,
                               tn_lots change)
{
    tn_exchange_cushion_position(exchange, account, index, change);
    struct tn_margin_sums *sums = find(exchange->risk, account, exchange->series[index].expiry);
    if (sums == NULL) return;
    tn_margin_sums_resize(sums); /* the holding's open lots may be others now */
    if (change == 0) return;
    struct tn_margin_market market;
    tn_exchange_risk_market(exchange, &market);
    tn_margin_sums_position(sums, &market, index, change);
}

/* ---- The check before a command ---- */

/* Adds up anew what is not kept: one expiry of an account. */
static struct tn_margin_sums *build(const struct tn_exchange *exchange, uint32_t account,
                                    uint32_t expiry, const struct tn_margin_market *market)
{
    struct risk *risk = exchange->risk;
    struct tn_margin_sums *sums = claim(risk, account, expiry);
    uint32_t slot = exchange->accounts[account].exposures_head;
    for (; slot != TN_NONE; slot = exchange->exposures[slot].account_next) {
        const struct exposure *exposure = &exchange->exposures[slot];
        if (exchange->series[exposure->series].expiry != expiry) continue;
        if (exposure->position.quantity == 0) continue;
        tn_margin_sums_position(sums, market, exposure->series, exposure->position.quantity);
    }
    slot = exchange->accounts[account].orders_head;
    for (; slot != TN_NONE; slot = exchange->links[slot].next) {
        uint32_t index = exchange->exposures[exchange->orders[slot].exposure].series;
        if (exchange->series[index].expiry != expiry || !tn_exchange_order_counts(exchange, slot))
            continue;
        struct tn_margin_order order = order_of(exchange, slot);
        tn_margin_sums_order(sums, market, &order, true);
    }
    return sums;
}

/* The sums of an account's expiries in the order of its holdings, with changes made to copies. */
struct picture {
    struct tn_margin_market market;
    struct tn_margin_sums *sums[TN_MARGIN_POSITIONS_MAX];
    uint32_t sums_count, touched_count;
};

static bool is_touched(const struct tn_exchange *exchange, uint32_t expiry,
                       const struct change *changes, uint32_t changes_count)
{
    for (uint32_t i = 0; i < changes_count; i++) {
        if (exchange->series[changes[i].series].expiry == expiry) return true;
    }
    return false;
}

/* Finds or builds the sums of every expiry that the holdings name. A build may evict sums that were
 * found before, so kept ones are looked at again until a pass finds all. */
static bool collect(const struct tn_exchange *exchange, struct picture *picture, uint32_t account,
                    const struct tn_margin_account *view)
{
    picture->sums_count = 0;
    for (uint32_t i = 0; i < view->holdings_count; i++) {
        uint32_t expiry = exchange->series[view->holdings[i].series].expiry;
        uint32_t count = picture->sums_count;
        if (count > 0 && picture->sums[count - 1]->expiry == expiry) continue;
        struct tn_margin_sums *sums = find(exchange->risk, account, expiry);
        if (sums == NULL) sums = build(exchange, account, expiry, &picture->market);
        picture->sums[picture->sums_count++] = sums;
    }
    uint32_t place = 0;
    for (uint32_t i = 0; i < view->holdings_count; i++) {
        uint32_t expiry = exchange->series[view->holdings[i].series].expiry;
        if (place > 0 && picture->sums[place - 1]->expiry == expiry) continue;
        if (picture->sums[place] != find(exchange->risk, account, expiry)) return false;
        place++;
    }
    return true;
}

/* Sums with changes made: to a copy, but for the last order that comes or goes. That one is only
 * looked at, so where it is the only one nothing is copied. */
struct changed {
    const struct tn_margin_market *market;
    const struct tn_margin_sums *sums; /* the kept ones, until something is made to the copy */
    struct tn_margin_sums *after;
    struct tn_margin_order last;
    bool has_last, is_added;
};

static struct tn_margin_sums *copy_of(struct changed *changed)
{
    if (changed->sums != changed->after) *changed->after = *changed->sums;
    changed->sums = changed->after;
    return changed->after;
}

static void take_order(struct changed *changed, const struct tn_margin_order *order, bool is_added)
{
    if (changed->has_last) {
        tn_margin_sums_order(copy_of(changed), changed->market, &changed->last, changed->is_added);
    }
    changed->last = *order;
    changed->is_added = is_added;
    changed->has_last = true;
}

static void make_change(const struct tn_exchange *exchange, struct changed *changed,
                        const struct change *change)
{
    if (change->replaced != TN_NONE && tn_exchange_order_counts(exchange, change->replaced)) {
        struct tn_margin_order old = order_of(exchange, change->replaced);
        take_order(changed, &old, false);
    }
    if (change->quantity == 0) return;
    if (change->traded) {
        tn_margin_sums_position(copy_of(changed), changed->market, change->series,
                                change->quantity);
        return;
    }
    const struct tn_margin_order order = {.series = change->series,
                                          .quantity = change->quantity,
                                          .price_micros = change->price,
                                          .fee_micros = change->fee};
    take_order(changed, &order, true);
}

/* One expiry's; the view's holdings are the changed ones. is_whole: not only what a total reads. */
static bool change_touched(const struct tn_exchange *exchange, struct picture *picture,
                           uint32_t place, bool is_whole, const struct change *changes,
                           uint32_t changes_count)
{
    const struct risk *risk = exchange->risk;
    if (picture->touched_count == TOUCHED_MAX) return false;
    struct changed changed = {
        .market = &picture->market,
        .sums = picture->sums[place],
        .after = &risk->kept[(size_t)risk->sums_sets * WAYS + picture->touched_count++].sums,
    };
    for (uint32_t i = 0; i < changes_count; i++) {
        if (exchange->series[changes[i].series].expiry == changed.sums->expiry)
            make_change(exchange, &changed, &changes[i]);
    }
    if (!changed.has_last) {
        tn_margin_sums_resize(copy_of(&changed));
    } else if (is_whole) {
        tn_margin_sums_order(copy_of(&changed), &picture->market, &changed.last, changed.is_added);
    } else {
        tn_margin_sums_preview(changed.after, changed.sums, &picture->market, &changed.last,
                               changed.is_added);
    }
    picture->sums[place] = changed.after;
    return true;
}

/* The account and its sums with the changes made. False when they cannot be had this way. */
static bool draw(const struct tn_exchange *exchange, struct picture *picture,
                 struct tn_margin_account *view, uint32_t account, bool is_whole,
                 const struct change *changes, uint32_t changes_count)
{
    if (exchange->risk->guards[account].model != TN_MARGIN_PORTFOLIO) return false;
    picture->sums_count = picture->touched_count = 0;
    tn_exchange_risk_market(exchange, &picture->market);
    tn_exchange_view_changed(exchange, view, account, changes, changes_count);
    if (!collect(exchange, picture, account, view)) return false;
    for (uint32_t i = 0; i < picture->sums_count; i++) {
        if (!is_touched(exchange, picture->sums[i]->expiry, changes, changes_count)) continue;
        if (!change_touched(exchange, picture, i, is_whole, changes, changes_count)) return false;
    }
    for (uint32_t i = 0; i < picture->sums_count; i++)
        view->orders_count += picture->sums[i]->orders_count;
    return view->orders_count != 1; /* one order alone is evaluated directly */
}

/* A lower bound of m with the changes made, in which protection groups give no relief. False when
 * it cannot be had this way. */
bool tn_exchange_quick_bound(const struct tn_exchange *exchange, tn_micros *m, uint32_t account,
                             const struct change *changes, uint32_t changes_count)
{
    struct picture picture;
    struct tn_margin_account view;
    if (!draw(exchange, &picture, &view, account, false, changes, changes_count)) return false;
    *m = tn_margin_sums_total(&picture.market, &view, picture.sums, picture.sums_count);
    return true;
}

/* The same with the groups' relief: m itself. The orders of groups with limits are gone over. */
bool tn_exchange_quick_m(const struct tn_exchange *exchange, tn_micros *m, uint32_t account,
                         const struct change *changes, uint32_t changes_count)
{
    struct picture picture;
    struct tn_margin_account view;
    if (!draw(exchange, &picture, &view, account, true, changes, changes_count)) return false;
    uint32_t limited = tn_exchange_gather_limited(exchange, &view, account, changes, changes_count);
    *m = limited == 0
             ? tn_margin_sums_total(&picture.market, &view, picture.sums, picture.sums_count)
             : tn_margin_sums_total_limited(&picture.market, &view, picture.sums,
                                            picture.sums_count, view.orders, limited);
    return true;
}

/* Asserts that what totals left beside the sums of an account is what they would work out now, and
 * that m of the kept sums is m. */
static void check_totals(const struct tn_exchange *exchange, uint32_t account)
{
    tn_micros before, now;
    struct tn_margin_result result;
    if (!tn_exchange_quick_bound(exchange, &before, account, NULL, 0)) return;
    uint32_t slot = exchange->accounts[account].exposures_head;
    for (; slot != TN_NONE; slot = exchange->exposures[slot].account_next) {
        uint32_t expiry = exchange->series[exchange->exposures[slot].series].expiry;
        struct tn_margin_sums *sums = find(exchange->risk, account, expiry);
        if (sums != NULL) sums->is_folded = sums->is_sized = false;
    }
    bool has_bound = tn_exchange_quick_bound(exchange, &now, account, NULL, 0);
    TN_ASSERT(has_bound && before == now);
    tn_exchange_evaluate(exchange, &result, account, NULL, 0);
    TN_ASSERT(tn_exchange_m(exchange, account, NULL, 0) == result.m);
}

/* One account each time, as this is asked after every command of a test. */
static void check_one_total(const struct tn_exchange *exchange)
{
    const struct risk *risk = exchange->risk;
    size_t count = (size_t)risk->sums_sets * WAYS;
    for (size_t i = 0; i < count; i++) {
        const struct kept *kept = &risk->kept[(risk->sums_turn + i) % count];
        if (kept->epoch != risk->sums_epoch || !kept->sums.is_folded) continue;
        check_totals(exchange, kept->account);
        return;
    }
}

/* Asserts that what is kept is what would be added up now. */
void tn_exchange_check_sums(const struct tn_exchange *exchange)
{
    struct risk *risk = exchange->risk;
    struct tn_margin_market market;
    tn_exchange_risk_market(exchange, &market);
    tn_exchange_check_cushions(exchange);
    check_one_total(exchange);
    for (size_t i = 0; i < (size_t)risk->sums_sets * WAYS; i++) {
        struct kept *kept = &risk->kept[i];
        if (kept->epoch != risk->sums_epoch) continue;
        struct tn_margin_sums before = kept->sums;
        kept->epoch--; /* out of sight: it is built again in its place or another of its set */
        const struct tn_margin_sums *now = build(exchange, kept->account, before.expiry, &market);
        TN_ASSERT(memcmp(before.value, now->value, sizeof now->value) == 0);
        TN_ASSERT(memcmp(before.linear, now->linear, sizeof now->linear) == 0);
        TN_ASSERT(memcmp(before.low, now->low, sizeof now->low) == 0);
        TN_ASSERT(memcmp(before.high, now->high, sizeof now->high) == 0);
        TN_ASSERT(memcmp(before.back, now->back, sizeof now->back) == 0);
        TN_ASSERT(before.zero_terms == now->zero_terms && before.up_terms == now->up_terms);
        TN_ASSERT(before.up == now->up && before.down == now->down);
    }
}
