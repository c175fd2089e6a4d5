/* Random streams on markets with a margin engine. After every entry: all invariants of the
 * exchange, cash conserved, and for every frame what the rules of admission promise, asked of every
 * account through the public views (risk.md, Orders and admission):
 *
 * - a command passes only if its account's m after it is at least 0, or not lower than before;
 * - what one account does never makes another worse than its open orders at their worst: those
 *   without a protection group keep m ≥ min(0, m before), but for roundings;
 * - every account's margins equal those of an audit that works them out from public views alone.
 *
 * At the end of every sweep no account is below maintenance margin and not in liquidation. The same
 * stream twice gives the same digest. Over all seeds every kind of event and every reject of risk
 * must have come. TENOR_NIGHTLY=1 runs many more; TENOR_SEED=n begins with that very stream. */
#include "risk_audit.h"
#include "seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { ENTRIES = 6000, ORDERS_MAX = 1 << 17, ROUNDING_MICROS = 100 };

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RUNS 2
#endif
#endif
#ifndef RUNS
#define RUNS 10
#endif

static struct seen {
    uint64_t events[256], rejects[1024], entries[32], commands[32];
    uint64_t audited, unaudited, judged;
} seen;

struct run {
    struct tn_exchange *exchange;
    struct tn_exchange_limits limits;
    struct tn_event *events;
    uint32_t events_max, count;
    struct risk_stream stream;
    struct risk_audit *audit;
    struct audit_order *orders;
    uint64_t seed, entries;
    tn_micros m_before[AUDIT_ACCOUNTS_MAX];
    bool had_group[AUDIT_ACCOUNTS_MAX];
    uint32_t accounts_before;
};

static void open_run(struct run *run, uint64_t seed, uint64_t hash_seed)
{
    *run = (struct run){.seed = seed};
    risk_stream_limits(&run->limits);
    run->limits.hash_seed = hash_seed;
    size_t size = tn_align(tn_exchange_size(&run->limits));
    void *memory = aligned_alloc(64, size);
    run->audit = aligned_alloc(64, tn_align(sizeof(*run->audit)));
    run->orders = calloc(ORDERS_MAX, sizeof(*run->orders));
    run->events_max = tn_exchange_events_max(&run->limits);
    run->events = calloc(run->events_max, sizeof(*run->events));
    if (memory == NULL || run->audit == NULL || run->orders == NULL || run->events == NULL) abort();
    memset(memory, 0, size);
    memset(run->audit, 0, sizeof(*run->audit));
    run->exchange = tn_exchange_init(memory, &run->limits);
    risk_stream_start(&run->stream, run->exchange, seed);
    risk_audit_start(run->audit, run->exchange, run->orders, ORDERS_MAX);
}

static void close_run(struct run *run)
{
    free(run->exchange);
    free(run->audit);
    free(run->orders);
    free(run->events);
}

/* ---- What must hold ---- */

#define EXPECT(run, condition, ...)                                                                \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "seed %" PRIu64 ", entry %" PRIu64 ": " #condition ": ", (run)->seed,  \
                    (run)->entries);                                                               \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fprintf(stderr, "\nto repeat: TENOR_SEED=%" PRIu64 " test_risk_streams\n",             \
                    (run)->seed);                                                                  \
            return false;                                                                          \
        }                                                                                          \
    } while (0)

static tn_micros m_of(const struct run *run, uint32_t account)
{
    struct tn_account_risk_view view;
    return tn_exchange_account_risk(run->exchange, &view, account) ? view.margin.m : 0;
}

static bool in_a_group(const struct run *run, uint32_t account)
{
    for (uint32_t group = 1; group < 256; group++) {
        if (run->audit->limits[account][group] > 0) return true;
    }
    return false;
}

static void note_before(struct run *run)
{
    run->accounts_before = tn_exchange_accounts_count(run->exchange);
    for (uint32_t i = 0; i < run->accounts_before; i++) {
        run->m_before[i] = m_of(run, i);
        run->had_group[i] = in_a_group(run, i);
    }
}

/* These pass whatever becomes of m. */
static bool is_free(uint8_t kind)
{
    return kind == TN_COMMAND_CANCEL || kind == TN_COMMAND_MASS_CANCEL ||
           kind == TN_COMMAND_MMP_CANCEL || kind == TN_COMMAND_MMP_RESET;
}

/* What judging the account on the way has taken from it: interest, the fee of an auction. */
static tn_micros charged(const struct run *run, uint32_t account)
{
    tn_micros sum = 0;
    for (uint32_t i = 0; i < run->count; i++) {
        const struct tn_event *event = &run->events[i];
        if (event->account != account) continue;
        if (event->kind == TN_EVENT_BORROWED) sum += event->money;
        if (event->kind == TN_EVENT_INSURANCE && event->money < 0) sum -= event->money;
    }
    return sum;
}

static bool check_admission(struct run *run, const struct tn_entry *entry)
{
    uint32_t actor = entry->as.frame.account;
    uint8_t kind = entry->as.frame.commands[0].kind;
    bool passed = false;
    for (uint32_t i = 0; i < run->count; i++)
        passed |= run->events[i].kind == TN_EVENT_RESULT && run->events[i].reject == 0;
    for (uint32_t i = 0; i < run->accounts_before; i++) {
        tn_micros before = run->m_before[i] - charged(run, i), after = m_of(run, i);
        seen.judged++;
        if (after >= 0 || after >= before) continue;
        if (i != actor) {
            EXPECT(run, run->had_group[i] || after >= (before < 0 ? before : 0) - ROUNDING_MICROS,
                   "account %u, m %" PRId64 " -> %" PRId64 " by command %u of account %u", i,
                   before, after, kind, actor);
        } else {
            EXPECT(run, after >= before - (is_free(kind) ? ROUNDING_MICROS : 0),
                   "account %u, m %" PRId64 " -> %" PRId64 " by its command %u (passed: %d)", i,
                   before, after, kind, passed);
        }
    }
    return true;
}

/* All accounts now and then, else who acted and one more. */
static bool check_audit(struct run *run, uint32_t actor)
{
    uint32_t count = tn_exchange_accounts_count(run->exchange);
    for (uint32_t i = 0; i < count; i++) {
        struct tn_margin_result own;
        if (run->entries % 64 != 0 && i != actor && i != run->entries % count) continue;
        struct tn_account_risk_view view;
        if (!risk_audit_evaluate(&own, run->audit, i)) {
            seen.unaudited++;
            continue;
        }
        seen.audited++;
        EXPECT(run, tn_exchange_account_risk(run->exchange, &view, i), "account %u", i);
        EXPECT(run, memcmp(&own, &view.margin, sizeof(own)) == 0,
               "account %u: the exchange says E %" PRId64 " MM %" PRId64 " IM %" PRId64
               " m %" PRId64 ", the audit E %" PRId64 " MM %" PRId64 " IM %" PRId64 " m %" PRId64,
               i, view.margin.equity, view.margin.mm, view.margin.im, view.margin.m, own.equity,
               own.mm, own.im, own.m);
        struct tn_account_worth worth;
        tn_exchange_worths(run->exchange, &worth, &i, 1);
        EXPECT(run, worth.equity == own.equity && worth.collateral == own.collateral,
               "account %u: alone E is %" PRId64 ", of it collateral %" PRId64 ", not %" PRId64
               " and %" PRId64,
               i, worth.equity, worth.collateral, own.equity, own.collateral);
    }
    return true;
}

/* When a sweep has ended, nobody is below maintenance margin but those in liquidation or called.
 * Later commands of a maker in a group may have been filled below it: then the next MARK judges. */
static bool check_swept(struct run *run)
{
    for (uint32_t i = 0; i < tn_exchange_accounts_count(run->exchange); i++) {
        struct tn_account_risk_view view;
        EXPECT(run, tn_exchange_account_risk(run->exchange, &view, i), "account %u", i);
        bool called = view.called_until_ms > run->stream.time_ms;
        EXPECT(run,
               view.margin.mm >= 0 || view.liquidation != TN_LIQUIDATION_NONE || called ||
                   in_a_group(run, i),
               "account %u was skipped: MM %" PRId64 ", E %" PRId64, i, view.margin.mm,
               view.margin.equity);
    }
    return true;
}

static void note_seen(const struct run *run, const struct tn_entry *entry)
{
    seen.entries[entry->kind]++;
    for (uint32_t i = 0; i < run->count; i++) {
        seen.events[run->events[i].kind]++;
        if (run->events[i].reject < 1024) seen.rejects[run->events[i].reject]++;
    }
    if (entry->kind == TN_ENTRY_FRAME) seen.commands[entry->as.frame.commands[0].kind]++;
}

static bool sweeping(const struct run *run)
{
    struct tn_risk_view view;
    return tn_exchange_risk(run->exchange, &view) && view.sweeping;
}

/* Half of the time an empty command judges the account first, so that what is compared is the
 * command alone. */
static void judge_first(struct run *run, const struct tn_entry *entry)
{
    const struct tn_command nothing = {.kind = 255};
    struct tn_entry first = *entry;
    first.as.frame.commands = &nothing;
    first.as.frame.commands_count = 1;
    first.as.frame.nonce = ++run->stream.nonce;
    run->count = tn_exchange_apply(run->exchange, run->events, run->events_max, &first);
    risk_audit_follow(run->audit, &first, run->events, run->count);
}

/* The entry and the events after which a promise was found broken. */
static void show(const struct run *run, const struct tn_entry *entry)
{
    for (uint32_t i = 0; i < entry->as.frame.commands_count; i++) {
        const struct tn_command *command = &entry->as.frame.commands[i];
        fprintf(stderr, "command %u of account %u\n", command->kind, entry->as.frame.account);
        if (command->kind == TN_COMMAND_MASS_QUOTE) {
            fprintf(stderr, "  %u quotes, group %u\n", command->as.mass_quote.quotes_count,
                    command->as.mass_quote.group);
        }
    }
    for (uint32_t i = 0; i < run->count; i++) {
        const struct tn_event *event = &run->events[i];
        fprintf(stderr,
                "  event %u reject %u reason %u account %u/%u series %" PRIx64
                " side %u price %" PRId64 " quantity %" PRId64 " remaining %" PRId64 "/%" PRId64
                " money %" PRId64 "\n",
                event->kind, event->reject, event->reason, event->account, event->other_account,
                event->series_id, event->side, event->price, event->quantity, event->remaining,
                event->other_remaining, event->money);
    }
}

static bool step(struct run *run)
{
    struct tn_entry entry;
    risk_stream_next(&run->stream, &entry);
    bool frame = entry.kind == TN_ENTRY_FRAME && run->stream.ready;
    bool swept = sweeping(run);
    if (frame && run->entries % 2 == 0) judge_first(run, &entry);
    if (frame) note_before(run);
    run->entries++;
    run->count = tn_exchange_apply(run->exchange, run->events, run->events_max, &entry);
    risk_audit_follow(run->audit, &entry, run->events, run->count);
    note_seen(run, &entry);
    tn_exchange_check(run->exchange);
    uint32_t accounts = tn_exchange_accounts_count(run->exchange);
    EXPECT(run, tn_ledger_sum(tn_exchange_ledger(run->exchange), accounts) == 0, "cash");
    if (frame && !check_admission(run, &entry)) {
        show(run, &entry);
        return false;
    }
    if (entry.kind != TN_ENTRY_REPORT &&
        !check_audit(run, frame ? entry.as.frame.account : TN_NONE)) {
        return false;
    }
    swept = swept && !sweeping(run) && entry.kind == TN_ENTRY_SWEEP;
    return !swept || check_swept(run);
}

static bool run_stream(uint64_t *digest, uint64_t seed, uint32_t entries, uint64_t hash_seed)
{
    static struct run run;
    open_run(&run, seed, hash_seed);
    bool good = true;
    while (good && run.entries < entries)
        good = step(&run);
    *digest = tn_exchange_digest(run.exchange);
    close_run(&run);
    return good;
}

static void test_risk_streams_keep_every_promise_of_admission_and_liquidation(void **state)
{
    (void)state;
    uint64_t seed = test_seed("test_risk_streams");
    uint32_t runs = getenv("TENOR_NIGHTLY") != NULL ? 2000 : RUNS, failures = 0;
    for (uint32_t i = 0; i < runs; i++) {
        uint64_t digest;
        failures += !run_stream(&digest, seed + i, ENTRIES, 1);
        if (failures > 0) break;
    }
    fprintf(stderr,
            "%" PRIu64 " evaluations audited, %" PRIu64 " could not be; %" PRIu64
            " admissions compared\n",
            seen.audited, seen.unaudited, seen.judged);
    assert_int_equal(failures, 0);
}

static void test_risk_stream_gives_the_same_digest_twice(void **state)
{
    (void)state;
    uint64_t first, second, seed = test_seed("test_risk_streams");
    assert_true(run_stream(&first, seed, ENTRIES / 4, 1));
    assert_true(run_stream(&second, seed, ENTRIES / 4, UINT64_C(0xD1CE0F5EED)));
    assert_true(first == second);
}

/* Without a margin engine its entries and commands are refused. */
static void test_risk_entries_are_refused_where_margin_is_off(void **state)
{
    (void)state;
    static struct run run;
    *(&run) = (struct run){.seed = 1};
    risk_stream_limits(&run.limits);
    run.limits.expiries_max = 0;
    size_t size = tn_align(tn_exchange_size(&run.limits));
    void *memory = aligned_alloc(64, size);
    uint32_t events_max = tn_exchange_events_max(&run.limits);
    run.events = calloc(events_max, sizeof(*run.events));
    assert_true(memory != NULL && run.events != NULL);
    memset(memory, 0, size);
    run.exchange = tn_exchange_init(memory, &run.limits);
    const uint8_t kinds[] = {TN_ENTRY_FEEDER, TN_ENTRY_REPORT, TN_ENTRY_RISK, TN_ENTRY_LIQ,
                             TN_ENTRY_INSURE};
    for (uint32_t i = 0; i < sizeof(kinds); i++) {
        struct tn_entry entry = {.kind = kinds[i]};
        run.count = tn_exchange_apply(run.exchange, run.events, events_max, &entry);
        note_seen(&run, &entry);
        assert_int_equal(run.count, 1);
        assert_int_equal(run.events[0].reject, TN_REJECT_RISK_OFF);
    }
    free(run.exchange);
    free(run.events);
}

/* How many kinds of event, or rejects, of risk have not come yet. */
static uint32_t count_unseen(bool tells)
{
    uint32_t missing = 0;
    for (uint32_t kind = TN_EVENT_MARKED; kind <= TN_EVENT_CALLED; kind++) {
        if (seen.events[kind] > 0) continue;
        if (tells) fprintf(stderr, "no event of kind %u\n", kind);
        missing++;
    }
    for (uint32_t reject = TN_REJECT_RISK_OFF; reject <= TN_REJECT_NOT_FROZEN; reject++) {
        if (seen.rejects[reject] > 0) continue;
        if (tells) fprintf(stderr, "no reject %s\n", tn_reject_name((enum tn_reject)reject));
        missing++;
    }
    return missing;
}

static void show_seen(void)
{
    for (uint32_t i = 0; i < 256; i++)
        if (seen.events[i] > 0) fprintf(stderr, "event %u: %" PRIu64 "\n", i, seen.events[i]);
    for (uint32_t i = 0; i < 1024; i++) {
        if (seen.rejects[i] == 0) continue;
        fprintf(stderr, "reject %s: %" PRIu64 "\n", tn_reject_name((enum tn_reject)i),
                seen.rejects[i]);
    }
}

/* With more streams if need be; TENOR_SHOW=1 prints how often each came. A sanitizer's build runs
 * too few to reach all. */
static void test_risk_streams_reach_every_event_and_every_reject_of_risk(void **state)
{
    (void)state;
    if (RUNS < 10) skip();
    uint64_t digest, seed = test_seed("test_risk_streams") + 1000000;
    for (uint32_t i = 0; i < 20 * RUNS && count_unseen(false) > 0; i++)
        assert_true(run_stream(&digest, seed + i, ENTRIES, 1));
    if (getenv("TENOR_SHOW") != NULL) show_seen();
    assert_int_equal(count_unseen(true), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_risk_entries_are_refused_where_margin_is_off),
        cmocka_unit_test(test_risk_streams_keep_every_promise_of_admission_and_liquidation),
        cmocka_unit_test(test_risk_stream_gives_the_same_digest_twice),
        cmocka_unit_test(test_risk_streams_reach_every_event_and_every_reject_of_risk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
