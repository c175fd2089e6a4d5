/* entries: what is hashed of a batch's entries, side by side: their root, for who reads a body and
 * for who builds one, and frames' digests. */
#ifndef TENOR_ENTRIES_H
#define TENOR_ENTRIES_H

#include "tenor/frame.h"
#include "tenor/keccak.h"

/* Is the body what its header says: lengths that fill it, the number of entries, and their root?
 * What the entries are is not asked. body_size includes the header's bytes. */
bool tn_stream_entries_hold(const struct tn_batch_header *header, enum tn_cpu cpu,
                            const uint8_t *body, size_t body_size);

/* Who builds a batch and keeps its body need not hash an entry when it comes: _count_entry takes
 * the place of tn_stream_batch_add_entry, for all entries of a batch, and _end_body that of
 * tn_stream_batch_end, with the same header; it hashes what lies in the body side by side. The body
 * is all that was counted, from place TN_BATCH_HEADER_BYTES on (asserted). */
void tn_stream_batch_count_entry(struct tn_batch_builder *builder, const struct tn_entry *entry,
                                 size_t size);
void tn_stream_batch_end_body(struct tn_batch_header *header,
                              const struct tn_batch_builder *builder, enum tn_cpu cpu,
                              const uint8_t *body, size_t body_size);

/* What tn_frame_digest gives of the frames of one body, for who comes by all of them in turn: when
 * the next one is asked for, those behind it are worked out with it. Nothing is taken on trust:
 * they are of the bytes that lie in the body, which must not change from _begin to the last _of. */
#define TN_STREAM_DIGESTS_TOGETHER 8u
#define TN_FRAME_DIGEST_HEAD       38u /* "TNFRM1" and the chain's id */

struct tn_stream_digests {
    const uint8_t *body;  /* all of it is _of's own; who likes may read what follows */
    size_t body_size, at; /* how far the body was looked at: other with each lot of digests */
    enum tn_cpu cpu;
    uint32_t count; /* of the last lot: payloads where they lie, and what _of says of them */
    struct tn_keccak_message messages[TN_STREAM_DIGESTS_TOGETHER];
    struct tn_hash hashes[TN_STREAM_DIGESTS_TOGETHER];
    uint8_t head[TN_FRAME_DIGEST_HEAD];
};

/* The body, with its header, must outlive what was begun. */
void tn_stream_digests_begin(struct tn_stream_digests *digests, enum tn_cpu cpu,
                             const uint8_t chain_id[32], const uint8_t *body, size_t body_size);

/* The digest of a frame that was read where it lies in the body; NULL for another one. It is good
 * until the next question. */
const struct tn_hash *tn_stream_digests_of(struct tn_stream_digests *digests,
                                           const struct tn_frame *frame);

#endif
