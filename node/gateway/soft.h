/* soft: market data of what this node's desks have applied, before it is final.
 *
 * For each market a feed that is soft (feed.h), fed by the ring of direct.h on the gateway's
 * thread: the same mirror, windows, numbers and bounds as what is final has. A market is read only
 * while somebody has subscribed to it. All that the ring has is taken in, and then told as one
 * round: so the rounds are as small as the desk's turns, and under load fewer.
 *
 * When a desk's term ends, its subscribers hear of it (SoftEnd). If this node goes on leading, the
 * books follow anew; if not, their channels end with an Error that names the leader. */
#ifndef NODE_GATEWAY_SOFT_H
#define NODE_GATEWAY_SOFT_H

#include "gateway/direct.h"
#include "gateway/feed.h"

struct gateway_soft;

/* Markets, sizes, send and its context are those of the final feed's options. NULL: no memory. */
struct gateway_soft *gateway_soft_make(const struct feed_options *feed,
                                       const struct gateway_direct *direct);
void gateway_soft_free(struct gateway_soft *soft);

/* The ring's descriptor was readable. */
void gateway_soft_woken(struct gateway_soft *soft);
/* This thread is about to be at the desks: it reads the ring afterwards without being woken. */
void gateway_soft_expect(struct gateway_soft *soft);
/* Takes in what was told, and tells subscribers. True: there is more to do at once. */
bool gateway_soft_turn(struct gateway_soft *soft);

bool gateway_soft_has(Tenor__V1__Channel channel);
/* As feed_subscribe and the others. */
enum wire_error gateway_soft_subscribe(struct gateway_soft *soft, struct wire_fault *fault,
                                       uint32_t client, uint64_t request,
                                       const Tenor__V1__Subscribe *subscribe);
enum wire_error gateway_soft_unsubscribe(struct gateway_soft *soft, struct wire_fault *fault,
                                         uint32_t client, uint64_t request,
                                         const Tenor__V1__Unsubscribe *unsubscribe);
void gateway_soft_pay(struct gateway_soft *soft); /* feed_turn */
void gateway_soft_ready(struct gateway_soft *soft, uint32_t client);
void gateway_soft_gone(struct gateway_soft *soft, uint32_t client);

/* Of all markets; feeds: sums of their counters. */
struct gateway_soft_counters {
    struct feed_counters feeds;
    uint64_t rounds, lost, loads, ends, refused;
};
void gateway_soft_counters(const struct gateway_soft *soft, struct gateway_soft_counters *counters);

/* For tests: the soft mirror of a market; NULL: there is no such market. */
const struct feed *gateway_soft_feed(const struct gateway_soft *soft, uint32_t market);

#endif
