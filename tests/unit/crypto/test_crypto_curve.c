/* Points, tables of multiples and checks by them, against libsecp256k1: every entry of a table,
 * keys and signatures made so that sums meet themselves, their opposites and infinity. */
#include "crypto/ecdsa.h"
#include "number_twin.h"

#include <secp256k1.h>

static secp256k1_context *library;
static struct tn_signatures real;
static struct tn_curve_affine *of_generator;

static struct tn_curve_affine *room_for_table(uint32_t bits)
{
    size_t size = tn_multiples_count(bits) * sizeof(struct tn_curve_affine);
    struct tn_curve_affine *table = aligned_alloc(64, size);
    assert_non_null(table);
    return table;
}

static int set_up(void **state)
{
    (void)state;
    static _Alignas(16) uint8_t memory[1024];
    assert_true(tn_signatures_size() <= sizeof(memory));
    tn_signatures_real(&real, memory);
    library = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    of_generator = room_for_table(TN_MULTIPLES_GENERATOR_BITS);
    tn_multiples_make(of_generator, TN_MULTIPLES_GENERATOR_BITS, &tn_curve_generator);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(of_generator);
    secp256k1_context_destroy(library);
    return 0;
}

/* Modulo n by the module's own functions, which test_crypto_field holds against their twins. */
static struct number multiply(struct number a, struct number b)
{
    struct tn_scalar x, y;
    memcpy(x.words, a.words, sizeof(x.words));
    memcpy(y.words, b.words, sizeof(y.words));
    tn_scalar_multiply(&x, &x, &y);
    memcpy(a.words, x.words, sizeof(a.words));
    return a;
}

static struct number invert(struct number a)
{
    struct tn_scalar x;
    memcpy(x.words, a.words, sizeof(x.words));
    tn_scalar_invert(&x, &x);
    memcpy(a.words, x.words, sizeof(a.words));
    return a;
}

/* ---- The library's points -------------------------------------------------------------------- */

static struct tn_curve_affine to_affine(const secp256k1_pubkey *key)
{
    uint8_t bytes[65];
    size_t size = sizeof(bytes);
    struct tn_curve_affine point;
    secp256k1_ec_pubkey_serialize(library, bytes, &size, key, SECP256K1_EC_UNCOMPRESSED);
    tn_field_from_bytes(&point.x, bytes + 1);
    tn_field_from_bytes(&point.y, bytes + 33);
    return point;
}

/* scalar × G; the scalar is not 0 modulo n. */
static secp256k1_pubkey key_of(const struct number *scalar)
{
    secp256k1_pubkey key;
    uint8_t bytes[32];
    number_to_bytes(bytes, scalar);
    assert_int_equal(secp256k1_ec_pubkey_create(library, &key, bytes), 1);
    return key;
}

static struct tn_curve_affine point_of(const struct number *scalar)
{
    secp256k1_pubkey key = key_of(scalar);
    return to_affine(&key);
}

static struct number random_scalar(uint64_t *random)
{
    struct number a;
    for (uint32_t i = 0; i < 4; i++)
        a.words[i] = tn_random_next(random);
    return number_modulo(a, &ORDER);
}

/* Is the point scalar × G? */
static void assert_multiple(const struct tn_curve_point *point, const struct number *scalar)
{
    struct number zero = {{0}};
    assert_true(point->is_infinity == number_equal(scalar, &zero));
    if (point->is_infinity) return;
    struct tn_curve_affine expected = point_of(scalar);
    struct tn_field zz, made;
    tn_field_square(&zz, &point->z);
    tn_field_multiply(&made, &expected.x, &zz);
    assert_true(tn_field_is_equal(&made, &point->x));
    tn_field_multiply(&made, &expected.y, &zz);
    tn_field_multiply(&made, &made, &point->z);
    assert_true(tn_field_is_equal(&made, &point->y));
}

/* ---- The group ------------------------------------------------------------------------------- */

static void test_crypto_points_are_told_from_others(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_curve");
    for (uint32_t i = 0; i < 20; i++) {
        struct number scalar = random_scalar(&random);
        struct tn_curve_affine point = i == 0 ? tn_curve_generator : point_of(&scalar);
        assert_true(tn_curve_holds(&point));
        uint32_t bit = (uint32_t)tn_random_below(&random, 256);
        point.y.words[bit / 64] ^= UINT64_C(1) << bit % 64;
        assert_false(tn_curve_holds(&point));
        point.y.words[bit / 64] ^= UINT64_C(1) << bit % 64;
        point.x.words[bit / 64] ^= UINT64_C(1) << bit % 64;
        assert_false(tn_curve_holds(&point));
    }
}

/* A walk among few multiples of G, so that a sum is often met again, or its opposite. */
static void test_crypto_sums_of_points_are_the_librarys(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_curve");
    struct tn_curve_point sum = {.is_infinity = true};
    struct number scalar = {{0}};
    uint32_t doubled_count = 0, cancelled_count = 0;
    for (uint32_t i = 0; i < 3000; i++) {
        struct number step = number_of(1 + tn_random_below(&random, 4));
        if (tn_random_below(&random, 50) == 0) step = random_scalar(&random);
        bool is_negative = tn_random_below(&random, 2) == 0;
        if (tn_random_below(&random, 40) == 0 && !sum.is_infinity) { /* back to the beginning */
            step = scalar;
            is_negative = true;
        }
        struct tn_curve_affine affine = point_of(&step);
        struct number taken = is_negative ? modulo_negate(step, &ORDER) : step;
        doubled_count += number_equal(&scalar, &taken);
        scalar = modulo_add(scalar, taken, &ORDER);
        cancelled_count += number_equal(&scalar, &(struct number){{0}});
        tn_curve_add(&sum, &affine, is_negative);
        assert_multiple(&sum, &scalar);
        if (tn_random_below(&random, 10) == 0) {
            tn_curve_double(&sum);
            scalar = modulo_add(scalar, scalar, &ORDER);
            assert_multiple(&sum, &scalar);
        }
        if (tn_random_below(&random, 10) == 0 && !sum.is_infinity) {
            tn_curve_times_lambda(&sum);
            scalar = multiply(scalar, LAMBDA);
            assert_multiple(&sum, &scalar);
        }
    }
    assert_true(doubled_count > 10);
    assert_true(cancelled_count > 10);
}

/* ---- Sums of lists --------------------------------------------------------------------------- */

enum { SMALL = 4 };

/* Lists of a few small multiples of G, so that in every round points meet themselves and their
 * opposites, and whole lists come to nothing. */
static void fill_lists(struct tn_sums *sums, struct number scalars[TN_SUMS_LISTS_MAX],
                       const struct tn_curve_affine points[SMALL], uint64_t *random)
{
    const uint32_t lists_count = 1 + (uint32_t)tn_random_below(random, TN_SUMS_LISTS_MAX);
    const uint64_t kinds = 1 + tn_random_below(random, SMALL);
    tn_sums_begin(sums);
    for (uint32_t i = 0; i < lists_count; i++) {
        const uint64_t count = tn_random_below(random, TN_SUMS_LIST_MAX + 1);
        tn_sums_open(sums);
        scalars[i] = number_of(0);
        for (uint64_t k = 0; k < count; k++) {
            const uint64_t kind = tn_random_below(random, kinds);
            const bool is_negative = tn_random_below(random, 3) == 0;
            struct number step = number_of(kind + 1);
            if (is_negative) step = modulo_negate(step, &ORDER);
            scalars[i] = modulo_add(scalars[i], step, &ORDER);
            tn_sums_put(sums, &points[kind], is_negative);
        }
    }
}

static void test_crypto_sums_of_lists_are_those_of_their_points(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_curve");
    static struct tn_sums sums;
    struct number scalars[TN_SUMS_LISTS_MAX], zero = {{0}};
    struct tn_curve_affine points[SMALL];
    uint32_t shortened_count = 0, infinite_count = 0;
    for (uint32_t i = 0; i < SMALL; i++) {
        struct number scalar = number_of(i + 1);
        points[i] = point_of(&scalar);
    }
    for (uint32_t round = 0; round < 400; round++) {
        fill_lists(&sums, scalars, points, &random);
        const uint32_t before = sums.terms_count;
        uint32_t first = 0;
        tn_sums_shorten(&sums);
        shortened_count += sums.terms_count < before;
        for (uint32_t i = 0; i < sums.lists_count; i++) {
            struct tn_curve_point sum = {.is_infinity = true};
            first = tn_sums_add(&sum, &sums, i, first);
            assert_multiple(&sum, &scalars[i]);
            infinite_count += before > 0 && number_equal(&scalars[i], &zero);
        }
        assert_int_equal(first, sums.terms_count);
    }
    assert_true(shortened_count > 300);
    assert_true(infinite_count > 50);
}

/* One point in one spelling or the other: the x of both are equal all the same. */
static void test_crypto_sums_know_both_spellings_of_a_point(void **state)
{
    (void)state;
    static const struct tn_field prime = {
        {UINT64_C(0xFFFFFFFEFFFFFC2F), UINT64_MAX, UINT64_MAX, UINT64_MAX}};
    static struct tn_sums sums;
    uint8_t bytes[33] = {2};
    secp256k1_pubkey low;
    do { /* an x that is so small that it has a second spelling */
        bytes[32]++;
    } while (secp256k1_ec_pubkey_parse(library, &low, bytes, sizeof(bytes)) != 1);
    const struct tn_curve_affine plain = to_affine(&low);
    struct tn_curve_affine other = plain;
    for (uint32_t i = 1; i < 4; i++)
        other.x.words[i] = prime.words[i];
    other.x.words[0] += prime.words[0];
    for (uint32_t is_opposite = 0; is_opposite < 2; is_opposite++) {
        tn_sums_begin(&sums);
        struct tn_curve_point expected = {.is_infinity = true}, made = expected;
        for (uint32_t list = 0; list < TN_SUMS_LISTS_MAX; list++) {
            tn_sums_open(&sums);
            tn_sums_put(&sums, &plain, false);
            tn_sums_put(&sums, &other, is_opposite);
        }
        tn_curve_add(&expected, &plain, false);
        tn_curve_add(&expected, &plain, is_opposite);
        tn_sums_shorten(&sums);
        assert_int_equal(sums.terms_count, is_opposite ? 0 : TN_SUMS_LISTS_MAX);
        tn_sums_add(&made, &sums, 0, 0);
        assert_true(made.is_infinity == expected.is_infinity);
        if (is_opposite) continue;
        struct tn_field zz, x; /* made is affine yet */
        tn_field_square(&zz, &expected.z);
        tn_field_multiply(&x, &made.x, &zz);
        assert_true(tn_field_is_equal(&x, &expected.x));
    }
}

/* ---- Tables ---------------------------------------------------------------------------------- */

/* Every entry: size × 2^(bits × window) times the point. */
static void assert_table(const struct tn_curve_affine *table, uint32_t bits,
                         const struct number *secret)
{
    const uint32_t windows = tn_multiples_windows(bits);
    struct number unit = *secret;
    uint32_t checked_count = 0;
    for (uint32_t window = 0; window < windows; window++) {
        bool is_last = window + 1 == windows;
        uint32_t count = is_last ? tn_multiples_last(bits) : 1u << (bits - 1);
        struct number scalar = {{0}};
        for (uint32_t i = 0; i < count; i++) {
            scalar = modulo_add(scalar, unit, &ORDER);
            struct tn_curve_affine expected = point_of(&scalar);
            assert_true(tn_field_is_equal(&table[checked_count].x, &expected.x));
            assert_true(tn_field_is_equal(&table[checked_count].y, &expected.y));
            checked_count++;
        }
        for (uint32_t bit = 0; bit < bits; bit++)
            unit = modulo_add(unit, unit, &ORDER);
    }
    assert_int_equal(checked_count, tn_multiples_count(bits));
}

static void test_crypto_tables_hold_every_multiple(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_curve");
    struct number one = number_of(1), scalar = random_scalar(&random);
    assert_table(of_generator, TN_MULTIPLES_GENERATOR_BITS, &one);
    for (uint32_t bits = 4; bits <= 8; bits++) {
        struct tn_curve_affine *table = room_for_table(bits), point = point_of(&scalar);
        tn_multiples_make(table, bits, &point);
        assert_table(table, bits, &scalar);
        free(table);
    }
}

/* ---- Checks ---------------------------------------------------------------------------------- */

struct key {
    secp256k1_pubkey point;
    struct tn_parsed_key parsed;
    struct tn_curve_affine *table;
};

static struct key make_key(const secp256k1_pubkey *point)
{
    struct key key = {.point = *point, .table = room_for_table(TN_MULTIPLES_KEY_BITS)};
    struct tn_public_key compressed;
    size_t size = sizeof(compressed.bytes);
    struct tn_curve_affine affine = to_affine(point);
    secp256k1_ec_pubkey_serialize(library, compressed.bytes, &size, point, SECP256K1_EC_COMPRESSED);
    assert_true(real.parse(real.context, &key.parsed, &compressed));
    tn_multiples_make(key.table, TN_MULTIPLES_KEY_BITS, &affine);
    return key;
}

static struct key make_key_of(const struct number *secret)
{
    secp256k1_pubkey point = key_of(secret);
    return make_key(&point);
}

/* What was checked last is checked again in groups: a check must not change by its neighbours. */
static struct {
    uint32_t count;
    bool by_library[TN_ECDSA_TOGETHER];
    struct tn_ecdsa_question questions[TN_ECDSA_TOGETHER];
    struct tn_hash digests[TN_ECDSA_TOGETHER];
    struct tn_signature signatures[TN_ECDSA_TOGETHER];
} group;

/* Groups of every size, as they come to be. */
static void check_group(void)
{
    bool good[TN_ECDSA_TOGETHER];
    tn_ecdsa_check_many(good, of_generator, group.questions, group.count);
    for (uint32_t i = 0; i < group.count; i++)
        assert_true(good[i] == group.by_library[i]);
    if (group.count == TN_ECDSA_TOGETHER) group.count = 0;
}

static bool check(const struct key *key, const struct tn_hash *digest,
                  const struct tn_signature *signature)
{
    bool by_library = real.verify_parsed(real.context, digest, signature, &key->parsed);
    bool by_table = tn_ecdsa_check(of_generator, key->table, digest, signature);
    assert_true(by_table == by_library);
    const uint32_t at = group.count++;
    group.by_library[at] = by_library;
    group.digests[at] = *digest;
    group.signatures[at] = *signature;
    group.questions[at] =
        (struct tn_ecdsa_question){key->table, &group.digests[at], &group.signatures[at]};
    check_group();
    return by_table;
}

/* No table is asked any more after that. */
static void free_key(struct key *key)
{
    group.count = 0;
    free(key->table);
    key->table = NULL;
}

/* The signature and digest for which u1 G + u2 Q is checked, where that sum has x modulo n = r. Of
 * the two that differ in the sign of s, hence of u1 and u2, the one with the low s. */
static void craft(struct tn_hash *digest, struct tn_signature *signature, const struct number *r,
                  const struct number *u1, const struct number *u2)
{
    struct number s = multiply(*r, invert(*u2));
    struct number z = multiply(*u1, s), doubled;
    if (number_add(&doubled, &s, &s) || number_below(&ORDER, &doubled)) {
        s = modulo_negate(s, &ORDER);
    }
    number_to_bytes(signature->bytes, r);
    number_to_bytes(signature->bytes + 32, &s);
    number_to_bytes(digest->bytes, &z);
}

static struct number x_modulo_order(const secp256k1_pubkey *point)
{
    struct tn_curve_affine affine = to_affine(point);
    struct number x;
    tn_field_reduce(&affine.x);
    memcpy(x.words, affine.x.words, sizeof(x.words));
    return number_modulo(x, &ORDER);
}

/* Multiples that are one entry, or a few: of a key that is itself a small multiple of G, or of
 * lambda times one, sums of them meet themselves and their opposites. */
static uint32_t small_scalars(struct number scalars[16])
{
    uint32_t count = 0;
    for (uint64_t small = 1; small <= 3; small++) {
        scalars[count++] = number_of(small);
        scalars[count] = number_of(small);
        scalars[count] = modulo_negate(scalars[count], &ORDER);
        count++;
    }
    scalars[count++] = number_of(32);
    scalars[count++] = number_of(33);
    scalars[count++] = LAMBDA;
    scalars[count++] = modulo_negate(LAMBDA, &ORDER);
    scalars[count++] = multiply(LAMBDA, LAMBDA);
    scalars[count++] = modulo_add(LAMBDA, number_of(1), &ORDER);
    scalars[count++] = modulo_add(LAMBDA, LAMBDA, &ORDER);
    scalars[count++] = (struct number){{0, UINT64_C(1) << 63, 0, 0}};
    scalars[count++] = (struct number){{0, 0, 1, 0}};
    scalars[count] = invert(number_of(2));
    return count + 1;
}

static void test_crypto_checks_agree_where_sums_meet_themselves(void **state)
{
    (void)state;
    struct number scalars[16], zero = {{0}};
    const uint32_t count = small_scalars(scalars);
    uint32_t good_count = 0, infinite_count = 0;
    for (uint32_t k = 0; k < count; k++) {
        struct key key = make_key_of(&scalars[k]);
        for (uint32_t i = 0; i < count * count; i++) {
            struct tn_hash digest;
            struct tn_signature signature;
            const struct number *u1 = &scalars[i / count], *u2 = &scalars[i % count];
            struct number sum = modulo_add(*u1, multiply(*u2, scalars[k]), &ORDER);
            bool is_infinite = number_equal(&sum, &zero);
            struct number r = number_of(1 + i);
            if (!is_infinite) {
                secp256k1_pubkey point = key_of(&sum);
                r = x_modulo_order(&point);
            }
            craft(&digest, &signature, &r, u1, u2);
            bool is_good = check(&key, &digest, &signature);
            assert_true(is_good == !is_infinite);
            good_count += is_good;
            infinite_count += is_infinite;
            signature.bytes[31] ^= 1;
            check(&key, &digest, &signature);
        }
        free_key(&key);
    }
    assert_true(good_count > 3000 && infinite_count > 20);
}

/* A digest of 0, of n and of 2^256 - 1: u1 is 0, or wraps. */
static void test_crypto_checks_agree_on_digests_of_zero_and_past_the_order(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_curve");
    struct number secret = random_scalar(&random);
    struct key key = make_key_of(&secret);
    struct tn_secret_key secret_key;
    number_to_bytes(secret_key.bytes, &secret);
    for (uint32_t i = 0; i < NUMBER_SPECIALS; i++) {
        struct number z = number_special(i);
        struct tn_hash digest;
        struct tn_signature signature;
        number_to_bytes(digest.bytes, &z);
        assert_true(real.sign(real.context, &signature, &digest, &secret_key));
        assert_true(check(&key, &digest, &signature));
        /* The same modulo n in another spelling. */
        struct number value = number_modulo(z, &ORDER);
        number_to_bytes(digest.bytes, &value);
        assert_true(check(&key, &digest, &signature));
    }
    free_key(&key);
}

static void test_crypto_checks_refuse_numbers_out_of_range(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_curve");
    struct number secret = random_scalar(&random);
    struct key key = make_key_of(&secret);
    struct tn_secret_key secret_key;
    struct tn_hash digest = {{3}};
    struct tn_signature good;
    number_to_bytes(secret_key.bytes, &secret);
    assert_true(real.sign(real.context, &good, &digest, &secret_key));
    for (uint32_t i = 0; i < 2 * NUMBER_SPECIALS; i++) {
        struct tn_signature bad = good;
        struct number value = number_special(i / 2);
        number_to_bytes(bad.bytes + 32 * (size_t)(i % 2), &value);
        assert_false(check(&key, &digest, &bad));
    }
    struct tn_signature high = good;
    struct number s = number_from_bytes(good.bytes + 32);
    s = modulo_negate(s, &ORDER);
    number_to_bytes(high.bytes + 32, &s);
    assert_false(check(&key, &digest, &high));
    assert_true(check(&key, &digest, &good));
    free_key(&key);
}

/* A point whose x is n or more has an r of x - n, below p - n. Its multiple of G is not known, but
 * a key for it can be worked out: Q = (R - u1 G) / u2. */
static void test_crypto_checks_take_an_x_past_the_order(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_curve");
    uint32_t found_count = 0;
    for (uint64_t r_value = 1; found_count < 6; r_value++) {
        uint8_t bytes[33] = {2}, scalar_bytes[32];
        struct number r = number_of(r_value), x;
        secp256k1_pubkey sum, part, key_point;
        number_add(&x, &ORDER, &r);
        number_to_bytes(bytes + 1, &x);
        if (secp256k1_ec_pubkey_parse(library, &sum, bytes, sizeof(bytes)) != 1) continue;
        found_count++;
        struct number u1 = random_scalar(&random), u2 = random_scalar(&random), inverse;
        struct number negative = modulo_negate(u1, &ORDER);
        part = key_of(&negative);
        const secp256k1_pubkey *parts[2] = {&sum, &part};
        assert_int_equal(secp256k1_ec_pubkey_combine(library, &key_point, parts, 2), 1);
        inverse = invert(u2);
        number_to_bytes(scalar_bytes, &inverse);
        assert_int_equal(secp256k1_ec_pubkey_tweak_mul(library, &key_point, scalar_bytes), 1);
        struct key key = make_key(&key_point);
        struct tn_hash digest;
        struct tn_signature signature;
        craft(&digest, &signature, &r, &u1, &u2);
        assert_true(check(&key, &digest, &signature));
        signature.bytes[31]++;
        assert_false(check(&key, &digest, &signature));
        free_key(&key);
    }
}

/* Any x / z^2 will do here: r, and r + n only while that is below p. */
static void test_crypto_an_x_is_r_or_r_and_the_order(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_curve");
    struct number gap; /* p - n */
    number_take(&gap, &PRIME, &ORDER);
    for (uint32_t i = 0; i < 60; i++) {
        bool is_random = i % 2 == 0 && i != 30;
        struct number r = is_random ? random_scalar(&random) : gap, x;
        if (!is_random) { /* from 30 below the gap to 30 above, the gap itself too */
            struct number offset = number_of(i), thirty = number_of(30);
            number_add(&r, &r, &offset);
            number_take(&r, &r, &thirty);
        }
        bool is_in_field = !number_add(&x, &r, &ORDER) && number_below(&x, &PRIME);
        assert_true(is_in_field == number_below(&r, &gap));
        struct tn_curve_point point = {.is_infinity = false};
        struct tn_scalar scalar;
        struct tn_field zz;
        memcpy(scalar.words, r.words, sizeof(scalar.words));
        memcpy(point.z.words, random_scalar(&random).words, sizeof(point.z.words));
        tn_field_square(&zz, &point.z);
        struct tn_field value;
        memcpy(value.words, r.words, sizeof(value.words));
        tn_field_multiply(&point.x, &value, &zz);
        assert_true(tn_ecdsa_is_x(&point, &scalar));
        point.is_infinity = true;
        assert_false(tn_ecdsa_is_x(&point, &scalar));
        point.is_infinity = false;
        x = number_modulo(x, &PRIME);
        if (!is_in_field) x = modulo_add(r, number_modulo(ORDER, &PRIME), &PRIME);
        memcpy(value.words, x.words, sizeof(value.words));
        tn_field_multiply(&point.x, &value, &zz);
        assert_true(tn_ecdsa_is_x(&point, &scalar) == is_in_field);
        value.words[0] ^= 4;
        tn_field_multiply(&point.x, &value, &zz);
        assert_false(tn_ecdsa_is_x(&point, &scalar));
    }
}

/* How many random signatures: TENOR_SIGNATURES, else a few. */
static uint32_t signatures_count(void)
{
    const char *text = getenv("TENOR_SIGNATURES");
    return text == NULL ? 600 : (uint32_t)strtoul(text, NULL, 10);
}

static void test_crypto_checks_agree_on_random_signatures(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_curve");
    struct key key = {.table = NULL};
    struct tn_secret_key secret_key = {{0}};
    for (uint32_t i = 0; i < signatures_count(); i++) {
        if (i % 30 == 0) {
            struct number secret = random_scalar(&random);
            free_key(&key);
            key = make_key_of(&secret);
            number_to_bytes(secret_key.bytes, &secret);
        }
        struct tn_hash digest;
        struct tn_signature signature;
        fill_random(digest.bytes, sizeof(digest.bytes), &random);
        assert_true(real.sign(real.context, &signature, &digest, &secret_key));
        assert_true(check(&key, &digest, &signature));
        uint32_t bit = (uint32_t)tn_random_below(&random, 8 * (TN_SIGNATURE_SIZE + TN_HASH_SIZE));
        uint8_t *bytes = bit < 512 ? signature.bytes : digest.bytes;
        bytes[bit % 512 / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(check(&key, &digest, &signature));
    }
    free_key(&key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crypto_points_are_told_from_others),
        cmocka_unit_test(test_crypto_sums_of_points_are_the_librarys),
        cmocka_unit_test(test_crypto_sums_of_lists_are_those_of_their_points),
        cmocka_unit_test(test_crypto_sums_know_both_spellings_of_a_point),
        cmocka_unit_test(test_crypto_tables_hold_every_multiple),
        cmocka_unit_test(test_crypto_checks_agree_where_sums_meet_themselves),
        cmocka_unit_test(test_crypto_checks_agree_on_digests_of_zero_and_past_the_order),
        cmocka_unit_test(test_crypto_checks_refuse_numbers_out_of_range),
        cmocka_unit_test(test_crypto_checks_take_an_x_past_the_order),
        cmocka_unit_test(test_crypto_an_x_is_r_or_r_and_the_order),
        cmocka_unit_test(test_crypto_checks_agree_on_random_signatures),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
