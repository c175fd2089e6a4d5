/* clients: who talks to this node over its local socket: traders' tools, feeders, owners, watchers.
 *
 * Everything is `length u32 ‖ kind u8 ‖ bytes`, big-endian; docs/cluster.md has the kinds. A client
 * that does not read its answers is not read from; one that watches and falls too far behind is
 * cut, and says so in the log. Nobody blocks the node. */
#ifndef NODE_CLUSTER_CLIENTS_H
#define NODE_CLUSTER_CLIENTS_H

#include "tenor/member.h"

#include <poll.h>

#define CLIENTS_MAX 64

enum client_request {
    CLIENT_FRAME = 1,  /* an entry of version 2 */
    CLIENT_ITEM = 2,   /* kind u8 ‖ bytes of an item of a block */
    CLIENT_STATUS = 3, /* nothing more */
    CLIENT_WATCH = 4,  /* what u8: a sum of enum client_watch */
};
enum client_watch {
    CLIENT_WATCH_BLOCKS = 1,
    CLIENT_WATCH_FINALS = 2, /* what final entries brought about */
    CLIENT_WATCH_BRIEF = 4,  /* nothing more, but CLIENT_ANSWERED comes without events */
};
enum client_answer {
    CLIENT_ANSWERED = 1, /* request u32 ‖ kind u8 ‖ market u32 ‖ term u32 ‖ sequence u64 ‖ index u32
                            ‖ session u64 ‖ nonce u64 ‖ reject u16 ‖ events u32 ‖ events */
    CLIENT_ITEM_TAKEN = 2, /* request u32 ‖ enum tn_waiting_answer u8 */
    CLIENT_STATUS_IS = 3,  /* request u32 ‖ text */
    CLIENT_BLOCK = 4, /* height u64 ‖ time_ms u64 ‖ batches u32 ‖ hash[32] ‖ root[32] */
    CLIENT_FINAL = 5, /* market u32 ‖ term u32 ‖ sequence u64 ‖ index u32 ‖ session u64 ‖ nonce u64
                         ‖ item u8 ‖ events u32 ‖ events */
    CLIENT_TERM = 6, /* market u32 ‖ term u32 ‖ sequence u64: what was soft above it is reverted */
};

struct clients;

/* Listens at a path that only this user may open; NULL after a complaint. */
struct clients *clients_open(const char *path);
void clients_close(struct clients *clients, const char *path);

/* Descriptors to wait on, up to CLIENTS_MAX + 1; then what became of them. */
uint32_t clients_poll(const struct clients *clients, struct pollfd *polls);
/* A client has sent something whole that was not taken yet. */
bool clients_have_requests(const struct clients *clients);
void clients_receive(struct clients *clients, const struct pollfd *polls, uint32_t count);

/* What was asked, one after another: false when there is nothing more. */
struct client_asked {
    enum client_request kind;
    uint64_t tag; /* < GATE_TAG of loop_gateway.h */
    const uint8_t *bytes;
    size_t size;
};
bool clients_next(struct clients *clients, struct client_asked *asked);

void clients_answer(struct clients *clients, uint64_t tag, const struct tn_member_answer *answer);
void clients_item_taken(struct clients *clients, uint64_t tag, enum tn_waiting_answer answer);
void clients_status(struct clients *clients, uint64_t tag, const char *text);
/* To all who watch. */
void clients_block(struct clients *clients, const struct tn_member_block *block);
void clients_final(struct clients *clients, const struct tn_chain_place *place,
                   const struct tn_market_step *step);
void clients_term(struct clients *clients, uint32_t market, uint32_t term, uint64_t sequence);

/* Sends what waits: what rests on records only after they are durable. */
void clients_flush(struct clients *clients);

#endif
