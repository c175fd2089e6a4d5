/* inspect_history: what the store keeps of the past of accounts and orders. A solo home has indexes
 * of both; a set's has of each block the messages of each account's stream, if the node served
 * clients, and no index of orders. */
#include "cluster/past.h"
#include "inspect.h"
#include "tenord.h"

#include <inttypes.h>

struct telling {
    const struct inspect *inspect;
    uint32_t account;
    uint64_t fills, since, lowest; /* since: of rows that are whole; lowest: of those there are */
    enum store_err err;
};

static void tell_fill(struct telling *telling, uint64_t height, const struct tn_event *event)
{
    const bool took = event->account == telling->account;
    const bool buys = (event->side == TN_BUY) == took;
    const uint64_t order = took ? event->order_id : event->other_order_id;
    printf("height %-10" PRIu64 " %s %" PRId64 " lots of %s @ %" PRId64 " ticks, ", height,
           buys ? "buys" : "sells", event->quantity,
           inspect_series_name(telling->inspect, event->series_id), event->price);
    if (order != 0) {
        printf("order %" PRIu64 " %s", order, took ? "takes" : "makes");
    } else {
        fputs("off the book", stdout);
    }
    printf(", with account %u, fee %" PRId64 " micros\n",
           took ? event->other_account : event->account, took ? event->fee : event->other_fee);
    telling->fills++;
}

/* ---- A solo home's -----------------------------------------------------------------------------
 */

static bool see_fill(void *context, uint64_t height, uint32_t index, const uint8_t *bytes,
                     size_t size)
{
    struct telling *telling = context;
    struct tn_event event;
    (void)index;
    if (size != TN_EVENT_BYTES || !tn_stream_read_event(&event, bytes)) {
        telling->err = STORE_CORRUPT;
        return false;
    }
    tell_fill(telling, height, &event);
    return true;
}

/* ---- A set's -----------------------------------------------------------------------------------
 */

static bool see_row(void *context, const uint8_t *key, size_t key_size, const uint8_t *value,
                    size_t value_size)
{
    struct telling *telling = context;
    const struct inspect *inspect = telling->inspect;
    const uint32_t market = inspect->set->conf.limits.markets[inspect->place].market;
    const uint64_t height = key_size == 8 ? tn_get_be(key, 8) : 0;
    struct past_row_head head;
    struct past_row_messages messages;
    struct gateway_record record;
    enum past_row_answer answer = PAST_ROW_END;
    if (height > inspect->height) return false; /* of what is kept under heights of no block */
    if (!past_row_open(&head, machine_cpu(), value, value_size) || head.height != height) {
        telling->err = STORE_CORRUPT;
        return false;
    }
    if (telling->lowest == 0) telling->lowest = height;
    if (height < telling->since || !past_row_find(&messages, &head, market, telling->account)) {
        return true;
    }
    while ((answer = past_row_next(&messages, &record)) == PAST_ROW_NEXT)
        if (record.event.kind == TN_EVENT_TRADE) tell_fill(telling, height, &record.event);
    if (answer == PAST_ROW_DAMAGED) telling->err = STORE_CORRUPT;
    return answer == PAST_ROW_END;
}

/* ---- The commands ------------------------------------------------------------------------------
 */

int inspect_fills(struct inspect *inspect)
{
    uint64_t account, first = 0;
    struct telling telling = {.inspect = inspect, .err = STORE_OK};
    if (!inspect_number(inspect, &account, 1, "account",
                        tn_exchange_accounts_count(inspect->exchange))) {
        return END_REFUSED;
    }
    telling.account = (uint32_t)account;
    enum store_err err;
    if (inspect->set == NULL) {
        err = store_each_fill(inspect->reading.view, telling.account, 0, see_fill, &telling);
        first = reading_first_block(&inspect->reading);
    } else if (past_rows_since(&telling.since, inspect->set->view, inspect->height) == STORE_OK) {
        if (!set_first_block(&first, inspect->set)) return END_WRONG;
        err = store_each(inspect->set->view, STORE_RECEIPTS, NULL, 0, see_row, &telling);
        if (telling.since > first) first = telling.since;
        if (telling.lowest > first) first = telling.lowest; /* those before may be pruned */
    } else {
        complain("there are no accounts' streams that this program reads, up to height %" PRIu64
                 ": the node has served no clients, or was of another version",
                 inspect->height);
        return END_REFUSED;
    }
    if (err == STORE_OK) err = telling.err;
    if (err != STORE_OK) {
        complain("the store does not read: see tenord db check");
        return END_WRONG;
    }
    printf("%" PRIu64 " fills in blocks %" PRIu64 " to %" PRIu64 "\n", telling.fills, first,
           inspect->height);
    return END_GOOD;
}

int inspect_order(struct inspect *inspect)
{
    uint64_t id;
    struct store_order order;
    if (!inspect_number(inspect, &id, 1, "order", UINT64_MAX)) return END_REFUSED;
    if (inspect->set != NULL) {
        complain("a set's home has no index of orders: see fills ACCOUNT, or proof order ID of one "
                 "that rests");
        return END_REFUSED;
    }
    enum store_err err = store_get_order(inspect->reading.view, &order, id);
    if (err == STORE_ABSENT) {
        complain("the store knows no order %" PRIu64 ": there was none, or it is pruned", id);
        return END_REFUSED;
    }
    if (err != STORE_OK) {
        complain("the store does not read: see tenord db check");
        return END_WRONG;
    }
    printf("order        %" PRIu64 "\naccount      %u\nseries       %s\nopen         %" PRId64
           " lots%s\nlast touched at height %" PRIu64 "\n",
           order.order_id, order.account, inspect_series_name(inspect, order.series_id),
           order.open_lots, order.closed ? ", closed" : "", order.height);
    return END_GOOD;
}
