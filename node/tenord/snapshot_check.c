/* snapshot_check: a chunk's records are hashed to leaves and folded, and its proof leads from the
 * fold's top to the state root. A second fold for each kind runs on over all its chunks: the roots
 * that come out make the markets root only if no chunk was left out, even one of a kind that the
 * head does not name. */
#include "snapshot_check.h"

#include <string.h>

enum {
    EXIT_COUNT_AT = 8, /* in the exit record */
    EXIT_ROOT_AT = 12,
    EXIT_SUM_AT = 44,
};

static bool refuse_item(struct snapshot_fault *fault, const struct snapshot_reader *reader,
                        const struct snapshot_item *item, const char *what)
{
    *fault = (struct snapshot_fault){
        .what = what, .at = reader->at, .index = item->index, .has_index = true};
    return false;
}

static bool has_sums(uint32_t kind)
{
    return kind == TN_RECORD_ACCOUNT || kind == TN_RECORD_EQUITY;
}

void snapshot_check_begin(struct snapshot_check *check, const struct snapshot_head *head,
                          enum tn_cpu cpu)
{
    check->head = head;
    check->cpu = cpu;
    check->has_chain = false;
    for (uint32_t kind = 0; kind < TN_REPLICA_KINDS; kind++)
        tn_proof_fold_begin(&check->folds[kind], has_sums(kind));
}

/* ---- Chunks of leaves -------------------------------------------------------------------------
 */

static bool leaf_of(struct tn_hash *leaf, tn_i128 *sum, const struct snapshot_check *check,
                    uint8_t kind, const struct snapshot_item *item)
{
    struct tn_hash positions;
    if (item->size == 0 && item->positions_size > 0) return false; /* positions of nobody */
    if (kind == TN_RECORD_ACCOUNT &&
        !tn_proof_positions_root(&positions, check->cpu, item->positions, item->positions_size)) {
        return false;
    }
    return tn_proof_leaf(leaf, sum, check->cpu, (enum tn_record_kind)kind, item->index,
                         item->record, item->size, kind == TN_RECORD_ACCOUNT ? &positions : NULL);
}

static bool is_of_head(const struct snapshot_head *head, const struct tn_proof_leaves *leaves,
                       const struct snapshot_reader *reader)
{
    return memcmp(leaves->chain_id, head->chain_id, sizeof head->chain_id) == 0 &&
           leaves->height == head->height && leaves->market == head->market &&
           leaves->kind == reader->kind && leaves->first == reader->first &&
           leaves->count == reader->count;
}

static bool check_leaves(struct snapshot_check *check, struct snapshot_fault *fault,
                         struct snapshot_reader *reader)
{
    struct tn_proof_fold fold;
    struct tn_proof_leaves leaves;
    struct tn_proof_fault proof_fault;
    struct snapshot_item item;
    enum snapshot_step step;
    tn_proof_fold_begin(&fold, has_sums(reader->kind));
    while ((step = snapshot_next(reader, &item, fault)) == SNAPSHOT_RECORD) {
        struct tn_hash leaf;
        tn_i128 sum;
        if (!leaf_of(&leaf, &sum, check, reader->kind, &item)) {
            return refuse_item(fault, reader, &item, "the bytes are no record of this kind");
        }
        if (!tn_proof_fold_add(&fold, &leaf, sum) ||
            !tn_proof_fold_add(&check->folds[reader->kind], &leaf, sum)) {
            return refuse_item(fault, reader, &item, "a sum overflows");
        }
    }
    if (step == SNAPSHOT_BAD) return false;
    size_t proof_at = (size_t)(reader->proof - reader->bytes);
    if (!tn_proof_verify_leaves(&leaves, &proof_fault, reader->proof, reader->proof_size,
                                &check->head->root, &fold)) {
        return snapshot_refuse(fault, proof_at + proof_fault.at, proof_fault.what);
    }
    return is_of_head(check->head, &leaves, reader) ||
           snapshot_refuse(fault, proof_at, "the proof is of other records than the chunk's");
}

/* ---- CHAIN and EQUITY -------------------------------------------------------------------------
 */

/* One record; the "proof" is the root of the markets, the other half of the state root. */
static bool check_chain(struct snapshot_check *check, struct snapshot_fault *fault,
                        struct snapshot_reader *reader)
{
    struct snapshot_item item, end;
    struct tn_import_fault record_fault;
    struct tn_hash root;
    const struct snapshot_head *head = check->head;
    if (reader->first != 0 || reader->count != 1) {
        return snapshot_refuse(fault, 6, "there is one record of the chain");
    }
    if (snapshot_next(reader, &item, fault) == SNAPSHOT_BAD ||
        snapshot_next(reader, &end, fault) == SNAPSHOT_BAD) {
        return false;
    }
    if (reader->proof_size != TN_HASH_SIZE) {
        return snapshot_refuse(fault, reader->at, "the root of the markets is no hash");
    }
    memcpy(check->markets_root.bytes, reader->proof, TN_HASH_SIZE);
    if (!tn_replica_chain_root(&check->chain, &root, &record_fault, item.record, item.size,
                               &check->markets_root)) {
        return refuse_item(fault, reader, &item, record_fault.what);
    }
    if (!tn_hash_equal(&root, &head->root)) {
        return snapshot_refuse(fault, 0, "the chain record does not lead to the state root");
    }
    const struct tn_replica_chain *chain = &check->chain;
    check->has_chain = memcmp(chain->chain_id, head->chain_id, sizeof head->chain_id) == 0 &&
                       chain->height == head->height && chain->market == head->market &&
                       chain->exit_blocks == head->exit_blocks;
    return check->has_chain ||
           snapshot_refuse(fault, 0, "the head speaks of another chain or height");
}

static bool add_equity(struct tn_proof_fold *fold, const struct snapshot_item *item)
{
    uint32_t count = item->size / TN_PROOF_EQUITY_SIZE;
    if (item->size % TN_PROOF_EQUITY_SIZE != 0 || count == 0 || count > TN_RECORD_EQUITY_CHUNK ||
        fold->count != (uint64_t)item->index * TN_RECORD_EQUITY_CHUNK) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *body = item->record + (size_t)i * TN_PROOF_EQUITY_SIZE;
        int64_t equity = (int64_t)tn_get_be(body + TN_OWNER_SIZE, 8);
        struct tn_hash leaf;
        tn_proof_leaf_body(&leaf, TN_PROOF_EQUITY, (uint32_t)fold->count, body,
                           TN_PROOF_EQUITY_SIZE);
        if (equity < 0 || !tn_proof_fold_add(fold, &leaf, equity)) return false;
    }
    return true;
}

static bool check_equity(struct snapshot_check *check, struct snapshot_fault *fault,
                         struct snapshot_reader *reader)
{
    struct snapshot_item item;
    enum snapshot_step step;
    while ((step = snapshot_next(reader, &item, fault)) == SNAPSHOT_RECORD) {
        if (!add_equity(&check->folds[TN_RECORD_EQUITY], &item)) {
            return refuse_item(fault, reader, &item,
                               "the record does not hold whole accounts in their order");
        }
    }
    return step == SNAPSHOT_END && (reader->proof_size == 0 ||
                                    snapshot_refuse(fault, reader->at, "bytes follow the records"));
}

bool snapshot_check_chunk(struct snapshot_check *check, struct snapshot_fault *fault,
                          const struct snapshot_chunk *chunk, const uint8_t *bytes, size_t size)
{
    struct snapshot_reader reader;
    struct tn_hash hash;
    if (!snapshot_open_chunk(&reader, fault, bytes, size)) return false;
    if (reader.kind != chunk->kind || reader.first != chunk->first ||
        reader.count != chunk->count) {
        return snapshot_refuse(fault, 5, "these are other records than the head says");
    }
    bool is_good = reader.kind == TN_RECORD_CHAIN    ? check_chain(check, fault, &reader)
                   : reader.kind == TN_RECORD_EQUITY ? check_equity(check, fault, &reader)
                                                     : check_leaves(check, fault, &reader);
    if (!is_good) return false;
    tn_keccak256(&hash, bytes, size);
    return (size == chunk->size && tn_hash_equal(&hash, &chunk->hash)) ||
           snapshot_refuse(fault, 0, "the bytes are not those that the head names by their hash");
}

/* ---- Together ---------------------------------------------------------------------------------
 */

static bool fold_root(struct tn_hash *root, const struct tn_proof_fold *fold, uint8_t kind,
                      tn_i128 *sum)
{
    struct tn_hash top;
    if (!tn_proof_fold_top(fold, tn_proof_depth(fold->count), &top, sum)) return false;
    if (fold->with_sums) {
        tn_proof_sum_root(root, kind, fold->count, &top, *sum);
    } else {
        tn_proof_root(root, kind, fold->count, &top);
    }
    return true;
}

bool snapshot_check_equity(const struct snapshot_check *check, struct snapshot_fault *fault)
{
    const struct tn_proof_fold *fold = &check->folds[TN_RECORD_EQUITY];
    const uint8_t *exit = check->chain.exit;
    struct tn_hash root;
    tn_i128 sum;
    if (!check->has_chain) return snapshot_refuse(fault, 0, "there is no good chunk of the chain");
    if (!check->chain.has_exit) {
        return fold->count == 0 ||
               snapshot_refuse(fault, 0, "there was no exit checkpoint, but EQUITY");
    }
    bool is_good = fold->count == tn_get_be(exit + EXIT_COUNT_AT, 4) &&
                   fold_root(&root, fold, TN_PROOF_EQUITY, &sum) &&
                   memcmp(root.bytes, exit + EXIT_ROOT_AT, TN_HASH_SIZE) == 0 &&
                   (uint64_t)((tn_u128)sum >> 64) == tn_get_be(exit + EXIT_SUM_AT, 8) &&
                   (uint64_t)sum == tn_get_be(exit + EXIT_SUM_AT + 8, 8);
    return is_good ||
           snapshot_refuse(fault, 0,
                           "the EQUITY records are not the tree of the last exit checkpoint");
}

bool snapshot_check_whole(const struct snapshot_check *check, struct snapshot_fault *fault)
{
    struct tn_hash sections[TN_PROOF_SECTIONS] = {0};
    struct tn_hash root;
    if (!snapshot_check_equity(check, fault)) return false;
    for (uint8_t kind = 1; kind < TN_RECORD_KINDS; kind++) {
        tn_i128 sum;
        if (kind == TN_RECORD_POSITIONS) continue; /* in their accounts */
        if (!fold_root(&sections[tn_proof_section(kind)], &check->folds[kind], kind, &sum)) {
            return snapshot_refuse(fault, 0, "a sum overflows");
        }
    }
    tn_proof_market_root(&root, check->head->market, sections);
    tn_proof_root(&root, TN_PROOF_MARKETS, 1, &root);
    return tn_hash_equal(&root, &check->markets_root) ||
           snapshot_refuse(fault, 0,
                           "chunks are missing: those here do not make the market's root");
}
