/* margin_case: accounts whose margin can be worked out by hand.
 *
 * The market is that of feeds_case. Accounts that trade perpetuals under standard margin hold, of
 * one lot worth P = spot / 100, MM = 6.5 % of P and IM = 10 % of P, and nothing nets: at a spot of
 * 100 000 a lot is worth 1 000 dollars and asks for 65 and 100. Liquidation ends where equity is
 * 1.15 times what MM asks for. */
#ifndef MARGIN_CASE_H
#define MARGIN_CASE_H

#include "feeds_case.h"

#define CENT       INT64_C(10000)
#define EVERYTHING UINT32_MAX

static inline struct tn_account_risk_view risk_of(uint32_t account)
{
    struct tn_account_risk_view view;
    assert_true(tn_exchange_account_risk(market.exchange, &view, account));
    return view;
}

static inline tn_micros m_of(uint32_t account)
{
    return risk_of(account).margin.m;
}

static inline struct tn_command model(enum tn_margin_model model)
{
    return (struct tn_command){.kind = TN_COMMAND_MODEL, .as.model = (uint8_t)model};
}

static inline struct tn_command bid_for(uint32_t account, enum tn_liquidation state,
                                        int64_t share_ppb, tn_micros price_most)
{
    struct tn_command command = {.kind = TN_COMMAND_BID};
    command.as.bid = (struct tn_bid){.account = account,
                                     .state = (uint8_t)state,
                                     .share_ppb = share_ppb,
                                     .price_most = price_most};
    return command;
}

/* An account without positions keeps so much cash, under standard margin. */
static inline void be_standard(uint32_t account, tn_micros cash)
{
    pass(account, model(TN_MARGIN_STANDARD));
    if (cash_of(account) > cash) pass(account, withdraw(0, cash_of(account) - cash));
    assert_int_equal(cash_of(account), cash);
}

static inline void trade(uint32_t buyer, uint32_t seller, uint64_t series, tn_ticks price,
                         tn_lots lots)
{
    place(seller, limit(SELL, series, price, lots));
    assert_int_equal(pass(buyer, limit(BUY, series, price, lots))->quantity, lots);
}

/* The mark of an option, down to a price that orders may have. */
static inline tn_ticks price_at_mark(uint64_t series)
{
    return mark_of(series) / TICK / 10 * 10;
}

static inline void insure(tn_micros amount)
{
    apply_passing((struct tn_entry){.kind = TN_ENTRY_INSURE, .as.insure.amount = amount});
}

static inline void liquidate(uint32_t units)
{
    apply((struct tn_entry){.kind = TN_ENTRY_LIQ, .as.liq.units = units});
}

/* A MARK a second on at this spot, everybody judged in its sweep. Events: those of the sweep. */
static inline void mark_at(tn_micros spot)
{
    live(1, spot);
    sweep(EVERYTHING);
}

/* The same over a jump: a spot that moves far waits for a second MARK. */
static inline void jump_to(tn_micros spot)
{
    live(1, spot);
    mark_at(spot);
}

static inline const struct tn_event *event_of(enum tn_event_kind kind, uint32_t account)
{
    for (uint32_t i = 0; i < market.count; i++) {
        const struct tn_event *event = &market.events[i];
        if (event->kind == kind && event->account == account) return event;
    }
    return NULL;
}

static inline void expect_stage(uint32_t account, enum tn_liquidation stage)
{
    assert_int_equal(risk_of(account).liquidation, stage);
}

/* An event says that an account went from one stage to another, and with what numbers. */
static inline void expect_moved(uint32_t account, enum tn_liquidation from, enum tn_liquidation to,
                                tn_micros equity, tn_micros mm)
{
    for (uint32_t i = 0; i < market.count; i++) {
        const struct tn_event *event = &market.events[i];
        if (event->kind != TN_EVENT_LIQUIDATION || event->account != account) continue;
        if (event->other_index != from || event->index != to) continue;
        assert_int_equal(event->price, equity);
        assert_int_equal(event->quantity, mm);
        assert_int_equal(event->other_remaining, equity - mm);
        return;
    }
    fail_msg("no event: account %u from stage %d to %d", account, from, to);
}

static inline void expect_fund_and_debt(tn_micros fund, tn_micros debt)
{
    assert_int_equal(house_of(TN_HOUSE_INSURANCE), fund);
    assert_int_equal(house_of(TN_HOUSE_DEBT), -debt);
}

#endif
