/* The bytes of the handshake.
 *
 * Both ends build the whole transcript from what they know themselves (their own pins, their own
 * nonce) and what came; a signature over its hash then says that the other end saw the same. The
 * role is part of it, so that neither proof can be sent back as the other. */
#include "link/hello.h"

#include <string.h>

static const char tag[5] = {'T', 'N', 'L', 'K', '1'};

static uint8_t *put(uint8_t *out, const void *bytes, size_t size)
{
    memcpy(out, bytes, size);
    return out + size;
}

static const uint8_t *get(void *out, const uint8_t *bytes, size_t size)
{
    memcpy(out, bytes, size);
    return bytes + size;
}

void hello_write(uint8_t bytes[HELLO_BYTES], const struct hello *hello)
{
    uint8_t *at = bytes;
    *at++ = LINK_KIND_HELLO;
    at = put(at, tag, sizeof tag);
    at = put(at, hello->chain_id.bytes, TN_HASH_SIZE);
    *at++ = (uint8_t)hello->class;
    tn_put_be(at, hello->dialler_epoch, 8);
    at = put(at + 8, hello->dialler_key.bytes, TN_PUBLIC_KEY_SIZE);
    at = put(at, hello->listener_key.bytes, TN_PUBLIC_KEY_SIZE);
    at = put(at, hello->dialler_certificate.bytes, TN_HASH_SIZE);
    at = put(at, hello->dialler_nonce, HELLO_NONCE_BYTES);
    TN_ASSERT(at == bytes + HELLO_BYTES);
}

bool hello_read(struct hello *hello, const uint8_t *bytes, size_t size)
{
    if (size != HELLO_BYTES || bytes[0] != LINK_KIND_HELLO) return false;
    const uint8_t *at = bytes + 1;
    if (memcmp(at, tag, sizeof tag) != 0) return false;
    at = get(hello->chain_id.bytes, at + sizeof tag, TN_HASH_SIZE);
    if (*at >= LINK_CLASSES) return false;
    hello->class = (enum link_class) * at++;
    hello->dialler_epoch = tn_get_be(at, 8);
    at = get(hello->dialler_key.bytes, at + 8, TN_PUBLIC_KEY_SIZE);
    at = get(hello->listener_key.bytes, at, TN_PUBLIC_KEY_SIZE);
    at = get(hello->dialler_certificate.bytes, at, TN_HASH_SIZE);
    at = get(hello->dialler_nonce, at, HELLO_NONCE_BYTES);
    TN_ASSERT(at == bytes + HELLO_BYTES);
    return true;
}

void hello_write_reply(uint8_t bytes[HELLO_REPLY_BYTES], const struct hello *hello)
{
    bytes[0] = LINK_KIND_REPLY;
    tn_put_be(bytes + 1, hello->listener_epoch, 8);
    put(bytes + 9, hello->listener_nonce, HELLO_NONCE_BYTES);
}

bool hello_read_reply(struct hello *hello, const uint8_t *bytes, size_t size)
{
    if (size != HELLO_REPLY_BYTES || bytes[0] != LINK_KIND_REPLY) return false;
    hello->listener_epoch = tn_get_be(bytes + 1, 8);
    get(hello->listener_nonce, bytes + 9, HELLO_NONCE_BYTES);
    return true;
}

void hello_write_proof(uint8_t bytes[HELLO_PROOF_BYTES], const struct tn_signature *signature)
{
    bytes[0] = LINK_KIND_PROOF;
    put(bytes + 1, signature->bytes, TN_SIGNATURE_SIZE);
}

bool hello_read_proof(struct tn_signature *signature, const uint8_t *bytes, size_t size)
{
    if (size != HELLO_PROOF_BYTES || bytes[0] != LINK_KIND_PROOF) return false;
    get(signature->bytes, bytes + 1, TN_SIGNATURE_SIZE);
    return true;
}

void hello_digest(struct tn_hash *digest, const struct hello *hello, enum hello_role role)
{
    uint8_t bytes[6 + 1 + 32 + 1 + 2 * 33 + 2 * 32 + 2 * 8 + 2 * HELLO_NONCE_BYTES];
    uint8_t *at = put(bytes, "TNLK1P", 6);
    *at++ = (uint8_t)role;
    at = put(at, hello->chain_id.bytes, TN_HASH_SIZE);
    *at++ = (uint8_t)hello->class;
    at = put(at, hello->dialler_key.bytes, TN_PUBLIC_KEY_SIZE);
    at = put(at, hello->listener_key.bytes, TN_PUBLIC_KEY_SIZE);
    at = put(at, hello->dialler_certificate.bytes, TN_HASH_SIZE);
    at = put(at, hello->listener_certificate.bytes, TN_HASH_SIZE);
    tn_put_be(at, hello->dialler_epoch, 8);
    tn_put_be(at + 8, hello->listener_epoch, 8);
    at = put(at + 16, hello->dialler_nonce, HELLO_NONCE_BYTES);
    at = put(at, hello->listener_nonce, HELLO_NONCE_BYTES);
    TN_ASSERT(at == bytes + sizeof bytes);
    tn_keccak256(digest, bytes, sizeof bytes);
}
