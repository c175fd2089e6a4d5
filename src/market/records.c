/* records: what the market knows beside its exchange, written down and read back (market.md §7).
 *
 * STREAM comes before INBOX and after SESSION; each is checked against the limits of this market,
 * which are genesis, and everything that follows from something else is worked out. */
#include "market/internal.h"

#define STREAM_VERSION 1u

/* ---- Out ---- */

/* The fixed part. */
static void write_stream_head(const struct tn_market *market, uint8_t out[STREAM_RECORD_SIZE])
{
    const struct tn_market_limits *limits = &market->limits;
    tn_put_be(out, STREAM_VERSION, 4);
    tn_put_be(out + 4, limits->market, 4);
    memcpy(out + 8, limits->chain_id, 32);
    tn_put_be(out + 40, limits->sessions_max, 4);
    tn_put_be(out + 44, limits->sessions_per_account_max, 4);
    tn_put_be(out + 48, limits->inboxes_max, 4);
    tn_put_be(out + 52, limits->inbox_bytes_max, 4);
    tn_put_be(out + 56, market->sessions_last, 4);
    tn_put_be(out + 60, market->sessions_used, 4);
    tn_put_be(out + 64, market->cursor, 8);
    tn_put_be(out + 72, market->letters_count == 0 ? 0 : market->letters_first, 8);
    tn_put_be(out + 80, market->letters_count, 8);
}

size_t tn_market_write_stream(const struct tn_market *market, uint8_t out[STREAM_RECORD_MAX])
{
    size_t size = STREAM_RECORD_SIZE;
    uint32_t other, count;
    write_stream_head(market, out);
    for (uint32_t i = 0; tn_exchange_remits_out(market->exchange, &other, &count, i); i++) {
        if (count == 0) continue;
        tn_put_be(out + size, other, 4);
        tn_put_be(out + size + 4, count, 4);
        size += 8;
    }
    return size;
}

void tn_market_write_letter_head(const struct letter *letter, uint8_t out[LETTER_HEAD_SIZE])
{
    tn_put_be(out, letter->height, 8);
    tn_put_be(out + 8, (uint64_t)letter->time_ms, 8);
    memcpy(out + 16, letter->block_hash.bytes, TN_HASH_SIZE);
    tn_put_be(out + 48, letter->count, 4);
}

static size_t write_session(const struct seat *seat, uint8_t *out, size_t out_size)
{
    if (seat->id == 0) return 0;
    if (out_size < TN_RECORD_SESSION_SIZE) return TN_RECORD_SESSION_SIZE;
    tn_put_be(out, seat->id, 8);
    tn_put_be(out + 8, seat->account, 4);
    tn_put_be(out + 12, seat->scope, 4);
    tn_put_be(out + 16, (uint64_t)seat->expires_ms, 8);
    memcpy(out + 24, seat->key.bytes, TN_PUBLIC_KEY_SIZE);
    return TN_RECORD_SESSION_SIZE;
}

static size_t write_stream(const struct tn_market *market, uint8_t *out, size_t out_size)
{
    uint8_t record[STREAM_RECORD_MAX];
    size_t size = tn_market_write_stream(market, record);
    if (out_size >= size) memcpy(out, record, size);
    return size;
}

static size_t write_letter(const struct tn_market *market, uint8_t *out, size_t out_size,
                           uint32_t slot)
{
    const struct letter *letter = &market->letters[slot];
    size_t needed = LETTER_HEAD_SIZE + (size_t)letter->size;
    if (letter->height == 0) return 0;
    if (out_size < needed) return needed;
    tn_market_write_letter_head(letter, out);
    memcpy(out + LETTER_HEAD_SIZE, market->bytes + letter->at, letter->size);
    return needed;
}

uint32_t tn_market_records_count(const struct tn_market *market, uint8_t kind)
{
    switch (kind) {
        case TN_RECORD_SESSION: return market->sessions_used;
        case TN_RECORD_STREAM: return 1;
        case TN_RECORD_INBOX: return market->letters_count == 0 ? 0 : market->limits.inboxes_max;
        default: break;
    }
    if (kind < 1 || kind >= TN_RECORD_KINDS) return 0;
    return tn_exchange_records_count(market->exchange, (enum tn_record_kind)kind);
}

uint32_t tn_market_records_max(const struct tn_market_limits *limits, uint8_t kind)
{
    switch (kind) {
        case TN_RECORD_SESSION: return limits->sessions_max;
        case TN_RECORD_STREAM: return 1;
        case TN_RECORD_INBOX: return limits->inboxes_max;
        default: break;
    }
    if (kind < 1 || kind >= TN_RECORD_KINDS) return 0;
    return tn_exchange_records_max(&limits->exchange, (enum tn_record_kind)kind);
}

size_t tn_market_record_size_max(const struct tn_market_limits *limits, uint8_t kind)
{
    switch (kind) {
        case TN_RECORD_SESSION: return TN_RECORD_SESSION_SIZE;
        case TN_RECORD_STREAM: return STREAM_RECORD_MAX;
        case TN_RECORD_INBOX: return LETTER_HEAD_SIZE + (size_t)limits->inbox_bytes_max;
        default: break;
    }
    if (kind < 1 || kind >= TN_RECORD_KINDS) return 0;
    return tn_exchange_record_size_max(&limits->exchange, (enum tn_record_kind)kind);
}

size_t tn_market_record(const struct tn_market *market, uint8_t *out, size_t out_size, uint8_t kind,
                        uint32_t index)
{
    if (index >= tn_market_records_count(market, kind)) return 0;
    switch (kind) {
        case TN_RECORD_SESSION: return write_session(&market->seats[index], out, out_size);
        case TN_RECORD_STREAM: return write_stream(market, out, out_size);
        case TN_RECORD_INBOX: return write_letter(market, out, out_size, index);
        default: break;
    }
    return tn_exchange_record(market->exchange, out, out_size, (enum tn_record_kind)kind, index);
}

/* Takes marks off, lowest first. */
static uint32_t take_marks(struct marks *marks, struct tn_record_name *names, uint32_t names_max,
                           uint8_t kind)
{
    uint32_t count = 0;
    while (marks->first < marks->end) {
        uint64_t *word = &marks->bits[marks->first];
        while (*word != 0 && count < names_max) {
            uint32_t bit = (uint32_t)__builtin_ctzll(*word);
            names[count++] =
                (struct tn_record_name){.kind = kind, .index = marks->first * 64 + bit};
            *word &= *word - 1;
        }
        if (*word != 0) return count;
        marks->first++;
    }
    marks->first = marks->end = 0;
    return count;
}

uint32_t tn_market_touched(struct tn_market *market, struct tn_record_name *names,
                           uint32_t names_max)
{
    uint32_t count = tn_exchange_touched(market->exchange, names, names_max);
    if (tn_exchange_remits_touched(market->exchange)) market->touched_stream = true;
    count +=
        take_marks(&market->touched_seats, names + count, names_max - count, TN_RECORD_SESSION);
    if (market->touched_stream && count < names_max) {
        names[count++] = (struct tn_record_name){.kind = TN_RECORD_STREAM};
        market->touched_stream = false;
    }
    return count +
           take_marks(&market->touched_letters, names + count, names_max - count, TN_RECORD_INBOX);
}

/* ---- In ---- */

static bool refuse(struct tn_import_fault *fault, uint32_t at, const char *what)
{
    fault->at = at;
    fault->what = what;
    return false;
}

static bool import_session(struct tn_market *market, struct tn_import_fault *fault, uint32_t index,
                           const uint8_t *record, size_t size)
{
    const struct tn_market_limits *limits = &market->limits;
    if (size != TN_RECORD_SESSION_SIZE) return refuse(fault, 0, "a session has 57 bytes");
    struct tn_session session = {.id = tn_get_be(record, 8),
                                 .account = (uint32_t)tn_get_be(record + 8, 4),
                                 .scope = (uint32_t)tn_get_be(record + 12, 4),
                                 .expires_ms = (int64_t)tn_get_be(record + 16, 8)};
    memcpy(session.key.bytes, record + 24, TN_PUBLIC_KEY_SIZE);
    if (index >= limits->sessions_max) return refuse(fault, 0, "past the last seat");
    if ((uint32_t)session.id != index || session.id >> 32 == 0) {
        return refuse(fault, 0, "the session's id is of another seat");
    }
    if (session.account >= tn_exchange_accounts_count(market->exchange)) {
        return refuse(fault, 8, "there is no such account");
    }
    if (session.scope == 0 || (session.scope & ~(uint32_t)TN_SCOPE_ALL) != 0) {
        return refuse(fault, 12, "no such scope");
    }
    if (session.key.bytes[0] != 2 && session.key.bytes[0] != 3) {
        return refuse(fault, 24, "no compressed key begins like this");
    }
    if (market->seats[index].id != 0) return refuse(fault, 0, "this seat came before");
    uint32_t count = 0;
    for (uint32_t i = market->account_head[session.account]; i != TN_NONE; count++)
        i = market->seats[i].next;
    if (count >= limits->sessions_per_account_max) {
        return refuse(fault, 8, "the account has too many sessions");
    }
    tn_market_take_seat(market, index, &session);
    return true;
}

/* The limits must be this market's. */
static bool check_stream_limits(const struct tn_market *market, struct tn_import_fault *fault,
                                const uint8_t *record)
{
    struct tn_market own = {.limits = market->limits};
    uint8_t mine[STREAM_RECORD_SIZE];
    write_stream_head(&own, mine);
    for (uint32_t i = 0; i < 56; i++) {
        if (mine[i] != record[i]) return refuse(fault, i, "of another version, chain or genesis");
    }
    return true;
}

/* What is under way to other markets, behind the fixed part: each market that there is once, in
 * order, with a number that is not zero. */
static bool import_remits(struct tn_market *market, struct tn_import_fault *fault,
                          const uint8_t *record, size_t size)
{
    uint32_t before = 0;
    for (size_t at = STREAM_RECORD_SIZE; at < size; at += 8) {
        uint32_t other = (uint32_t)tn_get_be(record + at, 4);
        uint32_t count = (uint32_t)tn_get_be(record + at + 4, 4);
        if (other <= before || count == 0 ||
            !tn_exchange_set_remits_out(market->exchange, other, count)) {
            return refuse(fault, (uint32_t)at, "this cannot be under way to that market");
        }
        before = other;
    }
    return true;
}

static bool import_stream(struct tn_market *market, struct tn_import_fault *fault, uint32_t index,
                          const uint8_t *record, size_t size)
{
    const struct tn_market_limits *limits = &market->limits;
    if (index != 0 || size < STREAM_RECORD_SIZE || size > STREAM_RECORD_MAX ||
        (size - STREAM_RECORD_SIZE) % 8 != 0) {
        return refuse(fault, 0, "no STREAM record");
    }
    if (market->import_stream) return refuse(fault, 0, "STREAM came before");
    if (!check_stream_limits(market, fault, record)) return false;
    uint32_t last = (uint32_t)tn_get_be(record + 56, 4);
    uint32_t used = (uint32_t)tn_get_be(record + 60, 4);
    uint64_t cursor = tn_get_be(record + 64, 8), first = tn_get_be(record + 72, 8);
    uint64_t count = tn_get_be(record + 80, 8);
    if (used < market->sessions_used || used > limits->sessions_max || used > last) {
        return refuse(fault, 60, "seats that were used do not fit");
    }
    for (uint32_t i = 0; i < market->sessions_used; i++) {
        if (market->seats[i].id >> 32 > last) return refuse(fault, 56, "a session is newer");
    }
    if (count > limits->inboxes_max) return refuse(fault, 80, "more inboxes than may wait");
    if ((count == 0) != (first == 0) || (first != 0 && cursor != 0 && first != cursor + 1) ||
        first > UINT64_MAX - limits->inboxes_max) {
        return refuse(fault, 72, "inboxes do not go on from the cursor");
    }
    if (!import_remits(market, fault, record, size)) return false;
    market->sessions_last = last;
    market->sessions_used = used;
    market->cursor = cursor;
    market->letters_first = first;
    market->import_letters = (uint32_t)count;
    market->import_stream = true;
    return true;
}

static bool import_letter(struct tn_market *market, struct tn_import_fault *fault, uint32_t index,
                          const uint8_t *record, size_t size)
{
    if (!market->import_stream) return refuse(fault, 0, "STREAM comes before INBOX");
    if (size < LETTER_HEAD_SIZE) return refuse(fault, 0, "an inbox has at least 52 bytes");
    uint64_t height = tn_get_be(record, 8);
    uint32_t letters = market->import_letters;
    if (height < market->letters_first || height - market->letters_first >= letters ||
        market_letter_slot(market, height) != index) {
        return refuse(fault, 0, "no inbox of this height waits here");
    }
    if (market->letters[index].height != 0) return refuse(fault, 0, "this inbox came before");
    struct letter letter = {.height = height,
                            .time_ms = (int64_t)tn_get_be(record + 8, 8),
                            .size = (uint32_t)(size - LETTER_HEAD_SIZE),
                            .count = (uint32_t)tn_get_be(record + 48, 4)};
    memcpy(letter.block_hash.bytes, record + 16, TN_HASH_SIZE);
    const uint8_t *items = record + LETTER_HEAD_SIZE;
    if (size - LETTER_HEAD_SIZE > market->limits.inbox_bytes_max - market->letters_size) {
        return refuse(fault, LETTER_HEAD_SIZE, "more bytes of items than may wait");
    }
    if (!tn_market_items_whole(items, letter.size, letter.count)) {
        return refuse(fault, LETTER_HEAD_SIZE, "these are not the items of an inbox");
    }
    /* Where it lies is put right at the end: records come by slot, not by height. */
    letter.at = market->bytes_end;
    if (letter.size > 0) memcpy(market->bytes + letter.at, items, letter.size);
    market->bytes_end += letter.size;
    market->letters_size += letter.size;
    market->letters[index] = letter;
    market->letters_count++;
    return true;
}

bool tn_market_import(struct tn_market *market, struct tn_import_fault *fault, uint8_t kind,
                      uint32_t index, const uint8_t *record, size_t size)
{
    *fault = (struct tn_import_fault){.name = {.kind = kind, .index = index}};
    if (kind < market->import_kind) return refuse(fault, 0, "records come in the order of kinds");
    market->import_kind = kind;
    switch (kind) {
        case TN_RECORD_SESSION: return import_session(market, fault, index, record, size);
        case TN_RECORD_STREAM: return import_stream(market, fault, index, record, size);
        case TN_RECORD_INBOX: return import_letter(market, fault, index, record, size);
        default: break;
    }
    if (kind >= 1 && kind < TN_RECORD_KINDS) {
        return tn_exchange_import(market->exchange, fault, (enum tn_record_kind)kind, index, record,
                                  size);
    }
    return refuse(fault, 0, "there is no record of this kind");
}

/* The bytes of the inboxes into the order of their heights: first behind what came, which is at
 * most half of the area, then back to the front. */
static void order_letters(struct tn_market *market)
{
    size_t half = market->limits.inbox_bytes_max, at = half;
    TN_ASSERT(market->bytes_end <= half);
    for (uint32_t i = 0; i < market->letters_count; i++) {
        uint32_t slot = market_letter_slot(market, market->letters_first + i);
        struct letter *letter = &market->letters[slot];
        memcpy(market->bytes + at, market->bytes + letter->at, letter->size);
        letter->at = at - half;
        at += letter->size;
    }
    memcpy(market->bytes, market->bytes + half, at - half);
    for (uint32_t i = 0; i < market->letters_count; i++) {
        uint32_t slot = market_letter_slot(market, market->letters_first + i);
        tn_market_hash_letter(&market->letters[slot], market->bytes + market->letters[slot].at);
    }
    market->bytes_first = 0;
    market->bytes_end = at - half;
}

static void forget_marks(struct marks *marks)
{
    struct tn_record_name names[64];
    while (take_marks(marks, names, 64, 0) > 0)
        continue;
}

bool tn_market_import_end(struct tn_market *market, struct tn_import_fault *fault)
{
    if (!tn_exchange_import_end(market->exchange, fault)) return false;
    *fault = (struct tn_import_fault){.name = {.kind = TN_RECORD_STREAM}};
    if (!market->import_stream) return refuse(fault, 0, "there is no STREAM record");
    if (market->letters_count != market->import_letters) {
        fault->name.kind = TN_RECORD_INBOX;
        return refuse(fault, 0, "an inbox that waits is missing");
    }
    order_letters(market);
    forget_marks(&market->touched_seats);
    forget_marks(&market->touched_letters);
    market->touched_stream = false;
    market->import_kind = 0;
    market->import_stream = false;
    market->import_letters = 0;
    return true;
}
