/* What the files of the TOML reader share. */
#ifndef NODE_SETTINGS_TOML_INTERNAL_H
#define NODE_SETTINGS_TOML_INTERNAL_H

#include "settings/toml.h"

struct toml_reader {
    struct toml_document *document;
    struct toml_fault *fault;
    const char *source;
    uint32_t size;
    uint32_t at;
    uint32_t depth;
    uint32_t section; /* headers so far: a dotted key's tables are open in their own section only */
    size_t texts_used;
};

/* Says what is wrong at a byte; always false. */
bool toml_refuse(struct toml_reader *reader, uint32_t at, const char *what);

/* The byte here; 0 at the end (a zero byte of the source was refused before). */
static inline char toml_here(const struct toml_reader *reader)
{
    return reader->at < reader->size ? reader->source[reader->at] : '\0';
}
static inline char toml_ahead(const struct toml_reader *reader, uint32_t offset)
{
    return reader->at + offset < reader->size ? reader->source[reader->at + offset] : '\0';
}
bool toml_starts(const struct toml_reader *reader, const char *text);
void toml_skip_blanks(struct toml_reader *reader);
static inline bool toml_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* toml_text.c: one string, of any of the four kinds when many_lines, else of the two that stand in
 * one line. */
bool toml_read_string(struct toml_reader *reader, struct toml_text *text, bool many_lines);
/* Takes bytes that are there already, ended by a zero. */
bool toml_keep(struct toml_reader *reader, struct toml_text *text, uint32_t from, uint32_t size);

/* toml_scalar.c: a number, a truth, a date or a time. */
bool toml_read_scalar(struct toml_reader *reader, struct toml_value *value);

#endif
