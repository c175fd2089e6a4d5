/* The messages of a payload: proto/tenor/v1/trader.proto as tables (payload.h). Numbers are those
 * of the file, names those of the structs of command.h; what differs is refused by the tests that
 * hold both against protobuf-c. */
#include "stream/payload.h"

#define MEMBER_SIZE(record, member) sizeof(((const struct record *)NULL)->member)
#define SCALAR(number, wire, kind, record, member)                                                 \
    {                                                                                              \
        .tag = (number) << 3 | (wire), .type = (kind), .width = MEMBER_SIZE(record, member),       \
        .offset = offsetof(struct record, member)                                                  \
    }
#define UINT(number, record, member)  SCALAR(number, WIRE_VARINT, FIELD_UINT, record, member)
#define FLAG(number, record, member)  SCALAR(number, WIRE_VARINT, FIELD_FLAG, record, member)
#define SINT(number, record, member)  SCALAR(number, WIRE_VARINT, FIELD_SINT, record, member)
#define FIXED(number, record, member) SCALAR(number, WIRE_FIXED64, FIELD_FIXED64, record, member)
#define MESSAGE(name, ...)                                                                         \
    static const struct field name##_FIELDS[] = {__VA_ARGS__};                                     \
    static const struct message name = {                                                           \
        .fields = name##_FIELDS, .fields_count = sizeof(name##_FIELDS) / sizeof(name##_FIELDS[0])}

static const struct field HEAD_FIELDS[] = {UINT(1, tn_frame, market), UINT(2, tn_frame, term),
                                           UINT(3, tn_frame, session), UINT(4, tn_frame, nonce),
                                           UINT(5, tn_frame, valid_until_block)};
const struct message tn_payload_head = {.fields = HEAD_FIELDS, .fields_count = 5};

MESSAGE(TERMS, FIXED(1, tn_order_terms, series_id), UINT(2, tn_order_terms, side),
        SINT(3, tn_order_terms, price), SINT(4, tn_order_terms, quantity),
        UINT(5, tn_order_terms, type), UINT(6, tn_order_terms, tif), UINT(7, tn_order_terms, post),
        FLAG(8, tn_order_terms, reduce_only), UINT(9, tn_order_terms, stp),
        SINT(10, tn_order_terms, display), SINT(11, tn_order_terms, trigger),
        SINT(12, tn_order_terms, until), SINT(13, tn_order_terms, fee_max_ppm),
        UINT(14, tn_order_terms, label));

MESSAGE(PLACE_OCO, {.tag = 1 << 3 | WIRE_BYTES, .type = FIELD_PART, .message = &TERMS},
        {.tag = 2 << 3 | WIRE_BYTES,
         .type = FIELD_PART,
         .offset = sizeof(struct tn_order_terms),
         .message = &TERMS});

MESSAGE(REPLACE, UINT(1, tn_command, as.replace.ref.order_id),
        UINT(2, tn_command, as.replace.ref.client_id), SINT(3, tn_command, as.replace.price),
        SINT(4, tn_command, as.replace.quantity));

MESSAGE(CANCEL, UINT(1, tn_order_ref, order_id), UINT(2, tn_order_ref, client_id));

MESSAGE(MASS_CANCEL, UINT(1, tn_mass_cancel, by), UINT(2, tn_mass_cancel, underlying),
        UINT(3, tn_mass_cancel, expiry_day), FIXED(4, tn_mass_cancel, series_id),
        UINT(5, tn_mass_cancel, side), UINT(6, tn_mass_cancel, label));

MESSAGE(QUOTE, FIXED(1, tn_quote, series_id), SINT(2, tn_quote, bid_price),
        SINT(3, tn_quote, ask_price), SINT(4, tn_quote, bid_quantity),
        SINT(5, tn_quote, ask_quantity));

MESSAGE(MASS_QUOTE, SINT(1, tn_mass_quote, fee_max_ppm), UINT(2, tn_mass_quote, label),
        UINT(3, tn_mass_quote, group), FLAG(4, tn_mass_quote, post_only),
        UINT(5, tn_mass_quote, stp),
        {.tag = 6 << 3 | WIRE_BYTES, .type = FIELD_QUOTES, .message = &QUOTE});

MESSAGE(MMP_SET, UINT(1, tn_mmp_set, group), SINT(2, tn_mmp_set, interval_ms),
        SINT(3, tn_mmp_set, freeze_ms), SINT(4, tn_mmp_set, quantity_limit),
        SINT(5, tn_mmp_set, delta_limit), SINT(6, tn_mmp_set, vega_limit_micros),
        UINT(7, tn_mmp_set, trades_limit));

MESSAGE(MMP_GROUP, UINT(1, tn_command, as.mmp_group));

MESSAGE(PACKAGE_LEG, FIXED(1, tn_leg, series_id), SINT(2, tn_leg, quantity), UINT(3, tn_leg, side));

MESSAGE(PACKAGE, SINT(1, tn_package, units), SINT(2, tn_package, limit_micros),
        SINT(3, tn_package, fee_max_ppm), UINT(4, tn_package, tif),
        {.tag = 5 << 3 | WIRE_BYTES,
         .type = FIELD_LEGS,
         .offset = offsetof(struct tn_package, legs),
         .count_offset = offsetof(struct tn_package, legs_count),
         .message = &PACKAGE_LEG});

MESSAGE(BLOCK_LEG, FIXED(1, tn_leg, series_id), SINT(2, tn_leg, price), SINT(3, tn_leg, quantity),
        UINT(4, tn_leg, side));

MESSAGE(BLOCK_TRADE, UINT(1, tn_block_trade, counterparty),
        UINT(2, tn_block_trade, counterparty_nonce), SINT(3, tn_block_trade, expires_ms),
        SINT(4, tn_block_trade, fee_max_ppm),
        {.tag = 5 << 3 | WIRE_BYTES,
         .type = FIELD_LEGS,
         .offset = offsetof(struct tn_block_trade, legs),
         .count_offset = offsetof(struct tn_block_trade, legs_count),
         .message = &BLOCK_LEG},
        UINT(6, tn_block_trade, counterparty_session),
        {.tag = 7 << 3 | WIRE_BYTES,
         .type = FIELD_BYTES64,
         .offset = offsetof(struct tn_block_trade, counterparty_signature)});

MESSAGE(TRANSFER, UINT(1, tn_command, as.money.to_account), UINT(2, tn_command, as.money.asset),
        SINT(3, tn_command, as.money.amount));

MESSAGE(WITHDRAW, UINT(1, tn_command, as.money.asset), SINT(2, tn_command, as.money.amount));

MESSAGE(MODEL, UINT(1, tn_command, as.model));

MESSAGE(BID, UINT(1, tn_bid, account), UINT(2, tn_bid, state), SINT(3, tn_bid, share_ppb),
        SINT(4, tn_bid, price_most));

MESSAGE(REMIT, UINT(1, tn_command, as.remit.to_market), UINT(2, tn_command, as.remit.to_account),
        SINT(3, tn_command, as.remit.amount));

/* Messages whose offsets are those of struct tn_command begin at 0. */
#define AT_MEMBER(member) offsetof(struct tn_command, member)
const struct kind_message tn_payload_kinds[TN_COMMAND_REMIT + 1] = {
    [TN_COMMAND_PLACE] = {&TERMS, AT_MEMBER(as.terms)},
    [TN_COMMAND_PLACE_OCO] = {&PLACE_OCO, AT_MEMBER(as.terms)},
    [TN_COMMAND_REPLACE] = {&REPLACE, 0},
    [TN_COMMAND_CANCEL] = {&CANCEL, AT_MEMBER(as.cancel)},
    [TN_COMMAND_MASS_CANCEL] = {&MASS_CANCEL, AT_MEMBER(as.mass_cancel)},
    [TN_COMMAND_MASS_QUOTE] = {&MASS_QUOTE, AT_MEMBER(as.mass_quote)},
    [TN_COMMAND_MMP_SET] = {&MMP_SET, AT_MEMBER(as.mmp_set)},
    [TN_COMMAND_MMP_RESET] = {&MMP_GROUP, 0},
    [TN_COMMAND_MMP_CANCEL] = {&MMP_GROUP, 0},
    [TN_COMMAND_PACKAGE] = {&PACKAGE, AT_MEMBER(as.package)},
    [TN_COMMAND_BLOCK_TRADE] = {&BLOCK_TRADE, AT_MEMBER(as.block_trade)},
    [TN_COMMAND_TRANSFER] = {&TRANSFER, 0},
    [TN_COMMAND_WITHDRAW] = {&WITHDRAW, 0},
    [TN_COMMAND_MODEL] = {&MODEL, 0},
    [TN_COMMAND_BID] = {&BID, AT_MEMBER(as.bid)},
    [TN_COMMAND_REMIT] = {&REMIT, 0},
};
