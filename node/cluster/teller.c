/* teller: events, orders and marks of final entries as the port has them.
 *
 * A step is told whole, with what became of the orders that it touched, so the other side needs no
 * rules of matching. What changes with a MARK or with trades is noted while a block is executed and
 * told once, before the block: a client sees a block's numbers together. */
#include "cluster/teller_internal.h"

#include "tenor/stream.h"

#include <stdlib.h>
#include <string.h>

/* ---- Life --------------------------------------------------------------------------------------
 */

struct teller *teller_make(struct port *port, const struct tn_chain_limits *limits)
{
    struct teller *teller = calloc(1, sizeof *teller);
    if (teller == NULL) return NULL;
    teller->port = port;
    teller->markets_count = limits->markets_count;
    for (uint32_t i = 0; i < limits->markets_count; i++) {
        uint32_t events_max = tn_exchange_events_max(&limits->markets[i].exchange);
        if (events_max > teller->events_max) teller->events_max = events_max;
    }
    teller->events = malloc((size_t)teller->events_max * sizeof teller->events[0]);
    teller->orders = malloc((size_t)teller->events_max * 2 * sizeof teller->orders[0]);
    teller->marks = malloc(PORT_MARKS_MAX * sizeof teller->marks[0]);
    if (teller->events != NULL && teller->orders != NULL && teller->marks != NULL) return teller;
    teller_free(teller);
    return NULL;
}

void teller_free(struct teller *teller)
{
    if (teller == NULL) return;
    free(teller->events);
    free(teller->orders);
    free(teller->marks);
    teller_orders_drop(&teller->taken);
    free(teller);
}

void teller_follow(struct teller *teller, struct tn_chain *chain)
{
    teller->chain = chain;
    teller->is_snapshot = teller->is_snapshot && chain != NULL;
    if (teller->is_snapshot) teller_begin_snapshot(teller);
}

static uint32_t place_of(const struct teller *teller, uint32_t market)
{
    const struct tn_chain_limits *limits = tn_chain_limits(teller->chain);
    uint32_t place = 0;
    while (place + 1 < limits->markets_count && limits->markets[place].market != market)
        place++;
    return place;
}

/* ---- Heads -------------------------------------------------------------------------------------
 */

const struct tn_validators *teller_set(const struct tn_chain *chain)
{
    struct tn_registry_heads heads;
    tn_registry_heads(tn_chain_registry(chain), &heads);
    return tn_registry_set(tn_chain_registry(chain), heads.epoch);
}

void teller_head(struct port_head *head, struct tn_chain *chain, uint32_t place)
{
    const struct tn_validators *set = teller_set(chain);
    const struct tn_chain_stream *stream = &tn_chain_heads(chain)->streams[place];
    struct tn_public_key key;
    uint16_t id;
    *head = (struct port_head){.market = stream->market,
                               .term = stream->term,
                               .sequence = stream->sequence,
                               .cursor = stream->cursor};
    if (set == NULL ||
        !tn_registry_leader(tn_chain_registry(chain), &id, &key, stream->market, stream->term)) {
        return;
    }
    uint32_t index = tn_validators_find_key(set, &key);
    if (index != TN_NONE) head->leader = index + 1;
}

void teller_state(struct teller *teller, enum port_node_state node_state)
{
    struct port_state state = {.state = (uint32_t)node_state};
    if (teller->chain != NULL) {
        const struct tn_chain_heads *heads = tn_chain_heads(teller->chain);
        state.markets_count = teller->markets_count;
        state.height = heads->height;
        state.time_ms = (int64_t)heads->block.time_ms;
        memcpy(state.chain_id, heads->state.chain_id, sizeof state.chain_id);
        for (uint32_t i = 0; i < teller->markets_count; i++)
            teller_head(&state.heads[i], teller->chain, i);
    }
    port_tell(teller->port, PORT_STATE, 0, &state, sizeof state);
}

void teller_term(struct teller *teller, uint32_t market, uint32_t term, uint64_t sequence)
{
    struct port_head head;
    teller_head(&head, teller->chain, place_of(teller, market));
    head.term = term;
    head.sequence = sequence;
    port_tell(teller->port, PORT_TERM, 0, &head, sizeof head);
}

/* ---- Answers -----------------------------------------------------------------------------------
 */

void teller_answer(struct teller *teller, uint64_t tag, const struct tn_member_answer *answer)
{
    struct port_answer told = {.kind = (uint32_t)answer->kind,
                               .market = answer->market,
                               .term = answer->place.term,
                               .index = answer->place.index,
                               .sequence = answer->place.sequence,
                               .session = answer->session,
                               .nonce = answer->nonce,
                               .reject = (uint32_t)answer->reject};
    for (uint32_t i = 0; i < answer->events_count && i < teller->events_max; i++) {
        const uint8_t *bytes = answer->events + (size_t)i * TN_EVENT_BYTES;
        if (!tn_stream_read_event(&teller->events[told.events_count], bytes)) continue;
        told.events_count++;
    }
    const struct port_piece pieces[] = {
        {&told, sizeof told}, {teller->events, told.events_count * sizeof teller->events[0]}};
    port_tell_pieces(teller->port, PORT_ANSWER, tag, pieces, 2);
}

/* ---- Series ------------------------------------------------------------------------------------
 */

void teller_names(struct teller_names *names, const struct tn_exchange *exchange)
{
    struct tn_underlying_view under;
    names->count = 0;
    while (names->count < TELLER_SYMBOLS_MAX &&
           tn_exchange_underlying_view(exchange, &under, names->count + 1))
        memcpy(names->symbols[names->count++], under.symbol, TN_SYMBOL_SIZE);
}

void teller_fill_series(struct port_series *series, const struct teller_names *names,
                        uint32_t market, const struct tn_listed_view *view)
{
    const struct tn_contract *contract = view->contract;
    const int64_t lot = contract->lot_micro_units * contract->multiplier;
    *series = (struct port_series){.series_id = view->id,
                                   .market = market,
                                   .status = (uint32_t)view->status,
                                   .micros_per_tick = view->micros_per_tick,
                                   .tick_micros = contract->tick_micros,
                                   .lots_per_unit_micros = INT64_C(1000000000000) / lot,
                                   .schedule = contract->schedule,
                                   .settlement_micros = view->settlement_micros};
    tn_series_name_format(series->name, view->id, (const char(*)[TN_SYMBOL_SIZE])names->symbols,
                          names->count);
    const uint32_t underlying = tn_series_underlying(view->id);
    if (underlying <= names->count) {
        memcpy(series->symbol, names->symbols[underlying - 1], TN_SYMBOL_SIZE);
    }
}

void teller_fill_mark(struct port_mark *mark, const struct tn_listed_view *view)
{
    *mark = (struct port_mark){.series_id = view->id,
                               .mark_micros = view->mark_micros,
                               .forward_micros = view->forward_micros,
                               .vega_micros = view->vega_micros,
                               .funding_index = view->funding_index,
                               .open_interest = view->open_interest,
                               .band_low = view->band_low,
                               .band_high = view->band_high,
                               .left_ms = view->left_ms,
                               .rate_ppb = view->rate_ppb,
                               .delta_ppb = view->delta_ppb,
                               .vol_ppm = view->vol_ppm};
}

static void tell_series(struct teller *teller, uint32_t place, uint64_t series_id)
{
    struct tn_market *market = tn_chain_market(teller->chain, place);
    const struct tn_exchange *exchange = tn_market_exchange(market);
    struct tn_listed_view view;
    struct port_series series;
    struct teller_names names;
    if (!tn_exchange_listed(exchange, &view, series_id)) return;
    teller_names(&names, exchange);
    teller_fill_series(&series, &names, tn_market_limits(market)->market, &view);
    port_tell(teller->port, PORT_SERIES, 0, &series, sizeof series);
}

/* ---- Steps -------------------------------------------------------------------------------------
 */

static void note_traded(struct market_notes *notes, uint64_t series_id)
{
    for (uint32_t i = notes->traded_count; i > 0 && i + 8 > notes->traded_count; i--) {
        if (notes->traded[i - 1] == series_id) return; /* most come close to each other */
    }
    if (notes->traded_count == TRADED_MAX) {
        notes->is_all = true;
        return;
    }
    notes->traded[notes->traded_count++] = series_id;
}

static void note_events(struct teller *teller, uint32_t place, const struct tn_event *events,
                        uint32_t count)
{
    struct market_notes *notes = &teller->notes[place];
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t kind = events[i].kind;
        if (kind == TN_EVENT_MARKED) notes->is_marked = true;
        if (kind == TN_EVENT_TRADE || kind == TN_EVENT_SETTLED || kind == TN_EVENT_SEIZED ||
            kind == TN_EVENT_DELEVERAGED) {
            note_traded(notes, events[i].series_id);
        }
        if (kind == TN_EVENT_LISTED || kind == TN_EVENT_STATUS) {
            tell_series(teller, place, events[i].series_id);
        }
    }
}

void teller_fill_step(struct port_step *told, const struct tn_chain_heads *heads,
                      const struct tn_chain_place *place, const struct tn_market_step *step)
{
    const bool is_frame = step->entry != NULL && step->entry->kind == TN_ENTRY_FRAME;
    *told = (struct port_step){.block = heads->height,
                               .time_ms = (int64_t)heads->block.time_ms,
                               .market = place->market,
                               .term = place->term,
                               .sequence = place->sequence,
                               .entry = place->entry,
                               .number = step->number,
                               .item = step->item,
                               .account = is_frame ? step->entry->as.frame.account : TN_NONE,
                               .session = step->session,
                               .nonce = is_frame ? step->entry->as.frame.nonce : 0,
                               .events_count = step->events_count};
}

void teller_step(struct teller *teller, const struct tn_chain_place *place,
                 const struct tn_market_step *step)
{
    const uint32_t at = place_of(teller, place->market);
    const struct tn_exchange *exchange = tn_market_exchange(tn_chain_market(teller->chain, at));
    struct port_step told;
    teller_fill_step(&told, tn_chain_heads(teller->chain), place, step);
    if (step->entry != NULL && step->entry->kind == TN_ENTRY_MARKS) {
        teller->notes[at].is_marked = true;
    }
    if (step->events_count == 0) return;
    note_events(teller, at, step->events, step->events_count);
    told.orders_count = port_orders_of(teller->orders, 2 * teller->events_max, exchange,
                                       step->events, step->events_count);
    const struct port_piece pieces[] = {
        {&told, sizeof told},
        {step->events, step->events_count * sizeof step->events[0]},
        {teller->orders, told.orders_count * sizeof teller->orders[0]}};
    port_tell_pieces(teller->port, PORT_STEP, 0, pieces, 3);
}

/* ---- Blocks ------------------------------------------------------------------------------------
 */

uint32_t teller_indexes(struct port_index indexes[TELLER_SYMBOLS_MAX],
                        const struct tn_exchange *exchange)
{
    struct tn_underlying_view under;
    uint32_t count = 0;
    for (; count < TELLER_SYMBOLS_MAX && tn_exchange_underlying_view(exchange, &under, count + 1);
         count++) {
        indexes[count] =
            (struct port_index){.underlying = count + 1,
                                .index_micros = under.index_micros > 0 ? under.index_micros : 0};
    }
    return count;
}

static void tell_marks(struct teller *teller, struct port_marks *marks,
                       const struct tn_exchange *exchange)
{
    struct port_index indexes[TELLER_SYMBOLS_MAX];
    marks->indexes_count = teller_indexes(indexes, exchange);
    const struct port_piece pieces[] = {
        {marks, sizeof *marks},
        {teller->marks, marks->marks_count * sizeof teller->marks[0]},
        {indexes, marks->indexes_count * sizeof indexes[0]}};
    port_tell_pieces(teller->port, PORT_MARKS, 0, pieces, 3);
    marks->marks_count = 0;
}

static void tell_all_marks(struct teller *teller, struct port_marks *marks,
                           const struct tn_exchange *exchange)
{
    struct tn_listed_view view;
    for (uint32_t slot = 0; slot < tn_exchange_slots_count(exchange); slot++) {
        tn_exchange_listed_at(exchange, &view, slot);
        if (view.status == TN_STATUS_SETTLED) continue;
        teller_fill_mark(&teller->marks[marks->marks_count++], &view);
        if (marks->marks_count == PORT_MARKS_MAX) tell_marks(teller, marks, exchange);
    }
    if (marks->marks_count > 0) tell_marks(teller, marks, exchange);
}

static void tell_noted_marks(struct teller *teller, uint32_t place)
{
    const struct tn_chain_heads *heads = tn_chain_heads(teller->chain);
    struct market_notes *notes = &teller->notes[place];
    const struct tn_exchange *exchange = tn_market_exchange(tn_chain_market(teller->chain, place));
    struct port_marks marks = {.market = heads->streams[place].market,
                               .is_mark = notes->is_marked,
                               .block = heads->height,
                               .time_ms = (int64_t)heads->block.time_ms};
    if (notes->is_marked || notes->is_all) {
        tell_all_marks(teller, &marks, exchange);
    } else {
        for (uint32_t i = 0; i < notes->traded_count; i++) {
            struct tn_listed_view view;
            if (!tn_exchange_listed(exchange, &view, notes->traded[i])) continue;
            teller_fill_mark(&teller->marks[marks.marks_count++], &view);
        }
        if (marks.marks_count > 0) tell_marks(teller, &marks, exchange);
    }
    notes->is_marked = notes->is_all = false;
    notes->traded_count = 0;
}

void teller_block(struct teller *teller, const struct tn_member_block *block)
{
    const struct tn_block_header *header = block->header;
    struct port_block told = {.height = header->height,
                              .view = header->view,
                              .epoch = header->epoch,
                              .time_ms = (int64_t)header->time_ms,
                              .proposer = header->proposer,
                              .batches_count = header->batches_count,
                              .hash = block->hash,
                              .root = block->root,
                              .markets_count = teller->markets_count};
    for (uint32_t i = 0; i < teller->markets_count; i++) {
        tell_noted_marks(teller, i);
        teller_head(&told.heads[i], teller->chain, i);
    }
    port_tell(teller->port, PORT_BLOCK, 0, &told, sizeof told);
}
