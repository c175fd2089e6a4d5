/* slots: expiries of underlyings, and the slot of each perpetual, in a table that margin indexes.
 *
 * A slot is taken when a series is listed there, or before, when a signer reports a feed of a day
 * that the listing rules name. It is given back when its last series is settled. The slots of an
 * underlying are linked by day, so whatever walks expiries walks them as a chain is read. */
#include "exchange/feeds.h"

uint32_t tn_exchange_find_expiry(const struct tn_exchange *exchange, uint16_t underlying,
                                 uint16_t day)
{
    const struct risk *risk = exchange->risk;
    TN_ASSERT(underlying < exchange->underlyings_count);
    uint32_t slot = risk->underlyings[underlying].expiries_head;
    while (slot != TN_NONE && risk->expiries[slot].day < day)
        slot = risk->expiries[slot].next;
    return slot != TN_NONE && risk->expiries[slot].day == day ? slot : TN_NONE;
}

uint32_t tn_exchange_next_expiry(const struct tn_exchange *exchange, uint32_t slot)
{
    const struct risk *risk = exchange->risk;
    uint32_t underlying = 0;
    if (slot != TN_NONE) {
        if (risk->expiries[slot].next != TN_NONE) return risk->expiries[slot].next;
        underlying = risk->expiries[slot].underlying + 1u;
    }
    for (; underlying < exchange->underlyings_count; underlying++) {
        uint32_t head = risk->underlyings[underlying].expiries_head;
        if (head != TN_NONE) return head;
    }
    return TN_NONE;
}

static uint32_t free_slot(const struct tn_exchange *exchange)
{
    for (uint32_t i = 0; i < exchange->limits.expiries_max; i++) {
        if (!exchange->risk->expiries[i].used) return i;
    }
    return TN_NONE;
}

/* The link that leads to the first slot of the underlying at or after the day. */
static uint32_t *link_to(struct risk *risk, uint16_t underlying, uint16_t day)
{
    uint32_t *link = &risk->underlyings[underlying].expiries_head;
    while (*link != TN_NONE && risk->expiries[*link].day < day)
        link = &risk->expiries[*link].next;
    return link;
}

uint32_t tn_exchange_open_expiry(struct tn_exchange *exchange, uint16_t underlying, uint16_t day)
{
    struct risk *risk = exchange->risk;
    uint32_t slot = tn_exchange_find_expiry(exchange, underlying, day);
    if (slot != TN_NONE) return slot;
    slot = free_slot(exchange);
    if (slot == TN_NONE) return TN_NONE;
    uint32_t *link = link_to(risk, underlying, day);
    int64_t expiry_ms = TN_EPOCH_2020_MS + day * TN_MS_PER_DAY + TN_EXPIRY_TIME_OF_DAY;
    struct reading none = {.freshness = TN_STALE};
    risk->expiries[slot] = (struct expiry){
        .underlying = underlying,
        .day = day,
        .used = true,
        .freshness = TN_STALE,
        .freshness_linear = TN_STALE,
        .expiry_ms = day == 0 ? INT64_MAX : expiry_ms,
        .forward = none,
        .vol = none,
        .rate = none,
        .integrated_until_ms = exchange->time_ms,
        .series_head = TN_NONE,
        .next = *link,
    };
    *link = slot;
    tn_exchange_touch_feeds_expiries(exchange);
    size_t signers = exchange->limits.signers_max;
    memset(&risk->forward_reports[slot * signers], 0, signers * sizeof(struct stored));
    memset(&risk->vol_reports[slot * signers], 0, signers * sizeof(struct stored));
    memset(&risk->rate_reports[slot * signers], 0, signers * sizeof(struct stored));
    memset(&risk->surfaces[slot * signers], 0, signers * sizeof(struct tn_surface));
    return slot;
}

void tn_exchange_close_expiry(struct tn_exchange *exchange, uint32_t slot)
{
    struct risk *risk = exchange->risk;
    struct expiry *expiry = &risk->expiries[slot];
    TN_ASSERT(expiry->used && expiry->day != 0);
    uint32_t index = expiry->series_head;
    while (index != TN_NONE) {
        struct series *series = &exchange->series[index];
        tn_exchange_touch_series(exchange, index, TOUCH_ROWS); /* margin reads it no more */
        TN_ASSERT(series->status == TN_STATUS_SETTLED);
        index = series->expiry_next;
        series->expiry = TN_NONE;
        series->expiry_next = TN_NONE;
    }
    tn_exchange_touch_feeds_expiries(exchange);
    uint32_t *link = link_to(risk, expiry->underlying, expiry->day);
    TN_ASSERT(*link == slot);
    *link = expiry->next;
    *expiry = (struct expiry){.series_head = TN_NONE, .next = TN_NONE};
}
