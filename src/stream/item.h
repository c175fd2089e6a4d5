/* What item_write.c and item_read.c share: the sizes of an item's parts. Layouts:
 * docs/specs/items.md.
 */
#ifndef TENOR_STREAM_ITEM_H
#define TENOR_STREAM_ITEM_H

#include "stream/internal.h"
#include "tenor/item.h"

enum {
    ITEM_KIND_BYTES = 1,
    DEPOSIT_BYTES = 8 + 4 + 4 + 4 + 8,
    OPERATION_HEAD_BYTES = 1 + TN_ADDRESS_SIZE + 4,
    OPEN_BYTES = 8 + 1,
    SESSION_BYTES = 8 + 4 + TN_PUBLIC_KEY_SIZE + 4 + 8,
    REVOKE_BYTES = 8 + 8,
    GOVERNANCE_HEAD_BYTES = 8 + 4,
    TERM_HEAD_BYTES = 1 + 4 + 4 + 8 + TN_HASH_SIZE,
    STALL_BYTES = 2 + TN_SIGNATURE_SIZE,
};

/* What an owner signs of his operation (docs/specs/items.md §4): item_typed.c. */
void tn_stream_operation_digest(struct tn_hash *digest, const uint8_t chain_id[32],
                                const struct tn_operation *operation);

/* Is it for a market's governance to put such an entry into its stream? Everything but what has an
 * item of its own, and what a leader decides. */
static inline bool entry_is_governed(uint8_t kind)
{
    switch ((enum tn_entry_kind)kind) {
        case TN_ENTRY_MARKS:
        case TN_ENTRY_INDEX:
        case TN_ENTRY_UNDERLYING:
        case TN_ENTRY_FEES:
        case TN_ENTRY_LIST:
        case TN_ENTRY_LISTING:
        case TN_ENTRY_STATUS:
        case TN_ENTRY_UNCROSS:
        case TN_ENTRY_FUNDING:
        case TN_ENTRY_SETTLE:
        case TN_ENTRY_ASSET:
        case TN_ENTRY_FEEDER:
        case TN_ENTRY_RISK:
        case TN_ENTRY_INSURE: return true;
        case TN_ENTRY_FRAME:
        case TN_ENTRY_BLOCK:
        case TN_ENTRY_SWEEP:
        case TN_ENTRY_ACCOUNT:
        case TN_ENTRY_DEPOSIT:
        case TN_ENTRY_REPORT:
        case TN_ENTRY_LIQ: return false;
    }
    return false;
}

#endif
