/* watch: who is asked before an account is read, so that a block can be executed where only some
 * accounts are there (export.h, "Some accounts only").
 *
 * What changes an account asks in touch.c, where its first mark is made. Here is what reads
 * accounts that no entry names: walks over the holders of a series, and over everybody. Whether the
 * holders that are there are all there are is known from sums: absent positions on one side cannot
 * cancel out, so the long ones must be the open interest, and the short ones as much. While a
 * series pays out its sums tell nothing: then its holders are known whole from when it began, or
 * everybody is asked for. */
#include "exchange/feeds.h"

void tn_exchange_watch(struct tn_exchange *exchange, const struct tn_exchange_watch *watch)
{
    TN_ASSERT(watch == NULL || watch->need != NULL);
    exchange->watch = watch;
    exchange->whole_series = TN_NONE;
}

void tn_exchange_need_all(const struct tn_exchange *exchange)
{
    if (exchange->watch == NULL) return;
    for (uint32_t i = 0; i < exchange->accounts_count; i++)
        tn_exchange_need_account(exchange, i);
}

void tn_exchange_need_named(const struct tn_exchange *exchange)
{
    if (exchange->watch == NULL) return;
    for (uint32_t i = 0; i < exchange->accounts_count; i++) {
        if (exchange->accounts[i].orders_count > 0) tn_exchange_need_account(exchange, i);
    }
    for (uint32_t i = 0; i < exchange->jobs_count; i++)
        tn_exchange_need_account(exchange, exchange->jobs[i].account);
    for (uint32_t i = 0; exchange->risk != NULL && i < exchange->risk->list_count; i++)
        tn_exchange_need_account(exchange, exchange->risk->list[i].account);
    if (exchange->funding_begun && exchange->funding_cursor != TN_NONE) {
        const struct exposure *exposure = &exchange->exposures[exchange->funding_cursor];
        tn_exchange_need_account(exchange, exposure->account);
    }
}

void tn_exchange_need_holders(struct tn_exchange *exchange, uint32_t index)
{
    if (exchange->watch == NULL || exchange->whole_series == index) return;
    const struct series *series = &exchange->series[index];
    tn_i128 longs = 0, shorts = 0;
    uint32_t slot = series->exposures_head;
    for (; slot != TN_NONE; slot = exchange->exposures[slot].series_next) {
        const struct exposure *exposure = &exchange->exposures[slot];
        tn_exchange_need_account(exchange, exposure->account);
        *(exposure->position.quantity > 0 ? &longs : &shorts) += exposure->position.quantity;
    }
    if (longs != series->open_interest || shorts != -longs) tn_exchange_need_all(exchange);
    exchange->whole_series = index;
}
