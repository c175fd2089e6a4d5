/* files: pages, names, and what a power cut makes of them.
 *
 * A file's bytes are one mapping that never moves, so LMDB may map it. Of each page that was
 * written since the last sync the bytes before are kept; names are a list that is durable and the
 * changes to it that are not yet. A file goes when no name, no change and nobody has it. */
#include "sim/files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, SECTOR = 512, FILES_MAX = 256, NAMES_MAX = 512 };
#define ROOM ((uint64_t)256 << 20) /* of addresses, for each file */

struct page { /* written and not synced */
    uint32_t number;
    uint8_t *before; /* NULL: nothing was there */
};

struct file {
    bool is_there, is_folder;
    uint32_t held; /* descriptors and maps */
    uint8_t *bytes;
    uint64_t size, durable_size, most; /* most: bytes behind it were never touched */
    uint64_t reserved;
    struct page *pages;
    uint32_t pages_count, pages_room;
    uint32_t *marks; /* of each page: its place in the list, from 1 on; 0: it is durable */
    uint32_t marks_room;
};

struct name {
    uint32_t folder, file;
    char text[SIM_FILE_NAME_SIZE];
};

enum naming { NAME_CREATE, NAME_REMOVE, NAME_MOVE };
struct change {
    enum naming naming;
    uint32_t folder, file;
    char from[SIM_FILE_NAME_SIZE], to[SIM_FILE_NAME_SIZE];
};

struct names {
    struct name list[NAMES_MAX];
    uint32_t count;
};

struct sim_files {
    struct file files[FILES_MAX];
    struct names now, durable;
    struct change changes[NAMES_MAX];
    uint32_t changes_count;
    uint64_t random, bytes_max, stop_in;
    bool has_stopped;
    struct sim_files_figures figures;
};

/* ---- Life --------------------------------------------------------------------------------------
 */

struct sim_files *sim_files_make(uint64_t seed)
{
    struct sim_files *files = calloc(1, sizeof *files);
    TN_ASSERT(files != NULL);
    files->random = seed;
    files->bytes_max = UINT64_MAX;
    files->files[SIM_FILE_ROOT] = (struct file){.is_there = true, .is_folder = true, .held = 1};
    return files;
}

static void forget_pages(struct file *file)
{
    for (uint32_t i = 0; i < file->pages_count; i++) {
        free(file->pages[i].before);
        file->marks[file->pages[i].number] = 0;
    }
    file->pages_count = 0;
}

static void free_file(struct file *file)
{
    forget_pages(file);
    free(file->pages);
    free(file->marks);
    if (file->bytes != NULL) munmap(file->bytes, ROOM);
    *file = (struct file){0};
}

void sim_files_free(struct sim_files *files)
{
    if (files == NULL) return;
    for (uint32_t i = 0; i < FILES_MAX; i++)
        free_file(&files->files[i]);
    free(files);
}

static bool has_name(const struct names *names, uint32_t file)
{
    for (uint32_t i = 0; i < names->count; i++) {
        if (names->list[i].file == file) return true;
    }
    return false;
}

static void drop_orphans(const struct sim_files *files, struct names *names)
{
    for (uint32_t i = names->count; i-- > 0;) {
        if (!files->files[names->list[i].folder].is_there)
            names->list[i] = names->list[--names->count];
    }
}

/* Whatever nobody can come to any more goes; what was in a folder that went, with the next. */
static void sweep(struct sim_files *files)
{
    drop_orphans(files, &files->now);
    drop_orphans(files, &files->durable);
    for (uint32_t i = 1; i < FILES_MAX; i++) {
        struct file *file = &files->files[i];
        bool is_wanted = !file->is_there || file->held > 0 || has_name(&files->now, i) ||
                         has_name(&files->durable, i);
        for (uint32_t k = 0; k < files->changes_count && !is_wanted; k++)
            is_wanted = files->changes[k].file == i;
        if (!is_wanted) free_file(file);
    }
}

const struct sim_files_figures *sim_files_figures(const struct sim_files *files)
{
    return &files->figures;
}

/* ---- What may go wrong -------------------------------------------------------------------------
 */

void sim_files_limit(struct sim_files *files, uint64_t bytes_max)
{
    files->bytes_max = bytes_max;
}

static uint64_t taken(const struct file *file)
{
    return file->size > file->reserved ? file->size : file->reserved;
}

uint64_t sim_files_used(const struct sim_files *files)
{
    uint64_t used = 0;
    for (uint32_t i = 1; i < FILES_MAX; i++)
        used += taken(&files->files[i]);
    return used;
}

static bool has_room(const struct sim_files *files, const struct file *file, uint64_t size)
{
    if (size <= taken(file) || files->bytes_max == UINT64_MAX) return true;
    return sim_files_used(files) - taken(file) + size <= files->bytes_max;
}

void sim_files_stop_at(struct sim_files *files, uint64_t calls)
{
    files->stop_in = calls;
}

bool sim_files_has_stopped(const struct sim_files *files)
{
    return files->has_stopped;
}

void sim_files_stop(struct sim_files *files)
{
    files->has_stopped = true;
    files->stop_in = 0;
}

/* Before a call that changes something: 0 goes on. *is_last: it happens, or does not, or in part,
 * and then everything fails. */
static int count_call(struct sim_files *files, bool *is_last)
{
    *is_last = false;
    if (files->has_stopped) return EIO;
    if (files->stop_in == 0 || --files->stop_in > 0) return 0;
    files->has_stopped = *is_last = true;
    files->figures.cuts++;
    return 0;
}

static bool coin(struct sim_files *files)
{
    return tn_random_below(&files->random, 2) == 0;
}

/* ---- Pages -------------------------------------------------------------------------------------
 */

static void mark(struct file *file, uint32_t number)
{
    if (number >= file->marks_room) {
        uint32_t room = 2 * number + 64;
        file->marks = realloc(file->marks, room * sizeof *file->marks);
        TN_ASSERT(file->marks != NULL);
        memset(file->marks + file->marks_room, 0, (room - file->marks_room) * sizeof *file->marks);
        file->marks_room = room;
    }
    if (file->marks[number] != 0) return;
    if (file->pages_count == file->pages_room) {
        file->pages_room = file->pages_room == 0 ? 32 : 2 * file->pages_room;
        file->pages = realloc(file->pages, file->pages_room * sizeof *file->pages);
        TN_ASSERT(file->pages != NULL);
    }
    struct page *page = &file->pages[file->pages_count++];
    *page = (struct page){.number = number};
    file->marks[number] = file->pages_count;
    if ((uint64_t)number * PAGE >= file->durable_size) return;
    page->before = malloc(PAGE);
    TN_ASSERT(page->before != NULL);
    memcpy(page->before, file->bytes + (uint64_t)number * PAGE, PAGE);
}

static void mark_range(struct file *file, uint64_t offset, uint64_t size)
{
    for (uint64_t at = offset / PAGE; size > 0 && at <= (offset + size - 1) / PAGE; at++)
        mark(file, (uint32_t)at);
}

/* These pages, and the file's size as far as they reach, are durable. */
static void make_durable(struct file *file, uint64_t offset, uint64_t size)
{
    for (uint64_t at = offset / PAGE; size > 0 && at <= (offset + size - 1) / PAGE; at++) {
        uint32_t place = file->marks[at];
        TN_ASSERT(place > 0);
        free(file->pages[place - 1].before);
        file->pages[place - 1] = file->pages[--file->pages_count];
        file->marks[file->pages[place - 1].number] = place;
        file->marks[at] = 0;
    }
    if (offset + size > file->durable_size) file->durable_size = offset + size;
}

static void set_size(struct file *file, uint64_t size)
{
    if (size < file->size) {
        mark_range(file, size, file->size - size);
        memset(file->bytes + size, 0, file->size - size);
    }
    file->size = size;
}

int sim_files_write(struct sim_files *files, uint64_t *done, uint32_t number, const uint8_t *bytes,
                    uint64_t size, uint64_t offset, bool is_synced)
{
    struct file *file = &files->files[number];
    bool is_last;
    int error = count_call(files, &is_last);
    *done = size;
    if (error != 0 || size == 0) return error;
    TN_ASSERT(file->is_there && !file->is_folder && offset + size <= ROOM);
    if (!has_room(files, file, offset + size)) return ENOSPC;
    if (is_last) /* some sectors of it */
        *done = tn_random_below(&files->random, size / SECTOR + 2) * SECTOR;
    if (*done > size) *done = size;
    mark_range(file, offset, *done);
    memcpy(file->bytes + offset, bytes, *done);
    if (*done > 0 && offset + *done > file->size) file->size = offset + *done;
    if (file->size > file->most) file->most = file->size;
    if (is_synced && !is_last) make_durable(file, offset, size);
    files->figures.writes++;
    files->figures.bytes += *done;
    return is_last ? EIO : 0;
}

int sim_files_resize(struct sim_files *files, uint32_t number, uint64_t size)
{
    struct file *file = &files->files[number];
    bool is_last;
    int error = count_call(files, &is_last);
    if (error != 0) return error;
    TN_ASSERT(size <= ROOM);
    if (!has_room(files, file, size)) return ENOSPC;
    if (!is_last || coin(files)) set_size(file, size);
    if (file->size > file->most) file->most = file->size;
    return is_last ? EIO : 0;
}

int sim_files_reserve(struct sim_files *files, uint32_t number, uint64_t size)
{
    struct file *file = &files->files[number];
    bool is_last;
    int error = count_call(files, &is_last);
    if (error != 0) return error;
    if (!has_room(files, file, size)) return ENOSPC;
    if (size > file->reserved) file->reserved = size;
    return is_last ? EIO : 0;
}

/* ---- Names -------------------------------------------------------------------------------------
 */

static struct name *find_name(struct names *names, uint32_t folder, const char *text)
{
    for (uint32_t i = 0; i < names->count; i++) {
        struct name *name = &names->list[i];
        if (name->folder == folder && strcmp(name->text, text) == 0) return name;
    }
    return NULL;
}

static void drop_name(struct names *names, struct name *name)
{
    if (name != NULL) *name = names->list[--names->count];
}

static void copy_text(char to[SIM_FILE_NAME_SIZE], const char *from)
{
    size_t size = strlen(from) + 1;
    TN_ASSERT(size <= SIM_FILE_NAME_SIZE);
    memcpy(to, from, size);
}

/* Does a change, where what it is about is still there. */
static void apply(struct names *names, const struct change *change)
{
    struct name *from = find_name(names, change->folder, change->from);
    switch (change->naming) {
        case NAME_CREATE:
            if (from != NULL) return;
            TN_ASSERT(names->count < NAMES_MAX);
            from = &names->list[names->count++];
            *from = (struct name){.folder = change->folder, .file = change->file};
            copy_text(from->text, change->from);
            return;
        case NAME_REMOVE:
            if (from != NULL && from->file == change->file) drop_name(names, from);
            return;
        case NAME_MOVE:
            if (from == NULL || from->file != change->file) return;
            drop_name(names, find_name(names, change->folder, change->to));
            from = find_name(names, change->folder, change->from);
            copy_text(from->text, change->to);
            return;
    }
    TN_ASSERT(false);
}

static int change_name(struct sim_files *files, const struct change *change)
{
    bool is_last;
    int error = count_call(files, &is_last);
    if (error != 0) return error;
    TN_ASSERT(files->changes_count < NAMES_MAX);
    if (!is_last || coin(files)) {
        files->changes[files->changes_count++] = *change;
        apply(&files->now, change);
    }
    return is_last ? EIO : 0;
}

uint32_t sim_files_find(const struct sim_files *files, uint32_t folder, const char *text)
{
    const struct name *name = find_name((struct names *)&files->now, folder, text);
    return name == NULL ? SIM_FILE_NONE : name->file;
}

const char *sim_files_name(const struct sim_files *files, uint32_t *file, uint32_t folder,
                           uint32_t wanted)
{
    for (uint32_t i = 0; i < files->now.count; i++) {
        const struct name *name = &files->now.list[i];
        if (name->folder != folder || wanted-- > 0) continue;
        *file = name->file;
        return name->text;
    }
    return NULL;
}

int sim_files_create(struct sim_files *files, uint32_t *file, uint32_t folder, const char *name,
                     bool is_folder)
{
    uint32_t number = 1;
    while (number < FILES_MAX && files->files[number].is_there)
        number++;
    TN_ASSERT(number < FILES_MAX);
    struct change change = {.naming = NAME_CREATE, .folder = folder, .file = number};
    copy_text(change.from, name);
    struct file *made = &files->files[number];
    *made = (struct file){.is_there = true, .is_folder = is_folder, .held = 1};
    if (!is_folder) {
        made->bytes = mmap(NULL, ROOM, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        TN_ASSERT(made->bytes != MAP_FAILED);
    }
    *file = number;
    int error = change_name(files, &change);
    sim_files_drop(files, number);
    return error;
}

int sim_files_move(struct sim_files *files, uint32_t folder, const char *from, const char *to)
{
    struct change change = {.naming = NAME_MOVE, .folder = folder};
    change.file = sim_files_find(files, folder, from);
    if (change.file == SIM_FILE_NONE) return ENOENT;
    copy_text(change.from, from);
    copy_text(change.to, to);
    int error = change_name(files, &change);
    sweep(files);
    return error;
}

int sim_files_remove(struct sim_files *files, uint32_t folder, const char *name)
{
    struct change change = {.naming = NAME_REMOVE, .folder = folder};
    change.file = sim_files_find(files, folder, name);
    if (change.file == SIM_FILE_NONE) return ENOENT;
    copy_text(change.from, name);
    int error = change_name(files, &change);
    sweep(files);
    return error;
}

static void sync_folder(struct sim_files *files, uint32_t folder)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < files->changes_count; i++) {
        if (files->changes[i].folder == folder)
            apply(&files->durable, &files->changes[i]);
        else
            files->changes[kept++] = files->changes[i];
    }
    files->changes_count = kept;
    sweep(files);
}

int sim_files_sync(struct sim_files *files, uint32_t number)
{
    struct file *file = &files->files[number];
    bool is_last;
    int error = count_call(files, &is_last);
    if (error != 0) return error;
    if (is_last && coin(files)) return EIO;
    if (file->is_folder) {
        sync_folder(files, number);
    } else {
        forget_pages(file);
        file->durable_size = file->size;
    }
    files->figures.syncs++;
    return is_last ? EIO : 0;
}

bool sim_files_is_folder(const struct sim_files *files, uint32_t file)
{
    return files->files[file].is_folder;
}

uint64_t sim_files_size(const struct sim_files *files, uint32_t file)
{
    return files->files[file].size;
}

uint64_t sim_files_reserved(const struct sim_files *files, uint32_t file)
{
    return taken(&files->files[file]);
}

uint8_t *sim_files_bytes(const struct sim_files *files, uint32_t file)
{
    return files->files[file].bytes;
}

void sim_files_hold(struct sim_files *files, uint32_t file)
{
    TN_ASSERT(files->files[file].is_there);
    files->files[file].held++;
}

void sim_files_drop(struct sim_files *files, uint32_t file)
{
    TN_ASSERT(files->files[file].held > 0);
    if (--files->files[file].held == 0) sweep(files);
}

/* ---- Power -------------------------------------------------------------------------------------
 * Of what was not synced, keep_ppm are kept. */

static void crash_file(struct sim_files *files, struct file *file, uint64_t keep_ppm)
{
    const bool keeps_size = tn_random_below(&files->random, 1000000) < keep_ppm;
    for (uint32_t i = 0; i < file->pages_count; i++) {
        const struct page *page = &file->pages[i];
        uint8_t *now = file->bytes + (uint64_t)page->number * PAGE;
        uint32_t lost = 0;
        for (uint32_t at = 0; at < PAGE; at += SECTOR) {
            if (tn_random_below(&files->random, 1000000) < keep_ppm) continue;
            if (page->before != NULL)
                memcpy(now + at, page->before + at, SECTOR);
            else
                memset(now + at, 0, SECTOR);
            lost++;
        }
        files->figures.lost += lost == PAGE / SECTOR;
        files->figures.torn += lost > 0 && lost < PAGE / SECTOR;
    }
    forget_pages(file);
    if (!keeps_size) file->size = file->durable_size;
    if (file->most > file->size) memset(file->bytes + file->size, 0, file->most - file->size);
    file->most = file->durable_size = file->size;
    file->reserved = 0;
    file->held = 0;
}

void sim_files_crash(struct sim_files *files)
{
    static const uint64_t KEPT[] = {0, 1000000, 500000, 125000, 875000, 990000};
    const uint64_t keep_ppm = KEPT[tn_random_below(&files->random, sizeof KEPT / sizeof *KEPT)];
    for (uint32_t i = 0; i < files->changes_count; i++) {
        if (tn_random_below(&files->random, 1000000) < keep_ppm)
            apply(&files->durable, &files->changes[i]);
    }
    files->changes_count = 0;
    files->now = files->durable;
    for (uint32_t i = 1; i < FILES_MAX; i++) {
        if (files->files[i].is_there && files->files[i].held > 0) files->files[i].held = 0;
    }
    sweep(files);
    for (uint32_t i = 1; i < FILES_MAX; i++) {
        if (files->files[i].is_there) crash_file(files, &files->files[i], keep_ppm);
    }
    files->has_stopped = false;
    files->stop_in = 0;
}

void sim_files_wipe(struct sim_files *files, const char *folder)
{
    uint32_t file;
    const uint32_t number = sim_files_find(files, SIM_FILE_ROOT, folder);
    if (number == SIM_FILE_NONE) return;
    for (const char *name; (name = sim_files_name(files, &file, number, 0)) != NULL;)
        drop_name(&files->now, find_name(&files->now, number, name));
    drop_name(&files->now, find_name(&files->now, SIM_FILE_ROOT, folder));
    files->changes_count = 0; /* only a machine that is off is wiped: there are none */
    files->durable = files->now;
    sweep(files);
}

void sim_files_flip(struct sim_files *files, uint32_t file, uint64_t offset, unsigned bit)
{
    TN_ASSERT(offset < files->files[file].size && bit < 8);
    files->files[file].bytes[offset] ^= (uint8_t)(1u << bit);
}
