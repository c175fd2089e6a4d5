/* feed_case: a feed that a test tells of steps and blocks, and clients whose queues have as much
 * room as the test says. */
#ifndef FEED_CASE_H
#define FEED_CASE_H

#include "feed_keeper.h"
#include "gateway/feed.h"

enum { CASE_CLIENTS = 4, CASE_ORDERS_MAX = 70000, CASE_EVENTS_MAX = 20000 };

struct case_client {
    struct feed_keeper keeper;
    bool asks;            /* what comes is an answer, which its keeper does not take */
    bool is_later;        /* the feed wants feed_ready in another turn */
    uint64_t room;        /* messages that its queue takes yet */
    uint64_t bytes_count; /* that were sent */
    uint32_t bytes_crc;
    uint8_t last[FEED_BYTES_MAX]; /* what the last call brought */
    size_t last_size;
};

struct feed_case {
    struct feed *feed;
    struct case_client *clients;
    uint64_t height;
    struct port_order *orders;
    struct tn_event *events;
    uint32_t orders_count, events_count;
    struct wire_fault fault;
};

/* `series` many series, of ids case_series(1) …, all active, in a market of 1 000 series; the feed
 * has had its snapshot. Histories hold 1 024. */
void feed_case_open(struct feed_case *test, uint32_t series);
/* With other sizes. */
void feed_case_open_with(struct feed_case *test, uint32_t series,
                         const struct feed_market_limits *limits);
/* And with a bound of what a turn pays: feed_turn begins one. */
void feed_case_open_paying(struct feed_case *test, uint32_t series,
                           const struct feed_market_limits *limits, uint32_t pay_max);
void feed_case_close(struct feed_case *test);
uint64_t case_series(uint32_t number);
void case_snapshot(struct feed_case *test, uint32_t series);

/* Into the step at hand. */
void case_order(struct feed_case *test, uint32_t series, uint64_t id, enum tn_side side,
                tn_ticks price, tn_lots quantity, bool last);
void case_trade(struct feed_case *test, uint32_t series, tn_ticks price, tn_lots quantity);
void case_liquidation(struct feed_case *test, uint32_t account);
/* Ends the step; ends it and the block. */
void case_step(struct feed_case *test);
void case_block(struct feed_case *test);
/* Tells of a series: listed (INITIALIZING) or changed. */
void case_status(struct feed_case *test, uint32_t series, enum tn_status status);

/* For one series, or all (0). */
enum wire_error case_subscribe(struct feed_case *test, uint32_t client, Tenor__V1__Channel channel,
                               uint32_t series, uint32_t depth);
enum wire_error case_unsubscribe(struct feed_case *test, uint32_t client,
                                 Tenor__V1__Channel channel, uint32_t series);
/* Is what a client keeps of a series what the mirror holds? */
bool case_same_levels(struct feed_case *test, uint32_t client, uint32_t series);
bool case_same_orders(struct feed_case *test, uint32_t client, uint32_t series);
struct kept_series *case_kept(struct feed_case *test, uint32_t client, uint32_t series);

#endif
