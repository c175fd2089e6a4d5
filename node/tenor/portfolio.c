/* portfolio: from a checked document to the arrays that whatif takes.
 *
 * The order matters: time, parameters, market, account. Series are collected while positions and
 * orders are read, kept sorted, and numbered once all are known. */
#include "portfolio.h"

#include <string.h>

static const char *const root_fields[] = {"now",         "model",      "cash",      "stable",
                                          "underlyings", "collateral", "positions", "orders",
                                          "groups",      "parameters", "scenarios"};

#define STABLE_MOST_PPM INT64_C(10000000)

bool portfolio_parse(const struct portfolio *portfolio, uint64_t *id, const char *name)
{
    return tn_series_name_parse(id, name, (const char(*)[TN_SYMBOL_SIZE])portfolio->symbols,
                                portfolio->underlyings_count);
}

void portfolio_name(const struct portfolio *portfolio, char out[TN_SERIES_NAME_SIZE], uint64_t id)
{
    tn_series_name_format(out, id, (const char(*)[TN_SYMBOL_SIZE])portfolio->symbols,
                          portfolio->underlyings_count);
}

static uint32_t series_index(const struct portfolio *portfolio, uint64_t id)
{
    uint32_t i = 0;
    while (i < portfolio->series_count && portfolio->names[i].id != id)
        i++;
    TN_ASSERT(i < portfolio->series_count);
    return i;
}

static void number_series(struct portfolio *portfolio, struct reader *reader)
{
    for (uint32_t i = 0; i < portfolio->series_count && !reader->failed; i++) {
        uint64_t id = portfolio->names[i].id;
        struct tn_whatif_series *series = &portfolio->series[i];
        *series = (struct tn_whatif_series){.underlying = (uint16_t)(tn_series_underlying(id) - 1),
                                            .kind = (uint8_t)tn_series_kind(id),
                                            .vol_ppb = TN_WHATIF_VOL_OF_SURFACE};
        if (series->kind == TN_PERPETUAL) continue;
        uint32_t expiry = portfolio_expiry_of(portfolio, id);
        series->expiry = (uint16_t)expiry;
        if (!tn_series_is_option(id)) continue;
        series->strike_micros = (tn_micros)tn_series_strike(id) * TN_MICROS_PER_STRIKE_UNIT;
        series->vol_ppb = portfolio_vol_ppb(portfolio, reader, expiry, id);
    }
}

/* Positions into the order of their series; where each stood in the file is kept for complaints. */
static void sort_positions(struct portfolio *portfolio)
{
    for (uint32_t i = 0; i < portfolio->positions_count; i++) {
        struct tn_whatif_position position = portfolio->positions[i];
        position.series = series_index(portfolio, portfolio->position_ids[i]);
        uint32_t at = i;
        for (; at > 0 && portfolio->positions[at - 1].series > position.series; at--) {
            portfolio->positions[at] = portfolio->positions[at - 1];
            portfolio->position_places[at] = portfolio->position_places[at - 1];
        }
        portfolio->positions[at] = position;
        portfolio->position_places[at] = i;
    }
}

static void point_whatif(struct portfolio *portfolio)
{
    struct tn_whatif *whatif = &portfolio->whatif;
    whatif->risk = &portfolio->risk;
    whatif->scenarios = portfolio->scenarios;
    whatif->scenarios_count = portfolio->scenarios_count;
    whatif->underlyings = portfolio->underlyings;
    whatif->underlyings_count = portfolio->underlyings_count;
    whatif->expiries = portfolio->expiries;
    whatif->expiries_count = portfolio->expiries_count;
    whatif->series = portfolio->series;
    whatif->series_count = portfolio->series_count;
    whatif->positions = portfolio->positions;
    whatif->positions_count = portfolio->positions_count;
    whatif->orders = portfolio->orders;
    whatif->orders_count = portfolio->orders_count;
    whatif->group_limits = portfolio->group_limits;
    whatif->groups_count = portfolio->groups_count;
    whatif->assets = portfolio->assets;
    whatif->assets_count = portfolio->assets_count;
}

void portfolio_read(struct portfolio *portfolio, struct reader *reader, json_t *root)
{
    struct node document = {.value = root};
    if (!reader_object(reader, &document, WORDS(root_fields))) return;
    struct node now = reader_needed(reader, &document, "now", "the time it is worked out for");
    struct node stable = reader_member(&document, "stable");
    portfolio->now_ms = reader_time_ms(reader, &now);
    portfolio->whatif.stable_ppm =
        reader_decimal_or(reader, &stable, DIGITS_PPM, 0, STABLE_MOST_PPM, 1000000);
    if (!reader->failed) portfolio_read_parameters(portfolio, reader, &document);
    if (!reader->failed) portfolio_read_market(portfolio, reader, &document);
    if (!reader->failed) portfolio_read_account(portfolio, reader, &document);
    if (reader->failed) return;
    number_series(portfolio, reader);
    sort_positions(portfolio);
    for (uint32_t i = 0; i < portfolio->orders_count; i++) {
        portfolio->orders[i].series = series_index(portfolio, portfolio->order_ids[i]);
    }
    point_whatif(portfolio);
    memset(portfolio->vols, 0, sizeof portfolio->vols); /* they were the document's */
}

void portfolio_blame(const struct portfolio *portfolio, struct reader *reader,
                     const struct tn_whatif_fault *fault)
{
    const struct node root = {.parent = NULL};
    struct node list = {.parent = &root}, element = {.parent = &list}, field = {.parent = &element};
    const char *text = tn_whatif_fault_text(fault->kind);
    if (fault->kind == TN_WHATIF_FAULT_POSITION_TOO_LARGE) {
        list.key = "positions";
        element.index = portfolio->position_places[fault->index];
        field.key = "quantity";
        reader_fail(reader, &field, "%s; split it, or give less", text);
    } else if (fault->kind == TN_WHATIF_FAULT_ORDER_TOO_LARGE) {
        list.key = "orders";
        element.index = fault->index;
        field.key = "quantity";
        reader_fail(reader, &field, "%s; split it, or give less", text);
    } else if (fault->kind == TN_WHATIF_FAULT_ASSET) {
        list.key = "collateral";
        element.index = fault->index - 1;
        field.key = "balance";
        reader_fail(reader, &field, "%s; give less", text);
    } else if (fault->kind == TN_WHATIF_FAULT_CASH) {
        list.key = "cash";
        reader_fail(reader, &list, "%s, together with what positions have gained; give less", text);
    } else if (fault->kind == TN_WHATIF_FAULT_SERIES || fault->kind == TN_WHATIF_FAULT_PERPETUAL) {
        char name[TN_SERIES_NAME_SIZE];
        uint64_t id = portfolio->names[fault->index].id;
        struct node underlying = {.parent = &list,
                                  .key = portfolio->symbols[tn_series_underlying(id) - 1]};
        list.key = "underlyings";
        field = (struct node){.parent = &underlying,
                              .key = tn_series_is_option(id) ? "option_lot" : "linear_lot"};
        reader_fail(reader, &field,
                    "does not fit %s; strike x lot must be whole micros, and spot, forward, strike "
                    "and mark x lot at most 281474976.710656",
                    portfolio_series_name(portfolio, name, fault->index));
    } else {
        reader_fail(reader, &root, "%s (number %u)", text, (unsigned)fault->index);
    }
}

const char *portfolio_series_name(const struct portfolio *portfolio, char out[TN_SERIES_NAME_SIZE],
                                  uint32_t series)
{
    portfolio_name(portfolio, out, portfolio->names[series].id);
    return out;
}

const char *portfolio_expiry_name(const struct portfolio *portfolio, char out[TN_SERIES_NAME_SIZE],
                                  uint32_t expiry)
{
    struct tn_series_terms terms = {.underlying =
                                        (uint16_t)(portfolio->expiries[expiry].underlying + 1),
                                    .kind = TN_FUTURE,
                                    .expiry_day = portfolio->expiry_days[expiry]};
    uint64_t id = 0;
    tn_series_pack(&id, &terms);
    portfolio_name(portfolio, out, id);
    return out;
}
