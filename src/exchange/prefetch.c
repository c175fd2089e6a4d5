/* prefetch: loading ahead what a frame's first command will touch. A command is a chain of lookups:
 * client id or series → record → order, exposure, book → level; each stage takes one step of it for
 * an entry that is still some turns away. It reads only, and what it reads may be stale. */
#include "exchange/internal.h"

static uint64_t client_id_of(const struct tn_command *command)
{
    if (command->kind == TN_COMMAND_CANCEL) return command->as.cancel.client_id;
    if (command->kind == TN_COMMAND_REPLACE) return command->as.replace.ref.client_id;
    return 0;
}

static uint64_t order_id_of(const struct tn_exchange *exchange, uint32_t account,
                            const struct tn_command *command)
{
    const struct tn_order_ref *ref =
        command->kind == TN_COMMAND_CANCEL ? &command->as.cancel : &command->as.replace.ref;
    if (ref->order_id != 0) return ref->order_id;
    uint32_t result = tn_exchange_find_result(exchange, account, ref->client_id);
    return result == TN_NONE ? 0 : exchange->results[result].order_id;
}

static void load_indexes(const struct tn_exchange *exchange, uint32_t account,
                         const struct tn_command *command)
{
    __builtin_prefetch(&exchange->accounts[account], 1);
    __builtin_prefetch((const char *)&exchange->accounts[account] + 64, 1);
    __builtin_prefetch(&exchange->ledger.cash[account], 1);
    tn_exchange_prefetch_result(exchange, account, command->client_id);
    tn_exchange_prefetch_result(exchange, account, client_id_of(command));
}

static void load_records(const struct tn_exchange *exchange, uint32_t account,
                         const struct tn_command *command)
{
    if (command->kind == TN_COMMAND_PLACE) {
        uint32_t series = tn_exchange_find_series(exchange, command->as.terms[0].series_id);
        if (series == TN_NONE) return;
        tn_exchange_prefetch_exposure(exchange, account, series);
        tn_book_prefetch_book(exchange->books, book_of(series));
    } else {
        tn_exchange_prefetch_result_record(exchange, account, client_id_of(command));
    }
}

static void load_order_index(const struct tn_exchange *exchange, uint32_t account,
                             const struct tn_command *command)
{
    if (command->kind == TN_COMMAND_PLACE) {
        uint32_t series = tn_exchange_find_series(exchange, command->as.terms[0].series_id);
        if (series == TN_NONE) return;
        uint32_t exposure = tn_exchange_find_exposure(exchange, account, series);
        if (exposure != TN_NONE) __builtin_prefetch(&exchange->exposures[exposure], 1);
    } else {
        tn_book_prefetch(exchange->books, order_id_of(exchange, account, command));
    }
}

static void load_order(const struct tn_exchange *exchange, uint32_t account,
                       const struct tn_command *command)
{
    if (command->kind == TN_COMMAND_PLACE) return;
    uint32_t slot = tn_book_find(exchange->books, order_id_of(exchange, account, command));
    if (slot == TN_NONE) return;
    __builtin_prefetch(&exchange->orders[slot], 1);
    __builtin_prefetch((const char *)&exchange->orders[slot] + 64, 1);
    tn_book_prefetch_order(exchange->books, slot);
}

void tn_exchange_prefetch(const struct tn_exchange *exchange, const struct tn_entry *entry,
                          uint32_t stage)
{
    if (entry->kind != TN_ENTRY_FRAME || entry->as.frame.commands_count == 0) return;
    uint32_t account = entry->as.frame.account;
    const struct tn_command *command = &entry->as.frame.commands[0];
    if (account >= exchange->accounts_count) return;
    if (command->kind != TN_COMMAND_PLACE && command->kind != TN_COMMAND_CANCEL &&
        command->kind != TN_COMMAND_REPLACE) {
        return;
    }
    switch (stage) {
        case 0: load_indexes(exchange, account, command); return;
        case 1: load_records(exchange, account, command); return;
        case 2: load_order_index(exchange, account, command); return;
        default: load_order(exchange, account, command); return;
    }
}
