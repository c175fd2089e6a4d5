/* stream_case: a market that a set of sequencers keeps, to tell stories in: real keys, sessions,
 * inboxes block by block, signed frames.
 *
 * The market is that of exchange_case.h: BTC options, a future and a perpetual, one tick on one lot
 * 10 000 micros, options marked at 1 000 ticks, five traders with a million dollars each of whom
 * the first two have one owner. Trader i signs with keys[i]; its session is opened by the first
 * block, which also lists everything. */
#ifndef STREAM_CASE_H
#define STREAM_CASE_H

#include "../unit/exchange/exchange_entries.h"
#include "tenor/market.h"

#include <stdlib.h>

#define CASE_TERM    3u
#define CASE_FOREVER (START_MS + 1000 * TN_MS_PER_DAY)

static struct stream_case {
    struct tn_market_limits limits;
    struct tn_signatures signatures;
    void *signatures_memory;
    struct tn_secret_key keys[TRADERS], leader_key;
    struct tn_public_key public_keys[TRADERS], leader_public;
    uint64_t sessions[TRADERS]; /* as the market will number them */
    uint64_t nonces[TRADERS];
    uint8_t items[1 << 18];
    uint32_t items_size, items_count;
    uint64_t height;
    int64_t time_ms;
    uint16_t day;
    uint64_t call, put, future, perp;
    struct tn_market_scratch scratch;
    uint8_t frame[1 << 17]; /* made last */
    size_t frame_size;
} stream_case;

static inline void case_key(struct tn_secret_key *key, struct tn_public_key *public_key,
                            uint8_t number)
{
    memset(key->bytes, 0, sizeof key->bytes);
    key->bytes[31] = number;
    key->bytes[5] = 0x42;
    assert_true(stream_case.signatures.public_key(stream_case.signatures.context, public_key, key));
}

static inline uint8_t case_owner_of(uint32_t trader)
{
    const uint8_t owners[TRADERS] = {1, 1, 2, 3, 4};
    return owners[trader];
}

/* ---- Memory ---- */

static inline void *case_room(size_t size)
{
    size = tn_align(size);
    void *memory = aligned_alloc(64, size);
    assert_non_null(memory);
    memset(memory, 0, size);
    return memory;
}

static inline struct tn_market *case_market(void)
{
    struct tn_market *market =
        tn_market_init(case_room(tn_market_size(&stream_case.limits)), &stream_case.limits);
    const struct tn_market_world world = {.signatures = &stream_case.signatures};
    tn_market_lend(market, &world);
    return market;
}

/* ---- Items ---- */

static inline void case_took(size_t size)
{
    assert_true(size > 0 && size <= sizeof stream_case.items - stream_case.items_size);
    stream_case.items_size += (uint32_t)size;
    stream_case.items_count++;
}

static inline uint8_t *case_items_end(size_t *room)
{
    *room = sizeof stream_case.items - stream_case.items_size;
    return stream_case.items + stream_case.items_size;
}

static inline void case_item(enum tn_inbox_item_kind kind, const uint8_t *bytes, size_t size)
{
    size_t room;
    uint8_t *at = case_items_end(&room);
    case_took(tn_inbox_write_item(at, room, kind, bytes, size));
}

static inline void case_entry(struct tn_entry entry)
{
    uint8_t bytes[4096];
    size_t size = tn_stream_write_entry(bytes, sizeof bytes, &entry);
    assert_true(size > 0 && size <= sizeof bytes);
    case_item(TN_INBOX_ENTRY, bytes, size);
}

static inline void case_account(uint8_t owner, uint64_t number)
{
    uint8_t owner_bytes[TN_OWNER_SIZE];
    size_t room;
    uint8_t *at = case_items_end(&room);
    memset(owner_bytes, owner, sizeof owner_bytes);
    case_took(tn_inbox_write_account(at, room, owner_bytes, number, 0));
}

static inline struct tn_inbox_session case_session_of(uint32_t trader)
{
    struct tn_inbox_session session = {.nonce = ++stream_case.nonces[trader],
                                       .account = trader,
                                       .key = stream_case.public_keys[trader],
                                       .scope = TN_SCOPE_ALL,
                                       .expires_ms = CASE_FOREVER};
    memset(session.owner, case_owner_of(trader), TN_OWNER_SIZE);
    return session;
}

static inline void case_session(const struct tn_inbox_session *session)
{
    size_t room;
    uint8_t *at = case_items_end(&room);
    case_took(tn_inbox_write_session_open(at, room, session));
}

static inline void case_close(uint8_t owner, uint64_t session)
{
    uint8_t owner_bytes[TN_OWNER_SIZE];
    size_t room;
    uint8_t *at = case_items_end(&room);
    memset(owner_bytes, owner, sizeof owner_bytes);
    case_took(tn_inbox_write_session_close(at, room, owner_bytes, session));
}

static inline void case_owner_frame(uint8_t owner, uint32_t account, uint64_t nonce,
                                    const struct tn_command *command)
{
    uint8_t owner_bytes[TN_OWNER_SIZE];
    struct tn_entry entry = frame_entry(account, nonce, command, 1);
    size_t room;
    uint8_t *at = case_items_end(&room);
    memset(owner_bytes, owner, sizeof owner_bytes);
    case_took(tn_inbox_write_owner_frame(at, room, owner_bytes, &entry));
}

/* The inbox of the next block: what was collected. */
static inline struct tn_inbox case_block(int64_t later_ms)
{
    static uint8_t items[sizeof stream_case.items];
    struct tn_inbox inbox;
    stream_case.height++;
    stream_case.time_ms += later_ms;
    memcpy(items, stream_case.items, stream_case.items_size);
    inbox = (struct tn_inbox){.height = stream_case.height,
                              .time_ms = stream_case.time_ms,
                              .items = items,
                              .items_size = stream_case.items_size,
                              .items_count = stream_case.items_count};
    tn_keccak256(&inbox.block_hash, &inbox.height, sizeof inbox.height);
    stream_case.items_size = stream_case.items_count = 0;
    return inbox;
}

/* What the first block holds. */
static inline void case_series(uint64_t series, tn_ticks mark)
{
    const struct tn_mark marks = usual_mark(series, mark * TICK);
    case_entry(list_entry(series));
    case_entry(marks_entry(&marks, 1));
    case_entry(status_entry(series, TN_STATUS_ACTIVE));
}

static inline void case_first_items(void)
{
    const uint64_t numbers[TRADERS] = {1, 2, 1, 1, 1};
    case_entry((struct tn_entry){.kind = TN_ENTRY_UNDERLYING, .as.underlying = usual_underlying()});
    case_entry(index_entry(1, 100000 * DOLLAR));
    case_series(stream_case.call, 1000);
    case_series(stream_case.put, 1000);
    case_series(stream_case.future, 100000);
    case_series(stream_case.perp, 100000);
    for (uint32_t i = 0; i < TRADERS; i++) {
        const struct tn_inbox_session session = case_session_of(i);
        case_account(case_owner_of(i), numbers[i]);
        case_entry(deposit_entry(i, 0, START_CASH));
        case_session(&session);
        stream_case.sessions[i] = (uint64_t)(i + 1) << 32 | i;
    }
}

/* ---- Frames and entries ---- */

struct case_terms {
    uint32_t term;
    uint64_t nonce, session, valid_until_block;
    uint32_t market;
    const struct tn_secret_key *key;
};

static inline struct case_terms case_terms_of(uint32_t trader)
{
    return (struct case_terms){.term = CASE_TERM,
                               .nonce = ++stream_case.nonces[trader],
                               .session = stream_case.sessions[trader],
                               .valid_until_block = UINT64_C(1) << 50,
                               .market = stream_case.limits.market,
                               .key = &stream_case.keys[trader]};
}

/* Into stream_case.frame. */
static inline void case_frame_with(struct case_terms terms, const struct tn_command *commands,
                                   uint32_t commands_count)
{
    static uint8_t payload[TN_PAYLOAD_BYTES_MAX];
    struct tn_frame frame = {.market = terms.market,
                             .term = terms.term,
                             .session = terms.session,
                             .nonce = terms.nonce,
                             .valid_until_block = terms.valid_until_block,
                             .commands = commands,
                             .commands_count = commands_count};
    struct tn_hash digest;
    size_t size = tn_stream_write_payload(payload, sizeof payload, &frame);
    assert_true(size > 0 && size <= sizeof payload);
    frame.payload = payload;
    frame.payload_size = (uint32_t)size;
    tn_frame_digest(&digest, stream_case.limits.chain_id, payload, size);
    assert_true(stream_case.signatures.sign(stream_case.signatures.context, &frame.signature,
                                            &digest, terms.key));
    const struct tn_stream_item item = {
        .version = TN_ENTRY_VERSION_2, .entry.kind = TN_ENTRY_FRAME, .as.frame = frame};
    stream_case.frame_size =
        tn_stream_write_item(stream_case.frame, sizeof stream_case.frame, &item);
    assert_true(stream_case.frame_size > 0 && stream_case.frame_size <= sizeof stream_case.frame);
}

static inline void case_frame(uint32_t trader, const struct tn_command *commands,
                              uint32_t commands_count)
{
    case_frame_with(case_terms_of(trader), commands, commands_count);
}

static inline size_t case_block_entry(uint8_t out[64], const struct tn_inbox *inbox)
{
    const struct tn_stream_item item = {.version = TN_ENTRY_VERSION_2,
                                        .entry = block_entry(inbox->height, inbox->time_ms),
                                        .as.block_hash = inbox->block_hash};
    size_t size = tn_stream_write_item(out, 64, &item);
    assert_true(size > 0 && size <= 64);
    return size;
}

static inline struct tn_command case_limit(enum tn_side side, uint64_t series, tn_ticks price,
                                           tn_lots quantity)
{
    struct tn_command command = {.kind = TN_COMMAND_PLACE};
    command.as.terms[0] = (struct tn_order_terms){
        .series_id = series, .price = price, .quantity = quantity, .side = (uint8_t)side};
    return command;
}

static inline struct tn_command case_cancel(uint64_t order_id)
{
    struct tn_command command = {.kind = TN_COMMAND_CANCEL};
    command.as.cancel.order_id = order_id;
    return command;
}

static inline struct tn_command case_cancel_all(void)
{
    return (struct tn_command){.kind = TN_COMMAND_MASS_CANCEL};
}

/* ---- Open and close ---- */

static inline void case_open(void)
{
    memset(&stream_case, 0, sizeof stream_case);
    tn_market_limits_default(&stream_case.limits);
    stream_case.limits.exchange = usual_limits();
    stream_case.limits.exchange.hash_seed = 1;
    stream_case.limits.market = 7;
    stream_case.limits.sessions_max = 32;
    stream_case.limits.sessions_per_account_max = 3;
    stream_case.limits.inboxes_max = 16;
    stream_case.limits.inbox_bytes_max = 1 << 14;
    for (uint8_t i = 0; i < 32; i++)
        stream_case.limits.chain_id[i] = i;
    stream_case.signatures_memory = case_room(tn_signatures_size());
    tn_signatures_real(&stream_case.signatures, stream_case.signatures_memory);
    for (uint32_t i = 0; i < TRADERS; i++)
        case_key(&stream_case.keys[i], &stream_case.public_keys[i], (uint8_t)(i + 1));
    case_key(&stream_case.leader_key, &stream_case.leader_public, 99);
    stream_case.time_ms = START_MS;
    stream_case.day = 2550;
    stream_case.call = option_of(TN_CALL, stream_case.day, 100000);
    stream_case.put = option_of(TN_PUT, stream_case.day, 100000);
    stream_case.future =
        option_of(TN_CALL, stream_case.day, 1) & ~(TN_STRIKE_MAX | UINT64_C(3) << 51);
    stream_case.future |= (uint64_t)TN_FUTURE << 51;
    stream_case.perp = UINT64_C(1) << 53;
    struct tn_market_scratch *scratch = &stream_case.scratch;
    scratch->events_max = tn_exchange_events_max(&stream_case.limits.exchange);
    scratch->events = case_room(scratch->events_max * sizeof *scratch->events);
    scratch->stream = case_room(sizeof *scratch->stream);
}

static inline void case_shut(void)
{
    free(stream_case.signatures_memory);
    free(stream_case.scratch.events);
    free(stream_case.scratch.stream);
}

#endif
