/* feed_subscribe: who wants what. A subscription sets bits; what it begins with is owed, and paid
 * at once if no block is half told. */
#include "gateway/feed_internal.h"

#include <stdio.h>
#include <string.h>

enum wire_error feed_refuse(struct wire_fault *fault, enum wire_error code, const char *text)
{
    fault->code = code;
    fault->at = 0;
    snprintf(fault->text, sizeof fault->text, "%s", text);
    return code;
}

static bool has_series(uint32_t channel)
{
    return channel == TENOR__V1__CHANNEL__INSTRUMENTS || channel == TENOR__V1__CHANNEL__TICKER ||
           channel == TENOR__V1__CHANNEL__BOOK || channel == TENOR__V1__CHANNEL__ORDERS ||
           channel == TENOR__V1__CHANNEL__TRADES;
}

/* Of a channel with series; of BOOK the first kind. */
static uint32_t kind_of(uint32_t channel)
{
    switch (channel) {
        case TENOR__V1__CHANNEL__INSTRUMENTS: return FEED_INSTRUMENT;
        case TENOR__V1__CHANNEL__TICKER: return FEED_TICKER;
        case TENOR__V1__CHANNEL__ORDERS: return FEED_ORDERS;
        case TENOR__V1__CHANNEL__TRADES: return FEED_TRADES;
        default: return FEED_BOOK;
    }
}

static uint32_t kinds_of(uint32_t channel)
{
    return channel == TENOR__V1__CHANNEL__BOOK ? FEED_DEPTHS : 1;
}

/* What a soft feed calls BOOK, clients call BOOK_SOFT. */
static const uint32_t soft_names[FEED_CHANNELS] = {
    [TENOR__V1__CHANNEL__TICKER] = TENOR__V1__CHANNEL__TICKER_SOFT,
    [TENOR__V1__CHANNEL__BOOK] = TENOR__V1__CHANNEL__BOOK_SOFT,
    [TENOR__V1__CHANNEL__ORDERS] = TENOR__V1__CHANNEL__ORDERS_SOFT,
    [TENOR__V1__CHANNEL__TRADES] = TENOR__V1__CHANNEL__TRADES_SOFT,
};

/* 0: this feed has no such channel. */
static uint32_t channel_of(const struct feed *feed, uint32_t asked)
{
    if (asked >= TENOR__V1__CHANNEL__BLOCKS && asked <= TENOR__V1__CHANNEL__LIQUIDATIONS) {
        return feed->options.is_soft ? 0 : asked;
    }
    if (!feed->options.is_soft) return 0;
    uint32_t channel = FEED_CHANNELS - 1;
    while (channel > 0 && soft_names[channel] != asked)
        channel--;
    return channel;
}

static uint32_t name_of(const struct feed *feed, uint32_t channel)
{
    return feed->options.is_soft ? soft_names[channel] : channel;
}

/* ---- Bits ------------------------------------------------------------------------------------ */

static bool is_member(struct feed_interest interest, uint32_t subscriber)
{
    return (interest.members[subscriber / 64] >> (subscriber % 64) & 1) != 0;
}

static void enter(struct feed *feed, struct feed_interest interest, uint32_t subscriber,
                  bool has_snapshot)
{
    if (!is_member(interest, subscriber)) {
        interest.members[subscriber / 64] |= UINT64_C(1) << (subscriber % 64);
        ++*interest.count;
    }
    if (has_snapshot) feed_owe(feed, interest, subscriber);
}

/* True: it was one. */
static bool leave(struct feed *feed, struct feed_interest interest, uint32_t subscriber)
{
    if (*interest.count == 0 || !is_member(interest, subscriber)) return false;
    uint64_t bit = UINT64_C(1) << (subscriber % 64);
    interest.members[subscriber / 64] &= ~bit;
    --*interest.count;
    if ((interest.owed[subscriber / 64] & bit) != 0) {
        interest.owed[subscriber / 64] &= ~bit;
        feed->subscribers[subscriber].owed--;
    }
    return true;
}

static void enter_kind(struct feed_market *market, uint32_t series, uint32_t kind,
                       uint32_t subscriber)
{
    struct feed *feed = market->feed;
    struct feed_share *share = &feed->subscribers[subscriber].shares[market - feed->markets];
    struct feed_interest interest = feed_kind_interest(market, series, kind);
    if (!is_member(interest, subscriber)) share->count[kind]++;
    enter(feed, interest, subscriber, kind != FEED_TRADES);
}

static void leave_kind(struct feed_market *market, uint32_t series, uint32_t kind,
                       uint32_t subscriber)
{
    struct feed *feed = market->feed;
    struct feed_share *share = &feed->subscribers[subscriber].shares[market - feed->markets];
    if (share->count[kind] == 0) return;
    if (leave(feed, feed_kind_interest(market, series, kind), subscriber)) share->count[kind]--;
}

static void leave_channel(struct feed_market *market, uint32_t series, uint32_t channel,
                          uint32_t subscriber)
{
    for (uint32_t i = 0; i < kinds_of(channel); i++)
        leave_kind(market, series, kind_of(channel) + i, subscriber);
}

/* ---- Subscribers ----------------------------------------------------------------------------- */

static struct feed_subscriber *find_or_add(struct feed *feed, uint32_t client)
{
    struct feed_subscriber *subscriber = feed_subscriber_of(feed, client);
    if (subscriber != NULL) return subscriber;
    uint32_t slot = 0;
    while (slot < feed->subscribers_used && feed->subscribers[slot].client != 0)
        slot++;
    if (slot == feed->options.subscribers_max) return NULL;
    if (slot == feed->subscribers_used) feed->subscribers_used++;
    subscriber = &feed->subscribers[slot];
    *subscriber = (struct feed_subscriber){
        .client = client + 1,
        .blocks_from = FEED_NOWHERE,
        .shares = feed->shares + (size_t)slot * feed->options.markets_count,
    };
    for (uint32_t i = 0; i < feed->options.markets_count; i++) {
        subscriber->shares[i] =
            (struct feed_share){.trades_from = FEED_NOWHERE, .liquidations_from = FEED_NOWHERE};
    }
    feed->slot_of[client] = slot + 1;
    feed->counters.subscribers++;
    return subscriber;
}

static bool has_anything(struct feed *feed, uint32_t slot)
{
    const struct feed_subscriber *subscriber = &feed->subscribers[slot];
    if (subscriber->blocks) return true;
    for (uint32_t i = 0; i < feed->options.markets_count; i++) {
        const struct feed_share *share = &subscriber->shares[i];
        for (uint32_t kind = 0; kind < FEED_KINDS; kind++) {
            if (share->count[kind] > 0) return true;
        }
        for (uint32_t channel = 0; channel < FEED_CHANNELS; channel++) {
            if (share->all[channel] != 0) return true;
        }
        for (uint32_t wide = 0; wide < FEED_WIDES; wide++) {
            if (is_member(feed_wide_interest(&feed->markets[i], (enum feed_wide)wide), slot)) {
                return true;
            }
        }
    }
    return false;
}

/* Who has no subscription left takes no place. */
static void release_if_idle(struct feed *feed, uint32_t slot)
{
    struct feed_subscriber *subscriber = &feed->subscribers[slot];
    if (subscriber->client == 0 || has_anything(feed, slot)) return;
    TN_ASSERT(subscriber->owed == 0);
    feed->slot_of[subscriber->client - 1] = 0;
    subscriber->client = 0;
    subscriber->blocks_from = FEED_NOWHERE;
    feed->counters.subscribers--;
    while (feed->subscribers_used > 0 && feed->subscribers[feed->subscribers_used - 1].client == 0)
        feed->subscribers_used--;
}

static void take_channel(struct feed_market *market, uint32_t slot, uint32_t channel)
{
    struct feed *feed = market->feed;
    struct feed_subscriber *subscriber = &feed->subscribers[slot];
    struct feed_share *share = &subscriber->shares[market - feed->markets];
    if (channel == TENOR__V1__CHANNEL__BLOCKS) {
        leave(feed, feed_chain_interest(feed), slot);
        subscriber->blocks = false;
        subscriber->blocks_from = FEED_NOWHERE;
    } else if (channel == TENOR__V1__CHANNEL__MARKS) {
        leave(feed, feed_wide_interest(market, FEED_MARKS), slot);
    } else if (channel == TENOR__V1__CHANNEL__LIQUIDATIONS) {
        leave(feed, feed_wide_interest(market, FEED_LIQUIDATIONS), slot);
        share->liquidations_from = FEED_NOWHERE;
    } else {
        uint32_t left = 0;
        for (uint32_t i = 0; i < kinds_of(channel); i++)
            left += share->count[kind_of(channel) + i];
        for (uint32_t i = 0; left > 0 && i < market->series_used; i++)
            leave_channel(market, i, channel, slot);
        share->all[channel] = 0;
        if (channel == TENOR__V1__CHANNEL__TRADES) share->trades_from = FEED_NOWHERE;
    }
}

bool feed_has_channel(const struct feed_market *market, uint32_t subscriber, uint32_t channel)
{
    const struct feed *feed = market->feed;
    const struct feed_share *share = &feed->subscribers[subscriber].shares[market - feed->markets];
    uint32_t count = share->all[channel];
    for (uint32_t i = 0; has_series(channel) && i < kinds_of(channel); i++)
        count += share->count[kind_of(channel) + i];
    return count > 0;
}

void feed_drop_channel(struct feed_market *market, uint32_t subscriber, uint32_t channel)
{
    take_channel(market, subscriber, channel);
    release_if_idle(market->feed, subscriber);
}

void feed_gone(struct feed *feed, uint32_t client)
{
    struct feed_subscriber *subscriber = feed_subscriber_of(feed, client);
    if (subscriber == NULL) return;
    uint32_t slot = (uint32_t)(subscriber - feed->subscribers);
    for (uint32_t i = 0; i < feed->options.markets_count; i++) {
        for (uint32_t channel = 1; channel < FEED_CHANNELS; channel++)
            take_channel(&feed->markets[i], slot, channel);
    }
    release_if_idle(feed, slot);
}

void feed_join(struct feed_market *market, uint32_t series)
{
    struct feed *feed = market->feed;
    for (uint32_t i = 0; i < feed->subscribers_used; i++) {
        if (feed->subscribers[i].client == 0) continue;
        const struct feed_share *share = &feed->subscribers[i].shares[market - feed->markets];
        for (uint32_t channel = 1; channel < FEED_CHANNELS; channel++) {
            if (share->all[channel] != 0) enter_kind(market, series, share->all[channel] - 1u, i);
        }
    }
}

void feed_leave(struct feed_market *market, uint32_t series)
{
    for (uint32_t i = 0; i < market->feed->subscribers_used; i++) {
        if (market->feed->subscribers[i].client == 0) continue;
        for (uint32_t kind = 0; kind < FEED_KINDS; kind++)
            leave_kind(market, series, kind, i);
    }
}

/* ---- Asked by clients ------------------------------------------------------------------------ */

static bool class_of_depth(uint32_t *depth_class, uint32_t depth)
{
    for (uint32_t i = 0; i < FEED_DEPTHS; i++) {
        *depth_class = i;
        if (feed_depths[i] == (depth == 0 ? FEED_DEPTH_ALL : depth)) return true;
    }
    return false;
}

static enum wire_error check_series(const struct feed_market *market, struct wire_fault *fault,
                                    const uint64_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (feed_series_find(market, ids[i]) != TN_NONE) continue;
        char text[96];
        snprintf(text, sizeof text, "series_id %llu is none of market %u",
                 (unsigned long long)ids[i], market->limits.market);
        return feed_refuse(fault, WIRE_ERROR_SERIES_UNKNOWN, text);
    }
    return WIRE_ERROR_NONE;
}

/* What both messages have. BLOCKS belong to no market: any will do, or 0. */
static enum wire_error check(struct feed *feed, struct feed_market **market,
                             struct wire_fault *fault, uint32_t market_id, uint32_t channel,
                             const uint64_t *ids, size_t count)
{
    if (channel == 0) {
        return feed_refuse(fault, WIRE_ERROR_CHANNEL_UNKNOWN, "channel is none of Channel's");
    }
    *market = feed_market_of(feed, market_id);
    if (channel == TENOR__V1__CHANNEL__BLOCKS && market_id == 0) *market = &feed->markets[0];
    if (*market == NULL) {
        return feed_refuse(fault, WIRE_ERROR_MARKET_UNKNOWN,
                           "market names none; Hello and GetCluster name them");
    }
    /* While the books of a desk are read, or between two terms, series are known and books owed. */
    if (feed->state != FEED_STATE_WHOLE && !feed->options.is_soft) {
        return feed_refuse(fault, WIRE_ERROR_SYNCING, "the node has no market data yet; try again");
    }
    if (!has_series(channel) && count > 0) {
        return feed_refuse(fault, WIRE_ERROR_COUNT_RANGE,
                           "series_id must be empty: this channel is one of the whole market");
    }
    return check_series(*market, fault, ids, count);
}

static void send_subscribed(struct feed *feed, uint32_t client, uint64_t request,
                            const struct feed_market *market, uint32_t channel)
{
    const struct feed_subscriber *subscriber = feed_subscriber_of(feed, client);
    Tenor__V1__Subscribed subscribed = TENOR__V1__SUBSCRIBED__INIT;
    subscribed.market = market->limits.market;
    subscribed.channel = (Tenor__V1__Channel)name_of(feed, channel);
    for (uint32_t i = 0; subscriber != NULL && has_series(channel) && i < kinds_of(channel); i++) {
        subscribed.series_count +=
            subscriber->shares[market - feed->markets].count[kind_of(channel) + i];
    }
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    message.request = request;
    message.body_case = TENOR__V1__FROM_NODE__BODY_SUBSCRIBED;
    message.subscribed = &subscribed;
    size_t size = feed_write(feed, &message);
    feed->options.send(feed->options.context, client, feed->out, size, true);
}

static void subscribe_wide(struct feed_market *market, uint32_t slot, uint32_t channel,
                           uint64_t request)
{
    struct feed *feed = market->feed;
    struct feed_subscriber *subscriber = &feed->subscribers[slot];
    if (channel == TENOR__V1__CHANNEL__BLOCKS) {
        enter(feed, feed_chain_interest(feed), slot, false);
        subscriber->blocks = true;
        subscriber->blocks_request = request;
    } else if (channel == TENOR__V1__CHANNEL__MARKS) {
        enter(feed, feed_wide_interest(market, FEED_MARKS), slot, true);
    } else {
        enter(feed, feed_wide_interest(market, FEED_LIQUIDATIONS), slot, false);
    }
}

static void subscribe_series(struct feed_market *market, uint32_t slot, uint32_t channel,
                             uint32_t kind, uint32_t series)
{
    for (uint32_t i = 0; channel == TENOR__V1__CHANNEL__BOOK && i < FEED_DEPTHS; i++) {
        if (FEED_BOOK + i != kind) leave_kind(market, series, FEED_BOOK + i, slot);
    }
    enter_kind(market, series, kind, slot);
}

enum wire_error feed_subscribe(struct feed *feed, struct wire_fault *fault, uint32_t client,
                               uint64_t request, const Tenor__V1__Subscribe *subscribe)
{
    struct feed_market *market;
    uint32_t channel = channel_of(feed, (uint32_t)subscribe->channel), depth_class = 0;
    enum wire_error error = check(feed, &market, fault, subscribe->market, channel,
                                  subscribe->series_id, subscribe->n_series_id);
    if (error != WIRE_ERROR_NONE) return error;
    if (channel != TENOR__V1__CHANNEL__BOOK && subscribe->depth != 0) {
        return feed_refuse(fault, WIRE_ERROR_COUNT_RANGE, "depth must be 0: only BOOK has one");
    }
    if (channel == TENOR__V1__CHANNEL__BOOK && !class_of_depth(&depth_class, subscribe->depth)) {
        return feed_refuse(fault, WIRE_ERROR_COUNT_RANGE,
                           "depth must be 0 (all), 1, 5, 10, 20, 50 or 100");
    }
    struct feed_subscriber *subscriber = find_or_add(feed, client);
    if (subscriber == NULL) {
        return feed_refuse(fault, WIRE_ERROR_NO_ROOM,
                           "this node has its maximum of subscribers; go on at another node");
    }
    uint32_t slot = (uint32_t)(subscriber - feed->subscribers);
    struct feed_share *share = &subscriber->shares[market - feed->markets];
    share->request[channel] = request;
    if (!has_series(channel)) {
        subscribe_wide(market, slot, channel, request);
    } else if (subscribe->n_series_id > 0) {
        uint32_t kind = kind_of(channel) + depth_class;
        for (size_t i = 0; i < subscribe->n_series_id; i++) {
            uint32_t series = feed_series_find(market, subscribe->series_id[i]);
            subscribe_series(market, slot, channel, kind, series);
        }
    } else {
        uint32_t kind = kind_of(channel) + depth_class;
        share->all[channel] = (uint8_t)(kind + 1);
        for (uint32_t i = 0; i < market->series_used; i++) {
            if (market->series[i].id != 0) subscribe_series(market, slot, channel, kind, i);
        }
    }
    send_subscribed(feed, client, request, market, channel);
    feed_pay(feed, slot);
    return WIRE_ERROR_NONE;
}

enum wire_error feed_unsubscribe(struct feed *feed, struct wire_fault *fault, uint32_t client,
                                 uint64_t request, const Tenor__V1__Unsubscribe *unsubscribe)
{
    struct feed_market *market;
    uint32_t channel = channel_of(feed, (uint32_t)unsubscribe->channel);
    enum wire_error error = check(feed, &market, fault, unsubscribe->market, channel,
                                  unsubscribe->series_id, unsubscribe->n_series_id);
    if (error != WIRE_ERROR_NONE) return error;
    const struct feed_subscriber *subscriber = feed_subscriber_of(feed, client);
    if (subscriber == NULL) {
        return feed_refuse(fault, WIRE_ERROR_NOT_SUBSCRIBED, "this connection has no subscription");
    }
    uint32_t slot = (uint32_t)(subscriber - feed->subscribers);
    if (unsubscribe->n_series_id == 0) take_channel(market, slot, channel);
    for (size_t i = 0; i < unsubscribe->n_series_id; i++) {
        uint32_t series = feed_series_find(market, unsubscribe->series_id[i]);
        leave_channel(market, series, channel, slot);
    }
    release_if_idle(feed, slot);
    send_subscribed(feed, client, request, market, channel);
    return WIRE_ERROR_NONE;
}
