/* exchange_case: a small market to tell stories in.
 *
 * One market is open at a time. It trades options, a dated future and a perpetual on BTC: one tick
 * on one lot is 10 000 micros everywhere; options are marked at 1 000 ticks with a band of 500 to
 * 1 500, the future and the perpetual at 100 000 ticks with a band of 99 000 to 101 000. Fees are
 * zero until a test sets them. Alice has two accounts; everyone starts with a million dollars.
 *
 * Every entry goes to two exchanges that differ in nothing but hash_seed: their events must be
 * equal as bytes and their digests equal, and every invariant is checked after each. A refused
 * command is given to the first, an unknown one under the same nonce to the second: as the digests
 * must be equal then too, a refusal is known to leave nothing behind but its nonce. A copy of the
 * first one's records that follows the marks of touched ones must be exact after each, too. */
#ifndef EXCHANGE_CASE_H
#define EXCHANGE_CASE_H

#include <stdio.h>
#include <stdlib.h>

#include "exchange_entries.h"
#include "touched_copy.h"

#define ORDERS_KNOWN 16384
struct known_order {
    uint64_t series;
    uint32_t account;
    uint8_t side;
};

static struct market {
    struct tn_exchange *exchange, *shadow;
    struct tn_exchange_limits limits;
    struct tn_event *events, *shadow_events;
    uint32_t events_max, count; /* count: events of the last entry */
    uint64_t nonces[TRADERS];
    uint64_t height;
    int64_t time_ms;
    uint16_t day; /* of the options and the future: 2026-12-25 */
    uint64_t call, put, call_high, future, perp;
    struct known_order *orders; /* by order id, as far as events have told */
    struct touched_copy copy;
} market;

/* Of the exchange and its shadow. */
static uint64_t market_seeds[2] = {1, UINT64_C(0xD1CE0F5EED)};

static inline struct tn_exchange *exchange_of(const struct tn_exchange_limits *limits,
                                              uint64_t hash_seed)
{
    struct tn_exchange_limits seeded = *limits;
    seeded.hash_seed = hash_seed;
    size_t size = tn_exchange_size(&seeded);
    assert_true(size > 0);
    size = (size + 63) & ~(size_t)63;
    void *memory = aligned_alloc(64, size);
    assert_non_null(memory);
    memset(memory, 0, size);
    return tn_exchange_init(memory, &seeded);
}

/* ---- Entries ---- */

/* All events about one order name the same account, series and side. */
static inline void expect_same_order(uint64_t id, uint32_t account, uint64_t series, uint8_t side)
{
    if (id == 0) return;
    assert_true(id < ORDERS_KNOWN);
    struct known_order *order = &market.orders[id];
    if (order->series == 0) {
        *order = (struct known_order){.series = series, .account = account, .side = side};
    }
    assert_int_equal(order->series, series);
    assert_int_equal(order->account, account);
    assert_int_equal(order->side, side);
}

static inline void expect_consistent_orders(void)
{
    for (uint32_t i = 0; i < market.count; i++) {
        const struct tn_event *event = &market.events[i];
        if (event->kind < TN_EVENT_ACCEPTED || event->kind > TN_EVENT_QUOTED) continue;
        expect_same_order(event->order_id, event->account, event->series_id, event->side);
        if (event->kind == TN_EVENT_TRADE) {
            expect_same_order(event->other_order_id, event->other_account, event->series_id,
                              event->side == TN_BUY ? TN_SELL : TN_BUY);
        }
    }
}

static inline void expect_equal_states(void)
{
    tn_exchange_check(market.exchange);
    assert_true(tn_exchange_digest(market.exchange) == tn_exchange_digest(market.shadow));
    assert_true(touched_copy_keeps_up(&market.copy));
}

static inline void apply(struct tn_entry entry)
{
    market.count = tn_exchange_apply(market.exchange, market.events, market.events_max, &entry);
    uint32_t shadow_count =
        tn_exchange_apply(market.shadow, market.shadow_events, market.events_max, &entry);
    assert_int_equal(market.count, shadow_count);
    assert_memory_equal(market.events, market.shadow_events,
                        market.count * sizeof market.events[0]);
    expect_consistent_orders();
    expect_equal_states();
}

static inline const struct tn_event *last_event(void)
{
    assert_true(market.count > 0);
    return &market.events[market.count - 1];
}

static inline void expect_reject(enum tn_reject reject)
{
    const struct tn_event *result = last_event();
    assert_int_equal(result->kind, TN_EVENT_RESULT);
    if (result->reject != reject) {
        print_error("expected %s, got %s\n", tn_reject_name(reject),
                    tn_reject_name((enum tn_reject)result->reject));
    }
    assert_int_equal(result->reject, reject);
}

/* An entry other than a frame that must pass: BLOCK, MARKS and INDEX then say nothing (but a BLOCK
 * where margin is on tells of its MARK). */
static inline void apply_passing(struct tn_entry entry)
{
    apply(entry);
    if (entry.kind == TN_ENTRY_BLOCK && market.limits.expiries_max > 0) return;
    bool quiet = entry.kind == TN_ENTRY_BLOCK || entry.kind == TN_ENTRY_MARKS ||
                 entry.kind == TN_ENTRY_INDEX;
    if (quiet) {
        assert_int_equal(market.count, 0);
    } else if (entry.kind != TN_ENTRY_SWEEP) {
        expect_reject(TN_REJECT_NONE);
    }
}

static inline void refuse_entry(struct tn_entry entry, enum tn_reject reject)
{
    uint64_t before = tn_exchange_digest(market.exchange);
    apply(entry);
    assert_int_equal(market.count, 1);
    expect_reject(reject);
    assert_int_equal(last_event()->account, TN_NONE);
    assert_true(tn_exchange_digest(market.exchange) == before);
}

static inline void advance(uint64_t blocks, int64_t ms)
{
    market.height += blocks;
    market.time_ms += ms;
    apply_passing(block_entry(market.height, market.time_ms));
}

static inline void sweep(uint32_t units)
{
    apply((struct tn_entry){.kind = TN_ENTRY_SWEEP, .as.sweep.units = units});
}

static inline void set_mark(uint64_t series, tn_ticks ticks)
{
    struct tn_mark mark = usual_mark(series, ticks * TICK);
    apply_passing(marks_entry(&mark, 1));
}

static inline void set_status(uint64_t series, enum tn_status status)
{
    apply_passing(status_entry(series, (uint8_t)status));
}

static inline void set_fees(int32_t maker_ppm, int32_t taker_ppm, int32_t premium_cap_ppm)
{
    struct tn_fees fees = {maker_ppm, taker_ppm, premium_cap_ppm};
    struct tn_fees linear = {maker_ppm, taker_ppm, 0};
    apply_passing(fees_entry(fees, linear));
}

/* ---- Frames ---- */

/* One command in a frame of its own, whatever becomes of it. */
static inline const struct tn_event *send(uint32_t account, struct tn_command command)
{
    apply(frame_entry(account, ++market.nonces[account], &command, 1));
    return last_event();
}

/* A command that must pass. */
static inline const struct tn_event *pass(uint32_t account, struct tn_command command)
{
    const struct tn_event *result = send(account, command);
    expect_reject(TN_REJECT_NONE);
    return result;
}

/* An order that must be accepted; returns its id. */
static inline uint64_t place(uint32_t account, struct tn_command command)
{
    return pass(account, command)->order_id;
}

/* A command, without a client id, that must be refused and leave nothing but its nonce. */
static inline void refuse(uint32_t account, struct tn_command command, enum tn_reject reject)
{
    struct tn_command unknown = {.kind = 255};
    uint64_t nonce = ++market.nonces[account];
    struct tn_entry entry = frame_entry(account, nonce, &command, 1);
    struct tn_entry shadow = frame_entry(account, nonce, &unknown, 1);
    assert_int_equal(command.client_id, 0);
    market.count = tn_exchange_apply(market.exchange, market.events, market.events_max, &entry);
    tn_exchange_apply(market.shadow, market.shadow_events, market.events_max, &shadow);
    expect_reject(reject);
    assert_int_equal(market.count, 1);
    const struct tn_event *result = last_event();
    assert_int_equal(result->order_id, 0);
    assert_int_equal(result->quantity, 0);
    assert_int_equal(result->remaining, 0);
    expect_equal_states();
}

/* ---- Views ---- */

static inline struct tn_account_view account_view(uint32_t account)
{
    struct tn_account_view view;
    assert_true(tn_exchange_account(market.exchange, &view, account));
    return view;
}

static inline tn_micros cash_of(uint32_t account)
{
    return account_view(account).cash;
}

/* What an account won or paid since the market opened. */
static inline tn_micros gain_of(uint32_t account)
{
    return cash_of(account) - START_CASH;
}

static inline tn_micros house_of(enum tn_house house)
{
    return tn_ledger_cash(tn_exchange_ledger(market.exchange), TN_PARTY_HOUSE(house));
}

static inline tn_lots lots_of(uint32_t account, uint64_t series)
{
    return tn_exchange_position(market.exchange, account, series).quantity;
}

static inline struct tn_series_view series_view(uint64_t series)
{
    struct tn_series_view view;
    assert_true(tn_exchange_series(market.exchange, &view, series));
    return view;
}

/* ---- The market ---- */

static inline void open_series(uint64_t series)
{
    apply_passing(list_entry(series));
    set_mark(series, tn_series_is_option(series) ? 1000 : 100000);
    set_status(series, TN_STATUS_ACTIVE);
}

static inline void open_traders(uint32_t count)
{
    const uint8_t owners[TRADERS] = {1, 1, 2, 3, 4};
    for (uint32_t i = 0; i < count; i++) {
        apply_passing(account_entry(owners[i]));
        apply_passing(deposit_entry(i, 0, START_CASH));
    }
}

static inline void open_market_bare(struct tn_exchange_limits limits)
{
    market = (struct market){.limits = limits, .day = 2550};
    market.exchange = exchange_of(&limits, market_seeds[0]);
    touched_copy_open(&market.copy, market.exchange, &limits);
    market.shadow = exchange_of(&limits, market_seeds[1]);
    market.events_max = tn_exchange_events_max(&limits);
    market.events = calloc(market.events_max, sizeof market.events[0]);
    market.shadow_events = calloc(market.events_max, sizeof market.events[0]);
    market.orders = calloc(ORDERS_KNOWN, sizeof market.orders[0]);
    assert_true(market.events != NULL && market.shadow_events != NULL && market.orders != NULL);
    market.call = option_of(TN_CALL, market.day, 100000);
    market.put = option_of(TN_PUT, market.day, 100000);
    market.call_high = option_of(TN_CALL, market.day, 120000);
    market.future = option_of(TN_CALL, market.day, 1) & ~(TN_STRIKE_MAX | UINT64_C(3) << 51);
    market.future |= (uint64_t)TN_FUTURE << 51;
    market.perp = UINT64_C(1) << 53;
    market.time_ms = START_MS;
    advance(1, 0);
}

static inline void open_market_with(struct tn_exchange_limits limits,
                                    struct tn_underlying underlying)
{
    open_market_bare(limits);
    apply_passing((struct tn_entry){.kind = TN_ENTRY_UNDERLYING, .as.underlying = underlying});
    apply_passing(index_entry(1, 100000 * DOLLAR));
    const uint64_t series[] = {market.call, market.put, market.call_high, market.future,
                               market.perp};
    for (size_t i = 0; i < sizeof series / sizeof series[0]; i++)
        open_series(series[i]);
    open_traders(TRADERS);
}

static inline int open_market(void **state)
{
    (void)state;
    open_market_with(usual_limits(), usual_underlying());
    return 0;
}

static inline int close_market(void **state)
{
    (void)state;
    touched_copy_close(&market.copy);
    free(market.exchange);
    free(market.shadow);
    free(market.events);
    free(market.shadow_events);
    free(market.orders);
    market = (struct market){0};
    return 0;
}

/* A test that starts in the usual market. */
#define STORY(test) cmocka_unit_test_setup_teardown(test, open_market, close_market)
/* A test that opens a market of its own. */
#define OWN_STORY(test) cmocka_unit_test_teardown(test, close_market)

#endif
