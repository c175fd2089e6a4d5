/* snapshot create: a replica is loaded from one view of the store, for its trees; the view ends as
 * soon as that is done, so the running node's store does not grow meanwhile. Then the replica is
 * written out, run of leaves by run of leaves, into a folder that gets its name at the end. */
#include "clock.h"
#include "reading.h"
#include "snapshot.h"
#include "tenord.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NICENESS = 10 };

struct creating {
    const struct tn_replica *replica;
    const struct tn_replica_limits *limits;
    char folder[PATH_SIZE]; /* until it is whole */
    uint8_t *buffer;        /* a chunk */
    size_t buffer_size;
    struct snapshot_chunk *chunks;
    uint32_t chunks_count, chunks_room;
    struct snapshot_pace pace;
};

/* ---- At a bounded pace ------------------------------------------------------------------------
 */

void snapshot_keep_pace(struct snapshot_pace *pace, uint64_t bytes_count)
{
    pace->bytes_count += bytes_count;
    if (pace->rate == 0) return;
    int64_t spent_us = monotonic_us() - pace->began_us;
    int64_t due_us = (int64_t)(pace->bytes_count / pace->rate * 1000000 +
                               pace->bytes_count % pace->rate * 1000000 / pace->rate);
    if (due_us <= spent_us) return;
    struct timespec pause = {.tv_sec = (due_us - spent_us) / 1000000,
                             .tv_nsec = (due_us - spent_us) % 1000000 * 1000};
    nanosleep(&pause, NULL);
}

/* ---- A chunk ----------------------------------------------------------------------------------
 */

static bool note_chunk(struct creating *creating, const struct snapshot_chunk *chunk)
{
    if (creating->chunks_count == creating->chunks_room) {
        uint32_t room = creating->chunks_room == 0 ? 64 : 2 * creating->chunks_room;
        struct snapshot_chunk *more = realloc(creating->chunks, room * sizeof *more);
        if (more == NULL) {
            complain("out of memory");
            return false;
        }
        creating->chunks = more;
        creating->chunks_room = room;
    }
    creating->chunks[creating->chunks_count++] = *chunk;
    return true;
}

/* A record behind its length; what it takes in the buffer. */
static size_t put_record(struct creating *creating, size_t used, uint8_t kind, uint32_t index)
{
    size_t room = creating->buffer_size - used - SNAPSHOT_LENGTH;
    uint8_t *out = creating->buffer + used;
    size_t size = tn_replica_record(creating->replica, out + SNAPSHOT_LENGTH, room, kind, index);
    TN_ASSERT(size <= room && size <= UINT32_MAX);
    tn_put_be(out, size, SNAPSHOT_LENGTH);
    return SNAPSHOT_LENGTH + size;
}

/* Puts up to `most` records from first on, fewer when they are large: then a power of two of them.
 * Returns what they take with the chunk's head. */
static size_t put_run(struct creating *creating, uint32_t *count, uint8_t kind, uint32_t first,
                      uint32_t most)
{
    size_t ends[1 << SNAPSHOT_RUN_DEPTH];
    size_t used = SNAPSHOT_CHUNK_HEAD;
    TN_ASSERT(most >= 1 && most <= 1 << SNAPSHOT_RUN_DEPTH);
    for (*count = 0; *count < most && used <= SNAPSHOT_CHUNK_AIM; ++*count) {
        used += put_record(creating, used, kind, first + *count);
        if (kind == TN_RECORD_ACCOUNT) {
            used += put_record(creating, used, TN_RECORD_POSITIONS, first + *count);
        }
        ends[*count] = used;
    }
    if (*count == most) return used;
    *count = UINT32_C(1) << (31 - __builtin_clz(*count));
    return ends[*count - 1];
}

/* What follows the records: a proof of the run; of the chain's chunk, the markets root. */
static size_t put_proof(struct creating *creating, size_t used, uint8_t kind, uint32_t first,
                        uint32_t depth)
{
    const struct tn_state *state = tn_replica_state(creating->replica);
    uint8_t *out = creating->buffer + used;
    size_t size = 0;
    if (kind == TN_RECORD_CHAIN) {
        struct tn_hash root;
        tn_state_markets_root(&root, state);
        memcpy(out + SNAPSHOT_LENGTH, root.bytes, TN_HASH_SIZE);
        size = TN_HASH_SIZE;
    } else if (kind != TN_RECORD_EQUITY) {
        const struct tn_state_head *head = &tn_replica_heads(creating->replica)->state;
        size = tn_state_prove_leaves(state, out + SNAPSHOT_LENGTH, TN_STATE_PROOF_ROOM, head,
                                     (enum tn_record_kind)kind, first, depth);
        TN_ASSERT(size > 0);
    }
    tn_put_be(out, size, SNAPSHOT_LENGTH);
    return used + SNAPSHOT_LENGTH + size;
}

/* A run begins at a multiple of its size. */
static uint32_t depth_at(uint8_t kind, uint32_t first)
{
    uint32_t most = kind == TN_RECORD_BOOK ? SNAPSHOT_BOOK_DEPTH : SNAPSHOT_RUN_DEPTH;
    uint32_t aligned = first == 0 ? most : (uint32_t)__builtin_ctz(first);
    return aligned < most ? aligned : most;
}

/* Writes the chunk that begins at `first`; its records, or 0 after a complaint. */
static uint32_t write_chunk(struct creating *creating, uint8_t kind, uint32_t first, uint32_t total)
{
    char name[SNAPSHOT_NAME_SIZE], path[PATH_SIZE];
    uint32_t depth = depth_at(kind, first), count;
    uint32_t most = total - first < UINT32_C(1) << depth ? total - first : UINT32_C(1) << depth;
    size_t used = put_run(creating, &count, kind, first, most);
    if (count < most) depth = (uint32_t)__builtin_ctz(count);
    snapshot_write_chunk_head(creating->buffer, kind, first, count);
    used = put_proof(creating, used, kind, first, depth);
    struct snapshot_chunk chunk = {.kind = kind, .first = first, .count = count, .size = used};
    tn_keccak256(&chunk.hash, creating->buffer, used);
    snapshot_chunk_name(name, kind, first);
    if (!home_path(path, creating->folder, name) || !file_make(path, creating->buffer, used) ||
        !note_chunk(creating, &chunk)) {
        return 0;
    }
    snapshot_keep_pace(&creating->pace, used);
    return count;
}

static bool write_chunks(struct creating *creating)
{
    for (uint8_t kind = 1; kind < TN_REPLICA_KINDS; kind++) {
        if (kind == TN_RECORD_POSITIONS) continue; /* beside their accounts */
        uint32_t total = tn_replica_records_count(creating->replica, kind);
        for (uint32_t first = 0; first < total;) {
            uint32_t count = write_chunk(creating, kind, first, total);
            if (count == 0) return false;
            first += count;
        }
    }
    return true;
}

/* ---- The head ---------------------------------------------------------------------------------
 */

static bool write_head(const struct creating *creating, const char *home)
{
    const struct tn_replica_heads *heads = tn_replica_heads(creating->replica);
    char path[PATH_SIZE];
    size_t genesis_size = 0;
    char *genesis = home_genesis(&genesis_size, home);
    if (genesis == NULL) return false;
    struct snapshot_head head = {
        .market = creating->limits->market,
        .exit_blocks = creating->limits->exit_blocks,
        .height = heads->height,
        .root = heads->root,
        .genesis = genesis,
        .genesis_size = (uint32_t)genesis_size,
        .chunks_count = creating->chunks_count,
    };
    memcpy(head.chain_id, creating->limits->chain_id, sizeof head.chain_id);
    size_t size = snapshot_head_size(&head);
    uint8_t *bytes = malloc(size);
    bool is_good = bytes != NULL && size <= SNAPSHOT_HEAD_MAX;
    if (!is_good) complain("the list of %u chunks is too long", creating->chunks_count);
    if (is_good) {
        snapshot_write_head(bytes, &head, creating->chunks);
        is_good = home_path(path, creating->folder, "head") && file_write(path, bytes, size);
    }
    free(bytes);
    free(genesis);
    return is_good;
}

/* ---- The whole --------------------------------------------------------------------------------
 */

static bool take_buffer(struct creating *creating)
{
    size_t most = 0;
    for (uint8_t kind = 1; kind < TN_REPLICA_KINDS; kind++) {
        size_t size = tn_replica_record_size_max(creating->limits, kind);
        if (size > most) most = size;
    }
    creating->buffer_size = SNAPSHOT_CHUNK_AIM + 2 * (SNAPSHOT_LENGTH + most) +
                            TN_STATE_PROOF_ROOM + SNAPSHOT_CHUNK_HEAD + SNAPSHOT_LENGTH;
    creating->buffer = memory_take(creating->buffer_size);
    return creating->buffer != NULL;
}

/* What was written, when it did not become whole. */
static void drop_folder(const struct creating *creating)
{
    char name[SNAPSHOT_NAME_SIZE], path[PATH_SIZE];
    for (uint32_t i = 0; i < creating->chunks_count; i++) {
        const struct snapshot_chunk *chunk = &creating->chunks[i];
        snapshot_chunk_name(name, chunk->kind, chunk->first);
        if (home_path(path, creating->folder, name)) unlink(path);
    }
    if (home_path(path, creating->folder, "head")) unlink(path);
    rmdir(creating->folder);
}

bool snapshot_folder_begin(char folder[PATH_SIZE], const char *to)
{
    size_t to_size = strlen(to);
    while (to_size > 1 && to[to_size - 1] == '/')
        to_size--;
    int length = snprintf(folder, PATH_SIZE, "%.*s.part", (int)to_size, to);
    if (length < 0 || (size_t)length >= PATH_SIZE) {
        complain("the name of the folder %s is too long", to);
        errno = ENAMETOOLONG;
        return false;
    }
    if (access(to, F_OK) == 0) {
        complain("%s is there already; give a new folder", to);
        errno = EEXIST;
        return false;
    }
    if (mkdir(folder, 0755) == 0) return true;
    int why = errno;
    complain("cannot make %s: %s%s", folder, strerror(why),
             why == EEXIST ? "; a snapshot is being made there, or one was cut off: remove it"
                           : "");
    errno = why;
    return false;
}

bool snapshot_folder_end(const char *folder, const char *to)
{
    if (rename(folder, to) == 0 && folder_sync_of(folder)) return true;
    complain("cannot rename %s to %s: %s", folder, to, strerror(errno));
    return false;
}

static int create(struct creating *creating, const char *home, const char *to)
{
    if (!take_buffer(creating)) return END_FAILED;
    if (!snapshot_folder_begin(creating->folder, to)) return end_of_place(errno);
    creating->pace.began_us = monotonic_us();
    if (!write_chunks(creating) || !write_head(creating, home) ||
        !snapshot_folder_end(creating->folder, to)) {
        drop_folder(creating);
        return END_FAILED;
    }
    const struct tn_replica_heads *heads = tn_replica_heads(creating->replica);
    printf("%s: height %llu, root %s, %u chunks, %llu bytes\n", to,
           (unsigned long long)heads->height, hash_text(&heads->root), creating->chunks_count,
           (unsigned long long)creating->pace.bytes_count);
    return END_GOOD;
}

int snapshot_create(const char *home, const char *to, uint64_t rate_mib)
{
    struct reading reading;
    setpriority(PRIO_PROCESS, 0, NICENESS); /* if it fails, it is only less polite */
    if (!reading_open(&reading, home)) return END_REFUSED;
    int end = reading_load(&reading) ? END_GOOD : END_WRONG;
    store_view_end(reading.view);
    reading.view = NULL;
    struct creating creating = {
        .replica = reading.held.replica, .limits = &reading.limits, .pace.rate = rate_mib << 20};
    if (end == END_GOOD) end = create(&creating, home, to);
    memory_give(creating.buffer, creating.buffer_size);
    free(creating.chunks);
    reading_close(&reading);
    return end;
}
