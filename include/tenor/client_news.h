/* client_news: what a client hears (client.h says who tells it): one tagged union. */
#ifndef TENOR_CLIENT_NEWS_H
#define TENOR_CLIENT_NEWS_H

#include "tenor/base.h"
#include "tenor/client_data.h"
#include "tenor/event.h"

/* What became of a frame. The first three are of one connection; a frame that a disconnect caught
 * goes AMBIGUOUS and later EXECUTED, NOT_EXECUTED or UNKNOWN, whatever was heard before. */
enum tn_frame_state {
    TN_FRAME_SOFT = 1,      /* the leader has applied it: events are what came of it, not final */
    TN_FRAME_FINAL = 2,     /* its block is executed: events count. The end of it */
    TN_FRAME_REVERTED = 3,  /* the leader's term ended: it will never have been. The end of it */
    TN_FRAME_REFUSED = 4,   /* never sent on: `error`, or `reject`, says why. The end of it */
    TN_FRAME_AMBIGUOUS = 5, /* the connection broke before its end was known */
    TN_FRAME_EXECUTED = 6,  /* the account's stream has it; its events came there. The end */
    TN_FRAME_NOT_EXECUTED = 7, /* the stream has passed all blocks that it could be in. The end */
    TN_FRAME_UNKNOWN = 8,      /* the stream has a hole: look at account and orders. The end */
};
struct tn_frame_news {
    uint8_t state; /* enum tn_frame_state */
    uint32_t market, term;
    uint64_t sequence; /* SOFT, FINAL, REVERTED: its place: term, batch, index */
    uint32_t index;
    uint64_t nonce;
    uint64_t block;  /* FINAL, EXECUTED */
    uint16_t reject; /* enum tn_reject of the frame as a whole; 0: its commands ran */
    uint32_t error;  /* REFUSED: of client_errors.h; 0: `reject` says it */
    bool is_retriable;
    const char *text; /* REFUSED */
    const struct tn_event *events;
    uint32_t events_count;
};

struct tn_account_event {
    struct tn_place at;
    uint64_t nonce; /* of the account's own frame that brought it about; 0: something else did */
    uint64_t time_ms;
    struct tn_event event;
};

/* ---- News --------------------------------------------------------------------------------------
 * Comments name the member of `as`. */
enum tn_news_kind {
    TN_NEWS_CONNECTED = 1,      /* connected */
    TN_NEWS_LOGGED_ON = 2,      /* logged_on */
    TN_NEWS_DISCONNECTED = 3,   /* disconnected */
    TN_NEWS_ERROR = 4,          /* error: what was asked with that tag was not done */
    TN_NEWS_PONG = 5,           /* pong */
    TN_NEWS_FRAME = 6,          /* frame */
    TN_NEWS_ITEM = 7,           /* item */
    TN_NEWS_ACCOUNT = 8,        /* account: the account's stream, no gap and no duplicate */
    TN_NEWS_HEAD = 9,           /* head: all of the account's stream up to this block was told */
    TN_NEWS_STANDBY = 10,       /* standby: the node holds a fresh one, or none */
    TN_NEWS_SUBSCRIBED = 11,    /* subscribed */
    TN_NEWS_CLUSTER = 16,       /* cluster */
    TN_NEWS_INSTRUMENTS = 17,   /* instruments */
    TN_NEWS_CHAIN = 18,         /* chain */
    TN_NEWS_BOOK = 19,          /* book; an answer too */
    TN_NEWS_TRADES = 20,        /* trades: oldest first */
    TN_NEWS_ACCOUNT_STATE = 21, /* account_state */
    TN_NEWS_ORDERS_OPEN = 22,   /* orders_open */
    TN_NEWS_OWNER = 23,         /* owner */
    TN_NEWS_MARGIN = 24,        /* margin */
    TN_NEWS_BLOCK = 25,         /* block; an answer too */
    TN_NEWS_PROOF = 26,         /* proof */
    TN_NEWS_LIQUIDATIONS = 27,  /* liquidations */
    TN_NEWS_SESSION = 28,       /* session */
    TN_NEWS_HANDOVERS = 30,     /* handovers */
    TN_NEWS_INSTRUMENT = 32,    /* instrument */
    TN_NEWS_TICKER = 33,        /* ticker */
    TN_NEWS_ORDER_BOOK = 34,    /* order_book */
    TN_NEWS_TRADE = 35,         /* trade */
    TN_NEWS_MARKS = 36,         /* marks */
    TN_NEWS_LIQUIDATION = 37,   /* liquidation */
    TN_NEWS_SOFT_END = 38,      /* soft_end */
    TN_NEWS_LEADER = 64,        /* leader: of tn_client_follow */
};

struct tn_news_connected {
    uint32_t node;    /* index in the options */
    const char *name; /* what it calls itself */
    uint64_t height, time_ms;
    const struct tn_market_head *markets;
    uint32_t markets_count;
};
struct tn_news_logged_on {
    uint32_t account;
    uint32_t scope; /* enum tn_scope */
    uint64_t expires_ms;
    uint64_t nonce_top;
    bool is_resumed; /* the account's stream goes on where it stood; else it begins at `at` */
    struct tn_place at;
    struct tn_tokens tokens;
};
struct tn_news_disconnected {
    uint32_t node;
    const char *why;          /* what was attempted, on what, why it failed */
    int64_t retry_ms;         /* until the next attempt; -1: closed for good */
    uint32_t ambiguous_count; /* frames of which TN_FRAME_AMBIGUOUS was or will be told */
    bool is_moving;           /* for the node of the leader that is followed */
};
struct tn_news_error {
    uint32_t code; /* client_errors.h says its name, a sentence, what to do */
    const char *text;
    bool is_retriable;
    bool is_closing; /* the connection ends with this */
};
enum tn_item_answer {
    TN_ITEM_TAKEN = 0,
    TN_ITEM_KNOWN = 1,
    TN_ITEM_INVALID = 2,
    TN_ITEM_NO_ROOM = 3
};
struct tn_news_item {
    uint8_t answer; /* enum tn_item_answer */
};
struct tn_news_standby {
    bool is_held;    /* the node holds one; false: it was void, another one is being signed */
    uint16_t reject; /* of one that was void: why */
};
struct tn_news_subscribed {
    uint32_t market;
    uint8_t channel; /* enum tn_channel */
    uint32_t series_count;
};

/* Of a client that follows a leader. While it is not HERE, soft channels of the market tell
 * nothing, and what they told last may never have been: it counts no more. */
enum tn_leader_state {
    TN_LEADER_SOUGHT = 1,
    TN_LEADER_HERE = 2, /* this connection is to it; soft channels begin anew */
    TN_LEADER_NONE = 3, /* it was not found within the bound; the connection stays as it is */
};
struct tn_news_leader {
    uint32_t market;
    uint8_t state;       /* enum tn_leader_state */
    uint32_t term, node; /* HERE: index of the node in the options */
    const char *text;    /* HERE: its address; NONE: why */
};

struct tn_client_news {
    uint8_t kind; /* enum tn_news_kind */
    uint64_t tag; /* of what is answered; UINT64_MAX: nothing was asked */
    union {
        struct tn_news_connected connected;
        struct tn_news_logged_on logged_on;
        struct tn_news_disconnected disconnected;
        struct tn_news_error error;
        struct {
            uint64_t height;
        } pong;
        struct tn_frame_news frame;
        struct tn_news_item item;
        struct tn_account_event account;
        struct {
            uint64_t height, time_ms;
        } head;
        struct tn_news_standby standby;
        struct tn_news_subscribed subscribed;
        struct tn_cluster_news cluster;
        struct {
            uint32_t market;
            const struct tn_instrument *list;
            uint32_t count;
            bool more; /* ask again after the last one's id */
        } instruments;
        struct tn_chain_news chain;
        struct tn_book_news book;
        struct {
            const struct tn_trade *list;
            uint32_t count;
        } trades;
        struct tn_account_state account_state;
        struct {
            uint32_t account;
            const struct tn_open_order *list;
            uint32_t count;
            bool more; /* ask again after the last order's id */
        } orders_open;
        struct {
            uint32_t market;
            uint8_t owner[20];
            const uint32_t *accounts;
            uint32_t count;
            bool more; /* ask again after the last account */
        } owner;
        struct tn_margin_news margin;
        struct tn_block_news block;
        struct {
            const uint8_t *proof, *certificate;
            size_t proof_size, certificate_size;
            uint64_t height;
        } proof;
        struct {
            uint64_t epoch, next; /* of the first; the first that is not here */
            const uint8_t *ends;  /* docs/specs/sequencer.md §6.1 */
            size_t ends_size;
        } handovers;
        struct {
            uint32_t market;
            const struct tn_liquidation_news *list;
            uint32_t count;
            bool more; /* ask again after the last account */
        } liquidations;
        struct tn_session_state session;
        struct tn_instrument instrument;
        struct tn_ticker ticker;
        struct tn_order_book_news order_book;
        struct tn_trade trade;
        struct tn_marks_news marks;
        struct tn_liquidation_news liquidation;
        struct tn_soft_end_news soft_end;
        struct tn_news_leader leader;
    } as;
};

#endif
