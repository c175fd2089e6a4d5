/* set_snapshot_chunk: chunks of a chain as bytes, each with what proves it alone.
 *
 * The chain stands still while they are made, so its trees are those of its root. */
#include "tenor/chain_globals.h"
#include "tenord/set_snapshot.h"
#include "tenord/tenord.h"

#include <stdlib.h>
#include <string.h>

enum {
    KIND_STEP = 32,
    STREAM_FIRST_AT = 72, /* in STREAM: the height of the first inbox that waits */
    TOP_SIZE = TN_HASH_SIZE + 16,
    PROOF_ROOM = TN_STATE_PROOF_ROOM + (1 << 10), /* of any chunk, but for the tops of EQUITY */
};

struct set_snapshot_maker {
    struct tn_chain *chain;
    uint8_t *bytes;
    size_t size, used;
    uint8_t *tops; /* of the runs of EQUITY of market `tops_place` */
    size_t tops_size;
    uint32_t tops_place;   /* TN_NONE: of none yet */
    uint32_t equity_depth; /* of a run */
    struct tn_chain_inboxes inboxes[TN_CHAIN_MARKETS_MAX];
};

/* ---- Memory ------------------------------------------------------------------------------------
 */

static size_t most_of_kind(const struct tn_chain_limits *limits, uint8_t kind)
{
    size_t most = tn_chain_record_size_max(limits, kind);
    if (set_snapshot_own(kind) == TN_RECORD_ACCOUNT)
        most += tn_chain_record_size_max(limits, kind + 1);
    return most;
}
_Static_assert(TN_RECORD_POSITIONS == TN_RECORD_ACCOUNT + 1, "positions follow their accounts");

/* All that waits in a market's inboxes, or all that is of the whole chain, at most. */
static size_t whole_room(const struct tn_chain *chain, uint8_t kind)
{
    const struct tn_chain_limits *limits = tn_chain_limits(chain);
    const size_t name = SET_SNAPSHOT_NAME + SNAPSHOT_LENGTH;
    size_t room = 0;
    if (set_snapshot_sort(kind) == SET_SNAPSHOT_INBOXES) {
        const uint32_t waiting = tn_chain_records_count(chain, kind + 1);
        for (uint32_t i = 0; i < waiting; i++)
            room += name + tn_chain_record(chain, NULL, 0, kind + 1, i);
        return room + name + tn_chain_record_size_max(limits, kind);
    }
    for (uint32_t all = kind; all < TN_CHAIN_KINDS; all++) {
        room += tn_chain_records_count(chain, (uint8_t)all) *
                (name + tn_chain_record_size_max(limits, (uint8_t)all));
    }
    return room;
}

static size_t room_of(const struct tn_chain *chain, uint32_t equity_depth)
{
    const struct tn_chain_limits *limits = tn_chain_limits(chain);
    size_t room = 0;
    for (uint32_t kind = 1; kind <= TN_CHAIN_RECORD_HEADS; kind++) {
        const enum set_snapshot_sort sort = set_snapshot_sort((uint8_t)kind);
        size_t size = 0;
        if (tn_chain_records_count(chain, (uint8_t)kind) == 0) continue;
        if (sort == SET_SNAPSHOT_LEAVES || sort == SET_SNAPSHOT_EQUITY) {
            size = SET_SNAPSHOT_CHUNK_AIM +
                   2 * (2 * SNAPSHOT_LENGTH + most_of_kind(limits, (uint8_t)kind));
        } else if (sort != SET_SNAPSHOT_NONE) {
            size = whole_room(chain, (uint8_t)kind);
        }
        if (size > room) room = size;
    }
    return SNAPSHOT_CHUNK_HEAD + room + SNAPSHOT_LENGTH + PROOF_ROOM +
           ((size_t)TOP_SIZE << (32 - 9 - equity_depth));
}

struct set_snapshot_maker *set_snapshot_maker_make(struct tn_chain *chain, uint32_t equity_depth)
{
    struct set_snapshot_maker *maker = calloc(1, sizeof *maker);
    if (maker == NULL) {
        complain("out of memory");
        return NULL;
    }
    maker->chain = chain;
    maker->tops_place = TN_NONE;
    maker->equity_depth = equity_depth;
    maker->size = room_of(chain, equity_depth);
    maker->bytes = memory_take(maker->size);
    if (maker->bytes == NULL) {
        free(maker);
        return NULL;
    }
    for (uint32_t i = 0; i < tn_chain_limits(chain)->markets_count; i++) {
        const struct tn_market *market = tn_chain_market(chain, i);
        maker->inboxes[i].count = tn_market_inboxes_count(market);
        tn_market_inboxes_root(&maker->inboxes[i].root, market);
    }
    return maker;
}

void set_snapshot_maker_free(struct set_snapshot_maker *maker)
{
    if (maker == NULL) return;
    memory_give(maker->bytes, maker->size);
    free(maker->tops);
    free(maker);
}

/* ---- Bytes -------------------------------------------------------------------------------------
 */

static void put(struct set_snapshot_maker *maker, const void *bytes, size_t size)
{
    TN_ASSERT(size <= maker->size - maker->used);
    memcpy(maker->bytes + maker->used, bytes, size);
    maker->used += size;
}

static void put_number(struct set_snapshot_maker *maker, uint64_t value, uint32_t bytes_count)
{
    uint8_t bytes[8];
    tn_put_be(bytes, value, bytes_count);
    put(maker, bytes, bytes_count);
}

/* A record behind its length; its size. */
static size_t put_record(struct set_snapshot_maker *maker, uint8_t kind, uint32_t index)
{
    TN_ASSERT(maker->size - maker->used >= SNAPSHOT_LENGTH);
    uint8_t *out = maker->bytes + maker->used;
    const size_t room = maker->size - maker->used - SNAPSHOT_LENGTH;
    const size_t size = tn_chain_record(maker->chain, out + SNAPSHOT_LENGTH, room, kind, index);
    TN_ASSERT(size <= room && size <= UINT32_MAX);
    tn_put_be(out, size, SNAPSHOT_LENGTH);
    maker->used += SNAPSHOT_LENGTH + size;
    return size;
}

static size_t put_named(struct set_snapshot_maker *maker, uint8_t kind, uint32_t index)
{
    put_number(maker, kind, 1);
    put_number(maker, index, 4);
    return put_record(maker, kind, index);
}

/* Where a proof goes whose size is not known yet. */
static size_t begin_proof(struct set_snapshot_maker *maker)
{
    put_number(maker, 0, SNAPSHOT_LENGTH);
    return maker->used;
}

static void end_proof(struct set_snapshot_maker *maker, size_t begun)
{
    tn_put_be(maker->bytes + begun - SNAPSHOT_LENGTH, maker->used - begun, SNAPSHOT_LENGTH);
}

static void put_markets_root(struct set_snapshot_maker *maker)
{
    struct tn_hash root;
    tn_state_markets_root(&root, tn_chain_state(maker->chain, 0));
    put(maker, root.bytes, TN_HASH_SIZE);
}

static void put_globals(struct set_snapshot_maker *maker)
{
    const struct tn_state_head *head = &tn_chain_heads(maker->chain)->state;
    put(maker, head->globals, sizeof head->globals);
    put_markets_root(maker);
}

/* ---- Runs --------------------------------------------------------------------------------------
 */

static uint32_t depth_at(const struct set_snapshot_maker *maker, uint8_t kind, uint32_t first)
{
    const bool is_book = set_snapshot_own(kind) == TN_RECORD_BOOK;
    const uint32_t most = set_snapshot_sort(kind) == SET_SNAPSHOT_EQUITY ? maker->equity_depth
                          : is_book                                      ? SNAPSHOT_BOOK_DEPTH
                                                                         : SNAPSHOT_RUN_DEPTH;
    const uint32_t aligned = first == 0 ? most : (uint32_t)__builtin_ctz(first);
    return aligned < most ? aligned : most;
}

/* As many as fit: all up to `most`, or a power of two of them. Returns how many. */
static uint32_t put_run(struct set_snapshot_maker *maker, uint8_t kind, uint32_t first,
                        uint32_t most)
{
    size_t ends[1 << SNAPSHOT_RUN_DEPTH];
    uint32_t count = 0;
    TN_ASSERT(most >= 1 && most <= 1 << SNAPSHOT_RUN_DEPTH);
    while (count < most && maker->used <= SET_SNAPSHOT_CHUNK_AIM) {
        put_record(maker, kind, first + count);
        if (set_snapshot_own(kind) == TN_RECORD_ACCOUNT) put_record(maker, kind + 1, first + count);
        ends[count++] = maker->used;
    }
    if (count == most) return count;
    count = UINT32_C(1) << (31 - __builtin_clz(count));
    maker->used = ends[count - 1];
    return count;
}

static void put_leaves_proof(struct set_snapshot_maker *maker, uint8_t kind, uint32_t first,
                             uint32_t depth)
{
    const size_t begun = begin_proof(maker);
    const size_t size = tn_state_prove_leaves(
        tn_chain_state(maker->chain, kind / KIND_STEP), maker->bytes + maker->used,
        maker->size - maker->used, &tn_chain_heads(maker->chain)->state,
        (enum tn_record_kind)set_snapshot_own(kind), first, depth);
    TN_ASSERT(size > 0);
    maker->used += size;
    end_proof(maker, begun);
}

/* ---- EQUITY ------------------------------------------------------------------------------------
 */

/* The top of the accounts of a run. */
static void put_top(struct set_snapshot_maker *maker, uint8_t *top_out, uint8_t kind,
                    uint32_t first, uint32_t depth)
{
    const uint32_t total = tn_chain_records_count(maker->chain, kind);
    struct tn_proof_fold fold;
    struct tn_hash leaf, top;
    tn_i128 sum;
    tn_proof_fold_begin(&fold, true);
    for (uint32_t i = first; i < total && i - first < 1u << maker->equity_depth; i++) {
        uint8_t record[TN_RECORD_EQUITY_CHUNK * TN_PROOF_EQUITY_SIZE];
        const size_t size = tn_chain_record(maker->chain, record, sizeof record, kind, i);
        for (size_t at = 0; at < size; at += TN_PROOF_EQUITY_SIZE) {
            const uint64_t account = (uint64_t)first * TN_RECORD_EQUITY_CHUNK + fold.count;
            const uint64_t equity = tn_get_be(record + at + TN_OWNER_SIZE, 8);
            tn_proof_leaf_body(&leaf, TN_PROOF_EQUITY, (uint32_t)account, record + at,
                               TN_PROOF_EQUITY_SIZE);
            const bool is_added = tn_proof_fold_add(&fold, &leaf, (tn_i128)equity);
            TN_ASSERT(is_added);
        }
    }
    const bool is_good = tn_proof_fold_top(&fold, depth, &top, &sum);
    TN_ASSERT(is_good);
    memcpy(top_out, top.bytes, TN_HASH_SIZE);
    tn_put_be(top_out + TN_HASH_SIZE, (uint64_t)((tn_u128)sum >> 64), 8);
    tn_put_be(top_out + TN_HASH_SIZE + 8, (uint64_t)sum, 8);
}

/* The tops of all runs of a market, once for all its chunks. */
static bool take_tops(struct set_snapshot_maker *maker, uint8_t kind, uint64_t accounts)
{
    const uint32_t place = kind / KIND_STEP, run = 1u << maker->equity_depth;
    const uint32_t runs = (tn_chain_records_count(maker->chain, kind) + run - 1) / run;
    const uint32_t depth = runs == 1 ? tn_proof_depth(accounts) : maker->equity_depth + 9;
    if (maker->tops_place == place) return true;
    free(maker->tops);
    maker->tops_size = (size_t)runs * TOP_SIZE;
    maker->tops = malloc(maker->tops_size);
    if (maker->tops == NULL) {
        complain("out of memory");
        return false;
    }
    for (uint32_t i = 0; i < runs; i++)
        put_top(maker, maker->tops + (size_t)i * TOP_SIZE, kind, i * run, depth);
    maker->tops_place = place;
    return true;
}

static bool put_equity_proof(struct set_snapshot_maker *maker, uint8_t kind)
{
    const uint32_t count = tn_chain_limits(maker->chain)->markets_count;
    const struct tn_chain_stream *streams = tn_chain_heads(maker->chain)->streams;
    const uint8_t *exit = streams[kind / KIND_STEP].exit;
    const uint32_t deepest = tn_proof_depth(tn_chain_records_count(maker->chain, kind));
    const size_t begun = begin_proof(maker);
    if (!take_tops(maker, kind, tn_get_be(exit + 8, 4))) return false;
    put(maker, exit, TN_PROOF_EXIT_SIZE);
    put_number(maker, maker->equity_depth < deepest ? maker->equity_depth : deepest, 1);
    put(maker, maker->tops, maker->tops_size);
    for (uint32_t i = 0; i < count; i++) {
        struct tn_hash leaf = {{0}};
        if (streams[i].has_exit) {
            tn_proof_leaf_body(&leaf, TN_PROOF_EXITS, streams[i].market, streams[i].exit,
                               TN_PROOF_EXIT_SIZE);
        }
        put(maker, leaf.bytes, TN_HASH_SIZE);
    }
    put_globals(maker);
    end_proof(maker, begun);
    return true;
}

/* ---- Inboxes, and the chain's own --------------------------------------------------------------
 */

/* Returns how many records. */
static uint32_t put_inboxes(struct set_snapshot_maker *maker, uint8_t kind)
{
    const struct tn_chain_limits *limits = tn_chain_limits(maker->chain);
    const struct tn_chain_stream *streams = tn_chain_heads(maker->chain)->streams;
    const uint32_t place = kind / KIND_STEP, waiting = maker->inboxes[place].count;
    const size_t size = put_named(maker, kind, 0);
    const uint64_t first = tn_get_be(maker->bytes + maker->used - size + STREAM_FIRST_AT, 8);
    for (uint32_t i = 0; i < waiting; i++)
        put_named(maker, kind + 1, (uint32_t)((first + i) % limits->markets[place].inboxes_max));
    const size_t begun = begin_proof(maker);
    put_number(maker, (uint64_t)streams[place].term_ms, 8);
    for (uint32_t i = 0; i < limits->markets_count; i++) {
        struct tn_hash leaf;
        tn_chain_inboxes_leaf(&leaf, &streams[i], &maker->inboxes[i], i);
        put(maker, leaf.bytes, TN_HASH_SIZE);
    }
    put_globals(maker);
    end_proof(maker, begun);
    return 1 + waiting;
}

static uint32_t put_chain(struct set_snapshot_maker *maker)
{
    uint32_t count = 0;
    for (uint32_t kind = TN_CHAIN_RECORD_HEADS; kind < TN_CHAIN_KINDS; kind++) {
        const uint32_t total = tn_chain_records_count(maker->chain, (uint8_t)kind);
        for (uint32_t i = 0; i < total; i++, count++)
            put_named(maker, (uint8_t)kind, i);
    }
    const size_t begun = begin_proof(maker);
    for (uint32_t i = 0; i < tn_chain_limits(maker->chain)->markets_count; i++) {
        put_number(maker, maker->inboxes[i].count, 4);
        put(maker, maker->inboxes[i].root.bytes, TN_HASH_SIZE);
    }
    put_markets_root(maker);
    end_proof(maker, begun);
    return count;
}

/* ---- A chunk -----------------------------------------------------------------------------------
 */

uint32_t set_snapshot_total(const struct set_snapshot_maker *maker, uint8_t kind)
{
    uint32_t total = 0;
    switch (set_snapshot_sort(kind)) {
        case SET_SNAPSHOT_NONE: return 0;
        case SET_SNAPSHOT_LEAVES:
        case SET_SNAPSHOT_EQUITY: return tn_chain_records_count(maker->chain, kind);
        case SET_SNAPSHOT_INBOXES:
            if (kind / KIND_STEP >= tn_chain_limits(maker->chain)->markets_count) return 0;
            return 1 + maker->inboxes[kind / KIND_STEP].count;
        case SET_SNAPSHOT_GLOBALS:
            for (uint32_t all = kind; all < TN_CHAIN_KINDS; all++)
                total += tn_chain_records_count(maker->chain, (uint8_t)all);
            return total;
    }
    return total;
}

static bool put_records(struct set_snapshot_maker *maker, uint32_t *count, uint8_t kind,
                        uint32_t first)
{
    const enum set_snapshot_sort sort = set_snapshot_sort(kind);
    if (sort == SET_SNAPSHOT_INBOXES || sort == SET_SNAPSHOT_GLOBALS) {
        *count = sort == SET_SNAPSHOT_INBOXES ? put_inboxes(maker, kind) : put_chain(maker);
        return true;
    }
    uint32_t depth = depth_at(maker, kind, first);
    const uint32_t rest = set_snapshot_total(maker, kind) - first;
    const uint32_t most = rest < UINT32_C(1) << depth ? rest : UINT32_C(1) << depth;
    *count = put_run(maker, kind, first, most);
    if (*count < most) depth = (uint32_t)__builtin_ctz(*count);
    if (sort == SET_SNAPSHOT_EQUITY) return put_equity_proof(maker, kind);
    put_leaves_proof(maker, kind, first, depth);
    return true;
}

bool set_snapshot_make_chunk(struct set_snapshot_maker *maker, struct snapshot_chunk *chunk,
                             const uint8_t **bytes, uint8_t kind, uint32_t first)
{
    uint32_t count;
    maker->used = SNAPSHOT_CHUNK_HEAD;
    if (!put_records(maker, &count, kind, first)) return false;
    set_snapshot_write_chunk_head(maker->bytes, kind, first, count);
    *chunk =
        (struct snapshot_chunk){.kind = kind, .first = first, .count = count, .size = maker->used};
    tn_keccak256(&chunk->hash, maker->bytes, maker->used);
    *bytes = maker->bytes;
    return true;
}
