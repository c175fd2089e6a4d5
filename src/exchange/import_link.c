/* import_link: the end of reading accounts and orders back: lists in order, and margin's copies.
 *
 * While records are read, exposures and orders hang in their lists by `next` links alone, in the
 * order in which they came. Here each list is put in order without other memory than the stack:
 * short runs are sorted beside it, and merged where they lie. O(n log n). Those of a series lie all
 * over the table, so going along one list waits for memory at every step: several are gone along
 * side by side. */
#include "exchange/records_account.h"

/* Where the links and the keys of a kind of list are. */
struct chain {
    unsigned char *next;
    const unsigned char *key;
    size_t next_stride, key_stride;
};

static uint32_t *next_of(const struct chain *chain, uint32_t item)
{
    return (uint32_t *)(void *)(chain->next + item * chain->next_stride);
}

static uint64_t key_of(const struct chain *chain, uint32_t item)
{
    return *(const uint64_t *)(const void *)(chain->key + item * chain->key_stride);
}

static uint32_t merge(const struct chain *chain, uint32_t a, uint32_t b)
{
    uint32_t head = TN_NONE;
    uint32_t *tail = &head;
    while (a != TN_NONE && b != TN_NONE) {
        uint32_t *from = key_of(chain, b) < key_of(chain, a) ? &b : &a;
        uint32_t item = *from;
        *tail = item;
        tail = next_of(chain, item);
        *from = *tail;
    }
    *tail = a == TN_NONE ? b : a;
    return head;
}

/* Items of a list beside each other, with their keys. */
enum { RUN_MOST = 512, BRIEF = 16, LANES = 8, PLACES = 32 };
struct keyed {
    uint64_t key;
    uint32_t item;
};

/* A list on its way: `head` is what was not taken yet; 2^n sorted runs, merged where they lie, wait
 * in place n. */
struct sorting {
    uint32_t head;
    uint32_t used;
    uint32_t runs[PLACES];
};

static void insert_each(struct keyed *keyed, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        struct keyed moving = keyed[i];
        uint32_t at = i;
        for (; at > 0 && keyed[at - 1].key > moving.key; at--)
            keyed[at] = keyed[at - 1];
        keyed[at] = moving;
    }
}

/* Merges neighbouring runs of `width` items from one array into the other. */
static void merge_runs(struct keyed *to, const struct keyed *from, uint32_t count, uint32_t width)
{
    for (uint32_t start = 0; start < count; start += 2 * width) {
        uint32_t middle = start + width < count ? start + width : count;
        uint32_t end = middle + width < count ? middle + width : count;
        uint32_t a = start, b = middle;
        for (uint32_t i = start; i < end; i++) {
            bool first = b == end || (a < middle && from[a].key <= from[b].key);
            to[i] = from[first ? a++ : b++];
        }
    }
}

/* Sorts items and links them in order; returns the first. */
static uint32_t link_run(const struct chain *chain, struct keyed *keyed, uint32_t count)
{
    struct keyed beside[RUN_MOST];
    struct keyed *other = beside;
    for (uint32_t i = 0; i < count; i += BRIEF)
        insert_each(&keyed[i], count - i < BRIEF ? count - i : BRIEF);
    for (uint32_t width = BRIEF; width < count; width *= 2) {
        struct keyed *swapped = keyed;
        merge_runs(other, keyed, count, width);
        keyed = other;
        other = swapped;
    }
    for (uint32_t i = 0; i < count; i++)
        *next_of(chain, keyed[i].item) = i + 1 < count ? keyed[i + 1].item : TN_NONE;
    return keyed[0].item;
}

static void add_run(const struct chain *chain, struct sorting *sorting, uint32_t run)
{
    uint32_t place = 0;
    for (; place < sorting->used && sorting->runs[place] != TN_NONE; place++) {
        run = merge(chain, sorting->runs[place], run);
        sorting->runs[place] = TN_NONE;
    }
    TN_ASSERT(place < PLACES);
    if (place == sorting->used) sorting->used++;
    sorting->runs[place] = run;
}

static uint32_t merge_all(const struct chain *chain, const struct sorting *sorting)
{
    uint32_t all = TN_NONE;
    for (uint32_t place = 0; place < sorting->used; place++) {
        if (sorting->runs[place] == TN_NONE) continue;
        all = all == TN_NONE ? sorting->runs[place] : merge(chain, sorting->runs[place], all);
    }
    return all;
}

/* Takes up to RUN_MOST items off each list, a step on all of them at a time; false when all were at
 * their ends. */
static bool take_runs(const struct chain *chain, struct sorting *lists, uint32_t lists_count)
{
    struct keyed keyed[LANES][RUN_MOST];
    uint32_t counts[LANES] = {0}, left = lists_count;
    for (uint32_t step = 0; step < RUN_MOST && left > 0; step++) {
        left = 0;
        for (uint32_t lane = 0; lane < lists_count; lane++) {
            const uint32_t item = lists[lane].head;
            if (item == TN_NONE) continue;
            keyed[lane][step] = (struct keyed){key_of(chain, item), item};
            lists[lane].head = *next_of(chain, item);
            counts[lane] = step + 1;
            left++;
        }
    }
    for (uint32_t lane = 0; lane < lists_count; lane++) {
        if (counts[lane] == 0) continue;
        add_run(chain, &lists[lane], link_run(chain, keyed[lane], counts[lane]));
    }
    return left > 0;
}

/* Ascending by key; each head becomes the new one. */
static void sort_lists(const struct chain *chain, uint32_t *const heads[LANES],
                       uint32_t lists_count)
{
    struct sorting lists[LANES];
    TN_ASSERT(lists_count <= LANES);
    for (uint32_t lane = 0; lane < lists_count; lane++) {
        lists[lane].head = *heads[lane];
        lists[lane].used = 0;
    }
    while (take_runs(chain, lists, lists_count)) {
    }
    for (uint32_t lane = 0; lane < lists_count; lane++)
        *heads[lane] = merge_all(chain, &lists[lane]);
}

static uint32_t sort_list(const struct chain *chain, uint32_t head)
{
    uint32_t *const heads[LANES] = {&head};
    if (head != TN_NONE && *next_of(chain, head) != TN_NONE) sort_lists(chain, heads, 1);
    return head;
}

/* ---- Orders ---- */

/* OCO: both stand in one series on one side, the second waits, and its id is the next. */
static bool sibling_fits(const struct tn_exchange *exchange, uint32_t slot)
{
    const struct order *order = &exchange->orders[slot];
    uint64_t id = exchange->resting[slot].id;
    uint64_t other = sibling_of(order);
    if (other == 0) return true;
    uint32_t found = tn_book_find(exchange->books, other);
    if (found == TN_NONE) return false;
    const struct order *sibling = &exchange->orders[found];
    return other == (order->waiting ? id - 1 : id + 1) && sibling_of(sibling) == id &&
           sibling->waiting != order->waiting && sibling->exposure == order->exposure &&
           sibling->side == order->side && !order->reduce_only;
}

static const char *link_orders(struct tn_exchange *exchange, uint32_t index)
{
    struct account *account = &exchange->accounts[index];
    const struct chain chain = {.next = (unsigned char *)&exchange->links[0].next,
                                .key = (const unsigned char *)&exchange->resting[0].id,
                                .next_stride = sizeof(struct order_link),
                                .key_stride = sizeof(struct tn_resting)};
    account->orders_head = sort_list(&chain, account->orders_head);
    uint32_t previous = TN_NONE, count = 0;
    uint32_t slot = account->orders_head;
    for (; slot != TN_NONE; slot = exchange->links[slot].next) {
        if (!sibling_fits(exchange, slot)) return "An order's sibling does not fit it.";
        exchange->links[slot].previous = previous;
        previous = slot;
        count++;
    }
    account->orders_tail = previous;
    return count == account->orders_count ? NULL : "The account's orders are not as many.";
}

static const char *link_group(struct tn_exchange *exchange, struct group *group)
{
    const struct chain chain = {.next = (unsigned char *)&exchange->orders[0].group_next,
                                .key = (const unsigned char *)&exchange->orders[0].group_joined,
                                .next_stride = sizeof(struct order),
                                .key_stride = sizeof(struct order)};
    group->quotes_head = sort_list(&chain, group->quotes_head);
    uint32_t previous = TN_NONE;
    uint64_t joined = 0;
    uint32_t slot = group->quotes_head;
    for (; slot != TN_NONE; slot = exchange->orders[slot].group_next) {
        struct order *order = &exchange->orders[slot];
        if (order->group_joined <= joined) return "Two quotes joined a group at once.";
        joined = order->group_joined;
        order->group_previous = previous;
        previous = slot;
    }
    group->quotes_tail = previous;
    return NULL;
}

static const char *link_groups(struct tn_exchange *exchange, uint32_t index)
{
    uint32_t slot = exchange->accounts[index].groups_head;
    for (; slot != TN_NONE; slot = exchange->groups[slot].next) {
        const char *what = link_group(exchange, &exchange->groups[slot]);
        if (what != NULL) return what;
    }
    return NULL;
}

/* ---- Exposures ---- */

static struct chain exposures_by(struct tn_exchange *exchange, uint32_t *next)
{
    return (struct chain){.next = (unsigned char *)next,
                          .key = (const unsigned char *)&exchange->exposures[0].joined,
                          .next_stride = sizeof(struct exposure),
                          .key_stride = sizeof(struct exposure)};
}

/* As joining one after the other would have it: an option last, a future or perpetual first. */
static void join_account(struct tn_exchange *exchange, struct account *account, uint32_t slot)
{
    struct exposure *exposure = &exchange->exposures[slot];
    bool first = exchange->series[exposure->series].is_linear;
    uint32_t next = first ? account->exposures_head : TN_NONE;
    uint32_t previous = first ? TN_NONE : account->exposures_tail;
    exposure->account_next = next;
    exposure->account_previous = previous;
    *(previous == TN_NONE ? &account->exposures_head
                          : &exchange->exposures[previous].account_next) = slot;
    *(next == TN_NONE ? &account->exposures_tail : &exchange->exposures[next].account_previous) =
        slot;
}

static const char *link_account(struct tn_exchange *exchange, uint32_t index)
{
    struct account *account = &exchange->accounts[index];
    const struct chain chain = exposures_by(exchange, &exchange->exposures[0].account_next);
    uint32_t slot = sort_list(&chain, account->exposures_head);
    account->exposures_head = account->exposures_tail = TN_NONE;
    uint64_t joined = 0;
    while (slot != TN_NONE) {
        struct exposure *exposure = &exchange->exposures[slot];
        uint32_t next = exposure->account_next;
        if (exposure->joined <= joined) return "Two positions of the account joined at once.";
        if (exposure->orders_count == 0 && exposure->position.quantity == 0) {
            return "A position of nothing, without orders.";
        }
        joined = exposure->joined;
        join_account(exchange, account, slot);
        slot = next;
    }
    return NULL;
}

static void sort_series(struct tn_exchange *exchange, uint32_t first, uint32_t count)
{
    uint32_t *heads[LANES];
    const struct chain chain = exposures_by(exchange, &exchange->exposures[0].series_next);
    for (uint32_t lane = 0; lane < count; lane++)
        heads[lane] = &exchange->series[first + lane].exposures_head;
    sort_lists(&chain, heads, count);
}

/* Of lists that are sorted. Positions are added up in passing, while they are near. */
static const char *link_series(struct tn_exchange *exchange, struct series *series)
{
    tn_i128 sum = 0, longs = 0;
    uint32_t previous = TN_NONE;
    uint64_t joined = 0;
    uint32_t slot = series->exposures_head;
    for (; slot != TN_NONE; slot = exchange->exposures[slot].series_next) {
        struct exposure *exposure = &exchange->exposures[slot];
        if (exposure->joined <= joined) return "Two positions of the series joined at once.";
        joined = exposure->joined;
        exposure->series_previous = previous;
        previous = slot;
        tn_lots quantity = exposure->position.quantity;
        sum += quantity;
        longs += quantity > 0 ? quantity : 0;
    }
    series->exposures_tail = previous;
    bool is_whole = exchange->imported[TN_RECORD_ACCOUNT].count == exchange->accounts_count;
    if (is_whole ? longs != series->open_interest : longs > series->open_interest) {
        return "Positions are not the open interest.";
    }
    bool balances = is_whole && series->status != TN_STATUS_SETTLING;
    if (sum != 0 && balances) return "Positions are not balanced.";
    return NULL;
}

/* ---- All of them ---- */

static const char *link_all_of(struct tn_exchange *exchange, uint32_t index)
{
    const char *what = link_orders(exchange, index);
    if (what == NULL) what = link_groups(exchange, index);
    if (what == NULL) what = link_account(exchange, index);
    return what;
}

bool tn_exchange_import_end_accounts(struct tn_exchange *exchange, struct tn_import_fault *fault)
{
    for (uint32_t i = 0; i < exchange->accounts_count; i++) {
        if (!tn_exchange_is_present(exchange, i)) continue;
        const char *what = link_all_of(exchange, i);
        if (what != NULL) return import_fault(fault, TN_RECORD_ACCOUNT, i, what);
        if (exchange->risk != NULL) tn_exchange_hold_all(exchange, i);
    }
    for (uint32_t i = 0; i < exchange->series_used; i++) {
        const uint32_t left = exchange->series_used - i;
        if (i % LANES == 0) sort_series(exchange, i, left < LANES ? left : LANES);
        const char *what = link_series(exchange, &exchange->series[i]);
        if (what != NULL) return import_fault(fault, TN_RECORD_SERIES, i, what);
    }
    return true;
}
