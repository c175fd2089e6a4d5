/* peer: what nodes of one set say to each other: kinds of messages, their classes and their caps.
 *
 * A message is `kind u8` and a fixed big-endian layout; each kind's layout belongs to the module
 * that reads it (docs/specs/sequencer.md, gossip.md, sync.md). A link delivers whole messages with
 * the index of the validator it was authenticated as. This header decides nothing: it is the one
 * list that links, queues and cores share, so that a message is refused by its first byte and its
 * size before anything reads it. */
#ifndef TENOR_PEER_H
#define TENOR_PEER_H

#include "tenor/base.h"

#define TN_PEERS_MAX 128u    /* validators 0 .. 99 of the present set, then observers */
#define TN_PEER_ALL  0xffffu /* as a receiver: everybody but me */
#define TN_PEER_SELF 0xfffeu /* as a sender: this node itself, e.g. an item of its own client */

/* Classes, most urgent first. One link carries one class in order; classes overtake each other. */
enum tn_priority {
    TN_PRIORITY_CERT = 0,
    TN_PRIORITY_VOTE,
    TN_PRIORITY_PROPOSAL,
    TN_PRIORITY_DATA,
    TN_PRIORITY_BATCH,
    TN_PRIORITIES /* how many */
};

/* name, kind, class, most bytes with the kind's own byte. The largest must fit an empty queue. */
#define TN_PEER_TABLE(X)                                                                           \
    X(PROPOSAL, 1, PROPOSAL, TN_PEER_MESSAGE_MAX)                                                  \
    X(VOTE, 2, VOTE, 256)                                                                          \
    X(CERT, 3, CERT, 8192)                                                                         \
    X(FETCH, 4, VOTE, 256)                                                                         \
    X(DATA, 5, DATA, TN_PEER_MESSAGE_MAX)                                                          \
    X(STATUS, 6, VOTE, 4096)                                                                       \
    X(CKPT_VOTE, 7, VOTE, 512)                                                                     \
    X(EVIDENCE, 8, DATA, 8192)                                                                     \
    X(CKPT_CERT, 9, CERT, 8192)                                                                    \
    X(BATCH, 32, BATCH, TN_PEER_BATCH_MAX)                                                         \
    X(ANNOUNCE, 33, VOTE, 256)                                                                     \
    X(BATCH_FETCH, 34, VOTE, 4096)                                                                 \
    X(HEADS, 35, VOTE, 8192)                                                                       \
    X(ITEM, 36, DATA, TN_PEER_ITEM_MAX)                                                            \
    X(STALL, 37, VOTE, 256)                                                                        \
    X(RESIGN, 38, VOTE, 256)                                                                       \
    X(FRAME, 48, DATA, TN_PEER_ITEM_MAX)                                                           \
    X(RESULT, 49, DATA, TN_PEER_ITEM_MAX)                                                          \
    X(SYNC_FETCH, 52, VOTE, 256)                                                                   \
    X(SYNC_DATA, 53, DATA, TN_PEER_MESSAGE_MAX)                                                    \
    X(SYNC_STATUS, 54, VOTE, 8192)                                                                 \
    X(VOTES_ASK, 55, VOTE, 256)                                                                    \
    X(VOTES_HELD, 56, DATA, TN_PEER_ITEM_MAX)

/* A block of 4 MiB, its header, its certificate or its justification, and room. A longer answer (a
 * range of blocks) is several messages. */
#define TN_PEER_MESSAGE_MAX (5u << 20)
/* A body of 2 MiB behind kind and signature. */
#define TN_PEER_BATCH_MAX ((2u << 20) + 128u)
#define TN_PEER_ITEM_MAX  ((1u << 20) + 1024u)

enum tn_peer_kind {
#define X(name, number, priority, bytes_max) TN_PEER_##name = (number),
    TN_PEER_TABLE(X)
#undef X
};

/* tn_peer_bytes_max is the most bytes a message of this kind has, 0 for a kind that is unknown. */
static inline uint32_t tn_peer_bytes_max(uint8_t kind)
{
    switch (kind) {
#define X(name, number, priority, bytes_max)                                                       \
    case number: return bytes_max;
        TN_PEER_TABLE(X)
#undef X
    }
    return 0;
}

/* tn_peer_priority is the class of a known kind; BATCH for any other. */
static inline enum tn_priority tn_peer_priority(uint8_t kind)
{
    switch (kind) {
#define X(name, number, priority, bytes_max)                                                       \
    case number: return TN_PRIORITY_##priority;
        TN_PEER_TABLE(X)
#undef X
    }
    return TN_PRIORITY_BATCH;
}

/* tn_peer_binds is whether a message promises what its sender's log must hold first (rule R5, and
 * batches before they are told of). The others may leave before the log is synced, as long as
 * nothing that binds was said in the same turn or waits from before: a certificate may hold the own
 * vote of that turn. An unknown kind binds. */
static inline bool tn_peer_binds(uint8_t kind)
{
    switch (kind) {
        case TN_PEER_CERT:      /* convinces by itself */
        case TN_PEER_CKPT_CERT: /* likewise */
        case TN_PEER_FETCH:
        case TN_PEER_BATCH_FETCH:
        case TN_PEER_DATA:   /* its hash is asked for */
        case TN_PEER_STATUS: /* nobody counts on it */
        case TN_PEER_FRAME:  /* a client's own words */
        case TN_PEER_RESULT: /* soft */ return false;
    }
    return true;
}

#endif
