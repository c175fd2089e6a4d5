/* witness_chain: which accounts and sessions a block of a chain needs, and a chain of which only
 * those are there, so that the block can be judged and executed with nothing else at hand.
 *
 * Who writes has two chains at the parent, or one and a copy of its memory:
 *
 *     tn_witness_parts_open(&parts, chain, words);
 *     tn_witness_parts_note(&parts, copy);         the copy judges and executes the block
 *     tn_witness_chain_record(...)                 each record of the chain at the parent, in order
 *     tn_witness_chain_nodes(...)
 *
 * Who reads opens parts on a chain that was just made, says the counts and what to do when
 * something is absent, takes records and nodes, compares the root with the one it trusts, and
 * judges and executes the block in it.
 *
 * An account or a session that is not there is never taken for an empty one: what comes to it ends
 * there. Bytes of a whole witness, and the block, are the caller's: docs/specs/witness.md. Nothing
 * allocates. */
#ifndef TENOR_WITNESS_CHAIN_H
#define TENOR_WITNESS_CHAIN_H

#include "tenor/chain.h"
#include "tenor/watch.h"

/* What is needed, and not there. */
struct tn_witness_absent {
    uint32_t market; /* its id */
    bool is_session;
    uint32_t index; /* the account, or the seat of the session */
};

struct tn_witness_parts;

/* Of one market. A bit for each account and each seat of a session: needed, or there. */
struct tn_witness_part {
    uint64_t *accounts, *seats;
    uint32_t accounts_count, seats_count; /* how many there are before the block, here or not */
    uint32_t market;
    struct tn_witness_parts *all;
    struct tn_exchange_watch accounts_watch;
    struct tn_market_watch seats_watch;
};

/* Its address must stay while a chain is watched. */
struct tn_witness_parts {
    struct tn_witness_part markets[TN_CHAIN_MARKETS_MAX]; /* by place */
    uint32_t markets_count;
    /* Must not return: it leaves by longjmp, and the chain is then worth nothing. NULL: what is
     * needed is noted. */
    void (*absent)(void *context, const struct tn_witness_absent *absent);
    void *context;
};

/* Words of 64 bits that the bits of all markets take. */
size_t tn_witness_parts_words(const struct tn_chain_limits *limits);
/* words: zeroed, so many. Counts are the chain's. */
void tn_witness_parts_open(struct tn_witness_parts *parts, const struct tn_chain *chain,
                           uint64_t *words);
/* Notes from here on what is asked for in this chain, which stands between two blocks: first what
 * is needed whatever the block says. O(accounts). */
void tn_witness_parts_note(struct tn_witness_parts *parts, struct tn_chain *chain);

/* ---- Writing -----------------------------------------------------------------------------------
 */

/* A record of a chain at the parent, as it goes into a witness; *size is as tn_chain_record returns
 * it. False: it does not go in. All of a chain do, but for those of accounts and sessions that are
 * not needed, and EQUITY, which nothing reads; HEADS and RING are of no more past roots than the
 * next block can ask for. Only a SESSION goes in empty: a seat that is known to be free. */
bool tn_witness_chain_record(const struct tn_witness_parts *parts, const struct tn_chain *chain,
                             uint8_t *out, size_t out_size, size_t *size, uint8_t kind,
                             uint32_t index);
/* The nodes beside the ways of all that goes in: for each market those of ACCOUNT, MARGIN, MEMORY
 * and SESSION. Returns the bytes needed, and writes nothing when out_size is smaller. */
size_t tn_witness_chain_nodes(const struct tn_witness_parts *parts, const struct tn_chain *chain,
                              uint8_t *out, size_t out_size);

/* ---- Reading -----------------------------------------------------------------------------------
 */

/* Fills a chain that was just made, over which `parts` was opened and its counts and `absent` then
 * set: accounts and sessions that are among the records are there. Records stand as they were
 * written, by kind, then index; the bytes may say anything. True: *root is what records and nodes
 * add up to, for the caller to compare with the root it trusts; what is needed and absent is from
 * here on told. False: the fault names a record, or with kind 0 the nodes; *root is then zero, or
 * known all the same. */
bool tn_witness_take_chain(struct tn_witness_parts *parts, struct tn_chain *chain,
                           struct tn_hash *root, struct tn_import_fault *fault,
                           const struct tn_state_record *records, uint32_t records_count,
                           const uint8_t *nodes, size_t nodes_size);

#endif
