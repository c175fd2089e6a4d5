/* Finding damage.
 *
 * LMDB believes what its pages say; a flipped bit in a page's head can send it anywhere. So the
 * check runs in a child process, which may die, and notes in memory shared with its parent what it
 * is about to read: a crash then has a place, too. */
#define _GNU_SOURCE
#include "clock.h"
#include "store/internal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define STANDS_STILL_MS 60000 /* a page from a slow disk is faster */

struct shared {
    enum store_err err;
    bool done;
    uint64_t steps;             /* of progress */
    uint8_t database, key_size; /* key_size 0: nothing noted */
    uint8_t key[STORE_KEY_MAX];
    char what[128];
    struct store_trail trail;
    struct store_checked checked;
};

static struct shared *notes; /* in the child */

void store_note_key(enum store_database database, const uint8_t *key, size_t key_size)
{
    if (notes == NULL || key_size > STORE_KEY_MAX) return;
    __atomic_fetch_add(&notes->steps, 1, __ATOMIC_RELAXED);
    notes->database = (uint8_t)database;
    notes->key_size = (uint8_t)key_size;
    memcpy(notes->key, key, key_size);
}

void store_progress(const char *what)
{
    if (notes == NULL) return;
    __atomic_fetch_add(&notes->steps, 1, __ATOMIC_RELAXED);
    snprintf(notes->what, sizeof notes->what, "%s", what);
}

static void forget_handlers(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGTRAP, SIGTERM};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        signal(signals[i], SIG_DFL);
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none); /* whoever checks wants a sentence, not a core */
}

static enum store_err say_died(const struct shared *shared, int status, struct store_trail *trail)
{
    char where[128] = "its beginning", how[64];
    if (WIFSIGNALED(status))
        snprintf(how, sizeof how, "killed by signal %d", WTERMSIG(status));
    else
        snprintf(how, sizeof how, "ended with status %d", WEXITSTATUS(status));
    if (shared->key_size > 0)
        store_say_key(where, sizeof where, shared->database, shared->key, shared->key_size);
    return store_say(trail, STORE_CORRUPT,
                     "the store is damaged: reading it crashed (%s) at or after %s%s%s", how, where,
                     shared->what[0] != 0 ? ", during " : "", shared->what);
}

/* Waits for the pipe to close, which is when the child ends, however it does. On damaged pages LMDB
 * can also go in circles: false when nothing new was read for wait_ms (0: that is no matter). */
static bool wait_for_end(const struct shared *shared, int pipe_end, uint32_t wait_ms)
{
    struct pollfd end = {.fd = pipe_end, .events = POLLIN};
    uint64_t steps_seen = 0, since_us = (uint64_t)monotonic_us();
    for (;;) {
        int ready = poll(&end, 1, 20);
        if (ready > 0) return true;
        uint64_t steps = __atomic_load_n(&shared->steps, __ATOMIC_RELAXED);
        uint64_t now_us = (uint64_t)monotonic_us();
        if (steps != steps_seen) since_us = now_us;
        steps_seen = steps;
        if (wait_ms > 0 && now_us - since_us > (uint64_t)wait_ms * 1000) return false;
    }
}

static enum store_err wait_for_child(struct shared *shared, pid_t child, int pipe_end,
                                     uint32_t wait_ms, struct store_trail *trail)
{
    int status;
    bool ended = wait_for_end(shared, pipe_end, wait_ms);
    if (!ended) kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return store_say(trail, STORE_FAILED, "waiting for the check: %s", strerror(errno));
    if (!ended)
        return store_say(trail, STORE_CORRUPT,
                         "the store is damaged: reading it stood still for %u ms", wait_ms);
    if (!shared->done) return say_died(shared, status, trail);
    *trail = shared->trail;
    return shared->err;
}

_Noreturn static void run_child(struct shared *shared, store_work *work, void *context)
{
    notes = shared;
    forget_handlers();
    shared->err = work(context, &shared->trail);
    shared->done = true;
    _exit(0);
}

/* `checked` is filled by work that knows `shared`. */
static enum store_err run_apart(struct shared *shared, store_work *work, void *context,
                                uint32_t wait_ms, struct store_trail *trail)
{
    int ends[2];
    if (pipe(ends) != 0)
        return store_say(trail, STORE_FAILED, "starting the check: %s", strerror(errno));
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        run_child(shared, work, context);
    }
    close(ends[1]);
    enum store_err err;
    if (child < 0)
        err = store_say(trail, STORE_FAILED, "starting the check: %s", strerror(errno));
    else
        err = wait_for_child(shared, child, ends[0], wait_ms, trail);
    close(ends[0]);
    return err;
}

static struct shared *share(struct store_trail *trail)
{
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared != MAP_FAILED) return shared;
    store_say(trail, STORE_FAILED, "no memory for the check: %s", strerror(errno));
    return NULL;
}

enum store_err store_apart(store_work *work, void *context, uint32_t wait_ms,
                           struct store_trail *trail)
{
    struct shared *shared = share(trail);
    if (shared == NULL) return STORE_FAILED;
    enum store_err err = run_apart(shared, work, context, wait_ms, trail);
    munmap(shared, sizeof *shared);
    return err;
}

/* One bit for each page of the file. */
struct pages {
    uint8_t *seen;
    uint64_t count;
    uint32_t page_size;
};

static bool see_page(struct pages *pages, uint64_t page)
{
    if (page < 2 || page >= pages->count) return false;
    bool first = (pages->seen[page / 8] >> page % 8 & 1) == 0;
    pages->seen[page / 8] |= (uint8_t)(1u << page % 8);
    return first;
}

/* The pages in which a value lies. A page begins at a multiple of its size, with its number u64, at
 * 10 its flags u16 (4: a value of its own pages) and at 12 how many u32. */
static void see_value(struct pages *pages, const uint8_t *value)
{
    if (pages->page_size == 0) return; /* made where the machine's pages are larger */
    const uint8_t *head = value - (uintptr_t)value % pages->page_size;
    uint64_t page;
    uint32_t count;
    uint16_t flags;
    memcpy(&page, head, 8);
    memcpy(&flags, head + 10, 2);
    memcpy(&count, head + 12, 4);
    if ((flags & 4) == 0) count = 1;
    for (uint64_t i = 0; i < count && page + i < pages->count; i++)
        see_page(pages, page + i);
}

struct counting {
    struct pages *pages;
    struct store_view *view;
    enum store_database database;
    uint64_t count, bytes;
    bool lost; /* the walk met a key that a look-up does not find */
};

static bool count_value(void *context, const uint8_t *key, size_t key_size, const uint8_t *value,
                        size_t value_size)
{
    struct counting *counting = context;
    MDB_val name = {key_size, (void *)key}, data;
    MDB_dbi database = counting->view->store->databases[counting->database];
    int code = mdb_get(counting->view->txn, database, &name, &data);
    counting->lost = code != 0 || data.mv_data != value;
    if (!counting->lost) see_value(counting->pages, value);
    counting->count++;
    counting->bytes += key_size + value_size;
    return !counting->lost;
}

static enum store_err check_database(struct store_view *view, struct pages *pages,
                                     struct store_checked *checked, enum store_database database,
                                     struct store_trail *trail)
{
    struct counting counting = {.pages = pages, .view = view, .database = database};
    MDB_stat stat;
    enum store_err err = store_each(view, database, NULL, 0, count_value, &counting);
    if (err != STORE_OK) {
        *trail = view->trail;
        return err;
    }
    int code = mdb_stat(view->txn, view->store->databases[database], &stat);
    if (code != 0)
        return store_say(trail, STORE_CORRUPT, "the store %s is damaged in %s: %s",
                         view->store->path, store_database_name(database), mdb_strerror(code));
    checked->values_count[database] = counting.count;
    checked->bytes += counting.bytes;
    if (stat.ms_entries == counting.count && !counting.lost) return STORE_OK;
    return store_say(trail, STORE_CORRUPT,
                     "the store %s is damaged: %s says that it has %llu values and shows %llu%s",
                     view->store->path, store_database_name(database),
                     (unsigned long long)stat.ms_entries, (unsigned long long)counting.count,
                     counting.lost ? ", of which the last cannot be looked up" : "");
}

/* Adds the pages of one of LMDB's lists of free pages: a count, then page numbers, none of which
 * may be in use or named before. */
static bool add_free_pages(struct pages *pages, const MDB_val *list, uint64_t *total)
{
    uint64_t words_count = list->mv_size / 8, count, page;
    if (words_count == 0) return false;
    memcpy(&count, list->mv_data, 8);
    if (count > words_count - 1) return false;
    for (uint64_t i = 1; i <= count; i++) {
        memcpy(&page, (const uint8_t *)list->mv_data + 8 * i, 8);
        if (!see_page(pages, page)) return false;
    }
    *total += count;
    return true;
}

static bool count_free_pages(MDB_txn *txn, struct pages *pages, uint64_t *total)
{
    MDB_cursor *cursor;
    MDB_val key, list;
    bool sound = true;
    int code = mdb_cursor_open(txn, 0, &cursor);
    if (code != 0) return false;
    code = mdb_cursor_get(cursor, &key, &list, MDB_FIRST);
    for (; sound && code == 0; code = mdb_cursor_get(cursor, &key, &list, MDB_NEXT))
        sound = add_free_pages(pages, &list, total);
    mdb_cursor_close(cursor);
    return sound && (code == 0 || code == MDB_NOTFOUND);
}

static bool is_newest(const struct store_view *view)
{
    MDB_envinfo info;
    int code = mdb_env_info(view->store->env, &info);
    return code == 0 && info.me_last_txnid == mdb_txn_id(view->txn);
}

/* Every page of the file is LMDB's own, of one tree, or free: else a page would be lost, or written
 * over while it is in use. Only the newest state can be counted. */
static enum store_err check_pages(struct store_view *view, struct pages *pages,
                                  struct store_trail *trail)
{
    MDB_stat stat;
    uint64_t total = 2;
    if (!is_newest(view)) return STORE_OK;
    for (uint32_t i = 0; i < STORE_DATABASES + 2; i++) { /* 0 and 1 are LMDB's: free, names */
        int code = mdb_stat(view->txn, i < 2 ? i : view->store->databases[i - 2], &stat);
        if (code != 0)
            return store_say(trail, STORE_CORRUPT, "the store %s is damaged: %s", view->store->path,
                             mdb_strerror(code));
        total += stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
    }
    bool sound = count_free_pages(view->txn, pages, &total);
    if (!is_newest(view) || (sound && total == pages->count)) return STORE_OK;
    return store_say(trail, STORE_CORRUPT,
                     "the store %s is damaged: of %llu pages %llu are in a tree or free%s; restore "
                     "from a snapshot",
                     view->store->path, (unsigned long long)pages->count, (unsigned long long)total,
                     sound ? "" : ", and the list of free ones is wrong");
}

static enum store_err check_all(struct store_view *view, struct pages *pages,
                                struct store_checked *checked, struct store_trail *trail)
{
    for (uint32_t i = 0; i < STORE_DATABASES; i++) {
        enum store_err err = check_database(view, pages, checked, i, trail);
        if (err != STORE_OK) return err;
    }
    return check_pages(view, pages, trail);
}

enum store_err store_check_view(struct store_view *view, struct store_checked *checked,
                                struct store_trail *trail)
{
    MDB_envinfo info;
    MDB_stat stat;
    *checked = (struct store_checked){.bytes = 0};
    int code = mdb_env_info(view->store->env, &info);
    if (code == 0) code = mdb_env_stat(view->store->env, &stat);
    TN_ASSERT(code == 0);
    struct pages pages = {.count = info.me_last_pgno + 1, .page_size = stat.ms_psize};
    if (sysconf(_SC_PAGESIZE) % stat.ms_psize != 0) pages.page_size = 0;
    pages.seen = calloc(1, pages.count / 8 + 1);
    if (pages.seen == NULL) return store_say(trail, STORE_FAILED, "no memory for the check");
    enum store_err err = check_all(view, &pages, checked, trail);
    free(pages.seen);
    return err;
}

static enum store_err check_folder(void *context, struct store_trail *trail)
{
    const struct store_config *config = context;
    struct store *store;
    struct store_view *view;
    enum store_err err = store_open_reader(&store, config, false, trail);
    if (err != STORE_OK) return err;
    err = store_view_begin(store, &view, trail);
    if (err != STORE_OK) return err;
    err = store_check_view(view, &notes->checked, trail);
    store_view_end(view);
    store_close(store);
    return err;
}

enum store_err store_check(const struct store_config *config, struct store_checked *checked,
                           struct store_trail *trail)
{
    struct shared *shared = share(trail);
    struct store_config copy = *config;
    if (shared == NULL) return STORE_FAILED;
    enum store_err err = run_apart(shared, check_folder, &copy, STANDS_STILL_MS, trail);
    *checked = shared->checked;
    munmap(shared, sizeof *shared);
    return err;
}
