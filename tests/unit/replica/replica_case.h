/* replica_case: the markets of exchange_case, with a replica beside them.
 *
 * Every entry that a story applies goes to a replica as well, as its bytes; its events must be the
 * same. seal() ends the batch and the block. What a story says of money is worked out by hand in
 * margin_case's market: a lot of the perpetual is worth a hundredth of spot, and nothing nets. */
#ifndef REPLICA_CASE_H
#define REPLICA_CASE_H

#include "tenor/replica.h"

#include <stdlib.h>
#include <string.h>

enum { EXIT_EACH = 2, NODES_MAX = 512, WITHDRAWN_MAX = 16, ENTRY_ROOM = 1 << 16 };

static struct beside {
    const struct tn_exchange *followed; /* the story's own; NULL: there is no replica yet */
    struct tn_replica_limits limits;
    struct tn_replica *replica;
    struct tn_event *events;
    uint32_t events_max, entries; /* of the open batch */
    struct tn_batch_header batch;
    struct tn_block_header block;
    struct tn_hash hash, root;
    struct tn_hash nodes[2][NODES_MAX]; /* by range (0: blocks) and place */
    uint64_t nodes_count[2];
    uint8_t withdrawals[WITHDRAWN_MAX][TN_PROOF_WITHDRAWAL_SIZE];
    uint64_t withdrawals_count;
} beside;

static uint32_t apply_beside(struct tn_exchange *exchange, struct tn_event *events,
                             uint32_t events_max, const struct tn_entry *entry);
#define tn_exchange_apply apply_beside
#include "../exchange/margin_case.h"
#undef tn_exchange_apply

static void *take_zeroed(size_t size)
{
    void *memory = aligned_alloc(64, tn_align(size));
    assert_non_null(memory);
    return memset(memory, 0, size);
}

static void keep_node(void *context, enum tn_proof_kind range, uint64_t place,
                      const struct tn_hash *node)
{
    int which = range == TN_PROOF_BLOCKS ? 0 : 1;
    (void)context;
    assert_int_equal(place, beside.nodes_count[which]); /* one after the other, none twice */
    assert_true(place < NODES_MAX);
    beside.nodes[which][beside.nodes_count[which]++] = *node;
}

static void keep_withdrawal(void *context, uint64_t number,
                            const uint8_t withdrawal[TN_PROOF_WITHDRAWAL_SIZE])
{
    (void)context;
    assert_int_equal(number, beside.withdrawals_count);
    assert_true(number < WITHDRAWN_MAX);
    memcpy(beside.withdrawals[beside.withdrawals_count++], withdrawal, TN_PROOF_WITHDRAWAL_SIZE);
}

static struct tn_replica *replica_of(const struct tn_replica_limits *limits)
{
    assert_true(tn_replica_size(limits) > 0);
    return tn_replica_init(take_zeroed(tn_replica_size(limits)), limits);
}

static void listen_beside(void)
{
    const struct tn_replica_listener listener = {.node = keep_node, .withdrawal = keep_withdrawal};
    tn_replica_tell(beside.replica, &listener);
}

static void open_beside(const struct tn_exchange *followed)
{
    beside.followed = followed;
    beside.limits = (struct tn_replica_limits){
        .exchange = market.limits, .chain_id = {0xC0}, .market = 5, .exit_blocks = EXIT_EACH};
    beside.limits.exchange.hash_seed = 0x5EED;
    beside.replica = replica_of(&beside.limits);
    beside.events_max = tn_exchange_events_max(&market.limits);
    beside.events = take_zeroed(beside.events_max * sizeof beside.events[0]);
    listen_beside();
    tn_replica_begin_batch(beside.replica);
}

static uint32_t apply_beside(struct tn_exchange *exchange, struct tn_event *events,
                             uint32_t events_max, const struct tn_entry *entry)
{
    static uint8_t bytes[ENTRY_ROOM];
    uint32_t count = tn_exchange_apply(exchange, events, events_max, entry);
    if (exchange != market.exchange) return count;
    if (beside.followed == NULL) open_beside(exchange);
    size_t size = tn_stream_write_entry(bytes, sizeof bytes, entry);
    assert_true(size > 0 && size <= sizeof bytes);
    assert_int_equal(
        tn_replica_apply(beside.replica, beside.events, beside.events_max, entry, bytes, size),
        count);
    assert_memory_equal(events, beside.events, count * sizeof events[0]);
    beside.entries++;
    return count;
}

static inline const struct tn_replica_heads *heads(void)
{
    return tn_replica_heads(beside.replica);
}

/* The trees kept by touches are the trees built anew. */
static void expect_exact_root(void)
{
    struct tn_hash root;
    void *memory = take_zeroed(tn_replica_rebuild_size(&beside.limits));
    tn_replica_rebuild_root(beside.replica, &root, memory);
    assert_true(tn_hash_equal(&root, &beside.root));
    assert_true(tn_hash_equal(&root, &heads()->root));
    free(memory);
}

/* Ends the batch and the block, in one of which there must be something. */
static inline void seal(void)
{
    assert_true(beside.entries > 0);
    tn_replica_end_batch(beside.replica, &beside.batch);
    assert_int_equal(beside.batch.entries_count, beside.entries);
    beside.block = (struct tn_block_header){.epoch = 1,
                                            .view = heads()->height + 1,
                                            .parent_view = heads()->height,
                                            .time_ms = (uint64_t)market.time_ms};
    tn_replica_end_block(beside.replica, &beside.block, &beside.hash, &beside.root);
    tn_replica_begin_batch(beside.replica);
    beside.entries = 0;
    expect_exact_root();
}

static int close_beside(void **state)
{
    free(beside.replica);
    free(beside.events);
    beside = (struct beside){0};
    return close_market(state);
}

/* All records of the replica beside the story into another; false: refused. `alter` may change a
 * record on its way, or leave it out by answering false; NULL: nothing is changed. */
typedef bool alter_record(uint8_t kind, uint32_t index, uint8_t *record, size_t *size);
static inline bool copy_records(struct tn_replica *to, struct tn_hash *root,
                                struct tn_import_fault *fault, alter_record *alter)
{
    enum { ROOM = 1 << 20 };
    uint8_t *record = take_zeroed(ROOM);
    bool is_good = true;
    for (uint8_t kind = 1; kind < TN_REPLICA_KINDS; kind++) {
        uint32_t count = tn_replica_records_count(beside.replica, kind);
        for (uint32_t i = 0; i < count && is_good; i++) {
            size_t size = tn_replica_record(beside.replica, record, ROOM, kind, i);
            assert_true(size <= tn_replica_record_size_max(&beside.limits, kind));
            bool goes = size > 0 && (alter == NULL || alter(kind, i, record, &size));
            is_good = !goes || tn_replica_import(to, fault, kind, i, record, size);
        }
    }
    free(record);
    return is_good && tn_replica_import_end(to, root, fault);
}

/* A test that starts in the usual market (without margin), or in the one with feeds. */
#define CHAIN_STORY(test)  cmocka_unit_test_setup_teardown(test, open_market, close_beside)
#define MARGIN_STORY(test) cmocka_unit_test_setup_teardown(test, open_feeds, close_beside)

#endif
