/* A fuzzer's bytes as what peers send about state sync.
 *
 * Readers: what they take, the writers write again. The client: three of four peers send what the
 * input says, whole messages or honest answers with some bytes changed, while it takes the state;
 * the fourth is honest, so at the end it must have the certified records, and blame all but him. */
#include "sync_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) abort();                                                                 \
    } while (0)

static struct world *world;

static void check_readers(const uint8_t *bytes, size_t size)
{
    static uint8_t out[1 << 16];
    struct sync_fetch fetch;
    struct sync_epoch epoch;
    struct sync_records records;
    struct tn_validators set;
    const uint8_t *cert;
    size_t cert_size;
    if (sync_read_fetch(&fetch, bytes, size)) {
        EXPECT(sync_write_fetch(out, &fetch) == size && memcmp(out, bytes, size) == 0);
    }
    if (sync_read_status(&cert, &cert_size, bytes, size)) {
        EXPECT(sync_write_status(out, cert, cert_size) == size && memcmp(out, bytes, size) == 0);
    }
    if (sync_read_epoch(&epoch, bytes, size) && size < sizeof out) {
        EXPECT(sync_write_epoch(out, &epoch) == size && memcmp(out, bytes, size) == 0);
    }
    if (sync_read_set(&set, &world->signatures, bytes, size)) {
        EXPECT(sync_write_set(out, &set) == size && memcmp(out, bytes, size) == 0);
    }
    if (sync_read_records(&records, bytes, size)) {
        sync_write_records(out, &records);
        EXPECT(memcmp(out, bytes, SYNC_RECORDS_HEAD) == 0);
    }
}

/* Some bytes of an honest peer's answer are changed. */
static void spoil(struct world_message *message, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i + 2 < size; i += 3) {
        size_t at = (size_t)tn_get_be(bytes + i, 2) % message->size;
        message->bytes[at] ^= bytes[i + 2];
    }
}

static void take_turn(const uint8_t *bytes, size_t size)
{
    const uint16_t from = bytes[0] % 3;
    if (bytes[0] & 0x40) {
        sync_client_message(world->client, from, bytes + 1, size - 1, world->now_us);
        check_readers(bytes + 1, size - 1);
        return;
    }
    for (uint32_t i = 0; i < world->wire_count; i++) {
        struct world_message *message = &world->wire[(world->wire_first + i) % WORLD_WIRE_MAX];
        if (message->peer != from) continue;
        spoil(message, bytes + 1, size - 1);
        check_readers(message->bytes, message->size);
        return;
    }
}

/* The input is turns: size u8, then so many bytes; between two the client works. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    world = world_make(1, 640);
    world_start_client(world, 0);
    check_readers(data, size);
    for (size_t at = 0; at + 1 < size;) {
        size_t count = data[at] % 64 + 1u;
        if (count > size - at - 1) count = size - at - 1;
        sync_client_turn(world->client, world->now_us);
        take_turn(data + at + 1, count);
        world_deliver(world);
        if (sync_client_state(world->client) == SYNC_CLIENT_WHOLE && !world_is_right(world)) {
            sync_client_refuse(world->client, world->now_us);
        }
        world->now_us += 100000;
        at += 1 + count;
    }
    bool is_right = sync_client_state(world->client) == SYNC_CLIENT_WHOLE && world_is_right(world);
    EXPECT(is_right || world_run(world, 120));
    EXPECT(!sync_client_is_banned(world->client, 3));
    world_free(world);
    return 0;
}
