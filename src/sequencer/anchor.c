/* What a node that has no state believes: certificates of checkpoints and the ends of epochs,
 * checked with nothing but the set that signed them. From a set that is known, handovers lead to
 * the present one, and its certificate to a state root; state sync and light clients begin so.
 *
 * No engine is needed here, and none is changed. */
#include "sequencer/internal.h"

static bool all_signed(const struct tn_signatures *signatures, const struct tn_hash *digest,
                       const struct tn_validators *set, const struct tn_voters *voters,
                       const uint8_t *at)
{
    struct tn_signature signature;
    for (uint32_t i = 0; i < set->count; i++) {
        if (!tn_voters_has(voters, i)) continue;
        memcpy(signature.bytes, at, TN_SIGNATURE_SIZE);
        at += TN_SIGNATURE_SIZE;
        if (!signatures->verify(signatures->context, digest, &signature, &set->members[i].key)) {
            return false;
        }
    }
    return true;
}

bool tn_sequencer_check_checkpoint(struct tn_checkpoint *checkpoint,
                                   const struct tn_signatures *signatures,
                                   const struct tn_hash *domain, const struct tn_validators *set,
                                   const uint8_t *bytes, size_t size)
{
    const size_t head = 1 + TN_CHECKPOINT_BYTES, bitmap = tn_voters_bytes(set->count);
    struct tn_voters voters;
    struct tn_hash digest;
    TN_ASSERT(set->count > 0);
    if (size < head + bitmap || bytes[0] != TN_PEER_CKPT_CERT) return false;
    tn_checkpoint_read(checkpoint, bytes + 1);
    if (checkpoint->epoch != set->epoch || checkpoint->height == 0) return false;
    if (!tn_voters_read(&voters, bytes + head, set->count)) return false;
    if (size != head + bitmap + (size_t)TN_SIGNATURE_SIZE * tn_voters_count(&voters)) return false;
    if (!tn_voters_quorum(&voters, set)) return false;
    tn_checkpoint_digest(&digest, domain, checkpoint);
    return all_signed(signatures, &digest, set, &voters, bytes + head + bitmap);
}

static bool read_final(struct cert_message *cert, const struct tn_validators *set,
                       const uint8_t *bytes, size_t size)
{
    return tn_sequencer_read_cert(cert, bytes, size, set) && cert->type == TN_VOTE_FINALIZE &&
           tn_voters_quorum(&cert->voters, set);
}

static bool is_signed(const struct cert_message *cert, const struct tn_signatures *signatures,
                      const uint8_t chain_id[32], const struct tn_validators *set)
{
    struct tn_hash digest;
    tn_vote_digest(&digest, chain_id, cert->epoch, cert->type, cert->view, &cert->hash);
    return all_signed(signatures, &digest, set, &cert->voters, cert->signatures);
}

bool tn_sequencer_check_final(struct tn_hash *hash, uint64_t *view,
                              const struct tn_signatures *signatures, const uint8_t chain_id[32],
                              const struct tn_validators *set, const uint8_t *bytes, size_t size)
{
    struct cert_message cert;
    TN_ASSERT(set->count > 0);
    if (!read_final(&cert, set, bytes, size) || !is_signed(&cert, signatures, chain_id, set)) {
        return false;
    }
    *hash = cert.hash;
    *view = cert.view;
    return true;
}

/* The headers from the block that the certificate names down to F, SEALs but for the last. */
static bool read_last(struct tn_block_header *last, const uint8_t chain_id[32],
                      const struct cert_message *cert, const uint8_t *headers, uint32_t count)
{
    struct tn_stream_fault fault;
    struct tn_hash expected = cert->hash, hash;
    uint64_t view = cert->view;
    for (uint32_t i = 0; i < count; i++, headers += TN_BLOCK_HEADER_BYTES) {
        const uint8_t flag = i + 1 == count ? TN_BLOCK_EPOCH_FINAL : TN_BLOCK_SEAL;
        if (!tn_stream_read_block_header(last, &fault, headers, TN_BLOCK_HEADER_BYTES)) {
            return false;
        }
        tn_stream_block_hash(&hash, chain_id, last);
        if (!tn_hash_equal(&hash, &expected) || last->view != view || last->epoch != cert->epoch ||
            (last->flags & (TN_BLOCK_EPOCH_FINAL | TN_BLOCK_SEAL)) != flag) {
            return false;
        }
        expected = last->parent_hash;
        view = last->parent_view;
    }
    return true;
}

bool tn_sequencer_check_handover(struct tn_block_header *last,
                                 const struct tn_signatures *signatures, const uint8_t chain_id[32],
                                 const struct tn_validators *set, const uint8_t *bytes, size_t size)
{
    struct cert_message cert;
    TN_ASSERT(set->count > 0);
    if (size < HANDOVER_HEAD_BYTES || bytes[0] != TN_PEER_DATA || bytes[1] != DATA_HANDOVER) {
        return false;
    }
    const uint32_t count = (uint32_t)tn_get_be(bytes + DATA_HEAD_BYTES, 2);
    const size_t before = HANDOVER_HEAD_BYTES + (size_t)count * TN_BLOCK_HEADER_BYTES;
    return count > 0 && count <= HANDOVER_HEADERS_MAX && size > before &&
           read_final(&cert, set, bytes + before, size - before) &&
           read_last(last, chain_id, &cert, bytes + HANDOVER_HEAD_BYTES, count) &&
           is_signed(&cert, signatures, chain_id, set);
}
