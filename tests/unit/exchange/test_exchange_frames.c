/* Frames, nonces and idempotent client ids (docs/specs/exchange.md §2). */
#include "exchange_trace.h"

static void send_frame(uint32_t account, uint64_t nonce, const struct tn_command *commands,
                       uint32_t commands_count)
{
    apply(frame_entry(account, nonce, commands, commands_count));
}

static enum tn_reject frame_reject(uint64_t nonce)
{
    struct tn_command unknown = {.kind = 255};
    send_frame(ALICE, nonce, &unknown, 1);
    return (enum tn_reject)last_event()->reject;
}

static void test_exchange_frame_runs_its_commands_in_order(void **state)
{
    (void)state;
    const struct tn_command commands[] = {
        limit(SELL, market.call, 1000, 5),
        limit(BUY, market.call, 2000, 5),
        under_id(limit(SELL, market.call, 1010, 5), 9),
    };
    send_frame(ALICE, 1, commands, 3);
    EXPECT_EVENTS("accepted #1 alice sell 5 @ 1000", "ok #1 open 5", "PRICE_OUT_OF_BAND",
                  "accepted #2 alice sell 5 @ 1010", "ok #2 open 5");
    assert_int_equal(market.events[1].index, 0);
    assert_int_equal(market.events[2].index, 1);
    assert_int_equal(market.events[4].index, 2);
    assert_int_equal(market.events[4].client_id, 9);
    assert_int_equal(market.events[3].client_id, 9);
}

/* A frame that fails consumes nothing: neither digest nor nonce. */
static void refuse_frame(struct tn_entry frame, enum tn_reject reject)
{
    uint64_t before = tn_exchange_digest(market.exchange);
    apply(frame);
    assert_int_equal(market.count, 1);
    expect_reject(reject);
    assert_int_equal(last_event()->account, frame.as.frame.account);
    assert_true(tn_exchange_digest(market.exchange) == before);
}

static void test_exchange_frame_that_fails_consumes_nothing(void **state)
{
    (void)state;
    struct tn_command sells[9];
    for (int i = 0; i < 9; i++)
        sells[i] = limit(SELL, market.call, 1000, 1);
    advance(4, 0); /* height 5 */
    refuse_frame(frame_entry(TRADERS, 1, sells, 1), TN_REJECT_ACCOUNT_UNKNOWN);
    refuse_frame(frame_entry(ALICE, 1, sells, 0), TN_REJECT_FRAME_SIZE);
    refuse_frame(frame_entry(ALICE, 1, sells, 9), TN_REJECT_FRAME_SIZE);
    struct tn_entry late = frame_entry(ALICE, 1, sells, 8);
    late.as.frame.valid_until_block = 4;
    refuse_frame(late, TN_REJECT_FRAME_EXPIRED);
    late.as.frame.valid_until_block = 5;
    apply(late);
    expect_reject(TN_REJECT_NONE);
    refuse_frame(late, TN_REJECT_NONCE_USED);
}

static void test_exchange_nonces_may_come_out_of_order_within_their_window(void **state)
{
    (void)state;
    assert_int_equal(frame_reject(100), TN_REJECT_COMMAND_UNKNOWN);
    assert_int_equal(frame_reject(100), TN_REJECT_NONCE_USED);
    assert_int_equal(frame_reject(99), TN_REJECT_COMMAND_UNKNOWN);
    assert_int_equal(frame_reject(37), TN_REJECT_COMMAND_UNKNOWN); /* 100 − 63 */
    assert_int_equal(frame_reject(36), TN_REJECT_NONCE_TOO_OLD);
    assert_int_equal(frame_reject(37), TN_REJECT_NONCE_USED);
    assert_int_equal(frame_reject(101), TN_REJECT_COMMAND_UNKNOWN); /* the window moves by one */
    assert_int_equal(frame_reject(37), TN_REJECT_NONCE_TOO_OLD);
    assert_int_equal(frame_reject(99), TN_REJECT_NONCE_USED);
    assert_int_equal(frame_reject(98), TN_REJECT_COMMAND_UNKNOWN);
    assert_int_equal(account_view(ALICE).nonce_top, 101);
}

static void test_exchange_nonce_window_survives_far_jumps(void **state)
{
    (void)state;
    assert_int_equal(frame_reject(0), TN_REJECT_COMMAND_UNKNOWN);
    assert_int_equal(frame_reject(0), TN_REJECT_NONCE_USED);
    assert_int_equal(frame_reject(64), TN_REJECT_COMMAND_UNKNOWN);
    assert_int_equal(frame_reject(0), TN_REJECT_NONCE_TOO_OLD);
    assert_int_equal(frame_reject(1), TN_REJECT_COMMAND_UNKNOWN);
    assert_int_equal(frame_reject(UINT64_MAX), TN_REJECT_COMMAND_UNKNOWN);
    assert_int_equal(frame_reject(UINT64_MAX), TN_REJECT_NONCE_USED);
    assert_int_equal(frame_reject(UINT64_MAX - 63), TN_REJECT_COMMAND_UNKNOWN);
    assert_int_equal(frame_reject(UINT64_MAX - 64), TN_REJECT_NONCE_TOO_OLD);
}

static void test_exchange_resubmission_returns_the_first_result_and_does_nothing(void **state)
{
    (void)state;
    struct tn_command buy = under_id(limit(BUY, market.call, 1000, 5), 7);
    place(CAROL, limit(SELL, market.call, 1000, 2));
    place(ALICE, buy);
    EXPECT_EVENTS("accepted #2 alice buy 5 @ 1000",
                  "trade #2 alice buy 2 @ 1000 with #1 carol, left 3/0", "ok #2 filled 2 open 3");
    pass(ALICE, cancel(2));
    send(ALICE, buy);
    EXPECT_EVENTS("again ok #2 filled 2 open 3");
    send(ALICE, under_id(limit(SELL, market.put, 1, 1), 7)); /* whatever it asks for */
    EXPECT_EVENTS("again ok #2 filled 2 open 3");
    send(BOB, under_id(limit(BUY, market.call, 900, 1), 7)); /* ids are per account */
    expect_reject(TN_REJECT_NONE);
}

static void test_exchange_rejection_is_remembered_under_its_client_id(void **state)
{
    (void)state;
    send(ALICE, under_id(limit(BUY, market.call, 1510, 5), 7));
    EXPECT_EVENTS("PRICE_OUT_OF_BAND");
    set_mark(market.call, 1100); /* it would pass now */
    send(ALICE, under_id(limit(BUY, market.call, 1510, 5), 7));
    EXPECT_EVENTS("again PRICE_OUT_OF_BAND");
    send(ALICE, under_id((struct tn_command){.kind = 99}, 8));
    EXPECT_EVENTS("COMMAND_UNKNOWN");
    send(ALICE, under_id(limit(BUY, market.call, 1000, 5), 8));
    EXPECT_EVENTS("again COMMAND_UNKNOWN");
}

static void test_exchange_repeat_within_one_frame_is_answered_too(void **state)
{
    (void)state;
    struct tn_command commands[] = {under_id(limit(SELL, market.call, 1000, 5), 3),
                                    under_id(limit(SELL, market.call, 1000, 5), 3)};
    send_frame(ALICE, 1, commands, 2);
    EXPECT_EVENTS("accepted #1 alice sell 5 @ 1000", "ok #1 open 5", "again ok #1 open 5");
}

static void test_exchange_every_kind_of_command_is_idempotent(void **state)
{
    (void)state;
    send(ALICE, under_id(withdraw(0, DOLLAR), 1));
    send(ALICE, under_id(withdraw(0, DOLLAR), 1));
    EXPECT_EVENTS("again ok");
    assert_int_equal(gain_of(ALICE), -DOLLAR);
    struct tn_quote quote = two_sided(market.call, 990, 1, 1010, 1);
    send(ALICE, under_id(mass_quote(&quote, 1, 0), 2));
    send(ALICE, under_id(mass_quote(&quote, 1, 0), 2));
    EXPECT_EVENTS("again ok filled 2");
}

/* Results per account: 8. */
static void test_exchange_client_id_older_than_those_remembered_is_refused(void **state)
{
    (void)state;
    for (uint64_t id = 11; id <= 18; id++)
        send(ALICE, under_id((struct tn_command){.kind = 99}, id));
    send(ALICE, under_id(limit(SELL, market.call, 1000, 1), 5)); /* late, but room below was left */
    expect_reject(TN_REJECT_NONE);
    /* The list holds 12 .. 18 and 5; 11 has left it: nothing up to 11 runs any more. */
    send(ALICE, under_id(limit(SELL, market.call, 1000, 1), 11));
    EXPECT_EVENTS("CLIENT_ID_TOO_OLD");
    send(ALICE, under_id(limit(SELL, market.call, 1000, 1), 6));
    EXPECT_EVENTS("CLIENT_ID_TOO_OLD");
    send(ALICE, under_id(limit(SELL, market.call, 1000, 1), 12));
    EXPECT_EVENTS("again COMMAND_UNKNOWN");
    send(ALICE, under_id(limit(SELL, market.call, 1000, 1), 5));
    EXPECT_EVENTS("again ok #1 open 1");
}

static void test_exchange_result_of_a_living_order_is_remembered_while_it_lives(void **state)
{
    (void)state;
    place(ALICE, under_id(limit(SELL, market.call, 1000, 1), 1));
    for (uint64_t id = 2; id <= 20; id++)
        send(ALICE, under_id((struct tn_command){.kind = 99}, id));
    send(ALICE, under_id(limit(SELL, market.call, 1000, 1), 1));
    EXPECT_EVENTS("again ok #1 open 1");
    struct tn_command by_client_id = cancel(0);
    by_client_id.as.cancel.client_id = 1;
    pass(ALICE, by_client_id);
    EXPECT_EVENTS("cancelled #1 1 request", "ok #1");
    send(ALICE, under_id(limit(SELL, market.call, 1000, 1), 1));
    EXPECT_EVENTS("CLIENT_ID_TOO_OLD");
}

static void test_exchange_full_memory_of_results_refuses_new_client_ids_only(void **state)
{
    (void)state;
    struct tn_exchange_limits limits = usual_limits();
    limits.results_max = 2;
    open_market_with(limits, usual_underlying());
    place(ALICE, under_id(limit(SELL, market.call, 1000, 1), 1));
    place(BOB, under_id(limit(SELL, market.call, 1000, 1), 1));
    send(ALICE, under_id(limit(SELL, market.call, 1000, 1), 2));
    EXPECT_EVENTS("RESULTS_FULL");
    send(ALICE, under_id(limit(SELL, market.call, 1000, 1), 1));
    EXPECT_EVENTS("again ok #1 open 1");
    place(ALICE, limit(SELL, market.call, 1000, 1)); /* without an id: nothing to remember */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_exchange_frame_runs_its_commands_in_order),
        STORY(test_exchange_frame_that_fails_consumes_nothing),
        STORY(test_exchange_nonces_may_come_out_of_order_within_their_window),
        STORY(test_exchange_nonce_window_survives_far_jumps),
        STORY(test_exchange_resubmission_returns_the_first_result_and_does_nothing),
        STORY(test_exchange_rejection_is_remembered_under_its_client_id),
        STORY(test_exchange_repeat_within_one_frame_is_answered_too),
        STORY(test_exchange_every_kind_of_command_is_idempotent),
        STORY(test_exchange_client_id_older_than_those_remembered_is_refused),
        STORY(test_exchange_result_of_a_living_order_is_remembered_while_it_lives),
        OWN_STORY(test_exchange_full_memory_of_results_refuses_new_client_ids_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
