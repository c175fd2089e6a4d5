/* govern: commands of governance, carried out or refused without a trace.
 *
 * Weights have three columns: of this epoch, of the next, and of the one after. A command writes
 * the last; an epoch's end moves all one to the left. So a change that is final in epoch e − 1
 * counts in e + 1, and whoever joins has an epoch to fetch the state. Before the chain starts a
 * command counts at once. */
#include "registry/internal.h"

/* Validators with a weight in the epoch after the next. */
static uint32_t heavy_count(const struct tn_registry *registry)
{
    uint32_t count = 0;
    for (uint32_t id = 0; id < registry->validators_count; id++)
        count += validator_of(registry, id)->weight_after > 0;
    return count;
}

static bool is_stake(tn_micros stake)
{
    return stake >= 0 && stake <= MICROS_PER_STAKE_MAX;
}

/* Is the key a point, the address its own, and neither somebody's? */
static bool is_new_key(const struct tn_registry *registry, const struct tn_signatures *signatures,
                       const struct tn_public_key *key, const struct tn_address *address)
{
    struct tn_address own;
    if (!signatures->address(signatures->context, &own, key)) return false;
    if (!tn_address_equal(&own, address)) return false;
    for (uint32_t id = 0; id < registry->validators_count; id++)
        if (tn_public_key_equal(&validator_of(registry, id)->key, key)) return false;
    return true;
}

static enum tn_registry_answer govern_validator(struct tn_registry *registry,
                                                const struct tn_signatures *signatures,
                                                const struct tn_registry_command *command)
{
    const uint64_t weight = command->as.validator.weight;
    const uint32_t id = registry->validators_count;
    if (id == registry->limits.validators_max || heavy_count(registry) == TN_VALIDATORS_MAX)
        return TN_ANSWER_FULL;
    if (weight == 0 || weight > TN_WEIGHT_MAX || !is_stake(command->as.validator.stake_micros))
        return TN_ANSWER_RANGE;
    if (!is_new_key(registry, signatures, &command->as.validator.key,
                    &command->as.validator.address))
        return TN_ANSWER_KEY;
    struct tn_registry_validator *validator = validator_of(registry, id);
    validator->key = command->as.validator.key;
    validator->address = command->as.validator.address;
    validator->stake_micros = command->as.validator.stake_micros;
    validator->registered_height = registry->height;
    validator->weight_after = weight;
    if (!registry->started) validator->weight = validator->weight_next = weight;
    registry->validators_count++;
    touch(registry, TN_RECORD_VALIDATOR, id);
    return TN_ANSWER_DONE;
}

/* May evidence still come against it, of now or of an epoch for which it is fixed already? */
static bool is_bound(const struct tn_registry *registry, uint16_t id)
{
    const struct tn_registry_validator *validator = validator_of(registry, id);
    if (validator->weight > 0 || validator->weight_next > 0 || validator->weight_after > 0)
        return true;
    for (uint32_t slot = 0; slot < TN_REGISTRY_SETS; slot++)
        if (tn_validators_find_id(&registry->sets[slot].set, id) != TN_NONE) return true;
    return false;
}

static enum tn_registry_answer govern_weight(struct tn_registry *registry,
                                             const struct tn_registry_command *command)
{
    const uint16_t id = command->as.weight.id;
    const uint64_t weight = command->as.weight.weight;
    const tn_micros stake = command->as.weight.stake_micros;
    if (id >= registry->validators_count) return TN_ANSWER_UNKNOWN;
    struct tn_registry_validator *validator = validator_of(registry, id);
    if (weight > TN_WEIGHT_MAX || !is_stake(stake)) return TN_ANSWER_RANGE;
    if (tn_registry_slashed_at(validator) > 0 && (weight > 0 || stake > validator->stake_micros))
        return TN_ANSWER_SLASHED;
    if (stake < validator->stake_micros && is_bound(registry, id)) return TN_ANSWER_STAKE_BOUND;
    const uint32_t others = heavy_count(registry) - (validator->weight_after > 0);
    if (weight > 0 && others == TN_VALIDATORS_MAX) return TN_ANSWER_FULL;
    if (weight == 0 && validator->weight_after > 0 && others < registry->validators_min)
        return TN_ANSWER_TOO_FEW;
    validator->stake_micros = stake;
    validator->weight_after = weight;
    if (!registry->started) validator->weight = validator->weight_next = weight;
    touch(registry, TN_RECORD_VALIDATOR, id);
    return TN_ANSWER_DONE;
}

/* Was it changed so lately that a block may come which has not executed that change? */
static bool is_too_soon(const struct tn_registry *registry, uint64_t changed_height)
{
    return changed_height > 0 && registry->height - changed_height < TN_REGISTRY_NOTICE_BLOCKS;
}

static enum tn_registry_answer govern_feeder(struct tn_registry *registry,
                                             const struct tn_registry_command *command)
{
    const uint32_t signer = command->as.feeder.signer;
    if (signer == 0) return TN_ANSWER_RANGE;
    if (signer > registry->limits.feeders_max) return TN_ANSWER_FULL;
    struct feeder *feeder = feeder_at(registry, signer - 1);
    if (is_too_soon(registry, feeder->height)) return TN_ANSWER_TOO_SOON;
    feeder->before = feeder->key;
    feeder->before_active = feeder->active;
    feeder->key = command->as.feeder.key;
    feeder->active = command->as.feeder.active;
    feeder->height = registry->height;
    if (signer > registry->feeders_count) {
        for (uint32_t place = registry->feeders_count; place < signer; place++)
            touch(registry, TN_RECORD_FEEDER, place);
        registry->feeders_count = signer;
    }
    touch(registry, TN_RECORD_FEEDER, signer - 1);
    return TN_ANSWER_DONE;
}

static enum tn_registry_answer govern_market(struct tn_registry *registry,
                                             const struct tn_registry_command *command)
{
    const uint16_t *candidates = command->as.market.candidates;
    const uint32_t count = command->as.market.count;
    if (command->as.market.market == 0 || count == 0 || count > TN_REGISTRY_CANDIDATES_MAX)
        return TN_ANSWER_RANGE;
    for (uint32_t i = 0; i < count; i++) {
        if (candidates[i] >= registry->validators_count) return TN_ANSWER_UNKNOWN;
        for (uint32_t k = 0; k < i; k++)
            if (candidates[k] == candidates[i]) return TN_ANSWER_RANGE;
    }
    uint32_t place = tn_registry_market_place(registry, command->as.market.market);
    if (place == TN_NONE) {
        place = registry->markets_count;
        if (place == registry->limits.markets_max) return TN_ANSWER_FULL;
        registry->markets_count++;
    }
    struct tn_registry_market *market = market_at(registry, place);
    market->market = command->as.market.market;
    market->candidates_count = (uint16_t)count;
    memset(market->candidates, 0, sizeof(market->candidates));
    memcpy(market->candidates, candidates, count * sizeof(candidates[0]));
    touch(registry, TN_RECORD_LEADERSHIP, place);
    return TN_ANSWER_DONE;
}

static enum tn_registry_answer govern_key(struct tn_registry *registry,
                                          const struct tn_registry_command *command)
{
    struct key_state *key = &registry->keys[command->as.key.which - 1];
    if (is_too_soon(registry, key->height)) return TN_ANSWER_TOO_SOON;
    *key = (struct key_state){
        .key = command->as.key.key, .before = key->key, .height = registry->height};
    return TN_ANSWER_DONE;
}

/* Far enough ahead that the block at which the epoch ends has executed this one, and not while
 * another end is to come. */
static enum tn_registry_answer govern_epoch(struct tn_registry *registry, uint64_t height)
{
    if (registry->end_height > registry->height) return TN_ANSWER_TOO_SOON;
    if (height <= registry->height || height - registry->height <= TN_REGISTRY_NOTICE_BLOCKS)
        return TN_ANSWER_TOO_SOON;
    registry->end_height = height;
    registry->end_asked = registry->height;
    return TN_ANSWER_DONE;
}

enum tn_registry_answer tn_registry_govern(struct tn_registry *registry,
                                           const struct tn_signatures *signatures,
                                           const struct tn_registry_command *command)
{
    enum tn_registry_answer answer = TN_ANSWER_DONE;
    TN_ASSERT(registry->started || registry->height == 0);
    switch (command->kind) {
        case TN_REGISTRY_VALIDATOR: answer = govern_validator(registry, signatures, command); break;
        case TN_REGISTRY_WEIGHT: answer = govern_weight(registry, command); break;
        case TN_REGISTRY_FEEDER: answer = govern_feeder(registry, command); break;
        case TN_REGISTRY_MARKET: answer = govern_market(registry, command); break;
        case TN_REGISTRY_KEY: answer = govern_key(registry, command); break;
        case TN_REGISTRY_PARAMETERS:
            if (!tn_registry_parameters_good(&command->as.parameters)) return TN_ANSWER_RANGE;
            registry->parameters = command->as.parameters;
            break;
        case TN_REGISTRY_EPOCH: answer = govern_epoch(registry, command->as.epoch_height); break;
    }
    if (answer == TN_ANSWER_DONE) touch(registry, TN_RECORD_REGISTRY, 0);
    return answer;
}
