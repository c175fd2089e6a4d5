/* Checks by tables against libsecp256k1: keys of a few kinds, and signatures that are arbitrary
 * bytes or good ones with some of their bytes changed. */
#include "crypto/ecdsa.h"
#include "crypto/internal.h"

#include <stdlib.h>

enum { KEYS = 8, HEAD_SIZE = 1 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct key {
    struct tn_secret_key secret;
    struct tn_parsed_key parsed;
    struct tn_curve_affine *table;
};

static struct {
    bool is_ready;
    struct tn_signatures real;
    struct tn_curve_affine *generator;
    struct key keys[KEYS];
} world;

static void *room(size_t size)
{
    void *memory = aligned_alloc(64, tn_align(size));
    TN_ASSERT(memory != NULL);
    return memory;
}

static struct tn_curve_affine *make_table(uint32_t bits, const struct tn_curve_affine *point)
{
    struct tn_curve_affine *table = room(tn_multiples_count(bits) * sizeof(*table));
    tn_multiples_make(table, bits, point);
    return table;
}

/* 1, 2, 3, lambda, the largest, and three of no kind. */
static void choose_secret(struct tn_secret_key *secret, uint32_t which)
{
    static const struct tn_secret_key lambda = {{0x53, 0x63, 0xad, 0x4c, 0xc0, 0x5c, 0x30, 0xe0,
                                                 0xa5, 0x26, 0x1c, 0x02, 0x88, 0x12, 0x64, 0x5a,
                                                 0x12, 0x2e, 0x22, 0xea, 0x20, 0x81, 0x66, 0x78,
                                                 0xdf, 0x02, 0x96, 0x7c, 0x1b, 0x23, 0xbd, 0x72}};
    static const struct tn_secret_key largest = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                                  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
                                                  0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b,
                                                  0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x40}};
    uint64_t random = which;
    *secret = (struct tn_secret_key){{0}};
    secret->bytes[31] = (uint8_t)(which + 1);
    if (which == 3) *secret = lambda;
    if (which == 4) *secret = largest;
    if (which < 5) return;
    for (uint32_t i = 1; i < TN_SECRET_KEY_SIZE; i++)
        secret->bytes[i] = (uint8_t)tn_random_next(&random);
}

static void make_world(void)
{
    tn_signatures_real(&world.real, room(tn_signatures_size()));
    world.generator = make_table(TN_MULTIPLES_GENERATOR_BITS, &tn_curve_generator);
    for (uint32_t i = 0; i < KEYS; i++) {
        struct key *key = &world.keys[i];
        struct tn_public_key public_key;
        struct tn_curve_affine point;
        uint8_t coordinates[64];
        choose_secret(&key->secret, i);
        TN_ASSERT(world.real.public_key(world.real.context, &public_key, &key->secret));
        TN_ASSERT(world.real.parse(world.real.context, &key->parsed, &public_key));
        tn_signatures_coordinates(&world.real, coordinates, &key->parsed);
        tn_field_from_bytes(&point.x, coordinates);
        tn_field_from_bytes(&point.y, coordinates + 32);
        key->table = make_table(TN_MULTIPLES_KEY_BITS, &point);
    }
    world.is_ready = true;
}

/* The same among others: of the same signature by every key. */
static void check_together(const struct key *key, bool is_good, const struct tn_hash *digest,
                           const struct tn_signature *signature)
{
    struct tn_ecdsa_question questions[KEYS];
    bool good[TN_ECDSA_TOGETHER];
    _Static_assert(KEYS <= TN_ECDSA_TOGETHER, "one group");
    for (uint32_t i = 0; i < KEYS; i++)
        questions[i] = (struct tn_ecdsa_question){world.keys[i].table, digest, signature};
    tn_ecdsa_check_many(good, world.generator, questions, KEYS);
    for (uint32_t i = 0; i < KEYS; i++) {
        const struct key *other = &world.keys[i];
        bool expected = other == key
                            ? is_good
                            : tn_ecdsa_check(world.generator, other->table, digest, signature);
        TN_ASSERT(good[i] == expected);
    }
}

/* The first byte names the key and, by its bit 7, whether the rest is what is checked (the digest,
 * then the signature, zeros where it ends) or a good signature of the digest with changes: pairs of
 * a place and what its byte is changed by. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!world.is_ready) make_world();
    if (size < HEAD_SIZE) return 0;
    const struct key *key = &world.keys[data[0] % KEYS];
    bool is_signed = data[0] & 0x80;
    uint8_t bytes[TN_HASH_SIZE + TN_SIGNATURE_SIZE] = {0};
    struct tn_hash digest;
    struct tn_signature signature;
    size_t copied = size - HEAD_SIZE < sizeof(bytes) ? size - HEAD_SIZE : sizeof(bytes);
    memcpy(bytes, data + HEAD_SIZE, copied);
    if (is_signed) {
        memcpy(digest.bytes, bytes, TN_HASH_SIZE);
        TN_ASSERT(world.real.sign(world.real.context, &signature, &digest, &key->secret));
        memcpy(bytes + TN_HASH_SIZE, signature.bytes, TN_SIGNATURE_SIZE);
        for (size_t i = HEAD_SIZE + TN_HASH_SIZE; i + 1 < size; i += 2)
            bytes[data[i] % sizeof(bytes)] ^= data[i + 1];
    }
    memcpy(digest.bytes, bytes, TN_HASH_SIZE);
    memcpy(signature.bytes, bytes + TN_HASH_SIZE, TN_SIGNATURE_SIZE);
    bool by_library =
        world.real.verify_parsed(world.real.context, &digest, &signature, &key->parsed);
    TN_ASSERT(tn_ecdsa_check(world.generator, key->table, &digest, &signature) == by_library);
    check_together(key, by_library, &digest, &signature);
    return 0;
}
