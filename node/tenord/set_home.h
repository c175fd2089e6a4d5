/* set_home: what the commands do with the home of a node of a set. Its state is a chain's, of all
 * markets and the registry, where that of `tenord run --solo` is one market's. */
#ifndef NODE_TENORD_SET_HOME_H
#define NODE_TENORD_SET_HOME_H

#include <stdbool.h>
#include <stdint.h>

/* Is there a set.conf? */
bool set_home_is_one(const char *home);
/* Each is how the command ends. They may run beside the node. */
int set_home_check(const char *home);
int set_home_stats(const char *home);
int set_home_backup(const char *home, const char *to);

struct set_replay_options {
    const char *home, *snapshot; /* snapshot: of an earlier height to begin from; may be NULL */
    uint64_t until;              /* 0: all */
};
int set_replay(const struct set_replay_options *options);

#endif
