/* Events as messages. A trade uses the place of the two indexes for the maker's fee; every other
 * kind uses it for the indexes. Client id and the other order's id share one place in both. */
#include "wire/wire.h"

#include <string.h>

void wire_event(Tenor__V1__Event *message, const struct tn_event *event)
{
    tenor__v1__event__init(message);
    message->kind = event->kind;
    message->side = (Tenor__V1__Side)event->side;
    message->flags = event->flags;
    message->reason = event->reason;
    message->reject = event->reject;
    message->duplicate = event->duplicate;
    message->account = event->account;
    message->other_account = event->other_account;
    message->series_id = event->series_id;
    message->order_id = event->order_id;
    message->client_id = event->client_id;
    message->price = event->price;
    message->quantity = event->quantity;
    message->remaining = event->remaining;
    message->other_remaining = event->other_remaining;
    message->money = event->money;
    if (event->kind == TN_EVENT_TRADE) {
        message->other_fee = event->other_fee;
    } else {
        message->index = event->index;
        message->other_index = event->other_index;
    }
}

/* Numbers that are narrower in an event than on the wire. */
static bool fits(const Tenor__V1__Event *message)
{
    bool is_trade = message->kind == TN_EVENT_TRADE;
    return message->kind <= UINT8_MAX && message->flags <= UINT8_MAX &&
           message->reason <= UINT8_MAX && message->reject <= UINT16_MAX &&
           message->duplicate <= UINT16_MAX && (unsigned)message->side <= UINT8_MAX &&
           (is_trade ? message->index == 0 && message->other_index == 0 : message->other_fee == 0);
}

bool wire_event_read(struct tn_event *event, const Tenor__V1__Event *message)
{
    if (!fits(message)) return false;
    memset(event, 0, sizeof *event);
    event->kind = (uint8_t)message->kind;
    event->side = (uint8_t)message->side;
    event->flags = (uint8_t)message->flags;
    event->reason = (uint8_t)message->reason;
    event->reject = (uint16_t)message->reject;
    event->duplicate = (uint16_t)message->duplicate;
    event->account = message->account;
    event->other_account = message->other_account;
    event->series_id = message->series_id;
    event->order_id = message->order_id;
    event->client_id = message->client_id;
    event->price = message->price;
    event->quantity = message->quantity;
    event->remaining = message->remaining;
    event->other_remaining = message->other_remaining;
    event->money = message->money;
    if (event->kind == TN_EVENT_TRADE) {
        event->other_fee = message->other_fee;
    } else {
        event->index = message->index;
        event->other_index = message->other_index;
    }
    return true;
}
