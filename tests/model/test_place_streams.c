/* Places in the queue of deleveraging, asked for on random streams as clients' questions do: at
 * blocks some entries apart, for any account. What is told must be what a count by pairs says of
 * the block that is told with it. TENOR_SEED=n begins with that very stream. */
#include "cluster/places.h"
#include "risk_stream.h"
#include "seed.h"

#include "tenor/stateview.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum {
    ACCOUNTS_MAX = 800,
    CROWD = 700, /* accounts that hold one series */
    KNOWN_MAX = 4096,
    BLOCKS = 64,
    ENTRIES_A_BLOCK = 24,
    BLOCK_MS = 240,
};

/* A position and its place after a block, by pairs. */
struct known {
    uint64_t series_id;
    uint32_t account, place, holders;
    bool is_short;
};

static struct run {
    struct tn_exchange *exchange;
    struct tn_event *events;
    uint32_t events_max;
    struct risk_stream stream;
    struct places *places;
    struct places_at at;
    struct known known[BLOCKS][KNOWN_MAX];
    uint32_t counts[BLOCKS];
} run;

static void apply(const struct tn_entry *entry)
{
    tn_exchange_apply(run.exchange, run.events, run.events_max, entry);
}

static void entries(uint32_t count)
{
    for (uint32_t i = 0; i < count || !run.stream.ready; i++) {
        struct tn_entry entry;
        risk_stream_next(&run.stream, &entry);
        apply(&entry);
    }
}

static void open_run(uint64_t seed, uint32_t work)
{
    struct tn_exchange_limits limits;
    memset(&run, 0, sizeof run);
    risk_stream_limits(&limits);
    limits.accounts_max = ACCOUNTS_MAX;
    limits.exposures_max = 4000;
    limits.results_max = 20000;
    const size_t size = tn_align(tn_exchange_size(&limits));
    void *memory = aligned_alloc(64, size);
    run.events_max = tn_exchange_events_max(&limits);
    run.events = calloc(run.events_max, sizeof run.events[0]);
    run.places = places_make(work);
    if (memory == NULL || run.events == NULL || run.places == NULL) abort();
    memset(memory, 0, size);
    run.exchange = tn_exchange_init(memory, &limits);
    risk_stream_start(&run.stream, run.exchange, seed * RISK_THEMES + RISK_USUAL);
    run.at = (struct places_at){.exchange = run.exchange, .market = 1};
    entries(400);
}

static void close_run(void)
{
    places_free(run.places);
    free(run.exchange);
    free(run.events);
}

/* ---- What is so --------------------------------------------------------------------------------
 */

static void know(struct known *known, const struct tn_holder *holders, uint32_t count, uint32_t one)
{
    known->account = holders[one].account;
    known->is_short = holders[one].is_short;
    known->place = 1;
    known->holders = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct tn_holder *other = &holders[i], *own = &holders[one];
        if (other->is_short != own->is_short) continue;
        known->holders++;
        known->place +=
            other->rank > own->rank || (other->rank == own->rank && other->account < own->account);
    }
}

/* The next block comes: all positions as they are now are noted for it. */
static void pass_block(void)
{
    run.at.height++;
    run.at.time_ms += BLOCK_MS;
    struct known *list = run.known[run.at.height % BLOCKS];
    uint32_t *known = &run.counts[run.at.height % BLOCKS];
    *known = 0;
    for (uint32_t i = 0; i < tn_exchange_slots_count(run.exchange); i++) {
        static struct tn_holder holders[ACCOUNTS_MAX];
        struct tn_listed_view listed;
        uint32_t count;
        tn_exchange_listed_at(run.exchange, &listed, i);
        tn_exchange_holders(run.exchange, holders, &count, ACCOUNTS_MAX, listed.id);
        for (uint32_t k = 0; k < count; k++) {
            assert_true(*known < KNOWN_MAX);
            list[*known].series_id = listed.id;
            know(&list[(*known)++], holders, count, k);
        }
    }
}

static const struct known *known_at(uint64_t block, uint32_t account, uint64_t series_id)
{
    for (uint32_t i = 0; i < run.counts[block % BLOCKS]; i++) {
        const struct known *known = &run.known[block % BLOCKS][i];
        if (known->account == account && known->series_id == series_id) return known;
    }
    return NULL;
}

/* ---- What is told ------------------------------------------------------------------------------
 */

static struct place ask(uint32_t account, uint64_t series_id, bool is_short)
{
    struct place place;
    places_find(run.places, &place, &run.at, account, series_id, is_short);
    if (place.place == 0) {
        assert_int_equal(place.holders, 0);
        assert_true(place.block == 0);
        return place;
    }
    assert_true(place.block <= run.at.height && place.block + BLOCKS > run.at.height);
    const struct known *known = known_at(place.block, account, series_id);
    assert_non_null(known);
    assert_int_equal(known->is_short, is_short);
    assert_int_equal(place.place, known->place);
    assert_int_equal(place.holders, known->holders);
    return place;
}

static void test_places_are_those_of_the_block_that_is_told_with_them(void **state)
{
    (void)state;
    uint64_t fresh = 0, kept = 0, absent = 0;
    open_run(test_seed("test_place_streams"), PLACES_WORK);
    for (uint32_t i = 0; i < 400; i++) {
        entries(ENTRIES_A_BLOCK);
        pass_block();
        const struct known *list = run.known[run.at.height % BLOCKS];
        const uint32_t count = run.counts[run.at.height % BLOCKS];
        for (uint32_t k = 0; k < count; k += 1 + (uint32_t)risk_below(&run.stream, 5)) {
            const struct place place = ask(list[k].account, list[k].series_id, list[k].is_short);
            assert_int_not_equal(place.place, 0);
            assert_true((run.at.height - place.block) * BLOCK_MS < PLACES_AGE_MS);
            fresh += place.block == run.at.height;
            kept += place.block < run.at.height;
            const struct place other = ask(list[k].account, list[k].series_id, !list[k].is_short);
            absent += other.place == 0; /* nobody stands on both sides, but some change sides */
        }
    }
    assert_true(fresh > 100 && kept > 100 && absent > 100);
    close_run();
}

/* One buys of the other, or sells to it, near the mark; false: not now. */
static bool trade(uint32_t account, uint64_t series, uint64_t nonce)
{
    struct tn_series_view view;
    struct tn_command command = {.kind = TN_COMMAND_BLOCK_TRADE};
    assert_true(tn_exchange_series(run.exchange, &view, series));
    command.as.block_trade = (struct tn_block_trade){.legs_count = 1,
                                                     .counterparty = account + 1,
                                                     .counterparty_nonce = nonce,
                                                     .expires_ms = INT64_MAX,
                                                     .fee_max_ppm = 100000};
    command.as.block_trade.legs[0] = (struct tn_leg){
        .series_id = series,
        .price = view.mark_micros / view.micros_per_tick + risk_between(&run.stream, -20, 20),
        .quantity = risk_between(&run.stream, 200, 300),
        .side = (uint8_t)risk_below(&run.stream, 2)};
    struct tn_entry entry = {.kind = TN_ENTRY_FRAME};
    entry.as.frame.commands = &command;
    entry.as.frame.commands_count = 1;
    entry.as.frame.account = account;
    entry.as.frame.nonce = nonce;
    entry.as.frame.valid_until_block = UINT64_MAX;
    apply(&entry);
    return tn_exchange_position(run.exchange, account, series).quantity != 0;
}

/* A perpetual that hundreds hold, at prices and with cash of their own. */
static uint64_t gather_crowd(void)
{
    const uint64_t perpetual = risk_market_series(1, TN_PERPETUAL, 0, 0);
    const uint32_t first = tn_exchange_accounts_count(run.exchange);
    for (uint32_t i = 0; i < CROWD; i++) {
        struct tn_entry entry = {.kind = TN_ENTRY_ACCOUNT};
        entry.as.account.owner[0] = (uint8_t)(100 + i % 100);
        entry.as.account.owner[1] = (uint8_t)(i / 100);
        apply(&entry);
        entry = (struct tn_entry){.kind = TN_ENTRY_DEPOSIT};
        entry.as.deposit.account = first + i;
        entry.as.deposit.amount = risk_between(&run.stream, 1000000, 20000000) * 1000000;
        apply(&entry);
    }
    assert_int_equal(tn_exchange_accounts_count(run.exchange), first + CROWD);
    for (uint32_t i = 0; i < CROWD; i += 2) {
        for (uint64_t nonce = 1; nonce < 10 && !trade(first + i, perpetual, nonce); nonce++)
            entries(2);
    }
    return perpetual;
}

static void test_a_crowd_is_put_in_order_whole(void **state)
{
    (void)state;
    open_run(test_seed("test_place_streams"), PLACES_WORK);
    const uint64_t series = gather_crowd();
    uint32_t told = 0, gaining = 0;
    for (uint32_t i = 0; i < 4; i++) {
        entries(1000);
        pass_block();
        for (uint32_t account = 0; account < ACCOUNTS_MAX; account++) {
            const struct known *known = known_at(run.at.height, account, series);
            int64_t rank;
            if (known == NULL) continue;
            assert_true(tn_exchange_rank(run.exchange, &rank, account, series));
            gaining += rank > 0;
            assert_int_not_equal(ask(account, series, known->is_short).place, 0);
            told++;
        }
    }
    assert_true(told > 500 && gaining > 100);
    close_run();
}

/* With work for two or three series a block, and all of them asked for after each. */
static void test_work_after_a_block_has_an_end_and_everybody_is_told_by_and_by(void **state)
{
    (void)state;
    enum { WORK = 60, ROUNDS = 60 };
    uint64_t last[KNOWN_MAX] = {0};
    open_run(test_seed("test_place_streams"), WORK);
    entries(3000);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        pass_block();
        const struct known *list = run.known[run.at.height % BLOCKS];
        const uint32_t count = run.counts[run.at.height % BLOCKS];
        uint32_t holders = 0;
        uint64_t before = 0;
        for (uint32_t k = 0; k < count; k++) {
            const struct known *one = &list[k];
            const struct place place = ask(one->account, one->series_id, one->is_short);
            const bool is_now = place.block == run.at.height && one->series_id != before;
            for (uint32_t n = 0; n < count && is_now; n++)
                holders += list[n].series_id == one->series_id;
            before = one->series_id;
            if (place.place != 0) last[k] = place.block;
        }
        assert_true(holders <= WORK);
    }
    for (uint32_t k = 0; k < run.counts[run.at.height % BLOCKS]; k++)
        assert_true(last[k] > 0);
    close_run();
}

/* More series than are remembered: the first ones are forgotten, and counted anew. */
static void test_what_was_forgotten_is_counted_again(void **state)
{
    (void)state;
    open_run(test_seed("test_place_streams"), PLACES_WORK);
    entries(3000);
    pass_block();
    const uint64_t block = run.at.height;
    const struct known one = run.known[block % BLOCKS][0];
    for (uint32_t i = 0; i < 3 * PLACES_SERIES; i++) {
        run.at.market = 1 + i % PLACES_SERIES;
        if (i % 100 == 0) pass_block();
        if (i < PLACES_SERIES || i > 2 * PLACES_SERIES) {
            assert_int_equal(ask(one.account, one.series_id, one.is_short).place, one.place);
        }
    }
    close_run();
}

/* Places of blocks that were taken back are not told. */
static void test_a_height_that_goes_back_makes_counts_anew(void **state)
{
    (void)state;
    open_run(test_seed("test_place_streams"), PLACES_WORK);
    entries(3000);
    run.at.height = 1000;
    run.at.time_ms = 100000;
    pass_block();
    const struct known one = run.known[run.at.height % BLOCKS][0];
    assert_true(ask(one.account, one.series_id, one.is_short).block == 1001);
    run.at.height = 500;
    run.at.time_ms = 50000;
    pass_block();
    assert_true(ask(one.account, one.series_id, one.is_short).block == 501);
    close_run();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places_are_those_of_the_block_that_is_told_with_them),
        cmocka_unit_test(test_a_crowd_is_put_in_order_whole),
        cmocka_unit_test(test_work_after_a_block_has_an_end_and_everybody_is_told_by_and_by),
        cmocka_unit_test(test_what_was_forgotten_is_counted_again),
        cmocka_unit_test(test_a_height_that_goes_back_makes_counts_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
