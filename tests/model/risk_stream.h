/* risk_stream: random and adversarial entries for an exchange with a margin engine, aimed by
 * looking at the exchange's public views.
 *
 * From a seed it gives the same entries every time, as long as the exchange gets each of them
 * before the next is asked for. First come the entries that set the market up: two underlyings,
 * perpetuals, futures and options over three expiries, of which the first is inside of its
 * settlement window; then prices that drift, jump and crash, feeds that fall silent, changes of
 * parameters, and commands of every kind. */
#ifndef RISK_STREAM_H
#define RISK_STREAM_H

#include "risk_market.h"

/* By the seed, in turn: a bit of everything; crashes that nobody is insured against; hours that
 * pass and factors that rise; an expiry that comes at once, and before anybody looks. */
enum risk_theme { RISK_USUAL, RISK_CRASHES, RISK_HOURS, RISK_EXPIRY, RISK_THEMES };

enum { RISK_STREAM_SIGNERS = 3, RISK_STREAM_EXPIRIES = 3, RISK_STREAM_QUEUE = 128 };

struct risk_stream {
    const struct tn_exchange *exchange;
    uint64_t random;
    const uint8_t *bytes; /* drawn from instead of the seed when not NULL */
    size_t bytes_count;
    enum risk_theme theme;
    bool ready; /* the set-up is over */
    uint32_t step;
    uint64_t height, nonce, client_id, sequence;
    int64_t time_ms;
    uint16_t days[RISK_STREAM_EXPIRIES];
    tn_micros spot[RISK_UNDERLYINGS];
    int64_t vol_ppm;
    int32_t trend_ppm; /* of a crash or a rally, per tick */
    uint32_t trend_left;
    uint8_t silent; /* bit per feed */
    uint32_t silent_left;
    uint32_t ticks;
    uint32_t accounts, owners;
    struct tn_entry queue[RISK_STREAM_QUEUE];
    uint32_t queue_head, queue_count;
    struct tn_command commands[4];
    struct tn_quote quotes[16];
    struct tn_mark mark;
    struct tn_risk risk;
    struct tn_scenario scenarios[TN_SCENARIOS_MAX];
    uint32_t scenarios_count;
    uint64_t series[256];
    uint32_t series_count;
};

void risk_stream_limits(struct tn_exchange_limits *limits);

void risk_stream_start(struct risk_stream *stream, const struct tn_exchange *exchange,
                       uint64_t seed);

/* risk_stream_next makes the next entry; its arrays live in the stream until the next call. */
void risk_stream_next(struct risk_stream *stream, struct tn_entry *entry);

/* Collateral of the stream's markets: asset 1 is BTC, asset 2 another dollar. */
enum { RISK_STREAM_ASSETS = 3 };
struct tn_entry risk_stream_asset(uint32_t asset);

/* ---- For its own files ---- */

uint64_t risk_below(struct risk_stream *stream, uint64_t bound);
bool risk_chance(struct risk_stream *stream, uint32_t percent);
int64_t risk_between(struct risk_stream *stream, int64_t low, int64_t high);
uint32_t risk_weighted(struct risk_stream *stream, const uint8_t *weights, uint32_t count);
int64_t risk_odd_number(struct risk_stream *stream);
uint64_t risk_series(struct risk_stream *stream);
void risk_frame(struct risk_stream *stream, struct tn_entry *entry);

#endif
