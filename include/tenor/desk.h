/* desk: leads a market. Signed frames, inboxes and news of finality in; batches, answers and market
 * data out.
 *
 *     tn_desk_begin(desk, market, &term, now_us);        a term of ours has begun
 *     tn_desk_frame(desk, client, bytes, size, now_us);  from clients: queued
 *     tn_desk_inbox(desk, &inbox, now_us);               a block was executed here
 *     tn_desk_final(desk, sequence, &digest, now_us);    a batch of ours is final
 *     tn_desk_turn(desk, now_us);                        the work; all calls of `out` but refusals
 *     tn_desk_end(desk);                                 the term is over
 *
 * It decides the order of its market's stream and nothing else. A frame that would be a fault is
 * answered and never enters the stream. Within one turn frames of cancels alone go before others,
 * but never before an earlier frame of the same account. It runs ahead of finality on a market of
 * its own, a clone of the replica's; what it answers is soft, named by (term, sequence, index), and
 * when a term ends every soft answer above the last final batch is told to be reverted.
 * Times are of a clock that never goes back, in microseconds; one that two threads have read may
 * come late: an older time counts as the last one. Rules: docs/specs/desk.md. */
#ifndef TENOR_DESK_H
#define TENOR_DESK_H

#include "tenor/market.h"

/* Local, all of it but the market's limits and batch_weight_max. */
struct tn_desk_limits {
    struct tn_market_limits market;
    uint32_t batch_bytes_max;     /* seal at so many bytes of body; 4 KiB .. 1 MiB (64 KiB) */
    uint64_t batch_weight_max;    /* genesis: of one batch; at least 65 536 */
    uint32_t queue_frames_max;    /* frames that wait for a turn */
    uint32_t queue_bytes_max;     /* their bytes */
    uint32_t pending_frames_max;  /* answered, and not yet final */
    uint32_t pending_batches_max; /* sealed, and not yet final */
    uint64_t pending_weight_max; /* not yet final; at least 4 096. What a node can execute in a part
                                    of stall_ms: a desk on a thread of its own could run ahead */
    uint32_t seal_us;            /* a batch with entries is sealed after so long (2 000), and once
                                    more that for each of up to four that are not final yet */
    uint32_t stall_ms;           /* genesis: a heartbeat batch each third of it (300) */
    uint32_t soft_ms;            /* genesis: only cancels this long after the last BLOCK (500) */
    uint32_t slice_units;        /* of one SWEEP; 1 .. 8 192 (512) */
    uint32_t slice_weight;       /* a slice of waiting work after so much weight of frames (256) */
};
void tn_desk_limits_default(struct tn_desk_limits *limits);

/* Where in the stream. index: of the entry in its batch. */
struct tn_desk_place {
    uint32_t term;
    uint64_t sequence;
    uint32_t index;
};
#define TN_DESK_NOBODY UINT64_MAX /* as client: no frame brought this about */

struct tn_desk_sealed {
    const struct tn_batch_header *header;
    struct tn_hash digest;
    struct tn_signature signature; /* of the digest */
    const uint8_t *body;
    size_t body_size;
    uint64_t trace; /* of its events: own.h */
};

/* Pointers are good during the call; a function that is NULL is not called. None of them may call
 * the desk. */
struct tn_desk_out {
    void *context;
    /* A frame of this client never entered the stream. */
    void (*refused)(void *context, uint64_t client, enum tn_reject reject);
    /* What an entry, or an item of an inbox, brought about: answers to `client` for its own frame,
     * and market data for everybody. Soft. */
    void (*step)(void *context, const struct tn_desk_place *place, uint64_t client,
                 const struct tn_market_step *step);
    /* Has the caller a place for a batch that a turn of frames alone would seal? NULL: never. */
    bool (*may_seal)(void *context);
    /* A batch: to be durable before anybody else sees it. Every step of it was told before. */
    void (*sealed)(void *context, const struct tn_desk_sealed *sealed);
    /* A frame that was answered will never have been: in order of the stream. */
    void (*reverted)(void *context, const struct tn_desk_place *place, uint64_t client,
                     uint64_t session, uint64_t nonce);
};

struct tn_desk_term {
    uint32_t term;
    uint64_t sequence; /* of the last final batch of the market, of whatever term; 0: none */
    struct tn_hash digest;
    struct tn_secret_key key; /* the leader's */
};

struct tn_desk_counts {
    uint64_t frames_taken;   /* into the queue */
    uint64_t frames_entered; /* the stream */
    uint64_t refused_idle;   /* no term of ours */
    uint64_t refused_size;   /* larger than a batch could hold */
    uint64_t refused_full;   /* queue full, or too much is not final yet */
    uint64_t refused_stale;  /* only cancels now: soft_ms */
    uint64_t refused_bad;    /* would be a fault: all kinds */
    uint64_t
        refused_inbox; /* inboxes that found no place; ends the term's use: see tn_desk_inbox */
    uint64_t batches, heartbeats, batch_bytes;
    uint64_t blocks, sweeps, liqs;
    uint64_t reverted;
};

struct tn_desk;

/* Bytes needed, or 0 when a limit is out of its range. */
size_t tn_desk_size(const struct tn_desk_limits *limits);

/* Zeroed, 64-byte-aligned memory of tn_desk_size bytes. Out, signatures (which must stay) and world
 * are copied. `verified` of the world spares the check of a signature that this node has checked.
 */
struct tn_desk *tn_desk_init(void *memory, const struct tn_desk_limits *limits,
                             const struct tn_desk_out *out, const struct tn_market_world *world);

/* A term of ours begins, on a clone of the replica's market as of the last final batch. The desk
 * must be idle. Inboxes that wait in it are consumed in the first turn. */
void tn_desk_begin(struct tn_desk *desk, const struct tn_market *market,
                   const struct tn_desk_term *term, uint64_t now_us);
/* It is over: the queue is refused, every answer above the last final batch is reverted. From then
 * on the desk is idle. Nothing, when it is idle. */
void tn_desk_end(struct tn_desk *desk);
bool tn_desk_leads(const struct tn_desk *desk);

/* Queues a frame: an entry of version 2 as it would stand in the stream. NONE, or why it was
 * refused at once (not told through `out`). It is verified here; what may change until its turn is
 * asked again then. */
enum tn_reject tn_desk_frame(struct tn_desk *desk, uint64_t client, const uint8_t *bytes,
                             size_t size, uint64_t now_us);

/* Would a frame of that size, of more than cancels, find place now, with all that is queued before
 * it? False: too much is not final yet, or that takes too long; it may be so soon. Counts nothing.
 */
bool tn_desk_has_place(struct tn_desk *desk, size_t size, uint64_t now_us);

/* The inbox of a block that the node's replica has executed; contiguous. False: no place for it,
 * the desk cannot go on in this term (the caller resigns). Ignored when idle: true. */
bool tn_desk_inbox(struct tn_desk *desk, const struct tn_inbox *inbox, uint64_t now_us);

/* All batches up to this one are final. False when its digest is not the one sealed here: another
 * hand holds our key, or this is a restored copy; the desk must not go on. */
bool tn_desk_final(struct tn_desk *desk, uint64_t sequence, const struct tn_hash *digest,
                   uint64_t now_us);

/* Works: BLOCKs of inboxes that wait, the queue, slices of sweeps, and seals what is due. Ends
 * within the work of one queue and one slice. A BLOCK that would end a large sweep at once waits
 * for its slices, a quarter of soft_ms at most. */
void tn_desk_turn(struct tn_desk *desk, uint64_t now_us);

/* Applies the queue and no more: no BLOCK is taken, and a batch is sealed only when it is full and
 * `may_seal` says so, so it takes the time of its frames. What finds no room in the open batch
 * stays in the queue for tn_desk_turn. */
void tn_desk_turn_frames(struct tn_desk *desk, uint64_t now_us);

/* When a turn is due without anything new: at once when that is now_us or before; UINT64_MAX:
 * never (idle). */
uint64_t tn_desk_next(const struct tn_desk *desk);

/* ---- What stands ------------------------------------------------------------------------------
 */
/* The market that runs ahead; of the last term when idle; NULL before the first. */
const struct tn_market *tn_desk_market(const struct tn_desk *desk);
/* The place that the next entry takes. */
struct tn_desk_place tn_desk_place(const struct tn_desk *desk);
const struct tn_desk_counts *tn_desk_counts(const struct tn_desk *desk);
/* Frames that wait for a turn. */
uint32_t tn_desk_queue_count(const struct tn_desk *desk);

#endif
