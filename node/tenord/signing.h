/* signing: signatures in memory of their own, that learn keys if they are to. */
#ifndef NODE_TENORD_SIGNING_H
#define NODE_TENORD_SIGNING_H

#include "tenor/signature.h"

struct signing {
    struct tn_signatures signatures;
    void *memory;
    size_t size;
    bool learns;
};

/* With so many tables of keys (tn_signatures_learn), 0 for none: the library alone. Tables that no
 * key has yet take no memory. False after a complaint. */
bool signing_open(struct signing *signing, uint32_t tables);
void signing_close(struct signing *signing);

/* False when there are no tables. */
bool signing_counts(struct tn_signatures_counts *counts, const struct signing *signing);

#endif
