/* crc32c: the examples of RFC 3720 §B.4, and the definition, bit by bit, on every path. */

#include "crypto_case.h"

#define SIZE_MAX_TESTED 420u

/* The definition: a register of 32 bits that eats one bit at a time. */
static uint32_t crc_bit_by_bit(uint32_t crc, const uint8_t *bytes, size_t size)
{
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (uint32_t bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ UINT32_C(0x82F63B78) : crc >> 1;
    }
    return ~crc;
}

/* RFC 3720 prints the four bytes in the order they are sent, the lowest first. */
static void assert_crc(const uint8_t *bytes, size_t size, uint32_t expected)
{
    enum tn_cpu paths[3];
    uint32_t paths_count = runnable_paths(paths);
    for (uint32_t i = 0; i < paths_count; i++)
        assert_int_equal(tn_crc32c(0, paths[i], bytes, size), expected);
}

static void test_crypto_crc32c_gives_the_answers_of_rfc_3720(void **state)
{
    (void)state;
    static const uint8_t read_command[48] = {
        0x01, 0xC0, 0, 0,    0, 0, 0, 0,    0,    0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 4, 0,
        0,    0,    0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 2,    0, 0, 0, 0, 0, 0, 0,
    };
    uint8_t bytes[32];
    memset(bytes, 0, sizeof(bytes));
    assert_crc(bytes, 32, 0x8A9136AA);
    memset(bytes, 0xFF, sizeof(bytes));
    assert_crc(bytes, 32, 0x62A8AB43);
    for (uint32_t i = 0; i < 32; i++)
        bytes[i] = (uint8_t)i;
    assert_crc(bytes, 32, 0x46DD794E);
    for (uint32_t i = 0; i < 32; i++)
        bytes[i] = (uint8_t)(31 - i);
    assert_crc(bytes, 32, 0x113FDB5C);
    assert_crc(read_command, sizeof(read_command), 0xD9963A56);
    assert_crc((const uint8_t *)"123456789", 9, 0xE3069283);
}

static void test_crypto_crc32c_of_nothing_is_what_it_was(void **state)
{
    (void)state;
    enum tn_cpu paths[3];
    uint32_t paths_count = runnable_paths(paths);
    for (uint32_t i = 0; i < paths_count; i++) {
        assert_int_equal(tn_crc32c(0, paths[i], NULL, 0), 0);
        assert_int_equal(tn_crc32c(0x12345678, paths[i], NULL, 0), 0x12345678);
    }
}

static void test_crypto_crc32c_is_the_definition_at_every_size_and_place(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_crc32c");
    enum tn_cpu paths[3];
    uint32_t paths_count = runnable_paths(paths);
    for (size_t size = 0; size <= SIZE_MAX_TESTED; size++) {
        for (size_t place = 0; place < 8; place++) {
            uint8_t *memory = exact_bytes(place + size);
            uint32_t before = (uint32_t)tn_random_next(&random);
            fill_random(memory, place + size, &random);
            uint32_t expected = crc_bit_by_bit(before, memory + place, size);
            for (uint32_t i = 0; i < paths_count; i++)
                assert_int_equal(tn_crc32c(before, paths[i], memory + place, size), expected);
            free(memory);
        }
    }
}

static void test_crypto_crc32c_goes_on_where_it_stopped(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_crc32c");
    uint8_t bytes[SIZE_MAX_TESTED];
    enum tn_cpu paths[3];
    uint32_t paths_count = runnable_paths(paths);
    fill_random(bytes, sizeof(bytes), &random);
    uint32_t whole = crc_bit_by_bit(0, bytes, sizeof(bytes));
    for (size_t split = 0; split <= sizeof(bytes); split++) {
        for (uint32_t i = 0; i < paths_count; i++) {
            uint32_t crc = tn_crc32c(0, paths[i], bytes, split);
            crc = tn_crc32c(crc, paths[paths_count - 1 - i], bytes + split, sizeof(bytes) - split);
            assert_int_equal(crc, whole);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crypto_crc32c_gives_the_answers_of_rfc_3720),
        cmocka_unit_test(test_crypto_crc32c_of_nothing_is_what_it_was),
        cmocka_unit_test(test_crypto_crc32c_is_the_definition_at_every_size_and_place),
        cmocka_unit_test(test_crypto_crc32c_goes_on_where_it_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
