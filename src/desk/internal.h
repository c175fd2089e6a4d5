/* The desk's one struct, and what its files ask of each other. Section numbers are those of
 * docs/specs/desk.md. */
#ifndef TENOR_DESK_INTERNAL_H
#define TENOR_DESK_INTERNAL_H

#include "tenor/desk.h"

#include <string.h>

/* A frame that waits for its turn. */
struct waiting {
    uint64_t client;
    uint64_t session;
    uint64_t nonce;
    size_t at; /* of its bytes in the queue's */
    uint32_t size;
    uint32_t account;
    uint64_t weight;
    bool only_cancels;
    bool is_done;
};

/* A frame that was answered and is not final. */
struct answered {
    uint64_t client;
    uint64_t session;
    uint64_t nonce;
    uint64_t sequence;
    uint32_t index;
};

/* A batch that was sealed and is not final. */
struct pending {
    uint64_t sequence;
    struct tn_hash digest;
    uint64_t sealed_us;
    uint64_t weight;
};

struct tn_desk {
    struct tn_desk_limits limits;
    struct tn_desk_out out;
    struct tn_market_world world;
    struct tn_market_scratch scratch;
    void *market_memory;
    struct tn_market *market; /* NULL before the first term */
    bool leads;
    bool only_frames; /* this turn is one of frames alone */

    struct tn_desk_term term;
    uint64_t sequence;      /* of the batch that is open */
    struct tn_hash digest;  /* of the batch before it */
    uint64_t final;         /* sequence of the last final batch */
    uint64_t now_us;        /* of the last call */
    uint64_t last_block_us; /* when a BLOCK was taken last, or the term began */
    uint64_t last_sealed_us;
    bool block_waits;        /* one does, and is_held */
    bool is_held;            /* until the sweep has ended */
    uint64_t block_waits_us; /* since when one has waited, none left out */

    /* The batch that is open. */
    struct tn_batch_builder builder;
    uint8_t *body; /* [batch_bytes_max] */
    size_t body_size;
    uint32_t entries_count;
    uint64_t opened_us; /* its first entry */
    uint64_t trace;     /* of its events (own.h) */

    /* The entry being applied. */
    const uint8_t *entry_bytes;
    size_t entry_size;
    uint64_t entry_client;

    struct waiting *queue; /* [queue_frames_max] */
    uint32_t queue_count;
    uint8_t *queue_bytes;
    size_t queue_size;
    uint64_t queue_weight;
    uint32_t *account_turn; /* [accounts_max]: turn in which it had a frame of more than cancels */
    uint32_t turn;
    uint64_t weight_since_slice;

    struct answered *answered; /* ring [pending_frames_max] */
    uint32_t answered_first, answered_count;
    struct pending *pending; /* ring [pending_batches_max] */
    uint32_t pending_first, pending_count;
    uint64_t pending_weight; /* of them all */

    struct tn_desk_counts counts;
};

/* batch.c: §3. Room for an entry of so many bytes and so much weight, sealing what is open when it
 * has none. False: too much is not final. */
bool tn_desk_make_room(struct tn_desk *desk, size_t size, uint64_t weight);
/* Has the open batch room for it as it is? */
bool tn_desk_has_room(const struct tn_desk *desk, size_t size, uint64_t weight);
/* May what is open be sealed in this turn? */
bool tn_desk_may_seal(const struct tn_desk *desk);
/* The room was made: applies the entry, which must be admissible. */
void tn_desk_add_entry(struct tn_desk *desk, const uint8_t *bytes, size_t size);
/* The same for a frame that was verified; false: it would be a fault by now. */
bool tn_desk_add_frame(struct tn_desk *desk, enum tn_reject *reject, const struct waiting *waiting);
void tn_desk_open_batch(struct tn_desk *desk);
void tn_desk_seal(struct tn_desk *desk);
bool tn_desk_can_seal(const struct tn_desk *desk);

/* desk.c */
void tn_desk_advance(struct tn_desk *desk, uint64_t now_us);
static inline const struct pending *desk_pending(const struct tn_desk *desk, uint32_t i)
{
    return &desk->pending[(desk->pending_first + i) % desk->limits.pending_batches_max];
}
static inline const struct answered *desk_answered(const struct tn_desk *desk, uint32_t i)
{
    return &desk->answered[(desk->answered_first + i) % desk->limits.pending_frames_max];
}
/* Only cancels are taken now. */
bool tn_desk_is_late(const struct tn_desk *desk);

/* turn.c: §5. Must frames wait for finality, with so much weight of others before them? */
bool tn_desk_is_full(const struct tn_desk *desk, bool only_cancels, uint64_t weight_before);

#endif
