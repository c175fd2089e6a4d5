/* play: everybody who is no node, in one process: governance, faucet, feeders, owners, makers and
 * takers, against the local sockets of a testnet's nodes.
 *
 * It opens a market, keeps its feeds fresh, opens and funds accounts, trades with signed frames and
 * measures: how long until an answer is soft, how long until it is final, how many of each. */
#ifndef NODE_PLAY_PLAY_H
#define NODE_PLAY_PLAY_H

#include "cluster/clients.h"
#include "cluster/conf.h"

#include <stdio.h>

enum {
    PLAY_EXPIRIES = 2,
    PLAY_SERIES_MAX = 128,
    PLAY_ACCOUNTS_MAX = 4096,
    PLAY_NODES_MAX = 31,
    PLAY_FEEDERS_MAX = 31,
    PLAY_TIMES_MAX = 1 << 16, /* frames on their way */
};

/* ---- wire.c: a node's local socket -------------------------------------------------------------
 */
struct play;
struct wire {
    int socket; /* -1: not connected */
    char path[CONF_PATH_SIZE];
    uint8_t *in, *out;
    size_t in_size, in_room, out_size, out_room;
    uint32_t requests; /* sent; their numbers run from 0 */
    uint32_t index;    /* of the node */
};
bool wire_open(struct wire *wire, const char *path);
void wire_close(struct wire *wire);
/* Queues a request; its number. */
/* Asks for blocks, and at the node that is watched for what they bring about: not of a play that
 * only feeds prices. */
void wire_watch(const struct play *play, struct wire *wire);
uint32_t wire_ask(struct wire *wire, enum client_request kind, const uint8_t *bytes, size_t size);
/* Sends and receives for at most so long; answers go to play_take. False: the node is gone. */
bool wire_turn(struct play *play, struct wire *wire);
void wires_wait(struct play *play, int64_t wait_us);

/* ---- The cast ----------------------------------------------------------------------------------
 */
struct play_account {
    uint32_t account;
    uint64_t session;
    struct tn_secret_key key; /* of the session */
    uint64_t nonce;
};

/* A frame on its way, by its nonce modulo PLAY_TIMES_MAX. */
struct play_time {
    uint64_t session, nonce;
    int64_t sent_us, soft_us;
    uint32_t commands, term;
    uint64_t sequence; /* of the batch, once it is soft */
};

struct play_figures {
    uint64_t frames_sent, frames_soft, frames_refused, frames_away, frames_final, frames_reverted,
        frames_told; /* of a term that ended: a node said that they are reverted */
    uint64_t commands_final, quotes_final, trades_final, blocks;
    uint64_t reports;
    uint32_t refusals[1 << 12]; /* by reject number */
};

struct play_options {
    const char *net;
    uint64_t node, watch; /* frames go to this one; final news come from that one */
    uint64_t seconds, accounts, series, frames_a_second, commands, quotes, seed;
    bool tell, keep_going; /* keep_going: reconnect when a node dies */
    bool ahead;            /* frames are signed before the clock starts */
};

/* A signed frame; its bytes follow. */
struct play_frame {
    uint64_t session, nonce;
    uint32_t commands, size;
};

/* Frames that were signed ahead, one behind the other. */
struct play_ahead {
    uint8_t *bytes;
    size_t size, room, at; /* at: of the next one to send */
    uint32_t term;
    bool is_signing;
};

struct play {
    struct play_options options;
    struct set_conf set;
    struct tn_signatures signatures;
    struct wire wires[PLAY_NODES_MAX];
    uint32_t wires_count;
    struct tn_secret_key governance, faucet, feeders[PLAY_FEEDERS_MAX];
    struct tn_secret_key owners[2]; /* makers', takers' */
    uint32_t feeders_count;

    uint64_t governance_number, deposit_number, report_sequence;
    uint32_t numbers_known; /* a node has said the first two */
    struct play_account accounts[PLAY_ACCOUNTS_MAX];
    uint32_t accounts_count;
    uint32_t opened_count;   /* accounts seen opened, ever */
    uint32_t sessions_count; /* sessions seen opened */
    uint64_t series[PLAY_SERIES_MAX];
    uint32_t series_count;
    uint16_t days[PLAY_EXPIRIES];
    tn_micros spot;
    uint64_t random;

    uint64_t height;
    int64_t block_ms, now_us, unix_ms, traded_us;
    uint32_t term;
    struct play_time times[PLAY_TIMES_MAX];
    struct play_ahead ahead;
    struct play_figures figures;
    bool only_feeds; /* no frame is sent: what becomes final is not asked for */
    uint64_t *soft_us, *final_us, *after_soft_us; /* samples of latencies */
    size_t soft_count, final_count, samples_room;
    int64_t last_final_us, longest_gap_us; /* between two blocks with work */
    int64_t last_block_us, longest_block_us;
    /* What each height's root is, as the first node to reach it says. */
    struct play_root {
        uint64_t height;
        struct tn_hash root;
    } roots[1 << 16];
    uint64_t roots_compared, roots_differ;
    uint32_t frames_open; /* at the end: soft, and nobody says what became of them */
    char status[2048];
};

/* ---- main.c */
void play_clock(struct play *play);
uint64_t play_random(struct play *play);
/* An answer of a node; bytes behind the kind. */
void play_take(struct play *play, struct wire *wire, uint8_t kind, const uint8_t *bytes,
               size_t size);

/* ---- items.c: what goes into blocks */
bool play_read_key(struct tn_secret_key *key, const char *net, const char *name);
void play_derive(struct tn_secret_key *key, const struct play *play, const char *role,
                 uint64_t number);
void play_govern(struct play *play, const struct tn_entry *entry);
void play_deposit(struct play *play, uint32_t account, tn_micros amount);
void play_open(struct play *play, uint32_t owner, uint64_t number);
void play_session(struct play *play, uint32_t owner, struct play_account *account);
void play_report(struct play *play, uint32_t feeder, const struct tn_report *report);

/* ---- scene.c: the market and its prices */
void play_scene(struct play *play);
void play_set_market(struct play *play);
void play_feed(struct play *play);
/* In ticks of one lot. */
tn_ticks play_fair(const struct play *play, uint32_t series);

/* ---- ahead.c */
/* The frames of the whole play, or as many as are kept. */
void play_sign_ahead(struct play *play);
void play_keep_frame(struct play *play, const struct play_frame *frame, const uint8_t *bytes);
/* False: none is left, or their term is over. */
bool play_next_frame(struct play *play, struct play_frame *frame, const uint8_t **bytes);

/* ---- trade.c */
/* False: the set did not do it in time. */
bool play_set_accounts(struct play *play);
/* Sends so many frames, or signs them where they are signed ahead. */
void play_trade(struct play *play, uint32_t frames);
bool play_until(struct play *play, const uint32_t *what, uint32_t wanted, int64_t wait_ms);
void play_report_figures(struct play *play, FILE *out, double seconds);

#endif
