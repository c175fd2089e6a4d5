/* A script of checkpoints for the store's tests: what checkpoint `height` puts follows from the
 * seed and the height alone, so what a store must hold after any of them can be worked out by a run
 * without faults. */
#ifndef STORE_SCRIPT_H
#define STORE_SCRIPT_H

#include "store/store.h"

#define SCRIPT_HEIGHTS_MAX 256

struct script {
    uint64_t seed;
    uint32_t records_max; /* put per checkpoint */
    uint32_t value_max;   /* bytes of a record; now and then one is sixteen times as large */
    uint64_t digests[SCRIPT_HEIGHTS_MAX];
};

/* A store of its own chain, for a folder, without a thread. */
struct store_config script_config(const char *path);
/* Puts what belongs to a height and takes the checkpoint. The first error, or STORE_OK. */
enum store_err script_step(const struct script *script, struct store *store, uint64_t height);
/* The same, without the checkpoint. */
enum store_err script_put(const struct script *script, struct store *store, uint64_t height);
struct store_point script_point(const struct script *script, uint64_t height);
/* Heights 1 … count on a store in `path`, which must succeed, noting the digest of each. */
void script_learn(struct script *script, const char *path, uint64_t count);
/* Everything a view shows, but for the meta record, as one number; fails the test on any error. */
uint64_t script_digest(struct store_view *view);
/* The same, but the first error comes back instead. */
enum store_err script_try_digest(struct store_view *view, uint64_t *digest);
/* The store's checkpoint is the script's of that height, its content too: returns the height, 0
 * for a store without a checkpoint. */
uint64_t script_check(const struct script *script, struct store *store);

/* A new empty folder's name, below the system's place for such; script_remove_folder deletes what a
 * store and its copies leave there. */
void script_make_folder(char *out, size_t out_size);
void script_remove_folder(const char *path);

#endif
