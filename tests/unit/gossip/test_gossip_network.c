/* Many pools over a network that loses, repeats and reorders messages: what a leader seals reaches
 * everybody in bounded time, for a bounded number of bytes, whatever one hostile member does.
 *
 * Time goes in steps of a millisecond; a message takes 1 to 5 of them, 12 when it is delayed. */
#include "gossip_case.h"

#include "../../support/seed.h"

enum {
    NODES_MAX = 31,
    FLIGHT_MAX = 1 << 16,
    STEP_US = 1000,
    BATCHES = 60,
    ENTRY_BYTES = 500,
    LATE_STEPS = 12
};

enum hostility { HONEST, LIAR, MUTE };

struct flight {
    uint16_t from, to;
    uint32_t size;
    int64_t due_us;
    uint8_t *bytes;
};

struct net_node {
    uint16_t index;
    struct tn_gossip *gossip;
    uint64_t sent_bytes, batch_bytes, fetches;
};

static struct net {
    struct net_node nodes[NODES_MAX];
    uint16_t count;
    struct flight flights[FLIGHT_MAX];
    uint32_t flights_count;
    uint64_t random;
    uint32_t loss_ppm, repeat_ppm, late_ppm;
    int64_t now_us;
    enum hostility hostility; /* of the last node */
    uint64_t hostile_state;
} net;

static const struct tn_gossip_limits net_limits = {.markets_max = 2,
                                                   .peers_max = NODES_MAX,
                                                   .batches_max = 256,
                                                   .batch_bytes_total = 1 << 19,
                                                   .batch_bytes_max = 4096,
                                                   .window = 128,
                                                   .wants_max = 64,
                                                   .wants_peer_max = 16,
                                                   .attempts_max = 4,
                                                   .serve_fetches = 50,
                                                   .serve_bytes = 1 << 20,
                                                   .push_all_max = 16,
                                                   .heads_us = 50000,
                                                   .announce_wait_us = 10000,
                                                   .fetch_us = 20000,
                                                   .stall_us = STALL_US,
                                                   .seed = 3};

static bool chance(uint32_t ppm)
{
    return tn_random_below(&net.random, 1000000) < ppm;
}

static void fly(uint16_t from, uint16_t to, const uint8_t *bytes, size_t size)
{
    assert_true(net.flights_count < FLIGHT_MAX);
    uint64_t steps = chance(net.late_ppm) ? LATE_STEPS : 1 + tn_random_below(&net.random, 5);
    struct flight *flight = &net.flights[net.flights_count++];
    *flight = (struct flight){.from = from,
                              .to = to,
                              .size = (uint32_t)size,
                              .due_us = net.now_us + (int64_t)steps * STEP_US,
                              .bytes = malloc(size)};
    assert_non_null(flight->bytes);
    memcpy(flight->bytes, bytes, size);
}

static void send_one(struct net_node *node, uint16_t to, const uint8_t *bytes, size_t size)
{
    assert_true(to < net.count && to != node->index);
    node->sent_bytes += size;
    if (bytes[0] == TN_PEER_BATCH) node->batch_bytes += size;
    if (bytes[0] == TN_PEER_BATCH_FETCH) node->fetches++;
    bool hostile = node->index == net.count - 1 && net.hostility != HONEST;
    if (hostile && (net.hostility == MUTE || bytes[0] == TN_PEER_BATCH)) return;
    if (chance(net.loss_ppm)) return;
    fly(node->index, to, bytes, size);
    if (chance(net.repeat_ppm)) fly(node->index, to, bytes, size);
}

static void net_send(void *context, uint16_t to, enum tn_priority priority, const uint8_t *bytes,
                     size_t size)
{
    struct net_node *node = context;
    (void)priority;
    if (to != TN_PEER_ALL) {
        send_one(node, to, bytes, size);
        return;
    }
    for (uint16_t i = 0; i < net.count; i++) {
        if (i != node->index) send_one(node, i, bytes, size);
    }
}

static void ignore_arrived(void *context, const struct tn_gossip_batch *batch)
{
    (void)context, (void)batch;
}

static void ignore_stalled(void *context, const struct tn_gossip_head *head)
{
    (void)context, (void)head;
}

static void begin_net(uint16_t nodes_count, uint64_t seed, enum hostility hostility)
{
    setup_keys();
    memset(&net, 0, sizeof(net));
    net.count = nodes_count;
    net.random = seed;
    net.hostile_state = seed + 1;
    net.hostility = hostility;
    struct tn_gossip_host host = story_host;
    host.send = net_send;
    host.judge = NULL;
    host.stored = NULL;
    host.arrived = ignore_arrived;
    host.stalled = ignore_stalled;
    for (uint16_t i = 0; i < nodes_count; i++) {
        struct tn_gossip_limits limits = net_limits;
        limits.seed = seed + i;
        struct net_node *node = &net.nodes[i];
        node->index = i;
        host.context = node;
        node->gossip = tn_gossip_init(take_zeroed(tn_gossip_size(&limits)), &limits, &host,
                                      &made_signatures, chain_id, i, nodes_count);
        for (uint32_t market = 1; market <= 2; market++)
            tn_gossip_final(node->gossip, &(struct tn_gossip_head){.market = market}, 1, 0);
    }
}

static void end_net(void)
{
    for (uint32_t i = 0; i < net.flights_count; i++)
        free(net.flights[i].bytes);
    for (uint16_t i = 0; i < net.count; i++)
        free(net.nodes[i].gossip);
}

/* The last node announces what does not exist, claims to be far ahead, and sends garbage. */
static void be_hostile(void)
{
    uint16_t self = (uint16_t)(net.count - 1);
    uint8_t bytes[160];
    if (net.hostility != LIAR) return;
    for (uint16_t to = 0; to < self; to++) {
        for (uint32_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (uint8_t)tn_random_next(&net.hostile_state);
        bytes[0] = (uint8_t)(TN_PEER_BATCH + tn_random_below(&net.hostile_state, 8));
        fly(self, to, bytes, 1 + tn_random_below(&net.hostile_state, sizeof(bytes)));
        bytes[0] = TN_PEER_ANNOUNCE;
        tn_put_be(bytes + 33, 1, 4);
        tn_put_be(bytes + 37, 1, 4);
        tn_put_be(bytes + 41, 1 + tn_random_below(&net.hostile_state, BATCHES), 8);
        fly(self, to, bytes, 49);
        bytes[0] = TN_PEER_HEADS;
        bytes[1] = 1;
        tn_put_be(bytes + 2, 1, 4);
        tn_put_be(bytes + 6, 1, 4);
        tn_put_be(bytes + 10, 1 + tn_random_below(&net.hostile_state, 200), 8);
        fly(self, to, bytes, 50);
    }
}

static void deliver_due(void)
{
    for (uint32_t i = 0; i < net.flights_count;) {
        struct flight flight = net.flights[i];
        if (flight.due_us > net.now_us) {
            i++;
            continue;
        }
        net.flights[i] = net.flights[--net.flights_count];
        tn_gossip_message(net.nodes[flight.to].gossip, flight.from, flight.bytes, flight.size,
                          net.now_us);
        free(flight.bytes);
    }
}

static void step(void)
{
    net.now_us += STEP_US;
    deliver_due();
    for (uint16_t i = 0; i < net.count; i++) {
        struct net_node *node = &net.nodes[i];
        if (tn_gossip_next_us(node->gossip) <= net.now_us) tn_gossip_tick(node->gossip, net.now_us);
    }
    if (net.now_us % 10000 == 0) be_hostile();
}

/* Do all honest nodes hold market 1 up to the sequence? */
static bool all_have(uint64_t sequence)
{
    uint16_t honest = net.hostility == HONEST ? net.count : (uint16_t)(net.count - 1);
    for (uint16_t i = 0; i < honest; i++) {
        struct tn_gossip_head head;
        assert_true(tn_gossip_contiguous(net.nodes[i].gossip, 1, &head));
        if (head.sequence < sequence) return false;
    }
    return true;
}

/* Validator 1 leads market 1 and seals a batch each 5 ms. Returns the bytes of all batches. */
static uint64_t run_leader(void)
{
    struct tn_gossip_head head = {.market = 1};
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < BATCHES; i++) {
        struct sealed sealed = seal(&head, 1, 1, ENTRY_BYTES, i);
        assert_true(tn_gossip_add_own(net.nodes[1].gossip, &sealed.signature, sealed.body,
                                      sealed.body_size, net.now_us));
        head = head_of(&sealed);
        bytes += sealed.size;
        free(sealed.message);
        for (uint32_t j = 0; j < 5; j++)
            step();
    }
    return bytes;
}

static uint32_t run_until_all_have(uint64_t sequence, uint32_t steps_max)
{
    uint32_t steps = 0;
    while (!all_have(sequence) && steps < steps_max) {
        step();
        steps++;
    }
    return steps;
}

static uint64_t total_batch_bytes(void)
{
    uint64_t bytes = 0;
    for (uint16_t i = 0; i < net.count; i++)
        bytes += net.nodes[i].batch_bytes;
    return bytes;
}

static uint64_t total_bytes(void)
{
    uint64_t bytes = 0;
    for (uint16_t i = 0; i < net.count; i++)
        bytes += net.nodes[i].sent_bytes;
    return bytes;
}

static void report(const char *what, uint64_t bytes, uint32_t steps)
{
    fprintf(stderr,
            "%s, n = %u: all had it after %u ms; bodies sent %.2f, all sent %.2f times n, "
            "leader's own %.2f bodies\n",
            what, net.count, steps, (double)total_batch_bytes() / (double)bytes / net.count,
            (double)total_bytes() / (double)bytes / net.count,
            (double)net.nodes[1].batch_bytes / (double)bytes);
}

static void run_clean(uint16_t nodes_count, uint64_t seed)
{
    begin_net(nodes_count, seed, HONEST);
    uint64_t bytes = run_leader();
    uint32_t steps = run_until_all_have(BATCHES, 100);
    report("no loss", bytes, steps);
    assert_true(all_have(BATCHES));
    assert_true(steps <= 15);
    assert_int_equal(total_batch_bytes(), bytes * (nodes_count - 1u)); /* each body once to each */
    if (nodes_count > 16) assert_int_equal(net.nodes[1].batch_bytes, 6 * bytes); /* √n by itself */
    end_net();
}

static void test_gossip_sends_each_body_once_to_each_node_when_nothing_is_lost(void **state)
{
    (void)state;
    uint64_t seed = test_seed("test_gossip_network");
    run_clean(4, seed);
    run_clean(31, seed);
}

static void run_lossy(uint16_t nodes_count, uint64_t seed)
{
    begin_net(nodes_count, seed, HONEST);
    net.loss_ppm = 200000;
    net.repeat_ppm = 50000;
    net.late_ppm = 100000;
    uint64_t bytes = run_leader();
    uint32_t steps = run_until_all_have(BATCHES, 2000);
    report("a fifth lost", bytes, steps);
    assert_true(all_have(BATCHES));
    assert_true(steps <= 1500);
    assert_true(total_batch_bytes() < 2 * bytes * nodes_count);
    end_net();
}

static void test_gossip_reaches_everybody_over_a_network_that_loses_repeats_and_reorders(
    void **state)
{
    (void)state;
    uint64_t seed = test_seed("test_gossip_network");
    for (uint64_t i = 0; i < 5; i++)
        run_lossy(4, seed + i);
    run_lossy(31, seed);
}

static void run_hostile(uint16_t nodes_count, uint64_t seed, enum hostility hostility)
{
    begin_net(nodes_count, seed, hostility);
    net.loss_ppm = 50000;
    uint64_t bytes = run_leader();
    uint32_t steps = run_until_all_have(BATCHES, 3000);
    report(hostility == LIAR ? "a liar" : "a mute", bytes, steps);
    assert_true(all_have(BATCHES));
    assert_true(total_batch_bytes() < 2 * bytes * nodes_count);
    for (uint16_t i = 0; i + 1 < nodes_count; i++)
        assert_true(net.nodes[i].fetches < 60u * nodes_count); /* lies cost questions, bounded */
    end_net();
}

static void test_gossip_survives_a_peer_that_lies_and_one_that_is_mute(void **state)
{
    (void)state;
    uint64_t seed = test_seed("test_gossip_network");
    run_hostile(4, seed, LIAR);
    run_hostile(4, seed, MUTE);
    run_hostile(31, seed, LIAR);
    run_hostile(31, seed, MUTE);
}

static void test_gossip_brings_a_node_up_to_date_that_was_cut_off(void **state)
{
    (void)state;
    begin_net(4, test_seed("test_gossip_network"), HONEST);
    struct tn_gossip *cut = net.nodes[3].gossip;
    struct tn_gossip_head head = {.market = 1};
    for (uint32_t i = 0; i < BATCHES; i++) {
        struct sealed sealed = seal(&head, 1, 1, ENTRY_BYTES, i);
        head = head_of(&sealed);
        for (uint16_t to = 0; to < 3; to++) {
            if (to == 1) {
                tn_gossip_add_stored(net.nodes[1].gossip, &sealed.signature, sealed.body,
                                     sealed.body_size, 0);
            } else {
                assert_true(
                    tn_gossip_message(net.nodes[to].gossip, 1, sealed.message, sealed.size, 0));
            }
        }
        free(sealed.message);
    }
    net.loss_ppm = 100000;
    uint32_t steps = run_until_all_have(BATCHES, 2000);
    assert_true(steps < 1000);
    assert_true(tn_gossip_counters(cut)[TN_GOSSIP_COUNT_FETCHES] < 40);
    end_net();
}

/* The leader signs two batches for each place and gives one to each half of the set. */
static void test_gossip_spreads_both_batches_of_an_equivocating_leader(void **state)
{
    (void)state;
    begin_net(4, test_seed("test_gossip_network"), HONEST);
    struct sealed forks[2];
    for (uint64_t i = 0; i < 2; i++)
        forks[i] = seal(&(struct tn_gossip_head){.market = 1}, 1, 1, 50, i);
    for (uint16_t to = 0; to < 4; to++) {
        if (to == 1) continue;
        tn_gossip_message(net.nodes[to].gossip, 1, forks[to == 0].message, forks[to == 0].size, 0);
    }
    story.conflicts_count = 0;
    for (uint32_t i = 0; i < 500; i++)
        step();
    assert_true(story.conflicts_count >= 3);
    for (uint16_t i = 0; i < 4; i++) {
        struct tn_gossip_batch batch;
        if (i == 1) continue;
        assert_true(tn_gossip_find(net.nodes[i].gossip, &forks[0].digest, &batch));
        assert_true(tn_gossip_find(net.nodes[i].gossip, &forks[1].digest, &batch));
    }
    free_chain(forks, 2);
    end_net();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gossip_sends_each_body_once_to_each_node_when_nothing_is_lost),
        cmocka_unit_test(
            test_gossip_reaches_everybody_over_a_network_that_loses_repeats_and_reorders),
        cmocka_unit_test(test_gossip_survives_a_peer_that_lies_and_one_that_is_mute),
        cmocka_unit_test(test_gossip_brings_a_node_up_to_date_that_was_cut_off),
        cmocka_unit_test(test_gossip_spreads_both_batches_of_an_equivocating_leader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
