#include "signature_bits.h"

#include "crypto/ecdsa.h"
#include "tenor/crypto.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEYS = 4, SIGNATURES = 16, TURNED = 6, WORD = 8 };

struct made {
    struct tn_hash digest;
    struct tn_signature signature;
};

struct tables {
    struct tn_curve_affine *generator;
    struct tn_curve_affine *key;
};

static struct tn_curve_affine *take_table(uint32_t bits)
{
    void *table = aligned_alloc(64, tn_multiples_count(bits) * sizeof(struct tn_curve_affine));
    TN_ASSERT(table != NULL);
    return table;
}

static struct tn_scalar random_scalar(uint64_t *random)
{
    struct tn_scalar scalar;
    uint8_t bytes[32];
    do {
        for (uint32_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)tn_random_below(random, 256);
    } while (!tn_scalar_from_bytes(&scalar, bytes) || tn_scalar_is_zero(&scalar));
    return scalar;
}

static void put_words(uint8_t bytes[32], const uint64_t words[4])
{
    for (uint32_t i = 0; i < 32; i++)
        bytes[i] = (uint8_t)(words[3 - i / WORD] >> (56 - 8 * (i % WORD)));
}

/* 1 / a = a^(p - 2), bit by bit: p - 2 is all ones but for bits 32, 9, 8, 7, 6, 4 and 1. */
static void invert(struct tn_field *inverse, const struct tn_field *a)
{
    struct tn_field power = *a;
    for (int bit = 254; bit >= 0; bit--) {
        bool is_one = bit != 32 && bit != 1 && bit != 4 && (bit < 6 || bit > 9);
        tn_field_square(&power, &power);
        if (is_one) tn_field_multiply(&power, &power, a);
    }
    *inverse = power;
}

static void to_affine(struct tn_curve_affine *affine, const struct tn_curve_point *point)
{
    struct tn_field z, zz;
    TN_ASSERT(!point->is_infinity);
    invert(&z, &point->z);
    tn_field_square(&zz, &z);
    tn_field_multiply(&affine->x, &point->x, &zz);
    tn_field_multiply(&affine->y, &point->y, &zz);
    tn_field_multiply(&affine->y, &affine->y, &z);
    tn_field_reduce(&affine->x);
    tn_field_reduce(&affine->y);
    TN_ASSERT(tn_curve_holds(affine));
}

/* sum += scalar times the table's point. */
static void add_times(struct tn_curve_point *sum, const struct tn_curve_affine *table,
                      uint32_t bits, const struct tn_scalar *scalar)
{
    struct tn_scalar_half halves[2];
    struct tn_curve_affine affine;
    tn_scalar_split(halves, scalar);
    for (uint32_t i = 0; i < 2; i++) {
        struct tn_curve_point part = {.is_infinity = true};
        struct tn_multiples_digits digits;
        tn_multiples_prepare(&digits, table, bits, &halves[i]);
        tn_multiples_add(&part, table, bits, &digits);
        if (part.is_infinity) continue;
        if (i == 1) tn_curve_times_lambda(&part);
        to_affine(&affine, &part);
        tn_curve_add(sum, &affine, false);
    }
}

static void make_key(struct tables *tables, uint64_t *random, struct tn_curve_affine *key)
{
    struct tn_scalar secret = random_scalar(random);
    struct tn_curve_point point = {.is_infinity = true};
    add_times(&point, tables->generator, TN_MULTIPLES_GENERATOR_BITS, &secret);
    to_affine(key, &point);
    tn_multiples_make(tables->key, TN_MULTIPLES_KEY_BITS, key);
}

/* Without a secret: of R = a G + b Q the x is r, and s = r / b makes (r, s) a signature of a s. */
static void make_signature(const struct tables *tables, uint64_t *random, struct made *made)
{
    struct tn_scalar a, b, r, s, z;
    do {
        struct tn_curve_point sum = {.is_infinity = true};
        struct tn_curve_affine affine;
        a = random_scalar(random);
        b = random_scalar(random);
        add_times(&sum, tables->generator, TN_MULTIPLES_GENERATOR_BITS, &a);
        add_times(&sum, tables->key, TN_MULTIPLES_KEY_BITS, &b);
        to_affine(&affine, &sum);
        put_words(made->signature.bytes, affine.x.words);
        tn_scalar_from_digest(&r, made->signature.bytes);
        tn_scalar_invert(&s, &b);
        tn_scalar_multiply(&s, &r, &s);
    } while (tn_scalar_is_high(&s));
    tn_scalar_multiply(&z, &a, &s);
    put_words(made->digest.bytes, z.words);
    put_words(made->signature.bytes, r.words);
    put_words(made->signature.bytes + 32, s.words);
}

static void turn_a_bit(struct made *made, uint64_t *random)
{
    uint64_t bit = tn_random_below(random, sizeof *made * 8);
    uint8_t *byte = (uint8_t *)made + bit / 8;
    *byte ^= (uint8_t)(1U << bit % 8);
}

static bool is_good(const struct tables *tables, const struct made *made)
{
    return tn_ecdsa_check(tables->generator, tables->key, &made->digest, &made->signature);
}

static void run_key(struct tables *tables, uint64_t *random, uint32_t number)
{
    struct tn_curve_affine key;
    struct made made[SIGNATURES];
    struct tn_hash hash;
    uint32_t refused = 0;
    make_key(tables, random, &key);
    for (uint32_t i = 0; i < SIGNATURES; i++) {
        make_signature(tables, random, &made[i]);
        TN_ASSERT(is_good(tables, &made[i]));
        for (uint32_t t = 0; t < TURNED; t++) {
            struct made turned = made[i];
            turn_a_bit(&turned, random);
            if (!is_good(tables, &turned)) refused++;
        }
    }
    tn_keccak256(&hash, (const uint8_t *)made, sizeof made);
    printf("key %u refused %u signatures ", number, refused);
    for (uint32_t i = 0; i < TN_HASH_SIZE; i++)
        printf("%02x", hash.bytes[i]);
    printf("\n");
    TN_ASSERT(refused == SIGNATURES * TURNED);
}

void signature_bits_run(uint64_t seed)
{
    struct tables tables = {take_table(TN_MULTIPLES_GENERATOR_BITS),
                            take_table(TN_MULTIPLES_KEY_BITS)};
    uint64_t random = seed;
    tn_multiples_make(tables.generator, TN_MULTIPLES_GENERATOR_BITS, &tn_curve_generator);
    for (uint32_t i = 0; i < KEYS; i++)
        run_key(&tables, &random, i);
    free(tables.generator);
    free(tables.key);
}
