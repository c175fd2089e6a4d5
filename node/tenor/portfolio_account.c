/* portfolio_account: cash, collateral, positions and open orders.
 *
 * Quantities are written in units of the underlying, prices of one unit, as a trader sees them;
 * both become exact numbers of lots and micros of a lot, or are refused. Every series that is named
 * must have its feeds, and must not have expired. */
#include "decimal.h"
#include "portfolio.h"

#include <string.h>

static const char *const model_words[] = {"portfolio", "standard"};
static const char *const side_words[] = {"buy", "sell"};
static const char *const position_fields[] = {"series", "quantity", "unrealised", "funding"};
static const char *const order_fields[] = {"series", "side", "quantity", "price", "fee", "group"};
static const char *const group_fields[] = {"quantity_limit_lots"};
static const char *const asset_fields[] = {"asset",      "balance",    "price",     "mm_haircut",
                                           "im_haircut", "confidence", "moves_with"};

#define ONE_PPM       INT64_C(1000000)
#define BALANCE_MOST  (INT64_C(1) << 50)
#define QUANTITY_MOST (INT64_C(1) << 56)

/* ---- Series ---- */

static void complain_of_feeds(const struct portfolio *portfolio, struct reader *reader,
                              const struct node *node, uint64_t id, uint32_t expiry)
{
    const char *symbol = portfolio->symbols[tn_series_underlying(id) - 1];
    char name[TN_SERIES_NAME_SIZE];
    portfolio_name(portfolio, name, id);
    const char *place = strchr(name, '-') + 1;
    if (tn_series_kind(id) == TN_PERPETUAL) {
        reader_fail(reader, node, "has no mark; give underlyings.%s.perpetual_mark", symbol);
    } else if (expiry == UINT32_MAX) {
        int length = (int)strcspn(place, "-");
        reader_fail(reader, node, "has no forward; give underlyings.%s.expiries[\"%.*s\"]", symbol,
                    length, place);
    } else {
        int length = (int)strcspn(place, "-");
        const char *strike = place + length + 1;
        reader_fail(reader, node,
                    "has no volatility; give underlyings.%s.expiries[\"%.*s\"].surface, or "
                    "vols[\"%.*s\"] there",
                    symbol, length, place, (int)strcspn(strike, "-"), strike);
    }
}

/* Has a series all its feeds, and its lot? */
static void check_feeds(const struct portfolio *portfolio, struct reader *reader,
                        const struct node *node, uint64_t id)
{
    const struct tn_whatif_underlying *underlying =
        &portfolio->underlyings[tn_series_underlying(id) - 1];
    if (portfolio_lot(portfolio, id) == 0) {
        reader_fail(reader, node, "has no lot; give underlyings.%s.%s",
                    portfolio->symbols[tn_series_underlying(id) - 1],
                    tn_series_is_option(id) ? "option_lot" : "linear_lot");
        return;
    }
    if (tn_series_kind(id) == TN_PERPETUAL) {
        if (underlying->perpetual_micros == 0) complain_of_feeds(portfolio, reader, node, id, 0);
        return;
    }
    if (tn_series_expiry_ms(id) <= portfolio->now_ms) {
        reader_fail(reader, node,
                    "expired at 08:00 UTC of that day, which is not after `now`; "
                    "leave it out, or give an earlier `now`");
        return;
    }
    uint32_t expiry = portfolio_expiry_of(portfolio, id);
    if (expiry == UINT32_MAX) {
        complain_of_feeds(portfolio, reader, node, id, expiry);
        return;
    }
    if (tn_series_is_option(id) && !portfolio->expiries[expiry].has_surface &&
        portfolio_vol_ppb(portfolio, reader, expiry, id) == TN_WHATIF_VOL_OF_SURFACE) {
        complain_of_feeds(portfolio, reader, node, id, expiry);
    }
}

/* The id of a named series; 0 after a complaint. */
static uint64_t read_series(const struct portfolio *portfolio, struct reader *reader,
                            const struct node *parent)
{
    struct node node =
        reader_needed(reader, parent, "series", "a name like \"BTC-25DEC26-100000-C\"");
    const char *name = reader_text(reader, &node);
    uint64_t id = 0;
    if (reader->failed) return 0;
    if (!portfolio_parse(portfolio, &id, name)) {
        size_t length = strcspn(name, "-");
        for (uint32_t i = 0; i < portfolio->underlyings_count; i++) {
            const char *symbol = portfolio->symbols[i];
            if (strlen(symbol) == length && strncmp(symbol, name, length) == 0) {
                reader_fail(reader, &node,
                            "\"%.60s\" is not a series; write it like \"%s-25DEC26-100000-C\", "
                            "\"%s-25DEC26\" or \"%s-PERP\"",
                            name, symbol, symbol, symbol);
                return 0;
            }
        }
        reader_fail(reader, &node, "\"%.60s\" has no spot; give underlyings.%.*s", name,
                    (int)(length < TN_SYMBOL_SIZE ? length : TN_SYMBOL_SIZE), name);
        return 0;
    }
    check_feeds(portfolio, reader, &node, id);
    return reader->failed ? 0 : id;
}

/* Orders series by underlying, expiry, strike, kind. */
static uint64_t key_of(uint64_t id)
{
    return (uint64_t)tn_series_underlying(id) << 53 | (uint64_t)tn_series_expiry_day(id) << 38 |
           tn_series_strike(id) << 2 | (uint64_t)tn_series_kind(id);
}

/* Where a series is or belongs in the sorted list. */
static uint32_t find_series(const struct portfolio *portfolio, uint64_t id)
{
    uint64_t key = key_of(id);
    uint32_t low = 0, high = portfolio->series_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (portfolio->names[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void add_series(struct portfolio *portfolio, struct reader *reader, const struct node *node,
                       uint64_t id)
{
    uint32_t at = find_series(portfolio, id);
    if (at < portfolio->series_count && portfolio->names[at].id == id) return;
    if (portfolio->series_count == TN_MARGIN_POSITIONS_MAX) {
        reader_fail(reader, node, "names one series too many; at most %d are taken",
                    TN_MARGIN_POSITIONS_MAX);
        return;
    }
    memmove(&portfolio->names[at + 1], &portfolio->names[at],
            (portfolio->series_count - at) * sizeof portfolio->names[0]);
    portfolio->names[at] = (struct portfolio_series){.key = key_of(id), .id = id};
    portfolio->series_count++;
}

/* ---- Quantities and prices ---- */

static tn_lots read_quantity(const struct portfolio *portfolio, struct reader *reader,
                             const struct node *node, uint64_t id, bool is_signed)
{
    int64_t least = is_signed ? -QUANTITY_MOST : 1;
    int64_t micro_units = reader_decimal(reader, node, DIGITS_PPM, least, QUANTITY_MOST);
    if (reader->failed) return 0;
    int64_t lot = portfolio_lot(portfolio, id);
    char text[DECIMAL_SIZE];
    if (micro_units % lot != 0) {
        reader_fail(reader, node, "is not a whole number of lots; one lot is %s units",
                    decimal_format(text, lot, DIGITS_PPM, 0));
        return 0;
    }
    int64_t lots = micro_units / lot;
    if (lots == 0) {
        reader_fail(reader, node, "is zero; leave the position out");
    } else if (lots > TN_QUANTITY_LOTS_MAX || lots < -TN_QUANTITY_LOTS_MAX) {
        reader_fail(reader, node, "is more lots than a book can hold; give at most 2^32");
    }
    return lots;
}

/* Of one unit in the file, of one lot for margin. */
static tn_micros read_price(const struct portfolio *portfolio, struct reader *reader,
                            const struct node *node, uint64_t id)
{
    tn_micros unit = reader_decimal(reader, node, DIGITS_MONEY, 1, TN_VALUE_UNIT_MICROS_MAX);
    if (reader->failed) return 0;
    tn_i128 scaled = (tn_i128)unit * portfolio_lot(portfolio, id);
    if (scaled % 1000000 != 0) {
        reader_fail(reader, node, "x lot is not a whole number of micros; give fewer decimals");
        return 0;
    }
    if (scaled / 1000000 > TN_MARGIN_VALUE_MAX) {
        reader_fail(reader, node, "x lot is more than margin can count; give a smaller price");
        return 0;
    }
    return (tn_micros)(scaled / 1000000);
}

/* ---- Positions ---- */

static void read_position(struct portfolio *portfolio, struct reader *reader,
                          const struct node *node, uint32_t index)
{
    if (!reader_object(reader, node, WORDS(position_fields))) return;
    uint64_t id = read_series(portfolio, reader, node);
    if (id == 0) return;
    struct node series = reader_member(node, "series");
    for (uint32_t i = 0; i < index; i++) {
        if (portfolio->position_ids[i] == id) {
            reader_fail(reader, &series, "stands at positions[%u] too; give one net position",
                        (unsigned)i);
            return;
        }
    }
    struct node quantity = reader_needed(reader, node, "quantity", "units, negative when short");
    struct node unrealised = reader_member(node, "unrealised");
    struct node funding = reader_member(node, "funding");
    bool option = tn_series_is_option(id), perpetual = tn_series_kind(id) == TN_PERPETUAL;
    if (option && unrealised.value != NULL) {
        reader_fail(reader, &unrealised,
                    "is of futures and perpetuals only, an option's value is its mark; leave it "
                    "out");
    } else if (!option && unrealised.value == NULL) {
        reader_fail(reader, &unrealised, "is missing; give what the position has gained so far");
    } else if (!perpetual && funding.value != NULL) {
        reader_fail(reader, &funding, "is of perpetuals only; leave it out");
    } else if (perpetual && funding.value == NULL) {
        reader_fail(reader, &funding, "is missing; give the funding accrued and not yet paid");
    }
    add_series(portfolio, reader, &series, id);
    int64_t most = TN_WHATIF_MONEY_MAX;
    portfolio->position_ids[index] = id;
    portfolio->positions[index] = (struct tn_whatif_position){
        .quantity = read_quantity(portfolio, reader, &quantity, id, true),
        .unrealised = reader_decimal_or(reader, &unrealised, DIGITS_MONEY, -most, most, 0),
        .funding = reader_decimal_or(reader, &funding, DIGITS_MONEY, -most, most, 0)};
}

static void read_positions(struct portfolio *portfolio, struct reader *reader,
                           const struct node *root)
{
    struct node list = reader_member(root, "positions");
    size_t count = reader_array(reader, &list, TN_MARGIN_POSITIONS_MAX);
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        struct node node = reader_element(&list, i);
        read_position(portfolio, reader, &node, i);
    }
    portfolio->positions_count = (uint32_t)count;
}

/* ---- Orders ---- */

static void read_groups(struct portfolio *portfolio, struct reader *reader, const struct node *root)
{
    struct node groups = reader_member(root, "groups");
    if (groups.value == NULL || !reader_map(reader, &groups)) return;
    const char *key;
    json_t *value;
    json_object_foreach(groups.value, key, value)
    {
        struct node node = reader_member(&groups, key);
        if (portfolio->groups_count == TN_WHATIF_GROUPS_MAX) {
            reader_fail(reader, &node, "is one group too many; at most %d are taken",
                        TN_WHATIF_GROUPS_MAX);
            return;
        }
        if (strlen(key) >= PORTFOLIO_NAME_SIZE) {
            reader_fail(reader, &node, "has too long a name; use at most %d bytes",
                        PORTFOLIO_NAME_SIZE - 1);
            return;
        }
        if (!reader_object(reader, &node, WORDS(group_fields))) return;
        struct node limit = reader_needed(reader, &node, "quantity_limit_lots", "lots, 0 for none");
        memcpy(portfolio->groups[portfolio->groups_count], key, strlen(key) + 1);
        portfolio->group_limits[portfolio->groups_count++] =
            reader_decimal(reader, &limit, 0, 0, TN_QUANTITY_LOTS_MAX);
    }
}

static uint32_t read_group(const struct portfolio *portfolio, struct reader *reader,
                           const struct node *node)
{
    if (node->value == NULL) return 0;
    const char *names[TN_WHATIF_GROUPS_MAX];
    for (uint32_t i = 0; i < portfolio->groups_count; i++)
        names[i] = portfolio->groups[i];
    return (uint32_t)reader_choice(reader, node, names, portfolio->groups_count) + 1;
}

static void read_order(struct portfolio *portfolio, struct reader *reader, const struct node *node,
                       uint32_t index)
{
    if (!reader_object(reader, node, WORDS(order_fields))) return;
    uint64_t id = read_series(portfolio, reader, node);
    if (id == 0) return;
    struct node series = reader_member(node, "series");
    add_series(portfolio, reader, &series, id);
    struct node side = reader_needed(reader, node, "side", "\"buy\" or \"sell\"");
    struct node quantity = reader_needed(reader, node, "quantity", "units, without a sign");
    struct node price = reader_needed(reader, node, "price", "the limit, of one unit");
    struct node fee = reader_member(node, "fee"), group = reader_member(node, "group");
    bool sell = reader_choice(reader, &side, WORDS(side_words)) == 1;
    tn_lots lots = read_quantity(portfolio, reader, &quantity, id, false);
    portfolio->order_ids[index] = id;
    portfolio->orders[index] = (struct tn_margin_order){
        .group = read_group(portfolio, reader, &group),
        .quantity = sell ? -lots : lots,
        .price_micros = read_price(portfolio, reader, &price, id),
        .fee_micros = reader_decimal_or(reader, &fee, DIGITS_MONEY, 0, TN_MARGIN_VALUE_MAX, 0)};
}

static void read_orders(struct portfolio *portfolio, struct reader *reader, const struct node *root)
{
    struct node list = reader_member(root, "orders");
    size_t count = reader_array(reader, &list, TN_WHATIF_ORDERS_MAX);
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        struct node node = reader_element(&list, i);
        read_order(portfolio, reader, &node, i);
    }
    portfolio->orders_count = (uint32_t)count;
}

/* ---- Collateral ---- */

static uint16_t read_moves_with(const struct portfolio *portfolio, struct reader *reader,
                                const struct node *node)
{
    if (node->value == NULL) return TN_MARGIN_NO_UNDERLYING;
    const char *symbols[TN_WHATIF_UNDERLYINGS_MAX];
    for (uint32_t i = 0; i < portfolio->underlyings_count; i++)
        symbols[i] = portfolio->symbols[i];
    return (uint16_t)reader_choice(reader, node, symbols, portfolio->underlyings_count);
}

static void read_asset(struct portfolio *portfolio, struct reader *reader, const struct node *node,
                       uint32_t index)
{
    if (!reader_object(reader, node, WORDS(asset_fields))) return;
    struct node name = reader_needed(reader, node, "asset", "its name");
    struct node balance = reader_needed(reader, node, "balance", "units of the asset");
    struct node price = reader_needed(reader, node, "price", "of one unit, in the cash asset");
    struct node mm = reader_needed(reader, node, "mm_haircut", "the part that MM does not count");
    struct node im = reader_needed(reader, node, "im_haircut", "the part that IM takes besides");
    struct node confidence = reader_member(node, "confidence");
    struct node moves_with = reader_member(node, "moves_with");
    const char *text = reader_text(reader, &name);
    if (strlen(text) >= PORTFOLIO_NAME_SIZE) {
        reader_fail(reader, &name, "is too long; use at most %d bytes", PORTFOLIO_NAME_SIZE - 1);
        return;
    }
    memcpy(portfolio->asset_names[index], text, strlen(text) + 1);
    portfolio->whatif.balances[index] =
        reader_decimal(reader, &balance, DIGITS_MONEY, 0, BALANCE_MOST);
    struct tn_margin_asset *asset = &portfolio->assets[index];
    asset->price_micros = reader_decimal(reader, &price, DIGITS_MONEY, 1, BALANCE_MOST);
    asset->mm_haircut_ppm = (int32_t)reader_decimal(reader, &mm, DIGITS_PPM, 0, ONE_PPM);
    asset->im_haircut_ppm =
        (int32_t)reader_decimal(reader, &im, DIGITS_PPM, 0, ONE_PPM - asset->mm_haircut_ppm);
    asset->confidence_ppm =
        (int32_t)reader_decimal_or(reader, &confidence, DIGITS_PPM, 0, ONE_PPM, ONE_PPM);
    asset->underlying = read_moves_with(portfolio, reader, &moves_with);
}

static void read_collateral(struct portfolio *portfolio, struct reader *reader,
                            const struct node *root)
{
    struct node list = reader_member(root, "collateral");
    size_t count = reader_array(reader, &list, TN_MARGIN_ASSETS_MAX - 1);
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        struct node node = reader_element(&list, i);
        read_asset(portfolio, reader, &node, i + 1);
    }
    portfolio->assets_count = (uint32_t)count + 1;
}

void portfolio_read_account(struct portfolio *portfolio, struct reader *reader,
                            const struct node *root)
{
    struct node model = reader_member(root, "model");
    struct node cash = reader_needed(reader, root, "cash", "the account's cash, \"0\" for none");
    if (model.value != NULL) {
        portfolio->whatif.model = (uint8_t)reader_choice(reader, &model, WORDS(model_words));
    }
    portfolio->whatif.cash =
        reader_decimal(reader, &cash, DIGITS_MONEY, -TN_WHATIF_MONEY_MAX, TN_WHATIF_MONEY_MAX);
    read_collateral(portfolio, reader, root);
    read_positions(portfolio, reader, root);
    read_groups(portfolio, reader, root);
    read_orders(portfolio, reader, root);
}
