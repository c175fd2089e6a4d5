/* item: what stands in a block beside its batches: reports, deposits, forced frames, operations of
 * owners, governance, ends of terms, evidence. Layouts and what is signed: docs/specs/items.md.
 *
 * Reading says that an item has its form; whether its signatures, numbers and places are right is
 * for whoever holds the keys and the state. Readers are total and strict, writers return the bytes
 * needed (nothing was written when out_size is smaller; 0: no such item), as in stream.h. */
#ifndef TENOR_ITEM_H
#define TENOR_ITEM_H

#include "tenor/base.h"
#include "tenor/crypto.h"
#include "tenor/entry.h"
#include "tenor/frame.h"
#include "tenor/signature.h"
#include "tenor/stream.h"
#include "tenor/vote.h"

#define TN_ITEM_BYTES_MAX       (128u << 10) /* its kind included */
#define TN_ITEMS_MAX            4096u        /* of a block */
#define TN_ITEM_LENGTH_BYTES    4u           /* before each item of a body */
#define TN_GOVERNANCE_BYTES_MAX 8192u        /* of its entry */

enum tn_item_kind {
    TN_ITEM_REPORT = 1,     /* a feeder's */
    TN_ITEM_DEPOSIT = 2,    /* money from the base layer */
    TN_ITEM_FORCED = 3,     /* a frame that any node was handed */
    TN_ITEM_OPERATION = 4,  /* an owner opens an account, makes or revokes a session */
    TN_ITEM_GOVERNANCE = 5, /* a parameter of a market, or of the registry */
    TN_ITEM_TERM = 6,       /* the term of a market's leader ends */
    TN_ITEM_EVIDENCE = 7,   /* a validator signed two things that contradict each other */
};

/* What an owner asks for with the key of his own address. */
enum tn_operation_kind {
    TN_OPERATION_OPEN = 1,    /* an account, with `model` */
    TN_OPERATION_SESSION = 2, /* a session of `account` for `key` */
    TN_OPERATION_REVOKE = 3,  /* the end of `session` */
    TN_OPERATION_FRAME = 4,   /* commands: a FRAME entry of version 1 */
};
struct tn_operation {
    uint8_t kind;            /* enum tn_operation_kind */
    struct tn_address owner; /* the address that the signature must give */
    uint32_t market;
    uint64_t number;  /* of OPEN, SESSION, REVOKE: a nonce; a FRAME has its own */
    uint8_t model;    /* OPEN: enum tn_margin_model */
    uint32_t account; /* SESSION, and the next three */
    struct tn_public_key key;
    uint32_t scope;
    int64_t expires_ms;
    uint64_t session;     /* REVOKE */
    const uint8_t *bytes; /* FRAME: of the entry; whoever gave them to the reader's */
    uint32_t size;
    struct tn_entry entry; /* FRAME: what the bytes say; its lists are in the reader's scratch */
    struct tn_recoverable signature;
};

enum tn_term_cause {
    TN_TERM_STALLED = 1,  /* a quorum says so */
    TN_TERM_RESIGNED = 2, /* its leader says so */
    TN_TERM_LAGGED = 3,   /* the parent's state says so; nothing is signed */
};
struct tn_term_end {
    uint8_t cause;            /* enum tn_term_cause */
    struct tn_vote_head head; /* the term that ends; the market's last batch, of whichever term */
    struct tn_signature resignation; /* RESIGNED: of tn_vote_resign_digest */
    uint32_t stalls_count;           /* STALLED: 1 .. TN_VALIDATORS_MAX */
    struct {
        uint16_t voter;                /* index in the set of the block's epoch, ascending */
        struct tn_signature signature; /* of tn_vote_stall_digest */
    } stalls[TN_VALIDATORS_MAX];
};

struct tn_block_item {
    uint8_t kind; /* enum tn_item_kind */
    union {
        struct {
            uint32_t market;
            struct tn_report report;
            struct tn_signature signature;
        } report;
        struct {
            uint64_t number; /* of all deposits, contiguous */
            uint32_t market, account, asset;
            int64_t amount;
            struct tn_signature signature;
        } deposit;
        struct tn_frame forced; /* for the market that it names */
        struct tn_operation operation;
        struct {
            uint64_t number;      /* of all governance, contiguous */
            uint32_t market;      /* 0: the registry, whose entries are its own bytes */
            const uint8_t *bytes; /* of the entry; whoever gave them to the reader's */
            uint32_t size;
            struct tn_entry entry; /* of a market ≠ 0; its lists are in the reader's scratch */
            struct tn_signature signature;
        } governance;
        struct tn_term_end term;
        struct tn_evidence evidence;
    } as;
};

/* Writes kind ‖ bytes. Of governance `bytes` are written, `entry` is not looked at; of a forced
 * frame the payload and signature. */
size_t tn_stream_write_block_item(uint8_t *out, size_t out_size, const struct tn_block_item *item);
/* Reads kind ‖ bytes, which the item must fill. */
bool tn_stream_read_block_item(struct tn_block_item *item, struct tn_stream_fault *fault,
                               struct tn_stream_scratch *scratch, const uint8_t *bytes,
                               size_t size);
/* What an item counts against the limits of a block. */
uint64_t tn_stream_block_item_weight(const struct tn_block_item *item);

/* Of REPORT, DEPOSIT, FORCED, OPERATION and GOVERNANCE: the digest that `signature` is of (any
 * other kind is a bug: asserted; theirs are in vote.h). Of an OPERATION it is that of typed data
 * (EIP-712), which wallets sign; of its kind FRAME both `bytes` and `entry` are read. */
void tn_stream_item_digest(struct tn_hash *digest, const uint8_t chain_id[32],
                           const struct tn_block_item *item);

/* ---- Bodies ------------------------------------------------------------------------------------
 * A body is the digests of the batches, then items behind their size u32, kinds in ascending order.
 * tn_stream_block_body_check (stream.h) says whether a body is its header's; these write one and
 * read one that passed. */
#define TN_TREE_EVIDENCE 0x12

struct tn_body_builder {
    uint8_t *body;
    size_t body_max, at;
    struct tn_stream_tree tree, evidence;
    uint32_t batches_count, items_count;
    uint64_t items_weight;
    uint8_t kind; /* of the last item; 0: none yet */
};
void tn_stream_body_begin(struct tn_body_builder *builder, uint8_t *body, size_t body_max);
/* All batches before the first item (asserted). False: no room; the body stays as it was. */
bool tn_stream_body_add_batch(struct tn_body_builder *builder, const struct tn_hash *digest);
/* kind ‖ bytes of an item, kinds ascending (asserted). False: no room, or TN_ITEMS_MAX are there.
 */
bool tn_stream_body_add_item(struct tn_body_builder *builder, const uint8_t *bytes, size_t size,
                             uint64_t weight);
/* Fills in batches_count, body_size, body_root and evidence_root; more may be added after it. */
void tn_stream_body_end(struct tn_block_header *header, const struct tn_body_builder *builder);

struct tn_body_reader {
    const uint8_t *body;
    size_t body_size, at;
    uint32_t batches_count, items_count; /* items read so far */
    const uint8_t *item_bytes;           /* kind ‖ bytes of the item read last */
    size_t item_size;
    uint8_t kind;
};
/* The header must be that of the body; digests are at body + 32 × i. */
bool tn_stream_body_open(struct tn_body_reader *reader, struct tn_stream_fault *fault,
                         const struct tn_block_header *header, const uint8_t *body,
                         size_t body_size);
/* item NULL: only finds item_bytes, and scratch may be NULL too. */
enum tn_stream_step tn_stream_body_next(struct tn_body_reader *reader, struct tn_block_item *item,
                                        struct tn_stream_fault *fault,
                                        struct tn_stream_scratch *scratch);

#endif
