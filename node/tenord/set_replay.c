/* set_replay: the finalized blocks of a set's home through a fresh replica of all its markets.
 *
 * Each block is judged by everything that every node can judge (batches, signatures, the root that
 * its header says of an earlier height), executed, and the root that comes out held against the one
 * that the store has of that height; what the leaders said of their batches' results is held
 * against what came of them. The first block that differs is named. Of what the state was made of
 * at a height the store has nothing but at its checkpoint: so the replay goes on to there, and
 * names the parts that differ then, and the first record of each. The final blocks that the log has
 * behind the checkpoint follow: of their roots the headers and certificates behind them tell.
 *
 * Blocks that are not there (pruned, or the state came from peers) cannot be executed: then only
 * what is there is checked, and that is said. */
#include "tenord/set_home.h"
#include "tenord/set_log.h"
#include "tenord/set_reading.h"
#include "tenord/set_snapshot.h"
#include "tenord/tenord.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PAST_SIZE = 80, PROGRESS_SECONDS = 2, VIEWS_MAX = 8 };

struct past_root {
    uint64_t height; /* 0: not known */
    struct tn_hash root;
};

struct comparing {
    struct set_reading *reading;
    struct held_chain held;
    struct set_source source;
    struct set_log *log;
    struct past_root past[TN_CHAIN_RING]; /* by height modulo that */
    struct tn_chain_place said_wrong;     /* the first batch with other results */
    uint64_t results_wrong, no_ops;
    uint64_t height;  /* that is being executed */
    uint64_t said;    /* the last height of which a header said the root, and it was the same */
    uint64_t differs; /* the first block that differs; 0: none */
    time_t told;
};

/* ---- What the store says -----------------------------------------------------------------------
 */

/* Records RING: `height ‖ time_ms ‖ block hash ‖ root` of each height that is kept. */
static bool take_past(void *context, uint32_t index, const uint8_t *bytes, size_t size)
{
    struct comparing *comparing = context;
    (void)index;
    for (size_t at = 0; at + PAST_SIZE <= size; at += PAST_SIZE) {
        uint64_t height = tn_get_be(bytes + at, 8);
        struct past_root *past = &comparing->past[height % TN_CHAIN_RING];
        past->height = height;
        memcpy(past->root.bytes, bytes + at + PAST_SIZE - TN_HASH_SIZE, TN_HASH_SIZE);
    }
    return true;
}

static bool take_roots(struct comparing *comparing)
{
    const struct set_reading *reading = comparing->reading;
    if (store_each_record(reading->view, TN_CHAIN_RECORD_RING, 0, take_past, comparing) ==
        STORE_OK) {
        return true;
    }
    complain("%s", store_view_trail(reading->view)->text);
    return false;
}

/* ---- Executing ---------------------------------------------------------------------------------
 */

static void note_difference(void *context, const struct tn_chain_place *place,
                            enum tn_chain_difference difference, const char *what)
{
    struct comparing *comparing = context;
    (void)what;
    if (difference == TN_CHAIN_NO_OP) {
        comparing->no_ops++;
        return;
    }
    if (comparing->results_wrong++ == 0) {
        comparing->said_wrong = *place;
        complain("block %" PRIu64 ": the leader of market %u said other results of its batch "
                 "%" PRIu64 " than come of it here",
                 comparing->height, place->market, place->sequence);
    }
}

static void name_difference(struct comparing *comparing, uint64_t height,
                            const struct tn_hash *stored, const struct tn_hash *here)
{
    if (comparing->differs != 0) return;
    comparing->differs = height;
    complain("block %" PRIu64 " differs in its state root: stored %s, executed here %s", height,
             hash_text(stored), hash_text(here));
}

/* False: the block cannot be executed, because a batch is not there. */
static bool judge(struct comparing *comparing, const struct tn_chain_block *block)
{
    struct tn_chain *chain = comparing->held.chain;
    const struct tn_block_header *header = block->header;
    struct tn_chain_fault fault = {.at = TN_NONE};
    struct tn_hash root;
    enum tn_chain_verdict verdict =
        tn_chain_validate(chain, &fault, block, NULL, 0, (int64_t)header->time_ms, false);
    if (verdict == TN_CHAIN_OK) {
        comparing->said = header->exec_height;
        return true;
    }
    if (fault.is_divergence && tn_chain_root_at(chain, &root, header->exec_height)) {
        name_difference(comparing, header->exec_height, &header->exec_root, &root);
        return true;
    }
    if (verdict == TN_CHAIN_WAIT) {
        complain("block %" PRIu64 " cannot be executed: %s", header->height,
                 comparing->source.why != NULL ? comparing->source.why : fault.what);
        comparing->differs = comparing->differs == 0 ? header->height : comparing->differs;
        return false;
    }
    if (comparing->differs == 0) {
        char at[32] = "";
        if (fault.at != TN_NONE) snprintf(at, sizeof at, ", batch or item %u", fault.at);
        comparing->differs = header->height;
        complain("block %" PRIu64 " must not follow what is before it%s: %s", header->height, at,
                 fault.what);
    }
    return true;
}

static bool execute(struct comparing *comparing, const struct tn_chain_block *block)
{
    struct tn_chain *chain = comparing->held.chain;
    const struct tn_chain_heads *heads = tn_chain_heads(chain);
    comparing->height = block->header->height;
    comparing->source.why = NULL;
    if (!judge(comparing, block)) return false;
    if (block->header->height != heads->height + 1 ||
        tn_chain_execute(chain, block) == TN_CHAIN_WAIT) {
        complain("block %" PRIu64 " cannot be executed: %s", block->header->height,
                 comparing->source.why != NULL ? comparing->source.why : "it is not the next");
        return false;
    }
    const struct past_root *past = &comparing->past[heads->height % TN_CHAIN_RING];
    if (past->height == heads->height && !tn_hash_equal(&past->root, &heads->root)) {
        name_difference(comparing, heads->height, &past->root, &heads->root);
    }
    return true;
}

static void tell_progress(struct comparing *comparing, uint64_t height, uint64_t last)
{
    time_t now = time(NULL);
    if (now - comparing->told < PROGRESS_SECONDS) return;
    comparing->told = now;
    fprintf(stderr, "replay: at block %" PRIu64 " of %" PRIu64 "\n", height, last);
}

/* Blocks of the store; how the command ends. */
static int execute_blocks(struct comparing *comparing, uint64_t until)
{
    struct set_block block;
    const struct tn_chain_heads *heads = tn_chain_heads(comparing->held.chain);
    while (heads->height < until) {
        if (!set_block_read(&block, comparing->reading, heads->height + 1)) return END_WRONG;
        if (!execute(comparing, &block.block)) return END_WRONG;
        if (comparing->differs != 0) until = comparing->reading->point.height;
        tell_progress(comparing, heads->height, until);
    }
    return END_GOOD;
}

/* ---- What differs ------------------------------------------------------------------------------
 */

/* The first record of a kind that is another one here than stored; false: none is. */
static bool find_record(uint32_t *index, const struct tn_chain *here, const struct tn_chain *stored,
                        uint8_t kind)
{
    uint32_t count = tn_chain_records_count(here, kind);
    uint32_t count_stored = tn_chain_records_count(stored, kind);
    for (*index = 0; *index < count && *index < count_stored; ++*index) {
        size_t size = tn_chain_record(here, NULL, 0, kind, *index);
        bool is_same = size == tn_chain_record(stored, NULL, 0, kind, *index);
        uint8_t *bytes = is_same ? malloc(2 * size + 1) : NULL;
        if (is_same && bytes == NULL) return false;
        if (is_same) {
            tn_chain_record(here, bytes, size, kind, *index);
            tn_chain_record(stored, bytes + size, size, kind, *index);
            is_same = memcmp(bytes, bytes + size, size) == 0;
        }
        free(bytes);
        if (!is_same) return true;
    }
    return count != count_stored;
}

/* At the store's checkpoint both states are there whole. */
static void name_parts(const struct comparing *comparing)
{
    struct held_chain stored = {0};
    const struct set_reading *reading = comparing->reading;
    const struct tn_chain *here = comparing->held.chain;
    uint32_t index;
    if (tn_chain_heads(here)->height == reading->point.height && set_chain_load(&stored, reading)) {
        const struct tn_hash *globals = tn_chain_heads(here)->state.globals;
        const struct tn_hash *said = tn_chain_heads(stored.chain)->state.globals;
        for (uint32_t place = 0; place < TN_PROOF_GLOBALS; place++) {
            if (tn_hash_equal(&globals[place], &said[place])) continue;
            complain("at height %" PRIu64 " %s differs: stored %s, executed here %s",
                     reading->point.height, set_global_text(place), hash_text(&said[place]),
                     hash_text(&globals[place]));
        }
        for (uint32_t kind = 0; kind < TN_CHAIN_KINDS; kind++) {
            if (!find_record(&index, here, stored.chain, (uint8_t)kind)) continue;
            complain("at height %" PRIu64 " %s differs, first in record %u", reading->point.height,
                     set_kind_text(&reading->conf.limits, (uint8_t)kind), index);
        }
    }
    set_chain_drop(&stored);
}

/* At the store's checkpoint, or wherever something differed. */
static int check_end(const struct comparing *comparing)
{
    const struct set_reading *reading = comparing->reading;
    const struct tn_chain_heads *heads = tn_chain_heads(comparing->held.chain);
    if (comparing->differs == 0 && (heads->height != reading->point.height ||
                                    tn_hash_equal(&heads->root, &reading->point.root))) {
        return END_GOOD;
    }
    if (comparing->differs == 0) {
        complain("the state after block %" PRIu64 " differs: stored root %s, executed here %s",
                 heads->height, hash_text(&reading->point.root), hash_text(&heads->root));
    }
    name_parts(comparing);
    return END_WRONG;
}

/* What the leaders said, and how much it was. */
static int tell_counts(const struct comparing *comparing)
{
    const struct tn_chain_counters *counters = tn_chain_counters(comparing->held.chain);
    if (counters->blocks > 0) {
        printf("%" PRIu64 " batches of %u markets, %" PRIu64 " entries, %" PRIu64 " items, %" PRIu64
               " transfers between markets\n",
               counters->batches, comparing->reading->conf.limits.markets_count, counters->entries,
               counters->items, counters->remits);
    }
    if (comparing->no_ops > 0) {
        printf("%" PRIu64 " entries are none that a leader may seal\n", comparing->no_ops);
    }
    if (comparing->results_wrong == 0) return END_GOOD;
    complain("%" PRIu64 " batches have other results than their leaders said, the first is batch "
             "%" PRIu64 " of market %u: if every node counted it (tenor_results_wrong_total), that "
             "leader lied; else this program executes differently",
             comparing->results_wrong, comparing->said_wrong.sequence,
             comparing->said_wrong.market);
    return END_WRONG;
}

/* ---- The log -----------------------------------------------------------------------------------
 */

static bool give_logged(void *context, struct tn_chain_batch *batch, const struct tn_hash *digest)
{
    struct comparing *comparing = context;
    comparing->source.why = "the log does not have its batch";
    return set_log_batch(comparing->log, batch, digest);
}

static bool execute_logged(void *context, const struct set_block *block)
{
    struct comparing *comparing = context;
    if (!execute(comparing, &block->block)) return false;
    tell_progress(comparing, block->header.height, block->header.height);
    return comparing->differs == 0;
}

static void tell_logged(const struct comparing *comparing, const struct set_log_found *found,
                        uint64_t first)
{
    const struct tn_chain_heads *heads = tn_chain_heads(comparing->held.chain);
    const uint64_t count = heads->height + 1 - first;
    if (count == 0) {
        printf("the log holds no final block behind %" PRIu64 "\n", heads->height);
        return;
    }
    printf("blocks %" PRIu64 " to %" PRIu64 " of the log, behind the store's checkpoint, lead to "
           "the root %s; %" PRIu64 " of them are under a FINALIZATION whose signatures hold%s\n",
           first, heads->height, hash_text(&heads->root), found->certified,
           found->certified < count ? ", the others final by this node's own note" : "");
    if (comparing->said >= first) {
        printf("every root up to that of block %" PRIu64 " is the one that later blocks say\n",
               comparing->said);
    } else {
        printf("no later block says a root of them yet\n");
    }
    if (found->checkpoints > 0) {
        printf("%" PRIu64 " checkpoints in the log that the set has signed name the same roots\n",
               found->checkpoints);
    }
}

static void tell_log_end(const struct set_log_found *found)
{
    if (found->waits > 0) {
        printf("block %" PRIu64 " is final, and the log does not have all its batches yet\n",
               found->waits);
    }
    if (found->torn_bytes > 0) {
        printf("behind record %" PRIu64 " the log has %" PRIu64 " bytes that are no whole group: "
               "torn off by a crash, or being written\n",
               found->end_record - 1, found->torn_bytes);
    }
}

/* What the node finalized since the store's checkpoint. */
static int replay_log(struct comparing *comparing, const struct set_replay_options *options)
{
    struct set_log_found found;
    struct tn_chain *chain = comparing->held.chain;
    const uint64_t first = tn_chain_heads(chain)->height + 1;
    const struct tn_chain_source asked = {.context = comparing, .batch = give_logged};
    comparing->log = set_log_make(comparing->reading, chain);
    if (comparing->log == NULL) return END_FAILED;
    tn_chain_ask(chain, &asked);
    int end = set_log_read(comparing->log, &found, options->home, options->until, execute_logged,
                           comparing);
    set_log_drop(comparing->log);
    comparing->log = NULL;
    if (!found.is_there) {
        printf("the home has no log\n");
    } else if (found.is_gone) {
        printf("the log behind %" PRIu64 " is gone: the node has taken checkpoints meanwhile\n",
               first - 1);
    } else {
        tell_logged(comparing, &found, first);
        tell_log_end(&found);
    }
    const uint64_t last = tn_chain_heads(chain)->height;
    if (end == END_GOOD && options->until > last) {
        complain("the home has final blocks up to %" PRIu64 ", not until %" PRIu64, last,
                 options->until);
        return END_REFUSED;
    }
    return end;
}

/* Behind the store's part, which was good. */
static int go_on_in_log(struct comparing *comparing, const struct set_replay_options *options)
{
    int end = END_GOOD;
    fflush(stdout);
    if (options->until == 0 || options->until > comparing->reading->point.height) {
        end = replay_log(comparing, options);
    }
    int counts = tell_counts(comparing);
    return end == END_GOOD ? counts : end;
}

static void listen(struct comparing *comparing)
{
    const struct tn_chain_listener listener = {.context = comparing, .difference = note_difference};
    comparing->told = time(NULL);
    tn_chain_tell(comparing->held.chain, &listener);
}

/* ---- A part of history -------------------------------------------------------------------------
 */

/* Headers say roots of heights of which the state still has its own. */
static bool compare_headers(const struct set_reading *reading, const struct tn_chain *chain,
                            uint64_t first, uint64_t *compared)
{
    for (uint64_t height = first; height <= reading->point.height; height++) {
        struct set_block block;
        struct tn_hash root;
        if (!set_block_read(&block, reading, height)) return false;
        if (!tn_chain_root_at(chain, &root, block.header.exec_height)) continue;
        if (!tn_hash_equal(&root, &block.header.exec_root)) {
            complain("block %" PRIu64 " says another root of height %" PRIu64 ": %s, the state has "
                     "%s",
                     height, block.header.exec_height, hash_text(&block.header.exec_root),
                     hash_text(&root));
            return false;
        }
        ++*compared;
    }
    return true;
}

/* Blocks from `next` to below `first` are gone: the state itself, and that the others lead to it.
 */
static bool check_part(struct comparing *comparing, uint64_t first, uint64_t next)
{
    const struct set_reading *reading = comparing->reading;
    uint64_t compared = 0, height = reading->point.height;
    uint64_t gone = first == 0 || first > height ? height : first - 1;
    printf("PART OF HISTORY: blocks %" PRIu64 " to %" PRIu64 " are not in this home (pruned, or "
           "its state came from peers) and cannot be executed again; with --snapshot of height "
           "%" PRIu64 " or more, others can\n",
           next, gone, gone);
    fflush(stdout);
    set_chain_drop(&comparing->held);
    if (!set_chain_load(&comparing->held, reading)) return false;
    printf("height %" PRIu64 ": all records lead to the root %s\n", height,
           hash_text(&reading->point.root));
    if (gone >= height) return true;
    const struct tn_chain *chain = comparing->held.chain;
    if (!set_blocks_follow(reading, first, height, &tn_chain_heads(chain)->block_hash) ||
        !compare_headers(reading, chain, first, &compared)) {
        return false;
    }
    printf("blocks %" PRIu64 " to %" PRIu64 " are one chain that ends in this state, and %" PRIu64
           " of the roots that they say are the state's; none was executed\n",
           first, height, compared);
    return true;
}

static int replay_part(struct comparing *comparing, const struct set_replay_options *options,
                       uint64_t first, uint64_t next)
{
    if (!check_part(comparing, first, next)) return END_WRONG;
    listen(comparing);
    return go_on_in_log(comparing, options);
}

/* ---- The command -------------------------------------------------------------------------------
 */

/* A node at work takes checkpoints meanwhile: the log goes on from the last of them. */
static int replay_store(struct comparing *comparing, uint64_t until)
{
    struct set_reading *reading = comparing->reading;
    const struct tn_chain_heads *heads = tn_chain_heads(comparing->held.chain);
    for (uint32_t i = 0;; i++) {
        const uint64_t last = reading->point.height;
        if (!take_roots(comparing)) return END_FAILED;
        int end = execute_blocks(comparing, until == 0 || until > last ? last : until);
        if (end == END_GOOD) end = check_end(comparing);
        if (end != END_GOOD || heads->height == until || i == VIEWS_MAX) return end;
        if (!set_reading_again(reading)) return END_FAILED;
        if (reading->point.height == last) return END_GOOD;
    }
}

static int replay_from(struct comparing *comparing, const struct set_replay_options *options)
{
    const struct tn_chain_heads *heads = tn_chain_heads(comparing->held.chain);
    const uint64_t before = heads->height;
    if (before > comparing->reading->point.height) {
        complain("the snapshot is of height %" PRIu64 ", but the store ends with %" PRIu64, before,
                 comparing->reading->point.height);
        return END_REFUSED;
    }
    if (options->until != 0 && options->until < before) {
        complain("replay can go from block %" PRIu64 " on, not until %" PRIu64, before + 1,
                 options->until);
        return END_REFUSED;
    }
    comparing->source.reading = comparing->reading;
    set_source_give(&comparing->source, comparing->held.chain);
    listen(comparing);
    int end = replay_store(comparing, options->until);
    if (end != END_GOOD) return end;
    if (before == heads->height) {
        printf("no blocks after %" PRIu64 "; the root is the same: %s\n", heads->height,
               hash_text(&heads->root));
    } else {
        printf("blocks %" PRIu64 " to %" PRIu64 ": every root is the same; the last is %s\n",
               before + 1, heads->height, hash_text(&heads->root));
    }
    return go_on_in_log(comparing, options);
}

/* At the genesis, or where a snapshot stands. */
static int begin_chain(struct comparing *comparing, const char *path)
{
    struct set_snapshot snapshot;
    if (path == NULL) {
        return set_chain_hold(&comparing->held, comparing->reading) ? END_GOOD : END_FAILED;
    }
    int end = set_snapshot_open(&snapshot, path, NULL);
    if (end == END_GOOD) end = set_snapshot_load(&comparing->held, &snapshot, comparing->reading);
    set_snapshot_close(&snapshot);
    return end;
}

static int replay(struct comparing *comparing, const struct set_replay_options *options)
{
    uint64_t first;
    const struct set_reading *reading = comparing->reading;
    if (!set_first_block(&first, reading)) return END_FAILED;
    int end = begin_chain(comparing, options->snapshot);
    if (end != END_GOOD) return end;
    const uint64_t next = tn_chain_heads(comparing->held.chain)->height + 1;
    if (next <= reading->point.height && (first == 0 || first > next)) {
        return replay_part(comparing, options, first, next);
    }
    return replay_from(comparing, options);
}

int set_replay(const struct set_replay_options *options)
{
    struct comparing *comparing = calloc(1, sizeof *comparing);
    struct set_reading *reading = set_reading_make(options->home);
    int end = END_FAILED;
    if (comparing == NULL) {
        complain("out of memory");
    } else if (reading == NULL || !set_reading_open(reading)) {
        end = set_reading_end(reading);
    } else {
        comparing->reading = reading;
        end = replay(comparing, options);
        set_chain_drop(&comparing->held);
    }
    free(comparing);
    set_reading_close(reading);
    return end;
}
