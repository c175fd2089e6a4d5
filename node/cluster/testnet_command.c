/* testnet: homes for a set of nodes on one machine: keys, certificates and files that fit.
 *
 * For trying out and for tests: all secrets lie in one folder. The keys of governance, faucet and
 * feeders are beside the homes, for whoever plays them. */
#include "cluster/commands.h"
#include "cluster/conf.h"
#include "link/certificate.h"
#include "tenord/genesis.h"
#include "tenord/keyfile.h"
#include "tenord/machine.h"
#include "tenord/tenord.h"

#include "tenor/hex.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum {
    NODES_MAX = 31,
    FEEDERS_MAX = 31,
    PATIENCE_MAX = 100,
    KEY_TEXT = 2 * TN_PUBLIC_KEY_SIZE + 1
};
/* Ports: peers from the base on, clients and metrics so far above it. */
enum { CLIENTS_ABOVE = 100, METRICS_ABOVE = 200 };

struct testnet {
    const char *out;
    uint64_t nodes, feeders, markets, base_port;
    uint64_t patience; /* seconds; 0: what is the rule without a word in set.conf */
    const char *host, *listen_host, *genesis;
    struct genesis limits;
    struct tn_signatures signatures;
    struct tn_public_key keys[NODES_MAX];
    struct certificate identities[NODES_MAX];
};

/* False after a complaint, with errno. */
static bool make_folder(const char *path)
{
    if (mkdir(path, 0700) == 0) return true;
    int why = errno;
    complain("cannot make %s: %s%s", path, strerror(why),
             why == EEXIST ? "; a net is never made over another one: name a new folder" : "");
    errno = why;
    return false;
}

static bool path_in(char path[CONF_PATH_SIZE], const struct testnet *net, const char *format,
                    uint64_t number)
{
    char name[64];
    snprintf(name, sizeof name, format, (unsigned long long)number);
    int length = snprintf(path, CONF_PATH_SIZE, "%s/%s", net->out, name);
    if (length > 0 && length < CONF_PATH_SIZE) return true;
    complain("the name of the folder %s is too long", net->out);
    return false;
}

static bool make_node(struct testnet *net, uint64_t index)
{
    char path[CONF_PATH_SIZE];
    char problem[LINK_PROBLEM_SIZE];
    if (!path_in(path, net, "node-%llu", index) || !make_folder(path) ||
        !path_in(path, net, "node-%llu/vote.key", index) ||
        !keyfile_make(&net->keys[index], path, &net->signatures) ||
        !path_in(path, net, "node-%llu/identity.pem", index)) {
        return false;
    }
    if (certificate_make(&net->identities[index], problem) &&
        certificate_save(&net->identities[index], problem, path)) {
        return true;
    }
    complain("%s", problem);
    return false;
}

static bool write_text(const char *path, char *text, size_t size)
{
    bool is_written = text != NULL && file_make(path, text, size);
    if (text == NULL) complain("out of memory");
    free(text);
    return is_written;
}

static void print_key(FILE *out, const char *word, const struct tn_public_key *key)
{
    char text[KEY_TEXT];
    tn_hex_write(text, key->bytes, sizeof key->bytes);
    fprintf(out, "%s %s", word, text);
}

/* So many seconds of a leader's silence, twice that without finality, thrice that behind. */
static void print_patience(FILE *out, uint64_t seconds)
{
    fprintf(out, "stall_ms %llu\nsoft_ms %llu\nlag_ms %llu\n", (unsigned long long)seconds * 1000,
            (unsigned long long)seconds * 2000, (unsigned long long)seconds * 3000);
}

/* set.conf, and the keys of those who play no node. */
static char *make_set(size_t *size, struct testnet *net)
{
    char path[CONF_PATH_SIZE];
    struct tn_public_key key;
    struct timespec now;
    char *text = NULL;
    FILE *out = open_memstream(&text, size);
    if (out == NULL) return NULL;
    bool is_good =
        path_in(path, net, "governance.key", 0) && keyfile_make(&key, path, &net->signatures);
    clock_gettime(CLOCK_REALTIME, &now);
    fprintf(out, "# The genesis of the set: the same on every node.\ntime_ms %lld\n",
            (long long)now.tv_sec * 1000);
    fprintf(out, "markets %llu\n", (unsigned long long)net->markets);
    print_key(out, "governance", &key);
    is_good = is_good && path_in(path, net, "faucet.key", 0) &&
              keyfile_make(&key, path, &net->signatures);
    print_key(out, "\nfaucet", &key);
    fputc('\n', out);
    if (net->patience > 0) print_patience(out, net->patience);
    for (uint64_t i = 0; i < net->feeders && is_good; i++) {
        is_good = path_in(path, net, "feeder-%llu.key", i + 1) &&
                  keyfile_make(&key, path, &net->signatures);
        print_key(out, "feeder", &key);
        fputc('\n', out);
    }
    for (uint64_t i = 0; i < net->nodes; i++) {
        print_key(out, "validator", &net->keys[i]);
        fputs(" 1 1000000000\n", out);
    }
    fclose(out);
    if (is_good) return text;
    free(text);
    return NULL;
}

static void write_address(char address[SETTINGS_TEXT_SIZE], const char *host, uint64_t port)
{
    const char *format = strchr(host, ':') == NULL ? "%s:%llu" : "[%s]:%llu";
    snprintf(address, SETTINGS_TEXT_SIZE, format, host, (unsigned long long)port);
}

static void fill_settings(struct settings *settings, const struct testnet *net, uint64_t index)
{
    settings_default(settings, ".");
    snprintf(settings->node.name, sizeof settings->node.name, "node-%llu",
             (unsigned long long)index);
    write_address(settings->node.listen, net->listen_host, net->base_port + index);
    write_address(settings->clients.listen, net->listen_host,
                  net->base_port + CLIENTS_ABOVE + index);
    write_address(settings->clients.address, net->host, net->base_port + CLIENTS_ABOVE + index);
    write_address(settings->metrics.listen, net->listen_host,
                  net->base_port + METRICS_ABOVE + index);
    for (uint64_t i = 0; i < net->nodes; i++) {
        if (i == index) continue;
        struct settings_peer *peer = &settings->peers[settings->peers_count++];
        peer->key = net->keys[i];
        write_address(peer->address, net->host, net->base_port + i);
        write_address(peer->clients, net->host, net->base_port + CLIENTS_ABOVE + i);
        snprintf(peer->certificate, sizeof peer->certificate, "peer-%llu.crt",
                 (unsigned long long)i);
    }
}

static char *make_settings(size_t *size, const struct testnet *net, uint64_t index)
{
    char *text = NULL;
    struct settings *settings = malloc(sizeof *settings);
    FILE *out = settings == NULL ? NULL : open_memstream(&text, size);
    if (out != NULL) {
        fill_settings(settings, net, index);
        settings_print_commented(out, settings);
        fclose(out);
    }
    free(settings);
    return text;
}

/* What programs of traders are told by --net: docs/cluster.md has every word. */
static char *make_client_conf(size_t *size, const struct testnet *net)
{
    static struct set_conf set;
    char path[CONF_PATH_SIZE], host[SETTINGS_TEXT_SIZE], chain[HEX_HASH_SIZE];
    char *text = NULL;
    if (!path_in(path, net, "node-%llu", 0) || !set_conf_read(&set, path, &net->signatures)) {
        return NULL;
    }
    FILE *out = open_memstream(&text, size);
    if (out == NULL) return NULL;
    tn_hex_write(chain, set.limits.chain_id, sizeof set.limits.chain_id);
    fprintf(out, "# What clients of this set must know.\nchain %s\n", chain);
    for (uint64_t i = 0; i < net->nodes; i++) {
        write_address(host, net->host, net->base_port + CLIENTS_ABOVE + i);
        fprintf(out, "node %s node-%llu.crt\n", host, (unsigned long long)i);
    }
    for (uint64_t i = 0; i < net->nodes; i++) {
        print_key(out, "validator", &net->keys[i]);
        fputs(" 1\n", out);
    }
    for (uint64_t i = 1; i <= net->markets; i++)
        fprintf(out, "market %llu\n", (unsigned long long)i);
    fputs("faucet faucet.key\ngovernance governance.key\n", out);
    for (uint64_t i = 1; i <= net->feeders; i++)
        fprintf(out, "feeder feeder-%llu.key\n", (unsigned long long)i);
    fclose(out);
    return text;
}

/* client.conf and the certificates that it names. */
static bool write_clients(const struct testnet *net)
{
    char path[CONF_PATH_SIZE];
    size_t size = 0;
    bool is_good = true;
    for (uint64_t i = 0; i < net->nodes && is_good; i++) {
        const char *certificate = net->identities[i].certificate;
        is_good = path_in(path, net, "node-%llu.crt", i) &&
                  file_make(path, certificate, strlen(certificate));
    }
    if (!is_good) return false;
    char *text = make_client_conf(&size, net);
    return path_in(path, net, "client.conf", 0) && write_text(path, text, size);
}

static char *make_genesis(size_t *size, const struct testnet *net)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, size);
    if (out == NULL) return NULL;
    genesis_print(out, &net->limits, true);
    fclose(out);
    return text;
}

static bool write_home(const struct testnet *net, uint64_t index, const char *set, size_t set_size)
{
    char path[CONF_PATH_SIZE];
    size_t size;
    char *text;
    bool is_good =
        path_in(path, net, "node-%llu/set.conf", index) && file_make(path, set, set_size);
    if (is_good) is_good = path_in(path, net, "node-%llu/genesis.conf", index);
    if (is_good) {
        text = make_genesis(&size, net);
        is_good =
            write_text(path, text, size) && path_in(path, net, "node-%llu/tenord.toml", index);
    }
    if (is_good) {
        text = make_settings(&size, net, index);
        is_good = write_text(path, text, size);
    }
    for (uint64_t i = 0; i < net->nodes && is_good; i++) {
        char name[64];
        if (i == index) continue;
        snprintf(name, sizeof name, "node-%llu/peer-%llu.crt", (unsigned long long)index,
                 (unsigned long long)i);
        const char *certificate = net->identities[i].certificate;
        int length = snprintf(path, sizeof path, "%s/%s", net->out, name);
        is_good = length > 0 && (size_t)length < sizeof path &&
                  file_make(path, certificate, strlen(certificate));
    }
    return is_good;
}

/* In the folder, which is new. */
static bool make_testnet(struct testnet *net)
{
    for (uint64_t i = 0; i < net->nodes; i++) {
        if (!make_node(net, i)) return false;
    }
    size_t size;
    char *set = make_set(&size, net);
    bool is_good = set != NULL;
    for (uint64_t i = 0; i < net->nodes && is_good; i++)
        is_good = write_home(net, i, set, size);
    free(set);
    return is_good && write_clients(net);
}

int testnet_command(int arguments_count, char **arguments)
{
    static struct testnet net = {
        .nodes = 4, .feeders = 3, .markets = 1, .base_port = 7400, .host = "127.0.0.1"};
    const struct option options[] = {
        {"--out", OPTION_TEXT, &net.out, 0, "a folder to make"},
        {"--nodes", OPTION_NUMBER, &net.nodes, NODES_MAX, "validators (4)"},
        {"--feeders", OPTION_NUMBER, &net.feeders, FEEDERS_MAX, "feed signers (3)"},
        {"--markets", OPTION_NUMBER, &net.markets, TN_CHAIN_MARKETS_MAX, "markets (1)"},
        {"--host", OPTION_TEXT, &net.host, 0, "where others reach the nodes (127.0.0.1)"},
        {"--listen-host", OPTION_TEXT, &net.listen_host, 0, "address that they listen on (--host)"},
        {"--base-port", OPTION_NUMBER, &net.base_port, 65000,
         "peers' port of the first node (7400); clients from 100 above, metrics from 200"},
        {"--genesis", OPTION_TEXT, &net.genesis, 0, "genesis.conf to take limits from"},
        {"--patience", OPTION_NUMBER, &net.patience, PATIENCE_MAX,
         "seconds that a market's leader may be silent: more on a crowded machine"},
    };
    struct option_set set = {.usage = "usage: tenord testnet --out DIR [OPTION...]\n\n"
                                      "Makes homes for a set of nodes on one machine.\n",
                             .options = options,
                             .options_count = sizeof options / sizeof options[0]};
    if (!options_read(&set, arguments_count, arguments)) {
        return set.help_printed ? END_GOOD : END_REFUSED;
    }
    if (net.out == NULL || net.nodes == 0 || net.markets == 0) {
        complain("testnet needs --out DIR, a node and a market; see tenord testnet --help");
        return END_REFUSED;
    }
    if (net.listen_host == NULL) net.listen_host = net.host;
    genesis_default(&net.limits);
    net.limits.limits.results_max = 1 << 17; /* an idle node of a test net stays below 150 MB */
    if (net.genesis != NULL && !genesis_read(&net.limits, net.genesis)) return END_REFUSED;
    void *memory = keyfile_signatures(&net.signatures);
    if (memory == NULL) return END_FAILED;
    int end = !make_folder(net.out) ? end_of_place(errno)
              : make_testnet(&net)  ? END_GOOD
                                    : END_FAILED;
    free(memory);
    if (end != END_GOOD) return end;
    printf("%llu home%s in %s; run each: tenord start --home %s/node-0\n",
           (unsigned long long)net.nodes, net.nodes == 1 ? "" : "s", net.out, net.out);
    return END_GOOD;
}
