/* set_reading: the home of a node of a set, opened for reading beside the node that may be running:
 * its genesis, a view of its store, the blocks and batches in it, and a chain made of any of that.
 * Nothing in the home is touched. */
#ifndef NODE_TENORD_SET_READING_H
#define NODE_TENORD_SET_READING_H

#include "cluster/conf.h"
#include "store/store.h"
#include "tenord/machine.h"
#include "tenord/signing.h"

struct set_reading {
    struct set_conf conf;
    struct signing signing;
    char path[PATH_SIZE]; /* of the store */
    struct store_config config;
    struct store *store;
    struct store_view *view;
    struct store_point point;
    enum store_err err; /* why it could not be opened */
};

/* Is there a set.conf? */
bool set_home_is_one(const char *home);

/* The genesis alone; NULL after a complaint. */
struct set_reading *set_reading_make(const char *home);
/* The store too: false after a complaint. The view is of the last checkpoint. */
bool set_reading_open(struct set_reading *reading);
/* A new view: of the checkpoint that is the last by now. False after a complaint. */
bool set_reading_again(struct set_reading *reading);
void set_reading_close(struct set_reading *reading);
/* How a command ends for which one of them failed; NULL: END_REFUSED. */
int set_reading_end(const struct set_reading *reading);

/* A chain in memory of its own. */
struct held_chain {
    struct tn_chain *chain;
    void *memory;
    size_t size;
};
/* At the genesis. False after a complaint. */
bool set_chain_hold(struct held_chain *held, const struct set_reading *reading);
/* With all records of the view, whose root is the store's. False after a complaint. */
bool set_chain_load(struct held_chain *held, const struct set_reading *reading);
void set_chain_drop(struct held_chain *held);

/* ---- Blocks ------------------------------------------------------------------------------------
 * What is read lives as long as the view. */

/* The lowest height that is kept; 0: there is no block. False after a complaint. */
bool set_first_block(uint64_t *height, const struct set_reading *reading);
/* A block whose header is of that height, whose body is the header's, and whose hash is the one
 * that it is stored under. False after a complaint. */
struct set_block {
    struct tn_block_header header;
    struct tn_chain_block block; /* its header is the one above */
};
bool set_block_read(struct set_block *block, const struct set_reading *reading, uint64_t height);
/* The kept blocks from `first` on are one chain, up to the one of that height and hash. False after
 * a complaint. */
bool set_blocks_follow(const struct set_reading *reading, uint64_t first, uint64_t height,
                       const struct tn_hash *hash);
/* The batch of that digest, its leader's signature with it. False: it is not there, or is not what
 * its header says; *why says which. */
bool set_batch_read(struct tn_chain_batch *batch, const char **why,
                    const struct set_reading *reading, const struct tn_hash *digest);

/* Batches of the store for a chain that executes. `why` tells of the last that was not there. */
struct set_source {
    const struct set_reading *reading;
    const char *why;
};
void set_source_give(struct set_source *source, struct tn_chain *chain);

/* ---- Words -------------------------------------------------------------------------------------
 */
/* "market 2 ACCOUNT", "RING", "REGISTRY 3": a record's kind among those of a chain. The text lives
 * until the next call. */
const char *set_kind_text(const struct tn_chain_limits *limits, uint8_t kind);
/* STREAMS, BLOCKS …: a place among the globals of a chain. */
const char *set_global_text(uint32_t place);

#endif
