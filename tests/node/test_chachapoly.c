/* ChaCha20-Poly1305: the examples of RFC 8439, and the library's own way, in pieces, for each size
 * that a run of blocks can end at. Both ways of working out blocks are tried. */
#include "cipher/chachapoly.h"

#include <mbedtls/chachapoly.h>
#include <mbedtls/poly1305.h>
#include <mbedtls/version.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { SIZE_MAX_TRIED = 20000 };

static uint8_t plain[SIZE_MAX_TRIED], sealed[SIZE_MAX_TRIED], other[SIZE_MAX_TRIED];
static uint64_t seed = 8439;

static uint8_t random_byte(void)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint8_t)(seed >> 56);
}

static void fill(uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = random_byte();
}

static void from_hex(uint8_t *bytes, const char *text)
{
    for (unsigned value; sscanf(text, "%2x", &value) == 1; text += 2)
        *bytes++ = (uint8_t)value;
}

static void set_key(struct chachapoly *cipher, const uint8_t key[32])
{
    for (uint32_t i = 0; i < CHACHAPOLY_KEY_WORDS; i++) {
        const uint8_t *at = key + (size_t)4 * i;
        cipher->key[i] =
            (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
    }
}

/* §2.8.2 */
static void test_chachapoly_seals_and_opens_the_example_of_the_rfc(void **state)
{
    (void)state;
    static const char text[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
                               "only one tip for the future, sunscreen would be it.";
    uint8_t key[32], nonce[12], aad[12], tag[16], wanted_tag[16], wanted[114];
    from_hex(key, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
    from_hex(nonce, "070000004041424344454647");
    from_hex(aad, "50515253c0c1c2c3c4c5c6c7");
    from_hex(wanted_tag, "1ae10b594f09e26a7e902ecbd0600691");
    from_hex(wanted, "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
                     "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
                     "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
                     "3ff4def08e4b7a9de576d26586cec64b6116");
    for (int is_plain = 0; is_plain < 2; is_plain++) {
        struct chachapoly cipher = {
            .nonce = nonce, .aad = aad, .aad_size = sizeof aad, .is_plain = is_plain != 0};
        set_key(&cipher, key);
        chachapoly_seal(&cipher, sealed, tag, (const uint8_t *)text, sizeof wanted);
        assert_memory_equal(sealed, wanted, sizeof wanted);
        assert_memory_equal(tag, wanted_tag, sizeof tag);
        assert_true(chachapoly_open(&cipher, sealed, tag, sealed, sizeof wanted)); /* in place */
        assert_memory_equal(sealed, text, sizeof wanted);
    }
}

static void seal_in_pieces(uint8_t tag[16], const uint8_t key[32], const struct chachapoly *cipher,
                           size_t size)
{
    mbedtls_chachapoly_context context;
    mbedtls_chachapoly_init(&context);
    assert_int_equal(mbedtls_chachapoly_setkey(&context, key), 0);
    assert_int_equal(mbedtls_chachapoly_starts(&context, cipher->nonce, MBEDTLS_CHACHAPOLY_ENCRYPT),
                     0);
    assert_int_equal(mbedtls_chachapoly_update_aad(&context, cipher->aad, cipher->aad_size), 0);
    assert_int_equal(mbedtls_chachapoly_update(&context, size, plain, other), 0);
    assert_int_equal(mbedtls_chachapoly_finish(&context, tag), 0);
    mbedtls_chachapoly_free(&context);
}

/* As the library has it, back again, and no when a bit is another. */
static void try_size(size_t size, bool is_plain)
{
    uint8_t key[32], nonce[12], aad[40], tag[16], wanted[16];
    struct chachapoly cipher = {.nonce = nonce, .aad = aad, .is_plain = is_plain};
    fill(key, sizeof key);
    fill(nonce, sizeof nonce);
    fill(aad, sizeof aad);
    fill(plain, size);
    cipher.aad_size = random_byte() % sizeof aad;
    set_key(&cipher, key);
    seal_in_pieces(wanted, key, &cipher, size);
    chachapoly_seal(&cipher, sealed, tag, plain, size);
    assert_memory_equal(sealed, other, size);
    assert_memory_equal(tag, wanted, sizeof tag);
    tag[random_byte() % 16] ^= (uint8_t)(1 << random_byte() % 8);
    assert_false(chachapoly_open(&cipher, other, tag, sealed, size));
    for (size_t i = 0; i < size; i++)
        assert_int_equal(other[i], 0);
    if (size > 0) {
        sealed[size / 2] ^= 1;
        assert_false(chachapoly_open(&cipher, other, wanted, sealed, size));
        sealed[size / 2] ^= 1;
    }
    assert_true(chachapoly_open(&cipher, sealed, wanted, sealed, size));
    assert_memory_equal(sealed, plain, size);
}

static void test_chachapoly_agrees_with_the_library_for_every_size(void **state)
{
    (void)state;
    for (size_t size = 0; size < 1200; size++) {
        try_size(size, false);
        try_size(size, true);
    }
    for (size_t size = 16368; size < 16400; size++)
        try_size(size, false);
    try_size(SIZE_MAX_TRIED, false);
}

/* Keys and data of ones and zeroes, so that sums come to the prime and just above it. */
static void test_poly1305_agrees_with_the_library_around_the_prime(void **state)
{
    (void)state;
    static const uint8_t values[] = {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06,
                                     0xf0, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff};
    uint8_t key[32], data[640], tag[16], wanted[16];
    for (uint32_t i = 0; i < 200000; i++) {
        memset(key, values[random_byte() % sizeof values], sizeof key);
        key[0] = values[random_byte() % sizeof values];
        if (random_byte() % 2 == 0) memset(key + 1, 0, 15);
        if (random_byte() % 2 == 0) memset(key + 16, 0, 16);
        memset(data, values[random_byte() % sizeof values], sizeof data);
        for (uint32_t k = 0; k < sizeof data; k += 16) {
            if (random_byte() % 2 == 0) memset(data + k, 0xff, 16);
            data[k] = values[random_byte() % sizeof values];
        }
        const size_t size = (size_t)(random_byte() % (sizeof data / 16 + 1)) * 16;
        struct poly1305 poly;
        poly1305_begin(&poly, key, i % 4 == 0);
        const size_t part = (size_t)(random_byte() % 2) * (size / 32 * 16);
        poly1305_add(&poly, data, part);
        poly1305_add(&poly, data + part, size - part);
        poly1305_end(&poly, tag);
        assert_int_equal(mbedtls_poly1305_mac(key, data, size, wanted), 0);
        assert_memory_equal(tag, wanted, sizeof tag);
    }
}

/* RFC 8439 A.3, numbers 7 to 11. */
static void test_poly1305_gives_the_tags_of_the_rfc_around_the_prime(void **state)
{
    (void)state;
    static const struct {
        const char *r, *s, *data, *tag;
        size_t size;
    } examples[] = {
        {"02", "", "ffffffffffffffffffffffffffffffff", "03", 16},
        {"02", "ffffffffffffffffffffffffffffffff", "02", "03", 16},
        {"01", "",
         "fffffffffffffffffffffffffffffffff0ffffffffffffffffffffffffffffff"
         "11000000000000000000000000000000",
         "05", 48},
        {"01", "",
         "fffffffffffffffffffffffffffffffffbfefefefefefefefefefefefefefefe"
         "01010101010101010101010101010101",
         "", 48},
        {"02", "", "fdffffffffffffffffffffffffffffff", "faffffffffffffffffffffffffffffff", 16},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        uint8_t key[32] = {0}, data[48] = {0}, tag[16], wanted[16] = {0};
        struct poly1305 poly;
        from_hex(key, examples[i].r);
        from_hex(key + 16, examples[i].s);
        from_hex(data, examples[i].data);
        from_hex(wanted, examples[i].tag);
        poly1305_begin(&poly, key, false);
        poly1305_add(&poly, data, examples[i].size);
        poly1305_end(&poly, tag);
        assert_memory_equal(tag, wanted, sizeof tag);
    }
}

static void test_chachapoly_is_what_records_of_tls_go_through(void **state)
{
    (void)state;
#if defined(CHACHAPOLY_FOR_TLS) && MBEDTLS_VERSION_MAJOR == 2
    assert_true(chachapoly_serves_tls());
#else
    assert_false(chachapoly_serves_tls());
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chachapoly_seals_and_opens_the_example_of_the_rfc),
        cmocka_unit_test(test_chachapoly_agrees_with_the_library_for_every_size),
        cmocka_unit_test(test_poly1305_agrees_with_the_library_around_the_prime),
        cmocka_unit_test(test_poly1305_gives_the_tags_of_the_rfc_around_the_prime),
        cmocka_unit_test(test_chachapoly_is_what_records_of_tls_go_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
