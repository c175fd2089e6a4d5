/* What stands beside the markets in a world of state sync, for each height that is served:
 * docs/specs/chain.md §6, written down once more. A part of sync_world.h, which includes it. */
#ifndef TENOR_TEST_SYNC_WORLD_FRAMES_H
#define TENOR_TEST_SYNC_WORLD_FRAMES_H

static inline uint8_t *world_add_of(struct world *world, uint64_t height, uint8_t kind,
                                    uint32_t index, uint32_t size)
{
    struct world_record *record = world_add_record(world, kind, index, size);
    record->height = height;
    return record->bytes;
}

static inline void world_add_equity(struct world *world, uint64_t height,
                                    uint8_t exit[TN_PROOF_EXIT_SIZE])
{
    struct tn_proof_fold fold;
    struct tn_hash top;
    tn_i128 sum;
    tn_proof_fold_begin(&fold, true);
    for (uint32_t i = 0; i < WORLD_EQUITIES; i += TN_RECORD_EQUITY_CHUNK) {
        const uint32_t left = WORLD_EQUITIES - i;
        const uint32_t count = left < TN_RECORD_EQUITY_CHUNK ? left : TN_RECORD_EQUITY_CHUNK;
        uint8_t *at = world_add_of(world, height, TN_RECORD_EQUITY, i / TN_RECORD_EQUITY_CHUNK,
                                   count * TN_PROOF_EQUITY_SIZE);
        for (uint32_t k = i; k < i + count; k++, at += TN_PROOF_EQUITY_SIZE) {
            struct tn_hash leaf;
            tn_put_be(at + TN_OWNER_SIZE, height + k, 8);
            tn_proof_leaf_body(&leaf, TN_PROOF_EQUITY, k, at, TN_PROOF_EQUITY_SIZE);
            if (!tn_proof_fold_add(&fold, &leaf, (tn_i128)(height + k))) abort();
        }
    }
    if (!tn_proof_fold_top(&fold, tn_proof_depth(WORLD_EQUITIES), &top, &sum)) abort();
    tn_proof_sum_root(&top, TN_PROOF_EQUITY, WORLD_EQUITIES, &top, sum);
    memset(exit, 0, TN_PROOF_EXIT_SIZE);
    tn_put_be(exit, height - 1, 8);
    tn_put_be(exit + 8, WORLD_EQUITIES, 4);
    memcpy(exit + 12, top.bytes, TN_HASH_SIZE);
    tn_put_be(exit + 52, (uint64_t)sum, 8);
}

static inline void world_add_inboxes(struct world *world, struct tn_chain_inboxes *inboxes,
                                     uint64_t height)
{
    const uint32_t room = world->limits.markets[0].inboxes_max;
    const uint64_t first = height - WORLD_INBOXES + 1;
    struct tn_keccak keccak;
    uint8_t *stream = world_add_of(world, height, TN_RECORD_STREAM, 0, WORLD_STREAM_SIZE);
    tn_put_be(stream + 48, room, 4);
    tn_put_be(stream + 64, first - 1, 8);
    tn_put_be(stream + 72, first, 8);
    tn_put_be(stream + 80, WORLD_INBOXES, 8);
    tn_keccak_begin(&keccak);
    tn_keccak_add(&keccak, stream, WORLD_STREAM_SIZE);
    for (uint64_t i = first; i <= height; i++) {
        struct tn_hash hash;
        const uint32_t size = 200 + (uint32_t)(i - first);
        tn_keccak256(
            &hash, world_add_of(world, height, TN_RECORD_INBOX, (uint32_t)(i % room), size), size);
        tn_keccak_add(&keccak, hash.bytes, sizeof hash.bytes);
    }
    tn_keccak_end(&keccak, &inboxes->root);
    inboxes->count = WORLD_INBOXES;
}

static inline void world_add_heads(struct world *world, const struct tn_block_header *header,
                                   const struct tn_hash *hash,
                                   const uint8_t exit[TN_PROOF_EXIT_SIZE])
{
    const uint64_t height = header->height;
    uint32_t peaks = 0;
    for (uint64_t left = height; left > 0; left &= left - 1)
        peaks++;
    const uint32_t size =
        1 + 32 + TN_BLOCK_HEADER_BYTES + 32 + 8 + 32 + 8 + 32 * peaks + 8 + 1 + 149;
    uint8_t *at = world_add_of(world, height, TN_CHAIN_RECORD_HEADS, 0, size);
    at[0] = 1;
    memcpy(at + 1, world->limits.chain_id, 32);
    tn_stream_write_block_header(at + 33, header);
    at += 33 + TN_BLOCK_HEADER_BYTES;
    memcpy(at, hash->bytes, TN_HASH_SIZE);
    memset(at + 32, 0, 40); /* RING begins with height 0, before which there is nothing */
    tn_put_be(at + 72, height, 8);
    at += 80 + 32 * (size_t)peaks;
    tn_put_be(at, 0, 8); /* withdrawals */
    at[8] = 1;
    tn_put_be(at + 9, world->limits.markets[0].market, 4);
    tn_put_be(at + 9 + 56, height - WORLD_INBOXES, 8); /* the cursor, and the term's time */
    tn_put_be(at + 9 + 64, 1000, 8);
    at[9 + 72] = 1;
    memcpy(at + 9 + 73, exit, TN_PROOF_EXIT_SIZE);
}

/* Where the last past root stands. */
static inline uint8_t *world_add_ring(struct world *world, const struct tn_block_header *header,
                                      const struct tn_hash *hash)
{
    const uint64_t height = header->height;
    uint8_t *at = NULL;
    for (uint64_t i = 0; i <= height; i++, at += WORLD_PAST_SIZE) {
        const uint64_t left = height - i + 1;
        const uint32_t count = left < TN_CHAIN_RING_CHUNK ? (uint32_t)left : TN_CHAIN_RING_CHUNK;
        if (i % TN_CHAIN_RING_CHUNK == 0) {
            at = world_add_of(world, height, TN_CHAIN_RECORD_RING,
                              (uint32_t)(i / TN_CHAIN_RING_CHUNK), count * WORLD_PAST_SIZE);
        }
        tn_put_be(at, i, 8);
        tn_put_be(at + 8, i == height ? header->time_ms : 1000 + i, 8);
        if (i == height) memcpy(at + 16, hash->bytes, TN_HASH_SIZE);
    }
    return at - WORLD_PAST_SIZE + 48;
}

static inline void world_add_registry(struct world *world, uint64_t height)
{
    const uint32_t counts[TN_CHAIN_REGISTRY_KINDS] = {1, WORLD_PEERS, 2, 1, 2};
    const uint32_t sizes[TN_CHAIN_REGISTRY_KINDS] = {314, 341, 76, 40, 58};
    for (uint32_t k = 0; k < TN_CHAIN_REGISTRY_KINDS; k++)
        for (uint32_t i = 0; i < counts[k]; i++)
            world_add_of(world, height, (uint8_t)(TN_CHAIN_RECORD_REGISTRY + k), i, sizes[k]);
}

/* All records from `first` on, in their order, and the empty ones of the last kind. */
static inline void world_make_globals(const struct world *world, struct tn_chain_globals *globals,
                                      uint32_t first)
{
    static const uint8_t nothing[1];
    struct tn_import_fault fault;
    uint32_t ring = 0, sets = 0;
    tn_chain_globals_begin(globals, &world->limits);
    for (uint32_t i = first; i < world->records_count; i++) {
        const struct world_record *record = &world->records[i];
        if (record->kind < TN_CHAIN_RECORD_HEADS) continue;
        ring += record->kind == TN_CHAIN_RECORD_RING;
        sets += record->kind == TN_CHAIN_RECORD_REGISTRY + TN_CHAIN_REGISTRY_KINDS - 1;
        for (; record->kind == TN_CHAIN_RECORD_REGISTRY && ring < 16; ring++)
            if (!tn_chain_globals_add(globals, &fault, TN_CHAIN_RECORD_RING, ring, nothing, 0))
                abort();
        if (!tn_chain_globals_add(globals, &fault, record->kind, record->index, record->bytes,
                                  record->size))
            abort();
    }
    for (; sets < TN_REGISTRY_SETS; sets++)
        if (!tn_chain_globals_add(globals, &fault, TN_CHAIN_RECORD_REGISTRY + 4, sets, nothing, 0))
            abort();
}

static inline void world_add_frame(struct world *world, uint32_t place)
{
    static struct tn_chain_globals globals;
    const uint64_t height = world_height(place);
    const struct tn_block_header header = {.version = TN_BLOCK_VERSION,
                                           .flags = TN_BLOCK_EMPTY,
                                           .view = height + 9,
                                           .height = height,
                                           .parent_view = height + 8,
                                           .time_ms = 5000 + height};
    const uint32_t first = world->records_count;
    struct world_frame *frame = &world->frames[place];
    struct tn_chain_inboxes inboxes;
    struct tn_import_fault fault;
    struct tn_hash hash, markets_root;
    uint8_t exit[TN_PROOF_EXIT_SIZE];
    tn_stream_block_hash(&hash, world->limits.chain_id, &header);
    world_add_inboxes(world, &inboxes, height);
    world_add_equity(world, height, exit);
    world_add_heads(world, &header, &hash, exit);
    uint8_t *last = world_add_ring(world, &header, &hash);
    world_add_registry(world, height);
    world_make_globals(world, &globals, first);
    tn_state_markets_root(&markets_root, world->state);
    /* The last past root is the one that comes out, and not under it. */
    (void)tn_chain_globals_end(&globals, &fault, &frame->root, &inboxes, &markets_root);
    memcpy(last, frame->root.bytes, TN_HASH_SIZE);
    frame->head = globals.heads.state;
}

#endif
