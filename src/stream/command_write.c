/* The commands of a frame as bytes (stream.md §2). A command is its client id, its kind and what
 * its kind reads; command_read.c is the same in the other direction, kind by kind. What repeats
 * (quotes, legs) stands last, behind its count. The bytes are counted before one is written, and
 * afterwards what was written is held against the count. */
#include "stream/internal.h"

/* What repeats in a command; false when there is more than the layout or the arrays hold. */
static bool repeated_bytes(size_t *bytes, const struct tn_command *command)
{
    uint32_t count = 0, count_max = 0, each = 0;
    bool there = true;
    if (command->kind == TN_COMMAND_MASS_QUOTE) {
        count = command->as.mass_quote.quotes_count;
        count_max = TN_QUOTES_CODE_MAX;
        each = TN_QUOTE_BYTES;
        there = command->as.mass_quote.quotes != NULL;
    } else if (command->kind == TN_COMMAND_PACKAGE) {
        count = command->as.package.legs_count;
        count_max = TN_PACKAGE_LEGS_MAX;
        each = PACKAGE_LEG_BYTES;
    } else if (command->kind == TN_COMMAND_BLOCK_TRADE) {
        count = command->as.block_trade.legs_count;
        count_max = TN_PACKAGE_LEGS_MAX;
        each = BLOCK_LEG_BYTES;
    }
    *bytes = (size_t)count * each;
    return count <= count_max && (count == 0 || there);
}

size_t tn_stream_command_bytes(const struct tn_command *command)
{
    size_t fixed = command_fixed_bytes(command->kind), repeated;
    if (fixed == 0 || !repeated_bytes(&repeated, command)) return 0;
    return COMMAND_HEAD_BYTES + fixed + repeated;
}

static void put_terms(struct writer *writer, const struct tn_order_terms *terms)
{
    put_u64(writer, terms->series_id);
    put_i64(writer, terms->price);
    put_i64(writer, terms->quantity);
    put_i64(writer, terms->display);
    put_i64(writer, terms->trigger);
    put_i64(writer, terms->until);
    put_i32(writer, terms->fee_max_ppm);
    put_u32(writer, terms->label);
    put_u8(writer, terms->side);
    put_u8(writer, terms->type);
    put_u8(writer, terms->tif);
    put_u8(writer, terms->post);
    put_u8(writer, terms->reduce_only);
    put_u8(writer, terms->stp);
}

static void put_ref(struct writer *writer, const struct tn_order_ref *ref)
{
    put_u64(writer, ref->order_id);
    put_u64(writer, ref->client_id);
}

static void put_mass_cancel(struct writer *writer, const struct tn_mass_cancel *cancel)
{
    put_u64(writer, cancel->series_id);
    put_u32(writer, cancel->label);
    put_u16(writer, cancel->underlying);
    put_u16(writer, cancel->expiry_day);
    put_u8(writer, cancel->side);
    put_u8(writer, cancel->by);
}

static void put_mass_quote(struct writer *writer, const struct tn_mass_quote *asked)
{
    put_i32(writer, asked->fee_max_ppm);
    put_u32(writer, asked->label);
    put_u8(writer, asked->group);
    put_u8(writer, asked->post_only);
    put_u8(writer, asked->stp);
    put_u16(writer, (uint16_t)asked->quotes_count);
    for (uint32_t i = 0; i < asked->quotes_count; i++) {
        const struct tn_quote *quote = &asked->quotes[i];
        put_u64(writer, quote->series_id);
        put_i64(writer, quote->bid_price);
        put_i64(writer, quote->ask_price);
        put_i64(writer, quote->bid_quantity);
        put_i64(writer, quote->ask_quantity);
    }
}

static void put_mmp_set(struct writer *writer, const struct tn_mmp_set *set)
{
    put_i64(writer, set->interval_ms);
    put_i64(writer, set->freeze_ms);
    put_i64(writer, set->quantity_limit);
    put_i64(writer, set->delta_limit);
    put_i64(writer, set->vega_limit_micros);
    put_u32(writer, set->trades_limit);
    put_u8(writer, set->group);
}

static void put_package(struct writer *writer, const struct tn_package *package)
{
    put_i64(writer, package->units);
    put_i64(writer, package->limit_micros);
    put_i32(writer, package->fee_max_ppm);
    put_u8(writer, package->tif);
    put_u8(writer, (uint8_t)package->legs_count);
    for (uint32_t i = 0; i < package->legs_count; i++) {
        put_u64(writer, package->legs[i].series_id);
        put_i64(writer, package->legs[i].quantity);
        put_u8(writer, package->legs[i].side);
    }
}

static void put_block_trade(struct writer *writer, const struct tn_block_trade *block)
{
    put_u32(writer, block->counterparty);
    put_u64(writer, block->counterparty_nonce);
    put_i64(writer, block->expires_ms);
    put_i32(writer, block->fee_max_ppm);
    put_u8(writer, (uint8_t)block->legs_count);
    for (uint32_t i = 0; i < block->legs_count; i++) {
        put_u64(writer, block->legs[i].series_id);
        put_i64(writer, block->legs[i].price);
        put_i64(writer, block->legs[i].quantity);
        put_u8(writer, block->legs[i].side);
    }
}

static void put_money(struct writer *writer, const struct tn_command *command)
{
    if (command->kind == TN_COMMAND_TRANSFER) put_u32(writer, command->as.money.to_account);
    put_u32(writer, command->as.money.asset);
    put_i64(writer, command->as.money.amount);
}

static void put_remit(struct writer *writer, const struct tn_command *command)
{
    put_u32(writer, command->as.remit.to_market);
    put_u32(writer, command->as.remit.to_account);
    put_i64(writer, command->as.remit.amount);
}

static void put_bid(struct writer *writer, const struct tn_bid *bid)
{
    put_u32(writer, bid->account);
    put_u8(writer, bid->state);
    put_i64(writer, bid->share_ppb);
    put_i64(writer, bid->price_most);
}

static void put_body(struct writer *writer, const struct tn_command *command)
{
    switch ((enum tn_command_kind)command->kind) {
        case TN_COMMAND_PLACE: put_terms(writer, &command->as.terms[0]); return;
        case TN_COMMAND_PLACE_OCO:
            put_terms(writer, &command->as.terms[0]);
            put_terms(writer, &command->as.terms[1]);
            return;
        case TN_COMMAND_REPLACE:
            put_ref(writer, &command->as.replace.ref);
            put_i64(writer, command->as.replace.price);
            put_i64(writer, command->as.replace.quantity);
            return;
        case TN_COMMAND_CANCEL: put_ref(writer, &command->as.cancel); return;
        case TN_COMMAND_MASS_CANCEL: put_mass_cancel(writer, &command->as.mass_cancel); return;
        case TN_COMMAND_MASS_QUOTE: put_mass_quote(writer, &command->as.mass_quote); return;
        case TN_COMMAND_MMP_SET: put_mmp_set(writer, &command->as.mmp_set); return;
        case TN_COMMAND_MMP_RESET:
        case TN_COMMAND_MMP_CANCEL: put_u8(writer, command->as.mmp_group); return;
        case TN_COMMAND_PACKAGE: put_package(writer, &command->as.package); return;
        case TN_COMMAND_BLOCK_TRADE: put_block_trade(writer, &command->as.block_trade); return;
        case TN_COMMAND_TRANSFER:
        case TN_COMMAND_WITHDRAW: put_money(writer, command); return;
        case TN_COMMAND_MODEL: put_u8(writer, command->as.model); return;
        case TN_COMMAND_BID: put_bid(writer, &command->as.bid); return;
        case TN_COMMAND_REMIT: put_remit(writer, command); return;
    }
    TN_ASSERT(false); /* its size was asked for before */
}

void tn_stream_put_command(struct writer *writer, const struct tn_command *command)
{
    put_u64(writer, command->client_id);
    put_u8(writer, command->kind);
    put_body(writer, command);
}
