/* listing: which expiries exist at a time, and how far apart strikes are.
 *
 * Listing is by rule so that nobody chooses what the venue trades: every node computes the same
 * days from the block's time. The idea: walk the days from the first that has not expired, and let
 * each of the four rules take what is its own until it has enough. So the days come out ascending
 * and once each, whatever the calendar makes fall together. */
#include "tenor/product.h"

#define FRIDAY        4u
#define PPB           1000000000u
#define PPM           INT64_C(1000000)
#define STEP_PPM_LOW  1000u
#define STEP_PPM_HIGH 200000u

_Static_assert(TN_LISTING_EXPIRIES_MAX == 7 + 8 + 12 + 12, "room for every rule's most");

bool tn_listing_rules_valid(const struct tn_listing_rules *rules)
{
    if (rules->dailies > 7 || rules->weeklies > 8) return false;
    if (rules->monthlies > 12 || rules->quarterlies > 12) return false;
    if (rules->delta_low_ppb > rules->delta_high_ppb || rules->delta_high_ppb > PPB) return false;
    return rules->strike_step_ppm >= STEP_PPM_LOW && rules->strike_step_ppm <= STEP_PPM_HIGH;
}

/* The first day whose 08:00 is after time_ms; 1 at the least, the first day an id can have. */
static int64_t first_open_day(int64_t time_ms)
{
    TN_ASSERT(time_ms >= TN_EPOCH_2020_MS);
    int64_t since_2020_ms = time_ms - TN_EPOCH_2020_MS;
    int64_t day = since_2020_ms / TN_MS_PER_DAY;
    if (since_2020_ms % TN_MS_PER_DAY >= TN_EXPIRY_TIME_OF_DAY) day++;
    return day >= 1 ? day : 1;
}

/* The day itself when it is a Friday. */
static int64_t next_friday(int64_t day)
{
    TN_ASSERT(day >= 1 && day <= TN_EXPIRY_DAY_MAX);
    return day + (FRIDAY + 7 - tn_weekday((uint32_t)day)) % 7;
}

/* One rule takes a day of its kind, if it still wants one. */
static bool take(uint32_t *wanted, bool of_kind)
{
    if (!of_kind || *wanted == 0) return false;
    (*wanted)--;
    return true;
}

uint32_t tn_listing_expiries(uint16_t days[TN_LISTING_EXPIRIES_MAX],
                             const struct tn_listing_rules *rules, int64_t time_ms)
{
    uint32_t dailies = rules->dailies;
    uint32_t weeklies = rules->weeklies;
    uint32_t monthlies = rules->monthlies;
    uint32_t quarterlies = rules->quarterlies;
    uint32_t count = 0;
    TN_ASSERT(dailies + weeklies + monthlies + quarterlies <= TN_LISTING_EXPIRIES_MAX);
    if (time_ms < TN_EPOCH_2020_MS) return 0;

    for (int64_t at = first_open_day(time_ms); at <= TN_EXPIRY_DAY_MAX; at++) {
        if (dailies == 0) at = next_friday(at); /* the other rules know no other day */
        if (at > TN_EXPIRY_DAY_MAX || dailies + weeklies + monthlies + quarterlies == 0) break;
        uint32_t day = (uint32_t)at;
        bool month_end = tn_day_is_month_end_friday(day);
        bool daily = take(&dailies, true);
        bool weekly = take(&weeklies, tn_weekday(day) == FRIDAY);
        bool monthly = take(&monthlies, month_end);
        bool quarterly = take(&quarterlies, month_end && tn_day_is_quarter_end_friday(day));
        if (!daily && !weekly && !monthly && !quarterly) continue;
        TN_ASSERT(count < TN_LISTING_EXPIRIES_MAX);
        days[count++] = (uint16_t)day;
    }
    return count;
}

bool tn_listing_names_day(const struct tn_listing_rules *rules, int64_t time_ms, uint16_t day)
{
    uint16_t days[TN_LISTING_EXPIRIES_MAX];
    uint32_t count = tn_listing_expiries(days, rules, time_ms);
    for (uint32_t i = 0; i < count; i++) {
        if (days[i] == day) return true;
    }
    return false;
}

uint64_t tn_listing_strike_step(const struct tn_listing_rules *rules, tn_micros forward_micros)
{
    TN_ASSERT(rules->strike_step_ppm <= STEP_PPM_HIGH);
    if (forward_micros < 1) return 1;

    /* The step asked for, floored to strike units; the parameter's bound makes it fit. */
    uint64_t asked = (uint64_t)tn_mul_div_floor(forward_micros, rules->strike_step_ppm,
                                                PPM * TN_MICROS_PER_STRIKE_UNIT);
    if (asked > TN_STRIKE_MAX) asked = TN_STRIKE_MAX;
    uint64_t power = 1;
    while (power * 10 <= asked)
        power *= 10;
    if (5 * power <= asked) return 5 * power;
    if (2 * power <= asked) return 2 * power;
    return power;
}
