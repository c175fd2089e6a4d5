/* export_book: the orders of a series in priority order: bids, asks, waiting buys, waiting sells.
 *
 * An order takes 128 bytes, laid out so that a verifier finds id, account, price and open quantity
 * at fixed places. A result that left its account's list and lives for its order alone stands with
 * the order. */
#include "exchange/records_account.h"

static inline uint8_t *to_u64(uint8_t *at, uint64_t value)
{
    uint64_t big = __builtin_bswap64(value);
    memcpy(at, &big, 8);
    return at + 8;
}

static inline uint8_t *to_i64(uint8_t *at, int64_t value)
{
    return to_u64(at, (uint64_t)value);
}

static inline uint8_t *to_u32(uint8_t *at, uint32_t value)
{
    uint32_t big = __builtin_bswap32(value);
    memcpy(at, &big, 4);
    return at + 4;
}

void tn_exchange_write_order(const struct tn_exchange *exchange, uint8_t out[TN_RECORD_ORDER_SIZE],
                             uint32_t slot)
{
    const struct tn_resting *resting = &exchange->resting[slot];
    const struct order *order = &exchange->orders[slot];
    const struct result *result =
        order->result == TN_NONE ? NULL : &exchange->results[order->result];
    bool detached = result != NULL && result->detached;
    uint8_t *at = to_u64(out, resting->id);
    at = to_u32(at, resting->account);
    at = to_u32(at, order->label);
    at = to_i64(at, order->waiting ? order->limit_price : resting->price);
    at = to_i64(at, open_of(exchange, slot));
    at = to_i64(at, order->hidden);
    at = to_i64(at, display_of(order));
    at = to_i64(at, order->waiting ? resting->price : 0);
    at = to_i64(at, until_of(order));
    at = to_i64(at, order->reserve_per_lot);
    at = to_u64(at, sibling_of(order));
    at = to_u64(at, result == NULL ? 0 : result->client_id);
    at = to_i64(at, detached ? result->quantity : 0);
    at = to_i64(at, detached ? result->remaining : 0);
    at = to_u64(at, order->group == TN_NONE ? 0 : order->group_joined);
    at = to_u32(at, order->placed_mark);
    at = to_u32(at, (uint32_t)order->fee_max_ppm);
    *at++ = order->side;
    *at++ = order->type;
    *at++ = order->tif;
    *at++ = order->post;
    *at++ = (uint8_t)((order->reduce_only ? ORDER_REDUCE_ONLY : 0) |
                      (order->is_quote ? ORDER_IS_QUOTE : 0));
    *at++ = order->stp;
    *at++ = order->group == TN_NONE ? 0 : exchange->groups[order->group].terms.group;
    *at++ = 0;
    TN_ASSERT(at == out + TN_RECORD_ORDER_SIZE);
}

static void put_order(const struct tn_exchange *exchange, struct writer *writer, uint32_t slot)
{
    if (writer->used + TN_RECORD_ORDER_SIZE <= writer->size) {
        tn_exchange_write_order(exchange, writer->out + writer->used, slot);
    }
    writer->used += TN_RECORD_ORDER_SIZE;
}

static uint32_t count_orders(const struct tn_exchange *exchange, uint32_t front)
{
    uint32_t count = 0;
    for (uint32_t i = front; i != TN_NONE; i = tn_book_after(exchange->books, i))
        count++;
    return count;
}

size_t tn_exchange_export_book(const struct tn_exchange *exchange, struct writer *writer,
                               uint32_t series)
{
    uint32_t front[TN_RECORD_BOOK_LISTS];
    bool is_empty = true;
    for (uint32_t list = 0; list < TN_RECORD_BOOK_LISTS; list++) {
        front[list] =
            tn_book_front(exchange->books, book_of_list(series, list), book_side_of_list(list));
        is_empty &= front[list] == TN_NONE;
    }
    if (is_empty) return 0;
    for (uint32_t list = 0; list < TN_RECORD_BOOK_LISTS; list++)
        put_u32(writer, count_orders(exchange, front[list]));
    for (uint32_t list = 0; list < TN_RECORD_BOOK_LISTS; list++) {
        for (uint32_t i = front[list]; i != TN_NONE; i = tn_book_after(exchange->books, i))
            put_order(exchange, writer, i);
    }
    return writer->used;
}
