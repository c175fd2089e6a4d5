/* clients: sockets, and what waits to go to them. One buffer in and one out for each; the one out
 * is bounded, and reading stops while it is long. */
#include "cluster/clients.h"
#include "tenord/tenord.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    IN_ROOM = 4 + 1 + (1 << 17),
    OUT_PAUSE = 1 << 20, /* not read from while more than this waits */
    OUT_MOST = 64 << 20, /* a watcher that is further behind is cut */
    ANSWER_BYTES = 47,   /* of CLIENT_ANSWERED without events and length */
    FINAL_BYTES = 41,    /* of CLIENT_FINAL likewise */
    REQUEST_BITS = 32,
};

struct client {
    int socket;
    uint16_t turn; /* of this slot: late answers do not go to another */
    uint8_t watches;
    uint8_t *in, *out;
    size_t in_size, in_at, out_size, out_room, out_sent;
    uint32_t requests;
    bool ended;
};

struct clients {
    int listener;
    struct client list[CLIENTS_MAX];
    uint32_t used; /* slots up to the last that is taken: a turn looks at no others */
    uint32_t at;   /* whose requests are looked at next */
    uint16_t turns;
};

/* ---- Out ---------------------------------------------------------------------------------------
 */

static uint8_t *add(struct client *client, uint8_t kind, size_t size)
{
    size_t need = client->out_size + 4 + 1 + size;
    if (client->ended) return NULL;
    if (need - client->out_sent > OUT_MOST) {
        note("msg=client_cut why=\"it does not read its answers\"");
        client->ended = true;
        return NULL;
    }
    if (need > client->out_room) {
        size_t room = 2 * need;
        uint8_t *out = realloc(client->out, room);
        if (out == NULL) {
            client->ended = true;
            return NULL;
        }
        client->out = out;
        client->out_room = room;
    }
    uint8_t *at = client->out + client->out_size;
    tn_put_be(at, 1 + size, 4);
    at[4] = kind;
    client->out_size = need;
    return at + 5;
}

/* The client of a tag, NULL when it has gone. */
static struct client *client_of(struct clients *clients, uint64_t tag)
{
    uint32_t slot = (uint32_t)(tag >> REQUEST_BITS) & (CLIENTS_MAX - 1);
    struct client *client = &clients->list[slot];
    uint16_t turn = (uint16_t)(tag >> REQUEST_BITS) / CLIENTS_MAX;
    return client->socket >= 0 && client->turn == turn ? client : NULL;
}

static void put_events(uint8_t *at, const struct tn_event *events, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        tn_stream_write_event(at + (size_t)i * TN_EVENT_BYTES, &events[i]);
}

void clients_answer(struct clients *clients, uint64_t tag, const struct tn_member_answer *answer)
{
    struct client *client = client_of(clients, tag);
    if (client == NULL) return;
    const bool is_brief = (client->watches & CLIENT_WATCH_BRIEF) != 0;
    const uint32_t events_count = is_brief ? 0 : answer->events_count;
    const size_t events_size = (size_t)events_count * TN_EVENT_BYTES;
    uint8_t *at = add(client, CLIENT_ANSWERED, ANSWER_BYTES + events_size);
    if (at == NULL) return;
    tn_put_be(at, tag & UINT32_MAX, 4);
    at[4] = (uint8_t)answer->kind;
    tn_put_be(at + 5, answer->market, 4);
    tn_put_be(at + 9, answer->place.term, 4);
    tn_put_be(at + 13, answer->place.sequence, 8);
    tn_put_be(at + 21, answer->place.index, 4);
    tn_put_be(at + 25, answer->session, 8);
    tn_put_be(at + 33, answer->nonce, 8);
    tn_put_be(at + 41, (uint64_t)answer->reject, 2);
    tn_put_be(at + 43, events_count, 4);
    if (events_size > 0) memcpy(at + ANSWER_BYTES, answer->events, events_size);
}

void clients_item_taken(struct clients *clients, uint64_t tag, enum tn_waiting_answer answer)
{
    struct client *client = client_of(clients, tag);
    uint8_t *at = client == NULL ? NULL : add(client, CLIENT_ITEM_TAKEN, 5);
    if (at == NULL) return;
    tn_put_be(at, tag & UINT32_MAX, 4);
    at[4] = (uint8_t)answer;
}

void clients_status(struct clients *clients, uint64_t tag, const char *text)
{
    struct client *client = client_of(clients, tag);
    uint8_t *at = client == NULL ? NULL : add(client, CLIENT_STATUS_IS, 4 + strlen(text));
    if (at == NULL) return;
    tn_put_be(at, tag & UINT32_MAX, 4);
    memcpy(at + 4, text, strlen(text));
}

void clients_block(struct clients *clients, const struct tn_member_block *block)
{
    for (uint32_t i = 0; i < clients->used; i++) {
        struct client *client = &clients->list[i];
        if (client->socket < 0 || (client->watches & CLIENT_WATCH_BLOCKS) == 0) continue;
        uint8_t *at = add(client, CLIENT_BLOCK, 8 + 8 + 4 + 2 * TN_HASH_SIZE);
        if (at == NULL) continue;
        tn_put_be(at, block->header->height, 8);
        tn_put_be(at + 8, block->header->time_ms, 8);
        tn_put_be(at + 16, block->header->batches_count, 4);
        memcpy(at + 20, block->hash.bytes, TN_HASH_SIZE);
        memcpy(at + 52, block->root.bytes, TN_HASH_SIZE);
    }
}

void clients_term(struct clients *clients, uint32_t market, uint32_t term, uint64_t sequence)
{
    const uint8_t news = CLIENT_WATCH_BLOCKS | CLIENT_WATCH_FINALS;
    for (uint32_t i = 0; i < clients->used; i++) {
        struct client *client = &clients->list[i];
        if (client->socket < 0 || (client->watches & news) == 0) continue;
        uint8_t *at = add(client, CLIENT_TERM, 16);
        if (at == NULL) continue;
        tn_put_be(at, market, 4);
        tn_put_be(at + 4, term, 4);
        tn_put_be(at + 8, sequence, 8);
    }
}

void clients_final(struct clients *clients, const struct tn_chain_place *place,
                   const struct tn_market_step *step)
{
    bool is_frame = step->entry != NULL && step->entry->kind == TN_ENTRY_FRAME;
    for (uint32_t i = 0; i < clients->used; i++) {
        struct client *client = &clients->list[i];
        if (client->socket < 0 || (client->watches & CLIENT_WATCH_FINALS) == 0) continue;
        size_t events_size = (size_t)step->events_count * TN_EVENT_BYTES;
        uint8_t *at = add(client, CLIENT_FINAL, FINAL_BYTES + events_size);
        if (at == NULL) continue;
        tn_put_be(at, place->market, 4);
        tn_put_be(at + 4, place->term, 4);
        tn_put_be(at + 8, place->sequence, 8);
        tn_put_be(at + 16, place->entry, 4);
        tn_put_be(at + 20, step->session, 8);
        tn_put_be(at + 28, is_frame ? step->entry->as.frame.nonce : 0, 8);
        at[36] = step->item;
        tn_put_be(at + 37, step->events_count, 4);
        put_events(at + FINAL_BYTES, step->events, step->events_count);
    }
}

/* ---- In ----------------------------------------------------------------------------------------
 */

static void drop(struct client *client)
{
    close(client->socket);
    free(client->in);
    free(client->out);
    *client = (struct client){.socket = -1, .turn = client->turn};
}

static void accept_client(struct clients *clients)
{
    int connected = accept4(clients->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (connected < 0) return; /* it went again, or there are no descriptors: it may retry */
    for (uint32_t i = 0; i < CLIENTS_MAX; i++) {
        struct client *client = &clients->list[i];
        if (client->socket >= 0) continue;
        uint8_t *in = malloc(IN_ROOM);
        if (in == NULL) break;
        clients->turns = (uint16_t)((clients->turns + 1) % (32768 / CLIENTS_MAX));
        *client = (struct client){.socket = connected, .in = in, .turn = clients->turns};
        if (clients->used <= i) clients->used = i + 1;
        return;
    }
    note("msg=client_refused why=\"%u clients are connected already\"", CLIENTS_MAX);
    close(connected);
}

/* Moves what was not taken yet to the front. */
static void compact(struct client *client)
{
    memmove(client->in, client->in + client->in_at, client->in_size - client->in_at);
    client->in_size -= client->in_at;
    client->in_at = 0;
}

static void receive(struct client *client)
{
    compact(client);
    while (client->in_size < IN_ROOM) {
        const size_t room = IN_ROOM - client->in_size;
        ssize_t got = read(client->socket, client->in + client->in_size, room);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
        if (got <= 0) {
            client->ended = true;
            return;
        }
        client->in_size += (size_t)got;
        if ((size_t)got < room) return; /* that was all; an end is told by the next poll */
    }
}

uint32_t clients_poll(const struct clients *clients, struct pollfd *polls)
{
    uint32_t count = 0;
    polls[count++] = (struct pollfd){.fd = clients->listener, .events = POLLIN};
    for (uint32_t i = 0; i < clients->used; i++) {
        const struct client *client = &clients->list[i];
        bool reads = client->out_size < OUT_PAUSE && client->in_size - client->in_at < IN_ROOM;
        short wanted = (short)((reads ? POLLIN : 0) | (client->out_size > 0 ? POLLOUT : 0));
        polls[count++] = (struct pollfd){.fd = client->socket, .events = wanted};
    }
    return count;
}

void clients_receive(struct clients *clients, const struct pollfd *polls, uint32_t count)
{
    TN_ASSERT(count == clients->used + 1);
    for (uint32_t i = 0; i + 1 < count; i++) {
        struct client *client = &clients->list[i];
        if (client->socket < 0 || polls[i + 1].fd != client->socket) continue;
        if (polls[i + 1].revents & (POLLIN | POLLHUP | POLLERR)) receive(client);
    }
    if (polls[0].revents & POLLIN) accept_client(clients);
}

/* A whole request, or the beginning of one that is too long, stands at in_at. */
static bool has_request(const struct client *client)
{
    size_t held = client->in_size - client->in_at;
    if (client->socket < 0 || held < 4 || client->out_size >= OUT_PAUSE) return false;
    uint64_t size = tn_get_be(client->in + client->in_at, 4);
    return size == 0 || size > IN_ROOM - 4 || held - 4 >= size;
}

bool clients_have_requests(const struct clients *clients)
{
    for (uint32_t i = 0; i < clients->used; i++) {
        if (has_request(&clients->list[i])) return true;
    }
    return false;
}

/* One of a client's requests; false: it was none. */
static bool take_request(struct client *client, uint32_t slot, struct client_asked *asked)
{
    const uint8_t *at = client->in + client->in_at;
    uint64_t size = tn_get_be(at, 4);
    if (size == 0 || size > IN_ROOM - 4) {
        note("msg=client_cut why=\"a request of %llu bytes\"", (unsigned long long)size);
        client->ended = true;
        client->in_at = client->in_size;
        return false;
    }
    client->in_at += 4 + (size_t)size;
    uint64_t number = client->requests++;
    if (at[4] == CLIENT_WATCH && size == 2) {
        client->watches = at[5];
        return false;
    }
    *asked = (struct client_asked){
        .kind = (enum client_request)at[4],
        .tag = ((uint64_t)client->turn * CLIENTS_MAX + slot) << REQUEST_BITS | number,
        .bytes = at + 5,
        .size = (size_t)size - 1};
    return true;
}

bool clients_next(struct clients *clients, struct client_asked *asked)
{
    for (uint32_t i = 0; i < clients->used; i++) {
        uint32_t slot = (clients->at + i) % clients->used;
        while (has_request(&clients->list[slot])) {
            if (!take_request(&clients->list[slot], slot, asked)) continue;
            clients->at = slot + 1;
            return true;
        }
    }
    return false;
}

/* ---- Flush -------------------------------------------------------------------------------------
 */

/* What was sent makes room, once it is as much as what was not: the same bytes do not move often.
 */
static void make_room(struct client *client)
{
    const size_t left = client->out_size - client->out_sent;
    if (client->out_sent < left) return;
    memcpy(client->out, client->out + client->out_sent, left);
    client->out_size = left;
    client->out_sent = 0;
}

/* False when the client is gone. */
static bool send_out(struct client *client)
{
    while (client->out_sent < client->out_size) {
        ssize_t put = send(client->socket, client->out + client->out_sent,
                           client->out_size - client->out_sent, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            make_room(client);
            return true;
        }
        if (put < 0) return false;
        client->out_sent += (size_t)put;
    }
    client->out_size = client->out_sent = 0;
    return true;
}

void clients_flush(struct clients *clients)
{
    for (uint32_t i = 0; i < clients->used; i++) {
        struct client *client = &clients->list[i];
        if (client->socket < 0) continue;
        bool is_gone = !send_out(client) || (client->ended && !has_request(client));
        if (is_gone) drop(client);
    }
    while (clients->used > 0 && clients->list[clients->used - 1].socket < 0)
        clients->used--;
}

/* ---- Opening -----------------------------------------------------------------------------------
 */

struct clients *clients_open(const char *path)
{
    struct clients *clients = calloc(1, sizeof *clients);
    if (clients == NULL) {
        complain("out of memory");
        return NULL;
    }
    for (uint32_t i = 0; i < CLIENTS_MAX; i++)
        clients->list[i].socket = -1;
    clients->listener = local_listen(path, CLIENTS_MAX);
    if (clients->listener >= 0) return clients;
    free(clients);
    return NULL;
}

void clients_close(struct clients *clients, const char *path)
{
    for (uint32_t i = 0; i < clients->used; i++) {
        if (clients->list[i].socket >= 0) drop(&clients->list[i]);
    }
    close(clients->listener);
    unlink(path);
    free(clients);
}
