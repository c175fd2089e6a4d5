/* Files and names of the simulated disk. A file is known by its index in a table; the table keeps a
 * descriptor of its own, so that a file can be taken back whatever its name is by then. Lists are
 * replayed in order, so a kept later change stands over a lost earlier one, as sectors do. */
#include "faulty_files.h"

#include "tenor/base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR    512
#define FILES_MAX 2048

/* The calls of the system itself, past the wrapping. */
int __real_open(const char *path, int flags, ...);
int __real_close(int fd);
ssize_t __real_pread(int fd, void *bytes, size_t size, off_t offset);
ssize_t __real_pwrite(int fd, const void *bytes, size_t size, off_t offset);
int __real_ftruncate(int fd, off_t size);
int __real_rename(const char *from, const char *to);
int __real_unlink(const char *path);

/* One change of a file. A write has bytes after; both kinds have the bytes they took away. */
struct change {
    bool is_write;
    bool durable;
    bool lost; /* a sync of it failed */
    uint64_t offset;
    uint64_t size; /* of the write */
    uint64_t file_before;
    uint64_t file_after;
    uint8_t *before; /* file bytes from offset on, before_size of them */
    uint64_t before_size;
    uint8_t *after;
};

struct faulty_file {
    uint64_t inode;
    int fd;
    uint64_t size;
    bool named;
    struct change *changes;
    size_t changes_count;
    size_t changes_max;
};

enum naming { NAME_CREATE, NAME_REMOVE, NAME_MOVE };

struct name_change {
    enum naming naming;
    uint32_t file;
    char from[FAULTY_PATH_SIZE];
    char to[FAULTY_PATH_SIZE];
};

struct name {
    uint32_t file;
    char path[FAULTY_PATH_SIZE];
};

static char gone[FAULTY_PATH_SIZE];
static uint64_t *random_state;
static struct faulty_file *files[FILES_MAX]; /* never freed before the end: indexes stay good */
static uint32_t files_count;
static struct name names[FILES_MAX]; /* what is durable */
static uint32_t names_count;
static struct name_change name_changes[FILES_MAX];
static uint32_t name_changes_count;

static bool coin(void)
{
    return tn_random_below(random_state, 2) == 0;
}

void faulty_files_begin(const char *root, uint64_t *random)
{
    TN_ASSERT(files_count == 0);
    random_state = random;
    snprintf(gone, sizeof gone, "%s/gone", root);
}

static void change_free(struct change *change)
{
    free(change->before);
    free(change->after);
}

static void forget_changes(struct faulty_file *file)
{
    for (size_t i = 0; i < file->changes_count; i++)
        change_free(&file->changes[i]);
    file->changes_count = 0;
}

void faulty_files_end(void)
{
    for (uint32_t i = 0; i < files_count; i++) {
        forget_changes(files[i]);
        free(files[i]->changes);
        if (files[i]->fd >= 0) __real_close(files[i]->fd);
        free(files[i]);
    }
    files_count = names_count = name_changes_count = 0;
}

static uint32_t index_of(const struct faulty_file *file)
{
    for (uint32_t i = 0; i < files_count; i++) {
        if (files[i] == file) return i;
    }
    TN_ASSERT(false);
    return 0;
}

struct faulty_file *faulty_files_at(const char *path)
{
    struct stat status;
    if (stat(path, &status) < 0 || !S_ISREG(status.st_mode)) return NULL;
    for (uint32_t i = 0; i < files_count; i++) {
        if (files[i]->fd >= 0 && files[i]->inode == status.st_ino) return files[i];
    }
    return NULL;
}

static struct name_change *add_name_change(enum naming naming, uint32_t file, const char *from,
                                           const char *to)
{
    TN_ASSERT(name_changes_count < FILES_MAX);
    struct name_change *change = &name_changes[name_changes_count++];
    change->naming = naming;
    change->file = file;
    snprintf(change->from, sizeof change->from, "%s", from);
    snprintf(change->to, sizeof change->to, "%s", to);
    return change;
}

struct faulty_file *faulty_files_created(const char *path)
{
    struct faulty_file *file = calloc(1, sizeof *file);
    TN_ASSERT(file != NULL && files_count < FILES_MAX);
    struct stat status;
    file->fd = __real_open(path, O_RDWR | O_CLOEXEC);
    TN_ASSERT(file->fd >= 0 && fstat(file->fd, &status) == 0 && status.st_size == 0);
    file->inode = status.st_ino;
    file->named = true;
    files[files_count] = file;
    add_name_change(NAME_CREATE, files_count++, path, path);
    return file;
}

static struct change *add_change(struct faulty_file *file)
{
    if (file->changes_count == file->changes_max) {
        file->changes_max = file->changes_max == 0 ? 16 : file->changes_max * 2;
        file->changes = realloc(file->changes, file->changes_max * sizeof *file->changes);
        TN_ASSERT(file->changes != NULL);
    }
    struct change *change = &file->changes[file->changes_count++];
    memset(change, 0, sizeof *change);
    change->file_before = change->file_after = file->size;
    return change;
}

static uint8_t *bytes_of(const struct faulty_file *file, uint64_t offset, uint64_t size)
{
    if (size == 0) return NULL;
    uint8_t *bytes = malloc(size);
    TN_ASSERT(bytes != NULL);
    TN_ASSERT(__real_pread(file->fd, bytes, size, (off_t)offset) == (ssize_t)size);
    return bytes;
}

static void put_bytes(const struct faulty_file *file, const uint8_t *bytes, uint64_t size,
                      uint64_t offset)
{
    if (size == 0) return;
    TN_ASSERT(__real_pwrite(file->fd, bytes, size, (off_t)offset) == (ssize_t)size);
}

static void put_size(const struct faulty_file *file, uint64_t size)
{
    TN_ASSERT(__real_ftruncate(file->fd, (off_t)size) == 0);
}

bool faulty_files_write(struct faulty_file *file, const void *bytes, size_t size, uint64_t offset)
{
    if (size == 0) return true;
    struct change *change = add_change(file);
    change->is_write = true;
    change->offset = offset;
    change->size = size;
    if (offset < file->size) {
        change->before_size = file->size - offset < size ? file->size - offset : size;
        change->before = bytes_of(file, offset, change->before_size);
    }
    change->after = malloc(size);
    TN_ASSERT(change->after != NULL);
    memcpy(change->after, bytes, size);
    put_bytes(file, change->after, size, offset);
    if (offset + size > file->size) file->size = offset + size;
    change->file_after = file->size;
    return true;
}

bool faulty_files_resize(struct faulty_file *file, uint64_t size)
{
    if (size == file->size) return true;
    struct change *change = add_change(file);
    change->offset = size;
    if (size < file->size) {
        change->before_size = file->size - size;
        change->before = bytes_of(file, size, change->before_size);
    }
    put_size(file, size);
    file->size = change->file_after = size;
    return true;
}

/* Where a file without a name lies. */
static void gone_path(char *path, uint32_t file)
{
    snprintf(path, FAULTY_PATH_SIZE, "%.480s/%u", gone, file);
}

static void put_away(const char *path, struct faulty_file *file)
{
    char away[FAULTY_PATH_SIZE];
    gone_path(away, index_of(file));
    TN_ASSERT(__real_rename(path, away) == 0);
    file->named = false;
}

bool faulty_files_rename(const char *from, const char *to)
{
    struct faulty_file *file = faulty_files_at(from);
    if (file == NULL) {
        errno = ENOENT;
        return false;
    }
    struct faulty_file *replaced = faulty_files_at(to);
    if (replaced == file) return true;
    if (replaced != NULL) put_away(to, replaced);
    TN_ASSERT(__real_rename(from, to) == 0);
    add_name_change(NAME_MOVE, index_of(file), from, to);
    return true;
}

bool faulty_files_unlink(const char *path)
{
    struct faulty_file *file = faulty_files_at(path);
    if (file == NULL) {
        errno = ENOENT;
        return false;
    }
    put_away(path, file);
    add_name_change(NAME_REMOVE, index_of(file), path, path);
    return true;
}

uint64_t faulty_files_size(const struct faulty_file *file)
{
    return file->size;
}

uint64_t faulty_files_used(void)
{
    uint64_t used = 0;
    for (uint32_t i = 0; i < files_count; i++) {
        if (files[i]->named) used += files[i]->size;
    }
    return used;
}

uint64_t faulty_files_unsynced(void)
{
    uint64_t count = name_changes_count;
    for (uint32_t i = 0; i < files_count; i++) {
        for (size_t j = 0; files[i]->named && j < files[i]->changes_count; j++)
            count += !files[i]->changes[j].durable;
    }
    return count;
}

/* A list in which nothing can be lost any more is not needed. */
static void forget_if_durable(struct faulty_file *file)
{
    for (size_t i = 0; i < file->changes_count; i++) {
        if (!file->changes[i].durable) return;
    }
    forget_changes(file);
}

void faulty_files_sync(struct faulty_file *file)
{
    for (size_t i = 0; i < file->changes_count; i++) {
        if (!file->changes[i].lost) file->changes[i].durable = true;
    }
    forget_if_durable(file);
}

void faulty_files_sync_last(struct faulty_file *file)
{
    TN_ASSERT(file->changes_count > 0);
    file->changes[file->changes_count - 1].durable = true;
    forget_if_durable(file);
}

void faulty_files_sync_failed(struct faulty_file *file)
{
    for (size_t i = 0; i < file->changes_count; i++) {
        if (!file->changes[i].durable) file->changes[i].lost = true;
    }
}

static void undo(struct faulty_file *file, const struct change *change)
{
    put_bytes(file, change->before, change->before_size, change->offset);
    put_size(file, change->file_before);
}

/* Does a change again, whole or sector by sector. */
static void redo(struct faulty_file *file, const struct change *change, bool torn)
{
    if (!change->is_write) {
        if (!torn || coin()) put_size(file, change->file_after);
        return;
    }
    if (!torn) {
        put_bytes(file, change->after, change->size, change->offset);
        return;
    }
    uint64_t mode = tn_random_below(random_state, 4); /* none, all, else any */
    for (uint64_t at = 0; at < change->size;) {
        uint64_t sector = SECTOR - (change->offset + at) % SECTOR;
        if (sector > change->size - at) sector = change->size - at;
        if (mode == 1 || (mode > 1 && coin())) {
            put_bytes(file, change->after + at, sector, change->offset + at);
        }
        at += sector;
    }
}

static void undo_all(struct faulty_file *file)
{
    for (size_t i = file->changes_count; i-- > 0;)
        undo(file, &file->changes[i]);
}

static void see_size(struct faulty_file *file)
{
    struct stat status;
    TN_ASSERT(fstat(file->fd, &status) == 0);
    file->size = (uint64_t)status.st_size;
}

void faulty_files_drop_cache(struct faulty_file *file)
{
    size_t lost = 0;
    for (size_t i = 0; i < file->changes_count; i++)
        lost += file->changes[i].lost;
    if (lost == 0) return;
    undo_all(file);
    for (size_t i = 0; i < file->changes_count; i++) {
        redo(file, &file->changes[i], file->changes[i].lost);
        file->changes[i].durable = true; /* what is dirty still is not dropped, nor is it lost */
    }
    see_size(file);
    forget_changes(file);
}

static void crash_bytes(struct faulty_file *file, enum faulty_disk_loss loss)
{
    undo_all(file);
    for (size_t i = 0; i < file->changes_count; i++) {
        const struct change *change = &file->changes[i];
        if (change->durable || loss == FAULTY_TORN) redo(file, change, !change->durable);
    }
    forget_changes(file);
    see_size(file);
}

static void drop_name(const char *path)
{
    for (uint32_t i = 0; i < names_count; i++) {
        if (strcmp(names[i].path, path) != 0) continue;
        names[i] = names[--names_count];
        return;
    }
}

/* Makes one change of names durable. */
static void keep_name_change(const struct name_change *change)
{
    drop_name(change->from);
    if (change->naming == NAME_REMOVE) return;
    drop_name(change->to);
    TN_ASSERT(names_count < FILES_MAX);
    names[names_count].file = change->file;
    memcpy(names[names_count++].path, change->to, FAULTY_PATH_SIZE);
}

void faulty_files_sync_names(const char *directory)
{
    uint32_t left = 0;
    size_t length = strlen(directory);
    for (uint32_t i = 0; i < name_changes_count; i++) {
        const char *path = name_changes[i].to;
        bool here = strncmp(path, directory, length) == 0 && path[length] == '/' &&
                    strchr(path + length + 1, '/') == NULL;
        if (here)
            keep_name_change(&name_changes[i]);
        else
            name_changes[left++] = name_changes[i];
    }
    name_changes_count = left;
}

/* A journal keeps the first of the changes; other file systems any of them. */
static void crash_names(enum faulty_disk_loss loss)
{
    bool journal = coin();
    uint64_t first = tn_random_below(random_state, (uint64_t)name_changes_count + 1);
    for (uint32_t i = 0; loss == FAULTY_TORN && i < name_changes_count; i++) {
        if (journal ? i < first : coin()) keep_name_change(&name_changes[i]);
    }
    name_changes_count = 0;
}

/* Puts every name away, then gives each file the one that is durable. */
static void lay_out_names(const char *directory)
{
    DIR *list = opendir(directory);
    TN_ASSERT(list != NULL);
    const struct dirent *entry;
    while ((entry = readdir(list)) != NULL) {
        char path[FAULTY_PATH_SIZE];
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%.250s/%.250s", directory, entry->d_name);
        struct faulty_file *file = faulty_files_at(path);
        if (file != NULL)
            put_away(path, file);
        else
            lay_out_names(path);
    }
    closedir(list);
}

void faulty_files_crash(enum faulty_disk_loss loss)
{
    char directory[FAULTY_PATH_SIZE];
    for (uint32_t i = 0; i < files_count; i++) {
        if (files[i]->fd >= 0) crash_bytes(files[i], loss);
    }
    crash_names(loss);
    snprintf(directory, sizeof directory, "%s", gone);
    memcpy(directory + strlen(directory) - 4, "disk", 4);
    lay_out_names(directory);
    for (uint32_t i = 0; i < names_count; i++) {
        char away[FAULTY_PATH_SIZE];
        gone_path(away, names[i].file);
        TN_ASSERT(__real_rename(away, names[i].path) == 0);
        files[names[i].file]->named = true;
    }
    for (uint32_t i = 0; i < files_count; i++) {
        if (files[i]->named || files[i]->fd < 0) continue;
        char away[FAULTY_PATH_SIZE];
        gone_path(away, i);
        TN_ASSERT(__real_unlink(away) == 0);
        __real_close(files[i]->fd);
        files[i]->fd = -1;
    }
}
