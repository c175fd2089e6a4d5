/* Arenas, and where messages begin in what a connection has brought. */
#include "wire/wire.h"

#include <string.h>

void wire_arena_init(struct wire_arena *arena, void *memory, size_t size)
{
    TN_ASSERT(((uintptr_t)memory & 15) == 0);
    *arena = (struct wire_arena){.memory = memory, .size = size};
}

void *wire_take(struct wire_arena *arena, size_t size)
{
    if (size > arena->size - arena->used) return NULL;
    size_t rounded = (size + 15) & ~(size_t)15;
    uint8_t *taken = arena->memory + arena->used;
    arena->used = rounded > arena->size - arena->used ? arena->size : arena->used + rounded;
    memset(taken, 0, size);
    return taken;
}

void wire_arena_clear(struct wire_arena *arena)
{
    arena->used = 0;
}

enum wire_step wire_next(size_t *message_size, const uint8_t *bytes, size_t size, size_t size_max)
{
    if (size < WIRE_LENGTH_BYTES) return WIRE_MORE;
    size_t said =
        (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
    if (said == 0 || said > size_max) return WIRE_TOO_LARGE;
    *message_size = said;
    return size - WIRE_LENGTH_BYTES < said ? WIRE_MORE : WIRE_WHOLE;
}
