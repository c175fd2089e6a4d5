/* toml: a strict reader of TOML 1.0 documents, with an own bound on everything.
 *
 * A document is read whole into one tree of values, whose texts live in memory that belongs to it.
 * What it takes and what it makes of it is what Python's tomllib does (a test compares the two),
 * but for three bounds: integers fit 64 bits, a document has TOML_VALUES_MAX values, and arrays and
 * tables stand at most TOML_DEPTH_MAX deep. */
#ifndef NODE_SETTINGS_TOML_H
#define NODE_SETTINGS_TOML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOML_VALUES_MAX   8192u
#define TOML_DEPTH_MAX    32u
#define TOML_SIZE_MAX     (1u << 20)
#define TOML_PROBLEM_SIZE 160u

enum toml_kind {
    TOML_TABLE,
    TOML_ARRAY,
    TOML_STRING,
    TOML_INTEGER,
    TOML_FLOAT,
    TOML_BOOL,
    TOML_DATE, /* a date, a time of day, or both */
};

struct toml_date {
    bool has_date, has_time, has_offset;
    uint16_t year;
    uint8_t month, day, hour, minute, second;
    uint32_t micros;
    int16_t offset_minutes;
};

/* A text may hold zero bytes; one more stands behind it. */
struct toml_text {
    const char *bytes;
    uint32_t size;
};

struct toml_value {
    enum toml_kind kind;
    uint32_t at;          /* byte of the document where its key, or it itself, begins */
    struct toml_text key; /* in a table */
    uint32_t next;        /* the one after it in its table or array; 0: none */
    uint32_t first, last; /* of a table or an array; 0: empty */
    uint32_t section;     /* the reader's: of a dotted key, where it was made */
    bool is_explicit, is_frozen;
    union {
        struct toml_text text;
        int64_t integer;
        double real;
        bool truth;
        struct toml_date date;
    } as;
};

struct toml_document {
    struct toml_value *values; /* [0] is the document's table */
    uint32_t values_count, values_room;
    const char *source; /* the caller's, for toml_place */
    size_t source_size;
    char *texts;
    size_t texts_size;
};

struct toml_fault {
    uint32_t line, column; /* from 1; a column is a character */
    char text[TOML_PROBLEM_SIZE];
};

/* Reads `size` bytes, which must live as long as the document. False: fault says where and what,
 * and there is nothing to free. Time: the square of how many keys one table has, else linear. */
bool toml_read(struct toml_document *document, struct toml_fault *fault, const char *source,
               size_t size);
void toml_free(struct toml_document *document);

/* Where a byte of the source stands. */
void toml_place(const struct toml_document *document, uint32_t *line, uint32_t *column,
                uint32_t at);

static inline const struct toml_value *toml_first(const struct toml_document *document,
                                                  const struct toml_value *parent)
{
    return parent->first == 0 ? NULL : &document->values[parent->first];
}
static inline const struct toml_value *toml_next(const struct toml_document *document,
                                                 const struct toml_value *value)
{
    return value->next == 0 ? NULL : &document->values[value->next];
}
const char *toml_kind_text(enum toml_kind kind);

#endif
