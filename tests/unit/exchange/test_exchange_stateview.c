/* What onlookers see (stateview.h) is what the exchange does: orders, positions and marks against
 * what was sent, and what-if against what admission then says and what the account then is. */
#include "exchange_commands.h"
#include "margin_case.h"
#include "seed.h"
#include "tenor/stateview.h"

static struct tn_order_view order_view(uint64_t order_id)
{
    struct tn_order_view view;
    uint32_t slot = tn_book_find(tn_exchange_books(market.exchange), order_id);
    assert_true(slot != TN_NONE);
    tn_exchange_order_at(market.exchange, &view, slot);
    assert_true(view.order_id == order_id);
    return view;
}

static void test_exchange_views_tell_an_order_as_it_was_sent(void **state)
{
    (void)state;
    uint64_t iceberg =
        place(ALICE, under_id(labelled(showing(limit(BUY, market.call, 900, 10), 3), 77),
                              UINT64_C(5000000001)));
    struct tn_order_view view = order_view(iceberg);
    assert_true(view.series_id == market.call && view.client_id == UINT64_C(5000000001));
    assert_int_equal(view.account, ALICE);
    assert_int_equal(view.label, 77);
    assert_int_equal(view.side, TN_BUY);
    assert_int_equal(view.price, 900);
    assert_int_equal(view.open, 10);
    assert_int_equal(view.visible, 3);
    assert_false(view.is_quote || view.is_stop);
    place(BOB, limit(SELL, market.call, 900, 4));
    view = order_view(iceberg);
    assert_int_equal(view.open, 6);
    assert_int_equal(view.visible, 2);
}

static void test_exchange_views_tell_stops_and_quotes_apart(void **state)
{
    (void)state;
    uint64_t stop = place(ALICE, stop_at(limit(SELL, market.call, 800, 5), 700));
    const struct tn_quote quote = two_sided(market.put, 950, 2, 1050, 3);
    pass(ALICE, mass_quote(&quote, 1, 0));
    struct tn_order_view views[8];
    assert_int_equal(tn_exchange_orders_of(market.exchange, views, 8, ALICE, 0), 3);
    assert_true(views[0].order_id == stop && views[0].is_stop && !views[0].is_quote);
    assert_int_equal(views[0].price, 700);
    assert_int_equal(views[0].side, TN_SELL);
    assert_true(views[1].is_quote && views[1].side == TN_BUY && views[1].price == 950);
    assert_true(views[2].is_quote && views[2].side == TN_SELL && views[2].price == 1050);
}

static void test_exchange_views_page_an_accounts_orders_by_id(void **state)
{
    (void)state;
    uint64_t ids[9];
    struct tn_order_view views[4];
    for (uint32_t i = 0; i < 9; i++) {
        ids[i] = place(ALICE, limit(BUY, i % 2 == 0 ? market.call : market.put, 900 - i, 1));
        place(BOB, limit(BUY, market.call, 600, 1));
    }
    pass(ALICE, cancel(ids[4]));
    uint64_t after = 0;
    uint32_t seen = 0, next = 0;
    for (uint32_t count; (count = tn_exchange_orders_of(market.exchange, views, 4, ALICE, after));
         after = views[count - 1].order_id) {
        for (uint32_t i = 0; i < count; i++, seen++, next++) {
            if (next == 4) next++;
            assert_true(views[i].order_id == ids[next]);
        }
    }
    assert_int_equal(seen, 8);
    assert_int_equal(tn_exchange_orders_of(market.exchange, views, 4, TRADERS, 0), 0);
}

static void test_exchange_views_tell_a_series_with_its_mark_band_and_settlement(void **state)
{
    (void)state;
    struct tn_listed_view view;
    assert_true(tn_exchange_listed(market.exchange, &view, market.call));
    assert_true(view.is_marked);
    assert_int_equal(view.mark_micros, 1000 * TICK);
    assert_int_equal(view.forward_micros, 100000 * DOLLAR);
    assert_int_equal(view.band_low, 500);
    assert_int_equal(view.band_high, 1500);
    assert_int_equal(view.micros_per_tick, TICK);
    assert_int_equal(view.left_ms, tn_series_expiry_ms(market.call) - market.time_ms);
    assert_true(view.contract->schedule.steps_count == 2);
    place(ALICE, limit(BUY, market.call, 1500, 1)); /* both edges are prices that pass */
    place(BOB, limit(SELL, market.call, 500, 1));
    assert_true(tn_exchange_listed(market.exchange, &view, market.call));
    assert_int_equal(view.open_interest, 1);
    market.time_ms = tn_series_expiry_ms(market.call);
    advance(1, 0);
    apply_passing(settle_entry(market.day, 101000 * DOLLAR));
    assert_true(tn_exchange_listed(market.exchange, &view, market.call));
    assert_int_equal(view.status, TN_STATUS_SETTLING);
    assert_int_equal(view.settlement_micros, 10 * DOLLAR); /* of a lot of a hundredth */
    assert_int_equal(view.left_ms, 0);
    assert_true(tn_exchange_listed(market.exchange, &view, market.put));
    assert_int_equal(view.settlement_micros, 0);
    assert_false(tn_exchange_listed(market.exchange, &view, market.call + 1));
}

static void test_exchange_views_walk_every_series_once(void **state)
{
    (void)state;
    const uint32_t count = tn_exchange_slots_count(market.exchange);
    uint64_t ids[64];
    assert_int_equal(tn_exchange_series_ids(market.exchange, ids, 64), count);
    for (uint32_t slot = 0; slot < count; slot++) {
        struct tn_listed_view at, by_id;
        tn_exchange_listed_at(market.exchange, &at, slot);
        assert_int_equal(at.slot, slot);
        assert_true(tn_exchange_listed(market.exchange, &by_id, at.id));
        assert_int_equal(by_id.slot, slot);
        assert_int_equal(by_id.book, series_view(at.id).book);
    }
    struct tn_underlying_view under;
    assert_true(tn_exchange_underlying_view(market.exchange, &under, 1));
    assert_string_equal(under.symbol, "BTC");
    assert_int_equal(under.index_micros, 100000 * DOLLAR);
    assert_false(tn_exchange_underlying_view(market.exchange, &under, 2));
    assert_false(tn_exchange_underlying_view(market.exchange, &under, 0));
}

static void test_exchange_views_add_positions_up_to_the_accounts_equity(void **state)
{
    (void)state;
    struct tn_position_view views[8];
    place(BOB, limit(SELL, market.perp, 100100, 7));
    place(ALICE, limit(BUY, market.perp, 100100, 7));
    place(BOB, limit(SELL, market.call, 1100, 3));
    place(ALICE, limit(BUY, market.call, 1100, 3));
    apply_passing(funding_entry(market.perp, 2000000000)); /* two thousandths of a dollar a lot */
    const uint32_t count = tn_exchange_positions_of(market.exchange, views, 8, ALICE);
    assert_int_equal(count, 2);
    tn_micros linear = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct tn_position wanted =
            tn_exchange_position(market.exchange, ALICE, views[i].series_id);
        assert_memory_equal(&views[i].position, &wanted, sizeof wanted);
        if (views[i].series_id == market.perp) {
            linear = views[i].value;
            assert_int_equal(views[i].value, 7 * 100000 * TICK - 7 * 2000);
            assert_int_equal(views[i].delta, 7 * 1000 * DOLLAR);
        } else {
            assert_int_equal(views[i].value, 3 * 1000 * TICK);
            assert_int_equal(views[i].delta, 3 * 500 * DOLLAR); /* half a delta of 1 000 a lot */
        }
    }
    assert_int_equal(cash_of(ALICE) + linear, account_view(ALICE).free_equity);
}

static void test_exchange_views_find_an_owners_accounts(void **state)
{
    (void)state;
    uint32_t accounts[4];
    uint8_t owner[TN_OWNER_SIZE];
    memset(owner, 1, sizeof owner);
    assert_int_equal(tn_exchange_accounts_of(market.exchange, accounts, 4, owner, TN_NONE), 2);
    assert_int_equal(accounts[0], ALICE);
    assert_int_equal(accounts[1], ALICE_TWO);
    assert_int_equal(tn_exchange_accounts_of(market.exchange, accounts, 4, owner, ALICE), 1);
    assert_int_equal(accounts[0], ALICE_TWO);
    assert_int_equal(tn_exchange_accounts_of(market.exchange, accounts, 1, owner, TN_NONE), 1);
    assert_int_equal(tn_exchange_accounts_of(market.exchange, accounts, 4, owner, ALICE_TWO), 0);
    assert_int_equal(tn_exchange_accounts_of(market.exchange, accounts, 4, owner, BOB), 0);
    assert_int_equal(tn_exchange_accounts_of(market.exchange, accounts, 4, owner, 999), 0);
    memset(owner, 99, sizeof owner);
    assert_int_equal(tn_exchange_accounts_of(market.exchange, accounts, 4, owner, TN_NONE), 0);
}

/* ---- What if -----------------------------------------------------------------------------------
 */

static struct tn_what_if what_if(uint32_t account, struct tn_trial trial)
{
    struct tn_what_if what;
    assert_true(tn_exchange_what_if(market.exchange, &what, account, &trial, 1));
    return what;
}

static void expect_state(const struct tn_margin_state *found, uint32_t account)
{
    const struct tn_margin_result margin = risk_of(account).margin;
    assert_int_equal(found->equity, margin.equity);
    assert_int_equal(found->im, margin.equity - margin.m);
    assert_int_equal(found->mm, margin.equity - margin.mm);
}

static void test_exchange_what_if_is_what_the_account_is_after_the_trade(void **state)
{
    (void)state;
    for (enum tn_margin_model of = TN_MARGIN_PORTFOLIO; of <= TN_MARGIN_STANDARD; of++) {
        pass(CAROL, model(of));
        const tn_ticks price = price_at_mark(market.call);
        struct tn_what_if what =
            what_if(CAROL, (struct tn_trial){market.call, .traded = -4, .price = price});
        assert_int_equal(what.reject, TN_REJECT_NONE);
        assert_int_equal(what.trial_refused, TN_NONE);
        expect_state(&what.before, CAROL);
        trade(BOB, CAROL, market.call, price, 4);
        expect_state(&what.after, CAROL);
        assert_true(what.after.im > what.before.im);
        what = what_if(CAROL, (struct tn_trial){market.perp, .traded = 3, .price = 100300});
        trade(CAROL, BOB, market.perp, 100300, 3);
        expect_state(&what.after, CAROL);
    }
}

static void test_exchange_what_if_counts_fees_and_resting_orders(void **state)
{
    (void)state;
    set_fees(0, 500, 0);
    struct tn_what_if what = what_if(ALICE, (struct tn_trial){market.perp, .bid_lots = 6});
    place(ALICE, fee_up_to(limit(BUY, market.perp, 100000, 6), 500));
    expect_state(&what.after, ALICE);
    place(BOB, fee_up_to(limit(SELL, market.perp, 100200, 2), 500));
    what = what_if(ALICE, (struct tn_trial){market.perp, .traded = 2, .price = 100200});
    pass(ALICE, ioc(fee_up_to(limit(BUY, market.perp, 100200, 2), 500)));
    expect_state(&what.after, ALICE);
}

static void test_exchange_what_if_says_what_admission_then_says(void **state)
{
    (void)state;
    be_standard(ALICE, 1000 * DOLLAR);
    struct tn_what_if what = what_if(ALICE, (struct tn_trial){market.perp, .bid_lots = 11});
    assert_int_equal(what.reject, TN_REJECT_MARGIN_SHORT);
    refuse(ALICE, limit(BUY, market.perp, 100000, 11), TN_REJECT_MARGIN_SHORT);
    assert_int_equal(what.shortfall, last_event()->money);
    assert_int_equal(what.after.im, 1100 * DOLLAR);
    what = what_if(ALICE, (struct tn_trial){market.perp, .bid_lots = 10});
    assert_int_equal(what.reject, TN_REJECT_NONE);
    assert_int_equal(what.shortfall, 0);
    place(ALICE, limit(BUY, market.perp, 100000, 10));
}

static void test_exchange_what_if_refuses_what_no_command_could_ask(void **state)
{
    (void)state;
    const struct {
        struct tn_trial trial;
        enum tn_reject reject;
    } cases[] = {
        {{market.call + 1, .traded = 1}, TN_REJECT_SERIES_UNKNOWN},
        {{market.call, .traded = 10001}, TN_REJECT_QUANTITY_RANGE},
        {{market.call, .bid_lots = -1}, TN_REJECT_QUANTITY_RANGE},
        {{market.call, .traded = 1, .price = -1}, TN_REJECT_PRICE_RANGE},
        {{market.call, .traded = 1, .price = 1000001}, TN_REJECT_PRICE_RANGE},
        {{market.call, .traded = 1, .price = 1201}, TN_REJECT_PRICE_OFF_TICK},
        {{market.call, .traded = 6000, .bid_lots = 6000}, TN_REJECT_POSITION_LIMIT_VALUE},
        {{market.call, .traded = INT64_MIN}, TN_REJECT_QUANTITY_RANGE},
    };
    const uint64_t digest = tn_exchange_digest(market.exchange);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tn_what_if what = what_if(ALICE, cases[i].trial);
        assert_int_equal(what.reject, cases[i].reject);
        assert_int_equal(what.trial_refused, 0);
        assert_memory_equal(&what.after, &what.before, sizeof what.after);
    }
    const struct tn_trial twice[] = {{market.call, .traded = 1}, {market.call, .traded = 2}};
    struct tn_what_if what;
    assert_true(tn_exchange_what_if(market.exchange, &what, ALICE, twice, 2));
    assert_int_equal(what.trial_refused, 1);
    assert_false(tn_exchange_what_if(market.exchange, &what, TRADERS, twice, 1));
    assert_true(tn_exchange_digest(market.exchange) == digest);
}

static uint64_t randomness;

static uint64_t draw(uint64_t bound)
{
    randomness = randomness * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (randomness >> 33) % bound;
}

static int64_t odd_number(void)
{
    const int64_t odd[] = {0,
                           0,
                           1,
                           -1,
                           7,
                           1000,
                           9999,
                           10000,
                           100000,
                           999999,
                           1000000,
                           INT64_MAX,
                           INT64_MIN,
                           -9999,
                           -10000,
                           INT64_C(1) << 40,
                           -(INT64_C(1) << 40),
                           INT64_C(1) << 62};
    return odd[draw(sizeof odd / sizeof odd[0])];
}

static void test_exchange_what_if_bears_any_numbers_and_changes_nothing(void **state)
{
    (void)state;
    struct tn_trial trials[6];
    struct tn_what_if what;
    uint32_t made = 0;
    trade(BOB, CAROL, market.call, price_at_mark(market.call), 40);
    place(CAROL, limit(BUY, market.perp, 99900, 10));
    const uint64_t digest = tn_exchange_digest(market.exchange);
    randomness = test_seed("test_exchange_stateview");
    for (uint32_t turn = 0; turn < 4000; turn++) {
        const uint64_t series[] = {market.call, market.put,      market.future,
                                   market.perp, market.call + 1, 0};
        const uint32_t count = 1 + (uint32_t)draw(6);
        for (uint32_t i = 0; i < count; i++) {
            trials[i] = (struct tn_trial){.series_id = series[(i + turn) % 4 + draw(10) / 9],
                                          .traded = draw(3) == 0 ? 0 : odd_number(),
                                          .price = draw(2) == 0 ? 0 : odd_number(),
                                          .bid_lots = draw(3) == 0 ? odd_number() : 0,
                                          .ask_lots = draw(3) == 0 ? odd_number() : 0};
        }
        assert_true(tn_exchange_what_if(market.exchange, &what, CAROL, trials, count));
        if (what.trial_refused == TN_NONE) made++;
        expect_state(&what.before, CAROL);
        assert_true(what.shortfall >= 0);
    }
    assert_true(made > 100);
    assert_true(tn_exchange_digest(market.exchange) == digest);
}

static void test_exchange_what_if_names_the_scenario_that_hurts_most(void **state)
{
    (void)state;
    struct tn_what_if what = what_if(ALICE, (struct tn_trial){market.perp, .traded = 100});
    assert_true(what.before.worst_scenario == TN_NONE);
    assert_true(what.after.worst_scenario < TN_SCENARIOS_MAX);
    struct tn_what_if other = what_if(ALICE, (struct tn_trial){market.perp, .traded = -100});
    assert_true(other.after.worst_scenario != what.after.worst_scenario);
}

static void test_exchange_what_if_asks_free_equity_where_margin_is_off(void **state)
{
    (void)state;
    struct tn_what_if what = what_if(ALICE, (struct tn_trial){market.call, .bid_lots = 5});
    assert_int_equal(what.before.equity, START_CASH);
    assert_int_equal(what.before.im, 0);
    assert_int_equal(what.after.im, 5 * 1000 * TICK);
    place(ALICE, limit(BUY, market.call, 1000, 5));
    assert_int_equal(account_view(ALICE).reserved, what.after.im);
    what = what_if(ALICE, (struct tn_trial){market.call, .traded = 99900, .price = 1500});
    assert_int_equal(what.reject, TN_REJECT_MARGIN_SHORT);
    assert_int_equal(what.shortfall, 99900 * 1500 * TICK - (START_CASH - 5 * 1000 * TICK));
}

static void test_exchange_views_list_accounts_that_are_wound_down(void **state)
{
    (void)state;
    struct tn_liquidation_view views[4];
    uint32_t looked;
    be_standard(ALICE, 1000 * DOLLAR);
    trade(ALICE, BOB, market.perp, 100000, 10);
    assert_int_equal(tn_exchange_liquidations(market.exchange, views, &looked, 4, TN_NONE), 0);
    jump_to(96000 * DOLLAR);
    assert_int_equal(tn_exchange_liquidations(market.exchange, views, &looked, 4, TN_NONE), 1);
    assert_int_equal(views[0].account, ALICE);
    assert_int_equal(views[0].stage, risk_of(ALICE).liquidation);
    assert_int_equal(views[0].equity, risk_of(ALICE).margin.equity);
    assert_int_equal(views[0].mm, risk_of(ALICE).margin.mm);
    assert_int_equal(tn_exchange_liquidations(market.exchange, views, &looked, 4, ALICE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_exchange_views_tell_an_order_as_it_was_sent),
        STORY(test_exchange_views_tell_stops_and_quotes_apart),
        STORY(test_exchange_views_page_an_accounts_orders_by_id),
        STORY(test_exchange_views_tell_a_series_with_its_mark_band_and_settlement),
        STORY(test_exchange_views_walk_every_series_once),
        STORY(test_exchange_views_add_positions_up_to_the_accounts_equity),
        STORY(test_exchange_views_find_an_owners_accounts),
        FEEDS_STORY(test_exchange_what_if_is_what_the_account_is_after_the_trade),
        FEEDS_STORY(test_exchange_what_if_counts_fees_and_resting_orders),
        FEEDS_STORY(test_exchange_what_if_says_what_admission_then_says),
        FEEDS_STORY(test_exchange_what_if_refuses_what_no_command_could_ask),
        FEEDS_STORY(test_exchange_what_if_bears_any_numbers_and_changes_nothing),
        FEEDS_STORY(test_exchange_what_if_names_the_scenario_that_hurts_most),
        STORY(test_exchange_what_if_asks_free_equity_where_margin_is_off),
        FEEDS_STORY(test_exchange_views_list_accounts_that_are_wound_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
