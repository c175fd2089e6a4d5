/* wire_echo: messages on standard input, one a line as `to HEX` or `from HEX`, read strictly; for
 * each a line `ok HEX`, what was read written again, or `no WHY`. For tests in other languages. */
#include "wire/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Alignas(16) uint8_t memory[WIRE_FROM_NODE_ARENA_BYTES];
static uint8_t bytes[WIRE_FROM_NODE_BYTES_MAX], again[WIRE_FROM_NODE_BYTES_MAX];

static size_t parse(const char *hex)
{
    size_t size = 0;
    for (; hex[0] > ' ' && size < sizeof bytes; hex += 2) {
        char pair[3] = {hex[0], hex[1], 0};
        bytes[size++] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return size;
}

static void answer(const char *line)
{
    struct wire_arena arena;
    struct wire_fault fault;
    Tenor__V1__ToNode *to = NULL;
    Tenor__V1__FromNode *from = NULL;
    wire_arena_init(&arena, memory, sizeof memory);
    bool is_to = strncmp(line, "to ", 3) == 0;
    size_t size = parse(line + (is_to ? 3 : 5));
    bool was_read = is_to ? wire_read_to_node(&arena, &to, &fault, bytes, size)
                          : wire_read_from_node(&arena, &from, &fault, bytes, size);
    if (!was_read) {
        printf("no %s\n", fault.text);
        return;
    }
    size = protobuf_c_message_pack(is_to ? &to->base : &from->base, again);
    printf("ok ");
    for (size_t i = 0; i < size; i++)
        printf("%02x", again[i]);
    printf("\n");
}

int main(void)
{
    static char line[2 * WIRE_FROM_NODE_BYTES_MAX + 16];
    while (fgets(line, sizeof line, stdin) != NULL)
        answer(line);
    return 0;
}
