/* layout: what the log's files hold, byte by byte (docs/specs/log.md). Pure: bytes in, structs out.
 *
 * Stream offsets count the bytes of all segments from the very first on, so one number names a
 * place for ever, also when its file is gone. */
#ifndef NODE_LOG_LAYOUT_H
#define NODE_LOG_LAYOUT_H

#include "tenor/base.h"

#define LOG_PAGE_BYTES         4096
#define LOG_SEGMENT_HEAD_BYTES 72
#define LOG_GROUP_HEAD_BYTES   64
#define LOG_RECORD_HEAD_BYTES  9
#define LOG_SEGMENT_BYTES_MIN  ((uint64_t)4 * LOG_PAGE_BYTES)
#define LOG_SEGMENT_BYTES_MAX  ((uint64_t)1 << 32)

/* What stands in a segment where nothing of its own does. */
enum log_version {
    LOG_VERSION_ZEROS = 1, /* zeros: the file was made for it */
    LOG_VERSION_AGAIN = 2, /* or what the file held as an earlier segment of the same log */
};

/* The first page of a segment. */
struct log_segment_head {
    uint32_t version;        /* enum log_version */
    uint64_t log_id;         /* random, the same in all files of one log */
    uint64_t life;           /* random, the same in all that one log_open wrote */
    uint64_t base;           /* stream offset of the first byte of this file */
    uint64_t segment_bytes;  /* size of this file */
    uint64_t first_position; /* of its first record */
    uint64_t previous_end;   /* stream offset where the last group before it ends; all is durable */
    uint32_t chain;          /* crc of the head of that group; 0 in the first segment */
    uint32_t crc;            /* of this head */
};

/* A group begins on a page and fills whole pages; no page is written twice once it is durable. */
struct log_group_head {
    uint64_t log_id;
    uint64_t life;
    uint64_t previous_end;   /* stream offset where what stands before it ends: its own place */
    uint64_t durable_before; /* stream offset: all before it was durable when this was written */
    uint64_t first_position;
    uint32_t body_bytes;
    uint32_t records_count;
    uint32_t chain;    /* crc of the head before this one, of a group or of the segment */
    uint32_t body_crc; /* crc of the last record, which runs on through all of them */
    uint32_t crc;      /* of this head */
};

struct log_record_head {
    uint32_t
        crc; /* of size, type and bytes, going on from the record before; the first: from chain */
    uint32_t size;
    uint8_t type;
};

enum log_head_state {
    LOG_HEAD_GOOD,
    LOG_HEAD_FOREIGN, /* not of this kind at all */
    LOG_HEAD_VERSION, /* of another version */
    LOG_HEAD_WRONG,   /* the checksum, or a value that cannot be */
};

void log_segment_encode(uint8_t *page, struct log_segment_head *head, enum tn_cpu cpu);
/* *version is set in any case but FOREIGN. */
enum log_head_state log_segment_decode(struct log_segment_head *head, uint32_t *version,
                                       enum tn_cpu cpu, const uint8_t *page);

void log_group_encode(uint8_t *bytes, struct log_group_head *head, enum tn_cpu cpu);
/* False unless the head's checksum is right; says nothing of its place or its body. */
bool log_group_decode(struct log_group_head *head, enum tn_cpu cpu, const uint8_t *bytes);

/* Bytes on the disk of a group with this body. */
uint64_t log_group_bytes(uint64_t body_bytes);

/* log_record_encode writes a head and the bytes after it; returns the crc to go on from. */
uint32_t log_record_encode(uint8_t *place, uint32_t crc, enum tn_cpu cpu, uint8_t type,
                           const void *bytes, uint32_t size);
/* False when `left` bytes at place do not hold a whole record; the checksum is the caller's. */
bool log_record_decode(struct log_record_head *head, const uint8_t *place, uint64_t left);

/* log_group_holds says whether the body is exactly the records its head promises. */
bool log_group_holds(const struct log_group_head *head, enum tn_cpu cpu, const uint8_t *body);

#endif
