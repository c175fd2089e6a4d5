/* gateway: the thread that serves clients: TLS, the client protocol, limits.
 *
 * It owns the listening socket and every connection, a small pool of threads for handshakes, the
 * mirror of market data (feed.h) and the history of accounts' streams. With the node's thread it
 * speaks through a port (port.h) and nothing else, so neither ever waits for the other.
 *
 *     port = port_make(…);
 *     gateway_open(&gateway, &options, port, problem);
 *     … the node's thread tells and takes asks, until gateway_close has returned …
 *     gateway_close(gateway);
 *
 * Every queue has a bound, and what a bound costs a client is told to the client and counted. */
#ifndef NODE_GATEWAY_GATEWAY_H
#define NODE_GATEWAY_GATEWAY_H

#include "gateway/direct.h"
#include "gateway/feed.h"
#include "gateway/past.h"
#include "gateway/port.h"
#include "tenor/signature.h"

#define GATEWAY_PROBLEM_SIZE 640u
#define GATEWAY_NAME_SIZE    64u
#define GATEWAY_PATH_SIZE    4096u
#define GATEWAY_ADDRESS_SIZE 256u
#define GATEWAY_BOUNDS_MAX   32u

/* X(field, least, most, default, what it says). All may be changed by gateway_reload but those
 * below the line, whose memory is taken at the start. */
#define GATEWAY_LIMIT_TABLE(X)                                                                     \
    X(address_sessions_max, 1, 65536, 2048, "connections of one address at a time")                \
    X(address_per_second, 1, 100000, 200, "new connections of one address")                        \
    X(address_burst, 1, 100000, 1024, "new connections of one address at once")                    \
    X(account_sessions_max, 1, 1024, 16, "connections logged on to one account")                   \
    X(handshakes_max, 1, 4096, 256, "connections that are not through with TLS yet")               \
    X(handshake_ms, 100, 600000, 10000, "for the TLS handshake")                                   \
    X(heartbeat_least_ms, 100, 60000, 1000, "the shortest heartbeat that a logon may ask for")     \
    X(heartbeat_most_ms, 1000, 600000, 60000, "the longest one")                                   \
    X(heartbeat_ms, 100, 600000, 10000, "of a connection that has not asked for another")          \
    X(orders_per_second, 1, 10000000, 5000, "orders and the like of an account")                   \
    X(orders_burst, 1, 100000000, 20000, "at once")                                                \
    X(quotes_per_second, 1, 100000000, 200000, "sides of quotes of an account")                    \
    X(quotes_burst, 1, 1000000000, 400000, "at once")                                              \
    X(queries_per_second, 1, 1000000, 200, "questions, subscriptions, items of a connection")      \
    X(queries_burst, 1, 1000000, 1000, "at once")                                                  \
    X(frames_max, 1, 65536, 4096, "frames of a connection that are not final yet")                 \
    X(hold_ms, 0, 60000, 1000, "that a frame waits for room at the desk before it is refused")     \
    X(questions_max, 1, 4096, 64, "questions and items of a connection without an answer")         \
    X(question_ms, 100, 600000, 5000, "for the node's answer to a question")                       \
    X(out_bytes_max, 1114112, 1073741824, 8388608, "that wait to be sent to one connection")       \
    X(out_total_max, 1114112, 68719476736, 268435456, "that wait to be sent to all of them")       \
    X(slow_ms, 100, 600000, 10000, "that a connection may take nothing while something waits")     \
    X(drain_ms, 0, 600000, 2000, "for the last words when the node stops")                         \
    X(past_percent, 1, 100, 20, "of a processor, for streams that are read from the store")        \
    X(spin_us, 0, 10000000, 0, "after a frame, that the gateway asks for more before it sleeps")   \
    X(faults_max, 1, 1000000, 64, "bad signatures and the like, before a connection is closed")    \
    /* ---- from here on: at the start only ---- */                                                \
    X(sessions_max, 1, 65536, 4096, "connections at a time, if there are descriptors")             \
    X(handshake_threads, 1, 16, 1, "threads that do handshakes")                                   \
    X(signature_threads, 0, 64, 0, "that check frames; 0: processors less two, or one of two")     \
    X(pending_max, 64, 1048576, 65536, "frames and questions of all that wait for answers")        \
    X(history_bytes, 65536, 68719476736, 33554432, "of accounts' streams kept for a resume")

struct gateway_limits {
#define X(field, least, most, standard, help) uint64_t field;
    GATEWAY_LIMIT_TABLE(X)
#undef X
};
void gateway_limits_default(struct gateway_limits *limits);
/* False: problem names the limit and its range. */
bool gateway_limits_check(const struct gateway_limits *limits, char problem[GATEWAY_PROBLEM_SIZE]);

struct gateway_options {
    /* HOST:PORT or [HOST]:PORT; numbers, or a name of this machine. Port 0: any that is free. */
    char listen[GATEWAY_ADDRESS_SIZE];
    /* PEM: the certificate, others of its chain behind it, and its key (EC or PKCS#8); a file that
     * others can read is refused. */
    char identity[GATEWAY_PATH_SIZE];
    char name[GATEWAY_NAME_SIZE]; /* of the node, for people */
    uint8_t chain_id[32];
    /* Of market data: the markets with their sizes, and how much is kept; send, context,
     * subscribers_max and hash_seed are the gateway's. */
    struct feed_options feed;
    struct gateway_limits limits;
    /* Of real keys; may be called by several threads; outlive the gateway. */
    const struct tn_signatures *signatures;
    struct gateway_direct direct;    /* all zero: every frame goes by the port */
    struct gateway_past_source past; /* all zero: streams go back as far as memory does */
    /* Upper bounds of the buckets of gateway_order_times, in order; they outlive the gateway. */
    const uint64_t *bounds_us;
    uint32_t bounds_count; /* at most GATEWAY_BOUNDS_MAX */
};

struct gateway;

/* Listens and starts the threads. False: problem says what was attempted, on what, and why; nothing
 * is left behind. The port outlives the gateway. */
bool gateway_open(struct gateway **gateway, const struct gateway_options *options,
                  struct port *port, char problem[GATEWAY_PROBLEM_SIZE]);

/* The port that it listens on. */
uint16_t gateway_port(const struct gateway *gateway);

/* Takes limits and identity anew; listen, name, chain and the limits of the start stay. False: the
 * old ones stay all together. Connections that there are keep their certificate and get the new
 * limits. Any thread but the gateway's. */
bool gateway_reload(struct gateway *gateway, const struct gateway_options *options,
                    char problem[GATEWAY_PROBLEM_SIZE]);

/* Takes no more connections, sends the standby frames of those that asked for it, tells all clients
 * that the node stops and gives them drain_ms to read it; then ends the threads. Close the gateway
 * while the node's thread still takes asks, or standby frames are lost; from that thread itself
 * call gateway_stop first, go on with turns until gateway_stopped, then close. */
void gateway_close(struct gateway *gateway);
void gateway_stop(struct gateway *gateway);
/* The node takes nothing while its disk is full: clients are told, and what they send that needs
 * the node is refused with DISK_FULL. Any thread but the gateway's; also when nothing may be told
 * through the port. */
void gateway_set_full(struct gateway *gateway, bool is_full);
bool gateway_stopped(const struct gateway *gateway);

/* ---- What it counts ----------------------------------------------------------------------------
 * X(field, type, what it says). Any thread may read them at any time. */
#define GATEWAY_COUNTER_TABLE(X)                                                                   \
    X(connections, GAUGE, "Connections of clients, handshakes included.")                          \
    X(logged_on, GAUGE, "Connections that are logged on to an account.")                           \
    X(handshaking, GAUGE, "Connections in their TLS handshake.")                                   \
    X(pending, GAUGE, "Frames and questions that wait for an answer.")                             \
    X(out_bytes, GAUGE, "Bytes that wait to be sent to clients.")                                  \
    X(history_events, GAUGE, "Events of accounts' streams kept for a resume.")                     \
    X(signature_threads, GAUGE, "Threads that check signatures of frames.")                        \
    X(checking, GAUGE, "Frames in the line for the check of their signature.")                     \
    X(behind, GAUGE, "Connections whose account's stream comes from the store for now.")           \
    X(past_oldest, GAUGE, "The oldest block whose messages the store has for a resume.")           \
    X(held, GAUGE, "Frames that wait until the desk has room.")                                    \
    X(held_bytes, GAUGE, "Bytes of these.")                                                        \
    X(stopped, GAUGE, "Connections that are not read until then.")                                 \
    X(accepted, COUNTER, "Connections taken.")                                                     \
    X(refused_full, COUNTER, "Connections refused: sessions_max.")                                 \
    X(refused_address, COUNTER, "Connections refused: too many of one address.")                   \
    X(refused_rate, COUNTER, "Connections refused: one address opens them too fast.")              \
    X(accept_paused, COUNTER, "Times that accepting paused: handshakes_max.")                      \
    X(accept_failed, COUNTER, "Connections that the system could not give.")                       \
    X(handshakes, COUNTER, "TLS handshakes done.")                                                 \
    X(handshakes_resumed, COUNTER, "Of these, by a session ticket.")                               \
    X(handshakes_failed, COUNTER, "TLS handshakes that failed.")                                   \
    X(handshakes_late, COUNTER, "TLS handshakes that took too long, or made way for others.")      \
    X(logons, COUNTER, "Logons that passed.")                                                      \
    X(logons_refused, COUNTER, "Logons that did not.")                                             \
    X(logoffs, COUNTER, "Logoffs.")                                                                \
    X(messages_in, COUNTER, "Messages from clients.")                                              \
    X(messages_out, COUNTER, "Messages to clients.")                                               \
    X(writes_full, COUNTER, "Writes that a client's socket had no room for.")                      \
    X(bytes_in, COUNTER, "Bytes from clients, without TLS.")                                       \
    X(bytes_out, COUNTER, "Bytes to clients, without TLS.")                                        \
    X(malformed, COUNTER, "Connections closed for bytes that are no message.")                     \
    X(frames, COUNTER, "Frames passed to the node.")                                               \
    X(frames_direct, COUNTER,                                                                      \
      "Of them, frames that the gateway's thread gave to the desk itself.")                        \
    X(frames_refused, COUNTER, "Frames refused here or by the desk.")                              \
    X(frames_unsigned, COUNTER, "Frames refused here for their signature.")                        \
    X(checked_here, COUNTER, "Signatures of frames checked by the gateway's own thread.")          \
    X(checked_by_threads, COUNTER, "Signatures of frames checked by threads for it.")              \
    X(checks_full, COUNTER, "Times that a frame found the line for checks full.")                  \
    X(frames_held, COUNTER, "Frames that had to wait until the desk had room.")                    \
    X(held_late, COUNTER, "Of these, given to the desk to be refused: hold_ms.")                   \
    X(stops, COUNTER, "Times that a connection was not read for a while: frames were held.")       \
    X(frames_soft, COUNTER, "Frames answered softly.")                                             \
    X(frames_final, COUNTER, "Frames that became final.")                                          \
    X(frames_reverted, COUNTER, "Frames that were soft and will never have been.")                 \
    X(frames_lapsed, COUNTER, "Frames without an answer that can never be executed any more.")     \
    X(frames_away, COUNTER, "Frames whose leader could not be reached.")                           \
    X(limited_orders, COUNTER, "Frames refused for want of tokens for orders.")                    \
    X(limited_quotes, COUNTER, "Frames refused for want of tokens for quotes.")                    \
    X(limited_queries, COUNTER, "Questions refused for want of tokens.")                           \
    X(limited_pending, COUNTER, "Frames and questions refused: too many without an answer.")       \
    X(refused_disk, COUNTER, "Frames and questions refused while the node's disk was full.")       \
    X(busy, COUNTER, "Frames and questions refused: the node's thread takes no more.")             \
    X(items, COUNTER, "Items of blocks passed to the node.")                                       \
    X(questions, COUNTER, "Questions.")                                                            \
    X(questions_late, COUNTER, "Questions that the node did not answer in time.")                  \
    X(standby_set, COUNTER, "Standby frames taken.")                                               \
    X(standby_sent, COUNTER, "Standby frames sent.")                                               \
    X(standby_dead_man, COUNTER, "Of these, because a client was silent for too many blocks.")     \
    X(standby_void, COUNTER, "Standby frames that could no more be executed.")                     \
    X(standby_failed, COUNTER, "Standby frames that no leader took.")                              \
    X(resumed, COUNTER, "Streams that went on after a given place.")                               \
    X(resume_too_old, COUNTER, "Resumes refused: the place is no more kept.")                      \
    X(stream_events, COUNTER, "Events of accounts' streams sent.")                                 \
    X(past_pieces, COUNTER, "Pieces of accounts' streams read from the store.")                    \
    X(past_events, COUNTER, "Events of accounts' streams read from the store.")                    \
    X(past_gone, COUNTER, "Resumes that ended: what followed is kept no more.")                    \
    X(past_failed, COUNTER, "Resumes that ended: the store could not be read.")                    \
    X(past_lost, COUNTER, "Blocks whose messages the store had no room for.")                      \
    X(feed_dropped, COUNTER, "Market data not sent to connections that read too slowly.")          \
    X(lagged, COUNTER, "Times that a connection fell behind with market data.")                    \
    X(cut_slow, COUNTER, "Connections cut: they do not read.")                                     \
    X(cut_silent, COUNTER, "Connections cut: nothing came for two heartbeats.")                    \
    X(cut_faults, COUNTER, "Connections cut: faults_max.")                                         \
    X(guests_waited, COUNTER, "Times that a client without a logon waited: they had their share.") \
    X(lost, COUNTER, "Connections lost or closed by the client without a logoff.")                 \
    X(soft_subscribers, GAUGE, "Clients with subscriptions to soft market data, each market.")     \
    X(soft_steps, COUNTER, "Steps of desks that soft market data has taken in.")                   \
    X(soft_rounds, COUNTER, "Rounds in which soft market data was told.")                          \
    X(soft_sent, COUNTER, "Messages of soft market data sent.")                                    \
    X(soft_owed, COUNTER, "Messages of soft market data that a slow client could not take.")       \
    X(soft_snapshots, COUNTER, "Books told anew as a whole by soft market data.")                  \
    X(soft_gaps, COUNTER, "Channels of soft market data that ended with a gap.")                   \
    X(soft_lost, COUNTER, "Times that the ring of the desks had no room: books were read anew.")   \
    X(soft_loads, COUNTER, "Times that the books of a desk were read for soft market data.")       \
    X(soft_ends, COUNTER, "Terms of desks that ended for soft market data.")                       \
    X(soft_refused, COUNTER, "Subscriptions to soft market data refused: led by another node.")    \
    X(gaps, COUNTER, "Times that steps were missed: not read in time, or in a state sync.")        \
    X(turns, COUNTER, "Turns of the gateway's loop.")                                              \
    X(turns_spun, COUNTER, "Of these, after which it did not sleep: spin_us.")

struct gateway_counters {
#define X(field, type, help) uint64_t field;
    GATEWAY_COUNTER_TABLE(X)
#undef X
};
void gateway_counters(const struct gateway *gateway, struct gateway_counters *counters);
/* How long frames took from being read to their soft answer's being sent: how many of them by
 * bucket, bounds_count + 1, the last one above all bounds, and the sum. */
void gateway_order_times(const struct gateway *gateway, uint64_t *counts, uint64_t *sum_us);

#endif
