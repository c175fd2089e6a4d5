/* Settlement (docs/specs/risk.md, "Settlement"): the average of the last half hour, worked out by
 * hand; what it is worth before the end; and expiries that lack a price. */
#include "feeds_case.h"

#define WINDOW_MS INT64_C(1800000)

static int64_t expiry_ms(void)
{
    return tn_series_expiry_ms(market.call);
}

/* A block so long before (negative: after) the expiry, with no report since the last. */
static void block_before_expiry(int64_t ms)
{
    block(expiry_ms() - ms - market.time_ms);
}

/* Reports the price, and takes it into use a second later, so long before the expiry. The guard is
 * wide enough for the prices here. */
static void price_before_expiry(tn_micros price, int64_t ms)
{
    block_before_expiry(ms + 1000);
    report_everything(price);
    block_before_expiry(ms);
}

/* Bob has bought two calls and a future of Alice. Spot stays fresh for half an hour. */
static int open_positions(void **state)
{
    open_feeds(state);
    struct tn_risk risk = usual_risk();
    risk.spot_heartbeat_ms = WINDOW_MS;
    risk.vol_heartbeat_ms = 86400000;
    set_risk(&risk);
    tn_ticks price = mark_of(market.call) / TICK;
    place(ALICE, limit(SELL, market.call, price / 10 * 10, 2));
    place(BOB, limit(BUY, market.call, price / 10 * 10, 2));
    place(ALICE, limit(SELL, market.future, 100000, 1));
    place(BOB, limit(BUY, market.future, 100000, 1));
    assert_int_equal(lots_of(BOB, market.call), 2);
    assert_int_equal(lots_of(BOB, market.future), 1);
    return 0;
}
#define EXPIRY_STORY(test) cmocka_unit_test_setup_teardown(test, open_positions, close_market)

static tn_micros settled_for(uint32_t account, uint64_t series)
{
    for (uint32_t i = 0; i < market.count; i++) {
        const struct tn_event *event = &market.events[i];
        if (event->kind == TN_EVENT_SETTLED && event->series_id == series &&
            event->account == account) {
            return event->money;
        }
    }
    fail_msg("account %u was not settled", account);
    return 0;
}

static void test_exchange_settles_at_the_average_of_the_window_by_hand(void **state)
{
    (void)state;
    tn_micros alice = cash_of(ALICE), bob = cash_of(BOB);
    uint64_t resting = place(CAROL, limit(BUY, market.future, 99500, 1));
    price_before_expiry(100500 * DOLLAR, WINDOW_MS + 60000);
    price_before_expiry(101000 * DOLLAR, WINDOW_MS - 100000);
    price_before_expiry(103000 * DOLLAR, 1200000);
    price_before_expiry(102000 * DOLLAR + 1, 500);
    report_everything(90000 * DOLLAR); /* in use from the expiry on: too late */
    block_before_expiry(-700);
    /* 100 500 for 100 s, 101 000 for 500 s, 103 000 for 1 199.5 s, 102 000.000001 for 0.5 s */
    tn_i128 integral = (tn_i128)(100500 * DOLLAR) * 100000 + (tn_i128)(101000 * DOLLAR) * 500000 +
                       (tn_i128)(103000 * DOLLAR) * 1199500 + (tn_i128)(102000 * DOLLAR + 1) * 500;
    tn_micros average = (tn_micros)(integral / WINDOW_MS);
    assert_int_equal(average, INT64_C(102305277777)); /* floored */
    tn_micros future = average / 100, call = (average - SPOT) / 100;
    assert_int_equal(settled_for(BOB, market.future), future);
    assert_int_equal(settled_for(ALICE, market.future), -future);
    assert_int_equal(settled_for(BOB, market.call), 2 * call);
    assert_int_equal(cash_of(BOB), bob + future + 2 * call);
    assert_int_equal(cash_of(ALICE), alice - future - 2 * call);
    assert_int_equal(house_of(TN_HOUSE_CLEARING), 0);
    const struct tn_event *cancelled = find_event(TN_EVENT_CANCELLED, market.future);
    assert_non_null(cancelled);
    assert_int_equal(cancelled->order_id, resting);
    assert_int_equal(cancelled->reason, TN_REASON_SETTLEMENT);
    const uint64_t all[] = {market.call, market.put, market.future};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(status_of(all[i]), TN_STATUS_SETTLED);
    assert_int_equal(status_of(market.perp), TN_STATUS_ACTIVE);
    block(1000);
    assert_int_equal(events_of(TN_EVENT_SETTLED), 0);
    refuse_entry(settle_entry(market.day, SPOT), TN_REJECT_SERIES_UNKNOWN);
}

static void test_exchange_waits_for_a_mark_at_or_after_the_expiry(void **state)
{
    (void)state;
    price_before_expiry(SPOT, WINDOW_MS);
    price_before_expiry(SPOT, 50);
    block_before_expiry(1);
    assert_int_equal(events_of(TN_EVENT_SETTLED), 0);
    block_before_expiry(0); /* expired, but the last MARK is 50 ms ago */
    assert_int_equal(events_of(TN_EVENT_SETTLED), 0);
    block_before_expiry(-50);
    assert_int_equal(events_of(TN_EVENT_SETTLED), 4);
}

static void test_exchange_counts_only_time_that_fresh_spot_covered(void **state)
{
    (void)state;
    struct tn_risk risk = usual_risk();
    risk.spot_heartbeat_ms = 451000;
    set_risk(&risk);
    price_before_expiry(100500 * DOLLAR, WINDOW_MS + 1); /* fresh for 450 s: all but 1 ms count */
    price_before_expiry(101000 * DOLLAR, 900000);        /* 450 s; then nothing until the expiry */
    block_before_expiry(0);
    /* A millisecond less than half of 1 800 s. */
    assert_int_equal(status_of(market.call), TN_STATUS_HALTED);
    assert_int_equal(events_of(TN_EVENT_SETTLED), 0);
}

static void test_exchange_settles_at_what_was_covered_if_that_is_half(void **state)
{
    (void)state;
    struct tn_risk risk = usual_risk();
    risk.spot_heartbeat_ms = 451000;
    set_risk(&risk);
    price_before_expiry(100500 * DOLLAR, WINDOW_MS); /* 450 s */
    price_before_expiry(101000 * DOLLAR, 900000);    /* 450 s */
    block_before_expiry(0);
    assert_int_equal(settled_for(BOB, market.future), 100750 * DOLLAR / 100);
}

static void test_exchange_expiry_without_cover_waits_for_a_price_by_hand(void **state)
{
    (void)state;
    tn_micros bob = cash_of(BOB);
    price_before_expiry(SPOT, WINDOW_MS + 60000);
    refuse_entry(settle_entry(market.day, SPOT), TN_REJECT_NOT_EXPIRED);
    struct tn_risk risk = usual_risk();
    risk.spot_heartbeat_ms = 100000; /* 41 s of the window */
    set_risk(&risk);
    block_before_expiry(-1000);
    assert_int_equal(events_of(TN_EVENT_SETTLED), 0);
    for (uint32_t i = 0; i < 3; i++) { /* fresh feeds do not open it again */
        report_all(TN_FEED_SPOT, SPOT);
        report_all(TN_FEED_FORWARD, SPOT);
        block(1000);
    }
    assert_int_equal(status_of(market.call), TN_STATUS_HALTED);
    assert_int_equal(status_of(market.future), TN_STATUS_HALTED);
    assert_int_equal(status_of(market.perp), TN_STATUS_ACTIVE);
    apply_passing(settle_entry(market.day, 104000 * DOLLAR));
    assert_int_equal(settled_for(BOB, market.future), 1040 * DOLLAR);
    assert_int_equal(cash_of(BOB), bob + 1040 * DOLLAR + 2 * 40 * DOLLAR);
    assert_int_equal(status_of(market.call), TN_STATUS_SETTLED);
    refuse_entry(settle_entry(market.day, SPOT), TN_REJECT_SERIES_UNKNOWN);
    block(1000);
    assert_int_equal(events_of(TN_EVENT_SETTLED), 0);
}

static void test_exchange_takes_no_price_by_hand_before_the_average_is_known_to_fail(void **state)
{
    (void)state;
    price_before_expiry(SPOT, WINDOW_MS);
    price_before_expiry(SPOT, 50);
    block_before_expiry(0); /* not a MARK yet */
    refuse_entry(settle_entry(market.day, SPOT), TN_REJECT_NOT_FROZEN);
}

static void test_exchange_forward_inside_the_window_is_part_known_and_part_to_come(void **state)
{
    (void)state;
    price_before_expiry(100000 * DOLLAR, WINDOW_MS);
    assert_int_equal(mark_of(market.future), 1000 * DOLLAR);
    price_before_expiry(104000 * DOLLAR, 1200000);
    /* A third has passed at 100 000; the forward for the rest is 104 000. */
    assert_int_equal(mark_of(market.future), INT64_C(1026666667)); /* 1 026.666 666…, nearest */
    price_before_expiry(102000 * DOLLAR, 300000);
    /* 600 s at 100 000, 900 s at 104 000, 300 s to come at 102 000 */
    assert_int_equal(mark_of(market.future),
                     (600 * 100000 + 900 * 104000 + 300 * 102000) * INT64_C(10000) / 1800);
}

static void test_exchange_series_takes_no_orders_at_the_end_of_its_life(void **state)
{
    (void)state;
    price_before_expiry(SPOT, WINDOW_MS);
    price_before_expiry(SPOT, 60001); /* closing_ms is a minute */
    place(CAROL, limit(BUY, market.future, 99500, 1));
    block_before_expiry(60000);
    refuse(CAROL, limit(BUY, market.future, 99500, 1), TN_REJECT_SERIES_CLOSING);
}

static void test_exchange_slot_of_a_settled_expiry_is_free_again(void **state)
{
    (void)state;
    uint16_t days[7];
    for (uint16_t i = 0; i < 6; i++) { /* with the perpetual's and the usual one: all eight */
        days[i] = (uint16_t)(market.day + 1 + i);
        apply_passing(list_entry(option_of(TN_CALL, days[i], 100000)));
    }
    uint64_t one_more = option_of(TN_CALL, (uint16_t)(market.day + 7), 100000);
    refuse_entry(list_entry(one_more), TN_REJECT_EXPIRIES_FULL);
    price_before_expiry(SPOT, WINDOW_MS);
    block_before_expiry(-100);
    assert_int_equal(events_of(TN_EVENT_SETTLED), 4);
    apply_passing(list_entry(one_more));
    struct tn_report report = report_of(1, TN_FEED_FORWARD, SPOT);
    refuse_entry(report_entry(report), TN_REJECT_SERIES_UNKNOWN); /* of the expiry that is over */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXPIRY_STORY(test_exchange_settles_at_the_average_of_the_window_by_hand),
        EXPIRY_STORY(test_exchange_waits_for_a_mark_at_or_after_the_expiry),
        EXPIRY_STORY(test_exchange_counts_only_time_that_fresh_spot_covered),
        EXPIRY_STORY(test_exchange_settles_at_what_was_covered_if_that_is_half),
        EXPIRY_STORY(test_exchange_expiry_without_cover_waits_for_a_price_by_hand),
        EXPIRY_STORY(test_exchange_takes_no_price_by_hand_before_the_average_is_known_to_fail),
        EXPIRY_STORY(test_exchange_forward_inside_the_window_is_part_known_and_part_to_come),
        EXPIRY_STORY(test_exchange_series_takes_no_orders_at_the_end_of_its_life),
        EXPIRY_STORY(test_exchange_slot_of_a_settled_expiry_is_free_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
