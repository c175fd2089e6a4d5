/* sync_roots: for each market the tree over its sixteen sections, as far as it is known.
 *
 * A section of no records has a value that everybody can work out. It is compared with the lowest
 * node above it that is known: all below that must be known too, or be said to be empty as well. */
#include "cluster/sync_roots.h"

enum {
    KIND_STEP = 32, /* kinds of one market */
    LEAVES_AT = TN_PROOF_SECTIONS,
};
_Static_assert(1 << TN_PROOF_SECTIONS_DEPTH == TN_PROOF_SECTIONS, "the tree of a market");

static uint16_t bit_of(uint8_t kind)
{
    return (uint16_t)(1u << tn_proof_section(kind % KIND_STEP));
}

static bool is_known(const struct sync_roots_market *market, uint32_t at)
{
    return (market->known >> at & 1) != 0;
}

static void set_node(struct sync_roots_market *market, uint32_t at, const struct tn_hash *value)
{
    market->nodes[at] = *value;
    market->known |= UINT32_C(1) << at;
}

void sync_roots_begin(struct sync_roots *roots, const struct tn_chain_limits *limits)
{
    *roots = (struct sync_roots){0};
    for (uint32_t place = 0; place < limits->markets_count; place++) {
        for (uint32_t own = 1; own < TN_PROOF_RECORD_KINDS; own++) {
            const uint8_t kind = (uint8_t)(place * KIND_STEP + own);
            if (own == TN_RECORD_POSITIONS || tn_chain_record_size_max(limits, kind) > 0) continue;
            roots->markets[place].none |= bit_of(kind);
        }
    }
}

void sync_roots_learn(struct sync_roots *roots, uint32_t place,
                      const struct tn_proof_leaves *leaves)
{
    TN_ASSERT(place < TN_CHAIN_MARKETS_MAX);
    struct sync_roots_market *market = &roots->markets[place];
    uint32_t at = LEAVES_AT + tn_proof_section(leaves->kind);
    set_node(market, at, &leaves->root);
    for (uint32_t level = 0; at > 1; level++, at /= 2) {
        struct tn_hash above;
        set_node(market, at ^ 1, &leaves->beside[level]);
        tn_proof_node(&above, &market->nodes[at & ~1u], &market->nodes[at | 1u]);
        set_node(market, at / 2, &above);
    }
    roots->markets_root = leaves->markets_root;
}

/* Whose records a section is over; 0: nobody's, its value is zero. */
static uint8_t kind_of(uint32_t section)
{
    for (uint8_t own = 1; own < TN_PROOF_RECORD_KINDS; own++)
        if (own != TN_RECORD_POSITIONS && tn_proof_section(own) == section) return own;
    return 0;
}

static void empty_root(struct tn_hash *root, uint8_t own)
{
    const struct tn_hash zero = {{0}};
    if (own == 0) {
        *root = zero;
    } else if (own == TN_RECORD_ACCOUNT) {
        tn_proof_sum_root(root, own, 0, &zero, 0);
    } else {
        tn_proof_root(root, own, 0, &zero);
    }
}

static bool value_of(struct tn_hash *value, const struct sync_roots_market *market, uint32_t said,
                     uint32_t at);

/* Of the two below it. */
static bool work_out(struct tn_hash *value, const struct sync_roots_market *market, uint32_t said,
                     uint32_t at)
{
    struct tn_hash right;
    if (at >= LEAVES_AT) {
        const uint32_t section = at - LEAVES_AT;
        const uint8_t own = kind_of(section);
        empty_root(value, own);
        return own == 0 || (said >> section & 1) != 0;
    }
    if (!value_of(value, market, said, 2 * at) || !value_of(&right, market, said, 2 * at + 1)) {
        return false;
    }
    tn_proof_node(value, value, &right);
    return true;
}

static bool value_of(struct tn_hash *value, const struct sync_roots_market *market, uint32_t said,
                     uint32_t at)
{
    if (!is_known(market, at)) return work_out(value, market, said, at);
    *value = market->nodes[at];
    return true;
}

static enum sync_emptiness judge(const struct sync_roots_market *market, uint32_t said,
                                 uint32_t section)
{
    struct tn_hash value;
    uint32_t at = LEAVES_AT + section;
    while (at > 0 && !is_known(market, at))
        at /= 2;
    if (at == 0 || !work_out(&value, market, said, at)) return SYNC_NOT_KNOWN;
    return tn_hash_equal(&value, &market->nodes[at]) ? SYNC_EMPTY : SYNC_NOT_EMPTY;
}

enum sync_emptiness sync_roots_judge(const struct sync_roots *roots, uint8_t kind)
{
    const struct sync_roots_market *market = &roots->markets[kind / KIND_STEP];
    return judge(market, market->none | bit_of(kind), tn_proof_section(kind % KIND_STEP));
}

enum sync_emptiness sync_roots_judge_said(const struct sync_roots *roots, uint8_t kind)
{
    const struct sync_roots_market *market = &roots->markets[kind / KIND_STEP];
    return judge(market, market->none | market->said, tn_proof_section(kind % KIND_STEP));
}

void sync_roots_say(struct sync_roots *roots, uint8_t kind)
{
    roots->markets[kind / KIND_STEP].said |= bit_of(kind);
}

void sync_roots_unsay(struct sync_roots *roots)
{
    for (uint32_t i = 0; i < TN_CHAIN_MARKETS_MAX; i++)
        roots->markets[i].said = 0;
}
