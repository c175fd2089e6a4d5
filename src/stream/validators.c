/* validators: the set of an epoch, its weights, and the order of its proposers.
 *
 * The order is a schedule: the j-th slot of a validator of weight w may not come before slot
 * ⌊(j − 1)·W ÷ w⌋ nor after ⌈j·W ÷ w⌉ − 1, and in each slot goes, of those who may, whoever must go
 * first; of several, the lowest index. Unit jobs with whole releases and deadlines on one machine:
 * the earliest deadline meets all of them if anything does, and the weights say that something
 * does. So in k slots a validator has more than k·w ÷ W − 1 and fewer than k·w ÷ W + 1, for every
 * k. */
#include "tenor/validators.h"

#include <string.h>

#define SET_TAG      "TNSX1N"
#define SET_TAG_SIZE 6u
#define MEMBER_BYTES (TN_ADDRESS_SIZE + 8u)

/* ---- The order ---- */

static uint64_t greatest_divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* When the next slot of a validator may come, and before which it must. */
struct window {
    tn_u128 release, deadline;
};

static void set_window(struct window *window, uint64_t slots_had, uint64_t weight, uint64_t total)
{
    window->release = (tn_u128)slots_had * total / weight;
    window->deadline = ((tn_u128)(slots_had + 1) * total + weight - 1) / weight;
}

uint32_t tn_validators_order(uint16_t order[TN_ORDER_SLOTS_MAX], const uint64_t *weights,
                             uint32_t count)
{
    struct window windows[TN_VALIDATORS_MAX];
    uint64_t had[TN_VALIDATORS_MAX] = {0}, total = 0, divisor = 0;
    TN_ASSERT(count > 0 && count <= TN_VALIDATORS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        TN_ASSERT(weights[i] > 0 && weights[i] <= TN_WEIGHT_MAX);
        total += weights[i];
        divisor = greatest_divisor(weights[i], divisor);
    }
    for (uint32_t i = 0; i < count; i++)
        set_window(&windows[i], 0, weights[i], total);

    const uint64_t cycle = total / divisor;
    const uint32_t slots = cycle < TN_ORDER_SLOTS_MAX ? (uint32_t)cycle : TN_ORDER_SLOTS_MAX;
    for (uint32_t slot = 0; slot < slots; slot++) {
        uint32_t next = TN_NONE;
        for (uint32_t i = 0; i < count; i++) {
            if (windows[i].release > slot) continue;
            if (next == TN_NONE || windows[i].deadline < windows[next].deadline) next = i;
        }
        TN_ASSERT(next != TN_NONE && windows[next].deadline > slot);
        order[slot] = (uint16_t)next;
        set_window(&windows[next], ++had[next], weights[next], total);
    }
    return slots;
}

uint32_t tn_validators_proposer(const struct tn_validators *set, uint64_t view)
{
    TN_ASSERT(view > 0 && set->slots_count > 0);
    return set->order[(view - 1) / set->turn_views % set->slots_count];
}

void tn_validators_turns(const struct tn_validators *set, uint64_t turns[TN_VALIDATORS_MAX],
                         uint64_t first, uint64_t last)
{
    const uint64_t cycle = (uint64_t)set->slots_count * set->turn_views;
    TN_ASSERT(first > 0 && first <= last && cycle > 0);
    const uint64_t cycles = (last - first) / cycle; /* each of whole views; at least one is left */
    for (uint32_t slot = 0; cycles > 0 && slot < set->slots_count; slot++)
        turns[set->order[slot]] += cycles * set->turn_views;
    for (uint64_t view = first + cycles * cycle; view <= last && view >= first;) {
        uint64_t turn_left = set->turn_views - (view - 1) % set->turn_views;
        uint64_t views = last - view < turn_left ? last - view + 1 : turn_left;
        turns[tn_validators_proposer(set, view)] += views;
        if (last - view < views) break;
        view += views;
    }
}

/* ---- The set ---- */

uint32_t tn_validators_find_key(const struct tn_validators *set, const struct tn_public_key *key)
{
    TN_ASSERT(set->count <= TN_VALIDATORS_MAX);
    for (uint32_t i = 0; i < set->count; i++)
        if (tn_public_key_equal(&set->members[i].key, key)) return i;
    return TN_NONE;
}

uint32_t tn_validators_find_id(const struct tn_validators *set, uint16_t id)
{
    TN_ASSERT(set->count <= TN_VALIDATORS_MAX);
    for (uint32_t i = 0; i < set->count; i++)
        if (set->members[i].id == id) return i;
    return TN_NONE;
}

bool tn_validators_make(struct tn_validators *set, uint64_t epoch, uint32_t turn_views,
                        const struct tn_validator *members, uint32_t count)
{
    uint64_t weights[TN_VALIDATORS_MAX];
    if (count == 0 || count > TN_VALIDATORS_MAX) return false;
    if (turn_views == 0 || turn_views > TN_TURN_VIEWS_MAX) return false;
    memset(set, 0, sizeof(*set)); /* sets are compared and copied as bytes */
    set->epoch = epoch;
    set->turn_views = turn_views;
    for (uint32_t i = 0; i < count; i++) {
        const struct tn_validator *member = &members[i];
        if (member->weight == 0 || member->weight > TN_WEIGHT_MAX) return false;
        if (tn_validators_find_id(set, member->id) != TN_NONE) return false;
        if (tn_validators_find_key(set, &member->key) != TN_NONE) return false;
        struct tn_validator *own = &set->members[set->count++]; /* without a caller's padding */
        own->key = member->key;
        own->address = member->address;
        own->id = member->id;
        own->weight = member->weight;
        set->weight += member->weight;
        weights[i] = member->weight;
    }
    set->slots_count = tn_validators_order(set->order, weights, count);
    return true;
}

void tn_validators_hash(struct tn_hash *hash, const struct tn_validators *set)
{
    uint8_t preimage[SET_TAG_SIZE + 8 + 2 + TN_VALIDATORS_MAX * MEMBER_BYTES];
    uint8_t *at = preimage + SET_TAG_SIZE;
    TN_ASSERT(set->count > 0 && set->count <= TN_VALIDATORS_MAX);
    memcpy(preimage, SET_TAG, SET_TAG_SIZE);
    tn_put_be(at, set->epoch, 8);
    tn_put_be(at + 8, set->count, 2);
    at += 10;
    for (uint32_t i = 0; i < set->count; i++, at += MEMBER_BYTES) {
        memcpy(at, set->members[i].address.bytes, TN_ADDRESS_SIZE);
        tn_put_be(at + TN_ADDRESS_SIZE, set->members[i].weight, 8);
    }
    tn_keccak256(hash, preimage, (size_t)(at - preimage));
}

/* ---- Voters ---- */

uint64_t tn_voters_weight(const struct tn_voters *voters, const struct tn_validators *set)
{
    uint64_t weight = 0;
    uint32_t found = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        if (!tn_voters_has(voters, i)) continue;
        weight += set->members[i].weight;
        found++;
    }
    TN_ASSERT(found == tn_voters_count(voters) && weight <= set->weight);
    return weight;
}

bool tn_voters_quorum(const struct tn_voters *voters, const struct tn_validators *set)
{
    return tn_weight_is_quorum(tn_voters_weight(voters, set), set->weight);
}

bool tn_voters_weak(const struct tn_voters *voters, const struct tn_validators *set)
{
    return tn_weight_is_weak(tn_voters_weight(voters, set), set->weight);
}

void tn_voters_write(uint8_t *out, const struct tn_voters *voters, uint32_t count)
{
    TN_ASSERT(count <= TN_VALIDATORS_MAX);
    for (uint32_t i = 0; i < tn_voters_bytes(count); i++)
        out[i] = (uint8_t)(voters->bits[i / 8] >> 8 * (i % 8));
}

bool tn_voters_read(struct tn_voters *voters, const uint8_t *bytes, uint32_t count)
{
    TN_ASSERT(count <= TN_VALIDATORS_MAX);
    *voters = (struct tn_voters){{0}};
    for (uint32_t i = 0; i < tn_voters_bytes(count); i++)
        voters->bits[i / 8] |= (uint64_t)bytes[i] << 8 * (i % 8);
    for (uint32_t i = count; i < 128; i++)
        if (tn_voters_has(voters, i)) return false;
    return true;
}
