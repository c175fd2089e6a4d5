/* whole: the simulator's second kind of node, and its world: whole members (sequencer, gossip,
 * desks, chain, markets) that trade, under the clock, network, disks and faults of sim.h.
 *
 * The program is tenor-sim-whole. What is final to a node counts here once its turn is durable:
 * then it is compared with what the others said, and the clients of the play hear of it. A soft
 * answer they hear at once. */
#ifndef SIM_WHOLE_H
#define SIM_WHOLE_H

#include "sim/node.h"

#include "cluster/sync_blocks.h"
#include "cluster/sync_limit.h"
#include "tenor/item.h"
#include "tenor/member.h"

#define WHOLE_CLIENT        0xffffu /* `from` of what a client brings: kind u8 ‖ tag u64 ‖ bytes */
#define WHOLE_GENESIS_MS    INT64_C(1800000000000)
#define WHOLE_MARKETS_MAX   3u
#define WHOLE_FEEDERS       3u
#define WHOLE_ACCOUNTS      4u /* of a market: two makers, two takers */
#define WHOLE_SERIES        6u
#define WHOLE_OPERATION_MAX 512u
#define WHOLE_LARGE_LOTS    9000 /* of the perpetual: nobody can bear that */

/* ---- What a node says is final -----------------------------------------------------------------
 * One step of a market, as far as the checks and the clients look at it. */
struct whole_step {
    struct tn_chain_place place;
    uint64_t content; /* of an entry FRAME: its account, nonce, expiry and commands */
    uint64_t events;  /* a digest of all */
    uint64_t session, nonce, valid_until_block, height; /* height: of a BLOCK */
    uint64_t order_id;                                  /* of the last RESULT */
    tn_micros amount;                                   /* of a DEPOSIT that was taken */
    tn_micros withdrawn, sent, came; /* sent to, come (or back) from another market */
    uint32_t trades;
    uint32_t account; /* opened, or of the RESULT */
    uint16_t fault, reject;
    bool is_large;
    uint8_t item, kind; /* kind: of the entry */
    uint8_t owner[TN_OWNER_SIZE];
};

struct whole_block { /* as one node executed it */
    struct tn_hash hash, root;
    struct tn_block_header header;
    uint8_t *body;
    struct whole_step *steps;
    uint32_t body_size, steps_count, steps_room;
    uint64_t steps_digest;
    struct whole_term {
        uint32_t market, term;
        uint64_t sequence;
    } terms[WHOLE_MARKETS_MAX];
    uint32_t terms_count;
    uint64_t external[WHOLE_MARKETS_MAX]; /* what is inside each market, by its ledger */
    tn_micros under_way;                  /* between them, by their inboxes */
};

/* ---- Frames of clients -------------------------------------------------------------------------
 */
enum whole_place_of { WHOLE_OPEN, WHOLE_SOFT, WHOLE_FINAL, WHOLE_GONE };
struct whole_frame {
    uint64_t session, nonce, content, valid_until_block, events;
    uint32_t market, term;
    struct tn_desk_place place; /* soft */
    uint8_t *bytes;
    uint32_t size;
    enum whole_place_of where;
    bool forced, forged, was_soft;
};

struct whole_item { /* numbered items are sent again until a block has them */
    uint8_t *bytes;
    size_t size;
};
struct whole_account {
    uint64_t session, nonce, wanted_ms;
    uint32_t account;
    bool opened, funded;
    struct tn_secret_key key;
};
struct whole_market {
    uint32_t id, term;
    uint64_t height, frames_final, trades; /* height: of the last BLOCK */
    struct whole_account accounts[WHOLE_ACCOUNTS];
    uint64_t series[WHOLE_SERIES];
    tn_micros deposited, taken, withdrawn; /* in blocks; by inboxes; and out again */
    tn_micros sent, came;                  /* to and from other markets */
    tn_micros spot;
};

/* A batch of a hostile leader, and what it made of it. */
struct whole_forgery {
    struct tn_hash original, digest;
    uint8_t *message;
    size_t size;
    bool is_lie;
};

struct whole {
    struct tn_signatures signatures;
    struct tn_member_limits limits;
    struct tn_chain_genesis genesis;
    struct tn_registry_command commands[SIM_NODES_MAX + WHOLE_FEEDERS + WHOLE_MARKETS_MAX];
    struct tn_secret_key keys[SIM_NODES_MAX], governance, faucet, feeders[WHOLE_FEEDERS];
    struct tn_secret_key owners[2]; /* makers', takers' */
    struct tn_address addresses[2];
    struct tn_public_key public_keys[SIM_NODES_MAX];
    uint64_t weights[SIM_NODES_MAX];
    uint32_t identities_count, byzantine;
    struct whole_block **blocks; /* by height: what the first node said */
    uint64_t blocks_room, height;
    uint64_t checkpoint_blocks; /* of the nodes' stores */
    uint64_t epochs_count;      /* whose end somebody saw */
    /* Clients. */
    struct whole_item *governance_items, *deposits;
    uint32_t governance_count, deposits_count, governance_done, deposits_done;
    struct whole_market markets[WHOLE_MARKETS_MAX];
    struct whole_frame *frames;
    uint32_t frames_count, frames_room;
    uint32_t *frame_cells, frame_cells_count;
    uint16_t days[2];
    uint64_t random, remit_random, report_sequence, goal_height, goal_frames, checked;
    int64_t fed_us, resent_us;
    struct whole_forgery *forgeries;
    uint32_t forgeries_count;
    uint64_t attack_random, epoch_asked;
    uint32_t convicts; /* bits of identities: found to have sealed two batches for one place */
    bool short_epochs;
    bool bursts;        /* batches are small, and clients send many frames at once */
    uint32_t to_leader; /* of this market: where clients send just now; 0: anywhere */
    uint64_t soft_count, refused_count, reverted_count;
    uint64_t results_wrong, no_ops, lies; /* noticed by honest nodes; told by hostile leaders */
    uint64_t comes_at[SIM_NODES_MAX];     /* height at which a new disk is put in */
    bool calm;
};

struct keeper;
struct sync_server;
struct syncing;

struct sim_node {
    struct sim *sim;
    uint32_t machine;
    char home[16];
    struct tn_member *member; /* NULL: it takes the state from others */
    void *memory;
    struct keeper *keeper;
    struct sync_server *server;
    struct syncing *syncing;
    struct sync_limit sync_limit;
    struct sync_blocks sync_blocks;
    struct tn_validators set;   /* by which peers are numbered meanwhile */
    struct whole_block *making; /* steps of the block that is being executed */
    struct whole_block **said;  /* executed, and not durable yet */
    uint32_t said_count, said_room;
    bool restoring, has_records, is_full, is_behind, is_broken, is_due;
};

/* whole_node.c */
extern const struct sim_node_kind WHOLE_NODE;
void whole_block_free(struct whole_block *block);
struct tn_member_clock whole_clock(const struct sim_node *node);
/* Sends to a peer by its number. */
void whole_send(struct sim_node *node, uint16_t to, const uint8_t *bytes, size_t size);
void whole_fill_out(struct tn_member_out *out, struct sim_node *node);

/* whole_direct.c: false: the frame is to go the member's own way. */
bool whole_direct_frame(struct sim_node *node, uint64_t tag, const uint8_t *bytes, size_t size,
                        int64_t now_us);

/* whole_home.c: a node's log, store and state sync, as node/cluster has them. */
bool whole_home_open(struct sim_node *node); /* false: it has ended */
void whole_home_close(struct sim_node *node);
/* As a node that is told to stop. */
void whole_home_flush(struct sim_node *node);
void whole_home_tick(struct sim_node *node);
bool whole_home_message(struct sim_node *node, uint16_t from, const uint8_t *bytes, size_t size);
enum sim_synced whole_home_sync(struct sim_node *node);
enum sim_synced whole_home_tend(struct sim_node *node);
int64_t whole_home_timeout(const struct sim_node *node);
const char *whole_home_complaint(void);

/* whole_rot.c: age. */
void whole_rot(struct sim *sim, uint32_t machine);
void whole_empty_home(struct sim *sim, uint32_t machine);

/* whole_check.c: a block that is durable at a node; true: the first such. */
bool whole_check_block(struct sim *sim, uint32_t machine, struct whole_block *block);
void whole_check_standing(struct sim *sim);
void whole_check_end(struct sim *sim);
bool whole_check_recovered(struct sim *sim);
bool whole_leader_is_honest(struct sim *sim, uint32_t market, uint32_t term);

/* whole_play.c: everybody who is no node. */
void whole_play_init(struct sim *sim);
void whole_play_turn(struct sim *sim);
void whole_play_hear(struct sim *sim, const struct whole_block *block); /* final */
void whole_play_answer(struct sim *sim, uint64_t client, const struct tn_member_answer *answer);
uint64_t whole_frame_content(const struct tn_entry *entry);
struct whole_frame *whole_find_frame(struct whole *whole, uint32_t market, uint64_t session,
                                     uint64_t nonce);

/* whole_attack.c: what leaves a hostile machine. */
bool whole_attack_lied(const struct whole *whole, const struct tn_hash *digest);
void whole_attack_said(struct sim *sim, uint32_t machine, uint32_t to, const uint8_t *bytes,
                       size_t size);

#endif
