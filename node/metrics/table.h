/* The list of metrics: X(id, name, type, label, places, names, unit, help).
 *
 * places: how many values it has; more than one are told apart by the label, whose values are the
 * `names` of metrics/table.c (numbers: 0, 1, …; markets: 1, 2, …). unit: what a value is divided by
 * when it is shown. Add a line here, set it in cluster/loop_metrics.c, and run the tests:
 * docs/metrics.md is made from this list. What the gateway counts comes from its own table. */
#ifndef NODE_METRICS_TABLE_H
#define NODE_METRICS_TABLE_H

#include "gateway/gateway.h"
#include "link/link.h"
#include "tenor/chain.h"
#include "tenor/gossip.h"
#include "tenor/waiting.h"

#define METRICS_BOUNDS       19u
#define METRICS_MEMBER_COUNT 13u /* uint64_t of struct tn_member_counters */
#define METRICS_VOTES_COUNT  29u /* … of struct tn_sequencer_counters */
#define METRICS_CHAIN_COUNT  14u /* … of struct tn_chain_counters */
#define METRICS_DESK_COUNT   15u /* … of struct tn_desk_counts */
#define METRICS_SERVED_COUNT 8u  /* … of struct sync_server_counters */
#define METRICS_TAKEN_COUNT  9u  /* … of struct sync_client_counters */

/* Why a node is not ready: X(id, word, sentence). */
#define METRICS_REASON_TABLE(X)                                                                    \
    X(STARTING, "starting", "the node has not read its home yet")                                  \
    X(SYNCING, "syncing", "the node takes the state from its peers")                               \
    X(VOICE, "voice", "the node does not vote: see voice in tenord status")                        \
    X(BEHIND, "behind", "the node is further behind the set than metrics.ready_lag_blocks")        \
    X(QUORUM, "quorum", "the peers that are up are no quorum of the set")                          \
    X(DISK, "disk", "the disk is full")                                                            \
    X(FEEDS, "feeds", "index prices are older than metrics.ready_feed")                            \
    X(GATEWAY, "gateway", "the gateway for clients does not run")                                  \
    X(STOPPING, "stopping", "the node was told to stop")
enum metrics_reason {
#define X(id, word, sentence) METRICS_REASON_##id,
    METRICS_REASON_TABLE(X)
#undef X
        METRICS_REASONS
};

#define METRICS_NODE_TABLE(X)                                                                      \
    X(BUILD_INFO, "tenor_build_info", GAUGE, "version", 1, build, 1,                               \
      "Always 1; the label says the version.")                                                     \
    X(READY, "tenor_ready", GAUGE, "", 1, none, 1, "Whether /readyz says yes.")                    \
    X(NOT_READY, "tenor_not_ready", GAUGE, "reason", METRICS_REASONS, reasons, 1,                  \
      "Why it does not: 1 where a reason holds.")                                                  \
    X(HEIGHT, "tenor_block_height", GAUGE, "", 1, none, 1, "Height of the last executed block.")   \
    X(BLOCK_TIME, "tenor_block_timestamp_seconds", GAUGE, "", 1, none, 1000,                       \
      "Time of the last executed block.")                                                          \
    X(FINAL_HEIGHT, "tenor_final_height", GAUGE, "", 1, none, 1,                                   \
      "Height of the last final block that was delivered.")                                        \
    X(VIEWS_BEHIND, "tenor_views_behind", GAUGE, "", 1, none, 1,                                   \
      "Views between the highest one known final and the last one delivered.")                     \
    X(VIEW, "tenor_view", GAUGE, "", 1, none, 1, "The present view.")                              \
    X(EPOCH, "tenor_epoch", GAUGE, "", 1, none, 1, "The present epoch.")                           \
    X(CHECKPOINT_HEIGHT, "tenor_checkpoint_height", GAUGE, "", 1, none, 1,                         \
      "Height of the highest certified checkpoint.")                                               \
    X(STORED_HEIGHT, "tenor_stored_height", GAUGE, "", 1, none, 1,                                 \
      "Height up to which the store is durable.")                                                  \
    X(VOICE, "tenor_voice", GAUGE, "voice", 5, voices, 1,                                          \
      "Whether the node votes: 1 at the state that holds.")                                        \
    X(WEIGHT_UP, "tenor_reachable_weight", GAUGE, "", 1, none, 1,                                  \
      "Weight of the validators that are up, this node's included.")                               \
    X(WEIGHT, "tenor_set_weight", GAUGE, "", 1, none, 1,                                           \
      "Weight of all validators of the present set.")                                              \
    X(DISK_FULL, "tenor_disk_full", GAUGE, "", 1, none, 1,                                         \
      "1 while the disk is full and the node is silent.")                                          \
    X(FINALITY, "tenor_finality_seconds", HISTOGRAM, "", METRICS_BOUNDS + 2, none, 1000000,        \
      "From the sealing of a batch here to its execution here as final.")                          \
    X(ORDERS, "tenor_gateway_order_seconds", HISTOGRAM, "", METRICS_BOUNDS + 2, none, 1000000,     \
      "From reading a client's frame to sending its soft answer.")                                 \
    X(MEMBER, "tenor_member_events_total", COUNTER, "event", METRICS_MEMBER_COUNT, member, 1,      \
      "What came to the node's member, and what it did not take.")                                 \
    X(FORWARDED_HELD, "tenor_forwarded_held", GAUGE, "", 1, none, 1,                               \
      "Frames that peers passed on and that wait until the desk has room.")                        \
    X(FORWARDED, "tenor_forwarded_total", COUNTER, "what", 4, forwarded, 1,                        \
      "Frames that peers passed on: held, late (given up to the desk after clients.limits.hold), " \
      "refused for want of room here, dropped with the member.")                                   \
    X(VOTES, "tenor_sequencer_events_total", COUNTER, "event", METRICS_VOTES_COUNT, votes, 1,      \
      "What the sequencer did, and what it dropped.")                                              \
    X(CHAIN, "tenor_chain_events_total", COUNTER, "event", METRICS_CHAIN_COUNT, chain, 1,          \
      "What was executed and judged.")                                                             \
    X(GOSSIP, "tenor_gossip_events_total", COUNTER, "event", TN_GOSSIP_COUNTERS, gossip, 1,        \
      "Batches and announcements: dropped by reason, and taken.")                                  \
    X(WAITING, "tenor_waiting_events_total", COUNTER, "event", TN_WAITING_COUNTERS, waiting, 1,    \
      "Items of blocks: dropped by reason, and taken.")                                            \
    X(WAITING_ITEMS, "tenor_waiting_items", GAUGE, "kind", 7, items, 1,                            \
      "Items that wait for a block.")                                                              \
    X(DESK, "tenor_desk_events_total", COUNTER, "event", METRICS_DESK_COUNT, desk, 1,              \
      "Frames at the desks of this node, all markets together: refused by reason, and taken.")     \
    X(MARKET_TERM, "tenor_market_term", GAUGE, "market", TN_CHAIN_MARKETS_MAX, markets, 1,         \
      "The market's present term.")                                                                \
    X(MARKET_SEQUENCE, "tenor_market_batches", GAUGE, "market", TN_CHAIN_MARKETS_MAX, markets, 1,  \
      "Batches of the market's stream that were executed.")                                        \
    X(MARKET_LEADS, "tenor_market_leads", GAUGE, "market", TN_CHAIN_MARKETS_MAX, markets, 1,       \
      "1 when this node leads the market.")                                                        \
    X(MARKET_FEED_AGE, "tenor_market_feed_age_seconds", GAUGE, "market", TN_CHAIN_MARKETS_MAX,     \
      markets, 1000, "Age of the oldest index price of the market, by the last block's time.")     \
    X(MARKET_ACCOUNTS, "tenor_market_accounts", GAUGE, "market", TN_CHAIN_MARKETS_MAX, markets, 1, \
      "Accounts of the market.")                                                                   \
    X(SIGNATURE_CHECKS, "tenor_signature_checks_total", COUNTER, "by", 2, checkers, 1,             \
      "Signatures that were checked, by the table of a key or by the library.")                    \
    X(SIGNATURE_AUDITS, "tenor_signature_audits_total", COUNTER, "", 1, none, 1,                   \
      "Of those that a table confirmed: asked of the library too.")                                \
    X(SIGNATURE_DIFFERENCES, "tenor_signature_differences_total", COUNTER, "", 1, none, 1,         \
      "Of those that a table denied: the library confirmed them, which is an error to report.")    \
    X(KEY_TABLES, "tenor_key_tables_made_total", COUNTER, "", 1, none, 1,                          \
      "Tables of keys that were made: node.key_tables.")                                           \
    X(PEERS_UP, "tenor_peers_up", GAUGE, "", 1, none, 1, "Peers that are up.")                     \
    X(PEERS, "tenor_peers", GAUGE, "", 1, none, 1, "Peers that tenord.toml names.")                \
    X(PEER_UP, "tenor_peer_up", GAUGE, "peer", TN_PEERS_MAX, numbers, 1,                           \
      "1 when the peer is up; its index in the present set.")                                      \
    X(PEER_UPS, "tenor_peer_ups_total", COUNTER, "peer", TN_PEERS_MAX, numbers, 1,                 \
      "Times that the peer came up.")                                                              \
    X(PEER_SENT, "tenor_peer_sent_bytes_total", COUNTER, "peer", TN_PEERS_MAX, numbers, 1,         \
      "Bytes sent to the peer.")                                                                   \
    X(PEER_RECEIVED, "tenor_peer_received_bytes_total", COUNTER, "peer", TN_PEERS_MAX, numbers, 1, \
      "Bytes received from the peer.")                                                             \
    X(PEER_QUEUED, "tenor_peer_queued_bytes", GAUGE, "peer", TN_PEERS_MAX, numbers, 1,             \
      "Bytes that wait to be sent to the peer.")                                                   \
    X(PEER_FULL, "tenor_peer_refused_full_total", COUNTER, "peer", TN_PEERS_MAX, numbers, 1,       \
      "Messages that had no room in the peer's queue.")                                            \
    X(PEER_AWAY, "tenor_peer_refused_away_total", COUNTER, "peer", TN_PEERS_MAX, numbers, 1,       \
      "Messages not sent because the peer was not up.")                                            \
    X(PEER_LOST, "tenor_peer_lost_total", COUNTER, "peer", TN_PEERS_MAX, numbers, 1,               \
      "Messages that were queued when the peer went down.")                                        \
    X(PEER_OVER, "tenor_peer_over_rate_total", COUNTER, "peer", TN_PEERS_MAX, numbers, 1,          \
      "Messages of the peer that were dropped: over its rates.")                                   \
    X(PEER_ROUND_TRIP, "tenor_peer_round_trip_seconds", GAUGE, "peer", TN_PEERS_MAX, numbers,      \
      1000000, "Last ping of the connection for votes.")                                           \
    X(LINK_DIALLED, "tenor_link_dialled_total", COUNTER, "", 1, none, 1,                           \
      "Connections to peers that were tried.")                                                     \
    X(LINK_ACCEPTED, "tenor_link_accepted_total", COUNTER, "", 1, none, 1,                         \
      "Connections that came in for peers.")                                                       \
    X(LINK_REFUSED, "tenor_link_refused_total", COUNTER, "reason", LINK_REASONS, links, 1,         \
      "Connections that did not become a peer's.")                                                 \
    X(LINK_DOWN, "tenor_link_down_total", COUNTER, "reason", LINK_REASONS, links, 1,               \
      "Times that a peer went down, by reason.")                                                   \
    X(LINK_ERRORS, "tenor_link_accept_errors_total", COUNTER, "", 1, none, 1,                      \
      "Connections that the system could not give.")                                               \
    X(LINK_HALF_OPEN, "tenor_link_handshaking", GAUGE, "", 1, none, 1,                             \
      "Connections in their handshake.")                                                           \
    X(NOT_SENT, "tenor_messages_full_total", COUNTER, "", 1, none, 1,                              \
      "Messages of the member that met a full queue.")                                             \
    X(SERVED, "tenor_sync_served_total", COUNTER, "event", METRICS_SERVED_COUNT, served, 1,        \
      "State served to peers.")                                                                    \
    X(TAKEN, "tenor_sync_taken_total", COUNTER, "event", METRICS_TAKEN_COUNT, taken, 1,            \
      "State taken from peers, since the node began to.")                                          \
    X(SYNC_ENDS, "tenor_sync_ends_total", COUNTER, "", 1, none, 1,                                 \
      "State syncs that ended in vain: no peer had a state to give, blocks are fetched instead.")  \
    X(PORT_ASKS, "tenor_port_asks_total", COUNTER, "", 1, none, 1,                                 \
      "What the gateway asked the node's thread.")                                                 \
    X(PORT_ASKS_REFUSED, "tenor_port_asks_refused_total", COUNTER, "", 1, none, 1,                 \
      "What it could not ask: the ring was full.")                                                 \
    X(PORT_TELLS, "tenor_port_tells_total", COUNTER, "", 1, none, 1,                               \
      "What the node's thread told the gateway.")                                                  \
    X(PORT_TELLS_DROPPED, "tenor_port_tells_dropped_total", COUNTER, "", 1, none, 1,               \
      "What it could not tell: the ring was full.")                                                \
    X(PORT_GAPS, "tenor_port_gaps_total", COUNTER, "", 1, none, 1,                                 \
      "Holes in what the gateway was told.")                                                       \
    X(LOG_LINES, "tenor_log_lines_total", COUNTER, "", 1, none, 1, "Lines of the log.")            \
    X(LOG_DROPPED, "tenor_log_dropped_total", COUNTER, "", 1, none, 1,                             \
      "Lines that found no room: nobody reads standard error.")                                    \
    X(LOG_FAILED, "tenor_log_failed_total", COUNTER, "", 1, none, 1,                               \
      "Lines that standard error refused.")                                                        \
    X(HTTP_ACCEPTED, "tenor_http_connections_total", COUNTER, "", 1, none, 1,                      \
      "Connections to this page's server.")                                                        \
    X(HTTP_REQUESTS, "tenor_http_requests_total", COUNTER, "", 1, none, 1,                         \
      "Requests to it that were answered.")                                                        \
    X(HTTP_FULL, "tenor_http_refused_full_total", COUNTER, "", 1, none, 1,                         \
      "Connections closed at once: metrics.connections_max.")                                      \
    X(HTTP_BAD, "tenor_http_refused_bad_total", COUNTER, "", 1, none, 1,                           \
      "Requests refused: no HTTP, too large, another method.")                                     \
    X(HTTP_LATE, "tenor_http_timeouts_total", COUNTER, "", 1, none, 1,                             \
      "Connections closed: metrics.request.")                                                      \
    X(HTTP_ERRORS, "tenor_http_accept_errors_total", COUNTER, "", 1, none, 1,                      \
      "Connections that the system could not give.")                                               \
    X(RELOADS, "tenor_reloads_total", COUNTER, "", 1, none, 1,                                     \
      "Times that settings were taken up at SIGHUP.")                                              \
    X(RELOADS_REFUSED, "tenor_reloads_refused_total", COUNTER, "", 1, none, 1,                     \
      "Times that they were refused and the old ones stayed.")                                     \
    X(START_TIME, "process_start_time_seconds", GAUGE, "", 1, none, 1,                             \
      "When the process started.")                                                                 \
    X(CPU, "process_cpu_seconds_total", COUNTER, "", 1, none, 1000000,                             \
      "Processor time of all threads.")                                                            \
    X(RESIDENT, "process_resident_memory_bytes", GAUGE, "", 1, none, 1,                            \
      "Memory that the process holds.")                                                            \
    X(FDS, "process_open_fds", GAUGE, "", 1, none, 1, "Open descriptors.")                         \
    X(FDS_MAX, "process_max_fds", GAUGE, "", 1, none, 1, "Descriptors that it may open.")

/* X must be defined where these are used: a row of the gateway's table as one of ours. */
#define METRICS_NAME_COUNTER(field) "tenor_gateway_" #field "_total"
#define METRICS_NAME_GAUGE(field)   "tenor_gateway_" #field
#define METRICS_GATEWAY_ROW(field, type, help)                                                     \
    X(gateway_##field, METRICS_NAME_##type(field), type, "", 1, none, 1, help)

#define METRICS_TABLE(X) METRICS_NODE_TABLE(X) GATEWAY_COUNTER_TABLE(METRICS_GATEWAY_ROW)

#endif
