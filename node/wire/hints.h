/* hints: what to do about each reject of the exchange, and whether the very same command may pass
 * later. What a reject means stands in tenor/reject.h; this is how a client gets on. Compiled as a
 * switch over the enumeration, so a reject without a line does not compile. */
#ifndef NODE_WIRE_HINTS_H
#define NODE_WIRE_HINTS_H

/* X(name, retriable, what to do) */
#define WIRE_HINT_TABLE(X)                                                                         \
    X(NONE, false, "nothing is needed")                                                            \
    X(BOOK_UNKNOWN, false, "name a series that GetInstruments lists")                              \
    X(ORDERS_FULL, true, "cancel orders that are not needed, or wait")                             \
    X(LEVELS_FULL, true, "use a price where orders rest already, or wait")                         \
    X(ORDER_UNKNOWN, false, "it has traded, was cancelled, or never was: see GetOrders")           \
    X(ORDER_ID_TAKEN, false, "report it: the exchange makes these ids itself")                     \
    X(PRICE_RANGE, false, "use a price in ticks above zero and within the series' range")          \
    X(QUANTITY_RANGE, false, "use at least one lot, and at most the series' maximum")              \
    X(FILL_OR_KILL, true, "use IOC for what is there, or a worse price")                           \
    X(POST_ONLY_CROSSES, true, "use a price that does not trade, or POST_REPRICE")                 \
    X(BOOK_BUSY, false, "report it: clients never see this")                                       \
    X(SIDE_UNKNOWN, false, "use BUY or SELL")                                                      \
    X(TIF_UNKNOWN, false, "use one of TimeInForce's")                                              \
    X(ACCOUNT_UNKNOWN, false, "check the number; GetOwner lists an owner's accounts")              \
    X(NONCE_USED, false,                                                                           \
      "the frame was executed before, or another one took its nonce: look "                        \
      "at the account's messages, then sign with a new nonce")                                     \
    X(NONCE_TOO_OLD, false, "sign with a nonce above the account's nonce_top")                     \
    X(FRAME_EXPIRED, false, "sign anew with a later valid_until_block")                            \
    X(FRAME_SIZE, false, "split the commands over several frames")                                 \
    X(CLIENT_ID_TOO_OLD, false, "name the order by the exchange's id, or use a new client id")     \
    X(RESULTS_FULL, true, "send without a client id, or wait")                                     \
    X(COMMAND_UNKNOWN, false, "use one of Command's kinds")                                        \
    X(OWNER_MISMATCH, false, "transfer only between accounts of one owner")                        \
    X(ACCOUNTS_FULL, true, "use an account that exists, or wait")                                  \
    X(AMOUNT_RANGE, false, "use an amount in micros above zero")                                   \
    X(MARKET_UNKNOWN, false, "name another market of this chain; Transfer moves within one")       \
    X(SERIES_UNKNOWN, false, "name a series that GetInstruments lists")                            \
    X(SERIES_STATUS, true, "wait until the series' status allows it; INSTRUMENTS tells")           \
    X(SERIES_CLOSING, false, "trade a later expiry")                                               \
    X(NO_MARK, true, "wait for the first mark, or give a limit price")                             \
    X(SERIES_FULL, true, "wait until series expire")                                               \
    X(SERIES_EXISTS, false, "nothing is needed")                                                   \
    X(SERIES_ID, false, "compare the id with docs/products.md")                                    \
    X(UNDERLYING_UNKNOWN, false, "name an underlying of this market")                              \
    X(UNDERLYING_EXISTS, false, "nothing is needed")                                               \
    X(UNDERLYINGS_FULL, false, "use another market")                                               \
    X(PARAMETER_RANGE, false, "compare the parameter with its bounds in docs/specs/exchange.md")   \
    X(EXPIRY_NOT_BY_RULE, false, "name an expiry that the listing rules name now")                 \
    X(STATUS_STEP, false, "compare with the status machine in docs/products.md")                   \
    X(NOT_EXPIRED, true, "wait for the expiry")                                                    \
    X(NOT_PERPETUAL, false, "name a perpetual")                                                    \
    X(TIME_REWINDS, false, "report it: clients never see this")                                    \
    X(VALUE_NOT_WHOLE, false, "choose tick and lot so that their product is whole micros")         \
    X(POSITION_LIMIT_VALUE, false, "use less quantity")                                            \
    X(PRICE_OFF_TICK, false, "round to a multiple of the tick; Instrument.steps has them")         \
    X(PRICE_OUT_OF_BAND, true, "use a price within Ticker.band_low to band_high")                  \
    X(FEE_ABOVE_AGREED, false, "raise fee_max_ppm to the series' fee, or do without the trade")    \
    X(REDUCE_ONLY_NOTHING, false, "send without reduce_only, or not at all")                       \
    X(REDUCE_ONLY_TOO_MANY, true, "cancel other reduce-only orders of this series")                \
    X(DISPLAY_RANGE, false, "use a display of 1 to the quantity, or 0 for all of it")              \
    X(EXPIRY_PAST, false, "use a later `until`")                                                   \
    X(TERMS_CONFLICT, false,                                                                       \
      "compare type, tif, post, display and trigger with "                                         \
      "docs/specs/exchange.md")                                                                    \
    X(TRIGGER_RANGE, false, "use a trigger that the mark has not reached")                         \
    X(STP_UNKNOWN, false, "use one of SelfTrade's")                                                \
    X(EXPOSURES_FULL, true, "close positions and orders in other series first")                    \
    X(REPLACE_UNCHANGEABLE, false, "cancel it and place a new one")                                \
    X(FILL_LIMIT, true, "use less quantity, or several orders")                                    \
    X(QUOTE_SIZE, false, "split the mass quote, or name at least one series")                      \
    X(QUOTE_CROSSED, false, "use a bid below the ask")                                             \
    X(MMP_FROZEN, true, "reset the group by mmp_reset, or wait until it thaws")                    \
    X(MMP_UNKNOWN, false, "set the group up by mmp_set first")                                     \
    X(MMP_RANGE, false, "compare the limits with docs/specs/exchange.md")                          \
    X(MMP_FULL, true, "use fewer groups")                                                          \
    X(QUOTE_REPEATED, false, "name each series once")                                              \
    X(PACKAGE_SIZE, false, "use 2 to 8 legs, each series once, with quantities above zero")        \
    X(PACKAGE_LIMIT, true, "use a better limit, or wait for the books")                            \
    X(BLOCK_MINIMUM, false, "trade it on the book")                                                \
    X(BLOCK_EXPIRED, false, "agree again, with a later expires_ms")                                \
    X(BLOCK_SELF, false, "move positions by a transfer of the owner instead")                      \
    X(BLOCK_SIZE, false, "use 1 to 8 legs, each series once")                                      \
    X(COUNTERPARTY_UNKNOWN, false, "check the counterparty's account")                             \
    X(COUNTERPARTY_NONCE, false, "the counterparty names a new nonce")                             \
    X(COUNTERPARTY_SHORT, true, "the counterparty needs `money` more equity")                      \
    X(MARGIN_SHORT, true,                                                                          \
      "deposit, reduce risk, or use less quantity; `money` is what is "                            \
      "missing, GetMargin tries a change out")                                                     \
    X(CASH_SHORT, true, "withdraw less, or close positions first")                                 \
    X(ASSET_UNKNOWN, false, "name an asset of this market; 0 is cash")                             \
    X(ASSETS_FULL, false, "use an asset that exists")                                              \
    X(MONEY_RANGE, false, "use a smaller amount")                                                  \
    X(TRANSFERS_FULL, true, "send it again after the next block")                                  \
    X(JOBS_FULL, true, "send it again after the next block")                                       \
    X(RISK_OFF, false, "use a market with a margin engine")                                        \
    X(FEEDS_RULE, false, "report by a feeder")                                                     \
    X(SIGNER_UNKNOWN, false, "governance admits the feeder first")                                 \
    X(REPORT_OLD, false, "report with a higher sequence and a time that has passed")               \
    X(REPORT_RANGE, false, "compare the value with docs/specs/pricing.md")                         \
    X(RISK_RANGE, false, "compare the parameter with docs/specs/risk.md")                          \
    X(RISK_HEIGHT, false, "name a later block, when no change waits")                              \
    X(FEED_LATE, true, "reduce risk only, or wait for the feed")                                   \
    X(ACCOUNT_FROZEN, true, "reduce risk or deposit, until the liquidation ends")                  \
    X(CASH_NEGATIVE, true, "deposit cash, or close positions")                                     \
    X(MODEL_UNKNOWN, false, "use 0 for portfolio or 1 for standard")                               \
    X(EXPIRIES_FULL, true, "wait until an expiry has settled")                                     \
    X(WITHDRAWALS_WAIT, true, "wait until insurance covers the debt")                              \
    X(BID_NO_AUCTION, true, "see GetLiquidations for accounts in auction")                         \
    X(BID_STATE, false, "look at the auction again and bid with its present state")                \
    X(BID_SHARE, false, "bid for a share above 0 and at most what is offered now")                 \
    X(BID_PRICE, true, "wait for the price to fall, or raise price_most")                          \
    X(BID_OWN, false, "leave it to others")                                                        \
    X(BID_SHORT, true, "bid for a smaller share, or deposit first")                                \
    X(NOT_FROZEN, false, "wait for the settlement by feeds")                                       \
    X(STANDARD_ORDERS_FULL, true, "choose portfolio margin, or cancel some")                       \
    X(SIGNATURE_BAD, false,                                                                        \
      "sign keccak256(TNFRM1, chain id, payload) with the session's key, "                         \
      "over the very bytes sent")                                                                  \
    X(SESSION_UNKNOWN, false, "the owner makes a session by an operation")                         \
    X(SESSION_EXPIRED, false, "the owner makes a new session by an operation")                     \
    X(SESSION_SCOPE, false, "use a session whose scope has this kind of command")                  \
    X(TERM_WRONG, false, "sign anew with the term that FrameReverted, StandbyVoid or Block names") \
    X(MARKET_WRONG, false, "name the market of the session")                                       \
    X(SESSIONS_FULL, false, "revoke a session first")                                              \
    X(SESSION_RANGE, false, "use a valid key, a known scope and a later expiry")                   \
    X(COUNTERPARTY_UNSIGNED, false,                                                                \
      "the counterparty signs the agreement (docs/specs/block-trade.md) with a session of its "    \
      "own that may trade")                                                                        \
    X(ITEM_MALFORMED, false, "compare the item with docs/specs/items.md")                          \
    X(ITEM_PLACE, false, "send it as a frame or an operation")                                     \
    X(ACCOUNT_NUMBER, false, "ask for the owner's accounts and sign with the next number")         \
    X(DESK_IDLE, true, "send it again: the market's leader is changing")                           \
    X(DESK_FULL, true, "send it again after some milliseconds")                                    \
    X(DESK_CANCELS_ONLY, true, "cancel only, until blocks are final again")                        \
    X(FRAME_MALFORMED, false, "compare the payload with docs/specs/frame.md")                      \
    X(FRAME_TOO_LARGE, false, "split the commands over several frames")

#endif
