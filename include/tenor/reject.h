/* reject: every business "no" of the exchange, one table: name, number, text.
 *
 * Numbers are protocol: grouped by what refused, stable for ever, never reused. A rejection leaves
 * no trace in the state but its nonce and its result under its client order id. */
#ifndef TENOR_REJECT_H
#define TENOR_REJECT_H

#define TN_REJECT_TABLE(X)                                                                         \
    X(NONE, 0, "accepted")                                                                         \
    /* 100: the book */                                                                            \
    X(BOOK_UNKNOWN, 100, "there is no such book")                                                  \
    X(ORDERS_FULL, 101, "the exchange holds its maximum of orders")                                \
    X(LEVELS_FULL, 102, "the exchange holds its maximum of price levels")                          \
    X(ORDER_UNKNOWN, 103, "no resting order has this id")                                          \
    X(ORDER_ID_TAKEN, 104, "a resting order has this id already")                                  \
    X(PRICE_RANGE, 105, "price is outside the range a book can hold")                              \
    X(QUANTITY_RANGE, 106, "quantity must be positive and within the maximum")                     \
    X(FILL_OR_KILL, 107, "the whole quantity cannot be filled at once")                            \
    X(POST_ONLY_CROSSES, 108, "a post-only order would trade at once")                             \
    X(BOOK_BUSY, 109, "a call is unfinished: call tn_book_continue first")                         \
    X(SIDE_UNKNOWN, 110, "side is neither buy nor sell")                                           \
    X(TIF_UNKNOWN, 111, "time in force is none of those defined")                                  \
    /* 200: the frame and its account */                                                           \
    X(ACCOUNT_UNKNOWN, 200, "there is no such account")                                            \
    X(NONCE_USED, 201, "this nonce was used before")                                               \
    X(NONCE_TOO_OLD, 202, "this nonce is older than the account's window")                         \
    X(FRAME_EXPIRED, 203, "the frame's valid-until block has passed")                              \
    X(FRAME_SIZE, 204, "a frame holds 1 to commands_per_frame_max commands")                       \
    X(CLIENT_ID_TOO_OLD, 205, "this client order id is older than those remembered")               \
    X(RESULTS_FULL, 206, "the exchange remembers its maximum of results")                          \
    X(COMMAND_UNKNOWN, 207, "command kind is none of those defined")                               \
    X(OWNER_MISMATCH, 208, "the other account belongs to another owner")                           \
    X(ACCOUNTS_FULL, 209, "the exchange holds its maximum of accounts")                            \
    X(AMOUNT_RANGE, 210, "amount must be positive and within the maximum")                         \
    X(MARKET_UNKNOWN, 211, "there is no such other market")                                        \
    /* 300: the series and its status */                                                           \
    X(SERIES_UNKNOWN, 300, "there is no such series")                                              \
    X(SERIES_STATUS, 301, "the series' status does not admit this command")                        \
    X(SERIES_CLOSING, 302, "the series is too close to its expiry to trade")                       \
    X(NO_MARK, 303, "the series has no mark price yet")                                            \
    X(SERIES_FULL, 304, "the exchange holds its maximum of series")                                \
    X(SERIES_EXISTS, 305, "the series is listed already")                                          \
    X(SERIES_ID, 306, "the series id names no possible series")                                    \
    X(UNDERLYING_UNKNOWN, 307, "there is no such underlying")                                      \
    X(UNDERLYING_EXISTS, 308, "the underlying is defined already")                                 \
    X(UNDERLYINGS_FULL, 309, "the exchange holds its maximum of underlyings")                      \
    X(PARAMETER_RANGE, 310, "a parameter is outside its bounds")                                   \
    X(EXPIRY_NOT_BY_RULE, 311, "the listing rules name no such expiry now")                        \
    X(STATUS_STEP, 312, "the status machine has no such step")                                     \
    X(NOT_EXPIRED, 313, "the series has not reached its expiry")                                   \
    X(NOT_PERPETUAL, 314, "only a perpetual has funding")                                          \
    X(TIME_REWINDS, 315, "block time and height never go back")                                    \
    X(VALUE_NOT_WHOLE, 316, "price step times lot is not whole micro-dollars")                     \
    X(POSITION_LIMIT_VALUE, 317, "position and orders would be above the maximum of the series")   \
    /* 400: the order's own terms */                                                               \
    X(PRICE_OFF_TICK, 400, "price is not a multiple of the tick at this price")                    \
    X(PRICE_OUT_OF_BAND, 401, "price is outside the band around the mark")                         \
    X(FEE_ABOVE_AGREED, 402, "the fee is above the highest the order agrees to")                   \
    X(REDUCE_ONLY_NOTHING, 403, "there is no position left to reduce")                             \
    X(REDUCE_ONLY_TOO_MANY, 404, "the account has its maximum of reduce-only orders here")         \
    X(DISPLAY_RANGE, 405, "display must be positive and at most the quantity")                     \
    X(EXPIRY_PAST, 406, "the order's own expiry has passed")                                       \
    X(TERMS_CONFLICT, 407, "these order terms exclude each other")                                 \
    X(TRIGGER_RANGE, 408, "a trigger price must be positive and not already reached")              \
    X(STP_UNKNOWN, 409, "self-trade prevention is none of those defined")                          \
    X(EXPOSURES_FULL, 410, "the account or the exchange holds its maximum of series exposures")    \
    X(REPLACE_UNCHANGEABLE, 411, "this order cannot be replaced: cancel it")                       \
    X(FILL_LIMIT, 412, "needs more fills than one command may make")                               \
    /* 500: quotes and protection */                                                               \
    X(QUOTE_SIZE, 500, "a mass quote names 1 to 256 series, each once")                            \
    X(QUOTE_CROSSED, 501, "the bid of a quote is not below its ask")                               \
    X(MMP_FROZEN, 502, "the protection group is frozen")                                           \
    X(MMP_UNKNOWN, 503, "the account has no such protection group")                                \
    X(MMP_RANGE, 504, "protection limits are outside their bounds")                                \
    X(MMP_FULL, 505, "the exchange holds its maximum of protection groups")                        \
    X(QUOTE_REPEATED, 506, "the mass quote names this series twice")                               \
    /* 600: packages and blocks */                                                                 \
    X(PACKAGE_SIZE, 600, "a package has 2 to 8 legs, each series once, ratios positive")           \
    X(PACKAGE_LIMIT, 601, "no whole unit can be filled within the net limit")                      \
    X(BLOCK_MINIMUM, 602, "the block trade is below the minimum notional")                         \
    X(BLOCK_EXPIRED, 603, "the block trade's expiry has passed")                                   \
    X(BLOCK_SELF, 604, "both sides of the block trade have one owner")                             \
    X(BLOCK_SIZE, 605, "a block trade has 1 to 8 legs, each series once")                          \
    X(COUNTERPARTY_UNKNOWN, 606, "the counterparty's account does not exist")                      \
    X(COUNTERPARTY_NONCE, 607, "the counterparty's nonce was used or is too old")                  \
    X(COUNTERPARTY_SHORT, 608, "the counterparty's free equity is too small")                      \
    /* 700: money */                                                                               \
    X(MARGIN_SHORT, 700, "free equity after the command would be below zero")                      \
    X(CASH_SHORT, 701, "more than the account can withdraw")                                       \
    X(ASSET_UNKNOWN, 702, "there is no such collateral asset")                                     \
    X(ASSETS_FULL, 703, "the exchange holds its maximum of collateral assets")                     \
    X(MONEY_RANGE, 704, "the amount leaves the range of 64-bit money")                             \
    X(TRANSFERS_FULL, 705, "too much is under way to this market: send it again after a block")    \
    /* 800: work in slices */                                                                      \
    X(JOBS_FULL, 800, "too many mass cancels are unfinished: send it again after the next sweep")  \
    /* 900: risk */                                                                                \
    X(RISK_OFF, 900, "this market has no margin engine: its limits name no expiries")              \
    X(FEEDS_RULE, 901, "marks, index prices and funding come from the feeds here")                 \
    X(SIGNER_UNKNOWN, 902, "there is no such feed signer, or it is not active")                    \
    X(REPORT_OLD, 903, "the report's sequence does not rise, or its time lies ahead of the block") \
    X(REPORT_RANGE, 904, "the reported value is out of range, or the surface not admitted")        \
    X(RISK_RANGE, 905, "a risk parameter is outside of its bounds")                                \
    X(RISK_HEIGHT, 906, "the change must name a later block, and only one may wait")               \
    X(FEED_LATE, 907, "the feed is late: only commands that lower risk")                           \
    X(ACCOUNT_FROZEN, 908, "the account is in liquidation: only commands that lower risk")         \
    X(CASH_NEGATIVE, 909, "cash equity would fall below what the account may owe")                 \
    X(MODEL_UNKNOWN, 910, "the margin model is neither portfolio nor standard")                    \
    X(EXPIRIES_FULL, 911, "the exchange holds its maximum of expiries")                            \
    X(WITHDRAWALS_WAIT, 912, "withdrawals wait until insurance covers the accounts in debt")       \
    X(BID_NO_AUCTION, 913, "this account is not in an auction")                                    \
    X(BID_STATE, 914, "the auction is no longer in the state that the bid names")                  \
    X(BID_SHARE, 915, "the bid's share is zero or above what may be taken now")                    \
    X(BID_PRICE, 916, "the bundle costs more than the bid's limit")                                \
    X(BID_OWN, 917, "a bidder is neither the same owner nor in liquidation itself")                \
    X(BID_SHORT, 918, "the bidder's margin, or the seller's buffer, would not bear it")            \
    X(NOT_FROZEN, 919, "only an expiry that lacks a settlement price takes one by hand")           \
    X(STANDARD_ORDERS_FULL, 920, "under standard margin an account has so many open orders")       \
    /* 1000: the stream: sessions, terms, inboxes */                                               \
    X(SIGNATURE_BAD, 1000, "the session's key did not sign this frame")                            \
    X(SESSION_UNKNOWN, 1001, "there is no such session, or it was revoked")                        \
    X(SESSION_EXPIRED, 1002, "the session has expired")                                            \
    X(SESSION_SCOPE, 1003, "the session may not send such a command")                              \
    X(TERM_WRONG, 1004, "the frame is for another term, or not to be forced")                      \
    X(MARKET_WRONG, 1005, "the frame is for another market")                                       \
    X(SESSIONS_FULL, 1006, "the account or the market has its maximum of sessions")                \
    X(SESSION_RANGE, 1007, "the session's key, scope or expiry is out of range")                   \
    X(COUNTERPARTY_UNSIGNED, 1008, "the counterparty has not signed this block trade")             \
    X(ITEM_MALFORMED, 1009, "these bytes are no such item")                                        \
    X(ITEM_PLACE, 1010, "an entry of this kind does not come by inbox")                            \
    X(ACCOUNT_NUMBER, 1011, "the owner has another number of accounts by now")                     \
    /* 1100: a desk, before a frame enters its stream */                                           \
    X(DESK_IDLE, 1100, "this node does not lead the market now")                                   \
    X(DESK_FULL, 1101, "the desk has too much to do: send it again later")                         \
    X(DESK_CANCELS_ONLY, 1102, "finality is late: only cancels are taken")                         \
    X(FRAME_MALFORMED, 1103, "these bytes are no frame")                                           \
    X(FRAME_TOO_LARGE, 1104, "the frame is larger than a batch could hold")

enum tn_reject {
#define X(name, number, text) TN_REJECT_##name = (number),
    TN_REJECT_TABLE(X)
#undef X
};

/* tn_reject_name is the stable name ("MARGIN_SHORT") and tn_reject_text the sentence; both are
 * NULL for a number that is not in the table. */
const char *tn_reject_name(enum tn_reject reject);
const char *tn_reject_text(enum tn_reject reject);

#endif
