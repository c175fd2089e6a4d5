/* Signed frames in a stream: entries of version 2 as bytes and back, batches of them, what a
 * payload refuses and why. That payloads mean what protobuf says is
 * tests/model/test_payload_twin.c. TENOR_SEED repeats a run. */
#include "entry_maker.h"
#include "seed.h"
#include "tenor/frame.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { BYTES_MAX = 1 << 17 };

static struct maker maker;
static struct tn_stream_scratch scratch;
static uint8_t payload[TN_PAYLOAD_BYTES_MAX], bytes[BYTES_MAX], again[BYTES_MAX];

static void start(void)
{
    memset(&maker, 0, sizeof(maker));
    maker.random = test_seed("test_stream_frames");
}

/* A frame item of random commands. */
static struct tn_stream_item make_frame_item(void)
{
    struct tn_stream_item item = {.version = TN_ENTRY_VERSION_2};
    struct tn_frame *frame = &item.as.frame;
    uint32_t count = 1 + (uint32_t)tn_random_below(&maker.random, 4);
    make_frame(&maker, count);
    for (uint32_t i = 0; i < count; i++)
        make_command(&maker, i, (uint8_t)(TN_COMMAND_REPLACE + tn_random_below(&maker.random, 3)));
    *frame = (struct tn_frame){.market = 7, .term = 3, .session = 1, .nonce = 9};
    frame->valid_until_block = tn_random_next(&maker.random);
    frame->commands = maker.commands;
    frame->commands_count = count;
    frame->payload_size = (uint32_t)tn_stream_write_payload(payload, sizeof(payload), frame);
    frame->payload = payload;
    assert_true(frame->payload_size > 0 && frame->payload_size <= sizeof(payload));
    for (uint32_t i = 0; i < TN_SIGNATURE_SIZE; i++)
        frame->signature.bytes[i] = (uint8_t)tn_random_next(&maker.random);
    item.entry.kind = TN_ENTRY_FRAME;
    return item;
}

static struct tn_stream_item make_block_item(uint64_t height)
{
    struct tn_stream_item item = {.version = TN_ENTRY_VERSION_2, .entry.kind = TN_ENTRY_BLOCK};
    item.entry.as.block.height = height;
    item.entry.as.block.time_ms = (int64_t)tn_random_next(&maker.random);
    memset(item.as.block_hash.bytes, (int)height, TN_HASH_SIZE);
    return item;
}

static struct tn_stream_item make_entry_item(uint8_t kind)
{
    struct tn_stream_item item = {.version = TN_ENTRY_VERSION};
    item.entry = *make_entry(&maker, kind);
    return item;
}

/* Written, read, written again; every cut is refused. */
static size_t round_trip(struct tn_stream_item *read, const struct tn_stream_item *item)
{
    struct tn_stream_fault fault;
    size_t used, size = tn_stream_write_item(bytes, sizeof(bytes), item);
    assert_true(size > 0 && size < sizeof(bytes));
    for (size_t cut = 0; cut < size; cut++) {
        assert_false(tn_stream_read_item(read, &used, &fault, &scratch, bytes, cut));
        assert_true(fault.at <= cut && fault.what != NULL);
    }
    bytes[size] = 0x55; /* more may follow */
    assert_true(tn_stream_read_item(read, &used, &fault, &scratch, bytes, size + 1));
    assert_int_equal(used, size);
    assert_int_equal(tn_stream_write_item(again, sizeof(again), read), size);
    assert_memory_equal(again, bytes, size);
    return size;
}

static void test_stream_gives_an_exchange_the_commands_of_a_signed_frame(void **state)
{
    (void)state;
    start();
    for (uint32_t round = 0; round < 50; round++) {
        struct tn_stream_item item = make_frame_item(), read;
        const struct tn_frame *frame = &item.as.frame;
        size_t size = round_trip(&read, &item);
        assert_int_equal(size, 2 + 4 + frame->payload_size + 64);
        assert_int_equal(read.version, TN_ENTRY_VERSION_2);
        assert_int_equal(read.as.frame.market, 7);
        assert_int_equal(read.as.frame.term, 3);
        assert_int_equal(read.as.frame.session, 1);
        assert_memory_equal(read.as.frame.signature.bytes, frame->signature.bytes, 64);
        assert_int_equal(read.as.frame.payload_size, frame->payload_size);
        assert_ptr_equal(read.as.frame.payload, bytes + 6);
        assert_int_equal(read.entry.kind, TN_ENTRY_FRAME);
        assert_int_equal(read.entry.as.frame.account, 0);
        assert_int_equal(read.entry.as.frame.nonce, 9);
        assert_true(read.entry.as.frame.valid_until_block == frame->valid_until_block);
        assert_int_equal(read.entry.as.frame.commands_count, frame->commands_count);
        assert_memory_equal(read.entry.as.frame.commands, maker.commands,
                            frame->commands_count * sizeof(struct tn_command));
        item.entry.as.frame.commands = maker.commands;
        item.entry.as.frame.commands_count = frame->commands_count;
        assert_true(tn_stream_weight(&read.entry) == tn_stream_weight(&item.entry));
    }
}

static void test_stream_reads_a_block_with_its_hash(void **state)
{
    (void)state;
    start();
    struct tn_stream_item item = make_block_item(5), read;
    assert_int_equal(round_trip(&read, &item), 2 + 8 + 8 + 32);
    assert_int_equal(read.entry.as.block.height, 5);
    assert_true(read.entry.as.block.time_ms == item.entry.as.block.time_ms);
    assert_true(tn_hash_equal(&read.as.block_hash, &item.as.block_hash));
}

static void test_stream_items_of_version_1_are_entries_as_ever(void **state)
{
    (void)state;
    start();
    for (uint8_t kind = TN_ENTRY_FRAME; kind <= TN_ENTRY_INSURE; kind++) {
        struct tn_stream_item item = make_entry_item(kind), read;
        size_t size = round_trip(&read, &item);
        assert_int_equal(tn_stream_write_entry(again, sizeof(again), &item.entry), size);
        assert_memory_equal(again, bytes, size);
        assert_int_equal(read.version, TN_ENTRY_VERSION);
        assert_true(tn_stream_item_is_led(&read) ==
                    (kind == TN_ENTRY_SWEEP || kind == TN_ENTRY_LIQ));
    }
}

static void test_stream_finds_the_market_of_a_frame_without_reading_it(void **state)
{
    (void)state;
    start();
    uint32_t market = 0;
    for (uint32_t round = 0; round < 40; round++) {
        struct tn_stream_item item = make_frame_item();
        struct tn_frame *frame = &item.as.frame;
        frame->market = (uint32_t)(tn_random_next(&maker.random) >> (32 + round % 32)) | 1;
        frame->commands = maker.commands;
        frame->payload_size = (uint32_t)tn_stream_write_payload(payload, sizeof(payload), frame);
        size_t size = tn_stream_write_item(bytes, sizeof(bytes), &item);
        assert_true(tn_stream_frame_market(&market, bytes, size));
        assert_int_equal(market, frame->market);
        for (size_t cut = 0; cut < 8; cut++)
            assert_false(tn_stream_frame_market(&market, bytes, cut));
        bytes[6] = 2 << 3; /* another field */
        assert_false(tn_stream_frame_market(&market, bytes, size));
        bytes[6] = 1 << 3;
        bytes[0] = 1;
        assert_false(tn_stream_frame_market(&market, bytes, size));
    }
    static const uint8_t endless[] = {2, 1, 0, 0, 0, 9, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1};
    assert_false(tn_stream_frame_market(&market, endless, sizeof(endless)));
    static const uint8_t large[] = {2, 1, 0, 0, 0, 9, 8, 0xff, 0xff, 0xff, 0xff, 0x1f};
    assert_false(tn_stream_frame_market(&market, large, sizeof(large)));
}

/* Entries of version 1 only: what a solo node's log and a market's history before sets hold. */
static void test_stream_reads_no_entry_of_version_2_as_version_1(void **state)
{
    (void)state;
    start();
    struct tn_stream_item items[2] = {make_frame_item(), make_block_item(1)};
    struct tn_stream_fault fault;
    struct tn_entry entry;
    size_t used;
    for (uint32_t i = 0; i < 2; i++) {
        size_t size = tn_stream_write_item(bytes, sizeof(bytes), &items[i]);
        assert_true(size > 0);
        assert_false(tn_stream_read_entry(&entry, &used, &fault, &scratch, bytes, size));
        assert_int_equal(fault.at, 0);
    }
}

static void test_stream_refuses_other_versions_and_kinds_of_items(void **state)
{
    (void)state;
    start();
    struct tn_stream_item item, read;
    struct tn_stream_fault fault;
    size_t used;
    for (uint32_t version = 0; version < 256; version++) {
        for (uint32_t kind = 0; kind < 256; kind++) {
            memset(bytes, 0, 64);
            bytes[0] = (uint8_t)version;
            bytes[1] = (uint8_t)kind;
            bool was_read = tn_stream_read_item(&read, &used, &fault, &scratch, bytes, 300);
            assert_false(was_read && version != 1 && !(version == 2 && kind == TN_ENTRY_BLOCK));
        }
    }
    item = make_frame_item();
    item.version = 3;
    assert_int_equal(tn_stream_write_item(bytes, sizeof(bytes), &item), 0);
    item.version = TN_ENTRY_VERSION_2;
    item.entry.kind = TN_ENTRY_SWEEP;
    assert_int_equal(tn_stream_write_item(bytes, sizeof(bytes), &item), 0);
}

/* ---- Batches ---- */

static size_t seal(const struct tn_stream_item *items, uint32_t count, uint8_t *body)
{
    struct tn_batch_builder builder;
    struct tn_batch_header header = {.market = 7, .term = 3, .sequence = 1};
    size_t at = TN_BATCH_HEADER_BYTES;
    tn_stream_batch_begin(&builder, 4);
    for (uint32_t i = 0; i < count; i++) {
        size_t size = tn_stream_write_batch_item(body + at, BYTES_MAX - at, &items[i]);
        struct tn_stream_item read;
        struct tn_stream_fault fault;
        size_t used;
        assert_true(size > 4);
        assert_true(tn_stream_read_item(&read, &used, &fault, &scratch, body + at + 4, size - 4));
        tn_stream_batch_add(&builder, &read.entry, body + at + 4, size - 4, NULL, 0);
        at += size;
    }
    tn_stream_batch_end(&header, &builder);
    tn_stream_write_batch_header(body, &header);
    return at;
}

static void test_stream_reads_batches_of_items_to_their_end(void **state)
{
    (void)state;
    start();
    struct tn_stream_item items[4] = {make_block_item(5), make_entry_item(TN_ENTRY_SWEEP),
                                      make_frame_item(), make_entry_item(TN_ENTRY_LIQ)};
    struct tn_batch_header header;
    struct tn_batch_reader reader;
    struct tn_stream_item item;
    struct tn_stream_fault fault;
    size_t size = seal(items, 4, bytes);
    assert_true(tn_stream_batch_check_items(&header, &fault, &scratch, bytes, size));
    assert_int_equal(header.entries_count, 4);
    assert_int_equal(header.first_block, 4);
    assert_int_equal(header.last_block, 5);
    assert_false(tn_stream_batch_check(&header, &fault, &scratch, bytes, size));
    assert_true(tn_stream_batch_open(&reader, &fault, bytes, size));
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(tn_stream_batch_next_item(&reader, &item, &fault, &scratch),
                         TN_STREAM_ENTRY);
        assert_int_equal(item.entry.kind, items[i].entry.kind);
        assert_int_equal(reader.entry_size, tn_stream_write_item(again, sizeof(again), &items[i]));
        assert_memory_equal(reader.entry_bytes, again, reader.entry_size);
    }
    assert_int_equal(tn_stream_batch_next_item(&reader, &item, &fault, &scratch), TN_STREAM_END);
    for (size_t at = TN_BATCH_HEADER_BYTES; at < size; at++) {
        bytes[at] ^= 1;
        assert_false(tn_stream_batch_check_items(&header, &fault, &scratch, bytes, size));
        bytes[at] ^= 1;
    }
}

static void test_stream_refuses_in_a_batch_what_comes_by_inboxes(void **state)
{
    (void)state;
    start();
    for (uint8_t kind = TN_ENTRY_FRAME; kind <= TN_ENTRY_INSURE; kind++) {
        struct tn_stream_item items[2] = {make_block_item(5), make_entry_item(kind)};
        struct tn_batch_header header;
        struct tn_stream_fault fault;
        size_t size = seal(items, 2, bytes);
        bool may = kind == TN_ENTRY_SWEEP || kind == TN_ENTRY_LIQ;
        assert_true(tn_stream_batch_check_items(&header, &fault, &scratch, bytes, size) == may);
        if (!may) assert_int_equal(fault.at, TN_BATCH_HEADER_BYTES + 4 + 50);
    }
}

/* ---- Payloads ---- */

static void refuses(const char *what, size_t at, const void *data, size_t size)
{
    struct tn_frame frame = {.payload = NULL};
    struct tn_stream_fault fault = {.what = "it was read"};
    bool was_read = tn_stream_read_payload(&frame, &fault, &scratch, data, size);
    if (was_read || strcmp(fault.what, what) != 0) fail_msg("%s, not: %s", fault.what, what);
    assert_int_equal(fault.at, at);
}
#define REFUSES(what, at, ...)                                                                     \
    refuses(what, at, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

#define OUT_OF_PLACE "a field that is unknown, of another type or out of place"

/* 32 03 | 2a 01 | ...: command, cancel. */
static void test_stream_says_why_a_payload_is_refused(void **state)
{
    (void)state;
    REFUSES("a payload without a command", 2, 0x08, 0x07);
    REFUSES("a zero that is to be left out", 1, 0x08, 0x00);
    REFUSES("a number with more bytes than it needs", 1, 0x08, 0x87, 0x00);
    REFUSES("a number that is too large for its field", 1, 0x08, 0xff, 0xff, 0xff, 0xff, 0x1f);
    REFUSES("a number of more than 64 bits", 1, 0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
            0xff, 0xff, 0x02);
    REFUSES("the bytes end too early", 2, 0x08, 0x80);
    REFUSES(OUT_OF_PLACE, 2, 0x08, 0x07, 0x08, 0x07);
    REFUSES(OUT_OF_PLACE, 2, 0x10, 0x07, 0x08, 0x07);
    REFUSES(OUT_OF_PLACE, 0, 0x09, 0x07, 0, 0, 0, 0, 0, 0, 0);
    REFUSES(OUT_OF_PLACE, 0, 0x38, 0x07);
    REFUSES(OUT_OF_PLACE, 4, 0x32, 0x02, 0x2a, 0x00, 0x08, 0x01);
    REFUSES("a command of no kind", 0 + 1, 0x32, 0x00);
    REFUSES("a command of no kind", 4, 0x32, 0x02, 0x08, 0x01);
    REFUSES("no such kind of command", 2, 0x32, 0x03, 0x92, 0x01, 0x00);
    REFUSES("no such kind of command", 2, 0x32, 0x02, 0x28, 0x01);
    REFUSES("a command of two kinds", 4, 0x32, 0x04, 0x2a, 0x00, 0x2a, 0x00);
    REFUSES("a message that is longer than what it stands in", 3, 0x32, 0x02, 0x2a, 0x01, 0x08);
    REFUSES("a part of the command is not there", 4, 0x32, 0x02, 0x1a, 0x00);
    REFUSES("a part of the command is not there", 6, 0x32, 0x04, 0x1a, 0x02, 0x0a, 0x00);
    REFUSES(OUT_OF_PLACE, 4, 0x32, 0x04, 0x1a, 0x02, 0x12, 0x00);
    REFUSES("a flag that is not 1", 5, 0x32, 0x04, 0x12, 0x02, 0x40, 0x02);
    REFUSES("a number that is too large for its field", 5, 0x32, 0x05, 0x12, 0x03, 0x10, 0x80,
            0x02);
    static uint8_t large[TN_PAYLOAD_BYTES_MAX + 128];
    refuses("the payload is too large", 0, large, TN_PAYLOAD_BYTES_MAX + 1);
    struct tn_stream_item item;
    struct tn_stream_fault fault = {.at = 0};
    size_t used;
    memcpy(large, (const uint8_t[]){2, TN_ENTRY_FRAME, 0, 1, 0, 1}, 6);
    assert_false(tn_stream_read_item(&item, &used, &fault, &scratch, large, sizeof(large)));
    assert_int_equal(fault.at, 2);
}

/* ---- Many quotes ---- */

enum { EMPTY_QUOTE = 2, WHOLE_QUOTE = 19, QUOTES_HEAD = 6 };

static size_t put_length(uint8_t *out, size_t length)
{
    assert_true(length >= 1 << 7 && length < 1 << 14); /* so it has two bytes */
    out[0] = (uint8_t)(length | 0x80);
    out[1] = (uint8_t)(length >> 7);
    return 2;
}

/* A command of quotes that say nothing, and then of such as say everything. Their messages say that
 * they are shorter by `cut`. */
static size_t put_quotes(uint8_t *out, uint32_t empty_count, uint32_t whole_count, size_t cut)
{
    static const uint8_t whole[WHOLE_QUOTE] = {0x32, 17,   0x09, 1,    2, 3,    4, 5,    6, 7,
                                               8,    0x10, 1,    0x18, 1, 0x20, 1, 0x28, 1};
    const size_t length = EMPTY_QUOTE * empty_count + WHOLE_QUOTE * whole_count;
    uint8_t *at = out;
    *at++ = 0x32;
    at += put_length(at, 3 + length - cut);
    *at++ = 0x3a;
    at += put_length(at, length - cut);
    for (uint32_t i = 0; i < empty_count; i++, at += EMPTY_QUOTE)
        memcpy(at, (const uint8_t[]){0x32, 0}, EMPTY_QUOTE);
    for (uint32_t i = 0; i < whole_count; i++, at += WHOLE_QUOTE)
        memcpy(at, whole, WHOLE_QUOTE);
    assert_ptr_equal(at, out + QUOTES_HEAD + length);
    return QUOTES_HEAD + length;
}

static void reads_quotes(uint32_t quotes_count, size_t size)
{
    struct tn_frame frame = {.payload = NULL};
    struct tn_stream_fault fault;
    uint32_t count = 0;
    assert_true(tn_stream_read_payload(&frame, &fault, &scratch, payload, size));
    for (uint32_t i = 0; i < frame.commands_count; i++) {
        const struct tn_mass_quote *asked = &frame.commands[i].as.mass_quote;
        assert_ptr_equal(asked->quotes, scratch.as.frame.quotes + count);
        count += asked->quotes_count;
    }
    assert_int_equal(count, quotes_count);
    const struct tn_quote *last = &scratch.as.frame.quotes[count - 1];
    assert_true(last->series_id == UINT64_C(0x0807060504030201));
    assert_true(last->bid_price == -1 && last->ask_quantity == -1);
}

static void test_stream_reads_as_many_quotes_of_a_payload_as_there_may_be(void **state)
{
    (void)state;
    const char *too_many = "more quotes or legs than there may be";
    reads_quotes(TN_QUOTES_MAX, put_quotes(payload, 0, TN_QUOTES_MAX, 0));
    size_t size = put_quotes(payload, 0, TN_QUOTES_MAX + 1, 0);
    refuses(too_many, size - WHOLE_QUOTE + 1, payload, size);
    size = put_quotes(payload, TN_QUOTES_MAX - 3, 4, 0);
    refuses(too_many, size - WHOLE_QUOTE + 1, payload, size);

    size_t before = 0; /* of all commands together */
    for (uint32_t i = 0; i + 1 < TN_PAYLOAD_QUOTES_MAX / TN_QUOTES_MAX; i++)
        before += put_quotes(payload + before, TN_QUOTES_MAX, 0, 0);
    before += put_quotes(payload + before, 0, TN_QUOTES_MAX / 2, 0);
    size = before + put_quotes(payload + before, 0, TN_QUOTES_MAX / 2, 0);
    reads_quotes(TN_PAYLOAD_QUOTES_MAX, size);
    size = before + put_quotes(payload + before, 0, TN_QUOTES_MAX / 2 + 1, 0);
    refuses(too_many, size - WHOLE_QUOTE + 1, payload, size);
}

static void test_stream_reads_no_quote_past_the_end_of_its_message(void **state)
{
    (void)state;
    for (size_t cut = 1; cut < WHOLE_QUOTE - 1; cut++) {
        const size_t size = put_quotes(payload, 0, 10, cut);
        refuses("a message that is longer than what it stands in", size - WHOLE_QUOTE + 1, payload,
                size);
    }
}

static void test_stream_leaves_the_signature_of_a_payload_alone(void **state)
{
    (void)state;
    static const uint8_t small[] = {0x32, 0x02, 0x2a, 0x00};
    struct tn_frame frame = {.signature = {{7}}, .market = 9};
    struct tn_stream_fault fault;
    assert_true(tn_stream_read_payload(&frame, &fault, &scratch, small, sizeof(small)));
    assert_int_equal(frame.signature.bytes[0], 7);
    assert_int_equal(frame.market, 0);
    assert_int_equal(frame.commands_count, 1);
    assert_int_equal(frame.commands[0].kind, TN_COMMAND_CANCEL);
}

static void test_stream_writes_no_payload_that_it_would_refuse(void **state)
{
    (void)state;
    struct tn_command command = {.kind = TN_COMMAND_PLACE};
    struct tn_frame frame = {.commands = &command, .commands_count = 1};
    assert_true(tn_stream_write_payload(bytes, sizeof(bytes), &frame) > 0);
    command.as.terms[0].reduce_only = 2;
    assert_int_equal(tn_stream_write_payload(bytes, sizeof(bytes), &frame), 0);
    command = (struct tn_command){.kind = TN_COMMAND_PLACE_OCO};
    command.as.terms[1].reduce_only = 2;
    assert_int_equal(tn_stream_write_payload(bytes, sizeof(bytes), &frame), 0);
    command = (struct tn_command){.kind = TN_COMMAND_MASS_QUOTE};
    command.as.mass_quote.post_only = 2;
    assert_int_equal(tn_stream_write_payload(bytes, sizeof(bytes), &frame), 0);
    command = (struct tn_command){.kind = TN_COMMAND_PACKAGE};
    command.as.package.legs_count = TN_PACKAGE_LEGS_MAX + 1;
    assert_int_equal(tn_stream_write_payload(bytes, sizeof(bytes), &frame), 0);
    command = (struct tn_command){.kind = TN_COMMAND_BLOCK_TRADE};
    command.as.block_trade.legs_count = TN_PACKAGE_LEGS_MAX + 1;
    assert_int_equal(tn_stream_write_payload(bytes, sizeof(bytes), &frame), 0);
    command = (struct tn_command){.kind = TN_COMMAND_REMIT + 1};
    assert_int_equal(tn_stream_write_payload(bytes, sizeof(bytes), &frame), 0);
    command.kind = 0;
    assert_int_equal(tn_stream_write_payload(bytes, sizeof(bytes), &frame), 0);
    frame.commands_count = 0;
    assert_int_equal(tn_stream_write_payload(bytes, sizeof(bytes), &frame), 0);
}

static void test_stream_writes_a_payload_only_where_it_fits(void **state)
{
    (void)state;
    start();
    struct tn_stream_item item = make_frame_item();
    size_t size = item.as.frame.payload_size;
    memset(bytes, 0x77, sizeof(bytes));
    assert_int_equal(tn_stream_write_payload(bytes, size - 1, &item.as.frame), size);
    assert_int_equal(bytes[0], 0x77);
    assert_int_equal(tn_stream_write_payload(bytes, size, &item.as.frame), size);
    assert_memory_equal(bytes, payload, size);
    assert_int_equal(bytes[size], 0x77);
}

static void test_stream_frame_digests_tell_chains_and_payloads_apart(void **state)
{
    (void)state;
    uint8_t chain_id[32] = {1}, small[] = {0x32, 0x02, 0x2a, 0x00};
    struct tn_hash one, other;
    tn_frame_digest(&one, chain_id, small, sizeof(small));
    tn_frame_digest(&other, chain_id, small, sizeof(small));
    assert_true(tn_hash_equal(&one, &other));
    chain_id[31] ^= 1;
    tn_frame_digest(&other, chain_id, small, sizeof(small));
    assert_false(tn_hash_equal(&one, &other));
    chain_id[31] ^= 1;
    small[3] ^= 1;
    tn_frame_digest(&other, chain_id, small, sizeof(small));
    assert_false(tn_hash_equal(&one, &other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream_gives_an_exchange_the_commands_of_a_signed_frame),
        cmocka_unit_test(test_stream_reads_a_block_with_its_hash),
        cmocka_unit_test(test_stream_items_of_version_1_are_entries_as_ever),
        cmocka_unit_test(test_stream_finds_the_market_of_a_frame_without_reading_it),
        cmocka_unit_test(test_stream_reads_no_entry_of_version_2_as_version_1),
        cmocka_unit_test(test_stream_refuses_other_versions_and_kinds_of_items),
        cmocka_unit_test(test_stream_reads_batches_of_items_to_their_end),
        cmocka_unit_test(test_stream_refuses_in_a_batch_what_comes_by_inboxes),
        cmocka_unit_test(test_stream_says_why_a_payload_is_refused),
        cmocka_unit_test(test_stream_reads_as_many_quotes_of_a_payload_as_there_may_be),
        cmocka_unit_test(test_stream_reads_no_quote_past_the_end_of_its_message),
        cmocka_unit_test(test_stream_leaves_the_signature_of_a_payload_alone),
        cmocka_unit_test(test_stream_writes_no_payload_that_it_would_refuse),
        cmocka_unit_test(test_stream_writes_a_payload_only_where_it_fits),
        cmocka_unit_test(test_stream_frame_digests_tell_chains_and_payloads_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
