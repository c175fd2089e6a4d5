/* format: the bytes of the store's keys and values. Pure: no LMDB, no allocation.
 *
 * Keys are big-endian, so that they sort; values little-endian, as only this machine's store reads
 * them; what the caller gave is kept as it is. Each value ends with a CRC32C over its database, its
 * key and the value, so that a flipped bit, and a value that stands under another's key, show. */
#ifndef STORE_FORMAT_H
#define STORE_FORMAT_H

#include "store/store.h"

#define STORE_CRC_SIZE   4
#define STORE_KEY_MAX    40
#define STORE_META_KEY   "point"
#define STORE_META_SIZE  184
#define STORE_BLOCK_HEAD 44 /* time, hash, size of the header */
#define STORE_BATCH_HEAD 40 /* height, digest */
#define STORE_ORDER_SIZE 32

struct store_key {
    uint8_t bytes[STORE_KEY_MAX];
    uint8_t size;
};

/* What a checkpoint says about the store as a whole. */
struct store_meta {
    uint32_t format, market;
    struct tn_hash chain_id, limits_hash;
    struct store_point point;
    uint64_t log_position_before; /* of the commit before */
    uint64_t newest_ms;           /* the latest block time seen */
    uint64_t commits_count;
    bool loading; /* a restore is under way */
};

/* What an entry of the history database points at. */
enum store_what { STORE_WHAT_BATCH = 1, STORE_WHAT_FILL = 2, STORE_WHAT_ORDER = 3 };
struct store_history {
    uint64_t height;
    enum store_what what;
    uint32_t market, account, index;
    uint64_t sequence, order_id;
};

static inline void store_put_u32(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static inline void store_put_u64(uint8_t *out, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static inline uint32_t store_take_u32(const uint8_t *in)
{
    uint32_t value = 0;
    for (int i = 3; i >= 0; i--)
        value = value << 8 | in[i];
    return value;
}

static inline uint64_t store_take_u64(const uint8_t *in)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--)
        value = value << 8 | in[i];
    return value;
}

/* Keys. */
struct store_key store_key_meta(void);
struct store_key store_key_record(uint8_t kind, uint32_t index);
struct store_key store_key_height(uint64_t height); /* any u64 that is a key by itself */
struct store_key store_key_hash(const struct tn_hash *hash);
struct store_key store_key_batch(uint32_t market, uint64_t sequence);
struct store_key store_key_fill(uint32_t account, uint64_t height, uint32_t index);
struct store_key store_key_leaf(uint8_t tree, uint64_t index);
struct store_key store_key_history(const struct store_history *history);

/* Whether a key has the shape that its database asks for. */
bool store_key_is_sound(enum store_database database, const uint8_t *key, size_t size);
uint64_t store_key_take_height(const uint8_t *key); /* the first eight bytes */
void store_key_take_fill(const uint8_t *key, uint64_t *height, uint32_t *index);
bool store_key_take_history(const uint8_t *key, size_t size, struct store_history *history);

/* store_seal writes the CRC behind value[0..size); store_unseal checks it and gives the size
 * without it, or false. */
void store_seal(enum tn_cpu cpu, enum store_database database, const uint8_t *key, size_t key_size,
                uint8_t *value, size_t size);
bool store_unseal(size_t *size, enum tn_cpu cpu, enum store_database database, const uint8_t *key,
                  size_t key_size, const uint8_t *value, size_t sealed_size);

/* Values, without their CRC. The takers refuse a wrong size or content and read nothing past it. */
void store_value_put_meta(uint8_t out[STORE_META_SIZE], const struct store_meta *meta);
/* store_value_is_meta: begins as a meta value of ours, of whatever format, which it says. */
bool store_value_is_meta(uint32_t *format, const uint8_t *value, size_t size);
bool store_value_take_meta(struct store_meta *meta, const uint8_t *value, size_t size);
void store_value_put_block(uint8_t *out, const struct store_block *block);
bool store_value_take_block(struct store_block *block, const uint8_t *value, size_t size);
void store_value_put_batch(uint8_t *out, const struct store_batch *batch);
bool store_value_take_batch(struct store_batch *batch, const uint8_t *value, size_t size);
void store_value_put_order(uint8_t out[STORE_ORDER_SIZE], const struct store_order *order);
bool store_value_take_order(struct store_order *order, const uint8_t *value, size_t size);
bool store_value_is_sound(enum store_database database, const uint8_t *value, size_t size);

/* store_header_fault looks at the first bytes of data.mdb before LMDB trusts them: NULL, or what is
 * wrong. `not_ours` tells a file of somebody else's from damage. */
const char *store_header_fault(const uint8_t *bytes, size_t size, uint64_t file_size,
                               bool *not_ours);

#endif
