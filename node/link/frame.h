/* frame: the bytes of a connection cut into messages, each `size u32 ‖ message`, big-endian.
 *
 * A message's first byte is its kind, and the kind says how large it may be: a frame is refused by
 * its first five bytes, before a byte of memory is taken for it. Memory grows as bytes arrive, so
 * that a size that is only claimed costs the claimant as much as the reader. */
#ifndef NODE_LINK_FRAME_H
#define NODE_LINK_FRAME_H

#include "link/internal.h"

#define FRAME_HEAD_BYTES   5 /* the size and the kind */
#define FRAME_BUFFER_BYTES ((uint32_t)4096)

enum frame_result {
    FRAME_MORE,  /* all bytes are taken, the message is not whole */
    FRAME_WHOLE, /* reader->message, reader->size: valid until the next call */
    FRAME_MALFORMED,
    FRAME_OVERSIZE,
    FRAME_MEMORY,
};

struct frame_reader {
    uint8_t head[FRAME_HEAD_BYTES];
    uint32_t head_count;
    uint8_t *message;
    uint32_t message_max; /* bytes allocated */
    uint32_t count;       /* bytes of the message that are there */
    uint32_t size;        /* of the message */
    bool whole;
};

/* The most bytes of a message of this kind: in a handshake only the handshake's own kinds. 0: not
 * expected here. */
uint32_t frame_bytes_max(uint8_t kind, bool handshake);

/* frame_read takes bytes up to the end of one message; *taken says how many. After MALFORMED,
 * OVERSIZE or MEMORY the connection is of no more use. */
enum frame_result frame_read(struct frame_reader *reader, size_t *taken, const uint8_t *bytes,
                             size_t size, bool handshake);

/* Gives the memory back. A zeroed reader is ready; so is a freed one. */
void frame_free(struct frame_reader *reader);

#endif
