/* status: asks a running node where it stands, over its local socket. */
#include "cluster/clients.h"
#include "cluster/commands.h"
#include "cluster/conf.h"
#include "tenord/tenord.h"

#include <errno.h>
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

int status_command(int arguments_count, char **arguments)
{
    const char *home = NULL;
    const struct option options[] = {
        {"--home", OPTION_TEXT, &home, 0, "folder of the node"},
    };
    struct option_set set = {.usage = "usage: tenord status --home DIR\n\n"
                                      "Says where a running node stands.\n",
                             .options = options,
                             .options_count = 1};
    static struct node_conf node;
    if (!options_read(&set, arguments_count, arguments)) {
        return set.help_printed ? END_GOOD : END_REFUSED;
    }
    if (home == NULL) {
        complain("status needs --home DIR");
        return END_REFUSED;
    }
    if (!node_conf_read(&node, home)) return END_REFUSED;
    int connected = connect_to(node.clients);
    if (connected < 0) return END_FAILED;
    int end = ask(connected);
    close(connected);
    return end;
}
