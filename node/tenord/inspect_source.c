/* inspect_source: the state that is looked at: a replica of one market from a solo home, or a chain
 * of all markets from a set's, of which one market is chosen. Both have the same records, trees and
 * proofs; a set's home keeps no nodes of its ranges, so they are worked out of what it keeps. */
#include "inspect.h"
#include "tenord.h"

#include <stdlib.h>
#include <string.h>

enum { KINDS_OF_A_MARKET = 32 };

/* ---- Opening -----------------------------------------------------------------------------------
 */

int inspect_open(struct inspect *inspect, const char *home)
{
    if (!set_home_is_one(home)) {
        if (!reading_open(&inspect->reading, home)) return reading_end(&inspect->reading);
        inspect->height = inspect->reading.point.height;
        if (inspect->market == 0 || inspect->market == inspect->reading.limits.market) {
            return END_GOOD;
        }
        complain("this home is of market %u alone", inspect->reading.limits.market);
        return END_REFUSED;
    }
    inspect->set = set_reading_make(home);
    if (inspect->set == NULL || !set_reading_open(inspect->set)) {
        return set_reading_end(inspect->set);
    }
    inspect->height = inspect->set->point.height;
    return END_GOOD;
}

void inspect_close(struct inspect *inspect)
{
    reading_close(&inspect->reading);
    set_chain_drop(&inspect->held);
    set_reading_close(inspect->set);
    inspect->set = NULL;
}

/* ---- The state ---------------------------------------------------------------------------------
 */

static bool choose_market(struct inspect *inspect)
{
    const struct tn_chain_limits *limits = &inspect->set->conf.limits;
    char ids[128] = "";
    size_t at = 0;
    if (inspect->market == 0 && limits->markets_count == 1) return true;
    for (uint32_t i = 0; i < limits->markets_count; i++) {
        inspect->place = i;
        if (limits->markets[i].market == inspect->market) return true;
        at += (size_t)snprintf(ids + at, sizeof ids - at, "%s%u", i == 0 ? "" : ", ",
                               limits->markets[i].market);
    }
    complain(inspect->market == 0 ? "of which market? The set has %s: say which by --market"
                                  : "the set has no such market, but %s: say which by --market",
             ids);
    return false;
}

static int load_chain(struct inspect *inspect)
{
    if (!choose_market(inspect)) return END_REFUSED;
    if (!set_chain_load(&inspect->held, inspect->set)) return END_WRONG;
    struct tn_chain *chain = inspect->held.chain;
    const struct tn_chain_heads *heads = tn_chain_heads(chain);
    const struct tn_chain_stream *stream = &heads->streams[inspect->place];
    inspect->exchange = tn_market_exchange(tn_chain_market(chain, inspect->place));
    inspect->state = tn_chain_state(chain, inspect->place);
    inspect->head = &heads->state;
    inspect->blocks = &heads->blocks;
    inspect->withdrawals = &heads->withdrawals;
    inspect->equity = tn_chain_equity(chain, inspect->place);
    inspect->exit = stream->has_exit ? stream->exit : NULL;
    inspect->root = heads->root;
    inspect->exit_blocks = inspect->set->conf.limits.exit_blocks;
    return END_GOOD;
}

static int load_replica(struct inspect *inspect)
{
    if (!reading_load(&inspect->reading)) return END_WRONG;
    struct tn_replica *replica = inspect->reading.held.replica;
    const struct tn_replica_heads *heads = tn_replica_heads(replica);
    inspect->exchange = tn_replica_exchange(replica);
    inspect->state = tn_replica_state(replica);
    inspect->head = &heads->state;
    inspect->blocks = &heads->blocks;
    inspect->withdrawals = &heads->withdrawals;
    inspect->equity = tn_replica_equity(replica);
    inspect->exit = heads->has_exit ? heads->exit : NULL;
    inspect->root = heads->root;
    inspect->exit_blocks = inspect->reading.limits.exit_blocks;
    return END_GOOD;
}

/* Symbols stand first in the records of underlyings, MARKET 1 and on. */
static bool take_symbols(struct inspect *inspect)
{
    size_t size;
    uint32_t most = inspect->set != NULL
                        ? inspect->set->conf.limits.markets[inspect->place].exchange.underlyings_max
                        : inspect->reading.limits.exchange.underlyings_max;
    for (uint32_t i = 0; i < most && i < INSPECT_SYMBOLS_MAX; i++) {
        uint8_t *bytes = inspect_record(inspect, &size, TN_RECORD_MARKET, i + 1);
        if (bytes == NULL) return false;
        if (size >= TN_SYMBOL_SIZE) {
            memcpy(inspect->symbols[i], bytes, TN_SYMBOL_SIZE);
            inspect->symbols_count = i + 1;
        }
        free(bytes);
    }
    return true;
}

int inspect_load(struct inspect *inspect)
{
    int end = inspect->set != NULL ? load_chain(inspect) : load_replica(inspect);
    if (end != END_GOOD) return end;
    return take_symbols(inspect) ? END_GOOD : END_FAILED;
}

/* ---- Records -----------------------------------------------------------------------------------
 */

static uint8_t kind_of(const struct inspect *inspect, uint8_t kind)
{
    return (uint8_t)(inspect->place * KINDS_OF_A_MARKET + kind);
}

static size_t write_record(const struct inspect *inspect, uint8_t *out, size_t size, uint8_t kind,
                           uint32_t index)
{
    return inspect->set != NULL
               ? tn_chain_record(inspect->held.chain, out, size, kind_of(inspect, kind), index)
               : tn_replica_record(inspect->reading.held.replica, out, size, kind, index);
}

uint32_t inspect_records_count(const struct inspect *inspect, uint8_t kind)
{
    return inspect->set != NULL
               ? tn_chain_records_count(inspect->held.chain, kind_of(inspect, kind))
               : tn_replica_records_count(inspect->reading.held.replica, kind);
}

uint8_t *inspect_record(const struct inspect *inspect, size_t *size, uint8_t kind, uint32_t index)
{
    *size = write_record(inspect, NULL, 0, kind, index);
    uint8_t *bytes = malloc(*size + 1);
    if (bytes == NULL) {
        complain("out of memory");
        return NULL;
    }
    write_record(inspect, bytes, *size, kind, index);
    return bytes;
}

bool inspect_series(const struct inspect *inspect, uint32_t *slot, const char *name)
{
    const char(*symbols)[TN_SYMBOL_SIZE] = (const char(*)[TN_SYMBOL_SIZE])inspect->symbols;
    uint64_t id;
    if (tn_series_name_parse(&id, name, symbols, inspect->symbols_count)) {
        uint32_t count = inspect_records_count(inspect, TN_RECORD_SERIES);
        for (*slot = 0; *slot < count; ++*slot) {
            uint8_t *bytes;
            size_t size;
            if ((bytes = inspect_record(inspect, &size, TN_RECORD_SERIES, *slot)) == NULL)
                return false;
            bool is_it = size >= 8 && tn_get_be(bytes, 8) == id;
            free(bytes);
            if (is_it) return true;
        }
    }
    complain("there is no series '%s'", name);
    return false;
}

/* ---- Ranges ------------------------------------------------------------------------------------
 */

/* Of a solo home: the store has them. */
static bool stored_nodes(const struct inspect *inspect, struct tn_hash nodes[TN_PROOF_SIDES],
                         const struct tn_proof_range *range, enum store_leaf tree, uint64_t number)
{
    uint64_t places[TN_PROOF_SIDES];
    uint32_t count = tn_proof_range_places(places, range, number);
    for (uint32_t i = 0; i < count; i++) {
        enum store_err err = store_get_leaf(inspect->reading.view, &nodes[i], tree, places[i]);
        if (err == STORE_OK) continue;
        complain("%s",
                 err == STORE_ABSENT
                     ? "the store lacks nodes of this range: it was restored from a snapshot, "
                       "which has none of its past"
                     : store_view_trail(inspect->reading.view)->text);
        return false;
    }
    return true;
}

/* Nodes that are waited for while a range is made again from its first leaf on. */
struct gathering {
    enum tn_proof_kind range;
    uint64_t places[TN_PROOF_SIDES];
    uint32_t places_count, found_count;
    struct tn_hash *nodes;
    uint64_t number; /* of a withdrawal */
    uint8_t *withdrawal;
};

static void take_node(void *context, enum tn_proof_kind range, uint64_t place,
                      const struct tn_hash *node)
{
    struct gathering *gathering = context;
    for (uint32_t i = 0; i < gathering->places_count && range == gathering->range; i++) {
        if (gathering->places[i] != place) continue;
        gathering->nodes[i] = *node;
        gathering->found_count++;
    }
}

static void take_withdrawal(void *context, uint64_t number,
                            const uint8_t withdrawal[TN_PROOF_WITHDRAWAL_SIZE])
{
    struct gathering *gathering = context;
    if (number != gathering->number) return;
    memcpy(gathering->withdrawal, withdrawal, TN_PROOF_WITHDRAWAL_SIZE);
}

static bool has_all_blocks(const struct inspect *inspect)
{
    uint64_t first;
    if (!set_first_block(&first, inspect->set)) return false;
    if (first == 1) return true;
    complain("this takes all blocks from the first on, and the home begins with block %llu; ask a "
             "node that keeps all (store.archive)",
             (unsigned long long)first);
    return false;
}

/* All block hashes again: the nodes of their range follow. */
static bool hashed_nodes(const struct inspect *inspect, struct gathering *gathering)
{
    struct tn_proof_range range = {.count = 0};
    struct tn_hash made[TN_PROOF_SIDES + 1], leaf;
    for (uint64_t height = 1; height <= inspect->height; height++) {
        struct set_block block;
        if (!set_block_read(&block, inspect->set, height)) return false;
        uint64_t place = 2 * range.count - (uint64_t)__builtin_popcountll(range.count);
        tn_proof_range_leaf(&leaf, TN_PROOF_BLOCKS, range.count, block.block.hash.bytes,
                            TN_HASH_SIZE);
        uint32_t count = tn_proof_range_append(&range, made, &leaf);
        for (uint32_t i = 0; i < count; i++)
            take_node(gathering, TN_PROOF_BLOCKS, place + i, &made[i]);
    }
    return true;
}

/* All blocks executed again: withdrawals come of that alone. */
static bool executed_nodes(const struct inspect *inspect, struct gathering *gathering)
{
    struct held_chain held = {0};
    struct set_source source = {.reading = inspect->set};
    const struct tn_chain_listener listener = {
        .context = gathering, .node = take_node, .withdrawal = take_withdrawal};
    bool is_good = set_chain_hold(&held, inspect->set);
    if (is_good) {
        set_source_give(&source, held.chain);
        tn_chain_tell(held.chain, &listener);
    }
    for (uint64_t height = 1; is_good && height <= inspect->height; height++) {
        struct set_block block;
        is_good = set_block_read(&block, inspect->set, height);
        if (!is_good || tn_chain_execute(held.chain, &block.block) == TN_CHAIN_OK) continue;
        complain("block %llu comes out otherwise than it is stored: see tenord replay --verify",
                 (unsigned long long)height);
        is_good = false;
    }
    set_chain_drop(&held);
    return is_good;
}

static bool gather(const struct inspect *inspect, struct gathering *gathering,
                   const struct tn_proof_range *range, uint64_t number)
{
    gathering->number = number;
    gathering->places_count = tn_proof_range_places(gathering->places, range, number);
    if (!has_all_blocks(inspect)) return false;
    if (!(gathering->range == TN_PROOF_BLOCKS ? hashed_nodes(inspect, gathering)
                                              : executed_nodes(inspect, gathering))) {
        return false;
    }
    if (gathering->found_count == gathering->places_count) return true;
    complain("the blocks of the store do not make the range that the state has");
    return false;
}

bool inspect_block_nodes(const struct inspect *inspect, struct tn_hash *hash,
                         struct tn_hash nodes[TN_PROOF_SIDES], uint64_t height)
{
    if (inspect->set != NULL) {
        struct set_block block;
        struct gathering gathering = {.range = TN_PROOF_BLOCKS, .nodes = nodes};
        if (!set_block_read(&block, inspect->set, height)) return false;
        *hash = block.block.hash;
        return gather(inspect, &gathering, inspect->blocks, height - 1);
    }
    struct stored_block block;
    if (!reading_block(&block, &inspect->reading, height)) return false;
    *hash = block.hash;
    return stored_nodes(inspect, nodes, inspect->blocks, STORE_LEAF_BLOCK, height - 1);
}

bool inspect_withdrawal_nodes(const struct inspect *inspect,
                              uint8_t withdrawal[TN_PROOF_WITHDRAWAL_SIZE],
                              struct tn_hash nodes[TN_PROOF_SIDES], uint64_t number)
{
    if (inspect->set != NULL) {
        struct gathering gathering = {
            .range = TN_PROOF_WITHDRAWALS, .nodes = nodes, .withdrawal = withdrawal};
        return gather(inspect, &gathering, inspect->withdrawals, number);
    }
    struct store_bytes body;
    enum store_err err = store_get_withdrawal(inspect->reading.view, &body, number);
    if (err != STORE_OK || body.size != TN_PROOF_WITHDRAWAL_SIZE) {
        complain("the store has no withdrawal %llu", (unsigned long long)number);
        return false;
    }
    memcpy(withdrawal, body.bytes, TN_PROOF_WITHDRAWAL_SIZE);
    return stored_nodes(inspect, nodes, inspect->withdrawals, STORE_LEAF_WITHDRAWAL, number);
}
