/* set_snapshot: the whole state of a set after one block, in files: `head`, the genesis as the home
 * has it, and chunks of records. The head carries the certificate of that block's checkpoint, if
 * there was one, and the ends of epochs that lead from the genesis' sequencers to those who signed
 * it. docs/specs/snapshot.md §A set's. */
#ifndef NODE_TENORD_SET_SNAPSHOT_H
#define NODE_TENORD_SET_SNAPSHOT_H

#include "tenord/set_reading.h"
#include "tenord/snapshot_format.h"

/* ---- Bytes: set_snapshot_format.c, without I/O and without memory of its own -------------------
 */
enum {
    SET_SNAPSHOT_VERSION = 2,
    SET_SNAPSHOT_CHUNK_AIM = 16 << 20, /* a chunk ends with the record that goes past it */
    SET_SNAPSHOT_FIXED = 4 + 1 + 32 + 8 + TN_HASH_SIZE,
};

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
/* The records of a chunk that the head names so, one after another: as snapshot_next. */
struct set_snapshot_reader {
    const uint8_t *bytes;
    size_t size, at;
    uint32_t first, count, taken;
};
bool set_snapshot_open_chunk(struct set_snapshot_reader *reader, struct snapshot_fault *fault,
                             const struct snapshot_chunk *chunk, const uint8_t *bytes, size_t size);
enum snapshot_step set_snapshot_next(struct set_snapshot_reader *reader, struct snapshot_item *item,
                                     struct snapshot_fault *fault);

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
/* All records into a chain of that genesis, which is made; their root is the head's. */
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
