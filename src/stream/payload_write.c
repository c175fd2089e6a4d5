/* Commands as a payload: payload_read.c in the other direction, along the same tables, for clients,
 * tests and tools. A message stands behind its length, so sizes are worked out first, from the
 * inside out, and what was written is held against them. */
#include "stream/payload.h"

static uint32_t varint_bytes(uint64_t value)
{
    uint32_t bits = 64 - (uint32_t)__builtin_clzll(value | 1);
    return (bits + 6) / 7;
}

static void put_varint(struct writer *writer, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        put_u8(writer, (uint8_t)(value | 0x80));
    put_u8(writer, (uint8_t)value);
}

/* The value of a scalar as it stands on the wire. */
static uint64_t load(const struct field *field, const uint8_t *base)
{
    const uint8_t *place = base + field->offset;
    uint64_t value = 0;
    TN_ASSERT(field->width <= sizeof(value));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(&value, place, field->width);
#else
    memcpy((uint8_t *)&value + sizeof(value) - field->width, place, field->width);
#endif
    if (field->type != FIELD_SINT) return value;
    uint32_t unused_bits = 64 - 8 * (uint32_t)field->width;
    return zigzag((int64_t)(value << unused_bits) >> unused_bits);
}

/* The elements of a list or a part, one behind the other. */
struct elements {
    const uint8_t *first;
    size_t stride;
    uint32_t count;
};

static struct elements elements_of(const struct field *field, const uint8_t *base)
{
    struct elements elements = {.first = base + field->offset, .count = 1};
    if (field->type == FIELD_LEGS) {
        elements.stride = sizeof(struct tn_leg);
        memcpy(&elements.count, base + field->count_offset, sizeof(elements.count));
    } else if (field->type == FIELD_QUOTES) {
        struct tn_mass_quote asked;
        memcpy(&asked, base, sizeof(asked));
        elements.first = (const uint8_t *)asked.quotes;
        elements.stride = sizeof(struct tn_quote);
        elements.count = asked.quotes_count;
    }
    return elements;
}

/* NULL: it is not there. */
static const uint8_t *bytes64_of(const struct field *field, const uint8_t *base)
{
    const uint8_t *found;
    memcpy(&found, base + field->offset, sizeof(found));
    return found;
}

static size_t message_bytes(const struct message *message, const uint8_t *base);

static size_t field_bytes(const struct field *field, const uint8_t *base)
{
    if (field->type == FIELD_BYTES64) {
        return bytes64_of(field, base) == NULL ? 0 : 1 + 1 + TN_SIGNATURE_SIZE;
    }
    if (field->message == NULL) {
        uint64_t value = load(field, base);
        if (value == 0) return 0;
        return 1 + (field->type == FIELD_FIXED64 ? 8 : varint_bytes(value));
    }
    struct elements elements = elements_of(field, base);
    size_t bytes = 0;
    for (uint32_t i = 0; i < elements.count; i++) {
        size_t one = message_bytes(field->message, elements.first + i * elements.stride);
        bytes += 1 + varint_bytes(one) + one;
    }
    return bytes;
}

static size_t message_bytes(const struct message *message, const uint8_t *base)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < message->fields_count; i++)
        bytes += field_bytes(&message->fields[i], base);
    return bytes;
}

static void put_scalar(struct writer *writer, const struct field *field, const uint8_t *base)
{
    uint64_t value = load(field, base);
    if (value == 0) return;
    put_u8(writer, field->tag);
    if (field->type == FIELD_FIXED64) {
        put_u64(writer, __builtin_bswap64(value));
    } else {
        put_varint(writer, value);
    }
}

static void put_bytes64(struct writer *writer, const struct field *field, const uint8_t *base)
{
    const uint8_t *found = bytes64_of(field, base);
    if (found == NULL) return;
    put_u8(writer, field->tag);
    put_u8(writer, TN_SIGNATURE_SIZE);
    put_bytes(writer, found, TN_SIGNATURE_SIZE);
}

static void put_message(struct writer *writer, const struct message *message, const uint8_t *base)
{
    for (uint32_t i = 0; i < message->fields_count; i++) {
        const struct field *field = &message->fields[i];
        if (field->type == FIELD_BYTES64) {
            put_bytes64(writer, field, base);
            continue;
        }
        if (field->message == NULL) {
            put_scalar(writer, field, base);
            continue;
        }
        struct elements elements = elements_of(field, base);
        for (uint32_t k = 0; k < elements.count; k++) {
            const uint8_t *element = elements.first + k * elements.stride;
            put_u8(writer, field->tag);
            put_varint(writer, message_bytes(field->message, element));
            put_message(writer, field->message, element);
        }
    }
}

/* ---- Commands ---- */

static const struct message *message_of(const struct tn_command *command, const uint8_t **base)
{
    const struct kind_message *what = &tn_payload_kinds[command->kind];
    *base = (const uint8_t *)command + what->offset;
    return what->message;
}

/* Without its own tag and length. */
static size_t command_bytes(const struct tn_command *command)
{
    const uint8_t *base;
    const struct message *message = message_of(command, &base);
    size_t bytes = message_bytes(message, base);
    bytes += varint_bytes(kind_tag(command->kind)) + varint_bytes(bytes);
    return command->client_id == 0 ? bytes : 1 + varint_bytes(command->client_id) + bytes;
}

static void put_command(struct writer *writer, const struct tn_command *command)
{
    const uint8_t *base;
    const struct message *message = message_of(command, &base);
    if (command->client_id != 0) {
        put_u8(writer, CLIENT_ID_TAG);
        put_varint(writer, command->client_id);
    }
    put_varint(writer, kind_tag(command->kind));
    put_varint(writer, message_bytes(message, base));
    put_message(writer, message, base);
}

/* ---- What there is no payload of ---- */

static bool terms_fit(const struct tn_order_terms *terms)
{
    return terms->reduce_only <= 1;
}

static bool quotes_fit(const struct tn_mass_quote *asked, uint32_t *quotes_count)
{
    if (asked->post_only > 1 || asked->quotes_count > TN_QUOTES_MAX) return false;
    *quotes_count += asked->quotes_count;
    return asked->quotes_count == 0 ||
           (asked->quotes != NULL && *quotes_count <= TN_PAYLOAD_QUOTES_MAX);
}

static bool command_fits(const struct tn_command *command, uint32_t *quotes_count)
{
    if (command->kind < TN_COMMAND_PLACE || command->kind > TN_COMMAND_REMIT) return false;
    if (command->kind == TN_COMMAND_PLACE) return terms_fit(&command->as.terms[0]);
    if (command->kind == TN_COMMAND_PLACE_OCO) {
        return terms_fit(&command->as.terms[0]) && terms_fit(&command->as.terms[1]);
    }
    if (command->kind == TN_COMMAND_MASS_QUOTE) {
        return quotes_fit(&command->as.mass_quote, quotes_count);
    }
    if (command->kind == TN_COMMAND_PACKAGE) {
        return command->as.package.legs_count <= TN_PACKAGE_LEGS_MAX;
    }
    if (command->kind == TN_COMMAND_BLOCK_TRADE) {
        return command->as.block_trade.legs_count <= TN_PACKAGE_LEGS_MAX;
    }
    return true;
}

size_t tn_stream_write_payload(uint8_t *out, size_t out_size, const struct tn_frame *frame)
{
    uint32_t quotes_count = 0;
    if (frame->commands_count == 0 || frame->commands_count > TN_PAYLOAD_COMMANDS_MAX) return 0;
    size_t bytes = message_bytes(&tn_payload_head, (const uint8_t *)frame);
    for (uint32_t i = 0; i < frame->commands_count; i++) {
        if (!command_fits(&frame->commands[i], &quotes_count)) return 0;
        size_t one = command_bytes(&frame->commands[i]);
        bytes += 1 + varint_bytes(one) + one;
    }
    if (bytes > TN_PAYLOAD_BYTES_MAX) return 0;
    if (bytes > out_size) return bytes;
    struct writer writer = {.at = out};
    put_message(&writer, &tn_payload_head, (const uint8_t *)frame);
    for (uint32_t i = 0; i < frame->commands_count; i++) {
        put_u8(&writer, COMMANDS_TAG);
        put_varint(&writer, command_bytes(&frame->commands[i]));
        put_command(&writer, &frame->commands[i]);
    }
    TN_ASSERT(writer.at == out + bytes);
    return bytes;
}
