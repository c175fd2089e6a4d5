/* inbox: what executed blocks hold for this market, until the stream comes to it (market.md §3).
 *
 * One letter for each block, in a ring by height; the bytes of their items lie one behind the other
 * in an area of twice what may wait, so that those of one block are always in one piece: when the
 * end is reached, what waits moves to the front, which it cannot meet. */
#include "market/internal.h"

/* ---- Writing ---- */

static size_t begin_item(uint8_t *out, size_t out_size, enum tn_inbox_item_kind kind, size_t size)
{
    size_t needed = TN_INBOX_ITEM_HEADER + size;
    TN_ASSERT(size <= TN_INBOX_ITEM_MAX);
    if (out_size < needed) return needed;
    tn_put_be(out, size, 4);
    out[4] = (uint8_t)kind;
    return needed;
}

size_t tn_inbox_write_item(uint8_t *out, size_t out_size, enum tn_inbox_item_kind kind,
                           const uint8_t *bytes, size_t size)
{
    size_t needed = begin_item(out, out_size, kind, size);
    if (needed <= out_size) memcpy(out + TN_INBOX_ITEM_HEADER, bytes, size);
    return needed;
}

size_t tn_inbox_write_owner_frame(uint8_t *out, size_t out_size, const uint8_t owner[TN_OWNER_SIZE],
                                  const struct tn_entry *frame)
{
    TN_ASSERT(frame->kind == TN_ENTRY_FRAME);
    size_t size = tn_stream_write_entry(NULL, 0, frame);
    if (size == 0) return 0;
    size_t needed = begin_item(out, out_size, TN_INBOX_OWNER_FRAME, TN_OWNER_SIZE + size);
    if (needed > out_size) return needed;
    memcpy(out + TN_INBOX_ITEM_HEADER, owner, TN_OWNER_SIZE);
    tn_stream_write_entry(out + TN_INBOX_ITEM_HEADER + TN_OWNER_SIZE, size, frame);
    return needed;
}

size_t tn_inbox_write_session_open(uint8_t *out, size_t out_size,
                                   const struct tn_inbox_session *session)
{
    size_t needed = begin_item(out, out_size, TN_INBOX_SESSION_OPEN, MARKET_SESSION_OPEN_SIZE);
    if (needed > out_size) return needed;
    uint8_t *at = out + TN_INBOX_ITEM_HEADER;
    memcpy(at, session->owner, TN_OWNER_SIZE);
    tn_put_be(at + 20, session->nonce, 8);
    tn_put_be(at + 28, session->account, 4);
    memcpy(at + 32, session->key.bytes, TN_PUBLIC_KEY_SIZE);
    tn_put_be(at + 65, session->scope, 4);
    tn_put_be(at + 69, (uint64_t)session->expires_ms, 8);
    return needed;
}

size_t tn_inbox_write_session_close(uint8_t *out, size_t out_size,
                                    const uint8_t owner[TN_OWNER_SIZE], uint64_t session)
{
    size_t needed = begin_item(out, out_size, TN_INBOX_SESSION_CLOSE, MARKET_SESSION_CLOSE_SIZE);
    if (needed > out_size) return needed;
    memcpy(out + TN_INBOX_ITEM_HEADER, owner, TN_OWNER_SIZE);
    tn_put_be(out + TN_INBOX_ITEM_HEADER + TN_OWNER_SIZE, session, 8);
    return needed;
}

size_t tn_inbox_write_account(uint8_t *out, size_t out_size, const uint8_t owner[TN_OWNER_SIZE],
                              uint64_t number, uint8_t model)
{
    size_t needed = begin_item(out, out_size, TN_INBOX_ACCOUNT, MARKET_ACCOUNT_SIZE);
    if (needed > out_size) return needed;
    memcpy(out + TN_INBOX_ITEM_HEADER, owner, TN_OWNER_SIZE);
    tn_put_be(out + TN_INBOX_ITEM_HEADER + TN_OWNER_SIZE, number, 8);
    out[TN_INBOX_ITEM_HEADER + TN_OWNER_SIZE + 8] = model;
    return needed;
}

/* ---- Waiting ---- */

/* Do items fill the bytes, and are they so many, of kinds that there are? */
bool tn_market_items_whole(const uint8_t *items, size_t size, uint32_t count)
{
    size_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (size - at < TN_INBOX_ITEM_HEADER) return false;
        uint64_t item = tn_get_be(items + at, 4);
        uint8_t kind = items[at + 4];
        at += TN_INBOX_ITEM_HEADER;
        if (item > TN_INBOX_ITEM_MAX || item > size - at) return false;
        if (kind < TN_INBOX_ENTRY || kind > TN_INBOX_REMITS_ENDED) return false;
        at += (size_t)item;
    }
    return at == size;
}

bool tn_market_inbox_fits(const struct tn_market *market, size_t items_size)
{
    return market->letters_count < market->limits.inboxes_max &&
           items_size <= market->limits.inbox_bytes_max - market->letters_size;
}

void tn_market_hash_letter(struct letter *letter, const uint8_t *items)
{
    uint8_t head[LETTER_HEAD_SIZE];
    struct tn_keccak keccak;
    tn_market_write_letter_head(letter, head);
    tn_keccak_begin(&keccak);
    tn_keccak_add(&keccak, head, sizeof head);
    tn_keccak_add(&keccak, items, letter->size);
    tn_keccak_end(&keccak, &letter->hash);
}

static void move_to_front(struct tn_market *market)
{
    size_t size = market->bytes_end - market->bytes_first;
    memmove(market->bytes, market->bytes + market->bytes_first, size);
    for (uint32_t i = 0; i < market->letters_count; i++) {
        uint32_t slot = market_letter_slot(market, market->letters_first + i);
        market->letters[slot].at -= market->bytes_first;
    }
    market->bytes_first = 0;
    market->bytes_end = size;
}

/* The inbox fits, and is the next. */
static void keep_letter(struct tn_market *market, const struct tn_inbox *inbox)
{
    size_t room = 2 * (size_t)market->limits.inbox_bytes_max;
    if (room - market->bytes_end < inbox->items_size) move_to_front(market);
    TN_ASSERT(room - market->bytes_end >= inbox->items_size);
    uint8_t *items = market->bytes + market->bytes_end;
    uint32_t slot = market_letter_slot(market, inbox->height);
    struct letter *letter = &market->letters[slot];
    *letter = (struct letter){.height = inbox->height,
                              .time_ms = inbox->time_ms,
                              .block_hash = inbox->block_hash,
                              .at = market->bytes_end,
                              .size = inbox->items_size,
                              .count = inbox->items_count};
    if (inbox->items_size > 0) memcpy(items, inbox->items, inbox->items_size);
    tn_market_hash_letter(letter, items);
    if (market->letters_count == 0) market->letters_first = inbox->height;
    market->letters_count++;
    market->letters_size += inbox->items_size;
    market->bytes_end += inbox->items_size;
    market_mark(&market->touched_letters, slot);
    market->touched_stream = true;
}

bool tn_market_inbox(struct tn_market *market, const struct tn_inbox *inbox)
{
    uint64_t before = market->letters_count > 0 ? market->letters_first + market->letters_count - 1
                                                : market->cursor;
    TN_ASSERT(inbox->height > 0 && (before == 0 || inbox->height == before + 1));
    TN_ASSERT(tn_market_items_whole(inbox->items, inbox->items_size, inbox->items_count));
    if (!tn_market_inbox_fits(market, inbox->items_size)) return false;
    keep_letter(market, inbox);
    return true;
}

bool tn_market_inbox_next(const struct tn_market *market, struct tn_inbox *inbox)
{
    if (market->letters_count == 0) return false;
    const struct letter *letter =
        &market->letters[market_letter_slot(market, market->letters_first)];
    *inbox = (struct tn_inbox){.height = letter->height,
                               .time_ms = letter->time_ms,
                               .block_hash = letter->block_hash,
                               .items = market->bytes + letter->at,
                               .items_size = letter->size,
                               .items_count = letter->count};
    return true;
}

uint32_t tn_market_inboxes_count(const struct tn_market *market)
{
    return market->letters_count;
}

/* The first one was consumed. */
void tn_market_drop_letter(struct tn_market *market)
{
    TN_ASSERT(market->letters_count > 0);
    uint32_t slot = market_letter_slot(market, market->letters_first);
    struct letter *letter = &market->letters[slot];
    TN_ASSERT(letter->at == market->bytes_first && letter->size <= market->letters_size);
    market->bytes_first += letter->size;
    market->letters_size -= letter->size;
    market->letters_count--;
    market->letters_first++;
    if (market->letters_count == 0) market->bytes_first = market->bytes_end = 0;
    *letter = (struct letter){0};
    market_mark(&market->touched_letters, slot);
    market->touched_stream = true;
}

void tn_market_inboxes_root(struct tn_hash *root, const struct tn_market *market)
{
    uint8_t stream[STREAM_RECORD_MAX];
    struct tn_keccak keccak;
    size_t size = tn_market_write_stream(market, stream);
    tn_keccak_begin(&keccak);
    tn_keccak_add(&keccak, stream, size);
    for (uint32_t i = 0; i < market->letters_count; i++) {
        uint32_t slot = market_letter_slot(market, market->letters_first + i);
        tn_keccak_add(&keccak, market->letters[slot].hash.bytes, TN_HASH_SIZE);
    }
    tn_keccak_end(&keccak, root);
}
