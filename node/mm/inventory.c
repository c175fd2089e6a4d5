/* What the maker holds: positions as told, then moved by the account's stream; soft.c knows what is
 * not final yet.
 *
 * The answer to a question about the account names the block that it is of; trades of later blocks
 * are added. Every few seconds the node is asked again, so a mistake would not live long. */
#include "mm/mm.h"

enum { ACCOUNT_MS = 5000 };

void mm_inventory_ask(struct mm *mm)
{
    if (mm->account_asked_ms != 0 && mm->now_ms - mm->account_asked_ms < ACCOUNT_MS) return;
    const struct tn_question question = {.kind = TN_ASK_ACCOUNT, .account = mm->account};
    if (tn_client_ask(mm->client, MM_TAG_ACCOUNT, &question) == TN_CLIENT_OK) {
        mm->account_asked_ms = mm->now_ms;
    }
}

static void take_state(struct mm *mm, const struct tn_account_state *state)
{
    /* The stream is ahead of it: the next answer will do. */
    if (mm->has_positions && state->block < mm->positions_block) return;
    for (uint32_t i = 0; i < mm->series_count; i++)
        mm->series[i].position = 0;
    for (uint32_t i = 0; i < state->positions_count; i++) {
        struct mm_series *series = mm_market_find(mm, state->positions[i].series_id);
        if (series != NULL) series->position = state->positions[i].quantity;
    }
    mm->equity_micros = state->equity_micros;
    mm->free_micros = state->free_micros;
    mm->positions_block = state->block;
    mm->has_positions = true;
    mm->has_changed = true;
}

/* Of an order of ours that was on that side: what is left of it. */
static void take_remaining(struct mm_series *series, uint8_t side, tn_ticks price,
                           tn_lots remaining)
{
    if (side == TN_BUY && series->bid == price) series->bid_quantity = remaining;
    if (side == TN_SELL && series->ask == price) series->ask_quantity = remaining;
}

static void take_trade(struct mm *mm, const struct tn_account_event *told)
{
    const struct tn_event *event = &told->event;
    struct mm_series *series = mm_market_find(mm, event->series_id);
    if (series == NULL) return;
    bool is_new = told->at.block > mm->positions_block;
    tn_lots bought = event->side == TN_BUY ? event->quantity : -event->quantity;
    if (event->account == mm->account) {
        if (is_new) series->position += bought;
        if (!mm_soft_final(mm, event->order_id, series->id, bought))
            take_remaining(series, event->side, event->price, event->remaining);
    }
    if (event->other_account == mm->account) {
        if (is_new) series->position -= bought;
        if (!mm_soft_final(mm, event->other_order_id, series->id, -bought))
            take_remaining(series, event->side == TN_BUY ? TN_SELL : TN_BUY, event->price,
                           event->other_remaining);
    }
    mm->figures.trades++;
    mm->figures.volume += (uint64_t)event->quantity;
    mm->has_changed = true;
}

void mm_inventory_heard(struct mm *mm, const struct tn_client_news *news)
{
    if (news->kind == TN_NEWS_ACCOUNT_STATE) {
        take_state(mm, &news->as.account_state);
        return;
    }
    if (news->kind != TN_NEWS_ACCOUNT) return;
    const struct tn_event *event = &news->as.account.event;
    if (event->kind == TN_EVENT_TRADE) take_trade(mm, &news->as.account);
    if (event->kind == TN_EVENT_SETTLED || event->kind == TN_EVENT_SEIZED ||
        event->kind == TN_EVENT_DELEVERAGED) {
        mm->account_asked_ms = 0; /* positions have changed otherwise than by trades */
    }
}

void mm_inventory_sum(struct mm *mm)
{
    mm->delta_units = mm->vega_micros = 0;
    for (uint32_t i = 0; i < mm->series_count; i++) {
        const struct mm_series *series = &mm->series[i];
        double units = (double)(series->position + series->soft) / (double)series->lots_per_unit;
        mm->delta_units += units * series->delta;
        mm->vega_micros += units * series->vega;
    }
}
