/* bench_frames: what a client's frame costs a node that sees it for the first time: reading the
 * payload, hashing it, verifying the one signature over all its commands; beside reading it with
 * protobuf-c, which allocates, and is the floor for who would use it. Time is what the process ran.
 *
 * usage: bench_frames [--quick] */
#include "bench.h"
#include "tenor/frame.h"
#include "tenor/v1/trader.pb-c.h"

#define COMMANDS_MAX 16
#define QUOTES_MAX   64

enum work { READ, READ_PROTOBUF_C, DIGEST, VERIFY, WRITE, WORKS };
static const char *const WORK_NAMES[WORKS] = {"read", "read_protobuf_c", "digest", "verify",
                                              "write"};

struct workload {
    const char *name;
    uint8_t kind;
    uint32_t commands_count, quotes_count;
};
static const struct workload WORKLOADS[] = {
    {"one-cancel", TN_COMMAND_CANCEL, 1, 0},
    {"one-place", TN_COMMAND_PLACE, 1, 0},
    {"sixteen-places", TN_COMMAND_PLACE, 16, 0},
    {"quotes-64", TN_COMMAND_MASS_QUOTE, 1, 64},
};

static struct tn_signatures signatures;
static struct tn_stream_scratch scratch;
static struct tn_command commands[COMMANDS_MAX];
static struct tn_quote quotes[QUOTES_MAX];
static uint8_t payload[TN_PAYLOAD_BYTES_MAX], again[TN_PAYLOAD_BYTES_MAX];

/* Numbers as long as they are on a busy market. */
static void make_command(struct tn_command *command, const struct workload *workload, uint64_t i)
{
    const uint64_t series_id = UINT64_C(0x0028230000011170);
    *command = (struct tn_command){.kind = workload->kind, .client_id = 1000000 + i};
    if (workload->kind == TN_COMMAND_CANCEL) {
        command->as.cancel.order_id = UINT64_C(123456789) + i;
    } else if (workload->kind == TN_COMMAND_PLACE) {
        command->as.terms[0] = (struct tn_order_terms){.series_id = series_id + i,
                                                       .price = 1250 + (int64_t)i,
                                                       .quantity = 10,
                                                       .fee_max_ppm = 500,
                                                       .label = 7,
                                                       .side = i % 2};
    } else {
        for (uint32_t k = 0; k < workload->quotes_count; k++)
            quotes[k] = (struct tn_quote){series_id + k, 1250 + k, 1260 + k, 20, 20};
        command->as.mass_quote = (struct tn_mass_quote){
            .quotes = quotes, .quotes_count = workload->quotes_count, .group = 1, .post_only = 1};
    }
}

struct prepared {
    struct tn_frame frame;
    struct tn_hash digest;
    struct tn_parsed_key key;
};

static void prepare(struct prepared *prepared, const struct workload *workload)
{
    static const uint8_t chain_id[32];
    const struct tn_secret_key secret = {{1, 2, 3}};
    struct tn_public_key key;
    struct tn_frame *frame = &prepared->frame;
    for (uint32_t i = 0; i < workload->commands_count; i++)
        make_command(&commands[i], workload, i);
    *frame = (struct tn_frame){.market = 1,
                               .term = 3,
                               .session = UINT64_C(77) << 32 | 5,
                               .nonce = 1234567,
                               .valid_until_block = 7654321,
                               .commands = commands,
                               .commands_count = workload->commands_count};
    frame->payload = payload;
    frame->payload_size = (uint32_t)tn_stream_write_payload(payload, sizeof(payload), frame);
    TN_ASSERT(frame->payload_size > 0);
    tn_frame_digest(&prepared->digest, chain_id, payload, frame->payload_size);
    bool is_signed =
        signatures.public_key(signatures.context, &key, &secret) &&
        signatures.parse(signatures.context, &prepared->key, &key) &&
        signatures.sign(signatures.context, &frame->signature, &prepared->digest, &secret);
    TN_ASSERT(is_signed);
}

static void do_work(const struct prepared *prepared, enum work work)
{
    static const uint8_t chain_id[32];
    const struct tn_frame *frame = &prepared->frame;
    struct tn_stream_fault fault;
    struct tn_frame read;
    struct tn_hash digest;
    bool is_done = true;
    switch (work) {
        case READ:
            is_done = tn_stream_read_payload(&read, &fault, &scratch, payload, frame->payload_size);
            break;
        case READ_PROTOBUF_C: {
            Tenor__V1__Payload *unpacked =
                tenor__v1__payload__unpack(NULL, frame->payload_size, payload);
            is_done = unpacked != NULL;
            tenor__v1__payload__free_unpacked(unpacked, NULL);
            break;
        }
        case DIGEST:
            tn_frame_digest(&digest, chain_id, payload, frame->payload_size);
            is_done = tn_hash_equal(&digest, &prepared->digest);
            break;
        case VERIFY:
            is_done = signatures.verify_parsed(signatures.context, &prepared->digest,
                                               &frame->signature, &prepared->key);
            break;
        case WRITE:
            is_done = tn_stream_write_payload(again, sizeof(again), frame) == frame->payload_size;
            break;
        case WORKS: break;
    }
    TN_ASSERT(is_done);
}

static void run_workload(const struct workload *workload, uint32_t repeats, uint32_t runs_count)
{
    struct prepared prepared;
    prepare(&prepared, workload);
    uint32_t things =
        workload->quotes_count > 0 ? workload->quotes_count : workload->commands_count;
    bench_json_open(workload->name);
    bench_json_u64("payload_bytes", prepared.frame.payload_size);
    bench_json_u64("commands_or_quotes", things);
    for (enum work work = READ; work < WORKS; work++) {
        struct bench_runs runs = {.count = 0};
        char key[64];
        for (uint32_t run = 0; run <= runs_count; run++) {
            uint64_t start_ns = bench_cpu_ns();
            for (uint32_t i = 0; i < repeats; i++)
                do_work(&prepared, work);
            if (run > 0) bench_add_run(&runs, bench_cpu_ns() - start_ns);
        }
        snprintf(key, sizeof(key), "%s_ns", WORK_NAMES[work]);
        bench_json_double(key, (double)bench_best_ns(&runs) / repeats);
    }
    bench_json_close();
}

int main(int argc, char **argv)
{
    static _Alignas(16) uint8_t memory[4096];
    bool quick = false;
    const struct bench_option options[] = {BENCH_OPTION_QUICK(&quick)};
    bench_options_read("bench_frames", options, 1, argc, argv);
    TN_ASSERT(tn_signatures_size() <= sizeof(memory));
    tn_signatures_real(&signatures, memory);
    for (size_t i = 0; i < sizeof(WORKLOADS) / sizeof(WORKLOADS[0]); i++)
        run_workload(&WORKLOADS[i], quick ? 50 : 500, quick ? 1 : 7);
    return 0;
}
