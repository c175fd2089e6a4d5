/* prove: what the files that write proofs share. */
#ifndef TENOR_STATE_PROVE_H
#define TENOR_STATE_PROVE_H

#include "state/internal.h"

/* Counts past its end without writing. */
struct writer {
    uint8_t *out;
    size_t size, used;
};

void tn_state_write(struct writer *writer, const void *bytes, size_t size);
void tn_state_write_be(struct writer *writer, uint64_t value, uint32_t size);
void tn_state_write_head(struct writer *writer, enum tn_proof_type type,
                         const struct tn_state_head *head);
void tn_state_write_waypoint(struct writer *writer, const struct tn_hash *hash);
void tn_state_write_way(struct writer *writer, const struct tree *tree, uint32_t index,
                        uint32_t level);
/* A tree of `count` leaves, a power of 2 and at most TN_PROOF_SECTIONS. */
void tn_state_write_small_way(struct writer *writer, const struct tn_hash *leaves, uint32_t count,
                              uint32_t index);
/* 0 when it did not fit. */
size_t tn_state_written(const struct writer *writer);

#endif
