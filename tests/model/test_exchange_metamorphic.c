/* What must not matter: a refused command leaves only its nonce, a repeated one nothing more, a
 * failed frame and a refused entry nothing at all, a frame may be cut into frames of one command,
 * and sweeps may be cut as one likes. The twin only aims the streams here. */
#include "exchange_pair.h"
#include "exchange_stream.h"
#include "seed.h"
#include "twin_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* An exchange that can be put aside and brought back: it is one block of memory. */
struct bench {
    struct tn_exchange *exchange;
    struct twin *twin;
    void *memory, *aside;
    size_t size;
    struct tn_event *events, *others;
    uint32_t events_max;
};

static void bench_open(struct bench *bench, const struct tn_exchange_limits *limits)
{
    bench->size = tn_exchange_size(limits);
    bench->memory = aligned_alloc(64, tn_align(bench->size));
    bench->aside = malloc(bench->size);
    bench->events_max = tn_exchange_events_max(limits);
    bench->events = malloc(bench->events_max * sizeof(struct tn_event));
    bench->others = malloc(bench->events_max * sizeof(struct tn_event));
    TN_ASSERT(bench->memory != NULL && bench->aside != NULL);
    TN_ASSERT(bench->events != NULL && bench->others != NULL);
    memset(bench->memory, 0, bench->size);
    bench->exchange = tn_exchange_init(bench->memory, limits);
    bench->twin = twin_new(limits);
}

static void bench_close(struct bench *bench)
{
    twin_free(bench->twin);
    free(bench->memory);
    free(bench->aside);
    free(bench->events);
    free(bench->others);
}

static uint32_t apply(struct bench *bench, struct tn_event *events, const struct tn_entry *entry)
{
    return tn_exchange_apply(bench->exchange, events, bench->events_max, entry);
}

static void put_aside(struct bench *bench)
{
    memcpy(bench->aside, bench->memory, bench->size);
}

static void bring_back(struct bench *bench)
{
    memcpy(bench->memory, bench->aside, bench->size);
}

/* How often a probe came to compare something: a probe that never does proves nothing. */
static uint32_t compared;

/* Calls `probe` before every entry of a stream; the probe leaves the exchange as it found it. */
static void probe_streams(const char *name,
                          bool (*probe)(struct bench *bench, const struct tn_entry *entry))
{
    static struct exchange_stream stream;
    uint64_t seed = test_seed("test_exchange_metamorphic");
    uint32_t entries = getenv("TENOR_NIGHTLY") != NULL ? 40000 : 1500;
    compared = 0;
    for (uint32_t i = 0; i < exchange_profiles_count(); i++) {
        const struct exchange_profile *profile = exchange_profile(i);
        struct bench bench;
        bench_open(&bench, &profile->limits);
        exchange_stream_start(&stream, profile, seed + i, bench.twin);
        bool holds = true;
        for (uint32_t j = 0; j < entries && holds; j++) {
            struct tn_entry entry;
            exchange_stream_next(&stream, &entry);
            put_aside(&bench);
            holds = probe(&bench, &entry);
            bring_back(&bench);
            if (!holds) {
                fprintf(stderr, "%s: profile %s, seed %" PRIu64 ", entry %u: ", name, profile->name,
                        seed, j);
                show_entry(stderr, &entry);
            }
            apply(&bench, bench.events, &entry);
            twin_apply(bench.twin, bench.others, bench.events_max, &entry);
        }
        bench_close(&bench);
        assert_true(holds);
    }
    assert_true(compared > entries / 10);
}

/* The digest after a frame of one command that nobody knows: what only a nonce leaves. */
static uint64_t digest_of_nonce_alone(struct bench *bench, const struct tn_entry *frame)
{
    struct tn_command unknown = {.kind = 255};
    struct tn_entry entry = *frame;
    entry.as.frame.commands = &unknown;
    entry.as.frame.commands_count = 1;
    apply(bench, bench->others, &entry);
    return tn_exchange_digest(bench->exchange);
}

static bool refused_commands_leave_only_a_nonce(struct bench *bench, const struct tn_entry *entry)
{
    if (entry->kind != TN_ENTRY_FRAME) return true;
    for (uint32_t i = 0; i < entry->as.frame.commands_count && i < 3; i++) {
        struct tn_command command = entry->as.frame.commands[i];
        struct tn_entry frame = *entry;
        command.client_id = 0;
        frame.as.frame.commands = &command;
        frame.as.frame.commands_count = 1;
        bring_back(bench);
        uint32_t count = apply(bench, bench->events, &frame);
        const struct tn_event *last = &bench->events[count - 1];
        if (last->reject == TN_REJECT_NONE) continue;
        uint64_t refused = tn_exchange_digest(bench->exchange);
        if (count != 1) return false;
        compared++;
        bring_back(bench);
        if (refused != digest_of_nonce_alone(bench, &frame)) return false;
    }
    return true;
}

static void test_exchange_keeps_nothing_of_a_refused_command_but_its_nonce(void **state)
{
    (void)state;
    probe_streams("refused", refused_commands_leave_only_a_nonce);
}

/* The same commands once more under a fresh nonce: only results, and nothing changes. */
static bool repeated_commands_leave_only_a_nonce(struct bench *bench, const struct tn_entry *entry)
{
    if (entry->kind != TN_ENTRY_FRAME || entry->as.frame.commands_count == 0) return true;
    if (entry->as.frame.commands_count > 200) return true;
    static struct tn_command commands[STREAM_COMMANDS_MAX];
    uint32_t count = apply(bench, bench->events, entry);
    struct tn_account_view view;
    if (!tn_exchange_account(bench->exchange, &view, entry->as.frame.account)) return true;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct tn_event *event = &bench->events[i];
        if (event->kind != TN_EVENT_RESULT || event->client_id == 0) continue;
        if (event->reject == TN_REJECT_CLIENT_ID_TOO_OLD) continue;
        if (event->reject == TN_REJECT_RESULTS_FULL) continue;
        if (twin_result(bench->twin, entry->as.frame.account, event->client_id) != NULL) continue;
        commands[kept++] = entry->as.frame.commands[event->index];
    }
    /* Only the last is sure to be remembered still, however few an account may have. */
    if (kept == 0) return true;
    commands[0] = commands[kept - 1];
    struct tn_entry again = *entry;
    again.as.frame.commands = commands;
    again.as.frame.commands_count = 1;
    again.as.frame.nonce = view.nonce_top + 1;
    void *after = malloc(bench->size);
    TN_ASSERT(after != NULL);
    memcpy(after, bench->memory, bench->size);
    count = apply(bench, bench->others, &again);
    compared++;
    bool holds = count == 1 && bench->others[0].duplicate == 1;
    uint64_t repeated = tn_exchange_digest(bench->exchange);
    memcpy(bench->memory, after, bench->size);
    free(after);
    return holds && repeated == digest_of_nonce_alone(bench, &again);
}

static void test_exchange_answers_a_repeated_command_with_its_first_result_only(void **state)
{
    (void)state;
    probe_streams("repeated", repeated_commands_leave_only_a_nonce);
}

/* Frames that fail as a whole and entries that are refused change nothing at all. */
static bool failures_leave_nothing(struct bench *bench, const struct tn_entry *entry)
{
    uint64_t before = tn_exchange_digest(bench->exchange);
    uint32_t count = apply(bench, bench->events, entry);
    if (count != 1 || bench->events[0].kind != TN_EVENT_RESULT) return true;
    enum tn_reject reject = (enum tn_reject)bench->events[0].reject;
    if (entry->kind == TN_ENTRY_FRAME && reject != TN_REJECT_ACCOUNT_UNKNOWN &&
        reject != TN_REJECT_FRAME_SIZE && reject != TN_REJECT_FRAME_EXPIRED &&
        reject != TN_REJECT_NONCE_USED && reject != TN_REJECT_NONCE_TOO_OLD) {
        return true;
    }
    if (reject == TN_REJECT_NONE) return true;
    if (entry->kind == TN_ENTRY_FRAME && reject == TN_REJECT_ACCOUNT_UNKNOWN &&
        entry->as.frame.account < tn_exchange_accounts_count(bench->exchange)) {
        return true; /* a transfer to nobody: the frame itself was good */
    }
    compared++;
    return tn_exchange_digest(bench->exchange) == before;
}

static void test_exchange_is_unchanged_by_failed_frames_and_refused_entries(void **state)
{
    (void)state;
    probe_streams("failures", failures_leave_nothing);
}

static bool frames_may_be_cut(struct bench *bench, const struct tn_entry *entry)
{
    struct tn_account_view view;
    if (entry->kind != TN_ENTRY_FRAME || entry->as.frame.commands_count < 2) return true;
    if (!tn_exchange_account(bench->exchange, &view, entry->as.frame.account)) return true;
    uint32_t count = apply(bench, bench->events, entry);
    if (count == 1) return true; /* it failed as a whole */
    compared++;
    for (uint32_t i = 0; i < count; i++) {
        if (bench->events[i].kind == TN_EVENT_RESULT) bench->events[i].index = 0;
    }
    bring_back(bench);
    uint32_t cut_count = 0;
    for (uint32_t i = 0; i < entry->as.frame.commands_count; i++) {
        struct tn_entry frame = *entry;
        frame.as.frame.commands = &entry->as.frame.commands[i];
        frame.as.frame.commands_count = 1;
        frame.as.frame.nonce = view.nonce_top + 1 + i;
        static struct tn_event events[65536];
        uint32_t one = tn_exchange_apply(bench->exchange, events, 65536, &frame);
        memcpy(bench->others + cut_count, events, one * sizeof(struct tn_event));
        cut_count += one;
    }
    return count == cut_count &&
           memcmp(bench->events, bench->others, count * sizeof(struct tn_event)) == 0;
}

static void test_exchange_gives_the_same_events_when_a_frame_is_cut_into_single_commands(
    void **state)
{
    (void)state;
    probe_streams("cut", frames_may_be_cut);
}

/* All the work there is, in slices of a size; the number of events. */
static uint32_t sweep_all(struct bench *bench, struct tn_event *events, uint32_t units)
{
    static struct tn_event some[65536];
    struct tn_entry sweep = {.kind = TN_ENTRY_SWEEP, .as.sweep.units = units};
    uint32_t total = 0;
    while (tn_exchange_work(bench->exchange)) {
        uint32_t count = tn_exchange_apply(bench->exchange, some, 65536, &sweep);
        TN_ASSERT(total + count <= bench->events_max);
        memcpy(events + total, some, count * sizeof(struct tn_event));
        total += count;
    }
    return total;
}

static bool sweeps_may_be_cut(struct bench *bench, const struct tn_entry *entry)
{
    if (entry->kind != TN_ENTRY_SWEEP) return true;
    uint32_t count = sweep_all(bench, bench->events, UINT32_MAX);
    uint64_t at_once = tn_exchange_digest(bench->exchange);
    compared += count > 0;
    bring_back(bench);
    uint32_t cut_count = sweep_all(bench, bench->others, 1);
    return count == cut_count && at_once == tn_exchange_digest(bench->exchange) &&
           memcmp(bench->events, bench->others, count * sizeof(struct tn_event)) == 0;
}

static void test_exchange_ends_in_the_same_state_however_its_sweeps_are_cut(void **state)
{
    (void)state;
    probe_streams("sweeps", sweeps_may_be_cut);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exchange_keeps_nothing_of_a_refused_command_but_its_nonce),
        cmocka_unit_test(test_exchange_answers_a_repeated_command_with_its_first_result_only),
        cmocka_unit_test(test_exchange_is_unchanged_by_failed_frames_and_refused_entries),
        cmocka_unit_test(
            test_exchange_gives_the_same_events_when_a_frame_is_cut_into_single_commands),
        cmocka_unit_test(test_exchange_ends_in_the_same_state_however_its_sweeps_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
