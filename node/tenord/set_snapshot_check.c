/* set_snapshot_check: each chunk leads to the state root by itself.
 *
 * Leaves are folded, and a proof of type LEAVES goes on from there. What stands under the globals
 * brings the other globals with it: the inboxes of a market with the leaves of the others, a run of
 * EQUITY with the tops of the other runs, and all records of the chain itself together. A second
 * fold for each kind runs on over all its chunks: the roots that come out make the markets root
 * only if no chunk was left out, even one of a kind that the head does not name. */
#include "tenord/set_snapshot_check.h"

#include <string.h>

enum {
    KIND_STEP = 32,
    EXIT_COUNT_AT = 8, /* in the exit record */
    EXIT_ROOT_AT = 12,
    EXIT_SUM_AT = 44,
    STREAM_INBOXES_AT = 48, /* in STREAM: how many may wait, */
    STREAM_CURSOR_AT = 64,
    STREAM_FIRST_AT = 72, /* the height of the first that does, */
    STREAM_COUNT_AT = 80, /* and how many do */
    STREAM_SIZE = 88,
    TERM_SIZE = 8,
    TOP_SIZE = TN_HASH_SIZE + 16, /* of a run of EQUITY: hash ‖ sum */
    RECORD_DEPTH = 9,             /* of EQUITY: 2^9 accounts */
    INBOXES_SIZE = 4 + TN_HASH_SIZE,
};
_Static_assert(1 << RECORD_DEPTH == TN_RECORD_EQUITY_CHUNK, "a record's accounts");

static bool refuse_item(struct snapshot_fault *fault, const struct set_snapshot_reader *reader,
                        const struct set_snapshot_item *item, const char *what)
{
    *fault = (struct snapshot_fault){
        .what = what, .at = reader->at, .index = item->index, .has_index = true};
    return false;
}

static tn_i128 get_sum(const uint8_t *bytes)
{
    return (tn_i128)((tn_u128)tn_get_be(bytes, 8) << 64 | tn_get_be(bytes + 8, 8));
}

static struct tn_hash get_hash(const uint8_t *bytes)
{
    struct tn_hash hash;
    memcpy(hash.bytes, bytes, sizeof hash.bytes);
    return hash;
}

void set_snapshot_check_begin(struct set_snapshot_check *check,
                              const struct set_snapshot_head *head,
                              const struct tn_chain_limits *limits, enum tn_cpu cpu)
{
    memset(check, 0, sizeof *check);
    check->head = head;
    check->limits = limits;
    check->cpu = cpu;
    for (uint32_t place = 0; place < TN_CHAIN_MARKETS_MAX; place++)
        for (uint8_t own = 1; own < TN_PROOF_RECORD_KINDS; own++)
            tn_proof_fold_begin(&check->folds[place][own], own == TN_RECORD_ACCOUNT);
}

/* ---- Chunks of leaves --------------------------------------------------------------------------
 */

static bool leaf_of(struct tn_hash *leaf, tn_i128 *sum, const struct set_snapshot_check *check,
                    uint8_t own, const struct set_snapshot_item *item)
{
    struct tn_hash positions;
    const bool is_account = own == TN_RECORD_ACCOUNT;
    if (item->size == 0 && item->positions_size > 0) return false; /* positions of nobody */
    if (is_account &&
        !tn_proof_positions_root(&positions, check->cpu, item->positions, item->positions_size)) {
        return false;
    }
    return tn_proof_leaf(leaf, sum, check->cpu, (enum tn_record_kind)own, item->index, item->record,
                         item->size, is_account ? &positions : NULL);
}

static bool is_of_chunk(const struct set_snapshot_check *check,
                        const struct tn_proof_leaves *leaves,
                        const struct set_snapshot_reader *reader, uint32_t place)
{
    return memcmp(leaves->chain_id, check->head->chain_id, sizeof leaves->chain_id) == 0 &&
           leaves->height == check->head->height &&
           leaves->market == check->limits->markets[place].market &&
           leaves->kind == set_snapshot_own(reader->kind) && leaves->first == reader->first &&
           leaves->count == reader->count;
}

static bool check_leaves(struct set_snapshot_check *check, struct snapshot_fault *fault,
                         struct set_snapshot_reader *reader, uint32_t place)
{
    const uint8_t own = set_snapshot_own(reader->kind);
    struct tn_proof_fold fold;
    struct tn_proof_leaves leaves;
    struct tn_proof_fault proof_fault;
    struct set_snapshot_item item;
    enum snapshot_step step;
    tn_proof_fold_begin(&fold, own == TN_RECORD_ACCOUNT);
    while ((step = set_snapshot_next(reader, &item, fault)) == SNAPSHOT_RECORD) {
        struct tn_hash leaf;
        tn_i128 sum;
        if (!leaf_of(&leaf, &sum, check, own, &item)) {
            return refuse_item(fault, reader, &item, "the bytes are no record of this kind");
        }
        if (!tn_proof_fold_add(&fold, &leaf, sum) ||
            !tn_proof_fold_add(&check->folds[place][own], &leaf, sum)) {
            return refuse_item(fault, reader, &item, "a sum overflows");
        }
    }
    if (step == SNAPSHOT_BAD) return false;
    const size_t proof_at = (size_t)(reader->proof - reader->bytes);
    if (!tn_proof_verify_leaves(&leaves, &proof_fault, reader->proof, reader->proof_size,
                                &check->head->root, &fold)) {
        return snapshot_refuse(fault, proof_at + proof_fault.at, proof_fault.what);
    }
    return is_of_chunk(check, &leaves, reader, place) ||
           snapshot_refuse(fault, proof_at, "the proof is of other records than the chunk's");
}

/* ---- From a global to the root -----------------------------------------------------------------
 */

/* A market's leaf under a global, and from there on the end of the proof: the leaves of all
 * markets, all globals, the root of the markets. */
static bool check_end(const struct set_snapshot_check *check, struct snapshot_fault *fault,
                      const struct set_snapshot_reader *reader, uint32_t place,
                      enum tn_proof_global global, enum tn_proof_kind kind,
                      const struct tn_hash *leaf)
{
    const uint32_t count = check->limits->markets_count;
    const uint8_t *end = reader->proof + reader->proof_size - SET_SNAPSHOT_TAIL;
    const uint8_t *own = end - (size_t)(count - place) * TN_HASH_SIZE;
    const uint8_t *markets_root = end + TN_PROOF_GLOBALS * TN_HASH_SIZE;
    const size_t end_at = (size_t)(end - reader->bytes);
    struct tn_hash leaves[TN_CHAIN_MARKETS_MAX], globals[TN_PROOF_GLOBALS], root, top;
    memcpy(leaves, end - (size_t)count * TN_HASH_SIZE, (size_t)count * TN_HASH_SIZE);
    memcpy(globals, end, sizeof globals);
    if (!tn_hash_equal(leaf, &leaves[place])) {
        return snapshot_refuse(fault, (size_t)(own - reader->bytes),
                               "the records do not make the leaf of their market");
    }
    tn_state_small_root(&root, kind, leaves, count);
    if (!tn_hash_equal(&root, &globals[global])) {
        return snapshot_refuse(fault, end_at, "the leaves of the markets do not make their global");
    }
    tn_proof_globals_top(&top, globals);
    const struct tn_hash markets = get_hash(markets_root);
    tn_proof_state_root(&root, check->head->chain_id, check->head->height, &markets, &top);
    return tn_hash_equal(&root, &check->head->root) ||
           snapshot_refuse(fault, end_at, "the globals do not lead to the state root");
}

static size_t end_size(const struct set_snapshot_check *check)
{
    return (size_t)check->limits->markets_count * TN_HASH_SIZE + SET_SNAPSHOT_TAIL;
}

/* ---- Inboxes -----------------------------------------------------------------------------------
 */

/* Hashes STREAM and the inboxes behind it, which must be those it speaks of, by height. */
static bool take_inboxes(struct tn_chain_inboxes *inboxes, uint64_t *cursor,
                         struct snapshot_fault *fault, struct set_snapshot_reader *reader)
{
    struct set_snapshot_item item;
    struct tn_keccak keccak;
    struct tn_hash hash;
    if (set_snapshot_next(reader, &item, fault) != SNAPSHOT_RECORD) return false;
    if (item.kind != reader->kind || item.index != 0 || item.size < STREAM_SIZE) {
        return refuse_item(fault, reader, &item, "the first record is no STREAM");
    }
    const uint64_t first = tn_get_be(item.record + STREAM_FIRST_AT, 8);
    const uint64_t count = tn_get_be(item.record + STREAM_COUNT_AT, 8);
    const uint64_t room = tn_get_be(item.record + STREAM_INBOXES_AT, 4);
    *cursor = tn_get_be(item.record + STREAM_CURSOR_AT, 8);
    if (room == 0 || count != reader->count - 1) {
        return refuse_item(fault, reader, &item, "there are not as many inboxes as it says");
    }
    tn_keccak_begin(&keccak);
    tn_keccak_add(&keccak, item.record, item.size);
    for (uint64_t i = 0; i < count; i++) {
        if (set_snapshot_next(reader, &item, fault) != SNAPSHOT_RECORD) return false;
        if (item.kind != reader->kind + 1 || item.index != (first + i) % room) {
            return refuse_item(fault, reader, &item, "this is not the inbox that comes next");
        }
        tn_keccak256(&hash, item.record, item.size);
        tn_keccak_add(&keccak, hash.bytes, sizeof hash.bytes);
    }
    tn_keccak_end(&keccak, &inboxes->root);
    inboxes->count = (uint32_t)count;
    return set_snapshot_next(reader, &item, fault) == SNAPSHOT_END;
}
_Static_assert(TN_RECORD_INBOX == TN_RECORD_STREAM + 1, "inboxes follow their stream");

static bool check_inboxes(struct set_snapshot_check *check, struct snapshot_fault *fault,
                          struct set_snapshot_reader *reader, uint32_t place)
{
    struct tn_chain_inboxes inboxes;
    struct tn_chain_stream stream = {.market = check->limits->markets[place].market};
    struct tn_hash leaf;
    if (!take_inboxes(&inboxes, &stream.cursor, fault, reader)) return false;
    const size_t proof_at = (size_t)(reader->proof - reader->bytes);
    if (reader->proof_size != TERM_SIZE + end_size(check)) {
        return snapshot_refuse(fault, proof_at, "the proof is too short or too long");
    }
    stream.term_ms = (int64_t)tn_get_be(reader->proof, TERM_SIZE);
    tn_chain_inboxes_leaf(&leaf, &stream, &inboxes, place);
    check->has_inboxes[place] =
        check_end(check, fault, reader, place, TN_GLOBAL_INBOXES, TN_PROOF_INBOXES, &leaf);
    return check->has_inboxes[place];
}

/* ---- EQUITY ------------------------------------------------------------------------------------
 */

/* The proof of a run, taken apart: exit ‖ depth u8 ‖ tops of all runs ‖ … */
struct equity_run {
    const uint8_t *exit, *tops;
    size_t tops_at; /* in the file */
    uint64_t accounts;
    uint32_t depth; /* 2^depth accounts; of the only run, as deep as the tree is */
    uint32_t runs, place;
};

static bool add_equity(struct tn_proof_fold *fold, uint64_t first,
                       const struct set_snapshot_item *item)
{
    const uint32_t count = item->size / TN_PROOF_EQUITY_SIZE;
    if (item->size % TN_PROOF_EQUITY_SIZE != 0 || count == 0 || count > TN_RECORD_EQUITY_CHUNK ||
        first + fold->count != (uint64_t)item->index * TN_RECORD_EQUITY_CHUNK) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *body = item->record + (size_t)i * TN_PROOF_EQUITY_SIZE;
        const int64_t equity = (int64_t)tn_get_be(body + TN_OWNER_SIZE, 8);
        struct tn_hash leaf;
        tn_proof_leaf_body(&leaf, TN_PROOF_EQUITY, (uint32_t)(first + fold->count), body,
                           TN_PROOF_EQUITY_SIZE);
        if (equity < 0 || !tn_proof_fold_add(fold, &leaf, equity)) return false;
    }
    return true;
}

static bool read_run(struct equity_run *run, const struct set_snapshot_check *check,
                     struct snapshot_fault *fault, const struct set_snapshot_reader *reader)
{
    const size_t fixed = TN_PROOF_EXIT_SIZE + 1, proof_at = (size_t)(reader->proof - reader->bytes);
    if (reader->proof_size < fixed) return snapshot_refuse(fault, proof_at, "the proof ends early");
    const uint32_t depth = reader->proof[TN_PROOF_EXIT_SIZE];
    run->exit = reader->proof;
    run->tops = reader->proof + fixed;
    run->tops_at = proof_at + fixed;
    run->accounts = tn_get_be(run->exit + EXIT_COUNT_AT, 4);
    const uint64_t records = (run->accounts + TN_RECORD_EQUITY_CHUNK - 1) >> RECORD_DEPTH;
    if (depth > tn_proof_depth(records) || (reader->first & ((UINT32_C(1) << depth) - 1)) != 0 ||
        reader->first >= records) {
        return snapshot_refuse(fault, proof_at, "the proof is of other records than the chunk's");
    }
    run->runs = (uint32_t)((records + (UINT64_C(1) << depth) - 1) >> depth);
    run->place = reader->first >> depth;
    run->depth = run->runs == 1 ? tn_proof_depth(run->accounts) : RECORD_DEPTH + depth;
    const uint64_t rest = records - reader->first, most = UINT64_C(1) << depth;
    if (reader->count != (rest < most ? rest : most)) {
        return snapshot_refuse(fault, proof_at, "the proof is of other records than the chunk's");
    }
    return reader->proof_size == fixed + (uint64_t)run->runs * TOP_SIZE + end_size(check) ||
           snapshot_refuse(fault, proof_at, "the proof is too short or too long");
}

/* The run's own top is the one in the list; the list makes the exit record's root and sum. */
static bool check_run(struct snapshot_fault *fault, const struct equity_run *run,
                      const struct tn_proof_fold *own)
{
    const uint8_t *said = run->tops + (size_t)run->place * TOP_SIZE;
    const uint32_t depth = tn_proof_depth(run->accounts) - run->depth;
    struct tn_proof_fold fold;
    struct tn_hash top, root;
    tn_i128 sum;
    if (!tn_proof_fold_top(own, run->depth, &top, &sum) ||
        memcmp(said, top.bytes, TN_HASH_SIZE) != 0 || get_sum(said + TN_HASH_SIZE) != sum) {
        return snapshot_refuse(fault, run->tops_at + (size_t)run->place * TOP_SIZE,
                               "the records do not make the top of their run");
    }
    tn_proof_fold_begin(&fold, true);
    for (uint32_t i = 0; i < UINT32_C(1) << depth; i++) {
        const uint8_t *at = run->tops + (size_t)i * TOP_SIZE;
        tn_proof_zero(&top, true, run->depth);
        sum = i < run->runs ? get_sum(at + TN_HASH_SIZE) : 0;
        if (i < run->runs) top = get_hash(at);
        if (sum < 0 || !tn_proof_fold_add(&fold, &top, sum)) {
            return snapshot_refuse(fault, run->tops_at,
                                   "a sum of a run is below zero, or too large");
        }
    }
    if (!tn_proof_fold_top(&fold, depth, &top, &sum)) {
        return snapshot_refuse(fault, run->tops_at, "the sums of the runs overflow");
    }
    tn_proof_sum_root(&root, TN_PROOF_EQUITY, run->accounts, &top, sum);
    return (memcmp(root.bytes, run->exit + EXIT_ROOT_AT, TN_HASH_SIZE) == 0 &&
            get_sum(run->exit + EXIT_SUM_AT) == sum) ||
           snapshot_refuse(fault, run->tops_at,
                           "the runs do not make the root of the last exit checkpoint");
}

static bool check_equity(struct set_snapshot_check *check, struct snapshot_fault *fault,
                         struct set_snapshot_reader *reader, uint32_t place)
{
    const uint64_t first = (uint64_t)reader->first * TN_RECORD_EQUITY_CHUNK;
    struct set_snapshot_item item;
    struct tn_proof_fold fold;
    struct equity_run run;
    struct tn_hash leaf;
    enum snapshot_step step;
    tn_proof_fold_begin(&fold, true);
    while ((step = set_snapshot_next(reader, &item, fault)) == SNAPSHOT_RECORD) {
        if (!add_equity(&fold, first, &item)) {
            return refuse_item(fault, reader, &item,
                               "the record does not hold whole accounts in their order");
        }
    }
    if (step == SNAPSHOT_BAD || !read_run(&run, check, fault, reader)) return false;
    const uint64_t rest = run.accounts - first, most = UINT64_C(1) << run.depth;
    if (fold.count != (rest < most ? rest : most)) {
        return snapshot_refuse(fault, reader->at,
                               "the accounts are not as many as the exit record says");
    }
    if (!check_run(fault, &run, &fold)) return false;
    tn_proof_leaf_body(&leaf, TN_PROOF_EXITS, check->limits->markets[place].market, run.exit,
                       TN_PROOF_EXIT_SIZE);
    check->equities[place] += fold.count;
    return check_end(check, fault, reader, place, TN_GLOBAL_EXITS, TN_PROOF_EXITS, &leaf);
}

/* ---- The chain's own ---------------------------------------------------------------------------
 */

static bool check_globals(struct set_snapshot_check *check, struct snapshot_fault *fault,
                          struct set_snapshot_reader *reader)
{
    const uint32_t count = check->limits->markets_count;
    struct tn_chain_inboxes inboxes[TN_CHAIN_MARKETS_MAX];
    struct set_snapshot_item item;
    struct tn_import_fault import;
    enum snapshot_step step;
    struct tn_hash root;
    tn_chain_globals_begin(&check->globals, check->limits);
    while ((step = set_snapshot_next(reader, &item, fault)) == SNAPSHOT_RECORD) {
        if (!tn_chain_globals_add(&check->globals, &import, item.kind, item.index, item.record,
                                  item.size)) {
            return refuse_item(fault, reader, &item, import.what);
        }
    }
    if (step == SNAPSHOT_BAD) return false;
    const size_t proof_at = (size_t)(reader->proof - reader->bytes);
    if (reader->proof_size != (size_t)count * INBOXES_SIZE + TN_HASH_SIZE) {
        return snapshot_refuse(fault, proof_at, "the proof is too short or too long");
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *at = reader->proof + (size_t)i * INBOXES_SIZE;
        inboxes[i] = (struct tn_chain_inboxes){.count = (uint32_t)tn_get_be(at, 4),
                                               .root = get_hash(at + 4)};
    }
    check->markets_root = get_hash(reader->proof + (size_t)count * INBOXES_SIZE);
    if (!tn_chain_globals_end(&check->globals, &import, &root, inboxes, &check->markets_root)) {
        return snapshot_refuse(fault, proof_at, import.what);
    }
    check->has_globals = check->globals.heads.height == check->head->height &&
                         tn_hash_equal(&root, &check->head->root);
    return check->has_globals ||
           snapshot_refuse(fault, proof_at, "the records do not lead to the state root");
}

/* ---- A chunk -----------------------------------------------------------------------------------
 */

static bool check_sort(struct set_snapshot_check *check, struct snapshot_fault *fault,
                       struct set_snapshot_reader *reader)
{
    const enum set_snapshot_sort sort = set_snapshot_sort(reader->kind);
    const uint32_t place = reader->kind / KIND_STEP;
    const bool is_whole = sort == SET_SNAPSHOT_INBOXES || sort == SET_SNAPSHOT_GLOBALS;
    if (sort != SET_SNAPSHOT_GLOBALS && place >= check->limits->markets_count) {
        return snapshot_refuse(fault, 5, "there is no such market");
    }
    if (is_whole && reader->first != 0)
        return snapshot_refuse(fault, 6, "one chunk has all of these");
    switch (sort) {
        case SET_SNAPSHOT_LEAVES: return check_leaves(check, fault, reader, place);
        case SET_SNAPSHOT_INBOXES: return check_inboxes(check, fault, reader, place);
        case SET_SNAPSHOT_EQUITY: return check_equity(check, fault, reader, place);
        case SET_SNAPSHOT_GLOBALS: return check_globals(check, fault, reader);
        case SET_SNAPSHOT_NONE: break;
    }
    return snapshot_refuse(fault, 5, "there are no chunks of this kind");
}

bool set_snapshot_check_chunk(struct set_snapshot_check *check, struct snapshot_fault *fault,
                              const struct snapshot_chunk *chunk, const uint8_t *bytes, size_t size)
{
    struct set_snapshot_reader reader;
    struct tn_hash hash;
    if (!set_snapshot_open_chunk(&reader, fault, chunk, bytes, size) ||
        !check_sort(check, fault, &reader)) {
        return false;
    }
    tn_keccak256(&hash, bytes, size);
    return (size == chunk->size && tn_hash_equal(&hash, &chunk->hash)) ||
           snapshot_refuse(fault, 0, "the bytes are not those that the head names by their hash");
}

/* ---- Together ----------------------------------------------------------------------------------
 */

static bool fold_root(struct tn_hash *root, const struct tn_proof_fold *fold, uint8_t own)
{
    struct tn_hash top;
    tn_i128 sum;
    if (!tn_proof_fold_top(fold, tn_proof_depth(fold->count), &top, &sum)) return false;
    if (fold->with_sums) {
        tn_proof_sum_root(root, own, fold->count, &top, sum);
    } else {
        tn_proof_root(root, own, fold->count, &top);
    }
    return true;
}

static bool check_market(struct tn_hash *root, const struct set_snapshot_check *check,
                         struct snapshot_fault *fault, uint32_t place)
{
    const struct tn_chain_stream *stream = &check->globals.heads.streams[place];
    const uint64_t accounts = stream->has_exit ? tn_get_be(stream->exit + EXIT_COUNT_AT, 4) : 0;
    struct tn_hash sections[TN_PROOF_SECTIONS] = {{{0}}};
    if (!check->has_inboxes[place])
        return snapshot_refuse(fault, 0, "the inboxes of a market are missing");
    if (check->equities[place] != accounts) {
        return snapshot_refuse(fault, 0, "EQUITY records of the last exit checkpoint are missing");
    }
    for (uint8_t own = 1; own < TN_PROOF_RECORD_KINDS; own++) {
        if (own == TN_RECORD_POSITIONS) continue; /* in their accounts */
        if (!fold_root(&sections[tn_proof_section(own)], &check->folds[place][own], own)) {
            return snapshot_refuse(fault, 0, "a sum overflows");
        }
    }
    tn_proof_market_root(root, check->limits->markets[place].market, sections);
    return true;
}

bool set_snapshot_check_whole(const struct set_snapshot_check *check, struct snapshot_fault *fault)
{
    const uint32_t count = check->limits->markets_count;
    struct tn_hash roots[TN_CHAIN_MARKETS_MAX], root;
    if (!check->has_globals)
        return snapshot_refuse(fault, 0, "the chunk of the chain itself is missing");
    for (uint32_t place = 0; place < count; place++)
        if (!check_market(&roots[place], check, fault, place)) return false;
    tn_state_small_root(&root, TN_PROOF_MARKETS, roots, count);
    return tn_hash_equal(&root, &check->markets_root) ||
           snapshot_refuse(fault, 0,
                           "chunks are missing: those here do not make the root of the markets");
}
