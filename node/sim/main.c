/* tenor-sim: a set of sequencers under a made-up network, disks and clock, and under attack.
 *
 * One seed is one run, always the same. Many seeds are a test. What failed can be replayed from one
 * line, shrunk to fewer faults, and read as a trace. */
#include "sim/shrink.h"
#include "sim/sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifndef TENOR_COMMIT
#define TENOR_COMMIT "unknown"
#endif

static const char USAGE[] =
    " --seed N | --seeds A..B  [options]\n"
    "  --nodes N         validators at the beginning (4, 5, 7 or 10 by the seed)\n"
    "  --seconds S       of faults, before everybody recovers (8); or --minutes M\n"
    "  --faults a,b|all|none   kinds that may come; all: every kind comes\n"
    "  --attacks a,b|none      what the Byzantine do (by the seed)\n"
    "  --byzantine N     how many, as long as they have less than a third (by the seed)\n"
    "  --twins, --no-twins     do Byzantine keys run on two machines each? (by the seed)\n"
    "  --plain           equal weights\n"
    "  --without i,j     leave these faults out of the plan\n"
    "  --plan            print the plan of faults\n"
    "  --show            print everything as it happens\n"
    "  --trace N         print the last N lines of the trace when it fails (60)\n"
    "  --shrink          when it fails, look for fewer faults with which it still fails\n"
    "  --first           with --seeds: stop at the first failure\n"
    "  --expect-failure  exit with 0 if a seed fails, with 1 if none does\n"
    "  --comes-past WORD exit with 1 if no run came past this (a count of the summary)\n"
    "\n"
    "faults:  "
#define X(name, word) " " word
    SIM_FAULT_TABLE(X)
#undef X
        "\nattacks: ";

struct program {
    struct sim_options options;
    uint64_t first, last; /* seeds */
    uint32_t trace_lines;
    bool many, plan, shrink, stop_first, expect_failure;
    uint32_t comes_past; /* enum sim_count; SIM_COUNTS: nothing is asked for */
};

static const char *const COUNT_WORDS[] = {
#define X(name, word) word,
    SIM_COUNT_TABLE(X)
#undef X
};

static _Noreturn void usage(const char *what, const char *word)
{
    if (what != NULL) {
        fprintf(stderr, "%s: %s: %s (without arguments it says how to use it)\n", SIM_NAME, what,
                word);
        exit(2);
    }
    printf("usage: %s%s", SIM_NAME, USAGE);
    for (uint32_t i = 0; i < SIM_ATTACK_WORDS_COUNT; i++)
        printf(" %s", SIM_ATTACK_WORDS[i]);
    putchar('\n');
    exit(0);
}

/* ---- The command line ---- */

static uint32_t words_to_bits(const char *list, const char *const *words, uint32_t count)
{
    uint32_t bits = 0;
    while (*list != '\0') {
        size_t size = strcspn(list, ",");
        uint32_t found = count;
        for (uint32_t i = 0; i < count; i++) {
            if (strlen(words[i]) == size && memcmp(words[i], list, size) == 0) found = i;
        }
        if (found == count) usage("no such word", list);
        bits |= 1u << found;
        list += size + (list[size] == ',');
    }
    return bits;
}

static void take_faults(struct sim_options *options, const char *list)
{
    static const char *const WORDS[] = {
#define X(name, word) word,
        SIM_FAULT_TABLE(X)
#undef X
    };
    options->faults = (1u << SIM_FAULT_KINDS) - 1;
    options->all = true;
    if (strcmp(list, "none") == 0)
        options->faults = 0;
    else if (strcmp(list, "all") != 0)
        options->faults = words_to_bits(list, WORDS, SIM_FAULT_KINDS);
}

static void take_attacks(struct sim_options *options, const char *list)
{
    options->attacks = strcmp(list, "none") == 0
                           ? 0
                           : words_to_bits(list, SIM_ATTACK_WORDS, SIM_ATTACK_WORDS_COUNT);
}

static void take_without(struct sim_options *options, const char *list)
{
    while (*list != '\0') {
        char *end;
        unsigned long index = strtoul(list, &end, 10);
        if (end == list || index >= SIM_FAULTS_MAX) usage("no such fault", list);
        options->without[index / 64] |= UINT64_C(1) << index % 64;
        list = end + (*end == ',');
    }
}

static uint32_t count_of(const char *word)
{
    for (uint32_t i = 0; i < SIM_COUNTS; i++) {
        if (strcmp(COUNT_WORDS[i], word) == 0) return i;
    }
    usage("no such count", word);
}

static uint64_t number(const char *word)
{
    char *end;
    uint64_t value = strtoull(word, &end, 10);
    if (end == word || *end != '\0') usage("not a number", word);
    return value;
}

static void take_seeds(struct program *program, const char *word)
{
    const char *dots = strstr(word, "..");
    if (dots == NULL) usage("not a range A..B", word);
    program->first = strtoull(word, NULL, 10);
    program->last = number(dots + 2);
    program->many = true;
    if (program->last < program->first) usage("an empty range", word);
}

static bool take_flag(struct program *program, const char *word)
{
    struct sim_options *options = &program->options;
    if (strcmp(word, "--twins") == 0)
        options->twins = 1;
    else if (strcmp(word, "--no-twins") == 0)
        options->twins = 0;
    else if (strcmp(word, "--plain") == 0)
        options->plain = true;
    else if (strcmp(word, "--show") == 0)
        options->show = true;
    else if (strcmp(word, "--plan") == 0)
        program->plan = true;
    else if (strcmp(word, "--shrink") == 0)
        program->shrink = true;
    else if (strcmp(word, "--first") == 0)
        program->stop_first = true;
    else if (strcmp(word, "--expect-failure") == 0)
        program->expect_failure = true;
    else
        return false;
    return true;
}

static void take_value(struct program *program, const char *word, const char *value)
{
    struct sim_options *options = &program->options;
    if (value == NULL) usage("unknown, or a value is missing", word);
    if (strcmp(word, "--seed") == 0)
        program->first = program->last = number(value);
    else if (strcmp(word, "--seeds") == 0)
        take_seeds(program, value);
    else if (strcmp(word, "--nodes") == 0)
        options->nodes_count = (uint32_t)number(value);
    else if (strcmp(word, "--seconds") == 0)
        options->duration_ms = (int64_t)number(value) * 1000;
    else if (strcmp(word, "--minutes") == 0)
        options->duration_ms = (int64_t)number(value) * 60000;
    else if (strcmp(word, "--faults") == 0)
        take_faults(options, value);
    else if (strcmp(word, "--attacks") == 0)
        take_attacks(options, value);
    else if (strcmp(word, "--byzantine") == 0)
        options->byzantine = (int32_t)number(value);
    else if (strcmp(word, "--without") == 0)
        take_without(options, value);
    else if (strcmp(word, "--comes-past") == 0)
        program->comes_past = count_of(value);
    else if (strcmp(word, "--trace") == 0)
        program->trace_lines = (uint32_t)number(value);
    else
        usage("unknown", word);
}

static void take_command_line(struct program *program, int count, char **words)
{
    *program = (struct program){.trace_lines = 60, .comes_past = SIM_COUNTS};
    program->options = (struct sim_options){.duration_ms = 8000,
                                            .faults = (1u << SIM_FAULT_KINDS) - 1,
                                            .attacks = UINT32_MAX,
                                            .byzantine = -1,
                                            .twins = -1};
    if (count < 2) usage(NULL, NULL);
    for (int i = 1; i < count; i++) {
        if (take_flag(program, words[i])) continue;
        take_value(program, words[i], i + 1 < count ? words[i + 1] : NULL);
        i++;
    }
    const struct sim_options *options = &program->options;
    if (options->nodes_count != 0 &&
        (options->nodes_count < 4 || options->nodes_count > SIM_NODES_MAX - 8))
        usage("--nodes", "4 to 16");
    if (options->duration_ms < 1000) usage("--seconds", "at least 1");
}

/* ---- Running ---- */

static void print_counts(const uint64_t counts[SIM_COUNTS])
{
    for (uint32_t i = 0; i < SIM_COUNTS; i++) {
        if (counts[i] > 0) printf(",\"%s\":%" PRIu64, COUNT_WORDS[i], counts[i]);
    }
    puts("}");
}

static void print_run(const struct sim *sim)
{
    const struct sim_figures *figures = &sim->figures;
    printf("{\"seed\":%" PRIu64 ",\"commit\":\"%s\",\"hash\":\"%016" PRIx64
           "\",\"result\":\"%s\",\"machines\":%u,\"virtual_ms\":%" PRId64
           ",\"recovery_ms\":%" PRId64 ",\"blocks\":%" PRIu64 ",\"epochs\":%" PRIu64
           ",\"restarts\":%" PRIu64 ",\"snapshots\":%" PRIu64 ",\"checkpoints\":%" PRIu64
           ",\"evidence\":%" PRIu64 ",\"messages\":%" PRIu64,
           sim->options.seed, TENOR_COMMIT, sim->trace.digest.value, sim->failed ? "failed" : "ok",
           sim->machines_count, figures->virtual_us / 1000, figures->recovery_us / 1000,
           figures->blocks, figures->epochs, figures->restarts, figures->snapshots,
           figures->checkpoints, figures->evidence, figures->messages);
    print_counts(figures->counts);
}

static void print_plan(const struct sim *sim)
{
    char text[160];
    printf("%u machines, Byzantine:", sim->machines_count);
    for (uint32_t i = 0; i < sim->machines_count; i++)
        if (sim->machines[i].byzantine) printf(" %u (key %u)", i, sim->machines[i].identity);
    printf(", attacks %x\n", sim->options.attacks);
    for (uint32_t i = 0; i < sim->faults_count; i++) {
        sim_faults_describe(sim, i, text, sizeof text);
        puts(text);
    }
}

static void print_failure(const struct program *program, const struct sim *sim)
{
    if (program->trace_lines > 0) sim_trace_print(sim, program->trace_lines);
    printf("FAILED: %s\n", sim->failure);
    sim_shrink_say_replay(&program->options, sim->options.seed);
}

struct summary {
    uint64_t runs, failed, blocks, messages, restarts, snapshots, epochs, evidence, checkpoints;
    int64_t virtual_us, recovery_most_us;
    uint64_t recovery_most_seed, counts[SIM_COUNTS];
};

static void add(struct summary *summary, const struct sim *sim)
{
    const struct sim_figures *figures = &sim->figures;
    summary->runs++;
    summary->failed += sim->failed;
    summary->blocks += figures->blocks;
    summary->messages += figures->messages;
    summary->restarts += figures->restarts;
    summary->snapshots += figures->snapshots;
    summary->epochs += figures->epochs;
    summary->evidence += figures->evidence;
    summary->checkpoints += figures->checkpoints;
    summary->virtual_us += figures->virtual_us;
    for (uint32_t i = 0; i < SIM_COUNTS; i++)
        summary->counts[i] += figures->counts[i];
    if (sim->failed || figures->recovery_us <= summary->recovery_most_us) return;
    summary->recovery_most_us = figures->recovery_us;
    summary->recovery_most_seed = sim->options.seed;
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void print_summary(const struct program *program, const struct summary *summary,
                          double seconds)
{
    printf("{\"seeds\":\"%" PRIu64 "..%" PRIu64 "\",\"commit\":\"%s\",\"runs\":%" PRIu64
           ",\"failed\":%" PRIu64 ",\"seeds_per_s\":%.1f,\"simulated_hours\":%.3f"
           ",\"blocks\":%" PRIu64 ",\"messages\":%" PRIu64 ",\"restarts\":%" PRIu64
           ",\"snapshots\":%" PRIu64 ",\"epochs\":%" PRIu64 ",\"checkpoints\":%" PRIu64
           ",\"evidence\":%" PRIu64 ",\"recovery_most_ms\":%" PRId64 ",\"of_seed\":%" PRIu64,
           program->first, program->last, TENOR_COMMIT, summary->runs, summary->failed,
           (double)summary->runs / seconds, (double)summary->virtual_us / 3.6e9, summary->blocks,
           summary->messages, summary->restarts, summary->snapshots, summary->epochs,
           summary->checkpoints, summary->evidence, summary->recovery_most_us / 1000,
           summary->recovery_most_seed);
    print_counts(summary->counts);
}

/* Runs a seed; true when it is good. */
static bool run_seed(struct program *program, struct sim *sim, uint64_t seed,
                     struct summary *summary)
{
    struct sim_options options = program->options;
    options.seed = seed;
    bool good = sim_run(sim, &options);
    add(summary, sim);
    if (!program->many || !good) print_run(sim);
    if (program->plan) print_plan(sim);
    if (!good && !program->expect_failure)
        print_failure(program, sim);
    else if (!good)
        printf("failed as expected: %s\n", sim->failure);
    sim_free(sim);
    if (!good && program->shrink) sim_shrink(sim, &options, program->trace_lines);
    return good;
}

int main(int count, char **words)
{
    static struct program program;
    static struct sim sim; /* large */
    struct summary summary = {0};
    take_command_line(&program, count, words);
    setvbuf(stdout, NULL, _IOLBF, 0);
    double start = seconds_now();
    for (uint64_t seed = program.first;; seed++) {
        bool good = run_seed(&program, &sim, seed, &summary);
        if (seed == program.last || (!good && program.stop_first)) break;
    }
    if (program.many) print_summary(&program, &summary, seconds_now() - start);
    if (program.comes_past < SIM_COUNTS && summary.counts[program.comes_past] == 0) {
        printf("no run came past %s: choose other seeds\n", COUNT_WORDS[program.comes_past]);
        return 1;
    }
    return (summary.failed > 0) == program.expect_failure ? 0 : 1;
}
