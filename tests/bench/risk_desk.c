/* risk_desk: see the header. Everything goes through tn_exchange_apply: block trades of eight legs
 * are the cheapest way to give many accounts many positions. */
#include "risk_desk.h"

#include "risk_market.h"

#define DESK_START_MS (TN_EPOCH_2020_MS + 2515 * TN_MS_PER_DAY + 12 * INT64_C(3600000))
#define DESK_DAY      2515
#define DESK_CASH                                                                                  \
    (INT64_C(1) << 39) /* a million accounts stay below the most that a market holds */
#define DESK_VOL_PPM 380000
enum { LOTS_MAX = 5, HELD_MAX = DESK_EXPIRIES_HELD * 24 };

static const uint16_t days_ahead[DESK_EXPIRIES] = {1, 2, 3, 7, 14, 30, 60, 120, 365, 730};

static uint16_t underlying_of(uint32_t expiry)
{
    return (uint16_t)(1 + expiry / DESK_EXPIRIES);
}

static uint16_t day_of(uint32_t expiry)
{
    return (uint16_t)(DESK_DAY + days_ahead[expiry % DESK_EXPIRIES]);
}

static void apply(struct risk_desk *desk, const struct tn_entry *entry)
{
    desk->count = tn_exchange_apply(desk->exchange, desk->events, desk->events_max, entry);
}

static void apply_passing(struct risk_desk *desk, struct tn_entry entry)
{
    apply(desk, &entry);
    for (uint32_t i = 0; i < desk->count; i++)
        TN_ASSERT(desk->events[i].reject == TN_REJECT_NONE);
}

/* ---- The market ------------------------------------------------------------------------------ */

static void send_report(struct risk_desk *desk, uint32_t expiry, enum tn_feed feed)
{
    tn_micros usual = risk_market_spot(underlying_of(expiry));
    tn_micros spot = usual + usual / 1000000 * desk->moved_ppm;
    struct tn_report report = {.signer = 1,
                               .underlying = underlying_of(expiry),
                               .expiry_day = feed == TN_FEED_SPOT ? 0 : day_of(expiry),
                               .feed = (uint8_t)feed,
                               .confidence_ppm = 1000000,
                               .sequence = ++desk->sequence,
                               .time_ms = desk->time_ms,
                               .value = spot};
    if (feed == TN_FEED_VOL) {
        int64_t left_ms = risk_market_left_ms(day_of(expiry), desk->time_ms);
        report.value = 0;
        report.surface = risk_market_surface(spot, left_ms, DESK_VOL_PPM);
    }
    apply_passing(desk, (struct tn_entry){.kind = TN_ENTRY_REPORT, .as.report = report});
}

void desk_report(struct risk_desk *desk)
{
    for (uint32_t i = 0; i < 2 * DESK_EXPIRIES; i++) {
        if (i % DESK_EXPIRIES == 0) send_report(desk, i, TN_FEED_SPOT);
        send_report(desk, i, TN_FEED_FORWARD);
        send_report(desk, i, TN_FEED_VOL);
    }
    desk->time_ms += 1000;
}

void desk_mark(struct risk_desk *desk)
{
    struct tn_entry entry = {.kind = TN_ENTRY_BLOCK};
    entry.as.block.height = ++desk->height;
    entry.as.block.time_ms = desk->time_ms;
    apply(desk, &entry);
}

bool desk_is_sweeping(const struct risk_desk *desk)
{
    struct tn_risk_view view;
    bool has_margin = tn_exchange_risk(desk->exchange, &view);
    TN_ASSERT(has_margin);
    return view.sweeping;
}

void desk_sweep(struct risk_desk *desk, uint32_t units)
{
    struct tn_entry entry = {.kind = TN_ENTRY_SWEEP};
    entry.as.sweep.units = units;
    apply(desk, &entry);
}

/* Strikes over three standard deviations to both sides. */
static uint64_t series_id(uint32_t expiry, uint32_t place)
{
    uint16_t number = underlying_of(expiry);
    if (place == 0) return risk_market_series(number, TN_FUTURE, day_of(expiry), 0);
    double spot = (double)(risk_market_spot(number) / RISK_DOLLAR);
    double width = DESK_VOL_PPM * 1e-6 * sqrt(days_ahead[expiry % DESK_EXPIRIES] / 365.0);
    double away = (6.0 * (place / 2) / (DESK_SERIES_OF_EXPIRY / 2 - 1.0) - 3) * width;
    enum tn_series_kind kind = place % 2 == 0 ? TN_CALL : TN_PUT;
    return risk_market_series(number, kind, day_of(expiry), (uint64_t)(spot * exp(away)));
}

static void list_series(struct risk_desk *desk)
{
    for (uint16_t number = 1; number <= 2; number++) {
        struct tn_underlying terms = risk_market_underlying(number);
        terms.block_minimum_micros = 0;
        terms.listing.dailies = terms.listing.weeklies = terms.listing.monthlies = 0;
        apply_passing(desk, (struct tn_entry){.kind = TN_ENTRY_UNDERLYING, .as.underlying = terms});
    }
    for (uint32_t i = 0; i < 2 * DESK_EXPIRIES; i++) {
        for (uint32_t k = 0; k < DESK_SERIES_OF_EXPIRY; k++) {
            desk->series[i][k] = series_id(i, k);
            apply_passing(desk, (struct tn_entry){.kind = TN_ENTRY_LIST,
                                                  .as.list.series_id = desk->series[i][k]});
        }
    }
}

/* ---- Accounts -------------------------------------------------------------------------------- */

static void open_account(struct risk_desk *desk, uint32_t account)
{
    struct tn_entry entry = {.kind = TN_ENTRY_ACCOUNT};
    memcpy(entry.as.account.owner, &account, sizeof account);
    apply_passing(desk, entry);
    apply_passing(desk, (struct tn_entry){
                            .kind = TN_ENTRY_DEPOSIT,
                            .as.deposit = {.account = account, .asset = 0, .amount = DESK_CASH}});
}

/* Different series of six different expiries, as evenly as can be. */
static void draw_series(const struct risk_desk *desk, uint64_t *random, uint64_t *series,
                        uint32_t count)
{
    uint32_t expiries[2 * DESK_EXPIRIES];
    for (uint32_t i = 0; i < 2 * DESK_EXPIRIES; i++) {
        uint32_t other = (uint32_t)tn_random_below(random, i + 1);
        expiries[i] = expiries[other];
        expiries[other] = i;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t expiry = expiries[i % DESK_EXPIRIES_HELD], turn = i / DESK_EXPIRIES_HELD;
        uint32_t room = DESK_SERIES_OF_EXPIRY / (count / DESK_EXPIRIES_HELD + 1);
        uint32_t place = turn * room + (uint32_t)tn_random_below(random, room);
        series[i] = desk->series[expiry][place];
    }
}

static void trade_block(struct risk_desk *desk, uint64_t *random, uint32_t account, uint64_t nonce,
                        const uint64_t *series, uint32_t count)
{
    struct tn_command command = {.kind = TN_COMMAND_BLOCK_TRADE};
    struct tn_block_trade *block = &command.as.block_trade;
    *block = (struct tn_block_trade){.legs_count = count,
                                     .counterparty = account + 1,
                                     .counterparty_nonce = nonce,
                                     .expires_ms = INT64_MAX,
                                     .fee_max_ppm = 10000};
    for (uint32_t i = 0; i < count; i++) {
        struct tn_series_view view;
        bool known = tn_exchange_series(desk->exchange, &view, series[i]);
        TN_ASSERT(known);
        tn_ticks price = view.mark_micros / view.micros_per_tick;
        block->legs[i] = (struct tn_leg){.series_id = series[i],
                                         .price = price < 1 ? 1 : price,
                                         .quantity = 1 + (tn_lots)tn_random_below(random, LOTS_MAX),
                                         .side = (uint8_t)tn_random_below(random, 2)};
    }
    struct tn_entry entry = {.kind = TN_ENTRY_FRAME};
    entry.as.frame.commands = &command;
    entry.as.frame.commands_count = 1;
    entry.as.frame.account = account;
    entry.as.frame.nonce = nonce;
    entry.as.frame.valid_until_block = UINT64_MAX;
    apply_passing(desk, entry);
}

/* Pairs trade eight series at a time, in turns and out of order, so that what belongs to one
 * account lies apart in memory, as it does in a market. */
static void fill_accounts(struct risk_desk *desk, uint32_t positions)
{
    const uint32_t pairs = desk->accounts / 2, stride = 7919; /* a prime */
    TN_ASSERT(positions <= HELD_MAX && pairs % stride != 0);
    for (uint32_t done = 0; done < positions; done += TN_PACKAGE_LEGS_MAX) {
        uint32_t left = positions - done;
        uint32_t count = left < TN_PACKAGE_LEGS_MAX ? left : TN_PACKAGE_LEGS_MAX;
        for (uint32_t i = 0; i < pairs; i++) {
            uint32_t pair = (uint32_t)((uint64_t)i * stride % pairs);
            uint64_t random = RISK_SEED + pair, series[HELD_MAX];
            draw_series(desk, &random, series, positions);
            trade_block(desk, &random, 2 * pair, 1 + done / TN_PACKAGE_LEGS_MAX, series + done,
                        count);
        }
    }
}

void desk_thin(struct risk_desk *desk, uint32_t percent)
{
    for (uint32_t account = 0; account < desk->accounts; account++) {
        struct tn_account_risk_view view;
        struct tn_command command = {.kind = TN_COMMAND_WITHDRAW};
        if (account % 100 >= percent) continue;
        bool known = tn_exchange_account_risk(desk->exchange, &view, account);
        TN_ASSERT(known && view.margin.m > 0);
        command.as.money.amount = view.margin.m;
        struct tn_entry entry = {.kind = TN_ENTRY_FRAME};
        entry.as.frame.commands = &command;
        entry.as.frame.commands_count = 1;
        entry.as.frame.account = account;
        entry.as.frame.nonce = UINT64_C(1) << 32;
        entry.as.frame.valid_until_block = UINT64_MAX;
        apply(desk, &entry);
    }
}

/* One order per account and turn: a bid below the mark of a series that the account holds; all
 * series get as many. */
static void place_order(struct risk_desk *desk, uint32_t number, uint32_t positions)
{
    uint64_t series[HELD_MAX];
    uint32_t account = number % desk->accounts;
    uint64_t random = RISK_SEED + account / 2;
    draw_series(desk, &random, series, positions);
    uint64_t id = series[(number / desk->accounts + number) % positions];
    struct tn_series_view view;
    bool known = tn_exchange_series(desk->exchange, &view, id);
    TN_ASSERT(known);
    tn_ticks price = view.mark_micros / view.micros_per_tick - number % 16;
    struct tn_command command = {.kind = TN_COMMAND_PLACE, .client_id = 1 + number};
    command.as.terms[0] = (struct tn_order_terms){
        .series_id = id,
        .price = price < 1 ? 1 : price,
        .quantity = 1,
        .fee_max_ppm = 10000,
    };
    struct tn_entry entry = {.kind = TN_ENTRY_FRAME};
    entry.as.frame.commands = &command;
    entry.as.frame.commands_count = 1;
    entry.as.frame.account = account;
    entry.as.frame.nonce = 1000 + number;
    entry.as.frame.valid_until_block = UINT64_MAX;
    apply_passing(desk, entry);
}

/* ---- The whole ------------------------------------------------------------------------------- */

static void set_limits(struct risk_desk *desk, const struct desk_extent *extent, enum tn_cpu cpu)
{
    struct tn_exchange_limits *limits = &desk->limits;
    uint32_t accounts = extent->accounts + extent->idle;
    tn_exchange_limits_default(limits);
    limits->accounts_max = accounts < 16 ? 16 : accounts;
    limits->underlyings_max = 2;
    limits->series_max = DESK_SERIES;
    limits->orders_max = limits->levels_max = 4096 + extent->orders + extent->orders_more;
    limits->exposures_max = extent->accounts * extent->positions + extent->exposures_more;
    limits->exposures_per_account_max = HELD_MAX;
    limits->results_max = 65536 + extent->orders;
    limits->results_per_account = 8;
    limits->assets_max = 4;
    limits->sweep_units_max = 8192;
    limits->expiries_max = 2 * DESK_EXPIRIES;
    limits->signers_max = 1;
    limits->cpu = (uint8_t)cpu;
    limits->hash_seed = RISK_SEED;
}

void desk_open(struct risk_desk *desk, uint32_t accounts, uint32_t positions, enum tn_cpu cpu)
{
    desk_open_wide(desk, &(struct desk_extent){.accounts = accounts, .positions = positions}, cpu);
}

void desk_open_wide(struct risk_desk *desk, const struct desk_extent *extent, enum tn_cpu cpu)
{
    *desk = (struct risk_desk){.accounts = extent->accounts, .time_ms = DESK_START_MS};
    set_limits(desk, extent, cpu);
    desk->size = tn_exchange_size(&desk->limits);
    TN_ASSERT(desk->size > 0 && extent->accounts % 2 == 0);
    desk->exchange = tn_exchange_init(bench_map(desk->size), &desk->limits);
    desk->events_max = tn_exchange_events_max(&desk->limits);
    desk->events = bench_map(desk->events_max * sizeof(*desk->events));
    desk_mark(desk);
    list_series(desk);
    struct tn_entry feeder = {.kind = TN_ENTRY_FEEDER};
    feeder.as.feeder.signer = 1;
    feeder.as.feeder.active = 1;
    apply_passing(desk, feeder);
    for (uint32_t i = 0; i < extent->accounts + extent->idle; i++)
        open_account(desk, i);
    desk_report(desk);
    desk_mark(desk);
    fill_accounts(desk, extent->positions);
    for (uint32_t i = 0; i < extent->orders; i++)
        place_order(desk, i, extent->positions);
}

void desk_close(struct risk_desk *desk)
{
    bench_unmap(desk->exchange, desk->size);
    bench_unmap(desk->events, desk->events_max * sizeof(*desk->events));
}
