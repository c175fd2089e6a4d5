/* machine: a replica with its log and its store: what survives a crash.
 *
 * An entry is taken in three steps: its bytes go into the log, it is applied, and machine_sync
 * makes all that was taken durable. Only then may its results be told. Each block_entries entries
 * are sealed into a batch and a block, whose trees a thread hashes while more is taken; each
 * checkpoint_blocks blocks, what changed goes to the store, whose own thread writes it.
 * machine_open finds everything again: the records of the last checkpoint from the store, the rest
 * from the log.
 *
 * A home is a folder: genesis.conf, log/, store/. One process at a time runs it. */
#ifndef NODE_TENORD_MACHINE_H
#define NODE_TENORD_MACHINE_H

#include "genesis.h"
#include "log/log.h"
#include "store/store.h"
#include "tenor/replica.h"

#include <signal.h>

struct machine_options {
    const char *home;
    uint64_t block_entries;     /* ≥ 1 */
    uint64_t checkpoint_blocks; /* ≥ 1 */
    uint64_t segment_bytes;     /* of the log; 0: its default */
    uint64_t retain_hours;      /* of history; 0: the store's default */
    bool archive;
    bool quiet;                        /* no line a block */
    bool store_unthreaded;             /* the caller's thread writes the store: for tests */
    uint64_t store_queue_bytes;        /* 0: by the genesis; for tests */
    const volatile sig_atomic_t *stop; /* set: end waiting for a full disk; NULL: never */
    int *open_end; /* told how a command ends whose machine does not open; NULL: nobody asks */
};

enum machine_answer {
    MACHINE_TAKEN,
    MACHINE_REFUSED, /* the bytes are no entry; nothing changed */
    MACHINE_FULL,    /* the disk is full: nothing is taken until there is room; nothing is lost */
    MACHINE_FAILED,  /* the disk failed: end the process, tell nothing more */
};

struct machine;

/* NULL after a complaint. A home without a genesis.conf is refused. */
struct machine *machine_open(const struct machine_options *options);
/* Closes everything, as it is: machine_flush comes first in an orderly end. */
void machine_close(struct machine *machine);

struct machine_results {
    uint64_t position; /* of the entry in the log */
    const struct tn_event *events;
    uint32_t events_count;
};
/* Takes one entry, bytes as in docs/specs/stream.md. Results live until the next call, and may be
 * told once machine_sync returned a position above theirs. On REFUSED *fault says why. */
enum machine_answer machine_take(struct machine *machine, struct machine_results *results,
                                 struct tn_stream_fault *fault, const uint8_t *bytes, size_t size);

/* Makes durable what was taken: everything below *durable is. FULL: try again later. */
enum machine_answer machine_sync(struct machine *machine, uint64_t *durable);

/* Bounded work of a turn: spare segments, the log given back, a full disk tried again. FULL while
 * nothing can be taken. */
enum machine_answer machine_tend(struct machine *machine);

/* Seals what there is, even if fewer than block_entries, and waits until the store has everything.
 * FULL: told to stop while the disk is full; the log has what was durable. */
enum machine_answer machine_flush(struct machine *machine);

/* Entries taken since the genesis. */
uint64_t machine_entries(const struct machine *machine);
uint64_t machine_height(const struct machine *machine); /* of the last block */
/* The trees are those of the last block: waits for them if need be. Good until more is taken. */
const struct tn_replica *machine_replica(struct machine *machine);
struct store *machine_store(struct machine *machine);

/* ---- For the tools beside the node -------------------------------------------------------------
 */

/* home/name; false after a complaint when it is too long. */
#define PATH_SIZE 4096
bool home_path(char path[PATH_SIZE], const char *home, const char *name);
/* A seed for hash tables: any will do. */
uint64_t local_seed(void);
/* The genesis of a home, as limits with this machine's cpu. */
bool home_limits(struct tn_replica_limits *limits, const char *home);
/* The canonical text of its genesis; NULL after a complaint. The caller frees it. */
char *home_genesis(size_t *size, const char *home);
void home_store_config(struct store_config *config, const struct tn_replica_limits *limits,
                       const char *path);
/* A view of the store's last checkpoint, in the place of the one that is there, and where that
 * stands. Anything but STORE_OK after a complaint; STORE_ABSENT: there is no checkpoint. */
enum store_err home_view_last(struct store_view **view, struct store_point *point,
                              struct store *store);
/* How a command ends for which the store answered so. */
int end_of_store(enum store_err err);

/* A replica in memory of its own. */
struct held_replica {
    struct tn_replica *replica;
    void *memory;
    size_t size;
};
bool replica_hold(struct held_replica *held, const struct tn_replica_limits *limits);
void replica_drop(struct held_replica *held);
/* Reads all records of a view into a replica that was just made, and compares the root with that of
 * the view's point. False after a complaint. STORE_ABSENT in *err: there is no checkpoint. With a
 * thread the trees are filled from the store's bytes meanwhile; without, from the records that the
 * replica writes of what it has read. */
bool replica_load(struct held_replica *held, struct store_point *point, enum store_err *err,
                  struct store_view *view, bool with_thread);

/* The log's record types. */
enum { LOG_ENTRY = 1, LOG_BLOCK = 2 };
#define LOG_BLOCK_SIZE (TN_BATCH_HEADER_BYTES + TN_BLOCK_HEADER_BYTES)

#endif
