/* Prices and quantities as people write them: exact both ways, refused with the neighbours. */
#include "tenor/instrument.h" /* node/tenor */

#include "tenor/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char why[INSTRUMENT_WHY_SIZE];

/* Ticks of 0.5 up to 1 000, of 2.5 above; lots of 0.01. */
static const struct instrument bitcoin = {
    .series_id = 7,
    .name = "BTC-PERP",
    .tick_micros = 500000,
    .micros_per_tick = 5000,
    .lots_per_unit = 100,
    .schedule = {.steps_count = 2, .steps = {{0, 1}, {2000, 5}}}};

static void price_is(const char *text, tn_ticks wanted)
{
    tn_ticks price = -1;
    if (!instrument_price(&price, &bitcoin, text, why)) fail_msg("%s: %s", text, why);
    assert_int_equal(price, wanted);
}

static void price_is_refused(const char *text, const char *reason)
{
    tn_ticks price = -1;
    assert_false(instrument_price(&price, &bitcoin, text, why));
    assert_int_equal(price, -1);
    if (strstr(why, reason) == NULL) fail_msg("%s: '%s' does not say '%s'", text, why, reason);
}

static void a_price_on_the_schedule_is_read_exactly(void **state)
{
    (void)state;
    price_is("0.5", 1);
    price_is("999.5", 1999);
    price_is("1000", 2000);
    price_is("1002.5", 2005);
    price_is("1002.500000", 2005);
    price_is("100000", 200000);
}

static void a_price_between_two_names_both(void **state)
{
    (void)state;
    price_is_refused("999.7", "the nearest are 999.5 and 1000");
    price_is_refused("1001", "the nearest are 1000 and 1002.5");
    price_is_refused("1001.23", "the nearest are 1000 and 1002.5");
    price_is_refused("0.3", "the nearest one is 0.5");
    /* Finer than money itself. */
    price_is_refused("999.5000001", "the nearest are 999.5 and 1000");
    price_is_refused("0.0000001", "the nearest one is 0.5");
}

static void what_is_no_price_is_refused(void **state)
{
    (void)state;
    price_is_refused("0", "above zero");
    price_is_refused("-1", "above zero");
    price_is_refused("", "no price");
    price_is_refused("1e3", "no price");
    price_is_refused("ten", "no price");
    price_is_refused("01", "no price");
    price_is_refused("9000000000000", "above every price");
    price_is_refused("99999999999999999999999999999999", "above every price");
    price_is_refused("-99999999999999999999999999999999", "no price");
}

static void a_quantity_is_whole_lots(void **state)
{
    (void)state;
    tn_lots quantity = -1;
    assert_true(instrument_quantity(&quantity, &bitcoin, "0.05", why));
    assert_int_equal(quantity, 5);
    assert_true(instrument_quantity(&quantity, &bitcoin, "12", why));
    assert_int_equal(quantity, 1200);
    static const struct {
        const char *text, *reason;
    } bad[] = {
        {"0.055", "the nearest are 0.05 and 0.06"},
        {"0.001", "less than a lot of BTC-PERP, which is 0.01"},
        {"0.0000000001", "less than a lot"},
        {"1.0000000001", "the nearest are 1 and 1.01"},
        {"0", "no quantity"},
        {"-1", "no quantity"},
        {"all", "no quantity"},
        {"99999999999", "99999999999 is more than a book holds"},
        {"-99999999999", "no quantity"},
        {"90000000", "more than a book holds"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        quantity = -1;
        assert_false(instrument_quantity(&quantity, &bitcoin, bad[i].text, why));
        assert_int_equal(quantity, -1);
        if (strstr(why, bad[i].reason) == NULL) fail_msg("%s: %s", bad[i].text, why);
    }
}

static void every_price_and_quantity_is_read_back_as_it_is_printed(void **state)
{
    (void)state;
    uint64_t random = 11;
    for (uint32_t i = 0; i < 20000; i++) {
        char text[DECIMAL_SIZE];
        tn_ticks price = tn_tick_floor(
            &bitcoin.schedule, 1 + (tn_ticks)tn_random_below(&random, TN_PRICE_TICKS_MAX - 1));
        tn_lots quantity = 1 + (tn_lots)tn_random_below(&random, TN_QUANTITY_LOTS_MAX - 1);
        tn_ticks price_back;
        tn_lots quantity_back;
        instrument_price_text(text, &bitcoin, price);
        assert_true(instrument_price(&price_back, &bitcoin, text, why));
        assert_int_equal(price_back, price);
        instrument_quantity_text(text, &bitcoin, quantity);
        assert_true(instrument_quantity(&quantity_back, &bitcoin, text, why));
        assert_int_equal(quantity_back, quantity);
    }
}

static void a_value_of_a_lot_becomes_one_of_a_unit_and_never_wraps(void **state)
{
    (void)state;
    assert_int_equal(instrument_of_unit(&bitcoin, 5000), 500000);
    assert_int_equal(instrument_of_unit(&bitcoin, -5000), -500000);
    assert_true(instrument_of_unit(&bitcoin, INT64_MAX / 2) == INT64_MAX);
    assert_true(instrument_of_unit(&bitcoin, INT64_MIN / 2) == INT64_MIN);
}

static void a_series_is_found_by_name_and_a_slip_names_the_one_that_was_meant(void **state)
{
    (void)state;
    struct instrument list[3] = {bitcoin, bitcoin, bitcoin};
    struct instruments all = {.list = list, .count = 3};
    list[0].series_id = 9;
    snprintf(list[1].name, sizeof list[1].name, "BTC-25DEC26-100000-C");
    list[1].series_id = 3;
    snprintf(list[2].name, sizeof list[2].name, "BTC-25DEC26-105000-C");
    list[2].series_id = 5;
    instruments_sort(&all);
    assert_int_equal(instruments_by_id(&all, 9)->series_id, 9);
    assert_null(instruments_by_id(&all, 4));
    assert_int_equal(instruments_find(&all, "btc-perp", why)->series_id, 9);
    assert_int_equal(instruments_find(&all, "BTC-25DEC26-105000-C", why)->series_id, 5);
    assert_null(instruments_find(&all, "BTC-PERB", why));
    assert_non_null(strstr(why, "did you mean BTC-PERP?"));
    assert_null(instruments_find(&all, "ETH-PERP-AND-MORE", why));
    assert_non_null(strstr(why, "there are BTC-25DEC26-100000-C, BTC-25DEC26-105000-C, BTC-PERP"));
    assert_null(instruments_find(&(struct instruments){0}, "BTC-PERP", why));
    assert_non_null(strstr(why, "none in this market"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_price_on_the_schedule_is_read_exactly),
        cmocka_unit_test(a_price_between_two_names_both),
        cmocka_unit_test(what_is_no_price_is_refused),
        cmocka_unit_test(a_quantity_is_whole_lots),
        cmocka_unit_test(every_price_and_quantity_is_read_back_as_it_is_printed),
        cmocka_unit_test(a_value_of_a_lot_becomes_one_of_a_unit_and_never_wraps),
        cmocka_unit_test(a_series_is_found_by_name_and_a_slip_names_the_one_that_was_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
