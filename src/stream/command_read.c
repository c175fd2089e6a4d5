/* Bytes as the commands of a frame (stream.md §2): command_write.c in the other direction. Each
 * kind asks once whether what it always has is there, and once more for what repeats. Quotes go to
 * the scratch one behind the other; they cannot outgrow it, as an entry cannot hold more of them.
 */
#include "stream/internal.h"

static void get_terms(struct reader *reader, struct tn_order_terms *terms)
{
    terms->series_id = get_u64(reader);
    terms->price = get_i64(reader);
    terms->quantity = get_i64(reader);
    terms->display = get_i64(reader);
    terms->trigger = get_i64(reader);
    terms->until = get_i64(reader);
    terms->fee_max_ppm = get_i32(reader);
    terms->label = get_u32(reader);
    terms->side = get_u8(reader);
    terms->type = get_u8(reader);
    terms->tif = get_u8(reader);
    terms->post = get_u8(reader);
    terms->reduce_only = get_u8(reader);
    terms->stp = get_u8(reader);
}

static void get_ref(struct reader *reader, struct tn_order_ref *ref)
{
    ref->order_id = get_u64(reader);
    ref->client_id = get_u64(reader);
}

static void get_mass_cancel(struct reader *reader, struct tn_mass_cancel *cancel)
{
    cancel->series_id = get_u64(reader);
    cancel->label = get_u32(reader);
    cancel->underlying = get_u16(reader);
    cancel->expiry_day = get_u16(reader);
    cancel->side = get_u8(reader);
    cancel->by = get_u8(reader);
}

static bool get_mass_quote(struct reader *reader, struct tn_mass_quote *asked,
                           struct tn_stream_scratch *scratch, uint32_t *quotes_count)
{
    asked->fee_max_ppm = get_i32(reader);
    asked->label = get_u32(reader);
    asked->group = get_u8(reader);
    asked->post_only = get_u8(reader);
    asked->stp = get_u8(reader);
    size_t at = reader->at;
    asked->quotes_count = get_u16(reader);
    if (asked->quotes_count > TN_QUOTES_CODE_MAX) return refuse(reader, at, "too many quotes");
    if (!need(reader, (size_t)asked->quotes_count * TN_QUOTE_BYTES)) return false;
    TN_ASSERT(*quotes_count + asked->quotes_count <= TN_QUOTES_FRAME_MAX);
    struct tn_quote *quotes = &scratch->as.frame.quotes[*quotes_count];
    for (uint32_t i = 0; i < asked->quotes_count; i++) {
        quotes[i].series_id = get_u64(reader);
        quotes[i].bid_price = get_i64(reader);
        quotes[i].ask_price = get_i64(reader);
        quotes[i].bid_quantity = get_i64(reader);
        quotes[i].ask_quantity = get_i64(reader);
    }
    asked->quotes = quotes;
    *quotes_count += asked->quotes_count;
    return true;
}

static void get_mmp_set(struct reader *reader, struct tn_mmp_set *set)
{
    set->interval_ms = get_i64(reader);
    set->freeze_ms = get_i64(reader);
    set->quantity_limit = get_i64(reader);
    set->delta_limit = get_i64(reader);
    set->vega_limit_micros = get_i64(reader);
    set->trades_limit = get_u32(reader);
    set->group = get_u8(reader);
}

/* The count of legs, and whether they are all there. */
static bool get_legs_count(struct reader *reader, uint32_t *count, size_t leg_bytes)
{
    size_t at = reader->at;
    *count = get_u8(reader);
    if (*count > TN_PACKAGE_LEGS_MAX) return refuse(reader, at, "more than 8 legs");
    return need(reader, *count * leg_bytes);
}

static bool get_package(struct reader *reader, struct tn_package *package)
{
    package->units = get_i64(reader);
    package->limit_micros = get_i64(reader);
    package->fee_max_ppm = get_i32(reader);
    package->tif = get_u8(reader);
    if (!get_legs_count(reader, &package->legs_count, PACKAGE_LEG_BYTES)) return false;
    for (uint32_t i = 0; i < package->legs_count; i++) {
        package->legs[i].series_id = get_u64(reader);
        package->legs[i].quantity = get_i64(reader);
        package->legs[i].side = get_u8(reader);
    }
    return true;
}

static bool get_block_trade(struct reader *reader, struct tn_block_trade *block)
{
    block->counterparty = get_u32(reader);
    block->counterparty_nonce = get_u64(reader);
    block->expires_ms = get_i64(reader);
    block->fee_max_ppm = get_i32(reader);
    if (!get_legs_count(reader, &block->legs_count, BLOCK_LEG_BYTES)) return false;
    for (uint32_t i = 0; i < block->legs_count; i++) {
        block->legs[i].series_id = get_u64(reader);
        block->legs[i].price = get_i64(reader);
        block->legs[i].quantity = get_i64(reader);
        block->legs[i].side = get_u8(reader);
    }
    return true;
}

static void get_money(struct reader *reader, struct tn_command *command)
{
    if (command->kind == TN_COMMAND_TRANSFER) command->as.money.to_account = get_u32(reader);
    command->as.money.asset = get_u32(reader);
    command->as.money.amount = get_i64(reader);
}

static void get_remit(struct reader *reader, struct tn_command *command)
{
    command->as.remit.to_market = get_u32(reader);
    command->as.remit.to_account = get_u32(reader);
    command->as.remit.amount = get_i64(reader);
}

static void get_bid(struct reader *reader, struct tn_bid *bid)
{
    bid->account = get_u32(reader);
    bid->state = get_u8(reader);
    bid->share_ppb = get_i64(reader);
    bid->price_most = get_i64(reader);
}

/* What a kind always has is there. */
static bool get_body(struct reader *reader, struct tn_command *command,
                     struct tn_stream_scratch *scratch, uint32_t *quotes_count)
{
    switch ((enum tn_command_kind)command->kind) {
        case TN_COMMAND_PLACE: get_terms(reader, &command->as.terms[0]); return true;
        case TN_COMMAND_PLACE_OCO:
            get_terms(reader, &command->as.terms[0]);
            get_terms(reader, &command->as.terms[1]);
            return true;
        case TN_COMMAND_REPLACE:
            get_ref(reader, &command->as.replace.ref);
            command->as.replace.price = get_i64(reader);
            command->as.replace.quantity = get_i64(reader);
            return true;
        case TN_COMMAND_CANCEL: get_ref(reader, &command->as.cancel); return true;
        case TN_COMMAND_MASS_CANCEL: get_mass_cancel(reader, &command->as.mass_cancel); return true;
        case TN_COMMAND_MASS_QUOTE:
            return get_mass_quote(reader, &command->as.mass_quote, scratch, quotes_count);
        case TN_COMMAND_MMP_SET: get_mmp_set(reader, &command->as.mmp_set); return true;
        case TN_COMMAND_MMP_RESET:
        case TN_COMMAND_MMP_CANCEL: command->as.mmp_group = get_u8(reader); return true;
        case TN_COMMAND_PACKAGE: return get_package(reader, &command->as.package);
        case TN_COMMAND_BLOCK_TRADE: return get_block_trade(reader, &command->as.block_trade);
        case TN_COMMAND_TRANSFER:
        case TN_COMMAND_WITHDRAW: get_money(reader, command); return true;
        case TN_COMMAND_MODEL: command->as.model = get_u8(reader); return true;
        case TN_COMMAND_BID: get_bid(reader, &command->as.bid); return true;
        case TN_COMMAND_REMIT: get_remit(reader, command); return true;
    }
    TN_ASSERT(false); /* it has a size */
}

bool tn_stream_get_command(struct reader *reader, struct tn_command *command,
                           struct tn_stream_scratch *scratch, uint32_t *quotes_count)
{
    size_t begin = reader->at;
    if (!need(reader, COMMAND_HEAD_BYTES)) return false;
    memset(command, 0, sizeof(*command));
    command->client_id = get_u64(reader);
    command->kind = get_u8(reader);
    uint32_t fixed = command_fixed_bytes(command->kind);
    if (fixed == 0) return refuse(reader, reader->at - 1, "no such kind of command");
    if (!need(reader, fixed)) return false;
    if (!get_body(reader, command, scratch, quotes_count)) return false;
    TN_ASSERT(reader->at >= begin + COMMAND_HEAD_BYTES + fixed);
    return true;
}
