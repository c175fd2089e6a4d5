/* history: what a block leaves for people and proofs: its batch, its receipts, fills and orders,
 * and the nodes of the ranges. Collected while the block is open, put into the store when it is
 * sealed. */
#ifndef NODE_TENORD_HISTORY_H
#define NODE_TENORD_HISTORY_H

#include "store/store.h"
#include "tenor/replica.h"

struct history_node {
    uint64_t place;
    struct tn_hash hash;
    uint8_t range; /* enum tn_proof_kind */
};
struct history_withdrawal {
    uint64_t number;
    uint8_t bytes[TN_PROOF_WITHDRAWAL_SIZE];
};

struct history {
    uint8_t *body; /* of the batch: room for its header, then each entry behind its length */
    size_t body_size, body_room;
    uint8_t *receipts; /* per entry: count of events u32 ‖ events */
    size_t receipts_size, receipts_room;
    struct history_node *nodes;
    size_t nodes_count, nodes_room;
    struct history_withdrawal *withdrawals;
    size_t withdrawals_count, withdrawals_room;
    uint64_t put_bytes; /* what blocks put into the store; who takes a checkpoint sets it to 0 */
    bool failed;        /* out of memory */
};

/* The replica tells nodes and withdrawals from here on; the history must outlive it. */
void history_begin(struct history *history, struct tn_replica *replica);
void history_end(struct history *history);

/* An entry and its events; false after a complaint when there is no memory. */
bool history_add(struct history *history, const uint8_t *bytes, size_t size,
                 const struct tn_event *events, uint32_t events_count);

/* Puts all of the block into the store and starts anew. `wait` is asked when the store has no room:
 * true: try again. The store's answer. */
typedef bool history_wait(void *context);
struct history_block {
    const struct tn_batch_header *batch;
    const struct tn_block_header *block;
    const struct tn_hash *hash;
};
enum store_err history_put_block(struct history *history, struct store *store,
                                 const struct history_block *block, history_wait *wait,
                                 void *context);

#endif
