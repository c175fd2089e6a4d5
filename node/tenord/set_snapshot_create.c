/* set_snapshot_create: all records of one view of a set's store, which may be at work.
 *
 * They go into a chain first, whose root must be the store's, and the view ends: the running node's
 * store does not grow while files are written, at a bounded pace. The certificate of that very
 * checkpoint stands in the log, where the node notes each as it comes: a node that runs gets it a
 * few blocks later, so it is waited for as long as the log grows. */
#include "clock.h"
#include "cluster/keeper.h"
#include "cluster/sync_bytes.h"
#include "tenord/set_snapshot.h"
#include "tenord/snapshot.h"
#include "tenord/tenord.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { NICENESS = 10, WAIT_TRIES = 10, FILE_TEXT_MAX = 1 << 20 };

struct creating {
    struct set_reading *reading;
    struct held_chain held;
    char folder[PATH_SIZE]; /* until it is whole */
    struct set_snapshot_maker *maker;
    struct snapshot_chunk *chunks;
    uint32_t chunks_count, chunks_room;
    struct set_snapshot_epoch *epochs;
    uint32_t epochs_count, epochs_room;
    uint8_t certificate[SYNC_CERT_MAX];
    uint32_t certificate_size;
    uint64_t log_end; /* position behind the log's last record */
    struct snapshot_pace pace;
};

/* Room for one more of them; NULL after a complaint. */
static void *grow(void *list, uint32_t *room, uint32_t count, size_t size)
{
    if (count < *room) return list;
    uint32_t more = *room == 0 ? 64 : 2 * *room;
    void *grown = realloc(list, more * size);
    if (grown == NULL) {
        complain("out of memory");
        return NULL;
    }
    *room = more;
    return grown;
}

/* ---- Who vouches for it ------------------------------------------------------------------------
 */

static uint8_t *copy_kept(const struct creating *creating, uint32_t *size, enum keeper_kept what,
                          uint64_t number)
{
    struct store_bytes stored;
    if (store_get_receipts(creating->reading->view, &stored, keeper_kept_height(what, number)) !=
        STORE_OK) {
        return NULL;
    }
    uint8_t *bytes = malloc(stored.size + 1);
    if (bytes == NULL) return NULL;
    memcpy(bytes, stored.bytes, stored.size);
    *size = (uint32_t)stored.size;
    return bytes;
}

/* Ends of epochs from the genesis' on, as far as the store has them without a gap. */
static bool take_epochs(struct creating *creating)
{
    for (uint64_t epoch = 0;; epoch++) {
        struct set_snapshot_epoch *epochs =
            grow(creating->epochs, &creating->epochs_room, creating->epochs_count, sizeof *epochs);
        if (epochs == NULL) return false;
        creating->epochs = epochs;
        struct set_snapshot_epoch *next = &epochs[creating->epochs_count];
        *next = (struct set_snapshot_epoch){.epoch = epoch};
        next->handover = copy_kept(creating, &next->handover_size, KEPT_HANDOVER, epoch);
        next->set = copy_kept(creating, &next->set_size, KEPT_SET, epoch + 1);
        if (next->handover == NULL || next->set == NULL) {
            free((void *)(uintptr_t)next->handover);
            free((void *)(uintptr_t)next->set);
            return true;
        }
        creating->epochs_count++;
    }
}

static bool look_at_record(void *context, const struct log_record *record)
{
    struct creating *creating = context;
    struct tn_checkpoint checkpoint;
    creating->log_end = record->position + 1;
    if (record->type != KEEPER_CERTIFIED || record->size > sizeof creating->certificate ||
        record->size < 1 + TN_CHECKPOINT_BYTES) {
        return true;
    }
    tn_checkpoint_read(&checkpoint, record->bytes + 1);
    if (checkpoint.height != creating->reading->point.height) return true;
    memcpy(creating->certificate, record->bytes, record->size);
    creating->certificate_size = record->size;
    return false;
}

/* It may stand before the point from which a restart reads: others can be faster than this node.
 * Without one the snapshot is as good, but only who knows its root can tell. */
static void take_certificate(struct creating *creating, const char *home)
{
    char path[PATH_SIZE];
    struct log_report report;
    const struct timespec pause = {.tv_nsec = 500000000};
    if (!home_path(path, home, "log")) return;
    const bool can_be =
        creating->reading->point.height % creating->reading->conf.limits.checkpoint_blocks == 0;
    for (uint32_t i = 0; can_be && i < WAIT_TRIES && creating->certificate_size == 0; i++) {
        uint64_t end = creating->log_end;
        if (i > 0) nanosleep(&pause, NULL);
        if (log_read_beside(path, machine_cpu(), &report, look_at_record, creating, 1) != LOG_OK) {
            complain("%s", report.problem);
            return;
        }
        if (i > 1 && end == creating->log_end) return; /* nobody writes it */
    }
}

/* ---- Chunks ------------------------------------------------------------------------------------
 */

/* Writes the chunk that begins at `first`; its records, or 0 after a complaint. */
static uint32_t write_chunk(struct creating *creating, uint8_t kind, uint32_t first)
{
    char name[SNAPSHOT_NAME_SIZE], path[PATH_SIZE];
    struct snapshot_chunk chunk;
    const uint8_t *bytes;
    if (!set_snapshot_make_chunk(creating->maker, &chunk, &bytes, kind, first)) return 0;
    struct snapshot_chunk *chunks =
        grow(creating->chunks, &creating->chunks_room, creating->chunks_count, sizeof chunk);
    if (chunks == NULL) return 0;
    creating->chunks = chunks;
    chunks[creating->chunks_count++] = chunk;
    set_snapshot_chunk_name(name, kind, first);
    if (!home_path(path, creating->folder, name) || !file_make(path, bytes, chunk.size)) return 0;
    snapshot_keep_pace(&creating->pace, chunk.size);
    return chunk.count;
}

static bool write_chunks(struct creating *creating)
{
    for (uint32_t kind = 1; kind < TN_CHAIN_KINDS; kind++) {
        const uint32_t total = set_snapshot_total(creating->maker, (uint8_t)kind);
        for (uint32_t first = 0; first < total;) {
            uint32_t count = write_chunk(creating, (uint8_t)kind, first);
            if (count == 0) return false;
            first += count;
        }
    }
    return true;
}

/* ---- The folder --------------------------------------------------------------------------------
 */

static bool copy_text(const struct creating *creating, const char *home, const char *name)
{
    char from[PATH_SIZE], to[PATH_SIZE];
    size_t size;
    if (!home_path(from, home, name) || !home_path(to, creating->folder, name)) return false;
    uint8_t *bytes = file_read(&size, from, FILE_TEXT_MAX);
    bool is_good = bytes != NULL && file_make(to, bytes, size);
    free(bytes);
    return is_good;
}

static bool write_head(const struct creating *creating)
{
    char path[PATH_SIZE];
    struct set_snapshot_head head = {.height = creating->reading->point.height,
                                     .root = creating->reading->point.root,
                                     .certificate = creating->certificate,
                                     .certificate_size = creating->certificate_size,
                                     .epochs_count = creating->epochs_count,
                                     .chunks_count = creating->chunks_count};
    memcpy(head.chain_id, creating->reading->conf.limits.chain_id, sizeof head.chain_id);
    size_t size = set_snapshot_write_head(NULL, 0, &head, creating->epochs, creating->chunks);
    uint8_t *bytes = size <= SNAPSHOT_HEAD_MAX ? malloc(size) : NULL;
    bool is_good = bytes != NULL;
    if (!is_good) complain("the list of %u chunks is too long", creating->chunks_count);
    if (is_good) {
        set_snapshot_write_head(bytes, size, &head, creating->epochs, creating->chunks);
        is_good = home_path(path, creating->folder, "head") && file_write(path, bytes, size);
    }
    free(bytes);
    return is_good;
}

static void drop_folder(const struct creating *creating)
{
    static const char *const names[] = {"head", "genesis.conf", "set.conf"};
    char name[SNAPSHOT_NAME_SIZE], path[PATH_SIZE];
    for (uint32_t i = 0; i < creating->chunks_count; i++) {
        set_snapshot_chunk_name(name, creating->chunks[i].kind, creating->chunks[i].first);
        if (home_path(path, creating->folder, name)) unlink(path);
    }
    for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (home_path(path, creating->folder, names[i])) unlink(path);
    rmdir(creating->folder);
}

static int write_all(struct creating *creating, const char *home, const char *to)
{
    creating->maker = set_snapshot_maker_make(creating->held.chain, SET_SNAPSHOT_EQUITY_DEPTH);
    if (creating->maker == NULL) return END_FAILED;
    if (!snapshot_folder_begin(creating->folder, to)) return end_of_place(errno);
    creating->pace.began_us = monotonic_us();
    bool is_good = write_chunks(creating) && copy_text(creating, home, "genesis.conf") &&
                   copy_text(creating, home, "set.conf") && write_head(creating) &&
                   snapshot_folder_end(creating->folder, to);
    if (!is_good) {
        drop_folder(creating);
        return END_FAILED;
    }
    printf("%s: height %llu, root %s, %u chunks, %llu bytes, %s\n", to,
           (unsigned long long)creating->reading->point.height,
           hash_text(&creating->reading->point.root), creating->chunks_count,
           (unsigned long long)creating->pace.bytes_count,
           creating->certificate_size > 0
               ? "with the sequencers' certificate"
               : "without a certificate: who verifies it needs --root of another source");
    return END_GOOD;
}

static int create(struct creating *creating, const char *home, const char *to)
{
    struct set_reading *reading = creating->reading;
    if (reading == NULL || !set_reading_open(reading)) return set_reading_end(reading);
    if (!set_chain_load(&creating->held, reading)) return END_WRONG;
    if (!take_epochs(creating)) return END_FAILED;
    store_view_end(reading->view);
    reading->view = NULL;
    take_certificate(creating, home);
    return write_all(creating, home, to);
}

int set_snapshot_create(const char *home, const char *to, uint64_t rate_mib)
{
    struct creating *creating = calloc(1, sizeof *creating);
    if (creating == NULL) {
        complain("out of memory");
        return END_FAILED;
    }
    setpriority(PRIO_PROCESS, 0, NICENESS); /* if it fails, it is only less polite */
    creating->pace.rate = rate_mib << 20;
    creating->reading = set_reading_make(home);
    int end = create(creating, home, to);
    for (uint32_t i = 0; i < creating->epochs_count; i++) {
        free((void *)(uintptr_t)creating->epochs[i].handover);
        free((void *)(uintptr_t)creating->epochs[i].set);
    }
    free(creating->epochs);
    free(creating->chunks);
    set_snapshot_maker_free(creating->maker);
    set_chain_drop(&creating->held);
    set_reading_close(creating->reading);
    free(creating);
    return end;
}
