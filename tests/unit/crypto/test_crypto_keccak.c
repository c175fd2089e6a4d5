/* keccak256 of one message: answers that anyone can look up, the table that an implementation
 * written from the definition made (tests/vectors/crypto), and pieces against the whole. */

#include "crypto_case.h"

#define SIZE_MAX_TESTED 420u

static void assert_hash(const void *message, size_t size, const char *expected)
{
    struct tn_hash hash;
    char hex[HEX_SIZE];
    tn_keccak256(&hash, message, size);
    hash_to_hex(hex, &hash);
    assert_string_equal(hex, expected);
}

static void test_crypto_keccak_gives_the_known_answers(void **state)
{
    (void)state;
    static const struct {
        const char *text, *hash;
    } known[] = {
        {"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"},
        {"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"},
        {"testing", "5f16f4c7f149ac4f9510d9cf8cf384038ad348b3bcdc01915f95de12df9d1b02"},
        {"The quick brown fox jumps over the lazy dog",
         "4d741b6f1eb29cb2a9b9911c82f56fa8d73b04959d3d9d222895df6c0b28aa15"},
        {"Transfer(address,address,uint256)",
         "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"},
        {"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)",
         "8b73c3c69bb8fe3d512ecc4cf759cc79239f7b179b0ffacaa9a75d522b39400f"},
    };
    static const uint8_t zeros[64];
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        assert_hash(known[i].text, strlen(known[i].text), known[i].hash);
    assert_hash(NULL, 0, known[0].hash);
    assert_hash(zeros, 32, "290decd9548b62a8d60345a988386fc84ba6bc95484008f6362f93160ef3e563");
    assert_hash(zeros, 64, "ad3228b676f7d3cd4284a5443f17f1962b36e491b30a40b2405849e597ba5fb5");
}

/* The message of make_keccak.py. */
static void hash_of_size(struct tn_hash *hash, uint32_t size)
{
    uint8_t *message = exact_bytes(size);
    for (uint32_t i = 0; i < size; i++)
        message[i] = (uint8_t)(31 * i + 7 * size + i / 8);
    tn_keccak256(hash, message, size);
    free(message);
}

static void test_crypto_keccak_agrees_with_the_definition_at_every_size(void **state)
{
    (void)state;
    bool met[301] = {false};
    char line[256], expected[HEX_SIZE];
    FILE *file = fopen(TENOR_CRYPTO_VECTORS "/keccak.txt", "r");
    if (file == NULL) fail_msg("cannot read %s/keccak.txt", TENOR_CRYPTO_VECTORS);
    while (fgets(line, sizeof(line), file) != NULL) {
        uint32_t first, last;
        struct tn_hash hashes[32];
        if (line[0] == '#') continue;
        assert_int_equal(sscanf(line, "%" SCNu32 " %" SCNu32 " %64s", &first, &last, expected), 3);
        assert_true(first <= last && last < 301 && last - first < 32);
        for (uint32_t size = first; size <= last; size++) {
            hash_of_size(&hashes[size - first], size);
            met[size] = true;
        }
        if (last > first) tn_keccak256(&hashes[0], hashes, (last - first + 1) * sizeof(hashes[0]));
        char hex[HEX_SIZE];
        hash_to_hex(hex, &hashes[0]);
        if (strcmp(hex, expected) != 0)
            fail_msg("sizes %" PRIu32 " to %" PRIu32 " give %s, not %s", first, last, hex,
                     expected);
    }
    fclose(file);
    for (uint32_t size = 0; size < 301; size++)
        assert_true(met[size]);
}

static void assert_same_hash(const struct tn_hash *a, const struct tn_hash *b, size_t size,
                             size_t split)
{
    if (!tn_hash_equal(a, b))
        fail_msg("%zu bytes, split at %zu, hash to something else", size, split);
}

static void test_crypto_keccak_in_two_pieces_is_keccak_of_the_whole(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_keccak");
    uint8_t message[SIZE_MAX_TESTED];
    fill_random(message, sizeof(message), &random);
    for (size_t size = 0; size <= SIZE_MAX_TESTED; size += size < 280 ? 1 : 7) {
        struct tn_hash whole, pieces;
        tn_keccak256(&whole, message, size);
        for (size_t split = 0; split <= size; split++) {
            struct tn_keccak keccak;
            tn_keccak_begin(&keccak);
            tn_keccak_add(&keccak, message, split);
            tn_keccak_add(&keccak, message + split, size - split);
            tn_keccak_end(&keccak, &pieces);
            assert_same_hash(&whole, &pieces, size, split);
        }
    }
}

static void test_crypto_keccak_in_any_pieces_is_keccak_of_the_whole(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_keccak");
    for (uint32_t round = 0; round < 3000; round++) {
        struct tn_hash whole, pieces;
        struct tn_keccak keccak;
        size_t size = tn_random_below(&random, 2000);
        size_t longest = 1 + tn_random_below(&random, round % 3 == 0 ? 9 : 400);
        uint8_t *message = exact_bytes(size);
        fill_random(message, size, &random);
        tn_keccak256(&whole, message, size);
        tn_keccak_begin(&keccak);
        for (size_t done = 0; done < size;) {
            size_t piece = tn_random_below(&random, longest + 1);
            if (piece > size - done) piece = size - done;
            tn_keccak_add(&keccak, message + done, piece);
            done += piece;
        }
        tn_keccak_add(&keccak, NULL, 0);
        tn_keccak_end(&keccak, &pieces);
        assert_same_hash(&whole, &pieces, size, longest);
        free(message);
    }
}

static void test_crypto_hashes_are_equal_when_every_byte_is(void **state)
{
    (void)state;
    struct tn_hash hash, other;
    tn_keccak256(&hash, "abc", 3);
    other = hash;
    assert_true(tn_hash_equal(&hash, &other));
    for (uint32_t bit = 0; bit < 8 * TN_HASH_SIZE; bit++) {
        other = hash;
        other.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(tn_hash_equal(&hash, &other));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crypto_keccak_gives_the_known_answers),
        cmocka_unit_test(test_crypto_keccak_agrees_with_the_definition_at_every_size),
        cmocka_unit_test(test_crypto_keccak_in_two_pieces_is_keccak_of_the_whole),
        cmocka_unit_test(test_crypto_keccak_in_any_pieces_is_keccak_of_the_whole),
        cmocka_unit_test(test_crypto_hashes_are_equal_when_every_byte_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
