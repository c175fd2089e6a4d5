/* What is typed behind a command: options by a table, words, help, and what is said about slips. */
#include "tenor/arguments.h" /* node/tenor */
#include "tenor/words.h"

#include "tenor/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct place {
    const char *limit;
    uint64_t label, id;
    uint32_t tif;
    bool post;
};

static const struct command place_command = {"order place",
                                             "SERIES buy|sell QUANTITY",
                                             "Place an order.",
                                             "tenor order place X buy 1\n",
                                             NULL,
                                             NULL};

static struct place place;
static struct arguments arguments;
static char *said; /* what the reader complained of */

static bool read_texts(int count, const char *const *texts)
{
    static const char *net;
    const struct argument own[] = {
        {"--limit", ARGUMENT_TEXT, &place.limit, 0, "PRICE", "the worst price"},
        {"--label", ARGUMENT_NUMBER, &place.label, 100, "N", "a label"},
        {"--tif", ARGUMENT_CHOICE, &place.tif, 0, "gtc|ioc|fok", "how long"},
        {"--post", ARGUMENT_FLAG, &place.post, 0, NULL, "only rests"},
        {"--id", ARGUMENT_COUNT, &place.id, 50, "N", "its name"},
    };
    const struct argument common[] = {{"--net", ARGUMENT_TEXT, &net, 0, "DIR", "a net"}};
    size_t size;
    free(said);
    place = (struct place){0};
    arguments = (struct arguments){.command = &place_command,
                                   .own = own,
                                   .own_count = 5,
                                   .common = common,
                                   .common_count = 1,
                                   .words_min = 1,
                                   .words_max = 3};
    FILE *err = open_memstream(&said, &size);
    char *copies[16];
    for (int i = 0; i < count; i++)
        copies[i] = strdup(texts[i]);
    bool is_good = arguments_read(&arguments, err, count, copies);
    fclose(err);
    for (int i = 0; i < count; i++) {
        /* Texts outlive the reading in a program; here the ones that are compared are kept. */
        for (size_t w = 0; w < arguments.words_count; w++)
            if (arguments.words[w] == copies[i]) arguments.words[w] = texts[i];
        if (place.limit == copies[i]) place.limit = texts[i];
        free(copies[i]);
    }
    return is_good;
}
#define READ(...)                                                                                  \
    read_texts((int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)),                      \
               (const char *[]){__VA_ARGS__})

static void words_and_options_come_in_any_order(void **state)
{
    (void)state;
    assert_true(READ("BTC-PERP", "--limit", "100", "buy", "--tif", "fok", "0.5", "--post"));
    assert_int_equal(arguments.words_count, 3);
    assert_string_equal(arguments.words[0], "BTC-PERP");
    assert_string_equal(arguments.words[2], "0.5");
    assert_string_equal(place.limit, "100");
    assert_int_equal(place.tif, 2);
    assert_true(place.post);
}

static void a_negative_number_and_what_follows_two_dashes_are_words(void **state)
{
    (void)state;
    assert_true(READ("-5", "-.5", "--", "--limit"));
    assert_int_equal(arguments.words_count, 3);
    assert_string_equal(arguments.words[2], "--limit");
    assert_null(place.limit);
}

static void a_slip_names_the_nearest_option(void **state)
{
    (void)state;
    assert_false(READ("x", "--limti", "5"));
    assert_non_null(strstr(said, "unknown option '--limti'; did you mean --limit?"));
    assert_false(READ("x", "--nte", "5"));
    assert_non_null(strstr(said, "did you mean --net?"));
    assert_false(READ("x", "--colour", "5"));
    assert_non_null(strstr(said, "see tenor order place --help"));
}

static void a_value_out_of_its_range_is_refused_with_the_range(void **state)
{
    (void)state;
    assert_true(READ("x", "--label", "100"));
    assert_int_equal(place.label, 100);
    static const char *const bad[] = {"101", "-1", "", "1x", "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(READ("x", "--label", bad[i]));
        assert_non_null(strstr(said, "--label takes a whole number up to 100"));
    }
    static const char *const words[] = {"gt", "gtcx", "", "gtc|ioc"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        assert_false(READ("x", "--tif", words[i]));
        assert_non_null(strstr(said, "--tif takes gtc|ioc|fok"));
    }
}

static void a_number_that_begins_at_1_refuses_0(void **state)
{
    (void)state;
    assert_true(READ("x", "--id", "1"));
    assert_int_equal(place.id, 1);
    assert_false(READ("x", "--id", "0"));
    assert_non_null(strstr(said, "--id takes a whole number from 1 to 50, not '0'"));
    assert_false(READ("x", "--id", "51"));
    assert_non_null(strstr(said, "from 1 to 50"));
}

static void too_few_and_too_many_words_are_refused(void **state)
{
    (void)state;
    assert_false(READ("--post"));
    assert_non_null(strstr(said, "usage: tenor order place SERIES buy|sell QUANTITY"));
    assert_false(READ("a", "b", "c", "d"));
    assert_non_null(strstr(said, "'d'"));
    assert_false(READ("a", "--limit"));
    assert_non_null(strstr(said, "an option without its value '--limit'"));
    assert_false(READ("a", "--limit", "--post")); /* another option is no value */
    assert_non_null(strstr(said, "an option without its value '--limit'"));
}

static void help_is_seen_wherever_it_stands_and_shows_every_option(void **state)
{
    (void)state;
    char *text;
    size_t size;
    assert_true(READ("--nonsense", "--help"));
    assert_true(arguments.help_wanted);
    assert_true(READ("x", "--", "--help"));
    assert_false(arguments.help_wanted);
    const struct argument own[] = {{"--limit", ARGUMENT_TEXT, NULL, 0, "PRICE", "the worst price"}};
    arguments.own = own;
    arguments.own_count = 1;
    arguments.common_count = 0;
    FILE *out = open_memstream(&text, &size);
    arguments_help(out, &arguments);
    fclose(out);
    assert_non_null(strstr(text, "usage: tenor order place SERIES"));
    assert_non_null(strstr(text, "--limit PRICE"));
    assert_non_null(strstr(text, "example:\n  tenor order place X buy 1\n"));
    free(text);
}

static void hexadecimal_is_read_as_it_was_written_and_nothing_else(void **state)
{
    (void)state;
    uint8_t bytes[3] = {0x00, 0x9f, 0xe1}, back[3];
    char text[8];
    tn_hex_write(text, bytes, 3);
    assert_string_equal(text, "009fe1");
    assert_true(tn_hex_read(back, 3, text));
    assert_memory_equal(back, bytes, 3);
    assert_true(tn_hex_read(back, 3, "0x009FE1"));
    assert_memory_equal(back, bytes, 3);
    static const char *const bad[] = {"009fe", "009fe11", "009fg1", "", "0x", " 09fe1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(tn_hex_read(back, 3, bad[i]));
}

static void a_word_is_near_when_at_most_a_third_of_it_differs(void **state)
{
    (void)state;
    static const char *const words[] = {"faucet", "positions", "price"};
    assert_string_equal(words_nearest("facuet", words, 3), "faucet");
    assert_string_equal(words_nearest("position", words, 3), "positions");
    assert_null(words_nearest("f", words, 3));
    assert_null(words_nearest("orders", words, 3));
    assert_null(words_nearest("a word that is far longer than any that there is, by any measure",
                              words, 3));
}

static int drop(void **state)
{
    (void)state;
    free(said);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_options_come_in_any_order),
        cmocka_unit_test(a_negative_number_and_what_follows_two_dashes_are_words),
        cmocka_unit_test(a_slip_names_the_nearest_option),
        cmocka_unit_test(a_value_out_of_its_range_is_refused_with_the_range),
        cmocka_unit_test(a_number_that_begins_at_1_refuses_0),
        cmocka_unit_test(too_few_and_too_many_words_are_refused),
        cmocka_unit_test(help_is_seen_wherever_it_stands_and_shows_every_option),
        cmocka_unit_test(hexadecimal_is_read_as_it_was_written_and_nothing_else),
        cmocka_unit_test(a_word_is_near_when_at_most_a_third_of_it_differs),
    };
    return cmocka_run_group_tests(tests, NULL, drop);
}
