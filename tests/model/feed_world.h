/* feed_world: an exchange whose entries are told to a feed as the node's thread tells them, and
 * clients that keep books from what the feed sends. After every step the mirror's books must be the
 * exchange's; after every block what each client keeps must be so too. */
#ifndef FEED_WORLD_H
#define FEED_WORLD_H

#include "feed_keeper.h"
#include "gateway/feed.h"
#include "tenor/exchange.h"

enum { WORLD_CLIENTS = 6, WORLD_MARKET = 1 };

struct world_client {
    struct feed_keeper keeper;
    uint32_t depth;
    bool slow, orders;
    bool is_slow_now;       /* its queue is full now and then */
    bool trades_lost;       /* TRADES ended with a gap */
    uint64_t trades_before; /* of the world, when TRADES began; of the keeper */
    uint64_t kept_before;
};

struct feed_world {
    struct tn_exchange *exchange; /* the caller's */
    struct feed *feed;
    struct port_order *orders;
    uint32_t orders_room;
    struct world_client clients[WORLD_CLIENTS];
    uint64_t random, height, trades, steps, sent, refused;
    uint64_t cursor; /* of a snapshot under way */
    bool loading, first_part, gap;
    uint32_t snapshots; /* begun */
    uint64_t series[4096];
    char fault[384];
};

void feed_world_open(struct feed_world *world, struct tn_exchange *exchange,
                     const struct tn_exchange_limits *limits, uint64_t seed);
void feed_world_close(struct feed_world *world);

/* Tells the feed what an entry has brought about. False: world->fault. */
bool feed_world_step(struct feed_world *world, const struct tn_event *events, uint32_t count);
/* Ends a block, now and then with a slow reader, a gap, a part of a snapshot. */
bool feed_world_block(struct feed_world *world);
/* Ends a block, lets all read, and compares everything. */
bool feed_world_settle(struct feed_world *world);

#endif
