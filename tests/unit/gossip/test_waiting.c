/* Items that wait for a block: which are kept, in what order they are handed out, who hears of
 * them.
 *
 * An item here is four bytes: whose it is, its number, its validity ('o' good, 'l' later, 'b' bad),
 * and one that only makes it different. */
#include "tenor/waiting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../support/seed.h"

enum { REPORT = 1, DEPOSIT = 2, FORCED = 3, OPERATION = 4, SENT_MAX = 256 };

static struct story {
    struct tn_waiting *waiting;
    uint32_t sent_count, judged_count, again_count;
    struct {
        uint16_t to;
        size_t size;
        uint8_t bytes[8];
    } sent[SENT_MAX];
    uint8_t now_bad; /* items whose last byte is this have turned bad */
    bool later_is_good;
} story;

static void note_send(void *context, uint16_t to, enum tn_priority priority, const uint8_t *bytes,
                      size_t size)
{
    (void)context;
    assert_true(story.sent_count < SENT_MAX && size <= 8);
    assert_int_equal(priority, TN_PRIORITY_DATA);
    story.sent[story.sent_count].to = to;
    story.sent[story.sent_count].size = size;
    memcpy(story.sent[story.sent_count++].bytes, bytes, size);
}

static enum tn_gossip_answer judge(void *context, uint8_t kind, const uint8_t *bytes, size_t size,
                                   struct tn_waiting_note *note)
{
    (void)context, (void)kind;
    story.judged_count++;
    story.again_count += note->again;
    if (size != 4 || bytes[2] == 'b' || (bytes[3] != 0 && bytes[3] == story.now_bad)) {
        return TN_GOSSIP_BAD;
    }
    *note = (struct tn_waiting_note){.group = bytes[0], .number = bytes[1]};
    return bytes[2] == 'l' && !story.later_is_good ? TN_GOSSIP_LATER : TN_GOSSIP_OK;
}

static void begin_with(uint16_t peers_count, uint32_t recheck_max)
{
    const struct tn_waiting_limits limits = {
        .kinds = {[REPORT] = {TN_WAITING_NEWEST, false, 4, 8, 0},
                  [DEPOSIT] = {TN_WAITING_NUMBERED, false, 4, 8, 4},
                  [FORCED] = {TN_WAITING_ARRIVAL, true, 6, 8, 3},
                  [OPERATION] = {TN_WAITING_ARRIVAL, false, 6, 8, 3}},
        .peers_max = 40,
        .peer_share_max = 5,
        .seen_max = 8,
        .recheck_max = recheck_max,
        .push_all_max = 16,
        .resend_us = 1000,
        .seed = 1};
    struct tn_waiting_host host = {.send = note_send, .judge = judge};
    free(story.waiting);
    memset(&story, 0, sizeof(story));
    size_t size = tn_waiting_size(&limits);
    void *memory = aligned_alloc(64, tn_align(size));
    assert_non_null(memory);
    memset(memory, 0, size);
    story.waiting = tn_waiting_init(memory, &limits, &host, 0, peers_count);
}

static void begin(uint16_t peers_count)
{
    begin_with(peers_count, 0);
}

static enum tn_waiting_answer tell(uint16_t from, uint8_t kind, const char *text, int64_t now_us)
{
    uint8_t message[6] = {TN_PEER_ITEM, kind};
    memcpy(message + 2, text, 4);
    if (from == TN_PEER_SELF) {
        return tn_waiting_add(story.waiting, kind, message + 2, 4, now_us);
    }
    return tn_waiting_message(story.waiting, from, message, sizeof(message), now_us);
}

static void expect_order(uint8_t kind, const char *expected)
{
    struct tn_waiting_item item;
    uint32_t cursor = 0;
    for (; *expected != '\0'; expected += 4) {
        assert_true(tn_waiting_next(story.waiting, kind, &cursor, &item));
        assert_int_equal(item.size, 4);
        assert_memory_equal(item.bytes, expected, 4);
    }
    assert_false(tn_waiting_next(story.waiting, kind, &cursor, &item));
}

static uint64_t counted(enum tn_waiting_counter counter)
{
    return tn_waiting_counters(story.waiting)[counter];
}

static void included(uint8_t kind, const char *text)
{
    struct tn_hash hash;
    tn_waiting_hash(&hash, kind, (const uint8_t *)text, 4);
    tn_waiting_included(story.waiting, &hash);
}

static void test_waiting_keeps_the_newest_report_of_each_feed(void **state)
{
    (void)state;
    begin(4);
    assert_int_equal(tell(1, REPORT, "A1o ", 0), TN_WAITING_TAKEN);
    assert_int_equal(tell(1, REPORT, "B1o ", 0), TN_WAITING_TAKEN);
    assert_int_equal(tell(2, REPORT, "A3o ", 0), TN_WAITING_TAKEN);
    assert_int_equal(tell(2, REPORT, "A2o ", 0), TN_WAITING_NO_ROOM);
    expect_order(REPORT, "A3o B1o ");
    assert_int_equal(counted(TN_WAITING_COUNT_OLDER), 1);
    assert_int_equal(counted(TN_WAITING_COUNT_DISPLACED), 1);
    assert_int_equal(tell(1, REPORT, "C1o ", 0), TN_WAITING_TAKEN);
    assert_int_equal(tell(1, REPORT, "D1o ", 0), TN_WAITING_TAKEN);
    assert_int_equal(tell(1, REPORT, "E1o ", 0), TN_WAITING_NO_ROOM); /* four feeds */
    assert_int_equal(tell(1, REPORT, "D2o ", 0), TN_WAITING_TAKEN);
    assert_int_equal(counted(TN_WAITING_COUNT_FULL), 1);
    expect_order(REPORT, "A3o B1o C1o D2o ");
}

static void test_waiting_hands_numbers_out_in_order_and_keeps_the_lowest(void **state)
{
    (void)state;
    begin(4);
    assert_int_equal(tell(1, DEPOSIT, "A7o ", 0), TN_WAITING_TAKEN);
    assert_int_equal(tell(1, DEPOSIT, "A5o ", 0), TN_WAITING_TAKEN);
    assert_int_equal(tell(1, DEPOSIT, "B8o ", 0), TN_WAITING_TAKEN);
    assert_int_equal(tell(1, DEPOSIT, "A6o ", 0), TN_WAITING_TAKEN);
    expect_order(DEPOSIT, "A5o A6o A7o B8o ");
    assert_int_equal(tell(2, DEPOSIT, "A9o ", 0), TN_WAITING_NO_ROOM);
    assert_int_equal(tell(2, DEPOSIT, "A4o ", 0), TN_WAITING_TAKEN);
    expect_order(DEPOSIT, "A4o A5o A6o A7o ");
    included(DEPOSIT, "A4o ");
    expect_order(DEPOSIT, "A5o A6o A7o ");
    assert_int_equal(tell(2, DEPOSIT, "B8o ", 0), TN_WAITING_TAKEN); /* displaced, not gone */
}

static void test_waiting_lets_nobody_wait_behind_anothers_flood(void **state)
{
    (void)state;
    begin(4);
    assert_int_equal(tell(1, OPERATION, "A1o ", 0), TN_WAITING_TAKEN);
    assert_int_equal(tell(1, OPERATION, "A2o ", 0), TN_WAITING_TAKEN);
    assert_int_equal(tell(1, OPERATION, "A3o ", 0), TN_WAITING_TAKEN);
    assert_int_equal(tell(1, OPERATION, "A4o ", 0), TN_WAITING_NO_ROOM);
    assert_int_equal(counted(TN_WAITING_COUNT_SHARE), 1);
    assert_int_equal(tell(2, OPERATION, "B1o ", 0), TN_WAITING_TAKEN);
    assert_int_equal(tell(3, OPERATION, "C1o ", 0), TN_WAITING_TAKEN);
    assert_int_equal(tell(2, OPERATION, "B2o ", 0), TN_WAITING_TAKEN);
    expect_order(OPERATION, "A1o B1o C1o A2o B2o A3o ");
    included(OPERATION, "A1o ");
    expect_order(OPERATION, "A2o B1o C1o A3o B2o ");
    assert_int_equal(tell(1, OPERATION, "A5o ", 0), TN_WAITING_TAKEN);
    expect_order(OPERATION, "A2o B1o C1o A3o B2o A5o ");
}

static void test_waiting_gives_one_peer_only_its_share(void **state)
{
    (void)state;
    begin(4);
    const char *items[] = {"A1o ", "B1o ", "C1o ", "D1o ", "E1o "};
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(tell(1, FORCED, items[i], 0), TN_WAITING_TAKEN);
    assert_int_equal(tell(1, FORCED, "F1o ", 0), TN_WAITING_NO_ROOM);
    assert_int_equal(tell(2, FORCED, "F1o ", 0), TN_WAITING_TAKEN);
    assert_int_equal(tell(2, FORCED, "G1o ", 0), TN_WAITING_NO_ROOM);  /* full */
    assert_int_equal(tell(2, OPERATION, "G1o ", 0), TN_WAITING_TAKEN); /* another kind */
}

static void test_waiting_does_not_take_again_what_is_gone(void **state)
{
    (void)state;
    begin(4);
    assert_int_equal(tell(1, FORCED, "A1o ", 0), TN_WAITING_TAKEN);
    assert_int_equal(tell(2, FORCED, "A1o ", 0), TN_WAITING_KNOWN);
    included(FORCED, "A1o ");
    included(FORCED, "B1o "); /* seen in a block before anybody told */
    assert_int_equal(tell(2, FORCED, "A1o ", 0), TN_WAITING_KNOWN);
    assert_int_equal(tell(2, FORCED, "B1o ", 0), TN_WAITING_KNOWN);
    assert_int_equal(tn_waiting_count(story.waiting, FORCED), 0);
    for (char c = 'C'; c <= 'J'; c++) /* eight more: the oldest are forgotten */
        included(FORCED, (char[]){c, '1', 'o', ' '});
    assert_int_equal(tell(2, FORCED, "A1o ", 0), TN_WAITING_TAKEN);
    assert_int_equal(tell(2, FORCED, "J1o ", 0), TN_WAITING_KNOWN);
}

static void test_waiting_remembers_since_when_it_knows_a_forced_frame(void **state)
{
    (void)state;
    struct tn_waiting_item item;
    struct tn_hash hash;
    begin(4);
    assert_int_equal(tell(2, FORCED, "A1o ", 77), TN_WAITING_TAKEN);
    assert_int_equal(tell(1, FORCED, "A1o ", 99), TN_WAITING_KNOWN);
    tn_waiting_hash(&hash, FORCED, (const uint8_t *)"A1o ", 4);
    assert_true(tn_waiting_find(story.waiting, &hash, &item));
    assert_int_equal(item.since_us, 77);
    assert_int_equal(item.from, 2);
    assert_int_equal(item.kind, FORCED);
}

static void test_waiting_holds_back_what_is_not_good_yet_and_drops_what_turns_bad(void **state)
{
    (void)state;
    begin(4);
    assert_int_equal(tell(1, OPERATION, "A1l ", 0), TN_WAITING_TAKEN);
    assert_int_equal(tell(1, OPERATION, "A2oX", 0), TN_WAITING_TAKEN);
    assert_int_equal(tell(1, OPERATION, "A3b ", 0), TN_WAITING_INVALID);
    expect_order(OPERATION, "A2oX");
    story.later_is_good = true;
    story.now_bad = 'X';
    tn_waiting_recheck(story.waiting);
    expect_order(OPERATION, "A1l ");
    assert_int_equal(counted(TN_WAITING_COUNT_EXPIRED), 1);
    assert_int_equal(counted(TN_WAITING_COUNT_INVALID), 1);
    story.now_bad = 0;
    assert_int_equal(tell(1, OPERATION, "A2oX", 0), TN_WAITING_KNOWN);
}

static void test_waiting_rechecks_so_many_items_at_a_time_and_goes_round(void **state)
{
    (void)state;
    begin_with(4, 2);
    const char *items[] = {"A1o1", "B1o2", "C1o3", "D1o4", "E1o5"};
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(tell(1, FORCED, items[i], 0), TN_WAITING_TAKEN);
    assert_int_equal(story.again_count, 0);
    tn_waiting_recheck(story.waiting);
    assert_int_equal(story.again_count, 2);
    story.now_bad = '5';
    tn_waiting_recheck(story.waiting);
    tn_waiting_recheck(story.waiting);
    assert_int_equal(story.again_count, 6);
    expect_order(FORCED, "A1o1B1o2C1o3D1o4");
}

static void test_waiting_tells_the_set_what_came_here_until_it_is_gone(void **state)
{
    (void)state;
    begin(4);
    assert_int_equal(tell(TN_PEER_SELF, OPERATION, "A1o ", 0), TN_WAITING_TAKEN);
    assert_int_equal(story.sent_count, 1);
    assert_int_equal(story.sent[0].to, TN_PEER_ALL);
    assert_int_equal(story.sent[0].size, 6);
    assert_memory_equal(story.sent[0].bytes,
                        "\x24\x04"
                        "A1o ",
                        6);
    tn_waiting_tick(story.waiting, 999);
    assert_int_equal(story.sent_count, 1);
    assert_int_equal(tn_waiting_next_us(story.waiting), 1000);
    tn_waiting_tick(story.waiting, 1000);
    tn_waiting_tick(story.waiting, 2999); /* twice the wait */
    assert_int_equal(story.sent_count, 2);
    tn_waiting_tick(story.waiting, 3000);
    assert_int_equal(story.sent_count, 3);
    tn_waiting_peer_up(story.waiting, 2, 3000);
    assert_int_equal(story.sent[3].to, 2);
    included(OPERATION, "A1o ");
    tn_waiting_tick(story.waiting, INT64_C(1) << 40);
    tn_waiting_peer_up(story.waiting, 2, 3000);
    assert_int_equal(story.sent_count, 4);
}

static void test_waiting_passes_forced_frames_on_once_and_nothing_else(void **state)
{
    (void)state;
    begin(5);
    assert_int_equal(tell(2, OPERATION, "A1o ", 0), TN_WAITING_TAKEN);
    assert_int_equal(story.sent_count, 0);
    assert_int_equal(tell(2, FORCED, "A1o ", 0), TN_WAITING_TAKEN);
    assert_int_equal(tell(3, FORCED, "A1o ", 0), TN_WAITING_KNOWN);
    assert_int_equal(story.sent_count, 3); /* 1, 3 and 4 */
    for (uint32_t i = 0; i < 3; i++)
        assert_true(story.sent[i].to != 0 && story.sent[i].to != 2);
    begin(31);
    assert_int_equal(tell(2, FORCED, "A1o ", 0), TN_WAITING_TAKEN);
    assert_in_range(story.sent_count, 3, 6); /* the square root, but for this node and the teller */
}

static void test_waiting_refuses_what_is_no_item(void **state)
{
    (void)state;
    uint8_t message[12] = {TN_PEER_ITEM, FORCED, 'A', '1', 'o', ' '};
    begin(4);
    assert_int_equal(tn_waiting_message(story.waiting, 1, message, 2, 0), TN_WAITING_INVALID);
    assert_int_equal(tn_waiting_message(story.waiting, 1, message, 0, 0), TN_WAITING_INVALID);
    assert_int_equal(tn_waiting_message(story.waiting, 1, message, 11, 0), TN_WAITING_INVALID);
    for (uint32_t kind = 5; kind < 256; kind++) { /* off, or not there */
        message[1] = (uint8_t)kind;
        assert_int_equal(tn_waiting_message(story.waiting, 1, message, 6, 0), TN_WAITING_INVALID);
    }
    assert_int_equal(story.judged_count, 0);
    assert_int_equal(counted(TN_WAITING_COUNT_MALFORMED), 254);
}

/* Whatever comes and goes, each walk gives every good item once, group after group in rounds. */
static void test_waiting_walks_every_item_once_after_many_turns(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_waiting");
    begin(4);
    for (uint32_t turn = 0; turn < 20000; turn++) {
        char text[5] = "A0o ";
        text[0] = (char)('A' + tn_random_below(&random, 4));
        text[1] = (char)('0' + tn_random_below(&random, 8));
        text[3] = (char)(1 + tn_random_below(&random, 100));
        uint8_t kind = (uint8_t)(1 + tn_random_below(&random, 4));
        if (tn_random_below(&random, 3) > 0) {
            tell((uint16_t)(1 + tn_random_below(&random, 3)), kind, text, turn);
            story.sent_count = 0;
            continue;
        }
        struct tn_waiting_item item;
        uint32_t cursor = 0, walked = 0, groups[256] = {0}, round = 0;
        struct tn_hash last = {0};
        while (tn_waiting_next(story.waiting, kind, &cursor, &item)) {
            uint32_t rank = groups[item.note.group]++;
            if (kind == FORCED || kind == OPERATION) {
                assert_true(rank >= round);
                round = rank;
            }
            last = item.hash;
            walked++;
        }
        assert_int_equal(walked, tn_waiting_count(story.waiting, kind));
        if (walked > 0) tn_waiting_included(story.waiting, &last);
    }
    assert_true(counted(TN_WAITING_COUNT_INCLUDED) > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waiting_keeps_the_newest_report_of_each_feed),
        cmocka_unit_test(test_waiting_hands_numbers_out_in_order_and_keeps_the_lowest),
        cmocka_unit_test(test_waiting_lets_nobody_wait_behind_anothers_flood),
        cmocka_unit_test(test_waiting_gives_one_peer_only_its_share),
        cmocka_unit_test(test_waiting_does_not_take_again_what_is_gone),
        cmocka_unit_test(test_waiting_remembers_since_when_it_knows_a_forced_frame),
        cmocka_unit_test(test_waiting_holds_back_what_is_not_good_yet_and_drops_what_turns_bad),
        cmocka_unit_test(test_waiting_rechecks_so_many_items_at_a_time_and_goes_round),
        cmocka_unit_test(test_waiting_tells_the_set_what_came_here_until_it_is_gone),
        cmocka_unit_test(test_waiting_passes_forced_frames_on_once_and_nothing_else),
        cmocka_unit_test(test_waiting_refuses_what_is_no_item),
        cmocka_unit_test(test_waiting_walks_every_item_once_after_many_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
