/* export_market: the list of MARKET: what the market as a whole is, apart from its series and
 * accounts (docs/specs/records.md, "MARKET").
 *
 * Every record has a fixed place that its limits give, so a new underlying or a longer queue moves
 * nothing: only the liquidation list, which is last, makes the list longer and shorter. What every
 * entry changes stands together in record 0. */
#include "exchange/records.h"

enum { UNDERLYING_SIZE = 360, JOB_SIZE = 40, LISTED_SIZE = 20 };

const uint32_t *tn_exchange_limit(const struct tn_exchange_limits *limits, uint32_t field)
{
    const uint32_t *const fields[LIMITS_COUNT] = {
        &limits->accounts_max,
        &limits->underlyings_max,
        &limits->series_max,
        &limits->orders_max,
        &limits->levels_max,
        &limits->exposures_max,
        &limits->exposures_per_account_max,
        &limits->results_max,
        &limits->results_per_account,
        &limits->groups_max,
        &limits->jobs_max,
        &limits->assets_max,
        &limits->commands_per_frame_max,
        &limits->fills_max,
        &limits->cancels_max,
        &limits->sweep_units_max,
        &limits->reduce_only_max,
        &limits->expiries_max,
        &limits->signers_max,
    };
    TN_ASSERT(field < LIMITS_COUNT);
    return fields[field];
}

const struct queue *tn_exchange_queue(const struct tn_exchange *exchange, enum market_queue queue)
{
    const struct queue *const queues[QUEUES_COUNT] = {&exchange->triggers, &exchange->settlements,
                                                      &exchange->uncrosses, &exchange->fundings,
                                                      &exchange->settled};
    TN_ASSERT(queue < QUEUES_COUNT);
    return queues[queue];
}

/* ---- Records ---- */

static void put_head(struct writer *writer, const struct tn_exchange *exchange)
{
    const struct risk *risk = exchange->risk;
    bool funding = exchange->funding_begun;
    for (uint32_t i = 0; i < TN_HOUSE_COUNT; i++)
        put_i64(writer, exchange->ledger.house[i]);
    put_u64(writer, exchange->height);
    put_i64(writer, exchange->time_ms);
    put_u64(writer, exchange->last_order_id);
    put_u64(writer, exchange->joined_last);
    put_u32(writer, LAYOUT_VERSION);
    put_u32(writer, exchange->accounts_count);
    put_u32(writer, exchange->underlyings_count);
    put_u32(writer, exchange->assets_count);
    put_u32(writer, exchange->series_used);
    put_u32(writer, exchange->jobs_count);
    for (uint32_t i = 0; i < QUEUES_COUNT; i++)
        put_u32(writer, tn_exchange_queue(exchange, (enum market_queue)i)->count);
    put_u32(writer, risk == NULL ? 0 : risk->list_count);
    put_u32(writer, risk == NULL ? 0 : risk->list_cursor);
    put_u32(writer, risk == NULL ? 0 : risk->cursor);
    put_bool(writer, risk != NULL && risk->sweeping);
    put_bool(writer, risk != NULL && risk->list_sorted);
    put_bool(writer, funding);
    put_zeros(writer, 1);
    put_u32(writer, funding && exchange->funding_cursor != TN_NONE
                        ? exchange->exposures[exchange->funding_cursor].account
                        : TN_NONE);
    put_i64(writer, funding ? exchange->funding_begun_index : 0);
    for (uint32_t i = 0; i < LIMITS_COUNT; i++)
        put_u32(writer, *tn_exchange_limit(&exchange->limits, i));
    put_u32(writer, exchange->exposures_count);
    put_u32(writer, exchange->results_count);
    put_u32(writer, exchange->groups_count);
    put_i64(writer, risk == NULL ? 0 : risk->borrowed_micros);
    put_i64(writer, risk == NULL ? 0 : risk->gate_micros);
    TN_ASSERT(writer->used == MARKET_HEAD_SIZE);
}

static void put_terms(struct writer *writer, const struct terms *terms)
{
    const struct tn_contract *contract = &terms->contract;
    put_i64(writer, contract->lot_micro_units);
    put_i64(writer, contract->multiplier);
    put_i64(writer, contract->tick_micros);
    put_i64(writer, contract->price_max);
    put_i64(writer, contract->quantity_max);
    put_u32(writer, contract->schedule.steps_count);
    put_i32(writer, terms->fees.maker_ppm);
    put_i32(writer, terms->fees.taker_ppm);
    put_i32(writer, terms->fees.premium_cap_ppm);
    for (uint32_t i = 0; i < TN_TICK_STEPS_MAX; i++) {
        bool used = i < contract->schedule.steps_count;
        put_i64(writer, used ? contract->schedule.steps[i].from_ticks : 0);
        put_i64(writer, used ? contract->schedule.steps[i].step_ticks : 0);
    }
}

static void put_underlying(struct writer *writer, const struct underlying *under)
{
    uint32_t length = 0;
    while (length < TN_SYMBOL_SIZE - 1 && under->symbol[length] != '\0')
        length++;
    put_bytes(writer, under->symbol, length);
    put_zeros(writer, TN_SYMBOL_SIZE - 1 - length);
    put_u32(writer, under->fifo_ppm);
    put_zeros(writer, 4);
    put_i64(writer, under->closing_ms);
    put_i64(writer, under->block_minimum_micros);
    put_i64(writer, under->index_micros);
    put_u8(writer, under->listing.dailies);
    put_u8(writer, under->listing.weeklies);
    put_u8(writer, under->listing.monthlies);
    put_u8(writer, under->listing.quarterlies);
    put_u32(writer, under->listing.delta_low_ppb);
    put_u32(writer, under->listing.delta_high_ppb);
    put_u32(writer, under->listing.strike_step_ppm);
    put_terms(writer, &under->terms[0]);
    put_terms(writer, &under->terms[1]);
    TN_ASSERT(writer->used == UNDERLYING_SIZE);
}

/* An asset is worth nothing until a MARK has put its terms where margin reads them. */
static void put_asset(struct writer *writer, const struct tn_exchange *exchange, uint32_t asset)
{
    const struct risk *risk = exchange->risk;
    put_u32(writer, exchange->haircut_ppm[asset]);
    put_u32(writer, risk == NULL ? 0 : risk->im_haircut_ppm[asset]);
    put_u16(writer, risk == NULL ? 0 : risk->asset_underlying[asset]);
    put_u16(writer, risk != NULL && asset_is_valued(&risk->margin_assets[asset]));
}

static void put_job(struct writer *writer, const struct job *job)
{
    put_u64(writer, job->what.series_id);
    put_u64(writer, job->next_id);
    put_u64(writer, job->last_id);
    put_u32(writer, job->account);
    put_u32(writer, job->what.label);
    put_u16(writer, job->what.underlying);
    put_u16(writer, job->what.expiry_day);
    put_u8(writer, job->what.side);
    put_u8(writer, job->what.by);
    put_zeros(writer, 2);
}

/* ---- The list ---- */

/* Which items of `count` are in a record that is `chunk` places behind the first one of its part.
 */
static uint32_t items_in(uint32_t count, uint32_t chunk, uint32_t chunk_items, uint32_t *first)
{
    *first = chunk * chunk_items;
    if (*first >= count) return 0;
    return count - *first < chunk_items ? count - *first : chunk_items;
}

static void put_items(struct writer *writer, const struct tn_exchange *exchange, uint32_t index)
{
    const struct tn_exchange_limits *limits = &exchange->limits;
    uint32_t first, queues_at = market_at_queue(limits, 0, 0);
    uint32_t jobs_at = market_at_job(limits, 0), listed_at = market_at_listed(limits, 0);
    if (index < jobs_at) {
        uint32_t chunks = (jobs_at - queues_at) / QUEUES_COUNT;
        const struct queue *queue =
            tn_exchange_queue(exchange, (enum market_queue)((index - queues_at) / chunks));
        uint32_t count = items_in(queue->count, (index - queues_at) % chunks, QUEUE_CHUNK, &first);
        for (uint32_t i = 0; i < count; i++)
            put_u32(writer, queue_at(queue, first + i, limits->series_max));
    } else if (index < listed_at) {
        uint32_t count = items_in(exchange->jobs_count, index - jobs_at, JOBS_CHUNK, &first);
        for (uint32_t i = 0; i < count; i++)
            put_job(writer, &exchange->jobs[first + i]);
        TN_ASSERT(writer->used == (size_t)count * JOB_SIZE);
    } else {
        const struct risk *risk = exchange->risk;
        uint32_t count = items_in(risk->list_count, index - listed_at, LISTED_CHUNK, &first);
        struct list_walk walk;
        tn_exchange_list_walk(&walk, risk, first);
        for (uint32_t i = 0; i < count; i++) {
            const struct listed *listed = tn_exchange_list_next(&walk);
            put_u32(writer, listed->account);
            put_i64(writer, listed->mm);
            put_i64(writer, listed->requirement);
        }
        TN_ASSERT(writer->used == (size_t)count * LISTED_SIZE);
    }
}

size_t tn_exchange_export_market(const struct tn_exchange *exchange, struct writer *writer,
                                 uint32_t index)
{
    const struct tn_exchange_limits *limits = &exchange->limits;
    TN_ASSERT(writer->used == 0 && index < tn_exchange_market_count(exchange));
    if (index == 0) {
        put_head(writer, exchange);
    } else if (index < market_at_asset(limits, 1)) {
        uint32_t underlying = index - market_at_underlying(0);
        if (underlying < exchange->underlyings_count) {
            put_underlying(writer, &exchange->underlyings[underlying]);
        }
    } else if (index < market_at_queue(limits, 0, 0)) {
        uint32_t asset = index - market_at_asset(limits, 0);
        if (asset < exchange->assets_count) put_asset(writer, exchange, asset);
    } else {
        put_items(writer, exchange, index);
    }
    return writer->used;
}

uint32_t tn_exchange_market_count(const struct tn_exchange *exchange)
{
    uint32_t listed = exchange->risk == NULL ? 0 : exchange->risk->list_count;
    return market_at_listed(&exchange->limits, listed + LISTED_CHUNK - 1);
}

size_t tn_exchange_market_size_max(const struct tn_exchange_limits *limits)
{
    (void)limits;
    size_t most = MARKET_HEAD_SIZE;
    if (UNDERLYING_SIZE > most) most = UNDERLYING_SIZE;
    if (QUEUE_CHUNK * 4 > most) most = QUEUE_CHUNK * 4;
    if (JOBS_CHUNK * JOB_SIZE > most) most = JOBS_CHUNK * JOB_SIZE;
    if (LISTED_CHUNK * LISTED_SIZE > most) most = LISTED_CHUNK * LISTED_SIZE;
    return most;
}
