/* reading: a home's store opened for reading, beside the node that may be running, and what is in
 * it. */
#ifndef NODE_TENORD_READING_H
#define NODE_TENORD_READING_H

#include "machine.h"

struct reading {
    struct tn_replica_limits limits;
    char path[PATH_SIZE]; /* of the store */
    struct store_config config;
    struct store *store;
    struct store_view *view;
    struct store_point point;
    struct held_replica held; /* of reading_load */
    enum store_err err;       /* why reading_open failed */
};

/* False after a complaint. The view is of the store's last checkpoint. */
bool reading_open(struct reading *reading, const char *home);
/* How a command ends for which reading_open failed. */
int reading_end(const struct reading *reading);
/* All records into a replica; the root they lead to is the store's. False after a complaint. */
bool reading_load(struct reading *reading);
void reading_close(struct reading *reading);

/* A block and its only batch, decoded. False after a complaint. The bytes live as long as the view.
 */
struct stored_block {
    struct tn_block_header header;
    struct tn_hash hash;
    struct tn_batch_header batch;
    const uint8_t *body; /* of the batch */
    size_t body_size;
    struct store_bytes receipts;
};
bool reading_block(struct stored_block *block, const struct reading *reading, uint64_t height);
/* The lowest height that is not pruned; above the view's height: the store has no block. */
uint64_t reading_first_block(const struct reading *reading);

/* Executes a stored block in a replica at its parent, and compares everything that comes out with
 * what is stored. False after a complaint that names the first difference. `scratch` and `events`
 * are as tn_stream_read_entry and tn_exchange_apply want them. */
struct executing {
    struct tn_stream_scratch *scratch;
    struct tn_event *events;
    uint32_t events_max;
};
bool executing_begin(struct executing *executing, const struct tn_replica_limits *limits);
void executing_end(struct executing *executing);
bool execute_block(struct executing *executing, struct tn_replica *replica,
                   const struct stored_block *block);

#endif
