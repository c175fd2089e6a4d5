/* snapshot: the whole state in files, each of which can be verified alone against a state root.
 * docs/specs/snapshot.md. */
#ifndef NODE_TENORD_SNAPSHOT_H
#define NODE_TENORD_SNAPSHOT_H

#include "machine.h"
#include "snapshot_format.h"

/* Reads a snapshot into a replica that was just made; every chunk is verified against the root in
 * it, and that root against `trusted` when it is not NULL. How the command ends. */
int snapshot_load(struct tn_replica *replica, const char *folder, const struct tn_hash *trusted);

/* Writes a snapshot of a home's last checkpoint, at most rate_mib MiB a second (0: as fast as it
 * goes). Whole or not at all. */
int snapshot_create(const char *home, const char *to, uint64_t rate_mib);
/* Verifies all chunks, or one by its name in the folder. */
int snapshot_verify(const char *folder, const struct tn_hash *trusted, const char *chunk_name);
/* Makes a home that goes on from the snapshot. */
int snapshot_restore(const char *folder, const char *home, const struct tn_hash *trusted);

/* ---- Between its files ------------------------------------------------------------------------
 */

/* A snapshot's head, and where it lies. */
struct snapshot_folder {
    const char *path;
    uint8_t *bytes;
    struct snapshot_head head;
};
/* END_GOOD, or how the command ends after a complaint: an unreadable head, another root than the
 * trusted one. */
int snapshot_open(struct snapshot_folder *folder, const char *path, const struct tn_hash *trusted);
void snapshot_close(struct snapshot_folder *folder);
/* A chunk's file, of the size that the head says or at least not larger; NULL after a complaint.
 * The caller frees it. */
uint8_t *snapshot_chunk_read(size_t *size, const struct snapshot_folder *folder,
                             const struct snapshot_chunk *chunk);
/* Says which file is bad, where and why. */
void snapshot_blame(const struct snapshot_folder *folder, const char *name,
                    const struct snapshot_fault *fault);
/* Says that nobody vouches for the root, when there is no trusted one. */
void snapshot_warn(const struct snapshot_folder *folder, const struct tn_hash *trusted);

/* ---- For snapshots of a set too ---------------------------------------------------------------
 */

/* A snapshot is written beside a node that works: at most `rate` bytes a second; 0: no limit. */
struct snapshot_pace {
    uint64_t bytes_count, rate;
    int64_t began_us;
};
/* So many more bytes are written: waits until they were due. */
void snapshot_keep_pace(struct snapshot_pace *pace, uint64_t bytes_count);

/* Makes TO.part, in which a snapshot grows; false after a complaint, with errno, when TO is there
 * already too. */
bool snapshot_folder_begin(char folder[PATH_SIZE], const char *to);
/* It is whole: it gets its name, durably. False after a complaint. */
bool snapshot_folder_end(const char *folder, const char *to);
/* Into a store that is being loaded; what it holds is written when its queue is full. */
bool snapshot_put_record(struct store *store, uint8_t kind, uint32_t index, const uint8_t *bytes,
                         size_t size);

#endif
