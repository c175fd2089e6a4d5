/* verified: signatures that this node has found good, so that none is checked twice.
 *
 * A frame's signature is asked for when the frame enters the desk's stream, when its batch is
 * executed, and at every node once: each is a verification of some 40 us. A table of the last ones,
 * placed by their digest, answers the second time. Only what was found good is remembered, and only
 * an equal digest, key and signature are answered for. */
#include "member/internal.h"

static struct tn_member_signed *slot_of(struct tn_member *member, const struct tn_hash *digest)
{
    return &member->verified[tn_get_be(digest->bytes, 4) % VERIFIED_SLOTS];
}

bool tn_member_was_verified(void *context, const struct tn_hash *digest,
                            const struct tn_public_key *key, const struct tn_signature *signature)
{
    const struct tn_member_signed *slot = slot_of(context, digest);
    return tn_hash_equal(&slot->digest, digest) && tn_public_key_equal(&slot->key, key) &&
           memcmp(slot->signature.bytes, signature->bytes, TN_SIGNATURE_SIZE) == 0;
}

void tn_member_found_good(void *context, const struct tn_hash *digest,
                          const struct tn_public_key *key, const struct tn_signature *signature)
{
    *slot_of(context, digest) =
        (struct tn_member_signed){.digest = *digest, .key = *key, .signature = *signature};
}

void tn_member_verified(struct tn_member *member, const struct tn_hash *digest,
                        const struct tn_public_key *key, const struct tn_signature *signature)
{
    tn_member_found_good(member, digest, key, signature);
}

static bool verify(void *context, const struct tn_hash *digest,
                   const struct tn_signature *signature, const struct tn_public_key *key)
{
    struct tn_member *member = context;
    const struct tn_signatures *real = member->config.signatures;
    if (tn_member_was_verified(member, digest, key, signature)) return true;
    if (!real->verify(real->context, digest, signature, key)) return false;
    tn_member_found_good(member, digest, key, signature);
    return true;
}

static bool sign(void *context, struct tn_signature *signature, const struct tn_hash *digest,
                 const struct tn_secret_key *key)
{
    const struct tn_signatures *real = ((struct tn_member *)context)->config.signatures;
    return real->sign(real->context, signature, digest, key);
}

static bool sign_recoverable(void *context, struct tn_recoverable *signature,
                             const struct tn_hash *digest, const struct tn_secret_key *key)
{
    const struct tn_signatures *real = ((struct tn_member *)context)->config.signatures;
    return real->sign_recoverable(real->context, signature, digest, key);
}

static bool public_key(void *context, struct tn_public_key *public_key,
                       const struct tn_secret_key *key)
{
    const struct tn_signatures *real = ((struct tn_member *)context)->config.signatures;
    return real->public_key(real->context, public_key, key);
}

static bool parse(void *context, struct tn_parsed_key *parsed, const struct tn_public_key *key)
{
    const struct tn_signatures *real = ((struct tn_member *)context)->config.signatures;
    return real->parse(real->context, parsed, key);
}

static bool verify_parsed(void *context, const struct tn_hash *digest,
                          const struct tn_signature *signature, const struct tn_parsed_key *key)
{
    const struct tn_signatures *real = ((struct tn_member *)context)->config.signatures;
    return real->verify_parsed(real->context, digest, signature, key);
}

static void verify_many(void *context, bool *good, const struct tn_signature_check *checks,
                        uint32_t count)
{
    const struct tn_signatures *real = ((struct tn_member *)context)->config.signatures;
    real->verify_many(real->context, good, checks, count);
}

static bool recover(void *context, struct tn_address *address, const struct tn_hash *digest,
                    const struct tn_recoverable *signature)
{
    const struct tn_signatures *real = ((struct tn_member *)context)->config.signatures;
    return real->recover(real->context, address, digest, signature);
}

static bool address(void *context, struct tn_address *address, const struct tn_public_key *key)
{
    const struct tn_signatures *real = ((struct tn_member *)context)->config.signatures;
    return real->address(real->context, address, key);
}

void tn_member_init_signatures(struct tn_member *member)
{
    member->signatures = (struct tn_signatures){.context = member,
                                                .sign = sign,
                                                .sign_recoverable = sign_recoverable,
                                                .public_key = public_key,
                                                .verify = verify,
                                                .parse = parse,
                                                .verify_parsed = verify_parsed,
                                                .verify_many = verify_many,
                                                .recover = recover,
                                                .address = address};
}
