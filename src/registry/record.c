/* record: the registry as records, out and in, and the root over them.
 *
 * Each layout is walked once for both ways: the walk writes the fields of a value, or reads them
 * into it, so what is written can always be read. Reading is strict besides: every number must be
 * one that the fold itself could have made. Layouts: docs/specs/registry.md §5. */
#include "registry/internal.h"

#define VERSION 1u

/* ---- Walks ---- */

struct walk {
    uint8_t *out;      /* NULL: reads */
    const uint8_t *in; /* of `size` bytes */
    size_t size, at;
    bool failed;
};

static void walk_bytes(struct walk *walk, uint8_t *bytes, size_t size)
{
    if (walk->failed || size > walk->size - walk->at) {
        walk->failed = true;
        return;
    }
    if (walk->out != NULL)
        memcpy(walk->out + walk->at, bytes, size);
    else
        memcpy(bytes, walk->in + walk->at, size);
    walk->at += size;
}

static uint64_t walk_number(struct walk *walk, uint64_t value, uint32_t size)
{
    uint8_t bytes[8] = {0};
    tn_put_be(bytes, value, size);
    walk_bytes(walk, bytes, size);
    return walk->failed ? 0 : tn_get_be(bytes, size);
}

static void walk_u64(struct walk *walk, uint64_t *value)
{
    *value = walk_number(walk, *value, 8);
}

static void walk_i64(struct walk *walk, int64_t *value)
{
    *value = (int64_t)walk_number(walk, (uint64_t)*value, 8);
}

static void walk_u32(struct walk *walk, uint32_t *value)
{
    *value = (uint32_t)walk_number(walk, *value, 4);
}

static void walk_u16(struct walk *walk, uint16_t *value)
{
    *value = (uint16_t)walk_number(walk, *value, 2);
}

static void walk_bool(struct walk *walk, bool *value)
{
    uint64_t byte = walk_number(walk, *value, 1);
    if (byte > 1) walk->failed = true;
    *value = byte == 1;
}

static void walk_heads(struct walk *walk, struct tn_registry *registry)
{
    uint8_t parameters[PARAMETERS_BYTES];
    if (walk_number(walk, VERSION, 1) != VERSION) walk->failed = true;
    walk_u32(walk, &registry->limits.validators_max);
    walk_u32(walk, &registry->limits.markets_max);
    walk_u32(walk, &registry->limits.feeders_max);
    walk_u32(walk, &registry->turn_views);
    walk_u32(walk, &registry->validators_min);
    walk_bool(walk, &registry->started);
    tn_registry_put_parameters(parameters, &registry->parameters);
    walk_bytes(walk, parameters, sizeof(parameters));
    tn_registry_get_parameters(&registry->parameters, parameters);
    for (uint32_t i = 0; i < 2; i++) {
        walk_bytes(walk, registry->keys[i].key.bytes, TN_PUBLIC_KEY_SIZE);
        walk_bytes(walk, registry->keys[i].before.bytes, TN_PUBLIC_KEY_SIZE);
        walk_u64(walk, &registry->keys[i].height);
    }
    walk_u64(walk, &registry->height);
    walk_u64(walk, &registry->last_view);
    walk_u64(walk, &registry->l1_cursor);
    walk_u64(walk, &registry->deposit_number);
    walk_u64(walk, &registry->governance_number);
    walk_u64(walk, &registry->end_height);
    walk_u64(walk, &registry->end_asked);
    walk_u32(walk, &registry->validators_count);
    walk_u32(walk, &registry->feeders_count);
    walk_u32(walk, &registry->markets_count);
    walk_i64(walk, &registry->fees_micros);
    walk_i64(walk, &registry->treasury_micros);
    walk_i64(walk, &registry->proposer_pool_micros);
    walk_i64(walk, &registry->voter_pool_micros);
    walk_i64(walk, &registry->slashed_micros);
}

static void walk_validator(struct walk *walk, struct tn_registry_validator *validator)
{
    walk_bytes(walk, validator->key.bytes, TN_PUBLIC_KEY_SIZE);
    walk_bytes(walk, validator->address.bytes, TN_ADDRESS_SIZE);
    walk_u64(walk, &validator->weight);
    walk_u64(walk, &validator->weight_next);
    walk_u64(walk, &validator->weight_after);
    walk_i64(walk, &validator->stake_micros);
    walk_i64(walk, &validator->earned_micros);
    walk_u64(walk, &validator->registered_height);
    walk_u64(walk, &validator->blocks);
    walk_u64(walk, &validator->turns_missed);
    walk_u64(walk, &validator->entries);
    walk_u64(walk, &validator->period_blocks);
    walk_u64(walk, &validator->period_missed);
    for (uint32_t kind = 1; kind < TN_EVIDENCE_KINDS; kind++) {
        walk_u64(walk, &validator->slashes[kind].height);
        walk_bytes(walk, validator->slashes[kind].evidence.bytes, TN_HASH_SIZE);
    }
}

static void walk_feeder(struct walk *walk, struct feeder *feeder)
{
    walk_bytes(walk, feeder->key.bytes, TN_PUBLIC_KEY_SIZE);
    walk_bytes(walk, feeder->before.bytes, TN_PUBLIC_KEY_SIZE);
    walk_bool(walk, &feeder->active);
    walk_bool(walk, &feeder->before_active);
    walk_u64(walk, &feeder->height);
}

static void walk_ids(struct walk *walk, uint16_t *count, uint16_t *ids)
{
    walk_u16(walk, count);
    if (*count > TN_REGISTRY_CANDIDATES_MAX) walk->failed = true;
    for (uint32_t i = 0; i < *count && !walk->failed; i++)
        walk_u16(walk, &ids[i]);
}

static void walk_market(struct walk *walk, struct tn_registry_market *market)
{
    walk_u32(walk, &market->market);
    walk_u32(walk, &market->term);
    walk_i64(walk, &market->fees_taken_micros);
    walk_ids(walk, &market->leaders_count, market->leaders);
    walk_ids(walk, &market->candidates_count, market->candidates);
}

/* Keys and addresses are the validators'. */
static void walk_set(struct walk *walk, struct set_state *state)
{
    uint16_t count = (uint16_t)state->set.count;
    walk_u64(walk, &state->set.epoch);
    walk_u64(walk, &state->start);
    walk_u16(walk, &count);
    if (count > TN_VALIDATORS_MAX) walk->failed = true;
    for (uint32_t i = 0; i < count && !walk->failed; i++) {
        walk_u16(walk, &state->set.members[i].id);
        walk_u64(walk, &state->set.members[i].weight);
    }
    state->set.count = count;
}

/* ---- Out ---- */

uint32_t tn_registry_records_count(const struct tn_registry *registry, uint8_t kind)
{
    switch (kind) {
        case TN_RECORD_REGISTRY: return 1;
        case TN_RECORD_VALIDATOR: return registry->validators_count;
        case TN_RECORD_FEEDER: return registry->feeders_count;
        case TN_RECORD_LEADERSHIP: return registry->markets_count;
        case TN_RECORD_SET: return TN_REGISTRY_SETS;
    }
    return 0;
}

size_t tn_registry_record(const struct tn_registry *registry, uint8_t *out, size_t out_size,
                          uint8_t kind, uint32_t index)
{
    uint8_t bytes[TN_REGISTRY_RECORD_BYTES_MAX];
    struct walk walk = {.out = bytes, .size = sizeof(bytes)};
    if (index >= tn_registry_records_count(registry, kind)) return 0;
    if (kind == TN_RECORD_REGISTRY) {
        struct tn_registry copy;
        memcpy(&copy, registry, offsetof(struct tn_registry, sets));
        walk_heads(&walk, &copy);
    } else if (kind == TN_RECORD_VALIDATOR) {
        struct tn_registry_validator copy = *validator_of(registry, index);
        walk_validator(&walk, &copy);
    } else if (kind == TN_RECORD_FEEDER) {
        struct feeder copy = *feeder_at(registry, index);
        walk_feeder(&walk, &copy);
    } else if (kind == TN_RECORD_LEADERSHIP) {
        struct tn_registry_market copy = *market_at(registry, index);
        walk_market(&walk, &copy);
    } else {
        struct set_state copy = registry->sets[index];
        if (copy.set.count > 0) walk_set(&walk, &copy);
    }
    TN_ASSERT(!walk.failed);
    if (walk.at > 0 && walk.at <= out_size) memcpy(out, bytes, walk.at);
    return walk.at;
}

uint32_t tn_registry_changed(struct tn_registry *registry, struct tn_record_name *names,
                             uint32_t names_max)
{
    uint32_t count = 0;
    for (uint8_t kind = FIRST_KIND; kind < FIRST_KIND + KINDS; kind++) {
        for (uint32_t index = 0; index < tn_registry_records_count(registry, kind); index++) {
            uint8_t *flags = flags_of(registry, record_place(registry, kind, index));
            if ((*flags & FLAG_CHANGED) == 0) continue;
            if (count == names_max) return count;
            *flags &= (uint8_t)~FLAG_CHANGED;
            names[count++] = (struct tn_record_name){.kind = kind, .index = index};
        }
    }
    return count;
}

/* ---- The root ---- */

/* The root of one kind, worked out again when one of its leaves is stale. */
static void section_root(struct tn_registry *registry, uint8_t kind)
{
    uint8_t bytes[TN_REGISTRY_RECORD_BYTES_MAX];
    const uint32_t count = tn_registry_records_count(registry, kind);
    struct tn_hash *root = &registry->sections[kind - FIRST_KIND];
    struct tn_proof_fold fold;
    struct tn_hash top;
    tn_i128 sum;
    bool stale = false;
    for (uint32_t index = 0; index < count; index++) {
        const uint32_t place = record_place(registry, kind, index);
        uint8_t *flags = flags_of(registry, place);
        if ((*flags & FLAG_STALE) == 0) continue;
        size_t size = tn_registry_record(registry, bytes, sizeof(bytes), kind, index);
        tn_proof_leaf_body(leaf_at(registry, place), kind, index, bytes, size);
        *flags &= (uint8_t)~FLAG_STALE;
        stale = true;
    }
    static const struct tn_hash none;
    if (!stale && !tn_hash_equal(root, &none)) return;
    tn_proof_fold_begin(&fold, false);
    for (uint32_t index = 0; index < count; index++) {
        bool added =
            tn_proof_fold_add(&fold, leaf_at(registry, record_place(registry, kind, index)), 0);
        TN_ASSERT(added);
    }
    bool whole = tn_proof_fold_top(&fold, tn_proof_depth(count), &top, &sum);
    TN_ASSERT(whole);
    tn_proof_root(root, kind, count, &top);
}

void tn_registry_root(struct tn_registry *registry, struct tn_hash *root)
{
    struct tn_proof_fold fold;
    struct tn_hash top;
    tn_i128 sum;
    tn_proof_fold_begin(&fold, false);
    for (uint8_t kind = FIRST_KIND; kind < FIRST_KIND + KINDS; kind++) {
        section_root(registry, kind);
        bool added = tn_proof_fold_add(&fold, &registry->sections[kind - FIRST_KIND], 0);
        TN_ASSERT(added);
    }
    bool whole = tn_proof_fold_top(&fold, tn_proof_depth(KINDS), &top, &sum);
    TN_ASSERT(whole);
    tn_proof_root(root, TN_REGISTRY_TREE, KINDS, &top);
}

/* ---- In ---- */

static bool refuse(struct tn_registry_fault *fault, const struct walk *walk, const char *what)
{
    fault->at = (uint32_t)walk->at;
    fault->what = what;
    return false;
}

static const char *heads_fault(const struct tn_registry *read, const struct tn_registry *registry)
{
    const struct tn_registry_limits *limits = &registry->limits;
    if (memcmp(&read->limits, limits, sizeof(*limits)) != 0)
        return "the limits are not those of this registry";
    if (read->validators_count > limits->validators_max ||
        read->markets_count > limits->markets_max || read->feeders_count > limits->feeders_max)
        return "a count is beyond its limit";
    if (!tn_registry_parameters_good(&read->parameters) || read->turn_views == 0 ||
        read->turn_views > TN_TURN_VIEWS_MAX || read->validators_min == 0 ||
        read->validators_min > TN_VALIDATORS_MAX)
        return "a parameter is out of range";
    if (!read->started && read->height > 0) return "there are blocks before the start";
    if (read->end_asked > read->height || (read->end_height > 0 && !read->started))
        return "the end of the epoch was asked for in a block to come";
    for (uint32_t i = 0; i < 2; i++)
        if (read->keys[i].height > read->height) return "a key was changed in a block to come";
    if (read->fees_micros < 0 || read->treasury_micros < 0 || read->proposer_pool_micros < 0 ||
        read->voter_pool_micros < 0 || read->slashed_micros < 0)
        return "an amount is below zero";
    return NULL;
}

static const char *validator_fault(const struct tn_registry *registry, uint32_t id,
                                   const struct tn_registry_validator *validator)
{
    if (validator->weight > TN_WEIGHT_MAX || validator->weight_next > TN_WEIGHT_MAX ||
        validator->weight_after > TN_WEIGHT_MAX)
        return "a weight is out of range";
    if (validator->stake_micros < 0 || validator->stake_micros > MICROS_PER_STAKE_MAX ||
        validator->earned_micros < 0)
        return "an amount is out of range";
    if (validator->registered_height > registry->height)
        return "the validator was registered in a block to come";
    if (validator->period_blocks > validator->blocks ||
        validator->period_missed > validator->turns_missed)
        return "there is more work in this period than ever";
    for (uint32_t kind = 1; kind < TN_EVIDENCE_KINDS; kind++) {
        static const struct tn_hash none;
        const struct tn_registry_slash *slash = &validator->slashes[kind];
        if (slash->height > registry->height) return "the validator was slashed in a block to come";
        if (slash->height == 0 && !tn_hash_equal(&slash->evidence, &none))
            return "there is evidence for nothing";
    }
    if (tn_registry_slashed_at(validator) > 0 && validator->weight_after > 0)
        return "a slashed validator comes back";
    for (uint32_t other = 0; other < id; other++)
        if (tn_public_key_equal(&validator_of(registry, other)->key, &validator->key))
            return "two validators have one key";
    return NULL;
}

static bool ids_good(const struct tn_registry *registry, const uint16_t *ids, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (ids[i] >= registry->validators_count) return false;
        for (uint32_t k = 0; k < i; k++)
            if (ids[k] == ids[i]) return false;
    }
    return true;
}

static const char *market_fault(const struct tn_registry *registry, uint32_t place,
                                const struct tn_registry_market *market)
{
    if (market->market == 0) return "a market has the number zero";
    for (uint32_t other = 0; other < place; other++)
        if (market_at(registry, other)->market == market->market)
            return "two markets have one number";
    if (market->fees_taken_micros < 0) return "an amount is below zero";
    if (market->candidates_count == 0) return "a market has no candidates";
    if ((market->term == 0) != (market->leaders_count == 0))
        return "a market has leaders before its first term, or none after";
    if (!ids_good(registry, market->leaders, market->leaders_count) ||
        !ids_good(registry, market->candidates, market->candidates_count))
        return "a validator is unknown or comes twice";
    return NULL;
}

/* Makes the set of what was read, with the validators' keys. */
static const char *make_set(struct tn_registry *registry, uint32_t slot,
                            const struct set_state *read)
{
    struct tn_validator members[TN_VALIDATORS_MAX];
    const uint64_t epoch = registry->sets[0].set.epoch;
    if (!registry->started) return "there is a set before the start";
    if (slot > 0 && (read->set.epoch != epoch - slot || epoch < slot))
        return "the epochs of the sets do not follow each other";
    if (read->start > (slot > 0 ? registry->sets[slot - 1].start : registry->height))
        return "an epoch starts after the next one";
    for (uint32_t i = 0; i < read->set.count; i++) {
        const uint16_t id = read->set.members[i].id;
        if (id >= registry->validators_count) return "a validator is unknown";
        members[i] = (struct tn_validator){.key = validator_of(registry, id)->key,
                                           .address = validator_of(registry, id)->address,
                                           .id = id,
                                           .weight = read->set.members[i].weight};
    }
    if (!tn_validators_make(&registry->sets[slot].set, read->set.epoch, registry->turn_views,
                            members, read->set.count))
        return "the set is empty, or a member comes twice or has no weight";
    registry->sets[slot].start = read->start;
    return NULL;
}

static const char *import_walk(struct tn_registry *registry, struct walk *walk, uint8_t kind,
                               uint32_t index)
{
    static const char ends[] = "the record ends too early or too late, or says what it cannot";
    if (kind == TN_RECORD_REGISTRY) {
        struct tn_registry read = *registry;
        walk_heads(walk, &read);
        if (walk->failed || walk->at != walk->size) return ends;
        const char *fault = heads_fault(&read, registry);
        if (fault == NULL) *registry = read;
        return fault;
    }
    if (kind == TN_RECORD_VALIDATOR) {
        struct tn_registry_validator read = {0};
        walk_validator(walk, &read);
        if (walk->failed || walk->at != walk->size) return ends;
        *validator_of(registry, index) = read;
        return validator_fault(registry, index, &read);
    }
    if (kind == TN_RECORD_FEEDER) {
        struct feeder read = {0};
        walk_feeder(walk, &read);
        if (walk->failed || walk->at != walk->size) return ends;
        *feeder_at(registry, index) = read;
        return read.height > registry->height ? "a feeder was changed in a block to come" : NULL;
    }
    if (kind == TN_RECORD_LEADERSHIP) {
        struct tn_registry_market read = {0};
        walk_market(walk, &read);
        if (walk->failed || walk->at != walk->size) return ends;
        *market_at(registry, index) = read;
        return market_fault(registry, index, &read);
    }
    struct set_state read = {0};
    walk_set(walk, &read);
    if (walk->failed || walk->at != walk->size) return ends;
    return make_set(registry, index, &read);
}

/* Have all records of the kinds below this one come? */
static bool is_complete(const struct tn_registry *registry, uint8_t kind)
{
    uint32_t last = registry->imported_kind;
    uint32_t needed = tn_registry_records_count(registry, (uint8_t)last);
    if (last == TN_RECORD_SET) return true;
    if (last > 0 && registry->imported_next < needed) return false;
    for (uint8_t skipped = (uint8_t)(last > 0 ? last + 1 : FIRST_KIND); skipped < kind; skipped++)
        if (tn_registry_records_count(registry, skipped) > 0) return false;
    return true;
}

bool tn_registry_import(struct tn_registry *registry, struct tn_registry_fault *fault, uint8_t kind,
                        uint32_t index, const uint8_t *record, size_t size)
{
    struct walk walk = {.in = record, .size = size};
    *fault = (struct tn_registry_fault){.name = {.kind = kind, .index = index}};
    if (kind < FIRST_KIND || kind >= FIRST_KIND + KINDS)
        return refuse(fault, &walk, "this is no record of a registry");
    if (kind != registry->imported_kind) {
        if (kind < registry->imported_kind || !is_complete(registry, kind))
            return refuse(fault, &walk, "records are missing or out of order");
        registry->imported_kind = kind;
        registry->imported_next = 0;
    }
    if (index != registry->imported_next || index >= tn_registry_records_count(registry, kind))
        return refuse(fault, &walk, "records are missing or out of order");
    registry->imported_next++;
    const char *what = import_walk(registry, &walk, kind, index);
    return what == NULL ? true : refuse(fault, &walk, what);
}

bool tn_registry_import_end(struct tn_registry *registry, struct tn_registry_fault *fault)
{
    const struct walk walk = {0};
    tn_i128 owned = (tn_i128)registry->treasury_micros + registry->proposer_pool_micros +
                    registry->voter_pool_micros;
    *fault = (struct tn_registry_fault){.name = {.kind = TN_RECORD_REGISTRY}};
    const uint64_t epoch = registry->sets[0].set.epoch;
    uint32_t sets = epoch >= TN_REGISTRY_SETS ? TN_REGISTRY_SETS : (uint32_t)epoch + 1;
    if (registry->imported_kind == 0 || !is_complete(registry, TN_RECORD_SET) ||
        (registry->started &&
         (registry->imported_kind != TN_RECORD_SET || registry->imported_next != sets)))
        return refuse(fault, &walk, "records are missing");
    uint32_t next_count = 0, after_count = 0;
    for (uint32_t id = 0; id < registry->validators_count; id++) {
        owned += validator_of(registry, id)->earned_micros;
        next_count += validator_of(registry, id)->weight_next > 0;
        after_count += validator_of(registry, id)->weight_after > 0;
    }
    if (next_count > TN_VALIDATORS_MAX || after_count > TN_VALIDATORS_MAX)
        return refuse(fault, &walk, "a set to come has too many members");
    if (owned != registry->fees_micros)
        return refuse(fault, &walk, "what was earned and is pooled are not the fees");
    for (uint32_t place = 0; place < records_max(&registry->limits); place++)
        *flags_of(registry, place) = FLAG_STALE;
    memset(registry->sections, 0, sizeof(registry->sections));
    return true;
}
