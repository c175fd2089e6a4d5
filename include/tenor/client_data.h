/* client_data: market data and answers of nodes, as plain structs.
 *
 * Units are the exchange's: prices in ticks and quantities in lots of their series, money in
 * micros, times in unix milliseconds, rates in ppm, unless a field says otherwise. Series, rejects,
 * reasons, events and states have the numbers of their own headers. Lists and texts live until
 * `heard` returns (client.h); a text is never NULL. */
#ifndef TENOR_CLIENT_DATA_H
#define TENOR_CLIENT_DATA_H

#include "tenor/base.h"
#include "tenor/event.h"

/* ---- Pieces ------------------------------------------------------------------------------------
 */

/* The index-th message of that block for the account, the same on every node. */
struct tn_place {
    uint64_t block;
    uint32_t index;
};
/* What is left of the account's allowances on this node. */
struct tn_tokens {
    uint32_t orders, quotes, queries; /* quotes: sides */
};
struct tn_market_head {
    uint32_t market, term;
    uint32_t leader;   /* index of its node, plus one; 0: none */
    uint64_t sequence; /* of the last final batch */
    uint64_t cursor;   /* height of the last block that the market has taken in */
};

enum tn_channel {
    TN_CHANNEL_BLOCKS = 1,       /* TN_NEWS_BLOCK */
    TN_CHANNEL_INSTRUMENTS = 2,  /* TN_NEWS_INSTRUMENT */
    TN_CHANNEL_TICKER = 3,       /* TN_NEWS_TICKER, per series */
    TN_CHANNEL_BOOK = 4,         /* TN_NEWS_BOOK, per series */
    TN_CHANNEL_ORDERS = 5,       /* TN_NEWS_ORDER_BOOK, per series */
    TN_CHANNEL_TRADES = 6,       /* TN_NEWS_TRADE, per series */
    TN_CHANNEL_MARKS = 7,        /* TN_NEWS_MARKS */
    TN_CHANNEL_LIQUIDATIONS = 8, /* TN_NEWS_LIQUIDATION */
    /* What the desk has applied, before it is final; at the node that leads the market alone, and
     * TN_NEWS_SOFT_END takes it back. */
    TN_CHANNEL_BOOK_SOFT = 9,    /* TN_NEWS_BOOK with is_soft, per series */
    TN_CHANNEL_TRADES_SOFT = 10, /* TN_NEWS_TRADE with is_soft, per series */
    TN_CHANNEL_ORDERS_SOFT = 11, /* TN_NEWS_ORDER_BOOK with is_soft, per series */
    TN_CHANNEL_TICKER_SOFT = 12, /* TN_NEWS_TICKER with is_soft, per series */
};

/* A place in a market's stream. */
struct tn_soft_place {
    uint32_t term;
    uint64_t sequence; /* of the batch */
    uint32_t index;    /* of the entry in it */
};

/* ---- Market data -------------------------------------------------------------------------------
 * Nothing of a channel, of that series, lies between prev_seq and seq: a message follows another
 * one of seq s when prev_seq <= s < seq, and there is a gap when prev_seq > s. */

struct tn_tick_step { /* prices from this one on are multiples of `step` */
    tn_ticks from, step;
};

struct tn_instrument {
    uint64_t series_id;
    const char *name;
    uint32_t market;
    uint8_t status; /* enum tn_status */
    uint8_t kind;   /* enum tn_series_kind */
    tn_micros micros_per_tick;
    int64_t expiry_ms; /* 0: perpetual */
    tn_micros strike_micros;
    const char *underlying;
    uint32_t underlying_id; /* as in series ids */
    uint32_t expiry_day;    /* days since 1970; 0: perpetual */
    int64_t lots_per_unit;  /* lots that make one unit of the underlying */
    tn_micros tick_micros;  /* one tick of one unit */
    const struct tn_tick_step *steps;
    uint32_t steps_count;
    tn_micros settlement_micros;
    uint64_t seq, prev_seq;
};
struct tn_ticker {
    uint64_t series_id;
    uint32_t market;
    uint8_t status; /* enum tn_status */
    tn_ticks bid_price, ask_price;
    tn_lots bid_quantity, ask_quantity; /* 0: none */
    tn_micros mark_micros;              /* of one lot */
    tn_lots open_interest;
    tn_ticks last_price; /* 0: no trade yet */
    int64_t iv_ppm, delta_ppb, gamma_ppt;
    tn_micros vega_micros, theta_micros; /* of one unit */
    uint64_t volume;                     /* lots since the node came up */
    tn_ticks band_low, band_high;        /* that orders may have now */
    uint64_t seq, prev_seq;
    const char *name; /* in a chain only */
    /* Soft: marks, greeks, open interest and band are 0, of final blocks alone; last price and
     * volume are of trades that were told softly, none of them of before a TN_NEWS_SOFT_END. */
    bool is_soft, is_reverted;
    struct tn_soft_place soft;
};
struct tn_level {
    tn_ticks price;
    tn_lots quantity; /* 0 in a change: the level is gone */
};
struct tn_book_news { /* client_book.h keeps a book from these */
    uint64_t series_id;
    uint32_t market;
    uint64_t seq, prev_seq;
    bool is_snapshot, has_crc;
    uint32_t crc;
    const struct tn_level *bids, *asks; /* best first */
    uint32_t bids_count, asks_count;
    uint64_t block, time_ms;
    bool is_soft;
    bool is_reverted;          /* soft: a snapshot in place of changes that were taken back */
    struct tn_soft_place soft; /* every entry before this place is in it */
};
struct tn_book_order {
    uint64_t order_id;
    uint8_t side;
    bool is_last; /* stands last at its price now */
    tn_ticks price;
    tn_lots quantity; /* visible; 0: gone */
};
struct tn_order_book_news {
    uint64_t series_id;
    uint32_t market;
    uint64_t seq, prev_seq;
    bool is_snapshot;
    bool more; /* the next message goes on with this one */
    const struct tn_book_order *orders;
    uint32_t orders_count;
    uint64_t block, time_ms;
    bool is_soft, is_reverted; /* as of a book */
    struct tn_soft_place soft;
};
struct tn_trade {
    uint64_t series_id;
    uint32_t market;
    tn_ticks price;
    tn_lots quantity;
    uint8_t taker;  /* enum tn_side */
    uint32_t flags; /* TN_EVENT_PACKAGE, _BLOCK, _AUCTION, _FORCED */
    uint64_t block, time_ms, seq, prev_seq;
    uint64_t maker_order_id; /* of the order that stood; 0: none (a block trade) */
    bool is_soft;
    struct tn_soft_place soft; /* of the entry that brought it about */
};
/* What was told softly of the market, of this term or an earlier one, at a sequence above this one
 * may never have been. Snapshots follow if the node goes on leading, else TN_NEWS_ERROR. */
struct tn_soft_end_news {
    uint32_t market, term;
    uint64_t sequence; /* of the last final batch */
};
struct tn_mark_news {
    uint64_t series_id;
    tn_micros mark_micros; /* of one lot */
    int64_t funding_index;
};
struct tn_index_news {
    uint32_t underlying;
    tn_micros index_micros; /* of one unit */
};
struct tn_marks_news {
    uint32_t market;
    uint64_t block, time_ms, seq, prev_seq;
    bool more;                        /* the next message goes on with this one */
    const struct tn_mark_news *marks; /* those that changed */
    const struct tn_index_news *indexes;
    uint32_t marks_count, indexes_count;
};
struct tn_liquidation_news {
    uint32_t market, account;
    uint8_t state; /* enum tn_liquidation */
    tn_micros equity_micros, maintenance_micros;
    struct tn_event event; /* kind 0 in an answer */
    uint64_t block, time_ms, seq, prev_seq;
};

/* ---- Answers -----------------------------------------------------------------------------------
 */

struct tn_cluster_node {
    uint32_t index;
    uint8_t key[33];
    uint64_t weight;
    const char *clients; /* host:port; "": not known */
    bool is_this;
};
struct tn_cluster_news {
    uint8_t chain_id[32];
    uint64_t epoch, height, final_height;
    uint64_t governance_number, deposit_number; /* the last ones used */
    const struct tn_cluster_node *nodes;
    const struct tn_market_head *markets;
    uint32_t nodes_count, markets_count;
};
struct tn_chain_news {
    uint32_t market, underlying, expiry_day;
    tn_micros forward_micros;
    uint64_t time_ms;
    const struct tn_ticker *rows; /* by strike, call before put */
    const uint32_t *expiry_days;  /* that there are */
    uint32_t rows_count, expiry_days_count;
};
struct tn_position_state {
    uint64_t series_id;
    tn_lots quantity;
    tn_micros cost_micros, mark_micros, value_micros;
    /* Where it stands when one on the other side is deleveraged (docs/protocol.md §8): 1 of adl_of
     * comes first, as of adl_block; 0: not counted yet. */
    uint64_t adl_rank, adl_block;
    uint32_t adl_place, adl_of;
};
/* The same as lamps: 5 for the first fifth of the queue, 1 for the last; 0: not known. */
static inline uint32_t tn_position_lamps(const struct tn_position_state *position)
{
    if (position->adl_place == 0 || position->adl_place > position->adl_of) return 0;
    return 5 - (uint32_t)((uint64_t)(position->adl_place - 1) * 5 / position->adl_of);
}
struct tn_collateral_state {
    uint32_t asset;
    int64_t amount;
};
struct tn_session_state {
    bool exists;
    uint32_t market, account, scope; /* enum tn_scope */
    uint64_t session, expires_ms;
    uint8_t key[33];
};
struct tn_account_state {
    bool exists;
    uint32_t market, account;
    uint8_t owner[20];
    uint8_t model;       /* enum tn_margin_model */
    uint8_t liquidation; /* enum tn_liquidation */
    tn_micros cash_micros, equity_micros, initial_micros, maintenance_micros, free_micros,
        delta_micros;
    uint64_t nonce_top, block;
    uint32_t orders_count;
    const struct tn_position_state *positions;
    const struct tn_collateral_state *collateral;
    const struct tn_session_state *sessions; /* that were not revoked */
    uint32_t positions_count, collateral_count, sessions_count;
};
struct tn_open_order {
    uint64_t order_id, client_id, series_id;
    uint8_t side;
    bool is_quote, is_stop; /* is_stop: price is its trigger */
    tn_ticks price;
    tn_lots quantity; /* open */
    uint32_t label;
};
struct tn_margin_state {
    tn_micros equity_micros, initial_micros, maintenance_micros;
    uint32_t worst_scenario;
};
struct tn_margin_news {
    uint32_t account;
    struct tn_margin_state before, after;
    tn_micros shortfall_micros; /* 0: the change would pass */
    const char *refused;        /* why it cannot be evaluated; else "" */
};
struct tn_block_news {
    bool exists;
    uint64_t height, time_ms, view, epoch;
    uint8_t hash[32], root[32];
    uint32_t proposer, batches;
    const struct tn_market_head *markets;
    uint32_t markets_count;
};

#endif
