/* shrink: greedy. Something is left out; if the run still fails it stays out. Attacks first, then
 * faults from the last to the first, until a whole round changes nothing. */
#include "sim/shrink.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void say_words(FILE *out, const char *flag, uint32_t bits, const char *const *words,
                      uint32_t count)
{
    fprintf(out, " %s %s", flag, bits == 0 ? "none" : "");
    bool first = true;
    for (uint32_t i = 0; i < count; i++) {
        if ((bits >> i & 1) == 0) continue;
        fprintf(out, "%s%s", first ? "" : ",", words[i]);
        first = false;
    }
}

static void say_without(FILE *out, const struct sim_options *options)
{
    bool first = true;
    for (uint32_t i = 0; i < SIM_FAULTS_MAX; i++) {
        if ((options->without[i / 64] >> i % 64 & 1) == 0) continue;
        fprintf(out, "%s%u", first ? " --without " : ",", i);
        first = false;
    }
}

static void say(FILE *out, const struct sim_options *options)
{
    static const char *const FAULTS[] = {
#define X(name, word) word,
        SIM_FAULT_TABLE(X)
#undef X
    };
    fprintf(out, "%s --seed %" PRIu64 " --seconds %" PRId64, SIM_NAME, options->seed,
            options->duration_ms / 1000);
    if (options->nodes_count != 0) fprintf(out, " --nodes %u", options->nodes_count);
    if (options->all) say_words(out, "--faults", options->faults, FAULTS, SIM_FAULT_KINDS);
    if (options->attacks != UINT32_MAX)
        say_words(out, "--attacks", options->attacks, SIM_ATTACK_WORDS, SIM_ATTACK_WORDS_COUNT);
    if (options->byzantine >= 0) fprintf(out, " --byzantine %d", options->byzantine);
    if (options->twins >= 0) fputs(options->twins == 1 ? " --twins" : " --no-twins", out);
    if (options->plain) fputs(" --plain", out);
    say_without(out, options);
    fputc('\n', out);
}

void sim_shrink_say_replay(const struct sim_options *options, uint64_t seed)
{
    struct sim_options copy = *options;
    copy.seed = seed;
    fputs("to replay: ", stdout);
    say(stdout, &copy);
}

/* Does it fail, and in the same way: with the same words up to the first number? */
static bool fails(struct sim *sim, const struct sim_options *options, const char *failure)
{
    sim_run(sim, options);
    bool same = sim->failed;
    const char *have = strstr(sim->failure, ": "), *want = strstr(failure, ": ");
    have = have == NULL ? sim->failure : have + 2;
    want = want == NULL ? failure : want + 2;
    same = same && strncmp(have, want, strcspn(want, "0123456789")) == 0;
    sim_free(sim);
    return same;
}

static bool drop_attacks(struct sim *sim, struct sim_options *options, const char *failure)
{
    bool changed = false;
    for (uint32_t i = 0; i < SIM_ATTACKS; i++) {
        struct sim_options fewer = *options;
        fewer.attacks &= ~(1u << i);
        if (fewer.attacks == options->attacks || !fails(sim, &fewer, failure)) continue;
        *options = fewer;
        changed = true;
    }
    return changed;
}

static bool drop_faults(struct sim *sim, struct sim_options *options, uint32_t count,
                        const char *failure)
{
    bool changed = false;
    for (uint32_t i = count; i-- > 0;) {
        struct sim_options fewer = *options;
        if ((options->without[i / 64] >> i % 64 & 1) != 0) continue;
        fewer.without[i / 64] |= UINT64_C(1) << i % 64;
        if (!fails(sim, &fewer, failure)) continue;
        *options = fewer;
        changed = true;
    }
    return changed;
}

void sim_shrink(struct sim *sim, const struct sim_options *options, uint32_t trace_lines)
{
    struct sim_options least = *options;
    char failure[sizeof sim->failure];
    least.show = false;
    sim_run(sim, &least);
    memcpy(failure, sim->failure, sizeof failure);
    uint32_t count = sim->faults_count;
    /* what the seed chose for it is said aloud, so that it can be left out */
    struct sim_options spoken = least;
    spoken.attacks = sim->options.attacks;
    sim_free(sim);
    if (fails(sim, &spoken, failure)) least = spoken;
    bool changed = true;
    for (uint32_t round = 0; changed && round < 4; round++) {
        changed = least.attacks != UINT32_MAX && drop_attacks(sim, &least, failure);
        changed = drop_faults(sim, &least, count, failure) || changed;
    }
    puts("\n==== shrunk to:");
    sim_run(sim, &least);
    for (uint32_t i = 0; i < sim->faults_count; i++) {
        char text[160];
        sim_faults_describe(sim, i, text, sizeof text);
        if (!sim->faults[i].without) puts(text);
    }
    sim_trace_print(sim, trace_lines);
    printf("FAILED: %s\n", sim->failure);
    sim_shrink_say_replay(&least, least.seed);
    sim_free(sim);
}
