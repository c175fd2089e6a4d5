/* What margin lets an account do (docs/specs/risk.md, "Orders and admission"). */
#include "margin_case.h"

/* ---- m decides ---- */

static void test_exchange_margin_refuses_what_leaves_m_below_zero_and_says_by_how_much(void **state)
{
    (void)state;
    be_standard(ALICE, 1000 * DOLLAR);
    refuse(ALICE, limit(BUY, market.perp, 100000, 11), TN_REJECT_MARGIN_SHORT);
    assert_int_equal(last_event()->money, 100 * DOLLAR);
    refuse(ALICE, limit(SELL, market.perp, 100000, 12), TN_REJECT_MARGIN_SHORT);
    assert_int_equal(last_event()->money, 200 * DOLLAR);
    /* Half a percent above the mark costs 5 dollars a lot at once. */
    refuse(ALICE, limit(BUY, market.perp, 100500, 10), TN_REJECT_MARGIN_SHORT);
    assert_int_equal(last_event()->money, 50 * DOLLAR);
    place(ALICE, limit(BUY, market.perp, 100000, 10));
    assert_int_equal(m_of(ALICE), 0);
    refuse(ALICE, limit(BUY, market.perp, 100000, 1), TN_REJECT_MARGIN_SHORT);
    assert_int_equal(last_event()->money, 100 * DOLLAR);
}

static void test_exchange_margin_counts_the_fee_of_an_open_order(void **state)
{
    (void)state;
    be_standard(ALICE, 1000 * DOLLAR);
    set_fees(0, 1000, 0); /* a tenth of a percent: a dollar a lot */
    refuse(ALICE, fee_up_to(limit(BUY, market.perp, 100000, 10), 1000), TN_REJECT_MARGIN_SHORT);
    assert_int_equal(last_event()->money, 10 * DOLLAR);
    place(ALICE, fee_up_to(limit(BUY, market.perp, 100000, 9), 1000));
    assert_int_equal(m_of(ALICE), (1000 - 900 - 9) * DOLLAR);
}

static void test_exchange_margin_lets_a_hedge_pass_while_m_is_below_zero(void **state)
{
    (void)state;
    be_standard(ALICE, 1000 * DOLLAR);
    trade(ALICE, BOB, market.perp, 100000, 10);
    mark_at(99000 * DOLLAR);
    assert_int_equal(m_of(ALICE), (900 - 990) * DOLLAR);
    expect_stage(ALICE, TN_LIQUIDATION_NONE);
    refuse(ALICE, limit(BUY, market.perp, 99000, 1), TN_REJECT_MARGIN_SHORT);
    assert_int_equal(last_event()->money, (1089 - 900) * DOLLAR);
    place(ALICE, limit(SELL, market.perp, 99000, 5));
    /* Twice what she has would be as far on the other side: no better, and no worse. */
    refuse(ALICE, limit(SELL, market.perp, 99000, 20), TN_REJECT_MARGIN_SHORT);
    place(BOB, limit(BUY, market.perp, 99000, 5));
    assert_int_equal(m_of(ALICE), (900 - 495) * DOLLAR);
}

/* The long calls are worth more than they cost in margin to the short ones: selling them is a cut
 * in size and a rise in risk. */
static void test_exchange_margin_refuses_to_cut_a_hedge(void **state)
{
    (void)state;
    apply_passing(list_entry(market.call_high));
    mark_at(SPOT);
    tn_ticks low = price_at_mark(market.call), high = price_at_mark(market.call_high);
    be_standard(ALICE, 20000 * DOLLAR);
    trade(ALICE, BOB, market.call, low, 10);
    trade(BOB, ALICE, market.call_high, high, 10);
    tn_micros kept = cash_of(ALICE);
    assert_int_equal(m_of(ALICE), kept); /* the spread asks for nothing more */
    pass(ALICE, withdraw(0, kept - 100 * DOLLAR));
    place(BOB, limit(BUY, market.call, low, 10));
    refuse(ALICE, ioc(limit(SELL, market.call, low, 10)), TN_REJECT_MARGIN_SHORT);
    /* Alone, the short calls ask for max(13 %, 15 % − out of the money) of spot and their mark. */
    tn_micros charge = 10 * (mark_of(market.call_high) + 130 * DOLLAR);
    tn_micros got = 10 * low * TICK;
    /* Of what the sale brings nothing may count while it is open. */
    assert_in_range(last_event()->money, charge - got - 100 * DOLLAR, charge - 100 * DOLLAR);
    assert_int_equal(lots_of(ALICE, market.call), 10);
}

/* ---- One check for a command of many parts ---- */

static void test_exchange_margin_checks_a_mass_quote_once_as_a_whole(void **state)
{
    (void)state;
    be_standard(ALICE, 1000 * DOLLAR);
    const struct tn_quote quotes[] = {two_sided(market.perp, 99900, 9, 100100, 9),
                                      two_sided(market.future, 99900, 1, 100100, 1)};
    /* Of each series one side at its worst: ten lots at 100 dollars, less what the prices win. */
    pass(ALICE, mass_quote(quotes, 2, 0));
    assert_int_equal(m_of(ALICE), 10 * DOLLAR);
    const struct tn_quote more[] = {two_sided(market.perp, 99900, 9, 100100, 9),
                                    two_sided(market.future, 99900, 2, 100100, 2)};
    refuse(ALICE, mass_quote(more, 2, 0), TN_REJECT_MARGIN_SHORT);
    assert_int_equal(last_event()->money, (11 * 99 - 1000) * DOLLAR);
    assert_int_equal(m_of(ALICE), 10 * DOLLAR); /* the quotes that stood stand */
}

static void test_exchange_margin_checks_a_package_after_its_last_leg(void **state)
{
    (void)state;
    apply_passing(list_entry(market.call_high));
    mark_at(SPOT);
    tn_ticks low = price_at_mark(market.call), high = price_at_mark(market.call_high);
    tn_micros net = 10 * (low - high) * TICK;
    be_standard(ALICE, net);
    place(BOB, limit(SELL, market.call, low, 10));
    place(BOB, limit(BUY, market.call_high, high, 10));
    refuse(ALICE, ioc(limit(SELL, market.call_high, high, 10)), TN_REJECT_MARGIN_SHORT);
    const struct tn_leg legs[] = {leg(SELL, market.call_high, 1, 1),
                                  leg(BUY, market.call, 1, 1000000)};
    const struct tn_event *result = pass(ALICE, package(TN_FOK, 10, net / 10, legs, 2));
    assert_int_equal(result->quantity, 10);
    assert_int_equal(cash_of(ALICE), 0);
    assert_int_equal(m_of(ALICE), 0);
}

static void test_exchange_margin_checks_both_sides_of_a_block_trade(void **state)
{
    (void)state;
    be_standard(ALICE, 1000 * DOLLAR);
    const struct tn_leg legs[] = {leg(BUY, market.perp, 11, 100000)};
    refuse(BOB, block_trade(ALICE, market.nonces[ALICE] + 1, legs, 1),
           TN_REJECT_COUNTERPARTY_SHORT);
    assert_int_equal(last_event()->money, 100 * DOLLAR);
    refuse(ALICE, block_trade(BOB, market.nonces[BOB] + 1, legs, 1), TN_REJECT_MARGIN_SHORT);
    assert_int_equal(last_event()->money, 100 * DOLLAR);
    const struct tn_leg fewer[] = {leg(BUY, market.perp, 10, 100000)};
    pass(BOB, block_trade(ALICE, ++market.nonces[ALICE], fewer, 1));
    assert_int_equal(lots_of(ALICE, market.perp), -10);
    assert_int_equal(m_of(ALICE), 0);
}

/* ---- Cash ---- */

static void test_exchange_margin_refuses_to_buy_options_with_cash_that_is_not_there(void **state)
{
    (void)state;
    apply_passing((struct tn_entry){.kind = TN_ENTRY_ASSET});
    mark_at(SPOT);
    be_standard(ALICE, 1000 * DOLLAR);
    apply_passing(deposit_entry(ALICE, 1, 100000 * DOLLAR)); /* so that margin is no matter */
    tn_ticks price = price_at_mark(market.call);
    tn_lots lots = 1000 * DOLLAR / (price * TICK) + 1;
    refuse(ALICE, limit(BUY, market.call, price, lots), TN_REJECT_CASH_NEGATIVE);
    assert_int_equal(last_event()->money, lots * price * TICK - 1000 * DOLLAR);
    place(ALICE, limit(BUY, market.call, price, lots - 1));
}

static void test_exchange_margin_lets_portfolio_accounts_owe_up_to_their_bound(void **state)
{
    (void)state;
    struct tn_risk risk = usual_risk();
    risk.negative_cash_micros = 500 * DOLLAR;
    risk.borrow_total_micros = 700 * DOLLAR;
    set_risk(&risk);
    apply_passing((struct tn_entry){.kind = TN_ENTRY_ASSET});
    mark_at(SPOT);
    tn_ticks price = price_at_mark(market.call);
    for (uint32_t i = 0; i < 2; i++) {
        const uint32_t who[] = {ALICE, CAROL};
        apply_passing(deposit_entry(who[i], 1, 100000 * DOLLAR));
        pass(who[i], withdraw(0, cash_of(who[i]) - 10 * price * TICK));
        refuse(who[i], limit(BUY, market.call, price + 1000, 20), TN_REJECT_CASH_NEGATIVE);
    }
    place(BOB, limit(SELL, market.call, price, 100));
    tn_lots more = 400 * DOLLAR / (price * TICK); /* no more than the bound */
    if (more == 0) more = 1;
    tn_micros owed = more * price * TICK;
    bool within = owed <= 500 * DOLLAR;
    assert_true(within);
    pass(ALICE, limit(BUY, market.call, price, 10 + more));
    assert_int_equal(cash_of(ALICE), -owed);
    mark_at(SPOT); /* her debt now counts in the market's total */
    tn_micros left = 700 * DOLLAR - owed;
    if (left > 500 * DOLLAR) left = 500 * DOLLAR;
    tn_lots most = 10 + left / (price * TICK);
    refuse(CAROL, limit(BUY, market.call, price, most + 1), TN_REJECT_CASH_NEGATIVE);
    assert_int_equal(last_event()->money, (most + 1 - 10) * price * TICK - left);
    place(CAROL, limit(BUY, market.call, price, most));
}

/* ---- Late feeds ---- */

static void test_exchange_late_feeds_let_pass_only_what_lowers_risk(void **state)
{
    (void)state;
    be_standard(ALICE, 10000 * DOLLAR);
    trade(ALICE, BOB, market.perp, 100000, 10);
    block(2500); /* spot is older than its soft age */
    refuse(ALICE, limit(BUY, market.perp, 100000, 1), TN_REJECT_FEED_LATE);
    assert_int_equal(last_event()->money, 0);
    uint64_t order = place(ALICE, limit(SELL, market.perp, 100000, 10));
    refuse(ALICE, withdraw(0, 1), TN_REJECT_FEED_LATE);
    pass(ALICE, cancel(order));
    pass(DAN, withdraw(0, 1)); /* who holds nothing does not care */
    live(1, SPOT);
    place(ALICE, limit(BUY, market.perp, 100000, 1));
}

/* ---- What an account has not it cannot give away ---- */

/* Alice is long 400 perpetuals, and m is far below zero. */
static void fall_short(void)
{
    pass(ALICE, withdraw(0, cash_of(ALICE) - 90000 * DOLLAR));
    trade(ALICE, BOB, market.perp, 100000, 400);
    mark_at(97000 * DOLLAR);
    mark_at(94000 * DOLLAR);
    assert_true(m_of(ALICE) < -50000 * DOLLAR);
    assert_int_equal(risk_of(ALICE).margin.equity, 66000 * DOLLAR);
}

/* To close all of it frees more than 100 000 dollars, so m rises by any sale that gives away less;
 * but what is beyond her 66 000, 165 dollars of a lot, others would have to pay. */
static void test_exchange_margin_lets_nobody_give_away_more_than_is_there(void **state)
{
    (void)state;
    fall_short();
    const struct tn_leg too_cheap[] = {leg(SELL, market.perp, 400, 94000 - 16510)};
    const struct tn_leg all_of_it[] = {leg(SELL, market.perp, 400, 94000 - 16500)};
    refuse(ALICE, block_trade(DAN, market.nonces[DAN] + 1, too_cheap, 1), TN_REJECT_MARGIN_SHORT);
    pass(ALICE, block_trade(DAN, market.nonces[DAN] + 1, all_of_it, 1));
    assert_int_equal(risk_of(ALICE).margin.equity, 0);
    assert_int_equal(cash_of(ALICE), 0);
}

/* Nor can she give away what she has and leave the risk behind: what stays has its part. */
static void test_exchange_margin_lets_nobody_leave_risk_without_equity(void **state)
{
    (void)state;
    fall_short();
    struct tn_account_risk_view view = risk_of(ALICE);
    tn_micros its_part = view.requirement / 2; /* of less than E: all of it may go beyond */
    assert_true(view.margin.mm > 0 && view.margin.equity - its_part > 33000 * DOLLAR);
    tn_ticks most = (view.margin.equity - its_part) / 200 / TICK / 10 * 10;
    const struct tn_leg too_cheap[] = {leg(SELL, market.perp, 200, 94000 - most - 10)};
    const struct tn_leg all_of_it[] = {leg(SELL, market.perp, 200, 94000 - most)};
    refuse(ALICE, block_trade(DAN, market.nonces[DAN] + 1, too_cheap, 1), TN_REJECT_MARGIN_SHORT);
    pass(ALICE, block_trade(DAN, market.nonces[DAN] + 1, all_of_it, 1));
    assert_true(m_of(ALICE) < 0 && risk_of(ALICE).margin.mm >= 0);
}

/* In parts it is no more: what is open counts. */
static void test_exchange_margin_counts_what_open_orders_may_give_away(void **state)
{
    (void)state;
    be_standard(ALICE, 1000 * DOLLAR);
    trade(ALICE, BOB, market.perp, 100000, 10);
    mark_at(90700 * DOLLAR);
    assert_in_range(risk_of(ALICE).margin.equity, 46 * DOLLAR, 89 * DOLLAR);
    expect_stage(ALICE, TN_LIQUIDATION_AUCTION);
    uint64_t order = place(ALICE, limit(SELL, market.perp, 89800, 5)); /* 9 dollars a lot */
    refuse(ALICE, limit(SELL, market.perp, 89800, 5), TN_REJECT_ACCOUNT_FROZEN);
    place(ALICE, limit(SELL, market.perp, 90700, 5)); /* at the mark nothing is lost */
    pass(ALICE, cancel(order));
    place(ALICE, limit(SELL, market.perp, 89800, 5));
}

/* ---- Protection groups: margin counts on their limits ---- */

/* Alice asks for the mark of a thousand calls, of which her group lets ten go; what that may cost
 * her is far less than a thousand would. */
static void quote_in_group(uint8_t group)
{
    struct tn_quote quote = two_sided(market.call, 0, TN_QUOTE_KEEP, 0, 1000);
    quote.ask_price = price_at_mark(market.call);
    send(ALICE, mass_quote(&quote, 1, group));
}

static void quote_on_a_limit(void)
{
    pass(ALICE, withdraw(0, cash_of(ALICE) - 7000 * DOLLAR));
    pass(ALICE, protection(1, 10, 0, 1, 1));
    quote_in_group(1);
    expect_reject(TN_REJECT_NONE);
    assert_true(m_of(ALICE) >= 0);
}

static tn_lots take_from_alice(void)
{
    return send(BOB, ioc(limit(BUY, market.call, price_at_mark(market.call), 9)))->quantity;
}

static void test_exchange_margin_renews_no_window_while_m_is_below_zero(void **state)
{
    (void)state;
    quote_on_a_limit();
    while (m_of(ALICE) >= 0) {
        assert_int_equal(take_from_alice(), 9);
        if (m_of(ALICE) >= 0) pass(ALICE, protection_reset(1));
    }
    tn_lots sold = -lots_of(ALICE, market.call);
    tn_micros missing = -m_of(ALICE);
    assert_true(risk_of(ALICE).margin.im >= 0);
    refuse(ALICE, protection_reset(1), TN_REJECT_MARGIN_SHORT);
    assert_int_equal(last_event()->money, missing);
    refuse(ALICE, protection(1, 10, 0, 1, 1), TN_REJECT_MARGIN_SHORT);
    assert_int_equal(last_event()->money, missing);
    assert_int_equal(take_from_alice(), 1); /* what the window has left, and the group trips */
    assert_int_equal(take_from_alice(), 0);
    assert_int_equal(-lots_of(ALICE, market.call), sold + 1);
    assert_true(risk_of(ALICE).margin.im >= 0);
}

static void test_exchange_margin_lets_quotes_change_groups_only_with_m_above_zero(void **state)
{
    (void)state;
    quote_on_a_limit();
    pass(ALICE, protection(2, 10, 0, 1, 1));
    while (m_of(ALICE) >= 0) {
        assert_int_equal(take_from_alice(), 9);
        if (m_of(ALICE) >= 0) pass(ALICE, protection_reset(1));
    }
    tn_micros m = m_of(ALICE);
    quote_in_group(2); /* the same quote: m would be the same */
    expect_reject(TN_REJECT_MARGIN_SHORT);
    assert_int_equal(m_of(ALICE), m);
    const struct tn_quote none = two_sided(market.call, 0, TN_QUOTE_KEEP, 0, 0);
    pass(ALICE, mass_quote(&none, 1, 2)); /* to take it back is no addition */
    assert_true(m_of(ALICE) >= 0);
}

static void test_exchange_margin_keeps_a_window_until_the_account_is_judged(void **state)
{
    (void)state;
    struct tn_risk risk = usual_risk();
    risk.mark_ms = 300;
    set_risk(&risk);
    live(1, SPOT);
    sweep(EVERYTHING);
    quote_on_a_limit();
    assert_int_equal(take_from_alice(), 9);
    block(100); /* no MARK: the millisecond of the window is over, what margin counts is not */
    assert_int_equal(events_of(TN_EVENT_MARKED), 0);
    assert_int_equal(take_from_alice(), 1);
    assert_int_equal(events_of(TN_EVENT_PROTECTED), 1);
    block(100);
    quote_in_group(1);
    expect_reject(TN_REJECT_NONE);
    assert_int_equal(take_from_alice(), 9);
    live(1, SPOT); /* a MARK */
    assert_int_equal(take_from_alice(), 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FEEDS_STORY(test_exchange_margin_refuses_what_leaves_m_below_zero_and_says_by_how_much),
        FEEDS_STORY(test_exchange_margin_counts_the_fee_of_an_open_order),
        FEEDS_STORY(test_exchange_margin_lets_a_hedge_pass_while_m_is_below_zero),
        FEEDS_STORY(test_exchange_margin_refuses_to_cut_a_hedge),
        FEEDS_STORY(test_exchange_margin_checks_a_mass_quote_once_as_a_whole),
        FEEDS_STORY(test_exchange_margin_checks_a_package_after_its_last_leg),
        FEEDS_STORY(test_exchange_margin_checks_both_sides_of_a_block_trade),
        FEEDS_STORY(test_exchange_margin_refuses_to_buy_options_with_cash_that_is_not_there),
        FEEDS_STORY(test_exchange_margin_lets_portfolio_accounts_owe_up_to_their_bound),
        FEEDS_STORY(test_exchange_late_feeds_let_pass_only_what_lowers_risk),
        FEEDS_STORY(test_exchange_margin_lets_nobody_give_away_more_than_is_there),
        FEEDS_STORY(test_exchange_margin_lets_nobody_leave_risk_without_equity),
        FEEDS_STORY(test_exchange_margin_counts_what_open_orders_may_give_away),
        FEEDS_STORY(test_exchange_margin_renews_no_window_while_m_is_below_zero),
        FEEDS_STORY(test_exchange_margin_lets_quotes_change_groups_only_with_m_above_zero),
        FEEDS_STORY(test_exchange_margin_keeps_a_window_until_the_account_is_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
