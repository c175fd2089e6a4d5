/* stream's payload decoder against protobuf-c: whatever the bytes are, one takes them if and only
 * if the other does by the rules of docs/specs/frame.md, both read the same, and what was read is
 * written again as the same bytes. Payloads of random commands, those with bytes changed, and
 * random fields in the shape of a payload. TENOR_SEED repeats a run. */
#include "../unit/stream/entry_maker.h"
#include "payload_twin.h"
#include "seed.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { BYTES_MAX = TN_PAYLOAD_BYTES_MAX + 4096 };

static struct maker maker;
static struct payload_twin twin;
static struct tn_stream_scratch scratch;
static uint8_t bytes[BYTES_MAX], again[BYTES_MAX], changed[BYTES_MAX];
static uint64_t seed;

static void show(const uint8_t *shown, size_t size)
{
    for (size_t i = 0; i < size && i < 400; i++)
        print_message("%02x", shown[i]);
    print_message("\n");
}

/* Both answers; true when it is a payload. */
static bool compare(const uint8_t *data, size_t size)
{
    struct tn_frame frame = {.payload = NULL};
    struct tn_stream_fault fault = {.at = SIZE_MAX};
    bool is_payload = payload_twin_read(&twin, data, size);
    bool was_read = tn_stream_read_payload(&frame, &fault, &scratch, data, size);
    if (is_payload != was_read) {
        show(data, size);
        fail_msg("protobuf-c says %d, stream %d: %s at %zu", is_payload, was_read,
                 was_read ? "read" : fault.what, fault.at);
    }
    if (!was_read) {
        assert_true(fault.at <= size);
        return false;
    }
    const char *what = payload_twin_differs(&twin, &frame);
    if (what != NULL) {
        show(data, size);
        fail_msg("%s differs", what);
    }
    assert_int_equal(tn_stream_write_payload(again, sizeof(again), &frame), size);
    assert_memory_equal(again, data, size);
    return true;
}

/* What only payloads have of a block trade. */
static void make_agreement(struct tn_command *command)
{
    static uint8_t signature[TN_SIGNATURE_SIZE];
    if (command->kind != TN_COMMAND_BLOCK_TRADE) return;
    struct tn_block_trade *block = &command->as.block_trade;
    block->counterparty_session = maker_draw(&maker, true);
    for (size_t i = 0; i < sizeof(signature); i++)
        signature[i] = (uint8_t)tn_random_next(&maker.random);
    if (tn_random_below(&maker.random, 2) == 0) block->counterparty_signature = signature;
}

/* Flags that are flags: others have no payload. */
static void make_flags(struct tn_command *command)
{
    if (command->kind == TN_COMMAND_PLACE || command->kind == TN_COMMAND_PLACE_OCO) {
        command->as.terms[0].reduce_only &= 1;
    }
    if (command->kind == TN_COMMAND_PLACE_OCO) command->as.terms[1].reduce_only &= 1;
    if (command->kind == TN_COMMAND_MASS_QUOTE) command->as.mass_quote.post_only &= 1;
}

static size_t make_payload(uint32_t count)
{
    struct tn_frame frame = {.payload = NULL};
    make_frame(&maker, count);
    for (uint32_t i = 0; i < count; i++) {
        make_command(&maker, i, (uint8_t)(1 + tn_random_below(&maker.random, TN_COMMAND_REMIT)));
        make_flags(&maker.commands[i]);
        make_agreement(&maker.commands[i]);
    }
    frame.market = (__typeof__(frame.market))maker_draw(&maker, true);
    frame.term = (__typeof__(frame.term))maker_draw(&maker, true);
    frame.session = (__typeof__(frame.session))maker_draw(&maker, true);
    frame.nonce = (__typeof__(frame.nonce))maker_draw(&maker, true);
    frame.valid_until_block = (__typeof__(frame.valid_until_block))maker_draw(&maker, true);
    frame.commands = maker.commands;
    frame.commands_count = count;
    size_t size = tn_stream_write_payload(bytes, sizeof(bytes), &frame);
    assert_true(size > 0 && size <= sizeof(bytes));
    assert_true(compare(bytes, size));
    assert_null(payload_twin_differs(&twin, &frame));
    return size;
}

static void start(void)
{
    memset(&maker, 0, sizeof(maker));
    maker.random = seed;
}

static void test_payload_means_to_protobuf_c_what_was_written(void **state)
{
    (void)state;
    start();
    for (uint32_t round = 0; round < 3000; round++)
        make_payload(1 + (uint32_t)tn_random_below(&maker.random, MADE_COMMANDS_MAX));
}

/* One of the ways in which bytes go wrong; returns the new size. */
static size_t change(uint8_t *data, size_t size)
{
    uint64_t *random = &maker.random;
    size_t at = tn_random_below(random, size), count;
    switch (tn_random_below(random, 7)) {
        case 0: data[at] ^= (uint8_t)(1u << tn_random_below(random, 8)); return size;
        case 1: data[at] = (uint8_t)tn_random_next(random); return size;
        case 2: return at; /* cut */
        case 3:            /* a byte more, often a continued zero */
            memmove(data + at + 1, data + at, size - at);
            data[at] = tn_random_below(random, 2) == 0 ? 0x80 : (uint8_t)tn_random_next(random);
            return size + 1;
        case 4: /* a byte less */ memmove(data + at, data + at + 1, size - at - 1); return size - 1;
        case 5: /* some bytes twice */
            count = 1 + tn_random_below(random, size - at < 24 ? size - at : 24);
            memmove(data + at + count, data + at, size - at);
            return size + count;
        default: /* a varint with a byte that it does not need */
            if (data[at] >= 0x80) return size;
            memmove(data + at + 1, data + at, size - at);
            data[at] |= 0x80;
            data[at + 1] = 0;
            return size + 1;
    }
}

static void test_payload_with_changed_bytes_is_judged_alike(void **state)
{
    (void)state;
    uint32_t taken_count = 0, refused_count = 0;
    start();
    for (uint32_t round = 0; round < 600; round++) {
        size_t size = make_payload(1 + (uint32_t)tn_random_below(&maker.random, 3));
        for (uint32_t i = 0; i < 100; i++) {
            memcpy(changed, bytes, size);
            size_t new_size = change(changed, size);
            if (new_size > 0 && tn_random_below(&maker.random, 4) == 0) {
                new_size = change(changed, new_size);
            }
            bool taken = compare(changed, new_size);
            taken_count += taken;
            refused_count += !taken;
        }
    }
    assert_true(taken_count > 5000 && refused_count > 20000); /* both were tried */
}

/* ---- Random fields ---- */

static size_t put_varint(uint8_t *data, uint64_t value)
{
    size_t size = 0;
    for (; value >= 0x80; value >>= 7)
        data[size++] = (uint8_t)(value | 0x80);
    data[size++] = (uint8_t)value;
    return size;
}

static size_t put_random_varint(uint8_t *data, uint64_t value)
{
    size_t size = put_varint(data, value);
    if (tn_random_below(&maker.random, 40) == 0) { /* longer than need be */
        data[size - 1] |= 0x80;
        data[size++] = 0;
    }
    return size;
}

static uint64_t random_value(void)
{
    uint64_t value = tn_random_next(&maker.random) >> tn_random_below(&maker.random, 64);
    return tn_random_below(&maker.random, 20) == 0 ? 0 : value;
}

static size_t put_random_message(uint8_t *data, size_t size_max, uint32_t depth);

static size_t put_random_field(uint8_t *data, size_t size_max, uint64_t number, uint64_t wire,
                               uint32_t depth)
{
    uint8_t inner[512];
    uint64_t value = random_value();
    size_t size = put_random_varint(data, number << 3 | wire);
    if (wire == 0) return size + put_random_varint(data + size, value);
    if (wire == 1) {
        memcpy(data + size, &value, 8);
        return size + 8;
    }
    if (wire != 2) return size;
    size_t room = size_max - 24 < sizeof(inner) ? size_max - 24 : sizeof(inner);
    size_t inner_size = put_random_message(inner, room, depth + 1);
    size += put_random_varint(data + size, inner_size);
    memcpy(data + size, inner, inner_size);
    return size + inner_size;
}

/* Fields in the order of rising numbers, with the wire type that is likely at this depth: 0 a
 * payload, 1 a command, 2 its kind, 3 what stands in that. Now and then another one. */
static size_t put_random_message(uint8_t *data, size_t size_max, uint32_t depth)
{
    size_t size = 0;
    uint64_t number = 0;
    uint32_t fields_max = (uint32_t)tn_random_below(&maker.random, depth == 1 ? 2 : 5);
    if (depth < 2) fields_max++;
    for (uint32_t i = 0; i < fields_max && size_max - size > 64; i++) {
        uint64_t wire = tn_random_below(&maker.random, 200), step = depth == 1 ? 9 : 3;
        number += (number == 0) + tn_random_below(&maker.random, step);
        if (depth == 0) wire = number > 5 ? 2 : 0, number = number > 5 ? 6 : number;
        if (depth == 1) wire = number > 1 ? 2 : 0;
        if (depth == 2) wire = wire < 8 ? wire : wire < 40 ? 2 : wire < 60 ? 1 : 0;
        if (depth == 3) wire = wire < 8 ? wire : number == 1 ? 1 : 0;
        size += put_random_field(data + size, size_max - size, number, wire, depth);
    }
    return size;
}

static void test_payload_of_random_fields_is_judged_alike(void **state)
{
    (void)state;
    uint32_t taken_count = 0;
    start();
    for (uint32_t round = 0; round < 200000; round++)
        taken_count += compare(changed, put_random_message(changed, 400, 0));
    assert_true(taken_count > 300); /* some are payloads by chance */
}

/* ---- Quotes ---- */

static bool is_odd(void)
{
    return tn_random_below(&maker.random, 30) == 0;
}

/* A quote of all five fields, each now and then left out, twice, out of place, zero, of another
 * type, longer than need be, or cut; most are as they should be. */
static size_t put_odd_quote(uint8_t *data)
{
    size_t size = 0;
    for (uint64_t number = 1; number <= 5; number++) {
        uint64_t shown = is_odd() ? 1 + tn_random_below(&maker.random, 7) : number;
        uint64_t wire = is_odd() ? tn_random_below(&maker.random, 3) : number == 1;
        uint64_t value = tn_random_next(&maker.random) >> tn_random_below(&maker.random, 64);
        value = is_odd() ? 0 : value | 1;
        if (is_odd()) continue;
        for (uint32_t times = is_odd() ? 2 : 1; times > 0; times--) {
            size += put_varint(data + size, shown << 3 | wire);
            if (wire == 1) {
                memcpy(data + size, &value, 8);
                size += 8;
            } else {
                size += put_random_varint(data + size, value);
            }
        }
    }
    if (is_odd()) data[size++] = (uint8_t)tn_random_next(&maker.random);
    return is_odd() && size > 0 ? size - 1 : size;
}

/* Around them all is as it should be, so what is wrong with a quote is all that is wrong. */
static void test_payload_of_odd_quotes_is_judged_alike(void **state)
{
    (void)state;
    uint32_t taken_count = 0, refused_count = 0;
    start();
    for (uint32_t round = 0; round < 40000; round++) {
        static uint8_t quote[512], quotes[2048];
        size_t quotes_size = 0, size = 0;
        uint32_t count = 1 + (uint32_t)tn_random_below(&maker.random, 3);
        for (uint32_t i = 0; i < count; i++) {
            size_t quote_size = put_odd_quote(quote);
            if (is_odd()) { /* it has the next one within it */
                quote[quote_size++] = 6 << 3 | 2;
                size_t next_size = put_odd_quote(quote + quote_size + 1);
                quote[quote_size] = (uint8_t)next_size;
                quote_size += 1 + next_size;
            }
            quotes[quotes_size++] = 6 << 3 | 2;
            quotes_size += put_random_varint(quotes + quotes_size, quote_size);
            memcpy(quotes + quotes_size, quote, quote_size);
            quotes_size += quote_size;
        }
        size += put_varint(changed + size, 6 << 3 | 2);
        size += put_varint(changed + size, quotes_size + (quotes_size < 128 ? 2 : 3));
        size += put_varint(changed + size, 7 << 3 | 2);
        size += put_varint(changed + size, quotes_size);
        memcpy(changed + size, quotes, quotes_size);
        bool taken = compare(changed, size + quotes_size);
        taken_count += taken;
        refused_count += !taken;
    }
    assert_true(taken_count > 5000 && refused_count > 5000); /* both were tried */
}

/* ---- Counts at their limits ---- */

static size_t write_many(uint32_t commands_count, uint32_t quotes_each)
{
    static struct tn_command commands[TN_PAYLOAD_COMMANDS_MAX + 1];
    static struct tn_quote quotes[TN_QUOTES_MAX + 1];
    struct tn_frame frame = {.commands = commands, .commands_count = commands_count};
    for (uint32_t i = 0; i < commands_count; i++) {
        commands[i] = (struct tn_command){.kind = TN_COMMAND_MASS_QUOTE};
        commands[i].as.mass_quote.quotes = quotes;
        commands[i].as.mass_quote.quotes_count = quotes_each;
    }
    return tn_stream_write_payload(bytes, sizeof(bytes), &frame);
}

/* A payload of so many mass quotes of empty quotes, by hand: also where there is none. */
static size_t put_many(uint8_t *data, uint32_t commands_count, uint32_t quotes_each)
{
    size_t size = 0, quotes_bytes = 2 * (size_t)quotes_each;
    size_t head = quotes_bytes < 128 ? 2 : 3;
    for (uint32_t i = 0; i < commands_count; i++) {
        data[size++] = 6 << 3 | 2;
        size += put_varint(data + size, head + quotes_bytes);
        data[size++] = 7 << 3 | 2;
        size += put_varint(data + size, quotes_bytes);
        for (uint32_t k = 0; k < quotes_each; k++) {
            data[size++] = 6 << 3 | 2;
            data[size++] = 0;
        }
    }
    return size;
}

static void test_payload_counts_end_where_the_page_says(void **state)
{
    (void)state;
    static const struct {
        uint32_t commands, quotes;
        bool fits;
    } tries[] = {{1, 0, true},    {1, 256, true},   {1, 257, false},
                 {256, 0, true},  {257, 0, false},  {256, 16, true},
                 {16, 256, true}, {17, 256, false}, {256, 17, false}};
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        size_t written = write_many(tries[i].commands, tries[i].quotes);
        assert_true((written > 0) == tries[i].fits);
        size_t size = put_many(changed, tries[i].commands, tries[i].quotes);
        assert_true(compare(changed, size) == tries[i].fits);
        if (tries[i].fits) assert_true(written == size && memcmp(bytes, changed, size) == 0);
    }
    assert_false(compare(changed, 0));
}

static int set_up(void **state)
{
    (void)state;
    seed = test_seed("test_payload_twin");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_payload_means_to_protobuf_c_what_was_written),
        cmocka_unit_test(test_payload_with_changed_bytes_is_judged_alike),
        cmocka_unit_test(test_payload_of_random_fields_is_judged_alike),
        cmocka_unit_test(test_payload_of_odd_quotes_is_judged_alike),
        cmocka_unit_test(test_payload_counts_end_where_the_page_says),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
