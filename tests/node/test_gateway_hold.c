/* Frames that find no room at the desk: they are held, whoever brings more of them is not read, and
 * nothing of anybody is overtaken by his own. The test plays the desk. */
#include "gateway/checkers.h"
#include "gateway_case.h"

#include "tenor/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SHORT_MS = 300, LONG_MS = 60000, QUIET_MS = 50, BURST = 400, BURST_BYTES = 1 << 17 };

/* It has room or not; what it was given it answers in its turn. */
static struct desk {
    _Atomic bool has_room;
    uint64_t tags[GATEWAY_CHECKS_MAX + 1]; /* all that can be held, in one turn */
    uint32_t tags_count;
    _Atomic uint32_t orders, cancels, refused;
} desk;
static struct case_frame frame;
static struct gateway_case test;

/* ---- The desk, on the gateway's thread ---------------------------------------------------------
 */

static void nothing(void *context)
{
    assert_true(context == &desk);
}

static enum tn_member_room on_room(void *context, const uint8_t *entry, size_t size)
{
    assert_true(context == &desk && entry != NULL && size > 0);
    return atomic_load(&desk.has_room) ? TN_MEMBER_ROOM_FREE : TN_MEMBER_ROOM_FULL;
}

static bool is_cancel(const uint8_t *entry, size_t size)
{
    static struct tn_stream_scratch scratch;
    struct tn_stream_fault fault;
    struct tn_frame read;
    assert_true(
        tn_stream_read_payload(&read, &fault, &scratch, entry + 6, size - 6 - TN_SIGNATURE_SIZE));
    return read.commands[0].kind != TN_COMMAND_PLACE;
}

static bool on_frame(void *context, const struct gateway_direct_answers *answers, uint64_t tag,
                     const struct tn_member_signed *checked, const uint8_t *entry, size_t size)
{
    (void)context, (void)checked;
    const struct port_answer refused = {.kind = TN_MEMBER_REFUSED, .reject = TN_REJECT_DESK_FULL};
    if (is_cancel(entry, size)) {
        atomic_fetch_add(&desk.cancels, 1);
    } else if (atomic_load(&desk.has_room)) {
        atomic_fetch_add(&desk.orders, 1);
    } else {
        atomic_fetch_add(&desk.refused, 1);
        answers->answer(answers->context, tag, &refused, NULL);
        return true;
    }
    assert_true(desk.tags_count <= GATEWAY_CHECKS_MAX);
    desk.tags[desk.tags_count++] = tag;
    return true;
}

static bool on_turn(void *context, const struct gateway_direct_answers *answers)
{
    (void)context;
    for (uint32_t i = 0; i < desk.tags_count; i++) {
        const struct tn_event result = node_result(CASE_ACCOUNT, TN_REJECT_NONE);
        const struct port_answer soft = {.kind = TN_MEMBER_SOFT,
                                         .market = CASE_MARKET,
                                         .term = test.term,
                                         .sequence = 1,
                                         .session = CASE_SESSION,
                                         .events_count = 1};
        answers->answer(answers->context, desk.tags[i], &soft, &result);
    }
    desk.tags_count = 0;
    return false;
}

/* ---- Clients -----------------------------------------------------------------------------------
 */

static struct case_client *begin(uint64_t hold_ms)
{
    memset(&desk, 0, sizeof desk);
    case_prepare(&test);
    test.options.limits.hold_ms = hold_ms;
    test.options.direct = (struct gateway_direct){.context = &desk,
                                                  .hold = nothing,
                                                  .release = nothing,
                                                  .room = on_room,
                                                  .frame = on_frame,
                                                  .turn = on_turn};
    case_start(&test);
    return client_log_on(&test, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
}

static void send_order(struct case_client *client, uint64_t nonce)
{
    frame_place(&test, &frame, nonce);
    client_send_frame(client, nonce, &frame);
}

static void send_cancel(struct case_client *client, uint64_t nonce)
{
    frame_cancel(&test, &frame, nonce);
    client_send_frame(client, nonce, &frame);
}

static void send_ping(struct case_client *client)
{
    Tenor__V1__ToNode message = TENOR__V1__TO_NODE__INIT;
    Tenor__V1__Ping ping = TENOR__V1__PING__INIT;
    message.request = 99;
    message.body_case = TENOR__V1__TO_NODE__BODY_PING;
    message.ping = &ping;
    client_send(client, &message);
}

static void expect_soft(struct case_client *client, uint64_t nonce)
{
    assert_int_equal(client_expect(client, TENOR__V1__FROM_NODE__BODY_FRAME_SOFT)->request, nonce);
}

/* Both have orders of the same account, whose nonces need not come in order. */
static struct case_client *log_on_another(void)
{
    return client_log_on(&test, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
}

/* ---- Stories -----------------------------------------------------------------------------------
 */

static void test_hold_keeps_an_order_until_the_desk_has_room_and_reads_no_further(void **state)
{
    (void)state;
    struct case_client *client = begin(LONG_MS);
    send_order(client, 5);
    case_wait_counter(&test, held, 1);
    send_order(client, 6); /* finds the first one: its connection is stopped */
    send_ping(client);
    case_wait_counter(&test, stopped, 1);
    node_quiet(&test, QUIET_MS);
    assert_int_equal(case_count(&test, held), 1);
    assert_int_equal(desk.orders + desk.refused, 0);
    assert_true(case_count(&test, held_bytes) > 0);
    atomic_store(&desk.has_room, true);
    expect_soft(client, 5);
    client_expect(client, TENOR__V1__FROM_NODE__BODY_PONG); /* the line is left after the turn */
    expect_soft(client, 6);
    case_wait_counter(&test, held, 0);
    assert_int_equal(case_count(&test, stopped), 0);
    assert_int_equal(case_count(&test, held_bytes), 0);
    assert_int_equal(case_count(&test, frames_held), 1);
    assert_int_equal(case_count(&test, held_late), 0);
    client_close(client);
    case_end(&test);
}

static void test_hold_lets_the_cancels_of_others_by_and_no_ones_own(void **state)
{
    (void)state;
    struct case_client *client = begin(LONG_MS), *other = log_on_another();
    send_order(client, 5);
    case_wait_counter(&test, held, 1);
    send_cancel(other, 6);
    expect_soft(other, 6);
    send_cancel(client, 7); /* behind its own order */
    case_wait_counter(&test, stopped, 1);
    send_order(other, 8); /* behind the others' */
    case_wait_counter(&test, stopped, 2);
    assert_int_equal(desk.cancels, 1);
    assert_int_equal(desk.orders, 0);
    atomic_store(&desk.has_room, true);
    expect_soft(client, 5);
    expect_soft(client, 7);
    expect_soft(other, 8);
    client_close(client);
    client_close(other);
    case_end(&test);
}

static void test_hold_ends_after_a_time_with_the_desks_own_words(void **state)
{
    (void)state;
    struct case_client *client = begin(SHORT_MS);
    send_order(client, 5);
    send_order(client, 6);
    client_expect_error(client, 5, TN_REJECT_DESK_FULL);
    client_expect_error(client, 6, TN_REJECT_DESK_FULL);
    const uint64_t held = case_count(&test, frames_held);
    assert_true(held >= 1 && case_count(&test, held_late) >= 1);
    send_order(client, 7);
    case_wait_counter(&test, frames_held, held + 1); /* each has its time */
    atomic_store(&desk.has_room, true);
    expect_soft(client, 7);
    client_close(client);
    case_end(&test);
}

static void test_hold_drops_what_a_lost_connection_has_left(void **state)
{
    (void)state;
    struct case_client *client = begin(LONG_MS), *other = log_on_another();
    send_order(client, 5);
    case_wait_counter(&test, held, 1);
    client_close(client);
    case_wait_counter(&test, lost, 1);
    case_wait_counter(&test, held, 0);
    send_order(other, 6);
    case_wait_counter(&test, held, 1);
    send_order(other, 7);
    case_wait_counter(&test, stopped, 1);
    atomic_store(&desk.has_room, true);
    expect_soft(other, 6);
    expect_soft(other, 7);
    assert_int_equal(desk.orders, 2);
    client_close(other);
    case_end(&test);
}

static void test_hold_passes_on_what_was_said_before_a_logoff(void **state)
{
    Tenor__V1__ToNode message = TENOR__V1__TO_NODE__INIT;
    Tenor__V1__Logoff logoff = TENOR__V1__LOGOFF__INIT;
    (void)state;
    struct case_client *client = begin(LONG_MS);
    send_order(client, 5);
    case_wait_counter(&test, held, 1);
    message.body_case = TENOR__V1__TO_NODE__BODY_LOGOFF;
    message.logoff = &logoff;
    client_send(client, &message);
    case_wait_counter(&test, stopped, 1);
    assert_int_equal(case_count(&test, logoffs), 0);
    atomic_store(&desk.has_room, true);
    expect_soft(client, 5);
    client_expect_end(client);
    assert_int_equal(case_count(&test, logoffs), 1);
    client_close(client);
    case_end(&test);
}

/* However much comes, no more is held than the line of checks holds, and the one that found it
 * full. */
static void test_hold_takes_no_more_than_the_line_has(void **state)
{
    (void)state;
    uint8_t *bytes = malloc(BURST_BYTES);
    size_t size = 0;
    assert_non_null(bytes);
    struct case_client *client = begin(LONG_MS);
    for (uint64_t nonce = 1000; nonce < 1000 + BURST; nonce++) {
        Tenor__V1__ToNode message = TENOR__V1__TO_NODE__INIT;
        frame_place(&test, &frame, nonce);
        message.request = nonce;
        message.body_case = TENOR__V1__TO_NODE__BODY_FRAME;
        message.frame = &frame.message;
        size_t added = wire_write_to_node(bytes + size, BURST_BYTES - size, &message);
        assert_true(added > 0);
        size += added;
    }
    client_write(client, bytes, size);
    case_wait_counter(&test, stopped, 1);
    case_wait_counter(&test, checking, 0);
    assert_true(case_count(&test, held) <= GATEWAY_CHECKS_MAX + 1);
    const uint64_t bytes_in = case_count(&test, bytes_in);
    node_quiet(&test, QUIET_MS);
    assert_int_equal(case_count(&test, bytes_in), bytes_in);
    atomic_store(&desk.has_room, true);
    for (uint64_t nonce = 1000; nonce < 1000 + BURST; nonce++)
        expect_soft(client, nonce);
    client_close(client);
    case_end(&test);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hold_keeps_an_order_until_the_desk_has_room_and_reads_no_further),
        cmocka_unit_test(test_hold_lets_the_cancels_of_others_by_and_no_ones_own),
        cmocka_unit_test(test_hold_ends_after_a_time_with_the_desks_own_words),
        cmocka_unit_test(test_hold_drops_what_a_lost_connection_has_left),
        cmocka_unit_test(test_hold_passes_on_what_was_said_before_a_logoff),
        cmocka_unit_test(test_hold_takes_no_more_than_the_line_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
