/* crypto/places: which keys have a table, for several threads at once.
 *
 * A place has room for one key's table. A key may be in any of a few places beside each other that
 * its hash names. Whoever uses a table holds its place meanwhile; whoever fills a place has it
 * alone. Nobody waits: a place that is being filled is no place, and one that is held is not given
 * away. */
#ifndef TENOR_CRYPTO_PLACES_H
#define TENOR_CRYPTO_PLACES_H

#include "crypto/multiples.h"
#include "tenor/signature.h"

struct tn_places {
    uint32_t count;
    uint64_t *tags;       /* one a place: a hash of its key, or 0; only a hint */
    uint64_t *candidates; /* keys without a table: bits of the hash, and how often they were seen */
    struct tn_place *places;
    struct tn_curve_affine *tables;
};

size_t tn_places_size(uint32_t count);
void tn_places_init(struct tn_places *places, void *memory, uint32_t count);

/* The place of a key that has a table, held until it is released; TN_NONE when it has none. `now`
 * counts checks. */
uint32_t tn_places_hold(struct tn_places *places, const struct tn_public_key *key, uint64_t now);
void tn_places_release(struct tn_places *places, uint32_t place);
const struct tn_curve_affine *tn_places_table(const struct tn_places *places, uint32_t place);

/* A key without a table has made a good signature. True for one caller each time that this makes
 * it worth one. */
bool tn_places_is_due(struct tn_places *places, const struct tn_public_key *key);

/* Makes the key's table in a place that is empty or was not used of late. False when there is
 * none. */
bool tn_places_fill(struct tn_places *places, const struct tn_public_key *key,
                    const struct tn_curve_affine *point, uint64_t now);

#endif
