/* mm: a market maker on the public client library alone, as an example and for test nets.
 *
 * setup.c gives it an account and a session, market.c knows the series and what they are worth,
 * inventory.c what it holds, soft.c what of that is not final yet, quote.c decides what to say and
 * says it, take.c is the other side for test nets, hear.c hands out the news, main.c has options,
 * the loop and the line a second. docs/market-making.md tells why it is as it is. */
#ifndef NODE_MM_MM_H
#define NODE_MM_MM_H

#include "tenor/client.h"
#include "tenor/client_net.h"
#include "tenor/pricing.h"

enum { END_OK = 0, END_FAILED = 1, END_USAGE = 2 }; /* of the program */

enum {
    MM_SERIES_MAX = 2048,
    MM_EXPIRIES_MAX = 128,
    MM_QUOTES_A_FRAME = 64,
    MM_FRAMES_MAX = 64,    /* that have no answer yet */
    MM_SENT_MAX = 8192,    /* more than frames can be on their way */
    MM_SAMPLES_MAX = 4096, /* of latency, a second */
    MM_FILLS_MAX = 4096,   /* soft ones that are not final yet */
    MM_AHEAD_MAX = 256,    /* trades of one block that were final before they were soft */
    MM_OLD_ORDERS = 16384, /* numbers of own orders that are remembered, a power of two */
};

struct mm_options {
    const char *net, *name, *key;
    uint64_t market, session, seconds, seed, node;
    uint64_t size;        /* lots a side */
    uint64_t spread_bps;  /* half of the spread: of the forward, x |delta|, in 10^-4 */
    uint64_t vol_bps;     /* and vega x this, in 10^-4 of volatility */
    uint64_t least_ticks; /* and at least this */
    uint64_t delta_limit; /* thousandths of a unit of the underlying */
    uint64_t vega_limit;  /* cash units a point of volatility */
    uint64_t requote_ppm; /* a quote is renewed when it is off by so much of half the spread */
    uint64_t refresh_ms;  /* or, at the latest, so old; 0: never for that */
    uint64_t deposit;     /* cash units, from a test net's faucet when the account is new */
    uint64_t take_ms;     /* --take: an order about each so many ms; 0: a maker */
    bool json, stay_quiet;
    bool final_only; /* --final */
};

struct mm_series {
    uint64_t id;
    char name[TN_SERIES_NAME_SIZE];
    uint8_t kind, status;
    uint32_t expiry; /* index; MM_EXPIRIES_MAX: a perpetual */
    int64_t expiry_ms, lots_per_unit;
    tn_micros strike_micros, tick_micros;
    struct tn_tick_schedule schedule;
    /* What the node last said of it: */
    bool is_known;         /* there is a mark */
    tn_micros mark_micros; /* of one unit, at the forward below */
    tn_micros forward_micros;
    int64_t vol_ppb;
    tn_ticks band_low, band_high, best_bid, best_ask;
    tn_lots best_bid_quantity, best_ask_quantity;
    /* Worked out, of one unit: */
    double fair, delta, vega; /* micros; -1 .. 1; micros a point */
    bool is_best_soft;        /* the best prices are of the leader's desk */
    /* Ours: */
    tn_lots position; /* final */
    tn_lots soft;     /* bought by trades that are not final yet; negative: sold */
    struct mm_side {
        uint64_t order_id;         /* 0: not known */
        struct tn_soft_place said; /* of the frame that the leader last told of it */
    } sides[2];
    tn_ticks bid, ask;                  /* as last sent; 0: no such side */
    tn_ticks bid_before, ask_before;    /* as sent before that */
    tn_lots bid_quantity, ask_quantity; /* open, as far as is known */
    int64_t quoted_ms;
};

struct mm_expiry {
    uint32_t underlying, day;
    tn_micros forward_micros, index_micros; /* forward as told, and the index at that time */
    int64_t asked_ms;
};

/* A trade of ours that the leader has told of, and no block yet. */
struct mm_fill {
    uint64_t order_id, series_id;
    tn_lots bought; /* negative: sold */
    struct tn_soft_place at;
    int64_t heard_us;
};

struct mm_sent {
    uint64_t nonce;
    int64_t sent_us;
    bool is_soft;
};

struct mm_figures {
    uint64_t frames, quotes, refused, rejects, soft, final, reverted, trades, volume, orders;
    uint64_t reconnects, protected;
    uint64_t soft_trades;             /* heard of before they were final */
    uint64_t soft_final, soft_undone; /* of these: that became so, that were taken back */
    uint64_t soft_late;               /* heard of afterwards */
    uint64_t soft_lead_us;            /* Σ by how much */
};

struct mm {
    struct mm_options options;
    struct tn_client_net net;
    struct tn_secret_key key; /* of the session */
    uint64_t session;
    uint32_t account;
    struct tn_client *client;
    struct mm_series series[MM_SERIES_MAX];
    uint32_t series_count;
    struct mm_expiry expiries[MM_EXPIRIES_MAX];
    uint32_t expiries_count, expiry_turn;
    tn_micros index_micros[TN_UNDERLYING_MAX + 1];

    int64_t now_ms, now_us, said_ms;
    bool is_ready; /* series and positions are known, on this connection */
    bool is_ended; /* nothing more is to be quoted */
    bool has_series, has_positions, has_changed;
    int64_t quiet_until_ms; /* protection tripped, or a limit was met */
    uint64_t positions_block;
    double delta_units, vega_micros; /* of the whole book */
    bool is_at_leader;
    struct mm_fill fills[MM_FILLS_MAX]; /* oldest first */
    uint32_t fills_count;
    struct mm_fill ahead[MM_AHEAD_MAX]; /* final since the last block, and not heard of softly */
    uint32_t ahead_count;
    uint64_t final_sequence;            /* of the market's last final batch */
    uint64_t old_orders[MM_OLD_ORDERS]; /* own order's number, by the number */
    tn_micros equity_micros, free_micros;
    struct mm_sent sent[MM_SENT_MAX];
    uint32_t waiting_count; /* frames that are not soft yet */
    uint64_t random;
    int64_t take_next_ms;

    struct mm_figures figures, last;
    int64_t reported_us, account_asked_ms;
    uint32_t samples[MM_SAMPLES_MAX];
    uint32_t samples_count;
    int end; /* of the program */
};

/* Tags of what the maker asks. */
enum {
    MM_TAG_FRAME = 1,
    MM_TAG_SERIES = 2,
    MM_TAG_CHAIN = 3,
    MM_TAG_ACCOUNT = 4,
    MM_TAG_MARKS = 5,
    MM_TAG_INSTRUMENTS = 6,
    MM_TAG_STOP = 7,
    MM_TAG_SOFT = 8,
};

/* ---- main.c */
void mm_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
uint64_t mm_random(struct mm *mm);
void mm_clock(struct mm *mm); /* sets now_us and now_ms */

/* ---- setup.c: finds or makes key, account, money and session. False: it said why. */
bool mm_setup(struct mm *mm);

/* ---- market.c */
void mm_market_begin(struct mm *mm);
void mm_market_heard(struct mm *mm, const struct tn_client_news *news);
/* Asks for what is old; one expiry a call. */
void mm_market_ask(struct mm *mm);
struct mm_series *mm_market_find(struct mm *mm, uint64_t series_id);
/* Works out what everything is worth now. */
void mm_market_value(struct mm *mm);

/* ---- hear.c: of tn_client_options. */
void mm_heard(void *context, const struct tn_client_news *news);

/* ---- soft.c */
/* Follows the leader, and listens to what is soft. */
void mm_soft_begin(struct mm *mm);
void mm_soft_heard(struct mm *mm, const struct tn_client_news *news);
/* A trade of ours is final. True: it was known, and is no more counted as soft. */
bool mm_soft_final(struct mm *mm, uint64_t order_id, uint64_t series_id, tn_lots bought);

/* ---- inventory.c */
void mm_inventory_heard(struct mm *mm, const struct tn_client_news *news);
void mm_inventory_ask(struct mm *mm);
/* Delta and vega of all positions. */
void mm_inventory_sum(struct mm *mm);

/* ---- quote.c */
void mm_quote_begin(struct mm *mm);
void mm_quote_heard(struct mm *mm, const struct tn_client_news *news);
void mm_quote(struct mm *mm);
void mm_quote_forget(struct mm *mm); /* nothing of ours is known to rest */
/* Sends commands and keeps when. */
bool mm_send(struct mm *mm, uint64_t tag, const struct tn_command *commands, uint32_t count);
void mm_cancel_all(struct mm *mm, uint64_t tag);

/* ---- take.c */
void mm_take(struct mm *mm);

#endif
