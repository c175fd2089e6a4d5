/* client_errors: the numbers by which a node says no, as in docs/errors.md: struct
 * tn_news_error has them. Below TN_ERRORS they are enum tn_reject of tenor/reject.h.
 *
 * Made from node/wire/errors.h; do not edit. */
#ifndef TENOR_CLIENT_ERRORS_H
#define TENOR_CLIENT_ERRORS_H

#include <stdbool.h>
#include <stdint.h>

#define TN_ERRORS 10000

enum tn_error {
    TN_ERROR_NONE = 0,
    /* a message is longer than 65 536 bytes, or has length 0 */
    TN_ERROR_TOO_LARGE = 10001,
    /* the bytes are no message of the protocol, strictly read */
    TN_ERROR_MALFORMED = 10002,
    /* the message has no body that this node knows */
    TN_ERROR_NO_BODY = 10003,
    /* nothing came for twice the heartbeat */
    TN_ERROR_SILENT = 10004,
    /* the node is ending */
    TN_ERROR_STOPPING = 10009,
    /* too many messages of this connection were refused for their form or signature */
    TN_ERROR_FAULTS_MANY = 10012,
    /* this needs a session */
    TN_ERROR_LOGON_NEEDED = 20001,
    /* this connection has logged on already */
    TN_ERROR_LOGON_TWICE = 20002,
    /* there is no such session, or it was revoked */
    TN_ERROR_LOGON_SESSION = 20003,
    /* the session has expired */
    TN_ERROR_LOGON_EXPIRED = 20004,
    /* the session's key did not sign this challenge */
    TN_ERROR_LOGON_SIGNATURE = 20005,
    /* heartbeat_ms is outside of what this node allows */
    TN_ERROR_HEARTBEAT_RANGE = 20006,
    /* the node no longer has the account's messages since then */
    TN_ERROR_RESUME_OLD = 20007,
    /* the node has not executed the block of resume_after yet */
    TN_ERROR_RESUME_AHEAD = 20008,
    /* the account has its maximum of connections on this node */
    TN_ERROR_LOGONS_FULL = 20010,
    /* the frame names another session or market than the logon */
    TN_ERROR_OTHER_SESSION = 20011,
    /* the account's allowance of orders is used up */
    TN_ERROR_ORDERS_FAST = 30001,
    /* the account's allowance of quotes is used up */
    TN_ERROR_QUOTES_FAST = 30002,
    /* the allowance of questions is used up */
    TN_ERROR_QUERIES_FAST = 30003,
    /* too many frames of this session wait for their answers */
    TN_ERROR_FRAMES_WAITING = 30006,
    /* the answer would be larger than 1 MiB */
    TN_ERROR_ANSWER_TOO_LARGE = 30007,
    /* the node's queue is full; the message was not looked at */
    TN_ERROR_BUSY = 30008,
    /* there is no such market */
    TN_ERROR_MARKET_UNKNOWN = 40001,
    /* there is no such series in this market */
    TN_ERROR_SERIES_UNKNOWN = 40002,
    /* there is no such account in this market */
    TN_ERROR_ACCOUNT_UNKNOWN = 40003,
    /* there is no such block here, or no longer */
    TN_ERROR_BLOCK_UNKNOWN = 40004,
    /* the channel is not one of Channel's */
    TN_ERROR_CHANNEL_UNKNOWN = 40005,
    /* this connection has no such subscription */
    TN_ERROR_NOT_SUBSCRIBED = 40006,
    /* more was asked for than one answer may hold */
    TN_ERROR_COUNT_RANGE = 40007,
    /* no options of this underlying expire that day */
    TN_ERROR_EXPIRY_UNKNOWN = 40008,
    /* there is no such underlying in this market */
    TN_ERROR_UNDERLYING_UNKNOWN = 40009,
    /* clients do not bring items of this kind */
    TN_ERROR_ITEM_KIND = 40010,
    /* the standby frame holds something else than cancels */
    TN_ERROR_STANDBY_RANGE = 40011,
    /* only the node that leads the market has its soft data */
    TN_ERROR_SOFT_ELSEWHERE = 40012,
    /* the node is behind the set and cannot answer yet */
    TN_ERROR_SYNCING = 50001,
    /* the market's leader cannot be reached from here */
    TN_ERROR_LEADER_AWAY = 50002,
    /* messages of this subscription, or of the account's stream, were lost */
    TN_ERROR_GAP = 50003,
    /* whether the frame was taken is not known */
    TN_ERROR_ANSWER_LOST = 50004,
    /* the node lacks the memory for this now */
    TN_ERROR_NO_ROOM = 50006,
    /* the node could not answer in time */
    TN_ERROR_ANSWER_LATE = 50007,
    /* the frame was not executed in time, and never will be */
    TN_ERROR_FRAME_LAPSED = 50008,
    /* the node's disk is full: it takes nothing until there is room */
    TN_ERROR_DISK_FULL = 50009,
};

/* Of an error or a reject: the stable name ("BUSY", "MARGIN_SHORT"), what it means, what to do;
 * NULL for a number that is in neither table. */
const char *tn_error_name(uint32_t code);
const char *tn_error_text(uint32_t code);
const char *tn_error_hint(uint32_t code);
/* May the same be sent again, unchanged? */
bool tn_error_is_retriable(uint32_t code);

#endif
