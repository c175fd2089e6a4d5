/* conf: what a node of a set is told by files.
 *
 * set.conf is the genesis of the set, the same on every node: who validates, who reports, which
 * keys govern, how time is cut. With genesis.conf (the limits of its markets) it makes the chain
 * id. node.conf is the node's own: its keys, where it listens, where the others are. Both are lines
 * of words; '#' begins a comment. docs/cluster.md has every word. */
#ifndef NODE_CLUSTER_CONF_H
#define NODE_CLUSTER_CONF_H

#include "tenor/member.h"

#define CONF_PATH_SIZE    4096
#define CONF_TEXT_SIZE    256
#define CONF_COMMANDS_MAX 512

struct set_conf {
    struct tn_chain_limits limits;
    struct tn_registry_genesis registry;
    struct tn_registry_command commands[CONF_COMMANDS_MAX];
    uint32_t commands_count;
    int64_t time_ms;
    uint32_t validators_count;
};

struct peer_conf {
    struct tn_public_key key;
    char address[CONF_TEXT_SIZE]; /* "" : it dials us */
    char certificate[CONF_PATH_SIZE];
};

struct node_conf {
    char home[CONF_PATH_SIZE];
    struct tn_secret_key key;
    bool is_validator;
    char identity[CONF_PATH_SIZE]; /* file of the TLS certificate and its key */
    char listen[CONF_TEXT_SIZE];
    char clients[CONF_PATH_SIZE]; /* path of the local socket */
    struct peer_conf peers[TN_VALIDATORS_MAX];
    uint32_t peers_count;
};

/* Both false after a complaint that names file and line. `home` has genesis.conf, set.conf and
 * node.conf; relative paths in them are under it. */
bool set_conf_read(struct set_conf *conf, const char *home, const struct tn_signatures *signatures);
bool node_conf_read(struct node_conf *conf, const char *home);

#endif
