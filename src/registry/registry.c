/* registry: the fold over blocks, and what a block's validity asks of it.
 *
 * Whatever decides on a block's validity is either fixed for an epoch (the set, the turns, the
 * leaders of markets) or takes the height up to which the block's proposer had executed (keys, the
 * next set, the end of the epoch). So two nodes that have executed up to different heights judge a
 * block alike, as long as both have executed what its header names. */
#include "registry/internal.h"

static bool limits_are_good(const struct tn_registry_limits *limits)
{
    return limits->validators_max >= 1 && limits->validators_max <= 4096 &&
           limits->markets_max >= 1 && limits->markets_max <= 256 && limits->feeders_max <= 1024;
}

size_t tn_registry_size(const struct tn_registry_limits *limits)
{
    if (!limits_are_good(limits)) return 0;
    return flags_at(limits) + tn_align(records_max(limits));
}

bool tn_registry_parameters_good(const struct tn_registry_parameters *parameters)
{
    uint64_t shares = (uint64_t)parameters->proposer_ppm + parameters->voter_ppm;
    if (parameters->reward_blocks == 0 || shares + parameters->leader_ppm > PPM) return false;
    for (uint32_t kind = 0; kind < TN_EVIDENCE_KINDS; kind++)
        if (parameters->slash_ppm[kind] > (kind == 0 ? 0 : PPM)) return false;
    return true;
}

struct tn_registry *tn_registry_init(void *memory, const struct tn_registry_limits *limits,
                                     const struct tn_registry_genesis *genesis)
{
    struct tn_registry *registry = memory;
    TN_ASSERT(tn_registry_size(limits) > 0 && (uintptr_t)memory % 64 == 0);
    if (!tn_registry_parameters_good(&genesis->parameters)) return NULL;
    if (genesis->turn_views == 0 || genesis->turn_views > TN_TURN_VIEWS_MAX) return NULL;
    if (genesis->validators_min == 0 || genesis->validators_min > TN_VALIDATORS_MAX) return NULL;
    registry->size = tn_registry_size(limits);
    registry->limits = *limits;
    registry->parameters = genesis->parameters;
    registry->turn_views = genesis->turn_views;
    registry->validators_min = genesis->validators_min;
    registry->keys[TN_REGISTRY_KEY_GOVERNANCE - 1].key = genesis->governance;
    registry->keys[TN_REGISTRY_KEY_FAUCET - 1].key = genesis->faucet;
    touch(registry, TN_RECORD_REGISTRY, 0);
    for (uint32_t slot = 0; slot < TN_REGISTRY_SETS; slot++)
        touch(registry, TN_RECORD_SET, slot);
    return registry;
}

void tn_registry_copy(struct tn_registry *to, const struct tn_registry *from)
{
    TN_ASSERT(memcmp(&to->limits, &from->limits, sizeof(to->limits)) == 0);
    TN_ASSERT(from->size == tn_registry_size(&from->limits));
    memcpy(to, from, from->size);
}

const char *tn_registry_answer_text(enum tn_registry_answer answer)
{
    switch (answer) {
#define X(name, number, text)                                                                      \
    case TN_ANSWER_##name: return text;
        TN_ANSWER_TABLE(X)
#undef X
    }
    return NULL;
}

/* ---- Epochs ---- */

uint64_t tn_registry_slashed_at(const struct tn_registry_validator *validator)
{
    uint64_t height = 0;
    for (uint32_t kind = 1; kind < TN_EVIDENCE_KINDS; kind++) {
        uint64_t slashed = validator->slashes[kind].height;
        if (slashed > 0 && (height == 0 || slashed < height)) height = slashed;
    }
    return height;
}

void tn_registry_next_set(const struct tn_registry *registry, struct tn_validators *set,
                          uint64_t exec_height)
{
    const struct tn_validators *present = &registry->sets[0].set;
    struct tn_validator members[TN_VALIDATORS_MAX];
    uint32_t count = 0;
    TN_ASSERT(registry->started);
    for (uint32_t id = 0; id < registry->validators_count; id++) {
        const struct tn_registry_validator *validator = validator_of(registry, id);
        uint64_t slashed = tn_registry_slashed_at(validator);
        if (validator->weight_next == 0 || (slashed > 0 && slashed <= exec_height)) continue;
        TN_ASSERT(count < TN_VALIDATORS_MAX);
        members[count++] = (struct tn_validator){.key = validator->key,
                                                 .address = validator->address,
                                                 .id = (uint16_t)id,
                                                 .weight = validator->weight_next};
    }
    if (count == 0) { /* nobody is left: the chain goes on with whom it has */
        *set = *present;
        set->epoch++;
        return;
    }
    bool made = tn_validators_make(set, present->epoch + 1, registry->turn_views, members, count);
    TN_ASSERT(made);
}

bool tn_registry_is_epoch_final(const struct tn_registry *registry, uint64_t height,
                                uint64_t exec_height)
{
    if (height % TN_REGISTRY_EPOCH_BLOCKS == 0) return true;
    return registry->end_height == height && registry->end_asked <= exec_height;
}

static bool same_leaders(const struct tn_registry_market *market, const uint16_t *leaders,
                         uint32_t count)
{
    return market->leaders_count == count &&
           memcmp(market->leaders, leaders, count * sizeof(leaders[0])) == 0;
}

/* Leaders anew for the present set; ends the terms of those markets whose leaders changed. */
static void appoint(struct tn_registry *registry)
{
    const struct tn_validators *set = &registry->sets[0].set;
    for (uint32_t place = 0; place < registry->markets_count; place++) {
        struct tn_registry_market *market = market_at(registry, place);
        uint16_t leaders[TN_REGISTRY_CANDIDATES_MAX];
        uint32_t count = 0;
        for (uint32_t i = 0; i < market->candidates_count; i++)
            if (tn_validators_find_id(set, market->candidates[i]) != TN_NONE)
                leaders[count++] = market->candidates[i];
        if (count == 0) /* a market always has a leader */
            for (; count < set->count; count++)
                leaders[count] = set->members[count].id;
        if (same_leaders(market, leaders, count)) continue;
        memset(market->leaders, 0, sizeof(market->leaders));
        memcpy(market->leaders, leaders, count * sizeof(leaders[0]));
        market->leaders_count = (uint16_t)count;
        market->term++;
        touch(registry, TN_RECORD_LEADERSHIP, place);
    }
}

bool tn_registry_start(struct tn_registry *registry)
{
    struct tn_validator members[TN_VALIDATORS_MAX];
    uint32_t count = 0;
    TN_ASSERT(!registry->started);
    for (uint32_t id = 0; id < registry->validators_count; id++) {
        const struct tn_registry_validator *validator = validator_of(registry, id);
        if (validator->weight == 0) continue;
        TN_ASSERT(count < TN_VALIDATORS_MAX);
        members[count++] = (struct tn_validator){.key = validator->key,
                                                 .address = validator->address,
                                                 .id = (uint16_t)id,
                                                 .weight = validator->weight};
    }
    if (count < registry->validators_min) return false;
    bool made = tn_validators_make(&registry->sets[0].set, 0, registry->turn_views, members, count);
    TN_ASSERT(made);
    registry->started = true;
    touch(registry, TN_RECORD_SET, 0);
    touch(registry, TN_RECORD_REGISTRY, 0);
    appoint(registry);
    return true;
}

static void begin_epoch(struct tn_registry *registry)
{
    struct set_state *sets = registry->sets;
    struct tn_validators next;
    tn_registry_next_set(registry, &next, registry->exec_height);
    for (uint32_t slot = TN_REGISTRY_SETS - 1; slot > 0; slot--)
        sets[slot] = sets[slot - 1];
    sets[0] = (struct set_state){.set = next, .start = registry->height};
    for (uint32_t slot = 0; slot < TN_REGISTRY_SETS; slot++)
        touch(registry, TN_RECORD_SET, slot);
    for (uint32_t id = 0; id < registry->validators_count; id++) {
        struct tn_registry_validator *validator = validator_of(registry, id);
        if (validator->weight == validator->weight_next &&
            validator->weight_next == validator->weight_after)
            continue;
        validator->weight = validator->weight_next;
        validator->weight_next = validator->weight_after;
        touch(registry, TN_RECORD_VALIDATOR, id);
    }
    registry->last_view = 0;
    registry->end_height = 0;
    registry->end_asked = 0;
    appoint(registry);
}

/* ---- Blocks ---- */

void tn_registry_begin_block(struct tn_registry *registry, const struct tn_block_header *header)
{
    const struct tn_validators *set = &registry->sets[0].set;
    uint64_t missed[TN_VALIDATORS_MAX] = {0};
    TN_ASSERT(registry->started && header->height == registry->height + 1);
    TN_ASSERT(header->epoch == set->epoch && header->view > registry->last_view);
    TN_ASSERT(header->proposer < set->count && header->l1_cursor >= registry->l1_cursor);
    if (header->view - 1 > registry->last_view)
        tn_validators_turns(set, missed, registry->last_view + 1, header->view - 1);
    for (uint32_t i = 0; i < set->count; i++) {
        if (missed[i] == 0 && i != header->proposer) continue;
        struct tn_registry_validator *validator = validator_of(registry, set->members[i].id);
        validator->turns_missed += missed[i];
        validator->period_missed += missed[i];
        validator->blocks += i == header->proposer;
        validator->period_blocks += i == header->proposer;
        touch(registry, TN_RECORD_VALIDATOR, set->members[i].id);
    }
    registry->height = header->height;
    registry->last_view = header->view;
    registry->l1_cursor = header->l1_cursor;
    registry->exec_height = header->exec_height;
    registry->flags = header->flags;
    touch(registry, TN_RECORD_REGISTRY, 0);
}

static uint16_t leader_of(const struct tn_registry_market *market, uint32_t term)
{
    TN_ASSERT(market->leaders_count > 0);
    return market->leaders[term % market->leaders_count];
}

void tn_registry_sequenced(struct tn_registry *registry, uint32_t market_number,
                           uint64_t entries_count, tn_micros fees_micros)
{
    const uint32_t place = tn_registry_market_place(registry, market_number);
    TN_ASSERT(place != TN_NONE);
    struct tn_registry_market *market = market_at(registry, place);
    const uint16_t leader = leader_of(market, market->term);
    if (entries_count > 0) {
        validator_of(registry, leader)->entries += entries_count;
        touch(registry, TN_RECORD_VALIDATOR, leader);
    }
    if (fees_micros <= market->fees_taken_micros) return;
    tn_micros fees = fees_micros - market->fees_taken_micros;
    if (fees > INT64_MAX - registry->fees_micros) fees = INT64_MAX - registry->fees_micros;
    market->fees_taken_micros += fees;
    touch(registry, TN_RECORD_LEADERSHIP, place);
    tn_registry_take_fees(registry, leader, fees);
}

void tn_registry_end_term(struct tn_registry *registry, uint32_t market_number)
{
    const uint32_t place = tn_registry_market_place(registry, market_number);
    TN_ASSERT(place != TN_NONE && market_at(registry, place)->term > 0);
    market_at(registry, place)->term++;
    touch(registry, TN_RECORD_LEADERSHIP, place);
}

void tn_registry_end_block(struct tn_registry *registry)
{
    const bool is_final = (registry->flags & TN_BLOCK_EPOCH_FINAL) != 0;
    TN_ASSERT(registry->height > 0);
    if (is_final || registry->height % registry->parameters.reward_blocks == 0)
        tn_registry_share(registry);
    if (is_final) begin_epoch(registry);
    registry->flags = 0;
    registry->exec_height = 0;
}

enum tn_registry_answer tn_registry_take_governance(struct tn_registry *registry, uint64_t number)
{
    if (number - 1 != registry->governance_number) return TN_ANSWER_NUMBER;
    registry->governance_number = number;
    touch(registry, TN_RECORD_REGISTRY, 0);
    return TN_ANSWER_DONE;
}

enum tn_registry_answer tn_registry_take_deposit(struct tn_registry *registry, uint64_t number)
{
    if (number - 1 != registry->deposit_number) return TN_ANSWER_NUMBER;
    registry->deposit_number = number;
    touch(registry, TN_RECORD_REGISTRY, 0);
    return TN_ANSWER_DONE;
}

/* ---- Questions ---- */

const struct tn_validators *tn_registry_set(const struct tn_registry *registry, uint64_t epoch)
{
    for (uint32_t slot = 0; slot < TN_REGISTRY_SETS; slot++) {
        const struct tn_validators *set = &registry->sets[slot].set;
        if (set->count > 0 && set->epoch == epoch) return set;
    }
    return NULL;
}

uint32_t tn_registry_market_place(const struct tn_registry *registry, uint32_t market)
{
    for (uint32_t place = 0; place < registry->markets_count; place++)
        if (market_at(registry, place)->market == market) return place;
    return TN_NONE;
}

bool tn_registry_leader(const struct tn_registry *registry, uint16_t *id, struct tn_public_key *key,
                        uint32_t market, uint32_t term)
{
    const uint32_t place = tn_registry_market_place(registry, market);
    if (place == TN_NONE || market_at(registry, place)->term == 0 || term == 0) return false;
    *id = leader_of(market_at(registry, place), term);
    *key = validator_of(registry, *id)->key;
    return true;
}

const struct tn_public_key *tn_registry_key(const struct tn_registry *registry,
                                            enum tn_registry_key_kind which, uint64_t exec_height)
{
    TN_ASSERT(which == TN_REGISTRY_KEY_GOVERNANCE || which == TN_REGISTRY_KEY_FAUCET);
    const struct key_state *key = &registry->keys[which - 1];
    return exec_height < key->height ? &key->before : &key->key;
}

const struct tn_public_key *tn_registry_feeder(const struct tn_registry *registry, uint16_t signer,
                                               uint64_t exec_height)
{
    if (signer == 0 || signer > registry->feeders_count) return NULL;
    const struct feeder *feeder = feeder_at(registry, signer - 1u);
    if (exec_height < feeder->height) return feeder->before_active ? &feeder->before : NULL;
    return feeder->active ? &feeder->key : NULL;
}

void tn_registry_heads(const struct tn_registry *registry, struct tn_registry_heads *heads)
{
    *heads = (struct tn_registry_heads){.epoch = registry->sets[0].set.epoch,
                                        .height = registry->height,
                                        .epoch_start = registry->sets[0].start,
                                        .last_view = registry->last_view,
                                        .l1_cursor = registry->l1_cursor,
                                        .deposit_number = registry->deposit_number,
                                        .governance_number = registry->governance_number,
                                        .validators_count = registry->validators_count,
                                        .markets_count = registry->markets_count,
                                        .feeders_count = registry->feeders_count,
                                        .fees_micros = registry->fees_micros,
                                        .treasury_micros = registry->treasury_micros,
                                        .proposer_pool_micros = registry->proposer_pool_micros,
                                        .voter_pool_micros = registry->voter_pool_micros,
                                        .slashed_micros = registry->slashed_micros};
}

bool tn_registry_validator(const struct tn_registry *registry, uint16_t id,
                           struct tn_registry_validator *validator, enum tn_registry_status *status)
{
    if (id >= registry->validators_count) return false;
    *validator = *validator_of(registry, id);
    if (tn_registry_slashed_at(validator) > 0)
        *status = TN_VALIDATOR_SLASHED;
    else if (tn_validators_find_id(&registry->sets[0].set, id) != TN_NONE)
        *status = TN_VALIDATOR_ACTIVE;
    else
        *status = validator->weight_next > 0 || validator->weight_after > 0 ? TN_VALIDATOR_WAITS
                                                                            : TN_VALIDATOR_LEFT;
    return true;
}

bool tn_registry_market(const struct tn_registry *registry, uint32_t market,
                        struct tn_registry_market *out)
{
    const uint32_t place = tn_registry_market_place(registry, market);
    if (place == TN_NONE) return false;
    *out = *market_at(registry, place);
    return true;
}
