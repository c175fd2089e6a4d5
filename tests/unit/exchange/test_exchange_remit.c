/* Cash that leaves for another market, and what comes from there (docs/specs/market.md §10). */
#include "margin_case.h"

#include "tenor/remit.h"

enum { HERE = 1, THERE = 2, ELSEWHERE = 5, UNDER_WAY_MAX = 3, TAKER = 4 };

static void know_markets(void)
{
    const uint32_t markets[] = {THERE, ELSEWHERE};
    tn_exchange_know_markets(market.exchange, markets, 2, UNDER_WAY_MAX);
    tn_exchange_know_markets(market.shadow, markets, 2, UNDER_WAY_MAX);
}

static struct tn_command remit(uint32_t to_market, uint32_t to_account, tn_micros amount)
{
    struct tn_command command = {.kind = TN_COMMAND_REMIT};
    command.as.remit.to_market = to_market;
    command.as.remit.to_account = to_account;
    command.as.remit.amount = amount;
    return command;
}

static uint32_t under_way(uint32_t to_market)
{
    uint32_t other, count;
    for (uint32_t i = 0; tn_exchange_remits_out(market.exchange, &other, &count, i); i++) {
        if (other == to_market) return count;
    }
    fail_msg("market %u is not known", to_market);
    return 0;
}

/* As the market does when an inbox brings it. */
static struct tn_event come_in(const struct tn_remit *coming)
{
    struct tn_event event, same;
    tn_exchange_remit_in(market.exchange, &event, coming);
    tn_exchange_remit_in(market.shadow, &same, coming);
    assert_memory_equal(&event, &same, sizeof event);
    tn_exchange_check(market.exchange);
    assert_true(tn_exchange_digest(market.exchange) == tn_exchange_digest(market.shadow));
    return event;
}

static struct tn_remit to_bob(tn_micros amount)
{
    struct tn_remit coming = {.from_market = THERE,
                              .from_account = 7,
                              .to_market = HERE,
                              .to_account = BOB,
                              .amount = amount};
    memcpy(coming.owner, account_view(BOB).owner, TN_OWNER_SIZE);
    return coming;
}

static void test_exchange_remit_leaves_as_a_withdrawal_and_is_counted(void **state)
{
    (void)state;
    know_markets();
    pass(BOB, remit(THERE, TAKER, 5 * DOLLAR));
    assert_int_equal(market.count, 2);
    const struct tn_event *event = &market.events[0];
    assert_int_equal(event->kind, TN_EVENT_REMITTED);
    assert_int_equal(event->account, BOB);
    assert_int_equal(event->other_account, TAKER);
    assert_int_equal(event->index, THERE);
    assert_int_equal(event->money, -5 * DOLLAR);
    assert_int_equal(gain_of(BOB), -5 * DOLLAR);
    assert_int_equal(house_of(TN_HOUSE_EXTERNAL), 5 * DOLLAR - TRADERS * START_CASH);
    assert_int_equal(under_way(THERE), 1);
    assert_int_equal(under_way(ELSEWHERE), 0);
}

static void test_exchange_remit_is_refused_for_each_reason_and_moves_nothing(void **state)
{
    (void)state;
    refuse(BOB, remit(THERE, TAKER, 1), TN_REJECT_MARKET_UNKNOWN); /* a lone exchange */
    know_markets();
    refuse(BOB, remit(HERE, TAKER, 1), TN_REJECT_MARKET_UNKNOWN);
    refuse(BOB, remit(3, TAKER, 1), TN_REJECT_MARKET_UNKNOWN);
    refuse(BOB, remit(0, TAKER, 1), TN_REJECT_MARKET_UNKNOWN);
    refuse(BOB, remit(THERE, TAKER, 0), TN_REJECT_AMOUNT_RANGE);
    refuse(BOB, remit(THERE, TAKER, -1), TN_REJECT_AMOUNT_RANGE);
    refuse(BOB, remit(THERE, TAKER, TN_REMIT_AMOUNT_MAX + 1), TN_REJECT_AMOUNT_RANGE);
    refuse(BOB, remit(THERE, TAKER, START_CASH + 1), TN_REJECT_CASH_SHORT);
    place(BOB, limit(BUY, market.call, 1000, 10)); /* reserves 100 dollars */
    refuse(BOB, remit(THERE, TAKER, START_CASH - 100 * DOLLAR + 1), TN_REJECT_CASH_SHORT);
    assert_int_equal(under_way(THERE), 0);
    pass(BOB, remit(THERE, TAKER, START_CASH - 100 * DOLLAR));
    assert_int_equal(under_way(THERE), 1);
}

static void test_exchange_remit_waits_for_no_more_than_may_be_under_way(void **state)
{
    (void)state;
    know_markets();
    for (uint32_t i = 0; i < UNDER_WAY_MAX; i++)
        pass(BOB, remit(THERE, TAKER, 1));
    refuse(BOB, remit(THERE, TAKER, 1), TN_REJECT_TRANSFERS_FULL);
    pass(BOB, remit(ELSEWHERE, TAKER, 1)); /* one market's way is not the other's */
    assert_false(tn_exchange_remits_ended(market.exchange, THERE, UNDER_WAY_MAX + 1));
    assert_false(tn_exchange_remits_ended(market.exchange, 3, 1));
    assert_false(tn_exchange_remits_ended(market.exchange, THERE, 0));
    assert_true(tn_exchange_remits_ended(market.exchange, THERE, 1));
    assert_true(tn_exchange_remits_ended(market.shadow, THERE, 1));
    pass(BOB, remit(THERE, TAKER, 1));
    refuse(BOB, remit(THERE, TAKER, 1), TN_REJECT_TRANSFERS_FULL);
}

static void test_exchange_remit_passes_the_gate_of_withdrawals(void **state)
{
    (void)state;
    know_markets();
    be_standard(ALICE, 6000 * DOLLAR);
    trade(ALICE, CAROL, market.perp, 100000, 50);
    refuse(ALICE, remit(THERE, TAKER, 1000 * DOLLAR + 1), TN_REJECT_CASH_SHORT);
    pass(DAN, remit(THERE, TAKER, DOLLAR));
    jump_to(87000 * DOLLAR); /* E = −500, MM = −3 327.50 */
    refuse(DAN, remit(THERE, TAKER, DOLLAR), TN_REJECT_WITHDRAWALS_WAIT);
    refuse(ALICE, remit(THERE, TAKER, 1), TN_REJECT_ACCOUNT_FROZEN);
    pass(ALICE_TWO, transfer(ALICE, 0, 1)); /* stays inside */
    insure(332750 * CENT);
    pass(DAN, remit(THERE, TAKER, DOLLAR));
}

static void test_exchange_remit_wants_fresh_feeds_of_what_the_account_holds(void **state)
{
    (void)state;
    know_markets();
    trade(ALICE, CAROL, market.perp, 100000, 1);
    block(2500); /* spot is older than its soft age */
    refuse(ALICE, remit(THERE, TAKER, 1), TN_REJECT_FEED_LATE);
    pass(DAN, remit(THERE, TAKER, 1)); /* holds nothing */
}

static void test_exchange_remit_that_comes_in_is_cash_of_its_account(void **state)
{
    (void)state;
    know_markets();
    struct tn_remit coming = to_bob(7 * DOLLAR);
    struct tn_event event = come_in(&coming);
    assert_int_equal(event.kind, TN_EVENT_REMITTED);
    assert_int_equal(event.account, BOB);
    assert_int_equal(event.other_account, 7);
    assert_int_equal(event.index, THERE);
    assert_int_equal(event.money, 7 * DOLLAR);
    assert_int_equal(event.reject, TN_REJECT_NONE);
    assert_int_equal(gain_of(BOB), 7 * DOLLAR);
    assert_int_equal(under_way(THERE), 0);
}

static void expect_goes_back(struct tn_remit coming, enum tn_reject why)
{
    tn_micros external = house_of(TN_HOUSE_EXTERNAL);
    struct tn_event event = come_in(&coming);
    assert_int_equal(event.kind, TN_EVENT_REMITTED);
    assert_int_equal(event.account, TN_NONE);
    assert_int_equal(event.other_account, coming.from_account);
    assert_int_equal(event.other_index, coming.to_account);
    assert_int_equal(event.index, THERE);
    assert_int_equal(event.money, coming.amount);
    assert_int_equal(event.reject, why);
    assert_int_equal(house_of(TN_HOUSE_EXTERNAL), external);
}

static void test_exchange_remit_goes_back_from_whom_it_is_not_for(void **state)
{
    (void)state;
    know_markets();
    struct tn_remit coming = to_bob(1);
    coming.to_account = TRADERS;
    expect_goes_back(coming, TN_REJECT_ACCOUNT_UNKNOWN);
    coming.to_account = CAROL;
    expect_goes_back(coming, TN_REJECT_OWNER_MISMATCH);
}

/* Deposits until the market can hold no more. */
static void fill_up(void)
{
    tn_micros room = TN_DEPOSITS_MAX + house_of(TN_HOUSE_EXTERNAL);
    for (; room > 0; room = TN_DEPOSITS_MAX + house_of(TN_HOUSE_EXTERNAL)) {
        apply_passing(
            deposit_entry(CAROL, 0, room < TN_REMIT_AMOUNT_MAX ? room : TN_REMIT_AMOUNT_MAX));
    }
}

static void test_exchange_remit_that_a_full_market_cannot_take_back_leaves_for_the_world(
    void **state)
{
    (void)state;
    know_markets();
    pass(BOB, remit(THERE, TAKER, 9 * DOLLAR));
    fill_up();
    expect_goes_back(to_bob(1), TN_REJECT_MONEY_RANGE);
    const struct tn_remit back = {.from_market = HERE,
                                  .from_account = BOB,
                                  .to_market = THERE,
                                  .to_account = TAKER,
                                  .reject = TN_REJECT_OWNER_MISMATCH,
                                  .amount = 9 * DOLLAR};
    struct tn_event events[2];
    assert_int_equal(tn_exchange_remit_back(market.exchange, events, &back), 2);
    assert_int_equal(events[0].kind, TN_EVENT_REMITTED);
    assert_int_equal(events[0].reject, TN_REJECT_OWNER_MISMATCH);
    assert_int_equal(events[0].money, 9 * DOLLAR);
    assert_int_equal(events[1].kind, TN_EVENT_MONEY);
    assert_int_equal(events[1].other_account, TN_NONE);
    assert_int_equal(events[1].money, -9 * DOLLAR);
    assert_int_equal(gain_of(BOB), -9 * DOLLAR);
    pass(CAROL, withdraw(0, 9 * DOLLAR));
    assert_int_equal(tn_exchange_remit_back(market.exchange, events, &back), 1);
    assert_int_equal(gain_of(BOB), 0);
    tn_exchange_check(market.exchange);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_exchange_remit_leaves_as_a_withdrawal_and_is_counted),
        STORY(test_exchange_remit_is_refused_for_each_reason_and_moves_nothing),
        STORY(test_exchange_remit_waits_for_no_more_than_may_be_under_way),
        FEEDS_STORY(test_exchange_remit_passes_the_gate_of_withdrawals),
        FEEDS_STORY(test_exchange_remit_wants_fresh_feeds_of_what_the_account_holds),
        STORY(test_exchange_remit_that_comes_in_is_cash_of_its_account),
        STORY(test_exchange_remit_goes_back_from_whom_it_is_not_for),
        STORY(test_exchange_remit_that_a_full_market_cannot_take_back_leaves_for_the_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
