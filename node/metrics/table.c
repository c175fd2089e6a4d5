/* The words of labels, and the page that lists all metrics. */
#include "metrics/internal.h"

#include "cluster/sync_client.h"
#include "cluster/sync_server.h"
#include "tenor/desk.h"
#include "tenor/member.h"
#include "tenor/sequencer.h"

const uint64_t metrics_bounds_us[METRICS_BOUNDS] = {
    75,    100,   150,   250,   500,   1000,  2000,   5000,   7500,  10000,
    15000, 20000, 30000, 40000, 50000, 75000, 100000, 150000, 200000};

/* Counters that are a struct of nothing but uint64_t are read as an array in this order. */
#define WORDS_OF(array, type)                                                                      \
    _Static_assert(sizeof(struct type) / sizeof(uint64_t) == sizeof(array) / sizeof(array)[0],     \
                   "a word for each field of " #type)

static const char *const none[] = {""};
static const char *const numbers[] = {NULL}; /* the place itself */
static const char *const markets[] = {"1", "2", "3", "4", "5", "6", "7"};
_Static_assert(sizeof markets / sizeof markets[0] == TN_CHAIN_MARKETS_MAX, "a word for each");
static const char *const build[] = {TENOR_VERSION};
static const char *const voices[] = {
    [TN_VOICE_OBSERVER] = "observer", [TN_VOICE_ASKING] = "asking", [TN_VOICE_SILENT] = "silent",
    [TN_VOICE_DIVERGED] = "diverged", [TN_VOICE_SPEAKS] = "speaks",
};
static const char *const items[] = {"report",     "deposit", "forced",  "operation",
                                    "governance", "term",    "evidence"};
static const char *const reasons[] = {
#define X(id, word, sentence) word,
    METRICS_REASON_TABLE(X)
#undef X
};
static const char *const sentences[] = {
#define X(id, word, sentence) sentence,
    METRICS_REASON_TABLE(X)
#undef X
};
static const char *const links[] = {"none",   "stopped",     "closed",   "broken",   "silent",
                                    "slow",   "malformed",   "oversize", "pings",    "replaced",
                                    "memory", "certificate", "timeout",  "stranger", "forged",
                                    "full",   "rate",        "absent"};
_Static_assert(sizeof links / sizeof links[0] == LINK_REASONS, "a word for each");
static const char *const gossip[] = {
#define X(name, text, help) text,
    TN_GOSSIP_COUNTER_TABLE(X)
#undef X
};
static const char *const waiting[] = {
#define X(name, text, help) text,
    TN_WAITING_COUNTER_TABLE(X)
#undef X
};
static const char *const member[] = {"frames",
                                     "frames_forwarded",
                                     "frames_away",
                                     "answers_forwarded",
                                     "frames_direct",
                                     "results_wrong",
                                     "no_ops",
                                     "bans",
                                     "resigns",
                                     "stalls",
                                     "blocks_waited_batches",
                                     "messages_unknown",
                                     "messages_malformed"};
WORDS_OF(member, tn_member_counters);
static const char *const checkers[] = {"table", "library"};
static const char *const forwarded[] = {"held", "late", "refused", "dropped"};
static const char *const votes[] = {
    "malformed",      "out_of_window",  "wrong_sender",        "wrong_epoch",    "duplicates",
    "bad_signatures", "bad_certs",      "bad_blocks",          "unasked_data",   "fetches_refused",
    "fetches_sent",   "fetches_served", "bodies_refused",      "views_dropped",  "proposals",
    "notarizes",      "nullifies",      "finalizes",           "certs",          "timeouts",
    "skips",          "blocks_bad",     "blocks_waited",       "blocks_passed",  "blocks_delivered",
    "guard_refusals", "evidence",       "signatures_verified", "signatures_made"};
WORDS_OF(votes, tn_sequencer_counters);
static const char *const chain[] = {
    "blocks", "batches",        "entries",          "items",      "batches_own", "results_wrong",
    "no_ops", "items_left_out", "batches_left_out", "judged_bad", "judged_wait", "tips_made",
    "remits", "remits_back"};
WORDS_OF(chain, tn_chain_counters);
static const char *const desk[] = {
    "frames_taken",  "frames_entered", "refused_idle",  "refused_size", "refused_full",
    "refused_stale", "refused_bad",    "refused_inbox", "batches",      "heartbeats",
    "batch_bytes",   "blocks",         "sweeps",        "liqs",         "reverted"};
WORDS_OF(desk, tn_desk_counts);
static const char *const served[] = {"asked",   "malformed", "refused", "answers",
                                     "records", "bytes",     "views",   "views_ended"};
WORDS_OF(served, sync_server_counters);
static const char *const taken[] = {"records",   "bytes", "attempts", "malformed", "unasked",
                                    "bad_certs", "lies",  "bans",     "timeouts"};
WORDS_OF(taken, sync_client_counters);

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])
_Static_assert(COUNT_OF(member) == METRICS_MEMBER_COUNT && COUNT_OF(votes) == METRICS_VOTES_COUNT &&
                   COUNT_OF(chain) == METRICS_CHAIN_COUNT && COUNT_OF(desk) == METRICS_DESK_COUNT &&
                   COUNT_OF(served) == METRICS_SERVED_COUNT &&
                   COUNT_OF(taken) == METRICS_TAKEN_COUNT,
               "places as many as words");

const struct metrics_row metrics_rows[METRICS_COUNT] = {
#define X(id, name_, type_, label_, places_, names_, unit_, help_)                                 \
    [METRICS_##id] = {.name = (name_),                                                             \
                      .label = (label_),                                                           \
                      .help = (help_),                                                             \
                      .type = METRICS_##type_,                                                     \
                      .places = (places_),                                                         \
                      .names = (names_),                                                           \
                      .unit = (unit_)},
    METRICS_TABLE(X)
#undef X
};

const char *metrics_reason_word(enum metrics_reason reason)
{
    return reasons[reason];
}

const char *metrics_reason_sentence(enum metrics_reason reason)
{
    return sentences[reason];
}

const char *metrics_type_text(enum metrics_type type)
{
    switch (type) {
        case METRICS_COUNTER: return "counter";
        case METRICS_GAUGE: return "gauge";
        case METRICS_HISTOGRAM: return "histogram";
    }
    return "?";
}

static void print_words(FILE *out, const struct metrics_row *row)
{
    if (row->label[0] == '\0' || row->names == numbers || row->names == markets ||
        row->names == build) {
        return;
    }
    fputs(" One of", out);
    for (uint32_t i = 0; i < row->places; i++)
        fprintf(out, "%s `%s`", i == 0 ? "" : ",", row->names[i]);
    fputc('.', out);
}

void metrics_print_reference(FILE *out)
{
    fputs(
        "# Metrics\n\n"
        "Written by `tenord config reference --metrics` from the node's own table; a test compares "
        "the two.\n\n"
        "`/metrics` at `metrics.listen` ([config](config.md)) has them in the text format of "
        "Prometheus. Times are in seconds, sizes in bytes. A metric that does not apply (a peer "
        "that "
        "there is not, a gateway that does not run) is left out.\n\n"
        "| metric | type | label | what |\n|---|---|---|---|\n",
        out);
    for (uint32_t i = 0; i < METRICS_COUNT; i++) {
        const struct metrics_row *row = &metrics_rows[i];
        fprintf(out, "| `%s` | %s | %s | %s", row->name, metrics_type_text(row->type), row->label,
                row->help);
        print_words(out, row);
        fputs(" |\n", out);
    }
    fputs("\n## /readyz\n\n200 when the node can trade for its clients, else 503 with a line for "
          "each "
          "reason.\n\n| reason | what |\n|---|---|\n",
          out);
    for (uint32_t i = 0; i < METRICS_REASONS; i++)
        fprintf(out, "| `%s` | %s |\n", reasons[i], sentences[i]);
    fputs("\n## The other pages\n\n| page | answer |\n|---|---|\n"
          "| `/livez` | 200 while the node's thread turns; 503 when it has not for 15 s |\n"
          "| `/status` | the words of `tenord status`, as JSON |\n"
          "| `/version` | version, commit, compiler, as JSON |\n",
          out);
}
