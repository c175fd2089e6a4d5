/* teller_snapshot: the state for a mirror that begins, a part at a time between blocks.
 *
 * A part has whole series, so many that the other clients of the node's thread do not wait long;
 * what is told of a series after its part follows it. A part is one piece of memory that the other
 * side frees. */
#include "cluster/teller_internal.h"

#include <stdlib.h>

enum { SNAPSHOT_ROOM = 4096 }; /* of the ring, for a pointer and its company */

void teller_begin_snapshot(struct teller *teller)
{
    teller->is_snapshot = teller->is_first = true;
    teller->place = teller->slot = 0;
}

/* The part that is being made. */
struct part {
    struct port_series series[TELLER_PART_SERIES];
    struct port_mark marks[TELLER_PART_SERIES];
    struct port_index indexes[TN_CHAIN_MARKETS_MAX * TELLER_SYMBOLS_MAX];
    uint32_t index_markets[TN_CHAIN_MARKETS_MAX * TELLER_SYMBOLS_MAX];
    uint32_t series_count, indexes_count;
};

static bool take_series(struct teller *teller, struct part *part)
{
    struct tn_market *market = tn_chain_market(teller->chain, teller->place);
    const struct tn_exchange *exchange = tn_market_exchange(market);
    struct teller_names names;
    teller_names(&names, exchange);
    while (teller->slot < tn_exchange_slots_count(exchange) &&
           part->series_count < TELLER_PART_SERIES && teller->taken.count < TELLER_PART_ORDERS) {
        struct tn_listed_view view;
        struct port_series *series = &part->series[part->series_count];
        uint64_t before = teller->taken.count;
        tn_exchange_listed_at(exchange, &view, teller->slot++);
        teller_fill_series(series, &names, tn_market_limits(market)->market, &view);
        teller_fill_mark(&part->marks[part->series_count++], &view);
        if (!teller_orders_take(&teller->taken, exchange, view.book)) return false;
        series->orders_count = (uint32_t)(teller->taken.count - before);
    }
    if (teller->slot == tn_exchange_slots_count(exchange)) {
        teller->place++;
        teller->slot = 0;
    }
    return true;
}

static void take_all_indexes(struct teller *teller, struct part *part)
{
    for (uint32_t i = 0; i < teller->markets_count; i++) {
        struct tn_market *market = tn_chain_market(teller->chain, i);
        uint32_t count =
            teller_indexes(part->indexes + part->indexes_count, tn_market_exchange(market));
        for (uint32_t k = 0; k < count; k++)
            part->index_markets[part->indexes_count + k] = tn_market_limits(market)->market;
        part->indexes_count += count;
    }
}

/* One piece of memory: the struct, then its arrays. NULL: there is none. */
static struct port_snapshot *pack(const struct teller *teller, const struct part *part)
{
    const size_t series_size = part->series_count * sizeof part->series[0];
    const size_t marks_size = part->series_count * sizeof part->marks[0];
    const size_t orders_size = teller->taken.count * sizeof teller->taken.list[0];
    const size_t indexes_size = part->indexes_count * sizeof part->indexes[0];
    const size_t markets_size = part->indexes_count * sizeof part->index_markets[0];
    struct port_snapshot *snapshot = malloc(sizeof *snapshot + series_size + marks_size +
                                            orders_size + indexes_size + markets_size + 6 * 16);
    const struct tn_chain_heads *heads = tn_chain_heads(teller->chain);
    if (snapshot == NULL) return NULL;
    uint8_t *at = (uint8_t *)snapshot + (sizeof *snapshot + 15) / 16 * 16;
    *snapshot = (struct port_snapshot){.is_first = teller->is_first,
                                       .is_last = teller->place == teller->markets_count,
                                       .height = heads->height,
                                       .time_ms = (int64_t)heads->block.time_ms,
                                       .series_count = part->series_count,
                                       .indexes_count = part->indexes_count,
                                       .orders_count = teller->taken.count};
    snapshot->series = teller_lay_down(&at, part->series, series_size);
    snapshot->marks = teller_lay_down(&at, part->marks, marks_size);
    snapshot->orders = teller_lay_down(&at, teller->taken.list, orders_size);
    snapshot->indexes = teller_lay_down(&at, part->indexes, indexes_size);
    snapshot->index_markets = teller_lay_down(&at, part->index_markets, markets_size);
    return snapshot;
}

bool teller_turn(struct teller *teller)
{
    if (!teller->is_snapshot || teller->chain == NULL) return false;
    if (port_tell_room(teller->port) < SNAPSHOT_ROOM) return true;
    const uint32_t place = teller->place, slot = teller->slot;
    struct part *part = calloc(1, sizeof *part);
    struct port_snapshot *snapshot = NULL;
    teller->taken.count = 0;
    if (part != NULL && take_series(teller, part)) {
        if (teller->place == teller->markets_count) take_all_indexes(teller, part);
        snapshot = pack(teller, part);
    }
    free(part);
    if (snapshot == NULL) { /* no memory now: the same part again later */
        teller->place = place;
        teller->slot = slot;
        return true;
    }
    teller->is_snapshot = !snapshot->is_last;
    teller->is_first = false;
    port_tell_snapshot(teller->port, snapshot);
    if (teller->is_snapshot) return true;
    teller_orders_drop(&teller->taken);
    return false;
}
