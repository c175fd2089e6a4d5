/* The strict reader: one pass over the bytes, led by protobuf-c's descriptions of the messages.
 *
 * A protobuf library takes several spellings of one message, fields that it does not know, and as
 * many empty elements as fit, each of which costs memory. Here each meaning has one spelling
 * (docs/specs/frame.md §2 says which, for payloads; the rules are the same): fields rise, stand
 * once, are known, are not zero, with the shortest varints. So whoever reads and writes again gets
 * the same bytes, and what a message costs in memory is bounded by the counts of limits.c before
 * any is taken.
 *
 * Invariants: `at` never passes the end of the message that is read, and elements of a list are
 * counted before their array is taken. A fault says the path of fields down to the place. */
#include "wire/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 6 /* messages in messages; client.proto needs 3 */

enum wire_type { VARINT = 0, EIGHT = 1, LENGTH = 2 };

/* One message that is being read. */
struct level {
    const ProtobufCMessageDescriptor *description;
    const ProtobufCFieldDescriptor *field; /* that is being read */
    size_t element, end;
};

struct reader {
    struct wire_arena *arena;
    struct wire_fault *fault;
    const uint8_t *bytes;
    size_t at;
    struct level levels[DEPTH_MAX];
    unsigned depth;
};

static struct level *level_of(struct reader *reader)
{
    return &reader->levels[reader->depth - 1];
}

/* ---- Faults ------------------------------------------------------------------------------------
 */

static void add_text(char *text, size_t room, size_t *used, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void add_text(char *text, size_t room, size_t *used, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int count = vsnprintf(text + *used, room - *used, format, arguments);
    va_end(arguments);
    if (count > 0) *used += (size_t)count < room - *used ? (size_t)count : room - *used - 1;
}

/* "get_margin.trials[3].price" */
static void add_path(const struct reader *reader, char *text, size_t room, size_t *used)
{
    for (unsigned i = 0; i < reader->depth; i++) {
        const struct level *level = &reader->levels[i];
        if (level->field == NULL) break;
        add_text(text, room, used, "%s%s", i > 0 ? "." : "", level->field->name);
        if (level->field->label == PROTOBUF_C_LABEL_REPEATED) {
            add_text(text, room, used, "[%zu]", level->element);
        }
    }
}

/* What is wrong is said of the field that is being read, at the byte `at`. */
static bool fail(struct reader *reader, enum wire_error code, size_t at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static bool fail(struct reader *reader, enum wire_error code, size_t at, const char *format, ...)
{
    char what[96];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);

    struct wire_fault *fault = reader->fault;
    *fault = (struct wire_fault){.code = code, .at = at};
    size_t used = 0;
    add_path(reader, fault->text, sizeof fault->text, &used);
    add_text(fault->text, sizeof fault->text, &used, "%s%s (byte %zu)", used > 0 ? ": " : "", what,
             at);
    return false;
}

static bool malformed(struct reader *reader, size_t at, const char *what)
{
    return fail(reader, WIRE_ERROR_MALFORMED, at, "%s", what);
}

static void *take(struct reader *reader, size_t count, size_t size)
{
    void *taken = wire_take(reader->arena, count * size);
    if (taken == NULL) {
        fail(reader, WIRE_ERROR_NO_ROOM, reader->at, "needs more memory than a message may have");
    }
    return taken;
}

/* ---- Numbers -----------------------------------------------------------------------------------
 */

static bool read_varint(struct reader *reader, uint64_t *value)
{
    size_t begin = reader->at;
    size_t end = level_of(reader)->end;
    uint64_t sum = 0;
    for (unsigned shift = 0;; shift += 7) {
        if (reader->at == end) return malformed(reader, begin, "a number is cut off");
        uint8_t byte = reader->bytes[reader->at++];
        if (shift == 63 && byte > 1) return malformed(reader, begin, "a number has over 64 bits");
        sum |= (uint64_t)(byte & 0x7f) << shift;
        if (byte & 0x80) continue;
        if (byte == 0 && shift > 0) {
            return malformed(reader, begin, "a number is written longer than it need be");
        }
        *value = sum;
        return true;
    }
}

static int64_t unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static bool is_known(const ProtobufCEnumDescriptor *description, uint64_t value)
{
    return value <= INT32_MAX &&
           protobuf_c_enum_descriptor_get_value(description, (int)value) != NULL;
}

/* A number as its field holds it; false: too wide, or no flag, or not of the enumeration. */
static bool store_varint(const ProtobufCFieldDescriptor *field, void *member, uint64_t value)
{
    switch (field->type) {
        case PROTOBUF_C_TYPE_UINT64: *(uint64_t *)member = value; return true;
        case PROTOBUF_C_TYPE_SINT64: *(int64_t *)member = unzigzag(value); return true;
        case PROTOBUF_C_TYPE_UINT32: *(uint32_t *)member = (uint32_t)value; break;
        case PROTOBUF_C_TYPE_SINT32: *(int32_t *)member = (int32_t)unzigzag(value); break;
        case PROTOBUF_C_TYPE_BOOL: *(protobuf_c_boolean *)member = value == 1; return value <= 1;
        case PROTOBUF_C_TYPE_ENUM:
            *(int *)member = (int)value;
            return is_known(field->descriptor, value);
        case PROTOBUF_C_TYPE_INT32:
        case PROTOBUF_C_TYPE_INT64:
        case PROTOBUF_C_TYPE_SFIXED32:
        case PROTOBUF_C_TYPE_FIXED32:
        case PROTOBUF_C_TYPE_FLOAT:
        case PROTOBUF_C_TYPE_SFIXED64:
        case PROTOBUF_C_TYPE_FIXED64:
        case PROTOBUF_C_TYPE_DOUBLE:
        case PROTOBUF_C_TYPE_STRING:
        case PROTOBUF_C_TYPE_BYTES:
        case PROTOBUF_C_TYPE_MESSAGE: TN_ASSERT(false); /* client.proto has none of these here */
    }
    return value <= UINT32_MAX;
}

static bool read_number(struct reader *reader, void *member)
{
    const ProtobufCFieldDescriptor *field = level_of(reader)->field;
    size_t begin = reader->at;
    uint64_t value;
    if (!read_varint(reader, &value)) return false;
    if (value == 0) return malformed(reader, begin, "is zero, and must then be left out");
    if (store_varint(field, member, value)) return true;
    return fail(reader, WIRE_ERROR_MALFORMED, begin, "%s",
                field->type == PROTOBUF_C_TYPE_ENUM   ? "is not one of the enumeration's"
                : field->type == PROTOBUF_C_TYPE_BOOL ? "is a flag, and neither 1 nor left out"
                                                      : "has over 32 bits");
}

static uint64_t eight_bytes(const uint8_t *bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

static bool read_fixed(struct reader *reader, uint64_t *member)
{
    if (level_of(reader)->end - reader->at < 8) {
        return malformed(reader, reader->at, "eight bytes are cut off");
    }
    *member = eight_bytes(reader->bytes + reader->at);
    if (*member == 0) return malformed(reader, reader->at, "is zero, and must then be left out");
    reader->at += 8;
    return true;
}

/* ---- What has a length -------------------------------------------------------------------------
 */

static bool read_length(struct reader *reader, size_t *size)
{
    size_t begin = reader->at;
    uint64_t value;
    if (!read_varint(reader, &value)) return false;
    if (value > level_of(reader)->end - reader->at) {
        return malformed(reader, begin, "is longer than what it stands in");
    }
    *size = (size_t)value;
    return true;
}

/* Elements, or bytes, against the limit of their field. */
static bool check_limit(struct reader *reader, const struct wire_limit *limit, size_t count,
                        const char *of)
{
    TN_ASSERT(limit != NULL);
    if (count >= limit->least && count <= limit->most) return true;
    if (limit->least == limit->most) {
        return fail(reader, WIRE_ERROR_MALFORMED, reader->at, "has %zu %s, not %u", count, of,
                    (unsigned)limit->most);
    }
    return fail(reader, WIRE_ERROR_MALFORMED, reader->at, "has %zu %s, not %u to %u", count, of,
                (unsigned)limit->least, (unsigned)limit->most);
}

static bool read_bytes(struct reader *reader, const struct wire_limit *limit, void *member)
{
    bool is_text = level_of(reader)->field->type == PROTOBUF_C_TYPE_STRING;
    size_t size;
    if (!read_length(reader, &size)) return false;
    if (size == 0) return malformed(reader, reader->at, "is empty, and must then be left out");
    if (!check_limit(reader, limit, size, "bytes")) return false;
    const uint8_t *from = reader->bytes + reader->at;
    if (is_text && !wire_is_text(from, size)) {
        return malformed(reader, reader->at, "is not text in UTF-8");
    }
    uint8_t *copy = take(reader, size + is_text, 1);
    if (copy == NULL) return false;
    memcpy(copy, from, size);
    if (is_text) {
        *(char **)member = (char *)copy;
    } else {
        *(ProtobufCBinaryData *)member = (ProtobufCBinaryData){.len = size, .data = copy};
    }
    reader->at += size;
    return true;
}

static bool read_message(struct reader *reader, ProtobufCMessage **message,
                         const ProtobufCMessageDescriptor *description, size_t end);

static bool read_nested(struct reader *reader, ProtobufCMessage **member)
{
    size_t size;
    if (!read_length(reader, &size)) return false;
    if (reader->depth == DEPTH_MAX) return malformed(reader, reader->at, "is nested too deeply");
    return read_message(reader, member, level_of(reader)->field->descriptor, reader->at + size);
}

/* ---- Lists -------------------------------------------------------------------------------------
 */

/* How many numbers are in these bytes, if they are well-formed? */
static size_t count_packed(const ProtobufCFieldDescriptor *field, const uint8_t *bytes, size_t size)
{
    if (field->type == PROTOBUF_C_TYPE_FIXED64) return size / 8;
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += (bytes[i] & 0x80) == 0;
    return count;
}

/* One number of a packed list, where zero is a number as any other. */
static bool read_element(struct reader *reader, void *values, size_t index)
{
    const ProtobufCFieldDescriptor *field = level_of(reader)->field;
    if (field->type == PROTOBUF_C_TYPE_FIXED64) {
        ((uint64_t *)values)[index] = eight_bytes(reader->bytes + reader->at);
        reader->at += 8;
        return true;
    }
    TN_ASSERT(field->type ==
              PROTOBUF_C_TYPE_UINT32); /* the protocol has no other lists of numbers */
    size_t begin = reader->at;
    uint64_t value;
    if (!read_varint(reader, &value)) return false;
    if (value > UINT32_MAX) return malformed(reader, begin, "has over 32 bits");
    ((uint32_t *)values)[index] = (uint32_t)value;
    return true;
}

/* Numbers one behind the other, as one field. */
static bool read_packed(struct reader *reader, const struct wire_limit *limit, size_t *count,
                        void *member)
{
    struct level *level = level_of(reader);
    bool is_fixed = level->field->type == PROTOBUF_C_TYPE_FIXED64;
    size_t size;
    if (!read_length(reader, &size)) return false;
    if (size == 0) return malformed(reader, reader->at, "is empty, and must then be left out");
    if (is_fixed && size % 8 != 0)
        return malformed(reader, reader->at, "is not of eight bytes each");
    *count = count_packed(level->field, reader->bytes + reader->at, size);
    if (!check_limit(reader, limit, *count, "elements")) return false;
    void *values = take(reader, *count, is_fixed ? sizeof(uint64_t) : sizeof(uint32_t));
    if (values == NULL) return false;

    size_t outer_end = level->end;
    level->end = reader->at + size;
    for (level->element = 0; reader->at < level->end; level->element++) {
        if (level->element == *count) return malformed(reader, reader->at, "a number is cut off");
        if (!read_element(reader, values, level->element)) return false;
    }
    level->end = outer_end;
    *(void **)member = values;
    return true;
}

/* Elements stand one right behind the other, each with the list's tag. Counts the tags; a broken
 * element ends the count, and is met again when it is read. */
static size_t count_messages(struct reader *reader, uint64_t tag)
{
    struct wire_fault ignored, *fault = reader->fault;
    size_t begin = reader->at, count = 0, size;
    uint64_t next = tag;
    reader->fault = &ignored;
    while (next == tag) {
        count++;
        if (!read_length(reader, &size)) break;
        reader->at += size;
        if (reader->at == level_of(reader)->end || !read_varint(reader, &next)) break;
    }
    reader->fault = fault;
    reader->at = begin;
    return count;
}

static bool read_messages(struct reader *reader, const struct wire_limit *limit, uint64_t tag,
                          size_t *count, void *member)
{
    struct level *level = level_of(reader);
    size_t elements_count = count_messages(reader, tag);
    if (!check_limit(reader, limit, elements_count, "elements")) return false;
    ProtobufCMessage **messages = take(reader, elements_count, sizeof(void *));
    if (messages == NULL) return false;

    for (level->element = 0; level->element < elements_count; level->element++) {
        uint64_t again = tag;
        if (level->element > 0 && !read_varint(reader, &again)) return false;
        TN_ASSERT(again == tag);
        if (!read_nested(reader, &messages[level->element])) return false;
    }
    *(ProtobufCMessage ***)member = messages;
    *count = elements_count;
    return true;
}

/* ---- Messages ----------------------------------------------------------------------------------
 */

/* Where a field's value is, and its count or case. */
static void *at_offset(ProtobufCMessage *message, unsigned offset)
{
    return (char *)message + offset;
}

static enum wire_type type_of(const ProtobufCFieldDescriptor *field)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED || field->type == PROTOBUF_C_TYPE_MESSAGE ||
        field->type == PROTOBUF_C_TYPE_BYTES || field->type == PROTOBUF_C_TYPE_STRING) {
        return LENGTH;
    }
    return field->type == PROTOBUF_C_TYPE_FIXED64 ? EIGHT : VARINT;
}

static const struct wire_limit *find_limit(const struct wire_limit *limits, uint32_t limits_count,
                                           uint32_t field)
{
    for (uint32_t i = 0; i < limits_count; i++) {
        if (limits[i].field == field) return &limits[i];
    }
    return NULL;
}

/* The value behind a tag that is right. */
static bool read_value(struct reader *reader, ProtobufCMessage *message, uint64_t tag,
                       const struct wire_limit *limit)
{
    const ProtobufCFieldDescriptor *field = level_of(reader)->field;
    void *member = at_offset(message, field->offset);
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t *count = at_offset(message, field->quantifier_offset);
        return field->type == PROTOBUF_C_TYPE_MESSAGE
                   ? read_messages(reader, limit, tag, count, member)
                   : read_packed(reader, limit, count, member);
    }
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        uint32_t *kind = at_offset(message, field->quantifier_offset);
        if (*kind != 0)
            return malformed(reader, reader->at, "stands beside another one of its kind");
        *kind = field->id;
    }
    switch (type_of(field)) {
        case VARINT: return read_number(reader, member);
        case EIGHT: return read_fixed(reader, member);
        case LENGTH: break;
    }
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) return read_nested(reader, member);
    return read_bytes(reader, limit, member);
}

/* The field that a tag names, from the `next`-th of the description on. */
static bool find_field(struct reader *reader, unsigned *next, uint64_t tag, size_t begin)
{
    struct level *level = level_of(reader);
    const ProtobufCMessageDescriptor *description = level->description;
    uint64_t number = tag >> 3;
    unsigned index = *next;
    while (index < description->n_fields && description->fields[index].id < number)
        index++;
    if (index == description->n_fields || description->fields[index].id != number) {
        bool is_back = *next > 0 && number <= description->fields[*next - 1].id;
        return fail(reader, WIRE_ERROR_MALFORMED, begin, "field %llu of %s %s",
                    (unsigned long long)number, description->short_name,
                    is_back ? "stands twice, or behind a higher one" : "is not known");
    }
    *next = index + 1;
    level->field = &description->fields[index];
    level->element = 0;
    if ((tag & 7) == type_of(level->field)) return true;
    return fail(reader, WIRE_ERROR_MALFORMED, begin, "has wire type %u, not %u",
                (unsigned)(tag & 7), (unsigned)type_of(level->field));
}

/* A field that must be there, and is not. */
static bool check_needed(struct reader *reader, const ProtobufCMessage *message,
                         const struct wire_limit *limits, uint32_t limits_count, uint64_t seen)
{
    for (uint32_t i = 0; i < limits_count; i++) {
        if (!limits[i].is_needed || seen >> limits[i].field & 1) continue;
        level_of(reader)->field =
            protobuf_c_message_descriptor_get_field(message->descriptor, limits[i].field);
        return malformed(reader, reader->at, "is needed, and not there");
    }
    return true;
}

static bool read_fields(struct reader *reader, ProtobufCMessage *message)
{
    struct level *level = level_of(reader);
    uint32_t limits_count;
    const struct wire_limit *limits = wire_limits_of(&limits_count, level->description);
    uint64_t seen = 0; /* numbers below 64: client.proto has no others */
    unsigned next = 0;
    while (reader->at < level->end) {
        size_t begin = reader->at;
        uint64_t tag;
        level->field = NULL;
        if (!read_varint(reader, &tag) || !find_field(reader, &next, tag, begin)) return false;
        TN_ASSERT(level->field->id < 64);
        seen |= UINT64_C(1) << level->field->id;
        const struct wire_limit *limit = find_limit(limits, limits_count, level->field->id);
        if (!read_value(reader, message, tag, limit)) return false;
    }
    level->field = NULL;
    return check_needed(reader, message, limits, limits_count, seen);
}

/* Reads from `at` to the end that is given, as a message of its own. */
static bool read_message(struct reader *reader, ProtobufCMessage **message,
                         const ProtobufCMessageDescriptor *description, size_t end)
{
    ProtobufCMessage *made = take(reader, 1, description->sizeof_message);
    if (made == NULL) return false;
    protobuf_c_message_init(description, made);
    TN_ASSERT(reader->depth < DEPTH_MAX);
    reader->levels[reader->depth++] = (struct level){.description = description, .end = end};
    if (!read_fields(reader, made)) return false;
    TN_ASSERT(reader->at == end);
    reader->depth--;
    *message = made;
    return true;
}

static bool read_whole(struct wire_arena *arena, ProtobufCMessage **message,
                       struct wire_fault *fault, const uint8_t *bytes, size_t size, size_t size_max,
                       const ProtobufCMessageDescriptor *description)
{
    struct reader reader = {.arena = arena, .fault = fault, .bytes = bytes};
    wire_arena_clear(arena);
    if (size > size_max) {
        return fail(&reader, WIRE_ERROR_TOO_LARGE, 0, "has %zu bytes, more than %zu", size,
                    size_max);
    }
    if (read_message(&reader, message, description, size)) return true;
    wire_arena_clear(arena);
    return false;
}

static bool no_body(struct wire_arena *arena, struct wire_fault *fault, size_t size)
{
    wire_arena_clear(arena);
    struct reader reader = {.fault = fault};
    return fail(&reader, WIRE_ERROR_NO_BODY, size, "the message has no body");
}

bool wire_read_to_node(struct wire_arena *arena, Tenor__V1__ToNode **message,
                       struct wire_fault *fault, const uint8_t *bytes, size_t size)
{
    ProtobufCMessage *made;
    wire_arena_clear(arena);
    if (wire_read_frame(arena, message, bytes, size)) return true;
    if (!read_whole(arena, &made, fault, bytes, size, WIRE_TO_NODE_BYTES_MAX,
                    &tenor__v1__to_node__descriptor)) {
        return false;
    }
    *message = (Tenor__V1__ToNode *)made;
    if ((*message)->body_case != TENOR__V1__TO_NODE__BODY__NOT_SET) return true;
    return no_body(arena, fault, size);
}

bool wire_read_from_node(struct wire_arena *arena, Tenor__V1__FromNode **message,
                         struct wire_fault *fault, const uint8_t *bytes, size_t size)
{
    ProtobufCMessage *made;
    if (!read_whole(arena, &made, fault, bytes, size, WIRE_FROM_NODE_BYTES_MAX,
                    &tenor__v1__from_node__descriptor)) {
        return false;
    }
    *message = (Tenor__V1__FromNode *)made;
    if ((*message)->body_case != TENOR__V1__FROM_NODE__BODY__NOT_SET) return true;
    return no_body(arena, fault, size);
}
