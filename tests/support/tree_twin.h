/* The trees of docs/specs/state.md as the page says them, by recursion over all leaves: slow,
 * plain, and sharing nothing with src/ but keccak. Hashes are given back by value. */
#ifndef TENOR_TEST_TREE_TWIN_H
#define TENOR_TEST_TREE_TWIN_H

#include <stdlib.h>
#include <string.h>

#include "tenor/crypto.h"

struct twin_node {
    struct tn_hash hash;
    tn_i128 sum;
};

/* Bytes being put together. */
struct twin_bytes {
    uint8_t bytes[1 << 14];
    size_t size;
};

static inline void twin_put(struct twin_bytes *to, const void *bytes, size_t size)
{
    TN_ASSERT(to->size + size <= sizeof to->bytes);
    if (size > 0) memcpy(to->bytes + to->size, bytes, size);
    to->size += size;
}
static inline void twin_put_number(struct twin_bytes *to, tn_i128 value, int size)
{
    for (int shift = 8 * (size - 1); shift >= 0; shift -= 8) {
        uint8_t byte = (uint8_t)(value >> shift);
        twin_put(to, &byte, 1);
    }
}
static inline void twin_put_hash(struct twin_bytes *to, struct tn_hash hash)
{
    twin_put(to, hash.bytes, TN_HASH_SIZE);
}
static inline struct tn_hash twin_hash(const struct twin_bytes *bytes)
{
    struct tn_hash hash;
    TN_ASSERT(bytes->size != 64);
    tn_keccak256(&hash, bytes->bytes, bytes->size);
    return hash;
}
static inline struct tn_hash twin_nothing(void)
{
    return (struct tn_hash){{0}};
}

static inline struct tn_hash twin_leaf(uint8_t kind, uint32_t index, const void *body, size_t size)
{
    struct twin_bytes *bytes = calloc(1, sizeof *bytes);
    TN_ASSERT(bytes != NULL);
    struct tn_hash hash = twin_nothing();
    if (size > 0) {
        twin_put_number(bytes, size == 58 ? 5 : 0, 1);
        twin_put_number(bytes, kind, 1);
        twin_put_number(bytes, index, 4);
        twin_put(bytes, body, size);
        if (size == 58) twin_put_number(bytes, 0, 1);
        hash = twin_hash(bytes);
    }
    free(bytes);
    return hash;
}

static inline int twin_depth(uint64_t count)
{
    int depth = 0;
    while (UINT64_C(1) << depth < count)
        depth++;
    return depth;
}

static inline struct twin_node twin_join(struct twin_node left, struct twin_node right, bool sums)
{
    struct twin_bytes *bytes = calloc(1, sizeof *bytes);
    TN_ASSERT(bytes != NULL);
    twin_put_number(bytes, sums ? 2 : 1, 1);
    twin_put_hash(bytes, left.hash);
    if (sums) twin_put_number(bytes, left.sum, 16);
    twin_put_hash(bytes, right.hash);
    if (sums) twin_put_number(bytes, right.sum, 16);
    struct twin_node node = {twin_hash(bytes), left.sum + right.sum};
    free(bytes);
    return node;
}

/* The top of a tree of that depth, in which leaves past the count are zeros. */
static inline struct twin_node twin_top(const struct twin_node *leaves, uint64_t count, int depth,
                                        bool sums)
{
    if (depth == 0) return count > 0 ? leaves[0] : (struct twin_node){twin_nothing(), 0};
    const uint64_t half = UINT64_C(1) << (depth - 1);
    const uint64_t on_left = count < half ? count : half;
    return twin_join(twin_top(leaves, on_left, depth - 1, sums),
                     twin_top(leaves + on_left, count - on_left, depth - 1, sums), sums);
}

static inline struct tn_hash twin_root(const struct twin_node *leaves, uint64_t count, uint8_t kind,
                                       bool sums)
{
    struct twin_bytes *bytes = calloc(1, sizeof *bytes);
    TN_ASSERT(bytes != NULL);
    struct twin_node top = twin_top(leaves, count, twin_depth(count), sums);
    twin_put_number(bytes, 3, 1);
    twin_put_number(bytes, kind, 1);
    twin_put_number(bytes, (tn_i128)count, 8);
    twin_put_hash(bytes, top.hash);
    if (sums) twin_put_number(bytes, top.sum, 16);
    struct tn_hash root = twin_hash(bytes);
    free(bytes);
    return root;
}

/* A list of items as the leaves of a plain tree; the last may be shorter. */
static inline struct twin_node *twin_items(uint8_t kind, const uint8_t *items, size_t item_size,
                                           size_t size, uint64_t *count)
{
    *count = (size + item_size - 1) / item_size;
    struct twin_node *leaves = calloc(*count + 1, sizeof *leaves);
    TN_ASSERT(leaves != NULL);
    for (uint64_t i = 0; i < *count; i++) {
        size_t left = size - i * item_size;
        leaves[i].hash = twin_leaf(kind, (uint32_t)i, items + i * item_size,
                                   left < item_size ? left : item_size);
    }
    return leaves;
}

static inline struct tn_hash twin_positions_root(const uint8_t *record, size_t size)
{
    if (size == 0) return twin_nothing();
    uint64_t chunks;
    struct twin_node *leaves = twin_items(6, record, 120, size, &chunks);
    struct twin_node top = twin_top(leaves, chunks, twin_depth(chunks), false);
    struct twin_bytes *bytes = calloc(1, sizeof *bytes);
    TN_ASSERT(bytes != NULL);
    twin_put_number(bytes, 3, 1);
    twin_put_number(bytes, 6, 1);
    twin_put_number(bytes, (tn_i128)(size / 40), 8);
    twin_put_hash(bytes, top.hash);
    struct tn_hash root = twin_hash(bytes);
    free(bytes);
    free(leaves);
    return root;
}

static inline uint64_t twin_number(const uint8_t *bytes, int size)
{
    uint64_t value = 0;
    for (int i = 0; i < size; i++)
        value = value << 8 | bytes[i];
    return value;
}

static inline void twin_book_body(struct twin_bytes *body, const uint8_t *record)
{
    const uint8_t *orders = record + 16;
    for (int list = 0; list < 4; list++) {
        uint64_t count = twin_number(record + 4 * list, 4);
        struct twin_node *leaves = twin_items(9, orders, 128, count * 128, &count);
        twin_put_number(body, (tn_i128)count, 4);
        twin_put_hash(body, twin_top(leaves, count, twin_depth(count), false).hash);
        orders += count * 128;
        free(leaves);
    }
}

static inline void twin_memory_body(struct twin_bytes *body, const uint8_t *record)
{
    const size_t groups = twin_number(record, 4);
    const uint8_t *tail = record + 4 + groups;
    const uint64_t first = twin_number(tail, 8);
    const uint64_t end = first + twin_number(tail + 8, 4);
    struct twin_bytes *run = calloc(1, sizeof *run);
    TN_ASSERT(run != NULL);
    twin_put(body, record, 4 + groups + 12);
    for (uint64_t number = first; number < end; number++) {
        if (run->size == 0) {
            twin_put_number(run, 7, 1);
            twin_put_number(run, (tn_i128)number, 8);
        }
        twin_put(run, tail + 12 + (number - first) * 34, 34);
        if (number % 32 == 31 || number + 1 == end) {
            twin_put_hash(body, twin_hash(run));
            run->size = 0;
        }
    }
    free(run);
}

/* The leaf of any record; of an ACCOUNT with its positions. */
static inline struct twin_node twin_record_leaf(uint8_t kind, uint32_t index, const uint8_t *record,
                                                size_t size, struct tn_hash positions_root)
{
    struct twin_node leaf = {twin_nothing(), 0};
    if (size == 0) return leaf;
    struct twin_bytes *body = calloc(1, sizeof *body);
    TN_ASSERT(body != NULL);
    if (kind == 9)
        twin_book_body(body, record);
    else if (kind == 8)
        twin_memory_body(body, record);
    else
        twin_put(body, record, size);
    if (kind == 5) {
        twin_put_hash(body, positions_root);
        twin_put_hash(body, twin_nothing());
        leaf.sum = (int64_t)twin_number(record + 24, 8);
    }
    leaf.hash = twin_leaf(kind, index, body->bytes, body->size);
    free(body);
    return leaf;
}

/* A range: split at the largest power of two below the count. */
static inline struct tn_hash twin_range_top(const struct tn_hash *leaves, uint64_t count)
{
    if (count == 0) return twin_nothing();
    if (count == 1) return leaves[0];
    uint64_t half = 1;
    while (2 * half < count)
        half *= 2;
    struct twin_node left = {twin_range_top(leaves, half), 0};
    struct twin_node right = {twin_range_top(leaves + half, count - half), 0};
    return twin_join(left, right, false).hash;
}

static inline struct tn_hash twin_market_root(uint32_t market, const struct tn_hash sections[16])
{
    struct twin_node leaves[16];
    struct twin_bytes *bytes = calloc(1, sizeof *bytes);
    TN_ASSERT(bytes != NULL);
    for (int i = 0; i < 16; i++)
        leaves[i] = (struct twin_node){sections[i], 0};
    twin_put_number(bytes, 4, 1);
    twin_put_number(bytes, market, 4);
    twin_put_hash(bytes, twin_top(leaves, 16, 4, false).hash);
    struct tn_hash root = twin_hash(bytes);
    free(bytes);
    return root;
}

/* Of a state with one market. */
static inline struct tn_hash twin_state_root(const uint8_t chain_id[32], uint64_t height,
                                             struct tn_hash market_root,
                                             const struct tn_hash globals[8])
{
    struct twin_node market = {market_root, 0};
    struct twin_node leaves[8];
    struct twin_bytes *bytes = calloc(1, sizeof *bytes);
    TN_ASSERT(bytes != NULL);
    for (int i = 0; i < 8; i++)
        leaves[i] = (struct twin_node){globals[i], 0};
    twin_put(bytes, "TNSR1", 5);
    twin_put(bytes, chain_id, 32);
    twin_put_number(bytes, (tn_i128)height, 8);
    twin_put_hash(bytes, twin_root(&market, 1, 32, false));
    twin_put_hash(bytes, twin_top(leaves, 8, 3, false).hash);
    struct tn_hash root = twin_hash(bytes);
    free(bytes);
    return root;
}

#endif
