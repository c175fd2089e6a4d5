/* listed: the accounts to wind down, worst first (risk.md, Liquidation).
 *
 * Accounts come one at a time, in the order in which they are judged, and stay in the places at
 * which they came. Which of them is worse is kept beside that as they come, in a search tree: so
 * nothing is left to do for all of them when the sweep ends, and a slice of it works no longer than
 * the accounts ask for that it judges. The tree is balanced by weight, which is one more than the
 * count: neither side of a node weighs more than three times as much as the other. */
#include "exchange/risk.h"

enum { LEFT, RIGHT, WEIGHT_TIMES = 3, INNER_TIMES = 2 };

/* Worst MM per requirement first, then the larger requirement, then the lower id. */
static bool is_worse(const struct listed *a, const struct listed *b)
{
    tn_i128 left = (tn_i128)a->mm * b->requirement, right = (tn_i128)b->mm * a->requirement;
    if (left != right) return left < right;
    if (a->requirement != b->requirement) return a->requirement > b->requirement;
    return a->account < b->account;
}

/* ---- Balance ---- */

static uint64_t weight_of(uint32_t count)
{
    return (uint64_t)count + 1;
}

/* The right child of what hangs at the link takes its place. */
static void turn_left(struct listed *list, uint32_t *link)
{
    const uint32_t top = *link, child = list[top].below[RIGHT];
    list[top].below[RIGHT] = list[child].below[LEFT];
    list[child].below[LEFT] = top;
    list[child].before += list[top].before + 1;
    *link = child;
}

static void turn_right(struct listed *list, uint32_t *link)
{
    const uint32_t top = *link, child = list[top].below[LEFT];
    list[top].below[LEFT] = list[child].below[RIGHT];
    list[child].below[RIGHT] = top;
    list[top].before -= list[child].before + 1;
    *link = child;
}

/* `count` hang at the link. A side that weighs too much loses its child to the top, or, if what
 * hangs inside of that child is most of the side, that one's own top. */
static void balance(struct listed *list, uint32_t *link, uint32_t count)
{
    struct listed *top = &list[*link];
    const uint32_t left = top->before, right = count - 1 - left;
    if (weight_of(right) > WEIGHT_TIMES * weight_of(left)) {
        const uint32_t inner = list[top->below[RIGHT]].before, outer = right - 1 - inner;
        if (weight_of(inner) >= INNER_TIMES * weight_of(outer)) {
            turn_right(list, &top->below[RIGHT]);
        }
        turn_left(list, link);
    } else if (weight_of(left) > WEIGHT_TIMES * weight_of(right)) {
        const uint32_t outer = list[top->below[LEFT]].before, inner = left - 1 - outer;
        if (weight_of(inner) >= INNER_TIMES * weight_of(outer)) {
            turn_left(list, &top->below[LEFT]);
        }
        turn_right(list, link);
    }
}

/* ---- What comes and goes ---- */

/* The account at a place joins those of the places before it. */
static void join_order(struct risk *risk, uint32_t place)
{
    struct {
        uint32_t *link;
        uint32_t count; /* what hangs there, the new one among them */
    } path[LIST_DEPTH_MOST];
    struct listed *list = risk->list, *joining = &list[place];
    uint32_t *link = &risk->list_root;
    uint32_t depth = 0, count = place + 1;
    joining->below[LEFT] = joining->below[RIGHT] = TN_NONE;
    joining->before = 0;
    while (*link != TN_NONE) {
        struct listed *at = &list[*link];
        const bool is_before = is_worse(joining, at);
        TN_ASSERT(depth < LIST_DEPTH_MOST);
        path[depth].link = link;
        path[depth++].count = count;
        count = is_before ? ++at->before : count - 1 - at->before;
        link = &at->below[is_before ? LEFT : RIGHT];
    }
    *link = place;
    while (depth > 0) {
        depth--;
        balance(list, path[depth].link, path[depth].count);
    }
}

void tn_exchange_list_add(struct tn_exchange *exchange, uint32_t account,
                          const struct tn_margin_result *result)
{
    struct risk *risk = exchange->risk;
    TN_ASSERT(!risk->list_sorted && risk->list_count < exchange->limits.accounts_max);
    struct listed *listed = &risk->list[risk->list_count];
    listed->account = account;
    listed->mm = result->mm;
    listed->requirement = result->equity - result->mm;
    join_order(risk, risk->list_count++);
    tn_exchange_touch_listed(exchange, risk->list_count - 1);
}

void tn_exchange_list_end(struct tn_exchange *exchange)
{
    struct risk *risk = exchange->risk;
    tn_exchange_touch_listed(exchange, 0);
    risk->list_cursor = 0;
    risk->list_sorted = true;
}

void tn_exchange_list_clear(struct tn_exchange *exchange)
{
    struct risk *risk = exchange->risk;
    tn_exchange_touch_listed(exchange, 0);
    risk->list_count = risk->list_cursor = 0;
    risk->list_root = TN_NONE;
    risk->list_sorted = false;
}

void tn_exchange_list_import(struct risk *risk)
{
    risk->list_root = TN_NONE;
    if (risk->list_sorted) return; /* the places are in order, and no more will come */
    for (uint32_t place = 0; place < risk->list_count; place++)
        join_order(risk, place);
}

/* ---- In order ---- */

void tn_exchange_list_walk(struct list_walk *walk, const struct risk *risk, uint32_t from)
{
    const struct listed *list = risk->list;
    walk->list = list;
    walk->by_place = !risk->list_sorted || risk->list_root == TN_NONE;
    walk->place = from;
    walk->end = risk->list_count;
    walk->depth = 0;
    uint32_t at = walk->by_place ? TN_NONE : risk->list_root;
    while (at != TN_NONE) {
        if (from > list[at].before) {
            from -= list[at].before + 1;
            at = list[at].below[RIGHT];
            continue;
        }
        walk->path[walk->depth++] = at;
        at = from < list[at].before ? list[at].below[LEFT] : TN_NONE;
    }
}

const struct listed *tn_exchange_list_next(struct list_walk *walk)
{
    const struct listed *list = walk->list;
    if (walk->by_place) return walk->place < walk->end ? &list[walk->place++] : NULL;
    if (walk->depth == 0) return NULL;
    const uint32_t at = walk->path[--walk->depth];
    uint32_t child = list[at].below[RIGHT];
    for (; child != TN_NONE; child = list[child].below[LEFT]) {
        TN_ASSERT(walk->depth < LIST_DEPTH_MOST);
        walk->path[walk->depth++] = child;
    }
    return &list[at];
}

/* ---- Asserted ---- */

static uint32_t check_below(const struct listed *list, uint32_t at)
{
    if (at == TN_NONE) return 0;
    const uint32_t left = check_below(list, list[at].below[LEFT]);
    const uint32_t right = check_below(list, list[at].below[RIGHT]);
    TN_ASSERT(left == list[at].before);
    TN_ASSERT(weight_of(left) <= WEIGHT_TIMES * weight_of(right));
    TN_ASSERT(weight_of(right) <= WEIGHT_TIMES * weight_of(left));
    return left + 1 + right;
}

void tn_exchange_check_list(const struct risk *risk)
{
    struct list_walk walk;
    const struct listed *before = NULL, *listed;
    TN_ASSERT(risk->list_cursor <= risk->list_count);
    if (risk->list_root == TN_NONE) {
        TN_ASSERT(risk->list_count == 0 || risk->list_sorted);
        return;
    }
    TN_ASSERT(check_below(risk->list, risk->list_root) == risk->list_count);
    tn_exchange_list_walk(&walk, risk, 0);
    while (risk->list_sorted && (listed = tn_exchange_list_next(&walk)) != NULL) {
        TN_ASSERT(before == NULL || is_worse(before, listed));
        before = listed;
    }
}
