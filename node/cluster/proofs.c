/* proofs: a few that wait, each first for a checkpoint and then for its certificate.
 *
 * A proof is made from the trees right after its block, when they are the checkpoint's; it is kept
 * until the certificate comes. A checkpoint that is never certified here (a later one was) is given
 * up when a later checkpoint is executed: the proof is then made anew. */
#include "cluster/proofs.h"

#include "tenor/stateview.h"

#include <stdlib.h>

enum { KINDS_OF_A_MARKET = 32 };

struct waiting_proof {
    bool is_used;
    uint64_t tag;
    struct views_proof asked;
    int64_t since_us;
    uint64_t height; /* 0: not made yet */
    uint8_t *bytes;
    size_t size;
};

struct proofs {
    void (*done)(void *context, const struct proofs_done *done);
    void *context;
    struct waiting_proof list[PROOFS_MAX];
};

struct proofs *proofs_make(void (*done)(void *context, const struct proofs_done *done),
                           void *context)
{
    struct proofs *proofs = calloc(1, sizeof *proofs);
    if (proofs == NULL) return NULL;
    proofs->done = done;
    proofs->context = context;
    return proofs;
}

void proofs_free(struct proofs *proofs)
{
    if (proofs == NULL) return;
    for (uint32_t i = 0; i < PROOFS_MAX; i++)
        free(proofs->list[i].bytes);
    free(proofs);
}

bool proofs_ask(struct proofs *proofs, uint64_t tag, const struct views_proof *asked,
                int64_t now_us)
{
    for (uint32_t i = 0; i < PROOFS_MAX; i++) {
        if (proofs->list[i].is_used) continue;
        proofs->list[i] = (struct waiting_proof){
            .is_used = true, .tag = tag, .asked = *asked, .since_us = now_us};
        return true;
    }
    return false;
}

/* With a certificate, or without: there will be none. */
static void end(struct proofs *proofs, struct waiting_proof *waiting, const uint8_t *certificate,
                size_t size)
{
    const struct proofs_done done = {.tag = waiting->tag,
                                     .request = waiting->asked.request,
                                     .height = certificate == NULL ? 0 : waiting->height,
                                     .proof = waiting->bytes,
                                     .proof_size = waiting->size,
                                     .certificate = certificate,
                                     .certificate_size = size};
    proofs->done(proofs->context, &done);
    free(waiting->bytes);
    *waiting = (struct waiting_proof){0};
}

/* ---- Making ------------------------------------------------------------------------------------
 */

/* A record of the state; NULL: it is not there, or there is no memory. */
static uint8_t *take_record(const struct tn_chain *chain, size_t *size, uint32_t place,
                            enum tn_record_kind kind, uint32_t index)
{
    const uint8_t name = (uint8_t)(place * KINDS_OF_A_MARKET + kind);
    if (index >= tn_chain_records_count(chain, name)) return NULL;
    *size = tn_chain_record(chain, NULL, 0, name, index);
    uint8_t *bytes = malloc(*size + 1);
    if (bytes == NULL) return NULL;
    tn_chain_record(chain, bytes, *size, name, index);
    return bytes;
}

static size_t prove_account(struct tn_chain *chain, uint8_t *out, size_t room,
                            const struct views_proof *asked)
{
    size_t size, written;
    uint8_t *record = take_record(chain, &size, asked->place, TN_RECORD_ACCOUNT, asked->account);
    if (record == NULL) return 0;
    written = size != TN_RECORD_ACCOUNT_SIZE
                  ? 0
                  : tn_state_prove_account(tn_chain_state(chain, asked->place), out, room,
                                           &tn_chain_heads(chain)->state, asked->account, record);
    free(record);
    return written;
}

static size_t prove_series(struct tn_chain *chain, uint8_t *out, size_t room,
                           const struct views_proof *asked)
{
    const struct tn_exchange *exchange = tn_market_exchange(tn_chain_market(chain, asked->place));
    struct tn_listed_view listed;
    size_t size;
    if (!tn_exchange_listed(exchange, &listed, asked->series_id)) return 0;
    const struct tn_record_name name = {.kind = TN_RECORD_SERIES, .index = listed.slot};
    uint8_t *record = take_record(chain, &size, asked->place, TN_RECORD_SERIES, name.index);
    if (record == NULL) return 0;
    size_t written = tn_state_prove_record(tn_chain_state(chain, asked->place), out, room,
                                           &tn_chain_heads(chain)->state, name, record, size);
    free(record);
    return written;
}

static void make(struct proofs *proofs, struct waiting_proof *waiting, struct tn_chain *chain)
{
    const size_t room = TN_STATE_PROOF_ROOM + 4096; /* both records are short */
    free(waiting->bytes);
    waiting->bytes = malloc(room);
    waiting->size = 0;
    if (waiting->bytes != NULL) {
        waiting->size = waiting->asked.series_id != 0
                            ? prove_series(chain, waiting->bytes, room, &waiting->asked)
                            : prove_account(chain, waiting->bytes, room, &waiting->asked);
    }
    waiting->height = tn_chain_heads(chain)->height;
    if (waiting->size == 0) end(proofs, waiting, NULL, 0);
}

/* Its certificate may still come. */
static bool is_young(const struct waiting_proof *waiting, const struct tn_chain *chain)
{
    const uint64_t each = tn_chain_limits(chain)->checkpoint_blocks;
    return waiting->height != 0 && tn_chain_heads(chain)->height - waiting->height < 2 * each;
}

void proofs_executed(struct proofs *proofs, struct tn_chain *chain)
{
    struct tn_checkpoint checkpoint;
    bool is_one = false, is_asked = false;
    for (uint32_t i = 0; i < PROOFS_MAX; i++) {
        if (!proofs->list[i].is_used) continue;
        if (!is_asked) is_one = tn_chain_checkpoint(chain, &checkpoint);
        is_asked = true;
        if (is_one && !is_young(&proofs->list[i], chain)) make(proofs, &proofs->list[i], chain);
    }
}

void proofs_certified(struct proofs *proofs, const struct tn_checkpoint *checkpoint,
                      const uint8_t *certificate, size_t size)
{
    for (uint32_t i = 0; i < PROOFS_MAX; i++) {
        struct waiting_proof *waiting = &proofs->list[i];
        if (!waiting->is_used || waiting->height != checkpoint->height) continue;
        end(proofs, waiting, certificate, size);
    }
}

void proofs_turn(struct proofs *proofs, int64_t now_us)
{
    for (uint32_t i = 0; i < PROOFS_MAX; i++) {
        struct waiting_proof *waiting = &proofs->list[i];
        if (!waiting->is_used || now_us - waiting->since_us < PROOFS_WAIT_US) continue;
        end(proofs, waiting, NULL, 0);
    }
}

void proofs_drop_all(struct proofs *proofs)
{
    for (uint32_t i = 0; i < PROOFS_MAX; i++) {
        if (proofs->list[i].is_used) end(proofs, &proofs->list[i], NULL, 0);
    }
}
