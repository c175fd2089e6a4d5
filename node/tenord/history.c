/* history: buffers that grow with the open block and are emptied when it is sealed. Their size is
 * bounded by the machine, which seals a block before it outgrows its caps. */
#include "history.h"
#include "tenord.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 1 << 16, COUNT_BYTES = 4 };

/* Room for `more` elements after `count`; NULL, with the old array still in place, without memory.
 */
static void *grow(void *array, size_t *room, size_t count, size_t more, size_t element)
{
    if (array != NULL && count + more <= *room) return array;
    size_t wanted = *room == 0 ? ROOM_FIRST / element + 1 : *room;
    while (wanted < count + more)
        wanted *= 2;
    void *grown = realloc(array, wanted * element);
    if (grown != NULL) *room = wanted;
    return grown;
}

static void keep_node(void *context, enum tn_proof_kind range, uint64_t place,
                      const struct tn_hash *node)
{
    struct history *history = context;
    void *nodes =
        grow(history->nodes, &history->nodes_room, history->nodes_count, 1, sizeof *history->nodes);
    if (nodes == NULL) {
        history->failed = true;
        return;
    }
    history->nodes = nodes;
    history->nodes[history->nodes_count++] =
        (struct history_node){.place = place, .hash = *node, .range = (uint8_t)range};
}

static void keep_withdrawal(void *context, uint64_t number,
                            const uint8_t withdrawal[TN_PROOF_WITHDRAWAL_SIZE])
{
    struct history *history = context;
    void *withdrawals = grow(history->withdrawals, &history->withdrawals_room,
                             history->withdrawals_count, 1, sizeof *history->withdrawals);
    if (withdrawals == NULL) {
        history->failed = true;
        return;
    }
    history->withdrawals = withdrawals;
    struct history_withdrawal *kept = &history->withdrawals[history->withdrawals_count++];
    kept->number = number;
    memcpy(kept->bytes, withdrawal, sizeof kept->bytes);
}

static void start_anew(struct history *history)
{
    history->body_size = TN_BATCH_HEADER_BYTES;
    history->receipts_size = 0;
    history->nodes_count = 0;
    history->withdrawals_count = 0;
}

void history_begin(struct history *history, struct tn_replica *replica)
{
    start_anew(history);
    const struct tn_replica_listener listener = {
        .node = keep_node, .withdrawal = keep_withdrawal, .context = history};
    tn_replica_tell(replica, &listener);
}

void history_end(struct history *history)
{
    free(history->body);
    free(history->receipts);
    free(history->nodes);
    free(history->withdrawals);
    *history = (struct history){0};
}

bool history_add(struct history *history, const uint8_t *bytes, size_t size,
                 const struct tn_event *events, uint32_t events_count)
{
    size_t receipts = COUNT_BYTES + (size_t)events_count * TN_EVENT_BYTES;
    uint8_t *body = grow(history->body, &history->body_room, history->body_size,
                         TN_BATCH_LENGTH_BYTES + size, 1);
    if (body != NULL) history->body = body;
    uint8_t *told =
        grow(history->receipts, &history->receipts_room, history->receipts_size, receipts, 1);
    if (told != NULL) history->receipts = told;
    if (body == NULL || told == NULL || history->failed) {
        complain("out of memory for the open block");
        return false;
    }
    tn_put_be(body + history->body_size, (uint32_t)size, 4);
    memcpy(body + history->body_size + TN_BATCH_LENGTH_BYTES, bytes, size);
    history->body_size += TN_BATCH_LENGTH_BYTES + size;
    told += history->receipts_size;
    tn_put_be(told, events_count, 4);
    for (uint32_t i = 0; i < events_count; i++)
        tn_stream_write_event(told + COUNT_BYTES + (size_t)i * TN_EVENT_BYTES, &events[i]);
    history->receipts_size += receipts;
    return true;
}

/* ---- Into the store ----------------------------------------------------------------------------
 */

/* What is at work, for the puts below. */
struct putter {
    struct store *store;
    uint64_t height;
    history_wait *wait;
    void *context;
    uint64_t *put_bytes;
};

/* Of a job beside its value, about: its head, its key, its line in the index for pruning. */
enum { JOB_BYTES = 128 };

/* Repeats a put of so many bytes for as long as the store has no room and `wait` wants to go on. */
#define PUT(putter, bytes, call)                                                                   \
    do {                                                                                           \
        enum store_err put_err;                                                                    \
        *(putter)->put_bytes += JOB_BYTES + (bytes);                                               \
        while ((put_err = (call)) == STORE_BUSY && (putter)->wait((putter)->context))              \
            continue;                                                                              \
        if (put_err != STORE_OK) return put_err;                                                   \
    } while (0)

static enum store_err put_order(const struct putter *putter, const struct tn_event *event,
                                uint64_t order_id, uint32_t account, int64_t open_lots)
{
    if (order_id == 0) return STORE_OK;
    const struct store_order order = {.order_id = order_id,
                                      .height = putter->height,
                                      .account = account,
                                      .series_id = event->series_id,
                                      .open_lots = open_lots,
                                      .status = event->kind,
                                      .closed = open_lots == 0};
    PUT(putter, sizeof order, store_put_order(putter->store, &order));
    return STORE_OK;
}

static enum store_err put_trade(const struct putter *putter, const struct tn_event *event,
                                const uint8_t *bytes, uint32_t index)
{
    const uint32_t accounts[2] = {event->account, event->other_account};
    for (uint32_t i = 0; i < 2; i++) {
        if (i == 1 && accounts[1] == accounts[0]) continue;
        PUT(putter, TN_EVENT_BYTES,
            store_put_fill(putter->store, accounts[i], putter->height, index, bytes,
                           TN_EVENT_BYTES));
    }
    enum store_err err =
        put_order(putter, event, event->order_id, event->account, event->remaining);
    if (err != STORE_OK) return err;
    return put_order(putter, event, event->other_order_id, event->other_account,
                     event->other_remaining);
}

/* What one event means for the histories of accounts and orders. */
static enum store_err put_event(const struct putter *putter, const struct tn_event *event,
                                const uint8_t *bytes, uint32_t index)
{
    switch ((enum tn_event_kind)event->kind) {
        case TN_EVENT_TRADE: return put_trade(putter, event, bytes, index);
        case TN_EVENT_ACCEPTED:
        case TN_EVENT_REPLACED:
            return put_order(putter, event, event->order_id, event->account, event->quantity);
        case TN_EVENT_CANCELLED:
            return put_order(putter, event, event->order_id, event->account, 0);
        case TN_EVENT_REDUCED:
        case TN_EVENT_QUOTED:
            return put_order(putter, event, event->order_id, event->account, event->remaining);
        case TN_EVENT_RESULT:
        case TN_EVENT_REFRESHED:
        case TN_EVENT_TRIGGERED:
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
        case TN_EVENT_REMITTED: break;
    }
    return STORE_OK;
}

static enum store_err put_events(const struct history *history, const struct putter *putter)
{
    uint32_t index = 0;
    for (size_t at = 0; at < history->receipts_size;) {
        uint32_t count = (uint32_t)tn_get_be(history->receipts + at, 4);
        at += COUNT_BYTES;
        for (; count > 0; count--, at += TN_EVENT_BYTES, index++) {
            struct tn_event event;
            bool is_event = tn_stream_read_event(&event, history->receipts + at);
            TN_ASSERT(is_event);
            enum store_err err = put_event(putter, &event, history->receipts + at, index);
            if (err != STORE_OK) return err;
        }
    }
    return STORE_OK;
}

static enum store_err put_ranges(const struct history *history, const struct putter *putter)
{
    for (size_t i = 0; i < history->nodes_count; i++) {
        const struct history_node *node = &history->nodes[i];
        enum store_leaf tree =
            node->range == TN_PROOF_BLOCKS ? STORE_LEAF_BLOCK : STORE_LEAF_WITHDRAWAL;
        PUT(putter, TN_HASH_SIZE, store_put_leaf(putter->store, tree, node->place, &node->hash));
    }
    for (size_t i = 0; i < history->withdrawals_count; i++) {
        const struct history_withdrawal *kept = &history->withdrawals[i];
        PUT(putter, sizeof kept->bytes,
            store_put_withdrawal(putter->store, kept->number, kept->bytes, sizeof kept->bytes));
    }
    return STORE_OK;
}

static enum store_err put_batch_and_block(struct history *history, const struct putter *putter,
                                          const struct history_block *sealed)
{
    struct tn_hash digest;
    uint8_t header[TN_BLOCK_HEADER_BYTES];
    tn_stream_batch_digest(&digest, sealed->batch);
    tn_stream_write_batch_header(history->body, sealed->batch);
    tn_stream_write_block_header(header, sealed->block);
    const struct store_batch batch = {.market = sealed->batch->market,
                                      .sequence = sealed->batch->sequence,
                                      .height = sealed->block->height,
                                      .digest = digest,
                                      .body = history->body,
                                      .body_size = (uint32_t)history->body_size};
    const struct store_block block = {.height = sealed->block->height,
                                      .time_ms = sealed->block->time_ms,
                                      .hash = *sealed->hash,
                                      .header = header,
                                      .body = digest.bytes,
                                      .header_size = sizeof header,
                                      .body_size = TN_HASH_SIZE};
    PUT(putter, history->body_size, store_put_batch(putter->store, &batch));
    PUT(putter, sizeof header, store_put_block(putter->store, &block));
    PUT(putter, history->receipts_size,
        store_put_receipts(putter->store, sealed->block->height, history->receipts,
                           history->receipts_size));
    return STORE_OK;
}

enum store_err history_put_block(struct history *history, struct store *store,
                                 const struct history_block *block, history_wait *wait,
                                 void *context)
{
    const struct putter putter = {.store = store,
                                  .height = block->block->height,
                                  .wait = wait,
                                  .context = context,
                                  .put_bytes = &history->put_bytes};
    enum store_err err = put_batch_and_block(history, &putter, block);
    if (err == STORE_OK) err = put_events(history, &putter);
    if (err == STORE_OK) err = put_ranges(history, &putter);
    start_anew(history);
    return err;
}
