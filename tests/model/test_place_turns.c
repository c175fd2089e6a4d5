/* Places in the queue of deleveraging where there are more exposures than a node goes over after a
 * block: 8 000 accounts, 16 series, and prices that move everybody's rank at every MARK.
 *
 * Blocks are so far apart that each finds all counts too old, so after each of them there is two to
 * three times the work that may be done. What is told must be the place in the block that is told
 * with it, by a formula and a sort that stand here a second time; and every exposure must be
 * counted anew within a number of blocks that is worked out here. TENOR_SEED=n draws other prices,
 * sides and sizes. */
#include "cluster/places.h"
#include "risk_market.h"
#include "seed.h"

#include "tenor/stateview.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    ACCOUNTS = 8000, /* in pairs that have traded with each other; 0 and 1 hold all but OTHERS */
    SERIES = 17,
    OTHERS = 16, /* this one is held by every second pair, and not by that one */
    EXPOSURES_MAX = ACCOUNTS * SERIES,
    PER_SERIES = 16, /* what a count costs beside its exposures */
    DAY = 2545,
    BLOCK_MS = 2 * PLACES_AGE_MS,
    BLOCKS = 8,              /* looked at once all had a turn */
    REMEMBERED = 2 * SERIES, /* blocks */
};
#define START_MS (TN_EPOCH_2020_MS + 2515 * TN_MS_PER_DAY)

/* Everybody's places after a block. */
struct known {
    uint32_t place[SERIES][ACCOUNTS]; /* 0: no position */
    bool is_short[SERIES][ACCOUNTS];
    uint32_t holders[SERIES][2]; /* long, short */
};

static struct run {
    struct tn_exchange *exchange;
    struct tn_event *events;
    uint32_t events_max;
    uint64_t random, sequence;
    int64_t time_ms;
    tn_micros spot[RISK_UNDERLYINGS];
    uint64_t series[SERIES]; /* ascending but for OTHERS, which is above all */
    uint32_t exposures[SERIES];
    struct places *places;
    struct places_at at;
    struct known known[REMEMBERED];
    uint64_t counted[SERIES]; /* the last block after which it was, as told to anybody */
} run;

static void apply(struct tn_entry entry)
{
    const uint32_t count = tn_exchange_apply(run.exchange, run.events, run.events_max, &entry);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(run.events[i].reject, TN_REJECT_NONE);
}

static int64_t between(int64_t low, int64_t high)
{
    return low + (int64_t)tn_random_below(&run.random, (uint64_t)(high - low + 1));
}

/* ---- The market --------------------------------------------------------------------------------
 */

static void report(uint16_t number, enum tn_feed feed)
{
    struct tn_report report = {.signer = 1,
                               .underlying = number,
                               .expiry_day = feed == TN_FEED_SPOT ? 0 : DAY,
                               .feed = (uint8_t)feed,
                               .confidence_ppm = 1000000,
                               .sequence = ++run.sequence,
                               .time_ms = run.time_ms,
                               .value = run.spot[number - 1]};
    if (feed == TN_FEED_VOL) {
        report.value = 0;
        report.surface = risk_market_surface(run.spot[number - 1],
                                             risk_market_left_ms(DAY, run.time_ms), 500000);
    }
    apply((struct tn_entry){.kind = TN_ENTRY_REPORT, .as.report = report});
}

static void block(void)
{
    run.at.height++;
    run.time_ms += BLOCK_MS;
    run.at.time_ms = (uint64_t)run.time_ms;
    apply((struct tn_entry){.kind = TN_ENTRY_BLOCK,
                            .as.block = {.height = run.at.height, .time_ms = run.time_ms}});
}

/* A MARK at other prices, and its sweep to the end: E, MM and marks are others for everybody. */
static void mark(void)
{
    struct tn_risk_view view;
    for (uint16_t number = 1; number <= RISK_UNDERLYINGS; number++) {
        run.spot[number - 1] += run.spot[number - 1] / 10000 * between(-100, 100);
        report(number, TN_FEED_SPOT);
        report(number, TN_FEED_FORWARD);
        report(number, TN_FEED_VOL);
    }
    block();
    while (tn_exchange_risk(run.exchange, &view) && view.sweeping)
        apply((struct tn_entry){.kind = TN_ENTRY_SWEEP, .as.sweep.units = 8192});
}

static int by_number(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static void list_series(void)
{
    uint32_t count = 0;
    for (uint16_t number = 1; number <= RISK_UNDERLYINGS; number++) {
        const uint64_t spot = (uint64_t)(risk_market_spot(number) / RISK_DOLLAR);
        run.series[count++] = risk_market_series(number, TN_PERPETUAL, 0, 0);
        run.series[count++] = risk_market_series(number, TN_FUTURE, DAY, 0);
        for (uint64_t i = 0; i < 3; i++) {
            const uint64_t strike = spot + spot / 20 * i;
            run.series[count++] = risk_market_series(number, TN_CALL, DAY, strike);
            run.series[count++] = risk_market_series(number, TN_PUT, DAY, strike);
        }
    }
    run.series[count++] = risk_market_series(RISK_ETH, TN_PUT, DAY, 5000);
    assert_int_equal(count, SERIES);
    qsort(run.series, OTHERS, sizeof run.series[0], by_number);
    assert_true(run.series[OTHERS] > run.series[OTHERS - 1]);
    for (uint32_t i = 0; i < SERIES; i++)
        apply((struct tn_entry){.kind = TN_ENTRY_LIST, .as.list.series_id = run.series[i]});
}

static void open_market(void)
{
    block();
    for (uint16_t number = 1; number <= RISK_UNDERLYINGS; number++) {
        struct tn_underlying terms = risk_market_underlying(number);
        terms.block_minimum_micros = 0;
        terms.listing.dailies = terms.listing.weeklies = terms.listing.monthlies = 0;
        apply((struct tn_entry){.kind = TN_ENTRY_UNDERLYING, .as.underlying = terms});
        run.spot[number - 1] = risk_market_spot(number);
    }
    list_series();
    apply((struct tn_entry){.kind = TN_ENTRY_FEEDER, .as.feeder = {.signer = 1, .active = 1}});
    for (uint32_t i = 0; i < ACCOUNTS; i++) {
        struct tn_entry entry = {.kind = TN_ENTRY_ACCOUNT};
        memcpy(entry.as.account.owner, &i, sizeof i);
        apply(entry);
        entry = (struct tn_entry){.kind = TN_ENTRY_DEPOSIT};
        entry.as.deposit.account = i;
        entry.as.deposit.amount = between(1000000, 20000000) * RISK_DOLLAR;
        apply(entry);
    }
    mark();
}

/* ---- Positions ---------------------------------------------------------------------------------
 */

/* A third of the series is held by all, a third by every second pair, a third by every third. */
static bool holds(uint32_t pair, uint32_t series)
{
    if (series == OTHERS) return pair % 2 == 1;
    return pair == 0 || (pair + series) % (1 + series % 3) == 0;
}

static struct tn_leg leg_of(uint32_t series)
{
    struct tn_series_view view;
    assert_true(tn_exchange_series(run.exchange, &view, run.series[series]));
    const tn_ticks price = view.mark_micros / view.micros_per_tick;
    return (struct tn_leg){.series_id = run.series[series],
                           .price = price < 1 ? 1 : price,
                           .quantity = between(1, 30),
                           .side = (uint8_t)between(0, 1)};
}

static void trade(uint32_t pair, const struct tn_leg *legs, uint32_t count, uint64_t nonce)
{
    struct tn_command command = {.kind = TN_COMMAND_BLOCK_TRADE};
    command.as.block_trade = (struct tn_block_trade){.legs_count = count,
                                                     .counterparty = 2 * pair + 1,
                                                     .counterparty_nonce = nonce,
                                                     .expires_ms = INT64_MAX,
                                                     .fee_max_ppm = 10000};
    memcpy(command.as.block_trade.legs, legs, count * sizeof legs[0]);
    struct tn_entry entry = {.kind = TN_ENTRY_FRAME};
    entry.as.frame.commands = &command;
    entry.as.frame.commands_count = 1;
    entry.as.frame.account = 2 * pair;
    entry.as.frame.nonce = nonce;
    entry.as.frame.valid_until_block = UINT64_MAX;
    apply(entry);
}

static void fill_accounts(void)
{
    for (uint32_t pair = 0; pair < ACCOUNTS / 2; pair++) {
        struct tn_leg legs[TN_PACKAGE_LEGS_MAX];
        uint32_t count = 0;
        uint64_t nonce = 1;
        for (uint32_t i = 0; i < SERIES; i++) {
            if (!holds(pair, i)) continue;
            run.exposures[i] += 2;
            legs[count++] = leg_of(i);
            if (count < TN_PACKAGE_LEGS_MAX) continue;
            trade(pair, legs, count, nonce++);
            count = 0;
        }
        if (count > 0) trade(pair, legs, count, nonce);
    }
}

static int open_run(void **state)
{
    (void)state;
    struct tn_exchange_limits limits;
    memset(&run, 0, sizeof run);
    tn_exchange_limits_default(&limits);
    limits.accounts_max = ACCOUNTS;
    limits.underlyings_max = RISK_UNDERLYINGS;
    limits.series_max = 64;
    limits.orders_max = limits.levels_max = 4096;
    limits.exposures_max = EXPOSURES_MAX;
    limits.exposures_per_account_max = 64;
    limits.results_max = 65536;
    limits.results_per_account = 8;
    limits.sweep_units_max = 8192;
    limits.expiries_max = 8;
    limits.signers_max = 1;
    const size_t size = tn_align(tn_exchange_size(&limits));
    void *memory = aligned_alloc(64, size);
    run.events_max = tn_exchange_events_max(&limits);
    run.events = calloc(run.events_max, sizeof run.events[0]);
    run.places = places_make(PLACES_WORK);
    if (memory == NULL || run.events == NULL || run.places == NULL) abort();
    memset(memory, 0, size);
    run.exchange = tn_exchange_init(memory, &limits);
    run.random = test_seed("test_place_turns");
    run.time_ms = START_MS;
    run.at = (struct places_at){.exchange = run.exchange, .market = 1};
    open_market();
    fill_accounts();
    return 0;
}

static int close_run(void **state)
{
    (void)state;
    places_free(run.places);
    free(run.exchange);
    free(run.events);
    return 0;
}

/* ---- What is so --------------------------------------------------------------------------------
 */

struct standing {
    int64_t rank;
    uint32_t account;
};

static int by_turn(const void *left, const void *right)
{
    const struct standing *a = left, *b = right;
    if (a->rank != b->rank) return a->rank > b->rank ? -1 : 1;
    return (a->account > b->account) - (a->account < b->account);
}

static int64_t twin_rank(const struct tn_account_risk_view *risk,
                         const struct tn_position_view *view)
{
    const tn_i128 gain = (tn_i128)view->mark_micros * view->position.quantity - view->position.cost;
    const tn_i128 asked = (tn_i128)risk->judged_equity - risk->judged_mm;
    assert_true(risk->judged_equity > 0);
    if (gain <= 0 || asked <= 0) return 0;
    return (int64_t)(gain * asked / risk->judged_equity);
}

static uint32_t series_index(uint64_t series_id)
{
    for (uint32_t i = 0; i < SERIES; i++) {
        if (run.series[i] == series_id) return i;
    }
    fail();
    return 0;
}

static struct known *known_at(uint64_t height)
{
    return &run.known[height % REMEMBERED];
}

/* A MARK, and everybody's places after it. */
static void pass_mark(void)
{
    static struct standing standings[SERIES][2][ACCOUNTS];
    mark();
    struct known *known = known_at(run.at.height);
    memset(known, 0, sizeof *known);
    for (uint32_t account = 0; account < ACCOUNTS; account++) {
        struct tn_position_view views[SERIES];
        struct tn_account_risk_view risk;
        const uint32_t count = tn_exchange_positions_of(run.exchange, views, SERIES, account);
        assert_true(tn_exchange_account_risk(run.exchange, &risk, account));
        for (uint32_t i = 0; i < count; i++) {
            const uint32_t series = series_index(views[i].series_id);
            const bool is_short = views[i].position.quantity < 0;
            const uint32_t at = known->holders[series][is_short]++;
            standings[series][is_short][at] =
                (struct standing){.rank = twin_rank(&risk, &views[i]), .account = account};
            known->is_short[series][account] = is_short;
        }
    }
    for (uint32_t i = 0; i < 2 * SERIES; i++) {
        struct standing *side = standings[i / 2][i % 2];
        const uint32_t count = known->holders[i / 2][i % 2];
        qsort(side, count, sizeof side[0], by_turn);
        for (uint32_t k = 0; k < count; k++)
            known->place[i / 2][side[k].account] = k + 1;
    }
}

/* ---- What is told ------------------------------------------------------------------------------
 */

/* One account asks for all that it holds. Returns how many positions were told a place. */
static uint32_t ask(uint32_t account)
{
    struct places_asked asked[SERIES];
    uint32_t count = 0, told = 0;
    const struct known *now = known_at(run.at.height);
    for (uint32_t i = 0; i < SERIES; i++) {
        if (now->place[i][account] == 0) continue;
        asked[count++] = (struct places_asked){.series_id = run.series[i],
                                               .is_short = now->is_short[i][account]};
    }
    places_find_all(run.places, &run.at, account, asked, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct place *place = &asked[i].place;
        const uint32_t series = series_index(asked[i].series_id);
        if (place->place == 0) continue;
        assert_true(place->block <= run.at.height && place->block + REMEMBERED > run.at.height);
        const struct known *known = known_at(place->block);
        assert_int_equal(place->place, known->place[series][account]);
        assert_int_equal(place->holders, known->holders[series][asked[i].is_short]);
        if (place->block > run.counted[series]) run.counted[series] = place->block;
        told++;
    }
    return told;
}

/* Exposures that were gone over after the last block, as what was told shows. */
static uint32_t work_done(void)
{
    uint32_t work = 0;
    for (uint32_t i = 0; i < SERIES; i++) {
        if (run.counted[i] == run.at.height) work += run.exposures[i];
    }
    return work;
}

static uint64_t oldest(uint32_t count)
{
    uint64_t block = UINT64_MAX;
    for (uint32_t i = 0; i < count; i++) {
        if (run.counted[i] < block) block = run.counted[i];
    }
    return block;
}

/* Whoever asks first holds nearly all, so each block goes over all that there is work for, up to
 * the series that does not fit. */
static void test_of_more_exposures_than_a_block_has_work_for_each_has_its_turn(void **state)
{
    (void)state;
    uint32_t total = 0, largest = 0;
    for (uint32_t i = 0; i < SERIES; i++) {
        total += run.exposures[i] + PER_SERIES;
        if (run.exposures[i] > largest) largest = run.exposures[i];
    }
    assert_true(total > 2 * PLACES_WORK && largest + PER_SERIES < PLACES_WORK);
    const uint32_t each = PLACES_WORK - largest - PER_SERIES;
    const uint32_t turn = (total + each - 1) / each;
    const uint64_t first = run.at.height;
    for (uint32_t i = 0; i < turn + BLOCKS; i++) {
        uint32_t told = 0, held = 0;
        pass_mark();
        for (uint32_t account = 0; account < ACCOUNTS; account++)
            told += ask(account);
        for (uint32_t k = 0; k < SERIES; k++)
            held += run.exposures[k];
        assert_true(work_done() <= PLACES_WORK);
        assert_true(work_done() >= each);
        if (run.at.height < first + turn) continue;
        assert_true(oldest(SERIES) + turn > run.at.height);
        assert_true(told >= held);
    }
    print_message("%" PRIu32 " exposures, each counted every %" PRIu32 " blocks at most\n", total,
                  turn);
}

static void test_who_asks_after_those_who_use_up_all_work_has_a_turn_too(void **state)
{
    (void)state;
    const uint64_t first = run.at.height;
    for (uint32_t i = 0; i < SERIES + BLOCKS; i++) {
        pass_mark();
        ask(0); /* for more than there is work for */
        ask(2); /* for others, too */
        assert_true(work_done() <= PLACES_WORK);
        if (run.at.height < first + SERIES) continue;
        assert_true(oldest(SERIES) + SERIES > run.at.height);
    }
}

static void test_markets_take_turns(void **state)
{
    (void)state;
    enum { TURN = 2 * (SERIES - 1) };
    uint64_t counted[2][SERIES] = {{0}};
    const uint64_t first = run.at.height;
    for (uint32_t i = 0; i < TURN + BLOCKS; i++) {
        uint32_t work = 0;
        pass_mark();
        for (uint32_t market = 0; market < 2; market++) {
            run.at.market = 1 + market;
            memcpy(run.counted, counted[market], sizeof run.counted);
            ask(0);
            work += work_done();
            memcpy(counted[market], run.counted, sizeof run.counted);
            if (run.at.height < first + TURN) continue;
            assert_true(oldest(OTHERS) + TURN > run.at.height);
        }
        assert_true(work <= PLACES_WORK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_of_more_exposures_than_a_block_has_work_for_each_has_its_turn, open_run,
            close_run),
        cmocka_unit_test_setup_teardown(
            test_who_asks_after_those_who_use_up_all_work_has_a_turn_too, open_run, close_run),
        cmocka_unit_test_setup_teardown(test_markets_take_turns, open_run, close_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
