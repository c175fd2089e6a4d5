/* sync_proofs: the proofs of a checkpoint's ranges, one behind the other:
 * kind u8 ‖ range u32 ‖ size u16 ‖ proof. */
#include "cluster/sync_proofs.h"

#include "cluster/sync_check.h"
#include "tenord/tenord.h"

#include <stdlib.h>
#include <string.h>

enum { KIND_STEP = 32, PROOF_HEAD = 7 };

struct pile {
    uint8_t *bytes;
    size_t size, room;
};

static bool add_proof(struct pile *pile, const struct tn_chain *chain, uint8_t kind, uint32_t range)
{
    const uint32_t bits = sync_range_bits(kind);
    const size_t most = PROOF_HEAD + SYNC_PROOF_MAX;
    if (pile->room - pile->size < most) {
        const size_t room = 2 * pile->room + most;
        uint8_t *grown = realloc(pile->bytes, room);
        if (grown == NULL) return false;
        pile->bytes = grown;
        pile->room = room;
    }
    uint8_t *at = pile->bytes + pile->size;
    const size_t size =
        tn_state_prove_leaves(tn_chain_state(chain, kind / KIND_STEP), at + PROOF_HEAD,
                              SYNC_PROOF_MAX, &tn_chain_heads(chain)->state,
                              (enum tn_record_kind)(kind % KIND_STEP), range << bits, bits);
    TN_ASSERT(size > 0);
    at[0] = kind;
    tn_put_be(at + 1, range, 4);
    tn_put_be(at + 5, size, 2);
    pile->size += PROOF_HEAD + size;
    return true;
}

uint8_t *sync_proofs_make(size_t *size, const struct tn_chain *chain)
{
    struct pile pile = {.bytes = malloc(1)};
    bool is_good = pile.bytes != NULL;
    for (uint32_t kind = 1; kind < TN_CHAIN_KINDS && is_good; kind++) {
        if (!sync_is_proved(tn_chain_limits(chain), (uint8_t)kind)) continue;
        const uint32_t count = tn_chain_records_count(chain, (uint8_t)kind);
        const uint32_t ranges = count == 0 ? 0 : sync_range_of((uint8_t)kind, count - 1) + 1;
        for (uint32_t range = 0; range < ranges && is_good; range++)
            is_good = add_proof(&pile, chain, (uint8_t)kind, range);
    }
    *size = pile.size;
    if (is_good) return pile.bytes;
    complain("out of memory for the proofs of a checkpoint");
    free(pile.bytes);
    return NULL;
}

bool sync_proofs_find(const uint8_t **proof, size_t *proof_size, const uint8_t *proofs, size_t size,
                      uint8_t kind, uint32_t range)
{
    for (size_t at = 0; size - at > PROOF_HEAD;) {
        const size_t own = (size_t)tn_get_be(proofs + at + 5, 2);
        if (own > size - at - PROOF_HEAD) return false;
        if (proofs[at] == kind && (uint32_t)tn_get_be(proofs + at + 1, 4) == range) {
            *proof = proofs + at + PROOF_HEAD;
            *proof_size = own;
            return true;
        }
        at += PROOF_HEAD + own;
    }
    return false;
}
