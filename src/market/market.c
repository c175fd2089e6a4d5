/* market: one mapping for the exchange, the sessions and the inboxes that wait; how it is made,
 * copied, and what can be seen of it.
 *
 * Nothing in the mapping points outside of it but `world`, which is lent, so a copy of all bytes is
 * a market again once the places where its parts begin are worked out anew. */
#include "market/internal.h"

void tn_market_limits_default(struct tn_market_limits *limits)
{
    *limits = (struct tn_market_limits){.market = 1,
                                        .sessions_max = 4096,
                                        .sessions_per_account_max = 8,
                                        .inboxes_max = 4096,
                                        .inbox_bytes_max = 4u << 20};
    tn_exchange_limits_default(&limits->exchange);
}

static bool limits_valid(const struct tn_market_limits *limits)
{
    return tn_exchange_size(&limits->exchange) > 0 && limits->sessions_max >= 1 &&
           limits->sessions_max <= 1u << 26 && limits->sessions_per_account_max >= 1 &&
           limits->sessions_per_account_max <= 255 && limits->inboxes_max >= 2 &&
           limits->inboxes_max <= 1u << 20 && limits->inbox_bytes_max >= 1 &&
           limits->inbox_bytes_max <= 1u << 30;
}

static void *region(unsigned char *memory, size_t *used, size_t size)
{
    void *start = memory == NULL ? NULL : memory + *used;
    *used += tn_align(size);
    return start;
}

static size_t words_of(uint32_t bits)
{
    return ((size_t)bits + 63) / 64;
}

static size_t lay_out(struct tn_market *market, unsigned char *memory,
                      const struct tn_market_limits *limits)
{
    size_t used = tn_align(sizeof *market);
    size_t word = sizeof(uint64_t);
    market->exchange = region(memory, &used, tn_exchange_size(&limits->exchange));
    market->seats = region(memory, &used, limits->sessions_max * sizeof *market->seats);
    market->seats_free = region(memory, &used, words_of(limits->sessions_max) * word);
    market->account_head = region(memory, &used, limits->exchange.accounts_max * sizeof(uint32_t));
    market->letters = region(memory, &used, limits->inboxes_max * sizeof *market->letters);
    market->bytes = region(memory, &used, 2 * (size_t)limits->inbox_bytes_max);
    market->touched_seats.bits = region(memory, &used, words_of(limits->sessions_max) * word);
    market->touched_letters.bits = region(memory, &used, words_of(limits->inboxes_max) * word);
    return used;
}

size_t tn_market_size(const struct tn_market_limits *limits)
{
    struct tn_market scratch;
    return limits_valid(limits) ? lay_out(&scratch, NULL, limits) : 0;
}

struct tn_market *tn_market_init(void *memory, const struct tn_market_limits *limits)
{
    TN_ASSERT(memory != NULL && (uintptr_t)memory % 64 == 0 && limits_valid(limits));
    struct tn_market *market = memory;
    memset(market, 0, sizeof *market);
    lay_out(market, memory, limits);
    market->limits = *limits;
    tn_exchange_init(market->exchange, &limits->exchange);
    for (uint32_t i = 0; i < limits->sessions_max; i++)
        market->seats_free[i / 64] |= UINT64_C(1) << i % 64;
    for (uint32_t i = 0; i < limits->exchange.accounts_max; i++)
        market->account_head[i] = TN_NONE;
    return market;
}

struct tn_market *tn_market_clone(void *memory, const struct tn_market *source)
{
    TN_ASSERT(memory != NULL && (uintptr_t)memory % 64 == 0 && memory != source);
    const struct tn_market_limits limits = source->limits;
    struct tn_market *market = memory;
    size_t before = tn_align(sizeof *market);
    size_t behind = before + tn_align(tn_exchange_size(&limits.exchange));
    memcpy(market, source, before);
    tn_copy_apart((unsigned char *)memory + behind, (const unsigned char *)source + behind,
                  tn_market_size(&limits) - behind);
    lay_out(market, memory, &limits);
    tn_exchange_clone(market->exchange, source->exchange);
    market->world = (struct tn_market_world){0};
    market->watch = NULL;
    return market;
}

void tn_market_lend(struct tn_market *market, const struct tn_market_world *world)
{
    TN_ASSERT(world->signatures != NULL);
    market->world = *world;
}

/* ---- Views ----
 */

struct tn_exchange *tn_market_exchange(struct tn_market *market)
{
    return market->exchange;
}

const struct tn_exchange *tn_market_exchange_of(const struct tn_market *market)
{
    return market->exchange;
}

const struct tn_market_limits *tn_market_limits(const struct tn_market *market)
{
    return &market->limits;
}

uint64_t tn_market_cursor(const struct tn_market *market)
{
    return market->cursor;
}

static void digest_bytes(struct tn_digest *digest, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        tn_digest_u64(digest, bytes[i]);
}

uint64_t tn_market_digest(const struct tn_market *market)
{
    struct tn_digest digest = {.value = tn_exchange_digest(market->exchange)};
    uint8_t stream[STREAM_RECORD_MAX];
    struct tn_hash inboxes;
    size_t stream_size = tn_market_write_stream(market, stream);
    tn_market_inboxes_root(&inboxes, market);
    digest_bytes(&digest, stream, stream_size);
    digest_bytes(&digest, inboxes.bytes, TN_HASH_SIZE);
    for (uint32_t i = 0; i < market->sessions_used; i++) {
        uint8_t record[TN_RECORD_SESSION_SIZE];
        size_t size = tn_market_record(market, record, sizeof record, TN_RECORD_SESSION, i);
        tn_digest_u64(&digest, size);
        digest_bytes(&digest, record, size);
    }
    return digest.value;
}

static void check_sessions(const struct tn_market *market)
{
    uint32_t open = 0, listed = 0;
    for (uint32_t i = 0; i < market->limits.sessions_max; i++) {
        const struct seat *seat = &market->seats[i];
        bool is_free = market->seats_free[i / 64] >> i % 64 & 1;
        TN_ASSERT(is_free == (seat->id == 0));
        if (is_free) continue;
        open++;
        TN_ASSERT(i < market->sessions_used && seat->id >> 32 <= market->sessions_last);
        TN_ASSERT(tn_market_find_seat(market, seat->id) == i);
    }
    for (uint32_t i = 0; i < market->limits.exchange.accounts_max; i++) {
        uint32_t of_account = 0;
        for (uint32_t slot = market->account_head[i]; slot != TN_NONE;) {
            TN_ASSERT(market->seats[slot].id != 0 && market->seats[slot].account == i);
            slot = market->seats[slot].next;
            of_account++;
        }
        TN_ASSERT(of_account <= market->limits.sessions_per_account_max);
        listed += of_account;
    }
    TN_ASSERT(open == market->sessions_count && listed == open);
}

void tn_market_check(const struct tn_market *market)
{
    tn_exchange_check(market->exchange);
    check_sessions(market);
    uint64_t size = 0;
    for (uint32_t i = 0; i < market->letters_count; i++) {
        uint64_t height = market->letters_first + i;
        const struct letter *letter = &market->letters[market_letter_slot(market, height)];
        TN_ASSERT(letter->height == height);
        TN_ASSERT(tn_market_items_whole(market->bytes + letter->at, letter->size, letter->count));
        size += letter->size;
    }
    TN_ASSERT(size == market->letters_size && size <= market->limits.inbox_bytes_max);
    TN_ASSERT(market->letters_count == 0 || market->cursor == 0 ||
              market->letters_first == market->cursor + 1);
}
