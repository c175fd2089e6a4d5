/* tenord: the node, and what its operator runs beside it. A table of commands; each has its own
 * options and its own --help. */
#include "cluster/commands.h"
#include "logger/logger.h"
#include "standard_files.h"
#include "tenord.h"
#include "version.h"

#include "tenor/pricing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct command {
    const char *name;
    int (*run)(int, char **);
    const char *help;
} commands[] = {
    {"genesis", genesis_command, "Write a genesis file, or say what one means."},
    {"testnet", testnet_command, "Make homes for a set of nodes on one machine."},
    {"init", init_command, "Make a home for a node that is to join a set."},
    {"config", config_command, "Check or print a home's settings; list all there are."},
    {"key", key_command, "Make, show, import or export a secret key in a file."},
    {"start", start_command, "Run a node of a sequencer set."},
    {"status", status_command, "Say where a running node of a set stands."},
    {"run", run_command, "Run a node without a set (--solo): entries in, blocks out."},
    {"db", db_command, "Check a store: every value, every record against the root; statistics."},
    {"snapshot", snapshot_command, "Create, verify or restore a snapshot of a node's state."},
    {"backup", backup_command, "Copy the store of a running node."},
    {"replay", replay_command, "Feed stored batches to a fresh replica; compare every root."},
    {"inspect", inspect_command, "Show a block or an account; write a proof."},
    {"witness", witness_command, "Write what it takes to execute one block with nothing else."},
    {"version", version_command, "Say which program this is."},
    {"verify-block", verify_block_command, "Execute a block on its witness; compare every root."},
};
#define COMMANDS_COUNT (sizeof commands / sizeof commands[0])

/* A bug: a stopped node is tolerated, a wrong ledger is not. */
_Noreturn void tn_panic(const char *file, int line, const char *what)
{
    enum { LAST_WORDS_MS = 500 };
    logger_flush(LAST_WORDS_MS);
    fprintf(stderr, "tenord: bug at %s:%d: %s\n", file, line, what);
    abort();
}

static void print_help(FILE *out)
{
    fputs("usage: tenord COMMAND [OPTION...]\n\n", out);
    for (size_t i = 0; i < COMMANDS_COUNT; i++)
        fprintf(out, "  %-13s %s\n", commands[i].name, commands[i].help);
    fputs("\nEach command tells its options: tenord COMMAND --help\n"
          "It ends with 0 when all is well, 1 when the disk, memory or another process fails, 2 "
          "when\n"
          "input is refused or a name to write to is taken, 3 when what was checked is wrong.\n",
          out);
}

/* Prices come of floating point: a machine that gives other bits has another state than the set. */
static bool computes_alike(void)
{
    if (tn_pricing_self_check(machine_cpu())) return true;
    complain("this machine does not compute as the others do: its floating point is not IEEE-754, "
             "to nearest, with denormals kept; nothing was done");
    return false;
}

int main(int arguments_count, char **arguments)
{
    standard_files_hold();
    if (arguments_count < 2) {
        print_help(stderr);
        return END_REFUSED;
    }
    if (strcmp(arguments[1], "--help") == 0 || strcmp(arguments[1], "-h") == 0 ||
        strcmp(arguments[1], "help") == 0) {
        print_help(stdout);
        return END_GOOD;
    }
    const char *name = strcmp(arguments[1], "--version") == 0 ? "version" : arguments[1];
    for (size_t i = 0; i < COMMANDS_COUNT; i++) {
        if (strcmp(name, commands[i].name) != 0) continue;
        if (!computes_alike()) return END_FAILED;
        int end = commands[i].run(arguments_count - 2, arguments + 2);
        if (fflush(stdout) != 0 || ferror(stdout)) {
            complain("cannot write the answer: %s", strerror(errno));
            return end == END_GOOD ? END_FAILED : end;
        }
        return end;
    }
    complain("unknown command '%.40s'; see tenord --help", name);
    return END_REFUSED;
}
