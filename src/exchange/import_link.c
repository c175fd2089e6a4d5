/* import_link: the end of reading accounts and orders back: lists in order, and margin's copies.
 *
 * While records are read, exposures and orders hang in their lists by `next` links alone, in the
 * order in which they came. Here each list is put in order without other memory than the stack:
 * short runs are sorted beside it, and merged where they lie. O(n log n). */
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
enum { RUN_MOST = 256, BRIEF = 16 };
struct keyed {
    uint64_t key;
    uint32_t item;
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

/* Takes up to RUN_MOST items off a list and links them in order; returns the first. */
static uint32_t take_run(const struct chain *chain, uint32_t *head)
{
    struct keyed arrays[2][RUN_MOST];
    struct keyed *keyed = arrays[0], *other = arrays[1];
    uint32_t count = 0;
    do {
        keyed[count++] = (struct keyed){key_of(chain, *head), *head};
        *head = *next_of(chain, *head);
    } while (*head != TN_NONE && count < RUN_MOST);
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

/* Ascending by key; returns the new head. Short lists are sorted beside; of a long one 2^n runs,
 * merged where they lie, wait in place n. */
static uint32_t sort_list(const struct chain *chain, uint32_t head)
{
    enum { PLACES = 32 };
    uint32_t runs[PLACES];
    uint32_t used = 0;
    while (head != TN_NONE) {
        uint32_t run = take_run(chain, &head);
        uint32_t place = 0;
        for (; place < used && runs[place] != TN_NONE; place++) {
            run = merge(chain, runs[place], run);
            runs[place] = TN_NONE;
        }
        TN_ASSERT(place < PLACES);
        if (place == used) used++;
        runs[place] = run;
    }
    uint32_t all = TN_NONE;
    for (uint32_t place = 0; place < used; place++) {
        if (runs[place] == TN_NONE) continue;
        all = all == TN_NONE ? runs[place] : merge(chain, runs[place], all);
    }
    return all;
}

/* ---- Orders ---- */

/* OCO: both stand in one series on one side, the second waits, and its id is the next. */
static bool sibling_fits(const struct tn_exchange *exchange, uint32_t slot)
{
    const struct order *order = &exchange->orders[slot];
    uint64_t id = exchange->resting[slot].id;
    if (order->sibling_id == 0) return true;
    uint32_t found = tn_book_find(exchange->books, order->sibling_id);
    if (found == TN_NONE) return false;
    const struct order *sibling = &exchange->orders[found];
    return order->sibling_id == (order->waiting ? id - 1 : id + 1) && sibling->sibling_id == id &&
           sibling->waiting != order->waiting && sibling->exposure == order->exposure &&
           sibling->side == order->side && !order->reduce_only;
}

static const char *link_orders(struct tn_exchange *exchange, uint32_t index)
{
    struct account *account = &exchange->accounts[index];
    const struct chain chain = {.next = (unsigned char *)&exchange->orders[0].account_next,
                                .key = (const unsigned char *)&exchange->resting[0].id,
                                .next_stride = sizeof(struct order),
                                .key_stride = sizeof(struct tn_resting)};
    account->orders_head = sort_list(&chain, account->orders_head);
    uint32_t previous = TN_NONE, count = 0;
    uint32_t slot = account->orders_head;
    for (; slot != TN_NONE; slot = exchange->orders[slot].account_next) {
        if (!sibling_fits(exchange, slot)) return "An order's sibling does not fit it.";
        exchange->orders[slot].account_previous = previous;
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

/* Positions are added up in passing, while they are near. */
static const char *link_series(struct tn_exchange *exchange, struct series *series)
{
    tn_i128 sum = 0, longs = 0;
    const struct chain chain = exposures_by(exchange, &exchange->exposures[0].series_next);
    series->exposures_head = sort_list(&chain, series->exposures_head);
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
        const char *what = link_series(exchange, &exchange->series[i]);
        if (what != NULL) return import_fault(fault, TN_RECORD_SERIES, i, what);
    }
    return true;
}
