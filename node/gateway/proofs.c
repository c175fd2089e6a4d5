/* proofs: a list of places, searched from end to end: it is short, and proofs are rare. */
#include "gateway/proofs.h"

const char *gateway_proofs_refusal(const struct gateway_proofs *proofs, uint32_t owner,
                                   bool is_guest)
{
    uint32_t own = 0;
    for (uint32_t i = 0; i < proofs->count; i++)
        own += proofs->list[i].owner == owner;
    if (own >= GATEWAY_PROOFS_EACH) {
        return "4 proofs of this connection wait for the next checkpoint: ask again when they have "
               "come";
    }
    if (is_guest && proofs->guests_count >= GATEWAY_PROOFS_GUESTS) {
        return "16 proofs of clients without a logon wait for the next checkpoint: ask again when "
               "it has come, log on, or ask another node";
    }
    if (proofs->count >= GATEWAY_PROOFS_MOST) {
        return "64 proofs wait for the next checkpoint: ask again when it has come, or ask another "
               "node";
    }
    return NULL;
}

void gateway_proofs_add(struct gateway_proofs *proofs, uint64_t tag, uint32_t owner, bool is_guest)
{
    TN_ASSERT(proofs->count < GATEWAY_PROOFS_MOST && owner != TN_NONE);
    proofs->list[proofs->count++] =
        (struct gateway_proof){.tag = tag, .owner = owner, .is_guest = is_guest};
    proofs->guests_count += is_guest;
}

bool gateway_proofs_end(struct gateway_proofs *proofs, uint64_t tag)
{
    for (uint32_t i = 0; i < proofs->count; i++) {
        if (proofs->list[i].tag != tag) continue;
        proofs->guests_count -= proofs->list[i].is_guest;
        proofs->list[i] = proofs->list[--proofs->count];
        return true;
    }
    return false;
}

void gateway_proofs_disown(struct gateway_proofs *proofs, uint32_t owner)
{
    for (uint32_t i = 0; i < proofs->count; i++)
        if (proofs->list[i].owner == owner) proofs->list[i].owner = TN_NONE;
}
