/* Perpetuals (docs/specs/risk.md, "Perpetuals and funding"): the premium that the book says, the
 * mark made of it, and the funding index. A tick is a dollar on one unit, and a lot a hundredth of
 * a unit: the impact depth of 10 000 dollars is about ten lots. */
#include "feeds_case.h"

#define TAU_MS    INT64_C(30000)
#define PERIOD_MS INT64_C(28800000)
#define WHOLE     (INT64_C(1) << 30)

/* What the average should be, worked out beside the market. */
static struct expected {
    tn_micros premium; /* of one unit */
    int64_t index;
} expected;

/* A MARK that many ms after the last, at which the book says `sample`. */
static void expect_step(int64_t ms, tn_micros sample)
{
    int64_t keep = tn_pricing_decay_q30(ms, TAU_MS);
    tn_i128 sum = (tn_i128)expected.premium * keep + (tn_i128)sample * (WHOLE - keep);
    expected.premium = (tn_micros)(sum / WHOLE);
    tn_micros most = 750 * DOLLAR; /* 0.75 % of spot */
    tn_micros rate = expected.premium > most ? most : expected.premium;
    if (rate < -most) rate = -most;
    expected.index += (int64_t)((tn_i128)rate * 10000 * ms / PERIOD_MS);
    tn_micros far = 500 * DOLLAR; /* 0.5 % of spot */
    tn_micros near = expected.premium > far ? far : expected.premium;
    if (near < -far) near = -far;
    tn_micros mark = tn_mul_div_floor(SPOT + near, 1, 100);
    assert_int_equal(mark_of(market.perp), mark);
    assert_int_equal(series_view(market.perp).funding_index, expected.index);
}

static int open_perp(void **state)
{
    open_feeds(state);
    expected = (struct expected){0};
    return 0;
}
#define PERP_STORY(test) cmocka_unit_test_setup_teardown(test, open_perp, close_market)

/* Bob and Carol quote both sides, six lots each. */
static void quote_both(tn_ticks bid, tn_ticks ask)
{
    place(BOB, limit(BUY, market.perp, bid, 6));
    place(CAROL, limit(BUY, market.perp, bid, 6));
    place(BOB, limit(SELL, market.perp, ask, 6));
    place(CAROL, limit(SELL, market.perp, ask, 6));
}

/* ---- The premium ---- */

static void test_exchange_perpetual_marks_at_spot_while_its_book_is_empty(void **state)
{
    (void)state;
    live(3, SPOT);
    assert_int_equal(mark_of(market.perp), SPOT / 100);
    assert_int_equal(series_view(market.perp).funding_index, 0);
}

static void test_exchange_premium_samples_orders_from_the_mark_after_their_first(void **state)
{
    (void)state;
    quote_both(100200, 100400);
    live(1, SPOT);
    expect_step(1000, 0); /* they stood at no MARK before */
    live(1, SPOT);
    expect_step(1000, 300 * DOLLAR);
    assert_in_range(expected.premium, 9 * DOLLAR, 10 * DOLLAR); /* 300 · (1 − e^(−1/30)) = 9.83 */
    live(1, SPOT);
    expect_step(1000, 300 * DOLLAR);
}

static void test_exchange_order_with_a_new_price_is_as_young_as_a_new_order(void **state)
{
    (void)state;
    quote_both(100200, 100400);
    live(1, SPOT);
    expect_step(1000, 0);
    live(1, SPOT);
    expect_step(1000, 300 * DOLLAR);
    pass(BOB, replace(1, 100300, 6)); /* without it the bids lack depth */
    live(1, SPOT);
    expect_step(1000, 0);
    pass(BOB, replace(1, 100300, 5)); /* keeps its place */
    live(1, SPOT);
    tn_micros bid = (100300 * INT64_C(5000) + 100200 * INT64_C(5000)) * (DOLLAR / 10000);
    expect_step(1000, (bid + 100400 * DOLLAR) / 2 - SPOT);
}

static void test_exchange_premium_decays_without_depth_and_stops_at_zero(void **state)
{
    (void)state;
    quote_both(99500, 99800);
    live(1, SPOT);
    expect_step(1000, 0);
    live(1, SPOT);
    expect_step(1000, -350 * DOLLAR);
    assert_true(expected.premium < -10 * DOLLAR);
    pass(BOB, (struct tn_command){.kind = TN_COMMAND_MASS_CANCEL});
    live(1, SPOT); /* six lots of one owner are no depth */
    expect_step(1000, 0);
    for (uint32_t i = 0; i < 30; i++) {
        report_everything(SPOT);
        block(30000);
        expect_step(30000, 0);
    }
    assert_int_equal(expected.premium, 0);
    assert_int_equal(mark_of(market.perp), SPOT / 100);
}

static void test_exchange_impact_price_takes_the_depth_level_by_level(void **state)
{
    (void)state;
    /* Of Bob's first level 5 010 dollars stand, but 5 000, half of the depth, count; Carol's two
     * levels give the rest: 2 002 and 2 998 dollars. */
    place(BOB, limit(BUY, market.perp, 100200, 5));
    place(CAROL, limit(BUY, market.perp, 100100, 2));
    place(CAROL, limit(BUY, market.perp, 100000, 5));
    place(BOB, limit(SELL, market.perp, 100300, 6));
    place(CAROL, limit(SELL, market.perp, 100300, 6));
    live(1, SPOT);
    expect_step(1000, 0);
    live(1, SPOT);
    tn_micros bid = (100200 * INT64_C(5000) + 100100 * INT64_C(2002) + 100000 * INT64_C(2998)) *
                    (DOLLAR / 10000);
    expect_step(1000, (bid + 100300 * DOLLAR) / 2 - SPOT);
}

static void test_exchange_one_owner_alone_makes_no_premium(void **state)
{
    (void)state;
    place(ALICE, limit(BUY, market.perp, 100200, 50));
    place(ALICE_TWO, limit(BUY, market.perp, 100200, 50)); /* her other account */
    place(BOB, limit(SELL, market.perp, 100400, 50));
    place(CAROL, limit(SELL, market.perp, 100400, 50));
    live(2, SPOT);
    assert_int_equal(mark_of(market.perp), SPOT / 100);
    place(DAN, limit(BUY, market.perp, 100200, 5));
    live(2, SPOT);
    assert_true(mark_of(market.perp) > SPOT / 100);
}

static void test_exchange_premium_looks_at_no_more_than_64_orders_of_a_side(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 64; i++)
        place(ALICE, limit(BUY, market.perp, 100200, 1));
    place(DAN, limit(BUY, market.perp, 100200, 50)); /* the 65th */
    place(BOB, limit(SELL, market.perp, 100400, 50));
    place(CAROL, limit(SELL, market.perp, 100400, 50));
    live(2, SPOT);
    assert_int_equal(mark_of(market.perp), SPOT / 100);
    pass(ALICE, cancel(1));
    live(2, SPOT);
    assert_true(mark_of(market.perp) > SPOT / 100);
}

static void test_exchange_perpetual_mark_stays_near_spot_and_its_funding_within_the_cap(
    void **state)
{
    (void)state;
    quote_both(100850, 100950); /* 0.9 % above spot, within the band of one */
    live(1, SPOT);
    expect_step(1000, 0);
    for (uint32_t i = 0; i < 5; i++) {
        report_everything(SPOT);
        block(60000);
        expect_step(60000, 500 * DOLLAR);
    }
    assert_true(expected.premium > 499 * DOLLAR);
}

static void test_exchange_orders_far_behind_the_market_are_no_depth(void **state)
{
    (void)state;
    place(BOB, limit(BUY, market.perp, 10000, 60)); /* nobody will meet these */
    place(CAROL, limit(BUY, market.perp, 10000, 60));
    place(BOB, limit(SELL, market.perp, 100000, 6));
    place(CAROL, limit(SELL, market.perp, 100000, 6));
    for (uint32_t i = 0; i < 4; i++) {
        live(1, SPOT);
        expect_step(1000, 0);
    }
}

/* ---- Funding ---- */

static void test_exchange_funding_index_grows_by_the_premium_and_is_settled_hourly(void **state)
{
    (void)state;
    struct tn_risk risk = usual_risk();
    risk.spot_heartbeat_ms = 86400000; /* an hour passes in one block */
    set_risk(&risk);
    place(BOB, limit(BUY, market.perp, 100000, 10));
    place(ALICE, limit(SELL, market.perp, 100000, 10));
    quote_both(100200, 100400);
    live(1, SPOT);
    expect_step(1001, 0);
    report_everything(SPOT);
    block(3600000);
    expect_step(3600000, 300 * DOLLAR);
    /* An eighth of 300 dollars a unit is 37.5 dollars, so 37.5 cents a lot. */
    assert_in_range(expected.index, INT64_C(374990000000), INT64_C(375000000000));
    tn_micros alice = cash_of(ALICE), bob = cash_of(BOB);
    sweep(64);
    const struct tn_event *funded = find_event(TN_EVENT_FUNDED, market.perp);
    assert_non_null(funded);
    tn_micros paid = tn_mul_div_ceil(10, expected.index, 1000000);
    assert_int_equal(cash_of(BOB), bob - paid);
    assert_int_equal(cash_of(ALICE), alice - tn_mul_div_ceil(-10, expected.index, 1000000));
    assert_int_equal(events_of(TN_EVENT_FUNDED), 2);
}

static void test_exchange_funding_rests_while_spot_is_stale(void **state)
{
    (void)state;
    quote_both(100200, 100400);
    live(1, SPOT);
    expect_step(1000, 0);
    report_everything(SPOT);
    block(60000);
    expect_step(60000, 300 * DOLLAR);
    tn_micros mark = mark_of(market.perp);
    block(180001); /* stale: no sample, no funding; the premium decays */
    assert_int_equal(status_of(market.perp), TN_STATUS_HALTED);
    assert_int_equal(series_view(market.perp).funding_index, expected.index);
    assert_int_equal(mark_of(market.perp), mark);
    int64_t keep = tn_pricing_decay_q30(180001, TAU_MS);
    expected.premium = (tn_micros)((tn_i128)expected.premium * keep / WHOLE);
    live(1, SPOT);
    expect_step(1000, 0); /* back in post-only */
    live(1, SPOT);
    expect_step(1000, 300 * DOLLAR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PERP_STORY(test_exchange_perpetual_marks_at_spot_while_its_book_is_empty),
        PERP_STORY(test_exchange_premium_samples_orders_from_the_mark_after_their_first),
        PERP_STORY(test_exchange_order_with_a_new_price_is_as_young_as_a_new_order),
        PERP_STORY(test_exchange_premium_decays_without_depth_and_stops_at_zero),
        PERP_STORY(test_exchange_impact_price_takes_the_depth_level_by_level),
        PERP_STORY(test_exchange_one_owner_alone_makes_no_premium),
        PERP_STORY(test_exchange_premium_looks_at_no_more_than_64_orders_of_a_side),
        PERP_STORY(test_exchange_perpetual_mark_stays_near_spot_and_its_funding_within_the_cap),
        PERP_STORY(test_exchange_orders_far_behind_the_market_are_no_depth),
        PERP_STORY(test_exchange_funding_index_grows_by_the_premium_and_is_settled_hourly),
        PERP_STORY(test_exchange_funding_rests_while_spot_is_stale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
