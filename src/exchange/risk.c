/* risk: the memory of the margin engine and its first values; series and expiries that belong
 * together; the insurance fund's income from outside. */
#include "exchange/feeds.h"

static size_t lay_out_feeds(struct risk *risk, unsigned char *memory, size_t used,
                            const struct tn_exchange_limits *limits)
{
    size_t signers = limits->signers_max;
    size_t expiries = limits->expiries_max;
    size_t size = sizeof(struct stored);
    risk->spot_reports = region(memory, &used, limits->underlyings_max * signers, size);
    risk->stable_reports = region(memory, &used, signers, size);
    risk->forward_reports = region(memory, &used, expiries * signers, size);
    risk->rate_reports = region(memory, &used, expiries * signers, size);
    risk->vol_reports = region(memory, &used, expiries * signers, size);
    risk->surfaces = region(memory, &used, expiries * signers, sizeof *risk->surfaces);
    return used;
}

static size_t lay_out_accounts(struct risk *risk, unsigned char *memory, size_t used,
                               const struct tn_exchange_limits *limits)
{
    size_t accounts = limits->accounts_max;
    risk->chunks_max = limits->exposures_max / HOLDINGS_PER_CHUNK + limits->accounts_max + 1;
    size_t room = (size_t)limits->exposures_per_account_max + CHANGES_MAX +
                  HOLDINGS_PER_CHUNK; /* whole chunks */
    risk->guards = region(memory, &used, accounts, sizeof *risk->guards);
    for (uint32_t i = 0; i < 2; i++) {
        const size_t words = tn_exchange_wound_words(limits->accounts_max, i);
        risk->wound[i] = region(memory, &used, words, sizeof *risk->wound[i]);
    }
    risk->list = region(memory, &used, accounts, sizeof *risk->list);
    risk->chunks = region(memory, &used, risk->chunks_max, sizeof *risk->chunks);
    risk->opens =
        region(memory, &used, (size_t)risk->chunks_max * HOLDINGS_PER_CHUNK, sizeof *risk->opens);
    risk->scratch_holdings = region(memory, &used, room, sizeof *risk->scratch_holdings);
    risk->scratch_filled = region(memory, &used, room, sizeof *risk->scratch_filled);
    size_t orders = (size_t)limits->orders_max + CHANGES_MAX;
    risk->scratch_orders = region(memory, &used, orders, sizeof *risk->scratch_orders);
    risk->scratch_slots = region(memory, &used, orders, sizeof *risk->scratch_slots);
    risk->sums_sets = tn_exchange_sums_sets(limits);
    risk->kept = region(memory, &used, 1, tn_exchange_sums_size(limits));
    risk->cushions = region(memory, &used, accounts, sizeof *risk->cushions);
    risk->worsts = region(memory, &used, limits->series_max, sizeof *risk->worsts);
    risk->scratch_sorted = region(memory, &used, orders, sizeof *risk->scratch_sorted);
    risk->scratch_starts = region(memory, &used, room + 1, sizeof *risk->scratch_starts);
    risk->scratch_places = region(memory, &used, limits->series_max, sizeof *risk->scratch_places);
    risk->scratch_notes =
        region(memory, &used, limits->underlyings_max, sizeof *risk->scratch_notes);
    risk->scratch_candidates = region(memory, &used, orders, sizeof *risk->scratch_candidates);
    return used;
}

size_t tn_exchange_risk_lay_out(struct risk *risk, unsigned char *memory, size_t used,
                                const struct tn_exchange_limits *limits)
{
    size_t series = limits->series_max;
    size_t underlyings = limits->underlyings_max;
    size_t expiries = limits->expiries_max;
    risk->expiries = region(memory, &used, expiries, sizeof *risk->expiries);
    risk->underlyings = region(memory, &used, underlyings, sizeof *risk->underlyings);
    risk->rows = region(memory, &used, series, sizeof *risk->rows);
    risk->rows_scratch = region(memory, &used, series, sizeof *risk->rows_scratch);
    risk->price_scratch = region(memory, &used, series, sizeof *risk->price_scratch);
    risk->mark_scratch = region(memory, &used, series, sizeof *risk->mark_scratch);
    risk->series_scratch = region(memory, &used, series, sizeof *risk->series_scratch);
    risk->margin_series = region(memory, &used, series, sizeof *risk->margin_series);
    risk->margin_expiries = region(memory, &used, expiries, sizeof *risk->margin_expiries);
    risk->margin_underlyings = region(memory, &used, underlyings, sizeof *risk->margin_underlyings);
    risk->briefs.series = region(memory, &used, series, sizeof *risk->briefs.series);
    risk->briefs.underlyings = region(memory, &used, underlyings, sizeof *risk->briefs.underlyings);
    used = lay_out_feeds(risk, memory, used, limits);
    return lay_out_accounts(risk, memory, used, limits);
}

void tn_exchange_risk_init(struct tn_exchange *exchange)
{
    exchange->risk->chunks_free = TN_NONE;
    exchange->risk->sums_epoch = 1;
    exchange->risk->list_root = TN_NONE;
    tn_exchange_feeds_init(exchange);
}

bool tn_exchange_expiry_fits(const struct tn_exchange *exchange, uint16_t underlying, uint16_t day)
{
    for (uint32_t i = 0; i < exchange->limits.expiries_max; i++) {
        const struct expiry *expiry = &exchange->risk->expiries[i];
        if (!expiry->used || (expiry->underlying == underlying && expiry->day == day)) return true;
    }
    return false;
}

void tn_exchange_join_expiry(struct tn_exchange *exchange, uint32_t slot)
{
    struct series *series = &exchange->series[slot];
    uint16_t day = tn_series_expiry_day(series->id);
    uint32_t index = tn_exchange_open_expiry(exchange, series->underlying, day);
    TN_ASSERT(index != TN_NONE);
    struct expiry *expiry = &exchange->risk->expiries[index];
    series->expiry = index;
    uint32_t *link = &expiry->series_head;
    while (*link != TN_NONE)
        link = &exchange->series[*link].expiry_next;
    *link = slot;
    tn_exchange_touch_feeds_expiry(exchange, index, FEEDS_SERIES);
    expiry->series_count++;
    int64_t lag_ms = exchange->risk->parameters.lag_ms;
    if (expiry->day == 0) {
        exchange->risk->underlyings[series->underlying].perpetual = slot;
    } else if (expiry->expiry_ms - lag_ms < series->closing_at_ms) {
        series->closing_at_ms = expiry->expiry_ms - lag_ms;
    }
}

enum tn_reject tn_exchange_insure(struct tn_exchange *exchange, const struct tn_entry *entry)
{
    tn_micros amount = entry->as.insure.amount;
    if (exchange->risk == NULL) return TN_REJECT_RISK_OFF;
    if (amount < 1 || amount > INT64_C(1) << 50) return TN_REJECT_AMOUNT_RANGE;
    if (-exchange->ledger.house[TN_HOUSE_EXTERNAL] > TN_DEPOSITS_MAX - amount) {
        return TN_REJECT_MONEY_RANGE;
    }
    tn_exchange_pay(exchange, TN_PARTY_HOUSE(TN_HOUSE_EXTERNAL), TN_PARTY_HOUSE(TN_HOUSE_INSURANCE),
                    amount);
    struct tn_event *event = emit(exchange, TN_EVENT_INSURANCE);
    event->account = TN_NONE;
    event->money = -amount;
    return TN_REJECT_NONE;
}
