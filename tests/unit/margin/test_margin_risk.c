/* The table of parameters: bounds, rules between parameters, the standard scenarios, and that
 * docs/specs/margin.md shows the same table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tenor/risk.h"

static struct tn_risk risk;
static struct tn_scenario scenarios[TN_SCENARIOS_MAX];
static uint32_t scenarios_count;

static int take_defaults(void **state)
{
    (void)state;
    memset(&risk, 0x5a, sizeof risk);
    memset(scenarios, 0x5a, sizeof scenarios);
    tn_risk_default(&risk, scenarios, &scenarios_count);
    return 0;
}

/* ---- The table ---- */

static void test_risk_every_default_is_inside_its_bounds(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < TN_RISK_FIELDS_COUNT; i++) {
        const struct tn_risk_field_info *info = tn_risk_field_info(i);
        assert_true(info->least <= info->standard && info->standard <= info->most);
        assert_true(*tn_risk_field(&risk, i) == info->standard);
    }
    assert_int_equal(tn_risk_check(&risk), TN_RISK_FIELDS_COUNT);
}

static void test_risk_every_name_is_unique_and_ends_with_its_unit(void **state)
{
    static const char *const units[] = {"_ppm", "_micros", "_ms", "_e12", "_ticks", "_min", "_max"};
    (void)state;
    for (uint32_t i = 0; i < TN_RISK_FIELDS_COUNT; i++) {
        const char *name = tn_risk_field_info(i)->name;
        bool has_unit = false;
        for (uint32_t k = 0; k < sizeof units / sizeof units[0]; k++) {
            size_t length = strlen(units[k]);
            has_unit |=
                strlen(name) > length && strcmp(name + strlen(name) - length, units[k]) == 0;
        }
        assert_true(has_unit);
        assert_true(strlen(tn_risk_field_info(i)->text) > 0);
        for (uint32_t k = 0; k < i; k++)
            assert_string_not_equal(name, tn_risk_field_info(k)->name);
    }
    assert_null(tn_risk_field_info(TN_RISK_FIELDS_COUNT));
}

static void test_risk_field_is_the_member_of_its_name(void **state)
{
    (void)state;
    assert_ptr_equal(tn_risk_field(&risk, TN_RISK_im_factor_ppm), &risk.im_factor_ppm);
    assert_ptr_equal(tn_risk_field(&risk, TN_RISK_band_ticks), &risk.band_ticks);
    assert_ptr_equal(tn_risk_field(&risk, TN_RISK_insurance_cap_ppm), &risk.insurance_cap_ppm);
    assert_string_equal(tn_risk_field_info(TN_RISK_band_ticks)->name, "band_ticks");
}

static void test_risk_refuses_every_field_outside_of_its_bounds(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < TN_RISK_FIELDS_COUNT; i++) {
        take_defaults(NULL);
        *tn_risk_field(&risk, i) = tn_risk_field_info(i)->least - 1;
        assert_int_equal(tn_risk_check(&risk), i);
        *tn_risk_field(&risk, i) = tn_risk_field_info(i)->most + 1;
        assert_int_equal(tn_risk_check(&risk), i);
        *tn_risk_field(&risk, i) = INT64_MIN;
        assert_int_equal(tn_risk_check(&risk), i);
        *tn_risk_field(&risk, i) = INT64_MAX;
        assert_int_equal(tn_risk_check(&risk), i);
    }
}

static void test_risk_names_the_first_field_that_is_out(void **state)
{
    (void)state;
    risk.band_ticks = 0;
    risk.basis_ppm = -1;
    assert_int_equal(tn_risk_check(&risk), TN_RISK_basis_ppm);
}

/* ---- Rules between two ---- */

/* Sets two fields so that the rule just holds, then so that it just does not. */
static void expect_rule(uint32_t low, int64_t low_value, uint32_t high, int64_t holds,
                        int64_t breaks)
{
    take_defaults(NULL);
    *tn_risk_field(&risk, low) = low_value;
    *tn_risk_field(&risk, high) = holds;
    assert_int_equal(tn_risk_check(&risk), TN_RISK_FIELDS_COUNT);
    *tn_risk_field(&risk, high) = breaks;
    assert_int_equal(tn_risk_check(&risk), low);
}

static void test_risk_keeps_standard_im_at_least_mm(void **state)
{
    (void)state;
    expect_rule(TN_RISK_standard_perp_mm_ppm, 80000, TN_RISK_standard_perp_im_ppm, 80000, 79999);
    expect_rule(TN_RISK_standard_least_ppm, 140000, TN_RISK_standard_most_ppm, 140000, 139999);
    expect_rule(TN_RISK_standard_call_mm_ppm, 95000, TN_RISK_standard_least_ppm, 95000, 94999);
    expect_rule(TN_RISK_standard_unpaired_mm_ppm, 1150000, TN_RISK_standard_unpaired_im_ppm,
                1150000, 1149999);
}

static void test_risk_keeps_each_ramp_of_scaling_rising(void **state)
{
    (void)state;
    expect_rule(TN_RISK_lambda_interest_low_micros, 7, TN_RISK_lambda_interest_high_micros, 8, 7);
    expect_rule(TN_RISK_lambda_volatility_low_ppm, 7, TN_RISK_lambda_volatility_high_ppm, 8, 7);
    expect_rule(TN_RISK_lambda_share_low_ppm, 7, TN_RISK_lambda_share_high_ppm, 8, 7);
}

static void test_risk_keeps_clocks_in_step(void **state)
{
    (void)state;
    expect_rule(TN_RISK_mark_ms, 200, TN_RISK_lag_ms, 601, 600);
    expect_rule(TN_RISK_mark_ms, 200, TN_RISK_spot_soft_ms, 201, 200);
    expect_rule(TN_RISK_spot_soft_ms, 5000, TN_RISK_spot_heartbeat_ms, 5000, 4999);
    expect_rule(TN_RISK_forward_soft_ms, 5000, TN_RISK_forward_heartbeat_ms, 5000, 4999);
    expect_rule(TN_RISK_vol_soft_ms, 5000, TN_RISK_vol_heartbeat_ms, 5000, 4999);
}

static void test_risk_keeps_liquidation_and_debt_in_order(void **state)
{
    (void)state;
    expect_rule(TN_RISK_negative_cash_micros, 9, TN_RISK_borrow_total_micros, 9, 8);
    expect_rule(TN_RISK_auction_middle_ppm, 700000, TN_RISK_auction_start_ppm, 700000, 699999);
    expect_rule(TN_RISK_auction_first_ms, 5000, TN_RISK_auction_total_ms, 5001, 5000);
    expect_rule(TN_RISK_slice_base_ppm, 400000, TN_RISK_slice_slope_ppm, 599999, 600000);
}

/* ---- Scenarios ---- */

static void expect_scenario(uint32_t k, int32_t move, double damping, enum tn_vol_shock vol,
                            enum tn_scenario_kind kind)
{
    assert_int_equal(scenarios[k].move_ppm, move);
    assert_int_equal(scenarios[k].vol, vol);
    assert_int_equal(scenarios[k].kind, kind);
    double off = scenarios[k].damping_q30 - damping * (1 << 30);
    assert_true(off >= -0.51 && off <= 0.51);
}

static void test_risk_has_the_33_standard_scenarios_in_order(void **state)
{
    static const int32_t grid[] = {135000, -135000, 90000, -90000, 45000, -45000, 0};
    (void)state;
    assert_int_equal(scenarios_count, 33);
    expect_scenario(0, 180000, 1, TN_VOL_UP, TN_SCENARIO_SHOCK);
    expect_scenario(1, -180000, 1, TN_VOL_UP, TN_SCENARIO_SHOCK);
    for (uint32_t i = 0; i < 7; i++) {
        expect_scenario(2 + 3 * i, grid[i], 1, TN_VOL_UP, TN_SCENARIO_SHOCK);
        expect_scenario(3 + 3 * i, grid[i], 1, TN_VOL_NONE, TN_SCENARIO_SHOCK);
        expect_scenario(4 + 3 * i, grid[i], 1, TN_VOL_DOWN, TN_SCENARIO_SHOCK);
    }
    expect_scenario(23, -660000, 0.21, TN_VOL_UP, TN_SCENARIO_SHOCK);
    expect_scenario(24, -330000, 0.42, TN_VOL_UP, TN_SCENARIO_SHOCK);
    expect_scenario(25, 500000, 0.2772, TN_VOL_UP, TN_SCENARIO_SHOCK);
    expect_scenario(26, 1000000, 0.1386, TN_VOL_UP, TN_SCENARIO_SHOCK);
    expect_scenario(27, 2000000, 0.0693, TN_VOL_UP, TN_SCENARIO_SHOCK);
    expect_scenario(28, 3000000, 0.0462, TN_VOL_UP, TN_SCENARIO_SHOCK);
    expect_scenario(29, 4000000, 0.03465, TN_VOL_UP, TN_SCENARIO_SHOCK);
    expect_scenario(30, 5000000, 0.02772, TN_VOL_UP, TN_SCENARIO_SHOCK);
    expect_scenario(31, 0, 1, TN_VOL_NONE, TN_SCENARIO_LINEAR);
    expect_scenario(32, 0, 1, TN_VOL_NONE, TN_SCENARIO_ABS);
    for (uint32_t k = 33; k < TN_SCENARIOS_MAX; k++)
        assert_int_equal(scenarios[k].damping_q30, 0);
}

static void test_risk_shocks_take_every_parameter_from_its_field(void **state)
{
    (void)state;
    struct tn_shocks shocks;
    int64_t value = 0;
    uint32_t fields[] = {TN_RISK_vol_floor_ppm,      TN_RISK_vol_up_ppm,
                         TN_RISK_vol_down_ppm,       TN_RISK_vol_power_short_ppm,
                         TN_RISK_vol_power_long_ppm, TN_RISK_skew_base_ppm,
                         TN_RISK_skew_slope_ppm,     TN_RISK_skew_wing_ppm,
                         TN_RISK_basis_ppm,          TN_RISK_long_ppm,
                         TN_RISK_long_rate_ppm,      TN_RISK_long_add_ppm,
                         TN_RISK_short_rate_ppm,     TN_RISK_short_add_ppm};
    for (uint32_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        *tn_risk_field(&risk, fields[i]) = ++value;
    risk.short_ppm = 1000015;
    risk.settlement_window_ms = 60016;
    assert_true(tn_risk_shocks(&shocks, &risk, scenarios, scenarios_count));
    const int32_t taken[] = {shocks.vol_floor_ppm,   shocks.vol_up_ppm,     shocks.vol_down_ppm,
                             shocks.power_short_ppm, shocks.power_long_ppm, shocks.skew_base_ppm,
                             shocks.skew_slope_ppm,  shocks.skew_wing_ppm,  shocks.basis_ppm,
                             shocks.long_ppm,        shocks.long_rate_ppm,  shocks.long_add_ppm,
                             shocks.short_rate_ppm,  shocks.short_add_ppm};
    for (int32_t i = 0; i < 14; i++)
        assert_int_equal(taken[i], i + 1);
    assert_int_equal(shocks.short_ppm, 1000015);
    assert_int_equal(shocks.window_ms, 60016);
    assert_int_equal(shocks.scenarios_count, scenarios_count);
    assert_memory_equal(shocks.scenarios, scenarios, scenarios_count * sizeof scenarios[0]);
}

static void test_risk_shocks_refuse_what_pricing_cannot_take(void **state)
{
    (void)state;
    struct tn_shocks shocks;
    assert_false(tn_risk_shocks(&shocks, &risk, scenarios, 0));
    assert_false(tn_risk_shocks(&shocks, &risk, scenarios, TN_SCENARIOS_MAX + 1));
    scenarios[4].move_ppm = -1000001;
    assert_false(tn_risk_shocks(&shocks, &risk, scenarios, scenarios_count));
    take_defaults(NULL);
    risk.short_ppm = INT64_C(1) << 32 | 1000000; /* would pass if it were cut to 32 bits */
    assert_false(tn_risk_shocks(&shocks, &risk, scenarios, scenarios_count));
}

/* ---- The page ---- */

static void row_of(char row[512], uint32_t field)
{
    const struct tn_risk_field_info *info = tn_risk_field_info(field);
    char text[256];
    size_t length = 0;
    for (const char *c = info->text; *c != '\0'; c++) {
        if (*c == '|') text[length++] = '\\'; /* a bar would end the cell */
        text[length++] = *c;
        assert_true(length < sizeof text - 2);
    }
    text[length] = '\0';
    snprintf(row, 512, "| `%s` | %lld | %lld | %lld | %s |\n", info->name,
             (long long)info->standard, (long long)info->least, (long long)info->most, text);
}

static void print_table(void)
{
    char row[512];
    printf("the table of docs/specs/margin.md should be\n");
    for (uint32_t i = 0; i < TN_RISK_FIELDS_COUNT; i++) {
        row_of(row, i);
        fputs(row, stdout);
    }
}

static void test_risk_page_shows_the_same_table(void **state)
{
    (void)state;
    char line[1024], row[512];
    uint32_t field = 0;
    bool same = true, inside = false;
    FILE *page = fopen(TENOR_SOURCE_DIR "/docs/specs/margin.md", "r");
    assert_non_null(page);
    while (fgets(line, sizeof line, page) != NULL) {
        if (strncmp(line, "## ", 3) == 0) inside = strstr(line, "Parameters") != NULL;
        if (field > 0 && line[0] == '\n') break; /* the table's end; others follow */
        if (!inside || strncmp(line, "| `", 3) != 0) continue;
        if (field < TN_RISK_FIELDS_COUNT) row_of(row, field);
        same &= field < TN_RISK_FIELDS_COUNT && strcmp(line, row) == 0;
        field++;
    }
    fclose(page);
    if (!same || field != TN_RISK_FIELDS_COUNT) print_table();
    assert_true(same);
    assert_int_equal(field, TN_RISK_FIELDS_COUNT);
}

#define TEST(name) cmocka_unit_test_setup(name, take_defaults)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_risk_every_default_is_inside_its_bounds),
        TEST(test_risk_every_name_is_unique_and_ends_with_its_unit),
        TEST(test_risk_field_is_the_member_of_its_name),
        TEST(test_risk_refuses_every_field_outside_of_its_bounds),
        TEST(test_risk_names_the_first_field_that_is_out),
        TEST(test_risk_keeps_standard_im_at_least_mm),
        TEST(test_risk_keeps_each_ramp_of_scaling_rising),
        TEST(test_risk_keeps_clocks_in_step),
        TEST(test_risk_keeps_liquidation_and_debt_in_order),
        TEST(test_risk_has_the_33_standard_scenarios_in_order),
        TEST(test_risk_shocks_take_every_parameter_from_its_field),
        TEST(test_risk_shocks_refuse_what_pricing_cannot_take),
        TEST(test_risk_page_shows_the_same_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
