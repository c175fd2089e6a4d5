/* A desk under a random market with a margin engine, and a replica that executes what it sealed:
 * every batch brings about there what the leader said, the states are equal, no entry is a fault;
 * and when terms end at random, exactly the answers above the last final batch are taken back.
 *
 * Then the same batches with frames forced into them that no honest leader lets pass: each is a
 * no-op and a fault, and everything else comes out as if they were not there.
 *
 * TENOR_SEED=n begins with that stream. */
#include "desk_stream.h"
#include "seed.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RUNS    4
#define ENTRIES 1500
#endif
#endif
#ifndef RUNS
#define RUNS    RISK_THEMES
#define ENTRIES 4000
#endif

static void test_replica_comes_to_the_desks_results_and_ends_of_terms_revert_the_rest(void **state)
{
    (void)state;
    uint64_t seed = test_seed("test_desk_streams");
    for (uint32_t run = 0; run < RUNS; run++) {
        fprintf(stderr, "stream of seed %" PRIu64 "\n", seed + run);
        open_model(seed + run);
        for (uint32_t i = 0; i < ENTRIES; i++)
            happen();
        for (uint32_t i = 0; i < 200 && tn_desk_next(desk_case.desk) <= desk_case.now_us; i++)
            turn(0);
        turn(5 * (uint64_t)desk_case.limits.seal_us);
        finalize(UINT32_MAX);
        tn_market_check(desk_case.replica);
        assert_true(tn_market_digest(desk_case.replica) ==
                    tn_market_digest(tn_desk_market(desk_case.desk)));
        shut_model();
    }
}

/* ---- A hostile leader ---- */

struct forger {
    struct tn_market *market;
    struct tn_batch_builder builder;
    uint8_t body[1 << 16];
    size_t size;
    const uint8_t *entry;
    size_t entry_size;
    uint32_t faults;
};

static void on_forged(void *context, const struct tn_market_step *step)
{
    struct forger *forger = context;
    tn_stream_batch_add_events(&forger->builder, step->events, step->events_count);
    if (step->item != 0) return;
    tn_stream_batch_add_entry(&forger->builder, step->entry, forger->entry, forger->entry_size);
    if (step->fault == 0) return;
    forger->faults++;
    assert_int_equal(step->events_count, 1);
    assert_int_equal(step->events[0].reject, step->fault);
}

static void forge_entry(struct forger *forger, const uint8_t *bytes, size_t size)
{
    const struct tn_market_out out = {.step = on_forged, .context = forger};
    struct tn_stream_fault fault;
    forger->entry = bytes;
    forger->entry_size = size;
    assert_true(tn_market_apply(forger->market, &fault, &stream_case.scratch, &out, bytes, size));
    assert_true(forger->size + 4 + size <= sizeof forger->body);
    tn_put_be(forger->body + forger->size, size, 4);
    memcpy(forger->body + forger->size + 4, bytes, size);
    forger->size += 4 + size;
}

/* A frame that no honest leader lets in; or one that it did, a second time. */
static bool forge_frame(struct forger *forger)
{
    struct tn_command command = case_cancel(1 + tn_random_below(&model.random, 1000));
    uint32_t account = (uint32_t)tn_random_below(&model.random, model.accounts);
    if (account >= ACCOUNTS_MAX || model.sessions[account] == 0) return false;
    struct case_terms terms = {.term = desk_case.term,
                               .nonce = UINT64_C(1) << 62,
                               .session = model.sessions[account],
                               .valid_until_block = UINT64_MAX,
                               .market = stream_case.limits.market,
                               .key = &stream_case.keys[account % TRADERS]};
    if (chance(20)) {
        command.kind = TN_COMMAND_WITHDRAW;
        command.as.money.amount = 1;
    } else if (chance(20)) {
        terms.nonce = 15; /* used by the session's own opening */
    } else {
        spoil(&terms);
    }
    case_frame_with(terms, &command, 1);
    forge_entry(forger, stream_case.frame, stream_case.frame_size);
    return true;
}

/* The batch with forged frames between its entries, executed by a clone of the replica. */
static void forge_batch(const struct case_batch *batch)
{
    static struct forger forger;
    const struct tn_market_world world = {.signatures = &stream_case.signatures};
    size_t size = tn_market_size(&stream_case.limits);
    void *memory = case_room(size), *victim = case_room(size);
    struct tn_batch_reader reader;
    struct tn_stream_fault fault;
    struct tn_stream_item item;
    uint32_t forged = 0;
    forger.market = tn_market_clone(memory, desk_case.replica);
    struct tn_market *honest = tn_market_clone(victim, desk_case.replica);
    tn_market_lend(forger.market, &world);
    tn_market_lend(honest, &world);
    forger.size = TN_BATCH_HEADER_BYTES;
    forger.faults = 0;
    tn_market_begin(forger.market, batch->header.term);
    tn_stream_batch_begin(&forger.builder, tn_market_cursor(forger.market));
    assert_true(tn_stream_batch_open(&reader, &fault, batch->body, batch->body_size));
    forged += forge_frame(&forger);
    while (tn_stream_batch_next_item(&reader, &item, &fault, stream_case.scratch.stream) ==
           TN_STREAM_ENTRY) {
        forge_entry(&forger, reader.entry_bytes, reader.entry_size);
        if (chance(30)) forged += forge_frame(&forger);
    }
    assert_int_equal(forger.faults, forged);
    struct tn_batch_header header = batch->header;
    tn_stream_batch_end(&header, &forger.builder);
    tn_stream_write_batch_header(forger.body, &header);

    const struct tn_market_out out = {.step = NULL};
    struct tn_market_executed executed;
    assert_true(tn_market_execute_batch(honest, &executed, &fault, &stream_case.scratch, &out,
                                        forger.body, forger.size));
    assert_int_equal(executed.faults_count, forged);
    assert_true(tn_hash_equal(&executed.results_digest, &header.results_digest));
    uint64_t with_forged = tn_market_digest(honest);
    case_finalize();
    assert_true(tn_market_digest(desk_case.replica) == with_forged);
    seen.faults += forged;
    free(memory);
    free(victim);
}

static void test_frames_that_a_hostile_leader_forces_in_are_no_ops_and_faults(void **state)
{
    (void)state;
    uint64_t seed = test_seed("test_desk_streams");
    open_model(seed + 77);
    for (uint32_t i = 0; i < 1200; i++) {
        struct tn_entry entry;
        risk_stream_next(&model.stream, &entry);
        take_entry(&entry);
        if (chance(30)) pass_block(stream_case.time_ms + 20);
        turn(chance(60) ? 500 : 2500);
        while (desk_case.executed < desk_case.batches_count) {
            if (chance(10)) {
                forge_batch(&desk_case.batches[desk_case.executed]);
            } else {
                case_finalize();
            }
            note_final(desk_case.batches[desk_case.executed - 1].header.sequence);
        }
        finalize(0);
    }
    shut_model();
    fprintf(stderr, "%" PRIu64 " forged frames\n", seen.faults);
    assert_true(seen.faults > 20);
}

static void test_desk_streams_met_what_they_are_about(void **state)
{
    (void)state;
    fprintf(stderr,
            "%" PRIu64 " answered, %" PRIu64 " refused, %" PRIu64 " reverted in %" PRIu64
            " terms, %" PRIu64 " batches, %" PRIu64 " forced, %" PRIu64 " by owners; %" PRIu64
            " blocks, %" PRIu64 " sweeps, %" PRIu64 " liqs; %" PRIu64
            " turns of frames alone, %" PRIu64 " left some\n",
            seen.answered, seen.refused, seen.reverted, seen.terms, seen.batches, seen.forced,
            seen.withdrawn, seen.blocks, seen.sweeps, seen.liqs, seen.alone, seen.left);
    assert_true(seen.answered > 200 && seen.refused > 50 && seen.reverted > 5 && seen.terms > 2);
    assert_true(seen.batches > 100 && seen.forced > 5 && seen.withdrawn > 2);
    assert_true(seen.blocks > 100 && seen.sweeps > 20 && seen.restored > 0);
    assert_true(seen.alone > 100);
    assert_true(ENTRIES < 4000 || (seen.left > 0 && seen.full > 0)); /* rare */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replica_comes_to_the_desks_results_and_ends_of_terms_revert_the_rest),
        cmocka_unit_test(test_frames_that_a_hostile_leader_forces_in_are_no_ops_and_faults),
        cmocka_unit_test(test_desk_streams_met_what_they_are_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
