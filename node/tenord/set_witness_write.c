/* set_witness_write: the witness of a stored block of a set: a chain is brought to its parent, from
 * the genesis or a snapshot, and a copy of this process judges and executes the block to learn what
 * it needs, so that the chain itself still stands at the parent when that is written down. */
#include "tenord/set_snapshot.h"
#include "tenord/set_witness.h"
#include "tenord/tenord.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

void set_roots_take(struct set_roots *roots, const struct tn_chain *chain)
{
    const struct tn_chain_heads *heads = tn_chain_heads(chain);
    *roots = (struct set_roots){.root = heads->root};
    memcpy(roots->globals, heads->state.globals, sizeof roots->globals);
    for (uint32_t i = 0; i < tn_chain_limits(chain)->markets_count; i++) {
        for (uint32_t kind = 1; kind < TN_PROOF_RECORD_KINDS; kind++) {
            if (kind == TN_RECORD_POSITIONS) continue; /* in their accounts */
            tn_state_section_root(&roots->sections[i][kind], tn_chain_state(chain, i),
                                  (enum tn_record_kind)kind);
        }
    }
}

/* What the copy tells. */
struct told {
    struct set_roots after;
    struct tn_hash block;
    uint64_t words[]; /* of parts */
};

struct writing {
    const struct set_witness_options *options;
    struct set_reading *reading;
    struct held_chain held;
    struct set_source source;
    struct set_witness witness;
    struct set_witness_writer batches, state, whole;
    struct set_witness_batches taken;
    struct tn_witness_parts parts;
    struct told *told;
    size_t told_size;
    uint8_t *genesis, *set;
};

static bool execute(struct writing *writing, const struct set_block *block)
{
    writing->source.why = NULL;
    enum tn_chain_verdict verdict = tn_chain_execute(writing->held.chain, &block->block);
    if (verdict == TN_CHAIN_OK) return true;
    complain("block %" PRIu64 " %s: %s", block->header.height,
             verdict == TN_CHAIN_WAIT ? "cannot be executed" : "comes out otherwise",
             writing->source.why != NULL ? writing->source.why : "see tenord replay --verify");
    return false;
}

/* Brings the chain to the parent of the block. */
static int go_to_parent(struct writing *writing)
{
    const struct set_witness_options *options = writing->options;
    const struct tn_chain_heads *heads;
    struct set_snapshot snapshot;
    struct set_block block;
    uint64_t first;
    int end = END_GOOD;
    if (options->snapshot == NULL) {
        end = set_chain_hold(&writing->held, writing->reading) ? END_GOOD : END_FAILED;
    } else {
        end = set_snapshot_open(&snapshot, options->snapshot, NULL);
        if (end == END_GOOD) {
            end = set_snapshot_load(&writing->held, &snapshot, writing->reading);
        }
        set_snapshot_close(&snapshot);
    }
    if (end != END_GOOD) return end;
    if (!set_first_block(&first, writing->reading)) return END_FAILED;
    heads = tn_chain_heads(writing->held.chain);
    set_source_give(&writing->source, writing->held.chain);
    if (heads->height >= options->height) {
        complain("the snapshot is of height %" PRIu64
                 ", which is past the parent of block %" PRIu64,
                 heads->height, options->height);
        return END_REFUSED;
    }
    if (first == 0 || first > heads->height + 1) {
        complain("block %" PRIu64 " is not in this home; begin from a later snapshot with "
                 "--snapshot",
                 heads->height + 1);
        return END_REFUSED;
    }
    while (heads->height + 1 < options->height) {
        if (!set_block_read(&block, writing->reading, heads->height + 1) ||
            !execute(writing, &block)) {
            return END_WRONG;
        }
    }
    return END_GOOD;
}

static uint8_t *read_text(const char *home, const char *name, uint32_t *size)
{
    enum { TEXT_MAX = 1 << 20 };
    char path[PATH_SIZE];
    size_t read;
    uint8_t *bytes = home_path(path, home, name) ? file_read(&read, path, TEXT_MAX) : NULL;
    *size = bytes == NULL ? 0 : (uint32_t)read;
    return bytes;
}

static bool put_batches(struct writing *writing, const struct set_block *block)
{
    for (uint32_t i = 0; i < block->header.batches_count; i++) {
        struct tn_hash digest;
        struct tn_chain_batch batch;
        const char *why;
        memcpy(digest.bytes, block->block.body + (size_t)i * TN_HASH_SIZE, TN_HASH_SIZE);
        if (!set_batch_read(&batch, &why, writing->reading, &digest)) {
            complain("block %" PRIu64 ": %s", block->header.height, why);
            return false;
        }
        set_witness_put_batch(&writing->batches, &batch);
    }
    return true;
}

/* In the copy, which asks nothing of the store: its view is the other process's. Whether the block
 * may follow is for who reads the witness to say; what is asked for that is needed. */
static int note_needed(struct writing *writing, const struct set_block *block)
{
    const struct tn_chain_listener nobody = {0};
    struct tn_chain *chain = writing->held.chain;
    struct tn_chain_fault fault;
    set_witness_give_batches(&writing->taken, chain, &nobody);
    tn_witness_parts_note(&writing->parts, chain);
    (void)tn_chain_validate(chain, &fault, &block->block, NULL, 0, (int64_t)block->header.time_ms,
                            false);
    if (!execute(writing, block)) return END_WRONG;
    set_roots_take(&writing->told->after, chain);
    writing->told->block = tn_chain_heads(chain)->block_hash;
    return END_GOOD;
}

static int execute_in_copy(struct writing *writing, const struct set_block *block)
{
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) {
        complain("cannot start a copy of this process: %s", strerror(errno));
        return END_FAILED;
    }
    if (child == 0) _exit(note_needed(writing, block)); /* nothing is closed or written */
    while (waitpid(child, &status, 0) < 0) {
        if (errno == EINTR) continue;
        complain("cannot wait for the copy of this process: %s", strerror(errno));
        return END_FAILED;
    }
    if (WIFEXITED(status)) return WEXITSTATUS(status); /* it has complained */
    complain("the copy of this process ended by signal %d", WTERMSIG(status));
    return END_FAILED;
}

/* Memory that both processes see. */
static bool open_parts(struct writing *writing)
{
    const size_t words = tn_witness_parts_words(&writing->reading->conf.limits);
    writing->told_size = sizeof(struct told) + words * sizeof(uint64_t);
    void *told =
        mmap(NULL, writing->told_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (told == MAP_FAILED) {
        complain("out of memory: %s", strerror(errno));
        return false;
    }
    writing->told = told;
    tn_witness_parts_open(&writing->parts, writing->held.chain, writing->told->words);
    return true;
}

/* What the witness has of the block and the genesis. */
static int take_block(struct writing *writing, const struct set_block *block)
{
    struct set_witness *witness = &writing->witness;
    size_t genesis_size = 0;
    writing->genesis = (uint8_t *)home_genesis(&genesis_size, writing->options->home);
    witness->genesis_size = (uint32_t)genesis_size;
    writing->set = read_text(writing->options->home, "set.conf", &witness->set_size);
    if (writing->genesis == NULL || writing->set == NULL) return END_FAILED;
    if (!put_batches(writing, block)) return END_WRONG;
    witness->header = block->header;
    witness->markets_count = writing->reading->conf.limits.markets_count;
    witness->body = block->block.body;
    witness->body_size = (uint32_t)block->block.body_size;
    witness->genesis = writing->genesis;
    witness->set = writing->set;
    witness->batches_count = block->header.batches_count;
    witness->batches = writing->batches.bytes;
    if (writing->batches.is_bad) {
        complain("out of memory");
        return END_FAILED;
    }
    return set_witness_take_batches(&writing->taken, witness) ? END_GOOD : END_WRONG;
}

static int make(struct writing *writing)
{
    struct set_block block;
    struct set_witness *witness = &writing->witness;
    if (!set_block_read(&block, writing->reading, writing->options->height)) return END_REFUSED;
    int end = take_block(writing, &block);
    if (end == END_GOOD && !open_parts(writing)) end = END_FAILED;
    if (end == END_GOOD) end = execute_in_copy(writing, &block);
    if (end != END_GOOD) return end;
    for (uint32_t i = 0; i < witness->markets_count; i++) {
        witness->accounts_count[i] = writing->parts.markets[i].accounts_count;
        witness->seats_count[i] = writing->parts.markets[i].seats_count;
    }
    set_roots_take(&witness->before, writing->held.chain);
    witness->after = writing->told->after;
    set_witness_put_state(&writing->state, &witness->records_count, &witness->nodes_size,
                          &writing->parts, writing->held.chain);
    set_witness_put_head(&writing->whole, witness);
    if (writing->whole.is_bad || writing->state.is_bad) {
        complain("out of memory");
        return END_FAILED;
    }
    return END_GOOD;
}

/* Head, batches, state: one behind the other. */
static int write_file(struct writing *writing)
{
    size_t size = writing->whole.size + writing->batches.size + writing->state.size;
    uint8_t *bytes = malloc(size);
    if (bytes == NULL) {
        complain("out of memory for a witness of %zu bytes", size);
        return END_FAILED;
    }
    memcpy(bytes, writing->whole.bytes, writing->whole.size);
    uint8_t *at = bytes + writing->whole.size;
    if (writing->batches.size > 0) memcpy(at, writing->batches.bytes, writing->batches.size);
    memcpy(at + writing->batches.size, writing->state.bytes, writing->state.size);
    int end = file_write(writing->options->out, bytes, size) ? END_GOOD : end_of_place(errno);
    free(bytes);
    if (end != END_GOOD) return end;
    printf("%s: %zu bytes\nblock        %" PRIu64 " %s\nroot before  %s\nroot after   %s\n",
           writing->options->out, size, writing->witness.header.height,
           hash_text(&writing->told->block), hash_text(&writing->witness.before.root),
           hash_text(&writing->witness.after.root));
    return END_GOOD;
}

static int write_all(struct writing *writing)
{
    const struct set_reading *reading = writing->reading;
    if (reading == NULL || !set_reading_open(writing->reading)) return set_reading_end(reading);
    if (writing->options->height > reading->point.height) {
        complain("the store ends with block %" PRIu64, reading->point.height);
        return END_REFUSED;
    }
    writing->source.reading = reading;
    int end = go_to_parent(writing);
    if (end == END_GOOD) end = make(writing);
    return end == END_GOOD ? write_file(writing) : end;
}

int set_witness_write(const struct set_witness_options *options)
{
    struct writing *writing = calloc(1, sizeof *writing);
    if (writing == NULL) {
        complain("out of memory");
        return END_FAILED;
    }
    writing->options = options;
    writing->reading = set_reading_make(options->home);
    int end = write_all(writing);
    free(writing->genesis);
    free(writing->set);
    free(writing->batches.bytes);
    free(writing->state.bytes);
    free(writing->taken.batches);
    if (writing->told != NULL) munmap(writing->told, writing->told_size);
    free(writing->whole.bytes);
    set_chain_drop(&writing->held);
    set_reading_close(writing->reading);
    free(writing);
    return end;
}
