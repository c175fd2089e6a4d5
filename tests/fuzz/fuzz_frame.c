/* A fuzzer's bytes as a client's payload, once for stream and once for protobuf-c: one takes them
 * if and only if the other does by the rules of docs/specs/frame.md, both read the same, and it is
 * written again as the same bytes. An odd first byte makes them an entry of version 1 or 2 instead.
 */
#include "payload_twin.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct payload_twin twin;
static struct tn_stream_scratch scratch;
static uint8_t again[TN_ENTRY_BYTES_MAX];

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) abort();                                                                 \
    } while (0)

static void try_payload(const uint8_t *data, size_t size)
{
    struct tn_frame frame = {.payload = NULL};
    struct tn_stream_fault fault = {.at = SIZE_MAX};
    bool is_payload = payload_twin_read(&twin, data, size);
    bool was_read = tn_stream_read_payload(&frame, &fault, &scratch, data, size);
    EXPECT(is_payload == was_read);
    if (!was_read) {
        EXPECT(fault.at <= size && fault.what != NULL);
        return;
    }
    EXPECT(payload_twin_differs(&twin, &frame) == NULL);
    EXPECT(tn_stream_write_payload(again, sizeof(again), &frame) == size);
    EXPECT(memcmp(again, data, size) == 0);
}

static void try_item(const uint8_t *data, size_t size)
{
    struct tn_stream_item item;
    struct tn_stream_fault fault = {.at = SIZE_MAX};
    size_t used;
    if (!tn_stream_read_item(&item, &used, &fault, &scratch, data, size)) {
        EXPECT(fault.at <= size && fault.what != NULL);
        return;
    }
    EXPECT(used <= size && tn_stream_weight(&item.entry) > 0);
    EXPECT(tn_stream_write_item(again, sizeof(again), &item) == used);
    EXPECT(memcmp(again, data, used) == 0);
}

/* One command of each kind, numbers of one and two bytes. */
static size_t write_all_kinds(uint8_t *out, size_t out_size)
{
    static struct tn_command commands[TN_COMMAND_REMIT];
    static const struct tn_quote quotes[2] = {{1, -2, 3, 300, -1}, {0, 0, 0, 0, 0}};
    struct tn_frame frame = {
        .commands = commands, .commands_count = TN_COMMAND_REMIT, .market = 300};
    for (uint8_t i = 0; i < TN_COMMAND_REMIT; i++) {
        memset(&commands[i].as, 1, 64);
        commands[i].kind = (uint8_t)(i + 1);
        commands[i].client_id = i % 2u * 200u;
    }
    commands[TN_COMMAND_PLACE_OCO - 1].as.terms[1].label = 5;
    commands[TN_COMMAND_PACKAGE - 1].as.package.legs_count = 2;
    commands[TN_COMMAND_BLOCK_TRADE - 1].as.block_trade.legs_count = 2;
    commands[TN_COMMAND_MASS_QUOTE - 1].as.mass_quote =
        (struct tn_mass_quote){.quotes = quotes, .quotes_count = 2, .label = 9, .post_only = 1};
    return tn_stream_write_payload(out, out_size, &frame);
}

/* Three bytes are a change: where, and what. A few at a time: of many nothing is left to be read.
 */
static void try_changes(const uint8_t *data, size_t size)
{
    static uint8_t payload[TN_PAYLOAD_BYTES_MAX];
    size_t length = write_all_kinds(payload, sizeof(payload) / 2);
    EXPECT(length > 0 && length < sizeof(payload) / 2);
    if (size > 12) size = 12;
    for (; size >= 3 && length > 1; data += 3, size -= 3) {
        size_t at = (size_t)(data[0] | (data[1] & 0x3f) << 8) % length;
        switch (data[1] >> 6) {
            case 0: payload[at] = data[2]; break;
            case 1: payload[at] = (uint8_t)(payload[at] + 1); break;
            case 2:
                memmove(payload + at + 1, payload + at, length++ - at);
                payload[at] = data[2];
                break;
            default: memmove(payload + at, payload + at + 1, --length - at); break;
        }
    }
    try_payload(payload, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    switch (data[0] % 3) {
        case 0: try_payload(data + 1, size - 1); return 0;
        case 1: try_item(data + 1, size - 1); return 0;
        default: try_changes(data + 1, size - 1); return 0;
    }
}
