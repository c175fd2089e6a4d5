/* wire: the messages of proto/tenor/v1/client.proto as bytes, read strictly and written.
 *
 * Bytes from outside are checked field by field against the description that protobuf-c makes of
 * the .proto files, and in the same pass become protobuf-c's own structs in an arena of the
 * caller's: nothing is allocated elsewhere, nothing recurses deeper than the messages are nested,
 * and what was read is written again as the same bytes.
 *
 * Threads: functions keep nothing between calls; an arena belongs to one thread at a time. */
#ifndef NODE_WIRE_WIRE_H
#define NODE_WIRE_WIRE_H

#include "wire/errors.h"

#include "tenor/base.h"
#include "tenor/crypto.h"
#include "tenor/event.h"
#include "tenor/v1/client.pb-c.h"
#include "tenor/v1/trader.pb-c.h"

#define WIRE_LENGTH_BYTES        4u         /* before each message, big-endian */
#define WIRE_TO_NODE_BYTES_MAX   65536u     /* of a ToNode, without its length */
#define WIRE_FROM_NODE_BYTES_MAX (1u << 20) /* of a FromNode, likewise */
#define WIRE_PROTOCOL            1u         /* Hello.protocol */

/* ---- Arenas ------------------------------------------------------------------------------------
 * Bytes that are handed out in order and taken back all at once. An arena of so many bytes takes
 * any message that passes the other checks; pages that are never reached cost nothing. */
#define WIRE_TO_NODE_ARENA_BYTES   (96u << 10)
#define WIRE_FROM_NODE_ARENA_BYTES (12u << 20)

struct wire_arena {
    uint8_t *memory; /* aligned to 16 */
    size_t size;
    size_t used;
};
void wire_arena_init(struct wire_arena *arena, void *memory, size_t size);
/* Zeroed, aligned to 16; NULL when that much is not left. For building answers too. */
void *wire_take(struct wire_arena *arena, size_t size);
/* Takes everything back. */
void wire_arena_clear(struct wire_arena *arena);

/* ---- Reading -----------------------------------------------------------------------------------
 */

/* Why bytes are no message. */
struct wire_fault {
    enum wire_error code; /* TOO_LARGE, MALFORMED or NO_BODY; NO_ROOM: the arena is full */
    size_t at;            /* the byte */
    char text[192];       /* "logon.signature: has 63 bytes, not 64 (byte 41)" */
};

/* What stands at the start of what a connection has brought: a length and its bytes. */
enum wire_step {
    WIRE_MORE,     /* not all of it yet */
    WIRE_WHOLE,    /* the message is bytes + WIRE_LENGTH_BYTES, *message_size of them */
    WIRE_TOO_LARGE /* its length is above size_max, or 0: the connection is lost */
};
enum wire_step wire_next(size_t *message_size, const uint8_t *bytes, size_t size, size_t size_max);

/* Is it UTF-8 as Unicode has it (shortest forms, no surrogates, nothing above U+10FFFF), without
 * control characters? No other text goes through the reader. */
bool wire_is_text(const uint8_t *bytes, size_t size);

/* Read a message that fills the bytes (without length). The arena is cleared first; the message and
 * all that it points to live in it, not in the bytes. False: *fault says why, and the arena is
 * empty. A ToNode has a body, and a FromNode too. Counts and sizes that client.proto names are
 * checked, and that numbers of enumerations are known ones; what numbers mean is the caller's. */
bool wire_read_to_node(struct wire_arena *arena, Tenor__V1__ToNode **message,
                       struct wire_fault *fault, const uint8_t *bytes, size_t size);
bool wire_read_from_node(struct wire_arena *arena, Tenor__V1__FromNode **message,
                         struct wire_fault *fault, const uint8_t *bytes, size_t size);

/* ---- Writing -----------------------------------------------------------------------------------
 * Length and message: the bytes needed. When that is more than room, what is in `out` means
 * nothing; 0: the message has no body, or would be above its cap, and nobody may be sent it. Fields
 * are the caller's to fill in; counts and sizes are not checked. About 0.1 us for each event. */
size_t wire_write_to_node(uint8_t *out, size_t room, const Tenor__V1__ToNode *message);
size_t wire_write_from_node(uint8_t *out, size_t room, const Tenor__V1__FromNode *message);

/* A message of an account's stream, which is what nodes send most, in two steps: its events one by
 * one as they come, straight from the exchange's, and what stands around them when they go out. The
 * bytes are those that wire_write_from_node writes of an AccountMessage of the same. */
#define WIRE_ACCOUNT_EVENTS_MAX 256u /* of a message; one at least */
#define WIRE_EVENT_BYTES        240u /* of one event with its head, enough for any */
size_t wire_write_account_event(uint8_t out[WIRE_EVENT_BYTES], const struct tn_event *event);

struct wire_account_message {
    uint64_t block, nonce, time_ms;
    uint32_t index;
};
#define WIRE_ACCOUNT_AROUND 64u /* bytes that may be needed before the events, and behind them */
/* Around `size` bytes of events, one after another: where the message begins, and its bytes. */
uint8_t *wire_write_account_around(size_t *message_size, uint8_t *events, size_t size,
                                   const struct wire_account_message *message);
/* How many bytes the first `count` of such events are. */
size_t wire_account_events_size(const uint8_t *events, uint32_t count);

/* A frame's soft answer, straight from its events, too: FrameSoft of those events, in FromNode with
 * that request. 0: it does not fit, or is above the cap. */
struct wire_frame_soft {
    uint64_t request, sequence, nonce;
    uint32_t market, term, index;
    const struct tn_event *const *events;
    size_t events_count;
    const Tenor__V1__Tokens *tokens;
};
size_t wire_write_frame_soft(uint8_t *out, size_t room, const struct wire_frame_soft *message);

/* Fills in an Error (its base included). `text` may be NULL: the sentence of the table then; else
 * it is not copied. code: of enum wire_error or enum tn_reject. */
void wire_error_fill(Tenor__V1__Error *error, uint32_t code, const char *text);

/* ---- The exchange's things ---------------------------------------------------------------------
 */

/* An event as message (its base included) and back. False: a number does not fit its field. */
void wire_event(Tenor__V1__Event *message, const struct tn_event *event);
bool wire_event_read(struct tn_event *event, const Tenor__V1__Event *message);

/* A frame as an entry of version 2 (docs/specs/frame.md §5), as tn_member_frame takes it: the bytes
 * needed, of which nothing was written when that is more than room; 0: the payload is empty or too
 * large, or the signature has not 64 bytes. Whether the payload is one is not looked at. */
#define WIRE_ENTRY_BYTES_MAX (2u + 4u + WIRE_TO_NODE_BYTES_MAX + 64u)
size_t wire_frame_entry(uint8_t *out, size_t room, const Tenor__V1__SignedFrame *frame);

/* What a Logon's signature is of. */
void wire_logon_digest(struct tn_hash *digest, const uint8_t chain_id[32],
                       const uint8_t challenge[32], uint32_t market, uint64_t session,
                       Tenor__V1__OnDisconnect on_disconnect);

#endif
