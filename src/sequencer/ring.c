/* Views: a ring of them by number, and the one that the engine is in.
 *
 * A slot is taken over by a later view, never given back to an earlier one, so whoever holds a
 * pointer to a view must look at its number again after anything that may have made a view. The
 * view that the engine is in is never stored: it is one more than the highest certificate's. */
#include "sequencer/internal.h"

struct view *tn_sequencer_find_view(const struct tn_sequencer *s, uint64_t number)
{
    struct view *view = &s->views[number & (s->config.limits.views_max - 1)];
    return number > 0 && view->number == number ? view : NULL;
}

/* voters: who may have voted in it. A view has room for validators_max and is mostly not cached. */
static void clear_view(struct tn_sequencer *s, struct view *view, uint32_t voters)
{
    for (uint32_t i = 0; i < BLOCKS_OF_VIEW; i++)
        tn_sequencer_drop_block(s, &view->blocks[i]);
    for (uint32_t i = 0; i < VOTE_TYPES; i++) {
        for (uint32_t j = 0; j < voters; j++)
            tn_sequencer_ballot(s, view, i + 1, j)->state = SIGNATURE_NONE;
        view->weights[i] = 0;
        view->certs[i].size = 0;
    }
    view->number = 0;
    view->is_wanted = view->is_proposed = false;
    view->asked_us = INT64_MIN / 2;
    view->convicted = (struct tn_voters){0};
}

struct view *tn_sequencer_make_view(struct tn_sequencer *s, uint64_t number)
{
    TN_ASSERT(number > 0);
    struct view *view = &s->views[number & (s->config.limits.views_max - 1)];
    if (view->number == number) return view;
    if (view->number > number) return NULL;
    if (view->number > s->final_view) s->counters.views_dropped++;
    clear_view(s, view, s->set.count);
    view->number = number;
    if (number > s->ring_top) s->ring_top = number;
    return view;
}

void tn_sequencer_clear_views(struct tn_sequencer *s)
{
    for (uint32_t i = 0; i < s->config.limits.views_max; i++)
        if (s->views[i].number > 0) clear_view(s, &s->views[i], s->config.limits.validators_max);
    s->ring_top = 0;
}

bool tn_sequencer_is_quorum(const struct tn_sequencer *s, uint64_t weight)
{
    if (!TENOR_HOLDS(QUORUM)) return (tn_u128)weight * 2 >= s->set.weight;
    return tn_weight_is_quorum(weight, s->set.weight);
}

uint64_t tn_sequencer_weigh(const struct tn_validators *set, const struct tn_voters *voters)
{
    uint64_t weight = 0;
    for (uint32_t i = 0; i < set->count; i++)
        if (tn_voters_has(voters, i)) weight += set->members[i].weight;
    return weight;
}

/* Δ = min(Δmax, Δ0 · 1.5^k). */
int64_t tn_sequencer_delta(const struct tn_sequencer *s)
{
    int64_t delta = s->config.limits.delta_us;
    for (uint32_t k = 0; k < s->nullified_run && delta < s->config.limits.delta_max_us; k++)
        delta += delta / 2;
    return delta < s->config.limits.delta_max_us ? delta : s->config.limits.delta_max_us;
}

/* Nothing to do above the last block. What it carried itself is no reason for another: a batch that
 * comes meanwhile would wait for that one's votes. */
static bool is_idle(struct tn_sequencer *s)
{
    uint32_t count = 0;
    for (uint64_t w = s->view - 1; w > tn_sequencer_low(s); w--) {
        const struct view *view = tn_sequencer_find_view(s, w);
        if (view == NULL || tn_sequencer_has_cert(view, TN_VOTE_NULLIFY)) continue;
        if (!view->is_wanted) return false;
        const struct held_block *block = tn_sequencer_find_block(s, w, &view->wanted);
        if (block == NULL) return false;
        if ((block->header.flags & (TN_BLOCK_EPOCH_FINAL | TN_BLOCK_SEAL)) != 0) return false;
        if (tn_sequencer_chain(s, &count, w, &view->wanted) != TN_VERDICT_OK) return false;
        return !s->config.app.pending(s->config.app.context, s->chain, count);
    }
    if ((s->final_header.flags & TN_BLOCK_EPOCH_FINAL) != 0 && s->final_view > 0) return false;
    return !s->config.app.pending(s->config.app.context, s->chain, 0);
}

/* What each view costs in time when more than half of those that are kept lie above the last
 * delivered one: it doubles so often that the other half is not used up in years, however long
 * nothing becomes final. So what is above it never leaves everybody's ring, and whoever comes back
 * finds somebody who has it (§4). */
static int64_t pause_us(const struct tn_sequencer *s)
{
    const struct tn_sequencer_limits *limits = &s->config.limits;
    const uint64_t half = limits->views_max / 2, room = half - TN_SEQUENCER_WINDOW;
    if (!tn_sequencer_is_slow(s)) return 0;
    const uint64_t steps = (s->view - s->final_view - half) * PAUSE_DOUBLINGS;
    const uint64_t doublings = steps / room;
    if (doublings >= PAUSE_DOUBLINGS) return limits->delta_max_us << PAUSE_DOUBLINGS;
    const int64_t pause = limits->delta_max_us << doublings;
    return pause - limits->delta_max_us + pause / (int64_t)room * (int64_t)(steps % room);
}

/* When this view's proposer may begin: a view that was left by NULLIFICATION has cost its time; one
 * that was left by NOTARIZATION may have cost nothing. */
static int64_t earliest_us(const struct tn_sequencer *s)
{
    const struct view *before = tn_sequencer_find_view(s, s->view - 1);
    if (tn_sequencer_has_cert(before, TN_VOTE_NULLIFY)) return s->entered_us;
    return s->entered_us + pause_us(s);
}

void tn_sequencer_arm_timers(struct tn_sequencer *s)
{
    const int64_t delta = tn_sequencer_delta(s);
    const int64_t idle = is_idle(s) ? s->config.limits.idle_us : 0;
    const int64_t begun_us = s->entered_us + pause_us(s) + idle;
    s->build_due_us = earliest_us(s) + idle;
    s->proposal_due_us = begun_us + 2 * delta;
    s->advance_due_us = begun_us + 4 * delta;
}

static void sooner(int64_t *due_us, int64_t other_us)
{
    if (*due_us != NEVER && other_us < *due_us) *due_us = other_us;
}

static int64_t later(int64_t a_us, int64_t b_us)
{
    return a_us > b_us ? a_us : b_us;
}

void tn_sequencer_hurry(struct tn_sequencer *s)
{
    const int64_t delta = tn_sequencer_delta(s);
    const int64_t build_us = later(s->now_us, earliest_us(s));
    if (s->build_due_us <= build_us) return;
    if (is_idle(s)) return;
    const int64_t begun_us = later(s->now_us, s->entered_us + pause_us(s));
    s->build_due_us = build_us;
    sooner(&s->proposal_due_us, begun_us + 2 * delta);
    sooner(&s->advance_due_us, begun_us + 4 * delta);
}

void tn_sequencer_enter(struct tn_sequencer *s, uint64_t number, bool nullified)
{
    TN_ASSERT(number > s->view);
    if (nullified && s->nullified_run < s->config.limits.views_max) s->nullified_run++;
    s->view = number;
    s->proposed = false;
    s->entered_us = s->now_us;
    s->proposal_due_us = s->advance_due_us = s->build_due_us = NEVER;
    s->step_due = true;
    s->timers_due = true;
    TN_ASSERT(tn_sequencer_make_view(s, number) != NULL);
}

/* Executing is the longest piece of work that there is, and no vote waits for it: the lag of
 * exec_root leaves eight blocks' time. */
static bool may_deliver(const struct tn_sequencer *s)
{
    return s->is_ticking || !s->config.delivers_late || s->goal_view > s->final_view + LATE_MAX;
}

void tn_sequencer_settle(struct tn_sequencer *s)
{
    if (!s->started) return;
    /* A validator with a quorum's weight could go on for ever: the rest is for the next tick. */
    for (uint32_t i = 0; i < 64; i++) {
        if (s->deliver_due && may_deliver(s)) {
            s->deliver_due = false;
            tn_sequencer_deliver(s);
        } else if (s->timers_due) {
            s->timers_due = false;
            tn_sequencer_arm_timers(s);
        } else if (s->step_due) {
            s->step_due = false;
            tn_sequencer_step(s);
        } else if (s->finalize_due) {
            s->finalize_due = false;
            tn_sequencer_finalize_all(s);
        } else {
            return;
        }
    }
}
