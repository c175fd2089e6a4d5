/* The settings of a node. Everything about one is in its line here; nothing about it elsewhere, but
 * the struct's field and the code that heeds it. The gateway's limits come from the gateway's own
 * table. */
#include "settings/table.h"

#include <string.h>

static const char *const levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const own_levels[] = {"error", "warn", "info", "debug", "same", NULL};
static const char *const transports[] = {"sockets", "nng", NULL};
static const char *const formats[] = {"auto", "logfmt", "json", NULL};

_Static_assert(LOGGER_ERROR == 0 && LOGGER_DEBUG == 3 && LOGGER_LEVELS == 4, "as in levels");
_Static_assert(LOGGER_AUTO == 0 && LOGGER_LOGFMT == 1 && LOGGER_JSON == 2, "as in formats");
_Static_assert(SETTINGS_LEVEL_SAME == 4, "as in own_levels");

#define PLACE(field) offsetof(struct settings, field)
#define WORDS(key, KIND, reload, text, sentence)                                                   \
    {                                                                                              \
        .field = #key, .kind = SETTING_##KIND, .reloads = (reload), .place = PLACE(key),           \
        .standard_text = (text), .help = (sentence)                                                \
    }
#define NUMBER(key, KIND, reload, low, high, value, sentence)                                      \
    {                                                                                              \
        .field = #key, .kind = SETTING_##KIND, .reloads = (reload), .place = PLACE(key),           \
        .least = (low), .most = (high), .standard = (value), .help = (sentence)                    \
    }
#define CHOICE(name, key, reload, list, value, sentence)                                           \
    {                                                                                              \
        .field = (name), .kind = SETTING_CHOICE, .reloads = (reload), .place = PLACE(key),         \
        .choices = (list), .standard = (value), .help = (sentence)                                 \
    }

enum { START = false, RELOADS = true };
#define MIB (UINT64_C(1) << 20)

const struct setting setting_table[] = {
    WORDS(node.name, TEXT, START, "", "What people call this node; clients are told."),
    WORDS(node.key, PATH, START, "vote.key",
          "The file with the secret that signs votes, batches and hellos: mode 0600."),
    WORDS(node.identity, PATH, START, "identity.pem",
          "The TLS certificate that peers pin, and its key: mode 0600."),
    WORDS(node.listen, ADDRESS, START, "127.0.0.1:7400",
          "Where peers connect; \"\": this node only dials."),
    CHOICE("node.transport", node.transport, START, transports, 0,
           "What carries messages between nodes; the wire is the same."),
    NUMBER(node.follow, BOOL, START, 0, 1, 0, "Lead no market, and hold no memory for it."),
    NUMBER(node.behind_blocks, INTEGER, START, 0, 1000000, 0,
           "Further behind than that, the state is taken from peers; 0: 10000."),
    NUMBER(node.sync_patience_ms, INTEGER, START, 1000, 3600000, 60000,
           "How long peers may answer that they have no state to give; then blocks are fetched one "
           "by one, however many."),
    NUMBER(node.huge_pages, BOOL, START, 0, 1, 0,
           "Ask for huge pages for the tables: for deep books, as several times as much of the "
           "tables is resident."),
    NUMBER(node.key_tables, INTEGER, START, 0, 65536, 1024,
           "Keys that may each have a table of 74 KB, with which their signatures are checked in "
           "less than half of the time; 0: none."),

    WORDS(clients.listen, ADDRESS, START, "127.0.0.1:7500",
          "Where clients connect, over TLS; \"\": none can."),
    WORDS(clients.address, ADDRESS, START, "",
          "Where clients are told to connect to this node; \"\": clients.listen."),
    WORDS(
        clients.identity, PATH, RELOADS, "identity.pem",
        "The certificate that clients see, others of its chain behind it, and its key: mode 0600."),
    WORDS(clients.socket, PATH, START, "clients.sock",
          "The local socket of tools on this machine."),

#define X(field, low, high, value, sentence)                                                       \
    NUMBER(clients.limits.field, INTEGER, RELOADS, low, high, value, sentence),
    GATEWAY_LIMIT_TABLE(X)
#undef X

        WORDS(metrics.listen, ADDRESS, START, "127.0.0.1:7600",
              "Where /metrics, /livez, /readyz, /status and /version answer, in plain HTTP; \"\": "
              "nowhere."),
    NUMBER(metrics.connections_max, INTEGER, START, 1, 64, 16,
           "Connections at a time; more are closed at once."),
    NUMBER(metrics.request_ms, INTEGER, START, 100, 600000, 5000,
           "For one request, and for taking its answer."),
    NUMBER(metrics.ready_lag_blocks, INTEGER, RELOADS, 1, 1000000, 64,
           "More blocks behind the set than that is not ready."),
    NUMBER(metrics.ready_feed_ms, INTEGER, RELOADS, 100, 86400000, 30000,
           "Index prices older than that are not ready."),

    CHOICE("log.format", log.format, START, formats, LOGGER_AUTO,
           "How lines look; auto: logfmt on a terminal, else JSON."),
    NUMBER(log.blocks, BOOL, RELOADS, 0, 1, 1, "One line at info for each block."),
    CHOICE("log.level", log.level, RELOADS, levels, LOGGER_INFO,
           "What is said by all modules that have no level of their own."),
#define X(name, text, sentence)                                                                    \
    CHOICE("log.levels." text, log.levels[LOGGER_##name], RELOADS, own_levels,                     \
           SETTINGS_LEVEL_SAME, "What is said about " sentence "; same: as log.level."),
    LOGGER_MODULE_TABLE(X)
#undef X

        NUMBER(store.checkpoint_blocks, INTEGER, START, 1, 1000000, 256,
               "Blocks between checkpoints of the store."),
    NUMBER(store.segment_bytes, INTEGER, START, 0, UINT64_C(1) << 32, 64 * MIB,
           "Of a segment of the write-ahead log."),
    NUMBER(store.archive, BOOL, START, 0, 1, 0, "Keep all history."),
    NUMBER(store.stream_hours, INTEGER, START, 0, 87600, 24,
           "Of block time that accounts' messages are kept for clients who resume, and for tenord "
           "inspect fills and order; without store.archive no longer than blocks are; 0: only in "
           "memory."),
};
const uint32_t settings_count = sizeof setting_table / sizeof setting_table[0];

const struct setting_section setting_sections[] = {
    {"node", "Who this node is, and how its peers reach it."},
    {"clients", "Who trades through this node."},
    {"clients.limits", "What one client, one address and all of them together may use. Past a "
                       "limit a client is told."},
    {"metrics", "What an operator's tools ask. Plain HTTP: keep it on loopback or behind a proxy."},
    {"log", "What the node says on standard error."},
    {"log.levels", "A level for one module."},
    {"store", "What the node keeps on disk."},
};
const uint32_t setting_sections_count = sizeof setting_sections / sizeof setting_sections[0];

/* What of the gateway's table it cannot take up while it runs, and what it counts in bytes without
 * saying so in the name. A test holds both against that table. */
static const char *const at_start[] = {"sessions_max", "handshake_threads", "signature_threads",
                                       "pending_max", "history_bytes"};
static const char *const in_bytes[] = {"out_total_max"};

/* ---- Kinds -------------------------------------------------------------------------------------
 */

static bool is_limit_of(const struct setting *setting, const char *const *names, size_t count)
{
    static const char prefix[] = "clients.limits.";
    if (strncmp(setting->field, prefix, sizeof prefix - 1) != 0) return false;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(setting->field + sizeof prefix - 1, names[i]) == 0) return true;
    }
    return false;
}

bool setting_reloads(const struct setting *setting)
{
    return setting->reloads &&
           !is_limit_of(setting, at_start, sizeof at_start / sizeof at_start[0]);
}

/* A unit at a number's name says what it counts. */
enum setting_kind setting_kind(const struct setting *setting)
{
    if (setting->kind != SETTING_INTEGER) return setting->kind;
    size_t length = strlen(setting->field);
    if (length > 3 && strcmp(setting->field + length - 3, "_ms") == 0) return SETTING_DURATION;
    if (strstr(setting->field, "_bytes") != NULL ||
        is_limit_of(setting, in_bytes, sizeof in_bytes / sizeof in_bytes[0])) {
        return SETTING_SIZE;
    }
    return SETTING_INTEGER;
}

/* ---- Names -------------------------------------------------------------------------------------
 */

/* A value has its unit with it, so a name has none. */
static void drop(char *name, const char *unit)
{
    char *found = strstr(name, unit);
    size_t length = strlen(unit);
    if (found == NULL || (found[length] != '\0' && found[length] != '_')) return;
    memmove(found, found + length, strlen(found + length) + 1);
}

void setting_name(char name[SETTING_NAME_SIZE], const struct setting *setting)
{
    snprintf(name, SETTING_NAME_SIZE, "%s", setting->field);
    drop(name, "_ms");
    drop(name, "_bytes");
}

const struct setting *setting_find(const char *name, size_t size)
{
    char known[SETTING_NAME_SIZE];
    for (uint32_t i = 0; i < settings_count; i++) {
        setting_name(known, &setting_table[i]);
        if (strlen(known) == size && memcmp(known, name, size) == 0) return &setting_table[i];
    }
    return NULL;
}

bool setting_is_section(const char *name, size_t size)
{
    for (uint32_t i = 0; i < setting_sections_count; i++) {
        const char *known = setting_sections[i].name;
        if (strlen(known) == size && memcmp(known, name, size) == 0) return true;
    }
    return false;
}

/* How many characters must be put in, taken out or exchanged to make one of the other. */
static uint32_t distance_of(const char *one, const char *other)
{
    uint32_t row[SETTING_NAME_SIZE];
    uint32_t width = (uint32_t)strlen(other);
    for (uint32_t k = 0; k <= width; k++)
        row[k] = k;
    for (uint32_t i = 0; one[i] != '\0'; i++) {
        uint32_t corner = row[0];
        row[0] = i + 1;
        for (uint32_t k = 0; k < width; k++) {
            uint32_t least = corner + (one[i] == other[k] ? 0 : 1);
            if (row[k] + 1 < least) least = row[k] + 1;
            if (row[k + 1] + 1 < least) least = row[k + 1] + 1;
            corner = row[k + 1];
            row[k + 1] = least;
        }
    }
    return row[width];
}

const struct setting *setting_nearest(char name[SETTING_NAME_SIZE], const char *asked)
{
    const struct setting *nearest = NULL;
    char known[SETTING_NAME_SIZE], wrong[SETTING_NAME_SIZE];
    if (strlen(asked) >= SETTING_NAME_SIZE) return NULL;
    strcpy(wrong, asked);
    drop(wrong, "_ms"); /* who knows the field's name */
    drop(wrong, "_bytes");
    uint32_t least = (uint32_t)strlen(wrong) / 3 + 1;
    for (uint32_t i = 0; i < settings_count; i++) {
        setting_name(known, &setting_table[i]);
        uint32_t distance = distance_of(wrong, known);
        const char *last = strrchr(known, '.') + 1; /* the table may be the wrong one, or none */
        const char *last_wrong = strrchr(wrong, '.') == NULL ? wrong : strrchr(wrong, '.') + 1;
        if (strcmp(last, last_wrong) == 0 && distance > 1) distance = 1;
        if (distance >= least) continue;
        least = distance;
        nearest = &setting_table[i];
        strcpy(name, known);
    }
    return nearest;
}
