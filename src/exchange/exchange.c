/* exchange: one mapping, one entry point. Memory is laid out here from the limits, and every entry
 * and command is handed from here to the file that knows its rule. */
#include "exchange/risk.h"

void tn_exchange_limits_default(struct tn_exchange_limits *limits)
{
    *limits = (struct tn_exchange_limits){
        .accounts_max = 1024,
        .underlyings_max = 16,
        .series_max = 4096,
        .orders_max = 65536,
        .levels_max = 65536,
        .exposures_max = 65536,
        .exposures_per_account_max = 512,
        .results_max = 262144,
        .results_per_account = 1024,
        .groups_max = 4096,
        .jobs_max = 64,
        .assets_max = 8,
        .commands_per_frame_max = 16,
        .fills_max = 256,
        .cancels_max = 256,
        .sweep_units_max = 8192,
        .reduce_only_max = 8,
        .signers_max = 1,
        .hash_seed = 1,
    };
}

static bool in_range(uint32_t value, uint32_t most)
{
    return value >= 1 && value <= most;
}

static bool limits_valid(const struct tn_exchange_limits *limits)
{
    return in_range(limits->accounts_max, 1u << 26) && in_range(limits->underlyings_max, 255) &&
           in_range(limits->series_max, 1u << 20) && in_range(limits->orders_max, 1u << 24) &&
           in_range(limits->levels_max, limits->orders_max) &&
           in_range(limits->exposures_max, 1u << 28) &&
           in_range(limits->exposures_per_account_max, 4096) &&
           in_range(limits->results_max, 1u << 30) &&
           in_range(limits->results_per_account, 1u << 20) &&
           in_range(limits->groups_max, 1u << 24) && in_range(limits->jobs_max, 65535) &&
           in_range(limits->assets_max, 8) && in_range(limits->commands_per_frame_max, 256) &&
           in_range(limits->fills_max, 4096) && in_range(limits->cancels_max, 65536) &&
           in_range(limits->sweep_units_max, 8192) && in_range(limits->reduce_only_max, 64) &&
           (limits->expiries_max == 0 ||
            (in_range(limits->expiries_max, 65535) && in_range(limits->signers_max, 32) &&
             in_range(limits->exposures_per_account_max, TN_MARGIN_POSITIONS_MAX)));
}

static struct tn_book_limits book_limits(const struct tn_exchange_limits *limits)
{
    return (struct tn_book_limits){.books_max = 2 * limits->series_max,
                                   .orders_max = limits->orders_max,
                                   .levels_max = limits->levels_max,
                                   .hash_seed = limits->hash_seed};
}

static size_t lay_out(struct tn_exchange *exchange, unsigned char *memory,
                      const struct tn_exchange_limits *limits)
{
    size_t used = tn_align(sizeof *exchange);
    struct tn_book_limits books = book_limits(limits);
    exchange->books = region(memory, &used, 1, tn_books_size(&books));
    exchange->orders = region(memory, &used, limits->orders_max, sizeof *exchange->orders);
    exchange->links = region(memory, &used, limits->orders_max, sizeof *exchange->links);
    exchange->ledger.cash = region(memory, &used, limits->accounts_max, sizeof(tn_micros));
    exchange->accounts = region(memory, &used, limits->accounts_max, sizeof *exchange->accounts);
    exchange->owner_links =
        region(memory, &used, limits->accounts_max, sizeof *exchange->owner_links);
    exchange->balances = region(memory, &used, (size_t)limits->accounts_max * limits->assets_max,
                                sizeof *exchange->balances);
    exchange->underlyings =
        region(memory, &used, limits->underlyings_max, sizeof *exchange->underlyings);
    exchange->series = region(memory, &used, limits->series_max, sizeof *exchange->series);
    exchange->exposures = region(memory, &used, limits->exposures_max, sizeof *exchange->exposures);
    exchange->results = region(memory, &used, limits->results_max, sizeof *exchange->results);
    exchange->groups = region(memory, &used, limits->groups_max, sizeof *exchange->groups);
    exchange->jobs = region(memory, &used, limits->jobs_max, sizeof *exchange->jobs);
    exchange->shares = region(memory, &used, limits->fills_max, sizeof *exchange->shares);
    exchange->by_time.slots = region(memory, &used, limits->orders_max, sizeof(uint32_t));
    exchange->by_block.slots = region(memory, &used, limits->orders_max, sizeof(uint32_t));
    struct queue *queues[] = {&exchange->triggers, &exchange->settlements, &exchange->uncrosses,
                              &exchange->fundings, &exchange->settled};
    for (uint32_t i = 0; i < sizeof queues / sizeof queues[0]; i++) {
        queues[i]->items = region(memory, &used, limits->series_max, sizeof(uint32_t));
    }
    struct tn_index *indexes[] = {&exchange->owner_index, &exchange->series_index,
                                  &exchange->exposure_index, &exchange->result_index};
    const uint32_t counts[] = {limits->accounts_max, limits->series_max, limits->exposures_max,
                               limits->results_max};
    for (uint32_t i = 0; i < sizeof indexes / sizeof indexes[0]; i++) {
        indexes[i]->cells = region(memory, &used, tn_index_cells(counts[i]), sizeof(uint64_t));
    }
    exchange->touches.accounts = region(memory, &used, limits->accounts_max, sizeof(uint32_t));
    exchange->touches.series = region(memory, &used, limits->series_max, sizeof(uint32_t));
    exchange->touches.market.bits =
        region(memory, &used, tn_exchange_touch_words(limits, TN_RECORD_MARKET), sizeof(uint64_t));
    exchange->touches.feeds.bits =
        region(memory, &used, tn_exchange_touch_words(limits, TN_RECORD_FEEDS), sizeof(uint64_t));
    exchange->touches.marked = region(memory, &used, limits->orders_max, sizeof(uint32_t));
    exchange->touches.told = region(
        memory, &used, (size_t)limits->series_max * TN_RECORD_BOOK_LISTS, sizeof(struct told_list));
    exchange->changes = region(memory, &used, CHANGES_MAX, sizeof *exchange->changes);
    exchange->risk = NULL;
    if (limits->expiries_max > 0) {
        exchange->risk = region(memory, &used, 1, sizeof *exchange->risk);
        struct risk scratch;
        used = tn_exchange_risk_lay_out(memory == NULL ? &scratch : exchange->risk, memory, used,
                                        limits);
    }
    return used;
}

size_t tn_exchange_size(const struct tn_exchange_limits *limits)
{
    struct tn_exchange scratch;
    return limits_valid(limits) ? lay_out(&scratch, NULL, limits) : 0;
}

static void init_indexes(struct tn_exchange *exchange, const struct tn_exchange_limits *limits)
{
    uint64_t seed = limits->hash_seed;
    tn_index_init(&exchange->owner_index, exchange->owner_index.cells, limits->accounts_max, seed);
    tn_index_init(&exchange->series_index, exchange->series_index.cells, limits->series_max,
                  seed + 1);
    tn_index_init(&exchange->exposure_index, exchange->exposure_index.cells, limits->exposures_max,
                  seed + 2);
    tn_index_init(&exchange->result_index, exchange->result_index.cells, limits->results_max,
                  seed + 3);
}

struct tn_exchange *tn_exchange_init(void *memory, const struct tn_exchange_limits *limits)
{
    TN_ASSERT(memory != NULL && (uintptr_t)memory % 64 == 0 && limits_valid(limits));
    struct tn_exchange *exchange = memory;
    memset(exchange, 0, sizeof *exchange);
    lay_out(exchange, memory, limits);
    init_indexes(exchange, limits);
    exchange->limits = *limits;
    exchange->events_needed = tn_exchange_events_max(limits);
    struct tn_book_limits books = book_limits(limits);
    exchange->books = tn_books_init(exchange->books, &books);
    exchange->resting = tn_book_resting(exchange->books);
    exchange->sides = tn_book_sides(exchange->books);
    tn_ledger_init(&exchange->ledger, exchange->ledger.cash, limits->accounts_max);
    exchange->assets_count = 1;
    exchange->exposures_free = TN_NONE;
    exchange->results_free = TN_NONE;
    exchange->funding_cursor = TN_NONE;
    exchange->marks_stamp = 1;
    if (exchange->risk != NULL) tn_exchange_risk_init(exchange);
    tn_exchange_touch_clear(exchange);
    return exchange;
}

/* All that a mapping holds of itself is where its regions begin, and each series' terms: laid out
 * again over copied bytes, the copy holds nothing of the source. */
struct tn_exchange *tn_exchange_clone(void *memory, const struct tn_exchange *source)
{
    TN_ASSERT(memory != NULL && (uintptr_t)memory % 64 == 0 && memory != source);
    const struct tn_exchange_limits limits = source->limits;
    struct tn_exchange *exchange = memory;
    tn_copy_apart(memory, source, tn_exchange_size(&limits));
    lay_out(exchange, memory, &limits);
    exchange->books = tn_books_rebase(exchange->books);
    exchange->resting = tn_book_resting(exchange->books);
    exchange->sides = tn_book_sides(exchange->books);
    for (uint32_t i = 0; i < limits.series_max; i++) {
        struct series *series = &exchange->series[i];
        if (series->terms == NULL) continue;
        size_t offset = (size_t)((const unsigned char *)series->terms -
                                 (const unsigned char *)source->underlyings);
        TN_ASSERT(offset < limits.underlyings_max * sizeof *exchange->underlyings);
        const unsigned char *underlyings = (const unsigned char *)exchange->underlyings;
        series->terms = (const struct terms *)(const void *)(underlyings + offset);
    }
    exchange->events = NULL;
    exchange->events_max = 0;
    exchange->watch = NULL;
    exchange->whole_series = TN_NONE;
    return exchange;
}

/* The most events a command's makers and its own report can cause, and the most orders it can take
 * out; every order taken out is one event more. */
enum { EVENTS_PER_MAKER = 12, EVENTS_PER_COMMAND = 6 * TN_QUOTES_MAX + 64 };

static uint64_t removals(const struct tn_exchange_limits *limits, uint64_t makers,
                         uint64_t commands)
{
    uint64_t per_maker =
        2ull * limits->exposures_per_account_max + 2ull * limits->reduce_only_max + 4;
    uint64_t per_command = 2ull * limits->exposures_per_account_max + 2ull * limits->cancels_max;
    uint64_t most = makers * per_maker + commands * per_command;
    return most < limits->orders_max ? most : limits->orders_max;
}

uint32_t tn_exchange_events_max(const struct tn_exchange_limits *limits)
{
    uint64_t commands = limits->commands_per_frame_max;
    uint64_t frame =
        commands * ((uint64_t)limits->fills_max * EVENTS_PER_MAKER + EVENTS_PER_COMMAND) +
        removals(limits, commands * limits->fills_max, commands);
    uint64_t reached = (uint64_t)limits->sweep_units_max + limits->fills_max;
    uint64_t sweep =
        reached * EVENTS_PER_MAKER + removals(limits, reached, 1) + 2ull * limits->series_max;
    uint64_t most = frame > sweep ? frame : sweep;
    if (limits->expiries_max > 0) {
        /* A MARK, or judging accounts on the way, may cancel any order, settle and deleverage any
         * exposure, and say something of every series and account. */
        most += 2ull * limits->orders_max + 4ull * limits->exposures_max +
                8ull * limits->accounts_max + 8ull * limits->series_max +
                2ull * commands * limits->exposures_per_account_max;
    }
    return (uint32_t)(most + 256);
}

/* ---- Commands ---- */

static void run_command(struct tn_exchange *exchange, struct outcome *outcome, uint32_t account,
                        const struct tn_command *command, const struct tn_exchange_ahead *ahead)
{
    exchange->makers_count = 0;
    switch ((enum tn_command_kind)command->kind) {
        case TN_COMMAND_PLACE:
            tn_exchange_place(exchange, outcome, account, command, ahead);
            return;
        case TN_COMMAND_PLACE_OCO:
            tn_exchange_place_oco(exchange, outcome, account, command);
            return;
        case TN_COMMAND_REPLACE:
            tn_exchange_replace(exchange, outcome, account, command, ahead);
            return;
        case TN_COMMAND_CANCEL:
            tn_exchange_cancel(exchange, outcome, account, command, ahead);
            return;
        case TN_COMMAND_MASS_CANCEL:
            tn_exchange_mass_cancel(exchange, outcome, account, command);
            return;
        case TN_COMMAND_MASS_QUOTE:
            tn_exchange_mass_quote(exchange, outcome, account, command);
            return;
        case TN_COMMAND_MMP_SET: tn_exchange_mmp_set(exchange, outcome, account, command); return;
        case TN_COMMAND_MMP_RESET:
            tn_exchange_mmp_reset(exchange, outcome, account, command);
            return;
        case TN_COMMAND_MMP_CANCEL:
            tn_exchange_mmp_cancel(exchange, outcome, account, command);
            return;
        case TN_COMMAND_PACKAGE: tn_exchange_package(exchange, outcome, account, command); return;
        case TN_COMMAND_BLOCK_TRADE:
            tn_exchange_block_trade(exchange, outcome, account, command);
            return;
        case TN_COMMAND_TRANSFER: tn_exchange_transfer(exchange, outcome, account, command); return;
        case TN_COMMAND_WITHDRAW: tn_exchange_withdraw(exchange, outcome, account, command); return;
        case TN_COMMAND_REMIT: tn_exchange_remit(exchange, outcome, account, command); return;
        case TN_COMMAND_MODEL:
            tn_exchange_command_model(exchange, outcome, account, command);
            return;
        case TN_COMMAND_BID: tn_exchange_bid(exchange, outcome, account, command); return;
    }
    outcome->reject = TN_REJECT_COMMAND_UNKNOWN;
}

static struct tn_event *report(struct tn_exchange *exchange, uint32_t account,
                               enum tn_reject reject)
{
    struct tn_event *event = emit(exchange, TN_EVENT_RESULT);
    event->account = account;
    event->reject = (uint16_t)reject;
    return event;
}

static void report_outcome(struct tn_exchange *exchange, uint32_t account,
                           const struct tn_command *command, const struct outcome *outcome,
                           uint32_t index)
{
    struct tn_event *event = report(exchange, account, outcome->reject);
    event->client_id = command->client_id;
    event->order_id = outcome->order_id;
    event->quantity = outcome->quantity;
    event->remaining = outcome->remaining;
    event->money = outcome->money;
    event->index = index;
}

/* True when the client id, whose hash is known, answers the command without running it (§2.1); else
 * says where its result goes. */
static bool is_answered(struct tn_exchange *exchange, struct result_place *place, uint32_t account,
                        const struct tn_command *command, uint32_t hash, uint32_t index)
{
    if (command->client_id == 0) return false;
    struct outcome outcome = {0};
    uint32_t slot = tn_exchange_seek_result(exchange, place, account, command->client_id, hash);
    if (slot != TN_NONE) {
        const struct result *result = &exchange->results[slot];
        outcome = (struct outcome){.reject = (enum tn_reject)result->reject,
                                   .order_id = result->order_id,
                                   .quantity = result->quantity,
                                   .remaining = result->remaining};
        report_outcome(exchange, account, command, &outcome, index);
        exchange->events[exchange->events_count - 1].duplicate = 1;
        return true;
    }
    if (command->client_id <= exchange->accounts[account].client_floor) {
        outcome.reject = TN_REJECT_CLIENT_ID_TOO_OLD;
    } else if (exchange->results_count == exchange->limits.results_max) {
        outcome.reject = TN_REJECT_RESULTS_FULL;
    } else {
        return false;
    }
    report_outcome(exchange, account, command, &outcome, index);
    return true;
}

/* For the two ways of a frame: each takes it as its own. */
#define OF_FRAME static inline __attribute__((always_inline))

OF_FRAME enum tn_reject check_frame(struct tn_exchange *exchange, const struct tn_entry *entry)
{
    if (entry->as.frame.account >= exchange->accounts_count) return TN_REJECT_ACCOUNT_UNKNOWN;
    tn_exchange_need_account(exchange, entry->as.frame.account);
    if (entry->as.frame.commands_count < 1 ||
        entry->as.frame.commands_count > exchange->limits.commands_per_frame_max) {
        return TN_REJECT_FRAME_SIZE;
    }
    if (entry->as.frame.valid_until_block < exchange->height) return TN_REJECT_FRAME_EXPIRED;
    return tn_exchange_use_nonce(exchange, entry->as.frame.account, entry->as.frame.nonce);
}

/* `found` is what was found ahead of the command. */
static void one_command(struct tn_exchange *exchange, uint32_t account,
                        const struct tn_command *command, uint32_t index,
                        const struct tn_exchange_ahead *found)
{
    struct result_place place;
    if (is_answered(exchange, &place, account, command, found->result, index)) return;
    struct outcome outcome = {.created = TN_NONE};
    run_command(exchange, &outcome, account, command, found);
    report_outcome(exchange, account, command, &outcome, index);
    if (command->client_id == 0) return;
    tn_exchange_remember(exchange, account, command->client_id, &outcome, &place);
}

/* The commands behind the first are looked ahead for while those before them run. */
static void all_commands(struct tn_exchange *exchange, const struct tn_entry *entry,
                         const struct tn_exchange_ahead *first)
{
    uint32_t account = entry->as.frame.account;
    uint32_t count = entry->as.frame.commands_count;
    const struct tn_command *commands = entry->as.frame.commands;
    struct tn_exchange_ahead ring[AHEAD_RING] = {0};
    uint32_t turn = 1;
    for (; turn < TN_EXCHANGE_STAGES; turn++) {
        tn_exchange_look_at_frame(exchange, ring, turn, account,
                                  turn < count ? &commands[turn] : NULL);
    }
    for (uint32_t i = 0; i < count; i++, turn++) {
        tn_exchange_look_at_frame(exchange, ring, turn, account,
                                  turn < count ? &commands[turn] : NULL);
        one_command(exchange, account, &commands[i], i, i == 0 ? first : &ring[i % AHEAD_RING]);
    }
}

/* A frame that is in order; `ahead` is what was found ahead about its first command. */
OF_FRAME void run_frame(struct tn_exchange *exchange, const struct tn_entry *entry,
                        const struct tn_exchange_ahead *ahead)
{
    uint32_t account = entry->as.frame.account;
    tn_exchange_judge_once(exchange, account);
    if (entry->as.frame.commands_count == 1) {
        one_command(exchange, account, &entry->as.frame.commands[0], 0, ahead);
    } else {
        all_commands(exchange, entry, ahead);
    }
}

/* For one that nobody looked ahead for. */
static void frame_alone(struct tn_exchange *exchange, const struct tn_entry *entry)
{
    struct tn_exchange_ahead ahead;
    tn_exchange_start_loads(exchange, &ahead, entry);
    enum tn_reject reject = check_frame(exchange, entry);
    if (reject != TN_REJECT_NONE) {
        report(exchange, entry->as.frame.account, reject);
        return;
    }
    tn_exchange_look_on(exchange, &ahead);
    run_frame(exchange, entry, &ahead);
}

static void frame_seen(struct tn_exchange *exchange, const struct tn_entry *entry,
                       const struct tn_exchange_ahead *ahead)
{
    enum tn_reject reject = check_frame(exchange, entry);
    if (reject != TN_REJECT_NONE) {
        report(exchange, entry->as.frame.account, reject);
        return;
    }
    run_frame(exchange, entry, ahead);
}

/* ---- Entries ---- */

/* Entries that report only what they refuse. */
static void apply_quiet(struct tn_exchange *exchange, enum tn_reject reject)
{
    if (reject != TN_REJECT_NONE) report(exchange, TN_NONE, reject);
}

static void apply(struct tn_exchange *exchange, const struct tn_entry *entry)
{
    enum tn_reject reject = TN_REJECT_COMMAND_UNKNOWN;
    uint32_t listed = 0, field = 0;
    switch ((enum tn_entry_kind)entry->kind) {
        case TN_ENTRY_FRAME: frame_alone(exchange, entry); return;
        case TN_ENTRY_BLOCK: apply_quiet(exchange, tn_exchange_block(exchange, entry)); return;
        case TN_ENTRY_SWEEP: tn_exchange_sweep(exchange, entry->as.sweep.units); return;
        case TN_ENTRY_MARKS: apply_quiet(exchange, tn_exchange_marks(exchange, entry)); return;
        case TN_ENTRY_INDEX:
            apply_quiet(exchange, tn_exchange_index_price(exchange, entry));
            return;
        case TN_ENTRY_ACCOUNT: reject = tn_exchange_open_account(exchange, entry); break;
        case TN_ENTRY_DEPOSIT: reject = tn_exchange_deposit(exchange, entry); break;
        case TN_ENTRY_UNDERLYING: reject = tn_exchange_underlying(exchange, entry); break;
        case TN_ENTRY_FEES: reject = tn_exchange_fees(exchange, entry); break;
        case TN_ENTRY_LIST: reject = tn_exchange_list(exchange, entry); break;
        case TN_ENTRY_LISTING: reject = tn_exchange_listing(exchange, &listed, entry); break;
        case TN_ENTRY_STATUS: reject = tn_exchange_status(exchange, entry); break;
        case TN_ENTRY_UNCROSS: reject = tn_exchange_uncross(exchange, entry); break;
        case TN_ENTRY_FUNDING: reject = tn_exchange_funding(exchange, entry); break;
        case TN_ENTRY_SETTLE: reject = tn_exchange_settle(exchange, entry); break;
        case TN_ENTRY_ASSET: reject = tn_exchange_asset(exchange, entry); break;
        case TN_ENTRY_FEEDER: reject = tn_exchange_feeder(exchange, entry); break;
        case TN_ENTRY_REPORT: apply_quiet(exchange, tn_exchange_report(exchange, entry)); return;
        case TN_ENTRY_RISK: reject = tn_exchange_set_risk(exchange, &field, entry); break;
        case TN_ENTRY_LIQ: apply_quiet(exchange, tn_exchange_liq(exchange, entry)); return;
        case TN_ENTRY_INSURE: reject = tn_exchange_insure(exchange, entry); break;
    }
    struct tn_event *event = report(exchange, TN_NONE, reject);
    event->quantity = listed;
    event->index = field;
}

uint32_t tn_exchange_apply(struct tn_exchange *exchange, struct tn_event *events,
                           uint32_t events_max, const struct tn_entry *entry)
{
    return tn_exchange_apply_ahead(exchange, events, events_max, entry, NULL);
}

uint32_t tn_exchange_apply_ahead(struct tn_exchange *exchange, struct tn_event *events,
                                 uint32_t events_max, const struct tn_entry *entry,
                                 const struct tn_exchange_ahead *ahead)
{
    TN_ASSERT(events_max >= exchange->events_needed);
    exchange->events = events;
    exchange->events_count = 0;
    exchange->events_max = events_max;
    tn_exchange_touch_head(exchange);
    if (entry->kind == TN_ENTRY_FRAME && ahead != NULL && ahead->is_begun) {
        frame_seen(exchange, entry, ahead);
    } else {
        apply(exchange, entry);
    }
    return exchange->events_count;
}
