/* disk: the system calls of the log, whole or failed, with what to say about it.
 *
 * Short reads and writes go on, interrupted calls are repeated. A failure answers an enum
 * log_result and leaves a sentence in the caller's problem. Names are relative to the log's
 * directory. */
#ifndef NODE_LOG_DISK_H
#define NODE_LOG_DISK_H

#include "log/log.h"

struct log_disk {
    const char *directory; /* for sentences */
    int directory_fd;
    char *problem; /* LOG_PROBLEM_SIZE bytes */
};

__attribute__((format(printf, 2, 3))) void log_disk_say(const struct log_disk *disk,
                                                        const char *format, ...);

/* log_disk_fail turns the present errno into a result: LOG_FULL when there is no room, else
 * `otherwise`; says "cannot WHAT DIRECTORY/NAME: why". */
enum log_result log_disk_fail(const struct log_disk *disk, enum log_result otherwise,
                              const char *what, const char *name);

/* A descriptor, or -1 with errno as it came. */
int log_disk_open(const struct log_disk *disk, const char *name, int flags);

/* Whether nobody else has this file open, in this process or another, and it has one name. False
 * also where the system cannot tell. */
bool log_disk_is_alone(int fd);
/* From now on writes of whole pages go past the page cache, where the file system can: half of what
 * a group costs the processor, and a shorter sync. Nothing about durability changes. */
void log_disk_direct(int fd);
/* All of size bytes. LOG_FULL or LOG_BROKEN. On a direct descriptor bytes, size and offset are
 * multiples of a page. */
enum log_result log_disk_write(const struct log_disk *disk, int fd, const char *name,
                               const void *bytes, uint64_t size, uint64_t offset);
/* All of size bytes. LOG_FAILED; LOG_DAMAGED when the file ends before. */
enum log_result log_disk_read(const struct log_disk *disk, int fd, const char *name, void *bytes,
                              uint64_t size, uint64_t offset);
/* The data of a file, and its size. LOG_BROKEN. */
enum log_result log_disk_sync(const struct log_disk *disk, int fd, const char *name);
/* The names in the directory. LOG_BROKEN. */
enum log_result log_disk_sync_names(const struct log_disk *disk);

#endif
