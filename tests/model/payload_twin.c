/* protobuf-c's answer as commands, field by field, from the structs that protoc-c makes of
 * proto/tenor/v1/trader.proto. It shares nothing with src/stream: no table, no varint. A number
 * that does not fit where it belongs, or a part that is not there, makes the bytes no payload. */
#include "payload_twin.h"

#include "tenor/v1/trader.pb-c.h"

#include <stdlib.h>
#include <string.h>

/* False once anything did not fit. */
static bool fits;

static uint64_t narrow(uint64_t value, uint64_t value_max)
{
    if (value > value_max) fits = false;
    return value;
}

#define U8(value)  ((uint8_t)narrow((uint64_t)(value), UINT8_MAX))
#define U16(value) ((uint16_t)narrow((uint64_t)(value), UINT16_MAX))

static bool knows_all(const ProtobufCMessage *message)
{
    if (message->n_unknown_fields > 0) fits = false;
    return fits;
}

static void take_terms(struct tn_order_terms *terms, const Tenor__V1__Terms *from)
{
    if (from == NULL) {
        fits = false;
        return;
    }
    knows_all(&from->base);
    terms->series_id = from->series_id;
    terms->price = from->price;
    terms->quantity = from->quantity;
    terms->display = from->display;
    terms->trigger = from->trigger;
    terms->until = from->until;
    terms->fee_max_ppm = from->fee_max_ppm;
    terms->label = from->label;
    terms->side = U8(from->side);
    terms->type = U8(from->type);
    terms->tif = U8(from->tif);
    terms->post = U8(from->post);
    terms->reduce_only = U8(from->reduce_only);
    terms->stp = U8(from->self_trade);
}

static void take_mass_cancel(struct tn_mass_cancel *cancel, const Tenor__V1__MassCancel *from)
{
    knows_all(&from->base);
    cancel->series_id = from->series_id;
    cancel->label = from->label;
    cancel->underlying = U16(from->underlying);
    cancel->expiry_day = U16(from->expiry_day);
    cancel->side = U8(from->side);
    cancel->by = U8(from->by);
}

static void take_mass_quote(struct payload_twin *twin, struct tn_mass_quote *asked,
                            const Tenor__V1__MassQuote *from)
{
    knows_all(&from->base);
    asked->fee_max_ppm = from->fee_max_ppm;
    asked->label = from->label;
    asked->group = U8(from->group);
    asked->post_only = U8(from->post_only);
    asked->stp = U8(from->self_trade);
    if (from->n_quotes > TN_QUOTES_MAX ||
        from->n_quotes > TN_PAYLOAD_QUOTES_MAX - twin->quotes_count) {
        fits = false;
        return;
    }
    asked->quotes = &twin->quotes[twin->quotes_count];
    asked->quotes_count = (uint32_t)from->n_quotes;
    for (size_t i = 0; i < from->n_quotes; i++) {
        struct tn_quote *quote = &twin->quotes[twin->quotes_count++];
        knows_all(&from->quotes[i]->base);
        quote->series_id = from->quotes[i]->series_id;
        quote->bid_price = from->quotes[i]->bid_price;
        quote->ask_price = from->quotes[i]->ask_price;
        quote->bid_quantity = from->quotes[i]->bid_quantity;
        quote->ask_quantity = from->quotes[i]->ask_quantity;
    }
}

static void take_mmp_set(struct tn_mmp_set *set, const Tenor__V1__MmpSet *from)
{
    knows_all(&from->base);
    set->interval_ms = from->interval_ms;
    set->freeze_ms = from->freeze_ms;
    set->quantity_limit = from->quantity_limit;
    set->delta_limit = from->delta_limit;
    set->vega_limit_micros = from->vega_limit_micros;
    set->trades_limit = from->trades_limit;
    set->group = U8(from->group);
}

static void take_package(struct tn_package *package, const Tenor__V1__Package *from)
{
    knows_all(&from->base);
    package->units = from->units;
    package->limit_micros = from->limit_micros;
    package->fee_max_ppm = from->fee_max_ppm;
    package->tif = U8(from->tif);
    if (from->n_legs > TN_PACKAGE_LEGS_MAX) {
        fits = false;
        return;
    }
    package->legs_count = (uint32_t)from->n_legs;
    for (size_t i = 0; i < from->n_legs; i++) {
        knows_all(&from->legs[i]->base);
        package->legs[i].series_id = from->legs[i]->series_id;
        package->legs[i].quantity = from->legs[i]->quantity;
        package->legs[i].side = U8(from->legs[i]->side);
    }
}

static void take_block_trade(struct tn_block_trade *block, uint8_t signature[TN_SIGNATURE_SIZE],
                             const Tenor__V1__BlockTrade *from)
{
    knows_all(&from->base);
    block->counterparty = from->counterparty;
    block->counterparty_nonce = from->counterparty_nonce;
    block->expires_ms = from->expires_ms;
    block->fee_max_ppm = from->fee_max_ppm;
    block->counterparty_session = from->counterparty_session;
    if (from->counterparty_signature.len == TN_SIGNATURE_SIZE) {
        memcpy(signature, from->counterparty_signature.data, TN_SIGNATURE_SIZE);
        block->counterparty_signature = signature;
    } else if (from->counterparty_signature.len != 0) {
        fits = false;
    }
    if (from->n_legs > TN_PACKAGE_LEGS_MAX) {
        fits = false;
        return;
    }
    block->legs_count = (uint32_t)from->n_legs;
    for (size_t i = 0; i < from->n_legs; i++) {
        knows_all(&from->legs[i]->base);
        block->legs[i].series_id = from->legs[i]->series_id;
        block->legs[i].price = from->legs[i]->price;
        block->legs[i].quantity = from->legs[i]->quantity;
        block->legs[i].side = U8(from->legs[i]->side);
    }
}

/* Kinds without a list. */
static void take_small(struct tn_command *command, const Tenor__V1__Command *from)
{
    switch (command->kind) {
        case TN_COMMAND_REPLACE:
            knows_all(&from->replace->base);
            command->as.replace.ref.order_id = from->replace->order_id;
            command->as.replace.ref.client_id = from->replace->client_id;
            command->as.replace.price = from->replace->price;
            command->as.replace.quantity = from->replace->quantity;
            return;
        case TN_COMMAND_CANCEL:
            knows_all(&from->cancel->base);
            command->as.cancel.order_id = from->cancel->order_id;
            command->as.cancel.client_id = from->cancel->client_id;
            return;
        case TN_COMMAND_MMP_RESET:
            knows_all(&from->mmp_reset->base);
            command->as.mmp_group = U8(from->mmp_reset->group);
            return;
        case TN_COMMAND_MMP_CANCEL:
            knows_all(&from->mmp_cancel->base);
            command->as.mmp_group = U8(from->mmp_cancel->group);
            return;
        case TN_COMMAND_TRANSFER:
            knows_all(&from->transfer->base);
            command->as.money.to_account = from->transfer->to_account;
            command->as.money.asset = from->transfer->asset;
            command->as.money.amount = from->transfer->amount;
            return;
        case TN_COMMAND_WITHDRAW:
            knows_all(&from->withdraw->base);
            command->as.money.asset = from->withdraw->asset;
            command->as.money.amount = from->withdraw->amount;
            return;
        case TN_COMMAND_MODEL:
            knows_all(&from->model->base);
            command->as.model = U8(from->model->model);
            return;
        case TN_COMMAND_BID:
            knows_all(&from->bid->base);
            command->as.bid.account = from->bid->account;
            command->as.bid.state = U8(from->bid->state);
            command->as.bid.share_ppb = from->bid->share_ppb;
            command->as.bid.price_most = from->bid->price_most;
            return;
        case TN_COMMAND_REMIT:
            knows_all(&from->remit->base);
            command->as.remit.to_market = from->remit->to_market;
            command->as.remit.to_account = from->remit->to_account;
            command->as.remit.amount = from->remit->amount;
            return;
        default: fits = false; return;
    }
}

/* The kind of the stream for each of the file's; 0: none is set. */
static uint8_t kind_of(uint32_t which)
{
    static const uint8_t KINDS[] = {
        [TENOR__V1__COMMAND__KIND_PLACE] = TN_COMMAND_PLACE,
        [TENOR__V1__COMMAND__KIND_PLACE_OCO] = TN_COMMAND_PLACE_OCO,
        [TENOR__V1__COMMAND__KIND_REPLACE] = TN_COMMAND_REPLACE,
        [TENOR__V1__COMMAND__KIND_CANCEL] = TN_COMMAND_CANCEL,
        [TENOR__V1__COMMAND__KIND_MASS_CANCEL] = TN_COMMAND_MASS_CANCEL,
        [TENOR__V1__COMMAND__KIND_MASS_QUOTE] = TN_COMMAND_MASS_QUOTE,
        [TENOR__V1__COMMAND__KIND_MMP_SET] = TN_COMMAND_MMP_SET,
        [TENOR__V1__COMMAND__KIND_MMP_RESET] = TN_COMMAND_MMP_RESET,
        [TENOR__V1__COMMAND__KIND_MMP_CANCEL] = TN_COMMAND_MMP_CANCEL,
        [TENOR__V1__COMMAND__KIND_PACKAGE] = TN_COMMAND_PACKAGE,
        [TENOR__V1__COMMAND__KIND_BLOCK_TRADE] = TN_COMMAND_BLOCK_TRADE,
        [TENOR__V1__COMMAND__KIND_TRANSFER] = TN_COMMAND_TRANSFER,
        [TENOR__V1__COMMAND__KIND_WITHDRAW] = TN_COMMAND_WITHDRAW,
        [TENOR__V1__COMMAND__KIND_MODEL] = TN_COMMAND_MODEL,
        [TENOR__V1__COMMAND__KIND_BID] = TN_COMMAND_BID,
        [TENOR__V1__COMMAND__KIND_REMIT] = TN_COMMAND_REMIT,
    };
    return which < sizeof(KINDS) ? KINDS[which] : 0;
}

static void take_command(struct payload_twin *twin, struct tn_command *command,
                         const Tenor__V1__Command *from)
{
    memset(command, 0, sizeof(*command));
    knows_all(&from->base);
    command->client_id = from->client_id;
    command->kind = kind_of((uint32_t)from->kind_case);
    switch (command->kind) {
        case TN_COMMAND_PLACE: take_terms(&command->as.terms[0], from->place); return;
        case TN_COMMAND_PLACE_OCO:
            knows_all(&from->place_oco->base);
            take_terms(&command->as.terms[0], from->place_oco->order);
            take_terms(&command->as.terms[1], from->place_oco->stop);
            return;
        case TN_COMMAND_MASS_CANCEL:
            take_mass_cancel(&command->as.mass_cancel, from->mass_cancel);
            return;
        case TN_COMMAND_MASS_QUOTE:
            take_mass_quote(twin, &command->as.mass_quote, from->mass_quote);
            return;
        case TN_COMMAND_MMP_SET: take_mmp_set(&command->as.mmp_set, from->mmp_set); return;
        case TN_COMMAND_PACKAGE: take_package(&command->as.package, from->package); return;
        case TN_COMMAND_BLOCK_TRADE:
            take_block_trade(&command->as.block_trade, twin->signatures[command - twin->commands],
                             from->block_trade);
            return;
        default: take_small(command, from); return;
    }
}

static void take_payload(struct payload_twin *twin, const Tenor__V1__Payload *from)
{
    knows_all(&from->base);
    twin->quotes_count = 0;
    twin->frame.market = from->market;
    twin->frame.term = from->term;
    twin->frame.session = from->session;
    twin->frame.nonce = from->nonce;
    twin->frame.valid_until_block = from->valid_until_block;
    twin->frame.commands = twin->commands;
    twin->frame.commands_count = (uint32_t)from->n_commands;
    if (from->n_commands == 0 || from->n_commands > TN_PAYLOAD_COMMANDS_MAX) fits = false;
    for (size_t i = 0; i < from->n_commands && fits; i++)
        take_command(twin, &twin->commands[i], from->commands[i]);
}

bool payload_twin_read(struct payload_twin *twin, const uint8_t *bytes, size_t size)
{
    if (size > TN_PAYLOAD_BYTES_MAX) return false;
    Tenor__V1__Payload *read = tenor__v1__payload__unpack(NULL, size, bytes);
    if (read == NULL) return false;
    fits = tenor__v1__payload__get_packed_size(read) == size;
    if (fits) {
        uint8_t *again = malloc(size > 0 ? size : 1);
        if (again == NULL) abort();
        tenor__v1__payload__pack(read, again);
        fits = memcmp(again, bytes, size) == 0;
        free(again);
    }
    if (fits) take_payload(twin, read);
    tenor__v1__payload__free_unpacked(read, NULL);
    return fits;
}

static bool same_command(const struct tn_command *one, const struct tn_command *other)
{
    struct tn_command a = *one, b = *other;
    if (a.kind == TN_COMMAND_MASS_QUOTE && b.kind == TN_COMMAND_MASS_QUOTE) {
        uint32_t count = a.as.mass_quote.quotes_count;
        if (count != b.as.mass_quote.quotes_count) return false;
        if (count > 0 && memcmp(a.as.mass_quote.quotes, b.as.mass_quote.quotes,
                                count * sizeof(struct tn_quote)) != 0) {
            return false;
        }
        a.as.mass_quote.quotes = b.as.mass_quote.quotes = NULL;
    }
    if (a.kind == TN_COMMAND_BLOCK_TRADE && b.kind == TN_COMMAND_BLOCK_TRADE) {
        const uint8_t **ours = &a.as.block_trade.counterparty_signature;
        const uint8_t **theirs = &b.as.block_trade.counterparty_signature;
        if ((*ours == NULL) != (*theirs == NULL)) return false;
        if (*ours != NULL && memcmp(*ours, *theirs, TN_SIGNATURE_SIZE) != 0) return false;
        *ours = *theirs = NULL;
    }
    return memcmp(&a, &b, sizeof(a)) == 0;
}

const char *payload_twin_differs(const struct payload_twin *twin, const struct tn_frame *frame)
{
    if (twin->frame.market != frame->market) return "market";
    if (twin->frame.term != frame->term) return "term";
    if (twin->frame.session != frame->session) return "session";
    if (twin->frame.nonce != frame->nonce) return "nonce";
    if (twin->frame.valid_until_block != frame->valid_until_block) return "valid_until_block";
    if (twin->frame.commands_count != frame->commands_count) return "count of commands";
    for (uint32_t i = 0; i < frame->commands_count; i++) {
        if (!same_command(&twin->commands[i], &frame->commands[i])) return "a command";
    }
    return NULL;
}
