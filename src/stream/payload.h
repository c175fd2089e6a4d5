/* What payload_read.c and payload_write.c share: the messages of proto/tenor/v1/trader.proto as
 * tables. A message is its fields in ascending order, and each field says how it stands on the wire
 * and where its value is in the struct; so what is read and what is written cannot differ. */
#ifndef TENOR_STREAM_PAYLOAD_H
#define TENOR_STREAM_PAYLOAD_H

#include "stream/bytes.h"
#include "tenor/frame.h"

enum wire { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2 };

enum field_type {
    FIELD_UINT,    /* varint; `width` bytes in the struct */
    FIELD_FLAG,    /* varint, 1 or not there; one byte in the struct */
    FIELD_SINT,    /* zigzag varint; `width` bytes */
    FIELD_FIXED64, /* 8 bytes, little-endian */
    FIELD_PART,    /* a message that is always there */
    FIELD_BYTES64, /* 64 bytes; a pointer to them in the struct, NULL: not there */
    FIELD_LEGS,    /* messages; an array in the struct, their count at `count_offset` */
    FIELD_QUOTES,  /* messages; in the scratch, a pointer and a count in the struct */
};

struct message;

struct field {
    uint8_t tag; /* number << 3 | enum wire: numbers of these are below 16 */
    uint8_t type;
    uint8_t width;
    uint16_t offset;
    uint16_t count_offset;
    const struct message *message;
};

struct message {
    const struct field *fields;
    uint32_t fields_count;
};

/* What carries the commands, and a command's own two parts. */
enum { COMMANDS_TAG = 6 << 3 | WIRE_BYTES, CLIENT_ID_TAG = 1 << 3 | WIRE_VARINT };

/* Payload's fields before its commands; offsets are those of struct tn_frame. */
extern const struct message tn_payload_head;

/* The message of a kind of command and where it begins in struct tn_command; no message: no such
 * kind. */
struct kind_message {
    const struct message *message;
    uint16_t offset;
};
extern const struct kind_message tn_payload_kinds[TN_COMMAND_REMIT + 1];

/* The tag of a kind: its number is one more, as client_id is 1. */
static inline uint32_t kind_tag(uint32_t kind)
{
    return (kind + 1) << 3 | WIRE_BYTES;
}

static inline uint64_t zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

static inline int64_t unzigzag(uint64_t coded)
{
    return (int64_t)(coded >> 1 ^ -(coded & 1));
}

#endif
