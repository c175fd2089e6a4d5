/* A ring of bytes with records in it, and a chain through them for each account that has some.
 *
 * A record is events of one account that follow each other in one block, of one frame or of none;
 * the last one grows while such events come. Records are named by their positions, which count
 * bytes since the beginning and never wrap; one that begins before the ring's end lies in one piece
 * beyond it.
 *
 * Of a chain the oldest and the newest record are known, and each knows the next one. When room is
 * needed the oldest record of all goes, so also the oldest of its chain: chains are cut at their
 * beginning only. `dropped` of a chain is the highest place that is missing from it; for an account
 * without a chain it is the end of the block that the ring last took anything from. A chain without
 * records stays while its block goes on, since it counts that block's events. */
#include "gateway/account_history.h"

#include "wire/wire.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(GATEWAY_TOLD_MAX == WIRE_ACCOUNT_EVENTS_MAX, "a record fits a message");

#define RECORD_BYTES_MAX 16384u /* of its events; a frame of 64 quotes has some 3 500 */
#define ALIGNMENT        8u
#define BYTES_A_CHAIN    256u /* of the room that is given */

struct record {
    uint64_t next; /* position of the account's next record; 0: none */
    uint64_t nonce, block;
    int64_t time_ms;
    uint32_t index; /* of its first event */
    uint32_t count;
    uint32_t size; /* of the events behind it */
    uint32_t chain;
};

struct chain {
    uint32_t market, account;
    uint64_t oldest, newest; /* positions; 0: no records */
    struct gateway_place dropped;
    uint64_t block;  /* that the last event was of */
    uint32_t events; /* of that block so far */
    uint32_t next;   /* in its bucket, or among the free */
};

struct gateway_history {
    uint64_t capacity;
    uint64_t bottom, last, end; /* positions: of the oldest record, of the newest one, behind it */
    uint64_t count;             /* events */
    uint64_t floor;             /* blocks up to this may have lost events */
    uint64_t block;             /* of the last step */
    bool begun;
    uint32_t buckets_mask, chains_count, chains_made, free;
    bool has_empty; /* chains that are kept for their count alone, perhaps */
    uint8_t *ring;
    struct chain *chains;
    uint32_t *buckets;
};

struct gateway_history *gateway_history_make(uint64_t bytes)
{
    struct gateway_history *history = calloc(1, sizeof *history);
    if (history == NULL) return NULL;
    uint64_t chains = bytes / BYTES_A_CHAIN;
    if (chains < 16) chains = 16;
    if (chains > UINT32_MAX / 4) chains = UINT32_MAX / 4;
    uint32_t buckets = 16;
    while (buckets < chains)
        buckets *= 2;
    const uint64_t spent = chains * sizeof(struct chain) + buckets * sizeof(uint32_t);
    const uint64_t beyond =
        sizeof(struct record) + RECORD_BYTES_MAX; /* the end, for the last one */
    history->capacity = 2 * beyond;
    if (bytes > spent + 3 * beyond)
        history->capacity = (bytes - spent - beyond) & ~(uint64_t)(ALIGNMENT - 1);
    history->bottom = history->end = history->capacity; /* none has the position 0 */
    history->buckets_mask = buckets - 1;
    history->chains_count = (uint32_t)chains;
    history->free = TN_NONE;
    history->ring = calloc(1, history->capacity + beyond);
    history->chains = calloc(chains, sizeof(struct chain));
    history->buckets = malloc(buckets * sizeof(uint32_t));
    if (history->ring == NULL || history->chains == NULL || history->buckets == NULL) {
        gateway_history_free(history);
        return NULL;
    }
    memset(history->buckets, 0xff, buckets * sizeof(uint32_t));
    return history;
}

void gateway_history_free(struct gateway_history *history)
{
    if (history == NULL) return;
    free(history->ring);
    free(history->chains);
    free(history->buckets);
    free(history);
}

uint64_t gateway_history_count(const struct gateway_history *history)
{
    return history->count;
}

/* ---- Records ----------------------------------------------------------------------------------
 */

static struct record *record_at(const struct gateway_history *history, uint64_t position)
{
    return (struct record *)(void *)(history->ring + position % history->capacity);
}

static uint8_t *events_of(struct record *record)
{
    return (uint8_t *)(record + 1);
}

static uint64_t size_of(uint32_t events_size)
{
    return (sizeof(struct record) + events_size + ALIGNMENT - 1) & ~(uint64_t)(ALIGNMENT - 1);
}

static struct gateway_place last_place(const struct record *record)
{
    return (struct gateway_place){record->block, record->index + record->count - 1};
}

/* ---- Chains -----------------------------------------------------------------------------------
 */

static uint32_t *bucket_of(const struct gateway_history *history, uint32_t market, uint32_t account)
{
    uint64_t key = (((uint64_t)market << 32) | account) * UINT64_C(0x9e3779b97f4a7c15);
    return &history->buckets[(key >> 32) & history->buckets_mask];
}

static struct chain *find(const struct gateway_history *history, uint32_t market, uint32_t account)
{
    uint32_t index = *bucket_of(history, market, account);
    while (index != TN_NONE) {
        struct chain *chain = &history->chains[index];
        if (chain->market == market && chain->account == account) return chain;
        index = chain->next;
    }
    return NULL;
}

static void remove_chain(struct gateway_history *history, uint32_t index)
{
    struct chain *chain = &history->chains[index];
    uint32_t *link = bucket_of(history, chain->market, chain->account);
    while (*link != index)
        link = &history->chains[*link].next;
    *link = chain->next;
    chain->next = history->free;
    history->free = index;
}

/* Takes the oldest record away. */
static void drop_oldest(struct gateway_history *history)
{
    const struct record *record = record_at(history, history->bottom);
    struct chain *chain = &history->chains[record->chain];
    TN_ASSERT(chain->oldest == history->bottom);
    chain->oldest = record->next;
    chain->dropped = last_place(record);
    if (record->block > history->floor) history->floor = record->block;
    if (chain->oldest == 0) {
        chain->newest = 0;
        if (chain->block != history->block)
            remove_chain(history, record->chain);
        else
            history->has_empty = true;
    }
    history->count -= record->count;
    history->bottom += size_of(record->size);
}

/* TN_NONE: all are in use, which takes a block with events of more accounts than there are. */
static uint32_t take_chain(struct gateway_history *history)
{
    while (history->free == TN_NONE && history->chains_made == history->chains_count) {
        if (history->bottom == history->end) return TN_NONE;
        drop_oldest(history);
    }
    if (history->free == TN_NONE) return history->chains_made++;
    const uint32_t index = history->free;
    history->free = history->chains[index].next;
    return index;
}

static struct chain *add_chain(struct gateway_history *history, uint32_t market, uint32_t account)
{
    const uint32_t index = take_chain(history);
    if (index == TN_NONE) return NULL;
    uint32_t *bucket = bucket_of(history, market, account);
    history->chains[index] = (struct chain){
        .market = market,
        .account = account,
        .dropped = {history->floor, UINT32_MAX},
        .next = *bucket,
    };
    *bucket = index;
    return &history->chains[index];
}

/* A block is over: chains that were kept for their count alone may go. They are those whose last
 * record was dropped during it, so they are looked for only then. */
static void next_block(struct gateway_history *history, uint64_t block)
{
    history->block = block;
    const bool is_full = history->chains_made == history->chains_count && history->free == TN_NONE;
    if (!is_full || !history->has_empty) return;
    history->has_empty = false;
    for (uint32_t i = 0; i < history->chains_made; i++) {
        if (history->chains[i].newest == 0) remove_chain(history, i);
    }
}

/* ---- Adding -----------------------------------------------------------------------------------
 */

uint32_t gateway_history_accounts(uint32_t accounts[2], const struct tn_event *event)
{
    uint32_t count = 0;
    bool two = false;
    switch ((enum tn_event_kind)event->kind) {
        case TN_EVENT_STATUS:
        case TN_EVENT_LISTED:
        case TN_EVENT_UNCROSSED:
        case TN_EVENT_MARKED:
        case TN_EVENT_FEED:
        case TN_EVENT_RISK: return 0;
        case TN_EVENT_TRADE:
        case TN_EVENT_MONEY:
        case TN_EVENT_SEIZED:
        case TN_EVENT_DELEVERAGED: two = true; break;
        case TN_EVENT_RESULT:
        case TN_EVENT_ACCEPTED:
        case TN_EVENT_CANCELLED:
        case TN_EVENT_REDUCED:
        case TN_EVENT_REPLACED:
        case TN_EVENT_REFRESHED:
        case TN_EVENT_TRIGGERED:
        case TN_EVENT_QUOTED:
        case TN_EVENT_PROTECTED:
        case TN_EVENT_SETTLED:
        case TN_EVENT_FUNDED:
        case TN_EVENT_OPENED:
        case TN_EVENT_LIQUIDATION:
        case TN_EVENT_SLICE:
        case TN_EVENT_INSURANCE:
        case TN_EVENT_DEBT:
        case TN_EVENT_SOCIALISED:
        case TN_EVENT_BORROWED:
        case TN_EVENT_CALLED:
        case TN_EVENT_REMITTED: break; /* the other account is another market's */
    }
    if (event->account != TN_NONE) accounts[count++] = event->account;
    if (two && event->other_account != TN_NONE && event->other_account != event->account)
        accounts[count++] = event->other_account;
    return count;
}

/* The newest record, if the account's next event belongs to it. */
static struct record *growing(const struct gateway_history *history, const struct chain *chain,
                              uint64_t nonce)
{
    if (chain->newest == 0 || chain->newest != history->last) return NULL;
    struct record *record = record_at(history, history->last);
    const bool fits =
        record->count < GATEWAY_TOLD_MAX && record->size + WIRE_EVENT_BYTES <= RECORD_BYTES_MAX;
    return fits && record->block == chain->block && record->nonce == nonce ? record : NULL;
}

static struct record *begin_record(struct gateway_history *history, struct chain *chain,
                                   const struct port_step *step, uint64_t nonce)
{
    const uint64_t position = history->end;
    struct record *record = record_at(history, position);
    *record = (struct record){
        .nonce = nonce,
        .block = step->block,
        .time_ms = step->time_ms,
        .index = chain->events,
        .chain = (uint32_t)(chain - history->chains),
    };
    if (chain->newest != 0) record_at(history, chain->newest)->next = position;
    if (chain->oldest == 0) chain->oldest = position;
    chain->newest = history->last = position;
    history->end += size_of(0);
    return record;
}

/* So that one more event fits, in a record of its own or not. The newest record never goes: there
 * is room for two. */
static void make_room(struct gateway_history *history)
{
    const uint64_t need = size_of(WIRE_EVENT_BYTES);
    while (history->end + need - history->bottom > history->capacity)
        drop_oldest(history);
}

static bool add(struct gateway_history *history, uint32_t account, const struct port_step *step,
                const struct tn_event *event)
{
    const uint64_t nonce = step->account == account ? step->nonce : 0;
    make_room(history);
    struct chain *chain = find(history, step->market, account);
    if (chain == NULL) chain = add_chain(history, step->market, account);
    if (chain == NULL) return false;
    if (chain->block != step->block) {
        chain->block = step->block;
        chain->events = 0;
    }
    struct record *record = growing(history, chain, nonce);
    if (record == NULL) record = begin_record(history, chain, step, nonce);
    record->size += (uint32_t)wire_write_account_event(events_of(record) + record->size, event);
    record->count++;
    chain->events++;
    history->count++;
    history->end = history->last + size_of(record->size);
    return true;
}

void gateway_history_add(struct gateway_history *history, const struct port_step *step,
                         const struct tn_event *events)
{
    if (!history->begun) {
        history->begun = true;
        if (step->block - 1 > history->floor) history->floor = step->block - 1;
    }
    if (step->block != history->block) next_block(history, step->block);
    for (uint32_t i = 0; i < step->events_count; i++) {
        uint32_t accounts[2];
        uint32_t count = gateway_history_accounts(accounts, &events[i]);
        for (uint32_t k = 0; k < count; k++) {
            if (!add(history, accounts[k], step, &events[i]))
                gateway_history_forget(history, step->block);
        }
    }
}

void gateway_history_forget(struct gateway_history *history, uint64_t height)
{
    while (history->bottom < history->end)
        drop_oldest(history);
    if (height > history->floor) history->floor = height;
    for (uint32_t i = 0; i <= history->buckets_mask; i++) {
        for (uint32_t k = history->buckets[i]; k != TN_NONE; k = history->chains[k].next)
            history->chains[k].dropped = (struct gateway_place){history->floor, UINT32_MAX};
    }
    history->begun = true;
}

/* ---- Reading ----------------------------------------------------------------------------------
 */

bool gateway_history_is_whole(const struct gateway_history *history,
                              const struct gateway_cursor *cursor)
{
    const struct chain *chain = find(history, cursor->market, cursor->account);
    struct gateway_place dropped = {history->floor, UINT32_MAX};
    if (chain != NULL) dropped = chain->dropped;
    return gateway_place_compare(cursor->after, dropped) >= 0;
}

static bool has_more(const struct record *record, struct gateway_place after)
{
    return gateway_place_compare(last_place(record), after) > 0;
}

/* The first record with something behind the cursor's place; 0: none. */
static uint64_t first_after(const struct gateway_history *history,
                            const struct gateway_cursor *cursor)
{
    const struct chain *chain = find(history, cursor->market, cursor->account);
    if (chain == NULL || chain->newest == 0) return 0;
    if (!has_more(record_at(history, chain->newest), cursor->after)) return 0;
    uint64_t position = chain->oldest;
    while (!has_more(record_at(history, position), cursor->after))
        position = record_at(history, position)->next;
    return position;
}

void gateway_history_seek_end(const struct gateway_history *history, struct gateway_cursor *cursor)
{
    const struct chain *chain = find(history, cursor->market, cursor->account);
    if (chain == NULL || chain->newest == 0) return;
    if (!has_more(record_at(history, chain->newest), cursor->after))
        cursor->position = chain->newest;
}

/* What of the record is behind the place. */
static void tell(struct gateway_told *told, struct record *record, struct gateway_place after)
{
    const bool is_begun = after.block == record->block && after.index >= record->index;
    const uint32_t skipped = is_begun ? after.index + 1 - record->index : 0;
    const size_t skipped_size = wire_account_events_size(events_of(record), skipped);
    *told = (struct gateway_told){
        .at = {record->block, record->index + skipped},
        .nonce = record->nonce,
        .time_ms = record->time_ms,
        .count = record->count - skipped,
        .events = events_of(record) + skipped_size,
        .size = record->size - skipped_size,
    };
}

enum gateway_history_answer gateway_history_next(const struct gateway_history *history,
                                                 struct gateway_cursor *cursor,
                                                 struct gateway_told *told)
{
    uint64_t position = cursor->position;
    if (position < history->bottom || position >= history->end) {
        if (!gateway_history_is_whole(history, cursor)) return GATEWAY_HISTORY_GONE;
        position = first_after(history, cursor);
    }
    while (position != 0 && !has_more(record_at(history, position), cursor->after))
        position = record_at(history, position)->next; /* one that was told may have grown */
    if (position == 0) return GATEWAY_HISTORY_END;
    struct record *record = record_at(history, position);
    tell(told, record, cursor->after);
    cursor->after = last_place(record);
    cursor->position = position;
    return GATEWAY_HISTORY_NEXT;
}
