/* Values of settings: text to number and back, with units, and what a value may be.
 *
 * A duration is a number and one of ms, s, min, h; a size a number and one of B, KiB, MiB, GiB.
 * Neither may go without: whoever writes 30 must say of what. */
#include "settings/table.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const struct unit {
    const char *name;
    uint64_t factor;
} durations[] = {{"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}},
  sizes[] = {
      {"B", 1}, {"KiB", UINT64_C(1) << 10}, {"MiB", UINT64_C(1) << 20}, {"GiB", UINT64_C(1) << 30}};
enum { UNITS = 4 };

__attribute__((format(printf, 2, 3))) static bool refuse(char problem[SETTINGS_PROBLEM_SIZE],
                                                         const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem, SETTINGS_PROBLEM_SIZE, format, arguments);
    va_end(arguments);
    return false;
}

static void *field_of(struct settings *settings, const struct setting *setting)
{
    return (char *)settings + setting->place;
}
static const void *field_in(const struct settings *settings, const struct setting *setting)
{
    return (const char *)settings + setting->place;
}

static size_t size_of(const struct setting *setting)
{
    switch (setting->kind) {
        case SETTING_BOOL: return sizeof(bool);
        case SETTING_INTEGER:
        case SETTING_DURATION:
        case SETTING_SIZE: return sizeof(uint64_t);
        case SETTING_ADDRESS:
        case SETTING_TEXT: return SETTINGS_TEXT_SIZE;
        case SETTING_PATH: return SETTINGS_PATH_SIZE;
        case SETTING_CHOICE: return sizeof(uint8_t);
    }
    return 0;
}

/* ---- Numbers with units ------------------------------------------------------------------------
 */

static const struct unit *units_of(const struct setting *setting)
{
    return setting_kind(setting) == SETTING_SIZE ? sizes : durations;
}

/* The largest unit that leaves no rest. */
static void write_number(char *text, size_t room, const struct setting *setting, uint64_t number)
{
    if (setting_kind(setting) == SETTING_INTEGER) {
        snprintf(text, room, "%" PRIu64, number);
        return;
    }
    const struct unit *units = units_of(setting);
    uint32_t best = 0;
    for (uint32_t i = 1; i < UNITS && number > 0; i++) {
        if (number % units[i].factor == 0) best = i;
    }
    snprintf(text, room, "%" PRIu64 "%s", number / units[best].factor, units[best].name);
}

static bool take_in_range(struct settings *settings, char problem[SETTINGS_PROBLEM_SIZE],
                          const struct setting *setting, uint64_t number)
{
    char low[32], high[32];
    if (number >= setting->least && number <= setting->most) {
        memcpy(field_of(settings, setting), &number, sizeof number);
        return true;
    }
    write_number(low, sizeof low, setting, setting->least);
    write_number(high, sizeof high, setting, setting->most);
    return refuse(problem, "it must be from %s to %s", low, high);
}

/* "10s": digits and a unit. */
static bool take_with_unit(struct settings *settings, char problem[SETTINGS_PROBLEM_SIZE],
                           const struct setting *setting, const char *text)
{
    const struct unit *units = units_of(setting);
    const char *at = text;
    uint64_t number = 0;
    bool fits = true;
    for (; *at >= '0' && *at <= '9'; at++) {
        fits = fits && !__builtin_mul_overflow(number, UINT64_C(10), &number) &&
               !__builtin_add_overflow(number, (uint64_t)(*at - '0'), &number);
    }
    for (uint32_t i = 0; at > text && i < UNITS; i++) {
        const char *unit = *at == ' ' ? at + 1 : at;
        if (strcmp(unit, units[i].name) != 0) continue;
        if (!fits || __builtin_mul_overflow(number, units[i].factor, &number)) number = UINT64_MAX;
        return take_in_range(settings, problem, setting, number);
    }
    return refuse(problem, "it wants a whole number with a unit (%s, %s, %s or %s), like \"10%s\"",
                  units[0].name, units[1].name, units[2].name, units[3].name, units[1].name);
}

bool setting_take_number(struct settings *settings, char problem[SETTINGS_PROBLEM_SIZE],
                         const struct setting *setting, int64_t number)
{
    if (setting_kind(setting) == SETTING_INTEGER) {
        return take_in_range(settings, problem, setting,
                             number < 0 ? UINT64_MAX : (uint64_t)number);
    }
    if (setting->kind == SETTING_INTEGER) {
        const char *unit = units_of(setting)[1].name;
        return refuse(problem, "it wants a unit, in quotes, like \"10%s\"", unit);
    }
    return refuse(problem, "it is no number but %s", setting_kind_text(setting));
}

bool setting_take_bool(struct settings *settings, char problem[SETTINGS_PROBLEM_SIZE],
                       const struct setting *setting, bool truth)
{
    if (setting->kind != SETTING_BOOL) {
        return refuse(problem, "it is neither true nor false but %s", setting_kind_text(setting));
    }
    *(bool *)field_of(settings, setting) = truth;
    return true;
}

/* ---- Texts -------------------------------------------------------------------------------------
 */

bool setting_check_address(char problem[SETTINGS_PROBLEM_SIZE], const char *text,
                           unsigned long port_least)
{
    const char *colon = strrchr(text, ':');
    const char *close = strrchr(text, ']');
    unsigned long port = 0;
    bool is_good = colon != NULL && colon != text && colon[1] != '\0' && strlen(colon + 1) <= 5 &&
                   strspn(colon + 1, "0123456789") == strlen(colon + 1);
    if (is_good) port = strtoul(colon + 1, NULL, 10);
    if (is_good && (text[0] == '[' ? close == NULL || close + 1 != colon
                                   : memchr(text, ':', (size_t)(colon - text)) != NULL)) {
        return refuse(problem, "'%.100s': an address of IPv6 stands in [ ] before its port", text);
    }
    if (is_good && port >= port_least && port <= 65535 && strpbrk(text, " \t\n\"") == NULL)
        return true;
    return refuse(problem, "'%.100s' is not HOST:PORT", text);
}

bool setting_make_path(char path[SETTINGS_PATH_SIZE], char problem[SETTINGS_PROBLEM_SIZE],
                       const char *home, const char *text, size_t size)
{
    if (memchr(text, 0, size) != NULL || memchr(text, '\n', size) != NULL) {
        return refuse(problem, "it is no path");
    }
    if (size == 0) {
        path[0] = '\0';
        return true;
    }
    int length = text[0] == '/'
                     ? snprintf(path, SETTINGS_PATH_SIZE, "%.*s", (int)size, text)
                     : snprintf(path, SETTINGS_PATH_SIZE, "%s/%.*s", home, (int)size, text);
    if (length > 0 && (unsigned)length < SETTINGS_PATH_SIZE) return true;
    return refuse(problem, "the path is longer than %u bytes", SETTINGS_PATH_SIZE - 1);
}

static bool take_choice(struct settings *settings, char problem[SETTINGS_PROBLEM_SIZE],
                        const struct setting *setting, const char *text)
{
    char list[SETTINGS_TEXT_SIZE];
    for (uint8_t i = 0; setting->choices[i] != NULL; i++) {
        if (strcmp(setting->choices[i], text) != 0) continue;
        *(uint8_t *)field_of(settings, setting) = i;
        return true;
    }
    setting_write_range(list, setting);
    return refuse(problem, "'%.100s' is none of %s", text, list);
}

static bool take_plain(struct settings *settings, char problem[SETTINGS_PROBLEM_SIZE],
                       const struct setting *setting, const char *text, size_t size)
{
    /* The only text is the node's name, which clients read: as strictly as all that they read. */
    size_t room = setting->kind == SETTING_TEXT ? GATEWAY_NAME_SIZE : SETTINGS_TEXT_SIZE;
    if (size >= room) return refuse(problem, "it is longer than %zu bytes", room - 1);
    if (!wire_is_text((const uint8_t *)text, size)) {
        return refuse(problem, "it has a control character, or is not UTF-8");
    }
    if (setting->kind == SETTING_ADDRESS && size > 0 && !setting_check_address(problem, text, 0)) {
        return false;
    }
    memset(field_of(settings, setting), 0, SETTINGS_TEXT_SIZE);
    memcpy(field_of(settings, setting), text, size);
    return true;
}

bool setting_take_text(struct settings *settings, char problem[SETTINGS_PROBLEM_SIZE],
                       const struct setting *setting, const char *text, size_t size)
{
    if (memchr(text, 0, size) != NULL) return refuse(problem, "it has a zero byte");
    switch (setting_kind(setting)) {
        case SETTING_BOOL: return refuse(problem, "it wants true or false, without quotes");
        case SETTING_INTEGER: return refuse(problem, "it wants a whole number, without quotes");
        case SETTING_DURATION:
        case SETTING_SIZE: return take_with_unit(settings, problem, setting, text);
        case SETTING_ADDRESS:
        case SETTING_TEXT: return take_plain(settings, problem, setting, text, size);
        case SETTING_PATH:
            return setting_make_path(field_of(settings, setting), problem, settings->home, text,
                                     size);
        case SETTING_CHOICE: return take_choice(settings, problem, setting, text);
    }
    return false;
}

bool setting_take_word(struct settings *settings, char problem[SETTINGS_PROBLEM_SIZE],
                       const struct setting *setting, const char *word)
{
    char *end = NULL;
    if (setting->kind == SETTING_BOOL && strcmp(word, "true") == 0) {
        return setting_take_bool(settings, problem, setting, true);
    }
    if (setting->kind == SETTING_BOOL && strcmp(word, "false") == 0) {
        return setting_take_bool(settings, problem, setting, false);
    }
    if (setting_kind(setting) == SETTING_INTEGER && word[0] >= '0' && word[0] <= '9') {
        unsigned long long number = strtoull(word, &end, 10); /* too large: the largest */
        if (*end == '\0') return take_in_range(settings, problem, setting, number);
    }
    return setting_take_text(settings, problem, setting, word, strlen(word));
}

void setting_take_standard(struct settings *settings, const struct setting *setting)
{
    char problem[SETTINGS_PROBLEM_SIZE];
    const char *text = setting->standard_text;
    bool is_good = true;
    switch (setting->kind) {
        case SETTING_BOOL: *(bool *)field_of(settings, setting) = setting->standard != 0; break;
        case SETTING_CHOICE:
            *(uint8_t *)field_of(settings, setting) = (uint8_t)setting->standard;
            break;
        case SETTING_INTEGER:
        case SETTING_DURATION:
        case SETTING_SIZE:
            is_good = take_in_range(settings, problem, setting, setting->standard);
            break;
        case SETTING_ADDRESS:
        case SETTING_PATH:
        case SETTING_TEXT:
            is_good = setting_take_text(settings, problem, setting, text, strlen(text));
            break;
    }
    /* A home whose name leaves no room for its files' names is found out when one is opened. */
    TN_ASSERT(is_good || setting->kind == SETTING_PATH);
}

/* ---- Comparing and writing ---------------------------------------------------------------------
 */

bool setting_equal(const struct setting *setting, const struct settings *one,
                   const struct settings *other)
{
    const void *left = field_in(one, setting), *right = field_in(other, setting);
    size_t size = size_of(setting);
    bool is_text = size == SETTINGS_TEXT_SIZE || size == SETTINGS_PATH_SIZE;
    return is_text ? strcmp(left, right) == 0 : memcmp(left, right, size) == 0;
}

void setting_copy(struct settings *to, const struct setting *setting, const struct settings *from)
{
    memcpy(field_of(to, setting), field_in(from, setting), size_of(setting));
}

static void write_quoted(char text[SETTING_VALUE_SIZE], const char *value)
{
    size_t used = 0;
    text[used++] = '"';
    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;
        if (c < 0x20 || c == 0x7f) continue; /* no setting takes one; a home's name may have it */
        if (c == '"' || c == '\\') text[used++] = '\\';
        text[used++] = (char)c;
    }
    text[used++] = '"';
    text[used] = '\0';
}

void setting_write(char text[SETTING_VALUE_SIZE], const struct settings *settings,
                   const struct setting *setting)
{
    const void *field = field_in(settings, setting);
    const char *path;
    char number_text[32];
    uint64_t number;
    switch (setting_kind(setting)) {
        case SETTING_BOOL: strcpy(text, *(const bool *)field ? "true" : "false"); return;
        case SETTING_INTEGER:
            memcpy(&number, field, sizeof number);
            write_number(text, SETTING_VALUE_SIZE, setting, number);
            return;
        case SETTING_DURATION:
        case SETTING_SIZE:
            memcpy(&number, field, sizeof number);
            write_number(number_text, sizeof number_text, setting, number);
            write_quoted(text, number_text);
            return;
        case SETTING_ADDRESS:
        case SETTING_TEXT: write_quoted(text, field); return;
        case SETTING_PATH:
            path = field;
            write_quoted(text, strncmp(path, "./", 2) == 0 ? path + 2 : path);
            return;
        case SETTING_CHOICE: write_quoted(text, setting->choices[*(const uint8_t *)field]); return;
    }
}

const char *setting_kind_text(const struct setting *setting)
{
    switch (setting_kind(setting)) {
        case SETTING_BOOL: return "true or false";
        case SETTING_INTEGER: return "a whole number";
        case SETTING_DURATION: return "a duration";
        case SETTING_SIZE: return "a size";
        case SETTING_ADDRESS: return "an address, HOST:PORT";
        case SETTING_PATH: return "a path";
        case SETTING_TEXT: return "a text";
        case SETTING_CHOICE: return "a word";
    }
    return "?";
}

void setting_write_range(char text[SETTINGS_TEXT_SIZE], const struct setting *setting)
{
    char low[32], high[32];
    size_t used = 0;
    text[0] = '\0';
    if (setting->kind == SETTING_CHOICE) {
        for (uint32_t i = 0; setting->choices[i] != NULL && used < SETTINGS_TEXT_SIZE; i++) {
            int more = snprintf(text + used, SETTINGS_TEXT_SIZE - used, "%s%s", i == 0 ? "" : ", ",
                                setting->choices[i]);
            used += (size_t)more;
        }
    } else if (setting->kind == SETTING_INTEGER) {
        write_number(low, sizeof low, setting, setting->least);
        write_number(high, sizeof high, setting, setting->most);
        snprintf(text, SETTINGS_TEXT_SIZE, "%s to %s", low, high);
    } else {
        snprintf(text, SETTINGS_TEXT_SIZE, "%s", setting_kind_text(setting));
    }
}
