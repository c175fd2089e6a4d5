/* A connection: from its socket to its last byte.
 *
 * Bytes come in through TLS into a buffer that is there only while a message is not complete, so an
 * idle connection costs TLS and little else. Messages go out through a queue that is encrypted only
 * as the socket takes it. Above a quarter of the queue's bound nothing more is read from the
 * client, and the account's stream and market data wait; at the bound the connection is cut. When
 * all queues together come near their bound, the longest are cut: who reads what is sent to him has
 * a short one, and notices nothing. A connection that has ended is freed at the end of its turn, so
 * nobody holds one that is gone.
 *
 * While its handshake is at a thread, its TLS is that thread's: ending only notes that it ended. */
#include "clock.h"
#include "gateway/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_readable(evutil_socket_t fd, short what, void *context);
static void on_writable(evutil_socket_t fd, short what, void *context);

/* ---- Beginning --------------------------------------------------------------------------------
 */

static void free_connection(struct gateway_connection *connection)
{
    struct gateway *gateway = connection->gateway;
    gateway_tls_close(connection->tls, false);
    if (connection->readable != NULL) event_free(connection->readable);
    if (connection->writable != NULL) event_free(connection->writable);
    if (connection->out != NULL) {
        gateway->out_bytes -= evbuffer_get_length(connection->out);
        evbuffer_free(connection->out);
    }
    gateway_addresses_leave(gateway->addresses, &connection->address);
    close(connection->fd);
    gateway->connections[connection->slot] = NULL;
    gateway->free_slots[gateway->free_count++] = connection->slot;
    gateway->connections_count--;
    free(connection->standby);
    free(connection->in);
    free(connection);
}

void gateway_connection_open(struct gateway *gateway, int fd, const struct gateway_address *address)
{
    struct gateway_connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        GATEWAY_COUNT(gateway, accept_failed);
        gateway_addresses_leave(gateway->addresses, address);
        close(fd);
        return;
    }
    connection->gateway = gateway;
    connection->fd = fd;
    connection->address = *address;
    connection->stage = GATEWAY_HANDSHAKE;
    connection->slot = gateway->free_slots[--gateway->free_count];
    connection->thread = connection->slot % (uint32_t)gateway->limits.handshake_threads;
    connection->opened_us = connection->heard_us = connection->sent_us = gateway->now_us;
    connection->heartbeat_ms = (uint32_t)gateway->limits.heartbeat_ms;
    gateway->connections[connection->slot] = connection;
    if (connection->slot >= gateway->slots_used) gateway->slots_used = connection->slot + 1;
    gateway->connections_count++;
    gateway->handshaking++;
    connection->tls = gateway_tls_open(gateway->identity, connection->thread, fd);
    connection->out = evbuffer_new();
    connection->readable =
        event_new(gateway->base, fd, EV_READ | EV_PERSIST, on_readable, connection);
    connection->writable = event_new(gateway->base, fd, EV_WRITE, on_writable, connection);
    connection->handshake.tls = connection->tls;
    bool done = connection->tls != NULL && connection->out != NULL &&
                connection->readable != NULL && connection->writable != NULL &&
                event_add(connection->readable, NULL) == 0;
    if (done) return;
    GATEWAY_COUNT(gateway, accept_failed);
    gateway_connection_end(connection, GATEWAY_END_CUT);
}

/* The handshake's next step, at its thread. */
static void shake(struct gateway_connection *connection)
{
    event_del(connection->readable);
    event_del(connection->writable);
    connection->at_thread = true;
    connection->heard_us = connection->gateway->now_us;
    gateway_handshakes_add(connection->gateway->handshakes, connection->thread,
                           &connection->handshake);
}

static void take_shaken(struct gateway_connection *connection)
{
    struct gateway *gateway = connection->gateway;
    connection->at_thread = false;
    connection->heard_us = gateway->now_us;
    if (connection->stage == GATEWAY_CLOSED) { /* meanwhile */
        connection->next_gone = gateway->gone;
        gateway->gone = connection;
        return;
    }
    switch (connection->handshake.step) {
        case GATEWAY_TLS_WANT_READ: event_add(connection->readable, NULL); return;
        case GATEWAY_TLS_WANT_WRITE: event_add(connection->writable, NULL); return;
        case GATEWAY_TLS_DONE:
            GATEWAY_COUNT(gateway, handshakes);
            connection->stage = GATEWAY_OPEN;
            connection->progress_us = gateway->now_us;
            gateway->handshaking--;
            event_add(connection->readable, NULL);
            gateway_session_begin(connection);
            gateway_connection_read(connection); /* what came with the handshake's last bytes */
            return;
        case GATEWAY_TLS_CLOSED:
        case GATEWAY_TLS_FAILED:
            GATEWAY_COUNT(gateway, handshakes_failed);
            gateway_connection_end(connection, GATEWAY_END_CUT);
            return;
    }
}

void gateway_connections_shaken(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    struct gateway *gateway = context;
    gateway->now_us = monotonic_us();
    struct gateway_handshake *next, *handshake = gateway_handshakes_take(gateway->handshakes);
    for (; handshake != NULL; handshake = next) {
        next = handshake->next;
        take_shaken((struct gateway_connection *)handshake);
    }
    gateway_listen_update(gateway);
}

/* ---- Ending -----------------------------------------------------------------------------------
 */

void gateway_connection_end(struct gateway_connection *connection, enum gateway_end end)
{
    struct gateway *gateway = connection->gateway;
    if (connection->stage == GATEWAY_CLOSED) return;
    if (connection->stage == GATEWAY_HANDSHAKE) gateway->handshaking--;
    if (connection->stage == GATEWAY_OPEN) gateway_session_end(connection, end);
    gateway_hold_forget(connection);
    connection->stage = GATEWAY_CLOSED;
    if (connection->readable != NULL) event_del(connection->readable);
    if (connection->writable != NULL) event_del(connection->writable);
    if (connection->at_thread) return; /* freed when it is back */
    connection->next_gone = gateway->gone;
    gateway->gone = connection;
}

/* All is said. To close now would take the last words back from a client that has sent something
 * meanwhile (the kernel resets such a connection), so its bytes are thrown away for a while. */
static void linger(struct gateway_connection *connection)
{
    gateway_tls_close(connection->tls, true);
    connection->tls = NULL;
    connection->is_lingering = true;
    connection->closing_us = connection->gateway->now_us;
    shutdown(connection->fd, SHUT_WR);
    event_add(connection->readable, NULL);
}

static void throw_away(struct gateway_connection *connection)
{
    uint8_t *room = connection->gateway->out_room;
    ssize_t count = recv(connection->fd, room, WIRE_TO_NODE_BYTES_MAX, 0);
    bool waits = count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
    if (count <= 0 && !waits) gateway_connection_end(connection, GATEWAY_END_LOST);
}

void gateway_connection_finish(struct gateway_connection *connection, enum gateway_end end)
{
    if (connection->stage != GATEWAY_OPEN) return;
    gateway_session_end(connection, end);
    gateway_hold_forget(connection);
    connection->stage = GATEWAY_CLOSING;
    connection->closing_us = connection->gateway->now_us;
    event_del(connection->readable);
    gateway_connection_mark(connection);
}

void gateway_connection_close(struct gateway_connection *connection, uint64_t request,
                              uint32_t code, const char *text, enum gateway_end end)
{
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__Error error = TENOR__V1__ERROR__INIT;
    if (connection->stage != GATEWAY_OPEN) return;
    wire_error_fill(&error, code, text);
    error.closing = true;
    message.request = request;
    message.body_case = TENOR__V1__FROM_NODE__BODY_ERROR;
    message.error = &error;
    gateway_connection_say(connection, &message);
    gateway_connection_finish(connection, end);
}

void gateway_connection_fault(struct gateway_connection *connection)
{
    struct gateway *gateway = connection->gateway;
    if (++connection->faults < gateway->limits.faults_max || connection->stage != GATEWAY_OPEN)
        return;
    GATEWAY_COUNT(gateway, cut_faults);
    gateway_connection_close(connection, 0, WIRE_ERROR_FAULTS_MANY,
                             "too many messages of this connection had a wrong signature or were "
                             "no frames",
                             GATEWAY_END_CUT);
}

/* ---- Reading ----------------------------------------------------------------------------------
 */

static void do_again(struct gateway_connection *connection)
{
    if (connection->is_again || connection->stage != GATEWAY_OPEN) return;
    connection->is_again = true;
    connection->next_again = connection->gateway->again;
    connection->gateway->again = connection;
}

static bool can_read(const struct gateway_connection *connection)
{
    return connection->stage == GATEWAY_OPEN && !connection->is_reading_paused &&
           !connection->is_stopped && !connection->is_behind && !connection->is_cut;
}

/* Handles whole messages; what is left moves to the front. False: no more for now. */
static bool take_messages(struct gateway_connection *connection, uint32_t *count)
{
    struct gateway *gateway = connection->gateway;
    size_t at = 0, size = 0;
    bool more = true;
    if (connection->in_used == 0) return can_read(connection);
    while (more && can_read(connection)) {
        enum wire_step step =
            wire_next(&size, connection->in + at, connection->in_used - at, WIRE_TO_NODE_BYTES_MAX);
        if (step == WIRE_MORE) break;
        if (step == WIRE_TOO_LARGE) {
            GATEWAY_COUNT(gateway, malformed);
            gateway_connection_close(connection, 0, WIRE_ERROR_TOO_LARGE, NULL, GATEWAY_END_CUT);
            break;
        }
        gateway_session_take(connection, connection->in + at + WIRE_LENGTH_BYTES, size);
        if (connection->is_stopped) break; /* before this message */
        GATEWAY_COUNT(gateway, messages_in);
        at += WIRE_LENGTH_BYTES + size;
        more = ++*count < GATEWAY_MESSAGES_TURN;
    }
    connection->in_used -= at;
    memmove(connection->in, connection->in + at, connection->in_used);
    if (!more) do_again(connection);
    return more && can_read(connection);
}

/* Room for the rest of the message that has begun, and always for some bytes. */
static bool make_room(struct gateway_connection *connection)
{
    size_t need = GATEWAY_READ_ROOM;
    if (connection->in_used >= WIRE_LENGTH_BYTES) {
        const uint8_t *in = connection->in;
        uint32_t size =
            (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
        TN_ASSERT(size <= WIRE_TO_NODE_BYTES_MAX);
        if (WIRE_LENGTH_BYTES + size > need) need = WIRE_LENGTH_BYTES + size;
    }
    if (connection->in == NULL && connection->gateway->spare_in != NULL) {
        connection->in = connection->gateway->spare_in;
        connection->in_room = GATEWAY_READ_ROOM;
        connection->gateway->spare_in = NULL;
    }
    if (need <= connection->in_room) return true;
    uint8_t *in = realloc(connection->in, need);
    if (in == NULL) return false;
    connection->in = in;
    connection->in_room = need;
    return true;
}

/* Nothing is in it: one such room is kept for whoever is read next. */
static void give_room_back(struct gateway_connection *connection)
{
    struct gateway *gateway = connection->gateway;
    if (gateway->spare_in == NULL && connection->in_room == GATEWAY_READ_ROOM) {
        gateway->spare_in = connection->in;
    } else {
        free(connection->in);
    }
    connection->in = NULL;
    connection->in_room = 0;
}

/* Clients without a logon have a share of the thread's time, all of them together: whatever they
 * ask and however many they are, those who trade are served. When it is used up they wait for the
 * tick. */
static bool guest_may_go_on(struct gateway_connection *connection)
{
    struct gateway *gateway = connection->gateway;
    int64_t now_us = monotonic_us();
    gateway->guest_us += (now_us - gateway->guest_at_us) * GATEWAY_GUEST_PERCENT / 100;
    if (gateway->guest_us > GATEWAY_GUEST_MOST_US) gateway->guest_us = GATEWAY_GUEST_MOST_US;
    gateway->guest_at_us = now_us;
    if (gateway->guest_us > 0) return true;
    GATEWAY_COUNT(gateway, guests_waited);
    if (!gateway->guests_wait) gateway->guest_first = connection->slot;
    gateway->guests_wait = connection->is_waiting = true;
    event_del(connection->readable);
    return false;
}

void gateway_connection_read_on(struct gateway_connection *connection)
{
    connection->heard_us = connection->gateway->now_us;
    if (connection->stage != GATEWAY_OPEN || connection->is_reading_paused) return;
    event_add(connection->readable, NULL);
    do_again(connection);
}

static void read_messages(struct gateway_connection *connection)
{
    struct gateway *gateway = connection->gateway;
    uint32_t count = 0;
    bool more = can_read(connection);
    if (more) gateway_tls_allow(connection->tls, GATEWAY_READ_TURN);
    while (more && take_messages(connection, &count)) {
        size_t size = 0;
        if (!make_room(connection)) {
            gateway_connection_end(connection, GATEWAY_END_LOST);
            break;
        }
        enum gateway_tls_step step =
            gateway_tls_read(connection->tls, connection->in + connection->in_used, &size,
                             connection->in_room - connection->in_used);
        more = step == GATEWAY_TLS_DONE;
        connection->in_used += size;
        gateway_add(&gateway->counts.bytes_in, size);
        if (step == GATEWAY_TLS_CLOSED || step == GATEWAY_TLS_FAILED)
            gateway_connection_end(connection, GATEWAY_END_LOST);
    }
    if (connection->in_used == 0 && connection->in != NULL) give_room_back(connection);
}

void gateway_connection_read(struct gateway_connection *connection)
{
    struct gateway *gateway = connection->gateway;
    bool is_guest = connection->stage == GATEWAY_OPEN && !connection->is_logged_on;
    if (is_guest && !guest_may_go_on(connection)) return;
    read_messages(connection);
    if (is_guest) gateway->guest_us -= monotonic_us() - gateway->guest_at_us;
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    struct gateway_connection *connection = context;
    connection->gateway->now_us = monotonic_us();
    if (connection->stage == GATEWAY_HANDSHAKE) {
        shake(connection);
    } else if (connection->is_lingering) {
        throw_away(connection);
    } else {
        gateway_connection_read(connection);
    }
}

/* ---- Writing ----------------------------------------------------------------------------------
 */

bool gateway_connection_has_room(const struct gateway_connection *connection)
{
    const struct gateway *gateway = connection->gateway;
    size_t waits = evbuffer_get_length(connection->out);
    if (waits <= GATEWAY_OUT_LITTLE) return true;
    return waits <= gateway->limits.out_bytes_max / 4 &&
           gateway->out_bytes <= gateway->limits.out_total_max / 4 * 3;
}

void gateway_connection_mark(struct gateway_connection *connection)
{
    if (connection->is_dirty) return;
    connection->is_dirty = true;
    connection->next_dirty = connection->gateway->dirty;
    connection->gateway->dirty = connection;
}

bool gateway_connection_send(struct gateway_connection *connection, const uint8_t *bytes,
                             size_t size, bool must)
{
    struct gateway *gateway = connection->gateway;
    if (connection->stage != GATEWAY_OPEN || connection->is_cut) return false;
    size_t waits = evbuffer_get_length(connection->out);
    bool fits = waits + size <= gateway->limits.out_bytes_max &&
                gateway->out_bytes + size <= gateway->limits.out_total_max;
    if (!fits || evbuffer_add(connection->out, bytes, size) != 0) {
        if (must) {
            GATEWAY_COUNT(gateway, cut_slow);
            connection->is_cut = true;
            gateway_connection_mark(connection);
        }
        return false;
    }
    if (waits == 0) connection->progress_us = gateway->now_us;
    connection->sent_us = gateway->now_us;
    gateway->out_bytes += size;
    GATEWAY_COUNT(gateway, messages_out);
    gateway_add(&gateway->counts.bytes_out, size);
    gateway_connection_mark(connection);
    if (!connection->is_reading_paused && !gateway_connection_has_room(connection)) {
        connection->is_reading_paused = true;
        event_del(connection->readable);
    }
    return true;
}

void gateway_connection_say(struct gateway_connection *connection, Tenor__V1__FromNode *message)
{
    struct gateway *gateway = connection->gateway;
    size_t size = wire_write_from_node(gateway->out_room, GATEWAY_OUT_ROOM, message);
    if (size == 0) {
        gateway_connection_error(connection, message->request, WIRE_ERROR_ANSWER_TOO_LARGE, NULL);
        return;
    }
    gateway_connection_send(connection, gateway->out_room, size, true);
}

void gateway_connection_error(struct gateway_connection *connection, uint64_t request,
                              uint32_t code, const char *text)
{
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__Error error = TENOR__V1__ERROR__INIT;
    wire_error_fill(&error, code, text);
    message.request = request;
    message.body_case = TENOR__V1__FROM_NODE__BODY_ERROR;
    message.error = &error;
    gateway_connection_say(connection, &message);
}

/* There is room again: go on with all that waits for some. */
static void drained(struct gateway_connection *connection)
{
    if (connection->stage != GATEWAY_OPEN || !gateway_connection_has_room(connection)) return;
    size_t waits = evbuffer_get_length(connection->out);
    if (waits > connection->gateway->limits.out_bytes_max / 8) return;
    if (connection->is_reading_paused) {
        connection->is_reading_paused = false;
        connection->heard_us = connection->gateway->now_us;
        if (!connection->is_stopped && !connection->is_behind)
            event_add(connection->readable, NULL);
        do_again(connection);
    }
    if (connection->feed_waits && !connection->stream_waits) {
        gateway_connection_ready(connection); /* the feed is told outside of its own calls */
    }
    if (connection->stream_waits && !gateway_behind_waits(connection))
        gateway_connection_mark(connection);
}

/* The first bytes of the queue, in one piece: a record and a call of the system for each of its
 * many small pieces cost more than a copy. */
static const uint8_t *first_bytes(const struct gateway_connection *connection, size_t size)
{
    uint8_t *room = connection->gateway->out_room;
    struct evbuffer_iovec piece;
    _Static_assert(GATEWAY_TLS_RECORD <= WIRE_FROM_NODE_BYTES_MAX, "a record fits the room");
    if (evbuffer_peek(connection->out, (ev_ssize_t)size, NULL, &piece, 1) >= 1 &&
        piece.iov_len >= size)
        return piece.iov_base;
    const ev_ssize_t copied = evbuffer_copyout(connection->out, room, size);
    TN_ASSERT(copied == (ev_ssize_t)size);
    return room;
}

static void flush_out(struct gateway_connection *connection)
{
    struct gateway *gateway = connection->gateway;
    size_t sent = 0;
    while (connection->tls != NULL && connection->stage != GATEWAY_CLOSED && !connection->is_full) {
        size_t size = evbuffer_get_length(connection->out), written = 0;
        if (size == 0) break;
        if (size > GATEWAY_TLS_RECORD) size = GATEWAY_TLS_RECORD;
        if (connection->writing > 0) size = connection->writing;
        enum gateway_tls_step step =
            gateway_tls_write(connection->tls, &written, first_bytes(connection, size), size);
        if (step == GATEWAY_TLS_WANT_WRITE) {
            connection->writing = size;
            connection->is_full = event_add(connection->writable, NULL) == 0;
            GATEWAY_COUNT(gateway, writes_full);
            break;
        }
        if (step != GATEWAY_TLS_DONE) {
            gateway_connection_end(connection, GATEWAY_END_LOST);
            return;
        }
        connection->writing = 0;
        connection->progress_us = gateway->now_us;
        evbuffer_drain(connection->out, written);
        gateway->out_bytes -= written;
        sent += written;
        if (sent >= GATEWAY_WRITE_TURN) {
            gateway_connection_mark(connection);
            break;
        }
    }
    if (connection->stage == GATEWAY_CLOSING && !connection->is_lingering &&
        evbuffer_get_length(connection->out) == 0)
        linger(connection);
    drained(connection);
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    struct gateway_connection *connection = context;
    connection->gateway->now_us = monotonic_us();
    connection->is_full = false;
    if (connection->stage == GATEWAY_HANDSHAKE) {
        shake(connection);
    } else {
        gateway_connection_mark(connection);
    }
}

/* ---- Turns and ticks --------------------------------------------------------------------------
 */

static void flush_all(struct gateway *gateway)
{
    struct gateway_connection *connection = gateway->dirty;
    gateway->dirty = NULL;
    while (connection != NULL) {
        struct gateway_connection *next = connection->next_dirty;
        connection->is_dirty = false;
        if (connection->is_cut) gateway_connection_end(connection, GATEWAY_END_CUT);
        if (connection->stage == GATEWAY_OPEN && connection->stream_waits)
            gateway_stream_pump(connection, false);
        if (connection->stage == GATEWAY_OPEN || connection->stage == GATEWAY_CLOSING)
            flush_out(connection);
        connection = next;
    }
}

void gateway_connection_ready(struct gateway_connection *connection)
{
    struct gateway *gateway = connection->gateway;
    if (connection->is_ready) return;
    connection->is_ready = true;
    connection->next_ready = NULL;
    if (gateway->ready == NULL) {
        gateway->ready = connection;
    } else {
        gateway->ready_last->next_ready = connection;
    }
    gateway->ready_last = connection;
}

/* Up to the first for whom the turn's work did not do: he is last in the next one. */
static void pay_ready(struct gateway *gateway)
{
    bool goes_on = true;
    feed_turn(gateway->feed);
    gateway_soft_pay(gateway->soft);
    while (goes_on && gateway->ready != NULL) {
        struct gateway_connection *connection = gateway->ready;
        gateway->ready = connection->next_ready;
        connection->is_ready = false;
        if (connection->stage != GATEWAY_OPEN) continue;
        connection->feed_waits = false;
        feed_ready(gateway->feed, connection->slot);
        gateway_soft_ready(gateway->soft, connection->slot);
        goes_on = !connection->is_ready;
    }
}

/* Those that no list of the next turn holds. */
static void free_gone(struct gateway *gateway)
{
    struct gateway_connection *connection = gateway->gone;
    gateway->gone = NULL;
    while (connection != NULL) {
        struct gateway_connection *next = connection->next_gone;
        if (connection->is_dirty || connection->is_again || connection->is_ready) {
            connection->next_gone = gateway->gone;
            gateway->gone = connection;
        } else {
            feed_gone(gateway->feed, connection->slot);
            gateway_soft_gone(gateway->soft, connection->slot);
            free_connection(connection);
        }
        connection = next;
    }
}

bool gateway_connections_turn(struct gateway *gateway)
{
    struct gateway_connection *again = gateway->again;
    gateway->again = NULL;
    while (again != NULL) {
        struct gateway_connection *next = again->next_again;
        again->is_again = false;
        gateway_connection_read(again);
        again = next;
    }
    gateway_hold_turn(gateway);
    gateway_line_turn(gateway);
    /* Whoever has his answer already comes before the waking of another thread. */
    if (gateway->has_direct) flush_all(gateway);
    gateway->has_direct = false;
    gateway_times_count(gateway);
    port_ask_flush(gateway->port);
    pay_ready(gateway);
    flush_all(gateway);
    /* Whoever has his answer already comes before those who look on. */
    const bool more = gateway_soft_turn(gateway->soft);
    if (gateway->dirty != NULL) flush_all(gateway);
    free_gone(gateway);
    return more || gateway->again != NULL || gateway->dirty != NULL || gateway->ready != NULL ||
           gateway->gone != NULL;
}

static int64_t last_words_us(const struct gateway_connection *connection)
{
    if (!connection->is_lingering) return GATEWAY_LAST_WORDS_MS * 1000;
    return (connection->gateway->is_draining ? GATEWAY_LINGER_MS / 5 : GATEWAY_LINGER_MS) * 1000;
}

static void tick(struct gateway_connection *connection)
{
    struct gateway *gateway = connection->gateway;
    int64_t now_us = gateway->now_us, slow_us = (int64_t)gateway->limits.slow_ms * 1000;
    bool waits = connection->out != NULL && evbuffer_get_length(connection->out) > 0;
    switch (connection->stage) {
        case GATEWAY_HANDSHAKE:
            if (now_us - connection->opened_us < (int64_t)gateway->limits.handshake_ms * 1000)
                return;
            GATEWAY_COUNT(gateway, handshakes_late);
            gateway_connection_end(connection, GATEWAY_END_CUT);
            return;
        case GATEWAY_CLOSING:
            if (now_us - connection->closing_us >= last_words_us(connection))
                gateway_connection_end(connection, GATEWAY_END_CUT);
            return;
        case GATEWAY_OPEN:
            if (waits && now_us - connection->progress_us >= slow_us) {
                GATEWAY_COUNT(gateway, cut_slow);
                gateway_connection_end(connection, GATEWAY_END_CUT);
                return;
            }
            if (!connection->is_reading_paused && !connection->is_stopped &&
                !connection->is_behind &&
                now_us - connection->heard_us >= (int64_t)connection->heartbeat_ms * 2000) {
                GATEWAY_COUNT(gateway, cut_silent);
                gateway_connection_close(connection, 0, WIRE_ERROR_SILENT, NULL, GATEWAY_END_CUT);
                return;
            }
            gateway_session_tick(connection);
            gateway_session_heartbeat(connection);
            /* What waited for others' queues to become shorter. */
            if (connection->is_reading_paused || connection->feed_waits || connection->stream_waits)
                gateway_connection_mark(connection);
            return;
        case GATEWAY_CLOSED: return;
    }
}

/* The first that had to wait goes first. */
static void wake_guests(struct gateway *gateway)
{
    uint32_t count = gateway->slots_used;
    if (!gateway->guests_wait) return;
    gateway->guests_wait = false;
    for (uint32_t i = count; i-- > 0;) { /* whoever is put down last is read first */
        struct gateway_connection *connection =
            gateway->connections[(gateway->guest_first + i) % count];
        if (connection == NULL || !connection->is_waiting) continue;
        connection->is_waiting = false;
        if (connection->stage != GATEWAY_OPEN || connection->is_reading_paused ||
            connection->is_behind)
            continue;
        connection->heard_us = gateway->now_us;
        event_add(connection->readable, NULL);
        do_again(connection);
    }
}

static struct gateway_connection *longest(const struct gateway *gateway, size_t *waits)
{
    struct gateway_connection *found = NULL;
    *waits = GATEWAY_OUT_LITTLE;
    for (uint32_t i = 0; i < gateway->slots_used; i++) {
        struct gateway_connection *connection = gateway->connections[i];
        if (connection == NULL || connection->out == NULL || connection->stage == GATEWAY_CLOSED)
            continue;
        size_t size = evbuffer_get_length(connection->out);
        if (size <= *waits) continue;
        *waits = size;
        found = connection;
    }
    return found;
}

static void cut_longest(struct gateway *gateway)
{
    struct gateway_connection *connection;
    size_t waits, cut = 0; /* their bytes are given back at the end of the turn */
    while (gateway->out_bytes - cut > gateway->limits.out_total_max / 4 * 3 &&
           (connection = longest(gateway, &waits)) != NULL) {
        GATEWAY_COUNT(gateway, cut_slow);
        gateway_connection_end(connection, GATEWAY_END_CUT);
        cut += waits;
    }
}

void gateway_connections_tick(struct gateway *gateway)
{
    cut_longest(gateway);
    wake_guests(gateway);
    for (uint32_t i = 0; i < gateway->slots_used; i++) {
        if (gateway->connections[i] != NULL) tick(gateway->connections[i]);
    }
}

void gateway_connections_free(struct gateway *gateway)
{
    for (uint32_t i = 0; i < gateway->slots_used; i++) {
        if (gateway->connections[i] != NULL) free_connection(gateway->connections[i]);
    }
}
