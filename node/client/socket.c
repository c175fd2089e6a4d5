/* The client's socket: non-blocking TCP to the node whose turn it is.
 *
 * A host that is a number costs nothing; a name is looked up by the system's resolver, which waits.
 * A name with several addresses is tried one address an attempt. Small messages leave at once
 * (TCP_NODELAY): a frame that waits for the acknowledgement of the one before is late. */
#include "client/internal.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct addrinfo *look_up(const struct client_peer *peer, char *why, size_t why_size)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char port[8];
    snprintf(port, sizeof port, "%u", peer->port);
    int code = getaddrinfo(peer->host, port, &hints, &found);
    if (code == 0 && found != NULL) return found;
    snprintf(why, why_size, "cannot look up %s: %s", peer->host,
             code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code));
    return NULL;
}

static int start(const struct client_peer *peer, const struct addrinfo *address, char *why,
                 size_t why_size)
{
    int made = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (made < 0) {
        snprintf(why, why_size, "cannot make a socket for %s: %s", peer->host, strerror(errno));
        return -1;
    }
    int on = 1;
    (void)setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(made, address->ai_addr, address->ai_addrlen) == 0 || errno == EINPROGRESS) {
        return made;
    }
    snprintf(why, why_size, "cannot connect to %s:%u: %s", peer->host, peer->port, strerror(errno));
    close(made);
    return -1;
}

int client_socket_open(struct tn_client *client, char *why, size_t why_size)
{
    const struct client_peer *peer = &client->peers[client->node];
    struct addrinfo *found = look_up(peer, why, why_size);
    if (found == NULL) return -1;
    uint32_t count = 0;
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next)
        count++;
    uint32_t which = client->address_turn++ % count;
    const struct addrinfo *address = found;
    while (which-- > 0)
        address = address->ai_next;
    int made = start(peer, address, why, why_size);
    freeaddrinfo(found);
    return made;
}

int client_socket_check(int socket, char *why, size_t why_size)
{
    struct pollfd asked = {.fd = socket, .events = POLLOUT};
    if (poll(&asked, 1, 0) == 0) return 0;
    int code = 0;
    socklen_t size = sizeof code;
    if (getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &size) != 0) code = errno;
    if (code == 0) return 1;
    snprintf(why, why_size, "cannot connect: %s", strerror(code));
    return -1;
}
