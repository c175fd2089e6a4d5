/* pending: what was asked of the node and has no last word yet.
 *
 * Whoever asks gets a tag, which the answer brings back; a tag is used once, so an answer to
 * something that is over finds nothing. Frames are also found by session and nonce, which is how
 * final steps name them. */
#ifndef NODE_GATEWAY_PENDING_H
#define NODE_GATEWAY_PENDING_H

#include "gateway/port.h"

enum gateway_pending_kind {
    GATEWAY_PENDING_FRAME = 1,
    GATEWAY_PENDING_STANDBY, /* a standby frame under way: of nobody, or of a connection */
    GATEWAY_PENDING_ITEM,
    GATEWAY_PENDING_QUERY,
    GATEWAY_PENDING_LOGON,
    GATEWAY_PENDING_PROOF, /* a query whose answer waits for a checkpoint */
};

struct gateway_pending {
    uint8_t kind; /* enum gateway_pending_kind */
    uint8_t wait; /* frames: Tenor__V1__Wait */
    bool is_asked, is_soft;
    uint32_t owner; /* slot of the connection; TN_NONE: nobody */
    uint64_t request;
    int64_t asked_us;
    /* Frames: */
    uint32_t market, term, account;
    uint64_t session, nonce, valid_until_block;
    uint32_t soft_term, soft_index; /* where the desk has put it, when is_soft */
    uint64_t soft_sequence;
    /* The table's own: */
    uint64_t tag;
    uint32_t next_owned, previous_owned, next_frame, previous_frame, next_hashed;
};

struct gateway_pendings;

/* At most count at a time, of so many owners. NULL: no memory. */
struct gateway_pendings *gateway_pendings_make(uint32_t count, uint32_t owners);
void gateway_pendings_free(struct gateway_pendings *pendings);

/* A copy of it under a new tag; NULL: the table is full. */
struct gateway_pending *gateway_pendings_add(struct gateway_pendings *pendings,
                                             const struct gateway_pending *pending);
/* NULL: it is over. */
struct gateway_pending *gateway_pendings_find(struct gateway_pendings *pendings, uint64_t tag);
/* The frame or standby frame with that nonce; NULL: none. */
struct gateway_pending *gateway_pendings_frame(struct gateway_pendings *pendings, uint32_t market,
                                               uint64_t session, uint64_t nonce);
void gateway_pendings_remove(struct gateway_pendings *pendings, struct gateway_pending *pending);

/* One after another, NULL first; the one given may have been the last. Of an owner, or all frames
 * and standby frames in the order in which they came. Removing the one given ends the walk: ask for
 * the next one before. */
struct gateway_pending *gateway_pendings_next_owned(struct gateway_pendings *pendings,
                                                    uint32_t owner,
                                                    const struct gateway_pending *pending);
struct gateway_pending *gateway_pendings_next_frame(struct gateway_pendings *pendings,
                                                    const struct gateway_pending *pending);
uint32_t gateway_pendings_count(const struct gateway_pendings *pendings);

#endif
