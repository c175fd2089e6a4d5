/* The bytes of a block trade that both owners sign, against the vector of the spec. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "tenor/entry.h"

static const char expected[] =
    "544e425431000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    "000000070000000300000000000000290000000900000000"
    "0000000c000001a3185c50000000012c02"
    "00300abc000000010000000000000004e20000000000000028"
    "00280abc000000020100000000000003d40000000000000050";

static struct tn_block_trade sample(void)
{
    struct tn_block_trade block = {.legs_count = 2,
                                   .counterparty = 9,
                                   .counterparty_nonce = 12,
                                   .expires_ms = INT64_C(1800000000000),
                                   .fee_max_ppm = 300};
    block.legs[0] = (struct tn_leg){UINT64_C(0x00300abc00000001), 1250, 40, TN_BUY};
    block.legs[1] = (struct tn_leg){UINT64_C(0x00280abc00000002), 980, 80, TN_SELL};
    return block;
}

static void test_block_trade_encodes_as_the_vector_in_the_spec(void **state)
{
    (void)state;
    uint8_t chain_id[32], out[TN_BLOCK_TRADE_BYTES_MAX];
    char hex[2 * TN_BLOCK_TRADE_BYTES_MAX + 1] = "";
    for (uint8_t i = 0; i < 32; i++)
        chain_id[i] = i;
    struct tn_block_trade block = sample();
    size_t size = tn_block_trade_encode(out, chain_id, 7, 3, 41, &block);
    for (size_t i = 0; i < size; i++) {
        hex[2 * i] = "0123456789abcdef"[out[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[out[i] & 15];
    }
    assert_string_equal(hex, expected);
}

static void test_block_trade_of_impossible_size_encodes_to_nothing(void **state)
{
    (void)state;
    uint8_t chain_id[32] = {0}, out[TN_BLOCK_TRADE_BYTES_MAX];
    struct tn_block_trade block = sample();
    block.legs_count = 0;
    assert_int_equal(tn_block_trade_encode(out, chain_id, 7, 3, 41, &block), 0);
    block.legs_count = TN_PACKAGE_LEGS_MAX + 1;
    assert_int_equal(tn_block_trade_encode(out, chain_id, 7, 3, 41, &block), 0);
    block.legs_count = TN_PACKAGE_LEGS_MAX;
    assert_int_equal(tn_block_trade_encode(out, chain_id, 7, 3, 41, &block),
                     TN_BLOCK_TRADE_BYTES_MAX);
}

static void test_every_field_of_a_block_trade_changes_its_bytes(void **state)
{
    (void)state;
    uint8_t chain_id[32] = {0}, plain[TN_BLOCK_TRADE_BYTES_MAX], other[TN_BLOCK_TRADE_BYTES_MAX];
    struct tn_block_trade block = sample();
    size_t size = tn_block_trade_encode(plain, chain_id, 7, 3, 41, &block);
    struct tn_block_trade changed[9];
    for (size_t i = 0; i < 9; i++)
        changed[i] = block;
    changed[0].counterparty++;
    changed[1].counterparty_nonce++;
    changed[2].expires_ms++;
    changed[3].fee_max_ppm++;
    changed[4].legs_count--;
    changed[5].legs[1].series_id++;
    changed[6].legs[1].side = TN_BUY;
    changed[7].legs[1].price++;
    changed[8].legs[1].quantity++;
    for (size_t i = 0; i < 9; i++) {
        size_t again = tn_block_trade_encode(other, chain_id, 7, 3, 41, &changed[i]);
        assert_true(again != size || memcmp(plain, other, size) != 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_block_trade_encodes_as_the_vector_in_the_spec),
        cmocka_unit_test(test_block_trade_of_impossible_size_encodes_to_nothing),
        cmocka_unit_test(test_every_field_of_a_block_trade_changes_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
