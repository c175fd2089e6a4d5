/* limits: allowances that refill with time, and who opens connections how fast. */
#ifndef NODE_GATEWAY_LIMITS_H
#define NODE_GATEWAY_LIMITS_H

#include "gateway/gateway.h"

/* Tokens in millionths, so that a turn of a microsecond counts. Starts full. */
struct gateway_bucket {
    uint64_t micros;
    int64_t at_us;
};
/* What it holds now: whole tokens. */
uint64_t gateway_bucket_left(struct gateway_bucket *bucket, uint64_t per_second, uint64_t burst,
                             int64_t now_us);
/* Takes so many; false, with nothing taken: they are not there. After gateway_bucket_left. */
bool gateway_bucket_take(struct gateway_bucket *bucket, uint64_t tokens);
/* Takes so many, or all that are there. After gateway_bucket_left. */
void gateway_bucket_drain(struct gateway_bucket *bucket, uint64_t tokens);

/* The addresses that connections come from: an IPv4 one, or the first half of an IPv6 one. */
struct gateway_address {
    uint8_t bytes[8];
    bool is_ip4;
};
struct gateway_addresses;
/* For so many connections at a time; NULL: no memory. Addresses without connections are forgotten
 * for others, those that wait least first. */
struct gateway_addresses *gateway_addresses_make(uint64_t sessions_max);
void gateway_addresses_free(struct gateway_addresses *addresses);
enum gateway_address_answer { GATEWAY_ADDRESS_OK, GATEWAY_ADDRESS_FULL, GATEWAY_ADDRESS_FAST };
/* A connection comes: OK counts it. */
enum gateway_address_answer gateway_addresses_enter(struct gateway_addresses *addresses,
                                                    const struct gateway_address *address,
                                                    const struct gateway_limits *limits,
                                                    int64_t now_us);
/* One that was counted has gone. */
void gateway_addresses_leave(struct gateway_addresses *addresses,
                             const struct gateway_address *address);

#endif
