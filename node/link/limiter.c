/* Token buckets by address, in a small set-associative table without allocation.
 *
 * Time and rates are the caller's; a clock that stands still gives no tokens, and a bucket never
 * holds more than a second's worth. */
#include "link/limiter.h"

#include <string.h>

bool limiter_bucket_take(struct limiter_bucket *bucket, int64_t now_us, uint32_t per_second)
{
    TN_ASSERT(now_us > 0 && per_second > 0);
    int64_t full = (int64_t)per_second * 1000000;
    if (bucket->seen_us == 0 || now_us - bucket->seen_us >= 1000000) {
        bucket->micro_tokens = full;
    } else if (now_us > bucket->seen_us) {
        bucket->micro_tokens += (now_us - bucket->seen_us) * per_second;
        if (bucket->micro_tokens > full) bucket->micro_tokens = full;
    }
    if (now_us > bucket->seen_us) bucket->seen_us = now_us;
    if (bucket->micro_tokens < 1000000) return false;
    bucket->micro_tokens -= 1000000;
    return true;
}

bool limiter_take(struct limiter *limiter, const struct limiter_address *address, int64_t now_us,
                  uint32_t per_second)
{
    uint64_t hash = tn_get_be(address->bytes, 8);
    hash = (hash ^ tn_get_be(address->bytes + 8, 8)) * UINT64_C(0x9FB21C651E98DF25);
    struct limiter_bucket *set = limiter->buckets[(hash >> 32) % LIMITER_SETS];
    struct limiter_bucket *oldest = &set[0];
    for (uint32_t i = 0; i < LIMITER_WAYS; i++) {
        if (set[i].seen_us != 0 && memcmp(&set[i].address, address, sizeof *address) == 0)
            return limiter_bucket_take(&set[i], now_us, per_second);
        if (set[i].seen_us < oldest->seen_us) oldest = &set[i];
    }
    *oldest = (struct limiter_bucket){.address = *address};
    return limiter_bucket_take(oldest, now_us, per_second);
}
