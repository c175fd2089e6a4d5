/* node_conf: a node's own settings and the key that they name. */
#include "cluster/conf.h"

#include "tenord/keyfile.h"
#include "tenord/tenord.h"

#include <stdlib.h>
#include <string.h>

bool node_settings_read(struct settings *settings, const char *home, const char *const *changes,
                        uint32_t changes_count)
{
    char problem[SETTINGS_PROBLEM_SIZE];
    bool is_good = settings_read(settings, problem, home);
    for (uint32_t i = 0; i < changes_count && is_good; i++)
        is_good = settings_override(settings, problem, changes[i]);
    if (!is_good) complain("%s", problem);
    return is_good;
}

bool node_conf_read(struct node_conf *conf, const char *home, const char *const *changes,
                    uint32_t changes_count)
{
    const struct settings_node *node = &conf->settings.node;
    if (!node_settings_read(&conf->settings, home, changes, changes_count)) return false;
    if (node->key[0] == '\0' || node->identity[0] == '\0' ||
        conf->settings.clients.socket[0] == '\0') {
        complain("%s/tenord.toml: node.key, node.identity and clients.socket must each name a file",
                 home);
        return false;
    }
    return keyfile_read(&conf->key, node->key);
}

struct node_conf *node_conf_make(const char *home, const char *const *changes,
                                 uint32_t changes_count)
{
    struct node_conf *conf = calloc(1, sizeof *conf);
    if (conf == NULL) {
        complain("out of memory");
        return NULL;
    }
    if (node_conf_read(conf, home, changes, changes_count)) return conf;
    node_conf_free(conf);
    return NULL;
}

void node_conf_free(struct node_conf *conf)
{
    if (conf == NULL) return;
    explicit_bzero(&conf->key, sizeof conf->key);
    free(conf);
}
