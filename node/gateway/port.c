/* port: two rings between two threads.
 *
 * A ring's positions count bytes for ever; where a position lies in its memory follows from it and
 * from a base that the writer moves up whenever the ring is empty, so that a ring that is read in
 * time lives in its first pages and what a burst has touched is given back. A record is a head and
 * its bytes, a multiple of 16, never across the end: what is left there is filled by a record that
 * says nothing. The reader gives room back when it asks for the next message.
 *
 * What was put is published by a flush, all of it at once.
 *
 * Sleep: the reader says that it sleeps, then looks once more; the writer publishes, then looks
 * whether the reader sleeps. Both in one total order, so one of them sees the other. */
#include "gateway/port.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    RING_LEAST = 1 << 16,
    RING_ALIGN = 16,
    KEPT_BYTES = 1 << 20, /* pages that an empty ring keeps */
    GIVE_BACK_BYTES = 4 << 20,
    GIVE_BACK_ROUNDS = 256, /* from empty to empty, in a row, that needed no more than that */
    KIND_FILL = 0,
};

struct head {
    uint32_t size; /* of the bytes behind it */
    uint32_t kind;
    uint64_t tag;
};
_Static_assert(sizeof(struct head) == RING_ALIGN, "a head always fits before the end");

struct ring {
    uint8_t *memory;
    size_t size; /* a power of two */
    int fd;
    /* The writer's. */
    _Alignas(64) _Atomic uint64_t written;
    _Atomic uint64_t base; /* changes only while the ring is empty; read after `written` */
    uint64_t put;          /* what it has put there; published is what stands before `written` */
    size_t touched;
    size_t reached;        /* since it was empty */
    uint32_t small_rounds; /* from empty to empty, in a row, that reached no further than is kept */
    _Atomic uint64_t messages, dropped, bytes_count, wakes;
    /* The reader's. */
    _Alignas(64) _Atomic uint64_t taken;
    uint64_t held; /* bytes of the record that the reader looks at */
    _Alignas(64) _Atomic bool sleeps;
};

struct port {
    struct ring asks, tells;
    bool is_gap;          /* tells were dropped, and PORT_GAP has not gone through */
    bool is_answer_lost;  /* even answers */
    bool is_holding_back; /* steps wait for half of the ring */
    _Atomic uint64_t gaps;
};

/* ---- One ring ----------------------------------------------------------------------------------
 */

static bool ring_open(struct ring *ring, size_t bytes)
{
    size_t size = RING_LEAST;
    while (size < bytes)
        size *= 2;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ring->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    ring->memory = memory == MAP_FAILED ? NULL : memory;
    ring->size = size;
    return ring->memory != NULL && ring->fd >= 0;
}

static void ring_close(struct ring *ring)
{
    if (ring->memory != NULL) munmap(ring->memory, ring->size);
    if (ring->fd >= 0) close(ring->fd);
}

/* By the writer. */
static size_t ring_free(const struct ring *ring)
{
    return ring->size -
           (size_t)(ring->put - atomic_load_explicit(&ring->taken, memory_order_acquire));
}

static void give_back_pages(struct ring *ring)
{
    ring->small_rounds = ring->reached > GIVE_BACK_BYTES ? 0 : ring->small_rounds + 1;
    ring->reached = 0;
    if (ring->touched <= GIVE_BACK_BYTES || ring->small_rounds < GIVE_BACK_ROUNDS) return;
    madvise(ring->memory + KEPT_BYTES, ring->size - KEPT_BYTES, MADV_DONTNEED);
    ring->touched = KEPT_BYTES;
}

/* By the writer: the next record goes to the beginning of an empty ring. */
static void start_over(struct ring *ring)
{
    give_back_pages(ring);
    atomic_store_explicit(&ring->base, ring->put, memory_order_relaxed);
}

static void count(_Atomic uint64_t *counter, uint64_t by)
{
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + by, memory_order_relaxed);
}

static size_t record_size(size_t bytes)
{
    return sizeof(struct head) + (bytes + RING_ALIGN - 1) / RING_ALIGN * RING_ALIGN;
}

static size_t pieces_size(const struct port_piece *pieces, uint32_t pieces_count)
{
    size_t size = 0;
    for (uint32_t i = 0; i < pieces_count; i++)
        size += pieces[i].size;
    return size;
}

static void write_record(uint8_t *at, uint32_t kind, uint64_t tag, const struct port_piece *pieces,
                         uint32_t pieces_count)
{
    const struct head head = {
        .size = (uint32_t)pieces_size(pieces, pieces_count), .kind = kind, .tag = tag};
    memcpy(at, &head, sizeof head);
    at += sizeof head;
    for (uint32_t i = 0; i < pieces_count; i++) {
        if (pieces[i].size > 0) memcpy(at, pieces[i].bytes, pieces[i].size);
        at += pieces[i].size;
    }
}

/* False: it does not fit while `keep` bytes stay free. */
static bool ring_put(struct ring *ring, size_t keep, uint32_t kind, uint64_t tag,
                     const struct port_piece *pieces, uint32_t pieces_count)
{
    const size_t bytes = pieces_size(pieces, pieces_count), size = record_size(bytes);
    const size_t room = ring_free(ring);
    if (bytes > ring->size / 4) return false;
    if (room == ring->size) start_over(ring);
    uint64_t base = atomic_load_explicit(&ring->base, memory_order_relaxed);
    size_t at = (size_t)(ring->put - base) & (ring->size - 1);
    size_t fill = ring->size - at < size ? ring->size - at : 0;
    if (room < keep || room - keep < fill + size) return false;
    if (fill > 0) {
        const struct head head = {.size = (uint32_t)(fill - sizeof head), .kind = KIND_FILL};
        memcpy(ring->memory + at, &head, sizeof head);
        at = 0;
    }
    write_record(ring->memory + at, kind, tag, pieces, pieces_count);
    if (at + size > ring->reached) ring->reached = at + size;
    if (ring->reached > ring->touched) ring->touched = ring->reached;
    count(&ring->messages, 1);
    count(&ring->bytes_count, bytes);
    ring->put += fill + size;
    return true;
}

static void ring_flush(struct ring *ring)
{
    const uint64_t one = 1;
    if (atomic_load_explicit(&ring->written, memory_order_relaxed) == ring->put) return;
    atomic_store_explicit(&ring->written, ring->put, memory_order_seq_cst);
    if (!atomic_load_explicit(&ring->sleeps, memory_order_seq_cst) ||
        !atomic_exchange_explicit(&ring->sleeps, false, memory_order_seq_cst)) {
        return;
    }
    count(&ring->wakes, 1);
    while (write(ring->fd, &one, sizeof one) < 0 && errno == EINTR) {
    } /* a full counter is readable too */
}

static bool ring_next(struct ring *ring, struct port_message *message)
{
    uint64_t taken = atomic_load_explicit(&ring->taken, memory_order_relaxed) + ring->held;
    struct head head;
    ring->held = 0;
    for (;;) {
        atomic_store_explicit(&ring->taken, taken, memory_order_release);
        if (atomic_load_explicit(&ring->written, memory_order_acquire) == taken) return false;
        uint64_t base = atomic_load_explicit(&ring->base, memory_order_relaxed);
        const uint8_t *at = ring->memory + ((size_t)(taken - base) & (ring->size - 1));
        memcpy(&head, at, sizeof head);
        if (head.kind != KIND_FILL) {
            ring->held = record_size(head.size);
            *message = (struct port_message){.kind = (uint8_t)head.kind,
                                             .tag = head.tag,
                                             .bytes = at + sizeof head,
                                             .size = head.size};
            return true;
        }
        taken += sizeof head + head.size;
    }
}

static bool ring_sleep(struct ring *ring)
{
    uint64_t taken = atomic_load_explicit(&ring->taken, memory_order_relaxed) + ring->held;
    atomic_store_explicit(&ring->sleeps, true, memory_order_seq_cst);
    if (atomic_load_explicit(&ring->written, memory_order_seq_cst) == taken) return true;
    atomic_store_explicit(&ring->sleeps, false, memory_order_seq_cst);
    return false;
}

static void ring_wake(struct ring *ring)
{
    uint64_t times;
    atomic_store_explicit(&ring->sleeps, false, memory_order_seq_cst);
    while (read(ring->fd, &times, sizeof times) < 0 && errno == EINTR) {
    }
}

/* ---- Both --------------------------------------------------------------------------------------
 */

struct port *port_make(size_t asks_bytes, size_t tells_bytes)
{
    struct port *port = aligned_alloc(64, sizeof *port);
    if (port == NULL) return NULL;
    memset(port, 0, sizeof *port);
    port->asks.fd = port->tells.fd = -1;
    if (ring_open(&port->asks, asks_bytes) && ring_open(&port->tells, tells_bytes)) return port;
    ring_close(&port->asks);
    ring_close(&port->tells);
    free(port);
    return NULL;
}

static struct port_snapshot *snapshot_of(const struct port_message *message)
{
    struct port_snapshot *snapshot;
    TN_ASSERT(message->size == sizeof snapshot);
    memcpy(&snapshot, message->bytes, sizeof snapshot);
    return snapshot;
}

void port_free(struct port *port)
{
    struct port_message message;
    if (port == NULL) return;
    ring_flush(&port->tells);
    while (ring_next(&port->tells, &message)) {
        if (message.kind == PORT_SNAPSHOT_IS) free(snapshot_of(&message));
    }
    ring_close(&port->asks);
    ring_close(&port->tells);
    free(port);
}

bool port_ask(struct port *port, enum port_ask kind, uint64_t tag, const void *bytes, size_t size)
{
    const struct port_piece piece = {.bytes = bytes, .size = size};
    return port_ask_pieces(port, kind, tag, &piece, 1);
}

bool port_ask_pieces(struct port *port, enum port_ask kind, uint64_t tag,
                     const struct port_piece *pieces, uint32_t pieces_count)
{
    if (ring_put(&port->asks, 0, kind, tag, pieces, pieces_count)) return true;
    count(&port->asks.dropped, 1);
    return false;
}

void port_ask_flush(struct port *port)
{
    ring_flush(&port->asks);
}

uint64_t port_asks_mark(const struct port *port)
{
    return port->asks.put;
}

bool port_asks_done(const struct port *port, uint64_t mark)
{
    return atomic_load_explicit(&port->asks.taken, memory_order_acquire) >= mark;
}

int port_tells_fd(const struct port *port)
{
    return port->tells.fd;
}

bool port_next_tell(struct port *port, struct port_message *message)
{
    return ring_next(&port->tells, message);
}

bool port_tells_sleep(struct port *port)
{
    return ring_sleep(&port->tells);
}

void port_tells_wake(struct port *port)
{
    ring_wake(&port->tells);
}

void port_tells_awake(struct port *port)
{
    atomic_store_explicit(&port->tells.sleeps, false, memory_order_seq_cst);
}

/* Steps that were dropped once are dropped until half of the ring is free: a reader that is too
 * slow has one gap, and not one for each step. The gap is told before the next step, where the
 * hole is; before the next answer only if an answer was lost. */
static bool put_tell(struct port *port, enum port_tell kind, uint64_t tag,
                     const struct port_piece *pieces, uint32_t pieces_count)
{
    struct ring *ring = &port->tells;
    const bool is_answer = kind <= PORT_REPLIED;
    if (!is_answer && port->is_holding_back && ring_free(ring) < ring->size / 2) return false;
    if (port->is_gap && (!is_answer || port->is_answer_lost)) {
        if (!ring_put(ring, 0, PORT_GAP, 0, NULL, 0)) return false;
        port->is_gap = port->is_answer_lost = false;
        count(&port->gaps, 1);
    }
    bool is_put = ring_put(ring, is_answer ? 0 : ring->size / 4, kind, tag, pieces, pieces_count);
    if (!is_answer) port->is_holding_back = !is_put;
    return is_put;
}

static void note_drop(struct port *port, enum port_tell kind)
{
    port->is_gap = true;
    port->is_answer_lost |= kind <= PORT_REPLIED;
    count(&port->tells.dropped, 1);
}

void port_tell_pieces(struct port *port, enum port_tell kind, uint64_t tag,
                      const struct port_piece *pieces, uint32_t pieces_count)
{
    if (put_tell(port, kind, tag, pieces, pieces_count)) return;
    note_drop(port, kind);
}

void port_tell(struct port *port, enum port_tell kind, uint64_t tag, const void *bytes, size_t size)
{
    const struct port_piece piece = {.bytes = bytes, .size = size};
    port_tell_pieces(port, kind, tag, &piece, 1);
}

void port_tell_snapshot(struct port *port, struct port_snapshot *snapshot)
{
    const struct port_piece piece = {.bytes = &snapshot, .size = sizeof snapshot};
    if (put_tell(port, PORT_SNAPSHOT_IS, 0, &piece, 1)) return;
    free(snapshot);
    note_drop(port, PORT_SNAPSHOT_IS);
}

void port_tell_flush(struct port *port)
{
    ring_flush(&port->tells);
}

bool port_tell_has_gap(const struct port *port)
{
    return port->is_gap;
}

size_t port_tell_room(const struct port *port)
{
    const struct ring *ring = &port->tells;
    const size_t kept = ring->size / 4, room = ring_free(ring);
    if (port->is_holding_back && room < ring->size / 2) return 0;
    return room > kept ? room - kept : 0;
}

int port_asks_fd(const struct port *port)
{
    return port->asks.fd;
}

bool port_next_ask(struct port *port, struct port_message *message)
{
    return ring_next(&port->asks, message);
}

bool port_asks_sleep(struct port *port)
{
    return ring_sleep(&port->asks);
}

void port_asks_wake(struct port *port)
{
    ring_wake(&port->asks);
}

static uint64_t read_count(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

struct port_counters port_counters(const struct port *port)
{
    return (struct port_counters){.asks = read_count(&port->asks.messages),
                                  .asks_refused = read_count(&port->asks.dropped),
                                  .asks_bytes = read_count(&port->asks.bytes_count),
                                  .tells = read_count(&port->tells.messages),
                                  .tells_dropped = read_count(&port->tells.dropped),
                                  .tells_bytes = read_count(&port->tells.bytes_count),
                                  .gaps = read_count(&port->gaps),
                                  .wakes = read_count(&port->asks.wakes) +
                                           read_count(&port->tells.wakes)};
}

/* ---- Greeks ------------------------------------------------------------------------------------
 */

void port_greeks(struct tn_greeks *greeks, const struct port_mark *mark)
{
    const uint64_t id = mark->series_id;
    *greeks = (struct tn_greeks){0};
    if (mark->mark_micros == 0 && mark->forward_micros == 0) return;
    if (!tn_series_is_option(id)) {
        greeks->delta_ppb = 1000000000;
        return;
    }
    if (mark->forward_micros == 0) return;
    const struct tn_option option = {.forward_micros = mark->forward_micros,
                                     .strike_micros = (tn_micros)tn_series_strike(id) *
                                                      TN_MICROS_PER_STRIKE_UNIT,
                                     .vol_ppb = (int64_t)mark->vol_ppm * 1000,
                                     .left_ms = mark->left_ms,
                                     .rate_ppb = mark->rate_ppb,
                                     .is_put = tn_series_kind(id) == TN_PUT};
    tn_pricing_greeks(greeks, &option);
}
