/* validators: the set of one epoch: who votes, with what weight, and who proposes in which view.
 *
 * A set is fixed for its epoch. A validator is named by its index in the set, in messages and in
 * bitmaps; `id` is its number in the registry, the same in every epoch. Layouts and the rule of the
 * order of proposers: docs/specs/registry.md §1. */
#ifndef TENOR_VALIDATORS_H
#define TENOR_VALIDATORS_H

#include "tenor/base.h"
#include "tenor/crypto.h"
#include "tenor/signature.h"

#define TN_VALIDATORS_MAX  100u
#define TN_ORDER_SLOTS_MAX 1024u
#define TN_TURN_VIEWS_MAX  64u
#define TN_WEIGHT_MAX      (UINT64_C(1) << 48) /* of one validator */

struct tn_validator {
    struct tn_public_key key;
    struct tn_address address;
    uint16_t id;
    uint64_t weight; /* 1 .. TN_WEIGHT_MAX */
};

struct tn_validators {
    uint64_t epoch;
    uint64_t weight; /* W: of all members */
    uint32_t count;
    uint32_t turn_views; /* T: views in a row that one proposer has */
    uint32_t slots_count;
    uint16_t order[TN_ORDER_SLOTS_MAX]; /* index of the proposer of each slot */
    struct tn_validator members[TN_VALIDATORS_MAX];
};

/* tn_validators_make fixes a set and works out its order. Members come as they are to be numbered.
 * False, and the set means nothing, when there are none or too many, a weight is out of range, or a
 * key or an id comes twice. O(count × slots). */
bool tn_validators_make(struct tn_validators *set, uint64_t epoch, uint32_t turn_views,
                        const struct tn_validator *members, uint32_t count);

/* tn_validators_order writes the slots of a weight-interleaved order and returns how many: W over
 * the greatest common divisor of the weights, TN_ORDER_SLOTS_MAX at most. In the first k slots a
 * validator has fewer than one more or less than k × weight ÷ W, for every k. 1 to
 * TN_VALIDATORS_MAX weights, each 1 .. TN_WEIGHT_MAX (asserted). */
uint32_t tn_validators_order(uint16_t order[TN_ORDER_SLOTS_MAX], const uint64_t *weights,
                             uint32_t count);

/* The index of the proposer of a view, counted from 1. */
uint32_t tn_validators_proposer(const struct tn_validators *set, uint64_t view);

/* turns[i] += the views of [first, last] in which i proposes. O(slots) however many views. */
void tn_validators_turns(const struct tn_validators *set, uint64_t turns[TN_VALIDATORS_MAX],
                         uint64_t first, uint64_t last);

/* next_set_hash of the header that hands over to this set. */
void tn_validators_hash(struct tn_hash *hash, const struct tn_validators *set);

/* The index of a key or an id, TN_NONE when it is not in the set. O(count). */
uint32_t tn_validators_find_key(const struct tn_validators *set, const struct tn_public_key *key);
uint32_t tn_validators_find_id(const struct tn_validators *set, uint16_t id);

/* ---- Quorums ---------------------------------------------------------------------------------
 * 3 × weight > 2 × total, and 3 × weight > total: exact whatever the numbers are. */
static inline bool tn_weight_is_quorum(uint64_t weight, uint64_t total)
{
    return (tn_u128)weight * 3 > (tn_u128)total * 2;
}

static inline bool tn_weight_is_weak(uint64_t weight, uint64_t total)
{
    return (tn_u128)weight * 3 > total;
}

/* Some members of a set, by index; a byte i ÷ 8 of a certificate's bitmap has i in its bit i % 8,
 * the lowest first. */
struct tn_voters {
    uint64_t bits[2];
};

static inline bool tn_voters_has(const struct tn_voters *voters, uint32_t index)
{
    return index < 128 && (voters->bits[index / 64] >> index % 64 & 1) != 0;
}

static inline void tn_voters_add(struct tn_voters *voters, uint32_t index)
{
    TN_ASSERT(index < TN_VALIDATORS_MAX);
    voters->bits[index / 64] |= UINT64_C(1) << index % 64;
}

static inline uint32_t tn_voters_count(const struct tn_voters *voters)
{
    return (uint32_t)(__builtin_popcountll(voters->bits[0]) +
                      __builtin_popcountll(voters->bits[1]));
}

/* tn_voters_weight sums the weights; every voter must be in the set (asserted). */
uint64_t tn_voters_weight(const struct tn_voters *voters, const struct tn_validators *set);
bool tn_voters_quorum(const struct tn_voters *voters, const struct tn_validators *set);
bool tn_voters_weak(const struct tn_voters *voters, const struct tn_validators *set);

/* The ⌈count ÷ 8⌉ bytes of a certificate. Reading refuses a bit at or past count. */
#define TN_VOTERS_BYTES_MAX ((TN_VALIDATORS_MAX + 7) / 8)
static inline uint32_t tn_voters_bytes(uint32_t count)
{
    return (count + 7) / 8;
}
void tn_voters_write(uint8_t *out, const struct tn_voters *voters, uint32_t count);
bool tn_voters_read(struct tn_voters *voters, const uint8_t *bytes, uint32_t count);

#endif
