/* entry: what goes into the exchange. A market's history is a list of these and nothing else.
 *
 * Entries are plain structs; arrays inside them belong to the caller and are read only during
 * tn_exchange_apply. Every field may hold any value: what makes no sense is rejected. The rules, in
 * the order in which they are checked, are in docs/specs/exchange.md. */
#ifndef TENOR_ENTRY_H
#define TENOR_ENTRY_H

#include "tenor/base.h"
#include "tenor/product.h"

#define TN_OWNER_SIZE       20
#define TN_QUOTES_MAX       256
#define TN_PACKAGE_LEGS_MAX 8
#define TN_LISTING_MAX      64
#define TN_MARKS_MAX        256
#define TN_QUOTE_KEEP       (-1) /* a quote quantity: leave that side as it is */

/* ---- Commands: what an account asks for, inside a frame ---------------------------------------
 */

enum tn_order_type { TN_LIMIT = 0, TN_MARKET = 1 };
enum tn_tif { TN_GTC = 0, TN_IOC = 1, TN_FOK = 2, TN_GTB = 3, TN_GTT = 4 };
enum tn_post { TN_POST_NO = 0, TN_POST_REJECT = 1, TN_POST_REPRICE = 2 };
/* Self-trade prevention, by the taker's choice, when the next maker has the same owner. */
enum tn_stp {
    TN_STP_CANCEL_TAKER = 0,
    TN_STP_CANCEL_MAKER = 1,
    TN_STP_CANCEL_BOTH = 2,
    TN_STP_DECREMENT = 3,
};

struct tn_order_terms {
    uint64_t series_id;
    tn_ticks price; /* limit; for a market order the protection price, 0 = the band's edge */
    tn_lots quantity;
    tn_lots display;     /* iceberg: the part that shows; 0 = all of it */
    tn_ticks trigger;    /* stop: waits until the mark reaches this; 0 = none */
    int64_t until;       /* GTB: the last block height; GTT: unix ms at which it is gone */
    int32_t fee_max_ppm; /* the highest fee rate the client agrees to */
    uint32_t label;
    uint8_t side;        /* enum tn_side */
    uint8_t type;        /* enum tn_order_type */
    uint8_t tif;         /* enum tn_tif */
    uint8_t post;        /* enum tn_post */
    uint8_t reduce_only; /* 0 or 1 */
    uint8_t stp;         /* enum tn_stp */
};

/* Names a resting order: by the exchange's id, or, when that is 0, by the client id it came under.
 */
struct tn_order_ref {
    uint64_t order_id;
    uint64_t client_id;
};

/* Which orders a mass cancel means: all conditions whose bit is set in `by` must hold. */
enum {
    TN_BY_UNDERLYING = 1,
    TN_BY_EXPIRY = 2,
    TN_BY_SERIES = 4,
    TN_BY_SIDE = 8,
    TN_BY_LABEL = 16,
    TN_BY_ALL = 31
};
struct tn_mass_cancel {
    uint64_t series_id;
    uint32_t label;
    uint16_t underlying;
    uint16_t expiry_day;
    uint8_t side;
    uint8_t by;
};

struct tn_quote {
    uint64_t series_id;
    tn_ticks bid_price, ask_price;
    tn_lots bid_quantity, ask_quantity; /* 0 removes that side, TN_QUOTE_KEEP leaves it */
};
struct tn_mass_quote {
    const struct tn_quote *quotes;
    uint32_t quotes_count; /* 1 .. TN_QUOTES_MAX */
    int32_t fee_max_ppm;
    uint32_t label;
    uint8_t group;     /* market-maker protection group, 0 = none */
    uint8_t post_only; /* 1: a side that would trade is rejected; 0: it trades */
    uint8_t stp;       /* enum tn_stp */
};

struct tn_mmp_set {
    int64_t interval_ms;    /* 1 .. 3 600 000 */
    int64_t freeze_ms;      /* 0 = until reset */
    tn_lots quantity_limit; /* 0 = none */
    uint32_t trades_limit;  /* 0 = none */
    uint8_t group;          /* 1 .. 255 */
};

struct tn_leg {
    uint64_t series_id;
    tn_ticks price;   /* block trade only */
    tn_lots quantity; /* package: the ratio, lots per unit; block: lots */
    uint8_t side;     /* of the account that sends the command */
};
struct tn_package {
    struct tn_leg legs[TN_PACKAGE_LEGS_MAX];
    uint32_t legs_count; /* 2 .. 8 */
    int64_t units;
    tn_micros limit_micros; /* highest net payment per unit; negative = lowest net receipt */
    int32_t fee_max_ppm;
    uint8_t tif; /* TN_IOC or TN_FOK */
};
struct tn_block_trade {
    struct tn_leg legs[TN_PACKAGE_LEGS_MAX];
    uint32_t legs_count;   /* 1 .. 8 */
    uint32_t counterparty; /* account; takes the other side of every leg */
    uint64_t counterparty_nonce;
    int64_t expires_ms;
    int32_t fee_max_ppm; /* both sides agree to it: it is part of the hash both have signed */
};

/* tn_block_trade_encode writes the bytes whose keccak256 both owners sign, and returns their count
 * (0 when legs_count is out of range): layout and vectors in docs/specs/block-trade.md. `account`
 * and `nonce` are those of the frame that carries the command. */
#define TN_BLOCK_TRADE_BYTES_MAX (78 + 25 * TN_PACKAGE_LEGS_MAX)
size_t tn_block_trade_encode(uint8_t out[TN_BLOCK_TRADE_BYTES_MAX], const uint8_t chain_id[32],
                             uint32_t market, uint32_t account, uint64_t nonce,
                             const struct tn_block_trade *block);

enum tn_command_kind {
    TN_COMMAND_PLACE = 1,
    TN_COMMAND_PLACE_OCO = 2, /* terms[0] rests, terms[1] is the stop: one cancels the other */
    TN_COMMAND_REPLACE = 3,
    TN_COMMAND_CANCEL = 4,
    TN_COMMAND_MASS_CANCEL = 5,
    TN_COMMAND_MASS_QUOTE = 6,
    TN_COMMAND_MMP_SET = 7,
    TN_COMMAND_MMP_RESET = 8,  /* unfreezes, starts a new window */
    TN_COMMAND_MMP_CANCEL = 9, /* cancels the group's quotes */
    TN_COMMAND_PACKAGE = 10,
    TN_COMMAND_BLOCK_TRADE = 11,
    TN_COMMAND_TRANSFER = 12, /* to another account of the same owner */
    TN_COMMAND_WITHDRAW = 13,
};

struct tn_command {
    uint64_t client_id; /* 0 = none; else the command is idempotent under it */
    uint8_t kind;       /* enum tn_command_kind */
    union {
        struct tn_order_terms terms[2]; /* PLACE uses the first */
        struct {
            struct tn_order_ref ref;
            tn_ticks price;
            tn_lots quantity; /* the new open quantity */
        } replace;
        struct tn_order_ref cancel;
        struct tn_mass_cancel mass_cancel;
        struct tn_mass_quote mass_quote;
        struct tn_mmp_set mmp_set;
        uint8_t mmp_group; /* MMP_RESET, MMP_CANCEL */
        struct tn_package package;
        struct tn_block_trade block_trade;
        struct {
            uint32_t to_account; /* TRANSFER only */
            uint32_t asset;      /* 0 = cash */
            tn_micros amount;
        } money; /* TRANSFER, WITHDRAW */
    } as;
};

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
            uint32_t haircut_ppm;
        } asset;
    } as;
};

#endif
