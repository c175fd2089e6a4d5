/* member: one node of a set, all its cores put together: chain, sequencer, gossip, waiting items,
 * and a desk for each market.
 *
 * Bytes of peers, frames of clients, items of feeders and owners, and time come in; records for the
 * log, messages for peers and answers for clients go out by calls. A node runs one over sockets and
 * disks, the simulator many over neither: it is the same code.
 *
 * The caller works in turns. It gives the member what came; then it makes durable all that was
 * given to `record`; only then may anything leave that was given to `send` after it (rule R5, and
 * "a batch is durable before it is gossiped"). Soft answers promise nothing and need not wait.
 *
 *     tn_member_init(memory, &config);
 *     tn_chain_import(tn_member_chain(member), …)     when there is a checkpoint of the state
 *     tn_member_restore(member, type, bytes, size);   each record of the log, in order
 *     tn_member_start(member, &clock);
 *     tn_member_message / _frame / _item / _turn      for ever; next call by tn_member_timeout
 *
 * The functions of `out` must not call the member. Docs: docs/decisions/0006. */
#ifndef TENOR_MEMBER_H
#define TENOR_MEMBER_H

#include "tenor/chain.h"
#include "tenor/desk.h"
#include "tenor/gossip.h"
#include "tenor/sequencer.h"
#include "tenor/waiting.h"

/* Records of the log beside enum tn_sequencer_record: the bytes of a BATCH message. A SEALED one
 * was made here. */
enum { TN_MEMBER_BATCH = 19, TN_MEMBER_SEALED = 22 };

/* What a client is told. Its tag is the caller's: below 2^48. */
#define TN_MEMBER_CLIENTS (UINT64_C(1) << 48)
enum tn_member_answer_kind {
    TN_MEMBER_SOFT = 0,     /* the desk has applied the frame: place, and its events */
    TN_MEMBER_REFUSED = 1,  /* it never entered the stream: why */
    TN_MEMBER_REVERTED = 2, /* what was SOFT will never have been */
    TN_MEMBER_AWAY = 3,     /* the market's leader cannot be reached from here: try again */
};
struct tn_member_answer {
    enum tn_member_answer_kind kind;
    uint32_t market;
    struct tn_desk_place place; /* SOFT, REVERTED */
    uint64_t session, nonce;    /* SOFT, REVERTED */
    enum tn_reject reject;      /* REFUSED */
    const uint8_t *events;      /* SOFT: TN_EVENT_BYTES each */
    uint32_t events_count;
};

enum tn_member_notice {
    TN_NOTICE_RESULTS,   /* a leader's results are not what its entries bring about */
    TN_NOTICE_NO_OP,     /* a leader sealed what it must not */
    TN_NOTICE_BAN,       /* a peer sent what no honest node sends */
    TN_NOTICE_LEADS,     /* this node leads the market in that term */
    TN_NOTICE_ENDED,     /* and no more */
    TN_NOTICE_STALLED,   /* the market's leader is silent */
    TN_NOTICE_RESIGNED,  /* this node gave its term up */
    TN_NOTICE_EVIDENCE,  /* somebody signed two things */
    TN_NOTICE_BAD_BLOCK, /* a proposal was judged bad: why */
    TN_NOTICE_DIVERGED,  /* this node's state is not the set's */
};

struct tn_member_block {
    const struct tn_block_header *header;
    struct tn_hash hash;
    struct tn_hash root; /* of the state after it */
    const uint8_t *body;
    size_t body_size;
    const uint8_t *cert; /* a FINALIZATION of it or of a descendant */
    size_t cert_size;
};

struct tn_member_out {
    void *context;
    void (*record)(void *context, uint8_t type, const uint8_t *bytes, size_t size);
    void (*send)(void *context, uint16_t to, enum tn_priority priority, const uint8_t *bytes,
                 size_t size);
    void (*answer)(void *context, uint64_t client, const struct tn_member_answer *answer);
    /* What a final block brought about, entry by entry, and then the block. */
    void (*receipt)(void *context, const struct tn_chain_place *place,
                    const struct tn_market_step *step);
    void (*executed)(void *context, const struct tn_member_block *block);
    /* May the next final block be executed now? Asked before each; false: it waits, and is asked
     * for again in each turn. NULL: always. */
    bool (*may_execute)(void *context);
    /* Around all that the member does with its desks, never nested: see tn_member_direct_frame.
     * NULL: nobody else touches them. */
    void (*hold)(void *context);
    void (*release)(void *context);
    /* What a desk of this node has applied, on whichever thread, within hold and release: all steps
     * of its stream, soft. The market is as the step has left it. NULL: nobody wants to know. */
    void (*soft)(void *context, uint32_t market, const struct tn_desk_place *place,
                 const struct tn_market *desk, const struct tn_market_step *step);
    /* A desk of this node begins to lead the market, or has ended; likewise. */
    void (*leads)(void *context, uint32_t market, bool leads);
    /* A market is in this term now; what was soft in an earlier one and stands above `sequence`
     * will never have been. Before the `executed` of the block that did it. */
    void (*term)(void *context, uint32_t market, uint32_t term, uint64_t sequence);
    void (*certified)(void *context, const struct tn_checkpoint *checkpoint, const uint8_t *cert,
                      size_t size);
    void (*epoch_ended)(void *context, uint64_t epoch, const uint8_t *handover, size_t size);
    void (*behind)(void *context, uint64_t height);
    /* number: a market, a peer or a height, as the notice says. */
    void (*notice)(void *context, enum tn_member_notice notice, uint64_t number, const char *text);
    /* What the store keeps, for peers that ask; NULL: nothing. As in sequencer.h and gossip.h. */
    bool (*stored_block)(void *context, struct tn_sequencer_block *block, uint64_t height);
    bool (*stored_handover)(void *context, const uint8_t **bytes, size_t *size, uint64_t epoch);
    bool (*stored_batch)(void *context, const struct tn_hash *digest, const uint8_t **message,
                         size_t *size);
    /* Up to this height the three find all; later batches stay in the gossip's pool, also when a
     * checkpoint covers them. NULL: the checkpoint is enough. */
    uint64_t (*stored_height)(void *context);
};

struct tn_member_clock {
    int64_t now_us;  /* monotonic */
    int64_t unix_ms; /* the time of day */
};

struct tn_member_limits {
    struct tn_chain_limits chain; /* genesis */
    /* What the chain says too (chain_id, exec_lag, markets, times …) is taken from there. */
    struct tn_sequencer_limits sequencer;
    struct tn_gossip_limits gossip;
    struct tn_waiting_limits waiting;
    struct tn_desk_limits desk;
    bool may_lead; /* false: no memory for desks, and no term is taken up */
};
/* For a set of up to peers_max nodes and observers. */
void tn_member_limits_default(struct tn_member_limits *limits, const struct tn_chain_limits *chain,
                              uint32_t peers_max);

struct tn_member_config {
    struct tn_member_limits limits;
    struct tn_chain_genesis genesis;
    const struct tn_signatures *signatures; /* outlive the member */
    struct tn_secret_key key;
    bool is_validator; /* false: an observer */
    struct tn_member_out out;
};

struct tn_member;

/* Bytes of memory; 0: a limit is out of range. Zeroed, 64-byte aligned. */
size_t tn_member_size(const struct tn_member_limits *limits);
struct tn_member *tn_member_init(void *memory, const struct tn_member_config *config);

/* Between init and start. After an import into the chain, and before the first restore:
 * tn_member_rooted. */
struct tn_chain *tn_member_chain(struct tn_member *member);
/* False: not a record that a member writes. Types of others are ignored. */
bool tn_member_restore(struct tn_member *member, uint8_t type, const uint8_t *bytes, size_t size);
void tn_member_start(struct tn_member *member, const struct tn_member_clock *clock);

/* `from`: index in the present set, or an observer's from TN_VALIDATORS_MAX on. */
void tn_member_message(struct tn_member *member, uint16_t from, const uint8_t *bytes, size_t size,
                       const struct tn_member_clock *clock);
void tn_member_peer_up(struct tn_member *member, uint16_t peer,
                       const struct tn_member_clock *clock);
/* An entry of version 2, as it would stand in the stream. */
void tn_member_frame(struct tn_member *member, uint64_t client, const uint8_t *bytes, size_t size,
                     const struct tn_member_clock *clock);
/* The caller has checked that this key signed the digest: of a frame that comes next, say. It need
 * not be checked again while it is among the last ones that were. */
void tn_member_verified(struct tn_member *member, const struct tn_hash *digest,
                        const struct tn_public_key *key, const struct tn_signature *signature);
/* ---- Desks and a second thread -----------------------------------------------------------------
 * An order need not wait for a block that is being executed or a log that is being synced: one more
 * thread may give clients' frames to the desks and apply them. It calls these three and nothing
 * else, both between the node's own `hold` and `release`, on a member that has been started. A
 * batch that is full is sealed there too, and waits for the member's thread, which does all the
 * rest: BLOCKs, batches that are due, records and messages, terms, answers that the end of a term
 * takes back. */
struct tn_member_direct {
    void *context;
    void (*refused)(void *context, uint64_t client, enum tn_reject reject);
    void (*soft)(void *context, uint64_t client, uint32_t market, const struct tn_desk_place *place,
                 const struct tn_market_step *step);
};
/* That this key has signed this digest, the caller has found; of a frame it is that of the frame's
 * payload, and is not worked out again. */
struct tn_member_signed {
    struct tn_hash digest;
    struct tn_public_key key;
    struct tn_signature signature;
};
/* Where a frame of more than cancels should go now. FULL: a desk here leads its market and takes no
 * more for the moment; whoever can wait asks again soon, and others are refused by it. */
enum tn_member_room { TN_MEMBER_ROOM_ELSEWHERE = 1, TN_MEMBER_ROOM_FREE, TN_MEMBER_ROOM_FULL };
enum tn_member_room tn_member_direct_room(struct tn_member *member, const uint8_t *bytes,
                                          size_t size, int64_t now_us);
/* The same of a message FRAME that a peer sent, on the member's own thread; and the answer that
 * there is no room for it (DESK_FULL), where the caller's own patience has ended. */
enum tn_member_room tn_member_forwarded_room(struct tn_member *member, const uint8_t *bytes,
                                             size_t size, int64_t now_us);
void tn_member_forwarded_refuse(struct tn_member *member, uint16_t from, const uint8_t *bytes,
                                size_t size);
/* Queues a frame at the desk that leads its market, or refuses it. False, and nothing has happened:
 * no desk here leads the market now, or frames that came another way wait there; then the frame is
 * for tn_member_frame. */
bool tn_member_direct_frame(struct tn_member *member, const struct tn_member_direct *direct,
                            uint64_t client, const struct tn_member_signed *checked,
                            const uint8_t *bytes, size_t size, int64_t now_us);
/* Applies what was queued, and seals batches that are full; the member records and sends them in
 * its next turn. What finds no room, because many wait for that, is answered in that turn, by
 * `answer`. True: that turn is due before the time that tn_member_timeout said last.
 */
bool tn_member_direct_turn(struct tn_member *member, const struct tn_member_direct *direct,
                           int64_t now_us);

/* An item of a block, without its kind. */
enum tn_waiting_answer tn_member_item(struct tn_member *member, uint8_t kind, const uint8_t *bytes,
                                      size_t size, const struct tn_member_clock *clock);
/* Timers and the work of desks. At or after the timeout; early is free. */
void tn_member_turn(struct tn_member *member, const struct tn_member_clock *clock);
int64_t tn_member_timeout(const struct tn_member *member); /* monotonic; INT64_MAX: never */

/* The node is to end: instead of tn_member_turn from then on. Takes no frames (AWAY) and gives up
 * the terms it leads once every frame that it has answered is final; until then it is not retired.
 */
void tn_member_retire(struct tn_member *member, const struct tn_member_clock *clock);
bool tn_member_is_retired(const struct tn_member *member);

/* Writes again through `record` all that a restart needs beside the chain's records as they are
 * now: with both durable, the log before this point may go. */
void tn_member_record_all(struct tn_member *member);

struct tn_member_counters {
    uint64_t frames, frames_forwarded, frames_away, answers_forwarded;
    uint64_t frames_direct; /* of frames: by tn_member_direct_frame; counted at the next turn */
    uint64_t results_wrong, no_ops, bans, resigns, stalls, blocks_waited_batches;
    uint64_t messages_unknown, messages_malformed;
};
const struct tn_member_counters *tn_member_counters(const struct tn_member *member);
const struct tn_sequencer *tn_member_sequencer(const struct tn_member *member);
const struct tn_gossip *tn_member_gossip(const struct tn_member *member);
const struct tn_waiting *tn_member_waiting(const struct tn_member *member);
/* The market of the desk at this place, which runs ahead of the replica's, and the place that its
 * next entry takes; NULL: the desk is not at work. Within hold and release. */
const struct tn_market *tn_member_desk_market(const struct tn_member *member,
                                              struct tn_desk_place *next, uint32_t place);
/* Of the desk at this place; all zero without may_lead. */
struct tn_member_desk {
    bool leads;
    struct tn_desk_place next; /* the place that the next entry takes */
    struct tn_desk_counts counts;
};
void tn_member_desk(struct tn_member_desk *desk, const struct tn_member *member, uint32_t place);
/* The member's index in the present set; TN_NONE for an observer. */
uint32_t tn_member_index(const struct tn_member *member);

#endif
