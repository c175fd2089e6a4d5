/* machine: log, replica and store, in this order for every entry.
 *
 * The log has two records: an entry, and the headers that seal the entries before it. Whatever a
 * crash leaves, what is below the log's end was all applied in order, so recovery is the normal
 * path fed from the log, with each block's headers compared to those that were logged.
 *
 * A block's root stands in the next block's header, so the trees are brought up to date by a thread
 * (hasher.h) while the next block's entries are taken: settle() waits for it before anything reads
 * the root or the trees. */
#include "machine.h"
#include "cluster/hands.h"
#include "hasher.h"
#include "history.h"
#include "tenord.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BODY_BYTES_MAX = 8 << 20, /* a block is sealed when its entries or events outgrow these */
    RECEIPTS_BYTES_MAX = 4 << 20,
    HISTORY_BYTES_MAX = 16 << 20, /* a checkpoint comes early when blocks have put more */
    NAMES_AT_ONCE = TN_RECORDS_AHEAD,
    STORE_WAIT_MS = 1000,
};

struct machine {
    struct machine_options options;
    struct tn_replica_limits limits;
    struct held_replica held;
    struct log *log;
    struct store *store;
    struct history history; /* of the open block */
    struct tn_event *events;
    uint32_t events_max;
    struct tn_stream_scratch *scratch;
    uint8_t *record;
    size_t record_size;
    uint64_t entries_count; /* of the open block */
    uint64_t durable;
    uint64_t checkpoint_position; /* log position after the last sealed block */
    uint64_t saved_height;        /* of the last checkpoint; STORE_HEIGHT_NONE: there is none */
    struct hasher *hasher;
    struct hands *hands; /* at the end of a block; hashing goes on beside entries and has none */
    struct tn_batch_header told_batch; /* of the last block, */
    struct tn_block_header told_block; /* which is told of when its root is known */
    bool is_hashing;                   /* the last block's root is not taken yet */
    uint8_t pending[LOG_BLOCK_SIZE];
    bool is_recovering; /* blocks of the log are told of already */
    bool has_pending;   /* a sealed block whose headers the log had no room for */
    bool is_due;        /* a checkpoint waits for the log to be durable; nothing is taken before */
    int open_end;       /* how a command ends when this does not open */
};

/* ---- Sealing -----------------------------------------------------------------------------------
 */

static enum machine_answer fail_store(struct machine *machine)
{
    struct store_status status;
    store_status(machine->store, &status);
    complain("%s", status.trail.text);
    return MACHINE_FAILED;
}

/* The store has no room in its queue: true when it is worth trying again. A full disk is waited
 * for, until told to stop, because the log has everything and nothing more is taken meanwhile. */
static bool wait_for_store(void *context)
{
    struct machine *machine = context;
    enum store_err err = store_drain(machine->store, STORE_WAIT_MS);
    if (err == STORE_OK || err == STORE_BUSY) return true;
    if (err != STORE_FULL) return false;
    struct store_status status;
    store_status(machine->store, &status);
    note("msg=full accepting=no why=\"%s\"", status.trail.text);
    return machine->options.stop == NULL || !*machine->options.stop;
}

static enum machine_answer settle_put(struct machine *machine, enum store_err err)
{
    if (err == STORE_OK) return MACHINE_TAKEN;
    if (err == STORE_TOO_LARGE) {
        complain("a checkpoint outgrew the store's queue; lower --checkpoint-blocks");
        return MACHINE_FAILED;
    }
    if (err == STORE_BUSY || err == STORE_FULL) { /* told to stop while the disk is full */
        complain("stopped before the store had room; the log has everything");
        return MACHINE_FAILED;
    }
    return fail_store(machine);
}

/* What changed since the last checkpoint, as of the last block. */
static enum machine_answer put_records(struct machine *machine)
{
    struct tn_record_name names[NAMES_AT_ONCE];
    uint32_t count;
    enum machine_answer answer = MACHINE_TAKEN;
    while ((count = tn_replica_changed(machine->held.replica, names, NAMES_AT_ONCE)) > 0) {
        tn_replica_records_ahead(machine->held.replica, names, count);
        for (uint32_t i = 0; i < count && answer == MACHINE_TAKEN; i++) {
            size_t size = tn_replica_record(machine->held.replica, machine->record,
                                            machine->record_size, names[i].kind, names[i].index);
            TN_ASSERT(size <= machine->record_size);
            enum store_err err;
            while ((err = store_put_record(machine->store, names[i].kind, names[i].index,
                                           machine->record, size)) == STORE_BUSY) {
                if (!wait_for_store(machine)) break;
            }
            answer = settle_put(machine, err);
        }
        if (answer != MACHINE_TAKEN) return answer;
    }
    return MACHINE_TAKEN;
}

static void tell_block(const struct machine *machine, const struct tn_hash *root)
{
    if (machine->options.quiet || machine->is_recovering) return;
    note("msg=block height=%llu entries=%u weight=%llu root=%s",
         (unsigned long long)machine->told_block.height, machine->told_batch.entries_count,
         (unsigned long long)machine->told_batch.weight, hash_text(root));
}

/* The last block's root is known from here on. */
static void settle(void *context)
{
    struct machine *machine = context;
    struct tn_hash root;
    if (!machine->is_hashing) return;
    hasher_wait(machine->hasher);
    tn_replica_end_block_finish(machine->held.replica, &root);
    machine->is_hashing = false;
    tell_block(machine, &root);
}

static void hash_block(void *context)
{
    tn_replica_hash(((struct machine *)context)->held.replica);
}

/* The store must never be ahead of what the log holds durably: its thread may write a checkpoint at
 * once. What is replayed is durable already, also where the log has no room to go on. */
static enum machine_answer save_checkpoint(struct machine *machine)
{
    const struct tn_replica_heads *heads = tn_replica_heads(machine->held.replica);
    uint64_t durable = log_durable_position(machine->log);
    settle(machine);
    enum machine_answer answer = MACHINE_TAKEN;
    /* The log has its headers, so the position is the block's, and nothing was taken since. */
    TN_ASSERT(!machine->has_pending && machine->entries_count == 0);
    if (heads->height == machine->saved_height) return MACHINE_TAKEN;
    if (durable < machine->checkpoint_position) answer = machine_sync(machine, &durable);
    machine->is_due = answer == MACHINE_FULL;
    if (answer == MACHINE_TAKEN) answer = put_records(machine);
    if (answer != MACHINE_TAKEN) return answer;
    TN_ASSERT(durable >= machine->checkpoint_position);
    const struct store_point point = {
        .height = heads->height, .root = heads->root, .log_position = machine->checkpoint_position};
    enum store_err err;
    while ((err = store_checkpoint(machine->store, &point)) == STORE_BUSY) {
        if (!wait_for_store(machine)) break;
    }
    if (err == STORE_FULL) err = STORE_OK; /* it stands in the queue and is tried again */
    if (err == STORE_OK) machine->saved_height = heads->height;
    machine->history.put_bytes = 0;
    return settle_put(machine, err);
}

static enum machine_answer log_headers(struct machine *machine)
{
    uint64_t position;
    enum log_result result =
        log_append(machine->log, &position, LOG_BLOCK, machine->pending, sizeof machine->pending);
    if (result == LOG_FULL) return MACHINE_FULL;
    if (result != LOG_OK) {
        complain("%s", log_problem(machine->log));
        return MACHINE_FAILED;
    }
    machine->has_pending = false;
    machine->checkpoint_position = position + 1;
    return MACHINE_TAKEN;
}

/* Ends batch and block; the headers in machine->pending. */
static enum machine_answer end_block(struct machine *machine)
{
    struct tn_batch_header *batch = &machine->told_batch;
    struct tn_block_header *block = &machine->told_block;
    struct tn_hash hash;
    struct tn_replica *replica = machine->held.replica;
    struct tn_batch_header ended;
    tn_replica_end_batch(replica, &ended);
    if (machine->is_hashing) tn_replica_end_block_gather(replica, settle, machine);
    settle(machine);
    *batch = ended;
    uint64_t height = tn_replica_heads(replica)->height + 1;
    *block = (struct tn_block_header){.epoch = 1, .view = height, .parent_view = height - 1};
    block->time_ms = (uint64_t)tn_exchange_time_ms(tn_replica_exchange(replica));
    const struct tn_hands hands = hands_of(machine->hands), none = {0};
    tn_replica_lend_hands(replica, &hands);
    tn_replica_end_block_begin(replica, block, &hash);
    tn_replica_lend_hands(replica, &none);
    machine->is_hashing = true;
    hasher_begin(machine->hasher);
    tn_stream_write_batch_header(machine->pending, batch);
    tn_stream_write_block_header(machine->pending + TN_BATCH_HEADER_BYTES, block);
    machine->entries_count = 0;
    const struct history_block sealed = {.batch = batch, .block = block, .hash = &hash};
    enum store_err err =
        history_put_block(&machine->history, machine->store, &sealed, wait_for_store, machine);
    tn_replica_begin_batch(replica);
    return settle_put(machine, err);
}

static enum machine_answer take_checkpoint(struct machine *machine)
{
    uint64_t height = tn_replica_heads(machine->held.replica)->height;
    bool is_turn = height % machine->options.checkpoint_blocks == 0;
    if (!is_turn && machine->history.put_bytes <= HISTORY_BYTES_MAX) return MACHINE_TAKEN;
    return save_checkpoint(machine);
}

/* What a full disk has put off: a block's headers, a checkpoint. */
static enum machine_answer catch_up(struct machine *machine)
{
    if (machine->is_due) return save_checkpoint(machine);
    if (!machine->has_pending) return MACHINE_TAKEN;
    enum machine_answer answer = log_headers(machine);
    return answer == MACHINE_TAKEN ? take_checkpoint(machine) : answer;
}

/* Seals what there is, even if fewer than block_entries; nothing when there is nothing. */
static enum machine_answer seal(struct machine *machine)
{
    if (machine->entries_count > 0) {
        TN_ASSERT(!machine->has_pending && !machine->is_due);
        enum machine_answer answer = end_block(machine);
        if (answer != MACHINE_TAKEN) return answer;
        machine->has_pending = true;
    }
    return catch_up(machine);
}

/* ---- Entries -----------------------------------------------------------------------------------
 */

static bool is_full_block(const struct machine *machine)
{
    return machine->entries_count >= machine->options.block_entries ||
           machine->history.body_size > BODY_BYTES_MAX ||
           machine->history.receipts_size > RECEIPTS_BYTES_MAX;
}

/* Applies what is in the log. */
static bool apply(struct machine *machine, struct machine_results *results,
                  const struct tn_entry *entry, const uint8_t *bytes, size_t size)
{
    uint32_t count = tn_replica_apply(machine->held.replica, machine->events, machine->events_max,
                                      entry, bytes, size);
    machine->entries_count++;
    results->events = machine->events;
    results->events_count = count;
    return history_add(&machine->history, bytes, size, machine->events, count);
}

enum machine_answer machine_take(struct machine *machine, struct machine_results *results,
                                 struct tn_stream_fault *fault, const uint8_t *bytes, size_t size)
{
    struct tn_entry entry;
    size_t used;
    if (machine->has_pending || machine->is_due || log_no_space(machine->log)) return MACHINE_FULL;
    if (!tn_stream_read_entry(&entry, &used, fault, machine->scratch, bytes, size)) {
        return MACHINE_REFUSED;
    }
    if (used != size) {
        *fault = (struct tn_stream_fault){.at = used, .what = "bytes follow the entry"};
        return MACHINE_REFUSED;
    }
    enum log_result result = log_append(machine->log, &results->position, LOG_ENTRY, bytes, size);
    if (result == LOG_FULL) return MACHINE_FULL;
    if (result != LOG_OK) {
        complain("%s", log_problem(machine->log));
        return MACHINE_FAILED;
    }
    if (!apply(machine, results, &entry, bytes, size)) return MACHINE_FAILED;
    if (!is_full_block(machine)) return MACHINE_TAKEN;
    enum machine_answer answer = seal(machine);
    return answer == MACHINE_FAILED ? answer : MACHINE_TAKEN;
}

enum machine_answer machine_sync(struct machine *machine, uint64_t *durable)
{
    enum log_result result = log_sync(machine->log, &machine->durable);
    *durable = machine->durable;
    if (result == LOG_OK) return MACHINE_TAKEN;
    if (result == LOG_FULL) return MACHINE_FULL;
    complain("%s", log_problem(machine->log));
    return MACHINE_FAILED;
}

enum machine_answer machine_tend(struct machine *machine)
{
    struct store_status status;
    if (machine->is_hashing && hasher_is_done(machine->hasher)) settle(machine);
    store_status(machine->store, &status);
    if (status.state == STORE_FULL && machine->options.store_unthreaded) {
        status.state = store_drain(machine->store, 0);
    }
    if (status.state == STORE_FAILED || status.state == STORE_CORRUPT) return fail_store(machine);
    if (status.log_needed_from > 0) {
        enum log_result released = log_release(machine->log, status.log_needed_from);
        if (released != LOG_OK && released != LOG_FULL) {
            complain("%s", log_problem(machine->log));
            return MACHINE_FAILED;
        }
    }
    enum log_result result =
        log_no_space(machine->log) ? log_retry(machine->log) : log_tend(machine->log);
    if (result != LOG_OK && result != LOG_FULL) {
        complain("%s", log_problem(machine->log));
        return MACHINE_FAILED;
    }
    /* Without room for a spare there may be room in the segment at hand; and a checkpoint lets old
     * segments go. */
    enum machine_answer answer = catch_up(machine);
    return answer == MACHINE_TAKEN && result == LOG_FULL ? MACHINE_FULL : answer;
}

/* From here on damage to the log's last records cannot be taken for what a crash tore off. */
static enum machine_answer seal_log(struct machine *machine)
{
    enum log_result result = log_seal(machine->log);
    if (result == LOG_OK) return MACHINE_TAKEN;
    if (result == LOG_FULL) return MACHINE_FULL;
    complain("%s", log_problem(machine->log));
    return MACHINE_FAILED;
}

enum machine_answer machine_flush(struct machine *machine)
{
    enum machine_answer answer = seal(machine);
    uint64_t durable;
    if (answer == MACHINE_TAKEN) answer = machine_sync(machine, &durable);
    if (answer == MACHINE_TAKEN) answer = save_checkpoint(machine);
    while (answer == MACHINE_TAKEN) {
        enum store_err err = store_drain(machine->store, STORE_WAIT_MS);
        if (err == STORE_OK) break;
        if (err != STORE_BUSY && err != STORE_FULL) return fail_store(machine);
        if (err == STORE_FULL && !wait_for_store(machine)) answer = MACHINE_FULL;
    }
    return answer == MACHINE_TAKEN ? seal_log(machine) : answer;
}

/* ---- Opening -----------------------------------------------------------------------------------
 */

struct recovery {
    struct machine *machine;
    uint64_t entries_count, blocks_count;
    bool failed;
};

static bool recover_entry(struct machine *machine, const struct log_record *record)
{
    struct tn_entry entry;
    struct tn_stream_fault fault;
    struct machine_results results;
    size_t used;
    if (!tn_stream_read_entry(&entry, &used, &fault, machine->scratch, record->bytes,
                              record->size) ||
        used != record->size) {
        complain("the log's record %llu is no entry that this program reads",
                 (unsigned long long)record->position);
        machine->open_end = END_WRONG;
        return false;
    }
    return apply(machine, &results, &entry, record->bytes, record->size);
}

/* What a block that was executed again says otherwise than the log. */
static const char *name_difference(const uint8_t *logged, const uint8_t *here)
{
    struct tn_batch_header batches[2];
    struct tn_block_header blocks[2];
    struct tn_stream_fault fault;
    const uint8_t *const both[2] = {logged, here};
    for (uint32_t i = 0; i < 2; i++) {
        if (!tn_stream_read_batch_header(&batches[i], &fault, both[i], TN_BATCH_HEADER_BYTES) ||
            !tn_stream_read_block_header(&blocks[i], &fault, both[i] + TN_BATCH_HEADER_BYTES,
                                         TN_BLOCK_HEADER_BYTES)) {
            return "its headers do not read";
        }
    }
    if (!tn_hash_equal(&batches[0].entries_root, &batches[1].entries_root)) return "its entries";
    if (!tn_hash_equal(&blocks[0].exec_root, &blocks[1].exec_root)) {
        return "the root of the state before it";
    }
    if (!tn_hash_equal(&batches[0].results_digest, &batches[1].results_digest)) {
        return "the results of its entries";
    }
    return "its place in the chain";
}

static bool recover_block(struct machine *machine, const struct log_record *record)
{
    if (record->size != LOG_BLOCK_SIZE || machine->entries_count == 0) {
        complain("the log's record %llu is no block", (unsigned long long)record->position);
        machine->open_end = END_WRONG;
        return false;
    }
    if (end_block(machine) == MACHINE_FAILED) return false;
    if (memcmp(machine->pending, record->bytes, LOG_BLOCK_SIZE) != 0) {
        complain("block %llu, executed again, differs from the log in %s: this program decides "
                 "differently from the one that made it; run that one",
                 (unsigned long long)tn_replica_heads(machine->held.replica)->height,
                 name_difference(record->bytes, machine->pending));
        machine->open_end = END_WRONG;
        return false;
    }
    machine->checkpoint_position = record->position + 1;
    return take_checkpoint(machine) != MACHINE_FAILED;
}

static bool recover_record(void *context, const struct log_record *record)
{
    struct recovery *recovery = context;
    if (record->type == LOG_ENTRY) {
        recovery->entries_count++;
        recovery->failed = !recover_entry(recovery->machine, record);
    } else if (record->type == LOG_BLOCK) {
        recovery->blocks_count++;
        recovery->failed = !recover_block(recovery->machine, record);
    } else {
        complain("the log's record %llu has the unknown type %u",
                 (unsigned long long)record->position, record->type);
        recovery->failed = true;
    }
    return !recovery->failed;
}

/* Records from the store; where the log goes on. */
static bool recover_store(struct machine *machine, uint64_t *position)
{
    struct store_view *view;
    struct store_trail trail;
    struct store_point point;
    enum store_err err;
    *position = 1;
    machine->saved_height = STORE_HEIGHT_NONE;
    if (store_view_begin(machine->store, &view, &trail) != STORE_OK) {
        complain("%s", trail.text);
        return false;
    }
    bool is_loaded =
        replica_load(&machine->held, &point, &err, view, !machine->options.store_unthreaded);
    store_view_end(view);
    if (!is_loaded && err != STORE_ABSENT) machine->open_end = END_WRONG;
    if (!is_loaded) return err == STORE_ABSENT;
    *position = point.log_position;
    machine->saved_height = point.height;
    return true;
}

static bool recover_log(struct machine *machine, uint64_t position, const struct log_report *report)
{
    if (report->first_position > position || report->end_position < position) {
        complain("the log holds records %llu to %llu, but the store goes on from %llu: one of them "
                 "is not of this node; restore a backup into an empty home",
                 (unsigned long long)report->first_position,
                 (unsigned long long)report->end_position, (unsigned long long)position);
        machine->open_end = END_WRONG;
        return false;
    }
    struct recovery recovery = {.machine = machine};
    machine->checkpoint_position = position;
    tn_replica_begin_batch(machine->held.replica);
    machine->is_recovering = true;
    enum log_result result = log_read(machine->log, recover_record, &recovery, position);
    settle(machine);
    machine->is_recovering = false;
    if (result != LOG_OK) complain("%s", log_problem(machine->log));
    if (result == LOG_DAMAGED) machine->open_end = END_WRONG;
    if (result != LOG_OK || recovery.failed) return false;
    const struct tn_replica_heads *heads = tn_replica_heads(machine->held.replica);
    note("msg=ready height=%llu entries=%llu root=%s replayed_entries=%llu replayed_blocks=%llu "
         "torn_bytes=%llu",
         (unsigned long long)heads->height, (unsigned long long)machine_entries(machine),
         hash_text(&heads->root), (unsigned long long)recovery.entries_count,
         (unsigned long long)recovery.blocks_count, (unsigned long long)report->torn_bytes);
    return true;
}

static bool open_store(struct machine *machine)
{
    char path[PATH_SIZE];
    struct store_config config;
    struct store_trail trail;
    if (!home_path(path, machine->options.home, "store")) return false;
    home_store_config(&config, &machine->limits, path);
    config.create = true;
    config.threaded = !machine->options.store_unthreaded;
    if (machine->options.store_queue_bytes > 0) {
        config.queue_bytes = (size_t)machine->options.store_queue_bytes;
    }
    config.archive = machine->options.archive;
    config.retain_hours = (uint32_t)machine->options.retain_hours;
    enum store_err err = store_open(&machine->store, &config, &trail);
    if (err == STORE_OK) return true;
    complain("%s", trail.text);
    if (err == STORE_REFUSED) machine->open_end = END_REFUSED;
    if (err == STORE_CORRUPT) machine->open_end = END_WRONG;
    return false;
}

static bool folder_has_logs(const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    bool has_logs = false;
    while (folder != NULL && !has_logs && (entry = readdir(folder)) != NULL) {
        const char *dot = strrchr(entry->d_name, '.');
        has_logs = dot != NULL && strcmp(dot, ".log") == 0;
    }
    if (folder != NULL) closedir(folder);
    return has_logs;
}

/* A log that is made anew begins where the store goes on; but only a home that was restored may
 * have lost its log: else entries that were answered may be missing. */
static bool may_open_log(struct machine *machine, const char *path, bool is_restored)
{
    if (is_restored || machine->saved_height == STORE_HEIGHT_NONE || folder_has_logs(path)) {
        return true;
    }
    complain("the log in %s is gone, but the store is not: entries that were answered may be "
             "missing; restore a backup or a snapshot into an empty home",
             path);
    machine->open_end = END_WRONG;
    return false;
}

static bool open_log(struct machine *machine, struct log_report *report, uint64_t position)
{
    char path[PATH_SIZE], mark[PATH_SIZE];
    if (!home_path(path, machine->options.home, "log") ||
        !home_path(mark, machine->options.home, "restored")) {
        return false;
    }
    bool is_restored = access(mark, F_OK) == 0;
    if (!may_open_log(machine, path, is_restored)) return false;
    /* Also one that is there may be of a process that died before it had synced the name. */
    if ((mkdir(path, 0755) != 0 && errno != EEXIST) || !folder_sync_of(path)) {
        complain("cannot make %s: %s", path, strerror(errno));
        return false;
    }
    const struct log_options options = {.directory = path,
                                        .segment_bytes = machine->options.segment_bytes,
                                        .first_position = is_restored ? position : 1,
                                        .cpu = (enum tn_cpu)machine->limits.exchange.cpu};
    enum log_result result = log_open(&machine->log, report, &options);
    if (result != LOG_OK) {
        complain("%s", report->problem);
        if (result == LOG_REFUSED) machine->open_end = END_REFUSED;
        if (result == LOG_DAMAGED) machine->open_end = END_WRONG;
        return false;
    }
    if (is_restored && (unlink(mark) != 0 || !folder_sync_of(mark))) {
        complain("cannot remove %s: %s", mark, strerror(errno));
        return false;
    }
    return true;
}

static bool take_memory(struct machine *machine)
{
    machine->events_max = tn_exchange_events_max(&machine->limits.exchange);
    machine->events = memory_take((size_t)machine->events_max * sizeof *machine->events);
    machine->scratch = memory_take(sizeof *machine->scratch);
    for (uint8_t kind = 1; kind < TN_REPLICA_KINDS; kind++) {
        size_t size = tn_replica_record_size_max(&machine->limits, kind);
        if (size > machine->record_size) machine->record_size = size;
    }
    machine->record = memory_take(machine->record_size);
    return machine->events != NULL && machine->scratch != NULL && machine->record != NULL &&
           replica_hold(&machine->held, &machine->limits);
}

static bool open_parts(struct machine *machine)
{
    struct log_report report;
    uint64_t position;
    if (!home_limits(&machine->limits, machine->options.home)) {
        machine->open_end = END_REFUSED;
        return false;
    }
    if (!take_memory(machine)) return false;
    machine->hasher = hasher_open(hash_block, machine, !machine->options.store_unthreaded);
    if (machine->hasher == NULL) return false;
    machine->hands = hands_open(machine->options.store_unthreaded ? 0 : hands_threads());
    if (machine->hands == NULL) {
        complain("no threads for the ends of blocks: %s", strerror(errno));
        return false;
    }
    history_begin(&machine->history, machine->held.replica);
    if (!open_store(machine) || !recover_store(machine, &position) ||
        !open_log(machine, &report, position) || !recover_log(machine, position, &report)) {
        return false;
    }
    /* The crash may have come between the last entry of a block and its headers. */
    if (is_full_block(machine)) return seal(machine) != MACHINE_FAILED;
    /* A home has a checkpoint from the start: the tools can read it, and a log that goes missing is
     * missed. */
    return machine_entries(machine) > 0 || save_checkpoint(machine) != MACHINE_FAILED;
}

struct machine *machine_open(const struct machine_options *options)
{
    struct machine *machine = calloc(1, sizeof *machine);
    if (machine == NULL) {
        complain("out of memory");
        return NULL;
    }
    machine->options = *options;
    machine->open_end = END_FAILED;
    if (open_parts(machine)) return machine;
    if (options->open_end != NULL) *options->open_end = machine->open_end;
    machine_close(machine);
    return NULL;
}

void machine_close(struct machine *machine)
{
    hasher_close(machine->hasher);
    hands_close(machine->hands);
    if (machine->store != NULL) store_close(machine->store);
    if (machine->log != NULL) log_close(machine->log);
    history_end(&machine->history);
    replica_drop(&machine->held);
    memory_give(machine->events, (size_t)machine->events_max * sizeof *machine->events);
    memory_give(machine->scratch, sizeof *machine->scratch);
    memory_give(machine->record, machine->record_size);
    free(machine);
}

uint64_t machine_entries(const struct machine *machine)
{
    return tn_replica_heads(machine->held.replica)->entries_count + machine->entries_count;
}

uint64_t machine_height(const struct machine *machine)
{
    return tn_replica_heads(machine->held.replica)->height;
}

const struct tn_replica *machine_replica(struct machine *machine)
{
    settle(machine);
    return machine->held.replica;
}

struct store *machine_store(struct machine *machine)
{
    return machine->store;
}
