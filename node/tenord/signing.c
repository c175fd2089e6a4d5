/* signing: one mapping, the library's context first. The mapping is fresh, hence zeroed. */
#include "tenord/signing.h"

#include "tenord/tenord.h"

bool signing_open(struct signing *signing, uint32_t tables)
{
    const size_t real_size = tn_align(tn_signatures_size());
    *signing = (struct signing){
        .size = real_size + (tables > 0 ? tn_signatures_learned_size(tables) : 0),
        .learns = tables > 0,
    };
    signing->memory = memory_take(signing->size);
    if (signing->memory == NULL) return false;
    tn_signatures_real(&signing->signatures, signing->memory);
    if (signing->learns) {
        const struct tn_signatures real = signing->signatures;
        tn_signatures_learn(&signing->signatures, &real, (uint8_t *)signing->memory + real_size,
                            tables);
    }
    return true;
}

void signing_close(struct signing *signing)
{
    if (signing->memory != NULL) memory_give(signing->memory, signing->size);
    *signing = (struct signing){.memory = NULL};
}

bool signing_counts(struct tn_signatures_counts *counts, const struct signing *signing)
{
    if (!signing->learns) return false;
    tn_signatures_learned_counts(counts, &signing->signatures);
    return true;
}
