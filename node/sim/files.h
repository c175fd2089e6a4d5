/* files: the file system of one machine, in memory: what a kernel would do for node/log and for
 * LMDB, whose calls end here (calls.c).
 *
 * What is written is seen at once, by reads and by maps, and is durable only when its file was
 * synced; a name is durable when its folder was. A power cut leaves of what was not synced all,
 * nothing, or any mixture of sectors, sizes and names. Everything follows from the seed. */
#ifndef SIM_FILES_H
#define SIM_FILES_H

#include "tenor/base.h"

#define SIM_FILE_NAME_SIZE 32
#define SIM_FILE_NONE      UINT32_MAX
#define SIM_FILE_ROOT      0u /* the home of the machine's node */

struct sim_files;

struct sim_files *sim_files_make(uint64_t seed);
void sim_files_free(struct sim_files *files);

/* ---- What may go wrong -------------------------------------------------------------------------
 */
/* Growing past this many bytes finds no room. UINT64_MAX: no limit. */
void sim_files_limit(struct sim_files *files, uint64_t bytes_max);
uint64_t sim_files_used(const struct sim_files *files);
/* The n-th call from now on that changes something is the last one, and may be done in part; after
 * it all fail, until power comes back. 0: none. */
void sim_files_stop_at(struct sim_files *files, uint64_t calls);
bool sim_files_has_stopped(const struct sim_files *files);
/* Nothing works any more: power is gone, and whoever had files open closes them. */
void sim_files_stop(struct sim_files *files);
/* Power is back: what the disk kept is all there is. Nothing is open. */
void sim_files_crash(struct sim_files *files);
/* A folder of the root and all that is in it, for good. */
void sim_files_wipe(struct sim_files *files, const char *folder);
/* Age turns a bit over, durably. */
void sim_files_flip(struct sim_files *files, uint32_t file, uint64_t offset, unsigned bit);

struct sim_files_figures {
    uint64_t writes, syncs, bytes, torn, lost, cuts; /* torn, lost: pages; cuts: in mid-call */
};
const struct sim_files_figures *sim_files_figures(const struct sim_files *files);

/* ---- For calls.c, and for whoever looks --------------------------------------------------------
 * All but the looking answer 0, or what errno is to be. */
uint32_t sim_files_find(const struct sim_files *files, uint32_t folder, const char *name);
/* The i-th name of a folder; NULL: there are no more. */
const char *sim_files_name(const struct sim_files *files, uint32_t *file, uint32_t folder,
                           uint32_t i);
bool sim_files_is_folder(const struct sim_files *files, uint32_t file);
uint64_t sim_files_size(const struct sim_files *files, uint32_t file);
uint64_t sim_files_reserved(const struct sim_files *files, uint32_t file);
/* Of the file; they stay where they are while it is there. */
uint8_t *sim_files_bytes(const struct sim_files *files, uint32_t file);
void sim_files_hold(struct sim_files *files, uint32_t file); /* it is open once more, or less */
void sim_files_drop(struct sim_files *files, uint32_t file);

int sim_files_create(struct sim_files *files, uint32_t *file, uint32_t folder, const char *name,
                     bool is_folder);
/* *done: how much was written, where it is not all. */
int sim_files_write(struct sim_files *files, uint64_t *done, uint32_t file, const uint8_t *bytes,
                    uint64_t size, uint64_t offset, bool is_synced);
int sim_files_resize(struct sim_files *files, uint32_t file, uint64_t size);
int sim_files_reserve(struct sim_files *files, uint32_t file, uint64_t size);
int sim_files_sync(struct sim_files *files, uint32_t file);
int sim_files_move(struct sim_files *files, uint32_t folder, const char *from, const char *to);
int sim_files_remove(struct sim_files *files, uint32_t folder, const char *name);

#endif
