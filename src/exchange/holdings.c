/* holdings: each account's exposures as margin reads them: side by side, in the order of
 * underlying, expiry's slot, strike, kind, with only the numbers that margin needs.
 *
 * An account's holdings lie in a chain of chunks of eight from one pool, always packed: the n-th is
 * in chunk n / 8. They follow the exposures: one comes and goes with its exposure, and every change
 * of a position or of an open sum is copied here. */
#include "exchange/risk.h"

_Static_assert(sizeof(struct tn_holding) == 32, "a chunk is four lines");

/* Margin wants an expiry, and in it a strike, together; expiries it knows by their slots, which a
 * series keeps for life. No number that comes of it depends on which slot that is. */
uint64_t tn_exchange_holding_key(const struct tn_exchange *exchange, uint32_t index)
{
    const struct series *series = &exchange->series[index];
    uint64_t place = (uint64_t)series->underlying << 16 | (uint16_t)series->expiry;
    uint64_t strike = series->id & TN_STRIKE_MAX, kind = series->id >> 51 & 3;
    return place << 38 | strike << 2 | kind;
}

/* Places past an account's count hold no series, so that no guess can mean them. */
static uint32_t take_chunk(struct risk *risk, uint32_t account)
{
    uint32_t chunk = risk->chunks_free;
    if (chunk != TN_NONE) {
        risk->chunks_free = risk->chunk_next[chunk];
    } else {
        TN_ASSERT(risk->chunks_used < risk->chunks_max);
        chunk = risk->chunks_used++;
    }
    risk->chunk_next[chunk] = TN_NONE;
    risk->chunk_account[chunk] = account;
    for (uint32_t i = 0; i < HOLDINGS_PER_CHUNK; i++)
        risk->holdings[(size_t)chunk * HOLDINGS_PER_CHUNK + i].series = TN_NONE;
    return chunk;
}

static struct tn_holding *at(struct risk *risk, const struct guard *guard, uint32_t index)
{
    uint32_t chunk = guard->holdings;
    for (; index >= HOLDINGS_PER_CHUNK; index -= HOLDINGS_PER_CHUNK)
        chunk = risk->chunk_next[chunk];
    return &risk->holdings[(size_t)chunk * HOLDINGS_PER_CHUNK + index];
}

/* Where the holding of a series stands in its account, or the count. */
static uint32_t find(struct risk *risk, const struct guard *guard, uint32_t series)
{
    uint32_t chunk = guard->holdings;
    for (uint32_t i = 0; i < guard->holdings_count; i++) {
        uint32_t within = i % HOLDINGS_PER_CHUNK;
        if (i > 0 && within == 0) chunk = risk->chunk_next[chunk];
        if (risk->holdings[(size_t)chunk * HOLDINGS_PER_CHUNK + within].series == series) return i;
    }
    return guard->holdings_count;
}

/* The holding of an exposure where it was last, or NULL. */
static struct tn_holding *guess(struct risk *risk, const struct exposure *exposure)
{
    uint32_t chunk = exposure->holding / HOLDINGS_PER_CHUNK;
    struct tn_holding *holding = &risk->holdings[exposure->holding];
    if (chunk >= risk->chunks_used || risk->chunk_account[chunk] != exposure->account) return NULL;
    return holding->series == exposure->series ? holding : NULL;
}

static void append_room(struct risk *risk, struct guard *guard, uint32_t account)
{
    if (guard->holdings_count % HOLDINGS_PER_CHUNK == 0) {
        uint32_t chunk = take_chunk(risk, account);
        if (guard->holdings_count == 0) {
            guard->holdings = chunk;
        } else {
            uint32_t last = guard->holdings;
            while (risk->chunk_next[last] != TN_NONE)
                last = risk->chunk_next[last];
            risk->chunk_next[last] = chunk;
        }
    }
    guard->holdings_count++;
}

/* The holding of an exposure that the guess missed, made if there is none. */
static struct tn_holding *place_of(struct tn_exchange *exchange, const struct exposure *exposure)
{
    struct risk *risk = exchange->risk;
    struct guard *guard = &risk->guards[exposure->account];
    uint32_t index = find(risk, guard, exposure->series);
    if (index < guard->holdings_count) return at(risk, guard, index);
    uint64_t key = tn_exchange_holding_key(exchange, exposure->series);
    append_room(risk, guard, exposure->account);
    struct tn_holding *place = at(risk, guard, index);
    for (; index > 0; index--) {
        const struct tn_holding *before = at(risk, guard, index - 1);
        if (tn_exchange_holding_key(exchange, before->series) <= key) break;
        *place = *before;
        place = at(risk, guard, index - 1);
    }
    *place = (struct tn_holding){.series = exposure->series};
    return place;
}

void tn_exchange_hold(struct tn_exchange *exchange, uint32_t exposure_index)
{
    struct risk *risk = exchange->risk;
    struct exposure *exposure = &exchange->exposures[exposure_index];
    struct tn_holding *holding = guess(risk, exposure);
    if (holding == NULL) {
        holding = place_of(exchange, exposure);
        exposure->holding = (uint32_t)(holding - risk->holdings);
    }
    tn_exchange_keep_position(exchange, exposure->account, exposure->series,
                              exposure->position.quantity - holding->quantity);
    *holding = (struct tn_holding){
        .series = exposure->series,
        .quantity = exposure->position.quantity,
        .open_buy = exposure->open[TN_BUY],
        .open_sell = exposure->open[TN_SELL],
    };
}

/* All of an account's at once, of one that has none yet: sorted first, then packed. */
void tn_exchange_hold_all(struct tn_exchange *exchange, uint32_t account)
{
    struct risk *risk = exchange->risk;
    struct guard *guard = &risk->guards[account];
    struct tn_holding *sorted = risk->scratch_holdings;
    uint32_t count = 0, chunk = TN_NONE;
    TN_ASSERT(guard->holdings_count == 0);
    uint32_t slot = exchange->accounts[account].exposures_head;
    for (; slot != TN_NONE; slot = exchange->exposures[slot].account_next) {
        const struct exposure *exposure = &exchange->exposures[slot];
        *tn_exchange_scratch_holding(exchange, sorted, &count, exposure->series) =
            (struct tn_holding){.series = exposure->series,
                                .quantity = exposure->position.quantity,
                                .open_buy = exposure->open[TN_BUY],
                                .open_sell = exposure->open[TN_SELL]};
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t within = i % HOLDINGS_PER_CHUNK;
        if (within == 0) {
            uint32_t before = chunk;
            chunk = take_chunk(risk, account);
            *(before == TN_NONE ? &guard->holdings : &risk->chunk_next[before]) = chunk;
        }
        risk->holdings[(size_t)chunk * HOLDINGS_PER_CHUNK + within] = sorted[i];
    }
    guard->holdings_count = count;
}

void tn_exchange_unhold(struct tn_exchange *exchange, uint32_t exposure_index)
{
    struct risk *risk = exchange->risk;
    const struct exposure *exposure = &exchange->exposures[exposure_index];
    struct guard *guard = &risk->guards[exposure->account];
    uint32_t index = find(risk, guard, exposure->series);
    TN_ASSERT(index < guard->holdings_count);
    for (; index + 1 < guard->holdings_count; index++)
        *at(risk, guard, index) = *at(risk, guard, index + 1);
    at(risk, guard, index)->series = TN_NONE;
    guard->holdings_count--;
    if (guard->holdings_count % HOLDINGS_PER_CHUNK != 0) return;
    uint32_t *link = &guard->holdings;
    while (risk->chunk_next[*link] != TN_NONE)
        link = &risk->chunk_next[*link];
    uint32_t last = *link;
    *link = TN_NONE;
    risk->chunk_next[last] = risk->chunks_free;
    risk->chunks_free = last;
}

uint32_t tn_exchange_copy_holdings(const struct tn_exchange *exchange, struct tn_holding *out,
                                   uint32_t account)
{
    const struct risk *risk = exchange->risk;
    const struct guard *guard = &risk->guards[account];
    uint32_t chunk = guard->holdings;
    for (uint32_t i = 0; i < guard->holdings_count; i += HOLDINGS_PER_CHUNK) {
        memcpy(&out[i], &risk->holdings[(size_t)chunk * HOLDINGS_PER_CHUNK],
               HOLDINGS_PER_CHUNK * sizeof *out);
        chunk = risk->chunk_next[chunk];
    }
    return guard->holdings_count;
}

/* The place of a series in a copied array, made if it is not there. */
struct tn_holding *tn_exchange_scratch_holding(const struct tn_exchange *exchange,
                                               struct tn_holding *holdings, uint32_t *count,
                                               uint32_t series)
{
    uint64_t key = tn_exchange_holding_key(exchange, series);
    uint32_t low = 0, high = *count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (tn_exchange_holding_key(exchange, holdings[middle].series) < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < *count && holdings[low].series == series) return &holdings[low];
    memmove(&holdings[low + 1], &holdings[low], (*count - low) * sizeof *holdings);
    ++*count;
    holdings[low] = (struct tn_holding){.series = series};
    return &holdings[low];
}
