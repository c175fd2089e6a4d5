/* log: the write-ahead log of a node: records in, durable in groups, read back after any crash.
 *
 * A record is a type and bytes; the log knows no more of it. log_append gives it a position: 1, 2,
 * 3 … without gaps; a position whose record was durable never means another record. Records wait in
 * memory until log_sync writes them as one group and syncs once: append all that a turn of the loop
 * brought, sync, then act. Nothing may be answered or sent that rests on a record that is not
 * durable.
 *
 * After a crash log_open finds the end by itself. What a crash can leave behind the last durable
 * record (a torn tail) is dropped; whole groups of it may survive and are then kept. What no crash
 * can leave (damage: docs/specs/log.md) is refused: durable records are never dropped in silence.
 *
 * One thread uses a log. Files: little-endian, 4096-byte pages, segments of one size named by their
 * first position, written before use, full of zeros or as released segments, so that a sync waits
 * for data alone. */
#ifndef NODE_LOG_LOG_H
#define NODE_LOG_LOG_H

#include "tenor/base.h"

#define LOG_RECORD_BYTES_MAX ((size_t)16 << 20)
#define LOG_PROBLEM_SIZE     640

/* What an operation can answer. Only LOG_OK means that it was done. */
enum log_result {
    LOG_OK = 0,
    /* The disk has no room for what was asked. Nothing was accepted by log_append, nothing became
     * durable by log_sync, nothing is lost: appended records still wait in memory. Every later
     * append and sync answers the same until log_retry succeeds. */
    LOG_FULL,
    /* A write or a sync failed: the page cache can no longer be trusted to hold what the disk
     * holds, so no later sync may be believed. All operations answer this for ever; the caller must
     * end the process without answering anything that was not durable before. */
    LOG_BROKEN,
    /* Records that were durable are missing or wrong. */
    LOG_DAMAGED,
    /* Locked by another process, foreign, or of a version this program does not write. */
    LOG_REFUSED,
    /* log_open or log_read could not read the disk or get memory; nothing was changed. */
    LOG_FAILED,
};

struct log_options {
    const char *directory;  /* must exist; belongs to this log alone */
    uint64_t segment_bytes; /* of new segments; 0: 64 MiB; a multiple of 4096, ≥ 16 384 */
    uint64_t
        group_bytes_max;     /* a group is written, not synced, before it outgrows this; 0: 1 MiB */
    uint64_t first_position; /* of a log that is made anew; 0: 1 */
    uint64_t entropy;        /* 0: ask the system; tests pass a different one to each log_open */
    enum tn_cpu cpu;
};

/* What log_open found. */
struct log_report {
    bool created;            /* there was no log: all that was durable once is gone, if any */
    uint64_t first_position; /* of the oldest record kept; == end_position: there is none */
    uint64_t end_position;   /* the first position that is free */
    uint64_t groups_count;   /* groups read to find the end */
    uint64_t torn_bytes;     /* behind the end up to the last that is not zero, or, in a file that
                                was a segment before, to the end of the last group: what this
                                crash or an earlier one tore off and no group covered since */
    char problem[LOG_PROBLEM_SIZE]; /* "" or: what was attempted, on what, why it failed, advice */
};

struct log;

/* log_open locks the directory, makes a log in it if there is none, finds the end, and makes all
 * that is readable durable. Anything but LOG_OK leaves *log NULL and a sentence in report->problem.
 * Reads the last segment in full and the first page of the others. */
enum log_result log_open(struct log **log, struct log_report *report,
                         const struct log_options *options);

/* log_close frees the log and its lock. It writes nothing: what was not synced is lost. NULL is
 * allowed. */
void log_close(struct log *log);

/* log_append accepts a record: its bytes are copied, its position is told. Does no I/O unless a
 * group or a segment is full. size ≤ log_record_bytes_max (asserted). After anything but LOG_OK the
 * record was not accepted. */
enum log_result log_append(struct log *log, uint64_t *position, uint8_t type, const void *bytes,
                           size_t size);

/* The longest record this log takes: LOG_RECORD_BYTES_MAX, or what a small segment can hold. */
size_t log_record_bytes_max(const struct log *log);

/* log_sync makes all that was appended durable: one write, one fdatasync; neither when there is
 * nothing new. *durable_position (also set after a failure): every record below it is durable. */
enum log_result log_sync(struct log *log, uint64_t *durable_position);

/* log_seal syncs, then writes and syncs a group of no records that says so: from then on damage to
 * what is before it cannot be taken for a torn tail. log_open does it for what it found; a program
 * does it before it ends in order. Takes a page. */
enum log_result log_seal(struct log *log);

/* log_tend does a bounded piece (some 100 us) of the work that makes a spare segment ready, when
 * one is due: a released segment at once, else a new one that is ready when four fifths of the
 * present segment are used. Call it once a turn, after the answers are sent; without it the switch
 * to a next segment does all of it at once. LOG_FULL: there is no room for a spare: stop taking new
 * work now, while the present segment still has room for what must be written. */
enum log_result log_tend(struct log *log);

/* log_retry tries again what LOG_FULL was the answer to: LOG_OK when there is room again. */
enum log_result log_retry(struct log *log);

/* The state in words for logs and metrics: the last problem, "" while there is none. */
const char *log_problem(const struct log *log);
bool log_no_space(const struct log *log);

uint64_t log_first_position(const struct log *log);
uint64_t log_end_position(const struct log *log);     /* what the next record will get */
uint64_t log_durable_position(const struct log *log); /* all below are durable */

struct log_record {
    uint64_t position;
    const uint8_t *bytes; /* valid during the visit */
    uint32_t size;
    uint8_t type;
};

/* A visitor returns false to end the reading. It may append, but not release or close. */
typedef bool log_visit(void *context, const struct log_record *record);

/* log_read visits the durable records from `position` on in order; one below the first begins at
 * the first. LOG_OK: all were visited or the visitor ended it. Allocates one group while it runs;
 * finding the place costs one small read per group of its segment. */
enum log_result log_read(struct log *log, log_visit *visit, void *context, uint64_t position);

/* log_read_beside reads the log of another process, which may be at work, or of none: all records
 * from `position` on, up to the first group that is not whole. Nothing is locked, written or
 * synced. LOG_OK also when there is no log (report->created), or its oldest segments were released
 * meanwhile: what is visited has no gap, but may begin behind `position`. Set in the report besides
 * are first_position, of the first segment that was looked at, end_position, and, unless the
 * visitor ended it, torn_bytes: torn off, or being written. LOG_DAMAGED: durable records are
 * missing or wrong; those before were visited, and the problem names segment, byte and record. */
enum log_result log_read_beside(const char *directory, enum tn_cpu cpu, struct log_report *report,
                                log_visit *visit, void *context, uint64_t position);

/* log_release says that records below `position` are not needed: whole segments of only such
 * records are deleted, oldest first, never the one in use. Up to as many of them as are still
 * needed stay until their files are used again, for the next segments. LOG_FULL: the disk has not
 * even room to delete; ask again later. */
enum log_result log_release(struct log *log, uint64_t position);

#endif
