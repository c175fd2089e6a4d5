/* Big-endian numbers in byte strings. A writer is a pointer that moves on; whoever calls has made
 * sure of the room. A reader knows its end: `need` asks once for a run of fields, and the fields
 * are then taken without asking. */
#ifndef TENOR_STREAM_BYTES_H
#define TENOR_STREAM_BYTES_H

#include "tenor/stream.h"

#include <string.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BIG16(value) __builtin_bswap16(value)
#define BIG32(value) __builtin_bswap32(value)
#define BIG64(value) __builtin_bswap64(value)
#else
#define BIG16(value) (value)
#define BIG32(value) (value)
#define BIG64(value) (value)
#endif

/* ---- Writing ---- */

struct writer {
    uint8_t *at;
};

static inline void put_u8(struct writer *writer, uint8_t value)
{
    *writer->at++ = value;
}

static inline void put_u16(struct writer *writer, uint16_t value)
{
    value = BIG16(value);
    memcpy(writer->at, &value, sizeof(value));
    writer->at += sizeof(value);
}

static inline void put_u32(struct writer *writer, uint32_t value)
{
    value = BIG32(value);
    memcpy(writer->at, &value, sizeof(value));
    writer->at += sizeof(value);
}

static inline void put_u64(struct writer *writer, uint64_t value)
{
    value = BIG64(value);
    memcpy(writer->at, &value, sizeof(value));
    writer->at += sizeof(value);
}

static inline void put_i32(struct writer *writer, int32_t value)
{
    put_u32(writer, (uint32_t)value);
}

static inline void put_i64(struct writer *writer, int64_t value)
{
    put_u64(writer, (uint64_t)value);
}

static inline void put_bytes(struct writer *writer, const void *bytes, size_t size)
{
    memcpy(writer->at, bytes, size);
    writer->at += size;
}

/* ---- Reading ---- */

struct reader {
    const uint8_t *bytes;
    size_t size, at;
    struct tn_stream_fault *fault;
};

static inline bool refuse(struct reader *reader, size_t at, const char *what)
{
    *reader->fault = (struct tn_stream_fault){.at = at, .what = what};
    return false;
}

/* Are there so many more bytes? The fault is at the end that came too early. */
static inline bool need(struct reader *reader, size_t size)
{
    TN_ASSERT(reader->at <= reader->size);
    if (size <= reader->size - reader->at) return true;
    return refuse(reader, reader->size, "the bytes end too early");
}

static inline uint8_t get_u8(struct reader *reader)
{
    return reader->bytes[reader->at++];
}

static inline uint16_t get_u16(struct reader *reader)
{
    uint16_t value;
    memcpy(&value, reader->bytes + reader->at, sizeof(value));
    reader->at += sizeof(value);
    return BIG16(value);
}

static inline uint32_t get_u32(struct reader *reader)
{
    uint32_t value;
    memcpy(&value, reader->bytes + reader->at, sizeof(value));
    reader->at += sizeof(value);
    return BIG32(value);
}

static inline uint64_t get_u64(struct reader *reader)
{
    uint64_t value;
    memcpy(&value, reader->bytes + reader->at, sizeof(value));
    reader->at += sizeof(value);
    return BIG64(value);
}

static inline int32_t get_i32(struct reader *reader)
{
    return (int32_t)get_u32(reader);
}

static inline int64_t get_i64(struct reader *reader)
{
    return (int64_t)get_u64(reader);
}

static inline void get_bytes(struct reader *reader, void *bytes, size_t size)
{
    memcpy(bytes, reader->bytes + reader->at, size);
    reader->at += size;
}

#endif
