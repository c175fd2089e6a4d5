/* A message is some numbers, most of them zero or small: a mask says which are not zero, and each
 * of those is written in groups of seven bits. That makes some 40 bytes of 120.
 *
 * Messages are encoded as they come; their places are sorted by account when the block is over, and
 * the bytes are laid together. All numbers of a row are little-endian: no other machine reads it.
 */
#include "gateway/past_row.h"

#include <stdlib.h>
#include <string.h>

enum {
    VERSION = 1,
    HEAD_FIXED = 24, /* version u8, 3 zeros, accounts u32, height u64, time i64 */
    ENTRY = 16,      /* market u32, account u32, where its messages begin u32, how many u32 */
    CRC = 4,
    NUMBERS = 13, /* of a message */
    GROUPS_MAX = 10,
    MESSAGE_MAX = 2 + NUMBERS * GROUPS_MAX,
    FIRST_ROOM = 1 << 12,
};

/* ---- Numbers -----------------------------------------------------------------------------------
 */

static void put_number(uint8_t *out, uint64_t value, uint32_t bytes_count)
{
    for (uint32_t i = 0; i < bytes_count; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t take_number(const uint8_t *in, uint32_t bytes_count)
{
    uint64_t value = 0;
    for (uint32_t i = bytes_count; i > 0; i--)
        value = value << 8 | in[i - 1];
    return value;
}

/* Small numbers of either sign become small ones. */
static uint64_t fold(int64_t value)
{
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static int64_t unfold(uint64_t value)
{
    return (int64_t)((value >> 1) ^ (~(value & 1) + 1));
}

static uint64_t index_pair(const struct tn_event *event)
{
    return event->index | (uint64_t)event->other_index << 32;
}

/* other_account: TN_NONE comes as often as 0. */
static void numbers_of(uint64_t out[NUMBERS], uint32_t account, uint64_t nonce,
                       const struct tn_event *event)
{
    out[0] = event->kind | (uint64_t)event->side << 8 | (uint64_t)event->flags << 16 |
             (uint64_t)event->reason << 24 | (uint64_t)event->reject << 32 |
             (uint64_t)event->duplicate << 48;
    out[1] = nonce;
    out[2] = event->account ^ account;
    out[3] = (uint32_t)(event->other_account + 1);
    out[4] = event->series_id;
    out[5] = event->order_id;
    out[6] = event->client_id;
    out[7] = fold(event->price);
    out[8] = fold(event->quantity);
    out[9] = fold(event->remaining);
    out[10] = fold(event->other_remaining);
    out[11] = fold(event->money);
    out[12] = fold((int64_t)index_pair(event)); /* and other_fee */
}

static void event_of(struct gateway_record *record, const uint64_t in[NUMBERS], uint32_t account)
{
    const uint64_t pair = (uint64_t)unfold(in[12]);
    record->nonce = in[1];
    record->event = (struct tn_event){
        .kind = (uint8_t)in[0],
        .side = (uint8_t)(in[0] >> 8),
        .flags = (uint8_t)(in[0] >> 16),
        .reason = (uint8_t)(in[0] >> 24),
        .reject = (uint16_t)(in[0] >> 32),
        .duplicate = (uint16_t)(in[0] >> 48),
        .account = (uint32_t)in[2] ^ account,
        .other_account = (uint32_t)in[3] - 1,
        .series_id = in[4],
        .order_id = in[5],
        .client_id = in[6],
        .price = unfold(in[7]),
        .quantity = unfold(in[8]),
        .remaining = unfold(in[9]),
        .other_remaining = unfold(in[10]),
        .money = unfold(in[11]),
    };
    record->event.index = (uint32_t)pair;
    record->event.other_index = (uint32_t)(pair >> 32);
}

static uint32_t put_message(uint8_t *out, const uint64_t numbers[NUMBERS])
{
    uint32_t used = 2, mask = 0;
    for (uint32_t i = 0; i < NUMBERS; i++) {
        uint64_t value = numbers[i];
        if (value == 0) continue;
        mask |= 1u << i;
        for (; value >= 0x80; value >>= 7)
            out[used++] = (uint8_t)(value | 0x80);
        out[used++] = (uint8_t)value;
    }
    put_number(out, mask, 2);
    return used;
}

static bool take_message(uint64_t numbers[NUMBERS], const uint8_t **at, const uint8_t *end)
{
    if (end - *at < 2) return false;
    const uint64_t mask = take_number(*at, 2);
    *at += 2;
    if (mask >> NUMBERS != 0) return false;
    for (uint32_t i = 0; i < NUMBERS; i++) {
        numbers[i] = 0;
        if ((mask >> i & 1) == 0) continue;
        for (uint32_t group = 0;; group++) {
            if (*at == end || group == GROUPS_MAX) return false;
            const uint8_t byte = *(*at)++;
            numbers[i] |= (uint64_t)(byte & 0x7f) << (7 * group);
            if ((byte & 0x80) == 0) break;
        }
    }
    return true;
}

/* ---- Making ------------------------------------------------------------------------------------
 */

struct place {
    uint64_t whose; /* market, account */
    uint32_t at, size;
};

struct past_row {
    uint32_t bytes_max;
    enum tn_cpu cpu;
    bool failed;
    uint8_t *bytes; /* messages as they came */
    size_t used, room;
    struct place *places; /* of each */
    size_t places_count, places_room;
    uint8_t *out;
    size_t out_room;
};

struct past_row *past_row_make(uint32_t bytes_max, enum tn_cpu cpu)
{
    struct past_row *row = calloc(1, sizeof *row);
    if (row == NULL) return NULL;
    row->bytes_max = bytes_max;
    row->cpu = cpu;
    return row;
}

void past_row_free(struct past_row *row)
{
    if (row == NULL) return;
    free(row->bytes);
    free(row->places);
    free(row->out);
    free(row);
}

static bool grow(void **memory, size_t *room, size_t need, size_t each)
{
    if (need <= *room) return true;
    size_t count = *room < FIRST_ROOM ? FIRST_ROOM : *room;
    while (count < need)
        count *= 2;
    void *grown = realloc(*memory, count * each);
    if (grown == NULL) return false;
    *memory = grown;
    *room = count;
    return true;
}

static bool add_message(struct past_row *row, uint32_t account, const struct port_step *step,
                        const struct tn_event *event)
{
    uint64_t numbers[NUMBERS];
    if (row->used + MESSAGE_MAX > row->bytes_max ||
        !grow((void **)&row->bytes, &row->room, row->used + MESSAGE_MAX, 1) ||
        !grow((void **)&row->places, &row->places_room, row->places_count + 1,
              sizeof *row->places)) {
        return false;
    }
    numbers_of(numbers, account, step->account == account ? step->nonce : 0, event);
    const uint32_t size = put_message(row->bytes + row->used, numbers);
    row->places[row->places_count++] = (struct place){
        .whose = (uint64_t)step->market << 32 | account, .at = (uint32_t)row->used, .size = size};
    row->used += size;
    return true;
}

void past_row_add(struct past_row *row, const struct port_step *step, const struct tn_event *events)
{
    for (uint32_t i = 0; i < step->events_count && !row->failed; i++) {
        uint32_t accounts[2];
        const uint32_t count = gateway_history_accounts(accounts, &events[i]);
        for (uint32_t k = 0; k < count; k++)
            row->failed = row->failed || !add_message(row, accounts[k], step, &events[i]);
    }
}

/* Messages of one account stay in the order in which they came. */
static int compare_places(const void *one, const void *other)
{
    const struct place *a = one, *b = other;
    if (a->whose != b->whose) return a->whose < b->whose ? -1 : 1;
    return a->at < b->at ? -1 : a->at > b->at;
}

static uint32_t accounts_count(const struct past_row *row)
{
    uint32_t count = 0;
    for (size_t i = 0; i < row->places_count; i++)
        count += i == 0 || row->places[i].whose != row->places[i - 1].whose;
    return count;
}

static size_t head_size(uint32_t accounts)
{
    return HEAD_FIXED + (size_t)accounts * ENTRY + CRC;
}

static void lay(struct past_row *row, uint32_t accounts, uint64_t height, int64_t time_ms)
{
    uint8_t *entry = row->out + HEAD_FIXED - ENTRY;
    size_t at = head_size(accounts);
    memset(row->out, 0, HEAD_FIXED);
    row->out[0] = VERSION;
    put_number(row->out + 4, accounts, 4);
    put_number(row->out + 8, height, 8);
    put_number(row->out + 16, (uint64_t)time_ms, 8);
    for (size_t i = 0, count = 0; i < row->places_count; i++) {
        const struct place *place = &row->places[i];
        if (i == 0 || place->whose != place[-1].whose) {
            entry += ENTRY;
            count = 0;
            put_number(entry, place->whose >> 32, 4);
            put_number(entry + 4, place->whose, 4);
            put_number(entry + 8, at, 4);
        }
        put_number(entry + 12, ++count, 4);
        memcpy(row->out + at, row->bytes + place->at, place->size);
        at += place->size;
    }
    const size_t before = head_size(accounts) - CRC;
    put_number(row->out + before, tn_crc32c(0, row->cpu, row->out, before), CRC);
}

bool past_row_finish(struct past_row *row, const uint8_t **bytes, size_t *size, uint64_t height,
                     int64_t time_ms)
{
    bool is_good = !row->failed;
    *bytes = NULL;
    *size = 0;
    if (is_good && row->places_count > 0) {
        qsort(row->places, row->places_count, sizeof *row->places, compare_places);
        const uint32_t accounts = accounts_count(row);
        const size_t need = head_size(accounts) + row->used;
        is_good = need <= row->bytes_max && grow((void **)&row->out, &row->out_room, need, 1);
        if (is_good) lay(row, accounts, height, time_ms);
        *bytes = is_good ? row->out : NULL;
        *size = is_good ? need : 0;
    }
    row->used = row->places_count = 0;
    row->failed = false;
    return is_good;
}

/* ---- Reading -----------------------------------------------------------------------------------
 */

bool past_row_open(struct past_row_head *head, enum tn_cpu cpu, const uint8_t *bytes, size_t size)
{
    if (size < HEAD_FIXED + CRC || bytes[0] != VERSION) return false;
    const uint32_t accounts = (uint32_t)take_number(bytes + 4, 4);
    if (accounts == 0 || accounts > (size - HEAD_FIXED - CRC) / ENTRY) return false;
    const size_t before = head_size(accounts) - CRC;
    if (take_number(bytes + before, CRC) != tn_crc32c(0, cpu, bytes, before)) return false;
    *head = (struct past_row_head){.height = take_number(bytes + 8, 8),
                                   .time_ms = (int64_t)take_number(bytes + 16, 8),
                                   .accounts_count = accounts,
                                   .bytes = bytes,
                                   .size = size};
    return true;
}

bool past_row_find(struct past_row_messages *messages, const struct past_row_head *head,
                   uint32_t market, uint32_t account)
{
    const uint64_t whose = (uint64_t)market << 32 | account;
    uint32_t low = 0, high = head->accounts_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const uint8_t *entry = head->bytes + HEAD_FIXED + (size_t)middle * ENTRY;
        const uint64_t found = take_number(entry, 4) << 32 | take_number(entry + 4, 4);
        if (found < whose) {
            low = middle + 1;
        } else if (found > whose) {
            high = middle;
        } else {
            const uint64_t at = take_number(entry + 8, 4);
            *messages =
                (struct past_row_messages){.at = head->bytes + (at < head->size ? at : head->size),
                                           .end = head->bytes + head->size,
                                           .account = account,
                                           .count = (uint32_t)take_number(entry + 12, 4),
                                           .height = head->height,
                                           .time_ms = head->time_ms};
            return true;
        }
    }
    return false;
}

bool past_row_next(struct past_row_messages *messages, struct gateway_record *record)
{
    uint64_t numbers[NUMBERS];
    TN_ASSERT(messages->index < messages->count);
    if (!take_message(numbers, &messages->at, messages->end)) return false;
    event_of(record, numbers, messages->account);
    record->at = (struct gateway_place){messages->height, messages->index++};
    record->time_ms = messages->time_ms;
    return true;
}
