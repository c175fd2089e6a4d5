/* The queue between the producer and the disk.
 *
 * A ring of bytes, taken once. A put copies a job to its end and is seen by nobody; a checkpoint
 * closes the group, and only then does the writer see it. A group stays in the ring until its
 * transaction is durable: when the disk is full nothing has to be fetched again. There is always
 * room left for the checkpoint itself, so closing a group cannot fail for want of room.
 *
 * A group may be closed and kept back (store_prepare): then it lies before what is put next, and
 * the writer does not see it until store_commit.
 *
 * Whenever the writer has written all that it was given, the rest is the producer's alone, and
 * moves to the beginning of the ring: so a queue that is written in time lives in its first pages.
 */
#include "clock.h"
#include "store/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t rounded(uint64_t size)
{
    return (size + 15) & ~UINT64_C(15);
}

#define CLOSE_ROOM (2 * ((sizeof(struct store_job) + sizeof(struct store_close) + 31) & ~15ul))

static uint64_t place_of(const struct store_queue *queue, uint64_t position)
{
    return (position - queue->base) % queue->capacity;
}

const struct store_job *store_queue_at(const struct store_queue *queue, uint64_t *position)
{
    const struct store_job *job = (const void *)(queue->ring + place_of(queue, *position));
    if (job->kind == STORE_JOB_SKIP) {
        *position += job->size;
        job = (const void *)(queue->ring + place_of(queue, *position));
    }
    TN_ASSERT(job->size >= sizeof *job && job->kind != STORE_JOB_SKIP);
    return job;
}

/* While the writer has nothing to read. Moves no more than a quarter of what was put since the last
 * time, and never over itself. */
static void start_over(struct store_queue *queue)
{
    const uint64_t own = queue->put - queue->closed;
    const uint64_t at = place_of(queue, queue->closed);
    if (own > at / 4 || at + own > queue->capacity) return;
    memcpy(queue->ring, queue->ring + at, own);
    queue->base = queue->closed;
}

/* How far the writer is, and whether it still writes. */
static enum store_err look(struct store *store, uint64_t *taken)
{
    pthread_mutex_lock(&store->lock);
    *taken = store->queue.taken;
    enum store_err state = store->status.state;
    pthread_mutex_unlock(&store->lock);
    return state == STORE_FULL ? STORE_OK : state;
}

/* Room for a job, whose key is copied and whose value the caller writes. */
static enum store_err add_job(struct store *store, uint8_t **value, enum store_job_kind kind,
                              enum store_database database, const struct store_key *key,
                              size_t value_size)
{
    struct store_queue *queue = &store->queue;
    TN_ASSERT(!store->reader);
    uint64_t size = rounded(sizeof(struct store_job) + key->size + value_size + STORE_CRC_SIZE);
    TN_ASSERT(size <= queue->capacity / 2); /* store_config.queue_bytes says so */
    uint64_t taken;
    enum store_err err = look(store, &taken);
    if (err != STORE_OK) return err;
    if (taken == queue->closed) start_over(queue);
    uint64_t at = place_of(queue, queue->put), to_end = queue->capacity - at;
    uint64_t skip = size > to_end ? to_end : 0;
    uint64_t keep = kind == STORE_JOB_CHECKPOINT ? 0 : CLOSE_ROOM;
    if (queue->put + skip + size + keep - taken > queue->capacity)
        return taken == queue->group_start ? STORE_TOO_LARGE : STORE_BUSY;

    struct store_job *job = (void *)(queue->ring + at);
    if (skip > 0) {
        *job = (struct store_job){.size = (uint32_t)skip, .kind = STORE_JOB_SKIP};
        queue->put += skip;
        job = (void *)queue->ring;
    }
    *job = (struct store_job){.size = (uint32_t)size,
                              .kind = (uint8_t)kind,
                              .database = (uint8_t)database,
                              .key_size = key->size,
                              .value_size = (uint32_t)value_size};
    uint8_t *bytes = (uint8_t *)(job + 1);
    memcpy(bytes, key->bytes, key->size);
    *value = bytes + key->size;
    queue->put += size;
    return STORE_OK;
}

static enum store_err put_bytes(struct store *store, enum store_database database,
                                struct store_key key, const void *bytes, size_t size)
{
    uint8_t *value;
    enum store_err err = add_job(store, &value, STORE_JOB_PUT, database, &key, size);
    if (err == STORE_OK && size > 0) memcpy(value, bytes, size);
    return err;
}

static enum store_err put_history(struct store *store, const struct store_history *history)
{
    return put_bytes(store, STORE_HISTORY, store_key_history(history), NULL, 0);
}

/* Several jobs that belong together are put whole or not at all. */
static enum store_err all_or_none(struct store *store, uint64_t before, enum store_err err)
{
    if (err != STORE_OK) store->queue.put = before;
    return err;
}

enum store_err store_put_record(struct store *store, uint8_t kind, uint32_t index,
                                const uint8_t *bytes, size_t size)
{
    uint8_t *value;
    struct store_key key = store_key_record(kind, index);
    if (size > 0) return put_bytes(store, STORE_RECORDS, key, bytes, size);
    return add_job(store, &value, STORE_JOB_DELETE, STORE_RECORDS, &key, 0);
}

enum store_err store_put_block(struct store *store, const struct store_block *block)
{
    uint64_t before = store->queue.put;
    uint8_t *value, height[8];
    struct store_key key = store_key_height(block->height);
    size_t size = (size_t)STORE_BLOCK_HEAD + block->header_size + block->body_size;
    enum store_err err = add_job(store, &value, STORE_JOB_PUT, STORE_BLOCKS, &key, size);
    if (err != STORE_OK) return err;
    store_value_put_block(value, block);
    store_put_u64(height, block->height);
    err = put_bytes(store, STORE_BLOCK_HASHES, store_key_hash(&block->hash), height, 8);
    if (err == STORE_OK && block->time_ms > store->queue.newest_ms)
        store->queue.newest_ms = block->time_ms;
    return all_or_none(store, before, err);
}

enum store_err store_put_batch(struct store *store, const struct store_batch *batch)
{
    uint64_t before = store->queue.put;
    uint8_t *value, place[12];
    struct store_key key = store_key_batch(batch->market, batch->sequence);
    size_t size = (size_t)STORE_BATCH_HEAD + batch->body_size;
    enum store_err err = add_job(store, &value, STORE_JOB_PUT, STORE_BATCHES, &key, size);
    if (err != STORE_OK) return err;
    store_value_put_batch(value, batch);
    store_put_u32(place, batch->market);
    store_put_u64(place + 4, batch->sequence);
    err = put_bytes(store, STORE_DIGESTS, store_key_hash(&batch->digest), place, 12);
    if (err == STORE_OK)
        err = put_history(store, &(struct store_history){.height = batch->height,
                                                         .what = STORE_WHAT_BATCH,
                                                         .market = batch->market,
                                                         .sequence = batch->sequence});
    return all_or_none(store, before, err);
}

enum store_err store_put_receipts(struct store *store, uint64_t height, const uint8_t *bytes,
                                  size_t size)
{
    return put_bytes(store, STORE_RECEIPTS, store_key_height(height), bytes, size);
}

bool store_has_room(const struct store *store, size_t size)
{
    const struct store_queue *queue = &store->queue;
    const uint64_t group = queue->put - queue->group_start;
    return group + rounded(sizeof(struct store_job) + STORE_KEY_MAX + size + STORE_CRC_SIZE) <=
           queue->capacity / 2;
}

enum store_err store_put_fill(struct store *store, uint32_t account, uint64_t height,
                              uint32_t index, const uint8_t *event, size_t size)
{
    uint64_t before = store->queue.put;
    enum store_err err =
        put_bytes(store, STORE_FILLS, store_key_fill(account, height, index), event, size);
    if (err == STORE_OK)
        err = put_history(store, &(struct store_history){.height = height,
                                                         .what = STORE_WHAT_FILL,
                                                         .account = account,
                                                         .index = index});
    return all_or_none(store, before, err);
}

enum store_err store_put_order(struct store *store, const struct store_order *order)
{
    uint64_t before = store->queue.put;
    uint8_t value[STORE_ORDER_SIZE];
    store_value_put_order(value, order);
    enum store_err err =
        put_bytes(store, STORE_ORDERS, store_key_height(order->order_id), value, STORE_ORDER_SIZE);
    if (err == STORE_OK)
        err = put_history(store, &(struct store_history){.height = order->height,
                                                         .what = STORE_WHAT_ORDER,
                                                         .order_id = order->order_id});
    return all_or_none(store, before, err);
}

enum store_err store_put_leaf(struct store *store, enum store_leaf tree, uint64_t index,
                              const struct tn_hash *hash)
{
    return put_bytes(store, STORE_LEAVES, store_key_leaf((uint8_t)tree, index), hash->bytes,
                     TN_HASH_SIZE);
}

enum store_err store_put_withdrawal(struct store *store, uint64_t number, const uint8_t *bytes,
                                    size_t size)
{
    return put_bytes(store, STORE_WITHDRAWALS, store_key_height(number), bytes, size);
}

void store_abandon(struct store *store)
{
    store->queue.put = store->queue.group_start;
}

/* ---- The other end ---- */

static void note_success(struct store *store, uint64_t end)
{
    struct store_status *status = &store->status;
    uint64_t map_bytes, used_bytes;
    store_env_measure(store, &map_bytes, &used_bytes);
    pthread_mutex_lock(&store->lock);
    status->map_bytes = map_bytes;
    status->used_bytes = used_bytes;
    status->first_block = store->first_block;
    store->queue.taken = end;
    status->state = STORE_OK;
    status->trail.text[0] = 0;
    if (!store->meta.loading) status->durable = store->meta.point;
    status->log_needed_from = store->meta.log_position_before;
    status->commits_count++;
    pthread_cond_broadcast(&store->changed);
    pthread_mutex_unlock(&store->lock);
}

/* Writes the oldest group that waits. */
static enum store_err write_one(struct store *store)
{
    struct store_trail trail = {{0}};
    uint64_t end = 0;
    enum store_err err = store_write_group(store, store->queue.taken, &end, &trail);
    if (err == STORE_OK) {
        note_success(store, end);
        return STORE_OK;
    }
    pthread_mutex_lock(&store->lock);
    store->status.state = err;
    store->status.trail = trail;
    if (err == STORE_FULL) store->status.full_count++;
    pthread_cond_broadcast(&store->changed);
    pthread_mutex_unlock(&store->lock);
    return err;
}

static enum store_err write_all(struct store *store)
{
    enum store_err err = store->status.state;
    if (err != STORE_OK && err != STORE_FULL) return err;
    err = STORE_OK;
    while (err == STORE_OK && store->queue.taken < store->queue.closed)
        err = write_one(store);
    return err;
}

static struct timespec deadline_in(uint64_t wait_ms)
{
    uint64_t at_us = (uint64_t)monotonic_us() + wait_ms * 1000;
    return (struct timespec){.tv_sec = (time_t)(at_us / 1000000),
                             .tv_nsec = (long)(at_us % 1000000 * 1000)};
}

static void wait_before_retry(struct store *store)
{
    struct timespec until = deadline_in(store->config.retry_ms);
    int result = 0;
    while (!store->stop && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&store->changed, &store->lock, &until);
}

static void *writer_main(void *context)
{
    struct store *store = context;
    pthread_mutex_lock(&store->lock);
    for (;;) {
        while (!store->stop && store->queue.taken == store->queue.closed)
            pthread_cond_wait(&store->changed, &store->lock);
        if (store->queue.taken == store->queue.closed) break;
        pthread_mutex_unlock(&store->lock);
        enum store_err err = write_one(store);
        pthread_mutex_lock(&store->lock);
        if (err == STORE_OK) continue;
        if (err != STORE_FULL) break;
        wait_before_retry(store);
        if (store->stop) break;
    }
    pthread_mutex_unlock(&store->lock);
    return NULL;
}

/* What comes next belongs to another group; nobody sees this one yet. */
static enum store_err close_group(struct store *store, const struct store_close *close)
{
    struct store_queue *queue = &store->queue;
    struct store_key no_key = {.size = 0};
    uint8_t *value;
    TN_ASSERT(!queue->is_prepared);
    enum store_err err =
        add_job(store, &value, STORE_JOB_CHECKPOINT, STORE_META, &no_key, sizeof *close);
    if (err != STORE_OK) return err;
    memcpy(value, close, sizeof *close);
    queue->group_start = queue->put;
    queue->is_prepared = true;
    queue->prepared = queue->put;
    return STORE_OK;
}

enum store_err store_commit(struct store *store)
{
    struct store_queue *queue = &store->queue;
    TN_ASSERT(queue->is_prepared);
    queue->is_prepared = false;
    pthread_mutex_lock(&store->lock);
    queue->closed = queue->prepared;
    pthread_cond_broadcast(&store->changed);
    pthread_mutex_unlock(&store->lock);
    return store->config.threaded ? STORE_OK : write_all(store);
}

enum store_err store_prepare(struct store *store, const struct store_point *point)
{
    struct store_queue *queue = &store->queue;
    TN_ASSERT(point->height != STORE_HEIGHT_NONE);
    TN_ASSERT(queue->height == STORE_HEIGHT_NONE || point->height > queue->height);
    TN_ASSERT(point->log_position >= queue->log_position);
    struct store_close close = {.point = *point, .newest_ms = queue->newest_ms};
    enum store_err err = close_group(store, &close);
    if (err != STORE_OK) return err;
    queue->height = point->height;
    queue->log_position = point->log_position;
    return STORE_OK;
}

enum store_err store_checkpoint(struct store *store, const struct store_point *point)
{
    enum store_err err = store_prepare(store, point);
    return err == STORE_OK ? store_commit(store) : err;
}

uint64_t store_waiting_bytes(const struct store *store)
{
    return store->queue.put - store->queue.group_start;
}

enum store_err store_load_part(struct store *store)
{
    TN_ASSERT(store->queue.height == STORE_HEIGHT_NONE);
    struct store_close close = {.newest_ms = store->queue.newest_ms, .loading = true};
    close.point.height = STORE_HEIGHT_NONE;
    enum store_err err = close_group(store, &close);
    return err == STORE_OK ? store_commit(store) : err;
}

enum store_err store_drain(struct store *store, uint32_t wait_ms)
{
    if (!store->config.threaded) return write_all(store);
    struct timespec until = deadline_in(wait_ms);
    int result = 0;
    pthread_mutex_lock(&store->lock);
    while (store->queue.taken < store->queue.closed && result != ETIMEDOUT &&
           (store->status.state == STORE_OK || store->status.state == STORE_FULL))
        result = pthread_cond_timedwait(&store->changed, &store->lock, &until);
    enum store_err err = store->status.state;
    if (err == STORE_OK && store->queue.taken < store->queue.closed) err = STORE_BUSY;
    pthread_mutex_unlock(&store->lock);
    return err;
}

enum store_err store_queue_begin(struct store *store, struct store_trail *trail)
{
    struct store_queue *queue = &store->queue;
    queue->capacity = rounded(store->config.queue_bytes);
    TN_ASSERT(queue->capacity <= UINT32_MAX); /* sizes of jobs are 32 bits */
    queue->ring = malloc(queue->capacity);
    if (queue->ring == NULL)
        return store_say(trail, STORE_FAILED, "no memory for a queue of %llu bytes",
                         (unsigned long long)queue->capacity);
    queue->height = store->meta.point.height;
    queue->log_position = store->meta.point.log_position;
    queue->newest_ms = store->meta.newest_ms;
    store->status.durable = store->meta.point;
    store->status.log_needed_from = store->meta.log_position_before;
    store->status.first_block = store->first_block;
    store->status.queue_bytes = queue->capacity;
    store_env_measure(store, &store->status.map_bytes, &store->status.used_bytes);
    if (!store->config.threaded) return STORE_OK;
    int code = pthread_create(&store->thread, NULL, writer_main, store);
    if (code != 0)
        return store_say(trail, STORE_FAILED, "starting the store's thread: %s", strerror(code));
    return STORE_OK;
}

void store_queue_end(struct store *store)
{
    if (!store->config.threaded) {
        write_all(store);
        return;
    }
    pthread_mutex_lock(&store->lock);
    store->stop = true;
    pthread_cond_broadcast(&store->changed);
    pthread_mutex_unlock(&store->lock);
    pthread_join(store->thread, NULL);
}

void store_status(struct store *store, struct store_status *status)
{
    pthread_mutex_lock(&store->lock);
    *status = store->status;
    status->queued_bytes = store->queue.closed - store->queue.taken;
    pthread_mutex_unlock(&store->lock);
}

uint64_t store_log_needed_from(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    uint64_t position = store->status.log_needed_from;
    pthread_mutex_unlock(&store->lock);
    return position;
}
