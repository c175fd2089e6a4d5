/* One connection: the handshake first, then messages, pings and timeouts.
 *
 * Before it is READY nothing is believed but what was compared with the pins or verified. A
 * connection that was dialled knows whom it means from the start; one that came in learns it from
 * the hello, and knows it when the proof is verified. While the peer is not up the bytes behind the
 * handshake stay in the ring, so that no message comes before its UP. */
#include "clock.h"
#include "link/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PUMPS_MAX  8  /* rings full that are sent before others have their turn */
#define PIECES_MAX 16 /* of the ring that one visit reads before others have their turn */

static void write_frame(struct connection *connection, const uint8_t *bytes, uint32_t size)
{
    uint8_t head[4];
    tn_put_be(head, size, 4);
    TN_ASSERT(stream_room(connection->stream) >= size + 4);
    stream_write(connection->stream, head, 4);
    stream_write(connection->stream, bytes, size);
    if (connection->peer != NULL) connection->peer->statistics.bytes_sent += size + 4;
}

static void send_hello(struct connection *connection)
{
    struct link_nng *link = connection->link;
    struct hello *hello = &connection->hello;
    uint8_t bytes[HELLO_BYTES];
    hello->chain_id = link->chain_id;
    hello->class = connection->class;
    hello->dialler_epoch = link->epoch;
    hello->dialler_key = link->key;
    hello->listener_key = connection->peer->key;
    hello->dialler_certificate = link->fingerprint;
    hello->listener_certificate = connection->peer->fingerprint;
    link_random_bytes(hello->dialler_nonce, HELLO_NONCE_BYTES);
    hello_write(bytes, hello);
    write_frame(connection, bytes, sizeof bytes);
    stream_flush(connection->stream);
}

struct connection *connection_open(struct link_nng *link, struct stream *stream, struct peer *peer,
                                   enum link_class class)
{
    struct connection *connection = NULL;
    if (link->connections_count < CONNECTIONS_MAX) connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        stream_free(stream);
        return NULL;
    }
    *connection = (struct connection){.link = link,
                                      .peer = peer,
                                      .class = class,
                                      .dialled = peer != NULL,
                                      .stage = peer != NULL ? STAGE_REPLY : STAGE_HELLO,
                                      .stream = stream,
                                      .begun_us = monotonic_us()};
    link->connections[link->connections_count++] = connection;
    if (!connection->dialled) link->statistics.half_open++;
    if (connection->dialled) send_hello(connection);
    return connection;
}

static void unlist(struct connection *connection)
{
    struct link_nng *link = connection->link;
    uint32_t place = 0;
    while (link->connections[place] != connection) {
        place++;
        TN_ASSERT(place < link->connections_count);
    }
    link->connections[place] = link->connections[--link->connections_count];
    if (!connection->dialled && connection->stage != STAGE_READY) link->statistics.half_open--;
}

void connection_close(struct connection *connection)
{
    struct link_nng *link = connection->link;
    struct peer *peer = connection->peer;
    unlist(connection);
    if (connection->out != NULL) {
        TN_ASSERT(peer != NULL);
        peer->statistics.lost_down[queue_priority(connection->out_lane)]++;
        queue_drop(connection->out);
        connection->out = NULL;
    }
    if (peer != NULL && peer->connections[connection->class] == connection)
        peer->connections[connection->class] = NULL;
    frame_free(&connection->reader);
    stream_close(connection->stream);
    connection->next = link->closing;
    link->closing = connection;
}

void connection_reap(struct link_nng *link, bool wait)
{
    struct connection **at = &link->closing;
    while (*at != NULL) {
        struct connection *connection = *at;
        if (wait) stream_free(connection->stream);
        if (wait || stream_reap(connection->stream)) {
            *at = connection->next;
            free(connection);
        } else {
            at = &connection->next;
        }
    }
}

void connection_fail(struct connection *connection, enum link_reason reason)
{
    struct link_nng *link = connection->link;
    struct peer *peer = connection->peer;
    if (peer != NULL && connection->stage == STAGE_READY) {
        TN_ASSERT(peer->connections[connection->class] == connection);
        peer_down(link, peer, reason);
        return;
    }
    link->statistics.refused[reason]++;
    if (peer != NULL) peer->statistics.downs[reason]++;
    bool dialled = connection->dialled;
    if (dialled) {
        snprintf(peer->problem, sizeof peer->problem, "no link to %.100s: %s", peer->address,
                 link_reason_text(reason));
    }
    connection_close(connection);
    if (dialled) dial_back_off(link, peer);
}

static enum link_reason reason_of(int error)
{
    switch (error) {
        case NNG_EPEERAUTH:
        case NNG_ECRYPTO: return LINK_REASON_CERTIFICATE;
        case NNG_ECLOSED:
        case NNG_ECONNSHUT: return LINK_REASON_CLOSED;
        case NNG_ECONNREFUSED: return LINK_REASON_ABSENT;
        case NNG_ENOMEM: return LINK_REASON_MEMORY;
    }
    return LINK_REASON_BROKEN;
}

static void become_ready(struct connection *connection)
{
    struct stream_state state;
    stream_look(connection->stream, &state);
    if (!connection->dialled) connection->link->statistics.half_open--;
    connection->stage = STAGE_READY;
    connection->heard_us = connection->moved_us = monotonic_us();
    connection->heard_bytes = state.received;
    connection->moved_bytes = state.sent;
    connection->ping_us = connection->heard_us;
    peer_take(connection->peer, connection);
}

static enum link_reason send_proof(struct connection *connection, enum hello_role role)
{
    const struct link_nng_keys *keys = &connection->link->keys;
    struct tn_hash digest;
    struct tn_signature signature;
    uint8_t bytes[HELLO_PROOF_BYTES];
    hello_digest(&digest, &connection->hello, role);
    if (!keys->sign(keys->context, &signature, &digest)) return LINK_REASON_STOPPED;
    hello_write_proof(bytes, &signature);
    write_frame(connection, bytes, sizeof bytes);
    stream_flush(connection->stream);
    return LINK_REASON_NONE;
}

/* The dialler's first words. All they claim is compared here and proven later. */
static enum link_reason on_hello(struct connection *connection, const uint8_t *bytes, size_t size)
{
    struct link_nng *link = connection->link;
    struct hello *hello = &connection->hello;
    if (!hello_read(hello, bytes, size)) return LINK_REASON_MALFORMED;
    struct peer *peer = peer_find(link, &hello->dialler_key);
    if (!tn_hash_equal(&hello->chain_id, &link->chain_id) ||
        !tn_public_key_equal(&hello->listener_key, &link->key) || peer == NULL || peer->dials ||
        !tn_hash_equal(&hello->dialler_certificate, &peer->fingerprint))
        return LINK_REASON_STRANGER;
    connection->peer = peer;
    connection->class = hello->class;
    hello->listener_certificate = link->fingerprint;
    hello->listener_epoch = link->epoch;
    link_random_bytes(hello->listener_nonce, HELLO_NONCE_BYTES);
    uint8_t reply[HELLO_REPLY_BYTES];
    hello_write_reply(reply, hello);
    write_frame(connection, reply, sizeof reply);
    stream_flush(connection->stream);
    connection->stage = STAGE_PROOF;
    return LINK_REASON_NONE;
}

static enum link_reason on_reply(struct connection *connection, const uint8_t *bytes, size_t size)
{
    if (!hello_read_reply(&connection->hello, bytes, size)) return LINK_REASON_MALFORMED;
    connection->stage = STAGE_PROOF;
    return send_proof(connection, HELLO_DIALLER);
}

static enum link_reason on_proof(struct connection *connection, const uint8_t *bytes, size_t size)
{
    const struct link_nng_keys *keys = &connection->link->keys;
    struct tn_signature signature;
    struct tn_hash digest;
    if (!hello_read_proof(&signature, bytes, size)) return LINK_REASON_MALFORMED;
    hello_digest(&digest, &connection->hello, connection->dialled ? HELLO_LISTENER : HELLO_DIALLER);
    if (!keys->verify(keys->context, &digest, &signature, &connection->peer->key))
        return LINK_REASON_FORGED;
    if (!connection->dialled) {
        enum link_reason reason = send_proof(connection, HELLO_LISTENER);
        if (reason != LINK_REASON_NONE) return reason;
    }
    become_ready(connection);
    return LINK_REASON_NONE;
}

static enum link_reason on_handshake(struct connection *connection, const uint8_t *bytes,
                                     size_t size)
{
    switch (connection->stage) {
        case STAGE_HELLO: return on_hello(connection, bytes, size);
        case STAGE_REPLY: return on_reply(connection, bytes, size);
        case STAGE_PROOF: return on_proof(connection, bytes, size);
        case STAGE_READY: break;
    }
    TN_ASSERT(false);
    return LINK_REASON_MALFORMED;
}

/* A ping comes back as it is; a pong carries the time at which its ping was sent. */
static enum link_reason on_ping(struct connection *connection, const uint8_t *bytes, size_t size)
{
    if (size != 9) return LINK_REASON_MALFORMED;
    /* They make no events, so without a bound a flood of them would keep link_poll busy for ever.
     */
    if (!limiter_bucket_take(&connection->pings, monotonic_us(), PINGS_A_SECOND))
        return LINK_REASON_PINGS;
    if (bytes[0] == LINK_KIND_PING) {
        memcpy(connection->pong, bytes + 1, 8);
        connection->pong_due = true;
        connection_pump(connection);
        return LINK_REASON_NONE;
    }
    int64_t taken_us = monotonic_us() - (int64_t)tn_get_be(bytes + 1, 8);
    if (taken_us > 0 && taken_us < UINT32_MAX)
        connection->peer->statistics.round_trip_us[connection->class] = (uint32_t)taken_us;
    return LINK_REASON_NONE;
}

/* A whole message, as it lies in the reader. */
static enum connection_ran on_message(struct connection *connection, struct link_event *event)
{
    const uint8_t *bytes = connection->reader.message;
    uint32_t size = connection->reader.size;
    struct peer *peer = connection->peer;
    enum link_reason reason = LINK_REASON_NONE;
    if (connection->stage == STAGE_READY && bytes[0] < LINK_KIND_HELLO) {
        peer->statistics.bytes_received += size + 4;
        peer->statistics.messages_received[tn_peer_priority(bytes[0])]++;
        *event = (struct link_event){
            .kind = LINK_MESSAGE, .peer = peer->id, .bytes = bytes, .size = size};
        return CONNECTION_EVENT;
    }
    if (connection->stage == STAGE_READY)
        reason = on_ping(connection, bytes, size);
    else
        reason = on_handshake(connection, bytes, size);
    if (reason == LINK_REASON_NONE) return CONNECTION_MORE;
    connection_fail(connection, reason);
    return CONNECTION_GONE;
}

/* There is nothing to read: is there an end? */
static enum connection_ran at_end(struct connection *connection)
{
    struct stream_state state;
    connection->readable = false;
    stream_look(connection->stream, &state);
    if (state.unread > 0) {
        connection->readable = true;
        return CONNECTION_MORE;
    }
    if (state.error == 0) return CONNECTION_IDLE;
    connection_fail(connection, reason_of(state.error));
    return CONNECTION_GONE;
}

/* Between the handshake and the UP messages wait in the ring. */
static bool is_held(const struct connection *connection)
{
    return connection->stage == STAGE_READY && !peer_can_send(connection->peer);
}

enum connection_ran connection_run(struct connection *connection, struct link_event *event)
{
    if (stream_take_changed(connection->stream)) {
        connection->readable = true;
        connection_pump(connection);
    }
    for (uint32_t pieces = 0; connection->readable && pieces < PIECES_MAX; pieces++) {
        const uint8_t *bytes;
        size_t taken;
        if (is_held(connection)) return CONNECTION_IDLE;
        size_t size = stream_peek(connection->stream, &bytes);
        if (size == 0) return at_end(connection);
        enum frame_result result =
            frame_read(&connection->reader, &taken, bytes, size, connection->stage != STAGE_READY);
        stream_consume(connection->stream, taken);
        enum connection_ran ran = CONNECTION_MORE;
        switch (result) {
            case FRAME_MORE: continue;
            case FRAME_WHOLE: ran = on_message(connection, event); break;
            case FRAME_MALFORMED: connection_fail(connection, LINK_REASON_MALFORMED); break;
            case FRAME_OVERSIZE: connection_fail(connection, LINK_REASON_OVERSIZE); break;
            case FRAME_MEMORY: connection_fail(connection, LINK_REASON_MEMORY); break;
        }
        if (result != FRAME_WHOLE) return CONNECTION_GONE;
        if (ran != CONNECTION_MORE) return ran;
    }
    return connection->readable ? CONNECTION_MORE : CONNECTION_IDLE;
}

static void pump_pings(struct connection *connection)
{
    uint8_t bytes[9];
    if (connection->pong_due && stream_room(connection->stream) >= 13) {
        bytes[0] = LINK_KIND_PONG;
        memcpy(bytes + 1, connection->pong, 8);
        write_frame(connection, bytes, sizeof bytes);
        connection->pong_due = false;
    }
    if (connection->ping_due && stream_room(connection->stream) >= 13) {
        bytes[0] = LINK_KIND_PING;
        tn_put_be(bytes + 1, (uint64_t)monotonic_us(), 8);
        write_frame(connection, bytes, sizeof bytes);
        connection->ping_due = false;
    }
}

/* Writes as much of the present message as there is room for; true: it is all written. */
static bool pump_message(struct connection *connection)
{
    struct peer *peer = connection->peer;
    struct queue_message *message = connection->out;
    if (connection->out_done < 4) {
        uint8_t head[4];
        tn_put_be(head, message->size, 4);
        connection->out_done += (uint32_t)stream_write(
            connection->stream, head + connection->out_done, 4 - connection->out_done);
        if (connection->out_done < 4) return false;
    }
    uint32_t done = connection->out_done - 4;
    connection->out_done +=
        (uint32_t)stream_write(connection->stream, message->bytes + done, message->size - done);
    if (connection->out_done < message->size + 4) return false;
    peer->statistics.bytes_sent += message->size + 4;
    peer->statistics.messages_sent[queue_priority(connection->out_lane)]++;
    queue_drop(message);
    connection->out = NULL;
    return true;
}

/* As much as there is room for in the stream. */
static void fill(struct connection *connection)
{
    struct peer *peer = connection->peer;
    for (;;) {
        if (connection->out != NULL && !pump_message(connection)) return;
        pump_pings(connection);
        if (!peer_can_send(peer)) return;
        connection->out = queue_pop(&peer->queue, &connection->out_lane, connection->class);
        connection->out_done = 0;
        if (connection->out == NULL) return;
    }
}

/* A stream that sends at once has room again at once. What is left after a while goes on when the
 * stream says so: its writer waits. */
void connection_pump(struct connection *connection)
{
    if (connection->stage != STAGE_READY) {
        stream_flush(connection->stream); /* the handshake's frames, once TLS is through */
        return;
    }
    for (uint32_t round = 0; round < PUMPS_MAX; round++) {
        fill(connection);
        stream_flush(connection->stream);
        if (connection->out == NULL || stream_room(connection->stream) == 0) return;
    }
}

static enum link_reason overdue(struct connection *connection, const struct stream_state *state,
                                int64_t now_us)
{
    const struct link_nng_limits *limits = &connection->link->limits;
    if (connection->stage != STAGE_READY) {
        bool late = now_us - connection->begun_us > (int64_t)limits->handshake_ms * 1000;
        return late ? LINK_REASON_TIMEOUT : LINK_REASON_NONE;
    }
    if (state->received != connection->heard_bytes || state->unread > 0) {
        connection->heard_bytes = state->received;
        connection->heard_us = now_us;
    }
    if (state->sent != connection->moved_bytes || state->unsent == 0) {
        connection->moved_bytes = state->sent;
        connection->moved_us = now_us;
    }
    int64_t silent_us = (int64_t)limits->silent_ms * 1000;
    if (now_us - connection->heard_us > silent_us) return LINK_REASON_SILENT;
    return now_us - connection->moved_us > silent_us ? LINK_REASON_SLOW : LINK_REASON_NONE;
}

bool connection_tick(struct connection *connection, int64_t now_us)
{
    struct stream_state state;
    if (now_us >= connection->probe_us) {
        connection->probe_us = now_us + PROBE_US;
        stream_probe(connection->stream);
    }
    stream_look(connection->stream, &state);
    enum link_reason reason = overdue(connection, &state, now_us);
    /* Of a peer that is not up nothing is read, so its end is seen here. */
    if (state.error != 0 && (state.unread == 0 || is_held(connection)))
        reason = reason_of(state.error);
    if (reason != LINK_REASON_NONE) {
        connection_fail(connection, reason);
        return false;
    }
    if (connection->stage == STAGE_READY && now_us >= connection->ping_us) {
        connection->ping_us = now_us + (int64_t)connection->link->limits.ping_ms * 1000;
        connection->ping_due = true;
        connection_pump(connection);
    }
    return true;
}
