/* What the files of wire share: the limits of single fields. */
#ifndef NODE_WIRE_INTERNAL_H
#define NODE_WIRE_INTERNAL_H

#include "wire/wire.h"

/* What client.proto says of one field beside its type. Of bytes and text: their size; of a repeated
 * field: its elements; of a message: nothing but `is_needed`. */
struct wire_limit {
    const ProtobufCMessageDescriptor *message;
    uint32_t field;
    uint32_t least, most; /* of one that is there */
    bool is_needed;
};

/* The limits of a message's fields, by rising number. Every repeated field, text and bytes of the
 * protocol has one. */
const struct wire_limit *wire_limits_of(uint32_t *limits_count,
                                        const ProtobufCMessageDescriptor *message);

/* A ToNode with a frame, into an arena that is empty: true only if wire_read_to_node takes these
 * bytes, and then with what it makes of them. False: anything else, and the arena is to be cleared.
 */
bool wire_read_frame(struct wire_arena *arena, Tenor__V1__ToNode **message, const uint8_t *bytes,
                     size_t size);

#endif
