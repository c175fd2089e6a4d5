/* A fuzzer's bytes as a message to a node (an even first byte) or from one, once for the strict
 * reader and once for protobuf-c: one takes them if and only if the other does by the rules, what
 * was read is written again as the same bytes, and nothing is touched behind the arena. Messages
 * that are read in full go on: events come back as they were, frames become entries. */
#include "wire_twin.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t size_max);

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) abort();                                                                 \
    } while (0)

static _Alignas(16) uint8_t maker_memory[WIRE_FROM_NODE_ARENA_BYTES];
static uint8_t again[WIRE_FROM_NODE_BYTES_MAX + WIRE_LENGTH_BYTES], entry[WIRE_ENTRY_BYTES_MAX];

static const ProtobufCMessageDescriptor *kind_of(uint8_t first)
{
    return first % 2 == 0 ? &tenor__v1__to_node__descriptor : &tenor__v1__from_node__descriptor;
}

static void use(const ProtobufCMessage *message)
{
    if (message->descriptor == &tenor__v1__to_node__descriptor) {
        const Tenor__V1__ToNode *to = (const Tenor__V1__ToNode *)message;
        if (to->body_case != TENOR__V1__TO_NODE__BODY_FRAME) return;
        size_t bytes = wire_frame_entry(entry, sizeof entry, to->frame);
        EXPECT(bytes == to->frame->payload.len + 70);
        return;
    }
    const Tenor__V1__FromNode *from = (const Tenor__V1__FromNode *)message;
    if (from->body_case != TENOR__V1__FROM_NODE__BODY_FRAME_SOFT) return;
    for (size_t i = 0; i < from->frame_soft->n_events; i++) {
        struct tn_event event, same;
        Tenor__V1__Event made;
        if (!wire_event_read(&event, from->frame_soft->events[i])) continue;
        wire_event(&made, &event);
        EXPECT(wire_event_read(&same, &made) && memcmp(&same, &event, sizeof same) == 0);
    }
}

/* The arena's size is drawn by the second byte, and its end is the end of its memory. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    const ProtobufCMessageDescriptor *kind = kind_of(data[0]);
    size_t arena_size = data[1] < 250 ? 1u << 16 : (size_t)(data[1] - 249) * 48;
    void *memory = aligned_alloc(16, arena_size);
    struct wire_arena arena;
    struct wire_fault fault = {.code = WIRE_ERROR_NONE};
    Tenor__V1__ToNode *to;
    Tenor__V1__FromNode *from;
    EXPECT(memory != NULL);
    wire_arena_init(&arena, memory, arena_size);
    bool is_to = kind == &tenor__v1__to_node__descriptor;
    bool was_read = is_to ? wire_read_to_node(&arena, &to, &fault, data + 2, size - 2)
                          : wire_read_from_node(&arena, &from, &fault, data + 2, size - 2);
    bool is_undecided = fault.code == WIRE_ERROR_NO_ROOM || fault.code == WIRE_ERROR_NO_BODY;
    EXPECT(was_read || (fault.text[0] != 0 && fault.at <= size - 2));
    if (!is_undecided) EXPECT(was_read == wire_twin_takes(kind, data + 2, size - 2));
    if (was_read) {
        const ProtobufCMessage *message = is_to ? &to->base : &from->base;
        size_t written = is_to ? wire_write_to_node(again, sizeof again, to)
                               : wire_write_from_node(again, sizeof again, from);
        EXPECT(written == size - 2 + WIRE_LENGTH_BYTES);
        EXPECT(memcmp(again + WIRE_LENGTH_BYTES, data + 2, size - 2) == 0);
        use(message);
    }
    free(memory);
    return 0;
}

/* One in eight is a message that was made; the fuzzer changes these and its own. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed)
{
    if (seed % 8 != 0 || size_max < 64) return LLVMFuzzerMutate(data, size, size_max);
    uint64_t random = seed;
    struct wire_arena maker;
    wire_arena_init(&maker, maker_memory, sizeof maker_memory);
    uint8_t first = (uint8_t)(seed / 8);
    const ProtobufCMessage *made = wire_twin_make(&maker, &random, kind_of(first));
    size_t bytes = protobuf_c_message_get_packed_size(made);
    if (bytes + 2 > size_max) return LLVMFuzzerMutate(data, size, size_max);
    data[0] = first;
    data[1] = 0;
    protobuf_c_message_pack(made, data + 2);
    return bytes + 2;
}
