/* mbedtls: the two functions that records of TLS go through, taken over by name.
 *
 * mbedTLS has a way to replace a cipher, but only for who compiles it. Its shared library calls
 * these two by name, and a program's own functions come before a library's. The library's contexts
 * stay its own: of them only the key's words are read. All that it offers besides them (the same
 * cipher in pieces) is as it was, and is what the tests compare with.
 *
 * Where mbedTLS is linked in, or does not call by name, it goes on as it was. */
#include "cipher/chachapoly.h"

#include <mbedtls/chachapoly.h>
#include <mbedtls/cipher.h>
#include <mbedtls/version.h>
#include <stdatomic.h>
#include <string.h>

/* Later versions hide what their contexts hold. */
#if defined(CHACHAPOLY_FOR_TLS) && MBEDTLS_VERSION_MAJOR == 2
static atomic_bool is_probing, was_called;

static struct chachapoly cipher_of(const mbedtls_chachapoly_context *context, const uint8_t *nonce,
                                   const uint8_t *aad, size_t aad_size)
{
    struct chachapoly cipher = {.nonce = nonce, .aad = aad, .aad_size = aad_size};
    memcpy(cipher.key, context->chacha20_ctx.state + 4, sizeof cipher.key);
    return cipher;
}

__attribute__((visibility("default"))) int mbedtls_chachapoly_encrypt_and_tag(
    mbedtls_chachapoly_context *context, size_t size, const unsigned char nonce[12],
    const unsigned char *aad, size_t aad_size, const unsigned char *in, unsigned char *out,
    unsigned char tag[16])
{
    const struct chachapoly cipher = cipher_of(context, nonce, aad, aad_size);
    if (atomic_load_explicit(&is_probing, memory_order_relaxed)) atomic_store(&was_called, true);
    chachapoly_seal(&cipher, out, tag, in, size);
    return 0;
}

__attribute__((visibility("default"))) int mbedtls_chachapoly_auth_decrypt(
    mbedtls_chachapoly_context *context, size_t size, const unsigned char nonce[12],
    const unsigned char *aad, size_t aad_size, const unsigned char tag[16], const unsigned char *in,
    unsigned char *out)
{
    const struct chachapoly cipher = cipher_of(context, nonce, aad, aad_size);
    return chachapoly_open(&cipher, out, tag, in, size) ? 0 : MBEDTLS_ERR_CHACHAPOLY_AUTH_FAILED;
}

/* Encrypts nothing by the library's own way, and looks who was asked. */
bool chachapoly_serves_tls(void)
{
    static const unsigned char zeroes[32];
    unsigned char sealed[CHACHAPOLY_TAG_BYTES];
    size_t size;
    mbedtls_cipher_context_t context;
    mbedtls_cipher_init(&context);
    atomic_store(&is_probing, true);
    const mbedtls_cipher_info_t *info =
        mbedtls_cipher_info_from_type(MBEDTLS_CIPHER_CHACHA20_POLY1305);
    if (info != NULL && mbedtls_cipher_setup(&context, info) == 0 &&
        mbedtls_cipher_setkey(&context, zeroes, 256, MBEDTLS_ENCRYPT) == 0) {
        (void)mbedtls_cipher_auth_encrypt_ext(&context, zeroes, CHACHAPOLY_NONCE_BYTES, NULL, 0,
                                              zeroes, 0, sealed, sizeof sealed, &size,
                                              CHACHAPOLY_TAG_BYTES);
    }
    atomic_store(&is_probing, false);
    mbedtls_cipher_free(&context);
    return atomic_load(&was_called);
}
#else
bool chachapoly_serves_tls(void)
{
    return false;
}
#endif
