/* What a trader can work out again with events alone: his cash and his position, and from them each
 * step of the waterfall, with the rules of docs/specs/risk.md written here a second time.
 *
 * Nothing is asked of the exchange once a story has begun but the events of each entry; spot is
 * what was reported. Accounts are under standard margin and hold one perpetual or future: a lot is
 * worth P = spot / 100 and R asks for 6.5 % of it. */
#include "margin_case.h"

struct hand {
    tn_micros cash, cost;
    tn_lots lots;
};

static struct hands {
    struct hand of[TRADERS];
    struct hand before_slice; /* of the account whose slice is running */
    bool is_slicing;
    tn_micros lot; /* what one is worth at the last MARK */
    tn_micros debt, fund;
} hands;

static void begin_by_hand(tn_micros spot)
{
    memset(&hands, 0, sizeof hands);
    hands.lot = spot / 100;
    for (uint32_t i = 0; i < TRADERS; i++)
        hands.of[i].cash = cash_of(i);
}

static tn_micros equity_of(const struct hand *hand)
{
    return hand->cash + hand->lots * hands.lot;
}

static tn_micros asked_of(const struct hand *hand)
{
    const tn_lots lots = hand->lots < 0 ? -hand->lots : hand->lots;
    assert_int_equal(lots * hands.lot * 65 % 1000, 0);
    return lots * hands.lot / 1000 * 65;
}

/* Cash and lots move; cost follows the lots that are added, and goes in proportion. */
static void move(uint32_t account, tn_lots lots, tn_micros price, tn_micros fee)
{
    struct hand *hand = &hands.of[account];
    const bool adds = hand->lots == 0 || (hand->lots > 0) == (lots > 0);
    assert_true(adds || llabs(lots) <= llabs(hand->lots));
    hand->cost += adds ? lots * price : hand->cost / hand->lots * lots;
    hand->lots += lots;
    hand->cash -= lots * price + fee;
}

/* ---- Each step, with what its event says -------------------------------------------------------
 */

static int64_t up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* risk.md, "A slice", of an account that sells, within no cap. */
static void check_slice(const struct tn_event *event)
{
    const struct tn_risk risk = usual_risk();
    assert_true(hands.is_slicing);
    hands.is_slicing = false;
    const struct hand *hand = &hands.before_slice;
    assert_int_equal(event->other_remaining, equity_of(hand));
    assert_int_equal(event->money, equity_of(hand) - asked_of(hand));
    /* From here on the event and the position alone. */
    const tn_micros equity = event->other_remaining, asked = equity - event->money;
    const tn_micros missing = up(asked * risk.buffer_ppm, PPM) - event->money;
    const tn_micros a_lot = asked / hand->lots;
    assert_int_equal(event->side, SELL);
    assert_int_equal(event->quantity, up(missing, a_lot));
    const tn_micros freed = a_lot * event->quantity;
    const int64_t depth = PPM - up(equity * PPM, asked);
    const int64_t part = risk.slice_base_ppm + risk.slice_slope_ppm * depth / PPM;
    const tn_micros given = freed * part / PPM / event->quantity;
    assert_int_equal(event->price, up(hands.lot - given, TICK));
    assert_int_equal(hand->lots - hands.of[event->account].lots, event->remaining);
}

/* risk.md, "Deleveraging": what the account lacks is on the lots, and the counterparty's rank. */
static void check_deleveraged(const struct tn_event *event)
{
    const struct hand *hand = &hands.of[event->account], *other = &hands.of[event->other_account];
    assert_int_equal(event->price, hands.lot);
    const tn_micros gain = other->lots * hands.lot - other->cost;
    const tn_micros rank =
        gain <= 0 ? 0 : (tn_micros)((tn_i128)gain * asked_of(other) / equity_of(other));
    assert_int_equal(event->remaining, rank);
    assert_true(hand->lots > 0 && event->quantity > 0);
}

static void check_socialised(const struct tn_event *event, tn_micros *left)
{
    tn_micros total = 0;
    assert_int_equal(event->price, equity_of(&hands.of[event->account]));
    assert_int_equal(event->remaining, hands.debt);
    tn_micros share = tn_mul_div_ceil(event->remaining, event->price, event->other_remaining);
    if (share > *left) share = *left;
    *left -= share;
    assert_int_equal(event->money, share);
    for (uint32_t i = 0; i < TRADERS; i++) {
        const tn_micros equity = equity_of(&hands.of[i]);
        /* Those before have paid by now. */
        total += i < event->account && equity > 0 ? event_of(TN_EVENT_SOCIALISED, i)->money : 0;
        total += equity > 0 ? equity : 0;
    }
    assert_int_equal(event->other_remaining, total);
}

/* ---- All events of an entry --------------------------------------------------------------------
 */

static void follow_trade(const struct tn_event *event)
{
    const tn_lots lots = event->side == BUY ? event->quantity : -event->quantity;
    if ((event->flags & TN_EVENT_FORCED) != 0 && !hands.is_slicing) {
        hands.is_slicing = true;
        hands.before_slice = hands.of[event->account];
    }
    move(event->account, lots, event->price * TICK, event->fee);
    move(event->other_account, -lots, event->price * TICK, event->other_fee);
}

static void follow_deleveraged(const struct tn_event *event)
{
    check_deleveraged(event);
    move(event->account, -event->quantity, event->money, 0);
    move(event->other_account, event->quantity, event->money, 0);
}

static void follow(void)
{
    tn_micros left = hands.debt;
    for (uint32_t i = 0; i < market.count; i++) {
        const struct tn_event *event = &market.events[i];
        if (event->kind == TN_EVENT_TRADE) follow_trade(event);
        if (event->kind == TN_EVENT_SLICE) check_slice(event);
        if (event->kind == TN_EVENT_DELEVERAGED) follow_deleveraged(event);
        if (event->kind == TN_EVENT_SETTLED) {
            struct hand *hand = &hands.of[event->account];
            assert_int_equal(event->quantity, hand->lots);
            hand->cash += event->money;
            hand->lots = hand->cost = 0;
        }
        if (event->kind == TN_EVENT_LIQUIDATION) {
            const struct hand *hand = &hands.of[event->account];
            assert_int_equal(event->price, equity_of(hand));
            assert_int_equal(event->quantity, equity_of(hand) - asked_of(hand));
        }
        if (event->kind == TN_EVENT_INSURANCE) {
            hands.fund -= event->money;
            hands.of[event->account].cash += event->money;
        }
        if (event->kind == TN_EVENT_DEBT) {
            hands.debt += event->money;
            hands.of[event->account].cash += event->money;
        }
        if (event->kind == TN_EVENT_SOCIALISED) {
            check_socialised(event, &left);
            hands.of[event->account].cash -= event->money;
        }
    }
    if (events_of(TN_EVENT_SOCIALISED) > 0) hands.debt = left;
}

/* The tracks of a trade that is no part of the waterfall. */
static void trade_by_hand(uint32_t buyer, uint32_t seller, uint64_t series, tn_ticks price,
                          tn_lots lots)
{
    trade(buyer, seller, series, price, lots);
    follow();
}

static void bid(uint32_t account, tn_ticks price, tn_lots lots)
{
    place(account, fee_up_to(limit(BUY, market.perp, price, lots), 500));
}

static void mark_by_hand(tn_micros spot)
{
    live(1, spot);
    hands.lot = mark_of(market.perp); /* a jump waits for its confirmation */
    follow();
    sweep(EVERYTHING);
    follow();
}

static void expect_hands_are_right(void)
{
    for (uint32_t i = 0; i < TRADERS; i++)
        assert_int_equal(hands.of[i].cash, cash_of(i));
    expect_fund_and_debt(hands.fund, hands.debt);
}

/* ---- Stories -----------------------------------------------------------------------------------
 */

/* Prices fall from MARK to MARK, and slices take what stands in the book. */
static void test_exchange_events_tell_what_each_slice_was_worked_out_from(void **state)
{
    (void)state;
    uint32_t slices = 0;
    be_standard(ALICE, 6100 * DOLLAR);
    begin_by_hand(SPOT);
    trade_by_hand(ALICE, CAROL, market.perp, 100000, 50);
    set_fees(-50, 500, 0); /* slices pay, at any fee */
    bid(BOB, 93100, 3);
    bid(DAN, 92900, 2);
    for (tn_micros spot = 93500; spot >= 92700; spot -= 200) {
        mark_by_hand(spot * DOLLAR);
        liquidate(EVERYTHING);
        follow();
        slices += events_of(TN_EVENT_SLICE);
        bid(DAN, spot - 1000, 2);
    }
    assert_true(slices >= 3);
    expect_hands_are_right();
}

/* Thirty lots go to three who are short of them, by rank; who gained nothing keeps his. */
static void test_exchange_events_tell_what_each_deleveraging_was_worked_out_from(void **state)
{
    (void)state;
    tn_micros spread = 0, lacked = 0;
    int64_t last = INT64_MAX;
    be_standard(ALICE, 4000 * DOLLAR);
    be_standard(BOB, 9000 * DOLLAR);
    be_standard(CAROL, 6000 * DOLLAR);
    be_standard(DAN, 7000 * DOLLAR);
    begin_by_hand(SPOT);
    trade_by_hand(ALICE, BOB, market.perp, 99500, 10);
    trade_by_hand(ALICE, CAROL, market.perp, 100500, 10);
    trade_by_hand(ALICE, DAN, market.perp, 100000, 10);
    mark_by_hand(80000 * DOLLAR);
    mark_by_hand(80000 * DOLLAR);
    mark_by_hand(80000 * DOLLAR); /* E = 4 000 − 30 · 200 */
    live(1, 80000 * DOLLAR);
    assert_int_equal(events_of(TN_EVENT_DELEVERAGED), 3);
    for (uint32_t i = 0; i < market.count; i++) {
        const struct tn_event *event = &market.events[i];
        if (event->kind != TN_EVENT_DELEVERAGED) continue;
        assert_int_equal(event->other_remaining, equity_of(&hands.of[ALICE]));
        lacked = -event->other_remaining;
        spread += event->quantity * (event->money - event->price);
        assert_true(event->remaining > 0 && event->remaining < last);
        last = event->remaining;
    }
    assert_in_range(spread - lacked, 0, 29); /* less than a micro a lot, from rounding up */
    follow();
    assert_int_equal(hands.of[ALICE].lots, 0);
    expect_hands_are_right();
}

/* Alice holds futures into a settlement that leaves her 5 000 short, of which insurance has 1 000.
 */
static void test_exchange_events_tell_what_each_share_of_a_loss_was_worked_out_from(void **state)
{
    (void)state;
    struct tn_risk risk = usual_risk();
    risk.spot_heartbeat_ms = risk.forward_heartbeat_ms = TN_MS_PER_DAY;
    set_risk(&risk);
    insure(1000 * DOLLAR);
    be_standard(ALICE, 5000 * DOLLAR);
    be_standard(BOB, 12345678901);
    begin_by_hand(SPOT);
    hands.fund = 1000 * DOLLAR;
    trade_by_hand(ALICE, CAROL, market.future, 100000, 50);
    const int64_t expiry_ms = tn_series_expiry_ms(market.future);
    block(expiry_ms - 1800000 - 5000 - market.time_ms);
    jump_to(SPOT);
    jump_to(80000 * DOLLAR);
    hands.lot = 800 * DOLLAR;
    block(expiry_ms - market.time_ms);
    follow();
    assert_int_equal(equity_of(&hands.of[ALICE]), -5000 * DOLLAR);
    sweep(EVERYTHING);
    follow();
    assert_int_equal(hands.debt, 4000 * DOLLAR);
    assert_int_equal(hands.of[ALICE].cash, 0);
    block(100);
    follow();
    assert_int_equal(events_of(TN_EVENT_SOCIALISED), 4);
    assert_int_equal(hands.debt, 0);
    expect_hands_are_right();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FEEDS_STORY(test_exchange_events_tell_what_each_slice_was_worked_out_from),
        FEEDS_STORY(test_exchange_events_tell_what_each_deleveraging_was_worked_out_from),
        FEEDS_STORY(test_exchange_events_tell_what_each_share_of_a_loss_was_worked_out_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
