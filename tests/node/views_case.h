/* views_case: a chain whose first market has traded, for what is told and asked about it.
 *
 * Two traders with sessions: a perpetual, a call and a put; trades, an iceberg, a stop, resting
 * orders on both sides. A test makes blocks go on with batches of its own. */
#ifndef VIEWS_CASE_H
#define VIEWS_CASE_H

#include "../unit/replica/chain_story.h"
#include "tenor/stateview.h"

enum { MARKET = 1, PLACE = 0, SERIES_DAY = 2550 };

static uint64_t story_call, story_put;

static inline struct tn_exchange *story_exchange(void)
{
    return tn_market_exchange(tn_chain_market(cc.chain, PLACE));
}

/* Commands of one trader in one frame and batch, executed at once. */
static inline void story_send(uint32_t trader, const struct tn_command *commands, uint32_t count)
{
    static uint8_t payload[TN_PAYLOAD_BYTES_MAX];
    const struct tn_stream_item item =
        cc_frame(payload, PLACE, trader, cc.leaders[PLACE].term, commands, count);
    cc_make_batch(PLACE, 100, &item, 1);
    cc_pass(BLOCK_MS);
}

static inline void story_limit(uint32_t trader, enum tn_side side, uint64_t series, tn_ticks price,
                               tn_lots quantity)
{
    const struct tn_command command = cc_limit(side, series, price, quantity);
    story_send(trader, &command, 1);
}

static inline void story_list(uint64_t series)
{
    const struct tn_mark mark = usual_mark(series, OPTION_MARK);
    cc_govern(MARKET, list_entry(series));
    cc_govern(MARKET, marks_entry(&mark, 1));
    cc_govern(MARKET, status_entry(series, TN_STATUS_ACTIVE));
}

static inline void story_open(void)
{
    open_trading(PLACE);
    story_call = option_of(TN_CALL, SERIES_DAY, 100000);
    story_put = option_of(TN_PUT, SERIES_DAY, 100000);
    story_list(story_call);
    story_list(story_put);
    cc_pass(BLOCK_MS);
    cc_make_batch(PLACE, 100, NULL, 0);
    cc_pass(BLOCK_MS);
}

static inline void story_trade(void)
{
    struct tn_command commands[4];
    story_limit(0, TN_BUY, PERP, 99900, 5);
    story_limit(1, TN_SELL, PERP, 100100, 4);
    story_limit(1, TN_SELL, PERP, 99900, 2); /* trades */
    story_limit(0, TN_BUY, story_call, 900, 10);
    story_limit(1, TN_SELL, story_call, 900, 3); /* trades */
    commands[0] = cc_limit(TN_SELL, story_put, 1100, 9);
    commands[0].as.terms[0].display = 4;
    commands[0].client_id = 11;
    commands[1] = cc_limit(TN_BUY, PERP, 99800, 1);
    commands[1].as.terms[0].label = 5;
    commands[2] = cc_limit(TN_SELL, PERP, 99500, 1);
    commands[2].as.terms[0].trigger = 99000;
    commands[3] = cc_limit(TN_BUY, story_put, 1000, 2);
    story_send(0, commands, 3);
    story_send(1, &commands[3], 1);
}

#endif
