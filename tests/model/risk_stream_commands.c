/* Frames of the risk streams: orders near the mark of sizes from one lot to more than an account
 * can bear, quotes in protected groups, packages, block trades, money, changes of model, and bids
 * for whoever is in auction; one field is spoilt now and then. */
#include "risk_stream.h"

static uint32_t some_account(struct risk_stream *stream)
{
    uint32_t count = tn_exchange_accounts_count(stream->exchange);
    if (risk_chance(stream, 1)) return (uint32_t)risk_below(stream, count + 2);
    return (uint32_t)risk_below(stream, stream->accounts < count ? stream->accounts : count);
}

/* A price near the mark, mostly inside the band. */
static tn_ticks near_mark(struct risk_stream *stream, uint64_t series_id)
{
    struct tn_series_view view;
    if (!tn_exchange_series(stream->exchange, &view, series_id) || view.mark_micros < 0) {
        return risk_between(stream, 1, 200000);
    }
    tn_ticks middle = view.mark_micros / view.micros_per_tick;
    tn_ticks low = view.band_low_micros / view.micros_per_tick;
    tn_ticks high = view.band_high_micros / view.micros_per_tick;
    int64_t half = (high - low) / (risk_chance(stream, 70) ? 16 : 2) + 3;
    tn_ticks price = middle + risk_between(stream, -half, half);
    return price < 1 ? 1 : price;
}

/* Most orders are small, some are all that an account can bear, or more. */
static tn_lots some_quantity(struct risk_stream *stream)
{
    return risk_between(stream, 1, INT64_C(1) << risk_below(stream, 13));
}

/* Accounts lean to one side, so that positions grow to what margin admits. */
static void make_terms(struct risk_stream *stream, struct tn_order_terms *terms, uint32_t account)
{
    *terms = (struct tn_order_terms){.series_id = risk_series(stream),
                                     .quantity = some_quantity(stream),
                                     .fee_max_ppm = 100000,
                                     .label = (uint32_t)risk_below(stream, 3),
                                     .side = (uint8_t)risk_below(stream, 2),
                                     .stp = (uint8_t)risk_below(stream, 4)};
    if (risk_chance(stream, 60)) terms->side = (uint8_t)(account / 2 % 2);
    terms->price = near_mark(stream, terms->series_id);
    switch (risk_below(stream, 12)) {
        case 0: terms->tif = TN_IOC; return;
        case 1: terms->tif = TN_FOK; return;
        case 2: terms->post = TN_POST_REPRICE; return;
        case 3: terms->display = risk_between(stream, 1, terms->quantity); return;
        case 4: terms->reduce_only = 1; return;
        case 5:
            terms->trigger = near_mark(stream, terms->series_id);
            if (risk_chance(stream, 50)) return;
            terms->type = TN_MARKET;
            terms->tif = TN_IOC;
            terms->price = 0;
            return;
        case 6:
            terms->type = TN_MARKET;
            terms->tif = TN_IOC;
            terms->price = 0;
            return;
        case 7:
            terms->tif = TN_GTT;
            terms->until = stream->time_ms + risk_between(stream, 1, 5000);
            return;
        default: return;
    }
}

static struct tn_order_ref some_ref(struct risk_stream *stream, uint32_t account)
{
    const struct tn_books *books = tn_exchange_books(stream->exchange);
    const struct tn_resting *resting = tn_book_resting((struct tn_books *)(uintptr_t)books);
    for (uint32_t i = 0; i < 16; i++) {
        struct tn_series_view view;
        if (!tn_exchange_series(stream->exchange, &view, risk_series(stream))) continue;
        uint32_t slot = tn_book_front(books, view.book, (enum tn_side)risk_below(stream, 2));
        while (slot != TN_NONE && resting[slot].account != account)
            slot = tn_book_after(books, slot);
        if (slot != TN_NONE) return (struct tn_order_ref){.order_id = resting[slot].id};
    }
    return (struct tn_order_ref){.client_id = stream->client_id - risk_below(stream, 9)};
}

static void make_replace(struct risk_stream *stream, struct tn_command *command, uint32_t account)
{
    const struct tn_books *books = tn_exchange_books(stream->exchange);
    command->as.replace.ref = some_ref(stream, account);
    command->as.replace.price = near_mark(stream, risk_series(stream));
    command->as.replace.quantity = some_quantity(stream);
    uint32_t slot = tn_book_find(books, command->as.replace.ref.order_id);
    if (slot == TN_NONE) return;
    tn_ticks price = tn_book_resting((struct tn_books *)(uintptr_t)books)[slot].price;
    command->as.replace.price = price + risk_between(stream, -20, 20);
}

static void make_quotes(struct risk_stream *stream, struct tn_command *command)
{
    uint32_t count = (uint32_t)risk_between(stream, 1, 12);
    uint64_t begin = risk_below(stream, stream->series_count + 1);
    uint32_t made = 0;
    for (uint32_t i = 0; i < count && i < stream->series_count; i++) {
        struct tn_quote *quote = &stream->quotes[made];
        struct tn_series_view view;
        uint64_t id = stream->series[(begin + i) % stream->series_count];
        if (!tn_exchange_series(stream->exchange, &view, id)) continue;
        tn_ticks middle = near_mark(stream, id);
        tn_ticks half = risk_between(stream, 1, 1 + middle / 100);
        *quote = (struct tn_quote){.series_id = id,
                                   .bid_price = middle - half < 1 ? 1 : middle - half,
                                   .ask_price = middle + half,
                                   .bid_quantity = risk_between(stream, -1, 60),
                                   .ask_quantity = risk_between(stream, -1, 60)};
        made++;
    }
    command->as.mass_quote = (struct tn_mass_quote){.quotes = stream->quotes,
                                                    .quotes_count = made,
                                                    .fee_max_ppm = 100000,
                                                    .group = (uint8_t)risk_below(stream, 3),
                                                    .post_only = (uint8_t)risk_chance(stream, 40),
                                                    .stp = (uint8_t)risk_below(stream, 4)};
}

static void make_leg(struct risk_stream *stream, struct tn_leg *leg, tn_lots quantity_most)
{
    leg->series_id = risk_series(stream);
    leg->price = near_mark(stream, leg->series_id);
    leg->quantity = risk_between(stream, 1, quantity_most);
    leg->side = (uint8_t)risk_below(stream, 2);
}

static void make_package(struct risk_stream *stream, struct tn_package *package)
{
    *package = (struct tn_package){.legs_count = (uint32_t)risk_between(stream, 2, 4),
                                   .units = risk_between(stream, 1, 20),
                                   .fee_max_ppm = 100000,
                                   .tif = risk_chance(stream, 70) ? TN_IOC : TN_FOK};
    for (uint32_t i = 0; i < package->legs_count; i++)
        make_leg(stream, &package->legs[i], 3);
    package->limit_micros = INT64_C(1) << 40;
}

static void make_block(struct risk_stream *stream, struct tn_block_trade *block, uint32_t account)
{
    *block = (struct tn_block_trade){.legs_count = (uint32_t)risk_between(stream, 1, 4),
                                     .counterparty = some_account(stream),
                                     .counterparty_nonce = ++stream->nonce,
                                     .expires_ms = INT64_MAX,
                                     .fee_max_ppm = 100000};
    for (uint32_t i = 0; i < block->legs_count; i++) {
        make_leg(stream, &block->legs[i], some_quantity(stream));
        if (risk_chance(stream, 60)) block->legs[i].side = (uint8_t)(account / 2 % 2);
    }
}

static void make_money(struct risk_stream *stream, struct tn_command *command, uint32_t account)
{
    struct tn_account_view view;
    bool known = tn_exchange_account(stream->exchange, &view, account);
    tn_micros most = known && view.cash > 1 ? view.cash : 1000 * RISK_DOLLAR;
    command->as.money.to_account = (account + stream->owners) % (stream->accounts + 1);
    if (risk_chance(stream, 20)) command->as.money.to_account = some_account(stream);
    command->as.money.asset = risk_chance(stream, 70) ? 0 : (uint32_t)risk_below(stream, 4);
    command->as.money.amount = risk_between(stream, 1, risk_chance(stream, 50) ? most / 50 : most);
    if (command->as.money.amount < 1) command->as.money.amount = 1;
    if (command->as.money.asset == 1) command->as.money.amount %= 500000;
}

/* Whoever is in auction, or anybody. */
static void make_bid(struct risk_stream *stream, struct tn_bid *bid)
{
    struct tn_account_risk_view view;
    uint32_t count = tn_exchange_accounts_count(stream->exchange);
    uint32_t first = (uint32_t)risk_below(stream, count);
    *bid = (struct tn_bid){.account = first, .state = TN_LIQUIDATION_AUCTION};
    for (uint32_t i = 0; i < count; i++) {
        uint32_t account = (first + i) % count;
        if (!tn_exchange_account_risk(stream->exchange, &view, account)) continue;
        if (view.liquidation != TN_LIQUIDATION_AUCTION &&
            view.liquidation != TN_LIQUIDATION_INSOLVENT) {
            continue;
        }
        bid->account = account;
        bid->state = view.liquidation;
        break;
    }
    if (risk_chance(stream, 8)) bid->state ^= 1;
    bid->share_ppb = risk_chance(stream, 40) ? 1000000000 : risk_between(stream, 0, 400000000);
    bid->price_most = risk_chance(stream, 85) ? INT64_C(1) << 50 : -1;
}

static void make_mmp(struct risk_stream *stream, struct tn_mmp_set *terms)
{
    *terms = (struct tn_mmp_set){.interval_ms = risk_between(stream, 1, 5000),
                                 .freeze_ms = risk_between(stream, 0, 1000),
                                 .quantity_limit = risk_between(stream, 0, 120),
                                 .trades_limit = (uint32_t)risk_below(stream, 5),
                                 .group = (uint8_t)risk_between(stream, 1, 2)};
}

static void make_command(struct risk_stream *stream, struct tn_command *command, uint32_t account)
{
    static const uint8_t WEIGHTS[16] = {0, 90, 6, 8, 5, 1, 20, 3, 3, 1, 9, 24, 5, 8, 3, 8};
    *command = (struct tn_command){.kind = (uint8_t)risk_weighted(stream, WEIGHTS, 16)};
    if (risk_chance(stream, 40)) command->client_id = ++stream->client_id;
    switch ((enum tn_command_kind)command->kind) {
        case TN_COMMAND_PLACE: make_terms(stream, &command->as.terms[0], account); return;
        case TN_COMMAND_PLACE_OCO:
            make_terms(stream, &command->as.terms[0], account);
            command->as.terms[1] = command->as.terms[0];
            command->as.terms[1].trigger = near_mark(stream, command->as.terms[0].series_id);
            return;
        case TN_COMMAND_REPLACE: make_replace(stream, command, account); return;
        case TN_COMMAND_CANCEL: command->as.cancel = some_ref(stream, account); return;
        case TN_COMMAND_MASS_CANCEL:
            command->as.mass_cancel.by = risk_chance(stream, 50) ? 0 : TN_BY_SIDE;
            command->as.mass_cancel.side = (uint8_t)risk_below(stream, 2);
            return;
        case TN_COMMAND_MASS_QUOTE: make_quotes(stream, command); return;
        case TN_COMMAND_MMP_SET: make_mmp(stream, &command->as.mmp_set); return;
        case TN_COMMAND_MMP_RESET:
        case TN_COMMAND_MMP_CANCEL:
            command->as.mmp_group = (uint8_t)risk_between(stream, 1, 3);
            return;
        case TN_COMMAND_PACKAGE: make_package(stream, &command->as.package); return;
        case TN_COMMAND_BLOCK_TRADE: make_block(stream, &command->as.block_trade, account); return;
        case TN_COMMAND_TRANSFER:
        case TN_COMMAND_WITHDRAW: make_money(stream, command, account); return;
        case TN_COMMAND_MODEL: command->as.model = (uint8_t)risk_below(stream, 21) % 3; return;
        case TN_COMMAND_BID: make_bid(stream, &command->as.bid); return;
        case TN_COMMAND_REMIT: return; /* refused: a lone exchange knows no other market */
    }
}

void risk_frame(struct risk_stream *stream, struct tn_entry *entry)
{
    uint32_t account = some_account(stream);
    uint32_t count = risk_chance(stream, 85) ? 1 : 2;
    for (uint32_t i = 0; i < count; i++) {
        make_command(stream, &stream->commands[i], account);
        if (stream->commands[i].kind == TN_COMMAND_MASS_QUOTE) count = i + 1;
    }
    if (stream->commands[0].kind == TN_COMMAND_PLACE && risk_chance(stream, 2)) {
        struct tn_order_terms *terms = &stream->commands[0].as.terms[0];
        bool is_price = risk_chance(stream, 50); /* first: the same entries from any compiler */
        *(is_price ? &terms->price : &terms->quantity) = risk_odd_number(stream);
    }
    entry->kind = TN_ENTRY_FRAME;
    entry->as.frame.commands = stream->commands;
    entry->as.frame.commands_count = count;
    entry->as.frame.account = account;
    entry->as.frame.nonce = ++stream->nonce;
    entry->as.frame.valid_until_block = UINT64_MAX;
}
