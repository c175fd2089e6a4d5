/* Segments: a spare is made ready ahead of time, and becomes the next segment by getting a head and
 * a name.
 *
 * A spare is the oldest segment, where that is needed no more: its name goes, for good, then the
 * file is written over group by group. What it holds from before was written for other places of
 * the log, so it never passes for what belongs there (docs/specs/log.md §7). A file that somebody
 * else has open or has another name for is left to them.
 *
 * Else a spare is written full of zeros and synced, so that later syncs of groups change no
 * metadata and need no room. It takes its room on the disk at once and is filled while the segment
 * before it fills, not faster: zeros by the megabyte would make every sync behind them wait. Order
 * of a switch: all groups so far durable, then the head of the next, then its name: so a segment
 * that has a name has a head, and says that all before it was durable. */
#define _GNU_SOURCE /* fallocate, sync_file_range */
#include "log/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ZEROS_BYTES ((uint64_t)64 << 10)

static const uint8_t zeros[ZEROS_BYTES];

void log_segment_name(char *name, uint64_t first_position)
{
    snprintf(name, LOG_NAME_SIZE, "%016" PRIx64 ".log", first_position);
}

struct log_segment *log_active(const struct log *log)
{
    TN_ASSERT(log->segments_count > 0);
    return &log->segments[log->segments_count - 1];
}

bool log_segment_add(struct log *log, const struct log_segment *segment)
{
    if (log->segments_count == log->segments_max) {
        uint32_t room = log->segments_max == 0 ? 64 : log->segments_max * 2;
        struct log_segment *larger = realloc(log->segments, room * sizeof *larger);
        if (larger == NULL) return false;
        log->segments = larger;
        log->segments_max = room;
    }
    log->segments[log->segments_count++] = *segment;
    return true;
}

void log_spare_drop(struct log *log)
{
    if (log->spare_fd >= 0) close(log->spare_fd); /* nothing in it counts yet */
    log->spare_fd = -1;
    log->spare_zeroed_bytes = 0;
    log->spare_ready = log->spare_again = false;
}

/* A spare that found no room gives back what it took. */
static enum log_result spare_failed(struct log *log, enum log_result result)
{
    log_spare_drop(log);
    unlinkat(log->disk.directory_fd, LOG_SPARE_NAME, 0); /* if not: the next one begins empty */
    if (result == LOG_FULL) log->spare_no_room = true;
    return log_note(log, result);
}

static void drop_oldest(struct log *log)
{
    log->segments_count--;
    memmove(log->segments, log->segments + 1, log->segments_count * sizeof *log->segments);
}

enum log_result log_segment_delete(struct log *log)
{
    char name[LOG_NAME_SIZE];
    log_segment_name(name, log->segments[0].first_position);
    if (unlinkat(log->disk.directory_fd, name, 0) < 0) {
        return log_note(log, log_disk_fail(&log->disk, LOG_BROKEN, "delete", name));
    }
    const enum log_result result = log_disk_sync_names(&log->disk);
    if (result == LOG_OK) drop_oldest(log);
    return log_note(log, result);
}

bool log_segment_is_reusable(const struct log *log)
{
    return log->segments_count > 1 && log->segments[1].first_position <= log->released &&
           log->segments[0].bytes == log->segment_bytes && log->readings_count == 0;
}

/* Whoever has the file open had it open before its name was gone; nobody opens it now. */
static enum log_result spare_take_again(struct log *log)
{
    const int directory = log->disk.directory_fd;
    char name[LOG_NAME_SIZE];
    log_segment_name(name, log->segments[0].first_position);
    const int fd = log_disk_open(&log->disk, name, O_RDWR);
    if (fd < 0) return log_segment_delete(log);
    enum log_result result = LOG_OK;
    if (renameat(directory, name, directory, LOG_SPARE_NAME) < 0) {
        result = log_disk_fail(&log->disk, LOG_BROKEN, "make a spare of", name);
        log->spare_no_room = result == LOG_FULL;
        close(fd);
        return log_note(log, result);
    }
    log_spare_drop(log);
    if (LOG_RULE_OFF != LOG_RULE_SYNC_AGAIN) result = log_disk_sync_names(&log->disk);
    if (result == LOG_OK) drop_oldest(log);
    if (result == LOG_OK && (LOG_RULE_OFF == LOG_RULE_ALONE || log_disk_is_alone(fd))) {
        log->spare_fd = fd;
        log->spare_ready = log->spare_again = true;
    } else {
        close(fd);
    }
    return log_note(log, result);
}

/* A spare from before is gone first: somebody may still read it. */
static enum log_result spare_create(struct log *log)
{
    if (unlinkat(log->disk.directory_fd, LOG_SPARE_NAME, 0) < 0 && errno != ENOENT) {
        return spare_failed(log, log_disk_fail(&log->disk, LOG_BROKEN, "delete", LOG_SPARE_NAME));
    }
    log->spare_fd = log_disk_open(&log->disk, LOG_SPARE_NAME, O_RDWR | O_CREAT | O_TRUNC);
    if (log->spare_fd < 0) {
        return spare_failed(log, log_disk_fail(&log->disk, LOG_BROKEN, "create", LOG_SPARE_NAME));
    }
    int status;
    do {
        status = fallocate(log->spare_fd, 0, 0, (off_t)log->segment_bytes);
    } while (status < 0 && errno == EINTR);
    /* Where the file system cannot, the zeros alone take the room. */
    if (status < 0 && errno != EOPNOTSUPP) {
        return spare_failed(log, log_disk_fail(&log->disk, LOG_BROKEN, "allocate", LOG_SPARE_NAME));
    }
    return LOG_OK;
}

bool log_spare_is_due(const struct log *log)
{
    if (log->spare_ready) return false;
    if (log->spare_fd < 0 || log->spare_zeroed_bytes == log->segment_bytes) return true;
    const uint64_t used = log->tail - log_active(log)->base;
    return log->spare_zeroed_bytes < used + used / 4;
}

enum log_result log_spare_step(struct log *log, bool *done)
{
    *done = log->spare_ready;
    if (log->spare_ready) return LOG_OK;
    enum log_result result;
    if (log->spare_fd < 0 && log_segment_is_reusable(log)) {
        result = spare_take_again(log);
        *done = log->spare_ready;
        return result;
    }
    if (log->spare_fd < 0) return spare_create(log);
    uint64_t left = log->segment_bytes - log->spare_zeroed_bytes;
    if (left == 0) {
        result = log_disk_sync(&log->disk, log->spare_fd, LOG_SPARE_NAME);
        log->spare_ready = *done = result == LOG_OK;
        return result == LOG_OK ? LOG_OK : spare_failed(log, result);
    }
    uint64_t bytes = left < ZEROS_BYTES ? left : ZEROS_BYTES;
    result = log_disk_write(&log->disk, log->spare_fd, LOG_SPARE_NAME, zeros, bytes,
                            log->spare_zeroed_bytes);
    if (result != LOG_OK) return spare_failed(log, result);
    /* Starts the disk on it now, so that the sync at the end is short. Only a hint. */
    sync_file_range(log->spare_fd, (off_t)log->spare_zeroed_bytes, (off_t)bytes,
                    SYNC_FILE_RANGE_WRITE);
    log->spare_zeroed_bytes += bytes;
    return LOG_OK;
}

/* What the next segment's head says. One without records is replaced, not followed: both would have
 * the same name. */
static struct log_segment next_segment(const struct log *log)
{
    struct log_segment next = {.first_position = log->end_position, .bytes = log->segment_bytes};
    if (log->segments_count == 0) return next;
    const struct log_segment *last = log_active(log);
    bool empty = last->first_position == log->end_position;
    next.base = empty ? last->base : last->base + last->bytes;
    next.previous_end = empty ? last->previous_end : log->tail;
    next.chain = empty ? last->chain : log->chain;
    return next;
}

static enum log_result write_head(struct log *log, uint32_t *chain, const struct log_segment *next)
{
    uint8_t page[LOG_PAGE_BYTES];
    struct log_segment_head head = {
        .version = log->spare_again ? LOG_VERSION_AGAIN : LOG_VERSION_ZEROS,
        .log_id = log->log_id,
        .life = log->life,
        .base = next->base,
        .segment_bytes = next->bytes,
        .first_position = next->first_position,
        .previous_end = next->previous_end,
        .chain = next->chain,
    };
    log_segment_encode(page, &head, log->cpu);
    *chain = head.crc;
    enum log_result result =
        log_disk_write(&log->disk, log->spare_fd, LOG_SPARE_NAME, page, sizeof page, 0);
    if (result != LOG_OK) return result;
    return log_disk_sync(&log->disk, log->spare_fd, LOG_SPARE_NAME);
}

static enum log_result give_name(struct log *log, const char *name)
{
    int directory = log->disk.directory_fd;
    if (renameat(directory, LOG_SPARE_NAME, directory, name) < 0) {
        return log_disk_fail(&log->disk, LOG_BROKEN, "give the spare segment its name", name);
    }
    return LOG_RULE_OFF == LOG_RULE_SYNC_NAMES ? LOG_OK : log_disk_sync_names(&log->disk);
}

enum log_result log_segment_begin(struct log *log)
{
    TN_ASSERT(log->records_count == 0);
    enum log_result result = log->segments_count == 0 ? LOG_OK : log_sync_active(log);
    if (!log->spare_ready && log_segment_is_reusable(log)) log_spare_drop(log); /* it is sooner */
    for (bool done = false; result == LOG_OK && !done;) {
        result = log_spare_step(log, &done);
    }
    if (result != LOG_OK) return result;
    struct log_segment next = next_segment(log);
    char name[LOG_NAME_SIZE];
    log_segment_name(name, next.first_position);
    uint32_t chain;
    result = write_head(log, &chain, &next);
    if (result == LOG_OK) result = give_name(log, name);
    if (result != LOG_OK) return log_note(log, result);

    if (log->segments_count > 0 && log_active(log)->base == next.base) log->segments_count--;
    if (!log_segment_add(log, &next)) {
        log_disk_say(&log->disk, "no memory for the list of segments of %s", log->directory);
        return log_note(log, LOG_BROKEN);
    }
    if (log->fd >= 0) close(log->fd); /* synced: nothing is left to fail */
    log->fd = log->spare_fd;
    log->spare_fd = -1;
    log_disk_direct(log->fd);
    log_spare_drop(log);
    memcpy(log->name, name, sizeof log->name);
    log->tail = log->durable_offset = next.base + LOG_PAGE_BYTES;
    log->chain = chain;
    return LOG_OK;
}
