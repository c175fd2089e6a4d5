/* calls: the system calls that node/log, node/store and LMDB make, over files in memory.
 *
 * Only what they call is here, and only as far as they use it; anything else is an assertion.
 * Locks are always granted: no second process is simulated. A descriptor is a number far above
 * those of the system, whose own calls see none of these files. */
#define _GNU_SOURCE
#include "sim/calls.h"

#include "sim/sim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { FIRST_FD = 1 << 20, OPEN_MAX_COUNT = 1024, MAPS_MAX = 128, DIRS_MAX = 4, LISTED_MAX = 128 };

struct description {
    struct sim_files *files; /* NULL: free */
    uint32_t machine, file;
    int flags;
    uint64_t offset;
};

struct map {
    struct sim_files *files; /* NULL: free */
    uint32_t machine, file;
    void *at;
};

struct listing { /* of the names that there were when it was opened */
    bool is_open;
    int fd;
    uint32_t next, count;
    char names[LISTED_MAX][SIM_FILE_NAME_SIZE];
    struct dirent entry;
};

static struct sim_files *machines[SIM_NODES_MAX];
static struct description descriptions[OPEN_MAX_COUNT];
static struct map maps[MAPS_MAX];
static struct listing listings[DIRS_MAX];
static uint64_t random_state;

/* The calls of the system itself, past the wrapping. */
void *__real_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
int __real_munmap(void *at, size_t size);

void sim_calls_attach(uint32_t machine, struct sim_files *files)
{
    TN_ASSERT(machine < SIM_NODES_MAX);
    for (uint32_t i = 0; i < OPEN_MAX_COUNT; i++) {
        if (descriptions[i].files != NULL && descriptions[i].machine == machine)
            descriptions[i].files = NULL;
    }
    for (uint32_t i = 0; i < MAPS_MAX; i++) {
        if (maps[i].files != NULL && maps[i].machine == machine) maps[i].files = NULL;
    }
    machines[machine] = files;
}

void sim_calls_seed(uint64_t seed)
{
    random_state = seed;
    memset(listings, 0, sizeof listings);
}

void sim_calls_home(char *path, size_t size, uint32_t machine)
{
    snprintf(path, size, "/%u", machine);
}

uint32_t sim_calls_open(uint32_t machine)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < OPEN_MAX_COUNT; i++)
        count += descriptions[i].files != NULL && descriptions[i].machine == machine;
    for (uint32_t i = 0; i < MAPS_MAX; i++)
        count += maps[i].files != NULL && maps[i].machine == machine;
    return count;
}

/* ---- Paths -------------------------------------------------------------------------------------
 */

struct place { /* a name in a folder; name "": the folder itself */
    struct sim_files *files;
    uint32_t machine, folder;
    char name[SIM_FILE_NAME_SIZE];
};

static int fail(int error)
{
    if (error == 0) return 0;
    errno = error;
    return -1;
}

static struct description *describe(int fd)
{
    TN_ASSERT(fd >= FIRST_FD && fd < FIRST_FD + OPEN_MAX_COUNT);
    struct description *found = &descriptions[fd - FIRST_FD];
    TN_ASSERT(found->files != NULL);
    return found;
}

/* Goes down one name; ".." leads back to the root: no folder of a home has folders in it. */
static bool step_down(struct place *place, const char *text, size_t size)
{
    if (place->name[0] != '\0') {
        uint32_t below = sim_files_find(place->files, place->folder, place->name);
        if (below == SIM_FILE_NONE) return false;
        place->folder = below;
        place->name[0] = '\0';
    }
    if (size == 1 && text[0] == '.') return true;
    if (size == 2 && memcmp(text, "..", 2) == 0) {
        place->folder = SIM_FILE_ROOT;
        return true;
    }
    TN_ASSERT(size < SIM_FILE_NAME_SIZE);
    memcpy(place->name, text, size);
    place->name[size] = '\0';
    return true;
}

/* False: a folder on the way is not there. */
static bool find_place(struct place *place, int fd, const char *path)
{
    if (path[0] != '/') {
        const struct description *folder = describe(fd);
        *place = (struct place){folder->files, folder->machine, folder->file, ""};
    } else {
        uint32_t machine = 0;
        for (path++; *path >= '0' && *path <= '9'; path++)
            machine = 10 * machine + (uint32_t)(*path - '0');
        TN_ASSERT(machine < SIM_NODES_MAX && machines[machine] != NULL);
        *place = (struct place){machines[machine], machine, SIM_FILE_ROOT, ""};
    }
    while (*path != '\0') {
        size_t size = strcspn(path, "/");
        if (size > 0 && !step_down(place, path, size)) return false;
        path += size + (path[size] == '/');
    }
    return true;
}

static uint32_t find_file(const struct place *place)
{
    return place->name[0] == '\0' ? place->folder
                                  : sim_files_find(place->files, place->folder, place->name);
}

static int open_at(int fd, const char *path, int flags)
{
    struct place place;
    uint32_t file, i = 0;
    if (!find_place(&place, fd, path)) return fail(ENOENT);
    if (sim_files_has_stopped(place.files)) return fail(EIO);
    file = find_file(&place);
    if (file == SIM_FILE_NONE && (flags & O_CREAT) == 0) return fail(ENOENT);
    if (file == SIM_FILE_NONE) {
        int error = sim_files_create(place.files, &file, place.folder, place.name, false);
        if (error != 0) return fail(error);
    } else if ((flags & O_TRUNC) != 0) {
        int error = sim_files_resize(place.files, file, 0);
        if (error != 0) return fail(error);
    }
    while (i < OPEN_MAX_COUNT && descriptions[i].files != NULL)
        i++;
    TN_ASSERT(i < OPEN_MAX_COUNT);
    descriptions[i] = (struct description){
        .files = place.files, .machine = place.machine, .file = file, .flags = flags};
    sim_files_hold(place.files, file);
    return FIRST_FD + (int)i;
}

int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    return open_at(-1, path, flags);
}

int __wrap_openat(int fd, const char *path, int flags, ...);
int __wrap_openat(int fd, const char *path, int flags, ...)
{
    return open_at(fd, path, flags);
}

int __wrap_close(int fd);
int __wrap_close(int fd)
{
    struct description *open = describe(fd);
    struct sim_files *files = open->files;
    open->files = NULL;
    sim_files_drop(files, open->file);
    return 0;
}

int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode)
{
    struct place place;
    uint32_t file;
    (void)mode;
    if (!find_place(&place, -1, path)) return fail(ENOENT);
    if (find_file(&place) != SIM_FILE_NONE) return fail(EEXIST);
    return fail(sim_files_create(place.files, &file, place.folder, place.name, true));
}

static int remove_at(int fd, const char *path)
{
    struct place place;
    if (!find_place(&place, fd, path)) return fail(ENOENT);
    if (sim_files_has_stopped(place.files)) return fail(EIO);
    return fail(sim_files_remove(place.files, place.folder, place.name));
}

int __wrap_unlinkat(int fd, const char *path, int flags);
int __wrap_unlinkat(int fd, const char *path, int flags)
{
    TN_ASSERT(flags == 0);
    return remove_at(fd, path);
}

int __wrap_unlink(const char *path);
int __wrap_unlink(const char *path)
{
    return remove_at(-1, path);
}

int __wrap_rmdir(const char *path);
int __wrap_rmdir(const char *path)
{
    return remove_at(-1, path);
}

static int move_at(int from_fd, const char *from, int to_fd, const char *to)
{
    struct place source, target;
    if (!find_place(&source, from_fd, from) || !find_place(&target, to_fd, to)) return fail(ENOENT);
    TN_ASSERT(source.files == target.files && source.folder == target.folder);
    if (sim_files_has_stopped(source.files)) return fail(EIO);
    return fail(sim_files_move(source.files, source.folder, source.name, target.name));
}

int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    return move_at(from_fd, from, to_fd, to);
}

int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
    return move_at(-1, from, -1, to);
}

/* ---- Bytes -------------------------------------------------------------------------------------
 */

static ssize_t write_at(struct description *open, const void *bytes, size_t size, uint64_t offset)
{
    uint64_t done;
    int error = sim_files_write(open->files, &done, open->file, bytes, size, offset,
                                (open->flags & (O_DSYNC | O_SYNC)) != 0);
    if (error != 0) return fail(error);
    return (ssize_t)done;
}

ssize_t __wrap_pwrite(int fd, const void *bytes, size_t size, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    return write_at(describe(fd), bytes, size, (uint64_t)offset);
}

ssize_t __wrap_writev(int fd, const struct iovec *parts, int count);
ssize_t __wrap_writev(int fd, const struct iovec *parts, int count)
{
    struct description *open = describe(fd);
    ssize_t all = 0;
    for (int i = 0; i < count; i++) {
        ssize_t done = write_at(open, parts[i].iov_base, parts[i].iov_len, open->offset);
        if (done < 0) return -1;
        open->offset += (uint64_t)done;
        all += done;
    }
    return all;
}

ssize_t __wrap_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
    const struct iovec part = {.iov_base = (void *)bytes, .iov_len = size};
    return __wrap_writev(fd, &part, 1);
}

ssize_t __wrap_pread(int fd, void *bytes, size_t size, off_t offset);
ssize_t __wrap_pread(int fd, void *bytes, size_t size, off_t offset)
{
    const struct description *open = describe(fd);
    if (sim_files_has_stopped(open->files)) return fail(EIO);
    uint64_t there = sim_files_size(open->files, open->file), at = (uint64_t)offset;
    if (at >= there) return 0;
    if (size > there - at) size = there - at;
    memcpy(bytes, sim_files_bytes(open->files, open->file) + at, size);
    return (ssize_t)size;
}

off_t __wrap_lseek(int fd, off_t offset, int whence);
off_t __wrap_lseek(int fd, off_t offset, int whence)
{
    struct description *open = describe(fd);
    TN_ASSERT(whence == SEEK_SET || (whence == SEEK_END && offset == 0));
    open->offset = whence == SEEK_SET ? (uint64_t)offset : sim_files_size(open->files, open->file);
    return (off_t)open->offset;
}

int __wrap_ftruncate(int fd, off_t size);
int __wrap_ftruncate(int fd, off_t size)
{
    const struct description *open = describe(fd);
    return fail(sim_files_resize(open->files, open->file, (uint64_t)size));
}

int __wrap_fallocate(int fd, int mode, off_t offset, off_t size);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t size)
{
    const struct description *open = describe(fd);
    TN_ASSERT(offset == 0 && (mode == 0 || mode == FALLOC_FL_KEEP_SIZE));
    int error = sim_files_reserve(open->files, open->file, (uint64_t)size);
    if (error != 0 || mode == FALLOC_FL_KEEP_SIZE) return fail(error);
    if (sim_files_size(open->files, open->file) >= (uint64_t)size) return 0;
    return fail(sim_files_resize(open->files, open->file, (uint64_t)size));
}

int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
    const struct description *open = describe(fd);
    return fail(sim_files_sync(open->files, open->file));
}

int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    return __wrap_fdatasync(fd);
}

int __wrap_sync_file_range(int fd, off64_t offset, off64_t size, unsigned flags);
int __wrap_sync_file_range(int fd, off64_t offset, off64_t size, unsigned flags)
{
    (void)offset;
    (void)size;
    (void)flags;
    (void)describe(fd);
    return 0; /* a hint: what it began is durable only after a sync */
}

int __wrap_posix_fadvise(int fd, off_t offset, off_t size, int advice);
int __wrap_posix_fadvise(int fd, off_t offset, off_t size, int advice)
{
    (void)offset;
    (void)size;
    (void)advice;
    (void)describe(fd);
    return 0;
}

/* ---- Maps --------------------------------------------------------------------------------------
 */

void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    if ((flags & MAP_ANONYMOUS) != 0) return __real_mmap(at, size, protection, flags, fd, offset);
    const struct description *open = describe(fd);
    uint32_t i = 0;
    TN_ASSERT(offset == 0 && (flags & MAP_FIXED) == 0);
    while (i < MAPS_MAX && maps[i].files != NULL)
        i++;
    TN_ASSERT(i < MAPS_MAX);
    maps[i] = (struct map){open->files, open->machine, open->file,
                           sim_files_bytes(open->files, open->file)};
    sim_files_hold(open->files, open->file);
    return maps[i].at;
}

int __wrap_munmap(void *at, size_t size);
int __wrap_munmap(void *at, size_t size)
{
    for (uint32_t i = 0; i < MAPS_MAX; i++) {
        if (maps[i].files == NULL || maps[i].at != at) continue;
        struct sim_files *files = maps[i].files;
        maps[i].files = NULL;
        sim_files_drop(files, maps[i].file);
        return 0;
    }
    return __real_munmap(at, size);
}

int __wrap_msync(void *at, size_t size, int flags);
int __wrap_msync(void *at, size_t size, int flags)
{
    (void)at;
    (void)size;
    (void)flags;
    TN_ASSERT(false); /* nobody writes through maps what must last */
    return -1;
}

/* ---- What files are ----------------------------------------------------------------------------
 */

static void fill_status(struct stat *status, const struct place *place, uint32_t file)
{
    const bool is_folder = sim_files_is_folder(place->files, file);
    memset(status, 0, sizeof *status);
    status->st_mode = is_folder ? S_IFDIR | 0755 : S_IFREG | 0640;
    status->st_ino = file + 1;
    status->st_dev = place->machine + 1;
    status->st_nlink = 1;
    status->st_blksize = 4096;
    if (is_folder) return;
    status->st_size = (off_t)sim_files_size(place->files, file);
    status->st_blocks = (blkcnt_t)(sim_files_reserved(place->files, file) / 512);
}

int __wrap_stat(const char *path, struct stat *status);
int __wrap_stat(const char *path, struct stat *status)
{
    struct place place;
    if (!find_place(&place, -1, path)) return fail(ENOENT);
    uint32_t file = find_file(&place);
    if (file == SIM_FILE_NONE) return fail(ENOENT);
    fill_status(status, &place, file);
    return 0;
}

int __wrap_fstat(int fd, struct stat *status);
int __wrap_fstat(int fd, struct stat *status)
{
    const struct description *open = describe(fd);
    const struct place place = {.files = open->files, .machine = open->machine};
    fill_status(status, &place, open->file);
    return 0;
}

int __wrap___fxstat(int version, int fd, struct stat *status);
int __wrap___fxstat(int version, int fd, struct stat *status)
{
    (void)version;
    return __wrap_fstat(fd, status);
}

int __wrap_fstatfs(int fd, struct statfs *status);
int __wrap_fstatfs(int fd, struct statfs *status)
{
    (void)describe(fd);
    memset(status, 0, sizeof *status);
    status->f_bsize = 4096;
    return 0;
}

static bool is_open_elsewhere(const struct description *open)
{
    for (uint32_t i = 0; i < OPEN_MAX_COUNT; i++) {
        const struct description *other = &descriptions[i];
        if (other != open && other->files == open->files && other->file == open->file) return true;
    }
    return false;
}

int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...)
{
    struct description *open = describe(fd);
    va_list arguments;
    va_start(arguments, command);
    if (command == F_SETFL) {
        const int settable = O_DIRECT | O_NONBLOCK | O_APPEND;
        open->flags = (open->flags & ~settable) | (va_arg(arguments, int) & settable);
    }
    if (command == F_GETLK) va_arg(arguments, struct flock *)->l_type = F_UNLCK;
    const bool is_lease = command == F_SETLEASE && va_arg(arguments, int) == F_WRLCK;
    va_end(arguments);
    if (is_lease && is_open_elsewhere(open)) return fail(EAGAIN);
    return command == F_GETFL ? open->flags : 0;
}

int __wrap_flock(int fd, int operation);
int __wrap_flock(int fd, int operation)
{
    (void)operation;
    (void)describe(fd);
    return 0;
}

/* ---- Folders -----------------------------------------------------------------------------------
 */

DIR *__wrap_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd)
{
    const struct description *open = describe(fd);
    struct listing *listing = listings;
    uint32_t file;
    if (sim_files_has_stopped(open->files)) {
        errno = EIO;
        return NULL;
    }
    while (listing < listings + DIRS_MAX && listing->is_open)
        listing++;
    TN_ASSERT(listing < listings + DIRS_MAX);
    *listing = (struct listing){.is_open = true, .fd = fd};
    for (const char *name;
         (name = sim_files_name(open->files, &file, open->file, listing->count)) != NULL;) {
        TN_ASSERT(listing->count < LISTED_MAX);
        memcpy(listing->names[listing->count++], name, SIM_FILE_NAME_SIZE);
    }
    return (DIR *)listing;
}

DIR *__wrap_opendir(const char *path);
DIR *__wrap_opendir(const char *path)
{
    int fd = open_at(-1, path, O_RDONLY | O_DIRECTORY);
    return fd < 0 ? NULL : __wrap_fdopendir(fd);
}

struct dirent *__wrap_readdir(DIR *folder);
struct dirent *__wrap_readdir(DIR *folder)
{
    struct listing *listing = (struct listing *)folder;
    if (listing->next == listing->count) return NULL;
    memcpy(listing->entry.d_name, listing->names[listing->next++], SIM_FILE_NAME_SIZE);
    return &listing->entry;
}

int __wrap_closedir(DIR *folder);
int __wrap_closedir(DIR *folder)
{
    struct listing *listing = (struct listing *)folder;
    listing->is_open = false;
    return __wrap_close(listing->fd);
}

ssize_t __wrap_getrandom(void *bytes, size_t size, unsigned flags);
ssize_t __wrap_getrandom(void *bytes, size_t size, unsigned flags)
{
    uint8_t *at = bytes;
    (void)flags;
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(tn_random_next(&random_state) >> 32);
    return (ssize_t)size;
}
