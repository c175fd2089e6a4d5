/* Hexadecimal digits, written and read. */
#include "tenor/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_every_byte_is_written_as_two_digits_and_read_back_in_either_case(void **state)
{
    (void)state;
    uint8_t bytes[256], got[256];
    char text[2 * 256 + 1];
    for (unsigned i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    tn_hex_write(text, bytes, sizeof bytes);
    assert_int_equal(strlen(text), 512);
    assert_memory_equal(text + 2 * 0x9a, "9a9b9c", 6);
    assert_true(tn_hex_read(got, sizeof got, text));
    assert_memory_equal(got, bytes, sizeof got);
    for (char *at = text; *at != '\0'; at++) {
        if (*at >= 'a') *at = (char)(*at - 'a' + 'A');
    }
    memset(got, 0, sizeof got);
    assert_true(tn_hex_read(got, sizeof got, text));
    assert_memory_equal(got, bytes, sizeof got);
}

static void test_a_text_that_is_not_exactly_so_many_digits_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",        "0",        "0x",     "12345",
                                        "1234567", "0x12345",  "12345g", " 123456",
                                        "123456 ", "0x0x1234", "x123456"};
    uint8_t bytes[3];
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(tn_hex_read(bytes, sizeof bytes, wrong[i]));
    assert_true(tn_hex_read(bytes, sizeof bytes, "0X12aBcD"));
    assert_memory_equal(bytes, "\x12\xab\xcd", 3);
}

static void test_digits_may_be_the_beginning_of_a_longer_text(void **state)
{
    (void)state;
    uint8_t bytes[2];
    assert_true(tn_hex_begins(bytes, sizeof bytes, "c0de and more"));
    assert_memory_equal(bytes, "\xc0\xde", 2);
    assert_false(tn_hex_begins(bytes, sizeof bytes, "c0d"));
    assert_false(tn_hex_begins(bytes, sizeof bytes, "0xc0de"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte_is_written_as_two_digits_and_read_back_in_either_case),
        cmocka_unit_test(test_a_text_that_is_not_exactly_so_many_digits_is_refused),
        cmocka_unit_test(test_digits_may_be_the_beginning_of_a_longer_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
