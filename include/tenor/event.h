/* event: what comes out of the exchange, in order. One flat struct for all kinds; fields that a
 * kind does not name are zero, so two streams can be compared byte by byte. */
#ifndef TENOR_EVENT_H
#define TENOR_EVENT_H

#include "tenor/base.h"

enum tn_event_kind {
    /* Ends a command: reject, order_id, quantity = filled, remaining = open, client_id, index = its
     * place in the frame; duplicate = 1 when the first result under this client id is repeated.
     * Mass quote: quantity = sides accepted; mass cancel, MMP cancel: quantity = orders cancelled
     * now, remaining = 1 if more follow in sweeps; package: quantity = units. MARGIN_SHORT and
     * COUNTERPARTY_SHORT: money = the shortfall. For entries other than frames account = TN_NONE.
     */
    TN_EVENT_RESULT = 1,
    /* An order exists: account, series, side, price, quantity (visible and hidden), client_id;
     * price = trigger and flag TN_EVENT_STOP while it waits for its trigger. */
    TN_EVENT_ACCEPTED = 2,
    /* A fill: order_id, account, side, fee of the taker; other_* of the maker; price, quantity;
     * remaining and other_remaining are open quantities after it. Flags say what kind of trade. */
    TN_EVENT_TRADE = 3,
    /* An order is gone: order_id, account, series, side, reason, quantity = what was open. */
    TN_EVENT_CANCELLED = 4,
    /* The open quantity fell without a trade: reason, quantity = by how much, remaining. */
    TN_EVENT_REDUCED = 5,
    /* An order has new terms: price, quantity = open; flag TN_EVENT_KEPT_PLACE if its place stays.
     */
    TN_EVENT_REPLACED = 6,
    /* An iceberg shows its next part at the end of its level: price, quantity = visible, remaining
     * = open.
     */
    TN_EVENT_REFRESHED = 7,
    /* A stop's mark was reached and its order enters the book: order_id, price = trigger. */
    TN_EVENT_TRIGGERED = 8,
    /* One side of a mass quote: index = 2 × quote + side, order_id (0 when none), reject, price,
     * quantity = filled at once, remaining = open; KEPT_PLACE if it kept its place. */
    TN_EVENT_QUOTED = 9,
    /* A protection group tripped: account, index = group, quantity = quotes cancelled. */
    TN_EVENT_PROTECTED = 10,
    /* series, index = new status, other_index = old status. */
    TN_EVENT_STATUS = 11,
    /* series was listed; index = its status. */
    TN_EVENT_LISTED = 12,
    /* A position was settled: account, series, quantity = signed lots, money = received. */
    TN_EVENT_SETTLED = 13,
    /* Funding: account, series, money = paid (negative: received), quantity = signed lots. */
    TN_EVENT_FUNDED = 14,
    /* Cash or collateral moved: account, other_account (TN_NONE: the world), index = asset, money.
     */
    TN_EVENT_MONEY = 15,
    /* An account was opened: account. */
    TN_EVENT_OPENED = 16,
    /* An auction's price: series, price, quantity = volume; price 0 = nothing crossed;
     * flag TN_EVENT_REPEATED: outside the band, the auction goes on, index = times so far. */
    TN_EVENT_UNCROSSED = 17,
    /* ---- Where the margin engine is on ---- */
    /* A MARK: quantity = accounts to sweep, order_id = its number. */
    TN_EVENT_MARKED = 18,
    /* A series or an expiry (series_id: its future, or perpetual) changed how fresh its feeds are:
     * index = new enum tn_freshness, other_index = the feed. */
    TN_EVENT_FEED = 19,
    /* An account's place in the waterfall changed: account, index = new enum tn_liquidation,
     * other_index = old; price = E, quantity = MM, remaining = m, other_remaining = R; fee = what
     * insurance has paid for it in this episode. */
    TN_EVENT_LIQUIDATION = 20,
    /* A slice of a liquidation: account, series, side, quantity = lots asked for, price = limit,
     * remaining = lots filled, money = MM and other_remaining = E before. Its TRADEs come first. */
    TN_EVENT_SLICE = 21,
    /* A bid took positions: account (seller), other_account (bidder), series, quantity = signed
     * lots. Then one with series 0: money = what the bidder paid, quantity = share in ppb,
     * remaining = cash that went with it. */
    TN_EVENT_SEIZED = 22,
    /* Deleveraged: account (bankrupt), other_account, series, quantity = signed lots that left the
     * account, money = price and price = mark of one lot in micros, remaining = rank of
     * other_account, other_remaining = E of account with all legs open. */
    TN_EVENT_DELEVERAGED = 23,
    /* The insurance fund paid (money > 0) or received: account. */
    TN_EVENT_INSURANCE = 24,
    /* What nobody could pay: account, money added to debt (negative: repaid). */
    TN_EVENT_DEBT = 25,
    /* A loss shared out: account, money = what it lost; price = its E, remaining = the debt,
     * other_remaining = what all E above 0 add up to. */
    TN_EVENT_SOCIALISED = 26,
    /* Risk parameters took effect: order_id = version. */
    TN_EVENT_RISK = 27,
    /* Interest on cash equity below zero: account, money. */
    TN_EVENT_BORROWED = 28,
    /* A margin call after a change of the MM factor: account, order_id = until when, unix ms. */
    TN_EVENT_CALLED = 29,
    /* Cash between markets (remit.h): account, other_account in market `index`. money < 0: it left;
     * > 0: it came in, or, with a reject, came back. account = TN_NONE: it came for other_index,
     * goes back, and `reject` says why. */
    TN_EVENT_REMITTED = 30,
};

/* How fresh the feeds of a series are. */
enum tn_freshness { TN_FRESH = 0, TN_LATE = 1, TN_STALE = 2 };

/* Where an account stands in the liquidation waterfall. */
enum tn_liquidation {
    TN_LIQUIDATION_NONE = 0,
    TN_LIQUIDATION_SLICES = 1,
    TN_LIQUIDATION_AUCTION = 2,
    TN_LIQUIDATION_INSOLVENT = 3, /* auction of an account with E ≤ 0 */
    TN_LIQUIDATION_ADL = 4,       /* to be deleveraged at the next MARK */
};

enum tn_reason {
    TN_REASON_REQUEST = 1, /* its owner cancelled it */
    TN_REASON_MASS_CANCEL = 2,
    TN_REASON_IMMEDIATE = 3, /* remainder of an IOC */
    TN_REASON_SELF_TRADE = 4,
    TN_REASON_EXPIRED = 5,
    TN_REASON_OCO = 6,         /* its sibling traded, triggered or went */
    TN_REASON_REDUCE_ONLY = 7, /* the position shrank */
    TN_REASON_PROTECTION = 8,  /* market-maker protection */
    TN_REASON_FILL_LIMIT = 9,  /* the command made its maximum of fills */
    TN_REASON_REQUOTED = 10,   /* a quote of quantity 0 */
    TN_REASON_SETTLEMENT = 11,
    TN_REASON_TRIGGER = 12, /* triggered, and then refused: `reject` of the event says why */
    TN_REASON_AUCTION = 13, /* reached in an uncross, its account short of equity */
    TN_REASON_MARGIN = 14,  /* initial margin fell below zero, and this order could lower it */
    TN_REASON_LIQUIDATION = 15,
};

enum {
    TN_EVENT_STOP = 1,
    TN_EVENT_KEPT_PLACE = 2,
    TN_EVENT_PACKAGE = 4, /* trade is a leg of a package */
    TN_EVENT_BLOCK = 8,   /* trade is a leg of a block trade: order ids are 0 */
    TN_EVENT_AUCTION = 16,
    TN_EVENT_REPEATED = 32,
    TN_EVENT_FORCED = 64, /* trade of a liquidation slice */
};

struct tn_event {
    uint8_t kind; /* enum tn_event_kind */
    uint8_t side; /* enum tn_side */
    uint8_t flags;
    uint8_t reason;  /* enum tn_reason */
    uint16_t reject; /* enum tn_reject */
    uint16_t duplicate;
    uint32_t account;
    uint32_t other_account;
    uint64_t series_id;
    uint64_t order_id;
    union {
        uint64_t client_id;
        uint64_t other_order_id;
    };
    tn_ticks price;
    tn_lots quantity;
    tn_lots remaining;
    tn_lots other_remaining;
    union {
        tn_micros fee; /* of account; negative = rebate */
        tn_micros money;
    };
    union {
        tn_micros other_fee;
        struct {
            uint32_t index;
            uint32_t other_index;
        };
    };
};
_Static_assert(sizeof(struct tn_event) == 88, "no padding: events are compared as bytes");

#endif
