/* The outbound queue of a peer: bounded lists of counted messages.
 *
 * A lane's bound is checked before anything is taken for a message, and every entry counts with its
 * overhead, so the memory of a peer is at most the sum of its bounds however small the messages
 * are. Within a lane order is kept. */
#include "link/queue.h"

#include <stdlib.h>
#include <string.h>

enum queue_lane queue_lane(enum tn_priority priority, size_t size)
{
    switch (priority) {
        case TN_PRIORITY_CERT: return QUEUE_CERT;
        case TN_PRIORITY_VOTE: return QUEUE_VOTE;
        case TN_PRIORITY_PROPOSAL:
            return size <= LINK_SMALL_BYTES_MAX ? QUEUE_SMALL_PROPOSAL : QUEUE_PROPOSAL;
        case TN_PRIORITY_DATA: return QUEUE_DATA;
        case TN_PRIORITY_BATCH:
        case TN_PRIORITIES: break;
    }
    return QUEUE_BATCH;
}

enum tn_priority queue_priority(enum queue_lane lane)
{
    static const enum tn_priority priorities[QUEUE_LANES] = {
        TN_PRIORITY_CERT,     TN_PRIORITY_VOTE, TN_PRIORITY_PROPOSAL,
        TN_PRIORITY_PROPOSAL, TN_PRIORITY_DATA, TN_PRIORITY_BATCH};
    TN_ASSERT((unsigned)lane < QUEUE_LANES);
    return priorities[lane];
}

/* The lanes of a connection are first .. first + 2. */
static enum queue_lane first_lane(enum link_class class)
{
    return class == LINK_VOTES ? QUEUE_CERT : QUEUE_PROPOSAL;
}

struct queue_message *queue_message(const void *bytes, size_t size)
{
    TN_ASSERT(size > 0 && size <= TN_PEER_MESSAGE_MAX);
    struct queue_message *message = malloc(sizeof *message + size);
    if (message == NULL) return NULL;
    message->holders = 1;
    message->size = (uint32_t)size;
    memcpy(message->bytes, bytes, size);
    return message;
}

void queue_drop(struct queue_message *message)
{
    TN_ASSERT(message->holders > 0);
    if (--message->holders == 0) free(message);
}

bool queue_has_room(const struct queue *queue, enum queue_lane lane, size_t size)
{
    return queue->lanes[lane].bytes + size + QUEUE_ENTRY_BYTES <= queue->lanes[lane].bytes_max;
}

bool queue_push(struct queue *queue, enum queue_lane lane, struct queue_message *message)
{
    TN_ASSERT(queue_has_room(queue, lane, message->size));
    struct queue_entry *entry = malloc(sizeof *entry);
    if (entry == NULL) return false;
    *entry = (struct queue_entry){.message = message};
    message->holders++;
    if (queue->lanes[lane].last == NULL)
        queue->lanes[lane].first = entry;
    else
        queue->lanes[lane].last->next = entry;
    queue->lanes[lane].last = entry;
    queue->lanes[lane].bytes += message->size + QUEUE_ENTRY_BYTES;
    queue->lanes[lane].count++;
    return true;
}

static struct queue_message *pop_lane(struct queue *queue, enum queue_lane lane)
{
    struct queue_entry *entry = queue->lanes[lane].first;
    if (entry == NULL) return NULL;
    struct queue_message *message = entry->message;
    queue->lanes[lane].first = entry->next;
    if (entry->next == NULL) queue->lanes[lane].last = NULL;
    TN_ASSERT(queue->lanes[lane].bytes >= message->size + QUEUE_ENTRY_BYTES);
    queue->lanes[lane].bytes -= message->size + QUEUE_ENTRY_BYTES;
    queue->lanes[lane].count--;
    free(entry);
    return message;
}

/* The most urgent lane that has a message and, if asked for, credit; QUEUE_LANES: none. */
static enum queue_lane choose(const struct queue *queue, enum queue_lane first, bool with_credit)
{
    for (enum queue_lane lane = first; lane < first + QUEUE_LANES / LINK_CLASSES; lane++) {
        if (queue->lanes[lane].first == NULL) continue;
        if (!with_credit || queue->lanes[lane].credit > 0) return lane;
    }
    return QUEUE_LANES;
}

struct queue_message *queue_pop(struct queue *queue, enum queue_lane *lane, enum link_class class)
{
    static const int64_t quantum[QUEUE_LANES] = {1 << 20, 1 << 19, 1 << 18,
                                                 1 << 20, 1 << 19, 1 << 18};
    enum queue_lane first = first_lane(class);
    *lane = choose(queue, first, true);
    if (*lane == QUEUE_LANES) {
        *lane = choose(queue, first, false);
        if (*lane == QUEUE_LANES) return NULL;
        for (enum queue_lane i = first; i < first + QUEUE_LANES / LINK_CLASSES; i++)
            queue->lanes[i].credit = quantum[i]; /* a new round */
    }
    struct queue_message *message = pop_lane(queue, *lane);
    queue->lanes[*lane].credit -= message->size;
    return message;
}

void queue_clear(struct queue *queue, uint64_t counts[TN_PRIORITIES])
{
    for (enum queue_lane lane = 0; lane < QUEUE_LANES; lane++) {
        counts[queue_priority(lane)] += queue->lanes[lane].count;
        struct queue_message *message;
        while ((message = pop_lane(queue, lane)) != NULL)
            queue_drop(message);
        TN_ASSERT(queue->lanes[lane].bytes == 0 && queue->lanes[lane].count == 0);
    }
}

uint64_t queue_bytes(const struct queue *queue)
{
    uint64_t bytes = 0;
    for (enum queue_lane lane = 0; lane < QUEUE_LANES; lane++)
        bytes += queue->lanes[lane].bytes;
    return bytes;
}
