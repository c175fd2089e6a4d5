/* export_book: the orders of a series in priority order: bids, asks, waiting buys, waiting sells.
 *
 * An order takes 128 bytes, laid out so that a verifier finds id, account, price and open quantity
 * at fixed places. A result that left its account's list and lives for its order alone stands with
 * the order. */
#include "exchange/records_account.h"

static void put_order(const struct tn_exchange *exchange, struct writer *writer, uint32_t slot)
{
    const struct tn_resting *resting = &exchange->resting[slot];
    const struct order *order = &exchange->orders[slot];
    const struct result *result =
        order->result == TN_NONE ? NULL : &exchange->results[order->result];
    bool detached = result != NULL && result->detached;
    size_t before = writer->used;
    put_u64(writer, resting->id);
    put_u32(writer, resting->account);
    put_u32(writer, order->label);
    put_i64(writer, order->waiting ? order->limit_price : resting->price);
    put_i64(writer, open_of(exchange, slot));
    put_i64(writer, order->hidden);
    put_i64(writer, order->display);
    put_i64(writer, order->waiting ? resting->price : 0);
    put_i64(writer, order->until);
    put_i64(writer, order->reserve_per_lot);
    put_u64(writer, order->sibling_id);
    put_u64(writer, result == NULL ? 0 : result->client_id);
    put_i64(writer, detached ? result->quantity : 0);
    put_i64(writer, detached ? result->remaining : 0);
    put_u64(writer, order->group_joined);
    put_u32(writer, order->placed_mark);
    put_i32(writer, order->fee_max_ppm);
    put_u8(writer, order->side);
    put_u8(writer, order->type);
    put_u8(writer, order->tif);
    put_u8(writer, order->post);
    put_u8(writer, (uint8_t)((order->reduce_only ? ORDER_REDUCE_ONLY : 0) |
                             (order->is_quote ? ORDER_IS_QUOTE : 0)));
    put_u8(writer, order->stp);
    put_u8(writer, order->group == TN_NONE ? 0 : exchange->groups[order->group].terms.group);
    put_zeros(writer, 1);
    TN_ASSERT(writer->used - before == TN_RECORD_ORDER_SIZE);
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
