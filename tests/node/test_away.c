/* What the log says of peers that are not up: why, once each time, ten seconds after. The test
 * plays the link and the clock, and hears the lines. */
#include "cluster/loop_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { BEGIN_US = 7000000, TEN_SECONDS_US = 10000000 };

static struct loop loop;
static const char *away[TN_PEERS_MAX]; /* why a peer is not up; NULL: it is, or there is none */
static char last[256];                 /* of the lines that were said */
static uint32_t lines;

const char *__wrap_link_nng_away(const struct link *link, uint16_t peer);
void __wrap_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

const char *__wrap_link_nng_away(const struct link *link, uint16_t peer)
{
    (void)link;
    assert_true(peer < TN_PEERS_MAX);
    return away[peer];
}

void __wrap_note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(last, sizeof last, format, arguments);
    va_end(arguments);
    lines++;
}

static int begin(void **unused)
{
    (void)unused;
    memset(&loop, 0, sizeof loop);
    memset(away, 0, sizeof away);
    last[0] = '\0';
    lines = 0;
    return 0;
}

/* Looks at a time counted from the test's beginning; returns how many lines there were so far. */
static uint32_t lines_at(int64_t us)
{
    loop.clock.now_us = BEGIN_US + us;
    loop_say_away(&loop);
    return lines;
}

static void test_away_is_said_after_ten_seconds_with_the_reason(void **unused)
{
    (void)unused;
    away[3] = "no link to 10.0.0.3:7000: nobody takes connections there";
    assert_int_equal(lines_at(0), 0);
    assert_int_equal(lines_at(5000000), 0);
    assert_int_equal(lines_at(TEN_SECONDS_US - 1), 0);
    assert_int_equal(lines_at(TEN_SECONDS_US), 1);
    assert_string_equal(last, "msg=peer_away peer=3 why=\"no link to 10.0.0.3:7000: nobody takes "
                              "connections there\"");
}

static void test_away_is_said_once_though_the_reason_changes(void **unused)
{
    (void)unused;
    away[0] = "it is to dial this node, and has not come";
    lines_at(0);
    assert_int_equal(lines_at(TEN_SECONDS_US), 1);
    for (int64_t second = 11; second < 200; second++)
        assert_int_equal(lines_at(second * 1000000), 1);
    away[0] = "another";
    assert_int_equal(lines_at(1000000000), 1);
}

static void test_away_is_not_said_of_a_peer_that_is_there(void **unused)
{
    (void)unused;
    for (int64_t second = 0; second < 60; second++)
        assert_int_equal(lines_at(second * 1000000), 0);
}

static void test_away_is_not_said_of_a_peer_that_comes_within_ten_seconds(void **unused)
{
    (void)unused;
    away[2] = "why";
    lines_at(0);
    lines_at(TEN_SECONDS_US - 1);
    away[2] = NULL;
    assert_int_equal(lines_at(TEN_SECONDS_US), 0);
    away[2] = "why"; /* goes again: ten seconds of its own */
    assert_int_equal(lines_at(TEN_SECONDS_US + 1), 0);
    assert_int_equal(lines_at(2 * TEN_SECONDS_US), 0);
    assert_int_equal(lines_at(2 * TEN_SECONDS_US + 1), 1);
}

static void test_away_is_said_again_of_a_peer_that_was_there_between(void **unused)
{
    (void)unused;
    away[2] = "first";
    lines_at(0);
    assert_int_equal(lines_at(TEN_SECONDS_US), 1);
    away[2] = NULL;
    lines_at(TEN_SECONDS_US + 1);
    away[2] = "second";
    lines_at(TEN_SECONDS_US + 2);
    assert_int_equal(lines_at(2 * TEN_SECONDS_US + 1), 1);
    assert_int_equal(lines_at(2 * TEN_SECONDS_US + 2), 2);
    assert_string_equal(last, "msg=peer_away peer=2 why=\"second\"");
}

/* A dial is under way for the first time, as long as the handshake may take. */
static void test_away_waits_for_a_reason(void **unused)
{
    (void)unused;
    away[1] = "";
    lines_at(0);
    assert_int_equal(lines_at(TEN_SECONDS_US), 0);
    assert_int_equal(lines_at(TEN_SECONDS_US + 1), 0);
    away[1] = "the handshake took too long";
    assert_int_equal(lines_at(TEN_SECONDS_US + 2), 1);
    assert_string_equal(last, "msg=peer_away peer=1 why=\"the handshake took too long\"");
}

static void test_away_is_each_peers_own(void **unused)
{
    (void)unused;
    away[1] = "one";
    lines_at(0);
    away[TN_PEERS_MAX - 1] = "last";
    lines_at(4000000);
    assert_int_equal(lines_at(TEN_SECONDS_US), 1);
    assert_string_equal(last, "msg=peer_away peer=1 why=\"one\"");
    assert_int_equal(lines_at(14000000 - 1), 1);
    assert_int_equal(lines_at(14000000), 2);
    char expected[80];
    snprintf(expected, sizeof expected, "msg=peer_away peer=%d why=\"last\"", TN_PEERS_MAX - 1);
    assert_string_equal(last, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_away_is_said_after_ten_seconds_with_the_reason, begin),
        cmocka_unit_test_setup(test_away_is_said_once_though_the_reason_changes, begin),
        cmocka_unit_test_setup(test_away_is_not_said_of_a_peer_that_is_there, begin),
        cmocka_unit_test_setup(test_away_is_not_said_of_a_peer_that_comes_within_ten_seconds,
                               begin),
        cmocka_unit_test_setup(test_away_is_said_again_of_a_peer_that_was_there_between, begin),
        cmocka_unit_test_setup(test_away_waits_for_a_reason, begin),
        cmocka_unit_test_setup(test_away_is_each_peers_own, begin),
    };
    return cmocka_run_group_tests_name("away", tests, NULL, NULL);
}
