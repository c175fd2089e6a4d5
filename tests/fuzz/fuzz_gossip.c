/* A fuzzer's bytes as what peers send to a running pool of batches, a pool of waiting items, a
 * meter and a queue.
 *
 * Two nodes of four talk to each other: whatever one sends, the other must call well formed. The
 * input is a list of turns: messages as they are, messages with a right head and any rest, sealed
 * batches with one byte changed or none, time, finality, wants. What is held must be found as it
 * was sealed, and heads never go back. */
#include "tenor/gossip.h"
#include "tenor/peer_queue.h"
#include "tenor/waiting.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) abort();                                                                 \
    } while (0)

enum { BATCHES = 24, BATCH_BYTES = 65 + 177 + 4 + 40, WIRE_MAX = 64, WIRE_BYTES = 1024 };

static const uint8_t chain_id[32] = {1};
static struct tn_parsed_key keys[4];

/* Batches 1 … of market 1; the odd ones a second time with other contents. */
static struct {
    uint8_t message[BATCH_BYTES];
    struct tn_hash digest;
} batches[BATCHES][2];

static struct {
    struct tn_gossip *gossip[2];
    uint8_t *memory[2];
    size_t gossip_size;
    struct tn_waiting *waiting;
    uint8_t *waiting_memory;
    size_t waiting_size;
    struct tn_peer_queue *queue;
    struct tn_peer_meter meter;
    int64_t now_us;
    uint64_t final;
    struct {
        uint16_t to;
        uint32_t size;
        uint8_t bytes[WIRE_BYTES];
    } wire[WIRE_MAX];
    uint32_t wire_count;
} run;

static const struct tn_gossip_limits limits = {.markets_max = 2,
                                               .peers_max = 4,
                                               .batches_max = 8,
                                               .batch_bytes_total = 2000,
                                               .batch_bytes_max = 400,
                                               .window = 10,
                                               .wants_max = 6,
                                               .wants_peer_max = 3,
                                               .attempts_max = 2,
                                               .serve_fetches = 50,
                                               .serve_bytes = 4000,
                                               .push_all_max = 3,
                                               .heads_us = 50000,
                                               .announce_wait_us = 5000,
                                               .fetch_us = 20000,
                                               .stall_us = 300000,
                                               .seed = 5};

static void sign(uint8_t out[64], const struct tn_hash *digest, const struct tn_parsed_key *key)
{
    memcpy(out, digest->bytes, 32);
    memcpy(out + 32, key->bytes, 32);
}

static bool verify(void *context, const struct tn_hash *digest,
                   const struct tn_signature *signature, const struct tn_parsed_key *key)
{
    uint8_t expected[64];
    (void)context;
    sign(expected, digest, key);
    return memcmp(expected, signature->bytes, 64) == 0;
}

static void make_batches(void)
{
    struct tn_hash prev = {0};
    for (uint32_t i = 0; i < 2 * BATCHES; i++) {
        struct tn_batch_header header = {
            .market = 1, .term = 1, .sequence = i / 2 + 1, .prev_digest = prev, .entries_count = 1};
        uint8_t *message = batches[i / 2][i % 2].message, *body = message + 65;
        struct tn_stream_tree tree;
        memcpy(header.chain_id, chain_id, 32);
        tn_put_be(body + 177, 40, 4);
        memset(body + 181, (int)i, 40);
        tn_stream_tree_begin(&tree, TN_TREE_ENTRIES);
        tn_stream_tree_add(&tree, body + 181, 40);
        tn_stream_tree_root(&header.entries_root, &tree);
        tn_stream_write_batch_header(body, &header);
        tn_stream_batch_digest(&batches[i / 2][i % 2].digest, &header);
        message[0] = TN_PEER_BATCH;
        sign(message + 1, &batches[i / 2][i % 2].digest, &keys[1]);
        if (i % 2 == 1) prev = batches[i / 2][0].digest;
    }
}

static void send(void *context, uint16_t to, enum tn_priority priority, const uint8_t *bytes,
                 size_t size)
{
    uint16_t from = (uint16_t)(uintptr_t)context;
    EXPECT(size <= tn_peer_bytes_max(bytes[0]) && priority == tn_peer_priority(bytes[0]));
    EXPECT(to == TN_PEER_ALL || (to < 4 && to != from));
    tn_peer_queue_put(run.queue, priority, bytes, size);
    uint16_t other = (uint16_t)(1 - from);
    if ((to != TN_PEER_ALL && to != other) || run.wire_count == WIRE_MAX) return;
    EXPECT(size <= WIRE_BYTES);
    run.wire[run.wire_count].to = other;
    run.wire[run.wire_count].size = (uint32_t)size;
    memcpy(run.wire[run.wire_count++].bytes, bytes, size);
}

static enum tn_gossip_answer leader(void *context, uint32_t market, uint32_t term,
                                    uint16_t *validator, const struct tn_parsed_key **key)
{
    (void)context;
    if (market == 0 || market > 2) return TN_GOSSIP_BAD;
    *validator = term % 4;
    *key = &keys[term % 4];
    return TN_GOSSIP_OK;
}

static void arrived(void *context, const struct tn_gossip_batch *batch)
{
    struct tn_hash digest;
    (void)context;
    tn_keccak256(&digest, batch->body, TN_BATCH_HEADER_BYTES);
    EXPECT(tn_hash_equal(&digest, &batch->digest));
}

static void conflict(void *context, const struct tn_gossip_batch *one,
                     const struct tn_gossip_batch *other)
{
    (void)context;
    EXPECT(one->header.sequence == other->header.sequence);
    EXPECT(!tn_hash_equal(&one->digest, &other->digest));
}

static void stalled(void *context, const struct tn_gossip_head *head)
{
    uint16_t self = (uint16_t)(uintptr_t)context;
    struct tn_gossip_stall stall = {
        .kind = TN_PEER_STALL, .epoch = 1, .head = *head, .voter = self};
    tn_gossip_add_stall(run.gossip[self], &stall, run.now_us);
}

static enum tn_gossip_answer stall_valid(void *context, const struct tn_gossip_stall *stall)
{
    (void)context;
    return stall->epoch == 1 ? TN_GOSSIP_OK : TN_GOSSIP_LATER;
}

static uint64_t weight(void *context, uint16_t voter)
{
    (void)context, (void)voter;
    return 1;
}

static enum tn_gossip_answer judge_item(void *context, uint8_t kind, const uint8_t *bytes,
                                        size_t size, struct tn_waiting_note *note)
{
    (void)context, (void)kind;
    if (bytes[0] % 8 == 7) return TN_GOSSIP_BAD;
    note->group = bytes[0] % 3;
    note->number = size > 1 ? bytes[1] : 0;
    return bytes[0] % 8 == 6 ? TN_GOSSIP_LATER : TN_GOSSIP_OK;
}

static void begin(void)
{
    static const struct tn_waiting_limits items = {
        .kinds = {[1] = {TN_WAITING_NEWEST, false, 3, 64, 1},
                  [2] = {TN_WAITING_NUMBERED, false, 3, 64, 2},
                  [3] = {TN_WAITING_ARRIVAL, true, 4, 64, 3}},
        .peers_max = 4,
        .peer_share_max = 3,
        .seen_max = 4,
        .push_all_max = 16,
        .resend_us = 30000,
        .seed = 5};
    static const struct tn_peer_queue_limits queue = {.ring_bytes = {600, 600, 600, 600, 900},
                                                      .quantum = {64, 64, 64, 64, 64}};
    static const struct tn_peer_meter_limits meter = TN_PEER_METER_LIMITS;
    if (run.memory[0] == NULL) {
        run.gossip_size = tn_gossip_size(&limits);
        run.waiting_size = tn_waiting_size(&items);
        run.waiting_memory = aligned_alloc(64, tn_align(run.waiting_size));
        run.queue = aligned_alloc(64, tn_align(tn_peer_queue_size(&queue)));
        EXPECT(run.waiting_memory != NULL && run.queue != NULL);
        for (uint32_t i = 0; i < 4; i++)
            keys[i].bytes[0] = (uint8_t)i;
        for (uint32_t i = 0; i < 2; i++) {
            run.memory[i] = aligned_alloc(64, tn_align(run.gossip_size));
            EXPECT(run.memory[i] != NULL);
        }
        make_batches();
    }
    run.queue = tn_peer_queue_init(run.queue, &queue);
    tn_peer_meter_init(&run.meter, &meter, 0);
    run.now_us = run.wire_count = 0;
    run.final = 0;
    for (uint16_t i = 0; i < 2; i++) {
        struct tn_gossip_host host = {.context = (void *)(uintptr_t)i,
                                      .send = send,
                                      .leader = leader,
                                      .arrived = arrived,
                                      .conflict = conflict,
                                      .stalled = stalled,
                                      .stall_valid = stall_valid,
                                      .weight = weight};
        struct tn_signatures signatures = {.verify_parsed = verify};
        memset(run.memory[i], 0, run.gossip_size);
        run.gossip[i] = tn_gossip_init(run.memory[i], &limits, &host, &signatures, chain_id, i, 4);
        for (uint32_t market = 1; market <= 2; market++)
            tn_gossip_final(run.gossip[i], &(struct tn_gossip_head){.market = market}, 1, 0);
    }
    struct tn_waiting_host waiting_host = {.send = send, .judge = judge_item};
    memset(run.waiting_memory, 0, run.waiting_size);
    run.waiting = tn_waiting_init(run.waiting_memory, &items, &waiting_host, 0, 4);
}

static void drain_queue(void)
{
    const uint8_t *bytes;
    size_t size;
    enum tn_priority priority;
    while (tn_peer_queue_peek(run.queue, &bytes, &size, &priority)) {
        EXPECT(tn_peer_priority(bytes[0]) == priority);
        tn_peer_meter_take(&run.meter, bytes, size, run.now_us);
        tn_peer_queue_pop(run.queue);
    }
}

/* What one node sent reaches the other, and is well formed. */
static void deliver(void)
{
    for (uint32_t i = 0; i < run.wire_count; i++) {
        uint16_t to = run.wire[i].to;
        if (run.wire[i].bytes[0] == TN_PEER_ITEM) {
            EXPECT(to == 1);
            continue;
        }
        EXPECT(tn_gossip_message(run.gossip[to], (uint16_t)(1 - to), run.wire[i].bytes,
                                 run.wire[i].size, run.now_us));
    }
    run.wire_count = 0;
}

static void finalize(uint8_t how)
{
    struct tn_gossip_head head;
    struct tn_gossip *gossip = run.gossip[0];
    EXPECT(tn_gossip_contiguous(gossip, 1, &head));
    EXPECT(head.sequence >= run.final);
    if (head.sequence == 0) return;
    run.final = head.sequence;
    head.term = 1;
    for (uint32_t i = 0; i < 2; i++) {
        tn_gossip_final(run.gossip[i], &head, 1, run.now_us);
        if (how % 4 == 0) tn_gossip_covered(run.gossip[i], 1, run.final - how / 4 % run.final);
    }
}

/* A sealed batch, own or of the wire, with one byte changed when `change` says so. */
static void give_batch(uint8_t node, uint8_t which, uint8_t change)
{
    uint8_t message[BATCH_BYTES];
    uint32_t at = which % BATCHES;
    memcpy(message, batches[at][which / BATCHES % 2].message, BATCH_BYTES);
    if (change != 0) message[1 + (change * 7u) % (BATCH_BYTES - 1)] ^= change;
    uint16_t to = node % 2;
    bool honest = tn_gossip_message(run.gossip[to], 2, message, BATCH_BYTES, run.now_us);
    struct tn_gossip_batch batch;
    if (change == 0) {
        EXPECT(honest);
        if (tn_gossip_find(run.gossip[to], &batches[at][which / BATCHES % 2].digest, &batch)) {
            EXPECT(batch.body_size == BATCH_BYTES - 65);
            EXPECT(memcmp(batch.body, message + 65, BATCH_BYTES - 65) == 0);
        }
    }
}

static void give_own(uint8_t which)
{
    struct tn_signature signature;
    const uint8_t *message = batches[which % BATCHES][0].message;
    memcpy(signature.bytes, message + 1, 64);
    tn_gossip_add_own(run.gossip[1], &signature, message + 65, BATCH_BYTES - 65, run.now_us);
}

static void give_item(const uint8_t *data, size_t size)
{
    struct tn_waiting_item item;
    struct tn_hash hash;
    uint32_t cursor = 0, walked = 0;
    uint8_t kind = (uint8_t)(1 + data[0] % 3);
    tn_waiting_message(run.waiting, 2, data, size, run.now_us);
    if (size > 1) tn_waiting_add(run.waiting, kind, data + 1, size - 1, run.now_us);
    while (tn_waiting_next(run.waiting, kind, &cursor, &item)) {
        EXPECT(tn_waiting_find(run.waiting, &item.hash, &item));
        hash = item.hash;
        walked++;
    }
    EXPECT(walked <= tn_waiting_count(run.waiting, kind));
    if (data[0] % 5 == 0) tn_waiting_recheck(run.waiting);
    if (walked > 0 && data[0] % 3 == 0) tn_waiting_included(run.waiting, &hash);
}

static void turn(const uint8_t *data, size_t size)
{
    uint8_t bytes[300] = {0};
    uint8_t a = size > 1 ? data[1] : 0, b = size > 2 ? data[2] : 0;
    switch (data[0] % 10) {
        case 0: tn_gossip_message(run.gossip[a % 2], 3, data + 1, size - 1, run.now_us); return;
        case 1:
            memcpy(bytes, data + 1, size - 1);
            bytes[0] = (uint8_t)(32 + a % 8);
            tn_gossip_message(run.gossip[0], 3, bytes, size - 1, run.now_us);
            return;
        case 2:
        case 3:
        case 4: give_batch(data[0], a, 0); return;
        case 5: give_batch(data[0] / 10, a, b); return;
        case 6: give_own(a); return;
        case 7: finalize(a); return;
        case 8:
            tn_gossip_want(run.gossip[0], &batches[a % BATCHES][b % 2].digest, b % 5, run.now_us);
            if (b > 200) tn_gossip_unwant(run.gossip[0], &batches[a % BATCHES][b % 2].digest);
            return;
        default:
            if (size > 1) give_item(data + 1, size - 1);
            run.now_us += (int64_t)a * 500;
            return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    begin();
    while (size > 1) {
        size_t length = 1 + data[0] % 200;
        if (length > size - 1) length = size - 1;
        turn(data + 1, length);
        deliver();
        run.now_us += 2000;
        for (uint32_t i = 0; i < 2; i++)
            tn_gossip_tick(run.gossip[i], run.now_us);
        tn_waiting_tick(run.waiting, run.now_us);
        EXPECT(tn_gossip_next_us(run.gossip[0]) > run.now_us - 1);
        deliver();
        drain_queue();
        data += 1 + length;
        size -= 1 + length;
    }
    return 0;
}
