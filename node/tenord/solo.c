/* solo: clients on a local socket. A turn: read what came from all, take every whole entry, sync
 * once, then send the answers. Answers wait in the client's own buffer until the sync has returned;
 * a client that does not read its answers is not read from, so no buffer grows past its cap. */
#define _GNU_SOURCE /* accept4 */
#include "solo.h"
#include "tenord.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CLIENTS_MAX = 64,
    IN_ROOM = 4 + TN_ENTRY_BYTES_MAX,
    OUT_PAUSE = 1 << 20, /* not read from while more than this waits to be sent */
    ANSWER_HEAD = 13,    /* length, position, code */
    POLL_MS = 200,
};

struct client {
    int socket;
    uint8_t *in;
    size_t in_size;
    uint8_t *out;
    size_t out_size, out_room, out_sent;
    bool ended; /* it closed its side, or broke the protocol: closed when all is sent */
};

struct server {
    struct machine *machine;
    int listener;
    struct client clients[CLIENTS_MAX];
    uint32_t clients_count;
    bool failed;
};

/* ---- Answers -----------------------------------------------------------------------------------
 */

/* Room for an answer with a body; where the body goes, or NULL without memory. */
static uint8_t *add_answer(struct server *server, struct client *client, uint64_t position,
                           uint8_t code, size_t body_size)
{
    size_t size = ANSWER_HEAD + body_size;
    if (client->out_room - client->out_size < size) {
        size_t room = 2 * client->out_room + size;
        uint8_t *out = realloc(client->out, room);
        if (out == NULL) {
            complain("out of memory for answers");
            server->failed = true;
            return NULL;
        }
        client->out = out;
        client->out_room = room;
    }
    uint8_t *at = client->out + client->out_size;
    tn_put_be(at, size - 4, 4);
    tn_put_be(at + 4, position, 8);
    at[12] = code;
    client->out_size += size;
    return at + ANSWER_HEAD;
}

static void answer_text(struct server *server, struct client *client, uint8_t code,
                        const char *text)
{
    uint8_t *body = add_answer(server, client, 0, code, strlen(text));
    if (body != NULL) memcpy(body, text, strlen(text));
}

static void answer_events(struct server *server, struct client *client,
                          const struct machine_results *results)
{
    size_t size = (size_t)results->events_count * TN_EVENT_BYTES;
    uint8_t *body = add_answer(server, client, results->position, SOLO_DONE, size);
    for (uint32_t i = 0; body != NULL && i < results->events_count; i++)
        tn_stream_write_event(body + (size_t)i * TN_EVENT_BYTES, &results->events[i]);
}

static void take(struct server *server, struct client *client, const uint8_t *bytes, size_t size)
{
    struct machine_results results;
    struct tn_stream_fault fault;
    char text[256];
    switch (machine_take(server->machine, &results, &fault, bytes, size)) {
        case MACHINE_TAKEN: answer_events(server, client, &results); return;
        case MACHINE_REFUSED:
            snprintf(text, sizeof text, "byte %zu: %s", fault.at, fault.what);
            answer_text(server, client, SOLO_REFUSED, text);
            return;
        case MACHINE_FULL:
            answer_text(server, client, SOLO_FULL, "the disk is full; try again later");
            return;
        case MACHINE_FAILED: server->failed = true; return;
    }
}

/* A whole entry, or the beginning of one that is too long, stands at `at`. */
static bool has_entry(const struct client *client, size_t at)
{
    if (client->in_size - at < 4) return false;
    uint32_t size = (uint32_t)tn_get_be(client->in + at, 4);
    return size > TN_ENTRY_BYTES_MAX || client->in_size - at - 4 >= size;
}

/* Takes the whole entries that a client has sent. */
static void take_entries(struct server *server, struct client *client)
{
    size_t at = 0;
    while (!server->failed && client->out_size < OUT_PAUSE && has_entry(client, at)) {
        uint32_t size = (uint32_t)tn_get_be(client->in + at, 4);
        if (size > TN_ENTRY_BYTES_MAX) {
            answer_text(server, client, SOLO_REFUSED, "an entry is longer than the most, 1 MiB");
            client->ended = true;
            at = client->in_size;
            break;
        }
        take(server, client, client->in + at + 4, size);
        at += 4 + size;
    }
    memmove(client->in, client->in + at, client->in_size - at);
    client->in_size -= at;
}

/* ---- Clients -----------------------------------------------------------------------------------
 */

static void drop_client(struct server *server, uint32_t index)
{
    struct client *client = &server->clients[index];
    close(client->socket);
    free(client->in);
    free(client->out);
    *client = server->clients[--server->clients_count];
}

static void accept_client(struct server *server)
{
    int connected = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (connected < 0) return; /* it went again, or there are no descriptors: it may retry */
    struct client client = {.socket = connected, .in = malloc(IN_ROOM)};
    if (client.in == NULL || server->clients_count == CLIENTS_MAX) {
        note("msg=refused why=\"%u clients are connected already\"", server->clients_count);
        free(client.in);
        close(connected);
        return;
    }
    server->clients[server->clients_count++] = client;
}

static void receive(struct client *client)
{
    while (client->in_size < IN_ROOM) {
        ssize_t got = read(client->socket, client->in + client->in_size, IN_ROOM - client->in_size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
        if (got <= 0) {
            client->ended = true;
            return;
        }
        client->in_size += (size_t)got;
    }
}

/* False when the client is gone. */
static bool send_answers(struct client *client)
{
    while (client->out_sent < client->out_size) {
        ssize_t put = write(client->socket, client->out + client->out_sent,
                            client->out_size - client->out_sent);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return true;
        if (put < 0) return false;
        client->out_sent += (size_t)put;
    }
    client->out_size = client->out_sent = 0;
    return true;
}

/* ---- Turns -------------------------------------------------------------------------------------
 */

static void wait_for_work(struct server *server)
{
    struct pollfd polls[CLIENTS_MAX + 1];
    int wait_ms = POLL_MS;
    for (uint32_t i = 0; i < server->clients_count; i++) {
        const struct client *client = &server->clients[i];
        bool reads = client->out_size < OUT_PAUSE && client->in_size < IN_ROOM && !client->ended;
        short wanted = (short)((reads ? POLLIN : 0) | (client->out_size > 0 ? POLLOUT : 0));
        polls[i] = (struct pollfd){.fd = client->socket, .events = wanted};
        if (client->out_size < OUT_PAUSE && has_entry(client, 0)) wait_ms = 0;
    }
    uint32_t count = server->clients_count;
    polls[count] = (struct pollfd){.fd = server->listener, .events = POLLIN};
    if (poll(polls, count + 1, wait_ms) <= 0) return;
    for (uint32_t i = 0; i < count; i++) {
        if (polls[i].revents & (POLLIN | POLLHUP | POLLERR)) receive(&server->clients[i]);
    }
    if (polls[count].revents & POLLIN) accept_client(server);
}

/* Nothing is sent before the sync: a full disk keeps all answers back. */
static void sync_and_send(struct server *server)
{
    uint64_t durable;
    enum machine_answer answer = machine_sync(server->machine, &durable);
    if (answer == MACHINE_FAILED) server->failed = true;
    if (answer != MACHINE_TAKEN) return;
    for (uint32_t i = server->clients_count; i > 0; i--) {
        struct client *client = &server->clients[i - 1];
        bool is_gone = !send_answers(client) ||
                       (client->ended && client->out_size == 0 && !has_entry(client, 0));
        if (is_gone) drop_client(server, i - 1);
    }
}

static void serve_turn(struct server *server)
{
    wait_for_work(server);
    for (uint32_t i = 0; i < server->clients_count && !server->failed; i++)
        take_entries(server, &server->clients[i]);
    if (server->failed) return;
    sync_and_send(server);
    if (machine_tend(server->machine) == MACHINE_FAILED) server->failed = true;
}

int solo_serve(struct machine *machine, const char *path, const volatile sig_atomic_t *stop)
{
    struct server server = {.machine = machine, .listener = local_listen(path, CLIENTS_MAX)};
    if (server.listener < 0) return END_REFUSED;
    note("msg=listening path=%s", path);
    while (!*stop && !server.failed)
        serve_turn(&server);
    while (server.clients_count > 0)
        drop_client(&server, 0);
    close(server.listener);
    unlink(path);
    return server.failed ? END_FAILED : END_GOOD;
}
