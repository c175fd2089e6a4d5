/* chain_inbox: what the items of an executed block do: to the registry at once, to markets through
 * their inbox of this block.
 *
 * Every block makes an inbox for every market, mostly an empty one: BLOCK entries come without a
 * gap. A market that nobody leads has the oldest consumed when there is no place left. */
#include "replica/chain.h"

/* ---- The registry's ---- */

static void end_term(struct tn_chain *chain, const struct tn_term_end *end)
{
    uint32_t place = tn_chain_place_of(chain, end->head.market);
    /* A final block is judged good; this only keeps a bad one from ending what has not begun. */
    if (place == TN_NONE || chain->heads.streams[place].term == 0) return;
    tn_registry_end_term(chain->registry, end->head.market);
}

static void execute_global(struct tn_chain *chain, const struct tn_block_item *item)
{
    struct tn_evidence_context context = {.checkpoint_domain = chain->limits.checkpoint_domain,
                                          .signatures = chain->world.signatures};
    struct tn_registry_command command;
    struct tn_stream_fault fault;
    memcpy(context.chain_id, chain->limits.chain_id, sizeof context.chain_id);
    switch ((enum tn_item_kind)item->kind) {
        case TN_ITEM_REPORT:
        case TN_ITEM_FORCED:
        case TN_ITEM_OPERATION: return;
        case TN_ITEM_DEPOSIT:
            (void)tn_registry_take_deposit(chain->registry, item->as.deposit.number);
            return;
        case TN_ITEM_GOVERNANCE:
            (void)tn_registry_take_governance(chain->registry, item->as.governance.number);
            if (item->as.governance.market != 0) return;
            if (tn_registry_read_command(&command, &fault, item->as.governance.bytes,
                                         item->as.governance.size)) {
                (void)tn_registry_govern(chain->registry, chain->world.signatures, &command);
            }
            return;
        case TN_ITEM_TERM: end_term(chain, &item->as.term); return;
        case TN_ITEM_EVIDENCE:
            (void)tn_registry_accuse(chain->registry, &context, &item->as.evidence);
            return;
    }
}

/* ---- A market's ---- */

static uint32_t market_of(const struct tn_block_item *item)
{
    switch ((enum tn_item_kind)item->kind) {
        case TN_ITEM_REPORT: return item->as.report.market;
        case TN_ITEM_DEPOSIT: return item->as.deposit.market;
        case TN_ITEM_FORCED: return item->as.forced.market;
        case TN_ITEM_OPERATION: return item->as.operation.market;
        case TN_ITEM_GOVERNANCE: return item->as.governance.market;
        case TN_ITEM_TERM:
        case TN_ITEM_EVIDENCE: break;
    }
    return 0;
}

static size_t write_entry(struct tn_chain *chain, uint8_t *out, size_t room,
                          const struct tn_entry *entry)
{
    size_t size = tn_stream_write_entry(chain->item, TN_ITEM_BYTES_MAX, entry);
    TN_ASSERT(size > 0 && size <= TN_ITEM_BYTES_MAX);
    return tn_inbox_write_item(out, room, TN_INBOX_ENTRY, chain->item, size);
}

static size_t write_operation(uint8_t *out, size_t room, const struct tn_operation *operation)
{
    struct tn_inbox_session session = {.nonce = operation->number,
                                       .account = operation->account,
                                       .key = operation->key,
                                       .scope = operation->scope,
                                       .expires_ms = operation->expires_ms};
    const uint8_t *owner = operation->owner.bytes;
    memcpy(session.owner, owner, sizeof session.owner);
    switch ((enum tn_operation_kind)operation->kind) {
        case TN_OPERATION_OPEN:
            return tn_inbox_write_account(out, room, owner, operation->number, operation->model);
        case TN_OPERATION_SESSION: return tn_inbox_write_session_open(out, room, &session);
        case TN_OPERATION_REVOKE:
            return tn_inbox_write_session_close(out, room, owner, operation->session);
        case TN_OPERATION_FRAME:
            return tn_inbox_write_owner_frame(out, room, owner, &operation->entry);
    }
    TN_ASSERT(false);
    return 0;
}

static size_t write_forced(struct tn_chain *chain, uint8_t *out, size_t room,
                           const struct tn_frame *frame)
{
    struct tn_stream_item item = {.entry.kind = TN_ENTRY_FRAME, .version = TN_ENTRY_VERSION_2};
    item.as.frame = *frame;
    size_t size = tn_stream_write_item(chain->item, TN_ITEM_BYTES_MAX, &item);
    TN_ASSERT(size > 0 && size <= TN_ITEM_BYTES_MAX);
    return tn_inbox_write_item(out, room, TN_INBOX_FRAME, chain->item, size);
}

/* A report was observed no later than the block before: an exchange knows no later time. */
static size_t write_report(struct tn_chain *chain, uint8_t *out, size_t room,
                           const struct tn_report *report, int64_t parent_ms)
{
    struct tn_entry entry = {.kind = TN_ENTRY_REPORT};
    entry.as.report = *report;
    if (entry.as.report.time_ms > parent_ms) entry.as.report.time_ms = parent_ms;
    return write_entry(chain, out, room, &entry);
}

/* The item as one of the inbox; 0: it is nothing that a market sees. */
static size_t write_item(struct tn_chain *chain, uint8_t *out, size_t room,
                         const struct tn_block_item *item, int64_t parent_ms)
{
    struct tn_entry entry = {.kind = TN_ENTRY_DEPOSIT};
    switch ((enum tn_item_kind)item->kind) {
        case TN_ITEM_REPORT:
            return write_report(chain, out, room, &item->as.report.report, parent_ms);
        case TN_ITEM_DEPOSIT:
            entry.as.deposit.account = item->as.deposit.account;
            entry.as.deposit.asset = item->as.deposit.asset;
            entry.as.deposit.amount = item->as.deposit.amount;
            return write_entry(chain, out, room, &entry);
        case TN_ITEM_FORCED: return write_forced(chain, out, room, &item->as.forced);
        case TN_ITEM_OPERATION: return write_operation(out, room, &item->as.operation);
        case TN_ITEM_GOVERNANCE:
            return tn_inbox_write_item(out, room, TN_INBOX_ENTRY, item->as.governance.bytes,
                                       item->as.governance.size);
        case TN_ITEM_TERM:
        case TN_ITEM_EVIDENCE: break;
    }
    return 0;
}

/* ---- All of them ---- */

static bool next_item(struct tn_chain *chain, struct tn_body_reader *reader,
                      struct tn_block_item *item)
{
    struct tn_stream_fault fault;
    return tn_stream_body_next(reader, item, &fault, chain->scratch.stream) == TN_STREAM_ENTRY;
}

static void open_body(struct tn_body_reader *reader, const struct tn_chain_block *block)
{
    struct tn_stream_fault fault;
    bool is_open =
        tn_stream_body_open(reader, &fault, block->header, block->body, block->body_size);
    TN_ASSERT(is_open);
}

/* What this consumes may be for other markets: so it is done before any inbox is made. Only their
 * number can leave no place: bytes there are for all that may wait (chain.c, chain_remit.c). */
static void make_room(struct tn_chain *chain)
{
    struct tn_shard *shard = &chain->shards[chain->at];
    struct tn_chain_stream *stream = &chain->heads.streams[chain->at];
    const struct tn_market_out out = {.step = tn_chain_step, .context = chain};
    chain->place = (struct tn_chain_place){.market = stream->market,
                                           .term = stream->term,
                                           .sequence = stream->sequence,
                                           .entry = TN_NONE};
    while (!tn_market_inbox_fits(shard->market, 0)) {
        bool is_consumed = tn_market_consume(shard->market, &chain->scratch, &out);
        TN_ASSERT(is_consumed);
    }
    stream->cursor = tn_market_cursor(shard->market);
}

static void give_inbox(struct tn_chain *chain, const struct tn_inbox *inbox)
{
    struct tn_chain_stream *stream = &chain->heads.streams[chain->at];
    bool is_taken = tn_market_inbox(chain->shards[chain->at].market, inbox);
    TN_ASSERT(is_taken);
    if (chain->listener.inbox != NULL) {
        chain->listener.inbox(chain->listener.context, stream->market, inbox);
    }
}

static void make_inbox(struct tn_chain *chain, const struct tn_chain_block *block,
                       int64_t parent_ms)
{
    uint32_t market = chain->limits.markets[chain->at].market;
    struct tn_inbox inbox = {.height = block->header->height,
                             .time_ms = (int64_t)block->header->time_ms,
                             .block_hash = block->hash,
                             .items = chain->inbox};
    struct tn_body_reader reader;
    struct tn_block_item item;
    open_body(&reader, block);
    while (next_item(chain, &reader, &item)) {
        if (market_of(&item) != market) continue;
        size_t room = chain->inbox_max - inbox.items_size;
        size_t size = write_item(chain, chain->inbox + inbox.items_size, room, &item, parent_ms);
        if (size == 0) continue;
        TN_ASSERT(size <= room);
        inbox.items_size += (uint32_t)size;
        inbox.items_count++;
    }
    tn_chain_write_remits(chain, &inbox, chain->inbox, chain->inbox_max);
    give_inbox(chain, &inbox);
}

void tn_chain_execute_items(struct tn_chain *chain, const struct tn_chain_block *block,
                            int64_t parent_ms)
{
    struct tn_body_reader reader;
    struct tn_block_item item;
    open_body(&reader, block);
    while (next_item(chain, &reader, &item)) {
        execute_global(chain, &item);
        chain->counters.items++;
    }
    for (chain->at = 0; chain->at < chain->limits.markets_count; chain->at++)
        make_room(chain);
    for (chain->at = 0; chain->at < chain->limits.markets_count; chain->at++)
        make_inbox(chain, block, parent_ms);
    chain->remits_count = 0; /* each went to one of them */
}
