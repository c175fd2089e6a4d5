/* whatif: from a handful of integers to what margin says, by the exchange's own steps.
 *
 * The view of a MARK is built as the exchange builds it: parameters and scenarios into shocks,
 * rates into discounts, discounts into weights, surfaces into rows. Then margin is asked once for
 * the account, and once more per expiry with that expiry's options alone, for people who want to
 * know where a loss comes from.
 *
 * Invariant: cash for margin = cash + Σ(unrealised + funding) − Σ n·mark of futures and perpetuals,
 * so that the CE that margin derives is exactly the one that was given. */
#include "whatif/internal.h"

#include <string.h>

#define PPM           1000000
#define E12_PER_PPB_2 1000000 /* vol² in 10^-18 to 10^-12 */
#define YEAR_MS       INT64_C(31536000000)
#define CASH_MOST     (INT64_C(1) << 58)

/* ---- Memory ---- */

static void *take(size_t *used, unsigned char *memory, size_t count, size_t size)
{
    size_t at = *used;
    *used += tn_align(count * size);
    return memory == NULL ? NULL : memory + at;
}

/* Lays everything out behind one another; with no memory it only counts. */
static size_t lay_out(struct tn_whatif_work **work, unsigned char *memory,
                      const struct tn_whatif *input)
{
    size_t used = 0;
    struct tn_whatif_work at;
    uint32_t series = input->series_count, underlyings = input->underlyings_count;
    uint32_t holdings = input->positions_count + input->orders_count;
    *work = take(&used, memory, 1, sizeof **work);
    at.rows = take(&used, memory, series, sizeof *at.rows);
    at.expiries = take(&used, memory, input->expiries_count + underlyings, sizeof *at.expiries);
    at.marks = take(&used, memory, series, sizeof *at.marks);
    at.series = take(&used, memory, series, sizeof *at.series);
    at.underlyings = take(&used, memory, underlyings, sizeof *at.underlyings);
    at.holdings = take(&used, memory, holdings, sizeof *at.holdings);
    at.bare = take(&used, memory, holdings, sizeof *at.bare);
    at.orders = take(&used, memory, input->orders_count, sizeof *at.orders);
    at.details = take(&used, memory, underlyings, sizeof *at.details);
    at.alone = take(&used, memory, underlyings, sizeof *at.alone);
    at.expiry_details = take(&used, memory, input->expiries_count, sizeof *at.expiry_details);
    if (memory == NULL) return used;
    memset(memory, 0, used);
    **work = at;
    return used;
}

size_t tn_whatif_size(const struct tn_whatif *input)
{
    if (input->underlyings_count > TN_WHATIF_UNDERLYINGS_MAX ||
        input->expiries_count > TN_WHATIF_EXPIRIES_MAX ||
        input->series_count > TN_WHATIF_SERIES_MAX ||
        input->positions_count > TN_MARGIN_POSITIONS_MAX ||
        input->orders_count > TN_WHATIF_ORDERS_MAX || input->groups_count > TN_WHATIF_GROUPS_MAX ||
        input->assets_count < 1 || input->assets_count > TN_MARGIN_ASSETS_MAX) {
        return 0;
    }
    struct tn_whatif_work *none;
    return lay_out(&none, NULL, input);
}

/* ---- The market ---- */

static bool is_option(const struct tn_whatif_series *series)
{
    return series->kind == TN_CALL || series->kind == TN_PUT;
}

static int64_t lot_of(const struct tn_whatif *input, const struct tn_whatif_series *series)
{
    const struct tn_whatif_underlying *underlying = &input->underlyings[series->underlying];
    return is_option(series) ? underlying->option_lot_micro_units
                             : underlying->linear_lot_micro_units;
}

static void build_expiries(struct tn_whatif_work *work, const struct tn_whatif *input)
{
    const struct tn_discounts none = {.long_q30 = INT64_C(1) << 30, .short_q30 = INT64_C(1) << 30};
    struct tn_discounts discounts;
    uint32_t slot = 0, next = 0;
    for (uint16_t u = 0; u < input->underlyings_count; u++) {
        struct tn_margin_expiry *perpetual = &work->expiries[slot++];
        perpetual->underlying = u;
        perpetual->confidence_ppm = input->underlyings[u].confidence_ppm;
        tn_margin_factors(perpetual, &work->market, &none);
        for (; next < input->expiries_count && input->expiries[next].underlying == u; next++) {
            const struct tn_whatif_expiry *from = &input->expiries[next];
            struct tn_margin_expiry *expiry = &work->expiries[slot++];
            expiry->underlying = u;
            expiry->left_ms = from->left_ms;
            expiry->confidence_ppm = from->confidence_ppm;
            tn_pricing_discounts(&discounts, &work->shocks, from->left_ms, from->rate_ppb);
            tn_margin_factors(expiry, &work->market, &discounts);
        }
    }
    TN_ASSERT(slot == work->market.expiries_count);
}

/* vol² over one year: a is in 10^-12, a vol in 10^-9, so the square is cut to nearest-even. */
static struct tn_surface flat_surface(int64_t vol_ppb, tn_micros forward_micros)
{
    tn_i128 square = (tn_i128)vol_ppb * vol_ppb;
    int64_t whole = (int64_t)(square / E12_PER_PPB_2), rest = (int64_t)(square % E12_PER_PPB_2);
    bool up = 2 * rest > E12_PER_PPB_2 || (2 * rest == E12_PER_PPB_2 && (whole & 1) != 0);
    return (struct tn_surface){.a_e12 = whole + (up ? 1 : 0),
                               .sigma_e12 = INT64_C(1000000000000),
                               .forward_micros = forward_micros,
                               .tau_ms = YEAR_MS};
}

/* The row of one series. Rows are alike whether made one by one or together, and every series may
 * have a volatility of its own. */
static void build_row(struct tn_whatif_work *work, const struct tn_whatif *input, uint32_t index)
{
    const struct tn_whatif_series *series = &input->series[index];
    int64_t lot = lot_of(input, series);
    struct tn_price_series priced = {
        .kind = series->kind, .strike_micros = series->strike_micros, .lot_micro_units = lot};
    struct tn_price_expiry expiry = {.left_ms = 0};
    const struct tn_whatif_underlying *underlying = &input->underlyings[series->underlying];
    tn_micros most = is_option(series) ? underlying->option_mark_max : underlying->linear_mark_max;
    if (series->kind == TN_PERPETUAL) {
        priced.mark_micros = tn_mul_div_floor(underlying->perpetual_micros, lot, PPM);
    } else {
        const struct tn_whatif_expiry *from = &input->expiries[series->expiry];
        expiry.fixed_micros = from->fixed_micros;
        expiry.variable_micros = from->variable_micros;
        expiry.left_ms = from->left_ms;
        expiry.rate_ppb = from->rate_ppb;
        expiry.surface = from->surface;
        if (series->vol_ppb != TN_WHATIF_VOL_OF_SURFACE) {
            expiry.surface =
                flat_surface(series->vol_ppb, from->fixed_micros + from->variable_micros);
        }
    }
    int64_t *row = work->rows[index];
    tn_pricing_rows(&work->rows[index], &work->marks[index], input->cpu, &work->shocks, &expiry,
                    &priced, 1);
    if (most > 0 && row[TN_COLUMN_MARK] > most) row[TN_COLUMN_MARK] = most;
}

static void build_series(struct tn_whatif_work *work, const struct tn_whatif *input)
{
    for (uint32_t i = 0; i < input->series_count; i++) {
        const struct tn_whatif_series *from = &input->series[i];
        int64_t lot = lot_of(input, from);
        tn_micros spot = input->underlyings[from->underlying].spot_micros, forward = spot;
        /* Each underlying before this one, and it itself, puts a perpetual's slot before. */
        uint32_t slot = from->expiry + from->underlying + 1u;
        if (from->kind == TN_PERPETUAL) {
            slot = from->underlying;
            for (uint32_t e = 0; e < input->expiries_count; e++) {
                slot += input->expiries[e].underlying < from->underlying ? 1 : 0;
            }
        } else {
            forward = input->expiries[from->expiry].fixed_micros +
                      input->expiries[from->expiry].variable_micros;
        }
        work->series[i] = (struct tn_margin_series){
            .underlying = from->underlying,
            .expiry = (uint16_t)slot,
            .kind = from->kind,
            .strike_micros = from->strike_micros,
            .spot_lot = tn_mul_div_floor(spot, lot, PPM),
            .forward_lot = tn_mul_div_floor(forward, lot, PPM),
            .strike_lot = tn_mul_div_floor(from->strike_micros, lot, PPM)};
        build_row(work, input, i);
    }
}

static void build_market(struct tn_whatif_work *work, const struct tn_whatif *input)
{
    bool valid =
        tn_risk_shocks(&work->shocks, input->risk, input->scenarios, input->scenarios_count);
    TN_ASSERT(valid);
    for (uint32_t i = 0; i < input->underlyings_count; i++) {
        work->underlyings[i] =
            (struct tn_margin_underlying){.spot_micros = input->underlyings[i].spot_micros,
                                          .lambda_ppm = input->underlyings[i].lambda_ppm,
                                          .confidence_ppm = input->underlyings[i].confidence_ppm};
    }
    work->market = (struct tn_margin_market){.risk = input->risk,
                                             .shocks = &work->shocks,
                                             .rows = (const int64_t(*)[TN_ROW_COLUMNS])work->rows,
                                             .series = work->series,
                                             .expiries = work->expiries,
                                             .underlyings = work->underlyings,
                                             .assets = input->assets,
                                             .series_count = input->series_count,
                                             .expiries_count =
                                                 input->expiries_count + input->underlyings_count,
                                             .underlyings_count = input->underlyings_count,
                                             .assets_count = input->assets_count,
                                             .mm_factor_ppm = input->risk->mm_factor_ppm,
                                             .stable_ppm = input->stable_ppm,
                                             .cpu = input->cpu};
    build_expiries(work, input);
    build_series(work, input);
}

/* ---- The account ---- */

/* The holding of a series, in their order; made when there is none. */
static struct tn_holding *holding_of(struct tn_whatif_work *work, uint32_t series)
{
    struct tn_holding *holdings = work->holdings;
    uint32_t low = 0, high = work->account.holdings_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (holdings[middle].series < series) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == work->account.holdings_count || holdings[low].series != series) {
        memmove(&holdings[low + 1], &holdings[low],
                (work->account.holdings_count - low) * sizeof *holdings);
        holdings[low] = (struct tn_holding){.series = series};
        work->account.holdings_count++;
    }
    return &holdings[low];
}

static bool build_holdings(struct tn_whatif_work *work, struct tn_whatif_fault *fault,
                           const struct tn_whatif *input)
{
    for (uint32_t i = 0; i < input->positions_count; i++) {
        holding_of(work, input->positions[i].series)->quantity = input->positions[i].quantity;
    }
    for (uint32_t i = 0; i < input->orders_count; i++) {
        struct tn_holding *holding = holding_of(work, input->orders[i].series);
        tn_lots quantity = input->orders[i].quantity;
        if (quantity > 0) {
            holding->open_buy += quantity;
        } else {
            holding->open_sell -= quantity;
        }
    }
    *fault = (struct tn_whatif_fault){.kind = TN_WHATIF_FAULT_COUNT};
    if (work->account.holdings_count > TN_MARGIN_POSITIONS_MAX) return false;
    for (uint32_t i = 0; i < work->account.holdings_count; i++) {
        work->bare[i] = work->holdings[i];
        work->bare[i].open_buy = work->bare[i].open_sell = 0;
    }
    return true;
}

/* Orders of one series stay as they came. */
static void sort_orders(struct tn_whatif_work *work, const struct tn_whatif *input)
{
    for (uint32_t i = 0; i < input->orders_count; i++) {
        uint32_t at = i;
        for (; at > 0 && work->orders[at - 1].series > input->orders[i].series; at--) {
            work->orders[at] = work->orders[at - 1];
        }
        work->orders[at] = input->orders[i];
    }
}

static bool is_countable(const struct tn_whatif_work *work, uint32_t series, tn_i128 quantity)
{
    const struct tn_margin_series *of = &work->series[series];
    if (quantity < 0) quantity = -quantity;
    if (of->spot_lot * quantity > TN_MARGIN_VALUE_MAX || /* contingencies count at spot */
        of->forward_lot * quantity > TN_MARGIN_VALUE_MAX ||
        of->strike_lot * quantity > TN_MARGIN_VALUE_MAX) {
        return false;
    }
    for (uint32_t k = 0; k < TN_ROW_COLUMNS; k++) {
        int64_t price = work->rows[series][k];
        TN_ASSERT(price >= 0);
        if (price * quantity > TN_MARGIN_VALUE_MAX) return false;
    }
    return true;
}

/* Is every position and order worth no more than margin can count, in each scenario? */
static bool check_values(const struct tn_whatif_work *work, struct tn_whatif_fault *fault,
                         const struct tn_whatif *input)
{
    *fault = (struct tn_whatif_fault){.kind = TN_WHATIF_FAULT_POSITION_TOO_LARGE};
    for (uint32_t i = 0; i < input->positions_count; i++) {
        fault->index = i;
        const struct tn_whatif_position *position = &input->positions[i];
        if (!is_countable(work, position->series, position->quantity)) return false;
    }
    *fault = (struct tn_whatif_fault){.kind = TN_WHATIF_FAULT_ORDER_TOO_LARGE};
    for (uint32_t i = 0; i < input->orders_count; i++) {
        fault->index = i;
        const struct tn_margin_order *order = &input->orders[i];
        const struct tn_holding *holding = work->holdings;
        while (holding->series != order->series)
            holding++;
        tn_i128 size = order->quantity < 0 ? -(tn_i128)order->quantity : order->quantity;
        if (size * order->price_micros > TN_MARGIN_VALUE_MAX ||
            !is_countable(work, order->series, (tn_i128)holding->quantity + holding->open_buy) ||
            !is_countable(work, order->series, (tn_i128)holding->quantity - holding->open_sell)) {
            return false;
        }
    }
    return true;
}

static bool build_account(struct tn_whatif_work *work, struct tn_whatif_fault *fault,
                          const struct tn_whatif *input)
{
    work->account = (struct tn_margin_account){.model = input->model,
                                               .holdings = work->holdings,
                                               .orders = work->orders,
                                               .orders_count = input->orders_count,
                                               .group_limits = input->group_limits,
                                               .groups_count = input->groups_count};
    memcpy(work->account.balances, input->balances, sizeof work->account.balances);
    sort_orders(work, input);
    if (!build_holdings(work, fault, input) || !check_values(work, fault, input)) return false;
    tn_i128 equity = input->cash, cash;
    for (uint32_t i = 0; i < input->positions_count; i++) {
        equity += (tn_i128)input->positions[i].unrealised + input->positions[i].funding;
    }
    cash = equity;
    for (uint32_t i = 0; i < input->positions_count; i++) {
        const struct tn_whatif_position *position = &input->positions[i];
        if (is_option(&input->series[position->series])) continue;
        cash -= (tn_i128)position->quantity * work->rows[position->series][TN_COLUMN_MARK];
    }
    *fault = (struct tn_whatif_fault){.kind = TN_WHATIF_FAULT_CASH};
    if (equity > CASH_MOST || equity < -CASH_MOST) return false;
    work->account.cash = (tn_micros)cash;
    return true;
}

/* ---- Where it comes from ---- */

/* The worst scenario of the underlying as a column of its own expiry: the basis takes whichever end
 * is worse for these options, and is none where nothing is worse than the mark. */
static uint32_t column_of(const struct tn_whatif_work *work, const struct tn_margin_detail *detail,
                          uint32_t first, uint32_t end)
{
    if (detail->worst_column != TN_COLUMN_UP) return detail->worst_column;
    tn_i128 up = 0, down = 0, mark = 0;
    for (uint32_t i = first; i < end; i++) {
        const int64_t *row = work->rows[work->bare[i].series];
        up += (tn_i128)row[TN_COLUMN_UP] * work->bare[i].quantity;
        down += (tn_i128)row[TN_COLUMN_DOWN] * work->bare[i].quantity;
        mark += (tn_i128)row[TN_COLUMN_MARK] * work->bare[i].quantity;
    }
    if (up >= mark && down >= mark) return TN_COLUMN_MARK;
    return up <= down ? TN_COLUMN_UP : TN_COLUMN_DOWN;
}

static tn_micros sum_column(const struct tn_whatif_work *work, uint32_t column, uint32_t first,
                            uint32_t end)
{
    tn_micros sum = 0;
    for (uint32_t i = first; i < end; i++) {
        sum += work->rows[work->bare[i].series][column] * work->bare[i].quantity;
    }
    return sum;
}

/* The options [first, end) of the holdings are those of one expiry. */
static void explain_expiry(struct tn_whatif_work *work, struct tn_whatif_expiry_detail *out,
                           uint32_t underlying, uint32_t first, uint32_t end)
{
    out->mtm = sum_column(work, TN_COLUMN_MARK, first, end);
    for (uint32_t i = first; i < end; i++)
        out->options_count += work->bare[i].quantity != 0;
    out->worst_column = TN_COLUMN_MARK;
    struct tn_margin_account alone = {.model = work->account.model,
                                      .holdings = work->bare + first,
                                      .holdings_count = end - first,
                                      .orders = work->orders};
    struct tn_margin_result result;
    tn_margin_evaluate(&result, work->alone, &work->market, &alone);
    out->im = result.im;
    out->mm = result.mm;
    if (work->account.model != TN_MARGIN_PORTFOLIO) return;
    const struct tn_margin_detail *all = &work->details[underlying];
    const struct tn_margin_detail *own = &work->alone[underlying];
    bool basis = all->worst_column == TN_COLUMN_UP;
    out->worst = own->worst;
    out->worst_column = own->worst_column;
    out->pnl = basis ? own->basis : own->pnl[all->worst_column];
    out->value = sum_column(work, column_of(work, all, first, end), first, end);
}

static void explain_expiries(struct tn_whatif_work *work, const struct tn_whatif *input)
{
    uint32_t first = 0, count = work->account.holdings_count;
    while (first < count) {
        const struct tn_whatif_series *series = &input->series[work->bare[first].series];
        uint32_t end = first + 1;
        if (is_option(series)) {
            while (end < count && is_option(&input->series[work->bare[end].series]) &&
                   input->series[work->bare[end].series].expiry == series->expiry) {
                end++;
            }
            explain_expiry(work, &work->expiry_details[series->expiry], series->underlying, first,
                           end);
        }
        first = end;
    }
}

/* What of an asset does not count, by margin's formulas: it takes haircuts off the whole account
 * and tells no asset's part. */
static struct tn_whatif_asset_detail explain_asset(const struct tn_whatif *input, uint32_t index)
{
    const struct tn_margin_asset *asset = &input->assets[index];
    tn_micros balance = input->balances[index];
    struct tn_whatif_asset_detail out = {.value =
                                             tn_mul_div_floor(balance, asset->price_micros, PPM)};
    int64_t both_ppm = (int64_t)asset->mm_haircut_ppm + asset->im_haircut_ppm;
    if (input->model == TN_MARGIN_STANDARD) {
        out.mm_haircut = tn_ppm_ceil(out.value, asset->mm_haircut_ppm);
        out.im_haircut = tn_ppm_ceil(out.value, both_ppm);
        return out;
    }
    tn_micros most = tn_mul_div_ceil(balance, asset->price_micros, PPM);
    int64_t lambda_ppm = asset->underlying == TN_MARGIN_NO_UNDERLYING
                             ? PPM
                             : input->underlyings[asset->underlying].lambda_ppm;
    int64_t doubt_ppm = 0;
    if (asset->confidence_ppm < input->risk->confidence_floor_ppm) {
        doubt_ppm = tn_ppm_ceil(PPM - asset->confidence_ppm, input->risk->confidence_slope_ppm);
    }
    out.mm_haircut = tn_ppm_ceil(most, asset->mm_haircut_ppm);
    out.im_haircut = tn_ppm_ceil(most, tn_ppm_ceil(both_ppm, lambda_ppm)) +
                     tn_ppm_ceil(most, tn_ppm_ceil(doubt_ppm, lambda_ppm));
    return out;
}

static void explain_assets(struct tn_whatif_result *result, const struct tn_whatif *input)
{
    memset(result->assets, 0, sizeof result->assets);
    for (uint32_t i = 1; i < input->assets_count; i++) {
        result->assets[i] = explain_asset(input, i);
    }
}

bool tn_whatif_evaluate(struct tn_whatif_result *result, struct tn_whatif_fault *fault,
                        void *memory, const struct tn_whatif *input)
{
    struct tn_whatif_work *work;
    if (tn_whatif_fault_find(fault, input)) return false;
    TN_ASSERT(memory != NULL && ((uintptr_t)memory & 63) == 0);
    lay_out(&work, memory, input);
    build_market(work, input);
    if (!build_account(work, fault, input)) return false;
    *fault = (struct tn_whatif_fault){.kind = TN_WHATIF_FAULT_NONE};

    tn_margin_evaluate(&result->margin, work->details, &work->market, &work->account);
    explain_expiries(work, input);
    explain_assets(result, input);
    result->underlyings = work->details;
    result->expiries = work->expiry_details;
    result->marks = work->marks;
    result->rows = work->market.rows;
    result->market = &work->market;
    result->account = &work->account;
    return true;
}
