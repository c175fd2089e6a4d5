/* A replica over random streams of a market under margin: the root kept by touches is the root
 * built anew; a replica restored from records in the midst of it stands at the same root and stays
 * there, block for block; one that executes the sealed batches again gets the same headers. Exit
 * checkpoints, which follow what changed, are those that a twin makes of all accounts anew.
 *
 * TENOR_NIGHTLY=1: more seeds, and 10 000 blocks past the restore. TENOR_SEED=n begins with that
 * stream. */
#include "exit_twin.h"
#include "risk_stream.h"
#include "seed.h"
#include "zeroed.h"

#include "tenor/replica.h"

#include "replica/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { BLOCK_ENTRIES_MAX = 40, EXIT_BLOCKS = 8, ENTRY_BYTES = 1 << 18, CHECK_EACH = 5 };

struct side {
    struct tn_replica_limits limits;
    struct tn_replica *replica;
    void *rebuild;
    struct tn_event *events;
    uint32_t events_max;
    bool is_late;                     /* a block is hashed only when the next one has ended */
    bool is_ending;                   /* and one is not hashed yet, */
    struct tn_hash root;              /* which must come to this root */
    bool has_exit;                    /* the block that ended last is an exit checkpoint, */
    uint8_t exit[TN_PROOF_EXIT_SIZE]; /* with this record */
    bool is_same;
};

static void side_open(struct side *side, uint64_t hash_seed)
{
    *side = (struct side){.limits = {.market = 7, .exit_blocks = EXIT_BLOCKS}};
    risk_stream_limits(&side->limits.exchange);
    side->limits.exchange.hash_seed = hash_seed;
    side->limits.chain_id[0] = 1;
    side->replica = tn_replica_init(take_zeroed(tn_replica_size(&side->limits)), &side->limits);
    side->rebuild = take_zeroed(tn_replica_rebuild_size(&side->limits));
    side->events_max = tn_exchange_events_max(&side->limits.exchange);
    side->events = take_zeroed(side->events_max * sizeof(struct tn_event));
    side->is_same = true;
}

/* With little room, for some seeds: then a block's changes do not fit and are hashed in between. */
static void make_late(struct side *side, uint64_t seed)
{
    struct tn_replica *replica = side->replica;
    side->is_late = true;
    if (seed % 2 == 0) return;
    const struct tn_shard_limits limits = {.exchange = &side->limits.exchange, .id = 7};
    replica->room.scratch_size = tn_shard_scratch_size(&limits) - SCRATCH_SPARE + 64;
    replica->hashing.scratch_size = replica->room.scratch_size;
}

static void side_close(struct side *side)
{
    free(side->replica);
    free(side->rebuild);
    free(side->events);
}

/* All records of one into the other, which was just made. */
static bool restore(struct side *to, const struct side *from)
{
    struct tn_import_fault fault;
    struct tn_hash root;
    size_t room = 0;
    for (uint8_t kind = 1; kind < TN_REPLICA_KINDS; kind++) {
        size_t size = tn_replica_record_size_max(&from->limits, kind);
        if (size > room) room = size;
    }
    uint8_t *record = malloc(room);
    TN_ASSERT(record != NULL);
    bool is_good = true;
    for (uint8_t kind = 1; kind < TN_REPLICA_KINDS && is_good; kind++) {
        uint32_t count = tn_replica_records_count(from->replica, kind);
        for (uint32_t i = 0; i < count && is_good; i++) {
            const struct tn_record_name name = {.kind = kind, .index = i};
            tn_replica_records_ahead(from->replica, &name, 1);
            size_t size = tn_replica_record(from->replica, record, room, kind, i);
            if (size == 0) continue;
            is_good = tn_replica_import(to->replica, &fault, kind, i, record, size);
        }
    }
    free(record);
    is_good = is_good && tn_replica_import_end(to->replica, &root, &fault);
    if (!is_good) {
        fprintf(stderr, "record %u %u at %u: %s\n", fault.name.kind, fault.name.index, fault.at,
                fault.what);
        return false;
    }
    return tn_hash_equal(&root, &tn_replica_heads(from->replica)->root);
}

static bool root_is_rebuilt(const struct side *side)
{
    struct tn_hash root;
    tn_replica_rebuild_root(side->replica, &root, side->rebuild);
    return tn_hash_equal(&root, &tn_replica_heads(side->replica)->root);
}

/* One entry into all sides, as bytes. */
static void apply_all(struct side *sides, uint32_t sides_count, const struct tn_entry *entry,
                      uint8_t *bytes)
{
    size_t size = tn_stream_write_entry(bytes, ENTRY_BYTES, entry);
    TN_ASSERT(size > 0 && size <= ENTRY_BYTES);
    for (uint32_t i = 0; i < sides_count; i++) {
        tn_replica_apply(sides[i].replica, sides[i].events, sides[i].events_max, entry, bytes,
                         size);
    }
}

static uint64_t exits_made;

/* Of the block that was just ended, before anything else is applied. */
static void expect_exit(struct side *side)
{
    const uint64_t height = tn_replica_heads(side->replica)->height;
    side->has_exit = height % EXIT_BLOCKS == 0;
    if (side->has_exit)
        exit_twin(side->exit, tn_replica_exchange(side->replica), side->limits.market, height,
                  NULL);
}

static bool has_expected_exit(const struct side *side)
{
    const struct tn_replica_heads *heads = tn_replica_heads(side->replica);
    if (!side->has_exit) return true;
    exits_made++;
    return heads->has_exit && memcmp(heads->exit, side->exit, sizeof side->exit) == 0;
}

/* A late side hashes and finishes the block that waits. */
static void settle(void *context)
{
    struct side *side = context;
    struct tn_hash root;
    if (!side->is_ending) return;
    tn_replica_hash(side->replica);
    tn_replica_end_block_finish(side->replica, &root);
    side->is_ending = false;
    side->is_same = tn_hash_equal(&root, &side->root) && has_expected_exit(side);
}

/* As tn_replica_end_block, a block later: all of it was applied and gathered before the block
 * before is hashed. */
static void end_late(struct side *side, struct tn_block_header *block, struct tn_hash *hash,
                     const struct tn_hash *root)
{
    if (side->is_ending) tn_replica_end_block_gather(side->replica, settle, side);
    settle(side);
    tn_replica_end_block_begin(side->replica, block, hash);
    expect_exit(side);
    side->root = *root;
    side->is_ending = true;
}

/* Ends the block on all sides; false when they part. */
static bool seal_all(struct side *sides, uint32_t sides_count)
{
    struct tn_batch_header batches[2] = {0};
    struct tn_block_header block = {0};
    struct tn_hash hashes[2], roots[2];
    for (uint32_t i = 0; i < sides_count; i++) {
        tn_replica_end_batch(sides[i].replica, &batches[i]);
        const struct tn_exchange *exchange = tn_replica_exchange(sides[i].replica);
        block.view = tn_replica_heads(sides[i].replica)->height + 1;
        block.time_ms = (uint64_t)tn_exchange_time_ms(exchange);
        if (sides[i].is_late) {
            end_late(&sides[i], &block, &hashes[i], &roots[0]);
        } else {
            tn_replica_end_block(sides[i].replica, &block, &hashes[i], &roots[i]);
            expect_exit(&sides[i]);
            sides[i].is_same = has_expected_exit(&sides[i]);
        }
    }
    return sides[0].is_same &&
           (sides_count == 1 ||
            (tn_hash_equal(&hashes[0], &hashes[1]) && sides[1].is_same &&
             tn_hash_equal(&batches[0].results_digest, &batches[1].results_digest)));
}

static bool same_stream(uint64_t seed, uint32_t blocks, uint32_t restore_at)
{
    static struct risk_stream stream;
    struct side sides[2];
    uint32_t sides_count = 1;
    uint64_t random = seed;
    uint8_t *bytes = take_zeroed(ENTRY_BYTES);
    side_open(&sides[0], 1);
    risk_stream_start(&stream, tn_replica_exchange(sides[0].replica), seed);
    bool is_same = true;
    uint32_t block = 0;
    for (; is_same && block < blocks; block++) {
        uint64_t entries = 1 + tn_random_below(&random, BLOCK_ENTRIES_MAX);
        for (uint32_t i = 0; i < sides_count; i++)
            tn_replica_begin_batch(sides[i].replica);
        for (; entries > 0; entries--) {
            struct tn_entry entry;
            risk_stream_next(&stream, &entry);
            apply_all(sides, sides_count, &entry, bytes);
        }
        is_same = seal_all(sides, sides_count);
        for (uint32_t i = 0; i < sides_count && is_same && block % CHECK_EACH == 0; i++) {
            settle(&sides[i]);
            is_same = sides[i].is_same && root_is_rebuilt(&sides[i]);
        }
        if (block == restore_at && is_same) {
            side_open(&sides[1], 99);
            is_same = restore(&sides[1], &sides[0]);
            make_late(&sides[1], seed);
            sides_count = 2;
        }
    }
    if (!is_same) {
        fprintf(stderr,
                "seed %" PRIu64 ", block %u; to repeat: TENOR_SEED=%" PRIu64
                " test_replica_streams\n",
                seed, block, seed);
    }
    for (uint32_t i = 0; i < sides_count; i++)
        side_close(&sides[i]);
    free(bytes);
    return is_same;
}

static void test_root_by_touches_is_the_root_built_anew_and_survives_a_restore(void **state)
{
    (void)state;
    bool is_nightly = getenv("TENOR_NIGHTLY") != NULL;
    uint64_t seed = test_seed("test_replica_streams");
    uint32_t seeds = is_nightly ? 20 : RISK_THEMES;
    for (uint32_t i = 0; i < seeds; i++) {
        uint32_t restore_at = 20 + 17 * i;
        uint32_t blocks = restore_at + (is_nightly ? 10000 : 100);
        assert_true(same_stream(seed + i, blocks, restore_at));
    }
    assert_true(exits_made > seeds * 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_root_by_touches_is_the_root_built_anew_and_survives_a_restore),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
