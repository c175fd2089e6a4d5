/* What a command says: the same fields and tables as JSON and for people. */
#include "tenor/output.h" /* node/tenor */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void say(struct output *output)
{
    output_text(output, "name", "alice");
    output_number(output, "session", UINT64_MAX);
    output_money(output, "cash", INT64_C(-1500000));
    output_time(output, "expires", INT64_C(1767225600123));
    output_table(output, "orders", "series price# label#");
    output_row(output);
    output_text(output, "series", "BTC-PERP");
    output_decimal(output, "price", 100500000, 6, 0);
    output_count(output, "label", 7);
    output_row(output);
    output_count(output, "label", 12345); /* what is left out comes as nothing */
    output_text(output, "series", "ETH");
    output_table_end(output);
}

static char *printed(enum format format)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    struct output *output = output_make(out, format, false);
    assert_non_null(output);
    say(output);
    assert_int_equal(output_end(output, stderr), END_GOOD);
    fclose(out);
    return text;
}

static void people_see_lines_and_aligned_columns(void **state)
{
    (void)state;
    char *text = printed(FORMAT_TABLE);
    assert_string_equal(text, "name                  alice\n"
                              "session               18446744073709551615\n"
                              "cash                  -1.50\n"
                              "expires               2026-01-01T00:00:00.123Z\n"
                              "\n"
                              "SERIES    PRICE  LABEL\n"
                              "BTC-PERP  100.5      7\n"
                              "ETH           -  12345\n");
    free(text);
}

static void machines_see_one_object_with_all_columns_in_order(void **state)
{
    (void)state;
    char *text = printed(FORMAT_JSON);
    json_t *root = json_loads(text, 0, NULL);
    assert_non_null(root);
    /* 64 bits do not fit a double: a text. */
    assert_string_equal(json_string_value(json_object_get(root, "session")),
                        "18446744073709551615");
    assert_string_equal(json_string_value(json_object_get(root, "cash")), "-1.50");
    json_t *orders = json_object_get(root, "orders");
    assert_int_equal(json_array_size(orders), 2);
    json_t *second = json_array_get(orders, 1);
    assert_int_equal(json_object_size(second), 3);
    assert_true(json_is_null(json_object_get(second, "price")));
    assert_int_equal(json_integer_value(json_object_get(second, "label")), 12345);
    const char *first_key = json_object_iter_key(json_object_iter(second));
    assert_string_equal(first_key, "series");
    json_decref(root);
    free(text);
}

static void a_stream_is_one_line_for_each_thing(void **state)
{
    (void)state;
    for (int format = FORMAT_TABLE; format <= FORMAT_JSON; format++) {
        char *text;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        struct output *output = output_make(out, (enum format)format, true);
        for (uint64_t i = 1; i <= 2; i++) {
            output_number(output, "height", i);
            output_flag(output, "empty", i == 1);
            output_line(output);
        }
        assert_int_equal(output_end(output, stderr), END_GOOD);
        fclose(out);
        assert_string_equal(text, format == FORMAT_TABLE ? "height=1 empty=yes\nheight=2 empty=no\n"
                                                         : "{\"height\":\"1\",\"empty\":true}\n"
                                                           "{\"height\":\"2\",\"empty\":false}\n");
        free(text);
    }
}

static void an_empty_table_says_so(void **state)
{
    (void)state;
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    struct output *output = output_make(out, FORMAT_TABLE, false);
    assert_true(output_is_empty(output));
    output_table(output, "orders", "series");
    output_table_end(output);
    assert_int_equal(output_end(output, stderr), END_GOOD);
    fclose(out);
    assert_string_equal(text, "(none)\n");
    free(text);
}

/* "a" and "d" always, "c" before "b": what is left out is named. */
static void a_narrow_terminal_sees_the_columns_that_matter(void **state)
{
    (void)state;
    static const struct {
        int room;
        const char *shown;
    } cases[] = {
        {0, "A     B  C  D\nlong  1  2  3\n"},
        {13, "A     B  C  D\nlong  1  2  3\n"},
        {12, "A     B  D\nlong  1  3\nhidden: c; -o json\n"},
        {9, "A     D\nlong  3\nhidden: b, c; -o json\n"},
        {1, "A     D\nlong  3\nhidden: b, c; -o json\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        struct output *output = output_make(out, FORMAT_TABLE, false);
        output_room(output, cases[i].room);
        output_table(output, "rows", "a b#?? c#? d#");
        output_row(output);
        output_text(output, "a", "long");
        output_count(output, "b", 1);
        output_count(output, "c", 2);
        output_count(output, "d", 3);
        output_table_end(output);
        assert_int_equal(output_end(output, stderr), END_GOOD);
        fclose(out);
        assert_string_equal(text, cases[i].shown);
        free(text);
    }
}

static void an_answer_that_does_not_get_out_is_a_failure(void **state)
{
    (void)state;
    FILE *full = fopen("/dev/full", "w"), *err = fopen("/dev/null", "w");
    assert_non_null(full);
    struct output *output = output_make(full, FORMAT_JSON, false);
    output_text(output, "name", "alice");
    assert_int_equal(output_end(output, err), END_FAILED);
    fclose(full);
    fclose(err);
}

static void times_are_written_in_utc(void **state)
{
    (void)state;
    char text[OUTPUT_TIME_SIZE];
    assert_string_equal(output_time_text(text, 0), "1970-01-01T00:00:00Z");
    assert_string_equal(output_time_text(text, INT64_C(1798156800000)), "2026-12-25T00:00:00Z");
    assert_string_equal(output_time_text(text, -1), "-1 ms");
    assert_string_equal(output_time_text(text, INT64_MAX), "9223372036854775807 ms");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(people_see_lines_and_aligned_columns),
        cmocka_unit_test(machines_see_one_object_with_all_columns_in_order),
        cmocka_unit_test(a_stream_is_one_line_for_each_thing),
        cmocka_unit_test(an_empty_table_says_so),
        cmocka_unit_test(a_narrow_terminal_sees_the_columns_that_matter),
        cmocka_unit_test(an_answer_that_does_not_get_out_is_a_failure),
        cmocka_unit_test(times_are_written_in_utc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
