/* wire: requests out, answers in, without waiting for either. */
#include "play/play.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { ROOM_FIRST = 1 << 20 };

bool wire_open(struct wire *wire, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return false;
    memcpy(address.sun_path, path, strlen(path));
    int connected = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connected < 0) return false;
    if (connect(connected, (const struct sockaddr *)&address, sizeof address) != 0) {
        close(connected);
        return false;
    }
    wire->socket = connected;
    wire->in_size = wire->out_size = 0;
    wire->requests = 0;
    return true;
}

void wire_close(struct wire *wire)
{
    if (wire->socket >= 0) close(wire->socket);
    wire->socket = -1;
}

static bool has_room(uint8_t **bytes, size_t *room, size_t need)
{
    if (need <= *room) return true;
    uint8_t *grown = realloc(*bytes, 2 * need + ROOM_FIRST);
    if (grown == NULL) return false;
    *bytes = grown;
    *room = 2 * need + ROOM_FIRST;
    return true;
}

uint32_t wire_ask(struct wire *wire, enum client_request kind, const uint8_t *bytes, size_t size)
{
    if (wire->socket < 0) return UINT32_MAX;
    TN_ASSERT(has_room(&wire->out, &wire->out_room, wire->out_size + 5 + size));
    uint8_t *at = wire->out + wire->out_size;
    tn_put_be(at, 1 + size, 4);
    at[4] = (uint8_t)kind;
    if (size > 0) memcpy(at + 5, bytes, size);
    wire->out_size += 5 + size;
    return wire->requests++;
}

static bool send_some(struct wire *wire)
{
    size_t sent = 0;
    while (sent < wire->out_size) {
        ssize_t put = send(wire->socket, wire->out + sent, wire->out_size - sent,
                           MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
        if (put < 0) return false;
        sent += (size_t)put;
    }
    memmove(wire->out, wire->out + sent, wire->out_size - sent);
    wire->out_size -= sent;
    return true;
}

static bool receive_some(struct wire *wire)
{
    for (;;) {
        if (!has_room(&wire->in, &wire->in_room, wire->in_size + 65536)) return false;
        const size_t room = wire->in_room - wire->in_size;
        ssize_t got = recv(wire->socket, wire->in + wire->in_size, room, MSG_DONTWAIT);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return true;
        if (got <= 0) return false;
        wire->in_size += (size_t)got;
        if ((size_t)got < room) return true;
    }
}

bool wire_turn(struct play *play, struct wire *wire)
{
    if (wire->socket < 0) return false;
    bool is_there = send_some(wire) && receive_some(wire);
    size_t at = 0;
    play_clock(play);
    while (wire->in_size - at >= 5) {
        size_t size = (size_t)tn_get_be(wire->in + at, 4);
        if (wire->in_size - at - 4 < size || size == 0) break;
        play_take(play, wire, wire->in[at + 4], wire->in + at + 5, size - 1);
        at += 4 + size;
    }
    memmove(wire->in, wire->in + at, wire->in_size - at);
    wire->in_size -= at;
    if (!is_there) wire_close(wire);
    return is_there;
}

void wire_watch(const struct play *play, struct wire *wire)
{
    bool wants_finals = wire->index == play->options.watch && !play->only_feeds;
    const uint8_t what =
        CLIENT_WATCH_BRIEF | CLIENT_WATCH_BLOCKS | (wants_finals ? CLIENT_WATCH_FINALS : 0);
    wire_ask(wire, CLIENT_WATCH, &what, 1);
}

/* What is queued leaves before the wait, so that only answers end it; and nobody is asked who has
 * said nothing: what this program costs is taken from nodes on the same machine. */
void wires_wait(struct play *play, int64_t wait_us)
{
    struct pollfd polls[PLAY_NODES_MAX];
    for (uint32_t i = 0; i < play->wires_count; i++) {
        struct wire *wire = &play->wires[i];
        if (wire->socket >= 0) send_some(wire); /* a dead one is found by the poll */
        polls[i] = (struct pollfd){.fd = wire->socket,
                                   .events = (short)(POLLIN | (wire->out_size > 0 ? POLLOUT : 0))};
    }
    const struct timespec wait = {.tv_sec = wait_us / 1000000, .tv_nsec = wait_us % 1000000 * 1000};
    if (ppoll(polls, play->wires_count, &wait, NULL) < 0) return;
    for (uint32_t i = 0; i < play->wires_count; i++) {
        struct wire *wire = &play->wires[i];
        if (wire->socket >= 0) {
            if (polls[i].revents != 0) wire_turn(play, wire);
        } else if (play->options.keep_going && wire_open(wire, wire->path)) {
            wire_watch(play, wire);
        }
    }
}
