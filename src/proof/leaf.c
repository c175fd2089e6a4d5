/* leaf: what of a record is hashed, and how.
 *
 * Most records are hashed as they are. Three have parts that change at their own pace, so a part is
 * a hash of its own: an ACCOUNT takes in the root of its positions, a BOOK the tops of its four
 * lists of orders, a MEMORY one hash for every run of results.
 *
 * Long lists of equal items are hashed 64 leaves at a time, side by side where the processor can,
 * and the 64 made into one node at once; a fold takes those nodes. */
#include "proof/internal.h"

#define ITEMS         64 /* leaves side by side */
#define ITEMS_DEPTH   6
#define ITEM_SIZE_MAX (LEAF_HEAD + TN_RECORD_ORDER_SIZE)

_Static_assert(TN_RECORD_POSITIONS_CHUNK *TN_RECORD_POSITION_SIZE <= TN_RECORD_ORDER_SIZE,
               "a chunk of positions fits where an order does");

/* ---- Lists ---- */

/* Nodes of one level above `count` nodes, in place. */
static void raise_level(struct tn_hash *nodes, enum tn_cpu cpu, uint32_t count, uint32_t level)
{
    uint8_t messages[ITEMS / 2][NODE_SIZE];
    uint32_t pairs = (count + 1) / 2;
    for (uint32_t i = 0; i < pairs; i++) {
        messages[i][0] = TAG_NODE;
        const struct tn_hash *right =
            2 * i + 1 < count ? &nodes[2 * i + 1] : &tn_proof_zeros[0][level];
        memcpy(messages[i] + 1, nodes[2 * i].bytes, TN_HASH_SIZE);
        memcpy(messages[i] + 1 + TN_HASH_SIZE, right->bytes, TN_HASH_SIZE);
    }
    tn_keccak256_many(nodes, cpu, messages[0], NODE_SIZE, NODE_SIZE, pairs);
}

/* The leaves of up to ITEMS items, of which only the very last may be shorter. */
static void hash_items(struct tn_hash *leaves, enum tn_cpu cpu, uint8_t kind, uint32_t first,
                       const uint8_t *items, size_t item_size, size_t size)
{
    uint8_t messages[ITEMS][ITEM_SIZE_MAX];
    uint32_t whole = (uint32_t)(size / item_size);
    size_t rest = size - whole * item_size;
    TN_ASSERT(whole + (rest > 0) <= ITEMS && LEAF_HEAD + item_size <= ITEM_SIZE_MAX);
    for (uint32_t i = 0; i < whole; i++) {
        put_leaf_head(messages[i], kind, first + i);
        memcpy(messages[i] + LEAF_HEAD, items + i * item_size, item_size);
    }
    tn_keccak256_many(leaves, cpu, messages[0], ITEM_SIZE_MAX, LEAF_HEAD + item_size, whole);
    if (rest == 0) return;
    put_leaf_head(messages[0], kind, first + whole);
    memcpy(messages[0] + LEAF_HEAD, items + whole * item_size, rest);
    tn_keccak256(&leaves[whole], messages[0], LEAF_HEAD + rest);
}

/* The plain tree over a list of items. A run of ITEMS leaves is a node ITEMS_DEPTH levels up: the
 * peaks of runs are kept as a fold keeps those of leaves. */
static void list_top(struct tn_hash *top, enum tn_cpu cpu, uint8_t kind, const uint8_t *items,
                     size_t item_size, size_t size)
{
    const size_t count = (size + item_size - 1) / item_size;
    const uint32_t depth = tn_proof_depth(count);
    struct tn_hash peaks[TN_PROOF_DEPTH_MAX + 1 - ITEMS_DEPTH];
    struct tn_hash nodes[ITEMS];
    *top = (struct tn_hash){{0}};
    TN_ASSERT(depth <= TN_PROOF_DEPTH_MAX);
    for (size_t first = 0; first < count; first += ITEMS) {
        uint32_t leaves = (uint32_t)(count - first < ITEMS ? count - first : ITEMS);
        size_t at = first * item_size;
        size_t bytes = size - at < ITEMS * item_size ? size - at : ITEMS * item_size;
        hash_items(nodes, cpu, kind, (uint32_t)first, items + at, item_size, bytes);
        uint32_t levels = depth < ITEMS_DEPTH ? depth : ITEMS_DEPTH;
        for (uint32_t level = 0; level < levels; level++, leaves = (leaves + 1) / 2)
            raise_level(nodes, cpu, leaves, level);
        /* The last run goes up all the way, with zeros or peaks beside it; others to their peak. */
        const bool is_last = first + ITEMS >= count;
        uint32_t level = levels;
        for (; level < depth; level++) {
            bool is_right = (first >> level & 1) != 0;
            if (!is_right && !is_last) break;
            const struct tn_hash *left = is_right ? &peaks[level - ITEMS_DEPTH] : &nodes[0];
            tn_proof_node(&nodes[0], left, is_right ? &nodes[0] : &tn_proof_zeros[0][level]);
        }
        if (is_last)
            *top = nodes[0];
        else
            peaks[level - ITEMS_DEPTH] = nodes[0];
    }
}

bool tn_proof_positions_root(struct tn_hash *root, enum tn_cpu cpu, const uint8_t *record,
                             size_t size)
{
    *root = (struct tn_hash){{0}};
    if (size == 0) return true;
    if (size % TN_RECORD_POSITION_SIZE != 0 || size / TN_RECORD_POSITION_SIZE > UINT32_MAX)
        return false;
    struct tn_hash top;
    list_top(&top, cpu, TN_RECORD_POSITIONS, record,
             TN_RECORD_POSITIONS_CHUNK * TN_RECORD_POSITION_SIZE, size);
    tn_proof_root(root, TN_RECORD_POSITIONS, size / TN_RECORD_POSITION_SIZE, &top);
    return true;
}

/* ---- Bodies ---- */

/* Where a body goes: into memory, or into a hash. */
struct sink {
    uint8_t *out;
    struct tn_keccak *keccak;
};

static void pour(struct sink *sink, const uint8_t *bytes, size_t size)
{
    if (sink->keccak != NULL) {
        tn_keccak_add(sink->keccak, bytes, size);
        return;
    }
    memcpy(sink->out, bytes, size);
    sink->out += size;
}

#define BOOK_HEAD   (4 * TN_RECORD_BOOK_LISTS)
#define MEMORY_HEAD 16 /* without its groups */

static size_t book_body_size(const uint8_t *record, size_t size)
{
    if (size < BOOK_HEAD || (size - BOOK_HEAD) % TN_RECORD_ORDER_SIZE != 0) return 0;
    uint64_t orders = 0;
    for (uint32_t i = 0; i < TN_RECORD_BOOK_LISTS; i++)
        orders += get_u32(record + 4 * i);
    if ((size - BOOK_HEAD) / TN_RECORD_ORDER_SIZE != orders) return 0;
    return TN_RECORD_BOOK_LISTS * (4 + TN_HASH_SIZE);
}

static void pour_book(struct sink *sink, enum tn_cpu cpu, const uint8_t *record)
{
    const uint8_t *list = record + BOOK_HEAD;
    for (uint32_t i = 0; i < TN_RECORD_BOOK_LISTS; i++) {
        size_t size = (size_t)get_u32(record + 4 * i) * TN_RECORD_ORDER_SIZE;
        struct tn_hash top;
        list_top(&top, cpu, TN_RECORD_BOOK, list, TN_RECORD_ORDER_SIZE, size);
        pour(sink, record + 4 * i, 4);
        pour(sink, top.bytes, TN_HASH_SIZE);
        list += size;
    }
}

/* Where the results of a MEMORY begin; 0 when it is none. */
static size_t memory_results(const uint8_t *record, size_t size)
{
    if (size < MEMORY_HEAD || get_u32(record) > size - MEMORY_HEAD) return 0;
    const size_t head = MEMORY_HEAD + (size_t)get_u32(record);
    uint32_t count = get_u32(record + head - 4);
    if ((size - head) % TN_RECORD_RESULT_SIZE != 0) return 0;
    if ((size - head) / TN_RECORD_RESULT_SIZE != count) return 0;
    return tn_get_be(record + head - 12, 8) <= UINT64_MAX - count ? head : 0;
}

static uint32_t run_of(uint64_t number, uint32_t left)
{
    uint32_t run = TN_RECORD_RESULTS_CHUNK - (uint32_t)(number % TN_RECORD_RESULTS_CHUNK);
    return run < left ? run : left;
}

static size_t memory_body_size(const uint8_t *record, size_t size)
{
    const size_t head = memory_results(record, size);
    if (head == 0) return 0;
    uint64_t number = tn_get_be(record + head - 12, 8);
    uint32_t count = get_u32(record + head - 4);
    uint64_t runs = 0;
    if (count > 0)
        runs =
            (number + count - 1) / TN_RECORD_RESULTS_CHUNK - number / TN_RECORD_RESULTS_CHUNK + 1;
    return head + (size_t)runs * TN_HASH_SIZE;
}

static void pour_run(struct sink *sink, uint64_t number, const uint8_t *results, size_t size)
{
    uint8_t head[9];
    struct tn_keccak keccak;
    struct tn_hash hash;
    head[0] = TAG_RESULTS;
    tn_put_be(head + 1, number, 8);
    tn_keccak_begin(&keccak);
    tn_keccak_add(&keccak, head, sizeof head);
    tn_keccak_add(&keccak, results, size);
    tn_keccak_end(&keccak, &hash);
    pour(sink, hash.bytes, TN_HASH_SIZE);
}

static void pour_memory(struct sink *sink, const uint8_t *record, size_t size)
{
    const size_t head = memory_results(record, size);
    uint64_t number = tn_get_be(record + head - 12, 8);
    uint32_t left = get_u32(record + head - 4);
    pour(sink, record, head);
    const uint8_t *results = record + head;
    while (left > 0) {
        uint32_t run = run_of(number, left);
        pour_run(sink, number, results, (size_t)run * TN_RECORD_RESULT_SIZE);
        results += (size_t)run * TN_RECORD_RESULT_SIZE;
        number += run;
        left -= run;
    }
}

static size_t body_size(enum tn_record_kind kind, const uint8_t *record, size_t size)
{
    TN_ASSERT(kind > 0 && (uint32_t)kind < TN_PROOF_RECORD_KINDS && kind != TN_RECORD_POSITIONS);
    if (size == 0 || size > UINT32_MAX) return 0;
    if (kind == TN_RECORD_ACCOUNT)
        return size == TN_RECORD_ACCOUNT_SIZE ? size + 2 * TN_HASH_SIZE : 0;
    if (kind == TN_RECORD_BOOK) return book_body_size(record, size);
    if (kind == TN_RECORD_MEMORY) return memory_body_size(record, size);
    return size;
}

static void pour_body(struct sink *sink, enum tn_cpu cpu, enum tn_record_kind kind,
                      const uint8_t *record, size_t size, const struct tn_hash *positions_root)
{
    static const uint8_t no_session_keys[TN_HASH_SIZE];
    if (kind == TN_RECORD_BOOK) {
        pour_book(sink, cpu, record);
    } else if (kind == TN_RECORD_MEMORY) {
        pour_memory(sink, record, size);
    } else {
        pour(sink, record, size);
    }
    if (kind != TN_RECORD_ACCOUNT) return;
    TN_ASSERT(positions_root != NULL);
    pour(sink, positions_root->bytes, TN_HASH_SIZE);
    pour(sink, no_session_keys, TN_HASH_SIZE);
}

size_t tn_proof_body(uint8_t *out, enum tn_cpu cpu, enum tn_record_kind kind, const uint8_t *record,
                     size_t size, const struct tn_hash *positions_root)
{
    struct sink sink = {out, NULL};
    size_t written = body_size(kind, record, size);
    if (written == 0) return 0;
    pour_body(&sink, cpu, kind, record, size, positions_root);
    TN_ASSERT(sink.out == out + written);
    return written;
}

/* ---- Leaves ---- */

/* A leaf's hash in pieces: its body's size is known before its bytes. */
static void leaf_begin(struct tn_keccak *keccak, uint8_t kind, uint32_t index, size_t body_size)
{
    uint8_t head[LEAF_HEAD];
    put_leaf_head(head, kind, index);
    if (body_size == 64 - LEAF_HEAD) head[0] = TAG_LEAF_58;
    tn_keccak_begin(keccak);
    tn_keccak_add(keccak, head, sizeof head);
}

static void leaf_end(struct tn_keccak *keccak, struct tn_hash *leaf, size_t body_size)
{
    if (body_size == 64 - LEAF_HEAD) tn_keccak_add(keccak, "", 1);
    tn_keccak_end(keccak, leaf);
}

void tn_proof_leaf_body(struct tn_hash *leaf, uint8_t kind, uint32_t index, const uint8_t *body,
                        size_t size)
{
    *leaf = (struct tn_hash){{0}};
    if (size == 0) return;
    struct tn_keccak keccak;
    leaf_begin(&keccak, kind, index, size);
    tn_keccak_add(&keccak, body, size);
    leaf_end(&keccak, leaf, size);
}

bool tn_proof_leaf(struct tn_hash *leaf, tn_i128 *sum, enum tn_cpu cpu, enum tn_record_kind kind,
                   uint32_t index, const uint8_t *record, size_t size,
                   const struct tn_hash *positions_root)
{
    struct tn_keccak keccak;
    struct sink sink = {NULL, &keccak};
    *sum = 0;
    *leaf = (struct tn_hash){{0}};
    size_t body = body_size(kind, record, size);
    if (body == 0) return size == 0;
    leaf_begin(&keccak, (uint8_t)kind, index, body);
    pour_body(&sink, cpu, kind, record, size, positions_root);
    leaf_end(&keccak, leaf, body);
    if (kind == TN_RECORD_ACCOUNT) *sum = get_i64(record + ACCOUNT_CASH_AT);
    return true;
}
