/* node_load: a machine on a home, and entries for it: orders come to rest and are cancelled, by
 * many accounts in many series. */
#ifndef BENCH_NODE_LOAD_H
#define BENCH_NODE_LOAD_H

#include "bench.h"
#include "tenord/machine.h"

enum { LOAD_IN_FLIGHT = 64, LOAD_ENTRY_BYTES = 512, LOAD_TARGETS_MAX = 4096 };
enum { LOAD_CHECKPOINT_BLOCKS = 64 }; /* as tenord run has when not told otherwise */

/* Who may bid in a series, and at which price. */
struct load_target {
    uint64_t series_id;
    tn_ticks price;
    uint32_t account;
};

struct load {
    struct machine *machine;
    struct load_target targets[LOAD_TARGETS_MAX];
    uint32_t targets_count;
    uint64_t first, next; /* entries before this run, and so far in it */
    uint64_t rejects_count;
    uint8_t bytes[LOAD_IN_FLIGHT][LOAD_ENTRY_BYTES];
    size_t sizes[LOAD_IN_FLIGHT];
};

/* Ends the program after a complaint. */
struct machine *load_open_machine(const char *home, uint64_t block_entries);
uint64_t load_height(const struct machine *machine);

void load_open(struct load *load, struct machine *machine);
/* A group: its entries are written (their bytes are returned), taken and made durable by one sync,
 * and then comes what a node does after its answers. */
size_t load_write(struct load *load);
void load_take(struct load *load);
void load_tend(struct load *load);
void load_append(struct load *load); /* all three */

#endif
