/* Frames and their commands: orders near the mark so that they meet, references to what exists, to
 * what has gone and to what never was, and one field spoilt now and then. */
#include "stream_internal.h"

#include "twin_internal.h"

#include <string.h>

static uint32_t some_account(struct exchange_stream *stream)
{
    uint32_t count = stream->twin->accounts.count;
    uint32_t few = stream->profile->accounts < count ? stream->profile->accounts : count;
    if (few == 0 || stream_chance(stream, 1)) {
        return stream_chance(stream, 50) ? count : (uint32_t)stream_below(stream, UINT32_MAX);
    }
    return (uint32_t)stream_below(stream, stream_chance(stream, 95) ? few : count);
}

/* A price near the mark, on tick but for a few. */
static tn_ticks near_mark(struct exchange_stream *stream, uint64_t series_id, int64_t away)
{
    const struct twin_series *series = twin_series(stream->twin, series_id);
    if (series == NULL || series->mark < 0) return stream_between(stream, 1, 60);
    tn_ticks middle = series->mark / twin_micros_per_tick(stream->twin, series_id);
    int64_t spread = stream->profile->spread_ticks;
    tn_ticks price = middle + away + stream_between(stream, -spread, spread);
    if (price < 1) price = stream_between(stream, 1, 4);
    if (stream_chance(stream, 5)) return price;
    tn_ticks on_tick = tn_tick_floor(&twin_contract(stream->twin, series_id)->schedule, price);
    return on_tick == 0 ? price : on_tick;
}

static tn_lots some_quantity(struct exchange_stream *stream)
{
    return stream_between(stream, 1, stream->profile->quantity_max);
}

/* Mostly more than any fee, sometimes no more than today's. */
static int32_t some_fee_max(struct exchange_stream *stream)
{
    static const int32_t MOST[4] = {1000, 600, 500, 300};
    return MOST[stream_chance(stream, 50) ? 0 : stream_below(stream, 4)];
}

static int64_t some_until(struct exchange_stream *stream, uint8_t tif)
{
    if (tif == TN_GTB) return (int64_t)stream->twin->height + stream_between(stream, 0, 6);
    if (tif == TN_GTT) return stream->twin->time_ms + stream_between(stream, 1, 3000);
    return 0;
}

static void make_terms(struct exchange_stream *stream, struct tn_order_terms *terms)
{
    static const uint8_t TIFS[16] = {TN_GTC, TN_GTC, TN_GTC, TN_GTC, TN_GTC, TN_GTC,
                                     TN_GTC, TN_IOC, TN_IOC, TN_FOK, TN_FOK, TN_GTB,
                                     TN_GTB, TN_GTT, TN_GTT, TN_GTT};
    *terms = (struct tn_order_terms){.series_id = stream_series(stream),
                                     .quantity = some_quantity(stream),
                                     .fee_max_ppm = some_fee_max(stream),
                                     .label = (uint32_t)stream_below(stream, 3),
                                     .side = (uint8_t)stream_below(stream, 2),
                                     .tif = TIFS[stream_below(stream, 16)],
                                     .stp = (uint8_t)stream_below(stream, 4)};
    terms->price = near_mark(stream, terms->series_id, 0);
    terms->until = some_until(stream, terms->tif);
    bool rests = terms->tif != TN_IOC && terms->tif != TN_FOK;
    switch (stream_below(stream, 12)) {
        case 0:
        case 1:
            if (rests) terms->post = (uint8_t)stream_between(stream, 1, 2);
            break;
        case 2:
        case 3:
            if (rests) terms->display = stream_between(stream, 1, terms->quantity);
            break;
        case 4:
        case 5:
            terms->reduce_only = 1;
            if (stream_chance(stream, 60)) terms->tif = TN_GTC, terms->until = 0;
            break;
        case 6:
        case 7:
            if (terms->tif == TN_FOK) terms->tif = TN_IOC;
            terms->trigger = near_mark(stream, terms->series_id, terms->side == TN_BUY ? 4 : -4);
            terms->reduce_only = stream_chance(stream, 20);
            if (terms->tif != TN_IOC || !stream_chance(stream, 50)) break;
            terms->type = TN_MARKET;
            terms->price = stream_chance(stream, 70) ? 0 : terms->price;
            break;
        case 8:
            terms->type = TN_MARKET;
            terms->tif = stream_chance(stream, 50) ? TN_IOC : TN_FOK;
            terms->until = 0;
            if (stream_chance(stream, 70)) terms->price = 0;
            break;
        default: break;
    }
}

static void spoil_terms(struct exchange_stream *stream, struct tn_order_terms *terms)
{
    switch (stream_below(stream, 19)) {
        case 0: terms->side = 2; return;
        case 1: terms->tif = 5; return;
        case 2: terms->type = 2; return;
        case 3: terms->stp = 4; return;
        case 4: terms->post = 3; return;
        case 5: terms->reduce_only = 2; return;
        case 6: terms->type = TN_MARKET; return;
        case 7: terms->post = TN_POST_REJECT; return;
        case 8: terms->quantity = stream_odd_number(stream); return;
        case 9: terms->quantity = stream_between(stream, 1, 1001); return;
        case 10: terms->display = terms->quantity + 1; return;
        case 11: terms->display = -1; return;
        case 12: terms->price = stream_odd_number(stream); return;
        case 13: terms->trigger = stream_odd_number(stream); return;
        case 14: terms->until = stream_odd_number(stream); return;
        case 15: terms->fee_max_ppm = (int32_t)stream_between(stream, -10, 500); return;
        case 16:
            terms->tif = stream_chance(stream, 50) ? TN_GTB : TN_GTT;
            terms->until = stream_chance(stream, 50) ? (int64_t)stream->twin->height - 1
                                                     : stream->twin->time_ms;
            return;
        case 17: terms->price += stream_between(stream, -100, 100); return;
        default: terms->series_id = stream_below(stream, UINT64_MAX); return;
    }
}

static struct tn_order_ref some_ref(struct exchange_stream *stream, uint32_t account)
{
    const struct twin *twin = stream->twin;
    if (stream_chance(stream, 15)) {
        uint64_t back = stream_below(stream, 40);
        return (struct tn_order_ref){.client_id =
                                         stream->client_id > back ? stream->client_id - back : 0};
    }
    if (twin->orders.count == 0 || stream_chance(stream, 10)) {
        return (struct tn_order_ref){.order_id = stream_below(stream, twin->last_order_id + 2)};
    }
    for (uint32_t i = 0; i < 8; i++) {
        const struct twin_order *order =
            twin->orders.items[stream_below(stream, twin->orders.count)];
        if (order->account == account || i == 7) {
            return (struct tn_order_ref){.order_id = order->id};
        }
    }
    return (struct tn_order_ref){0};
}

static void make_replace(struct exchange_stream *stream, uint32_t account,
                         struct tn_command *command)
{
    command->as.replace.ref = some_ref(stream, account);
    const struct twin_order *order = twin_order(stream->twin, command->as.replace.ref.order_id);
    command->as.replace.quantity = some_quantity(stream);
    if (order == NULL) {
        command->as.replace.price = 20;
        return;
    }
    command->as.replace.price =
        stream_chance(stream, 40) ? order->price : near_mark(stream, order->series_id, 0);
    if (stream_chance(stream, 30)) command->as.replace.quantity = twin_open(order);
}

static void make_mass_cancel(struct exchange_stream *stream, struct tn_mass_cancel *cancel)
{
    uint64_t series_id = stream_series(stream);
    *cancel = (struct tn_mass_cancel){.series_id = series_id,
                                      .label = (uint32_t)stream_below(stream, 3),
                                      .underlying = tn_series_underlying(series_id),
                                      .expiry_day = tn_series_expiry_day(series_id),
                                      .side = (uint8_t)stream_below(stream, 2)};
    static const uint8_t BY[10] = {0,
                                   0,
                                   TN_BY_UNDERLYING,
                                   TN_BY_EXPIRY,
                                   TN_BY_SERIES,
                                   TN_BY_SIDE,
                                   TN_BY_LABEL,
                                   TN_BY_SIDE | TN_BY_SERIES,
                                   TN_BY_LABEL | TN_BY_UNDERLYING,
                                   TN_BY_EXPIRY | TN_BY_SIDE};
    cancel->by = BY[stream_below(stream, 10)];
}

static void make_mass_quote(struct exchange_stream *stream, struct tn_command *command)
{
    struct tn_quote *quotes = stream->quotes[stream->quotes_used];
    stream->quotes_used = (stream->quotes_used + 1) % 8;
    struct tn_mass_quote *mass = &command->as.mass_quote;
    uint32_t count = (uint32_t)stream_between(stream, 1, 5);
    uint32_t used = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct tn_quote *quote = &quotes[used];
        *quote = (struct tn_quote){.series_id = stream_series(stream),
                                   .bid_quantity = some_quantity(stream),
                                   .ask_quantity = some_quantity(stream)};
        bool repeated = false;
        for (uint32_t j = 0; j < used; j++) {
            repeated = repeated || quotes[j].series_id == quote->series_id;
        }
        if (repeated && !stream_chance(stream, 3)) continue;
        used++;
        quote->bid_price = near_mark(stream, quote->series_id, -2);
        quote->ask_price = near_mark(stream, quote->series_id, 2);
        if (quote->ask_price <= quote->bid_price && stream_chance(stream, 85)) {
            quote->ask_price = quote->bid_price + 1;
        }
        if (stream_chance(stream, 12)) quote->bid_quantity = 0;
        if (stream_chance(stream, 12)) quote->ask_quantity = 0;
        if (stream_chance(stream, 12)) quote->bid_quantity = TN_QUOTE_KEEP;
        if (stream_chance(stream, 12)) quote->ask_quantity = TN_QUOTE_KEEP;
    }
    mass->quotes = quotes;
    mass->quotes_count = used;
    mass->fee_max_ppm = some_fee_max(stream);
    mass->label = (uint32_t)stream_below(stream, 3);
    mass->group = stream_chance(stream, 65) ? (uint8_t)stream_between(stream, 1, 2) : 0;
    mass->post_only = stream_chance(stream, 50);
    mass->stp = (uint8_t)stream_below(stream, 4);
}

/* Half of the time what stands already, so that quotes keep their places. */
static void requote(struct exchange_stream *stream, uint32_t account, struct tn_command *command)
{
    const struct tn_mass_quote *mass = &command->as.mass_quote;
    struct tn_quote *quotes = (struct tn_quote *)(uintptr_t)mass->quotes;
    for (uint32_t i = 0; i < mass->quotes_count; i++) {
        if (twin_series(stream->twin, quotes[i].series_id) == NULL) continue;
        const struct twin_order *bid =
            twin_present_quote(stream->twin, quotes[i].series_id, account, TN_BUY);
        const struct twin_order *ask =
            twin_present_quote(stream->twin, quotes[i].series_id, account, TN_SELL);
        if (bid != NULL && stream_chance(stream, 40)) quotes[i].bid_price = bid->price;
        if (ask != NULL && stream_chance(stream, 40)) quotes[i].ask_price = ask->price;
    }
}

static void spoil_mass_quote(struct exchange_stream *stream, struct tn_mass_quote *mass)
{
    struct tn_quote *quotes = (struct tn_quote *)(uintptr_t)mass->quotes;
    switch (stream_below(stream, 11)) {
        case 0: mass->quotes_count = 0; return;
        case 10: /* as many as there may be, most of them of no series */
            for (uint32_t i = mass->quotes_count; i < TN_QUOTES_MAX; i++) {
                quotes[i] = (struct tn_quote){.series_id = i + 1, .bid_quantity = 1};
            }
            mass->quotes_count = TN_QUOTES_MAX;
            return;
        case 1: mass->quotes_count = TN_QUOTES_MAX + 1; return;
        case 2: mass->stp = 9; return;
        case 3: mass->post_only = 2; return;
        case 4: mass->group = 77; return;
        case 5: mass->fee_max_ppm = (int32_t)stream_below(stream, 400); return;
        case 6: quotes[0].bid_quantity = -2; return;
        case 7: quotes[0].ask_price = stream_odd_number(stream); return;
        case 8: quotes[0].bid_price = quotes[0].ask_price; return;
        default: quotes[0].bid_quantity = stream_between(stream, 900, 1001); return;
    }
}

static void make_mmp_set(struct exchange_stream *stream, struct tn_mmp_set *set)
{
    *set = (struct tn_mmp_set){.interval_ms = stream_between(stream, 1, 5000),
                               .freeze_ms =
                                   stream_chance(stream, 30) ? 0 : stream_between(stream, 1, 900),
                               .quantity_limit = stream_between(stream, 0, 30),
                               .trades_limit = (uint32_t)stream_below(stream, 5),
                               .group = (uint8_t)stream_between(stream, 1, 2)};
    if (stream_chance(stream, 40)) set->delta_limit = stream_between(stream, 0, 20);
    if (stream_chance(stream, 40)) set->vega_limit_micros = stream_between(stream, 0, 20000000);
    if (stream_chance(stream, 50)) set->quantity_limit = 0;
    if (stream_chance(stream, 50)) set->trades_limit = 0;
    if (!stream_chance(stream, 8)) return;
    switch (stream_below(stream, 7)) {
        case 5: set->delta_limit = -1; return;
        case 6: set->vega_limit_micros = (INT64_C(1) << 60) + 1; return;
        case 0: set->interval_ms = 0; return;
        case 1: set->freeze_ms = 86400001; return;
        case 2: set->group = 0; return;
        case 3: set->group = (uint8_t)stream_below(stream, 256); return;
        default: set->quantity_limit = -1; return;
    }
}

static void make_legs(struct exchange_stream *stream, struct tn_leg *legs, uint32_t *count,
                      bool block)
{
    uint32_t wanted = (uint32_t)stream_between(stream, block ? 1 : 2, block ? 3 : 4);
    if (stream_chance(stream, 10)) wanted = TN_PACKAGE_LEGS_MAX;
    uint32_t used = 0;
    for (uint32_t tries = 0; tries < 60 && used < wanted; tries++) {
        struct tn_leg *leg = &legs[used];
        *leg = (struct tn_leg){.series_id = stream_series(stream),
                               .side = (uint8_t)stream_below(stream, 2),
                               .quantity =
                                   block ? some_quantity(stream) : stream_between(stream, 1, 3)};
        leg->price = near_mark(stream, leg->series_id, 0);
        bool repeated = false;
        for (uint32_t i = 0; i < used; i++)
            repeated = repeated || legs[i].series_id == leg->series_id;
        if (!repeated || stream_chance(stream, 2)) used++;
    }
    *count = used;
}

static void make_package(struct exchange_stream *stream, struct tn_package *package)
{
    make_legs(stream, package->legs, &package->legs_count, false);
    package->units = stream_between(stream, 1, 6);
    package->limit_micros = stream_between(stream, -200, 3000) * 1000000;
    if (stream_chance(stream, 40)) package->limit_micros = INT64_C(1) << 50;
    package->fee_max_ppm = 1000;
    package->tif = stream_chance(stream, 50) ? TN_IOC : TN_FOK;
    if (!stream_chance(stream, stream->profile->weird_percent)) return;
    switch (stream_below(stream, 9)) {
        case 0: package->legs_count = 9; return;
        case 8: package->legs[1].quantity = stream_odd_number(stream); return;
        case 1: package->units = stream_odd_number(stream); return;
        case 2: package->tif = TN_GTC; return;
        case 3: package->limit_micros = INT64_MIN; return;
        case 4: package->legs[1].side = 3; return;
        case 5: package->legs[0].quantity = 1000000; return;
        case 6: package->fee_max_ppm = 0; return;
        default: package->units = stream_between(stream, 100, 1000); return;
    }
}

static void make_block_trade(struct exchange_stream *stream, struct tn_block_trade *block)
{
    make_legs(stream, block->legs, &block->legs_count, true);
    const struct twin *twin = stream->twin;
    block->counterparty = some_account(stream);
    const struct twin_account *other = twin_account(twin, block->counterparty);
    block->counterparty_nonce = stream_below(stream, 100);
    if (other != NULL && stream_chance(stream, 85)) {
        block->counterparty_nonce = other->nonce_top + stream_below(stream, 4);
    }
    block->expires_ms = twin->time_ms + stream_between(stream, -20, 300);
    block->fee_max_ppm = 1000;
    if (!stream_chance(stream, stream->profile->weird_percent)) return;
    switch (stream_below(stream, 6)) {
        case 0: block->legs_count = 0; return;
        case 1: block->legs[0].quantity = stream_odd_number(stream); return;
        case 2: block->legs[0].price = stream_odd_number(stream); return;
        case 3: block->legs[0].side = 2; return;
        case 4: block->legs[0].quantity = stream_between(stream, 900, 1001); return;
        default: block->fee_max_ppm = 100; return;
    }
}

static void make_money(struct exchange_stream *stream, struct tn_command *command)
{
    command->as.money.to_account = some_account(stream);
    command->as.money.asset = (uint32_t)stream_below(stream, stream->twin->assets_count);
    command->as.money.amount = stream_between(stream, 1, stream->profile->deposit / 20 + 1);
    if (stream->profile->rich) command->as.money.amount = INT64_C(1) << 50;
    if (stream_chance(stream, 6)) command->as.money.amount = stream_odd_number(stream);
    if (stream_chance(stream, 2)) command->as.money.asset = 9;
}

static void make_oco(struct exchange_stream *stream, struct tn_order_terms terms[2])
{
    for (uint32_t i = 0; i < 2; i++) {
        make_terms(stream, &terms[i]);
        terms[i].reduce_only = 0;
        terms[i].type = TN_LIMIT;
        terms[i].post = 0;
        terms[i].tif = i == 0 || stream_chance(stream, 50) ? TN_GTC : TN_IOC;
        terms[i].until = 0;
        if (i == 0 || terms[i].tif == TN_IOC) terms[i].display = 0;
    }
    terms[0].trigger = 0;
    terms[1].series_id = terms[0].series_id;
    terms[1].side = terms[0].side;
    terms[1].price = near_mark(stream, terms[0].series_id, 0);
    terms[1].trigger = near_mark(stream, terms[0].series_id, terms[0].side == TN_BUY ? 4 : -4);
    if (terms[1].tif == TN_IOC && stream_chance(stream, 50)) {
        terms[1].type = TN_MARKET;
        terms[1].price = 0;
    }
}

static void fill_command(struct exchange_stream *stream, uint32_t account,
                         struct tn_command *command)
{
    bool weird = stream_chance(stream, stream->profile->weird_percent);
    switch ((enum tn_command_kind)command->kind) {
        case TN_COMMAND_PLACE:
            make_terms(stream, &command->as.terms[0]);
            if (weird) spoil_terms(stream, &command->as.terms[0]);
            return;
        case TN_COMMAND_PLACE_OCO:
            make_oco(stream, command->as.terms);
            if (weird) spoil_terms(stream, &command->as.terms[stream_below(stream, 2)]);
            return;
        case TN_COMMAND_REPLACE:
            make_replace(stream, account, command);
            if (weird) command->as.replace.quantity = stream_odd_number(stream);
            return;
        case TN_COMMAND_CANCEL: command->as.cancel = some_ref(stream, account); return;
        case TN_COMMAND_MASS_CANCEL:
            make_mass_cancel(stream, &command->as.mass_cancel);
            if (weird) command->as.mass_cancel.by = (uint8_t)stream_below(stream, 256);
            if (weird) command->as.mass_cancel.side = 2;
            return;
        case TN_COMMAND_MASS_QUOTE:
            make_mass_quote(stream, command);
            requote(stream, account, command);
            if (weird) spoil_mass_quote(stream, &command->as.mass_quote);
            return;
        case TN_COMMAND_MMP_SET: make_mmp_set(stream, &command->as.mmp_set); return;
        case TN_COMMAND_MMP_RESET:
        case TN_COMMAND_MMP_CANCEL:
            command->as.mmp_group = (uint8_t)stream_between(stream, weird ? 0 : 1, weird ? 3 : 2);
            return;
        case TN_COMMAND_PACKAGE: make_package(stream, &command->as.package); return;
        case TN_COMMAND_BLOCK_TRADE: make_block_trade(stream, &command->as.block_trade); return;
        case TN_COMMAND_TRANSFER:
        case TN_COMMAND_WITHDRAW: make_money(stream, command); return;
        case TN_COMMAND_MODEL:
        case TN_COMMAND_REMIT:
        case TN_COMMAND_BID: return; /* refused: these markets have no margin engine */
    }
}

static uint64_t some_client_id(struct exchange_stream *stream)
{
    uint64_t draw = stream_below(stream, 100);
    if (draw < 35) return 0;
    if (draw < 85) return ++stream->client_id;
    if (draw < 90) return stream->client_id += stream_below(stream, 4);
    uint64_t back = stream_below(stream, draw < 97 ? 8 : 60);
    return stream->client_id > back ? stream->client_id - back : 1;
}

static uint64_t some_nonce(struct exchange_stream *stream, uint32_t number)
{
    const struct twin_account *account = twin_account(stream->twin, number);
    uint64_t top = account == NULL ? 0 : account->nonce_top;
    uint64_t draw = stream_below(stream, 100);
    if (draw < 88) return top + 1;
    if (draw < 94) return top + stream_below(stream, 100);
    uint64_t back = stream_below(stream, draw < 98 ? 20 : 80);
    return top > back ? top - back : 0;
}

void stream_frame(struct exchange_stream *stream, struct tn_entry *entry)
{
    uint32_t most = stream->twin->limits.commands_per_frame_max;
    uint32_t account = some_account(stream);
    uint32_t count = (uint32_t)stream_between(stream, 1, most < 3 ? most : 3);
    if (stream_chance(stream, 1)) count = stream_chance(stream, 50) ? 0 : most + 1;
    entry->as.frame.account = account;
    entry->as.frame.commands = stream->commands;
    entry->as.frame.commands_count = count;
    entry->as.frame.nonce = some_nonce(stream, account);
    entry->as.frame.valid_until_block =
        stream->twin->height + stream_below(stream, 5) - stream_chance(stream, 1);
    for (uint32_t i = 0; i < count && i < STREAM_COMMANDS_MAX; i++) {
        struct tn_command *command = &stream->commands[i];
        memset(command, 0, sizeof(*command));
        command->kind = (uint8_t)stream_weighted(stream, stream->profile->commands, 14);
        if (stream_below(stream, 500) == 0) command->kind = 14 + (uint8_t)stream_below(stream, 200);
        command->client_id = some_client_id(stream);
        if (command->kind >= 1 && command->kind <= TN_COMMAND_WITHDRAW) {
            fill_command(stream, account, command);
        }
    }
}
