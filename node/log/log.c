/* The log at work: records gather in one buffer laid out as on the disk; a group is one write.
 *
 * Invariants: the group that waits always has room, in its segment and in memory, so a record is
 * accepted only where it can be written without new space. durable_offset ≤ tail, and what is
 * between was written and not synced. After a failed write or sync the log is broken and says
 * nothing else any more; for lack of room it stops, keeping the group that waits. */
#include "log/internal.h"

#include <string.h>
#include <unistd.h>

enum log_result log_note(struct log *log, enum log_result result)
{
    if (result == LOG_BROKEN) log->broken = true;
    return result;
}

static enum log_result stop(struct log *log, enum log_stop where)
{
    TN_ASSERT(where != LOG_STOP_NONE);
    log->stop = where;
    return LOG_FULL;
}

size_t log_record_bytes_max(const struct log *log)
{
    uint64_t body = log->segment_bytes - LOG_PAGE_BYTES - LOG_GROUP_HEAD_BYTES;
    if (body > LOG_BODY_BYTES_MAX) body = LOG_BODY_BYTES_MAX;
    return (size_t)body - LOG_RECORD_HEAD_BYTES;
}

static uint64_t segment_end(const struct log *log)
{
    return log_active(log)->base + log_active(log)->bytes;
}

/* Whether a body of so many bytes can be a group at the tail. */
static bool has_room(const struct log *log, uint64_t body_bytes)
{
    return log_group_bytes(body_bytes) <= segment_end(log) - log->tail;
}

static enum log_result write_group(struct log *log)
{
    uint64_t bytes = log_group_bytes(log->body_bytes);
    TN_ASSERT(has_room(log, log->body_bytes));
    struct log_group_head head = {
        .log_id = log->log_id,
        .life = log->life,
        .previous_end = log->tail,
        .durable_before = log->durable_offset,
        .first_position = log->end_position - log->records_count,
        .body_bytes = (uint32_t)log->body_bytes,
        .records_count = log->records_count,
        .chain = log->chain,
        .body_crc = log->records_count == 0 ? log->chain : log->crc,
    };
    log_group_encode(log->group, &head, log->cpu);
    uint64_t used = LOG_GROUP_HEAD_BYTES + log->body_bytes;
    memset(log->group + used, 0, bytes - used);
    enum log_result result = log_disk_write(&log->disk, log->fd, log->name, log->group, bytes,
                                            log->tail - log_active(log)->base);
    if (result == LOG_FULL) return stop(log, LOG_STOP_GROUP);
    if (result != LOG_OK) return log_note(log, result);
    log->tail += bytes;
    log->chain = head.crc;
    log->body_bytes = 0;
    log->records_count = 0;
    return LOG_OK;
}

enum log_result log_sync_active(struct log *log)
{
    if (log->durable_offset < log->tail) {
        enum log_result result = LOG_OK;
        if (LOG_RULE_OFF != LOG_RULE_SYNC) {
            result = log_disk_sync(&log->disk, log->fd, log->name);
        }
        if (result != LOG_OK) return log_note(log, result);
        log->durable_offset = log->tail;
    }
    log->durable_position = log->end_position - log->records_count;
    return LOG_OK;
}

/* What every operation answers before it begins. */
static enum log_result state_of(const struct log *log)
{
    if (log->broken) return LOG_BROKEN;
    return log->stop == LOG_STOP_NONE ? LOG_OK : LOG_FULL;
}

/* Makes the group that waits one that takes `bytes` more: the same, or a new one after it. */
static enum log_result open_group(struct log *log, uint64_t bytes)
{
    uint64_t body = log->body_bytes + bytes;
    if (log->records_count > 0) {
        if (body <= log->group_body_max && has_room(log, body)) return LOG_OK;
        enum log_result result = write_group(log);
        if (result != LOG_OK) return result;
    }
    if (has_room(log, bytes)) return LOG_OK;
    enum log_result result = log_segment_begin(log);
    return result == LOG_FULL ? stop(log, LOG_STOP_SEGMENT) : result;
}

enum log_result log_append(struct log *log, uint64_t *position, uint8_t type, const void *bytes,
                           size_t size)
{
    TN_ASSERT(size <= log_record_bytes_max(log));
    enum log_result result = state_of(log);
    if (result == LOG_OK) result = open_group(log, LOG_RECORD_HEAD_BYTES + size);
    if (result != LOG_OK) return result;
    TN_ASSERT(has_room(log, log->body_bytes + LOG_RECORD_HEAD_BYTES + size));
    uint32_t crc = log->records_count == 0 ? log->chain : log->crc;
    log->crc = log_record_encode(log->group + LOG_GROUP_HEAD_BYTES + log->body_bytes, crc, log->cpu,
                                 type, bytes, (uint32_t)size);
    log->body_bytes += LOG_RECORD_HEAD_BYTES + size;
    log->records_count++;
    *position = log->end_position++;
    return LOG_OK;
}

enum log_result log_sync(struct log *log, uint64_t *durable_position)
{
    enum log_result result = state_of(log);
    if (result == LOG_OK && log->records_count > 0) result = write_group(log);
    if (result == LOG_OK) result = log_sync_active(log);
    *durable_position = log->durable_position;
    return result;
}

enum log_result log_seal(struct log *log)
{
    uint64_t durable_position;
    enum log_result result = log_sync(log, &durable_position);
    if (result == LOG_OK && !has_room(log, 0)) {
        result = log_segment_begin(log); /* its head says the same as a seal */
        return result == LOG_FULL ? stop(log, LOG_STOP_SEGMENT) : result;
    }
    if (result == LOG_OK) result = write_group(log);
    return result == LOG_OK ? log_sync_active(log) : result;
}

enum log_result log_tend(struct log *log)
{
    if (log->broken) return LOG_BROKEN;
    if (log->spare_no_room) return LOG_FULL;
    bool done;
    return log_spare_is_due(log) ? log_spare_step(log, &done) : LOG_OK;
}

enum log_result log_retry(struct log *log)
{
    if (log->broken) return LOG_BROKEN;
    enum log_result group = LOG_OK;
    if (log->stop == LOG_STOP_GROUP) {
        log->stop = LOG_STOP_NONE;
        group = write_group(log);
        if (group == LOG_BROKEN) return group;
    }
    log->spare_no_room = false;
    enum log_result spare = LOG_OK;
    for (bool done = false; spare == LOG_OK && !done;) {
        spare = log_spare_step(log, &done);
    }
    if (spare != LOG_OK) return spare;
    if (log->stop == LOG_STOP_SEGMENT) log->stop = LOG_STOP_NONE;
    if (group == LOG_OK) log->problem[0] = '\0';
    return group;
}

/* How many segments may go: never the one in use. */
static uint32_t count_released(const struct log *log)
{
    uint32_t count = 0;
    while (count + 1 < log->segments_count &&
           log->segments[count + 1].first_position <= log->released)
        count++;
    return count;
}

/* Oldest first and each name for good before the next: so no crash leaves a gap. As many as are
 * needed stay what they are until spares are due: while the next ones may go, so many are filled.
 */
enum log_result log_release(struct log *log, uint64_t position)
{
    if (log->broken) return LOG_BROKEN;
    TN_ASSERT(log->readings_count == 0);
    if (position > log->released) log->released = position;
    enum log_result result = LOG_OK;
    uint32_t count = count_released(log);
    while (result == LOG_OK && count > 0 &&
           (count > log->segments_count - count || !log_segment_is_reusable(log))) {
        result = log_segment_delete(log); /* full: some file systems need room to delete */
        count--;
    }
    return result;
}

const char *log_problem(const struct log *log)
{
    return log->problem;
}

bool log_no_space(const struct log *log)
{
    return log->stop != LOG_STOP_NONE || log->spare_no_room;
}

uint64_t log_first_position(const struct log *log)
{
    return log->segments[0].first_position;
}

uint64_t log_end_position(const struct log *log)
{
    return log->end_position;
}

uint64_t log_durable_position(const struct log *log)
{
    return log->durable_position;
}
