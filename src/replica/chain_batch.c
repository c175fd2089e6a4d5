/* chain_batch: may a batch follow its market's head?
 *
 * What costs is asked once for each batch: whether its body is what its header says, whether its
 * BLOCKs are the chain's, and the leader's signature. The answer is remembered by digest, and only
 * when it can never change: every BLOCK in it is one that was executed. A digest is its header's,
 * so a body that has just come from others is held against it whatever is remembered; those that
 * are asked for later come from the pool, which takes none but such. */
#include "replica/chain.h"

/* What a batch's BLOCKs are held against. */
struct known {
    const struct tn_chain *chain;
    const struct chain_line *line; /* NULL: what is executed */
    uint64_t height;               /* of the block that would hold the batch; with a line */
    bool is_final;                 /* all of them were executed blocks */
};

static bool is_known(void *context, uint64_t height, const struct tn_hash *hash, int64_t time_ms)
{
    struct known *known = context;
    static const struct chain_line nothing;
    const struct chain_line *line = known->line != NULL ? known->line : &nothing;
    struct tn_hash actual;
    int64_t actual_ms;
    if (height > known->chain->heads.height) known->is_final = false;
    /* So long ago that not every node could say: execution refuses a wrong one. */
    if (known->line != NULL && height + CHAIN_RING_WINDOW <= known->height) return true;
    if (!tn_chain_line_block(known->chain, line, height, &actual, &actual_ms)) {
        return known->line == NULL;
    }
    return tn_hash_equal(&actual, hash) && actual_ms == time_ms;
}

static struct chain_checked *slot_of(const struct tn_chain *chain, const struct tn_hash *digest)
{
    uint64_t word = tn_get_be(digest->bytes, 8);
    return &chain->checked[word % CHAIN_CHECKED];
}

static bool is_remembered(const struct chain_checked *slot, const struct tn_hash *digest)
{
    return slot->header.entries_count > 0 && tn_hash_equal(&slot->digest, digest);
}

/* What a desk of this process has sealed is what its header says: it took BLOCKs that were executed
 * here, and wrote header and body in one go. */
static void remember(struct tn_chain *chain, const struct tn_batch_header *header,
                     const struct tn_hash *digest)
{
    struct chain_checked *slot = slot_of(chain, digest);
    if (header->entries_count == 0 || is_remembered(slot, digest)) return;
    *slot = (struct chain_checked){.digest = *digest, .header = *header};
}

static enum tn_cpu cpu_of(const struct tn_chain *chain)
{
    return (enum tn_cpu)chain->limits.markets[0].exchange.cpu; /* the machine's, of all alike */
}

/* Reads all of the body. */
static bool check_body(struct tn_chain *chain, struct tn_batch_header *header,
                       const struct chain_line *line, uint64_t height, const uint8_t *body,
                       size_t body_size)
{
    struct known known = {.chain = chain, .line = line, .height = height, .is_final = true};
    const struct tn_market_blocks blocks = {
        .known = is_known, .context = &known, .cpu = cpu_of(chain)};
    struct tn_stream_fault fault;
    struct tn_hash digest;
    if (!tn_market_check_batch(header, &fault, chain->scratch.stream, &blocks, height, body,
                               body_size))
        return false;
    tn_stream_batch_digest(&digest, header);
    if (known.is_final) remember(chain, header, &digest);
    return true;
}

/* Is the body what its header says, and are its BLOCKs those of the line (NULL: as far as they are
 * executed) below that height? */
static bool check_form(struct tn_chain *chain, struct tn_batch_header *header,
                       const struct chain_line *line, uint64_t height, const uint8_t *body,
                       size_t body_size)
{
    struct tn_stream_fault fault;
    struct tn_hash digest;
    if (!tn_stream_read_batch_header(header, &fault, body, body_size)) return false;
    tn_stream_batch_digest(&digest, header);
    return is_remembered(slot_of(chain, &digest), &digest) ||
           check_body(chain, header, line, height, body, body_size);
}

bool tn_chain_check_body(struct tn_chain *chain, struct tn_batch_header *header,
                         const uint8_t *body, size_t body_size)
{
    const struct tn_market_blocks any = {.cpu = cpu_of(chain)};
    struct tn_stream_fault fault;
    struct tn_hash digest;
    if (!tn_stream_read_batch_header(header, &fault, body, body_size)) return false;
    tn_stream_batch_digest(&digest, header);
    if (is_remembered(slot_of(chain, &digest), &digest)) return true;
    return tn_market_check_batch(header, &fault, chain->scratch.stream, &any, UINT64_MAX, body,
                                 body_size);
}

bool tn_chain_check_batch(struct tn_chain *chain, const uint8_t *body, size_t body_size)
{
    struct tn_batch_header header;
    if (!check_body(chain, &header, NULL, UINT64_MAX, body, body_size)) return false;
    return memcmp(header.chain_id, chain->limits.chain_id, sizeof header.chain_id) == 0;
}

bool tn_chain_fetch_batch(struct tn_chain *chain, struct tn_chain_batch *batch,
                          struct tn_batch_header *header, const struct tn_hash *digest)
{
    const struct tn_chain_source *source = &chain->source;
    struct tn_stream_fault fault;
    batch->is_own = false;
    if (source->batch == NULL || !source->batch(source->context, batch, digest)) return false;
    if (!tn_stream_read_batch_header(header, &fault, batch->body, batch->body_size)) return false;
    tn_stream_batch_digest(&batch->digest, header);
    return tn_hash_equal(&batch->digest, digest);
}

/* The signature was found good before, or is now. */
static bool is_signed(struct tn_chain *chain, const struct tn_chain_batch *batch,
                      const struct tn_public_key *key)
{
    const struct tn_signatures *signatures = chain->world.signatures;
    struct chain_checked *slot = slot_of(chain, &batch->digest);
    bool has_slot = is_remembered(slot, &batch->digest);
    if (has_slot && tn_public_key_equal(&slot->key, key) &&
        memcmp(&slot->signature, &batch->signature, sizeof slot->signature) == 0)
        return true;
    if (!signatures->verify(signatures->context, &batch->digest, &batch->signature, key)) {
        return false;
    }
    if (has_slot) {
        slot->key = *key;
        slot->signature = batch->signature;
    }
    return true;
}

const char *tn_chain_judge_batch(struct tn_chain *chain, struct tn_batch_header *header,
                                 const struct chain_line *line, const struct chain_tip *tip,
                                 const struct chain_head *head, uint32_t place,
                                 const struct tn_chain_batch *batch)
{
    const struct tn_chain_limits *limits = &chain->limits;
    uint32_t market = limits->markets[place].market;
    struct tn_public_key key;
    struct tn_stream_fault fault;
    uint16_t leader;
    if (!tn_stream_read_batch_header(header, &fault, batch->body, batch->body_size)) {
        return "a batch has no header";
    }
    if (memcmp(header->chain_id, limits->chain_id, sizeof header->chain_id) != 0 ||
        header->market != market) {
        return "a batch is of another chain or market";
    }
    if (header->term != head->term ||
        !tn_registry_leader(chain->registry, &leader, &key, market, head->term)) {
        return "a batch is of a term that is not the market's";
    }
    if (header->sequence != head->sequence + 1 ||
        !tn_hash_equal(&header->prev_digest, &head->digest) ||
        header->first_block != head->cursor) {
        return "a batch does not follow its market's head";
    }
    if (header->weight > tn_chain_batch_weight_max(limits)) return "a batch weighs too much";
    if (header->last_block > tip->height) return "a batch consumes a block that is not below it";
    if (tn_chain_is_late(chain, line, tip, head, header->last_block)) {
        return "the last BLOCK of a batch is too old";
    }
    if (batch->is_own) remember(chain, header, &batch->digest);
    if (!check_form(chain, header, line, tip->height + 1, batch->body, batch->body_size)) {
        return "a batch's body is not what its header says";
    }
    if (!is_signed(chain, batch, &key)) return "a batch is not signed by its market's leader";
    return NULL;
}
