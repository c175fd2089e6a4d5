/* calls: whose files the system calls of this program are.
 *
 * node/log, node/store and LMDB are the node's, unchanged; their calls are wrapped at link time
 * (node/CMakeLists.txt) and end in the files of a machine. The first folder of a path names it:
 * "/3/log" is the log of machine 3. This program has no other files. */
#ifndef SIM_CALLS_H
#define SIM_CALLS_H

#include "sim/files.h"

/* files NULL: the machine is no more. What was open there is closed. */
void sim_calls_attach(uint32_t machine, struct sim_files *files);
/* What getrandom gives, from here on. */
void sim_calls_seed(uint64_t seed);
/* "/3" */
void sim_calls_home(char *path, size_t size, uint32_t machine);
/* How many descriptors and maps of this machine are open: none after its node has ended. */
uint32_t sim_calls_open(uint32_t machine);

#endif
