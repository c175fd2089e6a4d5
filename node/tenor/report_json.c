/* report_json: the answer for machines. Every amount is a string with a decimal number in the cash
 * asset, exact to the micro, so that no reader's doubles bend it; counts and indices are numbers.
 */
#include "decimal.h"
#include "report.h"

static void put(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value); /* a NULL value leaves the key out */
}

static json_t *scaled(int64_t value, unsigned digits)
{
    char text[DECIMAL_SIZE];
    return json_string(decimal_format(text, value, digits, 0));
}

static json_t *money(tn_micros micros)
{
    return scaled(micros, DIGITS_MONEY);
}

static json_t *column_name(const struct portfolio *portfolio, uint32_t column)
{
    char text[REPORT_TEXT_SIZE];
    return json_string(report_column(text, portfolio, column));
}

static json_t *scenario_json(const struct tn_scenario *scenario)
{
    static const char *const kinds[] = {"shock", "linear", "abs"};
    static const char *const vols[] = {"none", "up", "down"};
    json_t *out = json_object();
    put(out, "kind", json_string(kinds[scenario->kind]));
    put(out, "move", scaled(scenario->move_ppm, DIGITS_PPM));
    put(out, "vol", json_string(vols[scenario->vol]));
    put(out, "damping", scaled(report_damping(scenario), REPORT_DAMPING_DIGITS));
    return out;
}

static json_t *pair_json(tn_micros mm, tn_micros im)
{
    json_t *out = json_object();
    put(out, "mm", money(mm));
    put(out, "im", money(im));
    return out;
}

static json_t *expiry_json(const struct portfolio *portfolio, const struct tn_whatif_result *result,
                           uint32_t expiry)
{
    const struct tn_whatif_expiry_detail *detail = &result->expiries[expiry];
    char name[TN_SERIES_NAME_SIZE];
    json_t *out = json_object();
    put(out, "expiry", json_string(portfolio_expiry_name(portfolio, name, expiry)));
    put(out, "options", json_integer(detail->options_count));
    put(out, "mtm", money(detail->mtm));
    put(out, "alone", pair_json(detail->mm, detail->im));
    if (portfolio->whatif.model != TN_MARGIN_PORTFOLIO) return out;
    put(out, "value", money(detail->value));
    put(out, "pnl", money(detail->pnl));
    put(out, "worst", money(detail->worst));
    put(out, "worst_scenario", column_name(portfolio, detail->worst_column));
    return out;
}

static json_t *expiries_json(const struct portfolio *portfolio,
                             const struct tn_whatif_result *result, uint32_t underlying)
{
    json_t *out = json_array();
    for (uint32_t i = 0; i < portfolio->expiries_count; i++) {
        if (portfolio->expiries[i].underlying != underlying) continue;
        if (result->expiries[i].options_count == 0) continue;
        (void)json_array_append_new(out, expiry_json(portfolio, result, i));
    }
    return out;
}

static json_t *scenarios_json(const struct portfolio *portfolio,
                              const struct tn_margin_detail *detail)
{
    json_t *out = json_array();
    for (uint32_t k = 0; k < portfolio->scenarios_count; k++) {
        json_t *scenario = scenario_json(&portfolio->scenarios[k]);
        put(scenario, "pnl", money(detail->pnl[k]));
        (void)json_array_append_new(out, scenario);
    }
    return out;
}

static json_t *underlying_json(const struct portfolio *portfolio,
                               const struct tn_whatif_result *result, uint32_t index)
{
    const struct tn_margin_detail *detail = &result->underlyings[index];
    json_t *out = json_object();
    put(out, "underlying", json_string(portfolio->symbols[index]));
    put(out, "spot", money(portfolio->underlyings[index].spot_micros));
    put(out, "lambda", scaled(portfolio->underlyings[index].lambda_ppm, DIGITS_PPM));
    if (portfolio->whatif.model == TN_MARGIN_PORTFOLIO) {
        put(out, "worst", money(detail->worst));
        put(out, "worst_scenario", column_name(portfolio, detail->worst_column));
        put(out, "scenarios", scenarios_json(portfolio, detail));
        put(out, "basis", money(detail->basis));
        json_t *contingencies = json_object();
        put(contingencies, "perpetuals", pair_json(detail->perp_mm, detail->perp_im));
        put(contingencies, "naked_shorts", pair_json(detail->naked_mm, detail->naked_im));
        put(contingencies, "confidence", pair_json(0, detail->confidence));
        put(out, "contingencies", contingencies);
    }
    put(out, "expiries", expiries_json(portfolio, result, index));
    return out;
}

static json_t *collateral_json(const struct portfolio *portfolio,
                               const struct tn_whatif_result *result)
{
    json_t *out = json_array();
    for (uint32_t i = 1; i < portfolio->assets_count; i++) {
        json_t *asset = json_object();
        put(asset, "asset", json_string(portfolio->asset_names[i]));
        put(asset, "value", money(result->assets[i].value));
        put(asset, "haircut",
            pair_json(result->assets[i].mm_haircut, result->assets[i].im_haircut));
        (void)json_array_append_new(out, asset);
    }
    return out;
}

static json_t *position_json(const struct portfolio *portfolio,
                             const struct tn_whatif_result *result, uint32_t index)
{
    const struct tn_whatif_position *position = &portfolio->positions[index];
    const struct tn_price_mark *mark = &result->marks[position->series];
    tn_micros price = result->rows[position->series][TN_COLUMN_MARK];
    char name[TN_SERIES_NAME_SIZE];
    json_t *out = json_object();
    put(out, "series", json_string(portfolio_series_name(portfolio, name, position->series)));
    put(out, "lots", json_integer(position->quantity));
    put(out, "mark_of_lot", money(price));
    put(out, "value", money(price * position->quantity));
    put(out, "delta", scaled(mark->delta_ppb, DIGITS_PPB));
    put(out, "vega_of_lot", money(mark->vega_micros));
    put(out, "vol", scaled(mark->vol_ppm, DIGITS_PPM));
    return out;
}

json_t *report_json(const struct portfolio *portfolio, const struct tn_whatif_result *result)
{
    const struct tn_margin_result *margin = &result->margin;
    char text[REPORT_TEXT_SIZE];
    bool standard = portfolio->whatif.model == TN_MARGIN_STANDARD;
    json_t *out = json_object(), *underlyings = json_array(), *positions = json_array();
    put(out, "now", json_string(report_time(text, portfolio->now_ms)));
    put(out, "model", json_string(standard ? "standard" : "portfolio"));
    put(out, "im", money(margin->im));
    put(out, "im_with_orders", money(margin->m));
    put(out, "mm", money(margin->mm));
    put(out, "requirement", money(margin->equity - margin->mm));
    put(out, "withdrawable", money(report_withdrawable(margin)));
    put(out, "mtm", money(margin->options));
    put(out, "equity", money(margin->equity));
    put(out, "cash_equity", money(margin->cash_equity));
    put(out, "collateral_value", money(margin->collateral));
    for (uint32_t i = 0; i < portfolio->underlyings_count; i++) {
        (void)json_array_append_new(underlyings, underlying_json(portfolio, result, i));
    }
    put(out, "underlyings", underlyings);
    put(out, "collateral", collateral_json(portfolio, result));
    for (uint32_t i = 0; i < portfolio->positions_count; i++) {
        (void)json_array_append_new(positions, position_json(portfolio, result, i));
    }
    put(out, "positions", positions);
    return out;
}

json_t *report_parameters_json(void)
{
    struct tn_risk risk;
    struct tn_scenario scenarios[TN_SCENARIOS_MAX];
    uint32_t scenarios_count;
    tn_risk_default(&risk, scenarios, &scenarios_count);
    json_t *out = json_object(), *parameters = json_array(), *list = json_array();
    for (uint32_t i = 0; i < TN_RISK_FIELDS_COUNT; i++) {
        const struct tn_risk_field_info *info = tn_risk_field_info(i);
        json_t *parameter = json_object();
        put(parameter, "name", json_string(info->name));
        put(parameter, "default", scaled(info->standard, 0));
        put(parameter, "least", scaled(info->least, 0));
        put(parameter, "most", scaled(info->most, 0));
        put(parameter, "text", json_string(info->text));
        (void)json_array_append_new(parameters, parameter);
    }
    for (uint32_t i = 0; i < scenarios_count; i++) {
        (void)json_array_append_new(list, scenario_json(&scenarios[i]));
    }
    put(out, "parameters", parameters);
    put(out, "scenarios", list);
    return out;
}
