/* node_home: a large home for bench_node, and what is measured in a process of its own. */
#ifndef BENCH_NODE_HOME_H
#define BENCH_NODE_HOME_H

#include "risk_desk.h"

enum { HOME_EXIT_BLOCKS = 600 };

/* Makes a home whose store holds one checkpoint, at height 0, of a desk of this extent: its records
 * are copied, no entry is fed. The folder must exist. */
void home_make(const char *home, const struct desk_extent *extent);

/* Bytes of all files below a folder; and removes it with all of them. */
uint64_t home_bytes(const char *folder);
void home_remove(const char *folder);

/* The system forgets what it has read of the files below a folder. */
void home_forget(const char *folder);

#endif
