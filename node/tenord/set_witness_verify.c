/* set_witness_verify: a block of a set executed on its witness, by the code that every node runs.
 *
 * First the state before: records and nodes into an empty chain, whose root must be the one that is
 * said. Then the block: it must follow that state, its body and its batches must be what its header
 * names, and everything that every node can judge of it must be good. Then it is executed, and all
 * roots that come out are compared, so what is named is the first that differs. Whatever comes to
 * an account or a session that is not there ends it: it is left by a jump, and named. */
#include "tenord/set_witness.h"
#include "tenord/tenord.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GIB_SHIFT = 30 };

struct verifying {
    const struct set_witness *witness;
    struct set_reading *genesis;
    struct held_chain held;
    struct set_witness_batches batches;
    struct tn_witness_parts parts;
    uint64_t *words;                 /* of parts */
    struct tn_state_record *records; /* [records_count] */
    jmp_buf absent;
    uint64_t results_wrong;
    struct tn_chain_place said_wrong; /* the first batch with other results */
};

static bool differ(const char *where, const char *what, const struct tn_hash *said,
                   const struct tn_hash *found)
{
    complain("%s (%s): the witness says %s, worked out %s", where, what, hash_text(said),
             hash_text(found));
    return false;
}

/* ---- The genesis -------------------------------------------------------------------------------
 */

/* What says the same in other words has the same chain id; a witness has one way to say it. */
static bool is_canonical(const struct set_witness *witness, const char *folder)
{
    size_t size = 0;
    char *text = home_genesis(&size, folder);
    bool is_same =
        text != NULL && size == witness->genesis_size && memcmp(text, witness->genesis, size) == 0;
    if (text != NULL && !is_same) {
        complain("the genesis of the witness is not written as tenord writes it");
    }
    free(text);
    return is_same;
}

/* It is read from files, like that of a home; they are gone when this returns. */
static struct set_reading *read_genesis(const struct set_witness *witness)
{
    const char *temporary = getenv("TMPDIR");
    char folder[PATH_SIZE], genesis[PATH_SIZE], set[PATH_SIZE];
    snprintf(folder, sizeof folder, "%s/tenord-witness-XXXXXX",
             temporary != NULL && temporary[0] != '\0' ? temporary : "/tmp");
    if (mkdtemp(folder) == NULL) {
        complain("cannot make a folder %s for the genesis of the witness", folder);
        return NULL;
    }
    struct set_reading *reading = NULL;
    if (home_path(genesis, folder, "genesis.conf") && home_path(set, folder, "set.conf")) {
        if (file_make(genesis, witness->genesis, witness->genesis_size) &&
            file_make(set, witness->set, witness->set_size) && is_canonical(witness, folder)) {
            reading = set_reading_make(folder);
        }
        unlink(genesis);
        unlink(set);
    }
    rmdir(folder);
    return reading;
}

/* ---- The state before --------------------------------------------------------------------------
 */

static bool compare_roots(const struct verifying *verifying, const struct set_roots *said,
                          const char *when)
{
    const struct tn_chain_limits *limits = &verifying->genesis->conf.limits;
    char where[96];
    struct set_roots found;
    set_roots_take(&found, verifying->held.chain);
    for (uint32_t i = 0; i < limits->markets_count; i++) {
        for (uint32_t kind = 0; kind < TN_PROOF_RECORD_KINDS; kind++) {
            if (tn_hash_equal(&said->sections[i][kind], &found.sections[i][kind])) continue;
            snprintf(where, sizeof where, "a section of the state %s the block has another root",
                     when);
            return differ(where, set_kind_text(limits, (uint8_t)(32 * i + kind)),
                          &said->sections[i][kind], &found.sections[i][kind]);
        }
    }
    for (uint32_t place = 0; place < TN_PROOF_GLOBALS; place++) {
        if (tn_hash_equal(&said->globals[place], &found.globals[place])) continue;
        snprintf(where, sizeof where,
                 "what the state %s the block says besides the markets has another root", when);
        return differ(where, set_global_text(place), &said->globals[place], &found.globals[place]);
    }
    snprintf(where, sizeof where, "the state %s the block has another root", when);
    return tn_hash_equal(&said->root, &found.root) ||
           differ(where, "ROOT", &said->root, &found.root);
}

static bool complain_record(const struct verifying *verifying, const struct tn_import_fault *fault)
{
    if (fault->name.kind == 0) {
        complain("the bytes are no witness: %s", fault->what);
        return false;
    }
    complain("a record says what no state can (%s %u, byte %u): %s",
             set_kind_text(&verifying->genesis->conf.limits, fault->name.kind), fault->name.index,
             fault->at, fault->what == NULL ? "it contradicts another" : fault->what);
    return false;
}

static void leave(void *context, const struct tn_witness_absent *absent)
{
    struct verifying *verifying = context;
    complain("%s %u of market %u is needed and not in the witness",
             absent->is_session ? "the session in seat" : "account", absent->index, absent->market);
    longjmp(verifying->absent, 1);
}

/* Memory for what is taken; false after a complaint. */
static bool get_memory(struct verifying *verifying)
{
    const struct set_witness *witness = verifying->witness;
    const size_t words = tn_witness_parts_words(&verifying->genesis->conf.limits);
    verifying->words = calloc(words, sizeof *verifying->words);
    verifying->records = calloc((size_t)witness->records_count + 1, sizeof *verifying->records);
    if (verifying->words != NULL && verifying->records != NULL) return true;
    complain("out of memory");
    return false;
}

static bool take_state(struct verifying *verifying)
{
    const struct set_witness *witness = verifying->witness;
    struct tn_chain *chain = verifying->held.chain;
    struct tn_import_fault fault = {.what = NULL};
    struct tn_hash root;
    const struct tn_hash none = {{0}};
    size_t at = 0;
    for (uint32_t i = 0; i < witness->records_count; i++)
        set_witness_record(&verifying->records[i], &at, witness);
    tn_witness_parts_open(&verifying->parts, chain, verifying->words);
    verifying->parts.absent = leave;
    verifying->parts.context = verifying;
    for (uint32_t i = 0; i < witness->markets_count; i++) {
        verifying->parts.markets[i].accounts_count = witness->accounts_count[i];
        verifying->parts.markets[i].seats_count = witness->seats_count[i];
    }
    bool is_whole =
        tn_witness_take_chain(&verifying->parts, chain, &root, &fault, verifying->records,
                              witness->records_count, witness->nodes, witness->nodes_size);
    if (tn_hash_equal(&root, &none)) return complain_record(verifying, &fault);
    if (!compare_roots(verifying, &witness->before, "before")) return false;
    return is_whole || complain_record(verifying, &fault);
}

/* ---- The block ---------------------------------------------------------------------------------
 */

static bool complain_block(const char *why)
{
    complain("the block does not follow the state that the witness is of: %s", why);
    return false;
}

static bool check_block(const struct verifying *verifying, struct tn_chain_block *block)
{
    const struct set_witness *witness = verifying->witness;
    const struct tn_chain_heads *heads = tn_chain_heads(verifying->held.chain);
    struct tn_stream_fault fault;
    *block = (struct tn_chain_block){
        .header = &witness->header, .body = witness->body, .body_size = witness->body_size};
    tn_stream_block_hash(&block->hash, verifying->genesis->conf.limits.chain_id, &witness->header);
    if (witness->header.height != heads->height + 1) {
        return complain_block("its height is not the next");
    }
    if ((witness->header.flags & TN_BLOCK_SEAL) != 0) return complain_block("it is a seal");
    if (!tn_stream_block_body_check(&fault, &witness->header, witness->body, witness->body_size)) {
        complain("the body is not the block's: %s", fault.what);
        return false;
    }
    if (witness->header.batches_count == witness->batches_count) return true;
    complain("the witness has %u batches, the block %u", witness->batches_count,
             witness->header.batches_count);
    return false;
}

bool set_witness_take_batches(struct set_witness_batches *batches,
                              const struct set_witness *witness)
{
    size_t at = 0;
    batches->count = witness->batches_count;
    batches->batches = calloc((size_t)batches->count + 1, sizeof *batches->batches);
    if (batches->batches == NULL) {
        complain("out of memory");
        return false;
    }
    for (uint32_t i = 0; i < batches->count; i++) {
        struct tn_chain_batch *batch = &batches->batches[i];
        struct tn_batch_header header;
        struct tn_stream_fault fault;
        struct tn_hash named;
        set_witness_batch(batch, &at, witness);
        memcpy(named.bytes, witness->body + (size_t)i * TN_HASH_SIZE, TN_HASH_SIZE);
        if (!tn_stream_read_batch_header(&header, &fault, batch->body, batch->body_size)) {
            complain("batch %u does not read: %s", i, fault.what);
            return false;
        }
        tn_stream_batch_digest(&batch->digest, &header);
        if (tn_hash_equal(&named, &batch->digest)) continue;
        complain("batch %u is not the one that the block names: %s, worked out %s", i,
                 hash_text(&named), hash_text(&batch->digest));
        return false;
    }
    return true;
}

static bool give_batch(void *context, struct tn_chain_batch *batch, const struct tn_hash *digest)
{
    const struct set_witness_batches *batches = context;
    for (uint32_t i = 0; i < batches->count; i++) {
        if (!tn_hash_equal(&batches->batches[i].digest, digest)) continue;
        *batch = batches->batches[i];
        return true;
    }
    return false;
}

void set_witness_give_batches(struct set_witness_batches *batches, struct tn_chain *chain,
                              const struct tn_chain_listener *listener)
{
    const struct tn_chain_source source = {.context = batches, .batch = give_batch};
    tn_chain_ask(chain, &source);
    tn_chain_tell(chain, listener);
}

static void note_difference(void *context, const struct tn_chain_place *place,
                            enum tn_chain_difference difference, const char *what)
{
    struct verifying *verifying = context;
    (void)what;
    if (difference == TN_CHAIN_RESULTS && verifying->results_wrong++ == 0) {
        verifying->said_wrong = *place;
    }
}

static bool execute(struct verifying *verifying, const struct tn_chain_block *block)
{
    struct tn_chain *chain = verifying->held.chain;
    const struct tn_chain_listener listener = {.context = verifying, .difference = note_difference};
    struct tn_chain_fault fault = {.at = TN_NONE};
    set_witness_give_batches(&verifying->batches, chain, &listener);
    if (tn_chain_validate(chain, &fault, block, NULL, 0, (int64_t)block->header->time_ms, false) !=
        TN_CHAIN_OK) {
        char at[32] = "";
        if (fault.at != TN_NONE) snprintf(at, sizeof at, "batch or item %u: ", fault.at);
        complain("the block must not follow that state: %s%s", at, fault.what);
        return false;
    }
    if (tn_chain_execute(chain, block) != TN_CHAIN_OK) return complain_block("its exec_root");
    if (!compare_roots(verifying, &verifying->witness->after, "after")) return false;
    if (verifying->results_wrong == 0) return true;
    complain("batch %" PRIu64
             " of market %u has other results than its leader said; the state after "
             "the block is the witness's all the same",
             verifying->said_wrong.sequence, verifying->said_wrong.market);
    return false;
}

/* ---- The whole ---------------------------------------------------------------------------------
 */

static bool is_trusted(const struct tn_hash *trusted, const char *what, const struct tn_hash *found)
{
    if (trusted == NULL || tn_hash_equal(trusted, found)) return true;
    complain("the witness is of another %s: %s, trusted is %s", what, hash_text(found),
             hash_text(trusted));
    return false;
}

static uint32_t here(const uint64_t *bits, uint32_t of)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < of; i++)
        count += bits[i / 64] >> i % 64 & 1;
    return count;
}

static void say_good(const struct verifying *verifying, const struct tn_hash *block)
{
    const struct set_witness *witness = verifying->witness;
    const struct tn_chain_counters *counters = tn_chain_counters(verifying->held.chain);
    printf("block %" PRIu64 " is good: executed on a witness of %zu bytes\n",
           witness->header.height, witness->size);
    for (uint32_t i = 0; i < witness->markets_count; i++) {
        const struct tn_witness_part *part = &verifying->parts.markets[i];
        printf("market %-5u  %u of %u accounts, %u of %u sessions\n", part->market,
               here(part->accounts, part->accounts_count), part->accounts_count,
               here(part->seats, part->seats_count), part->seats_count);
    }
    printf("%" PRIu64 " batches, %" PRIu64 " entries, %" PRIu64 " items, %" PRIu64
           " transfers between markets, %" PRIu64
           " back\nblock        %s\nroot before  %s\nroot after   %s\n",
           counters->batches, counters->entries, counters->items, counters->remits,
           counters->remits_back, hash_text(block), hash_text(&witness->before.root),
           hash_text(&witness->after.root));
}

/* All that can come to somebody who is absent: then it is false as well. */
static bool run(struct verifying *verifying, struct tn_chain_block *block,
                const struct set_witness_trust *trust)
{
    if (setjmp(verifying->absent) != 0) return false;
    return take_state(verifying) && check_block(verifying, block) &&
           is_trusted(trust->block, "block", &block->hash) &&
           set_witness_take_batches(&verifying->batches, verifying->witness) &&
           execute(verifying, block);
}

static int verify(struct verifying *verifying, const struct set_witness_trust *trust)
{
    const struct set_witness *witness = verifying->witness;
    struct tn_chain_block block;
    if (verifying->genesis->conf.limits.markets_count != witness->markets_count) {
        complain("the witness has %u markets, its genesis %u", witness->markets_count,
                 verifying->genesis->conf.limits.markets_count);
        return END_WRONG;
    }
    if (!set_chain_hold(&verifying->held, verifying->genesis) || !get_memory(verifying)) {
        return END_FAILED;
    }
    if (!run(verifying, &block, trust)) return END_WRONG;
    say_good(verifying, &block.hash);
    if (trust->before == NULL || trust->block == NULL) {
        printf("Of a set's block both the root before and the block are to be trusted: compare %s "
               "with one that you do.\n",
               trust->before != NULL  ? "the block"
               : trust->block != NULL ? "the root before"
                                      : "both");
    }
    return END_GOOD;
}

int set_witness_verify(const uint8_t *bytes, size_t size, const struct set_witness_trust *trust,
                       uint64_t memory_gib)
{
    struct set_witness witness;
    struct set_witness_fault fault;
    if (!set_witness_read(&witness, &fault, bytes, size)) {
        complain("the bytes are no witness (byte %zu): %s", fault.at, fault.what);
        return END_REFUSED;
    }
    if (!is_trusted(trust->before, "state before", &witness.before.root) ||
        !is_trusted(trust->after, "state after", &witness.after.root)) {
        return END_WRONG;
    }
    struct verifying verifying = {.witness = &witness, .genesis = read_genesis(&witness)};
    if (verifying.genesis == NULL) return END_REFUSED;
    size_t needed = tn_chain_size(&verifying.genesis->conf.limits);
    int end = END_REFUSED;
    if (needed >> GIB_SHIFT >= memory_gib) {
        complain("the check needs %zu GiB of address space, more than --memory-gib %" PRIu64
                 " allows",
                 (needed >> GIB_SHIFT) + 1, memory_gib);
    } else {
        end = verify(&verifying, trust);
    }
    free(verifying.batches.batches);
    free(verifying.words);
    free(verifying.records);
    set_chain_drop(&verifying.held);
    set_reading_close(verifying.genesis);
    return end;
}
