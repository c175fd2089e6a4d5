/* conf: set.conf, a small file of lines, each a word and its values, read by tables. */
#include "cluster/conf.h"

#include "tenord/genesis.h"
#include "tenord/machine.h"
#include "tenord/tenord.h"

#include "tenor/hex.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    WORDS_MAX = 8 + TN_REGISTRY_CANDIDATES_MAX,
    FILE_MAX = 1 << 20,
    SEEN_MAX = 32,
    SEEN_WORD_SIZE = 32
};

/* Words that may stand in more than one line; every other stands in one. */
static const char *const repeated[] = {"validator", "feeder"};

struct line {
    const char *path;
    unsigned number;
    char *words[WORDS_MAX];
    uint32_t count;
};

static bool refuse(const struct line *line, const char *what, const char *word)
{
    complain("%s:%u: %s '%s'; docs/cluster.md has every line", line->path, line->number, what,
             word);
    return false;
}

/* ---- Lines -------------------------------------------------------------------------------------
 */

static bool split(struct line *line, char *text)
{
    char *comment = strchr(text, '#');
    if (comment != NULL) *comment = '\0';
    line->count = 0;
    for (char *at = text; *at != '\0';) {
        while (isspace((unsigned char)*at))
            at++;
        if (*at == '\0') break;
        if (line->count == WORDS_MAX) return refuse(line, "too many words:", at);
        line->words[line->count++] = at;
        while (*at != '\0' && !isspace((unsigned char)*at))
            at++;
        if (*at != '\0') *at++ = '\0';
    }
    return true;
}

typedef bool take_line(void *context, const struct line *line);

/* The words that were seen. */
struct seen {
    char words[SEEN_MAX][SEEN_WORD_SIZE];
    uint32_t count;
};

static bool is_new(struct seen *seen, const struct line *line)
{
    const char *word = line->words[0];
    for (uint32_t i = 0; i < sizeof repeated / sizeof repeated[0]; i++) {
        if (strcmp(word, repeated[i]) == 0) return true;
    }
    for (uint32_t i = 0; i < seen->count; i++) {
        if (strcmp(word, seen->words[i]) == 0) return refuse(line, "a second line of", word);
    }
    if (seen->count < SEEN_MAX && strlen(word) < SEEN_WORD_SIZE) {
        strcpy(seen->words[seen->count++], word);
    }
    return true;
}

static bool read_lines(const char *path, take_line *take, void *context)
{
    size_t size;
    char *text = (char *)file_read(&size, path, FILE_MAX);
    if (text == NULL) return false;
    text[size] = '\0';
    struct line line = {.path = path};
    struct seen seen = {.count = 0};
    bool is_good = memchr(text, 0, size) == NULL;
    if (!is_good) complain("%s is no text", path);
    for (char *next = text; is_good && next != NULL;) {
        char *start = next;
        next = strchr(start, '\n');
        if (next != NULL) *next++ = '\0';
        line.number++;
        is_good = split(&line, start) &&
                  (line.count == 0 || (take(context, &line) && is_new(&seen, &line)));
    }
    free(text);
    return is_good;
}

static bool take_number(uint64_t *number, const struct line *line, uint32_t word, uint64_t most)
{
    if (word >= line->count) return refuse(line, "a number is missing after", line->words[0]);
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(line->words[word], &end, 10);
    if (errno != 0 || *end != '\0' || line->words[word][0] == '-' || value > most) {
        return refuse(line, "not a whole number in its range:", line->words[word]);
    }
    *number = value;
    return true;
}

/* The word and so many values, and nothing behind them that a reader would take for granted. */
static bool has_no_more(const struct line *line, uint32_t values)
{
    return line->count <= 1 + values ||
           refuse(line, "there is more on the line than it takes:", line->words[1 + values]);
}

/* ---- set.conf ----------------------------------------------------------------------------------
 */

struct set_reading {
    struct set_conf *conf;
    const struct tn_signatures *signatures;
    uint32_t validators_count, feeders_count;
    bool has_governance, has_faucet, has_time;
};

static const struct time_setting {
    const char *name;
    size_t place;
    uint64_t least, most;
} times[] = {
    {"mark_ms", offsetof(struct tn_chain_limits, mark_ms), 1, 60000},
    {"soft_ms", offsetof(struct tn_chain_limits, soft_ms), 1, 600000},
    {"lag_ms", offsetof(struct tn_chain_limits, lag_ms), 1, 600000},
    {"stall_ms", offsetof(struct tn_chain_limits, stall_ms), 1, 600000},
    {"delta_ms", offsetof(struct tn_chain_limits, delta_ms), 1, 10000},
};

static const struct count_setting {
    const char *name;
    size_t place;
    uint64_t most;
} counts[] = {
    {"markets", offsetof(struct tn_chain_limits, markets_count), TN_CHAIN_MARKETS_MAX},
    {"checkpoint_blocks", offsetof(struct tn_chain_limits, checkpoint_blocks), 65536},
    {"exec_lag", offsetof(struct tn_chain_limits, exec_lag), 64},
};

static struct tn_registry_command *add_command(struct set_reading *reading,
                                               enum tn_registry_command_kind kind)
{
    struct set_conf *conf = reading->conf;
    if (conf->commands_count == CONF_COMMANDS_MAX) return NULL;
    struct tn_registry_command *command = &conf->commands[conf->commands_count++];
    *command = (struct tn_registry_command){.kind = kind};
    return command;
}

/* A key that is no point of the curve could never sign. */
static bool take_key(struct tn_public_key *key, struct tn_address *address,
                     const struct set_reading *reading, const struct line *line)
{
    const struct tn_signatures *real = reading->signatures;
    if (line->count < 2 || !tn_hex_read(key->bytes, sizeof key->bytes, line->words[1])) {
        return refuse(line, "needs a public key of 33 bytes in hex:", line->words[0]);
    }
    return real->address(real->context, address, key) ||
           refuse(line, "no point of the curve:", line->words[1]);
}

static bool take_validator(struct set_reading *reading, const struct line *line)
{
    uint64_t weight, stake;
    if (reading->validators_count == TN_VALIDATORS_MAX) {
        return refuse(line, "a set has at most 100 validators; one too many:", line->words[0]);
    }
    struct tn_registry_command *command = add_command(reading, TN_REGISTRY_VALIDATOR);
    if (command == NULL) return refuse(line, "too many of", line->words[0]);
    if (!take_key(&command->as.validator.key, &command->as.validator.address, reading, line) ||
        !take_number(&weight, line, 2, TN_WEIGHT_MAX) ||
        !take_number(&stake, line, 3, INT64_MAX / 2) || !has_no_more(line, 3)) {
        return false;
    }
    command->as.validator.weight = weight;
    command->as.validator.stake_micros = (tn_micros)stake;
    reading->validators_count++;
    return true;
}

static bool take_feeder(struct set_reading *reading, const struct line *line)
{
    struct tn_registry_command *command = add_command(reading, TN_REGISTRY_FEEDER);
    if (command == NULL) return refuse(line, "too many of", line->words[0]);
    command->as.feeder.signer = (uint16_t)++reading->feeders_count;
    command->as.feeder.active = true;
    struct tn_address address;
    return take_key(&command->as.feeder.key, &address, reading, line) && has_no_more(line, 1);
}

static bool take_time(struct set_reading *reading, const struct line *line)
{
    uint64_t number;
    if (!take_number(&number, line, 1, INT64_MAX / 2)) return false;
    reading->conf->time_ms = (int64_t)number;
    reading->has_time = true;
    return true;
}

static bool take_set_line(void *context, const struct line *line)
{
    struct set_reading *reading = context;
    struct set_conf *conf = reading->conf;
    const char *name = line->words[0];
    struct tn_address address;
    uint64_t number;
    if (strcmp(name, "validator") == 0) return take_validator(reading, line);
    if (strcmp(name, "feeder") == 0) return take_feeder(reading, line);
    if (!has_no_more(line, 1)) return false;
    if (strcmp(name, "governance") == 0) {
        reading->has_governance = true;
        return take_key(&conf->registry.governance, &address, reading, line);
    }
    if (strcmp(name, "faucet") == 0) {
        reading->has_faucet = true;
        return take_key(&conf->registry.faucet, &address, reading, line);
    }
    if (strcmp(name, "time_ms") == 0) return take_time(reading, line);
    for (uint32_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        if (strcmp(name, times[i].name) != 0) continue;
        if (!take_number(&number, line, 1, times[i].most)) return false;
        *(int64_t *)(void *)((char *)&conf->limits + times[i].place) = (int64_t)number;
        return number >= times[i].least || refuse(line, "too small:", line->words[1]);
    }
    for (uint32_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        if (strcmp(name, counts[i].name) != 0) continue;
        if (!take_number(&number, line, 1, counts[i].most)) return false;
        *(uint32_t *)(void *)((char *)&conf->limits + counts[i].place) = (uint32_t)number;
        return true;
    }
    return refuse(line, "unknown word", name);
}

/* Every validator may lead every market, the k-th market beginning with the k-th of them. */
static bool add_markets(struct set_reading *reading)
{
    struct set_conf *conf = reading->conf;
    for (uint32_t i = 0; i < conf->limits.markets_count; i++) {
        struct tn_registry_command *command = add_command(reading, TN_REGISTRY_MARKET);
        if (command == NULL) {
            complain("set.conf has more validators, feeders and markets than %d",
                     (int)CONF_COMMANDS_MAX);
            return false;
        }
        command->as.market.market = i + 1;
        command->as.market.count = (uint16_t)reading->validators_count;
        for (uint32_t k = 0; k < reading->validators_count; k++)
            command->as.market.candidates[k] = (uint16_t)((i + k) % reading->validators_count);
    }
    return true;
}

/* The chain id covers every byte of both files' meaning: here, of their canonical bytes. */
static bool make_chain_id(struct set_conf *conf, const char *home)
{
    size_t genesis_size, set_size;
    char path[PATH_SIZE];
    struct tn_hash chain;
    struct tn_keccak keccak;
    char *genesis = home_genesis(&genesis_size, home);
    if (genesis == NULL || !home_path(path, home, "set.conf")) return false;
    uint8_t *set = file_read(&set_size, path, FILE_MAX);
    bool is_good = set != NULL;
    if (is_good) {
        tn_keccak_begin(&keccak);
        tn_keccak_add(&keccak, "TNGEN1", 6);
        tn_keccak_add(&keccak, genesis, genesis_size);
        tn_keccak_add(&keccak, set, set_size);
        tn_keccak_end(&keccak, &chain);
        memcpy(conf->limits.chain_id, chain.bytes, sizeof conf->limits.chain_id);
        for (uint32_t i = 0; i < conf->limits.markets_count; i++)
            memcpy(conf->limits.markets[i].chain_id, chain.bytes, sizeof chain.bytes);
    }
    free(genesis);
    free(set);
    return is_good;
}

static bool read_genesis(struct set_conf *conf, struct genesis *genesis, const char *home)
{
    char path[PATH_SIZE];
    if (!home_path(path, home, "genesis.conf")) return false;
    if (!genesis_read(genesis, path)) {
        if (access(path, F_OK) != 0) {
            complain(
                "genesis.conf and set.conf are the set's, the same on every node: take them from "
                "one of its operators");
        }
        return false;
    }
    tn_chain_limits_default(&conf->limits);
    conf->registry = (struct tn_registry_genesis){
        .parameters = {.reward_blocks = 1024,
                       .proposer_ppm = 200000,
                       .voter_ppm = 400000,
                       .leader_ppm = 200000,
                       .slash_ppm = {0, 1000000, 1000000, 1000000, 1000000, 1000000}},
        .turn_views = 1,
        .validators_min = 1};
    return true;
}

static void take_markets(struct set_conf *conf, const struct genesis *genesis)
{
    struct tn_market_limits market = conf->limits.markets[0];
    market.exchange = genesis->limits;
    market.exchange.cpu = (uint8_t)machine_cpu();
    market.exchange.hash_seed = local_seed();
    conf->limits.exit_blocks = (uint32_t)genesis->exit_blocks;
    for (uint32_t i = 0; i < conf->limits.markets_count; i++) {
        conf->limits.markets[i] = market;
        conf->limits.markets[i].market = i + 1;
    }
}

bool set_conf_read(struct set_conf *conf, const char *home, const struct tn_signatures *signatures)
{
    char path[PATH_SIZE];
    const char *what;
    struct genesis genesis;
    struct set_reading reading = {.conf = conf, .signatures = signatures};
    *conf = (struct set_conf){0};
    if (!read_genesis(conf, &genesis, home) || !home_path(path, home, "set.conf") ||
        !read_lines(path, take_set_line, &reading)) {
        return false;
    }
    if (!reading.has_governance || !reading.has_faucet || !reading.has_time ||
        reading.validators_count == 0 || conf->limits.markets_count == 0) {
        complain("%s lacks governance, faucet, time_ms, a validator or a market", path);
        return false;
    }
    take_markets(conf, &genesis);
    conf->validators_count = reading.validators_count;
    if (!add_markets(&reading) || !make_chain_id(conf, home)) return false;
    if (tn_chain_limits_check(&conf->limits, &what)) return true;
    complain("%s: %s", path, what);
    return false;
}
