/* views: answers to clients' questions, from the state after the last executed block.
 *
 * A question comes as the bytes of a ToNode, the answer goes as those of a FromNode, an Error if
 * need be. All numbers are asked from the exchange itself; what margin would be is asked from the
 * same functions as admission. An answer has at most 500 orders, 256 accounts of an owner or in
 * liquidation, 4 096 other rows and 1 MiB, and costs what stateview.h says. GetBook, GetTrades and
 * GetInstruments are the gateway's (feed.h), GetProof takes until the next checkpoint (proofs.h).
 *
 * Node's thread, between blocks. */
#ifndef NODE_CLUSTER_VIEWS_H
#define NODE_CLUSTER_VIEWS_H

#include "cluster/sync_bytes.h"
#include "tenor/chain.h"
#include "tenor/sequencer.h"
#include "wire/wire.h"

/* What questions are answered from. */
struct views_world {
    struct tn_chain *chain;
    const struct tn_public_key *own_key; /* of this node; NULL: not known */
    uint64_t final_height;               /* of the last block known to be final */
    void *context;
    /* A stored or pooled block; NULL: only the last executed one is known. Bytes live until the
     * next call. */
    bool (*find_block)(void *context, struct tn_sequencer_block *block, uint64_t height);
    /* Where that validator serves clients, HOST:PORT; NULL or "": not known. May be NULL. */
    const char *(*clients_of)(void *context, const struct tn_public_key *key);
    /* The end of an epoch and the set after it, until the next call. False: not known. May be NULL.
     */
    bool (*find_epoch)(void *context, struct sync_epoch *epoch, uint64_t number);
    const struct tn_signatures *signatures; /* of find_epoch's sets */
};

struct views;

struct views *views_make(void); /* NULL: no memory */
void views_free(struct views *views);

/* What is to be proved, by a GetProof. */
struct views_proof {
    uint64_t request;
    uint32_t place, account; /* place: of the market in the chain */
    uint64_t series_id;      /* not 0: of the series */
};

enum views_outcome {
    VIEWS_ANSWERED, /* *bytes, *size: a FromNode without length, until the next call */
    VIEWS_PROOF,    /* it asks for a proof that can be made: *proof */
};
enum views_outcome views_answer(struct views *views, const uint8_t **bytes, size_t *size,
                                struct views_proof *proof, const struct views_world *world,
                                const uint8_t *question, size_t question_size);

/* The request of a question, for an Error; 0: it is none. */
uint64_t views_request(struct views *views, const uint8_t *question, size_t question_size);
/* An Error as answer to that request. */
void views_refuse(struct views *views, const uint8_t **bytes, size_t *size, uint64_t request,
                  enum wire_error code, const char *text);
/* A Proof as answer. */
void views_prove(struct views *views, const uint8_t **bytes, size_t *size, uint64_t request,
                 uint64_t height, const uint8_t *proof, size_t proof_size,
                 const uint8_t *certificate, size_t certificate_size);

#endif
