/* rank: in which order deleveraging takes the holders of one side of a series (risk.md,
 * Deleveraging): for deleverage.c, which takes them, and for who looks on. The formula stands here
 * and nowhere else, so what is told is what is done. */
#include "tenor/riskview.h"

#include "exchange/hot.h"
#include "exchange/risk.h"

int64_t tn_exchange_rank_at(const struct tn_exchange *exchange, const struct exposure *exposure)
{
    const struct guard *guard = &exchange->risk->guards[exposure->account];
    tn_micros mark = exchange->series[exposure->series].mark;
    tn_i128 gain = (tn_i128)exposure->position.quantity * mark - exposure->position.cost;
    tn_micros requirement = guard->equity - guard->mm;
    if (gain <= 0 || requirement <= 0) return 0;
    if (guard->equity <= 0) return INT64_MAX;
    tn_i128 rank = gain * requirement / guard->equity;
    return rank > INT64_MAX ? INT64_MAX : (int64_t)rank;
}

bool tn_exchange_rank(const struct tn_exchange *exchange, int64_t *rank, uint32_t account,
                      uint64_t series_id)
{
    uint32_t series = tn_exchange_find_series(exchange, series_id);
    if (exchange->risk == NULL || series == TN_NONE || account >= exchange->accounts_count) {
        return false;
    }
    uint32_t slot = tn_exchange_find_exposure(exchange, account, series);
    if (slot == TN_NONE || exchange->exposures[slot].position.quantity == 0) return false;
    *rank = tn_exchange_rank_at(exchange, &exchange->exposures[slot]);
    return true;
}

uint32_t tn_exchange_holders(const struct tn_exchange *exchange, struct tn_holder *holders,
                             uint32_t *count, uint32_t exposures_most, uint64_t series_id)
{
    uint32_t series = tn_exchange_find_series(exchange, series_id);
    *count = 0;
    if (exchange->risk == NULL || series == TN_NONE ||
        exchange->series[series].exposures_count > exposures_most) {
        return 0;
    }
    uint32_t slot = exchange->series[series].exposures_head;
    for (; slot != TN_NONE; slot = exchange->exposures[slot].series_next) {
        const struct exposure *exposure = &exchange->exposures[slot];
        if (exposure->position.quantity == 0) continue;
        TN_ASSERT(*count < exposures_most);
        holders[(*count)++] = (struct tn_holder){.rank = tn_exchange_rank_at(exchange, exposure),
                                                 .account = exposure->account,
                                                 .is_short = exposure->position.quantity < 0};
    }
    return exchange->series[series].exposures_count;
}
