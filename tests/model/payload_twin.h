/* The twin of stream's payload decoder: protobuf-c, and docs/specs/frame.md §2 as a sentence: bytes
 * are a payload if protobuf-c reads them, knows every field, writes the same bytes again, and what
 * it read is within the counts and widths of the page. */
#ifndef TENOR_PAYLOAD_TWIN_H
#define TENOR_PAYLOAD_TWIN_H

#include "tenor/frame.h"

struct payload_twin {
    struct tn_frame frame;
    struct tn_command commands[TN_PAYLOAD_COMMANDS_MAX];
    struct tn_quote quotes[TN_PAYLOAD_QUOTES_MAX];
    uint32_t quotes_count;
    uint8_t signatures[TN_PAYLOAD_COMMANDS_MAX][TN_SIGNATURE_SIZE]; /* of block trades */
};

/* Are the bytes a payload? Then the frame is what it says. */
bool payload_twin_read(struct payload_twin *twin, const uint8_t *bytes, size_t size);

/* NULL when both mean the same, else what differs. */
const char *payload_twin_differs(const struct payload_twin *twin, const struct tn_frame *frame);

#endif
