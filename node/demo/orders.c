/* The demo's commands: what its makers and its taker send.
 *
 * The makers know nothing but marks: they quote around them, one tighter, one with more size, so
 * that both are met. Prices are dollars per BTC and quantities thousandths of a BTC up to here, and
 * ticks and lots of the series from here on. */
#include "demo.h"

static const struct maker {
    int64_t option_ppm; /* half the spread, of the mark */
    int64_t linear_ppm;
    int64_t option_milli, linear_milli; /* size of a side */
} makers[] = {
    [NORTH] = {.option_ppm = 10000, .linear_ppm = 200, .option_milli = 2000, .linear_milli = 2000},
    [SOUTH] = {.option_ppm = 16000, .linear_ppm = 350, .option_milli = 4000, .linear_milli = 4000},
};

enum { FEE_MAX_PPM = 500, GROUP = 1, PPM = 1000000, LADDER_RUNGS = 5 };

tn_ticks demo_ticks(uint64_t series_id, int64_t dollars)
{
    return dollars * 1000000 / demo_contract(series_id)->tick_micros;
}

tn_lots demo_lots(uint64_t series_id, int64_t milli)
{
    int64_t lot_milli = demo_contract(series_id)->lot_micro_units / 1000;
    TN_ASSERT(milli % lot_milli == 0);
    return milli / lot_milli;
}

struct tn_command demo_limit(const char *name, enum tn_side side, int64_t dollars, int64_t milli)
{
    uint64_t id = demo_series(name);
    return (struct tn_command){.kind = TN_COMMAND_PLACE,
                               .as.terms = {{.series_id = id,
                                             .price = demo_ticks(id, dollars),
                                             .quantity = demo_lots(id, milli),
                                             .fee_max_ppm = FEE_MAX_PPM,
                                             .side = (uint8_t)side,
                                             .type = TN_LIMIT,
                                             .tif = TN_GTC}}};
}

struct tn_command demo_market(const char *name, enum tn_side side, int64_t milli)
{
    struct tn_command command = demo_limit(name, side, 0, milli);
    command.as.terms[0].type = TN_MARKET;
    command.as.terms[0].tif = TN_IOC;
    return command;
}

struct tn_command demo_protection(uint32_t trades_limit)
{
    return (struct tn_command){
        .kind = TN_COMMAND_MMP_SET,
        .as.mmp_set = {.interval_ms = 5000, .trades_limit = trades_limit, .group = GROUP}};
}

static struct tn_quote quote_around_mark(const struct maker *maker,
                                         const struct tn_series_view *view)
{
    bool is_option = tn_series_is_option(view->id);
    const struct tn_tick_schedule *schedule = &demo_contract(view->id)->schedule;
    int64_t ppm = is_option ? maker->option_ppm : maker->linear_ppm;
    tn_micros half = view->mark_micros * ppm / PPM + view->micros_per_tick;
    tn_micros low = view->mark_micros - half;
    tn_micros high = view->mark_micros + half;
    tn_lots quantity = demo_lots(view->id, is_option ? maker->option_milli : maker->linear_milli);
    tn_ticks bid = low > 0 ? low / view->micros_per_tick : 0;
    if (bid > 0) bid = tn_tick_floor(schedule, bid);
    tn_ticks ask = (high + view->micros_per_tick - 1) / view->micros_per_tick;
    return (struct tn_quote){.series_id = view->id,
                             .bid_price = bid,
                             .ask_price = tn_tick_ceil(schedule, ask),
                             .bid_quantity = bid > 0 ? quantity : 0,
                             .ask_quantity = quantity};
}

uint32_t demo_quote_all(struct demo *demo, enum demo_account account)
{
    TN_ASSERT(account == NORTH || account == SOUTH);
    uint64_t ids[SERIES_MAX];
    struct tn_quote quotes[SERIES_MAX];
    uint32_t quotes_count = 0;
    uint32_t count = tn_exchange_series_ids(demo->exchange, ids, SERIES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        struct tn_series_view view;
        if (!tn_exchange_series(demo->exchange, &view, ids[i])) continue;
        if (view.status != TN_STATUS_ACTIVE) continue;
        quotes[quotes_count++] = quote_around_mark(&makers[account], &view);
    }
    struct tn_command command = {.kind = TN_COMMAND_MASS_QUOTE,
                                 .as.mass_quote = {.quotes = quotes,
                                                   .quotes_count = quotes_count,
                                                   .fee_max_ppm = FEE_MAX_PPM,
                                                   .group = GROUP,
                                                   .post_only = 1}};
    demo->terse = true;
    demo_frame(demo, account, &command, 1);
    demo->terse = false;
    uint32_t sides_count = (uint32_t)demo_result(demo)->quantity;
    demo_say(demo,
             "    quoted      %-5s  %u sides of %u series in one command, post-only, group %d\n",
             demo_account_name(account), sides_count, quotes_count, GROUP);
    return sides_count;
}

void demo_pull(struct demo *demo, enum demo_account account, uint32_t label)
{
    struct tn_command commands[2] = {
        {.kind = TN_COMMAND_MASS_CANCEL,
         .as.mass_cancel = {.by = TN_BY_UNDERLYING, .underlying = UNDERLYING}},
    };
    uint32_t count = 1;
    if (account == NORTH) {
        commands[0] = (struct tn_command){.kind = TN_COMMAND_MMP_CANCEL, .as.mmp_group = GROUP};
        commands[1] = (struct tn_command){.kind = TN_COMMAND_MASS_CANCEL,
                                          .as.mass_cancel = {.by = TN_BY_LABEL, .label = label}};
        count = 2;
    }
    demo_frame(demo, account, commands, count);
}

void demo_ladder(struct demo *demo, enum demo_account account, const char *name, uint32_t label)
{
    uint64_t id = demo_series(name);
    struct tn_series_view view;
    bool listed = tn_exchange_series(demo->exchange, &view, id);
    TN_ASSERT(listed);
    struct tn_quote inside = quote_around_mark(&makers[account], &view);
    struct tn_command commands[2 * LADDER_RUNGS];
    tn_ticks bid = inside.bid_price, ask = inside.ask_price;
    const struct tn_tick_schedule *schedule = &demo_contract(id)->schedule;
    for (uint32_t i = 0; i < LADDER_RUNGS; i++) {
        bid = tn_tick_floor(schedule, bid - tn_tick_step(schedule, bid));
        ask = tn_tick_ceil(schedule, ask + tn_tick_step(schedule, ask));
        for (uint32_t side = TN_BUY; side <= TN_SELL; side++) {
            struct tn_command *command = &commands[2 * i + side];
            *command = demo_limit(name, (enum tn_side)side, 0, 1000 * (i + 1));
            command->as.terms[0].price = side == TN_BUY ? bid : ask;
            command->as.terms[0].post = TN_POST_REJECT;
            command->as.terms[0].label = label;
        }
    }
    demo->terse = true;
    demo_frame(demo, account, commands, 2 * LADDER_RUNGS);
    demo->terse = false;
    demo_say(demo, "    ladder      %-5s  %d post-only orders behind the quotes of %s, label %u\n",
             demo_account_name(account), 2 * LADDER_RUNGS, name, label);
}
