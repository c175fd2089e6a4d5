/* Sizes, flags and ranges that export and import of accounts and books share; the layouts are in
 * docs/specs/records.md. */
#ifndef TENOR_EXCHANGE_RECORDS_ACCOUNT_H
#define TENOR_EXCHANGE_RECORDS_ACCOUNT_H

#include "exchange/records.h"

enum {
    ACCOUNT_ASSETS = 8, /* places of an ACCOUNT record: cash and seven */
    MARGIN_SIZE = 104,
    GROUP_SIZE = 112,
    MEMORY_SIZE_LEAST = 4 + 8 + 4,
    BOOK_SIZE_LEAST = 4 * TN_RECORD_BOOK_LISTS,
    EXPOSURES_PER_ACCOUNT_MOST = 4096, /* what limits allow */
};

/* Flags of an order's record. */
enum { ORDER_REDUCE_ONLY = 1, ORDER_IS_QUOTE = 2, ORDER_FLAGS = 3 };

/* Bounds on what is read: far beyond what rules let happen, near enough that no sum overflows. */
#define MONEY_MOST (INT64_C(1) << 62)

/* The lists of a BOOK record: bids, asks, waiting buys, waiting sells. */
static inline bool list_waits(uint32_t list)
{
    return list >= 2;
}
static inline uint8_t order_side_of_list(uint32_t list)
{
    return list % 2 == 0 ? TN_BUY : TN_SELL;
}
/* export_book.c: one order of a BOOK record. */
void tn_exchange_write_order(const struct tn_exchange *exchange, uint8_t out[TN_RECORD_ORDER_SIZE],
                             uint32_t slot);

static inline uint32_t book_of_list(uint32_t series, uint32_t list)
{
    return list_waits(list) ? stops_of(series) : book_of(series);
}
static inline enum tn_side book_side_of_list(uint32_t list)
{
    uint8_t side = order_side_of_list(list);
    return list_waits(list) ? stop_side(side) : (enum tn_side)side;
}

#endif
