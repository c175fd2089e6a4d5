/* The script draws from small sets of keys, so that values are written over, deleted, and become
 * larger and smaller than a page; block times are 20 minutes apart, so that a store that keeps an
 * hour prunes all the time. */
#include "store_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TIME_STEP_MS UINT64_C(1200000)

static void fill_bytes(uint8_t *out, size_t size, uint64_t *random)
{
    uint64_t word = 0;
    for (size_t i = 0; i < size; i++) {
        if (i % 8 == 0) word = tn_random_next(random);
        out[i] = (uint8_t)(word >> (i % 8 * 8));
    }
}

static struct tn_hash hash_of(uint64_t seed, uint64_t what, uint64_t number)
{
    struct tn_hash hash;
    uint64_t random = seed ^ what << 56 ^ number;
    fill_bytes(hash.bytes, TN_HASH_SIZE, &random);
    return hash;
}

struct store_config script_config(const char *path)
{
    struct store_config config = {.path = path,
                                  .market = 3,
                                  .create = true,
                                  .retain_hours = 1,
                                  .prune_keys_max = 40,
                                  .queue_bytes = (size_t)4 << 20,
                                  .map_bytes = (uint64_t)1 << 20};
    memset(config.chain_id.bytes, 0xC4, TN_HASH_SIZE);
    memset(config.limits_hash.bytes, 0x11, TN_HASH_SIZE);
    return config;
}

struct store_point script_point(const struct script *script, uint64_t height)
{
    return (struct store_point){
        .height = height, .root = hash_of(script->seed, 1, height), .log_position = height * 1000};
}

static enum store_err put_records(const struct script *script, struct store *store,
                                  uint64_t *random, uint8_t *bytes)
{
    uint32_t count = (uint32_t)tn_random_below(random, script->records_max) + 1;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t kind = (uint8_t)(1 + tn_random_below(random, TN_RECORD_KINDS - 1));
        uint32_t index = (uint32_t)tn_random_below(random, 60);
        size_t size = tn_random_below(random, script->value_max + 1);
        if (tn_random_below(random, 8) == 0) size *= 16;
        if (tn_random_below(random, 5) == 0) size = 0;
        fill_bytes(bytes, size, random);
        enum store_err err = store_put_record(store, kind, index, bytes, size);
        if (err != STORE_OK) return err;
    }
    return STORE_OK;
}

static enum store_err put_history(struct store *store, uint64_t height, uint64_t *random,
                                  uint8_t *bytes)
{
    enum store_err err = STORE_OK;
    for (uint32_t i = 0; i < 6 && err == STORE_OK; i++) {
        uint32_t account = (uint32_t)tn_random_below(random, 5);
        fill_bytes(bytes, 100, random);
        err = store_put_fill(store, account, height, i, bytes, 100);
    }
    for (uint32_t i = 0; i < 4 && err == STORE_OK; i++) {
        struct store_order order = {.order_id = tn_random_below(random, 50),
                                    .height = height,
                                    .account = i,
                                    .series_id = 7,
                                    .open_lots = 5,
                                    .status = (uint8_t)i,
                                    .closed = tn_random_below(random, 3) > 0};
        err = store_put_order(store, &order);
    }
    return err;
}

static enum store_err put_chain(const struct script *script, struct store *store, uint64_t height,
                                uint64_t *random, uint8_t *bytes)
{
    fill_bytes(bytes, 6000, random);
    struct store_block block = {.height = height,
                                .time_ms = height * TIME_STEP_MS,
                                .hash = hash_of(script->seed, 2, height),
                                .header = bytes,
                                .header_size = 180,
                                .body = bytes + 200,
                                .body_size = (uint32_t)tn_random_below(random, 5000)};
    struct store_batch batch = {.market = (uint32_t)(height % 2),
                                .sequence = height,
                                .height = height,
                                .digest = hash_of(script->seed, 3, height),
                                .body = bytes + 300,
                                .body_size = (uint32_t)tn_random_below(random, 700)};
    struct tn_hash leaf = hash_of(script->seed, 4, height);
    enum store_err err = store_put_block(store, &block);
    if (err == STORE_OK) err = store_put_batch(store, &batch);
    if (err == STORE_OK) err = store_put_receipts(store, height, bytes + 7, height % 90);
    if (err == STORE_OK) err = store_put_leaf(store, STORE_LEAF_BLOCK, height, &leaf);
    if (err == STORE_OK) err = store_put_withdrawal(store, height, bytes + 9, 44);
    return err;
}

enum store_err script_put(const struct script *script, struct store *store, uint64_t height)
{
    uint64_t random = script->seed ^ height * UINT64_C(0x9E3779B97F4A7C15);
    uint8_t *bytes = malloc((size_t)script->value_max * 16 + 8000);
    assert_non_null(bytes);
    enum store_err err = put_records(script, store, &random, bytes);
    if (err == STORE_OK) err = put_chain(script, store, height, &random, bytes);
    if (err == STORE_OK) err = put_history(store, height, &random, bytes);
    free(bytes);
    return err;
}

enum store_err script_step(const struct script *script, struct store *store, uint64_t height)
{
    enum store_err err = script_put(script, store, height);
    struct store_point point = script_point(script, height);
    return err == STORE_OK ? store_checkpoint(store, &point) : err;
}

static bool add_to_digest(void *context, const uint8_t *key, size_t key_size, const uint8_t *value,
                          size_t value_size)
{
    struct tn_digest *digest = context;
    tn_digest_u64(digest, (uint64_t)key_size << 32 | value_size);
    tn_digest_u64(digest, (uint64_t)tn_crc32c(0, TN_CPU_BASE, key, key_size) << 32 |
                              tn_crc32c(0, TN_CPU_BASE, value, value_size));
    return true;
}

enum store_err script_try_digest(struct store_view *view, uint64_t *out)
{
    struct tn_digest digest = {0};
    for (uint32_t i = STORE_META + 1; i < STORE_DATABASES; i++) {
        tn_digest_u64(&digest, i);
        enum store_err err = store_each(view, i, NULL, 0, add_to_digest, &digest);
        if (err != STORE_OK) return err;
    }
    *out = digest.value;
    return STORE_OK;
}

uint64_t script_digest(struct store_view *view)
{
    uint64_t digest;
    if (script_try_digest(view, &digest) != STORE_OK) fail_msg("%s", store_view_trail(view)->text);
    return digest;
}

uint64_t script_check(const struct script *script, struct store *store)
{
    struct store_view *view;
    struct store_trail trail;
    struct store_point point;
    if (store_view_begin(store, &view, &trail) != STORE_OK) fail_msg("%s", trail.text);
    enum store_err err = store_get_point(view, &point);
    uint64_t digest = script_digest(view);
    store_view_end(view);
    if (err == STORE_ABSENT) {
        assert_int_equal(digest, script->digests[0]);
        return 0;
    }
    assert_int_equal(err, STORE_OK);
    assert_true(point.height > 0 && point.height < SCRIPT_HEIGHTS_MAX);
    struct store_point expected = script_point(script, point.height);
    assert_true(tn_hash_equal(&point.root, &expected.root));
    assert_int_equal(point.log_position, expected.log_position);
    assert_int_equal(digest, script->digests[point.height]);
    return point.height;
}

void script_learn(struct script *script, const char *path, uint64_t count)
{
    struct store_config config = script_config(path);
    struct store_trail trail;
    struct store *store;
    assert_true(count < SCRIPT_HEIGHTS_MAX);
    if (store_open(&store, &config, &trail) != STORE_OK) fail_msg("%s", trail.text);
    for (uint64_t height = 0; height <= count; height++) {
        struct store_view *view;
        if (height > 0) assert_int_equal(script_step(script, store, height), STORE_OK);
        if (store_view_begin(store, &view, &trail) != STORE_OK) fail_msg("%s", trail.text);
        script->digests[height] = script_digest(view);
        store_view_end(view);
    }
    store_close(store);
}

void script_make_folder(char *out, size_t out_size)
{
    const char *place = getenv("TMPDIR");
    snprintf(out, out_size, "%s/tenor-store-XXXXXX", place != NULL ? place : "/tmp");
    if (mkdtemp(out) == NULL) fail_msg("no folder can be made at %s", out);
}

void script_remove_folder(const char *path)
{
    static const char *const names[] = {"/data.new", "/data.mdb", "/lock.mdb", "/owner",
                                        "/stranger"};
    char name[1024];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(name, sizeof name, "%s%s", path, names[i]);
        unlink(name);
    }
    rmdir(path);
}
