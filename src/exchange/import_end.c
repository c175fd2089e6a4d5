/* import_end: what can be told only when records of several kinds are there.
 *
 * Before accounts are read every slot must have its series and every series of a market with margin
 * its expiry; after them, what names accounts by number is linked to what they have: cursors of
 * mass cancels and of funding, the sums that a gate reads. Then the books are balanced: Σ positions
 * and Σ cash are zero, as they were in the exchange that was written down. */
#include "exchange/records.h"

#define PPM INT64_C(1000000)

/* ---- Before accounts ---- */

/* Every record of these lists that is never empty has come. */
static bool lists_are_whole(const struct tn_exchange *exchange)
{
    uint32_t lists = 1 + exchange->underlyings_count + exchange->assets_count - 1;
    for (uint32_t i = 0; i < QUEUES_COUNT; i++) {
        uint32_t count = tn_exchange_queue(exchange, (enum market_queue)i)->count;
        lists += (count + QUEUE_CHUNK - 1) / QUEUE_CHUNK;
    }
    lists += (exchange->jobs_count + JOBS_CHUNK - 1) / JOBS_CHUNK;
    if (exchange->risk == NULL) return exchange->imported[TN_RECORD_MARKET].count == lists;
    lists += (exchange->risk->list_count + LISTED_CHUNK - 1) / LISTED_CHUNK;
    return exchange->imported[TN_RECORD_MARKET].count == lists;
}

static bool feeds_are_whole(const struct tn_exchange *exchange)
{
    return exchange->imported[TN_RECORD_FEEDS].count >= 2 &&
           exchange->feeds_read == exchange->underlyings_count + exchange->feeds_expected;
}

/* Options of an expiry were priced at one MARK, so margin finds one forward for all of them. */
static const char *check_expiry(const struct tn_exchange *exchange, const struct expiry *expiry,
                                uint32_t *rows_count)
{
    const struct risk *risk = exchange->risk;
    uint32_t first = TN_NONE;
    uint32_t index = expiry->series_head;
    for (; index != TN_NONE; index = exchange->series[index].expiry_next) {
        const struct series *series = &exchange->series[index];
        if (series->mark < 0) continue;
        ++*rows_count;
        if (series->is_linear) continue;
        if (first == TN_NONE) first = index;
        if (risk->margin_series[index].forward_lot != risk->margin_series[first].forward_lot) {
            return "Options of one expiry have several forwards.";
        }
    }
    return NULL;
}

static const char *check_feeds(const struct tn_exchange *exchange)
{
    uint32_t rows_count = 0, chained = 0, settled = exchange->settled.count;
    if (!feeds_are_whole(exchange)) return "Records of the feeds are missing.";
    uint32_t slot = tn_exchange_next_expiry(exchange, TN_NONE);
    for (; slot != TN_NONE; slot = tn_exchange_next_expiry(exchange, slot)) {
        const struct expiry *expiry = &exchange->risk->expiries[slot];
        const char *what = check_expiry(exchange, expiry, &rows_count);
        if (what != NULL) return what;
        chained += expiry->series_count;
    }
    if (chained + settled != exchange->series_used) return "A series has no expiry.";
    if (rows_count != exchange->imported[TN_RECORD_ROWS].count) return "A series has no row.";
    return NULL;
}

/* What a MARK puts where margin reads it. */
static bool value_assets(struct tn_exchange *exchange)
{
    struct risk *risk = exchange->risk;
    for (uint32_t i = 1; i < exchange->assets_count; i++) {
        struct tn_margin_asset *asset = &risk->margin_assets[i];
        uint16_t number = risk->asset_underlying[i];
        if (asset->price_micros == 0) continue; /* import_market.c: not valued yet */
        *asset = (struct tn_margin_asset){.price_micros = PPM,
                                          .mm_haircut_ppm = (int32_t)exchange->haircut_ppm[i],
                                          .im_haircut_ppm = (int32_t)risk->im_haircut_ppm[i],
                                          .confidence_ppm = (int32_t)PPM,
                                          .underlying = TN_MARGIN_NO_UNDERLYING};
        if (number == 0) continue;
        asset->price_micros = risk->underlyings[number - 1].spot.value;
        asset->confidence_ppm = risk->underlyings[number - 1].spot.confidence_ppm;
        asset->underlying = (uint16_t)(number - 1);
        if (!asset_is_valued(asset)) return false;
    }
    return true;
}

bool tn_exchange_import_end_series(struct tn_exchange *exchange, struct tn_import_fault *fault)
{
    if (!lists_are_whole(exchange)) {
        return import_fault(fault, TN_RECORD_MARKET, 0, "Records of the market are missing.");
    }
    if (exchange->imported[TN_RECORD_SERIES].count != exchange->series_used) {
        return import_fault(fault, TN_RECORD_SERIES, exchange->imported[TN_RECORD_SERIES].count,
                            "A series is missing.");
    }
    if (exchange->risk == NULL) return true;
    const char *what = check_feeds(exchange);
    if (what != NULL) return import_fault(fault, TN_RECORD_FEEDS, 0, what);
    if (!value_assets(exchange)) {
        return import_fault(fault, TN_RECORD_MARKET, 0, "An asset was valued at nothing.");
    }
    return true;
}

/* ---- After accounts ---- */

static bool accounts_are_whole(const struct tn_exchange *exchange)
{
    return exchange->imported[TN_RECORD_ACCOUNT].count == exchange->accounts_count;
}

static bool link_jobs(struct tn_exchange *exchange)
{
    for (uint32_t i = 0; i < exchange->jobs_count; i++) {
        struct job *job = &exchange->jobs[i];
        struct account *account = &exchange->accounts[job->account];
        if (account->jobs_count == UINT16_MAX) return false;
        account->jobs_count++;
        job->cursor = account->orders_head;
        while (job->cursor != TN_NONE && exchange->resting[job->cursor].id < job->next_id)
            job->cursor = exchange->links[job->cursor].next;
    }
    return true;
}

/* From an account to its exposure in the series whose turn it is. */
static bool link_funding(struct tn_exchange *exchange)
{
    if (!exchange->funding_begun || exchange->funding_cursor == TN_NONE) return true;
    uint32_t series = queue_at(&exchange->fundings, 0, exchange->limits.series_max);
    if (!tn_exchange_is_present(exchange, exchange->funding_cursor)) return false;
    exchange->funding_cursor =
        tn_exchange_find_exposure(exchange, exchange->funding_cursor, series);
    return exchange->funding_cursor != TN_NONE;
}

static bool add_up_gates(struct tn_exchange *exchange)
{
    struct risk *risk = exchange->risk;
    tn_i128 borrowed = 0, gate = 0;
    for (uint32_t i = 0; i < exchange->accounts_count; i++) {
        if (!tn_exchange_is_present(exchange, i)) continue;
        borrowed += risk->guards[i].borrowed_micros;
        gate += risk->guards[i].debt_share;
    }
    bool is_whole = accounts_are_whole(exchange);
    risk->borrowed_micros = exchange->told.borrowed;
    risk->gate_micros = exchange->told.gate;
    return is_whole ? borrowed == exchange->told.borrowed && gate == exchange->told.gate
                    : borrowed <= exchange->told.borrowed && gate <= exchange->told.gate;
}

/* What the head says of all accounts: theirs that are there, and of others when some are not. */
static bool add_up_counts(struct tn_exchange *exchange)
{
    uint32_t exposures = exchange->exposures_count, results = exchange->results_count,
             groups = exchange->groups_count;
    bool is_whole = accounts_are_whole(exchange);
    exchange->exposures_count = exchange->told.exposures;
    exchange->results_count = exchange->told.results;
    exchange->groups_count = exchange->told.groups;
    return is_whole ? exposures == exchange->told.exposures && results == exchange->told.results &&
                          groups == exchange->told.groups
                    : exposures <= exchange->told.exposures && results <= exchange->told.results &&
                          groups <= exchange->told.groups;
}

/* Nobody is on the list twice. The stamps of the accounts' linear values, a cache, serve as marks
 * and are left unset. */
static bool list_is_good(const struct tn_exchange *exchange)
{
    const struct risk *risk = exchange->risk;
    bool good = true;
    for (uint32_t i = 0; i < risk->list_count; i++)
        exchange->accounts[risk->list[i].account].linear_stamp = 0;
    for (uint32_t i = 0; i < risk->list_count; i++) {
        struct account *account = &exchange->accounts[risk->list[i].account];
        good &= account->linear_stamp == 0;
        account->linear_stamp = 1;
    }
    for (uint32_t i = 0; i < risk->list_count; i++)
        exchange->accounts[risk->list[i].account].linear_stamp = 0;
    return good;
}

/* The house's accounts, against what they stand for. */
static const char *check_money(const struct tn_exchange *exchange)
{
    const tn_micros *house = exchange->ledger.house;
    tn_i128 floating = 0;
    for (uint32_t i = 0; i < exchange->series_used; i++)
        floating += exchange->series[i].funding_float;
    if (floating != house[TN_HOUSE_FUNDING]) return "Funding paid is not what series hold.";
    if (exchange->settlements.count == 0 && house[TN_HOUSE_CLEARING] != 0) {
        return "Nothing settles, but CLEARING has money.";
    }
    if (accounts_are_whole(exchange) &&
        tn_ledger_sum(&exchange->ledger, exchange->accounts_count) != 0) {
        return "Cash does not add up to zero.";
    }
    return NULL;
}

bool tn_exchange_import_end_market(struct tn_exchange *exchange, struct tn_import_fault *fault)
{
    if (!link_jobs(exchange)) {
        return import_fault(fault, TN_RECORD_MARKET, 0, "An account has too many mass cancels.");
    }
    if (!link_funding(exchange)) {
        return import_fault(fault, TN_RECORD_MARKET, 0, "Funding stands at no position.");
    }
    if (!add_up_counts(exchange)) {
        return import_fault(fault, TN_RECORD_MARKET, 0,
                            "Positions, results or groups are not as many.");
    }
    if (exchange->risk != NULL && !add_up_gates(exchange)) {
        return import_fault(fault, TN_RECORD_MARGIN, 0, "What accounts owe is not the sum of it.");
    }
    if (exchange->risk != NULL && !list_is_good(exchange)) {
        return import_fault(fault, TN_RECORD_MARKET, 0, "An account is to be liquidated twice.");
    }
    if (exchange->risk != NULL) tn_exchange_list_import(exchange->risk);
    const char *what = check_money(exchange);
    return what == NULL ? true : import_fault(fault, TN_RECORD_MARKET, 0, what);
}
