/* events: the heap that is the simulator's clock, the trace, and failures.
 *
 * Two events at one time come in the order in which they were made, so that a run depends on
 * nothing but its seed. The trace takes numbers and a static text; it is made readable only when
 * somebody reads it. */
#include "sim/sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_us < b->at_us || (a->at_us == b->at_us && a->order < b->order);
}

void sim_heap_push(struct sim_heap *heap, struct sim_event event)
{
    if (heap->count == heap->room) {
        heap->room = heap->room == 0 ? 1024 : 2 * heap->room;
        heap->events = realloc(heap->events, heap->room * sizeof *heap->events);
        TN_ASSERT(heap->events != NULL);
    }
    event.order = heap->made++;
    uint32_t at = heap->count++;
    while (at > 0 && before(&event, &heap->events[(at - 1) / 2])) {
        heap->events[at] = heap->events[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->events[at] = event;
}

struct sim_event sim_heap_pop(struct sim_heap *heap)
{
    TN_ASSERT(heap->count > 0);
    struct sim_event first = heap->events[0], last = heap->events[--heap->count];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= heap->count) break;
        if (child + 1 < heap->count && before(&heap->events[child + 1], &heap->events[child]))
            child++;
        if (!before(&heap->events[child], &last)) break;
        heap->events[at] = heap->events[child];
        at = child;
    }
    heap->events[at] = last;
    return first;
}

void sim_trace(struct sim *sim, uint32_t node, const char *what, uint64_t a, uint64_t b, uint64_t c)
{
    struct sim_trace *trace = &sim->trace;
    tn_digest_i64(&trace->digest, sim->now_us);
    tn_digest_u64(&trace->digest, (uint64_t)node << 32 | (uint8_t)what[0]);
    tn_digest_u64(&trace->digest, a);
    tn_digest_u64(&trace->digest, b);
    tn_digest_u64(&trace->digest, c);
    struct sim_trace_line *line = &trace->lines[trace->count++ % SIM_TRACE_LINES];
    *line = (struct sim_trace_line){
        .at_us = sim->now_us, .what = what, .a = a, .b = b, .c = c, .node = (uint16_t)node};
    if (sim->options.show) sim_trace_print_line(line);
}

/* %a %b %c are decimal; %A %B %C the first bytes of a hash. */
void sim_trace_print_line(const struct sim_trace_line *line)
{
    const uint64_t numbers[3] = {line->a, line->b, line->c};
    printf("[%9.3f ms] ", (double)line->at_us / 1000);
    if (line->node < SIM_NODES_MAX)
        printf("%2u ", line->node);
    else
        printf(" - ");
    for (const char *at = line->what; *at != '\0'; at++) {
        if (at[0] == '%' && at[1] >= 'a' && at[1] <= 'c')
            printf("%" PRIu64, numbers[*++at - 'a']);
        else if (at[0] == '%' && at[1] >= 'A' && at[1] <= 'C')
            printf("%08" PRIx64, numbers[*++at - 'A'] & 0xffffffff);
        else
            putchar(*at);
    }
    putchar('\n');
}

void sim_trace_print(const struct sim *sim, uint32_t lines_max)
{
    const struct sim_trace *trace = &sim->trace;
    uint64_t first = trace->count > SIM_TRACE_LINES ? trace->count - SIM_TRACE_LINES : 0;
    if (trace->count - first > lines_max) first = trace->count - lines_max;
    for (uint64_t i = first; i < trace->count; i++)
        sim_trace_print_line(&trace->lines[i % SIM_TRACE_LINES]);
}

void sim_fail(struct sim *sim, uint32_t node, const char *format, ...)
{
    if (sim->failed) return;
    sim->failed = true;
    int used =
        node < SIM_NODES_MAX ? snprintf(sim->failure, sizeof sim->failure, "node %u: ", node) : 0;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sim->failure + used, sizeof sim->failure - (size_t)used, format, arguments);
    va_end(arguments);
    sim_trace(sim, node, "FAILED", 0, 0, 0);
}
