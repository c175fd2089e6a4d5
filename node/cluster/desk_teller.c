/* desk_teller: steps of desks, as the teller of final ones has them (teller.c), without what the
 * soft channels do not show: marks, names, results. */
#include "cluster/desk_teller.h"

#include "cluster/teller_parts.h"

#include <stdlib.h>
#include <string.h>

enum { ASKS_BYTES = 1 << 16 }; /* nothing is asked this way */

struct told_market {
    uint32_t market;
    bool is_wanted, is_loading;
    uint32_t slot; /* where the next part goes on */
    struct port_lead lead;
};

struct desk_teller {
    struct port *port;
    struct told_market markets[TN_CHAIN_MARKETS_MAX];
    uint32_t markets_count, wanted_count, events_max;
    struct tn_event *events;   /* [events_max] of a step */
    struct port_order *orders; /* [2 × events_max] of a step */
    struct teller_orders taken;
};

/* ---- Life --------------------------------------------------------------------------------------
 */

struct desk_teller *desk_teller_make(const struct tn_chain_limits *limits, size_t ring_bytes)
{
    struct desk_teller *teller = calloc(1, sizeof *teller);
    if (teller == NULL) return NULL;
    teller->markets_count = limits->markets_count;
    for (uint32_t i = 0; i < limits->markets_count; i++) {
        const uint32_t events_max = tn_exchange_events_max(&limits->markets[i].exchange);
        if (events_max > teller->events_max) teller->events_max = events_max;
        teller->markets[i].market = teller->markets[i].lead.market = limits->markets[i].market;
    }
    teller->port = port_make(ASKS_BYTES, ring_bytes);
    teller->events = malloc((size_t)teller->events_max * sizeof teller->events[0]);
    teller->orders = malloc((size_t)teller->events_max * 2 * sizeof teller->orders[0]);
    if (teller->port != NULL && teller->events != NULL && teller->orders != NULL) return teller;
    desk_teller_free(teller);
    return NULL;
}

void desk_teller_free(struct desk_teller *teller)
{
    if (teller == NULL) return;
    port_free(teller->port);
    free(teller->events);
    free(teller->orders);
    teller_orders_drop(&teller->taken);
    free(teller);
}

struct port *desk_teller_port(struct desk_teller *teller)
{
    return teller->port;
}

static struct told_market *find(struct desk_teller *teller, uint32_t market)
{
    for (uint32_t i = 0; i < teller->markets_count; i++) {
        if (teller->markets[i].market == market) return &teller->markets[i];
    }
    TN_ASSERT(false);
    return NULL;
}

/* That something was lost is not left to the next step, which may be long in coming: whoever is at
 * the desks next says again who leads, and the gap goes before that. */
void desk_teller_publish(struct desk_teller *teller)
{
    const struct port_lead *lead = &teller->markets[0].lead;
    if (port_tell_has_gap(teller->port)) port_tell(teller->port, PORT_LEAD, 0, lead, sizeof *lead);
    port_tell_flush(teller->port);
}

/* ---- Steps -------------------------------------------------------------------------------------
 */

static void fill_series(struct port_series *series, uint32_t market,
                        const struct tn_listed_view *view)
{
    memset(series, 0, sizeof *series);
    series->series_id = view->id;
    series->market = market;
    series->status = (uint32_t)view->status;
}

static void tell_series(struct desk_teller *teller, uint32_t market,
                        const struct tn_exchange *exchange, uint64_t series_id)
{
    struct tn_listed_view view;
    struct port_series series;
    if (!tn_exchange_listed(exchange, &view, series_id)) return;
    fill_series(&series, market, &view);
    port_tell(teller->port, PORT_SERIES, 0, &series, sizeof series);
}

/* Events that a mirror of the books reads. */
static uint32_t take_events(struct desk_teller *teller, uint32_t market,
                            const struct tn_exchange *exchange, const struct tn_market_step *step)
{
    uint32_t count = 0;
    TN_ASSERT(step->events_count <= teller->events_max);
    for (uint32_t i = 0; i < step->events_count; i++) {
        const uint8_t kind = step->events[i].kind;
        const bool is_status = kind == TN_EVENT_LISTED || kind == TN_EVENT_STATUS;
        if (is_status) tell_series(teller, market, exchange, step->events[i].series_id);
        if (is_status || kind == TN_EVENT_TRADE) teller->events[count++] = step->events[i];
    }
    return count;
}

void desk_teller_step(struct desk_teller *teller, uint32_t market,
                      const struct tn_desk_place *place, const struct tn_market *desk,
                      const struct tn_market_step *step)
{
    if (teller->wanted_count == 0 || step->events_count == 0) return;
    if (!find(teller, market)->is_wanted) return;
    const struct tn_exchange *exchange = tn_market_exchange_of(desk);
    struct port_step told = {.time_ms = tn_exchange_time_ms(exchange),
                             .market = market,
                             .term = place->term,
                             .sequence = place->sequence,
                             .entry = place->index,
                             .number = step->number,
                             .item = step->item,
                             .account = TN_NONE};
    told.events_count = take_events(teller, market, exchange, step);
    told.orders_count = port_orders_of(teller->orders, 2 * teller->events_max, exchange,
                                       step->events, step->events_count);
    const struct port_piece pieces[] = {
        {&told, sizeof told},
        {teller->events, told.events_count * sizeof teller->events[0]},
        {teller->orders, told.orders_count * sizeof teller->orders[0]}};
    port_tell_pieces(teller->port, PORT_STEP, 0, pieces, 3);
}

/* ---- Who leads ---------------------------------------------------------------------------------
 */

void desk_teller_leave(struct desk_teller *teller, uint32_t market)
{
    struct told_market *told = find(teller, market);
    if (told->is_wanted) teller->wanted_count--;
    told->is_wanted = told->is_loading = false;
}

void desk_teller_lead(struct desk_teller *teller, const struct port_lead *lead)
{
    struct told_market *told = find(teller, lead->market);
    if (!lead->leads || lead->term != told->lead.term) desk_teller_leave(teller, lead->market);
    told->lead = *lead;
    port_tell(teller->port, PORT_LEAD, 0, lead, sizeof *lead);
}

void desk_teller_now(const struct desk_teller *teller, struct port_lead *lead, uint32_t market)
{
    *lead = find((struct desk_teller *)(uintptr_t)teller, market)->lead;
}

/* ---- Parts of a snapshot -----------------------------------------------------------------------
 */

/* One piece of memory: the struct, then its arrays. NULL: there is none. */
static struct port_snapshot *pack(const struct desk_teller *teller, uint32_t market,
                                  const struct port_series *series, uint32_t series_count,
                                  const struct tn_desk_place *next, int64_t time_ms)
{
    const size_t series_size = series_count * sizeof series[0];
    const size_t marks_size = series_count * sizeof(struct port_mark);
    const size_t orders_size = teller->taken.count * sizeof teller->taken.list[0];
    struct port_snapshot *part =
        calloc(1, sizeof *part + series_size + marks_size + orders_size + (size_t)4 * 16);
    if (part == NULL) return NULL;
    uint8_t *at = (uint8_t *)part + (sizeof *part + 15) / 16 * 16;
    part->time_ms = time_ms;
    part->series_count = series_count;
    part->orders_count = teller->taken.count;
    part->market = market;
    part->term = next->term;
    part->sequence = next->sequence;
    part->index = next->index;
    part->series = teller_lay_down(&at, series, series_size);
    part->orders = teller_lay_down(&at, teller->taken.list, orders_size);
    part->marks = (const void *)at; /* all zero */
    return part;
}

/* All series, with nothing of them but that they are there. */
static struct port_snapshot *make_list(struct desk_teller *teller, uint32_t market,
                                       const struct tn_desk_place *next,
                                       const struct tn_exchange *exchange)
{
    const uint32_t count = tn_exchange_slots_count(exchange);
    struct port_series *series = malloc((count + 1) * sizeof series[0]);
    if (series == NULL) return NULL;
    for (uint32_t slot = 0; slot < count; slot++) {
        struct tn_listed_view view;
        tn_exchange_listed_at(exchange, &view, slot);
        fill_series(&series[slot], market, &view);
    }
    teller->taken.count = 0;
    struct port_snapshot *part =
        pack(teller, market, series, count, next, tn_exchange_time_ms(exchange));
    free(series);
    return part;
}

void desk_teller_want(struct desk_teller *teller, uint32_t market, const struct tn_desk_place *next,
                      const struct tn_market *desk)
{
    struct told_market *told = find(teller, market);
    struct port_snapshot *list = make_list(teller, market, next, tn_market_exchange_of(desk));
    if (list == NULL) return;
    list->is_first = list->is_list = true;
    if (!told->is_wanted) teller->wanted_count++;
    told->is_wanted = told->is_loading = true;
    told->slot = 0;
    port_tell_snapshot(teller->port, list);
}

/* Moves the slot on; false: no memory. */
static bool take_series(struct desk_teller *teller, const struct told_market *told, uint32_t *slot,
                        struct port_series *series, uint32_t *series_count,
                        const struct tn_exchange *exchange)
{
    const uint32_t slots_count = tn_exchange_slots_count(exchange);
    *series_count = 0;
    teller->taken.count = 0;
    while (*slot < slots_count && *series_count < TELLER_PART_SERIES &&
           teller->taken.count < TELLER_PART_ORDERS) {
        struct tn_listed_view view;
        const uint64_t before = teller->taken.count;
        tn_exchange_listed_at(exchange, &view, (*slot)++);
        fill_series(&series[*series_count], told->market, &view);
        if (!teller_orders_take(&teller->taken, exchange, view.book)) return false;
        series[(*series_count)++].orders_count = (uint32_t)(teller->taken.count - before);
    }
    return true;
}

bool desk_teller_part(struct desk_teller *teller, uint32_t market, const struct tn_desk_place *next,
                      const struct tn_market *desk)
{
    struct told_market *told = find(teller, market);
    const struct tn_exchange *exchange = tn_market_exchange_of(desk);
    if (!told->is_loading) return false;
    struct port_series *series = malloc(TELLER_PART_SERIES * sizeof series[0]);
    struct port_snapshot *part = NULL;
    uint32_t count = 0, slot = told->slot;
    if (series != NULL && take_series(teller, told, &slot, series, &count, exchange)) {
        part = pack(teller, market, series, count, next, tn_exchange_time_ms(exchange));
    }
    free(series);
    if (part == NULL) return false; /* the same part again later */
    told->slot = slot;
    part->is_last = slot == tn_exchange_slots_count(exchange);
    told->is_loading = !part->is_last;
    port_tell_snapshot(teller->port, part);
    if (!part->is_last) return true;
    teller_orders_drop(&teller->taken);
    return true;
}
