/* limiter: how many connections a second may come in from one address.
 *
 * A token bucket for each of the addresses seen last, in a table of fixed size: an address that is
 * pushed out of it by others gets a full bucket when it comes again, so the table alone does not
 * bound an attacker with many addresses; the caller has a bucket over all of them too. */
#ifndef NODE_LINK_LIMITER_H
#define NODE_LINK_LIMITER_H

#include "tenor/base.h"

#define LIMITER_SETS 64
#define LIMITER_WAYS 4

struct limiter_address {
    uint8_t bytes[16]; /* IPv6, or IPv4 in its last four after ::ffff */
};

struct limiter_bucket {
    struct limiter_address address;
    int64_t micro_tokens;
    int64_t seen_us; /* 0: unused */
};

struct limiter {
    struct limiter_bucket buckets[LIMITER_SETS][LIMITER_WAYS];
};

/* One more at now_us (> 0)? A bucket holds a second's worth and is full at first. */
bool limiter_bucket_take(struct limiter_bucket *bucket, int64_t now_us, uint32_t per_second);
bool limiter_take(struct limiter *limiter, const struct limiter_address *address, int64_t now_us,
                  uint32_t per_second);

#endif
