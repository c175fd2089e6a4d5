/* root_bits: the roots and block hashes of random markets, for every build and path to agree on.
 *
 *     root_bits base|avx2|avx512
 *
 * Ends with 77 where the processor lacks the path. Seeded streams of a market under margin, one for
 * each theme, run through the replica in blocks of uneven size with an exit checkpoint every few:
 * entries, results, prices, margin, records, trees. A block's hash covers the results of its
 * entries, its root all of the state. Then keys and signatures (signature_bits.h). root_bits.sh
 * builds all of it in many ways. */
#include "risk_stream.h"
#include "signature_bits.h"

#include "tenor/replica.h"
#include "zeroed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SKIPPED = 77, SEED = 20260704, BLOCKS = 40, ENTRIES_MAX = 24, EXIT_BLOCKS = 4, TELL = 4 };

struct market {
    struct tn_replica_limits limits;
    struct tn_replica *replica;
    struct tn_event *events;
    uint32_t events_max;
    uint8_t *bytes;
};

static void open_market(struct market *market, enum tn_cpu cpu)
{
    *market = (struct market){.limits = {.market = 7, .exit_blocks = EXIT_BLOCKS}};
    risk_stream_limits(&market->limits.exchange);
    market->limits.exchange.cpu = (uint8_t)cpu;
    market->limits.exchange.hash_seed = 1 + (uint64_t)cpu; /* local: must not show */
    market->limits.chain_id[0] = 1;
    market->replica =
        tn_replica_init(take_zeroed(tn_replica_size(&market->limits)), &market->limits);
    market->events_max = tn_exchange_events_max(&market->limits.exchange);
    market->events = take_zeroed(market->events_max * sizeof *market->events);
    market->bytes = take_zeroed(TN_ENTRY_BYTES_MAX);
}

static void close_market(struct market *market)
{
    free(market->replica);
    free(market->events);
    free(market->bytes);
}

static void apply(struct market *market, const struct tn_entry *entry)
{
    size_t size = tn_stream_write_entry(market->bytes, TN_ENTRY_BYTES_MAX, entry);
    TN_ASSERT(size > 0 && size <= TN_ENTRY_BYTES_MAX);
    tn_replica_apply(market->replica, market->events, market->events_max, entry, market->bytes,
                     size);
}

static void seal(struct market *market, struct tn_hash *hash, struct tn_hash *root)
{
    struct tn_batch_header batch;
    struct tn_block_header block = {.epoch = 1};
    tn_replica_end_batch(market->replica, &batch);
    block.view = tn_replica_heads(market->replica)->height + 1;
    block.time_ms = (uint64_t)tn_exchange_time_ms(tn_replica_exchange(market->replica));
    tn_replica_end_block(market->replica, &block, hash, root);
}

static void print_hash(const char *name, const struct tn_hash *hash)
{
    printf(" %s ", name);
    for (uint32_t i = 0; i < TN_HASH_SIZE; i++)
        printf("%02x", hash->bytes[i]);
}

static void run(enum tn_cpu cpu, uint64_t seed)
{
    static struct risk_stream stream;
    struct market market;
    uint64_t random = seed;
    open_market(&market, cpu);
    risk_stream_start(&stream, tn_replica_exchange(market.replica), seed);
    for (uint32_t block = 1; block <= BLOCKS; block++) {
        struct tn_hash hash, root;
        uint64_t entries = 1 + tn_random_below(&random, ENTRIES_MAX);
        tn_replica_begin_batch(market.replica);
        for (; entries > 0; entries--) {
            struct tn_entry entry;
            risk_stream_next(&stream, &entry);
            apply(&market, &entry);
        }
        seal(&market, &hash, &root);
        if (block % TELL != 0) continue;
        printf("seed %llu block %2u", (unsigned long long)seed, block);
        print_hash("hash", &hash);
        print_hash("root", &root);
        printf("\n");
    }
    close_market(&market);
}

static bool machine_has(enum tn_cpu cpu)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (cpu == TN_CPU_AVX2) return __builtin_cpu_supports("avx2");
    if (cpu == TN_CPU_AVX512) {
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
    }
#endif
    return cpu == TN_CPU_BASE;
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"base", "avx2", "avx512"};
    uint32_t cpu = 0;
    while (cpu < 3 && (argc != 2 || strcmp(argv[1], names[cpu]) != 0))
        cpu++;
    if (cpu == 3) {
        fprintf(stderr, "usage: root_bits base|avx2|avx512\n");
        return 2;
    }
    if (!machine_has((enum tn_cpu)cpu)) return SKIPPED;
    for (uint32_t theme = 0; theme < RISK_THEMES; theme++)
        run((enum tn_cpu)cpu, SEED + theme);
    signature_bits_run(SEED);
    return 0;
}
