/* stream: entries, events, batches and block headers as bytes.
 *
 * Everything here is hashed, signed, logged or sent, so each value has exactly one encoding: fixed
 * big-endian layouts, written by hand in docs/specs/stream.md with vectors. Readers are total and
 * strict: any bytes are either read, and then written again as the same bytes, or refused with the
 * place and a sentence. What the exchange would reject (a side of 7, a price of -1) is read all the
 * same: rejecting it is the exchange's, and part of history. Only what has no meaning as bytes is
 * refused here.
 *
 * Writers return the bytes needed; when out_size is smaller nothing was written. Nothing allocates;
 * all costs are linear in the bytes. */
#ifndef TENOR_STREAM_H
#define TENOR_STREAM_H

#include "tenor/base.h"
#include "tenor/crypto.h"
#include "tenor/entry.h"
#include "tenor/event.h"

/* Where reading stopped: the byte, counted from the first one given, and why. */
struct tn_stream_fault {
    size_t at;
    const char *what; /* a sentence without its end; static */
};

/* ---- Entries -----------------------------------------------------------------------------------
 * A count may be about twice what the exchange takes, so that "too many" is its reject. Past these
 * caps, and past TN_ENTRY_BYTES_MAX, there is no encoding. Leg and tick step counts end where the
 * arrays in the structs do. */
#define TN_ENTRY_VERSION     1
#define TN_ENTRY_BYTES_MAX   (1u << 20)
#define TN_COMMANDS_CODE_MAX 512u /* of a frame */
#define TN_QUOTES_CODE_MAX   512u /* of a command */
#define TN_MARKS_CODE_MAX    512u
#define TN_STRIKES_CODE_MAX  128u
#define TN_SCENARIO_CODE_MAX 64u
#define TN_QUOTE_BYTES       40u
#define TN_QUOTES_FRAME_MAX  (TN_ENTRY_BYTES_MAX / TN_QUOTE_BYTES) /* of all commands of a frame */

/* Where the arrays of an entry are decoded to: about 1.2 MB whatever the bytes say. Quotes are as
 * many as can stand in the largest entry, everything else has its cap. One scratch serves one entry
 * at a time; it needs no initial value. */
struct tn_stream_scratch {
    union {
        struct {
            struct tn_command commands[TN_COMMANDS_CODE_MAX];
            struct tn_quote quotes[TN_QUOTES_FRAME_MAX];
        } frame;
        struct tn_mark marks[TN_MARKS_CODE_MAX];
        struct tn_listing_strike strikes[TN_STRIKES_CODE_MAX];
        struct {
            struct tn_risk risk;
            struct tn_scenario scenarios[TN_SCENARIO_CODE_MAX];
        } risk;
    } as;
};

/* tn_stream_write_entry returns the bytes of the entry, 0 when it has no encoding: an unknown kind
 * of entry or command, or a count past its cap. Fields that its kind does not read are not written.
 */
size_t tn_stream_write_entry(uint8_t *out, size_t out_size, const struct tn_entry *entry);

/* tn_stream_read_entry reads one entry that begins at bytes; *used is how many it had, and more may
 * follow. Fields that its kind does not read are zero. The arrays are in the scratch, and live as
 * long as it is not used again. False: *fault says why, entry and scratch mean nothing. */
bool tn_stream_read_entry(struct tn_entry *entry, size_t *used, struct tn_stream_fault *fault,
                          struct tn_stream_scratch *scratch, const uint8_t *bytes, size_t size);

/* tn_stream_weight is what an entry counts against the limits of a batch and of a block: a fixed
 * table over decoded counts (docs/specs/stream.md §5). It reads no array but the commands, and is
 * at most 2^32. */
uint64_t tn_stream_weight(const struct tn_entry *entry);

/* ---- Events ------------------------------------------------------------------------------------
 * All fields of all kinds, 88 bytes each; the last 8 are other_fee of a TRADE, index ‖ other_index
 * of every other kind. */
#define TN_EVENT_BYTES 88u
void tn_stream_write_event(uint8_t out[TN_EVENT_BYTES], const struct tn_event *event);
/* False for an unknown kind; every other field may hold any value. */
bool tn_stream_read_event(struct tn_event *event, const uint8_t bytes[TN_EVENT_BYTES]);

/* ---- Trees -------------------------------------------------------------------------------------
 * The root of a plain tree over leaves that come one by one, in the memory of 33 hashes. kind, and
 * the rules for depth, absent leaves and root: docs/decisions/0005. */
#define TN_TREE_ENTRIES   0x10
#define TN_TREE_BATCHES   0x11
#define TN_TREE_DEPTH_MAX 32

struct tn_stream_tree {
    struct tn_hash frontier[TN_TREE_DEPTH_MAX + 1]; /* [d]: a full subtree of 2^d leaves */
    uint32_t count;
    uint8_t kind;
};
void tn_stream_tree_begin(struct tn_stream_tree *tree, uint8_t kind);
/* Adds the next leaf, hash of 0x00 ‖ kind ‖ index u32 ‖ bytes. At most 2^32 - 1 (asserted). */
void tn_stream_tree_add(struct tn_stream_tree *tree, const uint8_t *bytes, size_t size);
/* The root of what was added so far; more may be added. */
void tn_stream_tree_root(struct tn_hash *root, const struct tn_stream_tree *tree);

/* ---- Batches -----------------------------------------------------------------------------------
 * Header: docs/specs/stream.md §7. first_block is the highest BLOCK before the first entry,
 * last_block up to the last, so a batch begins where the one before ended, and without a BLOCK both
 * are equal. That the heights of BLOCKs rise by one is for whoever knows the market. */
#define TN_BATCH_HEADER_BYTES 177u
#define TN_BATCH_LENGTH_BYTES 4u /* before each entry of a body */

struct tn_batch_header {
    uint8_t chain_id[32];
    uint32_t market;
    uint32_t term;
    uint64_t sequence;
    struct tn_hash prev_digest;
    uint32_t entries_count;
    uint64_t weight; /* Σ tn_stream_weight */
    uint64_t first_block;
    uint64_t last_block;
    struct tn_hash entries_root;
    struct tn_hash results_digest; /* over, per entry: count of events u32 ‖ events */
    bool is_packed;                /* these events packed (pack.h), as leaders do now */
};
void tn_stream_write_batch_header(uint8_t out[TN_BATCH_HEADER_BYTES],
                                  const struct tn_batch_header *header);
/* size may be more than the header. */
bool tn_stream_read_batch_header(struct tn_batch_header *header, struct tn_stream_fault *fault,
                                 const uint8_t *bytes, size_t size);
/* keccak256 of the header's bytes: what the leader signs, and the next batch's prev_digest. */
void tn_stream_batch_digest(struct tn_hash *digest, const struct tn_batch_header *header);

/* Makes the header of a batch whose entries come one by one: at the leader to seal it, at a replica
 * to see whether its own events give the same header. No entry is kept. */
struct tn_batch_builder {
    struct tn_stream_tree tree;
    struct tn_keccak results;
    uint64_t weight;
    uint64_t first_block, last_block;
    uint64_t body_bytes; /* of a body with these entries, its header included */
    bool is_packed;      /* as the header's; false after the beginning, to be set before events */
    bool is_counted;     /* the builder's own: entries are counted (entries.h), not hashed */
};
/* height: the last BLOCK before the batch. */
void tn_stream_batch_begin(struct tn_batch_builder *builder, uint64_t height);
/* bytes are what the entry was written to or read from, events what it brought about. */
void tn_stream_batch_add(struct tn_batch_builder *builder, const struct tn_entry *entry,
                         const uint8_t *bytes, size_t size, const struct tn_event *events,
                         uint32_t events_count);
/* The same in two parts: the entry, once, and then its events, in as many pieces as the market's
 * rules say (docs/specs/market.md: one for each item of an inbox); a piece is digested behind its
 * count. */
void tn_stream_batch_add_entry(struct tn_batch_builder *builder, const struct tn_entry *entry,
                               const uint8_t *bytes, size_t size);
void tn_stream_batch_add_events(struct tn_batch_builder *builder, const struct tn_event *events,
                                uint32_t events_count);
/* Fills in entries_count, weight, the blocks, entries_root and results_digest; chain, market, term,
 * sequence and prev_digest are the caller's and stay. More may be added after it. */
void tn_stream_batch_end(struct tn_batch_header *header, const struct tn_batch_builder *builder);

/* A body is the header, then each entry behind its length u32. tn_stream_write_batch_entry writes
 * one such entry; 0 as tn_stream_write_entry. */
size_t tn_stream_write_batch_entry(uint8_t *out, size_t out_size, const struct tn_entry *entry);

/* Reads a body entry by entry; the body must stay while it is read. Only END says that the body is
 * what its header says: that the lengths fill it exactly, the number of entries, their root, their
 * weight and last_block. results_digest is not checked here: it needs an exchange. */
enum tn_stream_step { TN_STREAM_ENTRY, TN_STREAM_END, TN_STREAM_FAULT };

struct tn_batch_reader {
    struct tn_batch_header header;
    const uint8_t *entry_bytes; /* of the entry read last */
    size_t entry_size;
    const uint8_t *body; /* the rest is the reader's own */
    size_t body_size, at;
    struct tn_stream_tree tree;
    uint64_t weight, last_block;
    bool is_checked; /* set after the opening: the entries' root was held against the header before
                      */
};
bool tn_stream_batch_open(struct tn_batch_reader *reader, struct tn_stream_fault *fault,
                          const uint8_t *body, size_t body_size);
enum tn_stream_step tn_stream_batch_next(struct tn_batch_reader *reader, struct tn_entry *entry,
                                         struct tn_stream_fault *fault,
                                         struct tn_stream_scratch *scratch);
/* Reads all of it. */
bool tn_stream_batch_check(struct tn_batch_header *header, struct tn_stream_fault *fault,
                           struct tn_stream_scratch *scratch, const uint8_t *body,
                           size_t body_size);

/* ---- Blocks ------------------------------------------------------------------------------------
 * Header: docs/specs/stream.md §8. The body is one digest of 32 bytes per batch, and then items
 * (item.h). */
#define TN_BLOCK_HEADER_BYTES 229u
#define TN_BLOCK_VERSION      1

enum { TN_BLOCK_EMPTY = 1, TN_BLOCK_EPOCH_FINAL = 2, TN_BLOCK_SEAL = 4 };

struct tn_block_header {
    uint16_t version; /* TN_BLOCK_VERSION */
    uint8_t flags;
    uint64_t epoch;
    uint64_t view;
    uint64_t height;
    uint64_t parent_view;
    struct tn_hash parent_hash;
    uint64_t time_ms;
    uint16_t proposer;
    uint32_t batches_count;
    uint32_t body_size; /* bytes */
    struct tn_hash body_root;
    struct tn_hash exec_root;
    struct tn_hash evidence_root;
    uint64_t exec_height;
    uint64_t l1_cursor;
    struct tn_hash next_set_hash;
};
void tn_stream_write_block_header(uint8_t out[TN_BLOCK_HEADER_BYTES],
                                  const struct tn_block_header *header);
/* Refuses another version and unknown flags; size may be more than the header. */
bool tn_stream_read_block_header(struct tn_block_header *header, struct tn_stream_fault *fault,
                                 const uint8_t *bytes, size_t size);
/* keccak256 of "TNSX1H" ‖ chain_id ‖ HEADER. */
void tn_stream_block_hash(struct tn_hash *hash, const uint8_t chain_id[32],
                          const struct tn_block_header *header);
/* Of a body without items. */
void tn_stream_block_body_root(struct tn_hash *root, const struct tn_hash *batches, uint32_t count);
/* Is this the body that the header names: its size, number of batches and roots? Of its items it
 * says that they fill it in ascending order of kinds, not what is in them. */
bool tn_stream_block_body_check(struct tn_stream_fault *fault, const struct tn_block_header *header,
                                const uint8_t *body, size_t body_size);

#endif
