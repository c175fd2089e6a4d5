/* import_account: ACCOUNT, POSITIONS, MARGIN and MEMORY read back.
 *
 * Lists are left as they come and put in order at the end (import_link.c): exposures hang in their
 * account's and series' lists by `account_next` and `series_next` alone. */
#include "exchange/records_account.h"

bool tn_exchange_import_account(struct tn_exchange *exchange, struct reader *reader, uint32_t index)
{
    struct account *account = &exchange->accounts[index];
    int64_t *balances = &exchange->balances[(size_t)index * exchange->limits.assets_max];
    *account = (struct account){.orders_head = TN_NONE,
                                .orders_tail = TN_NONE,
                                .results_head = TN_NONE,
                                .results_tail = TN_NONE,
                                .exposures_head = TN_NONE,
                                .exposures_tail = TN_NONE,
                                .groups_head = TN_NONE};
    get_bytes(reader, account->owner, TN_OWNER_SIZE);
    account->orders_count = get_u32_most(reader, exchange->limits.orders_max,
                                         "The account has more orders than there may be.");
    exchange->ledger.cash[index] =
        get_i64_in(reader, -MONEY_MOST / 2, MONEY_MOST / 2, "The account's cash is out of range.");
    for (uint32_t i = 1; i < ACCOUNT_ASSETS; i++) {
        bool exists = i < exchange->assets_count;
        int64_t balance = get_i64_in(reader, 0, exists ? MONEY_MOST / 2 : 0,
                                     "A balance is out of range, or of no asset.");
        if (exists) balances[i] = balance;
    }
    account->nonce_top = get_u64(reader);
    account->nonce_bits = get_u64(reader);
    account->client_floor = get_u64(reader);
    if (!reader_ends(reader)) return false;
    tn_exchange_know_owner(exchange, index);
    exchange->imported[TN_RECORD_ACCOUNT].count++;
    struct risk *risk = exchange->risk;
    if (risk == NULL) return true;
    bool is_judged = !risk->sweeping || index < risk->cursor;
    risk->guards[index] =
        (struct guard){.mark = is_judged ? risk->mark : risk->mark - 1, .holdings = TN_NONE};
    return true;
}

/* ---- Positions ---- */

/* A position that no rule lets come about, but that no sum overflows over, passes. */
enum { POSITION_MOST = 4 }; /* times the largest order */

static bool funding_fits(const struct series *series, const struct tn_position *position)
{
    tn_i128 moved = (tn_i128)series->funding_index - position->funding_entry;
    if (moved > INT64_MAX || moved < INT64_MIN) return false;
    tn_i128 owed = moved * position->quantity;
    tn_i128 most = (tn_i128)TN_TRANSFER_MAX * 1000000;
    return owed <= most && owed >= -most;
}

static void check_position(struct reader *reader, const struct series *series,
                           const struct tn_position *position)
{
    tn_lots most = POSITION_MOST * series->terms->contract.quantity_max;
    tn_lots quantity = position->quantity;
    bool is_perpetual = tn_series_kind(series->id) == TN_PERPETUAL;
    require(reader, series->status != TN_STATUS_SETTLED, "The position's series is settled.");
    require(reader, quantity >= -most && quantity <= most, "The position is out of range.");
    require(reader, quantity != 0 || position->cost == 0, "There is a cost of no position.");
    require(reader, quantity == 0 || !series->is_linear || series->mark >= 0,
            "The position's series has no mark.");
    require(reader, is_perpetual || position->funding_entry == 0, "Only a perpetual has funding.");
    require(reader, funding_fits(series, position), "The position owes more funding than fits.");
}

static void add_exposure(struct tn_exchange *exchange, const struct exposure *made)
{
    uint32_t slot = exchange->exposures_used++;
    struct exposure *exposure = &exchange->exposures[slot];
    struct account *account = &exchange->accounts[made->account];
    struct series *series = &exchange->series[made->series];
    *exposure = *made;
    exposure->account_next = account->exposures_head;
    account->exposures_head = slot;
    account->exposures_count++;
    account->linear_count += series->is_linear;
    exposure->series_next = series->exposures_head;
    series->exposures_head = slot;
    series->exposures_count++;
    exchange->exposures_count++;
    tn_index_insert(&exchange->exposure_index, exposure_hash(exchange, made->account, made->series),
                    slot);
}

/* The index is far larger than a cache: its cells are loaded before they are written, one beside
 * the other. */
static void look_ahead(const struct tn_exchange *exchange, struct reader reader, uint32_t account)
{
    while (reader.size - reader.used >= TN_RECORD_POSITION_SIZE) {
        uint32_t series = tn_exchange_find_series(exchange, get_u64(&reader));
        if (series != TN_NONE) tn_exchange_prefetch_exposure(exchange, account, series);
        take_bytes(&reader, TN_RECORD_POSITION_SIZE - sizeof(uint64_t));
    }
}

bool tn_exchange_import_positions(struct tn_exchange *exchange, struct reader *reader,
                                  uint32_t index)
{
    const struct tn_exchange_limits *limits = &exchange->limits;
    size_t count = reader->size / TN_RECORD_POSITION_SIZE;
    require(reader, count <= limits->exposures_per_account_max,
            "The account has more positions than an account may have.");
    require(reader, count <= limits->exposures_max - exchange->exposures_count,
            "There are more positions than the limits allow.");
    uint64_t before = 0;
    look_ahead(exchange, *reader, index);
    for (size_t i = 0; i < count && reader_good(reader); i++) {
        uint64_t id = get_u64(reader);
        struct exposure exposure = {
            .account = index,
            .series = tn_exchange_find_series(exchange, id),
            .quote = {TN_NONE, TN_NONE},
            .reduce_head = TN_NONE,
        };
        require(reader, id > before, "Positions must ascend by series.");
        require(reader, exposure.series != TN_NONE, "The position's series is unknown.");
        exposure.position.quantity = get_i64(reader);
        exposure.position.cost = get_i64_in(reader, -MONEY_MOST / 4, MONEY_MOST / 4,
                                            "The position's cost is out of range.");
        exposure.position.funding_entry = get_i64(reader);
        exposure.joined = get_u64_most(reader, exchange->joined_last,
                                       "The position joined after the last that did.");
        require(reader, exposure.joined != 0, "The position has no running number.");
        before = id;
        if (!reader_good(reader)) return false;
        check_position(reader, &exchange->series[exposure.series], &exposure.position);
        if (reader_good(reader)) add_exposure(exchange, &exposure);
    }
    return reader_ends(reader);
}

/* ---- Margin ---- */

static int64_t get_moderate(struct reader *reader, const char *what)
{
    return get_i64_in(reader, -MONEY_MOST, MONEY_MOST, what);
}

bool tn_exchange_import_margin(struct tn_exchange *exchange, struct reader *reader, uint32_t index)
{
    struct risk *risk = exchange->risk;
    if (!require(reader, risk != NULL, "There is no margin engine.")) return false;
    struct guard *guard = &risk->guards[index];
    uint8_t said = 0; /* a bit of anything: a record that says nothing must not be */
    for (size_t i = 0; i < reader->size; i++)
        said |= reader->bytes[i];
    require(reader, said != 0, "The record says nothing.");
    guard->model = get_u8_most(reader, TN_MARGIN_STANDARD, "The model is unknown.");
    guard->liquidation = get_u8_most(reader, TN_LIQUIDATION_ADL, "The stage is unknown.");
    guard->fee_taken = get_bool(reader, "Fee taken is yes or no.");
    bool is_ahead = get_bool(reader, "Judged ahead is yes or no.");
    get_zeros(reader, 4);
    require(reader, !is_ahead || (risk->sweeping && index >= risk->cursor),
            "The account is not ahead of a sweep.");
    guard->stage_ms = get_moderate(reader, "The stage's time is out of range.");
    guard->second_ms = get_moderate(reader, "The slices' second is out of range.");
    guard->freed_micros = get_moderate(reader, "What slices freed is out of range.");
    guard->received_micros = get_moderate(reader, "What bids paid is out of range.");
    guard->paid_micros = get_moderate(reader, "What insurance paid is out of range.");
    guard->called_until_ms = get_moderate(reader, "The call's time is out of range.");
    guard->interest_ms = get_moderate(reader, "Interest's time is out of range.");
    guard->borrowed_micros =
        get_i64_in(reader, 0, MONEY_MOST, "What the account borrowed is out of range.");
    guard->debt_share = get_i64_in(reader, 0, MONEY_MOST, "The share of debt is out of range.");
    guard->equity = get_moderate(reader, "The equity is out of range.");
    guard->mm = get_moderate(reader, "The maintenance balance is out of range.");
    guard->m = get_moderate(reader, "The margin balance is out of range.");
    if (is_ahead) guard->mark = risk->mark;
    tn_exchange_note_wound(exchange, index);
    return reader_ends(reader);
}

/* ---- Memory: protection groups ---- */

static bool below(tn_i128 size, tn_i128 limit)
{
    return limit == 0 || size < limit;
}

/* A limit that is reached closes the window at once, so within one nothing is at its limit. */
static void check_window(struct reader *reader, const struct tn_exchange *exchange,
                         const struct group *group)
{
    bool is_empty = group->used == 0 && group->trades == 0 && group->delta == 0 &&
                    group->vega == 0 && group->filled_mark == 0;
    const tn_i128 most = (tn_i128)1 << 110;
    require(reader, group->window_start >= -1 && group->window_start <= exchange->time_ms,
            "The group's window begins in the future.");
    require(reader, group->window_start >= 0 || is_empty, "The group counts without a window.");
    require(reader, group->filled_mark <= exchange->mark, "The group traded in the future.");
    require(reader, group->frozen_until >= 0, "The group's freeze is out of range.");
    require(reader, group->used >= 0 && group->used <= MONEY_MOST,
            "The lots that the group traded are out of range.");
    require(reader,
            group->delta <= most && group->delta >= -most && group->vega <= most &&
                group->vega >= -most,
            "The group's sums are out of range.");
    if (!reader_good(reader)) return;
    require(reader,
            below(group->used, group->terms.quantity_limit) &&
                below(group->trades, group->terms.trades_limit) &&
                below(tn_size(group->delta), tn_exchange_delta_limit(group)) &&
                below(tn_size(group->vega), group->terms.vega_limit_micros),
            "The group stands at its limit.");
}

static void get_group(struct reader *reader, const struct tn_exchange *exchange,
                      struct group *group)
{
    group->terms.group = (uint8_t)get_u32_most(reader, 255, "A group's number is out of range.");
    group->terms.trades_limit = get_u32(reader);
    group->terms.interval_ms = get_i64(reader);
    group->terms.freeze_ms = get_i64(reader);
    group->terms.quantity_limit = get_i64(reader);
    group->terms.delta_limit = get_i64(reader);
    group->terms.vega_limit_micros = get_i64(reader);
    group->window_start = get_i64(reader);
    group->frozen_until = get_i64(reader);
    group->used = get_i64(reader);
    group->trades = get_u32(reader);
    group->filled_mark = get_u32(reader);
    group->delta = get_i128(reader);
    group->vega = get_i128(reader);
    require(reader, tn_exchange_group_terms_valid(&group->terms),
            "The group's terms are out of range.");
    check_window(reader, exchange, group);
}

static void get_groups(struct tn_exchange *exchange, struct reader *reader, uint32_t index)
{
    struct account *account = &exchange->accounts[index];
    uint32_t size = get_u32(reader);
    require(reader, size % GROUP_SIZE == 0, "The groups' size is no number of groups.");
    uint32_t count = size / GROUP_SIZE;
    require(reader, count <= exchange->limits.groups_max - exchange->groups_count,
            "There are more groups than the limits allow.");
    uint8_t before = 0;
    for (uint32_t i = 0; i < count && reader_good(reader); i++) {
        struct group group = {.account = index,
                              .next = account->groups_head,
                              .quotes_head = TN_NONE,
                              .quotes_tail = TN_NONE};
        get_group(reader, exchange, &group);
        if (!require(reader, group.terms.group > before, "Groups must ascend by number.")) return;
        before = group.terms.group;
        account->groups_head = exchange->groups_count;
        exchange->groups[exchange->groups_count++] = group;
    }
}

/* ---- Memory: results ---- */

static void add_result(struct tn_exchange *exchange, const struct result *made)
{
    struct account *account = &exchange->accounts[made->account];
    uint32_t slot = exchange->results_used++;
    exchange->results_count++;
    exchange->results[slot] = *made;
    exchange->results[slot].hash = result_hash(exchange, made->account, made->client_id);
    tn_exchange_link_result(exchange, account, slot);
    tn_index_insert(&exchange->result_index, exchange->results[slot].hash, slot);
}

static void get_results(struct tn_exchange *exchange, struct reader *reader, uint32_t index)
{
    const struct tn_exchange_limits *limits = &exchange->limits;
    struct account *account = &exchange->accounts[index];
    account->results_gone = get_u64(reader);
    uint32_t count = get_u32(reader);
    require(reader, count <= limits->results_per_account,
            "The account remembers more results than it may.");
    require(reader, count <= limits->results_max - exchange->results_count,
            "There are more results than the limits allow.");
    require(reader, account->results_gone == 0 || count == limits->results_per_account,
            "Results are gone from a list that is not full.");
    for (uint32_t i = 0; i < count && reader_good(reader); i++) {
        struct result result = {.account = index, .next = TN_NONE, .order = TN_NONE};
        result.client_id = get_u64(reader);
        result.order_id =
            get_u64_most(reader, exchange->last_order_id, "The result's order was never there.");
        result.quantity = get_i64(reader);
        result.remaining = get_i64(reader);
        result.reject = get_u16(reader);
        require(reader, result.client_id != 0, "The result has no client id.");
        require(reader, tn_exchange_find_result(exchange, index, result.client_id) == TN_NONE,
                "A client id is remembered twice.");
        if (reader_good(reader)) add_result(exchange, &result);
    }
}

bool tn_exchange_import_memory(struct tn_exchange *exchange, struct reader *reader, uint32_t index)
{
    struct account *account = &exchange->accounts[index];
    get_groups(exchange, reader, index);
    get_results(exchange, reader, index);
    require(reader,
            account->groups_head != TN_NONE || account->results_count > 0 ||
                account->results_gone > 0,
            "The record says nothing.");
    return reader_ends(reader);
}
