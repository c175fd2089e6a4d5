/* tenor: what a trader runs: orders, market data, money and proofs over a node; what-ifs and prices
 * without one.
 *
 * A table of commands (commands.c) of one or two words; the longer match wins, so that `account`
 * and `account open` live side by side. */
#include "commands.h"
#include "standard_files.h"
#include "words.h"

#include "tenor/base.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_MAX = 128, WORDS_WIDTH = 20 };

/* A bug: whatever a file or a node says, it must be refused before it gets here. */
_Noreturn void tn_panic(const char *file, int line, const char *what)
{
    fprintf(stderr, "tenor: bug at %s:%d: %s\n", file, line, what);
    abort();
}

static void print_help(FILE *out)
{
    fputs("usage: tenor COMMAND [OPTION...]\n\n", out);
    for (size_t i = 0; i < commands_count; i++)
        fprintf(out, "  %-*s %s\n", WORDS_WIDTH, commands[i].words, commands[i].help);
    fputs("\nEach command tells its options and an example: tenor COMMAND --help. --version says\n"
          "which program this is.\n"
          "A testnet's folder is named once by TENOR_NET, a key by TENOR_KEY; keys are in\n"
          "$TENOR_HOME, or ~/.tenor.\n"
          "It ends with 0 when it is done, 1 when disk or memory fails, 2 when the usage or a\n"
          "file is refused, 3 when it was rejected or a proof does not hold, 4 when no node could\n"
          "be reached, 5 when it is not known whether it was done.\n",
          out);
}

/* How many of the texts are the command's words; 0: it is another one. */
static int match(const struct command *command, int count, char *const *texts)
{
    const char *words = command->words;
    for (int used = 0; used < count; used++) {
        size_t length = strcspn(words, " ");
        if (strlen(texts[used]) != length || memcmp(words, texts[used], length) != 0) return 0;
        if (words[length] == '\0') return used + 1;
        words += length + 1;
    }
    return 0;
}

static const struct command *find(int *used, int count, char *const *texts)
{
    const struct command *found = NULL;
    *used = 0;
    for (size_t i = 0; i < commands_count; i++) {
        int one = match(&commands[i], count, texts);
        if (one > *used) {
            *used = one;
            found = &commands[i];
        }
    }
    return found;
}

static bool is_group(const char *text)
{
    for (size_t i = 0; i < commands_count; i++) {
        size_t length = strcspn(commands[i].words, " ");
        if (commands[i].words[length] == ' ' && strlen(text) == length &&
            memcmp(commands[i].words, text, length) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_help(const char *text)
{
    return text != NULL && (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0);
}

/* The commands of a group: asked for, or because the second word was none of them. */
static int group(const char *text, const char *next)
{
    size_t length = strlen(text);
    FILE *out = is_help(next) ? stdout : stderr;
    if (out == stdout) {
        printf("usage: tenor %s COMMAND [OPTION...]\n\n", text);
    } else if (next == NULL || next[0] == '-') {
        fprintf(out, "tenor %s: which of these?\n", text);
    } else {
        fprintf(out, "tenor %s: there is no '%.40s'; there are\n", text, next);
    }
    for (size_t i = 0; i < commands_count; i++) {
        if (strncmp(commands[i].words, text, length) == 0 && commands[i].words[length] == ' ') {
            fprintf(out, "  %-*s %s\n", WORDS_WIDTH, commands[i].words, commands[i].help);
        }
    }
    return out == stdout ? command_flush(stdout, stderr) : END_REFUSED;
}

/* The nearest command, by its words or, for a slip in the first of two, by those alone. */
static int unknown(FILE *err, const char *text, const char *next)
{
    const char *names[NAMES_MAX];
    char typed[80], firsts[NAMES_MAX / 2][WORDS_WIDTH];
    size_t count = 0;
    for (size_t i = 0; i < commands_count && count + 1 < NAMES_MAX; i++) {
        snprintf(firsts[i], WORDS_WIDTH, "%.*s", (int)strcspn(commands[i].words, " "),
                 commands[i].words);
        names[count++] = commands[i].words;
        names[count++] = firsts[i];
    }
    snprintf(typed, sizeof typed, "%.30s %.30s", text, next == NULL ? "" : next);
    const char *nearest = words_nearest(typed, names, count);
    if (nearest == NULL) nearest = words_nearest(text, names, count);
    if (nearest != NULL) {
        fprintf(err, "tenor: unknown command '%.40s'; did you mean %s?\n", text, nearest);
    } else {
        fprintf(err, "tenor: unknown command '%.40s'; see tenor --help\n", text);
    }
    return END_REFUSED;
}

/* margin has two faces: of a file, without a node, as it has always been; and of a node. */
static bool is_without_node(const struct command *command, int count, char *const *texts)
{
    if (command->run == NULL) return true;
    for (int i = 0; i < count; i++) {
        if (strcmp(texts[i], "--file") == 0 || strcmp(texts[i], "--parameters") == 0) {
            return command->own != NULL;
        }
    }
    return false;
}

/* Options that all share may stand before the command too: how many texts they are. */
static int leading_count(int count, char *const *texts)
{
    static const char *const names[] = {"--net", "--node", "--trust", "--chain",  "--market",
                                        "--key", "-o",     "--wait",  "--timeout"};
    int used = 0;
    while (used + 1 < count) {
        bool is_one = false;
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
            is_one = is_one || strcmp(texts[used], names[i]) == 0;
        if (!is_one) break;
        used += 2;
    }
    return used;
}

/* Turns "A B c d" into "c d A B" for the first `count` of `total`. */
static void rotate(char **texts, int count, int total)
{
    for (; count > 0; count--) {
        char *first = texts[0];
        memmove(texts, texts + 1, (size_t)(total - 1) * sizeof *texts);
        texts[total - 1] = first;
    }
}

int main(int arguments_count, char **arguments)
{
    static struct thin thin;
    int used;
    standard_files_hold();
    if (arguments_count < 2) {
        print_help(stderr);
        return END_REFUSED;
    }
    if (is_help(arguments[1]) || strcmp(arguments[1], "help") == 0) {
        print_help(stdout);
        return command_flush(stdout, stderr);
    }
    if (strcmp(arguments[1], "--version") == 0 || strcmp(arguments[1], "version") == 0) {
        puts("tenor " TENOR_VERSION " (" TENOR_COMMIT ")");
        return command_flush(stdout, stderr);
    }
    /* Only as far as the command's words: what comes behind "--" must stay last. */
    int leading = leading_count(arguments_count - 1, arguments + 1);
    const struct command *ahead =
        leading == 0 ? NULL : find(&used, arguments_count - 1 - leading, arguments + 1 + leading);
    if (ahead != NULL) rotate(arguments + 1, leading, leading + used);
    const struct command *command = find(&used, arguments_count - 1, arguments + 1);
    if (command == NULL) {
        const char *next = arguments_count > 2 ? arguments[2] : NULL;
        return is_group(arguments[1]) ? group(arguments[1], next)
                                      : unknown(stderr, arguments[1], next);
    }
    int count = arguments_count - 1 - used;
    char **texts = arguments + 1 + used;
    if (is_without_node(command, count, texts)) return command->own(count, texts);
    signal(SIGPIPE, SIG_IGN);
    thin.command = command;
    thin.texts_count = count;
    thin.texts = texts;
    int end = command->run(&thin);
    if (thin.arguments.help_wanted && command->own != NULL) {
        puts("\nWithout a node:\n");
        end = command->own(count, texts);
    }
    thin_free(&thin);
    return end;
}
