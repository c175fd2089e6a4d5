/* Reading a log that is not ours: for tools beside a node. What is behind its end may be being
 * written, so a group that is not whole ends the reading; it is damage when what stands behind it
 * knows that it was durable, and it does not hold when it is looked at once more. What stands
 * before must go on from group to group and from segment to segment. */
#include "log/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct beside {
    struct log *log;
    struct log_report *report;
    log_visit *visit;
    void *context;
    int *files;        /* of the log's segments; -1: not open */
    uint64_t position; /* from which on records are shown */
    bool go_on;        /* the visitor has not ended it */
};

/* Where the segment before it ended. */
struct seam {
    bool is_known;
    char name[LOG_NAME_SIZE];
    uint64_t log_id, offset, place, position; /* place: in that file */
    uint32_t chain;
};

static enum log_result check_seam(const struct seam *seam, const struct log_scan *scan)
{
    if (!seam->is_known) return LOG_OK;
    if (seam->log_id == scan->head.log_id && seam->offset < scan->head.previous_end) {
        return log_say_missing(scan->disk, seam->name, seam->place, seam->position,
                               "the next segment says");
    }
    if (seam->log_id == scan->head.log_id && seam->offset == scan->head.previous_end &&
        seam->chain == scan->head.chain && seam->position == scan->head.first_position) {
        return LOG_OK;
    }
    return log_say_damaged(scan->disk, scan->name, 0, "it does not go on from the one before");
}

static enum log_result read_group(struct beside *beside, struct log_scan *scan, bool *found)
{
    enum log_result result = log_scan_group(scan, found, beside->position);
    if (result != LOG_OK || !*found) return result;
    beside->report->groups_count++;
    if (scan->position > beside->position) {
        beside->go_on = log_show_group(scan, beside->visit, beside->context, beside->position);
    }
    return LOG_OK;
}

static enum log_result read_groups(struct beside *beside, struct log_scan *scan)
{
    for (bool found = true; found && beside->go_on;) {
        enum log_result result = read_group(beside, scan, &found);
        if (result != LOG_OK) return result;
    }
    return LOG_OK;
}

/* To the end of the log: a group that was being written when it was looked at, and that later ones
 * say is durable, holds by now. */
static enum log_result read_last(struct beside *beside, struct log_scan *scan)
{
    for (;;) {
        bool found;
        enum log_result result = read_groups(beside, scan);
        if (result != LOG_OK || !beside->go_on) return result;
        const enum log_result rest = log_scan_rest(scan, &beside->report->torn_bytes);
        if (rest != LOG_DAMAGED) return rest;
        result = read_group(beside, scan, &found);
        if (result != LOG_OK) return result;
        if (!found) return LOG_DAMAGED;
        beside->report->problem[0] = '\0';
    }
}

/* The first segment with records that are wanted. */
static uint32_t first_wanted(const struct beside *beside)
{
    const struct log *log = beside->log;
    uint32_t first = 0;
    while (first + 1 < log->segments_count &&
           log->segments[first + 1].first_position <= beside->position) {
        first++;
    }
    return first;
}

static void close_files(const struct beside *beside, uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end; i++) {
        if (beside->files[i] >= 0) close(beside->files[i]);
        beside->files[i] = -1;
    }
}

/* A segment, if it has its name when it is open: then nobody writes over it until it is closed. One
 * that was released in between may be another segment already. */
static int open_segment(const struct log_disk *disk, const char *name)
{
    struct stat file, named;
    const int fd = log_disk_open(disk, name, O_RDONLY);
    if (fd < 0) return -1;
    int error = ENOENT;
    if (fstat(fd, &file) < 0 || fstatat(disk->directory_fd, name, &named, 0) < 0)
        error = errno;
    else if (file.st_dev == named.st_dev && file.st_ino == named.st_ino)
        return fd;
    close(fd);
    errno = error;
    return -1;
}

/* A node releases what it needs no more, oldest first, also while it is read here: an open file
 * stays. So all are opened before one is read, and what comes behind one that is gone is where the
 * log begins now. What cannot be opened for another reason is tried again when its turn comes.
 * Returns the first that is there. */
static uint32_t open_files(const struct beside *beside, uint32_t first)
{
    const struct log *log = beside->log;
    for (uint32_t i = first; i < log->segments_count; i++) {
        char name[LOG_NAME_SIZE];
        log_segment_name(name, log->segments[i].first_position);
        beside->files[i] = open_segment(&log->disk, name);
        if (beside->files[i] >= 0) continue;
        if (errno != ENOENT) break;
        close_files(beside, first, i);
        first = i + 1;
    }
    return first;
}

static enum log_result open_next(struct log_scan *scan, const struct beside *beside, uint32_t index)
{
    const struct log *log = beside->log;
    int file = beside->files[index];
    char name[LOG_NAME_SIZE];
    log_segment_name(name, log->segments[index].first_position);
    if (file < 0) file = open_segment(&log->disk, name);
    beside->files[index] = -1;
    if (file >= 0) return log_scan_take(scan, &log->disk, log->cpu, name, file);
    *scan = (struct log_scan){.fd = -1};
    log_disk_fail(&log->disk, LOG_FAILED, "open", name);
    return LOG_FAILED;
}

static enum log_result read_segment(struct beside *beside, struct log_scan *scan, struct seam *seam,
                                    bool is_last)
{
    enum log_result result = check_seam(seam, scan);
    if (result != LOG_OK) return result;
    if (!seam->is_known) beside->report->first_position = scan->head.first_position;
    result = is_last ? read_last(beside, scan) : read_groups(beside, scan);
    beside->report->end_position = scan->position;
    *seam = (struct seam){.is_known = true,
                          .log_id = scan->head.log_id,
                          .offset = scan->offset,
                          .place = scan->offset - scan->head.base,
                          .position = scan->position,
                          .chain = scan->chain};
    memcpy(seam->name, scan->name, sizeof seam->name);
    return result;
}

static enum log_result read_all(struct beside *beside)
{
    const uint32_t count = beside->log->segments_count;
    struct seam seam = {.is_known = false};
    enum log_result result = LOG_OK;
    for (uint32_t i = open_files(beside, first_wanted(beside));
         i < count && beside->go_on && result == LOG_OK; i++) {
        struct log_scan scan;
        result = open_next(&scan, beside, i);
        if (result != LOG_OK) break;
        result = read_segment(beside, &scan, &seam, i + 1 == count);
        log_scan_close(&scan);
    }
    return result;
}

static enum log_result read_segments(struct beside *beside)
{
    const uint32_t count = beside->log->segments_count;
    beside->files = malloc((count + 1) * sizeof *beside->files);
    if (beside->files == NULL) {
        log_disk_say(&beside->log->disk, "no memory to read %s", beside->log->disk.directory);
        return LOG_FAILED;
    }
    memset(beside->files, -1, count * sizeof *beside->files);
    const enum log_result result = read_all(beside);
    close_files(beside, 0, count);
    free(beside->files);
    return result;
}

enum log_result log_read_beside(const char *directory, enum tn_cpu cpu, struct log_report *report,
                                log_visit *visit, void *context, uint64_t position)
{
    struct log *log = calloc(1, sizeof *log);
    *report = (struct log_report){.created = true};
    if (log == NULL) {
        snprintf(report->problem, sizeof report->problem, "no memory to read %s", directory);
        return LOG_FAILED;
    }
    *log = (struct log){.disk = {directory, AT_FDCWD, report->problem}, .cpu = cpu, .fd = -1};
    log->disk.directory_fd = log_disk_open(&log->disk, directory, O_RDONLY | O_DIRECTORY);
    enum log_result result = LOG_OK;
    if (log->disk.directory_fd >= 0) {
        struct beside beside = {.log = log,
                                .report = report,
                                .visit = visit,
                                .context = context,
                                .position = position,
                                .go_on = true};
        result = log_list_segments(log);
        report->created = result == LOG_OK && log->segments_count == 0;
        if (result == LOG_OK) result = read_segments(&beside);
        close(log->disk.directory_fd);
    } else if (errno != ENOENT) {
        result = log_disk_fail(&log->disk, LOG_FAILED, "open the directory", "");
    }
    free(log->segments);
    free(log);
    return result;
}
