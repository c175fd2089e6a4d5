/* client: a connection of a trader, a maker, a feeder or an owner to the nodes of a set.
 *
 * One client is one connection at a time, over TLS with the node's certificate pinned, to one node
 * of a list; when it breaks, the client goes to the next one by itself, logs on, takes the
 * account's stream up where it stood and says what became of the frames that were on their way. It
 * is made for any event loop: it never waits, owns no thread and reads no clock. The loop waits for
 * tn_client_fd, at most tn_client_timeout, then calls tn_client_turn; everything that happens comes
 * to `heard` from inside of that call.
 *
 *     poll(fd, tn_client_events, tn_client_timeout) → tn_client_turn(now) → heard(news) …
 *
 * What comes is in client_news.h, the reading of a testnet's client.conf in client_net.h, a book
 * kept from its changes in client_book.h; docs/examples/client_example.c is a bot of one page.
 * Functions may be called from inside of `heard`, but for tn_client_turn and tn_client_free. Not
 * thread-safe: one client, one thread. Memory is taken by tn_client_make, by TLS for each
 * connection, and by a subscription for its list. */
#ifndef TENOR_CLIENT_H
#define TENOR_CLIENT_H

#include "tenor/base.h"
#include "tenor/client_news.h"
#include "tenor/command.h"
#include "tenor/item.h"
#include "tenor/signature.h"

#define TN_CLIENT_NODES_MAX    32u
#define TN_CLIENT_FLIGHT_MAX   4096u /* frames that nobody has said the end of */
#define TN_CLIENT_TRIALS_MAX   256u
#define TN_CLIENT_SERIES_MAX   1024u /* of one subscription */
#define TN_CLIENT_CHANNELS_MAX 256u  /* subscriptions that are taken up again after a disconnect */

struct tn_client_node {
    const char *host; /* a number; a name too, but looking it up waits for the resolver */
    uint16_t port;
    const char *certificate; /* path of its PEM file: no other certificate will do */
};

enum tn_client_on_disconnect {
    TN_CLIENT_ORDERS_STAY = 0,
    /* The library keeps a signed "cancel everything" at the node, fresh, which the node sends when
     * the connection is lost, or silent for dead_man_blocks. */
    TN_CLIENT_CANCEL_ALL = 1,
    /* Of the orders and quotes with cancel_label only: one of an account's sessions, which labels
     * its own. */
    TN_CLIENT_CANCEL_LABEL = 2,
};

struct tn_client_options {
    const struct tn_client_node *nodes; /* 1 .. TN_CLIENT_NODES_MAX; read by tn_client_make only */
    uint32_t nodes_count;
    uint32_t first_node;      /* where to begin; modulo nodes_count */
    bool stay;                /* no reconnecting: a client that is lost stays so */
    uint8_t chain_id[32];     /* a node of another chain is left; zeros: the first node's chain */
    uint32_t market;          /* of the session, and of what names no other */
    bool log_on;              /* false: market data and questions only; the next ones unread */
    uint64_t session;         /* of tn_client_item(TN_OPERATION_SESSION), by its owner */
    struct tn_secret_key key; /* the session's */
    uint8_t on_disconnect;    /* enum tn_client_on_disconnect */
    uint32_t cancel_label;    /* of TN_CLIENT_CANCEL_LABEL */
    uint32_t dead_man_blocks; /* 0: no dead man's switch */
    uint32_t heartbeat_ms;    /* 1 000 .. 60 000; 0: 10 000 */
    uint32_t valid_blocks;    /* a frame's last block is so many above the last known; 0: 1 000 */
    bool resume;              /* from resume_after on; else from the first logon on */
    struct tn_place resume_after;
    size_t send_bytes_max; /* of what is queued to be sent; 0: 1 MiB */
    /* The one way in which things are said. `news` and what it points to live until it returns. */
    void (*heard)(void *context, const struct tn_client_news *news);
    void *context;
};

struct tn_client;

/* NULL: bad options, a certificate that cannot be read, no memory; `why` says which. The client
 * connects from its first turn on. Keys are wiped by tn_client_free. */
#define TN_CLIENT_WHY_SIZE 256
struct tn_client *tn_client_make(const struct tn_client_options *options,
                                 char why[TN_CLIENT_WHY_SIZE]);
/* Closes at once, without a Logoff: a standby frame will be run. NULL is allowed. */
void tn_client_free(struct tn_client *client);

/* ---- The loop's side ---------------------------------------------------------------------------
 * now_ms: of any clock that never goes back. The fd changes from connection to connection and is
 * -1 between them; events are poll's (POLLIN, POLLOUT); timeout is -1 when there is none. */
int tn_client_fd(const struct tn_client *client);
short tn_client_events(const struct tn_client *client);
int64_t tn_client_timeout(const struct tn_client *client, int64_t now_ms);
void tn_client_turn(struct tn_client *client, int64_t now_ms);
/* All of it for who has no loop: polls for at most wait_ms (−1: for ever), then turns with
 * CLOCK_MONOTONIC. */
void tn_client_wait(struct tn_client *client, int64_t wait_ms);

enum tn_client_state {
    TN_CLIENT_AWAY = 0,       /* between connections */
    TN_CLIENT_CONNECTING = 1, /* TCP, TLS, Hello */
    TN_CLIENT_CONNECTED = 2,  /* without log_on this is all; with it, it waits for the answer */
    TN_CLIENT_LOGGED_ON = 3,
    TN_CLIENT_CLOSED = 4, /* by tn_client_close, or lost and `stay`, or refused for good */
};
enum tn_client_state tn_client_state(const struct tn_client *client);
uint32_t tn_client_node(const struct tn_client *client); /* index of the present or next node */
/* Zeros until the first Hello, if the options left it open. */
void tn_client_chain_id(uint8_t chain_id[32], const struct tn_client *client);
uint32_t tn_client_account(const struct tn_client *client); /* TN_NONE before the first logon */
uint64_t tn_client_height(const struct tn_client *client);  /* the last block heard of */
uint64_t tn_client_time_ms(const struct tn_client *client); /* its time */
uint32_t tn_client_term(const struct tn_client *client);    /* of the market's leader */
struct tn_tokens tn_client_tokens(const struct tn_client *client);
struct tn_place tn_client_place(
    const struct tn_client *client); /* of the stream: keep it to resume */
uint32_t tn_client_flight_count(const struct tn_client *client); /* frames whose end is not known */
/* Nothing queued to be sent is left. */
bool tn_client_is_flushed(const struct tn_client *client);

/* ---- Asking -------------------------------------------------------------------------------------
 * What these return is whether it was queued; the answer comes as news with the same tag. A tag is
 * the caller's, below 2^62 − 1. */
enum tn_client_result {
    TN_CLIENT_OK = 0,
    TN_CLIENT_NOT_CONNECTED = 1, /* nothing is queued for a later connection */
    TN_CLIENT_NOT_LOGGED_ON = 2,
    TN_CLIENT_FULL = 3,   /* send_bytes_max, TN_CLIENT_FLIGHT_MAX or TN_CLIENT_CHANNELS_MAX */
    TN_CLIENT_BAD = 4,    /* there is no such message: counts, sizes, kinds */
    TN_CLIENT_NO_KEY = 5, /* the key cannot sign */
};
const char *tn_client_result_text(enum tn_client_result result);

/* How much of a frame is told. */
enum tn_client_wait {
    TN_WAIT_SOFT_AND_FINAL = 0,
    TN_WAIT_SOFT = 1,
    TN_WAIT_FINAL = 2,
    TN_WAIT_NEITHER = 3, /* refusals only; its end is still known from the account's stream */
};
/* Signs the commands as one frame and sends it, ahead of what was queued if all of them cancel.
 * *nonce (may be NULL) names the frame in news and in the account's stream. Nonces belong to the
 * account: two clients must not send for one account at a time. What comes: TN_NEWS_FRAME with the
 * tag, more than once. Cost: one signature, about 30 us, and 40 bytes a quote. */
enum tn_client_result tn_client_send(struct tn_client *client, uint64_t *nonce, uint64_t tag,
                                     const struct tn_command *commands, uint32_t commands_count,
                                     enum tn_client_wait wait);

/* An item of a block: signed with `signer` and sent; TN_NEWS_ITEM answers that a node has taken it
 * (what it brings about comes with blocks). The library fills in what follows from the rest: the
 * signature, an OPERATION's owner, and the bytes of a GOVERNANCE of a market and of a FRAME of an
 * owner, from `entry`. REPORT, DEPOSIT, OPERATION and GOVERNANCE only. */
enum tn_client_result tn_client_item(struct tn_client *client, uint64_t tag,
                                     const struct tn_block_item *item,
                                     const struct tn_secret_key *signer);
/* One that was signed elsewhere (by a wallet): its bytes without the kind, docs/specs/items.md. */
enum tn_client_result tn_client_item_bytes(struct tn_client *client, uint64_t tag,
                                           enum tn_item_kind kind, const uint8_t *bytes,
                                           size_t size);
/* Commands that no leader can leave out: a forced frame of the session, of term 0. EXECUTED or
 * NOT_EXECUTED comes, by the account's stream; REFUSED if the node does not take it. */
enum tn_client_result tn_client_force(struct tn_client *client, uint64_t *nonce, uint64_t tag,
                                      const struct tn_command *commands, uint32_t commands_count);

/* Market data of a channel; series_count 0: of all series. Taken up again on each connection, with
 * new snapshots, until unsubscribed; subscribing anew to the same asks for a new snapshot. depth:
 * TN_CHANNEL_BOOK and _BOOK_SOFT: levels a side, 0: all. */
enum tn_client_result tn_client_subscribe(struct tn_client *client, uint64_t tag, uint32_t market,
                                          enum tn_channel channel, const uint64_t *series_ids,
                                          uint32_t series_count, uint32_t depth);
enum tn_client_result tn_client_unsubscribe(struct tn_client *client, uint64_t tag, uint32_t market,
                                            enum tn_channel channel, const uint64_t *series_ids,
                                            uint32_t series_count);

/* Stays with the node that leads the market (0: the options'), where the soft channels are, from
 * now on: finds it (GetCluster), leaves for its node, subscribes there, and again whenever the
 * market is led by another one. The caller subscribes once and hears TN_NEWS_LEADER; SOFT_ELSEWHERE
 * of that market is not told. A node that is left for another is left as if the connection had
 * broken: frames on their way are AMBIGUOUS, a standby frame is run. While nobody is found to lead,
 * the client asks up to 4 times a second, for bound_ms (0: without end), then says TN_LEADER_NONE;
 * it searches again when this is called again, a soft channel is subscribed to, the market has
 * another term, or the client another connection. One market a client: another one takes the place
 * of the first. BAD: no market, or a client that is to `stay`. */
enum tn_client_result tn_client_follow(struct tn_client *client, uint32_t market,
                                       uint32_t bound_ms);

/* A question; answered by the news that its comment names, or by TN_NEWS_ERROR. */
enum tn_question_kind {
    TN_ASK_CLUSTER = 16,      /* TN_NEWS_CLUSTER */
    TN_ASK_INSTRUMENTS = 17,  /* TN_NEWS_INSTRUMENTS: market, after_series_id */
    TN_ASK_CHAIN = 18,        /* TN_NEWS_CHAIN: market, underlying, expiry_day */
    TN_ASK_BOOK = 19,         /* TN_NEWS_BOOK: market, series_id, depth */
    TN_ASK_TRADES = 20,       /* TN_NEWS_TRADES: market, series_id, count */
    TN_ASK_ACCOUNT = 21,      /* TN_NEWS_ACCOUNT_STATE: market, account */
    TN_ASK_ORDERS = 22,       /* TN_NEWS_ORDERS_OPEN: market, account, after_order_id */
    TN_ASK_OWNER = 23,        /* TN_NEWS_OWNER: market, owner, after_account */
    TN_ASK_MARGIN = 24,       /* TN_NEWS_MARGIN: market, account, trials */
    TN_ASK_BLOCK = 25,        /* TN_NEWS_BLOCK: height, 0: the last one */
    TN_ASK_PROOF = 26,        /* TN_NEWS_PROOF: market, account or series_id */
    TN_ASK_LIQUIDATIONS = 27, /* TN_NEWS_LIQUIDATIONS: market, after_account */
    TN_ASK_SESSION = 28,      /* TN_NEWS_SESSION: market, session */
    TN_ASK_HANDOVERS = 30,    /* TN_NEWS_HANDOVERS: epoch */
};
struct tn_trial {
    uint64_t series_id;
    tn_lots position;     /* added, at `price` */
    tn_ticks price;       /* 0: the mark */
    tn_lots bid_quantity; /* of resting orders, at the mark */
    tn_lots ask_quantity;
};
struct tn_question {
    uint8_t kind;    /* enum tn_question_kind; fields that it does not name are unread */
    uint32_t market; /* 0: the options' */
    uint32_t account, underlying, expiry_day, depth, count;
    uint32_t after_account; /* 0: from the first */
    uint64_t series_id, after_series_id, after_order_id, height, session, epoch;
    struct tn_address owner;
    const struct tn_trial *trials;
    uint32_t trials_count; /* at most TN_CLIENT_TRIALS_MAX */
};
enum tn_client_result tn_client_ask(struct tn_client *client, uint64_t tag,
                                    const struct tn_question *question);
/* TN_NEWS_PONG with the same tag. */
enum tn_client_result tn_client_ping(struct tn_client *client, uint64_t tag);

/* A clean end: Logoff (no standby frame is run), then the connection closes when all that was
 * queued is sent, and stays closed. Orders stay: cancel them first. */
void tn_client_close(struct tn_client *client);
/* Leaves this node for the next one, as if the connection had broken. */
void tn_client_leave(struct tn_client *client);

#endif
