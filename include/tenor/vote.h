/* vote: what validators sign, and what proves that one of them signed two things that contradict
 * each other.
 *
 * Signatures are over digests of fixed layouts, each behind a tag of its own:
 * docs/specs/registry.md §2 and §3. Nothing here keeps anything; a set is that of the epoch which
 * the bytes name. */
#ifndef TENOR_VOTE_H
#define TENOR_VOTE_H

#include "tenor/base.h"
#include "tenor/crypto.h"
#include "tenor/signature.h"
#include "tenor/stream.h"
#include "tenor/validators.h"

/* ---- Digests ----------------------------------------------------------------------------------
 */
enum tn_vote_type { TN_VOTE_NOTARIZE = 1, TN_VOTE_NULLIFY = 2, TN_VOTE_FINALIZE = 3 };

/* A vote of consensus. The block hash of a NULLIFY is zero. */
void tn_vote_digest(struct tn_hash *digest, const uint8_t chain_id[32], uint64_t epoch,
                    enum tn_vote_type type, uint64_t view, const struct tn_hash *block_hash);

/* The place where a market's term is to end: its last batch, sequence 0 and the zero hash before
 * the first. */
struct tn_vote_head {
    uint32_t market;
    uint32_t term; /* that ends */
    uint64_t sequence;
    struct tn_hash digest;
};
/* What a validator signs that holds nothing which extends the head, and what the leader signs who
 * gives up the term himself. */
void tn_vote_stall_digest(struct tn_hash *digest, const uint8_t chain_id[32], uint64_t epoch,
                          const struct tn_vote_head *head);
void tn_vote_resign_digest(struct tn_hash *digest, const uint8_t chain_id[32], uint64_t epoch,
                           const struct tn_vote_head *head);

/* ---- Checkpoints ------------------------------------------------------------------------------
 * docs/specs/sequencer.md §9. The digest is what the base layer's contract verifies. */
#define TN_CHECKPOINT_BYTES 144u

struct tn_checkpoint {
    uint64_t epoch;
    uint64_t height;
    struct tn_hash state_root;
    struct tn_hash withdraw_root;
    struct tn_hash data_root;
    struct tn_hash next_set_hash; /* zero but at the end of an epoch */
};
void tn_checkpoint_write(uint8_t out[TN_CHECKPOINT_BYTES], const struct tn_checkpoint *checkpoint);
void tn_checkpoint_read(struct tn_checkpoint *checkpoint, const uint8_t bytes[TN_CHECKPOINT_BYTES]);
/* keccak256 of "tenor-checkpoint-v1" ‖ the base layer's chain id, 32 bytes ‖ the bridge. */
void tn_checkpoint_domain(struct tn_hash *domain, uint64_t base_chain_id,
                          const struct tn_address *bridge);
void tn_checkpoint_digest(struct tn_hash *digest, const struct tn_hash *domain,
                          const struct tn_checkpoint *checkpoint);

/* ---- Evidence ---------------------------------------------------------------------------------
 */
enum tn_evidence_kind {
    TN_EVIDENCE_NOTARIZE = 1,   /* E1: two NOTARIZE of one view */
    TN_EVIDENCE_FINALIZE = 2,   /* E2: two FINALIZE of one view */
    TN_EVIDENCE_BOTH = 3,       /* E3: NULLIFY and FINALIZE of one view */
    TN_EVIDENCE_CHECKPOINT = 4, /* E4: two checkpoints of one height */
    TN_EVIDENCE_BATCH = 5,      /* E5: two batches of one market, term and sequence */
};
#define TN_EVIDENCE_KINDS     6u /* 1 + the last */
#define TN_EVIDENCE_BYTES_MAX 493u

struct tn_evidence {
    enum tn_evidence_kind kind;
    uint16_t signer; /* index in the set of `epoch` */
    uint64_t epoch;  /* of the votes; the lower of the checkpoints'; any in which the leader was */
    union {
        struct {
            uint64_t view;
            struct tn_hash hashes[2]; /* of BOTH: zero, then that of the FINALIZE */
        } votes;
        struct tn_checkpoint checkpoints[2];
        struct tn_batch_header batches[2];
    } as;
    struct tn_signature signatures[2];
};

/* The bytes of each kind; 0 for a number that is none. */
size_t tn_evidence_size(uint8_t kind);
/* Writes it, the smaller of the two first, and returns its size: there is one spelling. 0 when the
 * two do not contradict each other, or the epoch is not that of the first checkpoint. */
size_t tn_evidence_write(uint8_t out[TN_EVIDENCE_BYTES_MAX], const struct tn_evidence *evidence);
/* False: *fault says why. Two things that do not contradict each other are refused, and so is every
 * spelling but one. Signatures are not looked at. */
bool tn_evidence_read(struct tn_evidence *evidence, struct tn_stream_fault *fault,
                      const uint8_t *bytes, size_t size);

/* What signatures are checked against. */
struct tn_evidence_context {
    uint8_t chain_id[32];
    struct tn_hash checkpoint_domain;
    const struct tn_signatures *signatures;
};
/* Did the signer, of this set, sign both? The set is that of evidence->epoch (asserted). Two
 * verifications. Whether it comes in time, or for the first time, is the registry's to say. */
bool tn_evidence_check(const struct tn_evidence *evidence,
                       const struct tn_evidence_context *context, const struct tn_validators *set);
/* keccak256 of its bytes. */
void tn_evidence_digest(struct tn_hash *digest, const struct tn_evidence *evidence);

#endif
