/* turn: events are taken from the heap, and given to machines, to the plan of faults, to the world.
 */
#include "sim/turn.h"

#include "sim/node.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t WORLD_US = 20 * SIM_MS;

static jmp_buf panic_to;
static struct sim *panic_sim;

_Noreturn void tn_panic(const char *file, int line, const char *what)
{
    if (panic_sim == NULL) {
        fprintf(stderr, "%s: %s:%d: %s\n", SIM_NAME, file, line, what);
        abort();
    }
    const char *name = strrchr(file, '/');
    sim_fail(panic_sim, TN_NONE, "assertion in %s:%d: %s", name == NULL ? file : name + 1, line,
             what);
    panic_sim->panicked = true;
    longjmp(panic_to, 1);
}

void sim_guarded(struct sim *sim, const struct sim_options *options,
                 void (*run)(struct sim *sim, const struct sim_options *options))
{
    panic_sim = sim;
    if (setjmp(panic_to) == 0) run(sim, options);
    panic_sim = NULL;
}

void sim_begin(struct sim *sim)
{
    sim->network.base_us = (int64_t)(1 + tn_random_below(&sim->random, 15)) * SIM_MS;
    sim_faults_plan(sim);
    for (uint32_t i = 0; i < sim->machines_count; i++)
        sim_machine_on(sim, i);
    sim_heap_push(&sim->heap, (struct sim_event){.kind = SIM_EVENT_WORLD});
}

static void turn_world(struct sim *sim)
{
    sim_turn_world(sim);
    sim_heap_push(&sim->heap,
                  (struct sim_event){.kind = SIM_EVENT_WORLD, .at_us = sim->now_us + WORLD_US});
}

static void take(struct sim *sim, const struct sim_event *event)
{
    bool current = event->node < sim->machines_count &&
                   sim->machines[event->node].generation == event->generation;
    switch (event->kind) {
        case SIM_EVENT_MESSAGE:
            sim->figures.messages++;
            tn_digest_u64(&sim->trace.digest, (uint64_t)sim->now_us ^ event->order << 32);
            sim_machine_message(sim, event->node, event->from, event->message);
            return;
        case SIM_EVENT_WAKE:
            if (current) sim_machine_woken(sim, event->node, event->a);
            return;
        case SIM_EVENT_SYNCED:
            if (current) sim_machine_synced(sim, event->node);
            return;
        case SIM_EVENT_FAULT: sim_faults_apply(sim, event->node, event->a == 0); return;
        case SIM_EVENT_RESTART: sim_machine_restarted(sim, event->node); return;
        case SIM_EVENT_WORLD: turn_world(sim); return;
    }
    TN_ASSERT(false);
}

enum sim_event_kind sim_next(struct sim *sim)
{
    struct sim_event event = sim_heap_pop(&sim->heap);
    TN_ASSERT(event.at_us >= sim->now_us);
    sim->now_us = event.at_us;
    take(sim, &event);
    return event.kind;
}

void sim_explain(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->machines_count; i++) {
        struct sim_probe probe = {.voice = "off"};
        if (sim->machines[i].node != NULL)
            sim->machines[i].kind->probe(sim->machines[i].node, &probe);
        sim_trace(sim, i, "stands in view %a.%b at height %c", probe.epoch, probe.view,
                  probe.height);
        sim_trace(sim, i, probe.voice, 0, 0, 0);
    }
}

void sim_heap_free(struct sim_heap *heap)
{
    for (uint32_t i = 0; i < heap->count; i++)
        sim_message_release(heap->events[i].message);
    free(heap->events);
}
