/* Settings: what a tenord.toml may say, where it is refused, and what comes back when it is
 * printed. */
#include "settings/settings.h"
#include "settings/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEY       "02b2b293eee074b217659b0bdd29992ea4be2f2c414073d52442cee9003e20b45b"
#define OTHER_KEY "0213249dddea8593c44f8c40d899221111e10d6535fd68a9ecdc3998a83a5ce8fb"

static struct settings one, other;
static char problem[SETTINGS_PROBLEM_SIZE];

static bool reads(struct settings *settings, const char *text)
{
    problem[0] = '\0';
    return settings_read_text(settings, problem, "/h", "x.toml", text, strlen(text));
}

static void assert_reads(const char *text)
{
    if (!reads(&one, text)) fail_msg("%s", problem);
}

static void assert_refused(const char *text, const char *words)
{
    if (reads(&one, text)) fail_msg("taken: %s", text);
    if (strstr(problem, words) == NULL) fail_msg("'%s' does not say '%s'", problem, words);
}

static char *printed(void (*print)(FILE *, const struct settings *),
                     const struct settings *settings)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    print(out, settings);
    fclose(out);
    return text;
}

static void assert_same(const struct settings *left, const struct settings *right)
{
    char name[SETTING_NAME_SIZE];
    for (uint32_t i = 0; i < settings_count; i++) {
        setting_name(name, &setting_table[i]);
        if (!setting_equal(&setting_table[i], left, right)) fail_msg("%s is not the same", name);
    }
    assert_int_equal(left->peers_count, right->peers_count);
    assert_memory_equal(left->peers, right->peers, sizeof left->peers);
}

static void test_settings_of_an_empty_file_are_the_defaults(void **state)
{
    (void)state;
    assert_reads("");
    settings_default(&other, "/h");
    assert_same(&one, &other);
    assert_string_equal(one.node.key, "/h/vote.key");
    assert_int_equal(one.clients.limits.heartbeat_ms, 10000);
    assert_int_equal(one.store.segment_bytes, 64 << 20);
}

static void test_settings_that_are_printed_read_back_the_same(void **state)
{
    (void)state;
    static void (*const prints[])(FILE *, const struct settings *) = {settings_print,
                                                                      settings_print_commented};
    assert_reads("[node]\nname = \"a \\\"b\\\" \\\\\"\nfollow = true\nkey = \"/k\"\n"
                 "[clients]\nlisten = \"[::1]:7\"\n"
                 "[clients.limits]\nheartbeat = \"90s\"\nout_max = \"3MiB\"\nqueries_burst = 7\n"
                 "[log]\nlevel = \"debug\"\n[log.levels]\nhttp = \"error\"\n"
                 "[[peer]]\nkey = \"" KEY "\"\naddress = \"h:1\"\ncertificate = \"a.crt\"\n"
                 "[[peer]]\nkey = \"" OTHER_KEY
                 "\"\naddress = \"\"\ncertificate = \"/b.crt\"\nclients = \"h:2\"\n");
    other = one;
    for (size_t i = 0; i < sizeof prints / sizeof prints[0]; i++) {
        char *text = printed(prints[i], &other);
        assert_reads(text);
        assert_same(&one, &other);
        free(text);
    }
    assert_string_equal(one.peers[0].certificate, "/h/a.crt");
    assert_int_equal(one.log.levels[LOGGER_HTTP], LOGGER_ERROR);
    assert_int_equal(one.log.levels[LOGGER_LINK], SETTINGS_LEVEL_SAME);
}

static void test_settings_name_line_column_and_the_nearest_name(void **state)
{
    (void)state;
    assert_refused("[metrics]\n\n  lisen = \"127.0.0.1:1\"\n",
                   "x.toml:3:3: unknown setting 'metrics.lisen'; did you mean 'metrics.listen'?");
    assert_refused("[clients.limits]\nheartbeat_ms = \"1s\"\n",
                   "did you mean 'clients.limits.heartbeat'?");
    assert_refused("[limits]\nheartbeat = \"1s\"\n", "x.toml:1:2: unknown setting 'limits'");
    assert_refused("archive = true\n", "did you mean 'store.archive'?");
    assert_refused("[zebra]\nx = 1\n", "unknown setting 'zebra'; 'tenord config reference'");
    assert_refused("\"node\\u0000\" = 1\n", "unknown setting");
    assert_refused("node = 1\n", "node is a table: [node]");
    assert_refused("[node]\nname = \"a\"\nname = \"b\"\n",
                   "x.toml:3:1: this key stands here twice");
    assert_refused("[node\n", "x.toml:1:6: ']' is expected here");
}

static void test_settings_want_a_unit_with_durations_and_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ms;
    } good[] = {
        {"100ms", 100}, {"2s", 2000}, {"2 s", 2000}, {"5min", 300000}, {"600000ms", 600000}};
    char text[128];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        snprintf(text, sizeof text, "[metrics]\nrequest = \"%s\"\n", good[i].text);
        assert_reads(text);
        assert_int_equal(one.metrics.request_ms, good[i].ms);
    }
    assert_refused("[metrics]\nrequest = 5\n", "x.toml:2:1: metrics.request: it wants a unit");
    assert_refused("[metrics]\nrequest = \"5\"\n", "like \"10s\"");
    assert_refused("[metrics]\nrequest = \"5S\"\n", "with a unit (ms, s, min or h)");
    assert_refused("[metrics]\nrequest = \"-5s\"\n", "with a unit");
    assert_refused("[metrics]\nrequest = \"s\"\n", "with a unit");
    assert_refused("[metrics]\nrequest = \"5s\\u0000\"\n", "zero byte");
    assert_refused("[store]\nsegment = \"1MB\"\n", "with a unit (B, KiB, MiB or GiB)");
    assert_reads("[store]\nsegment = \"1GiB\"\n");
    assert_int_equal(one.store.segment_bytes, UINT64_C(1) << 30);
}

static void test_settings_keep_to_their_ranges(void **state)
{
    (void)state;
    assert_reads("[metrics]\nconnections_max = 64\n");
    assert_refused("[metrics]\nconnections_max = 65\n", "it must be from 1 to 64");
    assert_refused("[metrics]\nconnections_max = 0\n", "it must be from 1 to 64");
    assert_refused("[metrics]\nconnections_max = -1\n", "it must be from 1 to 64");
    assert_refused("[metrics]\nrequest = \"99ms\"\n", "it must be from 100ms to 10min");
    assert_refused("[metrics]\nrequest = \"99999999999999999999h\"\n", "it must be from");
    assert_refused("[metrics]\nrequest = \"6000000000000000h\"\n", "it must be from");
    assert_refused("[clients.limits]\nheartbeat_least = \"60s\"\nheartbeat_most = \"10s\"\n",
                   "heartbeat_least is above heartbeat_most");
}

static void test_settings_refuse_values_of_another_kind(void **state)
{
    (void)state;
    assert_refused("[node]\nfollow = \"yes\"\n", "it wants true or false");
    assert_refused("[node]\nfollow = 1\n", "it is no number but true or false");
    assert_refused("[node]\nname = true\n", "neither true nor false but a text");
    assert_refused("[node]\nname = 1.5\n", "it wants a text, not a number with a fraction");
    assert_refused("[node]\nname = [\"a\"]\n", "it wants a text, not a list");
    /* The name is told to clients, which take only whole characters, at most 63 bytes of them. */
    assert_refused("[node]\nname = \"123456789012345678901234567890123456789012345678901234567890"
                   "123\xc3\xb6\"\n",
                   "it is longer than 63 bytes");
    assert_refused("[node]\nname = \"a\xc2\x9b\"\n", "it has a control character");
    assert_false(settings_override(&one, problem, "node.name=a\xff"));
    assert_refused("[node]\nlisten = \"127.0.0.1\"\n", "'127.0.0.1' is not HOST:PORT");
    assert_refused("[node]\nlisten = \"::1:80\"\n", "stands in [ ] before its port");
    assert_refused("[node]\nlisten = \"h:65536\"\n", "is not HOST:PORT");
    assert_refused("[log]\nlevel = \"loud\"\n", "'loud' is none of error, warn, info, debug");
    assert_refused("[log]\nlevel = \"same\"\n", "'same' is none of");
}

static void test_settings_of_peers_are_whole_and_differ(void **state)
{
    (void)state;
    assert_refused("[[peer]]\nkey = \"" KEY "\"\naddress = \"h:1\"\n",
                   "x.toml:1:3: this peer lacks its key or its certificate");
    assert_refused("[[peer]]\nkey = \"02\"\n", "x.toml:2:1: peer.key wants a public key");
    assert_refused("[[peer]]\nkye = \"02\"\n", "unknown setting 'peer.kye'");
    assert_refused("[[peer]]\naddress = \"h:0\"\n", "'h:0' is not HOST:PORT");
    assert_refused("peer = \"a\"\n", "each peer is a table of its own");
    assert_refused("peer = [1]\n", "a peer is a table");
    assert_refused("[[peer]]\nkey = \"" KEY "\"\ncertificate = \"a\"\n"
                   "[[peer]]\nkey = \"" KEY "\"\ncertificate = \"b\"\n",
                   "x.toml:4:3: a second peer with the key of another");
}

static void test_settings_of_the_command_line_stand_above_the_file(void **state)
{
    (void)state;
    assert_reads("[log]\nlevel = \"info\"\n");
    assert_true(settings_override(&one, problem, "log.level=debug"));
    assert_true(settings_override(&one, problem, "metrics.listen=127.0.0.1:0"));
    assert_true(settings_override(&one, problem, "clients.listen="));
    assert_true(settings_override(&one, problem, "node.follow=true"));
    assert_true(settings_override(&one, problem, "clients.limits.slow=1min"));
    assert_int_equal(one.log.level, LOGGER_DEBUG);
    assert_string_equal(one.clients.listen, "");
    assert_true(one.node.follow);
    assert_int_equal(one.clients.limits.slow_ms, 60000);
    assert_false(settings_override(&one, problem, "log.levle=debug"));
    assert_non_null(strstr(problem, "did you mean 'log.level'?"));
    assert_false(settings_override(&one, problem, "metrics.connections_max=99999999999999999999"));
    assert_non_null(strstr(problem, "it must be from 1 to 64"));
    assert_false(settings_override(&one, problem, "nothing"));
    assert_non_null(strstr(problem, "is not SETTING=VALUE"));
}

static void test_settings_that_need_a_restart_are_named_and_stay(void **state)
{
    (void)state;
    char rest[SETTINGS_PROBLEM_SIZE];
    static struct settings running;
    settings_default(&running, "/h");
    assert_reads("[node]\nname = \"b\"\n[log]\nlevel = \"warn\"\n"
                 "[clients.limits]\nslow = \"1s\"\nsessions_max = 5\n"
                 "[[peer]]\nkey = \"" KEY "\"\ncertificate = \"a\"\n");
    assert_int_equal(settings_reload(&running, rest, &one), 3);
    assert_string_equal(rest, "node.name clients.limits.sessions_max peer");
    assert_string_equal(running.node.name, "");
    assert_int_equal(running.clients.limits.slow_ms, 1000);
    assert_int_equal(running.log.level, LOGGER_WARN);
    assert_int_not_equal(running.clients.limits.sessions_max, 5);
    assert_int_equal(running.peers_count, 0);
}

/* The names of limits that table.c treats apart are names that the gateway still has. */
static void test_settings_know_the_gateways_limits(void **state)
{
    (void)state;
    static const char *const at_start[] = {"sessions_max", "handshake_threads", "signature_threads",
                                           "pending_max", "history"};
    char name[SETTING_NAME_SIZE];
    uint32_t limits = 0, restarts = 0;
    for (uint32_t i = 0; i < settings_count; i++) {
        if (strncmp(setting_table[i].field, "clients.limits.", 15) != 0) continue;
        limits++;
        restarts += !setting_reloads(&setting_table[i]);
    }
    assert_int_equal(limits, sizeof(struct gateway_limits) / sizeof(uint64_t));
    assert_int_equal(restarts, sizeof at_start / sizeof at_start[0]);
    for (size_t i = 0; i < sizeof at_start / sizeof at_start[0]; i++) {
        snprintf(name, sizeof name, "clients.limits.%s", at_start[i]);
        assert_non_null(setting_find(name, strlen(name)));
        assert_false(setting_reloads(setting_find(name, strlen(name))));
    }
    const struct setting *total = setting_find("clients.limits.out_total_max", 28);
    assert_non_null(total);
    assert_int_equal(setting_kind(total), SETTING_SIZE);
}

static void test_settings_have_names_that_differ_and_defaults_in_range(void **state)
{
    (void)state;
    char name[SETTING_NAME_SIZE], again[SETTING_NAME_SIZE];
    for (uint32_t i = 0; i < settings_count; i++) {
        const struct setting *setting = &setting_table[i];
        setting_name(name, setting);
        assert_ptr_equal(setting_find(name, strlen(name)), setting);
        char *dot = strrchr(name, '.');
        assert_non_null(dot);
        assert_true(setting_is_section(name, (size_t)(dot - name)));
        if (setting->kind == SETTING_INTEGER) {
            assert_in_range(setting->standard, setting->least, setting->most);
        }
        for (uint32_t k = 0; k < i; k++) {
            setting_name(again, &setting_table[k]);
            assert_string_not_equal(name, again);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings_of_an_empty_file_are_the_defaults),
        cmocka_unit_test(test_settings_that_are_printed_read_back_the_same),
        cmocka_unit_test(test_settings_name_line_column_and_the_nearest_name),
        cmocka_unit_test(test_settings_want_a_unit_with_durations_and_sizes),
        cmocka_unit_test(test_settings_keep_to_their_ranges),
        cmocka_unit_test(test_settings_refuse_values_of_another_kind),
        cmocka_unit_test(test_settings_of_peers_are_whole_and_differ),
        cmocka_unit_test(test_settings_of_the_command_line_stand_above_the_file),
        cmocka_unit_test(test_settings_that_need_a_restart_are_named_and_stay),
        cmocka_unit_test(test_settings_know_the_gateways_limits),
        cmocka_unit_test(test_settings_have_names_that_differ_and_defaults_in_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
