/* The twin of wire's reader: protobuf-c, and the rule in one sentence: bytes are a message if
 * protobuf-c reads them, knows every field, writes the same bytes again, and what it read is within
 * the limits of single fields. And a maker of random messages, for both to read. */
#ifndef TENOR_WIRE_TWIN_H
#define TENOR_WIRE_TWIN_H

#include "wire/internal.h"

/* Would a strict reader take the bytes? A body is not asked for. */
bool wire_twin_takes(const ProtobufCMessageDescriptor *description, const uint8_t *bytes,
                     size_t size);

/* Fills in a message of this kind with random fields, within all limits; lists are mostly short.
 * What it points to is in the arena. *random is stepped. */
ProtobufCMessage *wire_twin_make(struct wire_arena *arena, uint64_t *random,
                                 const ProtobufCMessageDescriptor *description);
uint64_t wire_twin_random(uint64_t *random); /* the next one */

/* Calls `visit` for each kind of message that can be reached from this one, once. */
void wire_twin_walk(const ProtobufCMessageDescriptor *description,
                    void (*visit)(void *context, const ProtobufCMessageDescriptor *kind),
                    void *context);

#endif
