/* steps: what all proofs are made of: ways up a tree, and the way from a tree to the state root.
 *
 * A sibling on a way is one byte, how long it is, and its bytes; where it is a subtree of zeros,
 * the byte alone. After each tree stands a waypoint, the first four bytes of the root that must
 * have come out: not for safety, which the state root alone decides, but so that a bad proof names
 * the step that failed. */
#include "proof/reader.h"

#define SIBLING_ZERO  0x80 /* on a way with sums */
#define WAYPOINT_SIZE 4

bool tn_proof_read_head(struct reader *reader, enum tn_proof_type *type)
{
    if (reader->size < PROOF_HEAD || memcmp(reader->bytes, "TNPF1", 5) != 0)
        return reader_fail(reader, TN_PROOF_STEP_HEADER);
    const uint8_t *head = reader_take(reader, PROOF_HEAD);
    if (head[5] < TN_PROOF_ACCOUNT || head[5] > TN_PROOF_LEAVES)
        return reader_fail(reader, TN_PROOF_STEP_HEADER);
    *type = (enum tn_proof_type)head[5];
    reader->chain_id = head + 6;
    reader->height = tn_get_be(head + 38, 8);
    return true;
}

/* A number in as few bytes as can hold it. */
static bool read_short(struct reader *reader, tn_i128 *sum, uint32_t size)
{
    const uint8_t *bytes = size <= 16 ? reader_take(reader, size) : NULL;
    if (bytes == NULL) return reader_fail(reader, TN_PROOF_STEP_SUM);
    *sum = 0;
    if (size == 0) return true;
    const uint8_t fill = bytes[0] & 0x80 ? 0xff : 0;
    if (size == 1 ? bytes[0] == 0 : bytes[0] == fill && (bytes[1] & 0x80) == (fill & 0x80))
        return reader_fail(reader, TN_PROOF_STEP_SUM);
    tn_u128 value = fill ? ~(tn_u128)0 : 0;
    for (uint32_t i = 0; i < size; i++)
        value = value << 8 | bytes[i];
    *sum = (tn_i128)value;
    return true;
}

bool tn_proof_read_sum(struct reader *reader, tn_i128 *sum)
{
    const uint8_t *size = reader_take(reader, 1);
    return size != NULL && read_short(reader, sum, *size);
}

bool tn_proof_read_waypoint(struct reader *reader, const struct tn_hash *hash,
                            enum tn_proof_step step)
{
    const uint8_t *bytes = reader_take(reader, WAYPOINT_SIZE);
    if (bytes == NULL) return false;
    return memcmp(bytes, hash->bytes, WAYPOINT_SIZE) == 0 || reader_fail(reader, step);
}

bool tn_proof_climb(struct reader *reader, struct tn_hash *node, uint32_t index, uint32_t level,
                    uint32_t levels, enum tn_proof_step step)
{
    TN_ASSERT(level + levels <= TN_PROOF_DEPTH_MAX);
    for (uint32_t end = level + levels; level < end; level++, index >>= 1) {
        struct tn_hash sibling;
        const uint8_t *size = reader_take(reader, 1);
        if (size == NULL) return false;
        if (*size == 0)
            sibling = tn_proof_zeros[0][level];
        else if (*size != TN_HASH_SIZE)
            return reader_fail(reader, step);
        else if (!reader_hash(reader, &sibling))
            return false;
        if (reader->beside != NULL) *reader->beside++ = sibling;
        if ((index & 1) != 0)
            tn_proof_node(node, &sibling, node);
        else
            tn_proof_node(node, node, &sibling);
    }
    return true;
}

bool tn_proof_climb_sums(struct reader *reader, struct climber *climber, uint32_t level,
                         uint32_t levels, bool may_fall)
{
    TN_ASSERT(level + levels <= TN_PROOF_DEPTH_MAX);
    uint32_t index = climber->index >> level;
    for (uint32_t end = level + levels; level < end; level++, index >>= 1) {
        struct tn_hash sibling = tn_proof_zeros[1][level];
        tn_i128 sum = 0;
        const uint8_t *size = reader_take(reader, 1);
        if (size == NULL) return false;
        if (*size != SIBLING_ZERO &&
            !(reader_hash(reader, &sibling) && read_short(reader, &sum, *size)))
            return false;
        if (sum < 0 && !may_fall) return reader_fail(reader, TN_PROOF_STEP_SUM);
        bool good = (index & 1) != 0
                        ? tn_proof_sum_node(&climber->node, &climber->sum, &sibling, sum,
                                            &climber->node, climber->sum)
                        : tn_proof_sum_node(&climber->node, &climber->sum, &climber->node,
                                            climber->sum, &sibling, sum);
        if (!good) return reader_fail(reader, TN_PROOF_STEP_SUM);
    }
    return true;
}

bool tn_proof_climb_range(struct reader *reader, struct tn_hash *node, uint64_t number,
                          uint64_t count)
{
    if (number >= count) return reader_fail(reader, TN_PROOF_STEP_INDEX);
    uint64_t last = count - 1;
    for (; last > 0; number >>= 1, last >>= 1) {
        if ((number & 1) == 0 && number == last) continue; /* it rises with nothing beside it */
        struct tn_hash sibling;
        if (!reader_hash(reader, &sibling)) return false;
        if ((number & 1) != 0)
            tn_proof_node(node, &sibling, node);
        else
            tn_proof_node(node, node, &sibling);
    }
    return true;
}

static bool check_state_root(struct reader *reader, const struct tn_hash *markets_root,
                             const struct tn_hash *globals_top)
{
    struct tn_hash root;
    tn_proof_state_root(&root, reader->chain_id, reader->height, markets_root, globals_top);
    return tn_hash_equal(&root, reader->state_root) ||
           reader_fail(reader, TN_PROOF_STEP_STATE_ROOT);
}

bool tn_proof_leave_market(struct reader *reader, uint32_t *market, const struct tn_hash *root,
                           uint32_t section)
{
    struct tn_hash node = *root;
    struct tn_hash globals_top;
    uint32_t count;
    uint32_t place;
    if (!reader_u32(reader, market)) return false;
    reader->beside = reader->leaves == NULL ? NULL : reader->leaves->beside;
    if (!tn_proof_climb(reader, &node, section, 0, TN_PROOF_SECTIONS_DEPTH, TN_PROOF_STEP_MARKET))
        return false;
    reader->beside = NULL;
    tn_proof_market_top(&node, *market, &node);
    if (!tn_proof_read_waypoint(reader, &node, TN_PROOF_STEP_MARKET)) return false;
    if (!reader_u32(reader, &count) || !reader_u32(reader, &place)) return false;
    if (place >= count) return reader_fail(reader, TN_PROOF_STEP_INDEX);
    if (!tn_proof_climb(reader, &node, place, 0, tn_proof_depth(count), TN_PROOF_STEP_MARKETS))
        return false;
    tn_proof_root(&node, TN_PROOF_MARKETS, count, &node);
    if (!tn_proof_read_waypoint(reader, &node, TN_PROOF_STEP_MARKETS)) return false;
    if (reader->leaves != NULL) reader->leaves->markets_root = node;
    return reader_hash(reader, &globals_top) && check_state_root(reader, &node, &globals_top);
}

bool tn_proof_leave_globals(struct reader *reader, const struct tn_hash *root,
                            enum tn_proof_global section)
{
    struct tn_hash node = *root;
    struct tn_hash markets_root;
    return tn_proof_climb(reader, &node, section, 0, 3, TN_PROOF_STEP_GLOBALS) &&
           tn_proof_read_waypoint(reader, &node, TN_PROOF_STEP_GLOBALS) &&
           reader_hash(reader, &markets_root) && check_state_root(reader, &markets_root, &node);
}

bool tn_proof_end(struct reader *reader, struct tn_proof_fault *fault, bool good)
{
    static const char *const sentences[] = {
#define X(name, text) text,
        TN_PROOF_STEPS(X)
#undef X
    };
    if (good && reader->used != reader->size) good = reader_fail(reader, TN_PROOF_STEP_SIZE);
    TN_ASSERT(good == (reader->step == TN_PROOF_STEP_NONE));
    *fault = (struct tn_proof_fault){reader->step, (uint32_t)reader->used, sentences[reader->step]};
    return good;
}
