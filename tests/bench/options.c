/* Options of benches: read, or refused, before anything else is done. */
#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_word(const struct bench_option *option)
{
    return option->name[0] != '-';
}

static void print_usage(FILE *out, const char *bench, const struct bench_option *options,
                        size_t options_count)
{
    bool has_words = false;
    fprintf(out, "usage: %s", bench);
    for (size_t i = 0; i < options_count; i++) {
        has_words = has_words || is_word(&options[i]);
        if (is_word(&options[i])) continue;
        fprintf(out, options[i].value == NULL ? " [%s]" : " [%s %s]", options[i].name,
                options[i].value);
    }
    fputs(has_words ? " [FIGURE...]\n" : "\n", out);
}

static void print_help(const char *bench, const struct bench_option *options, size_t options_count)
{
    char left[64];
    print_usage(stdout, bench, options, options_count);
    fputc('\n', stdout);
    for (size_t i = 0; i < options_count; i++) {
        snprintf(left, sizeof left, "%s%s%s", options[i].name, options[i].value == NULL ? "" : " ",
                 options[i].value == NULL ? "" : options[i].value);
        printf("  %-20s %s\n", left, options[i].help);
    }
    puts("\nIt prints JSON lines: docs/performance.md says what they are compared with.");
}

static bool read_number(uint32_t *number, const struct bench_option *option, const char *text)
{
    char *end;
    errno = 0;
    const unsigned long value = strtoul(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-') return false;
    if (value < option->least || value > option->most) return false;
    *number = (uint32_t)value;
    return true;
}

/* Takes argv[*at], and its value with it; false after a complaint. */
static bool take(const char *bench, const struct bench_option *option, int *at, int argc,
                 char **argv)
{
    if (option->value == NULL) {
        *option->flag = true;
        return true;
    }
    if (*at + 1 == argc) {
        fprintf(stderr, "%s: %s needs a value\n", bench, option->name);
        return false;
    }
    const char *text = argv[++*at];
    if (option->text != NULL) {
        *option->text = text;
        return true;
    }
    if (read_number(option->number, option, text)) return true;
    fprintf(stderr, "%s: %s takes %u to %u, not '%s'\n", bench, option->name, option->least,
            option->most, text);
    return false;
}

static const struct bench_option *find(const struct bench_option *options, size_t options_count,
                                       const char *name)
{
    for (size_t i = 0; i < options_count; i++)
        if (strcmp(options[i].name, name) == 0) return &options[i];
    return NULL;
}

void bench_options_read(const char *bench, const struct bench_option *options, size_t options_count,
                        int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(bench, options, options_count);
            exit(fflush(stdout) == 0 ? 0 : 1);
        }
        const struct bench_option *option = find(options, options_count, argv[i]);
        bool is_good = option != NULL && take(bench, option, &i, argc, argv);
        if (is_good) continue;
        if (option == NULL) fprintf(stderr, "%s: unknown option '%s'\n", bench, argv[i]);
        print_usage(stderr, bench, options, options_count);
        exit(2);
    }
}
