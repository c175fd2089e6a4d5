/* Series ids: the packed layout, and the bijection with possible terms. */
#include "tenor/product.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "seed.h"

static const struct vector {
    uint64_t id;
    struct tn_series_terms terms;
} vectors[] = {
    /* the same as in docs/products.md */
    {UINT64_C(0x0020000000000000), {1, TN_PERPETUAL, 0, 0}},
    {UINT64_C(0x00289f6000000000), {1, TN_FUTURE, 2550, 0}},
    {UINT64_C(0x00309f603b9aca00), {1, TN_CALL, 2550, 1000000000}},
    {UINT64_C(0x00389f603b9aca00), {1, TN_PUT, 2550, 1000000000}},
    {UINT64_C(0xfff8001000000001), {2047, TN_PUT, 1, 1}},
    {UINT64_C(0xffff223fffffffff), {2047, TN_PUT, 29219, TN_STRIKE_MAX}},
};

static bool same(const struct tn_series_terms *a, const struct tn_series_terms *b)
{
    return a->underlying == b->underlying && a->kind == b->kind && a->expiry_day == b->expiry_day &&
           a->strike == b->strike;
}

static void test_series_ids_have_the_published_bits(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        uint64_t id = 0;
        struct tn_series_terms terms;
        assert_true(tn_series_pack(&id, &vectors[i].terms));
        if (id != vectors[i].id) fail_msg("vector %zu packs to %016" PRIx64, i, id);
        assert_true(tn_series_unpack(&terms, vectors[i].id));
        assert_true(same(&terms, &vectors[i].terms));
    }
}

static void test_series_pack_accepts_exactly_the_possible_terms_at_every_limit(void **state)
{
    (void)state;
    static const uint16_t underlyings[] = {0, 1, 2, 2046, 2047, 2048, UINT16_MAX};
    static const uint16_t days[] = {0, 1, 2550, 29219, 29220, 32767, 32768, UINT16_MAX};
    static const uint64_t strikes[] = {
        0, 1, 1000000000, TN_STRIKE_MAX, TN_STRIKE_MAX + 1, UINT64_C(1) << 51, UINT64_MAX};
    uint32_t packed = 0;
    for (uint32_t at = 0; at < 7u * 256u * 8u * 7u; at++) {
        struct tn_series_terms terms = {.underlying = underlyings[at % 7],
                                        .kind = (uint8_t)(at / 7 % 256),
                                        .expiry_day = days[at / 7 / 256 % 8],
                                        .strike = strikes[at / 7 / 256 / 8]};
        bool dated = terms.expiry_day >= 1 && terms.expiry_day <= 29219;
        bool struck = terms.strike >= 1 && terms.strike < UINT64_C(1) << 36;
        bool possible = (terms.kind == 0 && terms.expiry_day == 0 && terms.strike == 0) ||
                        (terms.kind == 1 && dated && terms.strike == 0) ||
                        ((terms.kind == 2 || terms.kind == 3) && dated && struck);
        possible = possible && terms.underlying >= 1 && terms.underlying <= 2047;

        uint64_t id = 42;
        struct tn_series_terms back;
        assert_int_equal(tn_series_pack(&id, &terms), possible);
        if (!possible) {
            assert_true(id == 42);
            continue;
        }
        packed++;
        assert_true(tn_series_unpack(&back, id) && same(&back, &terms));
        assert_int_equal(tn_series_underlying(id), terms.underlying);
        assert_int_equal(tn_series_kind(id), terms.kind);
        assert_int_equal(tn_series_expiry_day(id), terms.expiry_day);
        assert_true(tn_series_strike(id) == terms.strike);
        assert_int_equal(tn_series_is_option(id), terms.kind >= 2);
    }
    assert_int_equal(packed, 4 * (1 + 3 + 2 * 3 * 3));
}

/* Any 64 bits, and ids one bit or one step away from possible ones. */
static void test_series_unpack_accepts_exactly_what_pack_returns(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_product_series");
    uint32_t accepted = 0, refused = 0;
    for (uint32_t round = 0; round < 300000; round++) {
        uint64_t id = tn_random_next(&random);
        if (round % 2 == 0) id &= ~(TN_STRIKE_MAX << (tn_random_below(&random, 37)));
        if (round % 3 == 0) id = vectors[round % 6].id ^ UINT64_C(1) << (id % 64);
        struct tn_series_terms terms = {.underlying = 7, .kind = 9};
        uint64_t back = ~id;
        if (tn_series_unpack(&terms, id)) {
            assert_true(tn_series_pack(&back, &terms) && back == id);
            accepted++;
        } else {
            assert_true(terms.underlying == 7 && terms.kind == 9); /* left alone */
            terms = (struct tn_series_terms){.underlying = (uint16_t)(id >> 53),
                                             .kind = (uint8_t)(id >> 51 & 3),
                                             .expiry_day = (uint16_t)(id >> 36 & 0x7fff),
                                             .strike = id & TN_STRIKE_MAX};
            assert_false(tn_series_pack(&back, &terms));
            refused++;
        }
    }
    assert_true(accepted > 10000 && refused > 10000);
    struct tn_series_terms terms;
    assert_false(tn_series_unpack(&terms, 0));
    assert_false(tn_series_unpack(&terms, UINT64_MAX));
}

static struct tn_series_terms random_terms(uint64_t *random)
{
    struct tn_series_terms terms = {.underlying = (uint16_t)(1 + tn_random_below(random, 3)),
                                    .kind = (uint8_t)tn_random_below(random, 4)};
    if (terms.kind != TN_PERPETUAL) {
        terms.expiry_day = (uint16_t)(1 + tn_random_below(random, 3));
    }
    if (terms.kind >= TN_CALL) terms.strike = 1 + tn_random_below(random, 3);
    return terms;
}

static void test_series_ids_sort_by_underlying_kind_expiry_strike(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_product_series");
    for (uint32_t round = 0; round < 20000; round++) {
        struct tn_series_terms a = random_terms(&random), b = random_terms(&random);
        uint64_t id_a = 0, id_b = 0;
        assert_true(tn_series_pack(&id_a, &a));
        assert_true(tn_series_pack(&id_b, &b));
        int order = a.underlying != b.underlying   ? a.underlying - b.underlying
                    : a.kind != b.kind             ? a.kind - b.kind
                    : a.expiry_day != b.expiry_day ? a.expiry_day - b.expiry_day
                                                   : (int)a.strike - (int)b.strike;
        assert_int_equal(id_a < id_b, order < 0);
        assert_int_equal(id_a == id_b, order == 0);
    }
}

static void test_series_expire_at_eight_in_the_morning(void **state)
{
    (void)state;
    assert_true(tn_series_expiry_ms(vectors[0].id) == INT64_MAX);
    assert_true(tn_series_expiry_ms(vectors[1].id) == INT64_C(1798185600000)); /* 25 Dec 2026 */
    assert_true(tn_series_expiry_ms(vectors[2].id) == INT64_C(1798185600000));
    assert_true(tn_series_expiry_ms(vectors[4].id) == INT64_C(1577952000000)); /* 2 Jan 2020 */
    assert_true(tn_series_expiry_ms(vectors[5].id) == INT64_C(4102387200000)); /* 31 Dec 2099 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_series_ids_have_the_published_bits),
        cmocka_unit_test(test_series_pack_accepts_exactly_the_possible_terms_at_every_limit),
        cmocka_unit_test(test_series_unpack_accepts_exactly_what_pack_returns),
        cmocka_unit_test(test_series_ids_sort_by_underlying_kind_expiry_strike),
        cmocka_unit_test(test_series_expire_at_eight_in_the_morning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
