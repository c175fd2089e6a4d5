/* The log inside: its state, and what its files share. */
#ifndef NODE_LOG_INTERNAL_H
#define NODE_LOG_INTERNAL_H

#include "log/disk.h"
#include "log/layout.h"
#include "log/log.h"

#define LOG_NAME_SIZE      24 /* sixteen hexadecimal digits, ".log", the end */
#define LOG_DIRECTORY_SIZE 400
#define LOG_SPARE_NAME     "spare"
#define LOG_LOCK_NAME      "lock"
/* A group holds at least one record, so it may be as long as the longest of them. */
#define LOG_BODY_BYTES_MAX ((uint64_t)LOG_RECORD_BYTES_MAX + LOG_RECORD_HEAD_BYTES)

/* A test build may switch off one rule; the tests must then fail (tests/CMakeLists.txt). */
enum log_rule {
    LOG_RULE_SYNC = 1,
    LOG_RULE_CHAIN,
    LOG_RULE_DURABLE_BEFORE,
    LOG_RULE_SYNC_NAMES,
    LOG_RULE_SYNC_AGAIN,
    LOG_RULE_ALONE
};
#ifndef LOG_RULE_OFF
#define LOG_RULE_OFF 0
#endif

struct log_segment {
    uint64_t first_position;
    uint64_t base;         /* stream offset of its first byte */
    uint64_t bytes;        /* of the file */
    uint64_t previous_end; /* stream offset where the groups of the segment before it end */
    uint32_t chain;        /* as in its head */
};

/* Where a write stopped for lack of room, and so where log_retry goes on. */
enum log_stop { LOG_STOP_NONE, LOG_STOP_GROUP, LOG_STOP_SEGMENT };

struct log {
    struct log_disk disk;
    int lock_fd;
    enum tn_cpu cpu;
    uint64_t log_id;
    uint64_t life;
    uint64_t first_position; /* of one that is made anew */
    uint64_t segment_bytes;
    uint64_t group_body_max;
    bool broken;
    enum log_stop stop;

    struct log_segment *segments; /* oldest first; the last is in use */
    uint32_t segments_count;
    uint32_t segments_max;
    int fd; /* of the last; -1: there is none yet */
    char name[LOG_NAME_SIZE];
    uint64_t tail;           /* stream offset at which the next group begins */
    uint64_t durable_offset; /* stream offset: all before it is durable */
    uint32_t chain;          /* crc of the last head written */

    uint8_t *group; /* the group that waits: head, records, zeros up to a page */
    uint64_t body_bytes;
    uint32_t records_count;
    uint32_t crc; /* of the last record that waits */
    uint64_t end_position;
    uint64_t durable_position;
    uint64_t released;       /* records below are not needed */
    uint32_t readings_count; /* at work: what they read stays */

    int spare_fd; /* -1: there is none */
    uint64_t spare_zeroed_bytes;
    bool spare_ready;   /* zeroed and synced, or taken again */
    bool spare_again;   /* it was a segment before */
    bool spare_no_room; /* said to the caller; log_retry tries again */

    char directory[LOG_DIRECTORY_SIZE];
    char problem[LOG_PROBLEM_SIZE];
};

/* The last segment. */
struct log_segment *log_active(const struct log *log);

/* log.c: log_note keeps a failure: LOG_BROKEN for ever. Returns the result. */
enum log_result log_note(struct log *log, enum log_result result);
/* Syncs the last segment if it has groups that were not. */
enum log_result log_sync_active(struct log *log);

/* segment.c */
void log_segment_name(char *name, uint64_t first_position);
/* The oldest segment's name goes for good, and it leaves the list. */
enum log_result log_segment_delete(struct log *log);
/* Is the oldest segment, which records are needed of no more, to be the next spare? */
bool log_segment_is_reusable(const struct log *log);
/* Is a step due, so that the spare is ready well before it is needed? */
bool log_spare_is_due(const struct log *log);
/* One step towards a spare; *done when there is one. */
enum log_result log_spare_step(struct log *log, bool *done);
void log_spare_drop(struct log *log);
/* Goes on in a new segment; all before it is durable then. LOG_FULL: nothing has changed. */
enum log_result log_segment_begin(struct log *log);
bool log_segment_add(struct log *log, const struct log_segment *segment);

/* scan.c: the groups of one segment, one after another. */
struct log_scan {
    const struct log_disk *disk;
    enum tn_cpu cpu;
    int fd;
    char name[LOG_NAME_SIZE];
    struct log_segment_head head;
    uint64_t offset;   /* stream offset of the next group */
    uint64_t position; /* of its first record */
    uint32_t chain;
    struct log_group_head group; /* the last that was found */
    uint8_t *body;
    uint64_t body_room;
};

/* Opens the segment and checks its head. On failure nothing stays open. */
enum log_result log_scan_open(struct log_scan *scan, const struct log_disk *disk, enum tn_cpu cpu,
                              const char *name, int flags);
/* The same of a file that is open already, which is the scan's from now on, also on failure. */
enum log_result log_scan_take(struct log_scan *scan, const struct log_disk *disk, enum tn_cpu cpu,
                              const char *name, int fd);
void log_scan_close(struct log_scan *scan);
/* Reads the group at scan->offset. *found is false when there is none, or none that holds. With
 * `wanted` above all its records the body is not read. */
enum log_result log_scan_group(struct log_scan *scan, bool *found, uint64_t wanted);
/* What a crash cannot have left: LOG_DAMAGED when a head anywhere in the segment says that the byte
 * at scan->offset was durable once, or stands where it was not written. Else *torn_bytes: how many
 * from scan->offset on are not zero. */
enum log_result log_scan_rest(struct log_scan *scan, uint64_t *torn_bytes);

/* read.c: shows the records of the group that was just read. False when the visitor ends it. */
bool log_show_group(const struct log_scan *scan, log_visit *visit, void *context,
                    uint64_t position);
/* open.c: the names of all segments, oldest first; nothing is read of them yet. */
enum log_result log_list_segments(struct log *log);

/* scan.c: says that durable records of this file are missing or wrong. */
enum log_result log_say_damaged(const struct log_disk *disk, const char *name, uint64_t offset,
                                const char *what);
/* The same, from this record on, as `who` knows. */
enum log_result log_say_missing(const struct log_disk *disk, const char *name, uint64_t offset,
                                uint64_t position, const char *who);

#endif
