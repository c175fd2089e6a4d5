/* portfolio_market: spots, forwards, surfaces, volatilities, rates, confidences.
 *
 * A feed is given once, where it belongs: spot with its underlying, a forward with its expiry.
 * Nothing is guessed: what a position needs and the file lacks is a complaint when the position is
 * read. Confidence and rate have defaults (1 and 0), because a market may do without. */
#include "portfolio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const underlying_fields[] = {
    "option_price_max", "linear_price_max", "spot",       "option_lot", "linear_lot",
    "perpetual_mark",   "lambda",           "confidence", "expiries"};
static const char *const lambda_fields[] = {"open_interest", "volatility", "share"};
static const char *const expiry_fields[] = {"forward", "fixed", "surface",
                                            "vols",    "rate",  "confidence"};
static const char *const surface_fields[] = {"a", "b", "rho", "m", "sigma", "forward", "left_ms"};

#define LOT_MOST            (INT64_C(1) << 40)
#define LEFT_MOST_MS        (INT64_C(1) << 40)
#define INTEREST_MOST       (INT64_C(1) << 60)
#define VOLATILITY_MOST_PPM INT64_C(100000000)
#define E12                 INT64_C(1000000000000)
#define ONE_PPM             INT64_C(1000000)
#define ONE_PPB             INT64_C(1000000000)

static int64_t read_lambda(const struct portfolio *portfolio, struct reader *reader,
                           const struct node *node)
{
    if (!json_is_object(node->value)) {
        return reader_decimal_or(reader, node, DIGITS_PPM, ONE_PPM, TN_MARGIN_FACTOR_MAX_PPM,
                                 ONE_PPM);
    }
    if (!reader_object(reader, node, WORDS(lambda_fields))) return 0;
    struct node interest = reader_member(node, "open_interest");
    struct node volatility = reader_member(node, "volatility");
    struct node share = reader_member(node, "share");
    return tn_margin_lambda_ppm(
        &portfolio->risk, reader_decimal_or(reader, &interest, DIGITS_MONEY, 0, INTEREST_MOST, 0),
        reader_decimal_or(reader, &volatility, DIGITS_PPM, 0, VOLATILITY_MOST_PPM, 0),
        reader_decimal_or(reader, &share, DIGITS_PPM, 0, ONE_PPM, 0));
}

static void read_surface(struct tn_whatif_expiry *expiry, struct reader *reader,
                         const struct node *node)
{
    if (!reader_object(reader, node, WORDS(surface_fields))) return;
    static const char *const terms[] = {"a", "b", "rho", "m", "sigma"};
    static const int64_t least[] = {-144 * E12, 0, -E12, -100 * E12, 1};
    static const int64_t most[] = {144 * E12, 144 * E12, E12, 100 * E12, 100 * E12};
    int64_t read[5];
    for (size_t i = 0; i < 5; i++) {
        struct node term = reader_needed(reader, node, terms[i], "a term of raw SVI");
        read[i] = reader_decimal(reader, &term, DIGITS_SURFACE, least[i], most[i]);
    }
    struct node forward = reader_member(node, "forward"), left = reader_member(node, "left_ms");
    expiry->surface = (struct tn_surface){
        .a_e12 = read[0],
        .b_e12 = read[1],
        .rho_e12 = read[2],
        .m_e12 = read[3],
        .sigma_e12 = read[4],
        .forward_micros =
            reader_decimal_or(reader, &forward, DIGITS_MONEY, 1, TN_VALUE_UNIT_MICROS_MAX,
                              expiry->fixed_micros + expiry->variable_micros),
        .tau_ms = reader_decimal_or(reader, &left, 0, 1, LEFT_MOST_MS, expiry->left_ms)};
    expiry->has_surface = 1;
    if (!reader->failed && !tn_surface_admitted(&expiry->surface)) {
        reader_fail(reader, node,
                    "is not admitted; a + b*sigma*sqrt(1 - rho^2) must be at least 0, and "
                    "b*(1 + |rho|) at most 2");
    }
}

/* Keys are strikes, for call and put alike, or a strike and -C or -P; each must spell a series. */
static void check_vols(const struct portfolio *portfolio, struct reader *reader,
                       const struct node *vols, const char *expiry_name)
{
    if (!reader_map(reader, vols)) return;
    const char *key;
    json_t *value;
    json_object_foreach(vols->value, key, value)
    {
        struct node node = reader_member(vols, key);
        char name[2 * TN_SERIES_NAME_SIZE];
        uint64_t id;
        size_t length = strlen(key);
        bool sided = length > 2 && key[length - 2] == '-';
        snprintf(name, sizeof name, "%.20s-%.40s%s", expiry_name, key, sided ? "" : "-C");
        if (length > TN_SERIES_NAME_SIZE || !portfolio_parse(portfolio, &id, name)) {
            reader_fail(reader, &node,
                        "is not a strike; write \"100000\" for call and put, or \"100000-C\"");
            return;
        }
        (void)reader_decimal(reader, &node, DIGITS_PPB, 0, TN_WHATIF_VOL_MAX_PPB);
    }
}

static void read_forward(struct portfolio *portfolio, struct tn_whatif_expiry *expiry,
                         struct reader *reader, const struct node *node)
{
    struct node forward = reader_needed(reader, node, "forward", "the forward of the expiry");
    struct node fixed = reader_member(node, "fixed");
    int64_t whole = reader_decimal(reader, &forward, DIGITS_MONEY, 1, TN_VALUE_UNIT_MICROS_MAX);
    if (reader->failed) return;
    bool in_window = expiry->left_ms < portfolio->risk.settlement_window_ms;
    if (in_window && fixed.value == NULL) {
        reader_fail(reader, &fixed,
                    "is missing, and the settlement window is open; give the part of the forward "
                    "that the average has fixed already");
        return;
    }
    expiry->fixed_micros = reader_decimal_or(reader, &fixed, DIGITS_MONEY, 0, whole, 0);
    if (!in_window && expiry->fixed_micros != 0) {
        reader_fail(reader, &fixed, "must be 0 until the settlement window opens; leave it out");
    }
    expiry->variable_micros = whole - expiry->fixed_micros;
}

/* Reads one expiry into the next slot; its key is like "25DEC26". */
static void read_expiry(struct portfolio *portfolio, struct reader *reader, const struct node *node,
                        uint16_t underlying)
{
    char name[2 * TN_SERIES_NAME_SIZE];
    uint64_t id;
    snprintf(name, sizeof name, "%s-%.40s", portfolio->symbols[underlying], node->key);
    if (!portfolio_parse(portfolio, &id, name) || tn_series_kind(id) != TN_FUTURE) {
        reader_fail(reader, node, "is not an expiry; write it like \"25DEC26\"");
        return;
    }
    if (portfolio->expiries_count == TN_WHATIF_EXPIRIES_MAX) {
        reader_fail(reader, node, "is one expiry too many; at most %d are taken",
                    TN_WHATIF_EXPIRIES_MAX);
        return;
    }
    if (!reader_object(reader, node, WORDS(expiry_fields))) return;
    uint32_t index = portfolio->expiries_count++;
    struct tn_whatif_expiry *expiry = &portfolio->expiries[index];
    *expiry = (struct tn_whatif_expiry){.underlying = underlying,
                                        .left_ms = tn_series_expiry_ms(id) - portfolio->now_ms};
    portfolio->expiry_days[index] = tn_series_expiry_day(id);
    if (expiry->left_ms < 1) {
        reader_fail(reader, node,
                    "expired at 08:00 UTC of that day, which is not after `now`; "
                    "leave it out, or give an earlier `now`");
        return;
    }
    if (expiry->left_ms > LEFT_MOST_MS) {
        reader_fail(reader, node, "is more than 34 years away; leave it out");
        return;
    }
    read_forward(portfolio, expiry, reader, node);
    struct node rate = reader_member(node, "rate"), confidence = reader_member(node, "confidence");
    struct node surface = reader_member(node, "surface"), vols = reader_member(node, "vols");
    expiry->rate_ppb = reader_decimal_or(reader, &rate, DIGITS_PPB, -ONE_PPB, ONE_PPB, 0);
    expiry->confidence_ppm =
        (int32_t)reader_decimal_or(reader, &confidence, DIGITS_PPM, 0, ONE_PPM, ONE_PPM);
    int32_t of_spot = portfolio->underlyings[underlying].confidence_ppm;
    if (of_spot < expiry->confidence_ppm) expiry->confidence_ppm = of_spot;
    if (surface.value != NULL) read_surface(expiry, reader, &surface);
    if (vols.value != NULL) check_vols(portfolio, reader, &vols, name);
    portfolio->vols[index] = vols.value;
}

/* The expiries of one underlying, from `first` on, into the order of their days. */
static void sort_expiries(struct portfolio *portfolio, uint32_t first)
{
    for (uint32_t i = first + 1; i < portfolio->expiries_count; i++) {
        struct tn_whatif_expiry expiry = portfolio->expiries[i];
        uint16_t day = portfolio->expiry_days[i];
        const json_t *vols = portfolio->vols[i];
        uint32_t at = i;
        for (; at > first && portfolio->expiry_days[at - 1] > day; at--) {
            portfolio->expiries[at] = portfolio->expiries[at - 1];
            portfolio->expiry_days[at] = portfolio->expiry_days[at - 1];
            portfolio->vols[at] = portfolio->vols[at - 1];
        }
        portfolio->expiries[at] = expiry;
        portfolio->expiry_days[at] = day;
        portfolio->vols[at] = vols;
    }
}

/* Of one unit in the file, of one lot for margin; 0 when it is left out. */
static tn_micros read_price_max(struct reader *reader, const struct node *node, int64_t lot)
{
    tn_micros unit = reader_decimal_or(reader, node, DIGITS_MONEY, 1, TN_VALUE_UNIT_MICROS_MAX, 0);
    if (reader->failed || unit == 0) return 0;
    tn_i128 scaled = (tn_i128)unit * lot;
    if (scaled < 1000000 || scaled % 1000000 != 0 || scaled / 1000000 > TN_MARGIN_VALUE_MAX) {
        reader_fail(reader, node,
                    "x lot must be whole micros, at least one and at most 281474976.710656; give "
                    "the lot, and the highest price that the contract admits");
        return 0;
    }
    return (tn_micros)(scaled / 1000000);
}

static void read_underlying(struct portfolio *portfolio, struct reader *reader,
                            const struct node *node, uint16_t index)
{
    if (!reader_object(reader, node, WORDS(underlying_fields))) return;
    struct node spot = reader_needed(reader, node, "spot", "the spot price");
    struct node option_lot = reader_member(node, "option_lot");
    struct node linear_lot = reader_member(node, "linear_lot");
    struct node mark = reader_member(node, "perpetual_mark");
    struct node option_most = reader_member(node, "option_price_max");
    struct node linear_most = reader_member(node, "linear_price_max");
    struct node lambda = reader_member(node, "lambda");
    struct node confidence = reader_member(node, "confidence");
    int64_t most = TN_VALUE_UNIT_MICROS_MAX;
    portfolio->underlyings[index] = (struct tn_whatif_underlying){
        .spot_micros = reader_decimal(reader, &spot, DIGITS_MONEY, 1, most),
        .perpetual_micros = reader_decimal_or(reader, &mark, DIGITS_MONEY, 1, most, 0),
        .option_lot_micro_units =
            reader_decimal_or(reader, &option_lot, DIGITS_PPM, 1, LOT_MOST, 0),
        .linear_lot_micro_units =
            reader_decimal_or(reader, &linear_lot, DIGITS_PPM, 1, LOT_MOST, 0),
        .lambda_ppm = read_lambda(portfolio, reader, &lambda),
        .confidence_ppm =
            (int32_t)reader_decimal_or(reader, &confidence, DIGITS_PPM, 0, ONE_PPM, ONE_PPM)};
    struct tn_whatif_underlying *underlying = &portfolio->underlyings[index];
    underlying->option_mark_max =
        read_price_max(reader, &option_most, underlying->option_lot_micro_units);
    underlying->linear_mark_max =
        read_price_max(reader, &linear_most, underlying->linear_lot_micro_units);
    struct node expiries = reader_member(node, "expiries");
    if (reader->failed || expiries.value == NULL || !reader_map(reader, &expiries)) return;
    uint32_t first = portfolio->expiries_count;
    const char *key;
    json_t *value;
    json_object_foreach(expiries.value, key, value)
    {
        struct node expiry = reader_member(&expiries, key);
        read_expiry(portfolio, reader, &expiry, index);
        if (reader->failed) return;
    }
    sort_expiries(portfolio, first);
}

/* Symbols first, all of them: names of series are looked up among them. */
static void read_symbols(struct portfolio *portfolio, struct reader *reader,
                         const struct node *underlyings)
{
    const char *key;
    json_t *value;
    json_object_foreach(underlyings->value, key, value)
    {
        struct node node = reader_member(underlyings, key);
        if (portfolio->underlyings_count == TN_WHATIF_UNDERLYINGS_MAX) {
            reader_fail(reader, &node, "is one underlying too many; at most %d are taken",
                        TN_WHATIF_UNDERLYINGS_MAX);
            return;
        }
        char *symbol = portfolio->symbols[portfolio->underlyings_count];
        size_t length = strlen(key);
        if (length < TN_SYMBOL_SIZE) memcpy(symbol, key, length + 1);
        if (length >= TN_SYMBOL_SIZE || !tn_symbol_valid(symbol)) {
            reader_fail(reader, &node,
                        "is not a symbol; write 1 to 8 of A-Z and 0-9, first a letter");
            return;
        }
        portfolio->underlyings_count++;
    }
}

void portfolio_read_market(struct portfolio *portfolio, struct reader *reader,
                           const struct node *root)
{
    struct node underlyings =
        reader_needed(reader, root, "underlyings", "the feeds of each underlying, by symbol");
    if (!reader_map(reader, &underlyings)) return;
    read_symbols(portfolio, reader, &underlyings);
    for (uint16_t i = 0; i < portfolio->underlyings_count && !reader->failed; i++) {
        struct node node = reader_member(&underlyings, portfolio->symbols[i]);
        read_underlying(portfolio, reader, &node, i);
    }
}

uint32_t portfolio_expiry_of(const struct portfolio *portfolio, uint64_t id)
{
    for (uint32_t i = 0; i < portfolio->expiries_count; i++) {
        if (portfolio->expiries[i].underlying + 1 == tn_series_underlying(id) &&
            portfolio->expiry_days[i] == tn_series_expiry_day(id)) {
            return i;
        }
    }
    return UINT32_MAX;
}

int64_t portfolio_vol_ppb(const struct portfolio *portfolio, struct reader *reader, uint32_t expiry,
                          uint64_t id)
{
    const json_t *vols = portfolio->vols[expiry];
    if (vols == NULL) return TN_WHATIF_VOL_OF_SURFACE;
    char name[TN_SERIES_NAME_SIZE];
    portfolio_name(portfolio, name, id);
    char *key = strchr(strchr(name, '-') + 1, '-') + 1; /* the strike and -C or -P */
    json_t *value = json_object_get(vols, key);
    if (value == NULL) {
        key[strlen(key) - 2] = '\0';
        value = json_object_get(vols, key);
    }
    if (value == NULL) return TN_WHATIF_VOL_OF_SURFACE;
    struct node node = {.key = key, .value = value};
    return reader_decimal(reader, &node, DIGITS_PPB, 0, TN_WHATIF_VOL_MAX_PPB);
}

int64_t portfolio_lot(const struct portfolio *portfolio, uint64_t id)
{
    const struct tn_whatif_underlying *underlying =
        &portfolio->underlyings[tn_series_underlying(id) - 1];
    return tn_series_is_option(id) ? underlying->option_lot_micro_units
                                   : underlying->linear_lot_micro_units;
}
