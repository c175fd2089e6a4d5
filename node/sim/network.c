/* network: who hears what, when.
 *
 * A message is one heap event for each receiver; the bytes are shared. Usual delays differ from
 * message to message, so messages overtake each other at all times, as they do over several links.
 * Faults add loss, copies, long delays, and dead directions. */
#include "sim/sim.h"

#include <stdlib.h>
#include <string.h>

struct sim_message *sim_message_make(const uint8_t *bytes, size_t size)
{
    struct sim_message *message = malloc(sizeof *message + size);
    TN_ASSERT(message != NULL && size <= TN_PEER_MESSAGE_MAX);
    message->references = 1;
    message->size = (uint32_t)size;
    memcpy(message->bytes, bytes, size);
    return message;
}

void sim_message_release(struct sim_message *message)
{
    if (message != NULL && --message->references == 0) free(message);
}

static bool happens(struct sim_network *network, uint32_t ppm)
{
    return ppm > 0 && tn_random_below(&network->random, 1000000) < ppm;
}

static int64_t delay_of(struct sim_network *network)
{
    int64_t delay_us = network->base_us / 4 +
                       (int64_t)tn_random_below(&network->random, (uint64_t)network->base_us);
    if (network->delay_us > 0 && happens(network, 300000))
        delay_us += (int64_t)tn_random_below(&network->random, (uint64_t)network->delay_us);
    return delay_us;
}

static void deliver(struct sim *sim, uint32_t from, uint32_t to, struct sim_message *message)
{
    struct sim_network *network = &sim->network;
    network->sent++;
    network->bytes += message->size;
    if ((network->blocked[from] >> to & 1) != 0 || happens(network, network->loss_ppm)) {
        network->lost++;
        return;
    }
    uint32_t copies = 1 + (happens(network, network->duplicate_ppm) ? 1 : 0);
    for (uint32_t i = 0; i < copies; i++) {
        message->references++;
        sim_heap_push(&sim->heap, (struct sim_event){.kind = SIM_EVENT_MESSAGE,
                                                     .at_us = sim->now_us + delay_of(network),
                                                     .node = (uint16_t)to,
                                                     .from = (uint16_t)from,
                                                     .message = message});
    }
}

void sim_network_send(struct sim *sim, uint32_t from, uint32_t to, struct sim_message *message)
{
    TN_ASSERT(from < sim->machines_count && message->size > 0);
    for (uint32_t i = 0; i < sim->machines_count; i++) {
        if (i != from && (to == TN_PEER_ALL || to == i)) deliver(sim, from, i, message);
    }
}
