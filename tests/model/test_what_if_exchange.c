/* The what-if against the exchange: what it says of an account is what the exchange says, and what
 * it says of one more order is what the exchange then decides, shortfall and all, to the micro.
 *
 * The what-if sees what a trader can see: feeds, factors, positions, cash, own orders. A random
 * market moves, trades and takes orders; after each step every account is compared. */
#include "feeds_case.h"
#include "seed.h"
#include "tenor/whatif.h"

enum { MAKER_PPM = 100, TAKER_PPM = 300, CAP_PPM = 125000 };
enum { SERIES = 5, OPEN_MAX = 64, ROUNDS = 60 };

static uint64_t random_state;
static uint32_t funded_count;

static uint64_t below(uint64_t bound)
{
    return tn_random_below(&random_state, bound);
}

/* ---- Orders that rest, as their owners remember them ---- */

static struct open_order {
    uint64_t id;
    uint32_t account;
    struct tn_margin_order order; /* series: index below */
} open_orders[OPEN_MAX];
static uint32_t open_orders_count;

/* In the order that margin wants: perpetual, future, then by strike and kind. */
static uint64_t series_at(uint32_t index)
{
    const uint64_t ids[SERIES] = {market.perp, market.future, market.call, market.put,
                                  market.call_high};
    return ids[index];
}

/* ---- The what-if of an account, from public views ---- */

struct inputs {
    struct tn_risk risk;
    struct tn_scenario scenarios[TN_SCENARIOS_MAX];
    struct tn_whatif_underlying underlying;
    struct tn_whatif_expiry expiry;
    struct tn_whatif_series series[SERIES];
    struct tn_whatif_position positions[SERIES];
    struct tn_margin_order orders[OPEN_MAX + 1];
    struct tn_margin_asset cash_asset;
    struct tn_whatif whatif;
};

static int32_t least_confidence(const struct tn_expiry_risk_view *expiry, int32_t of_spot)
{
    int32_t least = of_spot;
    if (expiry->forward.confidence_ppm < least) least = expiry->forward.confidence_ppm;
    if (expiry->vol.confidence_ppm < least) least = expiry->vol.confidence_ppm;
    return least;
}

static void read_market(struct inputs *in)
{
    struct tn_risk_view risk;
    struct tn_underlying_risk_view underlying;
    struct tn_expiry_risk_view expiry;
    assert_true(tn_exchange_risk(market.exchange, &risk));
    assert_true(tn_exchange_underlying_risk(market.exchange, &underlying, 1));
    assert_true(tn_exchange_expiry_risk(market.exchange, &expiry, 1, market.day));
    tn_risk_default(&in->risk, in->scenarios, &in->whatif.scenarios_count);
    in->risk = *risk.parameters;
    in->risk.mm_factor_ppm = risk.mm_factor_ppm;
    in->underlying = (struct tn_whatif_underlying){
        .spot_micros = underlying.spot.value,
        .perpetual_micros = mark_of(market.perp) * 100, /* a lot is a hundredth of a unit */
        .option_lot_micro_units = 10000,
        .linear_lot_micro_units = 10000,
        .option_mark_max = 1000000 * TICK,
        .linear_mark_max = 1000000 * TICK,
        .lambda_ppm = underlying.lambda_ppm,
        .confidence_ppm = underlying.spot.confidence_ppm};
    in->expiry = (struct tn_whatif_expiry){
        .surface = expiry.surface,
        .has_surface = 1,
        .fixed_micros = expiry.fixed_micros,
        .variable_micros = expiry.variable_micros,
        .left_ms = tn_series_expiry_ms(market.call) - risk.mark_ms,
        .confidence_ppm = least_confidence(&expiry, underlying.spot.confidence_ppm)};
    for (uint32_t i = 0; i < SERIES; i++) {
        uint64_t id = series_at(i);
        in->series[i] = (struct tn_whatif_series){.kind = (uint8_t)tn_series_kind(id),
                                                  .strike_micros = (tn_micros)tn_series_strike(id) *
                                                                   TN_MICROS_PER_STRIKE_UNIT,
                                                  .vol_ppb = TN_WHATIF_VOL_OF_SURFACE};
    }
    in->whatif.stable_ppm = risk.stable.value;
}

static void read_account(struct inputs *in, uint32_t account)
{
    struct tn_account_risk_view view;
    assert_true(tn_exchange_account_risk(market.exchange, &view, account));
    in->whatif.model = view.model;
    in->whatif.cash = cash_of(account);
    for (uint32_t i = 0; i < SERIES; i++) {
        struct tn_position position = tn_exchange_position(market.exchange, account, series_at(i));
        if (position.quantity == 0) continue;
        struct tn_whatif_position *out = &in->positions[in->whatif.positions_count++];
        *out = (struct tn_whatif_position){.series = i, .quantity = position.quantity};
        if (tn_series_is_option(series_at(i))) continue;
        struct tn_series_view series = series_view(series_at(i));
        /* Cash has paid the whole price, so what is gained is the whole value. */
        out->unrealised = position.quantity * series.mark_micros;
        out->funding = -tn_mul_div_ceil(position.quantity,
                                        series.funding_index - position.funding_entry, 1000000);
        funded_count += out->funding != 0;
    }
    for (uint32_t i = 0; i < open_orders_count; i++) {
        if (open_orders[i].account != account) continue;
        in->orders[in->whatif.orders_count++] = open_orders[i].order;
    }
}

/* What the what-if says, with one more order where not NULL. */
static struct tn_margin_result what_if(uint32_t account, const struct tn_margin_order *more)
{
    struct inputs in = {.cash_asset = {0}};
    read_market(&in);
    read_account(&in, account);
    if (more != NULL) in.orders[in.whatif.orders_count++] = *more;
    struct tn_whatif *whatif = &in.whatif;
    whatif->risk = &in.risk;
    whatif->scenarios = in.scenarios;
    whatif->underlyings = &in.underlying;
    whatif->expiries = &in.expiry;
    whatif->series = in.series;
    whatif->positions = in.positions;
    whatif->orders = in.orders;
    whatif->assets = &in.cash_asset;
    whatif->underlyings_count = whatif->expiries_count = whatif->assets_count = 1;
    whatif->series_count = SERIES;
    struct tn_whatif_result result;
    struct tn_whatif_fault fault;
    void *memory = aligned_alloc(64, tn_whatif_size(whatif));
    assert_non_null(memory);
    if (!tn_whatif_evaluate(&result, &fault, memory, whatif)) {
        fail_msg("%s (%u)", tn_whatif_fault_text(fault.kind), fault.index);
    }
    for (uint32_t i = 0; i < SERIES; i++) {
        assert_int_equal(result.rows[i][TN_COLUMN_MARK], mark_of(series_at(i)));
    }
    free(memory);
    return result.margin;
}

static void compare_accounts(void)
{
    for (uint32_t account = 0; account < TRADERS; account++) {
        struct tn_account_risk_view view;
        assert_true(tn_exchange_account_risk(market.exchange, &view, account));
        struct tn_margin_result mine = what_if(account, NULL);
        assert_int_equal(mine.cash_equity, view.margin.cash_equity);
        assert_int_equal(mine.options, view.margin.options);
        assert_int_equal(mine.equity, view.margin.equity);
        assert_int_equal(mine.im, view.margin.im);
        assert_int_equal(mine.mm, view.margin.mm);
        assert_int_equal(mine.m, view.margin.m);
    }
}

/* ---- Steps ---- */

static struct tn_command fees_agreed(struct tn_command command)
{
    return fee_up_to(command, TAKER_PPM);
}

/* Two owners quote both sides above spot, so that the perpetual's mark has a premium and funding
 * runs; it goes on for a while when they are gone. */
static void raise_premium(void)
{
    static const uint32_t owners[2] = {BOB, DAN};
    tn_ticks mark = mark_of(market.perp) / TICK;
    uint64_t bids[2], asks[2];
    for (uint32_t i = 0; i < 2; i++) {
        struct tn_command bid = limit(TN_BUY, market.perp, mark * 1004 / 1000, 50);
        struct tn_command ask = limit(TN_SELL, market.perp, mark * 1006 / 1000, 50);
        bids[i] = place(owners[i], fees_agreed(bid));
        asks[i] = place(owners[i], fees_agreed(ask));
    }
    live(20, SPOT);
    for (uint32_t i = 0; i < 2; i++) {
        pass(owners[i], cancel(bids[i]));
        pass(owners[i], cancel(asks[i]));
    }
    assert_true(mark_of(market.perp) > mark * TICK);
}

static void cancel_all(void)
{
    for (uint32_t i = 0; i < open_orders_count; i++) {
        send(open_orders[i].account, cancel(open_orders[i].id));
    }
    open_orders_count = 0;
}

static tn_ticks near_mark(uint64_t series, uint64_t least_percent, uint64_t most_percent)
{
    int64_t percent = (int64_t)(least_percent + below(most_percent - least_percent + 1));
    tn_ticks ticks = mark_of(series) / TICK * percent / 100;
    if (tn_series_is_option(series) && ticks >= 1200) ticks -= ticks % 10;
    return ticks < 1 ? 1 : ticks;
}

static void move_market(tn_micros *spot)
{
    *spot += *spot / 1000 * ((int64_t)below(101) - 50);
    feeds.confidence_ppm = below(4) == 0 ? 450000 : PPM;
    report_all(TN_FEED_SPOT, *spot);
    report_all(TN_FEED_FORWARD, *spot + (int64_t)below(500) * DOLLAR);
    report_surfaces(300000 + (int64_t)below(400000));
    block(1000);
    while (tn_exchange_work(market.exchange))
        sweep(64);
}

static void trade(void)
{
    uint32_t maker = ALICE + (uint32_t)below(TRADERS), taker = ALICE + (uint32_t)below(TRADERS);
    uint64_t series = series_at((uint32_t)below(SERIES));
    tn_lots lots = 1 + (int64_t)below(2000);
    tn_ticks price = near_mark(series, 100, 100);
    enum tn_side side = below(2) == 0 ? TN_BUY : TN_SELL;
    uint64_t order = send(maker, fees_agreed(limit(side, series, price, lots)))->order_id;
    send(taker, fees_agreed(ioc(limit(side == TN_BUY ? TN_SELL : TN_BUY, series, price, lots))));
    if (order != 0) send(maker, cancel(order));
}

/* The highest fee of a lot at this price, in micros: of spot, of options at most an eighth of the
 * premium. */
static tn_micros fee_of_lot(uint64_t series, tn_ticks price)
{
    struct tn_underlying_risk_view underlying;
    assert_true(tn_exchange_underlying_risk(market.exchange, &underlying, 1));
    tn_micros spot_lot = tn_mul_div_floor(underlying.spot.value, 10000, PPM);
    tn_micros fee = tn_ppm_ceil(spot_lot, TAKER_PPM), cap = tn_ppm_ceil(price * TICK, CAP_PPM);
    return tn_series_is_option(series) && cap < fee ? cap : fee;
}

static uint32_t passed_count, short_count;

/* One order that rests or is refused: as the what-if said it would be. */
static void order(void)
{
    uint32_t account = (uint32_t)below(TRADERS), index = (uint32_t)below(SERIES);
    uint64_t series = series_at(index);
    enum tn_side side = below(2) == 0 ? TN_BUY : TN_SELL;
    tn_lots lots = 1 + (int64_t)below(below(3) == 0 ? 10000 : 1500);
    tn_ticks price = side == TN_BUY ? near_mark(series, 50, 95) : near_mark(series, 105, 150);
    struct tn_margin_order more = {.series = index,
                                   .quantity = side == TN_BUY ? lots : -lots,
                                   .price_micros = price * TICK,
                                   .fee_micros = lots * fee_of_lot(series, price)};
    struct tn_margin_result before = what_if(account, NULL), after = what_if(account, &more);
    const struct tn_event *result =
        send(account, fees_agreed(post(limit(side, series, price, lots), TN_POST_REJECT)));
    if (result->reject == TN_REJECT_NONE) {
        assert_true(after.m >= 0 || after.m >= before.m);
        assert_true(open_orders_count < OPEN_MAX);
        open_orders[open_orders_count++] =
            (struct open_order){.id = result->order_id, .account = account, .order = more};
        passed_count++;
    } else if (result->reject == TN_REJECT_MARGIN_SHORT) {
        assert_true(after.m < 0 && after.m < before.m);
        assert_int_equal(result->money, -after.m);
        short_count++;
    }
}

/* Slots of expiries come with their first series, so the order of listing must not matter. */
static void compare_all_along(bool perpetual_first)
{
    passed_count = short_count = funded_count = 0;
    random_state = test_seed("test_what_if_exchange");
    open_feeds_bare(feeds_underlying());
    for (uint32_t i = 0; i < SERIES; i++) {
        apply_passing(list_entry(series_at(perpetual_first ? i : SERIES - 1 - i)));
    }
    live(1, SPOT);
    set_fees(MAKER_PPM, TAKER_PPM, CAP_PPM);
    struct tn_command standard = {.kind = TN_COMMAND_MODEL, .as.model = TN_MARGIN_STANDARD};
    pass(CAROL, standard);
    raise_premium();
    tn_micros spot = SPOT;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        cancel_all();
        move_market(&spot);
        for (uint32_t i = 0; i < 6; i++)
            trade();
        compare_accounts();
        for (uint32_t i = 0; i < 8; i++)
            order();
        compare_accounts();
    }
    cancel_all();
    assert_true(passed_count > 20 && short_count > 20); /* both answers were tried */
    assert_true(funded_count > 20);
}

static void test_what_if_is_the_exchanges_word_on_every_account_and_its_next_order(void **state)
{
    (void)state;
    compare_all_along(true);
}

static void test_what_if_is_the_exchanges_word_where_the_perpetual_was_listed_last(void **state)
{
    (void)state;
    compare_all_along(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OWN_STORY(test_what_if_is_the_exchanges_word_on_every_account_and_its_next_order),
        OWN_STORY(test_what_if_is_the_exchanges_word_where_the_perpetual_was_listed_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
