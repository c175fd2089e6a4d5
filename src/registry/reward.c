/* reward: fees shared by work done, and what a slashed validator loses.
 *
 * Whatever a market takes in fees is split as it comes: the leader's share goes to whoever led the
 * term in which it came, the proposers' and the voters' into two pools, the rest to the treasury.
 * The pools are shared out at the end of a period. Every division rounds down and the treasury gets
 * what is left, so that at any time fees = Σ earned + pools + treasury, to the micro. The rules
 * with worked numbers: docs/sequencer-economics.md. */
#include "registry/internal.h"

static tn_micros share_of(tn_micros amount, uint32_t ppm)
{
    return tn_mul_div_floor(amount, ppm, PPM);
}

/* A slashed validator earns nothing more; what would have been its goes to the treasury. */
static bool earn(struct tn_registry *registry, uint16_t id, tn_micros amount)
{
    struct tn_registry_validator *validator = validator_of(registry, id);
    TN_ASSERT(amount >= 0);
    if (amount == 0 || tn_registry_slashed_at(validator) > 0) return false;
    validator->earned_micros += amount;
    touch(registry, TN_RECORD_VALIDATOR, id);
    return true;
}

void tn_registry_take_fees(struct tn_registry *registry, uint16_t leader, tn_micros fees)
{
    const struct tn_registry_parameters *parameters = &registry->parameters;
    TN_ASSERT(fees >= 0 && fees <= INT64_MAX - registry->fees_micros);
    const tn_micros leaders = share_of(fees, parameters->leader_ppm);
    const tn_micros proposers = share_of(fees, parameters->proposer_ppm);
    const tn_micros voters = share_of(fees, parameters->voter_ppm);
    tn_micros treasury = fees - leaders - proposers - voters;
    TN_ASSERT(treasury >= 0);
    if (!earn(registry, leader, leaders)) treasury += leaders;
    registry->fees_micros += fees;
    registry->proposer_pool_micros += proposers;
    registry->voter_pool_micros += voters;
    registry->treasury_micros += treasury;
    touch(registry, TN_RECORD_REGISTRY, 0);
}

/* a × part ÷ whole, rounded down, for parts of at most 2^64. */
static tn_micros part_of(tn_micros amount, uint64_t part, uint64_t whole)
{
    TN_ASSERT(amount >= 0 && whole > 0 && part <= whole);
    return (tn_micros)((tn_u128)(uint64_t)amount * part / whole);
}

void tn_registry_share(struct tn_registry *registry)
{
    const struct tn_validators *set = &registry->sets[0].set;
    tn_micros left = registry->proposer_pool_micros + registry->voter_pool_micros;
    uint64_t blocks = 0;
    for (uint32_t i = 0; i < set->count; i++)
        blocks += validator_of(registry, set->members[i].id)->period_blocks;
    for (uint32_t i = 0; i < set->count; i++) {
        const uint16_t id = set->members[i].id;
        struct tn_registry_validator *validator = validator_of(registry, id);
        const uint64_t made = validator->period_blocks;
        const uint64_t turns = made + validator->period_missed;
        tn_micros vote = part_of(registry->voter_pool_micros, set->members[i].weight, set->weight);
        if (turns > 0) vote = part_of(vote, made, turns);
        tn_micros propose = blocks > 0 ? part_of(registry->proposer_pool_micros, made, blocks) : 0;
        if (earn(registry, id, vote + propose)) left -= vote + propose;
        if (turns == 0) continue;
        validator->period_blocks = 0;
        validator->period_missed = 0;
        touch(registry, TN_RECORD_VALIDATOR, id);
    }
    TN_ASSERT(left >= 0);
    registry->treasury_micros += left;
    registry->proposer_pool_micros = 0;
    registry->voter_pool_micros = 0;
    touch(registry, TN_RECORD_REGISTRY, 0);
}
