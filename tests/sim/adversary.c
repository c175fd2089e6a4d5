/* adversary: somebody with capital who trades to trigger the liquidations of others, and then to
 * profit from them. Under the shipped parameters no strategy may gain after its costs.
 *
 * Spot is what the feeds say and cannot be traded, so the lever is the perpetual: its mark leaves
 * spot by an average premium of the book, at most half a percent. The adversary has two accounts
 * under two owners (a premium needs two), clears the makers' side of the book in every block,
 * leaves far orders of its own for the impact price to rest on, and waits for accounts that stand a
 * hair above maintenance margin: victims of one side, placed there on purpose, the best case for
 * it. What is liquidated it catches with resting orders at the limit that slices accept, or by bids
 * in the auction. Then it waits until the premium is gone, closes everything against the makers,
 * and counts: what both accounts own in the end less what they brought.
 *
 * usage: adversary [--full] [--set PARAMETER VALUE]...
 *
 * Without --full: what is best for it: standard victims, large beside a thin book, and the last
 * word in every block. --set tries other parameters.
 */
#include "risk_stream.h"
#include "sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAKERS = 4,
    VICTIMS = 5,
    PPM = 1000000,
    PUSH_BLOCKS = 600,
    HALF_SPREAD_PPM = 200,
    QUANTITY_MOST = 10000 /* of one order */
};
#define DOLLARS(n) ((n)*RISK_DOLLAR)
#define CAPITAL    DOLLARS(40000000)

/* What it does. */
enum strategy {
    PUSH_AND_CATCH, /* far orders hold the impact price, orders near the limit catch the slices */
    PUSH_NEAR,      /* the catching orders hold the impact price themselves */
    PUSH_AND_BID,   /* waits for the auction, and takes shares of it */
    PRESSURE,       /* trades only: sells through the book as deep as bands go */
    STRATEGIES
};
static const char *const NAMES[STRATEGIES] = {"push and catch slices", "push with near orders",
                                              "push and bid", "selling pressure alone"};

struct attack {
    enum strategy strategy;
    bool down;         /* the victims are long; else short, and everything is mirrored */
    bool portfolio;    /* the victims' model */
    bool makers_last;  /* makers refill after the adversary's turn, or before */
    tn_micros depth;   /* of the makers, per side */
    tn_micros victims; /* notional, together */
};

static struct tn_risk parameters;

struct scene {
    struct sim sim;
    const struct attack *attack;
    uint64_t perp;
    uint32_t maker, dealer, victim, adversary; /* first of each */
};

static enum tn_side toward(const struct attack *attack) /* the side that moves the mark */
{
    return attack->down ? TN_SELL : TN_BUY;
}
static enum tn_side against(const struct attack *attack)
{
    return attack->down ? TN_BUY : TN_SELL;
}

static tn_ticks spot_ticks(const struct scene *scene)
{
    return scene->sim.spot[0] / RISK_DOLLAR;
}

/* A price so many ppm from spot, in the direction in which the adversary wants the mark. */
static tn_ticks away(const struct scene *scene, int64_t ppm)
{
    tn_ticks spot = spot_ticks(scene);
    return spot + tn_ppm_floor(spot, scene->attack->down ? -ppm : ppm);
}

static tn_lots lots_of(const struct scene *scene, tn_micros value)
{
    return value / (scene->sim.spot[0] / 100);
}

static const struct tn_event *order(struct scene *scene, uint32_t account, enum tn_side side,
                                    tn_ticks price, tn_lots quantity, enum tn_tif tif)
{
    struct tn_command command = {.kind = TN_COMMAND_PLACE};
    command.as.terms[0] = (struct tn_order_terms){.series_id = scene->perp,
                                                  .price = price,
                                                  .quantity = quantity,
                                                  .fee_max_ppm = PPM,
                                                  .side = (uint8_t)side,
                                                  .tif = (uint8_t)tif,
                                                  .stp = TN_STP_CANCEL_MAKER};
    return sim_send(&scene->sim, account, &command);
}

static void cancel_all(struct scene *scene, uint32_t account)
{
    struct tn_command command = {.kind = TN_COMMAND_MASS_CANCEL};
    sim_send(&scene->sim, account, &command);
}

/* ---- The others ---- */

/* Makers know what spot is and quote around it. */
static void refill(struct scene *scene)
{
    for (uint32_t i = 0; i < MAKERS; i++) {
        tn_ticks spot = spot_ticks(scene);
        tn_ticks half = tn_ppm_floor(spot, HALF_SPREAD_PPM * (2 + (int64_t)i) / 2);
        tn_lots size = lots_of(scene, scene->attack->depth / MAKERS);
        const struct tn_quote quote = {.series_id = scene->perp,
                                       .bid_price = spot - half,
                                       .ask_price = spot + half,
                                       .bid_quantity = size,
                                       .ask_quantity = size};
        struct tn_command command = {.kind = TN_COMMAND_MASS_QUOTE};
        command.as.mass_quote = (struct tn_mass_quote){
            .quotes = &quote, .quotes_count = 1, .fee_max_ppm = PPM, .post_only = 1};
        sim_send(&scene->sim, scene->maker + i, &command);
    }
}

static void open_victim(struct scene *scene, uint32_t victim)
{
    const struct attack *attack = scene->attack;
    struct tn_command command = {.kind = TN_COMMAND_BLOCK_TRADE};
    struct tn_block_trade *block = &command.as.block_trade;
    *block = (struct tn_block_trade){.legs_count = 1,
                                     .counterparty = scene->dealer + victim - scene->victim,
                                     .counterparty_nonce = ++scene->sim.nonce,
                                     .expires_ms = INT64_MAX,
                                     .fee_max_ppm = PPM};
    block->legs[0] = (struct tn_leg){.series_id = scene->perp,
                                     .price = spot_ticks(scene),
                                     .quantity = lots_of(scene, attack->victims / VICTIMS),
                                     .side = (uint8_t)against(attack)};
    enum tn_reject reject = (enum tn_reject)sim_send(&scene->sim, victim, &command)->reject;
    if (reject != TN_REJECT_NONE) fprintf(stderr, "%s\n", tn_reject_name(reject));
    sim_expect(&scene->sim, reject == TN_REJECT_NONE, "a victim could not open its position");
    struct tn_command withdraw = {.kind = TN_COMMAND_WITHDRAW};
    struct tn_account_risk_view view = sim_risk(&scene->sim, victim);
    withdraw.as.money.amount = view.margin.m - 1;
    sim_send(&scene->sim, victim, &withdraw);
}

/* Spot moves against the victims until a fifth of the most that a push can do would fail them. */
static void corner_victims(struct scene *scene)
{
    struct sim *sim = &scene->sim;
    tn_micros near =
        tn_ppm_floor(scene->attack->victims / VICTIMS, parameters.premium_most_ppm / 5);
    for (uint32_t i = 0; i < 2000; i++) {
        if (sim_risk(sim, scene->victim).margin.mm < 2 * near) break;
        sim->spot[0] += tn_ppm_floor(sim->spot[0], scene->attack->down ? -100 : 100);
        sim_block(sim, 1000);
        sim_sweep(sim);
        refill(scene);
    }
    struct tn_account_risk_view view = sim_risk(sim, scene->victim);
    sim_expect(sim, view.margin.mm >= 0 && view.liquidation == TN_LIQUIDATION_NONE,
               "a victim failed before the attack");
}

static void open_scene(struct scene *scene, const struct attack *attack)
{
    struct tn_exchange_limits limits;
    struct sim *sim = &scene->sim;
    *scene = (struct scene){.attack = attack};
    risk_stream_limits(&limits);
    sim_open(sim, &limits, &parameters);
    scene->perp = risk_market_series(RISK_BTC, TN_PERPETUAL, 0, 0);
    sim_list(sim, scene->perp);
    for (uint16_t number = 1; number <= RISK_UNDERLYINGS; number++) {
        for (uint32_t i = 0; i < SIM_EXPIRIES; i++)
            sim_list(sim, risk_market_series(number, TN_FUTURE, sim->days[i], 0));
    }
    scene->maker = 0;
    for (uint32_t i = 0; i < MAKERS; i++)
        sim_account(sim, 1 + i, TN_MARGIN_PORTFOLIO, DOLLARS(500000000));
    scene->dealer = MAKERS;
    for (uint32_t i = 0; i < VICTIMS; i++)
        sim_account(sim, 50 + i, TN_MARGIN_PORTFOLIO, DOLLARS(500000000));
    scene->victim = scene->dealer + VICTIMS;
    uint8_t model = attack->portfolio ? TN_MARGIN_PORTFOLIO : TN_MARGIN_STANDARD;
    for (uint32_t i = 0; i < VICTIMS; i++)
        sim_account(sim, 100 + i, model, attack->victims / VICTIMS / 2);
    scene->adversary = scene->victim + VICTIMS;
    sim_account(sim, 200, TN_MARGIN_PORTFOLIO, CAPITAL);
    sim_account(sim, 201, TN_MARGIN_PORTFOLIO, CAPITAL);
    sim_block(sim, 1000);
    sim_sweep(sim);
    for (uint32_t i = 0; i < VICTIMS; i++)
        open_victim(scene, scene->victim + i);
    refill(scene);
    corner_victims(scene);
}

/* ---- The adversary ---- */

static tn_lots position(const struct scene *scene, uint32_t account)
{
    return tn_exchange_position(scene->sim.exchange, account, scene->perp).quantity;
}

/* Far orders of both owners: the impact price rests on them once the makers are gone. */
static void leave_far_orders(struct scene *scene)
{
    /* as far as a sample counts */
    tn_ticks far = away(scene, parameters.premium_most_ppm * 98 / 100);
    tn_lots lots = lots_of(scene, DOLLARS(120000));
    for (uint32_t i = 0; i < 2; i++)
        order(scene, scene->adversary + i, against(scene->attack), far, lots, TN_GTC);
}

static void clear_makers(struct scene *scene, int64_t ppm)
{
    order(scene, scene->adversary, toward(scene->attack), away(scene, ppm),
          lots_of(scene, 2 * scene->attack->depth), TN_IOC);
}

/* Orders where slices will be sold: at the band's edge of the mark that the push leads to. */
static void catch_slices(struct scene *scene, int64_t ppm)
{
    tn_lots lots = lots_of(scene, scene->attack->victims) / 2 + 1;
    if (lots > QUANTITY_MOST) lots = QUANTITY_MOST;
    for (uint32_t i = 0; i < 2; i++) {
        cancel_all(scene, scene->adversary + i);
        order(scene, scene->adversary + i, against(scene->attack), away(scene, ppm), lots, TN_GTC);
    }
}

static uint32_t in_liquidation(const struct scene *scene)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < VICTIMS; i++)
        count += sim_risk(&scene->sim, scene->victim + i).liquidation != TN_LIQUIDATION_NONE;
    return count;
}

static void bid_for_victims(struct scene *scene)
{
    for (uint32_t i = 0; i < VICTIMS; i++) {
        struct tn_account_risk_view view = sim_risk(&scene->sim, scene->victim + i);
        if (view.liquidation < TN_LIQUIDATION_AUCTION) continue;
        struct tn_command command = {.kind = TN_COMMAND_BID};
        command.as.bid = (struct tn_bid){.account = scene->victim + i,
                                         .state = view.liquidation,
                                         .share_ppb = 1000000000,
                                         .price_most = INT64_MAX};
        sim_send(&scene->sim, scene->adversary + 1, &command);
    }
}

/* One block of the push. The mark's distance from spot decides when to stand ready. */
static void push(struct scene *scene, uint32_t turn)
{
    enum strategy strategy = scene->attack->strategy;
    struct tn_underlying_risk_view view;
    sim_expect(&scene->sim, tn_exchange_underlying_risk(scene->sim.exchange, &view, RISK_BTC),
               "no such underlying");
    tn_micros premium = view.premium_micros < 0 ? -view.premium_micros : view.premium_micros;
    int64_t moved_ppm = tn_mul_div_floor(premium, PPM, scene->sim.spot[0]);
    if (!scene->attack->makers_last) refill(scene);
    if (strategy == PRESSURE) {
        clear_makers(scene, 9000);
        return;
    }
    if (strategy == PUSH_NEAR) {
        if (turn % 10 == 0) catch_slices(scene, parameters.premium_most_ppm * 98 / 100);
    } else if (turn == 0) {
        leave_far_orders(scene);
    }
    clear_makers(scene, 4000);
    if (strategy == PUSH_AND_CATCH && moved_ppm * 10 >= parameters.premium_most_ppm * 5) {
        /* a slice of standard victims gives up this part of what it frees: their requirement */
        int64_t given_ppm =
            tn_ppm_floor(parameters.standard_perp_mm_ppm, parameters.slice_base_ppm);
        catch_slices(scene, parameters.premium_most_ppm + given_ppm * 9 / 10);
    };
    if (strategy == PUSH_AND_BID) bid_for_victims(scene);
}

static void block(struct scene *scene, int64_t ms)
{
    sim_block(&scene->sim, ms);
    sim_sweep(&scene->sim);
    for (uint32_t i = 0; i < 4; i++)
        sim_liquidate(&scene->sim, 64);
}

/* Closes what both accounts hold against the makers, a book's depth per block. */
static void unwind(struct scene *scene)
{
    for (uint32_t i = 0; i < 2; i++)
        cancel_all(scene, scene->adversary + i);
    for (uint32_t i = 0; i < 120; i++) {
        block(scene, 1000);
        refill(scene);
    }
    for (uint32_t turn = 0; turn < 20000; turn++) {
        bool flat = true;
        for (uint32_t i = 0; i < 2; i++) {
            tn_lots held = position(scene, scene->adversary + i);
            if (held == 0) continue;
            flat = false;
            tn_ticks spot = spot_ticks(scene);
            order(scene, scene->adversary + i, held > 0 ? TN_SELL : TN_BUY,
                  spot + tn_ppm_floor(spot, held > 0 ? -4000 : 4000), held > 0 ? held : -held,
                  TN_IOC);
        }
        if (flat) return;
        block(scene, 100);
        refill(scene);
    }
    sim_expect(&scene->sim, false, "the adversary could not close its positions");
}

struct outcome {
    tn_micros gain;
    uint64_t liquidated;
    uint32_t push_blocks;
    tn_micros traded;
};

static void run(struct outcome *outcome, const struct attack *attack)
{
    static struct scene scene;
    open_scene(&scene, attack);
    tn_micros before = sim_risk(&scene.sim, scene.adversary).margin.equity +
                       sim_risk(&scene.sim, scene.adversary + 1).margin.equity;
    uint32_t turn = 0, seen = 0, calm = 0;
    for (; turn < PUSH_BLOCKS && calm < 80; turn++) {
        push(&scene, turn);
        if (attack->makers_last) refill(&scene);
        block(&scene, 100);
        uint32_t now = in_liquidation(&scene);
        seen |= now;
        calm = seen && now == 0 ? calm + 1 : 0;
        if (attack->strategy == PRESSURE && turn == 100) break;
    }
    unwind(&scene);
    *outcome =
        (struct outcome){.gain = sim_risk(&scene.sim, scene.adversary).margin.equity +
                                 sim_risk(&scene.sim, scene.adversary + 1).margin.equity - before,
                         .liquidated = scene.sim.stats.liquidated,
                         .push_blocks = turn,
                         .traded = scene.sim.stats.slice_value};
    sim_close(&scene.sim);
}

static void print_row(const struct attack *attack, const struct outcome *outcome)
{
    printf("%-24s %-5s %-9s %-7s %10" PRId64 " %10" PRId64 " %8u %8" PRIu64 " %12.0f %14.2f%s\n",
           NAMES[attack->strategy], attack->down ? "down" : "up",
           attack->portfolio ? "portfolio" : "standard", attack->makers_last ? "last" : "first",
           attack->depth / RISK_DOLLAR, attack->victims / RISK_DOLLAR, outcome->push_blocks,
           outcome->liquidated, (double)outcome->traded / 1e6, (double)outcome->gain / 1e6,
           outcome->gain > 0 ? "  GAINS" : "");
}

static bool set_parameter(const char *name, const char *value)
{
    for (uint32_t field = 0; field < TN_RISK_FIELDS_COUNT; field++) {
        if (strcmp(tn_risk_field_info(field)->name, name) != 0) continue;
        *tn_risk_field(&parameters, field) = strtoll(value, NULL, 0);
        return true;
    }
    return false;
}

static bool read_options(bool *full, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--full") == 0) {
            *full = true;
        } else if (strcmp(argv[i], "--set") == 0 && i + 2 < argc) {
            if (!set_parameter(argv[i + 1], argv[i + 2])) return false;
            i += 2;
        } else {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    static const int64_t DEPTHS[3] = {20000, 200000, 2000000};
    static const int64_t SIZES[3] = {500000, 5000000, 20000000};
    struct tn_scenario unread[TN_SCENARIOS_MAX];
    uint32_t unread_count, gains = 0;
    bool full = false;
    tn_risk_default(&parameters, unread, &unread_count);
    if (!read_options(&full, argc, argv)) {
        fprintf(stderr, "usage: adversary [--full] [--set PARAMETER VALUE]...\n");
        return 2;
    }
    printf("%-24s %-5s %-9s %-7s %10s %10s %8s %8s %12s %14s\n", "strategy", "side", "victims",
           "makers", "depth $", "victims $", "blocks", "failed", "slices $", "gain $");
    for (uint32_t i = 0; i < STRATEGIES * 2 * 2 * 2 * 9; i++) {
        const struct attack attack = {.strategy = (enum strategy)(i / 72),
                                      .down = i / 36 % 2 == 0,
                                      .portfolio = i / 18 % 2 == 1,
                                      .makers_last = i / 9 % 2 == 1,
                                      .depth = DOLLARS(DEPTHS[i / 3 % 3]),
                                      .victims = DOLLARS(SIZES[i % 3])};
        struct outcome outcome;
        bool best = !attack.portfolio && !attack.makers_last && i / 3 % 3 < 2 && i % 3 > 0;
        if (!full && !best) continue;
        run(&outcome, &attack);
        gains += outcome.gain > 0;
        print_row(&attack, &outcome);
    }
    if (gains > 0) fprintf(stderr, "%u attacks gain after costs\n", gains);
    return gains > 0 ? 1 : 0;
}
