/* What the store reads back: keys, values with their CRC, the first pages of the file. Nothing is
 * read past its end, and what is taken is what writing it again gives. */
#include "store/format.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_meta(const uint8_t *value, size_t size)
{
    struct store_meta meta;
    uint8_t again[STORE_META_SIZE];
    if (!store_value_take_meta(&meta, value, size)) return;
    store_value_put_meta(again, &meta);
    TN_ASSERT(memcmp(again, value, size) == 0);
}

static void try_block(const uint8_t *value, size_t size)
{
    struct store_block block;
    if (!store_value_take_block(&block, value, size)) return;
    uint8_t *again = malloc(size);
    TN_ASSERT(again != NULL);
    store_value_put_block(again, &block);
    TN_ASSERT(memcmp(again, value, size) == 0);
    free(again);
}

static void try_batch(const uint8_t *value, size_t size)
{
    struct store_batch batch;
    if (!store_value_take_batch(&batch, value, size)) return;
    uint8_t *again = malloc(size);
    TN_ASSERT(again != NULL);
    store_value_put_batch(again, &batch);
    TN_ASSERT(memcmp(again, value, size) == 0);
    free(again);
}

static void try_order(const uint8_t *value, size_t size)
{
    struct store_order order;
    uint8_t again[STORE_ORDER_SIZE];
    if (!store_value_take_order(&order, value, size)) return;
    store_value_put_order(again, &order);
    TN_ASSERT(memcmp(again, value, size) == 0);
}

static void try_keys(const uint8_t *key, size_t size)
{
    struct store_history history;
    if (store_key_take_history(key, size, &history)) {
        struct store_key again = store_key_history(&history);
        TN_ASSERT(again.size == size && memcmp(again.bytes, key, size) == 0);
    }
    for (uint32_t i = 0; i < STORE_DATABASES; i++)
        if (store_key_is_sound(i, key, size)) TN_ASSERT(size <= STORE_KEY_MAX);
}

/* A value that was sealed opens, under its own key alone; one flipped bit is found. */
static void try_seal(const uint8_t *bytes, size_t size)
{
    size_t key_size = size < 8 ? size : 8, opened;
    uint8_t *value = malloc(size + STORE_CRC_SIZE);
    TN_ASSERT(value != NULL);
    if (size > 0) memcpy(value, bytes, size);
    store_seal(TN_CPU_BASE, STORE_FILLS, bytes, key_size, value, size);
    TN_ASSERT(store_unseal(&opened, TN_CPU_BASE, STORE_FILLS, bytes, key_size, value,
                           size + STORE_CRC_SIZE) &&
              opened == size);
    TN_ASSERT(!store_unseal(&opened, TN_CPU_BASE, STORE_ORDERS, bytes, key_size, value,
                            size + STORE_CRC_SIZE));
    value[size / 2] ^= 1;
    TN_ASSERT(!store_unseal(&opened, TN_CPU_BASE, STORE_FILLS, bytes, key_size, value,
                            size + STORE_CRC_SIZE));
    free(value);
}

/* A sound beginning of a file, with the input laid over both meta pages. */
static void try_header(const uint8_t *data, size_t size, uint64_t file_size)
{
    enum { PAGE = 4096, HEAD = 152 };
    uint8_t *bytes = calloc(1, PAGE + HEAD);
    bool not_ours;
    TN_ASSERT(bytes != NULL);
    for (size_t at = 0; at <= PAGE; at += PAGE) {
        bytes[at + 10] = 8;
        store_put_u32(bytes + at + 16, 0xBEEFC0DE);
        bytes[at + 20] = 1;
        store_put_u32(bytes + at + 40, PAGE);
    }
    TN_ASSERT(store_header_fault(bytes, PAGE + HEAD, PAGE, &not_ours) == NULL);
    for (size_t i = 0; i < size && i < 2 * HEAD; i++)
        bytes[i < HEAD ? i : PAGE + i - HEAD] ^= data[i];
    store_header_fault(bytes, PAGE + HEAD, file_size, &not_ours);
    free(bytes);
    store_header_fault(data, size, file_size, &not_ours); /* of its own size */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    uint8_t what = data[0];
    data++;
    size--;
    if (what >= 128) {
        try_header(data, size, (uint64_t)what << 20);
        return 0;
    }
    store_value_is_sound(what % STORE_DATABASES, data, size);
    try_keys(data, size);
    try_meta(data, size);
    try_block(data, size);
    try_batch(data, size);
    try_order(data, size);
    try_seal(data, size);
    return 0;
}
