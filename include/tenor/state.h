/* state: the trees over the records of one market, kept up to date, and proofs from them.
 *
 * It keeps hashes only: the records are the caller's, and are given again where a proof needs them.
 * What changed is given with tn_state_set or, faster, many at a time; tn_state_update then hashes
 * anew the nodes above what changed. The rules are those of proof.h and docs/specs/state.md.
 *
 *     tn_state_count(state, kind, count);            for each kind, whenever it may have changed
 *     tn_state_set_many(state, records, count);      what tn_exchange_touched named
 *     tn_state_update(state);
 *     tn_state_root(&root, state, &head);
 *
 * A set positions record makes its account's leaf stale: who sets POSITIONS of an account sets its
 * ACCOUNT too, in the same tn_state_set_many (in any order) or later, but before the update.
 *
 * Roots and proofs are of the last update: asserted. */
#ifndef TENOR_STATE_H
#define TENOR_STATE_H

#include "tenor/base.h"
#include "tenor/crypto.h"
#include "tenor/proof.h"
#include "tenor/record.h"

struct tn_state_limits {
    uint32_t accounts_max; /* ACCOUNT, MARGIN, MEMORY */
    uint32_t series_max;   /* SERIES, ROWS, BOOK: slots */
    uint32_t market_max;   /* records of the list MARKET */
    uint32_t feeds_max;    /* records of the list FEEDS */
    uint32_t sessions_max; /* SESSION, by slot; 0: there is no such section */
    enum tn_cpu cpu;
    uint32_t orders_max; /* of all books together; 0: books are hashed whole, never by order */
};

struct tn_state;

/* tn_state_size is the bytes that a state with these limits needs, 0 when another limit is 0: about
 * 260 for each account, 200 for each series, and with orders 270 for each order and 2 200 for each
 * series besides, of which only what stands in books is ever touched. */
size_t tn_state_size(const struct tn_state_limits *limits);

/* tn_state_init formats caller-owned memory of tn_state_size bytes, aligned to 64, which need not
 * be zeroed: all counts are 0. */
struct tn_state *tn_state_init(void *memory, const struct tn_state_limits *limits, uint32_t market);

/* tn_state_count says how many records of a kind there are. Records that come to be are empty until
 * they are set; those past the count are forgotten. At most the limit: asserted. POSITIONS have the
 * count of ACCOUNT. O(1 + what came to be). */
void tn_state_count(struct tn_state *state, enum tn_record_kind kind, uint32_t count);

struct tn_state_record {
    struct tn_record_name name;
    const uint8_t *bytes;
    size_t size; /* 0: empty */
};

/* tn_state_set hashes one record; its index is below its kind's count (asserted). False, and
 * nothing is changed, when the bytes are no record of that kind, or a BOOK with which all books
 * would have more than twice orders_max. */
bool tn_state_set(struct tn_state *state, struct tn_record_name name, const uint8_t *bytes,
                  size_t size);

/* tn_state_set_many is tn_state_set of each, positions before accounts. It hashes
 * messages of one size side by side: give some hundreds at a time, each name once. False when one
 * of them is refused; which others were then set is unspecified. */
bool tn_state_set_many(struct tn_state *state, const struct tn_state_record *records,
                       uint32_t count);

/* For a state that is filled anew: tn_state_clear sets all counts to 0, and tn_state_load is
 * tn_state_set_many of records whose index may be past their kind's count, which then rises to it.
 * Bytes and names may come from a disk: false when an index is past the limit, too, or the kind has
 * no tree. Counts are to be set once they are known. Until tn_state_is_whole (no positions without
 * their account's leaf) there must be no update. */
void tn_state_clear(struct tn_state *state);
bool tn_state_load(struct tn_state *state, const struct tn_state_record *records, uint32_t count);
bool tn_state_is_whole(const struct tn_state *state);

/* Where the limits have orders a BOOK can also be told of by what changed in it: first how many
 * orders one of its four lists has now, then each order that is new, changed, or stands at another
 * rank; those past the count are forgotten. Lists are taken one by one: until all are told,
 * together they may have twice orders_max. */
void tn_state_book_count(struct tn_state *state, uint32_t series, uint32_t list, uint32_t count);
void tn_state_book_order(struct tn_state *state, uint32_t series, uint32_t list, uint32_t rank,
                         const uint8_t order[TN_RECORD_ORDER_SIZE]);

/* tn_state_update brings all nodes up to date; false when a sum of cash overflows 128 bits, which
 * no exchange can bring about. O(changed leaves × depth). */
bool tn_state_update(struct tn_state *state);

/* ---- Some accounts and sessions only ---------------------------------------------------------
 * Trees of ACCOUNT, MARGIN, MEMORY and SESSION of which some leaves are known, and of the rest only
 * the nodes beside the ways from those to the top: enough to change the known leaves, to append,
 * and to know every root. Bit i of `present`: account i, or the session in seat i, is known; the
 * last one always is (asserted), because what is appended stands beside it. */

/* The bytes of the nodes beside the ways, of one kind: level by level from the leaves, ascending,
 * each a hash and, of ACCOUNT, a sum of 16 bytes. Nothing is written when out_size is smaller. */
size_t tn_state_write_sides(const struct tn_state *state, uint8_t *out, size_t out_size,
                            enum tn_record_kind kind, const uint64_t *present);
/* In a state that was just made or cleared: there are so many accounts and sessions, of which
 * nothing is known. Then each kind's nodes are read, then every known account's four records set
 * and every known session's, empty ones too. O(1). */
void tn_state_begin_part(struct tn_state *state, uint32_t accounts_count, uint32_t sessions_count);
/* *used is how many bytes were of this kind. False: there are not as many. */
bool tn_state_read_sides(struct tn_state *state, size_t *used, enum tn_record_kind kind,
                         const uint64_t *present, const uint8_t *bytes, size_t size);

/* ---- Roots -----------------------------------------------------------------------------------
 */

/* What a state root says besides the market. */
struct tn_state_head {
    uint8_t chain_id[32];
    uint64_t height;
    struct tn_hash globals[TN_PROOF_GLOBALS]; /* enum tn_proof_global; unused ones zero */
};

void tn_state_section_root(struct tn_hash *root, const struct tn_state *state,
                           enum tn_record_kind kind);
void tn_state_market_root(struct tn_hash *root, const struct tn_state *state);
void tn_state_markets_root(struct tn_hash *root, const struct tn_state *state);

/* Of several markets, each with a state: after the updates of all, every state is told the roots of
 * all and the leaves of their last exits, by place (ascending by market id). What is said of
 * markets_root, and every proof, is then of all of them. Without it a state is alone. */
#define TN_STATE_MARKETS_MAX 8
void tn_state_set_markets(struct tn_state *state, const struct tn_hash *roots,
                          const struct tn_hash *exits, uint32_t count, uint32_t place);
/* The root of a plain tree over 1 .. TN_STATE_MARKETS_MAX leaves. */
void tn_state_small_root(struct tn_hash *root, enum tn_proof_kind kind,
                         const struct tn_hash *leaves, uint32_t count);
void tn_state_root(struct tn_hash *root, const struct tn_state *state,
                   const struct tn_state_head *head);

/* The leaf of a record, to check stored bytes against; of POSITIONS the positions root, of a BOOK
 * only after an update. */
void tn_state_leaf(struct tn_hash *leaf, const struct tn_state *state, struct tn_record_name name);
/* Σ cash of all accounts. */
tn_i128 tn_state_cash(const struct tn_state *state);

/* ---- Proofs ----------------------------------------------------------------------------------
 * Each writes a proof against tn_state_root of this head and returns its size. Records are given as
 * they were set; 0 when one is not what was set, when what is to be proved is not there, or when
 * the proof needs more than out_size bytes. TN_STATE_PROOF_ROOM bytes are enough besides the
 * body of a record. */

#define TN_STATE_PROOF_ROOM 8192

size_t tn_state_prove_account(const struct tn_state *state, uint8_t *out, size_t out_size,
                              const struct tn_state_head *head, uint32_t account,
                              const uint8_t record[TN_RECORD_ACCOUNT_SIZE]);
/* The rank-th position of the record. */
size_t tn_state_prove_position(const struct tn_state *state, uint8_t *out, size_t out_size,
                               const struct tn_state_head *head, uint32_t account,
                               const uint8_t record[TN_RECORD_ACCOUNT_SIZE],
                               const uint8_t *positions, size_t positions_size, uint32_t rank);
/* Any kind but ACCOUNT and POSITIONS. SERIES gives a proof of type SERIES when it is not empty. */
size_t tn_state_prove_record(const struct tn_state *state, uint8_t *out, size_t out_size,
                             const struct tn_state_head *head, struct tn_record_name name,
                             const uint8_t *record, size_t size);
size_t tn_state_prove_order(const struct tn_state *state, uint8_t *out, size_t out_size,
                            const struct tn_state_head *head, uint32_t slot, uint32_t list,
                            uint32_t rank, const uint8_t *book, size_t book_size,
                            const uint8_t *series, size_t series_size);
/* `market` is the record MARKET 0. */
size_t tn_state_prove_conservation(const struct tn_state *state, uint8_t *out, size_t out_size,
                                   const struct tn_state_head *head, const uint8_t *market,
                                   size_t market_size);
/* A run of leaves for a snapshot: those of [first, first + 2^depth) that exist; first is a multiple
 * of 2^depth. Depth is lowered to the tree's. */
size_t tn_state_prove_leaves(const struct tn_state *state, uint8_t *out, size_t out_size,
                             const struct tn_state_head *head, enum tn_record_kind kind,
                             uint32_t first, uint32_t depth);

/* Of a range: its root is in head->globals, and `nodes` are those of tn_proof_range_places. */
size_t tn_state_prove_block(const struct tn_state *state, uint8_t *out, size_t out_size,
                            const struct tn_state_head *head, const struct tn_proof_range *blocks,
                            const struct tn_hash *nodes, uint64_t number,
                            const struct tn_hash *block_hash);
size_t tn_state_prove_withdrawal(const struct tn_state *state, uint8_t *out, size_t out_size,
                                 const struct tn_state_head *head,
                                 const struct tn_proof_range *withdrawals,
                                 const struct tn_hash *nodes, uint64_t number,
                                 const uint8_t withdrawal[TN_PROOF_WITHDRAWAL_SIZE]);

/* ---- Exit checkpoints ------------------------------------------------------------------------
 * The equity tree: max(0, equity) of each account at the checkpoint's marks, built apart from the
 * state, and the record that the section EXITS holds until the next one. */

struct tn_equity;
size_t tn_equity_size(uint32_t accounts_max);
struct tn_equity *tn_equity_init(void *memory, uint32_t accounts_max, enum tn_cpu cpu);
void tn_equity_count(struct tn_equity *equity, uint32_t count);
/* What is below zero counts as zero. */
void tn_equity_set(struct tn_equity *equity, uint32_t account, const uint8_t owner[20],
                   tn_micros equity_micros);
void tn_equity_update(struct tn_equity *equity);

/* The same in pieces of TN_EQUITY_PIECE accounts each, which may be worked on beside each other:
 * begin says how many there are; then each of them is set, a call for leaves of one piece, and
 * hashed once, in any order; then the end. */
#define TN_EQUITY_PIECE 4096
struct tn_equity_leaf {
    uint32_t account;
    const uint8_t *owner; /* [20] */
    tn_micros equity_micros;
};
uint32_t tn_equity_pieces_begin(struct tn_equity *equity);
void tn_equity_piece_set(struct tn_equity *equity, const struct tn_equity_leaf *leaves,
                         uint32_t count);
void tn_equity_piece_hash(struct tn_equity *equity, uint32_t piece);
void tn_equity_pieces_end(struct tn_equity *equity);

struct tn_state_exit {
    uint64_t height; /* the state of which this is the equity */
    tn_micros vault_micros, insurance_micros;
};
/* Writes the exit record (updated equity) and the hash for head->globals[TN_GLOBAL_EXITS]. */
void tn_equity_record(const struct tn_equity *equity, uint8_t record[TN_PROOF_EXIT_SIZE],
                      struct tn_hash *exits, uint32_t market, const struct tn_state_exit *exit);
/* account TN_NONE: solvency alone. The tree is as it was when `record` was written. */
size_t tn_state_prove_exit(const struct tn_state *state, uint8_t *out, size_t out_size,
                           const struct tn_state_head *head, const struct tn_equity *equity,
                           const uint8_t record[TN_PROOF_EXIT_SIZE], uint32_t account,
                           const uint8_t owner[20], tn_micros equity_micros);

#endif
