/* bench_consensus: what agreeing on a block costs each of n validators, and how that grows with n.
 *
 * All engines run in this process over queues in virtual time: nothing is lost, a link has one
 * latency of 0.9 to 1.1 ms. The app is a toy, whose blocks are some digests. So the figures are of
 * the engine and its signatures alone: neither links, logs nor markets are in them, and blocks per
 * second are what one core for each node could do with nothing else to do. The same again with
 * signatures that are one hash shows what the rest costs. Checkpoints are left out: one each 64
 * blocks has half as many signatures as a block. Time is what the process ran.
 *
 * usage: bench_consensus [--quick] [--validators N] [--digests K] */
#include "../support/sequencer_case.h"
#include "bench.h"

#define NODES_MAX   TN_VALIDATORS_MAX
#define HEIGHTS_MAX 1024u
#define SLICE_US    10 /* of virtual time; what is due within one happens at its end */
#define SLICES      256u
#define LATENCY_US  900
#define JITTER_US   200u

static const struct size {
    uint32_t nodes, blocks;
} SIZES[] = {{4, 400}, {7, 240}, {10, 160}, {16, 100}, {31, 48}, {64, 20}, {100, 12}};
#define SIZES_COUNT (sizeof(SIZES) / sizeof(SIZES[0]))

/* ---- The table ---- */

struct payload {
    uint32_t receivers, size;
    uint8_t bytes[];
};

struct packet {
    struct packet *next;
    struct payload *payload;
    uint16_t from, to;
};

struct slice {
    struct packet *first, **end;
};

struct world;

struct node {
    struct world *world;
    struct tn_sequencer *engine;
    struct tn_secret_key key;
    int64_t due_us;
    uint16_t index;
    uint64_t height;
    struct tn_hash head;               /* the block at height */
    struct tn_hash roots[HEIGHTS_MAX]; /* by height */
    uint64_t latency_slices[NODES_MAX];
};

/* What all nodes did together since reset. */
struct tally {
    uint64_t messages, bytes, kinds[8], log_bytes;
    uint64_t proposing_ns, proposed, voting_ns, voted;
    uint64_t cert_bytes; /* of the last one */
};

struct world {
    struct node nodes[NODES_MAX];
    struct slice slices[SLICES];
    struct packet *packets_free;
    const struct tn_signatures *signatures;
    struct tn_validators set;
    uint32_t count, digests;
    int64_t now_us;
    uint64_t since_ns;  /* the app was asked in the present call */
    uint64_t *spent_ns; /* what that is counted to; NULL: it was not asked */
    struct tally tally;
};

static void post(struct world *world, uint16_t from, uint16_t to, struct payload *payload)
{
    struct packet *packet = world->packets_free;
    if (packet != NULL) {
        world->packets_free = packet->next;
    } else {
        packet = malloc(sizeof(*packet));
        TN_ASSERT(packet != NULL);
    }
    const uint64_t now = (uint64_t)world->now_us / SLICE_US;
    struct slice *slice = &world->slices[(now + world->nodes[from].latency_slices[to]) % SLICES];
    *packet = (struct packet){.payload = payload, .from = from, .to = to};
    *slice->end = packet;
    slice->end = &packet->next;
    world->tally.messages++;
    world->tally.bytes += payload->size;
    world->tally.kinds[payload->bytes[0] < 8 ? payload->bytes[0] : 0]++;
}

static void send_message(void *context, uint16_t to, enum tn_priority priority,
                         const uint8_t *bytes, size_t size)
{
    struct node *node = context;
    struct world *world = node->world;
    (void)priority;
    TN_ASSERT(to == TN_PEER_ALL || to < world->count);
    struct payload *payload = malloc(sizeof(*payload) + size);
    TN_ASSERT(payload != NULL && size > 0 && size <= UINT32_MAX);
    payload->size = (uint32_t)size;
    payload->receivers = to == TN_PEER_ALL ? world->count - 1 : 1;
    memcpy(payload->bytes, bytes, size);
    if (to != TN_PEER_ALL) {
        post(world, node->index, to, payload);
        return;
    }
    for (uint16_t i = 0; i < world->count; i++)
        if (i != node->index) post(world, node->index, i, payload);
}

static void keep_record(void *context, enum tn_sequencer_record type, const uint8_t *bytes,
                        size_t size)
{
    const struct node *node = context;
    (void)bytes;
    node->world->tally.log_bytes += size;
    if (type == TN_SEQUENCER_CERT) node->world->tally.cert_bytes = size;
}

static void refuse_ban(void *context, uint16_t peer, const char *why)
{
    (void)context;
    fprintf(stderr, "bench_consensus: %u was banned: %s\n", peer, why);
    TN_ASSERT(false); /* all are honest */
}

/* ---- The app ---- */

/* From here to the end of the call goes to proposing, or to voting. */
static void begin_part(struct world *world, uint64_t *spent_ns)
{
    if (world->spent_ns == NULL) world->since_ns = bench_cpu_ns();
    world->spent_ns = spent_ns;
}

static void end_call(struct node *node)
{
    struct world *world = node->world;
    if (world->spent_ns != NULL) *world->spent_ns += bench_cpu_ns() - world->since_ns;
    world->spent_ns = NULL;
    node->due_us = tn_sequencer_timeout(node->engine);
}

static bool build_block(void *context, struct tn_block_header *header, uint8_t *body,
                        size_t body_max, const struct tn_sequencer_block *chain,
                        uint32_t chain_count)
{
    struct node *node = context;
    struct world *world = node->world;
    (void)chain;
    (void)chain_count;
    begin_part(world, &world->tally.proposing_ns);
    world->tally.proposed++;
    TN_ASSERT(body_max >= 32 * (size_t)world->digests);
    header->time_ms += 1;
    header->exec_root = node->roots[header->exec_height];
    header->batches_count = world->digests;
    header->body_size = 32 * world->digests;
    memset(body, (int)(header->view % 251), header->body_size);
    for (uint32_t i = 0; i < world->digests; i++)
        tn_put_be(body + 32 * (size_t)i, header->view << 32 | i, 8);
    tn_stream_block_body_root(&header->body_root, (const struct tn_hash *)(const void *)body,
                              world->digests);
    return true;
}

static enum tn_verdict validate_block(void *context, const struct tn_sequencer_block *block,
                                      const struct tn_sequencer_block *chain, uint32_t chain_count,
                                      bool local)
{
    struct node *node = context;
    struct world *world = node->world;
    (void)chain;
    (void)chain_count;
    if (local) {
        begin_part(world, &world->tally.voting_ns);
        world->tally.voted++;
    }
    const struct tn_hash *root = &node->roots[block->header->exec_height];
    return tn_hash_equal(root, &block->header->exec_root) ? TN_VERDICT_OK : TN_VERDICT_BAD;
}

static void persist_block(void *context, const struct tn_sequencer_block *block)
{
    (void)context;
    (void)block;
}

static enum tn_delivery execute_block(void *context, const struct tn_sequencer_block *block,
                                      const uint8_t *cert, size_t cert_size)
{
    struct node *node = context;
    uint8_t preimage[64];
    (void)cert;
    (void)cert_size;
    TN_ASSERT(block->header->height == node->height + 1 && node->height + 1 < HEIGHTS_MAX);
    memcpy(preimage, node->roots[node->height].bytes, 32);
    memcpy(preimage + 32, block->hash.bytes, 32);
    node->height++;
    node->head = block->hash;
    tn_keccak256(&node->roots[node->height], preimage, sizeof(preimage));
    return TN_DELIVERY_DONE;
}

static bool always_pending(void *context, const struct tn_sequencer_block *chain,
                           uint32_t chain_count)
{
    (void)context;
    (void)chain;
    (void)chain_count;
    return true;
}

static bool no_checkpoint(void *context, struct tn_checkpoint *checkpoint, uint64_t height)
{
    (void)context;
    (void)checkpoint;
    (void)height;
    return false;
}

static bool no_old_block(void *context, struct tn_sequencer_block *block, uint64_t height)
{
    (void)context;
    (void)block;
    (void)height;
    return false; /* nobody is that far behind */
}

/* Epochs, checkpoints, evidence and state sync do not happen here: they have no function. */
static const struct tn_sequencer_app app = {.build = build_block,
                                            .validate = validate_block,
                                            .persist = persist_block,
                                            .finalized = execute_block,
                                            .pending = always_pending,
                                            .checkpoint = no_checkpoint,
                                            .block = no_old_block};

/* ---- Life ---- */

static void make_set(struct world *world)
{
    static struct tn_validator members[NODES_MAX];
    for (uint16_t i = 0; i < world->count; i++) {
        struct node *node = &world->nodes[i];
        uint64_t random = i + 1;
        node->world = world;
        node->index = i;
        memset(node->key.bytes, i + 1, sizeof(node->key.bytes));
        for (uint32_t to = 0; to < world->count; to++)
            node->latency_slices[to] =
                (LATENCY_US + tn_random_below(&random, JITTER_US)) / SLICE_US;
        members[i] = (struct tn_validator){.id = i, .weight = 1};
        bool is_key =
            world->signatures->public_key(world->signatures->context, &members[i].key, &node->key);
        TN_ASSERT(is_key);
        memcpy(members[i].address.bytes, members[i].key.bytes + 1, TN_ADDRESS_SIZE);
    }
    bool is_made = tn_validators_make(&world->set, 1, 1, members, world->count);
    TN_ASSERT(is_made);
}

static size_t start_node(struct node *node)
{
    struct world *world = node->world;
    struct tn_sequencer_config config = {.app = app,
                                         .signatures = world->signatures,
                                         .key = node->key,
                                         .is_validator = true,
                                         .set = world->set};
    tn_sequencer_limits_default(&config.limits);
    config.limits.validators_max = world->count;
    config.limits.views_max = 256;
    config.limits.bodies_max = 32;
    config.limits.body_max = 32 * world->digests;
    config.app.context = node;
    config.out = (struct tn_sequencer_out){
        .context = node, .record = keep_record, .send = send_message, .ban = refuse_ban};
    config.root.flags = TN_BLOCK_EMPTY | TN_BLOCK_EPOCH_FINAL;
    memset(config.root_hash.bytes, 0xdd, sizeof(config.root_hash.bytes));
    const size_t size = tn_sequencer_size(&config.limits);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    TN_ASSERT(size > 0 && memory != MAP_FAILED);
    node->engine = tn_sequencer_init(memory, &config);
    tn_sequencer_start(node->engine, 0);
    end_call(node);
    return size;
}

static void deliver(struct world *world, struct packet *packet)
{
    struct node *node = &world->nodes[packet->to];
    struct payload *payload = packet->payload;
    tn_sequencer_message(node->engine, packet->from, payload->bytes, payload->size, world->now_us);
    end_call(node);
    if (--payload->receivers == 0) free(payload);
    packet->next = world->packets_free;
    world->packets_free = packet;
}

static void run_slice(struct world *world)
{
    world->now_us += SLICE_US;
    struct slice *slice = &world->slices[(uint64_t)world->now_us / SLICE_US % SLICES];
    struct packet *packet = slice->first;
    *slice = (struct slice){.first = NULL, .end = &slice->first};
    while (packet != NULL) {
        struct packet *next = packet->next;
        deliver(world, packet);
        packet = next;
    }
    for (uint32_t i = 0; i < world->count; i++) {
        struct node *node = &world->nodes[i];
        if (node->due_us > world->now_us) continue;
        tn_sequencer_tick(node->engine, world->now_us);
        end_call(node);
    }
}

/* Until everybody has delivered this height; two seconds a block is more than any needs. */
static bool run_to(struct world *world, uint64_t height)
{
    const int64_t end_us = world->now_us + (int64_t)height * 2000000;
    for (;;) {
        uint32_t there = 0;
        for (uint32_t i = 0; i < world->count; i++)
            there += world->nodes[i].height >= height;
        if (there == world->count) return true;
        if (world->now_us >= end_us) return false;
        run_slice(world);
    }
}

/* ---- What it cost ---- */

struct sums {
    uint64_t made, verified, views, blocks; /* of all nodes */
};

static void sum_up(struct sums *sums, const struct world *world)
{
    *sums = (struct sums){0};
    for (uint32_t i = 0; i < world->count; i++) {
        const struct tn_sequencer_counters *counters =
            tn_sequencer_counters(world->nodes[i].engine);
        struct tn_sequencer_status status;
        tn_sequencer_status(world->nodes[i].engine, &status);
        sums->made += counters->signatures_made;
        sums->verified += counters->signatures_verified;
        sums->views += status.final_view;
        sums->blocks += status.final_height;
    }
}

/* What a signature costs here and now; no two are alike, as the tables behind them are large. */
static void time_signatures(double *sign_us, double *verify_us,
                            const struct tn_signatures *signatures)
{
    enum { REPEATS = 200, ROUNDS = 5 };
    static struct tn_signature made[REPEATS];
    static struct tn_hash digests[REPEATS];
    static struct tn_parsed_key keys[REPEATS];
    static struct tn_secret_key secrets[REPEATS];
    bool is_good = true;
    for (uint32_t i = 0; i < REPEATS; i++) {
        struct tn_public_key key;
        memset(secrets[i].bytes, (int)i + 1, sizeof(secrets[i].bytes));
        tn_keccak256(&digests[i], &i, sizeof(i));
        is_good = is_good && signatures->public_key(signatures->context, &key, &secrets[i]) &&
                  signatures->parse(signatures->context, &keys[i], &key);
    }
    const uint64_t start_ns = bench_cpu_ns();
    for (uint32_t i = 0; i < REPEATS; i++)
        is_good &= signatures->sign(signatures->context, &made[i], &digests[i], &secrets[i]);
    *sign_us = (double)(bench_cpu_ns() - start_ns) / REPEATS / 1000;
    for (uint32_t round = 0; round < ROUNDS; round++) { /* keys have their tables in the last one */
        const uint64_t round_ns = bench_cpu_ns();
        for (uint32_t i = 0; i < REPEATS; i++) {
            is_good &=
                signatures->verify_parsed(signatures->context, &digests[i], &made[i], &keys[i]);
        }
        *verify_us = (double)(bench_cpu_ns() - round_ns) / REPEATS / 1000;
    }
    TN_ASSERT(is_good);
}

struct result {
    struct sums sums;
    struct tally tally;
    double cpu_us, virtual_ms; /* of the whole table */
    double sign_us, verify_us;
    size_t engine_bytes;
};

static void print_traffic(const struct result *result, double blocks)
{
    const struct tally *tally = &result->tally;
    bench_json_double("messages_per_block", (double)tally->messages / blocks);
    bench_json_double("bytes_per_block", (double)tally->bytes / blocks);
    bench_json_double("proposals_per_block", (double)tally->kinds[TN_PEER_PROPOSAL] / blocks);
    bench_json_double("votes_per_block", (double)tally->kinds[TN_PEER_VOTE] / blocks);
    bench_json_double("certs_per_block", (double)tally->kinds[TN_PEER_CERT] / blocks);
    bench_json_u64("cert_bytes", tally->cert_bytes);
}

static void print_result(const char *scheme, uint32_t nodes, uint32_t digests,
                         const struct result *result)
{
    const struct tally *tally = &result->tally;
    const struct sums *sums = &result->sums;
    const double each = (double)sums->blocks; /* blocks × nodes */
    const double blocks = each / nodes;
    const double cpu_us = result->cpu_us / each;
    const double proposing_us = (double)tally->proposing_ns / 1000 / (double)tally->proposed;
    const double voting_us = (double)tally->voting_ns / 1000 / (double)tally->voted;
    const double both_us = (double)(tally->proposing_ns + tally->voting_ns) / 1000 / each;
    const double signing_us =
        (double)sums->made * result->sign_us + (double)sums->verified * result->verify_us;
    bench_json_open("consensus");
    bench_json_string("signatures", scheme);
    bench_json_u64("validators", nodes);
    bench_json_u64("body_bytes", 32 * (uint64_t)digests);
    bench_json_double("blocks", blocks);
    bench_json_double("cpu_us_per_block_per_node", cpu_us);
    bench_json_double("proposer_cpu_us", cpu_us - both_us + proposing_us);
    bench_json_double("follower_cpu_us", cpu_us - both_us + voting_us);
    bench_json_double("blocks_per_second_at_most", 1e6 / cpu_us);
    bench_json_double("views_per_block", (double)sums->views / each);
    bench_json_double("verified_per_block_per_node", (double)sums->verified / each);
    bench_json_double("made_per_block_per_node", (double)sums->made / each);
    bench_json_double("verify_us", result->verify_us);
    bench_json_double("sign_us", result->sign_us);
    bench_json_double("signatures_share", signing_us / result->cpu_us);
    print_traffic(result, blocks);
    bench_json_double("log_bytes_per_block_per_node", (double)tally->log_bytes / each);
    bench_json_double("virtual_ms_per_block", result->virtual_ms / blocks);
    bench_json_u64("engine_bytes", result->engine_bytes);
    bench_json_close();
}

/* ---- Runs ---- */

static void stop(struct world *world, size_t engine_bytes)
{
    for (uint32_t i = 0; i < world->count; i++)
        munmap(world->nodes[i].engine, engine_bytes);
    for (uint32_t i = 0; i < SLICES; i++) {
        while (world->slices[i].first != NULL) {
            struct packet *packet = world->slices[i].first;
            world->slices[i].first = packet->next;
            if (--packet->payload->receivers == 0) free(packet->payload);
            free(packet);
        }
    }
    while (world->packets_free != NULL) {
        struct packet *packet = world->packets_free;
        world->packets_free = packet->next;
        free(packet);
    }
    free(world);
}

static bool agree(const struct world *world)
{
    for (uint32_t i = 1; i < world->count; i++) {
        const struct node *node = &world->nodes[i];
        const uint64_t height =
            node->height < world->nodes[0].height ? node->height : world->nodes[0].height;
        if (!tn_hash_equal(&node->roots[height], &world->nodes[0].roots[height])) return false;
    }
    return true;
}

/* False: the set did not come to its blocks, or not to the same. */
static bool run(const struct tn_signatures *signatures, const char *scheme, uint32_t nodes,
                uint32_t blocks, uint32_t digests)
{
    struct result result = {.cpu_us = 0};
    struct sums before;
    struct world *world = calloc(1, sizeof(*world));
    TN_ASSERT(world != NULL && nodes <= NODES_MAX);
    world->count = nodes;
    world->digests = digests;
    world->signatures = signatures;
    for (uint32_t i = 0; i < SLICES; i++)
        world->slices[i].end = &world->slices[i].first;
    make_set(world);
    for (uint32_t i = 0; i < nodes; i++)
        result.engine_bytes = start_node(&world->nodes[i]);
    time_signatures(&result.sign_us, &result.verify_us, signatures);
    const uint64_t warm = 1 + blocks / 4;
    bool is_good = run_to(world, warm);
    world->tally = (struct tally){0};
    sum_up(&before, world);
    const int64_t start_us = world->now_us;
    const uint64_t start_ns = bench_cpu_ns();
    is_good = is_good && run_to(world, warm + blocks);
    result.cpu_us = (double)(bench_cpu_ns() - start_ns) / 1000;
    result.virtual_ms = (double)(world->now_us - start_us) / 1000;
    result.tally = world->tally;
    sum_up(&result.sums, world);
    result.sums.made -= before.made;
    result.sums.verified -= before.verified;
    result.sums.views -= before.views;
    result.sums.blocks -= before.blocks;
    is_good = is_good && agree(world);
    if (is_good) {
        print_result(scheme, nodes, digests, &result);
    } else {
        fprintf(stderr, "bench_consensus: %u validators did not agree on %u blocks\n", nodes,
                blocks);
    }
    stop(world, result.engine_bytes);
    return is_good;
}

struct options {
    bool is_quick;
    uint32_t validators, digests; /* validators 0: all of SIZES */
};

static void read_options(struct options *options, int argc, char **argv)
{
    *options = (struct options){.digests = 16};
    const struct bench_option table[] = {
        BENCH_OPTION_QUICK(&options->is_quick),
        {.name = "--validators",
         .value = "N",
         .number = &options->validators,
         .least = 1,
         .most = NODES_MAX,
         .help = "a set of so many only"},
        {.name = "--digests",
         .value = "K",
         .number = &options->digests,
         .least = 1,
         .most = 4096,
         .help = "batches in a block (16)"},
    };
    bench_options_read("bench_consensus", table, 3, argc, argv);
}

int main(int argc, char **argv)
{
    enum { KEY_TABLES = 512 };
    static _Alignas(16) uint8_t memory[4096];
    struct tn_signatures real, learned;
    struct options options;
    bool is_good = true;
    read_options(&options, argc, argv);
    TN_ASSERT(tn_signatures_size() <= sizeof(memory));
    tn_signatures_real(&real, memory);
    const size_t tables_size = tn_signatures_learned_size(KEY_TABLES);
    void *tables = bench_map(tables_size);
    tn_signatures_learn(&learned, &real, tables, KEY_TABLES);
    for (uint32_t i = 0; i < SIZES_COUNT; i++) {
        uint32_t nodes = SIZES[i].nodes;
        if (options.validators > 0) {
            if (nodes < options.validators) continue;
            nodes = options.validators;
        }
        const uint32_t blocks = options.is_quick ? 4 : SIZES[i].blocks;
        is_good = run(&real, "secp256k1", nodes, blocks, options.digests) && is_good;
        is_good = run(&learned, "secp256k1, tables", nodes, blocks, options.digests) && is_good;
        is_good = run(&case_fast, "one hash", nodes, blocks, options.digests) && is_good;
        if (options.validators > 0) break;
    }
    bench_unmap(tables, tables_size);
    return is_good ? 0 : 1;
}
