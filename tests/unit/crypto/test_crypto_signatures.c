/* Signatures over secp256k1: answers that anyone can look up, the table of an implementation
 * written from the definitions (tests/vectors/crypto), and everything that must be refused. */
#include "tenor/signature.h"

#include "crypto_case.h"

static struct tn_signatures real;

static int set_up(void **state)
{
    (void)state;
    static _Alignas(16) uint8_t memory[1024];
    assert_true(tn_signatures_size() <= sizeof(memory));
    tn_signatures_real(&real, memory);
    return 0;
}

static void from_hex(uint8_t *bytes, size_t size, const char *hex)
{
    assert_int_equal(strlen(hex), 2 * size);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(sscanf(hex + 2 * i, "%2hhx", &bytes[i]), 1);
}

static struct tn_secret_key random_key(uint64_t *random)
{
    struct tn_secret_key key;
    fill_random(key.bytes, sizeof(key.bytes), random);
    key.bytes[0] &= 0x7f; /* below the order */
    return key;
}

static const char ORDER[] = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";

/* Keys and addresses that other software shows: of the keys 1 and 2, of a test network's first
 * account, and of the example of EIP-155. */
static void test_crypto_addresses_are_the_base_layers(void **state)
{
    (void)state;
    static const struct {
        const char *secret, *address;
    } known[] = {
        {"0000000000000000000000000000000000000000000000000000000000000001",
         "7e5f4552091a69125d5dfcb7b8c2659029395bdf"},
        {"0000000000000000000000000000000000000000000000000000000000000002",
         "2b5ad5c4795c026514f8317c7a215e218dccd6cf"},
        {"4f3edf983ac636a65a842ce7c78d9aa706d3b113bce9c46f30d7d21715b23b1d",
         "90f8bf6a479f320ead074411a4b0e7944ea8c9c1"},
        {"4646464646464646464646464646464646464646464646464646464646464646",
         "9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct tn_secret_key secret;
        struct tn_public_key key;
        struct tn_address address, expected;
        from_hex(secret.bytes, sizeof(secret.bytes), known[i].secret);
        from_hex(expected.bytes, sizeof(expected.bytes), known[i].address);
        assert_true(real.public_key(real.context, &key, &secret));
        assert_true(real.address(real.context, &address, &key));
        assert_true(tn_address_equal(&address, &expected));
    }
}

/* RFC 6979 over this curve as several wallets publish it: digests are SHA-256 of a text. */
static void test_crypto_signing_gives_the_known_answers(void **state)
{
    (void)state;
    static const struct {
        const char *secret, *digest, *signature;
    } known[] = {
        /* "Satoshi Nakamoto" */
        {"0000000000000000000000000000000000000000000000000000000000000001",
         "a0dc65ffca799873cbea0ac274015b9526505daaaed385155425f7337704883e",
         "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8"
         "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5"},
        {"fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140",
         "a0dc65ffca799873cbea0ac274015b9526505daaaed385155425f7337704883e",
         "fd567d121db66e382991534ada77a6bd3106f0a1098c231e47993447cd6af2d0"
         "6b39cd0eb1bc8603e159ef5c20a5c8ad685a45b06ce9bebed3f153d10d93bed5"},
        /* the example of EIP-155 */
        {"4646464646464646464646464646464646464646464646464646464646464646",
         "daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53",
         "28ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276"
         "67cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct tn_secret_key secret;
        struct tn_hash digest;
        struct tn_signature signature, expected;
        from_hex(secret.bytes, sizeof(secret.bytes), known[i].secret);
        from_hex(digest.bytes, sizeof(digest.bytes), known[i].digest);
        from_hex(expected.bytes, sizeof(expected.bytes), known[i].signature);
        assert_true(real.sign(real.context, &signature, &digest, &secret));
        assert_memory_equal(signature.bytes, expected.bytes, sizeof(expected.bytes));
    }
}

static void assert_line(const struct tn_secret_key *secret, const struct tn_hash *digest,
                        const struct tn_public_key *key, const struct tn_address *address,
                        const struct tn_recoverable *expected)
{
    struct tn_public_key made;
    struct tn_address recovered;
    struct tn_signature signature;
    struct tn_recoverable recoverable;
    struct tn_parsed_key parsed;
    assert_true(real.public_key(real.context, &made, secret));
    assert_true(tn_public_key_equal(&made, key));
    assert_true(real.sign(real.context, &signature, digest, secret));
    assert_memory_equal(signature.bytes, expected->bytes, sizeof(signature.bytes));
    assert_true(real.sign_recoverable(real.context, &recoverable, digest, secret));
    assert_memory_equal(recoverable.bytes, expected->bytes, sizeof(recoverable.bytes));
    assert_true(real.verify(real.context, digest, &signature, key));
    assert_true(real.parse(real.context, &parsed, key));
    assert_true(real.verify_parsed(real.context, digest, &signature, &parsed));
    assert_true(real.recover(real.context, &recovered, digest, &recoverable));
    assert_true(tn_address_equal(&recovered, address));
}

static void test_crypto_signatures_agree_with_the_definition(void **state)
{
    (void)state;
    char line[512], secret_hex[65], digest_hex[65], key_hex[67], address_hex[41],
        signature_hex[131];
    uint32_t lines_count = 0;
    FILE *file = fopen(TENOR_CRYPTO_VECTORS "/signatures.txt", "r");
    if (file == NULL) fail_msg("cannot read %s/signatures.txt", TENOR_CRYPTO_VECTORS);
    while (fgets(line, sizeof(line), file) != NULL) {
        struct tn_secret_key secret;
        struct tn_hash digest;
        struct tn_public_key key;
        struct tn_address address;
        struct tn_recoverable signature;
        if (line[0] == '#') continue;
        assert_int_equal(sscanf(line, "%64s %64s %66s %40s %130s", secret_hex, digest_hex, key_hex,
                                address_hex, signature_hex),
                         5);
        from_hex(secret.bytes, sizeof(secret.bytes), secret_hex);
        from_hex(digest.bytes, sizeof(digest.bytes), digest_hex);
        from_hex(key.bytes, sizeof(key.bytes), key_hex);
        from_hex(address.bytes, sizeof(address.bytes), address_hex);
        from_hex(signature.bytes, sizeof(signature.bytes), signature_hex);
        assert_line(&secret, &digest, &key, &address, &signature);
        lines_count++;
    }
    fclose(file);
    assert_int_equal(lines_count, 32);
}

static void test_crypto_refuses_keys_of_zero_and_past_the_order(void **state)
{
    (void)state;
    struct tn_secret_key keys[4] = {{{0}}};
    struct tn_hash digest = {{1}};
    from_hex(keys[1].bytes, 32, ORDER);
    from_hex(keys[2].bytes, 32, ORDER);
    keys[2].bytes[31]++;
    memset(keys[3].bytes, 0xff, 32);
    for (uint32_t i = 0; i < 4; i++) {
        struct tn_signature signature;
        struct tn_recoverable recoverable;
        struct tn_public_key key;
        assert_false(real.sign(real.context, &signature, &digest, &keys[i]));
        assert_false(real.sign_recoverable(real.context, &recoverable, &digest, &keys[i]));
        assert_false(real.public_key(real.context, &key, &keys[i]));
    }
    keys[1].bytes[31]--; /* the largest that there is */
    struct tn_signature signature;
    assert_true(real.sign(real.context, &signature, &digest, &keys[1]));
}

static void test_crypto_refuses_public_keys_that_are_no_points(void **state)
{
    (void)state;
    struct tn_secret_key secret = {{1}};
    struct tn_public_key key, bad;
    struct tn_parsed_key parsed;
    struct tn_address address;
    assert_true(real.public_key(real.context, &key, &secret));
    for (uint32_t first = 0; first < 256; first++) {
        bad = key;
        bad.bytes[0] = (uint8_t)first;
        bool is_key = first == 2 || first == 3;
        assert_true(real.parse(real.context, &parsed, &bad) == is_key);
        assert_true(real.address(real.context, &address, &bad) == is_key);
    }
    memset(bad.bytes + 1, 0, 32); /* x = 0: 7 has no root */
    bad.bytes[0] = 2;
    assert_false(real.parse(real.context, &parsed, &bad));
    memset(bad.bytes + 1, 0xff, 32); /* x past the field */
    assert_false(real.parse(real.context, &parsed, &bad));
}

/* order - s: the other signature of the same r. */
static void turn_s(uint8_t signature[64])
{
    uint8_t order[32];
    int borrow = 0;
    from_hex(order, sizeof(order), ORDER);
    for (int i = 31; i >= 0; i--) {
        int digit = order[i] - signature[32 + i] - borrow;
        borrow = digit < 0;
        signature[32 + i] = (uint8_t)(digit + 256 * borrow);
    }
}

static void test_crypto_refuses_the_high_s(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_signatures");
    for (uint32_t round = 0; round < 20; round++) {
        struct tn_secret_key secret = random_key(&random);
        struct tn_public_key key;
        struct tn_hash digest;
        struct tn_address address;
        struct tn_recoverable recoverable;
        struct tn_signature signature;
        fill_random(digest.bytes, sizeof(digest.bytes), &random);
        assert_true(real.public_key(real.context, &key, &secret));
        assert_true(real.sign(real.context, &signature, &digest, &secret));
        assert_true(real.sign_recoverable(real.context, &recoverable, &digest, &secret));
        turn_s(signature.bytes);
        assert_false(real.verify(real.context, &digest, &signature, &key));
        turn_s(recoverable.bytes);
        recoverable.bytes[64] ^= 27 ^ 28;
        assert_false(real.recover(real.context, &address, &digest, &recoverable));
        turn_s(signature.bytes);
        assert_true(real.verify(real.context, &digest, &signature, &key));
    }
}

static void test_crypto_refuses_every_flipped_bit(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_signatures");
    struct tn_secret_key secret = random_key(&random);
    struct tn_public_key key;
    struct tn_hash digest = {{7}};
    struct tn_signature good;
    assert_true(real.public_key(real.context, &key, &secret));
    assert_true(real.sign(real.context, &good, &digest, &secret));
    for (uint32_t bit = 0; bit < 8 * TN_SIGNATURE_SIZE; bit++) {
        struct tn_signature bad = good;
        bad.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(real.verify(real.context, &digest, &bad, &key));
    }
    for (uint32_t bit = 0; bit < 8 * TN_HASH_SIZE; bit++) {
        struct tn_hash bad = digest;
        bad.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(real.verify(real.context, &bad, &good, &key));
    }
    for (uint32_t bit = 0; bit < 8 * TN_PUBLIC_KEY_SIZE; bit++) {
        struct tn_public_key bad = key;
        bad.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(real.verify(real.context, &digest, &good, &bad));
    }
    assert_true(real.verify(real.context, &digest, &good, &key));
}

static void test_crypto_recovers_the_signer_and_nobody_else(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_signatures");
    struct tn_secret_key secret = random_key(&random);
    struct tn_public_key key;
    struct tn_hash digest = {{9}};
    struct tn_address signer, address;
    struct tn_recoverable good;
    assert_true(real.public_key(real.context, &key, &secret));
    assert_true(real.address(real.context, &signer, &key));
    assert_true(real.sign_recoverable(real.context, &good, &digest, &secret));
    for (uint32_t bit = 0; bit < 8 * TN_RECOVERABLE_SIZE; bit++) {
        struct tn_recoverable bad = good;
        bad.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(real.recover(real.context, &address, &digest, &bad) &&
                     tn_address_equal(&address, &signer));
    }
    for (uint32_t v = 0; v < 256; v++) {
        struct tn_recoverable other = good;
        other.bytes[64] = (uint8_t)v;
        bool recovered = real.recover(real.context, &address, &digest, &other);
        assert_true(recovered || (v != 27 && v != 28));
        assert_true(!recovered || v == 27 || v == 28);
        assert_true(!recovered || tn_address_equal(&address, &signer) == (v == good.bytes[64]));
    }
}

/* r and s of zero, or of the order and more, are no signatures. */
static void test_crypto_refuses_numbers_out_of_range(void **state)
{
    (void)state;
    struct tn_secret_key secret = {{5}};
    struct tn_public_key key;
    struct tn_hash digest = {{3}};
    struct tn_recoverable good;
    struct tn_address address;
    assert_true(real.public_key(real.context, &key, &secret));
    assert_true(real.sign_recoverable(real.context, &good, &digest, &secret));
    for (uint32_t half = 0; half < 2; half++) {
        for (uint32_t of = 0; of < 3; of++) {
            struct tn_recoverable bad = good;
            struct tn_signature plain;
            uint8_t *number = bad.bytes + 32 * (size_t)half;
            if (of == 0) memset(number, 0, 32);
            if (of == 1) from_hex(number, 32, ORDER);
            if (of == 2) memset(number, 0xff, 32);
            memcpy(plain.bytes, bad.bytes, sizeof(plain.bytes));
            assert_false(real.verify(real.context, &digest, &plain, &key));
            assert_false(real.recover(real.context, &address, &digest, &bad));
        }
    }
}

static void test_crypto_blinding_changes_no_signature(void **state)
{
    (void)state;
    static _Alignas(16) uint8_t memory[1024];
    uint64_t random = test_seed("test_crypto_signatures");
    struct tn_signatures blinded;
    uint8_t seed[32];
    tn_signatures_real(&blinded, memory);
    for (uint32_t round = 0; round < 20; round++) {
        struct tn_secret_key secret = random_key(&random);
        struct tn_hash digest;
        struct tn_signature a, b;
        fill_random(digest.bytes, sizeof(digest.bytes), &random);
        fill_random(seed, sizeof(seed), &random);
        tn_signatures_blind(&blinded, seed);
        assert_true(real.sign(real.context, &a, &digest, &secret));
        assert_true(blinded.sign(blinded.context, &b, &digest, &secret));
        assert_memory_equal(a.bytes, b.bytes, sizeof(a.bytes));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crypto_addresses_are_the_base_layers),
        cmocka_unit_test(test_crypto_signing_gives_the_known_answers),
        cmocka_unit_test(test_crypto_signatures_agree_with_the_definition),
        cmocka_unit_test(test_crypto_refuses_keys_of_zero_and_past_the_order),
        cmocka_unit_test(test_crypto_refuses_public_keys_that_are_no_points),
        cmocka_unit_test(test_crypto_refuses_the_high_s),
        cmocka_unit_test(test_crypto_refuses_every_flipped_bit),
        cmocka_unit_test(test_crypto_recovers_the_signer_and_nobody_else),
        cmocka_unit_test(test_crypto_refuses_numbers_out_of_range),
        cmocka_unit_test(test_crypto_blinding_changes_no_signature),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
