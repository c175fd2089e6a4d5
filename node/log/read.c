/* Reading records back: from the segment that holds the position to what is durable now.
 *
 * It opens the files anew and trusts nothing: a group that does not hold, a segment that ends
 * elsewhere than the next one says, is damage. */
#include "log/internal.h"

#include <fcntl.h>

/* Where the reading of one segment ends. */
struct bound {
    uint64_t offset;
    uint32_t chain;
    bool has_chain; /* the next segment's head tells it; nothing tells that of the last */
};

static struct bound bound_of(const struct log *log, uint32_t index, uint64_t durable_offset)
{
    if (index + 1 == log->segments_count) return (struct bound){.offset = durable_offset};
    const struct log_segment *next = &log->segments[index + 1];
    return (struct bound){next->previous_end, next->chain, true};
}

bool log_show_group(const struct log_scan *scan, log_visit *visit, void *context, uint64_t position)
{
    uint64_t at = scan->group.first_position;
    uint64_t offset = 0;
    while (offset < scan->group.body_bytes) {
        struct log_record_head head;
        const uint8_t *place = scan->body + offset;
        bool whole = log_record_decode(&head, place, scan->group.body_bytes - offset);
        TN_ASSERT(whole); /* the scan found that the group holds */
        struct log_record record = {
            .position = at,
            .bytes = place + LOG_RECORD_HEAD_BYTES,
            .size = head.size,
            .type = head.type,
        };
        if (at >= position && !visit(context, &record)) return false;
        offset += LOG_RECORD_HEAD_BYTES + (uint64_t)head.size;
        at++;
    }
    return true;
}

static enum log_result read_groups(struct log_scan *scan, bool *go_on, struct bound bound,
                                   log_visit *visit, void *context, uint64_t position)
{
    while (scan->offset < bound.offset) {
        uint64_t here = scan->offset - scan->head.base;
        bool found;
        enum log_result result = log_scan_group(scan, &found, position);
        if (result != LOG_OK) return result;
        if (!found || scan->offset > bound.offset) {
            return log_say_damaged(scan->disk, scan->name, here,
                                   "records that were durable are missing or wrong");
        }
        if (scan->position <= position) continue;
        *go_on = log_show_group(scan, visit, context, position);
        if (!*go_on) return LOG_OK;
    }
    if (bound.has_chain && scan->chain != bound.chain) {
        return log_say_damaged(scan->disk, scan->name, scan->offset - scan->head.base,
                               "the next segment goes on from other records");
    }
    return LOG_OK;
}

static enum log_result read_segment(struct log *log, bool *go_on, uint32_t index,
                                    struct bound bound, log_visit *visit, void *context,
                                    uint64_t position)
{
    struct log_segment segment = log->segments[index];
    char name[LOG_NAME_SIZE];
    log_segment_name(name, segment.first_position);
    struct log_scan scan;
    enum log_result result = log_scan_open(&scan, &log->disk, log->cpu, name, O_RDONLY);
    if (result != LOG_OK) return result;
    if (scan.head.log_id != log->log_id || scan.head.base != segment.base ||
        scan.head.chain != segment.chain) {
        result = log_say_damaged(&log->disk, name, 0, "its head has changed");
    } else {
        result = read_groups(&scan, go_on, bound, visit, context, position);
    }
    log_scan_close(&scan);
    return result;
}

/* The last segment that begins at or below the position; the first if none does. */
static uint32_t find_segment(const struct log *log, uint64_t position)
{
    uint32_t low = 0;
    uint32_t high = log->segments_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (log->segments[middle].first_position <= position)
            low = middle;
        else
            high = middle;
    }
    return low;
}

enum log_result log_read(struct log *log, log_visit *visit, void *context, uint64_t position)
{
    if (log->broken) return LOG_BROKEN;
    uint64_t durable_offset = log->durable_offset; /* the visitor may append and go further */
    uint64_t last_base = log_active(log)->base;
    bool go_on = true;
    enum log_result result = LOG_OK;
    log->readings_count++;
    for (uint32_t i = find_segment(log, position); go_on && i < log->segments_count; i++) {
        if (log->segments[i].base > last_base) break;
        struct bound bound = bound_of(log, i, durable_offset);
        if (bound.offset > durable_offset) bound = (struct bound){.offset = durable_offset};
        result = read_segment(log, &go_on, i, bound, visit, context, position);
        if (result != LOG_OK) break;
    }
    log->readings_count--;
    return result;
}
