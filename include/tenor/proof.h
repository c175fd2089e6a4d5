/* proof: how records become leaves and leaves a root, and the verifier of proofs under that root.
 *
 * docs/specs/state.md is the rule, byte by byte, with vectors. Nothing here allocates; memory is
 * constant; a proof is read once from its first byte to its last. Needs base and crypto alone, so
 * it can be linked into anything. That a state root is the right one (a quorum signed it) is the
 * caller's to know.
 *
 *     struct tn_proof_claim claim;
 *     struct tn_proof_fault fault;
 *     if (tn_proof_verify(&claim, &fault, bytes, size, &state_root))
 *         ... claim.as.account.cash is proved ...
 *     else
 *         ... fault.what says which step failed ...
 */
#ifndef TENOR_PROOF_H
#define TENOR_PROOF_H

#include "tenor/base.h"
#include "tenor/crypto.h"
#include "tenor/record.h"

/* Kinds of trees and leaves that are not of an exchange's records; one numbering with enum
 * tn_record_kind. */
enum tn_proof_kind {
    TN_PROOF_SESSION = 10, /* a record of the market: section 8, by slot */
    TN_PROOF_MARKETS = 32,
    TN_PROOF_BLOCKS = 33,      /* range of the hashes of block headers, by height - 1 */
    TN_PROOF_WITHDRAWALS = 34, /* range of withdrawals, by running number from 0 */
    TN_PROOF_EXITS = 35,       /* the last exit checkpoint of each market */
    TN_PROOF_STREAMS = 37,     /* the head of each market's stream of batches */
    TN_PROOF_EQUITY = 36,      /* max(0, equity) of each account at an exit checkpoint */
    TN_PROOF_INBOXES = 38,     /* inboxes of each market that wait for their BLOCK */
};

#define TN_PROOF_DEPTH_MAX       32 /* of a tree: indexes are 32 bits */
#define TN_PROOF_SIDES           64 /* hashes on a way in a range: its counts are 64 bits */
#define TN_PROOF_SECTIONS        16 /* of a market */
#define TN_PROOF_SECTIONS_DEPTH  4
#define TN_PROOF_RECORD_KINDS    11 /* 1 + the last kind that has a section */
#define TN_PROOF_GLOBALS         8
#define TN_PROOF_EXIT_SIZE       76
#define TN_PROOF_EQUITY_SIZE     28
#define TN_PROOF_WITHDRAWAL_SIZE 48
#define TN_PROOF_BODY_EXTRA      128 /* a body is longer than its record by this at most */

/* Places of the globals in a state root. */
enum tn_proof_global {
    TN_GLOBAL_STREAMS = 0,
    TN_GLOBAL_BLOCKS = 1,
    TN_GLOBAL_WITHDRAWALS = 2,
    TN_GLOBAL_INBOXES = 3,
    TN_GLOBAL_EXITS = 4,
    TN_GLOBAL_ROOTS = 5,      /* a hash chain over the roots of all blocks executed before */
    TN_GLOBAL_LAST_BLOCK = 6, /* the hash of the last block itself */
    TN_GLOBAL_REGISTRY = 7,
};

/* ---- Leaves ----------------------------------------------------------------------------------
 */

/* tn_proof_leaf hashes a record of any kind but POSITIONS. An ACCOUNT takes in the root of its
 * positions, and gives its cash as the sum; others leave positions_root NULL and give 0. False when
 * the bytes are no record of that kind. O(size). */
bool tn_proof_leaf(struct tn_hash *leaf, tn_i128 *sum, enum tn_cpu cpu, enum tn_record_kind kind,
                   uint32_t index, const uint8_t *record, size_t size,
                   const struct tn_hash *positions_root);

/* tn_proof_positions_root: the zero hash when there are none; false when size is not whole
 * positions. */
bool tn_proof_positions_root(struct tn_hash *root, enum tn_cpu cpu, const uint8_t *record,
                             size_t size);

/* tn_proof_body writes what a leaf hashes after its kind and index, at most
 * size + TN_PROOF_BODY_EXTRA bytes: of most kinds the record itself. 0 when the bytes are no record
 * of that kind, or an empty one. */
size_t tn_proof_body(uint8_t *out, enum tn_cpu cpu, enum tn_record_kind kind, const uint8_t *record,
                     size_t size, const struct tn_hash *positions_root);

/* tn_proof_leaf_body hashes a body; no bytes are the zero hash. */
void tn_proof_leaf_body(struct tn_hash *leaf, uint8_t kind, uint32_t index, const uint8_t *body,
                        size_t size);

/* ---- Trees -----------------------------------------------------------------------------------
 */

/* tn_proof_depth is d with 2^(d-1) < count <= 2^d; 0 for a count of 0 or 1. */
uint32_t tn_proof_depth(uint64_t count);

/* The hash of a subtree of that depth in which every leaf is the zero hash. */
void tn_proof_zero(struct tn_hash *hash, bool with_sums, uint32_t depth);

void tn_proof_node(struct tn_hash *node, const struct tn_hash *left, const struct tn_hash *right);
/* With sums: false when they overflow. `node` may be left or right, `sum` one of theirs. */
bool tn_proof_sum_node(struct tn_hash *node, tn_i128 *sum, const struct tn_hash *left,
                       tn_i128 left_sum, const struct tn_hash *right, tn_i128 right_sum);

void tn_proof_root(struct tn_hash *root, uint8_t kind, uint64_t count, const struct tn_hash *top);
void tn_proof_sum_root(struct tn_hash *root, uint8_t kind, uint64_t count,
                       const struct tn_hash *top, tn_i128 sum);
void tn_proof_market_root(struct tn_hash *root, uint32_t market,
                          const struct tn_hash sections[TN_PROOF_SECTIONS]);
void tn_proof_globals_top(struct tn_hash *top, const struct tn_hash globals[TN_PROOF_GLOBALS]);
void tn_proof_state_root(struct tn_hash *root, const uint8_t chain_id[32], uint64_t height,
                         const struct tn_hash *markets_root, const struct tn_hash *globals_top);

/* tn_proof_section is a record kind's place under its market's root. */
uint32_t tn_proof_section(uint8_t kind);

/* A fold takes leaves in order and knows the top of their tree, in memory that does not grow. */
struct tn_proof_fold {
    uint64_t count;
    bool with_sums;
    struct tn_hash peaks[TN_PROOF_DEPTH_MAX + 1];
    tn_i128 sums[TN_PROOF_DEPTH_MAX + 1];
};
void tn_proof_fold_begin(struct tn_proof_fold *fold, bool with_sums);
/* False when the sums overflow, or 2^32 leaves were taken: the fold is then unusable. */
bool tn_proof_fold_add(struct tn_proof_fold *fold, const struct tn_hash *leaf, tn_i128 sum);
/* The top of a tree of this depth, at least tn_proof_depth(count); the fold may go on after it. */
bool tn_proof_fold_top(const struct tn_proof_fold *fold, uint32_t depth, struct tn_hash *top,
                       tn_i128 *sum);

/* ---- Ranges: append-only lists of which only the peaks must be kept --------------------------
 * A Merkle mountain range: perfect trees of falling sizes, joined from the right. Its nodes, in the
 * order in which they come to be, can be kept in a file: a node never changes. */

struct tn_proof_range {
    uint64_t count;
    struct tn_hash peaks[TN_PROOF_SIDES]; /* by depth; those of the bits set in count */
};
void tn_proof_range_leaf(struct tn_hash *leaf, uint8_t kind, uint64_t number, const uint8_t *body,
                         size_t size);
/* Appends a leaf. Writes the nodes that came to be, the leaf first, and returns how many. */
uint32_t tn_proof_range_append(struct tn_proof_range *range,
                               struct tn_hash nodes[TN_PROOF_SIDES + 1],
                               const struct tn_hash *leaf);
void tn_proof_range_root(struct tn_hash *root, const struct tn_proof_range *range, uint8_t kind);
/* Which nodes, by their place in the order of becoming, the way from a leaf needs; how many. */
uint32_t tn_proof_range_places(uint64_t places[TN_PROOF_SIDES], const struct tn_proof_range *range,
                               uint64_t number);
/* The way itself: those nodes, then what the peaks give. Returns how many hashes. */
uint32_t tn_proof_range_way(struct tn_hash way[TN_PROOF_SIDES], const struct tn_proof_range *range,
                            const struct tn_hash *nodes, uint64_t number);

/* ---- Proofs ----------------------------------------------------------------------------------
 */

enum tn_proof_type {
    TN_PROOF_ACCOUNT = 1,
    TN_PROOF_POSITION = 2, /* one position of an account, and the account */
    TN_PROOF_RECORD = 3,   /* any record but ACCOUNT and POSITIONS; an empty one too */
    TN_PROOF_SERIES = 4,
    TN_PROOF_ORDER = 5,
    TN_PROOF_BLOCK = 6,
    TN_PROOF_WITHDRAWAL = 7,
    TN_PROOF_CONSERVATION = 8, /* the cash of all accounts and of the house is zero */
    TN_PROOF_SOLVENCY = 9,     /* an exit checkpoint: what accounts are worth is there */
    TN_PROOF_EXIT = 10,        /* and what it says of one account */
    TN_PROOF_LEAVES = 11,      /* a run of leaves: tn_proof_verify_leaves */
};

/* The steps in which a proof can fail. X(name, sentence). */
#define TN_PROOF_STEPS(X)                                                                          \
    X(NONE, "the proof holds")                                                                     \
    X(HEADER, "this is no proof, or of a version or type that the program that made it reads")     \
    X(SIZE, "the proof ends too early, or goes on after its end")                                  \
    X(INDEX, "an index is not below its count, or a count is too large")                           \
    X(RECORD, "a record says what no record can say")                                              \
    X(POSITIONS, "the position is not under the account's positions root")                         \
    X(LIST, "the order is not under the top of its list")                                          \
    X(TREE, "the leaf is not under the root of its tree")                                          \
    X(SUM, "a sum overflows, is below zero where none can be, or is written too long")             \
    X(MARKET, "the tree is not under the root of its market")                                      \
    X(MARKETS, "the market is not under the root of all markets")                                  \
    X(GLOBALS, "the tree is not under the top of the globals")                                     \
    X(STATE_ROOT, "the proof leads to another state root than the one that is trusted")            \
    X(PARTS, "the two parts of the proof are not of one market or one series")                     \
    X(CONSERVATION, "the cash of accounts and house does not add up to zero")                      \
    X(SOLVENCY, "accounts are worth more than vault and insurance hold")                           \
    X(LEAVES, "the leaves are not the run that the proof is of")

enum tn_proof_step {
#define X(name, text) TN_PROOF_STEP_##name,
    TN_PROOF_STEPS(X)
#undef X
};

struct tn_proof_fault {
    enum tn_proof_step step;
    uint32_t at;      /* bytes of the proof that had been read */
    const char *what; /* the step's sentence */
};

struct tn_proof_account {
    uint32_t index, count; /* of all accounts */
    uint8_t owner[20];
    tn_micros cash;
    int64_t collateral[7]; /* by asset 1 .. 7 */
    uint64_t nonce_top, nonce_bits, client_floor;
    struct tn_hash positions_root, session_keys_root;
    tn_i128 accounts_cash; /* of all accounts */
};
struct tn_proof_position {
    struct tn_proof_account account;
    uint32_t rank, count;
    uint64_t series_id;
    int64_t quantity_lots, cost_micros;
    const uint8_t *bytes; /* TN_RECORD_POSITION_SIZE of the proof */
};
struct tn_proof_record {
    uint8_t kind;
    uint32_t index, count;
    const uint8_t *body; /* in the proof */
    uint32_t body_size;  /* 0: the record is empty */
};
struct tn_proof_series {
    uint32_t slot;
    uint64_t series_id;
    uint16_t underlying, expiry_day;
    uint8_t kind, status;
    int64_t expiry_ms;     /* 0: a perpetual */
    uint64_t strike_units; /* 10^-4 of the cash asset; 0: no option */
    tn_micros mark_micros, settlement_micros;
};
struct tn_proof_order {
    uint32_t slot, rank, count;
    uint8_t list; /* bids, asks, waiting buys, waiting sells */
    uint64_t series_id, order_id;
    uint32_t account;
    int64_t price_ticks, open_lots;
    const uint8_t *bytes; /* TN_RECORD_ORDER_SIZE of the proof */
};
struct tn_proof_block {
    uint64_t number, count;
    struct tn_hash hash;
};
struct tn_proof_withdrawal {
    uint64_t number, count, height;
    uint32_t account, asset; /* asset 0: cash */
    uint8_t owner[20];
    int64_t amount; /* micros of cash, smallest units of another asset */
};
struct tn_proof_conservation {
    uint32_t accounts_count;
    tn_i128 accounts_cash;
    tn_micros house[6]; /* in the order of the ledger: enum tn_house */
};
struct tn_proof_exit {
    uint64_t height; /* of the exit checkpoint */
    uint32_t accounts_count;
    struct tn_hash equity_root;
    tn_i128 equity_sum;
    tn_micros vault_micros, insurance_micros;
    uint32_t index; /* from here on only in TN_PROOF_EXIT */
    uint8_t owner[20];
    tn_micros equity_micros; /* what the account can take out */
};

struct tn_proof_claim {
    enum tn_proof_type type;
    uint8_t chain_id[32]; /* of the state root */
    uint64_t height;
    uint32_t market; /* not of a block */
    union {
        struct tn_proof_account account;
        struct tn_proof_position position;
        struct tn_proof_record record;
        struct tn_proof_series series;
        struct tn_proof_order order;
        struct tn_proof_block block;
        struct tn_proof_withdrawal withdrawal;
        struct tn_proof_conservation conservation;
        struct tn_proof_exit exit;
    } as;
};

/* tn_proof_verify checks a proof against a state root that the caller trusts. What the claim says
 * is proved only when it returns true; pointers in it lead into `proof`. Any bytes may be given.
 * O(size), about 0.4 µs for each level of a tree. */
bool tn_proof_verify(struct tn_proof_claim *claim, struct tn_proof_fault *fault,
                     const uint8_t *proof, size_t size, const struct tn_hash *state_root);

/* A run of leaves: `count` of them from `first`, a multiple of 2^depth. */
struct tn_proof_leaves {
    uint8_t chain_id[32];
    uint64_t height;
    uint32_t market;
    uint8_t kind;
    uint32_t first, count, total; /* total: leaves of the tree */
    uint32_t depth;
    struct tn_hash root, markets_root;              /* of the tree; of all markets */
    struct tn_hash beside[TN_PROOF_SECTIONS_DEPTH]; /* the way from one to its market, upwards */
};
/* tn_proof_verify_leaves checks that the leaves which a fold took are the run that the proof names;
 * `leaves` says which, and what is on its way. The fold has sums when the kind is ACCOUNT. */
bool tn_proof_verify_leaves(struct tn_proof_leaves *leaves, struct tn_proof_fault *fault,
                            const uint8_t *proof, size_t size, const struct tn_hash *state_root,
                            const struct tn_proof_fold *fold);

#endif
