/* bench_crypto: what a permutation of keccak and a byte of crc32c cost on every path of this
 * machine, beside the plainest implementations: keccak as its definition reads, a bit a step of the
 * CRC. Time is what the process ran; all paths must arrive at the baseline's checksum.
 *
 * usage: bench_crypto [--quick] [--workload NAME] */
#include "bench.h"
#include "tenor/crypto.h"

#define SEED      UINT64_C(4004)
#define RATE      136
#define BYTES_MAX (1u << 20) /* messages of one call: they stay in the second cache */

struct path {
    const char *name;
    enum tn_cpu cpu;
    bool is_alone; /* tn_keccak256, one message at a time */
    double target_ns;
};

struct workload {
    const char *name;
    uint32_t size;    /* bytes of a message */
    uint32_t count;   /* messages of a call */
    uint32_t repeats; /* calls of a run; the baselines, ten times as slow, make a tenth */
};

/* Leaves and nodes of trees are one permutation; longer messages are rare. Few at once: what is
 * left of a pass that is not full. */
static const struct workload keccak_workloads[] = {
    {"keccak-65", 65, 1024, 100},     {"keccak-97", 97, 1024, 100},
    {"keccak-126", 126, 1024, 100},   {"keccak-134", 134, 1024, 100},
    {"keccak-272", 272, 1024, 34},    {"keccak-4096", 4096, 64, 50},
    {"keccak-97-by-1", 97, 1, 50000}, {"keccak-97-by-2", 97, 2, 50000},
    {"keccak-97-by-3", 97, 3, 33000}, {"keccak-97-by-5", 97, 5, 20000},
    {"keccak-97-by-9", 97, 9, 11000}, {"keccak-97-by-17", 97, 17, 6000},
};

static const struct workload crc_workloads[] = {
    {"crc32c-64", 64, 1024, 400},
    {"crc32c-512", 512, 1024, 100},
    {"crc32c-4096", 4096, 128, 100},
};

static uint32_t machine_paths(struct path paths[4])
{
    uint32_t count = 0;
#if defined(__x86_64__)
    const char *base = "SSE2";
#elif defined(__aarch64__)
    const char *base = "NEON";
#else
    const char *base = "base";
#endif
    paths[count++] = (struct path){"alone", TN_CPU_BASE, true, 360};
    paths[count++] = (struct path){base, TN_CPU_BASE, false, 360};
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2"))
        paths[count++] = (struct path){"AVX2", TN_CPU_AVX2, false, 120};
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"))
        paths[count++] = (struct path){"AVX-512", TN_CPU_AVX512, false, 120};
#endif
    return count;
}

/* ---- The baselines --------------------------------------------------------------------------- */

static uint64_t turn_left(uint64_t word, uint32_t by)
{
    return by == 0 ? word : word << by | word >> (64 - by);
}

/* iota's constants come from the register of the definition, as they are needed. */
static uint64_t next_constant(uint32_t *lfsr)
{
    uint64_t constant = 0;
    for (uint32_t j = 0; j < 7; j++) {
        if (*lfsr & 1) constant |= UINT64_C(1) << ((1u << j) - 1);
        *lfsr = *lfsr & 0x80 ? (*lfsr << 1 ^ 0x171) : *lfsr << 1;
    }
    return constant;
}

static void naive_permute(uint64_t a[25])
{
    uint32_t lfsr = 1;
    for (uint32_t round = 0; round < 24; round++) {
        uint64_t c[5], b[25];
        for (uint32_t x = 0; x < 5; x++)
            c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
        for (uint32_t i = 0; i < 25; i++)
            a[i] ^= c[(i + 4) % 5] ^ turn_left(c[(i + 1) % 5], 1);
        b[0] = a[0];
        for (uint32_t t = 0, x = 1, y = 0; t < 24; t++) {
            uint32_t next_y = (2 * x + 3 * y) % 5;
            b[y + 5 * next_y] = turn_left(a[x + 5 * y], (t + 1) * (t + 2) / 2 % 64);
            x = y;
            y = next_y;
        }
        for (uint32_t y = 0; y < 25; y += 5) {
            for (uint32_t x = 0; x < 5; x++)
                a[y + x] = b[y + x] ^ (~b[y + (x + 1) % 5] & b[y + (x + 2) % 5]);
        }
        a[0] ^= next_constant(&lfsr);
    }
}

static void naive_keccak(struct tn_hash *hash, const uint8_t *message, size_t size)
{
    uint64_t state[25] = {0};
    uint8_t block[RATE];
    for (bool ended = false; !ended;) {
        size_t part = size < RATE ? size : RATE;
        memset(block, 0, RATE);
        memcpy(block, message, part);
        ended = part < RATE;
        if (ended) {
            block[part] ^= 0x01;
            block[RATE - 1] ^= 0x80;
        }
        for (uint32_t i = 0; i < RATE; i++)
            state[i / 8] ^= (uint64_t)block[i] << 8 * (i % 8);
        naive_permute(state);
        message += part;
        size -= part;
    }
    memcpy(hash->bytes, state, TN_HASH_SIZE);
}

static uint32_t naive_crc(const uint8_t *bytes, size_t size)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (uint32_t bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ UINT32_C(0x82F63B78) : crc >> 1;
    }
    return ~crc;
}

/* ---- Measuring ------------------------------------------------------------------------------- */

struct subject {
    const struct workload *workload;
    const struct path *path; /* NULL: the baseline */
    const uint8_t *messages;
    struct tn_hash *hashes;
    uint32_t *crcs;
    struct bench_runs runs;
    uint64_t checksum;
};

static void call_keccak(const struct subject *subject)
{
    const struct workload *workload = subject->workload;
    if (subject->path != NULL && !subject->path->is_alone) {
        tn_keccak256_many(subject->hashes, subject->path->cpu, subject->messages, workload->size,
                          workload->size, workload->count);
        return;
    }
    for (uint32_t i = 0; i < workload->count; i++) {
        const uint8_t *message = subject->messages + (size_t)i * workload->size;
        if (subject->path == NULL)
            naive_keccak(&subject->hashes[i], message, workload->size);
        else
            tn_keccak256(&subject->hashes[i], message, workload->size);
    }
}

static void call_crc(const struct subject *subject)
{
    const struct workload *workload = subject->workload;
    for (uint32_t i = 0; i < workload->count; i++) {
        const uint8_t *message = subject->messages + (size_t)i * workload->size;
        subject->crcs[i] = subject->path == NULL
                               ? naive_crc(message, workload->size)
                               : tn_crc32c(0, subject->path->cpu, message, workload->size);
    }
}

static uint64_t digest_answers(const struct subject *subject)
{
    struct tn_digest digest = {0};
    for (uint32_t i = 0; i < subject->workload->count; i++) {
        for (uint32_t word = 0; word < TN_HASH_SIZE / 8; word++) {
            uint64_t value;
            memcpy(&value, subject->hashes[i].bytes + 8 * word, 8);
            tn_digest_u64(&digest, value);
        }
        tn_digest_u64(&digest, subject->crcs[i]);
    }
    return digest.value;
}

static uint32_t calls_of_run(const struct subject *subject)
{
    uint32_t repeats = subject->workload->repeats;
    return subject->path == NULL ? (repeats + 9) / 10 : repeats;
}

/* The answers go to cleared memory: a path that writes none has another checksum. */
static void measure(struct subject *subject, void (*call)(const struct subject *),
                    uint32_t runs_count)
{
    uint32_t count = subject->workload->count;
    uint32_t repeats = calls_of_run(subject);
    memset(subject->hashes, 0, count * sizeof(*subject->hashes));
    memset(subject->crcs, 0, count * sizeof(*subject->crcs));
    call(subject);
    for (uint32_t run = 0; run < runs_count; run++) {
        uint64_t begin = bench_cpu_ns();
        for (uint32_t i = 0; i < repeats; i++)
            call(subject);
        bench_add_run(&subject->runs, bench_cpu_ns() - begin);
    }
    subject->checksum = digest_answers(subject);
}

static void print_line(const struct subject *subject, const struct subject *baseline,
                       const char *unit, uint64_t units_of_message)
{
    const struct workload *workload = subject->workload;
    uint64_t messages = (uint64_t)workload->count * calls_of_run(subject);
    uint64_t baseline_messages = (uint64_t)workload->count * calls_of_run(baseline);
    double ns = (double)bench_best_ns(&subject->runs) / (double)messages;
    double baseline_ns = (double)bench_best_ns(&baseline->runs) / (double)baseline_messages;
    char key[64];
    bench_json_open(workload->name);
    bench_json_string("cpu", subject->path->name);
    bench_json_u64("size", workload->size);
    bench_json_u64("count", workload->count);
    snprintf(key, sizeof(key), "ns_per_%s", unit);
    bench_json_double(key, ns / (double)units_of_message);
    snprintf(key, sizeof(key), "baseline_ns_per_%s", unit);
    bench_json_double(key, baseline_ns / (double)units_of_message);
    bench_json_double("baseline_ratio", baseline_ns / ns);
    bench_json_speed(&subject->runs, messages, subject->checksum);
    bench_json_string("clock", "cpu");
}

static void run_workload(const struct workload *workload, bool is_crc, uint32_t runs_count,
                         const uint8_t *messages)
{
    static struct tn_hash hashes[1024];
    static uint32_t crcs[1024];
    struct path paths[4];
    uint32_t paths_count = machine_paths(paths);
    void (*call)(const struct subject *) = is_crc ? call_crc : call_keccak;
    TN_ASSERT(workload->count <= 1024);
    TN_ASSERT((size_t)workload->count * workload->size <= BYTES_MAX);
    struct subject baseline = {
        .workload = workload, .messages = messages, .hashes = hashes, .crcs = crcs};
    measure(&baseline, call, runs_count);
    for (uint32_t i = is_crc ? 1 : 0; i < paths_count; i++) {
        struct subject subject = baseline;
        subject.path = &paths[i];
        subject.runs.count = 0;
        if (is_crc) paths[i].name = paths[i].cpu == TN_CPU_BASE ? "table" : "SSE4.2";
        if (is_crc && paths[i].cpu == TN_CPU_AVX512) continue; /* the instruction is the same */
        measure(&subject, call, runs_count);
        TN_ASSERT(subject.checksum == baseline.checksum);
        print_line(&subject, &baseline, is_crc ? "byte" : "permutation",
                   is_crc ? workload->size : workload->size / RATE + 1);
        if (!is_crc) bench_json_double("target_ns_per_permutation", paths[i].target_ns);
        bench_json_close();
    }
}

int main(int argc, char **argv)
{
    bool quick = false;
    const char *only = NULL;
    const struct bench_option options[] = {BENCH_OPTION_QUICK(&quick),
                                           BENCH_OPTION_WORKLOAD(&only)};
    bench_options_read("bench_crypto", options, 2, argc, argv);
    const size_t keccaks_count = sizeof(keccak_workloads) / sizeof(keccak_workloads[0]);
    const size_t crcs_count = sizeof(crc_workloads) / sizeof(crc_workloads[0]);
    uint8_t *messages = bench_map(BYTES_MAX);
    uint64_t random = SEED;
    for (size_t i = 0; i < BYTES_MAX; i++)
        messages[i] = (uint8_t)tn_random_next(&random);
    bool found = false;
    for (size_t i = 0; i < keccaks_count + crcs_count; i++) {
        bool is_crc = i >= keccaks_count;
        struct workload workload = is_crc ? crc_workloads[i - keccaks_count] : keccak_workloads[i];
        if (only != NULL && strcmp(only, workload.name) != 0) continue;
        found = true;
        if (quick) workload.repeats = workload.repeats / 20 + 1;
        run_workload(&workload, is_crc, quick ? 1 : 7, messages);
    }
    bench_unmap(messages, BYTES_MAX);
    if (!found) fprintf(stderr, "bench_crypto: there is no workload \"%s\"\n", only);
    return found ? 0 : 2;
}
