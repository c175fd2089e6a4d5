/* What is hashed of a batch side by side is what it is by itself: the root of a body's entries, on
 * every path of this machine, and the digests of its frames, in whatever order they are asked for.
 * TENOR_SEED repeats a run. */
#include "seed.h"
#include "tenor/entries.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BODY_MAX = 1 << 17, ENTRIES_MAX = 40, ENTRY_MAX = 2000 };

static struct draft {
    uint8_t body[BODY_MAX];
    size_t size;
    struct tn_batch_header header;
    struct tn_stream_tree tree;
    /* Of the frames among its entries. */
    struct tn_frame frames[ENTRIES_MAX];
    uint32_t frames_count;
} draft;

static uint64_t seed;

static uint32_t runnable(enum tn_cpu cpus[2])
{
    uint32_t count = 0;
    cpus[count++] = TN_CPU_BASE;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) cpus[count++] = TN_CPU_AVX2;
#endif
    return count;
}

static void begin(void)
{
    draft.size = TN_BATCH_HEADER_BYTES;
    draft.frames_count = 0;
    tn_stream_tree_begin(&draft.tree, TN_TREE_ENTRIES);
}

static void add(const uint8_t *bytes, size_t size)
{
    assert_true(draft.size + 4 + size <= BODY_MAX);
    tn_put_be(draft.body + draft.size, size, 4);
    memcpy(draft.body + draft.size + 4, bytes, size);
    draft.size += 4 + size;
    tn_stream_tree_add(&draft.tree, bytes, size);
}

static void end(void)
{
    memset(&draft.header, 0, sizeof draft.header);
    draft.header.entries_count = draft.tree.count;
    tn_stream_tree_root(&draft.header.entries_root, &draft.tree);
}

static void fill(uint8_t *bytes, size_t size, uint64_t *random)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)tn_random_next(random);
}

/* Any bytes are an entry to the tree, none as well. */
static void draft_any(uint32_t count, uint64_t *random)
{
    uint8_t entry[ENTRY_MAX];
    begin();
    for (uint32_t i = 0; i < count; i++) {
        size_t size = (size_t)tn_random_below(random, i % 3 == 0 ? 40 : ENTRY_MAX);
        fill(entry, size, random);
        add(entry, size);
    }
    end();
}

static bool holds(size_t size)
{
    enum tn_cpu cpus[2];
    const uint32_t count = runnable(cpus);
    const bool answer = tn_stream_entries_hold(&draft.header, cpus[0], draft.body, size);
    for (uint32_t i = 1; i < count; i++)
        assert_true(tn_stream_entries_hold(&draft.header, cpus[i], draft.body, size) == answer);
    return answer;
}

static void test_stream_entries_of_a_body_hold_under_the_root_of_one_by_one(void **state)
{
    (void)state;
    uint64_t random = seed;
    for (uint32_t count = 0; count <= ENTRIES_MAX; count++) {
        draft_any(count, &random);
        assert_true(holds(draft.size));
        draft.header.entries_count++;
        assert_false(holds(draft.size));
        draft.header.entries_count -= 2;
        assert_false(holds(draft.size));
    }
}

static void test_stream_entries_of_a_body_do_not_hold_with_a_byte_changed_or_missing(void **state)
{
    (void)state;
    uint64_t random = seed;
    draft_any(11, &random);
    for (size_t at = TN_BATCH_HEADER_BYTES; at < draft.size; at += at % 4 == 0 ? 13 : 1) {
        draft.body[at] ^= (uint8_t)(1u << at % 8);
        assert_false(holds(draft.size));
        draft.body[at] ^= (uint8_t)(1u << at % 8);
        assert_false(holds(at));
    }
    assert_true(holds(draft.size));
    memset(draft.body + draft.size, 0, 8);
    for (size_t more = 1; more <= 8; more++)
        assert_false(holds(draft.size + more));
}

/* A builder that hashes each entry as it comes, and one that counts them and is given the body. */
static void test_stream_builder_that_counts_entries_ends_with_the_header_of_one_that_hashes(
    void **state)
{
    (void)state;
    uint64_t random = seed;
    enum tn_cpu cpus[2];
    const uint32_t cpus_count = runnable(cpus);
    const struct tn_event event = {.kind = TN_EVENT_RESULT, .account = 7};
    for (uint32_t count = 0; count <= ENTRIES_MAX; count++) {
        struct tn_batch_builder hashing, counting;
        struct tn_batch_header expected = {.market = 3}, header = {.market = 3};
        tn_stream_batch_begin(&hashing, 5);
        tn_stream_batch_begin(&counting, 5);
        begin();
        for (uint32_t i = 0; i < count; i++) {
            uint8_t bytes[ENTRY_MAX];
            const struct tn_entry entry = {.kind = TN_ENTRY_BLOCK, .as.block.height = 6 + i};
            const size_t size = 1 + (size_t)tn_random_below(&random, ENTRY_MAX - 1);
            fill(bytes, size, &random);
            add(bytes, size);
            tn_stream_batch_add(&hashing, &entry, bytes, size, &event, 1);
            tn_stream_batch_count_entry(&counting, &entry, size);
            tn_stream_batch_add_events(&counting, &event, 1);
        }
        tn_stream_batch_end(&expected, &hashing);
        for (uint32_t i = 0; i < cpus_count; i++) {
            tn_stream_batch_end_body(&header, &counting, cpus[i], draft.body, draft.size);
            uint8_t written[TN_BATCH_HEADER_BYTES], wanted[TN_BATCH_HEADER_BYTES];
            tn_stream_write_batch_header(written, &header);
            tn_stream_write_batch_header(wanted, &expected);
            assert_memory_equal(written, wanted, sizeof wanted);
        }
    }
}

/* ---- Digests ---- */

static const uint8_t chain_id[32] = {7, 1, 4};

/* Frames, with other entries between them: also such as look like one at the beginning. */
static void draft_frames(uint32_t count, uint64_t *random)
{
    uint8_t entry[ENTRY_MAX];
    begin();
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t kind = (uint32_t)tn_random_below(random, 5);
        const size_t size = (size_t)tn_random_below(random, ENTRY_MAX - 6 - TN_SIGNATURE_SIZE);
        fill(entry, sizeof entry, random);
        entry[0] = kind == 0 ? TN_ENTRY_VERSION : TN_ENTRY_VERSION_2;
        entry[1] = kind == 1 ? TN_ENTRY_BLOCK : TN_ENTRY_FRAME;
        tn_put_be(entry + 2, kind == 2 ? size + 1 : size, 4);
        if (kind > 2) {
            draft.frames[draft.frames_count++] = (struct tn_frame){
                .payload = draft.body + draft.size + 4 + 6, .payload_size = (uint32_t)size};
        }
        add(entry, 6 + size + TN_SIGNATURE_SIZE);
    }
    end();
}

static void expect_digest(struct tn_stream_digests *digests, const struct tn_frame *frame)
{
    struct tn_hash expected;
    const struct tn_hash *got = tn_stream_digests_of(digests, frame);
    assert_non_null(got);
    tn_frame_digest(&expected, chain_id, frame->payload, frame->payload_size);
    assert_true(tn_hash_equal(got, &expected));
}

static void test_stream_gives_digests_of_all_frames_of_a_body_in_turn(void **state)
{
    (void)state;
    uint64_t random = seed;
    enum tn_cpu cpus[2];
    const uint32_t cpus_count = runnable(cpus);
    for (uint32_t count = 0; count <= ENTRIES_MAX; count++) {
        draft_frames(count, &random);
        for (uint32_t i = 0; i < cpus_count; i++) {
            struct tn_stream_digests digests;
            tn_stream_digests_begin(&digests, cpus[i], chain_id, draft.body, draft.size);
            for (uint32_t f = 0; f < draft.frames_count; f++) {
                expect_digest(&digests, &draft.frames[f]);
                expect_digest(&digests, &draft.frames[f]);
            }
        }
    }
}

/* One that was not asked for in turn may get none, and never another's. */
static void test_stream_gives_no_frame_the_digest_of_another(void **state)
{
    (void)state;
    uint64_t random = seed;
    static uint8_t elsewhere[BODY_MAX];
    struct tn_hash expected;
    draft_frames(ENTRIES_MAX, &random);
    memcpy(elsewhere, draft.body, draft.size);
    for (uint32_t round = 0; round < 300; round++) {
        struct tn_stream_digests digests;
        tn_stream_digests_begin(&digests, TN_CPU_BASE, chain_id, draft.body, draft.size);
        for (uint32_t asked = 0; asked < 30; asked++) {
            struct tn_frame frame = draft.frames[tn_random_below(&random, draft.frames_count)];
            if (asked % 5 == 1) frame.payload = elsewhere + (frame.payload - draft.body);
            if (asked % 5 == 2) frame.payload_size--;
            if (asked % 5 == 3) frame.payload++;
            const struct tn_hash *got = tn_stream_digests_of(&digests, &frame);
            if (got == NULL) continue;
            tn_frame_digest(&expected, chain_id, frame.payload, frame.payload_size);
            assert_true(tn_hash_equal(got, &expected));
            assert_true(asked % 5 == 0 || asked % 5 == 4);
        }
    }
}

/* Lengths that lead out of the body end the looking ahead. */
static void test_stream_looks_for_frames_within_the_body_alone(void **state)
{
    (void)state;
    uint64_t random = seed;
    draft_frames(6, &random);
    for (size_t size = TN_BATCH_HEADER_BYTES; size < draft.size; size++) {
        uint8_t *cut = malloc(size);
        assert_non_null(cut);
        memcpy(cut, draft.body, size);
        struct tn_stream_digests digests;
        tn_stream_digests_begin(&digests, TN_CPU_BASE, chain_id, cut, size);
        for (uint32_t f = 0; f < draft.frames_count; f++) {
            struct tn_frame frame = draft.frames[f];
            const size_t at = (size_t)(frame.payload - draft.body);
            if (at >= size) continue;
            frame.payload = cut + at;
            const bool is_whole = at + frame.payload_size + TN_SIGNATURE_SIZE <= size;
            assert_true((tn_stream_digests_of(&digests, &frame) != NULL) == is_whole);
        }
        free(cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream_entries_of_a_body_hold_under_the_root_of_one_by_one),
        cmocka_unit_test(test_stream_entries_of_a_body_do_not_hold_with_a_byte_changed_or_missing),
        cmocka_unit_test(
            test_stream_builder_that_counts_entries_ends_with_the_header_of_one_that_hashes),
        cmocka_unit_test(test_stream_gives_digests_of_all_frames_of_a_body_in_turn),
        cmocka_unit_test(test_stream_gives_no_frame_the_digest_of_another),
        cmocka_unit_test(test_stream_looks_for_frames_within_the_body_alone),
    };
    seed = test_seed("test_stream_together");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
