/* frame: may this signed frame act now, and would a leader have let it pass (market.md §4)?
 *
 * What is asked depends on the state before the frame alone, so whoever puts frames in order and
 * whoever executes them say the same. The signature, which costs most, is asked last, and not at
 * all where this node has found it good before. */
#include "market/internal.h"

/* The scopes of which one allows a kind of command; 0: no session's. */
static uint32_t scopes_of(enum tn_command_kind kind)
{
    switch (kind) {
        case TN_COMMAND_PLACE:
        case TN_COMMAND_PLACE_OCO:
        case TN_COMMAND_REPLACE:
        case TN_COMMAND_PACKAGE:
        case TN_COMMAND_BLOCK_TRADE:
        case TN_COMMAND_BID: return TN_SCOPE_TRADE;
        case TN_COMMAND_MASS_QUOTE:
        case TN_COMMAND_MMP_SET:
        case TN_COMMAND_MMP_RESET: return TN_SCOPE_QUOTE;
        case TN_COMMAND_CANCEL:
        case TN_COMMAND_MASS_CANCEL:
        case TN_COMMAND_MMP_CANCEL: return TN_SCOPE_TRADE | TN_SCOPE_QUOTE | TN_SCOPE_CANCEL;
        case TN_COMMAND_TRANSFER:
        case TN_COMMAND_REMIT: return TN_SCOPE_TRANSFER;
        case TN_COMMAND_MODEL: return TN_SCOPE_MODEL;
        case TN_COMMAND_WITHDRAW: return 0;
    }
    return 0;
}

static enum tn_reject check_commands(const struct seat *seat, const struct tn_frame *frame)
{
    for (uint32_t i = 0; i < frame->commands_count; i++) {
        enum tn_command_kind kind = (enum tn_command_kind)frame->commands[i].kind;
        if (TENOR_HOLDS(FRAME_SCOPE) && (scopes_of(kind) & seat->scope) == 0)
            return TN_REJECT_SESSION_SCOPE;
    }
    return TN_REJECT_NONE;
}

/* The other side of a block trade signs what the frame says, by a session of its own. */
static bool counterparty_signed(struct tn_market *market, const struct seat *seat,
                                const struct tn_frame *frame, const struct tn_block_trade *block)
{
    const struct tn_signatures *signatures = market->world.signatures;
    uint8_t agreement[TN_BLOCK_TRADE_BYTES_MAX];
    struct tn_signature signature;
    struct tn_hash digest;
    uint32_t slot = tn_market_find_seat(market, block->counterparty_session);
    if (block->counterparty_signature == NULL || slot == TN_NONE) return false;
    const struct seat *other = &market->seats[slot];
    if (other->account != block->counterparty || (other->scope & TN_SCOPE_TRADE) == 0 ||
        other->expires_ms <= tn_exchange_time_ms(market->exchange)) {
        return false;
    }
    size_t size = tn_block_trade_encode(agreement, market->limits.chain_id, market->limits.market,
                                        seat->account, frame->nonce, block);
    if (size == 0) return false;
    tn_keccak256(&digest, agreement, size);
    memcpy(signature.bytes, block->counterparty_signature, sizeof(signature.bytes));
    return signatures->verify(signatures->context, &digest, &signature, &other->key);
}

enum tn_reject tn_market_judge_counterparties(struct tn_market *market, const struct seat *seat,
                                              const struct tn_frame *frame)
{
    for (uint32_t i = 0; i < frame->commands_count; i++) {
        const struct tn_command *command = &frame->commands[i];
        if (command->kind == TN_COMMAND_BLOCK_TRADE &&
            !counterparty_signed(market, seat, frame, &command->as.block_trade)) {
            return TN_REJECT_COUNTERPARTY_UNSIGNED;
        }
    }
    return TN_REJECT_NONE;
}

enum tn_reject tn_market_judge_frame(struct tn_market *market, struct seat **seat,
                                     const struct tn_frame *frame, uint32_t term)
{
    const struct tn_exchange *exchange = market->exchange;
    *seat = NULL;
    if (TENOR_HOLDS(FRAME_MARKET) && frame->market != market->limits.market)
        return TN_REJECT_MARKET_WRONG;
    uint32_t slot = tn_market_find_seat(market, frame->session);
    if (slot == TN_NONE) return TN_REJECT_SESSION_UNKNOWN;
    *seat = &market->seats[slot];
    if (TENOR_HOLDS(FRAME_TERM) && frame->term != term) return TN_REJECT_TERM_WRONG;
    if (TENOR_HOLDS(SESSION_EXPIRY) && (*seat)->expires_ms <= tn_exchange_time_ms(exchange)) {
        return TN_REJECT_SESSION_EXPIRED;
    }
    if (frame->commands_count < 1 ||
        frame->commands_count > market->limits.exchange.commands_per_frame_max) {
        return TN_REJECT_FRAME_SIZE;
    }
    enum tn_reject reject = check_commands(*seat, frame);
    if (reject != TN_REJECT_NONE) return reject;
    if (frame->valid_until_block < tn_exchange_height(exchange)) return TN_REJECT_FRAME_EXPIRED;
    if (!TENOR_HOLDS(FRAME_NONCE)) return TN_REJECT_NONE;
    return tn_exchange_check_nonce(exchange, (*seat)->account, frame->nonce);
}

enum tn_reject tn_market_judge_digest(struct tn_market *market, const struct tn_hash *digest,
                                      struct seat *seat, const struct tn_frame *frame)
{
    const struct tn_market_world *world = &market->world;
    const struct tn_signatures *signatures = world->signatures;
    TN_ASSERT(signatures != NULL && seat->id != 0);
    if (!TENOR_HOLDS(FRAME_SIGNATURE)) return TN_REJECT_NONE;
    if (world->verified != NULL &&
        world->verified(world->context, digest, &seat->key, &frame->signature)) {
        return TN_REJECT_NONE;
    }
    if (!seat->is_parsed) {
        if (!signatures->parse(signatures->context, &seat->parsed, &seat->key)) {
            return TN_REJECT_SIGNATURE_BAD;
        }
        seat->is_parsed = 1;
    }
    if (!signatures->verify_parsed(signatures->context, digest, &frame->signature, &seat->parsed)) {
        return TN_REJECT_SIGNATURE_BAD;
    }
    if (world->found_good != NULL) {
        world->found_good(world->context, digest, &seat->key, &frame->signature);
    }
    return TN_REJECT_NONE;
}

enum tn_reject tn_market_judge_signature(struct tn_market *market, struct tn_hash *digest,
                                         struct seat *seat, const struct tn_frame *frame)
{
    const struct tn_market_world *world = &market->world;
    const struct tn_hash *known = NULL;
    if (world->digested != NULL) {
        known = world->digested(world->context, frame->payload, frame->payload_size);
    }
    if (known != NULL) {
        *digest = *known;
    } else {
        tn_frame_digest(digest, market->limits.chain_id, frame->payload, frame->payload_size);
    }
    return tn_market_judge_digest(market, digest, seat, frame);
}

static bool only_cancels(const struct tn_frame *frame)
{
    for (uint32_t i = 0; i < frame->commands_count; i++) {
        uint8_t kind = frame->commands[i].kind;
        if (kind != TN_COMMAND_CANCEL && kind != TN_COMMAND_MASS_CANCEL &&
            kind != TN_COMMAND_MMP_CANCEL) {
            return false;
        }
    }
    return true;
}

enum tn_reject tn_market_check_frame(struct tn_market *market, struct tn_market_frame *frame,
                                     struct tn_market_scratch *scratch, uint32_t term,
                                     const uint8_t *bytes, size_t size)
{
    struct tn_stream_item item;
    struct tn_stream_fault fault;
    struct seat *seat;
    size_t used;
    *frame = (struct tn_market_frame){.account = TN_NONE};
    if (!tn_stream_read_item(&item, &used, &fault, scratch->stream, bytes, size) || used != size ||
        item.entry.kind != TN_ENTRY_FRAME || item.version != TN_ENTRY_VERSION_2) {
        return TN_REJECT_FRAME_MALFORMED;
    }
    frame->session = item.as.frame.session;
    frame->nonce = item.as.frame.nonce;
    frame->weight = tn_stream_weight(&item.entry);
    frame->only_cancels = only_cancels(&item.as.frame);
    enum tn_reject reject = tn_market_judge_frame(market, &seat, &item.as.frame, term);
    if (seat != NULL) frame->account = seat->account;
    if (reject == TN_REJECT_NONE) {
        reject = tn_market_judge_signature(market, &frame->digest, seat, &item.as.frame);
    }
    if (reject == TN_REJECT_NONE) {
        reject = tn_market_judge_counterparties(market, seat, &item.as.frame);
    }
    return reject;
}
