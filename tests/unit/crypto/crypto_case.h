/* What the tests of crypto share: the paths of this machine, messages, hashes in hex. */
#ifndef CRYPTO_CASE_H
#define CRYPTO_CASE_H

#include "cpu_paths.h"
#include "seed.h"
#include "tenor/crypto.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEX_SIZE (2 * TN_HASH_SIZE + 1)

/* Memory of exactly so many bytes: what reads past it is seen by the address sanitizer. */
static inline uint8_t *exact_bytes(size_t size)
{
    uint8_t *bytes = malloc(size > 0 ? size : 1);
    assert_non_null(bytes);
    return bytes;
}

static inline void fill_random(uint8_t *bytes, size_t size, uint64_t *random)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)tn_random_next(random);
}

static inline void hash_to_hex(char hex[HEX_SIZE], const struct tn_hash *hash)
{
    for (uint32_t i = 0; i < TN_HASH_SIZE; i++)
        snprintf(hex + 2 * (size_t)i, 3, "%02x", hash->bytes[i]);
}

#endif
