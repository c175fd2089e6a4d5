/* A fuzzer's bytes as what peers send to engines that run.
 *
 * Readers alone: what is read is written again as the same bytes. Engines: four of them work; what
 * the last one sends is changed on its way, dropped, doubled, sent to others, or replaced by the
 * fuzzer's own bytes. As less than a third of the weight is behind it, all must stay on one chain,
 * and once the last one's messages arrive again all must go on. */
#include "sequencer/internal.h"
#include "sequencer_case.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) abort();                                                                 \
    } while (0)

static struct {
    const uint8_t *data;
    size_t size;
} rest;

static uint8_t take(void)
{
    if (rest.size == 0) return 0;
    rest.size--;
    return *rest.data++;
}

static void try_readers(const uint8_t *data, size_t size)
{
    uint8_t again[CHECKPOINT_VOTE_BYTES];
    struct vote_message vote;
    struct fetch_message fetch;
    struct status_message status;
    struct checkpoint_message checkpoint;
    if (tn_sequencer_read_vote(&vote, data, size)) {
        tn_sequencer_write_vote(again, &vote);
        EXPECT(size == VOTE_BYTES && memcmp(again, data, size) == 0);
    }
    if (tn_sequencer_read_fetch(&fetch, data, size)) {
        tn_sequencer_write_fetch(again, &fetch);
        EXPECT(size == FETCH_BYTES && memcmp(again, data, size) == 0);
    }
    if (tn_sequencer_read_status(&status, data, size)) {
        tn_sequencer_write_status(again, &status);
        EXPECT(size == STATUS_BYTES && memcmp(again, data, size) == 0);
    }
    if (tn_sequencer_read_checkpoint_vote(&checkpoint, data, size)) {
        tn_sequencer_write_checkpoint_vote(again, &checkpoint);
        EXPECT(size == CHECKPOINT_VOTE_BYTES && memcmp(again, data, size) == 0);
    }
}

/* The fuzzer's own bytes, of a kind that exists, from the last node. */
static void inject(struct case_world *world)
{
    static const uint8_t kinds[] = {TN_PEER_PROPOSAL,  TN_PEER_VOTE,      TN_PEER_CERT,
                                    TN_PEER_FETCH,     TN_PEER_DATA,      TN_PEER_STATUS,
                                    TN_PEER_CKPT_VOTE, TN_PEER_EVIDENCE,  TN_PEER_CKPT_CERT,
                                    TN_PEER_VOTES_ASK, TN_PEER_VOTES_HELD};
    uint8_t bytes[512];
    size_t size = 1 + take() % 250u;
    struct case_node *node = &world->nodes[take() % 3u];
    bytes[0] = kinds[take() % sizeof(kinds)];
    for (size_t i = 1; i < size; i++)
        bytes[i] = take();
    tn_sequencer_message(node->engine, 3, bytes, size, world->now_us);
    case_end_turn(node);
}

static void change(struct case_packet *packet)
{
    const uint32_t count = 1 + take() % 3u;
    for (uint32_t i = 0; i < count; i++) {
        size_t at = ((size_t)take() << 8 | take()) % packet->size;
        packet->bytes[at] = (uint8_t)(packet->bytes[at] ^ (1u << take() % 8u));
    }
    if (take() % 8u == 0) packet->size = 1 + take() % packet->size;
}

static bool is_open;
static bool lose_all_of_the_last(struct case_world *world, uint16_t from, uint16_t to,
                                 const uint8_t *bytes, size_t size)
{
    (void)world;
    (void)to;
    (void)bytes;
    (void)size;
    return from == 3 && !is_open;
}

static void meddle(struct case_world *world)
{
    struct case_packet *packet = world->flying;
    while (packet != NULL && packet->from != 3)
        packet = packet->next;
    switch (take() % 6u) {
        case 0: inject(world); return;
        case 1:
            if (packet != NULL) packet->to = (uint16_t)(take() % 3u);
            return;
        case 2:
            is_open = !is_open;
            world->loss = lose_all_of_the_last;
            return;
        default:
            if (packet != NULL) change(packet);
            return;
    }
}

static void try_engines(void)
{
    struct case_world *world = case_begin(4);
    world->limits.validators_max = 4;
    world->limits.bodies_max = 8;
    world->limits.body_max = 512;
    world->limits.behind_max = 64;
    world->limits.checkpoint_blocks = 4;
    world->epoch_blocks = take() % 4u == 0 ? 5 : 0;
    is_open = true;
    case_start_all(world);
    case_work(world, 1000);
    while (rest.size > 0) {
        uint32_t steps = take() % 16u;
        for (uint32_t i = 0; i < steps; i++)
            case_step(world, INT64_MAX);
        meddle(world);
    }
    EXPECT(case_agrees(world));
    world->loss = NULL;
    is_open = true;
    uint64_t highest = 0;
    for (uint32_t i = 0; i < 4; i++)
        if (world->nodes[i].height > highest) highest = world->nodes[i].height;
    if (highest < 300) EXPECT(case_run_to(world, highest + 2));
    EXPECT(case_agrees(world));
    case_end(world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    if (data[0] % 8 == 0) {
        try_readers(data + 1, size - 1);
        return 0;
    }
    rest.data = data + 1;
    rest.size = size - 1;
    try_engines();
    return 0;
}
