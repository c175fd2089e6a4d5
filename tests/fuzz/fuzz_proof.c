/* Any bytes as a proof. The first byte of the input picks a proof that holds, or none; the rest are
 * changes to it: a place, a byte, or a cut; with none picked the rest is the proof as it is. What
 * verifies must be true, and a fault always has its sentence. */
#include "state_gallery.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t bend(uint8_t *proof, size_t proof_size, const uint8_t *data, size_t size)
{
    for (; size >= 4; data += 4, size -= 4) {
        size_t at = (size_t)data[0] << 8 | data[1];
        if (proof_size == 0) return 0;
        at %= proof_size;
        if (data[2] < 8)
            proof_size = at; /* cut */
        else if (data[2] < 16 && proof_size < GALLERY_SIZE_MAX)
            proof[proof_size++] = data[3];
        else if (data[2] < 64)
            proof[at] = (uint8_t)(proof[at] + data[3]);
        else if (data[2] < 128)
            proof[at] = data[3];
        else
            proof[at] ^= (uint8_t)(1 << data[3] % 8);
    }
    return proof_size;
}

/* A changed proof that holds: one type's bytes can be another's, of which they prove a part. */
static bool is_part(const struct gallery *gallery, const struct tn_proof_claim *claim)
{
    const struct world_record *series = &gallery->world->records[TN_RECORD_SERIES][2];
    if (claim->type == TN_PROOF_RECORD)
        return claim->as.record.kind == TN_RECORD_SERIES && claim->as.record.index == 2 &&
               claim->as.record.body_size == series->size &&
               memcmp(claim->as.record.body, series->bytes, series->size) == 0;
    return claim->type == TN_PROOF_SOLVENCY &&
           memcmp(claim->as.exit.equity_root.bytes, gallery->exit_record + 12, TN_HASH_SIZE) == 0 &&
           claim->as.exit.vault_micros == GALLERY_VAULT;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct gallery *gallery;
    static struct tn_proof_fold run;
    static uint8_t proof[GALLERY_SIZE_MAX];
    if (gallery == NULL) {
        gallery = gallery_open(7, 13, 5);
        gallery_fold(gallery, &run);
    }
    if (size == 0) return 0;
    const uint32_t type = data[0] % (GALLERY_TYPES + 2);
    size_t proof_size = size - 1;
    if (type < GALLERY_TYPES) {
        memcpy(proof, gallery->proofs[type], gallery->sizes[type]);
        proof_size = bend(proof, gallery->sizes[type], data + 1, size - 1);
    } else {
        if (proof_size > sizeof proof) proof_size = sizeof proof;
        memcpy(proof, data + 1, proof_size);
        if (type == GALLERY_TYPES && proof_size >= 46) /* past the head */
            memcpy(proof, "TNPF1", 5);
    }
    const bool is_same = type < GALLERY_TYPES && proof_size == gallery->sizes[type] &&
                         memcmp(proof, gallery->proofs[type], proof_size) == 0;
    struct tn_proof_claim claim;
    struct tn_proof_leaves leaves;
    struct tn_proof_fault fault;
    bool holds = tn_proof_verify(&claim, &fault, proof, proof_size, &gallery->root);
    if (is_same)
        TN_ASSERT(holds == (type != TN_PROOF_LEAVES));
    else
        TN_ASSERT(!holds || is_part(gallery, &claim));
    TN_ASSERT(fault.what != NULL && (fault.step == TN_PROOF_STEP_NONE) == holds);
    TN_ASSERT(fault.at <= proof_size);
    holds = tn_proof_verify_leaves(&leaves, &fault, proof, proof_size, &gallery->root, &run);
    TN_ASSERT(holds == (is_same && type == TN_PROOF_LEAVES));
    TN_ASSERT(fault.what != NULL && (fault.step == TN_PROOF_STEP_NONE) == holds);
    return 0;
}
