/* What the maker hears, and which part of it is told in what order: connections first, then what
 * the series are worth, what it holds (softly before finally), what it has said. */
#include "mm/mm.h"

enum { SAY_MS = 1000 };

/* Tickers of what is in no chain. */
static void subscribe(struct mm *mm)
{
    uint64_t ids[TN_CLIENT_SERIES_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < mm->series_count && count < TN_CLIENT_SERIES_MAX; i++) {
        if (!tn_series_is_option(mm->series[i].id)) ids[count++] = mm->series[i].id;
    }
    if (count == 0) return;
    (void)tn_client_subscribe(mm->client, MM_TAG_MARKS, 0, TN_CHANNEL_TICKER, ids, count, 0);
}

static void take_logged_on(struct mm *mm, const struct tn_news_logged_on *told)
{
    mm->account = told->account;
    mm->is_ready = false;
    mm->has_positions = false;
    mm->account_asked_ms = 0;
    mm_market_begin(mm);
    mm_inventory_ask(mm);
}

static void take_connection(struct mm *mm, const struct tn_client_news *news)
{
    if (news->kind == TN_NEWS_LOGGED_ON) take_logged_on(mm, &news->as.logged_on);
    if (news->kind == TN_NEWS_DISCONNECTED) {
        mm->is_ready = false;
        if (mm->is_ended) return;
        mm_say("node %u: %s", news->as.disconnected.node, news->as.disconnected.why);
        mm->figures.reconnects += !news->as.disconnected.is_moving;
        /* What rested is being cancelled by the standby frame, or dies with the node's last words:
         * on the next connection all is said anew. */
        mm_quote_forget(mm);
        if (news->as.disconnected.retry_ms < 0) mm->end = END_FAILED;
    }
    if (news->kind == TN_NEWS_ERROR && mm->now_ms - mm->said_ms >= SAY_MS) {
        mm->said_ms = mm->now_ms;
        mm_say("the node refused: %s (%u)", news->as.error.text, news->as.error.code);
    }
}

void mm_heard(void *context, const struct tn_client_news *news)
{
    struct mm *mm = context;
    if (news->kind == TN_NEWS_FRAME) mm_clock(mm);
    take_connection(mm, news);
    mm_market_heard(mm, news);
    mm_soft_heard(mm, news);
    mm_inventory_heard(mm, news);
    mm_quote_heard(mm, news);
    if (!mm->is_ready && mm->has_series && mm->has_positions && mm->account != TN_NONE &&
        tn_client_state(mm->client) == TN_CLIENT_LOGGED_ON) {
        mm->is_ready = true;
        subscribe(mm);
        if (mm->options.take_ms == 0) mm_quote_begin(mm);
    }
}
