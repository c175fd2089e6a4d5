/* signature: secp256k1 ECDSA, as the base layer knows it: keys, signatures, addresses.
 *
 * Signing is RFC 6979, so one key and one digest give one signature, always the one with the low S;
 * one with a high S is refused, so nobody can spell a signature in a second way. A signature is
 * over a digest, never over a message: what is signed is a hash of a tag and a fixed layout.
 *
 * Whoever signs or verifies does it through struct tn_signatures: functions and what they work on.
 * A simulator may give others that cost less. All of them may be called by several threads at once.
 * Nothing here allocates, and a signature or a key may hold any bytes: false is the answer to bad
 * ones. Cost on a machine of today: sign 30 us, verify 45 us (40 us with a parsed key), recover and
 * public key likewise. */
#ifndef TENOR_SIGNATURE_H
#define TENOR_SIGNATURE_H

#include "tenor/base.h"
#include "tenor/crypto.h"

#define TN_SECRET_KEY_SIZE  32
#define TN_PUBLIC_KEY_SIZE  33
#define TN_SIGNATURE_SIZE   64
#define TN_RECOVERABLE_SIZE 65
#define TN_ADDRESS_SIZE     20

struct tn_secret_key {
    uint8_t bytes[TN_SECRET_KEY_SIZE]; /* big-endian, 1 .. order - 1 */
};
/* Compressed: 2 or 3, then x. The only form of a key in what is hashed, signed or sent. */
struct tn_public_key {
    uint8_t bytes[TN_PUBLIC_KEY_SIZE];
};
/* The same key with its y worked out: of this process only, never hashed, compared, kept or sent.
 */
struct tn_parsed_key {
    uint8_t bytes[64];
};
struct tn_signature {
    uint8_t bytes[TN_SIGNATURE_SIZE]; /* r ‖ s */
};
/* r ‖ s ‖ v with v 27 or 28: the signer's address can be worked out from it. */
struct tn_recoverable {
    uint8_t bytes[TN_RECOVERABLE_SIZE];
};
/* The last 20 bytes of keccak256 of x ‖ y: an account of the base layer. */
struct tn_address {
    uint8_t bytes[TN_ADDRESS_SIZE];
};

/* What one of several checks is of; whoever asks owns all of it. */
struct tn_signature_check {
    const struct tn_hash *digest;
    const struct tn_signature *signature;
    const struct tn_parsed_key *key;
};

struct tn_signatures {
    void *context;
    /* False for a secret key of zero, or of the order of the curve or more. */
    bool (*sign)(void *context, struct tn_signature *signature, const struct tn_hash *digest,
                 const struct tn_secret_key *key);
    bool (*sign_recoverable)(void *context, struct tn_recoverable *signature,
                             const struct tn_hash *digest, const struct tn_secret_key *key);
    bool (*public_key)(void *context, struct tn_public_key *public_key,
                       const struct tn_secret_key *key);
    bool (*verify)(void *context, const struct tn_hash *digest,
                   const struct tn_signature *signature, const struct tn_public_key *key);
    /* For a key that verifies often: parse it once. False when it is no point of the curve. */
    bool (*parse)(void *context, struct tn_parsed_key *parsed, const struct tn_public_key *key);
    /* The key must have come from parse (asserted by what is underneath). */
    bool (*verify_parsed)(void *context, const struct tn_hash *digest,
                          const struct tn_signature *signature, const struct tn_parsed_key *key);
    /* good[i] is what verify_parsed says of checks[i]: none is judged by its neighbours. Those of
     * keys with tables cost less together (below), the others as much as one by one. */
    void (*verify_many)(void *context, bool *good, const struct tn_signature_check *checks,
                        uint32_t count);
    /* Whose signature is it? Of another digest it is somebody else's, so the address must be
     * compared with one that is known. */
    bool (*recover)(void *context, struct tn_address *address, const struct tn_hash *digest,
                    const struct tn_recoverable *signature);
    bool (*address)(void *context, struct tn_address *address, const struct tn_public_key *key);
};

/* tn_signatures_real are those of libsecp256k1, in caller-owned memory of tn_signatures_size bytes,
 * aligned to 16, which must outlive them. Takes about 30 us. */
size_t tn_signatures_size(void);
void tn_signatures_real(struct tn_signatures *signatures, void *memory);

/* Blinds signing against whoever can measure it, by 32 random bytes; signatures stay the same. For
 * real ones only, before any thread uses them. */
void tn_signatures_blind(struct tn_signatures *signatures, const uint8_t seed[32]);

/* Signatures that learn: a key that signs often gets a table of its multiples, with which a check
 * takes well under half of the time, and of several at once each a quarter less again. The answers
 * are those of `real`: whatever a table denies is asked of `real`, which decides, and so is each
 * 64th, about, that a table confirms; if that one is denied the program ends (tn_panic), as its
 * arithmetic is then not to be trusted.
 *
 * A key gets its table, of 74 KB, at its fourth good signature: that call takes 200 us longer.
 * There are `places` tables, at least 1. One that was not used during the last 16 × places checks
 * gives way to another key's; while all that a key could have are in use it stays with `real`. So
 * tables that are made cost at most a sixth, whoever signs.
 *
 * `real` are those of tn_signatures_real, and are copied; all but verify, verify_parsed and
 * verify_many is passed on to them. The memory is the caller's, of tn_signatures_learned_size
 * bytes, aligned to 64 and zeroed; it must outlive `learned`. What no table has used yet is not
 * touched, beyond 2.5 MB. Takes about 6 ms. Several threads may then check at once: none ever waits
 * for another. */
size_t tn_signatures_learned_size(uint32_t places);
void tn_signatures_learn(struct tn_signatures *learned, const struct tn_signatures *real,
                         void *memory, uint32_t places);

/* What became of all checks so far. */
struct tn_signatures_counts {
    uint64_t by_table;
    uint64_t by_library;
    uint64_t audited;     /* of by_table: confirmed, and asked of the library too */
    uint64_t differences; /* of by_table: denied, but the library said yes: an error of ours */
    uint64_t made;        /* tables */
};
void tn_signatures_learned_counts(struct tn_signatures_counts *counts,
                                  const struct tn_signatures *learned);

static inline bool tn_public_key_equal(const struct tn_public_key *a, const struct tn_public_key *b)
{
    return __builtin_memcmp(a->bytes, b->bytes, TN_PUBLIC_KEY_SIZE) == 0;
}

static inline bool tn_address_equal(const struct tn_address *a, const struct tn_address *b)
{
    return __builtin_memcmp(a->bytes, b->bytes, TN_ADDRESS_SIZE) == 0;
}

#endif
