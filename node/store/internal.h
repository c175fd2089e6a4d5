/* internal: what the files of the store share. */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include "store/format.h"

#include <lmdb.h>
#include <pthread.h>

#define STORE_PATH_MAX 1024

enum store_job_kind { STORE_JOB_SKIP, STORE_JOB_PUT, STORE_JOB_DELETE, STORE_JOB_CHECKPOINT };

/* A job in the ring: this, the key, the value and room for its CRC; sizes rounded up to 16. */
struct store_job {
    uint32_t size; /* with everything, rounded */
    uint8_t kind;  /* enum store_job_kind */
    uint8_t database;
    uint16_t key_size;
    uint32_t value_size; /* without the CRC */
    uint32_t unused;
};

/* A checkpoint's job carries this as its value. */
struct store_close {
    struct store_point point;
    uint64_t newest_ms;
    bool loading;
};

/* Positions count bytes since the start and never wrap; less `base` and modulo `capacity` they are
 * places. Between `taken` and `closed` are whole groups; then one that is prepared, if there is;
 * from `group_start` to `put` what the producer is at. */
struct store_queue {
    uint8_t *ring;
    uint64_t capacity;
    uint64_t base;             /* the producer moves it only while the writer has nothing to read */
    uint64_t put, group_start; /* the producer's own */
    bool is_prepared;          /* the producer's own: a group waits for store_commit */
    uint64_t prepared;         /* the producer's own: where it ends */
    uint64_t newest_ms;        /* the producer's own */
    uint64_t height, log_position; /* the producer's own: of the last checkpoint put */
    uint64_t closed, taken;        /* under the lock */
};

struct store {
    struct store_config config;
    char path[STORE_PATH_MAX];
    bool reader;
    int owner; /* descriptor of the owner file, locked; −1 for a reader */
    MDB_env *env;
    MDB_dbi databases[STORE_DATABASES];
    struct store_meta meta;  /* as on disk; the writing side's own */
    uint64_t first_block;    /* the writing side's own */
    uint64_t reserved_bytes; /* of the file's blocks */

    pthread_mutex_t lock;
    pthread_cond_t changed; /* groups, taken, views, stop */
    struct store_queue queue;
    struct store_status status;
    uint32_t views_count;
    struct store_view *yielding; /* one of them, or NULL */
    bool remapping;              /* no view may begin */
    bool stop;
    pthread_t thread;
};

struct store_view {
    struct store *store;
    MDB_txn *txn; /* NULL: it yielded */
    bool is_held; /* of one that yields: not now; under the lock */
    struct store_trail trail;
};

/* trail.c: says what failed; returns the error that it was given. */
enum store_err store_say(struct store_trail *trail, enum store_err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* What an LMDB or system code means for the caller. */
enum store_err store_err_of(int code);
void store_say_key(char *out, size_t out_size, enum store_database database, const uint8_t *key,
                   size_t key_size);

/* map.c: the environment and its size. map_bytes 0: path is a file to be made, nobody else's. */
enum store_err store_env_open(struct store *store, const char *path, uint64_t map_bytes,
                              struct store_trail *trail);
void store_env_close(struct store *store);
/* Maps anew, at least `bytes` (0: as large as the file says), once no view is open. */
enum store_err store_env_remap(struct store *store, uint64_t bytes, struct store_trail *trail);
/* Closes and opens again, after an error that LMDB holds for fatal. */
enum store_err store_env_reopen(struct store *store, struct store_trail *trail);
/* Makes room for `need` bytes of new pages, in the map and on the disk. */
enum store_err store_env_make_room(struct store *store, uint64_t need, struct store_trail *trail);
enum store_err store_meta_read(struct store *store, MDB_txn *txn, struct store_meta *meta,
                               struct store_trail *trail);
int store_meta_write(struct store *store, MDB_txn *txn, const struct store_meta *meta);
/* Fills in sizes; only while nothing remaps: on the writing side. */
void store_env_measure(struct store *store, uint64_t *map_bytes, uint64_t *used_bytes);
enum store_err store_sync_folder(const char *path, struct store_trail *trail);

/* write.c: the first group of the queue, from `from` on, as one transaction. */
enum store_err store_write_group(struct store *store, uint64_t from, uint64_t *end,
                                 struct store_trail *trail);

/* queue.c: the job at a position, which goes on over the end of the ring. */
const struct store_job *store_queue_at(const struct store_queue *queue, uint64_t *position);

/* prune.c: deletes what is too old, at most config.prune_keys_max keys. Returns an LMDB code. */
int store_prune(struct store *store, MDB_txn *txn, const struct store_meta *meta,
                uint64_t *deleted_count, struct store_trail *trail);

/* The lowest height of the blocks, STORE_HEIGHT_NONE when there are none. */
uint64_t store_first_block(struct store *store, MDB_txn *txn);

/* queue.c */
enum store_err store_queue_begin(struct store *store, struct store_trail *trail);
void store_queue_end(struct store *store);

/* check.c: notes for a parent that watches what is read here. */
void store_note_key(enum store_database database, const uint8_t *key, size_t key_size);

#endif
