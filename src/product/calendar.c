/* calendar: days since 2020-01-01 to and from dates, weekdays, last Fridays.
 *
 * Exists because the library may not ask libc, and because an expiry is a number in consensus. The
 * idea: count years from 1 March, so that a leap day is the last day of its year; from 2000-03-01
 * to 2100-02-28 every four such years have 1461 days, and every month's start follows one linear
 * formula. The range ends on 2099-12-31, before the century without a leap day. */
#include "tenor/product.h"

#define MARCH_2000_TO_2020    7245u /* days from 2000-03-01 to 2020-01-01 */
#define DAYS_PER_FOUR_YEARS   1461u
#define DAYS_PER_YEAR         365u
#define WEEKDAY_OF_2020_01_01 2u /* a Wednesday */
#define FRIDAY                4u

/* Days before a month, in a year of months 0 = March .. 11 = February: months run 31 30 31 30 31
 * twice and end in 31 28, which is what this rounding of 30.6 does. */
static uint32_t days_before_month(uint32_t month_from_march)
{
    TN_ASSERT(month_from_march < 12);
    return (153 * month_from_march + 2) / 5;
}

static uint32_t days_in_month(uint32_t year, uint32_t month)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    TN_ASSERT(month >= 1 && month <= 12);
    return days[month - 1] + (month == 2 && year % 4 == 0 ? 1u : 0u);
}

struct tn_date tn_date_of_day(uint32_t day)
{
    TN_ASSERT(day <= TN_EXPIRY_DAY_MAX);
    uint32_t since_march = day + MARCH_2000_TO_2020;
    uint32_t cycle = since_march / DAYS_PER_FOUR_YEARS;
    uint32_t of_cycle = since_march % DAYS_PER_FOUR_YEARS;
    uint32_t year_of_cycle = of_cycle / DAYS_PER_YEAR;
    if (year_of_cycle == 4) year_of_cycle = 3; /* the leap day belongs to the fourth year */

    uint32_t of_year = of_cycle - year_of_cycle * DAYS_PER_YEAR;
    uint32_t month_from_march = (5 * of_year + 2) / 153;
    uint32_t year = 2000 + cycle * 4 + year_of_cycle + (month_from_march >= 10 ? 1 : 0);
    uint32_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    uint32_t day_of_month = of_year - days_before_month(month_from_march) + 1;
    TN_ASSERT(day_of_month >= 1 && day_of_month <= days_in_month(year, month));
    return (struct tn_date){
        .year = (uint16_t)year, .month = (uint8_t)month, .day = (uint8_t)day_of_month};
}

bool tn_day_of_date(uint32_t *day, struct tn_date date)
{
    if (date.year < 2020 || date.year > 2099) return false;
    if (date.month < 1 || date.month > 12) return false;
    if (date.day < 1 || date.day > days_in_month(date.year, date.month)) return false;

    bool after_february = date.month >= 3;
    uint32_t years = date.year - 2000u - (after_february ? 0 : 1);
    uint32_t month_from_march = after_february ? date.month - 3u : date.month + 9u;
    uint32_t since_march =
        years * DAYS_PER_YEAR + years / 4 + days_before_month(month_from_march) + date.day - 1u;
    TN_ASSERT(since_march >= MARCH_2000_TO_2020);
    TN_ASSERT(since_march - MARCH_2000_TO_2020 <= TN_EXPIRY_DAY_MAX);
    *day = since_march - MARCH_2000_TO_2020;
    return true;
}

uint32_t tn_weekday(uint32_t day)
{
    TN_ASSERT(day <= TN_EXPIRY_DAY_MAX);
    return (day + WEEKDAY_OF_2020_01_01) % 7;
}

bool tn_day_is_month_end_friday(uint32_t day)
{
    if (tn_weekday(day) != FRIDAY) return false;
    struct tn_date date = tn_date_of_day(day);
    return date.day + 7u > days_in_month(date.year, date.month);
}

bool tn_day_is_quarter_end_friday(uint32_t day)
{
    return tn_day_is_month_end_friday(day) && tn_date_of_day(day).month % 3 == 0;
}
