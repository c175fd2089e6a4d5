/* sessions: which keys may act for which accounts (market.md §2).
 *
 * A session has a seat in a table of fixed size; its record and its leaf are named by the seat, its
 * id is a running number. The lowest free seat is always taken, so that seats follow from the
 * history alone, also in a market that was read back from records. Expired sessions keep their
 * seats until their account opens another one. */
#include "market/internal.h"

void tn_market_watch(struct tn_market *market, const struct tn_market_watch *watch)
{
    TN_ASSERT(watch == NULL || watch->need != NULL);
    market->watch = watch;
}

/* Which seat is free, and which other ones an account has, is known where all are. */
static void need_all(const struct tn_market *market)
{
    if (market->watch == NULL) return;
    for (uint32_t slot = 0; slot < market->sessions_used; slot++)
        market->watch->need(market->watch->context, slot);
}

uint32_t tn_market_find_seat(const struct tn_market *market, uint64_t id)
{
    uint32_t slot = (uint32_t)id;
    if (id == 0 || slot >= market->sessions_used) return TN_NONE;
    if (market->watch != NULL) market->watch->need(market->watch->context, slot);
    return market->seats[slot].id == id ? slot : TN_NONE;
}

bool tn_market_session(const struct tn_market *market, struct tn_session *session, uint64_t id)
{
    uint32_t slot = tn_market_find_seat(market, id);
    if (slot == TN_NONE) return false;
    const struct seat *seat = &market->seats[slot];
    *session = (struct tn_session){.id = seat->id,
                                   .account = seat->account,
                                   .scope = seat->scope,
                                   .expires_ms = seat->expires_ms,
                                   .key = seat->key};
    return true;
}

uint32_t tn_market_sessions_count(const struct tn_market *market)
{
    return market->sessions_count;
}

uint32_t tn_market_sessions_of(const struct tn_market *market, struct tn_session *sessions,
                               uint32_t sessions_max, uint32_t account)
{
    uint32_t count = 0;
    if (account >= tn_exchange_accounts_count(market->exchange)) return 0;
    need_all(market);
    uint32_t slot = market->account_head[account];
    for (; slot != TN_NONE && count < sessions_max; slot = market->seats[slot].next)
        tn_market_session(market, &sessions[count++], market->seats[slot].id);
    return count;
}

void tn_market_take_seat(struct tn_market *market, uint32_t slot, const struct tn_session *session)
{
    struct seat *seat = &market->seats[slot];
    TN_ASSERT(seat->id == 0 && session->id != 0 && (uint32_t)session->id == slot);
    *seat = (struct seat){.id = session->id,
                          .account = session->account,
                          .scope = session->scope,
                          .next = market->account_head[session->account],
                          .expires_ms = session->expires_ms,
                          .key = session->key};
    market->account_head[session->account] = slot;
    market->seats_free[slot / 64] &= ~(UINT64_C(1) << slot % 64);
    market->sessions_count++;
    if (slot >= market->sessions_used) market->sessions_used = slot + 1;
    market_mark(&market->touched_seats, slot);
}

static void leave_seat(struct tn_market *market, uint32_t slot)
{
    struct seat *seat = &market->seats[slot];
    uint32_t *link = &market->account_head[seat->account];
    while (*link != slot) {
        TN_ASSERT(*link != TN_NONE);
        link = &market->seats[*link].next;
    }
    *link = seat->next;
    market->seats_free[slot / 64] |= UINT64_C(1) << slot % 64;
    if (slot / 64 < market->free_hint) market->free_hint = slot / 64;
    *seat = (struct seat){0};
    market->sessions_count--;
    market_mark(&market->touched_seats, slot);
}

static uint32_t lowest_free(struct tn_market *market)
{
    TN_ASSERT(market->sessions_count < market->limits.sessions_max);
    while (market->seats_free[market->free_hint] == 0)
        market->free_hint++;
    uint64_t bits = market->seats_free[market->free_hint];
    return market->free_hint * 64 + (uint32_t)__builtin_ctzll(bits);
}

/* How many sessions the account has left, once those that expired are gone. */
static uint32_t leave_expired(struct tn_market *market, uint32_t account)
{
    int64_t now_ms = tn_exchange_time_ms(market->exchange);
    uint32_t count = 0;
    for (uint32_t slot = market->account_head[account]; slot != TN_NONE;) {
        uint32_t next = market->seats[slot].next;
        if (market->seats[slot].expires_ms <= now_ms) {
            leave_seat(market, slot);
        } else {
            count++;
        }
        slot = next;
    }
    return count;
}

static enum tn_reject check_owner(const struct tn_market *market, uint32_t account,
                                  const uint8_t owner[TN_OWNER_SIZE])
{
    struct tn_account_view view;
    if (!tn_exchange_account(market->exchange, &view, account)) return TN_REJECT_ACCOUNT_UNKNOWN;
    bool is_owner = !TENOR_HOLDS(SESSION_OWNER) || memcmp(view.owner, owner, TN_OWNER_SIZE) == 0;
    return is_owner ? TN_REJECT_NONE : TN_REJECT_OWNER_MISMATCH;
}

static bool terms_valid(const struct tn_market *market, const struct tn_inbox_session *asked)
{
    return (asked->key.bytes[0] == 2 || asked->key.bytes[0] == 3) && asked->scope != 0 &&
           (asked->scope & ~(uint32_t)TN_SCOPE_ALL) == 0 &&
           asked->expires_ms > tn_exchange_time_ms(market->exchange);
}

enum tn_reject tn_market_open_session(struct tn_market *market, uint64_t *id,
                                      const struct tn_inbox_session *asked)
{
    const struct tn_market_limits *limits = &market->limits;
    enum tn_reject reject = check_owner(market, asked->account, asked->owner);
    if (reject != TN_REJECT_NONE) return reject;
    reject = tn_exchange_spend_nonce(market->exchange, asked->account, asked->nonce);
    if (reject != TN_REJECT_NONE) return reject;
    if (!terms_valid(market, asked)) return TN_REJECT_SESSION_RANGE;
    need_all(market);
    if (leave_expired(market, asked->account) >= limits->sessions_per_account_max ||
        market->sessions_count == limits->sessions_max || market->sessions_last == UINT32_MAX) {
        return TN_REJECT_SESSIONS_FULL;
    }
    uint32_t slot = lowest_free(market);
    struct tn_session session = {.id = (uint64_t)++market->sessions_last << 32 | slot,
                                 .account = asked->account,
                                 .scope = asked->scope,
                                 .expires_ms = asked->expires_ms,
                                 .key = asked->key};
    market->touched_stream = true;
    tn_market_take_seat(market, slot, &session);
    *id = session.id;
    return TN_REJECT_NONE;
}

enum tn_reject tn_market_close_session(struct tn_market *market, const uint8_t owner[TN_OWNER_SIZE],
                                       uint64_t id)
{
    uint32_t slot = tn_market_find_seat(market, id);
    if (slot == TN_NONE) return TN_REJECT_SESSION_UNKNOWN;
    enum tn_reject reject = check_owner(market, market->seats[slot].account, owner);
    if (reject == TN_REJECT_NONE) leave_seat(market, slot);
    return reject;
}
