/* arguments: options by a table, and the help that comes out of the same table. */
#include "arguments.h"

#include "words.h"

#include <string.h>

#define OPTIONS_MAX 64
#define CHOICE_SIZE 64
#define NAME_WIDTH  26

#define NAME_SIZE 80

/* "tenor order place", "tenor-feed" */
static const char *name_of(char out[NAME_SIZE], const struct arguments *arguments)
{
    const char *program = arguments->program == NULL ? "tenor" : arguments->program;
    const char *words = arguments->command->words;
    snprintf(out, NAME_SIZE, "%s%s%s", program, words[0] == '\0' ? "" : " ", words);
    return out;
}

static void complain(FILE *err, const struct arguments *arguments, const char *what,
                     const char *text)
{
    char name[NAME_SIZE];
    name_of(name, arguments);
    fprintf(err, "%s: %s '%.80s'; see %s --help\n", name, what, text, name);
}

static const struct argument *find(const struct arguments *arguments, const char *name)
{
    for (size_t i = 0; i < arguments->own_count; i++) {
        if (strcmp(arguments->own[i].name, name) == 0) return &arguments->own[i];
    }
    for (size_t i = 0; i < arguments->common_count; i++) {
        if (strcmp(arguments->common[i].name, name) == 0) return &arguments->common[i];
    }
    return NULL;
}

static void unknown(FILE *err, const struct arguments *arguments, const char *name)
{
    const char *names[OPTIONS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < arguments->own_count && count < OPTIONS_MAX; i++)
        names[count++] = arguments->own[i].name;
    for (size_t i = 0; i < arguments->common_count && count < OPTIONS_MAX; i++)
        names[count++] = arguments->common[i].name;
    const char *nearest = words_nearest(name, names, count);
    if (nearest == NULL) {
        complain(err, arguments, "unknown option", name);
        return;
    }
    char own[NAME_SIZE];
    fprintf(err, "%s: unknown option '%.80s'; did you mean %s?\n", name_of(own, arguments), name,
            nearest);
}

/* ---- Values -----------------------------------------------------------------------------------
 */

static bool read_number(uint64_t *value, uint64_t most, const char *text)
{
    uint64_t number = 0;
    if (*text == '\0') return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') return false;
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(*text - '0'), &number)) {
            return false;
        }
    }
    if (number > most) return false;
    *value = number;
    return true;
}

static bool read_choice(uint32_t *value, const char *choices, const char *text)
{
    size_t length = strlen(text);
    for (uint32_t i = 0; length > 0; i++) {
        size_t one = strcspn(choices, "|");
        if (one == length && memcmp(choices, text, one) == 0) {
            *value = i;
            return true;
        }
        if (choices[one] == '\0') return false;
        choices += one + 1;
    }
    return false;
}

static bool take_value(FILE *err, const struct arguments *arguments,
                       const struct argument *argument, const char *text)
{
    char name[NAME_SIZE];
    name_of(name, arguments);
    switch (argument->kind) {
        case ARGUMENT_TEXT: *(const char **)argument->value = text; return true;
        case ARGUMENT_NUMBER:
            if (read_number(argument->value, argument->most, text)) return true;
            fprintf(err, "%s: %s takes a whole number up to %llu, not '%.40s'\n", name,
                    argument->name, (unsigned long long)argument->most, text);
            return false;
        case ARGUMENT_COUNT:
            if (read_number(argument->value, argument->most, text) &&
                *(uint64_t *)argument->value > 0) {
                return true;
            }
            fprintf(err, "%s: %s takes a whole number from 1 to %llu, not '%.40s'\n", name,
                    argument->name, (unsigned long long)argument->most, text);
            return false;
        case ARGUMENT_CHOICE:
            if (read_choice(argument->value, argument->takes, text)) return true;
            fprintf(err, "%s: %s takes %s, not '%.40s'\n", name, argument->name, argument->takes,
                    text);
            return false;
        case ARGUMENT_FLAG: *(bool *)argument->value = true; return true;
    }
    return false;
}

/* ---- Reading ----------------------------------------------------------------------------------
 */

static bool is_option(const char *text)
{
    return text[0] == '-' && text[1] != '\0' && (text[1] < '0' || text[1] > '9') && text[1] != '.';
}

static bool take_word(FILE *err, struct arguments *arguments, const char *text)
{
    if (arguments->words_count < arguments->words_max &&
        arguments->words_count < ARGUMENTS_WORDS_MAX) {
        arguments->words[arguments->words_count++] = text;
        return true;
    }
    char name[NAME_SIZE];
    name_of(name, arguments);
    fprintf(err, "%s: nothing more is expected at '%.80s'; usage: %s%s%s [OPTION...]\n", name, text,
            name, arguments->command->takes[0] == '\0' ? "" : " ", arguments->command->takes);
    return false;
}

static bool wants_help(int count, char *const *texts)
{
    for (int i = 0; i < count && strcmp(texts[i], "--") != 0; i++) {
        if (strcmp(texts[i], "--help") == 0 || strcmp(texts[i], "-h") == 0) return true;
    }
    return false;
}

bool arguments_read(struct arguments *arguments, FILE *err, int count, char *const *texts)
{
    bool only_words = false;
    arguments->words_count = 0;
    arguments->help_wanted = wants_help(count, texts);
    if (arguments->help_wanted) return true;
    for (int i = 0; i < count; i++) {
        const char *text = texts[i];
        if (only_words || !is_option(text)) {
            if (!take_word(err, arguments, text)) return false;
            continue;
        }
        if (strcmp(text, "--") == 0) {
            only_words = true;
            continue;
        }
        const struct argument *argument = find(arguments, text);
        if (argument == NULL) {
            unknown(err, arguments, text);
            return false;
        }
        if (argument->kind == ARGUMENT_FLAG) {
            *(bool *)argument->value = true;
        } else if (i + 1 == count || find(arguments, texts[i + 1]) != NULL) {
            complain(err, arguments, "an option without its value", text);
            return false;
        } else if (!take_value(err, arguments, argument, texts[++i])) {
            return false;
        }
    }
    if (arguments->words_count >= arguments->words_min) return true;
    char name[NAME_SIZE];
    name_of(name, arguments);
    fprintf(err, "%s: something is missing; usage: %s %s\n", name, name, arguments->command->takes);
    return false;
}

/* ---- Help -------------------------------------------------------------------------------------
 */

static void print_options(FILE *out, const struct argument *options, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char name[CHOICE_SIZE];
        int length = snprintf(name, sizeof name, "%s %s", options[i].name,
                              options[i].takes == NULL ? "" : options[i].takes);
        if (length > NAME_WIDTH) {
            fprintf(out, "  %s\n", name);
            name[0] = '\0';
        }
        fprintf(out, "  %-*s %s\n", NAME_WIDTH, name, options[i].help);
    }
}

void arguments_help(FILE *out, const struct arguments *arguments)
{
    const struct command *command = arguments->command;
    char name[NAME_SIZE];
    fprintf(out, "usage: %s%s%s [OPTION...]\n\n%s\n", name_of(name, arguments),
            command->takes[0] == '\0' ? "" : " ", command->takes, command->help);
    if (arguments->own_count > 0) {
        fputs("\n", out);
        print_options(out, arguments->own, arguments->own_count);
    }
    if (arguments->common_count > 0) {
        fputs("\n", out);
        print_options(out, arguments->common, arguments->common_count);
    }
    fputs("\nexample:\n", out);
    for (const char *at = command->example; *at != '\0';) {
        size_t length = strcspn(at, "\n");
        fprintf(out, "  %.*s\n", (int)length, at);
        at += length + (at[length] == '\n');
    }
}
