/* frame: what clients sign, and a market's stream that carries it.
 *
 * A client sends a *payload*, the protobuf message of proto/tenor/v1/trader.proto, and a signature
 * of its session's key. The payload is signed, hashed and kept as the exact bytes that came; each
 * meaning has one spelling only, and docs/specs/frame.md says which. A frame stands in the stream
 * as an entry of version 2; BLOCK has a version 2 too, which names its block.
 *
 * Readers are total and strict, writers return the bytes needed, as in stream.h. */
#ifndef TENOR_FRAME_H
#define TENOR_FRAME_H

#include "tenor/base.h"
#include "tenor/crypto.h"
#include "tenor/entry.h"
#include "tenor/signature.h"
#include "tenor/stream.h"

/* ---- Payloads ----------------------------------------------------------------------------------
 * More than this has no meaning as a payload and is refused. */
#define TN_PAYLOAD_BYTES_MAX    65536u
#define TN_PAYLOAD_COMMANDS_MAX 256u
#define TN_PAYLOAD_QUOTES_MAX   4096u /* of all commands; of one command TN_QUOTES_MAX */

struct tn_frame {
    const uint8_t *payload; /* as it was signed; the bytes are whoever gave them to the reader's */
    uint32_t payload_size;
    struct tn_signature signature; /* of tn_frame_digest, by the session's key */
    /* What the payload says: */
    uint32_t market;
    uint32_t term; /* of the market's leader; 0: any, for forced frames */
    uint64_t session;
    uint64_t nonce;
    uint64_t valid_until_block;
    const struct tn_command *commands; /* 1 .. TN_PAYLOAD_COMMANDS_MAX, in the reader's scratch */
    uint32_t commands_count;
};

/* Reads a payload that fills the bytes; the signature is left as it is. False: *fault says why,
 * frame and scratch mean nothing. Fields that a command's kind does not read are zero. */
bool tn_stream_read_payload(struct tn_frame *frame, struct tn_stream_fault *fault,
                            struct tn_stream_scratch *scratch, const uint8_t *bytes, size_t size);

/* Reads the fields before the commands alone; the others are 0. False: they are none, and *frame
 * means nothing. What comes behind them may be anything. */
bool tn_stream_read_payload_head(struct tn_frame *frame, const uint8_t *bytes, size_t size);

/* Writes the payload of the header fields and commands of a frame: the bytes needed, when out_size
 * is smaller nothing was written; 0 when there is no such payload (no command or too many, a flag
 * that is neither 0 nor 1, too many quotes or legs, an unknown kind). */
size_t tn_stream_write_payload(uint8_t *out, size_t out_size, const struct tn_frame *frame);

/* What the session key signs: keccak256 of "TNFRM1" ‖ chain_id ‖ payload. */
void tn_frame_digest(struct tn_hash *digest, const uint8_t chain_id[32], const uint8_t *payload,
                     size_t payload_size);

/* ---- The entries of a market that a set of sequencers keeps ------------------------------------
 * A stream item is an entry of version 1, or one of these of version 2:
 *
 *   FRAME 1    a signed frame
 *   BLOCK 2    height, time and the block's hash: consumes the market's inbox
 *
 * An exchange knows nothing of them: whoever holds sessions and inboxes makes its entries. */
#define TN_ENTRY_VERSION_2 2

struct tn_stream_item {
    /* What the exchange would see. A frame of version 2 is a FRAME with its nonce, its
     * valid_until_block and its commands, its account 0 until the session is known; a BLOCK of
     * version 2 is a BLOCK. */
    struct tn_entry entry;
    uint8_t version; /* TN_ENTRY_VERSION or TN_ENTRY_VERSION_2 */
    union {
        struct tn_frame frame;     /* FRAME of version 2 */
        struct tn_hash block_hash; /* BLOCK of version 2 */
    } as;
};

/* Which market does a FRAME of version 2 name? For who passes it on; nothing else of it is looked
 * at. False: it does not begin as one. */
bool tn_stream_frame_market(uint32_t *market, const uint8_t *bytes, size_t size);

/* As tn_stream_write_entry and tn_stream_read_entry. Of a frame of version 2 the payload and the
 * signature are written as they are; what the payload says is not looked at. */
size_t tn_stream_write_item(uint8_t *out, size_t out_size, const struct tn_stream_item *item);
bool tn_stream_read_item(struct tn_stream_item *item, size_t *used, struct tn_stream_fault *fault,
                         struct tn_stream_scratch *scratch, const uint8_t *bytes, size_t size);

/* May the item stand in a batch of a market that a set keeps: a FRAME or BLOCK of version 2, a
 * SWEEP or a LIQ? Everything else comes by inboxes. */
bool tn_stream_item_is_led(const struct tn_stream_item *item);

/* Batches of items: tn_batch_builder takes &item->entry and the item's bytes; these are
 * tn_stream_write_batch_entry, tn_stream_batch_next and tn_stream_batch_check for items. A reader
 * gives items or entries, not both by turns. */
size_t tn_stream_write_batch_item(uint8_t *out, size_t out_size, const struct tn_stream_item *item);
enum tn_stream_step tn_stream_batch_next_item(struct tn_batch_reader *reader,
                                              struct tn_stream_item *item,
                                              struct tn_stream_fault *fault,
                                              struct tn_stream_scratch *scratch);
/* Refuses what may not stand in a batch as well (tn_stream_item_is_led). */
bool tn_stream_batch_check_items(struct tn_batch_header *header, struct tn_stream_fault *fault,
                                 struct tn_stream_scratch *scratch, const uint8_t *body,
                                 size_t body_size);

#endif
