/* genesis: the file, read by one table of names. */
#include "genesis.h"
#include "tenord.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT(field, help)                                                                         \
    {                                                                                              \
#field, offsetof(struct genesis, limits.field), sizeof(uint32_t), help                     \
    }

static const struct setting {
    const char *name;
    size_t place;
    size_t size;
    const char *help;
} settings[] = {
    {"market", offsetof(struct genesis, market), sizeof(uint64_t), "number of the market"},
    {"exit_blocks", offsetof(struct genesis, exit_blocks), sizeof(uint64_t),
     "an exit checkpoint each so many blocks; 0: none"},
    LIMIT(accounts_max, "accounts"),
    LIMIT(underlyings_max, "underlyings, at most 255"),
    LIMIT(series_max, "series listed at a time, at most 2^20"),
    LIMIT(orders_max, "resting and waiting orders, at most 2^24"),
    LIMIT(levels_max, "price levels, at most orders_max"),
    LIMIT(exposures_max, "pairs of account and series with a position or an order"),
    LIMIT(exposures_per_account_max, "of them in one account, at most 4096"),
    LIMIT(results_max, "remembered results over all accounts"),
    LIMIT(results_per_account, "remembered results of one account"),
    LIMIT(groups_max, "protection groups over all accounts"),
    LIMIT(jobs_max, "mass cancels that may be unfinished at a time"),
    LIMIT(assets_max, "collateral assets, cash included, at most 8"),
    LIMIT(commands_per_frame_max, "commands in one frame, at most 256"),
    LIMIT(fills_max, "makers that one command may reach, at most 4096"),
    LIMIT(cancels_max, "orders that a mass cancel takes out at once"),
    LIMIT(sweep_units_max, "rows of one slice of the sweep, at most 8192"),
    LIMIT(reduce_only_max, "reduce-only orders of an account in a series, at most 64"),
    LIMIT(expiries_max, "perpetuals and expiries that margin tells apart"),
    LIMIT(signers_max, "feed signers, at most 32"),
};
#define SETTINGS_COUNT (sizeof settings / sizeof settings[0])

void genesis_default(struct genesis *genesis)
{
    *genesis = (struct genesis){.name = "solo", .market = 1, .exit_blocks = 600};
    tn_exchange_limits_default(&genesis->limits);
    genesis->limits.expiries_max = 128;
    genesis->limits.signers_max = 7;
}

static uint64_t value_of(const struct genesis *genesis, const struct setting *setting)
{
    const char *at = (const char *)genesis + setting->place;
    if (setting->size == sizeof(uint32_t)) return *(const uint32_t *)(const void *)at;
    return *(const uint64_t *)(const void *)at;
}

static void set_value(struct genesis *genesis, const struct setting *setting, uint64_t value)
{
    char *at = (char *)genesis + setting->place;
    if (setting->size == sizeof(uint32_t)) {
        *(uint32_t *)(void *)at = (uint32_t)value;
    } else {
        *(uint64_t *)(void *)at = value;
    }
}

/* Where reading is. */
struct place {
    const char *path;
    unsigned line, column;
};

static bool refuse(const struct place *place, const char *what, const char *word)
{
    complain("%s:%u:%u: %s '%s'; tenord genesis prints all names with their meaning", place->path,
             place->line, place->column, what, word);
    return false;
}

static bool take_name(struct genesis *genesis, const struct place *place, char *value)
{
    size_t length = strlen(value);
    bool is_quoted = length >= 3 && value[0] == '"' && value[length - 1] == '"';
    if (!is_quoted || length - 2 >= GENESIS_NAME_SIZE) {
        return refuse(place, "chain takes a short name in quotes, not", value);
    }
    for (size_t i = 1; i + 1 < length; i++) {
        if (!isalnum((unsigned char)value[i]) && value[i] != '-') {
            return refuse(place, "a chain's name is letters, digits and '-', not", value);
        }
    }
    memcpy(genesis->name, value + 1, length - 2);
    genesis->name[length - 2] = '\0';
    return true;
}

static bool take_value(struct genesis *genesis, bool *seen, struct place *place, const char *name,
                       char *value)
{
    for (size_t i = 0; i <= SETTINGS_COUNT; i++) {
        bool is_chain = i == SETTINGS_COUNT;
        if (strcmp(name, is_chain ? "chain" : settings[i].name) != 0) continue;
        if (seen[i]) return refuse(place, "named twice:", name);
        seen[i] = true;
        if (is_chain) return take_name(genesis, place, value);
        char *end = NULL;
        errno = 0;
        unsigned long long number = strtoull(value, &end, 10);
        uint64_t most = UINT32_MAX;
        if (errno != 0 || end == value || *end != '\0' || value[0] == '-' || number > most) {
            return refuse(place, "not a whole number:", value);
        }
        set_value(genesis, &settings[i], number);
        return true;
    }
    return refuse(place, "unknown name", name);
}

/* Cuts the blanks at both ends. */
static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        text[--length] = '\0';
    return text;
}

static bool take_line(struct genesis *genesis, bool *seen, struct place *place, char *line)
{
    char *comment = strchr(line, '#');
    if (comment != NULL) *comment = '\0';
    char *text = trim(line);
    if (*text == '\0') return true;
    place->column = (unsigned)(text - line) + 1;
    char *equals = strchr(text, '=');
    if (equals == NULL) return refuse(place, "not 'name = value':", text);
    *equals = '\0';
    char *name = trim(text);
    return take_value(genesis, seen, place, name, trim(equals + 1));
}

bool genesis_parse(struct genesis *genesis, const char *path, char *text, size_t size)
{
    text[size] = '\0';
    genesis_default(genesis);
    bool seen[SETTINGS_COUNT + 1] = {false};
    struct place place = {.path = path, .line = 0, .column = 1};
    bool is_good = memchr(text, 0, size) == NULL;
    if (!is_good) complain("%s is no text", path);
    char *next = text;
    while (is_good && next != NULL) {
        char *line = next;
        next = strchr(line, '\n');
        if (next != NULL) *next++ = '\0';
        place.line++;
        place.column = 1;
        is_good = take_line(genesis, seen, &place, line);
    }
    return is_good;
}

bool genesis_read(struct genesis *genesis, const char *path)
{
    enum { FILE_MAX = 1 << 16 };
    size_t size;
    uint8_t *bytes = file_read(&size, path, FILE_MAX);
    if (bytes == NULL) return false;
    bool is_good = genesis_parse(genesis, path, (char *)bytes, size);
    free(bytes);
    return is_good;
}

void genesis_print(FILE *out, const struct genesis *genesis, bool comments)
{
    if (comments) {
        fputs("# A chain's genesis: nodes that differ in any value are on different chains.\n",
              out);
    }
    fprintf(out, "chain = \"%s\"\n", genesis->name);
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        unsigned long long value = (unsigned long long)value_of(genesis, &settings[i]);
        if (comments) {
            fprintf(out, "%-25s = %-9llu # %s\n", settings[i].name, value, settings[i].help);
        } else {
            fprintf(out, "%s = %llu\n", settings[i].name, value);
        }
    }
}

bool genesis_limits(struct tn_replica_limits *limits, const struct genesis *genesis,
                    enum tn_cpu cpu, uint64_t hash_seed)
{
    char *text = NULL;
    size_t size = 0;
    *limits = (struct tn_replica_limits){.exchange = genesis->limits,
                                         .market = (uint32_t)genesis->market,
                                         .exit_blocks = (uint32_t)genesis->exit_blocks};
    limits->exchange.cpu = (uint8_t)cpu;
    limits->exchange.hash_seed = hash_seed;
    FILE *memory = open_memstream(&text, &size);
    if (memory != NULL) {
        genesis_print(memory, genesis, false);
        fclose(memory);
    }
    if (text == NULL) {
        complain("out of memory");
        return false;
    }
    struct tn_hash chain;
    tn_keccak256(&chain, text, size);
    memcpy(limits->chain_id, chain.bytes, sizeof limits->chain_id);
    free(text);
    if (tn_replica_size(limits) > 0) return true;
    complain("a limit of the genesis is out of its range; tenord genesis prints the ranges");
    return false;
}

int genesis_command(int arguments_count, char **arguments)
{
    const char *path = NULL;
    const struct option options[] = {
        {"--file", OPTION_TEXT, &path, 0, "say what this file means; else: print the defaults"},
    };
    struct option_set set = {.usage = "usage: tenord genesis [--file FILE]\n\n"
                                      "Prints a genesis file with every value and its meaning.\n",
                             .options = options,
                             .options_count = 1};
    struct genesis genesis;
    struct tn_replica_limits limits;
    if (!options_read(&set, arguments_count, arguments)) {
        return set.help_printed ? END_GOOD : END_REFUSED;
    }
    genesis_default(&genesis);
    if (path != NULL && !genesis_read(&genesis, path)) return END_REFUSED;
    if (!genesis_limits(&limits, &genesis, TN_CPU_BASE, 1)) return END_REFUSED;
    genesis_print(stdout, &genesis, true);
    struct tn_hash chain;
    memcpy(chain.bytes, limits.chain_id, sizeof chain.bytes);
    printf("# chain id %s\n# memory   %zu MiB at most\n", hash_text(&chain),
           tn_replica_size(&limits) >> 20);
    return END_GOOD;
}
