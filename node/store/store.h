/* store: records, blocks, batches, receipts and history of a node, in one LMDB environment.
 *
 * The write-ahead log is what makes an entry durable; the store is what makes a restart short. One
 * thread puts jobs into a bounded queue (bytes are copied) and closes them with a checkpoint. All
 * jobs of a checkpoint go to disk in ONE synced transaction together with its height, root and log
 * position, so that after a crash the store is exactly some checkpoint, at or after the last one
 * that was reported as durable; the log gives the rest. A folder holds data.mdb, lock.mdb, owner.
 *
 *     store_open(&store, &config, &trail);
 *     for each change:  store_put_record(store, kind, index, bytes, size);
 *     store_checkpoint(store, &point);          the writer thread does the rest
 *     store_status(store, &status);             status.durable.height: on disk
 *
 * Errors are for the caller to act on; the trail says in one text what was attempted, on what path
 * and why it failed. Formats: docs/specs/store.md. */
#ifndef TENOR_STORE_H
#define TENOR_STORE_H

#include "tenor/crypto.h"
#include "tenor/record.h"

#define STORE_FORMAT      1          /* of the files; docs/specs/store.md says what changed */
#define STORE_HEIGHT_NONE UINT64_MAX /* no checkpoint was ever taken */
#define STORE_MUST_CHECK  __attribute__((warn_unused_result))

enum store_err {
    STORE_OK = 0,
    STORE_ABSENT,    /* no such key; at open: no store there, and none was to be made */
    STORE_BUSY,      /* no room in the queue now: wait (store_drain), or abandon and come again */
    STORE_TOO_LARGE, /* what was put since the last checkpoint fills the whole queue by itself */
    STORE_FULL,      /* the disk is full; the jobs are kept and tried again */
    STORE_REFUSED,   /* not ours, other chain, market, limits or format, in use, half restored */
    STORE_CORRUPT,   /* the trail names database and key */
    STORE_FAILED,    /* the disk failed: the node must stop; the log has everything */
};

struct store_trail {
    char text[512];
};

struct store_config {
    const char *path; /* a folder; made by store_open when `create` */
    struct tn_hash chain_id;
    struct tn_hash limits_hash; /* of whatever the bytes of records depend on */
    uint32_t market;
    enum tn_cpu cpu;
    bool create;             /* make the store when there is none */
    bool threaded;           /* a thread writes; else store_checkpoint itself does */
    bool archive;            /* keep all history */
    uint32_t retain_hours;   /* of block time; what is older is pruned unless archive; 0: 168 */
    uint32_t receipts_hours; /* the same of receipts alone, archive or not; 0: as of their blocks */
    uint32_t prune_keys_max; /* deleted per checkpoint at most; 0: 4096 */
    uint32_t retry_ms;       /* after STORE_FULL; 0: 1000 */
    size_t queue_bytes;      /* 0: 64 MiB; a job is at most half of it */
    uint64_t map_bytes;      /* first size of the map, doubled when needed; 0: 64 MiB */
};

/* Where a checkpoint stands. Replay of the log begins at log_position. */
struct store_point {
    uint64_t height;
    struct tn_hash root;
    uint64_t log_position;
};

struct store;

/* Opens for writing; one process at a time may. config is copied, the path too. STORE_REFUSED and
 * STORE_ABSENT leave the folder as it was. */
enum store_err store_open(struct store **store, const struct store_config *config,
                          struct store_trail *trail) STORE_MUST_CHECK;

/* Opens for reading, beside a writer in another process; of config, path and cpu are used, and the
 * other fields when check_config (else: whatever it holds). Never opens twice what this process has
 * open (LMDB forbids it): use views of that store. */
enum store_err store_open_reader(struct store **store, const struct store_config *config,
                                 bool check_config, struct store_trail *trail) STORE_MUST_CHECK;

/* Waits for the checkpoints in the queue, unless the disk is full or failed, and frees the store.
 * Jobs after the last checkpoint are dropped. All views must have ended. */
void store_close(struct store *store);

/* ---- Writing: one thread, the producer. Cost: a copy. ---- */

/* STORE_BUSY and STORE_TOO_LARGE put nothing. STORE_FULL never comes from a put: a full disk shows
 * in store_status, and as STORE_BUSY once the queue has filled. STORE_FAILED is for ever. */

/* size 0: the record says nothing and is deleted. */
enum store_err store_put_record(struct store *store, uint8_t kind, uint32_t index,
                                const uint8_t *bytes, size_t size) STORE_MUST_CHECK;

struct store_block {
    uint64_t height;
    uint64_t time_ms; /* block time: what pruning goes by */
    struct tn_hash hash;
    const uint8_t *header, *body;
    uint32_t header_size, body_size;
};
enum store_err store_put_block(struct store *store,
                               const struct store_block *block) STORE_MUST_CHECK;

/* A batch, included by the block of that height; by its height it is pruned. */
struct store_batch {
    uint32_t market;
    uint64_t sequence, height;
    struct tn_hash digest;
    const uint8_t *body;
    uint32_t body_size;
};
enum store_err store_put_batch(struct store *store,
                               const struct store_batch *batch) STORE_MUST_CHECK;

enum store_err store_put_receipts(struct store *store, uint64_t height, const uint8_t *bytes,
                                  size_t size) STORE_MUST_CHECK;

/* Is there room for so many bytes more in the present group, and as much again for the rest of it?
 * For what may be left out rather than crowd out what may not. */
bool store_has_room(const struct store *store, size_t size);

/* A fill of an account: index numbers the events of the block. A fill has two accounts: put both.
 */
enum store_err store_put_fill(struct store *store, uint32_t account, uint64_t height,
                              uint32_t index, const uint8_t *event, size_t size) STORE_MUST_CHECK;

/* The last that is known of an order. A closed one is pruned with the block of its height. */
struct store_order {
    uint64_t order_id, height, series_id;
    uint32_t account;
    int64_t open_lots;
    uint8_t status; /* the caller's words */
    bool closed;
};
enum store_err store_put_order(struct store *store,
                               const struct store_order *order) STORE_MUST_CHECK;

/* Nodes of the mountain ranges, by their place (tenor/proof.h), and what a withdrawal says, by its
 * number: needed for proofs for ever, so never pruned. */
enum store_leaf { STORE_LEAF_BLOCK = 1, STORE_LEAF_WITHDRAWAL = 2 };
enum store_err store_put_leaf(struct store *store, enum store_leaf tree, uint64_t index,
                              const struct tn_hash *hash) STORE_MUST_CHECK;
enum store_err store_put_withdrawal(struct store *store, uint64_t number, const uint8_t *bytes,
                                    size_t size) STORE_MUST_CHECK;

/* Closes what was put: it is written as one transaction, with the point inside. Heights rise. With
 * a thread: STORE_OK is "queued". Without: STORE_OK is "durable"; STORE_FULL keeps the jobs, which
 * the next checkpoint or store_drain writes first. */
enum store_err store_checkpoint(struct store *store,
                                const struct store_point *point) STORE_MUST_CHECK;

/* The same in two steps, for a checkpoint that must not count before something else is durable.
 * store_prepare closes what was put: what is put from then on belongs to the next checkpoint. One
 * can be prepared at a time. store_commit has it written and answers as store_checkpoint does.
 * While one is prepared STORE_BUSY may last until the commit. One that is not committed is dropped
 * by store_close. */
enum store_err store_prepare(struct store *store, const struct store_point *point) STORE_MUST_CHECK;
enum store_err store_commit(struct store *store) STORE_MUST_CHECK;

/* Bytes of the queue that were put since the last checkpoint, prepared or taken. */
uint64_t store_waiting_bytes(const struct store *store);

/* Loading a store that has no checkpoint yet, for a restore larger than the queue: as
 * store_checkpoint, but there is no height: until the first real checkpoint the store is refused by
 * every open. Cheapest when records come in order of kind and index. */
enum store_err store_load_part(struct store *store) STORE_MUST_CHECK;

/* Drops what was put since the last checkpoint, so that the producer can put it again later,
 * together with what follows. */
void store_abandon(struct store *store);

/* Waits up to wait_ms until every checkpoint of the queue is durable. STORE_BUSY: not yet. */
enum store_err store_drain(struct store *store, uint32_t wait_ms) STORE_MUST_CHECK;

/* ---- What stands: any thread. ---- */

struct store_status {
    enum store_err state; /* STORE_OK, STORE_FULL (tried again), STORE_CORRUPT or STORE_FAILED */
    struct store_trail trail;           /* of the state, when not STORE_OK */
    struct store_point durable;         /* height STORE_HEIGHT_NONE: nothing yet */
    uint64_t log_needed_from;           /* the log may be released below this */
    uint64_t first_block;               /* lowest height that is kept; STORE_HEIGHT_NONE: none */
    uint64_t queued_bytes, queue_bytes; /* of closed checkpoints, not durable yet; of the queue */
    uint64_t map_bytes, used_bytes;     /* used: pages of the file, free ones among them */
    uint64_t commits_count, growths_count, full_count, pruned_count;
};
void store_status(struct store *store, struct store_status *status);

/* The position of the checkpoint before the last durable one, from which a replay would begin if
 * the last commit's page were lost. */
uint64_t store_log_needed_from(struct store *store);

/* Readers keep old pages from being reused: the file grows while one stands still. Clears slots of
 * dead processes; lag counts commits since the oldest reader began. */
struct store_readers {
    uint32_t readers_count, cleared_count;
    uint64_t oldest_lag_commits;
    int64_t oldest_process;
};
enum store_err store_readers(struct store *store, struct store_readers *readers,
                             struct store_trail *trail) STORE_MUST_CHECK;

/* ---- Reading: a view is one checkpoint, whatever the writer does meanwhile. ---- */

/* Bytes that come out point into the map and live until the view ends; not aligned. In the
 * writer's process a view must be short: growth of the map waits for it. What walks the whole
 * store opens a reader in a process of its own. */
struct store_view;
struct store_bytes {
    const uint8_t *bytes;
    size_t size;
};

enum store_err store_view_begin(struct store *store, struct store_view **view,
                                struct store_trail *trail) STORE_MUST_CHECK;
/* A second view of the same checkpoint, for another thread; each is ended by itself. STORE_BUSY: it
 * cannot be had now. */
enum store_err store_view_twin(struct store_view *view, struct store_view **twin) STORE_MUST_CHECK;
void store_view_end(struct store_view *view);
/* For a view that stands for long: from now on it ends by itself when the map must grow, which else
 * would wait for it, and whoever begins another view with it. It is read only between a hold that
 * said true and the next let go, within which its thread begins no other view. False: it has ended;
 * store_view_end frees it. One view of a store yields at a time. */
void store_view_yield(struct store_view *view);
bool store_view_hold(struct store_view *view) STORE_MUST_CHECK;
void store_view_let_go(struct store_view *view);
const struct store_trail *store_view_trail(const struct store_view *view); /* of the last failure */

/* STORE_ABSENT when there was no checkpoint. */
enum store_err store_get_point(struct store_view *view, struct store_point *point) STORE_MUST_CHECK;
/* STORE_ABSENT: empty. */
enum store_err store_get_record(struct store_view *view, struct store_bytes *record, uint8_t kind,
                                uint32_t index) STORE_MUST_CHECK;
enum store_err store_get_block(struct store_view *view, struct store_block *block,
                               uint64_t height) STORE_MUST_CHECK;
enum store_err store_get_block_height(struct store_view *view, uint64_t *height,
                                      const struct tn_hash *hash) STORE_MUST_CHECK;
enum store_err store_get_batch(struct store_view *view, struct store_batch *batch, uint32_t market,
                               uint64_t sequence) STORE_MUST_CHECK;
enum store_err store_get_batch_by_digest(struct store_view *view, struct store_batch *batch,
                                         const struct tn_hash *digest) STORE_MUST_CHECK;
enum store_err store_get_receipts(struct store_view *view, struct store_bytes *receipts,
                                  uint64_t height) STORE_MUST_CHECK;
enum store_err store_get_order(struct store_view *view, struct store_order *order,
                               uint64_t order_id) STORE_MUST_CHECK;
enum store_err store_get_leaf(struct store_view *view, struct tn_hash *hash, enum store_leaf tree,
                              uint64_t index) STORE_MUST_CHECK;
enum store_err store_get_withdrawal(struct store_view *view, struct store_bytes *withdrawal,
                                    uint64_t number) STORE_MUST_CHECK;

/* Walks; the visitor says false to stop early, which is STORE_OK. */
typedef bool store_record_visitor(void *context, uint32_t index, const uint8_t *bytes, size_t size);
enum store_err store_each_record(struct store_view *view, uint8_t kind, uint32_t from,
                                 store_record_visitor *visit, void *context) STORE_MUST_CHECK;

/* An account's fills from a height on, in the order in which they happened. */
typedef bool store_fill_visitor(void *context, uint64_t height, uint32_t index,
                                const uint8_t *event, size_t size);
enum store_err store_each_fill(struct store_view *view, uint32_t account, uint64_t from_height,
                               store_fill_visitor *visit, void *context) STORE_MUST_CHECK;

/* Any database by key, ascending, from the first key ≥ from on (from_size 0: the first). */
enum store_database {
    STORE_META,         /* "point" → format, whose store, where it stands */
    STORE_RECORDS,      /* kind u8, index u32 → record */
    STORE_BLOCKS,       /* height u64 → time, header, body */
    STORE_BLOCK_HASHES, /* hash → height */
    STORE_BATCHES,      /* market u32, sequence u64 → height, digest, body */
    STORE_DIGESTS,      /* digest → market, sequence */
    STORE_RECEIPTS,     /* height u64 → receipts */
    STORE_FILLS,        /* account u32, height u64, index u32 → event */
    STORE_ORDERS,       /* order id u64 → last known */
    STORE_LEAVES,       /* tree u8, index u64 → hash */
    STORE_WITHDRAWALS,  /* number u64 → withdrawal */
    STORE_HISTORY,      /* height u64, what u8, key of a batch, fill or order: for pruning */
    STORE_DATABASES,
};
const char *store_database_name(enum store_database database);
typedef bool store_visitor(void *context, const uint8_t *key, size_t key_size, const uint8_t *value,
                           size_t value_size);
enum store_err store_each(struct store_view *view, enum store_database database,
                          const uint8_t *from, size_t from_size, store_visitor *visit,
                          void *context) STORE_MUST_CHECK;

/* The same, but values come as they lie there, their CRC behind them and not checked: for walks
 * that look at the head of each alone, which has a CRC of its own, and get by key what they need.
 */
enum store_err store_scan(struct store_view *view, enum store_database database,
                          const uint8_t *from, size_t from_size, store_visitor *visit,
                          void *context) STORE_MUST_CHECK;
/* The lowest block that the view has; STORE_HEIGHT_NONE: none. */
enum store_err store_get_first_block(struct store_view *view, uint64_t *height) STORE_MUST_CHECK;

/* ---- Checking and copying ---- */

/* LMDB trusts its pages: on garbage it may crash. store_apart runs work in a child process: its
 * answer, or STORE_CORRUPT when the child died (the trail says how and, from store_progress,
 * where) or nothing new was read for wait_ms (0: that is no matter). The work must open the store
 * by itself. */
typedef enum store_err store_work(void *context, struct store_trail *trail);
enum store_err store_apart(store_work *work, void *context, uint32_t wait_ms,
                           struct store_trail *trail) STORE_MUST_CHECK;
/* Notes, within store_apart, what is being read; a no-op elsewhere. */
void store_progress(const char *what);

struct store_checked {
    uint64_t values_count[STORE_DATABASES];
    uint64_t bytes;
};
/* Reads every value of every database of this view: CRCs, keys in order, well formed and found by
 * look-up, counts, and that every page of the file is either in use once or free.
 * Leaves against the state root are the caller's part (store_each_record, src/state). */
enum store_err store_check_view(struct store_view *view, struct store_checked *checked,
                                struct store_trail *trail) STORE_MUST_CHECK;
/* The same of a folder, in a child process. */
enum store_err store_check(const struct store_config *config, struct store_checked *checked,
                           struct store_trail *trail) STORE_MUST_CHECK;

/* Copies a consistent, compacted store to a folder that must not exist yet; it appears whole or not
 * at all, synced. From a reader's process while the writer goes on. */
enum store_err store_copy(struct store *store, const char *to_path,
                          struct store_trail *trail) STORE_MUST_CHECK;

#endif
