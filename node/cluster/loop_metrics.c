/* All that a node counts, onto its board: the node's thread does it some times a second, and copies
 * numbers only. What the process is (memory, descriptors) the http thread finds out when asked. */
#include "cluster/loop_gateway.h"
#include "cluster/loop_internal.h"
#include "cluster/operate.h"
#include "gateway/gateway.h"
#include "tenor/riskview.h"

#include <string.h>

static struct metrics_board *board_of(const struct loop *loop)
{
    return loop->operate->board;
}

/* ---- The member --------------------------------------------------------------------------------
 */

/* Structs of nothing but uint64_t: metrics/table.c holds their fields against their words. */
static void set_struct(struct metrics_board *board, enum metrics_metric metric,
                       const void *counters)
{
    uint64_t values[64];
    const uint32_t places = metrics_places(metric);
    TN_ASSERT(places <= sizeof values / sizeof values[0]);
    memcpy(values, counters, places * sizeof values[0]);
    metrics_set_all(board, metric, values);
}

static void count_desks(const struct loop *loop)
{
    uint64_t totals[METRICS_DESK_COUNT] = {0}, values[METRICS_DESK_COUNT];
    for (uint32_t i = 0; i < loop->set->limits.markets_count; i++) {
        struct tn_member_desk desk;
        tn_member_desk(&desk, loop->member, i);
        _Static_assert(sizeof values == sizeof(struct tn_desk_counts), "all of them");
        memcpy(values, &desk.counts, sizeof values);
        for (uint32_t k = 0; k < METRICS_DESK_COUNT; k++)
            totals[k] += values[k];
    }
    metrics_set_all(board_of(loop), METRICS_DESK, totals);
}

/* The age of the oldest index price; 0 when the market has none to be fed. */
static int64_t feed_age_ms(const struct loop *loop, uint32_t place)
{
    struct tn_underlying_risk_view view;
    int64_t oldest_ms = 0;
    struct tn_market *market = tn_chain_market(tn_member_chain(loop->member), place);
    const struct tn_exchange *exchange = tn_market_exchange(market);
    for (uint16_t i = 1; tn_exchange_underlying_risk(exchange, &view, i); i++) {
        int64_t age_ms = loop->clock.unix_ms - view.spot.time_ms;
        if (age_ms > oldest_ms) oldest_ms = age_ms;
    }
    return oldest_ms;
}

/* The oldest of all markets. */
static int64_t count_markets(const struct loop *loop)
{
    struct metrics_board *board = board_of(loop);
    struct tn_chain *chain = tn_member_chain(loop->member);
    const struct tn_chain_heads *heads = tn_chain_heads(chain);
    int64_t oldest_ms = 0;
    for (uint32_t i = 0; i < loop->set->limits.markets_count; i++) {
        struct tn_member_desk desk;
        tn_member_desk(&desk, loop->member, i);
        const int64_t age_ms = feed_age_ms(loop, i);
        const struct tn_exchange *exchange = tn_market_exchange(tn_chain_market(chain, i));
        metrics_set_at(board, METRICS_MARKET_TERM, i, heads->streams[i].term);
        metrics_set_at(board, METRICS_MARKET_SEQUENCE, i, heads->streams[i].sequence);
        metrics_set_at(board, METRICS_MARKET_LEADS, i, desk.leads);
        metrics_set_at(board, METRICS_MARKET_FEED_AGE, i, (uint64_t)age_ms);
        metrics_set_at(board, METRICS_MARKET_ACCOUNTS, i, tn_exchange_accounts_count(exchange));
        if (age_ms > oldest_ms) oldest_ms = age_ms;
    }
    return oldest_ms;
}

static void count_finality(const struct loop *loop)
{
    uint64_t counts[METRICS_BOUNDS + 1] = {0};
    const struct finality *finality = &loop->finality;
    for (uint32_t i = 0; i < FINALITY_BUCKETS; i++) {
        /* The last bucket of finality has everything longer too. */
        const uint64_t upper_us = (uint64_t)(i + 1) * FINALITY_BUCKET_US;
        const bool is_last = i + 1 == FINALITY_BUCKETS;
        counts[is_last ? METRICS_BOUNDS : metrics_bucket(upper_us)] += finality->buckets[i];
    }
    metrics_set_histogram(board_of(loop), METRICS_FINALITY, counts, finality->sum_us);
}

static void count_forwarded(const struct loop *loop)
{
    const struct forwarded_counters *counters = forwarded_counters(loop->forwarded);
    const uint64_t values[] = {counters->frames, counters->late, counters->refused,
                               counters->dropped};
    metrics_set_at(board_of(loop), METRICS_FORWARDED_HELD, 0, counters->held);
    metrics_set_all(board_of(loop), METRICS_FORWARDED, values);
}

static void count_cores(const struct loop *loop)
{
    struct metrics_board *board = board_of(loop);
    count_forwarded(loop);
    const struct tn_waiting *waiting = tn_member_waiting(loop->member);
    set_struct(board, METRICS_MEMBER, tn_member_counters(loop->member));
    set_struct(board, METRICS_VOTES, tn_sequencer_counters(tn_member_sequencer(loop->member)));
    set_struct(board, METRICS_CHAIN, tn_chain_counters(tn_member_chain(loop->member)));
    set_struct(board, METRICS_GOSSIP, tn_gossip_counters(tn_member_gossip(loop->member)));
    set_struct(board, METRICS_WAITING, tn_waiting_counters(waiting));
    set_struct(board, METRICS_SERVED, sync_server_counters(loop->server));
    for (uint8_t kind = TN_ITEM_REPORT; kind <= TN_ITEM_EVIDENCE; kind++) {
        metrics_set_at(board, METRICS_WAITING_ITEMS, kind - TN_ITEM_REPORT,
                       tn_waiting_count(waiting, kind));
    }
}

/* ---- The links ---------------------------------------------------------------------------------
 */

static uint64_t sum_of(const uint64_t *values, uint32_t count)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += values[i];
    return sum;
}

static void count_peer(struct metrics_board *board, uint16_t peer,
                       const struct link_peer_statistics *of)
{
    metrics_set_at(board, METRICS_PEER_UP, peer, of->up);
    metrics_set_at(board, METRICS_PEER_UPS, peer, of->ups);
    metrics_set_at(board, METRICS_PEER_SENT, peer, of->bytes_sent);
    metrics_set_at(board, METRICS_PEER_RECEIVED, peer, of->bytes_received);
    metrics_set_at(board, METRICS_PEER_QUEUED, peer, of->queued_bytes);
    metrics_set_at(board, METRICS_PEER_FULL, peer, sum_of(of->refused_full, TN_PRIORITIES));
    metrics_set_at(board, METRICS_PEER_AWAY, peer, sum_of(of->refused_away, TN_PRIORITIES));
    metrics_set_at(board, METRICS_PEER_LOST, peer, sum_of(of->lost_down, TN_PRIORITIES));
    metrics_set_at(board, METRICS_PEER_ROUND_TRIP, peer, of->round_trip_us[0]);
}

/* After a new epoch other peers have the numbers: what is not there any more is not shown. */
static void clear_peers(struct metrics_board *board)
{
    static const enum metrics_metric metrics[] = {
        METRICS_PEER_UP,         METRICS_PEER_UPS,  METRICS_PEER_SENT, METRICS_PEER_RECEIVED,
        METRICS_PEER_QUEUED,     METRICS_PEER_FULL, METRICS_PEER_AWAY, METRICS_PEER_LOST,
        METRICS_PEER_ROUND_TRIP, METRICS_PEER_OVER};
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++)
        metrics_clear(board, metrics[i]);
}

/* The weight of the present set's members that are up, this node's own with them; 0 without a
 * member. */
static uint64_t count_links(const struct loop *loop)
{
    struct metrics_board *board = board_of(loop);
    struct link_statistics all;
    struct link_peer_statistics one;
    uint64_t downs[LINK_REASONS] = {0}, weight = 0;
    uint32_t up = 0;
    const struct tn_validators *set =
        loop->syncing == NULL ? tn_sequencer_set(tn_member_sequencer(loop->member)) : NULL;
    const uint32_t own = set == NULL ? TN_NONE : tn_member_index(loop->member);
    link_statistics(loop->link, &all);
    clear_peers(board);
    for (uint16_t i = 0; i < TN_PEERS_MAX; i++) {
        if (set != NULL && i == own) weight += set->members[i].weight;
        if (!link_peer_statistics(loop->link, &one, i)) continue;
        count_peer(board, i, &one);
        metrics_set_at(board, METRICS_PEER_OVER, i, sum_of(loop->meters[i].over, TN_PRIORITIES));
        for (uint32_t k = 0; k < LINK_REASONS; k++)
            downs[k] += one.downs[k];
        if (!one.up) continue;
        up++;
        if (set != NULL && i < set->count) weight += set->members[i].weight;
    }
    metrics_set(board, METRICS_PEERS_UP, up);
    metrics_set_all(board, METRICS_LINK_DOWN, downs);
    metrics_set_all(board, METRICS_LINK_REFUSED, all.refused);
    metrics_set(board, METRICS_LINK_DIALLED, all.dialled);
    metrics_set(board, METRICS_LINK_ACCEPTED, all.accepted);
    metrics_set(board, METRICS_LINK_ERRORS, all.accept_errors);
    metrics_set(board, METRICS_LINK_HALF_OPEN, all.half_open);
    if (set != NULL) metrics_set(board, METRICS_WEIGHT, set->weight);
    metrics_set(board, METRICS_WEIGHT_UP, weight);
    return weight;
}

/* ---- The gateway and the rest ------------------------------------------------------------------
 */

static void count_gateway(const struct loop *loop)
{
    struct metrics_board *board = board_of(loop);
    struct gateway_counters counters;
    struct port_counters port;
    uint64_t times[METRICS_BOUNDS + 1], sum_us;
    if (loop->gateway == NULL || !gate_counters(loop, &port)) return;
    gateway_counters(loop->gateway, &counters);
#define X(field, type, help) metrics_set(board, METRICS_gateway_##field, counters.field);
    GATEWAY_COUNTER_TABLE(X)
#undef X
    gateway_order_times(loop->gateway, times, &sum_us);
    metrics_set_histogram(board, METRICS_ORDERS, times, sum_us);
    metrics_set(board, METRICS_PORT_ASKS, port.asks);
    metrics_set(board, METRICS_PORT_ASKS_REFUSED, port.asks_refused);
    metrics_set(board, METRICS_PORT_TELLS, port.tells);
    metrics_set(board, METRICS_PORT_TELLS_DROPPED, port.tells_dropped);
    metrics_set(board, METRICS_PORT_GAPS, port.gaps);
}

static void count_signatures(const struct loop *loop)
{
    struct metrics_board *board = board_of(loop);
    struct tn_signatures_counts counts;
    if (!signing_counts(&counts, &loop->signing)) return;
    metrics_set_at(board, METRICS_SIGNATURE_CHECKS, 0, counts.by_table);
    metrics_set_at(board, METRICS_SIGNATURE_CHECKS, 1, counts.by_library);
    metrics_set(board, METRICS_SIGNATURE_AUDITS, counts.audited);
    metrics_set(board, METRICS_SIGNATURE_DIFFERENCES, counts.differences);
    metrics_set(board, METRICS_KEY_TABLES, counts.made);
}

static void count_operator(const struct loop *loop)
{
    const struct operate *operate = loop->operate;
    struct metrics_board *board = operate->board;
    struct logger_counters log;
    struct http_counters http;
    logger_counters(&log);
    metrics_set(board, METRICS_BUILD_INFO, 1);
    metrics_set(board, METRICS_START_TIME, (uint64_t)operate->start_unix_s);
    metrics_set(board, METRICS_LOG_LINES, log.lines);
    metrics_set(board, METRICS_LOG_DROPPED, log.dropped);
    metrics_set(board, METRICS_LOG_FAILED, log.failed);
    metrics_set(board, METRICS_RELOADS, operate->reloads);
    metrics_set(board, METRICS_RELOADS_REFUSED, operate->reloads_refused);
    metrics_set(board, METRICS_NOT_SENT, loop->sent_full);
    metrics_set(board, METRICS_DISK_FULL, loop->is_full);
    metrics_set(board, METRICS_PEERS, loop->node->settings.peers_count);
    if (operate->http == NULL) return;
    http_counters(operate->http, &http);
    metrics_set(board, METRICS_HTTP_ACCEPTED, http.accepted);
    metrics_set(board, METRICS_HTTP_REQUESTS, http.requests);
    metrics_set(board, METRICS_HTTP_FULL, http.refused_full);
    metrics_set(board, METRICS_HTTP_BAD, http.refused_bad);
    metrics_set(board, METRICS_HTTP_LATE, http.timed_out);
    metrics_set(board, METRICS_HTTP_ERRORS, http.accept_errors);
}

/* ---- Ready or not ------------------------------------------------------------------------------
 */

static void set_ready(struct loop *loop, const bool *holds)
{
    struct operate *operate = loop->operate;
    operate->is_ready = true;
    for (unsigned i = METRICS_REASONS; i-- > 0;) {
        metrics_set_at(operate->board, METRICS_NOT_READY, i, holds[i]);
        if (!holds[i]) continue;
        operate->is_ready = false;
        operate->reason = (enum metrics_reason)i;
    }
    metrics_set(operate->board, METRICS_READY, operate->is_ready);
}

/* Of a node that has a member at work. */
static void count_member(struct loop *loop, bool *holds)
{
    const struct operate *operate = loop->operate;
    struct metrics_board *board = operate->board;
    const struct settings_metrics *settings = &operate->settings.metrics;
    struct tn_sequencer_status status;
    tn_sequencer_status(tn_member_sequencer(loop->member), &status);
    const struct tn_chain_heads *heads = tn_chain_heads(tn_member_chain(loop->member));
    const uint64_t behind = status.known_final_view > status.final_view
                                ? status.known_final_view - status.final_view
                                : 0;
    metrics_set(board, METRICS_HEIGHT, heads->height);
    metrics_set(board, METRICS_BLOCK_TIME, heads->block.time_ms);
    metrics_set(board, METRICS_FINAL_HEIGHT, status.final_height);
    metrics_set(board, METRICS_VIEWS_BEHIND, behind);
    metrics_set(board, METRICS_VIEW, status.view);
    metrics_set(board, METRICS_EPOCH, status.epoch);
    metrics_set(board, METRICS_CHECKPOINT_HEIGHT, status.checkpoint_height);
    metrics_set(board, METRICS_STORED_HEIGHT, keeper_durable_height(loop->keeper));
    metrics_set_one(board, METRICS_VOICE, status.voice);
    count_cores(loop);
    count_desks(loop);
    count_finality(loop);
    int64_t feed_ms = count_markets(loop);
    uint64_t weight = count_links(loop);
    const struct tn_validators *set = tn_sequencer_set(tn_member_sequencer(loop->member));
    holds[METRICS_REASON_VOICE] =
        status.voice != TN_VOICE_SPEAKS && status.voice != TN_VOICE_OBSERVER;
    holds[METRICS_REASON_BEHIND] = behind > settings->ready_lag_blocks;
    holds[METRICS_REASON_QUORUM] = !tn_weight_is_quorum(weight, set->weight);
    holds[METRICS_REASON_FEEDS] = feed_ms > (int64_t)settings->ready_feed_ms;
}

void loop_count(struct loop *loop)
{
    struct operate *operate = loop->operate;
    bool holds[METRICS_REASONS] = {false};
    char text[STATUS_SIZE];
    const bool is_at_work = operate->has_started && loop->link != NULL;
    holds[METRICS_REASON_STARTING] = !operate->has_started;
    holds[METRICS_REASON_SYNCING] = loop->syncing != NULL;
    holds[METRICS_REASON_DISK] = loop->is_full;
    holds[METRICS_REASON_STOPPING] = loop->is_stopping || *loop->options.stop;
    holds[METRICS_REASON_GATEWAY] =
        loop->node->settings.clients.listen[0] != '\0' && loop->gateway == NULL;
    if (is_at_work && loop->syncing == NULL) {
        count_member(loop, holds);
    } else if (is_at_work) {
        count_links(loop);
        set_struct(operate->board, METRICS_TAKEN,
                   sync_client_counters(syncing_client(loop->syncing)));
    }
    metrics_set(operate->board, METRICS_SYNC_ENDS, loop->sync_blocks.tries);
    count_gateway(loop);
    count_signatures(loop);
    count_operator(loop);
    set_ready(loop, holds);
    if (is_at_work) {
        loop_write_status(loop, text);
        metrics_set_text(operate->board, text);
    } else {
        metrics_set_text(operate->board, "height=0 voice=starting");
    }
    metrics_publish(operate->board, clock_us(CLOCK_MONOTONIC));
}
