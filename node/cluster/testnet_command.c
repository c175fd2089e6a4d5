/* testnet: homes for a set of nodes on one machine: keys, certificates and files that fit.
 *
 * For trying out and for tests: all secrets lie in one folder. The keys of governance, faucet and
 * feeders are beside the homes, for whoever plays them. */
#include "cluster/commands.h"
#include "cluster/conf.h"
#include "link/certificate.h"
#include "tenord/genesis.h"
#include "tenord/machine.h"
#include "tenord/tenord.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { NODES_MAX = 31, FEEDERS_MAX = 31, KEY_TEXT = 2 * TN_PUBLIC_KEY_SIZE + 1 };

struct testnet {
    const char *out;
    uint64_t nodes, feeders, markets, base_port;
    const char *host, *genesis;
    struct tn_signatures signatures;
    struct tn_public_key keys[NODES_MAX];
    struct certificate identities[NODES_MAX];
};

static bool make_folder(const char *path)
{
    if (mkdir(path, 0700) == 0) return true;
    complain("cannot make %s: %s", path, strerror(errno));
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

/* A new key: its secret into a file that is its owner's alone, its public part in `key`. */
static bool make_key(struct tn_public_key *key, const struct testnet *net, const char *path)
{
    struct tn_secret_key secret;
    char text[2 * TN_SECRET_KEY_SIZE + 2];
    do {
        if (getrandom(secret.bytes, sizeof secret.bytes, 0) != (ssize_t)sizeof secret.bytes) {
            complain("no randomness: %s", strerror(errno));
            return false;
        }
    } while (!net->signatures.public_key(net->signatures.context, key, &secret));
    hex_write(text, secret.bytes, sizeof secret.bytes);
    text[2 * TN_SECRET_KEY_SIZE] = '\n';
    bool is_made = file_make(path, text, 2 * TN_SECRET_KEY_SIZE + 1) && chmod(path, 0600) == 0;
    explicit_bzero(&secret, sizeof secret);
    explicit_bzero(text, sizeof text);
    return is_made;
}

static bool make_node(struct testnet *net, uint64_t index)
{
    char path[CONF_PATH_SIZE];
    char problem[LINK_PROBLEM_SIZE];
    if (!path_in(path, net, "node-%llu", index) || !make_folder(path) ||
        !path_in(path, net, "node-%llu/vote.key", index) ||
        !make_key(&net->keys[index], net, path) ||
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
    hex_write(text, key->bytes, sizeof key->bytes);
    fprintf(out, "%s %s", word, text);
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
    bool is_good = path_in(path, net, "governance.key", 0) && make_key(&key, net, path);
    clock_gettime(CLOCK_REALTIME, &now);
    fprintf(out, "# The genesis of the set: the same on every node.\ntime_ms %lld\n",
            (long long)now.tv_sec * 1000);
    fprintf(out, "markets %llu\n", (unsigned long long)net->markets);
    print_key(out, "governance", &key);
    is_good = is_good && path_in(path, net, "faucet.key", 0) && make_key(&key, net, path);
    print_key(out, "\nfaucet", &key);
    fputc('\n', out);
    for (uint64_t i = 0; i < net->feeders && is_good; i++) {
        is_good = path_in(path, net, "feeder-%llu.key", i + 1) && make_key(&key, net, path);
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

static char *make_node_conf(size_t *size, const struct testnet *net, uint64_t index)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, size);
    if (out == NULL) return NULL;
    fprintf(out, "# This node's own.\nkey vote.key\nidentity identity.pem\nclients clients.sock\n");
    fprintf(out, "listen %s:%llu\n", net->host, (unsigned long long)(net->base_port + index));
    for (uint64_t i = 0; i < net->nodes; i++) {
        if (i == index) continue;
        print_key(out, "peer", &net->keys[i]);
        fprintf(out, " %s:%llu peer-%llu.crt\n", net->host,
                (unsigned long long)(net->base_port + i), (unsigned long long)i);
    }
    fclose(out);
    return text;
}

static char *make_genesis(size_t *size, const struct testnet *net)
{
    char *text = NULL;
    struct genesis genesis;
    genesis_default(&genesis);
    if (net->genesis != NULL && !genesis_read(&genesis, net->genesis)) return NULL;
    FILE *out = open_memstream(&text, size);
    if (out == NULL) return NULL;
    genesis_print(out, &genesis, true);
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
        is_good = write_text(path, text, size) && path_in(path, net, "node-%llu/node.conf", index);
    }
    if (is_good) {
        text = make_node_conf(&size, net, index);
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

static bool make_testnet(struct testnet *net)
{
    if (!make_folder(net->out)) return false;
    for (uint64_t i = 0; i < net->nodes; i++) {
        if (!make_node(net, i)) return false;
    }
    size_t size;
    char *set = make_set(&size, net);
    bool is_good = set != NULL;
    for (uint64_t i = 0; i < net->nodes && is_good; i++)
        is_good = write_home(net, i, set, size);
    free(set);
    return is_good;
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
        {"--host", OPTION_TEXT, &net.host, 0, "address that all listen on (127.0.0.1)"},
        {"--base-port", OPTION_NUMBER, &net.base_port, 65000, "port of the first node (7400)"},
        {"--genesis", OPTION_TEXT, &net.genesis, 0, "genesis.conf to take limits from"},
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
    void *memory = aligned_alloc(16, (tn_signatures_size() + 15) / 16 * 16);
    if (memory == NULL) {
        complain("out of memory");
        return END_FAILED;
    }
    tn_signatures_real(&net.signatures, memory);
    bool is_made = make_testnet(&net);
    free(memory);
    if (!is_made) return END_FAILED;
    printf("%llu homes in %s; run each: tenord start --home %s/node-0\n",
           (unsigned long long)net.nodes, net.out, net.out);
    return END_GOOD;
}
