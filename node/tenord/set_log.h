/* set_log: the final blocks that a set's log holds behind the checkpoint of its store.
 *
 * They are found in the records from which a restart goes on: blocks, batches, certificates, and
 * what the node noted as final. A block is final when it is on the way down from a FINALIZATION
 * whose signatures hold, or from a block that the node has noted. What no later block can want is
 * let go as blocks are executed, so memory is about what the node itself would have to hold. May
 * run beside the node. */
#ifndef NODE_TENORD_SET_LOG_H
#define NODE_TENORD_SET_LOG_H

#include "tenord/set_reading.h"

struct set_log_found {
    bool is_there;        /* false: the home has no log */
    bool is_gone;         /* the node has let go of its first records meanwhile: nothing was read */
    uint64_t end_record;  /* behind the last one that was read */
    uint64_t torn_bytes;  /* behind that: torn off, or being written */
    uint64_t certified;   /* of the executed blocks: under a FINALIZATION */
    uint64_t checkpoints; /* certificates that name the root that was executed */
    uint64_t waits;       /* a final block of which batches are not in the log; 0: none */
};

/* A final block of the next height, to be executed now: batches from set_log_batch. False after a
 * complaint. */
typedef bool set_log_execute(void *context, const struct set_block *block);

struct set_log;
/* The chain stands at the height of the reading's point and outlives this. NULL after a complaint.
 */
struct set_log *set_log_make(const struct set_reading *reading, struct tn_chain *chain);
void set_log_drop(struct set_log *log);
/* Reads all of it, or until that block is executed; 0: all. How the command ends, after a complaint
 * that names the record unless it is END_GOOD; what stands before it was executed. */
int set_log_read(struct set_log *log, struct set_log_found *found, const char *home, uint64_t until,
                 set_log_execute *execute, void *context);
/* A batch for the block that is being executed. False: it is not held. */
bool set_log_batch(struct set_log *log, struct tn_chain_batch *batch, const struct tn_hash *digest);

#endif
