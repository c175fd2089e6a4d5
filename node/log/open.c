/* Opening a log: take the lock, list the segments, see that they go on from each other, find the
 * end of the last, and make sure of everything that was found.
 *
 * What can be read now may only be in the page cache of a machine that did not stop, so it is
 * synced before anything is built on it, names included; then the cache is dropped and the disk
 * itself is read: after a failed sync in an earlier life the cache may show what the disk lost. */
#include "log/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

static enum log_result take_lock(struct log *log)
{
    log->disk.directory_fd = AT_FDCWD;
    log->disk.directory_fd = log_disk_open(&log->disk, log->directory, O_RDONLY | O_DIRECTORY);
    if (log->disk.directory_fd < 0) {
        log_disk_fail(&log->disk, LOG_FAILED, "open the directory", "");
        return LOG_FAILED;
    }
    log->lock_fd = log_disk_open(&log->disk, LOG_LOCK_NAME, O_RDWR | O_CREAT);
    if (log->lock_fd < 0) {
        return log_disk_fail(&log->disk, LOG_FAILED, "open", LOG_LOCK_NAME);
    }
    if (flock(log->lock_fd, LOCK_EX | LOCK_NB) == 0) return LOG_OK;
    if (errno != EWOULDBLOCK) {
        log_disk_fail(&log->disk, LOG_FAILED, "lock", LOG_LOCK_NAME);
        return LOG_FAILED;
    }
    log_disk_say(&log->disk,
                 "%s/%s is locked: another process uses this log; stop it first, two nodes must "
                 "never share one log",
                 log->directory, LOG_LOCK_NAME);
    return LOG_REFUSED;
}

/* 0: not the name of a segment. */
static uint64_t position_of(const char *name)
{
    char again[LOG_NAME_SIZE];
    uint64_t position = strtoull(name, NULL, 16);
    log_segment_name(again, position);
    return strcmp(again, name) == 0 ? position : 0;
}

/* Adds what this name says to the list; names that are nobody's business are let be. */
static enum log_result list_name(struct log *log, const char *name)
{
    size_t length = strlen(name);
    if (length < 4 || strcmp(name + length - 4, ".log") != 0) return LOG_OK;
    struct log_segment segment = {.first_position = position_of(name)};
    if (segment.first_position == 0) {
        log_disk_say(&log->disk,
                     "%s/%s has no name of a segment: it is foreign; move it to another directory",
                     log->directory, name);
        return LOG_REFUSED;
    }
    if (log_segment_add(log, &segment)) return LOG_OK;
    log_disk_say(&log->disk, "no memory for the list of segments of %s", log->directory);
    return LOG_FAILED;
}

static int compare_segments(const void *left, const void *right)
{
    const struct log_segment *a = left;
    const struct log_segment *b = right;
    return (a->first_position > b->first_position) - (a->first_position < b->first_position);
}

enum log_result log_list_segments(struct log *log)
{
    int fd = log_disk_open(&log->disk, ".", O_RDONLY | O_DIRECTORY);
    DIR *names = fd < 0 ? NULL : fdopendir(fd);
    if (names == NULL) {
        log_disk_fail(&log->disk, LOG_FAILED, "list the directory", "");
        if (fd >= 0) close(fd);
        return LOG_FAILED;
    }
    enum log_result result = LOG_OK;
    const struct dirent *entry;
    errno = 0;
    while (result == LOG_OK && (entry = readdir(names)) != NULL) {
        result = list_name(log, entry->d_name);
        errno = 0;
    }
    if (result == LOG_OK && errno != 0) {
        log_disk_fail(&log->disk, LOG_FAILED, "list the directory", "");
        result = LOG_FAILED;
    }
    closedir(names);
    if (log->segments_count > 1) {
        qsort(log->segments, log->segments_count, sizeof *log->segments, compare_segments);
    }
    return result;
}

/* Whether a segment can follow the one before it, by their heads. */
static enum log_result check_follows(const struct log *log, const struct log_scan *scan,
                                     uint32_t index)
{
    if (index == 0) return LOG_OK;
    const struct log_segment *before = &log->segments[index - 1];
    const struct log_segment_head *head = &scan->head;
    if (head->log_id != log->log_id) {
        return log_say_damaged(scan->disk, scan->name, 0, "it belongs to another log");
    }
    if (head->base != before->base + before->bytes ||
        head->previous_end <= before->base + LOG_PAGE_BYTES || head->previous_end > head->base ||
        head->first_position <= before->first_position) {
        return log_say_damaged(scan->disk, scan->name, 0, "a segment before it is missing");
    }
    return LOG_OK;
}

/* Reads the heads of all segments; the last stays open. */
static enum log_result check_heads(struct log *log, struct log_scan *scan)
{
    for (uint32_t i = 0; i < log->segments_count; i++) {
        struct log_segment *segment = &log->segments[i];
        bool last = i + 1 == log->segments_count;
        char name[LOG_NAME_SIZE];
        log_segment_name(name, segment->first_position);
        enum log_result result =
            log_scan_open(scan, &log->disk, log->cpu, name, last ? O_RDWR : O_RDONLY);
        if (result != LOG_OK) return result;
        if (i == 0) log->log_id = scan->head.log_id;
        result = check_follows(log, scan, i);
        segment->base = scan->head.base;
        segment->bytes = scan->head.segment_bytes;
        segment->previous_end = scan->head.previous_end;
        segment->chain = scan->head.chain;
        if (result != LOG_OK || !last) log_scan_close(scan);
        if (result != LOG_OK) return result;
    }
    return LOG_OK;
}

/* Goes to the end of the last segment and takes it over. */
static enum log_result find_end(struct log *log, struct log_report *report, struct log_scan *scan)
{
    enum log_result result = log_disk_sync(&log->disk, scan->fd, scan->name);
    if (result == LOG_OK) result = log_disk_sync_names(&log->disk);
    if (result != LOG_OK) return LOG_FAILED;
    posix_fadvise(scan->fd, 0, 0, POSIX_FADV_DONTNEED); /* a hint; see above */
    for (bool found = true; found;) {
        result = log_scan_group(scan, &found, 0);
        if (result != LOG_OK) return result;
        if (found) report->groups_count++;
    }
    result = log_scan_rest(scan, &report->torn_bytes);
    if (result != LOG_OK) return result;
    log->fd = scan->fd;
    scan->fd = -1;
    log_disk_direct(log->fd);
    memcpy(log->name, scan->name, sizeof log->name);
    log->tail = log->durable_offset = scan->offset;
    log->chain = scan->chain;
    log->end_position = log->durable_position = scan->position;
    return LOG_OK;
}

static enum log_result recover(struct log *log, struct log_report *report)
{
    enum log_result result = log_list_segments(log);
    if (result != LOG_OK) return result;
    if (unlinkat(log->disk.directory_fd, LOG_SPARE_NAME, 0) < 0 && errno != ENOENT) {
        log_disk_fail(&log->disk, LOG_FAILED, "delete", LOG_SPARE_NAME);
        return LOG_FAILED;
    }
    if (log->segments_count == 0) {
        report->created = true;
        log->end_position = log->durable_position = log->first_position;
        return log_segment_begin(log);
    }
    struct log_scan scan = {.fd = -1};
    result = check_heads(log, &scan);
    if (result == LOG_OK) result = find_end(log, report, &scan);
    log_scan_close(&scan);
    return result;
}

/* Two words nobody can guess: a client's bytes in a record can never pass for a group. */
static enum log_result draw_identity(struct log *log, uint64_t entropy)
{
    uint64_t words[2] = {0, 0};
    if (entropy != 0) {
        words[0] = tn_random_next(&entropy);
        words[1] = tn_random_next(&entropy);
    } else if (getrandom(words, sizeof words, 0) != (ssize_t)sizeof words) {
        log_disk_fail(&log->disk, LOG_FAILED, "draw random numbers for", "");
        return LOG_FAILED;
    }
    log->log_id = words[0]; /* of a new log; an old one has its own */
    log->life = words[1];
    return LOG_OK;
}

static enum log_result take_memory(struct log *log)
{
    uint64_t longest = log_record_bytes_max(log) + LOG_RECORD_HEAD_BYTES;
    if (longest < log->group_body_max) longest = log->group_body_max;
    log->group = aligned_alloc(LOG_PAGE_BYTES, log_group_bytes(longest));
    if (log->group != NULL) return LOG_OK;
    log_disk_say(&log->disk, "no memory for the groups of %s: %" PRIu64 " bytes", log->directory,
                 log_group_bytes(longest));
    return LOG_FAILED;
}

static void set_limits(struct log *log, const struct log_options *options)
{
    log->segment_bytes = options->segment_bytes == 0 ? (uint64_t)64 << 20 : options->segment_bytes;
    log->group_body_max =
        options->group_bytes_max == 0 ? (uint64_t)1 << 20 : options->group_bytes_max;
    TN_ASSERT(log->segment_bytes >= LOG_SEGMENT_BYTES_MIN);
    TN_ASSERT(log->segment_bytes <= LOG_SEGMENT_BYTES_MAX);
    TN_ASSERT(log->segment_bytes % LOG_PAGE_BYTES == 0);
    if (log->group_body_max > LOG_BODY_BYTES_MAX) log->group_body_max = LOG_BODY_BYTES_MAX;
}

/* A log that knows its limits and holds nothing yet; NULL when there is no memory. */
static struct log *make_log(const struct log_options *options)
{
    struct log *log = calloc(1, sizeof *log);
    if (log == NULL) return NULL;
    log->disk = (struct log_disk){log->directory, -1, log->problem};
    log->lock_fd = log->fd = log->spare_fd = -1;
    log->cpu = options->cpu;
    TN_ASSERT(strlen(options->directory) < LOG_DIRECTORY_SIZE);
    memcpy(log->directory, options->directory, strlen(options->directory) + 1);
    log->first_position = options->first_position == 0 ? 1 : options->first_position;
    set_limits(log, options);
    return log;
}

enum log_result log_open(struct log **opened, struct log_report *report,
                         const struct log_options *options)
{
    *opened = NULL;
    memset(report, 0, sizeof *report);
    struct log *log = make_log(options);
    if (log == NULL) {
        snprintf(report->problem, sizeof report->problem, "no memory to open the log %s",
                 options->directory);
        return LOG_FAILED;
    }
    enum log_result result = draw_identity(log, options->entropy);
    if (result == LOG_OK) result = take_memory(log);
    if (result == LOG_OK) result = take_lock(log);
    if (result == LOG_OK) result = recover(log, report);
    if (result == LOG_OK && !report->created) {
        result = log_seal(log);
        if (result == LOG_FULL) result = LOG_OK; /* open, and full: the caller hears at once */
    }
    if (result != LOG_OK) {
        memcpy(report->problem, log->problem, sizeof report->problem);
        log_close(log);
        return result == LOG_BROKEN ? LOG_FAILED : result;
    }
    report->first_position = log_first_position(log);
    report->end_position = log->end_position;
    *opened = log;
    return LOG_OK;
}

void log_close(struct log *log)
{
    if (log == NULL) return;
    log_spare_drop(log);
    if (log->fd >= 0) close(log->fd);
    if (log->lock_fd >= 0) close(log->lock_fd); /* and so the lock is free */
    if (log->disk.directory_fd >= 0) close(log->disk.directory_fd);
    free(log->group);
    free(log->segments);
    free(log);
}
