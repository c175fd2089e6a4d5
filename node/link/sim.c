/* The simulated network: messages in one heap by (time, number), so that equal seeds and equal
 * calls give equal orders.
 *
 * A message's fate (lost, doubled, when it arrives) is drawn when it is sent, from one generator,
 * in the order of the calls. Each node has a list of events that are due and not yet polled; UP and
 * DOWN go through it too, so that they keep their place among the messages. */
#include "link/sim.h"

#include "link/internal.h"

#include <stdlib.h>
#include <string.h>

struct event {
    struct event *next; /* of those due */
    int64_t due_us;
    uint64_t number;
    struct link_event event;
    uint16_t to;
    enum tn_priority priority;
    uint64_t life[2]; /* of both ends when it was sent: one that restarted does not get it */
    uint8_t bytes[];
};

/* What is known of one direction. */
struct wire {
    struct link_sim_faults faults;
    int64_t last_us[TN_PRIORITIES]; /* when the latest of its class arrives */
    uint64_t bytes;                 /* under way or not polled */
    uint64_t breaks;
};

struct node {
    struct link link;
    struct link_sim *sim;
    uint16_t number;
    bool runs;
    uint64_t life;
    struct event *first, *last; /* due */
    struct event *held;         /* whose bytes the caller may still read */
    struct link_peer_statistics peers[TN_PEERS_MAX];
};

struct link_sim {
    uint32_t count;
    bool is_pair; /* it goes with its last link, and time does not matter */
    uint64_t random;
    uint64_t bytes_max;
    uint64_t number;
    int64_t now_us;
    struct event **heap;
    uint32_t heap_count, heap_max;
    struct wire *wires; /* from × count + to */
    struct node nodes[];
};

static struct wire *wire_of(const struct link_sim *sim, uint16_t from, uint16_t to)
{
    TN_ASSERT(from < sim->count && to < sim->count);
    return &sim->wires[from * sim->count + to];
}

static bool is_before(const struct event *a, const struct event *b)
{
    return a->due_us != b->due_us ? a->due_us < b->due_us : a->number < b->number;
}

static bool heap_push(struct link_sim *sim, struct event *event)
{
    if (sim->heap_count == sim->heap_max) {
        uint32_t heap_max = sim->heap_max == 0 ? 256 : 2 * sim->heap_max;
        struct event **heap = realloc(sim->heap, heap_max * sizeof(struct event *));
        if (heap == NULL) return false;
        sim->heap = heap;
        sim->heap_max = heap_max;
    }
    uint32_t place = sim->heap_count++;
    for (; place > 0 && is_before(event, sim->heap[(place - 1) / 2]); place = (place - 1) / 2)
        sim->heap[place] = sim->heap[(place - 1) / 2];
    sim->heap[place] = event;
    return true;
}

static struct event *heap_pop(struct link_sim *sim)
{
    struct event *first = sim->heap[0];
    struct event *last = sim->heap[--sim->heap_count];
    uint32_t place = 0;
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child >= sim->heap_count) break;
        if (child + 1 < sim->heap_count && is_before(sim->heap[child + 1], sim->heap[child]))
            child++;
        if (is_before(last, sim->heap[child])) break;
        sim->heap[place] = sim->heap[child];
        place = child;
    }
    if (sim->heap_count > 0) sim->heap[place] = last;
    return first;
}

static void append(struct node *node, struct event *event)
{
    event->next = NULL;
    if (node->last == NULL)
        node->first = event;
    else
        node->last->next = event;
    node->last = event;
}

static struct event *make(const struct link_sim *sim, uint16_t from, uint16_t to, const void *bytes,
                          size_t size)
{
    struct event *event = malloc(sizeof *event + size);
    TN_ASSERT(event != NULL); /* a simulation without memory has nothing to show */
    memset(event, 0, sizeof *event);
    if (size > 0) memcpy(event->bytes, bytes, size);
    event->to = to;
    event->event = (struct link_event){
        .kind = LINK_MESSAGE, .peer = from, .bytes = event->bytes, .size = (uint32_t)size};
    event->life[0] = sim->nodes[from].life;
    event->life[1] = sim->nodes[to].life + wire_of(sim, from, to)->breaks;
    return event;
}

static void tell(struct link_sim *sim, uint16_t node, uint16_t about, bool up)
{
    struct event *event = make(sim, about, node, NULL, 0);
    event->event.kind = up ? LINK_UP : LINK_DOWN;
    event->event.reason = up ? LINK_REASON_NONE : LINK_REASON_CLOSED;
    event->event.bytes = NULL;
    append(&sim->nodes[node], event);
    struct link_peer_statistics *statistics = &sim->nodes[node].peers[about];
    statistics->up = up;
    if (up)
        statistics->ups++;
    else
        statistics->downs[LINK_REASON_CLOSED]++;
}

/* Messages of a connection that has ended are not delivered; those due already stay. */
static bool is_stale(const struct link_sim *sim, const struct event *event)
{
    uint16_t from = event->event.peer;
    return event->life[0] != sim->nodes[from].life ||
           event->life[1] != sim->nodes[event->to].life + wire_of(sim, from, event->to)->breaks;
}

static void release(struct link_sim *sim, struct event *event)
{
    if (event->event.kind == LINK_MESSAGE)
        wire_of(sim, event->event.peer, event->to)->bytes -= event->event.size;
    free(event);
}

void link_sim_run(struct link_sim *sim, int64_t now_us)
{
    TN_ASSERT(now_us >= sim->now_us);
    while (sim->heap_count > 0 && sim->heap[0]->due_us <= now_us) {
        struct event *event = heap_pop(sim);
        sim->now_us = event->due_us;
        if (is_stale(sim, event) || !sim->nodes[event->to].runs ||
            wire_of(sim, event->event.peer, event->to)->faults.cut)
            release(sim, event);
        else
            append(&sim->nodes[event->to], event);
    }
    sim->now_us = now_us;
}

int64_t link_sim_next_us(const struct link_sim *sim)
{
    return sim->heap_count == 0 ? INT64_MAX : sim->heap[0]->due_us;
}

static bool happens(struct link_sim *sim, uint32_t ppm)
{
    return tn_random_below(&sim->random, 1000000) < ppm;
}

static void post(struct link_sim *sim, struct node *from, uint16_t to, enum tn_priority priority,
                 const void *bytes, size_t size)
{
    struct wire *wire = wire_of(sim, from->number, to);
    const struct link_sim_faults *faults = &wire->faults;
    uint32_t spread_us = faults->delay_max_us - faults->delay_min_us;
    struct event *event = make(sim, from->number, to, bytes, size);
    event->number = sim->number++;
    event->priority = priority;
    event->due_us = sim->now_us + faults->delay_min_us +
                    (int64_t)tn_random_below(&sim->random, (uint64_t)spread_us + 1);
    if (!faults->reorder && event->due_us < wire->last_us[priority])
        event->due_us = wire->last_us[priority];
    if (event->due_us > wire->last_us[priority]) wire->last_us[priority] = event->due_us;
    wire->bytes += size;
    TN_ASSERT(heap_push(sim, event));
}

static enum link_sent send_to(struct node *from, uint16_t to, enum tn_priority priority,
                              const void *bytes, size_t size)
{
    struct link_sim *sim = from->sim;
    struct link_peer_statistics *statistics = &from->peers[to];
    if (to == from->number || !statistics->up) {
        statistics->refused_away[priority]++;
        return LINK_AWAY;
    }
    struct wire *wire = wire_of(sim, from->number, to);
    if (wire->bytes + size > sim->bytes_max) {
        statistics->refused_full[priority]++;
        return LINK_FULL;
    }
    statistics->messages_sent[priority]++;
    statistics->bytes_sent += size;
    /* Drawn in any case, so that one fault's rate does not shift the others. */
    bool lost = happens(sim, wire->faults.loss_ppm);
    bool doubled = happens(sim, wire->faults.duplicate_ppm);
    if (wire->faults.cut) return LINK_SENT;
    if (!lost) post(sim, from, to, priority, bytes, size);
    if (doubled) post(sim, from, to, priority, bytes, size);
    return LINK_SENT;
}

static enum link_sent send_sim(struct link *base, uint16_t to, enum tn_priority priority,
                               const void *bytes, size_t size)
{
    struct node *node = (struct node *)base;
    if (to != TN_PEER_ALL) {
        if (to >= node->sim->count) return LINK_AWAY;
        return send_to(node, to, priority, bytes, size);
    }
    for (uint16_t i = 0; i < node->sim->count; i++)
        if (i != node->number) send_to(node, i, priority, bytes, size);
    return LINK_SENT;
}

static void poll_sim(struct link *base, struct link_event *out, int64_t timeout_ms)
{
    struct node *node = (struct node *)base;
    struct link_sim *sim = node->sim;
    (void)timeout_ms; /* virtual time does not wait */
    if (sim->is_pair) link_sim_run(sim, sim->now_us);
    if (node->held != NULL) release(sim, node->held);
    node->held = node->first;
    *out = (struct link_event){.kind = LINK_NOTHING};
    if (node->held == NULL) return;
    node->first = node->held->next;
    if (node->first == NULL) node->last = NULL;
    *out = node->held->event;
    if (out->kind != LINK_MESSAGE) return;
    node->peers[out->peer].messages_received[node->held->priority]++;
    node->peers[out->peer].bytes_received += out->size;
}

static size_t room(const struct link *base, uint16_t to, enum tn_priority priority)
{
    const struct node *node = (const struct node *)base;
    (void)priority;
    if (to >= node->sim->count || to == node->number || !node->peers[to].up) return 0;
    uint64_t used = wire_of(node->sim, node->number, to)->bytes;
    return used < node->sim->bytes_max ? (size_t)(node->sim->bytes_max - used) : 0;
}

static int fd(const struct link *base)
{
    (void)base;
    return -1;
}

static int64_t wait_ms(const struct link *base)
{
    return ((const struct node *)base)->first == NULL ? INT64_MAX : 0;
}

static bool peer_statistics(const struct link *base, struct link_peer_statistics *statistics,
                            uint16_t peer)
{
    const struct node *node = (const struct node *)base;
    if (peer >= node->sim->count || peer == node->number) return false;
    *statistics = node->peers[peer];
    statistics->queued_bytes = wire_of(node->sim, node->number, peer)->bytes;
    return true;
}

static void statistics(const struct link *base, struct link_statistics *statistics)
{
    (void)base;
    *statistics = (struct link_statistics){0};
}

static void close_sim(struct link *base)
{
    struct node *node = (struct node *)base;
    struct link_sim *sim = node->sim;
    uint32_t running = 0;
    TN_ASSERT(node->runs);
    while (node->first != NULL) {
        struct event *event = node->first;
        node->first = event->next;
        release(sim, event);
    }
    node->last = NULL;
    if (node->held != NULL) release(sim, node->held);
    node->held = NULL;
    node->runs = false;
    node->life++;
    for (uint16_t i = 0; i < sim->count; i++) {
        node->peers[i].up = false;
        if (!sim->nodes[i].runs) continue;
        running++;
        tell(sim, i, node->number, false);
    }
    if (sim->is_pair && running == 0) link_sim_close(sim);
}

/* A message is on its way when it was sent. */
static void flush(struct link *link)
{
    (void)link;
}

static const struct link_calls calls = {.poll = poll_sim,
                                        .send = send_sim,
                                        .flush = flush,
                                        .room = room,
                                        .fd = fd,
                                        .wait_ms = wait_ms,
                                        .peer_statistics = peer_statistics,
                                        .statistics = statistics,
                                        .close = close_sim};

struct link_sim *link_sim_open(uint32_t count, uint64_t seed, uint64_t bytes_max)
{
    TN_ASSERT(count >= 1 && count <= TN_PEERS_MAX);
    struct link_sim *sim = calloc(1, sizeof *sim + count * sizeof(struct node));
    struct wire *wires = calloc((size_t)count * count, sizeof *wires);
    if (sim == NULL || wires == NULL) {
        free(sim);
        free(wires);
        return NULL;
    }
    sim->count = count;
    sim->random = seed;
    sim->bytes_max = bytes_max;
    sim->wires = wires;
    for (uint16_t i = 0; i < count; i++) {
        sim->nodes[i].link.calls = &calls;
        sim->nodes[i].sim = sim;
        sim->nodes[i].number = i;
    }
    return sim;
}

void link_sim_close(struct link_sim *sim)
{
    for (uint32_t i = 0; i < sim->count; i++)
        TN_ASSERT(!sim->nodes[i].runs);
    while (sim->heap_count > 0)
        release(sim, heap_pop(sim));
    free(sim->heap);
    free(sim->wires);
    free(sim);
}

struct link *link_sim_node(struct link_sim *sim, uint16_t number)
{
    TN_ASSERT(number < sim->count && !sim->nodes[number].runs);
    struct node *node = &sim->nodes[number];
    node->runs = true;
    for (uint16_t i = 0; i < sim->count; i++) {
        if (i == number || !sim->nodes[i].runs) continue;
        tell(sim, number, i, true);
        tell(sim, i, number, true);
    }
    return &node->link;
}

void link_sim_set_faults(struct link_sim *sim, uint16_t from, uint16_t to,
                         const struct link_sim_faults *faults)
{
    TN_ASSERT(faults->delay_min_us <= faults->delay_max_us);
    wire_of(sim, from, to)->faults = *faults;
}

void link_sim_break(struct link_sim *sim, uint16_t a, uint16_t b)
{
    TN_ASSERT(a != b && sim->nodes[a].runs && sim->nodes[b].runs);
    wire_of(sim, a, b)->breaks++;
    wire_of(sim, b, a)->breaks++;
    tell(sim, a, b, false);
    tell(sim, b, a, false);
    tell(sim, a, b, true);
    tell(sim, b, a, true);
}

bool link_pair_open(struct link **a, struct link **b)
{
    struct link_sim *sim = link_sim_open(2, 0, (uint64_t)64 << 20);
    if (sim == NULL) return false;
    sim->is_pair = true;
    *a = link_sim_node(sim, 0);
    *b = link_sim_node(sim, 1);
    return true;
}
