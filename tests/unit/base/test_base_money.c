/* Checked money and the small words of base.h. Wide products are compared with what rounding means
 * (q·d ≤ a·b < (q+1)·d), not with a second division. */
#include "tenor/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "seed.h"

#define ROUNDS 200000

/* Lets expect_assert_failure see a TN_ASSERT. */
_Noreturn void tn_panic(const char *file, int line, const char *what)
{
    mock_assert(0, what, file, line);
    abort();
}

/* Any magnitude is as likely as any other, and the ends of the range come up often. */
static int64_t random_i64(uint64_t *random)
{
    uint64_t bits = tn_random_next(random);
    uint64_t magnitude = bits >> 1 >> tn_random_below(random, 63);
    switch (tn_random_below(random, 16)) {
        case 0: return INT64_MIN + (int64_t)tn_random_below(random, 3);
        case 1: return INT64_MAX - (int64_t)tn_random_below(random, 3);
        case 2: return (int64_t)tn_random_below(random, 5) - 2;
        default: return (bits & 1) != 0 ? -(int64_t)magnitude : (int64_t)magnitude;
    }
}

static bool fits(tn_i128 value)
{
    return value >= INT64_MIN && value <= INT64_MAX;
}

static void test_mul_div_rounds_negative_results_down_and_up_as_named(void **state)
{
    (void)state;
    assert_int_equal(tn_mul_div_floor(7, 1, 2), 3);
    assert_int_equal(tn_mul_div_ceil(7, 1, 2), 4);
    assert_int_equal(tn_mul_div_floor(-7, 1, 2), -4);
    assert_int_equal(tn_mul_div_ceil(-7, 1, 2), -3);
    assert_int_equal(tn_mul_div_floor(7, -1, 2), -4);
    assert_int_equal(tn_mul_div_floor(-7, -1, 2), 3);
    assert_int_equal(tn_mul_div_floor(-8, 1, 2), -4);
    assert_int_equal(tn_mul_div_ceil(-8, 1, 2), -4);
    assert_int_equal(tn_mul_div_floor(0, INT64_MIN, 3), 0);
    assert_int_equal(tn_mul_div_ceil(-1, 1, INT64_MAX), 0);
    assert_int_equal(tn_mul_div_floor(-1, 1, INT64_MAX), -1);
    assert_int_equal(tn_mul_div_ceil(1, 1, INT64_MAX), 1);
}

static void test_mul_div_is_exact_beyond_64_bits(void **state)
{
    (void)state;
    assert_true(tn_mul_div_floor(INT64_MAX, INT64_MAX, INT64_MAX) == INT64_MAX);
    assert_true(tn_mul_div_ceil(INT64_MIN, INT64_MAX, INT64_MAX) == INT64_MIN);
    assert_true(tn_mul_div_floor(INT64_MAX, 3, 4) == INT64_C(6917529027641081855));
    assert_true(tn_mul_div_ceil(INT64_MAX, 3, 4) == INT64_C(6917529027641081856));
    assert_true(tn_mul_div_floor(-INT64_MAX, 3, 4) == INT64_C(-6917529027641081856));
    assert_true(tn_mul_div_ceil(-INT64_MAX, 3, 4) == INT64_C(-6917529027641081855));
}

static void test_mul_div_matches_the_meaning_of_rounding_on_random_products(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_base_money");
    uint32_t narrow = 0, wide = 0;

    for (uint32_t round = 0; round < ROUNDS; round++) {
        int64_t a = random_i64(&random), b = random_i64(&random), divisor = random_i64(&random);
        if (divisor <= 0) continue;
        tn_i128 product = (tn_i128)a * b;
        tn_i128 toward_zero = product / divisor;
        if (!fits(toward_zero - 1) || !fits(toward_zero + 1)) continue;

        tn_i128 low = tn_mul_div_floor(a, b, divisor);
        tn_i128 high = tn_mul_div_ceil(a, b, divisor);
        assert_true(low * divisor <= product && product - low * divisor < divisor);
        assert_true(high * divisor >= product && high * divisor - product < divisor);
        if (fits(product)) {
            narrow++;
        } else {
            wide++;
        }
    }
    assert_true(narrow > ROUNDS / 20 && wide > ROUNDS / 20); /* both paths were taken */
}

static void test_mul_div_stops_when_the_result_or_the_divisor_is_impossible(void **state)
{
    (void)state;
    expect_assert_failure(tn_mul_div_floor(INT64_MAX, 2, 1));
    expect_assert_failure(tn_mul_div_ceil(INT64_MAX, 2, 1));
    expect_assert_failure(tn_mul_div_floor(INT64_MIN, -1, 1));
    expect_assert_failure(tn_mul_div_floor(INT64_MIN, 3, 2));
    expect_assert_failure(tn_mul_div_ceil(INT64_MIN, 3, 2));
    expect_assert_failure(tn_mul_div_floor(1, 1, 0));
    expect_assert_failure(tn_mul_div_ceil(1, 1, -1));
    expect_assert_failure(tn_mul_div_ceil(INT64_MIN, INT64_MIN, INT64_MAX));
}

static void test_notional_refuses_exactly_what_does_not_fit(void **state)
{
    (void)state;
    tn_micros notional;
    assert_true(tn_notional(1, 1, INT64_MAX, &notional) && notional == INT64_MAX);
    assert_true(tn_notional(-(INT64_C(1) << 31), INT64_C(1) << 32, 1, &notional));
    assert_true(notional == INT64_MIN);
    assert_false(tn_notional(INT64_C(1) << 31, INT64_C(1) << 32, 1, &notional));
    assert_false(tn_notional(INT64_C(1) << 40, 1, INT64_C(1) << 23, &notional));
    assert_false(tn_notional(INT64_MIN, -1, 1, &notional));

    uint64_t random = test_seed("test_base_money");
    uint32_t fitting = 0, refused = 0;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        tn_ticks price = random_i64(&random) >> tn_random_below(&random, 40);
        tn_lots quantity = random_i64(&random) >> tn_random_below(&random, 40);
        tn_micros per_tick = random_i64(&random) >> tn_random_below(&random, 40);
        if (per_tick < 1) continue;
        tn_i128 ticks = (tn_i128)price * quantity;
        bool expected = fits(ticks) && fits(ticks * per_tick);
        assert_int_equal(tn_notional(price, quantity, per_tick, &notional), expected);
        if (expected) {
            assert_true(notional == ticks * per_tick);
            fitting++;
        } else {
            refused++;
        }
    }
    assert_true(fitting > ROUNDS / 20 && refused > ROUNDS / 20);
}

static void test_align_rounds_up_to_whole_cache_lines(void **state)
{
    (void)state;
    for (size_t size = 0; size < 1000; size++) {
        size_t aligned = tn_align(size);
        assert_true(aligned % 64 == 0 && aligned >= size && aligned < size + 64);
    }
}

static void test_random_is_splitmix64(void **state)
{
    (void)state;
    uint64_t random = 0;
    assert_true(tn_random_next(&random) == UINT64_C(0xE220A8397B1DCDAF));
    assert_true(tn_random_next(&random) == UINT64_C(0x6E789E6AA1B965F4));
    assert_true(tn_random_next(&random) == UINT64_C(0x06C45D188009454F));
}

static void test_random_below_reaches_every_value_and_never_the_bound(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_base_money");
    for (uint64_t bound = 1; bound <= 40; bound++) {
        uint64_t reached = 0;
        for (uint32_t i = 0; i < 4000; i++) {
            uint64_t value = tn_random_below(&random, bound);
            assert_true(value < bound);
            reached |= UINT64_C(1) << value;
        }
        assert_true(reached == (UINT64_C(1) << bound) - 1);
    }
}

static void test_digest_tells_apart_order_length_and_single_bits(void **state)
{
    (void)state;
    uint64_t values[64 + 4];
    uint32_t count = 0;
    for (uint32_t bit = 0; bit < 64; bit++) {
        struct tn_digest digest = {0};
        tn_digest_u64(&digest, UINT64_C(1) << bit);
        values[count++] = digest.value;
    }
    struct tn_digest forth = {0}, back = {0}, once = {0}, negative = {0};
    tn_digest_u64(&forth, 1), tn_digest_u64(&forth, 2);
    tn_digest_u64(&back, 2), tn_digest_u64(&back, 1);
    tn_digest_u64(&once, 3);
    tn_digest_i64(&negative, -1);
    values[count++] = forth.value, values[count++] = back.value;
    values[count++] = once.value, values[count++] = negative.value;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < i; j++)
            assert_true(values[i] != values[j]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mul_div_rounds_negative_results_down_and_up_as_named),
        cmocka_unit_test(test_mul_div_is_exact_beyond_64_bits),
        cmocka_unit_test(test_mul_div_matches_the_meaning_of_rounding_on_random_products),
        cmocka_unit_test(test_mul_div_stops_when_the_result_or_the_divisor_is_impossible),
        cmocka_unit_test(test_notional_refuses_exactly_what_does_not_fit),
        cmocka_unit_test(test_align_rounds_up_to_whole_cache_lines),
        cmocka_unit_test(test_random_is_splitmix64),
        cmocka_unit_test(test_random_below_reaches_every_value_and_never_the_bound),
        cmocka_unit_test(test_digest_tells_apart_order_length_and_single_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
