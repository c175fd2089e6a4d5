/* seize: an account in auction is taken over by bidders, share by share (risk.md, Liquidation).
 *
 * A bid takes the same share of every position, of the collateral and of the cash, so what is left
 * has the shape it had. While the account is worth something the bidder pays a part of the bundle's
 * value that falls with time; when it is not, the insurance fund pays the bidder, more with time.
 * A bidder whose own margin would fail, or one that leaves the seller worse, is refused. */
#include "exchange/feeds.h"

enum { PPM = 1000000, PPB = 1000000000 };

/* d(t): linear from start to middle in the first part, then to zero. */
static int64_t discount_ppm(const struct tn_risk *parameters, int64_t passed_ms)
{
    int64_t first = parameters->auction_first_ms, total = parameters->auction_total_ms;
    int64_t start = parameters->auction_start_ppm, middle = parameters->auction_middle_ppm;
    if (passed_ms >= total) return 0;
    if (passed_ms <= first) return start - tn_mul_div_floor(start - middle, passed_ms, first);
    return tn_mul_div_floor(middle, total - passed_ms, total - first);
}

/* f_max = BM / (BM − E·d − C(1 − d)): the share that brings BM to zero, in ppb. */
static int64_t share_most_ppb(const struct tn_exchange *exchange, const struct guard *guard,
                              const struct tn_margin_result *result, int64_t d_ppm)
{
    tn_micros missing = -tn_exchange_buffer(exchange, result);
    if (missing <= 0) return 0;
    tn_i128 brought =
        (tn_i128)result->equity * d_ppm + (tn_i128)guard->received_micros * (PPM - d_ppm);
    tn_i128 whole = (tn_i128)missing * PPM + brought;
    if (brought <= 0 || whole <= 0) return PPB;
    tn_i128 share = (tn_i128)missing * PPM * 1000 / (whole / PPM + 1);
    return share > PPB ? PPB : (int64_t)share;
}

void tn_exchange_take_auction_fee(struct tn_exchange *exchange, uint32_t account)
{
    struct guard *guard = &exchange->risk->guards[account];
    struct tn_margin_result result;
    const struct tn_risk *parameters = &exchange->risk->parameters;
    tn_exchange_evaluate(exchange, &result, account, NULL, 0);
    if (guard->fee_taken || result.equity <= 0) return;
    guard->fee_taken = true;
    tn_exchange_touch_account(exchange, account, TOUCH_MARGIN);
    int64_t share = share_most_ppb(exchange, guard, &result, parameters->auction_start_ppm);
    tn_micros fee =
        tn_ppm_ceil(tn_mul_div_ceil(result.equity, share, PPB), parameters->auction_fee_ppm);
    tn_exchange_pay(exchange, account, TN_PARTY_HOUSE(TN_HOUSE_INSURANCE), fee);
    struct tn_event *event = emit(exchange, TN_EVENT_INSURANCE);
    event->account = account;
    event->money = -fee;
}

/* ---- What a share of the account is ---- */

struct bundle {
    uint32_t account, bidder;
    int64_t share_ppb;
    tn_micros cash;  /* of the account that goes with it; may be negative */
    tn_micros value; /* at the marks, with cash and collateral */
    tn_micros price; /* what the bidder pays; negative: receives */
    int64_t collateral[TN_MARGIN_ASSETS_MAX];
    uint32_t legs_count; /* in exchange->changes: as the bidder's change */
};

/* As far as margin counts it: what is beyond that would not fit a price either. */
static tn_micros asset_value(const struct risk *risk, uint32_t asset, int64_t amount)
{
    const tn_micros price = risk->margin_assets[asset].price_micros;
    return tn_ppm_floor(tn_exchange_countable(amount, price), price);
}

/* Before anything moves, so that cash is what the bundle was made of. */
static void settle_all_funding(struct tn_exchange *exchange, uint32_t account)
{
    uint32_t slot = exchange->accounts[account].exposures_head;
    for (; slot != TN_NONE; slot = exchange->exposures[slot].account_next) {
        if (exchange->exposures[slot].position.quantity == 0) continue;
        if (tn_series_kind(exchange->series[exchange->exposures[slot].series].id) != TN_PERPETUAL) {
            continue;
        }
        tn_exchange_settle_funding(exchange, slot);
    }
}

/* A share rounded up to whole lots of the smallest position: of one lot a part is the lot, and a
 * bundle of it with a part of the cash would leave the seller worse, so nobody could ever bid. */
static int64_t in_whole_lots_ppb(const struct tn_exchange *exchange, uint32_t account,
                                 int64_t share_ppb)
{
    tn_lots smallest = 0;
    uint32_t slot = exchange->accounts[account].exposures_head;
    for (; slot != TN_NONE; slot = exchange->exposures[slot].account_next) {
        tn_lots held = exchange->exposures[slot].position.quantity;
        tn_lots lots = held < 0 ? -held : held;
        if (lots != 0 && (smallest == 0 || lots < smallest)) smallest = lots;
    }
    if (smallest == 0 || share_ppb == 0) return share_ppb;
    tn_lots lots = tn_mul_div_ceil(share_ppb, smallest, PPB);
    int64_t whole_ppb = tn_mul_div_floor(lots, PPB, smallest);
    return whole_ppb > share_ppb ? whole_ppb : share_ppb;
}

/* Makes the bundle and what it is worth; the cash with it is as if funding were settled. */
static void compose(struct tn_exchange *exchange, struct bundle *bundle)
{
    const struct risk *risk = exchange->risk;
    const struct account *account = &exchange->accounts[bundle->account];
    tn_micros others = exchange->ledger.cash[bundle->account] -
                       tn_exchange_accrued_funding(exchange, bundle->account) -
                       risk->guards[bundle->account].received_micros;
    bundle->cash = tn_mul_div_floor(others, bundle->share_ppb, PPB);
    bundle->value = bundle->cash;
    for (uint32_t i = 1; i < exchange->assets_count; i++) {
        int64_t held = tn_exchange_collateral(exchange, bundle->account, i);
        bundle->collateral[i] = tn_mul_div_ceil(held, bundle->share_ppb, PPB);
        bundle->value += asset_value(risk, i, bundle->collateral[i]);
    }
    for (uint32_t slot = account->exposures_head; slot != TN_NONE;
         slot = exchange->exposures[slot].account_next) {
        const struct exposure *exposure = &exchange->exposures[slot];
        tn_lots held = exposure->position.quantity;
        if (held == 0) continue;
        tn_lots lots = tn_mul_div_ceil(held < 0 ? -held : held, bundle->share_ppb, PPB);
        TN_ASSERT(bundle->legs_count < CHANGES_MAX);
        tn_lots taken = held < 0 ? -lots : lots;
        exchange->changes[bundle->legs_count++] = (struct change){.series = exposure->series,
                                                                  .replaced = TN_NONE,
                                                                  .group = TN_NONE,
                                                                  .traded = true,
                                                                  .quantity = taken};
        bundle->value += taken * exchange->series[exposure->series].mark;
    }
}

static tn_micros owed_by(const struct tn_margin_result *result)
{
    return result->equity < 0 ? -result->equity : 0;
}

/* What insurance pays whoever takes all of an insolvent account: −E at first, rising to −MM, but
 * never beyond −E and a part of R. A share of the account gets its share of this, and leaves as
 * much of E and R behind: so shares together get no more than one who takes all. */
static tn_micros offer_of(const struct tn_exchange *exchange, const struct tn_margin_result *result,
                          int64_t passed_ms)
{
    const struct tn_risk *parameters = &exchange->risk->parameters;
    tn_micros requirement = result->equity - result->mm;
    tn_micros owed = owed_by(result);
    tn_micros whole = result->mm < -owed ? -result->mm : owed;
    if (passed_ms > parameters->insolvent_rise_ms) passed_ms = parameters->insolvent_rise_ms;
    tn_micros more = tn_mul_div_floor(whole - owed, passed_ms, parameters->insolvent_rise_ms);
    tn_micros cap = tn_ppm_floor(requirement, parameters->insurance_cap_ppm);
    return owed + (more < cap ? more : cap);
}

/* A share of an insolvent account: −E of it is paid in full or nobody may take it, what is offered
 * beyond that as far as insurance reaches. Else an account without positions, which no deleveraging
 * ends, would wait for a bidder for as long as insurance is empty. */
static enum tn_reject price_insolvent(const struct tn_exchange *exchange, struct bundle *bundle,
                                      const struct tn_margin_result *result, int64_t passed_ms)
{
    tn_micros offer = offer_of(exchange, result, passed_ms);
    tn_micros paid = tn_mul_div_floor(offer, bundle->share_ppb, PPB);
    tn_micros least = tn_mul_div_floor(owed_by(result), bundle->share_ppb, PPB);
    tn_micros insurance = exchange->ledger.house[TN_HOUSE_INSURANCE];
    if (paid > insurance) paid = insurance;
    bundle->price = -paid;
    return paid < least ? TN_REJECT_BID_SHARE : TN_REJECT_NONE;
}

/* The price of the share: what the bidder pays for a solvent bundle, or gets for taking the other.
 */
static enum tn_reject price_bundle(const struct tn_exchange *exchange, struct bundle *bundle,
                                   const struct tn_margin_result *result)
{
    const struct guard *guard = &exchange->risk->guards[bundle->account];
    const struct tn_risk *parameters = &exchange->risk->parameters;
    int64_t passed_ms = exchange->time_ms - guard->stage_ms;
    if (guard->liquidation == TN_LIQUIDATION_AUCTION) {
        bundle->price = tn_ppm_ceil(bundle->value, discount_ppm(parameters, passed_ms));
        return TN_REJECT_NONE;
    }
    return price_insolvent(exchange, bundle, result, passed_ms);
}

/* ---- May it go over? ---- */

static void move_collateral(struct tn_exchange *exchange, const struct bundle *bundle, int sign)
{
    for (uint32_t i = 1; i < exchange->assets_count; i++) {
        size_t width = exchange->limits.assets_max;
        tn_exchange_forget_cushion(exchange, bundle->account);
        tn_exchange_forget_cushion(exchange, bundle->bidder);
        exchange->balances[bundle->account * width + i] -= sign * bundle->collateral[i];
        exchange->balances[bundle->bidder * width + i] += sign * bundle->collateral[i];
    }
}

/* The account with the bundle's legs bought (sign 1) or sold (−1), for cash in all; the first leg
 * carries the cash. A bundle without legs has one of no lots. */
static void evaluate_with(struct tn_exchange *exchange, struct tn_margin_result *result,
                          uint32_t account, uint32_t legs_count, tn_micros cash, int sign)
{
    struct change *changes = exchange->changes;
    if (legs_count == 0) {
        changes[0] = (struct change){.replaced = TN_NONE, .group = TN_NONE, .traded = true};
    }
    changes[0].price = cash;
    for (uint32_t i = 0; i < legs_count; i++)
        changes[i].quantity *= sign;
    tn_exchange_evaluate(exchange, result, account, changes, legs_count == 0 ? 1 : legs_count);
    for (uint32_t i = 0; i < legs_count; i++)
        changes[i].quantity *= sign;
    changes[0].price = 0;
}

static enum tn_reject check_fits(const struct tn_exchange *exchange, const struct bundle *bundle)
{
    uint32_t new_exposures = 0;
    for (uint32_t i = 0; i < bundle->legs_count; i++) {
        uint32_t index = exchange->changes[i].series;
        uint32_t exposure = tn_exchange_find_exposure(exchange, bundle->bidder, index);
        tn_lots taken = exchange->changes[i].quantity;
        uint8_t side = taken > 0 ? TN_BUY : TN_SELL;
        if (exposure == TN_NONE) {
            if (!tn_exchange_exposure_fits(exchange, bundle->bidder, new_exposures)) {
                return TN_REJECT_EXPOSURES_FULL;
            }
            new_exposures++;
        }
        enum tn_reject reject = tn_exchange_check_position(
            exchange, exposure, &exchange->series[index], side, taken < 0 ? -taken : taken, 0);
        if (reject != TN_REJECT_NONE) return reject;
    }
    for (uint32_t i = 1; i < exchange->assets_count; i++) {
        if (!tn_exchange_balance_fits(exchange, bundle->bidder, i, bundle->collateral[i])) {
            return TN_REJECT_MONEY_RANGE;
        }
    }
    return TN_REJECT_NONE;
}

static tn_micros to_seller(const struct tn_exchange *exchange, const struct bundle *bundle)
{
    bool solvent = exchange->risk->guards[bundle->account].liquidation == TN_LIQUIDATION_AUCTION;
    return (solvent ? bundle->price : 0) - bundle->cash;
}

/* Would the seller's buffer be lower without the bundle? */
static bool seller_falls(struct tn_exchange *exchange, const struct bundle *bundle,
                         const struct tn_margin_result *seller)
{
    struct tn_margin_result left;
    move_collateral(exchange, bundle, 1);
    evaluate_with(exchange, &left, bundle->account, bundle->legs_count,
                  -to_seller(exchange, bundle), -1);
    move_collateral(exchange, bundle, -1);
    return tn_exchange_buffer(exchange, &left) < tn_exchange_buffer(exchange, seller);
}

static enum tn_reject check_margins(struct tn_exchange *exchange, const struct bundle *bundle,
                                    const struct tn_margin_result *seller)
{
    struct tn_margin_result taken, before;
    bool late = tn_exchange_is_late(exchange, exchange->changes, bundle->legs_count);
    if (seller_falls(exchange, bundle, seller)) return TN_REJECT_BID_SHORT;
    tn_exchange_evaluate(exchange, &before, bundle->bidder, NULL, 0);
    move_collateral(exchange, bundle, 1);
    evaluate_with(exchange, &taken, bundle->bidder, bundle->legs_count,
                  bundle->price - bundle->cash, 1);
    move_collateral(exchange, bundle, -1);
    bool owes = taken.cash_equity < -tn_exchange_may_owe(exchange, bundle->bidder) &&
                taken.cash_equity < before.cash_equity;
    if (taken.m < 0 || owes) return TN_REJECT_BID_SHORT;
    return late && taken.m < before.m ? TN_REJECT_FEED_LATE : TN_REJECT_NONE;
}

/* The largest share of a solvent account that may be taken now: what restores the buffer, in whole
 * lots. Where these do not divide as the account does (a share of a twentieth takes 6 of 105 lots,
 * and of 107 that hedge them 7) the rest may be worse off than all was, and nobody could bid; so
 * the share is doubled until it helps. All of it always does, or nothing would. */
static int64_t largest_share_ppb(struct tn_exchange *exchange, uint32_t account, uint32_t bidder,
                                 const struct tn_margin_result *seller)
{
    const struct guard *guard = &exchange->risk->guards[account];
    int64_t passed_ms = exchange->time_ms - guard->stage_ms;
    int64_t d_ppm = discount_ppm(&exchange->risk->parameters, passed_ms);
    int64_t share =
        in_whole_lots_ppb(exchange, account, share_most_ppb(exchange, guard, seller, d_ppm));
    while (share > 0 && share < PPB) {
        struct bundle bundle = {.account = account, .bidder = bidder, .share_ppb = share};
        compose(exchange, &bundle);
        (void)price_bundle(exchange, &bundle, seller); /* a solvent one has a price */
        if (!seller_falls(exchange, &bundle, seller)) break;
        share = share < PPB / 2 ? 2 * share : PPB;
    }
    return share;
}

/* ---- It goes over ---- */

static void report_leg(struct tn_exchange *exchange, const struct bundle *bundle,
                       uint64_t series_id, tn_lots quantity)
{
    struct tn_event *event = emit(exchange, TN_EVENT_SEIZED);
    event->account = bundle->account;
    event->other_account = bundle->bidder;
    event->series_id = series_id;
    event->quantity = quantity;
}

static void hand_over(struct tn_exchange *exchange, const struct bundle *bundle)
{
    struct guard *guard = &exchange->risk->guards[bundle->account];
    bool solvent = guard->liquidation == TN_LIQUIDATION_AUCTION;
    settle_all_funding(exchange, bundle->account);
    for (uint32_t i = 0; i < bundle->legs_count; i++) {
        uint32_t series = exchange->changes[i].series;
        tn_lots quantity = exchange->changes[i].quantity;
        report_leg(exchange, bundle, exchange->series[series].id, quantity);
        tn_exchange_reassign(exchange, bundle->account, bundle->bidder, series, quantity,
                             exchange->series[series].mark, false);
    }
    move_collateral(exchange, bundle, 1);
    tn_exchange_touch_account(exchange, bundle->account, TOUCH_ACCOUNT | TOUCH_MARGIN);
    tn_exchange_touch_account(exchange, bundle->bidder, TOUCH_ACCOUNT);
    tn_exchange_pay(exchange, bundle->account, bundle->bidder, bundle->cash);
    uint32_t payee = solvent ? bundle->account : TN_PARTY_HOUSE(TN_HOUSE_INSURANCE);
    tn_exchange_pay(exchange, bundle->bidder, payee, bundle->price);
    if (solvent) {
        guard->received_micros += bundle->price;
    } else {
        guard->paid_micros -= bundle->price;
        struct tn_event *paid = emit(exchange, TN_EVENT_INSURANCE);
        paid->account = bundle->account;
        paid->money = -bundle->price;
    }
    report_leg(exchange, bundle, 0, bundle->share_ppb);
    struct tn_event *event = &exchange->events[exchange->events_count - 1];
    event->money = bundle->price;
    event->remaining = bundle->cash;
}

static enum tn_reject check_bid(const struct tn_exchange *exchange, const struct tn_bid *bid,
                                uint32_t bidder)
{
    const struct risk *risk = exchange->risk;
    if (risk == NULL) return TN_REJECT_RISK_OFF;
    if (bid->account >= exchange->accounts_count) return TN_REJECT_ACCOUNT_UNKNOWN;
    tn_exchange_need_account(exchange, bid->account);
    if (exchange->accounts[bid->account].owner_index == exchange->accounts[bidder].owner_index ||
        risk->guards[bidder].liquidation != TN_LIQUIDATION_NONE) {
        return TN_REJECT_BID_OWN;
    }
    return bid->share_ppb < 1 || bid->share_ppb > PPB ? TN_REJECT_BID_SHARE : TN_REJECT_NONE;
}

void tn_exchange_bid(struct tn_exchange *exchange, struct outcome *outcome, uint32_t bidder,
                     const struct tn_command *command)
{
    const struct tn_bid *bid = &command->as.bid;
    struct tn_margin_result seller;
    outcome->reject = check_bid(exchange, bid, bidder);
    if (outcome->reject != TN_REJECT_NONE) return;
    tn_exchange_judge_once(exchange, bid->account);
    struct guard *guard = &exchange->risk->guards[bid->account];
    enum tn_liquidation stage = (enum tn_liquidation)guard->liquidation;
    if (stage != TN_LIQUIDATION_AUCTION && stage != TN_LIQUIDATION_INSOLVENT) {
        outcome->reject = TN_REJECT_BID_NO_AUCTION;
        return;
    }
    if (stage != bid->state) {
        outcome->reject = TN_REJECT_BID_STATE;
        return;
    }
    tn_exchange_evaluate(exchange, &seller, bid->account, NULL, 0);
    int64_t most = PPB;
    if (stage == TN_LIQUIDATION_AUCTION) {
        most = largest_share_ppb(exchange, bid->account, bidder, &seller);
    }
    struct bundle bundle = {.account = bid->account,
                            .bidder = bidder,
                            .share_ppb = bid->share_ppb < most ? bid->share_ppb : most};
    compose(exchange, &bundle);
    outcome->reject =
        bundle.share_ppb == 0 ? TN_REJECT_BID_SHARE : price_bundle(exchange, &bundle, &seller);
    if (outcome->reject == TN_REJECT_NONE && bundle.price > bid->price_most) {
        outcome->reject = TN_REJECT_BID_PRICE;
    }
    if (outcome->reject == TN_REJECT_NONE) outcome->reject = check_fits(exchange, &bundle);
    if (outcome->reject == TN_REJECT_NONE) {
        outcome->reject = check_margins(exchange, &bundle, &seller);
    }
    if (outcome->reject != TN_REJECT_NONE) return;
    hand_over(exchange, &bundle);
    outcome->quantity = bundle.share_ppb;
    outcome->money = bundle.price;
    tn_exchange_evaluate(exchange, &seller, bid->account, NULL, 0);
    tn_exchange_move_stage(exchange, bid->account, &seller);
}
