/* Lists of the market that are longer than a record: queues of more series than a chunk holds, more
 * unfinished mass cancels, and slots of series that are used again. And the limits, as whoever
 * restores a market reads them before there is an exchange. */
#include "records_copy.h"
#include "risk_market.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SERIES = 1100, ACCOUNTS = 150, ORDERS_EACH = 3, QUEUE_CHUNK_ITEMS = 512, JOBS_MAX = 200 };

#define START_MS INT64_C(1780000000000)

struct market {
    struct tn_exchange_limits limits;
    struct tn_exchange *exchange;
    struct tn_event *events;
    uint32_t events_max, events_count;
    uint16_t day;
};

static void apply(struct market *market, const struct tn_entry *entry)
{
    market->events_count =
        tn_exchange_apply(market->exchange, market->events, market->events_max, entry);
    uint32_t last = market->events_count - 1;
    if (market->events_count > 0 && market->events[last].kind == TN_EVENT_RESULT) {
        assert_int_equal(market->events[last].reject, TN_REJECT_NONE);
    }
}

static uint64_t series_of(const struct market *market, uint32_t i)
{
    return risk_market_series(RISK_BTC, i % 2 == 0 ? TN_CALL : TN_PUT, market->day, 1000 + i / 2);
}

static void open_market(struct market *market)
{
    *market = (struct market){.day = risk_market_next_day(START_MS)};
    tn_exchange_limits_default(&market->limits);
    market->limits.series_max = SERIES;
    market->limits.accounts_max = ACCOUNTS;
    market->limits.jobs_max = JOBS_MAX;
    market->limits.cancels_max = 1;
    market->limits.orders_max = market->limits.levels_max = 4096;
    market->limits.results_max = 4096;
    market->limits.exposures_max = 4096;
    size_t size = tn_align(tn_exchange_size(&market->limits));
    void *memory = aligned_alloc(64, size);
    market->events_max = tn_exchange_events_max(&market->limits);
    market->events = malloc(market->events_max * sizeof(struct tn_event));
    TN_ASSERT(memory != NULL && market->events != NULL);
    memset(memory, 0, size);
    market->exchange = tn_exchange_init(memory, &market->limits);
    apply(market, &(struct tn_entry){.kind = TN_ENTRY_BLOCK, .as.block = {1, START_MS}});
    apply(market, &(struct tn_entry){.kind = TN_ENTRY_UNDERLYING,
                                     .as.underlying = risk_market_underlying(RISK_BTC)});
    for (uint32_t i = 0; i < SERIES; i++) {
        apply(market, &(struct tn_entry){.kind = TN_ENTRY_LIST, .as.list = {series_of(market, i)}});
    }
}

static void close_market(struct market *market)
{
    free(market->exchange);
    free(market->events);
}

/* Restores the market into itself: what comes after is asked of what was read back. */
static void restore(struct market *market)
{
    struct tn_exchange *restored = records_restore(market->exchange, &market->limits, 99);
    assert_non_null(restored);
    free(market->exchange);
    market->exchange = restored;
}

static size_t record_size(const struct market *market, uint32_t index)
{
    uint8_t out[4096];
    return tn_exchange_record(market->exchange, out, sizeof out, TN_RECORD_MARKET, index);
}

/* The records of MARKET that are full chunks of a queue. */
static uint32_t full_chunks(const struct market *market)
{
    uint32_t full = 0;
    uint32_t count = tn_exchange_records_count(market->exchange, TN_RECORD_MARKET);
    for (uint32_t i = 0; i < count; i++)
        full += record_size(market, i) == QUEUE_CHUNK_ITEMS * sizeof(uint32_t);
    return full;
}

/* The series that a LIST entry has just put into a slot that was used before. */
static uint32_t slot_of(const struct market *market, uint64_t id)
{
    for (uint32_t slot = 0; slot < SERIES; slot++) {
        uint8_t out[256] = {0};
        uint64_t found = 0;
        tn_exchange_record(market->exchange, out, sizeof out, TN_RECORD_SERIES, slot);
        for (uint32_t i = 0; i < 8; i++)
            found = found << 8 | out[i];
        if (found == id) return slot;
    }
    return TN_NONE;
}

static void settle_by_hand(struct market *market)
{
    apply(market,
          &(struct tn_entry){.kind = TN_ENTRY_SETTLE,
                             .as.settle = {RISK_BTC, market->day, risk_market_spot(RISK_BTC)}});
}

static void settle(struct market *market)
{
    int64_t over_ms = START_MS + risk_market_left_ms(market->day, START_MS);
    apply(market, &(struct tn_entry){.kind = TN_ENTRY_BLOCK, .as.block = {2, over_ms}});
    settle_by_hand(market);
}

static void test_records_keep_queues_longer_than_one_chunk_in_order(void **state)
{
    (void)state;
    struct market market;
    open_market(&market);
    settle(&market);
    assert_int_equal(full_chunks(&market), SERIES / QUEUE_CHUNK_ITEMS); /* settlements */
    restore(&market);
    assert_int_equal(full_chunks(&market), SERIES / QUEUE_CHUNK_ITEMS);
    apply(&market, &(struct tn_entry){.kind = TN_ENTRY_SWEEP, .as.sweep = {8192}});
    assert_int_equal(full_chunks(&market), SERIES / QUEUE_CHUNK_ITEMS); /* settled */
    restore(&market);
    close_market(&market);
}

static void test_records_keep_the_order_in_which_slots_are_used_again(void **state)
{
    (void)state;
    struct market market;
    open_market(&market);
    settle(&market);
    apply(&market, &(struct tn_entry){.kind = TN_ENTRY_SWEEP, .as.sweep = {8192}});
    restore(&market);
    market.day++;
    for (uint32_t i = 0; i < 600; i++) {
        uint64_t id = series_of(&market, i);
        apply(&market, &(struct tn_entry){.kind = TN_ENTRY_LIST, .as.list = {id}});
        /* Settled by id, so calls first: every second slot, then the puts between. */
        uint32_t expected = i < SERIES / 2 ? 2 * i : 2 * (i - SERIES / 2) + 1;
        if (i % 100 == 0) assert_int_equal(slot_of(&market, id), expected);
        if (i == 300) restore(&market);
    }
    restore(&market);
    close_market(&market);
}

/* ---- Mass cancels ---- */

static void command(struct market *market, uint32_t account, uint64_t nonce,
                    const struct tn_command *what)
{
    apply(market, &(struct tn_entry){.kind = TN_ENTRY_FRAME,
                                     .as.frame = {.commands = what,
                                                  .commands_count = 1,
                                                  .account = account,
                                                  .nonce = nonce,
                                                  .valid_until_block = 100}});
}

static void open_trading(struct market *market)
{
    struct tn_mark mark = {.series_id = series_of(market, 0),
                           .mark_micros = 1000 * RISK_DOLLAR,
                           .forward_micros = risk_market_spot(RISK_BTC),
                           .delta_ppb = 500000000};
    apply(market, &(struct tn_entry){.kind = TN_ENTRY_INDEX,
                                     .as.index = {RISK_BTC, risk_market_spot(RISK_BTC)}});
    apply(market, &(struct tn_entry){.kind = TN_ENTRY_MARKS, .as.marks = {&mark, 1}});
    apply(market, &(struct tn_entry){.kind = TN_ENTRY_STATUS,
                                     .as.status = {mark.series_id, TN_STATUS_ACTIVE}});
}

/* Each leaves two of its three orders to the sweeps. */
static void begin_mass_cancel(struct market *market, uint32_t account)
{
    struct tn_entry open = {.kind = TN_ENTRY_ACCOUNT};
    memcpy(open.as.account.owner, &account, sizeof account);
    apply(market, &open);
    apply(market, &(struct tn_entry){.kind = TN_ENTRY_DEPOSIT,
                                     .as.deposit = {account, 0, 1000000 * RISK_DOLLAR}});
    struct tn_command place = {.kind = TN_COMMAND_PLACE};
    place.as.terms[0] = (struct tn_order_terms){.series_id = series_of(market, 0),
                                                .price = 100000,
                                                .quantity = 1,
                                                .fee_max_ppm = 10000,
                                                .side = TN_BUY};
    for (uint64_t nonce = 1; nonce <= ORDERS_EACH; nonce++)
        command(market, account, nonce, &place);
    struct tn_command cancel = {.kind = TN_COMMAND_MASS_CANCEL};
    command(market, account, ORDERS_EACH + 1, &cancel);
    assert_int_equal(market->events[market->events_count - 1].remaining, 1); /* unfinished */
}

static void test_records_keep_more_mass_cancels_than_one_chunk(void **state)
{
    (void)state;
    struct market market;
    open_market(&market);
    open_trading(&market);
    for (uint32_t i = 0; i < ACCOUNTS; i++)
        begin_mass_cancel(&market, i);
    restore(&market);
    uint32_t cancelled = 0;
    for (uint32_t i = 0; tn_exchange_work(market.exchange); i++) {
        apply(&market, &(struct tn_entry){.kind = TN_ENTRY_SWEEP, .as.sweep = {50}});
        cancelled += market.events_count;
        if (i % 2 == 0) restore(&market);
    }
    assert_int_equal(cancelled, ACCOUNTS * (ORDERS_EACH - 1));
    close_market(&market);
}

/* ---- The liquidation list ---- */

enum { LISTED = 100, LISTED_CHUNK_ITEMS = 64, LISTED_SIZE = 20, LIST_COUNT_AT = 124 };

static void open_margin_market(struct market *market)
{
    *market = (struct market){.day = 0};
    tn_exchange_limits_default(&market->limits);
    market->limits.accounts_max = ACCOUNTS;
    market->limits.series_max = 16;
    market->limits.orders_max = market->limits.levels_max = 64;
    market->limits.expiries_max = 4;
    size_t size = tn_align(tn_exchange_size(&market->limits));
    void *memory = aligned_alloc(64, size);
    market->events_max = tn_exchange_events_max(&market->limits);
    market->events = malloc(market->events_max * sizeof(struct tn_event));
    TN_ASSERT(memory != NULL && market->events != NULL);
    memset(memory, 0, size);
    market->exchange = tn_exchange_init(memory, &market->limits);
    for (uint32_t i = 0; i < ACCOUNTS; i++) {
        struct tn_entry open = {.kind = TN_ENTRY_ACCOUNT};
        memcpy(open.as.account.owner, &i, sizeof i);
        apply(market, &open);
    }
}

/* Puts a list of accounts 0, 1 … behind the market's other records; the last may be another. */
static void insert_list(struct records_copy *copy, uint32_t index, uint32_t last_account)
{
    uint32_t market_records = 0;
    while (copy->records[market_records].name.kind == TN_RECORD_MARKET)
        market_records++;
    copy->bytes = realloc(copy->bytes, copy->bytes_count + LISTED * LISTED_SIZE);
    copy->records = realloc(copy->records, (copy->records_count + 2) * sizeof *copy->records);
    TN_ASSERT(copy->bytes != NULL && copy->records != NULL);
    memmove(&copy->records[market_records + 2], &copy->records[market_records],
            (copy->records_count - market_records) * sizeof *copy->records);
    copy->records_count += 2;
    size_t at = copy->bytes_count, first_size = LISTED_CHUNK_ITEMS * LISTED_SIZE;
    copy->records[market_records] = (struct record_kept){{TN_RECORD_MARKET, index}, at, first_size};
    copy->records[market_records + 1] = (struct record_kept){
        {TN_RECORD_MARKET, index + 1}, at + first_size, LISTED * LISTED_SIZE - first_size};
    copy->bytes_count += LISTED * LISTED_SIZE;
    for (uint32_t i = 0; i < LISTED; i++) {
        uint8_t *item = &copy->bytes[at + i * LISTED_SIZE];
        memset(item, (int)i, LISTED_SIZE);
        memset(item, 0, 3);
        item[3] = (uint8_t)(i + 1 < LISTED ? i : last_account);
    }
    copy->bytes[copy->records[0].at + LIST_COUNT_AT + 3] = LISTED;
}

static void test_records_keep_a_liquidation_list_longer_than_one_chunk(void **state)
{
    (void)state;
    struct market market;
    struct records_copy copy = {.bytes = NULL}, again = {.bytes = NULL};
    struct tn_import_fault fault;
    open_margin_market(&market);
    records_save(&copy, market.exchange, &market.limits);
    uint32_t count = tn_exchange_records_count(market.exchange, TN_RECORD_MARKET);
    insert_list(&copy, count, LISTED - 1);
    struct tn_exchange *read = records_import(&copy, &fault, 3);
    assert_non_null(read);
    assert_int_equal(tn_exchange_records_count(read, TN_RECORD_MARKET), count + 2);
    records_save(&again, read, &market.limits);
    assert_true(records_equal(&copy, &again));
    records_close(read);
    records_free(&again);
    records_free(&copy);
    close_market(&market);
}

static void test_an_account_listed_for_liquidation_twice_is_refused(void **state)
{
    (void)state;
    struct market market;
    struct records_copy copy = {.bytes = NULL};
    struct tn_import_fault fault;
    open_margin_market(&market);
    records_save(&copy, market.exchange, &market.limits);
    insert_list(&copy, tn_exchange_records_count(market.exchange, TN_RECORD_MARKET), 0);
    assert_null(records_import(&copy, &fault, 3));
    assert_string_equal(fault.what, "An account is to be liquidated twice.");
    records_free(&copy);
    close_market(&market);
}

/* ---- Expiries ---- */

/* Lists a future half an hour before it expires, and reports its feeds; then time passes it by. */
static void pass_an_expiry(struct market *market)
{
    market->day = risk_market_next_day(START_MS);
    int64_t over_ms = START_MS + risk_market_left_ms(market->day, START_MS);
    int64_t now_ms = over_ms - 1800000;
    struct tn_report report = {.signer = 1,
                               .underlying = RISK_BTC,
                               .confidence_ppm = 1000000,
                               .sequence = 1,
                               .time_ms = now_ms,
                               .value = risk_market_spot(RISK_BTC)};
    apply(market, &(struct tn_entry){.kind = TN_ENTRY_BLOCK, .as.block = {1, now_ms}});
    apply(market, &(struct tn_entry){.kind = TN_ENTRY_FEEDER, .as.feeder = {1, 1}});
    apply(market, &(struct tn_entry){.kind = TN_ENTRY_UNDERLYING,
                                     .as.underlying = risk_market_underlying(RISK_BTC)});
    uint64_t id = risk_market_series(RISK_BTC, TN_FUTURE, market->day, 0);
    apply(market, &(struct tn_entry){.kind = TN_ENTRY_LIST, .as.list = {id}});
    report.feed = TN_FEED_SPOT;
    apply(market, &(struct tn_entry){.kind = TN_ENTRY_REPORT, .as.report = report});
    report.feed = TN_FEED_FORWARD;
    report.expiry_day = market->day;
    apply(market, &(struct tn_entry){.kind = TN_ENTRY_REPORT, .as.report = report});
    apply(market, &(struct tn_entry){.kind = TN_ENTRY_BLOCK, .as.block = {2, over_ms}});
}

static void test_records_keep_an_expiry_that_is_over_before_it_has_a_forward(void **state)
{
    (void)state;
    struct market market;
    open_margin_market(&market);
    pass_an_expiry(&market);
    struct tn_expiry_risk_view view;
    assert_true(tn_exchange_expiry_risk(market.exchange, &view, RISK_BTC, market.day));
    assert_true(view.unsettled);
    restore(&market);
    settle_by_hand(&market);
    restore(&market);
    assert_false(tn_exchange_expiry_risk(market.exchange, &view, RISK_BTC, market.day));
    close_market(&market);
}

/* ---- Limits ---- */

static void test_limits_are_read_from_the_head_of_the_market(void **state)
{
    (void)state;
    struct market market;
    open_market(&market);
    uint8_t head[4096];
    size_t size = tn_exchange_record(market.exchange, head, sizeof head, TN_RECORD_MARKET, 0);
    struct tn_exchange_limits read;
    memset(&read, 0xff, sizeof read);
    read.cpu = TN_CPU_BASE;
    read.hash_seed = market.limits.hash_seed;
    assert_true(tn_exchange_record_limits(&read, head, size));
    struct tn_exchange_limits expected = market.limits;
    expected.cpu = TN_CPU_BASE;
    assert_int_equal(tn_exchange_size(&read), tn_exchange_size(&expected));
    assert_int_equal(read.series_max, SERIES);
    assert_int_equal(read.jobs_max, JOBS_MAX);
    assert_int_equal(read.cancels_max, expected.cancels_max);
    assert_int_equal(read.signers_max, expected.signers_max);
    assert_false(tn_exchange_record_limits(&read, head, size - 1));
    size_t other = tn_exchange_record(market.exchange, head, sizeof head, TN_RECORD_MARKET, 1);
    assert_false(tn_exchange_record_limits(&read, head, other));
    close_market(&market);
}

static void test_limits_out_of_range_are_refused(void **state)
{
    (void)state;
    enum { LIMITS_AT = 152, VERSION_AT = 80, LIMITS = 19, EXPIRIES = 17, SIGNERS = 18 };
    struct market market;
    open_market(&market);
    uint8_t head[4096];
    size_t size = tn_exchange_record(market.exchange, head, sizeof head, TN_RECORD_MARKET, 0);
    struct tn_exchange_limits read = market.limits;
    for (uint32_t i = 0; i < LIMITS; i++) {
        if (i == EXPIRIES || i == SIGNERS) continue; /* 0: no margin; unread without */
        uint8_t kept[4], *limit = &head[LIMITS_AT + 4 * i];
        memcpy(kept, limit, sizeof kept);
        memset(limit, 0, sizeof kept);
        assert_false(tn_exchange_record_limits(&read, head, size));
        memset(limit, 0xff, sizeof kept);
        assert_false(tn_exchange_record_limits(&read, head, size));
        memcpy(limit, kept, sizeof kept);
    }
    assert_true(tn_exchange_record_limits(&read, head, size));
    head[VERSION_AT + 3]++;
    assert_false(tn_exchange_record_limits(&read, head, size));
    close_market(&market);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_keep_queues_longer_than_one_chunk_in_order),
        cmocka_unit_test(test_records_keep_the_order_in_which_slots_are_used_again),
        cmocka_unit_test(test_records_keep_more_mass_cancels_than_one_chunk),
        cmocka_unit_test(test_records_keep_a_liquidation_list_longer_than_one_chunk),
        cmocka_unit_test(test_an_account_listed_for_liquidation_twice_is_refused),
        cmocka_unit_test(test_records_keep_an_expiry_that_is_over_before_it_has_a_forward),
        cmocka_unit_test(test_limits_are_read_from_the_head_of_the_market),
        cmocka_unit_test(test_limits_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
