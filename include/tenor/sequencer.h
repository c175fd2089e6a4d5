/* sequencer: SX, the consensus of the sequencer set: proposals, votes, certificates, views.
 *
 * An engine is one validator's (or an observer's) part of the protocol. It knows a block as a
 * header and the bytes of a body; what they mean is the app's. Messages and time go in, calls come
 * out: `record` (to the log), `send` (to peers), and the app's functions.
 *
 * The caller owes it one thing (rule R5): whatever was given to `record` is durable before any byte
 * of what was given to `send` after it leaves. Collect both during a turn, sync once, then send.
 *
 *     tn_sequencer_init(memory, …);
 *     tn_sequencer_restore(s, type, bytes, size);      each record of the log, in order
 *     tn_sequencer_start(s, now_us);
 *     tn_sequencer_message / _tick / _wake             for ever; next call by _timeout
 *
 * now_us is a monotonic clock in microseconds; one that steps back is taken as standing still. The
 * engine never reads the time of day: block times are the app's. Protocol, bytes and why it is
 * safe: docs/specs/sequencer.md. */
#ifndef TENOR_SEQUENCER_H
#define TENOR_SEQUENCER_H

#include "tenor/base.h"
#include "tenor/crypto.h"
#include "tenor/peer.h"
#include "tenor/signature.h"
#include "tenor/stream.h"
#include "tenor/validators.h"
#include "tenor/vote.h"

/* Records of the log that are the engine's, and what they hold. A VOTE, a CERT and a CHECKPOINT
 * hold the bytes of the message. */
enum tn_sequencer_record {
    TN_SEQUENCER_VOTE = 16,       /* own */
    TN_SEQUENCER_CERT = 17,       /* adopted */
    TN_SEQUENCER_BODY = 18,       /* header ‖ body */
    TN_SEQUENCER_FINAL = 20,      /* epoch u64 ‖ view u64 ‖ height u64 ‖ hash[32] */
    TN_SEQUENCER_CHECKPOINT = 21, /* own */
    TN_SEQUENCER_DIVERGED = 25,   /* as FINAL: the block whose exec_root is not mine */
};

#define TN_SEQUENCER_BODY_MAX   (4u << 20)
#define TN_SEQUENCER_WINDOW     64u /* votes and proposals this many views around are taken */
#define TN_SEQUENCER_JUST_MAX   64u /* certificates inside a proposal */
#define TN_SEQUENCER_RANGE_MAX  64u /* blocks that one FETCH may ask for */
#define TN_SEQUENCER_CERT_BYTES (50u + TN_VOTERS_BYTES_MAX + 64u * TN_VALIDATORS_MAX)

struct tn_sequencer_limits {
    uint8_t chain_id[32];
    struct tn_hash checkpoint_domain; /* tn_checkpoint_domain */
    uint32_t validators_max;          /* of any epoch, 1 .. TN_VALIDATORS_MAX */
    uint32_t views_max;    /* views that are kept, a power of two, 256 ..; the longest run of views
                            * without a FINALIZATION that can be left again is 64 less: past half
                            * of them each takes longer, so that this is not reached in years */
    uint32_t bodies_max;   /* bodies in memory at a time, 8 .. */
    uint32_t body_max;     /* bytes of a body, .. TN_SEQUENCER_BODY_MAX; genesis */
    uint32_t behind_max;   /* blocks that are fetched one after another; further behind is for state
                            * sync, 64 .. */
    uint32_t exec_lag;     /* K; genesis */
    uint32_t exec_lag_max; /* past it blocks are EMPTY; genesis */
    uint32_t checkpoint_blocks;     /* C; genesis */
    int64_t delta_us, delta_max_us; /* Δ0, Δmax */
    int64_t idle_us;                /* T_idle: mark_ms */
};
/* Those of the specification, for n = 4 .. 16 on a LAN; chain_id and domain stay zero. */
void tn_sequencer_limits_default(struct tn_sequencer_limits *limits);

/* ---- The app -----------------------------------------------------------------------------------
 * A block, as the app sees it: pointers are good during the call. `chain` below are the ancestors
 * of a block that are not delivered yet, oldest first, the last its parent, without SEALs; with a
 * count of 0 the parent is the last delivered block. Every call may come from within message, tick,
 * wake, restore and start; the app must not call the engine from it. */
struct tn_sequencer_block {
    const struct tn_block_header *header;
    struct tn_hash hash;
    const uint8_t *body;
    size_t body_size;
};

enum tn_verdict {
    TN_VERDICT_OK,
    TN_VERDICT_BAD,
    TN_VERDICT_WAIT,
    TN_VERDICT_PASS, /* WAIT, for longer than the view lasts: it is given up at once */
};

enum tn_delivery {
    TN_DELIVERY_DONE,     /* executed */
    TN_DELIVERY_WAIT,     /* bytes of batches are missing; call tn_sequencer_wake when they came */
    TN_DELIVERY_DIVERGED, /* executed, and header.exec_root is not my root at header.exec_height */
};

struct tn_sequencer_app {
    void *context;
    /* A block on top of chain. Set are version, epoch, view, height, parent_*, proposer and
     * exec_height, which the app keeps. It fills in time_ms (≥ the parent's), batches_count,
     * body_size, body_root, evidence_root, exec_root (at exec_height), l1_cursor, next_set_hash and
     * of the flags EPOCH_FINAL; with EMPTY set it must make an empty body, else EMPTY is set by the
     * engine if body_size is 0. The body, body_max bytes at most, is what body_root says. False:
     * not now; the engine gives up the view. */
    bool (*build)(void *context, struct tn_block_header *header, uint8_t *body, size_t body_max,
                  const struct tn_sequencer_block *chain, uint32_t chain_count);
    /* local: may I NOTARIZE it? Else only what is objective: may I FINALIZE it? Body and body_root,
     * links, heights, exec_height and EMPTY have been checked. Asked again after WAIT, by wake, by
     * every retry and after each delivery; OK and BAD are remembered. PASS is of what is local. */
    enum tn_verdict (*validate)(void *context, const struct tn_sequencer_block *block,
                                const struct tn_sequencer_block *chain, uint32_t chain_count,
                                bool local);
    /* About to vote for this block: record the bytes of its batches now, if they are not in the
     * log yet (rule R4). Also before a block is delivered. */
    void (*persist)(void *context, const struct tn_sequencer_block *block);
    /* Final too, after the one that is delivered next, when this node is behind: time to look for
     * what it names. In order; may come twice. NULL: the app does not care. */
    void (*coming)(void *context, const struct tn_sequencer_block *block);
    /* The block is final: execute it. In height order, each height once after a WAIT. cert: a
     * FINALIZATION of it or of a descendant; NULL if the log had none. */
    enum tn_delivery (*finalized)(void *context, const struct tn_sequencer_block *block,
                                  const uint8_t *cert, size_t cert_size);
    /* Is there work for a block on the chain? Cheap: called on every entry of a view and wake. */
    bool (*pending)(void *context, const struct tn_sequencer_block *chain, uint32_t chain_count);

    /* What a checkpoint at this height says, which was just delivered. False: none is signed. */
    bool (*checkpoint)(void *context, struct tn_checkpoint *checkpoint, uint64_t height);
    /* A checkpoint certificate, CKPT_CERT's bytes: to keep, and for the base layer. */
    void (*certified)(void *context, const struct tn_checkpoint *checkpoint, const uint8_t *cert,
                      size_t size);
    /* The set of this epoch, the one after an EPOCH_FINAL block that was just delivered. */
    void (*next_set)(void *context, struct tn_validators *set, uint64_t epoch);
    /* The epoch has ended: bytes that prove it (docs/specs/sequencer.md, HANDOVER), to keep for
     * ever. */
    void (*epoch_ended)(void *context, uint64_t epoch, const uint8_t *handover, size_t size);
    /* Somebody signed two things: tn_evidence_read's bytes, signatures checked. May come twice. */
    void (*evidence)(void *context, const uint8_t *evidence, size_t size);
    /* Further behind than behind_max: state sync, then a new engine. */
    void (*behind)(void *context, uint64_t height);

    /* For peers that ask: a delivered block by height; a handover by epoch. False: not kept. */
    bool (*block)(void *context, struct tn_sequencer_block *block, uint64_t height);
    bool (*handover)(void *context, const uint8_t **bytes, size_t *size, uint64_t epoch);
};

struct tn_sequencer_out {
    void *context;
    void (*record)(void *context, enum tn_sequencer_record type, const uint8_t *bytes, size_t size);
    /* to: an index in the present set, an observer, or TN_PEER_ALL. */
    void (*send)(void *context, uint16_t to, enum tn_priority priority, const uint8_t *bytes,
                 size_t size);
    /* That link brought what no honest node sends. */
    void (*ban)(void *context, uint16_t peer, const char *why);
};

/* ---- Life --------------------------------------------------------------------------------------
 */
struct tn_sequencer_config {
    struct tn_sequencer_limits limits;
    struct tn_sequencer_app app;
    struct tn_sequencer_out out;
    const struct tn_signatures *signatures; /* outlive the engine */
    struct tn_secret_key key;
    bool is_validator; /* false: an observer, who never signs; key is not looked at */
    /* What has just become final is delivered by tick and by no other call, so that a caller can
     * let the votes of a turn leave before it executes. Who is behind delivers in each call. */
    bool delivers_late;
    /* Where the app stands: the last block that it executed, and the set of the epoch after it.
     * At the genesis a header with height 0, its time and whatever the app wants exec_* to be. */
    struct tn_block_header root;
    struct tn_hash root_hash;
    struct tn_validators set; /* epoch = root.epoch, or one more when root ends its epoch */
};

struct tn_sequencer;

/* Bytes of memory; 0: a limit is out of range. The bodies are views of one region that is only
 * touched as far as it is used. */
size_t tn_sequencer_size(const struct tn_sequencer_limits *limits);
/* memory: zeroed, aligned to 64, outlives the engine. */
struct tn_sequencer *tn_sequencer_init(void *memory, const struct tn_sequencer_config *config);

/* One record of the log; types that are not the engine's are ignored. Blocks that the log has as
 * final, above the root, are delivered again from here. False: not a record that an engine writes.
 */
bool tn_sequencer_restore(struct tn_sequencer *sequencer, uint8_t type, const uint8_t *bytes,
                          size_t size);
/* Once, after the last record. The engine signs nothing before a quorum has told it which votes
 * they hold by its key in this epoch, all of which must be in its log: else it stays silent until
 * the next epoch. */
void tn_sequencer_start(struct tn_sequencer *sequencer, int64_t now_us);

/* A message of a peer, `from` its index in the present set or from TN_VALIDATORS_MAX on for an
 * observer. Any bytes will do. */
void tn_sequencer_message(struct tn_sequencer *sequencer, uint16_t from, const uint8_t *bytes,
                          size_t size, int64_t now_us);
/* The time is now_us. Early calls do nothing. */
void tn_sequencer_tick(struct tn_sequencer *sequencer, int64_t now_us);
/* The app's answers may have changed: batches or items came, validate or finalized need not WAIT
 * any more, there is work. */
void tn_sequencer_wake(struct tn_sequencer *sequencer, int64_t now_us);
/* Writes again through `record` what a restart from the last delivered block needs: with the app's
 * state as of that block and these records durable, the log before them may go. O(views kept). */
void tn_sequencer_record_all(struct tn_sequencer *sequencer);
/* When tick is next due; INT64_MAX: never. */
int64_t tn_sequencer_timeout(const struct tn_sequencer *sequencer);
/* Something is final that the next tick delivers. */
bool tn_sequencer_delivers(const struct tn_sequencer *sequencer);

/* ---- What stands ------------------------------------------------------------------------------
 */
enum tn_sequencer_voice {
    TN_VOICE_OBSERVER, /* not in the set */
    TN_VOICE_ASKING,   /* waits for a quorum's answer on its own votes */
    TN_VOICE_SILENT,   /* a vote is missing from its log: silent until the next epoch */
    TN_VOICE_DIVERGED, /* its state is not the set's: silent for ever */
    TN_VOICE_SPEAKS,
};

struct tn_sequencer_status {
    uint64_t epoch, view;
    uint64_t final_view, final_height; /* delivered */
    struct tn_hash final_hash;
    uint64_t known_final_view;  /* of the highest FINALIZATION, maybe not delivered yet */
    uint64_t checkpoint_height; /* of the highest checkpoint certificate */
    uint32_t index;             /* mine in the set; TN_NONE */
    uint32_t proposer;          /* of the view */
    enum tn_sequencer_voice voice;
    int64_t delta_us;
};
void tn_sequencer_status(const struct tn_sequencer *sequencer, struct tn_sequencer_status *status);
enum tn_sequencer_voice tn_sequencer_voice(const struct tn_sequencer *sequencer); /* status.voice */
const struct tn_validators *tn_sequencer_set(const struct tn_sequencer *sequencer);

struct tn_sequencer_counters {
    uint64_t malformed, out_of_window, wrong_sender, wrong_epoch, duplicates; /* messages dropped */
    uint64_t bad_signatures, bad_certs, bad_blocks, unasked_data;
    uint64_t fetches_refused, fetches_sent, fetches_served;
    uint64_t bodies_refused; /* no room */
    uint64_t views_dropped;  /* unfinalized views that left the ring */
    uint64_t proposals, notarizes, nullifies, finalizes, certs, timeouts, skips;
    uint64_t blocks_bad, blocks_waited, blocks_passed, blocks_delivered, guard_refusals, evidence;
    uint64_t signatures_verified, signatures_made;
};
const struct tn_sequencer_counters *tn_sequencer_counters(const struct tn_sequencer *sequencer);

/* ---- Without an engine ------------------------------------------------------------------------
 * For who has a set that it trusts and no state: state sync, light clients. Pure; the cost is that
 * of a quorum's signatures. Any bytes will do. */

/* CKPT_CERT's bytes: a quorum of the set, whose epoch it is, has signed *checkpoint. */
bool tn_sequencer_check_checkpoint(struct tn_checkpoint *checkpoint,
                                   const struct tn_signatures *signatures,
                                   const struct tn_hash *domain, const struct tn_validators *set,
                                   const uint8_t *bytes, size_t size);
/* CERT's bytes: a quorum of the set, whose epoch it is, has finalized this block of this view, and
 * with it all blocks before it. False also of certificates of other votes. */
bool tn_sequencer_check_final(struct tn_hash *hash, uint64_t *view,
                              const struct tn_signatures *signatures, const uint8_t chain_id[32],
                              const struct tn_validators *set, const uint8_t *bytes, size_t size);
/* What epoch_ended gave: the set's epoch has ended with the block *last, whose next_set_hash is
 * that of the set that follows. */
bool tn_sequencer_check_handover(struct tn_block_header *last,
                                 const struct tn_signatures *signatures, const uint8_t chain_id[32],
                                 const struct tn_validators *set, const uint8_t *bytes,
                                 size_t size);

#endif
