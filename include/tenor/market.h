/* market: one market's fold over its stream: an exchange, and what a stream has that an exchange
 * does not know: signed frames, sessions, inboxes. A desk holds one, and every replica one for each
 * market: the same stream and the same inboxes give the same events and the same state.
 *
 *     tn_market_inbox(market, &inbox);                          for each block, in order
 *     tn_market_begin(market, term);                            a batch begins
 *     tn_market_apply(market, &fault, &scratch, &out, bytes, size);    for each entry of it
 *
 * Execution is total: whatever a frame says, it is applied or is a no-op with a RESULT that says
 * why. What a leader must never let into its stream is told as a fault, beside that RESULT. Only an
 * entry of a kind that has no place in a stream, or a BLOCK that is not the next, is refused, and
 * then nothing has changed: valid(block) has asked tn_market_check_batch before.
 * Rules and layouts: docs/specs/market.md. */
#ifndef TENOR_MARKET_H
#define TENOR_MARKET_H

#include "tenor/exchange.h"
#include "tenor/export.h"
#include "tenor/frame.h"
#include "tenor/remit.h"
#include "tenor/signature.h"
#include "tenor/stream.h"

/* Records of the market, beside those of the exchange. SESSION, by slot of the session table, is
 * section 8 of the market's tree. STREAM 0 says how far the stream has come; INBOX, by height
 * modulo inboxes_max, an inbox that waits: both are covered by tn_market_inboxes_root under the
 * globals. */
enum { TN_RECORD_SESSION = 10, TN_RECORD_STREAM = 11, TN_RECORD_INBOX = 12 };
#define TN_MARKET_KINDS        13 /* 1 + the last */
#define TN_RECORD_SESSION_SIZE 57

/* All genesis, but for hash_seed and cpu of the exchange. */
struct tn_market_limits {
    struct tn_exchange_limits exchange;
    uint8_t chain_id[32];
    uint32_t market;
    uint32_t sessions_max;             /* open at a time; 1 .. 2^26 */
    uint32_t sessions_per_account_max; /* 1 .. 255 */
    uint32_t inboxes_max;              /* blocks whose inbox waits; 2 .. 2^20 */
    uint32_t inbox_bytes_max;          /* of the items of all that wait; 1 .. 2^30 */
};

struct tn_market;

/* Limits for small markets; tests and tools start from them. */
void tn_market_limits_default(struct tn_market_limits *limits);

/* Bytes needed, or 0 when a limit is out of its range. */
size_t tn_market_size(const struct tn_market_limits *limits);

/* tn_market_init formats zeroed, 64-byte-aligned memory of tn_market_size bytes as an empty market
 * at height 0. */
struct tn_market *tn_market_init(void *memory, const struct tn_market_limits *limits);

/* tn_market_clone makes an independent copy in other memory of the same size, at the cost of
 * copying it; what is zero in both takes no memory in the copy. The copy has no world and nobody
 * watches its exchange; what source has touched is touched in it as well. */
struct tn_market *tn_market_clone(void *memory, const struct tn_market *source);

/* What this node lends the market; local, never state. Copied. Before it is given, no signed frame
 * may be applied (asserted). */
struct tn_market_world {
    const struct tn_signatures *signatures;
    /* Has this node found before that key signed digest with this signature? NULL: never. Then the
     * signature is not checked again. */
    bool (*verified)(void *context, const struct tn_hash *digest, const struct tn_public_key *key,
                     const struct tn_signature *signature);
    /* It was checked, and is good: so that `verified` may say so. NULL: nobody keeps it. */
    void (*found_good)(void *context, const struct tn_hash *digest, const struct tn_public_key *key,
                       const struct tn_signature *signature);
    /* The digest of a frame whose payload lies at these bytes, where it is known. NULL: never. */
    const struct tn_hash *(*digested)(void *context, const uint8_t *payload, size_t size);
    void *context;
};
void tn_market_lend(struct tn_market *market, const struct tn_market_world *world);

/* ---- Sessions ---------------------------------------------------------------------------------
 * A session lets a key act for one account. Its id is running number << 32 | slot of the table, so
 * none is used twice, and its account and key never change. Opened and closed by inboxes only. */

/* What a session may do; WITHDRAW is nobody's. Cancels need any of the first three. */
enum tn_scope {
    TN_SCOPE_TRADE = 1,    /* PLACE, PLACE_OCO, REPLACE, PACKAGE, BLOCK_TRADE, BID */
    TN_SCOPE_QUOTE = 2,    /* MASS_QUOTE, MMP_SET, MMP_RESET */
    TN_SCOPE_CANCEL = 4,   /* CANCEL, MASS_CANCEL, MMP_CANCEL */
    TN_SCOPE_TRANSFER = 8, /* TRANSFER, REMIT */
    TN_SCOPE_MODEL = 16,   /* MODEL */
    TN_SCOPE_ALL = 31
};

struct tn_session {
    uint64_t id; /* 0: none */
    uint32_t account;
    uint32_t scope;     /* of enum tn_scope */
    int64_t expires_ms; /* of block time: it may do nothing from then on */
    struct tn_public_key key;
};
/* False when there is no such session (any more). An expired one may be there still. */
bool tn_market_session(const struct tn_market *market, struct tn_session *session, uint64_t id);
uint32_t tn_market_sessions_count(const struct tn_market *market);
/* Those of an account, in no order, up to sessions_max; returns how many. */
uint32_t tn_market_sessions_of(const struct tn_market *market, struct tn_session *sessions,
                               uint32_t sessions_max, uint32_t account);

/* ---- Inboxes ----------------------------------------------------------------------------------
 */

enum tn_inbox_item_kind {
    TN_INBOX_ENTRY = 1, /* entry of version 1, any but FRAME, BLOCK, SWEEP and LIQ */
    TN_INBOX_FRAME = 2, /* entry of version 2: a signed frame that was forced; its term is 0 */
    TN_INBOX_OWNER_FRAME = 3,  /* owner[20] ‖ FRAME of version 1: the owner signed the commands */
    TN_INBOX_SESSION_OPEN = 4, /* struct tn_inbox_session */
    TN_INBOX_SESSION_CLOSE = 5, /* owner[20] ‖ session u64 */
    TN_INBOX_ACCOUNT = 6,       /* owner[20] ‖ number u64 ‖ model u8 */
    TN_INBOX_REMIT = 7,         /* struct tn_remit that comes in */
    TN_INBOX_REMIT_BACK = 8,    /* struct tn_remit that comes back */
    TN_INBOX_REMITS_ENDED = 9,  /* market u32 ‖ count u32: so many arrived there */
};
#define TN_INBOX_ITEM_HEADER 5u /* each stands behind size u32 (of its bytes) ‖ kind u8 */
#define TN_INBOX_ITEM_MAX    (TN_ENTRY_BYTES_MAX + TN_OWNER_SIZE)

/* The items of one block for one market, in the order of the block's items. */
struct tn_inbox {
    uint64_t height; /* one more than that of the inbox before */
    int64_t time_ms;
    struct tn_hash block_hash;
    const uint8_t *items; /* items_size bytes; copied */
    uint32_t items_size;
    uint32_t items_count;
};

/* Writers of items; they return the bytes needed, and write nothing when out_size is smaller. What
 * an item says is judged when it is executed. */
size_t tn_inbox_write_item(uint8_t *out, size_t out_size, enum tn_inbox_item_kind kind,
                           const uint8_t *bytes, size_t size);
/* The chain has checked that the owner's key signed these commands. */
size_t tn_inbox_write_owner_frame(uint8_t *out, size_t out_size, const uint8_t owner[TN_OWNER_SIZE],
                                  const struct tn_entry *frame);
/* The owner of an account opens a session; nonce is one of the account's window. RESULT: order_id
 * is the new session's id. */
struct tn_inbox_session {
    uint8_t owner[TN_OWNER_SIZE];
    uint64_t nonce;
    uint32_t account;
    struct tn_public_key key;
    uint32_t scope;
    int64_t expires_ms;
};
size_t tn_inbox_write_session_open(uint8_t *out, size_t out_size,
                                   const struct tn_inbox_session *session);
/* An owner opens an account: the number-th that he has in this market, from 1; a no-op when he has
 * another number of them, so no order of his opens two. */
size_t tn_inbox_write_account(uint8_t *out, size_t out_size, const uint8_t owner[TN_OWNER_SIZE],
                              uint64_t number, uint8_t model);
size_t tn_inbox_write_session_close(uint8_t *out, size_t out_size,
                                    const uint8_t owner[TN_OWNER_SIZE], uint64_t session);
/* One that comes in or, with a reject, back. */
size_t tn_inbox_write_remit(uint8_t *out, size_t out_size, const struct tn_remit *remit);
size_t tn_inbox_write_remits_ended(uint8_t *out, size_t out_size, uint32_t market, uint32_t count);
/* The most bytes that those three items take for one that is under way, at its sender's market and
 * at the other one together. */
#define TN_INBOX_REMIT_BYTES 72u

/* All of these that wait in inboxes, in their order. */
struct tn_market_remits {
    void (*one)(void *context, const struct tn_remit *remit);
    void (*ended)(void *context, uint32_t market, uint32_t count); /* may be NULL */
    void *context;
};
void tn_market_remits(const struct tn_market *market, const struct tn_market_remits *take);

/* Hands over the inbox of the next block (the first one may have any height above 0; asserted to be
 * contiguous after it). False when it finds no place: then nothing has changed, and the caller may
 * make room with tn_market_consume. Items that are no items are a bug of the caller (asserted). */
bool tn_market_inbox(struct tn_market *market, const struct tn_inbox *inbox);
/* Would an inbox of so many bytes of items find a place now? */
bool tn_market_inbox_fits(const struct tn_market *market, size_t items_size);
/* The inbox that the next BLOCK takes; false when none waits. Its items stay until then. */
bool tn_market_inbox_next(const struct tn_market *market, struct tn_inbox *inbox);
uint32_t tn_market_inboxes_count(const struct tn_market *market);
/* For the state root: keccak256 over the STREAM record and the hashes of the inboxes that wait,
 * first to last. O(inboxes that wait). */
void tn_market_inboxes_root(struct tn_hash *root, const struct tn_market *market);

/* ---- Applying ---------------------------------------------------------------------------------
 */

/* Room to work in; one serves any number of markets, one call at a time. */
struct tn_market_scratch {
    struct tn_stream_scratch *stream;
    struct tn_event *events; /* events_max ≥ tn_exchange_events_max of the limits */
    uint32_t events_max;
};

/* What came of an entry, or of one item of an inbox. */
struct tn_market_step {
    uint32_t index;               /* of the entry in its batch */
    uint32_t number;              /* of the item in its inbox */
    uint8_t item;                 /* enum tn_inbox_item_kind; 0: the entry itself */
    const struct tn_entry *entry; /* as the exchange saw it, or would have; during the call */
    uint16_t fault;               /* enum tn_reject that a leader must not let pass; 0: none */
    uint64_t session;             /* of a signed frame; 0: none */
    const struct tn_event *events;
    uint32_t events_count;
};

/* Called once for each item and once for the entry itself, in order; may be NULL. */
struct tn_market_out {
    void (*step)(void *context, const struct tn_market_step *step);
    void *context;
};

/* A batch of this term begins: frames of another one are faults from here on. */
void tn_market_begin(struct tn_market *market, uint32_t term);

/* Applies one entry. False, with nothing changed: it has no place in a stream here. */
bool tn_market_apply(struct tn_market *market, struct tn_stream_fault *fault,
                     struct tn_market_scratch *scratch, const struct tn_market_out *out,
                     const uint8_t *bytes, size_t size);

/* What a leader asks before a frame enters its stream: would it be a fault now, in a batch of this
 * term? NONE, FRAME_MALFORMED, or the fault. What is said of the frame is good as far as it was
 * looked at: all of it where NONE. */
struct tn_market_frame {
    struct tn_hash digest; /* what the session's key signed */
    uint64_t session;
    uint64_t nonce;
    uint32_t account;
    uint64_t weight;
    bool only_cancels;
};
enum tn_reject tn_market_check_frame(struct tn_market *market, struct tn_market_frame *frame,
                                     struct tn_market_scratch *scratch, uint32_t term,
                                     const uint8_t *bytes, size_t size);

/* For a leader that has checked this frame, signature and all, before: applies it in a batch of the
 * term that tn_market_begin named, unless it would be a fault by now; then *reject says which, and
 * nothing has changed. Bytes that were no frame are a bug (asserted). */
bool tn_market_offer_frame(struct tn_market *market, enum tn_reject *reject,
                           struct tn_market_scratch *scratch, const struct tn_market_out *out,
                           const uint8_t *bytes, size_t size);

/* Applies the BLOCK of the inbox that waits longest although no stream has said so: for a market
 * that nobody has led until its inboxes are full. False when none waits. */
bool tn_market_consume(struct tn_market *market, struct tn_market_scratch *scratch,
                       const struct tn_market_out *out);

/* ---- Batches -------------------------------------------------------------------------------- */

/* Is this a batch that may stand in a stream whose last BLOCK was header.first_block? Its bytes,
 * the kinds of its entries, the heights of its BLOCKs, one more each and below block_height. Hashes
 * of BLOCKs are asked from `known` (or NULL): false for one that is not that block's. Pure: for
 * valid(block), where neither the market nor the inboxes may be there yet. */
struct tn_market_blocks {
    bool (*known)(void *context, uint64_t height, const struct tn_hash *hash, int64_t time_ms);
    void *context;
    enum tn_cpu cpu; /* entries are hashed with it */
};
bool tn_market_check_batch(struct tn_batch_header *header, struct tn_stream_fault *fault,
                           struct tn_stream_scratch *scratch, const struct tn_market_blocks *blocks,
                           uint64_t block_height, const uint8_t *body, size_t body_size);

/* Applies all entries of a batch that was checked, whose entries_root is not asked for again;
 * `results` is what came of it here, for a comparison with the header's results_digest. False when
 * an entry was refused: the stream ends at it, as that of a checked batch over its market never
 * does. */
struct tn_market_executed {
    struct tn_batch_header header;
    struct tn_hash results_digest;
    uint32_t faults_count;
};
bool tn_market_execute_batch(struct tn_market *market, struct tn_market_executed *executed,
                             struct tn_stream_fault *fault, struct tn_market_scratch *scratch,
                             const struct tn_market_out *out, const uint8_t *body,
                             size_t body_size);

/* ---- What stands ---------------------------------------------------------------------------- */
struct tn_exchange *tn_market_exchange(struct tn_market *market);
const struct tn_exchange *tn_market_exchange_of(const struct tn_market *market);
const struct tn_market_limits *tn_market_limits(const struct tn_market *market);
/* Height of the last BLOCK consumed; 0: none. */
uint64_t tn_market_cursor(const struct tn_market *market);
/* The exchange's digest, sessions, cursor and inboxes; for tests. */
uint64_t tn_market_digest(const struct tn_market *market);
/* Asserts every invariant. O(everything). */
void tn_market_check(const struct tn_market *market);

/* ---- Records, out and in: as the functions of export.h, for these kinds as well ------------- */
uint32_t tn_market_records_count(const struct tn_market *market, uint8_t kind);
uint32_t tn_market_records_max(const struct tn_market_limits *limits, uint8_t kind);
size_t tn_market_record_size_max(const struct tn_market_limits *limits, uint8_t kind);
size_t tn_market_record(const struct tn_market *market, uint8_t *out, size_t out_size, uint8_t kind,
                        uint32_t index);
uint32_t tn_market_touched(struct tn_market *market, struct tn_record_name *names,
                           uint32_t names_max);
bool tn_market_import(struct tn_market *market, struct tn_import_fault *fault, uint8_t kind,
                      uint32_t index, const uint8_t *record, size_t size);
bool tn_market_import_end(struct tn_market *market, struct tn_import_fault *fault);

#endif
