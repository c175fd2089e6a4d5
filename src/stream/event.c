/* Events as bytes (stream.md §4): all fields in the order of the struct, whatever the kind, so that
 * every event has the same size and a digest over them needs no lengths. Only the last eight bytes
 * are read by kind, because there the struct holds either one number or two. */
#include "stream/bytes.h"

static bool is_known(uint8_t kind)
{
    switch ((enum tn_event_kind)kind) {
        case TN_EVENT_RESULT:
        case TN_EVENT_ACCEPTED:
        case TN_EVENT_TRADE:
        case TN_EVENT_CANCELLED:
        case TN_EVENT_REDUCED:
        case TN_EVENT_REPLACED:
        case TN_EVENT_REFRESHED:
        case TN_EVENT_TRIGGERED:
        case TN_EVENT_QUOTED:
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
        case TN_EVENT_REMITTED: return true;
    }
    return false;
}

void tn_stream_write_event(uint8_t out[TN_EVENT_BYTES], const struct tn_event *event)
{
    struct writer writer = {.at = out};
    put_u8(&writer, event->kind);
    put_u8(&writer, event->side);
    put_u8(&writer, event->flags);
    put_u8(&writer, event->reason);
    put_u16(&writer, event->reject);
    put_u16(&writer, event->duplicate);
    put_u32(&writer, event->account);
    put_u32(&writer, event->other_account);
    put_u64(&writer, event->series_id);
    put_u64(&writer, event->order_id);
    put_u64(&writer, event->client_id);
    put_i64(&writer, event->price);
    put_i64(&writer, event->quantity);
    put_i64(&writer, event->remaining);
    put_i64(&writer, event->other_remaining);
    put_i64(&writer, event->fee);
    if (event->kind == TN_EVENT_TRADE) {
        put_i64(&writer, event->other_fee);
    } else {
        put_u32(&writer, event->index);
        put_u32(&writer, event->other_index);
    }
    TN_ASSERT(writer.at == out + TN_EVENT_BYTES);
}

bool tn_stream_read_event(struct tn_event *event, const uint8_t bytes[TN_EVENT_BYTES])
{
    struct reader reader = {.bytes = bytes, .size = TN_EVENT_BYTES};
    if (!is_known(bytes[0])) return false;
    event->kind = get_u8(&reader);
    event->side = get_u8(&reader);
    event->flags = get_u8(&reader);
    event->reason = get_u8(&reader);
    event->reject = get_u16(&reader);
    event->duplicate = get_u16(&reader);
    event->account = get_u32(&reader);
    event->other_account = get_u32(&reader);
    event->series_id = get_u64(&reader);
    event->order_id = get_u64(&reader);
    event->client_id = get_u64(&reader);
    event->price = get_i64(&reader);
    event->quantity = get_i64(&reader);
    event->remaining = get_i64(&reader);
    event->other_remaining = get_i64(&reader);
    event->fee = get_i64(&reader);
    if (event->kind == TN_EVENT_TRADE) {
        event->other_fee = get_i64(&reader);
    } else {
        event->index = get_u32(&reader);
        event->other_index = get_u32(&reader);
    }
    TN_ASSERT(reader.at == TN_EVENT_BYTES);
    return true;
}
