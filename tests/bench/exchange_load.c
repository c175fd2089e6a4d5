/* exchange_load: see the header.
 *
 * Prices walk at random around the mark of their series, orders stand at power-law offsets from
 * them, and marks follow. */
#include "exchange_load.h"

#include "exchange_maker.h"
#include "exchange_margin.h"

/* ---- Parts ----------------------------------------------------------------------------------- */

void part_open(struct load_part *part, uint32_t entries_max, uint32_t commands_max,
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

void part_free(struct load_part *part)
{
    bench_unmap(part->entries, part->entries_max * sizeof(*part->entries));
    bench_unmap(part->commands, part->commands_max * sizeof(*part->commands));
    bench_unmap(part->quotes, part->quotes_max * sizeof(*part->quotes));
    bench_unmap(part->marks, part->marks_max * sizeof(*part->marks));
}

struct tn_entry *part_entry(struct load_part *part, enum tn_entry_kind kind)
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

uint32_t maker_run(struct maker *maker, const struct tn_entry *entry)
{
    struct load *load = maker->load;
    uint32_t count = tn_exchange_apply(maker->exchange, load->events, load->events_max, entry);
    if (entry->kind == TN_ENTRY_FRAME && load->workload->margin) {
        uint32_t plain = load_run_plain(load, entry);
        load->plain.differences += plain != count && maker->timed;
    }
    return count;
}

/* ---- Orders ---------------------------------------------------------------------------------- */

/* The middle takes a step now and then, and stays in the inner half of the band. */
static void step_middle(struct maker *maker, struct walk *walk)
{
    if (!maker_chance(maker, 1)) return;
    tn_ticks next = walk->middle + (maker_chance(maker, 50) ? 1 : -1);
    tn_ticks room = (walk->high - walk->mark) / 2;
    tn_ticks drift = next - walk->first;
    if (drift > LOAD_FLOOR_PRICES / 4 || drift < -LOAD_FLOOR_PRICES / 4) return;
    if (next - walk->mark <= room && walk->mark - next <= room) walk->middle = next;
}

static tn_ticks draw_price(struct maker *maker, struct walk *walk, uint8_t side, bool takes)
{
    step_middle(maker, walk);
    if (takes)
        return maker_on_tick(walk, side == TN_BUY ? walk->middle + 3 : walk->middle - 3, side);
    tn_ticks most = side == TN_BUY ? walk->middle - 2 : walk->high - walk->middle;
    if (most > 500) most = 500;
    tn_ticks offset = bench_power_law(&maker->random, 10, 2.2, (uint32_t)most);
    tn_ticks price = side == TN_BUY ? walk->middle - offset : walk->middle + 1 + offset;
    return maker_on_tick(walk, price, side);
}

static void make_place(struct maker *maker, struct tn_command *command, struct drawn *drawn,
                       uint32_t account)
{
    struct known_account *known = &maker->accounts[account];
    bool takes = maker_chance(maker, 15);
    drawn->series = known->menu[maker_draw(maker, maker->load->workload->menu)];
    drawn->side = (uint8_t)maker_draw(maker, 2);
    struct walk *walk = &maker->walks[drawn->series];
    struct tn_order_terms *terms = &command->as.terms[0];
    command->kind = TN_COMMAND_PLACE;
    command->client_id = ++known->next_client_id;
    terms->series_id = walk->id;
    terms->side = drawn->side;
    terms->price = draw_price(maker, walk, terms->side, takes);
    terms->quantity = 1 + maker_draw(maker, takes ? QUANTITY_MAX / 3 : QUANTITY_MAX);
    terms->fee_max_ppm = FEE_MAX_PPM;
    terms->label = maker_draw(maker, 8);
    terms->stp = (uint8_t)maker_draw(maker, 4);
    terms->tif = takes ? TN_IOC : TN_GTC;
    if (takes) return;
    uint32_t kind = maker_draw(maker, 100);
    if (kind < 5) {
        terms->tif = TN_GTT;
        terms->until = START_MS + TN_MS_PER_DAY + maker_draw(maker, 1000000);
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
                 (known->live_count == 0 || maker_chance(maker, low ? STALE_LOW : STALE_PERCENT));
    struct tn_order_ref ref = {.client_id = known->gone[maker_draw(maker, GONE_MAX)]};
    *drawn = (struct drawn){.series = known->menu[0]};
    maker->load->counts.stale += stale && maker->timed;
    if (!stale) {
        uint32_t id = known->live[maker_draw(maker, known->live_count)];
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
    command->as.replace.quantity = 1 + maker_draw(maker, QUANTITY_MAX);
    command->as.replace.price = draw_price(maker, &maker->walks[drawn->series], drawn->side, false);
}

static void make_orders(struct maker *maker, struct tn_command *commands, uint32_t count,
                        uint32_t account)
{
    bool low = maker->live_count < maker->load->workload->resting;
    uint32_t places = low && !maker->timed ? 70 : 50;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t share = maker_draw(maker, 100);
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
    if (maker_chance(maker, 50)) {
        tn_ticks next = walk->middle + (maker_chance(maker, 50) ? 1 : -1);
        if (next - walk->first <= 8 && walk->first - next <= 8) walk->middle = next;
    }
    if (standing->series_id == 0 || !maker_chance(maker, LOAD_QUOTE_PERCENT)) {
        tn_ticks half = workload->half_spread_ticks;
        *standing = (struct tn_quote){
            .series_id = walk->id,
            .bid_price = maker_on_tick(walk, walk->middle - half - maker_draw(maker, 2), TN_BUY),
            .ask_price = maker_on_tick(walk, walk->middle + half + maker_draw(maker, 2), TN_SELL),
            .bid_quantity = 1 + maker_draw(maker, QUANTITY_MAX),
            .ask_quantity = 1 + maker_draw(maker, QUANTITY_MAX),
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
    command->as.mass_quote =
        (struct tn_mass_quote){.quotes = quotes,
                               .quotes_count = workload->quotes,
                               .fee_max_ppm = FEE_MAX_PPM,
                               .group = workload->margin ? workload->quote_group : 1,
                               .stp = TN_STP_CANCEL_MAKER};
}

/* ---- Streams --------------------------------------------------------------------------------- */

static void next_frame(struct maker *maker, struct load_part *part)
{
    const struct load_workload *workload = maker->load->workload;
    bool quotes = workload->quotes > 0;
    uint32_t account = maker_draw(maker, workload->accounts);
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
    uint32_t count = maker_run(maker, entry);
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
    uint32_t count = maker_run(maker, entry);
    TN_ASSERT(count == 0);
    if (maker->load->workload->margin) load_pass_on(maker->load, entry, maker->timed);
    maker->since_block = 0;
}

/* With margin: reports, the BLOCK that is a MARK, and its sweep at once. Without: that BLOCK, and
 * the marks as they stand. */
static void next_margin_marks(struct maker *maker, struct load_part *part)
{
    struct load *load = maker->load;
    const struct load_workload *workload = load->workload;
    uint32_t first = part->entries_count;
    load_add_reports(part, workload, maker->time_ms);
    struct tn_entry *block = part_entry(part, TN_ENTRY_BLOCK);
    block->as.block.height = ++maker->height;
    block->as.block.time_ms = maker->time_ms += MARK_MS;
    for (uint32_t i = 0; i < workload->accounts * LOAD_MENU_MAX / SWEEP_UNITS + 1; i++)
        part_entry(part, TN_ENTRY_SWEEP)->as.sweep.units = SWEEP_UNITS;
    for (uint32_t i = first; i < part->entries_count; i++) {
        uint32_t count = maker_run(maker, &part->entries[i]);
        for (uint32_t k = 0; k < count; k++)
            TN_ASSERT(load->events[k].kind == TN_EVENT_MARKED);
    }
    load_pass_on(load, block, maker->timed);
    struct load_part marks = {.marks = part->marks + part->marks_count,
                              .marks_max = part->marks_max - part->marks_count};
    struct tn_entry entries[64];
    marks.entries = entries;
    marks.entries_max = 64;
    maker_add_marks(maker, &marks);
    part->marks_count += marks.marks_count;
    for (uint32_t i = 0; i < marks.entries_count; i++)
        load_pass_on(load, &entries[i], maker->timed);
    for (uint32_t i = 0; i < workload->series; i++)
        maker_read_band(maker, &maker->walks[i]);
    maker->since_marks = 0;
}

/* Marks go to where trading is. Quotes keep theirs: no crosses then comes from the spread alone. */
static void next_marks(struct maker *maker, struct load_part *part)
{
    const struct load_workload *workload = maker->load->workload;
    uint32_t first = part->entries_count;
    for (uint32_t i = 0; i < workload->series && workload->quotes == 0; i++)
        maker->walks[i].mark = maker->walks[i].middle;
    maker_add_marks(maker, part);
    for (uint32_t i = first; i < part->entries_count; i++) {
        uint32_t count = maker_run(maker, &part->entries[i]);
        TN_ASSERT(count == 0);
    }
    for (uint32_t i = 0; i < workload->series; i++)
        maker_read_band(maker, &maker->walks[i]);
    maker->since_marks = 0;
}

/* Adds one frame, and what falls due with it. */
static void next(struct maker *maker, struct load_part *part)
{
    next_frame(maker, part);
    if (maker->since_block >= BLOCK_MESSAGES) next_block(maker, part);
    if (maker->since_marks < MARKS_MESSAGES) return;
    if (maker->load->workload->margin) {
        next_margin_marks(maker, part);
    } else {
        next_marks(maker, part);
    }
}

static void open_stream_part(struct load_part *part, const struct load_workload *workload,
                             uint32_t messages)
{
    uint32_t per_frame = workload->quotes > 0 ? 2 * workload->quotes : workload->commands_per_frame;
    uint32_t frames = messages / per_frame + 1;
    uint32_t rounds = messages / MARKS_MESSAGES + 2;
    part_open(part, frames + messages / BLOCK_MESSAGES + 256 * rounds, frames * per_frame,
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
    if (workload->margin) memcpy(load->plain.start, load->plain.memory, load->plain.size);
}

static void make_timed(struct maker *maker)
{
    struct load *load = maker->load;
    const struct load_workload *workload = load->workload;
    open_stream_part(&load->timed, workload, workload->messages);
    uint32_t commands = workload->quotes > 0 ? 1 : workload->commands_per_frame;
    load->pack.size_max = load->timed.entries_max * pack_size_max(commands);
    load->pack.bytes = bench_map(load->pack.size_max);
    if (workload->margin) {
        load->plain.pack.size_max = load->pack.size_max;
        load->plain.pack.bytes = bench_map(load->pack.size_max);
    }
    maker->timed = true;
    load->counts.resting_min = UINT32_MAX;
    while (load->timed.messages < workload->messages) {
        next(maker, &load->timed);
        for (uint32_t i = 0; i < load->timed.entries_count && workload->margin; i++) {
            if (load->timed.entries[i].kind == TN_ENTRY_FRAME) {
                pack_add(&load->plain.pack, &load->timed.entries[i]);
            }
        }
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
    if (!workload->margin) return;
    load->plain.limits = *limits;
    limits->expiries_max = 5 * workload->underlyings; /* the perpetual, and four days */
    limits->signers_max = 1;
    limits->cpu = load->cpu;
    limits->sweep_units_max = 8192;
}

void load_make(struct load *load, const struct load_workload *workload)
{
    *load = (struct load){.workload = workload, .cpu = load->cpu};
    set_limits(load);
    if (workload->margin) load_open_plain(load);
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
    maker_setup(&maker);
    maker_draw_menus(&maker);
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
    if (load->workload->margin) load_close_plain(load);
    if (load->workload->margin) part_free(&load->plain.setup);
}

struct tn_exchange *load_restart(const struct load *load)
{
    memcpy(load->memory, load->start, load->size);
    return load->memory;
}
