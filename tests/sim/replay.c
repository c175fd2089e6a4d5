/* The crash: replay.h. Positions come by block trades between traders and a few dealers with deep
 * pockets, so that the makers' books hold only what the crash brings them. */
#include "replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAKERS = 10,
    DEALERS = 16,
    STRIKES = 8,
    SERIES_MAX = RISK_UNDERLYINGS * (1 + SIM_EXPIRIES * (1 + 2 * STRIKES)),
    PPM = 1000000,
    LOAD_HALVES_MS = 5000,
    PUSH_HALVES_MS = 10000,
    PUSH_MOST_PPM = 250000,
    CALM_BLOCKS_MAX = 800
};
#define DOLLARS(n) ((n)*RISK_DOLLAR)

struct replay {
    struct sim sim;
    const struct replay_options *options;
    struct replay_result *result;
    uint64_t random;
    uint64_t series[SERIES_MAX];
    uint32_t series_count;
    uint32_t makers, dealers, bidders, traders; /* first of each */
    int64_t stress_ppm;                         /* how far the crash has come */
    tn_micros path[RISK_UNDERLYINGS];           /* spot without what slices do to it */
    int64_t push_ppm[RISK_UNDERLYINGS];         /* what they do, and that is half gone in a while */
    int64_t passed_ms;                          /* since makers quoted last */
    tn_lots held[MAKERS][SERIES_MAX], loaded[MAKERS][SERIES_MAX];
    struct tn_quote quotes[SERIES_MAX];
};

static uint64_t below(struct replay *replay, uint64_t bound)
{
    return tn_random_below(&replay->random, bound);
}

/* ---- The market ---- */

static void list_underlying(struct replay *replay, uint16_t number)
{
    struct sim *sim = &replay->sim;
    uint64_t *next = &replay->series[replay->series_count];
    *next++ = risk_market_series(number, TN_PERPETUAL, 0, 0);
    for (uint32_t e = 0; e < SIM_EXPIRIES; e++) {
        *next++ = risk_market_series(number, TN_FUTURE, sim->days[e], 0);
        for (uint64_t k = 0; k < STRIKES; k++) {
            uint64_t strike = (uint64_t)(sim->spot[number - 1] / RISK_DOLLAR) * (5 + k) / 10;
            *next++ = risk_market_series(number, TN_CALL, sim->days[e], strike);
            *next++ = risk_market_series(number, TN_PUT, sim->days[e], strike);
        }
    }
    uint32_t count = (uint32_t)(next - replay->series);
    for (uint32_t i = replay->series_count; i < count; i++)
        sim_list(sim, replay->series[i]);
    replay->series_count = count;
}

/* A position has a bound, so many failed accounts need many bidders. */
static uint32_t bidders_for(uint32_t accounts)
{
    return 4 + accounts / 100;
}

static void limits_for(struct tn_exchange_limits *limits, uint32_t accounts)
{
    tn_exchange_limits_default(limits);
    limits->accounts_max = accounts + MAKERS + DEALERS + bidders_for(accounts);
    limits->underlyings_max = RISK_UNDERLYINGS;
    limits->series_max = 2 * SERIES_MAX;
    limits->orders_max = limits->levels_max = 4096;
    limits->exposures_max = 8 * accounts + 40 * SERIES_MAX;
    limits->exposures_per_account_max = 2 * SERIES_MAX;
    limits->results_max = 1024;
    limits->groups_max = MAKERS;
    limits->commands_per_frame_max = 2;
    limits->fills_max = 64;
    limits->sweep_units_max = 8192;
    limits->expiries_max = 16;
    limits->signers_max = SIM_SIGNERS;
}

static void set_protection(struct replay *replay, uint32_t maker)
{
    struct tn_command command = {.kind = TN_COMMAND_MMP_SET};
    command.as.mmp_set = (struct tn_mmp_set){.interval_ms = 1000,
                                             .freeze_ms = 200,
                                             .quantity_limit = 3000 * replay->options->depth,
                                             .group = 1};
    sim_expect(&replay->sim, sim_send(&replay->sim, maker, &command)->reject == TN_REJECT_NONE,
               "a maker's protection was refused");
}

static void open_house(struct replay *replay)
{
    struct sim *sim = &replay->sim;
    uint64_t owner = 1;
    replay->makers = tn_exchange_accounts_count(sim->exchange);
    for (uint32_t i = 0; i < MAKERS; i++)
        sim_account(sim, owner++, TN_MARGIN_PORTFOLIO, DOLLARS(30000000));
    replay->dealers = tn_exchange_accounts_count(sim->exchange);
    for (uint32_t i = 0; i < DEALERS; i++)
        sim_account(sim, owner++, TN_MARGIN_PORTFOLIO, DOLLARS(900000000));
    replay->bidders = tn_exchange_accounts_count(sim->exchange);
    for (uint32_t i = 0; i < bidders_for(replay->options->accounts); i++)
        sim_account(sim, owner++, TN_MARGIN_PORTFOLIO,
                    DOLLARS(40000) * (500 + (int64_t)replay->options->accounts));
    for (uint32_t i = 0; i < MAKERS; i++)
        set_protection(replay, replay->makers + i);
    replay->traders = tn_exchange_accounts_count(sim->exchange);
    struct tn_entry insure = {.kind = TN_ENTRY_INSURE};
    insure.as.insure.amount = DOLLARS(50) * replay->options->accounts;
    sim_apply(sim, &insure);
}

/* ---- Quotes ---- */

/* What a maker has taken on in a series of late: what it was sold, less what it has got rid of
 * elsewhere since, half of it in LOAD_HALVES_MS. */
static tn_lots load_of(struct replay *replay, uint32_t maker, uint32_t i)
{
    tn_lots held =
        tn_exchange_position(replay->sim.exchange, replay->makers + maker, replay->series[i])
            .quantity;
    tn_lots *loaded = &replay->loaded[maker][i];
    *loaded = *loaded * LOAD_HALVES_MS / (LOAD_HALVES_MS + replay->passed_ms);
    *loaded += held - replay->held[maker][i];
    replay->held[maker][i] = held;
    return *loaded;
}

/* Each maker stands a little farther out than the one before; under stress all stand wider and
 * smaller. Who is loaded asks to be relieved: its middle goes by half a spread for each size that
 * it has taken on, and it takes on less. */
static void quote_series(struct replay *replay, uint32_t maker, uint32_t i)
{
    uint64_t id = replay->series[i];
    int64_t wider = 1 + 4 * replay->stress_ppm / PPM;
    tn_ticks middle = sim_mark_ticks(&replay->sim, id);
    int64_t part_ppm = tn_series_is_option(id) ? 15000 : 200;
    tn_ticks half = 1 + tn_ppm_floor(middle, part_ppm * (1 + maker) * wider);
    tn_lots most = (tn_series_is_option(id) ? 40 : 300) * (tn_lots)replay->options->depth;
    tn_lots size = 1 + most * (PPM - replay->stress_ppm * 8 / 10) / PPM;
    tn_lots load = load_of(replay, maker, i);
    middle -= tn_mul_div_floor(half, load, most);
    tn_lots eased = 1 + size * most / (most + (load < 0 ? -load : load));
    bool bids = middle - half >= 1;
    tn_ticks ask = middle + half >= 1 ? middle + half : 1;
    replay->quotes[i] = (struct tn_quote){.series_id = id,
                                          .bid_price = bids ? middle - half : 1,
                                          .ask_price = ask + !bids,
                                          .bid_quantity = !bids      ? 0
                                                          : load > 0 ? eased
                                                                     : size,
                                          .ask_quantity = load < 0 ? eased : size};
}

static void quote(struct replay *replay, uint32_t maker)
{
    struct sim *sim = &replay->sim;
    for (uint32_t i = 0; i < replay->series_count; i++)
        quote_series(replay, maker, i);
    struct tn_command command = {.kind = TN_COMMAND_MASS_QUOTE};
    command.as.mass_quote = (struct tn_mass_quote){.quotes = replay->quotes,
                                                   .quotes_count = replay->series_count,
                                                   .fee_max_ppm = PPM,
                                                   .group = 1,
                                                   .post_only = 1};
    sim_send(sim, replay->makers + maker, &command); /* a frozen or short maker stays out */
}

/* ---- Traders ---- */

/* What a trader holds: up to two legs in one underlying, in lots per unit of size. */
struct shape {
    struct tn_leg legs[2];
    uint32_t legs_count;
};

static struct tn_leg leg_of(struct replay *replay, uint16_t number, enum tn_series_kind kind,
                            uint64_t tenths, enum tn_side side)
{
    struct sim *sim = &replay->sim;
    uint16_t day = kind == TN_PERPETUAL ? 0 : sim->days[below(replay, SIM_EXPIRIES)];
    uint64_t strike = (uint64_t)(risk_market_spot(number) / RISK_DOLLAR) * tenths / 10;
    if (kind < TN_CALL) strike = 0;
    return (struct tn_leg){.series_id = risk_market_series(number, kind, day, strike),
                           .side = (uint8_t)side};
}

static void make_shape(struct replay *replay, struct shape *shape)
{
    uint16_t number = below(replay, 3) == 0 ? RISK_ETH : RISK_BTC;
    struct tn_leg *legs = shape->legs;
    shape->legs_count = 1;
    switch (below(replay, 12)) {
        case 0:
        case 1:
        case 2: legs[0] = leg_of(replay, number, TN_PERPETUAL, 0, TN_BUY); return;
        case 3: legs[0] = leg_of(replay, number, TN_PERPETUAL, 0, TN_SELL); return;
        case 4: legs[0] = leg_of(replay, number, TN_FUTURE, 0, TN_BUY); return;
        case 5: legs[0] = leg_of(replay, number, TN_PUT, 8 + below(replay, 2), TN_SELL); return;
        case 6: legs[0] = leg_of(replay, number, TN_CALL, 11, TN_SELL); return;
        case 7: legs[0] = leg_of(replay, number, TN_CALL, 10, TN_BUY); return;
        case 8: legs[0] = leg_of(replay, number, TN_PUT, 10, TN_BUY); return;
        case 9: /* a put spread sold */
            legs[0] = leg_of(replay, number, TN_PUT, 9, TN_SELL);
            legs[1] = legs[0];
            legs[1].series_id =
                risk_market_series(number, TN_PUT, tn_series_expiry_day(legs[0].series_id),
                                   (uint64_t)(risk_market_spot(number) / RISK_DOLLAR) * 7 / 10);
            legs[1].side = TN_BUY;
            break;
        case 10: /* a straddle sold */
            legs[0] = leg_of(replay, number, TN_CALL, 10, TN_SELL);
            legs[1] = leg_of(replay, number, TN_PUT, 10, TN_SELL);
            if (legs[1].series_id == legs[0].series_id) return;
            break;
        default: /* a perpetual bought, calls sold against it */
            legs[0] = leg_of(replay, number, TN_PERPETUAL, 0, TN_BUY);
            legs[1] = leg_of(replay, number, TN_CALL, 11, TN_SELL);
            break;
    }
    shape->legs_count = 2;
}

/* Takes as many lots of the shape as the leverage names, or the most that margin admits of it
 * halved until it passes. */
static void take_position(struct replay *replay, uint32_t trader, tn_micros capital)
{
    struct sim *sim = &replay->sim;
    struct shape shape;
    make_shape(replay, &shape);
    tn_micros unit = risk_market_spot(tn_series_underlying(shape.legs[0].series_id)) /
                     (tn_series_underlying(shape.legs[0].series_id) == RISK_BTC ? 100 : 10);
    tn_lots lots = capital / unit * (int64_t)(1 + below(replay, 20));
    for (; lots > 0; lots /= 2) {
        struct tn_command command = {.kind = TN_COMMAND_BLOCK_TRADE};
        struct tn_block_trade *block = &command.as.block_trade;
        *block = (struct tn_block_trade){.legs_count = shape.legs_count,
                                         .counterparty =
                                             replay->dealers + (uint32_t)below(replay, DEALERS),
                                         .counterparty_nonce = ++sim->nonce,
                                         .expires_ms = INT64_MAX,
                                         .fee_max_ppm = PPM};
        for (uint32_t i = 0; i < shape.legs_count; i++) {
            block->legs[i] = shape.legs[i];
            block->legs[i].quantity = lots;
            block->legs[i].price = sim_mark_ticks(sim, shape.legs[i].series_id);
            if (block->legs[i].price < 1) block->legs[i].price = 1;
        }
        if (sim_send(sim, trader, &command)->reject == TN_REJECT_NONE) return;
    }
}

static void open_traders(struct replay *replay)
{
    struct sim *sim = &replay->sim;
    for (uint32_t i = 0; i < replay->options->accounts; i++) {
        tn_micros capital = DOLLARS(3000) << below(replay, 7);
        if (i % 50 == 7) capital = DOLLARS(2000000) << below(replay, 3); /* whales */
        bool standard = below(replay, 3) == 0;
        bool in_btc = below(replay, 8) == 0;
        uint32_t trader = sim_account(sim, 1000 + i, standard, in_btc ? capital / 4 : capital);
        if (in_btc) sim_deposit(sim, trader, 1, capital / 100000); /* of a BTC, at 100 000 */
    }
    sim_block(sim, 100);
    sim_sweep(sim);
    for (uint32_t i = 0; i < replay->options->accounts; i++) {
        struct tn_account_risk_view view = sim_risk(sim, replay->traders + i);
        take_position(replay, replay->traders + i, view.margin.equity);
        if (below(replay, 3) == 0) {
            take_position(replay, replay->traders + i, view.margin.equity / 2);
        }
    }
}

/* ---- Blocks ---- */

/* Nobody was skipped: every account below maintenance margin is in liquidation. */
static void check_judged(struct replay *replay)
{
    struct sim *sim = &replay->sim;
    uint32_t count = tn_exchange_accounts_count(sim->exchange);
    for (uint32_t i = 0; i < count; i++) {
        struct tn_account_risk_view view = sim_risk(sim, i);
        replay->result->judged++;
        if (view.margin.mm >= 0 || view.liquidation != TN_LIQUIDATION_NONE) continue;
        if (view.margin.equity == 0) continue; /* insurance has just paid for it */
        fprintf(stderr, "account %u, model %u: E %" PRId64 ", MM %" PRId64 "\n", i, view.model,
                view.margin.equity, view.margin.mm);
        sim_expect(sim, false, "an account below maintenance margin was skipped");
    }
}

/* Bidders take what they can of the accounts in auction. */
static uint32_t bid(struct replay *replay)
{
    struct sim *sim = &replay->sim;
    uint32_t waiting = 0;
    for (uint32_t i = 0; i < replay->options->accounts + replay->traders; i++) {
        struct tn_account_risk_view view = sim_risk(sim, i);
        if (view.liquidation == TN_LIQUIDATION_NONE) continue;
        waiting++;
        if (view.liquidation != TN_LIQUIDATION_AUCTION &&
            view.liquidation != TN_LIQUIDATION_INSOLVENT) {
            continue;
        }
        if (below(replay, 4) != 0) continue; /* they do not see everything at once */
        struct tn_command command = {.kind = TN_COMMAND_BID};
        command.as.bid = (struct tn_bid){.account = i,
                                         .state = view.liquidation,
                                         .share_ppb = 1000000000,
                                         .price_most = INT64_MAX};
        sim_send(sim,
                 replay->bidders + (uint32_t)below(replay, bidders_for(replay->options->accounts)),
                 &command);
    }
    return waiting;
}

/* Makers sell elsewhere what slices sold to them, so spot goes with it, and comes back. */
static void push_spot(struct replay *replay, int64_t ms)
{
    struct sim *sim = &replay->sim;
    for (uint16_t u = 0; u < RISK_UNDERLYINGS; u++) {
        int64_t *push = &replay->push_ppm[u];
        *push = *push * PUSH_HALVES_MS / (PUSH_HALVES_MS + ms);
        *push += tn_mul_div_floor(sim->forced[u], replay->options->impact_ppm, DOLLARS(1000000));
        if (*push > PUSH_MOST_PPM) *push = PUSH_MOST_PPM;
        if (*push < -PUSH_MOST_PPM) *push = -PUSH_MOST_PPM;
        sim->forced[u] = 0;
        sim->spot[u] = replay->path[u] + tn_ppm_floor(replay->path[u], *push);
    }
}

/* One block, everything that comes with it; how many accounts are in liquidation after it. */
static uint32_t block(struct replay *replay, int64_t ms)
{
    struct sim *sim = &replay->sim;
    replay->passed_ms = ms;
    push_spot(replay, ms);
    if (ms > 1000) { /* feeds would be late: only commands that lower risk pass then */
        sim_block(sim, ms - 100);
        sim_sweep(sim);
        check_judged(replay);
        ms = 100;
    }
    sim_block(sim, ms);
    sim_sweep(sim);
    check_judged(replay);
    for (uint32_t maker = 0; maker < MAKERS; maker++)
        quote(replay, maker);
    for (uint32_t i = 0; i < 8; i++)
        sim_liquidate(sim, 512);
    return bid(replay);
}

static tn_micros sum_equity(const struct replay *replay)
{
    tn_micros sum = 0;
    for (uint32_t i = 0; i < replay->options->accounts; i++)
        sum += sim_risk(&replay->sim, replay->traders + i).margin.equity;
    return sum;
}

static void fall(struct replay *replay)
{
    struct sim *sim = &replay->sim;
    uint32_t blocks = replay->options->blocks;
    for (uint32_t i = 1; i <= blocks; i++) {
        replay->stress_ppm = (int64_t)PPM * i / blocks;
        for (uint16_t u = 0; u < RISK_UNDERLYINGS; u++) {
            tn_micros start = risk_market_spot((uint16_t)(u + 1));
            replay->path[u] = start - tn_mul_div_floor(start * 4 / 10, i, blocks);
        }
        sim->vol_ppm = 500000 + 700000 * (int64_t)i / blocks;
        block(replay, 100);
    }
}

/* The auctions that do not end, and what a bidder is told who would take all. */
static void show_waiting(struct replay *replay)
{
    struct sim *sim = &replay->sim;
    for (uint32_t i = 0; i < replay->options->accounts + replay->traders; i++) {
        struct tn_account_risk_view view = sim_risk(sim, i);
        if (view.liquidation == TN_LIQUIDATION_NONE) continue;
        struct tn_command command = {.kind = TN_COMMAND_BID};
        command.as.bid = (struct tn_bid){.account = i,
                                         .state = view.liquidation,
                                         .share_ppb = 1000000000,
                                         .price_most = INT64_MAX};
        const struct tn_event *result = sim_send(sim, replay->bidders, &command);
        fprintf(stderr, "account %u, stage %u: E %" PRId64 ", MM %" PRId64 ", a bid: %s\n", i,
                view.liquidation, view.margin.equity, view.margin.mm,
                tn_reject_name((enum tn_reject)result->reject));
    }
}

/* Until nobody is in liquidation: seconds first, then minutes. */
static void calm_down(struct replay *replay)
{
    struct sim *sim = &replay->sim;
    uint32_t waiting = 1, blocks = 0;
    for (; waiting > 0; blocks++) {
        if (blocks == CALM_BLOCKS_MAX) show_waiting(replay);
        sim_expect(sim, blocks < CALM_BLOCKS_MAX, "a liquidation does not end");
        if (replay->stress_ppm > 0) replay->stress_ppm -= PPM / 100;
        if (sim->vol_ppm > 800000) sim->vol_ppm -= 2000;
        waiting = block(replay, blocks < 50 ? 100 : blocks < 150 ? 1000 : 10000);
    }
    replay->result->calm_blocks = blocks;
}

void replay_run(struct replay_result *result, const struct replay_options *options)
{
    static struct replay replay;
    struct tn_exchange_limits limits;
    struct tn_risk risk;
    struct tn_scenario unread[TN_SCENARIOS_MAX];
    uint32_t unread_count;
    memset(result, 0, sizeof(*result));
    replay = (struct replay){.options = options, .result = result, .random = options->seed};
    tn_risk_default(&risk, unread, &unread_count);
    risk.feed_signers_min = 2;
    if (options->caps_off) {
        risk.slice_cap_micros = tn_risk_field_info(TN_RISK_slice_cap_micros)->most;
        risk.slice_cap_ppm = tn_risk_field_info(TN_RISK_slice_cap_ppm)->most;
    }
    limits_for(&limits, options->accounts);
    sim_open(&replay.sim, &limits, &risk);
    memcpy(replay.path, replay.sim.spot, sizeof(replay.path));
    list_underlying(&replay, RISK_BTC);
    list_underlying(&replay, RISK_ETH);
    open_house(&replay);
    open_traders(&replay);
    result->traders_before = sum_equity(&replay);
    for (uint32_t i = 0; i < 5; i++)
        block(&replay, 100);
    fall(&replay);
    calm_down(&replay);
    tn_exchange_check(replay.sim.exchange);
    result->traders = options->accounts;
    result->traders_after = sum_equity(&replay);
    for (uint32_t i = 0; i < options->accounts; i++)
        result->ruined += sim_risk(&replay.sim, replay.traders + i).margin.equity <= 0;
    result->stats = replay.sim.stats;
    result->digest = tn_exchange_digest(replay.sim.exchange);
    sim_close(&replay.sim);
}
