/* set_reading: what the tools that read a set's home share. A stored block is checked as a
 * stranger's would be: its body, its hash, and its batches by their digests, before anything is
 * executed. */
#include "tenord/set_reading.h"

#include "cluster/keeper.h"
#include "tenord/tenord.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool set_home_is_one(const char *home)
{
    char path[PATH_SIZE];
    return home != NULL && home_path(path, home, "set.conf") && access(path, F_OK) == 0;
}

/* ---- Opening -----------------------------------------------------------------------------------
 */

void set_reading_close(struct set_reading *reading)
{
    if (reading == NULL) return;
    if (reading->view != NULL) store_view_end(reading->view);
    if (reading->store != NULL) store_close(reading->store);
    signing_close(&reading->signing);
    free(reading);
}

struct set_reading *set_reading_make(const char *home)
{
    struct set_reading *reading = calloc(1, sizeof *reading);
    if (reading == NULL) {
        complain("out of memory");
        return NULL;
    }
    reading->err = STORE_REFUSED;
    /* The library alone: what a node has checked by tables of keys is judged here without them. */
    if (signing_open(&reading->signing, 0) &&
        set_conf_read(&reading->conf, home, &reading->signing.signatures) &&
        home_path(reading->path, home, "store")) {
        keeper_store_config(&reading->config, &reading->conf.limits, reading->path);
        reading->config.create = false;
        return reading;
    }
    set_reading_close(reading);
    return NULL;
}

bool set_reading_open(struct set_reading *reading)
{
    struct store_trail trail;
    reading->err = store_open_reader(&reading->store, &reading->config, true, &trail);
    if (reading->err == STORE_OK) return set_reading_again(reading);
    complain("%s", trail.text);
    return false;
}

bool set_reading_again(struct set_reading *reading)
{
    reading->err = home_view_last(&reading->view, &reading->point, reading->store);
    return reading->err == STORE_OK;
}

int set_reading_end(const struct set_reading *reading)
{
    return reading == NULL ? END_REFUSED : end_of_store(reading->err);
}

/* ---- Chains ------------------------------------------------------------------------------------
 */

bool set_chain_hold(struct held_chain *held, const struct set_reading *reading)
{
    const struct tn_chain_genesis genesis = {.registry = reading->conf.registry,
                                             .commands = reading->conf.commands,
                                             .commands_count = reading->conf.commands_count,
                                             .time_ms = reading->conf.time_ms};
    const struct tn_market_world world = {.signatures = &reading->signing.signatures};
    *held = (struct held_chain){.size = tn_chain_size(&reading->conf.limits)};
    held->memory = memory_take(held->size);
    if (held->memory == NULL) return false;
    held->chain = tn_chain_init(held->memory, &reading->conf.limits, &genesis, &world);
    if (held->chain == NULL) complain("the registry refuses the set of set.conf");
    return held->chain != NULL;
}

bool set_chain_load(struct held_chain *held, const struct set_reading *reading)
{
    struct tn_hash root;
    if (!set_chain_hold(held, reading)) return false;
    if (!keeper_load_records(reading->view, &root, held->chain)) return false;
    if (tn_hash_equal(&root, &reading->point.root)) return true;
    complain("the records at height %llu lead to the root %s, but the store says %s",
             (unsigned long long)reading->point.height, hash_text(&root),
             hash_text(&reading->point.root));
    return false;
}

void set_chain_drop(struct held_chain *held)
{
    memory_give(held->memory, held->size);
    *held = (struct held_chain){0};
}

/* ---- Blocks ------------------------------------------------------------------------------------
 */

static bool take_height(void *context, const uint8_t *key, size_t key_size, const uint8_t *value,
                        size_t value_size)
{
    (void)key_size;
    (void)value;
    (void)value_size;
    *(uint64_t *)context = tn_get_be(key, 8);
    return false; /* the first will do */
}

bool set_first_block(uint64_t *height, const struct set_reading *reading)
{
    *height = 0;
    if (store_each(reading->view, STORE_BLOCKS, NULL, 0, take_height, height) == STORE_OK) {
        return true;
    }
    complain("%s", store_view_trail(reading->view)->text);
    return false;
}

static bool complain_block(uint64_t height, const char *what)
{
    complain("block %llu: %s", (unsigned long long)height, what);
    return false;
}

static bool complain_no_block(const struct set_reading *reading, enum store_err err,
                              uint64_t height)
{
    uint64_t first;
    if (err != STORE_ABSENT) return complain_block(height, store_view_trail(reading->view)->text);
    if (!set_first_block(&first, reading)) return false;
    if (first == 0) return complain_block(height, "the store has no blocks");
    complain("the store has no block %llu: it holds %llu to %llu", (unsigned long long)height,
             (unsigned long long)first, (unsigned long long)reading->point.height);
    return false;
}

bool set_block_read(struct set_block *block, const struct set_reading *reading, uint64_t height)
{
    struct store_block stored;
    struct tn_stream_fault fault;
    enum store_err err = store_get_block(reading->view, &stored, height);
    if (err != STORE_OK) return complain_no_block(reading, err, height);
    if (stored.header_size != TN_BLOCK_HEADER_BYTES ||
        !tn_stream_read_block_header(&block->header, &fault, stored.header, stored.header_size) ||
        block->header.height != height) {
        return complain_block(height, "its header does not read");
    }
    if (!tn_stream_block_body_check(&fault, &block->header, stored.body, stored.body_size)) {
        return complain_block(height, fault.what);
    }
    block->block = (struct tn_chain_block){
        .header = &block->header, .body = stored.body, .body_size = stored.body_size};
    tn_stream_block_hash(&block->block.hash, reading->conf.limits.chain_id, &block->header);
    return tn_hash_equal(&block->block.hash, &stored.hash) ||
           complain_block(height, "it has another hash than it is stored under");
}

bool set_blocks_follow(const struct set_reading *reading, uint64_t first, uint64_t height,
                       const struct tn_hash *hash)
{
    struct tn_hash before = {{0}};
    for (uint64_t at = first; at <= height; at++) {
        struct set_block block;
        if (!set_block_read(&block, reading, at)) return false;
        if (at > first && !tn_hash_equal(&block.header.parent_hash, &before)) {
            return complain_block(at, "it does not follow the one before it");
        }
        before = block.block.hash;
    }
    return tn_hash_equal(&before, hash) ||
           complain_block(height, "it is not the one that the state names");
}

bool set_batch_read(struct tn_chain_batch *batch, const char **why,
                    const struct set_reading *reading, const struct tn_hash *digest)
{
    struct store_batch stored;
    struct tn_batch_header header;
    struct tn_stream_fault fault;
    struct tn_hash actual;
    enum store_err err = store_get_batch_by_digest(reading->view, &stored, digest);
    if (err != STORE_OK) {
        *why = err == STORE_ABSENT ? "the store does not have its batch"
                                   : store_view_trail(reading->view)->text;
        return false;
    }
    *why = "its stored batch is too short";
    if (stored.body_size <= TN_SIGNATURE_SIZE) return false;
    size_t size = stored.body_size - TN_SIGNATURE_SIZE;
    *why = "its stored batch does not read";
    if (!tn_stream_read_batch_header(&header, &fault, stored.body, size)) return false;
    tn_stream_batch_digest(&actual, &header);
    *why = "its stored batch is another than the one it names";
    if (!tn_hash_equal(&actual, digest)) return false;
    *batch = (struct tn_chain_batch){.digest = *digest, .body = stored.body, .body_size = size};
    memcpy(batch->signature.bytes, stored.body + size, TN_SIGNATURE_SIZE);
    return true;
}

static bool give_batch(void *context, struct tn_chain_batch *batch, const struct tn_hash *digest)
{
    struct set_source *source = context;
    return set_batch_read(batch, &source->why, source->reading, digest);
}

void set_source_give(struct set_source *source, struct tn_chain *chain)
{
    const struct tn_chain_source asked = {.context = source, .batch = give_batch};
    tn_chain_ask(chain, &asked);
}

/* ---- Words -------------------------------------------------------------------------------------
 */

enum { KINDS_OF_A_MARKET = 32 };

const char *set_kind_text(const struct tn_chain_limits *limits, uint8_t kind)
{
    static const char *const names[TN_REPLICA_KINDS] = {
        [TN_RECORD_MARKET] = "MARKET",   [TN_RECORD_SERIES] = "SERIES",
        [TN_RECORD_FEEDS] = "FEEDS",     [TN_RECORD_ROWS] = "ROWS",
        [TN_RECORD_ACCOUNT] = "ACCOUNT", [TN_RECORD_POSITIONS] = "POSITIONS",
        [TN_RECORD_MARGIN] = "MARGIN",   [TN_RECORD_MEMORY] = "MEMORY",
        [TN_RECORD_BOOK] = "BOOK",       [TN_RECORD_SESSION] = "SESSION",
        [TN_RECORD_STREAM] = "STREAM",   [TN_RECORD_INBOX] = "INBOX",
        [TN_RECORD_EQUITY] = "EQUITY",
    };
    static char text[48];
    uint32_t place = kind / KINDS_OF_A_MARKET, own = kind % KINDS_OF_A_MARKET;
    if (kind == TN_CHAIN_RECORD_HEADS) return "HEADS";
    if (kind == TN_CHAIN_RECORD_RING) return "RING";
    if (kind >= TN_CHAIN_RECORD_REGISTRY) {
        snprintf(text, sizeof text, "REGISTRY %u", kind - TN_CHAIN_RECORD_REGISTRY + 1u);
    } else if (place < limits->markets_count && own < TN_REPLICA_KINDS && names[own] != NULL) {
        snprintf(text, sizeof text, "market %u %s", limits->markets[place].market, names[own]);
    } else {
        snprintf(text, sizeof text, "kind %u", kind);
    }
    return text;
}

const char *set_global_text(uint32_t place)
{
    static const char *const names[TN_PROOF_GLOBALS] = {
        "STREAMS", "BLOCKS", "WITHDRAWALS", "INBOXES", "EXITS", "ROOTS", "LAST_BLOCK", "REGISTRY",
    };
    return place < TN_PROOF_GLOBALS ? names[place] : "";
}
