/* inspect_history: what an account has bought and sold, as far as the store goes back. A solo home
 * has an index of it; a set's has of each block the messages of each account's stream, if the node
 * served clients. */
#include "cluster/past.h"
#include "inspect.h"
#include "tenord.h"

#include <inttypes.h>

struct telling {
    const struct inspect *inspect;
    uint32_t account;
    uint64_t fills;
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

static bool see_message(void *context, const struct gateway_record *record)
{
    if (record->event.kind == TN_EVENT_TRADE) tell_fill(context, record->at.block, &record->event);
    return true;
}

int inspect_rows(struct past_rows *rows, const struct inspect *inspect)
{
    *rows = (struct past_rows){
        .view = inspect->set->view,
        .cpu = machine_cpu(),
        .market = inspect->set->conf.limits.markets[inspect->place].market,
        .through = inspect->height,
    };
    const enum store_err err = past_rows_since(&rows->since, rows->view, rows->through);
    if (err == STORE_OK) return END_GOOD;
    if (err != STORE_ABSENT) return inspect_damaged();
    complain("there are no accounts' streams that this program reads, up to height %" PRIu64
             ": the node has served no clients, or was of another version",
             inspect->height);
    return END_REFUSED;
}

int inspect_damaged(void)
{
    complain("the store does not read: see tenord db check");
    return END_WRONG;
}

/* *first: the lowest block whose fills there are. */
static int tell_fills_of_set(struct telling *telling, uint64_t *first)
{
    struct past_rows rows;
    uint64_t lowest;
    if (!set_first_block(first, telling->inspect->set)) return END_WRONG;
    const int end = inspect_rows(&rows, telling->inspect);
    if (end != END_GOOD) return end;
    telling->err = past_rows_walk(&rows, telling->account, 0, see_message, telling);
    if (telling->err == STORE_OK) telling->err = past_rows_first(&lowest, &rows);
    if (telling->err != STORE_OK) return inspect_damaged();
    if (rows.since > *first) *first = rows.since;
    if (lowest <= rows.through && lowest > *first) *first = lowest; /* before may be pruned */
    return END_GOOD;
}

/* ---- The command -------------------------------------------------------------------------------
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
    if (inspect->set != NULL) {
        const int end = tell_fills_of_set(&telling, &first);
        if (end != END_GOOD) return end;
    } else {
        enum store_err err =
            store_each_fill(inspect->reading.view, telling.account, 0, see_fill, &telling);
        if (err != STORE_OK || telling.err != STORE_OK) return inspect_damaged();
        first = reading_first_block(&inspect->reading);
    }
    printf("%" PRIu64 " fills in blocks %" PRIu64 " to %" PRIu64 "\n", telling.fills, first,
           inspect->height);
    return END_GOOD;
}
