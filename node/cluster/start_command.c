/* start: a node of a set runs until it is told to stop. */
#include "cluster/commands.h"
#include "cluster/loop.h"
#include "tenord/tenord.h"

#include <signal.h>
#include <unistd.h>

enum { CHANGES_MAX = 64, FLAGS_MAX = 3, NUMBERS_MAX = 3, CHANGE_SIZE = 96, LAST_WORDS_MS = 1000 };

static volatile sig_atomic_t stop_asked, reload_asked;

static void ask_to_stop(int number)
{
    (void)number;
    stop_asked = 1;
}

static void ask_to_reload(int number)
{
    (void)number;
    reload_asked = 1;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = ask_to_stop};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    action.sa_handler = ask_to_reload;
    sigaction(SIGHUP, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
}

/* Options of the command line are settings by other names: all become SETTING=VALUE. */
struct choices {
    const char *home;
    bool follow, archive, quiet;
    uint64_t checkpoint_blocks, segment_bytes, behind_blocks;
    const char *words[CHANGES_MAX];
    uint32_t words_count;
    const char *changes[CHANGES_MAX + FLAGS_MAX + NUMBERS_MAX];
    uint32_t changes_count;
    char texts[NUMBERS_MAX][CHANGE_SIZE];
    uint32_t texts_count;
};

static void change(struct choices *choices, const char *name, uint64_t value, const char *unit)
{
    char *text = choices->texts[choices->texts_count];
    if (value == 0) return; /* not given */
    snprintf(text, CHANGE_SIZE, "%s=%llu%s", name, (unsigned long long)value, unit);
    choices->texts_count++;
    choices->changes[choices->changes_count++] = text;
}

static void make_changes(struct choices *choices)
{
    if (choices->follow) choices->changes[choices->changes_count++] = "node.follow=true";
    if (choices->archive) choices->changes[choices->changes_count++] = "store.archive=true";
    if (choices->quiet) choices->changes[choices->changes_count++] = "log.blocks=false";
    change(choices, "store.checkpoint_blocks", choices->checkpoint_blocks, "");
    change(choices, "store.segment", choices->segment_bytes, "B");
    change(choices, "node.behind_blocks", choices->behind_blocks, "");
    for (uint32_t i = 0; i < choices->words_count; i++)
        choices->changes[choices->changes_count++] = choices->words[i];
}

static bool read_choices(struct choices *choices, int count, char **arguments, int *end)
{
    const struct option options[] = {
        {"--home", OPTION_TEXT, &choices->home, 0,
         "folder with genesis.conf, set.conf and tenord.toml"},
        {"--follow", OPTION_FLAG, &choices->follow, 0, "node.follow=true: lead no market"},
        {"--checkpoint-blocks", OPTION_NUMBER, &choices->checkpoint_blocks, 1000000,
         "store.checkpoint_blocks"},
        {"--segment-bytes", OPTION_NUMBER, &choices->segment_bytes, UINT64_C(1) << 32,
         "store.segment, in bytes"},
        {"--behind-blocks", OPTION_NUMBER, &choices->behind_blocks, 1000000, "node.behind_blocks"},
        {"--archive", OPTION_FLAG, &choices->archive, 0, "store.archive=true: keep all history"},
        {"--quiet", OPTION_FLAG, &choices->quiet, 0, "log.blocks=false: no line for each block"},
    };
    struct option_set set = {.usage =
                                 "usage: tenord start --home DIR [OPTION...] [SETTING=VALUE...]\n\n"
                                 "Runs a node of a sequencer set. Settings stand in tenord.toml; "
                                 "'tenord config reference'\nlists them. SIGTERM ends it in order, "
                                 "SIGHUP reads its settings again.\n",
                             .options = options,
                             .options_count = sizeof options / sizeof options[0],
                             .words = choices->words,
                             .words_max = CHANGES_MAX};
    if (!options_read(&set, count, arguments)) {
        *end = set.help_printed ? END_GOOD : END_REFUSED;
        return false;
    }
    choices->words_count = set.words_count;
    if (choices->home != NULL) return true;
    complain("start needs --home DIR; see tenord start --help");
    *end = END_REFUSED;
    return false;
}

static void open_log(const struct settings *settings)
{
    settings_apply_log(settings);
    logger_open(STDERR_FILENO, (enum logger_format)settings->log.format);
}

int start_command(int arguments_count, char **arguments)
{
    static struct choices choices;
    int end;
    if (!read_choices(&choices, arguments_count, arguments, &end)) return end;
    make_changes(&choices);
    struct node_conf *node = node_conf_make(choices.home, choices.changes, choices.changes_count);
    if (node == NULL) return END_REFUSED;
    const struct loop_options loop = {.home = choices.home,
                                      .node = node,
                                      .changes = choices.changes,
                                      .changes_count = choices.changes_count,
                                      .checkpoint_blocks = node->settings.store.checkpoint_blocks,
                                      .segment_bytes = node->settings.store.segment_bytes,
                                      .behind_blocks = node->settings.node.behind_blocks,
                                      .sync_patience_us =
                                          (int64_t)node->settings.node.sync_patience_ms * 1000,
                                      .archive = node->settings.store.archive,
                                      .quiet = !node->settings.log.blocks,
                                      .follow = node->settings.node.follow,
                                      .stop = &stop_asked,
                                      .reload = &reload_asked};
    catch_signals();
    open_log(&node->settings);
    end = loop_run(&loop);
    logger_close(LAST_WORDS_MS);
    node_conf_free(node);
    return end;
}
