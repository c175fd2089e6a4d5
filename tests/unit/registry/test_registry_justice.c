/* Evidence and ends of terms: each kind slashes once, in time, the one who signed; a term ends by a
 * quorum's word or the leader's. */
#include "registry_world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static enum tn_registry_answer accuse(struct world *world, const struct tn_evidence *evidence)
{
    enum tn_registry_answer before =
        tn_registry_check_evidence(world->registry, &world->context, evidence);
    enum tn_registry_answer answer = tn_registry_accuse(world->registry, &world->context, evidence);
    assert_int_equal(before, answer);
    return answer;
}

static void test_evidence_of_each_kind_slashes_once(void **state)
{
    (void)state;
    struct world world;
    world_start(&world, NULL, 7);
    world_block(&world);
    world_begin(&world, 0, 0, 0);
    for (uint8_t kind = 1; kind < TN_EVIDENCE_KINDS; kind++) {
        struct tn_evidence evidence =
            world_evidence(&world, (enum tn_evidence_kind)kind, kind, kind, 0);
        assert_int_equal(accuse(&world, &evidence), TN_ANSWER_DONE);
        assert_int_equal(accuse(&world, &evidence), TN_ANSWER_KNOWN);
        struct tn_evidence forged = evidence; /* known or not, it must be signed */
        forged.signatures[0].bytes[9] ^= 1;
        assert_int_equal(accuse(&world, &forged), TN_ANSWER_SIGNATURE);
        const struct tn_registry_validator validator = world_validator(&world, kind);
        struct tn_hash digest;
        tn_evidence_digest(&digest, &evidence);
        assert_int_equal(validator.slashes[kind].height, 2);
        assert_true(tn_hash_equal(&validator.slashes[kind].evidence, &digest));
        assert_int_equal(validator.stake_micros, kind == TN_EVIDENCE_BATCH ? 500000 : 0);
    }
    assert_int_equal(world_heads(&world).slashed_micros, 4 * 1000000 + 500000);
    tn_registry_end_block(world.registry);
    world_end_epoch(&world);
    assert_int_equal(tn_registry_set(world.registry, 1)->count, 2);
    world_close(&world);
}

/* Another pair of signatures for what was proved already takes nothing more; another kind does. */
static void test_a_second_proof_of_one_kind_takes_nothing_more(void **state)
{
    (void)state;
    struct world world;
    struct tn_hash digest;
    world_start(&world, NULL, 4);
    world_begin(&world, 0, 0, 0);
    struct tn_evidence evidence = world_evidence(&world, TN_EVIDENCE_BATCH, 2, 2, 0);
    assert_int_equal(accuse(&world, &evidence), TN_ANSWER_DONE);
    evidence.as.batches[0].sequence = evidence.as.batches[1].sequence = 8;
    for (uint32_t half = 0; half < 2; half++) {
        tn_stream_batch_digest(&digest, &evidence.as.batches[half]);
        evidence.signatures[half] = world_sign(&world, 2, &digest);
    }
    assert_int_equal(accuse(&world, &evidence), TN_ANSWER_KNOWN);
    assert_int_equal(world_validator(&world, 2).stake_micros, 500000);
    evidence = world_evidence(&world, TN_EVIDENCE_BOTH, 2, 2, 0);
    assert_int_equal(accuse(&world, &evidence), TN_ANSWER_DONE);
    assert_int_equal(world_validator(&world, 2).stake_micros, 0);
    assert_int_equal(world_reweigh(&world, 2, 5, 0), TN_ANSWER_SLASHED);
    assert_int_equal(world_reweigh(&world, 2, 0, 5), TN_ANSWER_SLASHED);
    assert_int_equal(world_reweigh(&world, 2, 0, 0), TN_ANSWER_DONE);
    assert_int_equal(world_register(&world, 2, 1, 1), TN_ANSWER_KEY);
    world_close(&world);
}

static void test_evidence_needs_the_signer_and_its_epoch(void **state)
{
    (void)state;
    struct world world;
    world_start(&world, NULL, 4);
    world_begin(&world, 0, 0, 0);
    for (uint8_t kind = 1; kind < TN_EVIDENCE_KINDS; kind++) {
        struct tn_evidence evidence = world_evidence(&world, (enum tn_evidence_kind)kind, 1, 2, 0);
        assert_int_equal(accuse(&world, &evidence), TN_ANSWER_SIGNATURE);
        evidence = world_evidence(&world, (enum tn_evidence_kind)kind, 1, 4, 0);
        assert_int_equal(accuse(&world, &evidence), TN_ANSWER_UNKNOWN);
        evidence = world_evidence(&world, (enum tn_evidence_kind)kind, 1, 1, 1);
        assert_int_equal(accuse(&world, &evidence), TN_ANSWER_TOO_OLD);
        evidence = world_evidence(&world, (enum tn_evidence_kind)kind, 1, 1, 0);
        evidence.signatures[1].bytes[40] ^= 1;
        assert_int_equal(accuse(&world, &evidence), TN_ANSWER_SIGNATURE);
    }
    assert_int_equal(world_heads(&world).slashed_micros, 0);
    world_close(&world);
}

static void test_evidence_counts_for_two_epochs_after_its_own(void **state)
{
    (void)state;
    struct world world;
    world_start(&world, NULL, 5);
    world_block(&world);
    const struct tn_evidence vote = world_evidence(&world, TN_EVIDENCE_NOTARIZE, 1, 1, 0);
    const struct tn_evidence late = world_evidence(&world, TN_EVIDENCE_NOTARIZE, 2, 2, 0);
    struct tn_evidence batch = world_evidence(&world, TN_EVIDENCE_BATCH, 3, 3, 0);
    world_end_epoch(&world);
    world_end_epoch(&world);
    world_begin(&world, 0, 0, 0);
    assert_int_equal(accuse(&world, &vote), TN_ANSWER_DONE);
    tn_registry_end_block(world.registry);
    world_end_epoch(&world);
    world_begin(&world, 0, 0, 0);
    assert_int_equal(accuse(&world, &late), TN_ANSWER_TOO_OLD);
    /* A batch names no epoch: its heights say how old it is, whatever the evidence claims. */
    batch.epoch = 3;
    batch.signer = (uint16_t)tn_validators_find_id(tn_registry_set(world.registry, 3), 3);
    assert_int_equal(accuse(&world, &batch), TN_ANSWER_TOO_OLD);
    batch = world_evidence(&world, TN_EVIDENCE_BATCH, 3, batch.signer, 3);
    assert_int_equal(accuse(&world, &batch), TN_ANSWER_DONE);
    world_close(&world);
}

static void test_the_slashed_earn_nothing_more(void **state)
{
    (void)state;
    struct world world;
    world_start(&world, NULL, 4);
    world_begin(&world, 0, 0, 0);
    tn_registry_sequenced(world.registry, 1, 10, 1000);
    assert_int_equal(world_validator(&world, 1).earned_micros, 300);
    struct tn_evidence evidence = world_evidence(&world, TN_EVIDENCE_FINALIZE, 1, 1, 0);
    assert_int_equal(accuse(&world, &evidence), TN_ANSWER_DONE);
    tn_registry_end_block(world.registry);
    for (uint32_t i = 0; i < 15; i++) {
        world_begin(&world, 0, 0, 0);
        tn_registry_sequenced(world.registry, 1, 10, 1000 * (i + 2));
        tn_registry_end_block(world.registry);
    }
    assert_int_equal(world_validator(&world, 1).earned_micros, 300);
    assert_true(world_validator(&world, 0).earned_micros > 0);
    assert_true(world_conserves(&world));
    world_close(&world);
}

/* ---- Ends of terms ---- */

static struct tn_term_end stalled(const struct world *world, const uint16_t *voters, uint32_t count)
{
    struct tn_term_end term = {.cause = TN_TERM_STALLED, .stalls_count = count};
    struct tn_hash digest;
    term.head = (struct tn_vote_head){.market = 1, .term = 1, .sequence = 9};
    term.head.digest.bytes[5] = 1;
    tn_vote_stall_digest(&digest, world->context.chain_id, world_heads(world).epoch, &term.head);
    for (uint32_t i = 0; i < count; i++) {
        term.stalls[i].voter = voters[i];
        term.stalls[i].signature = world_sign(world, voters[i], &digest);
    }
    return term;
}

static bool good(const struct world *world, const struct tn_term_end *term)
{
    return tn_registry_check_term(world->registry, &world->context, term);
}

static void test_a_term_ends_by_stalls_of_a_quorum(void **state)
{
    (void)state;
    struct world world;
    world_start(&world, (const uint64_t[]){3, 1, 1, 1}, 4); /* W = 6: a quorum is 5 */
    struct tn_term_end term = stalled(&world, (const uint16_t[]){0, 1, 3}, 3);
    assert_true(good(&world, &term));
    term.stalls[2].signature.bytes[9] ^= 1;
    assert_false(good(&world, &term));
    term = stalled(&world, (const uint16_t[]){0, 1}, 2);
    assert_false(good(&world, &term));
    term = stalled(&world, (const uint16_t[]){1, 2, 3}, 3);
    assert_false(good(&world, &term));
    term = stalled(&world, (const uint16_t[]){0, 0, 0}, 3);
    assert_false(good(&world, &term));
    term = stalled(&world, (const uint16_t[]){0, 1, 1, 3}, 4);
    assert_false(good(&world, &term));
    term = stalled(&world, (const uint16_t[]){0, 3, 1}, 3);
    assert_false(good(&world, &term));
    term = stalled(&world, (const uint16_t[]){0, 1, 4}, 3);
    assert_false(good(&world, &term));
    term = stalled(&world, (const uint16_t[]){0, 1, 2, 3}, 4);
    assert_true(good(&world, &term));
    term.stalls_count = 0;
    assert_false(good(&world, &term));
    for (uint32_t change = 0; change < 4; change++) { /* stalls are for exactly this head */
        term = stalled(&world, (const uint16_t[]){0, 1, 2}, 3);
        if (change == 0) term.head.term++;
        if (change == 1) term.head.sequence++;
        if (change == 2) term.head.digest.bytes[0]++;
        if (change == 3) term.head.market++;
        assert_false(good(&world, &term));
    }
    term = stalled(&world, (const uint16_t[]){0, 1, 2}, 3);
    world_end_epoch(&world); /* and of this epoch */
    assert_false(good(&world, &term));
    world_close(&world);
}

static void test_a_term_ends_by_its_leaders_word_alone(void **state)
{
    (void)state;
    struct world world;
    struct tn_hash digest;
    world_start(&world, NULL, 4);
    struct tn_term_end term = {.cause = TN_TERM_RESIGNED};
    term.head = (struct tn_vote_head){.market = 1, .term = 1, .sequence = 4};
    tn_vote_resign_digest(&digest, world.context.chain_id, 0, &term.head);
    term.resignation = world_sign(&world, 1, &digest); /* candidates[1 mod 4] */
    assert_true(good(&world, &term));
    for (uint32_t other = 0; other < 4; other++) {
        if (other == 1) continue;
        term.resignation = world_sign(&world, other, &digest);
        assert_false(good(&world, &term));
    }
    tn_vote_stall_digest(&digest, world.context.chain_id, 0, &term.head);
    term.resignation = world_sign(&world, 1, &digest); /* a stall is no resignation */
    assert_false(good(&world, &term));
    term.cause = TN_TERM_LAGGED;
    assert_true(good(&world, &term));
    term.head.market = 2;
    assert_false(good(&world, &term));
    term.head.market = 1;
    term.cause = 0;
    assert_false(good(&world, &term));
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_evidence_of_each_kind_slashes_once),
        cmocka_unit_test(test_a_second_proof_of_one_kind_takes_nothing_more),
        cmocka_unit_test(test_evidence_needs_the_signer_and_its_epoch),
        cmocka_unit_test(test_evidence_counts_for_two_epochs_after_its_own),
        cmocka_unit_test(test_the_slashed_earn_nothing_more),
        cmocka_unit_test(test_a_term_ends_by_stalls_of_a_quorum),
        cmocka_unit_test(test_a_term_ends_by_its_leaders_word_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
