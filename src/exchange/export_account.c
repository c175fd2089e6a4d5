/* export_account: what the state says of an account: ACCOUNT, POSITIONS, MARGIN and MEMORY.
 *
 * Four records and not one, because they change at different moments: a command changes nonces and
 * results, a fill positions and cash, a MARK what margin says. */
#include "exchange/records_account.h"

size_t tn_exchange_export_account(const struct tn_exchange *exchange, struct writer *writer,
                                  uint32_t index)
{
    const struct account *account = &exchange->accounts[index];
    const int64_t *balances = &exchange->balances[(size_t)index * exchange->limits.assets_max];
    put_bytes(writer, account->owner, TN_OWNER_SIZE);
    put_u32(writer, account->orders_count);
    put_i64(writer, exchange->ledger.cash[index]);
    for (uint32_t i = 1; i < ACCOUNT_ASSETS; i++)
        put_i64(writer, i < exchange->assets_count ? balances[i] : 0);
    put_u64(writer, account->nonce_top);
    put_u64(writer, account->nonce_bits);
    put_u64(writer, account->client_floor);
    TN_ASSERT(writer->used == TN_RECORD_ACCOUNT_SIZE);
    return writer->used;
}

/* ---- Positions ---- */

struct placed {
    uint64_t series_id;
    uint32_t exposure;
};

static void sink(struct placed *placed, uint32_t from, uint32_t count)
{
    struct placed moving = placed[from];
    for (uint32_t child; (child = 2 * from + 1) < count; from = child) {
        if (child + 1 < count && placed[child].series_id < placed[child + 1].series_id) child++;
        if (moving.series_id >= placed[child].series_id) break;
        placed[from] = placed[child];
    }
    placed[from] = moving;
}

static void sort_by_series(struct placed *placed, uint32_t count)
{
    for (uint32_t i = count / 2; i > 0; i--)
        sink(placed, i - 1, count);
    for (uint32_t left = count; left > 1; left--) {
        struct placed last = placed[left - 1];
        placed[left - 1] = placed[0];
        placed[0] = last;
        sink(placed, 0, left - 1);
    }
}

size_t tn_exchange_export_positions(const struct tn_exchange *exchange, struct writer *writer,
                                    uint32_t index)
{
    struct placed placed[EXPOSURES_PER_ACCOUNT_MOST];
    uint32_t count = 0;
    uint32_t slot = exchange->accounts[index].exposures_head;
    for (; slot != TN_NONE; slot = exchange->exposures[slot].account_next) {
        TN_ASSERT(count < EXPOSURES_PER_ACCOUNT_MOST);
        placed[count++] =
            (struct placed){exchange->series[exchange->exposures[slot].series].id, slot};
    }
    sort_by_series(placed, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct exposure *exposure = &exchange->exposures[placed[i].exposure];
        put_u64(writer, placed[i].series_id);
        put_i64(writer, exposure->position.quantity);
        put_i64(writer, exposure->position.cost);
        put_i64(writer, exposure->position.funding_entry);
        put_u64(writer, exposure->joined);
    }
    return writer->used;
}

/* ---- Margin ---- */

/* Its number of the last MARK is said as a flag that only judging changes: a MARK takes the flag
 * from nobody, because none stands when the sweep before it is over. */
static bool is_judged_ahead(const struct risk *risk, uint32_t account)
{
    return risk->sweeping && account >= risk->cursor && risk->guards[account].mark == risk->mark;
}

static bool says_nothing(const struct guard *guard)
{
    return guard->model == TN_MARGIN_PORTFOLIO && guard->liquidation == TN_LIQUIDATION_NONE &&
           !guard->fee_taken && guard->stage_ms == 0 && guard->second_ms == 0 &&
           guard->freed_micros == 0 && guard->received_micros == 0 && guard->paid_micros == 0 &&
           guard->called_until_ms == 0 && guard->interest_ms == 0 && guard->borrowed_micros == 0 &&
           guard->debt_share == 0 && guard->equity == 0 && guard->mm == 0 && guard->m == 0;
}

size_t tn_exchange_export_margin(const struct tn_exchange *exchange, struct writer *writer,
                                 uint32_t index)
{
    if (exchange->risk == NULL) return 0;
    const struct guard *guard = &exchange->risk->guards[index];
    bool is_ahead = is_judged_ahead(exchange->risk, index);
    if (!is_ahead && says_nothing(guard)) return 0;
    put_u8(writer, guard->model);
    put_u8(writer, guard->liquidation);
    put_bool(writer, guard->fee_taken);
    put_bool(writer, is_ahead);
    put_zeros(writer, 4);
    put_i64(writer, guard->stage_ms);
    put_i64(writer, guard->second_ms);
    put_i64(writer, guard->freed_micros);
    put_i64(writer, guard->received_micros);
    put_i64(writer, guard->paid_micros);
    put_i64(writer, guard->called_until_ms);
    put_i64(writer, guard->interest_ms);
    put_i64(writer, guard->borrowed_micros);
    put_i64(writer, guard->debt_share);
    put_i64(writer, guard->equity);
    put_i64(writer, guard->mm);
    put_i64(writer, guard->m);
    TN_ASSERT(writer->used == MARGIN_SIZE);
    return writer->used;
}

/* ---- Memory ---- */

/* As it stands, also of a window that time has closed: so a BLOCK, which only moves time, changes
 * no record of an account. */
static void put_group(struct writer *writer, const struct group *group)
{
    put_u32(writer, group->terms.group);
    put_u32(writer, group->terms.trades_limit);
    put_i64(writer, group->terms.interval_ms);
    put_i64(writer, group->terms.freeze_ms);
    put_i64(writer, group->terms.quantity_limit);
    put_i64(writer, group->terms.delta_limit);
    put_i64(writer, group->terms.vega_limit_micros);
    put_i64(writer, group->window_start);
    put_i64(writer, group->frozen_until);
    put_i64(writer, group->used);
    put_u32(writer, group->trades);
    put_u32(writer, group->filled_mark);
    put_i128(writer, group->delta);
    put_i128(writer, group->vega);
}

/* By number: the list's order says only who came first, and nobody asks. */
static void put_groups(const struct tn_exchange *exchange, struct writer *writer, uint32_t account)
{
    uint32_t slots[256];
    uint32_t count = 0;
    memset(slots, 0xff, sizeof slots);
    uint32_t slot = exchange->accounts[account].groups_head;
    for (; slot != TN_NONE; slot = exchange->groups[slot].next) {
        slots[exchange->groups[slot].terms.group] = slot;
        count++;
    }
    put_u32(writer, count * GROUP_SIZE);
    for (uint32_t number = 1; number < 256 && count > 0; number++) {
        if (slots[number] == TN_NONE) continue;
        put_group(writer, &exchange->groups[slots[number]]);
        count--;
    }
    TN_ASSERT(count == 0);
}

size_t tn_exchange_export_memory(const struct tn_exchange *exchange, struct writer *writer,
                                 uint32_t index)
{
    const struct account *account = &exchange->accounts[index];
    if (account->groups_head == TN_NONE && account->results_count == 0 &&
        account->results_gone == 0) {
        return 0;
    }
    if (account->groups_head == TN_NONE) {
        put_u32(writer, 0);
    } else {
        put_groups(exchange, writer, index);
    }
    put_u64(writer, account->results_gone);
    put_u32(writer, account->results_count);
    uint32_t slot = account->results_head;
    for (uint32_t i = 0; i < account->results_count; i++, slot = exchange->results[slot].next) {
        const struct result *result = &exchange->results[slot];
        put_u64(writer, result->client_id);
        put_u64(writer, result->order_id);
        put_i64(writer, result->quantity);
        put_i64(writer, result->remaining);
        put_u16(writer, result->reject);
    }
    return writer->used;
}
