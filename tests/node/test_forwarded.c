/* Frames of other nodes' clients while the desk has no room: held in order, for a time, with a
 * bound. The test plays the member. */
#include "cluster/forwarded.h"

#include "tenor/frame.h"
#include "tenor/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { PASSED_MAX = 2048, HOLD_US = 1000 };

struct desk {
    struct forwarded *forwarded;
    enum tn_member_room room[3]; /* by market */
    uint32_t takes;              /* frames before it is full again; 0: no matter */
    uint32_t passed[PASSED_MAX], passed_count, refused_count;
    uint16_t from;
    int64_t now_us;
};

static uint32_t market_of(const uint8_t *bytes, size_t size)
{
    uint32_t market;
    assert_true(tn_stream_frame_market(&market, bytes + 9, size - 9));
    return market;
}

static enum tn_member_room room(void *context, const uint8_t *bytes, size_t size)
{
    const struct desk *desk = context;
    return desk->room[market_of(bytes, size)];
}

/* A frame is known by its tag. */
static void pass(void *context, uint16_t from, const uint8_t *bytes, size_t size)
{
    struct desk *desk = context;
    assert_true(size > 9 && desk->passed_count < PASSED_MAX);
    desk->from = from;
    desk->passed[desk->passed_count++] = (uint32_t)tn_get_be(bytes + 1, 8);
    if (desk->takes > 0 && --desk->takes == 0)
        desk->room[market_of(bytes, size)] = TN_MEMBER_ROOM_FULL;
}

static void refuse(void *context, uint16_t from, const uint8_t *bytes, size_t size)
{
    struct desk *desk = context;
    (void)from, (void)bytes, (void)size;
    desk->refused_count++;
}

static void begin(struct desk *desk, int64_t hold_us)
{
    const struct forwarded_calls calls = {
        .context = desk, .room = room, .pass = pass, .refuse = refuse};
    *desk = (struct desk){.room = {0, TN_MEMBER_ROOM_FULL, TN_MEMBER_ROOM_FREE}, .now_us = 5};
    desk->forwarded = forwarded_make(&calls, hold_us);
    assert_non_null(desk->forwarded);
}

static void bring(struct desk *desk, uint16_t from, uint32_t tag, uint32_t market, uint64_t session,
                  enum tn_command_kind kind)
{
    static uint8_t bytes[1024];
    static struct tn_command command;
    static struct tn_frame frame;
    memset(&command, 0, sizeof command);
    command.kind = (uint8_t)kind;
    if (kind == TN_COMMAND_MMP_RESET) command.as.mmp_group = 1;
    frame = (struct tn_frame){.market = market,
                              .term = 1,
                              .session = session,
                              .nonce = tag,
                              .valid_until_block = 9,
                              .commands = &command,
                              .commands_count = 1};
    bytes[0] = TN_PEER_FRAME;
    tn_put_be(bytes + 1, tag, 8);
    const size_t size = tn_stream_write_payload(bytes + 15, sizeof bytes - 15 - 64, &frame);
    assert_in_range(size, 1, sizeof bytes - 15 - 64);
    bytes[9] = TN_ENTRY_VERSION_2;
    bytes[10] = TN_ENTRY_FRAME;
    tn_put_be(bytes + 11, size, 4);
    memset(bytes + 15 + size, 7, 64);
    forwarded_take(desk->forwarded, from, bytes, 15 + size + 64, desk->now_us);
}

static void order(struct desk *desk, uint32_t tag, uint32_t market, uint64_t session)
{
    bring(desk, 3, tag, market, session, TN_COMMAND_MMP_RESET);
}

static void cancel(struct desk *desk, uint32_t tag, uint32_t market, uint64_t session)
{
    bring(desk, 3, tag, market, session, TN_COMMAND_MASS_CANCEL);
}

static void expect_passed(struct desk *desk, uint32_t count, const uint32_t *tags)
{
    assert_int_equal(desk->passed_count, count);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(desk->passed[i], tags[i]);
    desk->passed_count = 0;
}
#define EXPECT_PASSED(desk, ...)                                                                   \
    expect_passed(desk, sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t),                      \
                  (uint32_t[]){__VA_ARGS__})

static void test_forwarded_holds_in_order_until_the_desk_has_room(void **state)
{
    struct desk desk;
    (void)state;
    begin(&desk, HOLD_US);
    order(&desk, 1, 1, 11);
    order(&desk, 2, 1, 12);
    order(&desk, 3, 2, 13); /* another market's desk has room */
    cancel(&desk, 4, 1, 13);
    cancel(&desk, 5, 1, 12); /* behind its own order */
    EXPECT_PASSED(&desk, 3, 4);
    forwarded_turn(desk.forwarded, desk.now_us);
    assert_int_equal(desk.passed_count, 0);
    desk.room[1] = TN_MEMBER_ROOM_FREE;
    order(&desk, 6, 1, 14); /* those that wait go first */
    assert_int_equal(desk.passed_count, 0);
    desk.takes = 2;
    forwarded_turn(desk.forwarded, desk.now_us);
    EXPECT_PASSED(&desk, 1, 2);
    assert_int_equal(desk.from, 3);
    desk.room[1] = TN_MEMBER_ROOM_FREE;
    forwarded_turn(desk.forwarded, desk.now_us);
    EXPECT_PASSED(&desk, 5, 6);
    order(&desk, 7, 1, 11);
    EXPECT_PASSED(&desk, 7);
    assert_int_equal(forwarded_counters(desk.forwarded)->held, 0);
    assert_int_equal(forwarded_counters(desk.forwarded)->held_bytes, 0);
    assert_int_equal(forwarded_counters(desk.forwarded)->frames, 4);
    forwarded_free(desk.forwarded);
}

static void test_forwarded_gives_a_frame_up_after_its_time(void **state)
{
    struct desk desk;
    (void)state;
    begin(&desk, HOLD_US);
    order(&desk, 1, 1, 11);
    desk.now_us += HOLD_US - 1;
    order(&desk, 2, 1, 11);
    forwarded_turn(desk.forwarded, desk.now_us);
    assert_int_equal(desk.passed_count, 0);
    forwarded_turn(desk.forwarded, desk.now_us + 1);
    EXPECT_PASSED(&desk, 1); /* for the desk's own refusal */
    assert_int_equal(forwarded_counters(desk.forwarded)->late, 1);
    desk.room[1] = TN_MEMBER_ROOM_ELSEWHERE; /* the term is over: the member says so */
    forwarded_turn(desk.forwarded, desk.now_us + 1);
    EXPECT_PASSED(&desk, 2);
    order(&desk, 3, 1, 11);
    EXPECT_PASSED(&desk, 3);
    forwarded_free(desk.forwarded);
    begin(&desk, 0); /* nothing is held: all is the desk's to refuse */
    order(&desk, 4, 1, 11);
    EXPECT_PASSED(&desk, 4);
    forwarded_free(desk.forwarded);
}

static void test_forwarded_holds_so_much_of_each_node_and_no_more(void **state)
{
    struct desk desk;
    (void)state;
    begin(&desk, HOLD_US);
    for (uint32_t i = 0; i < FORWARDED_EACH + 5; i++)
        order(&desk, i, 1, 11);
    assert_int_equal(desk.refused_count, 5);
    assert_int_equal(forwarded_counters(desk.forwarded)->refused, 5);
    bring(&desk, 4, 9999, 1, 12, TN_COMMAND_MMP_RESET); /* another node's clients have their room */
    assert_int_equal(desk.refused_count, 5);
    assert_int_equal(forwarded_counters(desk.forwarded)->held, FORWARDED_EACH + 1);
    desk.room[1] = TN_MEMBER_ROOM_FREE;
    forwarded_turn(desk.forwarded, desk.now_us);
    assert_int_equal(desk.passed_count, FORWARDED_EACH + 1);
    assert_int_equal(desk.passed[FORWARDED_EACH], 9999);
    desk.room[1] = TN_MEMBER_ROOM_FULL;
    order(&desk, 1, 1, 11);
    forwarded_drop(desk.forwarded);
    assert_int_equal(forwarded_counters(desk.forwarded)->held, 0);
    assert_int_equal(forwarded_counters(desk.forwarded)->dropped, 1);
    forwarded_free(desk.forwarded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forwarded_holds_in_order_until_the_desk_has_room),
        cmocka_unit_test(test_forwarded_gives_a_frame_up_after_its_time),
        cmocka_unit_test(test_forwarded_holds_so_much_of_each_node_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
