/* An event is eleven words. Of each, only how it differs from what is foreseen is written: a mask
 * says which differ, and a difference is folded, so that a small one of either sign is short. Of a
 * side of a quote hardly more than its series and its price differ: one branch asks whether it is
 * so, and then only these are worked out. Of any other event all are, and none is branched on but
 * by the loop over those that are left.
 *
 * Foreseen is the word of the event before. A QUOTED behind another one is foreseen to be the next
 * side: the other side, the next order id, the next index.
 *
 * The length of a number stands in its lowest bits, as so many zeros and a one: it is written and
 * read by one access of eight bytes, without a loop. */
#include "tenor/pack.h"

#include <stddef.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are written as they stand");
_Static_assert(sizeof(struct tn_event) == TN_PACK_WORDS * sizeof(uint64_t), "all of it is words");

enum {
    MASK_BITS = TN_PACK_WORDS,
    HEAD_SHIFT = 8, /* the kind, which stands with the mask */
};
_Static_assert(offsetof(struct tn_event, other_account) ==
                   offsetof(struct tn_event, account) + sizeof(uint32_t),
               "both accounts are one load");
_Static_assert(MASK_BITS + 5 == 16 && TN_PACK_KINDS == 1 << 5, "a mask and a kind in 16 bits");

/* ---- Numbers -----------------------------------------------------------------------------------
 */

static uint64_t fold(uint64_t difference)
{
    return difference << 1 ^ (uint64_t)((int64_t)difference >> 63);
}

static uint64_t unfold(uint64_t value)
{
    return value >> 1 ^ (~(value & 1) + 1);
}

static inline uint8_t *put_number(uint8_t *out, uint64_t value)
{
    const uint32_t top = 63 - (uint32_t)__builtin_clzll(value | 1);
    const uint32_t size = (top * 9 + 73) / 64; /* top / 7 + 1 */
    if (size > 8) {
        *out = 0;
        memcpy(out + 1, &value, sizeof value);
        return out + TN_PACK_NUMBER_MAX;
    }
    const uint64_t bytes = value << size | UINT64_C(1) << (size - 1);
    memcpy(out, &bytes, sizeof bytes);
    return out + size;
}

uint8_t *tn_stream_put_number(uint8_t *out, uint64_t value)
{
    return put_number(out, value);
}

bool tn_stream_take_number(uint64_t *value, const uint8_t **at, const uint8_t *end)
{
    const uint8_t *bytes = *at;
    if (bytes == end) return false;
    const uint32_t size = *bytes == 0 ? TN_PACK_NUMBER_MAX : (uint32_t)__builtin_ctz(*bytes) + 1;
    if ((size_t)(end - bytes) < size) return false;
    *at += size;
    *value = 0;
    if (size == TN_PACK_NUMBER_MAX) {
        memcpy(value, bytes + 1, 8);
    } else {
        memcpy(value, bytes, size);
        *value >>= size;
    }
    return true;
}

/* ---- Events ------------------------------------------------------------------------------------
 */

/* Two numbers of 32 bits as one that is small when both are. */
static uint64_t join(uint32_t one, uint32_t other)
{
    const uint64_t a = fold((uint64_t)(int32_t)one), b = fold((uint64_t)(int32_t)other);
    return (a & 0xffff) | (b & 0xffff) << 16 | (a >> 16) << 32 | (b >> 16) << 48;
}

static void separate(uint32_t *one, uint32_t *other, uint64_t joined)
{
    *one = (uint32_t)unfold((joined & 0xffff) | (joined >> 32 & 0xffff) << 16);
    *other = (uint32_t)unfold((joined >> 16 & 0xffff) | (joined >> 48) << 16);
}

void tn_stream_pack_begin(struct tn_packer *packer, uint32_t account)
{
    packer->none = (struct tn_event){.account = account};
    packer->last = &packer->none;
    packer->seen = 0;
}

/* Kind, side, flags, reason, reject, duplicate. */
static uint64_t head_of(const struct tn_event *event)
{
    uint64_t head;
    memcpy(&head, event, sizeof head);
    return head;
}

/* Account and other account, which stand beside each other. */
static uint64_t accounts_of(const struct tn_event *event)
{
    uint64_t accounts;
    memcpy(&accounts, (const uint8_t *)event + offsetof(struct tn_event, account), sizeof accounts);
    return accounts;
}

/* What an event of the kind is held against, and how many steps it is foreseen to stand behind. */
static const struct tn_event *before(const struct tn_packer *packer, uint32_t kind, uint64_t *steps)
{
    const bool has_kind = (packer->seen >> kind & 1) != 0;
    *steps = has_kind && kind == TN_EVENT_QUOTED;
    return has_kind ? packer->of_kind[kind] : packer->last;
}

static void note(struct tn_packer *packer, const struct tn_event *event)
{
    packer->seen |= 1u << event->kind;
    packer->last = packer->of_kind[event->kind] = event;
}

static uint8_t *put_head(uint8_t *out, uint32_t mask, uint32_t kind)
{
    const uint16_t head = (uint16_t)(mask | kind << MASK_BITS);
    memcpy(out, &head, sizeof head);
    return out + sizeof head;
}

/* Any event. */
static uint8_t *put_differences(uint8_t *out, const struct tn_event *event,
                                const struct tn_event *old, uint64_t steps)
{
    const uint64_t differ[TN_PACK_WORDS] = {
        (head_of(event) ^ head_of(old)) >> HEAD_SHIFT ^ steps,
        join(event->account - old->account, event->other_account - old->other_account),
        fold(event->series_id - old->series_id),
        fold(event->order_id - old->order_id - steps),
        fold(event->client_id - old->client_id),
        fold((uint64_t)event->price - (uint64_t)old->price),
        fold((uint64_t)event->quantity - (uint64_t)old->quantity),
        fold((uint64_t)event->remaining - (uint64_t)old->remaining),
        fold((uint64_t)event->other_remaining - (uint64_t)old->other_remaining),
        fold((uint64_t)event->money - (uint64_t)old->money),
        fold((uint64_t)event->other_fee - (uint64_t)old->other_fee - steps),
    };
    uint32_t mask = 0;
#pragma GCC unroll 11
    for (uint32_t i = 0; i < TN_PACK_WORDS; i++)
        mask |= (uint32_t)(differ[i] != 0) << i;
    out = put_head(out, mask, event->kind);
    for (; mask != 0; mask &= mask - 1)
        out = tn_stream_put_number(out, differ[__builtin_ctz(mask)]);
    return out;
}

/* Is all as foreseen but series, price, quantity and remaining: nearly every side of a quote? */
static bool is_like(const struct tn_event *event, const struct tn_event *old, uint64_t steps)
{
    const uint64_t head = (head_of(event) ^ head_of(old)) >> HEAD_SHIFT ^ steps;
    const uint64_t accounts = accounts_of(event) ^ accounts_of(old);
    const uint64_t ids =
        (event->order_id - old->order_id - steps) | (event->client_id ^ old->client_id);
    const uint64_t amounts = (uint64_t)(event->other_remaining ^ old->other_remaining) |
                             (uint64_t)(event->money ^ old->money) |
                             ((uint64_t)event->other_fee - (uint64_t)old->other_fee - steps);
    return (head | accounts | ids | amounts) == 0;
}

/* What put_differences writes of an event that is_like. */
static uint8_t *put_like(uint8_t *out, const struct tn_event *event, const struct tn_event *old)
{
    enum { SERIES = 2, PRICE = 5, QUANTITY = 6, REMAINING = 7 };
    const uint64_t series = event->series_id - old->series_id;
    const uint64_t price = (uint64_t)event->price - (uint64_t)old->price;
    const uint64_t quantity = (uint64_t)event->quantity - (uint64_t)old->quantity;
    const uint64_t remaining = (uint64_t)event->remaining - (uint64_t)old->remaining;
    uint32_t mask = (uint32_t)(series != 0) << SERIES | (uint32_t)(price != 0) << PRICE;
    if ((quantity | remaining) != 0) {
        mask |= (uint32_t)(quantity != 0) << QUANTITY | (uint32_t)(remaining != 0) << REMAINING;
    }
    out = put_head(out, mask, event->kind);
    if (series != 0) out = put_number(out, fold(series));
    if (price != 0) out = put_number(out, fold(price));
    if ((quantity | remaining) == 0) return out;
    if (quantity != 0) out = tn_stream_put_number(out, fold(quantity));
    if (remaining != 0) out = tn_stream_put_number(out, fold(remaining));
    return out;
}

uint8_t *tn_stream_pack(struct tn_packer *packer, uint8_t *out, const struct tn_event *event)
{
    uint64_t steps;
    TN_ASSERT(event->kind < TN_PACK_KINDS);
    const struct tn_event *old = before(packer, event->kind, &steps);
    out = is_like(event, old, steps) ? put_like(out, event, old)
                                     : put_differences(out, event, old, steps);
    note(packer, event);
    return out;
}

static void add(struct tn_event *event, const struct tn_event *old, uint64_t steps,
                const uint64_t differ[TN_PACK_WORDS])
{
    uint32_t account, other_account;
    separate(&account, &other_account, differ[1]);
    event->account = old->account + account;
    event->other_account = old->other_account + other_account;
    event->series_id = old->series_id + unfold(differ[2]);
    event->order_id = old->order_id + unfold(differ[3]) + steps;
    event->client_id = old->client_id + unfold(differ[4]);
    event->price = (tn_ticks)((uint64_t)old->price + unfold(differ[5]));
    event->quantity = (tn_lots)((uint64_t)old->quantity + unfold(differ[6]));
    event->remaining = (tn_lots)((uint64_t)old->remaining + unfold(differ[7]));
    event->other_remaining = (tn_lots)((uint64_t)old->other_remaining + unfold(differ[8]));
    event->money = (tn_micros)((uint64_t)old->money + unfold(differ[9]));
    event->other_fee = (tn_micros)((uint64_t)old->other_fee + unfold(differ[10]) + steps);
}

bool tn_stream_unpack(struct tn_unpacker *unpacker, struct tn_event *event, const uint8_t **at,
                      const uint8_t *end)
{
    uint64_t differ[TN_PACK_WORDS] = {0}, steps;
    uint16_t bits;
    if (end - *at < (ptrdiff_t)sizeof bits) return false;
    memcpy(&bits, *at, sizeof bits);
    *at += sizeof bits;
    const uint32_t kind = bits >> MASK_BITS;
    for (uint32_t mask = bits & ((1u << MASK_BITS) - 1); mask != 0; mask &= mask - 1) {
        if (!tn_stream_take_number(&differ[__builtin_ctz(mask)], at, end)) return false;
    }
    const struct tn_event *old = before(&unpacker->packer, kind, &steps);
    const uint64_t head = (head_of(old) >> HEAD_SHIFT ^ differ[0] ^ steps) << HEAD_SHIFT | kind;
    add(event, old, steps, differ);
    memcpy(event, &head, sizeof head);
    unpacker->events[kind] = *event;
    note(&unpacker->packer, &unpacker->events[kind]);
    return true;
}
