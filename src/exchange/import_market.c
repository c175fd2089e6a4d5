/* import_market: the list of MARKET read back.
 *
 * Record 0 says how long everything is, so it is checked against the limits first and every later
 * record against it. Underlyings and assets enter as their entries do, through the same checks.
 * Series are not there yet: queues take slots that must be filled by the time all is read, and note
 * in the empty slot that they did, so no slot is in a queue twice. What names accounts waits for
 * the end (import_end.c). */
#include "exchange/records.h"

#define TIME_MAX_MS (INT64_C(1) << 52)
#define HOUSE_MAX   (INT64_C(1) << 61)
#define MICROS_MAX  (INT64_C(1) << 50)
#define SUMS_MAX    (INT64_C(1) << 62)

/* ---- Record 0 ---- */

bool tn_exchange_record_limits(struct tn_exchange_limits *limits, const uint8_t *record,
                               size_t size)
{
    struct tn_exchange_limits read = *limits;
    struct reader reader = {.bytes = record, .size = size};
    uint32_t *const fields[LIMITS_COUNT] = {
        &read.accounts_max,
        &read.underlyings_max,
        &read.series_max,
        &read.orders_max,
        &read.levels_max,
        &read.exposures_max,
        &read.exposures_per_account_max,
        &read.results_max,
        &read.results_per_account,
        &read.groups_max,
        &read.jobs_max,
        &read.assets_max,
        &read.commands_per_frame_max,
        &read.fills_max,
        &read.cancels_max,
        &read.sweep_units_max,
        &read.reduce_only_max,
        &read.expiries_max,
        &read.signers_max,
    };
    if (size != MARKET_HEAD_SIZE) return false;
    take_bytes(&reader, MARKET_VERSION_AT);
    if (get_u32(&reader) != LAYOUT_VERSION) return false;
    take_bytes(&reader, MARKET_LIMITS_AT - reader.used);
    for (uint32_t i = 0; i < LIMITS_COUNT; i++) {
        *fields[i] = get_u32(&reader);
        TN_ASSERT(fields[i] == tn_exchange_limit(&read, i));
    }
    take_bytes(&reader, MARKET_HEAD_SIZE - MARKET_SUMS_AT);
    if (!reader_ends(&reader) || tn_exchange_size(&read) == 0) return false;
    *limits = read;
    return true;
}

static void get_house(struct tn_exchange *exchange, struct reader *reader)
{
    tn_micros *house = exchange->ledger.house;
    for (uint32_t i = 0; i < TN_HOUSE_COUNT; i++)
        house[i] = get_i64_in(reader, -HOUSE_MAX, HOUSE_MAX, "Money of the house is out of range.");
    require(reader, house[TN_HOUSE_EXTERNAL] >= -TN_DEPOSITS_MAX, "Deposits are out of range.");
    if (exchange->risk == NULL) return;
    require(reader, house[TN_HOUSE_INSURANCE] >= 0, "The insurance fund is below zero.");
    require(reader, house[TN_HOUSE_DEBT] <= 0, "Debt is above zero.");
}

static struct queue *queue_of(struct tn_exchange *exchange, enum market_queue queue)
{
    struct queue *const queues[QUEUES_COUNT] = {&exchange->triggers, &exchange->settlements,
                                                &exchange->uncrosses, &exchange->fundings,
                                                &exchange->settled};
    TN_ASSERT(queue < QUEUES_COUNT && queues[queue] == tn_exchange_queue(exchange, queue));
    return queues[queue];
}

static void get_counts(struct tn_exchange *exchange, struct reader *reader)
{
    const struct tn_exchange_limits *limits = &exchange->limits;
    exchange->accounts_count =
        get_u32_most(reader, limits->accounts_max, "There are more accounts than the limit.");
    exchange->underlyings_count =
        get_u32_most(reader, limits->underlyings_max, "There are more underlyings than the limit.");
    exchange->assets_count =
        get_u32_most(reader, limits->assets_max, "There are more assets than the limit.");
    require(reader, exchange->assets_count >= 1, "The cash asset is missing.");
    exchange->series_used =
        get_u32_most(reader, limits->series_max, "There are more series than the limit.");
    exchange->series_count = exchange->series_used;
    exchange->jobs_count =
        get_u32_most(reader, limits->jobs_max, "There are more mass cancels than the limit.");
    for (uint32_t i = 0; i < QUEUES_COUNT; i++) {
        struct queue *queue = queue_of(exchange, (enum market_queue)i);
        queue->head = 0;
        queue->count =
            get_u32_most(reader, exchange->series_used, "A queue is longer than the series table.");
    }
}

static void get_sweep(struct tn_exchange *exchange, struct reader *reader)
{
    struct risk *risk = exchange->risk;
    uint32_t accounts = risk == NULL ? 0 : exchange->accounts_count;
    uint8_t flag = risk == NULL ? 0 : 1;
    uint32_t list_count =
        get_u32_most(reader, accounts, "The liquidation list is longer than the accounts.");
    uint32_t list_cursor =
        get_u32_most(reader, list_count, "The liquidation list's cursor is behind its end.");
    uint32_t cursor = get_u32_most(reader, accounts, "The sweep's cursor is behind the accounts.");
    bool sweeping = get_u8_most(reader, flag, "Whether a sweep runs is not 0 or 1.");
    bool sorted = get_u8_most(reader, flag, "Whether the list is sorted is not 0 or 1.");
    require(reader, !sweeping || !sorted, "The list is sorted, but the sweep runs.");
    if (risk == NULL) return;
    risk->list_count = list_count;
    risk->list_cursor = list_cursor;
    risk->cursor = cursor;
    risk->sweeping = sweeping;
    risk->list_sorted = sorted;
}

static void get_funding(struct tn_exchange *exchange, struct reader *reader)
{
    bool begun = get_bool(reader, "Whether funding has begun is not 0 or 1.");
    get_zeros(reader, 1);
    exchange->funding_cursor = get_u32(reader); /* an account, until the end */
    exchange->funding_begun_index = get_i64(reader);
    exchange->funding_begun = begun;
    if (begun) {
        require(reader, exchange->fundings.count > 0, "Funding has begun of no series.");
        require(reader,
                exchange->funding_cursor == TN_NONE ||
                    exchange->funding_cursor < exchange->accounts_count,
                "Funding stands at an unknown account.");
    } else {
        require(reader, exchange->funding_cursor == TN_NONE && exchange->funding_begun_index == 0,
                "Funding that has not begun stands somewhere.");
    }
}

/* What all accounts add up to: compared with them at the end, if they are all there. */
static void get_sums(struct tn_exchange *exchange, struct reader *reader)
{
    const struct tn_exchange_limits *limits = &exchange->limits;
    tn_micros most = exchange->risk == NULL ? 0 : SUMS_MAX;
    exchange->told.exposures =
        get_u32_most(reader, limits->exposures_max, "There are more positions than the limit.");
    exchange->told.results =
        get_u32_most(reader, limits->results_max, "There are more results than the limit.");
    exchange->told.groups =
        get_u32_most(reader, limits->groups_max, "There are more groups than the limit.");
    exchange->told.borrowed = get_i64_in(reader, 0, most, "What is borrowed is out of range.");
    exchange->told.gate =
        get_i64_in(reader, 0, most, "What insolvent accounts owe is out of range.");
}

static void get_head(struct tn_exchange *exchange, struct reader *reader)
{
    get_house(exchange, reader);
    exchange->height = get_u64(reader);
    exchange->time_ms = get_i64_in(reader, 0, TIME_MAX_MS, "The time is out of range.");
    exchange->last_order_id = get_u64(reader);
    exchange->joined_last = get_u64(reader);
    require(reader, get_u32(reader) == LAYOUT_VERSION,
            "The layout is of another version, which the program that wrote it reads.");
    get_counts(exchange, reader);
    get_sweep(exchange, reader);
    get_funding(exchange, reader);
    for (uint32_t i = 0; i < LIMITS_COUNT; i++) {
        require(reader, get_u32(reader) == *tn_exchange_limit(&exchange->limits, i),
                "A limit is another than this exchange was made with.");
    }
    get_sums(exchange, reader);
}

/* ---- Underlyings and assets ---- */

static void get_contract(struct reader *reader, struct tn_contract *contract, struct tn_fees *fees)
{
    struct tn_tick_schedule *schedule = &contract->schedule;
    contract->lot_micro_units = get_i64(reader);
    contract->multiplier = get_i64(reader);
    contract->tick_micros = get_i64(reader);
    contract->price_max = get_i64(reader);
    contract->quantity_max = get_i64(reader);
    schedule->steps_count =
        get_u32_most(reader, TN_TICK_STEPS_MAX, "A tick schedule has too many steps.");
    fees->maker_ppm = get_i32(reader);
    fees->taker_ppm = get_i32(reader);
    fees->premium_cap_ppm = get_i32(reader);
    for (uint32_t i = 0; i < schedule->steps_count; i++) {
        schedule->steps[i].from_ticks = get_i64(reader);
        schedule->steps[i].step_ticks = get_i64(reader);
    }
    get_zeros(reader, (size_t)16 * (TN_TICK_STEPS_MAX - schedule->steps_count));
}

static void get_symbol(struct reader *reader, char symbol[TN_SYMBOL_SIZE])
{
    memset(symbol, 0, TN_SYMBOL_SIZE);
    get_bytes(reader, symbol, TN_SYMBOL_SIZE - 1);
    bool ended = false;
    for (uint32_t i = 0; i < TN_SYMBOL_SIZE - 1; i++) {
        require(reader, !ended || symbol[i] == '\0', "Something follows a symbol.");
        ended |= symbol[i] == '\0';
    }
}

/* Defines it as its entry does; the count of all of them stands already. */
static void define_underlying(struct tn_exchange *exchange, struct reader *reader,
                              const struct tn_entry *entry, uint32_t underlying)
{
    uint32_t count = exchange->underlyings_count;
    exchange->underlyings_count = underlying;
    enum tn_reject reject = tn_exchange_underlying(exchange, entry);
    exchange->underlyings_count = count;
    require(reader, reject == TN_REJECT_NONE, "An underlying is not admissible.");
}

static void get_underlying(struct tn_exchange *exchange, struct reader *reader, uint32_t underlying)
{
    struct tn_entry entry = {.kind = TN_ENTRY_UNDERLYING};
    struct tn_underlying *asked = &entry.as.underlying;
    if (!require(reader, underlying < exchange->underlyings_count, "There is no such underlying."))
        return;
    require(reader, exchange->imported[TN_RECORD_MARKET].count == underlying + 2,
            "An underlying before this one is missing.");
    get_symbol(reader, asked->symbol);
    asked->fifo_ppm = get_u32(reader);
    get_zeros(reader, 4);
    asked->closing_ms = get_i64(reader);
    asked->block_minimum_micros = get_i64(reader);
    tn_micros index = get_i64_in(reader, 0, MICROS_MAX, "An index price is out of range.");
    asked->listing.dailies = get_u8(reader);
    asked->listing.weeklies = get_u8(reader);
    asked->listing.monthlies = get_u8(reader);
    asked->listing.quarterlies = get_u8(reader);
    asked->listing.delta_low_ppb = get_u32(reader);
    asked->listing.delta_high_ppb = get_u32(reader);
    asked->listing.strike_step_ppm = get_u32(reader);
    get_contract(reader, &asked->option, &asked->option_fees);
    get_contract(reader, &asked->linear, &asked->linear_fees);
    if (!reader_ends(reader)) return;
    define_underlying(exchange, reader, &entry, underlying);
    if (reader_good(reader) && index > 0) {
        require(reader, tn_exchange_set_index(exchange, (uint16_t)underlying, index),
                "An index price does not fit its contracts.");
    }
}

/* What margin reads of an asset is worked out when the feeds are there (import_end.c); until then
 * its price, which only a MARK gives, says whether to. */
static void get_asset(struct tn_exchange *exchange, struct reader *reader, uint32_t asset)
{
    struct tn_entry entry = {.kind = TN_ENTRY_ASSET};
    if (!require(reader, asset < exchange->assets_count, "There is no such asset.")) return;
    require(reader,
            exchange->imported[TN_RECORD_MARKET].count == exchange->underlyings_count + asset + 1,
            "An asset or underlying before this asset is missing.");
    entry.as.asset.haircut_ppm = get_u32(reader);
    entry.as.asset.im_haircut_ppm = get_u32(reader);
    entry.as.asset.underlying = get_u16(reader);
    bool valued = get_u16_most(reader, 1, "Whether a MARK has valued an asset is not 0 or 1.");
    if (exchange->risk == NULL) {
        require(reader,
                entry.as.asset.im_haircut_ppm == 0 && entry.as.asset.underlying == 0 && !valued,
                "An asset has terms of margin where no margin is.");
    }
    if (!reader_ends(reader)) return;
    uint32_t count = exchange->assets_count;
    exchange->assets_count = asset;
    enum tn_reject reject = tn_exchange_asset(exchange, &entry);
    exchange->assets_count = count;
    require(reader, reject == TN_REJECT_NONE, "An asset is not admissible.");
    if (valued) exchange->risk->margin_assets[asset].price_micros = 1;
}

/* ---- Items ---- */

/* True the first time that a slot comes in this queue. */
static bool note_in_series(struct series *series, enum market_queue queue)
{
    bool is_new = true;
    switch (queue) {
        case QUEUE_TRIGGERS:
            is_new = !series->in_trigger_queue;
            series->in_trigger_queue = 1;
            break;
        case QUEUE_SETTLEMENTS:
        case QUEUE_SETTLED: /* of these two one only */
            is_new = series->status == TN_STATUS_INITIALIZING;
            series->status = queue == QUEUE_SETTLED ? TN_STATUS_SETTLED : TN_STATUS_SETTLING;
            break;
        case QUEUE_UNCROSSES:
            is_new = !series->uncrossing;
            series->uncrossing = 1;
            break;
        case QUEUE_FUNDINGS:
            is_new = !series->in_funding_queue;
            series->in_funding_queue = 1;
            break;
        case QUEUES_COUNT: TN_ASSERT(false);
    }
    return is_new;
}

static void get_queue(struct tn_exchange *exchange, struct reader *reader, enum market_queue queue,
                      uint32_t first, uint32_t count)
{
    struct queue *into = queue_of(exchange, queue);
    for (uint32_t i = 0; i < count && reader_good(reader); i++) {
        uint32_t slot =
            get_u32_below(reader, exchange->series_used, "A queue holds an unknown series.");
        if (!reader_good(reader)) return;
        require(reader, note_in_series(&exchange->series[slot], queue),
                "A series is in a queue twice.");
        into->items[first + i] = slot;
    }
}

static void get_job(struct tn_exchange *exchange, struct reader *reader, struct job *job)
{
    job->what.series_id = get_u64(reader);
    job->next_id = get_u64(reader);
    job->last_id = get_u64_most(reader, exchange->last_order_id,
                                "A mass cancel reaches beyond the last order.");
    job->account =
        get_u32_below(reader, exchange->accounts_count, "A mass cancel is of an unknown account.");
    job->what.label = get_u32(reader);
    job->what.underlying = get_u16(reader);
    job->what.expiry_day = get_u16(reader);
    job->what.side = get_u8(reader);
    job->what.by = get_u8_most(reader, TN_BY_ALL, "A mass cancel is by an unknown criterion.");
    get_zeros(reader, 2);
    require(reader, !(job->what.by & TN_BY_SIDE) || job->what.side <= TN_SELL,
            "A mass cancel is of an unknown side.");
    require(reader, !reader_good(reader) || tn_exchange_is_present(exchange, job->account),
            "The account of a mass cancel is missing.");
    job->cursor = TN_NONE;
}

static void get_listed(struct tn_exchange *exchange, struct reader *reader, struct listed *listed)
{
    listed->account = get_u32_below(reader, exchange->accounts_count,
                                    "The liquidation list names an unknown account.");
    require(reader, !reader_good(reader) || tn_exchange_is_present(exchange, listed->account),
            "An account of the liquidation list is missing.");
    listed->mm = get_i64(reader);
    listed->requirement = get_i64(reader);
}

/* How many of `count` items are in a chunk that begins with this one; a chunk without any is a
 * fault. */
static uint32_t items_from(struct reader *reader, uint32_t count, uint32_t first, uint32_t most)
{
    if (!require(reader, first < count, "The record is of a place that is not in use.")) return 0;
    return count - first < most ? count - first : most;
}

static void get_items(struct tn_exchange *exchange, struct reader *reader, uint32_t index)
{
    const struct tn_exchange_limits *limits = &exchange->limits;
    uint32_t queues_at = market_at_queue(limits, QUEUE_TRIGGERS, 0);
    uint32_t jobs_at = market_at_job(limits, 0), listed_at = market_at_listed(limits, 0);
    if (index < jobs_at) {
        uint32_t chunks = (jobs_at - queues_at) / QUEUES_COUNT;
        enum market_queue queue = (enum market_queue)((index - queues_at) / chunks);
        uint32_t first = (index - queues_at) % chunks * QUEUE_CHUNK;
        uint32_t all = tn_exchange_queue(exchange, queue)->count;
        get_queue(exchange, reader, queue, first, items_from(reader, all, first, QUEUE_CHUNK));
    } else if (index < listed_at) {
        uint32_t first = (index - jobs_at) * JOBS_CHUNK;
        uint32_t count = items_from(reader, exchange->jobs_count, first, JOBS_CHUNK);
        for (uint32_t i = 0; i < count; i++)
            get_job(exchange, reader, &exchange->jobs[first + i]);
    } else {
        uint64_t first = (uint64_t)(index - listed_at) * LISTED_CHUNK;
        uint32_t all = exchange->risk == NULL ? 0 : exchange->risk->list_count;
        if (!require(reader, first < all, "The record is of a place that is not in use.")) return;
        uint32_t count = items_from(reader, all, (uint32_t)first, LISTED_CHUNK);
        for (uint32_t i = 0; i < count; i++)
            get_listed(exchange, reader, &exchange->risk->list[first + i]);
    }
}

bool tn_exchange_import_market(struct tn_exchange *exchange, struct reader *reader, uint32_t index)
{
    const struct tn_exchange_limits *limits = &exchange->limits;
    bool head_came = exchange->imported[TN_RECORD_MARKET].count > 0;
    require(reader, head_came || index == 0, "Record 0 of the market is missing.");
    if (!record_comes(exchange, reader, TN_RECORD_MARKET, index)) return false;
    if (index == 0) {
        get_head(exchange, reader);
    } else if (index < market_at_asset(limits, 1)) {
        get_underlying(exchange, reader, index - market_at_underlying(0));
    } else if (index < market_at_queue(limits, QUEUE_TRIGGERS, 0)) {
        get_asset(exchange, reader, index - market_at_asset(limits, 0));
    } else {
        get_items(exchange, reader, index);
    }
    return reader_ends(reader);
}
