/* start: a node of a set runs until it is told to stop. */
#include "cluster/commands.h"
#include "cluster/loop.h"
#include "tenord/tenord.h"

#include <signal.h>

static volatile sig_atomic_t stop_asked;

static void ask_to_stop(int number)
{
    (void)number;
    stop_asked = 1;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = ask_to_stop};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
}

int start_command(int arguments_count, char **arguments)
{
    struct loop_options loop = {.checkpoint_blocks = 256, .stop = &stop_asked};
    const struct option options[] = {
        {"--home", OPTION_TEXT, &loop.home, 0, "folder with genesis.conf, set.conf and node.conf"},
        {"--follow", OPTION_FLAG, &loop.follow, 0, "lead no market"},
        {"--checkpoint-blocks", OPTION_NUMBER, &loop.checkpoint_blocks, 1000000,
         "blocks between checkpoints of the store (256)"},
        {"--segment-bytes", OPTION_NUMBER, &loop.segment_bytes, UINT64_C(1) << 32,
         "size of a segment of the log (64 MiB)"},
        {"--behind-blocks", OPTION_NUMBER, &loop.behind_blocks, 1000000,
         "further behind than that, the state is taken from peers (10000, at least 64)"},
        {"--archive", OPTION_FLAG, &loop.archive, 0, "keep all history"},
        {"--quiet", OPTION_FLAG, &loop.quiet, 0, "no line for each block"},
    };
    struct option_set set = {.usage = "usage: tenord start --home DIR [OPTION...]\n\n"
                                      "Runs a node of a sequencer set.\n",
                             .options = options,
                             .options_count = sizeof options / sizeof options[0]};
    if (!options_read(&set, arguments_count, arguments)) {
        return set.help_printed ? END_GOOD : END_REFUSED;
    }
    if (loop.home == NULL || loop.checkpoint_blocks == 0) {
        complain("start needs --home DIR; see tenord start --help");
        return END_REFUSED;
    }
    catch_signals();
    return loop_run(&loop);
}
