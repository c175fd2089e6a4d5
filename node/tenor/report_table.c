/* report_table: the answer for people. Amounts to the micro, in columns; nothing is rounded. */
#include "decimal.h"
#include "report.h"

#include <inttypes.h>

static const char *amount(char out[DECIMAL_SIZE], tn_micros micros)
{
    return decimal_format(out, micros, DIGITS_MONEY, DIGITS_MONEY);
}

static void print_amount(FILE *out, const char *name, tn_micros micros, const char *remark)
{
    char text[DECIMAL_SIZE];
    fprintf(out, "  %-24s %22s%s\n", name, amount(text, micros), remark);
}

static void print_totals(FILE *out, const struct portfolio *portfolio,
                         const struct tn_whatif_result *result)
{
    const struct tn_margin_result *margin = &result->margin;
    char text[REPORT_TEXT_SIZE];
    bool standard = portfolio->whatif.model == TN_MARGIN_STANDARD;
    fprintf(out, "%s margin at %s\n\n", standard ? "Standard" : "Portfolio",
            report_time(text, portfolio->now_ms));
    print_amount(out, "IM balance", margin->im, margin->im < 0 ? "   short" : "");
    print_amount(out, "IM with open orders", margin->m, margin->m < 0 ? "   short" : "");
    print_amount(out, "MM balance", margin->mm, margin->mm < 0 ? "   liquidation" : "");
    print_amount(out, "equity (E)", margin->equity, margin->equity < 0 ? "   insolvent" : "");
    tn_micros least = standard ? 0 : -portfolio->risk.negative_cash_micros;
    print_amount(out, "  cash equity (CE)", margin->cash_equity,
                 margin->cash_equity < least ? "   below what is allowed" : "");
    print_amount(out, "  options (MtM)", margin->options, "");
    print_amount(out, "  collateral", margin->collateral, "");
    print_amount(out, "requirement (E - MM)", margin->equity - margin->mm, "");
    print_amount(out, "withdrawable", report_withdrawable(margin), "");
}

static void print_scenarios(FILE *out, const struct portfolio *portfolio,
                            const struct tn_margin_detail *detail)
{
    char name[REPORT_TEXT_SIZE], damping[DECIMAL_SIZE], pnl[DECIMAL_SIZE];
    fprintf(out, "  %-24s %10s %22s\n", "scenario", "damping", "PnL");
    for (uint32_t k = 0; k < portfolio->scenarios_count; k++) {
        const struct tn_scenario *scenario = &portfolio->scenarios[k];
        int64_t rounded = (report_damping(scenario) + 500) / 1000;
        fprintf(out, "  %-24s %10s %22s%s\n", report_scenario(name, scenario),
                decimal_format(damping, rounded, REPORT_DAMPING_DIGITS - 3, 4),
                amount(pnl, detail->pnl[k]), k == detail->worst_column ? "   worst" : "");
    }
    fprintf(out, "  %-24s %10s %22s%s\n", "basis", "", amount(pnl, detail->basis),
            detail->worst_column == TN_COLUMN_UP ? "   worst" : "");
}

static void print_contingencies(FILE *out, const struct tn_margin_detail *detail)
{
    char mm[DECIMAL_SIZE], im[DECIMAL_SIZE];
    fprintf(out, "\n  %-24s %22s %22s\n", "contingency", "MM", "IM");
    fprintf(out, "  %-24s %22s %22s\n", "perpetuals and futures", amount(mm, detail->perp_mm),
            amount(im, detail->perp_im));
    fprintf(out, "  %-24s %22s %22s\n", "naked shorts", amount(mm, detail->naked_mm),
            amount(im, detail->naked_im));
    fprintf(out, "  %-24s %22s %22s\n", "confidence", "", amount(im, detail->confidence));
}

static void print_expiries(FILE *out, const struct portfolio *portfolio,
                           const struct tn_whatif_result *result, uint32_t underlying)
{
    bool standard = portfolio->whatif.model == TN_MARGIN_STANDARD;
    bool begun = false;
    for (uint32_t i = 0; i < portfolio->expiries_count; i++) {
        const struct tn_whatif_expiry_detail *detail = &result->expiries[i];
        if (portfolio->expiries[i].underlying != underlying || detail->options_count == 0) continue;
        char name[TN_SERIES_NAME_SIZE], worst_name[REPORT_TEXT_SIZE];
        char mtm[DECIMAL_SIZE], value[DECIMAL_SIZE], pnl[DECIMAL_SIZE], worst[DECIMAL_SIZE];
        if (!begun) {
            fprintf(out, "\n  %-16s %7s %20s", "expiry", "options", "mtm");
            if (standard) {
                fprintf(out, " %20s %20s\n", "IM alone", "MM alone");
            } else {
                fprintf(out, " %20s %20s %20s  %s\n", "value", "PnL", "worst", "worst scenario");
            }
        }
        begun = true;
        fprintf(out, "  %-16s %7" PRIu32 " %20s", portfolio_expiry_name(portfolio, name, i),
                detail->options_count, amount(mtm, detail->mtm));
        if (standard) {
            fprintf(out, " %20s %20s", amount(value, detail->im), amount(pnl, detail->mm));
        } else {
            fprintf(out, " %20s %20s %20s  %s", amount(value, detail->value),
                    amount(pnl, detail->pnl), amount(worst, detail->worst),
                    report_column(worst_name, portfolio, detail->worst_column));
        }
        fputc('\n', out);
    }
}

static void print_underlying(FILE *out, const struct portfolio *portfolio,
                             const struct tn_whatif_result *result, uint32_t index)
{
    const struct tn_margin_detail *detail = &result->underlyings[index];
    const struct tn_whatif_underlying *underlying = &portfolio->underlyings[index];
    char spot[DECIMAL_SIZE], lambda[DECIMAL_SIZE], worst[DECIMAL_SIZE];
    fprintf(out, "\n%s  spot %s, lambda %s", portfolio->symbols[index],
            decimal_format(spot, underlying->spot_micros, DIGITS_MONEY, 0),
            decimal_format(lambda, underlying->lambda_ppm, DIGITS_PPM, 0));
    if (portfolio->whatif.model == TN_MARGIN_PORTFOLIO) {
        fprintf(out, ", worst %s\n\n", decimal_format(worst, detail->worst, DIGITS_MONEY, 0));
        print_scenarios(out, portfolio, detail);
        print_contingencies(out, detail);
    } else {
        fputc('\n', out);
    }
    print_expiries(out, portfolio, result, index);
}

static void print_collateral(FILE *out, const struct portfolio *portfolio,
                             const struct tn_whatif_result *result)
{
    if (portfolio->assets_count < 2) return;
    fprintf(out, "\n  %-24s %22s %22s %22s\n", "collateral", "value", "MM haircut", "IM haircut");
    for (uint32_t i = 1; i < portfolio->assets_count; i++) {
        char value[DECIMAL_SIZE], mm[DECIMAL_SIZE], im[DECIMAL_SIZE];
        const struct tn_whatif_asset_detail *asset = &result->assets[i];
        fprintf(out, "  %-24s %22s %22s %22s\n", portfolio->asset_names[i],
                amount(value, asset->value), amount(mm, asset->mm_haircut),
                amount(im, asset->im_haircut));
    }
}

static void print_positions(FILE *out, const struct portfolio *portfolio,
                            const struct tn_whatif_result *result)
{
    if (portfolio->positions_count == 0) return;
    fprintf(out, "\n  %-26s %12s %20s %20s %13s %10s\n", "position", "lots", "mark of a lot",
            "value", "delta", "vol");
    for (uint32_t i = 0; i < portfolio->positions_count; i++) {
        const struct tn_whatif_position *position = &portfolio->positions[i];
        const struct tn_price_mark *mark = &result->marks[position->series];
        tn_micros price = result->rows[position->series][TN_COLUMN_MARK];
        char name[TN_SERIES_NAME_SIZE], one[DECIMAL_SIZE], all[DECIMAL_SIZE];
        char delta[DECIMAL_SIZE], vol[DECIMAL_SIZE];
        fprintf(out, "  %-26s %12" PRId64 " %20s %20s %13s %10s\n",
                portfolio_series_name(portfolio, name, position->series), position->quantity,
                amount(one, price), amount(all, price * position->quantity),
                decimal_format(delta, mark->delta_ppb, DIGITS_PPB, DIGITS_PPB),
                decimal_format(vol, mark->vol_ppm, DIGITS_PPM, DIGITS_PPM));
    }
}

void report_table(FILE *out, const struct portfolio *portfolio,
                  const struct tn_whatif_result *result)
{
    print_totals(out, portfolio, result);
    for (uint32_t i = 0; i < portfolio->underlyings_count; i++) {
        print_underlying(out, portfolio, result, i);
    }
    print_collateral(out, portfolio, result);
    print_positions(out, portfolio, result);
}

void report_parameters_table(FILE *out)
{
    struct tn_risk risk;
    struct tn_scenario scenarios[TN_SCENARIOS_MAX];
    uint32_t scenarios_count;
    tn_risk_default(&risk, scenarios, &scenarios_count);
    fprintf(out, "%-28s %17s %10s %20s  %s\n", "parameter", "default", "least", "most",
            "what it is");
    for (uint32_t i = 0; i < TN_RISK_FIELDS_COUNT; i++) {
        const struct tn_risk_field_info *info = tn_risk_field_info(i);
        fprintf(out, "%-28s %17" PRId64 " %10" PRId64 " %20" PRId64 "  %s\n", info->name,
                info->standard, info->least, info->most, info->text);
    }
    fprintf(out, "\n%-3s %-24s %12s\n", "#", "scenario", "damping");
    for (uint32_t i = 0; i < scenarios_count; i++) {
        char name[REPORT_TEXT_SIZE], damping[DECIMAL_SIZE];
        fprintf(out, "%-3" PRIu32 " %-24s %12s\n", i, report_scenario(name, &scenarios[i]),
                decimal_format(damping, report_damping(&scenarios[i]), REPORT_DAMPING_DIGITS, 4));
    }
}
