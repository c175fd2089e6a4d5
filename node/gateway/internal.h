/* What the parts of the gateway's thread share. Nothing here is for other threads but `asks`. */
#ifndef NODE_GATEWAY_INTERNAL_H
#define NODE_GATEWAY_INTERNAL_H

#include "gateway/account_history.h"
#include "gateway/accounts.h"
#include "gateway/checkers.h"
#include "gateway/feed.h"
#include "gateway/gateway.h"
#include "gateway/handshakes.h"
#include "gateway/limits.h"
#include "gateway/pending.h"
#include "gateway/proofs.h"
#include "gateway/soft.h"
#include "gateway/tls.h"
#include "tenor/frame.h"
#include "wire/wire.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdatomic.h>

#define GATEWAY_TICK_MS       50 /* how often deadlines are looked at */
#define GATEWAY_OUT_ROOM      (WIRE_LENGTH_BYTES + WIRE_FROM_NODE_BYTES_MAX)
#define GATEWAY_MESSAGES_TURN 16u /* of one connection in one turn: others wait for no more */
#define GATEWAY_TELLS_TURN    4096u
#define GATEWAY_WRITE_TURN    (256u << 10) /* bytes to one connection in one turn */
#define GATEWAY_STREAM_EVENTS 256u         /* of an account's stream, queued at once */
#define GATEWAY_PAY_MAX       4096u        /* of what feeds owe, in one turn: see feed.h */
#define GATEWAY_READ_TURN     (128u << 10) /* bytes of TLS from one connection in one turn */
#define GATEWAY_GUEST_PERCENT 25           /* of the thread's time, for all that have no logon */
#define GATEWAY_GUEST_MOST_US 50000        /* of that time at once */
#define GATEWAY_OUT_LITTLE    (64u << 10)  /* that may wait, whatever waits for others */
#define GATEWAY_READ_ROOM     16384u       /* for what a connection sends, unless it says more */
#define GATEWAY_STANDBY_BYTES 8192u        /* of the entry of a standby frame */
#define GATEWAY_ASKED_MOST    320u   /* questions at the node's thread: frames come behind them */
#define GATEWAY_ASKED_GUESTS  128u   /* of connections without a logon only up to so many */
#define GATEWAY_PROOF_MS      130000 /* for a proof: the node waits 120 s for a checkpoint */
#define GATEWAY_HOLD_LOOK_US  1000   /* how often the desk is asked for room while it has none */
#define GATEWAY_LINGER_MS     1000   /* for the client to close, then */
#define GATEWAY_LAST_WORDS_MS 2000   /* to send what was said before a connection is closed */

enum gateway_stage {
    GATEWAY_HANDSHAKE,
    GATEWAY_OPEN,
    GATEWAY_CLOSING, /* nothing is read any more; what waits is sent, then it is closed */
    GATEWAY_CLOSED,  /* freed at the end of the turn, or when its handshake is back */
};
/* Why a connection ends. */
enum gateway_end {
    GATEWAY_END_LOST,   /* by the client, or by the world */
    GATEWAY_END_LOGOFF, /* as the client wished: no standby frame */
    GATEWAY_END_CUT,    /* by this node, and counted by it */
};

/* The frame that is sent when its connection is lost. */
struct gateway_standby {
    struct gateway_standby *next; /* of those under way */
    uint64_t request;
    uint32_t market, term, account;
    uint64_t session, nonce, valid_until_block;
    uint32_t dead_man_blocks;
    uint64_t tag; /* under way: of its pending; 0: to be asked again */
    uint32_t attempts;
    size_t size;
    uint8_t entry[]; /* as PORT_FRAME takes it */
};

struct gateway_connection {
    struct gateway_handshake handshake; /* first: it comes back as this */
    struct gateway *gateway;
    uint32_t slot, thread;
    int fd;
    enum gateway_stage stage;
    bool at_thread;    /* its handshake's step is under way */
    bool is_cut;       /* its queue was full: it ends with the turn */
    bool is_full;      /* its socket: nothing is tried until it can be written to */
    bool is_lingering; /* all is said; the client's end is waited for */
    bool feed_waits, is_ready, is_reading_paused, is_dirty, is_again;
    bool is_waiting; /* a guest, until the tick */
    bool is_stopped; /* its next message is a frame that waits for those that are held */
    struct gateway_address address;
    struct gateway_tls *tls;
    struct event *readable, *writable;
    int64_t opened_us, heard_us, sent_us, beat_us, progress_us, closing_us;
    bool beat_now; /* a heartbeat is due: a term has changed */
    uint64_t heard_height;
    uint8_t *in;
    size_t in_used, in_room;
    struct evbuffer *out;
    size_t writing; /* bytes that TLS has begun to send */
    uint32_t heartbeat_ms, faults;
    struct gateway_bucket queries; /* before a logon */
    uint32_t frames_count, questions_count;
    uint32_t line_count; /* its frames whose signatures are being checked */
    uint32_t held_count; /* its frames that are held until the desk has room */
    uint8_t challenge[32];
    /* Logon: */
    bool is_logging_on, is_logged_on, is_resuming;
    uint32_t market, scope;
    uint64_t session;
    int64_t expires_ms;
    uint8_t logon_signature[TN_SIGNATURE_SIZE];
    Tenor__V1__OnDisconnect on_disconnect;
    struct tn_public_key public_key;
    struct tn_parsed_key key;        /* the same */
    struct gateway_account *account; /* NULL: not logged on */
    struct gateway_connection *next_of_account, *previous_of_account;
    struct gateway_cursor stream;
    bool stream_waits; /* there may be more than was sent */
    bool is_behind;    /* the stream comes from the store: nothing is read from the client */
    uint64_t past_tag; /* of the piece that it waits for; 0: none */
    int64_t past_us;   /* not asked for earlier */
    struct gateway_standby *standby;
    struct gateway_connection *next_dirty, *next_again, *next_gone, *next_ready;
    struct gateway_connection *next_stopped, *previous_stopped; /* of its market */
};

/* A frame that waits for the check of its signature. */
struct gateway_deferred {
    uint64_t tag;
    uint32_t slot;
    size_t at, size; /* its entry in deferred_bytes */
    uint64_t orders, quotes;
    bool only_cancels;
};
#define GATEWAY_DEFERRED_BYTES (1u << 20)

/* Of frames with a soft answer: how long they took here. */
#define GATEWAY_TIMES_NOTED 256u
struct gateway_times {
    _Atomic uint64_t counts[GATEWAY_BOUNDS_MAX + 1], sum_us;
    uint32_t noted_count;
    int64_t noted_us[GATEWAY_TIMES_NOTED]; /* when they came: of this turn */
};

struct gateway_counts {
#define X(field, type, help) _Atomic uint64_t field;
    GATEWAY_COUNTER_TABLE(X)
#undef X
};
/* One thread writes them. */
static inline void gateway_add(_Atomic uint64_t *count, uint64_t value)
{
    uint64_t old = atomic_load_explicit(count, memory_order_relaxed);
    atomic_store_explicit(count, old + value, memory_order_relaxed);
}
static inline void gateway_set(_Atomic uint64_t *count, uint64_t value)
{
    atomic_store_explicit(count, value, memory_order_relaxed);
}
#define GATEWAY_COUNT(gateway, field) gateway_add(&(gateway)->counts.field, 1)

/* What other threads want of it; under the lock. */
struct gateway_asks {
    pthread_mutex_t lock;
    int fd;
    bool has_identity, stop, is_full;
    struct gateway_identity *identity;
    struct gateway_limits limits;
};

struct gateway_market {
    struct port_head head;
    bool term_ended;      /* in the block that is being told */
    uint64_t lapse_above; /* no frame lapses before the cursor is above it */
    uint64_t asked_mark;  /* of the asks: after the last frame that went by the port */
    struct gateway_held *held, *held_last;             /* frames that wait for room */
    struct gateway_connection *stopped, *stopped_last; /* not read until none is held */
};

struct gateway {
    struct gateway_options options;
    struct gateway_limits limits;
    struct port *port;
    struct gateway_counts counts;
    struct gateway_times times;
    struct gateway_asks asks;
    atomic_bool stopped;
    pthread_t thread;
    bool has_thread;
    uint16_t listen_port;
    /* The loop: */
    struct event_base *base;
    struct event *listening, *telling, *asking, *shaken, *checking, *holding, *ticking, *softening,
        *passing;
    int listen_fd;
    bool is_told; /* the node has said where it stands */
    bool is_listening, is_draining, tells_wait;
    bool is_full; /* the node's disk: it takes nothing */
    int64_t now_us, drain_us;
    int64_t awake_us;              /* until then its descriptors are asked without sleeping */
    int64_t guest_us, guest_at_us; /* time that guests may take, and when that was counted */
    uint32_t guest_first;          /* slot of the first that has to wait */
    bool guests_wait;
    uint32_t ticks;
    struct gateway_tickets *tickets;
    struct gateway_identity *identity;
    struct gateway_handshakes *handshakes;
    /* Connections: */
    struct gateway_connection **connections; /* by slot */
    uint32_t *free_slots;
    uint32_t free_count, connections_count, handshaking;
    uint32_t slots_used; /* none above was ever taken: the lowest free ones go first */
    struct gateway_connection *dirty, *again, *gone;
    struct gateway_connection *ready, *ready_last; /* for what the feeds owe them, in turn */
    struct gateway_addresses *addresses;
    struct gateway_accounts *accounts;
    size_t out_bytes;
    /* The chain, as far as it was told: */
    enum port_node_state state;
    uint64_t height;
    int64_t time_ms;
    struct gateway_market markets[TN_CHAIN_MARKETS_MAX];
    uint32_t markets_count;
    bool gapped, wants_snapshot, history_unbegun;
    struct feed *feed;
    struct gateway_soft *soft;
    struct gateway_history *history;
    struct gateway_past *past; /* NULL: there is none */
    uint64_t past_tags;
    struct gateway_pendings *pendings;
    uint32_t asked_count; /* questions that the node's thread has not answered, whoever asked */
    struct gateway_proofs proofs; /* not among them: they wait, and keep the thread from nothing */
    struct gateway_standby *standbys; /* under way */
    /* Room to work in: */
    struct wire_arena in_arena, out_arena;
    uint8_t *out_room; /* of one message, with its length */
    uint8_t *spare_in; /* [GATEWAY_READ_ROOM] or NULL: for the next connection that is read */
    struct tn_stream_scratch *scratch;
    /* The line of frames; by place of the check: */
    struct gateway_checkers *checkers;
    uint32_t workers_count;
    bool line_has_come; /* in this turn */
    struct gateway_deferred deferred[GATEWAY_CHECKS_MAX];
    uint8_t *deferred_bytes; /* a ring: those that wait stand from first to end */
    size_t deferred_first, deferred_end;
    uint32_t held_count;
    size_t held_bytes;
    bool has_direct; /* in this turn frames went to a desk from here */
    uint8_t entry[WIRE_ENTRY_BYTES_MAX];
};

struct gateway_market *gateway_market(struct gateway *gateway, uint32_t market); /* NULL: none */

/* ---- listen.c ---------------------------------------------------------------------------------
 */
bool gateway_listen_open(struct gateway *gateway, char problem[GATEWAY_PROBLEM_SIZE]);
void gateway_listen_take(evutil_socket_t fd, short what, void *context);
/* Stops or goes on taking connections, as there is room for handshakes. */
void gateway_listen_update(struct gateway *gateway);

/* ---- connection.c -----------------------------------------------------------------------------
 */
void gateway_connection_open(struct gateway *gateway, int fd,
                             const struct gateway_address *address);
void gateway_connections_shaken(evutil_socket_t fd, short what, void *context);
/* Ends it now. */
void gateway_connection_end(struct gateway_connection *connection, enum gateway_end end);
/* Ends it when what was said is sent. */
void gateway_connection_finish(struct gateway_connection *connection, enum gateway_end end);
/* Reads and handles some messages. */
void gateway_connection_read(struct gateway_connection *connection);
/* Bytes of whole messages. False: no room; with `must` the connection is cut then. */
bool gateway_connection_send(struct gateway_connection *connection, const uint8_t *bytes,
                             size_t size, bool must);
/* The message with that body; sent whatever waits. */
void gateway_connection_say(struct gateway_connection *connection, Tenor__V1__FromNode *message);
void gateway_connection_error(struct gateway_connection *connection, uint64_t request,
                              uint32_t code, const char *text);
/* An Error with which the connection ends. */
void gateway_connection_close(struct gateway_connection *connection, uint64_t request,
                              uint32_t code, const char *text, enum gateway_end end);
/* A fault of the client's, too many of which end the connection. */
void gateway_connection_fault(struct gateway_connection *connection);
void gateway_connection_mark(struct gateway_connection *connection); /* to be flushed */
/* To be paid what the feeds owe it, in a turn to come. */
void gateway_connection_ready(struct gateway_connection *connection);
/* Deadlines. */
void gateway_connections_tick(struct gateway *gateway);
/* What the turn has left over: output, connections to be freed. True: there is more to do. */
bool gateway_connections_turn(struct gateway *gateway);
void gateway_connections_free(struct gateway *gateway);
/* What kept it from being read is over. */
void gateway_connection_read_on(struct gateway_connection *connection);
/* May more of the account's stream or of market data be queued? */
bool gateway_connection_has_room(const struct gateway_connection *connection);

/* ---- session.c --------------------------------------------------------------------------------
 */
void gateway_session_begin(struct gateway_connection *connection); /* TLS stands */
void gateway_session_take(struct gateway_connection *connection, const uint8_t *bytes, size_t size);
void gateway_session_is(struct gateway *gateway, struct gateway_pending *pending,
                        const struct port_session *session);
void gateway_session_end(struct gateway_connection *connection, enum gateway_end end);
void gateway_session_heartbeat(struct gateway_connection *connection);
/* To everybody, now: whether the node is in trouble has changed. */
void gateway_session_trouble(struct gateway *gateway);
/* Questions that the node did not answer in time. */
void gateway_session_tick(struct gateway_connection *connection);
void gateway_session_tokens(struct gateway_connection *connection, Tenor__V1__Tokens *tokens);
/* False: answered with an Error. */
bool gateway_session_query(struct gateway_connection *connection, uint64_t request);

/* ---- stream.c ---------------------------------------------------------------------------------
 */
/* Of the account's stream, in order. */
void gateway_stream_tell(struct gateway_connection *connection,
                         const struct gateway_record *records, uint32_t count);
/* Sends what follows in the account's stream, as far as there is room or, with `must`, all. */
void gateway_stream_pump(struct gateway_connection *connection, bool must);

/* ---- behind.c ---------------------------------------------------------------------------------
 */
#define GATEWAY_OLD_TEXT_SIZE 160u
/* Can the stream go on behind that place from the store? Else the text says from where it can. */
bool gateway_behind_serves(const struct gateway *gateway, struct gateway_place after,
                           char text[GATEWAY_OLD_TEXT_SIZE]);
/* It is logged on, and its stream comes from the store until memory has all that follows. */
void gateway_behind_begin(struct gateway_connection *connection);
/* Memory has lost what it is to hear next. False: nor can the store tell it, or frames of it wait
 * for their last words. */
bool gateway_behind_falls(struct gateway_connection *connection);
/* True: it is behind no more. */
bool gateway_behind_is_over(struct gateway_connection *connection);
/* For a piece, or for a while. */
bool gateway_behind_waits(const struct gateway_connection *connection);
void gateway_behind_end(struct gateway_connection *connection); /* as the connection ends */
void gateway_behind_take(struct gateway *gateway);              /* pieces that have come */
void gateway_behind_tick(struct gateway *gateway);              /* what is counted */

/* ---- frames.c ---------------------------------------------------------------------------------
 */
void gateway_frames_take(struct gateway_connection *connection, uint64_t request,
                         const Tenor__V1__SignedFrame *frame);
/* A frame that never goes on: counted, and answered with an Error. */
void gateway_frames_refuse(struct gateway_connection *connection, uint64_t request, uint32_t code,
                           const char *text);
/* Are there tokens for it? False: answered with an Error. */
bool gateway_frames_has_tokens(struct gateway_connection *connection, uint64_t request,
                               uint64_t orders, uint64_t quotes);
void gateway_frames_answer(struct gateway *gateway, struct gateway_pending *pending,
                           const struct port_answer *answer, const struct tn_event *events);
void gateway_frames_step(struct gateway *gateway, const struct port_step *step,
                         const struct tn_event *events);
/* After a block: what can never be executed any more gets its last word. */
void gateway_frames_block(struct gateway *gateway);
/* What became of frames is not known. */
void gateway_frames_gap(struct gateway *gateway);
/* Takes the pending away and tells its owner, if there is one. */
void gateway_frames_error(struct gateway *gateway, struct gateway_pending *pending, uint32_t code,
                          const char *text);
/* Reads the payload and checks whose it is and that the session's key signed it. False: answered
 * with an Error. */
bool gateway_frames_read(struct gateway_connection *connection, struct tn_frame *frame,
                         uint64_t request, const Tenor__V1__SignedFrame *message);
/* *checked: what was found to be signed, for the node's thread. */
bool gateway_frames_is_signed(const struct gateway_connection *connection,
                              struct tn_member_signed *checked, const uint8_t *entry, size_t size);
/* What is to be checked of it; the entry stays where it is meanwhile. */
void gateway_frames_claim(const struct gateway_connection *connection, struct gateway_check *check,
                          const uint8_t *entry, size_t size);
bool gateway_frames_only_cancels(const struct tn_frame *frame);

/* ---- onward.c ----------------------------------------------------------------------------------
 */
/* Frames go between the two. Release is told whether any of them waits at the desk. */
void gateway_onward_hold(struct gateway *gateway);
void gateway_onward_release(struct gateway *gateway, bool any);
enum gateway_passed {
    GATEWAY_PASSED_DESK = 1, /* it waits at the desk for the release */
    GATEWAY_PASSED,          /* it is at the node's thread, or was answered, or has gone */
    GATEWAY_PASSED_LATER,    /* nothing has happened: there is no room for it now */
};
/* A frame whose signature is good. `must`: it has waited long enough, and is refused for want of
 * room; so are cancels, always. */
enum gateway_passed gateway_onward_pass(struct gateway *gateway,
                                        const struct gateway_deferred *frame,
                                        const struct tn_member_signed *checked,
                                        const uint8_t *entry, bool must);

/* ---- hold.c ------------------------------------------------------------------------------------
 */
/* Keeps a frame that found no room, or whose market or connection has such frames, in order. False:
 * no memory. */
bool gateway_hold_add(struct gateway *gateway, struct gateway_market *market,
                      const struct gateway_deferred *frame, const struct tn_member_signed *checked,
                      const uint8_t *entry);
/* Must a frame of this connection wait outside? Then stop it, and leave the message unread. */
bool gateway_hold_stops(const struct gateway_connection *connection, bool only_cancels);
void gateway_hold_stop(struct gateway_connection *connection);
/* The connection ends, or is read again. */
void gateway_hold_forget(struct gateway_connection *connection);
/* Passes on what finds room now, then reads those on that were stopped. */
void gateway_hold_turn(struct gateway *gateway);
void gateway_hold_free(struct gateway *gateway);

/* ---- line.c ------------------------------------------------------------------------------------
 */
/* Its entry stands in gateway->entry. */
void gateway_line_add(struct gateway *gateway, struct gateway_deferred *frame);
/* What this thread checks itself, and those on their way that are checked. */
void gateway_line_turn(struct gateway *gateway);
/* All frames of the connection leave the line; some may be held then. */
void gateway_line_settle(struct gateway_connection *connection);

/* ---- standby.c --------------------------------------------------------------------------------
 */
void gateway_standby_take(struct gateway_connection *connection, uint64_t request,
                          const Tenor__V1__Standby *standby);
/* Sends it; it is the connection's no more. */
void gateway_standby_run(struct gateway_connection *connection);
/* Looks whether it is still good after a step, a term, a block. */
void gateway_standby_step(struct gateway_connection *connection, const struct port_step *step,
                          const struct tn_event *events);
void gateway_standby_check(struct gateway_connection *connection);
void gateway_standby_answer(struct gateway *gateway, struct gateway_pending *pending,
                            const struct port_answer *answer);
void gateway_standby_over(struct gateway *gateway, uint64_t tag);
/* What became of those under way is not known: they are asked again. */
void gateway_standbys_gap(struct gateway *gateway);
/* Tries again what no leader has taken. */
void gateway_standbys_tick(struct gateway *gateway);
void gateway_standbys_free(struct gateway *gateway);

/* ---- times.c ----------------------------------------------------------------------------------
 */
/* A frame that was read then has its soft answer, which leaves with this turn's output. */
void gateway_times_note(struct gateway *gateway, int64_t since_us);
void gateway_times_count(struct gateway *gateway); /* the output has left */

/* ---- tells.c ----------------------------------------------------------------------------------
 */
void gateway_tells_take(struct gateway *gateway);

#endif
