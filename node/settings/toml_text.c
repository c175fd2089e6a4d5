/* The strings of TOML: basic and literal, of one line or of many.
 *
 * What a string means is never longer than how it is written, so the document's texts have a room
 * that was taken once: twice its size, for the zero behind each. The source is valid UTF-8 with
 * "\r\n" only where a line ends; toml.c saw to that. */
#include "settings/toml_internal.h"

#include "tenor/base.h"

#include <string.h>

static void put(struct toml_reader *reader, char c)
{
    TN_ASSERT(reader->texts_used < reader->document->texts_size);
    reader->document->texts[reader->texts_used++] = c;
}

static void begin(struct toml_reader *reader, struct toml_text *text)
{
    text->bytes = reader->document->texts + reader->texts_used;
}

static void end(struct toml_reader *reader, struct toml_text *text)
{
    text->size = (uint32_t)(reader->document->texts + reader->texts_used - text->bytes);
    put(reader, '\0');
}

bool toml_keep(struct toml_reader *reader, struct toml_text *text, uint32_t from, uint32_t size)
{
    begin(reader, text);
    for (uint32_t i = 0; i < size; i++)
        put(reader, reader->source[from + i]);
    end(reader, text);
    return true;
}

static void put_point(struct toml_reader *reader, uint32_t point)
{
    if (point < 0x80) {
        put(reader, (char)point);
    } else if (point < 0x800) {
        put(reader, (char)(0xc0 | point >> 6));
        put(reader, (char)(0x80 | (point & 0x3f)));
    } else if (point < 0x10000) {
        put(reader, (char)(0xe0 | point >> 12));
        put(reader, (char)(0x80 | (point >> 6 & 0x3f)));
        put(reader, (char)(0x80 | (point & 0x3f)));
    } else {
        put(reader, (char)(0xf0 | point >> 18));
        put(reader, (char)(0x80 | (point >> 12 & 0x3f)));
        put(reader, (char)(0x80 | (point >> 6 & 0x3f)));
        put(reader, (char)(0x80 | (point & 0x3f)));
    }
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* \uXXXX or \UXXXXXXXX; the reader stands behind the letter. */
static bool read_point(struct toml_reader *reader, uint32_t digits)
{
    uint32_t point = 0, from = reader->at - 2;
    for (uint32_t i = 0; i < digits; i++) {
        int digit = digit_of(toml_here(reader));
        if (digit < 0) return toml_refuse(reader, from, "an escape with too few hex digits");
        point = point << 4 | (uint32_t)digit;
        reader->at++;
    }
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
        return toml_refuse(reader, from, "an escape that names no character");
    }
    put_point(reader, point);
    return true;
}

/* A backslash at the end of a line: it and all white space up to the next word are not there. */
static bool skip_fold(struct toml_reader *reader, uint32_t from)
{
    toml_skip_blanks(reader);
    if (reader->at == reader->size) return true; /* the string does not end: found out later */
    char c = toml_here(reader);
    if (c != '\n' && c != '\r')
        return toml_refuse(reader, from, "a backslash that escapes nothing");
    while (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        reader->at++;
        c = toml_here(reader);
    }
    return true;
}

static bool read_escape(struct toml_reader *reader, bool many_lines)
{
    static const char letters[] = "btnfr\"\\", meanings[] = "\b\t\n\f\r\"\\";
    uint32_t from = reader->at++;
    char c = toml_here(reader);
    if (many_lines && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
        return skip_fold(reader, from);
    }
    const char *letter = c == '\0' ? NULL : strchr(letters, c);
    reader->at++;
    if (letter != NULL) {
        put(reader, meanings[letter - letters]);
        return true;
    }
    if (c == 'u') return read_point(reader, 4);
    if (c == 'U') return read_point(reader, 8);
    return toml_refuse(reader, from, "an unknown escape; a path wants '…' quotes");
}

/* The character here, as it is. */
static bool read_plain(struct toml_reader *reader, bool many_lines)
{
    unsigned char c = (unsigned char)toml_here(reader);
    if (c == '\r') c = (unsigned char)reader->source[++reader->at]; /* a line ends: "\r\n" */
    if (c == '\n' && !many_lines) {
        return toml_refuse(reader, reader->at, "the line ends inside a string");
    }
    if ((c < 0x20 && c != '\t' && c != '\n') || c == 0x7f) {
        return toml_refuse(reader, reader->at, "a control character in a string");
    }
    put(reader, (char)c);
    reader->at++;
    return true;
}

/* The reader is behind the quote that opens it. */
static bool read_one_line(struct toml_reader *reader, struct toml_text *text, char quote,
                          uint32_t from)
{
    begin(reader, text);
    while (reader->at < reader->size) {
        char c = toml_here(reader);
        if (c == quote) {
            reader->at++;
            end(reader, text);
            return true;
        }
        bool is_good =
            c == '\\' && quote == '"' ? read_escape(reader, false) : read_plain(reader, false);
        if (!is_good) return false;
    }
    return toml_refuse(reader, from, "a string that does not end");
}

/* The reader is behind the three quotes that open it. Up to two more quotes may stand right before
 * the three that end it. */
static bool read_many_lines(struct toml_reader *reader, struct toml_text *text, char quote,
                            uint32_t from)
{
    const char quotes[] = {quote, quote, quote, '\0'};
    begin(reader, text);
    if (toml_here(reader) == '\r') reader->at++;
    if (toml_here(reader) == '\n') reader->at++;
    while (reader->at < reader->size) {
        if (toml_starts(reader, quotes)) {
            reader->at += 3;
            for (uint32_t i = 0; i < 2 && toml_here(reader) == quote; i++) {
                put(reader, quote);
                reader->at++;
            }
            end(reader, text);
            return true;
        }
        bool is_good = toml_here(reader) == '\\' && quote == '"' ? read_escape(reader, true)
                                                                 : read_plain(reader, true);
        if (!is_good) return false;
    }
    return toml_refuse(reader, from, "a string that does not end");
}

bool toml_read_string(struct toml_reader *reader, struct toml_text *text, bool many_lines)
{
    uint32_t from = reader->at;
    char quote = toml_here(reader);
    const char quotes[] = {quote, quote, quote, '\0'};
    if (many_lines && toml_starts(reader, quotes)) {
        reader->at += 3;
        return read_many_lines(reader, text, quote, from);
    }
    reader->at++;
    return read_one_line(reader, text, quote, from);
}
