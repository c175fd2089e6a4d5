/* The listening socket: who may connect, and when nobody may.
 *
 * A connection that is refused here costs a system call: it is closed without a word, since a word
 * would cost a handshake. When as many as may are in their handshakes, those that have said nothing
 * for a second make way for the next ones; when all of them are busy, newcomers wait in the
 * kernel's queue. So a flood of half-open connections delays others by little and costs no memory.
 */
#include "clock.h"
#include "gateway/internal.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG     1024
#define TAKE_A_TURN 64
#define IDLE_US     1000000 /* a half-open connection that makes way */

/* Cuts HOST:PORT or [HOST]:PORT apart. */
static bool cut(char host[GATEWAY_ADDRESS_SIZE], const char **port, const char *listen)
{
    const char *colon = strrchr(listen, ':');
    if (colon == NULL || colon == listen || colon[1] == '\0') return false;
    const char *first = listen;
    size_t size = (size_t)(colon - listen);
    if (listen[0] == '[') {
        if (size < 3 || colon[-1] != ']') return false;
        first++;
        size -= 2;
    }
    if (size >= GATEWAY_ADDRESS_SIZE) return false;
    memcpy(host, first, size);
    host[size] = '\0';
    *port = colon + 1;
    return true;
}

static int open_one(const struct addrinfo *info)
{
    const int on = 1;
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0) return fd;
    int code = errno;
    close(fd);
    errno = code;
    return -1;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    memset(&address, 0, sizeof address);
    getsockname(fd, (struct sockaddr *)&address, &size);
    if (address.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)&address)->sin6_port);
    return ntohs(((const struct sockaddr_in *)&address)->sin_port);
}

bool gateway_listen_open(struct gateway *gateway, char problem[GATEWAY_PROBLEM_SIZE])
{
    char host[GATEWAY_ADDRESS_SIZE];
    const char *port, *listen = gateway->options.listen;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    if (!cut(host, &port, listen)) {
        snprintf(problem, GATEWAY_PROBLEM_SIZE,
                 "cannot listen for clients on \"%s\": write HOST:PORT or [HOST]:PORT", listen);
        return false;
    }
    int code = getaddrinfo(host, port, &hints, &found);
    if (code != 0) {
        snprintf(problem, GATEWAY_PROBLEM_SIZE, "cannot listen for clients on %s: %s", listen,
                 gai_strerror(code));
        return false;
    }
    for (const struct addrinfo *info = found; info != NULL && gateway->listen_fd < 0;
         info = info->ai_next)
        gateway->listen_fd = open_one(info);
    if (gateway->listen_fd < 0)
        snprintf(problem, GATEWAY_PROBLEM_SIZE, "cannot listen for clients on %s: %s", listen,
                 strerror(errno));
    freeaddrinfo(found);
    if (gateway->listen_fd >= 0) gateway->listen_port = port_of(gateway->listen_fd);
    return gateway->listen_fd >= 0;
}

static struct gateway_address address_of(const struct sockaddr_storage *from)
{
    struct gateway_address address = {{0}, false};
    if (from->ss_family == AF_INET) {
        address.is_ip4 = true;
        memcpy(address.bytes, &((const struct sockaddr_in *)from)->sin_addr, 4);
        return address;
    }
    const struct in6_addr *ip6 = &((const struct sockaddr_in6 *)from)->sin6_addr;
    address.is_ip4 = IN6_IS_ADDR_V4MAPPED(ip6);
    memcpy(address.bytes, address.is_ip4 ? &ip6->s6_addr[12] : ip6->s6_addr,
           address.is_ip4 ? 4 : 8);
    return address;
}

static bool may_enter(struct gateway *gateway, const struct gateway_address *address)
{
    if (gateway->free_count == 0) {
        GATEWAY_COUNT(gateway, refused_full);
        return false;
    }
    switch (
        gateway_addresses_enter(gateway->addresses, address, &gateway->limits, gateway->now_us)) {
        case GATEWAY_ADDRESS_OK: return true;
        case GATEWAY_ADDRESS_FULL: GATEWAY_COUNT(gateway, refused_address); return false;
        case GATEWAY_ADDRESS_FAST: GATEWAY_COUNT(gateway, refused_rate); return false;
    }
    return false;
}

void gateway_listen_take(evutil_socket_t fd, short what, void *context)
{
    (void)what;
    struct gateway *gateway = context;
    const int on = 1;
    gateway->now_us = monotonic_us();
    for (int i = 0; i < TAKE_A_TURN && gateway->is_listening; i++) {
        struct sockaddr_storage from;
        socklen_t size = sizeof from;
        memset(&from, 0, sizeof from);
        int client = accept4(fd, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK) return;
            if (errno == EINTR || errno == ECONNABORTED) continue;
            /* Out of descriptors or memory: what waits can wait until the next tick. */
            GATEWAY_COUNT(gateway, accept_failed);
            event_del(gateway->listening);
            gateway->is_listening = false;
            return;
        }
        struct gateway_address address = address_of(&from);
        if (!may_enter(gateway, &address)) {
            close(client);
            continue;
        }
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        GATEWAY_COUNT(gateway, accepted);
        gateway_connection_open(gateway, client, &address);
        if (gateway->handshaking >= gateway->limits.handshakes_max) gateway_listen_update(gateway);
    }
}

/* The connection that has waited longest for its client's next word, if that is long enough. */
static struct gateway_connection *idlest(const struct gateway *gateway)
{
    struct gateway_connection *found = NULL;
    for (uint32_t i = 0; i < gateway->slots_used; i++) {
        struct gateway_connection *connection = gateway->connections[i];
        if (connection == NULL || connection->stage != GATEWAY_HANDSHAKE || connection->at_thread)
            continue;
        if (gateway->now_us - connection->heard_us < IDLE_US) continue;
        if (found == NULL || connection->heard_us < found->heard_us) found = connection;
    }
    return found;
}

void gateway_listen_update(struct gateway *gateway)
{
    bool may = !gateway->is_draining;
    while (may && gateway->handshaking >= gateway->limits.handshakes_max) {
        struct gateway_connection *idle = idlest(gateway);
        if (idle == NULL) {
            may = false;
            if (gateway->is_listening) GATEWAY_COUNT(gateway, accept_paused);
            break;
        }
        GATEWAY_COUNT(gateway, handshakes_late);
        gateway_connection_end(idle, GATEWAY_END_CUT);
    }
    /* Who connects before the node has said where it stands would be told nothing of use. */
    may = may && gateway->is_told;
    if (may == gateway->is_listening) return;
    gateway->is_listening = may;
    if (may) {
        event_add(gateway->listening, NULL);
    } else {
        event_del(gateway->listening);
    }
}
