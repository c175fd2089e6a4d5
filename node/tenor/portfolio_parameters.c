/* portfolio_parameters: every constant of risk.h by its name, and the scenario list.
 *
 * Both start as the shipped ones. A parameter is an integer in the unit that its name ends with, as
 * the table of risk.h and `tenor margin --parameters` show it; a scenario is written in decimals. A
 * scenario list replaces the whole standard list. */
#include "portfolio.h"

#include <string.h>

static const char *const vol_words[] = {"none", "up", "down"};
static const char *const kind_words[] = {"shock", "linear", "abs"};
static const char *const scenario_fields[] = {"kind", "move", "vol", "damping"};

#define MOVE_MOST_PPM INT64_C(10000000)
#define Q30           (INT64_C(1) << 30)
#define DIGITS_PART   12 /* of a damping */

static uint32_t field_named(const char *name)
{
    uint32_t field = 0;
    while (field < TN_RISK_FIELDS_COUNT && strcmp(tn_risk_field_info(field)->name, name) != 0) {
        field++;
    }
    return field;
}

static void read_overrides(struct portfolio *portfolio, struct reader *reader,
                           const struct node *parameters)
{
    static const char *names[TN_RISK_FIELDS_COUNT];
    for (uint32_t i = 0; i < TN_RISK_FIELDS_COUNT; i++)
        names[i] = tn_risk_field_info(i)->name;
    if (!reader_object(reader, parameters, names, TN_RISK_FIELDS_COUNT)) return;
    const char *key;
    json_t *value;
    json_object_foreach(parameters->value, key, value)
    {
        struct node node = reader_member(parameters, key);
        uint32_t field = field_named(key);
        const struct tn_risk_field_info *info = tn_risk_field_info(field);
        *tn_risk_field(&portfolio->risk, field) =
            reader_decimal(reader, &node, 0, info->least, info->most);
    }
    if (reader->failed) return;
    uint32_t field = tn_risk_check(&portfolio->risk);
    if (field != TN_RISK_FIELDS_COUNT) {
        struct node node = reader_member(parameters, tn_risk_field_info(field)->name);
        reader_fail(reader, &node,
                    "contradicts another parameter; see `tenor margin --parameters`");
    }
}

static void read_scenario(struct tn_scenario *out, struct reader *reader, const struct node *node)
{
    if (!reader_object(reader, node, WORDS(scenario_fields))) return;
    struct node kind = reader_member(node, "kind"), vol = reader_member(node, "vol");
    struct node move = reader_needed(reader, node, "move", "the move of spot, 0.18 for +18 %");
    struct node damping = reader_member(node, "damping");
    out->kind = kind.value == NULL ? TN_SCENARIO_SHOCK
                                   : (uint8_t)reader_choice(reader, &kind, WORDS(kind_words));
    out->vol =
        vol.value == NULL ? TN_VOL_NONE : (uint8_t)reader_choice(reader, &vol, WORDS(vol_words));
    out->move_ppm = (int32_t)reader_decimal(reader, &move, DIGITS_PPM, -1000000, MOVE_MOST_PPM);
    int64_t whole = 1;
    for (unsigned i = 0; i < DIGITS_PART; i++)
        whole *= 10;
    int64_t part = reader_decimal_or(reader, &damping, DIGITS_PART, 1, whole, whole);
    int64_t nearest = (int64_t)(((tn_i128)part * Q30 + whole / 2) / whole);
    out->damping_q30 = (int32_t)(nearest < 1 ? 1 : nearest);
    if (out->kind != TN_SCENARIO_SHOCK && out->vol != TN_VOL_NONE) {
        reader_fail(reader, &vol, "must be \"none\" in a skew scenario; leave it out");
    }
}

static void read_scenarios(struct portfolio *portfolio, struct reader *reader,
                           const struct node *list)
{
    size_t count = reader_array(reader, list, TN_SCENARIOS_MAX);
    if (!reader->failed && count == 0) {
        reader_fail(reader, list, "is empty; give at least one, or leave it out for the standard");
    }
    for (size_t i = 0; i < count && !reader->failed; i++) {
        struct node node = reader_element(list, i);
        read_scenario(&portfolio->scenarios[i], reader, &node);
        struct tn_shocks shocks;
        if (!reader->failed &&
            !tn_risk_shocks(&shocks, &portfolio->risk, &portfolio->scenarios[i], 1)) {
            reader_fail(reader, &node, "is not admitted; see docs/what-if.md for its bounds");
        }
    }
    if (!reader->failed) portfolio->scenarios_count = (uint32_t)count;
}

void portfolio_read_parameters(struct portfolio *portfolio, struct reader *reader,
                               const struct node *root)
{
    tn_risk_default(&portfolio->risk, portfolio->scenarios, &portfolio->scenarios_count);
    struct node parameters = reader_member(root, "parameters");
    if (parameters.value != NULL) read_overrides(portfolio, reader, &parameters);
    struct node scenarios = reader_member(root, "scenarios");
    if (!reader->failed && scenarios.value != NULL) {
        read_scenarios(portfolio, reader, &scenarios);
    }
}
