/* Frames of 64 two-sided quotes where books are empty and where thousands of orders rest before the
 * quotes: what the exchange takes for a frame, and what the trees of a state take to follow it,
 * when they are told of the orders that changed (by order) and when they are given whole books.
 * Accounts have positions in six expiries and a margin engine checks each frame. Both ways must end
 * with the same root. Prints JSON lines of processor time.
 *
 *     bench_books [--quick] */
#include "risk_desk.h"
#include "tenor/export.h"
#include "tenor/state.h"

#include <stdio.h>
#include <string.h>

enum {
    ACCOUNTS = 64,
    POSITIONS = 20,
    MAKERS = 8,
    QUOTES = 64,
    NAMES = 512,
    ORDERS_MOST = 16384,
    SCRATCH = 16 << 20,
};

struct run {
    struct risk_desk desk;
    struct tn_state *state;
    size_t state_size;
    bool by_order;
    uint64_t series[QUOTES];
    tn_ticks marks[QUOTES];
    uint64_t nonce;
    uint64_t apply_ns, follow_ns;
};

static uint8_t *scratch;

/* ---- The exchange ---------------------------------------------------------------------------- */

static void apply_command(struct run *run, uint32_t account, const struct tn_command *command)
{
    struct tn_entry entry = {.kind = TN_ENTRY_FRAME};
    entry.as.frame.commands = command;
    entry.as.frame.commands_count = 1;
    entry.as.frame.account = account;
    entry.as.frame.nonce = ++run->nonce;
    entry.as.frame.valid_until_block = UINT64_MAX;
    struct risk_desk *desk = &run->desk;
    desk->count = tn_exchange_apply(desk->exchange, desk->events, desk->events_max, &entry);
    for (uint32_t i = 0; i < desk->count; i++)
        TN_ASSERT(desk->events[i].reject == TN_REJECT_NONE);
}

/* Bids of one price, all in front of the quotes. */
static void place_orders(struct run *run, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct tn_command command = {.kind = TN_COMMAND_PLACE};
        command.as.terms[0] = (struct tn_order_terms){.series_id = run->series[i % QUOTES],
                                                      .price = run->marks[i % QUOTES],
                                                      .quantity = 1,
                                                      .fee_max_ppm = 10000};
        apply_command(run, MAKERS + i / QUOTES % (ACCOUNTS - MAKERS), &command);
    }
}

/* Each price is another one than in the maker's frame before. */
static void send_quotes(struct run *run, uint32_t maker, uint32_t round)
{
    struct tn_quote quotes[QUOTES];
    struct tn_command command = {.kind = TN_COMMAND_MASS_QUOTE};
    command.as.mass_quote = (struct tn_mass_quote){
        .quotes = quotes, .quotes_count = QUOTES, .fee_max_ppm = 10000, .post_only = 1};
    for (uint32_t i = 0; i < QUOTES; i++) {
        quotes[i] = (struct tn_quote){.series_id = run->series[i],
                                      .bid_price = run->marks[i] - 2 - (tn_ticks)(round % 2),
                                      .ask_price = run->marks[i] + 2 + (tn_ticks)(round % 2),
                                      .bid_quantity = 1,
                                      .ask_quantity = 1};
    }
    apply_command(run, maker, &command);
}

static void choose_series(struct run *run)
{
    uint32_t count = 0;
    for (uint32_t i = 0; count < QUOTES; i++) {
        uint64_t id = run->desk.series[i % 4][1 + i / 4];
        struct tn_series_view view;
        bool known = tn_exchange_series(run->desk.exchange, &view, id);
        TN_ASSERT(known);
        tn_ticks mark = view.mark_micros / view.micros_per_tick;
        if (mark < 8) continue;
        run->series[count] = id;
        run->marks[count++] = mark;
    }
}

/* ---- The state ------------------------------------------------------------------------------- */

struct batch {
    struct tn_state_record records[NAMES];
    uint32_t count;
    size_t used;
};

static void deliver(struct run *run, struct batch *batch)
{
    bool good = tn_state_set_many(run->state, batch->records, batch->count);
    TN_ASSERT(good);
    batch->count = 0;
    batch->used = 0;
}

static void take(struct run *run, struct batch *batch, uint8_t kind, uint32_t index)
{
    struct tn_record_name name = {.kind = kind, .index = index};
    if (batch->count == NAMES) deliver(run, batch);
    size_t room = SCRATCH - batch->used;
    size_t size = tn_exchange_record(run->desk.exchange, scratch + batch->used, room,
                                     (enum tn_record_kind)kind, index);
    if (size > room) {
        deliver(run, batch);
        size = tn_exchange_record(run->desk.exchange, scratch, SCRATCH, (enum tn_record_kind)kind,
                                  index);
        TN_ASSERT(size <= SCRATCH);
    }
    batch->records[batch->count++] =
        (struct tn_state_record){.name = name, .bytes = scratch + batch->used, .size = size};
    batch->used += size;
}

static void take_book(struct run *run, uint32_t series)
{
    struct tn_book_changes changes;
    uint8_t order[TN_RECORD_ORDER_SIZE];
    for (uint32_t list = 0; list < TN_RECORD_BOOK_LISTS; list++) {
        if (!tn_exchange_book_changes(run->desk.exchange, &changes, series, list)) continue;
        tn_state_book_count(run->state, series, list, changes.count);
        while (tn_exchange_book_change(run->desk.exchange, &changes, order))
            tn_state_book_order(run->state, series, list, changes.rank, order);
    }
}

static void set_counts(struct run *run)
{
    for (uint32_t kind = 1; kind < TN_RECORD_KINDS; kind++) {
        if (kind == TN_RECORD_POSITIONS) continue;
        tn_state_count(run->state, (enum tn_record_kind)kind,
                       tn_exchange_records_count(run->desk.exchange, (enum tn_record_kind)kind));
    }
}

static void follow(struct run *run)
{
    static struct batch batch;
    struct tn_record_name names[NAMES];
    uint32_t count;
    set_counts(run);
    while ((count = tn_exchange_touched(run->desk.exchange, names, NAMES)) > 0) {
        for (uint32_t i = 0; i < count; i++) {
            uint8_t kind = names[i].kind;
            uint32_t index = names[i].index;
            if (index >= tn_exchange_records_count(run->desk.exchange, (enum tn_record_kind)kind)) {
                continue;
            }
            if (kind == TN_RECORD_BOOK && run->by_order) {
                take_book(run, index);
                continue;
            }
            take(run, &batch, kind, index);
            if (kind == TN_RECORD_POSITIONS) take(run, &batch, TN_RECORD_ACCOUNT, index);
        }
    }
    deliver(run, &batch);
    bool good = tn_state_update(run->state);
    TN_ASSERT(good);
}

/* ---- Runs ------------------------------------------------------------------------------------ */

static void open_run(struct run *run, uint32_t orders, bool by_order, enum tn_cpu cpu)
{
    const struct desk_extent extent = {.accounts = ACCOUNTS,
                                       .positions = POSITIONS,
                                       .orders_more = ORDERS_MOST,
                                       .exposures_more = ACCOUNTS * QUOTES};
    *run = (struct run){.by_order = by_order, .nonce = 100};
    desk_open_wide(&run->desk, &extent, cpu);
    const struct tn_exchange_limits *limits = &run->desk.limits;
    const struct tn_state_limits state = {
        .accounts_max = limits->accounts_max,
        .series_max = limits->series_max,
        .market_max = tn_exchange_records_max(limits, TN_RECORD_MARKET),
        .feeds_max = tn_exchange_records_max(limits, TN_RECORD_FEEDS),
        .cpu = cpu,
        .orders_max = by_order ? limits->orders_max : 0};
    run->state_size = tn_state_size(&state);
    run->state = tn_state_init(bench_map(run->state_size), &state, 1);
    choose_series(run);
    place_orders(run, orders);
    for (uint32_t maker = 0; maker < MAKERS; maker++)
        send_quotes(run, maker, 1);
    follow(run);
}

static void measure(struct run *run, struct tn_hash *root, uint32_t frames, uint32_t each)
{
    for (uint32_t i = 0; i < frames; i++) {
        uint64_t begin_ns = bench_cpu_ns();
        send_quotes(run, i % MAKERS, i / MAKERS);
        uint64_t end_ns = bench_cpu_ns();
        run->apply_ns += end_ns - begin_ns;
        if ((i + 1) % each != 0) continue;
        follow(run);
        run->follow_ns += bench_cpu_ns() - end_ns;
    }
    tn_state_market_root(root, run->state);
    tn_exchange_check(run->desk.exchange);
    desk_close(&run->desk);
    bench_unmap(run->state, run->state_size);
}

static void bench(uint32_t orders, uint32_t frames, uint32_t each, enum tn_cpu cpu)
{
    static struct run runs[2];
    struct tn_hash roots[2];
    for (uint32_t by_order = 0; by_order < 2; by_order++) {
        open_run(&runs[by_order], orders, by_order != 0, cpu);
        measure(&runs[by_order], &roots[by_order], frames, each);
    }
    TN_ASSERT(tn_hash_equal(&roots[0], &roots[1]));
    double per_frame = 1e3 * frames;
    bench_json_open("quotes_in_64s_with_orders");
    bench_json_u64("orders_before", orders);
    bench_json_u64("frames", frames);
    bench_json_u64("frames_per_block", each);
    bench_json_double("apply_us_per_frame", (double)runs[1].apply_ns / per_frame);
    bench_json_double("follow_us_per_frame", (double)runs[1].follow_ns / per_frame);
    bench_json_double("follow_whole_books_us_per_frame", (double)runs[0].follow_ns / per_frame);
    bench_json_close();
}

int main(int argc, char **argv)
{
    bool quick = false;
    const struct bench_option options[] = {BENCH_OPTION_QUICK(&quick)};
    enum tn_cpu cpu = TN_CPU_BASE;
    static const uint32_t orders[] = {0, 1024, ORDERS_MOST};
    bench_options_read("bench_books", options, 1, argc, argv);
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) cpu = TN_CPU_AVX2;
#endif
    scratch = bench_map(SCRATCH);
    bench_json_machine();
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        for (uint32_t each = 1; each <= 16; each *= 16)
            bench(orders[i], quick ? 32 : 512, each, cpu);
    }
    bench_unmap(scratch, SCRATCH);
    return 0;
}
