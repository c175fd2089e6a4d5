/* entry: what goes into the exchange. A market's history is a list of these and nothing else.
 *
 * Entries are plain structs; arrays inside them belong to the caller and are read only during
 * tn_exchange_apply. Every field may hold any value: what makes no sense is rejected. The rules, in
 * the order in which they are checked, are in docs/specs/exchange.md. */
#ifndef TENOR_ENTRY_H
#define TENOR_ENTRY_H

#include "tenor/base.h"
#include "tenor/command.h"
#include "tenor/product.h"
#include "tenor/risk.h"

#define TN_OWNER_SIZE  20
#define TN_LISTING_MAX 64
#define TN_MARKS_MAX   256

/* ---- Entries ----------------------------------------------------------------------------------
 */

enum tn_entry_kind {
    TN_ENTRY_FRAME = 1,   /* commands of one account, signature already verified */
    TN_ENTRY_BLOCK = 2,   /* time goes on */
    TN_ENTRY_SWEEP = 3,   /* does up to `units` of the work that runs in slices */
    TN_ENTRY_MARKS = 4,   /* mark prices and greeks of series */
    TN_ENTRY_INDEX = 5,   /* the price of an underlying */
    TN_ENTRY_ACCOUNT = 6, /* opens the next account */
    TN_ENTRY_DEPOSIT = 7,
    TN_ENTRY_UNDERLYING = 8, /* defines the next underlying */
    TN_ENTRY_FEES = 9,       /* changes the fees of an underlying */
    TN_ENTRY_LIST = 10,      /* lists one series: perpetuals, and what governance wants */
    TN_ENTRY_LISTING = 11,   /* lists what the rules ask for at an expiry, given strike deltas */
    TN_ENTRY_STATUS = 12,    /* a step of the status machine */
    TN_ENTRY_UNCROSS = 13,   /* ends an auction at a single price */
    TN_ENTRY_FUNDING = 14,   /* advances a perpetual's funding index */
    TN_ENTRY_SETTLE = 15,    /* the settlement price of an expiry */
    TN_ENTRY_ASSET = 16,     /* defines the next collateral asset */
    /* Where the margin engine is on (limits.expiries_max > 0): */
    TN_ENTRY_FEEDER = 17, /* admits or dismisses a feed signer */
    TN_ENTRY_REPORT = 18, /* what a signer reports of one feed */
    TN_ENTRY_RISK = 19,   /* new risk parameters from a block on */
    TN_ENTRY_LIQ = 20,    /* up to `units` slices of liquidation */
    TN_ENTRY_INSURE = 21, /* pays into the insurance fund */
};

enum tn_feed {
    TN_FEED_SPOT = 0,    /* of an underlying */
    TN_FEED_FORWARD = 1, /* of an expiry */
    TN_FEED_VOL = 2,     /* of an expiry: a surface */
    TN_FEED_RATE = 3,    /* of an expiry */
    TN_FEED_STABLE = 4,  /* the cash asset's own price; underlying and expiry 0 */
};
#define TN_SIGNERS_MAX 32

struct tn_report {
    uint16_t signer; /* 1 .. TN_SIGNERS_MAX */
    uint16_t underlying;
    uint16_t expiry_day;
    uint8_t feed;              /* enum tn_feed */
    int32_t confidence_ppm;    /* 0 .. 10^6 */
    uint64_t sequence;         /* rises with every report of this signer on this feed */
    int64_t time_ms;           /* when it was observed; not after the last block */
    int64_t value;             /* spot, forward: micros; rate: ppb a year; stable: ppm */
    struct tn_surface surface; /* VOL only */
};

struct tn_mark {
    uint64_t series_id;
    tn_micros mark_micros;    /* of one lot, ≥ 0 */
    tn_micros forward_micros; /* of one unit of the underlying at this expiry, > 0 */
    int32_t delta_ppb;        /* -10^9 .. 10^9 */
    tn_micros vega_micros;    /* of one lot per volatility point (1 %), ≥ 0 */
    int32_t vol_ppm;          /* ≥ 0 */
};

struct tn_underlying {
    char symbol[TN_SYMBOL_SIZE];
    struct tn_contract option, linear; /* linear: futures and perpetuals */
    struct tn_fees option_fees, linear_fees;
    struct tn_listing_rules listing;
    uint32_t fifo_ppm;  /* share of a taker matched by time; the rest pro rata; 10^6 = pure FIFO */
    int64_t closing_ms; /* a series takes no orders in its last closing_ms */
    tn_micros block_minimum_micros; /* notional of a block trade */
};

struct tn_listing_strike {
    uint64_t strike;
    uint32_t delta_ppb; /* of the call */
};

struct tn_entry {
    uint8_t kind; /* enum tn_entry_kind */
    union {
        struct {
            const struct tn_command *commands;
            uint32_t commands_count;
            uint32_t account;
            uint64_t nonce;
            uint64_t valid_until_block;
        } frame;
        struct {
            uint64_t height;
            int64_t time_ms;
        } block;
        struct {
            uint32_t units;
        } sweep;
        struct {
            const struct tn_mark *marks;
            uint32_t marks_count;
        } marks;
        struct {
            uint16_t underlying;
            tn_micros price_micros;
        } index;
        struct {
            uint8_t owner[TN_OWNER_SIZE];
            uint8_t model; /* enum tn_margin_model */
        } account;
        struct {
            uint32_t account;
            uint32_t asset;
            tn_micros amount;
        } deposit;
        struct tn_underlying underlying;
        struct {
            uint16_t underlying;
            struct tn_fees option_fees, linear_fees;
        } fees;
        struct {
            uint64_t series_id;
        } list;
        struct {
            uint16_t underlying;
            uint16_t expiry_day;
            tn_micros forward_micros;
            const struct tn_listing_strike *strikes;
            uint32_t strikes_count;
        } listing;
        struct {
            uint64_t series_id;
            uint8_t status;
        } status;
        struct {
            uint64_t series_id;
        } uncross;
        struct {
            uint64_t series_id;
            int64_t index_delta;
        } funding; /* millionths of a micro per lot */
        struct {
            uint16_t underlying;
            uint16_t expiry_day;
            tn_micros price_micros;
        } settle;
        struct {
            uint32_t haircut_ppm;    /* off its value, in MM and IM */
            uint32_t im_haircut_ppm; /* and this more in IM */
            uint16_t underlying;     /* whose spot prices 10^6 of it; 0: always worth 1 */
        } asset;
        struct {
            uint16_t signer;
            uint8_t active;
        } feeder;
        struct tn_report report;
        struct {
            uint64_t height; /* the block that it takes effect with */
            const struct tn_risk *risk;
            const struct tn_scenario *scenarios;
            uint32_t scenarios_count;
        } risk;
        struct {
            uint32_t units;
        } liq;
        struct {
            tn_micros amount;
        } insure;
    } as;
};

#endif
