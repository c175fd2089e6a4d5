/* The signer's guard. Every signature of this node's key is asked for here first, and noted here
 * before it leaves; after a restart the log's records note it again. It knows nothing of the
 * protocol but rules R1, R2 and R3 (docs/specs/sequencer.md §3), so that a bug elsewhere in the
 * engine can make this node silent, but not make it sign two things that contradict each other.
 *
 * It remembers as many views as the engine keeps. A view that is older than what its slot holds has
 * been forgotten, and nothing is signed in it any more. */
#include "sequencer/guard.h"

#include "sequencer/controls.h"

#include <string.h>

static uint8_t bit(enum tn_vote_type type)
{
    return (uint8_t)(1u << type);
}

static const struct guard_view *find(const struct guard *guard, uint64_t view)
{
    const struct guard_view *slot = &guard->views[view & guard->views_mask];
    return slot->number == view ? slot : NULL;
}

void tn_sequencer_guard_begin(struct guard *guard, uint64_t epoch)
{
    TN_ASSERT(epoch >= guard->epoch);
    memset(guard->views, 0, sizeof(*guard->views) * (size_t)(guard->views_mask + 1));
    guard->epoch = epoch;
    guard->floor = 0;
}

bool tn_sequencer_guard_has(const struct guard *guard, enum tn_vote_type type, uint64_t view)
{
    const struct guard_view *slot = find(guard, view);
    return slot != NULL && (slot->types & bit(type)) != 0;
}

bool tn_sequencer_guard_holds(const struct guard *guard, enum tn_vote_type type, uint64_t view,
                              const struct tn_hash *hash)
{
    const struct guard_view *slot = find(guard, view);
    if (slot == NULL || (slot->types & bit(type)) == 0) return false;
    if (type == TN_VOTE_NULLIFY) return true;
    return tn_hash_equal(hash, type == TN_VOTE_NOTARIZE ? &slot->notarized : &slot->finalized);
}

bool tn_sequencer_guard_allows(const struct guard *guard, uint64_t epoch, enum tn_vote_type type,
                               uint64_t view, const struct tn_hash *hash)
{
    if (epoch != guard->epoch || view <= guard->floor) return false;
    if (guard->views[view & guard->views_mask].number > view) return false;
    if (tn_sequencer_guard_holds(guard, type, view, hash)) return true;
    bool nullified = tn_sequencer_guard_has(guard, TN_VOTE_NULLIFY, view);
    switch (type) {
        case TN_VOTE_NOTARIZE:
            if (nullified && TENOR_HOLDS(R2)) return false;
            return !tn_sequencer_guard_has(guard, TN_VOTE_NOTARIZE, view) || !TENOR_HOLDS(R1);
        case TN_VOTE_NULLIFY:
            return !tn_sequencer_guard_has(guard, TN_VOTE_FINALIZE, view) || !TENOR_HOLDS(R3);
        case TN_VOTE_FINALIZE:
            if (nullified && TENOR_HOLDS(R3)) return false;
            return !tn_sequencer_guard_has(guard, TN_VOTE_FINALIZE, view);
    }
    return false;
}

void tn_sequencer_guard_note(struct guard *guard, uint64_t epoch, enum tn_vote_type type,
                             uint64_t view, const struct tn_hash *hash)
{
    TN_ASSERT(epoch == guard->epoch && view > 0);
    struct guard_view *slot = &guard->views[view & guard->views_mask];
    if (slot->number > view) return; /* a record of a view that is forgotten */
    if (slot->number < view) *slot = (struct guard_view){.number = view};
    slot->types |= bit(type);
    if (type == TN_VOTE_NOTARIZE) slot->notarized = *hash;
    if (type == TN_VOTE_FINALIZE) slot->finalized = *hash;
}

bool tn_sequencer_guard_allows_checkpoint(const struct guard *guard, uint64_t height,
                                          const struct tn_hash *digest)
{
    for (uint32_t i = 0; i < GUARD_CHECKPOINTS; i++) {
        const struct guard_checkpoint *slot = &guard->checkpoints[i];
        if (slot->used && slot->height == height) {
            return tn_hash_equal(&slot->digest, digest) || !TENOR_HOLDS(CHECKPOINTS);
        }
    }
    return height > guard->checkpoint_floor;
}

void tn_sequencer_guard_note_checkpoint(struct guard *guard, uint64_t height,
                                        const struct tn_hash *digest)
{
    for (uint32_t i = 0; i < GUARD_CHECKPOINTS; i++)
        if (guard->checkpoints[i].used && guard->checkpoints[i].height == height) return;
    struct guard_checkpoint *slot =
        &guard->checkpoints[guard->checkpoints_count++ % GUARD_CHECKPOINTS];
    if (slot->used && slot->height > guard->checkpoint_floor) {
        guard->checkpoint_floor = slot->height;
    }
    *slot = (struct guard_checkpoint){.height = height, .digest = *digest, .used = true};
}
