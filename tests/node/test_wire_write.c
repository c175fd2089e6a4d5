/* Messages as they are sent: length, cap, room; events, frames and the logon's digest; the table of
 * errors. */
#include "seed.h"
#include "tenor/frame.h"
#include "tenor/reject.h"
#include "wire_twin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LOGON_DIGEST "3f05fd353c6276f356f232abb8198b70edde2f8130d817140270b5399e06b096"

static _Alignas(16) uint8_t memory[WIRE_FROM_NODE_ARENA_BYTES];
static uint8_t out[WIRE_FROM_NODE_BYTES_MAX + WIRE_LENGTH_BYTES + 64];

/* ---- Length and room ---------------------------------------------------------------------------
 */

static void test_wire_writes_a_length_and_the_message(void **state)
{
    (void)state;
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__Pong pong = TENOR__V1__PONG__INIT;
    static const uint8_t wanted[] = {0, 0, 0, 6, 0x08, 3, 0x22, 2, 0x08, 9};
    message.request = 3;
    message.body_case = TENOR__V1__FROM_NODE__BODY_PONG;
    message.pong = &pong;
    pong.time_ms = 9;
    assert_int_equal(wire_write_from_node(out, sizeof out, &message), sizeof wanted);
    assert_memory_equal(out, wanted, sizeof wanted);
}

static void test_wire_says_how_much_room_a_message_needs(void **state)
{
    (void)state;
    static uint8_t payload[30000], signature[64];
    Tenor__V1__ToNode message = TENOR__V1__TO_NODE__INIT;
    Tenor__V1__SignedFrame frame = TENOR__V1__SIGNED_FRAME__INIT;
    memset(payload, 1, sizeof payload);
    message.body_case = TENOR__V1__TO_NODE__BODY_FRAME;
    message.frame = &frame;
    frame.signature = (ProtobufCBinaryData){64, signature};
    static const size_t sizes[] = {1, 200, 4095, 4096, 5000, 30000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        frame.payload = (ProtobufCBinaryData){sizes[i], payload};
        size_t size = protobuf_c_message_get_packed_size(&message.base) + 4;
        for (size_t room = 0; room < size; room += 1 + room / 3) {
            out[room] = 0xa5; /* the first byte that it may not touch */
            assert_int_equal(wire_write_to_node(out, room, &message), size);
            assert_int_equal(out[room], 0xa5);
        }
        out[size] = 0xa5;
        assert_int_equal(wire_write_to_node(out, size, &message), size);
        assert_int_equal(out[size], 0xa5);
    }
}

static void test_wire_writes_no_message_above_its_cap(void **state)
{
    (void)state;
    static uint8_t payload[WIRE_FROM_NODE_BYTES_MAX];
    static uint8_t signature[64];
    Tenor__V1__ToNode to = TENOR__V1__TO_NODE__INIT;
    Tenor__V1__SignedFrame frame = TENOR__V1__SIGNED_FRAME__INIT;
    to.body_case = TENOR__V1__TO_NODE__BODY_FRAME;
    to.frame = &frame;
    memset(payload, 1, sizeof payload);
    frame.signature = (ProtobufCBinaryData){64, signature};
    frame.payload = (ProtobufCBinaryData){WIRE_TO_NODE_BYTES_MAX - 66 - 4 - 4, payload};
    assert_int_equal(wire_write_to_node(out, sizeof out, &to), WIRE_TO_NODE_BYTES_MAX + 4);
    frame.payload.len++;
    assert_int_equal(wire_write_to_node(out, sizeof out, &to), 0);

    Tenor__V1__FromNode from = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__Proof proof = TENOR__V1__PROOF__INIT;
    from.body_case = TENOR__V1__FROM_NODE__BODY_PROOF;
    from.proof = &proof;
    proof.proof = (ProtobufCBinaryData){WIRE_FROM_NODE_BYTES_MAX - 5 - 4, payload};
    assert_int_equal(wire_write_from_node(out, sizeof out, &from), WIRE_FROM_NODE_BYTES_MAX + 4);
    proof.proof.len++;
    assert_int_equal(wire_write_from_node(out, sizeof out, &from), 0);
}

/* Parts of an account's message may be missing; what is sent most has a writer of its own. */
static bool take_parts_away(Tenor__V1__FromNode *message, uint64_t *random)
{
    if (message->body_case != TENOR__V1__FROM_NODE__BODY_ACCOUNT_MESSAGE) return false;
    if (wire_twin_random(random) % 3 == 0) message->account_message->at = NULL;
    if (wire_twin_random(random) % 3 == 0) message->account_message->n_events = 0;
    return true;
}

static void fill_event(struct tn_event *event, uint64_t *random)
{
    uint8_t *bytes = (uint8_t *)event;
    memset(event, 0, sizeof *event);
    const uint64_t thin = wire_twin_random(random) % 4; /* few bytes, or all of them */
    for (size_t i = 0; i < sizeof *event; i++) {
        const uint64_t drawn = wire_twin_random(random);
        if (drawn % 4 >= thin) bytes[i] = drawn % 64 < 8 ? 0xff : (uint8_t)(drawn >> 32);
    }
    if (wire_twin_random(random) % 2 == 0) event->kind = TN_EVENT_TRADE;
}

static void test_wire_writes_an_accounts_events_as_their_message(void **state)
{
    (void)state;
    enum { MOST = WIRE_ACCOUNT_EVENTS_MAX };
    static uint8_t room[2 * WIRE_ACCOUNT_AROUND + MOST * WIRE_EVENT_BYTES];
    static struct tn_event from[MOST];
    static Tenor__V1__Event events[MOST];
    Tenor__V1__Event *list[MOST];
    uint64_t random = test_seed("test_wire_write");
    for (unsigned i = 0; i < 4000; i++) {
        Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
        Tenor__V1__AccountMessage body = TENOR__V1__ACCOUNT_MESSAGE__INIT;
        Tenor__V1__Place place = TENOR__V1__PLACE__INIT;
        const uint32_t count =
            i % 50 == 0 ? MOST : 1 + (uint32_t)(wire_twin_random(&random) % (1 + i % 9));
        for (uint32_t k = 0; k < count; k++) {
            fill_event(&from[k], &random);
            if (i % 100 == 0) memset(&from[k], 0xff, sizeof from[k]); /* the longest */
            wire_event(&events[k], &from[k]);
            list[k] = &events[k];
        }
        place.block = wire_twin_random(&random) >> i % 65 % 64;
        place.index = (uint32_t)(wire_twin_random(&random) >> i % 64);
        body.nonce = wire_twin_random(&random) >> i % 61;
        body.time_ms = wire_twin_random(&random) >> i % 59;
        if (i % 97 == 0) place.block = place.index = 0;
        body.at = &place;
        body.events = list;
        body.n_events = count;
        message.body_case = TENOR__V1__FROM_NODE__BODY_ACCOUNT_MESSAGE;
        message.account_message = &body;
        const struct wire_account_message around = {.block = place.block,
                                                    .nonce = body.nonce,
                                                    .time_ms = body.time_ms,
                                                    .index = place.index};
        uint8_t *const at = room + WIRE_ACCOUNT_AROUND;
        size_t events_size = 0, plain_size;
        memset(room, 0xa5, sizeof room);
        for (uint32_t k = 0; k < count; k++) {
            assert_int_equal(wire_account_events_size(at, k), events_size);
            const size_t one = wire_write_account_event(at + events_size, &from[k]);
            assert_in_range(one, 2, WIRE_EVENT_BYTES);
            events_size += one;
        }
        const uint8_t *plain = wire_write_account_around(&plain_size, at, events_size, &around);
        const size_t size = wire_write_from_node(out, sizeof out, &message);
        assert_int_equal(plain_size, size);
        assert_true(plain >= room && plain + size <= at + events_size + WIRE_ACCOUNT_AROUND);
        assert_memory_equal(plain, out, size);
        assert_int_equal(at[events_size + WIRE_ACCOUNT_AROUND - 1], 0xa5);
    }
}

static void fill_soft(struct wire_frame_soft *soft, Tenor__V1__FrameSoft *body,
                      Tenor__V1__Tokens *tokens, uint64_t *random)
{
    soft->request = wire_twin_random(random) >> wire_twin_random(random) % 64;
    soft->sequence = body->sequence = wire_twin_random(random) >> wire_twin_random(random) % 64;
    soft->nonce = body->nonce = wire_twin_random(random) >> wire_twin_random(random) % 64;
    soft->market = body->market = (uint32_t)wire_twin_random(random) % 3;
    soft->term = body->term = (uint32_t)wire_twin_random(random) % 300;
    soft->index = body->index = (uint32_t)wire_twin_random(random) % 3;
    tenor__v1__tokens__init(tokens);
    tokens->orders = (uint32_t)wire_twin_random(random) % 2;
    tokens->quotes = (uint32_t)wire_twin_random(random);
    tokens->queries = (uint32_t)wire_twin_random(random) % 1000;
    soft->tokens = body->tokens = tokens;
}

/* Of no events, of some, of so many that the first window is too small; in rooms that are too
 * small, too. */
static void test_wire_writes_a_soft_answer_as_its_message(void **state)
{
    (void)state;
    enum { EVENTS = 300 };
    static struct tn_event from[EVENTS];
    static const struct tn_event *list[EVENTS];
    static Tenor__V1__Event events[EVENTS], *messages[EVENTS];
    static uint8_t plain[sizeof out];
    uint64_t random = test_seed("test_wire_write");
    for (unsigned i = 0; i < 3000; i++) {
        Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
        Tenor__V1__FrameSoft body = TENOR__V1__FRAME_SOFT__INIT;
        Tenor__V1__Tokens tokens;
        const size_t count = i % 7 == 0 ? EVENTS : wire_twin_random(&random) % 4;
        struct wire_frame_soft soft = {.events = list, .events_count = count};
        fill_soft(&soft, &body, &tokens, &random);
        for (size_t k = 0; k < count; k++) {
            fill_event(&from[k], &random);
            wire_event(&events[k], &from[k]);
            list[k] = &from[k];
            messages[k] = &events[k];
        }
        body.events = messages;
        body.n_events = count;
        message.request = soft.request;
        message.body_case = TENOR__V1__FROM_NODE__BODY_FRAME_SOFT;
        message.frame_soft = &body;
        const size_t size = wire_write_from_node(out, sizeof out, &message);
        assert_true(size > 0);
        assert_int_equal(wire_write_frame_soft(plain, sizeof plain, &soft), size);
        assert_memory_equal(plain, out, size);
        plain[size] = 0xa5;
        assert_int_equal(wire_write_frame_soft(plain, size, &soft), size);
        assert_memory_equal(plain, out, size);
        assert_int_equal(wire_write_frame_soft(plain, size - 1, &soft), 0);
        assert_int_equal(plain[size], 0xa5);
    }
}

static void test_wire_writes_the_bytes_that_protobuf_c_writes(void **state)
{
    (void)state;
    static uint8_t wanted[60000];
    uint64_t random = test_seed("test_wire_write");
    unsigned account_messages = 0, others = 0;
    for (unsigned i = 0; i < 6000; i++) {
        struct wire_arena maker;
        wire_arena_init(&maker, memory, sizeof memory);
        ProtobufCMessage *made = wire_twin_make(&maker, &random, &tenor__v1__from_node__descriptor);
        bool is_of_account = take_parts_away((Tenor__V1__FromNode *)made, &random);
        size_t size = protobuf_c_message_get_packed_size(made);
        if (size == 0 || size > sizeof wanted) continue;
        protobuf_c_message_pack(made, wanted);
        const size_t whole = size + WIRE_LENGTH_BYTES, rooms[] = {sizeof out, whole};
        for (unsigned k = 0; k < 2; k++) {
            out[whole] = 0xa5;
            assert_int_equal(wire_write_from_node(out, rooms[k], (Tenor__V1__FromNode *)made),
                             whole);
            assert_memory_equal(out + WIRE_LENGTH_BYTES, wanted, size);
            assert_true(k == 0 || out[whole] == 0xa5);
        }
        account_messages += is_of_account;
        others += !is_of_account;
    }
    assert_true(account_messages > 50 && others > 1000);
}

static void test_wire_cuts_a_stream_into_messages(void **state)
{
    (void)state;
    static const uint8_t stream[] = {0, 0, 0, 2, 0x1a, 0, 0, 0, 0, 1};
    size_t size = 77;
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(wire_next(&size, stream, i, 2), WIRE_MORE);
    assert_int_equal(wire_next(&size, stream, 6, 2), WIRE_WHOLE);
    assert_int_equal(size, 2);
    assert_int_equal(wire_next(&size, stream, 10, 2), WIRE_WHOLE);
    assert_int_equal(wire_next(&size, stream + 6, 4, 2), WIRE_MORE);
    /* The length alone says no, before any of the bytes is there. */
    assert_int_equal(wire_next(&size, (const uint8_t[]){0, 0, 0, 3}, 4, 2), WIRE_TOO_LARGE);
    assert_int_equal(wire_next(&size, (const uint8_t[]){0x80, 0, 0, 0}, 4, 1u << 20),
                     WIRE_TOO_LARGE);
    assert_int_equal(wire_next(&size, (const uint8_t[]){0, 0, 0, 0}, 4, 2), WIRE_TOO_LARGE);
}

static void test_wire_arena_hands_out_zeroed_pieces_until_it_is_full(void **state)
{
    (void)state;
    struct wire_arena arena;
    memset(memory, 0xff, 64);
    wire_arena_init(&arena, memory, 40);
    uint8_t *first = wire_take(&arena, 1);
    uint8_t *second = wire_take(&arena, 24);
    assert_ptr_equal(first, memory);
    assert_ptr_equal(second, memory + 16);
    for (size_t i = 0; i < 24; i++)
        assert_int_equal(second[i], 0);
    assert_null(wire_take(&arena, 1));
    assert_non_null(wire_take(&arena, 0));
    assert_null(wire_take(&arena, SIZE_MAX));
    wire_arena_clear(&arena);
    assert_ptr_equal(wire_take(&arena, 40), memory);
}

/* ---- The exchange's things ---------------------------------------------------------------------
 */

static void test_wire_events_come_back_as_they_were(void **state)
{
    (void)state;
    uint64_t random = 7;
    for (unsigned i = 0; i < 3000; i++) {
        struct tn_event event, again;
        uint8_t raw[sizeof event];
        for (size_t j = 0; j < sizeof raw; j++) {
            raw[j] = wire_twin_random(&random) % 3 == 0 ? (uint8_t)wire_twin_random(&random) : 0;
        }
        memcpy(&event, raw, sizeof event);
        event.kind = (uint8_t)(1 + i % TN_EVENT_CALLED);
        event.side &= 1;

        struct wire_arena arena;
        struct wire_fault fault;
        Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT, *read;
        Tenor__V1__AccountMessage happened = TENOR__V1__ACCOUNT_MESSAGE__INIT;
        Tenor__V1__Event made, *list = &made;
        wire_event(&made, &event);
        happened.events = &list;
        happened.n_events = 1;
        message.body_case = TENOR__V1__FROM_NODE__BODY_ACCOUNT_MESSAGE;
        message.account_message = &happened;
        size_t size = wire_write_from_node(out, sizeof out, &message);
        wire_arena_init(&arena, memory, sizeof memory);
        assert_true(wire_read_from_node(&arena, &read, &fault, out + 4, size - 4));
        assert_true(wire_event_read(&again, read->account_message->events[0]));
        assert_memory_equal(&again, &event, sizeof event);
    }
}

static void test_wire_refuses_events_with_numbers_that_do_not_fit(void **state)
{
    (void)state;
    struct tn_event event;
    Tenor__V1__Event message = TENOR__V1__EVENT__INIT;
    assert_true(wire_event_read(&event, &message));
    message.kind = 256;
    assert_false(wire_event_read(&event, &message));
    message.kind = TN_EVENT_TRADE;
    message.reject = 65536;
    assert_false(wire_event_read(&event, &message));
    message.reject = 0;
    message.index = 1; /* stands where a trade has a fee */
    assert_false(wire_event_read(&event, &message));
    message.index = 0;
    message.other_fee = -1;
    assert_true(wire_event_read(&event, &message));
    message.kind = TN_EVENT_LISTED;
    assert_false(wire_event_read(&event, &message));
}

static void test_wire_frames_become_the_entries_that_stream_reads(void **state)
{
    (void)state;
    static struct tn_stream_scratch scratch;
    struct tn_command command = {.kind = TN_COMMAND_CANCEL, .as.cancel.order_id = 5};
    struct tn_frame frame = {
        .market = 2, .session = 3, .nonce = 4, .commands = &command, .commands_count = 1};
    uint8_t payload[64], signature[64], entry[256];
    size_t payload_size = tn_stream_write_payload(payload, sizeof payload, &frame);
    memset(signature, 9, sizeof signature);
    Tenor__V1__SignedFrame message = TENOR__V1__SIGNED_FRAME__INIT;
    message.payload = (ProtobufCBinaryData){payload_size, payload};
    message.signature = (ProtobufCBinaryData){64, signature};

    size_t size = wire_frame_entry(entry, sizeof entry, &message);
    assert_int_equal(size, 2 + 4 + payload_size + 64);
    assert_int_equal(wire_frame_entry(entry, size - 1, &message), size);
    struct tn_stream_item item;
    struct tn_stream_fault fault;
    size_t used;
    assert_true(tn_stream_read_item(&item, &used, &fault, &scratch, entry, size));
    assert_int_equal(used, size);
    assert_int_equal(item.version, TN_ENTRY_VERSION_2);
    assert_int_equal(item.as.frame.market, 2);
    assert_int_equal(item.as.frame.nonce, 4);
    assert_memory_equal(item.as.frame.payload, payload, payload_size);
    assert_memory_equal(item.as.frame.signature.bytes, signature, 64);

    message.signature.len = 63;
    assert_int_equal(wire_frame_entry(entry, sizeof entry, &message), 0);
    message.signature.len = 64;
    message.payload.len = 0;
    assert_int_equal(wire_frame_entry(entry, sizeof entry, &message), 0);
    message.payload.len = TN_PAYLOAD_BYTES_MAX + 1;
    assert_int_equal(wire_frame_entry(entry, sizeof entry, &message), 0);
}

/* docs/protocol.md has this one: chain id 00 01 … 1f, challenge 20 21 … 3f, market 1, session 7. */
static void test_wire_logon_digest_is_the_one_of_the_page(void **state)
{
    (void)state;
    uint8_t bytes[64];
    char text[65];
    struct tn_hash digest;
    for (size_t i = 0; i < 64; i++)
        bytes[i] = (uint8_t)i;
    wire_logon_digest(&digest, bytes, bytes + 32, 1, 7, TENOR__V1__ON_DISCONNECT__RUN_STANDBY);
    for (size_t i = 0; i < 32; i++)
        snprintf(text + 2 * i, 3, "%02x", digest.bytes[i]);
    assert_string_equal(text, LOGON_DIGEST);
}

/* ---- Errors ------------------------------------------------------------------------------------
 */

static const uint32_t codes[] = {
#define X(name, number, text) number,
    TN_REJECT_TABLE(X)
#undef X
#define X(name, number, retriable, text, hint) number,
        WIRE_ERROR_TABLE(X)
#undef X
};

static void test_wire_errors_rise_and_are_sentences(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (i > 0 && codes[i] <= codes[i - 1]) fail_msg("%u does not rise", (unsigned)codes[i]);
        const char *texts[] = {wire_error_name(codes[i]), wire_error_text(codes[i]),
                               wire_error_hint(codes[i])};
        for (size_t j = 0; j < 3; j++) {
            assert_non_null(texts[j]);
            assert_true(strlen(texts[j]) > 1 && strlen(texts[j]) < 200);
            assert_null(strpbrk(texts[j], "\"\\|\n")); /* they stand in tables and in quotes */
        }
        assert_int_not_equal(texts[1][strlen(texts[1]) - 1], '.');
        assert_true(codes[i] < 10000 || (codes[i] / 10000 <= 5 && codes[i] % 10000 < 1000));
    }
}

static void test_wire_errors_that_are_not_in_the_table_have_no_name(void **state)
{
    (void)state;
    static const uint32_t unknown[] = {99, 1999, 9999, 10000, 10999, 60001, UINT32_MAX};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        assert_null(wire_error_name(unknown[i]));
        assert_null(wire_error_text(unknown[i]));
        assert_null(wire_error_hint(unknown[i]));
        assert_false(wire_error_is_retriable(unknown[i]));
    }
}

static void test_wire_error_messages_carry_the_tables_sentence(void **state)
{
    (void)state;
    Tenor__V1__Error error;
    wire_error_fill(&error, WIRE_ERROR_BUSY, NULL);
    assert_int_equal(error.code, 30008);
    assert_true(error.retriable);
    assert_string_equal(error.text, "the node's queue is full; the message was not looked at");
    wire_error_fill(&error, TN_REJECT_SIGNATURE_BAD, "frame: signed by somebody else");
    assert_int_equal(error.code, 1000);
    assert_false(error.retriable);
    assert_string_equal(error.text, "frame: signed by somebody else");
    wire_error_fill(&error, 10999, NULL);
    assert_string_equal(error.text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wire_writes_a_length_and_the_message),
        cmocka_unit_test(test_wire_says_how_much_room_a_message_needs),
        cmocka_unit_test(test_wire_writes_no_message_above_its_cap),
        cmocka_unit_test(test_wire_writes_the_bytes_that_protobuf_c_writes),
        cmocka_unit_test(test_wire_writes_a_soft_answer_as_its_message),
        cmocka_unit_test(test_wire_writes_an_accounts_events_as_their_message),
        cmocka_unit_test(test_wire_cuts_a_stream_into_messages),
        cmocka_unit_test(test_wire_arena_hands_out_zeroed_pieces_until_it_is_full),
        cmocka_unit_test(test_wire_events_come_back_as_they_were),
        cmocka_unit_test(test_wire_refuses_events_with_numbers_that_do_not_fit),
        cmocka_unit_test(test_wire_frames_become_the_entries_that_stream_reads),
        cmocka_unit_test(test_wire_logon_digest_is_the_one_of_the_page),
        cmocka_unit_test(test_wire_errors_rise_and_are_sentences),
        cmocka_unit_test(test_wire_errors_that_are_not_in_the_table_have_no_name),
        cmocka_unit_test(test_wire_error_messages_carry_the_tables_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
