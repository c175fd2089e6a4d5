/* snapshot_format: the bytes of a snapshot's two kinds of files, `head` and chunks, without any I/O
 * and without memory of its own. docs/specs/snapshot.md has the tables. What is read may be any
 * bytes at all: pointers that come out lead into them. */
#ifndef NODE_TENORD_SNAPSHOT_FORMAT_H
#define NODE_TENORD_SNAPSHOT_FORMAT_H

#include "tenor/crypto.h"
#include "tenor/replica.h"

enum {
    SNAPSHOT_VERSION = 1,
    SNAPSHOT_HEAD_MAX = 64 << 20,
    SNAPSHOT_GENESIS_MAX = 1 << 16,
    SNAPSHOT_RUN_DEPTH = 12,       /* a chunk has at most 2^12 leaves, */
    SNAPSHOT_BOOK_DEPTH = 6,       /* 2^6 of books, */
    SNAPSHOT_CHUNK_AIM = 64 << 20, /* and as many as fit in so many bytes, but at least one */
    SNAPSHOT_CHUNK_HEAD = 14,
    SNAPSHOT_LENGTH = 4, /* before each record */
    SNAPSHOT_NAME_SIZE = 32,
};
/* What a chunk of one record may have at most: the largest record there is, a book of 2^24 orders.
 */
#define SNAPSHOT_CHUNK_MAX (UINT64_C(3) << 30)

struct snapshot_fault {
    const char *what; /* a sentence */
    uint64_t at;      /* byte of the file */
    uint32_t index;   /* of the record, if has_index */
    bool has_index;
};
static inline bool snapshot_refuse(struct snapshot_fault *fault, size_t at, const char *what)
{
    *fault = (struct snapshot_fault){.what = what, .at = at};
    return false;
}

/* ---- The head ---------------------------------------------------------------------------------
 */

struct snapshot_chunk {
    uint8_t kind;          /* enum tn_record_kind but POSITIONS, or CHAIN or EQUITY */
    uint32_t first, count; /* records */
    uint64_t size;         /* of the file */
    struct tn_hash hash;   /* keccak256 of the file */
};

struct snapshot_head {
    uint8_t chain_id[32];
    uint32_t market, exit_blocks;
    uint64_t height;
    struct tn_hash root;
    const char *genesis; /* canonical text; chain_id is its keccak256 */
    uint32_t genesis_size;
    const uint8_t *chunks; /* as they lie there: snapshot_head_chunk */
    uint32_t chunks_count;
};

size_t snapshot_head_size(const struct snapshot_head *head);
/* Writes snapshot_head_size bytes; head->chunks is not read. */
void snapshot_write_head(uint8_t *out, const struct snapshot_head *head,
                         const struct snapshot_chunk *chunks);
/* Chunks of a head that was read are in order of kind and first, without a gap from 0 on, and the
 * last is CHAIN or EQUITY. */
bool snapshot_read_head(struct snapshot_head *head, struct snapshot_fault *fault,
                        const uint8_t *bytes, size_t size);
void snapshot_head_chunk(struct snapshot_chunk *chunk, const struct snapshot_head *head,
                         uint32_t index);

/* "account-0000004096": the name of a chunk's file. */
const char *snapshot_chunk_name(char name[SNAPSHOT_NAME_SIZE], uint8_t kind, uint32_t first);

/* ---- Chunks -----------------------------------------------------------------------------------
 */

void snapshot_write_chunk_head(uint8_t out[SNAPSHOT_CHUNK_HEAD], uint8_t kind, uint32_t first,
                               uint32_t count);

struct snapshot_item {
    uint32_t index;
    const uint8_t *record;
    uint32_t size;            /* 0: it says nothing */
    const uint8_t *positions; /* of an ACCOUNT: its POSITIONS record */
    uint32_t positions_size;
};

struct snapshot_reader {
    const uint8_t *bytes;
    size_t size, at;
    uint8_t kind;
    uint32_t first, count, taken;
    const uint8_t *proof; /* once all records were taken */
    uint32_t proof_size;
};

enum snapshot_step { SNAPSHOT_RECORD, SNAPSHOT_END, SNAPSHOT_BAD };

bool snapshot_open_chunk(struct snapshot_reader *reader, struct snapshot_fault *fault,
                         const uint8_t *bytes, size_t size);
/* The next record; END: there are no more, and reader->proof is what follows them. */
enum snapshot_step snapshot_next(struct snapshot_reader *reader, struct snapshot_item *item,
                                 struct snapshot_fault *fault);

#endif
