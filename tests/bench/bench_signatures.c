/* bench_signatures: a check of a signature by libsecp256k1 and by a key's table, with so many keys
 * in turn, by compressed and by parsed key; the same of several at once and of each by itself; and
 * what a key costs until it has its table. Time is what the process ran; what is compared is
 * measured by turns.
 *
 * usage: bench_signatures [--quick] */
#include "bench.h"
#include "tenor/signature.h"

enum { KEYS_MAX = 1024, SEEN_ENOUGH = 4 };

static const uint32_t KEYS_COUNTS[] = {1, 16, 128, KEYS_MAX};
static const uint32_t GROUPS[] = {1, 2, 4, 8, 16, 45};
enum { GROUP_MAX = 45, GROUP_KEYS = 16 };

static struct tn_signatures real, learned;
static struct prepared {
    struct tn_public_key key;
    struct tn_parsed_key parsed;
    struct tn_hash digest;
    struct tn_signature signature;
} prepared[KEYS_MAX];

static void prepare(void)
{
    uint64_t random = 20260101;
    for (uint32_t i = 0; i < KEYS_MAX; i++) {
        struct prepared *one = &prepared[i];
        struct tn_secret_key secret = {{0}};
        for (uint32_t k = 1; k < TN_SECRET_KEY_SIZE; k++) {
            secret.bytes[k] = (uint8_t)tn_random_next(&random);
            one->digest.bytes[k] = (uint8_t)tn_random_next(&random);
        }
        bool is_made = real.public_key(real.context, &one->key, &secret) &&
                       real.parse(real.context, &one->parsed, &one->key) &&
                       real.sign(real.context, &one->signature, &one->digest, &secret);
        TN_ASSERT(is_made);
    }
}

static double check_ns(const struct tn_signatures *signatures, uint32_t keys, uint32_t checks,
                       bool is_parsed)
{
    uint64_t start_ns = bench_cpu_ns();
    for (uint32_t i = 0; i < checks; i++) {
        const struct prepared *one = &prepared[i % keys];
        bool is_good = is_parsed ? signatures->verify_parsed(signatures->context, &one->digest,
                                                             &one->signature, &one->parsed)
                                 : signatures->verify(signatures->context, &one->digest,
                                                      &one->signature, &one->key);
        TN_ASSERT(is_good);
    }
    return (double)(bench_cpu_ns() - start_ns) / checks;
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

static void run_checks(uint32_t keys, uint32_t checks, uint32_t runs_count, bool is_parsed)
{
    double by_library = 1e9, by_table = 1e9;
    for (uint32_t run = 0; run < runs_count; run++) {
        by_library = least(by_library, check_ns(&real, keys, checks, is_parsed));
        by_table = least(by_table, check_ns(&learned, keys, checks, is_parsed));
    }
    bench_json_open(is_parsed ? "check-parsed" : "check-compressed");
    bench_json_u64("keys", keys);
    bench_json_double("library_ns", by_library);
    bench_json_double("table_ns", by_table);
    bench_json_double("ratio", by_library / by_table);
    bench_json_close();
}

static double check_many_ns(uint32_t group, uint32_t checks)
{
    struct tn_signature_check many[GROUP_MAX];
    bool good[GROUP_MAX];
    uint64_t start_ns = bench_cpu_ns();
    for (uint32_t i = 0; i < checks; i += group) {
        for (uint32_t k = 0; k < group; k++) {
            const struct prepared *one = &prepared[(i + k) % GROUP_KEYS];
            many[k] = (struct tn_signature_check){&one->digest, &one->signature, &one->parsed};
        }
        learned.verify_many(learned.context, good, many, group);
        for (uint32_t k = 0; k < group; k++)
            TN_ASSERT(good[k]);
    }
    return (double)(bench_cpu_ns() - start_ns) / checks;
}

static void run_together(uint32_t group, uint32_t checks, uint32_t runs_count)
{
    double alone = 1e9, together = 1e9;
    checks -= checks % group;
    for (uint32_t run = 0; run < runs_count; run++) {
        alone = least(alone, check_ns(&learned, GROUP_KEYS, checks, true));
        together = least(together, check_many_ns(group, checks));
    }
    bench_json_open("check-together");
    bench_json_u64("group", group);
    bench_json_double("alone_ns", alone);
    bench_json_double("together_ns", together);
    bench_json_double("ratio", alone / together);
    bench_json_close();
}

/* The first checks of each key: the last of them makes its table. */
static void run_learning(void)
{
    struct tn_signatures_counts counts;
    double ns[SEEN_ENOUGH];
    for (uint32_t i = 0; i < SEEN_ENOUGH; i++)
        ns[i] = check_ns(&learned, KEYS_MAX, KEYS_MAX, true);
    tn_signatures_learned_counts(&counts, &learned);
    double before = least(least(ns[0], ns[1]), ns[2]);
    bench_json_open("table-made");
    bench_json_u64("tables", counts.made);
    bench_json_double("ns_per_table",
                      (ns[SEEN_ENOUGH - 1] - before) * KEYS_MAX / (double)counts.made);
    bench_json_close();
}

int main(int argc, char **argv)
{
    bool quick = false;
    const struct bench_option options[] = {BENCH_OPTION_QUICK(&quick)};
    bench_options_read("bench_signatures", options, 1, argc, argv);
    const uint32_t places = 2 * KEYS_MAX;
    const size_t real_size = tn_align(tn_signatures_size());
    const size_t size = real_size + tn_signatures_learned_size(places);
    uint8_t *memory = bench_map(size);
    tn_signatures_real(&real, memory);
    uint64_t start_ns = bench_cpu_ns();
    tn_signatures_learn(&learned, &real, memory + real_size, places);
    bench_json_open("start");
    bench_json_u64("ns", bench_cpu_ns() - start_ns);
    bench_json_close();
    prepare();
    run_learning();
    for (size_t i = 0; i < sizeof(KEYS_COUNTS) / sizeof(KEYS_COUNTS[0]); i++) {
        uint32_t checks = quick ? 100 : 2 * KEYS_MAX;
        run_checks(KEYS_COUNTS[i], checks, quick ? 1 : 7, true);
        run_checks(KEYS_COUNTS[i], checks, quick ? 1 : 7, false);
    }
    for (size_t i = 0; i < sizeof(GROUPS) / sizeof(GROUPS[0]); i++)
        run_together(GROUPS[i], quick ? 100 : KEYS_MAX, quick ? 1 : 15);
    bench_unmap(memory, size);
    return 0;
}
