/* Reading a segment: group after group, until one does not hold.
 *
 * A group is taken whole or not at all. It holds when its head and every record have their
 * checksums, it stands where it says, and its chain is the checksum of the head before it; so what
 * an earlier life left behind the end, or another file's bytes, never goes on from here.
 *
 * What stands behind a group that does not hold tells the two apart (docs/specs/log.md §6): a
 * torn tail, which a crash leaves and nobody was promised, and damage to what was durable. */
#include "log/internal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR_BYTES 512
#define CHUNK_BYTES  ((uint64_t)256 << 10)

enum log_result log_say_damaged(const struct log_disk *disk, const char *name, uint64_t offset,
                                const char *what)
{
    log_disk_say(disk,
                 "%s/%s is damaged at byte %" PRIu64 ": %s. Keep the directory for study, restore "
                 "this node from a snapshot, and vote with its key only from the next epoch on",
                 disk->directory, name, offset, what);
    return LOG_DAMAGED;
}

enum log_result log_say_missing(const struct log_disk *disk, const char *name, uint64_t offset,
                                uint64_t position, const char *who)
{
    char what[160];
    snprintf(what, sizeof what,
             "%s that records from %" PRIu64 " on were durable, and they are missing or wrong", who,
             position);
    return log_say_damaged(disk, name, offset, what);
}

static enum log_result judge_head(const struct log_scan *scan, enum log_head_state state,
                                  uint32_t version)
{
    const struct log_disk *disk = scan->disk;
    switch (state) {
        case LOG_HEAD_GOOD: return LOG_OK;
        case LOG_HEAD_WRONG:
            return log_say_damaged(disk, scan->name, 0, "its head has the wrong checksum");
        case LOG_HEAD_FOREIGN:
            log_disk_say(disk,
                         "%s/%s does not begin as a segment of a Tenor log: it is foreign or its "
                         "head is destroyed; move it away if it is not this node's",
                         disk->directory, scan->name);
            return LOG_REFUSED;
        case LOG_HEAD_VERSION:
            log_disk_say(disk,
                         "%s/%s has version %" PRIu32 " of the log's format, this program reads "
                         "only %d and %d; start the node with the program that wrote it, stop it "
                         "in order, take a snapshot and restore that with this program",
                         disk->directory, scan->name, version, LOG_VERSION_ZEROS,
                         LOG_VERSION_AGAIN);
            return LOG_REFUSED;
    }
    TN_ASSERT(false);
    return LOG_FAILED;
}

static enum log_result read_head(struct log_scan *scan)
{
    uint8_t page[LOG_SEGMENT_HEAD_BYTES];
    struct stat status;
    if (fstat(scan->fd, &status) < 0) {
        log_disk_fail(scan->disk, LOG_FAILED, "look at", scan->name);
        return LOG_FAILED;
    }
    if (status.st_size < LOG_PAGE_BYTES) {
        return log_say_damaged(scan->disk, scan->name, (uint64_t)status.st_size, "it ends there");
    }
    enum log_result result = log_disk_read(scan->disk, scan->fd, scan->name, page, sizeof page, 0);
    if (result != LOG_OK) return result;
    uint32_t version = 0;
    enum log_head_state state = log_segment_decode(&scan->head, &version, scan->cpu, page);
    result = judge_head(scan, state, version);
    if (result != LOG_OK) return result;
    if ((uint64_t)status.st_size != scan->head.segment_bytes) {
        return log_say_damaged(scan->disk, scan->name, (uint64_t)status.st_size,
                               "it ends there, and should not");
    }
    char name[LOG_NAME_SIZE];
    log_segment_name(name, scan->head.first_position);
    if (strcmp(name, scan->name) != 0) {
        return log_say_damaged(scan->disk, scan->name, 0, "its head belongs to another name");
    }
    return LOG_OK;
}

enum log_result log_scan_take(struct log_scan *scan, const struct log_disk *disk, enum tn_cpu cpu,
                              const char *name, int fd)
{
    *scan = (struct log_scan){.disk = disk, .cpu = cpu, .fd = fd};
    memcpy(scan->name, name, strlen(name) + 1);
    enum log_result result = read_head(scan);
    if (result != LOG_OK) {
        log_scan_close(scan);
        return result;
    }
    scan->offset = scan->head.base + LOG_PAGE_BYTES;
    scan->position = scan->head.first_position;
    scan->chain = scan->head.crc;
    return LOG_OK;
}

enum log_result log_scan_open(struct log_scan *scan, const struct log_disk *disk, enum tn_cpu cpu,
                              const char *name, int flags)
{
    const int fd = log_disk_open(disk, name, flags);
    if (fd >= 0) return log_scan_take(scan, disk, cpu, name, fd);
    *scan = (struct log_scan){.fd = -1};
    log_disk_fail(disk, LOG_FAILED, "open", name);
    return LOG_FAILED;
}

void log_scan_close(struct log_scan *scan)
{
    if (scan->fd >= 0) close(scan->fd);
    scan->fd = -1;
    free(scan->body);
    scan->body = NULL;
}

static enum log_result make_room(struct log_scan *scan, uint64_t bytes)
{
    if (bytes <= scan->body_room) return LOG_OK;
    free(scan->body);
    scan->body_room = 0;
    scan->body = malloc(bytes);
    if (scan->body == NULL) {
        log_disk_say(scan->disk, "no memory to read %s/%s: %" PRIu64 " bytes",
                     scan->disk->directory, scan->name, bytes);
        return LOG_FAILED;
    }
    scan->body_room = bytes;
    return LOG_OK;
}

/* Whether this head may stand at scan->offset: everything but the body. */
static bool head_fits(const struct log_scan *scan, const struct log_group_head *group)
{
    uint64_t end = scan->head.base + scan->head.segment_bytes;
    return group->log_id == scan->head.log_id && group->previous_end == scan->offset &&
           group->durable_before <= scan->offset &&
           (group->chain == scan->chain || LOG_RULE_OFF == LOG_RULE_CHAIN) &&
           group->first_position == scan->position && group->body_bytes <= LOG_BODY_BYTES_MAX &&
           group->records_count <= group->body_bytes / LOG_RECORD_HEAD_BYTES &&
           log_group_bytes(group->body_bytes) <= end - scan->offset;
}

enum log_result log_scan_group(struct log_scan *scan, bool *found, uint64_t wanted)
{
    *found = false;
    uint64_t place = scan->offset - scan->head.base;
    TN_ASSERT(place % LOG_PAGE_BYTES == 0 && place <= scan->head.segment_bytes);
    if (place == scan->head.segment_bytes) return LOG_OK;
    uint8_t bytes[LOG_GROUP_HEAD_BYTES];
    enum log_result result =
        log_disk_read(scan->disk, scan->fd, scan->name, bytes, sizeof bytes, place);
    if (result != LOG_OK) return result;
    struct log_group_head *group = &scan->group;
    if (!log_group_decode(group, scan->cpu, bytes) || !head_fits(scan, group)) return LOG_OK;
    if (wanted < group->first_position + group->records_count) {
        result = make_room(scan, group->body_bytes);
        if (result != LOG_OK) return result;
        result = log_disk_read(scan->disk, scan->fd, scan->name, scan->body, group->body_bytes,
                               place + LOG_GROUP_HEAD_BYTES);
        if (result != LOG_OK) return result;
        if (!log_group_holds(group, scan->cpu, scan->body)) return LOG_OK;
    }
    scan->offset += log_group_bytes(group->body_bytes);
    scan->position += group->records_count;
    scan->chain = group->crc;
    *found = true;
    return LOG_OK;
}

static bool is_zero(const uint8_t *bytes)
{
    uint64_t any = 0;
    for (unsigned i = 0; i < SECTOR_BYTES; i += 8) {
        uint64_t word;
        memcpy(&word, bytes + i, 8);
        any |= word;
    }
    return any == 0;
}

/* Whether a group is of what the file held when it was an earlier segment: all of that was written
 * for places before the present one's. */
static bool is_left_over(const struct log_scan *scan, const struct log_group_head *group)
{
    return scan->head.version == LOG_VERSION_AGAIN && group->previous_end < scan->head.base;
}

/* A head found at stream offset `here`: what it proves about the end at scan->offset. */
static enum log_result judge_witness(const struct log_scan *scan,
                                     const struct log_group_head *group, uint64_t here)
{
    if (group->log_id != scan->head.log_id || is_left_over(scan, group)) return LOG_OK;
    if (group->previous_end != here) {
        return log_say_damaged(scan->disk, scan->name, here - scan->head.base,
                               "a group stands there that was written for another place");
    }
    if (here <= scan->offset || group->durable_before <= scan->offset) return LOG_OK;
    if (LOG_RULE_OFF == LOG_RULE_DURABLE_BEFORE) return LOG_OK;
    return log_say_missing(scan->disk, scan->name, scan->offset - scan->head.base, scan->position,
                           "a good group behind says");
}

/* How far behind the end this sector shows that something was torn off. Where the file was used
 * before, only a head tells what is not left over. */
static uint64_t torn_to(const struct log_scan *scan, const struct log_group_head *group,
                        const uint8_t *sector, uint64_t here)
{
    if (here < scan->offset) return 0;
    if (scan->head.version == LOG_VERSION_ZEROS)
        return is_zero(sector) ? 0 : here + SECTOR_BYTES - scan->offset;
    if (group == NULL || group->log_id != scan->head.log_id || is_left_over(scan, group)) return 0;
    const uint64_t end = scan->head.base + scan->head.segment_bytes;
    const uint64_t bytes = log_group_bytes(group->body_bytes);
    return (bytes < end - here ? here + bytes : end) - scan->offset;
}

enum log_result log_scan_rest(struct log_scan *scan, uint64_t *torn_bytes)
{
    *torn_bytes = 0;
    enum log_result result = make_room(scan, CHUNK_BYTES);
    uint64_t bytes = scan->head.segment_bytes;
    for (uint64_t start = 0; result == LOG_OK && start < bytes; start += CHUNK_BYTES) {
        uint64_t size = bytes - start < CHUNK_BYTES ? bytes - start : CHUNK_BYTES;
        result = log_disk_read(scan->disk, scan->fd, scan->name, scan->body, size, start);
        for (uint64_t i = 0; result == LOG_OK && i < size; i += SECTOR_BYTES) {
            uint64_t here = scan->head.base + start + i;
            struct log_group_head group;
            const bool is_head = log_group_decode(&group, scan->cpu, scan->body + i);
            if (is_head) result = judge_witness(scan, &group, here);
            const uint64_t torn = torn_to(scan, is_head ? &group : NULL, scan->body + i, here);
            if (torn > *torn_bytes) *torn_bytes = torn;
        }
    }
    return result;
}
