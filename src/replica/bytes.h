/* A bounded writer that counts past its end, and a reader that stops at its: for records. */
#ifndef TENOR_REPLICA_BYTES_H
#define TENOR_REPLICA_BYTES_H

#include "tenor/base.h"
#include "tenor/proof.h"

#include <string.h>

struct writer {
    uint8_t *out;
    size_t size, used;
};

static inline void put_bytes(struct writer *writer, const void *bytes, size_t count)
{
    if (writer->used + count <= writer->size) memcpy(writer->out + writer->used, bytes, count);
    writer->used += count;
}

static inline void put_number(struct writer *writer, uint64_t value, uint32_t bytes_count)
{
    uint8_t bytes[8];
    tn_put_be(bytes, value, bytes_count);
    put_bytes(writer, bytes, bytes_count);
}

struct reader {
    const uint8_t *bytes;
    size_t size, at;
    bool failed;
};

static inline void get_bytes(struct reader *reader, void *out, size_t count)
{
    if (reader->failed || reader->size - reader->at < count) {
        reader->failed = true;
        memset(out, 0, count);
        return;
    }
    memcpy(out, reader->bytes + reader->at, count);
    reader->at += count;
}

static inline uint64_t get_number(struct reader *reader, uint32_t bytes_count)
{
    uint8_t bytes[8];
    get_bytes(reader, bytes, bytes_count);
    return tn_get_be(bytes, bytes_count);
}

/* Its count, and the peaks that there are, the highest first. */
static inline void put_range(struct writer *writer, const struct tn_proof_range *range)
{
    put_number(writer, range->count, 8);
    for (uint32_t depth = TN_PROOF_SIDES; depth > 0; depth--) {
        if (range->count >> (depth - 1) & 1) {
            put_bytes(writer, range->peaks[depth - 1].bytes, TN_HASH_SIZE);
        }
    }
}

static inline void get_range(struct reader *reader, struct tn_proof_range *range)
{
    *range = (struct tn_proof_range){.count = get_number(reader, 8)};
    for (uint32_t depth = TN_PROOF_SIDES; depth > 0; depth--) {
        if (range->count >> (depth - 1) & 1) {
            get_bytes(reader, range->peaks[depth - 1].bytes, TN_HASH_SIZE);
        }
    }
}

#endif
