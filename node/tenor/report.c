/* report: the words that both formats share. */
#include "report.h"

#include "decimal.h"

static const char *const vol_names[] = {"", ", vol up", ", vol down"};
static const char *const skew_names[] = {"", "LINEAR skew", "ABS skew"};

tn_micros report_withdrawable(const struct tn_margin_result *margin)
{
    tn_micros least = margin->m < margin->cash_equity ? margin->m : margin->cash_equity;
    return least > 0 ? least : 0;
}

const char *report_time(char out[REPORT_TEXT_SIZE], int64_t time_ms)
{
    int64_t since = time_ms - TN_EPOCH_2020_MS;
    struct tn_date date = tn_date_of_day((uint32_t)(since / TN_MS_PER_DAY));
    unsigned of_day_ms = (unsigned)(since % TN_MS_PER_DAY), of_day_s = of_day_ms / 1000;
    int used = snprintf(out, REPORT_TEXT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u", date.year,
                        date.month, date.day, of_day_s / 3600, of_day_s / 60 % 60, of_day_s % 60);
    if (of_day_ms % 1000 == 0) {
        snprintf(out + used, REPORT_TEXT_SIZE - (size_t)used, "Z");
    } else {
        snprintf(out + used, REPORT_TEXT_SIZE - (size_t)used, ".%03uZ", of_day_ms % 1000);
    }
    return out;
}

const char *report_scenario(char out[REPORT_TEXT_SIZE], const struct tn_scenario *scenario)
{
    char move[DECIMAL_SIZE];
    decimal_format(move, scenario->move_ppm, 4, 0);
    const char *sign = scenario->move_ppm > 0 ? "+" : "";
    if (scenario->kind == TN_SCENARIO_SHOCK) {
        snprintf(out, REPORT_TEXT_SIZE, "%s%.12s %%%s", sign, move, vol_names[scenario->vol]);
    } else if (scenario->move_ppm == 0) {
        snprintf(out, REPORT_TEXT_SIZE, "%s", skew_names[scenario->kind]);
    } else {
        snprintf(out, REPORT_TEXT_SIZE, "%s, %s%.12s %%", skew_names[scenario->kind], sign, move);
    }
    return out;
}

const char *report_column(char out[REPORT_TEXT_SIZE], const struct portfolio *portfolio,
                          uint32_t column)
{
    if (column < portfolio->scenarios_count) {
        return report_scenario(out, &portfolio->scenarios[column]);
    }
    snprintf(out, REPORT_TEXT_SIZE, "%s", column == TN_COLUMN_UP ? "basis" : "none");
    return out;
}

int64_t report_damping(const struct tn_scenario *scenario)
{
    tn_i128 exact = (tn_i128)scenario->damping_q30 * INT64_C(10000000000);
    return (int64_t)((exact + (INT64_C(1) << 29)) >> 30);
}
