/* standard: margin without scenarios, for accounts that did not ask for portfolio margin.
 *
 * Every short is charged alone, a long is worth nothing, and per expiry the options may instead
 * count at the worst of what they pay at expiry, when that is better. Charges are whole micros of
 * one lot, rounded up once, so all that follows is exact and linear in the lots.
 *
 * The idea for open orders: what a series adds to the balance is min(a·n, b·n) of its lots n, the
 * payoff at one price of expiry is linear, and cash is linear. The worst subset of orders of the
 * minimum of linear functions is the minimum of their worst subsets, and in a linear function every
 * order counts alone, as min(0, what it adds). The larger of two minima is at most the minimum of
 * the larger, so the bound that comes out never exceeds the balance after any subset, or any
 * partial fill, of the orders.
 *
 * Invariants: IM ≤ MM ≤ E. The first follows from the parameters' rules (tn_risk_check), line by
 * line: an IM charge per lot is at least the MM charge. The second is enforced: marks that allow
 * arbitrage could break it by what the arbitrage is worth. */
#include "margin/internal.h"

#include <string.h>

#define PPM         1000000
#define BALANCE_MAX (INT64_C(1) << 62)
#define LOTS_MAX    (INT64_C(1) << 52) /* so that the sum over an account's positions fits */

enum requirement { IM, MM };
enum { REQUIREMENTS = 2 };

/* What n lots of a series add to a balance is min(when_long · n, when_short · n). */
struct line {
    tn_micros when_long, when_short; /* when_long ≤ when_short */
};

/* The parts of charges that hang on spot alone: most series of an account share them. */
struct spot_charges {
    tn_micros spot_lot, call_mm, put_mm, most, least;
};

/* What orders add at most, where a series' lots count at one end of its line. */
struct ends {
    tn_i128 when_long, when_short;
};

/* The options of one expiry as a function of the price at expiry: nothing, 0, each strike. */
struct curve {
    tn_i128 nothing, at_zero;
    tn_i128 at_strike[TN_MARGIN_POSITIONS_MAX]; /* by holding */
};

/* A holding with what it looks up. */
struct held {
    const struct tn_margin_series *series;
    tn_lots lots;
    tn_lots sells;  /* open ones, when orders count */
    bool is_bought; /* there are open buys, when orders count */
    bool is_option;
    tn_micros mark;
    tn_micros charges[REQUIREMENTS]; /* of one lot; of an option, when it is short */
};

struct work {
    const struct tn_margin_market *market;
    const struct tn_margin_account *account;
    const struct ends *orders; /* by holding: the orders at their worst; NULL: not at all */
    uint32_t count;
    struct held held[TN_MARGIN_POSITIONS_MAX];
};

static tn_micros to_micros(tn_i128 value)
{
    if (value > BALANCE_MAX) return BALANCE_MAX;
    return value < -BALANCE_MAX ? -BALANCE_MAX : (tn_micros)value;
}

static tn_i128 smaller(tn_i128 a, tn_i128 b)
{
    return a < b ? a : b;
}

static tn_i128 larger(tn_i128 a, tn_i128 b)
{
    return a > b ? a : b;
}

/* The order of holdings. */
static bool comes_before(const struct tn_margin_series *a, const struct tn_margin_series *b)
{
    if (a->underlying != b->underlying) return a->underlying < b->underlying;
    if (a->expiry != b->expiry) return a->expiry < b->expiry;
    if (a->strike_micros != b->strike_micros) return a->strike_micros < b->strike_micros;
    return a->kind < b->kind;
}

static bool is_option(const struct tn_margin_series *series)
{
    return series->kind == TN_CALL || series->kind == TN_PUT;
}

static tn_i128 cost_of(const struct tn_margin_order *order)
{
    return (tn_i128)order->quantity * order->price_micros + order->fee_micros;
}

/* ---- Charges of one lot ---- */

static void charge_spot(struct spot_charges *charges, const struct tn_risk *risk, tn_micros spot)
{
    TN_ASSERT(spot >= 0);
    charges->spot_lot = spot;
    charges->call_mm = tn_ppm_ceil(spot, risk->standard_call_mm_ppm);
    charges->put_mm = tn_ppm_ceil(spot, risk->standard_put_mm_ppm);
    charges->most = tn_ppm_ceil(spot, risk->standard_most_ppm);
    charges->least = tn_ppm_ceil(spot, risk->standard_least_ppm);
}

/* IM's part of spot: it falls as the option goes out of the money. */
static tn_micros by_moneyness(const struct spot_charges *charges, tn_micros out)
{
    tn_micros most = out > 0 ? charges->most - out : charges->most;
    return most > charges->least ? most : charges->least;
}

static void charge_call(struct held *held, const struct spot_charges *charges)
{
    held->charges[MM] = held->mark + charges->call_mm;
    held->charges[IM] =
        held->mark + by_moneyness(charges, held->series->strike_lot - charges->spot_lot);
}

static void charge_put(struct held *held, const struct tn_risk *risk,
                       const struct spot_charges *charges)
{
    tn_micros of_value = tn_ppm_ceil(held->mark, risk->standard_put_value_ppm);
    tn_micros mm = held->mark + (charges->put_mm > of_value ? charges->put_mm : of_value);
    tn_micros im = held->mark + by_moneyness(charges, charges->spot_lot - held->series->strike_lot);
    tn_micros offset = tn_ppm_ceil(mm, risk->standard_put_offset_ppm);
    held->charges[MM] = mm;
    held->charges[IM] = im > offset ? im : offset;
}

static void charge_linear(struct held *held, const struct tn_risk *risk)
{
    tn_micros price = held->series->kind == TN_FUTURE ? held->series->forward_lot : held->mark;
    held->charges[MM] = tn_ppm_ceil(price, risk->standard_perp_mm_ppm);
    held->charges[IM] = tn_ppm_ceil(price, risk->standard_perp_im_ppm);
}

/* A future or perpetual is at its mark in CE already, an option is not. */
static struct line line_of(const struct held *held, enum requirement which)
{
    tn_micros charge = held->charges[which];
    TN_ASSERT(charge >= 0);
    return (struct line){held->is_option ? 0 : -charge, charge};
}

/* Adds what a holding comes to alone. */
static inline void add_alone(tn_i128 sums[REQUIREMENTS], const struct work *work,
                             enum requirement from, enum requirement to, uint32_t holding)
{
    const struct held *held = &work->held[holding];
    if (work->orders == NULL) {
        tn_lots lots = held->lots < 0 ? held->lots : held->is_option ? 0 : -held->lots;
        if (lots == 0) return;
        for (enum requirement which = from; which <= to; which++)
            sums[which] += (tn_i128)held->charges[which] * lots;
        return;
    }
    for (enum requirement which = from; which <= to; which++) {
        struct line line = line_of(held, which);
        sums[which] +=
            smaller((tn_i128)line.when_long * held->lots + work->orders[holding].when_long,
                    (tn_i128)line.when_short * held->lots + work->orders[holding].when_short);
    }
}

/* ---- What the options of one expiry can lose ---- */

static tn_micros pays(const struct tn_margin_series *series, tn_micros price)
{
    tn_micros over =
        series->kind == TN_CALL ? price - series->strike_lot : series->strike_lot - price;
    return over > 0 ? over : 0;
}

/* Walks up the strikes: between two of them the payoff is a straight line. */
static void draw_positions(struct curve *curve, const struct work *work, uint32_t first,
                           uint32_t end)
{
    tn_i128 value = 0;
    tn_lots slope = 0;
    for (uint32_t i = first; i < end; i++) {
        if (work->held[i].series->kind != TN_PUT) continue;
        value += (tn_i128)work->held[i].lots * work->held[i].series->strike_lot;
        slope -= work->held[i].lots;
    }
    curve->nothing = 0;
    curve->at_zero = value;
    tn_micros before = 0;
    for (uint32_t i = first; i < end; i++) {
        tn_micros strike = work->held[i].series->strike_lot;
        TN_ASSERT(strike >= before);
        value += (tn_i128)slope * (strike - before);
        curve->at_strike[i] = value;
        slope += work->held[i].lots; /* a call begins to pay, or a put ends */
        before = strike;
    }
}

/* What orders add at the strikes, as changes from one holding to the next: constant + slope·strike.
 * At the strikes an order at its worst is 0, or a straight line, in at most three runs. So it costs
 * two looks for where they meet, not a look at every strike. */
struct piece {
    tn_i128 constant, slope;
};
struct drawing {
    const struct work *work;
    uint32_t first, end;
    struct piece pieces[TN_MARGIN_POSITIONS_MAX + 1];
};

static void draw_line(struct drawing *drawing, uint32_t from, uint32_t to, tn_i128 constant,
                      tn_i128 slope)
{
    drawing->pieces[from].constant += constant;
    drawing->pieces[from].slope += slope;
    drawing->pieces[to].constant -= constant;
    drawing->pieces[to].slope -= slope;
}

/* The first holding in [low, high) at whose strike a call pays, or a put no more. */
static uint32_t find_strike(const struct work *work, uint32_t low, uint32_t high,
                            const struct tn_margin_series *option)
{
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        tn_micros strike = work->held[middle].series->strike_lot;
        if (strike < option->strike_lot ||
            (strike == option->strike_lot && option->kind == TN_CALL))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The first holding in [low, high), where the option pays the more the further one goes, or the
 * less, at whose strike the order does not lose as it does before, or the other way round. */
static uint32_t find_turn(const struct work *work, uint32_t low, uint32_t high,
                          const struct tn_margin_series *option,
                          const struct tn_margin_order *order, bool begins_lost)
{
    tn_i128 cost = cost_of(order), lots = order->quantity;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        bool is_lost = lots * pays(option, work->held[middle].series->strike_lot) < cost;
        if (is_lost == begins_lost)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void draw_order(struct drawing *drawing, const struct tn_margin_series *option,
                       const struct tn_margin_order *order)
{
    tn_i128 cost = cost_of(order), lots = order->quantity;
    bool is_call = option->kind == TN_CALL, begins_lost = is_call == (lots > 0);
    uint32_t split = find_strike(drawing->work, drawing->first, drawing->end, option);
    uint32_t from = is_call ? split : drawing->first, to = is_call ? drawing->end : split;
    uint32_t turn = find_turn(drawing->work, from, to, option, order, begins_lost);
    tn_i128 slope = is_call ? lots : -lots;
    if (cost > 0) /* where it pays nothing */
        draw_line(drawing, is_call ? drawing->first : split, is_call ? split : drawing->end, -cost,
                  0);
    draw_line(drawing, begins_lost ? from : turn, begins_lost ? turn : to,
              -slope * option->strike_lot - cost, slope);
}

static void draw_orders(struct curve *curve, const struct work *work, uint32_t first, uint32_t end)
{
    const struct tn_margin_series *series = work->market->series;
    uint16_t expiry = work->held[first].series->expiry;
    struct drawing drawing;
    drawing.work = work;
    drawing.first = first;
    drawing.end = end;
    memset(drawing.pieces + first, 0, (end - first + 1) * sizeof drawing.pieces[0]);
    for (uint32_t k = 0; k < work->account->orders_count; k++) {
        const struct tn_margin_order *order = &work->account->orders[k];
        const struct tn_margin_series *option = &series[order->series];
        if (option->expiry != expiry || !is_option(option)) continue;
        tn_i128 cost = cost_of(order), lots = order->quantity;
        curve->nothing += smaller(0, -cost);
        curve->at_zero += smaller(0, lots * pays(option, 0) - cost);
        draw_order(&drawing, option, order);
    }
    struct piece sum = {0, 0};
    for (uint32_t i = first; i < end; i++) {
        sum.constant += drawing.pieces[i].constant;
        sum.slope += drawing.pieces[i].slope;
        curve->at_strike[i] += sum.constant + sum.slope * work->held[i].series->strike_lot;
    }
}

/* Does the account have anything of an option, or something of it on order? */
static bool has_part(const struct held *held)
{
    return held->lots != 0 || held->sells != 0 || held->is_bought;
}

/* What the options [first, end) come to at the worst price of expiry, but for calls beyond the last
 * strike: how many of these are short without a long one. */
struct at_expiry {
    tn_i128 worst;
    tn_lots unpaired; /* ≤ 0 */
};

static struct at_expiry look_at_expiry(const struct work *work, uint32_t first, uint32_t end)
{
    struct curve curve;
    draw_positions(&curve, work, first, end);
    if (work->orders != NULL) draw_orders(&curve, work, first, end);
    struct at_expiry at_expiry = {smaller(curve.nothing, curve.at_zero), 0};
    for (uint32_t i = first; i < end; i++) {
        const struct held *held = &work->held[i];
        TN_ASSERT(held->series->forward_lot == work->held[first].series->forward_lot);
        if (!has_part(held)) continue;
        at_expiry.worst = smaller(at_expiry.worst, curve.at_strike[i]);
        if (held->series->kind == TN_CALL) at_expiry.unpaired += held->lots - held->sells;
    }
    if (at_expiry.unpaired > 0) at_expiry.unpaired = 0;
    return at_expiry;
}

static tn_i128 balance_at_expiry(const struct tn_risk *risk, enum requirement which,
                                 const struct at_expiry *at_expiry, tn_micros forward_lot)
{
    int64_t ppm = which == IM ? risk->standard_unpaired_im_ppm : risk->standard_unpaired_mm_ppm;
    if (at_expiry->unpaired == 0) return at_expiry->worst;
    return at_expiry->worst + (tn_i128)at_expiry->unpaired * tn_ppm_ceil(forward_lot, ppm);
}

/* ---- Balances ---- */

struct margins {
    tn_i128 of[REQUIREMENTS];
};

/* Adds the margin of [first, end), all of one expiry or one perpetual: IM's, and MM's when that is
 * asked for, too, or it alone. */
static inline void add_expiry(struct margins *margins, const struct work *work,
                              enum requirement from, enum requirement to, uint32_t first,
                              uint32_t end)
{
    tn_i128 isolated[REQUIREMENTS] = {0, 0};
    uint32_t options = first;
    for (; options < end && !work->held[options].is_option; options++) /* strike 0 comes first */
        add_alone(margins->of, work, from, to, options);
    for (uint32_t i = options; i < end; i++) {
        TN_ASSERT(work->held[i].is_option);
        add_alone(isolated, work, from, to, i);
    }
    /* At expiry there is nothing to win where nothing is charged. */
    if (isolated[IM] == 0 && isolated[MM] == 0) return;
    struct at_expiry at_expiry = look_at_expiry(work, options, end);
    for (enum requirement which = from; which <= to; which++)
        margins->of[which] +=
            larger(isolated[which], balance_at_expiry(work->market->risk, which, &at_expiry,
                                                      work->held[options].series->forward_lot));
}

static inline struct margins margins_of(const struct work *work, enum requirement from,
                                        enum requirement to)
{
    struct margins margins = {{0, 0}};
    for (uint32_t first = 0, end; first < work->count; first = end) {
        uint16_t expiry = work->held[first].series->expiry;
        end = first + 1;
        while (end < work->count && work->held[end].series->expiry == expiry)
            end++;
        add_expiry(&margins, work, from, to, first, end);
    }
    return margins;
}

struct worth {
    tn_i128 cash_equity, options, collateral; /* the last before haircuts */
    tn_i128 im_collateral, mm_collateral;     /* after them */
};

static void add_collateral(struct worth *worth, const struct work *work)
{
    for (uint32_t i = 1; i < work->market->assets_count; i++) {
        const struct tn_margin_asset *asset = &work->market->assets[i];
        tn_micros balance = work->account->balances[i];
        TN_ASSERT(balance >= 0 && asset->price_micros >= 0);
        TN_ASSERT(asset->mm_haircut_ppm >= 0 && asset->im_haircut_ppm >= 0);
        tn_micros value = tn_mul_div_floor(balance, asset->price_micros, PPM);
        int64_t mm_ppm = asset->mm_haircut_ppm < PPM ? asset->mm_haircut_ppm : PPM;
        int64_t im_ppm = mm_ppm + asset->im_haircut_ppm;
        if (im_ppm > PPM) im_ppm = PPM;
        worth->collateral += value;
        worth->mm_collateral += value - tn_ppm_ceil(value, mm_ppm);
        worth->im_collateral += value - tn_ppm_ceil(value, im_ppm);
    }
}

static struct worth worth_of(const struct work *work)
{
    struct worth worth = {.cash_equity = work->account->cash};
    for (uint32_t i = 0; i < work->count; i++) {
        const struct held *held = &work->held[i];
        TN_ASSERT(held->lots >= -LOTS_MAX && held->lots <= LOTS_MAX);
        tn_i128 value = (tn_i128)held->lots * held->mark;
        if (held->is_option)
            worth.options += value;
        else
            worth.cash_equity += value;
    }
    add_collateral(&worth, work);
    return worth;
}

static tn_i128 equity_of(const struct worth *worth)
{
    return worth->cash_equity + worth->options + worth->collateral;
}

static tn_i128 mm_of(const struct worth *worth, const struct margins *margins)
{
    return smaller(worth->cash_equity + worth->mm_collateral + margins->of[MM], equity_of(worth));
}

static tn_i128 im_of(const struct worth *worth, const struct margins *margins)
{
    return smaller(worth->cash_equity + worth->im_collateral + margins->of[IM], equity_of(worth));
}

/* ---- Open orders ---- */

static uint32_t find_holding(const struct work *work, uint32_t series)
{
    TN_ASSERT(series < work->market->series_count);
    const struct tn_margin_series *wanted = &work->market->series[series];
    uint32_t low = 0, high = work->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (comes_before(work->held[middle].series, wanted))
            low = middle + 1;
        else
            high = middle;
    }
    TN_ASSERT(low < work->count && work->held[low].series == wanted); /* each order has one */
    return low;
}

/* The worst that any subset of the orders leaves of the IM balance, never more than that. */
static tn_i128 worst_im(struct work *work, const struct worth *worth)
{
    struct ends ends[TN_MARGIN_POSITIONS_MAX];
    for (uint32_t i = 0; i < work->count; i++) {
        ends[i] = (struct ends){0};
        work->held[i].sells = work->account->holdings[i].open_sell;
        work->held[i].is_bought = work->account->holdings[i].open_buy > 0;
        TN_ASSERT(work->held[i].sells >= 0);
    }
    tn_i128 equity = equity_of(worth);
    for (uint32_t k = 0; k < work->account->orders_count; k++) {
        const struct tn_margin_order *order = &work->account->orders[k];
        TN_ASSERT(order->fee_micros >= 0 && order->quantity != 0);
        uint32_t holding = find_holding(work, order->series);
        const struct held *held = &work->held[holding];
        struct line line = line_of(held, IM);
        tn_i128 lots = order->quantity;
        tn_i128 at_mark = lots * held->mark - cost_of(order);
        tn_i128 kept = held->is_option ? -cost_of(order) : at_mark;
        ends[holding].when_long += smaller(0, line.when_long * lots + kept);
        ends[holding].when_short += smaller(0, line.when_short * lots + kept);
        equity += smaller(0, at_mark);
    }
    work->orders = ends;
    struct margins margins = margins_of(work, IM, IM);
    work->orders = NULL;
    return smaller(worth->cash_equity + worth->im_collateral + margins.of[IM], equity);
}

static void take_holding(struct held *held, const struct tn_margin_market *market,
                         const struct tn_holding *holding)
{
    TN_ASSERT(holding->series < market->series_count);
    held->series = &market->series[holding->series];
    held->lots = holding->quantity;
    held->sells = 0;
    held->is_bought = false;
    held->is_option = is_option(held->series);
    held->mark = market->rows[holding->series][TN_COLUMN_MARK];
    TN_ASSERT(held->mark >= 0 && held->series->kind <= TN_PUT && held->series->forward_lot >= 0);
}

static void start_work(struct work *work, const struct tn_margin_market *market,
                       const struct tn_margin_account *account)
{
    struct spot_charges charges = {.spot_lot = -1};
    TN_ASSERT(account->holdings_count <= TN_MARGIN_POSITIONS_MAX);
    TN_ASSERT(market->assets_count <= TN_MARGIN_ASSETS_MAX);
    work->market = market;
    work->account = account;
    work->orders = NULL;
    work->count = account->holdings_count;
    for (uint32_t i = 0; i < work->count; i++) {
        struct held *held = &work->held[i];
        take_holding(held, market, &account->holdings[i]);
        TN_ASSERT(i == 0 || comes_before(work->held[i - 1].series, held->series));
        if (held->series->spot_lot != charges.spot_lot)
            charge_spot(&charges, market->risk, held->series->spot_lot);
        if (held->series->kind == TN_CALL)
            charge_call(held, &charges);
        else if (held->series->kind == TN_PUT)
            charge_put(held, market->risk, &charges);
        else
            charge_linear(held, market->risk);
    }
}

void tn_margin_standard_maintenance(tn_micros *mm, tn_micros *equity,
                                    const struct tn_margin_market *market,
                                    const struct tn_margin_account *account)
{
    struct work work;
    start_work(&work, market, account);
    struct worth worth = worth_of(&work);
    struct margins margins = margins_of(&work, MM, MM);
    *mm = to_micros(mm_of(&worth, &margins));
    *equity = to_micros(equity_of(&worth));
}

void tn_margin_standard(struct tn_margin_result *result, const struct tn_margin_market *market,
                        const struct tn_margin_account *account)
{
    struct work work;
    start_work(&work, market, account);
    struct worth worth = worth_of(&work);
    struct margins margins = margins_of(&work, IM, MM);
    tn_i128 mm = mm_of(&worth, &margins), im = im_of(&worth, &margins);
    TN_ASSERT(im <= mm && mm <= equity_of(&worth));
    tn_i128 m = account->orders_count == 0 ? im : worst_im(&work, &worth);
    TN_ASSERT(m <= im);
    *result = (struct tn_margin_result){
        .cash_equity = to_micros(worth.cash_equity),
        .options = to_micros(worth.options),
        .collateral = to_micros(worth.collateral),
        .equity = to_micros(equity_of(&worth)),
        .im = to_micros(im),
        .mm = to_micros(mm),
        .m = to_micros(m),
    };
}
