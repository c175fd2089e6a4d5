/* The twin's frame (§2): lists, events, nonces consumed, results remembered, commands handed out.
 *
 * Orders that go are kept in a graveyard until the entry ends, so that whoever still holds one may
 * look at it; everything else is freed when the twin is. */
#include "twin_internal.h"

#include <stdlib.h>
#include <string.h>

void *twin_allocate(size_t size)
{
    void *memory = calloc(1, size);
    TN_ASSERT(memory != NULL);
    return memory;
}

void twin_list_insert(struct twin_list *list, uint32_t place, void *item)
{
    TN_ASSERT(place <= list->count);
    if (list->count == list->room) {
        list->room = list->room == 0 ? 8 : list->room * 2;
        void **grown = realloc(list->items, list->room * sizeof(void *));
        TN_ASSERT(grown != NULL);
        list->items = grown;
    }
    memmove(list->items + place + 1, list->items + place, (list->count - place) * sizeof(void *));
    list->items[place] = item;
    list->count++;
}

void twin_list_add(struct twin_list *list, void *item)
{
    twin_list_insert(list, list->count, item);
}

void twin_list_take(struct twin_list *list, uint32_t place)
{
    TN_ASSERT(place < list->count);
    list->count--;
    memmove(list->items + place, list->items + place + 1, (list->count - place) * sizeof(void *));
}

bool twin_list_remove(struct twin_list *list, const void *item)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->items[i] != item) continue;
        twin_list_take(list, i);
        return true;
    }
    return false;
}

bool twin_list_has(const struct twin_list *list, const void *item)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->items[i] == item) return true;
    }
    return false;
}

static void free_list(struct twin_list *list, bool records)
{
    for (uint32_t i = 0; records && i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct twin_list){0};
}

struct twin *twin_new(const struct tn_exchange_limits *limits)
{
    TN_ASSERT(limits->assets_max <= TWIN_ASSETS_MAX);
    struct twin *twin = twin_allocate(sizeof(*twin));
    twin->limits = *limits;
    twin->assets_count = 1;
    return twin;
}

void twin_free(struct twin *twin)
{
    for (uint32_t i = 0; i < twin->accounts.count; i++) {
        struct twin_account *account = twin->accounts.items[i];
        free_list(&account->results, true);
        free_list(&account->groups, true);
    }
    for (uint32_t i = 0; i < twin->series.count; i++) {
        struct twin_series *series = twin->series.items[i];
        free_list(&series->exposures, true);
    }
    free_list(&twin->accounts, true);
    free_list(&twin->underlyings, true);
    free_list(&twin->series, true);
    free_list(&twin->orders, true);
    free_list(&twin->jobs, true);
    free_list(&twin->graveyard, true);
    free_list(&twin->trigger_queue, false);
    free_list(&twin->settlement_queue, false);
    free_list(&twin->uncross_queue, false);
    free_list(&twin->funding_queue, false);
    free_list(&twin->settled, false);
    free(twin);
}

struct tn_event *twin_emit(struct twin *twin, enum tn_event_kind kind)
{
    TN_ASSERT(twin->events_count < twin->events_max);
    struct tn_event *event = &twin->events[twin->events_count++];
    memset(event, 0, sizeof(*event));
    event->kind = (uint8_t)kind;
    return event;
}

static void emit_result(struct twin *twin, uint32_t account, uint32_t index, uint64_t client_id,
                        const struct twin_outcome *outcome, bool duplicate)
{
    struct tn_event *event = twin_emit(twin, TN_EVENT_RESULT);
    event->account = account;
    event->index = index;
    event->client_id = client_id;
    event->reject = (uint16_t)outcome->reject;
    event->order_id = outcome->order_id;
    event->quantity = outcome->quantity;
    event->remaining = outcome->remaining;
    event->money = outcome->money;
    event->duplicate = duplicate;
}

static struct twin_outcome run_command(struct twin *twin, uint32_t account,
                                       const struct tn_command *command)
{
    twin->reached = 0;
    switch (command->kind) {
        case TN_COMMAND_PLACE: return twin_place(twin, account, command);
        case TN_COMMAND_PLACE_OCO: return twin_place_oco(twin, account, command);
        case TN_COMMAND_REPLACE: return twin_replace(twin, account, command);
        case TN_COMMAND_CANCEL: return twin_cancel_command(twin, account, command);
        case TN_COMMAND_MASS_CANCEL: return twin_mass_cancel(twin, account, command);
        case TN_COMMAND_MASS_QUOTE: return twin_mass_quote(twin, account, command);
        case TN_COMMAND_MMP_SET:
        case TN_COMMAND_MMP_RESET:
        case TN_COMMAND_MMP_CANCEL: return twin_mmp(twin, account, command);
        case TN_COMMAND_PACKAGE: return twin_package(twin, account, command);
        case TN_COMMAND_BLOCK_TRADE: return twin_block_trade(twin, account, command);
        case TN_COMMAND_TRANSFER: return twin_transfer(twin, account, command);
        case TN_COMMAND_WITHDRAW: return twin_withdraw(twin, account, command);
        case TN_COMMAND_MODEL:
        case TN_COMMAND_BID: return (struct twin_outcome){.reject = TN_REJECT_RISK_OFF};
        case TN_COMMAND_REMIT: return (struct twin_outcome){.reject = TN_REJECT_MARKET_UNKNOWN};
        default: return (struct twin_outcome){.reject = TN_REJECT_COMMAND_UNKNOWN};
    }
}

/* Results remembered over all accounts, those kept for their living order included. */
static uint32_t results_count(const struct twin *twin)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < twin->accounts.count; i++) {
        count += twin_account(twin, i)->results.count;
    }
    return count;
}

static void remember(struct twin *twin, uint32_t number, uint64_t client_id,
                     const struct twin_outcome *outcome)
{
    struct twin_account *account = twin_account(twin, number);
    struct twin_result *result = twin_allocate(sizeof(*result));
    *result = (struct twin_result){.client_id = client_id,
                                   .order_id = outcome->order_id,
                                   .quantity = outcome->quantity,
                                   .remaining = outcome->remaining,
                                   .reject = outcome->reject,
                                   .listed = true,
                                   .created = outcome->created};
    twin_list_add(&account->results, result);
    uint32_t listed = 0;
    for (uint32_t i = 0; i < account->results.count; i++) {
        listed += ((struct twin_result *)account->results.items[i])->listed;
    }
    if (listed <= twin->limits.results_per_account) return;
    for (uint32_t i = 0; i < account->results.count; i++) {
        struct twin_result *oldest = account->results.items[i];
        if (!oldest->listed) continue;
        oldest->listed = false;
        account->results_gone++;
        if (oldest->client_id > account->client_floor) account->client_floor = oldest->client_id;
        if (oldest->created && twin_order(twin, oldest->order_id) != NULL) return;
        twin_list_take(&account->results, i);
        free(oldest);
        return;
    }
}

static void handle_command(struct twin *twin, uint32_t account, uint32_t index,
                           const struct tn_command *command)
{
    uint64_t client_id = command->client_id;
    struct twin_outcome outcome = {0};
    if (client_id == 0) {
        outcome = run_command(twin, account, command);
        emit_result(twin, account, index, 0, &outcome, false);
        return;
    }
    const struct twin_result *first = twin_result(twin, account, client_id);
    if (first != NULL) {
        outcome.reject = first->reject;
        outcome.order_id = first->order_id;
        outcome.quantity = first->quantity;
        outcome.remaining = first->remaining;
        emit_result(twin, account, index, client_id, &outcome, true);
        return;
    }
    if (client_id <= twin_account(twin, account)->client_floor) {
        outcome.reject = TN_REJECT_CLIENT_ID_TOO_OLD;
    } else if (results_count(twin) >= twin->limits.results_max) {
        outcome.reject = TN_REJECT_RESULTS_FULL;
    } else {
        outcome = run_command(twin, account, command);
        remember(twin, account, client_id, &outcome);
    }
    emit_result(twin, account, index, client_id, &outcome, false);
}

static void apply_frame(struct twin *twin, const struct tn_entry *entry)
{
    uint32_t number = entry->as.frame.account;
    uint32_t count = entry->as.frame.commands_count;
    struct twin_account *account = twin_account(twin, number);
    struct twin_outcome outcome = {0};
    if (account == NULL) {
        outcome.reject = TN_REJECT_ACCOUNT_UNKNOWN;
    } else if (count < 1 || count > twin->limits.commands_per_frame_max) {
        outcome.reject = TN_REJECT_FRAME_SIZE;
    } else if (entry->as.frame.valid_until_block < twin->height) {
        outcome.reject = TN_REJECT_FRAME_EXPIRED;
    } else {
        twin_nonce_check(account, entry->as.frame.nonce, &outcome.reject);
    }
    if (outcome.reject != TN_REJECT_NONE) {
        emit_result(twin, number, 0, 0, &outcome, false);
        return;
    }
    twin_nonce_consume(account, entry->as.frame.nonce);
    for (uint32_t i = 0; i < count; i++) {
        handle_command(twin, number, i, &entry->as.frame.commands[i]);
    }
}

/* Of these four only a refusal is told. */
static bool silent(uint8_t kind)
{
    return kind == TN_ENTRY_BLOCK || kind == TN_ENTRY_SWEEP || kind == TN_ENTRY_MARKS ||
           kind == TN_ENTRY_INDEX;
}

uint32_t twin_apply(struct twin *twin, struct tn_event *events, uint32_t events_max,
                    const struct tn_entry *entry)
{
    twin->events = events;
    twin->events_max = events_max;
    twin->events_count = 0;
    twin->reached = 0;
    if (entry->kind == TN_ENTRY_FRAME) {
        apply_frame(twin, entry);
    } else {
        struct twin_outcome outcome = twin_entry(twin, entry);
        if (outcome.reject != TN_REJECT_NONE || !silent(entry->kind)) {
            emit_result(twin, TN_NONE, 0, 0, &outcome, false);
        }
    }
    free_list(&twin->graveyard, true);
    return twin->events_count;
}
