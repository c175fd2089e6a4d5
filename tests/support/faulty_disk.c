/* The wrapped calls: each is counted, may be made to fail, and else is done on the real file
 * through faulty_files, which remembers it. What is not below the disk's directory passes
 * untouched.
 *
 * Writes never reach the system under their own name: a write that goes to a file of the disk is
 * always whole, short only when a fault says so. */
#define _GNU_SOURCE /* fallocate, pwritev */
#include "faulty_disk.h"
#include "faulty_files.h"

#include "tenor/base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define DESCRIPTORS_MAX 1024

int __real_open(const char *path, int flags, ...);
int __real_openat(int directory, const char *path, int flags, ...);
int __real_close(int fd);
int __real_closedir(DIR *list);
ssize_t __real_read(int fd, void *bytes, size_t size);
ssize_t __real_pread(int fd, void *bytes, size_t size, off_t offset);
ssize_t __real_write(int fd, const void *bytes, size_t size);
ssize_t __real_pwrite(int fd, const void *bytes, size_t size, off_t offset);
ssize_t __real_writev(int fd, const struct iovec *pieces, int count);
ssize_t __real_pwritev(int fd, const struct iovec *pieces, int count, off_t offset);
int __real_fsync(int fd);
int __real_fdatasync(int fd);
int __real_msync(void *start, size_t size, int flags);
int __real_ftruncate(int fd, off_t size);
int __real_fallocate(int fd, int mode, off_t offset, off_t size);
int __real_posix_fallocate(int fd, off_t offset, off_t size);
int __real_posix_fadvise(int fd, off_t offset, off_t size, int advice);
int __real_rename(const char *from, const char *to);
int __real_renameat(int from_directory, const char *from, int to_directory, const char *to);
int __real_unlink(const char *path);
int __real_unlinkat(int directory, const char *path, int flags);

int __wrap_open(const char *path, int flags, ...);
int __wrap_openat(int directory, const char *path, int flags, ...);
int __wrap_close(int fd);
int __wrap_closedir(DIR *list);
ssize_t __wrap_read(int fd, void *bytes, size_t size);
ssize_t __wrap_pread(int fd, void *bytes, size_t size, off_t offset);
ssize_t __wrap_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t size, off_t offset);
ssize_t __wrap_writev(int fd, const struct iovec *pieces, int count);
ssize_t __wrap_pwritev(int fd, const struct iovec *pieces, int count, off_t offset);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_msync(void *start, size_t size, int flags);
int __wrap_ftruncate(int fd, off_t size);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t size);
int __wrap_posix_fallocate(int fd, off_t offset, off_t size);
int __wrap_posix_fadvise(int fd, off_t offset, off_t size, int advice);
int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_rename(const char *from, const char *to);
int __wrap_renameat(int from_directory, const char *from, int to_directory, const char *to);
int __wrap_unlink(const char *path);
int __wrap_unlinkat(int directory, const char *path, int flags);

/* What a call is to the faults. */
enum call {
    CALL_OPEN,
    CALL_CREATE,
    CALL_READ,
    CALL_WRITE,
    CALL_SYNC,
    CALL_GROW,
    CALL_SHRINK,
    CALL_NAME,
    CALL_CLOSE
};

struct descriptor {
    bool used;
    bool is_directory;
    int flags;
    struct faulty_file *file;
    char path[FAULTY_PATH_SIZE];
};

static struct {
    bool running;
    char root[64];
    char directory[80];
    uint64_t random;
    enum faulty_disk_fault fault;
    uint64_t fault_call;
    uint64_t calls;
    bool fired;
    bool dead;
    uint64_t bytes_max;
    char place[FAULTY_PATH_SIZE];
} disk;
static struct descriptor descriptors[DESCRIPTORS_MAX];

static bool coin(void)
{
    return tn_random_below(&disk.random, 2) == 0;
}

/* Removes a directory and what is in it. */
static void remove_all(const char *directory)
{
    DIR *list = opendir(directory);
    TN_ASSERT(list != NULL);
    const struct dirent *entry;
    while ((entry = readdir(list)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        char path[FAULTY_PATH_SIZE];
        snprintf(path, sizeof path, "%.250s/%.250s", directory, entry->d_name);
        if (__real_unlink(path) < 0) remove_all(path);
    }
    __real_closedir(list);
    rmdir(directory);
}

/* A failed test leaves no files in memory. It is abort that calls, so anything may be done here. */
static void remove_at_abort(int number)
{
    (void)number;
    if (disk.running) remove_all(disk.root);
}

const char *faulty_disk_open(uint64_t seed)
{
    TN_ASSERT(!disk.running);
    signal(SIGABRT, remove_at_abort);
    memset(&disk, 0, sizeof disk);
    disk.random = seed;
    disk.bytes_max = UINT64_MAX;
    const char *place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(disk.root, sizeof disk.root, "%s/tenor-disk-XXXXXX", place);
    TN_ASSERT(mkdtemp(disk.root) != NULL);
    char gone[80];
    snprintf(gone, sizeof gone, "%s/gone", disk.root);
    snprintf(disk.directory, sizeof disk.directory, "%s/disk", disk.root);
    TN_ASSERT(mkdir(gone, 0700) == 0 && mkdir(disk.directory, 0700) == 0);
    faulty_files_begin(disk.root, &disk.random);
    disk.running = true;
    return disk.directory;
}

static void assert_all_closed(void)
{
    for (int i = 0; i < DESCRIPTORS_MAX; i++) {
        if (!descriptors[i].used) continue;
        fprintf(stderr, "faulty_disk: %s is still open\n", descriptors[i].path);
        TN_ASSERT(false);
    }
}

void faulty_disk_close(void)
{
    TN_ASSERT(disk.running);
    assert_all_closed();
    faulty_files_end();
    remove_all(disk.root);
    disk.running = false;
}

void faulty_disk_fail(enum faulty_disk_fault fault, uint64_t n)
{
    TN_ASSERT(n > 0 || fault == FAULTY_NONE);
    disk.fault = fault;
    disk.fault_call = n;
    disk.random += n * UINT64_C(0xD1342543DE82EF95); /* else each n would draw the same numbers */
    disk.calls = 0;
    disk.fired = false;
}

uint64_t faulty_disk_calls(void)
{
    return disk.calls;
}

bool faulty_disk_fired(void)
{
    return disk.fired;
}

const char *faulty_disk_place(void)
{
    return disk.place;
}

void faulty_disk_limit(uint64_t bytes_max)
{
    disk.bytes_max = bytes_max;
}

uint64_t faulty_disk_used(void)
{
    return faulty_files_used();
}

uint64_t faulty_disk_unsynced(void)
{
    return faulty_files_unsynced();
}

void faulty_disk_crash(enum faulty_disk_loss loss)
{
    TN_ASSERT(disk.running);
    assert_all_closed();
    disk.dead = false;
    faulty_disk_fail(FAULTY_NONE, 0);
    if (loss != FAULTY_KEEP) faulty_files_crash(loss);
}

void faulty_disk_flip_bit(const char *path, uint64_t offset, unsigned bit)
{
    int fd = __real_open(path, O_RDWR | O_CLOEXEC);
    uint8_t byte;
    TN_ASSERT(fd >= 0 && __real_pread(fd, &byte, 1, (off_t)offset) == 1);
    byte = (uint8_t)(byte ^ 1u << bit % 8);
    TN_ASSERT(__real_pwrite(fd, &byte, 1, (off_t)offset) == 1);
    __real_close(fd);
}

/* Which faults fit which calls. */
static bool fits(enum faulty_disk_fault fault, enum call call, size_t size)
{
    bool moves_bytes = call == CALL_READ || call == CALL_WRITE;
    switch (fault) {
        case FAULTY_NONE: return false;
        case FAULTY_EIO: return true;
        case FAULTY_ENOSPC:
            return call == CALL_WRITE || call == CALL_GROW || call == CALL_CREATE ||
                   call == CALL_NAME;
        case FAULTY_EINTR:
            return moves_bytes || call == CALL_OPEN || call == CALL_CREATE || call == CALL_SYNC ||
                   call == CALL_GROW;
        case FAULTY_SHORT_READ: return call == CALL_READ && size > 1;
        case FAULTY_SHORT_WRITE: return call == CALL_WRITE && size > 1;
        case FAULTY_MISDIRECT:
        case FAULTY_FLIP: return call == CALL_WRITE;
        case FAULTY_DROP: return call == CALL_WRITE || call == CALL_SYNC;
        case FAULTY_CRASH: return call != CALL_CLOSE && call != CALL_READ && call != CALL_OPEN;
    }
    return false;
}

/* Counts a call. *fault is what happens to it; false: it fails at once, errno says with what. */
static bool admit(enum faulty_disk_fault *fault, enum call call, const char *what, const char *path,
                  size_t size)
{
    *fault = FAULTY_NONE;
    if (disk.dead) {
        errno = EIO;
        return call == CALL_CLOSE;
    }
    if (disk.fault == FAULTY_NONE) disk.calls++;
    if (!fits(disk.fault, call, size) || ++disk.calls != disk.fault_call) return true;
    disk.fired = true;
    *fault = disk.fault;
    snprintf(disk.place, sizeof disk.place, "%s %.480s", what, path);
    if (disk.fault == FAULTY_CRASH) {
        disk.dead = true;
        errno = EIO;
        return coin(); /* whether it was done before the power went */
    }
    if (call == CALL_CLOSE) return true; /* closes, and says so or not */
    if (disk.fault == FAULTY_EIO) errno = EIO;
    if (disk.fault == FAULTY_ENOSPC) errno = ENOSPC;
    if (disk.fault == FAULTY_EINTR) errno = EINTR;
    return disk.fault != FAULTY_EIO && disk.fault != FAULTY_ENOSPC && disk.fault != FAULTY_EINTR;
}

/* The answer to a call that was done: a crash happens after the fact, nobody hears of it. */
static bool answers(enum faulty_disk_fault fault)
{
    if (fault == FAULTY_CRASH) errno = EIO;
    return fault != FAULTY_CRASH;
}

static bool has_room(struct faulty_file *file, uint64_t end)
{
    uint64_t size = faulty_files_size(file);
    if (end <= size || faulty_files_used() + (end - size) <= disk.bytes_max) return true;
    errno = ENOSPC;
    return false;
}

static struct descriptor *at(int fd)
{
    if (fd < 0 || fd >= DESCRIPTORS_MAX || !descriptors[fd].used) return NULL;
    return &descriptors[fd];
}

/* The whole path of a name; false when it is not of the disk. */
static bool resolve(char *path, int directory, const char *name)
{
    if (!disk.running) return false;
    struct descriptor *base = at(directory);
    if (name[0] == '/')
        snprintf(path, FAULTY_PATH_SIZE, "%s", name);
    else if (base == NULL)
        return false;
    else if (strcmp(name, ".") == 0)
        snprintf(path, FAULTY_PATH_SIZE, "%s", base->path);
    else
        snprintf(path, FAULTY_PATH_SIZE, "%.400s/%.100s", base->path, name);
    size_t length = strlen(disk.directory);
    return strncmp(path, disk.directory, length) == 0 &&
           (path[length] == '/' || path[length] == '\0');
}

static int open_tracked(const char *path, int flags, mode_t mode)
{
    struct stat status;
    bool exists = stat(path, &status) == 0;
    bool creates = !exists && (flags & O_CREAT) != 0;
    enum faulty_disk_fault fault;
    if (!admit(&fault, creates ? CALL_CREATE : CALL_OPEN, "open", path, 0)) return -1;
    int fd = __real_open(path, flags & ~O_TRUNC, mode);
    if (fd < 0) return -1;
    TN_ASSERT(fd < DESCRIPTORS_MAX && !descriptors[fd].used);
    struct descriptor *descriptor = &descriptors[fd];
    TN_ASSERT(fstat(fd, &status) == 0);
    *descriptor = (struct descriptor){true, S_ISDIR(status.st_mode), flags, NULL, {0}};
    snprintf(descriptor->path, sizeof descriptor->path, "%s", path);
    if (!descriptor->is_directory) {
        descriptor->file = creates ? faulty_files_created(path) : faulty_files_at(path);
        TN_ASSERT(descriptor->file != NULL); /* else it was made past the disk */
        if ((flags & O_TRUNC) != 0) faulty_files_resize(descriptor->file, 0);
    }
    if (answers(fault)) return fd;
    descriptor->used = false;
    __real_close(fd);
    errno = EIO;
    return -1;
}

int __wrap_openat(int directory, const char *name, int flags, ...)
{
    mode_t mode = 0;
    if ((flags & O_CREAT) != 0) {
        va_list arguments;
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
    }
    char path[FAULTY_PATH_SIZE];
    if (!resolve(path, directory, name)) return __real_openat(directory, name, flags, mode);
    return open_tracked(path, flags, mode);
}

int __wrap_open(const char *name, int flags, ...)
{
    mode_t mode = 0;
    if ((flags & O_CREAT) != 0) {
        va_list arguments;
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
    }
    char path[FAULTY_PATH_SIZE];
    if (!resolve(path, AT_FDCWD, name)) return __real_open(name, flags, mode);
    return open_tracked(path, flags, mode);
}

int __wrap_close(int fd)
{
    struct descriptor *descriptor = at(fd);
    if (descriptor == NULL) return __real_close(fd);
    enum faulty_disk_fault fault;
    admit(&fault, CALL_CLOSE, "close", descriptor->path, 0);
    descriptor->used = false;
    __real_close(fd);
    if (fault != FAULTY_EIO) return 0;
    errno = EIO;
    return -1;
}

int __wrap_closedir(DIR *list)
{
    struct descriptor *descriptor = at(dirfd(list));
    if (descriptor != NULL) descriptor->used = false;
    return __real_closedir(list);
}

static ssize_t read_tracked(struct descriptor *descriptor, int fd, void *bytes, size_t size,
                            off_t offset)
{
    enum faulty_disk_fault fault;
    if (!admit(&fault, CALL_READ, "read", descriptor->path, size)) return -1;
    if (fault == FAULTY_SHORT_READ) size = 1 + tn_random_below(&disk.random, size - 1);
    ssize_t done = __real_pread(fd, bytes, size, offset);
    return answers(fault) ? done : -1;
}

ssize_t __wrap_pread(int fd, void *bytes, size_t size, off_t offset)
{
    struct descriptor *descriptor = at(fd);
    if (descriptor == NULL) return __real_pread(fd, bytes, size, offset);
    return read_tracked(descriptor, fd, bytes, size, offset);
}

ssize_t __wrap_read(int fd, void *bytes, size_t size)
{
    struct descriptor *descriptor = at(fd);
    if (descriptor == NULL) return __real_read(fd, bytes, size);
    ssize_t done = read_tracked(descriptor, fd, bytes, size, lseek(fd, 0, SEEK_CUR));
    if (done > 0) lseek(fd, (off_t)done, SEEK_CUR);
    return done;
}

/* Does a write as its fault wants it; *size is what it answers. */
static bool write_faulty(struct descriptor *descriptor, enum faulty_disk_fault fault,
                         const void *bytes, size_t *size, uint64_t offset)
{
    struct faulty_file *file = descriptor->file;
    if (fault == FAULTY_DROP) return true;
    if (fault == FAULTY_SHORT_WRITE) *size = 1 + tn_random_below(&disk.random, *size - 1);
    if (fault == FAULTY_MISDIRECT) offset = tn_random_below(&disk.random, offset / 512 + 1) * 512;
    if (!has_room(file, offset + *size)) return false;
    if (fault == FAULTY_FLIP) {
        uint8_t *flipped = malloc(*size);
        TN_ASSERT(flipped != NULL);
        memcpy(flipped, bytes, *size);
        uint64_t bit = tn_random_below(&disk.random, (uint64_t)*size * 8);
        flipped[bit / 8] = (uint8_t)(flipped[bit / 8] ^ 1u << bit % 8);
        faulty_files_write(file, flipped, *size, offset);
        free(flipped);
    } else {
        faulty_files_write(file, bytes, *size, offset);
    }
    if ((descriptor->flags & (O_DSYNC | O_SYNC)) != 0 && fault != FAULTY_CRASH) {
        faulty_files_sync_last(file);
    }
    return true;
}

static ssize_t write_tracked(struct descriptor *descriptor, const void *bytes, size_t size,
                             off_t offset)
{
    if (descriptor->file == NULL || (descriptor->flags & O_ACCMODE) == O_RDONLY) {
        errno = EBADF;
        return -1;
    }
    if (size == 0) return 0;
    enum faulty_disk_fault fault;
    if (!admit(&fault, CALL_WRITE, "write", descriptor->path, size)) {
        if (fault == FAULTY_EIO && coin() && has_room(descriptor->file, (uint64_t)offset + size)) {
            size_t part = 1 + tn_random_below(&disk.random, size); /* some of it may be there */
            faulty_files_write(descriptor->file, bytes, part, (uint64_t)offset);
            errno = EIO;
        }
        return -1;
    }
    if (!write_faulty(descriptor, fault, bytes, &size, (uint64_t)offset)) return -1;
    return answers(fault) ? (ssize_t)size : -1;
}

ssize_t __wrap_pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    struct descriptor *descriptor = at(fd);
    if (descriptor == NULL) return __real_pwrite(fd, bytes, size, offset);
    return write_tracked(descriptor, bytes, size, offset);
}

static ssize_t write_on(struct descriptor *descriptor, int fd, const void *bytes, size_t size)
{
    ssize_t done = write_tracked(descriptor, bytes, size, lseek(fd, 0, SEEK_CUR));
    if (done > 0) lseek(fd, (off_t)done, SEEK_CUR);
    return done;
}

ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
    struct descriptor *descriptor = at(fd);
    if (descriptor == NULL) return __real_write(fd, bytes, size);
    return write_on(descriptor, fd, bytes, size);
}

/* One run of bytes out of many; the caller frees it. */
static uint8_t *join(size_t *size, const struct iovec *pieces, int count)
{
    *size = 0;
    for (int i = 0; i < count; i++)
        *size += pieces[i].iov_len;
    uint8_t *bytes = malloc(*size + 1);
    TN_ASSERT(bytes != NULL);
    size_t filled = 0;
    for (int i = 0; i < count; i++) {
        memcpy(bytes + filled, pieces[i].iov_base, pieces[i].iov_len);
        filled += pieces[i].iov_len;
    }
    return bytes;
}

ssize_t __wrap_writev(int fd, const struct iovec *pieces, int count)
{
    struct descriptor *descriptor = at(fd);
    if (descriptor == NULL) return __real_writev(fd, pieces, count);
    size_t size;
    uint8_t *bytes = join(&size, pieces, count);
    ssize_t done = write_on(descriptor, fd, bytes, size);
    free(bytes);
    return done;
}

ssize_t __wrap_pwritev(int fd, const struct iovec *pieces, int count, off_t offset)
{
    struct descriptor *descriptor = at(fd);
    if (descriptor == NULL) return __real_pwritev(fd, pieces, count, offset);
    size_t size;
    uint8_t *bytes = join(&size, pieces, count);
    ssize_t done = write_tracked(descriptor, bytes, size, offset);
    free(bytes);
    return done;
}

static int sync_tracked(struct descriptor *descriptor)
{
    enum faulty_disk_fault fault;
    if (!admit(&fault, CALL_SYNC, "sync", descriptor->path, 0)) {
        if (fault == FAULTY_EIO && descriptor->file != NULL) {
            faulty_files_sync_failed(descriptor->file);
            errno = EIO;
        }
        return -1;
    }
    if (fault == FAULTY_DROP) return 0;
    if (descriptor->is_directory)
        faulty_files_sync_names(descriptor->path);
    else
        faulty_files_sync(descriptor->file);
    return answers(fault) ? 0 : -1;
}

int __wrap_fsync(int fd)
{
    struct descriptor *descriptor = at(fd);
    return descriptor == NULL ? __real_fsync(fd) : sync_tracked(descriptor);
}

int __wrap_fdatasync(int fd)
{
    struct descriptor *descriptor = at(fd);
    return descriptor == NULL ? __real_fdatasync(fd) : sync_tracked(descriptor);
}

int __wrap_msync(void *start, size_t size, int flags)
{
    if (disk.running && disk.dead) {
        errno = EIO;
        return -1;
    }
    return __real_msync(start, size, flags);
}

int __wrap_ftruncate(int fd, off_t size)
{
    struct descriptor *descriptor = at(fd);
    if (descriptor == NULL) return __real_ftruncate(fd, size);
    bool grows = (uint64_t)size > faulty_files_size(descriptor->file);
    enum faulty_disk_fault fault;
    if (!admit(&fault, grows ? CALL_GROW : CALL_SHRINK, "resize", descriptor->path, 0)) return -1;
    if (!has_room(descriptor->file, (uint64_t)size)) return -1;
    faulty_files_resize(descriptor->file, (uint64_t)size);
    return answers(fault) ? 0 : -1;
}

int __wrap_fallocate(int fd, int mode, off_t offset, off_t size)
{
    struct descriptor *descriptor = at(fd);
    if (descriptor == NULL) return __real_fallocate(fd, mode, offset, size);
    TN_ASSERT(mode == 0 || mode == FALLOC_FL_KEEP_SIZE); /* the others are not simulated */
    enum faulty_disk_fault fault;
    if (!admit(&fault, CALL_GROW, "allocate", descriptor->path, 0)) return -1;
    uint64_t end = (uint64_t)offset + (uint64_t)size;
    if (!has_room(descriptor->file, end)) return -1;
    bool grows = mode == 0 && end > faulty_files_size(descriptor->file);
    if (grows) faulty_files_resize(descriptor->file, end);
    return answers(fault) ? 0 : -1;
}

int __wrap_posix_fallocate(int fd, off_t offset, off_t size)
{
    if (at(fd) == NULL) return __real_posix_fallocate(fd, offset, size);
    return __wrap_fallocate(fd, 0, offset, size) == 0 ? 0 : errno;
}

int __wrap_posix_fadvise(int fd, off_t offset, off_t size, int advice)
{
    struct descriptor *descriptor = at(fd);
    if (descriptor == NULL) return __real_posix_fadvise(fd, offset, size, advice);
    if (!disk.dead && advice == POSIX_FADV_DONTNEED) faulty_files_drop_cache(descriptor->file);
    return 0;
}

/* A lease is the disk's to grant: it has every file open itself. */
static int set_lease(const struct descriptor *descriptor, int lease)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < DESCRIPTORS_MAX; i++)
        count += descriptors[i].used && descriptors[i].file == descriptor->file;
    if (lease == F_UNLCK || count == 1) return 0;
    errno = EAGAIN;
    return -1;
}

int __wrap_fcntl(int fd, int command, ...)
{
    va_list arguments;
    const struct descriptor *descriptor = at(fd);
    int answer;
    va_start(arguments, command);
    if (descriptor != NULL && command == F_SETLEASE)
        answer = set_lease(descriptor, va_arg(arguments, int));
    else
        answer = __real_fcntl(fd, command, va_arg(arguments, void *)); /* or an int: as it came */
    va_end(arguments);
    return answer;
}

int __wrap_renameat(int from_directory, const char *from, int to_directory, const char *to)
{
    char from_path[FAULTY_PATH_SIZE];
    char to_path[FAULTY_PATH_SIZE];
    if (!resolve(from_path, from_directory, from) || !resolve(to_path, to_directory, to)) {
        return __real_renameat(from_directory, from, to_directory, to);
    }
    enum faulty_disk_fault fault;
    if (!admit(&fault, CALL_NAME, "rename", to_path, 0)) return -1;
    if (!faulty_files_rename(from_path, to_path)) return -1;
    for (int i = 0; i < DESCRIPTORS_MAX; i++) {
        struct descriptor *descriptor = &descriptors[i]; /* what messages call it from now on */
        if (descriptor->used && strcmp(descriptor->path, from_path) == 0) {
            memcpy(descriptor->path, to_path, sizeof descriptor->path);
        }
    }
    return answers(fault) ? 0 : -1;
}

int __wrap_rename(const char *from, const char *to)
{
    return __wrap_renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int __wrap_unlinkat(int directory, const char *name, int flags)
{
    char path[FAULTY_PATH_SIZE];
    if (!resolve(path, directory, name)) return __real_unlinkat(directory, name, flags);
    enum faulty_disk_fault fault;
    if (!admit(&fault, CALL_NAME, "delete", path, 0)) return -1;
    if (!faulty_files_unlink(path)) return -1;
    return answers(fault) ? 0 : -1;
}

int __wrap_unlink(const char *path)
{
    return __wrap_unlinkat(AT_FDCWD, path, 0);
}
