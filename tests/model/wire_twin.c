/* protobuf-c's answer, by looking at what it made of the bytes. It shares the table of limits with
 * wire, and nothing else: no varint, no UTF-8, no order of fields. */
#include "wire_twin.h"

#include <stdlib.h>
#include <string.h>

/* ---- Is it one? --------------------------------------------------------------------------------
 */

/* Decodes characters and says what they would be encoded as. */
static size_t encode(uint8_t out[4], uint32_t character)
{
    if (character < 0x80) return out[0] = (uint8_t)character, 1;
    size_t count = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    static const uint8_t heads[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = count - 1; i > 0; i--) {
        out[i] = (uint8_t)(0x80 | (character & 0x3f));
        character >>= 6;
    }
    out[0] = (uint8_t)(heads[count] | character);
    return count;
}

static bool is_text(const char *text)
{
    const uint8_t *at = (const uint8_t *)text;
    while (*at != 0) {
        size_t count = *at < 0x80 ? 1 : *at < 0xc0 ? 0 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;
        if (count == 0 || *at >= 0xf8) return false;
        uint32_t character = count == 1 ? *at : *at & (0xffu >> (count + 1));
        for (size_t i = 1; i < count; i++) {
            if (at[i] == 0) return false;
            character = character << 6 | (at[i] & 0x3f);
        }
        uint8_t again[4];
        bool is_surrogate = character >= 0xd800 && character < 0xe000;
        bool is_control = character < 0x20 || (character >= 0x7f && character < 0xa0);
        if (character > 0x10ffff || is_surrogate || is_control) return false;
        if (encode(again, character) != count || memcmp(again, at, count) != 0) return false;
        at += count;
    }
    return true;
}

static const void *member_of(const ProtobufCMessage *message, unsigned offset)
{
    return (const char *)message + offset;
}

static bool is_message(const ProtobufCMessage *message);

/* How much of it is there: elements, bytes, or one. */
static size_t count_of(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    const void *member = member_of(message, field->offset);
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        return *(const size_t *)member_of(message, field->quantifier_offset);
    }
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
        *(const uint32_t *)member_of(message, field->quantifier_offset) != field->id) {
        return 0;
    }
    if (field->type == PROTOBUF_C_TYPE_BYTES) return ((const ProtobufCBinaryData *)member)->len;
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        const char *text = *(const char *const *)member;
        return text == NULL ? 0 : strlen(text);
    }
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) return *(void *const *)member != NULL;
    return 1;
}

static bool is_field(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    size_t count = count_of(message, field);
    const void *member = member_of(message, field->offset);
    if (count == 0) return true;
    if (field->type == PROTOBUF_C_TYPE_STRING) return is_text(*(const char *const *)member);
    if (field->type == PROTOBUF_C_TYPE_ENUM) {
        return protobuf_c_enum_descriptor_get_value(field->descriptor, *(const int *)member) !=
               NULL;
    }
    if (field->type != PROTOBUF_C_TYPE_MESSAGE) return true;
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        return is_message(*(const ProtobufCMessage *const *)member);
    }
    const ProtobufCMessage *const *elements = *(const ProtobufCMessage *const *const *)member;
    for (size_t i = 0; i < count; i++) {
        if (!is_message(elements[i])) return false;
    }
    return true;
}

static bool is_message(const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *description = message->descriptor;
    uint32_t limits_count;
    const struct wire_limit *limits = wire_limits_of(&limits_count, description);
    if (message->n_unknown_fields > 0) return false;
    for (uint32_t i = 0; i < limits_count; i++) {
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field(description, limits[i].field);
        size_t count = count_of(message, field);
        if (count == 0 ? limits[i].is_needed : count < limits[i].least || count > limits[i].most) {
            return false;
        }
    }
    for (unsigned i = 0; i < description->n_fields; i++) {
        if (!is_field(message, &description->fields[i])) return false;
    }
    return true;
}

bool wire_twin_takes(const ProtobufCMessageDescriptor *description, const uint8_t *bytes,
                     size_t size)
{
    ProtobufCMessage *message = protobuf_c_message_unpack(description, NULL, size, bytes);
    if (message == NULL) return false;
    bool takes = protobuf_c_message_get_packed_size(message) == size;
    if (takes && size > 0) {
        uint8_t *again = malloc(size);
        protobuf_c_message_pack(message, again);
        takes = memcmp(again, bytes, size) == 0;
        free(again);
    }
    takes = takes && is_message(message);
    protobuf_c_message_free_unpacked(message, NULL);
    return takes;
}

/* ---- Random messages ---------------------------------------------------------------------------
 */

uint64_t wire_twin_random(uint64_t *random)
{
    uint64_t value = *random += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

/* Of any width, and not zero. */
static uint64_t number(uint64_t *random)
{
    uint64_t value = wire_twin_random(random);
    return value >> (wire_twin_random(random) % 64) | 1;
}

static size_t length(uint64_t *random, const struct wire_limit *limit)
{
    TN_ASSERT(limit != NULL);
    size_t most = wire_twin_random(random) % 64 == 0 ? 300 : 4;
    if (most > limit->most) most = limit->most;
    if (most < limit->least) return limit->least;
    return limit->least + wire_twin_random(random) % (most - limit->least + 1);
}

static void fill_scalar(void *member, uint64_t *random, const ProtobufCFieldDescriptor *field)
{
    uint64_t value = number(random);
    switch (field->type) {
        case PROTOBUF_C_TYPE_INT32:
        case PROTOBUF_C_TYPE_SINT32:
        case PROTOBUF_C_TYPE_SFIXED32:
        case PROTOBUF_C_TYPE_UINT32:
        case PROTOBUF_C_TYPE_FIXED32:
        case PROTOBUF_C_TYPE_FLOAT: *(uint32_t *)member = (uint32_t)value; return;
        case PROTOBUF_C_TYPE_INT64:
        case PROTOBUF_C_TYPE_SINT64:
        case PROTOBUF_C_TYPE_SFIXED64:
        case PROTOBUF_C_TYPE_UINT64:
        case PROTOBUF_C_TYPE_FIXED64:
        case PROTOBUF_C_TYPE_DOUBLE: *(uint64_t *)member = value; return;
        case PROTOBUF_C_TYPE_BOOL: *(protobuf_c_boolean *)member = 1; return;
        case PROTOBUF_C_TYPE_ENUM: {
            const ProtobufCEnumDescriptor *known = field->descriptor;
            *(int *)member = known->values[value % known->n_values].value;
            return;
        }
        case PROTOBUF_C_TYPE_STRING:
        case PROTOBUF_C_TYPE_BYTES:
        case PROTOBUF_C_TYPE_MESSAGE: break;
    }
    abort();
}

static void fill_bytes(struct wire_arena *arena, void *member, uint64_t *random,
                       const ProtobufCFieldDescriptor *field, const struct wire_limit *limit)
{
    size_t size = length(random, limit);
    uint8_t *bytes = wire_take(arena, size + 1);
    TN_ASSERT(bytes != NULL);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)wire_twin_random(random);
    if (field->type == PROTOBUF_C_TYPE_BYTES) {
        *(ProtobufCBinaryData *)member = (ProtobufCBinaryData){.len = size, .data = bytes};
        return;
    }
    static const uint8_t wide[] = "\xe2\x82\xac"; /* three bytes, one character */
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)('a' + bytes[i] % 26);
    if (size >= 3) memcpy(bytes, wide, 3);
    *(char **)member = (char *)bytes;
}

static void fill_list(struct wire_arena *arena, ProtobufCMessage *message, uint64_t *random,
                      const ProtobufCFieldDescriptor *field, const struct wire_limit *limit)
{
    void *member = (char *)message + field->offset;
    size_t count = length(random, limit);
    bool is_wide = field->type == PROTOBUF_C_TYPE_FIXED64;
    size_t size = field->type == PROTOBUF_C_TYPE_MESSAGE ? sizeof(void *)
                  : is_wide                              ? sizeof(uint64_t)
                                                         : sizeof(uint32_t);
    uint8_t *elements = wire_take(arena, count * size);
    TN_ASSERT(elements != NULL);
    for (size_t i = 0; i < count; i++) {
        if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
            ((ProtobufCMessage **)(void *)elements)[i] =
                wire_twin_make(arena, random, field->descriptor);
        } else if (wire_twin_random(random) % 8 != 0) { /* some stay zero */
            fill_scalar(elements + i * size, random, field);
        }
    }
    *(void **)member = elements;
    *(size_t *)(void *)((char *)message + field->quantifier_offset) = count;
}

static void fill_field(struct wire_arena *arena, ProtobufCMessage *message, uint64_t *random,
                       const ProtobufCFieldDescriptor *field, const struct wire_limit *limit)
{
    void *member = (char *)message + field->offset;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        fill_list(arena, message, random, field, limit);
    } else if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        *(ProtobufCMessage **)member = wire_twin_make(arena, random, field->descriptor);
    } else if (field->type == PROTOBUF_C_TYPE_BYTES || field->type == PROTOBUF_C_TYPE_STRING) {
        fill_bytes(arena, member, random, field, limit);
    } else {
        fill_scalar(member, random, field);
    }
}

/* The member of the oneof, if there is one, that is to be filled in. */
static uint32_t choose(uint64_t *random, const ProtobufCMessageDescriptor *description)
{
    uint32_t kinds[64], kinds_count = 0;
    for (unsigned i = 0; i < description->n_fields; i++) {
        if (description->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
            kinds[kinds_count++] = description->fields[i].id;
        }
    }
    return kinds_count == 0 ? 0 : kinds[wire_twin_random(random) % kinds_count];
}

ProtobufCMessage *wire_twin_make(struct wire_arena *arena, uint64_t *random,
                                 const ProtobufCMessageDescriptor *description)
{
    ProtobufCMessage *message = wire_take(arena, description->sizeof_message);
    TN_ASSERT(message != NULL);
    protobuf_c_message_init(description, message);
    uint32_t limits_count;
    const struct wire_limit *limits = wire_limits_of(&limits_count, description);
    uint32_t chosen = choose(random, description);
    for (unsigned i = 0; i < description->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &description->fields[i];
        const struct wire_limit *limit = NULL;
        for (uint32_t j = 0; j < limits_count; j++) {
            if (limits[j].field == field->id) limit = &limits[j];
        }
        bool is_one = (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
        bool is_needed = limit != NULL && limit->is_needed;
        if (is_one ? field->id != chosen : !is_needed && wire_twin_random(random) % 2 == 0)
            continue;
        if (is_one) *(uint32_t *)(void *)((char *)message + field->quantifier_offset) = chosen;
        fill_field(arena, message, random, field, limit);
    }
    return message;
}

void wire_twin_walk(const ProtobufCMessageDescriptor *description,
                    void (*visit)(void *context, const ProtobufCMessageDescriptor *kind),
                    void *context)
{
    const ProtobufCMessageDescriptor *seen[128] = {description};
    size_t seen_count = 1;
    for (size_t at = 0; at < seen_count; at++) {
        visit(context, seen[at]);
        for (unsigned i = 0; i < seen[at]->n_fields; i++) {
            const ProtobufCFieldDescriptor *field = &seen[at]->fields[i];
            if (field->type != PROTOBUF_C_TYPE_MESSAGE) continue;
            size_t other = 0;
            while (other < seen_count && seen[other] != field->descriptor)
                other++;
            TN_ASSERT(other < sizeof seen / sizeof seen[0]);
            if (other == seen_count) seen[seen_count++] = field->descriptor;
        }
    }
}
