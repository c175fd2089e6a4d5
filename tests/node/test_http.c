/* The small HTTP server: what it reads as a request, and what it does to those who ask badly. */
#include "http/http.h"

#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000, ANSWER_ROOM = 1 << 21 };

/* ---- Reading -----------------------------------------------------------------------------------
 */

#define HOST "Host: x\r\n"

static const struct reading {
    const char *bytes;
    enum http_read answer;
} readings[] = {
    {"GET /metrics HTTP/1.1\r\n" HOST "\r\n", HTTP_REQUEST},
    {"GET /metrics HTTP/1.1\n" HOST "\n", HTTP_REQUEST},
    {"GET / HTTP/1.0\r\n\r\n", HTTP_REQUEST},
    {"HEAD / HTTP/1.1\r\nhOsT: x\r\n\r\n", HTTP_REQUEST},
    {"GET / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", HTTP_REQUEST},
    {"", HTTP_MORE},
    {"GET / HT", HTTP_MORE},
    {"GET / HTTP/1.1\r\n" HOST, HTTP_MORE},
    {"GET / HTTP/1.1\r\n" HOST "\r", HTTP_MORE},
    {"GET / HTTP/1.1\r\n\r\n", HTTP_BAD}, /* no Host */
    {"GET / HTTP/1.1\r\n" HOST HOST "\r\n", HTTP_BAD},
    {"GET / HTTP/1.1\r\nHost : x\r\n\r\n", HTTP_BAD},
    {"GET / HTTP/1.1\r\n" HOST " folded: x\r\n\r\n", HTTP_BAD},
    {"GET / HTTP/1.1\r\n" HOST "X: \x01\r\n\r\n", HTTP_BAD},
    {"GET / HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n", HTTP_BAD},
    {"GET  / HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD},
    {"GET / HTTP/1.1 \r\n" HOST "\r\n", HTTP_BAD},
    {"GET /\r\n", HTTP_BAD},
    {"\r\nGET / HTTP/1.1\r\n", HTTP_BAD},
    {"GET x HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD},
    {"GET http://x/ HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD},
    {"G\x01T / HTTP/1.1\r\n" HOST "\r\n", HTTP_BAD},
    {"GET / HTTQ/1.1\r\n" HOST "\r\n", HTTP_BAD},
    {"GET / HTTP/2.0\r\n" HOST "\r\n", HTTP_VERSION},
    {"GET / HTTP/1.2\r\n" HOST "\r\n", HTTP_VERSION},
    {"POST / HTTP/1.1\r\n" HOST "\r\n", HTTP_METHOD},
    {"GETT / HTTP/1.1\r\n" HOST "\r\n", HTTP_METHOD},
    {"GET / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello", HTTP_BODY},
    {"GET / HTTP/1.1\r\n" HOST "Content-Length: 00\r\n\r\n", HTTP_BODY},
    {"GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", HTTP_BODY},
};

static void test_http_reads_requests_and_nothing_else(void **state)
{
    (void)state;
    struct http_request request;
    for (size_t i = 0; i < sizeof readings / sizeof readings[0]; i++) {
        const char *bytes = readings[i].bytes;
        enum http_read answer = http_read_request(&request, bytes, strlen(bytes));
        if (answer != readings[i].answer) fail_msg("'%s': %d", bytes, (int)answer);
    }
}

static void test_http_reads_path_size_and_whether_to_go_on(void **state)
{
    (void)state;
    struct http_request request;
    static const char two[] = "GET /a/b?c=d HTTP/1.1\r\n" HOST "\r\nGET /next";
    assert_int_equal(http_read_request(&request, two, strlen(two)), HTTP_REQUEST);
    assert_string_equal(request.path, "/a/b");
    assert_int_equal(request.size, strlen(two) - strlen("GET /next"));
    assert_true(request.keep_alive);
    assert_false(request.is_head);
    static const char last[] = "HEAD / HTTP/1.1\r\n" HOST "Connection: TE , Close\r\n\r\n";
    assert_int_equal(http_read_request(&request, last, strlen(last)), HTTP_REQUEST);
    assert_false(request.keep_alive);
    assert_true(request.is_head);
    static const char old[] = "GET / HTTP/1.0\r\n\r\n";
    assert_int_equal(http_read_request(&request, old, strlen(old)), HTTP_REQUEST);
    assert_false(request.keep_alive);
}

static void test_http_has_a_bound_on_a_head(void **state)
{
    (void)state;
    struct http_request request;
    char bytes[HTTP_HEAD_MAX + 64] = "GET / HTTP/1.1\r\n" HOST "X: ";
    size_t used = strlen(bytes);
    memset(bytes + used, 'a', sizeof bytes - used);
    assert_int_equal(http_read_request(&request, bytes, HTTP_HEAD_MAX - 1), HTTP_MORE);
    assert_int_equal(http_read_request(&request, bytes, HTTP_HEAD_MAX), HTTP_TOO_LARGE);
    memcpy(bytes + HTTP_HEAD_MAX - 4, "\r\n\r\n", 4);
    assert_int_equal(http_read_request(&request, bytes, HTTP_HEAD_MAX), HTTP_REQUEST);
    memset(bytes, 'a', sizeof bytes); /* no line at all */
    assert_int_equal(http_read_request(&request, bytes, sizeof bytes), HTTP_TOO_LARGE);
}

/* ---- Serving -----------------------------------------------------------------------------------
 */

static void answer_page(void *context, struct http_answer *answer, const char *path)
{
    (void)context;
    answer->status = strcmp(path, "/none") == 0 ? 404 : 200;
    answer->content_type = "text/plain";
    if (strcmp(path, "/large") == 0) {
        memset(answer->body, 'x', HTTP_BODY_MAX);
        answer->body_size = HTTP_BODY_MAX;
        return;
    }
    answer->body_size = (size_t)snprintf(answer->body, HTTP_BODY_MAX, "page %s\n", path);
}

static struct http *serve(uint32_t connections_max, int64_t request_ms)
{
    char problem[HTTP_PROBLEM_SIZE];
    const struct http_options options = {.listen = "127.0.0.1:0",
                                         .connections_max = connections_max,
                                         .request_ms = request_ms,
                                         .answer = answer_page};
    struct http *http = http_open(problem, &options);
    if (http == NULL) fail_msg("%s", problem);
    return http;
}

static int dial(const struct http *http)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(http_port(http)),
                                        .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int dialled = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(dialled >= 0);
    assert_int_equal(connect(dialled, (const struct sockaddr *)&address, sizeof address), 0);
    return dialled;
}

static void say(int to, const char *bytes)
{
    assert_int_equal(send(to, bytes, strlen(bytes), MSG_NOSIGNAL), strlen(bytes));
}

/* All until the server closes. */
static const char *hear_all(int from)
{
    static char text[ANSWER_ROOM];
    size_t size = 0;
    for (;;) {
        struct pollfd wanted = {.fd = from, .events = POLLIN};
        assert_int_equal(poll(&wanted, 1, PATIENCE_MS), 1);
        ssize_t got = recv(from, text + size, sizeof text - 1 - size, 0);
        if (got <= 0) break; /* a reset ends it as well */
        size += (size_t)got;
    }
    text[size] = '\0';
    close(from);
    return text;
}

static void assert_has(const char *text, const char *words)
{
    if (strstr(text, words) == NULL) fail_msg("'%s' lacks '%s'", text, words);
}

static void test_http_answers_get_and_head(void **state)
{
    (void)state;
    struct http *http = serve(4, 10000);
    int asking = dial(http);
    say(asking, "GET /a HTTP/1.1\r\n" HOST "\r\nHEAD /a HTTP/1.1\r\n" HOST "\r\n"
                "GET /none HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    const char *text = hear_all(asking);
    assert_has(text, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n");
    assert_has(text, "\r\n\r\npage /a\nHTTP/1.1 200 OK\r\n");
    assert_has(text, "nosniff\r\n\r\nHTTP/1.1 404 Not Found\r\n"); /* HEAD has no body */
    assert_has(text, "Connection: close\r\n\r\npage /none\n");
    struct http_counters counters;
    http_counters(http, &counters);
    assert_int_equal(counters.requests, 3);
    assert_int_equal(counters.accepted, 1);
    http_close(http);
}

static void test_http_takes_a_request_byte_by_byte(void **state)
{
    (void)state;
    static const char request[] = "GET /slow HTTP/1.0\r\nX: y\r\n\r\n";
    struct http *http = serve(4, 10000);
    int asking = dial(http);
    for (size_t i = 0; i < sizeof request - 1; i++)
        assert_int_equal(send(asking, request + i, 1, MSG_NOSIGNAL), 1);
    assert_has(hear_all(asking), "page /slow\n");
    http_close(http);
}

static void test_http_sends_an_answer_larger_than_the_socket_takes(void **state)
{
    (void)state;
    struct http *http = serve(4, 10000);
    int asking = dial(http);
    say(asking, "GET /large HTTP/1.1\r\n" HOST "\r\nGET /a HTTP/1.0\r\n\r\n");
    const char *text = hear_all(asking);
    assert_has(text, "xxxHTTP/1.1 200 OK\r\n");
    assert_has(text, "page /a\n");
    assert_true(strlen(text) > HTTP_BODY_MAX);
    http_close(http);
}

static void test_http_tells_why_it_refuses_and_closes(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", "405 Method Not Allowed"},
        {"GET / HTTP/1.1\r\n\r\n", "400 Bad Request"},
        {"GET / HTTP/3.0\r\n\r\n", "505 HTTP Version"},
        {"GET / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", "413 Content Too Large"},
    };
    struct http *http = serve(4, 10000);
    struct http_counters counters;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int asking = dial(http);
        say(asking, bad[i][0]);
        shutdown(asking, SHUT_WR);
        const char *text = hear_all(asking);
        assert_has(text, bad[i][1]);
        assert_has(text, "Connection: close\r\n");
    }
    http_counters(http, &counters);
    assert_int_equal(counters.refused_bad, sizeof bad / sizeof bad[0]);
    assert_int_equal(counters.requests, 0);
    http_close(http);
}

static void test_http_refuses_an_endless_head(void **state)
{
    (void)state;
    char line[1024] = "X: ";
    struct http *http = serve(4, 10000);
    int asking = dial(http);
    memset(line + 3, 'a', sizeof line - 6);
    memcpy(line + sizeof line - 3, "\r\n", 3);
    say(asking, "GET / HTTP/1.1\r\n" HOST);
    for (int i = 0; i < 8; i++)
        send(asking, line, strlen(line), MSG_NOSIGNAL); /* it may be closed in the middle of it */
    shutdown(asking, SHUT_WR);
    assert_has(hear_all(asking), "431 Request Header Fields Too Large");
    http_close(http);
}

static void test_http_closes_connections_beyond_its_bound_and_serves_the_others(void **state)
{
    (void)state;
    struct http *http = serve(2, 600000);
    struct http_counters counters;
    int first = dial(http), second = dial(http);
    say(first, "GET /1 HT"); /* both stay half asked */
    say(second, "GET /2 HT");
    do {
        http_counters(http, &counters);
        poll(NULL, 0, 1);
    } while (counters.accepted < 2);
    assert_string_equal(hear_all(dial(http)), "");
    http_counters(http, &counters);
    assert_int_equal(counters.refused_full, 1);
    say(first, "TP/1.0\r\n\r\n");
    assert_has(hear_all(first), "page /1\n");
    say(second, "TP/1.0\r\n\r\n");
    assert_has(hear_all(second), "page /2\n");
    http_close(http);
}

static void test_http_does_not_wait_for_ever(void **state)
{
    (void)state;
    struct http *http = serve(4, 100);
    struct http_counters counters;
    int half = dial(http), reader = dial(http), idle = dial(http);
    int small = 4096;
    setsockopt(reader, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    say(half, "GET / HT");
    for (int i = 0; i < 16; i++) /* and reads nothing of 16 MiB */
        say(reader, "GET /large HTTP/1.1\r\n" HOST "\r\n");
    assert_string_equal(hear_all(half), "");
    assert_string_equal(hear_all(idle), "");
    do {
        http_counters(http, &counters);
        poll(NULL, 0, 1);
    } while (counters.timed_out < 2);
    close(reader);
    http_close(http);
}

static void test_http_says_where_it_cannot_listen(void **state)
{
    (void)state;
    char problem[HTTP_PROBLEM_SIZE], listen[32];
    struct http *http = serve(1, 1000);
    snprintf(listen, sizeof listen, "127.0.0.1:%u", http_port(http));
    const struct http_options taken = {
        .listen = listen, .connections_max = 1, .request_ms = 1000, .answer = answer_page};
    assert_null(http_open(problem, &taken));
    assert_has(problem, "cannot listen at 127.0.0.1:");
    assert_has(problem, "Address already in use");
    http_close(http);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_reads_requests_and_nothing_else),
        cmocka_unit_test(test_http_reads_path_size_and_whether_to_go_on),
        cmocka_unit_test(test_http_has_a_bound_on_a_head),
        cmocka_unit_test(test_http_answers_get_and_head),
        cmocka_unit_test(test_http_takes_a_request_byte_by_byte),
        cmocka_unit_test(test_http_sends_an_answer_larger_than_the_socket_takes),
        cmocka_unit_test(test_http_tells_why_it_refuses_and_closes),
        cmocka_unit_test(test_http_refuses_an_endless_head),
        cmocka_unit_test(test_http_closes_connections_beyond_its_bound_and_serves_the_others),
        cmocka_unit_test(test_http_does_not_wait_for_ever),
        cmocka_unit_test(test_http_says_where_it_cannot_listen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
