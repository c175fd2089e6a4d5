/* Sets with known keys, certificates of checkpoints, the end of an epoch, some records, and peers
 * that serve them, honestly or not: what a client of state sync meets, without a network. */
#ifndef TENOR_TEST_SYNC_WORLD_H
#define TENOR_TEST_SYNC_WORLD_H

#include "cluster/sync_check.h"
#include "cluster/sync_client.h"
#include "tenor/chain_globals.h"

#include <stdlib.h>
#include <string.h>

enum {
    WORLD_PEERS = 4,
    WORLD_RECORDS_MAX = 512,
    WORLD_WIRE_MAX = 4096,
    WORLD_ACCOUNTS = 9000, /* three ranges */
    WORLD_BOOKS = 130,     /* as many */
    WORLD_EQUITIES = 600,  /* two records */
    WORLD_INBOXES = 3,     /* that wait */
    WORLD_FRAMES = 2,      /* heights whose checkpoints are served: 640 and 704 */
    WORLD_STREAM_SIZE = 88,
    WORLD_PAST_SIZE = 80, /* of each height in RING */
    WORLD_HEAVY = 8 << 20,
};

struct world_record {
    uint8_t kind;
    uint32_t index, size;
    uint8_t *bytes;
    uint64_t height; /* that it is of; 0: of all */
};

enum world_lie {
    LIE_NONE,
    LIE_FLIP,   /* a bit of a record */
    LIE_SHORT,  /* the range ends before its last record */
    LIE_CERT,   /* one signature of the certificate is not good */
    LIE_FUTURE, /* a checkpoint of an epoch that nobody can prove */
    LIE_EPOCH,  /* another set than the one that the handover names */
    LIE_SILENT, /* no answer to questions for records */
    LIE_MALFORMED,
    LIE_LARGE,   /* a record that is larger than its kind may be */
    LIE_ENDLESS, /* there is always a range behind this one */
    LIE_LATER,   /* it serves a later checkpoint by now */
    LIE_NOBODY,  /* positions of an account that there is not */
    LIE_PROOF,   /* a bit of a proof */
    LIE_OTHER,   /* the proof of another range */
    LIE_TRICKLE, /* a byte at a time */
    LIE_HEAVY,   /* a book that has no end, and then silence, just before it was too much */
    /* Of one kind: */
    LIE_BIT,   /* a bit of each record */
    LIE_LAST,  /* the last record is left out */
    LIE_MORE,  /* there is one more, like the last */
    LIE_EMPTY, /* there are none, it says */
};

struct world_peer {
    enum world_lie lie;
    uint64_t epoch, height; /* of its checkpoint; 0: none */
    uint8_t kind;           /* that it lies about */
    int64_t answer_us;      /* so long it takes for each answer with records */
    int64_t free_us;
    uint64_t records_asked, bytes_served, bytes_most; /* it is silent rather than serve more */
    bool was_asked[TN_CHAIN_KINDS];
};

struct world_message {
    uint16_t peer;
    size_t size;
    uint8_t *bytes;
    int64_t due_us;
};

/* What stands beside the markets at a height. */
struct world_frame {
    struct tn_state_head head;
    struct tn_hash root;
};

struct world {
    struct tn_chain_limits limits;
    struct tn_signatures signatures;
    void *signatures_memory;
    struct tn_validators sets[2];
    struct world_record records[WORLD_RECORDS_MAX];
    uint32_t records_count;
    struct tn_state *state; /* over what has proofs */
    struct world_frame frames[WORLD_FRAMES];
    uint64_t seed; /* of the client */
    struct world_peer peers[WORLD_PEERS];
    struct world_message wire[WORLD_WIRE_MAX]; /* to the client */
    uint32_t wire_first, wire_count;
    /* What the client gave. */
    struct sync_client *client;
    int64_t now_us;
    struct world_record *taken;
    uint32_t taken_count, begins, epochs;
    size_t bytes_sent;
};

static inline struct tn_secret_key world_secret(uint64_t epoch, uint32_t i)
{
    struct tn_secret_key key = {{0}};
    tn_put_be(key.bytes + 24, epoch * 100 + i + 1, 8);
    return key;
}

static inline void world_make_set(struct world *world, uint64_t epoch)
{
    struct tn_validator members[WORLD_PEERS] = {{.id = 0}};
    const struct tn_signatures *signatures = &world->signatures;
    for (uint32_t i = 0; i < WORLD_PEERS; i++) {
        const struct tn_secret_key secret = world_secret(epoch, i);
        members[i].id = (uint16_t)i;
        members[i].weight = 1 + i % 2;
        if (!signatures->public_key(signatures->context, &members[i].key, &secret) ||
            !signatures->address(signatures->context, &members[i].address, &members[i].key)) {
            abort();
        }
    }
    if (!tn_validators_make(&world->sets[epoch], epoch, 1, members, WORLD_PEERS)) abort();
}

static inline struct world_record *world_add_record(struct world *world, uint8_t kind,
                                                    uint32_t index, uint32_t size)
{
    struct world_record *record = &world->records[world->records_count++];
    *record = (struct world_record){.kind = kind, .index = index, .size = size};
    record->bytes = malloc(size);
    if (record->bytes == NULL || size > tn_chain_record_size_max(&world->limits, kind)) abort();
    for (uint32_t i = 0; i < size; i++)
        record->bytes[i] = (uint8_t)(i * 31 + index * 7 + kind + i / 251);
    return record;
}

/* So many results that an account remembers, in one record. */
static inline void world_add_memory(struct world *world, uint32_t index, uint32_t results)
{
    struct world_record *record =
        world_add_record(world, TN_RECORD_MEMORY, index, 16 + results * TN_RECORD_RESULT_SIZE);
    memset(record->bytes, 0, 16);
    tn_put_be(record->bytes + 12, results, 4);
}

static inline void world_add_book(struct world *world, uint32_t slot, uint32_t bids)
{
    struct world_record *record =
        world_add_record(world, TN_RECORD_BOOK, slot, 16 + bids * TN_RECORD_ORDER_SIZE);
    memset(record->bytes, 0, 16);
    tn_put_be(record->bytes, bids, 4);
}

static inline uint64_t world_height(uint32_t frame)
{
    return 640 + 64 * (uint64_t)frame;
}

/* Of a height that nobody serves with a good certificate: of nothing. */
static inline struct world_frame world_frame_of(const struct world *world, uint64_t height)
{
    struct world_frame frame = {.head = {.height = height}};
    for (uint32_t i = 0; i < WORLD_FRAMES; i++)
        if (world_height(i) == height) frame = world->frames[i];
    memcpy(frame.head.chain_id, world->limits.chain_id, sizeof frame.head.chain_id);
    return frame;
}

/* The records' trees, as a chain would have them: once, as they are the same in every world. */
static inline void world_make_state(struct world *world)
{
    static struct tn_state *made;
    const struct tn_state_limits limits = {.accounts_max = WORLD_ACCOUNTS,
                                           .series_max = WORLD_BOOKS,
                                           .market_max = 1,
                                           .feeds_max = 1,
                                           .sessions_max = 4};
    const size_t size = (tn_state_size(&limits) + 63) / 64 * 64;
    world->state = made;
    if (made != NULL) return;
    void *memory = aligned_alloc(64, size);
    if (memory == NULL) abort();
    world->state = made = tn_state_init(memory, &limits, world->limits.markets[0].market);
    tn_state_count(world->state, TN_RECORD_ACCOUNT, WORLD_ACCOUNTS);
    tn_state_count(world->state, TN_RECORD_MEMORY, WORLD_ACCOUNTS);
    tn_state_count(world->state, TN_RECORD_BOOK, WORLD_BOOKS);
    tn_state_count(world->state, TN_RECORD_MARKET, 1);
    for (uint32_t pass = 0; pass < 2; pass++) { /* positions before accounts */
        for (uint32_t i = 0; i < world->records_count; i++) {
            const struct world_record *record = &world->records[i];
            if ((record->kind == TN_RECORD_POSITIONS) != (pass == 0)) continue;
            const struct tn_record_name name = {.kind = record->kind, .index = record->index};
            if (!tn_state_set(world->state, name, record->bytes, record->size)) abort();
        }
    }
    if (!tn_state_update(world->state)) abort();
}

static inline uint32_t world_count_of(uint8_t kind)
{
    if (kind == TN_RECORD_BOOK) return WORLD_BOOKS;
    if (kind == TN_RECORD_MARKET) return 1;
    return kind == TN_RECORD_ACCOUNT || kind == TN_RECORD_MEMORY ? WORLD_ACCOUNTS : 0;
}

/* Of records in order of kind and index. */
static inline void world_hash(struct tn_hash *hash, const struct world_record *records,
                              uint32_t count)
{
    *hash = (struct tn_hash){{0}};
    for (uint32_t i = 0; i < count; i++) {
        uint8_t head[TN_HASH_SIZE + 5 + TN_HASH_SIZE];
        struct tn_hash body;
        tn_keccak256(&body, records[i].bytes, records[i].size);
        memcpy(head, hash->bytes, TN_HASH_SIZE);
        head[TN_HASH_SIZE] = records[i].kind;
        tn_put_be(head + TN_HASH_SIZE + 1, records[i].index, 4);
        memcpy(head + TN_HASH_SIZE + 5, body.bytes, TN_HASH_SIZE);
        tn_keccak256(hash, head, sizeof head);
    }
}

#include "sync_world_frames.h"

static inline void world_sign_all(const struct world *world, uint8_t *at, uint64_t epoch,
                                  const struct tn_hash *digest)
{
    for (uint32_t i = 0; i < WORLD_PEERS; i++, at += TN_SIGNATURE_SIZE) {
        const struct tn_secret_key secret = world_secret(epoch, i);
        struct tn_signature signature;
        if (!world->signatures.sign(world->signatures.context, &signature, digest, &secret)) {
            abort();
        }
        memcpy(at, signature.bytes, TN_SIGNATURE_SIZE);
    }
}

/* CKPT_CERT of all four. */
static inline size_t world_cert(const struct world *world, uint8_t out[SYNC_CERT_MAX],
                                uint64_t epoch, uint64_t height)
{
    struct tn_checkpoint checkpoint = {.epoch = epoch, .height = height};
    const struct world_frame frame = world_frame_of(world, height);
    struct tn_hash digest;
    tn_state_root(&checkpoint.state_root, world->state, &frame.head);
    out[0] = TN_PEER_CKPT_CERT;
    tn_checkpoint_write(out + 1, &checkpoint);
    out[1 + TN_CHECKPOINT_BYTES] = 0x0f;
    tn_checkpoint_digest(&digest, &world->limits.checkpoint_domain, &checkpoint);
    world_sign_all(world, out + 2 + TN_CHECKPOINT_BYTES, epoch, &digest);
    return 2 + TN_CHECKPOINT_BYTES + WORLD_PEERS * TN_SIGNATURE_SIZE;
}

/* The end of epoch 0: SEAL of view 8 over F of view 7. */
static inline size_t world_handover(const struct world *world, uint8_t *out)
{
    struct tn_block_header final = {.version = TN_BLOCK_VERSION,
                                    .flags = TN_BLOCK_EPOCH_FINAL | TN_BLOCK_EMPTY,
                                    .view = 7,
                                    .height = 5,
                                    .parent_view = 6};
    struct tn_block_header seal = {.version = TN_BLOCK_VERSION,
                                   .flags = TN_BLOCK_SEAL | TN_BLOCK_EMPTY,
                                   .view = 8,
                                   .height = 5,
                                   .parent_view = 7};
    struct tn_hash hash, digest;
    uint8_t *at = out + 4;
    tn_validators_hash(&final.next_set_hash, &world->sets[1]);
    tn_stream_block_hash(&seal.parent_hash, world->limits.chain_id, &final);
    tn_stream_block_hash(&hash, world->limits.chain_id, &seal);
    out[0] = TN_PEER_DATA;
    out[1] = 3;
    tn_put_be(out + 2, 2, 2);
    tn_stream_write_block_header(at, &seal);
    tn_stream_write_block_header(at + TN_BLOCK_HEADER_BYTES, &final);
    at += 2 * TN_BLOCK_HEADER_BYTES;
    at[0] = TN_PEER_CERT;
    tn_put_be(at + 1, 0, 8);
    at[9] = TN_VOTE_FINALIZE;
    tn_put_be(at + 10, seal.view, 8);
    memcpy(at + 18, hash.bytes, TN_HASH_SIZE);
    at[50] = 0x0f;
    tn_vote_digest(&digest, world->limits.chain_id, 0, TN_VOTE_FINALIZE, seal.view, &hash);
    world_sign_all(world, at + 51, 0, &digest);
    return (size_t)(at + 51 - out) + WORLD_PEERS * TN_SIGNATURE_SIZE;
}

/* ---- Peers ---- */

static inline void world_send(struct world *world, uint16_t from, const uint8_t *bytes, size_t size)
{
    struct world_message *message =
        &world->wire[(world->wire_first + world->wire_count++) % WORLD_WIRE_MAX];
    if (world->wire_count > WORLD_WIRE_MAX) abort();
    struct world_peer *peer = &world->peers[from];
    const bool is_data = bytes[0] == TN_PEER_SYNC_DATA;
    if (peer->free_us < world->now_us) peer->free_us = world->now_us;
    if (is_data) peer->free_us += peer->answer_us;
    *message = (struct world_message){.peer = from,
                                      .size = size,
                                      .bytes = malloc(size),
                                      .due_us = is_data ? peer->free_us : world->now_us};
    if (message->bytes == NULL) abort();
    memcpy(message->bytes, bytes, size);
}

static inline void world_answer_status(struct world *world, uint16_t from)
{
    struct world_peer *peer = &world->peers[from];
    uint8_t cert[SYNC_CERT_MAX], bytes[1 + SYNC_CERT_MAX];
    size_t size = 0;
    if (peer->height > 0) {
        uint64_t epoch = peer->lie == LIE_FUTURE ? 1 : peer->epoch;
        size = world_cert(world, cert, epoch, peer->height);
        if (peer->lie == LIE_FUTURE) tn_put_be(cert + 1, 77, 8);
        if (peer->lie == LIE_CERT) cert[size - 70] ^= 1;
    }
    world_send(world, from, bytes, sync_write_status(bytes, cert, size));
}

static inline void world_answer_epoch(struct world *world, uint16_t from, uint64_t number)
{
    static uint8_t handover[4096], set[SYNC_SET_MAX], bytes[16384];
    if (number != 0) {
        world_answer_status(world, from);
        return;
    }
    struct sync_epoch epoch = {.epoch = 0, .handover = handover, .set = set};
    struct tn_validators told = world->sets[1];
    if (world->peers[from].lie == LIE_EPOCH) told.members[2].weight = 100;
    epoch.handover_size = world_handover(world, handover);
    epoch.set_size = sync_write_set(set, &told);
    world_send(world, from, bytes, sync_write_epoch(bytes, &epoch));
}

static inline size_t world_prove(const struct world *world, uint8_t out[SYNC_PROOF_MAX],
                                 const struct sync_fetch *fetch, const struct world_peer *peer)
{
    const enum world_lie lie = peer->lie;
    const uint8_t kind = fetch->place.kind;
    const uint32_t bits = sync_range_bits(kind), first = fetch->place.range << bits;
    const uint32_t other = lie == LIE_OTHER && first > 0 ? 0 : first;
    const struct world_frame frame = world_frame_of(world, fetch->number);
    if (!sync_is_proved(&world->limits, kind) || first >= world_count_of(kind)) return 0;
    if (lie == LIE_EMPTY && peer->kind == kind) return 0;
    const size_t size = tn_state_prove_leaves(world->state, out, SYNC_PROOF_MAX, &frame.head,
                                              (enum tn_record_kind)kind, other, bits);
    if (size == 0) abort();
    if (lie == LIE_PROOF) out[size / 2] ^= 1;
    return size;
}

static inline size_t world_write_piece(uint8_t *at, const struct world_record *record,
                                       const struct sync_piece *piece,
                                       const struct world_peer *peer)
{
    const enum world_lie lie = peer->lie;
    sync_write_piece(at, piece);
    if (piece->size == record->size) {
        memcpy(at + SYNC_PIECE_HEAD, record->bytes + piece->offset, piece->count);
    } else {
        memset(at + SYNC_PIECE_HEAD, 1, piece->count);
    }
    if (lie == LIE_FLIP) at[SYNC_PIECE_HEAD + 40 % piece->count] ^= 4;
    if (lie == LIE_BIT && record->kind == peer->kind) at[SYNC_PIECE_HEAD + piece->count / 2] ^= 4;
    return SYNC_PIECE_HEAD + piece->count;
}

static inline bool world_is_of(const struct world_record *record, uint64_t height)
{
    return record->height == 0 || record->height == height;
}

/* Is it the last of its kind at this height? */
static inline bool world_is_last(const struct world *world, uint32_t place, uint64_t height)
{
    for (uint32_t i = place + 1; i < world->records_count; i++)
        if (world->records[i].kind == world->records[place].kind &&
            world_is_of(&world->records[i], height))
            return false;
    return true;
}

/* One more record behind the last, if there is room in the range. */
static inline size_t world_add_one(uint8_t *at, const struct world_record *record)
{
    struct world_record more = *record;
    more.index++;
    const struct sync_piece piece = {
        .index = more.index, .size = more.size, .offset = 0, .count = more.size};
    if (sync_range_of(more.kind, more.index) != sync_range_of(record->kind, record->index))
        return 0;
    return world_write_piece(at, &more, &piece, &(struct world_peer){.lie = LIE_NONE});
}

/* The piece of a record that an answer has room for; the rest is for the next one. */
static inline struct sync_piece world_cut(struct sync_records *records,
                                          const struct world_record *record, size_t room,
                                          const struct world_peer *peer)
{
    const struct sync_place *place = &records->place;
    const uint32_t offset = record->index == place->index ? place->offset : 0;
    struct sync_piece piece = {.index = record->index,
                               .size = record->size,
                               .offset = offset,
                               .count = record->size - offset};
    if (room < 2 * SYNC_PIECE_HEAD) abort(); /* no record of the tests ends so */
    if (peer->lie == LIE_LARGE && place->kind == 5) piece.size = piece.count = 5000;
    if (peer->lie == LIE_NOBODY && place->kind == TN_RECORD_POSITIONS) piece.index++;
    if (peer->lie == LIE_HEAVY && place->kind == TN_RECORD_BOOK) {
        piece.size = WORLD_HEAVY;
        piece.count = WORLD_HEAVY - offset;
    }
    uint32_t most = (uint32_t)(room - SYNC_PIECE_HEAD);
    if (peer->lie == LIE_TRICKLE) most = 1;
    if (piece.count > most) {
        piece.count = most;
        records->is_end = false;
        records->next_index = record->index;
        records->next_offset = offset + piece.count;
    }
    return piece;
}

/* The records of a range from a place on, as many as an answer has room for. */
static inline size_t world_fill(const struct world *world, uint8_t *pieces,
                                struct sync_records *records, const struct world_peer *peer)
{
    const struct sync_place *place = &records->place;
    const bool lies = peer->kind == place->kind;
    size_t used = 0;
    for (uint32_t i = 0; i < world->records_count; i++) {
        const struct world_record *record = &world->records[i];
        if (record->kind != place->kind || record->index < place->index) continue;
        if (!world_is_of(record, records->height)) continue;
        if (peer->lie == LIE_EMPTY && lies) break;
        if (sync_range_of(record->kind, record->index) != place->range) {
            records->has_above = true;
            records->above = sync_range_of(record->kind, record->index);
            break;
        }
        if (!records->is_end || (peer->lie == LIE_SHORT && used > 0)) continue;
        const bool is_last = lies && world_is_last(world, i, records->height);
        if (peer->lie == LIE_LAST && is_last) continue;
        const struct sync_piece piece = world_cut(records, record, SYNC_PIECES_MAX - used, peer);
        used += world_write_piece(pieces + used, record, &piece, peer);
        if (peer->lie == LIE_MORE && is_last) used += world_add_one(pieces + used, record);
    }
    return used;
}

static inline void world_answer_records(struct world *world, uint16_t from,
                                        const struct sync_fetch *fetch)
{
    static uint8_t bytes[SYNC_RECORDS_HEAD + SYNC_PIECES_MAX + SYNC_PROOF_MAX];
    const enum world_lie lie = world->peers[from].lie;
    struct sync_records records = {.height = fetch->number, .place = fetch->place, .is_end = true};
    const struct world_peer *peer = &world->peers[from];
    const size_t used = world_fill(world, bytes + SYNC_RECORDS_HEAD, &records, peer);
    if (records.is_end)
        records.proof_size = world_prove(world, bytes + SYNC_RECORDS_HEAD + used, fetch, peer);
    if (lie == LIE_ENDLESS && fetch->place.range < UINT16_MAX) {
        records.has_above = true;
        records.above = fetch->place.range + 1;
    }
    sync_write_records(bytes, &records);
    if (lie == LIE_MALFORMED) bytes[23] = 9;
    const size_t size = SYNC_RECORDS_HEAD + used + records.proof_size;
    if (lie == LIE_HEAVY && peer->bytes_served + size > peer->bytes_most) return;
    world->peers[from].bytes_served += size;
    world_send(world, from, bytes, size);
}

/* ---- The client's calls ---- */

static inline void world_ask(void *context, uint16_t to, const uint8_t *bytes, size_t size)
{
    struct world *world = context;
    struct sync_fetch fetch;
    if (to >= WORLD_PEERS || !sync_read_fetch(&fetch, bytes, size)) abort();
    struct world_peer *peer = &world->peers[to];
    world->bytes_sent += size;
    switch (fetch.what) {
        case SYNC_CHECKPOINT: world_answer_status(world, to); return;
        case SYNC_EPOCH: world_answer_epoch(world, to, fetch.number); return;
        case SYNC_RECORDS: break;
    }
    peer->records_asked++;
    peer->was_asked[fetch.place.kind] = true;
    if (peer->lie == LIE_SILENT) return;
    if (peer->lie == LIE_LATER && peer->records_asked == 3) peer->height += 64;
    if (fetch.number == peer->height) {
        world_answer_records(world, to, &fetch);
    } else {
        world_answer_status(world, to);
    }
}

static inline void world_forget_taken(struct world *world)
{
    for (uint32_t i = 0; i < world->taken_count; i++)
        free(world->taken[i].bytes);
    world->taken_count = 0;
}

static inline bool world_begin(void *context)
{
    struct world *world = context;
    world_forget_taken(world);
    world->begins++;
    return true;
}

/* What was put there is void. */
static inline bool world_put_nothing(struct world *world, uint8_t kind, uint32_t index)
{
    for (uint32_t i = 0; i < world->taken_count; i++) {
        struct world_record *record = &world->taken[i];
        if (record->kind != kind || record->index != index) continue;
        free(record->bytes);
        *record = world->taken[--world->taken_count];
        break;
    }
    return true;
}

static inline bool world_put(void *context, uint8_t kind, uint32_t index, const uint8_t *bytes,
                             size_t size)
{
    struct world *world = context;
    if (size == 0) return world_put_nothing(world, kind, index);
    if (world->taken_count == 4 * WORLD_RECORDS_MAX) abort();
    struct world_record *record = &world->taken[world->taken_count++];
    *record = (struct world_record){.kind = kind, .index = index, .size = (uint32_t)size};
    record->bytes = malloc(size);
    if (record->bytes == NULL) abort();
    memcpy(record->bytes, bytes, size);
    return true;
}

static inline bool world_epoch(void *context, const struct sync_epoch *epoch)
{
    ((struct world *)context)->epochs += epoch->epoch == 0;
    return true;
}

static inline int world_order(const void *left, const void *right)
{
    const struct world_record *a = left, *b = right;
    if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

/* Are the records that were taken those of the certificate? */
static inline bool world_is_right(struct world *world)
{
    static struct world_record wanted[WORLD_RECORDS_MAX];
    const uint64_t height = sync_client_checkpoint(world->client)->height;
    struct tn_hash content, root;
    uint32_t count = 0;
    for (uint32_t i = 0; i < world->records_count; i++)
        if (world_is_of(&world->records[i], height)) wanted[count++] = world->records[i];
    qsort(wanted, count, sizeof *wanted, world_order);
    world_hash(&content, wanted, count);
    qsort(world->taken, world->taken_count, sizeof *world->taken, world_order);
    world_hash(&root, world->taken, world->taken_count);
    return tn_hash_equal(&root, &content);
}

/* ---- Life ---- */

static inline struct world *world_make(uint64_t epoch, uint64_t height)
{
    struct world *world = calloc(1, sizeof *world);
    if (world == NULL) abort();
    world->signatures_memory = aligned_alloc(16, (tn_signatures_size() + 15) / 16 * 16);
    world->taken = calloc((size_t)4 * WORLD_RECORDS_MAX, sizeof *world->taken);
    if (world->signatures_memory == NULL || world->taken == NULL) abort();
    tn_signatures_real(&world->signatures, world->signatures_memory);
    tn_chain_limits_default(&world->limits);
    world->limits.chain_id[0] = world->limits.markets[0].chain_id[0] = 3;
    world->limits.checkpoint_domain.bytes[0] = 4;
    world_make_set(world, 0);
    world_make_set(world, 1);
    for (uint32_t i = 0; i < 40; i++)
        world_add_record(world, TN_RECORD_ACCOUNT, i * 3, TN_RECORD_ACCOUNT_SIZE);
    for (uint32_t i = 0; i < 4; i++)
        world_add_record(world, TN_RECORD_ACCOUNT, 4095 + i, TN_RECORD_ACCOUNT_SIZE);
    world_add_record(world, TN_RECORD_ACCOUNT, WORLD_ACCOUNTS - 1, TN_RECORD_ACCOUNT_SIZE);
    for (uint32_t i = 0; i < 20; i++)
        world_add_record(world, TN_RECORD_POSITIONS, i * 6, (1 + i % 5) * TN_RECORD_POSITION_SIZE);
    world_add_record(world, TN_RECORD_POSITIONS, 4097, TN_RECORD_POSITION_SIZE);
    for (uint32_t i = 0; i < 13; i++)
        world_add_memory(world, 10 + i * 40, 100 + i);
    world_add_book(world, 0, 3);
    world_add_book(world, 63, 0);
    world_add_book(world, 64, 4700); /* in two answers */
    world_add_book(world, WORLD_BOOKS - 1, 1);
    world_add_record(world, TN_RECORD_MARKET, 0, 300);
    world_make_state(world);
    for (uint32_t i = 0; i < WORLD_FRAMES; i++)
        world_add_frame(world, i);
    world->seed = 1;
    for (uint32_t i = 0; i < WORLD_PEERS; i++)
        world->peers[i] = (struct world_peer){.epoch = epoch, .height = height};
    return world;
}

static inline void world_start_client(struct world *world, uint64_t above)
{
    const struct sync_client_config config = {.limits = &world->limits,
                                              .signatures = &world->signatures,
                                              .set = world->sets[0],
                                              .above = above,
                                              .seed = world->seed,
                                              .context = world,
                                              .send = world_ask,
                                              .begin = world_begin,
                                              .put = world_put,
                                              .epoch = world_epoch};
    world->client = sync_client_make(&config);
    if (world->client == NULL) abort();
    for (uint16_t i = 0; i < WORLD_PEERS; i++)
        sync_client_peer_up(world->client, i);
}

static inline void world_deliver(struct world *world)
{
    for (uint32_t waiting = 0; waiting < world->wire_count;) {
        struct world_message message = world->wire[world->wire_first];
        world->wire_first = (world->wire_first + 1) % WORLD_WIRE_MAX;
        world->wire_count--;
        if (message.due_us > world->now_us) {
            world->wire[(world->wire_first + world->wire_count++) % WORLD_WIRE_MAX] = message;
            waiting++;
            continue;
        }
        sync_client_message(world->client, message.peer, message.bytes, message.size,
                            world->now_us);
        free(message.bytes);
    }
}

/* Turns of 100 ms, until the right records were taken or so many seconds have passed. */
static inline bool world_run(struct world *world, uint32_t seconds)
{
    for (uint32_t i = 0; i < seconds * 10; i++) {
        sync_client_turn(world->client, world->now_us);
        world_deliver(world);
        if (sync_client_state(world->client) == SYNC_CLIENT_WHOLE) {
            if (world_is_right(world)) return true;
            sync_client_refuse(world->client, world->now_us);
        }
        world->now_us += 100000;
    }
    return false;
}

static inline void world_free(struct world *world)
{
    for (; world->wire_count > 0; world->wire_count--) {
        free(world->wire[world->wire_first].bytes);
        world->wire_first = (world->wire_first + 1) % WORLD_WIRE_MAX;
    }
    sync_client_free(world->client);
    world_forget_taken(world);
    for (uint32_t i = 0; i < world->records_count; i++)
        free(world->records[i].bytes);
    free(world->taken);
    free(world->signatures_memory);
    free(world);
}

#endif
