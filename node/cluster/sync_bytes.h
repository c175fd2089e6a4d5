/* sync_bytes: the messages of state sync, SYNC_FETCH, SYNC_DATA and SYNC_STATUS, as bytes.
 *
 * Layouts: docs/specs/sync.md. Readers are total and strict: they refuse what they would not write.
 * What was read points into the message. */
#ifndef NODE_CLUSTER_SYNC_BYTES_H
#define NODE_CLUSTER_SYNC_BYTES_H

#include "tenor/member.h"

#define SYNC_PROOF_MAX   TN_STATE_PROOF_ROOM
#define SYNC_RECORD_MAX  (64u << 20)
#define SYNC_PIECES_MAX  (512u << 10) /* bytes of pieces in one answer */
#define SYNC_CERT_MAX    (1u + TN_CHECKPOINT_BYTES + TN_VOTERS_BYTES_MAX + 64u * TN_VALIDATORS_MAX)
#define SYNC_MEMBER_SIZE 43u /* of a set: id u16 ‖ weight u64 ‖ key[33] */
#define SYNC_SET_MAX     (8u + 4u + 2u + SYNC_MEMBER_SIZE * TN_VALIDATORS_MAX)

enum sync_what {
    SYNC_CHECKPOINT = 1, /* which one can you serve? Answer: SYNC_STATUS */
    SYNC_EPOCH = 2,      /* the end of an epoch, and the set after it */
    SYNC_RECORDS = 3,    /* of a range of a kind, from an index and a byte of it on */
};

/* A range of a kind is 2^bits indexes, what is proved together: fewer books, as one may be large.
 */
#define SYNC_RANGE_BITS 12u
#define SYNC_BOOKS_BITS 6u
uint32_t sync_range_bits(uint8_t kind);
uint32_t sync_range_of(uint8_t kind, uint32_t index);

/* Where a walk over the records of one range stands: the byte of the record that comes next. */
struct sync_place {
    uint8_t kind;
    uint32_t range, index, offset;
};

struct sync_fetch {
    enum sync_what what;
    uint64_t number; /* EPOCH: which; RECORDS: the checkpoint's height */
    struct sync_place place;
};
#define SYNC_FETCH_SIZE 23u
size_t sync_write_fetch(uint8_t out[SYNC_FETCH_SIZE], const struct sync_fetch *fetch);
bool sync_read_fetch(struct sync_fetch *fetch, const uint8_t *bytes, size_t size);

/* SYNC_STATUS: the certificate of the checkpoint that the sender serves; none when size is 0. */
size_t sync_write_status(uint8_t out[1 + SYNC_CERT_MAX], const uint8_t *cert, size_t size);
bool sync_read_status(const uint8_t **cert, size_t *cert_size, const uint8_t *bytes, size_t size);

/* The set of an epoch, in the order of its indexes. */
size_t sync_write_set(uint8_t out[SYNC_SET_MAX], const struct tn_validators *set);
/* Addresses are made of the keys. */
bool sync_read_set(struct tn_validators *set, const struct tn_signatures *signatures,
                   const uint8_t *bytes, size_t size);

struct sync_epoch {
    uint64_t epoch;
    const uint8_t *handover, *set; /* of `epoch`; of the one after it */
    size_t handover_size, set_size;
};
#define SYNC_EPOCH_HEAD 14u
/* out: SYNC_EPOCH_HEAD + both sizes. */
size_t sync_write_epoch(uint8_t *out, const struct sync_epoch *epoch);
bool sync_read_epoch(struct sync_epoch *epoch, const uint8_t *bytes, size_t size);

/* An answer with records: pieces from `place` on, in order, and where to go on. */
struct sync_records {
    uint64_t height;
    struct sync_place place;          /* as it was asked for */
    bool is_end;                      /* of the range */
    uint32_t next_index, next_offset; /* unless is_end */
    bool has_above;                   /* the kind has records in later ranges */
    uint32_t above;                   /* the next range that has any */
    const uint8_t *pieces, *proof;    /* proof: with is_end, that the range is all of it */
    size_t pieces_size, proof_size;
};
#define SYNC_RECORDS_HEAD 39u
/* The head of an answer, in front of its pieces, behind which the proof stands. */
void sync_write_records(uint8_t out[SYNC_RECORDS_HEAD], const struct sync_records *records);
bool sync_read_records(struct sync_records *records, const uint8_t *bytes, size_t size);

/* A part of a record: `size` is that of the whole. */
struct sync_piece {
    uint32_t index, size, offset, count;
    const uint8_t *bytes;
};
#define SYNC_PIECE_HEAD 16u
void sync_write_piece(uint8_t out[SYNC_PIECE_HEAD], const struct sync_piece *piece);
/* The next one, and *at behind it. False: none, or not well formed. sync_read_records has looked at
 * all of them. */
bool sync_read_piece(struct sync_piece *piece, size_t *at, const uint8_t *pieces, size_t size);

#endif
