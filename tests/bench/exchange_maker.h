/* exchange_maker: what the parts of the generator share. exchange_load.c makes the streams,
 * exchange_market.c the market that they run in. */
#ifndef EXCHANGE_MAKER_H
#define EXCHANGE_MAKER_H

#include "bench.h"
#include "exchange_load.h"

#define INDEX_MICROS   INT64_C(60000000000)
#define FUNDS_MICROS   (INT64_C(1) << 47)
#define START_MS       (TN_EPOCH_2020_MS + INT64_C(2366) * TN_MS_PER_DAY)
#define FIRST_DAY      2376
#define QUANTITY_MAX   100
#define STALE_PERCENT  3  /* of cancels and replaces; */
#define STALE_LOW      15 /* this while fewer rest than aimed at, which keeps the books full */
#define MARK_MS        100
#define SWEEP_UNITS    2048
#define BLOCK_MESSAGES 5000 /* one block a millisecond at the speed aimed at */
#define MARKS_MESSAGES 100000
#define GONE_MAX       16
#define FEE_MAX_PPM    10000

struct walk {
    uint64_t id;
    tn_ticks middle, mark, low, high; /* low and high: prices in band */
    tn_ticks first;                   /* the mark at the start */
    tn_micros micros_per_tick;
};

struct known_order {
    uint32_t account, place; /* in the account's list, or TN_NONE */
    uint32_t series, client_id;
    uint8_t side;
};

/* What the generator drew for a command and the command does not say. */
struct drawn {
    uint32_t series;
    uint8_t side;
};

struct known_account {
    uint32_t *live; /* ids of resting orders */
    uint32_t live_count, live_max;
    uint32_t next_client_id;
    uint32_t gone[GONE_MAX]; /* client ids of orders that are gone */
    uint32_t gone_count;
    uint64_t nonce;
    uint32_t menu[LOAD_MENU_MAX];
};

/* What the generator knows of the market. */
struct maker {
    struct load *load;
    struct tn_exchange *exchange;
    uint64_t random;
    uint64_t height;
    int64_t time_ms;
    struct walk *walks;
    struct known_account *accounts;
    struct known_order *orders; /* by order id */
    struct tn_quote *standing;  /* account × series + series */
    uint32_t orders_max;
    uint32_t live_count;
    uint32_t visit;          /* of mass quotes */
    struct drawn drawn[256]; /* by place in the frame */
    uint32_t done, since_block, since_marks;
    bool timed;
};

static inline uint32_t maker_draw(struct maker *maker, uint32_t bound)
{
    return (uint32_t)tn_random_below(&maker->random, bound);
}

static inline bool maker_chance(struct maker *maker, uint32_t percent)
{
    return maker_draw(maker, 100) < percent;
}

static inline tn_ticks maker_on_tick(const struct walk *walk, tn_ticks price, uint8_t side)
{
    if (!tn_series_is_option(walk->id) || price <= 2000) return price;
    return side == TN_BUY ? price - price % 5 : price + 4 - (price + 4) % 5;
}

void part_open(struct load_part *part, uint32_t entries_max, uint32_t commands_max,
               uint32_t quotes_max, uint32_t marks_max);
void part_free(struct load_part *part);
struct tn_entry *part_entry(struct load_part *part, enum tn_entry_kind kind);

/* In both markets, where there are two; events are those of the load's own. */
uint32_t maker_run(struct maker *maker, const struct tn_entry *entry);

/* exchange_market.c */
void maker_setup(struct maker *maker);
void maker_draw_menus(struct maker *maker);
void maker_add_marks(struct maker *maker, struct load_part *part);
void maker_read_band(struct maker *maker, struct walk *walk);

#endif
