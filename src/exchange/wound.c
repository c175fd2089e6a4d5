/* wound: which accounts are being wound down, so that onlookers need not go over all of them.
 *
 * A bit an account, and a bit for each word of those that is not zero: of a million accounts
 * 245 words say where the others lie. Worked out from the guards' stages; not state. */
#include "exchange/risk.h"

enum { BITS = 64 };

size_t tn_exchange_wound_words(uint32_t accounts_max, uint32_t level)
{
    size_t words = (size_t)accounts_max / BITS + 1;
    return level == 0 ? words : words / BITS + 1;
}

static void put_bit(uint64_t *words, uint32_t at, bool is_set)
{
    const uint64_t bit = UINT64_C(1) << (at % BITS);
    words[at / BITS] = is_set ? words[at / BITS] | bit : words[at / BITS] & ~bit;
}

void tn_exchange_note_wound(struct tn_exchange *exchange, uint32_t account)
{
    struct risk *risk = exchange->risk;
    const bool is_wound = risk->guards[account].liquidation != TN_LIQUIDATION_NONE;
    TN_ASSERT(account < exchange->limits.accounts_max);
    put_bit(risk->wound[0], account, is_wound);
    put_bit(risk->wound[1], account / BITS, risk->wound[0][account / BITS] != 0);
}

/* The first bit that is set from `at` on, in its word alone; TN_NONE: there is none. */
static uint32_t bit_from(const uint64_t *words, uint32_t at)
{
    const uint64_t left = words[at / BITS] >> (at % BITS);
    return left == 0 ? TN_NONE : at + (uint32_t)__builtin_ctzll(left);
}

uint32_t tn_exchange_next_wound(const struct tn_exchange *exchange, uint32_t *looked, uint32_t from)
{
    const struct risk *risk = exchange->risk;
    if (from >= exchange->limits.accounts_max) return TN_NONE;
    uint32_t found = bit_from(risk->wound[0], from);
    ++*looked;
    if (found != TN_NONE) return found;
    const size_t words = tn_exchange_wound_words(exchange->limits.accounts_max, 1);
    for (uint32_t at = from / BITS + 1; at / BITS < words; at = (at / BITS + 1) * BITS) {
        const uint32_t word = bit_from(risk->wound[1], at);
        ++*looked;
        if (word != TN_NONE) return bit_from(risk->wound[0], word * BITS);
    }
    return TN_NONE;
}

void tn_exchange_check_wound(const struct tn_exchange *exchange)
{
    uint32_t looked = 0;
    uint32_t next = tn_exchange_next_wound(exchange, &looked, 0);
    for (uint32_t i = 0; i < exchange->accounts_count; i++) {
        if (exchange->risk->guards[i].liquidation == TN_LIQUIDATION_NONE) continue;
        TN_ASSERT(next == i);
        next = tn_exchange_next_wound(exchange, &looked, i + 1);
    }
    TN_ASSERT(next == TN_NONE);
}
