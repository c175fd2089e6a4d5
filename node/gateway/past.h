/* past: a thread that reads accounts' streams where memory no longer has them.
 *
 * The gateway's thread asks for the piece that follows a place and gets it some time later. One
 * piece is read at a time, in the order of the asks, and each is bounded in messages and in time;
 * between two pieces the thread sleeps so long that all of them together take no more than a share
 * of one processor. A client that has much to catch up asks again and again, behind the others. */
#ifndef NODE_GATEWAY_PAST_H
#define NODE_GATEWAY_PAST_H

#include "gateway/account_history.h"

#define GATEWAY_PAST_RECORDS 256u  /* of a piece */
#define GATEWAY_PAST_US      4000u /* for which a source reads at a time, or little longer */

enum gateway_past_answer {
    GATEWAY_PAST_MORE = 1, /* all up to `through`; ask again behind it */
    GATEWAY_PAST_WAIT,     /* likewise, and what follows is not there yet */
    GATEWAY_PAST_GONE,     /* some of what follows is kept no more: nothing below `oldest` is */
    GATEWAY_PAST_FAILED,   /* it cannot be read */
};
struct gateway_past_piece {
    uint64_t tag;
    uint32_t slot; /* of who asked */
    enum gateway_past_answer answer;
    struct gateway_place through;
    uint64_t oldest;
    uint32_t count;
    struct gateway_record records[GATEWAY_PAST_RECORDS];
};

/* Where the past is kept. The node lends it, and outlives the gateway. */
struct gateway_past_source {
    void *context; /* read NULL: there is none */
    /* What follows `after` in the account's stream: fills all of the piece but tag and slot. On the
     * thread of this module. */
    void (*read)(void *context, struct gateway_past_piece *piece, uint32_t market, uint32_t account,
                 struct gateway_place after);
    /* The oldest block of which all is kept, as it was lately. Any thread. */
    uint64_t (*oldest)(void *context);
    /* Blocks of which not all could be kept, since the start: the past begins behind the last one.
     * Any thread. */
    uint64_t (*lost)(void *context);
};

struct gateway_past;

/* For so many asks at a time; percent: of one processor. NULL: no memory, no descriptor or no
 * thread. */
struct gateway_past *gateway_past_make(const struct gateway_past_source *source, uint32_t asks_max,
                                       uint32_t percent);
void gateway_past_free(struct gateway_past *past);
void gateway_past_set_percent(struct gateway_past *past, uint32_t percent);

/* False: there is no room for it now. */
bool gateway_past_ask(struct gateway_past *past, uint64_t tag, uint32_t slot,
                      const struct gateway_cursor *cursor);
/* Readable when pieces have come. */
int gateway_past_fd(const struct gateway_past *past);
/* The next piece, good until the next call; NULL: there is none. */
const struct gateway_past_piece *gateway_past_next(struct gateway_past *past);

/* The first block that whoever stands behind `after` needs whole. */
static inline uint64_t gateway_past_need(struct gateway_place after)
{
    return after.index == UINT32_MAX ? after.block + 1 : after.block;
}

#endif
