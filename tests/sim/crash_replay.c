/* crash_replay: the crash of replay.h, and beside it the same with the caps on slices off: what the
 * caps buy. Both columns are exact and the same on every machine. With 500 accounts and more, and
 * a fall within 20 blocks, some are so large that caps must hold slices back: columns that are
 * equal fail.
 *
 * usage: crash_replay [--accounts N] [--seed N] [--blocks N] [--depth N]
 *                     [--impact-ppm N] */
#include "replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_money(const char *what, tn_micros capped, tn_micros uncapped)
{
    printf("%-44s %16.2f %16.2f\n", what, (double)capped / 1e6, (double)uncapped / 1e6);
}

static void print_count(const char *what, uint64_t capped, uint64_t uncapped)
{
    printf("%-44s %16" PRIu64 " %16" PRIu64 "\n", what, capped, uncapped);
}

/* What a million dollars traded by slices gave up against the mark, in micros. */
static tn_micros cost_of_million(const struct sim_stats *stats)
{
    if (stats->slice_value == 0) return 0;
    return tn_mul_div_floor(stats->slice_cost, 1000000 * RISK_DOLLAR, stats->slice_value);
}

static void print_table(const struct replay_result *capped, const struct replay_result *uncapped)
{
    const struct sim_stats *a = &capped->stats, *b = &uncapped->stats;
    printf("%-44s %16s %16s\n", "", "caps on", "caps off");
    print_count("traders", capped->traders, uncapped->traders);
    print_count("entries", a->entries, b->entries);
    print_count("MARKs", a->marks, b->marks);
    print_count("accounts judged anew, nobody skipped", capped->judged, uncapped->judged);
    print_count("blocks until calm", capped->calm_blocks, uncapped->calm_blocks);
    print_count("accounts liquidated", a->liquidated, b->liquidated);
    print_count("  their liquidations", a->episodes, b->episodes);
    print_count("slices", a->slices, b->slices);
    print_count("  of them filled, in part or whole", a->slices_filled, b->slices_filled);
    print_money("  traded by them, dollars", a->slice_value, b->slice_value);
    print_money("  given up against the mark, dollars", a->slice_cost, b->slice_cost);
    print_money("  given up of a million traded, dollars", cost_of_million(a), cost_of_million(b));
    print_count("solvent auctions", a->solvent_auctions, b->solvent_auctions);
    print_count("insolvent auctions", a->insolvent_auctions, b->insolvent_auctions);
    print_count("bids that took a share", a->bids, b->bids);
    print_money("insurance drawn, dollars", a->insurance_paid, b->insurance_paid);
    print_money("insurance received, dollars", a->insurance_received, b->insurance_received);
    print_count("positions deleveraged", a->deleveraged, b->deleveraged);
    print_money("  their value, dollars", a->deleveraged_value, b->deleveraged_value);
    print_money("debt, dollars", a->debt, b->debt);
    print_money("socialised loss, dollars", a->socialised, b->socialised);
    print_money("worst account's equity, dollars", a->worst_equity, b->worst_equity);
    print_count("traders left with nothing", capped->ruined, uncapped->ruined);
    print_money("traders' equity before, dollars", capped->traders_before,
                uncapped->traders_before);
    print_money("traders' equity after, dollars", capped->traders_after, uncapped->traders_after);
}

int main(int argc, char **argv)
{
    struct replay_options options = {
        .accounts = 10000, .blocks = 20, .depth = 10, .impact_ppm = 100, .seed = 20260101};
    for (int i = 1; i + 1 < argc; i += 2) {
        uint64_t value = strtoull(argv[i + 1], NULL, 0);
        if (strcmp(argv[i], "--accounts") == 0) options.accounts = (uint32_t)value;
        if (strcmp(argv[i], "--blocks") == 0) options.blocks = (uint32_t)value;
        if (strcmp(argv[i], "--depth") == 0) options.depth = (uint32_t)value;
        if (strcmp(argv[i], "--impact-ppm") == 0) options.impact_ppm = (uint32_t)value;
        if (strcmp(argv[i], "--seed") == 0) options.seed = value;
    }
    if (argc % 2 == 0 || options.accounts < 1 || options.blocks < 1 || options.depth < 1) {
        fprintf(stderr, "usage: crash_replay [--accounts N] [--seed N] [--blocks N] [--depth N] "
                        "[--impact-ppm N]\n");
        return 2;
    }
    struct replay_result capped, uncapped, again;
    printf("seed %" PRIu64 ": spot falls by 40 %% in %u blocks\n", options.seed, options.blocks);
    replay_run(&capped, &options);
    if (options.accounts <= 1000) { /* the same history gives the same state */
        replay_run(&again, &options);
        if (again.digest != capped.digest) {
            fprintf(stderr, "the same replay ended differently\n");
            return 1;
        }
    }
    options.caps_off = true;
    replay_run(&uncapped, &options);
    print_table(&capped, &uncapped);
    if (options.accounts >= 500 && options.blocks <= 20 &&
        capped.stats.slice_value == uncapped.stats.slice_value) {
        fprintf(stderr, "no cap held a slice back: the columns show nothing\n");
        return 1;
    }
    return 0;
}
