/* Many messages side by side hash as each does alone: on every path this machine can run, and by
 * the eight-lane text compiled for the instructions that every machine has, so that a machine
 * without AVX-512 tests all but the compiler's choice of instructions. */

#include "crypto_case.h"

#define TN_LANES 8
#define PATH     tn_test_many_eight
#define EACH     tn_test_each_eight
#include "crypto/keccak_each.h"
#include "crypto/keccak_many.h"

#define COUNT_MAX 17u
#define PATHS_MAX 4u

/* hash_many takes the path of that number; false when there is none. */
static bool hash_many(uint32_t path, struct tn_hash *hashes, const uint8_t *messages, size_t stride,
                      size_t size, uint32_t count)
{
    enum tn_cpu cpus[3];
    uint32_t cpus_count = runnable_paths(cpus);
    if (path > cpus_count) return false;
    if (path == cpus_count)
        tn_test_many_eight(hashes, messages, stride, size, count);
    else
        tn_keccak256_many(hashes, cpus[path], messages, stride, size, count);
    return true;
}

/* Messages lie at odd places and end where their memory ends; hashes past the last stay as they
 * were. */
static void check_count(size_t stride, size_t size, uint32_t count, uint64_t *random)
{
    size_t bytes = 1 + (count - 1) * stride + size;
    uint8_t *memory = exact_bytes(bytes);
    struct tn_hash expected[COUNT_MAX + 1], hashes[COUNT_MAX + 1];
    fill_random(memory, bytes, random);
    for (uint32_t i = 0; i < count; i++)
        tn_keccak256(&expected[i], memory + 1 + i * stride, size);
    for (uint32_t path = 0; path < PATHS_MAX; path++) {
        memset(hashes, 0xA5, sizeof(hashes));
        if (!hash_many(path, hashes, memory + 1, stride, size, count)) break;
        for (uint32_t i = 0; i < count; i++) {
            if (!tn_hash_equal(&hashes[i], &expected[i]))
                fail_msg("path %" PRIu32 ": message %" PRIu32 " of %" PRIu32
                         " of %zu bytes, %zu apart, hashes to something else",
                         path, i, count, size, stride);
        }
        for (uint32_t i = 0; i < TN_HASH_SIZE; i++)
            assert_int_equal(hashes[count].bytes[i], 0xA5);
    }
    free(memory);
}

static void test_crypto_many_messages_hash_as_each_alone(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_paths");
    for (size_t size = 0; size <= 420; size++) {
        for (uint32_t count = 1; count <= COUNT_MAX; count++)
            check_count(size + tn_random_below(&random, 20), size, count, &random);
    }
}

static void test_crypto_many_messages_may_touch_or_lie_far_apart(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_paths");
    static const size_t sizes[] = {1, 7, 65, 97, 126, 134, 135, 136, 137, 272, 1000, 4096};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (uint32_t count = 1; count <= COUNT_MAX; count++) {
            check_count(sizes[i], sizes[i], count, &random);
            check_count(sizes[i] + 8192, sizes[i], count, &random);
        }
    }
}

static void test_crypto_no_messages_write_no_hash(void **state)
{
    (void)state;
    const uint8_t message[8] = {1};
    struct tn_hash hash, before;
    memset(&before, 0xA5, sizeof(before));
    for (uint32_t path = 0; path < PATHS_MAX; path++) {
        hash = before;
        if (!hash_many(path, &hash, message, 8, 8, 0)) break;
        assert_true(tn_hash_equal(&hash, &before));
    }
}

/* ---- Of two pieces and of different sizes ---- */

static bool hash_each_of(uint32_t path, struct tn_hash *hashes,
                         const struct tn_keccak_message *messages, uint32_t count)
{
    enum tn_cpu cpus[3];
    uint32_t cpus_count = runnable_paths(cpus);
    if (path > cpus_count) return false;
    if (path == cpus_count)
        tn_test_each_eight(hashes, messages, count);
    else
        tn_keccak256_each(hashes, cpus[path], messages, count);
    return true;
}

/* Half of the sizes lie about the end of a block, with the head or without. */
static size_t some_size(uint64_t *random)
{
    if (tn_random_below(random, 2) == 0) return tn_random_below(random, 700);
    return 136 * tn_random_below(random, 5) + tn_random_below(random, 5);
}

/* Pieces end where their memory ends. */
static void check_each(uint32_t count, uint64_t *random)
{
    struct tn_keccak_message messages[COUNT_MAX];
    struct tn_hash expected[COUNT_MAX + 1], hashes[COUNT_MAX + 1];
    uint8_t *pieces[COUNT_MAX][2];
    for (uint32_t i = 0; i < count; i++) {
        uint32_t head_size = (uint32_t)tn_random_below(random, TN_KECCAK_HEAD_MAX + 1);
        size_t size = some_size(random);
        if (tn_random_below(random, 2) == 0 && size >= head_size) size -= head_size;
        pieces[i][0] = exact_bytes(head_size);
        pieces[i][1] = exact_bytes(size);
        fill_random(pieces[i][0], head_size, random);
        fill_random(pieces[i][1], size, random);
        messages[i] = (struct tn_keccak_message){
            .head = pieces[i][0], .head_size = head_size, .bytes = pieces[i][1], .size = size};
        struct tn_keccak keccak;
        tn_keccak_begin(&keccak);
        tn_keccak_add(&keccak, pieces[i][0], head_size);
        tn_keccak_add(&keccak, pieces[i][1], size);
        tn_keccak_end(&keccak, &expected[i]);
    }
    for (uint32_t path = 0; path < PATHS_MAX; path++) {
        memset(hashes, 0xA5, sizeof(hashes));
        if (!hash_each_of(path, hashes, messages, count)) break;
        for (uint32_t i = 0; i < count; i++) {
            if (!tn_hash_equal(&hashes[i], &expected[i]))
                fail_msg("path %" PRIu32 ": message %" PRIu32 " of %" PRIu32 ", %" PRIu32
                         " and %zu bytes, hashes to something else",
                         path, i, count, messages[i].head_size, messages[i].size);
        }
        for (uint32_t i = 0; i < TN_HASH_SIZE; i++)
            assert_int_equal(hashes[count].bytes[i], 0xA5);
    }
    for (uint32_t i = 0; i < count; i++) {
        free(pieces[i][0]);
        free(pieces[i][1]);
    }
}

static void test_crypto_messages_of_two_pieces_and_any_sizes_hash_as_each_alone(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_paths");
    check_each(0, &random);
    for (uint32_t round = 0; round < 150; round++) {
        for (uint32_t count = 1; count <= COUNT_MAX; count++)
            check_each(count, &random);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crypto_many_messages_hash_as_each_alone),
        cmocka_unit_test(test_crypto_many_messages_may_touch_or_lie_far_apart),
        cmocka_unit_test(test_crypto_no_messages_write_no_hash),
        cmocka_unit_test(test_crypto_messages_of_two_pieces_and_any_sizes_hash_as_each_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
