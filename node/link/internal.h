/* What the parts of a link share: the calls behind link.h, and which connection takes what. */
#ifndef NODE_LINK_INTERNAL_H
#define NODE_LINK_INTERNAL_H

#include "link/link.h"

/* Every kind of link begins with this. */
struct link {
    const struct link_calls *calls;
};

struct link_calls {
    void (*poll)(struct link *link, struct link_event *event, int64_t timeout_ms);
    enum link_sent (*send)(struct link *link, uint16_t peer, enum tn_priority priority,
                           const void *bytes, size_t size);
    void (*flush)(struct link *link);
    size_t (*room)(const struct link *link, uint16_t peer, enum tn_priority priority);
    int (*fd)(const struct link *link);
    int64_t (*wait_ms)(const struct link *link);
    bool (*peer_statistics)(const struct link *link, struct link_peer_statistics *statistics,
                            uint16_t peer);
    void (*statistics)(const struct link *link, struct link_statistics *statistics);
    void (*close)(struct link *link);
};

/* The two connections of a pair of nodes. */
enum link_class { LINK_VOTES = 0, LINK_BULK = 1, LINK_CLASSES };

/* Kinds of the link's own messages; peer.h has none of these. */
enum link_kind {
    LINK_KIND_HELLO = 0xf0,
    LINK_KIND_REPLY = 0xf1,
    LINK_KIND_PROOF = 0xf2,
    LINK_KIND_PING = 0xf3,
    LINK_KIND_PONG = 0xf4,
};

#endif
