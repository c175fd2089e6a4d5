/* make_entries: a file of entries for tests that run whole programs, and the genesis of the market
 * they are for.
 *
 *     make_entries --seed N --count N --out FILE --genesis FILE
 *
 * The entries are those of tests/model/risk_stream, each behind its length u32, big-endian: what
 * `tenord run --entries` takes. The stream looks at the exchange to aim, so the entries are applied
 * to one here. A longer file of the same seed begins with the shorter one. */
#include "risk_stream.h"

#include "tenor/stream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_BYTES = 4, EXIT_BLOCKS = 8 };

struct request {
    uint64_t seed, count;
    const char *out, *genesis;
};

static _Noreturn void give_up(const char *what, const char *path)
{
    fprintf(stderr, "make_entries: %s %s: %s\n", what, path, strerror(errno));
    exit(1);
}

static void *take(size_t size)
{
    void *memory = aligned_alloc(64, tn_align(size));
    if (memory == NULL) give_up("no memory for", "the exchange");
    memset(memory, 0, size);
    return memory;
}

static void write_genesis(const char *path, const struct tn_exchange_limits *limits)
{
    FILE *file = fopen(path, "w");
    if (file == NULL) give_up("cannot write", path);
    fprintf(file, "chain = \"made-entries\"\nmarket = 7\nexit_blocks = %d\n", EXIT_BLOCKS);
#define LIMIT(name) fprintf(file, #name " = %" PRIu32 "\n", limits->name)
    LIMIT(accounts_max);
    LIMIT(underlyings_max);
    LIMIT(series_max);
    LIMIT(orders_max);
    LIMIT(levels_max);
    LIMIT(exposures_max);
    LIMIT(exposures_per_account_max);
    LIMIT(results_max);
    LIMIT(results_per_account);
    LIMIT(groups_max);
    LIMIT(jobs_max);
    LIMIT(assets_max);
    LIMIT(commands_per_frame_max);
    LIMIT(fills_max);
    LIMIT(cancels_max);
    LIMIT(sweep_units_max);
    LIMIT(reduce_only_max);
    LIMIT(expiries_max);
    LIMIT(signers_max);
#undef LIMIT
    if (fclose(file) != 0) give_up("cannot write", path);
}

static void write_entry(FILE *file, const char *path, const struct tn_entry *entry, uint8_t *bytes)
{
    size_t size = tn_stream_write_entry(bytes + LENGTH_BYTES, TN_ENTRY_BYTES_MAX, entry);
    TN_ASSERT(size > 0 && size <= TN_ENTRY_BYTES_MAX);
    for (uint32_t i = 0; i < LENGTH_BYTES; i++)
        bytes[i] = (uint8_t)(size >> (8 * (LENGTH_BYTES - 1 - i)));
    if (fwrite(bytes, 1, LENGTH_BYTES + size, file) != LENGTH_BYTES + size) {
        give_up("cannot write", path);
    }
}

static void write_entries(const struct request *request, const struct tn_exchange_limits *limits)
{
    static struct risk_stream stream;
    uint32_t events_max = tn_exchange_events_max(limits);
    struct tn_exchange *exchange = tn_exchange_init(take(tn_exchange_size(limits)), limits);
    struct tn_event *events = take(events_max * sizeof *events);
    uint8_t *bytes = take(LENGTH_BYTES + TN_ENTRY_BYTES_MAX);
    FILE *file = fopen(request->out, "wb");
    if (file == NULL) give_up("cannot write", request->out);
    risk_stream_start(&stream, exchange, request->seed);
    for (uint64_t i = 0; i < request->count; i++) {
        struct tn_entry entry;
        risk_stream_next(&stream, &entry);
        write_entry(file, request->out, &entry, bytes);
        tn_exchange_apply(exchange, events, events_max, &entry);
    }
    if (fclose(file) != 0) give_up("cannot write", request->out);
    free(bytes);
    free(events);
    free(exchange);
}

static _Noreturn void refuse(void)
{
    fputs("usage: make_entries --seed N --count N --out FILE --genesis FILE\n", stderr);
    exit(2);
}

static uint64_t number_of(const char *text)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0') refuse();
    return value;
}

int main(int arguments_count, char **arguments)
{
    struct request request = {.seed = 1};
    struct tn_exchange_limits limits;
    for (int i = 1; i < arguments_count; i += 2) {
        const char *name = arguments[i];
        const char *value = i + 1 < arguments_count ? arguments[i + 1] : NULL;
        if (value == NULL) refuse();
        if (strcmp(name, "--seed") == 0) {
            request.seed = number_of(value);
        } else if (strcmp(name, "--count") == 0) {
            request.count = number_of(value);
        } else if (strcmp(name, "--out") == 0) {
            request.out = value;
        } else if (strcmp(name, "--genesis") == 0) {
            request.genesis = value;
        } else {
            refuse();
        }
    }
    if (request.out == NULL && request.genesis == NULL) refuse();
    risk_stream_limits(&limits);
    if (request.genesis != NULL) write_genesis(request.genesis, &limits);
    if (request.out != NULL) write_entries(&request, &limits);
    return 0;
}
