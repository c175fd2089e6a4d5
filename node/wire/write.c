/* Messages with their length, as the strict reader wants them: fields in order, zeros left out.
 *
 * They are written from their end to their start: what has a length is written before its length
 * is, so one pass does, where protobuf-c sizes every message again at each level that it stands in.
 * A message is put at the end of a window and moved to the front; the window is small at first, so
 * that a large room is not touched for a small message. */
#include "wire/wire.h"

#include <string.h>

#define WINDOW_FIRST_BYTES 4096u
#define WINDOW_GROWTH      16u
#define EVENT_BYTES_USUAL  64u

struct writer {
    uint8_t *begin, *at; /* what is free */
    bool is_full;
};

/* ---- From the end to the start -----------------------------------------------------------------
 */

static inline uint8_t *make_room(struct writer *writer, size_t size)
{
    if (size > (size_t)(writer->at - writer->begin)) {
        writer->is_full = true;
        return NULL;
    }
    return writer->at -= size;
}

static void put_long_varint(struct writer *writer, uint64_t value)
{
    size_t size = (size_t)(63 - __builtin_clzll(value | 1)) / 7 + 1;
    uint8_t *at = make_room(writer, size);
    if (at == NULL) return;
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at = (uint8_t)value;
}

/* Tags and most numbers have one byte. */
static inline void put_varint(struct writer *writer, uint64_t value)
{
    if (value < 0x80 && writer->at > writer->begin) {
        *--writer->at = (uint8_t)value;
    } else {
        put_long_varint(writer, value);
    }
}

static void put_bytes(struct writer *writer, const void *bytes, size_t size)
{
    uint8_t *at = make_room(writer, size);
    if (at != NULL) memcpy(at, bytes, size);
}

static void put_fixed(struct writer *writer, uint64_t value)
{
    uint8_t *at = make_room(writer, 8);
    for (unsigned i = 0; at != NULL && i < 8; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

/* ---- Fields ------------------------------------------------------------------------------------
 */

static const void *member_of(const ProtobufCMessage *message, unsigned offset)
{
    return (const char *)message + offset;
}

/* A number as it stands on the wire; of fixed64 as it is. */
static uint64_t number_of(const ProtobufCFieldDescriptor *field, const void *member)
{
    switch (field->type) {
        case PROTOBUF_C_TYPE_UINT64:
        case PROTOBUF_C_TYPE_FIXED64: return *(const uint64_t *)member;
        case PROTOBUF_C_TYPE_SINT64: return zigzag(*(const int64_t *)member);
        case PROTOBUF_C_TYPE_UINT32: return *(const uint32_t *)member;
        case PROTOBUF_C_TYPE_SINT32: return zigzag(*(const int32_t *)member);
        case PROTOBUF_C_TYPE_BOOL: return *(const protobuf_c_boolean *)member != 0;
        case PROTOBUF_C_TYPE_ENUM: return (uint64_t)(int64_t) * (const int *)member;
        case PROTOBUF_C_TYPE_INT32:
        case PROTOBUF_C_TYPE_INT64:
        case PROTOBUF_C_TYPE_SFIXED32:
        case PROTOBUF_C_TYPE_FIXED32:
        case PROTOBUF_C_TYPE_FLOAT:
        case PROTOBUF_C_TYPE_SFIXED64:
        case PROTOBUF_C_TYPE_DOUBLE:
        case PROTOBUF_C_TYPE_STRING:
        case PROTOBUF_C_TYPE_BYTES:
        case PROTOBUF_C_TYPE_MESSAGE: TN_ASSERT(false); /* the protocol has none of these here */
    }
    return 0;
}

static void put_tag(struct writer *writer, const ProtobufCFieldDescriptor *field, unsigned type)
{
    put_varint(writer, (uint64_t)field->id << 3 | type);
}

static void put_sized(struct writer *writer, const ProtobufCFieldDescriptor *field,
                      const void *bytes, size_t size)
{
    if (size == 0) return;
    put_bytes(writer, bytes, size);
    put_varint(writer, size);
    put_tag(writer, field, 2);
}

static void put_fields(struct writer *writer, const ProtobufCMessage *message);

static void put_nested(struct writer *writer, const ProtobufCFieldDescriptor *field,
                       const ProtobufCMessage *message)
{
    if (message == NULL) return;
    const uint8_t *end = writer->at;
    put_fields(writer, message);
    put_varint(writer, (uint64_t)(end - writer->at));
    put_tag(writer, field, 2);
}

static void put_list(struct writer *writer, const ProtobufCFieldDescriptor *field,
                     const ProtobufCMessage *message)
{
    size_t count = *(const size_t *)member_of(message, field->quantifier_offset);
    const char *elements = *(const char *const *)member_of(message, field->offset);
    if (count == 0) return;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        const ProtobufCMessage *const *messages = (const void *)elements;
        while (count-- > 0)
            put_nested(writer, field, messages[count]);
        return;
    }
    const uint8_t *end = writer->at;
    bool is_fixed = field->type == PROTOBUF_C_TYPE_FIXED64;
    size_t size = is_fixed ? sizeof(uint64_t) : sizeof(uint32_t);
    TN_ASSERT(is_fixed || field->type == PROTOBUF_C_TYPE_UINT32);
    while (count-- > 0) {
        uint64_t number = number_of(field, elements + count * size);
        if (is_fixed) {
            put_fixed(writer, number);
        } else {
            put_varint(writer, number);
        }
    }
    put_varint(writer, (uint64_t)(end - writer->at));
    put_tag(writer, field, 2);
}

static void put_field(struct writer *writer, const ProtobufCFieldDescriptor *field,
                      const ProtobufCMessage *message)
{
    const void *member = member_of(message, field->offset);
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        put_list(writer, field, message);
    } else if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
               *(const uint32_t *)member_of(message, field->quantifier_offset) != field->id) {
        return;
    } else if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        put_nested(writer, field, *(const ProtobufCMessage *const *)member);
    } else if (field->type == PROTOBUF_C_TYPE_BYTES) {
        const ProtobufCBinaryData *bytes = member;
        put_sized(writer, field, bytes->data, bytes->len);
    } else if (field->type == PROTOBUF_C_TYPE_STRING) {
        const char *text = *(const char *const *)member;
        if (text != NULL) put_sized(writer, field, text, strlen(text));
    } else {
        uint64_t number = number_of(field, member);
        if (number == 0) return;
        bool is_fixed = field->type == PROTOBUF_C_TYPE_FIXED64;
        if (is_fixed) {
            put_fixed(writer, number);
        } else {
            put_varint(writer, number);
        }
        put_tag(writer, field, is_fixed);
    }
}

/* ---- Events ------------------------------------------------------------------------------------
 * What is sent most, field by field, where there is room for the largest one: nothing is asked on
 * the way, and the place stays in a register. Each puts its bytes before `at` and returns their
 * beginning. */

#define EVENT_FIELDS    19u
#define EVENT_BYTES_MAX (EVENT_FIELDS * (2 + 10)) /* tag and number */
_Static_assert(EVENT_BYTES_MAX + 4 <= WIRE_EVENT_BYTES, "an event and its head");
_Static_assert(WIRE_LENGTH_BYTES + 4 * (1 + 10) + 2 <= WIRE_ACCOUNT_AROUND, "numbers, heads");

static inline uint8_t *varint_before(uint8_t *at, uint64_t number)
{
    if (number < 0x80) {
        *--at = (uint8_t)number;
        return at;
    }
    const size_t size = (size_t)(63 - __builtin_clzll(number)) / 7 + 1;
    uint8_t *to = at -= size;
    for (; number >= 0x80; number >>= 7)
        *to++ = (uint8_t)(number | 0x80);
    *to = (uint8_t)number;
    return at;
}

static inline uint8_t *tag_before(uint8_t *at, unsigned tag)
{
    if (tag >= 0x80) *--at = (uint8_t)(tag >> 7);
    *--at = (uint8_t)(tag >= 0x80 ? tag | 0x80 : tag);
    return at;
}

static inline uint8_t *number_before(uint8_t *at, unsigned field, uint64_t number)
{
    return number == 0 ? at : tag_before(varint_before(at, number), field << 3);
}

static inline uint8_t *fixed_before(uint8_t *at, unsigned field, uint64_t number)
{
    if (number == 0) return at;
    at -= sizeof number;
    for (unsigned i = 0; i < sizeof number; i++)
        at[i] = (uint8_t)(number >> (8 * i));
    return tag_before(at, field << 3 | 1);
}

/* All that an event has under the same names as its message. */
#define EVENT_FIELDS_BEFORE(at, event)                                                             \
    do {                                                                                           \
        (at) = number_before(at, 16, zigzag((event)->money));                                      \
        (at) = number_before(at, 15, zigzag((event)->other_remaining));                            \
        (at) = number_before(at, 14, zigzag((event)->remaining));                                  \
        (at) = number_before(at, 13, zigzag((event)->quantity));                                   \
        (at) = number_before(at, 12, zigzag((event)->price));                                      \
        (at) = number_before(at, 11, (event)->client_id);                                          \
        (at) = number_before(at, 10, (event)->order_id);                                           \
        (at) = fixed_before(at, 9, (event)->series_id);                                            \
        (at) = number_before(at, 8, (event)->other_account);                                       \
        (at) = number_before(at, 7, (event)->account);                                             \
        (at) = number_before(at, 6, (event)->duplicate);                                           \
        (at) = number_before(at, 5, (event)->reject);                                              \
        (at) = number_before(at, 4, (event)->reason);                                              \
        (at) = number_before(at, 3, (event)->flags);                                               \
        (at) = number_before(at, 2, (uint64_t)(int64_t)(event)->side);                             \
        (at) = number_before(at, 1, (event)->kind);                                                \
    } while (0)

static uint8_t *event_before(uint8_t *at, const Tenor__V1__Event *event)
{
    at = number_before(at, 19, event->other_index);
    at = number_before(at, 18, event->index);
    at = number_before(at, 17, zigzag(event->other_fee));
    EVENT_FIELDS_BEFORE(at, event);
    return at;
}

/* The same bytes as of wire_event's message. */
static uint8_t *plain_event_before(uint8_t *at, const struct tn_event *event)
{
    if (event->kind == TN_EVENT_TRADE) {
        at = number_before(at, 17, zigzag(event->other_fee));
    } else {
        at = number_before(at, 19, event->other_index);
        at = number_before(at, 18, event->index);
    }
    EVENT_FIELDS_BEFORE(at, event);
    return at;
}

/* What stands from `at` to `end` is a message: its length and its tag. */
static inline uint8_t *head_before(uint8_t *at, const uint8_t *end, unsigned field)
{
    return tag_before(varint_before(at, (uint64_t)(end - at)), field << 3 | 2);
}

static void put_event(struct writer *writer, const Tenor__V1__Event *event)
{
    uint8_t piece[EVENT_BYTES_MAX];
    if ((size_t)(writer->at - writer->begin) >= sizeof piece) {
        writer->at = event_before(writer->at, event);
    } else {
        const uint8_t *at = event_before(piece + sizeof piece, event);
        put_bytes(writer, at, (size_t)(piece + sizeof piece - at));
    }
}

/* ---- Messages that many carry ------------------------------------------------------------------
 */

static inline void put_number(struct writer *writer, uint64_t tag, uint64_t number)
{
    if (number == 0) return;
    put_varint(writer, number);
    put_varint(writer, tag);
}

/* What was written since then is a message: its length and its tag. */
static void put_head(struct writer *writer, const uint8_t *end, uint64_t tag)
{
    put_varint(writer, (uint64_t)(end - writer->at));
    put_varint(writer, tag);
}

static void put_account_message(struct writer *writer, const Tenor__V1__AccountMessage *message)
{
    put_number(writer, 4 << 3, message->time_ms);
    for (size_t i = message->n_events; i-- > 0 && !writer->is_full;) {
        const uint8_t *end = writer->at;
        put_event(writer, message->events[i]);
        put_head(writer, end, 3 << 3 | 2);
    }
    put_number(writer, 2 << 3, message->nonce);
    const uint8_t *end = writer->at;
    if (message->at != NULL) {
        put_number(writer, 2 << 3, message->at->index);
        put_number(writer, 1 << 3, message->at->block);
        put_head(writer, end, 1 << 3 | 2);
    }
}

/* One of some forty bodies, most of them those of an account's stream. */
static void put_from_node(struct writer *writer, const Tenor__V1__FromNode *message)
{
    const uint8_t *end = writer->at;
    if (message->body_case == TENOR__V1__FROM_NODE__BODY_ACCOUNT_MESSAGE &&
        message->account_message != NULL) {
        put_account_message(writer, message->account_message);
        put_head(writer, end, TENOR__V1__FROM_NODE__BODY_ACCOUNT_MESSAGE << 3 | 2);
    } else if (message->body_case != TENOR__V1__FROM_NODE__BODY__NOT_SET) {
        const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(
            message->base.descriptor, (unsigned)message->body_case);
        TN_ASSERT(field != NULL);
        put_field(writer, field, &message->base);
    }
    put_number(writer, 1 << 3, message->request);
}

static void put_fields(struct writer *writer, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *description = message->descriptor;
    if (description == &tenor__v1__event__descriptor) {
        put_event(writer, (const Tenor__V1__Event *)message);
        return;
    }
    if (description == &tenor__v1__from_node__descriptor) {
        put_from_node(writer, (const Tenor__V1__FromNode *)message);
        return;
    }
    for (unsigned i = description->n_fields; i-- > 0 && !writer->is_full;) {
        put_field(writer, &description->fields[i], message);
    }
}

/* ---- Messages ----------------------------------------------------------------------------------
 */

/* Length and message to the front of the window; 0: they do not fit, or are above the cap. */
static size_t finish(struct writer *writer, uint8_t *out, size_t window, size_t size_max)
{
    size_t size = (size_t)(out + window - writer->at);
    uint8_t *head = make_room(writer, WIRE_LENGTH_BYTES);
    if (writer->is_full || size == 0 || size > size_max) return 0;
    for (unsigned i = 0; i < WIRE_LENGTH_BYTES; i++)
        head[i] = (uint8_t)(size >> (24 - 8 * i));
    memmove(out, head, size + WIRE_LENGTH_BYTES);
    return size + WIRE_LENGTH_BYTES;
}

static size_t write_within(uint8_t *out, size_t window, const ProtobufCMessage *message,
                           size_t size_max)
{
    struct writer writer = {.begin = out, .at = out + window};
    put_fields(&writer, message);
    return finish(&writer, out, window, size_max);
}

static size_t write_message(uint8_t *out, size_t room, const ProtobufCMessage *message,
                            size_t size_max)
{
    size_t window = WINDOW_FIRST_BYTES;
    for (;; window *= WINDOW_GROWTH) {
        if (window > room) window = room;
        size_t written = write_within(out, window, message, size_max);
        if (written > 0) return written;
        if (window == room) break;
    }
    size_t size = protobuf_c_message_get_packed_size(message);
    return size == 0 || size > size_max ? 0 : size + WIRE_LENGTH_BYTES;
}

static void put_plain_event(struct writer *writer, const struct tn_event *event)
{
    uint8_t piece[EVENT_BYTES_MAX];
    if ((size_t)(writer->at - writer->begin) >= sizeof piece) {
        writer->at = plain_event_before(writer->at, event);
    } else {
        const uint8_t *at = plain_event_before(piece + sizeof piece, event);
        put_bytes(writer, at, (size_t)(piece + sizeof piece - at));
    }
}

static void put_frame_soft(struct writer *writer, const struct wire_frame_soft *message)
{
    const uint8_t *const end = writer->at;
    put_number(writer, 3 << 3, message->tokens->queries);
    put_number(writer, 2 << 3, message->tokens->quotes);
    put_number(writer, 1 << 3, message->tokens->orders);
    put_head(writer, end, 7 << 3 | 2);
    for (size_t i = message->events_count; i-- > 0 && !writer->is_full;) {
        const uint8_t *event_end = writer->at;
        put_plain_event(writer, message->events[i]);
        put_head(writer, event_end, 6 << 3 | 2);
    }
    put_number(writer, 5 << 3, message->nonce);
    put_number(writer, 4 << 3, message->index);
    put_number(writer, 3 << 3, message->sequence);
    put_number(writer, 2 << 3, message->term);
    put_number(writer, 1 << 3, message->market);
    put_head(writer, end, TENOR__V1__FROM_NODE__BODY_FRAME_SOFT << 3 | 2);
    put_number(writer, 1 << 3, message->request);
}

size_t wire_write_frame_soft(uint8_t *out, size_t room, const struct wire_frame_soft *message)
{
    size_t window = WINDOW_FIRST_BYTES + message->events_count * EVENT_BYTES_USUAL;
    for (;; window *= WINDOW_GROWTH) {
        if (window > room) window = room;
        struct writer writer = {.begin = out, .at = out + window};
        put_frame_soft(&writer, message);
        size_t written = finish(&writer, out, window, WIRE_FROM_NODE_BYTES_MAX);
        if (written > 0 || window == room) return written;
    }
}

size_t wire_write_account_event(uint8_t out[WIRE_EVENT_BYTES], const struct tn_event *event)
{
    uint8_t piece[WIRE_EVENT_BYTES], *const end = piece + sizeof piece;
    const uint8_t *const at = head_before(plain_event_before(end, event), end, 3);
    memcpy(out, at, (size_t)(end - at));
    return (size_t)(end - at);
}

uint8_t *wire_write_account_around(size_t *message_size, uint8_t *events, size_t size,
                                   const struct wire_account_message *message)
{
    uint8_t piece[16], *const piece_end = piece + sizeof piece;
    const uint8_t *const time = number_before(piece_end, 4, message->time_ms);
    const size_t time_size = (size_t)(piece_end - time);
    memcpy(events + size, time, time_size);
    uint8_t *const end = events + size + time_size;
    uint8_t *at = number_before(events, 2, message->nonce);
    const uint8_t *place_end = at;
    at = number_before(at, 2, message->index);
    at = head_before(number_before(at, 1, message->block), place_end, 1);
    at = head_before(at, end, TENOR__V1__FROM_NODE__BODY_ACCOUNT_MESSAGE);
    const size_t body_size = (size_t)(end - at);
    for (unsigned i = 0; i < WIRE_LENGTH_BYTES; i++)
        *--at = (uint8_t)(body_size >> (8 * i));
    *message_size = body_size + WIRE_LENGTH_BYTES;
    return at;
}

size_t wire_account_events_size(const uint8_t *events, uint32_t count)
{
    const uint8_t *at = events;
    for (; count > 0; count--) {
        size_t size = 0;
        unsigned shift = 0;
        for (at++; *at >= 0x80; at++, shift += 7) /* behind the tag */
            size |= (size_t)(*at & 0x7f) << shift;
        size |= (size_t)*at++ << shift;
        at += size;
    }
    return (size_t)(at - events);
}

size_t wire_write_to_node(uint8_t *out, size_t room, const Tenor__V1__ToNode *message)
{
    return write_message(out, room, &message->base, WIRE_TO_NODE_BYTES_MAX);
}

size_t wire_write_from_node(uint8_t *out, size_t room, const Tenor__V1__FromNode *message)
{
    return write_message(out, room, &message->base, WIRE_FROM_NODE_BYTES_MAX);
}

void wire_error_fill(Tenor__V1__Error *error, uint32_t code, const char *text)
{
    tenor__v1__error__init(error);
    if (text == NULL) text = wire_error_text(code);
    error->code = code;
    error->text = (char *)(uintptr_t)(text != NULL ? text : "");
    error->retriable = wire_error_is_retriable(code);
}
