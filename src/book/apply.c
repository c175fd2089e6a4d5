/* apply: many messages in one call, with their memory fetched ahead.
 *
 * A message needs a chain of records, each found by reading the one before: index cell, order,
 * level and neighbours; or book, tree, level, last order there. Alone it waits for each in turn.
 * Here every message passes four stages before its turn, some messages apart, and each stage reads
 * what the one before it has asked for and asks for the next, so that the waits of a dozen messages
 * overlap. What the stages find is handed on as a hint, so the work is not done twice.
 *
 * Stages change nothing. What they saw may have changed when the message's turn comes: see
 * tn_book_hint. docs/decisions/0002 has the measurements behind the distances. */
#include "book/internal.h"

/* How many messages ahead each stage works. */
#define AHEAD_CELL   13
#define AHEAD_RECORD 9
#define AHEAD_LEVEL  5
#define AHEAD_TAIL   2
#define AHEAD_PLAIN  4
#define RING         16 /* a power of two */
_Static_assert(AHEAD_CELL < RING, "the ring holds the window and the message at hand");

/* The stages have next to no branches, for no predictor knows the kind of a message, and a branch
 * missed in each stage costs more than the stages gain: what a message does not need is asked for
 * all the same, from record 0. */
static inline const struct tn_book *book_or_first(const struct tn_books *books, uint32_t book)
{
    return &books->book[book < books->limits.books_max ? book : 0];
}

/* Stage 1: ask for the index cell and the book. */
static inline void look_for_cell(const struct tn_books *books, struct tn_book_hint *hint,
                                 const struct tn_book_message *message)
{
    hint->hash = tn_index_hash_near(&books->index, message->id);
    hint->level = TN_NONE;
    tn_index_prefetch(&books->index, hint->hash);
    tn_prefetch(book_or_first(books, message->book));
}

/* Stage 2: read the cell and ask for the order. It sits in one of the first two cells nearly
 * always; if not, there is no guess. */
static inline void look_for_record(const struct tn_books *books, struct tn_book_hint *hint)
{
    uint32_t first = hint->hash & books->index.mask;
    uint32_t second = (first + 1) & books->index.mask;
    bool at_first = books->index.cells[first] >> 32 == hint->hash;
    hint->cell = at_first ? first : second;
    uint64_t content = books->index.cells[hint->cell];
    hint->slot = content >> 32 == hint->hash ? (uint32_t)content : TN_NONE;
    tn_prefetch(&books->orders[tn_book_or_first(hint->slot)]);
}

/* Stage 3: read the order and ask for its level and neighbours; or walk down the tree to the level
 * where a submit would rest. */
static inline void look_for_level(const struct tn_books *books, struct tn_book_hint *hint,
                                  const struct tn_book_message *message)
{
    if (message->kind == TN_BOOK_SUBMIT) {
        enum tn_side side = (enum tn_side)(message->side & 1);
        uint64_t key = tn_book_key(side, message->price);
        uint32_t reference = book_or_first(books, message->book)->side[side].root;
        while (!(reference & TN_BOOK_LEAF)) {
            uint32_t digit = tn_book_digit(key, tn_book_shift(reference));
            reference = tn_book_node_at(books, reference)->child[digit];
        }
        hint->level = reference == TN_NONE ? TN_NONE : reference & ~TN_BOOK_LEAF;
        tn_prefetch(&books->levels[tn_book_or_first(hint->level)]);
        return;
    }
    uint32_t slot = tn_book_or_first(hint->slot);
    const struct tn_resting *order = &books->orders[slot];
    tn_prefetch(&books->levels[tn_book_or_first(order->level)]);
    tn_prefetch(&books->orders[order->next == TN_NONE ? slot : order->next]);
    tn_prefetch(&books->orders[order->previous == TN_NONE ? slot : order->previous]);
}

/* Stage 4: read the level and ask for the last order there. */
static inline void look_for_tail(const struct tn_books *books, const struct tn_book_hint *hint)
{
    tn_prefetch(
        &books->orders[tn_book_or_first(books->levels[tn_book_or_first(hint->level)].tail)]);
}

static inline uint32_t handle(struct tn_books *books, struct tn_book_report *reports,
                              uint32_t reports_max, const struct tn_book_message *message,
                              const struct tn_book_hint *hint)
{
    switch (message->kind) {
        case TN_BOOK_SUBMIT:
            return tn_book_handle_submit(books, reports, reports_max, message, hint);
        case TN_BOOK_CANCEL: return tn_book_handle_cancel(books, reports, message, hint);
        case TN_BOOK_REPLACE:
            return tn_book_handle_replace(books, reports, reports_max, message, hint);
        default: return tn_book_handle_unknown(books, reports, message);
    }
}

/* apply_ahead looks ahead in all stages. Turn `at` is that of message at - AHEAD_CELL; the first
 * turns only fill the window. */
static uint32_t apply_ahead(struct tn_books *books, struct tn_book_report *reports,
                            uint32_t reports_max, uint32_t *done,
                            const struct tn_book_message *messages, uint32_t count)
{
    struct tn_book_hint hints[RING];
    bool busy = books->taker.active; /* then nothing is begun: every message is rejected */
    uint32_t written = 0;
    uint32_t at = 0;
    for (;; at++) {
        uint32_t i = at;
        if (i < count) look_for_cell(books, &hints[i % RING], &messages[i]);
        i = at - (AHEAD_CELL - AHEAD_RECORD); /* before the first message: far above count */
        if (i < count) look_for_record(books, &hints[i % RING]);
        i = at - (AHEAD_CELL - AHEAD_LEVEL);
        if (i < count) look_for_level(books, &hints[i % RING], &messages[i]);
        i = at - (AHEAD_CELL - AHEAD_TAIL);
        if (i < count) look_for_tail(books, &hints[i % RING]);
        if (at < AHEAD_CELL) continue;
        i = at - AHEAD_CELL;
        if (i >= count || written == reports_max || books->taker.active != busy) break;
        written +=
            handle(books, &reports[written], reports_max - written, &messages[i], &hints[i % RING]);
    }
    *done = at - AHEAD_CELL;
    return written;
}

/* apply_plain asks for the index cells only: all there is to gain while the records of the books
 * fit in the caches. */
static uint32_t apply_plain(struct tn_books *books, struct tn_book_report *reports,
                            uint32_t reports_max, uint32_t *done,
                            const struct tn_book_message *messages, uint32_t count)
{
    bool busy = books->taker.active;
    uint32_t written = 0;
    uint32_t i = 0;
    for (uint32_t j = 0; j < AHEAD_PLAIN && j < count; j++)
        tn_book_prefetch(books, messages[j].id);
    for (; i < count && written < reports_max && books->taker.active == busy; i++) {
        if (i + AHEAD_PLAIN < count) tn_book_prefetch(books, messages[i + AHEAD_PLAIN].id);
        struct tn_book_hint hint = {.hash = tn_index_hash_near(&books->index, messages[i].id),
                                    .slot = TN_NONE,
                                    .level = TN_NONE};
        written += handle(books, &reports[written], reports_max - written, &messages[i], &hint);
    }
    *done = i;
    return written;
}

/* From how many bytes of records on the caches are taken to be too small. */
#ifndef AHEAD_BYTES_MIN
#define AHEAD_BYTES_MIN (UINT64_C(1) << 22)
#endif

uint32_t tn_book_apply(struct tn_books *books, struct tn_book_report *reports, uint32_t reports_max,
                       uint32_t *done, const struct tn_book_message *messages, uint32_t count)
{
    TN_ASSERT(reports_max >= 1 && count < TN_NONE - RING);
    uint64_t bytes = sizeof(struct tn_books) +
                     (uint64_t)books->orders_pool.count * sizeof(struct tn_resting) +
                     (uint64_t)books->levels_pool.count * sizeof(struct tn_level) +
                     (uint64_t)books->nodes_pool.count * sizeof(struct tn_book_node);
    if (bytes < AHEAD_BYTES_MIN) {
        return apply_plain(books, reports, reports_max, done, messages, count);
    }
    return apply_ahead(books, reports, reports_max, done, messages, count);
}
