/* Batches and blocks: the frontier against a naive tree, a sealed batch read back, and every single
 * changed or missing byte found. TENOR_SEED repeats a run. */
#include "entry_maker.h"
#include "seed.h"

#include "tenor/pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { BODY_MAX = 1 << 17, LEAVES_MAX = 300, ENTRIES = 24 };

static struct maker maker;
static struct tn_stream_scratch scratch;
static uint64_t seed;

/* ---- The tree, naively: all leaves, padded, level by level ---- */

static void naive_root(struct tn_hash *root, uint8_t kind, uint32_t count)
{
    static struct tn_hash level[512];
    uint32_t width = 1;
    while (width < count)
        width *= 2;
    memset(level, 0, sizeof(level));
    for (uint32_t i = 0; i < count; i++) {
        uint8_t leaf[9] = {0, kind, 0, 0, (uint8_t)(i >> 8), (uint8_t)i, 'l', (uint8_t)(i * 7), 1};
        tn_keccak256(&level[i], leaf, sizeof(leaf));
    }
    for (; width > 1; width /= 2) {
        for (uint32_t i = 0; i < width / 2; i++) {
            uint8_t inner[65] = {1};
            memcpy(inner + 1, &level[2 * i], 64);
            tn_keccak256(&level[i], inner, sizeof(inner));
        }
    }
    uint8_t top[42] = {3, kind, 0, 0, 0, 0, 0, 0, (uint8_t)(count >> 8), (uint8_t)count};
    memcpy(top + 10, &level[0], 32);
    tn_keccak256(root, top, sizeof(top));
}

static void test_stream_tree_has_the_root_of_a_naive_tree_after_every_leaf(void **state)
{
    struct tn_stream_tree tree;
    (void)state;
    memset(&tree, 0xa5, sizeof(tree));
    tn_stream_tree_begin(&tree, TN_TREE_BATCHES);
    for (uint32_t count = 0; count <= LEAVES_MAX; count++) {
        struct tn_hash root, naive;
        tn_stream_tree_root(&root, &tree);
        naive_root(&naive, TN_TREE_BATCHES, count);
        assert_memory_equal(&root, &naive, sizeof(root));
        uint8_t leaf[3] = {'l', (uint8_t)(count * 7), 1};
        tn_stream_tree_add(&tree, leaf, sizeof(leaf));
    }
}

/* ---- Batches ---- */

struct batch {
    uint8_t body[BODY_MAX];
    size_t size;
    size_t begins[ENTRIES + 1]; /* of the entries' lengths */
    uint32_t count;
    struct tn_batch_header header;
    struct tn_batch_builder builder;
};
static struct batch batch;

static void add_entry(uint8_t kind, uint32_t events_count)
{
    struct tn_event events[3];
    make_entry(&maker, kind);
    if (kind == TN_ENTRY_BLOCK) maker.entry.as.block.height = 100 + batch.count;
    for (uint32_t i = 0; i < events_count; i++)
        events[i] = (struct tn_event){.kind = TN_EVENT_RESULT, .order_id = batch.count, .index = i};
    uint8_t *at = batch.body + batch.size;
    size_t size = tn_stream_write_batch_entry(at, BODY_MAX - batch.size, &maker.entry);
    assert_true(size > TN_BATCH_LENGTH_BYTES && size <= BODY_MAX - batch.size);
    tn_stream_batch_add(&batch.builder, &maker.entry, at + TN_BATCH_LENGTH_BYTES,
                        size - TN_BATCH_LENGTH_BYTES, events, events_count);
    batch.begins[batch.count++] = batch.size;
    batch.size += size;
}

static void end_batch(void)
{
    batch.begins[batch.count] = batch.size;
    tn_stream_batch_end(&batch.header, &batch.builder);
    tn_stream_write_batch_header(batch.body, &batch.header);
    assert_int_equal(batch.builder.body_bytes, batch.size);
}

static void begin_batch(void)
{
    memset(&batch, 0, sizeof(batch));
    batch.header = (struct tn_batch_header){.market = 7, .term = 2, .sequence = 9};
    batch.size = TN_BATCH_HEADER_BYTES;
    tn_stream_batch_begin(&batch.builder, 99);
}

static void make_batch(void)
{
    begin_batch();
    for (uint32_t i = 0; i < 21; i++)
        add_entry((uint8_t)(TN_ENTRY_FRAME + i), i % 4);
    end_batch();
}

static bool check(struct tn_stream_fault *fault, const uint8_t *body, size_t size)
{
    struct tn_batch_header header;
    fault->at = SIZE_MAX;
    bool good = tn_stream_batch_check(&header, fault, &scratch, body, size);
    if (!good) assert_true(fault->at <= size);
    return good;
}

static void test_stream_gives_the_entries_of_a_batch_as_they_were_added(void **state)
{
    struct tn_batch_reader reader;
    struct tn_stream_fault fault;
    struct tn_entry entry;
    (void)state;
    maker.random = seed;
    make_batch();
    assert_true(tn_stream_batch_open(&reader, &fault, batch.body, batch.size));
    assert_memory_equal(&reader.header, &batch.header, sizeof(batch.header));
    assert_int_equal(reader.header.first_block, 99);
    assert_int_equal(reader.header.last_block, 101);
    for (uint32_t i = 0; i < batch.count; i++) {
        assert_int_equal(tn_stream_batch_next(&reader, &entry, &fault, &scratch), TN_STREAM_ENTRY);
        assert_int_equal(entry.kind, TN_ENTRY_FRAME + i);
        assert_ptr_equal(reader.entry_bytes, batch.body + batch.begins[i] + TN_BATCH_LENGTH_BYTES);
        assert_int_equal(batch.begins[i] + TN_BATCH_LENGTH_BYTES + reader.entry_size,
                         batch.begins[i + 1]);
    }
    assert_int_equal(tn_stream_batch_next(&reader, &entry, &fault, &scratch), TN_STREAM_END);
    assert_int_equal(tn_stream_batch_next(&reader, &entry, &fault, &scratch), TN_STREAM_END);
}

static void test_stream_seals_a_batch_without_entries(void **state)
{
    struct tn_stream_fault fault;
    struct tn_hash empty;
    (void)state;
    begin_batch();
    end_batch();
    assert_true(check(&fault, batch.body, batch.size));
    assert_int_equal(batch.header.last_block, 99);
    assert_int_equal(batch.header.weight, 0);
    tn_keccak256(&empty, NULL, 0);
    assert_memory_equal(&batch.header.results_digest, &empty, sizeof(empty));
}

/* A replica works the header out again from the entries it read and its own events. */
static void test_stream_tells_other_events_by_the_results_digest(void **state)
{
    struct tn_batch_header header = {.market = 7, .term = 2, .sequence = 9};
    struct tn_event event = {.kind = TN_EVENT_RESULT};
    struct tn_hash digests[4];
    (void)state;
    begin_batch();
    make_entry(&maker, TN_ENTRY_SWEEP);
    for (uint32_t i = 0; i < 4; i++) {
        uint8_t bytes[16];
        size_t size = tn_stream_write_entry(bytes, sizeof(bytes), &maker.entry);
        tn_stream_batch_begin(&batch.builder, 99);
        event.index = i == 3;
        tn_stream_batch_add(&batch.builder, &maker.entry, bytes, size, &event, i >= 2);
        tn_stream_batch_add(&batch.builder, &maker.entry, bytes, size, &event, i == 1);
        tn_stream_batch_end(&header, &batch.builder);
        digests[i] = header.results_digest;
        for (uint32_t j = 0; j < i; j++)
            assert_false(tn_hash_equal(&digests[i], &digests[j]));
    }
}

static struct tn_event random_event(uint32_t index)
{
    struct tn_event event = {.kind = (uint8_t)(1 + tn_random_below(&seed, 30)),
                             .side = index % 2,
                             .account = 7 + (uint32_t)tn_random_below(&seed, 3),
                             .series_id = tn_random_next(&seed) >> tn_random_below(&seed, 64),
                             .order_id = index,
                             .price = (int64_t)tn_random_next(&seed),
                             .remaining = 5};
    event.index = index;
    return event;
}

/* The same bytes, whatever the pieces in which they are hashed. */
static void test_stream_digests_packed_events_behind_their_count(void **state)
{
    enum { STEPS = 3, EVENTS = 200 };
    static struct tn_event events[STEPS][EVENTS];
    static uint8_t bytes[STEPS * (4 + EVENTS * TN_PACK_EVENT_MAX) + TN_PACK_SLACK];
    static const uint32_t counts[STEPS] = {EVENTS, 0, 1};
    struct tn_batch_header header = {.market = 7}, read;
    struct tn_stream_fault fault;
    struct tn_packer packer;
    struct tn_hash digest;
    uint8_t *out = bytes, head[TN_BATCH_HEADER_BYTES];
    (void)state;
    tn_stream_batch_begin(&batch.builder, 99);
    batch.builder.is_packed = true;
    for (uint32_t i = 0; i < STEPS; i++) {
        tn_put_be(out, counts[i], 4);
        out += 4;
        tn_stream_pack_begin(&packer, 0);
        for (uint32_t k = 0; k < counts[i]; k++) {
            events[i][k] = random_event(k);
            out = tn_stream_pack(&packer, out, &events[i][k]);
        }
        tn_stream_batch_add_events(&batch.builder, events[i], counts[i]);
    }
    tn_stream_batch_end(&header, &batch.builder);
    tn_keccak256(&digest, bytes, (size_t)(out - bytes));
    assert_true(tn_hash_equal(&header.results_digest, &digest));
    /* A header says how its results are digested, under what is signed. */
    tn_stream_write_batch_header(head, &header);
    assert_memory_equal(head, "TNBA2", 5);
    assert_true(tn_stream_read_batch_header(&read, &fault, head, sizeof head));
    assert_true(read.is_packed);
    tn_stream_batch_digest(&digest, &header);
    header.is_packed = false;
    struct tn_hash plain;
    tn_stream_batch_digest(&plain, &header);
    assert_false(tn_hash_equal(&plain, &digest));
    head[4] = '3';
    assert_false(tn_stream_read_batch_header(&read, &fault, head, sizeof head));
}

/* What the layout says of an event behind another QUOTED, word by word. */
static uint8_t *pack_naively(uint8_t *out, const struct tn_event *event, const struct tn_event *old)
{
    static const uint64_t steps[TN_PACK_WORDS] = {[3] = 1, [10] = 1};
    uint64_t now[TN_PACK_WORDS], was[TN_PACK_WORDS];
    uint8_t *head = out;
    uint32_t mask = 0;
    memcpy(now, event, sizeof now);
    memcpy(was, old, sizeof was);
    assert_true(now[1] == was[1]); /* both accounts */
    out += 2;
    for (uint32_t i = 0; i < TN_PACK_WORDS; i++) {
        uint64_t differ = now[i] - was[i] - steps[i];
        uint64_t number = differ << 1 ^ (differ >> 63 != 0 ? UINT64_MAX : 0);
        if (i == 0) number = (now[0] ^ was[0]) >> 8 ^ 1;
        if (number == 0) continue;
        mask |= 1u << i;
        out = tn_stream_put_number(out, number);
    }
    head[0] = (uint8_t)mask;
    head[1] = (uint8_t)(mask >> 8 | (uint32_t)event->kind << 3);
    return out;
}

/* Sides as they come most, and such as differ from these in one word, by little and by much. */
static void test_stream_packs_sides_of_quotes_as_the_layout_says(void **state)
{
    enum { EVENTS = 2000 };
    static struct tn_event events[EVENTS];
    static uint8_t bytes[EVENTS * TN_PACK_EVENT_MAX + TN_PACK_SLACK];
    uint8_t expected[TN_PACK_EVENT_MAX + TN_PACK_SLACK];
    struct tn_packer packer;
    struct tn_unpacker unpacker;
    struct tn_event event;
    uint8_t *out = bytes;
    const uint8_t *at = bytes;
    (void)state;
    tn_stream_pack_begin(&packer, 0);
    for (uint32_t i = 0; i < EVENTS; i++) {
        uint64_t words[TN_PACK_WORDS] = {TN_EVENT_QUOTED | (i & 1) << 8, 5};
        if (i > 0) memcpy(words, &events[i - 1], sizeof words);
        words[0] = (words[0] & ~UINT64_C(0xff00)) | (i & 1) << 8;
        words[3]++;
        words[10]++;
        for (uint32_t k = 5; k <= 7; k++) { /* price, quantity, remaining */
            if (tn_random_below(&seed, 2) == 0)
                words[k] += (tn_random_next(&seed) >> tn_random_below(&seed, 64)) - 20;
        }
        if (i % 2 == 0) words[2] += tn_random_next(&seed) >> tn_random_below(&seed, 64);
        const uint32_t odd = (uint32_t)tn_random_below(&seed, 3 * TN_PACK_WORDS);
        if (odd == 0) words[0] ^= UINT64_C(1) << (16 + tn_random_below(&seed, 48));
        if (odd > 1 && odd < TN_PACK_WORDS) words[odd] ^= UINT64_C(1) << tn_random_below(&seed, 64);
        memcpy(&events[i], words, sizeof words);
        uint8_t *end = tn_stream_pack(&packer, out, &events[i]);
        if (i > 0) {
            const size_t size =
                (size_t)(pack_naively(expected, &events[i], &events[i - 1]) - expected);
            assert_int_equal(end - out, size);
            assert_memory_equal(out, expected, size);
        }
        out = end;
    }
    tn_stream_pack_begin(&unpacker.packer, 0);
    for (uint32_t i = 0; i < EVENTS; i++) {
        assert_true(tn_stream_unpack(&unpacker, &event, &at, out));
        assert_memory_equal(&event, &events[i], sizeof event);
    }
    assert_ptr_equal(at, out);
}

/* What is digested can be read back, so no two lists of events have the same bytes. */
static void test_stream_unpacks_all_that_it_packs(void **state)
{
    enum { EVENTS = 500 };
    static struct tn_event events[EVENTS];
    static uint8_t bytes[EVENTS * TN_PACK_EVENT_MAX + TN_PACK_SLACK];
    struct tn_packer packer;
    struct tn_unpacker unpacker;
    struct tn_event event;
    (void)state;
    for (uint32_t turn = 0; turn < 20; turn++) {
        uint8_t *out = bytes;
        const uint8_t *at = bytes;
        tn_stream_pack_begin(&packer, turn);
        for (uint32_t i = 0; i < EVENTS; i++) {
            events[i] = random_event(i);
            uint64_t words[TN_PACK_WORDS];
            memcpy(words, &events[i], sizeof words);
            if (turn % 2 == 1) { /* any numbers at all */
                for (uint32_t k = 1; k < TN_PACK_WORDS; k++)
                    words[k] = tn_random_next(&seed) >> tn_random_below(&seed, 64);
                memcpy(&events[i], words, sizeof words);
            }
            out = tn_stream_pack(&packer, out, &events[i]);
        }
        tn_stream_pack_begin(&unpacker.packer, turn);
        for (uint32_t i = 0; i < EVENTS; i++) {
            assert_true(tn_stream_unpack(&unpacker, &event, &at, out));
            assert_memory_equal(&event, &events[i], sizeof event);
        }
        assert_ptr_equal(at, out);
    }
}

static void test_stream_finds_every_changed_byte_of_a_batch(void **state)
{
    /* Nothing in a body says what these should be: the leader's signature covers them. */
    static const size_t FREE = 5 + 32 + 4 + 4 + 8 + 32, RESULTS = TN_BATCH_HEADER_BYTES - 32;
    struct tn_stream_fault fault;
    (void)state;
    maker.random = seed;
    make_batch();
    size_t step = batch.size / 3000 + 1;
    for (size_t i = 0; i < batch.size; i += i < 400 ? 1 : step) {
        bool is_free =
            (i >= 5 && i < FREE) || (i >= RESULTS && i < TN_BATCH_HEADER_BYTES) ||
            i == FREE + 19; /* first_block, while it stays below the BLOCK that follows */
        batch.body[i] ^= 0x01;
        bool passed = check(&fault, batch.body, batch.size);
        if (passed != is_free) fail_msg("byte %zu of the body: passed %d", i, passed);
        batch.body[i] ^= 0x01;
    }
    assert_true(check(&fault, batch.body, batch.size));
}

static void test_stream_refuses_a_batch_cut_or_continued_anywhere(void **state)
{
    struct tn_stream_fault fault;
    (void)state;
    maker.random = seed + 1;
    make_batch();
    size_t step = batch.size / 1000 + 1;
    for (size_t size = 0; size < batch.size; size += step)
        assert_false(check(&fault, batch.body, size));
    assert_false(check(&fault, batch.body, batch.size - 1));
    assert_false(check(&fault, batch.body, batch.size + 1));
    assert_string_equal(fault.what, "bytes behind the last entry of the batch");
    assert_int_equal(fault.at, batch.size);
}

static void expect_fault(size_t at, const char *what)
{
    struct tn_stream_fault fault;
    assert_false(check(&fault, batch.body, batch.size));
    assert_string_equal(fault.what, what);
    assert_int_equal(fault.at, at);
}

static void test_stream_says_what_a_batch_has_wrong(void **state)
{
    (void)state;
    maker.random = seed;
    make_batch();
    size_t second = batch.begins[1], count_at = 85, weight_at = 89;
    batch.body[0] = 'x';
    expect_fault(0, "no batch begins like this");
    batch.body[0] = 'T';
    batch.body[count_at + 3]++;
    expect_fault(batch.size, "the bytes end too early");
    batch.body[count_at + 3] = (uint8_t)(batch.body[count_at + 3] - 2);
    expect_fault(batch.begins[20], "bytes behind the last entry of the batch");
    batch.body[count_at + 3]++;
    batch.body[weight_at + 7] ^= 1;
    expect_fault(batch.size, "the weight is not that of the header");
    batch.body[weight_at + 7] ^= 1;
    batch.body[weight_at + 23] ^= 1;
    expect_fault(batch.size, "the last BLOCK is not that of the header");
    batch.body[weight_at + 23] ^= 1;
    batch.body[second + 3]++; /* the BLOCK takes a byte of the entry behind it */
    expect_fault(second + 4 + 18, "bytes behind the end of an entry");
    batch.body[second] = 1;
    expect_fault(second, "an entry larger than any is");
    batch.body[second] = 0;
    batch.body[second + 3]--;
    batch.body[second + 4] = 9;
    expect_fault(second + 4, "no such version of entries");
    batch.body[second + 4] = 1;
    batch.body[second + 4 + 17] ^= 1; /* its time */
    expect_fault(batch.size, "the entries have another root than the header says");
}

static void test_stream_writes_no_batch_entry_where_there_is_no_room(void **state)
{
    uint8_t bytes[40];
    (void)state;
    maker.random = seed;
    make_entry(&maker, TN_ENTRY_BLOCK);
    for (size_t room = 0; room < 22; room++) {
        memset(bytes, 0x5a, sizeof(bytes));
        assert_int_equal(tn_stream_write_batch_entry(bytes, room, &maker.entry), 22);
        for (size_t i = 0; i < sizeof(bytes); i++)
            assert_int_equal(bytes[i], 0x5a);
    }
    assert_int_equal(tn_stream_write_batch_entry(bytes, 22, &maker.entry), 22);
    maker.entry.kind = 0;
    assert_int_equal(tn_stream_write_batch_entry(bytes, 22, &maker.entry), 0);
}

/* ---- Blocks ---- */

static void test_stream_writes_block_headers_that_it_reads_as_they_were(void **state)
{
    uint64_t random = seed;
    uint32_t reads = 0;
    (void)state;
    for (uint32_t round = 0; round < 4000; round++) {
        uint8_t bytes[TN_BLOCK_HEADER_BYTES], again[TN_BLOCK_HEADER_BYTES];
        struct tn_block_header header;
        struct tn_stream_fault fault;
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (uint8_t)tn_random_next(&random);
        bytes[0] = 0;
        bytes[1] = (uint8_t)tn_random_below(&random, 3);
        bytes[2] = (uint8_t)tn_random_below(&random, 16);
        bool is_read = tn_stream_read_block_header(&header, &fault, bytes, sizeof(bytes));
        assert_int_equal(is_read, bytes[1] == 1 && bytes[2] < 8);
        assert_false(tn_stream_read_block_header(&header, &fault, bytes, round % sizeof(bytes)));
        if (!is_read) continue;
        reads++;
        assert_true(tn_stream_read_block_header(&header, &fault, bytes, sizeof(bytes)));
        tn_stream_write_block_header(again, &header);
        assert_memory_equal(again, bytes, sizeof(bytes));
    }
    assert_true(reads > 400);
}

static void test_stream_takes_only_the_body_that_a_block_names(void **state)
{
    struct tn_block_header header = {.version = TN_BLOCK_VERSION, .batches_count = 5};
    struct tn_stream_fault fault;
    struct tn_hash batches[6];
    const uint8_t *body = (const uint8_t *)batches;
    uint64_t random = seed;
    (void)state;
    for (size_t i = 0; i < sizeof(batches); i++)
        ((uint8_t *)batches)[i] = (uint8_t)tn_random_next(&random);
    tn_stream_block_body_root(&header.body_root, batches, 5);
    header.body_size = 5 * 32;
    assert_true(tn_stream_block_body_check(&fault, &header, body, 5 * 32));
    for (size_t size = 0; size <= 6 * 32; size++) {
        if (size != 5 * 32) assert_false(tn_stream_block_body_check(&fault, &header, body, size));
    }
    for (size_t i = 0; i < 5 * 32; i++) {
        ((uint8_t *)batches)[i] ^= 0x80;
        assert_false(tn_stream_block_body_check(&fault, &header, body, 5 * 32));
        ((uint8_t *)batches)[i] ^= 0x80;
    }
    header.body_size++;
    assert_false(tn_stream_block_body_check(&fault, &header, body, 5 * 32));
    assert_string_equal(fault.what, "the body has another size than the header says");
    header.body_size--;
    header.batches_count = 6;
    assert_false(tn_stream_block_body_check(&fault, &header, body, 5 * 32));
    header.body_size = 6 * 32;
    assert_false(tn_stream_block_body_check(&fault, &header, body, 6 * 32));
    assert_string_equal(fault.what, "the body has another root than the header says");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream_tree_has_the_root_of_a_naive_tree_after_every_leaf),
        cmocka_unit_test(test_stream_gives_the_entries_of_a_batch_as_they_were_added),
        cmocka_unit_test(test_stream_seals_a_batch_without_entries),
        cmocka_unit_test(test_stream_tells_other_events_by_the_results_digest),
        cmocka_unit_test(test_stream_digests_packed_events_behind_their_count),
        cmocka_unit_test(test_stream_packs_sides_of_quotes_as_the_layout_says),
        cmocka_unit_test(test_stream_unpacks_all_that_it_packs),
        cmocka_unit_test(test_stream_finds_every_changed_byte_of_a_batch),
        cmocka_unit_test(test_stream_refuses_a_batch_cut_or_continued_anywhere),
        cmocka_unit_test(test_stream_says_what_a_batch_has_wrong),
        cmocka_unit_test(test_stream_writes_no_batch_entry_where_there_is_no_room),
        cmocka_unit_test(test_stream_writes_block_headers_that_it_reads_as_they_were),
        cmocka_unit_test(test_stream_takes_only_the_body_that_a_block_names),
    };
    seed = test_seed("test_stream_batches");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
