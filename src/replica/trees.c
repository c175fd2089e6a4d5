/* trees: the state trees follow the exchange, record by record.
 *
 * Records are written one behind the other into a scratch area that holds at least the largest one,
 * and handed to the state in groups, so that messages of one size are hashed side by side. */
#include "replica/internal.h"

static const enum tn_record_kind kinds[] = {
    TN_RECORD_MARKET,    TN_RECORD_SERIES, TN_RECORD_FEEDS,  TN_RECORD_ROWS, TN_RECORD_ACCOUNT,
    TN_RECORD_POSITIONS, TN_RECORD_MARGIN, TN_RECORD_MEMORY, TN_RECORD_BOOK};
enum { KINDS_COUNT = sizeof kinds / sizeof kinds[0] };

size_t tn_replica_scratch_size(const struct tn_replica_limits *limits)
{
    size_t most = 0;
    for (uint32_t i = 0; i < KINDS_COUNT; i++) {
        size_t size = tn_exchange_record_size_max(&limits->exchange, kinds[i]);
        if (size > most) most = size;
    }
    return most + SCRATCH_SPARE;
}

void tn_replica_state_limits(struct tn_state_limits *out, const struct tn_replica_limits *limits)
{
    const struct tn_exchange_limits *exchange = &limits->exchange;
    uint32_t feeds = tn_exchange_records_max(exchange, TN_RECORD_FEEDS);
    *out = (struct tn_state_limits){
        .accounts_max = exchange->accounts_max,
        .series_max = exchange->series_max,
        .market_max = tn_exchange_records_max(exchange, TN_RECORD_MARKET),
        .feeds_max = feeds > 0 ? feeds : 1,
        .cpu = (enum tn_cpu)exchange->cpu,
    };
}

/* Records on their way: those before `count` lie in the scratch area. */
struct carrier {
    struct tn_state *state;
    const struct tn_exchange *exchange;
    struct tn_state_record *records; /* [NAMES_AT_ONCE] */
    uint8_t *scratch;
    size_t scratch_size, used;
    uint32_t count;
};

static void deliver(struct carrier *carrier)
{
    if (carrier->count > 0) {
        bool is_good = tn_state_set_many(carrier->state, carrier->records, carrier->count);
        TN_ASSERT(is_good);
    }
    carrier->count = 0;
    carrier->used = 0;
}

static void take(struct carrier *carrier, enum tn_record_kind kind, uint32_t index)
{
    if (carrier->count == NAMES_AT_ONCE) deliver(carrier);
    size_t room = carrier->scratch_size - carrier->used;
    size_t size =
        tn_exchange_record(carrier->exchange, carrier->scratch + carrier->used, room, kind, index);
    if (size > room) {
        deliver(carrier);
        size = tn_exchange_record(carrier->exchange, carrier->scratch, carrier->scratch_size, kind,
                                  index);
        TN_ASSERT(size <= carrier->scratch_size);
    }
    carrier->records[carrier->count++] = (struct tn_state_record){
        .name = {.kind = (uint8_t)kind, .index = index},
        .bytes = carrier->scratch + carrier->used,
        .size = size,
    };
    carrier->used += size;
}

static void set_counts(struct tn_state *state, const struct tn_exchange *exchange)
{
    for (uint32_t i = 0; i < KINDS_COUNT; i++) {
        if (kinds[i] == TN_RECORD_POSITIONS) continue; /* as many as accounts */
        tn_state_count(state, kinds[i], tn_exchange_records_count(exchange, kinds[i]));
    }
}

void tn_replica_follow(struct tn_replica *replica)
{
    struct carrier carrier = {.state = replica->state,
                              .exchange = replica->exchange,
                              .records = replica->records,
                              .scratch = replica->scratch,
                              .scratch_size = replica->scratch_size};
    set_counts(replica->state, replica->exchange);
    uint32_t count;
    while ((count = tn_exchange_touched(replica->exchange, replica->names, NAMES_AT_ONCE)) > 0) {
        for (uint32_t i = 0; i < count; i++) {
            struct tn_record_name name = replica->names[i];
            enum tn_record_kind kind = (enum tn_record_kind)name.kind;
            replica_note_changed(replica, name.kind, name.index);
            if (name.index >= tn_exchange_records_count(replica->exchange, kind)) continue;
            take(&carrier, kind, name.index);
            if (kind == TN_RECORD_POSITIONS) take(&carrier, TN_RECORD_ACCOUNT, name.index);
        }
    }
    deliver(&carrier);
    bool is_good = tn_state_update(replica->state);
    TN_ASSERT(is_good);
}

void tn_replica_fill(struct tn_state *state, const struct tn_exchange *exchange,
                     struct tn_state_record *records, uint8_t *scratch, size_t scratch_size)
{
    struct carrier carrier = {.state = state,
                              .exchange = exchange,
                              .records = records,
                              .scratch = scratch,
                              .scratch_size = scratch_size};
    set_counts(state, exchange);
    for (uint32_t i = 0; i < KINDS_COUNT; i++) {
        uint32_t count = tn_exchange_records_count(exchange, kinds[i]);
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
