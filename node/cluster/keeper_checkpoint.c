/* keeper_checkpoint: the log is synced, and checkpoints go to the store.
 *
 * A checkpoint is taken between turns, so it is of whole blocks: the records that changed are
 * copied into the store's queue, the group is closed with the position at which the log ends then,
 * and the member writes again what it goes on from. When a sync of the turns has made that durable
 * the store may write the group: no turn waits for a sync of the checkpoint's own, and blocks go on
 * meanwhile. Until the group is on disk the checkpoint before counts, and the log has everything
 * since. */
#include "cluster/keeper_internal.h"

#include "cluster/sync_proofs.h"
#include "tenord/tenord.h"

#include <stdlib.h>

enum keeper_answer keeper_sync(struct keeper *keeper)
{
    uint64_t durable;
    if (!keeper->is_broken) keeper_take_result(keeper, log_sync(keeper->log, &durable));
    if (keeper->is_broken) return KEEPER_FAILED;
    return keeper->is_full || keeper->backlog_size > 0 ? KEEPER_FULL : KEEPER_DONE;
}

static enum keeper_answer fail_store(struct keeper *keeper)
{
    struct store_status status;
    store_status(keeper->store, &status);
    complain("%s", status.trail.text);
    return KEEPER_FAILED;
}

/* The store has no room in its queue: waits; false when it failed. */
static bool wait_for_store(struct keeper *keeper)
{
    enum store_err err = store_drain(keeper->store, STORE_WAIT_MS);
    return err == STORE_OK || err == STORE_BUSY || err == STORE_FULL;
}

static bool put_records(struct keeper *keeper, struct tn_chain *chain)
{
    struct tn_record_name names[TN_RECORDS_AHEAD];
    uint32_t count;
    while ((count = tn_chain_changed(chain, names, TN_RECORDS_AHEAD)) > 0) {
        tn_chain_records_ahead(chain, names, count);
        for (uint32_t i = 0; i < count; i++) {
            size_t size = tn_chain_record(chain, keeper->record, keeper->record_size, names[i].kind,
                                          names[i].index);
            TN_ASSERT(size <= keeper->record_size);
            enum store_err err;
            while ((err = store_put_record(keeper->store, names[i].kind, names[i].index,
                                           keeper->record, size)) == STORE_BUSY) {
                if (!wait_for_store(keeper)) return false;
            }
            if (err != STORE_OK) return false;
        }
    }
    return true;
}

/* In the transaction of what they prove: a view of a checkpoint has its own. */
static bool put_proofs(struct keeper *keeper, const struct tn_chain *chain)
{
    const uint64_t height = keeper_kept_height(KEPT_PROOFS, 0);
    size_t size;
    uint8_t *proofs = sync_proofs_make(&size, chain);
    enum store_err err = STORE_BUSY;
    while (proofs != NULL && err == STORE_BUSY) {
        err = store_put_receipts(keeper->store, height, proofs, size);
        if (err == STORE_BUSY && !wait_for_store(keeper)) break;
    }
    free(proofs);
    return err == STORE_OK;
}

/* What lies behind a prepared checkpoint waits in the queue with it. So nothing more is executed
 * once that is plenty, and one that is large itself is not left to wait. */
static bool is_plenty(const struct keeper *keeper)
{
    struct store_status status;
    store_status(keeper->store, &status);
    return store_waiting_bytes(keeper->store) > status.queue_bytes / 8;
}

bool keeper_may_execute(const struct keeper *keeper)
{
    return !keeper->is_due && !(keeper->is_pending && is_plenty(keeper));
}

static enum keeper_answer commit(struct keeper *keeper)
{
    keeper->is_pending = false;
    enum store_err err = store_commit(keeper->store);
    return err == STORE_OK || err == STORE_FULL ? KEEPER_DONE : fail_store(keeper);
}

/* The commit, when a sync has come by that covers what the member wrote again. */
static enum keeper_answer follow_checkpoint(struct keeper *keeper)
{
    if (keeper->backlog_size > 0) return KEEPER_DONE;
    if (keeper->pending_end == 0) keeper->pending_end = log_end_position(keeper->log);
    if (log_durable_position(keeper->log) < keeper->pending_end) return KEEPER_DONE;
    return commit(keeper);
}

/* Not waiting for another's sync. */
static enum keeper_answer finish_checkpoint(struct keeper *keeper)
{
    enum keeper_answer answer = keeper_sync(keeper);
    return answer == KEEPER_DONE ? commit(keeper) : answer;
}

static enum keeper_answer take_checkpoint(struct keeper *keeper, struct tn_member *member)
{
    const struct tn_chain_heads *heads = tn_chain_heads(tn_member_chain(member));
    const struct store_point point = {.height = heads->height,
                                      .root = heads->root,
                                      .log_position = log_end_position(keeper->log)};
    TN_ASSERT(!keeper->is_pending && keeper->backlog_size == 0);
    if (!put_records(keeper, tn_member_chain(member)) ||
        !put_proofs(keeper, tn_member_chain(member))) {
        return fail_store(keeper);
    }
    const bool is_large = is_plenty(keeper);
    tn_member_record_all(member);
    enum store_err err;
    while ((err = store_prepare(keeper->store, &point)) == STORE_BUSY) {
        if (!wait_for_store(keeper)) return fail_store(keeper);
    }
    if (err != STORE_OK) return fail_store(keeper);
    keeper->is_pending = true;
    keeper->pending_end = 0;
    keeper->blocks_waiting = 0;
    return is_large ? finish_checkpoint(keeper) : KEEPER_DONE;
}

/* The log has room, and nothing waits for it. */
static enum keeper_answer tend_checkpoint(struct keeper *keeper, struct tn_member *member,
                                          const struct store_status *status)
{
    if (keeper->is_pending && !keeper_may_execute(keeper)) {
        enum keeper_answer answer = finish_checkpoint(keeper);
        if (answer != KEEPER_DONE) return answer;
    }
    if (keeper->is_pending) return follow_checkpoint(keeper);
    if (!keeper->is_due) return KEEPER_DONE;
    keeper->is_due = false;
    if (status->queued_bytes > status->queue_bytes / 2) return KEEPER_DONE; /* the next time */
    return take_checkpoint(keeper, member);
}

enum keeper_answer keeper_tend(struct keeper *keeper, struct tn_member *member)
{
    struct store_status status;
    store_status(keeper->store, &status);
    if (status.state == STORE_FAILED || status.state == STORE_CORRUPT) return fail_store(keeper);
    if (status.log_needed_from > 0) {
        keeper_take_result(keeper, log_release(keeper->log, status.log_needed_from));
    }
    enum log_result result =
        log_no_space(keeper->log) ? log_retry(keeper->log) : log_tend(keeper->log);
    if (result == LOG_OK) keeper->is_full = false;
    keeper_take_result(keeper, result);
    if (!keeper->is_full && !keeper->is_broken) keeper_append_backlog(keeper);
    if (keeper->is_broken) return KEEPER_FAILED;
    if (keeper->is_full) return KEEPER_FULL;
    return tend_checkpoint(keeper, member, &status);
}

enum keeper_answer keeper_flush(struct keeper *keeper, struct tn_member *member)
{
    enum keeper_answer answer = keeper_sync(keeper);
    if (answer == KEEPER_DONE && keeper->is_pending) answer = finish_checkpoint(keeper);
    if (answer == KEEPER_DONE && keeper->blocks_waiting > 0) {
        answer = take_checkpoint(keeper, member);
    }
    if (answer == KEEPER_DONE && keeper->is_pending) answer = finish_checkpoint(keeper);
    while (answer == KEEPER_DONE) {
        enum store_err err = store_drain(keeper->store, STORE_WAIT_MS);
        if (err == STORE_OK) break;
        if (err == STORE_FULL) return KEEPER_FULL;
        if (err != STORE_BUSY) return fail_store(keeper);
    }
    if (answer == KEEPER_DONE) keeper_take_result(keeper, log_seal(keeper->log));
    if (keeper->is_broken) return KEEPER_FAILED;
    return answer;
}

uint64_t keeper_durable_height(const struct keeper *keeper)
{
    struct store_status status;
    store_status(keeper->store, &status);
    return status.durable.height == STORE_HEIGHT_NONE ? 0 : status.durable.height;
}

uint64_t keeper_log_position(const struct keeper *keeper)
{
    struct store_status status;
    store_status(keeper->store, &status);
    return status.durable.height == STORE_HEIGHT_NONE ? 1 : status.durable.log_position;
}

struct store *keeper_store(struct keeper *keeper)
{
    return keeper->store;
}
