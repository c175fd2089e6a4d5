/* A large market written down as records and read back: a million accounts of which 100 000 hold 20
 * positions each, and 100 000 resting orders. Prints JSON lines: bytes and records of each kind,
 * the time of an export of everything, and of an import, into pages that the kernel has yet to
 * clear and into pages that are there.
 *
 *     bench_records [--quick] */
#include "risk_desk.h"
#include "tenor/export.h"

#include <stdio.h>
#include <string.h>

static const char *const names[TN_RECORD_KINDS] = {
    "", "market", "series", "feeds", "rows", "account", "positions", "margin", "memory", "book"};

struct kept {
    struct tn_record_name name;
    uint32_t size;
};

/* What is kept between export and import. */
struct store {
    uint8_t *bytes;
    struct kept *records;
    size_t used, bytes_max, count, records_max;
    uint64_t ns[TN_RECORD_KINDS];
    size_t of_kind[TN_RECORD_KINDS];
};

static void store_open(struct store *store, size_t bytes_max, size_t records_max)
{
    *store = (struct store){.bytes_max = bytes_max, .records_max = records_max};
    store->bytes = bench_map(bytes_max);
    store->records = bench_map(records_max * sizeof(struct kept));
}

static uint64_t export_all(struct store *store, const struct tn_exchange *exchange)
{
    uint64_t all = 0;
    store->used = store->count = 0;
    memset(store->of_kind, 0, sizeof store->of_kind);
    for (uint32_t kind = 1; kind < TN_RECORD_KINDS; kind++) {
        uint32_t count = tn_exchange_records_count(exchange, (enum tn_record_kind)kind);
        uint64_t begin = bench_cpu_ns();
        for (uint32_t i = 0; i < count; i++) {
            size_t size =
                tn_exchange_record(exchange, store->bytes + store->used,
                                   store->bytes_max - store->used, (enum tn_record_kind)kind, i);
            TN_ASSERT(size <= store->bytes_max - store->used);
            if (size == 0) continue;
            TN_ASSERT(store->count < store->records_max);
            store->records[store->count++] =
                (struct kept){.name = {.kind = (uint8_t)kind, .index = i}, .size = (uint32_t)size};
            store->used += size;
            store->of_kind[kind] += size;
        }
        store->ns[kind] = bench_cpu_ns() - begin;
        all += store->ns[kind];
    }
    return all;
}

/* Places for the time of the end are at kind 0. */
static uint64_t import_all(struct store *store, struct tn_exchange *exchange)
{
    struct tn_import_fault fault = {.what = NULL};
    size_t at = 0;
    uint64_t all = 0;
    memset(store->ns, 0, sizeof store->ns);
    for (size_t i = 0; i < store->count;) {
        uint8_t kind = store->records[i].name.kind;
        uint64_t begin = bench_cpu_ns();
        for (; i < store->count && store->records[i].name.kind == kind; i++) {
            const struct kept *kept = &store->records[i];
            bool good = tn_exchange_import(exchange, &fault, (enum tn_record_kind)kind,
                                           kept->name.index, store->bytes + at, kept->size);
            if (!good) fprintf(stderr, "%u %u: %s\n", kind, kept->name.index, fault.what);
            TN_ASSERT(good);
            at += kept->size;
        }
        store->ns[kind] = bench_cpu_ns() - begin;
        all += store->ns[kind];
    }
    uint64_t begin = bench_cpu_ns();
    bool good = tn_exchange_import_end(exchange, &fault);
    if (!good) fprintf(stderr, "the end: %s\n", fault.what);
    TN_ASSERT(good);
    store->ns[0] = bench_cpu_ns() - begin;
    return all + store->ns[0];
}

static void print_times(const char *what, const struct store *store, uint64_t all)
{
    printf("{\"bench\":\"%s\",\"ms\":%.1f,\"records\":%zu,\"bytes\":%zu", what, (double)all / 1e6,
           store->count, store->used);
    for (uint32_t kind = 1; kind < TN_RECORD_KINDS; kind++) {
        printf(",\"%s_ms\":%.1f", names[kind], (double)store->ns[kind] / 1e6);
        printf(",\"%s_bytes\":%zu", names[kind], store->of_kind[kind]);
    }
    if (store->ns[0] > 0) printf(",\"end_ms\":%.1f", (double)store->ns[0] / 1e6);
    printf("}\n");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    bool quick = false;
    const struct bench_option options[] = {BENCH_OPTION_QUICK(&quick)};
    bench_options_read("bench_records", options, 1, argc, argv);
    uint32_t part = quick ? 50 : 1;
    const struct desk_extent extent = {
        .accounts = 100000 / part, .positions = 20, .idle = 900000 / part, .orders = 100000 / part};
    static struct risk_desk desk;
    struct store store;
    desk_open_wide(&desk, &extent, TN_CPU_BASE);
    while (desk_is_sweeping(&desk))
        desk_sweep(&desk, 8192);
    store_open(&store, (size_t)1 << 30, 8000000 / part + 100000);
    uint64_t took = export_all(&store, desk.exchange);
    took = export_all(&store, desk.exchange); /* pages of the store are there now */
    print_times("export", &store, took);

    struct tn_exchange_limits limits = desk.limits;
    limits.hash_seed ^= 0x5eed;
    void *memory = bench_map(desk.size);
    struct tn_exchange *exchange = NULL;
    for (uint32_t run = 0; run < 3; run++) {
        memset(memory, 0, run == 0 ? 0 : desk.size);
        uint64_t begin = bench_cpu_ns();
        exchange = tn_exchange_init(memory, &limits);
        uint64_t made = bench_cpu_ns() - begin;
        took = import_all(&store, exchange);
        print_times(run == 0 ? "import-fresh-pages" : "import", &store, took);
        printf("{\"bench\":\"init\",\"ms\":%.1f,\"exchange_bytes\":%zu}\n", (double)made / 1e6,
               desk.size);
    }
    TN_ASSERT(tn_exchange_digest(exchange) == tn_exchange_digest(desk.exchange));
    tn_exchange_check(exchange);
    return 0;
}
