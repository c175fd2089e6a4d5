/* notify: what a service manager is told over its own socket (NOTIFY_SOCKET), and its watchdog.
 * Without such a socket nothing happens. */
#ifndef NODE_CLUSTER_NOTIFY_H
#define NODE_CLUSTER_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

struct notify {
    int socket;          /* -1: nobody is to be told */
    int64_t watchdog_us; /* between two signs of life; 0: none are wanted */
    int64_t told_us;
};

/* Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment's words. */
void notify_open(struct notify *notify);
/* Lines as "READY=1\nSTATUS=…". Never blocks; a manager that does not read is not told. */
void notify_say(const struct notify *notify, const char *lines);
/* A sign of life when it is time for one. now_us: monotonic. */
void notify_live(struct notify *notify, int64_t now_us);
void notify_close(struct notify *notify);

#endif
