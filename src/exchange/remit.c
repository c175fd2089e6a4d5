/* remit: cash on its way to another market, and what comes from there (docs/specs/market.md §10).
 *
 * For this market's ledger the other markets are a part of the world: what leaves for one is paid
 * to EXTERNAL, as a withdrawal, and what comes in is paid out of it, as a deposit, so the market's
 * own books are balanced at every moment. Whoever holds all markets adds what is under way.
 *
 * Under way to a market are at most out_max, counted from the debit until this market hears that
 * the money has arrived or is back. The count is asked before the debit, because later nobody could
 * say no: an inbox must take what was sent. */
#include "exchange/internal.h"

#include "exchange/touch.h"

void tn_exchange_know_markets(struct tn_exchange *exchange, const uint32_t *markets, uint32_t count,
                              uint32_t out_max)
{
    TN_ASSERT(count <= TN_REMIT_MARKETS_MAX && out_max <= TN_REMIT_OUT_MAX);
    memset(&exchange->remits, 0, sizeof exchange->remits);
    for (uint32_t i = 0; i < count; i++) {
        TN_ASSERT(i == 0 || markets[i] > markets[i - 1]);
        exchange->remits.markets[i] = markets[i];
    }
    exchange->remits.count = count;
    exchange->remits.out_max = out_max;
}

/* TN_NONE: there is no such other market. */
static uint32_t place_of(const struct tn_exchange *exchange, uint32_t market)
{
    for (uint32_t i = 0; i < exchange->remits.count; i++) {
        if (exchange->remits.markets[i] == market) return i;
    }
    return TN_NONE;
}

bool tn_exchange_knows_market(const struct tn_exchange *exchange, uint32_t market)
{
    return place_of(exchange, market) != TN_NONE;
}

bool tn_exchange_remits_out(const struct tn_exchange *exchange, uint32_t *market, uint32_t *out,
                            uint32_t n)
{
    if (n >= exchange->remits.count) return false;
    *market = exchange->remits.markets[n];
    *out = exchange->remits.out[n];
    return true;
}

bool tn_exchange_set_remits_out(struct tn_exchange *exchange, uint32_t market, uint32_t out)
{
    uint32_t place = place_of(exchange, market);
    if (place == TN_NONE || out > exchange->remits.out_max) return false;
    exchange->remits.out[place] = out;
    return true;
}

bool tn_exchange_remits_touched(struct tn_exchange *exchange)
{
    bool was_touched = exchange->remits.touched;
    exchange->remits.touched = false;
    return was_touched;
}

static void fill(struct tn_event *event, uint32_t account, uint32_t other, uint32_t market,
                 tn_micros amount)
{
    *event = (struct tn_event){.kind = TN_EVENT_REMITTED, .account = account};
    event->other_account = other;
    event->index = market;
    event->money = amount;
}

/* ---- Out ---- */

void tn_exchange_remit(struct tn_exchange *exchange, struct outcome *outcome, uint32_t account,
                       const struct tn_command *command)
{
    tn_micros amount = command->as.remit.amount;
    uint32_t place = place_of(exchange, command->as.remit.to_market);
    if (place == TN_NONE) {
        outcome->reject = TN_REJECT_MARKET_UNKNOWN;
        return;
    }
    outcome->reject = tn_exchange_check_withdrawal(exchange, account, 0, amount);
    if (outcome->reject != TN_REJECT_NONE) return;
    if (exchange->remits.out[place] >= exchange->remits.out_max) {
        outcome->reject = TN_REJECT_TRANSFERS_FULL;
        return;
    }
    exchange->remits.out[place]++;
    exchange->remits.touched = true;
    tn_exchange_pay(exchange, account, TN_PARTY_HOUSE(TN_HOUSE_EXTERNAL), amount);
    fill(emit(exchange, TN_EVENT_REMITTED), account, command->as.remit.to_account,
         command->as.remit.to_market, -amount);
}

/* ---- In ---- */

static bool has_room(const struct tn_exchange *exchange, tn_micros amount)
{
    return -exchange->ledger.house[TN_HOUSE_EXTERNAL] <= TN_DEPOSITS_MAX - amount;
}

static enum tn_reject check_in(struct tn_exchange *exchange, const struct tn_remit *remit)
{
    if (remit->to_account >= exchange->accounts_count) return TN_REJECT_ACCOUNT_UNKNOWN;
    tn_exchange_need_account(exchange, remit->to_account);
    const uint8_t *owner = exchange->accounts[remit->to_account].owner;
    if (memcmp(owner, remit->owner, TN_OWNER_SIZE) != 0) return TN_REJECT_OWNER_MISMATCH;
    return has_room(exchange, remit->amount) ? TN_REJECT_NONE : TN_REJECT_MONEY_RANGE;
}

void tn_exchange_remit_in(struct tn_exchange *exchange, struct tn_event *event,
                          const struct tn_remit *remit)
{
    TN_ASSERT(place_of(exchange, remit->from_market) != TN_NONE);
    TN_ASSERT(remit->amount >= 1 && remit->amount <= TN_REMIT_AMOUNT_MAX);
    enum tn_reject reject = check_in(exchange, remit);
    tn_exchange_touch_head(exchange);
    if (reject == TN_REJECT_NONE) {
        tn_exchange_pay(exchange, TN_PARTY_HOUSE(TN_HOUSE_EXTERNAL), remit->to_account,
                        remit->amount);
        fill(event, remit->to_account, remit->from_account, remit->from_market, remit->amount);
        return;
    }
    fill(event, TN_NONE, remit->from_account, remit->from_market, remit->amount);
    event->other_index = remit->to_account;
    event->reject = (uint16_t)reject;
}

uint32_t tn_exchange_remit_back(struct tn_exchange *exchange, struct tn_event events[2],
                                const struct tn_remit *remit)
{
    TN_ASSERT(remit->amount >= 1 && remit->amount <= TN_REMIT_AMOUNT_MAX);
    TN_ASSERT(remit->from_account < exchange->accounts_count); /* it had sent it */
    tn_exchange_touch_head(exchange);
    fill(&events[0], remit->from_account, remit->to_account, remit->to_market, remit->amount);
    events[0].reject = remit->reject;
    tn_exchange_need_account(exchange, remit->from_account); /* whose owner the world may pay */
    if (has_room(exchange, remit->amount)) {
        tn_exchange_pay(exchange, TN_PARTY_HOUSE(TN_HOUSE_EXTERNAL), remit->from_account,
                        remit->amount);
        return 1;
    }
    events[1] = (struct tn_event){.kind = TN_EVENT_MONEY, .account = remit->from_account};
    events[1].other_account = TN_NONE;
    events[1].money = -remit->amount;
    return 2;
}

bool tn_exchange_remits_ended(struct tn_exchange *exchange, uint32_t market, uint32_t count)
{
    uint32_t place = place_of(exchange, market);
    if (place == TN_NONE || count < 1 || count > exchange->remits.out[place]) return false;
    exchange->remits.out[place] -= count;
    exchange->remits.touched = true;
    return true;
}
