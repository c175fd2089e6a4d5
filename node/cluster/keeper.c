/* keeper: log and store of a member: opened, restored, written, searched.
 *
 * Whichever of the two a crash leaves, log and store fit: an older checkpoint finds a longer log.
 */
#include "cluster/keeper_internal.h"

#include "store/beside.h"
#include "tenord/machine.h"
#include "tenord/tenord.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Opening -----------------------------------------------------------------------------------
 */

void keeper_store_config(struct store_config *config, const struct tn_chain_limits *limits,
                         const char *path)
{
    struct tn_replica_limits sizes = {.exchange = limits->markets[0].exchange, .market = 1};
    memcpy(sizes.chain_id, limits->chain_id, sizeof sizes.chain_id);
    home_store_config(config, &sizes, path);
    config->queue_bytes = config->queue_bytes * limits->markets_count < UINT32_MAX - 4096
                              ? config->queue_bytes * limits->markets_count
                              : UINT32_MAX - 4096;
    config->create = true;
}

static bool open_store(struct keeper *keeper, int *open_end)
{
    char path[PATH_SIZE];
    struct store_trail trail;
    struct store_config config;
    if (!home_path(path, keeper->options.home, "store")) return false;
    keeper_store_config(&config, keeper->options.limits, path);
    config.threaded = !keeper->options.store_unthreaded;
    config.archive = keeper->options.archive;
    config.receipts_hours = keeper->options.stream_hours;
    enum store_err err = store_open(&keeper->store, &config, &trail);
    if (err == STORE_OK) return true;
    complain("%s", trail.text);
    *open_end = err == STORE_REFUSED ? END_REFUSED : err == STORE_CORRUPT ? END_WRONG : END_FAILED;
    return false;
}

/* A log that is made anew goes on at the store's position: what comes later lies behind it. */
static bool open_log(struct keeper *keeper, struct log_report *report, uint64_t position,
                     int *open_end)
{
    char path[PATH_SIZE];
    if (!home_path(path, keeper->options.home, "log")) return false;
    if ((mkdir(path, 0755) != 0 && errno != EEXIST) || !folder_sync_of(path)) {
        complain("cannot make %s: %s", path, strerror(errno));
        return false;
    }
    const struct log_options options = {.directory = path,
                                        .segment_bytes = keeper->options.segment_bytes,
                                        .first_position = position,
                                        .cpu = machine_cpu()};
    enum log_result result = log_open(&keeper->log, report, &options);
    if (result == LOG_OK) return true;
    complain("%s", report->problem);
    *open_end = result == LOG_REFUSED   ? END_REFUSED
                : result == LOG_DAMAGED ? END_WRONG
                                        : END_FAILED;
    return false;
}

struct keeper *keeper_open(int *open_end, const struct keeper_options *options)
{
    struct keeper *keeper = calloc(1, sizeof *keeper);
    *open_end = END_FAILED;
    if (keeper == NULL) {
        complain("out of memory");
        return NULL;
    }
    keeper->options = *options;
    /* Heights that get a certificate, and the same on every node that has this option: what one
     * serves to a node that joins, the others serve too. */
    const uint64_t step = options->limits->checkpoint_blocks;
    keeper->interval = (options->checkpoint_blocks + step - 1) / step * step;
    for (uint32_t kind = 0; kind < TN_CHAIN_KINDS; kind++) {
        size_t size = tn_chain_record_size_max(options->limits, (uint8_t)kind);
        if (size > keeper->record_size) keeper->record_size = size;
    }
    keeper->record = memory_take(keeper->record_size);
    if (keeper->record != NULL && open_store(keeper, open_end)) return keeper;
    keeper_close(keeper);
    return NULL;
}

void keeper_close(struct keeper *keeper)
{
    if (keeper->store != NULL) store_close(keeper->store);
    if (keeper->log != NULL) log_close(keeper->log);
    for (uint32_t i = 0; i < RECENT_MAX; i++)
        free(keeper->recent[i].bytes);
    for (uint32_t i = 0; i < ENDED_MAX; i++)
        free(keeper->ended[i].handover);
    memory_give(keeper->record, keeper->record_size);
    free(keeper->found);
    free(keeper->backlog);
    free(keeper);
}

/* ---- Restoring ---------------------------------------------------------------------------------
 */

struct loading {
    struct tn_chain *chain;
    struct tn_import_fault fault;
    uint8_t kind;
    bool failed;
};

static bool load_record(void *context, uint32_t index, const uint8_t *bytes, size_t size)
{
    struct loading *loading = context;
    loading->failed =
        !tn_chain_import(loading->chain, &loading->fault, loading->kind, index, bytes, size);
    return !loading->failed;
}

static bool complain_fault(const struct tn_import_fault *fault)
{
    complain("the store's record %u %u does not read at byte %u: %s; take the state from the set",
             fault->name.kind, fault->name.index, fault->at,
             fault->what == NULL ? "it contradicts another" : fault->what);
    return false;
}

static bool add_trees(void *context, struct tn_state_record *records, uint32_t count)
{
    if (count == 0) return tn_chain_trees_end(context);
    return tn_chain_trees_add(context, records, count);
}

static bool load_records(struct loading *loading, struct store_view *view)
{
    enum store_err err = STORE_OK;
    for (uint32_t kind = 1; kind < TN_CHAIN_KINDS && err == STORE_OK; kind++) {
        loading->kind = (uint8_t)kind;
        err = store_each_record(view, (uint8_t)kind, 0, load_record, loading);
        if (loading->failed) return complain_fault(&loading->fault);
    }
    if (err != STORE_OK) complain("%s", store_view_trail(view)->text);
    return err == STORE_OK;
}

bool keeper_load_records(struct store_view *view, struct tn_hash *root, struct tn_chain *chain)
{
    struct loading loading = {.chain = chain};
    tn_chain_trees_begin(chain);
    struct store_beside *beside = store_beside_begin(view, add_trees, chain);
    bool is_loaded = load_records(&loading, view);
    if (!is_loaded) store_beside_stop(beside);
    store_beside_end(beside);
    if (!is_loaded) return false;
    return tn_chain_import_end(chain, root, &loading.fault) || complain_fault(&loading.fault);
}

/* False: damaged. *is_there: there was a checkpoint. */
static bool load_chain(struct store_view *view, bool *is_there, struct store_point *point,
                       struct tn_chain *chain)
{
    struct tn_hash root;
    enum store_err err = store_get_point(view, point);
    *is_there = err == STORE_OK;
    if (err == STORE_ABSENT) return true;
    if (err != STORE_OK) {
        complain("%s", store_view_trail(view)->text);
        return false;
    }
    if (!keeper_load_records(view, &root, chain)) return false;
    if (tn_hash_equal(&root, &point->root)) return true;
    complain("the store's records at height %llu lead to the root %s, but the store says %s: it is "
             "damaged; take the state from the set",
             (unsigned long long)point->height, hash_text(&root), hash_text(&point->root));
    return false;
}

/* In the place of the oldest, but of the one of the state that is served. */
static struct certificate *certificate_place(struct keeper *keeper)
{
    struct certificate *kept =
        &keeper->certificates[keeper->certificates_count++ % CERTIFICATES_MAX];
    if (kept->height == 0 || kept->height != keeper_durable_height(keeper)) return kept;
    return &keeper->certificates[keeper->certificates_count++ % CERTIFICATES_MAX];
}

/* Of a checkpoint, for those who ask for its state. False: it is none. */
static bool keep_certificate(struct keeper *keeper, const uint8_t *bytes, size_t size)
{
    struct tn_checkpoint checkpoint;
    if (size < 1 + TN_CHECKPOINT_BYTES || size > SYNC_CERT_MAX) return false;
    tn_checkpoint_read(&checkpoint, bytes + 1);
    struct certificate *kept = certificate_place(keeper);
    kept->height = checkpoint.height;
    kept->size = size;
    memcpy(kept->bytes, bytes, size);
    return true;
}

struct restoring {
    struct keeper *keeper;
    struct tn_member *member;
    uint64_t count;
    bool failed;
};

/* Certificates of checkpoints are the keeper's: the node serves what it served before, as there may
 * be no other one until somebody has taken its state. */
static bool restore_record(void *context, const struct log_record *record)
{
    struct restoring *restoring = context;
    restoring->count++;
    restoring->failed =
        record->type == KEEPER_CERTIFIED
            ? !keep_certificate(restoring->keeper, record->bytes, record->size)
            : !tn_member_restore(restoring->member, record->type, record->bytes, record->size);
    if (restoring->failed) {
        complain("the log's record %llu is none that this program writes",
                 (unsigned long long)record->position);
    }
    return !restoring->failed;
}

/* The one that was there when the checkpoint was written, if it is this one's; else the log has it,
 * behind the position from which it is read. */
static void restore_certificate(struct keeper *keeper, struct store_view *view,
                                const struct store_point *point)
{
    struct store_bytes stored;
    struct tn_checkpoint checkpoint;
    const uint64_t kept = keeper_kept_height(KEPT_CERTIFICATE, 0);
    if (store_get_receipts(view, &stored, kept) != STORE_OK) return;
    if (stored.size < 1 + TN_CHECKPOINT_BYTES) return;
    tn_checkpoint_read(&checkpoint, stored.bytes + 1);
    if (checkpoint.height != point->height ||
        !tn_hash_equal(&checkpoint.state_root, &point->root)) {
        return;
    }
    (void)keep_certificate(keeper, stored.bytes, stored.size);
}

static bool restore_store(struct keeper *keeper, struct keeper_found *found,
                          struct tn_member *member, uint64_t *position)
{
    struct store_view *view;
    struct store_trail trail;
    struct store_point point;
    bool is_there;
    *position = 1;
    if (store_view_begin(keeper->store, &view, &trail) != STORE_OK) {
        complain("%s", trail.text);
        return false;
    }
    bool is_good = load_chain(view, &is_there, &point, tn_member_chain(member));
    if (is_good && is_there) restore_certificate(keeper, view, &point);
    store_view_end(view);
    found->is_new = is_good && !is_there;
    if (!is_good || !is_there) return is_good;
    *position = point.log_position;
    found->height = keeper->height = point.height;
    return true;
}

/* The log is gone: what this key has sealed in the present terms is not known, so it leads none of
 * them again. */
static bool give_terms_up(struct keeper *keeper, struct tn_member *member)
{
    const struct tn_chain_heads *heads = tn_chain_heads(tn_member_chain(member));
    for (uint32_t i = 0; i < keeper->options.limits->markets_count; i++) {
        uint8_t bytes[TN_GOSSIP_BATCH_PREFIX + TN_BATCH_HEADER_BYTES] = {TN_PEER_BATCH};
        struct tn_batch_header header = {.market = heads->streams[i].market,
                                         .term = heads->streams[i].term};
        memcpy(header.chain_id, keeper->options.limits->chain_id, sizeof header.chain_id);
        tn_stream_write_batch_header(bytes + TN_GOSSIP_BATCH_PREFIX, &header);
        keeper_record(keeper, TN_MEMBER_SEALED, bytes, sizeof bytes);
        if (!tn_member_restore(member, TN_MEMBER_SEALED, bytes, sizeof bytes)) return false;
    }
    return !keeper->is_broken;
}

bool keeper_restore(struct keeper *keeper, struct keeper_found *found, struct tn_member *member,
                    int *open_end)
{
    struct log_report report;
    uint64_t position;
    *found = (struct keeper_found){0};
    *open_end = END_WRONG;
    if (!restore_store(keeper, found, member, &position)) return false;
    if (!open_log(keeper, &report, position, open_end)) return false;
    found->torn_bytes = report.torn_bytes;
    found->is_new = found->is_new && report.created;
    *open_end = END_WRONG;
    /* A log that is gone is made anew: the member's key then stays silent until the set has told it
     * that it never signed, or the next epoch comes. */
    if (!report.created && (report.first_position > position || report.end_position < position)) {
        complain("the log holds records %llu to %llu, but the store goes on from %llu: one of them "
                 "is not of this node",
                 (unsigned long long)report.first_position, (unsigned long long)report.end_position,
                 (unsigned long long)position);
        return false;
    }
    if (report.created && found->height > 0 && !give_terms_up(keeper, member)) return false;
    struct restoring restoring = {.keeper = keeper, .member = member};
    enum log_result result =
        report.created ? LOG_OK : log_read(keeper->log, restore_record, &restoring, position);
    found->records_count = restoring.count;
    if (result != LOG_OK) complain("%s", log_problem(keeper->log));
    return result == LOG_OK && !restoring.failed;
}

/* ---- Records and blocks ------------------------------------------------------------------------
 */

void keeper_take_result(struct keeper *keeper, enum log_result result)
{
    if (result == LOG_OK) return;
    if (result == LOG_FULL) {
        keeper->is_full = true;
        return;
    }
    if (!keeper->is_broken) complain("%s", log_problem(keeper->log));
    keeper->is_broken = true;
}

/* What the log has no room for waits here, in order, and nothing that came after it leaves before
 * it is durable. Bounded: the loop takes no turn while the disk is full. */
static void keep_back(struct keeper *keeper, uint8_t type, const uint8_t *bytes, size_t size)
{
    size_t need = keeper->backlog_size + BACKLOG_HEAD + size;
    if (need > keeper->backlog_room) {
        uint8_t *grown = realloc(keeper->backlog, 2 * need);
        if (grown == NULL) {
            complain("out of memory for records");
            keeper->is_broken = true;
            return;
        }
        keeper->backlog = grown;
        keeper->backlog_room = 2 * need;
    }
    uint8_t *at = keeper->backlog + keeper->backlog_size;
    at[0] = type;
    tn_put_be(at + 1, size, 4);
    memcpy(at + BACKLOG_HEAD, bytes, size);
    keeper->backlog_size = need;
}

void keeper_record(struct keeper *keeper, uint8_t type, const uint8_t *bytes, size_t size)
{
    uint64_t position;
    if (keeper->backlog_size == 0) {
        enum log_result result = log_append(keeper->log, &position, type, bytes, size);
        keeper_take_result(keeper, result);
        if (result != LOG_FULL) return;
    }
    keep_back(keeper, type, bytes, size);
}

/* There is room again, maybe. */
void keeper_append_backlog(struct keeper *keeper)
{
    size_t at = 0;
    if (keeper->backlog_size == 0) return;
    while (at < keeper->backlog_size) {
        uint64_t position;
        const uint8_t *record = keeper->backlog + at;
        size_t size = (size_t)tn_get_be(record + 1, 4);
        enum log_result result =
            log_append(keeper->log, &position, record[0], record + BACKLOG_HEAD, size);
        keeper_take_result(keeper, result);
        if (result != LOG_OK) break;
        at += BACKLOG_HEAD + size;
    }
    memmove(keeper->backlog, keeper->backlog + at, keeper->backlog_size - at);
    keeper->backlog_size -= at;
}

static bool put_batch(struct keeper *keeper, const struct tn_gossip *gossip, uint64_t height,
                      const struct tn_hash *digest)
{
    struct tn_gossip_batch held;
    bool is_held = tn_gossip_find(gossip, digest, &held);
    TN_ASSERT(is_held); /* the block was executed just now */
    /* With the signature behind it, so that it can be served again. */
    size_t size = held.body_size + TN_SIGNATURE_SIZE;
    if (size > keeper->found_room) {
        uint8_t *grown = realloc(keeper->found, size);
        if (grown == NULL) return false;
        keeper->found = grown;
        keeper->found_room = size;
    }
    memcpy(keeper->found, held.body, held.body_size);
    memcpy(keeper->found + held.body_size, held.signature.bytes, TN_SIGNATURE_SIZE);
    const struct store_batch batch = {.market = held.header.market,
                                      .sequence = held.header.sequence,
                                      .height = height,
                                      .digest = *digest,
                                      .body = keeper->found,
                                      .body_size = (uint32_t)size};
    enum store_err err;
    while ((err = store_put_batch(keeper->store, &batch)) == STORE_BUSY) {
        if (store_drain(keeper->store, STORE_WAIT_MS) == STORE_FAILED) return false;
    }
    return err == STORE_OK;
}

static bool put_block(struct keeper *keeper, const struct recent *recent)
{
    const struct store_block block = {.height = recent->header.height,
                                      .time_ms = recent->header.time_ms,
                                      .hash = recent->hash,
                                      .header = recent->bytes,
                                      .body = recent->bytes + TN_BLOCK_HEADER_BYTES,
                                      .header_size = TN_BLOCK_HEADER_BYTES,
                                      .body_size =
                                          (uint32_t)(recent->size - TN_BLOCK_HEADER_BYTES)};
    enum store_err err;
    while ((err = store_put_block(keeper->store, &block)) == STORE_BUSY) {
        if (store_drain(keeper->store, STORE_WAIT_MS) == STORE_FAILED) return false;
    }
    return err == STORE_OK;
}

void keeper_block(struct keeper *keeper, const struct tn_gossip *gossip,
                  const struct tn_member_block *block)
{
    struct recent *recent = &keeper->recent[block->header->height % RECENT_MAX];
    free(recent->bytes);
    *recent = (struct recent){.size = TN_BLOCK_HEADER_BYTES + block->body_size,
                              .header = *block->header,
                              .hash = block->hash};
    recent->bytes = malloc(recent->size);
    if (recent->bytes == NULL) {
        complain("out of memory for a block");
        keeper->is_broken = true;
        return;
    }
    tn_stream_write_block_header(recent->bytes, block->header);
    if (block->body_size > 0) {
        memcpy(recent->bytes + TN_BLOCK_HEADER_BYTES, block->body, block->body_size);
    }
    bool is_put = put_block(keeper, recent);
    for (uint32_t i = 0; i < block->header->batches_count && is_put; i++) {
        struct tn_hash digest;
        memcpy(digest.bytes, block->body + (size_t)i * TN_HASH_SIZE, TN_HASH_SIZE);
        is_put = put_batch(keeper, gossip, block->header->height, &digest);
    }
    if (!is_put) {
        complain("the store takes no more blocks");
        keeper->is_broken = true;
    }
    keeper->height = block->header->height;
    keeper->blocks_waiting++;
    keeper->is_due = keeper->height % keeper->interval == 0 && keeper->log != NULL;
}

/* ---- Finding -----------------------------------------------------------------------------------
 */

static bool copy_found(struct keeper *keeper, const uint8_t *bytes, size_t size, size_t before)
{
    if (size + before > keeper->found_room) {
        uint8_t *grown = realloc(keeper->found, size + before);
        if (grown == NULL) return false;
        keeper->found = grown;
        keeper->found_room = size + before;
    }
    if (size > 0) memcpy(keeper->found + before, bytes, size);
    return true;
}

static bool find_stored_block(struct keeper *keeper, struct tn_sequencer_block *block,
                              uint64_t height)
{
    struct store_view *view;
    struct store_trail trail;
    struct store_block stored;
    struct tn_stream_fault fault;
    if (store_view_begin(keeper->store, &view, &trail) != STORE_OK) return false;
    bool is_found = store_get_block(view, &stored, height) == STORE_OK &&
                    tn_stream_read_block_header(&keeper->found_header, &fault, stored.header,
                                                stored.header_size) &&
                    copy_found(keeper, stored.body, stored.body_size, 0);
    if (is_found) {
        *block = (struct tn_sequencer_block){.header = &keeper->found_header,
                                             .hash = stored.hash,
                                             .body = keeper->found,
                                             .body_size = stored.body_size};
    }
    store_view_end(view);
    return is_found;
}

bool keeper_find_block(struct keeper *keeper, struct tn_sequencer_block *block, uint64_t height)
{
    const struct recent *recent = &keeper->recent[height % RECENT_MAX];
    if (recent->bytes == NULL || recent->header.height != height) {
        return find_stored_block(keeper, block, height);
    }
    *block = (struct tn_sequencer_block){.header = &recent->header,
                                         .hash = recent->hash,
                                         .body = recent->bytes + TN_BLOCK_HEADER_BYTES,
                                         .body_size = recent->size - TN_BLOCK_HEADER_BYTES};
    return true;
}

bool keeper_find_batch(struct keeper *keeper, const struct tn_hash *digest, const uint8_t **message,
                       size_t *size)
{
    struct store_view *view;
    struct store_trail trail;
    struct store_batch stored;
    if (store_view_begin(keeper->store, &view, &trail) != STORE_OK) return false;
    bool is_found = store_get_batch_by_digest(view, &stored, digest) == STORE_OK &&
                    stored.body_size > TN_SIGNATURE_SIZE &&
                    copy_found(keeper, stored.body, stored.body_size - TN_SIGNATURE_SIZE,
                               TN_GOSSIP_BATCH_PREFIX);
    if (is_found) {
        size_t body_size = stored.body_size - TN_SIGNATURE_SIZE;
        keeper->found[0] = TN_PEER_BATCH;
        memcpy(keeper->found + 1, stored.body + body_size, TN_SIGNATURE_SIZE);
        *message = keeper->found;
        *size = TN_GOSSIP_BATCH_PREFIX + body_size;
    }
    store_view_end(view);
    return is_found;
}

/* Epochs come from peers and clients, as large as they like: past this they would name other kinds.
 */
#define EPOCH_END (UINT64_C(1) << 56)

static void put_kept(struct keeper *keeper, uint64_t height, const uint8_t *bytes, size_t size)
{
    enum store_err err;
    while ((err = store_put_receipts(keeper->store, height, bytes, size)) == STORE_BUSY) {
        if (store_drain(keeper->store, STORE_WAIT_MS) == STORE_FAILED) break;
    }
    if (err != STORE_OK) keeper->is_broken = true;
}

void keeper_certified(struct keeper *keeper, uint64_t height, const uint8_t *cert, size_t size)
{
    put_kept(keeper, keeper_kept_height(KEPT_CERTIFICATE, 0), cert, size);
    keeper_record(keeper, KEEPER_CERTIFIED, cert, size);
    bool is_kept = keep_certificate(keeper, cert, size);
    const uint8_t *bytes;
    TN_ASSERT(is_kept && keeper_find_certificate(keeper, &bytes, &size, height));
}

bool keeper_find_certificate(struct keeper *keeper, const uint8_t **bytes, size_t *size,
                             uint64_t height)
{
    for (uint32_t i = 0; i < CERTIFICATES_MAX && height > 0; i++) {
        const struct certificate *kept = &keeper->certificates[i];
        if (kept->height != height) continue;
        *bytes = kept->bytes;
        *size = kept->size;
        return true;
    }
    return false;
}

void keeper_handover(struct keeper *keeper, uint64_t epoch, const uint8_t *bytes, size_t size)
{
    struct ended *ended = &keeper->ended[epoch % ENDED_MAX];
    put_kept(keeper, keeper_kept_height(KEPT_HANDOVER, epoch), bytes, size);
    free(ended->handover);
    ended->handover = malloc(size);
    ended->epoch = epoch;
    ended->handover_size = size;
    ended->set_size = 0;
    if (ended->handover != NULL) memcpy(ended->handover, bytes, size); /* else the store has it */
}

void keeper_set(struct keeper *keeper, const struct tn_validators *set)
{
    uint8_t bytes[SYNC_SET_MAX];
    size_t size = sync_write_set(bytes, set);
    struct ended *ended = &keeper->ended[(set->epoch - 1) % ENDED_MAX];
    put_kept(keeper, keeper_kept_height(KEPT_SET, set->epoch), bytes, size);
    if (ended->handover == NULL || ended->epoch + 1 != set->epoch) return;
    memcpy(ended->set, bytes, size);
    ended->set_size = size;
}

static const struct ended *find_ended(const struct keeper *keeper, uint64_t epoch)
{
    const struct ended *ended = &keeper->ended[epoch % ENDED_MAX];
    return ended->handover != NULL && ended->epoch == epoch ? ended : NULL;
}

bool keeper_find_handover(struct keeper *keeper, const uint8_t **bytes, size_t *size,
                          uint64_t epoch)
{
    struct store_view *view;
    struct store_trail trail;
    struct store_bytes stored;
    const struct ended *ended = find_ended(keeper, epoch);
    if (ended != NULL) {
        *bytes = ended->handover;
        *size = ended->handover_size;
        return true;
    }
    if (epoch >= EPOCH_END) return false;
    if (store_view_begin(keeper->store, &view, &trail) != STORE_OK) return false;
    bool is_found =
        store_get_receipts(view, &stored, keeper_kept_height(KEPT_HANDOVER, epoch)) == STORE_OK &&
        copy_found(keeper, stored.bytes, stored.size, 0);
    *bytes = keeper->found;
    *size = is_found ? stored.size : 0;
    store_view_end(view);
    return is_found;
}

bool keeper_find_epoch(struct keeper *keeper, struct sync_epoch *epoch, uint64_t number)
{
    struct store_view *view;
    struct store_trail trail;
    struct store_bytes handover, set;
    const struct ended *ended = find_ended(keeper, number);
    if (ended != NULL && ended->set_size > 0) {
        *epoch = (struct sync_epoch){.epoch = number,
                                     .handover = ended->handover,
                                     .handover_size = ended->handover_size,
                                     .set = ended->set,
                                     .set_size = ended->set_size};
        return true;
    }
    if (number >= EPOCH_END - 1) return false;
    if (store_view_begin(keeper->store, &view, &trail) != STORE_OK) return false;
    bool is_found =
        store_get_receipts(view, &handover, keeper_kept_height(KEPT_HANDOVER, number)) ==
            STORE_OK &&
        store_get_receipts(view, &set, keeper_kept_height(KEPT_SET, number + 1)) == STORE_OK &&
        copy_found(keeper, handover.bytes, handover.size, 0) &&
        copy_found(keeper, set.bytes, set.size, handover.size);
    if (is_found) {
        *epoch = (struct sync_epoch){.epoch = number,
                                     .handover = keeper->found,
                                     .handover_size = handover.size,
                                     .set = keeper->found + handover.size,
                                     .set_size = set.size};
    }
    store_view_end(view);
    return is_found;
}
