/* internal: what the files of the client library share. client.c has the connection's life, tls.c
 * and socket.c its bytes, send.c what goes out, take.c what comes in, flight.c the frames on their
 * way, standby.c the one that waits at the node, channels.c what is subscribed to, decode*.c
 * messages as plain structs. */
#ifndef NODE_CLIENT_INTERNAL_H
#define NODE_CLIENT_INTERNAL_H

#include "tenor/client.h"
#include "tenor/client_net.h"
#include "wire/wire.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

/* Requests: a frame's is FRAME ‖ nonce, so that a refusal finds it; what the library asks for
 * itself has one of OWN; the caller's tags stand between, plus one. */
#define CLIENT_REQUEST_FRAME (UINT64_C(1) << 63)
#define CLIENT_REQUEST_OWN   (UINT64_C(1) << 62)
#define CLIENT_NONCE_MAX     (UINT64_C(1) << 62) /* of an account: more is a lie */
enum {
    CLIENT_OWN_LOGON,
    CLIENT_OWN_STANDBY,
    CLIENT_OWN_PING,
    CLIENT_OWN_LOGOFF,
    CLIENT_OWN_CLUSTER
};

enum client_phase {
    CLIENT_WAITS, /* for its next attempt */
    CLIENT_TCP,
    CLIENT_TLS,
    CLIENT_HELLO,
    CLIENT_LOGON,
    CLIENT_UP,
    CLIENT_ENDED,
};

/* A frame that nobody has said the end of, by nonce modulo TN_CLIENT_FLIGHT_MAX. */
struct client_flight {
    uint64_t nonce; /* 0: free */
    uint64_t tag;
    uint64_t valid_until;
    uint64_t end;  /* where in all that is sent its message ends; 0: of an earlier connection */
    uint32_t term; /* 0: forced */
    uint8_t wait;
    bool by_stream; /* no node will tell its end: the account's stream does */
};

struct client_channel {
    uint32_t market, depth, series_count;
    uint8_t channel; /* 0: free */
    uint64_t tag;
    uint64_t *series_ids;
};

struct client_peer {
    char host[256];
    uint16_t port;
    mbedtls_x509_crt certificate;
    bool is_authority; /* the certificate vouches for others: names are compared */
    bool has_session;
    mbedtls_ssl_session session; /* to be taken up again: a handshake without signatures */
    /* For who follows a leader: the node that it is, as it said itself; one that was lost is left
     * alone until then. */
    bool has_key;
    uint8_t node_key[33];
    int64_t avoided_ms;
    uint32_t avoided_count; /* in a row */
};

/* Staying with the node that leads a market. */
struct client_follow {
    uint32_t market; /* 0: none is followed */
    uint32_t bound_ms, term;
    uint8_t state;              /* enum tn_leader_state; 0: none yet */
    bool is_trying;             /* soft channels were asked for here, and no answer has come */
    bool is_moving;             /* the connection ends because `next` leads */
    bool has_until;             /* until_ms, if the search is bounded */
    uint32_t next, asked_count; /* asked_count: in this search */
    int64_t until_ms, ask_ms, moved_ms;
    char why[256]; /* the leader is not found */
};

struct client_tls {
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context random;
    mbedtls_ssl_config config;
    mbedtls_ssl_context ssl;
    bool is_open;
    size_t allowed;   /* bytes that this turn may receive: warnings are passed over without end */
    bool wants_write; /* the last read or handshake step waits for that */
};

struct tn_client {
    /* Options, copied. */
    struct client_peer peers[TN_CLIENT_NODES_MAX];
    uint32_t peers_count;
    uint8_t chain_id[32];
    bool any_chain; /* that of the first node that answers */
    uint32_t market;
    bool log_on, stay;
    uint64_t session;
    struct tn_secret_key key;
    uint8_t on_disconnect;
    uint32_t cancel_label, dead_man_blocks, heartbeat_ms, valid_blocks;
    void (*heard)(void *context, const struct tn_client_news *news);
    void *context;
    struct tn_signatures signatures;
    void *signatures_memory;

    /* The connection. */
    enum client_phase phase;
    int socket;
    uint32_t node;         /* index of the present, or next one */
    uint32_t attempts;     /* in a row that led to nothing */
    uint32_t refusals;     /* in a row that no repetition will change */
    uint32_t address_turn; /* which address of a name is tried */
    int64_t now_ms, retry_ms, deadline_ms, heard_ms, sent_ms;
    struct client_tls tls;
    bool is_turning, has_more;                   /* more has come than one turn takes */
    bool leave_wanted, close_wanted, is_closing; /* closing: the Logoff is queued */
    char why[TN_CLIENT_WHY_SIZE + 256];          /* the connection ends; "": it does not */
    bool is_refused;                             /* and trying the same again there is of no use */

    /* Bytes. */
    uint8_t *in, *out;
    size_t in_size, out_size_max, out_start, out_end;
    size_t out_front;    /* a message begins there, at or before out_start */
    size_t writing;      /* bytes that TLS was given and must be given again */
    uint64_t queued_end; /* of the message queued last, in all that is sent */
    uint64_t out_sent;   /* of this connection, ever */
    struct wire_arena arena;

    /* The account. */
    uint32_t account, term;
    uint64_t height, time_ms, nonce_next;
    uint32_t told_term; /* of the market, at a block up to which the stream was told */
    uint64_t told_cursor;
    struct tn_tokens tokens;
    bool has_place, resume_lost;
    uint32_t ahead_count; /* logons in a row that were refused because the place is ahead */
    struct tn_place place;
    struct client_flight flights[TN_CLIENT_FLIGHT_MAX];
    uint32_t flights_count;
    struct client_follow follow;
    struct client_channel channels[TN_CLIENT_CHANNELS_MAX];

    /* The standby frame at the node. */
    uint64_t standby_nonce; /* 0: none */
    uint64_t standby_until;
    uint32_t standby_term;
    int64_t standby_ms; /* not before that: the last one was void */
    bool standby_told;

    uint8_t challenge[32];
    uint8_t payload[TN_PAYLOAD_BYTES_MAX];
};

/* ---- client.c */
void client_tell(struct tn_client *client, const struct tn_client_news *news);
/* The connection is to end after this message; the first reason stays. */
void client_fail(struct tn_client *client, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- socket.c */
/* −1: `why` says the reason. */
int client_socket_open(struct tn_client *client, char *why, size_t why_size);
/* 1: connected, 0: not yet, −1: failed. */
int client_socket_check(int socket, char *why, size_t why_size);

/* ---- tls.c: what these return: 1 done, 0 later, −1 failed. */
bool client_tls_make(struct tn_client *client, char *why, size_t why_size);
void client_tls_free(struct tn_client *client);
bool client_tls_load(struct client_peer *peer, const char *path, char *why, size_t why_size);
bool client_tls_open(struct tn_client *client, char *why, size_t why_size);
void client_tls_close(struct tn_client *client);
int client_tls_handshake(struct tn_client *client, char *why, size_t why_size);
/* Bytes, 0: none now, −1: failed or ended. */
int client_tls_read(struct tn_client *client, uint8_t *bytes, size_t room, char *why,
                    size_t why_size);
int client_tls_write(struct tn_client *client, const uint8_t *bytes, size_t size, char *why,
                     size_t why_size);
uint64_t client_random(struct tn_client *client);

/* ---- send.c */
/* Queues a message, in front of what no byte was sent of if it is urgent. */
enum tn_client_result client_queue(struct tn_client *client, const Tenor__V1__ToNode *message,
                                   bool is_urgent);
enum tn_client_result client_logon(struct tn_client *client);
enum tn_client_result client_logoff(struct tn_client *client);
enum tn_client_result client_ping(struct tn_client *client);
uint64_t client_request(uint64_t tag);
uint64_t client_tag(uint64_t request);

/* ---- frames.c */
/* The payload of the commands in client->payload, and its signature: its size, 0: no such one. */
size_t client_sign_frame(struct tn_client *client, struct tn_signature *signature,
                         const struct tn_frame *frame);

/* ---- standby.c */
/* Signs and sends another standby frame if the one at the node is not good for long. */
void client_standby_renew(struct tn_client *client);
void client_standby_void(struct tn_client *client, uint16_t reject);
/* It was sent, or may have been: its nonce is used, and another frame must stand by. */
void client_standby_gone(struct tn_client *client);
/* The next nonce of a frame; the standby's is left out. */
uint64_t client_next_nonce(struct tn_client *client);

/* ---- flight.c */
bool client_flight_has_room(const struct tn_client *client, uint64_t nonce);
void client_flight_add(struct tn_client *client, const struct client_flight *flight);
struct client_flight *client_flight_find(struct tn_client *client, uint64_t nonce);
void client_flight_drop(struct tn_client *client, struct client_flight *flight);
void client_flight_tell(struct tn_client *client, const struct client_flight *flight,
                        enum tn_frame_state state, uint64_t block);
/* The account's stream has the frame of this nonce. */
void client_flights_executed(struct tn_client *client, uint64_t nonce, uint64_t block);
/* The connection is gone: what becomes of each is not known. */
void client_flights_lost(struct tn_client *client);
/* All of the account's stream up to client->place was told, and term and cursor are known: which
 * frames can no more be executed? */
void client_flights_settle(struct tn_client *client);
/* The stream has a hole: what it would have said is not to be known. */
void client_flights_unknown(struct tn_client *client);

/* ---- ask.c */
enum tn_client_result client_queue_item(struct tn_client *client, uint64_t request,
                                        const struct tn_block_item *item);

/* ---- channels.c */
void client_channels_again(struct tn_client *client);
/* Those that the leader alone has, of the market that is followed; returns how many. */
uint32_t client_channels_soft_again(struct tn_client *client);
void client_channels_free(struct tn_client *client);

/* ---- follow.c */
/* Is it a soft channel of the market that is followed? Those are asked for where it may be so. */
bool client_follow_is_soft(const struct tn_client *client, uint32_t market, uint8_t channel);
bool client_follow_may(const struct tn_client *client);
/* A soft channel is wanted; a search that was given up begins anew. */
void client_follow_wanted(struct tn_client *client);
void client_follow_up(struct tn_client *client); /* the connection is up */
void client_follow_term(struct tn_client *client, uint32_t market, uint32_t term);
void client_follow_end(struct tn_client *client, uint32_t market); /* SoftEnd */
/* SOFT_ELSEWHERE came. False: of a market that is not followed. */
bool client_follow_refused(struct tn_client *client, uint64_t tag);
void client_follow_subscribed(struct tn_client *client, uint32_t market, uint8_t channel);
void client_follow_cluster(struct tn_client *client, const Tenor__V1__Cluster *cluster);
/* The connection has ended. True: because `next` leads; it is connected to at once. */
bool client_follow_lost(struct tn_client *client, uint32_t *next);
void client_follow_turn(struct tn_client *client);
int64_t client_follow_due(const struct tn_client *client); /* INT64_MAX: never */

/* ---- take.c */
void client_take(struct tn_client *client, const uint8_t *bytes, size_t size);

/* ---- decode.c, decode_answers.c: false: a message without a meaning, or no memory for it. */
bool client_decode_data(struct tn_client *client, struct tn_client_news *news,
                        const Tenor__V1__FromNode *message);
bool client_decode_answer(struct tn_client *client, struct tn_client_news *news,
                          const Tenor__V1__FromNode *message);
const struct tn_market_head *client_decode_heads(struct tn_client *client,
                                                 Tenor__V1__MarketHead **heads, size_t count);
bool client_decode_ticker(struct tn_ticker *out, const Tenor__V1__Ticker *in);
bool client_decode_liquidation(struct tn_liquidation_news *out, const Tenor__V1__Liquidation *in);
bool client_decode_instrument(struct tn_client *client, struct tn_instrument *out,
                              const Tenor__V1__Instrument *in);

#endif
