/* command: what an account asks for, inside a frame. The rules, in the order in which they are
 * checked, are in docs/specs/exchange.md. */
#ifndef TENOR_COMMAND_H
#define TENOR_COMMAND_H

#include "tenor/base.h"
#include "tenor/product.h"

#define TN_QUOTES_MAX       256
#define TN_PACKAGE_LEGS_MAX 8
#define TN_QUOTE_KEEP       (-1) /* a quote quantity: leave that side as it is */

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
    int64_t interval_ms;         /* 1 .. 3 600 000 */
    int64_t freeze_ms;           /* 0 = until reset */
    tn_lots quantity_limit;      /* Σ lots traded; 0 = none */
    int64_t delta_limit;         /* |Σ lots × delta|, in lots of delta 1; 0 = none */
    tn_micros vega_limit_micros; /* |Σ lots × vega|, per volatility point; 0 = none */
    uint32_t trades_limit;       /* 0 = none */
    uint8_t group;               /* 1 .. 255 */
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
    /* Of a signed frame: whose key it is, and r ‖ s, 64 bytes that live as long as the payload's;
     * NULL: unsigned. An exchange looks at neither. */
    uint64_t counterparty_session;
    const uint8_t *counterparty_signature;
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
    TN_COMMAND_MODEL = 14, /* changes the account's margin model */
    TN_COMMAND_BID = 15,   /* takes a share of an account in a liquidation auction */
    TN_COMMAND_REMIT = 16, /* cash to an account of the same owner in another market */
};

struct tn_bid {
    uint32_t account; /* whose positions */
    uint8_t state;    /* enum tn_liquidation that the bidder saw */
    int64_t share_ppb;
    tn_micros price_most; /* pays at most this for the whole share (negative: receives at least) */
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
        uint8_t model;     /* MODEL: enum tn_margin_model */
        struct tn_bid bid;
        struct tn_package package;
        struct tn_block_trade block_trade;
        struct {
            uint32_t to_account; /* TRANSFER only */
            uint32_t asset;      /* 0 = cash */
            tn_micros amount;
        } money; /* TRANSFER, WITHDRAW */
        struct {
            uint32_t to_market, to_account;
            tn_micros amount;
        } remit;
    } as;
};

#endif
