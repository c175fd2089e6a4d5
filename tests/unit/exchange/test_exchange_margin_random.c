/* Whatever traders do while spot goes where it likes: no command leaves m below zero and lower than
 * it was, no account below maintenance is passed over, cash is conserved through every step of the
 * waterfall. Few traders with little money, thin books, jumps; random commands, slices, bids,
 * insurance and withdrawals. Both exchanges of exchange_case must agree, and every invariant is
 * checked, after every entry. */
#include "margin_case.h"
#include "seed.h"

#define STEPS 3000

static uint64_t stream;
static tn_micros spot;
static uint32_t seen[32];

static uint64_t below(uint64_t bound)
{
    return tn_random_below(&stream, bound);
}

static bool once_in(uint64_t times)
{
    return below(times) == 0;
}

static void count_events(void)
{
    for (uint32_t i = 0; i < market.count; i++)
        seen[market.events[i].kind]++;
}

static uint64_t any_series(void)
{
    const uint64_t series[] = {market.perp, market.perp, market.future,
                               market.call, market.put,  market.call_high};
    return series[below(6)];
}

static tn_ticks any_price(uint64_t series)
{
    tn_ticks mark = mark_of(series) / TICK;
    tn_ticks width = mark / 100 + 3;
    tn_ticks price = mark - width + (tn_ticks)below((uint64_t)(2 * width + 1));
    if (tn_series_is_option(series)) price = price / 10 * 10;
    return price < 1 ? 1 : price;
}

static struct tn_command any_order(void)
{
    uint64_t series = any_series();
    struct tn_command order = limit(once_in(2) ? BUY : SELL, series, any_price(series),
                                    (tn_lots)(1 + below(once_in(3) ? 80 : 20)));
    switch (below(8)) {
        case 0: return ioc(order);
        case 1: return fok(order);
        case 2: return reducing(order);
        case 3: return showing(order, 1);
        case 4: {
            tn_ticks mark = mark_of(series) / TICK;
            bool buys = order.as.terms[0].side == TN_BUY;
            tn_ticks trigger = mark + (buys ? 1 : -1) * (mark / 50 / 10 * 10 + 10);
            return stop_at(order, trigger < 1 ? 1 : trigger / 10 * 10);
        }
        default: return order;
    }
}

static struct tn_command any_command(uint32_t account)
{
    static struct tn_quote quotes[2];
    switch (below(14)) {
        case 0: return mass_cancel((struct tn_mass_cancel){.series_id = any_series()});
        case 1: return withdraw(0, 1 + (tn_micros)below(1000 * (uint64_t)DOLLAR));
        case 2: return model((enum tn_margin_model)below(2));
        case 3: {
            for (size_t i = 0; i < 2; i++) {
                uint64_t series = i == 0 ? market.perp : market.call;
                tn_ticks price = any_price(series);
                quotes[i] = two_sided(series, price, 5, price + 10, 5);
            }
            return mass_quote(quotes, 2, 0);
        }
        case 4: {
            uint32_t other = (uint32_t)below(TRADERS);
            const struct tn_leg legs[] = {
                leg(SELL, market.call_high, 5, any_price(market.call_high)),
                leg(BUY, market.call, 5, any_price(market.call))};
            uint64_t nonce = market.nonces[other] + 1;
            if (other != account) market.nonces[other]++;
            return block_trade(other, nonce, legs, 2);
        }
        case 5:
        case 6: {
            uint32_t seller = (uint32_t)below(TRADERS);
            return bid_for(seller, (enum tn_liquidation)risk_of(seller).liquidation,
                           (int64_t)(1 + below(once_in(2) ? 1000000000 : 300000000)),
                           INT64_MAX / 4);
        }
        default: return any_order();
    }
}

/* Rule 4: m after is not negative, or not lower; for whoever acts, and whoever it trades with. */
static void act(void)
{
    tn_micros before[TRADERS];
    uint32_t account = (uint32_t)below(TRADERS);
    struct tn_command command = any_command(account);
    for (uint32_t i = 0; i < TRADERS; i++)
        before[i] = m_of(i);
    send(account, command);
    count_events();
    for (uint32_t i = 0; i < TRADERS; i++) {
        tn_micros after = m_of(i);
        /* What is rounded once per order is rounded once more when it is filled in parts. */
        if (after < -100 && after < before[i] - 100) {
            fail_msg("command %u of %u: m of %u from %lld to %lld", command.kind, account, i,
                     (long long)before[i], (long long)after);
        }
    }
}

/* Stops may trigger in a sweep; they are commands too, given before. */
static void sweep_all(void)
{
    struct tn_risk_view view;
    do {
        sweep((uint32_t)(1 + below(64)));
        count_events();
        assert_true(tn_exchange_risk(market.exchange, &view));
    } while (view.sweeping);
    for (uint32_t i = 0; i < TRADERS; i++) {
        struct tn_account_risk_view risk = risk_of(i);
        bool fails = risk.margin.mm < 0;
        if (fails && risk.liquidation == TN_LIQUIDATION_NONE) {
            fail_msg("account %u was passed over", i);
        }
    }
}

static void move_spot(void)
{
    tn_micros old = spot;
    int64_t most = once_in(8) ? 250000 : 20000;
    spot += tn_mul_div_floor(spot, (int64_t)below((uint64_t)(2 * most + 1)) - most, PPM);
    if (spot < 20000 * DOLLAR || spot > 300000 * DOLLAR) spot = old;
    for (int i = 0; i < 2; i++) { /* the second confirms a jump */
        report_everything(spot);
        block(once_in(3) ? 5000 : 700);
        count_events();
        if (i == 1 || once_in(2)) sweep_all();
    }
    for (int i = 0; i < 3 && once_in(2); i++)
        act(); /* somebody makes a price */
    liquidate((uint32_t)(1 + below(64)));
    count_events();
}

/* Who has lost plays on. */
static void top_up(uint32_t account)
{
    if (risk_of(account).margin.equity > 3000 * DOLLAR) return;
    apply_passing(deposit_entry(account, once_in(4), 10000 * DOLLAR));
}

static void step(void)
{
    switch (below(10)) {
        case 0:
        case 1: move_spot(); break;
        case 2:
            liquidate((uint32_t)(1 + below(64)));
            count_events();
            break;
        case 3:
            if (once_in(8)) insure(1 + (tn_micros)below(500 * (uint64_t)DOLLAR));
            break;
        case 4: top_up((uint32_t)below(TRADERS)); break;
        default: act();
    }
}

static void test_exchange_margin_holds_whatever_happens(void **state)
{
    (void)state;
    struct tn_risk risk = usual_risk();
    risk.negative_cash_micros = 2000 * DOLLAR;
    risk.insolvent_rise_ms = 20000;
    set_risk(&risk);
    apply_passing((struct tn_entry){.kind = TN_ENTRY_ASSET, .as.asset = {.haircut_ppm = 100000}});
    apply_passing(list_entry(market.call_high));
    spot = SPOT;
    mark_at(spot);
    for (uint32_t i = 0; i < TRADERS; i++)
        pass(i, withdraw(0, START_CASH - 15000 * DOLLAR));
    be_standard(ALICE, 15000 * DOLLAR);
    be_standard(BOB, 15000 * DOLLAR);
    for (int i = 0; i < STEPS; i++)
        step();
    if (getenv("TENOR_SHOW") != NULL) {
        for (uint32_t i = 0; i < 32; i++)
            print_message("kind %u: %u\n", i, seen[i]);
    }
    assert_true(seen[TN_EVENT_LIQUIDATION] > 0);
}

int main(void)
{
    stream = test_seed("test_exchange_margin_random");
    const struct CMUnitTest tests[] = {FEEDS_STORY(test_exchange_margin_holds_whatever_happens)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
