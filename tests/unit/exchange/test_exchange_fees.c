/* Bands, fees, the agreed fee, and what a buy reserves (docs/specs/exchange.md §1, §4.4.3, §7). */
#include "exchange_trace.h"

static struct tn_command agreeing(struct tn_command command)
{
    return fee_up_to(command, 10000);
}

static void test_exchange_band_binds_buys_above_and_sells_below(void **state)
{
    (void)state;
    struct tn_series_view view = series_view(market.call);
    assert_int_equal(view.band_low_micros, 500 * TICK);
    assert_int_equal(view.band_high_micros, 1500 * TICK);
    refuse(BOB, limit(BUY, market.call, 1510, 1), TN_REJECT_PRICE_OUT_OF_BAND);
    place(BOB, limit(BUY, market.call, 1500, 1));
    pass(BOB, cancel(1));
    refuse(BOB, limit(SELL, market.call, 499, 1), TN_REJECT_PRICE_OUT_OF_BAND);
    place(BOB, limit(SELL, market.call, 500, 1));
    place(BOB, limit(SELL, market.call, 90000, 1)); /* a far ask harms nobody */
}

static void test_exchange_mark_of_zero_is_a_mark(void **state)
{
    (void)state;
    struct tn_mark mark = usual_mark(market.call, 0);
    mark.delta_ppb = 0;
    apply_passing(marks_entry(&mark, 1));
    place(ALICE, limit(SELL, market.call, 1, 1));
    place(BOB, limit(BUY, market.call, 5, 1)); /* five ticks is the least width */
    EXPECT_EVENTS("accepted #2 bob buy 1 @ 5", "trade #2 bob buy 1 @ 1 with #1 alice, left 0/0",
                  "ok #2 filled 1");
    refuse(BOB, limit(BUY, market.call, 6, 1), TN_REJECT_PRICE_OUT_OF_BAND);
}

static void test_exchange_band_widens_with_delta_and_vega(void **state)
{
    (void)state;
    /* 0.25 % of the forward of 1 000 dollars a lot is 250 ticks; vega 3 ticks a volatility point,
     * and ten points at least: 30 ticks, or a quarter of 80 % = 20 points: 60 ticks. */
    struct tn_mark mark = usual_mark(market.call, 1000 * TICK);
    mark.delta_ppb = -250000000;
    mark.vega_micros = 3 * TICK;
    mark.vol_ppm = 200000;
    apply_passing(marks_entry(&mark, 1));
    assert_int_equal(series_view(market.call).band_high_micros, 1280 * TICK);
    mark.vol_ppm = 800000;
    apply_passing(marks_entry(&mark, 1));
    assert_int_equal(series_view(market.call).band_high_micros, 1310 * TICK);
    assert_int_equal(series_view(market.call).band_low_micros, 690 * TICK);
    mark.delta_ppb = 250000001; /* a hundredth of a micro more: rounded up, as is the vega's part */
    mark.vega_micros = 1;
    mark.vol_ppm = 400004;
    apply_passing(marks_entry(&mark, 1));
    assert_int_equal(series_view(market.call).band_high_micros, 1250 * TICK + 1 + 11);
}

static void test_exchange_band_is_five_ticks_wide_at_least_and_one_tick_low_at_least(void **state)
{
    (void)state;
    struct tn_mark mark = usual_mark(market.call, 3 * TICK);
    mark.delta_ppb = 0;
    apply_passing(marks_entry(&mark, 1));
    assert_int_equal(series_view(market.call).band_low_micros, TICK);
    assert_int_equal(series_view(market.call).band_high_micros, 8 * TICK);
}

static void test_exchange_taker_and_maker_pay_their_rates_on_the_underlyings_value(void **state)
{
    (void)state;
    set_fees(100, 300, 0); /* 0.1 and 0.3 dollars on 1 000 dollars a lot */
    place(ALICE, agreeing(limit(SELL, market.call, 1000, 5)));
    place(BOB, agreeing(limit(BUY, market.call, 1000, 5)));
    EXPECT_EVENTS("accepted #2 bob buy 5 @ 1000",
                  "trade #2 bob buy 5 @ 1000 with #1 alice, left 0/0, fees 1500000/500000",
                  "ok #2 filled 5");
    assert_int_equal(gain_of(BOB), -5 * 1000 * TICK - 1500000);
    assert_int_equal(gain_of(ALICE), 5 * 1000 * TICK - 500000);
    assert_int_equal(house_of(TN_HOUSE_FEES), 2000000);
}

static void test_exchange_premium_caps_the_fee_of_an_option(void **state)
{
    (void)state;
    set_fees(300, 300, 125000); /* at most an eighth of the premium */
    set_mark(market.call, 10);
    place(ALICE, agreeing(limit(SELL, market.call, 10, 5)));
    place(BOB, agreeing(limit(BUY, market.call, 10, 5)));
    /* 5 · 10 ticks = 500 000 micros: an eighth is 62 500, less than 5 · 0.3 dollars. */
    assert_int_equal(market.events[1].fee, 62500);
    assert_int_equal(market.events[1].other_fee, 62500);
}

static void test_exchange_fee_is_rounded_up_to_the_micro(void **state)
{
    (void)state;
    apply_passing(index_entry(1, 100 * 333)); /* one lot is worth ⌊333.00⌋ micros */
    set_fees(0, 1000, 0);
    place(ALICE, agreeing(limit(SELL, market.call, 1000, 1)));
    place(BOB, agreeing(limit(BUY, market.call, 1000, 1)));
    assert_int_equal(market.events[1].fee, 1);
}

static void test_exchange_rebate_comes_from_the_takers_fee(void **state)
{
    (void)state;
    set_fees(-200, 300, 0);
    place(ALICE, agreeing(limit(SELL, market.call, 1000, 5)));
    place(BOB, agreeing(limit(BUY, market.call, 1000, 5)));
    assert_int_equal(market.events[1].fee, 1500000);
    assert_int_equal(market.events[1].other_fee, -1000000);
    assert_int_equal(house_of(TN_HOUSE_FEES), 500000);
}

static void test_exchange_rebate_is_never_more_than_the_taker_pays(void **state)
{
    (void)state;
    set_status(market.call, TN_STATUS_HALTED);
    set_status(market.call, TN_STATUS_AUCTION);
    set_fees(0, 100, 0);
    place(ALICE, fee_up_to(limit(SELL, market.call, 1000, 5), 100));
    place(BOB, fee_up_to(limit(BUY, market.call, 1000, 5), 100));
    set_fees(-200, 300, 0); /* both rest already: the taker keeps to the 100 it agreed to */
    apply_passing(uncross_entry(market.call));
    sweep(64);
    EXPECT_EVENTS("trade #2 bob buy 5 @ 1000 with #1 alice, left 0/0, fees 500000/-500000 auction",
                  "status active, was auction");
    assert_int_equal(house_of(TN_HOUSE_FEES), 0);
}

static void test_exchange_order_that_agrees_to_less_than_the_fee_is_refused(void **state)
{
    (void)state;
    set_fees(-100, 300, 0);
    struct tn_command sell = limit(SELL, market.call, 1000, 5);
    refuse(ALICE, fee_up_to(sell, 299), TN_REJECT_FEE_ABOVE_AGREED);
    place(ALICE, fee_up_to(sell, 300));
    set_fees(400, 300, 0); /* now the maker's is the greater */
    refuse(ALICE, fee_up_to(sell, 399), TN_REJECT_FEE_ABOVE_AGREED);
}

static void test_exchange_resting_order_never_pays_more_than_it_agreed_to(void **state)
{
    (void)state;
    place(ALICE, fee_up_to(limit(SELL, market.call, 1000, 5), 150));
    set_fees(300, 400, 0);
    place(BOB, agreeing(limit(BUY, market.call, 1000, 5)));
    assert_int_equal(market.events[1].fee, 5 * 400000);
    assert_int_equal(market.events[1].other_fee, 5 * 150000);
    place(ALICE, agreeing(limit(SELL, market.call, 1000, 5)));
    set_fees(-100, 200, 0);
    place(BOB, agreeing(limit(BUY, market.call, 1000, 5)));
    assert_int_equal(market.events[1].other_fee, -5 * 100000);
}

static void test_exchange_buy_reserves_premium_and_the_greater_fee(void **state)
{
    (void)state;
    set_fees(100, 300, 0);
    place(BOB, agreeing(limit(BUY, market.call, 1000, 5)));
    assert_int_equal(account_view(BOB).reserved, 5 * (1000 * TICK + 300000));
    set_fees(0, 0, 0); /* the reserve is that of the entry */
    assert_int_equal(account_view(BOB).reserved, 5 * (1000 * TICK + 300000));
    pass(BOB, replace(1, 1000, 6));
    assert_int_equal(account_view(BOB).reserved, 6 * 1000 * TICK);
    set_fees(300, 300, 20000); /* two per cent of the premium: 20 ticks, less than 30 */
    place(ALICE, agreeing(limit(BUY, market.call, 1000, 1)));
    assert_int_equal(account_view(ALICE).reserved, 1020 * TICK);
}

/* What BOB's order for one lot reserves beyond its premium. */
static tn_micros fee_reserved(tn_ticks price)
{
    place(BOB, agreeing(limit(BUY, market.call, price, 1)));
    tn_micros reserved = account_view(BOB).reserved;
    pass(BOB, cancel(last_event()->order_id));
    assert_int_equal(account_view(BOB).reserved, 0);
    return reserved - price * TICK;
}

static tn_micros lower_of_fee_and_cap(tn_micros base, int32_t ppm, int32_t cap_ppm, tn_ticks price)
{
    tn_micros fee = (base * ppm + 999999) / 1000000;
    tn_micros cap = (price * TICK * cap_ppm + 999999) / 1000000;
    return cap_ppm > 0 && cap < fee ? cap : fee;
}

static void test_exchange_reserved_fee_is_capped_wherever_the_cap_is_lower(void **state)
{
    (void)state;
    static const int32_t rates[] = {0, 1, 299, 300}, caps[] = {0, 1, 29999, 30000, 30001, 125000};
    static const tn_micros bases[] = {DOLLAR * 1000, DOLLAR * 900 + 1};
    for (uint32_t i = 0; i < 2; i++) {
        apply_passing(index_entry(1, 100 * bases[i])); /* a lot is a hundredth */
        for (uint32_t k = 0; k < 4 * 6; k++) {
            int32_t ppm = rates[k % 4], cap = caps[k / 4];
            set_fees(0, ppm, cap);
            for (tn_ticks price = 850; price <= 1050; price++)
                assert_int_equal(fee_reserved(price),
                                 lower_of_fee_and_cap(bases[i], ppm, cap, price));
        }
    }
}

static void test_exchange_linear_buy_reserves_what_it_pays_above_the_mark(void **state)
{
    (void)state;
    place(BOB, limit(BUY, market.perp, 100100, 5));
    assert_int_equal(account_view(BOB).reserved, 5 * 100 * TICK);
    place(BOB, limit(BUY, market.future, 99000, 5));
    assert_int_equal(account_view(BOB).reserved, 5 * 100 * TICK);
    place(BOB, limit(SELL, market.perp, 101000, 5));
    assert_int_equal(account_view(BOB).reserved, 5 * 100 * TICK);
}

static void test_exchange_free_equity_counts_linear_positions_at_the_mark(void **state)
{
    (void)state;
    place(ALICE, limit(SELL, market.perp, 100000, 10));
    place(BOB, limit(BUY, market.perp, 100000, 10));
    assert_int_equal(gain_of(BOB), -10 * 100000 * TICK);
    assert_int_equal(account_view(BOB).free_equity, START_CASH);
    set_mark(market.perp, 101000);
    assert_int_equal(account_view(BOB).free_equity, START_CASH + 10 * 1000 * TICK);
    assert_int_equal(account_view(ALICE).free_equity, START_CASH - 10 * 1000 * TICK);
}

static void test_exchange_buy_beyond_free_equity_is_refused_with_the_shortfall(void **state)
{
    (void)state;
    place(BOB, limit(BUY, market.call, 1250, 79999)); /* 80 000 would be the last dollar */
    refuse(BOB, limit(BUY, market.call, 1250, 2), TN_REJECT_MARGIN_SHORT);
    assert_int_equal(last_event()->money, 1250 * TICK);
    place(BOB, limit(BUY, market.call, 1250, 1));
    place(BOB, limit(SELL, market.call, 1100, 1)); /* sells ask for nothing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_exchange_band_binds_buys_above_and_sells_below),
        STORY(test_exchange_mark_of_zero_is_a_mark),
        STORY(test_exchange_band_widens_with_delta_and_vega),
        STORY(test_exchange_band_is_five_ticks_wide_at_least_and_one_tick_low_at_least),
        STORY(test_exchange_taker_and_maker_pay_their_rates_on_the_underlyings_value),
        STORY(test_exchange_premium_caps_the_fee_of_an_option),
        STORY(test_exchange_fee_is_rounded_up_to_the_micro),
        STORY(test_exchange_rebate_comes_from_the_takers_fee),
        STORY(test_exchange_rebate_is_never_more_than_the_taker_pays),
        STORY(test_exchange_order_that_agrees_to_less_than_the_fee_is_refused),
        STORY(test_exchange_resting_order_never_pays_more_than_it_agreed_to),
        STORY(test_exchange_buy_reserves_premium_and_the_greater_fee),
        STORY(test_exchange_reserved_fee_is_capped_wherever_the_cap_is_lower),
        STORY(test_exchange_linear_buy_reserves_what_it_pays_above_the_mark),
        STORY(test_exchange_free_equity_counts_linear_positions_at_the_mark),
        STORY(test_exchange_buy_beyond_free_equity_is_refused_with_the_shortfall),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
