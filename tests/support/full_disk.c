/* full_disk: a library to preload. While the file named by FULL_DISK is there, no file is given
 * room: fallocate says ENOSPC, as a file system that is full does to whoever makes a new segment.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int fallocate(int fd, int mode, off_t offset, off_t size)
{
    const char *path = getenv("FULL_DISK");
    if (path != NULL && access(path, F_OK) == 0) {
        errno = ENOSPC;
        return -1;
    }
    return (int)syscall(SYS_fallocate, fd, mode, offset, size);
}
