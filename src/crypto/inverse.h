/* crypto/inverse: 1 / x modulo a prime, for public numbers (its time depends on x). */
#ifndef TENOR_CRYPTO_INVERSE_H
#define TENOR_CRYPTO_INVERSE_H

#include "tenor/base.h"

struct tn_modulus {
    uint64_t words[4]; /* an odd prime above 2^255, least significant word first */
    uint64_t inverse;  /* of words[0], modulo 2^62 */
};

extern const struct tn_modulus tn_modulus_field; /* p */
extern const struct tn_modulus tn_modulus_order; /* n */

/* x × inverse = 1 modulo the modulus, both below it; x is not zero (asserted). About 2 us. */
void tn_modulus_invert(const struct tn_modulus *modulus, uint64_t inverse[4], const uint64_t x[4]);

#endif
