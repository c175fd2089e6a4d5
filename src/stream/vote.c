/* vote: the digests that validators sign.
 *
 * Each preimage begins with a tag of its own and goes on with the chain, so no signature serves for
 * two purposes or on two chains; layouts stand in docs/specs/registry.md §2. A checkpoint is signed
 * for the base layer, whose contract knows the domain. */
#include "tenor/vote.h"
#include "stream/bytes.h"

#define TAG_SIZE         6u
#define CHECKPOINT_WORDS "tenor-checkpoint-v1"

static void put_tag(struct writer *writer, const char tag[TAG_SIZE + 1], const uint8_t chain_id[32])
{
    put_bytes(writer, tag, TAG_SIZE);
    put_bytes(writer, chain_id, 32);
}

void tn_vote_digest(struct tn_hash *digest, const uint8_t chain_id[32], uint64_t epoch,
                    enum tn_vote_type type, uint64_t view, const struct tn_hash *block_hash)
{
    uint8_t preimage[TAG_SIZE + 32 + 8 + 1 + 8 + TN_HASH_SIZE];
    struct writer writer = {.at = preimage};
    TN_ASSERT(type >= TN_VOTE_NOTARIZE && type <= TN_VOTE_FINALIZE);
    put_tag(&writer, "TNSX1V", chain_id);
    put_u64(&writer, epoch);
    put_u8(&writer, (uint8_t)type);
    put_u64(&writer, view);
    put_bytes(&writer, block_hash->bytes, TN_HASH_SIZE);
    TN_ASSERT(writer.at == preimage + sizeof(preimage));
    tn_keccak256(digest, preimage, sizeof(preimage));
}

static void head_digest(struct tn_hash *digest, const char tag[TAG_SIZE + 1],
                        const uint8_t chain_id[32], uint64_t epoch, const struct tn_vote_head *head)
{
    uint8_t preimage[TAG_SIZE + 32 + 8 + 4 + 4 + 8 + TN_HASH_SIZE];
    struct writer writer = {.at = preimage};
    put_tag(&writer, tag, chain_id);
    put_u64(&writer, epoch);
    put_u32(&writer, head->market);
    put_u32(&writer, head->term);
    put_u64(&writer, head->sequence);
    put_bytes(&writer, head->digest.bytes, TN_HASH_SIZE);
    TN_ASSERT(writer.at == preimage + sizeof(preimage));
    tn_keccak256(digest, preimage, sizeof(preimage));
}

void tn_vote_stall_digest(struct tn_hash *digest, const uint8_t chain_id[32], uint64_t epoch,
                          const struct tn_vote_head *head)
{
    head_digest(digest, "TNSX1S", chain_id, epoch, head);
}

void tn_vote_resign_digest(struct tn_hash *digest, const uint8_t chain_id[32], uint64_t epoch,
                           const struct tn_vote_head *head)
{
    head_digest(digest, "TNSX1R", chain_id, epoch, head);
}

/* ---- Checkpoints ---- */

void tn_checkpoint_write(uint8_t out[TN_CHECKPOINT_BYTES], const struct tn_checkpoint *checkpoint)
{
    struct writer writer = {.at = out};
    put_u64(&writer, checkpoint->epoch);
    put_u64(&writer, checkpoint->height);
    put_bytes(&writer, checkpoint->state_root.bytes, TN_HASH_SIZE);
    put_bytes(&writer, checkpoint->withdraw_root.bytes, TN_HASH_SIZE);
    put_bytes(&writer, checkpoint->data_root.bytes, TN_HASH_SIZE);
    put_bytes(&writer, checkpoint->next_set_hash.bytes, TN_HASH_SIZE);
    TN_ASSERT(writer.at == out + TN_CHECKPOINT_BYTES);
}

void tn_checkpoint_read(struct tn_checkpoint *checkpoint, const uint8_t bytes[TN_CHECKPOINT_BYTES])
{
    struct tn_stream_fault fault;
    struct reader reader = {.bytes = bytes, .size = TN_CHECKPOINT_BYTES, .fault = &fault};
    checkpoint->epoch = get_u64(&reader);
    checkpoint->height = get_u64(&reader);
    get_bytes(&reader, checkpoint->state_root.bytes, TN_HASH_SIZE);
    get_bytes(&reader, checkpoint->withdraw_root.bytes, TN_HASH_SIZE);
    get_bytes(&reader, checkpoint->data_root.bytes, TN_HASH_SIZE);
    get_bytes(&reader, checkpoint->next_set_hash.bytes, TN_HASH_SIZE);
    TN_ASSERT(reader.at == TN_CHECKPOINT_BYTES);
}

void tn_checkpoint_domain(struct tn_hash *domain, uint64_t base_chain_id,
                          const struct tn_address *bridge)
{
    uint8_t preimage[sizeof(CHECKPOINT_WORDS) - 1 + 32 + TN_ADDRESS_SIZE] = {0};
    struct writer writer = {.at = preimage};
    put_bytes(&writer, CHECKPOINT_WORDS, sizeof(CHECKPOINT_WORDS) - 1);
    writer.at += 24; /* the upper bytes of a 256-bit number */
    put_u64(&writer, base_chain_id);
    put_bytes(&writer, bridge->bytes, TN_ADDRESS_SIZE);
    TN_ASSERT(writer.at == preimage + sizeof(preimage));
    tn_keccak256(domain, preimage, sizeof(preimage));
}

void tn_checkpoint_digest(struct tn_hash *digest, const struct tn_hash *domain,
                          const struct tn_checkpoint *checkpoint)
{
    uint8_t preimage[TN_HASH_SIZE + TN_CHECKPOINT_BYTES];
    memcpy(preimage, domain->bytes, TN_HASH_SIZE);
    tn_checkpoint_write(preimage + TN_HASH_SIZE, checkpoint);
    tn_keccak256(digest, preimage, sizeof(preimage));
}
