/* machine_case: one script of entries for the node's core, on a disk that may fail, and what every
 * prefix of it must lead to.
 *
 * The script takes entries, syncs after every few, seals blocks of 4, saves checkpoints of 2
 * blocks, opens the machine anew in the middle and flushes it once with a block half full. So there
 * are two chains of the same entries: with that short block, and, where a crash came before it,
 * without. A plain replica that never saw a disk says for both what root stands after each entry.
 */
#ifndef TESTS_NODE_MACHINE_CASE_H
#define TESTS_NODE_MACHINE_CASE_H

#include "tenord/machine.h"

#define CASE_ENTRIES 200

enum { CASE_CHAINS = 2 };

/* Where a chain stands after so many entries. */
struct case_stand {
    uint64_t height;
    struct tn_hash root;
};

struct machine_case {
    uint64_t seed;
    uint8_t *bytes[CASE_ENTRIES];
    size_t sizes[CASE_ENTRIES];
    struct case_stand stands[CASE_CHAINS][CASE_ENTRIES + 1];
    uint64_t digests[CASE_ENTRIES + 1];  /* of the exchange: also what is in no block yet */
    struct case_stand ends[CASE_CHAINS]; /* all sealed */
};

/* case_learn makes the entries and executes them without a disk. */
void case_learn(struct machine_case *script, uint64_t seed);
void case_forget(struct machine_case *script);

/* A run of the script, by one machine after another. */
struct case_run {
    const struct machine_case *script;
    const char *home;
    uint64_t segment_bytes;  /* of the log; case_settle makes it small */
    uint64_t queue_bytes;    /* of the store; 0: its default */
    struct machine *machine; /* NULL: it did not open */
    uint64_t positions[CASE_ENTRIES];
    uint64_t taken;             /* entries that were handed over */
    uint64_t acknowledged;      /* entries that machine_sync said are durable */
    uint64_t full_count;        /* answers MACHINE_FULL */
    bool failed;                /* an answer MACHINE_FAILED, or a machine that did not open */
    bool refused;               /* some machine did not open */
    volatile sig_atomic_t stop; /* as the signal that ends the node: waits for nothing */
};

/* Writes the genesis into a folder that becomes the home. */
void case_settle(struct case_run *run, const struct machine_case *script, const char *home);
/* False, with a sentence in case_said(), when the machine refuses. What it found is acknowledged.
 */
bool case_open(struct case_run *run);
enum machine_answer case_tend(struct case_run *run);
void case_close(struct case_run *run);

/* Goes on with the script until so many entries are taken; false when it failed. A full disk is
 * tried again, `tries` times at each entry: false without run->failed, when that was not enough. */
bool case_go_on(struct case_run *run, uint64_t until, uint32_t tries);
/* Seals and flushes what there is. */
bool case_flush(struct case_run *run);
/* machine_sync, and what it says is durable. */
enum machine_answer case_sync(struct case_run *run);

/* The whole script from nothing: opens, goes on, opens anew, to the end. False when it failed; the
 * machine is closed. */
bool case_live(struct case_run *run);

/* Whether the machine stands where the script has it after as many entries. */
bool case_is_known(const struct case_run *run);
/* Whether it stands at the script's end. */
bool case_is_end(const struct case_run *run);

/* The disk gets its room back at the n-th time from now on that the machine, waiting for it, notes
 * that it is full. */
void case_lift_after(uint32_t notes_count);

/* The last complaint; "" while there was none. Complaints are kept here instead of printed. */
const char *case_said(void);
void case_hush(void);

#endif
