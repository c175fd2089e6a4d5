/* bench_book: how fast the books are, against their naive twin and against the machine's floor.
 *
 *     bench_book [--quick] [--workload NAME]
 *
 * One JSON line per workload and way of calling. Streams are made by letting the floor run along,
 * so that a cancel hits a resting order except for the stated share of stale ones, and every
 * workload starts from books that are filled already. The twin does as many messages of the stream
 * as it can in reasonable time, and the books are timed on these same messages for the ratio. All
 * three must write the same reports: the checksums cover all but the ids (which the floor has
 * dense) and are compared. */
#include "bench.h"
#include "book_twin.h"
#include "floor.h"
#include "tenor/index.h"

#define REPORTS_MAX    1024 /* the caller's array, small enough to stay in the cache */
#define FLOOR_ROOM     512  /* reports that one message of these workloads never reaches */
#define QUANTITY_MAX   100
#define STALE_PERCENT  5  /* of cancels and replaces; */
#define STALE_LOW      40 /* of cancels while fewer rest than at the start: it keeps books full */
#define STEP_PER_MILLE 10 /* how often the mid moves by a tick */

struct workload {
    const char *name;
    uint32_t messages;
    uint32_t books;
    uint32_t prices_max;
    uint32_t resting; /* at the start */
    uint32_t orders_max;
    uint32_t new_percent; /* submits, of them ioc_percent IOC */
    uint32_t ioc_percent;
    uint32_t cancel_percent;
    uint32_t reduce_percent; /* a replace to a smaller quantity; the rest are replaces */
    double scale;            /* of the offset from the mid, in ticks */
    double exponent;
    uint32_t twin_messages;
    uint32_t quick_divisor;
};

static const struct workload workloads[] = {
    {"E1", 2000000, 1, 1 << 17, 48000, 65536, 50, 15, 41, 0, 50, 2.2, 20000, 20},
    {"E1-1M", 2000000, 1, 1 << 18, 1000000, 1 << 20, 50, 15, 41, 0, 500, 2.2, 500, 20},
    {"E2", 2000000, 1, 1 << 13, 1000, 4096, 14, 14, 10, 4, 10, 2.2, 200000, 20},
    {"E3-1", 2000000, 1, 1 << 12, 48000, 65536, 50, 15, 41, 0, 20, 2.2, 20000, 20},
    {"E3-100", 2000000, 100, 1 << 12, 48000, 65536, 50, 15, 41, 0, 20, 2.2, 20000, 20},
    {"E3-1000", 2000000, 1000, 1 << 12, 48000, 65536, 50, 15, 41, 0, 20, 2.2, 20000, 20},
    {"E3-5000", 2000000, 5000, 1 << 12, 48000, 65536, 50, 15, 41, 0, 20, 2.2, 20000, 20},
};

static const uint64_t SEED = 20260509;

/* A stream: first the orders that rest at the start, then the messages that are timed. */
struct stream {
    const struct workload *workload;
    struct floor_message *dense;
    struct tn_book_message *messages;
    uint32_t resting; /* messages [0, resting) fill the books */
    uint32_t count;
    uint32_t ids;
    uint32_t trades;
    uint32_t stale;
    uint32_t resting_min; /* while timed */
    uint32_t resting_max;
};

/* What the generator knows of the market. */
struct market {
    uint64_t random;
    struct floor floor;
    struct bench_zipf zipf;
    uint32_t *mids;
    uint32_t *live;  /* ids of resting orders, in any order */
    uint32_t *place; /* id to its place in `live` */
    uint32_t live_count;
};

static void live_add(struct market *market, uint32_t id)
{
    market->place[id] = market->live_count;
    market->live[market->live_count++] = id;
}

static void live_remove(struct market *market, uint32_t id)
{
    uint32_t last = market->live[--market->live_count];
    market->live[market->place[id]] = last;
    market->place[last] = market->place[id];
}

static uint32_t draw(struct market *market, uint32_t bound)
{
    return (uint32_t)tn_random_below(&market->random, bound);
}

/* draw_price is on the passive side of the mid, or for an IOC a few ticks past it. */
static uint32_t draw_price(struct market *market, const struct workload *workload, uint32_t book,
                           uint32_t side, bool marketable)
{
    if (draw(market, 1000) < STEP_PER_MILLE) market->mids[book] += draw(market, 2) ? 1 : UINT32_MAX;
    uint32_t mid = market->mids[book];
    if (marketable) return side == TN_BUY ? mid + 3 : mid - 3;
    uint32_t offset = bench_power_law(&market->random, workload->scale, workload->exponent,
                                      workload->prices_max / 2 - 1000);
    return side == TN_BUY ? mid - offset : mid + 1 + offset;
}

static struct floor_message draw_submit(struct market *market, const struct stream *stream,
                                        bool ioc)
{
    uint32_t book = bench_zipf_draw(&market->zipf, &market->random);
    uint32_t side = draw(market, 2);
    return (struct floor_message){
        .id = stream->ids,
        .price = draw_price(market, stream->workload, book, side, ioc),
        .quantity = 1 + draw(market, QUANTITY_MAX),
        .book = book,
        .kind = TN_BOOK_SUBMIT,
        .side = (uint8_t)side,
        .tif = ioc ? TN_BOOK_IOC : TN_BOOK_GTC,
    };
}

static struct floor_message draw_message(struct market *market, const struct stream *stream)
{
    const struct workload *workload = stream->workload;
    uint32_t share = draw(market, 100);
    bool full = market->live_count + 1 >= workload->orders_max;
    if (share < workload->new_percent && !full) {
        return draw_submit(market, stream, draw(market, 100) < workload->ioc_percent);
    }
    share -= share < workload->new_percent ? 0 : workload->new_percent;
    bool cancels = share < workload->cancel_percent;
    bool low = cancels && market->live_count < stream->resting;
    bool stale = market->live_count == 0 || draw(market, 100) < (low ? STALE_LOW : STALE_PERCENT);
    uint32_t id =
        stale ? draw(market, stream->ids) : market->live[draw(market, market->live_count)];
    const struct floor_order *order = &market->floor.orders[id];
    struct floor_message message = {.id = id, .kind = TN_BOOK_CANCEL};
    if (cancels) return message;
    message.kind = TN_BOOK_REPLACE;
    message.book = order->book_side / 2;
    if (share < workload->cancel_percent + workload->reduce_percent && order->quantity > 1) {
        message.price = order->price;
        message.quantity = order->quantity / 2;
        return message;
    }
    message.price = draw_price(market, workload, message.book, order->book_side % 2, false);
    message.quantity = 1 + draw(market, QUANTITY_MAX);
    return message;
}

/* run_along keeps the list of live ids. */
static void run_along(struct market *market, struct stream *stream,
                      const struct floor_message *message)
{
    static struct tn_book_report reports[FLOOR_ROOM];
    bool rested = message->kind != TN_BOOK_SUBMIT && market->floor.orders[message->id].quantity > 0;
    uint32_t count = floor_handle(&market->floor, reports, message);
    TN_ASSERT(count < FLOOR_ROOM);
    for (uint32_t i = 0; i < count; i++) {
        stream->stale += reports[i].kind == TN_BOOK_REJECTED;
        stream->trades += reports[i].kind == TN_BOOK_TRADE;
        if (reports[i].kind == TN_BOOK_TRADE && reports[i].maker_remaining == 0) {
            live_remove(market, (uint32_t)reports[i].maker_id);
        }
    }
    bool rests = market->floor.orders[message->id].quantity > 0;
    if (rested && !rests) live_remove(market, message->id);
    if (!rested && rests) live_add(market, message->id);
}

static uint64_t spread_id(uint32_t id)
{
    uint64_t state = SEED + id;
    return tn_random_next(&state);
}

static void stream_push(struct stream *stream, struct market *market,
                        const struct floor_message *message)
{
    run_along(market, stream, message);
    stream->ids += message->kind == TN_BOOK_SUBMIT;
    stream->dense[stream->count] = *message;
    stream->messages[stream->count++] = (struct tn_book_message){
        .id = spread_id(message->id),
        .price = message->price,
        .quantity = message->quantity,
        .book = message->book,
        .kind = message->kind,
        .side = message->side,
        .tif = message->tif,
    };
}

static void stream_make(struct stream *stream, struct floor *floor, const struct workload *workload)
{
    uint32_t total = workload->resting + workload->messages;
    *stream = (struct stream){.workload = workload, .resting_min = UINT32_MAX};
    stream->dense = bench_map(total * sizeof(*stream->dense));
    stream->messages = bench_map(total * sizeof(*stream->messages));
    struct market market = {.random = SEED};
    floor_open(&market.floor, workload->books, workload->prices_max, total);
    bench_zipf_open(&market.zipf, workload->books);
    market.mids = malloc(workload->books * sizeof(uint32_t));
    market.live = malloc(total * sizeof(uint32_t));
    market.place = malloc(total * sizeof(uint32_t));
    TN_ASSERT(market.mids != NULL && market.live != NULL && market.place != NULL);
    for (uint32_t i = 0; i < workload->books; i++)
        market.mids[i] = workload->prices_max / 2;

    while (stream->count < workload->resting) {
        struct floor_message message = draw_submit(&market, stream, false);
        uint32_t book_side = message.book * 2 + message.side;
        uint32_t other = market.floor.best[book_side ^ 1];
        if (message.side == TN_BUY ? message.price >= other : message.price <= other) continue;
        stream_push(stream, &market, &message);
    }
    stream->resting = stream->count;
    while (stream->count < total) {
        struct floor_message message = draw_message(&market, stream);
        stream_push(stream, &market, &message);
        if (market.live_count < stream->resting_min) stream->resting_min = market.live_count;
        if (market.live_count > stream->resting_max) stream->resting_max = market.live_count;
    }
    *floor = market.floor;
    free(market.zipf.sums);
    free(market.mids);
    free(market.live);
    free(market.place);
}

/* Every workload gives its memory back, so that none measures in the leftovers of another. */
static void stream_free(struct stream *stream, struct floor *floor, void *memory, size_t size)
{
    size_t total = stream->resting + stream->workload->messages;
    bench_unmap(stream->dense, total * sizeof(*stream->dense));
    bench_unmap(stream->messages, total * sizeof(*stream->messages));
    bench_unmap(memory, size);
    floor_close(floor);
}

static void digest_reports(struct tn_digest *digest, const struct tn_book_report *reports,
                           uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        tn_digest_i64(digest, reports[i].price);
        tn_digest_i64(digest, reports[i].quantity);
        tn_digest_i64(digest, reports[i].remaining);
        tn_digest_i64(digest, reports[i].maker_remaining);
        tn_digest_u64(digest, (uint64_t)reports[i].book << 32 | (uint64_t)reports[i].reject << 16 |
                                  (uint64_t)reports[i].kind << 8 | reports[i].side);
    }
}

/* A way of running a part of the stream; with a digest, not to be timed. */
typedef void run_function(void *engine, const struct stream *stream, uint32_t from, uint32_t to,
                          struct tn_digest *digest);

static struct tn_book_report report_array[REPORTS_MAX];

static void run_apply(void *engine, const struct stream *stream, uint32_t from, uint32_t to,
                      struct tn_digest *digest)
{
    struct tn_books *books = engine;
    while (from < to) {
        uint32_t done;
        uint32_t count = tn_book_apply(books, report_array, REPORTS_MAX, &done,
                                       &stream->messages[from], to - from);
        from += done;
        if (digest != NULL) digest_reports(digest, report_array, count);
        while (tn_book_unfinished(books)) {
            count = tn_book_continue(books, report_array, REPORTS_MAX);
            if (digest != NULL) digest_reports(digest, report_array, count);
        }
    }
}

static inline uint32_t call_single(struct tn_books *books, const struct tn_book_message *message)
{
    if (message->kind == TN_BOOK_SUBMIT) {
        return tn_book_submit(books, report_array, REPORTS_MAX, message);
    }
    if (message->kind == TN_BOOK_CANCEL) {
        return tn_book_cancel(books, report_array, REPORTS_MAX, message->id);
    }
    return tn_book_replace(books, report_array, REPORTS_MAX, message->id, message->price,
                           message->quantity);
}

static void run_single(void *engine, const struct stream *stream, uint32_t from, uint32_t to,
                       struct tn_digest *digest)
{
    for (uint32_t i = from; i < to; i++) {
        uint32_t count = call_single(engine, &stream->messages[i]);
        TN_ASSERT(count < REPORTS_MAX);
        if (digest != NULL) digest_reports(digest, report_array, count);
    }
}

static void run_floor(void *engine, const struct stream *stream, uint32_t from, uint32_t to,
                      struct tn_digest *digest)
{
    uint32_t written = 0;
    for (uint32_t i = from; i < to; i++) {
        if (written > REPORTS_MAX - FLOOR_ROOM) written = 0;
        uint32_t count = floor_handle(engine, &report_array[written], &stream->dense[i]);
        if (digest != NULL) digest_reports(digest, &report_array[written], count);
        written += count;
    }
}

/* An engine at its start is empty books filled with what rests at the start. */
struct subject {
    void *engine;
    run_function *run;
    void (*reset)(struct subject *subject);
    struct tn_book_limits limits;
    struct bench_runs runs;
    struct tn_digest digest;
};

static void reset_books(struct subject *subject)
{
    subject->engine = tn_books_init(subject->engine, &subject->limits);
}

static void reset_floor(struct subject *subject)
{
    floor_reset(subject->engine);
}

/* measure_all times messages [0, count) of the stream. The subjects take turns, so that a busy
 * neighbour on the machine spoils all of them alike; the first round is not timed and yields the
 * checksums. */
static void measure_all(struct subject *subjects, uint32_t subjects_count,
                        const struct stream *stream, uint32_t count, uint32_t runs_count)
{
    uint32_t start = stream->resting;
    for (uint32_t i = 0; i < subjects_count * (runs_count + 1); i++) {
        bool counted = i >= subjects_count;
        struct subject *subject = &subjects[i % subjects_count];
        subject->reset(subject);
        subject->run(subject->engine, stream, 0, start, NULL);
        uint64_t begin = bench_clock_ns();
        subject->run(subject->engine, stream, start, start + count,
                     counted ? NULL : &subject->digest);
        uint64_t end = bench_clock_ns();
        if (counted) bench_add_run(&subject->runs, end - begin);
    }
}

static double twin_ns_per_message(const struct stream *stream, const struct tn_book_limits *limits,
                                  struct tn_digest *digest)
{
    struct book_twin twin;
    uint32_t count = stream->workload->twin_messages;
    uint64_t ns = 0;
    book_twin_open(&twin, limits);
    book_twin_load(&twin, stream->messages, stream->resting);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t begin = bench_clock_ns();
        book_twin_handle(&twin, &stream->messages[stream->resting + i]);
        ns += bench_clock_ns() - begin;
        digest_reports(digest, twin.reports, twin.reports_count);
    }
    book_twin_close(&twin);
    return (double)ns / count;
}

static void print_stream(const struct stream *stream)
{
    const struct workload *workload = stream->workload;
    bench_json_u64("seed", SEED);
    bench_json_double("exponent", workload->exponent);
    bench_json_double("stale_share", (double)stream->stale / workload->messages);
    bench_json_double("trades_per_message", (double)stream->trades / workload->messages);
    bench_json_u64("resting_min", stream->resting_min);
    bench_json_u64("resting_max", stream->resting_max);
    bench_json_u64("books", workload->books);
}

static void print_sizes(const struct tn_book_limits *limits)
{
    struct tn_book_limits one = {1, 64, 1, 0};
    struct tn_book_limits two = {1, 64, 65, 0};
    two.levels_max = 64;
    bench_json_u64("hot_record_bytes", sizeof(struct tn_resting));
    bench_json_u64("cold_field_bytes", 0);
    bench_json_double("id_index_bytes_per_order",
                      8.0 * tn_index_cells(2 * limits->orders_max) / limits->orders_max);
    bench_json_double("level_and_node_bytes",
                      (double)(tn_books_size(&two) - tn_books_size(&one)) / 63);
    bench_json_string("memory", "MADV_HUGEPAGE");
}

/* Single calls under the cycle counter, whose own cost is stated and not taken off. */
static void print_latency(struct subject *subject, const struct stream *stream)
{
    uint32_t count = stream->workload->messages;
    uint32_t *cycles = bench_map(count * sizeof(uint32_t));
    uint64_t overhead = UINT64_MAX;
    for (uint32_t i = 0; i < 10000; i++) {
        uint64_t begin = bench_cycles();
        uint64_t took = bench_cycles() - begin;
        if (took < overhead) overhead = took;
    }
    subject->reset(subject);
    run_single(subject->engine, stream, 0, stream->resting, NULL);
    for (uint32_t i = 0; i < count; i++) {
        const struct tn_book_message *message = &stream->messages[stream->resting + i];
        uint64_t begin = bench_cycles();
        call_single(subject->engine, message);
        cycles[i] = (uint32_t)(bench_cycles() - begin);
    }
    double rate = bench_cycles_per_ns();
    char name[64];
    snprintf(name, sizeof(name), "%s-latency", stream->workload->name);
    bench_json_open(name);
    bench_json_u64("messages", count);
    bench_json_double("clock_overhead_ns_included", (double)overhead / rate);
    bench_json_latency(cycles, count, rate);
    bench_json_close();
    bench_unmap(cycles, count * sizeof(uint32_t));
}

/* print_line is one subject's line, but for its end. */
static void print_line(const struct subject *subject, const struct stream *stream,
                       const char *suffix)
{
    char name[64];
    snprintf(name, sizeof(name), "%s-%s", stream->workload->name, suffix);
    bench_json_open(name);
    bench_json_speed(&subject->runs, stream->workload->messages, subject->digest.value);
}

static double share_of(const struct subject *floor, const struct subject *subject)
{
    return (double)bench_best_ns(&floor->runs) / (double)bench_best_ns(&subject->runs);
}

static void run_workload(const struct workload *workload, bool quick)
{
    struct stream stream;
    struct floor floor;
    stream_make(&stream, &floor, workload);
    struct tn_book_limits limits = {.books_max = workload->books,
                                    .orders_max = workload->orders_max,
                                    .levels_max = workload->orders_max,
                                    .hash_seed = SEED};
    uint32_t runs_count = quick ? 1 : 5;
    void *memory = bench_map(tn_books_size(&limits));
    struct subject apply = {
        .engine = memory, .run = run_apply, .reset = reset_books, .limits = limits};
    struct subject single = apply;
    single.run = run_single;
    struct subject all[3] = {
        {.engine = &floor, .run = run_floor, .reset = reset_floor}, apply, single};
    measure_all(all, 3, &stream, workload->messages, runs_count);
    TN_ASSERT(all[0].digest.value == all[1].digest.value);
    TN_ASSERT(all[0].digest.value == all[2].digest.value);

    struct subject prefix = apply;
    struct tn_digest twin_digest = {0};
    measure_all(&prefix, 1, &stream, workload->twin_messages, runs_count);
    double prefix_ns = (double)bench_best_ns(&prefix.runs) / workload->twin_messages;
    double twin_ns = twin_ns_per_message(&stream, &limits, &twin_digest);
    TN_ASSERT(prefix.digest.value == twin_digest.value);

    print_line(&all[1], &stream, "apply");
    bench_json_double("floor_share", share_of(&all[0], &all[1]));
    bench_json_double("twin_ratio", twin_ns / prefix_ns);
    bench_json_u64("twin_messages", workload->twin_messages);
    print_stream(&stream);
    print_sizes(&limits);
    bench_json_close();
    print_line(&all[2], &stream, "single");
    bench_json_double("floor_share", share_of(&all[0], &all[2]));
    bench_json_close();
    print_line(&all[0], &stream, "floor");
    bench_json_close();
    if (strcmp(workload->name, "E1") == 0) print_latency(&single, &stream);
    stream_free(&stream, &floor, memory, tn_books_size(&limits));
}

int main(int argc, char **argv)
{
    bool quick = false;
    const char *only = NULL;
    const struct bench_option options[] = {BENCH_OPTION_QUICK(&quick),
                                           BENCH_OPTION_WORKLOAD(&only)};
    bench_options_read("bench_book", options, 2, argc, argv);
    bool found = false;
    for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++) {
        struct workload workload = workloads[i];
        if (only != NULL && strcmp(only, workload.name) != 0) continue;
        found = true;
        if (quick) {
            workload.messages /= workload.quick_divisor;
            workload.twin_messages /= workload.quick_divisor;
        }
        run_workload(&workload, quick);
    }
    if (!found) fprintf(stderr, "bench_book: there is no workload \"%s\"\n", only);
    return found ? 0 : 2;
}
