/* Evidence as bytes, and against real signatures: every kind is accepted, no bit of it can be
 * changed, and what does not contradict itself is none. */
#include "seed.h"
#include "tenor/vote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t random_state;
static struct tn_signatures signatures;
static struct tn_validators set;
static struct tn_evidence_context context;
static void *memory;

static struct tn_secret_key secret_of(uint32_t i)
{
    struct tn_secret_key key = {{0}};
    key.bytes[31] = (uint8_t)(i + 1);
    return key;
}

static void sign(struct tn_signature *signature, const struct tn_hash *digest, uint32_t i)
{
    const struct tn_secret_key secret = secret_of(i);
    assert_true(signatures.sign(signatures.context, signature, digest, &secret));
}

static void sign_vote(struct tn_evidence *evidence, uint32_t half, enum tn_vote_type type,
                      uint64_t view, const struct tn_hash *hash)
{
    struct tn_hash digest;
    tn_vote_digest(&digest, context.chain_id, evidence->epoch, type, view, hash);
    evidence->as.votes.hashes[half] = *hash;
    sign(&evidence->signatures[half], &digest, evidence->signer);
}

/* Evidence of a kind against a random member; which half comes first is random. */
static void make(struct tn_evidence *evidence, enum tn_evidence_kind kind)
{
    struct tn_hash digest;
    const uint32_t a = (uint32_t)tn_random_below(&random_state, 2);
    memset(evidence, 0, sizeof *evidence);
    evidence->kind = kind;
    evidence->epoch = set.epoch;
    evidence->signer = (uint16_t)tn_random_below(&random_state, set.count);
    struct tn_hash hashes[2] = {{{0}}, {{0}}};
    hashes[a].bytes[31] = 1;
    hashes[0].bytes[7] = hashes[1].bytes[7] = (uint8_t)tn_random_next(&random_state);
    evidence->as.votes.view = 1 + tn_random_below(&random_state, 1000);
    const uint64_t view = evidence->as.votes.view;
    for (uint32_t half = 0; half < 2; half++) {
        if (kind == TN_EVIDENCE_CHECKPOINT) {
            struct tn_checkpoint *checkpoint = &evidence->as.checkpoints[half];
            memset(checkpoint, 0, sizeof *checkpoint);
            checkpoint->epoch = set.epoch;
            checkpoint->height = 640;
            checkpoint->data_root = hashes[half];
            tn_checkpoint_digest(&digest, &context.checkpoint_domain, checkpoint);
            sign(&evidence->signatures[half], &digest, evidence->signer);
        } else if (kind == TN_EVIDENCE_BATCH) {
            struct tn_batch_header *batch = &evidence->as.batches[half];
            memset(batch, 0, sizeof *batch);
            memcpy(batch->chain_id, context.chain_id, sizeof batch->chain_id);
            batch->market = 2;
            batch->term = 4;
            batch->sequence = 99;
            batch->results_digest = hashes[half];
            tn_stream_batch_digest(&digest, batch);
            sign(&evidence->signatures[half], &digest, evidence->signer);
        } else if (kind == TN_EVIDENCE_BOTH && half == 0) {
            static const struct tn_hash none;
            sign_vote(evidence, 0, TN_VOTE_NULLIFY, view, &none);
        } else {
            sign_vote(evidence, half,
                      kind == TN_EVIDENCE_NOTARIZE ? TN_VOTE_NOTARIZE : TN_VOTE_FINALIZE, view,
                      &hashes[half]);
        }
    }
}

static bool read_and_check(const uint8_t *bytes, size_t size)
{
    struct tn_evidence evidence;
    struct tn_stream_fault fault = {0};
    if (!tn_evidence_read(&evidence, &fault, bytes, size)) {
        assert_non_null(fault.what);
        return false;
    }
    return evidence.epoch == set.epoch && tn_evidence_check(&evidence, &context, &set);
}

static void test_evidence_of_each_kind_is_read_as_it_was_written(void **state)
{
    (void)state;
    for (uint32_t run = 0; run < 10; run++)
        for (uint8_t kind = 1; kind < TN_EVIDENCE_KINDS; kind++) {
            uint8_t bytes[TN_EVIDENCE_BYTES_MAX], again[TN_EVIDENCE_BYTES_MAX];
            struct tn_evidence evidence, read;
            struct tn_stream_fault fault;
            struct tn_hash one, two;
            make(&evidence, (enum tn_evidence_kind)kind);
            assert_true(tn_evidence_check(&evidence, &context, &set));
            size_t size = tn_evidence_write(bytes, &evidence);
            assert_int_equal(size, tn_evidence_size(kind));
            assert_true(tn_evidence_read(&read, &fault, bytes, size));
            assert_int_equal(tn_evidence_write(again, &read), size);
            assert_memory_equal(again, bytes, size);
            assert_true(tn_evidence_check(&read, &context, &set));
            tn_evidence_digest(&one, &evidence);
            tn_keccak256(&two, bytes, size);
            assert_true(tn_hash_equal(&one, &two));
        }
}

static void test_no_bit_of_evidence_can_be_changed(void **state)
{
    (void)state;
    for (uint8_t kind = 1; kind < TN_EVIDENCE_KINDS; kind++) {
        uint8_t bytes[TN_EVIDENCE_BYTES_MAX];
        struct tn_evidence evidence;
        make(&evidence, (enum tn_evidence_kind)kind);
        size_t size = tn_evidence_write(bytes, &evidence);
        assert_true(read_and_check(bytes, size));
        for (size_t bit = 0; bit < 8 * size; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            if (read_and_check(bytes, size)) fail_msg("kind %d holds with bit %zu", kind, bit);
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        assert_false(read_and_check(bytes, size - 1));
    }
}

static void test_evidence_has_one_spelling(void **state)
{
    (void)state;
    for (uint8_t kind = 1; kind < TN_EVIDENCE_KINDS; kind++) {
        uint8_t bytes[TN_EVIDENCE_BYTES_MAX + 1] = {0};
        uint8_t swapped[TN_EVIDENCE_BYTES_MAX];
        struct tn_evidence evidence;
        make(&evidence, (enum tn_evidence_kind)kind);
        size_t size = tn_evidence_write(bytes, &evidence);
        assert_false(read_and_check(bytes, size + 1));
        if (kind == TN_EVIDENCE_BOTH) continue;
        size_t head = kind <= TN_EVIDENCE_BOTH ? 19 : 11, half = (size - head) / 2;
        memcpy(swapped, bytes, head);
        memcpy(swapped + head, bytes + head + half, half);
        memcpy(swapped + head + half, bytes + head, half);
        assert_false(read_and_check(swapped, size));
        memcpy(swapped + head, bytes + head, half); /* the same twice */
        memcpy(swapped + head + half, bytes + head, half);
        assert_false(read_and_check(swapped, size));
    }
}

static void test_notarize_and_nullify_of_one_view_is_no_evidence(void **state)
{
    (void)state;
    static const struct tn_hash none;
    struct tn_hash hash = {{1}};
    for (uint8_t kind = 1; kind <= TN_EVIDENCE_BOTH; kind++) {
        uint8_t bytes[TN_EVIDENCE_BYTES_MAX];
        struct tn_evidence evidence = {
            .kind = (enum tn_evidence_kind)kind, .epoch = set.epoch, .signer = 1};
        evidence.as.votes.view = 8;
        sign_vote(&evidence, 0, TN_VOTE_NULLIFY, 8, &none);
        sign_vote(&evidence, 1, TN_VOTE_NOTARIZE, 8, &hash);
        size_t size = tn_evidence_write(bytes, &evidence);
        assert_true(size == 0 || !read_and_check(bytes, size));
        assert_false(tn_evidence_check(&evidence, &context, &set));
    }
}

static void test_two_good_votes_that_agree_are_no_evidence(void **state)
{
    (void)state;
    struct tn_evidence evidence, other;
    uint8_t bytes[TN_EVIDENCE_BYTES_MAX];
    make(&evidence, TN_EVIDENCE_FINALIZE);
    other = evidence;
    other.as.votes.hashes[1] = other.as.votes.hashes[0];
    other.signatures[1] = other.signatures[0];
    assert_int_equal(tn_evidence_write(bytes, &other), 0);
    assert_false(tn_evidence_check(&other, &context, &set));
    make(&evidence, TN_EVIDENCE_CHECKPOINT);
    evidence.as.checkpoints[1].height++;
    assert_int_equal(tn_evidence_write(bytes, &evidence), 0);
    make(&evidence, TN_EVIDENCE_BATCH);
    evidence.as.batches[1].term++;
    assert_int_equal(tn_evidence_write(bytes, &evidence), 0);
}

static void test_evidence_of_another_chain_or_signer_is_refused(void **state)
{
    (void)state;
    for (uint8_t kind = 1; kind < TN_EVIDENCE_KINDS; kind++) {
        struct tn_evidence evidence;
        struct tn_evidence_context other = context;
        make(&evidence, (enum tn_evidence_kind)kind);
        other.chain_id[0] ^= 1;
        other.checkpoint_domain.bytes[0] ^= 1;
        assert_false(tn_evidence_check(&evidence, &other, &set));
        evidence.signer = (uint16_t)((evidence.signer + 1u) % set.count);
        assert_false(tn_evidence_check(&evidence, &context, &set));
        evidence.signer = (uint16_t)set.count;
        assert_false(tn_evidence_check(&evidence, &context, &set));
    }
}

/* E4 can be of two epochs: the head says the lower one, whose set has the signer. */
static void test_checkpoints_of_two_epochs_are_evidence_of_the_lower(void **state)
{
    (void)state;
    struct tn_evidence evidence;
    struct tn_hash digest;
    uint8_t bytes[TN_EVIDENCE_BYTES_MAX];
    make(&evidence, TN_EVIDENCE_CHECKPOINT);
    evidence.as.checkpoints[1] = evidence.as.checkpoints[0];
    evidence.as.checkpoints[1].epoch++;
    tn_checkpoint_digest(&digest, &context.checkpoint_domain, &evidence.as.checkpoints[1]);
    sign(&evidence.signatures[1], &digest, evidence.signer);
    size_t size = tn_evidence_write(bytes, &evidence);
    assert_true(read_and_check(bytes, size));
    evidence.epoch++;
    assert_int_equal(tn_evidence_write(bytes, &evidence), 0);
}

static int setup(void **state)
{
    (void)state;
    struct tn_validator members[5];
    memset(members, 0, sizeof members);
    memory = aligned_alloc(64, (tn_signatures_size() + 63) & ~(size_t)63);
    if (memory == NULL) return 1;
    tn_signatures_real(&signatures, memory);
    context.signatures = &signatures;
    memset(context.chain_id, 7, sizeof context.chain_id);
    memset(context.checkpoint_domain.bytes, 9, TN_HASH_SIZE);
    for (uint32_t i = 0; i < 5; i++) {
        const struct tn_secret_key secret = secret_of(i);
        members[i].id = (uint16_t)i;
        members[i].weight = 1;
        if (!signatures.public_key(signatures.context, &members[i].key, &secret)) return 1;
    }
    return tn_validators_make(&set, 12, 1, members, 5) ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    free(memory);
    return 0;
}

int main(int argc, char **argv)
{
    (void)argc;
    random_state = test_seed(argv[0]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_evidence_of_each_kind_is_read_as_it_was_written),
        cmocka_unit_test(test_no_bit_of_evidence_can_be_changed),
        cmocka_unit_test(test_evidence_has_one_spelling),
        cmocka_unit_test(test_notarize_and_nullify_of_one_view_is_no_evidence),
        cmocka_unit_test(test_two_good_votes_that_agree_are_no_evidence),
        cmocka_unit_test(test_evidence_of_another_chain_or_signer_is_refused),
        cmocka_unit_test(test_checkpoints_of_two_epochs_are_evidence_of_the_lower),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
