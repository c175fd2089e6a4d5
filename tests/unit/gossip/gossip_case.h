/* gossip_case: sealed batches made by hand, a cheap signature scheme, and a host that writes down
 * what it was told. A leader's key is its index; a signature is a hash of key and digest. */
#ifndef GOSSIP_CASE_H
#define GOSSIP_CASE_H

#include "tenor/gossip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LEADERS = 128, SENT_MAX = 512, STALL_US = 300000 };

static const uint8_t chain_id[32] = {7};
static struct tn_parsed_key leader_keys[LEADERS];

static void make_signature(struct tn_signature *signature, const struct tn_hash *digest,
                           const struct tn_parsed_key *key)
{
    uint8_t both[96];
    struct tn_hash half;
    memcpy(both, key->bytes, 64);
    memcpy(both + 64, digest->bytes, 32);
    tn_keccak256(&half, both, sizeof(both));
    memcpy(signature->bytes, half.bytes, 32);
    memcpy(signature->bytes + 32, half.bytes, 32);
}

static bool verify_made(void *context, const struct tn_hash *digest,
                        const struct tn_signature *signature, const struct tn_parsed_key *key)
{
    struct tn_signature expected;
    (void)context;
    make_signature(&expected, digest, key);
    return memcmp(expected.bytes, signature->bytes, sizeof(expected.bytes)) == 0;
}

static const struct tn_signatures made_signatures = {.verify_parsed = verify_made};

static inline void *take_zeroed(size_t size)
{
    assert_true(size > 0);
    void *memory = aligned_alloc(64, tn_align(size));
    assert_non_null(memory);
    return memset(memory, 0, tn_align(size));
}

/* A batch as its leader sealed it. */
struct sealed {
    struct tn_batch_header header;
    struct tn_hash digest;
    struct tn_signature signature;
    uint8_t *message; /* kind, signature, body; malloc'd */
    const uint8_t *body;
    size_t size, body_size;
};

/* Two entries of entry_bytes each; what they hold depends on salt. */
static inline struct sealed seal(const struct tn_gossip_head *head, uint32_t term, uint16_t leader,
                                 uint32_t entry_bytes, uint64_t salt)
{
    struct sealed sealed = {.header = {.market = head->market,
                                       .term = term,
                                       .sequence = head->sequence + 1,
                                       .prev_digest = head->digest,
                                       .entries_count = 2}};
    struct tn_stream_tree tree;
    sealed.body_size = TN_BATCH_HEADER_BYTES + 2 * (4 + (size_t)entry_bytes);
    sealed.size = TN_GOSSIP_BATCH_PREFIX + sealed.body_size;
    sealed.message = malloc(sealed.size);
    assert_non_null(sealed.message);
    uint8_t *body = sealed.message + TN_GOSSIP_BATCH_PREFIX, *at = body + TN_BATCH_HEADER_BYTES;
    tn_stream_tree_begin(&tree, TN_TREE_ENTRIES);
    for (uint32_t i = 0; i < 2; i++) {
        tn_put_be(at, entry_bytes, 4);
        for (uint32_t j = 0; j < entry_bytes; j++)
            at[4 + j] = (uint8_t)tn_random_next(&salt);
        tn_stream_tree_add(&tree, at + 4, entry_bytes);
        at += 4 + entry_bytes;
    }
    memcpy(sealed.header.chain_id, chain_id, sizeof(chain_id));
    tn_stream_tree_root(&sealed.header.entries_root, &tree);
    tn_stream_write_batch_header(body, &sealed.header);
    tn_stream_batch_digest(&sealed.digest, &sealed.header);
    make_signature(&sealed.signature, &sealed.digest, &leader_keys[leader]);
    sealed.message[0] = TN_PEER_BATCH;
    memcpy(sealed.message + 1, sealed.signature.bytes, TN_SIGNATURE_SIZE);
    sealed.body = body;
    return sealed;
}

static inline struct tn_gossip_head head_of(const struct sealed *sealed)
{
    return (struct tn_gossip_head){.market = sealed->header.market,
                                   .term = sealed->header.term,
                                   .sequence = sealed->header.sequence,
                                   .digest = sealed->digest};
}

static inline void setup_keys(void)
{
    for (uint16_t i = 0; i < LEADERS; i++)
        leader_keys[i].bytes[0] = (uint8_t)(i + 1);
}

/* ---- One node that writes down what it was told ---- */

struct sent {
    uint16_t to;
    uint8_t kind;
    enum tn_priority priority;
    size_t size;
    uint8_t bytes[256]; /* as many as there are */
};

static struct story {
    struct tn_gossip *gossip;
    struct tn_gossip_limits limits;
    struct sent sent[SENT_MAX];
    uint32_t sent_count;
    uint32_t arrived_count, conflicts_count, stalled_count, stalls_judged;
    struct tn_hash conflict[2];
    struct tn_gossip_head stalled;
    bool refuse;                 /* what judge says */
    const struct sealed *stored; /* what the log has */
    enum tn_gossip_answer stall_answer;
    int64_t now_us;
} story;

static void note_send(void *context, uint16_t to, enum tn_priority priority, const uint8_t *bytes,
                      size_t size)
{
    (void)context;
    assert_true(story.sent_count < SENT_MAX);
    assert_true(size <= tn_peer_bytes_max(bytes[0]));
    assert_int_equal(priority, tn_peer_priority(bytes[0]));
    struct sent *sent = &story.sent[story.sent_count++];
    *sent = (struct sent){.to = to, .kind = bytes[0], .priority = priority, .size = size};
    memcpy(sent->bytes, bytes, size < sizeof(sent->bytes) ? size : sizeof(sent->bytes));
}

/* Market m is led by validator term % 4; markets above 9 do not exist, terms above 9 not yet. */
static enum tn_gossip_answer leader_of(void *context, uint32_t market, uint32_t term,
                                       uint16_t *validator, const struct tn_parsed_key **key)
{
    (void)context;
    if (market > 9) return TN_GOSSIP_BAD;
    if (term > 9) return TN_GOSSIP_LATER;
    *validator = (uint16_t)(term % 4);
    *key = &leader_keys[*validator];
    return TN_GOSSIP_OK;
}

static bool judge_story(void *context, const struct tn_batch_header *header, const uint8_t *body,
                        size_t body_size)
{
    (void)context, (void)header, (void)body, (void)body_size;
    return !story.refuse;
}

static void note_arrived(void *context, const struct tn_gossip_batch *batch)
{
    (void)context, (void)batch;
    story.arrived_count++;
}

static void note_conflict(void *context, const struct tn_gossip_batch *one,
                          const struct tn_gossip_batch *other)
{
    (void)context;
    assert_int_equal(one->header.sequence, other->header.sequence);
    assert_int_equal(one->header.term, other->header.term);
    story.conflict[0] = one->digest;
    story.conflict[1] = other->digest;
    story.conflicts_count++;
}

static void note_stalled(void *context, const struct tn_gossip_head *head)
{
    (void)context;
    story.stalled = *head;
    story.stalled_count++;
}

static enum tn_gossip_answer answer_stall(void *context, const struct tn_gossip_stall *stall)
{
    (void)context, (void)stall;
    story.stalls_judged++;
    return story.stall_answer;
}

static uint64_t weight_of(void *context, uint16_t voter)
{
    (void)context;
    return 10u + voter;
}

static bool read_stored(void *context, const struct tn_hash *digest, const uint8_t **message,
                        size_t *size)
{
    (void)context;
    if (story.stored == NULL || !tn_hash_equal(&story.stored->digest, digest)) return false;
    *message = story.stored->message;
    *size = story.stored->size;
    return true;
}

static const struct tn_gossip_host story_host = {.send = note_send,
                                                 .leader = leader_of,
                                                 .judge = judge_story,
                                                 .arrived = note_arrived,
                                                 .conflict = note_conflict,
                                                 .stalled = note_stalled,
                                                 .stall_valid = answer_stall,
                                                 .weight = weight_of,
                                                 .stored = read_stored};

static const struct tn_gossip_limits story_limits = {.markets_max = 3,
                                                     .peers_max = 40,
                                                     .batches_max = 32,
                                                     .batch_bytes_total = 16384,
                                                     .batch_bytes_max = 2048,
                                                     .window = 64,
                                                     .wants_max = 8,
                                                     .wants_peer_max = 3,
                                                     .attempts_max = 3,
                                                     .serve_fetches = 50,
                                                     .serve_bytes = 100000,
                                                     .push_all_max = 16,
                                                     .heads_us = 50000,
                                                     .announce_wait_us = 5000,
                                                     .fetch_us = 20000,
                                                     .stall_us = STALL_US,
                                                     .seed = 1};

/* The node is validator `self` of peers_count; market 1 stands at its beginning, in term 1. */
static inline void begin_story_with(const struct tn_gossip_limits *limits, uint16_t self,
                                    uint16_t peers_count)
{
    setup_keys();
    free(story.gossip);
    memset(&story, 0, sizeof(story));
    story.limits = *limits;
    story.now_us = 1000000;
    story.gossip = tn_gossip_init(take_zeroed(tn_gossip_size(limits)), limits, &story_host,
                                  &made_signatures, chain_id, self, peers_count);
    tn_gossip_final(story.gossip, &(struct tn_gossip_head){.market = 1}, 1, story.now_us);
}

static inline void begin_story(uint16_t self, uint16_t peers_count)
{
    begin_story_with(&story_limits, self, peers_count);
}

static inline bool receive(uint16_t from, const struct sealed *sealed)
{
    return tn_gossip_message(story.gossip, from, sealed->message, sealed->size, story.now_us);
}

static inline void pass(int64_t us)
{
    story.now_us += us;
    tn_gossip_tick(story.gossip, story.now_us);
}

static inline uint64_t counted(enum tn_gossip_counter counter)
{
    return tn_gossip_counters(story.gossip)[counter];
}

static inline bool holds(const struct sealed *sealed)
{
    struct tn_gossip_batch batch;
    if (!tn_gossip_find(story.gossip, &sealed->digest, &batch)) return false;
    assert_int_equal(batch.body_size, sealed->body_size);
    assert_memory_equal(batch.body, sealed->body, sealed->body_size);
    assert_memory_equal(batch.signature.bytes, sealed->signature.bytes, TN_SIGNATURE_SIZE);
    return true;
}

static inline uint64_t contiguous_sequence(uint32_t market)
{
    struct tn_gossip_head head;
    assert_true(tn_gossip_contiguous(story.gossip, market, &head));
    return head.sequence;
}

static inline uint32_t sent_of(uint8_t kind)
{
    uint32_t sent_count = 0;
    for (uint32_t i = 0; i < story.sent_count; i++)
        sent_count += story.sent[i].kind == kind;
    return sent_count;
}

static inline const struct sent *last_sent(uint8_t kind)
{
    for (uint32_t i = story.sent_count; i > 0; i--) {
        if (story.sent[i - 1].kind == kind) return &story.sent[i - 1];
    }
    fail();
    return NULL;
}

/* Batches 1 .. count of market 1 in term 1, each extending the one before. */
static inline void seal_chain(struct sealed *chain, uint32_t chain_count, uint32_t entry_bytes)
{
    struct tn_gossip_head head = {.market = 1};
    for (uint32_t i = 0; i < chain_count; i++) {
        chain[i] = seal(&head, 1, 1, entry_bytes, i);
        head = head_of(&chain[i]);
    }
}

static inline void free_chain(struct sealed *chain, uint32_t chain_count)
{
    for (uint32_t i = 0; i < chain_count; i++)
        free(chain[i].message);
}

#endif
