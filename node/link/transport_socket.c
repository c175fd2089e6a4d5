/* The transport by sockets: everything but handshakes and the search for names is done by the
 * thread that polls the link, and waits for one epoll descriptor.
 *
 * A dial is done as soon as it has a socket that is connecting: the rest is the handshake's. The
 * listener is level-triggered, so one that cannot accept (no descriptors are left) is taken out of
 * epoll until the next tick. */
#include "link/node.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS_AT_ONCE = 64 };

static void send_at_once(int fd)
{
    const int one = 1; /* else a message behind another waits for an acknowledgement: 40 ms */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

/* "host:port" or "[host]:port". */
static bool split(char **host, char **port, const char *address)
{
    const char *colon = strrchr(address, ':');
    *host = *port = NULL;
    if (colon == NULL || colon[1] == '\0') return false;
    size_t size = (size_t)(colon - address);
    const bool is_bracketed = size > 2 && address[0] == '[' && address[size - 1] == ']';
    *host = is_bracketed ? strndup(address + 1, size - 2) : strndup(address, size);
    *port = strdup(colon + 1);
    if (*host != NULL && *port != NULL) return true;
    free(*host);
    free(*port);
    return false;
}

/* ---- Dials -------------------------------------------------------------------------------------
 */

static bool dial_open_socket(struct dial *dial, const struct peer *peer)
{
    struct link_nng *link = dial->link;
    if (!split(&dial->host, &dial->port, peer->address)) {
        link_say(link, "cannot dial %s: it is not host:port", peer->address);
        return false;
    }
    dial->config = tls_config_make(link->problem, false, link->certificate, link->private_key,
                                   peer->certificate);
    if (dial->config != NULL) return true;
    free(dial->host);
    free(dial->port);
    return false;
}

static void dial_done(struct dial *dial)
{
    atomic_store(&dial->done, true);
    atomic_store(&dial->link->news, true);
    stream_waker_signal(&dial->link->waker);
}

static void dial_fail(struct dial *dial, enum link_reason reason, const char *why)
{
    dial->reason = reason;
    dial->why = why;
}

static void dial_fail_by(struct dial *dial, int error)
{
    const bool is_absent = stream_socket_is_absent(error);
    dial_fail(dial, is_absent ? LINK_REASON_ABSENT : LINK_REASON_BROKEN,
              is_absent ? link_reason_text(LINK_REASON_ABSENT) : strerror(error));
}

static void dial_connect(struct dial *dial, const struct addrinfo *to)
{
    dial->fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (dial->fd < 0) {
        dial_fail_by(dial, errno);
        return;
    }
    send_at_once(dial->fd);
    if (connect(dial->fd, to->ai_addr, to->ai_addrlen) == 0 || errno == EINPROGRESS) return;
    dial_fail_by(dial, errno);
    close(dial->fd);
    dial->fd = -1;
}

/* Numbers are read at once; for names the system's resolver has threads of its own. */
static void dial_begin(struct dial *dial)
{
    struct addrinfo *found;
    dial->hints = (struct addrinfo){.ai_family = AF_UNSPEC,
                                    .ai_socktype = SOCK_STREAM,
                                    .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    dial_fail(dial, LINK_REASON_NONE, NULL);
    if (getaddrinfo(dial->host, dial->port, &dial->hints, &found) == 0) {
        dial_connect(dial, found);
        freeaddrinfo(found);
        dial_done(dial);
        return;
    }
    dial->hints.ai_flags = AI_NUMERICSERV;
    dial->lookup =
        (struct gaicb){.ar_name = dial->host, .ar_service = dial->port, .ar_request = &dial->hints};
    struct gaicb *list[] = {&dial->lookup};
    int code = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL);
    if (code == 0) return;
    dial_fail(dial, LINK_REASON_BROKEN, gai_strerror(code));
    dial->lookup.ar_name = NULL;
    dial_done(dial);
}

/* The name was found, or will not be. */
static void dial_found(struct dial *dial, int code)
{
    if (code == 0) {
        dial_connect(dial, dial->lookup.ar_result);
        freeaddrinfo(dial->lookup.ar_result);
    } else {
        dial_fail(dial, LINK_REASON_BROKEN, gai_strerror(code));
    }
    dial->lookup.ar_name = NULL;
    dial_done(dial);
}

static void dial_tick_socket(struct dial *dial)
{
    if (dial->lookup.ar_name == NULL) return;
    int code = gai_error(&dial->lookup);
    if (code != EAI_INPROGRESS) dial_found(dial, code);
}

static void dial_cancel(struct dial *dial)
{
    if (dial->lookup.ar_name != NULL) gai_cancel(&dial->lookup);
}

static struct stream *dial_end(struct dial *dial)
{
    if (dial->fd < 0) return NULL;
    int fd = dial->fd;
    dial->fd = -1;
    struct stream *stream = stream_socket_open(fd, dial->config, dial->link->handshakes);
    if (stream == NULL) dial_fail(dial, LINK_REASON_MEMORY, "no memory");
    return stream;
}

static void dial_close(struct dial *dial)
{
    dial_cancel(dial);
    dial_tick_socket(dial);
}

static void dial_free(struct dial *dial)
{
    const struct gaicb *list[] = {&dial->lookup};
    while (dial->lookup.ar_name != NULL && gai_error(&dial->lookup) == EAI_INPROGRESS)
        gai_suspend(list, 1, NULL);
    dial_tick_socket(dial);
    if (dial->fd >= 0) close(dial->fd);
    tls_config_drop(dial->config);
    free(dial->host);
    free(dial->port);
}

/* ---- The listener ------------------------------------------------------------------------------
 */

static bool set_trusted(struct link_nng *link)
{
    char *trusted = listener_trusted(link);
    if (trusted == NULL) return false;
    struct tls_config *config =
        tls_config_make(link->problem, true, link->certificate, link->private_key, trusted);
    free(trusted);
    if (config == NULL) return false;
    tls_config_drop(link->listener.config); /* streams that have it hold it */
    link->listener.config = config;
    return true;
}

static bool watch(struct link_nng *link, int fd, uint32_t events, void *what, int how)
{
    struct epoll_event event = {.events = events, .data.ptr = what};
    return epoll_ctl(link->poll_fd, how, fd, &event) == 0;
}

/* At one of the addresses that the name has. Returns 0, else errno. */
static int bind_one(struct link_nng *link, const struct addrinfo *at)
{
    const int one = 1;
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, at->ai_addr, at->ai_addrlen) != 0 || listen(fd, 128) != 0 ||
        getsockname(fd, (struct sockaddr *)&bound, &size) != 0 ||
        !watch(link, fd, EPOLLIN, &link->listener, EPOLL_CTL_ADD)) {
        int error = errno;
        close(fd);
        return error;
    }
    const bool is_6 = bound.ss_family == AF_INET6;
    struct sockaddr_in6 in6;
    struct sockaddr_in in4;
    memcpy(&in6, &bound, sizeof in6);
    memcpy(&in4, &bound, sizeof in4);
    link->port = ntohs(is_6 ? in6.sin6_port : in4.sin_port);
    link->listener.fd = fd;
    return 0;
}

static bool listener_open_socket(struct link_nng *link, const char *address)
{
    char *host, *port;
    const char *why = "it is not host:port";
    struct addrinfo *found = NULL;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    if (!set_trusted(link)) return false;
    if (split(&host, &port, address)) {
        const bool is_any = host[0] == '\0' || strcmp(host, "*") == 0;
        int code = getaddrinfo(is_any ? NULL : host, port, &hints, &found);
        why = code == 0 ? NULL : gai_strerror(code);
        free(host);
        free(port);
    }
    int error = -1;
    for (const struct addrinfo *at = found; at != NULL && error != 0; at = at->ai_next)
        error = bind_one(link, at);
    if (found != NULL) freeaddrinfo(found);
    if (error == 0) return true;
    link_say(link, "cannot listen at %s: %s", address, why != NULL ? why : strerror(error));
    return false;
}

static void listener_close_socket(struct link_nng *link)
{
    if (link->listener.fd >= 0) close(link->listener.fd);
    link->listener.fd = -1;
    tls_config_drop(link->listener.config);
    link->listener.config = NULL;
}

/* What waits in the system's queue is accepted under the new configuration. */
static void listener_renew_socket(struct link_nng *link)
{
    link->listener.renew = !set_trusted(link);
}

static void listener_tick_socket(struct link_nng *link)
{
    struct listener *listener = &link->listener;
    if (listener->renew) listener_renew_socket(link);
    if (!listener->is_tired) return;
    listener->is_tired = !watch(link, listener->fd, EPOLLIN, listener, EPOLL_CTL_MOD);
}

static void address_of(struct limiter_address *address, const struct sockaddr_storage *from)
{
    memset(address, 0, sizeof *address);
    if (from->ss_family == AF_INET) {
        struct sockaddr_in in4;
        memcpy(&in4, from, sizeof in4);
        address->bytes[10] = address->bytes[11] = 0xff;
        memcpy(address->bytes + 12, &in4.sin_addr, 4);
    } else if (from->ss_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, from, sizeof in6);
        memcpy(address->bytes, &in6.sin6_addr, 16);
    }
}

static bool listener_next(struct link_nng *link, struct incoming *incoming)
{
    struct listener *listener = &link->listener;
    struct sockaddr_storage from;
    socklen_t size = sizeof from;
    if (listener->is_tired || listener->renew) return false;
    int fd = accept4(listener->fd, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        send_at_once(fd);
        incoming->fd = fd;
        address_of(&incoming->address, &from);
        return true;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ECONNABORTED) {
        return false;
    }
    pthread_mutex_lock(&listener->mutex);
    listener->errors++;
    pthread_mutex_unlock(&listener->mutex);
    listener->is_tired = watch(link, listener->fd, 0, listener, EPOLL_CTL_MOD);
    return false;
}

static struct stream *incoming_open(struct link_nng *link, struct incoming *incoming)
{
    return stream_socket_open(incoming->fd, link->listener.config, link->handshakes);
}

static void incoming_refuse(struct incoming *incoming)
{
    close(incoming->fd);
}

/* ---- The whole ---------------------------------------------------------------------------------
 */

static bool open_socket(struct link_nng *link)
{
    struct tls_config *config = tls_config_make(link->problem, false, link->certificate,
                                                link->private_key, link->certificate);
    if (config == NULL) return false; /* the key does not fit, for one */
    tls_config_drop(config);
    link->poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (link->poll_fd >= 0 && watch(link, link->waker.fd, EPOLLIN, NULL, EPOLL_CTL_ADD)) {
        link->handshakes = handshakes_start(&link->waker, link->poll_fd);
    }
    if (link->handshakes != NULL) return true;
    link_say(link, "cannot make an epoll descriptor and a thread: %s", strerror(errno));
    return false;
}

/* All streams are freed. */
static void close_socket(struct link_nng *link)
{
    handshakes_stop(link->handshakes);
    if (link->poll_fd >= 0) close(link->poll_fd);
}

static int fd(const struct link_nng *link)
{
    return link->poll_fd;
}

static void take(struct link_nng *link)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int count = epoll_wait(link->poll_fd, events, EVENTS_AT_ONCE, 0);
    for (int i = 0; i < count; i++) {
        void *what = events[i].data.ptr;
        if (what == NULL) {
            stream_waker_drain(&link->waker);
        } else if (what == &link->listener) {
            atomic_store(&link->news, true);
        } else {
            stream_socket_ready(what, events[i].events);
        }
    }
}

const struct transport link_transport_socket = {.open = open_socket,
                                                .close = close_socket,
                                                .fd = fd,
                                                .take = take,
                                                .dial_open = dial_open_socket,
                                                .dial_begin = dial_begin,
                                                .dial_tick = dial_tick_socket,
                                                .dial_cancel = dial_cancel,
                                                .dial_end = dial_end,
                                                .dial_close = dial_close,
                                                .dial_free = dial_free,
                                                .listener_open = listener_open_socket,
                                                .listener_close = listener_close_socket,
                                                .listener_renew = listener_renew_socket,
                                                .listener_tick = listener_tick_socket,
                                                .listener_next = listener_next,
                                                .incoming_open = incoming_open,
                                                .incoming_refuse = incoming_refuse};
