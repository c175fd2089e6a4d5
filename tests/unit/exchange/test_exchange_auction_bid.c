/* The auction of an account that slices did not mend: who may bid, what a bid takes and pays
 * (docs/specs/risk.md, "Liquidation"). */
#include "margin_case.h"

#define PPB INT64_C(1000000000)

/* The largest bid at the start, as worked out below. */
#define MOST_SHARE  240000000
#define MOST_PRICE  613093774
#define MOST_CASH   INT64_C(-10574638133)
#define MOST_EQUITY INT64_C(2656739689)
/* A tenth is worth 268.900778: what it costs at 0.95, 0.825, 0.7 and 0.35 of that, up. */
#define PRICE_95  255455740
#define PRICE_825 221843142
#define PRICE_70  188230545
#define PRICE_35  94115273

/* 50 lots bought at 1 000, with 6 000 dollars. */
static void hold_fifty(void)
{
    be_standard(ALICE, 6000 * DOLLAR);
    trade(ALICE, CAROL, market.perp, 100000, 50);
}

/* At 935 a lot: E = 2 750 less the fee of 60.992218, R = 3 038.75, in auction from now on. */
static void fail_into_auction(void)
{
    hold_fifty();
    for (int i = 0; i < 6; i++)
        mark_at(93500 * DOLLAR);
    expect_stage(ALICE, TN_LIQUIDATION_AUCTION);
    assert_int_equal(risk_of(ALICE).margin.equity, 2689007782);
    assert_int_equal(cash_of(ALICE), -44060992218);
}

static struct tn_command solvent_bid(int64_t share_ppb, tn_micros price_most)
{
    return bid_for(ALICE, TN_LIQUIDATION_AUCTION, share_ppb, price_most);
}

/* At 870 a lot: E = −500, R = 2 827.50, MM = −3 327.50. */
static void fail_insolvent(void)
{
    hold_fifty();
    jump_to(87000 * DOLLAR);
    expect_moved(ALICE, TN_LIQUIDATION_SLICES, TN_LIQUIDATION_INSOLVENT, -500 * DOLLAR,
                 -332750 * CENT);
}

static struct tn_command insolvent_bid(int64_t share_ppb, tn_micros price_most)
{
    return bid_for(ALICE, TN_LIQUIDATION_INSOLVENT, share_ppb, price_most);
}

/* The same spot, so many milliseconds on. */
static void wait_at(tn_micros spot, int64_t ms)
{
    block(ms - 1000);
    sweep(EVERYTHING);
    mark_at(spot);
}

/* ---- While there is equity ---- */

/* BM = −805.554718, so at 0.95 the most that may be taken is 805.554718 / (805.554718 + 0.95 ·
 * 2 689.007782) = 0.239740… of everything, 11.987 of 50 lots: so 0.24, whole lots. That of the
 * cash, and 12 lots, are worth 645.361867. */
static void test_exchange_bid_takes_at_most_what_restores_the_buffer(void **state)
{
    (void)state;
    fail_into_auction();
    const struct tn_event *result = pass(DAN, solvent_bid(PPB, 1000 * DOLLAR));
    assert_int_equal(result->quantity, MOST_SHARE);
    assert_int_equal(result->money, MOST_PRICE);
    const struct tn_event *leg = find_event(TN_EVENT_SEIZED, market.perp);
    assert_int_equal(leg->account, ALICE);
    assert_int_equal(leg->other_account, DAN);
    assert_int_equal(leg->quantity, 12);
    const struct tn_event *sum = find_event(TN_EVENT_SEIZED, 0);
    assert_int_equal(sum->money, MOST_PRICE);
    assert_int_equal(sum->quantity, MOST_SHARE);
    assert_int_equal(sum->remaining, MOST_CASH);
    assert_int_equal(lots_of(ALICE, market.perp), 38);
    assert_int_equal(lots_of(DAN, market.perp), 12);
    assert_int_equal(gain_of(DAN), MOST_CASH - MOST_PRICE);
    expect_moved(ALICE, TN_LIQUIDATION_AUCTION, TN_LIQUIDATION_NONE, MOST_EQUITY,
                 MOST_EQUITY - 38 * INT64_C(60775000));
    /* Within the lot that was rounded up BM is zero: a lot asks for 1.15 · 60.775. */
    tn_micros buffer = MOST_EQUITY - 38 * INT64_C(60775000) * 115 / 100;
    assert_in_range(buffer, 0, 69891250);
}

static void test_exchange_price_of_an_auction_falls_with_time(void **state)
{
    (void)state;
    /* A tenth: five lots and −4 406.099222 dollars, worth 268.900778. */
    const struct {
        int64_t wait_ms;
        tn_micros price;
    } steps[] = {{0, PRICE_95},        {450000, PRICE_825}, {450000, PRICE_70},
                 {21150000, PRICE_35}, {21150000, 0},       {60000, 0}};
    fail_into_auction();
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (steps[i].wait_ms > 0) wait_at(93500 * DOLLAR, steps[i].wait_ms);
        expect_stage(ALICE, TN_LIQUIDATION_AUCTION);
        if (steps[i].price > 0) {
            refuse(DAN, solvent_bid(PPB / 10, steps[i].price - 1), TN_REJECT_BID_PRICE);
        }
    }
    const struct tn_event *result = pass(DAN, solvent_bid(PPB / 10, 0));
    assert_int_equal(result->money, 0);
    assert_int_equal(gain_of(DAN), -4406099222);
    assert_int_equal(lots_of(DAN, market.perp), 5);
}

/* What earlier bids paid stays with the account: a bundle holds none of it. */
static void test_exchange_second_bid_takes_no_cash_that_the_first_paid(void **state)
{
    (void)state;
    fail_into_auction();
    pass(DAN, solvent_bid(PPB / 10, DOLLAR * 1000));
    assert_int_equal(gain_of(DAN), -4406099222 - PRICE_95);
    tn_micros left = -44060992218 + 4406099222;
    assert_int_equal(cash_of(ALICE), left + PRICE_95);
    pass(BOB, solvent_bid(PPB / 10, DOLLAR * 1000));
    /* ⌊0.1 · left⌋ and ⌈0.1 · 45⌉ lots. */
    const struct tn_event *sum = find_event(TN_EVENT_SEIZED, 0);
    assert_int_equal(sum->remaining, -3965489300);
    assert_int_equal(lots_of(BOB, market.perp), 5);
    assert_int_equal(sum->money, (5 * INT64_C(935000000) - INT64_C(3965489300)) * 95 / 100);
}

/* 50 perpetuals and 51 futures, a little short of the buffer. The share that is missing is one lot
 * of 50, and of 51 that is two: at 0.7 of its value the second one costs the seller more than the
 * share brings. So does 0.04, with two and three lots; 0.08, with four and five, helps. */
static void test_exchange_share_that_lots_do_not_divide_into_is_doubled_until_it_helps(void **state)
{
    (void)state;
    be_standard(ALICE, 11000 * DOLLAR);
    trade(ALICE, CAROL, market.perp, 100000, 50);
    trade(ALICE, CAROL, market.future, 100000, 51);
    for (int i = 0; i < 6; i++)
        mark_at(93500 * DOLLAR);
    expect_stage(ALICE, TN_LIQUIDATION_AUCTION);
    wait_at(96300 * DOLLAR, 900000);
    expect_stage(ALICE, TN_LIQUIDATION_AUCTION);
    refuse(DAN, solvent_bid(PPB / 50, 10000 * DOLLAR), TN_REJECT_BID_SHORT);
    refuse(DAN, solvent_bid(PPB / 25, 10000 * DOLLAR), TN_REJECT_BID_SHORT);
    assert_int_equal(pass(DAN, solvent_bid(PPB, 10000 * DOLLAR))->quantity, PPB / 25 * 2);
    assert_int_equal(lots_of(DAN, market.perp), 4);
    assert_int_equal(lots_of(DAN, market.future), 5);
    expect_stage(ALICE, TN_LIQUIDATION_NONE);
}

static void test_exchange_bid_takes_its_share_of_collateral(void **state)
{
    (void)state;
    struct tn_entry asset = {.kind = TN_ENTRY_ASSET, .as.asset.haircut_ppm = 900000};
    apply_passing(asset);
    mark_at(SPOT);
    apply_passing(deposit_entry(ALICE, 1, 1001));
    hold_fifty();
    for (int i = 0; i < 6; i++)
        mark_at(93500 * DOLLAR);
    pass(DAN, solvent_bid(PPB / 10, DOLLAR * 1000));
    assert_int_equal(tn_exchange_collateral(market.exchange, DAN, 1), 101);
    assert_int_equal(tn_exchange_collateral(market.exchange, ALICE, 1), 900);
}

/* DAN has all that a balance may be, and cannot take 101 more. */
static void test_exchange_bid_may_not_take_a_balance_out_of_its_range(void **state)
{
    (void)state;
    struct tn_entry asset = {.kind = TN_ENTRY_ASSET, .as.asset.haircut_ppm = 900000};
    apply_passing(asset);
    mark_at(SPOT);
    apply_passing(deposit_entry(ALICE, 1, 1001));
    for (int i = 0; i < 1024; i++)
        apply_passing(deposit_entry(DAN, 1, INT64_C(1) << 50));
    hold_fifty();
    for (int i = 0; i < 6; i++)
        mark_at(93500 * DOLLAR);
    refuse(DAN, solvent_bid(PPB / 10, DOLLAR * 1000), TN_REJECT_MONEY_RANGE);
    assert_int_equal(tn_exchange_collateral(market.exchange, ALICE, 1), 1001);
    pass(BOB, solvent_bid(PPB / 10, DOLLAR * 1000));
}

/* 2^50 millionths of a coin at 93 500 dollars are more micros than 64 bits hold. They count for
 * nothing here, so the account fails all the same; a bidder would have to pay for a share of them
 * as much as they are valued at. */
static void test_exchange_bid_for_more_collateral_than_money_can_count_is_short(void **state)
{
    (void)state;
    struct tn_entry asset = {.kind = TN_ENTRY_ASSET,
                             .as.asset = {.haircut_ppm = 1000000, .underlying = 1}};
    apply_passing(asset);
    mark_at(SPOT);
    apply_passing(deposit_entry(ALICE, 1, INT64_C(1) << 50));
    hold_fifty();
    for (int i = 0; i < 6; i++)
        mark_at(93500 * DOLLAR);
    jump_to(87000 * DOLLAR);
    expect_stage(ALICE, TN_LIQUIDATION_AUCTION);
    refuse(DAN, solvent_bid(PPB / 10, INT64_MAX), TN_REJECT_BID_SHORT);
    assert_int_equal(tn_exchange_collateral(market.exchange, ALICE, 1), INT64_C(1) << 50);
}

static void test_exchange_bids_that_may_not_be_are_refused_and_leave_no_trace(void **state)
{
    (void)state;
    sweep(EVERYTHING);
    refuse(DAN, solvent_bid(PPB, 0), TN_REJECT_BID_NO_AUCTION);
    hold_fifty();
    mark_at(93500 * DOLLAR);
    refuse(DAN, solvent_bid(PPB, 0), TN_REJECT_BID_NO_AUCTION); /* in slices */
    for (int i = 0; i < 5; i++)
        mark_at(93500 * DOLLAR);
    refuse(DAN, bid_for(TRADERS, TN_LIQUIDATION_AUCTION, PPB, 0), TN_REJECT_ACCOUNT_UNKNOWN);
    refuse(DAN, insolvent_bid(PPB, 0), TN_REJECT_BID_STATE);
    refuse(DAN, solvent_bid(0, DOLLAR * 1000), TN_REJECT_BID_SHARE);
    refuse(DAN, solvent_bid(PPB + 1, DOLLAR * 1000), TN_REJECT_BID_SHARE);
    refuse(ALICE, solvent_bid(PPB, DOLLAR * 1000), TN_REJECT_BID_OWN);
    refuse(ALICE_TWO, solvent_bid(PPB, DOLLAR * 1000), TN_REJECT_BID_OWN);
    refuse(DAN, solvent_bid(PPB, MOST_PRICE - 1), TN_REJECT_BID_PRICE);
    be_standard(BOB, 1000 * DOLLAR); /* 12 lots ask for 1 122 */
    refuse(BOB, solvent_bid(PPB, DOLLAR * 1000), TN_REJECT_BID_SHORT);
    block(2500);
    sweep(EVERYTHING);
    refuse(DAN, solvent_bid(PPB, DOLLAR * 1000), TN_REJECT_FEED_LATE);
    assert_int_equal(gain_of(DAN), 0);
}

static void test_exchange_account_in_liquidation_may_not_bid(void **state)
{
    (void)state;
    be_standard(BOB, 6000 * DOLLAR);
    trade(BOB, CAROL, market.perp, 100000, 50);
    fail_into_auction();
    refuse(BOB, solvent_bid(PPB, DOLLAR * 1000), TN_REJECT_BID_OWN);
}

/* ---- When there is none ---- */

static void test_exchange_insurance_pays_whoever_takes_an_insolvent_account(void **state)
{
    (void)state;
    insure(1000 * DOLLAR);
    fail_insolvent();
    refuse(DAN, solvent_bid(PPB, 0), TN_REJECT_BID_STATE);
    refuse(DAN, insolvent_bid(PPB, -500 * DOLLAR - 1), TN_REJECT_BID_PRICE);
    const struct tn_event *result = pass(DAN, insolvent_bid(PPB, -500 * DOLLAR));
    assert_int_equal(result->quantity, PPB);
    assert_int_equal(result->money, -500 * DOLLAR);
    assert_int_equal(event_of(TN_EVENT_INSURANCE, ALICE)->money, 500 * DOLLAR);
    expect_fund_and_debt(500 * DOLLAR, 0);
    assert_int_equal(cash_of(ALICE), 0);
    assert_int_equal(lots_of(DAN, market.perp), 50);
    assert_int_equal(gain_of(DAN), (-44000 + 500) * DOLLAR);
    expect_moved(ALICE, TN_LIQUIDATION_INSOLVENT, TN_LIQUIDATION_NONE, 0, 0);
    assert_int_equal(event_of(TN_EVENT_LIQUIDATION, ALICE)->fee, 500 * DOLLAR);
}

static void test_exchange_insolvent_offer_rises_with_time_up_to_a_cap(void **state)
{
    (void)state;
    insure(1000 * DOLLAR);
    fail_insolvent();
    wait_at(87000 * DOLLAR, 60000);
    /* A tenth of the way from 500 to 3 327.50. */
    refuse(DAN, insolvent_bid(PPB, -78275 * CENT - 1), TN_REJECT_BID_PRICE);
    wait_at(87000 * DOLLAR, 240000);
    /* Half of the way would be 1 913.75; a quarter of R is 706.875, and the fund has less: who
     * takes all gets what it has. */
    refuse(DAN, insolvent_bid(PPB, -1000 * DOLLAR - 1), TN_REJECT_BID_PRICE);
    refuse(DAN, insolvent_bid(PPB / 2, -603437500 - 1), TN_REJECT_BID_PRICE);
    pass(DAN, insolvent_bid(PPB / 2, -603437500));
    expect_fund_and_debt(1000 * DOLLAR - 603437500, 0);
    insure(603437500 * 2 - 1000 * DOLLAR);
    /* Half of what is left of everything: the other half gets as much. */
    pass(BOB, insolvent_bid(PPB, -603437500));
    expect_fund_and_debt(0, 0);
    expect_stage(ALICE, TN_LIQUIDATION_NONE);
    assert_int_equal(cash_of(ALICE), 0);
}

/* Insurance has 400, and 500 are owed: nobody takes the account and is left with a part of that. */
static void test_exchange_debts_are_not_taken_over_for_less_than_they_are(void **state)
{
    (void)state;
    insure(400 * DOLLAR);
    fail_insolvent();
    refuse(DAN, insolvent_bid(PPB, 0), TN_REJECT_BID_SHARE);
    refuse(DAN, insolvent_bid(PPB / 10 * 8, -400 * DOLLAR - 1), TN_REJECT_BID_PRICE);
    assert_int_equal(pass(DAN, insolvent_bid(PPB / 10 * 8, 0))->money, -400 * DOLLAR);
    expect_fund_and_debt(0, 0);
    assert_int_equal(lots_of(DAN, market.perp), 40);
}

static void test_exchange_insolvent_auction_ends_in_deleveraging(void **state)
{
    (void)state;
    insure(1000 * DOLLAR);
    fail_insolvent();
    wait_at(87000 * DOLLAR, 598000);
    expect_stage(ALICE, TN_LIQUIDATION_INSOLVENT);
    wait_at(87000 * DOLLAR, 2000);
    expect_stage(ALICE, TN_LIQUIDATION_ADL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FEEDS_STORY(test_exchange_bid_takes_at_most_what_restores_the_buffer),
        FEEDS_STORY(test_exchange_price_of_an_auction_falls_with_time),
        FEEDS_STORY(test_exchange_second_bid_takes_no_cash_that_the_first_paid),
        FEEDS_STORY(test_exchange_share_that_lots_do_not_divide_into_is_doubled_until_it_helps),
        FEEDS_STORY(test_exchange_bid_takes_its_share_of_collateral),
        FEEDS_STORY(test_exchange_bid_may_not_take_a_balance_out_of_its_range),
        FEEDS_STORY(test_exchange_bid_for_more_collateral_than_money_can_count_is_short),
        FEEDS_STORY(test_exchange_bids_that_may_not_be_are_refused_and_leave_no_trace),
        FEEDS_STORY(test_exchange_account_in_liquidation_may_not_bid),
        FEEDS_STORY(test_exchange_insurance_pays_whoever_takes_an_insolvent_account),
        FEEDS_STORY(test_exchange_insolvent_offer_rises_with_time_up_to_a_cap),
        FEEDS_STORY(test_exchange_debts_are_not_taken_over_for_less_than_they_are),
        FEEDS_STORY(test_exchange_insolvent_auction_ends_in_deleveraging),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
