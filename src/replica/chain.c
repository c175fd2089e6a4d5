/* chain: memory of all markets and the registry, their genesis, and what stands.
 *
 * A market is a shard of its own: its exchange, sessions, inboxes and trees lie in a region that no
 * other market's code is ever given. What crosses markets crosses as items of a block, through
 * inboxes. */
#include "replica/chain.h"

/* ---- Limits ------------------------------------------------------------------------------------
 */

void tn_chain_limits_default(struct tn_chain_limits *limits)
{
    *limits = (struct tn_chain_limits){
        .markets_count = 1,
        .registry = {.validators_max = 128, .markets_max = 16, .feeders_max = 64},
        .exit_blocks = 256,
        .checkpoint_blocks = 64,
        .exec_lag = 8,
        .exec_lag_max = 64,
        .weight_max = 1 << 20,
        .item_bytes_max = 1 << 16,
        .inbox_lag_max = 64,
        .forced_max = 64,
        .mark_ms = 100,
        .soft_ms = 700,
        .lag_ms = 1000,
        .stall_ms = 300,
        .delta_ms = 25,
        .clock_ahead_ms = 500,
    };
    tn_market_limits_default(&limits->markets[0]);
    limits->markets[0].market = 1;
    limits->markets[0].inboxes_max = 4096;
    limits->markets[0].inbox_bytes_max = 16u << 20;
}

static bool refuse(const char **what, const char *why)
{
    *what = why;
    return false;
}

/* One half for items of blocks, one for what crosses markets. */
static uint64_t inbox_bytes_needed(const struct tn_chain_limits *limits)
{
    return 2 * ((uint64_t)limits->inbox_lag_max + 1) * limits->item_bytes_max;
}

static bool check_market(const struct tn_chain_limits *limits, uint32_t place, const char **what)
{
    const struct tn_market_limits *market = &limits->markets[place];
    uint64_t inboxes = inbox_bytes_needed(limits);
    if (tn_market_size(market) == 0) return refuse(what, "a market's limits are out of range");
    if (market->market == 0 || (place > 0 && market->market <= market[-1].market)) {
        return refuse(what, "markets do not ascend from 1");
    }
    if (memcmp(market->chain_id, limits->chain_id, sizeof limits->chain_id) != 0) {
        return refuse(what, "a market is of another chain");
    }
    if (market->inbox_bytes_max < inboxes || market->inboxes_max < limits->inbox_lag_max) {
        return refuse(what, "a market's inboxes do not hold what may come in");
    }
    return true;
}

bool tn_chain_limits_check(const struct tn_chain_limits *limits, const char **what)
{
    *what = NULL;
    if (limits->markets_count < 1 || limits->markets_count > TN_CHAIN_MARKETS_MAX) {
        return refuse(what, "there are too many markets, or none");
    }
    if (limits->exec_lag < 1 || limits->exec_lag > limits->exec_lag_max ||
        limits->exec_lag_max > TN_CHAIN_RING / 4) {
        return refuse(what, "the execution lag is out of range");
    }
    if (limits->checkpoint_blocks < 1) return refuse(what, "there are no checkpoints");
    if (limits->weight_max < limits->markets_count || limits->weight_max > UINT64_MAX / 4) {
        return refuse(what, "the weight of a block is out of range");
    }
    if (limits->item_bytes_max < TN_ITEM_LENGTH_BYTES || limits->item_bytes_max > 1u << 20 ||
        limits->inbox_lag_max < 1 || limits->inbox_lag_max > TN_CHAIN_RING / 4) {
        return refuse(what, "the limits of items are out of range");
    }
    if (limits->mark_ms < 1 || limits->delta_ms < 1 || limits->stall_ms < 1 ||
        limits->lag_ms > INT64_C(86400000) || limits->clock_ahead_ms < 0 ||
        limits->mark_ms > limits->lag_ms || limits->delta_ms > limits->lag_ms) {
        return refuse(what, "a time is out of range");
    }
    if (3 * (limits->mark_ms + 4 * limits->delta_ms) >= limits->soft_ms ||
        limits->soft_ms >= limits->lag_ms) {
        return refuse(what, "3 (mark_ms + 4 delta_ms) < soft_ms < lag_ms does not hold");
    }
    if (tn_registry_size(&limits->registry) == 0) {
        return refuse(what, "the registry's limits are out of range");
    }
    for (uint32_t i = 0; i < limits->markets_count; i++) {
        if (!check_market(limits, i, what)) return false;
    }
    return true;
}

uint64_t tn_chain_batch_weight_max(const struct tn_chain_limits *limits)
{
    TN_ASSERT(limits->markets_count > 0);
    return limits->weight_max / limits->markets_count;
}

/* Of any inboxes_max heights in a row so many are multiples of TN_CHAIN_LATE_BLOCKS. */
uint64_t tn_chain_late_bytes_max(const struct tn_chain_limits *limits, uint32_t place)
{
    const struct tn_market_limits *market = &limits->markets[place];
    const uint64_t blocks =
        ((uint64_t)market->inboxes_max + TN_CHAIN_LATE_BLOCKS - 1) / TN_CHAIN_LATE_BLOCKS;
    return (market->inbox_bytes_max - inbox_bytes_needed(limits)) / blocks;
}

uint64_t tn_chain_forced_bytes_max(const struct tn_chain_limits *limits)
{
    return limits->item_bytes_max / 2;
}

uint64_t tn_chain_forced_weight_max(const struct tn_chain_limits *limits)
{
    return limits->weight_max / 8;
}

struct tn_shard_limits tn_chain_shard_limits(const struct tn_chain_limits *limits, uint32_t place)
{
    TN_ASSERT(place < limits->markets_count);
    const struct tn_market_limits *market = &limits->markets[place];
    return (struct tn_shard_limits){
        .exchange = &market->exchange, .market = market, .id = market->market};
}

/* ---- Memory ------------------------------------------------------------------------------------
 */

static void lay_out_room(struct tn_chain *chain, unsigned char *memory, size_t *used,
                         const struct tn_chain_limits *limits)
{
    size_t scratch = 0;
    uint32_t events = 0;
    for (uint32_t i = 0; i < limits->markets_count; i++) {
        const struct tn_shard_limits shard = tn_chain_shard_limits(limits, i);
        size_t size = tn_shard_scratch_size(&shard);
        uint32_t count = tn_exchange_events_max(shard.exchange);
        if (size > scratch) scratch = size;
        if (count > events) events = count;
    }
    chain->room.scratch_size = scratch;
    chain->room.scratch = shard_region(memory, used, scratch);
    chain->scratch.events_max = events;
    chain->scratch.events = shard_region(memory, used, events * sizeof(struct tn_event));
    chain->scratch.stream = shard_region(memory, used, sizeof(struct tn_stream_scratch));
    chain->inbox_max = 2 * (size_t)limits->item_bytes_max + tn_chain_remits_bytes(limits);
    chain->remits =
        shard_region(memory, used, tn_chain_remits_room(limits) * sizeof(struct chain_remit));
    chain->inbox = shard_region(memory, used, chain->inbox_max);
    chain->item = shard_region(memory, used, TN_ITEM_BYTES_MAX);
}

static size_t lay_out(struct tn_chain *chain, unsigned char *memory,
                      const struct tn_chain_limits *limits)
{
    size_t used = tn_align(sizeof *chain);
    for (uint32_t i = 0; i < limits->markets_count; i++) {
        const struct tn_shard_limits shard = tn_chain_shard_limits(limits, i);
        tn_shard_lay_out(&chain->shards[i], memory, &used, &shard);
    }
    chain->registry = shard_region(memory, &used, tn_registry_size(&limits->registry));
    chain->past = shard_region(memory, &used, TN_CHAIN_RING * sizeof(struct chain_past));
    chain->checked = shard_region(memory, &used, CHAIN_CHECKED * sizeof(struct chain_checked));
    chain->signed_items = shard_region(memory, &used, CHAIN_SIGNED * sizeof(struct tn_hash));
    chain->batches = shard_region(memory, &used, CHAIN_BATCHES * sizeof(struct tn_batch_header));
    lay_out_room(chain, memory, &used, limits);
    return used;
}

size_t tn_chain_size(const struct tn_chain_limits *limits)
{
    struct tn_chain counted; /* for what it would be told; nothing else of it means anything */
    const char *what;
    return tn_chain_limits_check(limits, &what) ? lay_out(&counted, NULL, limits) : 0;
}

static bool make_registry(struct tn_chain *chain, const struct tn_chain_genesis *genesis)
{
    chain->registry =
        tn_registry_init(chain->registry, &chain->limits.registry, &genesis->registry);
    if (chain->registry == NULL) return false;
    for (uint32_t i = 0; i < genesis->commands_count; i++) {
        if (tn_registry_govern(chain->registry, chain->world.signatures, &genesis->commands[i]) !=
            TN_ANSWER_DONE)
            return false;
    }
    return tn_registry_start(chain->registry);
}

struct tn_chain *tn_chain_init(void *memory, const struct tn_chain_limits *limits,
                               const struct tn_chain_genesis *genesis,
                               const struct tn_market_world *world)
{
    const char *what;
    struct tn_chain *chain = memory;
    TN_ASSERT(memory != NULL && (uintptr_t)memory % 64 == 0);
    TN_ASSERT(tn_chain_limits_check(limits, &what));
    lay_out(chain, memory, limits);
    chain->limits = *limits;
    chain->world = *world;
    chain->applying = UINT64_MAX;
    chain->room.names = chain->names;
    chain->room.records = chain->records;
    struct tn_chain_heads *heads = &chain->heads;
    heads->block = (struct tn_block_header){.version = TN_BLOCK_VERSION,
                                            .time_ms = (uint64_t)genesis->time_ms};
    memcpy(heads->state.chain_id, limits->chain_id, sizeof limits->chain_id);
    for (uint32_t i = 0; i < limits->markets_count; i++) {
        const struct tn_shard_limits shard = tn_chain_shard_limits(&chain->limits, i);
        tn_shard_init(&chain->shards[i], &shard);
        tn_market_lend(chain->shards[i].market, world);
        tn_chain_know_markets(chain, i);
        tn_shard_fill(chain->shards[i].state, &chain->shards[i], &chain->room);
        tn_shard_note_all(&chain->shards[i]);
        heads->streams[i].market = shard.id;
        heads->streams[i].term_ms = genesis->time_ms;
    }
    chain->genesis = genesis->registry;
    if (!make_registry(chain, genesis)) return NULL;
    tn_chain_follow_terms(chain);
    tn_chain_take_root(chain);
    heads->block_hash = heads->root;
    tn_chain_note_past(chain);
    return chain;
}

/* ---- What is asked, and what stands ------------------------------------------------------------
 */

void tn_chain_ask(struct tn_chain *chain, const struct tn_chain_source *source)
{
    chain->source = *source;
}

void tn_chain_tell(struct tn_chain *chain, const struct tn_chain_listener *listener)
{
    chain->listener = *listener;
}

void tn_chain_lend_hands(struct tn_chain *chain, const struct tn_hands *hands)
{
    chain->hands = *hands;
}

uint32_t tn_chain_place_of(const struct tn_chain *chain, uint32_t market)
{
    for (uint32_t i = 0; i < chain->limits.markets_count; i++) {
        if (chain->limits.markets[i].market == market) return i;
    }
    return TN_NONE;
}

const struct chain_past *tn_chain_past(const struct tn_chain *chain, uint64_t height)
{
    if (height > chain->heads.height || height < chain->past_first) return NULL;
    const struct chain_past *past = &chain->past[height % TN_CHAIN_RING];
    TN_ASSERT(past->height == height);
    return past;
}

bool tn_chain_root_at(const struct tn_chain *chain, struct tn_hash *root, uint64_t height)
{
    const struct chain_past *past = tn_chain_past(chain, height);
    if (past != NULL) *root = past->root;
    return past != NULL;
}

const struct tn_chain_heads *tn_chain_heads(const struct tn_chain *chain)
{
    return &chain->heads;
}

const struct tn_chain_limits *tn_chain_limits(const struct tn_chain *chain)
{
    return &chain->limits;
}

struct tn_market *tn_chain_market(struct tn_chain *chain, uint32_t place)
{
    TN_ASSERT(place < chain->limits.markets_count);
    return chain->shards[place].market;
}

const struct tn_state *tn_chain_state(const struct tn_chain *chain, uint32_t place)
{
    TN_ASSERT(place < chain->limits.markets_count);
    return chain->shards[place].state;
}

const struct tn_equity *tn_chain_equity(const struct tn_chain *chain, uint32_t place)
{
    TN_ASSERT(place < chain->limits.markets_count);
    return chain->shards[place].equity;
}

const struct tn_registry *tn_chain_registry(const struct tn_chain *chain)
{
    return chain->registry;
}

const struct tn_chain_counters *tn_chain_counters(const struct tn_chain *chain)
{
    return &chain->counters;
}

bool tn_chain_checkpoint(const struct tn_chain *chain, struct tn_checkpoint *checkpoint)
{
    const struct tn_chain_heads *heads = &chain->heads;
    bool is_final = (heads->block.flags & TN_BLOCK_EPOCH_FINAL) != 0;
    if (heads->height == 0) return false;
    if (heads->height % chain->limits.checkpoint_blocks != 0 && !is_final) return false;
    *checkpoint = (struct tn_checkpoint){
        .epoch = heads->block.epoch,
        .height = heads->height,
        .state_root = heads->root,
        .withdraw_root = heads->state.globals[TN_GLOBAL_WITHDRAWALS],
        .data_root = heads->state.globals[TN_GLOBAL_BLOCKS],
    };
    if (is_final) checkpoint->next_set_hash = heads->block.next_set_hash;
    return true;
}
