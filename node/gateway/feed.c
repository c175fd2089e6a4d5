/* feed: its memory. Everything is carved out of one mapping at feed_make, sized by the options, and
 * pages that nobody needs are never touched; nothing is allocated afterwards.
 *
 * Why sizes are enough: the mirror holds what the market's exchange may hold; notes of a block have
 * room for everything that may stand before it and after it, and a series whose notes do not fit is
 * told as a whole (FEED_FLOODED); histories are rings. */
#include "gateway/feed_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define X(depth) depth,
const uint32_t feed_depths[FEED_DEPTHS] = {FEED_DEPTH_TABLE(X) FEED_DEPTH_ALL};
#undef X

void feed_options_default(struct feed_options *options)
{
    *options = (struct feed_options){
        .markets_count = 1,
        .markets = {{.market = 1, .series_max = 4096, .orders_max = 65536, .levels_max = 65536}},
        .subscribers_max = 4096,
        .trades_max = 65536,
        .liquidations_max = 16384,
        .blocks_max = 4096,
        .hash_seed = 1,
    };
}

static bool is_ring(uint32_t size)
{
    return size >= 1024 && size <= 1u << 24 && (size & (size - 1)) == 0;
}

static struct tn_book_limits books_limits(const struct feed_options *options,
                                          const struct feed_market_limits *market)
{
    return (struct tn_book_limits){
        .books_max = 2 * market->series_max,
        .orders_max = market->orders_max,
        .levels_max = market->levels_max,
        .hash_seed = options->hash_seed,
    };
}

static bool options_valid(const struct feed_options *options)
{
    if (options->markets_count < 1 || options->markets_count > TN_CHAIN_MARKETS_MAX) return false;
    if (options->is_soft && options->markets_count != 1) return false;
    if (options->subscribers_max < 1 || options->subscribers_max > FEED_CLIENTS_MAX) return false;
    if (options->pay_max != 0 && options->later == NULL) return false;
    if (!is_ring(options->trades_max) || !is_ring(options->liquidations_max) ||
        !is_ring(options->blocks_max)) {
        return false;
    }
    for (uint32_t i = 0; i < options->markets_count; i++) {
        const struct feed_market_limits *market = &options->markets[i];
        struct tn_book_limits limits = books_limits(options, market);
        if (market->series_max < 1 || market->series_max > 1u << 20 || tn_books_size(&limits) == 0)
            return false;
        for (uint32_t j = 0; j < i; j++) {
            if (options->markets[j].market == market->market) return false;
        }
    }
    return true;
}

/* Hands out the mapping piece by piece; without a base it only adds up. */
struct carver {
    uint8_t *base;
    size_t used;
};

static void *carve(struct carver *carver, size_t count, size_t size)
{
    void *piece = carver->base == NULL ? NULL : carver->base + carver->used;
    carver->used += tn_align(count * size);
    return piece;
}

static uint32_t power_of_two(uint32_t least)
{
    uint32_t size = 64;
    while (size < least)
        size *= 2;
    return size;
}

static void carve_market(struct carver *carver, struct feed_market *market,
                         const struct feed_options *options)
{
    const struct feed_market_limits *limits = &market->limits;
    struct tn_book_limits books = books_limits(options, limits);
    uint32_t words = (options->subscribers_max + 63) / 64;
    uint32_t places = 2 * limits->series_max;
    size_t kinds = (size_t)places * FEED_KINDS;
    market->levels_max = 2 * limits->levels_max + 1024;
    market->levels_mask = power_of_two(market->levels_max) - 1;
    market->orders_max = 2 * limits->orders_max + 1024;
    market->series_mask = power_of_two(2 * limits->series_max) - 1;
    market->books_memory = carve(carver, 1, tn_books_size(&books));
    market->series = carve(carver, places, sizeof(struct feed_series));
    market->series_buckets = carve(carver, market->series_mask + 1, sizeof(uint32_t));
    market->levels = carve(carver, market->levels_max, sizeof(struct feed_level));
    market->level_buckets = carve(carver, market->levels_mask + 1, sizeof(uint32_t));
    market->orders = carve(carver, market->orders_max, sizeof(struct feed_order));
    market->order_of = carve(carver, limits->orders_max, sizeof(uint32_t));
    market->dirty = carve(carver, places, sizeof(uint32_t));
    market->trades = carve(carver, options->trades_max, sizeof(struct feed_trade));
    market->liquidations =
        carve(carver, options->liquidations_max, sizeof(struct feed_liquidation));
    market->indexes = carve(carver, FEED_INDEXES_MAX, sizeof(struct port_index));
    market->kind_count = carve(carver, kinds, sizeof(uint32_t));
    market->kind_bits = carve(carver, 2 * kinds * words, sizeof(uint64_t));
    market->wide_bits = carve(carver, (size_t)2 * FEED_WIDES * words, sizeof(uint64_t));
}

static void carve_room(struct carver *carver, struct feed *feed, uint32_t levels_max,
                       uint32_t series_max)
{
    size_t ladder = (size_t)2 * levels_max + 1024 + FEED_DEPTH_ALL;
    size_t levels = 4 * (size_t)FEED_DEPTH_ALL;
    feed->out_room = FEED_BYTES_MAX;
    feed->out = carve(carver, 1, feed->out_room);
    feed->depth = carve(carver, ladder, sizeof(struct tn_book_level));
    feed->crc_bytes = carve(carver, (size_t)2 * FEED_DEPTH_ALL, 16);
    for (uint32_t side = 0; side < 2; side++) {
        feed->ladder[side].changes = carve(carver, ladder, sizeof(struct feed_change));
        feed->shown[side].changes = carve(carver, 2 * ladder, sizeof(struct feed_change));
    }
    feed->merged = carve(carver, 2 * ladder, sizeof(struct feed_change));
    feed->level_items = carve(carver, levels, sizeof(Tenor__V1__Level));
    feed->level_list = carve(carver, levels, sizeof(Tenor__V1__Level *));
    feed->order_items = carve(carver, FEED_ENTRIES_MAX, sizeof(Tenor__V1__BookOrder));
    feed->order_list = carve(carver, FEED_ENTRIES_MAX, sizeof(Tenor__V1__BookOrder *));
    feed->mark_items = carve(carver, FEED_ENTRIES_MAX, sizeof(Tenor__V1__Mark));
    feed->mark_list = carve(carver, FEED_ENTRIES_MAX, sizeof(Tenor__V1__Mark *));
    feed->instrument_items = carve(carver, FEED_PAGE, sizeof(Tenor__V1__Instrument));
    feed->instrument_list = carve(carver, FEED_PAGE, sizeof(Tenor__V1__Instrument *));
    feed->instrument_steps = carve(carver, FEED_PAGE, sizeof(struct feed_steps));
    feed->ids = carve(carver, series_max, sizeof(uint64_t));
}

static void carve_all(struct carver *carver, struct feed *feed)
{
    const struct feed_options *options = &feed->options;
    uint32_t levels_max = 0, series_max = 0;
    feed->words = (options->subscribers_max + 63) / 64;
    for (uint32_t i = 0; i < options->markets_count; i++) {
        feed->markets[i].limits = options->markets[i];
        carve_market(carver, &feed->markets[i], options);
        const struct feed_market_limits *limits = &options->markets[i];
        if (limits->levels_max > levels_max) levels_max = limits->levels_max;
        if (2 * limits->series_max > series_max) series_max = 2 * limits->series_max;
    }
    feed->subscribers = carve(carver, options->subscribers_max, sizeof(struct feed_subscriber));
    feed->shares = carve(carver, (size_t)options->subscribers_max * options->markets_count,
                         sizeof(struct feed_share));
    feed->slot_of = carve(carver, FEED_CLIENTS_MAX, sizeof(uint32_t));
    feed->chain_bits = carve(carver, (size_t)2 * feed->words, sizeof(uint64_t));
    feed->blocks = carve(carver, options->blocks_max, sizeof(struct port_block));
    carve_room(carver, feed, levels_max, series_max);
}

size_t feed_size(const struct feed_options *options)
{
    if (!options_valid(options)) return 0;
    struct feed feed = {.options = *options};
    struct carver carver = {0};
    carve_all(&carver, &feed);
    return carver.used;
}

struct feed *feed_make(const struct feed_options *options)
{
    size_t size = feed_size(options);
    struct feed *feed = size == 0 ? NULL : calloc(1, sizeof *feed);
    if (feed == NULL) return NULL;
    feed->options = *options;
    feed->work = options->pay_max;
    feed->memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (feed->memory == MAP_FAILED) {
        free(feed);
        return NULL;
    }
    feed->memory_size = size;
    struct carver carver = {.base = feed->memory};
    carve_all(&carver, feed);
    for (uint32_t i = 0; i < options->markets_count; i++) {
        struct feed_market *market = &feed->markets[i];
        struct tn_book_limits limits = books_limits(options, &market->limits);
        market->feed = feed;
        market->books = tn_books_init(market->books_memory, &limits);
        TN_ASSERT(market->books != NULL);
    }
    return feed;
}

void feed_free(struct feed *feed)
{
    if (feed == NULL) return;
    munmap(feed->memory, feed->memory_size);
    free(feed);
}

void feed_counters(const struct feed *feed, struct feed_counters *counters)
{
    *counters = feed->counters;
    counters->orders = 0;
    for (uint32_t i = 0; i < feed->options.markets_count; i++)
        counters->orders += tn_book_orders_count(feed->markets[i].books);
}

const struct tn_books *feed_books(const struct feed *feed, uint32_t market)
{
    for (uint32_t i = 0; i < feed->options.markets_count; i++) {
        if (feed->markets[i].limits.market == market) return feed->markets[i].books;
    }
    return NULL;
}

uint32_t feed_book(const struct feed *feed, uint32_t market, uint64_t series_id)
{
    for (uint32_t i = 0; i < feed->options.markets_count; i++) {
        if (feed->markets[i].limits.market != market) continue;
        return feed_series_find(&feed->markets[i], series_id);
    }
    return TN_NONE;
}

bool feed_is_empty(const struct feed *feed)
{
    return feed->state == FEED_STATE_EMPTY;
}

bool feed_is_whole(const struct feed *feed)
{
    return feed->state == FEED_STATE_WHOLE;
}

uint64_t feed_height(const struct feed *feed)
{
    return feed->height;
}

uint64_t feed_subscribers(const struct feed *feed)
{
    return feed->counters.subscribers;
}
