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
#include <unistd.h>

struct beside {
    struct log *log;
    struct log_report *report;
    log_visit *visit;
    void *context;
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

/* Deleted since the names were listed: a node releases what it needs no more, oldest first. */
static bool is_released(const struct log *log, const char *name)
{
    return faccessat(log->disk.directory_fd, name, F_OK, 0) != 0 && errno == ENOENT;
}

static enum log_result open_next(struct log_scan *scan, bool *is_there, const struct beside *beside,
                                 const struct seam *seam, uint32_t index)
{
    const struct log *log = beside->log;
    char name[LOG_NAME_SIZE];
    log_segment_name(name, log->segments[index].first_position);
    enum log_result result = log_scan_open(scan, &log->disk, log->cpu, name, O_RDONLY);
    *is_there = result == LOG_OK;
    if (result != LOG_OK && !seam->is_known && is_released(log, name)) {
        beside->report->problem[0] = '\0';
        return LOG_OK;
    }
    return result;
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
    const struct log *log = beside->log;
    struct seam seam = {.is_known = false};
    enum log_result result = LOG_OK;
    for (uint32_t i = 0; i < log->segments_count && beside->go_on && result == LOG_OK; i++) {
        struct log_scan scan;
        bool is_there;
        const bool is_last = i + 1 == log->segments_count;
        if (!is_last && log->segments[i + 1].first_position <= beside->position) continue;
        result = open_next(&scan, &is_there, beside, &seam, i);
        if (!is_there) continue;
        result = read_segment(beside, &scan, &seam, is_last);
        log_scan_close(&scan);
    }
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
        if (result == LOG_OK) result = read_all(&beside);
        close(log->disk.directory_fd);
    } else if (errno != ENOENT) {
        result = log_disk_fail(&log->disk, LOG_FAILED, "open the directory", "");
    }
    free(log->segments);
    free(log);
    return result;
}
