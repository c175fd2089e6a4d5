/* feed_pay: who is sent what, and what a slow reader is owed.
 *
 * Subscribers are bits: of each thing that can be subscribed to, a bit for each member and a bit
 * for each one that is owed it. A message goes to members that are owed nothing there; when a queue
 * has no room, the bit is set, and later messages of that thing are left out until it has been told
 * as it stands (a book, a ticker) or, for histories, from the place on where it was lost. So a slow
 * reader costs bits and no memory, and never sees a message before one that it should have had.
 *
 * Paying is bounded by the turn, for others wait meanwhile: it stops before a message when the
 * turn's work is used up, and goes on there. What is paid already is told as it changes, so what is
 * owed only gets less. */
#include "gateway/feed_internal.h"

#include <stdio.h>

struct feed_interest feed_kind_interest(const struct feed_market *market, uint32_t series,
                                        uint32_t kind)
{
    size_t place = (size_t)series * FEED_KINDS + kind;
    uint64_t *bits = market->kind_bits + place * 2 * market->feed->words;
    return (struct feed_interest){&market->kind_count[place], bits, bits + market->feed->words};
}

struct feed_interest feed_wide_interest(struct feed_market *market, enum feed_wide wide)
{
    uint64_t *bits = market->wide_bits + (size_t)wide * 2 * market->feed->words;
    return (struct feed_interest){&market->wide_count[wide], bits, bits + market->feed->words};
}

struct feed_interest feed_chain_interest(struct feed *feed)
{
    return (struct feed_interest){&feed->chain_count, feed->chain_bits,
                                  feed->chain_bits + feed->words};
}

struct feed_subscriber *feed_subscriber_of(struct feed *feed, uint32_t client)
{
    TN_ASSERT(client < FEED_CLIENTS_MAX);
    uint32_t slot = feed->slot_of[client];
    return slot == 0 ? NULL : &feed->subscribers[slot - 1];
}

static bool has_bit(const uint64_t *bits, uint32_t subscriber)
{
    return (bits[subscriber / 64] >> (subscriber % 64) & 1) != 0;
}

/* ---- Sending --------------------------------------------------------------------------------- */

/* False: the queue is full, and the subscriber marked so. */
static bool send_one(struct feed *feed, uint32_t subscriber, size_t size)
{
    struct feed_subscriber *to = &feed->subscribers[subscriber];
    if (!to->full &&
        feed->options.send(feed->options.context, to->client - 1, feed->out, size, false)) {
        feed->counters.sent++;
        return true;
    }
    to->full = true;
    feed->counters.owed++;
    return false;
}

void feed_owe(struct feed *feed, struct feed_interest interest, uint32_t subscriber)
{
    if (has_bit(interest.owed, subscriber)) return;
    struct feed_subscriber *to = &feed->subscribers[subscriber];
    interest.owed[subscriber / 64] |= UINT64_C(1) << (subscriber % 64);
    to->owed++;
    to->paid.market = to->paid.kind = to->paid.series = 0;
    feed->pending = true;
}

static void settle(struct feed *feed, struct feed_interest interest, uint32_t subscriber)
{
    interest.owed[subscriber / 64] &= ~(UINT64_C(1) << (subscriber % 64));
    TN_ASSERT(feed->subscribers[subscriber].owed > 0);
    feed->subscribers[subscriber].owed--;
}

void feed_owe_all(struct feed *feed, struct feed_interest interest)
{
    if (*interest.count == 0) return;
    for (uint32_t word = 0; word < feed->words; word++) {
        for (uint64_t left = interest.members[word]; left != 0; left &= left - 1)
            feed_owe(feed, interest, word * 64 + (uint32_t)__builtin_ctzll(left));
    }
}

bool feed_is_heard(const struct feed *feed, struct feed_interest interest)
{
    uint32_t words = *interest.count == 0 ? 0 : (feed->subscribers_used + 63) / 64;
    for (uint32_t word = 0; word < words; word++) {
        if ((interest.members[word] & ~interest.owed[word]) != 0) return true;
    }
    return false;
}

void feed_tell(struct feed *feed, struct feed_interest interest, size_t size)
{
    if (size == 0 || feed->state != FEED_STATE_WHOLE) {
        feed_owe_all(feed, interest);
        return;
    }
    uint32_t words = (feed->subscribers_used + 63) / 64;
    for (uint32_t word = 0; word < words; word++) {
        uint64_t left = interest.members[word] & ~interest.owed[word];
        for (; left != 0; left &= left - 1) {
            uint32_t subscriber = word * 64 + (uint32_t)__builtin_ctzll(left);
            if (!send_one(feed, subscriber, size)) feed_owe(feed, interest, subscriber);
        }
    }
}

/* ---- Histories ------------------------------------------------------------------------------- */

/* To one who is behind already: his place stays. */
static void tell_history(struct feed *feed, uint32_t subscriber, uint64_t *from, uint64_t place,
                         size_t size)
{
    if (*from != FEED_NOWHERE) return;
    if (!send_one(feed, subscriber, size)) *from = place;
}

static struct feed_share *share_of(const struct feed_market *market, uint32_t subscriber)
{
    uint32_t index = (uint32_t)(market - market->feed->markets);
    return &market->feed->subscribers[subscriber].shares[index];
}

/* A block brought more than the history holds: who follows it is put back to where it was, and ends
 * with a gap when it is paid. */
static void fall_behind(struct feed_market *market, bool trades, uint64_t first)
{
    struct feed *feed = market->feed;
    for (uint32_t i = 0; i < feed->subscribers_used; i++) {
        if (feed->subscribers[i].client == 0) continue;
        struct feed_share *share = share_of(market, i);
        uint64_t *from = trades ? &share->trades_from : &share->liquidations_from;
        bool follows = trades ? share->count[FEED_TRADES] > 0
                              : has_bit(feed_wide_interest(market, FEED_LIQUIDATIONS).members, i);
        if (follows && *from == FEED_NOWHERE) *from = first;
    }
    feed->pending = true;
}

void feed_tell_trades(struct feed_market *market)
{
    struct feed *feed = market->feed;
    if (market->trades_count - market->trades_told > feed->options.trades_max) {
        fall_behind(market, true, market->trades_told);
        market->trades_told = market->trades_count;
    }
    for (; market->trades_told < market->trades_count; market->trades_told++) {
        const struct feed_trade *trade =
            &market->trades[market->trades_told & (feed->options.trades_max - 1)];
        struct feed_interest interest = feed_kind_interest(market, trade->series, FEED_TRADES);
        if (*interest.count == 0 || market->series[trade->series].id != trade->series_id) continue;
        size_t size = 0; /* written for the first who is not behind */
        for (uint32_t word = 0; word < feed->words; word++) {
            for (uint64_t left = interest.members[word]; left != 0; left &= left - 1) {
                uint32_t subscriber = word * 64 + (uint32_t)__builtin_ctzll(left);
                uint64_t *from = &share_of(market, subscriber)->trades_from;
                if (*from != FEED_NOWHERE) continue;
                if (size == 0) size = feed_write_trade(market, trade);
                tell_history(feed, subscriber, from, market->trades_told, size);
            }
        }
    }
}

void feed_tell_liquidations(struct feed_market *market)
{
    struct feed *feed = market->feed;
    struct feed_interest interest = feed_wide_interest(market, FEED_LIQUIDATIONS);
    if (market->liquidations_count - market->liquidations_told > feed->options.liquidations_max) {
        fall_behind(market, false, market->liquidations_told);
        market->liquidations_told = market->liquidations_count;
    }
    for (; market->liquidations_told < market->liquidations_count; market->liquidations_told++) {
        if (*interest.count == 0) continue;
        uint64_t place = market->liquidations_told;
        size_t size = feed_write_liquidation(
            market, &market->liquidations[place & (feed->options.liquidations_max - 1)]);
        for (uint32_t word = 0; word < feed->words; word++) {
            for (uint64_t left = interest.members[word]; left != 0; left &= left - 1) {
                uint32_t subscriber = word * 64 + (uint32_t)__builtin_ctzll(left);
                tell_history(feed, subscriber, &share_of(market, subscriber)->liquidations_from,
                             place, size);
            }
        }
    }
}

/* The last one; it is in the history already. */
void feed_tell_blocks(struct feed *feed)
{
    struct feed_interest interest = feed_chain_interest(feed);
    if (*interest.count == 0) return;
    uint64_t place = feed->blocks_count - 1;
    size_t size = feed_write_block(feed, &feed->blocks[place & (feed->options.blocks_max - 1)]);
    for (uint32_t word = 0; word < feed->words; word++) {
        for (uint64_t left = interest.members[word]; left != 0; left &= left - 1) {
            uint32_t subscriber = word * 64 + (uint32_t)__builtin_ctzll(left);
            tell_history(feed, subscriber, &feed->subscribers[subscriber].blocks_from, place, size);
        }
    }
}

static const char *const names[FEED_CHANNELS] = {
    [TENOR__V1__CHANNEL__BLOCKS] = "BLOCKS", [TENOR__V1__CHANNEL__INSTRUMENTS] = "INSTRUMENTS",
    [TENOR__V1__CHANNEL__TICKER] = "TICKER", [TENOR__V1__CHANNEL__BOOK] = "BOOK",
    [TENOR__V1__CHANNEL__ORDERS] = "ORDERS", [TENOR__V1__CHANNEL__TRADES] = "TRADES",
    [TENOR__V1__CHANNEL__MARKS] = "MARKS",   [TENOR__V1__CHANNEL__LIQUIDATIONS] = "LIQUIDATIONS",
};

/* Ends a channel with an Error: text NULL says which channel it was, and what the code says. */
static void end_channel(struct feed_market *market, uint32_t subscriber, uint32_t channel,
                        uint32_t code, const char *text)
{
    struct feed *feed = market->feed;
    struct feed_subscriber *to = &feed->subscribers[subscriber];
    uint32_t client = to->client - 1;
    char why[160];
    snprintf(why, sizeof why, "%s%s of market %u: %s; subscribe anew", names[channel],
             feed->options.is_soft ? "_SOFT" : "", market->limits.market, wire_error_text(code));
    Tenor__V1__Error error;
    wire_error_fill(&error, code, text == NULL ? why : text);
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    message.request = channel == TENOR__V1__CHANNEL__BLOCKS
                          ? to->blocks_request
                          : share_of(market, subscriber)->request[channel];
    message.body_case = TENOR__V1__FROM_NODE__BODY_ERROR;
    message.error = &error;
    size_t size = feed_write(feed, &message);
    feed->counters.gaps++;
    feed->options.send(feed->options.context, client, feed->out, size, true);
    feed_drop_channel(market, subscriber, channel);
}

/* Between blocks. Who is behind with its trades still gets them if he wants those of all series;
 * who has named it has a gap. */
void feed_keep_trades(struct feed_market *market, uint32_t series)
{
    struct feed *feed = market->feed;
    for (uint32_t i = 0; i < feed->subscribers_used; i++) {
        if (feed->subscribers[i].client == 0) continue;
        const struct feed_share *share = share_of(market, i);
        if (share->trades_from != FEED_NOWHERE && share->all[TENOR__V1__CHANNEL__TRADES] == 0 &&
            has_bit(feed_kind_interest(market, series, FEED_TRADES).members, i)) {
            end_channel(market, i, TENOR__V1__CHANNEL__TRADES, WIRE_ERROR_GAP, NULL);
        }
    }
}

void feed_break_histories(struct feed *feed)
{
    for (uint32_t i = 0; i < feed->subscribers_used; i++) {
        for (uint32_t j = 0; j < feed->options.markets_count; j++) {
            struct feed_market *market = &feed->markets[j];
            if (feed->subscribers[i].client == 0) break;
            if (share_of(market, i)->count[FEED_TRADES] > 0 ||
                share_of(market, i)->all[TENOR__V1__CHANNEL__TRADES] != 0) {
                end_channel(market, i, TENOR__V1__CHANNEL__TRADES, WIRE_ERROR_GAP, NULL);
            }
            if (has_bit(feed_wide_interest(market, FEED_LIQUIDATIONS).members, i)) {
                end_channel(market, i, TENOR__V1__CHANNEL__LIQUIDATIONS, WIRE_ERROR_GAP, NULL);
            }
        }
        if (feed->subscribers[i].client != 0 && feed->subscribers[i].blocks) {
            end_channel(&feed->markets[0], i, TENOR__V1__CHANNEL__BLOCKS, WIRE_ERROR_GAP, NULL);
        }
    }
}

/* ---- Paying ---------------------------------------------------------------------------------- */

static bool may_pay(struct feed *feed)
{
    return feed->work > 0 || feed->options.pay_max == 0;
}

static void spend(struct feed *feed, size_t work)
{
    feed->work = work < feed->work ? feed->work - (uint32_t)work : 0;
}

/* send_one for what was owed. */
static bool pay(struct feed *feed, uint32_t subscriber, size_t size)
{
    spend(feed, FEED_MESSAGE_WORK + size / 32);
    return send_one(feed, subscriber, size);
}

/* Each of these is false when the queue is full, or the turn's work used up, before all is paid. */

static bool pay_blocks(struct feed *feed, uint32_t subscriber)
{
    struct feed_subscriber *to = &feed->subscribers[subscriber];
    if (to->blocks_from == FEED_NOWHERE) return true;
    if (feed->blocks_count - to->blocks_from > feed->options.blocks_max) {
        end_channel(&feed->markets[0], subscriber, TENOR__V1__CHANNEL__BLOCKS, WIRE_ERROR_GAP,
                    NULL);
        return true;
    }
    for (; to->blocks_from < feed->blocks_count; to->blocks_from++) {
        if (!may_pay(feed)) return false;
        size_t size =
            feed_write_block(feed, &feed->blocks[to->blocks_from & (feed->options.blocks_max - 1)]);
        if (!pay(feed, subscriber, size)) return false;
    }
    to->blocks_from = FEED_NOWHERE;
    return true;
}

/* Of a series that has left the market only who wants all are owed trades: see feed_keep_trades. */
static bool wants_trade(const struct feed_market *market, uint32_t subscriber,
                        const struct feed_trade *trade)
{
    if (market->series[trade->series].id != trade->series_id) {
        return share_of(market, subscriber)->all[TENOR__V1__CHANNEL__TRADES] != 0;
    }
    return has_bit(feed_kind_interest(market, trade->series, FEED_TRADES).members, subscriber);
}

static bool pay_trades(struct feed_market *market, uint32_t subscriber)
{
    struct feed *feed = market->feed;
    uint64_t *from = &share_of(market, subscriber)->trades_from;
    if (*from == FEED_NOWHERE) return true;
    if (market->trades_count - *from > feed->options.trades_max) {
        end_channel(market, subscriber, TENOR__V1__CHANNEL__TRADES, WIRE_ERROR_GAP, NULL);
        return true;
    }
    for (; *from < market->trades_told; (*from)++) {
        if (!may_pay(feed)) return false;
        spend(feed, 1);
        const struct feed_trade *trade = &market->trades[*from & (feed->options.trades_max - 1)];
        if (!wants_trade(market, subscriber, trade)) continue;
        if (!pay(feed, subscriber, feed_write_trade(market, trade))) return false;
    }
    *from = FEED_NOWHERE;
    return true;
}

static bool pay_liquidations(struct feed_market *market, uint32_t subscriber)
{
    struct feed *feed = market->feed;
    uint64_t *from = &share_of(market, subscriber)->liquidations_from;
    if (*from == FEED_NOWHERE) return true;
    if (market->liquidations_count - *from > feed->options.liquidations_max) {
        end_channel(market, subscriber, TENOR__V1__CHANNEL__LIQUIDATIONS, WIRE_ERROR_GAP, NULL);
        return true;
    }
    for (; *from < market->liquidations_told; (*from)++) {
        if (!may_pay(feed)) return false;
        size_t size = feed_write_liquidation(
            market, &market->liquidations[*from & (feed->options.liquidations_max - 1)]);
        if (!pay(feed, subscriber, size)) return false;
    }
    *from = FEED_NOWHERE;
    return true;
}

static bool pay_marks(struct feed_market *market, uint32_t subscriber)
{
    struct feed *feed = market->feed;
    struct feed_interest interest = feed_wide_interest(market, FEED_MARKS);
    if (!has_bit(interest.owed, subscriber)) return true;
    if (!may_pay(feed)) return false;
    size_t size = feed_write_marks(market, 0, true);
    if (size == 0) {
        end_channel(market, subscriber, TENOR__V1__CHANNEL__MARKS, WIRE_ERROR_ANSWER_TOO_LARGE,
                    NULL);
        return true;
    }
    if (!pay(feed, subscriber, size)) return false;
    feed->counters.snapshots++;
    settle(feed, interest, subscriber);
    return true;
}

static size_t write_state(struct feed_market *market, uint32_t series, uint32_t kind, bool reverted)
{
    if (kind == FEED_INSTRUMENT) return feed_write_instrument(market, series, 0);
    if (kind == FEED_TICKER) return feed_write_ticker(market, series, 0, reverted);
    if (market->series[series].broken) return 0;
    if (kind == FEED_ORDERS) return feed_write_orders_snapshot(market, series, reverted);
    return feed_write_book_snapshot(market, series, kind - FEED_BOOK, reverted);
}

static bool pay_kind(struct feed_market *market, uint32_t series, uint32_t kind,
                     uint32_t subscriber)
{
    struct feed *feed = market->feed;
    struct feed_interest interest = feed_kind_interest(market, series, kind);
    if (*interest.count == 0 || !has_bit(interest.owed, subscriber)) return true;
    size_t size = write_state(market, series, kind, feed->subscribers[subscriber].reverted);
    if (size == 0) {
        bool orders = kind == FEED_ORDERS;
        end_channel(
            market, subscriber, orders ? TENOR__V1__CHANNEL__ORDERS : TENOR__V1__CHANNEL__BOOK,
            market->series[series].broken ? WIRE_ERROR_NO_ROOM : WIRE_ERROR_ANSWER_TOO_LARGE, NULL);
        return true;
    }
    if (!pay(feed, subscriber, size)) return false;
    feed->counters.snapshots++;
    settle(feed, interest, subscriber);
    return true;
}

/* From where it stopped, until nothing is owed or it must stop: then it is false. */
static bool pay_series(struct feed_market *market, uint32_t subscriber)
{
    struct feed *feed = market->feed;
    struct feed_subscriber *to = &feed->subscribers[subscriber];
    const struct feed_share *share = share_of(market, subscriber);
    const uint32_t index = (uint32_t)(market - feed->markets);
    if (to->paid.market > index) return true;
    if (to->paid.market < index) to->paid.kind = to->paid.series = 0;
    to->paid.market = index;
    for (; to->paid.kind < FEED_KINDS && to->owed > 0; to->paid.kind++, to->paid.series = 0) {
        const uint32_t kind = to->paid.kind;
        if (kind == FEED_TRADES || share->count[kind] == 0) continue;
        for (; to->paid.series < market->series_used && to->owed > 0; to->paid.series++) {
            if (!may_pay(feed)) return false;
            spend(feed, 1);
            if (!pay_kind(market, to->paid.series, kind, subscriber)) return false;
        }
    }
    to->paid.market = index + 1;
    to->paid.kind = to->paid.series = 0;
    return true;
}

/* False: something is left. */
static bool pay_markets(struct feed *feed, uint32_t subscriber)
{
    const struct feed_subscriber *to = &feed->subscribers[subscriber];
    for (uint32_t i = 0; i < feed->options.markets_count; i++) {
        struct feed_market *market = &feed->markets[i];
        if (to->owed > 0 && (!pay_marks(market, subscriber) || !pay_series(market, subscriber))) {
            return false;
        }
        if (!pay_liquidations(market, subscriber) || !pay_trades(market, subscriber)) return false;
    }
    return true;
}

void feed_pay(struct feed *feed, uint32_t subscriber)
{
    struct feed_subscriber *to = &feed->subscribers[subscriber];
    if (to->client == 0 || to->full) return;
    if (feed->state != FEED_STATE_WHOLE || feed->in_block) {
        feed->pending = true;
        return;
    }
    bool is_done = pay_markets(feed, subscriber);
    if (is_done) {
        to->reverted = to->reverted && to->owed > 0;
        is_done = pay_blocks(feed, subscriber);
    }
    if (!is_done && !to->full) feed->options.later(feed->options.context, to->client - 1);
}

void feed_pay_all(struct feed *feed)
{
    if (!feed->pending || feed->state != FEED_STATE_WHOLE || feed->in_block) return;
    feed->pending = false;
    for (uint32_t i = 0; i < feed->subscribers_used; i++)
        feed_pay(feed, i);
}

void feed_turn(struct feed *feed)
{
    feed->work = feed->options.pay_max;
}

void feed_ready(struct feed *feed, uint32_t client)
{
    struct feed_subscriber *subscriber = feed_subscriber_of(feed, client);
    if (subscriber == NULL) return;
    subscriber->full = false;
    feed_pay(feed, (uint32_t)(subscriber - feed->subscribers));
}

/* ---- The end of what is soft -------------------------------------------------------------------
 */

static void rest(struct feed *feed)
{
    feed_clean(&feed->markets[0]);
    feed->state = FEED_STATE_EMPTY;
    feed->in_block = false;
}

void feed_soft_rest(struct feed *feed)
{
    TN_ASSERT(feed->options.is_soft && feed->counters.subscribers == 0);
    rest(feed);
}

void feed_soft_end(struct feed *feed, uint32_t term, uint64_t sequence)
{
    TN_ASSERT(feed->options.is_soft);
    rest(feed);
    size_t size = feed_write_soft_end(&feed->markets[0], term, sequence);
    for (uint32_t i = 0; i < feed->subscribers_used; i++) {
        struct feed_subscriber *to = &feed->subscribers[i];
        if (to->client == 0) continue;
        to->reverted = true;
        to->shares[0].trades_from = FEED_NOWHERE; /* of what is over, nothing more is told */
        feed->options.send(feed->options.context, to->client - 1, feed->out, size, true);
    }
}

void feed_soft_leave(struct feed *feed, enum wire_error code, const char *text)
{
    TN_ASSERT(feed->options.is_soft);
    for (uint32_t i = 0; i < feed->subscribers_used; i++) {
        const struct feed_subscriber *to = &feed->subscribers[i];
        for (uint32_t channel = 1; channel < FEED_CHANNELS && to->client != 0; channel++) {
            if (!feed_has_channel(&feed->markets[0], i, channel)) continue;
            end_channel(&feed->markets[0], i, channel, (uint32_t)code, text);
        }
    }
}
