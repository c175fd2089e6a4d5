/* The engine's state, shared by its files: one file for each message, and these parts below them:
 * ring.c (views), body.c (blocks and bodies), guard.c (what was signed), bytes.c (layouts).
 *
 * Nothing recurses through a whole view: adopting a certificate moves the view on and says what is
 * due (`step_due` and its like); tn_sequencer_settle then does it, at the end of each call. */
#ifndef TENOR_SEQUENCER_INTERNAL_H
#define TENOR_SEQUENCER_INTERNAL_H

#include "sequencer/controls.h"
#include "sequencer/guard.h"
#include "tenor/sequencer.h"

#include <string.h>

#define VOTE_TYPES           3u
#define NEVER                INT64_MAX
#define PUSHES_MAX           64u
#define CHECKPOINTS_OPEN     4u
#define EAGER_MAX            16u /* up to so many validators certificates are pushed at once */
#define FETCH_TOKENS_MAX     50u /* requests a second that a peer may make */
#define LONG_TOKENS          4u  /* what a request with a long answer costs */
#define RANGE_TOKENS         2u /* what a range of blocks costs, and each 256 KiB of them one more */
#define RANGE_TOKEN_BYTES    (256u << 10)
#define PAUSE_DOUBLINGS      20u /* of Δmax, over half of the views that are kept less the window */
#define LATE_MAX             4u /* views from the last delivered one that delivery may be late by */
#define AHEAD_MAX            (2u * TN_SEQUENCER_RANGE_MAX) /* blocks fetched before their turn */
#define HEADERS_MAX          512u                          /* in one DATA message */
#define VOTES_HELD_MAX       2048u
#define RANGE_BYTES_MAX      (8u << 20)
#define HANDOVER_HEADERS_MAX 1024u

#define CHECKPOINT_CERT_BYTES                                                                      \
    (1u + TN_CHECKPOINT_BYTES + TN_VOTERS_BYTES_MAX + 64u * TN_VALIDATORS_MAX)

enum signature_state { SIGNATURE_NONE = 0, SIGNATURE_UNCHECKED, SIGNATURE_GOOD };

/* A vote that was counted. */
struct ballot {
    uint8_t state; /* enum signature_state */
    struct tn_hash hash;
    struct tn_signature signature;
};

/* A certificate that is held: its message's bytes, and what they say. */
struct held_cert {
    struct tn_hash hash;
    uint8_t *bytes;
    uint32_t size; /* 0: none */
};

enum judgement { JUDGEMENT_OPEN = 0, JUDGEMENT_OK, JUDGEMENT_BAD };

struct held_block {
    bool is_here; /* its header; and its body, unless that was let go when it was final */
    bool is_recorded;
    uint8_t local, objective; /* enum judgement */
    uint32_t body;            /* index in the pool; TN_NONE */
    struct tn_hash hash;
    struct tn_block_header header;
};

enum { BLOCK_PROPOSED, BLOCK_WANTED, BLOCKS_OF_VIEW };

struct view {
    uint64_t number;        /* 0: unused */
    struct ballot *ballots; /* by voter, then type - 1: those of a small set lie together */
    uint64_t weights[VOTE_TYPES];
    struct held_cert certs[VOTE_TYPES];
    struct held_block blocks[BLOCKS_OF_VIEW];
    struct tn_hash wanted; /* the block of this view that is notarized, or an ancestor of one */
    bool is_wanted;
    bool is_proposed; /* its proposer's PROPOSAL came */
    int64_t asked_us;
    struct tn_voters convicted; /* evidence was handed out */
};

struct peer {
    int64_t heard_us, helped_us, tokens_us;
    uint64_t view, status_view, final_height, final_view, checkpoint_height;
    uint32_t tokens;
};

struct push {
    int64_t due_us;
    uint64_t view;
    uint8_t type;
};

/* What is known of the chain between the last delivered block and the goal: by height modulo
 * behind_max, valid for known .. top. */
struct path_step {
    struct tn_hash hash;
    uint64_t view;
};

/* Votes on one checkpoint. */
struct open_checkpoint {
    struct tn_checkpoint mine, certified; /* what the app says, what a certificate says */
    bool has_mine, is_certified;
    uint64_t height; /* 0: unused */
    const struct tn_validators *set;
    struct checkpoint_ballot *ballots; /* by voter */
};

struct checkpoint_ballot {
    bool is_here;
    bool is_convicted; /* its voter has signed another one: that was told */
    struct tn_checkpoint checkpoint;
    struct tn_signature signature;
};

struct tn_sequencer {
    struct tn_sequencer_config config;
    struct tn_sequencer_counters counters;
    struct guard guard;
    bool started;
    int64_t now_us;

    /* The epoch. */
    struct tn_validators set, previous_set, next_set;
    struct tn_parsed_key keys[TN_VALIDATORS_MAX];
    bool key_good[TN_VALIDATORS_MAX];
    uint32_t index, previous_index; /* mine; TN_NONE */
    enum tn_sequencer_voice voice;
    struct tn_voters answered; /* VOTES_ASK */
    uint64_t forgotten_epoch;  /* the log held votes of it that could not be restored; 0: none */

    /* What is final and delivered, and the highest FINALIZATION. */
    struct tn_block_header final_header;
    struct tn_hash final_hash;
    uint64_t final_view;
    uint64_t goal_view; /* ≥ final_view */
    struct tn_hash goal_hash;
    uint8_t goal_cert[TN_SEQUENCER_CERT_BYTES]; /* its FINALIZATION, which outlives its view */
    uint32_t goal_cert_size;
    int64_t final_us;
    struct path_step *path;
    uint64_t path_top, path_known;
    int64_t path_asked_us;
    uint64_t path_asked_top;  /* blocks up to this height were asked for */
    uint64_t path_coming;     /* the app was told of blocks up to this height */
    struct held_block *ahead; /* AHEAD_MAX blocks by height, fetched or restored without a view */
    uint16_t ask_peer, status_peer; /* who was asked, or told, last */

    /* The view. */
    uint64_t view;
    uint64_t ring_top; /* the highest view that has a slot */
    struct view *views;
    int64_t entered_us, proposal_due_us, advance_due_us, build_due_us, retry_us;
    uint32_t nullified_run;                               /* k */
    uint64_t timed_out_turn;                              /* tn_sequencer_turn; 0: none */
    bool proposed;                                        /* by me, in this view */
    bool timers_due, step_due, finalize_due, deliver_due; /* what settle has to do */
    bool is_ticking;                                      /* so delivery need not be late */

    struct peer peers[TN_PEERS_MAX];
    struct push pushes[PUSHES_MAX];
    uint32_t pushes_first, pushes_count;
    struct open_checkpoint checkpoints[CHECKPOINTS_OPEN];
    uint64_t certified_height;
    uint8_t checkpoint_cert[CHECKPOINT_CERT_BYTES]; /* the highest */
    size_t checkpoint_cert_size;
    struct tn_public_key public_key;

    /* Memory. */
    uint8_t *bodies; /* slots of header ‖ body */
    uint32_t *bodies_free;
    uint32_t bodies_free_count;
    struct tn_sequencer_block *chain; /* for calls of the app, views_max */
    uint8_t *message;                 /* one that is sent, or written to be */
};

/* ---- bytes.c ---- */
struct cert_message {
    uint64_t epoch, view;
    enum tn_vote_type type;
    struct tn_hash hash;
    struct tn_voters voters;
    const uint8_t *signatures;
    const uint8_t *bytes;
    size_t size;
};
struct vote_message {
    uint64_t epoch, view;
    enum tn_vote_type type;
    struct tn_hash hash;
    uint16_t voter;
    struct tn_signature signature;
};
struct checkpoint_message {
    struct tn_checkpoint checkpoint;
    uint16_t voter;
    struct tn_signature signature;
};
struct status_message {
    uint64_t epoch, view, final_view, final_height, exec_height, checkpoint_height;
    struct tn_hash final_hash, exec_root;
};
enum fetch_what {
    FETCH_BLOCK = 1,    /* by view and hash */
    FETCH_BLOCKS = 2,   /* delivered ones from a height on */
    FETCH_HEADERS = 3,  /* the same, headers only */
    FETCH_CERTS = 4,    /* of a view */
    FETCH_HANDOVER = 5, /* of an epoch */
};
struct fetch_message {
    enum fetch_what what;
    uint64_t epoch, at; /* view or first height */
    uint32_t count;
    struct tn_hash hash;
};
#define VOTE_BYTES            116u
#define CERT_HEAD_BYTES       50u
#define CHECKPOINT_VOTE_BYTES (1u + TN_CHECKPOINT_BYTES + 2u + 64u)
#define STATUS_BYTES          113u
#define FETCH_BYTES           54u
#define FINAL_BYTES           56u
#define PROPOSAL_HEAD_BYTES   (1u + 64u + 1u + TN_BLOCK_HEADER_BYTES)
#define VOTE_HELD_BYTES       105u
#define VOTES_HELD_HEAD_BYTES 13u
enum data_what { DATA_BLOCK = 1, DATA_HEADERS = 2, DATA_HANDOVER = 3 };
#define DATA_HEAD_BYTES     2u
#define DATA_HEADERS_BYTES  (DATA_HEAD_BYTES + 8u + 2u)
#define HANDOVER_HEAD_BYTES (DATA_HEAD_BYTES + 2u)

void tn_sequencer_write_vote(uint8_t out[VOTE_BYTES], const struct vote_message *vote);
bool tn_sequencer_read_vote(struct vote_message *vote, const uint8_t *bytes, size_t size);
bool tn_sequencer_read_cert(struct cert_message *cert, const uint8_t *bytes, size_t size,
                            const struct tn_validators *set);
/* The epoch that a CERT names, before its set is known. */
bool tn_sequencer_cert_epoch(uint64_t *epoch, const uint8_t *bytes, size_t size);
void tn_sequencer_write_fetch(uint8_t out[FETCH_BYTES], const struct fetch_message *fetch);
bool tn_sequencer_read_fetch(struct fetch_message *fetch, const uint8_t *bytes, size_t size);
void tn_sequencer_write_status(uint8_t out[STATUS_BYTES], const struct status_message *status);
bool tn_sequencer_read_status(struct status_message *status, const uint8_t *bytes, size_t size);
void tn_sequencer_write_checkpoint_vote(uint8_t out[CHECKPOINT_VOTE_BYTES],
                                        const struct checkpoint_message *vote);
bool tn_sequencer_read_checkpoint_vote(struct checkpoint_message *vote, const uint8_t *bytes,
                                       size_t size);

/* ---- ring.c: views ---- */
/* NULL: not kept. */
struct view *tn_sequencer_find_view(const struct tn_sequencer *s, uint64_t number);
/* Makes it when it is new; NULL when its place belongs to a later view by now. */
struct view *tn_sequencer_make_view(struct tn_sequencer *s, uint64_t number);
void tn_sequencer_clear_views(struct tn_sequencer *s);
static inline struct ballot *tn_sequencer_ballot(const struct tn_sequencer *s,
                                                 const struct view *view, uint32_t type,
                                                 uint32_t voter)
{
    TN_ASSERT(voter < s->config.limits.validators_max);
    return &view->ballots[(size_t)voter * VOTE_TYPES + type - 1];
}
static inline bool tn_sequencer_has_cert(const struct view *view, enum tn_vote_type type)
{
    return view != NULL && view->certs[type - 1].size > 0;
}
/* Leaves the present view for a later one. */
void tn_sequencer_enter(struct tn_sequencer *s, uint64_t number, bool nullified);
void tn_sequencer_arm_timers(struct tn_sequencer *s);
/* now + 2Δ at most: there is work. */
void tn_sequencer_hurry(struct tn_sequencer *s);
void tn_sequencer_settle(struct tn_sequencer *s);
int64_t tn_sequencer_delta(const struct tn_sequencer *s);
bool tn_sequencer_is_quorum(const struct tn_sequencer *s, uint64_t weight);
uint64_t tn_sequencer_weigh(const struct tn_validators *set, const struct tn_voters *voters);

/* ---- body.c: blocks and bodies ---- */
/* The header's place and the body behind it. */
uint8_t *tn_sequencer_body_bytes(const struct tn_sequencer *s, uint32_t body);
/* TN_NONE: no room. spare: of so many that stay free. */
uint32_t tn_sequencer_take_body(struct tn_sequencer *s, uint32_t spare);
void tn_sequencer_drop_block(struct tn_sequencer *s, struct held_block *block);
/* Keeps a copy: false when there is no room. */
bool tn_sequencer_keep_block(struct tn_sequencer *s, struct held_block *block,
                             const struct tn_block_header *header, const struct tn_hash *hash,
                             const uint8_t *body, uint32_t spare);
struct held_block *tn_sequencer_find_block(const struct tn_sequencer *s, uint64_t view,
                                           const struct tn_hash *hash);
static inline bool tn_sequencer_is_whole(const struct held_block *block)
{
    return block != NULL && block->is_here &&
           (block->header.body_size == 0 || block->body != TN_NONE);
}
void tn_sequencer_show_block(const struct tn_sequencer *s, struct tn_sequencer_block *out,
                             const struct held_block *block);
void tn_sequencer_record_block(struct tn_sequencer *s, struct held_block *block);
/* This block must be had: the view's other one makes room. */
void tn_sequencer_want(struct tn_sequencer *s, uint64_t view, const struct tn_hash *hash);
/* The undelivered ancestors of (view, hash), it included, into s->chain. False: one is missing
 * (and wanted), or it does not extend what is final. */
enum tn_verdict tn_sequencer_chain(struct tn_sequencer *s, uint32_t *count, uint64_t view,
                                   const struct tn_hash *hash);
/* The header of a parent that is held or final; NULL. */
const struct tn_block_header *tn_sequencer_parent_header(const struct tn_sequencer *s,
                                                         uint64_t view, const struct tn_hash *hash);
void tn_sequencer_make_seal(struct tn_block_header *header, const struct tn_block_header *parent);
bool tn_sequencer_seals(uint64_t parent_view, const struct tn_block_header *parent);
/* Rule (b) and §7: does this header follow that of its parent? */
bool tn_sequencer_follows(const struct tn_sequencer *s, const struct tn_block_header *header,
                          const struct tn_block_header *parent);
enum tn_verdict tn_sequencer_judge(struct tn_sequencer *s, struct held_block *block, bool local);
bool tn_sequencer_body_fits(const struct tn_sequencer *s, const struct tn_block_header *header,
                            const uint8_t *body, size_t body_size);

/* ---- vote.c ---- */
void tn_sequencer_on_vote(struct tn_sequencer *s, uint16_t from, const uint8_t *bytes, size_t size);
/* Counts a vote, once for each voter, view and type; two that contradict each other are evidence.
 */
void tn_sequencer_count(struct tn_sequencer *s, const struct vote_message *vote,
                        enum signature_state state);
/* Signs, records, sends and counts it, if the guard lets it. */
bool tn_sequencer_cast(struct tn_sequencer *s, enum tn_vote_type type, uint64_t view,
                       const struct tn_hash *hash);
/* The same without sending: a proposer's own NOTARIZE leaves in its PROPOSAL. */
bool tn_sequencer_sign(struct tn_sequencer *s, struct vote_message *vote, enum tn_vote_type type,
                       uint64_t view, const struct tn_hash *hash);
void tn_sequencer_nullify(struct tn_sequencer *s);
/* The same for reasons that may be there in the next view too: not for ever without a pause. */
void tn_sequencer_nullify_early(struct tn_sequencer *s);
bool tn_sequencer_verify(struct tn_sequencer *s, const struct tn_hash *digest,
                         const struct tn_signature *signature, uint32_t voter);
void tn_sequencer_read_ballot(const struct tn_sequencer *s, struct vote_message *vote,
                              const struct view *view, enum tn_vote_type type, uint32_t voter);

/* ---- cert.c ---- */
void tn_sequencer_on_cert(struct tn_sequencer *s, uint16_t from, const uint8_t *bytes, size_t size);
void tn_sequencer_adopt(struct tn_sequencer *s, const struct cert_message *cert);
/* A quorum, and every signature is good; whatever is held already. */
bool tn_sequencer_is_valid_cert(struct tn_sequencer *s, const struct cert_message *cert);
/* Checks and adopts one that is not held yet. False: it is not valid. True says nothing of one that
 * is old, or whose view has one of its type already. */
bool tn_sequencer_take_cert(struct tn_sequencer *s, const struct cert_message *cert);
/* A quorum of these votes, signatures good, as a certificate. */
void tn_sequencer_certify(struct tn_sequencer *s, struct view *view, enum tn_vote_type type,
                          const struct tn_hash *hash, const struct tn_voters *voters);
void tn_sequencer_send_cert(struct tn_sequencer *s, uint16_t to, const struct view *view,
                            enum tn_vote_type type);
void tn_sequencer_set_goal(struct tn_sequencer *s, const struct cert_message *cert);
void tn_sequencer_send_goal(struct tn_sequencer *s, uint16_t to);
void tn_sequencer_send_certs(struct tn_sequencer *s, uint16_t to, const struct view *view);
void tn_sequencer_push_due(struct tn_sequencer *s);
int64_t tn_sequencer_next_push(const struct tn_sequencer *s);
/* FINALIZE this view's notarized block, if that is allowed and it is held and good. */
void tn_sequencer_try_finalize(struct tn_sequencer *s, struct view *view);
void tn_sequencer_finalize_all(struct tn_sequencer *s);

/* ---- proposal.c ---- */
void tn_sequencer_on_proposal(struct tn_sequencer *s, uint16_t from, const uint8_t *bytes,
                              size_t size);
/* Proposes in the present view, or judges what was proposed. */
void tn_sequencer_step(struct tn_sequencer *s);
void tn_sequencer_resend_proposal(struct tn_sequencer *s);
void tn_sequencer_propose(struct tn_sequencer *s);

/* ---- deliver.c ---- */
void tn_sequencer_deliver(struct tn_sequencer *s);
/* A quorum contradicts what this node has executed: it is silent from now on. */
void tn_sequencer_diverge(struct tn_sequencer *s, const struct tn_block_header *header,
                          const struct tn_hash *hash);
void tn_sequencer_write_final(uint8_t out[FINAL_BYTES], const struct tn_block_header *header,
                              const struct tn_hash *hash);
/* The epoch's end as a DATA message, in s->message. 0: something of it is missing. */
size_t tn_sequencer_write_handover(struct tn_sequencer *s);

/* ---- epoch.c ---- */
void tn_sequencer_begin_epoch(struct tn_sequencer *s, const struct tn_validators *set);
void tn_sequencer_help_epoch(struct tn_sequencer *s, uint16_t to, uint64_t epoch);
void tn_sequencer_on_handover(struct tn_sequencer *s, uint16_t from, const uint8_t *bytes,
                              size_t size);

/* ---- fetch.c, data.c ---- */
void tn_sequencer_on_fetch(struct tn_sequencer *s, uint16_t from, const uint8_t *bytes,
                           size_t size);
void tn_sequencer_on_data(struct tn_sequencer *s, uint16_t from, const uint8_t *bytes, size_t size);
/* Asks one peer, another each time. */
void tn_sequencer_ask(struct tn_sequencer *s, const struct fetch_message *fetch);
void tn_sequencer_ask_one(struct tn_sequencer *s, uint16_t to, const struct fetch_message *fetch);
void tn_sequencer_fetch_block(struct tn_sequencer *s, uint64_t view, const struct tn_hash *hash);
void tn_sequencer_fetch_certs(struct tn_sequencer *s, uint64_t view);
void tn_sequencer_fetch_path(struct tn_sequencer *s);
bool tn_sequencer_take_tokens(struct tn_sequencer *s, uint16_t from, uint32_t count);

/* ---- status.c ---- */
void tn_sequencer_on_status(struct tn_sequencer *s, uint16_t from, const uint8_t *bytes,
                            size_t size);
void tn_sequencer_retry(struct tn_sequencer *s);

/* ---- checkpoint.c ---- */
void tn_sequencer_on_checkpoint_vote(struct tn_sequencer *s, uint16_t from, const uint8_t *bytes,
                                     size_t size);
void tn_sequencer_on_checkpoint_cert(struct tn_sequencer *s, uint16_t from, const uint8_t *bytes,
                                     size_t size);
/* The block that was just delivered is one. */
void tn_sequencer_checkpoint(struct tn_sequencer *s, uint64_t height);
void tn_sequencer_resend_checkpoints(struct tn_sequencer *s);
void tn_sequencer_send_checkpoint_cert(struct tn_sequencer *s, uint16_t to);

/* ---- evidence.c ---- */
void tn_sequencer_on_evidence(struct tn_sequencer *s, uint16_t from, const uint8_t *bytes,
                              size_t size);
void tn_sequencer_contradiction(struct tn_sequencer *s, const struct vote_message *first,
                                const struct vote_message *second);
void tn_sequencer_hand_out(struct tn_sequencer *s, const struct tn_evidence *evidence);

/* ---- own_votes.c ---- */
void tn_sequencer_on_votes_ask(struct tn_sequencer *s, uint16_t from, const uint8_t *bytes,
                               size_t size);
void tn_sequencer_on_votes_held(struct tn_sequencer *s, uint16_t from, const uint8_t *bytes,
                                size_t size);
void tn_sequencer_ask_votes(struct tn_sequencer *s);

/* ---- small things ---- */
static inline void tn_sequencer_record(struct tn_sequencer *s, enum tn_sequencer_record type,
                                       const uint8_t *bytes, size_t size)
{
    if (s->started) s->config.out.record(s->config.out.context, type, bytes, size);
}
static inline void tn_sequencer_send(struct tn_sequencer *s, uint16_t to, const uint8_t *bytes,
                                     size_t size)
{
    TN_ASSERT(size > 0 && size <= tn_peer_bytes_max(bytes[0]));
    if (!s->started) return;
    s->config.out.send(s->config.out.context, to, tn_peer_priority(bytes[0]), bytes, size);
}
static inline void tn_sequencer_ban(struct tn_sequencer *s, uint16_t peer, const char *why)
{
    if (s->started) s->config.out.ban(s->config.out.context, peer, why);
}
static inline uint32_t tn_sequencer_proposer(const struct tn_sequencer *s, uint64_t view)
{
    return tn_validators_proposer(&s->set, view);
}
static inline struct path_step *tn_sequencer_step_at(const struct tn_sequencer *s, uint64_t height)
{
    return &s->path[height % s->config.limits.behind_max];
}
static inline uint64_t tn_sequencer_turn(const struct tn_sequencer *s)
{
    return 1 + (s->view - 1) / s->set.turn_views;
}
/* This proposer has let a view of its present turn pass. */
static inline bool tn_sequencer_timed_out(const struct tn_sequencer *s)
{
    return s->timed_out_turn == tn_sequencer_turn(s);
}
/* Views above this one may be held, and are not final. */
static inline uint64_t tn_sequencer_low(const struct tn_sequencer *s)
{
    const uint64_t kept = s->config.limits.views_max - TN_SEQUENCER_WINDOW;
    const uint64_t low = s->view > kept ? s->view - kept : 0;
    return low > s->final_view ? low : s->final_view;
}
/* So far above what is delivered that each view is to cost time (ring.c). */
static inline bool tn_sequencer_is_slow(const struct tn_sequencer *s)
{
    return s->view > s->final_view + s->config.limits.views_max / 2;
}
static inline bool tn_sequencer_is_behind(const struct tn_sequencer *s)
{
    return s->goal_view > s->final_view;
}
/* ... by more than the blocks that are fetched at a time. */
bool tn_sequencer_is_far_behind(const struct tn_sequencer *s);
/* So much that is final waits for its delivery here that this node does not help to leave a view,
 * except its own, before that is done: else it would be gone from everybody's memory (§5). */
static inline bool tn_sequencer_is_laden(const struct tn_sequencer *s)
{
    const struct tn_sequencer_limits *limits = &s->config.limits;
    const uint64_t kept =
        limits->views_max < limits->behind_max ? limits->views_max : limits->behind_max;
    return tn_sequencer_is_behind(s) && s->view > s->final_view + kept / 2;
}

#endif
