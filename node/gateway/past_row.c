/* Steps of a block one behind the other, packed as they come, and a head that says which accounts
 * are in which of them: nothing is written twice, whoever else an event belongs to, and nothing is
 * sorted but the places of steps. All numbers of a row are little-endian: no other machine reads
 * it. */
#include "gateway/past_row.h"

#include <stdlib.h>
#include <string.h>

enum {
    VERSION = 2,
    HEAD_FIXED = 24, /* version u8, 3 zeros, places u32, height u64, time i64 */
    PLACE = 12,      /* market u32, account u32, where the step begins u32 */
    CRC = 4,
    STEP_HEAD_MAX = 3 * TN_PACK_NUMBER_MAX, /* account + 1, nonce, how many events */
    FIRST_ROOM = 1 << 12,
};

/* ---- Making ------------------------------------------------------------------------------------
 */

struct place {
    uint64_t whose; /* market, account */
    uint32_t at;    /* the step's first byte */
};

struct past_row {
    uint32_t bytes_max;
    enum tn_cpu cpu;
    bool failed;
    uint8_t *bytes; /* steps as they came */
    size_t used, room;
    struct place *places;
    size_t places_count, places_room;
    uint8_t *out;
    size_t out_room;
    struct tn_packer packer;
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

static size_t head_size(size_t places)
{
    return HEAD_FIXED + places * PLACE + CRC;
}

/* The account is in the step that begins there. One that was noted may be noted again when others
 * came between: who lays the row drops it. */
static bool note_place(struct past_row *row, uint64_t whose, size_t at)
{
    const struct place *last = row->places_count > 0 ? &row->places[row->places_count - 1] : NULL;
    if (last != NULL && last->whose == whose && last->at == at) return true;
    if (head_size(row->places_count) > row->bytes_max ||
        !grow((void **)&row->places, &row->places_room, row->places_count + 1,
              sizeof row->places[0])) {
        return false;
    }
    row->places[row->places_count++] = (struct place){.whose = whose, .at = (uint32_t)at};
    return true;
}

static bool has_owner(const struct port_step *step, const struct tn_event *events)
{
    uint32_t accounts[2];
    for (uint32_t i = 0; i < step->events_count; i++) {
        if (gateway_history_accounts(accounts, &events[i]) > 0) return true;
    }
    return false;
}

static bool add_step(struct past_row *row, const struct port_step *step,
                     const struct tn_event *events)
{
    const size_t begin = row->used;
    const size_t most = STEP_HEAD_MAX + (size_t)step->events_count * TN_PACK_EVENT_MAX;
    if (!grow((void **)&row->bytes, &row->room, begin + most + TN_PACK_SLACK, 1)) return false;
    uint8_t *out = row->bytes + begin;
    out = tn_stream_put_number(out, (uint32_t)(step->account + 1));
    out = tn_stream_put_number(out, step->nonce);
    out = tn_stream_put_number(out, step->events_count);
    tn_stream_pack_begin(&row->packer, step->account);
    for (uint32_t i = 0; i < step->events_count; i++) {
        uint32_t accounts[2];
        const uint32_t count = gateway_history_accounts(accounts, &events[i]);
        for (uint32_t k = 0; k < count; k++) {
            if (!note_place(row, (uint64_t)step->market << 32 | accounts[k], begin)) return false;
        }
        out = tn_stream_pack(&row->packer, out, &events[i]);
    }
    row->used = (size_t)(out - row->bytes);
    return row->used <= row->bytes_max;
}

void past_row_add(struct past_row *row, const struct port_step *step, const struct tn_event *events)
{
    if (row->failed || !has_owner(step, events)) return;
    row->failed = !add_step(row, step, events);
}

/* A number under a place whose account is none. */
void past_row_orders(struct past_row *row, uint32_t market, uint64_t last_order_id)
{
    if (row->failed || row->places_count == 0) return;
    row->failed = !grow((void **)&row->bytes, &row->room,
                        row->used + TN_PACK_NUMBER_MAX + TN_PACK_SLACK, 1) ||
                  !note_place(row, (uint64_t)market << 32 | TN_NONE, row->used);
    if (row->failed) return;
    row->used = (size_t)(tn_stream_put_number(row->bytes + row->used, last_order_id) - row->bytes);
    row->failed = row->used > row->bytes_max;
}

static int compare_places(const void *one, const void *other)
{
    const struct place *a = one, *b = other;
    if (a->whose != b->whose) return a->whose < b->whose ? -1 : 1;
    return a->at < b->at ? -1 : a->at > b->at;
}

static void sort_places(struct past_row *row)
{
    size_t kept = 0;
    qsort(row->places, row->places_count, sizeof row->places[0], compare_places);
    for (size_t i = 0; i < row->places_count; i++) {
        if (kept == 0 || compare_places(&row->places[kept - 1], &row->places[i]) != 0)
            row->places[kept++] = row->places[i];
    }
    row->places_count = kept;
}

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

static void lay(struct past_row *row, uint64_t height, int64_t time_ms)
{
    const size_t head = head_size(row->places_count), before = head - CRC;
    uint8_t *entry = row->out + HEAD_FIXED;
    memset(row->out, 0, HEAD_FIXED);
    row->out[0] = VERSION;
    put_number(row->out + 4, row->places_count, 4);
    put_number(row->out + 8, height, 8);
    put_number(row->out + 16, (uint64_t)time_ms, 8);
    for (size_t i = 0; i < row->places_count; i++, entry += PLACE) {
        put_number(entry, row->places[i].whose >> 32, 4);
        put_number(entry + 4, row->places[i].whose, 4);
        put_number(entry + 8, head + row->places[i].at, 4);
    }
    put_number(row->out + before, tn_crc32c(0, row->cpu, row->out, before), CRC);
    memcpy(row->out + head, row->bytes, row->used);
}

bool past_row_finish(struct past_row *row, const uint8_t **bytes, size_t *size, uint64_t height,
                     int64_t time_ms)
{
    bool is_good = !row->failed;
    *bytes = NULL;
    *size = 0;
    if (is_good && row->places_count > 0) {
        sort_places(row);
        const size_t need = head_size(row->places_count) + row->used;
        is_good = need <= row->bytes_max && grow((void **)&row->out, &row->out_room, need, 1);
        if (is_good) lay(row, height, time_ms);
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
    const uint32_t places = (uint32_t)take_number(bytes + 4, 4);
    if (places == 0 || places > (size - HEAD_FIXED - CRC) / PLACE) return false;
    const size_t before = head_size(places) - CRC;
    if (take_number(bytes + before, CRC) != tn_crc32c(0, cpu, bytes, before)) return false;
    *head = (struct past_row_head){.height = take_number(bytes + 8, 8),
                                   .time_ms = (int64_t)take_number(bytes + 16, 8),
                                   .places_count = places,
                                   .bytes = bytes,
                                   .size = size};
    return true;
}

static const uint8_t *place_at(const struct past_row_head *head, uint32_t index)
{
    return head->bytes + HEAD_FIXED + (size_t)index * PLACE;
}

static uint64_t whose_at(const struct past_row_head *head, uint32_t index)
{
    const uint8_t *place = place_at(head, index);
    return take_number(place, 4) << 32 | take_number(place + 4, 4);
}

/* The first place that is not below; places_count: none. */
static uint32_t find_place(const struct past_row_head *head, uint64_t whose)
{
    uint32_t low = 0, high = head->places_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (whose_at(head, middle) < whose) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_at(const struct past_row_head *head, uint32_t place, uint64_t whose)
{
    return place < head->places_count && whose_at(head, place) == whose;
}

bool past_row_find(struct past_row_messages *messages, const struct past_row_head *head,
                   uint32_t market, uint32_t account)
{
    const uint64_t whose = (uint64_t)market << 32 | account;
    const uint32_t place = find_place(head, whose);
    if (account == TN_NONE || !is_at(head, place, whose)) return false;
    messages->head = *head;
    messages->whose = whose;
    messages->place = place;
    messages->index = messages->events = 0;
    return true;
}

bool past_row_last_order(uint64_t *last_order_id, const struct past_row_head *head, uint32_t market)
{
    const uint64_t whose = (uint64_t)market << 32 | TN_NONE;
    const uint32_t place = find_place(head, whose);
    if (!is_at(head, place, whose)) return false;
    const uint64_t at = take_number(place_at(head, place) + 8, 4);
    const uint8_t *bytes = head->bytes + at, *end = head->bytes + head->size;
    return at < head->size && tn_stream_take_number(last_order_id, &bytes, end);
}

bool past_row_next_account(uint32_t *account, const struct past_row_head *head, uint32_t market)
{
    const uint32_t from = *account == TN_NONE ? 0 : *account + 1;
    const uint32_t place = find_place(head, (uint64_t)market << 32 | from);
    if (place == head->places_count || whose_at(head, place) >> 32 != market) return false;
    *account = (uint32_t)whose_at(head, place);
    return *account != TN_NONE;
}

/* The account's next step. False: it does not read. */
static bool open_step(struct past_row_messages *messages)
{
    const struct past_row_head *head = &messages->head;
    const uint64_t at = take_number(place_at(head, messages->place++) + 8, 4);
    uint64_t account, count;
    if (at >= head->size) return false;
    messages->at = head->bytes + at;
    messages->end = head->bytes + head->size;
    if (!tn_stream_take_number(&account, &messages->at, messages->end) ||
        !tn_stream_take_number(&messages->nonce, &messages->at, messages->end) ||
        !tn_stream_take_number(&count, &messages->at, messages->end))
        return false;
    if (count > head->size) return false;
    messages->account = (uint32_t)(account - 1);
    messages->events = (uint32_t)count;
    tn_stream_pack_begin(&messages->unpacker.packer, messages->account);
    return true;
}

static bool is_of(uint32_t account, const struct tn_event *event)
{
    uint32_t accounts[2];
    const uint32_t count = gateway_history_accounts(accounts, event);
    return (count > 0 && accounts[0] == account) || (count > 1 && accounts[1] == account);
}

enum past_row_answer past_row_next(struct past_row_messages *messages,
                                   struct gateway_record *record)
{
    const struct past_row_head *head = &messages->head;
    const uint32_t account = (uint32_t)messages->whose;
    for (;;) {
        while (messages->events == 0) {
            if (messages->place == head->places_count ||
                whose_at(head, messages->place) != messages->whose)
                return PAST_ROW_END;
            if (!open_step(messages)) return PAST_ROW_DAMAGED;
        }
        messages->events--;
        if (!tn_stream_unpack(&messages->unpacker, &record->event, &messages->at, messages->end))
            return PAST_ROW_DAMAGED;
        if (is_of(account, &record->event)) break;
    }
    record->nonce = messages->account == account ? messages->nonce : 0;
    record->at = (struct gateway_place){head->height, messages->index++};
    record->time_ms = head->time_ms;
    return PAST_ROW_NEXT;
}
