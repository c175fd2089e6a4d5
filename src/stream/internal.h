/* What the files of stream share: the sizes of what a kind always has, and the two halves of the
 * command codec. The layouts are in docs/specs/stream.md. */
#ifndef TENOR_STREAM_INTERNAL_H
#define TENOR_STREAM_INTERNAL_H

#include "stream/bytes.h"
#include "tenor/entries.h"

/* The parts of which there may be several. */
enum {
    ENTRY_HEAD_BYTES = 2,     /* version, kind */
    FRAME_SIZE_BYTES = 4,     /* of the payload that follows */
    FRAME_PAYLOAD_BYTES = 22, /* and its commands */
    COMMAND_HEAD_BYTES = 9,   /* client id, kind */
    PACKAGE_LEG_BYTES = 17,   /* without a price */
    BLOCK_LEG_BYTES = 25,     /* with one */
    MARK_BYTES = 40,
    STRIKE_BYTES = 12,
    SCENARIO_BYTES = 10,
    TICK_STEP_BYTES = 16,
    CONTRACT_BYTES = 41,        /* and its steps */
    UNDERLYING_TAIL_BYTES = 60, /* fees, listing rules, and the rest */
    SURFACE_BYTES = 56,
    RISK_BYTES = 8 * TN_RISK_FIELDS_FIRST, /* at least */
};

/* What an entry of a kind has behind its head, without what repeats; 0: no such kind. */
static inline uint32_t entry_fixed_bytes(uint8_t kind)
{
    static const uint16_t BYTES[] = {
        [TN_ENTRY_FRAME] = FRAME_SIZE_BYTES + FRAME_PAYLOAD_BYTES,
        [TN_ENTRY_BLOCK] = 16,
        [TN_ENTRY_SWEEP] = 4,
        [TN_ENTRY_MARKS] = 2,
        [TN_ENTRY_INDEX] = 10,
        [TN_ENTRY_ACCOUNT] = TN_OWNER_SIZE + 1,
        [TN_ENTRY_DEPOSIT] = 16,
        [TN_ENTRY_UNDERLYING] = TN_SYMBOL_SIZE + 2 * CONTRACT_BYTES + UNDERLYING_TAIL_BYTES,
        [TN_ENTRY_FEES] = 26,
        [TN_ENTRY_LIST] = 8,
        [TN_ENTRY_LISTING] = 14,
        [TN_ENTRY_STATUS] = 9,
        [TN_ENTRY_UNCROSS] = 8,
        [TN_ENTRY_FUNDING] = 16,
        [TN_ENTRY_SETTLE] = 12,
        [TN_ENTRY_ASSET] = 10,
        [TN_ENTRY_FEEDER] = 3,
        [TN_ENTRY_REPORT] = 35,
        [TN_ENTRY_RISK] = 12 + RISK_BYTES,
        [TN_ENTRY_LIQ] = 4,
        [TN_ENTRY_INSURE] = 8,
    };
    return kind < sizeof(BYTES) / sizeof(BYTES[0]) ? BYTES[kind] : 0;
}

/* The same of a command. */
static inline uint32_t command_fixed_bytes(uint8_t kind)
{
    static const uint8_t BYTES[] = {
        [TN_COMMAND_PLACE] = 62,    [TN_COMMAND_PLACE_OCO] = 124,  [TN_COMMAND_REPLACE] = 32,
        [TN_COMMAND_CANCEL] = 16,   [TN_COMMAND_MASS_CANCEL] = 18, [TN_COMMAND_MASS_QUOTE] = 13,
        [TN_COMMAND_MMP_SET] = 45,  [TN_COMMAND_MMP_RESET] = 1,    [TN_COMMAND_MMP_CANCEL] = 1,
        [TN_COMMAND_PACKAGE] = 22,  [TN_COMMAND_BLOCK_TRADE] = 25, [TN_COMMAND_TRANSFER] = 16,
        [TN_COMMAND_WITHDRAW] = 12, [TN_COMMAND_MODEL] = 1,        [TN_COMMAND_BID] = 21,
        [TN_COMMAND_REMIT] = 16,
    };
    return kind < sizeof(BYTES) / sizeof(BYTES[0]) ? BYTES[kind] : 0;
}

/* The bytes of a command; 0 when it has no encoding. */
size_t tn_stream_command_bytes(const struct tn_command *command);
/* Writes exactly as many. */
void tn_stream_put_command(struct writer *writer, const struct tn_command *command);
/* Reads one; its quotes go to scratch behind those that are there, *quotes_count of them. */
bool tn_stream_get_command(struct reader *reader, struct tn_command *command,
                           struct tn_stream_scratch *scratch, uint32_t *quotes_count);

/* tree.c: a leaf's hash is over this head and the leaf's bytes; _push takes the hash as the next
 * leaf's. */
#define TREE_LEAF_HEAD 6u
void tn_stream_tree_leaf_head(uint8_t head[TREE_LEAF_HEAD], uint8_t kind, uint32_t index);
void tn_stream_tree_push(struct tn_stream_tree *tree, const struct tn_hash *leaf);

/* batch.c: all of what tn_stream_batch_end fills in but the root. */
void tn_stream_batch_fill(struct tn_batch_header *header, const struct tn_batch_builder *builder);

/* frame.c: where the payload lies in an entry that looks like a FRAME of version 2, of which
 * nothing else is asked; NULL in one that does not. And what a digest has before the payload. */
const uint8_t *tn_stream_frame_payload(size_t *payload_size, const uint8_t *entry, size_t size);
void tn_stream_frame_head(uint8_t head[TN_FRAME_DIGEST_HEAD], const uint8_t chain_id[32]);

#endif
