/* remits: items of an inbox about cash that is under way between markets, written and read
 * (market.md §10).
 *
 * One that comes in, one that comes back, and so many that have arrived: each stands in an inbox
 * from the block that brought it about until the stream comes to that block. Together they are all
 * that is under way: no money is anywhere else between two markets. */
#include "market/internal.h"

static size_t begin_item(uint8_t *out, size_t out_size, enum tn_inbox_item_kind kind, size_t size)
{
    size_t needed = TN_INBOX_ITEM_HEADER + size;
    if (out_size < needed) return needed;
    tn_put_be(out, size, 4);
    out[4] = (uint8_t)kind;
    return needed;
}

size_t tn_inbox_write_remit(uint8_t *out, size_t out_size, const struct tn_remit *remit)
{
    bool is_back = remit->reject != TN_REJECT_NONE;
    size_t needed = is_back ? begin_item(out, out_size, TN_INBOX_REMIT_BACK, MARKET_REMIT_BACK_SIZE)
                            : begin_item(out, out_size, TN_INBOX_REMIT, MARKET_REMIT_SIZE);
    if (needed > out_size) return needed;
    uint8_t *at = out + TN_INBOX_ITEM_HEADER;
    tn_put_be(at, is_back ? remit->to_market : remit->from_market, 4);
    tn_put_be(at + 4, remit->from_account, 4);
    tn_put_be(at + 8, remit->to_account, 4);
    tn_put_be(at + 12, (uint64_t)remit->amount, 8);
    if (is_back) {
        tn_put_be(at + 20, remit->reject, 2);
    } else {
        memcpy(at + 20, remit->owner, TN_OWNER_SIZE);
    }
    return needed;
}

size_t tn_inbox_write_remits_ended(uint8_t *out, size_t out_size, uint32_t market, uint32_t count)
{
    size_t needed = begin_item(out, out_size, TN_INBOX_REMITS_ENDED, MARKET_REMITS_ENDED_SIZE);
    if (needed > out_size) return needed;
    tn_put_be(out + TN_INBOX_ITEM_HEADER, market, 4);
    tn_put_be(out + TN_INBOX_ITEM_HEADER + 4, count, 4);
    return needed;
}

bool tn_market_read_remit(const struct tn_market *market, struct tn_remit *remit,
                          enum tn_inbox_item_kind kind, const uint8_t *bytes, size_t size)
{
    bool is_back = kind == TN_INBOX_REMIT_BACK;
    if (size != (is_back ? MARKET_REMIT_BACK_SIZE : MARKET_REMIT_SIZE)) return false;
    uint32_t other = (uint32_t)tn_get_be(bytes, 4), own = market->limits.market;
    *remit = (struct tn_remit){.from_market = is_back ? own : other,
                               .from_account = (uint32_t)tn_get_be(bytes + 4, 4),
                               .to_market = is_back ? other : own,
                               .to_account = (uint32_t)tn_get_be(bytes + 8, 4),
                               .amount = (tn_micros)tn_get_be(bytes + 12, 8)};
    if (is_back) {
        remit->reject = (uint16_t)tn_get_be(bytes + 20, 2);
        if (remit->reject == TN_REJECT_NONE) return false;
        if (remit->from_account >= tn_exchange_accounts_count(market->exchange)) return false;
    } else {
        memcpy(remit->owner, bytes + 20, TN_OWNER_SIZE);
    }
    return tn_exchange_knows_market(market->exchange, other) && remit->amount >= 1 &&
           remit->amount <= TN_REMIT_AMOUNT_MAX;
}

static void take_item(const struct tn_market *market, const struct tn_market_remits *take,
                      enum tn_inbox_item_kind kind, const uint8_t *bytes, size_t size)
{
    struct tn_remit remit;
    if (kind == TN_INBOX_REMIT || kind == TN_INBOX_REMIT_BACK) {
        if (tn_market_read_remit(market, &remit, kind, bytes, size)) {
            take->one(take->context, &remit);
        }
    } else if (kind == TN_INBOX_REMITS_ENDED && size == MARKET_REMITS_ENDED_SIZE &&
               take->ended != NULL) {
        take->ended(take->context, (uint32_t)tn_get_be(bytes, 4),
                    (uint32_t)tn_get_be(bytes + 4, 4));
    }
}

void tn_market_remits(const struct tn_market *market, const struct tn_market_remits *take)
{
    for (uint32_t i = 0; i < market->letters_count; i++) {
        const struct letter *letter =
            &market->letters[market_letter_slot(market, market->letters_first + i)];
        const uint8_t *at = market->bytes + letter->at;
        for (uint32_t k = 0; k < letter->count; k++) {
            size_t size = (size_t)tn_get_be(at, 4);
            take_item(market, take, (enum tn_inbox_item_kind)at[4], at + TN_INBOX_ITEM_HEADER,
                      size);
            at += TN_INBOX_ITEM_HEADER + size;
        }
    }
}
