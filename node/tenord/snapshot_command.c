/* snapshot: the command, and the verification of a folder, which needs no node and no memory but a
 * chunk's. */
#include "set_snapshot.h"
#include "snapshot.h"
#include "snapshot_check.h"
#include "tenord.h"

#include "tenor/hex.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- The folder -------------------------------------------------------------------------------
 */

void snapshot_blame(const struct snapshot_folder *folder, const char *name,
                    const struct snapshot_fault *fault)
{
    if (fault->has_index) {
        complain("%s/%s: record %u, near byte %llu: %s", folder->path, name, fault->index,
                 (unsigned long long)fault->at, fault->what);
    } else {
        complain("%s/%s: near byte %llu: %s", folder->path, name, (unsigned long long)fault->at,
                 fault->what);
    }
}

int snapshot_open(struct snapshot_folder *folder, const char *path, const struct tn_hash *trusted)
{
    char name[PATH_SIZE];
    struct snapshot_fault fault;
    size_t size;
    *folder = (struct snapshot_folder){.path = path};
    if (!home_path(name, path, "head")) return END_REFUSED;
    folder->bytes = file_read(&size, name, SNAPSHOT_HEAD_MAX);
    if (folder->bytes == NULL) return END_REFUSED;
    if (!snapshot_read_head(&folder->head, &fault, folder->bytes, size)) {
        snapshot_blame(folder, "head", &fault);
        return END_WRONG;
    }
    if (trusted == NULL || tn_hash_equal(trusted, &folder->head.root)) return END_GOOD;
    complain("%s is of the state root %s, not of the trusted one, %s", path,
             hash_text(&folder->head.root), hash_text(trusted));
    return END_WRONG;
}

void snapshot_close(struct snapshot_folder *folder)
{
    free(folder->bytes);
    folder->bytes = NULL;
}

uint8_t *snapshot_chunk_read(size_t *size, const struct snapshot_folder *folder,
                             const struct snapshot_chunk *chunk)
{
    char name[SNAPSHOT_NAME_SIZE], path[PATH_SIZE];
    snapshot_chunk_name(name, chunk->kind, chunk->first);
    if (!home_path(path, folder->path, name)) return NULL;
    return file_read(size, path, (size_t)chunk->size);
}

void snapshot_warn(const struct snapshot_folder *folder, const struct tn_hash *trusted)
{
    if (trusted != NULL) return;
    complain("no trusted root was given: the files agree with the root %s of height %llu, which "
             "comes from the snapshot itself; compare it with one you trust, or use --root",
             hash_text(&folder->head.root), (unsigned long long)folder->head.height);
}

/* ---- Verify -----------------------------------------------------------------------------------
 */

static bool verify_chunk(struct snapshot_check *check, const struct snapshot_folder *folder,
                         const struct snapshot_chunk *chunk)
{
    char name[SNAPSHOT_NAME_SIZE];
    struct snapshot_fault fault;
    size_t size;
    uint8_t *bytes = snapshot_chunk_read(&size, folder, chunk);
    if (bytes == NULL) return false;
    bool is_good = snapshot_check_chunk(check, &fault, chunk, bytes, size);
    free(bytes);
    if (!is_good) {
        snapshot_blame(folder, snapshot_chunk_name(name, chunk->kind, chunk->first), &fault);
    }
    return is_good;
}

/* All chunks from a kind on; how many are bad. */
static uint32_t verify_chunks(struct snapshot_check *check, const struct snapshot_folder *folder,
                              uint8_t kind_from, uint64_t *bytes_count)
{
    uint32_t bad_count = 0;
    for (uint32_t i = 0; i < folder->head.chunks_count; i++) {
        struct snapshot_chunk chunk;
        snapshot_head_chunk(&chunk, &folder->head, i);
        if (chunk.kind < kind_from) continue;
        if (!verify_chunk(check, folder, &chunk)) bad_count++;
        *bytes_count += chunk.size;
    }
    return bad_count;
}

static int verify_all(struct snapshot_check *check, const struct snapshot_folder *folder)
{
    struct snapshot_fault fault;
    uint64_t bytes_count = 0;
    uint32_t bad_count = verify_chunks(check, folder, 0, &bytes_count);
    if (bad_count > 0) {
        complain("%u of %u chunks are bad", bad_count, folder->head.chunks_count);
        return END_WRONG;
    }
    if (!snapshot_check_whole(check, &fault)) {
        complain("%s: %s", folder->path, fault.what);
        return END_WRONG;
    }
    printf("%u chunks, %llu bytes: all are under the root %s of height %llu, and none is missing\n",
           folder->head.chunks_count, (unsigned long long)bytes_count,
           hash_text(&folder->head.root), (unsigned long long)folder->head.height);
    return END_GOOD;
}

/* EQUITY chunks are under a root that the chunk of the chain has, and only all of them together. */
static int verify_equity(struct snapshot_check *check, const struct snapshot_folder *folder)
{
    struct snapshot_fault fault;
    uint64_t bytes_count = 0;
    if (verify_chunks(check, folder, TN_RECORD_CHAIN, &bytes_count) > 0) return END_WRONG;
    if (!snapshot_check_equity(check, &fault)) {
        complain("%s: %s", folder->path, fault.what);
        return END_WRONG;
    }
    return END_GOOD;
}

static int verify_one(struct snapshot_check *check, const struct snapshot_folder *folder,
                      const char *chunk_name)
{
    for (uint32_t i = 0; i < folder->head.chunks_count; i++) {
        char name[SNAPSHOT_NAME_SIZE];
        struct snapshot_chunk chunk;
        snapshot_head_chunk(&chunk, &folder->head, i);
        snapshot_chunk_name(name, chunk.kind, chunk.first);
        if (strcmp(name, chunk_name) != 0) continue;
        int end = chunk.kind == TN_RECORD_EQUITY        ? verify_equity(check, folder)
                  : verify_chunk(check, folder, &chunk) ? END_GOOD
                                                        : END_WRONG;
        if (end == END_GOOD) {
            printf("%s: records %u to %u are under the root %s\n", name, chunk.first,
                   chunk.first + (chunk.count - 1), hash_text(&folder->head.root));
        }
        return end;
    }
    complain("%s names no chunk %s; --chunk takes the name of a file in it", folder->path,
             chunk_name);
    return END_REFUSED;
}

int snapshot_verify(const char *path, const struct tn_hash *trusted, const char *chunk_name)
{
    struct snapshot_folder folder;
    int end = snapshot_open(&folder, path, trusted);
    struct snapshot_check *check = malloc(sizeof *check);
    if (end == END_GOOD && check == NULL) {
        complain("out of memory");
        end = END_FAILED;
    }
    if (end == END_GOOD) {
        snapshot_check_begin(check, &folder.head, machine_cpu());
        end = chunk_name == NULL ? verify_all(check, &folder)
                                 : verify_one(check, &folder, chunk_name);
    }
    if (end == END_GOOD) snapshot_warn(&folder, trusted);
    free(check);
    snapshot_close(&folder);
    return end;
}

/* ---- The command ------------------------------------------------------------------------------
 */

struct snapshot_options {
    const char *word, *home, *to, *from, *root, *chain, *chunk;
    uint64_t rate_mib;
};

static int need(const char *word, const char *what)
{
    complain("snapshot %s needs %s; see tenord snapshot --help", word, what);
    return END_REFUSED;
}

/* NULL: it was not given. */
static bool read_hash(struct tn_hash *hash, const char *option, const char *text)
{
    if (text == NULL || tn_hex_read(hash->bytes, sizeof hash->bytes, text)) return true;
    complain("%s takes 64 hexadecimal digits, not '%s'", option, text);
    return false;
}

static int run_word(const struct snapshot_options *options)
{
    struct tn_hash root, chain;
    const struct tn_hash *trusted = options->root == NULL ? NULL : &root;
    const struct set_snapshot_trust of_set = {.root = trusted,
                                              .chain_id = options->chain == NULL ? NULL : &chain};
    if (!read_hash(&root, "--root", options->root) ||
        !read_hash(&chain, "--chain", options->chain)) {
        return END_REFUSED;
    }
    if (options->from != NULL && access(options->from, F_OK) != 0) {
        complain("cannot read %s: %s", options->from, strerror(errno));
        return END_REFUSED;
    }
    if (options->chain != NULL && (options->from == NULL || !set_snapshot_is_one(options->from))) {
        complain("--chain is for snapshots of a set: others carry no signatures; use --root");
        return END_REFUSED;
    }
    if (strcmp(options->word, "create") == 0) {
        if (options->home == NULL || options->to == NULL) {
            return need("create", "--home DIR and --to DIR");
        }
        if (set_home_is_one(options->home)) {
            return set_snapshot_create(options->home, options->to, options->rate_mib);
        }
        return snapshot_create(options->home, options->to, options->rate_mib);
    }
    if (strcmp(options->word, "verify") == 0) {
        if (options->from == NULL) return need("verify", "--from DIR");
        return set_snapshot_is_one(options->from)
                   ? set_snapshot_verify(options->from, &of_set, options->chunk)
                   : snapshot_verify(options->from, trusted, options->chunk);
    }
    if (strcmp(options->word, "restore") == 0) {
        if (options->home == NULL || options->from == NULL) {
            return need("restore", "--from DIR and --home DIR");
        }
        return set_snapshot_is_one(options->from)
                   ? set_snapshot_restore(options->from, options->home, &of_set)
                   : snapshot_restore(options->from, options->home, trusted);
    }
    complain("snapshot takes create, verify or restore; see tenord snapshot --help");
    return END_REFUSED;
}

int snapshot_command(int arguments_count, char **arguments)
{
    struct snapshot_options words = {.word = "", .rate_mib = 100};
    const struct option options[] = {
        {"--home", OPTION_TEXT, &words.home, 0, "folder of the node; of restore: to be made"},
        {"--to", OPTION_TEXT, &words.to, 0, "create: folder to make"},
        {"--rate", OPTION_NUMBER, &words.rate_mib, 1 << 20,
         "create: write so many MiB a second at most (100); 0: no limit"},
        {"--from", OPTION_TEXT, &words.from, 0, "verify, restore: folder of the snapshot"},
        {"--root", OPTION_TEXT, &words.root, 0, "verify, restore: the state root that you trust"},
        {"--chain", OPTION_TEXT, &words.chain, 0,
         "verify, restore: the id of the chain that you trust; of a set's snapshot"},
        {"--chunk", OPTION_TEXT, &words.chunk, 0, "verify: this file of the folder alone"},
    };
    struct option_set set = {
        .usage =
            "usage: tenord snapshot create --home DIR --to DIR [--rate MIB]\n"
            "       tenord snapshot verify --from DIR [--root HEX | --chain HEX] [--chunk FILE]\n"
            "       tenord snapshot restore --from DIR --home DIR [--root HEX | --chain HEX]\n\n"
            "create may run beside the node: it is of the store's last checkpoint.\n",
        .options = options,
        .options_count = sizeof options / sizeof options[0],
        .words = &words.word,
        .words_max = 1};
    if (!options_read(&set, arguments_count, arguments)) {
        return set.help_printed ? END_GOOD : END_REFUSED;
    }
    return run_word(&words);
}
