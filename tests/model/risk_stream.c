/* Entries other than frames, the set-up, and the prices of the risk streams. A tick is a row of
 * reports and the BLOCK behind them; everything else happens between ticks, while the sweep runs.
 */
#include "risk_stream.h"

#include <string.h>

enum { PPM = 1000000, EXPIRIES_MAX = 9, OWNERS = 7 };

/* ---- Draws: from the seed, or from a fuzzer's bytes: as few of them as the bound needs ---- */

uint64_t risk_below(struct risk_stream *stream, uint64_t bound)
{
    if (stream->bytes == NULL) return tn_random_below(&stream->random, bound);
    uint32_t width = bound <= 256 ? 1 : bound <= 65536 ? 2 : 8;
    uint64_t value = 0;
    for (uint32_t i = 0; i < width && stream->bytes_count > 0; i++) {
        value = value << 8 | *stream->bytes++;
        stream->bytes_count--;
    }
    return value % bound;
}

bool risk_chance(struct risk_stream *stream, uint32_t percent)
{
    return risk_below(stream, 100) < percent;
}

int64_t risk_between(struct risk_stream *stream, int64_t low, int64_t high)
{
    return low + (int64_t)risk_below(stream, (uint64_t)(high - low + 1));
}

uint32_t risk_weighted(struct risk_stream *stream, const uint8_t *weights, uint32_t count)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += weights[i];
    uint32_t draw = (uint32_t)risk_below(stream, sum);
    for (uint32_t i = 0; i < count; i++) {
        if (draw < weights[i]) return i;
        draw -= weights[i];
    }
    return 0;
}

int64_t risk_odd_number(struct risk_stream *stream)
{
    static const int64_t ODD[] = {
        0,       -1,      1,          INT64_MIN,  INT64_MAX,        INT64_C(1) << 50,
        1000001, 1 << 20, -(1 << 20), UINT32_MAX, INT64_C(1) << 40, (INT64_C(1) << 50) + 1};
    return ODD[risk_below(stream, sizeof(ODD) / sizeof(ODD[0]))];
}

/* A listed series, mostly one that trades, and for a while one of a few. */
uint64_t risk_series(struct risk_stream *stream)
{
    uint64_t id = 0;
    if (stream->series_count == 0 || risk_chance(stream, 1)) {
        return risk_below(stream, UINT64_MAX);
    }
    uint32_t few = stream->series_count < 12 ? stream->series_count : 12;
    if (risk_chance(stream, 40)) few = stream->series_count;
    for (uint32_t i = 0; i < 6; i++) {
        struct tn_series_view view;
        uint64_t at = stream->nonce / 1024 * 7 + risk_below(stream, few);
        id = stream->series[at % stream->series_count];
        if (tn_exchange_series(stream->exchange, &view, id) && view.status == TN_STATUS_ACTIVE) {
            return id;
        }
    }
    return id;
}

/* ---- The queue ---- */

static void push(struct risk_stream *stream, struct tn_entry entry)
{
    TN_ASSERT(stream->queue_count < RISK_STREAM_QUEUE);
    uint32_t at = (stream->queue_head + stream->queue_count++) % RISK_STREAM_QUEUE;
    stream->queue[at] = entry;
}

static void push_block(struct risk_stream *stream, int64_t ms)
{
    stream->height++;
    stream->time_ms += ms;
    push(stream,
         (struct tn_entry){.kind = TN_ENTRY_BLOCK,
                           .as.block = {.height = stream->height, .time_ms = stream->time_ms}});
}

static void push_report(struct risk_stream *stream, uint16_t signer, uint16_t number, uint16_t day,
                        enum tn_feed feed, int64_t value)
{
    if (stream->silent >> feed & 1) return;
    struct tn_report report = {
        .signer = signer,
        .underlying = number,
        .expiry_day = day,
        .feed = (uint8_t)feed,
        .confidence_ppm = (int32_t)risk_between(stream, risk_chance(stream, 5) ? 0 : 900000, PPM),
        .sequence = ++stream->sequence,
        .time_ms = stream->time_ms - risk_between(stream, 0, 20),
        .value = value};
    if (feed == TN_FEED_VOL) {
        report.surface = risk_market_surface(
            stream->spot[number - 1], risk_market_left_ms(day, stream->time_ms), stream->vol_ppm);
    }
    push(stream, (struct tn_entry){.kind = TN_ENTRY_REPORT, .as.report = report});
}

/* ---- Ticks ---- */

static void move_prices(struct risk_stream *stream)
{
    bool crashes = stream->theme == RISK_CRASHES;
    if (stream->trend_left == 0 && risk_chance(stream, crashes ? 7 : 2)) {
        bool is_crash = risk_chance(stream, 65);
        stream->trend_ppm =
            (int32_t)risk_between(stream, 5000,
                                  risk_chance(stream, crashes ? 30 : 80) ? 60000 : 400000) *
            (is_crash ? -1 : 1);
        stream->trend_left = (uint32_t)risk_between(stream, 3, 14);
    }
    int64_t trend = stream->trend_left > 0 ? stream->trend_ppm : 0;
    if (stream->trend_left > 0) stream->trend_left--;
    for (uint16_t i = 0; i < RISK_UNDERLYINGS; i++) {
        tn_micros usual = risk_market_spot((uint16_t)(i + 1));
        int64_t move = trend + risk_between(stream, -2000, 2000);
        if (risk_chance(stream, 1)) move += risk_between(stream, -300000, 300000);
        if (stream->spot[i] < usual / 4) move = 40000;
        if (stream->spot[i] > usual * 3) move = -40000;
        stream->spot[i] += tn_mul_div_floor(stream->spot[i], move, PPM);
    }
    stream->vol_ppm += risk_between(stream, -4000, 4000) + (trend < 0 ? 40000 : 0);
    if (stream->vol_ppm < 150000) stream->vol_ppm = 150000;
    if (stream->vol_ppm > 900000) stream->vol_ppm -= 20000;
    if (stream->vol_ppm > 3000000) stream->vol_ppm = 3000000;
}

static void report_expiries(struct risk_stream *stream, uint16_t number)
{
    for (uint32_t i = 0; i < RISK_STREAM_EXPIRIES; i++) {
        uint16_t day = stream->days[i];
        if (risk_market_left_ms(day, stream->time_ms) <= 0) continue;
        uint16_t first = (uint16_t)risk_below(stream, RISK_STREAM_SIGNERS);
        for (uint16_t s = 0; s < 2; s++) {
            uint16_t signer = (uint16_t)(1 + (first + s) % RISK_STREAM_SIGNERS);
            tn_micros forward = stream->spot[number - 1];
            forward += tn_mul_div_floor(forward, risk_between(stream, -500, 3000), PPM);
            push_report(stream, signer, number, day, TN_FEED_FORWARD, forward);
            push_report(stream, signer, number, day, TN_FEED_VOL, 0);
        }
        if (!risk_chance(stream, 3)) continue;
        for (uint16_t signer = 1; signer <= RISK_STREAM_SIGNERS; signer++) {
            push_report(stream, signer, number, day, TN_FEED_RATE,
                        risk_between(stream, -10000000, 80000000));
        }
    }
}

static int64_t time_step(struct risk_stream *stream)
{
    uint64_t draw = risk_below(stream, 1000);
    if (stream->theme == RISK_HOURS && stream->ticks > 60 && draw >= 920) draw = 999;
    if (draw < 550) return risk_between(stream, 50, 300);
    if (draw < 950) return risk_between(stream, 300, 1900);
    if (draw < 980) return risk_between(stream, 2500, 20000);
    if (draw < 994 || stream->ticks < 60) return risk_between(stream, 20000, 120000);
    return risk_between(stream, 3500000, 4000000);
}

/* A block past the expiry that is no MARK, and a hand that wants to settle before it is one. */
static void expire_between_marks(struct risk_stream *stream, int64_t left_ms)
{
    push_block(stream, left_ms - 10);
    push_block(stream, 20);
    struct tn_entry entry = {.kind = TN_ENTRY_SETTLE};
    entry.as.settle.underlying = RISK_BTC;
    entry.as.settle.expiry_day = stream->days[0];
    entry.as.settle.price_micros = stream->spot[0];
    push(stream, entry);
}

static void tick(struct risk_stream *stream)
{
    stream->ticks++;
    move_prices(stream);
    if (stream->silent_left > 0 && --stream->silent_left == 0) stream->silent = 0;
    if (stream->silent_left == 0 && risk_chance(stream, 2)) {
        stream->silent = (uint8_t)(1u << risk_below(stream, 5));
        stream->silent_left = (uint32_t)risk_between(stream, 2, 15);
    }
    bool all = stream->ticks % 4 == 1 || risk_chance(stream, 20);
    for (uint16_t number = 1; number <= RISK_UNDERLYINGS; number++) {
        for (uint16_t signer = 1; signer <= RISK_STREAM_SIGNERS; signer++) {
            tn_micros value = stream->spot[number - 1];
            if (risk_chance(stream, 4)) value = risk_between(stream, 1, 3 * value);
            if (!risk_chance(stream, 10)) {
                push_report(stream, signer, number, 0, TN_FEED_SPOT, value);
            }
        }
        if (all) report_expiries(stream, number);
    }
    if (risk_chance(stream, 3)) {
        int64_t price = risk_chance(stream, 70) ? PPM : risk_between(stream, 930000, 1010000);
        push_report(stream, 1, 0, 0, TN_FEED_STABLE, price);
        push_report(stream, 2, 0, 0, TN_FEED_STABLE, price);
    }
    int64_t left_ms = risk_market_left_ms(stream->days[0], stream->time_ms);
    if (left_ms > 100 && left_ms < 60000 &&
        risk_chance(stream, stream->theme == RISK_EXPIRY ? 100 : 20)) {
        expire_between_marks(stream, left_ms);
    } else {
        push_block(stream, time_step(stream));
    }
    if (!risk_chance(stream, 60)) return;
    for (uint32_t i = 0; i < 3; i++)
        push(stream, (struct tn_entry){.kind = TN_ENTRY_SWEEP, .as.sweep.units = 64});
    push(stream, (struct tn_entry){.kind = TN_ENTRY_LIQ, .as.liq.units = 20});
}

/* ---- The set-up ---- */

struct tn_entry risk_stream_asset(uint32_t asset)
{
    struct tn_entry entry = {.kind = TN_ENTRY_ASSET};
    entry.as.asset.haircut_ppm = asset == 1 ? 50000 : 10000;
    entry.as.asset.im_haircut_ppm = asset == 1 ? 50000 : 0;
    entry.as.asset.underlying = asset == 1 ? RISK_BTC : 0;
    return entry;
}

static void push_list(struct risk_stream *stream, uint64_t series_id)
{
    push(stream, (struct tn_entry){.kind = TN_ENTRY_LIST, .as.list.series_id = series_id});
}

static void set_up_series(struct risk_stream *stream, uint16_t number)
{
    static const uint32_t STRIKES_PPM[3] = {900000, 1000000, 1100000};
    tn_micros spot = risk_market_spot(number);
    push_list(stream, risk_market_series(number, TN_PERPETUAL, 0, 0));
    for (uint32_t i = 0; i < RISK_STREAM_EXPIRIES; i++) {
        uint16_t day = stream->days[i];
        push_list(stream, risk_market_series(number, TN_FUTURE, day, 0));
        for (uint32_t k = 0; k < 3; k++) {
            uint64_t strike = (uint64_t)tn_ppm_floor(spot, STRIKES_PPM[k]) / RISK_DOLLAR;
            push_list(stream, risk_market_series(number, TN_CALL, day, strike));
            push_list(stream, risk_market_series(number, TN_PUT, day, strike));
        }
    }
}

static void set_up_account(struct risk_stream *stream, uint32_t account)
{
    struct tn_entry opened = {.kind = TN_ENTRY_ACCOUNT};
    opened.as.account.owner[0] = (uint8_t)(1 + account % stream->owners);
    opened.as.account.model = (uint8_t)(account % 3 == 2);
    push(stream, opened);
    tn_micros cash = risk_between(stream, 1, 1 << risk_between(stream, 1, 6)) * 3000 * RISK_DOLLAR;
    struct tn_entry deposit = {.kind = TN_ENTRY_DEPOSIT};
    deposit.as.deposit.account = account;
    deposit.as.deposit.amount = cash;
    if (account % 4 != 3) push(stream, deposit);
    deposit.as.deposit.asset = account % 4 == 1 ? 2 : 1;
    if (account % 4 == 3) deposit.as.deposit.amount = cash / 100000; /* of a BTC */
    if (account % 4 != 0) push(stream, deposit);
}

static void set_up_market(struct risk_stream *stream)
{
    push_block(stream, 0);
    for (uint16_t number = 1; number <= RISK_UNDERLYINGS; number++) {
        push(stream, (struct tn_entry){.kind = TN_ENTRY_UNDERLYING,
                                       .as.underlying = risk_market_underlying(number)});
    }
    for (uint32_t asset = 1; asset < RISK_STREAM_ASSETS; asset++)
        push(stream, risk_stream_asset(asset));
    for (uint16_t signer = 1; signer <= RISK_STREAM_SIGNERS; signer++) {
        push(stream, (struct tn_entry){.kind = TN_ENTRY_FEEDER,
                                       .as.feeder = {.signer = signer, .active = 1}});
    }
    tn_risk_default(&stream->risk, stream->scenarios, &stream->scenarios_count);
    stream->risk.feed_signers_min = 2;
    if (stream->theme == RISK_CRASHES) stream->risk.jump_ppm = PPM; /* nothing waits */
    push(stream, (struct tn_entry){.kind = TN_ENTRY_RISK,
                                   .as.risk = {.height = stream->height + 1,
                                               .risk = &stream->risk,
                                               .scenarios = stream->scenarios,
                                               .scenarios_count = stream->scenarios_count}});
    push_block(stream, 1);
    set_up_series(stream, RISK_BTC);
    set_up_series(stream, RISK_ETH);
}

static void set_up(struct risk_stream *stream)
{
    uint32_t step = stream->step++;
    if (step == 0) {
        set_up_market(stream);
    } else if (step <= stream->accounts) {
        set_up_account(stream, step - 1);
    } else {
        if (stream->theme != RISK_CRASHES && risk_chance(stream, 50)) {
            push(stream, (struct tn_entry){.kind = TN_ENTRY_INSURE,
                                           .as.insure.amount = 100000 * RISK_DOLLAR});
        }
        tick(stream);
        stream->ready = true;
    }
}

/* ---- Other entries ---- */

static void make_risk(struct risk_stream *stream, struct tn_entry *entry)
{
    uint32_t unread;
    tn_risk_default(&stream->risk, stream->scenarios, &unread);
    stream->scenarios_count = unread;
    stream->risk.feed_signers_min = risk_between(stream, 1, 2);
    bool rises = stream->theme == RISK_HOURS;
    struct tn_risk_view view;
    if (risk_chance(stream, 60)) stream->risk.mm_factor_ppm = risk_between(stream, 800000, PPM);
    if (rises && tn_exchange_risk(stream->exchange, &view)) { /* from one end to the other */
        stream->risk.mm_factor_ppm = view.mm_factor_ppm > 900000 ? 500000 : PPM;
    }
    if (risk_chance(stream, rises ? 80 : 30)) stream->risk.mm_step_ppm = 500000;
    for (int64_t changes = risk_between(stream, 0, 2); changes > 0; changes--) {
        uint32_t field = (uint32_t)risk_below(stream, TN_RISK_FIELDS_COUNT);
        const struct tn_risk_field_info *info = tn_risk_field_info(field);
        int64_t low = info->standard / 2 < info->least ? info->least : info->standard / 2;
        int64_t high = info->standard > info->most / 2 ? info->most : info->standard * 2;
        if (low > high) continue; /* a negative one */
        *tn_risk_field(&stream->risk, field) = risk_between(stream, low, high);
        if (risk_chance(stream, 3)) *tn_risk_field(&stream->risk, field) = info->most + 1;
    }
    entry->as.risk.height = stream->height + (uint64_t)risk_between(stream, 0, 4);
    entry->as.risk.risk = &stream->risk;
    entry->as.risk.scenarios = stream->scenarios;
    entry->as.risk.scenarios_count = stream->scenarios_count;
}

static void make_list(struct risk_stream *stream, struct tn_entry *entry)
{
    uint16_t number = (uint16_t)risk_between(stream, 1, 2);
    uint16_t day = (uint16_t)(risk_market_next_day(stream->time_ms) + risk_below(stream, 9));
    enum tn_series_kind kind = (enum tn_series_kind)risk_below(stream, 4);
    uint64_t strike = (uint64_t)(stream->spot[number - 1] / RISK_DOLLAR / 10 + 1) *
                      (uint64_t)risk_between(stream, 8, 12);
    if (kind == TN_PERPETUAL) day = 0;
    entry->as.list.series_id = risk_market_series(number, kind, day, kind < TN_CALL ? 0 : strike);
}

static void spoil_report(struct risk_stream *stream, struct tn_report *report)
{
    *report = (struct tn_report){.signer = (uint16_t)risk_between(stream, 1, 3),
                                 .underlying = RISK_BTC,
                                 .confidence_ppm = PPM,
                                 .sequence = ++stream->sequence,
                                 .time_ms = stream->time_ms,
                                 .value = stream->spot[0]};
    switch (risk_below(stream, 8)) {
        case 0: report->signer = (uint16_t)risk_below(stream, 9); return;
        case 1: report->sequence = 1; return;
        case 2: report->time_ms = stream->time_ms + 1; return;
        case 3: report->value = risk_odd_number(stream); return;
        case 4: report->confidence_ppm = (int32_t)risk_between(stream, -5, 0); return;
        case 5: report->feed = (uint8_t)risk_below(stream, 9); return;
        case 6: report->underlying = (uint16_t)risk_below(stream, 5); return;
        default:
            report->feed = TN_FEED_VOL;
            report->expiry_day = stream->days[2];
            report->surface = (struct tn_surface){.a_e12 = risk_odd_number(stream),
                                                  .sigma_e12 = INT64_C(100000000000),
                                                  .forward_micros = stream->spot[0],
                                                  .tau_ms = 100000};
            return;
    }
}

static void make_status(struct risk_stream *stream, struct tn_entry *entry)
{
    static const uint8_t STEPS[6] = {TN_STATUS_POST_ONLY,   TN_STATUS_AUCTION, TN_STATUS_HALTED,
                                     TN_STATUS_CANCEL_ONLY, TN_STATUS_ACTIVE,  TN_STATUS_SETTLING};
    entry->as.status.series_id = risk_series(stream);
    entry->as.status.status = STEPS[risk_below(stream, risk_chance(stream, 5) ? 6 : 5)];
    for (uint32_t i = 0; i < stream->series_count && risk_chance(stream, 98); i++) {
        struct tn_series_view view;
        if (!tn_exchange_series(stream->exchange, &view, stream->series[i])) continue;
        if (view.status == TN_STATUS_ACTIVE || view.status >= TN_STATUS_SETTLING) continue;
        entry->as.status.series_id = view.id; /* bring one back to life */
        entry->as.status.status = risk_chance(stream, 25) ? TN_STATUS_AUCTION : TN_STATUS_ACTIVE;
        if (risk_chance(stream, 40)) return;
    }
}

static void make_uncross(struct risk_stream *stream, struct tn_entry *entry)
{
    entry->as.uncross.series_id = risk_series(stream);
    for (uint32_t i = 0; i < stream->series_count; i++) {
        struct tn_series_view view;
        if (!tn_exchange_series(stream->exchange, &view, stream->series[i])) continue;
        if (view.status == TN_STATUS_AUCTION) entry->as.uncross.series_id = view.id;
    }
}

/* By hand: of an expiry that lacks a price, or one that needs none. */
static void make_settle(struct risk_stream *stream, struct tn_entry *entry)
{
    entry->as.settle.underlying = (uint16_t)risk_between(stream, 1, 2);
    uint32_t most = risk_chance(stream, 60) ? 1 : RISK_STREAM_EXPIRIES;
    entry->as.settle.expiry_day = stream->days[risk_below(stream, most)];
    entry->as.settle.price_micros = stream->spot[entry->as.settle.underlying - 1];
    for (uint16_t number = 1; number <= RISK_UNDERLYINGS; number++) {
        for (uint32_t i = 0; i < RISK_STREAM_EXPIRIES; i++) {
            struct tn_expiry_risk_view view;
            if (!tn_exchange_expiry_risk(stream->exchange, &view, number, stream->days[i]))
                continue;
            if (!view.unsettled) continue;
            entry->as.settle.underlying = number;
            entry->as.settle.expiry_day = stream->days[i];
            entry->as.settle.price_micros = stream->spot[number - 1];
        }
    }
}

static void make_deposit(struct risk_stream *stream, struct tn_entry *entry)
{
    uint32_t count = tn_exchange_accounts_count(stream->exchange);
    entry->as.deposit.account = (uint32_t)risk_below(stream, count + (risk_chance(stream, 5)));
    entry->as.deposit.asset = (uint32_t)risk_below(stream, RISK_STREAM_ASSETS);
    entry->as.deposit.amount = risk_between(stream, 1, 30000) * RISK_DOLLAR;
    if (entry->as.deposit.asset == 1) entry->as.deposit.amount /= 100000;
    if (entry->as.deposit.amount < 1) entry->as.deposit.amount = 1;
}

static void make_other(struct risk_stream *stream, struct tn_entry *entry)
{
    switch ((enum tn_entry_kind)entry->kind) {
        case TN_ENTRY_FRAME: risk_frame(stream, entry); return;
        case TN_ENTRY_SWEEP: entry->as.sweep.units = (uint32_t)risk_below(stream, 40); return;
        case TN_ENTRY_LIQ: entry->as.liq.units = (uint32_t)risk_below(stream, 20); return;
        case TN_ENTRY_DEPOSIT: make_deposit(stream, entry); return;
        case TN_ENTRY_INSURE:
            entry->as.insure.amount = risk_between(stream, 0, 20000) * RISK_DOLLAR;
            if (stream->theme == RISK_CRASHES) entry->as.insure.amount /= 10000 * RISK_DOLLAR;
            return;
        case TN_ENTRY_RISK: make_risk(stream, entry); return;
        case TN_ENTRY_LIST: make_list(stream, entry); return;
        case TN_ENTRY_STATUS: make_status(stream, entry); return;
        case TN_ENTRY_UNCROSS: make_uncross(stream, entry); return;
        case TN_ENTRY_SETTLE: make_settle(stream, entry); return;
        case TN_ENTRY_REPORT: spoil_report(stream, &entry->as.report); return;
        case TN_ENTRY_FEEDER:
            entry->as.feeder.signer = (uint16_t)risk_below(stream, RISK_STREAM_SIGNERS + 2);
            entry->as.feeder.active = (uint8_t)!risk_chance(stream, 7);
            return;
        case TN_ENTRY_ACCOUNT:
            entry->as.account.owner[0] = (uint8_t)risk_between(stream, 1, stream->owners);
            entry->as.account.model = (uint8_t)risk_below(stream, 2);
            return;
        case TN_ENTRY_FEES: {
            struct tn_underlying terms = risk_market_underlying(RISK_BTC);
            terms.option_fees.taker_ppm = (int32_t)risk_between(stream, 0, 500);
            entry->as.fees.underlying = (uint16_t)risk_between(stream, 1, 2);
            entry->as.fees.option_fees = terms.option_fees;
            entry->as.fees.linear_fees = terms.linear_fees;
            return;
        }
        case TN_ENTRY_MARKS: entry->as.marks.marks = &stream->mark; return;
        case TN_ENTRY_INDEX:
        case TN_ENTRY_FUNDING:
        case TN_ENTRY_LISTING: return; /* refused: all of it comes from the feeds */
        case TN_ENTRY_BLOCK:
        case TN_ENTRY_UNDERLYING:
        case TN_ENTRY_ASSET: return; /* of the set-up only */
    }
}

void risk_stream_limits(struct tn_exchange_limits *limits)
{
    tn_exchange_limits_default(limits);
    limits->accounts_max = 34;
    limits->underlyings_max = 3;
    limits->series_max = 112;
    limits->orders_max = 1200;
    limits->levels_max = 1000;
    limits->exposures_max = 900;
    limits->exposures_per_account_max = 60;
    limits->results_max = 4000;
    limits->results_per_account = 100;
    limits->groups_max = 40;
    limits->jobs_max = 4;
    limits->assets_max = 4;
    limits->commands_per_frame_max = 4;
    limits->fills_max = 16;
    limits->cancels_max = 32;
    limits->sweep_units_max = 64;
    limits->expiries_max = EXPIRIES_MAX;
    limits->signers_max = RISK_STREAM_SIGNERS;
}

void risk_stream_start(struct risk_stream *stream, const struct tn_exchange *exchange,
                       uint64_t seed)
{
    memset(stream, 0, sizeof(*stream));
    stream->exchange = exchange;
    stream->random = seed;
    /* A Friday in November, 07:31 to 07:44: the window of the first expiry has begun. */
    int64_t day_ms = TN_EPOCH_2020_MS + 2515 * TN_MS_PER_DAY;
    stream->theme = (enum risk_theme)(seed % RISK_THEMES);
    int64_t minutes = stream->theme == RISK_EXPIRY ? 1 : risk_between(stream, 16, 29);
    stream->time_ms = day_ms + TN_EXPIRY_TIME_OF_DAY - minutes * 60000;
    stream->days[0] = 2515;
    stream->days[1] = 2516;
    stream->days[2] = 2522;
    stream->spot[0] = risk_market_spot(RISK_BTC);
    stream->spot[1] = risk_market_spot(RISK_ETH);
    stream->vol_ppm = 500000;
    stream->accounts = (uint32_t)risk_between(stream, 6, 30);
    stream->owners = OWNERS;
}

void risk_stream_next(struct risk_stream *stream, struct tn_entry *entry)
{
    static const uint8_t WEIGHTS[TN_ENTRY_INSURE + 1] = {
        [TN_ENTRY_FRAME] = 150, [TN_ENTRY_BLOCK] = 24, [TN_ENTRY_SWEEP] = 24,
        [TN_ENTRY_MARKS] = 1,   [TN_ENTRY_INDEX] = 1,  [TN_ENTRY_ACCOUNT] = 1,
        [TN_ENTRY_DEPOSIT] = 4, [TN_ENTRY_FEES] = 1,   [TN_ENTRY_LIST] = 2,
        [TN_ENTRY_LISTING] = 1, [TN_ENTRY_STATUS] = 4, [TN_ENTRY_UNCROSS] = 4,
        [TN_ENTRY_FUNDING] = 1, [TN_ENTRY_SETTLE] = 2, [TN_ENTRY_FEEDER] = 1,
        [TN_ENTRY_REPORT] = 4,  [TN_ENTRY_RISK] = 2,   [TN_ENTRY_LIQ] = 20,
        [TN_ENTRY_INSURE] = 1};
    while (stream->queue_count == 0 && !stream->ready)
        set_up(stream);
    if (stream->queue_count == 0) {
        stream->series_count = tn_exchange_series_ids(stream->exchange, stream->series, 256);
        uint32_t kind = risk_weighted(stream, WEIGHTS, TN_ENTRY_INSURE + 1);
        if (kind != TN_ENTRY_BLOCK) {
            *entry = (struct tn_entry){.kind = (uint8_t)kind};
            make_other(stream, entry);
            return;
        }
        tick(stream);
    }
    *entry = stream->queue[stream->queue_head];
    stream->queue_head = (stream->queue_head + 1) % RISK_STREAM_QUEUE;
    stream->queue_count--;
}
