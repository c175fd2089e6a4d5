/* set_snapshot_load: a set's snapshot verified, and into a chain, and a chain into a home.
 *
 * Each chunk is checked alone against the head's root before its records are read in; positions
 * lie beside their accounts but are read in after them, so those chunks are gone through twice. Who
 * vouches for that root: a certificate in the head, by sequencers to whom the ends of epochs lead
 * from those of the genesis, whose chain id the reader knows; or the reader, who knows the root
 * itself. */
#include "cluster/keeper.h"
#include "cluster/sync_bytes.h"
#include "tenord/set_snapshot.h"
#include "tenord/set_snapshot_check.h"
#include "tenord/snapshot.h"
#include "tenord/tenord.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- The folder --------------------------------------------------------------------------------
 */

static void blame(const struct set_snapshot *snapshot, const char *name,
                  const struct snapshot_fault *fault)
{
    const unsigned long long at = fault->at;
    if (fault->has_index) {
        complain("%s/%s: record %u, near byte %llu: %s", snapshot->path, name, fault->index, at,
                 fault->what);
    } else {
        complain("%s/%s: near byte %llu: %s", snapshot->path, name, at, fault->what);
    }
}

bool set_snapshot_is_one(const char *path)
{
    char name[PATH_SIZE];
    uint8_t first[6] = {0};
    if (!home_path(name, path, "head") || access(name, R_OK) != 0) return false;
    FILE *file = fopen(name, "rb");
    if (file == NULL) return false;
    size_t size = fread(first, 1, sizeof first, file);
    fclose(file);
    return set_snapshot_is_head(first, size);
}

int set_snapshot_open(struct set_snapshot *snapshot, const char *path,
                      const struct tn_hash *trusted)
{
    char name[PATH_SIZE];
    struct snapshot_fault fault;
    size_t size;
    *snapshot = (struct set_snapshot){.path = path};
    if (!home_path(name, path, "head")) return END_REFUSED;
    snapshot->bytes = file_read(&size, name, SNAPSHOT_HEAD_MAX);
    if (snapshot->bytes == NULL) return END_REFUSED;
    if (!set_snapshot_read_head(&snapshot->head, &fault, snapshot->bytes, size)) {
        blame(snapshot, "head", &fault);
        return END_WRONG;
    }
    if (trusted == NULL || tn_hash_equal(trusted, &snapshot->head.root)) return END_GOOD;
    complain("%s is of the state root %s, not of the trusted one, %s", path,
             hash_text(&snapshot->head.root), hash_text(trusted));
    return END_WRONG;
}

void set_snapshot_close(struct set_snapshot *snapshot)
{
    free(snapshot->bytes);
    snapshot->bytes = NULL;
}

/* A check for that snapshot, to be freed; NULL after a complaint. */
static struct set_snapshot_check *begin_check(const struct set_snapshot *snapshot,
                                              const struct set_reading *genesis)
{
    struct set_snapshot_check *check = malloc(sizeof *check);
    if (check == NULL) {
        complain("out of memory");
        return NULL;
    }
    set_snapshot_check_begin(check, &snapshot->head, &genesis->conf.limits, machine_cpu());
    return check;
}

/* The bytes of a chunk, which was checked when `check` is not NULL; NULL after a complaint, and
 * *end how the command ends. */
static uint8_t *read_chunk(const struct set_snapshot *snapshot, size_t *size, int *end,
                           const struct snapshot_chunk *chunk, struct set_snapshot_check *check)
{
    char name[SNAPSHOT_NAME_SIZE], path[PATH_SIZE];
    struct snapshot_fault fault;
    *end = END_REFUSED;
    set_snapshot_chunk_name(name, chunk->kind, chunk->first);
    if (!home_path(path, snapshot->path, name)) return NULL;
    uint8_t *bytes = file_read(size, path, (size_t)chunk->size);
    if (bytes == NULL) return NULL;
    *end = END_GOOD;
    if (check == NULL || set_snapshot_check_chunk(check, &fault, chunk, bytes, *size)) return bytes;
    blame(snapshot, name, &fault);
    *end = END_WRONG;
    free(bytes);
    return NULL;
}

static int check_whole(const struct set_snapshot *snapshot, const struct set_snapshot_check *check)
{
    struct snapshot_fault fault;
    if (set_snapshot_check_whole(check, &fault)) return END_GOOD;
    complain("%s: %s", snapshot->path, fault.what);
    return END_WRONG;
}

/* ---- Into a chain ------------------------------------------------------------------------------
 */

static int complain_record(const struct set_snapshot *snapshot, const struct set_reading *genesis,
                           const char *name, const struct tn_import_fault *fault)
{
    complain("%s/%s: %s, record %u, byte %u of it: %s", snapshot->path, name,
             set_kind_text(&genesis->conf.limits, fault->name.kind), fault->name.index, fault->at,
             fault->what == NULL ? "it contradicts another" : fault->what);
    return END_WRONG;
}

struct loading {
    struct tn_chain *chain;
    const struct set_snapshot *snapshot;
    const struct set_reading *genesis;
    struct set_snapshot_check *check;
};

/* The records of a chunk that was checked, or the positions beside them. */
static int import_bytes(const struct loading *loading, const struct snapshot_chunk *chunk,
                        bool positions, const uint8_t *bytes, size_t size)
{
    char name[SNAPSHOT_NAME_SIZE];
    struct set_snapshot_reader reader;
    struct snapshot_fault fault;
    struct set_snapshot_item item;
    struct tn_import_fault import;
    enum snapshot_step step = SNAPSHOT_BAD;
    set_snapshot_chunk_name(name, chunk->kind, chunk->first);
    const bool is_open = set_snapshot_open_chunk(&reader, &fault, chunk, bytes, size);
    while (is_open && (step = set_snapshot_next(&reader, &item, &fault)) == SNAPSHOT_RECORD) {
        const uint8_t kind = positions ? chunk->kind + 1 : item.kind;
        const uint8_t *record = positions ? item.positions : item.record;
        const uint32_t record_size = positions ? item.positions_size : item.size;
        if (record_size > 0 &&
            !tn_chain_import(loading->chain, &import, kind, item.index, record, record_size)) {
            return complain_record(loading->snapshot, loading->genesis, name, &import);
        }
    }
    if (step == SNAPSHOT_END) return END_GOOD;
    blame(loading->snapshot, name, &fault);
    return END_WRONG;
}

/* All chunks of a kind; of POSITIONS those of their accounts once more, which are good. */
static int import_kind(const struct loading *loading, uint8_t kind)
{
    const bool positions =
        kind < TN_CHAIN_RECORD_HEADS && set_snapshot_own(kind) == TN_RECORD_POSITIONS;
    const struct set_snapshot_head *head = &loading->snapshot->head;
    int end = END_GOOD;
    for (uint32_t i = 0; i < head->chunks_count && end == END_GOOD; i++) {
        struct snapshot_chunk chunk;
        size_t size;
        set_snapshot_head_chunk(&chunk, head, i);
        if (chunk.kind != (positions ? kind - 1 : kind)) continue;
        uint8_t *bytes =
            read_chunk(loading->snapshot, &size, &end, &chunk, positions ? NULL : loading->check);
        if (bytes != NULL) end = import_bytes(loading, &chunk, positions, bytes, size);
        free(bytes);
    }
    return end;
}

static int check_genesis(const struct set_snapshot *snapshot, const struct set_reading *genesis)
{
    if (memcmp(genesis->conf.limits.chain_id, snapshot->head.chain_id,
               sizeof snapshot->head.chain_id) == 0) {
        return END_GOOD;
    }
    complain("%s is of another chain than that of genesis.conf and set.conf", snapshot->path);
    return END_REFUSED;
}

static int import_all(const struct loading *loading)
{
    const struct set_snapshot *snapshot = loading->snapshot;
    struct tn_import_fault import;
    struct tn_hash root;
    int end = END_GOOD;
    for (uint32_t kind = 1; kind < TN_CHAIN_KINDS && end == END_GOOD; kind++)
        end = import_kind(loading, (uint8_t)kind);
    if (end == END_GOOD) end = check_whole(snapshot, loading->check);
    if (end != END_GOOD) return end;
    if (!tn_chain_import_end(loading->chain, &root, &import)) {
        return complain_record(snapshot, loading->genesis, "(the whole)", &import);
    }
    const uint64_t height = tn_chain_heads(loading->chain)->height;
    if (tn_hash_equal(&root, &snapshot->head.root) && height == snapshot->head.height) {
        return END_GOOD;
    }
    complain("%s: its records lead to the root %s of height %llu, not to %s of height %llu",
             snapshot->path, hash_text(&root), (unsigned long long)height,
             hash_text(&snapshot->head.root), (unsigned long long)snapshot->head.height);
    return END_WRONG;
}

int set_snapshot_load(struct held_chain *held, const struct set_snapshot *snapshot,
                      const struct set_reading *genesis)
{
    int end = check_genesis(snapshot, genesis);
    if (end != END_GOOD) return end;
    if (!set_chain_hold(held, genesis)) return END_FAILED;
    struct set_snapshot_check *check = begin_check(snapshot, genesis);
    if (check == NULL) return END_FAILED;
    const struct loading loading = {
        .chain = held->chain, .snapshot = snapshot, .genesis = genesis, .check = check};
    end = import_all(&loading);
    free(check);
    return end;
}

/* ---- Who vouches for it ------------------------------------------------------------------------
 */

static int complain_certificate(const struct set_snapshot *snapshot, const char *why)
{
    complain("%s/head: its certificate is not good: %s", snapshot->path, why);
    return END_WRONG;
}

/* From the genesis' sequencers to those of the epoch. */
static const char *follow_epochs(struct tn_validators *set, const struct set_snapshot *snapshot,
                                 const struct set_reading *genesis, uint64_t epoch)
{
    const uint8_t *chain_id = genesis->conf.limits.chain_id;
    size_t at = 0;
    for (uint32_t i = 0; i < snapshot->head.epochs_count && set->epoch < epoch; i++) {
        struct set_snapshot_epoch next;
        struct tn_block_header last;
        struct tn_validators after;
        struct tn_hash hash;
        set_snapshot_head_epoch(&next, &at, &snapshot->head);
        if (next.epoch != set->epoch) return "the ends of epochs in it are not in order";
        if (!tn_sequencer_check_handover(&last, &genesis->signing.signatures, chain_id, set,
                                         next.handover, next.handover_size)) {
            return "the end of an epoch is not signed by a quorum of its sequencers";
        }
        if (!sync_read_set(&after, &genesis->signing.signatures, next.set, next.set_size) ||
            after.epoch != set->epoch + 1) {
            return "the set after an epoch does not read";
        }
        tn_validators_hash(&hash, &after);
        if (!tn_hash_equal(&hash, &last.next_set_hash)) {
            return "the set after an epoch is not the one that its sequencers named";
        }
        *set = after;
    }
    return set->epoch == epoch ? NULL : "ends of epochs before it are missing";
}

/* `fresh` is a chain at the genesis. *is_signed: there is a certificate, and it is good. */
static int check_certificate(bool *is_signed, const struct set_snapshot *snapshot,
                             const struct set_reading *genesis, const struct tn_chain *fresh)
{
    const struct set_snapshot_head *head = &snapshot->head;
    struct tn_registry_heads registry;
    struct tn_checkpoint checkpoint;
    *is_signed = false;
    if (head->certificate_size == 0) return END_GOOD;
    if (head->certificate_size < 1 + TN_CHECKPOINT_BYTES) {
        return complain_certificate(snapshot, "it is too short");
    }
    tn_registry_heads(tn_chain_registry(fresh), &registry);
    struct tn_validators set = *tn_registry_set(tn_chain_registry(fresh), registry.epoch);
    tn_checkpoint_read(&checkpoint, head->certificate + 1);
    const char *why = follow_epochs(&set, snapshot, genesis, checkpoint.epoch);
    if (why != NULL) return complain_certificate(snapshot, why);
    if (!tn_sequencer_check_checkpoint(&checkpoint, &genesis->signing.signatures,
                                       &genesis->conf.limits.checkpoint_domain, &set,
                                       head->certificate, head->certificate_size)) {
        return complain_certificate(snapshot, "no quorum of that epoch's sequencers has signed it");
    }
    if (checkpoint.height != head->height || !tn_hash_equal(&checkpoint.state_root, &head->root)) {
        return complain_certificate(snapshot, "it is of another height or root");
    }
    *is_signed = true;
    return END_GOOD;
}

/* What is known of the root, in words. */
static void say_trust(const struct set_snapshot *snapshot, bool is_signed,
                      const struct set_snapshot_trust *trust)
{
    struct tn_hash chain;
    memcpy(chain.bytes, snapshot->head.chain_id, sizeof chain.bytes);
    if (is_signed) {
        printf("a quorum of the sequencers has signed this root; the chain is %s\n",
               hash_text(&chain));
        if (trust->chain_id == NULL && trust->root == NULL) {
            complain(
                "no chain was given: compare it with that of your client.conf, or use --chain");
        }
    } else if (trust->root == NULL) {
        complain(
            "no trusted root was given, and there is no certificate: the files agree with the "
            "root %s of height %llu, which comes from the snapshot itself; compare it with one "
            "that you trust, or use --root",
            hash_text(&snapshot->head.root), (unsigned long long)snapshot->head.height);
    }
}

static int check_chain_id(const struct set_snapshot *snapshot,
                          const struct set_snapshot_trust *trust)
{
    struct tn_hash chain;
    memcpy(chain.bytes, snapshot->head.chain_id, sizeof chain.bytes);
    if (trust->chain_id == NULL || tn_hash_equal(trust->chain_id, &chain)) return END_GOOD;
    complain("%s is of the chain %s, not of the trusted one, %s", snapshot->path, hash_text(&chain),
             hash_text(trust->chain_id));
    return END_WRONG;
}

/* Is it of the chain that is trusted, or that its own texts make, and who vouches for its root? */
static int check_head(bool *is_signed, const struct set_snapshot *snapshot,
                      const struct set_reading *genesis, const struct set_snapshot_trust *trust)
{
    struct held_chain fresh = {0};
    *is_signed = false;
    int end = check_chain_id(snapshot, trust);
    if (end == END_GOOD) end = check_genesis(snapshot, genesis);
    if (end == END_GOOD && !set_chain_hold(&fresh, genesis)) end = END_FAILED;
    if (end == END_GOOD) end = check_certificate(is_signed, snapshot, genesis, fresh.chain);
    set_chain_drop(&fresh);
    return end;
}

/* ---- Verify ------------------------------------------------------------------------------------
 */

static int verify_one(const struct set_snapshot *snapshot, struct set_snapshot_check *check,
                      const char *chunk_name)
{
    for (uint32_t i = 0; i < snapshot->head.chunks_count; i++) {
        char name[SNAPSHOT_NAME_SIZE];
        struct snapshot_chunk chunk;
        size_t size;
        int end;
        set_snapshot_head_chunk(&chunk, &snapshot->head, i);
        set_snapshot_chunk_name(name, chunk.kind, chunk.first);
        if (strcmp(name, chunk_name) != 0) continue;
        uint8_t *bytes = read_chunk(snapshot, &size, &end, &chunk, check);
        free(bytes);
        if (end != END_GOOD) return end;
        printf("%s: records %u to %u are under the root %s of height %llu\n", name, chunk.first,
               chunk.first + (chunk.count - 1), hash_text(&snapshot->head.root),
               (unsigned long long)snapshot->head.height);
        fflush(stdout);
        return END_GOOD;
    }
    complain("%s names no chunk %s; --chunk takes the name of a file in it", snapshot->path,
             chunk_name);
    return END_REFUSED;
}

/* Every chunk, so that all that are bad are named; then that none is missing. */
static int verify_all(const struct set_snapshot *snapshot, struct set_snapshot_check *check)
{
    const uint32_t chunks_count = snapshot->head.chunks_count;
    uint32_t bad_count = 0;
    uint64_t bytes_count = 0;
    for (uint32_t i = 0; i < chunks_count; i++) {
        struct snapshot_chunk chunk;
        size_t size;
        int end;
        set_snapshot_head_chunk(&chunk, &snapshot->head, i);
        free(read_chunk(snapshot, &size, &end, &chunk, check));
        if (end != END_GOOD) bad_count++;
        bytes_count += chunk.size;
    }
    if (bad_count > 0) {
        complain("%s: %u of %u chunks are bad", snapshot->path, bad_count, chunks_count);
        return END_WRONG;
    }
    const int end = check_whole(snapshot, check);
    if (end != END_GOOD) return end;
    printf("%u chunks, %llu bytes: each is under the root %s of height %llu, and none is missing\n",
           chunks_count, (unsigned long long)bytes_count, hash_text(&snapshot->head.root),
           (unsigned long long)snapshot->head.height);
    fflush(stdout);
    return END_GOOD;
}

static int verify(const struct set_snapshot *snapshot, const struct set_snapshot_trust *trust,
                  const char *chunk_name)
{
    bool is_signed = false;
    struct set_reading *genesis = set_reading_make(snapshot->path);
    if (genesis == NULL) return END_REFUSED;
    struct set_snapshot_check *check = NULL;
    int end = check_head(&is_signed, snapshot, genesis, trust);
    if (end == END_GOOD) {
        check = begin_check(snapshot, genesis);
        end = check == NULL        ? END_FAILED
              : chunk_name != NULL ? verify_one(snapshot, check, chunk_name)
                                   : verify_all(snapshot, check);
    }
    if (end == END_GOOD) say_trust(snapshot, is_signed, trust);
    free(check);
    set_reading_close(genesis);
    return end;
}

int set_snapshot_verify(const char *path, const struct set_snapshot_trust *trust,
                        const char *chunk_name)
{
    struct set_snapshot snapshot;
    int end = set_snapshot_open(&snapshot, path, trust->root);
    if (end == END_GOOD) end = verify(&snapshot, trust, chunk_name);
    set_snapshot_close(&snapshot);
    return end;
}

/* ---- Restore -----------------------------------------------------------------------------------
 */

static bool put_kept(struct store *store, enum keeper_kept what, uint64_t number,
                     const uint8_t *bytes, size_t size)
{
    const uint64_t height = keeper_kept_height(what, number);
    enum store_err err = store_put_receipts(store, height, bytes, size);
    if (err == STORE_BUSY || err == STORE_TOO_LARGE) {
        err = store_load_part(store);
        if (err == STORE_OK) err = store_put_receipts(store, height, bytes, size);
    }
    return err == STORE_OK;
}

static bool put_records(struct store *store, const struct tn_chain *chain)
{
    bool is_good = true;
    for (uint32_t kind = 1; kind < TN_CHAIN_KINDS && is_good; kind++) {
        uint32_t count = tn_chain_records_count(chain, (uint8_t)kind);
        size_t room = tn_chain_record_size_max(tn_chain_limits(chain), (uint8_t)kind);
        if (count == 0) continue;
        uint8_t *record = memory_take(room);
        if (record == NULL) return false;
        for (uint32_t i = 0; i < count && is_good; i++) {
            size_t size = tn_chain_record(chain, record, room, (uint8_t)kind, i);
            if (size > 0) is_good = snapshot_put_record(store, (uint8_t)kind, i, record, size);
        }
        memory_give(record, room);
    }
    return is_good;
}

static bool put_epochs(struct store *store, const struct set_snapshot_head *head)
{
    size_t at = 0;
    for (uint32_t i = 0; i < head->epochs_count; i++) {
        struct set_snapshot_epoch epoch;
        set_snapshot_head_epoch(&epoch, &at, head);
        if (!put_kept(store, KEPT_HANDOVER, epoch.epoch, epoch.handover, epoch.handover_size) ||
            !put_kept(store, KEPT_SET, epoch.epoch + 1, epoch.set, epoch.set_size)) {
            return false;
        }
    }
    return head->certificate_size == 0 ||
           put_kept(store, KEPT_CERTIFICATE, 0, head->certificate, head->certificate_size);
}

/* home/store, by way of another name: it is whole or not there. Its log is to begin at 1. */
static bool write_store(const char *home, const struct set_snapshot *snapshot,
                        const struct set_reading *genesis, const struct tn_chain *chain)
{
    char part[PATH_SIZE], path[PATH_SIZE];
    struct store_config config;
    struct store_trail trail;
    struct store *store;
    if (!home_path(part, home, "store.part") || !home_path(path, home, "store")) return false;
    keeper_store_config(&config, &genesis->conf.limits, part);
    if (store_open(&store, &config, &trail) != STORE_OK) {
        complain("%s", trail.text);
        return false;
    }
    const struct store_point point = {
        .height = snapshot->head.height, .root = snapshot->head.root, .log_position = 1};
    bool is_good = put_records(store, chain) && put_epochs(store, &snapshot->head) &&
                   store_checkpoint(store, &point) == STORE_OK;
    if (!is_good) {
        struct store_status status;
        store_status(store, &status);
        complain("cannot fill the store of %s: %s", home, status.trail.text);
    }
    store_close(store);
    if (is_good && rename(part, path) == 0 && folder_sync_of(path)) return true;
    if (is_good) complain("cannot rename %s to %s: %s", part, path, strerror(errno));
    return false;
}

static bool is_in(const char *home, const char *name)
{
    char path[PATH_SIZE];
    return home_path(path, home, name) && access(path, F_OK) == 0;
}

/* New, or a home with nothing of a node's life in it: keys and settings may be there, and the
 * genesis if it is the same. */
static int begin_home(const char *home, const struct set_snapshot *snapshot)
{
    static const char *const lives[] = {"store", "log", "store.sync", "store.old", "store.part"};
    if (mkdir(home, 0700) == 0) return END_GOOD;
    if (errno != EEXIST) {
        int why = errno;
        complain("cannot make the home %s: %s", home, strerror(why));
        return end_of_place(why);
    }
    for (uint32_t i = 0; i < sizeof lives / sizeof lives[0]; i++) {
        if (!is_in(home, lives[i])) continue;
        complain("%s/%s is there: a snapshot goes into a home without store and log; move it away "
                 "if this node is to begin anew",
                 home, lives[i]);
        return END_REFUSED;
    }
    if (!is_in(home, "set.conf") && !is_in(home, "genesis.conf")) return END_GOOD;
    struct set_reading *own = set_reading_make(home);
    if (own == NULL) return END_REFUSED;
    int end = check_genesis(snapshot, own);
    set_reading_close(own);
    return end;
}

static bool copy_text(const struct set_snapshot *snapshot, const char *home, const char *name)
{
    enum { TEXT_MAX = 1 << 20 };
    char from[PATH_SIZE], to[PATH_SIZE];
    size_t size;
    if (is_in(home, name)) return true; /* the same: it makes the same chain id */
    if (!home_path(from, snapshot->path, name) || !home_path(to, home, name)) return false;
    uint8_t *bytes = file_read(&size, from, TEXT_MAX);
    bool is_good = bytes != NULL && file_write(to, bytes, size);
    free(bytes);
    return is_good;
}

static int restore(const struct set_snapshot *snapshot, const char *home,
                   const struct set_snapshot_trust *trust)
{
    struct held_chain held = {0};
    bool is_signed = false;
    struct set_reading *genesis = set_reading_make(snapshot->path);
    if (genesis == NULL) return END_REFUSED;
    int end = check_head(&is_signed, snapshot, genesis, trust);
    if (end == END_GOOD) end = set_snapshot_load(&held, snapshot, genesis);
    if (end == END_GOOD) end = begin_home(home, snapshot);
    if (end == END_GOOD && (!write_store(home, snapshot, genesis, held.chain) ||
                            !copy_text(snapshot, home, "genesis.conf") ||
                            !copy_text(snapshot, home, "set.conf") || !folder_sync_of(home))) {
        end = END_FAILED;
    }
    if (end == END_GOOD) {
        printf("%s: height %llu, root %s; tenord start goes on from there\n", home,
               (unsigned long long)snapshot->head.height, hash_text(&snapshot->head.root));
        fflush(stdout);
        say_trust(snapshot, is_signed, trust);
    }
    set_chain_drop(&held);
    set_reading_close(genesis);
    return end;
}

int set_snapshot_restore(const char *path, const char *home, const struct set_snapshot_trust *trust)
{
    struct set_snapshot snapshot;
    int end = set_snapshot_open(&snapshot, path, trust->root);
    if (end == END_GOOD) end = restore(&snapshot, home, trust);
    set_snapshot_close(&snapshot);
    return end;
}
