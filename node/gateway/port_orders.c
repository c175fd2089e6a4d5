/* port_orders: what became of resting orders, from the events of an entry and the books after it.
 *
 * Events say which orders were touched and which of them went to the end of a level; how they stand
 * now (an iceberg's visible part, whether an order is there at all) only the books say. So each
 * order named is looked up once. An order that moved stands where its last such event left it: all
 * that moved later to the same level stand behind it. */
#include "gateway/port.h"
#include "tenor/stateview.h"

#include <stdlib.h>
#include <string.h>

enum { TABLE_SMALL = 1024, PARTED_MAX = 256 };

/* Orders by id while they are collected: places + 1 in `orders`, open addressing. */
struct seen {
    uint32_t *table;
    uint32_t mask;
    struct port_order *orders;
    uint32_t count, room;
    bool moved_again; /* one that was named before: moves are not in the order of the list */
};

/* While they are collected, `price` is when the order moved last: its event's number plus one. */
static void mention(struct seen *seen, uint64_t series_id, uint64_t order_id, uint8_t side,
                    uint32_t moved)
{
    uint32_t at = (uint32_t)(order_id * UINT64_C(0x9e3779b97f4a7c15) >> 40) & seen->mask;
    if (order_id == 0) return; /* a leg of a block trade, a side that was refused */
    for (; seen->table[at] != 0; at = (at + 1) & seen->mask) {
        struct port_order *order = &seen->orders[seen->table[at] - 1];
        if (order->order_id != order_id) continue;
        if (moved > 0) {
            order->price = moved;
            seen->moved_again = true;
        }
        return;
    }
    TN_ASSERT(seen->count < seen->room);
    seen->orders[seen->count] = (struct port_order){
        .series_id = series_id, .order_id = order_id, .side = side, .price = moved};
    seen->table[at] = ++seen->count;
}

static void take_event(struct seen *seen, const struct tn_event *event, uint32_t number)
{
    const uint32_t moved = (event->flags & TN_EVENT_KEPT_PLACE) == 0 ? number + 1 : 0;
    switch ((enum tn_event_kind)event->kind) {
        case TN_EVENT_ACCEPTED:
        case TN_EVENT_REPLACED:
        case TN_EVENT_REFRESHED:
        case TN_EVENT_TRIGGERED:
        case TN_EVENT_QUOTED:
            if ((event->flags & TN_EVENT_STOP) != 0) return;
            if (event->reject != TN_REJECT_NONE) return; /* a quote that stays as it was */
            mention(seen, event->series_id, event->order_id, event->side, moved);
            return;
        case TN_EVENT_TRADE:
            mention(seen, event->series_id, event->order_id, event->side, 0);
            mention(seen, event->series_id, event->other_order_id,
                    event->side == TN_BUY ? TN_SELL : TN_BUY, 0);
            return;
        case TN_EVENT_CANCELLED:
        case TN_EVENT_REDUCED:
            mention(seen, event->series_id, event->order_id, event->side, 0);
            return;
        case TN_EVENT_RESULT:
        case TN_EVENT_PROTECTED:
        case TN_EVENT_STATUS:
        case TN_EVENT_LISTED:
        case TN_EVENT_SETTLED:
        case TN_EVENT_FUNDED:
        case TN_EVENT_MONEY:
        case TN_EVENT_OPENED:
        case TN_EVENT_UNCROSSED:
        case TN_EVENT_MARKED:
        case TN_EVENT_FEED:
        case TN_EVENT_LIQUIDATION:
        case TN_EVENT_SLICE:
        case TN_EVENT_SEIZED:
        case TN_EVENT_DELEVERAGED:
        case TN_EVENT_INSURANCE:
        case TN_EVENT_DEBT:
        case TN_EVENT_SOCIALISED:
        case TN_EVENT_RISK:
        case TN_EVENT_BORROWED:
        case TN_EVENT_CALLED:
        case TN_EVENT_REMITTED: return;
    }
}

static int by_move(const void *left, const void *right)
{
    const struct port_order *a = left, *b = right;
    return (a->price > b->price) - (a->price < b->price);
}

/* Those that kept their places as they were named, then the others as they moved. A frame's orders
 * are hardly ever out of that order but for those two being mixed. */
static void put_in_order(struct seen *seen)
{
    struct port_order moved[PARTED_MAX];
    uint32_t kept_count = 0, moved_count = 0;
    if (seen->count < 2) return;
    if (seen->moved_again || seen->count > PARTED_MAX) {
        qsort(seen->orders, seen->count, sizeof seen->orders[0], by_move);
        return;
    }
    for (uint32_t i = 0; i < seen->count; i++) {
        const struct port_order *order = &seen->orders[i];
        if (order->price > 0) {
            moved[moved_count++] = *order;
        } else {
            seen->orders[kept_count++] = *order;
        }
    }
    memcpy(seen->orders + kept_count, moved, moved_count * sizeof moved[0]);
}

/* False: it is a stop that waits, which nobody sees. */
static bool look_up(struct port_order *order, const struct tn_exchange *exchange)
{
    uint32_t slot = tn_book_find(tn_exchange_books(exchange), order->order_id);
    struct tn_order_view view;
    order->last = order->price > 0;
    order->price = 0;
    if (slot == TN_NONE) {
        order->last = false;
        return true;
    }
    tn_exchange_order_at(exchange, &view, slot);
    if (view.is_stop) return false;
    order->series_id = view.series_id;
    order->price = view.price;
    order->quantity = view.visible;
    order->side = view.side;
    return true;
}

uint32_t port_orders_of(struct port_order *orders, uint32_t room,
                        const struct tn_exchange *exchange, const struct tn_event *events,
                        uint32_t events_count)
{
    uint32_t small[TABLE_SMALL], size = 16, count = 0;
    while (size / 4 < events_count) /* two orders an event, half full */
        size *= 2;
    struct seen seen = {.table = small, .mask = size - 1, .orders = orders, .room = room};
    if (size > TABLE_SMALL) seen.table = malloc(size * sizeof small[0]);
    TN_ASSERT(seen.table != NULL);
    memset(seen.table, 0, size * sizeof small[0]);
    for (uint32_t i = 0; i < events_count; i++)
        take_event(&seen, &events[i], i);
    if (size > TABLE_SMALL) free(seen.table);
    put_in_order(&seen);
    for (uint32_t i = 0; i < seen.count; i++) {
        struct port_order order = orders[i];
        if (look_up(&order, exchange)) orders[count++] = order;
    }
    return count;
}
