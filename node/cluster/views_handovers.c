/* views_handovers: the ends of epochs, for a thin client that knows the sequencers of an earlier
 * one and is to believe a checkpoint of a later one.
 *
 * What the store keeps for ever (a handover, and the set that follows) goes out in the layout of
 * docs/specs/sequencer.md §6.1, where a set is named by addresses and weights alone: that is what
 * next_set_hash covers, and all that a reader needs who recovers signers. Nothing here is trusted
 * by whoever asks. */
#include "cluster/views_internal.h"

#include <string.h>

enum {
    ENDS_BYTES_MAX = 768 << 10, /* of one answer, which has 1 MiB */
    ENDS_COUNT_MAX = 64,        /* each is a look into the store */
    ENDS_MEMBERS_MAX = 256,     /* of their sets: the address of each is made of its key */
    MEMBER_BYTES = TN_ADDRESS_SIZE + 8,
};

static size_t end_size(const struct sync_epoch *epoch, const struct tn_validators *set)
{
    return 4 + epoch->handover_size + 2 + (size_t)set->count * MEMBER_BYTES;
}

static void write_end(uint8_t *at, const struct sync_epoch *epoch, const struct tn_validators *set)
{
    tn_put_be(at, end_size(epoch, set) - 4, 4);
    memcpy(at + 4, epoch->handover, epoch->handover_size);
    at += 4 + epoch->handover_size;
    tn_put_be(at, set->count, 2);
    at += 2;
    for (uint32_t i = 0; i < set->count; i++, at += MEMBER_BYTES) {
        memcpy(at, set->members[i].address.bytes, TN_ADDRESS_SIZE);
        tn_put_be(at + TN_ADDRESS_SIZE, set->members[i].weight, 8);
    }
}

enum wire_error views_handovers(struct views *views, Tenor__V1__FromNode *answer,
                                const Tenor__V1__GetHandovers *question)
{
    const struct views_world *world = views->world;
    struct sync_epoch epoch;
    struct tn_validators set;
    size_t members = 0;
    Tenor__V1__Handovers *message = views_take(views, sizeof *message);
    uint8_t *ends = views_take(views, ENDS_BYTES_MAX);
    if (message == NULL || ends == NULL) return WIRE_ERROR_NO_ROOM;
    tenor__v1__handovers__init(message);
    message->epoch = message->next = question->epoch;
    for (uint32_t i = 0; i < ENDS_COUNT_MAX && world->find_epoch != NULL; i++) {
        if (!world->find_epoch(world->context, &epoch, message->next)) break;
        members += epoch.set_size / SYNC_MEMBER_SIZE;
        if ((i > 0 && members > ENDS_MEMBERS_MAX) ||
            !sync_read_set(&set, world->signatures, epoch.set, epoch.set_size) ||
            end_size(&epoch, &set) > ENDS_BYTES_MAX - message->ends.len) {
            break;
        }
        write_end(ends + message->ends.len, &epoch, &set);
        message->ends.len += end_size(&epoch, &set);
        message->next++;
    }
    message->ends.data = ends;
    answer->body_case = TENOR__V1__FROM_NODE__BODY_HANDOVERS;
    answer->handovers = message;
    return WIRE_ERROR_NONE;
}
