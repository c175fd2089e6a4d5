/* The TOML reader's own promises: where it says that a document breaks, and its bounds. What
 * documents mean is compared with another reader: e2e/toml_twin.py. */
#include "settings/toml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct broken {
    const char *source;
    uint32_t line, column;
    const char *words;
} broken_documents[] = {
    {"a = 1\nb = = 2\n", 2, 5, "no value"},
    {"a = 1\r\n\r\nb = \"x\n", 3, 7, "the line ends inside a string"},
    {"# \xc3\xa4\xc3\xb6\n\xc3\xa4 = 1\n", 2, 1, "a key is expected"},
    {"\xc3\xa4", 1, 1, "a key is expected"},
    {"a = '\xc3\xa4' x", 1, 9, "something behind"},
    {"[a]\nb = 1\n[a]\n", 3, 2, "in the file already"},
    {"a = 1\n  a = 2\n", 2, 3, "stands here twice"},
    {"a = [1,\n 2", 1, 5, "a list that does not end"},
    {"a = 9223372036854775808", 1, 5, "more than 64 bits"},
    {"a = 1\rb = 2", 1, 6, "carriage return"},
    {"a = \"\\q\"", 1, 6, "unknown escape"},
    {"a = 2023-02-30", 1, 5, "no such day"},
};

static void test_toml_says_where_a_document_breaks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof broken_documents / sizeof broken_documents[0]; i++) {
        struct toml_document document;
        struct toml_fault fault;
        assert_false(toml_read(&document, &fault, broken_documents[i].source,
                               strlen(broken_documents[i].source)));
        if (fault.line != broken_documents[i].line || fault.column != broken_documents[i].column ||
            strstr(fault.text, broken_documents[i].words) == NULL) {
            fail_msg("%s: %u:%u: %s", broken_documents[i].source, fault.line, fault.column,
                     fault.text);
        }
    }
}

static void test_toml_refuses_a_zero_byte_and_bytes_that_are_no_text(void **state)
{
    (void)state;
    struct toml_document document;
    struct toml_fault fault;
    assert_false(toml_read(&document, &fault, "a = 1\n\0", 7));
    assert_int_equal(fault.line, 2);
    assert_false(toml_read(&document, &fault, "a = '\xff'", 7));
    assert_int_equal(fault.column, 6);
    assert_false(toml_read(&document, &fault, "a = '\xe2\x82", 7)); /* cut off */
}

/* Lists in lists, one deeper each time. */
static bool reads_at_depth(uint32_t depth)
{
    char source[256] = "a = ";
    struct toml_document document;
    struct toml_fault fault;
    for (uint32_t i = 0; i < depth; i++)
        strcat(source, "[");
    for (uint32_t i = 0; i < depth; i++)
        strcat(source, "]");
    bool is_read = toml_read(&document, &fault, source, strlen(source));
    if (is_read) toml_free(&document);
    return is_read;
}

static void test_toml_goes_as_deep_as_its_bound_and_no_deeper(void **state)
{
    (void)state;
    assert_true(reads_at_depth(TOML_DEPTH_MAX));
    assert_false(reads_at_depth(TOML_DEPTH_MAX + 1));
    assert_false(reads_at_depth(100));
}

static void test_toml_has_a_bound_on_values_and_on_bytes(void **state)
{
    (void)state;
    struct toml_document document;
    struct toml_fault fault;
    size_t size = 0;
    char *source = malloc(TOML_SIZE_MAX + 1);
    assert_non_null(source);
    size += (size_t)sprintf(source, "a = [");
    for (uint32_t i = 0; i < TOML_VALUES_MAX - 2; i++)
        size += (size_t)sprintf(source + size, "1,");
    source[size] = ']';
    assert_true(toml_read(&document, &fault, source, size + 1));
    assert_int_equal(document.values_count, TOML_VALUES_MAX);
    toml_free(&document);
    memcpy(source + size, "1]", 2);
    assert_false(toml_read(&document, &fault, source, size + 2));
    assert_non_null(strstr(fault.text, "too many values"));
    memset(source, '#', TOML_SIZE_MAX + 1);
    assert_true(toml_read(&document, &fault, source, TOML_SIZE_MAX));
    toml_free(&document);
    assert_false(toml_read(&document, &fault, source, TOML_SIZE_MAX + 1));
    free(source);
}

static void test_toml_values_know_their_place(void **state)
{
    (void)state;
    static const char source[] = "\n[x]\n\xc3\xa4='no'\n";
    static const char good[] = "\n[x]\n  y = 'yes'\n";
    struct toml_document document;
    struct toml_fault fault;
    uint32_t line, column;
    assert_false(toml_read(&document, &fault, source, strlen(source)));
    assert_true(toml_read(&document, &fault, good, strlen(good)));
    const struct toml_value *table = toml_first(&document, &document.values[0]);
    const struct toml_value *value = toml_first(&document, table);
    toml_place(&document, &line, &column, value->at);
    assert_int_equal(line, 3);
    assert_int_equal(column, 3);
    assert_string_equal(value->key.bytes, "y");
    assert_string_equal(value->as.text.bytes, "yes");
    toml_free(&document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_toml_says_where_a_document_breaks),
        cmocka_unit_test(test_toml_refuses_a_zero_byte_and_bytes_that_are_no_text),
        cmocka_unit_test(test_toml_goes_as_deep_as_its_bound_and_no_deeper),
        cmocka_unit_test(test_toml_has_a_bound_on_values_and_on_bytes),
        cmocka_unit_test(test_toml_values_know_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
