/* The keeper's one struct, and what its files ask of each other. */
#ifndef NODE_CLUSTER_KEEPER_INTERNAL_H
#define NODE_CLUSTER_KEEPER_INTERNAL_H

#include "cluster/keeper.h"

#include "cluster/sync_bytes.h"

enum { RECENT_MAX = 4096, CERTIFICATES_MAX = 16, STORE_WAIT_MS = 1000, BACKLOG_HEAD = 5 };

/* A block that was executed since the store was last durable, or not much before. */
struct recent {
    uint8_t *bytes; /* header ‖ body */
    size_t size;
    struct tn_block_header header;
    struct tn_hash hash;
};

/* A certificate of a checkpoint, one of the last. */
struct certificate {
    uint64_t height; /* 0: none */
    size_t size;
    uint8_t bytes[SYNC_CERT_MAX];
};

/* The end of an epoch that the store may not have committed yet. Epochs are more than 128 blocks
 * long, so that the last few are more than lie between two checkpoints of the store. */
enum { ENDED_MAX = 4 };
struct ended {
    uint64_t epoch;
    uint8_t *handover;
    size_t handover_size, set_size;
    uint8_t set[SYNC_SET_MAX];
};

struct keeper {
    struct keeper_options options;
    struct certificate certificates[CERTIFICATES_MAX];
    uint32_t certificates_count;
    struct log *log;
    struct store *store;
    uint8_t *record;
    size_t record_size;
    struct recent recent[RECENT_MAX]; /* by height */
    uint64_t height, log_position;
    uint64_t blocks_waiting; /* executed since the last checkpoint */
    uint64_t interval;       /* of heights at which one is taken */
    bool is_due;             /* the state is at such a height: nothing is executed */
    bool is_pending;         /* a checkpoint is prepared in the store and waits for the log */
    uint64_t pending_end;    /* … below which it must be durable; 0: not yet known */
    uint8_t *found;          /* what a find gave last */
    size_t found_room;
    struct tn_block_header found_header;
    struct ended ended[ENDED_MAX]; /* by epoch */
    uint8_t *backlog;              /* type u8 ‖ size u32 ‖ bytes */
    size_t backlog_size, backlog_room;
    bool is_broken, is_full;
};

/* keeper.c: what the log answered, noted; what waits for room in it, appended. */
void keeper_take_result(struct keeper *keeper, enum log_result result);
void keeper_append_backlog(struct keeper *keeper);

#endif
