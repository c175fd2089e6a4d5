/* Accounts judged after a MARK, in its sweep or before they act (docs/specs/risk.md, "Judging
 * accounts"). */
#include "margin_case.h"

static const struct tn_event *cancelled(uint64_t order_id)
{
    for (uint32_t i = 0; i < market.count; i++) {
        const struct tn_event *event = &market.events[i];
        if (event->kind == TN_EVENT_CANCELLED && event->order_id == order_id) return event;
    }
    return NULL;
}

/* Alice can bear her order of ten lots at 100 000, and no longer at a spot of 99 000. */
static uint64_t place_unsupported(void)
{
    be_standard(ALICE, 1000 * DOLLAR);
    uint64_t order = place(ALICE, limit(BUY, market.perp, 100000, 10));
    live(1, 99000 * DOLLAR);
    return order;
}

/* ---- Who is judged, and when ---- */

static void test_exchange_sweep_judges_everybody_after_a_mark(void **state)
{
    (void)state;
    uint64_t order = place_unsupported();
    assert_null(cancelled(order));
    sweep(EVERYTHING);
    const struct tn_event *event = cancelled(order);
    assert_non_null(event);
    assert_int_equal(event->reason, TN_REASON_MARGIN);
    assert_int_equal(m_of(ALICE), 1000 * DOLLAR);
    sweep(EVERYTHING);
    assert_int_equal(market.count, 0);
}

static void test_exchange_account_that_acts_before_the_sweep_is_judged_first(void **state)
{
    (void)state;
    uint64_t order = place_unsupported();
    place(ALICE, limit(SELL, market.perp, 99500, 1));
    assert_non_null(cancelled(order));
    assert_int_equal(market.events[0].kind, TN_EVENT_CANCELLED);
    sweep(EVERYTHING);
    assert_int_equal(market.count, 0);
}

static void test_exchange_maker_met_before_the_sweep_is_judged_before_it_trades(void **state)
{
    (void)state;
    uint64_t order = place_unsupported();
    const struct tn_event *result = pass(CAROL, ioc(limit(SELL, market.perp, 99000, 5)));
    assert_int_equal(result->quantity, 0);
    assert_non_null(cancelled(order));
    assert_int_equal(lots_of(ALICE, market.perp), 0);
}

static void test_exchange_fill_or_kill_counts_only_makers_that_were_judged(void **state)
{
    (void)state;
    uint64_t order = place_unsupported();
    place(BOB, limit(BUY, market.perp, 99000, 4));
    send(CAROL, fok(limit(SELL, market.perp, 99000, 5)));
    expect_reject(TN_REJECT_FILL_OR_KILL);
    assert_non_null(cancelled(order));
    assert_int_equal(pass(CAROL, fok(limit(SELL, market.perp, 99000, 4)))->quantity, 4);
}

static void test_exchange_package_counts_only_makers_that_were_judged(void **state)
{
    (void)state;
    place(BOB, limit(SELL, market.future, 99500, 5));
    uint64_t order = place_unsupported();
    const struct tn_leg legs[] = {leg(SELL, market.perp, 1, 99000),
                                  leg(BUY, market.future, 1, 99500)};
    send(CAROL, package(TN_IOC, 5, 1000 * DOLLAR, legs, 2));
    expect_reject(TN_REJECT_PACKAGE_LIMIT);
    assert_non_null(cancelled(order));
    place(BOB, limit(BUY, market.perp, 99000, 3));
    assert_int_equal(pass(CAROL, package(TN_IOC, 5, 1000 * DOLLAR, legs, 2))->quantity, 3);
}

static void test_exchange_block_finishes_the_sweep_that_it_finds(void **state)
{
    (void)state;
    uint64_t order = place_unsupported();
    struct tn_risk_view view;
    assert_true(tn_exchange_risk(market.exchange, &view));
    assert_true(view.sweeping);
    block(1); /* not a MARK itself */
    assert_non_null(cancelled(order));
    assert_int_equal(events_of(TN_EVENT_MARKED), 0);
    assert_true(tn_exchange_risk(market.exchange, &view));
    assert_false(view.sweeping);
}

/* ---- In slices ---- */

struct swept {
    struct tn_event events[256];
    uint32_t count, entries;
    uint64_t digest;
};

/* A market in which many fail at once, swept so many units at a time. */
static void sweep_by(struct swept *swept, uint32_t units)
{
    void *state = NULL;
    open_feeds(&state);
    const uint32_t who[] = {ALICE, ALICE_TWO, BOB, CAROL};
    for (uint32_t i = 0; i < 4; i++) {
        be_standard(who[i], (5500 + 200 * i) * DOLLAR);
        trade(who[i], DAN, market.perp, 100000, 50);
        place(who[i], limit(BUY, market.future, 100000 - 10 * i, 1 + i));
        place(who[i], limit(SELL, market.perp, 100100, 2));
    }
    live(1, 94000 * DOLLAR);
    *swept = (struct swept){.count = 0};
    struct tn_risk_view view;
    do {
        sweep(units);
        assert_true(swept->count + market.count <= 256);
        memcpy(&swept->events[swept->count], market.events, market.count * sizeof market.events[0]);
        swept->count += market.count;
        swept->entries++;
        assert_true(tn_exchange_risk(market.exchange, &view));
    } while (view.sweeping);
    swept->digest = tn_exchange_digest(market.exchange);
    close_market(&state);
}

static void test_exchange_sweep_in_slices_of_any_size_does_the_same(void **state)
{
    (void)state;
    static struct swept whole, parts;
    sweep_by(&whole, EVERYTHING);
    assert_int_equal(whole.entries, 1);
    assert_true(whole.count > 8);
    for (uint32_t units = 1; units <= 6; units++) {
        sweep_by(&parts, units);
        assert_true(units > 2 || parts.entries >= 3);
        assert_int_equal(parts.count, whole.count);
        assert_memory_equal(parts.events, whole.events, whole.count * sizeof whole.events[0]);
        assert_true(parts.digest == whole.digest);
    }
}

/* ---- Which orders go ---- */

static void test_exchange_cancels_the_newest_orders_that_lower_m_until_it_is_not_below_zero(
    void **state)
{
    (void)state;
    be_standard(ALICE, 1000 * DOLLAR);
    trade(ALICE, BOB, market.perp, 100000, 5);
    uint64_t oldest = place(ALICE, limit(BUY, market.perp, 100000, 2));
    uint64_t newer = place(ALICE, limit(BUY, market.perp, 100000, 2));
    uint64_t hedge = place(ALICE, limit(SELL, market.perp, 100500, 5));
    assert_int_equal(m_of(ALICE), 100 * DOLLAR);
    mark_at(98500 * DOLLAR);
    /* IM = 925 − 492.50; each lot bought at 1 000 loses 15 and asks for 98.50: 432.50 − 4 · 113.50
     * is below zero, 432.50 − 2 · 113.50 is not. */
    assert_null(cancelled(oldest));
    assert_null(cancelled(hedge));
    assert_non_null(cancelled(newer));
    assert_int_equal(cancelled(newer)->reason, TN_REASON_MARGIN);
    assert_int_equal(m_of(ALICE), 205 * DOLLAR + 50 * CENT);
}

/* Either sale alone turns ten long into five short, which is better; both make twenty short. */
static void test_exchange_cancels_the_newest_of_orders_that_only_together_lower_m(void **state)
{
    (void)state;
    be_standard(ALICE, 1850 * DOLLAR);
    trade(ALICE, BOB, market.perp, 100000, 10);
    uint64_t older = place(ALICE, limit(SELL, market.perp, 100500, 15));
    uint64_t newer = place(ALICE, limit(SELL, market.perp, 100500, 15));
    assert_int_equal(m_of(ALICE), 0);
    mark_at(101000 * DOLLAR);
    assert_null(cancelled(older));
    assert_non_null(cancelled(newer));
    assert_int_equal(m_of(ALICE), (1950 - 1010) * DOLLAR);
}

static void test_exchange_keeps_orders_that_cannot_lower_m_however_low_it_is(void **state)
{
    (void)state;
    be_standard(ALICE, 1000 * DOLLAR);
    trade(ALICE, BOB, market.perp, 100000, 10);
    uint64_t hedge = place(ALICE, limit(SELL, market.perp, 100500, 5));
    mark_at(99000 * DOLLAR);
    assert_int_equal(m_of(ALICE), (900 - 990) * DOLLAR);
    assert_null(cancelled(hedge));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FEEDS_STORY(test_exchange_sweep_judges_everybody_after_a_mark),
        FEEDS_STORY(test_exchange_account_that_acts_before_the_sweep_is_judged_first),
        FEEDS_STORY(test_exchange_maker_met_before_the_sweep_is_judged_before_it_trades),
        FEEDS_STORY(test_exchange_fill_or_kill_counts_only_makers_that_were_judged),
        FEEDS_STORY(test_exchange_package_counts_only_makers_that_were_judged),
        FEEDS_STORY(test_exchange_block_finishes_the_sweep_that_it_finds),
        cmocka_unit_test(test_exchange_sweep_in_slices_of_any_size_does_the_same),
        FEEDS_STORY(
            test_exchange_cancels_the_newest_orders_that_lower_m_until_it_is_not_below_zero),
        FEEDS_STORY(test_exchange_cancels_the_newest_of_orders_that_only_together_lower_m),
        FEEDS_STORY(test_exchange_keeps_orders_that_cannot_lower_m_however_low_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
