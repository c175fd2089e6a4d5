/* signature_bits: the arithmetic behind tables of keys, for every build and machine to agree on.
 *
 * Keys and good signatures are made by the tables' own arithmetic, as libsecp256k1 is not there for
 * each machine; each must be found good, and bad with any bit of it or of its digest turned over.
 * Prints a line for each key with the digest of all its signatures. That the arithmetic is that of
 * secp256k1, test_crypto_curve holds against the library where there is one. */
#ifndef TENOR_TESTS_SIGNATURE_BITS_H
#define TENOR_TESTS_SIGNATURE_BITS_H

#include <stdint.h>

void signature_bits_run(uint64_t seed);

#endif
