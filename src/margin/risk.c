/* risk: the table of parameters, as data.
 *
 * The header's table is expanded here once more, into what a program can walk over: names, bounds
 * and texts. Parameters are admitted by bounds of their own and by rules between two of them; the
 * rules are data as well, so that the page that publishes them and the tests can be read beside
 * them. Whoever evaluates margin relies on them: IM ≤ MM of a standard account follows from four.
 */
#include "tenor/risk.h"

#include <string.h>

#define PPM 1000000
#define Q30 (INT64_C(1) << 30)

static const struct tn_risk_field_info infos[] = {
#define X(name, standard, least, most, text) {#name, (standard), (least), (most), (text)},
    TN_RISK_TABLE(X)
#undef X
};

/* tn_risk_field reaches a field by its place, so there may be nothing but fields. */
_Static_assert(sizeof(struct tn_risk) == TN_RISK_FIELDS_COUNT * sizeof(int64_t),
               "parameters are int64_t, one after another");

const struct tn_risk_field_info *tn_risk_field_info(uint32_t field)
{
    return field < TN_RISK_FIELDS_COUNT ? &infos[field] : NULL;
}

int64_t *tn_risk_field(struct tn_risk *risk, uint32_t field)
{
    TN_ASSERT(field < TN_RISK_FIELDS_COUNT);
    return (int64_t *)risk + field;
}

static int64_t value_of(const struct tn_risk *risk, uint32_t field)
{
    return ((const int64_t *)risk)[field];
}

uint32_t tn_risk_fields_written(const struct tn_risk *risk)
{
    uint32_t count = TN_RISK_FIELDS_COUNT;
    while (count > TN_RISK_FIELDS_FIRST && value_of(risk, count - 1) == infos[count - 1].standard)
        count--;
    return count;
}

/* ---- The standard scenarios ---- */

/* (docs/specs/margin.md, Scenarios) Tails are damped by 0.1386/|move|, rounded as published. */
static const struct {
    int32_t move_ppm, damping_ppm;
} tails[] = {
    {-660000, 210000}, {-330000, 420000}, {500000, 277200}, {1000000, 138600},
    {2000000, 69300},  {3000000, 46200},  {4000000, 34650}, {5000000, 27720},
};
static const int32_t grid_ppm[] = {135000, -135000, 90000, -90000, 45000, -45000, 0};

static void append(struct tn_scenario *scenarios, uint32_t *count, int32_t move_ppm,
                   int32_t damping_ppm, enum tn_vol_shock vol, enum tn_scenario_kind kind)
{
    TN_ASSERT(*count < TN_SCENARIOS_MAX);
    scenarios[(*count)++] = (struct tn_scenario){
        .move_ppm = move_ppm,
        .damping_q30 = (int32_t)((damping_ppm * Q30 + PPM / 2) / PPM), /* nearest */
        .vol = (uint8_t)vol,
        .kind = (uint8_t)kind,
    };
}

static uint32_t fill_scenarios(struct tn_scenario scenarios[TN_SCENARIOS_MAX])
{
    static const enum tn_vol_shock shocks[] = {TN_VOL_UP, TN_VOL_NONE, TN_VOL_DOWN};
    uint32_t count = 0;
    memset(scenarios, 0, TN_SCENARIOS_MAX * sizeof scenarios[0]);
    append(scenarios, &count, 180000, PPM, TN_VOL_UP, TN_SCENARIO_SHOCK);
    append(scenarios, &count, -180000, PPM, TN_VOL_UP, TN_SCENARIO_SHOCK);
    for (uint32_t i = 0; i < sizeof grid_ppm / sizeof grid_ppm[0]; i++)
        for (uint32_t k = 0; k < 3; k++)
            append(scenarios, &count, grid_ppm[i], PPM, shocks[k], TN_SCENARIO_SHOCK);
    for (uint32_t i = 0; i < sizeof tails / sizeof tails[0]; i++)
        append(scenarios, &count, tails[i].move_ppm, tails[i].damping_ppm, TN_VOL_UP,
               TN_SCENARIO_SHOCK);
    append(scenarios, &count, 0, PPM, TN_VOL_NONE, TN_SCENARIO_LINEAR);
    append(scenarios, &count, 0, PPM, TN_VOL_NONE, TN_SCENARIO_ABS);
    TN_ASSERT(count == 33);
    return count;
}

void tn_risk_default(struct tn_risk *risk, struct tn_scenario scenarios[TN_SCENARIOS_MAX],
                     uint32_t *scenarios_count)
{
    for (uint32_t field = 0; field < TN_RISK_FIELDS_COUNT; field++)
        *tn_risk_field(risk, field) = infos[field].standard;
    TN_ASSERT((scenarios == NULL) == (scenarios_count == NULL));
    if (scenarios != NULL) *scenarios_count = fill_scenarios(scenarios);
}

/* ---- What is admitted ---- */

/* times · low ≤ high, or < where equality is refused too. */
static const struct {
    uint32_t low, high;
    int64_t times;
    bool strict;
} rules[] = {
    {TN_RISK_standard_perp_mm_ppm, TN_RISK_standard_perp_im_ppm, 1, false},
    {TN_RISK_standard_least_ppm, TN_RISK_standard_most_ppm, 1, false},
    {TN_RISK_standard_call_mm_ppm, TN_RISK_standard_least_ppm, 1, false},
    {TN_RISK_standard_unpaired_mm_ppm, TN_RISK_standard_unpaired_im_ppm, 1, false},
    {TN_RISK_lambda_interest_low_micros, TN_RISK_lambda_interest_high_micros, 1, true},
    {TN_RISK_lambda_volatility_low_ppm, TN_RISK_lambda_volatility_high_ppm, 1, true},
    {TN_RISK_lambda_share_low_ppm, TN_RISK_lambda_share_high_ppm, 1, true},
    {TN_RISK_mark_ms, TN_RISK_lag_ms, 3, true},
    {TN_RISK_mark_ms, TN_RISK_spot_soft_ms, 1, true},
    {TN_RISK_spot_soft_ms, TN_RISK_spot_heartbeat_ms, 1, false},
    {TN_RISK_forward_soft_ms, TN_RISK_forward_heartbeat_ms, 1, false},
    {TN_RISK_vol_soft_ms, TN_RISK_vol_heartbeat_ms, 1, false},
    {TN_RISK_negative_cash_micros, TN_RISK_borrow_total_micros, 1, false},
    {TN_RISK_auction_middle_ppm, TN_RISK_auction_start_ppm, 1, false},
    {TN_RISK_auction_first_ms, TN_RISK_auction_total_ms, 1, true},
};

uint32_t tn_risk_check(const struct tn_risk *risk)
{
    for (uint32_t field = 0; field < TN_RISK_FIELDS_COUNT; field++) {
        int64_t value = value_of(risk, field);
        if (value < infos[field].least || value > infos[field].most) return field;
    }
    for (uint32_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        int64_t low = rules[i].times * value_of(risk, rules[i].low);
        int64_t high = value_of(risk, rules[i].high);
        if (low > high || (rules[i].strict && low == high)) return rules[i].low;
    }
    /* A slice gives up less than it frees, so it always raises the maintenance balance. */
    if (risk->slice_base_ppm + risk->slice_slope_ppm >= PPM) return TN_RISK_slice_base_ppm;
    return TN_RISK_FIELDS_COUNT;
}

bool tn_risk_shocks(struct tn_shocks *shocks, const struct tn_risk *risk,
                    const struct tn_scenario *scenarios, uint32_t scenarios_count)
{
    if (scenarios_count > TN_SCENARIOS_MAX || tn_risk_check(risk) != TN_RISK_FIELDS_COUNT)
        return false;
    *shocks = (struct tn_shocks){
        .scenarios_count = scenarios_count,
        .vol_floor_ppm = (int32_t)risk->vol_floor_ppm,
        .vol_up_ppm = (int32_t)risk->vol_up_ppm,
        .vol_down_ppm = (int32_t)risk->vol_down_ppm,
        .power_short_ppm = (int32_t)risk->vol_power_short_ppm,
        .power_long_ppm = (int32_t)risk->vol_power_long_ppm,
        .skew_base_ppm = (int32_t)risk->skew_base_ppm,
        .skew_slope_ppm = (int32_t)risk->skew_slope_ppm,
        .skew_wing_ppm = (int32_t)risk->skew_wing_ppm,
        .basis_ppm = (int32_t)risk->basis_ppm,
        .long_ppm = (int32_t)risk->long_ppm,
        .long_rate_ppm = (int32_t)risk->long_rate_ppm,
        .long_add_ppm = (int32_t)risk->long_add_ppm,
        .short_ppm = (int32_t)risk->short_ppm,
        .short_rate_ppm = (int32_t)risk->short_rate_ppm,
        .short_add_ppm = (int32_t)risk->short_add_ppm,
        .window_ms = risk->settlement_window_ms,
    };
    if (scenarios_count > 0)
        memcpy(shocks->scenarios, scenarios, scenarios_count * sizeof scenarios[0]);
    return tn_shocks_valid(shocks);
}
