/* The strict reader: each rule by a message that breaks it alone, then millions of decisions
 * against protobuf-c on made and mutated messages. */
#include "seed.h"
#include "wire_twin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static _Alignas(16) uint8_t memory[WIRE_FROM_NODE_ARENA_BYTES];
static _Alignas(16) uint8_t maker_memory[WIRE_FROM_NODE_ARENA_BYTES];
static uint8_t bytes[WIRE_FROM_NODE_BYTES_MAX + 64];

/* "0a 03" as bytes; "x64" is sixty-four bytes of 1. */
static size_t parse(uint8_t *out, const char *text)
{
    size_t size = 0;
    while (*text != 0) {
        if (*text == ' ') {
            text++;
        } else if (*text == 'x') {
            char *end;
            size_t count = strtoul(text + 1, &end, 10);
            memset(out + size, 1, count);
            size += count;
            text = end;
        } else {
            char pair[3] = {text[0], text[1], 0};
            out[size++] = (uint8_t)strtoul(pair, NULL, 16);
            text += 2;
        }
    }
    return size;
}

static struct wire_fault fault;

static Tenor__V1__ToNode *read_text(const char *text)
{
    struct wire_arena arena;
    Tenor__V1__ToNode *message = NULL;
    wire_arena_init(&arena, memory, WIRE_TO_NODE_ARENA_BYTES);
    size_t size = parse(bytes, text);
    return wire_read_to_node(&arena, &message, &fault, bytes, size) ? message : NULL;
}

#define REFUSES(hex, why)                                                                          \
    do {                                                                                           \
        memset(&fault, 0, sizeof fault);                                                           \
        assert_null(read_text(hex));                                                               \
        assert_string_equal(fault.text, why);                                                      \
        assert_int_equal(fault.code, WIRE_ERROR_MALFORMED);                                        \
    } while (0)

static void test_wire_reads_a_ping(void **state)
{
    (void)state;
    Tenor__V1__ToNode *message = read_text("08 07 22 02 08 05");
    assert_non_null(message);
    assert_int_equal(message->request, 7);
    assert_int_equal(message->body_case, TENOR__V1__TO_NODE__BODY_PING);
    assert_int_equal(message->ping->time_ms, 5);
}

static void test_wire_reads_a_logon_with_its_place(void **state)
{
    (void)state;
    Tenor__V1__ToNode *message =
        read_text("12 4f 08 02 10 ac 02 1a 40 x64 20 01 32 04 08 09 10 03");
    assert_non_null(message);
    const Tenor__V1__Logon *logon = message->logon;
    assert_int_equal(logon->market, 2);
    assert_int_equal(logon->session, 300);
    assert_int_equal(logon->signature.len, 64);
    assert_int_equal(logon->on_disconnect, TENOR__V1__ON_DISCONNECT__RUN_STANDBY);
    assert_int_equal(logon->resume_after->block, 9);
    assert_int_equal(logon->resume_after->index, 3);
}

static void test_wire_takes_a_body_without_fields(void **state)
{
    (void)state;
    Tenor__V1__ToNode *message = read_text("1a 00");
    assert_non_null(message);
    assert_int_equal(message->body_case, TENOR__V1__TO_NODE__BODY_LOGOFF);
}

static void test_wire_refuses_a_message_without_body(void **state)
{
    (void)state;
    assert_null(read_text("08 07"));
    assert_int_equal(fault.code, WIRE_ERROR_NO_BODY);
    assert_null(read_text(""));
    assert_int_equal(fault.code, WIRE_ERROR_NO_BODY);
}

static void test_wire_refuses_fields_that_it_does_not_know(void **state)
{
    (void)state;
    REFUSES("22 02 10 05", "ping: field 2 of Ping is not known (byte 2)");
    REFUSES("22 00 f8 07 01", "field 127 of ToNode is not known (byte 2)");
    REFUSES("00 00", "field 0 of ToNode is not known (byte 0)");
}

static void test_wire_refuses_fields_twice_or_out_of_order(void **state)
{
    (void)state;
    REFUSES("08 07 08 07 22 00", "field 1 of ToNode stands twice, or behind a higher one (byte 2)");
    REFUSES("22 00 08 07", "field 1 of ToNode stands twice, or behind a higher one (byte 2)");
    REFUSES("1a 00 22 00", "ping: stands beside another one of its kind (byte 3)");
}

static void test_wire_refuses_numbers_with_a_second_spelling(void **state)
{
    (void)state;
    REFUSES("08 87 00 22 00", "request: a number is written longer than it need be (byte 1)");
    REFUSES("08 00 22 00", "request: is zero, and must then be left out (byte 1)");
    REFUSES("88 00 07 22 00", "a number is written longer than it need be (byte 0)");
    REFUSES("08 ff ff ff ff ff ff ff ff ff 02 22 00",
            "request: a number has over 64 bits (byte 1)");
    REFUSES("08 ff", "request: a number is cut off (byte 1)");
    REFUSES("8a 01 06 08 80 80 80 80 10", "get_instruments.market: has over 32 bits (byte 4)");
}

static void test_wire_refuses_what_does_not_fit_its_type(void **state)
{
    (void)state;
    REFUSES("09 07 00 00 00 00 00 00 00 22 00", "request: has wire type 1, not 0 (byte 0)");
    REFUSES("42 02 10 0d", "subscribe.channel: is not one of the enumeration's (byte 3)");
    REFUSES("42 0b 10 ff ff ff ff ff ff ff ff ff 01",
            "subscribe.channel: is not one of the enumeration's (byte 3)");
    REFUSES("42 03 10 04 1a", "subscribe.series_id[0]: a number is cut off (byte 5)");
    REFUSES("42 05 10 04 1a 01 01", "subscribe.series_id[0]: is not of eight bytes each (byte 6)");
    REFUSES("42 04 10 04 1a 00",
            "subscribe.series_id[0]: is empty, and must then be left out (byte 6)");
    REFUSES("22 05 08 05", "ping: is longer than what it stands in (byte 1)");
    /* Eight bytes, unpacked: the other spelling that protobuf allows. */
    REFUSES("42 0b 10 04 19 01 00 00 00 00 00 00 00",
            "subscribe.series_id[0]: has wire type 1, not 2 (byte 4)");
}

static void test_wire_refuses_sizes_that_the_protocol_names(void **state)
{
    (void)state;
    REFUSES("12 43 08 02 1a 3f x63", "logon.signature: has 63 bytes, not 64 (byte 6)");
    REFUSES("12 02 08 02", "logon.signature: is needed, and not there (byte 4)");
    REFUSES("2a 42 12 40 x64", "frame.payload: is needed, and not there (byte 68)");
    REFUSES("32 00", "standby.frame: is needed, and not there (byte 2)");
    REFUSES("2a 05 0a 01 01 12 00",
            "frame.signature: is empty, and must then be left out (byte 7)");
    REFUSES("ba 01 06 12 04 01 02 03 04", "get_owner.owner: has 4 bytes, not 20 (byte 5)");
}

static void test_wire_counts_elements_before_it_takes_memory(void **state)
{
    (void)state;
    struct wire_arena arena;
    Tenor__V1__ToNode *message;
    uint8_t head[] = {0xc2, 0x01, 0xc0, 0xb8, 0x02}; /* get_margin of 40 000 bytes */
    memcpy(bytes, head, sizeof head);
    for (size_t i = 0; i < 20000; i++)
        memcpy(bytes + sizeof head + 2 * i, (uint8_t[]){0x1a, 0}, 2);
    wire_arena_init(&arena, memory, 1024); /* too little for 20 000 of anything */
    assert_false(wire_read_to_node(&arena, &message, &fault, bytes, sizeof head + 40000));
    assert_string_equal(fault.text,
                        "get_margin.trials[0]: has 20000 elements, not 1 to 256 (byte 6)");
}

static void test_wire_names_the_element_that_is_wrong(void **state)
{
    (void)state;
    REFUSES("c2 01 08 1a 02 10 02 1a 02 10 00",
            "get_margin.trials[1].position: is zero, and must then be left out (byte 10)");
    REFUSES("c2 01 08 1a 02 10 02 1a 03 10 02",
            "get_margin.trials[1]: is longer than what it stands in (byte 8)");
}

static void test_wire_refuses_text_that_is_not_utf_8_or_controls_a_terminal(void **state)
{
    (void)state;
    static const char *const good[] = {"24",          "c2 a2",       "e2 82 ac",    "ed 9f bf",
                                       "f0 90 8d 88", "f4 8f bf bf", "61 c3 a9 62", "7e c2 a0"};
    static const char *const bad[] = {
        "00",          "80",          "c0 80",       "c1 bf", "c2",   "e0 9f bf", "ed a0 80",
        "f0 8f bf bf", "f4 90 80 80", "f5 80 80 80", "e2 82", "ff",   "61 00 62", "61 1b 5b",
        "0a",          "09",          "7f",          "c2 9b", "c2 80"}; /* the last: what a terminal
                                                                           obeys */
    uint8_t text[16];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(wire_is_text(text, parse(text, good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(wire_is_text(text, parse(text, bad[i])));
    }
    struct wire_arena arena;
    Tenor__V1__FromNode *message;
    wire_arena_init(&arena, memory, sizeof memory);
    size_t size = parse(bytes, "2a 04 12 02 c0 80");
    assert_false(wire_read_from_node(&arena, &message, &fault, bytes, size));
    assert_string_equal(fault.text, "error.text: is not text in UTF-8 (byte 4)");
}

static void test_wire_refuses_more_bytes_than_a_message_may_have(void **state)
{
    (void)state;
    struct wire_arena arena;
    Tenor__V1__ToNode *to;
    Tenor__V1__FromNode *from;
    wire_arena_init(&arena, memory, sizeof memory);
    assert_false(wire_read_to_node(&arena, &to, &fault, bytes, WIRE_TO_NODE_BYTES_MAX + 1));
    assert_int_equal(fault.code, WIRE_ERROR_TOO_LARGE);
    assert_false(wire_read_from_node(&arena, &from, &fault, bytes, WIRE_FROM_NODE_BYTES_MAX + 1));
    assert_int_equal(fault.code, WIRE_ERROR_TOO_LARGE);
}

/* A full list of trials, and the largest frame, in the arena that the header names. */
static void test_wire_arena_holds_the_largest_messages(void **state)
{
    (void)state;
    struct wire_arena arena;
    Tenor__V1__ToNode *message;
    wire_arena_init(&arena, memory, WIRE_TO_NODE_ARENA_BYTES);
    size_t payload_size = WIRE_TO_NODE_BYTES_MAX - 4 - 4 - 4 - 66;
    size_t frame_size = 4 + payload_size + 66;
    size_t at = 0;
    bytes[at++] = 0x32; /* standby, of two length bytes and one more */
    size_t standby_size = 4 + frame_size;
    size_t sizes[] = {standby_size, frame_size, payload_size};
    for (size_t i = 0; i < 3; i++) {
        if (i > 0) bytes[at++] = 0x0a;
        bytes[at++] = (uint8_t)(sizes[i] | 0x80);
        bytes[at++] = (uint8_t)(sizes[i] >> 7 | 0x80);
        bytes[at++] = (uint8_t)(sizes[i] >> 14);
    }
    memset(bytes + at, 7, payload_size);
    at += payload_size;
    at += parse(bytes + at, "12 40 x64");
    assert_int_equal(at, WIRE_TO_NODE_BYTES_MAX);
    assert_true(wire_read_to_node(&arena, &message, &fault, bytes, at));
    assert_int_equal(message->standby->frame->payload.len, payload_size);

    uint8_t head[] = {0xc2, 0x01, 0x80, 0x04};
    memcpy(bytes, head, sizeof head);
    for (size_t i = 0; i < 256; i++)
        memcpy(bytes + sizeof head + 2 * i, (uint8_t[]){0x1a, 0}, 2);
    assert_true(wire_read_to_node(&arena, &message, &fault, bytes, sizeof head + 512));
    assert_int_equal(message->get_margin->n_trials, 256);
}

static void test_wire_stops_at_the_end_of_every_smaller_arena(void **state)
{
    (void)state;
    struct wire_arena arena;
    Tenor__V1__ToNode *message;
    size_t size = parse(bytes, "12 4f 08 02 10 ac 02 1a 40 x64 20 01 32 04 08 09 10 03");
    size_t needed = 0;
    while (true) {
        memset(memory + needed, 0xa5, 64);
        wire_arena_init(&arena, memory, needed);
        bool was_read = wire_read_to_node(&arena, &message, &fault, bytes, size);
        for (size_t i = 0; i < 64; i++)
            assert_int_equal(memory[needed + i], 0xa5);
        if (was_read) break;
        assert_int_equal(fault.code, WIRE_ERROR_NO_ROOM);
        needed++;
        assert_true(needed < 4096);
    }
    assert_true(needed > 64);
}

/* ---- The table of limits -----------------------------------------------------------------------
 */

static void check_kind(void *context, const ProtobufCMessageDescriptor *kind)
{
    (void)context;
    uint32_t limits_count;
    const struct wire_limit *limits = wire_limits_of(&limits_count, kind);
    uint32_t rows = 0;
    for (unsigned i = 0; i < kind->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &kind->fields[i];
        bool is_sized = field->label == PROTOBUF_C_LABEL_REPEATED ||
                        field->type == PROTOBUF_C_TYPE_STRING ||
                        field->type == PROTOBUF_C_TYPE_BYTES;
        uint32_t found = 0;
        for (uint32_t j = 0; j < limits_count; j++)
            found += limits[j].field == field->id;
        if (is_sized && found != 1) fail_msg("%s.%s has no limit", kind->name, field->name);
        assert_true(found <= 1);
        assert_true(field->id < 64);
        rows += found;
    }
    assert_int_equal(rows, limits_count); /* and none for a field that is not there */
}

static void test_wire_limits_every_list_text_and_bytes_of_the_protocol(void **state)
{
    (void)state;
    wire_twin_walk(&tenor__v1__to_node__descriptor, check_kind, NULL);
    wire_twin_walk(&tenor__v1__from_node__descriptor, check_kind, NULL);
}

/* ---- Against protobuf-c ------------------------------------------------------------------------
 */

static bool read_by(const ProtobufCMessageDescriptor *description, struct wire_arena *arena,
                    ProtobufCMessage **message, size_t size)
{
    if (description == &tenor__v1__to_node__descriptor) {
        Tenor__V1__ToNode *made;
        if (!wire_read_to_node(arena, &made, &fault, bytes, size)) return false;
        *message = &made->base;
    } else {
        Tenor__V1__FromNode *made;
        if (!wire_read_from_node(arena, &made, &fault, bytes, size)) return false;
        *message = &made->base;
    }
    return true;
}

/* Both say yes or both no; what was read is written as the same bytes. */
static bool compare(const ProtobufCMessageDescriptor *description, size_t size)
{
    static uint8_t again[sizeof bytes];
    struct wire_arena arena;
    ProtobufCMessage *message;
    wire_arena_init(&arena, memory, sizeof memory);
    bool was_read = read_by(description, &arena, &message, size);
    bool takes = wire_twin_takes(description, bytes, size);
    if (!was_read && fault.code == WIRE_ERROR_NO_BODY) return false;
    if (was_read != takes) fail_msg("wire %d, protobuf-c %d: %s", was_read, takes, fault.text);
    if (!was_read) return false;
    bool is_to = description == &tenor__v1__to_node__descriptor;
    size_t written =
        is_to ? wire_write_to_node(again, sizeof again, (Tenor__V1__ToNode *)message)
              : wire_write_from_node(again, sizeof again, (Tenor__V1__FromNode *)message);
    assert_int_equal(written, size + WIRE_LENGTH_BYTES);
    assert_memory_equal(again + WIRE_LENGTH_BYTES, bytes, size);
    return true;
}

static size_t mutate(uint64_t *random, size_t size)
{
    uint64_t what = wire_twin_random(random) % 6;
    if (size == 0) what = 0;
    size_t at = size == 0 ? 0 : wire_twin_random(random) % size;
    uint8_t value = (uint8_t)wire_twin_random(random);
    if (what < 2) { /* a byte more */
        memmove(bytes + at + 1, bytes + at, size - at);
        bytes[at] = what == 0 ? value : 0;
        return size + 1;
    }
    if (what == 2) { /* a byte less */
        memmove(bytes + at, bytes + at + 1, size - at - 1);
        return size - 1;
    }
    if (what == 3) {
        bytes[at] ^= (uint8_t)(1u << value % 8);
    } else if (what == 4) {
        bytes[at] = value;
    } else {
        bytes[at] = (uint8_t)(bytes[at] + 1);
    }
    return size;
}

/* counts: how many of them no message is, and how many one is. */
static void compare_mutated(const ProtobufCMessageDescriptor *description, uint64_t *random,
                            size_t size, size_t counts[2])
{
    for (unsigned j = 0; j < 20 && size < 60000; j++) {
        size = mutate(random, size);
        counts[compare(description, size)]++;
    }
}

static void run_against_protobuf_c(const ProtobufCMessageDescriptor *description, uint64_t seed)
{
    uint64_t random = seed;
    size_t counts[2] = {0};
    for (unsigned i = 0; i < 3000; i++) {
        struct wire_arena maker;
        wire_arena_init(&maker, maker_memory, sizeof maker_memory);
        ProtobufCMessage *made = wire_twin_make(&maker, &random, description);
        size_t size = protobuf_c_message_get_packed_size(made);
        if (size > 60000) continue;
        protobuf_c_message_pack(made, bytes);
        assert_true(compare(description, size));
        compare_mutated(description, &random, size, counts);
    }
    assert_true(counts[0] > 1000 && counts[1] > 1000); /* or the mutations would say nothing */
}

/* Random, right, of any size that a payload may have; returns its size. */
static size_t make_frame(uint64_t *random)
{
    static uint8_t payload[WIRE_TO_NODE_BYTES_MAX], written[WIRE_TO_NODE_BYTES_MAX];
    Tenor__V1__ToNode message = TENOR__V1__TO_NODE__INIT;
    Tenor__V1__SignedFrame frame = TENOR__V1__SIGNED_FRAME__INIT;
    const uint64_t what = wire_twin_random(random);
    frame.payload.data = payload;
    frame.payload.len = 1 + wire_twin_random(random) % (what % 8 == 0 ? 60000 : 300);
    frame.signature.data = payload + 100;
    frame.signature.len = 64;
    frame.wait = (Tenor__V1__Wait)(what / 8 % 4);
    message.request = what / 32 % 4 == 0 ? 0 : wire_twin_random(random) >> what % 64;
    message.body_case = TENOR__V1__TO_NODE__BODY_FRAME;
    message.frame = &frame;
    for (size_t i = 0; i < 512; i++)
        payload[i] = (uint8_t)wire_twin_random(random);
    const size_t size = wire_write_to_node(written, sizeof written, &message) - WIRE_LENGTH_BYTES;
    memcpy(bytes, written + WIRE_LENGTH_BYTES, size);
    return size;
}

static void test_wire_reads_every_frame_that_is_right_without_the_descriptions(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_wire_read");
    size_t counts[2] = {0};
    for (unsigned i = 0; i < 3000; i++) {
        struct wire_arena arena;
        Tenor__V1__ToNode *message;
        size_t size = make_frame(&random);
        wire_arena_init(&arena, memory, WIRE_TO_NODE_ARENA_BYTES);
        assert_true(wire_read_frame(&arena, &message, bytes, size));
        assert_true(compare(&tenor__v1__to_node__descriptor, size));
        compare_mutated(&tenor__v1__to_node__descriptor, &random, size, counts);
    }
    assert_true(counts[0] > 1000 && counts[1] > 1000);
}

static void test_wire_agrees_with_protobuf_c_on_messages_to_a_node(void **state)
{
    (void)state;
    run_against_protobuf_c(&tenor__v1__to_node__descriptor, test_seed("test_wire_read"));
}

static void test_wire_agrees_with_protobuf_c_on_messages_from_a_node(void **state)
{
    (void)state;
    run_against_protobuf_c(&tenor__v1__from_node__descriptor, test_seed("test_wire_read") + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wire_reads_a_ping),
        cmocka_unit_test(test_wire_reads_a_logon_with_its_place),
        cmocka_unit_test(test_wire_takes_a_body_without_fields),
        cmocka_unit_test(test_wire_refuses_a_message_without_body),
        cmocka_unit_test(test_wire_refuses_fields_that_it_does_not_know),
        cmocka_unit_test(test_wire_refuses_fields_twice_or_out_of_order),
        cmocka_unit_test(test_wire_refuses_numbers_with_a_second_spelling),
        cmocka_unit_test(test_wire_refuses_what_does_not_fit_its_type),
        cmocka_unit_test(test_wire_refuses_sizes_that_the_protocol_names),
        cmocka_unit_test(test_wire_counts_elements_before_it_takes_memory),
        cmocka_unit_test(test_wire_names_the_element_that_is_wrong),
        cmocka_unit_test(test_wire_refuses_text_that_is_not_utf_8_or_controls_a_terminal),
        cmocka_unit_test(test_wire_refuses_more_bytes_than_a_message_may_have),
        cmocka_unit_test(test_wire_arena_holds_the_largest_messages),
        cmocka_unit_test(test_wire_stops_at_the_end_of_every_smaller_arena),
        cmocka_unit_test(test_wire_limits_every_list_text_and_bytes_of_the_protocol),
        cmocka_unit_test(test_wire_reads_every_frame_that_is_right_without_the_descriptions),
        cmocka_unit_test(test_wire_agrees_with_protobuf_c_on_messages_to_a_node),
        cmocka_unit_test(test_wire_agrees_with_protobuf_c_on_messages_from_a_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
