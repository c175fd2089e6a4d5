/* state, inside: the tree that every section is, and the writer of proofs. */
#ifndef TENOR_STATE_INTERNAL_H
#define TENOR_STATE_INTERNAL_H

#include <string.h>

#include "tenor/state.h"

#define SUM_SIZE        16
#define NODE_SIZE_MAX   (TN_HASH_SIZE + SUM_SIZE) /* hash, and in trees with sums the sum */
#define ACCOUNT_CASH_AT 24                        /* in an ACCOUNT: i64 */
#define LEVELS          (TN_PROOF_DEPTH_MAX + 1)
#define TREE_PART_DEPTH 12 /* as many leaves as a word of is_dirty says something of */
#define TREE_PART       (1 << TREE_PART_DEPTH)

/* All nodes of a tree, level by level, leaves first. Nodes at or past count / 2^level, rounded up,
 * are not kept: they are zeros. Two siblings lie side by side, as their parent's preimage has them.
 */
struct tree {
    uint8_t *levels[LEVELS];
    uint64_t *dirty;    /* a bit for each leaf whose parents are to be hashed anew */
    uint64_t *is_dirty; /* a bit for each word of dirty that is not 0 */
    uint32_t count, count_max;
    uint32_t node_size;
    bool with_sums;
    bool any_dirty;
    uint8_t zeros[LEVELS][NODE_SIZE_MAX];
};

/* That are kept at a level over `count` leaves. */
static inline uint64_t nodes_count(uint32_t count, uint32_t level)
{
    return ((uint64_t)count + (UINT64_C(1) << level) - 1) >> level;
}

size_t tn_state_tree_size(uint32_t count_max, bool with_sums);
void tn_state_tree_init(struct tree *tree, void *memory, uint32_t count_max, bool with_sums);
void tn_state_tree_count(struct tree *tree, uint32_t count);
/* For a leaf that the caller is about to write: hash, then sum as 16 bytes, big-endian. */
uint8_t *tn_state_tree_leaf(struct tree *tree, uint32_t index);
/* `parents` has room for half of count_max, rounded up. False when a sum overflows. */
bool tn_state_tree_update(struct tree *tree, enum tn_cpu cpu, uint32_t *parents);
/* The same in parts of TREE_PART leaves, which may be written and hashed beside each other: begin
 * says how many there are, then each part has its turn once, in any order; the end makes what is
 * above them. has_changed: by part. */
uint32_t tn_state_tree_parts_begin(struct tree *tree);
bool tn_state_tree_part(struct tree *tree, bool *has_changed, enum tn_cpu cpu, uint32_t *parents,
                        uint32_t part);
bool tn_state_tree_parts_end(struct tree *tree, enum tn_cpu cpu, uint32_t *parents,
                             const bool *has_changed);
/* Any node below the tree's top, also one that is not kept. */
const uint8_t *tn_state_tree_node(const struct tree *tree, uint32_t level, uint64_t index);
bool tn_state_tree_is_zero(const struct tree *tree, uint32_t level, uint64_t index);
void tn_state_tree_root(const struct tree *tree, struct tn_hash *root, uint8_t kind);
tn_i128 tn_state_tree_sum(const struct tree *tree);

struct tn_state {
    enum tn_cpu cpu;
    uint32_t market;
    struct tn_state_limits limits;
    struct tree trees[TN_PROOF_RECORD_KINDS]; /* by kind; none for 0 and POSITIONS */
    struct tn_hash *positions_roots;          /* by account */
    uint64_t *stale; /* a bit for each account with positions newer than its leaf */
    uint32_t stale_count;
    uint32_t *parents;   /* scratch of updates */
    struct books *books; /* books.c; NULL: orders are not kept, a BOOK is hashed whole */
    bool is_updated;
    struct tn_hash sections[TN_PROOF_SECTIONS]; /* of the last update, as is what follows */
    struct tn_hash market_root, markets_root;
    struct tn_hash market_roots[TN_STATE_MARKETS_MAX]; /* of all markets, zero past them */
    struct tn_hash exits[TN_STATE_MARKETS_MAX];        /* leaves of all markets' last exits */
    uint32_t markets_count, place;
};

/* books.c: size 0 and NULL where the limits have no orders. Leaves of BOOK are made by the update.
 */
size_t tn_state_books_size(const struct tn_state_limits *limits);
struct books *tn_state_books_init(void *memory, const struct tn_state_limits *limits);
bool tn_state_set_book(struct tn_state *state, uint32_t series, const uint8_t *record, size_t size);
void tn_state_books_update(struct tn_state *state);

/* state.c: the account's leaf is as new as its positions. */
void tn_state_freshen(struct tn_state *state, uint32_t account);

static inline void state_put_sum(uint8_t *out, tn_i128 sum)
{
    uint64_t high = __builtin_bswap64((uint64_t)((tn_u128)sum >> 64));
    uint64_t low = __builtin_bswap64((uint64_t)sum);
    memcpy(out, &high, 8);
    memcpy(out + 8, &low, 8);
}
static inline tn_i128 state_get_sum(const uint8_t *bytes)
{
    uint64_t high;
    uint64_t low;
    memcpy(&high, bytes, 8);
    memcpy(&low, bytes + 8, 8);
    return (tn_i128)((tn_u128)__builtin_bswap64(high) << 64 | __builtin_bswap64(low));
}

#endif
