/* chain_case: two markets (or more), four validators, and a chain of blocks over them, without
 * consensus: a test builds blocks, judges them, and makes them final when it likes.
 *
 * Keys are numbers: validator i signs with key i + 1 and leads with it too; governance, the faucet,
 * feeder 1 and owners have keys of their own. A leader is a market beside the chain's that runs
 * ahead: it gets the inboxes of executed blocks and seals batches into the pool. */
#ifndef CHAIN_CASE_H
#define CHAIN_CASE_H

#include "../unit/exchange/exchange_entries.h"
#include "tenor/chain.h"

#include <stdlib.h>

/* A fuzzer brings others, which everything is signed by. */
#ifndef CHAIN_CASE_SIGNATURES
#define CHAIN_CASE_SIGNATURES tn_signatures_real
#endif

/* A test of what crosses markets may want more of them. */
#ifndef CHAIN_CASE_MARKETS
#define CHAIN_CASE_MARKETS 2
#endif

enum {
    VALIDATORS = 4,
    MARKETS = CHAIN_CASE_MARKETS,
    KEY_GOVERNANCE = 50,
    KEY_FAUCET = 51,
    KEY_FEEDER = 52,
    KEY_OWNER = 60, /* of trader i: 60 + i */
    KEY_SESSION = 70,
    POOL_MAX = 1024,
    ITEMS_MAX = 512,
    LINE_MAX = 160,
    BODY_ROOM = 1 << 17,
    BATCH_ROOM = 1 << 16,
    BLOCK_MS = 20,
};

struct pool_batch {
    struct tn_chain_batch batch;
    struct tn_batch_header header;
    bool is_hidden;
};
struct pool_item {
    uint8_t kind;
    uint8_t *bytes;
    size_t size;
    bool is_hidden;
};
struct leader {
    struct tn_market *market;
    uint32_t term;
    uint64_t sequence;
    struct tn_hash digest;
    struct tn_batch_builder builder;
};
struct line_block {
    struct tn_chain_block block;
    struct tn_block_header header;
    uint8_t *body;
};

static struct chain_case {
    struct tn_chain_limits limits;
    struct tn_signatures signatures;
    void *signatures_memory;
    struct tn_market_world world;
    struct tn_registry_command commands[VALIDATORS + MARKETS + 1];
    struct tn_chain_genesis genesis;
    struct tn_chain *chain;
    struct pool_batch pool[POOL_MAX];
    uint32_t pool_count;
    struct pool_item items[ITEMS_MAX];
    uint32_t items_count;
    struct leader leaders[MARKETS];
    struct tn_market_scratch scratch;
    struct line_block line[LINE_MAX]; /* not executed yet, oldest first */
    uint32_t line_count;
    uint64_t view, governance, deposits, nonces[TRADERS];
    int64_t time_ms;
    struct tn_chain_fault fault;
    uint32_t missing_count, differences_count, receipts_count, terms_count, withdrawals_count;
    enum tn_chain_difference difference;
    struct tn_chain_place place;
    bool is_overdue, is_lying; /* is_lying: leaders sign other results than theirs */
} cc;

/* ---- Keys ---- */

static inline void *cc_room(size_t size)
{
    void *memory = aligned_alloc(64, tn_align(size));
    assert_non_null(memory);
    return memset(memory, 0, tn_align(size));
}

static inline struct tn_secret_key cc_secret(uint32_t number)
{
    struct tn_secret_key key = {{0}};
    tn_put_be(key.bytes + 24, number, 8);
    return key;
}

static inline struct tn_public_key cc_key(uint32_t number)
{
    struct tn_secret_key secret = cc_secret(number);
    struct tn_public_key key;
    assert_true(cc.signatures.public_key(cc.signatures.context, &key, &secret));
    return key;
}

static inline struct tn_address cc_address(uint32_t number)
{
    struct tn_public_key key = cc_key(number);
    struct tn_address address;
    assert_true(cc.signatures.address(cc.signatures.context, &address, &key));
    return address;
}

static inline struct tn_signature cc_sign(uint32_t number, const struct tn_hash *digest)
{
    struct tn_secret_key secret = cc_secret(number);
    struct tn_signature signature;
    assert_true(cc.signatures.sign(cc.signatures.context, &signature, digest, &secret));
    return signature;
}

/* ---- The pool, as the chain asks it ---- */

static inline bool cc_batch(void *context, struct tn_chain_batch *batch,
                            const struct tn_hash *digest)
{
    (void)context;
    for (uint32_t i = 0; i < cc.pool_count; i++) {
        if (cc.pool[i].is_hidden || !tn_hash_equal(&cc.pool[i].batch.digest, digest)) continue;
        *batch = cc.pool[i].batch;
        return true;
    }
    return false;
}

static inline bool cc_next_batch(void *context, struct tn_chain_batch *batch, uint32_t market,
                                 uint32_t term, uint64_t sequence, const struct tn_hash *prev)
{
    (void)context;
    for (uint32_t i = 0; i < cc.pool_count; i++) {
        const struct tn_batch_header *header = &cc.pool[i].header;
        if (cc.pool[i].is_hidden || header->market != market || header->term != term ||
            header->sequence != sequence || !tn_hash_equal(&header->prev_digest, prev))
            continue;
        *batch = cc.pool[i].batch;
        return true;
    }
    return false;
}

static inline bool cc_item(void *context, const uint8_t **bytes, size_t *size, uint8_t kind,
                           uint32_t index)
{
    (void)context;
    for (uint32_t i = 0; i < cc.items_count; i++) {
        if (cc.items[i].is_hidden || cc.items[i].kind != kind || index-- > 0) continue;
        *bytes = cc.items[i].bytes;
        *size = cc.items[i].size;
        return true;
    }
    return false;
}

static inline void cc_missing(void *context, const struct tn_hash *digest,
                              const struct tn_chain_block *block)
{
    (void)context;
    (void)digest;
    (void)block;
    cc.missing_count++;
}

static inline bool cc_overdue(void *context, const struct tn_chain_block *block)
{
    (void)context;
    (void)block;
    return cc.is_overdue;
}

/* ---- What the chain tells ---- */

static inline void cc_receipt(void *context, const struct tn_chain_place *place,
                              const struct tn_market_step *step)
{
    (void)context;
    (void)place;
    (void)step;
    cc.receipts_count++;
}

static inline void cc_difference(void *context, const struct tn_chain_place *place,
                                 enum tn_chain_difference difference, const char *what)
{
    (void)context;
    assert_non_null(what);
    cc.differences_count++;
    cc.difference = difference;
    cc.place = *place;
}

static inline void cc_inbox(void *context, uint32_t market, const struct tn_inbox *inbox)
{
    (void)context;
    struct tn_market *leader = cc.leaders[market - 1].market;
    const struct tn_market_out nobody = {0};
    while (!tn_market_inbox(leader, inbox))
        assert_true(tn_market_consume(leader, &cc.scratch, &nobody));
}

static inline void cc_withdrawal(void *context, uint64_t number,
                                 const uint8_t withdrawal[TN_PROOF_WITHDRAWAL_SIZE])
{
    (void)context;
    (void)withdrawal;
    assert_int_equal(number, cc.withdrawals_count++);
}

/* The new leader begins from the state that is final. */
static inline void cc_term(void *context, uint32_t market, uint32_t term)
{
    (void)context;
    (void)market;
    (void)term;
    cc.terms_count++;
}

static inline void cc_take_over(uint32_t place)
{
    struct leader *leader = &cc.leaders[place];
    const struct tn_chain_stream *stream = &tn_chain_heads(cc.chain)->streams[place];
    free(leader->market);
    leader->market = tn_market_clone(cc_room(tn_market_size(&cc.limits.markets[place])),
                                     tn_chain_market(cc.chain, place));
    tn_market_lend(leader->market, &cc.world);
    leader->term = stream->term;
    leader->sequence = stream->sequence;
    leader->digest = stream->digest;
}

/* ---- Items ---- */

static inline struct pool_item *cc_give(const struct tn_block_item *item)
{
    static uint8_t bytes[TN_ITEM_BYTES_MAX];
    size_t size = tn_stream_write_block_item(bytes, sizeof bytes, item);
    assert_true(size > 0 && size <= sizeof bytes && cc.items_count < ITEMS_MAX);
    struct pool_item *kept = &cc.items[cc.items_count++];
    *kept = (struct pool_item){.kind = item->kind, .bytes = malloc(size), .size = size - 1};
    assert_non_null(kept->bytes);
    memcpy(kept->bytes, bytes + 1, size - 1);
    return kept;
}

static inline struct tn_hash cc_digest(const struct tn_block_item *item)
{
    struct tn_hash digest;
    tn_stream_item_digest(&digest, cc.limits.chain_id, item);
    return digest;
}

static inline void cc_govern(uint32_t market, struct tn_entry entry)
{
    uint8_t bytes[4096];
    struct tn_block_item item = {.kind = TN_ITEM_GOVERNANCE};
    item.as.governance.number = ++cc.governance;
    item.as.governance.market = market;
    item.as.governance.size = (uint32_t)tn_stream_write_entry(bytes, sizeof bytes, &entry);
    item.as.governance.bytes = bytes;
    item.as.governance.entry = entry;
    struct tn_hash digest = cc_digest(&item);
    item.as.governance.signature = cc_sign(KEY_GOVERNANCE, &digest);
    cc_give(&item);
}

static inline struct pool_item *cc_deposit_by(uint32_t key, uint64_t number, uint32_t market,
                                              uint32_t account, int64_t amount)
{
    struct tn_block_item item = {.kind = TN_ITEM_DEPOSIT};
    item.as.deposit.number = number;
    item.as.deposit.market = market;
    item.as.deposit.account = account;
    item.as.deposit.amount = amount;
    struct tn_hash digest = cc_digest(&item);
    item.as.deposit.signature = cc_sign(key, &digest);
    return cc_give(&item);
}

static inline void cc_deposit(uint32_t market, uint32_t account, int64_t amount)
{
    cc_deposit_by(KEY_FAUCET, ++cc.deposits, market, account, amount);
}

static inline void cc_operate(struct tn_operation operation, uint32_t trader)
{
    struct tn_secret_key secret = cc_secret(KEY_OWNER + trader);
    struct tn_block_item item = {.kind = TN_ITEM_OPERATION};
    operation.owner = cc_address(KEY_OWNER + trader);
    item.as.operation = operation;
    struct tn_hash digest = cc_digest(&item);
    assert_true(cc.signatures.sign_recoverable(cc.signatures.context, &item.as.operation.signature,
                                               &digest, &secret));
    cc_give(&item);
}

static inline void cc_open_account(uint32_t market, uint32_t trader)
{
    cc_operate((struct tn_operation){.kind = TN_OPERATION_OPEN, .market = market, .number = 1},
               trader);
}

static inline void cc_open_session(uint32_t market, uint32_t trader)
{
    cc_operate((struct tn_operation){.kind = TN_OPERATION_SESSION,
                                     .market = market,
                                     .number = ++cc.nonces[trader],
                                     .account = trader,
                                     .scope = TN_SCOPE_ALL,
                                     .expires_ms = START_MS + TN_MS_PER_DAY,
                                     .key = cc_key(KEY_SESSION + trader)},
               trader);
}

/* The term of a market's head at the end of the line. */
static inline struct tn_block_item cc_term_end(uint32_t place, uint8_t cause)
{
    struct tn_chain_stream streams[TN_CHAIN_MARKETS_MAX];
    struct tn_chain_block blocks[LINE_MAX];
    for (uint32_t i = 0; i < cc.line_count; i++)
        blocks[i] = cc.line[i].block;
    assert_true(tn_chain_tip(cc.chain, streams, blocks, cc.line_count));
    struct tn_block_item item = {.kind = TN_ITEM_TERM};
    item.as.term.cause = cause;
    item.as.term.head = (struct tn_vote_head){.market = place + 1,
                                              .term = streams[place].term,
                                              .sequence = streams[place].sequence,
                                              .digest = streams[place].digest};
    return item;
}

static inline void cc_stall(uint32_t place, uint32_t voters)
{
    struct tn_block_item item = cc_term_end(place, TN_TERM_STALLED);
    struct tn_hash digest;
    tn_vote_stall_digest(&digest, cc.limits.chain_id, 0, &item.as.term.head);
    item.as.term.stalls_count = voters;
    for (uint16_t i = 0; i < voters; i++) {
        item.as.term.stalls[i].voter = i;
        item.as.term.stalls[i].signature = cc_sign(i + 1u, &digest);
    }
    cc_give(&item);
}

/* ---- Leaders ---- */

static inline void cc_collect(void *context, const struct tn_market_step *step)
{
    struct leader *leader = context;
    tn_stream_batch_add_events(&leader->builder, step->events, step->events_count);
}

/* One entry at the end of the batch that is being made; at: bytes of it so far. */
static inline size_t cc_lead(struct leader *leader, uint8_t *body, size_t at,
                             const struct tn_stream_item *item)
{
    const struct tn_market_out out = {.step = cc_collect, .context = leader};
    struct tn_stream_fault fault;
    size_t size = tn_stream_write_batch_item(body + at, BATCH_ROOM - at, item);
    assert_true(size > 0 && size <= BATCH_ROOM - at);
    const uint8_t *bytes = body + at + TN_BATCH_LENGTH_BYTES;
    struct tn_stream_item read; /* its commands count for its weight */
    size_t used;
    assert_true(tn_stream_read_item(&read, &used, &fault, cc.scratch.stream, bytes,
                                    size - TN_BATCH_LENGTH_BYTES));
    tn_stream_batch_add_entry(&leader->builder, &read.entry, bytes, size - TN_BATCH_LENGTH_BYTES);
    assert_true(tn_market_apply(leader->market, &fault, &cc.scratch, &out, bytes,
                                size - TN_BATCH_LENGTH_BYTES));
    return at + size;
}

static inline struct tn_stream_item cc_block_item(const struct tn_inbox *inbox)
{
    return (struct tn_stream_item){.version = TN_ENTRY_VERSION_2,
                                   .entry = block_entry(inbox->height, inbox->time_ms),
                                   .as.block_hash = inbox->block_hash};
}

static inline struct pool_batch *cc_seal(uint32_t place, uint8_t *body, size_t size)
{
    struct leader *leader = &cc.leaders[place];
    struct tn_public_key key;
    uint16_t id;
    assert_true(cc.pool_count < POOL_MAX);
    struct pool_batch *kept = &cc.pool[cc.pool_count++];
    struct tn_batch_header *header = &kept->header;
    *header = (struct tn_batch_header){.market = place + 1,
                                       .term = leader->term,
                                       .sequence = ++leader->sequence,
                                       .prev_digest = leader->digest};
    memcpy(header->chain_id, cc.limits.chain_id, sizeof header->chain_id);
    tn_stream_batch_end(header, &leader->builder);
    if (cc.is_lying) header->results_digest.bytes[0] ^= 1;
    tn_stream_write_batch_header(body, header);
    kept->batch.body = realloc(body, size);
    kept->batch.body_size = size;
    kept->is_hidden = false;
    tn_stream_batch_digest(&kept->batch.digest, header);
    leader->digest = kept->batch.digest;
    assert_true(
        tn_registry_leader(tn_chain_registry(cc.chain), &id, &key, place + 1, leader->term));
    kept->batch.signature = cc_sign(id + 1u, &kept->batch.digest);
    return kept;
}

/* A batch of BLOCKs for all inboxes that wait (at most so many), and then these items. */
static inline struct pool_batch *cc_make_batch(uint32_t place, uint32_t blocks_max,
                                               const struct tn_stream_item *items, uint32_t count)
{
    struct leader *leader = &cc.leaders[place];
    uint8_t *body = malloc(BATCH_ROOM);
    size_t at = TN_BATCH_HEADER_BYTES;
    struct tn_inbox inbox;
    assert_non_null(body);
    tn_stream_batch_begin(&leader->builder, tn_market_cursor(leader->market));
    tn_market_begin(leader->market, leader->term);
    for (uint32_t i = 0; i < blocks_max && tn_market_inbox_next(leader->market, &inbox); i++) {
        const struct tn_stream_item item = cc_block_item(&inbox);
        at = cc_lead(leader, body, at, &item);
    }
    for (uint32_t i = 0; i < count; i++)
        at = cc_lead(leader, body, at, &items[i]);
    return cc_seal(place, body, at);
}

/* A frame of trader's session; payload has room for TN_PAYLOAD_BYTES_MAX. */
static inline struct tn_stream_item cc_frame(uint8_t *payload, uint32_t place, uint32_t trader,
                                             uint32_t term, const struct tn_command *commands,
                                             uint32_t commands_count)
{
    struct tn_frame frame = {.market = place + 1,
                             .term = term,
                             .session = (uint64_t)(trader + 1) << 32 | trader,
                             .nonce = ++cc.nonces[trader],
                             .valid_until_block = UINT64_C(1) << 40,
                             .commands = commands,
                             .commands_count = commands_count};
    struct tn_hash digest;
    size_t size = tn_stream_write_payload(payload, TN_PAYLOAD_BYTES_MAX, &frame);
    assert_true(size > 0 && size <= TN_PAYLOAD_BYTES_MAX);
    frame.payload = payload;
    frame.payload_size = (uint32_t)size;
    tn_frame_digest(&digest, cc.limits.chain_id, payload, size);
    frame.signature = cc_sign(KEY_SESSION + trader, &digest);
    struct tn_stream_item item = {.version = TN_ENTRY_VERSION_2, .entry.kind = TN_ENTRY_FRAME};
    item.as.frame = frame;
    return item;
}

static inline struct tn_command cc_limit(enum tn_side side, uint64_t series, tn_ticks price,
                                         tn_lots quantity)
{
    struct tn_command command = {.kind = TN_COMMAND_PLACE};
    command.as.terms[0] = (struct tn_order_terms){
        .series_id = series, .price = price, .quantity = quantity, .side = (uint8_t)side};
    return command;
}

/* ---- Blocks ---- */

static inline uint32_t cc_blocks(struct tn_chain_block *blocks)
{
    for (uint32_t i = 0; i < cc.line_count; i++)
        blocks[i] = cc.line[i].block;
    return cc.line_count;
}

/* What an engine sets of the next header. */
static inline struct tn_block_header cc_header(void)
{
    const struct tn_chain_heads *heads = tn_chain_heads(cc.chain);
    struct tn_registry_heads registry;
    tn_registry_heads(tn_chain_registry(cc.chain), &registry);
    const struct tn_validators *set = tn_registry_set(tn_chain_registry(cc.chain), registry.epoch);
    const struct tn_block_header *parent = &heads->block;
    struct tn_hash hash = heads->block_hash;
    assert_non_null(set);
    if (cc.line_count > 0) {
        parent = &cc.line[cc.line_count - 1].header;
        hash = cc.line[cc.line_count - 1].block.hash;
    }
    cc.view = parent->epoch < registry.epoch ? 1 : cc.view + 1;
    return (struct tn_block_header){.version = TN_BLOCK_VERSION,
                                    .epoch = registry.epoch,
                                    .view = cc.view,
                                    .height = parent->height + 1,
                                    .parent_view = parent->view,
                                    .parent_hash = hash,
                                    .proposer = (uint16_t)tn_validators_proposer(set, cc.view)};
}

static inline void cc_hash(struct line_block *made)
{
    made->block.header = &made->header;
    made->block.body = made->body;
    made->block.body_size = made->header.body_size;
    tn_stream_block_hash(&made->block.hash, cc.limits.chain_id, &made->header);
}

/* Builds the next block; it is not on the line yet. */
static inline struct line_block cc_build(int64_t later_ms)
{
    struct tn_chain_block blocks[LINE_MAX];
    struct line_block made = {.header = cc_header(), .body = malloc(BODY_ROOM)};
    size_t size;
    assert_non_null(made.body);
    cc.time_ms += later_ms;
    assert_true(tn_chain_build(cc.chain, &made.header, made.body, &size, BODY_ROOM, blocks,
                               cc_blocks(blocks), cc.time_ms));
    assert_int_equal(size, made.header.body_size);
    cc_hash(&made);
    return made;
}

static inline enum tn_chain_verdict cc_judge(const struct line_block *made, bool local)
{
    struct tn_chain_block blocks[LINE_MAX];
    struct tn_chain_block block = made->block;
    block.header = &made->header;
    return tn_chain_validate(cc.chain, &cc.fault, &block, blocks, cc_blocks(blocks), cc.time_ms,
                             local);
}

static inline void cc_extend(const struct line_block *made)
{
    assert_true(cc.line_count < LINE_MAX);
    struct line_block *kept = &cc.line[cc.line_count++];
    *kept = *made;
    kept->block.header = &kept->header;
}

/* Builds a block, finds it good, and puts it on the line. */
static inline struct line_block *cc_propose(int64_t later_ms)
{
    struct line_block made = cc_build(later_ms);
    enum tn_chain_verdict verdict = cc_judge(&made, true);
    if (verdict != TN_CHAIN_OK) print_message("%s\n", cc.fault.what);
    assert_int_equal(verdict, TN_CHAIN_OK);
    cc_extend(&made);
    return &cc.line[cc.line_count - 1];
}

static inline void cc_shift(void)
{
    free(cc.line[0].body);
    cc.line_count--;
    for (uint32_t i = 0; i < cc.line_count; i++) {
        cc.line[i] = cc.line[i + 1];
        cc.line[i].block.header = &cc.line[i].header;
    }
}

/* Items of a final block wait no more. */
static inline void cc_forget_items(const struct tn_chain_block *block)
{
    struct tn_body_reader reader;
    struct tn_stream_fault fault;
    assert_true(tn_stream_body_open(&reader, &fault, block->header, block->body, block->body_size));
    while (tn_stream_body_next(&reader, NULL, &fault, NULL) == TN_STREAM_ENTRY) {
        for (uint32_t i = 0; i < cc.items_count; i++) {
            struct pool_item *item = &cc.items[i];
            if (item->kind == reader.kind && item->size + 1 == reader.item_size &&
                memcmp(item->bytes, reader.item_bytes + 1, item->size) == 0)
                item->is_hidden = true;
        }
    }
}

static inline void cc_expect_exact_root(const struct tn_chain *chain)
{
    struct tn_hash root;
    void *memory = cc_room(tn_chain_rebuild_size(&cc.limits));
    tn_chain_rebuild_root(chain, &root, memory);
    assert_true(tn_hash_equal(&root, &tn_chain_heads(chain)->root));
    free(memory);
}

/* The oldest block of the line becomes final. */
static inline void cc_finalize(void)
{
    assert_true(cc.line_count > 0);
    assert_int_equal(tn_chain_execute(cc.chain, &cc.line[0].block), TN_CHAIN_OK);
    cc_forget_items(&cc.line[0].block);
    cc_expect_exact_root(cc.chain);
    cc_shift();
}

/* A block, final at once. */
static inline void cc_pass(int64_t later_ms)
{
    cc_propose(later_ms);
    while (cc.line_count > 0)
        cc_finalize();
}

/* ---- Open and close ---- */

static inline void cc_listen(struct tn_chain *chain)
{
    const struct tn_chain_source source = {.batch = cc_batch,
                                           .next_batch = cc_next_batch,
                                           .item = cc_item,
                                           .missing = cc_missing,
                                           .overdue = cc_overdue};
    tn_chain_ask(chain, &source);
}

static inline struct tn_chain *cc_new_chain(void)
{
    struct tn_chain *chain =
        tn_chain_init(cc_room(tn_chain_size(&cc.limits)), &cc.limits, &cc.genesis, &cc.world);
    assert_non_null(chain);
    cc_listen(chain);
    return chain;
}

static inline void cc_limits(void)
{
    tn_chain_limits_default(&cc.limits);
    cc.limits.markets_count = MARKETS;
    cc.limits.exit_blocks = 4;
    cc.limits.item_bytes_max = 1 << 13;
    cc.limits.weight_max = 1 << 14;
    cc.limits.forced_max = 2;
    cc.limits.checkpoint_blocks = 8;
    for (uint8_t i = 0; i < 32; i++)
        cc.limits.chain_id[i] = i;
    for (uint32_t i = 0; i < MARKETS; i++) {
        struct tn_market_limits *market = &cc.limits.markets[i];
        tn_market_limits_default(market);
        market->exchange = usual_limits();
        market->exchange.hash_seed = 7 + i;
        market->market = i + 1;
        market->sessions_max = 32;
        market->inboxes_max = 128;
        market->inbox_bytes_max = 1 << 21;
        memcpy(market->chain_id, cc.limits.chain_id, sizeof market->chain_id);
    }
}

static inline void cc_genesis(void)
{
    struct tn_registry_command *command = cc.commands;
    for (uint32_t i = 0; i < VALIDATORS; i++, command++) {
        command->kind = TN_REGISTRY_VALIDATOR;
        command->as.validator.key = cc_key(i + 1);
        command->as.validator.address = cc_address(i + 1);
        command->as.validator.weight = 1;
        command->as.validator.stake_micros = 1000;
    }
    for (uint32_t i = 0; i < MARKETS; i++, command++) {
        command->kind = TN_REGISTRY_MARKET;
        command->as.market.market = i + 1;
        command->as.market.count = VALIDATORS;
        for (uint16_t n = 0; n < VALIDATORS; n++)
            command->as.market.candidates[n] = (uint16_t)((n + i) % VALIDATORS);
    }
    command->kind = TN_REGISTRY_FEEDER;
    command->as.feeder.key = cc_key(KEY_FEEDER);
    command->as.feeder.signer = 1;
    command->as.feeder.active = true;
    cc.genesis = (struct tn_chain_genesis){
        .registry = {.governance = cc_key(KEY_GOVERNANCE),
                     .faucet = cc_key(KEY_FAUCET),
                     .parameters = {.reward_blocks = 16,
                                    .proposer_ppm = 100000,
                                    .voter_ppm = 200000,
                                    .leader_ppm = 300000},
                     .turn_views = 1,
                     .validators_min = 1},
        .commands = cc.commands,
        .commands_count = VALIDATORS + MARKETS + 1,
        .time_ms = START_MS,
    };
}

static inline int cc_open(void **state)
{
    (void)state;
    memset(&cc, 0, sizeof cc);
    cc.signatures_memory = cc_room(tn_signatures_size());
    CHAIN_CASE_SIGNATURES(&cc.signatures, cc.signatures_memory);
    cc.world = (struct tn_market_world){.signatures = &cc.signatures};
    cc_limits();
    cc_genesis();
    cc.time_ms = START_MS;
    cc.scratch.events_max = tn_exchange_events_max(&cc.limits.markets[0].exchange);
    cc.scratch.events = cc_room(cc.scratch.events_max * sizeof *cc.scratch.events);
    cc.scratch.stream = cc_room(sizeof *cc.scratch.stream);
    cc.chain = cc_new_chain();
    const struct tn_chain_listener listener = {.receipt = cc_receipt,
                                               .difference = cc_difference,
                                               .inbox = cc_inbox,
                                               .withdrawal = cc_withdrawal,
                                               .term = cc_term};
    tn_chain_tell(cc.chain, &listener);
    for (uint32_t i = 0; i < MARKETS; i++)
        cc_take_over(i);
    return 0;
}

static inline int cc_close(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < cc.pool_count; i++)
        free((void *)(uintptr_t)cc.pool[i].batch.body);
    for (uint32_t i = 0; i < cc.items_count; i++)
        free(cc.items[i].bytes);
    while (cc.line_count > 0)
        cc_shift();
    for (uint32_t i = 0; i < MARKETS; i++)
        free(cc.leaders[i].market);
    free(cc.chain);
    free(cc.scratch.events);
    free(cc.scratch.stream);
    free(cc.signatures_memory);
    return 0;
}

#define CHAIN_CASE(test) cmocka_unit_test_setup_teardown(test, cc_open, cc_close)

#endif
