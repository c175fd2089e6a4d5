/* Who is deleveraged before whom, on random streams with crashes that nobody is insured against.
 *
 * The ranks that views tell are at any time those of a formula that stands here a second time
 * (risk.md, Deleveraging), for every holder of every series, and no holder is left out. At a MARK
 * that deleverages an account, the counterparties that its events name come in the order of that
 * formula at the MARK's own marks. TENOR_SEED=n begins with that very stream. */
#include "risk_stream.h"
#include "seed.h"

#include "tenor/riskview.h"
#include "tenor/stateview.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum {
    ENTRIES = 6000,
    RUNS = 10,
    RUNS_MOST = 100,
    LOOK_EVERY = 40,
    ACCOUNTS_MAX = 64,
    POSITIONS_MAX = 128,
    HOLDERS_MAX = 64
};

/* An account before a MARK. */
struct known {
    tn_micros equity, mm;
    struct tn_position_view positions[POSITIONS_MAX];
    uint32_t count;
};

static struct run {
    struct tn_exchange *exchange;
    struct tn_event *events;
    uint32_t events_max, count;
    struct risk_stream stream;
    struct known known[ACCOUNTS_MAX];
    uint32_t accounts;
} run;

static struct seen {
    uint64_t ranks, gains, places, legs, several, skipped;
} seen;

static void open_run(uint64_t seed)
{
    struct tn_exchange_limits limits;
    risk_stream_limits(&limits);
    size_t size = tn_align(tn_exchange_size(&limits));
    void *memory = aligned_alloc(64, size);
    run.events_max = tn_exchange_events_max(&limits);
    run.events = calloc(run.events_max, sizeof(*run.events));
    if (memory == NULL || run.events == NULL) abort();
    memset(memory, 0, size);
    run.exchange = tn_exchange_init(memory, &limits);
    risk_stream_start(&run.stream, run.exchange, seed);
}

static void close_run(void)
{
    free(run.exchange);
    free(run.events);
}

static void apply(const struct tn_entry *entry)
{
    run.count = tn_exchange_apply(run.exchange, run.events, run.events_max, entry);
}

/* ---- The formula, once more ---- */

static int64_t twin_rank(const struct known *known, const struct tn_position *position,
                         tn_micros mark)
{
    const tn_i128 gain = (tn_i128)mark * position->quantity - position->cost;
    const tn_i128 asked = (tn_i128)known->equity - known->mm;
    if (gain <= 0 || asked <= 0) return 0;
    if (known->equity <= 0) return INT64_MAX;
    const tn_i128 rank = gain * asked / known->equity;
    return rank < INT64_MAX ? (int64_t)rank : INT64_MAX;
}

static void know_all(void)
{
    run.accounts = tn_exchange_accounts_count(run.exchange);
    assert_true(run.accounts <= ACCOUNTS_MAX);
    for (uint32_t i = 0; i < run.accounts; i++) {
        struct tn_account_risk_view risk;
        struct known *known = &run.known[i];
        assert_true(tn_exchange_account_risk(run.exchange, &risk, i));
        known->equity = risk.judged_equity;
        known->mm = risk.judged_mm;
        known->count = tn_exchange_positions_of(run.exchange, known->positions, POSITIONS_MAX, i);
        assert_true(known->count < POSITIONS_MAX);
    }
}

/* NULL: no position. */
static const struct tn_position *held(uint32_t account, uint64_t series)
{
    for (uint32_t i = 0; i < run.known[account].count; i++) {
        const struct tn_position_view *view = &run.known[account].positions[i];
        if (view->series_id == series) return &view->position;
    }
    return NULL;
}

static tn_micros mark_now(uint64_t series)
{
    struct tn_listed_view listed;
    assert_true(tn_exchange_listed(run.exchange, &listed, series));
    assert_true(listed.is_marked);
    return listed.mark_micros;
}

/* ---- What is told ---- */

static void check_series(uint64_t series)
{
    struct tn_holder holders[HOLDERS_MAX];
    uint32_t count, expected = 0;
    const uint32_t looked = tn_exchange_holders(run.exchange, holders, &count, HOLDERS_MAX, series);
    assert_true(looked >= count);
    for (uint32_t i = 0; i < run.accounts; i++)
        expected += held(i, series) != NULL;
    assert_int_equal(count, expected);
    for (uint32_t i = 0; i < count; i++) {
        const struct tn_position *position = held(holders[i].account, series);
        int64_t rank;
        assert_non_null(position);
        assert_int_equal(holders[i].is_short, position->quantity < 0);
        assert_int_equal(holders[i].rank,
                         twin_rank(&run.known[holders[i].account], position, mark_now(series)));
        assert_true(tn_exchange_rank(run.exchange, &rank, holders[i].account, series));
        assert_int_equal(rank, holders[i].rank);
        seen.ranks++;
        seen.gains += rank > 0;
        for (uint32_t k = 0; k < i; k++)
            assert_int_not_equal(holders[k].account, holders[i].account);
    }
    if (looked > 1) {
        assert_int_equal(tn_exchange_holders(run.exchange, holders, &count, looked - 1, series), 0);
        assert_int_equal(count, 0);
    }
}

static void check_told(void)
{
    know_all();
    for (uint32_t i = 0; i < tn_exchange_slots_count(run.exchange); i++) {
        struct tn_listed_view listed;
        tn_exchange_listed_at(run.exchange, &listed, i);
        if (listed.is_marked) check_series(listed.id);
    }
}

/* ---- What is done ---- */

static bool is_before(uint32_t a, uint32_t b, uint64_t series, tn_micros mark)
{
    const int64_t first = twin_rank(&run.known[a], held(a, series), mark);
    const int64_t second = twin_rank(&run.known[b], held(b, series), mark);
    return first > second || (first == second && a < b);
}

/* Holders of that side who stand between two that were taken one after the other (a TN_NONE: before
 * the first) and were passed over, because their margin bears not one lot. */
static uint32_t passed_over(uint32_t a, uint32_t b, uint64_t series, tn_micros mark)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < run.accounts; i++) {
        const struct tn_position *position = held(i, series);
        if (i == a || i == b || position == NULL) continue;
        if ((position->quantity < 0) != (held(b, series)->quantity < 0)) continue;
        count += (a == TN_NONE || is_before(a, i, series, mark)) && is_before(i, b, series, mark);
    }
    return count;
}

/* The counterparties of one leg: first by rank, as far as their margin bears it; then those who are
 * left by rank again. Who gave lots in the first round has another rank in the second. */
static void check_leg(const uint32_t *others, uint32_t count, uint64_t series)
{
    const tn_micros mark = mark_now(series);
    uint32_t round = 1, last;
    seen.legs++;
    seen.several += count > 1;
    seen.skipped += passed_over(TN_NONE, others[0], series, mark);
    while (round < count && is_before(others[round - 1], others[round], series, mark)) {
        seen.skipped += passed_over(others[round - 1], others[round], series, mark);
        round++;
    }
    seen.places += round;
    last = TN_NONE;
    for (uint32_t i = round; i < count; i++) {
        bool is_new = true;
        for (uint32_t k = 0; k < round; k++)
            is_new = is_new && others[k] != others[i];
        if (!is_new) continue;
        assert_true(last == TN_NONE || is_before(last, others[i], series, mark));
        last = others[i];
        seen.places++;
    }
}

/* Of the account that is deleveraged first: what comes later in the same MARK finds positions that
 * these events have changed. */
static void check_done(void)
{
    uint32_t others[256], count = 0, account = TN_NONE;
    uint64_t series = 0;
    for (uint32_t i = 0; i < run.count; i++) {
        const struct tn_event *event = &run.events[i];
        if (event->kind != TN_EVENT_DELEVERAGED) continue;
        if (account != TN_NONE && event->account != account) break;
        account = event->account;
        if (event->series_id != series && count > 0) {
            check_leg(others, count, series);
            count = 0;
        }
        series = event->series_id;
        assert_true(count < sizeof(others) / sizeof(others[0]));
        assert_non_null(held(event->other_account, series));
        others[count++] = event->other_account;
    }
    if (count > 0) check_leg(others, count, series);
}

static bool sweeping(void)
{
    struct tn_risk_view view;
    return tn_exchange_risk(run.exchange, &view) && view.sweeping;
}

static void step(bool looks)
{
    struct tn_entry entry;
    risk_stream_next(&run.stream, &entry);
    if (entry.kind != TN_ENTRY_BLOCK) {
        apply(&entry);
        if (looks) check_told();
        return;
    }
    /* A BLOCK ends the sweep first: E and R would be others by the time of the MARK. */
    while (sweeping()) {
        const struct tn_entry sweep = {.kind = TN_ENTRY_SWEEP, .as.sweep.units = 64};
        apply(&sweep);
    }
    know_all();
    apply(&entry);
    check_done();
    check_told();
}

static bool seen_enough(void)
{
    return seen.gains > 10000 && seen.legs > 40 && seen.several > 8;
}

/* With more streams if need be. */
static void test_ranks_that_are_told_are_those_by_which_accounts_are_deleveraged(void **state)
{
    (void)state;
    const uint64_t first = test_seed("test_rank_streams");
    for (uint32_t i = 0; i < RUNS || (i < RUNS_MOST && !seen_enough()); i++) {
        open_run((first + i) * RISK_THEMES + RISK_CRASHES);
        for (uint32_t k = 0; k < ENTRIES; k++)
            step(k % LOOK_EVERY == 0);
        close_run();
    }
    print_message("%" PRIu64 " ranks told, %" PRIu64 " above 0; %" PRIu64 " legs closed, %" PRIu64
                  " of them against several: %" PRIu64 " places, %" PRIu64 " passed over\n",
                  seen.ranks, seen.gains, seen.legs, seen.several, seen.places, seen.skipped);
    assert_true(seen_enough());
    assert_true(seen.skipped * 5 < seen.places);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranks_that_are_told_are_those_by_which_accounts_are_deleveraged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
