/* The member's one struct, and what its files ask of each other. */
#ifndef TENOR_MEMBER_INTERNAL_H
#define TENOR_MEMBER_INTERNAL_H

#include "tenor/item.h"
#include "tenor/member.h"

#include <string.h>

enum {
    ANCESTORS_MAX = 1024,   /* blocks that are not executed yet, in one call of the engine */
    LOGGED_SLOTS = 8192,    /* digests of batches that the log has */
    VERIFIED_SLOTS = 16384, /* signatures that were found good */
    OWN_SLOTS = 1024,       /* batches that were sealed here, and their results' traces */
    DIRECT_MAX = 4096,      /* of them, on the other thread since the last turn */
    SEALED_MAX = 8,         /* batches that the other thread has sealed since */
    CHECKPOINTS_KEPT = 16,
    SETTLE_ROUNDS = 16, /* of one call: what one core's news make another do */
    TERM_ITEM_MAX = 1 << 14,
    FRAME_HEAD = 9, /* of a FRAME and a RESULT message: kind, tag */
};

/* Sequences that a checkpoint certificate of that height would cover. */
struct covered {
    uint64_t height;
    uint64_t sequences[TN_CHAIN_MARKETS_MAX];
};

/* A market that this node may lead. */
struct lead {
    struct tn_desk *desk; /* NULL: may not lead */
    uint32_t term;        /* that the desk leads, or led last */
    bool begun;           /* the desk is at it */
    uint32_t sealed_term; /* the highest term that the log has a SEALED batch of, or may lack one */
    bool has_sealed;
    bool resigned; /* `resigned_term` is given up: RESIGN again at each new head */
    uint32_t resigned_term;
    struct tn_gossip_head resigned_head; /* signed last */
    uint64_t retire_sequence;            /* of the batch that has the last frames */
    bool lost;                           /* the desk cannot go on: resign when it may be signed */
    uint32_t direct_queued;              /* of the queue: frames of the other thread */
    uint64_t due_us;                     /* of its next turn, as the member's thread knows it */
    struct desk_context {
        struct tn_member *member;
        uint32_t place, market;
    } context;
};

/* A batch as a message, which nobody has seen yet. */
struct sealed {
    struct lead *lead;
    struct tn_hash digest;
    struct tn_signature signature;
    uint64_t trace; /* of its events */
    size_t size;
    uint8_t *message; /* TN_GOSSIP_BATCH_PREFIX + batch_bytes_max */
};

/* A batch that this node's desk has sealed in this life. */
struct own_batch {
    struct tn_hash digest;
    uint64_t trace;
};

/* What the other thread does at the desks, and leaves for the member's. Under `hold`. */
struct direct {
    const struct tn_member_direct *out;     /* NULL: it is the member's thread that is at them */
    const struct tn_member_signed *checked; /* of the frame that is being given */
    const uint8_t *bytes;                   /* it lies here; both NULL when none is */
    size_t size;
    uint64_t frames;
    uint32_t good_count, sealed_count;
    struct tn_member_signed *good; /* [DIRECT_MAX] */
    struct sealed sealed[SEALED_MAX];
};

struct tn_member {
    struct tn_member_config config;
    struct tn_signatures signatures;      /* the caller's, with a memory of what was verified */
    struct tn_signatures desk_signatures; /* the same, with one memory for each thread */
    struct tn_member_clock clock;
    struct tn_chain *chain;
    struct tn_sequencer *sequencer; /* NULL until it is rooted */
    void *sequencer_memory;
    struct tn_gossip *gossip;
    struct tn_waiting *waiting;
    struct lead leads[TN_CHAIN_MARKETS_MAX];
    uint32_t markets_count;

    /* The present epoch. */
    struct tn_validators set;
    struct tn_parsed_key keys[TN_VALIDATORS_MAX];
    uint32_t index; /* mine; TN_NONE */
    struct tn_public_key own_key;

    bool is_started;
    bool is_retiring; /* takes no more frames, and gives its terms up when what it answered is final
                       */
    bool is_held;     /* a final block waits for may_execute */
    bool wake;        /* the engine is to be told that something came */
    bool terms_moved; /* a term or leader changed, or the set, or the voice */
    enum tn_sequencer_voice voice; /* as it was followed last */
    struct tn_chain_block ancestors[ANCESTORS_MAX];
    struct tn_hash logged[LOGGED_SLOTS];
    struct own_batch own[OWN_SLOTS];   /* by digest; a later one takes the slot */
    struct tn_member_signed *verified; /* [VERIFIED_SLOTS] */
    struct direct direct;
    struct covered covered[CHECKPOINTS_KEPT];
    uint32_t covered_next;
    uint32_t cursor;  /* in the waiting items, while a block is built */
    uint8_t *message; /* a FRAME or RESULT, or a batch, being written: TN_PEER_MESSAGE_MAX */
    uint8_t term_item[TERM_ITEM_MAX];
    struct tn_gossip_stall stalls[TN_VALIDATORS_MAX];
    struct tn_member_counters counters;
};

static inline void member_hold(const struct tn_member *member)
{
    if (member->config.out.hold != NULL) member->config.out.hold(member->config.out.context);
}
static inline void member_release(const struct tn_member *member)
{
    if (member->config.out.release != NULL) member->config.out.release(member->config.out.context);
}

static inline void member_notice(struct tn_member *member, enum tn_member_notice notice,
                                 uint64_t number, const char *text)
{
    const struct tn_member_out *out = &member->config.out;
    if (out->notice != NULL) out->notice(out->context, notice, number, text);
}

/* The place of a market id, TN_NONE: no such market. */
uint32_t tn_member_place(const struct tn_member *member, uint32_t market);
/* Terms, finality and items after a block, for pools and desks. */
void tn_member_follow_chain(struct tn_member *member);

/* engine.c: the sequencer, on the chain. */
/* A message to a peer, of the sequencer, the gossip or the waiting items; context: the member. */
void tn_member_send(void *context, uint16_t to, enum tn_priority priority, const uint8_t *bytes,
                    size_t size);
void tn_member_root_engine(struct tn_member *member);
void tn_member_log_batch(struct tn_member *member, const struct tn_gossip_batch *batch);
void tn_member_note_logged(struct tn_member *member, const struct tn_hash *digest);

/* source.c: what the chain asks, and whom it tells. */
void tn_member_ask_chain(struct tn_member *member);

/* pools.c: what gossip and the waiting items ask. */
void tn_member_gossip_host(struct tn_member *member, struct tn_gossip_host *host);
void tn_member_waiting_host(struct tn_member *member, struct tn_waiting_host *host);
/* The TERM item that may end a market's term now; false: none. */
bool tn_member_term_item(struct tn_member *member, uint32_t place, const uint8_t **bytes,
                         size_t *size);

/* The slot of a batch by its digest: its own, another's, or empty. */
static inline struct own_batch *member_own_slot(struct tn_member *member,
                                                const struct tn_hash *digest)
{
    return &member->own[tn_get_be(digest->bytes, 4) % OWN_SLOTS];
}

/* lead.c: desks. */
bool tn_member_init_desk(struct tn_member *member, uint32_t place, void *memory);
/* Takes terms up and lays them down, as the chain says. */
void tn_member_follow_terms(struct tn_member *member);
void tn_member_turn_desks(struct tn_member *member);
uint64_t tn_member_desks_next(const struct tn_member *member);
void tn_member_desk_inbox(struct tn_member *member, uint32_t place, const struct tn_inbox *inbox);
void tn_member_desk_final(struct tn_member *member, uint32_t place);
/* A batch is recorded, and goes to the others. */
void tn_member_publish(struct tn_member *member, const struct sealed *sealed);

/* clients.c */
void tn_member_take_frame(struct tn_member *member, uint64_t client, const uint8_t *bytes,
                          size_t size);
void tn_member_take_forwarded(struct tn_member *member, uint16_t from, const uint8_t *bytes,
                              size_t size);
void tn_member_take_result(struct tn_member *member, uint16_t from, const uint8_t *bytes,
                           size_t size);
void tn_member_tell_client(struct tn_member *member, uint64_t client,
                           const struct tn_member_answer *answer);

/* verified.c */
void tn_member_init_signatures(struct tn_member *member);
bool tn_member_was_verified(void *context, const struct tn_hash *digest,
                            const struct tn_public_key *key, const struct tn_signature *signature);
void tn_member_found_good(void *context, const struct tn_hash *digest,
                          const struct tn_public_key *key, const struct tn_signature *signature);
/* What the replica's markets are lent. */
static inline struct tn_market_world tn_member_world(struct tn_member *member)
{
    return (struct tn_market_world){.signatures = &member->signatures,
                                    .verified = tn_member_was_verified,
                                    .found_good = tn_member_found_good,
                                    .context = member};
}

/* direct.c: desks, and the other thread that may be at them. */
struct tn_market_world tn_member_desk_world(struct tn_member *member);
/* Under `hold`, on the member's thread: takes over what the other thread has found. */
void tn_member_take_direct(struct tn_member *member);

#endif
