/* config: a home's tenord.toml read, checked, printed; and the pages made of the tables. */
#include "cluster/commands.h"
#include "cluster/conf.h"
#include "link/certificate.h"
#include "metrics/metrics.h"
#include "tenord/keyfile.h"
#include "tenord/tenord.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { WORDS_MAX = 64 };

/* ---- check -------------------------------------------------------------------------------------
 */

static bool check_identity(const char *path)
{
    struct certificate identity;
    struct stat about;
    char problem[LINK_PROBLEM_SIZE];
    if (stat(path, &about) == 0 && (about.st_mode & 077) != 0) {
        complain("%s can be read by others: chmod 600 %s", path, path);
        return false;
    }
    bool is_good = certificate_load(&identity, problem, path);
    explicit_bzero(&identity, sizeof identity);
    if (!is_good) complain("%s", problem);
    return is_good;
}

static bool check_peer(const struct settings_peer *peer)
{
    struct tn_hash fingerprint;
    char problem[LINK_PROBLEM_SIZE];
    size_t size;
    char *text = (char *)file_read(&size, peer->certificate, CERTIFICATE_TEXT_SIZE - 1);
    if (text == NULL) return false;
    text[size] = '\0';
    bool is_good = certificate_fingerprint(&fingerprint, problem, text);
    if (!is_good) complain("%s: %s", peer->certificate, problem);
    free(text);
    return is_good;
}

static bool check_limits(const struct gateway_limits *limits)
{
    char problem[GATEWAY_PROBLEM_SIZE];
    if (gateway_limits_check(limits, problem)) return true;
    complain("clients.limits: %s", problem);
    return false;
}

/* All that `start` would refuse, without starting anything. */
static bool check_home(const char *home, const char *const *changes, uint32_t changes_count)
{
    static struct set_conf set;
    struct tn_signatures signatures;
    struct node_conf *node = node_conf_make(home, changes, changes_count);
    void *memory = node == NULL ? NULL : keyfile_signatures(&signatures);
    bool is_good = memory != NULL && set_conf_read(&set, home, &signatures) &&
                   check_identity(node->settings.node.identity);
    if (is_good && node->settings.clients.listen[0] != '\0') {
        is_good = check_identity(node->settings.clients.identity) &&
                  check_limits(&node->settings.clients.limits);
    }
    for (uint32_t i = 0; is_good && i < node->settings.peers_count; i++)
        is_good = check_peer(&node->settings.peers[i]);
    free(memory);
    node_conf_free(node);
    return is_good;
}

/* A file alone: its syntax, its names and values. */
static bool check_file(const char *path)
{
    char problem[SETTINGS_PROBLEM_SIZE];
    size_t size;
    char *text = (char *)file_read(&size, path, SETTINGS_FILE_MAX);
    struct settings *settings = malloc(sizeof *settings);
    bool is_good = text != NULL && settings != NULL &&
                   settings_read_text(settings, problem, ".", path, text, size);
    if (text != NULL && !is_good) complain("%s", settings == NULL ? "out of memory" : problem);
    free(settings);
    free(text);
    return is_good;
}

static int check(const char *home, const char **words, uint32_t words_count)
{
    const char *name = home;
    bool is_good;
    if (home == NULL && words_count == 1) {
        name = words[0];
        is_good = check_file(name);
    } else if (home != NULL) {
        is_good = check_home(home, words, words_count);
    } else {
        complain("config check needs --home DIR or one FILE");
        return END_REFUSED;
    }
    if (is_good) printf("%s: good\n", name);
    return is_good ? END_GOOD : END_REFUSED;
}

/* ---- print, reference --------------------------------------------------------------------------
 */

static int print(const char *home, const char **words, uint32_t words_count)
{
    if (home == NULL) {
        complain("config print needs --home DIR");
        return END_REFUSED;
    }
    struct settings *settings = malloc(sizeof *settings);
    if (settings == NULL) {
        complain("out of memory");
        return END_FAILED;
    }
    bool is_good = node_settings_read(settings, home, words, words_count);
    if (is_good) settings_print(stdout, settings);
    free(settings);
    return is_good ? END_GOOD : END_REFUSED;
}

static int reference(bool metrics)
{
    if (metrics) {
        metrics_print_reference(stdout);
    } else {
        settings_print_reference(stdout);
    }
    return END_GOOD;
}

int config_command(int arguments_count, char **arguments)
{
    const char *home = NULL;
    const char *words[WORDS_MAX];
    bool metrics = false;
    const struct option options[] = {
        {"--home", OPTION_TEXT, &home, 0, "folder of the node"},
        {"--metrics", OPTION_FLAG, &metrics, 0, "reference: the list of metrics instead"},
    };
    struct option_set set = {
        .usage = "usage: tenord config check --home DIR [SETTING=VALUE...] | check FILE\n"
                 "       tenord config print --home DIR [SETTING=VALUE...]\n"
                 "       tenord config reference [--metrics]\n\n"
                 "check: would a start refuse it, and where? FILE: the file alone.\n"
                 "print: the settings that hold, defaults too; no secret is among them.\n"
                 "reference: docs/config.md, docs/metrics.md.\n",
        .options = options,
        .options_count = sizeof options / sizeof options[0],
        .words = words,
        .words_max = WORDS_MAX};
    if (!options_read(&set, arguments_count, arguments)) {
        return set.help_printed ? END_GOOD : END_REFUSED;
    }
    const char *what = set.words_count > 0 ? words[0] : "";
    if (strcmp(what, "check") == 0) return check(home, words + 1, set.words_count - 1);
    if (strcmp(what, "print") == 0) return print(home, words + 1, set.words_count - 1);
    if (strcmp(what, "reference") == 0 && set.words_count == 1) return reference(metrics);
    complain("config wants one of check, print, reference; see tenord config --help");
    return END_REFUSED;
}
