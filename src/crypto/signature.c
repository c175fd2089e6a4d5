/* signature: the functions of signature.h over libsecp256k1.
 *
 * The only file that knows the library (.ci/check-layers and .ci/check-purity name it): its context
 * lies in the caller's memory, so nothing allocates, and its complaints about a misuse of ours end
 * in tn_panic. The library signs with RFC 6979 and a low S by itself and refuses a high S when it
 * verifies, but not when it recovers a key: there it is refused here. The context is only read
 * after it was made, so threads may share it. */
#include "tenor/signature.h"

#include "crypto/internal.h"

#include <secp256k1.h>
#include <secp256k1_preallocated.h>
#include <secp256k1_recovery.h>
#include <string.h>

enum {
    UNCOMPRESSED_SIZE = 65, /* 4, x, y */
    RECOVERY_BASE = 27,     /* what the base layer adds to the parity of R's y */
};

_Static_assert(sizeof(struct tn_parsed_key) == sizeof(secp256k1_pubkey), "kept as it is");

static void stop(const char *what, void *data)
{
    (void)data;
    tn_panic("libsecp256k1", 0, what);
}

static bool sign(void *context, struct tn_signature *signature, const struct tn_hash *digest,
                 const struct tn_secret_key *key)
{
    secp256k1_ecdsa_signature made;
    if (secp256k1_ecdsa_sign(context, &made, digest->bytes, key->bytes, NULL, NULL) != 1) {
        return false;
    }
    secp256k1_ecdsa_signature_serialize_compact(context, signature->bytes, &made);
    return true;
}

static bool sign_recoverable(void *context, struct tn_recoverable *signature,
                             const struct tn_hash *digest, const struct tn_secret_key *key)
{
    secp256k1_ecdsa_recoverable_signature made;
    int id;
    if (secp256k1_ecdsa_sign_recoverable(context, &made, digest->bytes, key->bytes, NULL, NULL) !=
        1) {
        return false;
    }
    secp256k1_ecdsa_recoverable_signature_serialize_compact(context, signature->bytes, &id, &made);
    TN_ASSERT(id == 0 || id == 1); /* 2 and 3: once in 2^127 signatures */
    signature->bytes[TN_SIGNATURE_SIZE] = (uint8_t)(RECOVERY_BASE + id);
    return true;
}

static void compress(const secp256k1_context *context, struct tn_public_key *key,
                     const secp256k1_pubkey *point)
{
    size_t size = sizeof(key->bytes);
    secp256k1_ec_pubkey_serialize(context, key->bytes, &size, point, SECP256K1_EC_COMPRESSED);
    TN_ASSERT(size == sizeof(key->bytes));
}

static void address_of(const secp256k1_context *context, struct tn_address *address,
                       const secp256k1_pubkey *point)
{
    uint8_t bytes[UNCOMPRESSED_SIZE];
    size_t size = sizeof(bytes);
    struct tn_hash hash;
    secp256k1_ec_pubkey_serialize(context, bytes, &size, point, SECP256K1_EC_UNCOMPRESSED);
    TN_ASSERT(size == sizeof(bytes));
    tn_keccak256(&hash, bytes + 1, sizeof(bytes) - 1);
    memcpy(address->bytes, hash.bytes + TN_HASH_SIZE - TN_ADDRESS_SIZE, TN_ADDRESS_SIZE);
}

static bool public_key(void *context, struct tn_public_key *made, const struct tn_secret_key *key)
{
    secp256k1_pubkey point;
    if (secp256k1_ec_pubkey_create(context, &point, key->bytes) != 1) return false;
    compress(context, made, &point);
    return true;
}

static bool parse(void *context, struct tn_parsed_key *parsed, const struct tn_public_key *key)
{
    secp256k1_pubkey point;
    if (secp256k1_ec_pubkey_parse(context, &point, key->bytes, sizeof(key->bytes)) != 1) {
        return false;
    }
    memcpy(parsed->bytes, point.data, sizeof(parsed->bytes));
    return true;
}

static bool verify_parsed(void *context, const struct tn_hash *digest,
                          const struct tn_signature *signature, const struct tn_parsed_key *key)
{
    secp256k1_ecdsa_signature read;
    secp256k1_pubkey point;
    if (secp256k1_ecdsa_signature_parse_compact(context, &read, signature->bytes) != 1) {
        return false;
    }
    memcpy(point.data, key->bytes, sizeof(point.data));
    return secp256k1_ecdsa_verify(context, &read, digest->bytes, &point) == 1;
}

static bool verify(void *context, const struct tn_hash *digest,
                   const struct tn_signature *signature, const struct tn_public_key *key)
{
    struct tn_parsed_key parsed;
    return parse(context, &parsed, key) && verify_parsed(context, digest, signature, &parsed);
}

static void verify_many(void *context, bool *good, const struct tn_signature_check *checks,
                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        good[i] = verify_parsed(context, checks[i].digest, checks[i].signature, checks[i].key);
}

static bool recover(void *context, struct tn_address *address, const struct tn_hash *digest,
                    const struct tn_recoverable *signature)
{
    secp256k1_ecdsa_recoverable_signature read;
    secp256k1_ecdsa_signature plain;
    secp256k1_pubkey point;
    int id = signature->bytes[TN_SIGNATURE_SIZE] - RECOVERY_BASE;
    if (id != 0 && id != 1) return false;
    if (secp256k1_ecdsa_recoverable_signature_parse_compact(context, &read, signature->bytes, id) !=
        1) {
        return false;
    }
    secp256k1_ecdsa_recoverable_signature_convert(context, &plain, &read);
    bool is_high = secp256k1_ecdsa_signature_normalize(context, NULL, &plain) == 1;
    if (is_high) return false;
    if (secp256k1_ecdsa_recover(context, &point, &read, digest->bytes) != 1) return false;
    address_of(context, address, &point);
    return true;
}

static bool address(void *context, struct tn_address *made, const struct tn_public_key *key)
{
    secp256k1_pubkey point;
    if (secp256k1_ec_pubkey_parse(context, &point, key->bytes, sizeof(key->bytes)) != 1) {
        return false;
    }
    address_of(context, made, &point);
    return true;
}

void tn_signatures_coordinates(const struct tn_signatures *real, uint8_t coordinates[64],
                               const struct tn_parsed_key *key)
{
    secp256k1_pubkey point;
    uint8_t bytes[UNCOMPRESSED_SIZE];
    size_t size = sizeof(bytes);
    TN_ASSERT(real->sign == sign);
    memcpy(point.data, key->bytes, sizeof(point.data));
    secp256k1_ec_pubkey_serialize(real->context, bytes, &size, &point, SECP256K1_EC_UNCOMPRESSED);
    TN_ASSERT(size == sizeof(bytes));
    memcpy(coordinates, bytes + 1, 64);
}

size_t tn_signatures_size(void)
{
    return secp256k1_context_preallocated_size(SECP256K1_CONTEXT_NONE);
}

void tn_signatures_real(struct tn_signatures *signatures, void *memory)
{
    TN_ASSERT(memory != NULL && (uintptr_t)memory % 16 == 0);
    secp256k1_context *context =
        secp256k1_context_preallocated_create(memory, SECP256K1_CONTEXT_NONE);
    TN_ASSERT(context != NULL);
    secp256k1_context_set_illegal_callback(context, stop, NULL);
    secp256k1_context_set_error_callback(context, stop, NULL);
    *signatures = (struct tn_signatures){
        .context = context,
        .sign = sign,
        .sign_recoverable = sign_recoverable,
        .public_key = public_key,
        .verify = verify,
        .parse = parse,
        .verify_parsed = verify_parsed,
        .verify_many = verify_many,
        .recover = recover,
        .address = address,
    };
}

void tn_signatures_blind(struct tn_signatures *signatures, const uint8_t seed[32])
{
    TN_ASSERT(signatures->sign == sign);
    int blinded = secp256k1_context_randomize(signatures->context, seed);
    TN_ASSERT(blinded == 1);
}
