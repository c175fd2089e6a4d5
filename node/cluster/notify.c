/* The protocol of service managers: datagrams of lines to a local socket. */
#include "cluster/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PARTS = 3 }; /* signs of life in one interval: one may come late */

/* A path, or with '@' a name without a file. False: it is neither, or too long. */
static bool make_address(struct sockaddr_un *address, socklen_t *size, const char *name)
{
    size_t length = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || length < 2 || length >= sizeof address->sun_path) {
        return false;
    }
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, name, length);
    if (name[0] == '@') address->sun_path[0] = '\0';
    *size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (name[0] == '/' ? 1 : 0));
    return true;
}

static int64_t watchdog_of_environment(void)
{
    const char *interval = getenv("WATCHDOG_USEC"), *process = getenv("WATCHDOG_PID");
    char *end = NULL;
    if (interval == NULL) return 0;
    if (process != NULL && strtol(process, NULL, 10) != (long)getpid()) return 0;
    errno = 0;
    long long us = strtoll(interval, &end, 10);
    return errno == 0 && *end == '\0' && us > 0 ? us / PARTS : 0;
}

void notify_open(struct notify *notify)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address;
    socklen_t size;
    *notify = (struct notify){.socket = -1};
    if (name == NULL || !make_address(&address, &size, name)) return;
    notify->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (notify->socket >= 0 &&
        connect(notify->socket, (const struct sockaddr *)&address, size) != 0) {
        notify_close(notify);
    }
    if (notify->socket >= 0) notify->watchdog_us = watchdog_of_environment();
}

void notify_say(const struct notify *notify, const char *lines)
{
    if (notify->socket < 0) return;
    ssize_t sent = send(notify->socket, lines, strlen(lines), MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)sent; /* who does not read learns nothing; there is no more to be done about it */
}

void notify_live(struct notify *notify, int64_t now_us)
{
    if (notify->watchdog_us == 0 || now_us - notify->told_us < notify->watchdog_us) return;
    notify->told_us = now_us;
    notify_say(notify, "WATCHDOG=1");
}

void notify_close(struct notify *notify)
{
    if (notify->socket >= 0) close(notify->socket);
    notify->socket = -1;
}
