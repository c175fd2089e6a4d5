/* witness_maker: blocks of random markets under margin, and their witnesses.
 *
 * Two replicas: one executes each block and notes which accounts it needed; the other stands a
 * block behind and writes the witness. */
#ifndef WITNESS_MAKER_H
#define WITNESS_MAKER_H

#include "risk_stream.h"

#include "tenor/witness.h"

struct witness_side {
    struct tn_replica_limits limits;
    struct tn_replica *replica;
    struct tn_event *events;
    uint32_t events_max;
};

struct witness_maker {
    struct risk_stream stream;
    uint64_t random;
    struct witness_side ahead, behind;
    uint8_t *entry, *body;
    size_t body_size;
    uint64_t *bits; /* whom the block that ran ahead needs */
    struct tn_witness_roots after;
    struct tn_block_header block;
};

/* Some megabytes, nearly all of them the caller's to free with witness_maker_close. */
void witness_maker_open(struct witness_maker *maker, uint64_t seed);
void witness_maker_close(struct witness_maker *maker);

/* Executes the next block ahead: what it needed and led to stands in the maker. */
void witness_maker_run_ahead(struct witness_maker *maker);
/* Its witness, while the other replica is behind; bits may be changed before. At most out_size. */
size_t witness_maker_write(const struct witness_maker *maker, uint8_t *out, size_t out_size);
/* The other replica executes it too. */
void witness_maker_catch_up(struct witness_maker *maker);

#endif
