/* A market in a process: sim.h. */
#include "sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sim_expect(const struct sim *sim, bool condition, const char *what)
{
    if (condition) return;
    fprintf(stderr, "entry %" PRIu64 ", block %" PRIu64 ": %s\n", sim->stats.entries, sim->height,
            what);
    exit(1);
}

/* ---- Counting ---- */

static void count_liquidation(struct sim *sim, const struct tn_event *event)
{
    struct sim_stats *stats = &sim->stats;
    stats->episodes += event->other_index == TN_LIQUIDATION_NONE;
    stats->liquidated += !sim->was_liquidated[event->account];
    sim->was_liquidated[event->account] = true;
    if (event->index == TN_LIQUIDATION_AUCTION) stats->solvent_auctions++;
    if (event->index == TN_LIQUIDATION_INSOLVENT) stats->insolvent_auctions++;
    if (event->price < stats->worst_equity) stats->worst_equity = event->price;
}

static void count_forced_trade(struct sim *sim, const struct tn_event *event)
{
    struct tn_series_view view;
    if (!tn_exchange_series(sim->exchange, &view, event->series_id)) return;
    tn_micros price = event->price * view.micros_per_tick;
    tn_micros away = event->side == TN_BUY ? price - view.mark_micros : view.mark_micros - price;
    sim->stats.slice_value += price * event->quantity;
    sim->stats.slice_cost += away * event->quantity;
    uint16_t number = tn_series_underlying(event->series_id);
    tn_micros lot = sim->spot[number - 1] / (number == RISK_BTC ? 100 : 10);
    int64_t delta_ppb = tn_series_is_option(event->series_id) ? view.delta_ppb : 1000000000;
    tn_micros moved = tn_mul_div_floor(lot * event->quantity, delta_ppb, 1000000000);
    sim->forced[number - 1] += event->side == TN_BUY ? moved : -moved;
}

static void count_event(struct sim *sim, const struct tn_event *event)
{
    struct sim_stats *stats = &sim->stats;
    tn_lots lots = event->quantity < 0 ? -event->quantity : event->quantity;
    switch (event->kind) {
        case TN_EVENT_TRADE:
            if (event->flags & TN_EVENT_FORCED) count_forced_trade(sim, event);
            return;
        case TN_EVENT_MARKED: stats->marks++; return;
        case TN_EVENT_LIQUIDATION: count_liquidation(sim, event); return;
        case TN_EVENT_SLICE:
            stats->slices++;
            stats->slices_filled += event->remaining > 0;
            return;
        case TN_EVENT_SEIZED: stats->bids += event->series_id == 0; return;
        case TN_EVENT_DELEVERAGED:
            stats->deleveraged++;
            stats->deleveraged_value += lots * event->money;
            return;
        case TN_EVENT_INSURANCE:
            *(event->money > 0 ? &stats->insurance_paid : &stats->insurance_received) +=
                event->money > 0 ? event->money : -event->money;
            return;
        case TN_EVENT_DEBT: stats->debt += event->money > 0 ? event->money : 0; return;
        case TN_EVENT_SOCIALISED: stats->socialised += event->money; return;
        default: return;
    }
}

void sim_apply(struct sim *sim, const struct tn_entry *entry)
{
    sim->count = tn_exchange_apply(sim->exchange, sim->events, sim->events_max, entry);
    sim->stats.entries++;
    for (uint32_t i = 0; i < sim->count; i++)
        count_event(sim, &sim->events[i]);
    uint32_t accounts = tn_exchange_accounts_count(sim->exchange);
    sim_expect(sim, tn_ledger_sum(tn_exchange_ledger(sim->exchange), accounts) == 0,
               "cash was not conserved");
}

/* An entry that must pass. */
static void pass(struct sim *sim, const struct tn_entry *entry)
{
    sim_apply(sim, entry);
    bool refused = sim->count > 0 && sim->events[sim->count - 1].reject != TN_REJECT_NONE;
    if (refused) {
        fprintf(stderr, "%s\n", tn_reject_name((enum tn_reject)sim->events[sim->count - 1].reject));
    }
    sim_expect(sim, !refused, "an entry was refused");
}

/* ---- Setting up ---- */

static void set_up(struct sim *sim, const struct tn_risk *risk)
{
    struct tn_scenario scenarios[TN_SCENARIOS_MAX];
    struct tn_risk unread;
    uint32_t scenarios_count;
    tn_risk_default(&unread, scenarios, &scenarios_count);
    pass(sim, &(struct tn_entry){.kind = TN_ENTRY_BLOCK,
                                 .as.block = {.height = ++sim->height, .time_ms = sim->time_ms}});
    for (uint16_t number = 1; number <= RISK_UNDERLYINGS; number++) {
        sim->spot[number - 1] = risk_market_spot(number);
        pass(sim, &(struct tn_entry){.kind = TN_ENTRY_UNDERLYING,
                                     .as.underlying = risk_market_underlying(number)});
    }
    pass(sim,
         &(struct tn_entry){
             .kind = TN_ENTRY_ASSET,
             .as.asset = {.haircut_ppm = 50000, .im_haircut_ppm = 50000, .underlying = RISK_BTC}});
    for (uint16_t signer = 1; signer <= SIM_SIGNERS; signer++) {
        pass(sim, &(struct tn_entry){.kind = TN_ENTRY_FEEDER,
                                     .as.feeder = {.signer = signer, .active = 1}});
    }
    pass(sim, &(struct tn_entry){.kind = TN_ENTRY_RISK,
                                 .as.risk = {.height = sim->height + 1,
                                             .risk = risk,
                                             .scenarios = scenarios,
                                             .scenarios_count = scenarios_count}});
}

void sim_open(struct sim *sim, const struct tn_exchange_limits *limits, const struct tn_risk *risk)
{
    *sim = (struct sim){.limits = *limits, .vol_ppm = 500000};
    size_t size = tn_align(tn_exchange_size(limits));
    void *memory = size == 0 ? NULL : aligned_alloc(64, size);
    sim->events_max = tn_exchange_events_max(limits);
    sim->events = malloc(sim->events_max * sizeof(*sim->events));
    sim->was_liquidated = calloc(limits->accounts_max, sizeof(*sim->was_liquidated));
    if (memory == NULL || sim->events == NULL || sim->was_liquidated == NULL) {
        fprintf(stderr, "no memory for the market\n");
        exit(2);
    }
    memset(memory, 0, size);
    sim->exchange = tn_exchange_init(memory, limits);
    /* A Friday in November, noon. */
    sim->time_ms = TN_EPOCH_2020_MS + 2515 * TN_MS_PER_DAY + 12 * 3600000;
    sim->days[0] = 2516;
    sim->days[1] = 2522;
    sim->days[2] = 2550;
    set_up(sim, risk);
}

void sim_close(struct sim *sim)
{
    free(sim->exchange);
    free(sim->events);
    free(sim->was_liquidated);
}

void sim_list(struct sim *sim, uint64_t series_id)
{
    pass(sim, &(struct tn_entry){.kind = TN_ENTRY_LIST, .as.list.series_id = series_id});
}

void sim_deposit(struct sim *sim, uint32_t account, uint32_t asset, tn_micros amount)
{
    pass(sim,
         &(struct tn_entry){.kind = TN_ENTRY_DEPOSIT,
                            .as.deposit = {.account = account, .asset = asset, .amount = amount}});
}

uint32_t sim_account(struct sim *sim, uint64_t owner, uint8_t model, tn_micros cash)
{
    struct tn_entry entry = {.kind = TN_ENTRY_ACCOUNT};
    uint32_t account = tn_exchange_accounts_count(sim->exchange);
    memcpy(entry.as.account.owner, &owner, sizeof(owner));
    entry.as.account.model = model;
    pass(sim, &entry);
    if (cash > 0) sim_deposit(sim, account, 0, cash);
    return account;
}

const struct tn_event *sim_send(struct sim *sim, uint32_t account, const struct tn_command *command)
{
    sim_apply(sim, &(struct tn_entry){.kind = TN_ENTRY_FRAME,
                                      .as.frame = {.commands = command,
                                                   .commands_count = 1,
                                                   .account = account,
                                                   .nonce = ++sim->nonce,
                                                   .valid_until_block = UINT64_MAX}});
    const struct tn_event *result = &sim->events[sim->count - 1];
    sim_expect(sim, result->kind == TN_EVENT_RESULT, "a command has no result");
    return result;
}

/* ---- Blocks ---- */

static void report(struct sim *sim, uint16_t signer, uint16_t number, uint16_t day,
                   enum tn_feed feed)
{
    struct tn_report report = {.signer = signer,
                               .underlying = number,
                               .expiry_day = day,
                               .feed = (uint8_t)feed,
                               .confidence_ppm = 1000000,
                               .sequence = ++sim->sequence,
                               .time_ms = sim->time_ms,
                               .value = feed == TN_FEED_VOL ? 0 : sim->spot[number - 1]};
    if (feed == TN_FEED_VOL) {
        report.surface = risk_market_surface(sim->spot[number - 1],
                                             risk_market_left_ms(day, sim->time_ms), sim->vol_ppm);
    }
    pass(sim, &(struct tn_entry){.kind = TN_ENTRY_REPORT, .as.report = report});
}

void sim_block(struct sim *sim, int64_t ms)
{
    for (uint16_t signer = 1; signer <= SIM_SIGNERS; signer++) {
        for (uint16_t number = 1; number <= RISK_UNDERLYINGS; number++) {
            report(sim, signer, number, 0, TN_FEED_SPOT);
            for (uint32_t i = 0; i < SIM_EXPIRIES; i++) {
                report(sim, signer, number, sim->days[i], TN_FEED_FORWARD);
                report(sim, signer, number, sim->days[i], TN_FEED_VOL);
            }
        }
    }
    sim->time_ms += ms;
    pass(sim, &(struct tn_entry){.kind = TN_ENTRY_BLOCK,
                                 .as.block = {.height = ++sim->height, .time_ms = sim->time_ms}});
}

void sim_sweep(struct sim *sim)
{
    struct tn_risk_view view;
    struct tn_entry entry = {.kind = TN_ENTRY_SWEEP};
    entry.as.sweep.units = 512;
    do {
        sim_apply(sim, &entry);
        sim_expect(sim, tn_exchange_risk(sim->exchange, &view), "no margin engine");
    } while (view.sweeping);
}

void sim_liquidate(struct sim *sim, uint32_t units)
{
    struct tn_entry entry = {.kind = TN_ENTRY_LIQ};
    entry.as.liq.units = units;
    sim_apply(sim, &entry);
}

/* ---- Looking ---- */

tn_micros sim_mark(const struct sim *sim, uint64_t series_id)
{
    struct tn_series_view view;
    bool known = tn_exchange_series(sim->exchange, &view, series_id);
    sim_expect(sim, known && view.mark_micros >= 0, "a series has no mark");
    return view.mark_micros;
}

tn_ticks sim_mark_ticks(const struct sim *sim, uint64_t series_id)
{
    return sim_mark(sim, series_id) / 10000; /* one tick on one lot of every series */
}

struct tn_account_risk_view sim_risk(const struct sim *sim, uint32_t account)
{
    struct tn_account_risk_view view;
    sim_expect(sim, tn_exchange_account_risk(sim->exchange, &view, account), "no such account");
    return view;
}
