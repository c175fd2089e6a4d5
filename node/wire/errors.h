/* errors: the numbers by which a node says no, beside those of the exchange (tenor/reject.h). One
 * list makes the enumeration, docs/errors.md and docs/examples/tenor_errors.py.
 *
 * Numbers are protocol: never used for something else, 10 001 to 10 999 the connection, 20 001 …
 * logging on, 30 001 … limits, 40 001 … what was asked, 50 001 … the node. Below 10 000 they are
 * the exchange's. Retriable: the same may be sent again, unchanged, after what the sentence says.
 */
#ifndef NODE_WIRE_ERRORS_H
#define NODE_WIRE_ERRORS_H

#include <stdbool.h>
#include <stdint.h>

/* X(name, number, retriable, what it is, what to do) */
#define WIRE_ERROR_TABLE(X)                                                                        \
    /* the connection */                                                                           \
    X(TOO_LARGE, 10001, false, "a message is longer than 65 536 bytes, or has length 0",           \
      "split it: fewer commands a frame, fewer series a subscription")                             \
    X(MALFORMED, 10002, false, "the bytes are no message of the protocol, strictly read",          \
      "compare the field that the text names with client.proto; the protocol's version is in "     \
      "Hello")                                                                                     \
    X(NO_BODY, 10003, false, "the message has no body that this node knows",                       \
      "fill in exactly one body")                                                                  \
    X(SILENT, 10004, true, "nothing came for twice the heartbeat",                                 \
      "connect again, and send a Ping each heartbeat")                                             \
    X(STOPPING, 10009, true, "the node is ending", "go on at another node")                        \
    X(FAULTS_MANY, 10012, false,                                                                   \
      "too many messages of this connection were refused for their form or signature",             \
      "check key, chain id and the bytes that are signed before connecting again")                 \
    /* logging on */                                                                               \
    X(LOGON_NEEDED, 20001, false, "this needs a session", "send a Logon first")                    \
    X(LOGON_TWICE, 20002, false, "this connection has logged on already",                          \
      "open another connection for another session")                                               \
    X(LOGON_SESSION, 20003, false, "there is no such session, or it was revoked",                  \
      "check market and session; ask the owner for a new session")                                 \
    X(LOGON_EXPIRED, 20004, false, "the session has expired",                                      \
      "the owner makes a new session by an operation")                                             \
    X(LOGON_SIGNATURE, 20005, false, "the session's key did not sign this challenge",              \
      "sign what client.proto says at Logon, with the Hello of this connection")                   \
    X(HEARTBEAT_RANGE, 20006, false, "heartbeat_ms is outside of what this node allows",           \
      "use 0, or 1 000 to 60 000 if its operator has not set other bounds")                        \
    X(RESUME_OLD, 20007, false, "the node no longer has the account's messages since then",        \
      "resume from the block that the text names, or log on without resume_after and ask for the " \
      "account and its orders")                                                                    \
    X(RESUME_AHEAD, 20008, true, "the node has not executed the block of resume_after yet",        \
      "wait a moment, or log on at another node")                                                  \
    X(LOGONS_FULL, 20010, true, "the account has its maximum of connections on this node",         \
      "close one, or log on at another node")                                                      \
    X(OTHER_SESSION, 20011, false, "the frame names another session or market than the logon",     \
      "send it by a connection that logged on with its session")                                   \
    /* limits */                                                                                   \
    X(ORDERS_FAST, 30001, true, "the account's allowance of orders is used up",                    \
      "wait: it refills; `tokens` of answers show what is left; cancels are free")                 \
    X(QUOTES_FAST, 30002, true, "the account's allowance of quotes is used up",                    \
      "wait: it refills; `tokens` of answers show what is left; cancels are free")                 \
    X(QUERIES_FAST, 30003, true, "the allowance of questions is used up",                          \
      "wait, or subscribe instead of asking")                                                      \
    X(FRAMES_WAITING, 30006, true, "too many frames of this session wait for their answers",       \
      "wait for some FrameSoft or FrameFinal")                                                     \
    X(ANSWER_TOO_LARGE, 30007, false, "the answer would be larger than 1 MiB",                     \
      "ask for less: a smaller depth, fewer series, pages")                                        \
    X(BUSY, 30008, true, "the node's queue is full; the message was not looked at",                \
      "send it again after some milliseconds, or go on at another node")                           \
    /* what was asked */                                                                           \
    X(MARKET_UNKNOWN, 40001, false, "there is no such market", "Hello and GetCluster name them")   \
    X(SERIES_UNKNOWN, 40002, false, "there is no such series in this market",                      \
      "GetInstruments lists them")                                                                 \
    X(ACCOUNT_UNKNOWN, 40003, false, "there is no such account in this market",                    \
      "GetOwner lists the accounts of an address")                                                 \
    X(BLOCK_UNKNOWN, 40004, false, "there is no such block here, or no longer",                    \
      "ask for height 0, or ask a node with a longer history")                                     \
    X(CHANNEL_UNKNOWN, 40005, false, "the channel is not one of Channel's", "name one")            \
    X(NOT_SUBSCRIBED, 40006, false, "this connection has no such subscription",                    \
      "nothing is needed")                                                                         \
    X(COUNT_RANGE, 40007, false, "more was asked for than one answer may hold", "ask for less")    \
    X(EXPIRY_UNKNOWN, 40008, false, "no options of this underlying expire that day",               \
      "ask with expiry_day 0: the answer lists the days that there are")                           \
    X(UNDERLYING_UNKNOWN, 40009, false, "there is no such underlying in this market",              \
      "GetInstruments names them")                                                                 \
    X(ITEM_KIND, 40010, false, "clients do not bring items of this kind",                          \
      "name one of ItemKind's")                                                                    \
    X(STANDBY_RANGE, 40011, false, "the standby frame holds something else than cancels",          \
      "cancel, mass cancel and MMP cancel may stand in it")                                        \
    X(SOFT_ELSEWHERE, 40012, true, "only the node that leads the market has its soft data",        \
      "subscribe at the node that the text names; without one, ask GetCluster a little later")     \
    /* the node */                                                                                 \
    X(SYNCING, 50001, true, "the node is behind the set and cannot answer yet",                    \
      "go on at another node, or try again later")                                                 \
    X(LEADER_AWAY, 50002, true, "the market's leader cannot be reached from here",                 \
      "send the same frame again; if the term changes, sign it anew")                              \
    X(GAP, 50003, true, "messages of this subscription, or of the account's stream, were lost",    \
      "subscribe anew; if the connection closed, log on with resume_after")                        \
    X(ANSWER_LOST, 50004, false, "whether the frame was taken is not known",                       \
      "wait for FrameFinal until valid_until_block has passed, or ask for the account's "          \
      "nonce_top")                                                                                 \
    X(NO_ROOM, 50006, true, "the node lacks the memory for this now",                              \
      "ask for less, or again later")                                                              \
    X(ANSWER_LATE, 50007, true, "the node could not answer in time", "ask again later")            \
    X(FRAME_LAPSED, 50008, false, "the frame was not executed in time, and never will be",         \
      "sign it anew with a later valid_until_block")                                               \
    X(DISK_FULL, 50009, true, "the node's disk is full: it takes nothing until there is room",     \
      "the same at another node, or here when a Heartbeat has no trouble any more")

enum wire_error {
    WIRE_ERROR_NONE = 0,
#define X(name, number, retriable, text, hint) WIRE_ERROR_##name = (number),
    WIRE_ERROR_TABLE(X)
#undef X
};

/* Of enum wire_error or of enum tn_reject: the stable name ("ORDERS_FAST", "MARGIN_SHORT"), the
 * sentence and the next step; NULL for a number that is in neither table. */
const char *wire_error_name(uint32_t code);
const char *wire_error_text(uint32_t code);
const char *wire_error_hint(uint32_t code);
bool wire_error_is_retriable(uint32_t code);

#endif
