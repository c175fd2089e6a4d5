/* tenor proof: gets a proof from a node, and verifies one without trusting any.
 *
 * A proof leads from what it says to a state root. That the root is the right one is known either
 * because the reader names it (--root), or because a quorum of the sequencers whom the reader names
 * (--sequencers) has signed the checkpoint that holds it (--certificate). A node that lies about
 * any of it is found out here. */
#include "commands.h"
#include "sequencers.h"
#include "tenor/hex.h"
#include "tenor/proof.h"
#include "words.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: tenor proof verify --file FILE --root HEX [-o table|json]\n"
    "       tenor proof verify --file FILE --certificate FILE --sequencers FILE [...]\n"
    "\n"
    "  --file FILE         a proof, of tenor proof get or tenord inspect; - for standard input\n"
    "  --root HEX          the state root that you trust; or instead of it:\n"
    "  --certificate FILE  signatures under the checkpoint (of tenor proof get)\n"
    "  --sequencers FILE   whom you trust: lines 'validator KEY|ADDRESS WEIGHT'; a set.conf or a\n"
    "                      client.conf will do, if it did not come from the node. They may be of "
    "an\n"
    "                      older epoch (line 'epoch N', else that of the certificate's first "
    "end):\n"
    "                      each set's signatures name the one after it, up to the checkpoint's\n"
    "  -o table|json       a line for each thing that is proved (the default), or JSON, in which\n"
    "                      every amount is a string with an exact decimal; also --table, --json\n"
    "\n"
    "Ends with 0 when the proof holds, 3 when it does not, 2 when the input is refused.\n"
    "\n"
    "example:\n"
    "  tenor proof get --net net --out mine.proof\n"
    "  tenor proof verify --file mine.proof --certificate mine.proof.certificate \\\n"
    "      --sequencers net/node-0/set.conf\n";

struct options {
    const char *path, *root, *certificate, *sequencers;
    enum format format;
    bool help;
};

/* ---- Verifying --------------------------------------------------------------------------------
 */

static bool read_options(struct options *options, int count, char **arguments)
{
    for (int i = 0; i < count; i++) {
        const char *argument = arguments[i];
        const char **value = strcmp(argument, "--file") == 0          ? &options->path
                             : strcmp(argument, "--root") == 0        ? &options->root
                             : strcmp(argument, "--certificate") == 0 ? &options->certificate
                             : strcmp(argument, "--sequencers") == 0  ? &options->sequencers
                                                                      : NULL;
        if (value != NULL && i + 1 < count) {
            *value = arguments[++i];
        } else if (strcmp(argument, "--json") == 0) {
            options->format = FORMAT_JSON;
        } else if (strcmp(argument, "-o") == 0) {
            if (!command_format(&options->format, i + 1 < count ? arguments[++i] : NULL,
                                "proof verify")) {
                return false;
            }
        } else if (strcmp(argument, "--table") == 0) {
            options->format = FORMAT_TABLE;
        } else if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
            options->help = true;
        } else {
            fprintf(stderr, "tenor proof: %s '%s'; see tenor proof verify --help\n",
                    value != NULL ? "an option without its value" : "unknown option", argument);
            return false;
        }
    }
    return true;
}

static int refuse(const char *what)
{
    fprintf(stderr, "tenor proof: %s; see tenor proof verify --help\n", what);
    return END_REFUSED;
}

/* The root that the sequencers have signed; END_GOOD or how it ends. */
static int root_of_certificate(struct tn_hash *root, struct proof_signed *signed_by,
                               struct sequencers *sequencers,
                               const struct tn_signatures *signatures,
                               const struct options *options)
{
    char why[SEQUENCERS_WHY_SIZE];
    struct tn_checkpoint checkpoint;
    size_t names_size, size = 0;
    int end = END_REFUSED;
    char *names = command_file(&names_size, options->sequencers);
    char *bytes = names == NULL ? NULL : command_file(&size, options->certificate);
    if (bytes == NULL) {
        end = command_end_of(errno);
        free(names);
        return end;
    }
    const uint8_t *at = (const uint8_t *)bytes;
    if (!sequencers_read(sequencers, signatures, names, names_size, why)) {
        fprintf(stderr, "%s: %s\n", options->sequencers, why);
    } else if (!sequencers_follow(sequencers, signatures, &at, &size, why) ||
               !sequencers_check(&checkpoint, sequencers, signatures, at, size, why)) {
        fprintf(stderr, "%s: the certificate does not hold: %s\n", options->certificate, why);
        end = END_WRONG;
    } else {
        *root = checkpoint.state_root;
        *signed_by = (struct proof_signed){.epoch = checkpoint.epoch,
                                           .weight = sequencers->signed_weight,
                                           .set_weight = sequencers->weight};
        end = END_GOOD;
    }
    free(names);
    free(bytes);
    return end;
}

static int trusted_root(struct tn_hash *root, struct proof_signed *signed_by,
                        struct sequencers *sequencers, const struct options *options)
{
    struct tn_signatures signatures;
    if (options->root != NULL) {
        if (tn_hex_read(root->bytes, TN_HASH_SIZE, options->root)) return END_GOOD;
        return refuse("--root takes 64 hexadecimal digits");
    }
    void *memory = aligned_alloc(16, (tn_signatures_size() + 15) / 16 * 16);
    if (memory == NULL) {
        fprintf(stderr, "tenor: out of memory\n");
        return END_FAILED;
    }
    tn_signatures_real(&signatures, memory);
    int end = root_of_certificate(root, signed_by, sequencers, &signatures, options);
    free(memory);
    return end;
}

int proof_command(int arguments_count, char **arguments)
{
    struct options options = {.format = FORMAT_TABLE};
    static struct sequencers sequencers;
    struct proof_signed signed_by;
    struct tn_hash root;
    if (!read_options(&options, arguments_count, arguments)) return END_REFUSED;
    if (options.help) {
        fputs(help, stdout);
        return command_flush(stdout, stderr);
    }
    if (options.path == NULL) return refuse("verify needs --file FILE");
    bool by_certificate = options.certificate != NULL && options.sequencers != NULL;
    if ((options.root == NULL) != by_certificate ||
        (!by_certificate && (options.certificate != NULL || options.sequencers != NULL))) {
        return refuse("verify needs either --root HEX, or --certificate and --sequencers: a proof "
                      "leads from what it says to a state root; without a root that you trust it "
                      "proves nothing");
    }
    int end = trusted_root(&root, &signed_by, &sequencers, &options);
    if (end != END_GOOD) return end;
    size_t size;
    char *bytes = command_file(&size, options.path);
    if (bytes == NULL) return command_end_of(errno);
    /* The chain is under the root too; here it is compared with the one that was meant. */
    if (sequencers.has_chain && size >= 38 &&
        memcmp(bytes + 6, sequencers.chain_id, sizeof sequencers.chain_id) != 0) {
        fprintf(stderr, "%s: the proof is of another chain\n", options.path);
        free(bytes);
        return END_WRONG;
    }
    end = proof_answer(stdout, stderr, options.path, bytes, size, &root,
                       by_certificate ? &signed_by : NULL, options.format);
    free(bytes);
    return end;
}

/* ---- Getting ----------------------------------------------------------------------------------
 */

/* A node gives it up after 120 s, and says so. */
enum { PROOF_SECONDS = 130 };

struct got {
    uint8_t *proof, *certificate, *ends;
    size_t proof_size, certificate_size, ends_size;
    uint64_t height, epoch;
    uint64_t next; /* the first epoch whose end is not in `ends` */
};

static bool take_proof(void *context, const struct tn_client_news *news)
{
    struct got *got = context;
    if (news->kind != TN_NEWS_PROOF) return false;
    got->proof_size = news->as.proof.proof_size;
    got->certificate_size = news->as.proof.certificate_size;
    got->height = news->as.proof.height;
    got->proof = malloc(got->proof_size + 1);
    got->certificate = malloc(got->certificate_size + 1);
    if (got->proof == NULL || got->certificate == NULL) return true;
    memcpy(got->proof, news->as.proof.proof, got->proof_size);
    memcpy(got->certificate, news->as.proof.certificate, got->certificate_size);
    return true;
}

static bool take_handovers(void *context, const struct tn_client_news *news)
{
    struct got *got = context;
    if (news->kind != TN_NEWS_HANDOVERS) return false;
    if (news->as.handovers.epoch != got->next || news->as.handovers.next <= got->next) return true;
    uint8_t *ends = realloc(got->ends, got->ends_size + news->as.handovers.ends_size + 1);
    if (ends == NULL) return true;
    memcpy(ends + got->ends_size, news->as.handovers.ends, news->as.handovers.ends_size);
    got->ends = ends;
    got->ends_size += news->as.handovers.ends_size;
    got->next = news->as.handovers.next;
    return true;
}

/* From the set that whoever verifies knows to the checkpoint's: what the node has of it. */
static bool get_handovers(struct thin *thin, struct got *got, uint64_t from)
{
    struct tn_checkpoint checkpoint;
    struct tn_question question = {.kind = TN_ASK_HANDOVERS};
    if (got->certificate == NULL || got->certificate_size < 1 + TN_CHECKPOINT_BYTES) {
        return thin_fail(thin, END_FAILED, "the node's answer has no certificate");
    }
    tn_checkpoint_read(&checkpoint, got->certificate + 1);
    got->epoch = checkpoint.epoch;
    got->next = from;
    while (got->next < checkpoint.epoch) {
        question.epoch = got->next;
        if (!thin_ask(thin, &question, take_handovers, got)) return false;
        if (got->next == question.epoch) {
            return thin_fail(thin, END_FAILED,
                             "the node does not have the end of epoch %" PRIu64
                             " (it began with a later state): ask another one, or name the set of "
                             "a later epoch and say which by --from-epoch",
                             got->next);
        }
    }
    return true;
}

static bool write_file(struct thin *thin, const char *path, const uint8_t *front, size_t front_size,
                       const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    bool is_good = file != NULL &&
                   (front_size == 0 || fwrite(front, 1, front_size, file) == front_size) &&
                   fwrite(bytes, 1, size, file) == size;
    int fault = errno;
    if (file != NULL && fclose(file) != 0 && is_good) {
        fault = errno;
        is_good = false;
    }
    return is_good ||
           thin_fail(thin, command_end_of(fault), "cannot write %s: %s", path, strerror(fault));
}

static bool save(struct thin *thin, const struct got *got, const char *path)
{
    char other[TN_CLIENT_PATH_SIZE];
    int length = snprintf(other, sizeof other, "%s.certificate", path);
    if (got->proof == NULL || got->certificate == NULL) {
        return thin_fail(thin, END_FAILED, "out of memory");
    }
    if (length <= 0 || (size_t)length >= sizeof other) {
        return thin_fail(thin, END_REFUSED, "the name %s is too long", path);
    }
    if (!write_file(thin, path, NULL, 0, got->proof, got->proof_size) ||
        !write_file(thin, other, got->ends, got->ends_size, got->certificate,
                    got->certificate_size)) {
        return false;
    }
    output_text(thin->output, "proof", path);
    output_text(thin->output, "certificate", other);
    output_number(thin->output, "height", got->height);
    output_number(thin->output, "epoch", got->epoch);
    output_count(thin->output, "bytes", got->proof_size);
    return true;
}

int proof_get(struct thin *thin)
{
    uint64_t number = THIN_ANY_ACCOUNT, from = 0;
    const char *series = NULL, *path = "tenor.proof";
    struct tn_question question = {.kind = TN_ASK_PROOF};
    struct got got = {0};
    const struct argument own[] = {
        {"--account", ARGUMENT_NUMBER, &number, TN_NONE - 1, "N", "of anybody; else the key's own"},
        {"--series", ARGUMENT_TEXT, &series, 0, "SERIES", "of a series instead"},
        {"--out", ARGUMENT_TEXT, &path, 0, "FILE", "and FILE.certificate (tenor.proof)"},
        {"--from-epoch", ARGUMENT_NUMBER, &from, UINT64_MAX, "N",
         "whose sequencers are known to whoever verifies (0: those of the genesis)"},
    };
    if (!thin_options(thin, own, 4, 0, 0) || !thin_connect(thin)) return thin->end;
    question.market = thin_market(thin);
    if (series != NULL) {
        const struct instrument *instrument = thin_find(thin, series);
        if (instrument == NULL) return thin->end;
        question.series_id = instrument->series_id;
    } else if (!thin_account_of(thin, &question.account, number)) {
        return thin->end;
    }
    fprintf(stderr, "tenor proof get: waits for the next checkpoint that is certified\n");
    if (!thin->with.has_seconds) thin->with.seconds = PROOF_SECONDS;
    bool is_good = thin_ask(thin, &question, take_proof, &got) && get_handovers(thin, &got, from) &&
                   save(thin, &got, path);
    free(got.proof);
    free(got.ends);
    free(got.certificate);
    return is_good ? thin_done(thin) : thin->end;
}
