/* A line of the log.
 *
 * Who says something says it in logfmt; here it gets its time, level and module, and becomes JSON
 * where no person reads: each word key=value a member, a value of digits a number. Words that are
 * none (a sentence by mistake) become one member "text", so the line is always one JSON object. */
#include "logger/line.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { CUT_ROOM = 16, NUMBER_MOST = 15 };

static const char *module_text(enum logger_module module)
{
    static const char *const texts[] = {
#define X(name, text, help) text,
        LOGGER_MODULE_TABLE(X)
#undef X
    };
    return texts[module];
}

static const char *const level_texts[LOGGER_LEVELS] = {"error", "warn", "info", "debug"};

static const char *level_text(enum logger_level level)
{
    return level_texts[level];
}

/* ---- Bytes into a line -------------------------------------------------------------------------
 */

struct line {
    char *bytes;
    size_t size, room; /* room: without what the end of a line that is cut needs */
    bool is_cut;
};

static void put(struct line *line, const char *bytes, size_t size)
{
    if (line->is_cut || size > line->room - line->size) {
        line->is_cut = true;
        return;
    }
    memcpy(line->bytes + line->size, bytes, size);
    line->size += size;
}

static void put_text(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

/* The bytes of one character; 0: it is none of UTF-8 (or its end was cut off). */
static size_t character_size(const unsigned char *bytes, size_t left)
{
    size_t size = bytes[0] < 0x80                       ? 1
                  : bytes[0] >= 0xc2 && bytes[0] < 0xe0 ? 2
                  : bytes[0] >= 0xe0 && bytes[0] < 0xf0 ? 3
                  : bytes[0] >= 0xf0 && bytes[0] < 0xf5 ? 4
                                                        : 0;
    if (size == 0 || size > left) return 0;
    for (size_t i = 1; i < size; i++) {
        if ((bytes[i] & 0xc0) != 0x80) return 0;
    }
    bool is_bad = (bytes[0] == 0xe0 && bytes[1] < 0xa0) || (bytes[0] == 0xed && bytes[1] > 0x9f) ||
                  (bytes[0] == 0xf0 && bytes[1] < 0x90) || (bytes[0] == 0xf4 && bytes[1] > 0x8f);
    return is_bad ? 0 : size;
}

/* Whole characters; '?' for what is none or controls. */
static void put_clean(struct line *line, const char *text, size_t size, bool escapes)
{
    for (size_t at = 0; at < size && !line->is_cut;) {
        const unsigned char *here = (const unsigned char *)text + at;
        size_t length = character_size(here, size - at);
        if (length == 0 || *here < 0x20 || *here == 0x7f) {
            put(line, "?", 1);
            at++;
            continue;
        }
        if (escapes && (*here == '"' || *here == '\\')) put(line, "\\", 1);
        put(line, text + at, length);
        at += length;
    }
}

static void put_time(struct line *line)
{
    char text[64];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    /* Days since 1970 as a date, by years that begin in March; no lock, as gmtime has. */
    int64_t days = (int64_t)now.tv_sec / 86400, second = (int64_t)now.tv_sec % 86400;
    int64_t shifted = days + 719468, era = shifted / 146097, day_of_era = shifted % 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153, day = day_of_year - (153 * month + 2) / 5 + 1;
    int64_t year = year_of_era + era * 400 + (month >= 10 ? 1 : 0);
    month = month < 10 ? month + 3 : month - 9;
    snprintf(text, sizeof text,
             "%04" PRId64 "-%02" PRId64 "-%02" PRId64 "T%02" PRId64 ":%02" PRId64 ":%02" PRId64
             ".%03ldZ",
             year, month, day, second / 3600, second / 60 % 60, second % 60, now.tv_nsec / 1000000);
    put_text(line, text);
}

/* ---- JSON --------------------------------------------------------------------------------------
 */

static bool is_number(const char *text, size_t size)
{
    size_t digits = size > 0 && text[0] == '-' ? size - 1 : size;
    const char *first = text + (size - digits);
    if (digits == 0 || digits > NUMBER_MOST || (digits > 1 && *first == '0')) return false;
    for (size_t i = 0; i < digits; i++) {
        if (first[i] < '0' || first[i] > '9') return false;
    }
    return true;
}

static bool is_key_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
}

static void put_string(struct line *line, const char *text, size_t size)
{
    put(line, "\"", 1);
    put_clean(line, text, size, true);
    put(line, "\"", 1);
}

/* A quoted value: its escapes are JSON's own (\" and \\). Answers the bytes with both quotes; 0: it
 * does not end. */
static size_t quoted_size(const char *text)
{
    for (size_t i = 1; text[i] != '\0'; i++) {
        if (text[i] == '\\' && (text[i + 1] == '"' || text[i + 1] == '\\')) {
            i++;
        } else if (text[i] == '\\') {
            return 0;
        } else if (text[i] == '"') {
            return i + 1;
        }
    }
    return 0;
}

/* One word key=value; answers its bytes, or 0: it is none, and nothing was put. */
static size_t put_member(struct line *line, const char *words)
{
    size_t key = 0;
    while (is_key_byte(words[key]))
        key++;
    if (key == 0 || words[key] != '=') return 0;
    const char *value = words + key + 1;
    size_t quoted = *value == '"' ? quoted_size(value) : 0;
    size_t bare = quoted > 0 ? quoted : strcspn(value, " ");
    size_t before = line->size;
    put(line, ",\"", 2);
    put(line, words, key);
    put(line, "\":", 2);
    if (quoted > 0) {
        put_clean(line, value, quoted, false);
    } else if (is_number(value, bare)) {
        put(line, value, bare);
    } else {
        put_string(line, value, bare);
    }
    if (line->is_cut) line->size = before; /* a member whole or not at all */
    return key + 1 + bare;
}

static void put_members(struct line *line, const char *words)
{
    while (*words != '\0' && !line->is_cut) {
        size_t taken = put_member(line, words);
        if (taken == 0) {
            size_t before = line->size;
            put_text(line, ",\"text\":");
            put_string(line, words, strlen(words));
            if (line->is_cut) line->size = before;
            return;
        }
        words += taken;
        while (*words == ' ')
            words++;
    }
}

/* ---- All of it ---------------------------------------------------------------------------------
 */

size_t line_make(char bytes[LOGGER_LINE_SIZE], bool *is_cut, bool is_json,
                 enum logger_module module, enum logger_level level, const char *words)
{
    struct line line = {.bytes = bytes, .room = LOGGER_LINE_SIZE - CUT_ROOM};
    put_text(&line, is_json ? "{\"time\":\"" : "time=");
    put_time(&line);
    put_text(&line, is_json ? "\",\"level\":\"" : " level=");
    put_text(&line, level_text(level));
    put_text(&line, is_json ? "\",\"module\":\"" : " module=");
    put_text(&line, module_text(module));
    put_text(&line, is_json ? "\"" : " ");
    if (is_json) {
        put_members(&line, words);
    } else {
        put_clean(&line, words, strlen(words), false);
    }
    *is_cut = line.is_cut || strlen(words) >= LOGGER_LINE_SIZE - 1;
    line.room = LOGGER_LINE_SIZE;
    line.is_cut = false;
    if (*is_cut) put_text(&line, is_json ? ",\"cut\":true" : " cut=true");
    put_text(&line, is_json ? "}\n" : "\n");
    return line.size;
}

void line_quote(char *words, size_t room, const char *head, const char *sentence)
{
    struct line line = {.bytes = words, .room = room - 2};
    put_text(&line, head);
    put(&line, "\"", 1);
    put_clean(&line, sentence, strlen(sentence), true);
    line.room = room;
    line.is_cut = false;
    put(&line, "\"", 1);
    words[line.size] = '\0';
}
