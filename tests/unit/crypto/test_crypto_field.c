/* The field and the numbers modulo the curve's order, against arithmetic bit by bit: values that
 * carries run through in every pair, and random ones. */
#include "crypto/field.h"
#include "crypto/inverse.h"
#include "crypto/scalar.h"
#include "number_twin.h"

enum { ROUNDS = 2000 };

static struct tn_field to_field(const struct number *a)
{
    struct tn_field made;
    memcpy(made.words, a->words, sizeof(made.words));
    return made;
}

/* The value of any spelling. */
static struct number value_of(const struct tn_field *a)
{
    struct number value;
    memcpy(value.words, a->words, sizeof(value.words));
    return number_modulo(value, &PRIME);
}

static void assert_number(const struct number *found, const struct number *expected,
                          const char *what, const struct number *a, const struct number *b)
{
    if (number_equal(found, expected)) return;
    fail_msg("%s of %016" PRIx64 "%016" PRIx64 "%016" PRIx64 "%016" PRIx64 " and %016" PRIx64
             "%016" PRIx64 "%016" PRIx64 "%016" PRIx64,
             what, a->words[3], a->words[2], a->words[1], a->words[0], b->words[3], b->words[2],
             b->words[1], b->words[0]);
}

/* ---- The field ------------------------------------------------------------------------------- */

static void assert_sums(const struct number *a, const struct number *b)
{
    struct tn_field x = to_field(a), y = to_field(b), made;
    struct number va = value_of(&x), vb = value_of(&y), found;
    struct number expected = modulo_add(va, vb, &PRIME);
    tn_field_add(&made, &x, &y);
    found = value_of(&made);
    assert_number(&found, &expected, "the sum", a, b);
    expected = modulo_add(va, modulo_negate(vb, &PRIME), &PRIME);
    tn_field_subtract(&made, &x, &y);
    found = value_of(&made);
    assert_number(&found, &expected, "the difference", a, b);
    assert_true(tn_field_is_zero(&made) == number_equal(&va, &vb));
    assert_true(tn_field_is_equal(&x, &y) == number_equal(&va, &vb));
    expected = modulo_negate(vb, &PRIME);
    tn_field_negate(&made, &y);
    found = value_of(&made);
    assert_number(&found, &expected, "the negative", a, b);
}

static void assert_products(const struct number *a, const struct number *b)
{
    struct tn_field x = to_field(a), y = to_field(b), made;
    struct number va = value_of(&x), vb = value_of(&y), found;
    struct number expected = modulo_multiply(va, vb, &PRIME);
    tn_field_multiply(&made, &x, &y);
    found = value_of(&made);
    assert_number(&found, &expected, "the product", a, b);
    expected = modulo_multiply(va, va, &PRIME);
    tn_field_square(&made, &x);
    found = value_of(&made);
    assert_number(&found, &expected, "the square", a, a);
    tn_field_square(&x, &x); /* in place */
    assert_memory_equal(&x, &made, sizeof(x));
}

static void test_crypto_field_computes_modulo_p(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_field");
    for (uint32_t i = 0; i < NUMBER_SPECIALS; i++) {
        for (uint32_t j = 0; j < NUMBER_SPECIALS; j++) {
            struct number a = number_special(i), b = number_special(j);
            assert_sums(&a, &b);
            if ((i * 7 + j) % 4 == 0 || i < 14 || j < 14) assert_products(&a, &b);
        }
    }
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct number a = number_random(&random), b = number_random(&random);
        for (uint32_t j = 0; j < 8; j++) {
            assert_sums(&a, &b);
            b = number_random(&random);
        }
        assert_products(&a, &b);
    }
}

/* a × (2^32 + 977) modulo 2^256, and what is above. */
static struct number times_fold(uint64_t *above, const struct number *a)
{
    struct number product = {{0}};
    *above = 0;
    for (uint32_t bit = 33; bit-- > 0;) {
        *above = 2 * *above + number_add(&product, &product, &product);
        if (UINT64_C(0x1000003D1) >> bit & 1) *above += number_add(&product, &product, a);
    }
    return product;
}

static void assert_reduced_wide(const struct number *lower, const struct number *upper)
{
    struct number fold = number_of(UINT64_C(0x1000003D1)); /* 2^256 modulo p */
    struct number expected =
        modulo_add(modulo_multiply(number_modulo(*upper, &PRIME), fold, &PRIME),
                   number_modulo(*lower, &PRIME), &PRIME);
    const uint64_t *l = lower->words, *u = upper->words;
    struct tn_field made;
    tn_field_reduce_wide(&made, l[0], l[1], l[2], l[3], u[0], u[1], u[2], u[3]);
    struct number found = value_of(&made);
    assert_number(&found, &expected, "512 bits", upper, lower);
}

/* After the first fold the words are as chosen here: so that the second one runs on through one,
 * two, three words or all of them. */
static void test_crypto_field_reduces_what_carries_run_through(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_field");
    struct number ones = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
    assert_reduced_wide(&ones, &ones);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct number upper = number_random(&random), lower, after = number_random(&random);
        uint32_t full_words = i % 4;
        for (uint32_t word = 1; word <= full_words; word++)
            after.words[word] = UINT64_MAX;
        if (i % 3 != 0) after.words[0] = UINT64_MAX - tn_random_below(&random, 3);
        uint64_t above, ignored;
        struct number folded = times_fold(&above, &upper);
        number_take(&lower, &after, &folded);
        assert_reduced_wide(&lower, &upper);
        /* Once more past the top, with so much in the first word that the last fold overflows it.
         */
        struct number carry = number_of(above + i % 2), left = number_of(UINT64_MAX - i % 5);
        struct number twice_folded = times_fold(&ignored, &carry);
        number_take(&after, &left, &twice_folded);
        number_take(&lower, &after, &folded);
        assert_reduced_wide(&lower, &upper);
    }
}

static void test_crypto_field_knows_the_two_spellings_of_a_value(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < NUMBER_SPECIALS; i++) {
        struct number a = number_special(i), value = number_modulo(a, &PRIME);
        struct tn_field x = to_field(&a), reduced = x;
        tn_field_reduce(&reduced);
        assert_memory_equal(reduced.words, value.words, sizeof(value.words));
        assert_true(tn_field_is_over(&x) == !number_equal(&a, &value));
        assert_true(tn_field_is_equal(&x, &reduced));
    }
    struct tn_field zero = {{0}}, prime = to_field(&PRIME);
    assert_true(tn_field_is_zero(&zero) && tn_field_is_zero(&prime));
    assert_true(tn_field_is_equal(&zero, &prime));
}

static void test_crypto_field_reads_big_endian_bytes(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_field");
    for (uint32_t i = 0; i < 20; i++) {
        struct number a = number_random(&random);
        uint8_t bytes[32];
        struct tn_field read;
        number_to_bytes(bytes, &a);
        tn_field_from_bytes(&read, bytes);
        assert_memory_equal(read.words, a.words, sizeof(a.words));
    }
}

/* ---- Inverses -------------------------------------------------------------------------------- */

static void assert_inverse(const struct tn_modulus *modulus, const struct number *m,
                           struct number a)
{
    struct number inverse, zero = {{0}}, one = number_of(1);
    a = number_modulo(a, m);
    if (number_equal(&a, &zero)) return;
    tn_modulus_invert(modulus, inverse.words, a.words);
    assert_true(number_below(&inverse, m));
    struct number product = modulo_multiply(a, inverse, m);
    assert_number(&product, &one, "1 / a times a", &a, &inverse);
}

static void test_crypto_inverses_are_inverses(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_field");
    for (uint32_t i = 0; i < NUMBER_SPECIALS + ROUNDS; i++) {
        struct number a = i < NUMBER_SPECIALS ? number_special(i) : number_random(&random);
        assert_inverse(&tn_modulus_field, &PRIME, a);
        assert_inverse(&tn_modulus_order, &ORDER, a);
    }
}

/* ---- Modulo n -------------------------------------------------------------------------------- */

static struct tn_scalar to_scalar(const struct number *a)
{
    struct number reduced = number_modulo(*a, &ORDER);
    struct tn_scalar made;
    memcpy(made.words, reduced.words, sizeof(made.words));
    return made;
}

static void assert_scalars(const struct number *a, const struct number *b)
{
    struct tn_scalar x = to_scalar(a), y = to_scalar(b), made;
    struct number expected =
        modulo_multiply(number_modulo(*a, &ORDER), number_modulo(*b, &ORDER), &ORDER);
    struct number found;
    tn_scalar_multiply(&made, &x, &y);
    memcpy(found.words, made.words, sizeof(found.words));
    assert_number(&found, &expected, "the product modulo n", a, b);
}

static void test_crypto_scalars_multiply_modulo_n(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_field");
    for (uint32_t i = 0; i < NUMBER_SPECIALS; i++) {
        for (uint32_t j = i % 3; j < NUMBER_SPECIALS; j += 3) {
            struct number a = number_special(i), b = number_special(j);
            assert_scalars(&a, &b);
        }
    }
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct number a = number_random(&random), b = number_random(&random);
        assert_scalars(&a, &b);
    }
}

/* Twice the number, without losing its upper bit, is compared with n. */
static bool is_more_than_half(const struct number *a)
{
    struct number twice;
    return number_add(&twice, a, a) || number_below(&ORDER, &twice);
}

static void test_crypto_scalars_are_read_within_their_bounds(void **state)
{
    (void)state;
    struct number half = ORDER; /* (n - 1) / 2 and what is beside it */
    for (uint32_t i = 0; i < 4; i++)
        half.words[i] = half.words[i] >> 1 | (i < 3 ? half.words[i + 1] << 63 : 0);
    for (uint32_t i = 0; i < NUMBER_SPECIALS + 3; i++) {
        struct number a = i < NUMBER_SPECIALS ? number_special(i) : half, one = number_of(1);
        if (i == NUMBER_SPECIALS + 1) number_add(&a, &a, &one);
        if (i == NUMBER_SPECIALS + 2) number_take(&a, &a, &one);
        struct number value = number_modulo(a, &ORDER), zero = {{0}};
        struct tn_scalar read;
        uint8_t bytes[32];
        number_to_bytes(bytes, &a);
        tn_scalar_from_digest(&read, bytes);
        assert_memory_equal(read.words, value.words, sizeof(value.words));
        bool is_one = tn_scalar_from_bytes(&read, bytes);
        assert_true(is_one == number_below(&a, &ORDER));
        if (!is_one) continue;
        assert_memory_equal(read.words, a.words, sizeof(a.words));
        assert_true(tn_scalar_is_zero(&read) == number_equal(&a, &zero));
        assert_true(tn_scalar_is_high(&read) == is_more_than_half(&a));
    }
}

/* ---- Halves ---------------------------------------------------------------------------------- */

static struct number value_of_half(const struct tn_scalar_half *half)
{
    struct number value = {{half->words[0], half->words[1], 0, 0}};
    return half->is_negative ? modulo_negate(value, &ORDER) : value;
}

static void assert_split(const struct number *number)
{
    struct tn_scalar_half halves[2];
    struct tn_scalar k = to_scalar(number);
    struct number expected = number_modulo(*number, &ORDER);
    tn_scalar_split(halves, &k);
    struct number found =
        modulo_add(value_of_half(&halves[0]),
                   modulo_multiply(value_of_half(&halves[1]), LAMBDA, &ORDER), &ORDER);
    assert_number(&found, &expected, "the halves", number, number);
    assert_true(halves[0].words[1] <= TN_SCALAR_HALF_TOP);
    assert_true(halves[1].words[1] <= TN_SCALAR_HALF_TOP);
}

static void test_crypto_scalars_are_split_into_short_halves(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_field");
    for (uint32_t i = 0; i < NUMBER_SPECIALS + ROUNDS; i++) {
        struct number a = i < NUMBER_SPECIALS ? number_special(i) : number_random(&random);
        assert_split(&a);
    }
}

/* Half of each short vector of the lattice, together: nothing is further from all of its points, so
 * here the halves are longest and what is rounded is nearest to the middle. */
static void test_crypto_the_longest_halves_keep_their_bound(void **state)
{
    (void)state;
    static const struct {
        struct number first, second;
        bool is_second_negative;
    } corners[] = {
        {{{UINT64_C(0x2016D0B917E4DD76), UINT64_C(0xA2A8918CA85BAFE2), 0, 0}},
         {{UINT64_C(0x4373F7623C1D7CD7), UINT64_C(0x59DE565A2C9D0E2D), 0, 0}},
         true},
        {{{UINT64_C(0x37AA3FD4855FF261), UINT64_C(0x7221BF6B00874414), 0, 0}},
         {{UINT64_C(0x2BE08846CEA267EC), UINT64_C(0x8A65287BD47179FB), 0, 0}},
         false},
    };
    for (uint32_t i = 0; i < 2 * 7 * 7 * 2; i++) {
        struct number first = corners[i % 2].first, second = corners[i % 2].second;
        first.words[0] += i / 2 % 7 - 3;
        second.words[0] += i / 14 % 7 - 3;
        if (corners[i % 2].is_second_negative) second = modulo_negate(second, &ORDER);
        struct number k = modulo_add(first, modulo_multiply(second, LAMBDA, &ORDER), &ORDER);
        if (i / 98 == 1) k = modulo_negate(k, &ORDER);
        assert_split(&k);
    }
}

static void assert_digits(const struct tn_scalar_half *half, uint32_t bits)
{
    int16_t digits[64];
    const uint32_t count = (128 + bits - 1) / bits;
    const int32_t largest = 1 << (bits - 1);
    tn_scalar_digits(digits, count, bits, half);
    /* Σ digits × 2^(bits × i), from the top, modulo 2^256. */
    struct number sum = {{0}}, expected = {{half->words[0], half->words[1], 0, 0}};
    for (uint32_t i = count; i-- > 0;) {
        int32_t digit = half->is_negative ? -digits[i] : digits[i];
        struct number size = number_of((uint64_t)(digit < 0 ? -digit : digit));
        for (uint32_t bit = 0; bit < bits; bit++)
            number_add(&sum, &sum, &sum);
        if (digit < 0)
            number_take(&sum, &sum, &size);
        else
            number_add(&sum, &sum, &size);
        assert_true(i + 1 == count ? digit >= 0 : digit > -largest && digit <= largest);
    }
    assert_number(&sum, &expected, "the digits", &expected, &expected);
    /* The last one has an entry in a table: multiples.h. */
    uint32_t last = (uint32_t)abs(digits[count - 1]);
    assert_true(last <= (TN_SCALAR_HALF_TOP >> (bits * (count - 1) - 64)) + 1);
}

static void test_crypto_digits_add_up_to_their_half(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_field");
    for (uint32_t bits = 4; bits <= 13; bits++) {
        for (uint32_t i = 0; i < 500; i++) {
            struct number a = i < NUMBER_SPECIALS ? number_special(i) : number_random(&random);
            struct tn_scalar_half half = {{a.words[0], a.words[1]}, i % 2 == 1};
            if (half.words[1] > TN_SCALAR_HALF_TOP) half.words[1] = TN_SCALAR_HALF_TOP;
            assert_digits(&half, bits);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crypto_field_computes_modulo_p),
        cmocka_unit_test(test_crypto_field_reduces_what_carries_run_through),
        cmocka_unit_test(test_crypto_field_knows_the_two_spellings_of_a_value),
        cmocka_unit_test(test_crypto_field_reads_big_endian_bytes),
        cmocka_unit_test(test_crypto_inverses_are_inverses),
        cmocka_unit_test(test_crypto_scalars_multiply_modulo_n),
        cmocka_unit_test(test_crypto_scalars_are_read_within_their_bounds),
        cmocka_unit_test(test_crypto_scalars_are_split_into_short_halves),
        cmocka_unit_test(test_crypto_the_longest_halves_keep_their_bound),
        cmocka_unit_test(test_crypto_digits_add_up_to_their_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
