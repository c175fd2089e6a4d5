/* bench_exchange: how fast the whole exchange is, against its naive twin and the machine's floor.
 *
 *     bench_exchange [--quick] [--no-prefetch] [--no-twin] [--workload NAME]
 *
 * X: order frames with accounts, fees, self-trade prevention, remembered client ids, ledger. Q:
 * mass quotes; a message is one side of one quote. Every run starts from the same full market and
 * writes its events. The first run is not timed and yields the checksum of all events, and of the
 * state afterwards. The twin does the first messages of the fill and must agree on both. The floor
 * is a minimal book, without ids, checks, accounts or money, doing the orders of the same stream:
 * a measure of the machine. */
#include "bench.h"
#include "exchange_load.h"
#include "exchange_twin.h"

#define RING       TN_EXCHANGE_RING /* unpacked entries: more than are looked at ahead */
#define FLOOR_ROOM 512

static const struct load_workload workloads[] = {
    {.name = "X",
     .messages = 1000000,
     .fill = 2400000,
     .accounts = 1000,
     .owners = 800,
     .underlyings = 2,
     .series = 200,
     .menu = 32,
     .commands_per_frame = 1,
     .resting = 48000,
     .results_per_account = 1024,
     .twin_messages = 2000,
     .quick_divisor = 20},
    {.name = "X-16",
     .messages = 1000000,
     .fill = 2400000,
     .accounts = 1000,
     .owners = 800,
     .underlyings = 2,
     .series = 200,
     .menu = 32,
     .commands_per_frame = 16,
     .resting = 48000,
     .results_per_account = 1024,
     .twin_messages = 2000,
     .quick_divisor = 20},
    {.name = "Q",
     .messages = 2560000,
     .fill = 256000,
     .accounts = 10,
     .owners = 10,
     .underlyings = 4,
     .series = 1000,
     .quotes = 64,
     .half_spread_ticks = 3,
     .results_per_account = 1024,
     .twin_messages = 1280,
     .quick_divisor = 20},
    {.name = "Q-no-cross",
     .messages = 2560000,
     .fill = 256000,
     .accounts = 10,
     .owners = 10,
     .underlyings = 4,
     .series = 1000,
     .quotes = 64,
     .half_spread_ticks = 10,
     .results_per_account = 1024,
     .twin_messages = 1280,
     .quick_divisor = 20},
};

static bool looks_ahead = true;
static bool asks_twin = true;
static uint32_t runs_count = 5;

static void digest_events(struct tn_digest *digest, const struct tn_event *events, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t words[sizeof(struct tn_event) / 8];
        memcpy(words, &events[i], sizeof(words));
        for (uint32_t k = 0; k < sizeof(words) / 8; k++)
            tn_digest_u64(digest, words[k]);
    }
}

static uint32_t apply_one(struct tn_exchange *exchange, const struct load *load,
                          const struct tn_entry *entry, const struct tn_exchange_ahead *ahead,
                          struct tn_digest *digest)
{
    uint32_t count =
        tn_exchange_apply_ahead(exchange, load->events, load->events_max, entry, ahead);
    if (digest != NULL) digest_events(digest, load->events, count);
    return count;
}

/* Applies the timed stream, unpacking frames and looking ahead; with a digest, not to be timed. */
static void run_stream(struct tn_exchange *exchange, const struct load *load,
                       struct tn_digest *digest)
{
    static struct pack_slot ring[RING];
    static struct tn_exchange_ahead found[RING];
    const uint32_t ahead = looks_ahead ? TN_EXCHANGE_TURNS : 0;
    const uint32_t count = load->pack.entries_count;
    const unsigned char *bytes = load->pack.bytes;
    memset(found, 0, sizeof(found));
    for (uint32_t at = 0; at < count + ahead; at++) {
        if (at < count) bytes = pack_take(&ring[at % RING], bytes);
        const struct tn_entry *entry = at < count ? &ring[at % RING].entry : NULL;
        if (looks_ahead) tn_exchange_prefetch_turn(exchange, found, at, entry);
        if (at < ahead) continue;
        uint32_t i = (at - ahead) % RING;
        apply_one(exchange, load, &ring[i].entry, looks_ahead ? &found[i] : NULL, digest);
    }
}

static void run_part(struct tn_exchange *exchange, const struct load *load,
                     const struct load_part *part, struct tn_digest *digest)
{
    for (uint32_t i = 0; i < part->entries_count; i++)
        apply_one(exchange, load, &part->entries[i], NULL, digest);
}

static void measure(const struct load *load, struct bench_runs *runs, struct tn_digest *digest,
                    uint64_t *state)
{
    struct tn_exchange *exchange = load_restart(load);
    run_stream(exchange, load, digest);
    *state = tn_exchange_digest(exchange);
    for (uint32_t i = 0; i < runs_count; i++) {
        exchange = load_restart(load);
        uint64_t begin = bench_cpu_ns();
        run_stream(exchange, load, NULL);
        bench_add_run(runs, bench_cpu_ns() - begin);
        TN_ASSERT(tn_exchange_digest(exchange) == *state);
    }
}

static void measure_floor(const struct load *load, struct bench_runs *runs)
{
    static struct tn_book_report reports[2 * FLOOR_ROOM];
    struct floor floor;
    floor_open(&floor, load->workload->series, LOAD_FLOOR_PRICES, load->floor_ids);
    for (uint32_t run = 0; run < runs_count; run++) {
        floor_reset(&floor);
        uint64_t begin = 0;
        uint32_t written = 0;
        for (uint32_t i = 0; i < load->floor_count; i++) {
            if (i == load->floor_fill) begin = bench_cpu_ns();
            if (written > FLOOR_ROOM) written = 0;
            written += floor_handle(&floor, &reports[written], &load->floor[i]);
        }
        bench_add_run(runs, bench_cpu_ns() - begin);
    }
    floor_close(&floor);
}

/* ns per message of the twin, and of the exchange on the same messages, from an empty market. */
struct versus {
    double twin_ns, exchange_ns;
};

static uint64_t fresh_run(const struct load *load, struct tn_digest *digest)
{
    memset(load->memory, 0, load->size);
    struct tn_exchange *exchange = tn_exchange_init(load->memory, &load->limits);
    run_part(exchange, load, &load->setup, NULL);
    uint64_t begin = bench_cpu_ns();
    run_part(exchange, load, &load->prefix, digest);
    uint64_t took = bench_cpu_ns() - begin;
    if (digest != NULL) tn_digest_u64(digest, tn_exchange_digest(exchange));
    return took;
}

static struct versus measure_twin(const struct load *load)
{
    struct tn_digest ours = {0}, theirs = {0};
    struct bench_runs runs = {.count = 0};
    fresh_run(load, &ours);
    for (uint32_t i = 0; i < runs_count; i++)
        bench_add_run(&runs, fresh_run(load, NULL));
    struct twin *twin = twin_new(&load->limits);
    for (uint32_t i = 0; i < load->setup.entries_count; i++)
        twin_apply(twin, load->events, load->events_max, &load->setup.entries[i]);
    uint64_t ns = 0;
    for (uint32_t i = 0; i < load->prefix.entries_count; i++) {
        uint64_t begin = bench_cpu_ns();
        uint32_t count = twin_apply(twin, load->events, load->events_max, &load->prefix.entries[i]);
        ns += bench_cpu_ns() - begin;
        digest_events(&theirs, load->events, count);
    }
    tn_digest_u64(&theirs, twin_digest(twin));
    twin_free(twin);
    TN_ASSERT(ours.value == theirs.value);
    double messages = load->prefix.messages;
    return (struct versus){(double)ns / messages, (double)bench_best_ns(&runs) / messages};
}

static void print_load(const struct load *load)
{
    const struct load_workload *workload = load->workload;
    const struct load_counts *counts = &load->counts;
    double messages = load->timed.messages;
    bench_json_u64("seed", LOAD_SEED);
    bench_json_u64("accounts", workload->accounts);
    bench_json_u64("owners", workload->owners);
    bench_json_u64("series", workload->series);
    bench_json_u64("commands_per_frame", workload->quotes > 0 ? 1 : workload->commands_per_frame);
    if (workload->quotes > 0) bench_json_u64("quotes_per_command", workload->quotes);
    bench_json_u64("resting_min", counts->resting_min);
    bench_json_u64("resting_max", counts->resting_max);
    bench_json_u64("exposures", counts->exposures);
    bench_json_double("events_per_message", counts->events / messages);
    bench_json_double("trades_per_message", counts->trades / messages);
    bench_json_double("self_trade_share", counts->self_trades / messages);
    bench_json_double("kept_place_share", counts->kept_places / messages);
    bench_json_double("stale_share", counts->stale / messages);
    for (uint32_t i = 0; i < LOAD_REJECTS_MAX; i++) {
        if (counts->rejects[i] == 0) continue;
        char key[64];
        snprintf(key, sizeof(key), "reject_%s", tn_reject_name((enum tn_reject)i));
        bench_json_u64(key, counts->rejects[i]);
    }
}

static void print_sizes(const struct load *load)
{
    uint32_t hot, cold, index;
    tn_exchange_order_bytes(&hot, &cold, &index);
    bench_json_u64("hot_record_bytes", hot);
    bench_json_u64("cold_record_bytes", cold);
    bench_json_u64("id_index_bytes", index);
    bench_json_u64("exchange_bytes", load->size);
    bench_json_string("memory", "MADV_HUGEPAGE");
}

static bool any_trade(const struct tn_event *events, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (events[i].kind == TN_EVENT_TRADE) return true;
    }
    return false;
}

/* One frame at a time under the cycle counter, nothing prefetched; the counter's own cost is stated
 * and not taken off. All frames, or those that did not trade. Blocks and marks are no commands. */
static void print_latency(const struct load *load, const char *suffix, bool trades)
{
    uint32_t count = 0;
    uint32_t *cycles = bench_map(load->pack.entries_count * sizeof(uint32_t));
    uint64_t overhead = UINT64_MAX;
    for (uint32_t i = 0; i < 10000; i++) {
        uint64_t begin = bench_cycles();
        uint64_t took = bench_cycles() - begin;
        if (took < overhead) overhead = took;
    }
    static struct pack_slot slot;
    const unsigned char *bytes = load->pack.bytes;
    struct tn_exchange *exchange = load_restart(load);
    for (uint32_t i = 0; i < load->pack.entries_count; i++) {
        bytes = pack_take(&slot, bytes);
        uint64_t begin = bench_cycles();
        uint32_t events = tn_exchange_apply(exchange, load->events, load->events_max, &slot.entry);
        uint64_t took = bench_cycles() - begin;
        if (slot.entry.kind != TN_ENTRY_FRAME) continue;
        if (trades || !any_trade(load->events, events)) cycles[count++] = (uint32_t)took;
    }
    double rate = bench_cycles_per_ns();
    char name[64];
    snprintf(name, sizeof(name), "%s-%s", load->workload->name, suffix);
    bench_json_open(name);
    bench_json_u64("frames", count);
    bench_json_double("clock_overhead_ns_included", (double)overhead / rate);
    bench_json_latency(cycles, count, rate);
    bench_json_close();
    bench_unmap(cycles, load->pack.entries_count * sizeof(uint32_t));
}

static void print_floor(const struct load *load, const struct bench_runs *runs)
{
    char name[64];
    uint32_t messages = load->floor_count - load->floor_fill;
    snprintf(name, sizeof(name), "%s-floor", load->workload->name);
    bench_json_open(name);
    bench_json_u64("messages", messages);
    bench_json_double("ns_per_message", (double)bench_best_ns(runs) / messages);
    bench_json_double("ns_per_message_median", (double)bench_median_ns(runs) / messages);
    bench_json_close();
}

static void run_workload(const struct load_workload *workload)
{
    struct load load = {.cpu = TN_CPU_BASE};
    struct bench_runs runs = {.count = 0}, floor_runs = {.count = 0};
    struct tn_digest digest = {0};
    uint64_t state;
    load_make(&load, workload);
    measure(&load, &runs, &digest, &state);
    measure_floor(&load, &floor_runs);
    double floor_ns = (double)bench_best_ns(&floor_runs) / (load.floor_count - load.floor_fill);

    char text[64];
    bench_json_open(workload->name);
    bench_json_speed(&runs, load.timed.messages, digest.value);
    snprintf(text, sizeof(text), "%016llx", (unsigned long long)state);
    bench_json_string("state_digest", text);
    bench_json_string("clock", "cpu");
    bench_json_string("prefetch", looks_ahead ? "yes" : "no");
    bench_json_double("floor_ratio", (double)bench_best_ns(&runs) / load.timed.messages / floor_ns);
    print_load(&load);
    print_sizes(&load);
    if (asks_twin) {
        struct versus versus = measure_twin(&load);
        bench_json_u64("twin_messages", load.prefix.messages);
        bench_json_double("twin_ns_per_message", versus.twin_ns);
        bench_json_double("twin_ratio", versus.twin_ns / versus.exchange_ns);
    }
    bench_json_close();
    print_floor(&load, &floor_runs);
    if (workload->quotes == 0 && workload->commands_per_frame == 1) {
        print_latency(&load, "latency", true);
        print_latency(&load, "latency-no-trade", false);
    }
    load_free(&load);
}

int main(int argc, char **argv)
{
    bool quick = false, no_prefetch = false, no_twin = false;
    const char *only = NULL;
    const struct bench_option options[] = {
        BENCH_OPTION_QUICK(&quick),
        {.name = "--no-prefetch", .flag = &no_prefetch, .help = "nothing is looked up ahead"},
        {.name = "--no-twin", .flag = &no_twin, .help = "without the naive twin"},
        BENCH_OPTION_WORKLOAD(&only),
    };
    bench_options_read("bench_exchange", options, 4, argc, argv);
    if (quick) runs_count = 1;
    looks_ahead = !no_prefetch;
    asks_twin = !no_twin;
    bool found = false;
    bench_json_machine();
    for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++) {
        struct load_workload workload = workloads[i];
        if (only != NULL && strcmp(only, workload.name) != 0) continue;
        found = true;
        if (quick) {
            workload.messages /= workload.quick_divisor;
            workload.fill /= workload.quick_divisor;
            workload.twin_messages /= 4;
        }
        run_workload(&workload);
    }
    if (!found) fprintf(stderr, "bench_exchange: there is no workload \"%s\"\n", only);
    return found ? 0 : 2;
}
