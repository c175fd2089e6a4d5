/* soft: from the ring of the desks to soft feeds (soft.h).
 *
 * A market's feed is empty until somebody subscribes; then it is read, a part at a time between
 * turns, while its steps are told already. It rests again when nobody has subscribed for a while:
 * not at once, so that who comes and goes cannot make the node read its books over and over.
 *
 * Whether the desk is at work here is believed only in the ring's own order, or under the lock with
 * the ring read to its end: so the end of a term is never taken for that of the next one. */
#include "gateway/soft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TELLS_A_TURN = 4096,
    REST_AFTER = 65536, /* steps without a subscriber */
    TRADES_KEPT = 16384,
    OTHERS_KEPT = 1024, /* of histories that a soft feed has no use for: the least */
};

struct soft_market {
    struct feed *feed;
    uint32_t market;
    struct port_lead lead; /* as the ring has said */
    bool is_wanted;        /* its steps are told */
    bool is_loading;       /* parts of its books are to come */
    bool is_lost;          /* the ring had no room: who leads is to be asked anew */
    bool has_news;         /* since the last round */
    int64_t time_ms;
    uint64_t idle_steps;
};

struct gateway_soft {
    struct gateway_direct direct;
    bool may_have;   /* the ring may hold something */
    bool is_between; /* two entries, not two items of one */
    uint32_t markets_count, wanted_count;
    struct soft_market markets[TN_CHAIN_MARKETS_MAX];
    uint64_t rounds, lost, loads, ends, refused;
};

/* ---- Life --------------------------------------------------------------------------------------
 */

struct gateway_soft *gateway_soft_make(const struct feed_options *feed,
                                       const struct gateway_direct *direct)
{
    struct gateway_soft *soft = calloc(1, sizeof *soft);
    if (soft == NULL) return NULL;
    soft->direct = *direct;
    soft->may_have = direct->soft != NULL;
    soft->markets_count = feed->markets_count;
    for (uint32_t i = 0; i < feed->markets_count; i++) {
        struct soft_market *market = &soft->markets[i];
        struct feed_options options = *feed;
        options.is_soft = true;
        options.markets_count = 1;
        options.markets[0] = feed->markets[i];
        options.trades_max = TRADES_KEPT;
        options.liquidations_max = options.blocks_max = OTHERS_KEPT;
        market->market = market->lead.market = feed->markets[i].market;
        market->feed = feed_make(&options);
        if (market->feed != NULL) continue;
        gateway_soft_free(soft);
        return NULL;
    }
    return soft;
}

void gateway_soft_free(struct gateway_soft *soft)
{
    if (soft == NULL) return;
    for (uint32_t i = 0; i < soft->markets_count; i++)
        feed_free(soft->markets[i].feed);
    free(soft);
}

static struct soft_market *find(struct gateway_soft *soft, uint32_t market)
{
    for (uint32_t i = 0; i < soft->markets_count; i++) {
        if (soft->markets[i].market == market) return &soft->markets[i];
    }
    return NULL;
}

/* ---- What the ring tells -----------------------------------------------------------------------
 */

static void set_wanted(struct gateway_soft *soft, struct soft_market *market, bool is_wanted)
{
    soft->wanted_count += is_wanted && !market->is_wanted;
    soft->wanted_count -= !is_wanted && market->is_wanted;
    market->is_wanted = is_wanted;
    market->is_loading = is_wanted;
}

static void tell_round(struct gateway_soft *soft, struct soft_market *market)
{
    if (!market->has_news) return;
    market->has_news = false;
    feed_soft_round(market->feed, market->time_ms);
    soft->rounds++;
}

static void take_step(struct gateway_soft *soft, const struct port_message *message)
{
    struct port_step step;
    TN_ASSERT(message->size >= sizeof step);
    memcpy(&step, message->bytes, sizeof step);
    const struct tn_event *events = (const void *)(message->bytes + sizeof step);
    const struct port_order *orders = (const void *)(events + step.events_count);
    struct soft_market *market = find(soft, step.market);
    soft->is_between = step.item == 0;
    if (market == NULL || feed_is_empty(market->feed)) return;
    step.block = feed_height(market->feed) + 1;
    feed_step(market->feed, &step, events, orders);
    market->time_ms = step.time_ms;
    market->has_news = true;
    market->idle_steps++;
}

static void take_series(struct gateway_soft *soft, const struct port_series *series)
{
    struct soft_market *market = find(soft, series->market);
    if (market == NULL || feed_is_empty(market->feed)) return;
    feed_series(market->feed, series);
    market->has_news = true;
}

static void take_part(struct gateway_soft *soft, const struct port_message *message)
{
    struct port_snapshot *part;
    TN_ASSERT(message->size == sizeof part);
    memcpy(&part, message->bytes, sizeof part);
    struct soft_market *market = find(soft, part->market);
    if (market != NULL) {
        tell_round(soft, market);
        part->height = feed_height(market->feed) + (part->is_first ? 1 : 0);
        market->time_ms = part->time_ms;
        feed_snapshot(market->feed, part);
        if (part->is_last) market->is_loading = false;
    }
    free(part);
}

/* The Error with which channels end here, and with which new ones are refused. */
static void say_elsewhere(char text[static 192], const struct port_lead *lead)
{
    if (lead->is_own) {
        snprintf(text, 192,
                 "this node is about to lead market %u, or to give it up: try again in a "
                 "moment",
                 lead->market);
    } else if (lead->clients[0] != '\0') {
        snprintf(text, 192, "market %u is led by the node at %.120s: subscribe there", lead->market,
                 lead->clients);
    } else {
        snprintf(text, 192,
                 "market %u is not led by this node, and the address of its leader "
                 "is not known here: GetCluster names all nodes",
                 lead->market);
    }
}

static void take_lead(struct gateway_soft *soft, const struct port_lead *lead)
{
    struct soft_market *market = find(soft, lead->market);
    if (market == NULL) return;
    const struct port_lead before = market->lead;
    const bool is_over = before.leads && (!lead->leads || lead->term != before.term);
    market->lead = *lead;
    if (is_over) {
        tell_round(soft, market);
        feed_soft_end(market->feed, before.term, lead->sequence);
        set_wanted(soft, market, false);
        soft->ends++;
    }
    if (!lead->leads && !lead->is_own && feed_subscribers(market->feed) > 0) {
        char text[192];
        say_elsewhere(text, lead);
        feed_soft_leave(market->feed, WIRE_ERROR_SOFT_ELSEWHERE, text);
    }
}

/* Tells were lost: all markets are read anew. What they are told meanwhile is left alone. */
static void take_gap(struct gateway_soft *soft)
{
    soft->lost++;
    for (uint32_t i = 0; i < soft->markets_count; i++) {
        struct soft_market *market = &soft->markets[i];
        feed_gap(market->feed);
        set_wanted(soft, market, false);
        market->has_news = false;
        market->is_lost = true;
    }
}

static void take(struct gateway_soft *soft, const struct port_message *message)
{
    soft->is_between = true;
    switch ((enum port_tell)message->kind) {
        case PORT_STEP: take_step(soft, message); return;
        case PORT_SERIES: take_series(soft, (const void *)message->bytes); return;
        case PORT_SNAPSHOT_IS: take_part(soft, message); return;
        case PORT_LEAD: take_lead(soft, (const void *)message->bytes); return;
        case PORT_GAP: take_gap(soft); return;
        case PORT_ANSWER:
        case PORT_ITEM_TAKEN:
        case PORT_REPLY:
        case PORT_SESSION_IS:
        case PORT_TERM:
        case PORT_STATE:
        case PORT_MARKS:
        case PORT_BLOCK: break;
    }
    TN_ASSERT(false);
}

/* Up to so many, and then to the end of an entry. */
static void take_tells(struct gateway_soft *soft, uint32_t most)
{
    struct port_message message;
    uint32_t count = 0;
    while (soft->may_have && (count < most || !soft->is_between)) {
        if (port_next_tell(soft->direct.soft, &message)) {
            take(soft, &message);
            count++;
        } else if (port_tells_sleep(soft->direct.soft)) {
            soft->may_have = false;
        }
    }
}

void gateway_soft_woken(struct gateway_soft *soft)
{
    port_tells_wake(soft->direct.soft);
    soft->may_have = true;
}

static void stay_awake(struct gateway_soft *soft)
{
    port_tells_awake(soft->direct.soft);
    soft->may_have = true;
}

void gateway_soft_expect(struct gateway_soft *soft)
{
    if (soft->wanted_count > 0) stay_awake(soft); /* else nothing is told by this thread */
}

/* ---- Reading a desk's books --------------------------------------------------------------------
 */

/* Under the lock nothing is told: so with the ring read to its end, what is asked now stands right
 * behind all that was told. */
static void load(struct gateway_soft *soft, struct soft_market *market)
{
    const struct gateway_direct *direct = &soft->direct;
    struct port_lead lead;
    stay_awake(soft);
    direct->hold(direct->context);
    take_tells(soft, UINT32_MAX);
    stay_awake(soft);
    direct->want(direct->context, &lead, market->market);
    direct->release(direct->context);
    market->is_lost = false;
    take_lead(soft, &lead);
    set_wanted(soft, market, lead.leads);
    if (lead.leads) soft->loads++;
    take_tells(soft, UINT32_MAX);
}

static void load_part(struct gateway_soft *soft, const struct soft_market *market)
{
    const struct gateway_direct *direct = &soft->direct;
    stay_awake(soft);
    direct->hold(direct->context);
    (void)direct->part(direct->context, market->market);
    direct->release(direct->context);
    take_tells(soft, TELLS_A_TURN);
}

static void rest(struct gateway_soft *soft, struct soft_market *market)
{
    const struct gateway_direct *direct = &soft->direct;
    direct->hold(direct->context);
    direct->leave(direct->context, market->market);
    direct->release(direct->context);
    set_wanted(soft, market, false);
    market->has_news = false;
    feed_soft_rest(market->feed);
}

/* True: it goes on at once. */
static bool turn_market(struct gateway_soft *soft, struct soft_market *market)
{
    if (market->is_loading) load_part(soft, market);
    tell_round(soft, market);
    if (feed_subscribers(market->feed) == 0) {
        if (market->is_wanted && market->idle_steps > REST_AFTER) rest(soft, market);
        return false;
    }
    market->idle_steps = 0;
    if (!market->is_wanted && (market->lead.leads || market->is_lost)) load(soft, market);
    return market->is_loading;
}

bool gateway_soft_turn(struct gateway_soft *soft)
{
    bool more = false;
    if (soft->direct.soft == NULL) return false;
    take_tells(soft, TELLS_A_TURN);
    for (uint32_t i = 0; i < soft->markets_count; i++)
        more |= turn_market(soft, &soft->markets[i]);
    return more || soft->may_have;
}

/* ---- Asked by clients --------------------------------------------------------------------------
 */

bool gateway_soft_has(Tenor__V1__Channel channel)
{
    return channel >= TENOR__V1__CHANNEL__BOOK_SOFT && channel <= TENOR__V1__CHANNEL__TICKER_SOFT;
}

static enum wire_error refuse_market(struct wire_fault *fault)
{
    return feed_refuse(fault, WIRE_ERROR_MARKET_UNKNOWN,
                       "market names none; Hello and GetCluster name them");
}

enum wire_error gateway_soft_subscribe(struct gateway_soft *soft, struct wire_fault *fault,
                                       uint32_t client, uint64_t request,
                                       const Tenor__V1__Subscribe *subscribe)
{
    struct soft_market *market = find(soft, subscribe->market);
    if (market == NULL) return refuse_market(fault);
    if (soft->direct.soft != NULL && !market->is_wanted) load(soft, market);
    if (!market->lead.leads) {
        char text[192];
        soft->refused++;
        say_elsewhere(text, &market->lead);
        return feed_refuse(fault, WIRE_ERROR_SOFT_ELSEWHERE, text);
    }
    return feed_subscribe(market->feed, fault, client, request, subscribe);
}

enum wire_error gateway_soft_unsubscribe(struct gateway_soft *soft, struct wire_fault *fault,
                                         uint32_t client, uint64_t request,
                                         const Tenor__V1__Unsubscribe *unsubscribe)
{
    struct soft_market *market = find(soft, unsubscribe->market);
    if (market == NULL) return refuse_market(fault);
    return feed_unsubscribe(market->feed, fault, client, request, unsubscribe);
}

void gateway_soft_pay(struct gateway_soft *soft)
{
    for (uint32_t i = 0; i < soft->markets_count; i++)
        feed_turn(soft->markets[i].feed);
}

void gateway_soft_ready(struct gateway_soft *soft, uint32_t client)
{
    for (uint32_t i = 0; i < soft->markets_count; i++)
        feed_ready(soft->markets[i].feed, client);
}

void gateway_soft_gone(struct gateway_soft *soft, uint32_t client)
{
    for (uint32_t i = 0; i < soft->markets_count; i++)
        feed_gone(soft->markets[i].feed, client);
}

/* ---- Counters ----------------------------------------------------------------------------------
 */

void gateway_soft_counters(const struct gateway_soft *soft, struct gateway_soft_counters *counters)
{
    *counters = (struct gateway_soft_counters){.rounds = soft->rounds,
                                               .lost = soft->lost,
                                               .loads = soft->loads,
                                               .ends = soft->ends,
                                               .refused = soft->refused};
    for (uint32_t i = 0; i < soft->markets_count; i++) {
        struct feed_counters one;
        feed_counters(soft->markets[i].feed, &one);
#define X(field, type, help) counters->feeds.field += one.field;
        FEED_COUNTER_TABLE(X)
#undef X
    }
}

const struct feed *gateway_soft_feed(const struct gateway_soft *soft, uint32_t market)
{
    const struct soft_market *found = find((struct gateway_soft *)(uintptr_t)soft, market);
    return found == NULL ? NULL : found->feed;
}
