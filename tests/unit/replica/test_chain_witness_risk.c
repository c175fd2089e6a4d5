/* Blocks of a chain that read feeds, judge everybody and wind somebody down, each on its witness
 * alone: a MARK needs nobody, its sweep those whom it comes to, and a liquidation who is on its
 * list and whose orders take it (docs/specs/witness.md, A set's block). */
#include "witness_case.h"

#include "tenor/riskview.h"

#define SPOT (100000 * DOLLAR)
enum { BUYER = 0, SELLER = 1, IDLE = 2, PEOPLE = 5, EVERYBODY = 1000 };
static const uint64_t PERP = UINT64_C(1) << 53;
static uint64_t reports; /* so far */

static const struct tn_exchange *exchange_here(void)
{
    return tn_market_exchange(tn_chain_market(cc.chain, 0));
}

static bool needs(uint32_t account)
{
    return wc_needs(wc.needed.markets[0].accounts, account);
}

static enum tn_liquidation stage_of(uint32_t account)
{
    struct tn_account_risk_view view;
    assert_true(tn_exchange_account_risk(exchange_here(), &view, account));
    return (enum tn_liquidation)view.liquidation;
}

static tn_lots lots_here(uint32_t account)
{
    return tn_exchange_position(exchange_here(), account, PERP).quantity;
}

/* ---- Blocks ---- */

static struct tn_stream_item slices(uint8_t kind, uint32_t units)
{
    struct tn_stream_item item = {.version = TN_ENTRY_VERSION, .entry = {.kind = kind}};
    if (kind == TN_ENTRY_SWEEP) item.entry.as.sweep.units = units;
    if (kind == TN_ENTRY_LIQ) item.entry.as.liq.units = units;
    return item;
}

/* The next block, of one batch of the first market, on its witness and final. */
static void pass_checked(uint32_t blocks, const struct tn_stream_item *items, uint32_t count)
{
    cc_make_batch(0, blocks, items, count);
    cc_propose(BLOCK_MS);
    wc_check();
    wc_leave_out_each();
    while (cc.line_count > 0)
        cc_finalize();
    assert_int_equal(cc.differences_count, 0);
}

static void report_spot(tn_micros price)
{
    struct tn_block_item item = {.kind = TN_ITEM_REPORT};
    item.as.report.market = 1;
    item.as.report.report = (struct tn_report){.signer = 1,
                                               .underlying = 1,
                                               .feed = TN_FEED_SPOT,
                                               .confidence_ppm = 1000000,
                                               .sequence = ++reports,
                                               .time_ms = cc.time_ms,
                                               .value = price};
    struct tn_hash digest = cc_digest(&item);
    item.as.report.signature = cc_sign(KEY_FEEDER, &digest);
    cc_give(&item);
}

/* A block with a report, a second on; the next batch's BLOCK reads it. */
static void hear(tn_micros price)
{
    cc.time_ms += 1000;
    report_spot(price);
    cc_propose(BLOCK_MS);
    wc_check();
    while (cc.line_count > 0)
        cc_finalize();
}

static struct tn_stream_item order_of(uint8_t *payload, uint32_t account, enum tn_side side,
                                      tn_ticks price, tn_lots lots)
{
    const struct tn_command command = cc_limit(side, PERP, price, lots);
    return cc_frame(payload, 0, account, cc.leaders[0].term, &command, 1);
}

/* ---- The market ---- */

static void open_people(void)
{
    for (uint32_t i = 0; i < PEOPLE; i++) {
        cc_operate(
            (struct tn_operation){
                .kind = TN_OPERATION_OPEN, .market = 1, .number = 1, .model = TN_MARGIN_STANDARD},
            i);
    }
    cc_pass(BLOCK_MS);
    cc_make_batch(0, 100, NULL, 0);
    for (uint32_t i = 0; i < PEOPLE; i++) {
        cc_open_session(1, i);
        cc_deposit(1, i, i == BUYER ? 6000 * DOLLAR : START_CASH);
    }
    cc_pass(BLOCK_MS);
    cc_make_batch(0, 100, NULL, 0);
}

/* Nothing is listed but what a test lists; prices come from feeds. */
static struct tn_underlying bare_underlying(void)
{
    struct tn_underlying underlying = usual_underlying();
    underlying.listing.delta_low_ppb = 1000000000;
    underlying.listing.delta_high_ppb = 1000000000;
    underlying.option.price_max = 1000000;
    underlying.option.quantity_max = 10000;
    underlying.linear.price_max = 1000000;
    underlying.linear.quantity_max = 10000;
    return underlying;
}

static struct tn_entry risk_of_one_signer(uint64_t height)
{
    static struct tn_risk risk;
    static struct tn_scenario scenarios[TN_SCENARIOS_MAX];
    uint32_t count;
    tn_risk_default(&risk, scenarios, &count);
    risk.feed_signers_min = 1;
    risk.slice_base_ppm = 100000;
    return (struct tn_entry){
        .kind = TN_ENTRY_RISK,
        .as.risk = {
            .height = height, .risk = &risk, .scenarios = scenarios, .scenarios_count = count}};
}

/* One signer; the perpetual, marked at 100 000. */
static void open_prices(void)
{
    cc_govern(1,
              (struct tn_entry){.kind = TN_ENTRY_UNDERLYING, .as.underlying = bare_underlying()});
    cc_govern(1, (struct tn_entry){.kind = TN_ENTRY_FEEDER, .as.feeder = {1, 1}});
    cc_govern(1, risk_of_one_signer(2));
    cc_govern(1, list_entry(PERP));
    cc_pass(BLOCK_MS);
    cc_make_batch(0, 100, NULL, 0);
    cc_pass(BLOCK_MS);
    for (uint32_t i = 0; i < 3; i++) {
        hear(SPOT);
        const struct tn_stream_item sweeping = slices(TN_ENTRY_SWEEP, EVERYBODY);
        cc_make_batch(0, 100, &sweeping, 1);
        cc_pass(BLOCK_MS);
    }
    struct tn_series_view view;
    assert_true(tn_exchange_series(exchange_here(), &view, PERP));
    assert_int_equal(view.status, TN_STATUS_ACTIVE);
    assert_int_equal(view.mark_micros, SPOT / 100); /* of a lot */
}

static int open_case(void **state)
{
    if (cc_open(state) != 0) return -1;
    free(cc.chain);
    cc.limits.exit_blocks = 0;
    cc.limits.markets[0].exchange.expiries_max = 8; /* with feeds, and so with margin */
    cc.limits.markets[0].exchange.signers_max = 4;
    cc.chain = cc_new_chain();
    const struct tn_chain_listener listener = {.inbox = cc_inbox, .difference = cc_difference};
    tn_chain_tell(cc.chain, &listener);
    for (uint32_t i = 0; i < MARKETS; i++)
        cc_take_over(i);
    free(cc.scratch.events);
    cc.scratch.events_max = tn_exchange_events_max(&cc.limits.markets[0].exchange);
    cc.scratch.events = cc_room(cc.scratch.events_max * sizeof *cc.scratch.events);
    reports = 0;
    wc_open();
    open_prices();
    open_people();
    cc_pass(BLOCK_MS);
    return 0;
}

static int close_case(void **state)
{
    wc_close();
    return cc_close(state);
}

/* ---- Stories ---- */

static void test_chain_witness_of_a_mark_needs_nobody_and_its_sweep_those_it_comes_to(void **state)
{
    (void)state;
    hear(SPOT);
    pass_checked(100, NULL, 0); /* BLOCK: the MARK */
    assert_true(!needs(0) && !needs(1) && !needs(2) && needs(PEOPLE - 1));
    const struct tn_stream_item sweeping = slices(TN_ENTRY_SWEEP, 2);
    pass_checked(0, &sweeping, 1);
    assert_true(needs(0) && needs(1) && !needs(2) && !needs(3));
    pass_checked(1, NULL, 0); /* the next BLOCK does what is left */
    assert_true(!needs(0) && !needs(1) && needs(2) && needs(3));
    pass_checked(1, NULL, 0);
    assert_true(!needs(0) && !needs(1) && !needs(2) && !needs(3));
}

/* The buyer of fifty lots with 6 000 dollars fails below 94 000; whoever bids takes his slices. */
static void test_chain_witness_of_a_liquidation_has_who_fails_and_who_takes_it(void **state)
{
    (void)state;
    static uint8_t payloads[2][TN_PAYLOAD_BYTES_MAX];
    const struct tn_stream_item trade_items[] = {order_of(payloads[0], SELLER, TN_SELL, 100000, 50),
                                                 order_of(payloads[1], BUYER, TN_BUY, 100000, 50)};
    pass_checked(100, trade_items, 2);
    assert_true(needs(BUYER) && needs(SELLER) && !needs(IDLE));
    assert_int_equal(lots_here(BUYER), 50);
    const struct tn_stream_item bid = order_of(payloads[0], SELLER, TN_BUY, 93400, 20);
    pass_checked(100, &bid, 1);
    hear(93500 * DOLLAR);
    const struct tn_stream_item judged[] = {slices(TN_ENTRY_SWEEP, EVERYBODY)};
    pass_checked(100, judged, 1);
    assert_true(needs(IDLE));
    assert_int_equal(stage_of(BUYER), TN_LIQUIDATION_SLICES);
    const struct tn_stream_item wound[] = {slices(TN_ENTRY_LIQ, 4)};
    pass_checked(100, wound, 1);
    assert_true(needs(BUYER) && needs(SELLER) && !needs(IDLE));
    assert_true(lots_here(BUYER) < 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_chain_witness_of_a_mark_needs_nobody_and_its_sweep_those_it_comes_to, open_case,
            close_case),
        cmocka_unit_test_setup_teardown(
            test_chain_witness_of_a_liquidation_has_who_fails_and_who_takes_it, open_case,
            close_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
