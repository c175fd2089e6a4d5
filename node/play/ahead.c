/* ahead: frames that are signed before the clock starts.
 *
 * Where clients and nodes share a machine, what it costs to price, write and sign frames would be
 * taken from the nodes that are measured. So it is done while nothing is measured: feeds go on, and
 * prices move with them. Frames leave in the order in which they were signed, as nonces do; those
 * of a term that ended stay where they are, for they would all be refused. */
#include "play/play.h"

#include "tenord/tenord.h"

#include <stdlib.h>
#include <string.h>

enum { FRAMES_MAX = 1 << 16, AT_ONCE = 64, ROOM_FIRST = 1 << 24 };

void play_keep_frame(struct play *play, const struct play_frame *frame, const uint8_t *bytes)
{
    struct play_ahead *ahead = &play->ahead;
    const size_t need = ahead->size + sizeof *frame + frame->size;
    if (need > ahead->room) {
        const size_t room = 2 * need + ROOM_FIRST;
        uint8_t *grown = realloc(ahead->bytes, room);
        TN_ASSERT(grown != NULL);
        ahead->bytes = grown;
        ahead->room = room;
    }
    memcpy(ahead->bytes + ahead->size, frame, sizeof *frame);
    memcpy(ahead->bytes + ahead->size + sizeof *frame, bytes, frame->size);
    ahead->size = need;
}

bool play_next_frame(struct play *play, struct play_frame *frame, const uint8_t **bytes)
{
    struct play_ahead *ahead = &play->ahead;
    if (ahead->is_signing || ahead->at == ahead->size || ahead->term != play->term) return false;
    memcpy(frame, ahead->bytes + ahead->at, sizeof *frame);
    *bytes = ahead->bytes + ahead->at + sizeof *frame;
    ahead->at += sizeof *frame + frame->size;
    return true;
}

void play_sign_ahead(struct play *play)
{
    struct play_ahead *ahead = &play->ahead;
    uint64_t left = play->options.seconds * play->options.frames_a_second;
    uint32_t never = 0;
    if (left > FRAMES_MAX) left = FRAMES_MAX;
    ahead->term = play->term;
    while (left > 0) {
        const uint32_t some = left < AT_ONCE ? (uint32_t)left : AT_ONCE;
        ahead->is_signing = true;
        play_trade(play, some);
        ahead->is_signing = false;
        left -= some;
        play_until(play, &never, 1, 1); /* wires and feeds have their turn */
    }
}
