/* Reads, writes and syncs of the log.
 *
 * The one rule worth knowing: a failed sync is final. The kernel may have dropped the unwritten
 * pages and marked them clean, so a second sync would succeed and mean nothing. */
#define _GNU_SOURCE /* O_DIRECT, F_SETLEASE */
#include "log/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void log_disk_say(const struct log_disk *disk, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(disk->problem, LOG_PROBLEM_SIZE, format, arguments);
    va_end(arguments);
}

enum log_result log_disk_fail(const struct log_disk *disk, enum log_result otherwise,
                              const char *what, const char *name)
{
    int error = errno;
    bool full = error == ENOSPC || error == EDQUOT;
    log_disk_say(disk, "cannot %s %s/%s: %s%s", what, disk->directory, name, strerror(error),
                 full ? "; make room on this disk, the log then goes on" : "");
    return full ? LOG_FULL : otherwise;
}

int log_disk_open(const struct log_disk *disk, const char *name, int flags)
{
    int fd;
    do {
        fd = openat(disk->directory_fd, name, flags | O_CLOEXEC, 0640);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

/* A lease for writing is granted to nobody while the file is open elsewhere. Whoever opens it while
 * we have one lets us know by a signal, which must be one that does nothing. */
bool log_disk_is_alone(int fd)
{
    struct stat status;
    if (fstat(fd, &status) < 0 || status.st_nlink != 1) return false;
    if (fcntl(fd, F_SETSIG, SIGURG) < 0 || fcntl(fd, F_SETLEASE, F_WRLCK) < 0) return false;
    return fcntl(fd, F_SETLEASE, F_UNLCK) == 0;
}

void log_disk_direct(int fd)
{
    const int flags = fcntl(fd, F_GETFL);
    if (flags >= 0) (void)fcntl(fd, F_SETFL, flags | O_DIRECT); /* if not: as before */
}

/* A disk with larger blocks than our pages says EINVAL: through the page cache then. */
static bool give_up_direct(int fd)
{
    const int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_DIRECT) == 0) return false;
    return fcntl(fd, F_SETFL, flags & ~O_DIRECT) == 0;
}

enum log_result log_disk_write(const struct log_disk *disk, int fd, const char *name,
                               const void *bytes, uint64_t size, uint64_t offset)
{
    TN_ASSERT(fd >= 0);
    const uint8_t *from = bytes;
    while (size > 0) {
        ssize_t done = pwrite(fd, from, size, (off_t)offset);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0 && errno == EINVAL && give_up_direct(fd)) continue;
        if (done == 0) errno = EIO; /* a file takes at least a byte or says why not */
        if (done <= 0) return log_disk_fail(disk, LOG_BROKEN, "write to", name);
        from += done;
        size -= (uint64_t)done;
        offset += (uint64_t)done;
    }
    return LOG_OK;
}

enum log_result log_disk_read(const struct log_disk *disk, int fd, const char *name, void *bytes,
                              uint64_t size, uint64_t offset)
{
    TN_ASSERT(fd >= 0);
    uint8_t *to = bytes;
    while (size > 0) {
        ssize_t done = pread(fd, to, size, (off_t)offset);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) {
            log_disk_fail(disk, LOG_FAILED, "read", name);
            return LOG_FAILED;
        }
        if (done == 0) {
            log_disk_say(disk, "%s/%s is damaged: it ends at byte %" PRIu64, disk->directory, name,
                         offset);
            return LOG_DAMAGED;
        }
        to += done;
        size -= (uint64_t)done;
        offset += (uint64_t)done;
    }
    return LOG_OK;
}

/* Repeats what was interrupted: an interrupted sync waited too short, it lost nothing. */
static bool sync_whole(int fd, int (*sync)(int))
{
    int status;
    do {
        status = sync(fd);
    } while (status < 0 && errno == EINTR);
    return status == 0;
}

enum log_result log_disk_sync(const struct log_disk *disk, int fd, const char *name)
{
    TN_ASSERT(fd >= 0);
    if (sync_whole(fd, fdatasync)) return LOG_OK;
    log_disk_fail(disk, LOG_BROKEN, "sync", name);
    return LOG_BROKEN; /* also for lack of room: what was written may be gone */
}

enum log_result log_disk_sync_names(const struct log_disk *disk)
{
    if (sync_whole(disk->directory_fd, fsync)) return LOG_OK;
    log_disk_fail(disk, LOG_BROKEN, "sync the names in", "");
    return LOG_BROKEN;
}
