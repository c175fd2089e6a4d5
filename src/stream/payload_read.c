/* A client's payload as commands (docs/specs/frame.md): a protobuf decoder that accepts one
 * spelling for each meaning, the one that every encoder writes. The bytes are signed and hashed as
 * they came, so a second spelling would be a second frame.
 *
 * Each message is read along its table: a field must be further down than the one before, so order,
 * duplicates, unknown numbers and wrong wire types are one comparison of a tag. A nested message
 * narrows reader->size to its end, so nothing reads past it. Nesting ends where the tables do,
 * three deep below a command; memory is the scratch, whatever the bytes say. */
#include "stream/payload.h"

_Static_assert(TN_PAYLOAD_COMMANDS_MAX <= TN_COMMANDS_CODE_MAX, "they go to the same scratch");
_Static_assert(TN_PAYLOAD_QUOTES_MAX <= TN_QUOTES_FRAME_MAX, "they go to the same scratch");

struct payload_reader {
    struct reader bytes;
    struct tn_stream_scratch *scratch;
    uint32_t quotes_count; /* of all commands so far */
};

static bool get_long_varint(struct reader *reader, uint64_t *value, size_t begin)
{
    *value = 0;
    for (uint32_t shift = 0;; shift += 7) {
        if (!need(reader, 1)) return false;
        uint8_t byte = get_u8(reader);
        if (shift == 63 && byte > 1) return refuse(reader, begin, "a number of more than 64 bits");
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            if (byte != 0 || shift == 0) return true;
            return refuse(reader, begin, "a number with more bytes than it needs");
        }
    }
}

static inline bool get_varint(struct reader *reader, uint64_t *value)
{
    size_t begin = reader->at;
    if (begin < reader->size && reader->bytes[begin] < 0x80) { /* most have one byte */
        *value = reader->bytes[begin];
        reader->at = begin + 1;
        return true;
    }
    return get_long_varint(reader, value, begin);
}

static bool get_fixed64(struct reader *reader, uint64_t *value)
{
    if (!need(reader, 8)) return false;
    *value = __builtin_bswap64(get_u64(reader));
    return true;
}

static void store(uint8_t *place, uint64_t value, uint32_t width)
{
    uint8_t u8 = (uint8_t)value;
    uint16_t u16 = (uint16_t)value;
    uint32_t u32 = (uint32_t)value;
    switch (width) {
        case 1: memcpy(place, &u8, 1); return;
        case 2: memcpy(place, &u16, 2); return;
        case 4: memcpy(place, &u32, 4); return;
        default: TN_ASSERT(width == 8); memcpy(place, &value, 8);
    }
}

static bool get_scalar(struct reader *reader, const struct field *field, uint8_t *base)
{
    size_t begin = reader->at;
    uint64_t value;
    bool is_fixed = field->type == FIELD_FIXED64;
    if (!(is_fixed ? get_fixed64(reader, &value) : get_varint(reader, &value))) return false;
    if (value == 0) return refuse(reader, begin, "a zero that is to be left out");
    if (field->type == FIELD_FLAG && value != 1) {
        return refuse(reader, begin, "a flag that is not 1");
    }
    if (field->width < 8 && value >> 8 * field->width != 0) {
        return refuse(reader, begin, "a number that is too large for its field");
    }
    if (field->type == FIELD_SINT) value = (uint64_t)unzigzag(value);
    store(base + field->offset, value, field->width);
    return true;
}

/* A length, and the reader narrowed to what it says; *end is where it was to end before. */
static bool enter(struct reader *reader, size_t *end)
{
    size_t begin = reader->at;
    uint64_t size;
    *end = reader->size;
    if (!get_varint(reader, &size)) return false;
    if (size > reader->size - reader->at) {
        return refuse(reader, begin, "a message that is longer than what it stands in");
    }
    reader->size = reader->at + (size_t)size;
    return true;
}

static void leave(struct reader *reader, size_t end)
{
    TN_ASSERT(reader->at == reader->size);
    reader->size = end;
}

/* The bytes stay where they are. */
static bool get_bytes64(struct reader *reader, const struct field *field, uint8_t *base)
{
    size_t begin = reader->at;
    uint64_t size;
    if (!get_varint(reader, &size)) return false;
    if (size != TN_SIGNATURE_SIZE) return refuse(reader, begin, "a signature that is not 64 bytes");
    if (!need(reader, TN_SIGNATURE_SIZE)) return false;
    const uint8_t *found = reader->bytes + reader->at;
    memcpy(base + field->offset, &found, sizeof(found));
    reader->at += TN_SIGNATURE_SIZE;
    return true;
}

/* The place of the next element of a list; NULL when it is full. */
static uint8_t *next_leg(const struct field *field, uint8_t *base)
{
    uint32_t count;
    memcpy(&count, base + field->count_offset, sizeof(count));
    if (count == TN_PACKAGE_LEGS_MAX) return NULL;
    uint8_t *leg = base + field->offset + count * sizeof(struct tn_leg);
    count++;
    memcpy(base + field->count_offset, &count, sizeof(count));
    return leg;
}

static uint8_t *next_quote(struct payload_reader *payload, uint8_t *base)
{
    struct tn_mass_quote asked;
    memcpy(&asked, base, sizeof(asked));
    if (asked.quotes_count == TN_QUOTES_MAX) return NULL;
    if (payload->quotes_count == TN_PAYLOAD_QUOTES_MAX) return NULL;
    struct tn_quote *quote = &payload->scratch->as.frame.quotes[payload->quotes_count++];
    if (asked.quotes_count++ == 0) asked.quotes = quote;
    memcpy(base, &asked, sizeof(asked));
    return (uint8_t *)quote;
}

/* A number of eight bytes at most, not 0 and no longer than it must be; else NULL. */
static inline const uint8_t *plain_varint(const uint8_t *at, const uint8_t *end, uint64_t *value)
{
    if (end - at >= 2 && at[1] < 0x80) { /* most have one or two bytes */
        const bool is_long = at[0] >= 0x80;
        *value = at[0];
        if (is_long) *value += ((uint64_t)at[1] << 7) - 0x80;
        return (is_long ? at[1] : at[0]) == 0 ? NULL : at + 1 + is_long;
    }
    *value = 0;
    for (uint32_t shift = 0; shift < 56 && at < end; shift += 7) {
        uint8_t byte = *at++;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return byte == 0 ? NULL : at;
    }
    return NULL;
}

/* Is a quote a series' id and so many signed numbers, all of eight bytes in the struct? */
enum { PLAIN_NUMBERS = 4 };

static bool is_plain_message(const struct message *message)
{
    if (message->fields_count != 1 + PLAIN_NUMBERS) return false;
    if (message->fields[0].type != FIELD_FIXED64) return false;
    for (uint32_t i = 1; i <= PLAIN_NUMBERS; i++) {
        if (message->fields[i].type != FIELD_SINT || message->fields[i].width != 8) return false;
    }
    return true;
}

/* A quote, from its length on, as nearly all are: no field is left out. Where it ends; NULL:
 * anything else, which is for get_message, and then the quote may hold anything. */
static inline const uint8_t *plain_quote(const uint8_t *at, const uint8_t *limit,
                                         const struct message *message, uint8_t *quote)
{
    const struct field *fields = message->fields;
    uint64_t value;
    if (at == limit || at[0] >= 0x80 || at[0] > limit - at - 1) return NULL;
    const uint8_t *end = at + 1 + at[0];
    at++;
    if (end - at < 9 || at[0] != fields[0].tag) return NULL;
    memcpy(&value, at + 1, 8);
    at += 9;
    if (value == 0) return NULL;
    value = __builtin_bswap64(BIG64(value)); /* little-endian on the wire */
    memcpy(quote + fields[0].offset, &value, 8);
#pragma GCC unroll 4
    for (uint32_t i = 1; i <= PLAIN_NUMBERS; i++) {
        if (at == end || *at++ != fields[i].tag) return NULL;
        at = plain_varint(at, end, &value);
        if (at == NULL) return NULL;
        value = (uint64_t)unzigzag(value);
        memcpy(quote + fields[i].offset, &value, 8);
    }
    return at == end ? end : NULL;
}

/* Behind a quote, reads those that come next, each with its tag, as long as they are plain ones and
 * there is room. The reader then stands where get_message goes on, which alone says what is wrong.
 */
static void get_plain_quotes(struct payload_reader *payload, const struct field *field,
                             uint8_t *base)
{
    struct reader *reader = &payload->bytes;
    const uint8_t *at = reader->bytes + reader->at, *limit = reader->bytes + reader->size;
    struct tn_quote *quotes = payload->scratch->as.frame.quotes;
    struct tn_mass_quote asked;
    memcpy(&asked, base, sizeof(asked));
    const uint32_t before = payload->quotes_count;
    uint32_t most = TN_QUOTES_MAX - asked.quotes_count;
    if (most > TN_PAYLOAD_QUOTES_MAX - before) most = TN_PAYLOAD_QUOTES_MAX - before;
    if (!is_plain_message(field->message)) return;
    uint32_t count = 0;
    while (count < most && at < limit && *at == field->tag) {
        const uint8_t *end =
            plain_quote(at + 1, limit, field->message, (uint8_t *)&quotes[before + count]);
        if (end == NULL) break;
        at = end;
        count++;
    }
    if (count == 0) return;
    asked.quotes_count += count;
    memcpy(base, &asked, sizeof(asked));
    payload->quotes_count = before + count;
    reader->at = (size_t)(at - reader->bytes);
}

static bool get_message(struct payload_reader *payload, const struct message *message,
                        uint8_t *base);

static bool get_field(struct payload_reader *payload, const struct field *field, uint8_t *base)
{
    struct reader *reader = &payload->bytes;
    size_t begin = reader->at, end;
    uint8_t *element = NULL;
    switch ((enum field_type)field->type) {
        case FIELD_UINT:
        case FIELD_FLAG:
        case FIELD_SINT:
        case FIELD_FIXED64: return get_scalar(reader, field, base);
        case FIELD_BYTES64: return get_bytes64(reader, field, base);
        case FIELD_PART: element = base + field->offset; break;
        case FIELD_LEGS: element = next_leg(field, base); break;
        case FIELD_QUOTES: element = next_quote(payload, base); break;
    }
    if (element == NULL) return refuse(reader, begin, "more quotes or legs than there may be");
    if (field->type == FIELD_QUOTES) memset(element, 0, sizeof(struct tn_quote));
    if (!enter(reader, &end) || !get_message(payload, field->message, element)) return false;
    leave(reader, end);
    return true;
}

/* The field of this tag among those from `next` on; fields_count: none. A part that stands before
 * it is not there. */
static uint32_t find_field(const struct message *message, uint32_t next, uint64_t tag)
{
    while (next < message->fields_count && message->fields[next].tag != tag) {
        if (message->fields[next].type == FIELD_PART) return message->fields_count;
        next++;
    }
    return next;
}

/* Up to reader->size. */
static bool get_message(struct payload_reader *payload, const struct message *message,
                        uint8_t *base)
{
    struct reader *reader = &payload->bytes;
    uint32_t next = 0;
    while (reader->at < reader->size) {
        size_t begin = reader->at;
        uint64_t tag;
        if (!get_varint(reader, &tag)) return false;
        next = find_field(message, next, tag);
        if (next == message->fields_count) {
            return refuse(reader, begin,
                          "a field that is unknown, of another type or out of place");
        }
        const struct field *field = &message->fields[next];
        if (!get_field(payload, field, base)) return false;
        if (field->type == FIELD_QUOTES) get_plain_quotes(payload, field, base);
        bool repeats = field->type == FIELD_LEGS || field->type == FIELD_QUOTES;
        if (!repeats) next++;
    }
    if (next < message->fields_count && message->fields[next].type == FIELD_PART) {
        return refuse(reader, reader->size, "a part of the command is not there");
    }
    return true;
}

static bool get_kind(struct payload_reader *payload, struct tn_command *command, uint64_t tag,
                     size_t begin)
{
    struct reader *reader = &payload->bytes;
    uint64_t kind = (tag >> 3) - 1;
    size_t end;
    if (tag >> 3 < 2 || kind > TN_COMMAND_REMIT || tag != kind_tag((uint32_t)kind)) {
        return refuse(reader, begin, "no such kind of command");
    }
    const struct kind_message *what = &tn_payload_kinds[kind];
    TN_ASSERT(what->message != NULL);
    command->kind = (uint8_t)kind;
    if (!enter(reader, &end)) return false;
    if (!get_message(payload, what->message, (uint8_t *)command + what->offset)) return false;
    leave(reader, end);
    return true;
}

/* A client id, or none, and then one kind. */
static bool get_command(struct payload_reader *payload, struct tn_command *command)
{
    static const struct field CLIENT_ID = {.tag = CLIENT_ID_TAG,
                                           .type = FIELD_UINT,
                                           .width = sizeof(command->client_id),
                                           .offset = offsetof(struct tn_command, client_id)};
    struct reader *reader = &payload->bytes;
    size_t begin = reader->at, end;
    uint64_t tag;
    memset(command, 0, sizeof(*command));
    if (!enter(reader, &end)) return false;
    if (reader->at == reader->size) return refuse(reader, begin, "a command of no kind");
    begin = reader->at;
    if (!get_varint(reader, &tag)) return false;
    if (tag == CLIENT_ID_TAG) {
        if (!get_scalar(reader, &CLIENT_ID, (uint8_t *)command)) return false;
        begin = reader->at;
        if (begin == reader->size) return refuse(reader, begin, "a command of no kind");
        if (!get_varint(reader, &tag)) return false;
    }
    if (!get_kind(payload, command, tag, begin)) return false;
    if (reader->at != reader->size) return refuse(reader, reader->at, "a command of two kinds");
    leave(reader, end);
    return true;
}

static bool get_commands(struct payload_reader *payload, struct tn_frame *frame)
{
    struct reader *reader = &payload->bytes;
    uint32_t count = 0;
    while (reader->at < reader->size) {
        size_t begin = reader->at;
        uint64_t tag;
        if (!get_varint(reader, &tag)) return false;
        if (tag != COMMANDS_TAG) {
            return refuse(reader, begin,
                          "a field that is unknown, of another type or out of place");
        }
        if (count == TN_PAYLOAD_COMMANDS_MAX) return refuse(reader, begin, "too many commands");
        if (!get_command(payload, &payload->scratch->as.frame.commands[count])) return false;
        count++;
    }
    if (count == 0) return refuse(reader, reader->size, "a payload without a command");
    frame->commands = payload->scratch->as.frame.commands;
    frame->commands_count = count;
    return true;
}

/* The fields before the commands; the reader stands at the first tag that is none of them. */
static bool get_head(struct payload_reader *payload, struct tn_frame *frame)
{
    struct reader *reader = &payload->bytes;
    uint32_t next = 0;
    while (reader->at < reader->size) {
        size_t begin = reader->at;
        uint64_t tag;
        if (!get_varint(reader, &tag)) return false;
        next = find_field(&tn_payload_head, next, tag);
        if (next == tn_payload_head.fields_count) {
            reader->at = begin;
            return true;
        }
        if (!get_scalar(reader, &tn_payload_head.fields[next], (uint8_t *)frame)) return false;
        next++;
    }
    return true;
}

bool tn_stream_read_payload(struct tn_frame *frame, struct tn_stream_fault *fault,
                            struct tn_stream_scratch *scratch, const uint8_t *bytes, size_t size)
{
    struct payload_reader payload = {.bytes = {.bytes = bytes, .size = size, .fault = fault},
                                     .scratch = scratch};
    struct tn_signature signature = frame->signature;
    if (size > TN_PAYLOAD_BYTES_MAX) return refuse(&payload.bytes, 0, "the payload is too large");
    *frame =
        (struct tn_frame){.payload = bytes, .payload_size = (uint32_t)size, .signature = signature};
    return get_head(&payload, frame) && get_commands(&payload, frame);
}

bool tn_stream_read_payload_head(struct tn_frame *frame, const uint8_t *bytes, size_t size)
{
    struct tn_stream_fault fault;
    struct payload_reader payload = {.bytes = {.bytes = bytes, .size = size, .fault = &fault}};
    *frame = (struct tn_frame){.payload = bytes, .payload_size = (uint32_t)size};
    return size <= TN_PAYLOAD_BYTES_MAX && get_head(&payload, frame);
}
