/* client_net: a testnet's client.conf and key files, for programs that are started by
 * `--net FOLDER`. Lines of client.conf, words separated by blanks, `#` begins a comment:
 *
 *     chain HEX                 64 digits
 *     node HOST:PORT CERTFILE   one a node
 *     market NUMBER             one a market
 *     validator KEY WEIGHT      who signs checkpoints, in the set's order
 *     faucet KEYFILE            who may deposit; testnets only
 *     governance KEYFILE
 *     feeder KEYFILE            one a feeder, numbered from 1
 *
 * Files are relative to the folder. A secret key's file has 64 hex digits and mode 0600. */
#ifndef TENOR_CLIENT_NET_H
#define TENOR_CLIENT_NET_H

#include "tenor/client.h"

#define TN_CLIENT_PATH_SIZE      512u
#define TN_CLIENT_MARKETS_MAX    64u
#define TN_CLIENT_FEEDERS_MAX    32u
#define TN_CLIENT_VALIDATORS_MAX 128u

struct tn_client_net {
    uint8_t chain_id[32];
    struct tn_client_node nodes[TN_CLIENT_NODES_MAX]; /* texts point into this struct */
    uint32_t nodes_count;
    uint32_t markets[TN_CLIENT_MARKETS_MAX];
    uint32_t markets_count;
    struct tn_public_key validators[TN_CLIENT_VALIDATORS_MAX];
    uint64_t weights[TN_CLIENT_VALIDATORS_MAX];
    uint32_t validators_count;
    char faucet[TN_CLIENT_PATH_SIZE], governance[TN_CLIENT_PATH_SIZE]; /* paths; "": none */
    char feeders[TN_CLIENT_FEEDERS_MAX][TN_CLIENT_PATH_SIZE];
    uint32_t feeders_count;
    char hosts[TN_CLIENT_NODES_MAX][64];
    char certificates[TN_CLIENT_NODES_MAX][TN_CLIENT_PATH_SIZE];
};

/* Reads FOLDER/client.conf. False: `why` names file, line and what is wrong. The struct must stay
 * where it is. */
bool tn_client_net_read(struct tn_client_net *net, const char *folder,
                        char why[TN_CLIENT_WHY_SIZE]);

/* A secret key from its file; false, with `why`, when others may read the file, or it holds no key.
 * Making one: from the system's generator, into a new file of mode 0600; an existing file stays. */
bool tn_client_key_read(struct tn_secret_key *key, const char *path, char why[TN_CLIENT_WHY_SIZE]);
/* A key that no file has yet; false: the system gives no random numbers. */
bool tn_client_key_random(struct tn_secret_key *key);
bool tn_client_key_make(struct tn_secret_key *key, const char *path, char why[TN_CLIENT_WHY_SIZE]);

/* The public key, and the address, of a secret one. False: it is none. */
bool tn_client_key_public(struct tn_public_key *public_key, struct tn_address *address,
                          const struct tn_secret_key *key);

#endif
