/* agreement: the bytes of a block trade that both owners sign (docs/specs/block-trade.md). The
 * layout is fixed and big-endian; the hash over it, and the signatures, are checked before an entry
 * exists. */
#include "exchange/internal.h"

static uint8_t *put(uint8_t *at, uint64_t value, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> 8 * (size - 1 - i));
    return at + size;
}

size_t tn_block_trade_encode(uint8_t out[TN_BLOCK_TRADE_BYTES_MAX], const uint8_t chain_id[32],
                             uint32_t market, uint32_t account, uint64_t nonce,
                             const struct tn_block_trade *block)
{
    if (block->legs_count < 1 || block->legs_count > TN_PACKAGE_LEGS_MAX) return 0;
    uint8_t *at = out;
    memcpy(at, "TNBT1", 5);
    memcpy(at + 5, chain_id, 32);
    at = put(at + 37, market, 4);
    at = put(at, account, 4);
    at = put(at, nonce, 8);
    at = put(at, block->counterparty, 4);
    at = put(at, block->counterparty_nonce, 8);
    at = put(at, (uint64_t)block->expires_ms, 8);
    at = put(at, (uint64_t)(int64_t)block->fee_max_ppm, 4);
    at = put(at, block->legs_count, 1);
    for (uint32_t i = 0; i < block->legs_count; i++) {
        const struct tn_leg *leg = &block->legs[i];
        at = put(at, leg->series_id, 8);
        at = put(at, leg->side, 1);
        at = put(at, (uint64_t)leg->price, 8);
        at = put(at, (uint64_t)leg->quantity, 8);
    }
    TN_ASSERT((size_t)(at - out) <= TN_BLOCK_TRADE_BYTES_MAX);
    return (size_t)(at - out);
}
