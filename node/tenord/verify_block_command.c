/* verify-block: executes one block on a witness, with nothing else at hand: no home, no store, no
 * network. It ends with the roots that the block leads from and to, or names what differs first. */
#include "genesis.h"
#include "machine.h"
#include "set_witness.h"
#include "tenor/hex.h"
#include "tenor/witness.h"
#include "tenord.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_GIB_MOST = 16, GIB_SHIFT = 30 };

struct verify_options {
    const char *file, *root, *after, *block;
    uint64_t memory_gib;
};

/* ---- What differs ------------------------------------------------------------------------------
 */

static const char *kind_name(uint8_t kind)
{
    static const char *const names[TN_RECORD_KINDS] = {
        "", "MARKET", "SERIES", "FEEDS", "ROWS", "ACCOUNT", "POSITIONS", "MARGIN", "MEMORY", "BOOK",
    };
    return kind < TN_RECORD_KINDS ? names[kind] : "CHAIN";
}

static const char *global_name(uint32_t place)
{
    static const char *const names[TN_PROOF_GLOBALS] = {
        "STREAMS", "BLOCKS", "WITHDRAWALS", "INBOXES", "EXITS", "SESSION_KEYS", "LAST_BLOCK", "",
    };
    return place < TN_PROOF_GLOBALS ? names[place] : "";
}

/* Where, in words. */
static void place_of(char *text, size_t size, const struct tn_witness_fault *fault)
{
    text[0] = '\0';
    switch (fault->step) {
        case TN_WITNESS_STEP_FORMAT: snprintf(text, size, " (byte %" PRIu64 ")", fault->at); return;
        case TN_WITNESS_STEP_RECORDS:
            snprintf(text, size, " (%s %u, byte %" PRIu64 ")", kind_name(fault->name.kind),
                     fault->name.index, fault->at);
            return;
        case TN_WITNESS_STEP_ACCOUNT: snprintf(text, size, " (account %u)", fault->account); return;
        case TN_WITNESS_STEP_SECTION:
            snprintf(text, size, " (%s)", kind_name(fault->name.kind));
            return;
        case TN_WITNESS_STEP_GLOBAL:
            snprintf(text, size, " (%s)", global_name(fault->name.index));
            return;
        case TN_WITNESS_STEP_BLOCK:
        case TN_WITNESS_STEP_BATCH:
        case TN_WITNESS_STEP_STATE:
        case TN_WITNESS_STEP_RESULTS:
        case TN_WITNESS_STEP_HEADER:
        case TN_WITNESS_STEP_ROOT: return;
    }
}

static int complain_fault(const struct tn_witness_fault *fault)
{
    char place[96];
    place_of(place, sizeof place, fault);
    const char *why = fault->why == NULL ? "" : fault->why;
    const char *colon = fault->why == NULL ? "" : ": ";
    if (fault->has_hashes) {
        complain("%s%s%s%s: the witness says %s, worked out %s", fault->what, place, colon, why,
                 hash_text(&fault->said), hash_text(&fault->found));
    } else {
        complain("%s%s%s%s", fault->what, place, colon, why);
    }
    return fault->step == TN_WITNESS_STEP_FORMAT ? END_REFUSED : END_WRONG;
}

/* A hash that the caller trusts; NULL: none was given. */
static bool is_trusted(const char *text, const char *what, const struct tn_hash *found, int *end)
{
    struct tn_hash trusted;
    *end = END_GOOD;
    if (text == NULL) return true;
    if (!tn_hex_read(trusted.bytes, TN_HASH_SIZE, text)) {
        complain("'%s' is no hash: 64 hexadecimal digits", text);
        *end = END_REFUSED;
        return false;
    }
    if (tn_hash_equal(&trusted, found)) return true;
    complain("the witness is of another %s: %s, trusted is %s", what, hash_text(found),
             hash_text(&trusted));
    *end = END_WRONG;
    return false;
}

/* ---- The check ---------------------------------------------------------------------------------
 */

static jmp_buf absent_jump;

static void jump_absent(void *context)
{
    (void)context;
    longjmp(absent_jump, 1);
}

static bool check(const struct tn_witness *witness, struct tn_witness_fault *fault, void *memory)
{
    if (setjmp(absent_jump) != 0) return false; /* the fault was filled in before */
    return tn_witness_verify(witness, fault, memory, jump_absent, NULL);
}

/* What no root holds follows from the genesis, whose hash is the chain id: it was compared when the
 * witness was read. */
static bool genesis_fits(const struct tn_witness *witness)
{
    struct genesis genesis;
    struct tn_replica_limits limits;
    if (witness->genesis_size == 0) {
        complain("the witness has no genesis");
        return false;
    }
    char *text = malloc(witness->genesis_size + 1);
    if (text == NULL) {
        complain("out of memory");
        return false;
    }
    memcpy(text, witness->bytes + witness->genesis_at, witness->genesis_size);
    bool fits =
        genesis_parse(&genesis, "the genesis of the witness", text, witness->genesis_size) &&
        genesis_limits(&limits, &genesis, machine_cpu(), local_seed());
    free(text);
    if (!fits) return false;
    if (limits.exit_blocks == witness->limits.exit_blocks &&
        limits.market == witness->limits.market) {
        return true;
    }
    complain("the witness has exit checkpoints, or a market, that its genesis has not");
    return false;
}

static int verify_witness(struct tn_witness *witness, uint64_t memory_gib)
{
    struct tn_witness_fault fault = {.what = NULL};
    if (!genesis_fits(witness)) return END_WRONG;
    witness->limits.exchange.cpu = (uint8_t)machine_cpu();
    witness->limits.exchange.hash_seed = local_seed();
    size_t size = tn_witness_memory(witness);
    if (size >> GIB_SHIFT >= memory_gib) {
        complain("the check needs %zu GiB of address space, more than --memory-gib %" PRIu64
                 " allows",
                 (size >> GIB_SHIFT) + 1, memory_gib);
        return END_REFUSED;
    }
    void *memory = memory_take(size);
    if (memory == NULL) return END_FAILED;
    bool is_good = check(witness, &fault, memory);
    memory_give(memory, size);
    if (!is_good) return complain_fault(&fault);
    printf("block %" PRIu64 " is good: executed on a witness of %zu bytes with %u of %u accounts\n"
           "block        %s\nroot before  %s\nroot after   %s\n",
           witness->block.height, witness->size, witness->accounts_given,
           witness->counts[TN_RECORD_ACCOUNT], hash_text(&witness->block_hash),
           hash_text(&witness->block.exec_root), hash_text(&witness->after.root));
    return END_GOOD;
}

/* A hash that the caller trusts; NULL: none was given. */
static bool read_trusted(struct tn_hash *hash, const struct tn_hash **trusted, const char *text)
{
    *trusted = text == NULL ? NULL : hash;
    if (text == NULL || tn_hex_read(hash->bytes, TN_HASH_SIZE, text)) return true;
    complain("'%s' is no hash: 64 hexadecimal digits", text);
    return false;
}

static int verify_of_set(const struct verify_options *options, const uint8_t *bytes, size_t size)
{
    struct tn_hash before, block, after;
    struct set_witness_trust trust;
    if (!read_trusted(&before, &trust.before, options->root) ||
        !read_trusted(&block, &trust.block, options->block) ||
        !read_trusted(&after, &trust.after, options->after)) {
        return END_REFUSED;
    }
    return set_witness_verify(bytes, size, &trust, options->memory_gib);
}

static int verify_file(const struct verify_options *options)
{
    struct tn_witness_fault fault = {.what = NULL};
    struct tn_witness witness;
    size_t size;
    uint8_t *bytes = file_read(&size, options->file, (size_t)FILE_GIB_MOST << GIB_SHIFT);
    if (bytes == NULL) return END_FAILED;
    if (set_witness_is_one(bytes, size)) {
        int of_set = verify_of_set(options, bytes, size);
        free(bytes);
        return of_set;
    }
    int end = tn_witness_read(&witness, &fault, bytes, size) ? END_GOOD : complain_fault(&fault);
    if (end == END_GOOD &&
        is_trusted(options->root, "state before", &witness.block.exec_root, &end) &&
        is_trusted(options->block, "block", &witness.block_hash, &end) &&
        is_trusted(options->after, "state after", &witness.after.root, &end)) {
        end = verify_witness(&witness, options->memory_gib);
    }
    bool is_none = options->root == NULL && options->block == NULL && options->after == NULL;
    if (end == END_GOOD && is_none) {
        printf("No hash was given to trust: compare the root before, or the block, with one that "
               "you do.\n");
    }
    free(bytes);
    return end;
}

int verify_block_command(int arguments_count, char **arguments)
{
    struct verify_options verify_options = {.memory_gib = 64};
    const struct option options[] = {
        {"--file", OPTION_TEXT, &verify_options.file, 0, "the witness, of tenord witness"},
        {"--root", OPTION_TEXT, &verify_options.root, 0, "trusted root of the state before"},
        {"--block", OPTION_TEXT, &verify_options.block, 0, "trusted hash of the block"},
        {"--after", OPTION_TEXT, &verify_options.after, 0, "root of the state after, to be met"},
        {"--memory-gib", OPTION_NUMBER, &verify_options.memory_gib, 1 << 20,
         "address space at most; what is touched is far less; default: 64"},
    };
    struct option_set set = {
        .usage = "usage: tenord verify-block --file FILE [OPTION...]\n\n"
                 "Executes one block with nothing but its witness, and arrives at the same root or "
                 "names the first\ndifference.\n",
        .options = options,
        .options_count = sizeof options / sizeof options[0]};
    if (!options_read(&set, arguments_count, arguments)) {
        return set.help_printed ? END_GOOD : END_REFUSED;
    }
    if (verify_options.file == NULL) {
        complain("this command needs --file FILE; see --help");
        return END_REFUSED;
    }
    return verify_file(&verify_options);
}
