/* whatif: what margin would be after some trades and orders (stateview.h).
 *
 * Trials become the changes that a command would ask admission about, and admission itself is
 * asked. So what is shown before a trade is what the trade will meet, as long as nothing moves in
 * between. A trial that no command could make, because of its range, is refused by the same checks
 * in the same words. */
#include "exchange/feeds.h"
#include "tenor/stateview.h"

/* Trials on their way to changes: changes[0] carries the cash of all that is traded. */
struct attempt {
    struct change changes[CHANGES_MAX];
    uint32_t count, new_exposures;
    tn_micros paid, gained, fees; /* of what is traded at once */
    tn_micros reserved;           /* of what comes to rest */
};

static tn_ticks mark_ticks(const struct series *series)
{
    tn_ticks ticks = series->mark / series->terms->micros_per_tick;
    ticks = ticks < 1 ? 0 : tn_tick_floor(&series->terms->contract.schedule, ticks);
    return ticks > 0 ? ticks : tn_tick_ceil(&series->terms->contract.schedule, 1);
}

static enum tn_reject check_trial(const struct tn_exchange *exchange, uint32_t account,
                                  uint32_t index, const struct tn_trial *trial)
{
    const struct series *series = &exchange->series[index];
    const struct tn_contract *contract = &series->terms->contract;
    const tn_lots most = contract->quantity_max;
    if (trial->traded > most || trial->traded < -most || trial->bid_lots < 0 ||
        trial->bid_lots > most || trial->ask_lots < 0 || trial->ask_lots > most) {
        return TN_REJECT_QUANTITY_RANGE;
    }
    if (series->status == TN_STATUS_SETTLING || series->status == TN_STATUS_SETTLED) {
        return TN_REJECT_SERIES_STATUS;
    }
    if (!tn_exchange_is_marked(series)) return TN_REJECT_NO_MARK;
    if (trial->price < 0 || trial->price > contract->price_max) return TN_REJECT_PRICE_RANGE;
    if (trial->price > 0 && !tn_tick_on(&contract->schedule, trial->price)) {
        return TN_REJECT_PRICE_OFF_TICK;
    }
    uint32_t exposure = tn_exchange_find_exposure(exchange, account, index);
    tn_lots up = (trial->traded > 0 ? trial->traded : 0) + trial->bid_lots;
    tn_lots down = (trial->traded < 0 ? -trial->traded : 0) + trial->ask_lots;
    enum tn_reject reject = tn_exchange_check_position(exchange, exposure, series, TN_BUY, up, 0);
    if (reject != TN_REJECT_NONE) return reject;
    return tn_exchange_check_position(exchange, exposure, series, TN_SELL, down, 0);
}

static void add_traded(const struct tn_exchange *exchange, struct attempt *attempt, uint32_t index,
                       const struct tn_trial *trial)
{
    const struct series *series = &exchange->series[index];
    const struct terms *terms = series->terms;
    const tn_micros value = trial->price > 0 ? trial->price * trial->traded * terms->micros_per_tick
                                             : trial->traded * series->mark;
    const tn_lots size = trial->traded > 0 ? trial->traded : -trial->traded;
    attempt->paid += value;
    if (series->is_linear) attempt->gained += trial->traded * series->mark;
    if (terms->fees.taker_ppm > 0) {
        tn_micros fee = tn_ppm_ceil(terms->base * size, terms->fees.taker_ppm);
        const int32_t cap_ppm = terms->fees.premium_cap_ppm;
        tn_micros premium = value > 0 ? value : -value;
        tn_micros cap = cap_ppm > 0 ? tn_ppm_ceil(premium, cap_ppm) : fee;
        attempt->fees += fee < cap ? fee : cap;
    }
    attempt->changes[attempt->count++] = (struct change){.series = index,
                                                         .replaced = TN_NONE,
                                                         .group = TN_NONE,
                                                         .traded = true,
                                                         .quantity = trial->traded};
}

static void add_order(const struct tn_exchange *exchange, struct attempt *attempt, uint32_t index,
                      enum tn_side side, tn_lots quantity)
{
    const struct series *series = &exchange->series[index];
    const tn_ticks price = mark_ticks(series);
    attempt->reserved += tn_exchange_reserve_per_lot(series, (uint8_t)side, price) * quantity;
    attempt->changes[attempt->count++] =
        (struct change){.series = index,
                        .replaced = TN_NONE,
                        .group = TN_NONE,
                        .quantity = signed_lots((uint8_t)side, quantity),
                        .price = price * series->terms->micros_per_tick,
                        .fee = tn_exchange_fee_per_lot(series, price) * quantity};
}

static bool repeats(const struct tn_trial *trials, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++) {
        if (trials[i].series_id == trials[index].series_id) return true;
    }
    return false;
}

/* NONE, or why this trial cannot be made. */
static enum tn_reject add_trial(const struct tn_exchange *exchange, struct attempt *attempt,
                                uint32_t account, const struct tn_trial *trials, uint32_t at)
{
    const struct tn_trial *trial = &trials[at];
    uint32_t index = tn_exchange_find_series(exchange, trial->series_id);
    if (index == TN_NONE) return TN_REJECT_SERIES_UNKNOWN;
    if (repeats(trials, at)) return TN_REJECT_QUOTE_REPEATED;
    enum tn_reject reject = check_trial(exchange, account, index, trial);
    if (reject != TN_REJECT_NONE) return reject;
    if (attempt->count + 3 > CHANGES_MAX) return TN_REJECT_QUOTE_SIZE;
    if (tn_exchange_find_exposure(exchange, account, index) == TN_NONE) {
        if (!tn_exchange_exposure_fits(exchange, account, attempt->new_exposures)) {
            return TN_REJECT_EXPOSURES_FULL;
        }
        attempt->new_exposures++;
    }
    if (trial->traded != 0) add_traded(exchange, attempt, index, trial);
    if (trial->bid_lots > 0) add_order(exchange, attempt, index, TN_BUY, trial->bid_lots);
    if (trial->ask_lots > 0) add_order(exchange, attempt, index, TN_SELL, trial->ask_lots);
    return TN_REJECT_NONE;
}

/* The cash of all that is traded goes with the first trade, as in packages. */
static void give_cash(struct attempt *attempt)
{
    for (uint32_t i = 0; i < attempt->count; i++) {
        if (!attempt->changes[i].traded) continue;
        attempt->changes[i].price = attempt->paid;
        attempt->changes[i].fee = attempt->fees;
        return;
    }
}

static uint32_t worst_scenario(const struct tn_margin_detail *details, uint32_t count)
{
    tn_micros worst = 0;
    uint32_t scenario = TN_NONE;
    for (uint32_t i = 0; i < count; i++) {
        if (details[i].worst >= worst || details[i].worst_column >= TN_SCENARIOS_MAX) continue;
        worst = details[i].worst;
        scenario = details[i].worst_column;
    }
    return scenario;
}

/* Without a margin engine what open buys may cost is the initial margin. */
static void fill_plain(const struct tn_exchange *exchange, struct tn_margin_state *state,
                       uint32_t account, const struct attempt *attempt)
{
    tn_micros reserved = exchange->accounts[account].reserved;
    state->equity = tn_exchange_free_equity(exchange, account) + reserved;
    state->im = reserved;
    state->worst_scenario = TN_NONE;
    if (attempt == NULL) return;
    state->equity -= attempt->paid - attempt->gained + attempt->fees;
    state->im += attempt->reserved;
}

static void fill_state(const struct tn_exchange *exchange, struct tn_margin_state *state,
                       uint32_t account, const struct attempt *attempt)
{
    static const struct attempt none;
    struct tn_margin_detail details[256]; /* underlyings_max ≤ 255 */
    struct tn_margin_result result;
    if (attempt == NULL) attempt = &none;
    memset(details, 0, sizeof details[0] * (exchange->underlyings_count + 1));
    tn_exchange_evaluate_in_detail(exchange, &result, details, account, attempt->changes,
                                   attempt->count);
    *state = (struct tn_margin_state){.equity = result.equity,
                                      .im = result.equity - result.m,
                                      .mm = result.equity - result.mm,
                                      .worst_scenario =
                                          worst_scenario(details, exchange->underlyings_count)};
}

static void fill(const struct tn_exchange *exchange, struct tn_margin_state *state,
                 uint32_t account, const struct attempt *attempt)
{
    if (exchange->risk == NULL) {
        fill_plain(exchange, state, account, attempt);
    } else {
        fill_state(exchange, state, account, attempt);
    }
}

bool tn_exchange_what_if(const struct tn_exchange *exchange, struct tn_what_if *what,
                         uint32_t account, const struct tn_trial *trials, uint32_t trials_count)
{
    struct attempt attempt;
    if (account >= exchange->accounts_count) return false;
    TN_ASSERT(trials_count <= TN_TRIALS_MAX);
    *what = (struct tn_what_if){.trial_refused = TN_NONE};
    attempt.count = attempt.new_exposures = 0;
    attempt.paid = attempt.gained = attempt.fees = attempt.reserved = 0;
    fill(exchange, &what->before, account, NULL);
    what->after = what->before;
    if (trials_count == 0) return true;
    for (uint32_t i = 0; i < trials_count; i++) {
        what->reject = add_trial(exchange, &attempt, account, trials, i);
        if (what->reject == TN_REJECT_NONE) continue;
        what->trial_refused = i;
        return true;
    }
    give_cash(&attempt);
    fill(exchange, &what->after, account, &attempt);
    what->reject =
        tn_exchange_admit(exchange, &what->shortfall, account,
                          attempt.paid - attempt.gained + attempt.fees + attempt.reserved,
                          attempt.changes, attempt.count);
    return true;
}
