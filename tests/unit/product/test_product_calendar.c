/* The calendar against libc's, on every day it knows. */
#include "tenor/product.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

/* Lets expect_assert_failure see a TN_ASSERT. */
_Noreturn void tn_panic(const char *file, int line, const char *what)
{
    mock_assert(0, what, file, line);
    abort();
}

static struct tm libc_date(uint32_t day)
{
    time_t seconds = (time_t)(TN_EPOCH_2020_MS / 1000 + (int64_t)day * 86400);
    struct tm date;
    assert_non_null(gmtime_r(&seconds, &date));
    return date;
}

static void test_calendar_knows_these_dates(void **state)
{
    (void)state;
    static const struct {
        uint32_t day;
        struct tn_date date;
        uint32_t weekday;
    } known[] = {
        {0, {2020, 1, 1}, 2},       {58, {2020, 2, 28}, 4},     {59, {2020, 2, 29}, 5},
        {60, {2020, 3, 1}, 6},      {365, {2020, 12, 31}, 3},   {366, {2021, 1, 1}, 4},
        {424, {2021, 2, 28}, 6},    {425, {2021, 3, 1}, 0},     {1520, {2024, 2, 29}, 3},
        {2550, {2026, 12, 25}, 4},  {2981, {2028, 2, 29}, 1},   {27818, {2096, 2, 29}, 2},
        {28854, {2098, 12, 31}, 2}, {29219, {2099, 12, 31}, 3},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct tn_date date = tn_date_of_day(known[i].day);
        uint32_t day = 0;
        assert_int_equal(date.year, known[i].date.year);
        assert_int_equal(date.month, known[i].date.month);
        assert_int_equal(date.day, known[i].date.day);
        assert_true(tn_day_of_date(&day, known[i].date));
        assert_int_equal(day, known[i].day);
        assert_int_equal(tn_weekday(day), known[i].weekday);
    }
}

static void test_calendar_agrees_with_libc_on_every_day(void **state)
{
    (void)state;
    for (uint32_t day = 0; day <= TN_EXPIRY_DAY_MAX; day++) {
        struct tm expected = libc_date(day);
        struct tn_date date = tn_date_of_day(day);
        uint32_t back = UINT32_MAX;
        assert_int_equal(date.year, expected.tm_year + 1900);
        assert_int_equal(date.month, expected.tm_mon + 1);
        assert_int_equal(date.day, expected.tm_mday);
        assert_int_equal((tn_weekday(day) + 1) % 7, expected.tm_wday);
        assert_true(tn_day_of_date(&back, date));
        assert_int_equal(back, day);
    }
}

static void test_calendar_refuses_every_date_that_is_not(void **state)
{
    (void)state;
    uint32_t accepted = 0;
    for (uint32_t year = 2015; year <= 2105; year++) {
        for (uint32_t month = 0; month <= 14; month++) {
            for (uint32_t day_of_month = 0; day_of_month <= 33; day_of_month++) {
                struct tn_date date = {(uint16_t)year, (uint8_t)month, (uint8_t)day_of_month};
                uint32_t day = UINT32_MAX;
                if (!tn_day_of_date(&day, date)) {
                    assert_true(day == UINT32_MAX);
                    continue;
                }
                /* What it accepts is a real date, and no two of them are one day. */
                assert_true(year >= 2020 && year <= 2099);
                assert_int_equal(day, accepted);
                accepted++;
            }
        }
    }
    assert_int_equal(accepted, TN_EXPIRY_DAY_MAX + 1);
    uint32_t day;
    assert_false(tn_day_of_date(&day, (struct tn_date){0, 1, 1}));
    assert_false(tn_day_of_date(&day, (struct tn_date){UINT16_MAX, 1, 1}));
    assert_false(tn_day_of_date(&day, (struct tn_date){2026, UINT8_MAX, 1}));
    assert_false(tn_day_of_date(&day, (struct tn_date){2026, 1, UINT8_MAX}));
}

static void test_calendar_stops_after_2099(void **state)
{
    (void)state;
    expect_assert_failure((void)tn_date_of_day(TN_EXPIRY_DAY_MAX + 1));
    expect_assert_failure((void)tn_weekday(TN_EXPIRY_DAY_MAX + 1));
    expect_assert_failure((void)tn_date_of_day(UINT32_MAX));
}

static void test_calendar_finds_the_last_friday_of_every_month_and_quarter(void **state)
{
    (void)state;
    uint32_t months = 0, quarters = 0;
    for (uint32_t day = 0; day <= TN_EXPIRY_DAY_MAX; day++) {
        struct tm date = libc_date(day), week_later = libc_date(day + 7);
        bool last_friday = date.tm_wday == 5 && date.tm_mon != week_later.tm_mon;
        bool quarter = last_friday && (date.tm_mon == 2 || date.tm_mon == 5 || date.tm_mon == 8 ||
                                       date.tm_mon == 11);
        assert_int_equal(tn_day_is_month_end_friday(day), last_friday);
        assert_int_equal(tn_day_is_quarter_end_friday(day), quarter);
        months += last_friday;
        quarters += quarter;
    }
    assert_int_equal(months, 80 * 12);
    assert_int_equal(quarters, 80 * 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calendar_knows_these_dates),
        cmocka_unit_test(test_calendar_agrees_with_libc_on_every_day),
        cmocka_unit_test(test_calendar_refuses_every_date_that_is_not),
        cmocka_unit_test(test_calendar_stops_after_2099),
        cmocka_unit_test(test_calendar_finds_the_last_friday_of_every_month_and_quarter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
