/* reading: what the tools share. A stored block is checked as a stranger's would be: its hash, its
 * batch's digest and its batch's tree, before anything is executed. */
#include "reading.h"
#include "tenord.h"

#include <string.h>

bool reading_open(struct reading *reading, const char *home)
{
    struct store_trail trail;
    *reading = (struct reading){.err = STORE_REFUSED};
    if (home == NULL) {
        complain("this command needs --home DIR; see --help");
        return false;
    }
    if (!home_limits(&reading->limits, home) || !home_path(reading->path, home, "store")) {
        return false;
    }
    home_store_config(&reading->config, &reading->limits, reading->path);
    reading->err = store_open_reader(&reading->store, &reading->config, true, &trail);
    if (reading->err == STORE_OK) {
        reading->err = home_view_last(&reading->view, &reading->point, reading->store);
    } else {
        complain("%s", trail.text);
    }
    if (reading->err != STORE_OK) reading_close(reading);
    return reading->err == STORE_OK;
}

int reading_end(const struct reading *reading)
{
    return end_of_store(reading->err);
}

bool reading_load(struct reading *reading)
{
    enum store_err err;
    return replica_hold(&reading->held, &reading->limits) &&
           replica_load(&reading->held, &reading->point, &err, reading->view, false);
}

void reading_close(struct reading *reading)
{
    replica_drop(&reading->held);
    if (reading->view != NULL) store_view_end(reading->view);
    if (reading->store != NULL) store_close(reading->store);
    reading->view = NULL;
    reading->store = NULL;
}

/* ---- Blocks ------------------------------------------------------------------------------------
 */

static bool complain_absent(const struct reading *reading, enum store_err err, uint64_t height,
                            const char *what)
{
    if (err == STORE_ABSENT) {
        complain("the store has no %s of block %llu: it holds %llu to %llu", what,
                 (unsigned long long)height, (unsigned long long)reading_first_block(reading),
                 (unsigned long long)reading->point.height);
    } else {
        complain("%s", store_view_trail(reading->view)->text);
    }
    return false;
}

static bool complain_block(uint64_t height, const char *what)
{
    complain("the stored block %llu is damaged: %s", (unsigned long long)height, what);
    return false;
}

bool reading_block(struct stored_block *block, const struct reading *reading, uint64_t height)
{
    struct store_block stored;
    struct store_batch batch;
    struct tn_stream_fault fault;
    struct tn_hash digest;
    enum store_err err = store_get_block(reading->view, &stored, height);
    if (err != STORE_OK) return complain_absent(reading, err, height, "header");
    if (!tn_stream_read_block_header(&block->header, &fault, stored.header, stored.header_size) ||
        stored.header_size != TN_BLOCK_HEADER_BYTES || block->header.height != height) {
        return complain_block(height, "its header does not read");
    }
    tn_stream_block_hash(&block->hash, reading->limits.chain_id, &block->header);
    if (!tn_hash_equal(&block->hash, &stored.hash)) {
        return complain_block(height, "its header has another hash than it is stored under");
    }
    if (!tn_stream_block_body_check(&fault, &block->header, stored.body, stored.body_size)) {
        return complain_block(height, fault.what);
    }
    memcpy(digest.bytes, stored.body, TN_HASH_SIZE);
    err = store_get_batch_by_digest(reading->view, &batch, &digest);
    if (err != STORE_OK) return complain_absent(reading, err, height, "batch");
    if (!tn_stream_read_batch_header(&block->batch, &fault, batch.body, batch.body_size)) {
        return complain_block(height, fault.what);
    }
    struct tn_hash actual;
    tn_stream_batch_digest(&actual, &block->batch);
    if (!tn_hash_equal(&actual, &digest)) {
        return complain_block(height, "its batch is another than the one it names");
    }
    block->body = batch.body;
    block->body_size = batch.body_size;
    err = store_get_receipts(reading->view, &block->receipts, height);
    return err == STORE_OK || complain_absent(reading, err, height, "receipts");
}

/* The key of a block begins with its height. */
static bool take_height(void *context, const uint8_t *key, size_t key_size, const uint8_t *value,
                        size_t value_size)
{
    uint64_t *height = context;
    (void)value;
    (void)value_size;
    *height = 0;
    for (size_t i = 0; i < key_size; i++)
        *height = *height << 8 | key[i];
    return false; /* the first will do */
}

uint64_t reading_first_block(const struct reading *reading)
{
    uint64_t height = reading->point.height + 1;
    if (store_each(reading->view, STORE_BLOCKS, NULL, 0, take_height, &height) != STORE_OK) {
        complain("%s", store_view_trail(reading->view)->text);
    }
    return height;
}

/* ---- Executing ---------------------------------------------------------------------------------
 */

bool executing_begin(struct executing *executing, const struct tn_replica_limits *limits)
{
    executing->events_max = tn_exchange_events_max(&limits->exchange);
    executing->events = memory_take((size_t)executing->events_max * sizeof *executing->events);
    executing->scratch = memory_take(sizeof *executing->scratch);
    return executing->events != NULL && executing->scratch != NULL;
}

void executing_end(struct executing *executing)
{
    memory_give(executing->events, (size_t)executing->events_max * sizeof *executing->events);
    memory_give(executing->scratch, sizeof *executing->scratch);
}

static bool execute_batch(struct executing *executing, struct tn_replica *replica,
                          const struct stored_block *block)
{
    struct tn_batch_reader reader;
    struct tn_stream_fault fault;
    struct tn_entry entry;
    enum tn_stream_step step;
    uint64_t height = block->header.height;
    if (!tn_stream_batch_open(&reader, &fault, block->body, block->body_size)) {
        return complain_block(height, fault.what);
    }
    tn_replica_begin_batch(replica);
    while ((step = tn_stream_batch_next(&reader, &entry, &fault, executing->scratch)) ==
           TN_STREAM_ENTRY) {
        tn_replica_apply(replica, executing->events, executing->events_max, &entry,
                         reader.entry_bytes, reader.entry_size);
    }
    return step == TN_STREAM_END || complain_block(height, fault.what);
}

static bool complain_differs(uint64_t height, const char *what, const struct tn_hash *stored,
                             const struct tn_hash *here)
{
    complain("block %llu differs in its %s: stored %s, executed here %s",
             (unsigned long long)height, what, hash_text(stored), hash_text(here));
    return false;
}

bool execute_block(struct executing *executing, struct tn_replica *replica,
                   const struct stored_block *block)
{
    struct tn_batch_header batch;
    struct tn_hash hash, root;
    uint64_t height = block->header.height;
    const struct tn_replica_heads *heads = tn_replica_heads(replica);
    if (heads->height + 1 != height) {
        return complain_block(height, "it does not follow the state");
    }
    struct tn_hash before = heads->root;
    if (!execute_batch(executing, replica, block)) return false;
    tn_replica_end_batch(replica, &batch);
    if (!tn_hash_equal(&batch.results_digest, &block->batch.results_digest)) {
        return complain_differs(height, "results", &block->batch.results_digest,
                                &batch.results_digest);
    }
    struct tn_block_header header = block->header;
    tn_replica_end_block(replica, &header, &hash, &root);
    if (!tn_hash_equal(&before, &block->header.exec_root)) {
        return complain_differs(height, "root of the state before it", &block->header.exec_root,
                                &before);
    }
    return tn_hash_equal(&hash, &block->hash) ||
           complain_differs(height, "hash", &block->hash, &hash);
}
