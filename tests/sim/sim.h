/* sim: a market in a process: one exchange, block time, feeds that three signers report, and a
 * count of what happened. Shared by the crash replay and the adversary.
 *
 * After every entry the cash of all parties must sum to zero, to the micro; a broken promise prints
 * what it was and ends the program with status 1. */
#ifndef TENOR_SIM_H
#define TENOR_SIM_H

#include "risk_market.h"

enum { SIM_SIGNERS = 3, SIM_EXPIRIES = 3 };

struct sim_stats {
    uint64_t entries, marks, liquidated, /* accounts, each once */
        episodes, slices, slices_filled, bids, deleveraged, solvent_auctions, insolvent_auctions;
    tn_micros slice_value; /* traded by slices, at their prices */
    tn_micros slice_cost;  /* what those prices were away from the marks */
    tn_micros insurance_paid, insurance_received;
    tn_micros deleveraged_value, debt, socialised;
    tn_micros worst_equity; /* least E that a LIQUIDATION told of */
};

struct sim {
    struct tn_exchange *exchange;
    struct tn_exchange_limits limits;
    struct tn_event *events;
    uint32_t events_max, count; /* count: of the last entry */
    uint64_t height, nonce, sequence;
    int64_t time_ms;
    uint16_t days[SIM_EXPIRIES];
    tn_micros spot[RISK_UNDERLYINGS];
    int64_t vol_ppm;
    tn_micros forced[RISK_UNDERLYINGS]; /* Σ of what slices bought less what they sold, by delta */
    struct sim_stats stats;
    bool *was_liquidated; /* by account */
};

/* Opens a market with both underlyings, three signers and BTC as collateral (asset 1), under these
 * parameters. */
void sim_open(struct sim *sim, const struct tn_exchange_limits *limits, const struct tn_risk *risk);
void sim_close(struct sim *sim);

void sim_apply(struct sim *sim, const struct tn_entry *entry);
/* Prints what failed and exits unless the condition holds. */
void sim_expect(const struct sim *sim, bool condition, const char *what);

void sim_list(struct sim *sim, uint64_t series_id);
uint32_t sim_account(struct sim *sim, uint64_t owner, uint8_t model, tn_micros cash);
void sim_deposit(struct sim *sim, uint32_t account, uint32_t asset, tn_micros amount);

/* One command in a frame of its own; its RESULT. */
const struct tn_event *sim_send(struct sim *sim, uint32_t account,
                                const struct tn_command *command);

/* All signers report spot, forwards and surfaces of both underlyings as they are now; then a BLOCK
 * some milliseconds on, which is a MARK. */
void sim_block(struct sim *sim, int64_t ms);
/* SWEEP entries until the sweep of the last MARK has reached everybody. */
void sim_sweep(struct sim *sim);
void sim_liquidate(struct sim *sim, uint32_t units);

tn_micros sim_mark(const struct sim *sim, uint64_t series_id);
tn_ticks sim_mark_ticks(const struct sim *sim, uint64_t series_id);
struct tn_account_risk_view sim_risk(const struct sim *sim, uint32_t account);

#endif
