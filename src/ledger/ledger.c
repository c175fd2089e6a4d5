/* ledger: cash, fees and position cost. Why it exists: so that there is one place where money
 * moves.
 *
 * Invariant: Σ over accounts and house = 0. Every function here is total over the ranges its header
 * states; beyond them it asserts. */
#include "tenor/ledger.h"

#include <string.h>

void tn_ledger_init(struct tn_ledger *ledger, tn_micros *cash, uint32_t accounts_max)
{
    TN_ASSERT(accounts_max > 0 && accounts_max < TN_PARTY_HOUSE(0));
    *ledger = (struct tn_ledger){.cash = cash, .accounts_max = accounts_max};
    memset(cash, 0, accounts_max * sizeof cash[0]);
}

tn_micros tn_ledger_cash(const struct tn_ledger *ledger, uint32_t party)
{
    if (party & TN_PARTY_HOUSE(0)) return ledger->house[party & ~TN_PARTY_HOUSE(0)];
    TN_ASSERT(party < ledger->accounts_max);
    return ledger->cash[party];
}

tn_i128 tn_ledger_sum(const struct tn_ledger *ledger, uint32_t accounts_count)
{
    TN_ASSERT(accounts_count <= ledger->accounts_max);
    tn_i128 sum = 0;
    for (uint32_t i = 0; i < accounts_count; i++)
        sum += ledger->cash[i];
    for (uint32_t i = 0; i < TN_HOUSE_COUNT; i++)
        sum += ledger->house[i];
    return sum;
}

tn_micros tn_fee(int32_t ppm, int32_t premium_cap_ppm, tn_micros base, tn_micros premium)
{
    TN_ASSERT(base >= 0 && premium >= 0);
    tn_micros fee = tn_ppm_ceil(base, ppm);
    if (premium_cap_ppm == 0) return fee;
    tn_micros cap = tn_ppm_floor(premium, premium_cap_ppm);
    if (fee > cap) return cap;
    return fee < -cap ? -cap : fee;
}

void tn_position_add(struct tn_position *position, tn_lots quantity, tn_micros notional)
{
    TN_ASSERT(quantity != 0 && notional >= 0);
    tn_lots before = position->quantity;
    tn_lots after = before + quantity;
    if (before == 0 || (before > 0) == (quantity > 0)) {
        position->cost += quantity > 0 ? notional : -notional;
    } else if (after == 0) {
        position->cost = 0;
    } else if ((after > 0) == (before > 0)) {
        tn_micros kept =
            tn_mul_div_floor(position->cost < 0 ? -position->cost : position->cost,
                             after < 0 ? -after : after, before < 0 ? -before : before);
        position->cost = position->cost < 0 ? -kept : kept;
    } else {
        tn_lots turned = quantity < 0 ? -quantity : quantity;
        tn_micros rest = tn_mul_div_floor(notional, after < 0 ? -after : after, turned);
        position->cost = after > 0 ? rest : -rest;
    }
    position->quantity = after;
}
