/* The list of accounts to wind down, thousands long: what its records say is what a naive sort
 * makes of the accounts as they came, LIQ takes them in that order, what is restored at any place
 * goes on alike, and no slice of a sweep pays for the accounts of others. */
#include "records_copy.h"
#include "risk_market.h"
#include "seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    TRADERS = 8192, /* pairs; the even ones buy, and fail */
    IDLE = 2,       /* behind them: all that the last slice of a sweep judges */
    ACCOUNTS = TRADERS + IDLE,
    FAILING = TRADERS / 2,
    UNITS = 512,
    LIST_COUNT_AT = 124,
    LISTED_SIZE = 20,
    LISTED_CHUNK_ITEMS = 64,
    LINE = 64
};
#define START_MS INT64_C(1780000000000)

struct item {
    uint32_t account;
    int64_t mm, requirement;
};

static struct run {
    struct tn_exchange_limits limits;
    struct tn_exchange *exchange;
    unsigned char *before; /* its memory */
    size_t size;
    struct tn_event *events;
    uint32_t events_max, count;
    uint64_t height, sequence, nonce, random;
    int64_t time_ms;
} run;

static void apply(struct tn_entry entry)
{
    run.count = tn_exchange_apply(run.exchange, run.events, run.events_max, &entry);
}

static void apply_passing(struct tn_entry entry)
{
    apply(entry);
    for (uint32_t i = 0; i < run.count; i++)
        assert_int_equal(run.events[i].reject, TN_REJECT_NONE);
}

static void mark_at(tn_micros spot)
{
    struct tn_entry report = {.kind = TN_ENTRY_REPORT};
    report.as.report = (struct tn_report){.signer = 1,
                                          .underlying = RISK_BTC,
                                          .feed = TN_FEED_SPOT,
                                          .confidence_ppm = 1000000,
                                          .sequence = ++run.sequence,
                                          .time_ms = run.time_ms,
                                          .value = spot};
    apply_passing(report);
    run.time_ms += 1000;
    apply((struct tn_entry){.kind = TN_ENTRY_BLOCK, .as.block = {++run.height, run.time_ms}});
}

static void command(uint32_t account, const struct tn_command *what)
{
    apply((struct tn_entry){.kind = TN_ENTRY_FRAME,
                            .as.frame = {.commands = what,
                                         .commands_count = 1,
                                         .account = account,
                                         .nonce = ++run.nonce,
                                         .valid_until_block = UINT64_MAX}});
}

static bool is_sweeping(void)
{
    struct tn_risk_view view;
    return tn_exchange_risk(run.exchange, &view) && view.sweeping;
}

static void sweep(uint32_t units)
{
    apply((struct tn_entry){.kind = TN_ENTRY_SWEEP, .as.sweep.units = units});
}

static uint64_t perpetual(void)
{
    return risk_market_series(RISK_BTC, TN_PERPETUAL, 0, 0);
}

/* ---- The market ---- */

static void open_exchange(void)
{
    memset(&run, 0, sizeof run);
    run.random = test_seed("test_liquidation_list");
    run.time_ms = START_MS;
    tn_exchange_limits_default(&run.limits);
    run.limits.accounts_max = ACCOUNTS;
    run.limits.series_max = 16;
    run.limits.orders_max = run.limits.levels_max = 64;
    run.limits.exposures_max = ACCOUNTS;
    run.limits.results_max = 4096;
    run.limits.expiries_max = 4;
    run.limits.signers_max = 1;
    run.size = tn_align(tn_exchange_size(&run.limits));
    void *memory = aligned_alloc(64, run.size);
    run.before = malloc(run.size);
    run.events_max = tn_exchange_events_max(&run.limits);
    run.events = malloc(run.events_max * sizeof run.events[0]);
    TN_ASSERT(memory != NULL && run.before != NULL && run.events != NULL);
    memset(memory, 0, run.size);
    run.exchange = tn_exchange_init(memory, &run.limits);
}

static tn_lots lots_of(uint32_t account)
{
    return 2 + account / 2 % 3;
}

/* Deposits of few kinds, so that many fail alike. */
static void open_account(uint32_t account)
{
    struct tn_entry entry = {.kind = TN_ENTRY_ACCOUNT};
    memcpy(entry.as.account.owner, &account, sizeof account);
    apply_passing(entry);
    const tn_micros dollars_a_lot = 370 + 5 * (tn_micros)tn_random_below(&run.random, 12);
    entry = (struct tn_entry){.kind = TN_ENTRY_DEPOSIT};
    entry.as.deposit.account = account;
    entry.as.deposit.amount = lots_of(account) * dollars_a_lot * RISK_DOLLAR;
    apply_passing(entry);
}

static void trade(uint32_t buyer, tn_lots lots)
{
    struct tn_series_view view;
    struct tn_command what = {.kind = TN_COMMAND_BLOCK_TRADE};
    assert_true(tn_exchange_series(run.exchange, &view, perpetual()));
    what.as.block_trade = (struct tn_block_trade){.legs_count = 1,
                                                  .counterparty = buyer + 1,
                                                  .counterparty_nonce = ++run.nonce,
                                                  .expires_ms = INT64_MAX,
                                                  .fee_max_ppm = 10000};
    what.as.block_trade.legs[0] = (struct tn_leg){.series_id = perpetual(),
                                                  .price = view.mark_micros / view.micros_per_tick,
                                                  .quantity = lots,
                                                  .side = TN_BUY};
    command(buyer, &what);
    assert_int_equal(run.events[run.count - 1].reject, TN_REJECT_NONE);
}

/* Everybody holds two, three or four lots of a thousand dollars; then spot has fallen by 35 % and a
 * sweep has begun. */
static void open_run(void)
{
    const tn_micros spot = risk_market_spot(RISK_BTC);
    open_exchange();
    apply((struct tn_entry){.kind = TN_ENTRY_BLOCK, .as.block = {++run.height, run.time_ms}});
    struct tn_entry entry = {.kind = TN_ENTRY_UNDERLYING,
                             .as.underlying = risk_market_underlying(RISK_BTC)};
    entry.as.underlying.block_minimum_micros = 0;
    apply_passing(entry);
    apply_passing((struct tn_entry){.kind = TN_ENTRY_FEEDER, .as.feeder = {1, 1}});
    apply_passing((struct tn_entry){.kind = TN_ENTRY_LIST, .as.list = {perpetual()}});
    for (uint32_t i = 0; i < ACCOUNTS; i++)
        open_account(i);
    mark_at(spot);
    for (uint32_t i = 0; i < TRADERS; i += 2)
        trade(i, lots_of(i));
    mark_at(spot * 65 / 100); /* held */
    mark_at(spot * 65 / 100);
    assert_true(is_sweeping());
}

static void close_run(void)
{
    free(run.exchange);
    free(run.before);
    free(run.events);
}

/* ---- What is listed ---- */

static uint32_t list_of(struct item *items, const struct tn_exchange *exchange)
{
    static uint8_t record[65536];
    size_t size = tn_exchange_record(exchange, record, sizeof record, TN_RECORD_MARKET, 0);
    assert_true(size > LIST_COUNT_AT + 4);
    const uint32_t count = (uint32_t)tn_get_be(record + LIST_COUNT_AT, 4);
    const uint32_t chunks = (count + LISTED_CHUNK_ITEMS - 1) / LISTED_CHUNK_ITEMS;
    const uint32_t first = tn_exchange_records_count(exchange, TN_RECORD_MARKET) - chunks;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *at = record + i % LISTED_CHUNK_ITEMS * LISTED_SIZE;
        if (i % LISTED_CHUNK_ITEMS == 0) {
            tn_exchange_record(exchange, record, sizeof record, TN_RECORD_MARKET,
                               first + i / LISTED_CHUNK_ITEMS);
        }
        items[i] = (struct item){.account = (uint32_t)tn_get_be(at, 4),
                                 .mm = (int64_t)tn_get_be(at + 4, 8),
                                 .requirement = (int64_t)tn_get_be(at + 12, 8)};
    }
    return count;
}

/* risk.md: lower MM / R first, then higher R, then lower account. All R here are above 0. */
static bool comes_first(const struct item *a, const struct item *b)
{
    const tn_i128 one = (tn_i128)a->mm * b->requirement, other = (tn_i128)b->mm * a->requirement;
    if (one != other) return one < other;
    if (a->requirement != b->requirement) return a->requirement > b->requirement;
    return a->account < b->account;
}

static void sort_naively(struct item *items, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        const struct item item = items[i];
        uint32_t at = i;
        for (; at > 0 && comes_first(&item, &items[at - 1]); at--)
            items[at] = items[at - 1];
        items[at] = item;
    }
}

static void expect_list(const struct item *items, uint32_t count)
{
    static struct item told[ACCOUNTS];
    assert_int_equal(list_of(told, run.exchange), count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(told[i].account, items[i].account);
        assert_true(told[i].mm == items[i].mm && told[i].requirement == items[i].requirement);
    }
}

/* Some act before the sweep comes to them, and are judged out of turn. */
static void act_early(void)
{
    const struct tn_command nothing = {.kind = 255};
    for (uint32_t i = 0; i < 300; i++) {
        const uint32_t account = (uint32_t)tn_random_below(&run.random, TRADERS);
        command(account, &nothing);
    }
}

/* The rest of the sweep but the accounts that have no positions. */
static void sweep_traders(struct item *items, uint32_t swept)
{
    act_early();
    for (uint32_t units; swept < TRADERS; swept += units) {
        units = TRADERS - swept < UNITS ? TRADERS - swept : UNITS;
        sweep(units);
    }
    assert_true(is_sweeping());
    assert_int_equal(list_of(items, run.exchange), FAILING);
}

static void restore(void)
{
    struct tn_exchange *copy = records_restore(run.exchange, &run.limits, run.height);
    assert_non_null(copy);
    free(run.exchange);
    run.exchange = copy;
}

static void test_the_liquidation_list_is_sorted_as_by_a_naive_sort_when_the_sweep_ends(void **state)
{
    (void)state;
    static struct item items[ACCOUNTS];
    open_run();
    sweep_traders(items, 0);
    bool is_sorted = true, has_ties = false;
    for (uint32_t i = 1; i < FAILING; i++)
        is_sorted &= comes_first(&items[i - 1], &items[i]);
    assert_false(is_sorted); /* they stand as they came */
    tn_exchange_check(run.exchange);
    sweep(UNITS);
    assert_false(is_sweeping());
    sort_naively(items, FAILING);
    for (uint32_t i = 1; i < FAILING; i++) {
        has_ties |=
            items[i - 1].mm == items[i].mm && items[i - 1].requirement == items[i].requirement;
        assert_true(items[i].requirement > 0);
    }
    assert_true(has_ties);
    expect_list(items, FAILING);
    tn_exchange_check(run.exchange);
    close_run();
}

static void test_a_sweep_that_is_restored_in_its_midst_ends_with_the_same_list(void **state)
{
    (void)state;
    static struct item items[ACCOUNTS];
    open_run();
    sweep(3000);
    restore();
    sweep_traders(items, 3000);
    restore();
    sweep(UNITS);
    sort_naively(items, FAILING);
    expect_list(items, FAILING);
    restore();
    expect_list(items, FAILING);
    mark_at(risk_market_spot(RISK_BTC) * 65 / 100);
    assert_int_equal(list_of(items, run.exchange), 0);
    sweep(UNITS);
    tn_exchange_check(run.exchange);
    close_run();
}

/* ---- LIQ ---- */

/* Somebody rich who buys all that is sold into the book. */
static void bid_for_everything(void)
{
    struct tn_series_view view;
    struct tn_command what = {.kind = TN_COMMAND_PLACE};
    apply_passing((struct tn_entry){
        .kind = TN_ENTRY_DEPOSIT,
        .as.deposit = {.account = TRADERS, .amount = INT64_C(100000000) * RISK_DOLLAR}});
    assert_true(tn_exchange_series(run.exchange, &view, perpetual()));
    what.as.terms[0] = (struct tn_order_terms){.series_id = perpetual(),
                                               .price = view.mark_micros / view.micros_per_tick,
                                               .quantity = 1000,
                                               .fee_max_ppm = 10000,
                                               .side = TN_BUY};
    for (uint32_t i = 0; i < 4; i++) {
        command(TRADERS, &what);
        assert_int_equal(run.events[run.count - 1].reject, TN_REJECT_NONE);
    }
}

/* The rank of an account in the list, from a rank on. */
static uint32_t rank_from(const struct item *items, uint32_t from, uint32_t account)
{
    while (from < FAILING && items[from].account != account)
        from++;
    assert_true(from < FAILING);
    return from;
}

static void test_liquidations_go_by_the_list_and_go_on_alike_where_they_are_restored(void **state)
{
    (void)state;
    static struct item items[ACCOUNTS];
    struct tn_risk_view view;
    uint32_t rank = 0, slices = 0, entries = 0;
    open_run();
    sweep_traders(items, 0);
    sweep(UNITS);
    sort_naively(items, FAILING);
    bid_for_everything();
    do {
        if (entries++ % 40 == 37) restore();
        apply((struct tn_entry){.kind = TN_ENTRY_LIQ, .as.liq.units = 30});
        for (uint32_t i = 0; i < run.count; i++) {
            if (run.events[i].kind != TN_EVENT_SLICE) continue;
            rank = rank_from(items, rank, run.events[i].account);
            slices++;
        }
        assert_true(tn_exchange_risk(run.exchange, &view));
        assert_true(view.liquidations_left <= FAILING - rank);
    } while (view.liquidations_left > 0);
    assert_true(slices > 200);
    expect_list(items, FAILING); /* as of the sweep */
    close_run();
}

/* ---- The work of a slice ---- */

/* Lines of the exchange's memory that an entry has written. */
static uint32_t lines_written(void)
{
    const unsigned char *now = (const unsigned char *)run.exchange;
    uint32_t count = 0;
    for (size_t at = 0; at < run.size; at += LINE)
        count += memcmp(now + at, run.before + at, LINE) != 0;
    return count;
}

/* An account costs some lines of its own, and joining the list some of the order's; the list's
 * records are told by a line of marks for 32 768 accounts. */
static void test_the_last_slice_of_a_sweep_works_for_its_own_accounts_however_many_fail(
    void **state)
{
    (void)state;
    enum { LINES_OF_ACCOUNT = 24, LINES_BESIDE = 64 };
    uint32_t accounts = 0;
    open_run();
    while (is_sweeping()) {
        const uint32_t left = ACCOUNTS - accounts, judged = left < UNITS ? left : UNITS;
        memcpy(run.before, run.exchange, run.size);
        sweep(UNITS);
        assert_in_range(lines_written(), judged, LINES_OF_ACCOUNT * judged + LINES_BESIDE);
        accounts += judged;
        assert_true(is_sweeping() == (accounts < ACCOUNTS));
    }
    static struct item items[ACCOUNTS];
    assert_int_equal(list_of(items, run.exchange), FAILING);
    close_run();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_the_liquidation_list_is_sorted_as_by_a_naive_sort_when_the_sweep_ends),
        cmocka_unit_test(test_a_sweep_that_is_restored_in_its_midst_ends_with_the_same_list),
        cmocka_unit_test(test_liquidations_go_by_the_list_and_go_on_alike_where_they_are_restored),
        cmocka_unit_test(
            test_the_last_slice_of_a_sweep_works_for_its_own_accounts_however_many_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
