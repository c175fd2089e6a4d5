/* status: asks a running node where it stands, over its local socket or its metrics' HTTP. */
#include "cluster/clients.h"
#include "cluster/commands.h"
#include "cluster/conf.h"
#include "settings/table.h"
#include "tenord/tenord.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_MOST = 8192, WAIT_SECONDS = 5 };

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval wait = {.tv_sec = WAIT_SECONDS};
    if (strlen(path) >= sizeof address.sun_path) {
        complain("the socket's name %s is too long", path);
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    int connected = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connected >= 0 &&
        (connect(connected, (const struct sockaddr *)&address, sizeof address) != 0 ||
         setsockopt(connected, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) != 0)) {
        close(connected);
        connected = -1;
    }
    if (connected < 0) complain("no node answers at %s: %s", path, strerror(errno));
    return connected;
}

static bool read_whole(int from, uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t got = read(from, bytes + at, size - at);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        at += (size_t)got;
    }
    return true;
}

static int ask(int connected)
{
    const uint8_t request[5] = {0, 0, 0, 1, CLIENT_STATUS};
    uint8_t head[4], answer[ANSWER_MOST];
    bool is_sent = send(connected, request, sizeof request, MSG_NOSIGNAL) == sizeof request;
    if (!is_sent || !read_whole(connected, head, sizeof head)) {
        complain("the node does not answer: %s", strerror(errno));
        return END_FAILED;
    }
    size_t size = (size_t)tn_get_be(head, 4);
    if (size < 5 || size > sizeof answer || !read_whole(connected, answer, size) ||
        answer[0] != CLIENT_STATUS_IS) {
        complain("the node's answer is none");
        return END_FAILED;
    }
    printf("%.*s\n", (int)(size - 5), (const char *)answer + 5);
    return END_GOOD;
}

/* ---- Over HTTP ---------------------------------------------------------------------------------
 */

static int connect_http(const char *where)
{
    char host[SETTINGS_TEXT_SIZE];
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    const struct timeval wait = {.tv_sec = WAIT_SECONDS};
    struct addrinfo *found;
    const bool is_bracketed = where[0] == '[';
    const char *colon = strrchr(where, ':');
    snprintf(host, sizeof host, "%.*s", (int)(colon - where) - (is_bracketed ? 2 : 0),
             where + (is_bracketed ? 1 : 0));
    int why = getaddrinfo(host, colon + 1, &hints, &found);
    if (why != 0) {
        complain("cannot reach %s: %s", where, gai_strerror(why));
        return -1;
    }
    int connected = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connected >= 0 &&
        (setsockopt(connected, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) != 0 ||
         setsockopt(connected, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) != 0 ||
         connect(connected, found->ai_addr, found->ai_addrlen) != 0)) {
        close(connected);
        connected = -1;
    }
    if (connected < 0) complain("no node answers at %s: %s", where, strerror(errno));
    freeaddrinfo(found);
    return connected;
}

/* The body of /status: JSON, one line. */
static int ask_http(int connected)
{
    static const char request[] = "GET /status HTTP/1.0\r\n\r\n";
    char answer[ANSWER_MOST + 1];
    size_t size = 0;
    ssize_t got = send(connected, request, sizeof request - 1, MSG_NOSIGNAL);
    while (got > 0 && size < ANSWER_MOST) {
        got = read(connected, answer + size, ANSWER_MOST - size);
        if (got > 0) size += (size_t)got;
    }
    answer[size] = '\0';
    const char *body = strstr(answer, "\r\n\r\n");
    if (strncmp(answer, "HTTP/1.1 200 ", 13) != 0 || body == NULL) {
        complain("what answers there is no node");
        return END_FAILED;
    }
    fputs(body + 4, stdout);
    return END_GOOD;
}

static int status_http(const char *where)
{
    char problem[SETTINGS_PROBLEM_SIZE];
    if (!setting_check_address(problem, where, 1)) {
        complain("%s", problem);
        return END_REFUSED;
    }
    int connected = connect_http(where);
    if (connected < 0) return END_FAILED;
    int end = ask_http(connected);
    close(connected);
    return end;
}

int status_command(int arguments_count, char **arguments)
{
    const char *home = NULL, *http = NULL;
    const struct option options[] = {
        {"--home", OPTION_TEXT, &home, 0, "folder of the node, on this machine"},
        {"--http", OPTION_TEXT, &http, 0, "HOST:PORT of its metrics.listen"},
    };
    struct option_set set = {.usage = "usage: tenord status --home DIR | --http HOST:PORT\n\n"
                                      "Says where a running node stands.\n",
                             .options = options,
                             .options_count = sizeof options / sizeof options[0]};
    static struct settings settings;
    if (!options_read(&set, arguments_count, arguments)) {
        return set.help_printed ? END_GOOD : END_REFUSED;
    }
    if (http != NULL && home == NULL) return status_http(http);
    if (home == NULL) {
        complain("status needs --home DIR or --http HOST:PORT");
        return END_REFUSED;
    }
    if (!node_settings_read(&settings, home, NULL, 0)) return END_REFUSED;
    int connected = connect_to(settings.clients.socket);
    if (connected < 0) return END_FAILED;
    int end = ask(connected);
    close(connected);
    return end;
}
