/* A ring of records, numbered from 1, and a chain through it for each account that has some.
 *
 * Of a chain the oldest and the newest record are known, and each knows the next one. When the ring
 * comes round, the record that it takes is the oldest of all, so also the oldest of its chain:
 * chains are cut at their beginning only. `dropped` of a chain is the highest place that is missing
 * from it; for an account without a chain it is the end of the block that the ring last took
 * anything from. A chain without records stays while its block goes on, since it counts that
 * block's messages. */
#include "gateway/account_history.h"

#include <stdlib.h>
#include <string.h>

struct slot {
    struct gateway_record record;
    uint64_t next;  /* number of the account's next record; 0: none */
    uint32_t chain; /* index */
};

struct chain {
    uint32_t market, account;
    uint64_t oldest, newest; /* numbers; 0: no records */
    struct gateway_place dropped;
    uint64_t block;    /* that the last message was of */
    uint32_t messages; /* of that block so far */
    uint32_t next;     /* in its bucket, among the free or the empty ones */
};

struct gateway_history {
    uint64_t slots_count, top, bottom; /* numbers: top is the last one, bottom the oldest kept */
    uint64_t floor;                    /* blocks up to this may have lost messages */
    uint64_t block;                    /* of the last step */
    bool begun;
    uint32_t buckets_mask, chains_count, chains_made, free;
    uint32_t empty; /* chains without records, of this block */
    struct slot *slots;
    struct chain *chains;
    uint32_t *buckets;
};

struct gateway_history *gateway_history_make(uint64_t bytes)
{
    struct gateway_history *history = calloc(1, sizeof *history);
    if (history == NULL) return NULL;
    uint64_t each = sizeof(struct slot) + 2 * sizeof(struct chain) + 2 * sizeof(uint32_t);
    uint64_t count = bytes / each;
    if (count < 16) count = 16;
    if (count > UINT32_MAX / 4) count = UINT32_MAX / 4;
    uint32_t buckets = 16;
    while (buckets < count)
        buckets *= 2;
    history->slots_count = count;
    history->buckets_mask = buckets - 1;
    history->chains_count = (uint32_t)count * 2;
    history->free = history->empty = TN_NONE;
    history->bottom = 1;
    history->slots = calloc(count, sizeof(struct slot));
    history->chains = calloc(history->chains_count, sizeof(struct chain));
    history->buckets = malloc(buckets * sizeof(uint32_t));
    if (history->slots == NULL || history->chains == NULL || history->buckets == NULL) {
        gateway_history_free(history);
        return NULL;
    }
    memset(history->buckets, 0xff, buckets * sizeof(uint32_t));
    return history;
}

void gateway_history_free(struct gateway_history *history)
{
    if (history == NULL) return;
    free(history->slots);
    free(history->chains);
    free(history->buckets);
    free(history);
}

uint64_t gateway_history_count(const struct gateway_history *history)
{
    return history->top + 1 - history->bottom;
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

/* NULL: all are in use, which takes a block with more messages than the ring has room for. */
static struct chain *add_chain(struct gateway_history *history, uint32_t market, uint32_t account)
{
    uint32_t index = history->free;
    if (index != TN_NONE) {
        history->free = history->chains[index].next;
    } else if (history->chains_made < history->chains_count) {
        index = history->chains_made++;
    } else {
        return NULL;
    }
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

/* Takes the oldest record away. */
static void drop_oldest(struct gateway_history *history)
{
    const struct slot *slot = &history->slots[history->bottom % history->slots_count];
    struct chain *chain = &history->chains[slot->chain];
    TN_ASSERT(chain->oldest == history->bottom);
    chain->oldest = slot->next;
    chain->dropped = slot->record.at;
    if (slot->record.at.block > history->floor) history->floor = slot->record.at.block;
    if (chain->oldest == 0) {
        chain->newest = 0;
        if (chain->block != history->block) remove_chain(history, slot->chain);
    }
    history->bottom++;
}

/* A block is over: chains that were kept for their count alone may go. They are those whose last
 * record was dropped during it, so they are looked for only then. */
static void next_block(struct gateway_history *history, uint64_t block)
{
    history->block = block;
    if (history->chains_made < history->chains_count || history->free != TN_NONE) return;
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

static bool add(struct gateway_history *history, uint32_t account, const struct port_step *step,
                const struct tn_event *event)
{
    if (gateway_history_count(history) == history->slots_count) drop_oldest(history);
    struct chain *chain = find(history, step->market, account);
    if (chain == NULL) chain = add_chain(history, step->market, account);
    if (chain == NULL) return false;
    if (chain->block != step->block) {
        chain->block = step->block;
        chain->messages = 0;
    }
    uint64_t number = ++history->top;
    struct slot *slot = &history->slots[number % history->slots_count];
    slot->record = (struct gateway_record){
        .at = {step->block, chain->messages++},
        .nonce = step->account == account ? step->nonce : 0,
        .time_ms = step->time_ms,
        .event = *event,
    };
    slot->next = 0;
    slot->chain = (uint32_t)(chain - history->chains);
    if (chain->newest != 0) history->slots[chain->newest % history->slots_count].next = number;
    if (chain->oldest == 0) chain->oldest = number;
    chain->newest = number;
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
    while (history->bottom <= history->top)
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

/* The first record behind the cursor's place; 0: none. */
static uint64_t first_after(const struct gateway_history *history,
                            const struct gateway_cursor *cursor)
{
    const struct chain *chain = find(history, cursor->market, cursor->account);
    uint64_t number = chain == NULL ? 0 : chain->oldest;
    if (chain != NULL && chain->newest != 0) {
        const struct slot *newest = &history->slots[chain->newest % history->slots_count];
        if (gateway_place_compare(newest->record.at, cursor->after) <= 0) return 0;
    }
    while (number != 0) {
        const struct slot *slot = &history->slots[number % history->slots_count];
        if (gateway_place_compare(slot->record.at, cursor->after) > 0) break;
        number = slot->next;
    }
    return number;
}

void gateway_history_seek_end(const struct gateway_history *history, struct gateway_cursor *cursor)
{
    const struct chain *chain = find(history, cursor->market, cursor->account);
    if (chain == NULL || chain->newest == 0) return;
    const struct slot *newest = &history->slots[chain->newest % history->slots_count];
    if (gateway_place_compare(newest->record.at, cursor->after) <= 0)
        cursor->number = chain->newest;
}

enum gateway_history_answer gateway_history_next(const struct gateway_history *history,
                                                 struct gateway_cursor *cursor,
                                                 const struct gateway_record **record)
{
    uint64_t number;
    if (cursor->number >= history->bottom && cursor->number <= history->top) {
        number = history->slots[cursor->number % history->slots_count].next;
    } else {
        if (!gateway_history_is_whole(history, cursor)) return GATEWAY_HISTORY_GONE;
        number = first_after(history, cursor);
    }
    if (number == 0) return GATEWAY_HISTORY_END;
    *record = &history->slots[number % history->slots_count].record;
    cursor->after = (*record)->at;
    cursor->number = number;
    return GATEWAY_HISTORY_NEXT;
}
