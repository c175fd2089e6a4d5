/* set_snapshot: the whole state of a set after one block, in files: `head`, the genesis as the home
 * has it, and chunks of records, each with what proves it alone under the state root. The head
 * carries the certificate of that block's checkpoint, if there was one, and the ends of epochs that
 * lead from the genesis' sequencers to those who signed it. docs/specs/snapshot.md §A set's. */
#ifndef NODE_TENORD_SET_SNAPSHOT_H
#define NODE_TENORD_SET_SNAPSHOT_H

#include "tenord/set_reading.h"
#include "tenord/snapshot_format.h"

/* ---- Bytes: set_snapshot_format.c, without I/O and without memory of its own -------------------
 */
enum {
    SET_SNAPSHOT_VERSION = 3,
    SET_SNAPSHOT_BARE = 2,             /* whose chunks had no proofs */
    SET_SNAPSHOT_CHUNK_AIM = 16 << 20, /* of a run of records that can be cut */
    SET_SNAPSHOT_EQUITY_DEPTH = 8,     /* 2^8 records of 2^9 accounts each */
    SET_SNAPSHOT_NAME = 5,             /* kind u8 ‖ index u32, before some records */
    SET_SNAPSHOT_TAIL = (TN_PROOF_GLOBALS + 1) * TN_HASH_SIZE, /* globals ‖ markets root */
    SET_SNAPSHOT_FIXED = 4 + 1 + 32 + 8 + TN_HASH_SIZE,
};

/* What a chunk has, by the kind that it is named by. */
enum set_snapshot_sort {
    SET_SNAPSHOT_NONE,    /* there are no such chunks */
    SET_SNAPSHOT_LEAVES,  /* a run of leaves; behind each ACCOUNT its POSITIONS */
    SET_SNAPSHOT_INBOXES, /* STREAM, and every INBOX of the market that waits */
    SET_SNAPSHOT_EQUITY,  /* a run */
    SET_SNAPSHOT_GLOBALS, /* HEADS, RING and the registry's */
};
enum set_snapshot_sort set_snapshot_sort(uint8_t kind);
/* A record's kind within its market. */
uint8_t set_snapshot_own(uint8_t kind);

/* The end of an epoch, and the set after it (sync_bytes.h). */
struct set_snapshot_epoch {
    uint64_t epoch;
    const uint8_t *handover, *set;
    uint32_t handover_size, set_size;
};
struct set_snapshot_head {
    uint8_t chain_id[32];
    uint64_t height;
    struct tn_hash root;
    const uint8_t *certificate; /* CKPT_CERT */
    uint32_t certificate_size;  /* 0: none */
    const uint8_t *epochs;      /* as they lie there */
    uint32_t epochs_count;
    const uint8_t *chunks;
    uint32_t chunks_count;
};
/* Is that the head of a set's snapshot, whatever else is in it? */
bool set_snapshot_is_head(const uint8_t *bytes, size_t size);
/* *fault is a sentence and a byte. Chunks are in order of kind and first, without a gap. */
bool set_snapshot_read_head(struct set_snapshot_head *head, struct snapshot_fault *fault,
                            const uint8_t *bytes, size_t size);
void set_snapshot_head_chunk(struct snapshot_chunk *chunk, const struct set_snapshot_head *head,
                             uint32_t index);
/* The next one at *at, which begins at 0; of epochs_count. */
void set_snapshot_head_epoch(struct set_snapshot_epoch *epoch, size_t *at,
                             const struct set_snapshot_head *head);
/* The bytes needed; nothing is written when out_size is smaller. */
size_t set_snapshot_write_head(uint8_t *out, size_t out_size, const struct set_snapshot_head *head,
                               const struct set_snapshot_epoch *epochs,
                               const struct snapshot_chunk *chunks);

/* "records-005-0000000000" */
const char *set_snapshot_chunk_name(char name[SNAPSHOT_NAME_SIZE], uint8_t kind, uint32_t first);
void set_snapshot_write_chunk_head(uint8_t out[SNAPSHOT_CHUNK_HEAD], uint8_t kind, uint32_t first,
                                   uint32_t count);

struct set_snapshot_item {
    uint8_t kind;
    uint32_t index, size; /* size 0: it says nothing */
    const uint8_t *record;
    const uint8_t *positions; /* of an ACCOUNT */
    uint32_t positions_size;
};
/* The records of a chunk that the head calls `chunk`, one after another, then its proof. */
struct set_snapshot_reader {
    const uint8_t *bytes;
    size_t size, at;
    uint8_t kind;
    uint32_t first, count, taken;
    const uint8_t *proof; /* once all records were taken */
    uint32_t proof_size;
};
bool set_snapshot_open_chunk(struct set_snapshot_reader *reader, struct snapshot_fault *fault,
                             const struct snapshot_chunk *chunk, const uint8_t *bytes, size_t size);
enum snapshot_step set_snapshot_next(struct set_snapshot_reader *reader,
                                     struct set_snapshot_item *item, struct snapshot_fault *fault);

/* ---- A chunk of a chain: set_snapshot_chunk.c --------------------------------------------------
 */
struct set_snapshot_maker;
/* A chunk of EQUITY has 2^equity_depth records, at most 2^12. The chain outlives it, unchanged.
 * NULL after a complaint. */
struct set_snapshot_maker *set_snapshot_maker_make(struct tn_chain *chain, uint32_t equity_depth);
void set_snapshot_maker_free(struct set_snapshot_maker *maker);
/* How many records the chunks of a kind have. */
uint32_t set_snapshot_total(const struct set_snapshot_maker *maker, uint8_t kind);
/* The chunk that begins at record `first` of the kind; the bytes are the maker's, until the next
 * one. False after a complaint. */
bool set_snapshot_make_chunk(struct set_snapshot_maker *maker, struct snapshot_chunk *chunk,
                             const uint8_t **bytes, uint8_t kind, uint32_t first);

/* ---- Folders: set_snapshot_load.c --------------------------------------------------------------
 */
struct set_snapshot {
    const char *path;
    uint8_t *bytes;
    struct set_snapshot_head head;
};
/* Is the folder a set's snapshot? */
bool set_snapshot_is_one(const char *path);
/* END_GOOD, or how the command ends after a complaint. */
int set_snapshot_open(struct set_snapshot *snapshot, const char *path,
                      const struct tn_hash *trusted);
void set_snapshot_close(struct set_snapshot *snapshot);
/* Each chunk checked, then its records into a chain of that genesis, which is made; their root is
 * the head's. */
int set_snapshot_load(struct held_chain *held, const struct set_snapshot *snapshot,
                      const struct set_reading *genesis);

/* ---- The commands ------------------------------------------------------------------------------
 */
int set_snapshot_create(const char *home, const char *to, uint64_t rate_mib);
struct set_snapshot_trust {
    const struct tn_hash *root, *chain_id; /* NULL: not said */
};
int set_snapshot_verify(const char *path, const struct set_snapshot_trust *trust,
                        const char *chunk_name);
int set_snapshot_restore(const char *path, const char *home,
                         const struct set_snapshot_trust *trust);

#endif
