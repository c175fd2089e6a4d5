/* feed: market data for clients, on the gateway's thread.
 *
 * A fold over what the node's thread tells of final blocks (port.h): it keeps a mirror of all
 * books, the last trades, marks and blocks, and sends each subscriber what its subscriptions ask
 * for. It does no I/O and reads no clock: what is to be sent goes out by `send`. All memory is
 * taken at feed_make.
 *
 *     feed_snapshot, feed_series, feed_step, feed_marks, feed_block, feed_gap
 *                                     in the order of the port's tells
 *     feed_subscribe, feed_unsubscribe, feed_query, feed_ready, feed_gone
 *                                     as clients ask, drain and go
 *
 * A message that a subscriber's queue has no room for is not lost but owed: books, orders, tickers,
 * instruments and marks are told anew as they stand once it has room (feed_ready); trades,
 * liquidations and blocks are told again from a bounded history, or the channel ends with an Error
 * GAP. docs/market-data.md tells clients the same. */
#ifndef NODE_GATEWAY_FEED_H
#define NODE_GATEWAY_FEED_H

#include "gateway/port.h"
#include "wire/wire.h"

#define FEED_CLIENTS_MAX 65536u /* ids of clients are below this */

/* Depths that BOOK has, beside 0: all, which is this many levels of each side. */
#define FEED_DEPTH_ALL      8192u
#define FEED_DEPTH_TABLE(X) X(1) X(5) X(10) X(20) X(50) X(100)

/* Entries of one message; more of them go into several messages of one seq, all but the last with
 * `more`. */
#define FEED_ENTRIES_MAX 8192u

#define FEED_MESSAGE_WORK 16u

/* Bytes of one call of send, at most. */
#define FEED_BYTES_MAX (WIRE_LENGTH_BYTES + WIRE_FROM_NODE_BYTES_MAX)

/* Of a feed that is soft: all entries of the market's stream before this place. */
struct feed_place {
    uint32_t term;
    uint64_t sequence;
    uint32_t index;
};

struct feed_market_limits {
    uint32_t market;
    uint32_t series_max, orders_max, levels_max; /* of the market's exchange */
};

struct feed_options {
    /* What a desk has applied, of one market, instead of what is final: see below. */
    bool is_soft;
    uint32_t markets_count; /* 1 .. TN_CHAIN_MARKETS_MAX, each market once */
    struct feed_market_limits markets[TN_CHAIN_MARKETS_MAX];
    uint32_t subscribers_max;  /* clients with subscriptions at a time; 1 .. FEED_CLIENTS_MAX */
    uint32_t trades_max;       /* kept of each market; a power of two, 1 024 .. 2^24 */
    uint32_t liquidations_max; /* likewise */
    uint32_t blocks_max;       /* likewise */
    uint64_t hash_seed;        /* local: spreads order ids */
    uint8_t cpu;               /* enum tn_cpu: local */
    /* Bytes of one message or more, with lengths, to a client. False: its queue has no room for
     * them, and none of them was taken; once it has room again feed_ready must be called. A queue
     * that is empty has room for FEED_BYTES_MAX. With `must` they go out behind what waits, or the
     * client is cut: the answer is not looked at. It must not call the feed. */
    bool (*send)(void *context, uint32_t client, const uint8_t *bytes, size_t size, bool must);
    /* What is owed is paid within a turn up to so much work: a place looked at is 1, a message
     * FEED_MESSAGE_WORK and 1 for each 32 bytes. 0: no bound. What is left `later` says: feed_ready
     * must be called in a later turn. It must not call the feed either. */
    uint32_t pay_max;
    void (*later)(void *context, uint32_t client); /* may be NULL without a bound */
    void *context;
};
void feed_options_default(struct feed_options *options);

struct feed;

/* Bytes that it takes (pages are touched as they are needed), 0: a limit is out of range. */
size_t feed_size(const struct feed_options *options);
/* NULL: a limit is out of range, or there is no memory. */
struct feed *feed_make(const struct feed_options *options);
void feed_free(struct feed *feed);

/* ---- What the port tells ----------------------------------------------------------------------
 */
void feed_snapshot(struct feed *feed, const struct port_snapshot *part);
void feed_series(struct feed *feed, const struct port_series *series);
void feed_step(struct feed *feed, const struct port_step *step, const struct tn_event *events,
               const struct port_order *orders);
void feed_marks(struct feed *feed, const struct port_marks *marks, const struct port_mark *list,
                const struct port_index *indexes);
void feed_block(struct feed *feed, const struct port_block *block);
/* Tells were lost: what follows is left alone until a snapshot begins. */
void feed_gap(struct feed *feed);

/* ---- A soft feed -------------------------------------------------------------------------------
 * It has the channels that end in _SOFT alone, takes snapshots, series and steps of a desk,
 * and rounds instead of blocks: seq is the round, and `block` of a step that of the next one. A
 * first snapshot that lists series says what can be subscribed to while the others come. */
void feed_soft_round(struct feed *feed, int64_t time_ms);
/* The desk's term is over: all subscribers hear of it, and the books wait for another snapshot. */
void feed_soft_end(struct feed *feed, uint32_t term, uint64_t sequence);
/* Nobody has subscribed: what is told is left alone until a snapshot begins. */
void feed_soft_rest(struct feed *feed);
/* All channels end with this error. */
void feed_soft_leave(struct feed *feed, enum wire_error code, const char *text);
bool feed_is_empty(const struct feed *feed); /* no snapshot has begun */
bool feed_is_whole(const struct feed *feed);
uint64_t feed_height(const struct feed *feed); /* of the last block or round */
uint64_t feed_subscribers(const struct feed *feed);

/* ---- What clients ask -------------------------------------------------------------------------
 */

/* Fills in why something that a client asks for cannot be; returns `code`. */
enum wire_error feed_refuse(struct wire_fault *fault, enum wire_error code, const char *text);
/* Subscribed goes out first, then snapshots. Series that the client has in this channel already
 * stay; of BOOK they take the new depth. Not NONE: nothing has changed, and `fault` says why. */
enum wire_error feed_subscribe(struct feed *feed, struct wire_fault *fault, uint32_t client,
                               uint64_t request, const Tenor__V1__Subscribe *subscribe);
/* Subscribed goes out, with the series that are left in the channel. */
enum wire_error feed_unsubscribe(struct feed *feed, struct wire_fault *fault, uint32_t client,
                                 uint64_t request, const Tenor__V1__Unsubscribe *unsubscribe);
/* Another turn begins: it has pay_max for all clients together. */
void feed_turn(struct feed *feed);
/* The client's queue has room again, or its `later` has come. O(1) when it is owed nothing. */
void feed_ready(struct feed *feed, uint32_t client);
/* It is no more; O(series) when it had subscriptions. */
void feed_gone(struct feed *feed, uint32_t client);

/* Answers GetBook, GetTrades and GetInstruments by sending the answer (`must`). Not NONE: nothing
 * was sent. */
bool feed_answers(const Tenor__V1__ToNode *question);
enum wire_error feed_query(struct feed *feed, struct wire_fault *fault, uint32_t client,
                           const Tenor__V1__ToNode *question);

/* The answer with what the mirror knows of a chain's last trades, in `out` until the feed writes
 * again; 0: the bytes are no Chain, or one that the mirror has nothing for, and go on as they are.
 */
size_t feed_fill_chain(struct feed *feed, const uint8_t **out, const uint8_t *bytes, size_t size);

/* ---- For counters and tests -------------------------------------------------------------------
 */
#define FEED_COUNTER_TABLE(X)                                                                      \
    X(subscribers, GAUGE, "Clients with subscriptions to market data.")                            \
    X(orders, GAUGE, "Orders in the mirror of the books.")                                         \
    X(steps, COUNTER, "Steps of final blocks that market data has taken in.")                      \
    X(order_changes, COUNTER, "Changes of orders among these.")                                    \
    X(messages, COUNTER, "Messages of market data made.")                                          \
    X(sent, COUNTER, "Messages of market data sent.")                                              \
    X(owed, COUNTER, "Messages that a slow client could not take.")                                \
    X(snapshots, COUNTER, "Messages that tell a subscriber all that stands.")                      \
    X(gaps, COUNTER, "Channels that ended with a gap.")                                            \
    X(unmirrored, COUNTER, "Orders and series that the mirror had no room for.")

struct feed_counters {
#define X(field, type, help) uint64_t field;
    FEED_COUNTER_TABLE(X)
#undef X
};
void feed_counters(const struct feed *feed, struct feed_counters *counters);

/* The mirror's books of a market (a book for each series), to be read only: NULL for a market that
 * there is not. feed_book is the book of a series, TN_NONE: not in the mirror. */
const struct tn_books *feed_books(const struct feed *feed, uint32_t market);
uint32_t feed_book(const struct feed *feed, uint32_t market, uint64_t series_id);

#endif
