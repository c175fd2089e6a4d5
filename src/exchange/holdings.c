/* holdings: each account's exposures as margin reads them: side by side, in the order of
 * underlying, expiry's slot, strike, kind, with only the numbers that margin needs.
 *
 * An account's holdings lie in a chain of chunks from one pool, always packed: the n-th is in chunk
 * n / HOLDINGS_PER_CHUNK. They follow the exposures: one comes and goes with its exposure, and
 * every change of a position or of an open sum is copied here. Open sums stand apart, by the same
 * places: a sweep reads most accounts' positions, but of those without orders no open sums, as all
 * of them are 0. */
#include "exchange/risk.h"

_Static_assert(sizeof(struct chunk) == 128, "a chunk is two lines");

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
    uint32_t index = risk->chunks_free;
    if (index != TN_NONE) {
        risk->chunks_free = risk->chunks[index].next;
    } else {
        TN_ASSERT(risk->chunks_used < risk->chunks_max);
        index = risk->chunks_used++;
    }
    struct chunk *chunk = &risk->chunks[index];
    chunk->next = TN_NONE;
    chunk->account = account;
    for (uint32_t i = 0; i < HOLDINGS_PER_CHUNK; i++)
        chunk->series[i] = TN_NONE;
    return index;
}

/* ---- Places: the n-th of all chunks ---- */

static struct tn_holding get(const struct risk *risk, uint32_t place)
{
    const struct chunk *chunk = &risk->chunks[place / HOLDINGS_PER_CHUNK];
    return (struct tn_holding){.series = chunk->series[place % HOLDINGS_PER_CHUNK],
                               .quantity = chunk->quantities[place % HOLDINGS_PER_CHUNK],
                               .open_buy = risk->opens[place][TN_BUY],
                               .open_sell = risk->opens[place][TN_SELL]};
}

static void put(struct risk *risk, uint32_t place, const struct tn_holding *holding)
{
    struct chunk *chunk = &risk->chunks[place / HOLDINGS_PER_CHUNK];
    chunk->series[place % HOLDINGS_PER_CHUNK] = holding->series;
    chunk->quantities[place % HOLDINGS_PER_CHUNK] = holding->quantity;
    risk->opens[place][TN_BUY] = holding->open_buy;
    risk->opens[place][TN_SELL] = holding->open_sell;
}

/* Where an account's n-th holding is. */
static uint32_t place_at(const struct risk *risk, const struct guard *guard, uint32_t index)
{
    uint32_t chunk = guard->holdings;
    for (; index >= HOLDINGS_PER_CHUNK; index -= HOLDINGS_PER_CHUNK)
        chunk = risk->chunks[chunk].next;
    return chunk * HOLDINGS_PER_CHUNK + index;
}

/* Which of an account's holdings is of a series, or the count. */
static uint32_t find(const struct risk *risk, const struct guard *guard, uint32_t series)
{
    uint32_t index = guard->holdings;
    for (uint32_t first = 0; first < guard->holdings_count; first += HOLDINGS_PER_CHUNK) {
        const struct chunk *chunk = &risk->chunks[index];
        for (uint32_t i = 0; i < HOLDINGS_PER_CHUNK; i++)
            if (chunk->series[i] == series) return first + i; /* past the last there is none */
        index = chunk->next;
    }
    return guard->holdings_count;
}

/* Is the holding of an exposure where it was last? */
static bool is_there(const struct risk *risk, const struct exposure *exposure)
{
    uint32_t index = exposure->holding / HOLDINGS_PER_CHUNK;
    if (index >= risk->chunks_used) return false;
    const struct chunk *chunk = &risk->chunks[index];
    return chunk->account == exposure->account &&
           chunk->series[exposure->holding % HOLDINGS_PER_CHUNK] == exposure->series;
}

static void append_room(struct risk *risk, struct guard *guard, uint32_t account)
{
    if (guard->holdings_count % HOLDINGS_PER_CHUNK == 0) {
        uint32_t chunk = take_chunk(risk, account);
        if (guard->holdings_count == 0) {
            guard->holdings = chunk;
        } else {
            uint32_t last = guard->holdings;
            while (risk->chunks[last].next != TN_NONE)
                last = risk->chunks[last].next;
            risk->chunks[last].next = chunk;
        }
    }
    guard->holdings_count++;
}

/* The place of an exposure that is not where it was last, made if there is none. */
static uint32_t place_of(struct tn_exchange *exchange, const struct exposure *exposure)
{
    struct risk *risk = exchange->risk;
    struct guard *guard = &risk->guards[exposure->account];
    uint32_t index = find(risk, guard, exposure->series);
    if (index < guard->holdings_count) return place_at(risk, guard, index);
    uint64_t key = tn_exchange_holding_key(exchange, exposure->series);
    append_room(risk, guard, exposure->account);
    uint32_t place = place_at(risk, guard, index);
    for (; index > 0; index--) {
        uint32_t before = place_at(risk, guard, index - 1);
        struct tn_holding holding = get(risk, before);
        if (tn_exchange_holding_key(exchange, holding.series) <= key) break;
        put(risk, place, &holding);
        place = before;
    }
    put(risk, place, &(struct tn_holding){.series = exposure->series});
    return place;
}

static struct tn_holding holding_of(const struct exposure *exposure)
{
    return (struct tn_holding){.series = exposure->series,
                               .quantity = exposure->position.quantity,
                               .open_buy = exposure->open[TN_BUY],
                               .open_sell = exposure->open[TN_SELL]};
}

void tn_exchange_hold(struct tn_exchange *exchange, uint32_t exposure_index)
{
    struct risk *risk = exchange->risk;
    struct exposure *exposure = &exchange->exposures[exposure_index];
    if (!is_there(risk, exposure)) exposure->holding = place_of(exchange, exposure);
    uint32_t place = exposure->holding;
    tn_lots before =
        risk->chunks[place / HOLDINGS_PER_CHUNK].quantities[place % HOLDINGS_PER_CHUNK];
    tn_exchange_keep_position(exchange, exposure->account, exposure->series,
                              exposure->position.quantity - before);
    struct tn_holding holding = holding_of(exposure);
    put(risk, place, &holding);
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
            holding_of(exposure);
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t within = i % HOLDINGS_PER_CHUNK;
        if (within == 0) {
            uint32_t before = chunk;
            chunk = take_chunk(risk, account);
            *(before == TN_NONE ? &guard->holdings : &risk->chunks[before].next) = chunk;
        }
        put(risk, chunk * HOLDINGS_PER_CHUNK + within, &sorted[i]);
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
    tn_exchange_keep_position(exchange, exposure->account, exposure->series, 0);
    uint32_t place = place_at(risk, guard, index);
    for (; index + 1 < guard->holdings_count; index++) {
        uint32_t next = place_at(risk, guard, index + 1);
        struct tn_holding holding = get(risk, next);
        put(risk, place, &holding);
        place = next;
    }
    put(risk, place, &(struct tn_holding){.series = TN_NONE});
    guard->holdings_count--;
    if (guard->holdings_count % HOLDINGS_PER_CHUNK != 0) return;
    uint32_t *link = &guard->holdings;
    while (risk->chunks[*link].next != TN_NONE)
        link = &risk->chunks[*link].next;
    uint32_t last = *link;
    *link = TN_NONE;
    risk->chunks[last].next = risk->chunks_free;
    risk->chunks_free = last;
}

static void copy_opens(struct tn_holding *out, tn_lots (*opens)[2])
{
    for (uint32_t k = 0; k < HOLDINGS_PER_CHUNK; k++) {
        out[k].open_buy = opens[k][TN_BUY];
        out[k].open_sell = opens[k][TN_SELL];
    }
}

/* Whole chunks, what is past the count as well. */
uint32_t tn_exchange_copy_holdings(const struct tn_exchange *exchange, struct tn_holding *out,
                                   uint32_t account)
{
    const struct risk *risk = exchange->risk;
    const struct guard *guard = &risk->guards[account];
    bool has_orders = exchange->accounts[account].orders_count > 0;
    uint32_t index = guard->holdings;
    for (uint32_t i = 0; i < guard->holdings_count; i += HOLDINGS_PER_CHUNK) {
        const struct chunk *chunk = &risk->chunks[index];
        struct tn_holding *place = &out[i];
#pragma GCC unroll 10
        for (int k = 0; k < HOLDINGS_PER_CHUNK; k++) {
            place[k].series = chunk->series[k];
            place[k].quantity = chunk->quantities[k];
            place[k].open_buy = place[k].open_sell = 0;
        }
        if (has_orders) copy_opens(&out[i], &risk->opens[index * HOLDINGS_PER_CHUNK]);
        index = chunk->next;
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
