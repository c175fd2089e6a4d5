/* forwarded: frames of other nodes' clients, while the desk has no room for them.
 *
 * A node that leads a market holds its own clients' frames until the desk has room
 * (gateway/hold.c). What other nodes pass on is held here in the same way, for as long, in the
 * order in which it came; so a client is slowed and not refused, whichever node it is connected to.
 * It is held at the leader, because only there is the order of all frames known: a node that would
 * send a refused frame again could put an order behind the cancel that its client sent after it.
 *
 * Bounds: FORWARDED_EACH frames and FORWARDED_BYTES_EACH bytes of one node; what is above is
 * refused with DESK_FULL, as it all was before. Frames of nothing but cancels go by, unless an
 * earlier frame of their session is held. */
#ifndef NODE_CLUSTER_FORWARDED_H
#define NODE_CLUSTER_FORWARDED_H

#include "tenor/member.h"

#define FORWARDED_EACH       256u
#define FORWARDED_BYTES_EACH (1u << 20)

/* The member's: bytes are a whole message FRAME of peer `from`. */
struct forwarded_calls {
    void *context;
    enum tn_member_room (*room)(void *context, const uint8_t *bytes, size_t size);
    void (*pass)(void *context, uint16_t from, const uint8_t *bytes, size_t size);
    void (*refuse)(void *context, uint16_t from, const uint8_t *bytes, size_t size);
};

struct forwarded;

/* hold_us 0: nothing is held. NULL: no memory. */
struct forwarded *forwarded_make(const struct forwarded_calls *calls, int64_t hold_us);
void forwarded_free(struct forwarded *forwarded);

/* A message FRAME that has come: passed on, held or refused. */
void forwarded_take(struct forwarded *forwarded, uint16_t from, const uint8_t *bytes, size_t size,
                    int64_t now_us);
/* Passes on what finds room now, and what was held for long enough. */
void forwarded_turn(struct forwarded *forwarded, int64_t now_us);
/* The member ends, or peers have other numbers: what is held goes without a word, and its clients
 * hear of it from blocks. */
void forwarded_drop(struct forwarded *forwarded);

struct forwarded_counters {
    uint64_t held, held_bytes;               /* now */
    uint64_t frames, late, refused, dropped; /* ever held; of these passed for their time alone;
                                                found no room here; dropped */
};
const struct forwarded_counters *forwarded_counters(const struct forwarded *forwarded);

#endif
