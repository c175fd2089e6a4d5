/* feed_internal: the parts of the feed, for its own files.
 *
 * One block at a time: steps change the mirror and note what they touch (feed_mirror.c); at the end
 * of the block each touched thing is told once (feed_block.c), in this order: instruments,
 * liquidations, trades, marks, then for each series its book, orders and ticker, then the block.
 * Between blocks, and only then, clients are paid what they are owed (feed_pay.c). */
#ifndef NODE_GATEWAY_FEED_INTERNAL_H
#define NODE_GATEWAY_FEED_INTERNAL_H

#include "gateway/feed.h"
#include "tenor/book.h"

/* What a series has subscribers to. Of BOOK one kind for each depth, the deepest last. */
enum feed_kind {
    FEED_INSTRUMENT,
    FEED_TRADES,
    FEED_TICKER,
    FEED_ORDERS,
    FEED_BOOK, /* the first of them */
};
#define X(depth) +1
enum { FEED_DEPTHS = 1 FEED_DEPTH_TABLE(X) };
#undef X
enum { FEED_KINDS = FEED_BOOK + FEED_DEPTHS, FEED_CHANNELS = 9 };
/* Indexes of one market; instruments of one answer. */
enum { FEED_INDEXES_MAX = 255, FEED_PAGE = 2048 };

/* What a market, or the chain, has subscribers to. */
enum feed_wide { FEED_MARKS, FEED_LIQUIDATIONS, FEED_WIDES };

#define FEED_NOWHERE UINT64_MAX /* no place in a history */

/* Numbers of histories: the block and the place in it. Past 2^20 - 1 they stand still. */
#define FEED_INDEX_BITS 20
#define FEED_INDEX_MAX  ((UINT64_C(1) << FEED_INDEX_BITS) - 1)

/* A price of one side that the block has touched, and what stood there before. */
struct feed_level {
    tn_ticks price;
    tn_lots before;
    uint32_t series, hash_next, next; /* next: of the series */
    uint8_t side;
};

/* An order that the block has touched. */
struct feed_order {
    uint64_t id;
    tn_ticks price;          /* that it had when it went */
    uint32_t slot;           /* in the books; TN_NONE: gone */
    uint32_t next, previous; /* of the series, in the order in which the last ones came */
    uint8_t side;
    bool was;  /* there when the block began */
    bool last; /* has lost its place, or is new */
};

enum feed_dirt {
    FEED_DIRTY = 1, /* in the list */
    FEED_DIRTY_INSTRUMENT = 2,
    FEED_DIRTY_TICKER = 4,
    FEED_DIRTY_MARK = 8,
    FEED_FLOODED = 16, /* more changes than can be noted: it is told anew as a whole */
};

struct feed_series {
    uint64_t id; /* 0: free */
    uint32_t hash_next;
    uint8_t dirt; /* of enum feed_dirt */
    bool stale;   /* not in a part of the snapshot yet: its changes are left alone */
    bool broken;  /* lacks orders for want of room */
    bool has_greeks;
    uint32_t levels_head;              /* touched */
    uint32_t orders_head, orders_tail; /* touched */
    uint32_t levels_count[2];          /* as of the last block */
    uint64_t seq[FEED_KINDS];          /* of the last message; TRADES: of the last trade */
    uint64_t settled;                  /* the how manieth to be so; 0: it is not */
    tn_ticks last_price;
    uint64_t last_trade; /* its number in the history, from 1; 0: none since it was listed here */
    tn_lots volume;
    struct port_series told;
    struct port_mark mark;
    struct tn_greeks greeks; /* of the mark, if has_greeks */
};

struct feed_trade {
    uint64_t series_id, block, seq, prev_seq;
    uint64_t before; /* number of the series' trade before it, perhaps of one that is gone */
    uint64_t maker_order_id;
    int64_t time_ms;
    tn_ticks price;
    tn_lots quantity;
    uint32_t series;
    uint8_t taker, flags;
    struct feed_place place; /* soft: of its entry */
};

struct feed_liquidation {
    struct tn_event event;
    uint64_t block, seq, prev_seq;
    int64_t time_ms;
};

/* Who has subscribed to something, and who is owed it: bits by subscriber. */
struct feed_interest {
    uint32_t *count;
    uint64_t *members, *owed;
};

struct feed_market {
    struct feed_market_limits limits;
    struct feed *feed;
    struct tn_books *books;
    void *books_memory;
    struct feed_series *series;
    uint32_t *series_buckets;                        /* by id */
    uint32_t series_mask, series_used, series_count; /* places: twice series_max */
    uint64_t settled_count;

    struct feed_level *levels; /* touched in this block */
    uint32_t *level_buckets;
    uint32_t levels_used, levels_max, levels_mask;
    struct feed_order *orders; /* touched in this block */
    uint32_t *order_of;        /* slot of the books to touched order, if that names the slot */
    uint32_t orders_used, orders_max;
    uint32_t *dirty;
    uint32_t dirty_count;

    struct feed_trade *trades;
    uint64_t trades_count, trades_told; /* so far; told to clients */
    struct feed_liquidation *liquidations;
    uint64_t liquidations_count, liquidations_told, liquidations_seq;
    uint64_t marks_seq;
    bool has_marks; /* a MARK in this block */
    struct port_index *indexes;
    uint32_t indexes_count;

    uint32_t *kind_count; /* members of series × kind */
    uint64_t *kind_bits;  /* members and owed of series × kind */
    uint32_t wide_count[FEED_WIDES];
    uint64_t *wide_bits;
};

/* What a subscriber has in one market. */
struct feed_share {
    uint64_t request[FEED_CHANNELS];         /* of the Subscribe that it began with */
    uint32_t count[FEED_KINDS];              /* series */
    uint8_t all[FEED_CHANNELS];              /* all series: the kind plus one */
    uint64_t trades_from, liquidations_from; /* owed from there on; FEED_NOWHERE: nothing */
};

struct feed_subscriber {
    uint32_t client; /* plus one; 0: free */
    bool full;       /* its queue: nothing is tried until feed_ready */
    bool reverted;   /* what it is owed stands in place of what was taken back */
    uint32_t owed;   /* bits of it that are set */
    struct {
        uint32_t market, kind, series;
    } paid; /* what stands before this place owes nothing */
    bool blocks;
    uint64_t blocks_from, blocks_request;
    struct feed_share *shares; /* by market */
};

/* Prices of one side, best first, and what stood and stands there. */
struct feed_change {
    tn_ticks price;
    tn_lots before, now;
};
struct feed_ladder {
    struct feed_change *changes;
    uint32_t count;
};

enum { FEED_STATE_EMPTY, FEED_STATE_LOADING, FEED_STATE_WHOLE };

/* The tick schedule of an instrument. */
struct feed_steps {
    Tenor__V1__TickStep items[TN_TICK_STEPS_MAX];
    Tenor__V1__TickStep *list[TN_TICK_STEPS_MAX];
};

struct feed {
    struct feed_options options;
    struct feed_market markets[TN_CHAIN_MARKETS_MAX];
    uint8_t state;
    bool in_block;   /* steps were taken in whose block is not told yet */
    uint64_t height; /* of the last block told; soft: the last round */
    int64_t time_ms;
    struct feed_place place; /* soft: that the next entry takes */

    struct feed_subscriber *subscribers;
    struct feed_share *shares;
    uint32_t *slot_of; /* client to subscriber, plus one */
    uint32_t subscribers_used, words;
    uint64_t *chain_bits; /* of BLOCKS */
    uint32_t chain_count;
    bool pending;  /* somebody may be owed something that can be paid */
    uint32_t work; /* of paying, that is left in this turn */

    struct port_block *blocks;
    uint64_t blocks_count;

    /* Working room. */
    struct tn_book_level *depth;
    uint8_t *crc_bytes;
    struct feed_ladder ladder[2], shown[2];
    struct feed_change *merged;
    Tenor__V1__Level *level_items;
    Tenor__V1__Level **level_list;
    Tenor__V1__BookOrder *order_items;
    Tenor__V1__BookOrder **order_list;
    Tenor__V1__Mark *mark_items;
    Tenor__V1__Mark **mark_list;
    Tenor__V1__Instrument *instrument_items;
    Tenor__V1__Instrument **instrument_list;
    struct feed_steps *instrument_steps;
    uint64_t *ids;
    uint8_t *out;
    size_t out_room;
    struct feed_counters counters;
    void *memory;
    size_t memory_size;
};

extern const uint32_t feed_depths[FEED_DEPTHS];

/* ---- feed_mirror.c ---- */
struct feed_market *feed_market_of(struct feed *feed, uint32_t market);
uint32_t feed_series_find(const struct feed_market *market, uint64_t id);
/* Series that the exchange has no more, of those that were settled first. */
void feed_retire(struct feed_market *market);
/* All that the block has touched is told. */
void feed_clean(struct feed_market *market);

/* ---- feed_ladder.c: prices of a side with what stood before this block, and what stands ---- */
/* Those that changed, best first. */
void feed_ladder_changed(struct feed_market *market, struct feed_ladder *ladder, uint32_t series,
                         uint8_t side);
/* How many levels stand before the best one that changed, up to FEED_DEPTH_ALL. */
uint32_t feed_ladder_rank(const struct feed_market *market, const struct feed_ladder *changed,
                          uint32_t series, uint8_t side);
/* What somebody who sees `depth` levels must be told: changes where `now` is what he sees. */
void feed_ladder_shown(struct feed_market *market, struct feed_ladder *shown,
                       const struct feed_ladder *changed, uint32_t series, uint8_t side,
                       uint32_t depth);
/* The best `depth` levels as they stood when the block began; returns how many. */
uint32_t feed_ladder_before(struct feed_market *market, struct feed_change *levels, uint32_t series,
                            uint8_t side, uint32_t depth);

/* ---- feed_messages.c: messages into feed->out; the size with its length, 0: it does not fit ----
 */
size_t feed_write(struct feed *feed, Tenor__V1__FromNode *message);
size_t feed_write_book(struct feed_market *market, uint32_t series, uint32_t depth_class,
                       const struct feed_ladder shown[2], uint64_t prev_seq);
size_t feed_write_book_snapshot(struct feed_market *market, uint32_t series, uint32_t depth_class,
                                bool reverted);
size_t feed_write_orders(struct feed_market *market, uint32_t series, uint64_t prev_seq);
size_t feed_write_orders_snapshot(struct feed_market *market, uint32_t series, bool reverted);
size_t feed_write_ticker(struct feed_market *market, uint32_t series, uint64_t prev_seq,
                         bool reverted);
size_t feed_write_instrument(struct feed_market *market, uint32_t series, uint64_t prev_seq);
size_t feed_write_marks(struct feed_market *market, uint64_t prev_seq, bool all);
size_t feed_write_trade(struct feed_market *market, const struct feed_trade *trade);
size_t feed_write_liquidation(struct feed_market *market, const struct feed_liquidation *item);
size_t feed_write_block(struct feed *feed, const struct port_block *block);
size_t feed_write_soft_end(struct feed_market *market, uint32_t term, uint64_t sequence);
void feed_fill_instrument(Tenor__V1__Instrument *message, struct feed_steps *steps,
                          const struct feed_market *market, const struct feed_series *series);
void feed_fill_trade(Tenor__V1__Trade *message, const struct feed_market *market,
                     const struct feed_trade *trade);

/* ---- feed_pay.c: subscribers, what they are sent, what they are owed ---- */
struct feed_interest feed_kind_interest(const struct feed_market *market, uint32_t series,
                                        uint32_t kind);
struct feed_interest feed_wide_interest(struct feed_market *market, enum feed_wide wide);
struct feed_interest feed_chain_interest(struct feed *feed);
struct feed_subscriber *feed_subscriber_of(struct feed *feed, uint32_t client);
/* Has it a member that is owed nothing here? Else a message of it need not be written. */
bool feed_is_heard(const struct feed *feed, struct feed_interest interest);
/* What is in feed->out, to all members that are owed nothing here; the others stay owed. */
void feed_tell(struct feed *feed, struct feed_interest interest, size_t size);
void feed_owe_all(struct feed *feed, struct feed_interest interest);
void feed_owe(struct feed *feed, struct feed_interest interest, uint32_t subscriber);
void feed_tell_trades(struct feed_market *market);
void feed_tell_liquidations(struct feed_market *market);
void feed_tell_blocks(struct feed *feed);
/* The series leaves the market. */
void feed_keep_trades(struct feed_market *market, uint32_t series);
/* Ends channels whose messages were lost. */
void feed_break_histories(struct feed *feed);
void feed_pay_all(struct feed *feed);
void feed_pay(struct feed *feed, uint32_t subscriber);

/* ---- feed_subscribe.c ---- */
/* Has the subscriber any series in this channel, or all that may come? */
bool feed_has_channel(const struct feed_market *market, uint32_t subscriber, uint32_t channel);
/* The series is new: who wants all has it too. It has gone: nobody has it. */
void feed_join(struct feed_market *market, uint32_t series);
void feed_leave(struct feed_market *market, uint32_t series);
/* Takes a channel of a market from a subscriber. */
void feed_drop_channel(struct feed_market *market, uint32_t subscriber, uint32_t channel);

#endif
