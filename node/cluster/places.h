/* places: where a position stands among the holders of its side of a series when one of them is
 * deleveraged (docs/specs/risk.md, Deleveraging).
 *
 * A place is known only from all the others, so it is counted for a whole series at once, when
 * somebody asks, and kept: who asks within PLACES_AGE_MS of block time, for whichever account, is
 * told the same count, and after which block it was made. So what all questions together cost is
 * bounded, however many they are: after each block at most PLACES_WORK exposures are gone over, and
 * a series is counted again only when its count is too old, or lacks a position that has come
 * since. An exposure costs 80 ns, and 140 where memory is far: so 2.5 to 4.5 ms after a block. What
 * there is no work left for is told as it was counted last, or not yet.
 *
 * Series take turns. Of those that found no work left the next one, by market and id, in a ring, is
 * counted first after the next block, whoever asks for whatever; and who has positions in several
 * goes on from there. So a series that is asked for after each block is counted within as many
 * blocks as series are asked for, in whatever order questions come.
 *
 * Memory is taken once; what has been counted is forgotten when it is full, and counted again. Not
 * state: nodes may have counted after different blocks. */
#ifndef NODE_CLUSTER_PLACES_H
#define NODE_CLUSTER_PLACES_H

#include "tenor/riskview.h"

enum {
    PLACES_AGE_MS = 1000,
    PLACES_WORK = 32768,      /* exposures after a block; a series that has more is never counted */
    PLACES_HOLDERS = 1 << 20, /* of all series that are counted: 4 MiB */
    PLACES_SERIES = 8192,
};

struct places;

/* NULL: no memory. work: PLACES_WORK, or less. */
struct places *places_make(uint32_t work);
void places_free(struct places *places);

/* A market after a block. */
struct places_at {
    const struct tn_exchange *exchange;
    uint32_t market;
    uint64_t height, time_ms;
};

struct place {
    uint32_t place; /* 1: first to be deleveraged; 0: not known, and the others 0 too */
    uint32_t holders;
    uint64_t block; /* after which it was counted */
};
/* Of an account's position. O(holders of that side), some thousands to a microsecond; where the
 * series must be counted as its header says. */
void places_find(struct places *places, struct place *place, const struct places_at *at,
                 uint32_t account, uint64_t series_id, bool is_short);

/* Of several positions of an account, by series ascending. */
struct places_asked {
    uint64_t series_id;
    bool is_short;
    struct place place; /* the answer */
};
void places_find_all(struct places *places, const struct places_at *at, uint32_t account,
                     struct places_asked *asked, uint32_t count);

#endif
