/* told: which orders of a book are to be written down anew, so that a book of thousands does not
 * cost thousands when three of them moved.
 *
 * A book's record names its orders by rank, four lists of them. Each order remembers the rank it
 * was told at, each list how many it had. A mark takes an order's rank away; as it is set before
 * the order leaves its place, the order ahead of it is known, and the lowest such place is where
 * telling begins: everything before it is the same orders, unmarked, at the same ranks. New orders
 * are marked when they come, and their places are looked at when changes are asked for. From there
 * the walk tells of what is marked or stands at another rank, and ends early when all marked ones
 * were met and the list is as long as it was: then the rest stands where it stood.
 *
 * Unmarked orders never overtake each other, which is what all of this rests on. */
#include "exchange/records_account.h"

static uint32_t list_of(const struct tn_resting *resting)
{
    bool waits = resting->book % 2 != 0;
    enum tn_side side = (enum tn_side)resting->side;
    return waits ? 2 + (stop_side(TN_BUY) == side ? 0 : 1) : (uint32_t)side;
}

static struct told_list *told_of(const struct tn_exchange *exchange, uint32_t slot)
{
    const struct tn_resting *resting = &exchange->resting[slot];
    uint32_t series = resting->book / 2;
    return &exchange->touches.told[(size_t)series * TN_RECORD_BOOK_LISTS + list_of(resting)];
}

static bool has_rank(const struct tn_exchange *exchange, uint32_t slot)
{
    return exchange->orders[slot].rank - 1 < ORDER_PLACED - 1;
}

/* Telling begins at this rank, behind `after`, or at a lower one. */
static void begin_at(struct told_list *list, uint32_t rank, uint32_t after)
{
    if (list->is_changed && list->from <= rank) return;
    list->is_changed = true;
    list->from = rank;
    list->after = after;
}

/* Orders that are marked already stand between it and the one ahead that is not; had one of those
 * been told of, telling would begin there or before, so they came since, and each walk passes other
 * ones: all walks together are no longer than the list of the marked. */
void tn_exchange_mark_order(struct tn_exchange *exchange, uint32_t slot)
{
    struct touches *touches = &exchange->touches;
    uint32_t rank = exchange->orders[slot].rank;
    TN_ASSERT(rank != ORDER_MARKED && touches->marked_count < exchange->limits.orders_max);
    touches->marked[touches->marked_count++] = slot;
    exchange->orders[slot].rank = ORDER_MARKED;
    if (rank == 0) return;
    TN_ASSERT(is_in_book(exchange, slot));
    struct told_list *list = told_of(exchange, slot);
    if (rank == ORDER_PLACED) { /* telling begins before it already */
        TN_ASSERT(list->pending > 0 && list->is_changed);
        list->pending--;
        return;
    }
    rank--;
    TN_ASSERT(list->kept > 0 && rank < list->count);
    list->kept--;
    if (list->is_changed && list->from <= rank) return;
    uint32_t ahead = tn_book_before(exchange->books, slot);
    while (ahead != TN_NONE && !has_rank(exchange, ahead))
        ahead = tn_book_before(exchange->books, ahead);
    TN_ASSERT((ahead == TN_NONE ? 0 : exchange->orders[ahead].rank) == rank);
    begin_at(list, rank, ahead);
}

void tn_exchange_place_marked(struct tn_exchange *exchange)
{
    struct touches *touches = &exchange->touches;
    for (uint32_t i = 0; i < touches->marked_count; i++) {
        uint32_t slot = touches->marked[i];
        if (!is_in_book(exchange, slot)) continue;
        struct told_list *list = told_of(exchange, slot);
        list->pending++;
        uint32_t ahead = tn_book_before(exchange->books, slot);
        if (ahead != TN_NONE && !has_rank(exchange, ahead)) continue; /* that one's place counts */
        begin_at(list, ahead == TN_NONE ? 0 : exchange->orders[ahead].rank, ahead);
    }
    while (touches->marked_count > 0) {
        uint32_t slot = touches->marked[--touches->marked_count];
        exchange->orders[slot].rank = is_in_book(exchange, slot) ? ORDER_PLACED : 0;
    }
}

bool tn_exchange_book_changes(struct tn_exchange *exchange, struct tn_book_changes *changes,
                              uint32_t series, uint32_t list)
{
    TN_ASSERT(series < exchange->series_used && list < TN_RECORD_BOOK_LISTS);
    tn_exchange_place_marked(exchange);
    struct told_list *told = &exchange->touches.told[(size_t)series * TN_RECORD_BOOK_LISTS + list];
    if (!told->is_changed) return false;
    *changes = (struct tn_book_changes){
        .count = told->kept + told->pending,
        .place = series * TN_RECORD_BOOK_LISTS + list,
        .next_rank = told->from,
        .next_slot = told->after != TN_NONE
                         ? tn_book_after(exchange->books, told->after)
                         : tn_book_front(exchange->books, book_of_list(series, list),
                                         book_side_of_list(list)),
    };
    return true;
}

bool tn_exchange_book_change(struct tn_exchange *exchange, struct tn_book_changes *changes,
                             uint8_t order[TN_RECORD_ORDER_SIZE])
{
    struct touches *touches = &exchange->touches;
    struct told_list *told = &touches->told[changes->place];
    bool is_as_long = changes->count == told->count;
    while (changes->next_slot != TN_NONE) {
        uint32_t slot = changes->next_slot;
        uint32_t rank = changes->next_rank;
        bool is_same = exchange->orders[slot].rank == rank + 1;
        if (is_same && is_as_long && told->pending == 0) break;
        if (exchange->orders[slot].rank == ORDER_PLACED) {
            told->pending--;
            told->kept++;
        }
        exchange->orders[slot].rank = rank + 1;
        changes->next_rank++;
        changes->next_slot = tn_book_after(exchange->books, slot);
        if (is_same) continue;
        changes->rank = rank;
        tn_exchange_write_order(exchange, order, slot);
        return true;
    }
    TN_ASSERT(told->pending == 0 && told->kept == changes->count);
    TN_ASSERT(changes->next_slot != TN_NONE || changes->next_rank == changes->count);
    told->count = changes->count;
    told->is_changed = false;
    return false;
}

void tn_exchange_tell_books(struct tn_exchange *exchange)
{
    struct touches *touches = &exchange->touches;
    while (touches->marked_count > 0)
        exchange->orders[touches->marked[--touches->marked_count]].rank = 0;
    for (uint32_t series = 0; series < exchange->series_used; series++) {
        for (uint32_t list = 0; list < TN_RECORD_BOOK_LISTS; list++) {
            uint32_t count = 0;
            uint32_t slot =
                tn_book_front(exchange->books, book_of_list(series, list), book_side_of_list(list));
            for (; slot != TN_NONE; slot = tn_book_after(exchange->books, slot))
                exchange->orders[slot].rank = ++count;
            touches->told[(size_t)series * TN_RECORD_BOOK_LISTS + list] =
                (struct told_list){.count = count, .kept = count};
        }
    }
}

void tn_exchange_check_told(const struct tn_exchange *exchange)
{
    const struct touches *touches = &exchange->touches;
    for (uint32_t i = 0; i < touches->marked_count; i++)
        TN_ASSERT(exchange->orders[touches->marked[i]].rank == ORDER_MARKED);
    for (uint32_t place = 0; place < exchange->series_used * TN_RECORD_BOOK_LISTS; place++) {
        const struct told_list *told = &touches->told[place];
        uint32_t series = place / TN_RECORD_BOOK_LISTS, list = place % TN_RECORD_BOOK_LISTS;
        uint32_t rank = 0, kept = 0, pending = 0, last = 0;
        uint32_t slot =
            tn_book_front(exchange->books, book_of_list(series, list), book_side_of_list(list));
        for (; slot != TN_NONE; slot = tn_book_after(exchange->books, slot), rank++) {
            uint32_t was = exchange->orders[slot].rank;
            TN_ASSERT(was != 0); /* who came is marked */
            pending += was == ORDER_PLACED;
            if (!has_rank(exchange, slot)) continue;
            TN_ASSERT(was > last && was <= told->count);
            bool may_move = touches->marked_count > 0 || (told->is_changed && rank >= told->from);
            TN_ASSERT(was == rank + 1 || may_move);
            last = was;
            kept++;
        }
        TN_ASSERT(kept == told->kept && pending == told->pending);
        TN_ASSERT(told->is_changed || (kept == told->count && pending == 0));
    }
}
