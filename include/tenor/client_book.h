/* client_book: one series' book, kept from TN_NEWS_BOOK: a snapshot, then changes.
 *
 * Levels are sorted, best first. Each change must follow the one before (prev_seq), and every
 * hundredth carries a checksum over the whole book, which is compared: a book that says OK is the
 * node's. After anything else subscribe to the series anew; until its snapshot comes the book is
 * not to be traded on. Cost of a change: a binary search and a move of the levels behind it. */
#ifndef TENOR_CLIENT_BOOK_H
#define TENOR_CLIENT_BOOK_H

#include "tenor/client_data.h"

enum tn_client_book_step {
    TN_CLIENT_BOOK_OK = 0,
    TN_CLIENT_BOOK_OTHER = 1, /* not of this series, or of this book's kind: nothing has changed */
    TN_CLIENT_BOOK_GAP = 2,   /* a message is missing, or there was no snapshot yet */
    TN_CLIENT_BOOK_WRONG = 3, /* the checksum, or the order of levels, is not right */
    TN_CLIENT_BOOK_FULL = 4,  /* more than levels_max on a side */
};

struct tn_client_book {
    uint64_t series_id;
    uint64_t seq, block, time_ms;
    struct tn_level *sides[2]; /* by enum tn_side; bids descend, asks ascend */
    uint32_t counts[2];
    uint32_t levels_max;
    bool is_good; /* the last step was OK */
    bool is_soft; /* the caller's: it is kept from soft news, the others leave it alone */
    struct tn_soft_place soft;
};

/* `levels` are 2 × levels_max, the caller's, and outlive the book. */
void tn_client_book_init(struct tn_client_book *book, uint64_t series_id, struct tn_level *levels,
                         uint32_t levels_max);
enum tn_client_book_step tn_client_book_take(struct tn_client_book *book,
                                             const struct tn_book_news *news);
/* The checksum that a node would send for this book. */
uint32_t tn_client_book_crc(const struct tn_client_book *book);

#endif
