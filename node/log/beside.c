/* Reading a log that is not ours: for tools beside a node. What is behind its end is being written,
 * so the first group that is not whole ends the reading and is never called damage; what stands
 * before it must go on from group to group and from segment to segment. */
#include "log/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where the segment before it ended. */
struct seam {
    bool is_known;
    uint64_t log_id, offset, position;
    uint32_t chain;
};

static bool goes_on(const struct seam *seam, const struct log_scan *scan)
{
    return !seam->is_known ||
           (seam->log_id == scan->head.log_id && seam->offset == scan->head.previous_end &&
            seam->chain == scan->head.chain && seam->position == scan->head.first_position);
}

static enum log_result read_one(struct log_scan *scan, bool *go_on, log_visit *visit, void *context,
                                uint64_t position)
{
    for (bool found = true; found && *go_on;) {
        enum log_result result = log_scan_group(scan, &found, position);
        if (result != LOG_OK) return result;
        if (found && scan->position > position) {
            *go_on = log_show_group(scan, visit, context, position);
        }
    }
    return LOG_OK;
}

static enum log_result read_all(struct log *log, log_visit *visit, void *context, uint64_t position)
{
    struct seam seam = {.is_known = false};
    bool go_on = true;
    enum log_result result = LOG_OK;
    for (uint32_t i = 0; i < log->segments_count && go_on && result == LOG_OK; i++) {
        struct log_scan scan;
        char name[LOG_NAME_SIZE];
        bool has_next = i + 1 < log->segments_count;
        if (has_next && log->segments[i + 1].first_position <= position) continue;
        log_segment_name(name, log->segments[i].first_position);
        result = log_scan_open(&scan, &log->disk, log->cpu, name, O_RDONLY);
        if (result != LOG_OK) return result;
        if (!goes_on(&seam, &scan)) {
            result = log_say_damaged(&log->disk, name, 0, "it does not go on from the one before");
        } else {
            result = read_one(&scan, &go_on, visit, context, position);
        }
        seam = (struct seam){true, scan.head.log_id, scan.offset, scan.position, scan.chain};
        log_scan_close(&scan);
    }
    return result;
}

enum log_result log_read_beside(const char *directory, enum tn_cpu cpu, log_visit *visit,
                                void *context, uint64_t position, char problem[LOG_PROBLEM_SIZE])
{
    struct log *log = calloc(1, sizeof *log);
    problem[0] = '\0';
    if (log == NULL) return LOG_FAILED;
    *log = (struct log){.disk = {directory, AT_FDCWD, problem}, .cpu = cpu, .fd = -1};
    log->disk.directory_fd = log_disk_open(&log->disk, directory, O_RDONLY | O_DIRECTORY);
    enum log_result result = LOG_OK;
    if (log->disk.directory_fd >= 0) {
        result = log_list_segments(log);
        if (result == LOG_OK) result = read_all(log, visit, context, position);
        close(log->disk.directory_fd);
    } else if (errno != ENOENT) {
        result = log_disk_fail(&log->disk, LOG_FAILED, "open the directory", "");
    }
    free(log->segments);
    free(log);
    return result;
}
