/* faulty_files: what of the disk's files and names is durable, and what only seems so.
 *
 * The real files are what the running program sees. Beside each stands the list of changes since
 * its last sync with the bytes from before and after, beside the names the list of changes since
 * their directory's last sync. A crash undoes all and does again what the disk kept. */
#ifndef FAULTY_FILES_H
#define FAULTY_FILES_H

#include "faulty_disk.h"

#include <stddef.h>

#define FAULTY_PATH_SIZE 512

struct faulty_file;

/* The tree of one disk: root/disk is the disk, root/gone holds what has no name any more. */
void faulty_files_begin(const char *root, uint64_t *random);
void faulty_files_end(void);

/* The file behind a path or a descriptor; NULL when it is not of the disk (yet). */
struct faulty_file *faulty_files_at(const char *path);
/* Takes note of a file that an open has just created, or found. */
struct faulty_file *faulty_files_created(const char *path);

/* Changes: each is done on the real file and remembered. False: errno is set, nothing was done. */
bool faulty_files_write(struct faulty_file *file, const void *bytes, size_t size, uint64_t offset);
bool faulty_files_resize(struct faulty_file *file, uint64_t size);
bool faulty_files_rename(const char *from, const char *to);
bool faulty_files_unlink(const char *path);

uint64_t faulty_files_size(const struct faulty_file *file);
uint64_t faulty_files_used(void);     /* bytes of all files that have a name */
uint64_t faulty_files_unsynced(void); /* changes a crash may take back */

/* Syncs of a file's bytes and of a directory's names. */
void faulty_files_sync(struct faulty_file *file);
void faulty_files_sync_last(struct faulty_file *file); /* only the last change: O_DSYNC */
void faulty_files_sync_names(const char *directory);
/* A sync that failed: the changes look clean from now on, and the disk may not have them. */
void faulty_files_sync_failed(struct faulty_file *file);
/* The page cache is dropped: what looked clean and was not on the disk shows. */
void faulty_files_drop_cache(struct faulty_file *file);

/* The power goes: LOSE or TORN. */
void faulty_files_crash(enum faulty_disk_loss loss);

#endif
