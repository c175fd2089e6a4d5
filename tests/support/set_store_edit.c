/* The store of a set's home with one bit of one record changed, and the root that follows from it:
 * what a node would have whose state is another than the set's, with no sum anywhere that is wrong.
 *
 * usage: set_store_edit HOME KIND INDEX BYTE */
#include "cluster/keeper.h"
#include "tenord/set_reading.h"
#include "tenord/tenord.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct editing {
    const struct set_reading *from;
    struct store *to;
    uint32_t kind, index, byte;
    uint8_t at;          /* kind that is walked */
    struct tn_hash root; /* of all records, which RING says of the last height; zero: not known */
    bool is_done, is_bad;
};

/* RING is `height ‖ time ‖ block hash ‖ root` for each height. */
static void set_root(const struct editing *editing, uint8_t *bytes, size_t size)
{
    enum { PAST = 80, ROOT_AT = 48 };
    const struct tn_hash none = {{0}};
    if (tn_hash_equal(&editing->root, &none)) return;
    for (size_t at = 0; at + PAST <= size; at += PAST) {
        if (tn_get_be(bytes + at, 8) != editing->from->point.height) continue;
        memcpy(bytes + at + ROOT_AT, editing->root.bytes, TN_HASH_SIZE);
    }
}

static bool put(struct editing *editing, enum store_err err)
{
    if (err != STORE_OK) editing->is_bad = true;
    return err == STORE_OK;
}

static bool copy_record(void *context, uint32_t index, const uint8_t *bytes, size_t size)
{
    struct editing *editing = context;
    uint8_t *copy = malloc(size + 1);
    if (copy == NULL) return false;
    memcpy(copy, bytes, size);
    if (editing->at == editing->kind && index == editing->index && editing->byte < size) {
        copy[editing->byte] ^= 1;
        editing->is_done = true;
    }
    if (editing->at == TN_CHAIN_RECORD_RING) set_root(editing, copy, size);
    bool is_put = put(editing, store_put_record(editing->to, editing->at, index, copy, size));
    free(copy);
    return is_put;
}

static bool copy_block(void *context, const uint8_t *key, size_t key_size, const uint8_t *value,
                       size_t value_size)
{
    struct editing *editing = context;
    struct store_block block;
    (void)key_size;
    (void)value;
    (void)value_size;
    return put(editing, store_get_block(editing->from->view, &block, tn_get_be(key, 8))) &&
           put(editing, store_put_block(editing->to, &block));
}

static bool copy_batch(void *context, const uint8_t *key, size_t key_size, const uint8_t *value,
                       size_t value_size)
{
    struct editing *editing = context;
    struct store_batch batch;
    (void)key_size;
    (void)value;
    (void)value_size;
    return put(editing, store_get_batch(editing->from->view, &batch, (uint32_t)tn_get_be(key, 4),
                                        tn_get_be(key + 4, 8))) &&
           put(editing, store_put_batch(editing->to, &batch));
}

static bool copy(struct editing *editing)
{
    struct store_view *view = editing->from->view;
    for (uint32_t kind = 1; kind < TN_CHAIN_KINDS; kind++) {
        editing->at = (uint8_t)kind;
        if (!put(editing, store_each_record(view, (uint8_t)kind, 0, copy_record, editing))) break;
    }
    return put(editing, store_each(view, STORE_BLOCKS, NULL, 0, copy_block, editing)) &&
           put(editing, store_each(view, STORE_BATCHES, NULL, 0, copy_batch, editing)) &&
           !editing->is_bad && editing->is_done;
}

/* The root of what was copied; zero: it does not read back. */
static void find_root(struct editing *editing)
{
    struct store_trail trail;
    struct held_chain held = {0};
    struct store_view *view = NULL;
    if (store_view_begin(editing->to, &view, &trail) != STORE_OK) return;
    if (set_chain_hold(&held, editing->from)) {
        /* It complains: the root is not yet the one that RING says of the last height. */
        (void)keeper_load_records(view, &editing->root, held.chain);
    }
    set_chain_drop(&held);
    store_view_end(view);
}

/* Once to learn the root, then anew with it. */
static bool make(struct editing *editing, const struct store_config *config)
{
    struct store_trail trail;
    struct store_point point = editing->from->point;
    char path[PATH_SIZE];
    for (uint32_t pass = 0; pass < 2; pass++) {
        if (store_open(&editing->to, config, &trail) != STORE_OK) return false;
        bool is_good = copy(editing) && store_checkpoint(editing->to, &point) == STORE_OK;
        if (is_good && pass == 0) find_root(editing);
        store_close(editing->to);
        if (!is_good) return false;
        if (pass == 1) return true;
        point.root = editing->root;
        editing->is_done = false;
        snprintf(path, sizeof path, "%s/data.mdb", config->path);
        if (unlink(path) != 0) return false;
    }
    return false;
}

int main(int arguments_count, char **arguments)
{
    char old[PATH_SIZE], path[PATH_SIZE];
    if (arguments_count != 5) return 2;
    struct editing editing = {.kind = (uint32_t)strtoul(arguments[2], NULL, 10),
                              .index = (uint32_t)strtoul(arguments[3], NULL, 10),
                              .byte = (uint32_t)strtoul(arguments[4], NULL, 10)};
    struct set_reading *reading = set_reading_make(arguments[1]);
    if (reading == NULL || !set_reading_open(reading)) return 1;
    editing.from = reading;
    snprintf(old, sizeof old, "%s/store", arguments[1]);
    snprintf(path, sizeof path, "%s/store.edited", arguments[1]);
    struct store_config config = reading->config;
    config.path = path;
    config.create = true;
    config.archive = true;
    if (!make(&editing, &config)) {
        complain("record %u %u has no byte %u that can be changed", editing.kind, editing.index,
                 editing.byte);
        return 1;
    }
    set_reading_close(reading);
    char kept[PATH_SIZE];
    snprintf(kept, sizeof kept, "%s/store.whole", arguments[1]);
    return rename(old, kept) == 0 && rename(path, old) == 0 ? 0 : 1;
}
