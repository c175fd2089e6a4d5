/* exchange_stream: random and adversarial entries for the exchange, aimed by looking at its twin.
 *
 * A profile says what the market looks like and which entries are frequent; from a seed it gives
 * the same entries every time, as long as the twin is fed with each of them before the next is
 * asked for. First come the entries that set the market up. */
#ifndef EXCHANGE_STREAM_H
#define EXCHANGE_STREAM_H

#include "exchange_twin.h"

#define STREAM_COMMANDS_MAX 257

struct exchange_profile {
    const char *name;
    uint32_t accounts, owners; /* opened at first; account i belongs to owner i % owners */
    uint32_t fifo_ppm;
    uint32_t spread_ticks;  /* how far from the mark prices go */
    uint32_t quantity_max;  /* usual orders are 1 .. this */
    uint32_t weird_percent; /* commands with one field spoilt */
    tn_micros deposit;
    int64_t leap_ms;      /* how far time leaps now and then */
    bool wide;            /* contracts with millions of prices and wide bands */
    bool rich;            /* deposits up to the brim */
    bool steep;           /* funding up to the brim */
    uint8_t entries[17];  /* weights by enum tn_entry_kind */
    uint8_t commands[14]; /* weights by enum tn_command_kind */
    struct tn_exchange_limits limits;
};

uint32_t exchange_profiles_count(void);
const struct exchange_profile *exchange_profile(uint32_t index);

struct exchange_stream {
    const struct exchange_profile *profile;
    const struct twin *twin;
    uint64_t random;
    const uint8_t *bytes; /* drawn from instead of the seed when not NULL */
    size_t bytes_count;
    uint32_t step; /* of the set-up */
    bool ready;    /* the set-up is over */
    uint64_t client_id;
    struct tn_command commands[STREAM_COMMANDS_MAX];
    struct tn_quote quotes[8][TN_QUOTES_MAX + 1];
    uint32_t quotes_used;
    struct tn_mark marks[TN_MARKS_MAX + 1];
    struct tn_listing_strike strikes[TN_LISTING_MAX + 1];
};

void exchange_stream_start(struct exchange_stream *stream, const struct exchange_profile *profile,
                           uint64_t seed, const struct twin *twin);

/* exchange_stream_next makes the next entry; its arrays live in the stream until the next call. */
void exchange_stream_next(struct exchange_stream *stream, struct tn_entry *entry);

/* The two underlyings every profile trades, for other tests and the fuzz targets. */
struct tn_underlying exchange_stream_underlying(const struct exchange_profile *profile,
                                                uint32_t which);

#endif
