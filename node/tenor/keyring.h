/* keyring: the keys of this user, in files of his own.
 *
 *     $TENOR_HOME, else ~/.tenor         0700
 *       keys/NAME.key                    an owner's secret key, 64 hex digits
 *       sessions/CHAIN/NAME-MARKET       a session of that owner's account: lines of words
 *
 * Every file has mode 0600 and is refused when others may read it. NAME is letters, digits, '-' and
 * '_'; CHAIN the first 16 hex digits of the chain id. */
#ifndef NODE_TENOR_KEYRING_H
#define NODE_TENOR_KEYRING_H

#include "tenor/client_net.h"

#include <stdbool.h>
#include <stdint.h>

#define KEYRING_NAME_MAX  40
#define KEYRING_NAMES_MAX 256

/* What these complain of goes to standard error; false then. */
bool keyring_name_is_good(const char *name);
bool keyring_path(char path[TN_CLIENT_PATH_SIZE], const char *name);
bool keyring_exists(const char *name); /* silent */
bool keyring_read(struct tn_secret_key *key, const char *name);
/* A new key; a name that is taken is refused. */
bool keyring_make(struct tn_secret_key *key, const char *name);
bool keyring_import(const struct tn_secret_key *key, const char *name);
/* Into a new file of mode 0600, wherever it is; false with errno. */
bool keyring_write(const struct tn_secret_key *key, const char *path);

/* The names of all keys, sorted. */
struct keyring_names {
    char names[KEYRING_NAMES_MAX][KEYRING_NAME_MAX + 1];
    uint32_t count;
    bool more; /* there are others */
};
bool keyring_list(struct keyring_names *names);

struct keyring_session {
    uint32_t market, account;
    uint64_t session;
    int64_t expires_ms;
    struct tn_secret_key key;
};
/* *found false: there is none yet, which is no failure. */
bool keyring_session_read(struct keyring_session *session, bool *found, const uint8_t chain_id[32],
                          const char *name, uint32_t market);
bool keyring_session_write(const struct keyring_session *session, const uint8_t chain_id[32],
                           const char *name);
bool keyring_session_drop(const uint8_t chain_id[32], const char *name, uint32_t market);

#endif
