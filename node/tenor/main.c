/* tenor: what a trader runs. Here: what-ifs and proofs, which need no node.
 *
 * A table of commands; each has its own options and its own --help. */
#include "subcommand.h"
#include "tenor/base.h"

#include <stdlib.h>
#include <string.h>

static const struct command {
    const char *name;
    int (*run)(int, char **);
    const char *help;
} commands[] = {
    {"margin", margin_command, "What an account must hold: IM, MM, equity, scenario by scenario."},
    {"price", price_command, "An option's price, greeks and implied volatility."},
    {"proof", proof_command, "Verify a proof against a state root that you trust."},
};
#define COMMANDS_COUNT (sizeof commands / sizeof commands[0])

/* A bug: whatever a file says, it must be refused before it gets here. */
_Noreturn void tn_panic(const char *file, int line, const char *what)
{
    fprintf(stderr, "tenor: bug at %s:%d: %s\n", file, line, what);
    abort();
}

static void print_help(FILE *out)
{
    fputs("usage: tenor COMMAND [OPTION...]\n\n", out);
    for (size_t i = 0; i < COMMANDS_COUNT; i++) {
        fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].help);
    }
    fputs("\nEach command tells its options: tenor COMMAND --help\n"
          "It ends with 0 when there is an answer, 2 when the input is refused, 1 when a file "
          "fails,\n3 when a proof does not hold.\n",
          out);
}

int main(int arguments_count, char **arguments)
{
    if (arguments_count < 2) {
        print_help(stderr);
        return END_REFUSED;
    }
    if (strcmp(arguments[1], "--help") == 0 || strcmp(arguments[1], "-h") == 0) {
        print_help(stdout);
        return command_flush(stdout, stderr);
    }
    for (size_t i = 0; i < COMMANDS_COUNT; i++) {
        if (strcmp(arguments[1], commands[i].name) == 0) {
            return commands[i].run(arguments_count - 2, arguments + 2);
        }
    }
    fprintf(stderr, "tenor: unknown command '%s'; see tenor --help\n", arguments[1]);
    return END_REFUSED;
}
