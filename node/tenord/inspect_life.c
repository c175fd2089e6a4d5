/* inspect_life: what became of an order, a line for each message of its owner's stream that is
 * about it. Each begins with the message's place there, block and index, as clients know it. A side
 * of a quote moves with nearly every block: moves that nothing comes between are one line. */
#include "inspect.h"

#include <inttypes.h>

static const char *reason_text(uint8_t reason)
{
    static const char *const texts[] = {
        [TN_REASON_REQUEST] = "by its owner",
        [TN_REASON_MASS_CANCEL] = "by a mass cancel",
        [TN_REASON_IMMEDIATE] = "the rest of an IOC",
        [TN_REASON_SELF_TRADE] = "it met an order of its own account",
        [TN_REASON_EXPIRED] = "it has expired",
        [TN_REASON_OCO] = "its sibling traded, was triggered or went",
        [TN_REASON_REDUCE_ONLY] = "reduce only, and the position shrank",
        [TN_REASON_PROTECTION] = "market maker protection",
        [TN_REASON_FILL_LIMIT] = "its command made the most fills that one may",
        [TN_REASON_REQUOTED] = "quoted anew",
        [TN_REASON_SETTLEMENT] = "the series was settled",
        [TN_REASON_TRIGGER] = "triggered, and then refused",
        [TN_REASON_AUCTION] = "its account was short of equity in an auction",
        [TN_REASON_MARGIN] = "its account was short of initial margin",
        [TN_REASON_LIQUIDATION] = "its account was liquidated"};
    const char *text = reason < sizeof texts / sizeof texts[0] ? texts[reason] : NULL;
    return text == NULL ? "for a reason that this program does not know" : text;
}

static void put_place(const struct inspect_life *life, struct gateway_place at)
{
    fprintf(life->out, "%" PRIu64 ".%-12" PRIu32, at.block, at.index);
}

static const char *side_text(const struct tn_event *event)
{
    return event->side == TN_BUY ? "buys" : "sells";
}

static void put_moves(struct inspect_life *life)
{
    const struct tn_event *last = &life->moved.event;
    if (life->moves == 0) return;
    put_place(life, life->moved_from);
    if (life->moves == 1) {
        fputs("quoted: ", life->out);
    } else {
        fprintf(life->out, "quoted %" PRIu64 " times up to %" PRIu64 ".%" PRIu32 ": at last ",
                life->moves, life->moved.at.block, life->moved.at.index);
    }
    fprintf(life->out, "%s %" PRId64 " lots @ %" PRId64 " ticks\n", side_text(last),
            last->remaining, last->price);
    life->moves = 0;
}

static void put_trade(const struct inspect_life *life, const struct tn_event *event)
{
    const bool took = event->order_id == life->order_id;
    fprintf(life->out,
            "filled: %" PRId64 " lots @ %" PRId64 " ticks, %s, with account %u, fee %" PRId64
            " micros, %" PRId64 " lots left\n",
            event->quantity, event->price, took ? "takes" : "makes",
            took ? event->other_account : event->account, took ? event->fee : event->other_fee,
            life->open);
}

static void put_accepted(const struct inspect_life *life, const struct tn_event *event)
{
    const bool is_stop = (event->flags & TN_EVENT_STOP) != 0;
    fprintf(life->out, "placed: %s %" PRId64 " lots %s %" PRId64 " ticks", side_text(event),
            event->quantity, is_stop ? "when the mark reaches" : "@", event->price);
    if (event->client_id != 0) fprintf(life->out, ", client id %" PRIu64, event->client_id);
    fputc('\n', life->out);
}

static void put_cancelled(const struct inspect_life *life, const struct tn_event *event)
{
    fprintf(life->out, "%s: %" PRId64 " lots, %s",
            event->reason == TN_REASON_EXPIRED ? "expired" : "cancelled", event->quantity,
            reason_text(event->reason));
    if (event->reject != 0)
        fprintf(life->out, " (%s)", tn_reject_name((enum tn_reject)event->reject));
    fputc('\n', life->out);
}

static void put_event(const struct inspect_life *life, const struct tn_event *event)
{
    switch (event->kind) {
        case TN_EVENT_ACCEPTED: put_accepted(life, event); return;
        case TN_EVENT_TRADE: put_trade(life, event); return;
        case TN_EVENT_CANCELLED: put_cancelled(life, event); return;
        case TN_EVENT_REDUCED:
            fprintf(life->out, "reduced: by %" PRId64 " lots to %" PRId64 ", %s\n", event->quantity,
                    event->remaining, reason_text(event->reason));
            return;
        case TN_EVENT_REPLACED:
            fprintf(life->out, "replaced: %" PRId64 " lots @ %" PRId64 " ticks%s\n",
                    event->quantity, event->price,
                    (event->flags & TN_EVENT_KEPT_PLACE) != 0 ? ", its place kept" : "");
            return;
        case TN_EVENT_REFRESHED:
            fprintf(life->out, "refreshed: shows %" PRId64 " of %" PRId64 " lots\n",
                    event->quantity, event->remaining);
            return;
        case TN_EVENT_TRIGGERED:
            fprintf(life->out, "triggered: the mark reached %" PRId64 " ticks\n", event->price);
            return;
        default: return;
    }
}

/* What is open behind the message. */
static tn_lots open_after(const struct inspect_life *life, const struct tn_event *event)
{
    switch (event->kind) {
        case TN_EVENT_ACCEPTED:
        case TN_EVENT_REPLACED: return event->quantity;
        case TN_EVENT_TRADE:
            return event->order_id == life->order_id ? event->remaining : event->other_remaining;
        case TN_EVENT_REDUCED:
        case TN_EVENT_QUOTED:
        case TN_EVENT_REFRESHED: return event->remaining;
        case TN_EVENT_CANCELLED: return 0;
        default: return life->open;
    }
}

bool inspect_life_add(void *context, const struct gateway_record *record)
{
    struct inspect_life *life = context;
    const struct tn_event *event = &record->event;
    if (!past_order_is_in(event, life->order_id)) return life->open != 0;
    life->series_id = event->series_id;
    life->height = record->at.block;
    life->open = open_after(life, event);
    if (event->kind == TN_EVENT_QUOTED) {
        if (life->moves++ == 0) life->moved_from = record->at;
        life->moved = *record;
    } else {
        put_moves(life);
        put_place(life, record->at);
        put_event(life, event);
    }
    return life->open != 0;
}

void inspect_life_end(struct inspect_life *life)
{
    put_moves(life);
}
