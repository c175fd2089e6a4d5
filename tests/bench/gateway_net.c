/* gateway_net: the set that the bench loads: nodes and a feeder as processes, accounts with money
 * and sessions.
 *
 * Homes are made by `tenord testnet` with ports that were free a moment ago; limits of clients are
 * above what the load asks for, everything else is as a testnet has it. Series and prices come from
 * tenor-play without traders. Accounts are opened through a client connection like anybody's. */
#include "gateway_load.h"

#include "tenor/margin.h"
#include "tenor/market.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_SIZE = 512, LOOK_MS = 50, WAIT_MS = 60000, PORTS_EACH = 4, DAYS_MAX = 16 };

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "bench_gateway: %s\n", what);
    exit(EXIT_FAILURE);
}

static pid_t run(const char *folder, const char *log, const char *const *arguments)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s.log", folder, log);
    pid_t child = fork();
    TN_ASSERT(child >= 0);
    if (child > 0) return child;
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (file < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) _exit(127);
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
    execv(arguments[0], (char *const *)(uintptr_t)arguments);
    _exit(127);
}

static void run_until_end(const char *folder, const char *log, const char *const *arguments)
{
    int status = 0;
    pid_t child = run(folder, log, arguments);
    TN_ASSERT(waitpid(child, &status, 0) == child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) give_up("tenord testnet failed");
}

static bool is_free(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    bool is_bound = bind(listener, (struct sockaddr *)&address, sizeof address) == 0;
    close(listener);
    return is_bound;
}

/* Peers at +0, clients at +100, metrics at +200. */
static unsigned free_ports(void)
{
    uint64_t random = bench_clock_ns() ^ (uint64_t)getpid() << 32;
    for (;;) {
        unsigned base = 15000 + (unsigned)tn_random_below(&random, 15000);
        bool all_free = true;
        for (unsigned i = 0; i < 3 * PORTS_EACH && all_free; i++)
            all_free = is_free(base + i / PORTS_EACH * 100 + i % PORTS_EACH);
        if (all_free) return base;
    }
}

static unsigned metrics_port(const struct net *net, uint32_t index)
{
    return net->conf.nodes[index].port + 100u;
}

void net_start_node(struct net *net, uint32_t index)
{
    char home[PATH_SIZE], log[32], threads[64], metrics[64], spin[64];
    snprintf(metrics, sizeof metrics, "metrics.listen=127.0.0.1:%u", metrics_port(net, index));
    snprintf(threads, sizeof threads, "clients.limits.signature_threads=%u", net->checkers_count);
    snprintf(spin, sizeof spin, "clients.limits.spin_us=%u", net->spin_us);
    snprintf(home, sizeof home, "%s/net/node-%u", net->folder, index);
    snprintf(log, sizeof log, "node-%u", index);
    const char *arguments[] = {TENORD_PATH,
                               "start",
                               "--home",
                               home,
                               "log.blocks=false",
                               "log.format=logfmt",
                               "clients.limits.orders_per_second=10000000",
                               "clients.limits.orders_burst=100000000",
                               "clients.limits.quotes_per_second=100000000",
                               "clients.limits.quotes_burst=1000000000",
                               "clients.limits.queries_per_second=100000",
                               "clients.limits.queries_burst=100000",
                               "clients.limits.frames_max=65536",
                               threads,
                               metrics,
                               net->spin_us > 0 ? spin : NULL,
                               NULL};
    net->nodes[index] = run(net->folder, log, arguments);
}

void net_stop_node(struct net *net, uint32_t index)
{
    if (net->nodes[index] == 0) return;
    kill(net->nodes[index], SIGTERM);
    waitpid(net->nodes[index], NULL, 0);
    net->nodes[index] = 0;
}

void net_stop(struct net *net)
{
    if (net->feeder != 0) {
        kill(net->feeder, SIGKILL);
        waitpid(net->feeder, NULL, 0);
    }
    for (uint32_t i = 0; i < net->nodes_count; i++) {
        if (net->nodes[i] == 0) continue;
        kill(net->nodes[i], SIGKILL);
        waitpid(net->nodes[i], NULL, 0);
    }
    net->feeder = 0;
    memset(net->nodes, 0, sizeof net->nodes);
}

/* ---- What a process has used -------------------------------------------------------------------
 */

static size_t read_proc(char *text, size_t room, const struct net *net, uint32_t index,
                        const char *name)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)net->nodes[index], name);
    FILE *file = fopen(path, "r");
    if (file == NULL) give_up("a node has ended: its log says why");
    size_t size = fread(text, 1, room - 1, file);
    fclose(file);
    text[size] = '\0';
    return size;
}

uint64_t net_rss_bytes(const struct net *net, uint32_t index)
{
    char text[4096];
    read_proc(text, sizeof text, net, index, "status");
    const char *found = strstr(text, "VmRSS:");
    return found == NULL ? 0 : strtoull(found + 6, NULL, 10) * 1024;
}

uint64_t net_cpu_us(const struct net *net, uint32_t index)
{
    char text[1024];
    read_proc(text, sizeof text, net, index, "stat");
    const char *at = strrchr(text, ')');
    unsigned long long user = 0, system = 0;
    if (at == NULL || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
                             &user, &system) != 2) {
        return 0;
    }
    return (user + system) * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

/* What the node answers to a question for its metrics, and how much of it there is. */
static size_t ask_metrics(char *text, size_t room, const struct net *net, uint32_t index)
{
    static const char question[] = "GET /metrics HTTP/1.0\r\nHost: node\r\n\r\n";
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)metrics_port(net, index)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    size_t size = 0;
    ssize_t got = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        send(fd, question, sizeof question - 1, MSG_NOSIGNAL) != (ssize_t)sizeof question - 1) {
        give_up("a node does not tell its metrics");
    }
    while (got > 0 && size + 1 < room) {
        got = recv(fd, text + size, room - 1 - size, 0);
        size += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    text[size] = '\0';
    return size;
}

uint64_t net_metric(const struct net *net, uint32_t index, const char *name)
{
    static char text[1 << 20];
    char line[128];
    if (ask_metrics(text, sizeof text, net, index) == 0) give_up("a node's metrics are empty");
    int length = snprintf(line, sizeof line, "\n%s ", name);
    const char *at = strstr(text, line);
    if (at == NULL) give_up("a node has no such metric");
    return strtoull(at + length, NULL, 10);
}

/* ---- A client that sets things up --------------------------------------------------------------
 */

struct setup {
    struct net *net;
    struct tn_client *client;
    uint32_t answered;
    bool is_connected;
    uint64_t deposit_number;
    uint32_t days[DAYS_MAX], days_count;
    bool is_quiet; /* refusals are no news: what is asked for may not be there yet */
};

static void take_rows(struct net *net, const struct tn_chain_news *chain)
{
    for (uint32_t i = 0; i < chain->rows_count && net->series_count < NET_SERIES_MAX; i++) {
        const struct tn_ticker *row = &chain->rows[i];
        if (row->band_high - row->band_low < 8) continue;
        net->series[net->series_count++] = (struct net_series){
            .series_id = row->series_id, .low = row->band_low, .high = row->band_high};
    }
}

static void heard(void *context, const struct tn_client_news *news)
{
    struct setup *setup = context;
    struct net *net = setup->net;
    struct net_account *account = &net->accounts[news->tag % NET_ACCOUNTS_MAX];
    setup->is_connected |= news->kind == TN_NEWS_CONNECTED;
    if (news->kind == TN_NEWS_DISCONNECTED) setup->is_connected = false;
    if (news->tag == UINT64_MAX) return;
    setup->answered++;
    if (news->kind == TN_NEWS_OWNER && news->as.owner.count > 0) {
        account->account = news->as.owner.accounts[0];
    } else if (news->kind == TN_NEWS_ACCOUNT_STATE) {
        const struct tn_account_state *state = &news->as.account_state;
        account->nonce = state->nonce_top;
        if (state->sessions_count > 0 && state->cash_micros > 0)
            account->session = state->sessions[0].session;
    } else if (news->kind == TN_NEWS_CLUSTER) {
        setup->deposit_number = news->as.cluster.deposit_number;
    } else if (news->kind == TN_NEWS_CHAIN) {
        take_rows(net, &news->as.chain);
        setup->days_count = news->as.chain.expiry_days_count;
        if (setup->days_count > DAYS_MAX) setup->days_count = DAYS_MAX;
        memcpy(setup->days, news->as.chain.expiry_days, setup->days_count * sizeof(uint32_t));
    } else if (news->kind == TN_NEWS_ERROR && !setup->is_quiet) {
        fprintf(stderr, "bench_gateway: a node refused: %s\n", news->as.error.text);
    }
}

static void wait_for(struct setup *setup, uint32_t answers)
{
    uint64_t until_ns = bench_clock_ns() + WAIT_MS * UINT64_C(1000000);
    while (setup->answered < answers) {
        tn_client_wait(setup->client, LOOK_MS);
        if (bench_clock_ns() > until_ns) give_up("a node does not answer; see its log");
    }
}

static void ask(struct setup *setup, uint64_t tag, const struct tn_question *question)
{
    setup->answered = 0;
    if (tn_client_ask(setup->client, tag, question) != TN_CLIENT_OK) give_up("cannot ask");
    wait_for(setup, 1);
}

static void open_setup(struct setup *setup, struct net *net, uint32_t node)
{
    char why[TN_CLIENT_WHY_SIZE];
    struct tn_client_options options = {.nodes = &net->conf.nodes[node],
                                        .nodes_count = 1,
                                        .market = 1,
                                        .heard = heard,
                                        .context = setup};
    *setup = (struct setup){.net = net};
    setup->client = tn_client_make(&options, why);
    if (setup->client == NULL) give_up(why);
    uint64_t until_ns = bench_clock_ns() + WAIT_MS * UINT64_C(1000000);
    while (!setup->is_connected) {
        tn_client_wait(setup->client, 5);
        if (bench_clock_ns() > until_ns) give_up("a node does not serve clients; see its log");
    }
}

void net_wait_node(struct net *net, uint32_t index)
{
    struct setup setup;
    open_setup(&setup, net, index);
    tn_client_free(setup.client);
}

/* ---- The net -----------------------------------------------------------------------------------
 */

void net_start(struct net *net, const char *folder, uint32_t nodes_count)
{
    char out[PATH_SIZE], nodes[16], port[16], why[TN_CLIENT_WHY_SIZE];
    *net = (struct net){
        .nodes_count = nodes_count, .checkers_count = net->checkers_count, .spin_us = net->spin_us};
    snprintf(net->folder, sizeof net->folder, "%s", folder);
    void *memory = aligned_alloc(16, (tn_signatures_size() + 15) / 16 * 16);
    TN_ASSERT(memory != NULL);
    tn_signatures_real(&net->signatures, memory);
    snprintf(out, sizeof out, "%s/net", folder);
    snprintf(nodes, sizeof nodes, "%u", nodes_count);
    snprintf(port, sizeof port, "%u", free_ports());
    const char *arguments[] = {TENORD_PATH, "testnet",     "--out", out, "--nodes",
                               nodes,       "--base-port", port,    NULL};
    run_until_end(folder, "testnet", arguments);
    if (!tn_client_net_read(&net->conf, out, why)) give_up(why);
    for (uint32_t i = 0; i < nodes_count; i++)
        net_start_node(net, i);
    for (uint32_t i = 0; i < nodes_count; i++)
        net_wait_node(net, i);
}

/* The series that have prices now. */
static void ask_series(struct setup *setup)
{
    uint32_t days[DAYS_MAX], days_count;
    ask(setup, 0, &(struct tn_question){.kind = TN_ASK_CHAIN, .underlying = 1});
    days_count = setup->days_count;
    memcpy(days, setup->days, sizeof days);
    setup->net->series_count = 0;
    for (uint32_t i = 0; i < days_count; i++) {
        ask(setup, 0,
            &(struct tn_question){.kind = TN_ASK_CHAIN, .underlying = 1, .expiry_day = days[i]});
    }
}

/* tenor-play has done its part when its two accounts have their money and all series have prices:
 * before, a deposit of ours could take a number that it has signed. */
void net_feed(struct net *net, uint32_t series_count)
{
    char out[PATH_SIZE], series[16];
    struct setup setup;
    snprintf(out, sizeof out, "%s/net", net->folder);
    snprintf(series, sizeof series, "%u", series_count + 1); /* the first one is the perpetual */
    const char *arguments[] = {PLAY_PATH, "--net",    out,    "--accounts", "2",       "--frames",
                               "0",       "--series", series, "--seconds",  "1000000", NULL};
    net->feeder = run(net->folder, "play", arguments);
    open_setup(&setup, net, 0);
    uint64_t until_ns = bench_clock_ns() + WAIT_MS * UINT64_C(1000000);
    while (setup.deposit_number < 2 || net->series_count < series_count) {
        if (bench_clock_ns() > until_ns || waitpid(net->feeder, NULL, WNOHANG) != 0)
            give_up("tenor-play opened no market");
        tn_client_wait(setup.client, LOOK_MS);
        setup.is_quiet = true;
        ask(&setup, 0, &(struct tn_question){.kind = TN_ASK_CLUSTER});
        ask_series(&setup);
        setup.is_quiet = false;
    }
    tn_client_free(setup.client);
}

static void make_keys(struct net *net)
{
    struct tn_public_key unused;
    for (uint32_t i = 0; i < net->accounts_count; i++) {
        struct net_account *account = &net->accounts[i];
        struct tn_address address;
        if (!tn_client_key_random(&account->owner) || !tn_client_key_random(&account->key) ||
            !tn_client_key_public(&unused, &account->address, &account->owner) ||
            !tn_client_key_public(&account->session_public, &address, &account->key)) {
            give_up("the system gives no random numbers");
        }
    }
}

static void give(struct setup *setup, uint32_t index, const struct tn_block_item *item,
                 const struct tn_secret_key *signer)
{
    setup->answered = 0;
    if (tn_client_item(setup->client, index, item, signer) != TN_CLIENT_OK)
        give_up("cannot send an item");
    wait_for(setup, 1);
}

static void open_all(struct setup *setup)
{
    struct net *net = setup->net;
    struct tn_block_item item = {.kind = TN_ITEM_OPERATION};
    item.as.operation.kind = TN_OPERATION_OPEN;
    item.as.operation.market = 1;
    item.as.operation.number = 1;
    item.as.operation.model = TN_MARGIN_PORTFOLIO;
    for (uint32_t i = 0; i < net->accounts_count; i++)
        give(setup, i, &item, &net->accounts[i].owner);
    for (uint32_t i = 0; i < net->accounts_count; i++) {
        net->accounts[i].account = TN_NONE;
        while (net->accounts[i].account == TN_NONE) {
            ask(setup, i,
                &(struct tn_question){.kind = TN_ASK_OWNER, .owner = net->accounts[i].address});
        }
    }
}

static void fund_all(struct setup *setup)
{
    struct net *net = setup->net;
    char why[TN_CLIENT_WHY_SIZE];
    struct tn_secret_key faucet;
    if (!tn_client_key_read(&faucet, net->conf.faucet, why)) give_up(why);
    ask(setup, 0, &(struct tn_question){.kind = TN_ASK_CLUSTER});
    for (uint32_t i = 0; i < net->accounts_count; i++) {
        struct tn_block_item item = {.kind = TN_ITEM_DEPOSIT};
        item.as.deposit.market = 1;
        item.as.deposit.account = net->accounts[i].account;
        item.as.deposit.amount = INT64_C(100000000) * 1000000;
        item.as.deposit.number = setup->deposit_number + 1 + i;
        give(setup, i, &item, &faucet);
    }
    for (uint32_t i = 0; i < net->accounts_count; i++) {
        struct net_account *account = &net->accounts[i];
        struct tn_block_item item = {.kind = TN_ITEM_OPERATION};
        item.as.operation.kind = TN_OPERATION_SESSION;
        item.as.operation.market = 1;
        item.as.operation.number = 2;
        item.as.operation.account = account->account;
        item.as.operation.key = account->session_public;
        item.as.operation.scope = TN_SCOPE_ALL;
        item.as.operation.expires_ms = (int64_t)time(NULL) * 1000 + 86400000;
        give(setup, i, &item, &account->owner);
    }
}

void net_open_accounts(struct net *net, uint32_t accounts_count)
{
    struct setup setup;
    net->accounts_count = accounts_count;
    make_keys(net);
    open_setup(&setup, net, 0);
    open_all(&setup);
    fund_all(&setup);
    uint64_t until_ns = bench_clock_ns() + WAIT_MS * UINT64_C(1000000);
    for (uint32_t i = 0; i < accounts_count; i++) {
        while (net->accounts[i].session == 0) {
            ask(&setup, i,
                &(struct tn_question){.kind = TN_ASK_ACCOUNT, .account = net->accounts[i].account});
            if (bench_clock_ns() > until_ns) give_up("accounts were not funded in time");
        }
    }
    ask_series(&setup);
    if (net->series_count == 0) give_up("no series has a price");
    tn_client_free(setup.client);
}
