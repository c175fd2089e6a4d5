/* Keys and values of the store as bytes.
 *
 * Everything that is read back from the file comes through here, so this is what the fuzzer feeds:
 * the takers check sizes before they read, and know no pointer but the value's. Layouts are listed
 * in docs/specs/store.md. */
#include "store/format.h"

#include <string.h>

static const char magic[8] = {'T', 'N', 'S', 'T', 'O', 'R', 'E', '\n'};

static void add_big(struct store_key *key, uint64_t value, uint32_t bytes_count)
{
    for (uint32_t i = bytes_count; i > 0; i--)
        key->bytes[key->size++] = (uint8_t)(value >> (8 * (i - 1)));
    TN_ASSERT(key->size <= STORE_KEY_MAX);
}

static uint64_t take_big(const uint8_t *in, uint32_t bytes_count)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < bytes_count; i++)
        value = value << 8 | in[i];
    return value;
}

struct store_key store_key_meta(void)
{
    struct store_key key = {.size = sizeof STORE_META_KEY - 1};
    memcpy(key.bytes, STORE_META_KEY, key.size);
    return key;
}

struct store_key store_key_record(uint8_t kind, uint32_t index)
{
    struct store_key key = {.size = 0};
    add_big(&key, kind, 1);
    add_big(&key, index, 4);
    return key;
}

struct store_key store_key_height(uint64_t height)
{
    struct store_key key = {.size = 0};
    add_big(&key, height, 8);
    return key;
}

struct store_key store_key_hash(const struct tn_hash *hash)
{
    struct store_key key = {.size = TN_HASH_SIZE};
    memcpy(key.bytes, hash->bytes, TN_HASH_SIZE);
    return key;
}

struct store_key store_key_batch(uint32_t market, uint64_t sequence)
{
    struct store_key key = {.size = 0};
    add_big(&key, market, 4);
    add_big(&key, sequence, 8);
    return key;
}

struct store_key store_key_fill(uint32_t account, uint64_t height, uint32_t index)
{
    struct store_key key = {.size = 0};
    add_big(&key, account, 4);
    add_big(&key, height, 8);
    add_big(&key, index, 4);
    return key;
}

struct store_key store_key_leaf(uint8_t tree, uint64_t index)
{
    struct store_key key = {.size = 0};
    add_big(&key, tree, 1);
    add_big(&key, index, 8);
    return key;
}

struct store_key store_key_history(const struct store_history *history)
{
    struct store_key key = {.size = 0};
    add_big(&key, history->height, 8);
    add_big(&key, (uint64_t)history->what, 1);
    switch (history->what) {
        case STORE_WHAT_BATCH:
            add_big(&key, history->market, 4);
            add_big(&key, history->sequence, 8);
            break;
        case STORE_WHAT_FILL:
            add_big(&key, history->account, 4);
            add_big(&key, history->index, 4);
            break;
        case STORE_WHAT_ORDER: add_big(&key, history->order_id, 8); break;
    }
    return key;
}

bool store_key_take_history(const uint8_t *key, size_t size, struct store_history *history)
{
    if (size < 9) return false;
    *history = (struct store_history){.height = take_big(key, 8)};
    const uint8_t *rest = key + 9;
    if (key[8] == STORE_WHAT_BATCH && size == 21) {
        history->what = STORE_WHAT_BATCH;
        history->market = (uint32_t)take_big(rest, 4);
        history->sequence = take_big(rest + 4, 8);
        return true;
    }
    if (key[8] == STORE_WHAT_FILL && size == 17) {
        history->what = STORE_WHAT_FILL;
        history->account = (uint32_t)take_big(rest, 4);
        history->index = (uint32_t)take_big(rest + 4, 4);
        return true;
    }
    if (key[8] == STORE_WHAT_ORDER && size == 17) {
        history->what = STORE_WHAT_ORDER;
        history->order_id = take_big(rest, 8);
        return true;
    }
    return false;
}

bool store_key_is_sound(enum store_database database, const uint8_t *key, size_t size)
{
    struct store_history history;
    switch (database) {
        case STORE_META: return size == 5 && memcmp(key, STORE_META_KEY, 5) == 0;
        case STORE_RECORDS: return size == 5;
        case STORE_BLOCKS:
        case STORE_RECEIPTS:
        case STORE_WITHDRAWALS:
        case STORE_ORDERS: return size == 8;
        case STORE_BLOCK_HASHES:
        case STORE_DIGESTS: return size == TN_HASH_SIZE;
        case STORE_BATCHES: return size == 12;
        case STORE_FILLS: return size == 16;
        case STORE_LEAVES:
            return size == 9 && (key[0] == STORE_LEAF_BLOCK || key[0] == STORE_LEAF_WITHDRAWAL);
        case STORE_HISTORY: return store_key_take_history(key, size, &history);
        case STORE_DATABASES: break;
    }
    return false;
}

uint64_t store_key_take_height(const uint8_t *key)
{
    return take_big(key, 8);
}

void store_key_take_fill(const uint8_t *key, uint64_t *height, uint32_t *index)
{
    *height = take_big(key + 4, 8);
    *index = (uint32_t)take_big(key + 12, 4);
}

static uint32_t crc_of(enum tn_cpu cpu, enum store_database database, const uint8_t *key,
                       size_t key_size, const uint8_t *value, size_t size)
{
    uint8_t first[2] = {(uint8_t)database, (uint8_t)key_size};
    uint32_t crc = tn_crc32c(0, cpu, first, sizeof first);
    crc = tn_crc32c(crc, cpu, key, key_size);
    return tn_crc32c(crc, cpu, value, size);
}

void store_seal(enum tn_cpu cpu, enum store_database database, const uint8_t *key, size_t key_size,
                uint8_t *value, size_t size)
{
    store_put_u32(value + size, crc_of(cpu, database, key, key_size, value, size));
}

bool store_unseal(size_t *size, enum tn_cpu cpu, enum store_database database, const uint8_t *key,
                  size_t key_size, const uint8_t *value, size_t sealed_size)
{
    if (sealed_size < STORE_CRC_SIZE) return false;
    *size = sealed_size - STORE_CRC_SIZE;
    return store_take_u32(value + *size) == crc_of(cpu, database, key, key_size, value, *size);
}

void store_value_put_meta(uint8_t out[STORE_META_SIZE], const struct store_meta *meta)
{
    memcpy(out, magic, 8);
    store_put_u32(out + 8, meta->format);
    store_put_u32(out + 12, meta->market);
    memcpy(out + 16, meta->chain_id.bytes, 32);
    memcpy(out + 48, meta->limits_hash.bytes, 32);
    memcpy(out + 80, meta->point.root.bytes, 32);
    store_put_u64(out + 112, meta->point.height);
    store_put_u64(out + 120, meta->point.log_position);
    store_put_u64(out + 128, meta->log_position_before);
    store_put_u64(out + 136, meta->newest_ms);
    store_put_u64(out + 144, meta->commits_count);
    memset(out + 152, 0, STORE_META_SIZE - 152);
    out[152] = meta->loading ? 1 : 0;
}

bool store_value_is_meta(uint32_t *format, const uint8_t *value, size_t size)
{
    if (size < 12 || memcmp(value, magic, 8) != 0) return false;
    *format = store_take_u32(value + 8);
    return true;
}

bool store_value_take_meta(struct store_meta *meta, const uint8_t *value, size_t size)
{
    uint32_t format;
    if (size != STORE_META_SIZE || !store_value_is_meta(&format, value, size)) return false;
    if (value[152] > 1) return false;
    for (uint32_t i = 153; i < STORE_META_SIZE; i++)
        if (value[i] != 0) return false;
    meta->format = format;
    meta->market = store_take_u32(value + 12);
    memcpy(meta->chain_id.bytes, value + 16, 32);
    memcpy(meta->limits_hash.bytes, value + 48, 32);
    memcpy(meta->point.root.bytes, value + 80, 32);
    meta->point.height = store_take_u64(value + 112);
    meta->point.log_position = store_take_u64(value + 120);
    meta->log_position_before = store_take_u64(value + 128);
    meta->newest_ms = store_take_u64(value + 136);
    meta->commits_count = store_take_u64(value + 144);
    meta->loading = value[152] == 1;
    return meta->log_position_before <= meta->point.log_position;
}

void store_value_put_block(uint8_t *out, const struct store_block *block)
{
    store_put_u64(out, block->time_ms);
    memcpy(out + 8, block->hash.bytes, 32);
    store_put_u32(out + 40, block->header_size);
    if (block->header_size > 0) memcpy(out + 44, block->header, block->header_size);
    if (block->body_size > 0) memcpy(out + 44 + block->header_size, block->body, block->body_size);
}

bool store_value_take_block(struct store_block *block, const uint8_t *value, size_t size)
{
    if (size < STORE_BLOCK_HEAD || size - STORE_BLOCK_HEAD > UINT32_MAX) return false;
    size -= STORE_BLOCK_HEAD;
    block->time_ms = store_take_u64(value);
    memcpy(block->hash.bytes, value + 8, 32);
    block->header_size = store_take_u32(value + 40);
    if (block->header_size > size) return false;
    block->header = value + STORE_BLOCK_HEAD;
    block->body = block->header + block->header_size;
    block->body_size = (uint32_t)(size - block->header_size);
    return true;
}

void store_value_put_batch(uint8_t *out, const struct store_batch *batch)
{
    store_put_u64(out, batch->height);
    memcpy(out + 8, batch->digest.bytes, 32);
    if (batch->body_size > 0) memcpy(out + STORE_BATCH_HEAD, batch->body, batch->body_size);
}

bool store_value_take_batch(struct store_batch *batch, const uint8_t *value, size_t size)
{
    if (size < STORE_BATCH_HEAD || size - STORE_BATCH_HEAD > UINT32_MAX) return false;
    batch->height = store_take_u64(value);
    memcpy(batch->digest.bytes, value + 8, 32);
    batch->body = value + STORE_BATCH_HEAD;
    batch->body_size = (uint32_t)(size - STORE_BATCH_HEAD);
    return true;
}

void store_value_put_order(uint8_t out[STORE_ORDER_SIZE], const struct store_order *order)
{
    memset(out, 0, STORE_ORDER_SIZE);
    store_put_u64(out, order->height);
    store_put_u64(out + 8, order->series_id);
    store_put_u64(out + 16, (uint64_t)order->open_lots);
    store_put_u32(out + 24, order->account);
    out[28] = order->status;
    out[29] = order->closed ? 1 : 0;
}

bool store_value_take_order(struct store_order *order, const uint8_t *value, size_t size)
{
    if (size != STORE_ORDER_SIZE || value[29] > 1 || value[30] != 0 || value[31] != 0) return false;
    order->height = store_take_u64(value);
    order->series_id = store_take_u64(value + 8);
    order->open_lots = (int64_t)store_take_u64(value + 16);
    order->account = store_take_u32(value + 24);
    order->status = value[28];
    order->closed = value[29] == 1;
    return true;
}

bool store_value_is_sound(enum store_database database, const uint8_t *value, size_t size)
{
    struct store_meta meta;
    struct store_block block;
    struct store_batch batch;
    struct store_order order;
    switch (database) {
        case STORE_META: return store_value_take_meta(&meta, value, size);
        case STORE_RECORDS: return size > 0;
        case STORE_BLOCKS: return store_value_take_block(&block, value, size);
        case STORE_BLOCK_HASHES: return size == 8;
        case STORE_BATCHES: return store_value_take_batch(&batch, value, size);
        case STORE_DIGESTS: return size == 12;
        case STORE_WITHDRAWALS:
        case STORE_RECEIPTS:
        case STORE_FILLS: return true;
        case STORE_ORDERS: return store_value_take_order(&order, value, size);
        case STORE_LEAVES: return size == TN_HASH_SIZE;
        case STORE_HISTORY: return size == 0;
        case STORE_DATABASES: break;
    }
    return false;
}

/* LMDB's meta pages, 64 bit, in the byte order of the machine: flags at 10; magic at 16, version at
 * 20, map size at 32, page size at 40, last page at 136, transaction at 144. LMDB divides by the
 * page size and maps whatever it reads, so these are looked at first. */
const char *store_header_fault(const uint8_t *bytes, size_t size, uint64_t file_size,
                               bool *not_ours)
{
    uint64_t last_pages[2], transactions[2], map_bytes;
    uint32_t page_size = 0;
    *not_ours = true;
    for (uint32_t i = 0; i < 2; i++) {
        size_t at = (size_t)i * page_size;
        uint32_t word, version;
        uint16_t flags;
        if (size < at + 152) return "it is too short for an LMDB file";
        memcpy(&flags, bytes + at + 10, 2);
        memcpy(&word, bytes + at + 16, 4);
        memcpy(&version, bytes + at + 20, 4);
        if ((flags & 8) == 0 || word != 0xBEEFC0DE) return "it is not an LMDB file";
        if (version != 1) return "it is an LMDB file of another version than 1";
        *not_ours = false;
        memcpy(&word, bytes + at + 40, 4);
        if (word < 512 || word > 65536 || (word & (word - 1)) != 0 || (i == 1 && word != page_size))
            return "its page size makes no sense";
        page_size = word;
        memcpy(&map_bytes, bytes + at + 32, 8);
        if (map_bytes > UINT64_C(1) << 46) return "its map size makes no sense";
        memcpy(&last_pages[i], bytes + at + 136, 8);
        memcpy(&transactions[i], bytes + at + 144, 8);
    }
    uint64_t last_page = last_pages[transactions[1] > transactions[0]];
    if (last_page >= file_size / page_size) return "it is shorter than its last page";
    return NULL;
}
