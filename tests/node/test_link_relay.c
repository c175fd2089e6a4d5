/* Two nodes with a bad network between them: the relay is a process of its own and is told over its
 * control socket what to do to the bytes. */
#include "link_case.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct relayed {
    struct link_case test;
    pid_t relay;
    char directory[40];
    char control[64];
};

static void start_relay(struct relayed *relayed)
{
    char target[32], control[80], words[64];
    int out[2];
    FILE *said;
    snprintf(relayed->directory, sizeof relayed->directory, "/tmp/tenor-relay-XXXXXX");
    assert_non_null(mkdtemp(relayed->directory));
    snprintf(relayed->control, sizeof relayed->control, "%s/control", relayed->directory);
    snprintf(control, sizeof control, "control=%s", relayed->control);
    snprintf(target, sizeof target, "127.0.0.1:%u", relayed->test.nodes[0].port);
    assert_int_equal(pipe(out), 0);
    relayed->relay = fork();
    assert_true(relayed->relay >= 0);
    if (relayed->relay == 0) {
        dup2(out[1], STDOUT_FILENO);
        close(out[0]);
        close(out[1]);
        execl(TCP_RELAY, "tcp_relay", "127.0.0.1:0", target, control, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    said = fdopen(out[0], "r");
    assert_non_null(said);
    assert_non_null(fgets(words, sizeof words, said));
    assert_int_equal(sscanf(words, "port %hu", &relayed->test.nodes[0].dial_port), 1);
    fclose(said);
}

static void tell(const struct relayed *relayed, const char *words)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char answer[100] = "";
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", relayed->control);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(send(fd, words, strlen(words), MSG_NOSIGNAL), strlen(words));
    assert_true(recv(fd, answer, sizeof answer - 1, 0) > 0);
    assert_memory_equal(answer, "ok ", 3);
    close(fd);
}

static void begin(struct relayed *relayed)
{
    memset(relayed, 0, sizeof *relayed);
    case_make(&relayed->test, 2);
    relayed->test.limits.silent_ms = 400;
    relayed->test.limits.ping_ms = 50;
    relayed->test.limits.retry_max_ms = 200;
    relayed->test.limits.address_accepts_per_second = 1000;
    case_start(&relayed->test, 0);
    case_start(&relayed->test, 1);
    start_relay(relayed);
    case_meet(&relayed->test);
    CASE_UNTIL(&relayed->test,
               case_is_up(&relayed->test, 0, 1) && case_is_up(&relayed->test, 1, 0));
}

static void end(struct relayed *relayed)
{
    case_end(&relayed->test);
    kill(relayed->relay, SIGKILL);
    waitpid(relayed->relay, NULL, 0);
    unlink(relayed->control);
    rmdir(relayed->directory);
}

static void test_link_on_a_network_that_dies_goes_down_and_comes_back(void **state)
{
    struct relayed relayed;
    struct link_case *test = &relayed.test;
    (void)state;
    begin(&relayed);
    tell(&relayed, "stall=1");
    CASE_UNTIL(test, test->nodes[0].from[1].downs == 1 && test->nodes[1].from[0].downs == 1);
    assert_int_equal(test->nodes[0].from[1].reason, LINK_REASON_SILENT);
    tell(&relayed, "stall=0 reset=all");
    CASE_UNTIL(test, case_is_up(test, 0, 1) && case_is_up(test, 1, 0));
    assert_int_equal(case_send(test, 0, 1, TN_PRIORITY_VOTE, 1, 100), LINK_SENT);
    CASE_UNTIL(test, test->nodes[1].from[0].messages[TN_PRIORITY_VOTE] == 1);
    end(&relayed);
}

static void test_link_survives_resets_again_and_again(void **state)
{
    struct relayed relayed;
    struct link_case *test = &relayed.test;
    uint64_t number = 0;
    (void)state;
    begin(&relayed);
    for (uint32_t round = 0; round < 8; round++) {
        uint32_t downs = test->nodes[0].from[1].downs;
        uint64_t before = test->nodes[1].from[0].messages[TN_PRIORITY_DATA];
        for (uint32_t i = 0; i < 20; i++)
            case_send(test, 0, 1, TN_PRIORITY_DATA, ++number, 30000); /* some under way */
        tell(&relayed, round % 2 == 0 ? "reset=1" : "reset=all");
        CASE_UNTIL(test, test->nodes[0].from[1].downs > downs && case_is_up(test, 0, 1) &&
                             case_is_up(test, 1, 0));
        assert_int_equal(case_send(test, 0, 1, TN_PRIORITY_DATA, ++number, 100), LINK_SENT);
        CASE_UNTIL(test, test->nodes[1].from[0].last[TN_PRIORITY_DATA] == number);
        assert_true(test->nodes[1].from[0].messages[TN_PRIORITY_DATA] > before);
    }
    assert_int_equal(test->nodes[1].from[0].disordered, 0); /* none twice, none cut short */
    end(&relayed);
}

static void test_link_on_a_slow_and_far_network_keeps_order_and_stays_up(void **state)
{
    struct relayed relayed;
    struct link_case *test = &relayed.test;
    (void)state;
    begin(&relayed);
    tell(&relayed, "delay_ms=30 jitter_ms=20 rate=4000000");
    for (uint32_t i = 1; i <= 40; i++) {
        assert_int_equal(case_send(test, 0, 1, TN_PRIORITY_BATCH, i, 50000), LINK_SENT);
        assert_int_equal(case_send(test, 1, 0, TN_PRIORITY_VOTE, i, 200), LINK_SENT);
    }
    CASE_UNTIL(test, test->nodes[1].from[0].messages[TN_PRIORITY_BATCH] == 40 &&
                         test->nodes[0].from[1].messages[TN_PRIORITY_VOTE] == 40);
    CASE_UNTIL(test, case_statistics(test, 0, 1).round_trip_us[LINK_VOTES] >= 60000);
    for (uint32_t at = 0; at < 2; at++) {
        assert_int_equal(test->nodes[at].from[1 - at].downs, 0);
        assert_int_equal(test->nodes[at].from[1 - at].disordered, 0);
    }
    end(&relayed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_link_on_a_network_that_dies_goes_down_and_comes_back),
        cmocka_unit_test(test_link_survives_resets_again_and_again),
        cmocka_unit_test(test_link_on_a_slow_and_far_network_keeps_order_and_stays_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
