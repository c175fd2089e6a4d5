/* guard: what this node's key has signed in the present epoch; the one place that says whether it
 * may sign. It is filled by the log's records and by every signature that is made. */
#ifndef TENOR_SEQUENCER_GUARD_H
#define TENOR_SEQUENCER_GUARD_H

#include "tenor/sequencer.h"

#define GUARD_CHECKPOINTS 64u

struct guard_view {
    uint64_t number; /* 0: nothing was signed in a view of this slot */
    uint8_t types;   /* bit enum tn_vote_type */
    struct tn_hash notarized, finalized;
};

struct guard_checkpoint {
    uint64_t height;
    struct tn_hash digest;
    bool used;
};

struct guard {
    struct guard_view *views; /* by view, views_max of them */
    uint64_t views_mask;
    uint64_t epoch;
    uint64_t floor; /* at and below this view nothing is signed: it may have been forgotten */
    uint64_t checkpoint_floor;
    struct guard_checkpoint checkpoints[GUARD_CHECKPOINTS]; /* a ring, by order of signing */
    uint32_t checkpoints_count;
};

/* A new epoch: nothing is signed in it. Checkpoints stay. */
void tn_sequencer_guard_begin(struct guard *guard, uint64_t epoch);
/* May the key sign this? Rules R1, R2, R3; and that nothing was forgotten. Signing again what was
 * signed is allowed: it gives the same bytes. */
bool tn_sequencer_guard_allows(const struct guard *guard, uint64_t epoch, enum tn_vote_type type,
                               uint64_t view, const struct tn_hash *hash);
/* It is signed, or was. */
void tn_sequencer_guard_note(struct guard *guard, uint64_t epoch, enum tn_vote_type type,
                             uint64_t view, const struct tn_hash *hash);
bool tn_sequencer_guard_has(const struct guard *guard, enum tn_vote_type type, uint64_t view);
/* Exactly this vote? */
bool tn_sequencer_guard_holds(const struct guard *guard, enum tn_vote_type type, uint64_t view,
                              const struct tn_hash *hash);
/* One checkpoint for each height. */
bool tn_sequencer_guard_allows_checkpoint(const struct guard *guard, uint64_t height,
                                          const struct tn_hash *digest);
void tn_sequencer_guard_note_checkpoint(struct guard *guard, uint64_t height,
                                        const struct tn_hash *digest);

#endif
