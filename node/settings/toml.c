/* A TOML document as one tree.
 *
 * Values stand in an array in the order in which they were read and are linked as children of their
 * table or array; a value's place in the array never changes, so the reader holds indices. Which
 * table may still grow is the hard part of TOML, and is kept in each table: `explicit` is one that
 * a header has named, or a dotted key in an earlier section; `frozen` is what was written inline,
 * with all below it. Nothing outside the tree is needed, and the depth is bounded. */
#include "settings/toml_internal.h"

#include "tenor/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_value(struct toml_reader *reader, uint32_t index);

/* ---- Places ------------------------------------------------------------------------------------
 */

static void find_place(const char *source, uint32_t at, uint32_t *line, uint32_t *column)
{
    *line = *column = 1;
    for (uint32_t i = 0; i < at; i++) {
        if (source[i] == '\n') {
            ++*line;
            *column = 1;
        } else if (((unsigned char)source[i] & 0xc0) != 0x80) {
            ++*column;
        }
    }
}

void toml_place(const struct toml_document *document, uint32_t *line, uint32_t *column, uint32_t at)
{
    TN_ASSERT(at <= document->source_size);
    find_place(document->source, at, line, column);
}

bool toml_refuse(struct toml_reader *reader, uint32_t at, const char *what)
{
    find_place(reader->source, at, &reader->fault->line, &reader->fault->column);
    snprintf(reader->fault->text, sizeof reader->fault->text, "%s", what);
    return false;
}

const char *toml_kind_text(enum toml_kind kind)
{
    switch (kind) {
        case TOML_TABLE: return "a table";
        case TOML_ARRAY: return "a list";
        case TOML_STRING: return "a text";
        case TOML_INTEGER: return "a whole number";
        case TOML_FLOAT: return "a number with a fraction";
        case TOML_BOOL: return "true or false";
        case TOML_DATE: return "a date";
    }
    return "?";
}

/* ---- Bytes -------------------------------------------------------------------------------------
 */

/* How many bytes of a character follow its first; 4: it is none that may begin one. */
static uint32_t following(unsigned char c)
{
    if (c < 0x80) return 0;
    if (c >= 0xc2 && c <= 0xdf) return 1;
    if (c >= 0xe0 && c <= 0xef) return 2;
    if (c >= 0xf0 && c <= 0xf4) return 3;
    return 4;
}

/* The shortest form only, no surrogates, nothing above U+10FFFF. */
static bool is_character(const unsigned char *bytes, size_t left)
{
    uint32_t count = following(bytes[0]);
    if (count == 4 || count >= left) return false;
    for (uint32_t i = 1; i <= count; i++) {
        if ((bytes[i] & 0xc0) != 0x80) return false;
    }
    return !((bytes[0] == 0xe0 && bytes[1] < 0xa0) || (bytes[0] == 0xed && bytes[1] > 0x9f) ||
             (bytes[0] == 0xf0 && bytes[1] < 0x90) || (bytes[0] == 0xf4 && bytes[1] > 0x8f));
}

static bool check_bytes(struct toml_reader *reader)
{
    const unsigned char *bytes = (const unsigned char *)reader->source;
    for (uint32_t i = 0; i < reader->size; i += 1 + following(bytes[i])) {
        if (bytes[i] == 0) return toml_refuse(reader, i, "a zero byte: this is no text");
        if (bytes[i] == '\r' && (i + 1 == reader->size || bytes[i + 1] != '\n')) {
            return toml_refuse(reader, i, "a carriage return that ends no line");
        }
        if (!is_character(bytes + i, reader->size - i)) {
            return toml_refuse(reader, i, "bytes that are no UTF-8");
        }
    }
    return true;
}

bool toml_starts(const struct toml_reader *reader, const char *text)
{
    size_t length = strlen(text);
    return length <= reader->size - reader->at &&
           memcmp(reader->source + reader->at, text, length) == 0;
}

void toml_skip_blanks(struct toml_reader *reader)
{
    while (toml_here(reader) == ' ' || toml_here(reader) == '\t')
        reader->at++;
}

static bool skip_comment(struct toml_reader *reader)
{
    if (toml_here(reader) != '#') return true;
    for (; reader->at < reader->size; reader->at++) {
        unsigned char c = (unsigned char)toml_here(reader);
        if (c == '\n' || c == '\r') return true;
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return toml_refuse(reader, reader->at, "a control character in a comment");
        }
    }
    return true;
}

/* White space, line ends and comments, as they may stand between the values of a list. */
static bool skip_lines(struct toml_reader *reader)
{
    for (;;) {
        char c = toml_here(reader);
        if (c == '#') {
            if (!skip_comment(reader)) return false;
        } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            reader->at++;
        } else {
            return true;
        }
    }
}

static bool end_line(struct toml_reader *reader)
{
    toml_skip_blanks(reader);
    if (!skip_comment(reader)) return false;
    if (toml_here(reader) == '\r') reader->at++;
    if (reader->at == reader->size) return true;
    if (toml_here(reader) != '\n') {
        return toml_refuse(reader, reader->at, "something behind the end of the statement");
    }
    reader->at++;
    return true;
}

/* ---- The tree ----------------------------------------------------------------------------------
 */

static struct toml_value *value_at(struct toml_reader *reader, uint32_t index)
{
    TN_ASSERT(index < reader->document->values_count);
    return &reader->document->values[index];
}

/* A new last child; 0: there is no room. */
static uint32_t add_child(struct toml_reader *reader, uint32_t parent, enum toml_kind kind,
                          uint32_t at)
{
    struct toml_document *document = reader->document;
    if (document->values_count == TOML_VALUES_MAX) {
        toml_refuse(reader, at, "too many values in one document");
        return 0;
    }
    TN_ASSERT(document->values_count < document->values_room);
    uint32_t index = document->values_count++;
    document->values[index] = (struct toml_value){.kind = kind, .at = at};
    struct toml_value *above = value_at(reader, parent);
    if (above->first == 0) {
        above->first = index;
    } else {
        value_at(reader, above->last)->next = index;
    }
    above->last = index;
    return index;
}

/* 0: the table has no such key. */
static uint32_t find_child(struct toml_reader *reader, uint32_t parent, const struct toml_text *key)
{
    uint32_t index = value_at(reader, parent)->first;
    while (index != 0) {
        const struct toml_value *child = value_at(reader, index);
        if (child->key.size == key->size && memcmp(child->key.bytes, key->bytes, key->size) == 0) {
            return index;
        }
        index = child->next;
    }
    return 0;
}

struct part {
    struct toml_text name;
    uint32_t at;
};
struct path {
    struct part parts[TOML_DEPTH_MAX];
    uint32_t count;
};

static bool is_bare(char c)
{
    return toml_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '-';
}

static bool read_part(struct toml_reader *reader, struct part *part)
{
    char c = toml_here(reader);
    part->at = reader->at;
    if (c == '"' || c == '\'') return toml_read_string(reader, &part->name, false);
    while (is_bare(toml_here(reader)))
        reader->at++;
    if (reader->at == part->at) return toml_refuse(reader, reader->at, "a key is expected here");
    return toml_keep(reader, &part->name, part->at, reader->at - part->at);
}

/* a . "b" . c; blanks behind it are taken too. */
static bool read_path(struct toml_reader *reader, struct path *path)
{
    path->count = 0;
    for (;;) {
        if (path->count == TOML_DEPTH_MAX) {
            return toml_refuse(reader, reader->at, "a key of too many parts");
        }
        if (!read_part(reader, &path->parts[path->count])) return false;
        path->count++;
        toml_skip_blanks(reader);
        if (toml_here(reader) != '.') return true;
        reader->at++;
        toml_skip_blanks(reader);
    }
}

/* One step down: the table of that key, made when there is none. 0 after a refusal. */
static uint32_t enter(struct toml_reader *reader, uint32_t table, const struct part *part,
                      bool may_enter_lists)
{
    uint32_t index = find_child(reader, table, &part->name);
    if (index == 0) {
        index = add_child(reader, table, TOML_TABLE, part->at);
        if (index != 0) value_at(reader, index)->key = part->name;
        return index;
    }
    const struct toml_value *child = value_at(reader, index);
    if (child->is_frozen) {
        toml_refuse(reader, part->at, "this was written inline and cannot grow");
        return 0;
    }
    if (child->kind == TOML_ARRAY && may_enter_lists) return child->last;
    if (child->kind == TOML_TABLE) return index;
    toml_refuse(reader, part->at, "this key has a value already and is no table");
    return 0;
}

/* ---- Keys and values ---------------------------------------------------------------------------
 */

/* The table that a dotted key's last part stands in. In a section (not inline) it may not reach
 * into a table that another header or section has made. */
static uint32_t enter_dotted(struct toml_reader *reader, uint32_t table, const struct path *path,
                             bool is_inline)
{
    for (uint32_t i = 0; i + 1 < path->count; i++) {
        table = enter(reader, table, &path->parts[i], false);
        if (table == 0) return 0;
        struct toml_value *value = value_at(reader, table);
        if (is_inline) continue;
        if (value->is_explicit || (value->section != 0 && value->section != reader->section)) {
            toml_refuse(reader, path->parts[i].at, "this table was made elsewhere in the file");
            return 0;
        }
        value->section = reader->section;
    }
    return table;
}

/* key = value, in a table that has been entered. */
static bool read_pair(struct toml_reader *reader, uint32_t table, bool is_inline)
{
    struct path path;
    if (!read_path(reader, &path)) return false;
    if (toml_here(reader) != '=') return toml_refuse(reader, reader->at, "'=' is expected here");
    reader->at++;
    toml_skip_blanks(reader);
    /* Nothing is put in its place before it is whole: it may be refused. */
    const struct part *last = &path.parts[path.count - 1];
    uint32_t parent = enter_dotted(reader, table, &path, is_inline);
    if (parent == 0 && path.count > 1) return false;
    if (find_child(reader, parent, &last->name) != 0) {
        return toml_refuse(reader, last->at, "this key stands here twice");
    }
    uint32_t index = add_child(reader, parent, TOML_TABLE, last->at);
    if (index == 0) return false;
    value_at(reader, index)->key = last->name;
    return read_value(reader, index);
}

static bool read_list(struct toml_reader *reader, uint32_t index)
{
    uint32_t from = reader->at++;
    value_at(reader, index)->kind = TOML_ARRAY;
    for (;;) {
        if (!skip_lines(reader)) return false;
        if (toml_here(reader) == ']') break;
        if (reader->at == reader->size) {
            return toml_refuse(reader, from, "a list that does not end");
        }
        uint32_t child = add_child(reader, index, TOML_TABLE, reader->at);
        if (child == 0 || !read_value(reader, child) || !skip_lines(reader)) return false;
        if (toml_here(reader) == ',') {
            reader->at++;
        } else if (reader->at < reader->size && toml_here(reader) != ']') {
            return toml_refuse(reader, reader->at, "',' or ']' is expected in a list");
        }
    }
    reader->at++;
    return true;
}

static bool read_inline(struct toml_reader *reader, uint32_t index)
{
    reader->at++;
    value_at(reader, index)->kind = TOML_TABLE;
    toml_skip_blanks(reader);
    if (toml_here(reader) == '}') {
        reader->at++;
        return true;
    }
    for (;;) {
        if (!read_pair(reader, index, true)) return false;
        toml_skip_blanks(reader);
        char c = toml_here(reader);
        if (c != ',' && c != '}') {
            return toml_refuse(reader, reader->at, "',' or '}' is expected in an inline table");
        }
        reader->at++;
        if (c == '}') return true;
        toml_skip_blanks(reader);
    }
}

/* The value that begins here, into a place in the tree. */
static bool read_value(struct toml_reader *reader, uint32_t index)
{
    bool is_good;
    if (reader->depth == TOML_DEPTH_MAX) {
        return toml_refuse(reader, reader->at, "lists and tables stand too deep in each other");
    }
    reader->depth++;
    switch (toml_here(reader)) {
        case '"':
        case '\'':
            value_at(reader, index)->kind = TOML_STRING;
            is_good = toml_read_string(reader, &value_at(reader, index)->as.text, true);
            break;
        case '[': is_good = read_list(reader, index); break;
        case '{': is_good = read_inline(reader, index); break;
        default: is_good = toml_read_scalar(reader, value_at(reader, index)); break;
    }
    reader->depth--;
    const enum toml_kind kind = value_at(reader, index)->kind;
    if (is_good && (kind == TOML_ARRAY || kind == TOML_TABLE)) {
        value_at(reader, index)->is_frozen = true;
    }
    return is_good;
}

/* ---- Sections ----------------------------------------------------------------------------------
 */

static bool declare_table(struct toml_reader *reader, uint32_t parent, const struct part *part,
                          uint32_t *table)
{
    uint32_t index = find_child(reader, parent, &part->name);
    if (index == 0) {
        index = add_child(reader, parent, TOML_TABLE, part->at);
        if (index == 0) return false;
        value_at(reader, index)->key = part->name;
    }
    struct toml_value *value = value_at(reader, index);
    if (value->kind != TOML_TABLE) {
        return toml_refuse(reader, part->at, "this key has a value already and is no table");
    }
    if (value->is_explicit || value->is_frozen || value->section != 0) {
        return toml_refuse(reader, part->at, "this table is in the file already");
    }
    value->is_explicit = true;
    *table = index;
    return true;
}

/* One more table of a list of tables. */
static bool declare_list(struct toml_reader *reader, uint32_t parent, const struct part *part,
                         uint32_t *table)
{
    uint32_t index = find_child(reader, parent, &part->name);
    if (index == 0) {
        index = add_child(reader, parent, TOML_ARRAY, part->at);
        if (index == 0) return false;
        value_at(reader, index)->key = part->name;
        value_at(reader, index)->is_explicit = true;
    }
    const struct toml_value *list = value_at(reader, index);
    if (list->kind != TOML_ARRAY || list->is_frozen) {
        return toml_refuse(reader, part->at,
                           "this key has a value already and is no list of tables");
    }
    *table = add_child(reader, index, TOML_TABLE, part->at);
    return *table != 0;
}

/* [a.b] or [[a.b]]: the table in which the next keys stand. */
static bool read_header(struct toml_reader *reader, uint32_t *table)
{
    struct path path;
    bool is_list = toml_starts(reader, "[[");
    uint32_t at = 0;
    reader->at += is_list ? 2 : 1;
    reader->section++;
    toml_skip_blanks(reader);
    if (!read_path(reader, &path)) return false;
    if (!toml_starts(reader, is_list ? "]]" : "]")) {
        return toml_refuse(reader, reader->at,
                           is_list ? "']]' is expected here" : "']' is expected here");
    }
    reader->at += is_list ? 2 : 1;
    for (uint32_t i = 0; i + 1 < path.count; i++) {
        at = enter(reader, at, &path.parts[i], true);
        if (at == 0) return false;
    }
    const struct part *last = &path.parts[path.count - 1];
    return is_list ? declare_list(reader, at, last, table) : declare_table(reader, at, last, table);
}

static bool read_document(struct toml_reader *reader)
{
    uint32_t table = 0;
    while (reader->at < reader->size) {
        toml_skip_blanks(reader);
        char c = toml_here(reader);
        if (c == '[') {
            if (!read_header(reader, &table)) return false;
        } else if (reader->at < reader->size && c != '\n' && c != '\r' && c != '#') {
            if (!read_pair(reader, table, false)) return false;
        }
        if (!end_line(reader)) return false;
    }
    return true;
}

bool toml_read(struct toml_document *document, struct toml_fault *fault, const char *source,
               size_t size)
{
    struct toml_reader reader = {
        .document = document, .fault = fault, .source = source, .section = 1};
    *document = (struct toml_document){.source = source, .source_size = size};
    *fault = (struct toml_fault){.line = 1, .column = 1};
    if (size > TOML_SIZE_MAX) return toml_refuse(&reader, 0, "a document of more than 1 MiB");
    reader.size = (uint32_t)size;
    if (!check_bytes(&reader)) return false;
    document->texts_size = 2 * size + 2;
    document->texts = malloc(document->texts_size);
    /* Each value is at least one byte of the source; the document itself is one more. */
    document->values_room = size < TOML_VALUES_MAX ? (uint32_t)size + 1 : TOML_VALUES_MAX;
    document->values = malloc(document->values_room * sizeof *document->values);
    if (document->texts == NULL || document->values == NULL) {
        toml_free(document);
        return toml_refuse(&reader, 0, "out of memory");
    }
    document->values[0] = (struct toml_value){.kind = TOML_TABLE};
    document->values_count = 1;
    if (read_document(&reader)) return true;
    toml_free(document);
    return false;
}

void toml_free(struct toml_document *document)
{
    free(document->values);
    free(document->texts);
    document->values = NULL;
    document->texts = NULL;
}
