/* The engine: its memory, its life, and where each message goes. What the messages do stands in a
 * file for each; what a call has made due is done at its end, by tn_sequencer_settle. */
#include "sequencer/internal.h"

void tn_sequencer_limits_default(struct tn_sequencer_limits *limits)
{
    *limits = (struct tn_sequencer_limits){.validators_max = 32,
                                           .views_max = 1024,
                                           .bodies_max = 256,
                                           .body_max = TN_SEQUENCER_BODY_MAX,
                                           .behind_max = 10000,
                                           .exec_lag = 8,
                                           .exec_lag_max = 64,
                                           .checkpoint_blocks = 64,
                                           .delta_us = 25000,
                                           .delta_max_us = 2000000,
                                           .idle_us = 100000};
}

/* ---- Memory ---- */

static size_t cert_bytes(const struct tn_sequencer_limits *limits)
{
    return CERT_HEAD_BYTES + tn_voters_bytes(limits->validators_max) +
           (size_t)TN_SIGNATURE_SIZE * limits->validators_max;
}

static size_t message_bytes(const struct tn_sequencer_limits *limits)
{
    size_t proposal = PROPOSAL_HEAD_BYTES + limits->body_max +
                      (TN_SEQUENCER_JUST_MAX + 1) * (2 + cert_bytes(limits));
    size_t votes = VOTES_HELD_HEAD_BYTES + (size_t)VOTES_HELD_MAX * VOTE_HELD_BYTES;
    size_t headers = 64 + (size_t)HANDOVER_HEADERS_MAX * TN_BLOCK_HEADER_BYTES + cert_bytes(limits);
    _Static_assert(HEADERS_MAX <= HANDOVER_HEADERS_MAX, "the longer of the two lists of headers");
    if (votes > proposal) proposal = votes;
    return tn_align(headers > proposal ? headers : proposal);
}

static bool is_good(const struct tn_sequencer_limits *limits)
{
    if (limits->validators_max == 0 || limits->validators_max > TN_VALIDATORS_MAX) return false;
    if (limits->views_max < 256 || (limits->views_max & (limits->views_max - 1)) != 0) return false;
    if (limits->views_max > 1u << 20 || limits->bodies_max < 8) return false;
    if (limits->bodies_max > 1u << 16 || limits->body_max > TN_SEQUENCER_BODY_MAX) return false;
    if (limits->behind_max < TN_SEQUENCER_RANGE_MAX || limits->behind_max > 1u << 24) return false;
    if (limits->exec_lag == 0 || limits->exec_lag_max < limits->exec_lag) return false;
    if (limits->checkpoint_blocks == 0 || limits->idle_us < 0) return false;
    return limits->delta_us >= 2 && limits->delta_max_us >= limits->delta_us &&
           limits->delta_max_us <= INT64_C(1) << 40 && limits->idle_us <= INT64_C(1) << 40;
}

/* The regions behind the engine, in order; with at NULL only their size. */
static size_t lay_out(struct tn_sequencer *s, const struct tn_sequencer_limits *limits,
                      uint8_t *memory)
{
    struct region {
        void **to;
        size_t size;
    };
    uint8_t *ballots, *certs, *checkpoint_ballots;
    struct tn_sequencer unused;
    if (s == NULL) s = &unused;
    const size_t views = limits->views_max, voters = limits->validators_max;
    const size_t stride = tn_align((size_t)TN_BLOCK_HEADER_BYTES + limits->body_max);
    const struct region regions[] = {
        {(void **)&s->views, sizeof(struct view) * views},
        {(void **)&ballots, sizeof(struct ballot) * views * VOTE_TYPES * voters},
        {(void **)&certs, cert_bytes(limits) * views * VOTE_TYPES},
        {(void **)&s->guard.views, sizeof(struct guard_view) * views},
        {(void **)&s->path, sizeof(struct path_step) * limits->behind_max},
        {(void **)&s->ahead, sizeof(struct held_block) * AHEAD_MAX},
        {(void **)&s->chain, sizeof(struct tn_sequencer_block) * views},
        {(void **)&s->bodies_free, sizeof(uint32_t) * limits->bodies_max},
        {(void **)&checkpoint_ballots,
         sizeof(struct checkpoint_ballot) * CHECKPOINTS_OPEN * voters},
        {(void **)&s->message, message_bytes(limits)},
        {(void **)&s->bodies, stride * limits->bodies_max}};
    size_t at = tn_align(sizeof(struct tn_sequencer));
    for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++) {
        if (memory != NULL) *regions[i].to = memory + at;
        at += tn_align(regions[i].size);
    }
    if (memory == NULL) return at;
    for (size_t i = 0; i < views; i++) {
        s->views[i].ballots = (struct ballot *)(void *)ballots + i * VOTE_TYPES * voters;
        for (size_t j = 0; j < VOTE_TYPES; j++)
            s->views[i].certs[j].bytes = certs + (i * VOTE_TYPES + j) * cert_bytes(limits);
    }
    for (size_t i = 0; i < CHECKPOINTS_OPEN; i++)
        s->checkpoints[i].ballots =
            (struct checkpoint_ballot *)(void *)checkpoint_ballots + i * voters;
    return at;
}

size_t tn_sequencer_size(const struct tn_sequencer_limits *limits)
{
    return is_good(limits) ? lay_out(NULL, limits, NULL) : 0;
}

struct tn_sequencer *tn_sequencer_init(void *memory, const struct tn_sequencer_config *config)
{
    struct tn_sequencer *s = memory;
    const struct tn_signatures *signatures = config->signatures;
    TN_ASSERT(is_good(&config->limits));
    s->config = *config;
    lay_out(s, &s->config.limits, memory);
    s->guard.views_mask = config->limits.views_max - 1;
    for (uint32_t i = 0; i < config->limits.bodies_max; i++)
        s->bodies_free[s->bodies_free_count++] = config->limits.bodies_max - 1 - i;
    if (config->is_validator) {
        bool is_key = signatures->public_key(signatures->context, &s->public_key, &config->key);
        TN_ASSERT(is_key);
    }
    s->index = s->previous_index = TN_NONE;
    s->voice = TN_VOICE_ASKING;
    s->final_header = config->root;
    s->final_hash = config->root_hash;
    tn_sequencer_begin_epoch(s, &config->set);
    s->previous_set.count = 0;
    if (config->root.epoch == config->set.epoch && config->root.view > 0) {
        s->final_view = s->goal_view = config->root.view;
        tn_sequencer_enter(s, config->root.view + 1, false);
    }
    return s;
}

/* ---- Life ---- */

static void advance(struct tn_sequencer *s, int64_t now_us)
{
    if (now_us > s->now_us) s->now_us = now_us;
}

void tn_sequencer_start(struct tn_sequencer *sequencer, int64_t now_us)
{
    struct tn_sequencer *s = sequencer;
    TN_ASSERT(!s->started);
    s->started = true;
    s->now_us = s->entered_us = s->final_us = s->retry_us = now_us;
    s->guard.floor = s->final_view;
    s->path_asked_us = INT64_MIN / 2;
    for (uint32_t i = 0; i < TN_PEERS_MAX; i++)
        s->peers[i].heard_us = now_us;
    for (uint32_t i = 0; i < s->config.limits.views_max; i++)
        s->views[i].asked_us = INT64_MIN / 2;
    if (s->forgotten_epoch != 0 && s->forgotten_epoch == s->set.epoch &&
        s->voice == TN_VOICE_ASKING) {
        s->voice = TN_VOICE_SILENT;
    }
    s->timers_due = s->step_due = s->finalize_due = true;
    s->deliver_due = tn_sequencer_is_behind(s);
    tn_sequencer_tick(s, now_us);
}

static void dispatch(struct tn_sequencer *s, uint16_t from, const uint8_t *bytes, size_t size)
{
    switch (bytes[0]) {
        case TN_PEER_PROPOSAL: tn_sequencer_on_proposal(s, from, bytes, size); return;
        case TN_PEER_VOTE: tn_sequencer_on_vote(s, from, bytes, size); return;
        case TN_PEER_CERT: tn_sequencer_on_cert(s, from, bytes, size); return;
        case TN_PEER_FETCH: tn_sequencer_on_fetch(s, from, bytes, size); return;
        case TN_PEER_DATA: tn_sequencer_on_data(s, from, bytes, size); return;
        case TN_PEER_STATUS: tn_sequencer_on_status(s, from, bytes, size); return;
        case TN_PEER_CKPT_VOTE: tn_sequencer_on_checkpoint_vote(s, from, bytes, size); return;
        case TN_PEER_CKPT_CERT: tn_sequencer_on_checkpoint_cert(s, from, bytes, size); return;
        case TN_PEER_EVIDENCE: tn_sequencer_on_evidence(s, from, bytes, size); return;
        case TN_PEER_VOTES_ASK: tn_sequencer_on_votes_ask(s, from, bytes, size); return;
        case TN_PEER_VOTES_HELD: tn_sequencer_on_votes_held(s, from, bytes, size); return;
    }
    s->counters.malformed++;
}

void tn_sequencer_message(struct tn_sequencer *sequencer, uint16_t from, const uint8_t *bytes,
                          size_t size, int64_t now_us)
{
    struct tn_sequencer *s = sequencer;
    TN_ASSERT(s->started);
    if (from >= TN_PEERS_MAX || from == s->index || size == 0 ||
        size > tn_peer_bytes_max(bytes[0])) {
        s->counters.malformed++;
        return;
    }
    advance(s, now_us);
    s->peers[from].heard_us = s->now_us;
    dispatch(s, from, bytes, size);
    tn_sequencer_settle(s);
}

/* This proposer has let a view of its turn pass: it is not waited for in the rest of them. */
static void time_out(struct tn_sequencer *s)
{
    s->counters.timeouts++;
    s->timed_out_turn = tn_sequencer_turn(s);
    tn_sequencer_nullify(s);
}

/* Nothing was proposed in time, or nothing came of it. */
static void look_at_timers(struct tn_sequencer *s)
{
    const struct view *view = tn_sequencer_find_view(s, s->view);
    TN_ASSERT(view != NULL);
    if (tn_sequencer_is_laden(s)) return;
    if (s->now_us >= s->proposal_due_us) {
        s->proposal_due_us = NEVER;
        if (!view->is_proposed) time_out(s);
    }
    if (s->now_us >= s->advance_due_us) {
        s->advance_due_us = NEVER;
        time_out(s);
    }
}

void tn_sequencer_tick(struct tn_sequencer *sequencer, int64_t now_us)
{
    struct tn_sequencer *s = sequencer;
    TN_ASSERT(s->started);
    advance(s, now_us);
    s->is_ticking = true;
    tn_sequencer_settle(s); /* what was due before may have gone on to a new view */
    look_at_timers(s);
    if (s->build_due_us <= s->now_us && !s->proposed) s->step_due = true;
    if (s->now_us >= s->retry_us) tn_sequencer_retry(s);
    tn_sequencer_push_due(s);
    tn_sequencer_settle(s);
    s->is_ticking = false;
}

void tn_sequencer_wake(struct tn_sequencer *sequencer, int64_t now_us)
{
    struct tn_sequencer *s = sequencer;
    TN_ASSERT(s->started);
    advance(s, now_us);
    tn_sequencer_hurry(s);
    s->step_due = s->finalize_due = true;
    s->deliver_due = tn_sequencer_is_behind(s);
    tn_sequencer_settle(s);
}

static int64_t lower(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t tn_sequencer_timeout(const struct tn_sequencer *sequencer)
{
    const struct tn_sequencer *s = sequencer;
    if (s->deliver_due || s->timers_due || s->step_due || s->finalize_due) return s->now_us;
    int64_t due_us = lower(s->retry_us, tn_sequencer_next_push(s));
    if (tn_sequencer_is_laden(s)) return due_us;
    due_us = lower(due_us, lower(s->proposal_due_us, s->advance_due_us));
    if (s->build_due_us > s->now_us) due_us = lower(due_us, s->build_due_us);
    return due_us;
}

bool tn_sequencer_delivers(const struct tn_sequencer *sequencer)
{
    return sequencer->deliver_due;
}

/* ---- What stands ---- */

enum tn_sequencer_voice tn_sequencer_voice(const struct tn_sequencer *sequencer)
{
    return sequencer->voice;
}

void tn_sequencer_status(const struct tn_sequencer *sequencer, struct tn_sequencer_status *status)
{
    const struct tn_sequencer *s = sequencer;
    *status = (struct tn_sequencer_status){.epoch = s->set.epoch,
                                           .view = s->view,
                                           .final_view = s->final_view,
                                           .final_height = s->final_header.height,
                                           .final_hash = s->final_hash,
                                           .known_final_view = s->goal_view,
                                           .checkpoint_height = s->certified_height,
                                           .index = s->index,
                                           .proposer = tn_sequencer_proposer(s, s->view),
                                           .voice = s->voice,
                                           .delta_us = tn_sequencer_delta(s)};
}

const struct tn_validators *tn_sequencer_set(const struct tn_sequencer *sequencer)
{
    return &sequencer->set;
}

const struct tn_sequencer_counters *tn_sequencer_counters(const struct tn_sequencer *sequencer)
{
    return &sequencer->counters;
}
