/* evidence: two signed things that contradict each other, as bytes, and whether one validator did
 * sign both.
 *
 * Every kind is one head and two halves, each the signed thing and its signature. There is one
 * spelling: of two things of one type the smaller comes first, of NULLIFY and FINALIZE the NULLIFY.
 * NOTARIZE with NULLIFY contradicts nothing (consensus R2) and has no kind. */
#include "stream/bytes.h"
#include "tenor/vote.h"

#define HEAD_BYTES (1u + 8u + 2u)

size_t tn_evidence_size(uint8_t kind)
{
    switch (kind) {
        case TN_EVIDENCE_NOTARIZE:
        case TN_EVIDENCE_FINALIZE: return HEAD_BYTES + 8 + 2 * (TN_HASH_SIZE + TN_SIGNATURE_SIZE);
        case TN_EVIDENCE_BOTH: return HEAD_BYTES + 8 + TN_HASH_SIZE + 2 * TN_SIGNATURE_SIZE;
        case TN_EVIDENCE_CHECKPOINT:
            return HEAD_BYTES + 2 * (TN_CHECKPOINT_BYTES + TN_SIGNATURE_SIZE);
        case TN_EVIDENCE_BATCH: return HEAD_BYTES + 2 * (TN_BATCH_HEADER_BYTES + TN_SIGNATURE_SIZE);
    }
    return 0;
}
_Static_assert(TN_EVIDENCE_BYTES_MAX ==
                   HEAD_BYTES + 2 * (TN_BATCH_HEADER_BYTES + TN_SIGNATURE_SIZE),
               "two batches are the longest evidence");

/* What of the evidence one half signed, as it is hashed or compared. */
static size_t write_half(uint8_t out[TN_BATCH_HEADER_BYTES], const struct tn_evidence *evidence,
                         uint32_t half)
{
    switch (evidence->kind) {
        case TN_EVIDENCE_NOTARIZE:
        case TN_EVIDENCE_FINALIZE: break;
        case TN_EVIDENCE_BOTH:
            if (half == 0) return 0; /* the hash of a NULLIFY is zero */
            break;
        case TN_EVIDENCE_CHECKPOINT:
            tn_checkpoint_write(out, &evidence->as.checkpoints[half]);
            return TN_CHECKPOINT_BYTES;
        case TN_EVIDENCE_BATCH:
            tn_stream_write_batch_header(out, &evidence->as.batches[half]);
            return TN_BATCH_HEADER_BYTES;
    }
    memcpy(out, evidence->as.votes.hashes[half].bytes, TN_HASH_SIZE);
    return TN_HASH_SIZE;
}

/* NULL when the halves contradict each other; else why they do not. */
static const char *why_not(const struct tn_evidence *evidence)
{
    static const struct tn_hash none;
    switch (evidence->kind) {
        case TN_EVIDENCE_NOTARIZE:
        case TN_EVIDENCE_FINALIZE: return NULL;
        case TN_EVIDENCE_BOTH:
            return tn_hash_equal(&evidence->as.votes.hashes[0], &none)
                       ? NULL
                       : "the hash of a NULLIFY is not zero";
        case TN_EVIDENCE_CHECKPOINT: {
            const struct tn_checkpoint *pair = evidence->as.checkpoints;
            if (pair[0].height != pair[1].height) return "the checkpoints are of two heights";
            return NULL;
        }
        case TN_EVIDENCE_BATCH: {
            const struct tn_batch_header *pair = evidence->as.batches;
            bool is_one = pair[0].market == pair[1].market && pair[0].term == pair[1].term &&
                          pair[0].sequence == pair[1].sequence &&
                          memcmp(pair[0].chain_id, pair[1].chain_id, 32) == 0;
            return is_one ? NULL : "the batches are not of one market, term and sequence";
        }
    }
    return "the kind of evidence is none of those defined";
}

static void swap_halves(struct tn_evidence *out, const struct tn_evidence *evidence)
{
    *out = *evidence;
    out->signatures[0] = evidence->signatures[1];
    out->signatures[1] = evidence->signatures[0];
    if (evidence->kind == TN_EVIDENCE_CHECKPOINT) {
        out->as.checkpoints[0] = evidence->as.checkpoints[1];
        out->as.checkpoints[1] = evidence->as.checkpoints[0];
    } else if (evidence->kind == TN_EVIDENCE_BATCH) {
        out->as.batches[0] = evidence->as.batches[1];
        out->as.batches[1] = evidence->as.batches[0];
    } else {
        out->as.votes.hashes[0] = evidence->as.votes.hashes[1];
        out->as.votes.hashes[1] = evidence->as.votes.hashes[0];
    }
}

/* Negative when they stand as they must, 0 when they are the same, positive when the other way. */
static int order_of(const struct tn_evidence *evidence)
{
    uint8_t halves[2][TN_BATCH_HEADER_BYTES];
    if (evidence->kind == TN_EVIDENCE_BOTH) return -1;
    size_t size = write_half(halves[0], evidence, 0);
    TN_ASSERT(write_half(halves[1], evidence, 1) == size);
    return memcmp(halves[0], halves[1], size);
}

static bool has_view(enum tn_evidence_kind kind)
{
    return kind != TN_EVIDENCE_CHECKPOINT && kind != TN_EVIDENCE_BATCH;
}

size_t tn_evidence_write(uint8_t out[TN_EVIDENCE_BYTES_MAX], const struct tn_evidence *evidence)
{
    struct tn_evidence sorted = *evidence;
    struct writer writer = {.at = out};
    if (why_not(evidence) != NULL) return 0;
    const int order = order_of(evidence);
    if (order == 0) return 0;
    if (order > 0) swap_halves(&sorted, evidence);
    if (sorted.kind == TN_EVIDENCE_CHECKPOINT && sorted.epoch != sorted.as.checkpoints[0].epoch)
        return 0;
    put_u8(&writer, (uint8_t)sorted.kind);
    put_u64(&writer, sorted.epoch);
    put_u16(&writer, sorted.signer);
    if (has_view(sorted.kind)) put_u64(&writer, sorted.as.votes.view);
    for (uint32_t half = 0; half < 2; half++) {
        writer.at += write_half(writer.at, &sorted, half);
        put_bytes(&writer, sorted.signatures[half].bytes, TN_SIGNATURE_SIZE);
    }
    TN_ASSERT((size_t)(writer.at - out) == tn_evidence_size((uint8_t)sorted.kind));
    return (size_t)(writer.at - out);
}

static bool read_half(struct tn_evidence *evidence, struct reader *reader, uint32_t half)
{
    if (evidence->kind == TN_EVIDENCE_CHECKPOINT) {
        tn_checkpoint_read(&evidence->as.checkpoints[half], reader->bytes + reader->at);
        reader->at += TN_CHECKPOINT_BYTES;
    } else if (evidence->kind == TN_EVIDENCE_BATCH) {
        struct tn_stream_fault fault;
        if (!tn_stream_read_batch_header(&evidence->as.batches[half], &fault,
                                         reader->bytes + reader->at, TN_BATCH_HEADER_BYTES))
            return refuse(reader, reader->at + fault.at, fault.what);
        reader->at += TN_BATCH_HEADER_BYTES;
    } else if (evidence->kind != TN_EVIDENCE_BOTH || half == 1) {
        get_bytes(reader, evidence->as.votes.hashes[half].bytes, TN_HASH_SIZE);
    }
    get_bytes(reader, evidence->signatures[half].bytes, TN_SIGNATURE_SIZE);
    return true;
}

bool tn_evidence_read(struct tn_evidence *evidence, struct tn_stream_fault *fault,
                      const uint8_t *bytes, size_t size)
{
    struct reader reader = {.bytes = bytes, .size = size, .fault = fault};
    memset(evidence, 0, sizeof(*evidence));
    if (!need(&reader, HEAD_BYTES)) return false;
    const uint8_t kind = get_u8(&reader);
    if (tn_evidence_size(kind) == 0)
        return refuse(&reader, 0, "the kind of evidence is none of those defined");
    if (!need(&reader, tn_evidence_size(kind) - 1)) return false;
    if (size > tn_evidence_size(kind))
        return refuse(&reader, tn_evidence_size(kind), "bytes follow the evidence");
    evidence->kind = (enum tn_evidence_kind)kind;
    evidence->epoch = get_u64(&reader);
    evidence->signer = get_u16(&reader);
    if (has_view(evidence->kind)) evidence->as.votes.view = get_u64(&reader);
    for (uint32_t half = 0; half < 2; half++)
        if (!read_half(evidence, &reader, half)) return false;
    TN_ASSERT(reader.at == size);
    const char *why = why_not(evidence);
    if (why != NULL) return refuse(&reader, HEAD_BYTES, why);
    if (order_of(evidence) >= 0)
        return refuse(&reader, HEAD_BYTES, "the two are the same, or not in their order");
    if (evidence->kind == TN_EVIDENCE_CHECKPOINT &&
        evidence->epoch != evidence->as.checkpoints[0].epoch)
        return refuse(&reader, 1, "the epoch is not that of the first checkpoint");
    return true;
}

/* ---- Signatures ---- */

static void half_digest(struct tn_hash *digest, const struct tn_evidence *evidence,
                        const struct tn_evidence_context *context, uint32_t half)
{
    static const enum tn_vote_type types[TN_EVIDENCE_KINDS][2] = {
        [TN_EVIDENCE_NOTARIZE] = {TN_VOTE_NOTARIZE, TN_VOTE_NOTARIZE},
        [TN_EVIDENCE_FINALIZE] = {TN_VOTE_FINALIZE, TN_VOTE_FINALIZE},
        [TN_EVIDENCE_BOTH] = {TN_VOTE_NULLIFY, TN_VOTE_FINALIZE}};
    if (evidence->kind == TN_EVIDENCE_CHECKPOINT)
        tn_checkpoint_digest(digest, &context->checkpoint_domain, &evidence->as.checkpoints[half]);
    else if (evidence->kind == TN_EVIDENCE_BATCH)
        tn_stream_batch_digest(digest, &evidence->as.batches[half]);
    else
        tn_vote_digest(digest, context->chain_id, evidence->epoch, types[evidence->kind][half],
                       evidence->as.votes.view, &evidence->as.votes.hashes[half]);
}

bool tn_evidence_check(const struct tn_evidence *evidence,
                       const struct tn_evidence_context *context, const struct tn_validators *set)
{
    const struct tn_signatures *signatures = context->signatures;
    TN_ASSERT(set->epoch == evidence->epoch);
    if (why_not(evidence) != NULL || order_of(evidence) == 0) return false;
    if (evidence->signer >= set->count) return false;
    if (evidence->kind == TN_EVIDENCE_BATCH &&
        memcmp(evidence->as.batches[0].chain_id, context->chain_id, 32) != 0)
        return false;
    for (uint32_t half = 0; half < 2; half++) {
        struct tn_hash digest;
        half_digest(&digest, evidence, context, half);
        if (!signatures->verify(signatures->context, &digest, &evidence->signatures[half],
                                &set->members[evidence->signer].key))
            return false;
    }
    return true;
}

void tn_evidence_digest(struct tn_hash *digest, const struct tn_evidence *evidence)
{
    uint8_t bytes[TN_EVIDENCE_BYTES_MAX];
    size_t size = tn_evidence_write(bytes, evidence);
    TN_ASSERT(size > 0);
    tn_keccak256(digest, bytes, size);
}
