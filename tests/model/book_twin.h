/* book_twin: the books of book.h in plain sorted arrays, with no cleverness at all.
 *
 * Every order of a side stands in one array in priority order; ids are found by looking at all of
 * them; a limit is tested by doing the work and taking it back. It is slow and easy to believe. */
#ifndef BOOK_TWIN_H
#define BOOK_TWIN_H

#include "tenor/book.h"

struct book_twin_order {
    uint64_t id;
    tn_ticks price;
    tn_lots quantity;
};

/* One side of one book, best and oldest first. */
struct book_twin_queue {
    struct book_twin_order *orders;
    uint32_t count;
    uint32_t capacity;
};

struct book_twin {
    struct tn_book_limits limits;
    struct book_twin_queue *queues; /* book × 2 + side */
    uint32_t orders_count;
    struct tn_book_report *reports; /* of the last message, all of them */
    uint32_t reports_count;
    uint32_t reports_capacity;
};

void book_twin_open(struct book_twin *twin, const struct tn_book_limits *limits);
void book_twin_close(struct book_twin *twin);
void book_twin_reset(struct book_twin *twin);

/* book_twin_handle does one message; its reports are in twin->reports. */
void book_twin_handle(struct book_twin *twin, const struct tn_book_message *message);

/* The parts, for tests of half two: what is named must be possible. */
void book_twin_rest(struct book_twin *twin, uint32_t book, enum tn_side side,
                    struct book_twin_order order);
struct book_twin_order book_twin_remove(struct book_twin *twin, uint32_t queue, uint32_t place);
uint32_t book_twin_levels_count(const struct book_twin *twin);

/* book_twin_load fills an empty twin with resting orders that do not cross, in one go: the only
 * way to give it a million of them. */
void book_twin_load(struct book_twin *twin, const struct tn_book_message *messages, uint32_t count);

/* book_twin_same is whether the books hold the very same orders in the very same places. */
bool book_twin_same(const struct book_twin *twin, struct tn_books *books);

#endif
