/* What sync_client.c and sync_taking.c share: the client's one struct.
 *
 * sync_client.c knows which peers there are and which checkpoint is taken; sync_taking.c has the
 * records of one attempt. */
#ifndef NODE_CLUSTER_SYNC_CLIENT_INTERNAL_H
#define NODE_CLUSTER_SYNC_CLIENT_INTERNAL_H

#include "cluster/sync_check.h"
#include "cluster/sync_client.h"
#include "cluster/sync_frame.h"
#include "cluster/sync_roots.h"

enum {
    SETS_KEPT = 4, /* a peer may serve a checkpoint of an epoch that has just ended */
    SOURCES_MAX = 3,
    RANGES_OF_PEER = 4,
    WORKS_MAX = 1 << 16,
    KIND_STEP = 32,            /* kinds of one market */
    KIND_POSITIONS = 1,        /* behind their ACCOUNTs' kind */
    ASK_US = 1000000,          /* between two rounds of questions */
    GATHER_US = 300000,        /* for the answers to one */
    ANSWER_US = 10000000,      /* a peer has so long */
    ANSWER_MOST_US = 60000000, /* even if it answers other questions */
    FAILURES_MOST = 3,         /* after which nobody hopes for a peer's state */
};

struct sync_peer {
    bool is_up, is_banned, is_asked;
    bool is_source;         /* of the records of this attempt */
    bool was_useless;       /* its certificate cannot be checked: not looked at in this round */
    uint32_t ranges;        /* that it was asked for */
    uint64_t bytes;         /* of the ranges that it has served in this attempt, or is serving */
    uint32_t failures;      /* it was silent, or went down, or served something else by then */
    uint64_t answers, rank; /* rank: drawn for each attempt */
    int64_t heard_us;       /* its last answer with records */
    size_t cert_size;       /* 0: it serves nothing, or has not answered */
    struct tn_checkpoint said;
    uint8_t cert[SYNC_CERT_MAX];
};

struct sync_work {
    struct sync_place place; /* what comes next */
    uint8_t kind;            /* place.kind, but ACCOUNT also while its POSITIONS come */
    uint16_t peer;           /* that was asked; TN_PEER_ALL: nobody */
    bool is_done;
    bool is_said_empty;       /* by somebody who is not the chosen one */
    bool is_claim;            /* done, as the chosen one says that there are none: not shown yet */
    struct sync_check *check; /* NULL: not begun, or it has no proof */
    int64_t asked_us;
    uint64_t records, bytes; /* that have come */
    uint8_t *record;         /* the first place.offset bytes of it; NULL: none */
    uint32_t size;           /* of it */
};

struct sync_client {
    struct sync_client_config config;
    struct sync_client_counters counters;
    enum sync_client_state state;
    struct sync_peer peers[TN_PEERS_MAX];
    uint64_t random;
    uint64_t bytes_max; /* no peer has as many in good faith */
    int64_t asked_us, now_us;
    int64_t answered_us; /* by somebody, with what he serves; or an attempt was under way */
    int64_t vain_us;     /* since when there were answers, and no hope */
    struct tn_validators sets[SETS_KEPT]; /* that are proved, by epoch; the last one's is `epoch` */
    uint64_t epoch;
    uint16_t chosen; /* whose certificate it is, and who is asked for what cannot be proved alone */
    struct tn_checkpoint checkpoint;
    uint8_t cert[SYNC_CERT_MAX];
    size_t cert_size;
    struct sync_work *works;
    uint32_t works_count, works_room, works_done;
    uint32_t ranges_known[TN_CHAIN_KINDS]; /* of a kind: 1 + the highest one in the list */
    struct sync_frame *frame;              /* NULL: no attempt has begun */
    bool is_framed;                        /* it is whole, and proved */
    struct sync_roots roots;               /* what proofs have shown in this attempt */
};

/* Is a to be asked before b? Who never failed, then who has answered, then as the seed wills: else
 * those with the lowest numbers would serve everybody who joins. */
static inline bool sync_peer_is_before(const struct sync_peer *a, const struct sync_peer *b)
{
    if (a->failures != b->failures) return a->failures < b->failures;
    if ((a->answers > 0) != (b->answers > 0)) return a->answers > 0;
    return a->rank < b->rank;
}

/* sync_client.c */
void sync_client_send_fetch(struct sync_client *client, uint16_t to,
                            const struct sync_fetch *fetch);
/* The attempt is over: who serves what? */
void sync_client_ask_again(struct sync_client *client);
/* It was silent, or went. */
void sync_client_give_up(struct sync_client *client, uint16_t peer);
/* It lied. */
void sync_client_ban(struct sync_client *client, uint16_t peer);

/* sync_taking.c */
void sync_taking_begin(struct sync_client *client);
void sync_taking_drop(struct sync_client *client);
/* Who serves this very checkpoint, up to so many at a time; the one that was chosen in any case. */
void sync_taking_choose_sources(struct sync_client *client);
/* It is asked for nothing more in this attempt, which is over without the chosen one if the frame
 * is not proved. */
void sync_taking_release(struct sync_client *client, uint16_t peer);
void sync_taking_message(struct sync_client *client, uint16_t from, const uint8_t *bytes,
                         size_t size);
void sync_taking_turn(struct sync_client *client);

#endif
