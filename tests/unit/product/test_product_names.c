/* Names of series: one spelling each, both ways. Every text is parsed from a heap copy of exactly
 * its size, so that the sanitizer sees a parser that reads on. */
#include "tenor/product.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "seed.h"

static const char symbols[][TN_SYMBOL_SIZE] = {"BTC", "", "DOGE1000", "X", "PERP", "BT"};
#define SYMBOLS_COUNT ((uint32_t)(sizeof symbols / sizeof *symbols))

static bool parse(uint64_t *id, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    assert_non_null(copy);
    memcpy(copy, text, size);
    bool parsed = tn_series_name_parse(id, copy, symbols, SYMBOLS_COUNT);
    free(copy);
    return parsed;
}

static uint64_t id_of(uint16_t underlying, enum tn_series_kind kind, uint16_t day, uint64_t strike)
{
    struct tn_series_terms terms = {underlying, (uint8_t)kind, day, strike};
    uint64_t id = 0;
    assert_true(tn_series_pack(&id, &terms));
    return id;
}

static void check_round_trip(uint64_t id)
{
    char name[TN_SERIES_NAME_SIZE];
    uint64_t back = 0;
    if (!tn_series_name_format(name, id, symbols, SYMBOLS_COUNT) || !parse(&back, name)) {
        fail_msg("id %016" PRIx64 " \"%s\" does not come back", id, name);
    }
    assert_true(back == id);
}

static const struct vector {
    const char *name;
    uint16_t underlying;
    enum tn_series_kind kind;
    uint16_t day;
    uint64_t strike;
} vectors[] = {
    {"BTC-PERP", 1, TN_PERPETUAL, 0, 0},
    {"PERP-PERP", 5, TN_PERPETUAL, 0, 0},
    {"BTC-25DEC26", 1, TN_FUTURE, 2550, 0},
    {"BTC-25DEC26-100000-C", 1, TN_CALL, 2550, 1000000000},
    {"BTC-25DEC26-100000-P", 1, TN_PUT, 2550, 1000000000},
    {"X-5JUN26-0.55-P", 4, TN_PUT, 2347, 5500},
    {"X-5JUN26-0.0001-C", 4, TN_CALL, 2347, 1},
    {"X-5JUN26-10.001-C", 4, TN_CALL, 2347, 100010},
    {"BT-29FEB28-7-C", 6, TN_CALL, 2981, 70000},
    {"BT-2JAN20", 6, TN_FUTURE, 1, 0},
    {"DOGE1000-31DEC99-6871947.6735-C", 3, TN_CALL, 29219, TN_STRIKE_MAX},
};
#define VECTORS_COUNT (sizeof vectors / sizeof *vectors)

static void test_names_are_those_makers_know(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS_COUNT; i++) {
        const struct vector *vector = &vectors[i];
        uint64_t id = id_of(vector->underlying, vector->kind, vector->day, vector->strike);
        uint64_t parsed = 0;
        char name[TN_SERIES_NAME_SIZE];
        assert_true(tn_series_name_format(name, id, symbols, SYMBOLS_COUNT));
        assert_string_equal(name, vector->name);
        assert_true(parse(&parsed, vector->name));
        assert_true(parsed == id);
    }
}

static void test_names_and_ids_are_in_bijection_on_every_day(void **state)
{
    (void)state;
    static const uint64_t strikes[] = {1, 10000, 123456789, TN_STRIKE_MAX};
    check_round_trip(id_of(3, TN_PERPETUAL, 0, 0));
    for (uint16_t day = 1; day <= TN_EXPIRY_DAY_MAX; day++) {
        check_round_trip(id_of(1, TN_FUTURE, day, 0));
        check_round_trip(id_of(3, TN_CALL, day, strikes[day % 4]));
        check_round_trip(id_of(4, TN_PUT, day, strikes[day / 4 % 4]));
    }
}

static void test_names_and_ids_are_in_bijection_on_random_strikes(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_product_names");
    for (uint32_t round = 0; round < 100000; round++) {
        static const uint16_t underlyings[] = {1, 3, 4, 5, 6};
        static const uint64_t powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
        uint16_t underlying = underlyings[round % 5];
        uint16_t day = (uint16_t)(1 + tn_random_below(&random, TN_EXPIRY_DAY_MAX));
        uint64_t any = tn_random_next(&random) >> 28 >> tn_random_below(&random, 36);
        uint64_t round_one = (1 + tn_random_below(&random, 999)) * powers[round % 8];
        check_round_trip(id_of(underlying, TN_PUT, day, any == 0 ? 1 : any));
        check_round_trip(id_of(underlying, TN_CALL, day, round_one));
    }
}

/* A text that parses is a name: it formats back to itself. Returns whether it parsed. */
static bool check_refused_or_exact(const char *text)
{
    uint64_t id = 42;
    char name[TN_SERIES_NAME_SIZE];
    if (!parse(&id, text)) {
        assert_true(id == 42);
        return false;
    }
    assert_true(tn_series_name_format(name, id, symbols, SYMBOLS_COUNT));
    if (strcmp(name, text) != 0) fail_msg("\"%s\" parses to \"%s\"", text, name);
    return true;
}

static void test_names_with_one_character_changed_are_refused_or_exact(void **state)
{
    (void)state;
    uint32_t parsed = 0, refused = 0;
    for (size_t i = 0; i < VECTORS_COUNT; i++) {
        char text[TN_SERIES_NAME_SIZE + 2];
        size_t length = strlen(vectors[i].name);
        for (size_t at = 0; at < length; at++) {
            for (int character = 0; character < 256; character++) {
                memcpy(text, vectors[i].name, length + 1);
                text[at] = (char)character;
                bool exact = check_refused_or_exact(text);
                parsed += exact;
                refused += !exact;
            }
        }
    }
    assert_true(parsed > 500 && refused > 10000);
}

static void test_names_with_a_character_more_or_less_are_refused_or_exact(void **state)
{
    (void)state;
    uint32_t parsed = 0, refused = 0;
    for (size_t i = 0; i < VECTORS_COUNT; i++) {
        char text[TN_SERIES_NAME_SIZE + 2];
        const char *name = vectors[i].name;
        size_t length = strlen(name);
        for (size_t at = 0; at <= length; at++) {
            for (int character = 1; character < 256; character++) {
                memcpy(text, name, at);
                text[at] = (char)character;
                memcpy(text + at + 1, name + at, length - at + 1);
                bool exact = check_refused_or_exact(text);
                parsed += exact;
                refused += !exact;
            }
            if (at == length) continue;
            memcpy(text, name, at);
            memcpy(text + at, name + at + 1, length - at);
            bool exact = check_refused_or_exact(text);
            parsed += exact;
            refused += !exact;
        }
    }
    assert_true(parsed > 50 && refused > 10000);
}

static void test_names_of_a_second_spelling_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "-",
        "BTC",
        "BTC-",
        "BTC--C",
        "BTC-PER",
        "BTC-PERPS",
        "BTC-perp",
        "btc-PERP",
        " BTC-PERP",
        "BTC-PERP ",
        "BTC-PERP\n",
        "-PERP",
        "ETH-PERP",
        "BTCBTCBTC-PERP",
        "1X-PERP",
        "B-PERP",
        "BTC-05JUN26",
        "BTC-0JUN26",
        "BTC-32DEC26",
        "BTC-100DEC26",
        "BTC-31JUN26",
        "BTC-29FEB27",
        "BTC-30FEB28",
        "BTC-5Jun26",
        "BTC-5JUM26",
        "BTC-5JUN6",
        "BTC-5JUN026",
        "BTC-5JUN2026",
        "BTC-1JAN20",
        "BTC-31DEC19",
        "BTC-5JUN00",
        "BTC-JUN26",
        "BTC-+5JUN26",
        "BTC-5JUN26-",
        "BTC-25DEC26-C",
        "BTC-25DEC26--C",
        "BTC-25DEC26-0-C",
        "BTC-25DEC26-0.0-C",
        "BTC-25DEC26-00.5-C",
        "BTC-25DEC26-.5-C",
        "BTC-25DEC26-0.50-C",
        "BTC-25DEC26-5.-C",
        "BTC-25DEC26-5.0-C",
        "BTC-25DEC26-05-C",
        "BTC-25DEC26-5.12345-C",
        "BTC-25DEC26-5..1-C",
        "BTC-25DEC26-5,1-C",
        "BTC-25DEC26--5-C",
        "BTC-25DEC26-5e3-C",
        "BTC-25DEC26-5-c",
        "BTC-25DEC26-5-X",
        "BTC-25DEC26-5-",
        "BTC-25DEC26-5",
        "BTC-25DEC26-5-CC",
        "BTC-25DEC26-5-C-",
        "BTC-25DEC26-6871947.6736-C",
        "BTC-25DEC26-6871948-C",
        "BTC-25DEC26-99999999999999999999999999-C",
        "BTC-25DEC26-18446744073709551617-C",
        "BTC-PERP-5-C",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint64_t id = 42;
        if (parse(&id, wrong[i])) fail_msg("\"%s\" was accepted", wrong[i]);
        assert_true(id == 42);
    }
}

static void test_names_need_a_known_underlying(void **state)
{
    (void)state;
    uint64_t perpetual = id_of(6, TN_PERPETUAL, 0, 0), id = 0;
    char name[TN_SERIES_NAME_SIZE];
    assert_true(tn_series_name_format(name, perpetual, symbols, 6));
    assert_false(tn_series_name_format(name, perpetual, symbols, 5));
    assert_string_equal(name, "");
    assert_true(tn_series_name_parse(&id, "BT-PERP", symbols, 6));
    assert_false(tn_series_name_parse(&id, "BT-PERP", symbols, 5));
    assert_false(tn_series_name_parse(&id, "BTC-PERP", symbols, 0));
    /* A gap among the symbols has no names. */
    assert_false(tn_series_name_format(name, id_of(2, TN_PERPETUAL, 0, 0), symbols, 6));
    assert_string_equal(name, "");
}

static void test_names_of_impossible_ids_are_empty(void **state)
{
    (void)state;
    static const uint64_t impossible[] = {0, 1, UINT64_MAX, UINT64_C(0x0020000000000001),
                                          UINT64_C(0x0030000000000001)};
    for (size_t i = 0; i < sizeof impossible / sizeof *impossible; i++) {
        char name[TN_SERIES_NAME_SIZE] = "before";
        assert_false(tn_series_name_format(name, impossible[i], symbols, SYMBOLS_COUNT));
        assert_string_equal(name, "");
    }
}

static void test_symbols_are_one_to_eight_capitals_and_digits(void **state)
{
    (void)state;
    static const char right[][TN_SYMBOL_SIZE] = {"A", "Z9", "BTC", "ABCDEFGH", "A1234567"};
    static const char wrong[][TN_SYMBOL_SIZE] = {"",    "1A", "a",  "BTc",  "B-C",
                                                 "B C", "[",  "@A", "A\xC3"};
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        assert_true(tn_symbol_valid(right[i]));
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(tn_symbol_valid(wrong[i]));
    }
    const char unterminated[TN_SYMBOL_SIZE] = {'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I'};
    assert_false(tn_symbol_valid(unterminated));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_those_makers_know),
        cmocka_unit_test(test_names_and_ids_are_in_bijection_on_every_day),
        cmocka_unit_test(test_names_and_ids_are_in_bijection_on_random_strikes),
        cmocka_unit_test(test_names_with_one_character_changed_are_refused_or_exact),
        cmocka_unit_test(test_names_with_a_character_more_or_less_are_refused_or_exact),
        cmocka_unit_test(test_names_of_a_second_spelling_are_refused),
        cmocka_unit_test(test_names_need_a_known_underlying),
        cmocka_unit_test(test_names_of_impossible_ids_are_empty),
        cmocka_unit_test(test_symbols_are_one_to_eight_capitals_and_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
