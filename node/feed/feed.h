/* feed: tenor-feed: reports of spot, forwards, surfaces and rates, signed by feeders.
 *
 * Values come from a source: a simulated market, a CSV history, or lines of JSON from a pipe. Each
 * value becomes a report of every feeder whose key is there, and goes to a node as an item of a
 * block. On a testnet that is still empty it first defines the markets, signed by governance. */
#ifndef NODE_FEED_FEED_H
#define NODE_FEED_FEED_H

#include "feed/counts.h"
#include "tenor/client.h"
#include "tenor/client_net.h"
#include "tenor/entry.h"
#include "tenor/product.h"

enum {
    FEED_MARKETS_MAX = 16,
    FEED_DAYS_MAX = 16,    /* expiries that are reported of a market */
    FEED_PENDING_MAX = 48, /* items of a connection that have no answer yet */
    FEED_WHY_SIZE = 256
};

/* Tags of what is sent: an error is told with the tag of what it answers. */
enum { FEED_TAG_ITEM = 1, FEED_TAG_SERIES = 2, FEED_TAG_CLUSTER = 3 };

/* One value that was observed. */
struct feed_value {
    uint16_t underlying; /* in its market, from 1 */
    uint32_t place;      /* of the market in struct feed */
    uint8_t feed;        /* enum tn_feed */
    uint16_t expiry_day; /* 0: of spot and stable */
    int32_t confidence_ppm;
    int64_t time_ms;
    int64_t value; /* as in struct tn_report */
    struct tn_surface surface;
};

/* ---- scene.c: what a market of a testnet is ----------------------------------------------------
 */
struct feed_scene {
    struct tn_underlying underlying;
    tn_micros spot_micros; /* where the simulation begins */
};
/* Of the market with that number: 1 BTC, 2 ETH, 3 SOL, 4 XRP, then C5, C6 … */
void feed_scene(struct feed_scene *scene, uint32_t market);

/* ---- walk.c: a simulated market ----------------------------------------------------------------
 */
enum feed_regime { FEED_CALM = 0, FEED_BUSY = 1, FEED_WILD = 2 };
struct feed_walk {
    uint64_t random;
    tn_micros spot_micros, first_micros;
    int64_t vol_ppm; /* a year, at the money */
    uint8_t regime;  /* enum feed_regime */
    int64_t left_ms; /* of the regime */
    uint64_t jumps;
};
void feed_walk_begin(struct feed_walk *walk, tn_micros spot_micros, uint64_t seed);
/* Some time goes by: diffusion, jumps, changes of regime. The same seed and steps give the same. */
void feed_walk_step(struct feed_walk *walk, int64_t elapsed_ms);
/* Of an expiry with so much time left. */
tn_micros feed_walk_forward(const struct feed_walk *walk, int64_t left_ms);
void feed_walk_surface(struct tn_surface *surface, const struct feed_walk *walk, int64_t left_ms);
#define FEED_RATE_PPB INT64_C(40000000)

/* ---- source.c: values from outside
 * ---------------------------------------------------------------
 */
/* The name of an underlying, as its number and its market's place. False: there is none. */
struct feed;
bool feed_find(const struct feed *feed, const char *symbol, uint16_t *underlying, uint32_t *place);

struct feed_columns { /* of a CSV, by its first line; -1: it has none */
    int time_ms, underlying, feed, expiry, value, confidence;
    int a, b, rho, m, sigma, forward, tau_ms;
};
/* All false with `why`, which names the field. */
bool feed_columns_read(struct feed_columns *columns, const char *line, char why[FEED_WHY_SIZE]);
bool feed_csv_read(struct feed_value *value, const struct feed *feed,
                   const struct feed_columns *columns, const char *line, char why[FEED_WHY_SIZE]);
bool feed_json_read(struct feed_value *value, const struct feed *feed, const char *line,
                    char why[FEED_WHY_SIZE]);

/* ---- main.c, setup.c, report.c
 * -------------------------------------------------------------------
 */
struct feed_options {
    const char *net, *csv, *metrics;
    uint64_t interval_ms, seed, seconds, noise_ppm, speed, timeout_s;
    uint32_t setup; /* 0 when missing, 1 only, 2 never */
    bool pipe, quiet;
};

struct feed_market {
    struct feed *feed;
    struct tn_client *client;
    uint32_t number, place;
    struct feed_scene scene;
    struct feed_walk walk;
    bool is_connected, has_series, has_options, is_told;
    bool is_asked; /* which series there are */
    char symbol[TN_SYMBOL_SIZE];
    uint16_t underlying; /* in series ids */
    uint32_t series_count;
    uint32_t pending; /* items without an answer */
    int64_t asked_ms, rounds;
};

struct feed {
    struct feed_options options;
    struct tn_client_net net;
    struct tn_secret_key keys[TN_CLIENT_FEEDERS_MAX], governance;
    bool can_govern;
    struct feed_market markets[FEED_MARKETS_MAX];
    uint32_t markets_count;
    uint64_t sequence; /* of reports: rises over restarts too, by the clock */
    uint64_t governance_number, governance_known;
    uint64_t random; /* of feeders' noise */
    struct feed_counts counts;
    char why[TN_CLIENT_WHY_SIZE];
};

int64_t feed_clock_ms(void);
int64_t feed_unix_ms(void);
/* Signs the value by every feeder and sends it; what does not fit is counted as skipped. */
void feed_report(struct feed *feed, const struct feed_value *value);
/* One round of the simulated market. */
void feed_simulate(struct feed *feed, int64_t elapsed_ms);
/* Lets everything turn for at most wait_ms; also wakes for `also`, a descriptor or -1, and says
 * whether that can be read. */
bool feed_turn(struct feed *feed, int64_t wait_ms, int also);
/* Turns until *what is true; false when the time is up, or at the end. */
bool feed_until(struct feed *feed, const bool *what, int64_t wait_ms);
bool feed_is_stopped(void);
/* Defines the markets that have no series. False after a complaint. */
bool feed_setup(struct feed *feed);
bool feed_ask_series(struct feed_market *market);
/* Reads a CSV or a pipe to its end, in the time of what it says. */
bool feed_run_csv(struct feed *feed, const char *path);
bool feed_run_pipe(struct feed *feed, int file);

#endif
