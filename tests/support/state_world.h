/* A small market of made-up records, kept in a tn_state and beside it as bytes, so that the twin
 * can work out from the bytes what the state keeps up to date. */
#ifndef TENOR_TEST_STATE_WORLD_H
#define TENOR_TEST_STATE_WORLD_H

#include <stdlib.h>
#include <string.h>

#include "tenor/state.h"
#include "tree_twin.h"

#define WORLD_INDEXES    320
#define WORLD_RECORD_MAX 6000

struct world_record {
    uint32_t size;
    uint8_t bytes[WORLD_RECORD_MAX];
};

struct world {
    struct tn_state *state;
    void *memory;
    struct tn_state_limits limits;
    struct tn_state_head head;
    uint64_t random;
    uint32_t counts[TN_RECORD_KINDS];
    struct world_record records[TN_RECORD_KINDS][WORLD_INDEXES];
};

/* The widest way of hashing that this machine has. */
static inline enum tn_cpu world_cpu(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"))
        return TN_CPU_AVX512;
    if (__builtin_cpu_supports("avx2")) return TN_CPU_AVX2;
#endif
    return TN_CPU_BASE;
}

static inline struct tn_state *world_new_state(const struct tn_state_limits *limits, void **memory)
{
    size_t size = tn_state_size(limits);
    *memory = aligned_alloc(64, tn_align(size));
    TN_ASSERT(*memory != NULL);
    memset(*memory, 0xa5, size); /* it need not be zeroed */
    return tn_state_init(*memory, limits, 3);
}

static inline struct world *world_open(uint64_t seed)
{
    struct world *world = calloc(1, sizeof *world);
    TN_ASSERT(world != NULL);
    world->limits = (struct tn_state_limits){WORLD_INDEXES, 40, 30, 30, 0, world_cpu(), 1024};
    world->state = world_new_state(&world->limits, &world->memory);
    world->random = seed;
    world->head.height = 1000 + seed % 100;
    for (uint32_t i = 0; i < 32; i++)
        world->head.chain_id[i] = (uint8_t)tn_random_next(&world->random);
    return world;
}

static inline void world_close(struct world *world)
{
    free(world->memory);
    free(world);
}

static inline uint32_t world_limit(const struct world *world, uint32_t kind)
{
    if (kind == TN_RECORD_MARKET) return world->limits.market_max;
    if (kind == TN_RECORD_FEEDS) return world->limits.feeds_max;
    if (kind == TN_RECORD_SERIES || kind == TN_RECORD_ROWS || kind == TN_RECORD_BOOK)
        return world->limits.series_max;
    return world->limits.accounts_max;
}

static inline void world_number(uint8_t *out, uint64_t value, int size)
{
    for (int i = 0; i < size; i++)
        out[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
}

/* Bytes that a record of that kind could be. */
static inline void world_make(struct world *world, uint32_t kind, struct world_record *record)
{
    uint64_t *random = &world->random;
    uint8_t *bytes = record->bytes;
    for (uint32_t i = 0; i < WORLD_RECORD_MAX; i += 8) {
        uint64_t word = tn_random_next(random);
        memcpy(bytes + i, &word, 8);
    }
    switch (kind) {
        case TN_RECORD_ACCOUNT:
            record->size = 112;
            /* cash of all sizes and both signs */
            world_number(bytes + 24,
                         (uint64_t)((int64_t)tn_random_next(random) >> tn_random_below(random, 64)),
                         8);
            break;
        case TN_RECORD_POSITIONS:
            record->size = 40 * (uint32_t)tn_random_below(random, 24);
            for (uint32_t i = 0; i < record->size; i += 40)
                world_number(bytes + i, (uint64_t)1 << 53 | (uint64_t)2 << 51 | i, 8);
            break;
        case TN_RECORD_BOOK: {
            uint32_t orders = 0;
            for (uint32_t list = 0; list < 4; list++) {
                uint32_t count = (uint32_t)tn_random_below(random, 12);
                world_number(bytes + 4 * list, count, 4);
                orders += count;
            }
            record->size = 16 + 128 * orders;
            break;
        }
        case TN_RECORD_MEMORY: {
            uint32_t groups = 120 * (uint32_t)tn_random_below(random, 3);
            uint32_t results = (uint32_t)tn_random_below(random, 100);
            world_number(bytes, groups, 4);
            world_number(bytes + 4 + groups, tn_random_below(random, 1000), 8);
            world_number(bytes + 12 + groups, results, 4);
            record->size = 16 + groups + 34 * results;
            break;
        }
        case TN_RECORD_SERIES:
            record->size = 112;
            /* a call on underlying 1, day 2500, strike 60 000 */
            world_number(
                bytes, (uint64_t)1 << 53 | (uint64_t)2 << 51 | (uint64_t)2500 << 36 | 600000000, 8);
            break;
        case TN_RECORD_ROWS: record->size = 336; break;
        case TN_RECORD_MARGIN: record->size = 112; break;
        default: record->size = 48 + (uint32_t)tn_random_below(random, 400); break;
    }
}

static inline void world_count(struct world *world, uint32_t kind, uint32_t count)
{
    for (uint32_t i = count; i < world->counts[kind]; i++) {
        world->records[kind][i].size = 0;
        if (kind == TN_RECORD_ACCOUNT) world->records[TN_RECORD_POSITIONS][i].size = 0;
    }
    world->counts[kind] = count;
    if (kind == TN_RECORD_ACCOUNT) world->counts[TN_RECORD_POSITIONS] = count;
    tn_state_count(world->state, kind, count);
}

/* Gives a record, made before, to the state. */
static inline void world_set(struct world *world, uint32_t kind, uint32_t index)
{
    const struct world_record *record = &world->records[kind][index];
    struct tn_record_name name = {(uint8_t)kind, index};
    bool good = tn_state_set(world->state, name, record->bytes, record->size);
    TN_ASSERT(good);
}

/* Every kind has some records; each is set, in batches. */
static inline void world_fill(struct world *world, uint32_t accounts, uint32_t series)
{
    static const uint8_t kinds[] = {1, 2, 3, 4, 9, 5, 6, 7, 8};
    struct tn_state_record *batch = calloc(TN_RECORD_KINDS * WORLD_INDEXES, sizeof *batch);
    TN_ASSERT(batch != NULL);
    uint32_t count = 0;
    for (uint32_t i = 0; i < sizeof kinds; i++) {
        const uint32_t kind = kinds[i];
        uint32_t limit = world_limit(world, kind);
        uint32_t records = limit == world->limits.accounts_max ? accounts
                           : limit == world->limits.series_max ? series
                                                               : 7;
        world_count(world, kind, records);
        for (uint32_t index = 0; index < records; index++) {
            struct world_record *record = &world->records[kind][index];
            world_make(world, kind, record);
            batch[count++] =
                (struct tn_state_record){{(uint8_t)kind, index}, record->bytes, record->size};
        }
    }
    bool good = tn_state_set_many(world->state, batch, count);
    TN_ASSERT(good);
    free(batch);
}

/* ---- What the twin says ---- */

static inline struct twin_node *world_leaves(const struct world *world, uint32_t kind)
{
    struct twin_node *leaves = calloc(world->counts[kind] + 1, sizeof *leaves);
    TN_ASSERT(leaves != NULL);
    for (uint32_t i = 0; i < world->counts[kind]; i++) {
        const struct world_record *record = &world->records[kind][i];
        const struct world_record *positions = &world->records[TN_RECORD_POSITIONS][i];
        struct tn_hash root = twin_nothing();
        if (kind == TN_RECORD_ACCOUNT)
            root = twin_positions_root(positions->bytes, positions->size);
        leaves[i] = twin_record_leaf((uint8_t)kind, i, record->bytes, record->size, root);
    }
    return leaves;
}

static inline struct tn_hash world_twin_root(const struct world *world)
{
    static const uint8_t order[8] = {5, 7, 8, 2, 4, 9, 1, 3};
    struct tn_hash sections[16] = {{{0}}};
    for (uint32_t i = 0; i < 8; i++) {
        struct twin_node *leaves = world_leaves(world, order[i]);
        sections[i] = twin_root(leaves, world->counts[order[i]], order[i], order[i] == 5);
        free(leaves);
    }
    return twin_state_root(world->head.chain_id, world->head.height, twin_market_root(3, sections),
                           world->head.globals);
}

static inline struct tn_hash world_root(const struct world *world)
{
    struct tn_hash root;
    bool good = tn_state_update(world->state);
    TN_ASSERT(good);
    tn_state_root(&root, world->state, &world->head);
    return root;
}

#endif
