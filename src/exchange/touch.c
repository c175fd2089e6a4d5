/* touch: the rare ends of the marks in touch.h, and the names of marked records for whoever keeps
 * them. An account or a series stands in its list once, from its first mark until all of its marks
 * are taken, so the lists never outgrow the tables. */
#include "exchange/records.h"

void tn_exchange_touch_new_account(struct tn_exchange *exchange, uint32_t account, uint16_t kinds)
{
    struct touches *touches = &exchange->touches;
    struct account *record = &exchange->accounts[account];
    tn_exchange_need_account(exchange, account);
    if (record->touched == 0) {
        TN_ASSERT(touches->accounts_count < exchange->limits.accounts_max);
        touches->accounts[touches->accounts_count++] = account;
    }
    record->touched |= kinds;
}

void tn_exchange_touch_new_series(struct tn_exchange *exchange, uint32_t series, uint16_t kinds)
{
    struct touches *touches = &exchange->touches;
    struct series *record = &exchange->series[series];
    if (record->touched == 0) {
        TN_ASSERT(touches->series_count < exchange->limits.series_max);
        touches->series[touches->series_count++] = series;
    }
    record->touched |= kinds;
}

/* ---- MARKET ---- */

static void touch_range(struct touched_list *list, uint32_t first, uint32_t end)
{
    while (first < end) {
        const uint32_t next = first / 64 * 64 + 64, last = (next < end ? next : end) - 1;
        touch_record(list, last);
        list->bits[last / 64] |= UINT64_MAX >> (63 - (last - first)) << first % 64;
        first = last + 1;
    }
}

void tn_exchange_touch_underlying(struct tn_exchange *exchange, uint32_t underlying)
{
    touch_record(&exchange->touches.market, market_at_underlying(underlying));
}

void tn_exchange_touch_assets(struct tn_exchange *exchange)
{
    const struct tn_exchange_limits *limits = &exchange->limits;
    touch_range(&exchange->touches.market, market_at_asset(limits, 1),
                market_at_asset(limits, exchange->assets_count));
}

void tn_exchange_touch_queue(struct tn_exchange *exchange, const struct queue *queue,
                             uint32_t first)
{
    const struct tn_exchange_limits *limits = &exchange->limits;
    enum market_queue number = QUEUE_TRIGGERS;
    while (tn_exchange_queue(exchange, number) != queue)
        number++;
    TN_ASSERT(first < queue->count);
    touch_range(&exchange->touches.market, market_at_queue(limits, number, first),
                market_at_queue(limits, number, queue->count - 1) + 1);
}

void tn_exchange_touch_jobs(struct tn_exchange *exchange, uint32_t first)
{
    const struct tn_exchange_limits *limits = &exchange->limits;
    TN_ASSERT(first < exchange->jobs_count);
    touch_range(&exchange->touches.market, market_at_job(limits, first),
                market_at_job(limits, exchange->jobs_count - 1) + 1);
}

void tn_exchange_touch_listed(struct tn_exchange *exchange, uint32_t first)
{
    const struct tn_exchange_limits *limits = &exchange->limits;
    uint32_t count = exchange->risk->list_count;
    if (first >= count) return;
    touch_range(&exchange->touches.market, market_at_listed(limits, first),
                market_at_listed(limits, count - 1) + 1);
}

/* ---- FEEDS ---- */

void tn_exchange_touch_feeds(struct tn_exchange *exchange, uint32_t record)
{
    TN_ASSERT(record < FEEDS_BEFORE);
    touch_record(&exchange->touches.feeds, record);
}

void tn_exchange_touch_feeds_underlying(struct tn_exchange *exchange, uint32_t underlying,
                                        uint32_t part)
{
    TN_ASSERT(part < FEEDS_PER_UNDERLYING);
    touch_record(&exchange->touches.feeds, feeds_at_underlying(underlying) + part);
}

void tn_exchange_touch_feeds_expiry(struct tn_exchange *exchange, uint32_t slot, uint32_t part)
{
    uint32_t rank = 0;
    uint32_t before = tn_exchange_next_expiry(exchange, TN_NONE);
    for (; before != slot; before = tn_exchange_next_expiry(exchange, before))
        rank++;
    TN_ASSERT(part < FEEDS_PER_EXPIRY && rank < exchange->limits.expiries_max);
    touch_record(&exchange->touches.feeds, feeds_at_expiry(&exchange->limits, rank) + part);
}

void tn_exchange_touch_feeds_expiries(struct tn_exchange *exchange)
{
    const struct tn_exchange_limits *limits = &exchange->limits;
    touch_record(&exchange->touches.feeds, FEEDS_HEAD); /* their count */
    touch_range(&exchange->touches.feeds, feeds_at_expiry(limits, 0),
                feeds_at_expiry(limits, tn_exchange_expiries_count(exchange)));
}

void tn_exchange_touch_feeds_at_mark(struct tn_exchange *exchange)
{
    const struct tn_exchange_limits *limits = &exchange->limits;
    uint32_t expiries = tn_exchange_expiries_count(exchange);
    touch_record(&exchange->touches.feeds, FEEDS_HEAD);
    for (uint32_t i = 0; i < exchange->underlyings_count; i++)
        touch_record(&exchange->touches.feeds, feeds_at_underlying(i));
    for (uint32_t rank = 0; rank < expiries; rank++)
        touch_record(&exchange->touches.feeds, feeds_at_expiry(limits, rank));
}

/* ---- Taken ---- */

static uint32_t words_for(uint32_t records)
{
    return (records + 63) / 64;
}

uint32_t tn_exchange_touch_words(const struct tn_exchange_limits *limits, enum tn_record_kind kind)
{
    TN_ASSERT(kind == TN_RECORD_MARKET || kind == TN_RECORD_FEEDS);
    return words_for(kind == TN_RECORD_MARKET ? market_at_listed(limits, limits->accounts_max) + 1
                                              : feeds_at_expiry(limits, limits->expiries_max));
}

static void clear_list(struct touched_list *list)
{
    while (list->first < list->end)
        list->bits[list->first++] = 0;
    list->first = UINT32_MAX;
    list->end = 0;
}

void tn_exchange_touch_clear(struct tn_exchange *exchange)
{
    struct touches *touches = &exchange->touches;
    clear_list(&touches->market);
    clear_list(&touches->feeds);
    touches->head = false;
    tn_exchange_tell_books(exchange);
    while (touches->series_count > 0)
        exchange->series[touches->series[--touches->series_count]].touched = 0;
    while (touches->accounts_count > 0)
        exchange->accounts[touches->accounts[--touches->accounts_count]].touched = 0;
}

static struct tn_record_name name_of(uint32_t kind, uint32_t index)
{
    return (struct tn_record_name){.kind = (uint8_t)kind, .index = index};
}

static uint32_t take_list(struct touched_list *list, struct tn_record_name *names,
                          uint32_t names_max, enum tn_record_kind kind)
{
    uint32_t taken = 0;
    while (list->first < list->end && taken < names_max) {
        uint64_t *word = &list->bits[list->first];
        if (*word == 0) {
            list->first++;
            continue;
        }
        names[taken++] = name_of(kind, 64 * list->first + (uint32_t)__builtin_ctzll(*word));
        *word &= *word - 1;
    }
    if (list->first >= list->end) clear_list(list);
    return taken;
}

/* Takes marks of what stands last in a list, and it off the list when none is left. */
static uint32_t take_bits(uint16_t *touched, uint32_t *count, struct tn_record_name *names,
                          uint32_t names_max, uint32_t index)
{
    uint32_t taken = 0;
    TN_ASSERT(*touched != 0);
    while (*touched != 0 && taken < names_max) {
        names[taken++] = name_of((uint32_t)__builtin_ctz(*touched), index);
        *touched &= (uint16_t)(*touched - 1);
    }
    if (*touched == 0) --*count;
    return taken;
}

uint32_t tn_exchange_touched(struct tn_exchange *exchange, struct tn_record_name *names,
                             uint32_t names_max)
{
    struct touches *touches = &exchange->touches;
    if (touches->head) touch_record(&touches->market, 0);
    touches->head = false;
    uint32_t taken = take_list(&touches->market, names, names_max, TN_RECORD_MARKET);
    taken += take_list(&touches->feeds, names + taken, names_max - taken, TN_RECORD_FEEDS);
    while (touches->series_count > 0 && taken < names_max) {
        uint32_t series = touches->series[touches->series_count - 1];
        taken += take_bits(&exchange->series[series].touched, &touches->series_count, names + taken,
                           names_max - taken, series);
    }
    while (touches->accounts_count > 0 && taken < names_max) {
        uint32_t account = touches->accounts[touches->accounts_count - 1];
        taken += take_bits(&exchange->accounts[account].touched, &touches->accounts_count,
                           names + taken, names_max - taken, account);
    }
    return taken;
}
