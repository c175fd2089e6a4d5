/* registry: the state of the chain that belongs to no market: validators and their epochs, markets
 * and their leaders, feeders, keys, counters of the base layer, rewards and penalties.
 *
 * It is a fold over finalized blocks, changed by nothing else:
 *
 *     tn_registry_begin_block(registry, &header);
 *     tn_registry_sequenced(registry, market, entries, fees);       each market with batches
 *     tn_registry_govern / _accuse / _end_term / _take_deposit      the items that are its own
 *     tn_registry_end_block(registry);                              rewards; the next epoch
 *
 * What a block's validity asks is answered as of a height that its header names, so that a node may
 * have executed more: sets, leaders and turns are fixed for an epoch, keys say from which height
 * they count. Docs: docs/specs/registry.md, docs/sequencer-economics.md. */
#ifndef TENOR_REGISTRY_H
#define TENOR_REGISTRY_H

#include "tenor/base.h"
#include "tenor/crypto.h"
#include "tenor/item.h"
#include "tenor/record.h"
#include "tenor/signature.h"
#include "tenor/stream.h"
#include "tenor/validators.h"
#include "tenor/vote.h"

#define TN_REGISTRY_EPOCH_BLOCKS   65536u
#define TN_REGISTRY_CANDIDATES_MAX TN_VALIDATORS_MAX
#define TN_REGISTRY_NOTICE_BLOCKS                                                                  \
    128u                    /* between a change of a key or of an epoch's end, and the             \
                               next one */
#define TN_REGISTRY_SETS 3u /* kept: of this epoch and of the two before */

/* How much it can hold; genesis. */
struct tn_registry_limits {
    uint32_t validators_max; /* ever registered: 1 .. 4096 */
    uint32_t markets_max;    /* 1 .. 256 */
    uint32_t feeders_max;    /* 0 .. 1024 */
};

/* Shares and penalties, in force from the block that sets them. */
struct tn_registry_parameters {
    uint32_t reward_blocks; /* rewards are shared out each so many blocks, and at an epoch's end */
    uint32_t proposer_ppm;  /* of fees, the three together at most 10^6; the treasury the rest */
    uint32_t voter_ppm;
    uint32_t leader_ppm;
    uint32_t slash_ppm[TN_EVIDENCE_KINDS]; /* of stake, by kind of evidence; [0] is 0 */
};

struct tn_registry_genesis {
    struct tn_public_key governance, faucet;
    struct tn_registry_parameters parameters;
    uint32_t turn_views;     /* T */
    uint32_t validators_min; /* 4; 1 on a chain for tests */
};

struct tn_registry;

/* tn_registry_size returns the bytes needed, 0 when a limit is out of range. */
size_t tn_registry_size(const struct tn_registry_limits *limits);

/* tn_registry_init formats zeroed, 64-byte-aligned memory as a registry at height 0 that lacks its
 * first validators and markets. They come by tn_registry_govern; tn_registry_start then makes the
 * set of epoch 0 of them. NULL when the genesis is out of range. */
struct tn_registry *tn_registry_init(void *memory, const struct tn_registry_limits *limits,
                                     const struct tn_registry_genesis *genesis);
/* False when there are fewer validators than validators_min. */
bool tn_registry_start(struct tn_registry *registry);

/* tn_registry_copy makes `to`, of the same limits, what `from` is. O(size). */
void tn_registry_copy(struct tn_registry *to, const struct tn_registry *from);

/* ---- Answers ----------------------------------------------------------------------------------
 */
#define TN_ANSWER_TABLE(X)                                                                         \
    X(DONE, 0, "done")                                                                             \
    X(FULL, 1, "the registry holds its maximum of these")                                          \
    X(RANGE, 2, "a number is out of range")                                                        \
    X(UNKNOWN, 3, "there is nothing of that number")                                               \
    X(KEY, 4, "the key is registered already, or the address is not the key's")                    \
    X(TOO_FEW, 5, "too few validators would be left")                                              \
    X(SLASHED, 6, "the validator was slashed: it does not come back")                              \
    X(STAKE_BOUND, 7, "a stake is bound for two epochs after its validator left")                  \
    X(TOO_SOON, 8, "the last change of this kind is too recent, or the height too near")           \
    X(TOO_OLD, 9, "the evidence is of an epoch of which no set is kept")                           \
    X(KNOWN, 10, "this was proved of the validator before")                                        \
    X(SIGNATURE, 11, "a signature is not the signer's")                                            \
    X(NUMBER, 12, "the number does not follow the last one")
enum tn_registry_answer {
#define X(name, number, text) TN_ANSWER_##name = (number),
    TN_ANSWER_TABLE(X)
#undef X
};
const char *tn_registry_answer_text(enum tn_registry_answer answer);

/* ---- Governance -------------------------------------------------------------------------------
 * The entry of a GOVERNANCE item of market 0, as bytes and decoded. */
enum tn_registry_command_kind {
    TN_REGISTRY_VALIDATOR = 1, /* registers one; in the set of the epoch after the next */
    TN_REGISTRY_WEIGHT = 2,    /* another weight and stake; weight 0: it leaves */
    TN_REGISTRY_FEEDER = 3,
    TN_REGISTRY_MARKET = 4, /* a market and its candidates, from the next epoch on */
    TN_REGISTRY_KEY = 5,
    TN_REGISTRY_PARAMETERS = 6,
    TN_REGISTRY_EPOCH = 7, /* this epoch ends at that height */
};
#define TN_REGISTRY_COMMAND_BYTES_MAX 256u

enum tn_registry_key_kind { TN_REGISTRY_KEY_GOVERNANCE = 1, TN_REGISTRY_KEY_FAUCET = 2 };

struct tn_registry_command {
    enum tn_registry_command_kind kind;
    union {
        struct {
            struct tn_public_key key;
            struct tn_address address;
            uint64_t weight;
            tn_micros stake_micros;
        } validator;
        struct {
            uint64_t weight;
            tn_micros stake_micros;
            uint16_t id;
        } weight;
        struct {
            struct tn_public_key key;
            uint16_t signer; /* from 1 */
            bool active;
        } feeder;
        struct {
            uint32_t market; /* from 1 */
            uint16_t count;
            uint16_t candidates[TN_REGISTRY_CANDIDATES_MAX]; /* validator ids */
        } market;
        struct {
            enum tn_registry_key_kind which;
            struct tn_public_key key;
        } key;
        struct tn_registry_parameters parameters;
        uint64_t epoch_height;
    } as;
};
size_t tn_registry_write_command(uint8_t out[TN_REGISTRY_COMMAND_BYTES_MAX],
                                 const struct tn_registry_command *command);
bool tn_registry_read_command(struct tn_registry_command *command, struct tn_stream_fault *fault,
                              const uint8_t *bytes, size_t size);
/* Carries it out, or answers why not and changes nothing. `signatures` to see that an address is
 * its key's. The caller has checked the item's signature and number. */
enum tn_registry_answer tn_registry_govern(struct tn_registry *registry,
                                           const struct tn_signatures *signatures,
                                           const struct tn_registry_command *command);
/* The numbers of governance and of deposits run on by one: NUMBER, and nothing is changed, if not.
 * A governance command that is refused has used its number all the same. */
enum tn_registry_answer tn_registry_take_governance(struct tn_registry *registry, uint64_t number);
enum tn_registry_answer tn_registry_take_deposit(struct tn_registry *registry, uint64_t number);

/* ---- Blocks -----------------------------------------------------------------------------------
 */

/* header is that of the next height, in this epoch (asserted). Counts its proposer's block, and the
 * turns that were missed between its parent's view and its own. */
void tn_registry_begin_block(struct tn_registry *registry, const struct tn_block_header *header);

/* A market's leader sequenced entries, and fees_micros is now all that the market ever took in
 * fees (as its house account says; it may have fallen). What is new is shared. */
void tn_registry_sequenced(struct tn_registry *registry, uint32_t market, uint64_t entries_count,
                           tn_micros fees_micros);

/* Ends a market's term: the next candidate leads. */
void tn_registry_end_term(struct tn_registry *registry, uint32_t market);

/* Slashes, when tn_registry_check_evidence says DONE; answers as that does. */
enum tn_registry_answer tn_registry_accuse(struct tn_registry *registry,
                                           const struct tn_evidence_context *context,
                                           const struct tn_evidence *evidence);

/* Shares rewards when it is time; after a block with EPOCH_FINAL the next epoch begins. */
void tn_registry_end_block(struct tn_registry *registry);

/* ---- Questions --------------------------------------------------------------------------------
 */

/* The sets of this epoch and of the two before; NULL for any other. They stay as they are until
 * the end of the block that ends the epoch. */
const struct tn_validators *tn_registry_set(const struct tn_registry *registry, uint64_t epoch);
/* The set that an EPOCH_FINAL block of this epoch with that exec_height hands over to: the same
 * from every state of this epoch that has executed exec_height. */
void tn_registry_next_set(const struct tn_registry *registry, struct tn_validators *set,
                          uint64_t exec_height);
/* Must a block of this epoch with that height and exec_height have the flag EPOCH_FINAL? */
bool tn_registry_is_epoch_final(const struct tn_registry *registry, uint64_t height,
                                uint64_t exec_height);

/* Would this evidence slash? Two verifications. DONE: yes; KNOWN: it is good, and was proved
 * before; any other answer is the same from every state of the epoch. */
enum tn_registry_answer tn_registry_check_evidence(const struct tn_registry *registry,
                                                   const struct tn_evidence_context *context,
                                                   const struct tn_evidence *evidence);

/* The leader of a term of a market that is open: its id in the registry, and its key. The same all
 * epoch, also for terms that have not begun. False: the market is not open. */
bool tn_registry_leader(const struct tn_registry *registry, uint16_t *id, struct tn_public_key *key,
                        uint32_t market, uint32_t term);

/* Are a TERM's signatures good: STALLs of a quorum of the present set, or the leader's RESIGN? Of
 * LAGGED there are none: true. That the head is the market's is the caller's to know. */
bool tn_registry_check_term(const struct tn_registry *registry,
                            const struct tn_evidence_context *context,
                            const struct tn_term_end *term);

/* The key that counts for a block of that exec_height; of a feeder NULL when it is not active. */
const struct tn_public_key *tn_registry_key(const struct tn_registry *registry,
                                            enum tn_registry_key_kind which, uint64_t exec_height);
const struct tn_public_key *tn_registry_feeder(const struct tn_registry *registry, uint16_t signer,
                                               uint64_t exec_height);

/* ---- What stands ------------------------------------------------------------------------------
 */
struct tn_registry_heads {
    uint64_t epoch, height, epoch_start; /* height of the last block before this epoch */
    uint64_t last_view;                  /* of the last block, in its epoch */
    uint64_t l1_cursor, deposit_number, governance_number;
    uint32_t validators_count, markets_count, feeders_count; /* places in use */
    /* Money: fees_micros = Σ earned + pools + treasury; stakes that were slashed are apart. */
    tn_micros fees_micros, treasury_micros, proposer_pool_micros, voter_pool_micros;
    tn_micros slashed_micros;
};
void tn_registry_heads(const struct tn_registry *registry, struct tn_registry_heads *heads);

enum tn_registry_status {
    TN_VALIDATOR_WAITS = 0, /* registered, in no set yet */
    TN_VALIDATOR_ACTIVE = 1,
    TN_VALIDATOR_LEFT = 2,
    TN_VALIDATOR_SLASHED = 3, /* may still be in this epoch's set */
};
struct tn_registry_slash {
    uint64_t height; /* 0: never */
    struct tn_hash evidence;
};
struct tn_registry_validator {
    struct tn_public_key key;
    struct tn_address address;
    uint64_t weight, weight_next, weight_after; /* in this epoch, the next, and from then on */
    tn_micros stake_micros, earned_micros;
    uint64_t registered_height;
    uint64_t blocks, turns_missed, entries; /* ever */
    uint64_t period_blocks, period_missed;  /* since rewards were shared */
    struct tn_registry_slash slashes[TN_EVIDENCE_KINDS];
};
/* False when there is none of that id; so below. */
bool tn_registry_validator(const struct tn_registry *registry, uint16_t id,
                           struct tn_registry_validator *validator,
                           enum tn_registry_status *status);

struct tn_registry_market {
    uint32_t market, term;       /* term 0: opens with the next epoch */
    tn_micros fees_taken_micros; /* of its fees, what was shared */
    uint16_t leaders_count, candidates_count;
    uint16_t leaders[TN_REGISTRY_CANDIDATES_MAX];    /* those of the set, of the candidates */
    uint16_t candidates[TN_REGISTRY_CANDIDATES_MAX]; /* from the next epoch on */
};
bool tn_registry_market(const struct tn_registry *registry, uint32_t market,
                        struct tn_registry_market *out);

/* ---- Records ----------------------------------------------------------------------------------
 * As those of export.h, with one root over all: the global of place 7. */
enum {
    TN_RECORD_REGISTRY = 18, /* one: the heads, parameters, keys */
    TN_RECORD_VALIDATOR = 19,
    TN_RECORD_FEEDER = 20,
    TN_RECORD_LEADERSHIP = 21, /* by place: a market's candidates and term */
    TN_RECORD_SET = 22,        /* 0: of this epoch, 1 and 2: of those before */
};
#define TN_REGISTRY_TREE             40 /* kind of the tree over the five kinds */
#define TN_REGISTRY_RECORD_BYTES_MAX 1280u

uint32_t tn_registry_records_count(const struct tn_registry *registry, uint8_t kind);
/* Returns its size, 0: empty. When out_size is smaller nothing was written. */
size_t tn_registry_record(const struct tn_registry *registry, uint8_t *out, size_t out_size,
                          uint8_t kind, uint32_t index);
/* As tn_exchange_touched: all after init, none after an import. */
uint32_t tn_registry_changed(struct tn_registry *registry, struct tn_record_name *names,
                             uint32_t names_max);
/* O(records of the kinds of which one changed since the last call). */
void tn_registry_root(struct tn_registry *registry, struct tn_hash *root);

struct tn_registry_fault {
    struct tn_record_name name;
    uint32_t at;
    const char *what; /* a sentence */
};
/* Into a registry just made by tn_registry_init: kinds ascending, indexes ascending, the empty ones
 * left out. After a fault it is to be thrown away. */
bool tn_registry_import(struct tn_registry *registry, struct tn_registry_fault *fault, uint8_t kind,
                        uint32_t index, const uint8_t *record, size_t size);
bool tn_registry_import_end(struct tn_registry *registry, struct tn_registry_fault *fault);

#endif
