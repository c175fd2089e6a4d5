/* Where tenor-feed's values come from: lines of CSV and JSON, and the simulated market. */
#include "feed/feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* What the program has and a test gives: names, time, turns. */
static const int64_t now_ms = INT64_C(1795305600000); /* 22 November 2026, midnight */

int64_t feed_unix_ms(void)
{
    return now_ms;
}

int64_t feed_clock_ms(void)
{
    return 0;
}

bool feed_find(const struct feed *feed, const char *symbol, uint16_t *underlying, uint32_t *place)
{
    (void)feed;
    if (strcmp(symbol, "BTC") != 0 && strcmp(symbol, "ETH") != 0) return false;
    *underlying = 1;
    *place = symbol[0] == 'E';
    return true;
}

bool feed_turn(struct feed *feed, int64_t wait_ms, int also)
{
    (void)feed;
    (void)wait_ms;
    (void)also;
    return false;
}

bool feed_is_stopped(void)
{
    return true;
}

bool feed_ask_series(struct feed_market *market)
{
    (void)market;
    return false;
}

static struct feed_value value;
static char why[FEED_WHY_SIZE];

static void json_is_good(const char *line)
{
    if (!feed_json_read(&value, NULL, line, why)) fail_msg("%s: %s", line, why);
}

static void json_is_refused(const char *line, const char *says)
{
    assert_false(feed_json_read(&value, NULL, line, why));
    if (strstr(why, says) == NULL) fail_msg("%s: '%s' does not say '%s'", line, why, says);
}

static void each_feed_has_its_unit(void **state)
{
    (void)state;
    json_is_good("{\"underlying\":\"ETH\",\"feed\":\"spot\",\"value\":\"3500.25\"}");
    assert_int_equal(value.feed, TN_FEED_SPOT);
    assert_int_equal(value.place, 1);
    assert_int_equal(value.value, 3500250000);
    assert_int_equal(value.expiry_day, 0);
    assert_int_equal(value.confidence_ppm, 1000000);
    assert_true(value.time_ms == now_ms);
    json_is_good("{\"underlying\":\"BTC\",\"feed\":\"forward\",\"expiry\":\"25DEC26\","
                 "\"value\":100000,\"confidence\":0.5,\"time_ms\":1795305500000}");
    assert_int_equal(value.value, INT64_C(100000000000));
    assert_int_equal(value.confidence_ppm, 500000);
    assert_true(value.time_ms == INT64_C(1795305500000));
    struct tn_date date = tn_date_of_day(value.expiry_day);
    assert_int_equal(date.year, 2026);
    assert_int_equal(date.month, 12);
    assert_int_equal(date.day, 25);
    json_is_good(
        "{\"underlying\":\"BTC\",\"feed\":\"rate\",\"expiry\":\"25DEC26\",\"value\":-0.04}");
    assert_int_equal(value.value, -40000000);
    json_is_good("{\"underlying\":\"BTC\",\"feed\":\"stable\",\"value\":\"0.999\"}");
    assert_int_equal(value.value, 999000);
    assert_int_equal(value.underlying, 0);
}

static void one_volatility_becomes_a_flat_surface_with_its_variance(void **state)
{
    (void)state;
    json_is_good("{\"underlying\":\"BTC\",\"feed\":\"vol\",\"expiry\":\"25DEC26\",\"value\":0.5}");
    const int64_t year_ms = INT64_C(365) * TN_MS_PER_DAY;
    int64_t wanted = tn_mul_div_floor(INT64_C(250000000000), value.surface.tau_ms, year_ms);
    assert_int_equal(value.surface.a_e12, wanted);
    assert_int_equal(tn_surface_variance_at_e12(&value.surface, 1), wanted);
    assert_true(tn_surface_admitted(&value.surface));
    assert_int_equal(value.surface.tau_ms, INT64_C(33) * TN_MS_PER_DAY + TN_EXPIRY_TIME_OF_DAY);
}

static void raw_svi_is_taken_as_it_is(void **state)
{
    (void)state;
    json_is_good("{\"underlying\":\"BTC\",\"feed\":\"vol\",\"expiry\":\"25DEC26\",\"a\":0.01,"
                 "\"b\":0.05,\"rho\":-0.3,\"m\":0.01,\"sigma\":0.1,\"forward\":\"100000.5\","
                 "\"tau_ms\":3000000000}");
    assert_int_equal(value.surface.a_e12, 10000000000);
    assert_int_equal(value.surface.rho_e12, INT64_C(-300000000000));
    assert_int_equal(value.surface.forward_micros, INT64_C(100000500000));
    assert_int_equal(value.surface.tau_ms, 3000000000);
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    json_is_refused("", "no JSON object");
    json_is_refused("[]", "no JSON object");
    json_is_refused("{\"feed\":\"spot\",\"feed\":\"spot\"}", "no JSON object");
    json_is_refused("{\"feed\":\"spot\",\"price\":1}", "'price' is no field");
    json_is_refused("{\"feed\":true}", "feed: is neither");
    json_is_refused("{\"feed\":\"spt\"}", "feed: is one of");
    json_is_refused("{\"feed\":\"spot\",\"underlying\":\"DOGE\",\"value\":1}",
                    "underlying: is in no");
    json_is_refused("{\"feed\":\"spot\",\"underlying\":\"BTC\",\"value\":0}",
                    "value: is above zero");
    json_is_refused("{\"feed\":\"spot\",\"underlying\":\"BTC\"}", "value: is no number");
    json_is_refused("{\"feed\":\"spot\",\"underlying\":\"BTC\",\"value\":\"1.0000001\"}",
                    "more decimals");
    json_is_refused("{\"feed\":\"spot\",\"underlying\":\"BTC\",\"value\":1,\"expiry\":\"25DEC26\"}",
                    "expiry: does not belong");
    json_is_refused("{\"feed\":\"forward\",\"underlying\":\"BTC\",\"value\":1}",
                    "expiry: is a day");
    json_is_refused(
        "{\"feed\":\"forward\",\"underlying\":\"BTC\",\"value\":1,\"expiry\":\"25DEC26-1-C\"}",
        "expiry: is a day");
    json_is_refused("{\"feed\":\"spot\",\"underlying\":\"BTC\",\"value\":1,\"confidence\":1.5}",
                    "confidence: is 0 to 1");
    json_is_refused(
        "{\"feed\":\"vol\",\"underlying\":\"BTC\",\"value\":0.5,\"expiry\":\"20NOV26\"}",
        "expiry: is over");
    json_is_refused("{\"feed\":\"vol\",\"underlying\":\"BTC\",\"expiry\":\"25DEC26\",\"value\":13}",
                    "at most 12");
    json_is_refused("{\"feed\":\"vol\",\"underlying\":\"BTC\",\"expiry\":\"25DEC26\",\"a\":0.01,"
                    "\"b\":5,\"rho\":0,\"m\":0,\"sigma\":0.1,\"forward\":1}",
                    "not admitted");
}

static void a_csv_is_read_by_the_names_of_its_columns(void **state)
{
    (void)state;
    struct feed_columns columns;
    assert_true(feed_columns_read(&columns, "value, feed,underlying ,expiry,time_ms\n", why));
    assert_true(feed_csv_read(&value, NULL, &columns, "100.5,spot,BTC,,1795305500001\r\n", why));
    assert_int_equal(value.value, 100500000);
    assert_true(value.time_ms == INT64_C(1795305500001));
    assert_true(feed_csv_read(&value, NULL, &columns, "7,forward,BTC,25DEC26", why));
    assert_int_equal(value.feed, TN_FEED_FORWARD);
    assert_false(feed_csv_read(&value, NULL, &columns, "7,forward,BTC,25DEC", why));
    static const char *const bad[] = {"", "feed,underlying,colour", "feed,feed,underlying",
                                      "feed,value", "underlying,value"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(feed_columns_read(&columns, bad[i], why));
}

/* ---- The simulated market -----------------------------------------------------------------------
 */

static void one_seed_gives_one_market_and_another_another(void **state)
{
    (void)state;
    struct feed_walk one, same, other;
    feed_walk_begin(&one, INT64_C(100000000000), 5);
    feed_walk_begin(&same, INT64_C(100000000000), 5);
    feed_walk_begin(&other, INT64_C(100000000000), 6);
    for (uint32_t i = 0; i < 1000; i++) {
        feed_walk_step(&one, 500);
        feed_walk_step(&same, 500);
        feed_walk_step(&other, 500);
    }
    assert_true(one.spot_micros == same.spot_micros && one.vol_ppm == same.vol_ppm);
    assert_true(one.spot_micros != other.spot_micros);
}

static void it_visits_all_moods_jumps_and_stays_in_its_world(void **state)
{
    (void)state;
    const tn_micros first = INT64_C(100000000000);
    struct feed_walk walk;
    uint64_t seen[3] = {0};
    feed_walk_begin(&walk, first, 1);
    for (uint32_t i = 0; i < 200000; i++) { /* eleven days of five seconds */
        feed_walk_step(&walk, 5000);
        seen[walk.regime]++;
        assert_true(walk.spot_micros >= first / 4 && walk.spot_micros <= first * 4);
        assert_true(walk.vol_ppm > 100000 && walk.vol_ppm < 5000000);
    }
    assert_true(seen[FEED_CALM] > 0 && seen[FEED_BUSY] > 0 && seen[FEED_WILD] > 0);
    assert_true(walk.jumps > 0);
    assert_true(walk.spot_micros != first);
}

static void its_surfaces_are_admitted_and_never_fall_with_time(void **state)
{
    (void)state;
    static const int64_t days[] = {1, 5, 12, 33, 120, 700};
    struct feed_walk walk;
    feed_walk_begin(&walk, INT64_C(100000000000), 3);
    for (uint32_t i = 0; i < 2000; i++) {
        struct tn_surface nearer, farther;
        feed_walk_step(&walk, 60000);
        feed_walk_surface(&nearer, &walk, days[0] * TN_MS_PER_DAY);
        assert_true(tn_surface_admitted(&nearer));
        for (size_t k = 1; k < sizeof days / sizeof days[0]; k++) {
            feed_walk_surface(&farther, &walk, days[k] * TN_MS_PER_DAY);
            assert_true(tn_surface_admitted(&farther));
            for (int64_t strike = 50; strike <= 200; strike += 25) {
                tn_micros at = strike * walk.spot_micros / 100;
                assert_true(tn_surface_deficit_e12(&nearer, days[k - 1] * TN_MS_PER_DAY, &farther,
                                                   days[k] * TN_MS_PER_DAY, at) <= 1000);
            }
            nearer = farther;
        }
    }
}

static void every_market_of_a_testnet_has_contracts_that_an_exchange_takes(void **state)
{
    (void)state;
    for (uint32_t market = 1; market <= 40; market++) {
        struct feed_scene scene;
        tn_micros micros_per_tick;
        feed_scene(&scene, market);
        assert_true(tn_symbol_valid(scene.underlying.symbol));
        assert_int_equal(tn_contract_check(&micros_per_tick, &scene.underlying.option), 0);
        assert_int_equal(tn_contract_check(&micros_per_tick, &scene.underlying.linear), 0);
        assert_true(tn_fees_valid(&scene.underlying.option_fees));
        assert_true(tn_fees_valid(&scene.underlying.linear_fees));
        assert_true(tn_listing_rules_valid(&scene.underlying.listing));
        /* Prices are some thousand ticks: fine enough, and far from the end of the range. */
        tn_ticks spot = scene.spot_micros / scene.underlying.linear.tick_micros;
        assert_true(spot >= 1000 && spot * 8 <= scene.underlying.linear.price_max);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_feed_has_its_unit),
        cmocka_unit_test(one_volatility_becomes_a_flat_surface_with_its_variance),
        cmocka_unit_test(raw_svi_is_taken_as_it_is),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(a_csv_is_read_by_the_names_of_its_columns),
        cmocka_unit_test(one_seed_gives_one_market_and_another_another),
        cmocka_unit_test(it_visits_all_moods_jumps_and_stays_in_its_world),
        cmocka_unit_test(its_surfaces_are_admitted_and_never_fall_with_time),
        cmocka_unit_test(every_market_of_a_testnet_has_contracts_that_an_exchange_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
