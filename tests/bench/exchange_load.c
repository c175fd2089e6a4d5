/* exchange_load: see the header.
 *
 * Prices walk at random around the mark of their series, orders stand at power-law offsets from
 * them, and marks follow. Series ids, marks and greeks are plausible, no more: the exchange only
 * needs that they give bands and reserves of every size. */
#include "exchange_load.h"

#include "bench.h"

#define INDEX_MICROS   INT64_C(60000000000)
#define FUNDS_MICROS   (INT64_C(1) << 47)
#define START_MS       (TN_EPOCH_2020_MS + INT64_C(2366) * TN_MS_PER_DAY)
#define FIRST_DAY      2376
#define QUANTITY_MAX   100
#define STALE_PERCENT  3    /* of cancels and replaces; */
#define STALE_LOW      15   /* this while fewer rest than aimed at, which keeps the books full */
#define BLOCK_MESSAGES 5000 /* one block a millisecond at the speed aimed at */
#define MARKS_MESSAGES 100000
#define GONE_MAX       16
#define FEE_MAX_PPM    10000

struct walk {
    uint64_t id;
    tn_ticks middle, mark, low, high; /* low and high: prices in band */
    tn_ticks first;                   /* the mark at the start */
    tn_micros micros_per_tick;
};

struct known_order {
    uint32_t account, place; /* in the account's list, or TN_NONE */
    uint32_t series, client_id;
    uint8_t side;
};

/* What the generator drew for a command and the command does not say. */
struct drawn {
    uint32_t series;
    uint8_t side;
};

struct known_account {
    uint32_t *live; /* ids of resting orders */
    uint32_t live_count, live_max;
    uint32_t next_client_id;
    uint32_t gone[GONE_MAX]; /* client ids of orders that are gone */
    uint32_t gone_count;
    uint64_t nonce;
    uint32_t menu[LOAD_MENU_MAX];
};

/* What the generator knows of the market. */
struct maker {
    struct load *load;
    struct tn_exchange *exchange;
    uint64_t random;
    uint64_t height;
    int64_t time_ms;
    struct walk *walks;
    struct known_account *accounts;
    struct known_order *orders; /* by order id */
    struct tn_quote *standing;  /* account × series + series */
    uint32_t orders_max;
    uint32_t live_count;
    uint32_t visit;          /* of mass quotes */
    struct drawn drawn[256]; /* by place in the frame */
    uint32_t done, since_block, since_marks;
    bool timed;
};

static uint32_t draw(struct maker *maker, uint32_t bound)
{
    return (uint32_t)tn_random_below(&maker->random, bound);
}

static bool chance(struct maker *maker, uint32_t percent)
{
    return draw(maker, 100) < percent;
}

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

/* Series s: the perpetuals first, then futures, then options; low numbers are traded most. */
static uint64_t series_id(const struct load_workload *workload, uint32_t series)
{
    static const uint16_t DAYS[4] = {0, 7, 28, 91};
    struct tn_series_terms terms = {.underlying = (uint16_t)(1 + series % workload->underlyings)};
    uint32_t number = series / workload->underlyings;
    uint32_t strikes = (workload->series / workload->underlyings - 4) / 8 + 1;
    if (number > 0 && number < 4) {
        terms.kind = TN_FUTURE;
        terms.expiry_day = (uint16_t)(FIRST_DAY + DAYS[number]);
    } else if (number >= 4) {
        uint32_t option = number - 4;
        terms.kind = option % 2 == 0 ? TN_CALL : TN_PUT;
        terms.expiry_day = (uint16_t)(FIRST_DAY + DAYS[option / 2 % 4]);
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

static void read_band(struct maker *maker, struct walk *walk)
{
    struct tn_series_view view;
    bool known = tn_exchange_series(maker->exchange, &view, walk->id);
    TN_ASSERT(known && view.micros_per_tick == walk->micros_per_tick);
    walk->low = (view.band_low_micros + view.micros_per_tick - 1) / view.micros_per_tick;
    walk->high = view.band_high_micros / view.micros_per_tick;
}

/* ---- Parts ----------------------------------------------------------------------------------- */

static void part_open(struct load_part *part, uint32_t entries_max, uint32_t commands_max,
                      uint32_t quotes_max, uint32_t marks_max)
{
    *part = (struct load_part){.entries_max = entries_max,
                               .commands_max = commands_max,
                               .quotes_max = quotes_max,
                               .marks_max = marks_max};
    part->entries = bench_map(entries_max * sizeof(*part->entries));
    part->commands = bench_map(commands_max * sizeof(*part->commands));
    part->quotes = bench_map(quotes_max * sizeof(*part->quotes));
    part->marks = bench_map(marks_max * sizeof(*part->marks));
}

static void part_free(struct load_part *part)
{
    bench_unmap(part->entries, part->entries_max * sizeof(*part->entries));
    bench_unmap(part->commands, part->commands_max * sizeof(*part->commands));
    bench_unmap(part->quotes, part->quotes_max * sizeof(*part->quotes));
    bench_unmap(part->marks, part->marks_max * sizeof(*part->marks));
}

static struct tn_entry *part_entry(struct load_part *part, enum tn_entry_kind kind)
{
    TN_ASSERT(part->entries_count < part->entries_max);
    struct tn_entry *entry = &part->entries[part->entries_count++];
    memset(entry, 0, sizeof(*entry));
    entry->kind = (uint8_t)kind;
    return entry;
}

/* ---- Running along: what the events say ------------------------------------------------------ */

static void order_lives(struct maker *maker, uint64_t id, uint32_t account, uint32_t client_id,
                        struct drawn drawn)
{
    struct known_account *known = &maker->accounts[account];
    TN_ASSERT(id < maker->orders_max);
    if (known->live_count == known->live_max) {
        known->live_max = known->live_max == 0 ? 64 : 2 * known->live_max;
        known->live = realloc(known->live, known->live_max * sizeof(uint32_t));
        TN_ASSERT(known->live != NULL);
    }
    maker->orders[id] = (struct known_order){.account = account,
                                             .place = known->live_count,
                                             .series = drawn.series,
                                             .client_id = client_id,
                                             .side = drawn.side};
    known->live[known->live_count++] = (uint32_t)id;
    maker->live_count++;
}

static void order_goes(struct maker *maker, uint64_t id)
{
    struct known_order *order = &maker->orders[id];
    if (order->place == TN_NONE) return;
    struct known_account *known = &maker->accounts[order->account];
    uint32_t last = known->live[--known->live_count];
    known->live[order->place] = last;
    maker->orders[last].place = order->place;
    order->place = TN_NONE;
    maker->live_count--;
    known->gone[known->gone_count++ % GONE_MAX] = order->client_id;
}

static void floor_say(struct maker *maker, enum tn_book_message_kind kind,
                      const struct tn_event *event, tn_lots quantity, struct drawn drawn)
{
    struct load *load = maker->load;
    int64_t price = event->price - maker->walks[drawn.series].first + LOAD_FLOOR_PRICES / 2;
    if (price < 1) price = 1;
    if (price > LOAD_FLOOR_PRICES - 2) price = LOAD_FLOOR_PRICES - 2;
    TN_ASSERT(load->floor_count < load->floor_max);
    load->floor[load->floor_count++] = (struct floor_message){.id = (uint32_t)event->order_id,
                                                              .price = (uint32_t)price,
                                                              .quantity = (uint32_t)quantity,
                                                              .book = drawn.series,
                                                              .kind = (uint8_t)kind,
                                                              .side = drawn.side,
                                                              .tif = TN_BOOK_GTC};
}

static void count_event(struct load_counts *counts, const struct tn_event *event)
{
    counts->events++;
    counts->trades += event->kind == TN_EVENT_TRADE;
    counts->kept_places += (event->flags & TN_EVENT_KEPT_PLACE) != 0;
    counts->self_trades += event->reason == TN_REASON_SELF_TRADE;
    TN_ASSERT(event->reject < LOAD_REJECTS_MAX);
    if (event->reject != 0) counts->rejects[event->reject]++;
}

/* An order frame's events: which orders rest now, which are gone; the same for the floor. */
static void read_order_events(struct maker *maker, const struct tn_entry *entry, uint32_t count)
{
    uint32_t place = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct tn_event *event = &maker->load->events[i];
        const struct tn_command *command = &entry->as.frame.commands[place];
        struct drawn drawn = maker->drawn[place];
        if (event->kind == TN_EVENT_ACCEPTED) {
            floor_say(maker, TN_BOOK_SUBMIT, event, event->quantity, drawn);
            struct floor_message *message = &maker->load->floor[maker->load->floor_count - 1];
            if (command->as.terms[0].tif == TN_IOC) message->tif = TN_BOOK_IOC;
        } else if (event->kind == TN_EVENT_REPLACED) {
            floor_say(maker, TN_BOOK_REPLACE, event, event->quantity, drawn);
        } else if (event->kind == TN_EVENT_CANCELLED) {
            order_goes(maker, event->order_id);
        } else if (event->kind == TN_EVENT_TRADE) {
            if (event->other_remaining == 0) order_goes(maker, event->other_order_id);
            if (event->remaining == 0) order_goes(maker, event->order_id);
        } else if (event->kind == TN_EVENT_RESULT) {
            bool places = command->kind == TN_COMMAND_PLACE;
            if (places && event->remaining > 0) {
                order_lives(maker, event->order_id, event->account, (uint32_t)event->client_id,
                            drawn);
            }
            if (command->kind == TN_COMMAND_CANCEL) {
                floor_say(maker, TN_BOOK_CANCEL, event, 0, drawn);
            }
            place++;
        }
    }
}

static void read_quote_events(struct maker *maker, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct tn_event *event = &maker->load->events[i];
        if (event->kind != TN_EVENT_QUOTED || event->order_id == 0) continue;
        struct drawn drawn = {maker->drawn[event->index / 2].series, event->side};
        struct known_order *order = &maker->orders[event->order_id];
        TN_ASSERT(event->order_id < maker->orders_max);
        bool is_new = order->account == TN_NONE;
        order->account = event->account;
        floor_say(maker, is_new ? TN_BOOK_SUBMIT : TN_BOOK_REPLACE, event,
                  event->quantity + event->remaining, drawn);
    }
}

static void count_events(struct maker *maker, uint32_t count)
{
    struct load_counts *counts = &maker->load->counts;
    for (uint32_t i = 0; i < count; i++)
        count_event(counts, &maker->load->events[i]);
    uint32_t resting = tn_book_orders_count(tn_exchange_books(maker->exchange));
    if (resting < counts->resting_min) counts->resting_min = resting;
    if (resting > counts->resting_max) counts->resting_max = resting;
}

static uint32_t run_along(struct maker *maker, const struct tn_entry *entry)
{
    return tn_exchange_apply(maker->exchange, maker->load->events, maker->load->events_max, entry);
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
        deposit->as.deposit.amount = FUNDS_MICROS;
        if (workload->quotes == 0) continue;
        struct tn_command *command = &part->commands[part->commands_count++];
        command->kind = TN_COMMAND_MMP_SET;
        command->as.mmp_set = (struct tn_mmp_set){
            .interval_ms = 1000, .freeze_ms = 1, .quantity_limit = 1000000000, .group = 1};
        struct tn_entry *frame = part_entry(part, TN_ENTRY_FRAME);
        frame->as.frame.account = i;
        frame->as.frame.commands = command;
        frame->as.frame.commands_count = 1;
        frame->as.frame.nonce = ++maker->accounts[i].nonce;
        frame->as.frame.valid_until_block = UINT64_MAX;
    }
}

static void setup_marks(struct maker *maker, struct load_part *part)
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

static void setup_market(struct maker *maker)
{
    const struct load_workload *workload = maker->load->workload;
    struct load_part *part = &maker->load->setup;
    struct tn_entry *block = part_entry(part, TN_ENTRY_BLOCK);
    block->as.block.height = maker->height = 1;
    block->as.block.time_ms = maker->time_ms = START_MS;
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
    setup_marks(maker, part);
    for (uint32_t i = 0; i < workload->series; i++) {
        struct tn_entry *entry = part_entry(part, TN_ENTRY_STATUS);
        entry->as.status.series_id = maker->walks[i].id;
        entry->as.status.status = TN_STATUS_ACTIVE;
    }
}

/* The set-up must pass without one reject. */
static void setup(struct maker *maker)
{
    const struct load_workload *workload = maker->load->workload;
    struct load_part *part = &maker->load->setup;
    part_open(part, 3 * workload->accounts + 2 * workload->series + 64, workload->accounts, 1,
              workload->series);
    setup_market(maker);
    setup_accounts(maker);
    for (uint32_t i = 0; i < part->entries_count; i++) {
        uint32_t count = run_along(maker, &part->entries[i]);
        for (uint32_t k = 0; k < count; k++)
            TN_ASSERT(maker->load->events[k].reject == TN_REJECT_NONE);
    }
    for (uint32_t i = 0; i < workload->series; i++)
        read_band(maker, &maker->walks[i]);
}

static void draw_menus(struct maker *maker)
{
    const struct load_workload *workload = maker->load->workload;
    struct bench_zipf zipf;
    bench_zipf_open(&zipf, workload->series);
    for (uint32_t i = 0; i < workload->accounts; i++) {
        for (uint32_t k = 0; k < workload->menu; k++)
            maker->accounts[i].menu[k] = bench_zipf_draw(&zipf, &maker->random);
    }
    free(zipf.sums);
}

/* ---- Orders ---------------------------------------------------------------------------------- */

/* The middle takes a step now and then, and stays in the inner half of the band. */
static void step_middle(struct maker *maker, struct walk *walk)
{
    if (!chance(maker, 1)) return;
    tn_ticks next = walk->middle + (chance(maker, 50) ? 1 : -1);
    tn_ticks room = (walk->high - walk->mark) / 2;
    tn_ticks drift = next - walk->first;
    if (drift > LOAD_FLOOR_PRICES / 4 || drift < -LOAD_FLOOR_PRICES / 4) return;
    if (next - walk->mark <= room && walk->mark - next <= room) walk->middle = next;
}

static tn_ticks on_tick(const struct walk *walk, tn_ticks price, uint8_t side)
{
    if (!tn_series_is_option(walk->id) || price <= 2000) return price;
    return side == TN_BUY ? price - price % 5 : price + 4 - (price + 4) % 5;
}

static tn_ticks draw_price(struct maker *maker, struct walk *walk, uint8_t side, bool takes)
{
    step_middle(maker, walk);
    if (takes) return on_tick(walk, side == TN_BUY ? walk->middle + 3 : walk->middle - 3, side);
    tn_ticks most = side == TN_BUY ? walk->middle - 2 : walk->high - walk->middle;
    if (most > 500) most = 500;
    tn_ticks offset = bench_power_law(&maker->random, 10, 2.2, (uint32_t)most);
    tn_ticks price = side == TN_BUY ? walk->middle - offset : walk->middle + 1 + offset;
    return on_tick(walk, price, side);
}

static void make_place(struct maker *maker, struct tn_command *command, struct drawn *drawn,
                       uint32_t account)
{
    struct known_account *known = &maker->accounts[account];
    bool takes = chance(maker, 15);
    drawn->series = known->menu[draw(maker, maker->load->workload->menu)];
    drawn->side = (uint8_t)draw(maker, 2);
    struct walk *walk = &maker->walks[drawn->series];
    struct tn_order_terms *terms = &command->as.terms[0];
    command->kind = TN_COMMAND_PLACE;
    command->client_id = ++known->next_client_id;
    terms->series_id = walk->id;
    terms->side = drawn->side;
    terms->price = draw_price(maker, walk, terms->side, takes);
    terms->quantity = 1 + draw(maker, takes ? QUANTITY_MAX / 3 : QUANTITY_MAX);
    terms->fee_max_ppm = FEE_MAX_PPM;
    terms->label = draw(maker, 8);
    terms->stp = (uint8_t)draw(maker, 4);
    terms->tif = takes ? TN_IOC : TN_GTC;
    if (takes) return;
    uint32_t kind = draw(maker, 100);
    if (kind < 5) {
        terms->tif = TN_GTT;
        terms->until = START_MS + TN_MS_PER_DAY + draw(maker, 1000000);
    } else if (kind < 10) {
        terms->post = TN_POST_REPRICE;
    } else if (kind < 12) {
        terms->display = 1 + terms->quantity / 4;
    }
}

/* Cancels and replaces name an order by the client id under which it was placed. */
static void make_change(struct maker *maker, struct tn_command *command, struct drawn *drawn,
                        uint32_t account, bool replaces)
{
    struct known_account *known = &maker->accounts[account];
    bool low = maker->live_count < maker->load->workload->resting;
    bool stale = known->gone_count >= GONE_MAX &&
                 (known->live_count == 0 || chance(maker, low ? STALE_LOW : STALE_PERCENT));
    struct tn_order_ref ref = {.client_id = known->gone[draw(maker, GONE_MAX)]};
    *drawn = (struct drawn){.series = known->menu[0]};
    maker->load->counts.stale += stale && maker->timed;
    if (!stale) {
        uint32_t id = known->live[draw(maker, known->live_count)];
        const struct known_order *order = &maker->orders[id];
        ref.client_id = order->client_id;
        *drawn = (struct drawn){order->series, order->side};
        if (!replaces) order_goes(maker, id); /* a frame names no order twice */
    }
    command->kind = replaces ? TN_COMMAND_REPLACE : TN_COMMAND_CANCEL;
    if (!replaces) {
        command->as.cancel = ref;
        return;
    }
    command->as.replace.ref = ref;
    command->as.replace.quantity = 1 + draw(maker, QUANTITY_MAX);
    command->as.replace.price = draw_price(maker, &maker->walks[drawn->series], drawn->side, false);
}

static void make_orders(struct maker *maker, struct tn_command *commands, uint32_t count,
                        uint32_t account)
{
    bool low = maker->live_count < maker->load->workload->resting;
    uint32_t places = low && !maker->timed ? 70 : 50;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t share = draw(maker, 100);
        memset(&commands[i], 0, sizeof(commands[i]));
        const struct known_account *known = &maker->accounts[account];
        bool nothing = known->live_count == 0 && known->gone_count < GONE_MAX;
        if (share < places || nothing) {
            make_place(maker, &commands[i], &maker->drawn[i], account);
        } else {
            make_change(maker, &commands[i], &maker->drawn[i], account, share >= 91);
        }
    }
}

/* ---- Quotes ---------------------------------------------------------------------------------- */

static void make_quote(struct maker *maker, struct tn_quote *quote, uint32_t account,
                       uint32_t series)
{
    const struct load_workload *workload = maker->load->workload;
    struct tn_quote *standing = &maker->standing[(size_t)account * workload->series + series];
    struct walk *walk = &maker->walks[series];
    if (chance(maker, 50)) {
        tn_ticks next = walk->middle + (chance(maker, 50) ? 1 : -1);
        if (next - walk->first <= 8 && walk->first - next <= 8) walk->middle = next;
    }
    if (standing->series_id == 0 || !chance(maker, LOAD_QUOTE_PERCENT)) {
        tn_ticks half = workload->half_spread_ticks;
        *standing = (struct tn_quote){
            .series_id = walk->id,
            .bid_price = on_tick(walk, walk->middle - half - draw(maker, 2), TN_BUY),
            .ask_price = on_tick(walk, walk->middle + half + draw(maker, 2), TN_SELL),
            .bid_quantity = 1 + draw(maker, QUANTITY_MAX),
            .ask_quantity = 1 + draw(maker, QUANTITY_MAX),
        };
    }
    *quote = *standing;
}

/* Makers take turns; each goes through all series, a block of them at a time. */
static void make_mass_quote(struct maker *maker, struct load_part *part, struct tn_command *command,
                            uint32_t *account)
{
    const struct load_workload *workload = maker->load->workload;
    uint32_t visit = maker->visit++;
    *account = visit % workload->accounts;
    uint32_t first = visit / workload->accounts * workload->quotes;
    TN_ASSERT(part->quotes_count + workload->quotes <= part->quotes_max);
    struct tn_quote *quotes = &part->quotes[part->quotes_count];
    part->quotes_count += workload->quotes;
    for (uint32_t i = 0; i < workload->quotes; i++) {
        uint32_t series = (first + i) % workload->series;
        maker->drawn[i] = (struct drawn){.series = series};
        make_quote(maker, &quotes[i], *account, series);
    }
    memset(command, 0, sizeof(*command));
    command->kind = TN_COMMAND_MASS_QUOTE;
    command->as.mass_quote = (struct tn_mass_quote){.quotes = quotes,
                                                    .quotes_count = workload->quotes,
                                                    .fee_max_ppm = FEE_MAX_PPM,
                                                    .group = 1,
                                                    .stp = TN_STP_CANCEL_MAKER};
}

/* ---- Streams --------------------------------------------------------------------------------- */

static void next_frame(struct maker *maker, struct load_part *part)
{
    const struct load_workload *workload = maker->load->workload;
    bool quotes = workload->quotes > 0;
    uint32_t account = draw(maker, workload->accounts);
    uint32_t commands_count = quotes ? 1 : workload->commands_per_frame;
    TN_ASSERT(part->commands_count + commands_count <= part->commands_max);
    struct tn_command *commands = &part->commands[part->commands_count];
    part->commands_count += commands_count;
    if (quotes) {
        make_mass_quote(maker, part, commands, &account);
    } else {
        make_orders(maker, commands, commands_count, account);
    }
    struct tn_entry *entry = part_entry(part, TN_ENTRY_FRAME);
    entry->as.frame.commands = commands;
    entry->as.frame.commands_count = commands_count;
    entry->as.frame.account = account;
    entry->as.frame.nonce = ++maker->accounts[account].nonce;
    entry->as.frame.valid_until_block = UINT64_MAX;
    uint32_t count = run_along(maker, entry);
    if (maker->timed) count_events(maker, count);
    if (quotes) {
        read_quote_events(maker, count);
    } else {
        read_order_events(maker, entry, count);
    }
    uint32_t messages = quotes ? 2 * workload->quotes : commands_count;
    part->messages += messages;
    maker->since_block += messages;
    maker->since_marks += messages;
}

static void next_block(struct maker *maker, struct load_part *part)
{
    struct tn_entry *entry = part_entry(part, TN_ENTRY_BLOCK);
    entry->as.block.height = ++maker->height;
    entry->as.block.time_ms = ++maker->time_ms;
    uint32_t count = run_along(maker, entry);
    TN_ASSERT(count == 0);
    maker->since_block = 0;
}

/* Marks go to where trading is. Quotes keep theirs: no crosses then comes from the spread alone. */
static void next_marks(struct maker *maker, struct load_part *part)
{
    const struct load_workload *workload = maker->load->workload;
    uint32_t first = part->entries_count;
    for (uint32_t i = 0; i < workload->series && workload->quotes == 0; i++)
        maker->walks[i].mark = maker->walks[i].middle;
    setup_marks(maker, part);
    for (uint32_t i = first; i < part->entries_count; i++) {
        uint32_t count = run_along(maker, &part->entries[i]);
        TN_ASSERT(count == 0);
    }
    for (uint32_t i = 0; i < workload->series; i++)
        read_band(maker, &maker->walks[i]);
    maker->since_marks = 0;
}

/* Adds one frame, and what falls due with it. */
static void next(struct maker *maker, struct load_part *part)
{
    next_frame(maker, part);
    if (maker->since_block >= BLOCK_MESSAGES) next_block(maker, part);
    if (maker->since_marks >= MARKS_MESSAGES) next_marks(maker, part);
}

static void open_stream_part(struct load_part *part, const struct load_workload *workload,
                             uint32_t messages)
{
    uint32_t per_frame = workload->quotes > 0 ? 2 * workload->quotes : workload->commands_per_frame;
    uint32_t frames = messages / per_frame + 1;
    uint32_t rounds = messages / MARKS_MESSAGES + 2;
    part_open(part, frames + messages / BLOCK_MESSAGES + 64 * rounds, frames * per_frame,
              messages / 2 + 2 * workload->quotes + 1, rounds * workload->series);
}

/* Packs what a part holds, so that its entries can be used again; quotes and marks stay. */
static void pack_part(struct pack *pack, struct load_part *part)
{
    for (uint32_t i = 0; i < part->entries_count && pack != NULL; i++)
        pack_add(pack, &part->entries[i]);
    part->entries_count = part->commands_count = 0;
}

static void make_fill(struct maker *maker)
{
    struct load *load = maker->load;
    const struct load_workload *workload = load->workload;
    struct load_part scratch;
    open_stream_part(&load->prefix, workload, workload->twin_messages);
    while (load->prefix.messages < workload->twin_messages)
        next(maker, &load->prefix);
    open_stream_part(&scratch, workload, 1000);
    while (load->prefix.messages + scratch.messages < workload->fill) {
        next(maker, &scratch);
        pack_part(NULL, &scratch);
        scratch.quotes_count = scratch.marks_count = 0;
    }
    part_free(&scratch);
    load->floor_fill = load->floor_count;
    memcpy(load->start, load->memory, load->size);
}

static void make_timed(struct maker *maker)
{
    struct load *load = maker->load;
    const struct load_workload *workload = load->workload;
    open_stream_part(&load->timed, workload, workload->messages);
    uint32_t commands = workload->quotes > 0 ? 1 : workload->commands_per_frame;
    load->pack.size_max = load->timed.entries_max * pack_size_max(commands);
    load->pack.bytes = bench_map(load->pack.size_max);
    maker->timed = true;
    load->counts.resting_min = UINT32_MAX;
    while (load->timed.messages < workload->messages) {
        next(maker, &load->timed);
        pack_part(&load->pack, &load->timed);
    }
    for (uint32_t i = 0; i < workload->accounts; i++) {
        struct tn_account_view view;
        bool known = tn_exchange_account(maker->exchange, &view, i);
        TN_ASSERT(known);
        load->counts.exposures += view.exposures_count;
    }
    load->floor_ids = maker->orders_max;
}

/* ---- The whole ------------------------------------------------------------------------------- */

static void set_limits(struct load *load)
{
    const struct load_workload *workload = load->workload;
    struct tn_exchange_limits *limits = &load->limits;
    tn_exchange_limits_default(limits);
    limits->accounts_max = workload->accounts;
    limits->series_max = workload->series;
    limits->orders_max = 65536;
    limits->levels_max = 65536;
    limits->exposures_max = 65536;
    limits->exposures_per_account_max = workload->series;
    limits->results_per_account = workload->results_per_account;
    limits->results_max = workload->accounts * (workload->results_per_account + 1) + 65536;
    limits->hash_seed = LOAD_SEED;
}

void load_make(struct load *load, const struct load_workload *workload)
{
    *load = (struct load){.workload = workload};
    set_limits(load);
    load->size = tn_exchange_size(&load->limits);
    load->memory = bench_map(load->size);
    load->start = bench_map(load->size);
    load->events_max = tn_exchange_events_max(&load->limits);
    load->events = bench_map(load->events_max * sizeof(*load->events));
    uint32_t messages = workload->fill + workload->messages + 4096;
    load->floor_max = 2 * messages;
    load->floor = bench_map(load->floor_max * sizeof(*load->floor));
    struct maker maker = {.load = load,
                          .exchange = tn_exchange_init(load->memory, &load->limits),
                          .random = LOAD_SEED,
                          .orders_max = messages};
    maker.walks = calloc(workload->series, sizeof(*maker.walks));
    maker.accounts = calloc(workload->accounts, sizeof(*maker.accounts));
    maker.orders = malloc(messages * sizeof(*maker.orders));
    maker.standing = calloc((size_t)workload->accounts * workload->series, sizeof(*maker.standing));
    TN_ASSERT(maker.walks && maker.accounts && maker.orders && maker.standing);
    memset(maker.orders, 0xff, messages * sizeof(*maker.orders));
    setup(&maker);
    draw_menus(&maker);
    make_fill(&maker);
    make_timed(&maker);
    for (uint32_t i = 0; i < workload->accounts; i++)
        free(maker.accounts[i].live);
    free(maker.walks);
    free(maker.accounts);
    free(maker.orders);
    free(maker.standing);
}

void load_free(struct load *load)
{
    part_free(&load->setup);
    part_free(&load->prefix);
    part_free(&load->timed);
    bench_unmap(load->memory, load->size);
    bench_unmap(load->start, load->size);
    bench_unmap(load->events, load->events_max * sizeof(*load->events));
    bench_unmap(load->pack.bytes, load->pack.size_max);
    bench_unmap(load->floor, load->floor_max * sizeof(*load->floor));
}

struct tn_exchange *load_restart(const struct load *load)
{
    memcpy(load->memory, load->start, load->size);
    return load->memory;
}
