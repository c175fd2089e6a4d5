/* What a client may have and how fast: ranges of limits, token buckets, addresses.
 *
 * A bucket is refilled when it is looked at, never by a timer. The table of addresses is of fixed
 * size: an address has a window of places that its hash names, and takes the one in it that matters
 * least. So a flood from many addresses costs no memory; at worst it makes the table forget how
 * fast one of them came, never how many connections it holds. */
#include "gateway/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void gateway_limits_default(struct gateway_limits *limits)
{
    *limits = (struct gateway_limits){
#define X(field, least, most, standard, help) .field = (standard),
        GATEWAY_LIMIT_TABLE(X)
#undef X
    };
}

static const struct range {
    const char *name, *help;
    size_t offset;
    uint64_t least, most;
} ranges[] = {
#define X(field, least, most, standard, help)                                                      \
    {#field, help, offsetof(struct gateway_limits, field), least, most},
    GATEWAY_LIMIT_TABLE(X)
#undef X
};

bool gateway_limits_check(const struct gateway_limits *limits, char problem[GATEWAY_PROBLEM_SIZE])
{
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        uint64_t value;
        memcpy(&value, (const uint8_t *)limits + ranges[i].offset, sizeof value);
        if (value >= ranges[i].least && value <= ranges[i].most) continue;
        snprintf(problem, GATEWAY_PROBLEM_SIZE,
                 "cannot use %s = %" PRIu64 " (%s): choose %" PRIu64 " to %" PRIu64, ranges[i].name,
                 value, ranges[i].help, ranges[i].least, ranges[i].most);
        return false;
    }
    if (limits->heartbeat_least_ms <= limits->heartbeat_ms &&
        limits->heartbeat_ms <= limits->heartbeat_most_ms)
        return true;
    snprintf(problem, GATEWAY_PROBLEM_SIZE,
             "cannot use heartbeat_ms = %" PRIu64
             ": choose one from heartbeat_least_ms to heartbeat_most_ms (%" PRIu64 " to %" PRIu64
             ")",
             limits->heartbeat_ms, limits->heartbeat_least_ms, limits->heartbeat_most_ms);
    return false;
}

/* ---- Buckets ----------------------------------------------------------------------------------
 */

uint64_t gateway_bucket_left(struct gateway_bucket *bucket, uint64_t per_second, uint64_t burst,
                             int64_t now_us)
{
    uint64_t most = burst * 1000000u, gained;
    bool is_new = bucket->at_us == 0;
    uint64_t passed_us = now_us > bucket->at_us ? (uint64_t)(now_us - bucket->at_us) : 0;
    if (is_new || __builtin_mul_overflow(passed_us, per_second, &gained) ||
        gained >= most - (bucket->micros < most ? bucket->micros : most)) {
        bucket->micros = most;
    } else {
        bucket->micros += gained;
    }
    bucket->at_us = now_us;
    return bucket->micros / 1000000u;
}

bool gateway_bucket_take(struct gateway_bucket *bucket, uint64_t tokens)
{
    if (bucket->micros / 1000000u < tokens) return false;
    bucket->micros -= tokens * 1000000u;
    return true;
}

void gateway_bucket_drain(struct gateway_bucket *bucket, uint64_t tokens)
{
    uint64_t most = bucket->micros / 1000000u;
    bucket->micros -= (tokens < most ? tokens : most) * 1000000u;
}

/* ---- Addresses --------------------------------------------------------------------------------
 */

#define WINDOW 16u

struct place {
    struct gateway_address address;
    bool used;
    uint32_t count;
    struct gateway_bucket bucket;
};
struct gateway_addresses {
    uint32_t mask;
    struct place places[];
};

struct gateway_addresses *gateway_addresses_make(uint64_t sessions_max)
{
    uint32_t count = 64;
    while (count < 4 * sessions_max)
        count *= 2;
    struct gateway_addresses *addresses =
        calloc(1, sizeof *addresses + (size_t)count * sizeof(struct place));
    if (addresses != NULL) addresses->mask = count - 1;
    return addresses;
}

void gateway_addresses_free(struct gateway_addresses *addresses)
{
    free(addresses);
}

static uint32_t hash_of(const struct gateway_address *address)
{
    uint64_t bits;
    memcpy(&bits, address->bytes, sizeof bits);
    bits = (bits + address->is_ip4) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(bits >> 32);
}

static bool is_same(const struct gateway_address *a, const struct gateway_address *b)
{
    return a->is_ip4 == b->is_ip4 && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* The address' place. When it has none yet: a free one, or the one without connections that was
 * looked at longest ago; NULL when all of them have some. */
static struct place *find(struct gateway_addresses *addresses,
                          const struct gateway_address *address)
{
    struct place *best = NULL;
    uint32_t first = hash_of(address);
    for (uint32_t i = 0; i < WINDOW; i++) {
        struct place *place = &addresses->places[(first + i) & addresses->mask];
        if (place->used && is_same(&place->address, address)) return place;
        if (place->count > 0) continue;
        if (best == NULL || !place->used ||
            (best->used && place->bucket.at_us < best->bucket.at_us))
            best = place;
    }
    return best;
}

enum gateway_address_answer gateway_addresses_enter(struct gateway_addresses *addresses,
                                                    const struct gateway_address *address,
                                                    const struct gateway_limits *limits,
                                                    int64_t now_us)
{
    struct place *place = find(addresses, address);
    if (place == NULL) return GATEWAY_ADDRESS_FULL;
    if (!place->used || !is_same(&place->address, address))
        *place = (struct place){.address = *address, .used = true};
    gateway_bucket_left(&place->bucket, limits->address_per_second, limits->address_burst, now_us);
    if (place->count >= limits->address_sessions_max) return GATEWAY_ADDRESS_FULL;
    if (!gateway_bucket_take(&place->bucket, 1)) return GATEWAY_ADDRESS_FAST;
    place->count++;
    return GATEWAY_ADDRESS_OK;
}

void gateway_addresses_leave(struct gateway_addresses *addresses,
                             const struct gateway_address *address)
{
    struct place *place = find(addresses, address);
    TN_ASSERT(place != NULL && place->used && is_same(&place->address, address) &&
              place->count > 0);
    place->count--;
}
