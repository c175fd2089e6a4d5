/* exchange_load: streams of entries for the exchange's bench, made before any clock starts.
 *
 * A load is made by letting an exchange run along, so that cancels name orders that rest, except
 * for a stated share. It starts from a market that is full: accounts with positions, books with
 * orders, every account's list of remembered results at its limit. That state is kept as a copy of
 * the exchange's memory, to which each measurement goes back. */
#ifndef EXCHANGE_LOAD_H
#define EXCHANGE_LOAD_H

#include "exchange_pack.h"
#include "floor.h"
#include "tenor/exchange.h"

#define LOAD_SEED          20260624
#define LOAD_REJECTS_MAX   1024
#define LOAD_FLOOR_PRICES  4096
#define LOAD_MENU_MAX      64
#define LOAD_QUOTE_PERCENT 20 /* quotes sent again as they stand */

struct load_workload {
    const char *name;
    uint32_t messages; /* timed: commands, or sides of quotes */
    uint32_t fill;     /* messages before */
    uint32_t accounts;
    uint32_t owners;
    uint32_t underlyings;
    uint32_t series;
    uint32_t menu;               /* series that one account trades */
    uint32_t commands_per_frame; /* of order streams */
    uint32_t quotes;             /* series in a mass quote; 0: a stream of orders */
    uint32_t half_spread_ticks;  /* of quotes */
    uint32_t resting;            /* orders aimed at */
    uint32_t results_per_account;
    uint32_t twin_messages; /* of the fill, also done by the naive twin */
    uint32_t quick_divisor;
    /* Of markets with a margin engine; zero elsewhere. */
    bool margin;
    uint32_t menu_expiries; /* the menu lies in so many expiries; 0: anywhere */
    uint8_t quote_group;    /* protection group of the quotes; elsewhere 1 */
    tn_lots quote_limit;    /* of that group, in lots; elsewhere 10^9 */
    tn_micros funds_micros; /* of an account; 0: the usual */
    bool by_expiry;         /* a mass quote goes through one expiry after the other */
};

/* What happened in the timed part. */
struct load_counts {
    uint32_t events, trades, self_trades, kept_places, stale;
    uint32_t resting_min, resting_max, exposures;
    uint32_t rejects[LOAD_REJECTS_MAX];
};

/* A run of entries; messages are what they hold. */
struct load_part {
    struct tn_entry *entries;
    struct tn_command *commands;
    struct tn_quote *quotes;
    struct tn_mark *marks;
    uint32_t entries_count, commands_count, quotes_count, marks_count;
    uint32_t entries_max, commands_max, quotes_max, marks_max;
    uint32_t messages;
};

struct load_plain {
    struct tn_exchange_limits limits;
    void *memory, *start;
    size_t size;
    struct tn_event *events;
    uint32_t events_max;
    struct load_part setup;
    struct pack pack;
    uint32_t differences; /* frames of the timed part with another number of events */
};

struct load {
    const struct load_workload *workload;
    uint8_t cpu; /* enum tn_cpu of the margin engine; set before load_make */
    struct tn_exchange_limits limits;
    void *memory; /* the exchange's; at the end of the load, then whatever is measured */
    void *start;  /* a copy of it, before the timed part */
    size_t size;
    struct tn_event *events;
    uint32_t events_max;
    struct load_part setup;  /* market and accounts */
    struct load_part prefix; /* the first messages of the fill */
    struct load_part timed;  /* its quotes and marks; entries and commands are in the pack */
    struct pack pack;
    struct floor_message *floor; /* the same orders for a minimal book: fill, then timed */
    uint32_t floor_fill, floor_count, floor_max, floor_ids;
    struct load_counts counts;
    /* Of a load with margin: the same stream in a market without, whose marks come by MARKS. */
    struct load_plain plain;
};

void load_make(struct load *load, const struct load_workload *workload);
void load_free(struct load *load);

/* The days on which options and futures expire. */
#define LOAD_DAYS 4
uint16_t load_day(uint32_t index);

/* load_restart puts the exchange back to the start of the timed part. */
struct tn_exchange *load_restart(const struct load *load);
struct tn_exchange *load_restart_plain(const struct load *load);

#endif
