/* signatures: a keyed hash in the place of secp256k1, so that a simulator checks a thousand votes
 * in the time of one.
 *
 * A secret key is 24 bytes of a hash with a tag; the public key is the secret itself behind a 2,
 * and a signature a mix of both words of the key and the digest. So whoever has a public key could
 * sign: attackers of the simulator are written not to, they sign with the keys they were given.
 * What the scheme keeps is what matters to a protocol: one key and one digest give one signature,
 * and any other bytes are refused. */
#include "sim/signatures.h"

#include <string.h>

#define ADDRESS_TAG UINT64_C(0x61646472657373)

static uint64_t mix(uint64_t value, uint64_t word)
{
    value = (value ^ word) * UINT64_C(0x9FB21C651E98DF25);
    value = (value ^ (value >> 29)) * UINT64_C(0xD6E8FEB86659FD93);
    return value ^ (value >> 32);
}

static void make(uint8_t out[TN_SIGNATURE_SIZE], const struct tn_hash *digest,
                 const uint8_t key[TN_SECRET_KEY_SIZE])
{
    uint64_t words[TN_HASH_SIZE / 8], value = ADDRESS_TAG;
    memcpy(words, key, sizeof words);
    for (uint32_t i = 0; i < 4; i++)
        value = mix(value, words[i]);
    memcpy(words, digest->bytes, sizeof words);
    for (uint32_t i = 0; i < 4; i++)
        value = mix(value, words[i]);
    for (uint32_t i = 0; i < TN_SIGNATURE_SIZE / 8; i++) {
        value = mix(value, i + 1);
        memcpy(out + 8 * i, &value, 8);
    }
}

static bool sign(void *context, struct tn_signature *signature, const struct tn_hash *digest,
                 const struct tn_secret_key *key)
{
    (void)context;
    make(signature->bytes, digest, key->bytes);
    return true;
}

static bool public_key(void *context, struct tn_public_key *public_key,
                       const struct tn_secret_key *key)
{
    (void)context;
    public_key->bytes[0] = 2;
    memcpy(public_key->bytes + 1, key->bytes, TN_SECRET_KEY_SIZE);
    return true;
}

static bool verify(void *context, const struct tn_hash *digest,
                   const struct tn_signature *signature, const struct tn_public_key *key)
{
    (void)context;
    uint8_t expected[TN_SIGNATURE_SIZE];
    make(expected, digest, key->bytes + 1);
    return memcmp(expected, signature->bytes, sizeof expected) == 0;
}

static bool parse(void *context, struct tn_parsed_key *parsed, const struct tn_public_key *key)
{
    (void)context;
    memset(parsed, 0, sizeof *parsed);
    memcpy(parsed->bytes, key->bytes + 1, TN_SECRET_KEY_SIZE);
    return key->bytes[0] == 2;
}

static bool verify_parsed(void *context, const struct tn_hash *digest,
                          const struct tn_signature *signature, const struct tn_parsed_key *key)
{
    (void)context;
    uint8_t expected[TN_SIGNATURE_SIZE];
    make(expected, digest, key->bytes);
    return memcmp(expected, signature->bytes, sizeof expected) == 0;
}

static void verify_many(void *context, bool *good, const struct tn_signature_check *checks,
                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        good[i] = verify_parsed(context, checks[i].digest, checks[i].signature, checks[i].key);
}

static bool address(void *context, struct tn_address *address, const struct tn_public_key *key)
{
    (void)context;
    memcpy(address->bytes, key->bytes + 1, TN_ADDRESS_SIZE);
    return true;
}

/* The address stands in the signature, behind a check of address and digest: 20 + 8 bytes. */
static uint64_t recoverable_check(const struct tn_hash *digest, const uint8_t *owner)
{
    uint64_t words[4], value = ADDRESS_TAG;
    memcpy(words, digest->bytes, sizeof words);
    for (uint32_t i = 0; i < 4; i++)
        value = mix(value, words[i]);
    memcpy(words, owner, 16);
    value = mix(mix(value, words[0]), words[1]);
    memcpy(words, owner + 12, 8);
    return mix(value, words[0]);
}

static bool sign_recoverable(void *context, struct tn_recoverable *signature,
                             const struct tn_hash *digest, const struct tn_secret_key *key)
{
    (void)context;
    memset(signature->bytes, 0, sizeof signature->bytes);
    memcpy(signature->bytes, key->bytes, TN_ADDRESS_SIZE);
    uint64_t check = recoverable_check(digest, key->bytes);
    memcpy(signature->bytes + TN_ADDRESS_SIZE, &check, sizeof check);
    signature->bytes[TN_RECOVERABLE_SIZE - 1] = 27;
    return true;
}

static bool recover(void *context, struct tn_address *owner, const struct tn_hash *digest,
                    const struct tn_recoverable *signature)
{
    (void)context;
    uint64_t check;
    memcpy(owner->bytes, signature->bytes, TN_ADDRESS_SIZE);
    memcpy(&check, signature->bytes + TN_ADDRESS_SIZE, sizeof check);
    return check == recoverable_check(digest, owner->bytes);
}

void sim_signatures(struct tn_signatures *signatures)
{
    *signatures = (struct tn_signatures){.sign = sign,
                                         .sign_recoverable = sign_recoverable,
                                         .public_key = public_key,
                                         .verify = verify,
                                         .parse = parse,
                                         .verify_parsed = verify_parsed,
                                         .verify_many = verify_many,
                                         .recover = recover,
                                         .address = address};
}

void sim_secret_key(struct tn_secret_key *key, uint64_t seed, uint32_t identity)
{
    uint64_t state = seed ^ (UINT64_C(0x6B6579) << 32) ^ identity;
    for (uint32_t i = 0; i < TN_SECRET_KEY_SIZE / 8; i++) {
        uint64_t word = tn_random_next(&state);
        memcpy(key->bytes + 8 * i, &word, 8);
    }
}
