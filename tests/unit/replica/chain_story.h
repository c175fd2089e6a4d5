/* chain_story: what the stories about chains share: a market that trades, and what they expect. */
#ifndef CHAIN_STORY_H
#define CHAIN_STORY_H

#include "chain_case.h"

static const uint64_t PERP = UINT64_C(1) << 53;

/* Everything that a market needs before anybody trades, as items of the next block. */
static inline void give_market(uint32_t market)
{
    const struct tn_mark mark = usual_mark(PERP, 100000 * TICK);
    cc_govern(market,
              (struct tn_entry){.kind = TN_ENTRY_UNDERLYING, .as.underlying = usual_underlying()});
    cc_govern(market, index_entry(1, 100000 * DOLLAR));
    cc_govern(market, list_entry(PERP));
    cc_govern(market, marks_entry(&mark, 1));
    cc_govern(market, status_entry(PERP, TN_STATUS_ACTIVE));
    for (uint32_t i = 0; i < 2; i++)
        cc_open_account(market, i);
}

/* Sessions and cash; accounts are open when they are executed. */
static inline void give_traders(uint32_t market)
{
    for (uint32_t i = 0; i < 2; i++) {
        cc_open_session(market, i);
        cc_deposit(market, i, START_CASH);
    }
}

/* One market that two traders may use, everything executed and consumed. */
static inline void open_trading(uint32_t place)
{
    give_market(place + 1);
    cc_pass(BLOCK_MS);
    cc_make_batch(place, 100, NULL, 0);
    give_traders(place + 1);
    cc_pass(BLOCK_MS);
    cc_make_batch(place, 100, NULL, 0);
    cc_pass(BLOCK_MS);
    assert_int_equal(
        tn_exchange_accounts_count(tn_market_exchange(tn_chain_market(cc.chain, place))), 2);
    assert_int_equal(cc.differences_count, 0);
}

/* A batch of one order. */
static inline struct pool_batch *order(uint32_t place, uint32_t trader, enum tn_side side,
                                       tn_ticks price, tn_lots quantity)
{
    static uint8_t payload[TN_PAYLOAD_BYTES_MAX];
    const struct tn_command command = cc_limit(side, PERP, price, quantity);
    const struct tn_stream_item item =
        cc_frame(payload, place, trader, cc.leaders[place].term, &command, 1);
    return cc_make_batch(place, 100, &item, 1);
}

static inline tn_lots position(uint32_t place, uint32_t account)
{
    return tn_exchange_position(tn_market_exchange(tn_chain_market(cc.chain, place)), account, PERP)
        .quantity;
}

static inline void expect_verdict(const struct line_block *made, enum tn_chain_verdict verdict,
                                  const char *what)
{
    assert_int_equal(cc_judge(made, true), verdict);
    if (what != NULL) assert_string_equal(cc.fault.what, what);
}

/* Another header for the same body. */
static inline struct line_block changed(const struct line_block *made)
{
    struct line_block other = *made;
    cc_hash(&other);
    return other;
}

/* A block of exactly these batches and items, good or not; an honest one's header otherwise. */
static inline struct line_block craft(struct pool_batch *const *batches, uint32_t batches_count,
                                      struct pool_item *const *items, uint32_t items_count)
{
    struct line_block made = cc_build(BLOCK_MS);
    struct tn_body_builder builder;
    uint8_t bytes[1 << 14];
    made.header.l1_cursor = cc.line_count > 0 ? cc.line[cc.line_count - 1].header.l1_cursor
                                              : tn_chain_heads(cc.chain)->block.l1_cursor;
    tn_stream_body_begin(&builder, made.body, BODY_ROOM);
    for (uint32_t i = 0; i < batches_count; i++)
        assert_true(tn_stream_body_add_batch(&builder, &batches[i]->batch.digest));
    for (uint32_t i = 0; i < items_count; i++) {
        assert_true(items[i]->size < sizeof bytes);
        bytes[0] = items[i]->kind;
        memcpy(bytes + 1, items[i]->bytes, items[i]->size);
        assert_true(tn_stream_body_add_item(&builder, bytes, items[i]->size + 1, 1));
        if (items[i]->kind == TN_ITEM_DEPOSIT) made.header.l1_cursor++;
    }
    tn_stream_body_end(&made.header, &builder);
    made.header.flags = made.header.body_size == 0 ? TN_BLOCK_EMPTY : 0;
    cc_hash(&made);
    return made;
}

/* Crafts a block, judges it, and throws it away. */
static inline void expect_crafted(struct pool_batch *const *batches, uint32_t batches_count,
                                  struct pool_item *const *items, uint32_t items_count,
                                  enum tn_chain_verdict verdict, const char *what)
{
    struct line_block made = craft(batches, batches_count, items, items_count);
    expect_verdict(&made, verdict, what);
    free(made.body);
}

static inline void expect_item(struct pool_item *item, enum tn_chain_verdict verdict,
                               const char *what)
{
    expect_crafted(NULL, 0, &item, 1, verdict, what);
}

#endif
