/* index: from a 64-bit hash to the 32-bit index of a record kept elsewhere.
 *
 * One open-addressed array of 8-byte cells {hash high 32, value low 32}, at most half full, linear
 * probing, deletion by shifting back (so there are no tombstones, and no cost that grows with
 * history). The records hold the keys: a caller walks the candidates of a hash and compares its
 * own key, which costs no extra miss because it is about to read that record anyway. The order of
 * cells depends on the seed and must never reach an event.
 *
 *     TN_INDEX_EACH(&index, hash, slot)
 *         if (records[slot].key == key) return slot;
 *     return TN_NONE;
 */
#ifndef TENOR_INDEX_H
#define TENOR_INDEX_H

#include "tenor/base.h"

struct tn_index {
    uint64_t *cells;
    uint64_t seed; /* local to the process: it only spreads keys that an adversary may choose */
    uint32_t mask; /* cells - 1 */
    uint32_t count;
    uint32_t count_max;
};

#define TN_INDEX_EMPTY UINT64_MAX

/* tn_index_cells is how many 8-byte cells hold count_max entries at most half full.
 * count_max ≤ 2^30. */
static inline uint32_t tn_index_cells(uint32_t count_max)
{
    uint32_t cells = 16;
    while (cells / 2 < count_max)
        cells *= 2;
    return cells;
}

/* tn_index_init formats caller-owned cells as an empty index. */
static inline void tn_index_init(struct tn_index *index, uint64_t *cells, uint32_t count_max,
                                 uint64_t seed)
{
    *index = (struct tn_index){.cells = cells,
                               .seed = seed,
                               .mask = tn_index_cells(count_max) - 1,
                               .count_max = count_max};
    for (uint32_t i = 0; i <= index->mask; i++)
        cells[i] = TN_INDEX_EMPTY;
}

/* tn_index_hash is 32 well-mixed bits of a key of one or two words. */
static inline uint32_t tn_index_hash(const struct tn_index *index, uint64_t key)
{
    uint64_t mixed = (key ^ index->seed) * UINT64_C(0x9FB21C651E98DF25);
    mixed = (mixed ^ (mixed >> 29)) * UINT64_C(0xD6E8FEB86659FD93);
    return (uint32_t)(mixed >> 32);
}

/* tn_index_near makes, of the hash of a key without its last three bits, that of the key itself. */
static inline uint32_t tn_index_near(uint32_t mixed, uint64_t key)
{
    return (mixed & ~UINT32_C(7)) | (((uint32_t)key ^ mixed) & 7);
}

/* tn_index_hash_near is for keys that are counted up, such as order ids: eight neighbours share a
 * line of cells, so that what is inserted or removed one after the other is found in the cache. */
static inline uint32_t tn_index_hash_near(const struct tn_index *index, uint64_t key)
{
    return tn_index_near(tn_index_hash(index, key >> 3), key);
}

/* tn_index_near4 is tn_index_near for keys that are also removed in the order in which they were
 * counted: it takes the hash of a key without its last two bits. Half a line, so that a full group
 * is less in the way of its neighbours, and the oldest last: behind it no younger one has to be
 * looked at. */
static inline uint32_t tn_index_near4(uint32_t mixed, uint64_t key)
{
    return (mixed & ~UINT32_C(3)) | (~(uint32_t)key & 3);
}

static inline uint32_t tn_index_hash2(const struct tn_index *index, uint64_t key, uint64_t more)
{
    return tn_index_hash(
        index, key ^ ((more + UINT64_C(0x632BE59BD9B4E019)) * UINT64_C(0x9E3779B97F4A7C15)));
}

static inline void tn_index_prefetch(const struct tn_index *index, uint32_t hash)
{
    tn_prefetch(&index->cells[hash & index->mask]);
}

/* tn_index_seek is the first cell at or after `cell` that holds `hash`, or an empty cell. */
static inline uint32_t tn_index_seek(const struct tn_index *index, uint32_t cell, uint32_t hash)
{
    while (index->cells[cell] != TN_INDEX_EMPTY && (uint32_t)(index->cells[cell] >> 32) != hash) {
        cell = (cell + 1) & index->mask;
    }
    return cell;
}

/* For every value stored under `hash`. */
#define TN_INDEX_EACH(index, hash, value)                                                          \
    for (uint32_t cell_ = tn_index_seek((index), (hash) & (index)->mask, (hash)), value;           \
         (index)->cells[cell_] != TN_INDEX_EMPTY &&                                                \
         ((value = (uint32_t)(index)->cells[cell_]), true);                                        \
         cell_ = tn_index_seek((index), (cell_ + 1) & (index)->mask, (hash)))

/* tn_index_guess is the first value under `hash`, or UINT32_MAX when there is none. */
static inline uint32_t tn_index_guess(const struct tn_index *index, uint32_t hash)
{
    TN_INDEX_EACH (index, hash, value)
        return value;
    return UINT32_MAX;
}

/* tn_index_insert adds a value; the caller has made sure that there is room and no equal key. */
static inline void tn_index_insert(struct tn_index *index, uint32_t hash, uint32_t value)
{
    TN_ASSERT(index->count < index->count_max);
    uint32_t cell = hash & index->mask;
    while (index->cells[cell] != TN_INDEX_EMPTY)
        cell = (cell + 1) & index->mask;
    index->cells[cell] = (uint64_t)hash << 32 | value;
    index->count++;
}

/* tn_index_put adds a value at `cell`, the empty cell where a search for its hash has just ended:
 * what tn_index_insert does, without searching again. */
static inline void tn_index_put(struct tn_index *index, uint32_t cell, uint32_t hash,
                                uint32_t value)
{
    TN_ASSERT(index->count < index->count_max && index->cells[cell] == TN_INDEX_EMPTY);
    index->cells[cell] = (uint64_t)hash << 32 | value;
    index->count++;
}

/* tn_index_remove_at takes out what `cell` holds. */
static inline void tn_index_remove_at(struct tn_index *index, uint32_t cell)
{
    uint32_t hole = cell;
    for (cell = (hole + 1) & index->mask;; cell = (cell + 1) & index->mask) {
        uint64_t content = index->cells[cell];
        if (content == TN_INDEX_EMPTY) break;
        uint32_t home = (uint32_t)(content >> 32) & index->mask;
        uint32_t fills = ((cell - home) & index->mask) >= ((cell - hole) & index->mask);
        index->cells[hole] = content; /* if it stays, of no meaning: no branch on a hash */
        hole += (cell - hole) & (0 - fills);
    }
    index->cells[hole] = TN_INDEX_EMPTY;
    index->count--;
}

/* tn_index_remove takes out the cell that holds exactly (hash, value); it must be there. */
static inline void tn_index_remove(struct tn_index *index, uint32_t hash, uint32_t value)
{
    uint64_t wanted = (uint64_t)hash << 32 | value;
    uint32_t cell = hash & index->mask;
    while (index->cells[cell] != wanted) {
        TN_ASSERT(index->cells[cell] != TN_INDEX_EMPTY);
        cell = (cell + 1) & index->mask;
    }
    tn_index_remove_at(index, cell);
}

#endif
