/* The vectors of docs/specs/stream.md: what is written for the entries, events, trees, batches and
 * blocks that the page describes, and what is read from the files. tests/vectors/stream/check.py
 * makes the same files from the page's layouts and shares nothing with this. */
#include "entry_maker.h"
#include "vector_file.h"

static const char *const ENTRIES[] = {
    NULL,         "FRAME",  "BLOCK",  "SWEEP",   "MARKS",  "INDEX",   "ACCOUNT", "DEPOSIT",
    "UNDERLYING", "FEES",   "LIST",   "LISTING", "STATUS", "UNCROSS", "FUNDING", "SETTLE",
    "ASSET",      "FEEDER", "REPORT", "RISK",    "LIQ",    "INSURE"};
static const char *const COMMANDS[] = {NULL,
                                       "FRAME_PLACE",
                                       "FRAME_PLACE_OCO",
                                       "FRAME_REPLACE",
                                       "FRAME_CANCEL",
                                       "FRAME_MASS_CANCEL",
                                       "FRAME_MASS_QUOTE",
                                       "FRAME_MMP_SET",
                                       "FRAME_MMP_RESET",
                                       "FRAME_MMP_CANCEL",
                                       "FRAME_PACKAGE",
                                       "FRAME_BLOCK_TRADE",
                                       "FRAME_TRANSFER",
                                       "FRAME_WITHDRAW",
                                       "FRAME_MODEL",
                                       "FRAME_BID",
                                       "FRAME_REMIT"};

static struct maker maker = {.counts = true};
static struct tn_stream_scratch scratch;

static void expect_entry(const char *name)
{
    uint8_t bytes[VECTOR_BYTES_MAX], again[VECTOR_BYTES_MAX];
    struct tn_stream_fault fault;
    struct tn_entry entry;
    size_t size = tn_stream_write_entry(bytes, sizeof(bytes), &maker.entry), used;
    expect_bytes("entries.hex", name, bytes, size);
    assert_true(tn_stream_read_entry(&entry, &used, &fault, &scratch, bytes, size));
    assert_int_equal(tn_stream_write_entry(again, sizeof(again), &entry), size);
    assert_memory_equal(again, bytes, size);
}

static void test_stream_writes_each_kind_of_entry_as_the_page_says(void **state)
{
    (void)state;
    for (uint8_t kind = TN_ENTRY_BLOCK; kind <= TN_ENTRY_INSURE; kind++) {
        make_entry(&maker, kind);
        expect_entry(ENTRIES[kind]);
    }
    maker_begin(&maker, TN_ENTRY_REPORT);
    make_report(&maker, &maker.entry.as.report, true);
    expect_entry("REPORT_SURFACE");
}

static void make_frame_of(uint8_t kind)
{
    make_frame(&maker, 1);
    make_command(&maker, 0, kind);
}

static void test_stream_writes_each_kind_of_command_as_the_page_says(void **state)
{
    (void)state;
    for (uint8_t kind = TN_COMMAND_PLACE; kind <= TN_COMMAND_REMIT; kind++) {
        make_frame_of(kind);
        expect_entry(COMMANDS[kind]);
    }
    make_frame_of(TN_COMMAND_PLACE);
    assert_int_equal(tn_stream_write_entry(NULL, 0, &maker.entry), 99);
    make_frame_of(TN_COMMAND_CANCEL);
    assert_int_equal(tn_stream_write_entry(NULL, 0, &maker.entry), 53);
    make_frame_of(TN_COMMAND_MASS_QUOTE);
    assert_int_equal(tn_stream_write_entry(NULL, 0, &maker.entry), 50 + 2 * 40);
}

static struct tn_event counting_event(uint8_t kind)
{
    struct tn_event event = {.kind = kind,
                             .side = 1,
                             .flags = 2,
                             .reason = 3,
                             .reject = 4,
                             .duplicate = 5,
                             .account = 6,
                             .other_account = 7,
                             .series_id = 8,
                             .order_id = 9,
                             .client_id = 10,
                             .price = -11,
                             .quantity = -12,
                             .remaining = -13,
                             .other_remaining = -14,
                             .fee = -15};
    if (kind == TN_EVENT_TRADE) {
        event.other_fee = -16;
    } else {
        event.index = 16;
        event.other_index = 17;
    }
    return event;
}

static void test_stream_writes_events_as_the_page_says(void **state)
{
    uint8_t bytes[TN_EVENT_BYTES];
    struct tn_event result = counting_event(TN_EVENT_RESULT), read;
    struct tn_event trade = counting_event(TN_EVENT_TRADE);
    (void)state;
    tn_stream_write_event(bytes, &result);
    expect_bytes("events.hex", "RESULT", bytes, sizeof(bytes));
    assert_true(tn_stream_read_event(&read, bytes));
    assert_memory_equal(&read, &result, sizeof(read));
    tn_stream_write_event(bytes, &trade);
    expect_bytes("events.hex", "TRADE", bytes, sizeof(bytes));
    assert_true(tn_stream_read_event(&read, bytes));
    assert_memory_equal(&read, &trade, sizeof(read));
}

static void test_stream_has_the_roots_of_the_page(void **state)
{
    static const uint32_t COUNTS[] = {0, 1, 2, 3, 5, 8};
    (void)state;
    for (uint32_t i = 0; i < sizeof(COUNTS) / sizeof(COUNTS[0]); i++) {
        struct tn_stream_tree tree;
        struct tn_hash root;
        char name[32];
        tn_stream_tree_begin(&tree, TN_TREE_ENTRIES);
        for (uint8_t leaf = 0; leaf < COUNTS[i]; leaf++)
            tn_stream_tree_add(&tree, &leaf, 1);
        tn_stream_tree_root(&root, &tree);
        snprintf(name, sizeof(name), "ROOT_%u", COUNTS[i]);
        expect_bytes("trees.hex", name, root.bytes, sizeof(root));
    }
}

/* ---- Batches ---- */

static void counting_bytes(uint8_t *bytes, size_t size, uint8_t first)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(first + i);
}

static void test_stream_writes_the_batch_header_of_the_page(void **state)
{
    uint8_t bytes[TN_BATCH_HEADER_BYTES];
    struct tn_batch_header header = {.market = 2,
                                     .term = 3,
                                     .sequence = 4,
                                     .entries_count = 6,
                                     .weight = 7,
                                     .first_block = 8,
                                     .last_block = 9};
    struct tn_hash digest;
    (void)state;
    counting_bytes(header.chain_id, 32, 1);
    counting_bytes(header.prev_digest.bytes, 32, 5);
    counting_bytes(header.entries_root.bytes, 32, 10);
    counting_bytes(header.results_digest.bytes, 32, 11);
    tn_stream_write_batch_header(bytes, &header);
    expect_bytes("batches.hex", "HEADER", bytes, sizeof(bytes));
    tn_stream_batch_digest(&digest, &header);
    expect_bytes("batches.hex", "DIGEST", digest.bytes, sizeof(digest));
}

struct built {
    uint8_t body[VECTOR_BYTES_MAX];
    size_t size;
    struct tn_batch_builder builder;
};

static void add_made(struct built *built, const struct tn_event *events, uint32_t count)
{
    uint8_t *at = built->body + built->size;
    size_t size = tn_stream_write_batch_entry(at, VECTOR_BYTES_MAX - built->size, &maker.entry);
    assert_true(size > TN_BATCH_LENGTH_BYTES);
    tn_stream_batch_add(&built->builder, &maker.entry, at + TN_BATCH_LENGTH_BYTES,
                        size - TN_BATCH_LENGTH_BYTES, events, count);
    built->size += size;
}

static void test_stream_builds_the_batch_of_the_page(void **state)
{
    struct tn_event events[2] = {counting_event(TN_EVENT_RESULT), counting_event(TN_EVENT_TRADE)};
    struct tn_batch_header header = {.market = 7, .term = 3, .sequence = 41}, read;
    struct built built = {.size = TN_BATCH_HEADER_BYTES};
    struct tn_stream_fault fault;
    (void)state;
    counting_bytes(header.chain_id, 32, 0);
    memset(header.prev_digest.bytes, 0xaa, 32);
    tn_stream_batch_begin(&built.builder, 0);
    make_entry(&maker, TN_ENTRY_BLOCK);
    add_made(&built, NULL, 0);
    make_frame_of(TN_COMMAND_PLACE);
    add_made(&built, events, 2);
    make_entry(&maker, TN_ENTRY_SWEEP);
    add_made(&built, events, 1);
    tn_stream_batch_end(&header, &built.builder);
    tn_stream_write_batch_header(built.body, &header);
    expect_bytes("batches.hex", "BODY", built.body, built.size);
    assert_int_equal(built.builder.body_bytes, built.size);
    assert_true(tn_stream_batch_check(&read, &fault, &scratch, built.body, built.size));
    assert_memory_equal(&read, &header, sizeof(read));
}

/* ---- Blocks ---- */

static void test_stream_writes_the_block_of_the_page(void **state)
{
    uint8_t bytes[TN_BLOCK_HEADER_BYTES], chain_id[32], body[96];
    struct tn_block_header header = {.version = 1,
                                     .flags = 2,
                                     .epoch = 1,
                                     .view = 2,
                                     .height = 3,
                                     .parent_view = 4,
                                     .time_ms = 6,
                                     .proposer = 7,
                                     .batches_count = 8,
                                     .body_size = 9,
                                     .exec_height = 13,
                                     .l1_cursor = 14};
    struct tn_hash hash, batches[3];
    (void)state;
    counting_bytes(chain_id, 32, 0);
    counting_bytes(header.parent_hash.bytes, 32, 5);
    counting_bytes(header.body_root.bytes, 32, 10);
    counting_bytes(header.exec_root.bytes, 32, 11);
    counting_bytes(header.evidence_root.bytes, 32, 12);
    counting_bytes(header.next_set_hash.bytes, 32, 15);
    tn_stream_write_block_header(bytes, &header);
    expect_bytes("blocks.hex", "HEADER", bytes, sizeof(bytes));
    tn_stream_block_hash(&hash, chain_id, &header);
    expect_bytes("blocks.hex", "HASH", hash.bytes, sizeof(hash));
    for (uint8_t i = 0; i < 3; i++)
        memset(batches[i].bytes, i + 1, 32);
    memcpy(body, batches, sizeof(body));
    expect_bytes("blocks.hex", "BODY", body, sizeof(body));
    tn_stream_block_body_root(&hash, batches, 3);
    expect_bytes("blocks.hex", "BODY_ROOT", hash.bytes, sizeof(hash));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream_writes_each_kind_of_entry_as_the_page_says),
        cmocka_unit_test(test_stream_writes_each_kind_of_command_as_the_page_says),
        cmocka_unit_test(test_stream_writes_events_as_the_page_says),
        cmocka_unit_test(test_stream_has_the_roots_of_the_page),
        cmocka_unit_test(test_stream_writes_the_batch_header_of_the_page),
        cmocka_unit_test(test_stream_builds_the_batch_of_the_page),
        cmocka_unit_test(test_stream_writes_the_block_of_the_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
