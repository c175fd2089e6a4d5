/* bench_feed: what market data costs the gateway's thread. 1 000 series with 20 orders a side; in
 * each block three makers quote every series anew: six orders of each move to other prices. First
 * nobody listens (the mirror alone), then 64 subscribers of all series, by channel. Sending is a
 * copy into a ring of 4 MiB. Time is what the process ran.
 *
 * usage: bench_feed [--quick] */
#include "bench.h"
#include "gateway/feed.h"

enum { SERIES = 1000, DEPTH = 20, MOVES = 6, SUBSCRIBERS = 64, RING = 1 << 22 };

struct copy {
    uint8_t *ring;
    uint64_t bytes, messages;
};

static bool take(void *context, uint32_t client, const uint8_t *bytes, size_t size, bool must)
{
    struct copy *copy = context;
    (void)client;
    (void)must;
    size_t at = copy->bytes % RING;
    if (at + size > RING) at = 0;
    memcpy(copy->ring + at, bytes, size);
    copy->bytes += size;
    copy->messages++;
    return true;
}

static uint64_t series_id(uint32_t number)
{
    uint64_t id;
    struct tn_series_terms terms = {
        .underlying = 1, .kind = TN_CALL, .expiry_day = 2555, .strike = 10000 * (number + 1)};
    TN_ASSERT(tn_series_pack(&id, &terms));
    return id;
}

static void tell_snapshot(struct feed *feed)
{
    static struct port_series series[SERIES];
    static struct port_mark marks[SERIES];
    static struct port_order orders[SERIES * DEPTH * 2];
    uint64_t count = 0;
    for (uint32_t i = 0; i < SERIES; i++) {
        series[i] = (struct port_series){.series_id = series_id(i),
                                         .market = 1,
                                         .status = TN_STATUS_ACTIVE,
                                         .orders_count = 2 * DEPTH};
        marks[i] = (struct port_mark){.series_id = series[i].series_id};
        for (uint32_t j = 0; j < 2 * DEPTH; j++) {
            orders[count] = (struct port_order){
                .series_id = series[i].series_id,
                .order_id = 1000000 + count,
                .price = j < DEPTH ? 5000 - j : 5000 + j,
                .quantity = 10 + j,
                .side = j < DEPTH ? TN_BUY : TN_SELL,
            };
            count++;
        }
    }
    struct port_snapshot part = {.is_first = true,
                                 .is_last = true,
                                 .height = 100000,
                                 .series_count = SERIES,
                                 .orders_count = count,
                                 .series = series,
                                 .marks = marks,
                                 .orders = orders};
    feed_snapshot(feed, &part);
}

/* Makers' orders move by a tick or two around where they were: some levels go, some come. */
static void make_moves(struct port_order *orders, uint64_t height)
{
    for (uint32_t i = 0; i < SERIES * MOVES; i++) {
        uint32_t series = i / MOVES, which = i % MOVES;
        uint64_t id = 1000000 + (uint64_t)series * 2 * DEPTH + (which % 2) * DEPTH + which / 2;
        tn_ticks shift = (tn_ticks)((height + which) % 3);
        orders[i] = (struct port_order){
            .series_id = series_id(series),
            .order_id = id,
            .price = which % 2 == 0 ? 5000 - which / 2 - shift : 5020 + which / 2 + shift,
            .quantity = 10 + (tn_lots)(height % 5),
            .side = which % 2 == 0 ? TN_BUY : TN_SELL,
            .last = true,
        };
    }
}

struct blocks {
    struct feed *feed;
    uint64_t height, steps_ns, block_ns;
};

static void run_blocks(struct blocks *blocks, uint32_t count)
{
    static struct port_order orders[SERIES * MOVES];
    blocks->steps_ns = blocks->block_ns = 0;
    for (uint32_t i = 0; i < count; i++) {
        make_moves(orders, ++blocks->height);
        uint64_t begin = bench_cpu_ns();
        for (uint32_t j = 0; j < SERIES; j++) {
            struct port_step step = {.block = blocks->height, .market = 1, .orders_count = MOVES};
            feed_step(blocks->feed, &step, NULL, &orders[j * MOVES]);
        }
        uint64_t middle = bench_cpu_ns();
        struct port_block block = {.height = blocks->height};
        feed_block(blocks->feed, &block);
        blocks->steps_ns += middle - begin;
        blocks->block_ns += bench_cpu_ns() - middle;
    }
}

static void report(const char *name, const struct blocks *blocks, const struct copy *copy,
                   uint32_t count, uint32_t subscribers)
{
    bench_json_open(name);
    bench_json_u64("series_changed", SERIES);
    bench_json_u64("subscribers", subscribers);
    bench_json_double("ns_per_order_change",
                      (double)blocks->steps_ns / count / (SERIES * (double)MOVES));
    bench_json_double("us_per_block", (double)(blocks->steps_ns + blocks->block_ns) / count / 1e3);
    bench_json_double("us_telling", (double)blocks->block_ns / count / 1e3);
    bench_json_u64("messages_per_block", copy->messages / count);
    bench_json_u64("bytes_per_block", copy->bytes / count);
    if (copy->messages > 0) {
        bench_json_double("ns_per_message", (double)blocks->block_ns / (double)copy->messages);
        bench_json_double("bytes_per_message", (double)copy->bytes / (double)copy->messages);
    }
    bench_json_u64("peak_rss", bench_peak_rss_bytes());
    bench_json_close();
}

int main(int argc, char **argv)
{
    const struct {
        const char *name;
        Tenor__V1__Channel channel;
        uint32_t depth;
    } loads[] = {
        {"feed/mirror", 0, 0},
        {"feed/book-all", TENOR__V1__CHANNEL__BOOK, 0},
        {"feed/book-10", TENOR__V1__CHANNEL__BOOK, 10},
        {"feed/book-1", TENOR__V1__CHANNEL__BOOK, 1},
        {"feed/orders", TENOR__V1__CHANNEL__ORDERS, 0},
        {"feed/ticker", TENOR__V1__CHANNEL__TICKER, 0},
    };
    bool quick = false;
    const struct bench_option table[] = {BENCH_OPTION_QUICK(&quick)};
    bench_options_read("bench_feed", table, 1, argc, argv);
    const uint32_t blocks_count = quick ? 5 : 100;
    struct copy copy = {.ring = malloc(RING)};
    struct feed_options options;
    feed_options_default(&options);
    options.send = take;
    options.context = &copy;
    struct blocks blocks = {.feed = feed_make(&options), .height = 100000};
    TN_ASSERT(copy.ring != NULL && blocks.feed != NULL);
    tell_snapshot(blocks.feed);
    for (uint32_t i = 0; i < sizeof loads / sizeof loads[0]; i++) {
        for (uint32_t client = 0; client < SUBSCRIBERS && loads[i].channel != 0; client++) {
            struct wire_fault fault;
            Tenor__V1__Subscribe subscribe = TENOR__V1__SUBSCRIBE__INIT;
            subscribe.market = 1;
            subscribe.channel = loads[i].channel;
            subscribe.depth = loads[i].depth;
            TN_ASSERT(feed_subscribe(blocks.feed, &fault, client, 0, &subscribe) == 0);
        }
        run_blocks(&blocks, 5);
        copy.bytes = copy.messages = 0;
        run_blocks(&blocks, blocks_count);
        report(loads[i].name, &blocks, &copy, blocks_count,
               loads[i].channel != 0 ? SUBSCRIBERS : 0);
        for (uint32_t client = 0; client < SUBSCRIBERS; client++)
            feed_gone(blocks.feed, client);
    }
    feed_free(blocks.feed);
    free(copy.ring);
    return 0;
}
