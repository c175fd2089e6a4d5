/* shard: one market with its trees, its exit checkpoints, and which of its records have changed.
 *
 * A replica of one market has one and knows the exchange only; a chain has one for each market, and
 * the exchange lies in a tn_market with sessions and inboxes. What both need stands here once. */
#ifndef TENOR_REPLICA_SHARD_H
#define TENOR_REPLICA_SHARD_H

#include "tenor/hands.h"
#include "tenor/market.h"
#include "tenor/replica.h"
#include "tenor/state.h"

#include <string.h>

enum { NAMES_AT_ONCE = 512, SCRATCH_SPARE = 1 << 20 };

/* Room to work in, for any number of shards, one after the other. */
struct tn_shard_room {
    uint8_t *scratch; /* records on their way into the trees; the tape of what was gathered */
    size_t scratch_size, tape_used;
    void (*wait)(void *context); /* NULL, or asked before trees are touched by a gather */
    void *context;
    struct tn_record_name *names;    /* [NAMES_AT_ONCE] */
    struct tn_state_record *records; /* [NAMES_AT_ONCE] */
};

/* What a shard is made by: an exchange alone, or within a market. */
struct tn_shard_limits {
    const struct tn_exchange_limits *exchange;
    const struct tn_market_limits *market; /* NULL: an exchange alone; else exchange is in it */
    uint32_t id;                           /* of the market */
};

/* What the vault has beside cash, of some accounts. */
struct shard_vault {
    tn_i128 collateral, coming;
};

/* What the next exit checkpoint has to look at, and what of the last one is not in the tree yet. */
struct shard_exit {
    uint64_t *due, *unhashed, *has_coming; /* a bit for each account */
    tn_micros *coming;                     /* by account: what is under way to it */
    struct shard_vault *vaults;            /* by piece of accounts */
    struct tn_state_exit head;             /* of the checkpoint that is not hashed yet */
    uint32_t known;                        /* accounts of the checkpoint before it */
    bool is_unhashed;
};

struct tn_shard {
    uint32_t id, accounts_max;
    struct tn_exchange *exchange;
    struct tn_market *market; /* NULL: an exchange alone */
    struct tn_state *state;
    struct tn_equity *equity;
    tn_micros *equities; /* of the last exit checkpoint, by account */
    uint32_t equities_count;
    struct shard_exit exit;
    /* Records that changed since they were last told, one bit each by kind, and where telling goes
     * on. */
    uint64_t *changed[TN_REPLICA_KINDS];
    uint32_t changed_max[TN_REPLICA_KINDS];
    struct tn_record_name changed_next;
    bool has_trees; /* of an import: they were filled from the records' bytes */
    bool is_part;   /* some accounts and sessions only, and no EQUITY (witness_chain.h) */
};

static inline void *shard_region(unsigned char *memory, size_t *used, size_t size)
{
    void *start = memory == NULL ? NULL : memory + *used;
    *used += tn_align(size);
    return start;
}

static inline void shard_note_changed(struct tn_shard *shard, uint8_t kind, uint32_t index)
{
    if (index >= shard->changed_max[kind]) return;
    shard->changed[kind][index / 64] |= UINT64_C(1) << (index % 64);
}

/* ---- shard.c: memory and records ---- */

/* The shard's parts begin at memory + *used, which moves on; memory NULL: only counts. */
void tn_shard_lay_out(struct tn_shard *shard, unsigned char *memory, size_t *used,
                      const struct tn_shard_limits *limits);
/* Formats what was laid out as an empty market; the trees are not filled yet. */
void tn_shard_init(struct tn_shard *shard, const struct tn_shard_limits *limits);

/* As those of export.h, of the exchange, the market and EQUITY. */
uint32_t tn_shard_records_count(const struct tn_shard *shard, uint8_t kind);
size_t tn_shard_record_size_max(const struct tn_shard_limits *limits, uint8_t kind);
size_t tn_shard_record(const struct tn_shard *shard, uint8_t *out, size_t out_size, uint8_t kind,
                       uint32_t index);
bool tn_shard_import(struct tn_shard *shard, struct tn_import_fault *fault, uint8_t kind,
                     uint32_t index, const uint8_t *record, size_t size);
/* Links what came in; the trees are filled, nothing is changed. *exits_leaf as tn_shard_take_exit
 * has it. */
bool tn_shard_import_end(struct tn_shard *shard, struct tn_import_fault *fault,
                         const struct tn_shard_room *room, const uint8_t exit[TN_PROOF_EXIT_SIZE],
                         bool has_exit);
void tn_shard_note_all(struct tn_shard *shard);
void tn_shard_forget_changed(struct tn_shard *shard);
/* Up to names_max names, as tn_replica_changed. */
uint32_t tn_shard_changed(struct tn_shard *shard, struct tn_record_name *names, uint32_t names_max);

/* Records that are written next: as tn_exchange_records_ahead. */
void tn_shard_records_ahead(const struct tn_shard *shard, const struct tn_record_name *names,
                            uint32_t count);

/* ---- trees.c: the trees follow the market ---- */
size_t tn_shard_scratch_size(const struct tn_shard_limits *limits);
void tn_shard_state_limits(struct tn_state_limits *out, const struct tn_shard_limits *limits);
/* What was touched since the last time: gather writes it down, hash takes it into the trees and
 * touches them and the room alone. What the room cannot hold is hashed while it is gathered, after
 * room->wait. */
void tn_shard_gather(struct tn_shard *shard, struct tn_shard_room *room);
void tn_shard_hash(struct tn_shard *shard, struct tn_shard_room *room);
/* Both at once. */
void tn_shard_follow(struct tn_shard *shard, struct tn_shard_room *room);
/* All of it, anew, into a state that was just made. */
void tn_shard_fill(struct tn_state *state, const struct tn_shard *shard,
                   const struct tn_shard_room *room);

/* For an import: the trees from records' bytes. These touch the trees alone, so they may run beside
 * tn_shard_import. Records of kinds that have no tree are passed over. */
void tn_shard_trees_begin(struct tn_shard *shard);
bool tn_shard_trees_add(struct tn_shard *shard, const struct tn_state_record *records,
                        uint32_t count);
/* All came. False: positions without their account. */
bool tn_shard_trees_end(struct tn_shard *shard);
/* The import has ended: brings the trees to the counts that are known now, or fills them. */
void tn_shard_trees_settle(struct tn_shard *shard, const struct tn_shard_room *room);

/* Pieces of work in a row when nobody lends a hand. */
static inline void shard_work(const struct tn_hands *hands, void (*piece)(void *of, uint32_t index),
                              void *of, uint32_t count)
{
    if (hands->work != NULL && count > 1) {
        hands->work(hands->context, piece, of, count);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        piece(of, i);
}

/* ---- exit.c ---- */
/* A withdrawal that is not the world's own money coming in. */
static inline bool shard_is_withdrawal(const struct tn_event *event)
{
    return event->kind == TN_EVENT_MONEY && event->other_account == TN_NONE && event->money < 0;
}
void tn_shard_write_withdrawal(uint8_t out[TN_PROOF_WITHDRAWAL_SIZE], const struct tn_shard *shard,
                               const struct tn_event *event, uint64_t height);
/* This record of an account changed: it is worth another look at the next checkpoint. */
void tn_shard_exit_due(struct tn_shard *shard, const struct tn_record_name *name);
void tn_shard_exit_due_all(struct tn_shard *shard);
/* An exit checkpoint: first what is under way to accounts of this market is said, which they could
 * take out as well, and all that was touched is gathered; then it is taken, as of this height. */
void tn_shard_exit_coming(struct tn_shard *shard, uint32_t account, tn_micros amount);
void tn_shard_exit_take(struct tn_shard *shard, const struct tn_hands *hands, uint64_t height);
/* Then it is hashed, which touches the equity tree and what is kept for it alone, and may run
 * beside entries and gathering. Then comes its record. Until then no other checkpoint is taken, and
 * no record EQUITY read. */
void tn_shard_exit_hash(struct tn_shard *shard, const struct tn_hands *hands);
void tn_shard_exit_record(struct tn_shard *shard, uint8_t record[TN_PROOF_EXIT_SIZE]);
/* After an import: is the tree that of the exit record? */
bool tn_shard_take_exit(struct tn_shard *shard, struct tn_import_fault *fault,
                        const uint8_t exit[TN_PROOF_EXIT_SIZE], bool has_exit);
/* The tree of an exit checkpoint from its EQUITY records, which lie in the tree's own leaves. */
bool tn_shard_import_equity(struct tn_shard *shard, struct tn_import_fault *fault, uint32_t index,
                            const uint8_t *record, size_t size);
size_t tn_shard_write_equity(const struct tn_shard *shard, uint8_t *out, size_t out_size,
                             uint32_t index);

#endif
