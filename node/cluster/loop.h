/* loop: one node of a set at work: its member over links, disk and clients, one thread, in turns.
 *
 * A turn: what peers and clients sent is given to the member, its timers run, what it recorded is
 * made durable, and only then do its messages and answers leave. */
#ifndef NODE_CLUSTER_LOOP_H
#define NODE_CLUSTER_LOOP_H

#include "cluster/conf.h"
#include "cluster/keeper.h"

#include <signal.h>

struct loop_options {
    const char *home;
    const struct node_conf *node; /* outlives the loop */
    const char *const
        *changes; /* SETTING=VALUE of the command line: they hold after a reload too */
    uint32_t changes_count;
    uint64_t checkpoint_blocks;
    uint64_t segment_bytes;
    uint64_t behind_blocks; /* further behind takes the state from peers; 0: the engine's default */
    int64_t sync_patience_us;
    bool archive;
    bool quiet;  /* no line a block */
    bool follow; /* leads no market and holds no memory for it */
    const volatile sig_atomic_t *stop;
    volatile sig_atomic_t *reload; /* set: read tenord.toml again; the loop clears it */
};

/* Runs until told to stop; how the command ends. */
int loop_run(const struct loop_options *options);

#endif
