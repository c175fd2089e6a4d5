/* Listing rules: days by name at tricky moments, and against a twin that gathers, sorts and merges
 * the four rules one by one with libc's calendar. */
#include "tenor/product.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "seed.h"

#define MORNING TN_EXPIRY_TIME_OF_DAY

static const char symbols[1][TN_SYMBOL_SIZE] = {"X"};

static const struct tn_listing_rules two_of_each = {2, 2, 2, 2, 100000000, 900000000, 10000};

/* The day of a name's expiry: "25DEC26". */
static uint16_t day_of(const char *date)
{
    char name[TN_SERIES_NAME_SIZE] = "X-";
    uint64_t id = 0;
    assert_true(strlen(date) < 10);
    strcat(name, date);
    if (!tn_series_name_parse(&id, name, symbols, 1)) fail_msg("no such date: %s", date);
    return tn_series_expiry_day(id);
}

static int64_t time_of(const char *date, int64_t ms_of_day)
{
    return TN_EPOCH_2020_MS + day_of(date) * TN_MS_PER_DAY + ms_of_day;
}

/* expected: dates with spaces between. */
static void expect_listed(const struct tn_listing_rules *rules, int64_t time_ms,
                          const char *expected)
{
    uint16_t days[TN_LISTING_EXPIRIES_MAX];
    char listed[TN_LISTING_EXPIRIES_MAX * 9] = "";
    uint32_t count = tn_listing_expiries(days, rules, time_ms);
    for (uint32_t i = 0; i < count; i++) {
        char name[TN_SERIES_NAME_SIZE];
        struct tn_series_terms terms = {1, TN_FUTURE, days[i], 0};
        uint64_t id = 0;
        assert_true(tn_series_pack(&id, &terms));
        assert_true(tn_series_name_format(name, id, symbols, 1));
        if (i > 0) strcat(listed, " ");
        strcat(listed, name + 2);
    }
    assert_string_equal(listed, expected);
}

static void test_listing_names_days_weeks_months_and_quarters(void **state)
{
    (void)state;
    /* Wednesday 18 November 2026, noon: the example of docs/products.md. */
    expect_listed(&two_of_each, time_of("18NOV26", 43200000),
                  "19NOV26 20NOV26 27NOV26 25DEC26 26MAR27");
}

static void test_listing_drops_an_expiry_at_eight_to_the_millisecond(void **state)
{
    (void)state;
    /* Friday 20 November 2026, an ordinary one. */
    expect_listed(&two_of_each, time_of("20NOV26", MORNING - 1),
                  "20NOV26 21NOV26 27NOV26 25DEC26 26MAR27");
    expect_listed(&two_of_each, time_of("20NOV26", MORNING),
                  "21NOV26 22NOV26 27NOV26 4DEC26 25DEC26 26MAR27");
    expect_listed(&two_of_each, time_of("20NOV26", TN_MS_PER_DAY - 1),
                  "21NOV26 22NOV26 27NOV26 4DEC26 25DEC26 26MAR27");
    expect_listed(&two_of_each, time_of("21NOV26", 0),
                  "21NOV26 22NOV26 27NOV26 4DEC26 25DEC26 26MAR27");
}

static void test_listing_rolls_the_month_when_its_last_friday_expires(void **state)
{
    (void)state;
    expect_listed(&two_of_each, time_of("27NOV26", MORNING - 1),
                  "27NOV26 28NOV26 4DEC26 25DEC26 26MAR27");
    expect_listed(&two_of_each, time_of("27NOV26", MORNING),
                  "28NOV26 29NOV26 4DEC26 11DEC26 25DEC26 29JAN27 26MAR27");
}

static void test_listing_rolls_the_quarter_when_its_last_friday_expires(void **state)
{
    (void)state;
    expect_listed(&two_of_each, time_of("25DEC26", MORNING - 1),
                  "25DEC26 26DEC26 1JAN27 29JAN27 26MAR27");
    expect_listed(&two_of_each, time_of("25DEC26", MORNING),
                  "26DEC26 27DEC26 1JAN27 8JAN27 29JAN27 26FEB27 26MAR27 25JUN27");
}

static void test_listing_counts_on_through_the_turn_of_the_year(void **state)
{
    (void)state;
    expect_listed(&two_of_each, time_of("31DEC26", MORNING - 1),
                  "31DEC26 1JAN27 8JAN27 29JAN27 26FEB27 26MAR27 25JUN27");
    expect_listed(&two_of_each, time_of("31DEC26", MORNING),
                  "1JAN27 2JAN27 8JAN27 29JAN27 26FEB27 26MAR27 25JUN27");
    /* 31 December 2027 is itself a Friday, the end of month, quarter and year. */
    expect_listed(&two_of_each, time_of("31DEC27", MORNING - 1),
                  "31DEC27 1JAN28 7JAN28 28JAN28 31MAR28");
    expect_listed(&two_of_each, time_of("31DEC27", MORNING),
                  "1JAN28 2JAN28 7JAN28 14JAN28 28JAN28 25FEB28 31MAR28 30JUN28");
}

static void test_listing_knows_leap_years_and_months_that_end_on_friday(void **state)
{
    (void)state;
    static const struct tn_listing_rules monthlies = {0, 0, 3, 0, 0, 1000000000, 1000};
    expect_listed(&monthlies, time_of("1JUL26", 0), "31JUL26 28AUG26 25SEP26");
    expect_listed(&monthlies, time_of("31JUL26", MORNING), "28AUG26 25SEP26 30OCT26");
    expect_listed(&monthlies, time_of("1FEB36", 0), "29FEB36 28MAR36 25APR36"); /* a Friday */
    expect_listed(&monthlies, time_of("29FEB36", MORNING), "28MAR36 25APR36 30MAY36");
    expect_listed(&monthlies, time_of("1FEB52", 0), "23FEB52 29MAR52 26APR52"); /* a Thursday */
}

static void test_listing_with_one_rule_names_only_its_days(void **state)
{
    (void)state;
    static const struct tn_listing_rules none = {0, 0, 0, 0, 0, 0, 1000};
    static const struct tn_listing_rules dailies = {3, 0, 0, 0, 0, 0, 1000};
    static const struct tn_listing_rules quarterlies = {0, 0, 0, 4, 0, 0, 1000};
    expect_listed(&none, time_of("25DEC26", 0), "");
    expect_listed(&dailies, time_of("25DEC26", 0), "25DEC26 26DEC26 27DEC26");
    expect_listed(&quarterlies, time_of("25DEC26", 0), "25DEC26 26MAR27 25JUN27 24SEP27");
}

static void test_listing_stops_at_the_ends_of_the_calendar(void **state)
{
    (void)state;
    static const struct tn_listing_rules dailies = {2, 0, 0, 0, 0, 0, 1000};
    static const int64_t before[] = {TN_EPOCH_2020_MS - 1, 0, -1, INT64_MIN};
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        expect_listed(&two_of_each, before[i], "");
    }
    expect_listed(&dailies, TN_EPOCH_2020_MS, "2JAN20 3JAN20"); /* an id has no day 0 */
    expect_listed(&two_of_each, time_of("24DEC99", 0), "24DEC99 25DEC99");
    expect_listed(&two_of_each, time_of("31DEC99", MORNING - 1), "31DEC99");
    expect_listed(&two_of_each, time_of("31DEC99", MORNING), "");
    expect_listed(&two_of_each, INT64_MAX, "");
}

/* ---- The twin ---- */

struct flags {
    bool of_rule[4]; /* daily, weekly, monthly, quarterly */
};

static struct flags twin_days[TN_EXPIRY_DAY_MAX + 1];

static void twin_fill(void)
{
    for (uint32_t day = 1; day <= TN_EXPIRY_DAY_MAX; day++) {
        time_t seconds = (time_t)(TN_EPOCH_2020_MS / 1000 + (int64_t)day * 86400);
        time_t week_later = seconds + 7 * 86400;
        struct tm date, later;
        assert_non_null(gmtime_r(&seconds, &date));
        assert_non_null(gmtime_r(&week_later, &later));
        bool friday = date.tm_wday == 5, last = friday && later.tm_mon != date.tm_mon;
        twin_days[day] = (struct flags){{true, friday, last, last && date.tm_mon % 3 == 2}};
    }
}

static int compare_days(const void *a, const void *b)
{
    return *(const uint16_t *)a - *(const uint16_t *)b;
}

static uint32_t twin_expiries(uint16_t *days, const struct tn_listing_rules *rules, int64_t time_ms)
{
    const uint32_t wanted[4] = {rules->dailies, rules->weeklies, rules->monthlies,
                                rules->quarterlies};
    uint16_t gathered[TN_LISTING_EXPIRIES_MAX];
    uint32_t gathered_count = 0, count = 0;
    int64_t today = (time_ms - TN_EPOCH_2020_MS) / TN_MS_PER_DAY;
    uint32_t first = today > 1 ? (uint32_t)today : 1;
    for (uint32_t rule = 0; rule < 4; rule++) {
        uint32_t found = 0;
        for (uint32_t day = first; day <= TN_EXPIRY_DAY_MAX && found < wanted[rule]; day++) {
            int64_t expiry_ms = TN_EPOCH_2020_MS + day * TN_MS_PER_DAY + MORNING;
            if (expiry_ms <= time_ms || !twin_days[day].of_rule[rule]) continue;
            gathered[gathered_count++] = (uint16_t)day;
            found++;
        }
    }
    qsort(gathered, gathered_count, sizeof *gathered, compare_days);
    for (uint32_t i = 0; i < gathered_count; i++) {
        if (i == 0 || gathered[i] != gathered[i - 1]) days[count++] = gathered[i];
    }
    return count;
}

static void check_against_twin(const struct tn_listing_rules *rules, int64_t time_ms)
{
    uint16_t expected[TN_LISTING_EXPIRIES_MAX], days[TN_LISTING_EXPIRIES_MAX];
    uint32_t expected_count = twin_expiries(expected, rules, time_ms);
    uint32_t count = tn_listing_expiries(days, rules, time_ms);
    assert_int_equal(count, expected_count);
    assert_memory_equal(days, expected, count * sizeof *days);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) assert_true(days[i] > days[i - 1]);
        struct tn_series_terms terms = {1, TN_FUTURE, days[i], 0};
        uint64_t id = 0;
        assert_true(tn_series_pack(&id, &terms));
        assert_true(tn_series_expiry_ms(id) > time_ms);
        assert_true(tn_listing_names_day(rules, time_ms, days[i]));
        bool next_listed = i + 1 < count && days[i + 1] == days[i] + 1;
        assert_int_equal(tn_listing_names_day(rules, time_ms, (uint16_t)(days[i] + 1)),
                         next_listed);
    }
    if (count > 0) assert_false(tn_listing_names_day(rules, time_ms, 0));
}

static struct tn_listing_rules random_rules(uint64_t *random)
{
    return (struct tn_listing_rules){.dailies = (uint8_t)tn_random_below(random, 8),
                                     .weeklies = (uint8_t)tn_random_below(random, 9),
                                     .monthlies = (uint8_t)tn_random_below(random, 13),
                                     .quarterlies = (uint8_t)tn_random_below(random, 13),
                                     .strike_step_ppm = 1000};
}

static void test_listing_agrees_with_gathering_sorting_and_merging(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_product_listing");
    static const struct tn_listing_rules most = {7, 8, 12, 12, 0, 0, 1000};
    twin_fill();
    for (uint32_t round = 0; round < 1500; round++) {
        struct tn_listing_rules rules = random_rules(&random);
        int64_t day = (int64_t)tn_random_below(&random, TN_EXPIRY_DAY_MAX + 1);
        int64_t midnight = TN_EPOCH_2020_MS + day * TN_MS_PER_DAY;
        check_against_twin(&rules,
                           midnight + (int64_t)tn_random_below(&random, (uint64_t)TN_MS_PER_DAY));
        check_against_twin(&rules, midnight + MORNING - 1);
        check_against_twin(&most, midnight + MORNING);
    }
}

static void test_listing_rules_hold_their_bounds(void **state)
{
    (void)state;
    static const struct {
        struct tn_listing_rules rules;
        bool valid;
    } cases[] = {
        {{7, 8, 12, 12, 0, 1000000000, 200000}, true},
        {{0, 0, 0, 0, 0, 0, 1000}, true},
        {{4, 4, 4, 4, 100000000, 900000000, 10000}, true},
        {{8, 0, 0, 0, 0, 0, 1000}, false},
        {{0, 9, 0, 0, 0, 0, 1000}, false},
        {{0, 0, 13, 0, 0, 0, 1000}, false},
        {{0, 0, 0, 13, 0, 0, 1000}, false},
        {{0, 0, 0, 0, 2, 1, 1000}, false},
        {{0, 0, 0, 0, 0, 1000000001, 1000}, false},
        {{0, 0, 0, 0, 0, 0, 999}, false},
        {{0, 0, 0, 0, 0, 0, 200001}, false},
        {{0, 0, 0, 0, 0, 0, 0}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (tn_listing_rules_valid(&cases[i].rules) != cases[i].valid) fail_msg("case %zu", i);
    }
}

/* ---- Strikes ---- */

static void test_listing_strike_steps_are_these(void **state)
{
    (void)state;
    static const struct {
        tn_micros forward_micros;
        uint32_t ppm;
        uint64_t step; /* 10^-4 */
    } cases[] = {
        {100000000000, 10000, 10000000}, /* 1 % of 100 000: 1 000 */
        {99999999999, 10000, 5000000},   /* just under: 500 */
        {60000000000, 10000, 5000000},   /* 600 asked: 500 */
        {49999000000, 10000, 2000000},   /* 499.99 asked: 200 */
        {2500000000, 20000, 500000},     /* 2 % of 2 500: 50 */
        {550000, 20000, 100},            /* 2 % of 0.55 is 0.011: 0.01 */
        {5000, 20000, 1},                /* a unit */
        {100, 1000, 1},                  /* under a unit: still one */
        {1, 200000, 1},
        {0, 10000, 1},
        {-5, 10000, 1},
        {INT64_MIN, 10000, 1},
        {INT64_MAX, 200000, 50000000000}, /* the last step that is a strike */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tn_listing_rules rules = two_of_each;
        rules.strike_step_ppm = cases[i].ppm;
        uint64_t step = tn_listing_strike_step(&rules, cases[i].forward_micros);
        if (step != cases[i].step) fail_msg("case %zu: %" PRIu64, i, step);
    }
}

static void test_listing_strike_step_is_the_largest_one_two_or_five_within_the_part(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_product_listing");
    for (uint32_t round = 0; round < 100000; round++) {
        struct tn_listing_rules rules = two_of_each;
        rules.strike_step_ppm = 1000 + (uint32_t)tn_random_below(&random, 199001);
        tn_micros forward =
            (tn_micros)(tn_random_next(&random) >> 18 >> tn_random_below(&random, 46));
        uint64_t expected = 1;
        for (uint64_t power = 1; power <= TN_STRIKE_MAX; power *= 10) {
            static const uint64_t leads[] = {1, 2, 5};
            for (uint32_t lead = 0; lead < 3; lead++) {
                uint64_t step = leads[lead] * power;
                /* step ≤ forward ÷ 100 × ppm ÷ 10^6 without dividing */
                bool within = (tn_i128)step * 100000000 <= (tn_i128)forward * rules.strike_step_ppm;
                if (within && step <= TN_STRIKE_MAX) expected = step;
            }
        }
        assert_true(tn_listing_strike_step(&rules, forward) == expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listing_names_days_weeks_months_and_quarters),
        cmocka_unit_test(test_listing_drops_an_expiry_at_eight_to_the_millisecond),
        cmocka_unit_test(test_listing_rolls_the_month_when_its_last_friday_expires),
        cmocka_unit_test(test_listing_rolls_the_quarter_when_its_last_friday_expires),
        cmocka_unit_test(test_listing_counts_on_through_the_turn_of_the_year),
        cmocka_unit_test(test_listing_knows_leap_years_and_months_that_end_on_friday),
        cmocka_unit_test(test_listing_with_one_rule_names_only_its_days),
        cmocka_unit_test(test_listing_stops_at_the_ends_of_the_calendar),
        cmocka_unit_test(test_listing_agrees_with_gathering_sorting_and_merging),
        cmocka_unit_test(test_listing_rules_hold_their_bounds),
        cmocka_unit_test(test_listing_strike_steps_are_these),
        cmocka_unit_test(test_listing_strike_step_is_the_largest_one_two_or_five_within_the_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
