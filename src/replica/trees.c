/* trees: the state trees follow the market, record by record.
 *
 * Records are written one behind the other into a scratch area that holds at least the largest one,
 * and handed to the state in groups, so that messages of one size are hashed side by side. The
 * market's own kinds but SESSION are under no section: they are only noted. */
#include "replica/shard.h"

static const uint8_t kinds[] = {
    TN_RECORD_MARKET,    TN_RECORD_SERIES, TN_RECORD_FEEDS,  TN_RECORD_ROWS, TN_RECORD_ACCOUNT,
    TN_RECORD_POSITIONS, TN_RECORD_MARGIN, TN_RECORD_MEMORY, TN_RECORD_BOOK, TN_PROOF_SESSION};
enum { KINDS_COUNT = sizeof kinds / sizeof kinds[0] };
_Static_assert((int)TN_PROOF_SESSION == (int)TN_RECORD_SESSION, "one numbering");

static bool has_tree(uint8_t kind)
{
    for (uint32_t i = 0; i < KINDS_COUNT; i++)
        if (kinds[i] == kind) return true;
    return false;
}

size_t tn_shard_scratch_size(const struct tn_shard_limits *limits)
{
    size_t most = 0;
    for (uint32_t i = 0; i < KINDS_COUNT; i++) {
        size_t size = tn_shard_record_size_max(limits, kinds[i]);
        if (size > most) most = size;
    }
    return most + SCRATCH_SPARE;
}

void tn_shard_state_limits(struct tn_state_limits *out, const struct tn_shard_limits *limits)
{
    const struct tn_exchange_limits *exchange = limits->exchange;
    uint32_t feeds = tn_exchange_records_max(exchange, TN_RECORD_FEEDS);
    *out = (struct tn_state_limits){
        .accounts_max = exchange->accounts_max,
        .series_max = exchange->series_max,
        .market_max = tn_exchange_records_max(exchange, TN_RECORD_MARKET),
        .feeds_max = feeds > 0 ? feeds : 1,
        .sessions_max = limits->market == NULL ? 0 : limits->market->sessions_max,
        .cpu = (enum tn_cpu)exchange->cpu,
        .orders_max = exchange->orders_max,
    };
}

/* Records on their way: those before `count` lie in the scratch area. */
struct carrier {
    struct tn_state *state;
    const struct tn_shard *shard;
    const struct tn_shard_room *room;
    size_t used;
    uint32_t count;
};

static void deliver(struct carrier *carrier)
{
    if (carrier->count > 0) {
        bool is_good = tn_state_set_many(carrier->state, carrier->room->records, carrier->count);
        TN_ASSERT(is_good);
    }
    carrier->count = 0;
    carrier->used = 0;
}

static void take(struct carrier *carrier, uint8_t kind, uint32_t index)
{
    const struct tn_shard_room *to = carrier->room;
    if (carrier->count == NAMES_AT_ONCE) deliver(carrier);
    size_t room = to->scratch_size - carrier->used;
    size_t size = tn_shard_record(carrier->shard, to->scratch + carrier->used, room, kind, index);
    if (size > room) {
        deliver(carrier);
        size = tn_shard_record(carrier->shard, to->scratch, to->scratch_size, kind, index);
        TN_ASSERT(size <= to->scratch_size);
    }
    to->records[carrier->count++] = (struct tn_state_record){
        .name = {.kind = kind, .index = index},
        .bytes = to->scratch + carrier->used,
        .size = size,
    };
    carrier->used += size;
}

/* Of a book only what changed: the rest of it may be thousands of orders. */
static void take_book(struct tn_shard *shard, uint32_t series)
{
    struct tn_book_changes changes;
    uint8_t order[TN_RECORD_ORDER_SIZE];
    for (uint32_t list = 0; list < TN_RECORD_BOOK_LISTS; list++) {
        if (!tn_exchange_book_changes(shard->exchange, &changes, series, list)) continue;
        tn_state_book_count(shard->state, series, list, changes.count);
        while (tn_exchange_book_change(shard->exchange, &changes, order))
            tn_state_book_order(shard->state, series, list, changes.rank, order);
    }
}

static void set_counts(struct tn_state *state, const struct tn_shard *shard)
{
    for (uint32_t i = 0; i < KINDS_COUNT; i++) {
        if (kinds[i] == TN_RECORD_POSITIONS) continue; /* as many as accounts */
        if (kinds[i] == TN_PROOF_SESSION && shard->market == NULL) continue;
        tn_state_count(state, (enum tn_record_kind)kinds[i],
                       tn_shard_records_count(shard, kinds[i]));
    }
}

static uint32_t touched(struct tn_shard *shard, struct tn_record_name *names)
{
    return shard->market != NULL ? tn_market_touched(shard->market, names, NAMES_AT_ONCE)
                                 : tn_exchange_touched(shard->exchange, names, NAMES_AT_ONCE);
}

void tn_shard_follow(struct tn_shard *shard, const struct tn_shard_room *room)
{
    struct carrier carrier = {.state = shard->state, .shard = shard, .room = room};
    set_counts(shard->state, shard);
    uint32_t count;
    while ((count = touched(shard, room->names)) > 0) {
        for (uint32_t i = 0; i < count; i++) {
            struct tn_record_name name = room->names[i];
            shard_note_changed(shard, name.kind, name.index);
            if (name.kind >= TN_PROOF_RECORD_KINDS) continue;
            if (name.index >= tn_shard_records_count(shard, name.kind)) continue;
            if (name.kind == TN_RECORD_BOOK) {
                take_book(shard, name.index);
                continue;
            }
            take(&carrier, name.kind, name.index);
            if (name.kind == TN_RECORD_POSITIONS) take(&carrier, TN_RECORD_ACCOUNT, name.index);
        }
    }
    deliver(&carrier);
    bool is_good = tn_state_update(shard->state);
    TN_ASSERT(is_good);
}

void tn_shard_fill(struct tn_state *state, const struct tn_shard *shard,
                   const struct tn_shard_room *room)
{
    struct carrier carrier = {.state = state, .shard = shard, .room = room};
    set_counts(state, shard);
    for (uint32_t i = 0; i < KINDS_COUNT; i++) {
        uint32_t count = tn_shard_records_count(shard, kinds[i]);
        if (kinds[i] == TN_RECORD_ACCOUNT) continue; /* after its positions */
        for (uint32_t index = 0; index < count; index++) {
            take(&carrier, kinds[i], index);
            if (kinds[i] == TN_RECORD_POSITIONS) take(&carrier, TN_RECORD_ACCOUNT, index);
        }
    }
    deliver(&carrier);
    bool is_good = tn_state_update(state);
    TN_ASSERT(is_good);
}

/* ---- From the bytes of records, beside an import ---- */

void tn_shard_trees_begin(struct tn_shard *shard)
{
    tn_state_clear(shard->state); /* the genesis has filled them */
    shard->has_trees = false;
}

bool tn_shard_trees_add(struct tn_shard *shard, const struct tn_state_record *records,
                        uint32_t count)
{
    uint32_t first = 0;
    for (uint32_t i = 0; i <= count; i++) {
        if (i < count && has_tree(records[i].name.kind)) continue;
        if (i > first && !tn_state_load(shard->state, records + first, i - first)) return false;
        first = i + 1;
    }
    return true;
}

bool tn_shard_trees_end(struct tn_shard *shard)
{
    shard->has_trees = tn_state_is_whole(shard->state) && tn_state_update(shard->state);
    return shard->has_trees;
}

void tn_shard_trees_settle(struct tn_shard *shard, const struct tn_shard_room *room)
{
    if (!shard->has_trees) {
        tn_shard_fill(shard->state, shard, room);
        return;
    }
    set_counts(shard->state, shard);
    bool is_good = tn_state_update(shard->state);
    TN_ASSERT(is_good);
    shard->has_trees = false;
}
