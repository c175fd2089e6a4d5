/* gateway_load: what bench_gateway is made of: a testnet of its own, and a load of signed frames
 * that was made before the clock starts. */
#ifndef BENCH_GATEWAY_LOAD_H
#define BENCH_GATEWAY_LOAD_H

#include "bench.h"

#include "tenor/client.h"
#include "tenor/client_net.h"
#include "tenor/command.h"
#include "tenor/signature.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/ssl.h>
#include <sys/types.h>

enum {
    NET_NODES_MAX = 4,
    NET_ACCOUNTS_MAX = 64,
    NET_SERIES_MAX = 64,
    LOAD_CONNECTIONS_MAX = 1024,
    LOAD_STAGE_BYTES = 16384, /* what goes into one TLS record */
    LOAD_IN_BYTES = 1 << 17,
    LOAD_AHEAD_BYTES = 1 << 15,
};

/* ---- The testnet (gateway_net.c) ---------------------------------------------------------------
 * Nodes and the feeder are processes of their own; they die with the bench. */
struct net_account {
    struct tn_secret_key owner, key; /* key: of the session */
    struct tn_public_key session_public;
    struct tn_address address;
    uint32_t account;
    uint64_t session, nonce;
};
struct net_series {
    uint64_t series_id;
    tn_ticks low, high; /* that orders may have */
};
struct net {
    char folder[256];
    uint32_t nodes_count;
    uint32_t checkers_count; /* of a node: threads that check signatures; 0: as it likes */
    uint32_t spin_us;        /* of a node: that its gateway asks for more before it sleeps */
    pid_t nodes[NET_NODES_MAX], feeder;
    struct tn_client_net conf;
    struct tn_signatures signatures;
    struct net_account accounts[NET_ACCOUNTS_MAX];
    uint32_t accounts_count;
    struct net_series series[NET_SERIES_MAX];
    uint32_t series_count;
};
/* Makes the homes and starts the nodes, until all serve clients. */
void net_start(struct net *net, const char *folder, uint32_t nodes_count);
void net_start_node(struct net *net, uint32_t index);
/* Until it serves clients. */
void net_wait_node(struct net *net, uint32_t index);
/* Asked to stop, and waited for. */
void net_stop_node(struct net *net, uint32_t index);
/* Lists series and feeds prices from now on; returns when they flow. */
void net_feed(struct net *net, uint32_t series_count);
/* Opens and funds accounts with a session each; the series with their bands are known afterwards.
 */
void net_open_accounts(struct net *net, uint32_t accounts_count);
void net_stop(struct net *net);
uint64_t net_rss_bytes(const struct net *net, uint32_t index);
uint64_t net_cpu_us(const struct net *net, uint32_t index); /* processor time of a node, ever */
/* A metric of a node that has no labels, as it stands. */
uint64_t net_metric(const struct net *net, uint32_t index, const char *name);

/* ---- The load (gateway_load.c) -----------------------------------------------------------------
 */
struct load_connection {
    int fd;
    mbedtls_ssl_context ssl;
    /* The library asks for a record's header and then for the rest: a call of the system each. */
    size_t ahead_at, ahead_end;
    uint8_t ahead[LOAD_AHEAD_BYTES];
    enum { LOAD_TLS, LOAD_HELLO, LOAD_LOGON, LOAD_READY, LOAD_CLOSED } state;
    const struct net_account *account; /* NULL: no logon */
    uint32_t index;
    bool wants_write;
    uint8_t *in;
    size_t in_size;
    uint8_t stage[LOAD_STAGE_BYTES];
    size_t stage_size, stage_at;
    uint32_t next, due; /* frames of this connection: sent to the stage, due by the schedule */
};

struct load_frame {
    size_t at;
    uint32_t size;
};

enum load_kind { LOAD_ORDERS, LOAD_QUOTES };

struct load {
    const struct net *net;
    struct load_connection *connections;
    uint32_t connections_count, ready_count;
    int epoll;
    bool spins;
    int receive_bytes; /* that the system takes in for connections from now on; 0: as it likes */
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context random;
    mbedtls_ssl_config config;
    mbedtls_x509_crt certificate;
    uint32_t term;
    uint64_t height;
    /* The frames: the i-th goes to connection i % frames_connections, at start + i * interval. */
    uint8_t *bytes;
    size_t bytes_size, bytes_room;
    struct load_frame *frames;
    uint32_t frames_count, frames_connections;
    uint64_t first_request; /* of the frames: answers to earlier ones have lower numbers */
    uint64_t staged_count;  /* of the frames: what will have an answer */
    /* What came of them, by their numbers; 0: nothing came. */
    uint64_t start_ns, interval_ns, last_ns; /* last_ns: of the last answer */
    uint64_t *sent_ns, *soft_ns, *final_ns;  /* sent_ns: given to TLS */
    uint64_t soft_count, final_count, error_count, reject_count, commands_count;
    uint32_t error_code; /* the last one */
};

void load_open(struct load *load, const struct net *net);
void load_close(struct load *load);
/* Adds a connection to a node; account NULL: no logon. It is opened by load_turn. */
struct load_connection *load_connect(struct load *load, uint32_t node,
                                     const struct net_account *account);
/* Until so many connections are logged on; false when that takes longer than wait_ms. */
bool load_until_ready(struct load *load, uint32_t count, uint64_t wait_ms);
/* Signs frames_count frames for the first connections; `wait` is enum tn_client_wait. */
void load_sign(struct load *load, enum load_kind kind, uint32_t frames_count, uint32_t connections,
               enum tn_client_wait wait);
/* Sends them at that rate, sends nothing more drain_ms after the last one was due, and waits
 * until all that was sent has an answer. */
void load_run(struct load *load, uint64_t frames_per_second, uint64_t drain_ms);
/* Sorted ns, 4.29 s at most, of what has an answer: from `since` (NULL: the schedule) to `until`,
 * which are arrays of the load. The caller frees them. */
uint32_t *load_latencies(uint32_t *count, const struct load *load, const uint64_t *since,
                         const uint64_t *until);
/* A subscription of all series to every channel, and then so many questions whose answers are some
 * 10 KB each with 64 series: from then on the load does not look at the connection. */
void load_subscribe_and_leave(struct load *load, struct load_connection *connection,
                              uint32_t questions);

/* ---- The machine's own (gateway_raw.c) ---------------------------------------------------------
 * Lines of JSON: a ping-pong of 64 bytes between two threads over TCP and TLS. */
void raw_print(bool is_quick);

/* Round trips over plain TCP that are due by the clock; since the first one was due. */
struct raw_times {
    uint64_t interval_ns;
    uint32_t count;
    uint64_t *sent_ns, *answered_ns;
};
/* Fills in the times: the loop of load_run, and a thread that answers at once. */
void raw_run(struct raw_times *times, bool client_spins, bool server_spins);

/* ---- Both beside each other (gateway_beside.c) -------------------------------------------------
 * Signs and sends orders of the load's first connection by the clock, and raw round trips by the
 * same clock and loop, in short rounds by turns; one line of JSON. The load is connected. */
void beside_print(struct load *load, uint32_t frames_per_second, uint32_t rounds);

#endif
