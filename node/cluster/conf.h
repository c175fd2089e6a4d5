/* conf: what a node of a set is told by files.
 *
 * set.conf is the genesis of the set, the same on every node: who validates, who reports, which
 * keys govern, how time is cut. With genesis.conf (the limits of its markets) it makes the chain
 * id; it is lines of words, and docs/cluster.md has every one. tenord.toml is the node's own: its
 * keys, where it listens, where the others are; docs/config.md has every setting. */
#ifndef NODE_CLUSTER_CONF_H
#define NODE_CLUSTER_CONF_H

#include "settings/settings.h"
#include "tenor/member.h"

#define CONF_PATH_SIZE    4096
#define CONF_COMMANDS_MAX 512

struct set_conf {
    struct tn_chain_limits limits;
    struct tn_registry_genesis registry;
    struct tn_registry_command commands[CONF_COMMANDS_MAX];
    uint32_t commands_count;
    int64_t time_ms;
    uint32_t validators_count;
};

struct node_conf {
    struct settings settings;
    struct tn_secret_key key;
};

/* Both false after a complaint that names file and line. `home` has genesis.conf, set.conf and
 * tenord.toml. `changes`: SETTING=VALUE in place of what tenord.toml says. */
bool set_conf_read(struct set_conf *conf, const char *home, const struct tn_signatures *signatures);
bool node_conf_read(struct node_conf *conf, const char *home, const char *const *changes,
                    uint32_t changes_count);
/* Without the key. */
bool node_settings_read(struct settings *settings, const char *home, const char *const *changes,
                        uint32_t changes_count);
/* In memory of its own; NULL after a complaint. Freeing wipes the key. */
struct node_conf *node_conf_make(const char *home, const char *const *changes,
                                 uint32_t changes_count);
void node_conf_free(struct node_conf *conf);

#endif
