"""Every number by which a node (NodeError) or the exchange (Reject) says no: docs/errors.md.

Made from node/wire/errors.h, include/tenor/reject.h and node/wire/hints.h; do not edit.
"""
import enum


class NodeError(enum.IntEnum):
    TOO_LARGE = 10001
    MALFORMED = 10002
    NO_BODY = 10003
    SILENT = 10004
    STOPPING = 10009
    FAULTS_MANY = 10012
    LOGON_NEEDED = 20001
    LOGON_TWICE = 20002
    LOGON_SESSION = 20003
    LOGON_EXPIRED = 20004
    LOGON_SIGNATURE = 20005
    HEARTBEAT_RANGE = 20006
    RESUME_OLD = 20007
    RESUME_AHEAD = 20008
    LOGONS_FULL = 20010
    OTHER_SESSION = 20011
    ORDERS_FAST = 30001
    QUOTES_FAST = 30002
    QUERIES_FAST = 30003
    FRAMES_WAITING = 30006
    ANSWER_TOO_LARGE = 30007
    BUSY = 30008
    MARKET_UNKNOWN = 40001
    SERIES_UNKNOWN = 40002
    ACCOUNT_UNKNOWN = 40003
    BLOCK_UNKNOWN = 40004
    CHANNEL_UNKNOWN = 40005
    NOT_SUBSCRIBED = 40006
    COUNT_RANGE = 40007
    EXPIRY_UNKNOWN = 40008
    UNDERLYING_UNKNOWN = 40009
    ITEM_KIND = 40010
    STANDBY_RANGE = 40011
    SOFT_ELSEWHERE = 40012
    SYNCING = 50001
    LEADER_AWAY = 50002
    GAP = 50003
    ANSWER_LOST = 50004
    NO_ROOM = 50006
    ANSWER_LATE = 50007
    FRAME_LAPSED = 50008
    DISK_FULL = 50009


class Reject(enum.IntEnum):
    NONE = 0
    BOOK_UNKNOWN = 100
    ORDERS_FULL = 101
    LEVELS_FULL = 102
    ORDER_UNKNOWN = 103
    ORDER_ID_TAKEN = 104
    PRICE_RANGE = 105
    QUANTITY_RANGE = 106
    FILL_OR_KILL = 107
    POST_ONLY_CROSSES = 108
    BOOK_BUSY = 109
    SIDE_UNKNOWN = 110
    TIF_UNKNOWN = 111
    ACCOUNT_UNKNOWN = 200
    NONCE_USED = 201
    NONCE_TOO_OLD = 202
    FRAME_EXPIRED = 203
    FRAME_SIZE = 204
    CLIENT_ID_TOO_OLD = 205
    RESULTS_FULL = 206
    COMMAND_UNKNOWN = 207
    OWNER_MISMATCH = 208
    ACCOUNTS_FULL = 209
    AMOUNT_RANGE = 210
    MARKET_UNKNOWN = 211
    SERIES_UNKNOWN = 300
    SERIES_STATUS = 301
    SERIES_CLOSING = 302
    NO_MARK = 303
    SERIES_FULL = 304
    SERIES_EXISTS = 305
    SERIES_ID = 306
    UNDERLYING_UNKNOWN = 307
    UNDERLYING_EXISTS = 308
    UNDERLYINGS_FULL = 309
    PARAMETER_RANGE = 310
    EXPIRY_NOT_BY_RULE = 311
    STATUS_STEP = 312
    NOT_EXPIRED = 313
    NOT_PERPETUAL = 314
    TIME_REWINDS = 315
    VALUE_NOT_WHOLE = 316
    POSITION_LIMIT_VALUE = 317
    PRICE_OFF_TICK = 400
    PRICE_OUT_OF_BAND = 401
    FEE_ABOVE_AGREED = 402
    REDUCE_ONLY_NOTHING = 403
    REDUCE_ONLY_TOO_MANY = 404
    DISPLAY_RANGE = 405
    EXPIRY_PAST = 406
    TERMS_CONFLICT = 407
    TRIGGER_RANGE = 408
    STP_UNKNOWN = 409
    EXPOSURES_FULL = 410
    REPLACE_UNCHANGEABLE = 411
    FILL_LIMIT = 412
    QUOTE_SIZE = 500
    QUOTE_CROSSED = 501
    MMP_FROZEN = 502
    MMP_UNKNOWN = 503
    MMP_RANGE = 504
    MMP_FULL = 505
    QUOTE_REPEATED = 506
    PACKAGE_SIZE = 600
    PACKAGE_LIMIT = 601
    BLOCK_MINIMUM = 602
    BLOCK_EXPIRED = 603
    BLOCK_SELF = 604
    BLOCK_SIZE = 605
    COUNTERPARTY_UNKNOWN = 606
    COUNTERPARTY_NONCE = 607
    COUNTERPARTY_SHORT = 608
    MARGIN_SHORT = 700
    CASH_SHORT = 701
    ASSET_UNKNOWN = 702
    ASSETS_FULL = 703
    MONEY_RANGE = 704
    TRANSFERS_FULL = 705
    JOBS_FULL = 800
    RISK_OFF = 900
    FEEDS_RULE = 901
    SIGNER_UNKNOWN = 902
    REPORT_OLD = 903
    REPORT_RANGE = 904
    RISK_RANGE = 905
    RISK_HEIGHT = 906
    FEED_LATE = 907
    ACCOUNT_FROZEN = 908
    CASH_NEGATIVE = 909
    MODEL_UNKNOWN = 910
    EXPIRIES_FULL = 911
    WITHDRAWALS_WAIT = 912
    BID_NO_AUCTION = 913
    BID_STATE = 914
    BID_SHARE = 915
    BID_PRICE = 916
    BID_OWN = 917
    BID_SHORT = 918
    NOT_FROZEN = 919
    STANDARD_ORDERS_FULL = 920
    SIGNATURE_BAD = 1000
    SESSION_UNKNOWN = 1001
    SESSION_EXPIRED = 1002
    SESSION_SCOPE = 1003
    TERM_WRONG = 1004
    MARKET_WRONG = 1005
    SESSIONS_FULL = 1006
    SESSION_RANGE = 1007
    COUNTERPARTY_UNSIGNED = 1008
    ITEM_MALFORMED = 1009
    ITEM_PLACE = 1010
    ACCOUNT_NUMBER = 1011
    DESK_IDLE = 1100
    DESK_FULL = 1101
    DESK_CANCELS_ONLY = 1102
    FRAME_MALFORMED = 1103
    FRAME_TOO_LARGE = 1104


# number: (name, may the same be sent again, what it means, what to do)
TABLE = {
    10001: ("TOO_LARGE", False, "a message is longer than 65 536 bytes, or has length 0",
        "split it: fewer commands a frame, fewer series a subscription"),
    10002: ("MALFORMED", False, "the bytes are no message of the protocol, strictly read",
        "compare the field that the text names with client.proto; the protocol's version is in Hello"),
    10003: ("NO_BODY", False, "the message has no body that this node knows",
        "fill in exactly one body"),
    10004: ("SILENT", True, "nothing came for twice the heartbeat",
        "connect again, and send a Ping each heartbeat"),
    10009: ("STOPPING", True, "the node is ending",
        "go on at another node"),
    10012: ("FAULTS_MANY", False, "too many messages of this connection were refused for their form or signature",
        "check key, chain id and the bytes that are signed before connecting again"),
    20001: ("LOGON_NEEDED", False, "this needs a session",
        "send a Logon first"),
    20002: ("LOGON_TWICE", False, "this connection has logged on already",
        "open another connection for another session"),
    20003: ("LOGON_SESSION", False, "there is no such session, or it was revoked",
        "check market and session; ask the owner for a new session"),
    20004: ("LOGON_EXPIRED", False, "the session has expired",
        "the owner makes a new session by an operation"),
    20005: ("LOGON_SIGNATURE", False, "the session's key did not sign this challenge",
        "sign what client.proto says at Logon, with the Hello of this connection"),
    20006: ("HEARTBEAT_RANGE", False, "heartbeat_ms is outside of what this node allows",
        "use 0, or 1 000 to 60 000 if its operator has not set other bounds"),
    20007: ("RESUME_OLD", False, "the node no longer has the account's messages since then",
        "resume from the block that the text names, or log on without resume_after and ask for the account and its orders"),
    20008: ("RESUME_AHEAD", True, "the node has not executed the block of resume_after yet",
        "wait a moment, or log on at another node"),
    20010: ("LOGONS_FULL", True, "the account has its maximum of connections on this node",
        "close one, or log on at another node"),
    20011: ("OTHER_SESSION", False, "the frame names another session or market than the logon",
        "send it by a connection that logged on with its session"),
    30001: ("ORDERS_FAST", True, "the account's allowance of orders is used up",
        "wait: it refills; `tokens` of answers show what is left; cancels are free"),
    30002: ("QUOTES_FAST", True, "the account's allowance of quotes is used up",
        "wait: it refills; `tokens` of answers show what is left; cancels are free"),
    30003: ("QUERIES_FAST", True, "the allowance of questions is used up",
        "wait, or subscribe instead of asking"),
    30006: ("FRAMES_WAITING", True, "too many frames of this session wait for their answers",
        "wait for some FrameSoft or FrameFinal"),
    30007: ("ANSWER_TOO_LARGE", False, "the answer would be larger than 1 MiB",
        "ask for less: a smaller depth, fewer series, pages"),
    30008: ("BUSY", True, "the node's queue is full; the message was not looked at",
        "send it again after some milliseconds, or go on at another node"),
    40001: ("MARKET_UNKNOWN", False, "there is no such market",
        "Hello and GetCluster name them"),
    40002: ("SERIES_UNKNOWN", False, "there is no such series in this market",
        "GetInstruments lists them"),
    40003: ("ACCOUNT_UNKNOWN", False, "there is no such account in this market",
        "GetOwner lists the accounts of an address"),
    40004: ("BLOCK_UNKNOWN", False, "there is no such block here, or no longer",
        "ask for height 0, or ask a node with a longer history"),
    40005: ("CHANNEL_UNKNOWN", False, "the channel is not one of Channel's",
        "name one"),
    40006: ("NOT_SUBSCRIBED", False, "this connection has no such subscription",
        "nothing is needed"),
    40007: ("COUNT_RANGE", False, "more was asked for than one answer may hold",
        "ask for less"),
    40008: ("EXPIRY_UNKNOWN", False, "no options of this underlying expire that day",
        "ask with expiry_day 0: the answer lists the days that there are"),
    40009: ("UNDERLYING_UNKNOWN", False, "there is no such underlying in this market",
        "GetInstruments names them"),
    40010: ("ITEM_KIND", False, "clients do not bring items of this kind",
        "name one of ItemKind's"),
    40011: ("STANDBY_RANGE", False, "the standby frame holds something else than cancels",
        "cancel, mass cancel and MMP cancel may stand in it"),
    40012: ("SOFT_ELSEWHERE", True, "only the node that leads the market has its soft data",
        "subscribe at the node that the text names; without one, ask GetCluster a little later"),
    50001: ("SYNCING", True, "the node is behind the set and cannot answer yet",
        "go on at another node, or try again later"),
    50002: ("LEADER_AWAY", True, "the market's leader cannot be reached from here",
        "send the same frame again; if the term changes, sign it anew"),
    50003: ("GAP", True, "messages of this subscription, or of the account's stream, were lost",
        "subscribe anew; if the connection closed, log on with resume_after"),
    50004: ("ANSWER_LOST", False, "whether the frame was taken is not known",
        "wait for FrameFinal until valid_until_block has passed, or ask for the account's nonce_top"),
    50006: ("NO_ROOM", True, "the node lacks the memory for this now",
        "ask for less, or again later"),
    50007: ("ANSWER_LATE", True, "the node could not answer in time",
        "ask again later"),
    50008: ("FRAME_LAPSED", False, "the frame was not executed in time, and never will be",
        "sign it anew with a later valid_until_block"),
    50009: ("DISK_FULL", True, "the node's disk is full: it takes nothing until there is room",
        "the same at another node, or here when a Heartbeat has no trouble any more"),
    0: ("NONE", False, "accepted",
        "nothing is needed"),
    100: ("BOOK_UNKNOWN", False, "there is no such book",
        "name a series that GetInstruments lists"),
    101: ("ORDERS_FULL", True, "the exchange holds its maximum of orders",
        "cancel orders that are not needed, or wait"),
    102: ("LEVELS_FULL", True, "the exchange holds its maximum of price levels",
        "use a price where orders rest already, or wait"),
    103: ("ORDER_UNKNOWN", False, "no resting order has this id",
        "it has traded, was cancelled, or never was: see GetOrders"),
    104: ("ORDER_ID_TAKEN", False, "a resting order has this id already",
        "report it: the exchange makes these ids itself"),
    105: ("PRICE_RANGE", False, "price is outside the range a book can hold",
        "use a price in ticks above zero and within the series' range"),
    106: ("QUANTITY_RANGE", False, "quantity must be positive and within the maximum",
        "use at least one lot, and at most the series' maximum"),
    107: ("FILL_OR_KILL", True, "the whole quantity cannot be filled at once",
        "use IOC for what is there, or a worse price"),
    108: ("POST_ONLY_CROSSES", True, "a post-only order would trade at once",
        "use a price that does not trade, or POST_REPRICE"),
    109: ("BOOK_BUSY", False, "a call is unfinished: call tn_book_continue first",
        "report it: clients never see this"),
    110: ("SIDE_UNKNOWN", False, "side is neither buy nor sell",
        "use BUY or SELL"),
    111: ("TIF_UNKNOWN", False, "time in force is none of those defined",
        "use one of TimeInForce's"),
    200: ("ACCOUNT_UNKNOWN", False, "there is no such account",
        "check the number; GetOwner lists an owner's accounts"),
    201: ("NONCE_USED", False, "this nonce was used before",
        "the frame was executed before, or another one took its nonce: look at the account's messages, then sign with a new nonce"),
    202: ("NONCE_TOO_OLD", False, "this nonce is older than the account's window",
        "sign with a nonce above the account's nonce_top"),
    203: ("FRAME_EXPIRED", False, "the frame's valid-until block has passed",
        "sign anew with a later valid_until_block"),
    204: ("FRAME_SIZE", False, "a frame holds 1 to commands_per_frame_max commands",
        "split the commands over several frames"),
    205: ("CLIENT_ID_TOO_OLD", False, "this client order id is older than those remembered",
        "name the order by the exchange's id, or use a new client id"),
    206: ("RESULTS_FULL", True, "the exchange remembers its maximum of results",
        "send without a client id, or wait"),
    207: ("COMMAND_UNKNOWN", False, "command kind is none of those defined",
        "use one of Command's kinds"),
    208: ("OWNER_MISMATCH", False, "the other account belongs to another owner",
        "transfer only between accounts of one owner"),
    209: ("ACCOUNTS_FULL", True, "the exchange holds its maximum of accounts",
        "use an account that exists, or wait"),
    210: ("AMOUNT_RANGE", False, "amount must be positive and within the maximum",
        "use an amount in micros above zero"),
    211: ("MARKET_UNKNOWN", False, "there is no such other market",
        "name another market of this chain; Transfer moves within one"),
    300: ("SERIES_UNKNOWN", False, "there is no such series",
        "name a series that GetInstruments lists"),
    301: ("SERIES_STATUS", True, "the series' status does not admit this command",
        "wait until the series' status allows it; INSTRUMENTS tells"),
    302: ("SERIES_CLOSING", False, "the series is too close to its expiry to trade",
        "trade a later expiry"),
    303: ("NO_MARK", True, "the series has no mark price yet",
        "wait for the first mark, or give a limit price"),
    304: ("SERIES_FULL", True, "the exchange holds its maximum of series",
        "wait until series expire"),
    305: ("SERIES_EXISTS", False, "the series is listed already",
        "nothing is needed"),
    306: ("SERIES_ID", False, "the series id names no possible series",
        "compare the id with docs/products.md"),
    307: ("UNDERLYING_UNKNOWN", False, "there is no such underlying",
        "name an underlying of this market"),
    308: ("UNDERLYING_EXISTS", False, "the underlying is defined already",
        "nothing is needed"),
    309: ("UNDERLYINGS_FULL", False, "the exchange holds its maximum of underlyings",
        "use another market"),
    310: ("PARAMETER_RANGE", False, "a parameter is outside its bounds",
        "compare the parameter with its bounds in docs/specs/exchange.md"),
    311: ("EXPIRY_NOT_BY_RULE", False, "the listing rules name no such expiry now",
        "name an expiry that the listing rules name now"),
    312: ("STATUS_STEP", False, "the status machine has no such step",
        "compare with the status machine in docs/products.md"),
    313: ("NOT_EXPIRED", True, "the series has not reached its expiry",
        "wait for the expiry"),
    314: ("NOT_PERPETUAL", False, "only a perpetual has funding",
        "name a perpetual"),
    315: ("TIME_REWINDS", False, "block time and height never go back",
        "report it: clients never see this"),
    316: ("VALUE_NOT_WHOLE", False, "price step times lot is not whole micro-dollars",
        "choose tick and lot so that their product is whole micros"),
    317: ("POSITION_LIMIT_VALUE", False, "position and orders would be above the maximum of the series",
        "use less quantity"),
    400: ("PRICE_OFF_TICK", False, "price is not a multiple of the tick at this price",
        "round to a multiple of the tick; Instrument.steps has them"),
    401: ("PRICE_OUT_OF_BAND", True, "price is outside the band around the mark",
        "use a price within Ticker.band_low to band_high"),
    402: ("FEE_ABOVE_AGREED", False, "the fee is above the highest the order agrees to",
        "raise fee_max_ppm to the series' fee, or do without the trade"),
    403: ("REDUCE_ONLY_NOTHING", False, "there is no position left to reduce",
        "send without reduce_only, or not at all"),
    404: ("REDUCE_ONLY_TOO_MANY", True, "the account has its maximum of reduce-only orders here",
        "cancel other reduce-only orders of this series"),
    405: ("DISPLAY_RANGE", False, "display must be positive and at most the quantity",
        "use a display of 1 to the quantity, or 0 for all of it"),
    406: ("EXPIRY_PAST", False, "the order's own expiry has passed",
        "use a later `until`"),
    407: ("TERMS_CONFLICT", False, "these order terms exclude each other",
        "compare type, tif, post, display and trigger with docs/specs/exchange.md"),
    408: ("TRIGGER_RANGE", False, "a trigger price must be positive and not already reached",
        "use a trigger that the mark has not reached"),
    409: ("STP_UNKNOWN", False, "self-trade prevention is none of those defined",
        "use one of SelfTrade's"),
    410: ("EXPOSURES_FULL", True, "the account or the exchange holds its maximum of series exposures",
        "close positions and orders in other series first"),
    411: ("REPLACE_UNCHANGEABLE", False, "this order cannot be replaced: cancel it",
        "cancel it and place a new one"),
    412: ("FILL_LIMIT", True, "needs more fills than one command may make",
        "use less quantity, or several orders"),
    500: ("QUOTE_SIZE", False, "a mass quote names 1 to 256 series, each once",
        "split the mass quote, or name at least one series"),
    501: ("QUOTE_CROSSED", False, "the bid of a quote is not below its ask",
        "use a bid below the ask"),
    502: ("MMP_FROZEN", True, "the protection group is frozen",
        "reset the group by mmp_reset, or wait until it thaws"),
    503: ("MMP_UNKNOWN", False, "the account has no such protection group",
        "set the group up by mmp_set first"),
    504: ("MMP_RANGE", False, "protection limits are outside their bounds",
        "compare the limits with docs/specs/exchange.md"),
    505: ("MMP_FULL", True, "the exchange holds its maximum of protection groups",
        "use fewer groups"),
    506: ("QUOTE_REPEATED", False, "the mass quote names this series twice",
        "name each series once"),
    600: ("PACKAGE_SIZE", False, "a package has 2 to 8 legs, each series once, ratios positive",
        "use 2 to 8 legs, each series once, with quantities above zero"),
    601: ("PACKAGE_LIMIT", True, "no whole unit can be filled within the net limit",
        "use a better limit, or wait for the books"),
    602: ("BLOCK_MINIMUM", False, "the block trade is below the minimum notional",
        "trade it on the book"),
    603: ("BLOCK_EXPIRED", False, "the block trade's expiry has passed",
        "agree again, with a later expires_ms"),
    604: ("BLOCK_SELF", False, "both sides of the block trade have one owner",
        "move positions by a transfer of the owner instead"),
    605: ("BLOCK_SIZE", False, "a block trade has 1 to 8 legs, each series once",
        "use 1 to 8 legs, each series once"),
    606: ("COUNTERPARTY_UNKNOWN", False, "the counterparty's account does not exist",
        "check the counterparty's account"),
    607: ("COUNTERPARTY_NONCE", False, "the counterparty's nonce was used or is too old",
        "the counterparty names a new nonce"),
    608: ("COUNTERPARTY_SHORT", True, "the counterparty's free equity is too small",
        "the counterparty needs `money` more equity"),
    700: ("MARGIN_SHORT", True, "free equity after the command would be below zero",
        "deposit, reduce risk, or use less quantity; `money` is what is missing, GetMargin tries a change out"),
    701: ("CASH_SHORT", True, "more than the account can withdraw",
        "withdraw less, or close positions first"),
    702: ("ASSET_UNKNOWN", False, "there is no such collateral asset",
        "name an asset of this market; 0 is cash"),
    703: ("ASSETS_FULL", False, "the exchange holds its maximum of collateral assets",
        "use an asset that exists"),
    704: ("MONEY_RANGE", False, "the amount leaves the range of 64-bit money",
        "use a smaller amount"),
    705: ("TRANSFERS_FULL", True, "too much is under way to this market: send it again after a block",
        "send it again after the next block"),
    800: ("JOBS_FULL", True, "too many mass cancels are unfinished: send it again after the next sweep",
        "send it again after the next block"),
    900: ("RISK_OFF", False, "this market has no margin engine: its limits name no expiries",
        "use a market with a margin engine"),
    901: ("FEEDS_RULE", False, "marks, index prices and funding come from the feeds here",
        "report by a feeder"),
    902: ("SIGNER_UNKNOWN", False, "there is no such feed signer, or it is not active",
        "governance admits the feeder first"),
    903: ("REPORT_OLD", False, "the report's sequence does not rise, or its time lies ahead of the block",
        "report with a higher sequence and a time that has passed"),
    904: ("REPORT_RANGE", False, "the reported value is out of range, or the surface not admitted",
        "compare the value with docs/specs/pricing.md"),
    905: ("RISK_RANGE", False, "a risk parameter is outside of its bounds",
        "compare the parameter with docs/specs/risk.md"),
    906: ("RISK_HEIGHT", False, "the change must name a later block, and only one may wait",
        "name a later block, when no change waits"),
    907: ("FEED_LATE", True, "the feed is late: only commands that lower risk",
        "reduce risk only, or wait for the feed"),
    908: ("ACCOUNT_FROZEN", True, "the account is in liquidation: only commands that lower risk",
        "reduce risk or deposit, until the liquidation ends"),
    909: ("CASH_NEGATIVE", True, "cash equity would fall below what the account may owe",
        "deposit cash, or close positions"),
    910: ("MODEL_UNKNOWN", False, "the margin model is neither portfolio nor standard",
        "use 0 for portfolio or 1 for standard"),
    911: ("EXPIRIES_FULL", True, "the exchange holds its maximum of expiries",
        "wait until an expiry has settled"),
    912: ("WITHDRAWALS_WAIT", True, "withdrawals wait until insurance covers the accounts in debt",
        "wait until insurance covers the debt"),
    913: ("BID_NO_AUCTION", True, "this account is not in an auction",
        "see GetLiquidations for accounts in auction"),
    914: ("BID_STATE", False, "the auction is no longer in the state that the bid names",
        "look at the auction again and bid with its present state"),
    915: ("BID_SHARE", False, "the bid's share is zero or above what may be taken now",
        "bid for a share above 0 and at most what is offered now"),
    916: ("BID_PRICE", True, "the bundle costs more than the bid's limit",
        "wait for the price to fall, or raise price_most"),
    917: ("BID_OWN", False, "a bidder is neither the same owner nor in liquidation itself",
        "leave it to others"),
    918: ("BID_SHORT", True, "the bidder's margin, or the seller's buffer, would not bear it",
        "bid for a smaller share, or deposit first"),
    919: ("NOT_FROZEN", False, "only an expiry that lacks a settlement price takes one by hand",
        "wait for the settlement by feeds"),
    920: ("STANDARD_ORDERS_FULL", True, "under standard margin an account has so many open orders",
        "choose portfolio margin, or cancel some"),
    1000: ("SIGNATURE_BAD", False, "the session's key did not sign this frame",
        "sign keccak256(TNFRM1, chain id, payload) with the session's key, over the very bytes sent"),
    1001: ("SESSION_UNKNOWN", False, "there is no such session, or it was revoked",
        "the owner makes a session by an operation"),
    1002: ("SESSION_EXPIRED", False, "the session has expired",
        "the owner makes a new session by an operation"),
    1003: ("SESSION_SCOPE", False, "the session may not send such a command",
        "use a session whose scope has this kind of command"),
    1004: ("TERM_WRONG", False, "the frame is for another term, or not to be forced",
        "sign anew with the term that FrameReverted, StandbyVoid or Block names"),
    1005: ("MARKET_WRONG", False, "the frame is for another market",
        "name the market of the session"),
    1006: ("SESSIONS_FULL", False, "the account or the market has its maximum of sessions",
        "revoke a session first"),
    1007: ("SESSION_RANGE", False, "the session's key, scope or expiry is out of range",
        "use a valid key, a known scope and a later expiry"),
    1008: ("COUNTERPARTY_UNSIGNED", False, "the counterparty has not signed this block trade",
        "the counterparty signs the agreement (docs/specs/block-trade.md) with a session of its own that may trade"),
    1009: ("ITEM_MALFORMED", False, "these bytes are no such item",
        "compare the item with docs/specs/items.md"),
    1010: ("ITEM_PLACE", False, "an entry of this kind does not come by inbox",
        "send it as a frame or an operation"),
    1011: ("ACCOUNT_NUMBER", False, "the owner has another number of accounts by now",
        "ask for the owner's accounts and sign with the next number"),
    1100: ("DESK_IDLE", True, "this node does not lead the market now",
        "send it again: the market's leader is changing"),
    1101: ("DESK_FULL", True, "the desk has too much to do: send it again later",
        "send it again after some milliseconds"),
    1102: ("DESK_CANCELS_ONLY", True, "finality is late: only cancels are taken",
        "cancel only, until blocks are final again"),
    1103: ("FRAME_MALFORMED", False, "these bytes are no frame",
        "compare the payload with docs/specs/frame.md"),
    1104: ("FRAME_TOO_LARGE", False, "the frame is larger than a batch could hold",
        "split the commands over several frames"),
}


def describe(code):
    """One line for people."""
    if code not in TABLE:
        return f"error {code}, which this table does not have"
    name, _, text, hint = TABLE[code]
    return f"{name} ({code}): {text}; {hint}"
