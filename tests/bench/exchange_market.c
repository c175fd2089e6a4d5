/* exchange_market: the market of a load: contracts, series, marks, accounts, and what each of them
 * trades. Series ids, marks and greeks are plausible, no more: the exchange only needs that they
 * give bands and reserves of every size. */
#include "exchange_maker.h"
#include "exchange_margin.h"

/* ---- The market ------------------------------------------------------------------------------ */

static struct tn_underlying underlying_terms(uint32_t number)
{
    struct tn_underlying terms = {
        .symbol = "UA",
        .option = {.schedule = {.steps_count = 2, .steps = {{0, 1}, {2000, 5}}},
                   .tick_micros = 5000000,
                   .lot_micro_units = 10000,
                   .multiplier = 1,
                   .price_max = 40000,
                   .quantity_max = 100000},
        .linear = {.schedule = {.steps_count = 1, .steps = {{0, 1}}},
                   .tick_micros = 1000000,
                   .lot_micro_units = 1000,
                   .multiplier = 1,
                   .price_max = 1 << 18,
                   .quantity_max = 1000000},
        .option_fees = {.maker_ppm = 100, .taker_ppm = 300, .premium_cap_ppm = 125000},
        .linear_fees = {.maker_ppm = -100, .taker_ppm = 500, .premium_cap_ppm = 0},
        .listing = {.delta_high_ppb = 1000000000, .strike_step_ppm = 10000},
        .fifo_ppm = 1000000,
        .closing_ms = 60000,
    };
    terms.symbol[1] = (char)('A' + number);
    return terms;
}

uint16_t load_day(uint32_t index)
{
    static const uint16_t days[LOAD_DAYS] = {0, 7, 28, 91};
    return (uint16_t)(FIRST_DAY + days[index]);
}

/* Series s: the perpetuals first, then futures, then options; low numbers are traded most. */
static uint64_t series_id(const struct load_workload *workload, uint32_t series)
{
    struct tn_series_terms terms = {.underlying = (uint16_t)(1 + series % workload->underlyings)};
    uint32_t number = series / workload->underlyings;
    uint32_t strikes = (workload->series / workload->underlyings - 4) / 8 + 1;
    if (number > 0 && number < 4) {
        terms.kind = TN_FUTURE;
        terms.expiry_day = load_day(number);
    } else if (number >= 4) {
        uint32_t option = number - 4;
        terms.kind = option % 2 == 0 ? TN_CALL : TN_PUT;
        terms.expiry_day = load_day(option / 2 % LOAD_DAYS);
        terms.strike = (60000 + (uint64_t)(option / 8) * 1000 - strikes / 2 * 1000) *
                       (uint64_t)TN_STRIKE_UNITS;
    }
    uint64_t id;
    bool packed = tn_series_pack(&id, &terms);
    TN_ASSERT(packed);
    return id;
}

static tn_ticks first_mark(uint64_t id)
{
    if (!tn_series_is_option(id)) return INDEX_MICROS / 1000000;
    int64_t above = (int64_t)(tn_series_strike(id) / TN_STRIKE_UNITS) - INDEX_MICROS / 1000000;
    int64_t inner = tn_series_kind(id) == TN_PUT ? above : -above;
    double away = (double)above / 8000;
    double dollars = (inner > 0 ? (double)inner : 0) + 3000 / (1 + away * away);
    return (tn_ticks)(dollars / 5);
}

static struct tn_mark mark_of(const struct walk *walk)
{
    bool option = tn_series_is_option(walk->id);
    return (struct tn_mark){.series_id = walk->id,
                            .mark_micros = walk->mark * walk->micros_per_tick,
                            .forward_micros = INDEX_MICROS,
                            .delta_ppb = option ? 500000000 : 1000000000,
                            .vega_micros = option ? 600000 : 0,
                            .vol_ppm = option ? 500000 : 0};
}

/* By underlying, expiry, strike, kind. */
static int compare_walks(const void *left, const void *right)
{
    uint64_t ids[2] = {((const struct walk *)left)->id, ((const struct walk *)right)->id};
    uint64_t keys[2];
    for (uint32_t i = 0; i < 2; i++) {
        keys[i] = (uint64_t)tn_series_underlying(ids[i]) << 53 |
                  (uint64_t)tn_series_expiry_day(ids[i]) << 38 | tn_series_strike(ids[i]) << 2 |
                  (uint64_t)tn_series_kind(ids[i]);
    }
    return (keys[0] > keys[1]) - (keys[0] < keys[1]);
}

void maker_read_band(struct maker *maker, struct walk *walk)
{
    struct tn_series_view view;
    bool known = tn_exchange_series(maker->exchange, &view, walk->id);
    TN_ASSERT(known && view.micros_per_tick == walk->micros_per_tick);
    walk->low = (view.band_low_micros + view.micros_per_tick - 1) / view.micros_per_tick;
    walk->high = view.band_high_micros / view.micros_per_tick;
}

/* ---- Setting up ------------------------------------------------------------------------------ */

static void setup_accounts(struct maker *maker)
{
    const struct load_workload *workload = maker->load->workload;
    struct load_part *part = &maker->load->setup;
    for (uint32_t i = 0; i < workload->accounts; i++) {
        uint32_t owner = i % workload->owners;
        struct tn_entry *account = part_entry(part, TN_ENTRY_ACCOUNT);
        memcpy(account->as.account.owner, &owner, sizeof(owner));
        struct tn_entry *deposit = part_entry(part, TN_ENTRY_DEPOSIT);
        deposit->as.deposit.account = i;
        deposit->as.deposit.amount =
            workload->funds_micros > 0 ? workload->funds_micros : FUNDS_MICROS;
        if (workload->quotes == 0) continue;
        struct tn_command *command = &part->commands[part->commands_count++];
        command->kind = TN_COMMAND_MMP_SET;
        command->as.mmp_set = (struct tn_mmp_set){
            .interval_ms = 1000,
            .freeze_ms = 1,
            .quantity_limit = workload->quote_limit > 0 ? workload->quote_limit : 1000000000,
            .group = 1};
        struct tn_entry *frame = part_entry(part, TN_ENTRY_FRAME);
        frame->as.frame.account = i;
        frame->as.frame.commands = command;
        frame->as.frame.commands_count = 1;
        frame->as.frame.nonce = ++maker->accounts[i].nonce;
        frame->as.frame.valid_until_block = UINT64_MAX;
    }
}

void maker_add_marks(struct maker *maker, struct load_part *part)
{
    uint32_t series = maker->load->workload->series;
    for (uint32_t i = 0; i < series; i += TN_MARKS_MAX) {
        struct tn_entry *entry = part_entry(part, TN_ENTRY_MARKS);
        uint32_t count = series - i < TN_MARKS_MAX ? series - i : TN_MARKS_MAX;
        TN_ASSERT(part->marks_count + count <= part->marks_max);
        struct tn_mark *marks = &part->marks[part->marks_count];
        for (uint32_t k = 0; k < count; k++)
            marks[k] = mark_of(&maker->walks[i + k]);
        part->marks_count += count;
        entry->as.marks.marks = marks;
        entry->as.marks.marks_count = count;
    }
}

/* With margin the first MARK opens the series; marks and bands are read back then. */
static void setup_margin(struct maker *maker)
{
    const struct load_workload *workload = maker->load->workload;
    struct load_part *part = &maker->load->setup;
    struct tn_entry *feeder = part_entry(part, TN_ENTRY_FEEDER);
    feeder->as.feeder.signer = 1;
    feeder->as.feeder.active = 1;
    for (uint32_t i = 0; i < workload->underlyings; i++)
        part_entry(part, TN_ENTRY_UNDERLYING)->as.underlying = underlying_terms(i);
    for (uint32_t i = 0; i < workload->series; i++) {
        maker->walks[i].id = series_id(workload, i);
        maker->walks[i].micros_per_tick = tn_series_is_option(maker->walks[i].id) ? 50000 : 1000;
    }
    if (workload->by_expiry)
        qsort(maker->walks, workload->series, sizeof(*maker->walks), compare_walks);
    for (uint32_t i = 0; i < workload->series; i++)
        part_entry(part, TN_ENTRY_LIST)->as.list.series_id = maker->walks[i].id;
    load_add_reports(part, workload, maker->time_ms);
    struct tn_entry *block = part_entry(part, TN_ENTRY_BLOCK);
    block->as.block.height = ++maker->height;
    block->as.block.time_ms = maker->time_ms += MARK_MS;
}

static void setup_market(struct maker *maker)
{
    const struct load_workload *workload = maker->load->workload;
    struct load_part *part = &maker->load->setup;
    struct tn_entry *block = part_entry(part, TN_ENTRY_BLOCK);
    block->as.block.height = maker->height = 1;
    block->as.block.time_ms = maker->time_ms = START_MS;
    if (workload->margin) {
        setup_margin(maker);
        return;
    }
    for (uint32_t i = 0; i < workload->underlyings; i++) {
        part_entry(part, TN_ENTRY_UNDERLYING)->as.underlying = underlying_terms(i);
        struct tn_entry *index = part_entry(part, TN_ENTRY_INDEX);
        index->as.index.underlying = (uint16_t)(i + 1);
        index->as.index.price_micros = INDEX_MICROS;
    }
    for (uint32_t i = 0; i < workload->series; i++) {
        uint64_t id = series_id(workload, i);
        tn_ticks mark = first_mark(id);
        bool option = tn_series_is_option(id);
        maker->walks[i] = (struct walk){.id = id,
                                        .first = mark,
                                        .mark = mark,
                                        .middle = mark,
                                        .micros_per_tick = option ? 50000 : 1000};
        part_entry(part, TN_ENTRY_LIST)->as.list.series_id = id;
    }
    maker_add_marks(maker, part);
    for (uint32_t i = 0; i < workload->series; i++) {
        struct tn_entry *entry = part_entry(part, TN_ENTRY_STATUS);
        entry->as.status.series_id = maker->walks[i].id;
        entry->as.status.status = TN_STATUS_ACTIVE;
    }
}

/* The market without margin begins with the marks that the other one made. */
static void open_plain(struct maker *maker)
{
    struct load *load = maker->load;
    uint32_t series = load->workload->series;
    struct load_part *part = &load->plain.setup;
    for (uint32_t i = 0; i < series; i++) {
        struct walk *walk = &maker->walks[i];
        struct tn_series_view view;
        bool known = tn_exchange_series(maker->exchange, &view, walk->id);
        TN_ASSERT(known && view.status == TN_STATUS_ACTIVE);
        walk->first = walk->middle = walk->mark =
            maker_on_tick(walk, view.mark_micros / walk->micros_per_tick, TN_SELL);
    }
    part_open(part, 2 * series + 64, 1, 1, series);
    struct tn_entry *block = part_entry(part, TN_ENTRY_BLOCK);
    block->as.block.height = maker->height;
    block->as.block.time_ms = maker->time_ms;
    for (uint32_t i = 0; i < load->workload->underlyings; i++) {
        part_entry(part, TN_ENTRY_UNDERLYING)->as.underlying = underlying_terms(i);
        struct tn_entry *index = part_entry(part, TN_ENTRY_INDEX);
        index->as.index.underlying = (uint16_t)(i + 1);
        index->as.index.price_micros = INDEX_MICROS;
    }
    for (uint32_t i = 0; i < series; i++)
        part_entry(part, TN_ENTRY_LIST)->as.list.series_id = maker->walks[i].id;
    maker_add_marks(maker, part);
    for (uint32_t i = 0; i < series; i++) {
        struct tn_entry *entry = part_entry(part, TN_ENTRY_STATUS);
        entry->as.status.series_id = maker->walks[i].id;
        entry->as.status.status = TN_STATUS_ACTIVE;
    }
    for (uint32_t i = 0; i < part->entries_count; i++) {
        uint32_t count = load_run_plain(load, &part->entries[i]);
        for (uint32_t k = 0; k < count; k++)
            TN_ASSERT(load->plain.events[k].reject == TN_REJECT_NONE);
    }
}

/* The set-up must pass without one reject. */
void maker_setup(struct maker *maker)
{
    const struct load_workload *workload = maker->load->workload;
    struct load_part *part = &maker->load->setup;
    part_open(part, 3 * workload->accounts + 2 * workload->series + 512, workload->accounts, 1,
              workload->series);
    setup_market(maker);
    uint32_t market = part->entries_count;
    setup_accounts(maker);
    for (uint32_t i = 0; i < part->entries_count; i++) {
        if (i == market && workload->margin) open_plain(maker);
        bool to_both = workload->margin && i >= market && part->entries[i].kind != TN_ENTRY_FRAME;
        if (to_both) load_run_plain(maker->load, &part->entries[i]);
        uint32_t count = maker_run(maker, &part->entries[i]);
        for (uint32_t k = 0; k < count; k++)
            TN_ASSERT(maker->load->events[k].reject == TN_REJECT_NONE);
    }
    for (uint32_t i = 0; i < workload->series; i++)
        maker_read_band(maker, &maker->walks[i]);
}

/* Different series from so many expiries, as evenly as can be. */
static void draw_menu(struct maker *maker, uint32_t *menu, const struct bench_zipf *zipf)
{
    const struct load_workload *workload = maker->load->workload;
    uint32_t expiries[LOAD_MENU_MAX], expiries_count = 0, menu_count = 0;
    while (expiries_count < workload->menu_expiries) {
        uint64_t id = maker->walks[bench_zipf_draw(zipf, &maker->random)].id;
        uint32_t expiry = (uint32_t)(tn_series_underlying(id) << 16) | tn_series_expiry_day(id);
        bool known = !tn_series_is_option(id);
        for (uint32_t i = 0; i < expiries_count; i++)
            known |= expiries[i] == expiry;
        if (!known) expiries[expiries_count++] = expiry;
    }
    while (menu_count < workload->menu) {
        uint32_t series = maker_draw(maker, workload->series);
        uint64_t id = maker->walks[series].id;
        uint32_t expiry = (uint32_t)(tn_series_underlying(id) << 16) | tn_series_expiry_day(id);
        bool fits = expiry == expiries[menu_count % expiries_count];
        for (uint32_t i = 0; i < menu_count; i++)
            fits &= menu[i] != series;
        if (fits) menu[menu_count++] = series;
    }
}

void maker_draw_menus(struct maker *maker)
{
    const struct load_workload *workload = maker->load->workload;
    struct bench_zipf zipf;
    bench_zipf_open(&zipf, workload->series);
    for (uint32_t i = 0; i < workload->accounts; i++) {
        if (workload->menu_expiries > 0) {
            draw_menu(maker, maker->accounts[i].menu, &zipf);
            continue;
        }
        for (uint32_t k = 0; k < workload->menu; k++)
            maker->accounts[i].menu[k] = bench_zipf_draw(&zipf, &maker->random);
    }
    free(zipf.sums);
}
