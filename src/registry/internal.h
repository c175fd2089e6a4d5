/* What the files of registry share: the state itself, and places in it.
 *
 * One block of memory without pointers, so that a copy is one memcpy: the struct, then validators,
 * markets, feeders, and for every record that there may be a cached leaf and two flags. */
#ifndef TENOR_REGISTRY_INTERNAL_H
#define TENOR_REGISTRY_INTERNAL_H

#include "tenor/proof.h"
#include "tenor/registry.h"

#include <string.h>

#define MICROS_PER_STAKE_MAX (INT64_C(1) << 50) /* a stake: sums of all fit 64 bits */
#define PPM                  1000000u
#define FIRST_KIND           TN_RECORD_REGISTRY
#define KINDS                5u /* of records */

struct key_state {
    struct tn_public_key key, before;
    uint64_t height; /* of the block that changed it; 0: the genesis */
};

struct feeder {
    struct tn_public_key key, before;
    uint64_t height;
    bool active, before_active;
};

struct set_state {
    struct tn_validators set; /* count 0: there was no such epoch */
    uint64_t start;           /* height of the last block before it */
};

enum { FLAG_CHANGED = 1, FLAG_STALE = 2 };

struct tn_registry {
    size_t size; /* of all of it */
    struct tn_registry_limits limits;
    struct tn_registry_parameters parameters;
    uint32_t turn_views, validators_min;
    bool started;
    struct key_state keys[2]; /* by enum tn_registry_key_kind - 1 */
    uint64_t height, last_view;
    uint64_t l1_cursor, deposit_number, governance_number;
    uint64_t end_height, end_asked; /* of the epoch, by governance; 0: not asked for */
    uint64_t exec_height;           /* of the block being executed, as its flags */
    uint8_t flags;
    uint32_t validators_count, markets_count, feeders_count;
    tn_micros fees_micros, treasury_micros, proposer_pool_micros, voter_pool_micros;
    tn_micros slashed_micros;
    uint32_t imported_kind, imported_next;
    struct set_state sets[TN_REGISTRY_SETS]; /* from here on nothing is of the record REGISTRY */
    struct tn_hash sections[KINDS]; /* roots of the kinds, while none of their leaves is stale */
};

/* ---- Places ---- */

static inline size_t validators_at(void)
{
    return tn_align(sizeof(struct tn_registry));
}
static inline size_t markets_at(const struct tn_registry_limits *limits)
{
    return validators_at() +
           tn_align(sizeof(struct tn_registry_validator) * limits->validators_max);
}
static inline size_t feeders_at(const struct tn_registry_limits *limits)
{
    return markets_at(limits) + tn_align(sizeof(struct tn_registry_market) * limits->markets_max);
}
static inline size_t leaves_at(const struct tn_registry_limits *limits)
{
    return feeders_at(limits) + tn_align(sizeof(struct feeder) * limits->feeders_max);
}
static inline uint32_t records_max(const struct tn_registry_limits *limits)
{
    return 1 + limits->validators_max + limits->feeders_max + limits->markets_max +
           TN_REGISTRY_SETS;
}
static inline size_t flags_at(const struct tn_registry_limits *limits)
{
    return leaves_at(limits) + tn_align(sizeof(struct tn_hash) * records_max(limits));
}

static inline struct tn_registry_validator *validator_of(const struct tn_registry *registry,
                                                         uint32_t id)
{
    TN_ASSERT(id < registry->limits.validators_max);
    return (struct tn_registry_validator *)((uintptr_t)registry + validators_at()) + id;
}
static inline struct tn_registry_market *market_at(const struct tn_registry *registry,
                                                   uint32_t place)
{
    TN_ASSERT(place < registry->limits.markets_max);
    return (struct tn_registry_market *)((uintptr_t)registry + markets_at(&registry->limits)) +
           place;
}
static inline struct feeder *feeder_at(const struct tn_registry *registry, uint32_t place)
{
    TN_ASSERT(place < registry->limits.feeders_max);
    return (struct feeder *)((uintptr_t)registry + feeders_at(&registry->limits)) + place;
}

/* The place of a record among all that there may be. */
static inline uint32_t record_place(const struct tn_registry *registry, uint8_t kind,
                                    uint32_t index)
{
    const struct tn_registry_limits *limits = &registry->limits;
    uint32_t place = 0;
    TN_ASSERT(kind >= FIRST_KIND && kind < FIRST_KIND + KINDS);
    if (kind > TN_RECORD_REGISTRY) place += 1;
    if (kind > TN_RECORD_VALIDATOR) place += limits->validators_max;
    if (kind > TN_RECORD_FEEDER) place += limits->feeders_max;
    if (kind > TN_RECORD_LEADERSHIP) place += limits->markets_max;
    TN_ASSERT(place + index < records_max(limits));
    return place + index;
}
static inline struct tn_hash *leaf_at(const struct tn_registry *registry, uint32_t place)
{
    return (struct tn_hash *)((uintptr_t)registry + leaves_at(&registry->limits)) + place;
}
static inline uint8_t *flags_of(const struct tn_registry *registry, uint32_t place)
{
    return (uint8_t *)((uintptr_t)registry + flags_at(&registry->limits)) + place;
}

/* A record is about to be, or was, changed. */
static inline void touch(struct tn_registry *registry, uint8_t kind, uint32_t index)
{
    *flags_of(registry, record_place(registry, kind, index)) |= FLAG_CHANGED | FLAG_STALE;
}

/* The place of a market, TN_NONE when there is none of that number. */
uint32_t tn_registry_market_place(const struct tn_registry *registry, uint32_t market);

/* The lowest height at which the validator was slashed; 0: never. */
uint64_t tn_registry_slashed_at(const struct tn_registry_validator *validator);

bool tn_registry_parameters_good(const struct tn_registry_parameters *parameters);

/* Shares what the pools hold among the present set, and begins a new period. */
void tn_registry_share(struct tn_registry *registry);
/* Takes `fees` into the pools, the share of `leader` at once. */
void tn_registry_take_fees(struct tn_registry *registry, uint16_t leader, tn_micros fees);

/* The parameters as bytes, here and in a record. */
#define PARAMETERS_BYTES (4u * (4u + TN_EVIDENCE_KINDS - 1))
void tn_registry_put_parameters(uint8_t out[PARAMETERS_BYTES],
                                const struct tn_registry_parameters *parameters);
void tn_registry_get_parameters(struct tn_registry_parameters *parameters,
                                const uint8_t bytes[PARAMETERS_BYTES]);

#endif
