/* inspect: what the files of the command share: a state to look at, of a solo home or of one market
 * of a set's, and what they ask of it. All of it is as of the last checkpoint of the store. */
#ifndef NODE_TENORD_INSPECT_H
#define NODE_TENORD_INSPECT_H

#include "cluster/past_order.h"
#include "tenord/reading.h"
#include "tenord/set_reading.h"

#include <stdio.h>

enum { INSPECT_WORDS_MAX = 5, INSPECT_SYMBOLS_MAX = 255 };

struct inspect {
    const char *words[INSPECT_WORDS_MAX];
    uint32_t words_count;
    const char *out; /* file of a proof */
    uint64_t market; /* of a set; 0: the only one that there is */

    struct reading reading;  /* of a solo home */
    struct set_reading *set; /* NULL: it is a solo home */
    struct held_chain held;
    uint32_t place; /* of the market in the set */
    uint64_t height;

    /* After inspect_load. */
    const struct tn_exchange *exchange;
    const struct tn_state *state;
    const struct tn_state_head *head;
    const struct tn_proof_range *blocks, *withdrawals;
    const struct tn_equity *equity;
    const uint8_t *exit; /* record of the last exit checkpoint; NULL: there was none */
    struct tn_hash root;
    uint32_t exit_blocks;
    char symbols[INSPECT_SYMBOLS_MAX][TN_SYMBOL_SIZE];
    uint32_t symbols_count;
};

/* How the command ends if it cannot go on: END_GOOD when it can; else after a complaint. */
int inspect_open(struct inspect *inspect, const char *home);
/* The state: END_GOOD, or after a complaint. */
int inspect_load(struct inspect *inspect);
void inspect_close(struct inspect *inspect);

/* The number that this word is, below count. False after a complaint. */
bool inspect_number(const struct inspect *inspect, uint64_t *number, uint32_t index,
                    const char *what, uint64_t count);
uint32_t inspect_records_count(const struct inspect *inspect, uint8_t kind);
/* A record of the state; NULL after a complaint. The caller frees it. */
uint8_t *inspect_record(const struct inspect *inspect, size_t *size, uint8_t kind, uint32_t index);
/* The slot of a series that is named as makers name it. False after a complaint. */
bool inspect_series(const struct inspect *inspect, uint32_t *slot, const char *name);

/* What a proof in a range takes besides the state: the block's hash or the withdrawal, and the
 * nodes that its way needs. False after a complaint. */
bool inspect_block_nodes(const struct inspect *inspect, struct tn_hash *hash,
                         struct tn_hash nodes[TN_PROOF_SIDES], uint64_t height);
bool inspect_withdrawal_nodes(const struct inspect *inspect,
                              uint8_t withdrawal[TN_PROOF_WITHDRAWAL_SIZE],
                              struct tn_hash nodes[TN_PROOF_SIDES], uint64_t number);

/* As makers name it; the text lives until the next call. */
const char *inspect_series_name(const struct inspect *inspect, uint64_t series_id);

/* inspect_history.c */
int inspect_fills(struct inspect *inspect);
/* The rows of a set's home of the market that was chosen. END_GOOD, or after a complaint. */
int inspect_rows(struct past_rows *rows, const struct inspect *inspect);
/* How a command ends whose store does not read: after a complaint. */
int inspect_damaged(void);
/* inspect_order.c */
int inspect_order(struct inspect *inspect);
/* inspect_life.c: an order's messages as lines, and what they come to. */
struct inspect_life {
    const struct inspect *inspect;
    uint64_t order_id;
    FILE *out;
    uint64_t series_id; /* 0: no message yet */
    uint64_t height;    /* of the last */
    tn_lots open;       /* below 0: no message has said yet */
    uint64_t moves;     /* of a quote, that are not told yet */
    struct gateway_place moved_from;
    struct gateway_record moved; /* the last of them */
};
/* A past_visitor, of the owner's messages; false behind the order's end. */
bool inspect_life_add(void *context, const struct gateway_record *record);
void inspect_life_end(struct inspect_life *life);
/* inspect_block.c */
int inspect_block(struct inspect *inspect);
/* inspect_proof.c */
int inspect_proof(struct inspect *inspect);

#endif
