/* ledger: who has how much cash. Nothing moves but by tn_ledger_transfer, which is computed once
 * and applied with both signs, so the sum over all parties is zero at every moment, exactly.
 *
 * A party is an account (its index) or one of the house accounts. EXTERNAL stands for the world:
 * minus what was deposited plus what was withdrawn. */
#ifndef TENOR_LEDGER_H
#define TENOR_LEDGER_H

#include "tenor/base.h"
#include "tenor/product.h"

enum tn_house {
    TN_HOUSE_EXTERNAL = 0,  /* deposits (negative) and withdrawals */
    TN_HOUSE_FEES = 1,      /* fees less rebates */
    TN_HOUSE_INSURANCE = 2, /* the insurance fund */
    TN_HOUSE_CLEARING = 3,  /* settlement in slices: zero when no series is settling */
    TN_HOUSE_FUNDING = 4,   /* funding paid and not yet received */
    TN_HOUSE_DEBT = 5,      /* minus what bankrupt accounts left that nobody has paid yet */
    TN_HOUSE_COUNT = 6,
};

#define TN_PARTY_HOUSE(house) (UINT32_C(0x80000000) | (uint32_t)(house))
#define TN_TRANSFER_MAX       (INT64_C(1) << 56)
#define TN_DEPOSITS_MAX       (INT64_C(1) << 60) /* EXTERNAL never goes below minus this */

struct tn_ledger {
    tn_micros *cash; /* of accounts, by index; caller-owned */
    tn_micros house[TN_HOUSE_COUNT];
    uint32_t accounts_max;
};

/* tn_ledger_init starts all parties at zero; `cash` has accounts_max elements. */
void tn_ledger_init(struct tn_ledger *ledger, tn_micros *cash, uint32_t accounts_max);

/* The cash of a party. */
static inline tn_micros *tn_ledger_purse(struct tn_ledger *ledger, uint32_t party)
{
    if (party & TN_PARTY_HOUSE(0)) {
        uint32_t house = party & ~TN_PARTY_HOUSE(0);
        TN_ASSERT(house < TN_HOUSE_COUNT);
        return &ledger->house[house];
    }
    TN_ASSERT(party < ledger->accounts_max);
    return &ledger->cash[party];
}

/* tn_ledger_transfer moves an amount (negative moves it back). The parties must exist and the
 * amount be within ±TN_TRANSFER_MAX: an overflow is a bug (asserted), because orders and deposits
 * are refused long before. */
static inline void tn_ledger_transfer(struct tn_ledger *ledger, uint32_t from, uint32_t to,
                                      tn_micros amount)
{
    TN_ASSERT(amount >= -TN_TRANSFER_MAX && amount <= TN_TRANSFER_MAX);
    tn_micros *source = tn_ledger_purse(ledger, from);
    tn_micros *target = tn_ledger_purse(ledger, to);
    bool overflow = __builtin_sub_overflow(*source, amount, source);
    overflow |= __builtin_add_overflow(*target, amount, target);
    TN_ASSERT(!overflow);
}

tn_micros tn_ledger_cash(const struct tn_ledger *ledger, uint32_t party);

/* tn_ledger_sum is Σ cash over the first accounts_count accounts and the house: always 0. */
tn_i128 tn_ledger_sum(const struct tn_ledger *ledger, uint32_t accounts_count);

/* tn_fee is what one side of a fill pays, in micros, negative for a rebate: ⌈ppm · base⌉ where base
 * is the underlying's value traded; with a cap, at most ⌊cap_ppm · premium⌋ in size. */
tn_micros tn_fee(int32_t ppm, int32_t premium_cap_ppm, tn_micros base, tn_micros premium);

/* tn_position_add books a fill of `quantity` signed lots for `notional` = price · |quantity| into a
 * position. cost: what increases a position adds its notional; what reduces it takes out the same
 * part of the cost, rounded towards zero; what turns it around starts anew. Cash is the caller's.
 */
void tn_position_add(struct tn_position *position, tn_lots quantity, tn_micros notional);

#endif
