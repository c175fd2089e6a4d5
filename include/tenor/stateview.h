/* stateview: what stands in a market, to look at: series with their marks, orders, positions,
 * accounts in liquidation, and what margin would be after a change. For market data, questions of
 * clients, tools and tests; nothing here changes anything.
 *
 * Prices are in ticks, quantities in lots, money in micros. Slots of series and of orders are this
 * process's own numbers: good until the next entry. */
#ifndef TENOR_STATEVIEW_H
#define TENOR_STATEVIEW_H

#include "tenor/exchange.h"
#include "tenor/margin.h"

/* ---- Series ------------------------------------------------------------------------------------
 */

struct tn_underlying_view {
    const char *symbol;                        /* of the exchange */
    tn_micros index_micros;                    /* of one unit; -1: not set yet */
    const struct tn_contract *option, *linear; /* of the exchange */
};
/* number: 1 .. how many there are; false past the end. */
bool tn_exchange_underlying_view(const struct tn_exchange *exchange,
                                 struct tn_underlying_view *view, uint32_t number);

/* A series and its mark: zero where it has none yet. */
struct tn_listed_view {
    uint64_t id;
    uint32_t slot; /* also the index of its records */
    enum tn_status status;
    uint32_t book; /* in tn_exchange_books */
    tn_micros micros_per_tick;
    const struct tn_contract *contract; /* of the exchange */
    bool is_marked;
    tn_micros mark_micros;    /* of one lot */
    tn_micros forward_micros; /* of one unit */
    tn_micros vega_micros;    /* of one lot, per volatility point */
    int32_t delta_ppb, vol_ppm;
    int64_t rate_ppb;             /* a year */
    int64_t left_ms;              /* to expiry, from the last BLOCK on; 0: perpetual, or over */
    tn_ticks band_low, band_high; /* prices on tick that buys (high) and sells (low) may have; 0:
                                     none */
    tn_lots open_interest;
    int64_t funding_index;
    tn_micros settlement_micros; /* what one long lot receives; 0 before SETTLING */
};
/* Slots 0 .. count − 1, in no order; every one holds a series. */
uint32_t tn_exchange_slots_count(const struct tn_exchange *exchange);
void tn_exchange_listed_at(const struct tn_exchange *exchange, struct tn_listed_view *view,
                           uint32_t slot);
/* False: there is no such series. */
bool tn_exchange_listed(const struct tn_exchange *exchange, struct tn_listed_view *view,
                        uint64_t series_id);

/* ---- Orders ------------------------------------------------------------------------------------
 */

struct tn_order_view {
    uint64_t order_id;
    uint64_t client_id; /* that it came under; 0: none, or no longer remembered */
    uint64_t series_id;
    uint32_t account, label;
    tn_ticks price; /* of a stop its trigger */
    tn_lots open;   /* visible and hidden */
    tn_lots visible;
    uint8_t side; /* enum tn_side */
    bool is_quote, is_stop;
};
/* An order that rests, or a stop that waits, by its slot in tn_exchange_books: from tn_book_find,
 * tn_book_front, tn_book_after. */
void tn_exchange_order_at(const struct tn_exchange *exchange, struct tn_order_view *view,
                          uint32_t slot);
/* Orders and stops of an account with ids above `after`, by id: up to views_max; returns how many.
 * O(orders of the account). */
uint32_t tn_exchange_orders_of(const struct tn_exchange *exchange, struct tn_order_view *views,
                               uint32_t views_max, uint32_t account, uint64_t after);

/* ---- Accounts ----------------------------------------------------------------------------------
 */

/* Accounts of an owner above `after`, which is one of them (TN_NONE: from the first), ascending;
 * returns how many; none if `after` is somebody else's. O(accounts returned). */
uint32_t tn_exchange_accounts_of(const struct tn_exchange *exchange, uint32_t *accounts,
                                 uint32_t accounts_max, const uint8_t owner[TN_OWNER_SIZE],
                                 uint32_t after);

struct tn_position_view {
    uint64_t series_id;
    struct tn_position position;
    tn_micros mark_micros; /* of one lot; 0: none yet */
    tn_micros value;       /* at the mark; of a perpetual less the funding that it owes */
    tn_micros delta; /* value of the units of the underlying that it moves with, at its forward */
};
/* Positions of an account in no order, up to views_max; returns how many. An account has at most
 * limits.exposures_per_account_max. */
uint32_t tn_exchange_positions_of(const struct tn_exchange *exchange,
                                  struct tn_position_view *views, uint32_t views_max,
                                  uint32_t account);

struct tn_liquidation_view {
    uint32_t account;
    uint8_t stage;        /* enum tn_liquidation, not NONE */
    tn_micros equity, mm; /* as of its last judgement; mm: the balance */
};
/* Accounts being wound down, above `after` (TN_NONE: from the first), ascending; returns how many;
 * none where margin is off. *looked: the words of an index that were read for it; O(that and the
 * accounts returned), two words an account and one for each 4 096 accounts that there may be. */
uint32_t tn_exchange_liquidations(const struct tn_exchange *exchange,
                                  struct tn_liquidation_view *views, uint32_t *looked,
                                  uint32_t views_max, uint32_t after);

/* ---- What if -----------------------------------------------------------------------------------
 */

#define TN_TRIALS_MAX 256
struct tn_trial {
    uint64_t series_id;
    tn_lots traded;             /* signed lots that change hands at once, */
    tn_ticks price;             /* at this price; 0: at the mark */
    tn_lots bid_lots, ask_lots; /* orders that come to rest, at the mark rounded to a tick */
};
struct tn_margin_state {
    tn_micros equity;
    tn_micros im;            /* initial margin asked for, open orders included: equity − m */
    tn_micros mm;            /* maintenance margin asked for: equity − its balance */
    uint32_t worst_scenario; /* of the underlying that is hit most; TN_NONE: none */
};
struct tn_what_if {
    struct tn_margin_state before, after;
    enum tn_reject reject;  /* what a command that does all of it at once would be told; NONE */
    tn_micros shortfall;    /* MARGIN_SHORT, CASH_NEGATIVE: what is missing */
    uint32_t trial_refused; /* the trial that cannot be made (reject says why), or TN_NONE: then
                               `after` is as `before` */
};
/* The account as it stands, with all trials made. The admission of commands asks the same
 * functions. False: there is no such account. Costs up to two evaluations of the account, O(its
 * positions and orders, trials). */
bool tn_exchange_what_if(const struct tn_exchange *exchange, struct tn_what_if *what,
                         uint32_t account, const struct tn_trial *trials, uint32_t trials_count);

#endif
