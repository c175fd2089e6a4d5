/* Messages as docs/specs/sequencer.md says they are: the same bytes as its vectors, which a script
 * made from the page alone. And a message that lacks a byte, or has one more, is none. */
#include "sequencer/internal.h"
#include "sequencer_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct vector {
    uint8_t bytes[2048];
    size_t size;
};

static struct vector vector(const char *name)
{
    struct vector found = {.size = 0};
    char line[8192];
    FILE *file = fopen(TENOR_SEQUENCER_VECTORS "/vectors.txt", "r");
    assert_non_null(file);
    while (found.size == 0 && fgets(line, sizeof(line), file) != NULL) {
        const size_t length = strlen(name);
        if (strncmp(line, name, length) != 0 || line[length] != ' ') continue;
        const char *at = line + length + 1;
        unsigned byte;
        while (sscanf(at, "%2x", &byte) == 1) {
            found.bytes[found.size++] = (uint8_t)byte;
            at += 2;
        }
    }
    fclose(file);
    assert_true(found.size > 0);
    return found;
}

static void assert_vector(const char *name, const uint8_t *bytes, size_t size)
{
    const struct vector expected = vector(name);
    assert_int_equal(size, expected.size);
    assert_memory_equal(bytes, expected.bytes, size);
}

static const struct tn_hash none;
static uint8_t chain_id[32];
static struct tn_hash block_hash;

static int set_up(void **state)
{
    (void)state;
    for (uint8_t i = 0; i < 32; i++)
        chain_id[i] = i;
    const struct vector hash = vector("header.hash");
    memcpy(block_hash.bytes, hash.bytes, 32);
    return 0;
}

static void test_sequencer_signs_what_the_page_says(void **state)
{
    (void)state;
    struct tn_hash digest, domain;
    struct tn_block_header header;
    struct tn_stream_fault fault;
    struct tn_checkpoint checkpoint = {.epoch = 7, .height = 640};
    tn_vote_digest(&digest, chain_id, 7, TN_VOTE_NOTARIZE, 9, &block_hash);
    assert_vector("vote.1.digest", digest.bytes, 32);
    tn_vote_digest(&digest, chain_id, 7, TN_VOTE_NULLIFY, 9, &none);
    assert_vector("vote.2.digest", digest.bytes, 32);
    tn_vote_digest(&digest, chain_id, 7, TN_VOTE_FINALIZE, 9, &block_hash);
    assert_vector("vote.3.digest", digest.bytes, 32);
    const struct vector bytes = vector("header");
    assert_true(tn_stream_read_block_header(&header, &fault, bytes.bytes, bytes.size));
    tn_stream_block_hash(&digest, chain_id, &header);
    assert_vector("header.hash", digest.bytes, 32);
    memset(domain.bytes, 0xd0, 32);
    memset(checkpoint.state_root.bytes, 0x11, 32);
    memset(checkpoint.withdraw_root.bytes, 0x12, 32);
    memset(checkpoint.data_root.bytes, 0x13, 32);
    tn_checkpoint_digest(&digest, &domain, &checkpoint);
    assert_vector("checkpoint.digest", digest.bytes, 32);
}

static void test_sequencer_writes_messages_as_the_page_says(void **state)
{
    (void)state;
    uint8_t bytes[256];
    struct vote_message vote = {
        .epoch = 7, .view = 9, .type = TN_VOTE_FINALIZE, .hash = block_hash, .voter = 2};
    memset(vote.signature.bytes, 0x44, 64);
    tn_sequencer_write_vote(bytes, &vote);
    assert_vector("vote", bytes, VOTE_BYTES);

    static const struct fetch_message fetches[] = {{.what = FETCH_BLOCK, .at = 9},
                                                   {.what = FETCH_BLOCKS, .at = 100, .count = 64},
                                                   {.what = FETCH_HEADERS, .at = 100, .count = 512},
                                                   {.what = FETCH_CERTS, .at = 9},
                                                   {.what = FETCH_HANDOVER}};
    for (uint32_t i = 0; i < 5; i++) {
        static const char *const names[] = {"fetch.1", "fetch.2", "fetch.3", "fetch.4", "fetch.5"};
        struct fetch_message fetch = fetches[i];
        fetch.epoch = 7;
        if (i == 0) fetch.hash = block_hash;
        tn_sequencer_write_fetch(bytes, &fetch);
        assert_vector(names[i], bytes, FETCH_BYTES);
    }

    struct status_message status = {.epoch = 7,
                                    .view = 9,
                                    .final_view = 6,
                                    .final_height = 5,
                                    .exec_height = 1,
                                    .checkpoint_height = 3};
    memset(status.final_hash.bytes, 0x22, 32);
    memset(status.exec_root.bytes, 0x33, 32);
    tn_sequencer_write_status(bytes, &status);
    assert_vector("status", bytes, STATUS_BYTES);

    struct checkpoint_message checkpoint = {.checkpoint = {.epoch = 7, .height = 640}, .voter = 2};
    memset(checkpoint.checkpoint.state_root.bytes, 0x11, 32);
    memset(checkpoint.checkpoint.withdraw_root.bytes, 0x12, 32);
    memset(checkpoint.checkpoint.data_root.bytes, 0x13, 32);
    memset(checkpoint.signature.bytes, 0x44, 64);
    tn_sequencer_write_checkpoint_vote(bytes, &checkpoint);
    assert_vector("ckpt_vote", bytes, CHECKPOINT_VOTE_BYTES);

    struct tn_block_header header = {.epoch = 7, .view = 9, .height = 8};
    tn_sequencer_write_final(bytes, &header, &block_hash);
    assert_vector("final", bytes, FINAL_BYTES);
}

static void test_sequencer_reads_certificates_as_the_page_says(void **state)
{
    (void)state;
    const struct tn_validators set = {.epoch = 7, .count = 4};
    struct cert_message cert;
    struct vector bytes = vector("cert");
    assert_true(tn_sequencer_read_cert(&cert, bytes.bytes, bytes.size, &set));
    assert_int_equal(cert.view, 9);
    assert_int_equal(cert.type, TN_VOTE_FINALIZE);
    assert_memory_equal(cert.hash.bytes, block_hash.bytes, 32);
    assert_int_equal(cert.voters.bits[0], 0xd);
    assert_int_equal(cert.signatures[64], 0x42);
    assert_false(tn_sequencer_read_cert(&cert, bytes.bytes, bytes.size - 1, &set));
    bytes.bytes[50] |= 0x10; /* a fifth member */
    assert_false(tn_sequencer_read_cert(&cert, bytes.bytes, bytes.size + 64, &set));
    bytes.bytes[50] = 0xd;
    bytes.bytes[9] = TN_VOTE_NULLIFY; /* whose hash is zero */
    assert_false(tn_sequencer_read_cert(&cert, bytes.bytes, bytes.size, &set));
}

/* An engine takes each vector for a message, and the same with a byte less or more for none. */
static void test_sequencer_takes_whole_messages_only(void **state)
{
    (void)state;
    static const char *const names[] = {"proposal",  "vote",      "fetch.1",   "fetch.2", "fetch.3",
                                        "fetch.4",   "fetch.5",   "data.1",    "data.2",  "status",
                                        "ckpt_vote", "votes_ask", "votes_held"};
    struct case_world *world = case_begin(4);
    struct case_node *node = &world->nodes[0];
    case_start(node, 0);
    const struct tn_sequencer_counters *counters = tn_sequencer_counters(node->engine);
    for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct vector bytes = vector(names[i]);
        uint64_t before = counters->malformed;
        tn_sequencer_message(node->engine, 2, bytes.bytes, bytes.size, 1000);
        assert_int_equal(counters->malformed, before);
        if (strcmp(names[i], "data.1") == 0) continue; /* its size is the body's to say */
        tn_sequencer_message(node->engine, 2, bytes.bytes, bytes.size - 1, 1000);
        assert_int_equal(counters->malformed, before + 1);
        tn_sequencer_message(node->engine, 2, bytes.bytes, bytes.size + 1, 1000);
        assert_int_equal(counters->malformed, before + 2);
    }
    case_end(world);
}

static void test_sequencer_guard_signs_one_thing_for_each_view_and_type(void **state)
{
    (void)state;
    struct guard_view views[256] = {{.number = 0}};
    struct guard guard = {.views = views, .views_mask = 255, .epoch = 1};
    const struct tn_hash a = {.bytes = {1}}, b = {.bytes = {2}};
    assert_true(tn_sequencer_guard_allows(&guard, 1, TN_VOTE_NOTARIZE, 5, &a));
    tn_sequencer_guard_note(&guard, 1, TN_VOTE_NOTARIZE, 5, &a);
    assert_true(tn_sequencer_guard_allows(&guard, 1, TN_VOTE_NOTARIZE, 5, &a)); /* the same again */
    assert_false(tn_sequencer_guard_allows(&guard, 1, TN_VOTE_NOTARIZE, 5, &b)); /* R1 */
    assert_true(tn_sequencer_guard_allows(&guard, 1, TN_VOTE_NULLIFY, 5, &none));
    tn_sequencer_guard_note(&guard, 1, TN_VOTE_NULLIFY, 5, &none);
    assert_false(tn_sequencer_guard_allows(&guard, 1, TN_VOTE_FINALIZE, 5, &a)); /* R3 */

    tn_sequencer_guard_note(&guard, 1, TN_VOTE_FINALIZE, 6, &a);
    assert_false(tn_sequencer_guard_allows(&guard, 1, TN_VOTE_NULLIFY, 6, &none)); /* R3 */
    assert_false(tn_sequencer_guard_allows(&guard, 1, TN_VOTE_FINALIZE, 6, &b));

    tn_sequencer_guard_note(&guard, 1, TN_VOTE_NULLIFY, 7, &none);
    assert_false(tn_sequencer_guard_allows(&guard, 1, TN_VOTE_NOTARIZE, 7, &a)); /* R2 */

    tn_sequencer_guard_note(&guard, 1, TN_VOTE_NULLIFY, 256 + 9, &none);
    assert_false(tn_sequencer_guard_allows(&guard, 1, TN_VOTE_NOTARIZE, 9, &a));   /* forgotten */
    assert_false(tn_sequencer_guard_allows(&guard, 2, TN_VOTE_NOTARIZE, 300, &a)); /* not yet */
    guard.floor = 100;
    assert_false(tn_sequencer_guard_allows(&guard, 1, TN_VOTE_NOTARIZE, 100, &a));
    tn_sequencer_guard_begin(&guard, 2);
    assert_true(tn_sequencer_guard_allows(&guard, 2, TN_VOTE_FINALIZE, 5, &b));
}

static void test_sequencer_guard_signs_one_checkpoint_for_each_height(void **state)
{
    (void)state;
    struct guard guard = {.epoch = 1};
    const struct tn_hash a = {.bytes = {1}}, b = {.bytes = {2}};
    for (uint64_t height = 1; height <= 2 * GUARD_CHECKPOINTS; height++) {
        assert_true(tn_sequencer_guard_allows_checkpoint(&guard, height, &a));
        tn_sequencer_guard_note_checkpoint(&guard, height, &a);
        assert_true(tn_sequencer_guard_allows_checkpoint(&guard, height, &a));
        assert_false(tn_sequencer_guard_allows_checkpoint(&guard, height, &b));
    }
    assert_false(tn_sequencer_guard_allows_checkpoint(&guard, 3, &a)); /* forgotten: never again */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_sequencer_signs_what_the_page_says, set_up),
        cmocka_unit_test_setup(test_sequencer_writes_messages_as_the_page_says, set_up),
        cmocka_unit_test_setup(test_sequencer_reads_certificates_as_the_page_says, set_up),
        cmocka_unit_test(test_sequencer_takes_whole_messages_only),
        cmocka_unit_test(test_sequencer_guard_signs_one_thing_for_each_view_and_type),
        cmocka_unit_test(test_sequencer_guard_signs_one_checkpoint_for_each_height),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
