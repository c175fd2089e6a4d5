/* exchange_commands: builders of commands. A plain limit order first; then words that change one
 * thing each, so that a test reads as the order it sends: ioc(limit(BUY, market.call, 1000, 5)). */
#ifndef EXCHANGE_COMMANDS_H
#define EXCHANGE_COMMANDS_H

#include "exchange_case.h"

#define BUY  TN_BUY
#define SELL TN_SELL

static inline struct tn_command limit(enum tn_side side, uint64_t series, tn_ticks price,
                                      tn_lots quantity)
{
    struct tn_command command = {.kind = TN_COMMAND_PLACE};
    command.as.terms[0] = (struct tn_order_terms){
        .series_id = series, .price = price, .quantity = quantity, .side = (uint8_t)side};
    return command;
}

static inline struct tn_command ioc(struct tn_command command)
{
    command.as.terms[0].tif = TN_IOC;
    return command;
}

static inline struct tn_command fok(struct tn_command command)
{
    command.as.terms[0].tif = TN_FOK;
    return command;
}

/* Protection price 0: the edge of the band. */
static inline struct tn_command at_market(enum tn_side side, uint64_t series, tn_ticks protection,
                                          tn_lots quantity)
{
    struct tn_command command = ioc(limit(side, series, protection, quantity));
    command.as.terms[0].type = TN_MARKET;
    return command;
}

static inline struct tn_command until_block(struct tn_command command, int64_t height)
{
    command.as.terms[0].tif = TN_GTB;
    command.as.terms[0].until = height;
    return command;
}

static inline struct tn_command until_time(struct tn_command command, int64_t time_ms)
{
    command.as.terms[0].tif = TN_GTT;
    command.as.terms[0].until = time_ms;
    return command;
}

static inline struct tn_command post(struct tn_command command, enum tn_post mode)
{
    command.as.terms[0].post = (uint8_t)mode;
    return command;
}

static inline struct tn_command reducing(struct tn_command command)
{
    command.as.terms[0].reduce_only = 1;
    return command;
}

static inline struct tn_command showing(struct tn_command command, tn_lots display)
{
    command.as.terms[0].display = display;
    return command;
}

static inline struct tn_command stop_at(struct tn_command command, tn_ticks trigger)
{
    command.as.terms[0].trigger = trigger;
    return command;
}

static inline struct tn_command with_stp(struct tn_command command, enum tn_stp stp)
{
    command.as.terms[0].stp = (uint8_t)stp;
    return command;
}

static inline struct tn_command labelled(struct tn_command command, uint32_t label)
{
    command.as.terms[0].label = label;
    return command;
}

static inline struct tn_command fee_up_to(struct tn_command command, int32_t fee_max_ppm)
{
    command.as.terms[0].fee_max_ppm = fee_max_ppm;
    return command;
}

static inline struct tn_command under_id(struct tn_command command, uint64_t client_id)
{
    command.client_id = client_id;
    return command;
}

/* The first order rests, the second is its stop. */
static inline struct tn_command oco(struct tn_command first, struct tn_command second)
{
    first.kind = TN_COMMAND_PLACE_OCO;
    first.as.terms[1] = second.as.terms[0];
    return first;
}

static inline struct tn_command replace(uint64_t order_id, tn_ticks price, tn_lots quantity)
{
    struct tn_command command = {.kind = TN_COMMAND_REPLACE};
    command.as.replace.ref.order_id = order_id;
    command.as.replace.price = price;
    command.as.replace.quantity = quantity;
    return command;
}

static inline struct tn_command cancel(uint64_t order_id)
{
    struct tn_command command = {.kind = TN_COMMAND_CANCEL};
    command.as.cancel.order_id = order_id;
    return command;
}

static inline struct tn_command mass_cancel(struct tn_mass_cancel what)
{
    struct tn_command command = {.kind = TN_COMMAND_MASS_CANCEL};
    command.as.mass_cancel = what;
    return command;
}

static inline struct tn_quote two_sided(uint64_t series, tn_ticks bid, tn_lots bid_lots,
                                        tn_ticks ask, tn_lots ask_lots)
{
    return (struct tn_quote){.series_id = series,
                             .bid_price = bid,
                             .ask_price = ask,
                             .bid_quantity = bid_lots,
                             .ask_quantity = ask_lots};
}

/* The quotes stay the caller's. */
static inline struct tn_command mass_quote(const struct tn_quote *quotes, uint32_t quotes_count,
                                           uint8_t group)
{
    struct tn_command command = {.kind = TN_COMMAND_MASS_QUOTE};
    command.as.mass_quote =
        (struct tn_mass_quote){.quotes = quotes, .quotes_count = quotes_count, .group = group};
    return command;
}

static inline struct tn_command protection(uint8_t group, tn_lots quantity_limit,
                                           uint32_t trades_limit, int64_t interval_ms,
                                           int64_t freeze_ms)
{
    struct tn_command command = {.kind = TN_COMMAND_MMP_SET};
    command.as.mmp_set = (struct tn_mmp_set){.interval_ms = interval_ms,
                                             .freeze_ms = freeze_ms,
                                             .quantity_limit = quantity_limit,
                                             .trades_limit = trades_limit,
                                             .group = group};
    return command;
}

static inline struct tn_command protection_reset(uint8_t group)
{
    struct tn_command command = {.kind = TN_COMMAND_MMP_RESET};
    command.as.mmp_group = group;
    return command;
}

static inline struct tn_command protection_cancel(uint8_t group)
{
    struct tn_command command = {.kind = TN_COMMAND_MMP_CANCEL};
    command.as.mmp_group = group;
    return command;
}

static inline struct tn_leg leg(enum tn_side side, uint64_t series, tn_lots quantity,
                                tn_ticks price)
{
    return (struct tn_leg){
        .series_id = series, .price = price, .quantity = quantity, .side = (uint8_t)side};
}

static inline struct tn_command package(enum tn_tif tif, int64_t units, tn_micros limit_micros,
                                        const struct tn_leg *legs, uint32_t legs_count)
{
    struct tn_command command = {.kind = TN_COMMAND_PACKAGE};
    command.as.package = (struct tn_package){.legs_count = legs_count,
                                             .units = units,
                                             .limit_micros = limit_micros,
                                             .tif = (uint8_t)tif};
    for (uint32_t i = 0; i < legs_count && i < TN_PACKAGE_LEGS_MAX; i++)
        command.as.package.legs[i] = legs[i];
    return command;
}

static inline struct tn_command block_trade(uint32_t counterparty, uint64_t counterparty_nonce,
                                            const struct tn_leg *legs, uint32_t legs_count)
{
    struct tn_command command = {.kind = TN_COMMAND_BLOCK_TRADE};
    command.as.block_trade = (struct tn_block_trade){.legs_count = legs_count,
                                                     .counterparty = counterparty,
                                                     .counterparty_nonce = counterparty_nonce,
                                                     .expires_ms = INT64_MAX};
    for (uint32_t i = 0; i < legs_count && i < TN_PACKAGE_LEGS_MAX; i++)
        command.as.block_trade.legs[i] = legs[i];
    return command;
}

static inline struct tn_command transfer(uint32_t to_account, uint32_t asset, tn_micros amount)
{
    struct tn_command command = {.kind = TN_COMMAND_TRANSFER};
    command.as.money.to_account = to_account;
    command.as.money.asset = asset;
    command.as.money.amount = amount;
    return command;
}

static inline struct tn_command withdraw(uint32_t asset, tn_micros amount)
{
    struct tn_command command = transfer(0, asset, amount);
    command.kind = TN_COMMAND_WITHDRAW;
    return command;
}

#endif
