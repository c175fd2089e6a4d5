/* port: what the node's thread and the gateway's thread say to each other.
 *
 * Two bounded rings of byte messages, each with one writer and one reader, without locks: asks go
 * from the gateway to the node, tells from the node to the gateway. A reader that finds nothing
 * says that it sleeps and waits on its descriptor; only then a writer wakes it.
 *
 * A ring that is full takes no more. An ask is refused to the gateway's face: the client hears
 * that the node is busy. A tell is dropped and counted; the first one that goes through afterwards
 * is PORT_GAP, and then the gateway asks for PORT_SNAPSHOT anew. The last quarter of the tells'
 * ring is kept for answers (all kinds up to PORT_REPLIED), so steps that nobody reads cost no
 * answer.
 *
 * Bytes of a message are aligned to 8 and stay until the reader asks for the next one. A tell's
 * struct stands first in its bytes, arrays behind it in the order that the struct's counts have. */
#ifndef NODE_GATEWAY_PORT_H
#define NODE_GATEWAY_PORT_H

#include "tenor/event.h"
#include "tenor/member.h"
#include "tenor/pricing.h"

enum port_ask {
    PORT_FRAME = 1,    /* an entry of version 2; answered by PORT_ANSWER. tag < 2^47 */
    PORT_ITEM = 2,     /* kind u8 ‖ bytes of an item; answered by PORT_ITEM_TAKEN */
    PORT_QUERY = 3,    /* a packed ToNode with a question; answered by PORT_REPLY */
    PORT_SESSION = 4,  /* struct port_session_ask; answered by PORT_SESSION_IS */
    PORT_SNAPSHOT = 5, /* nothing; answered by one or more PORT_SNAPSHOT_IS */
    PORT_CHECKED = 6,  /* struct tn_member_signed, then as PORT_FRAME: the gateway has checked it,
                          and  the node spares the check if the session has that key */
    PORT_WAKE = 7,     /* nothing: a desk is to have a turn earlier than the node knows */
};

enum port_tell {
    PORT_ANSWER = 1,       /* struct port_answer, struct tn_event[events_count] */
    PORT_ITEM_TAKEN = 2,   /* u8: enum tn_waiting_answer */
    PORT_REPLY = 3,        /* a packed FromNode whose request is the ToNode's, without a length */
    PORT_SESSION_IS = 4,   /* struct port_session */
    PORT_TERM = 5,         /* struct port_head: what was soft in earlier terms of the market and
                              stands above its sequence will never have been. Before the PORT_BLOCK
                              that did it */
    PORT_STATE = 6,        /* struct port_state: first of all, and whenever it changes */
    PORT_GAP = 7,          /* nothing: tells were dropped before this one */
    PORT_REPLIED = 7,      /* the last kind that may use the whole ring */
    PORT_STEP = 8,         /* struct port_step, struct tn_event[events_count], struct port_order[
                              orders_count]: one for each entry and inbox item of a final block that brought
                              anything about, in order; also of blocks executed again at a start */
    PORT_SERIES = 9,       /* struct port_series: listed or changed; before the step that says so */
    PORT_MARKS = 10,       /* struct port_marks, struct port_mark[marks_count], struct port_index[
                              indexes_count]: after the step of a MARK, or before a PORT_BLOCK for series
                              that traded */
    PORT_BLOCK = 11,       /* struct port_block: after all of its steps */
    PORT_SNAPSHOT_IS = 12, /* a pointer: struct port_snapshot *, to be freed with free() */
    PORT_LEAD = 13,        /* struct port_lead: whenever it changes. Only where desks tell */
};

struct port_message {
    uint8_t kind;
    uint64_t tag; /* of what is answered; 0: nothing was asked */
    const uint8_t *bytes;
    size_t size;
};

/* ---- What is told ------------------------------------------------------------------------------
 */

struct port_answer {
    uint32_t kind; /* enum tn_member_answer_kind */
    uint32_t market, term, index;
    uint64_t sequence, session, nonce;
    uint32_t reject;       /* REFUSED: enum tn_reject */
    uint32_t events_count; /* SOFT: all that the frame brought about, of all accounts */
};

struct port_session_ask {
    uint32_t market;
    uint64_t session;
};
struct port_session {
    bool exists; /* else the rest but market and session is zero */
    uint32_t market, account, scope;
    uint64_t session, nonce_top; /* nonce_top: of the account */
    int64_t expires_ms, time_ms; /* time_ms: of the last block */
    struct tn_public_key key;
};

struct port_head {
    uint32_t market, term;
    uint32_t leader; /* index in the present set, plus one; 0: none, or not of it */
    uint64_t sequence;
    uint64_t cursor; /* height of the last BLOCK that the market's stream has consumed: a frame that
                        was valid until an earlier one and is not final will never be */
};

/* Who leads a market, and whether its desk is at work here. */
struct port_lead {
    uint32_t market, term;
    uint64_t sequence; /* of the last final batch */
    bool leads;        /* a desk of this node does */
    bool is_own;       /* the term is this node's, whether its desk is at work or not */
    char clients[256]; /* where the leader serves clients; empty: not known, or there is none */
};

enum port_node_state { PORT_SYNCING = 1, PORT_READY = 2, PORT_STOPPING = 3 };
struct port_state {
    uint32_t state; /* enum port_node_state */
    uint32_t markets_count;
    uint64_t height; /* of the last executed block */
    int64_t time_ms;
    uint8_t chain_id[32];
    struct port_head heads[TN_CHAIN_MARKETS_MAX];
};

struct port_block {
    uint64_t height, view, epoch;
    int64_t time_ms;
    uint32_t proposer, batches_count;
    struct tn_hash hash, root; /* root: of the state after it */
    uint32_t markets_count;
    struct port_head heads[TN_CHAIN_MARKETS_MAX];
};

/* A resting order as others see it. In a step: what became of an order; quantity 0: it is gone.
 * Those that stand last at their price come in the order in which they joined it. */
struct port_order {
    uint64_t series_id, order_id;
    tn_ticks price;
    tn_lots quantity; /* visible */
    uint8_t side;     /* enum tn_side */
    bool last;        /* it is new or has lost its place; else it keeps the one that it had */
};

struct port_step {
    uint64_t block; /* the height that is being executed */
    int64_t time_ms;
    uint32_t market, term;
    uint64_t sequence;
    uint32_t entry;   /* index in the batch */
    uint32_t number;  /* of the item in its inbox */
    uint32_t item;    /* enum tn_inbox_item_kind; 0: the entry itself */
    uint32_t account; /* of a frame; TN_NONE: it is none */
    uint64_t session; /* of a signed frame; 0: none */
    uint64_t nonce;   /* of a frame */
    uint32_t events_count, orders_count;
};

/* A settled series may leave the market's table without a word when another one is listed: who
 * keeps many forgets the settled ones first. */
struct port_series {
    uint64_t series_id;
    uint32_t market;
    uint32_t status; /* enum tn_status */
    char name[TN_SERIES_NAME_SIZE];
    char symbol[TN_SYMBOL_SIZE];  /* of the underlying */
    int64_t micros_per_tick;      /* of one lot */
    int64_t tick_micros;          /* of one unit of the underlying */
    int64_t lots_per_unit_micros; /* 10^6 times the lots that make one unit, floored */
    struct tn_tick_schedule schedule;
    tn_micros settlement_micros; /* what one long lot receives, where status is SETTLING or SETTLED
                                  */
    uint32_t orders_count;       /* in a snapshot: how many of its orders stand there */
};

/* What a series is worth. Of the last MARK, but for the open interest. */
struct port_mark {
    uint64_t series_id;
    tn_micros mark_micros;    /* of one lot; 0: none yet */
    tn_micros forward_micros; /* of one unit; 0: not known */
    tn_micros vega_micros;    /* of one lot, per volatility point */
    int64_t funding_index;
    tn_lots open_interest;
    tn_ticks band_low, band_high; /* of prices that orders may have now; 0, 0: none */
    int64_t left_ms, rate_ppb;
    int32_t delta_ppb, vol_ppm;
};
struct port_index {
    uint32_t underlying;
    tn_micros index_micros; /* of one unit; 0: none yet */
};
/* At most PORT_MARKS_MAX marks; more come in more messages, all of which carry the indexes. */
#define PORT_MARKS_MAX 4096u
struct port_marks {
    uint32_t market;
    uint32_t marks_count, indexes_count;
    bool is_mark; /* all series of the market, at a MARK; else those whose open interest changed */
    uint64_t block;
    int64_t time_ms;
};

/* Parts of snapshots and marks are told between blocks, never between two steps of one.
 *
 * A part of the state: some series, each with its mark and all its resting orders; both sides, bids
 * before asks, each in order of priority. The first part empties the mirror, the last one makes it
 * whole; each stands for the moment when it is told, and what is told after it follows it. What is
 * told of series that no part has had yet is to be left alone. */
struct port_snapshot {
    bool is_first, is_last;
    bool is_list;    /* series without marks and orders, which come in later parts */
    uint64_t height; /* of the last executed block */
    int64_t time_ms;
    uint32_t series_count, indexes_count;
    uint64_t orders_count;
    const struct port_series *series; /* in no order */
    const struct port_mark *marks;    /* one for each series */
    const struct port_order *orders;  /* series after series: series[i].orders_count of each */
    const struct port_index *indexes; /* in the last part, with their markets */
    const uint32_t *index_markets;
    uint32_t market; /* of a desk; and the place that its next entry takes */
    uint32_t term, index;
    uint64_t sequence;
};

/* What became of the orders that these events name, as they stand in the exchange now, right after
 * the entry that brought them about: each once, those with `last` in the order in which they came
 * to stand where they do. Stops that wait are not there. Returns how many; `room` is enough with
 * one for each event and one more for each trade. */
uint32_t port_orders_of(struct port_order *orders, uint32_t room,
                        const struct tn_exchange *exchange, const struct tn_event *events,
                        uint32_t events_count);

/* Of an option, worked out now from the mark's own forward, volatility, rate and time. All zero but
 * the delta (1) for futures and perpetuals, and where there is no mark. */
void port_greeks(struct tn_greeks *greeks, const struct port_mark *mark);

/* ---- Rings -------------------------------------------------------------------------------------
 */

struct port;

/* Sizes of the rings in bytes, rounded up to a power of two, at least 64 KiB; their pages are
 * touched as messages come. NULL: no memory or no descriptors. */
struct port *port_make(size_t asks_bytes, size_t tells_bytes);
/* Frees what still waits. Both threads are done with it. */
void port_free(struct port *port);

struct port_piece {
    const void *bytes;
    size_t size;
};

/* The gateway's side. False: the ring is full, or the message is larger than a quarter of it. */
bool port_ask(struct port *port, enum port_ask kind, uint64_t tag, const void *bytes, size_t size);
/* The same, put together from up to three pieces. */
bool port_ask_pieces(struct port *port, enum port_ask kind, uint64_t tag,
                     const struct port_piece *pieces, uint32_t pieces_count);
/* The node's thread reads nothing before this: after one or more asks. Wakes it if it sleeps. */
void port_ask_flush(struct port *port);
/* A mark after all that was asked, and whether the node's thread has done with all before one. */
uint64_t port_asks_mark(const struct port *port);
bool port_asks_done(const struct port *port, uint64_t mark);
/* Readable when the node's thread told something while this side slept. */
int port_tells_fd(const struct port *port);
/* False: there is nothing; after that, and before waiting, port_tells_sleep. */
bool port_next_tell(struct port *port, struct port_message *message);
/* True: this side may wait for its descriptor. False: something has come; read on. */
bool port_tells_sleep(struct port *port);
/* After the descriptor was readable, or instead of waiting for it. */
void port_tells_wake(struct port *port);
/* The reader is awake and will read on by itself: nobody need wake it. */
void port_tells_awake(struct port *port);

/* The node's side. Never blocks: what has no room is dropped, counted, and told as PORT_GAP. The
 * second form puts a message together from up to three pieces. */
void port_tell(struct port *port, enum port_tell kind, uint64_t tag, const void *bytes,
               size_t size);
void port_tell_pieces(struct port *port, enum port_tell kind, uint64_t tag,
                      const struct port_piece *pieces, uint32_t pieces_count);
/* Hands the snapshot over, dropped or not. */
void port_tell_snapshot(struct port *port, struct port_snapshot *snapshot);
/* Nothing of what was told is read before this: soft answers before the log is synced, final steps
 * after it. Wakes the gateway's thread if it sleeps. */
void port_tell_flush(struct port *port);
/* Tells were dropped, and PORT_GAP has not gone through: it does before the next one. */
bool port_tell_has_gap(const struct port *port);
/* Bytes that can be told now without using what is kept for answers. */
size_t port_tell_room(const struct port *port);
int port_asks_fd(const struct port *port);
bool port_next_ask(struct port *port, struct port_message *message);
bool port_asks_sleep(struct port *port);
void port_asks_wake(struct port *port);

/* May be read by any thread at any time. */
struct port_counters {
    uint64_t asks, asks_refused, asks_bytes;
    uint64_t tells, tells_dropped, tells_bytes, gaps;
    uint64_t wakes; /* of both sides */
};
struct port_counters port_counters(const struct port *port);

#endif
