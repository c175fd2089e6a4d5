/* bench_gateway: what a trader gets through a node: real nodes, real TLS, signed frames.
 *
 * An open loop: frames are due by the clock, whatever became of those before, and latency counts
 * from when they were due. Everything runs on this machine, nothing is pinned: the nodes, their
 * feeder and the load's one thread share its processors, so where a rate is too high it is the
 * machine that is full; how much processor time a node took for a frame is printed beside. The
 * machine's own round trips come first, and between an order's, due by the same clock. JSON lines.
 *
 * usage: bench_gateway [--quick] [--nodes N] [--checkers N] [--spin US] [--slow-seconds N]
 *                      [FIGURE...]
 * --help says what they are; all figures by default. */
#include "gateway_load.h"
#include "gateway_slow.h"

#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    CONNECTIONS = 64,
    SERIES = 64,
    LOGONS = 1000,
    HANDSHAKES = 32,
    SETTLE_SECONDS = 5,
    BESIDE_ROUNDS = 20,
};

static struct net net;
static uint32_t nodes_count = 1, slow_seconds = 100;

/* ---- Printing ----------------------------------------------------------------------------------
 */

static double machine_load(void)
{
    double one = 0;
    return getloadavg(&one, 1) == 1 ? one : -1;
}

static double share_us(const struct load *load, const uint64_t *since, const uint64_t *until,
                       uint32_t percent)
{
    uint32_t count;
    uint32_t *ns = load_latencies(&count, load, since, until);
    double us = count == 0 ? -1 : ns[(uint64_t)count * percent / 100] / 1e3;
    free(ns);
    return us;
}

/* One run of the load as a line; the processor time of node 0 and of the load. */
static double run_and_print(struct load *load, const char *figure, uint64_t frames_per_second,
                            uint32_t sides)
{
    uint64_t node_us = net_cpu_us(&net, 0), load_us = bench_cpu_ns() / 1000;
    load_run(load, frames_per_second, 4000);
    node_us = net_cpu_us(&net, 0) - node_us;
    load_us = bench_cpu_ns() / 1000 - load_us;
    double seconds = (double)(load->last_ns - load->start_ns) / 1e9;
    double answered = (double)(load->soft_count > 0 ? load->soft_count : 1);
    bench_json_open(figure);
    bench_json_u64("nodes", net.nodes_count);
    bench_json_u64("checkers", net.checkers_count);
    bench_json_u64("connections", load->frames_connections);
    bench_json_string("client", load->spins ? "spinning" : "asleep");
    bench_json_string("node", net.spin_us > 0 ? "spinning" : "asleep");
    bench_json_string("client_policy", sched_getscheduler(0) == SCHED_BATCH ? "batch" : "usual");
    bench_json_string("pinned", "no");
    bench_json_u64("offered_per_second", frames_per_second * sides);
    bench_json_u64("answered_per_second", (uint64_t)(answered * sides / seconds));
    bench_json_u64("frames", load->frames_count);
    bench_json_u64("frames_soft", load->soft_count);
    bench_json_u64("frames_refused", load->error_count);
    bench_json_u64("last_refusal", load->error_code);
    bench_json_double(
        "rejected_share",
        load->commands_count == 0 ? 0 : (double)load->reject_count / (double)load->commands_count);
    bench_json_double("sent_p50_us", share_us(load, NULL, load->sent_ns, 50));
    bench_json_double("soft_p50_us", share_us(load, NULL, load->soft_ns, 50));
    bench_json_double("soft_p99_us", share_us(load, NULL, load->soft_ns, 99));
    bench_json_double("sent_to_soft_p50_us", share_us(load, load->sent_ns, load->soft_ns, 50));
    if (load->final_count > 0) {
        bench_json_double("final_p50_us", share_us(load, NULL, load->final_ns, 50));
        bench_json_double("soft_to_final_p50_us",
                          share_us(load, load->soft_ns, load->final_ns, 50));
        bench_json_double("soft_to_final_p99_us",
                          share_us(load, load->soft_ns, load->final_ns, 99));
    }
    bench_json_double("node_cpu_us_per_frame", (double)node_us / answered);
    bench_json_double("client_cpu_us_per_frame", (double)load_us / answered);
    bench_json_double("machine_load", machine_load());
    bench_json_close();
    return answered * sides / seconds;
}

/* ---- Figures -----------------------------------------------------------------------------------
 */

/* Some at a time: a node lets go of a connection that is silent for a second while others wait, and
 * here one thread does all the clients' handshakes. */
static void connect_all(struct load *load, uint32_t count)
{
    load_open(load, &net);
    for (uint32_t i = 0; i < count; i++) {
        load_connect(load, 0, &net.accounts[i % net.accounts_count]);
        uint32_t done = i + 1 == count ? count : i < HANDSHAKES ? 0 : i - HANDSHAKES;
        if (load_until_ready(load, done, 60000)) continue;
        fprintf(stderr, "bench_gateway: not all connections were logged on in time\n");
        exit(EXIT_FAILURE);
    }
}

static void print_rss(const char *figure)
{
    bench_json_open(figure);
    bench_json_double("rss_mb", (double)net_rss_bytes(&net, 0) / 1e6);
    bench_json_u64("target_mb", 150);
    bench_json_close();
}

static void figure_quick(void)
{
    struct load load;
    connect_all(&load, 1);
    load_sign(&load, LOAD_ORDERS, 200, 1, TN_WAIT_SOFT_AND_FINAL);
    run_and_print(&load, "order_soft_final", 1000, 1);
    beside_print(&load, 1000, 1);
    load_close(&load);
}

static void figure_latency(uint32_t frames)
{
    struct load load;
    connect_all(&load, 1);
    load_sign(&load, LOAD_ORDERS, frames / 4 + 1, 1, TN_WAIT_SOFT);
    load_run(&load, 1000, 4000); /* warm */
    load_sign(&load, LOAD_ORDERS, frames, 1, TN_WAIT_SOFT);
    run_and_print(&load, "order_soft", 1000, 1);
    load_sign(&load, LOAD_ORDERS, frames, 1, TN_WAIT_SOFT_AND_FINAL);
    run_and_print(&load, "order_soft_final", 1000, 1);
    load.spins = true;
    load_sign(&load, LOAD_ORDERS, frames, 1, TN_WAIT_SOFT);
    run_and_print(&load, "order_soft", 1000, 1);
    load_close(&load);
}

static void figure_beside(void)
{
    struct load load;
    connect_all(&load, 1);
    load_sign(&load, LOAD_ORDERS, 500, 1, TN_WAIT_SOFT);
    load_run(&load, 1000, 4000); /* warm */
    beside_print(&load, 1000, BESIDE_ROUNDS);
    load.spins = true;
    beside_print(&load, 1000, BESIDE_ROUNDS);
    load_close(&load);
}

static void figure_curve(void)
{
    static const uint32_t rates[] = {2500, 5000, 10000, 15000, 20000, 30000, 50000, 100000};
    struct load load;
    connect_all(&load, CONNECTIONS);
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        load_sign(&load, LOAD_ORDERS, rates[i], CONNECTIONS, TN_WAIT_SOFT);
        run_and_print(&load, "orders_curve", rates[i], 1);
    }
    load_close(&load);
}

/* What a node takes at most: 60 000 orders, due faster than any node takes them. */
static void figure_orders(void)
{
    struct load load;
    connect_all(&load, 8);
    load_sign(&load, LOAD_ORDERS, 60000, 8, TN_WAIT_SOFT);
    run_and_print(&load, "orders_saturated", 200000, 1);
    load_close(&load);
}

/* The last ones are long: rings of a fresh node are touched for the first time in the others. In
 * the very last one the load, which shares the node's processors, takes none away from it when it
 * wakes, as it would not on a machine of its own. */
static void figure_quotes(void)
{
    static const struct {
        uint32_t rate, seconds;
        int policy;
    } runs[] = {{2000, 2, SCHED_OTHER},  {4000, 2, SCHED_OTHER},  {8000, 2, SCHED_OTHER},
                {16000, 2, SCHED_OTHER}, {9000, 10, SCHED_OTHER}, {9000, 10, SCHED_BATCH}};
    const struct sched_param none = {0};
    struct load load;
    connect_all(&load, 8);
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        load_sign(&load, LOAD_QUOTES, runs[i].seconds * runs[i].rate, 8, TN_WAIT_SOFT);
        const int was = sched_getscheduler(0);
        if (runs[i].policy != SCHED_OTHER) sched_setscheduler(0, runs[i].policy, &none);
        run_and_print(&load, "quotes_in_64s", runs[i].rate, net.series_count);
        if (runs[i].policy != SCHED_OTHER && was == SCHED_OTHER) sched_setscheduler(0, was, &none);
    }
    load_close(&load);
}

static void figure_logons(void)
{
    struct load load;
    net_stop_node(&net, 0);
    uint64_t begin_ns = bench_clock_ns();
    net_start_node(&net, 0);
    net_wait_node(&net, 0);
    uint64_t ready_ns = bench_clock_ns(), cpu_ns = bench_cpu_ns();
    connect_all(&load, LOGONS);
    uint64_t end_ns = bench_clock_ns();
    bench_json_open("logons_after_restart");
    bench_json_u64("logons", LOGONS);
    bench_json_double("node_up_s", (double)(ready_ns - begin_ns) / 1e9);
    bench_json_double("logons_s", (double)(end_ns - ready_ns) / 1e9);
    bench_json_u64("target_s", 60);
    bench_json_double("rss_mb", (double)net_rss_bytes(&net, 0) / 1e6);
    bench_json_double("client_cpu_s", (double)(bench_cpu_ns() - cpu_ns) / 1e9);
    bench_json_double("node_cpu_s", (double)net_cpu_us(&net, 0) / 1e6);
    bench_json_double("machine_load", machine_load());
    bench_json_close();
    load_close(&load);
}

/* ---- The process -------------------------------------------------------------------------------
 */

enum figure { RAW, IDLE, BESIDE, LATENCY, CURVE, ORDERS, QUOTES, SLOW, LOGON, FIGURES };
static bool wanted[FIGURES]; /* none: all are */

static bool is_wanted(enum figure figure)
{
    for (uint32_t i = 0; i < FIGURES; i++)
        if (wanted[i]) return wanted[figure];
    return true;
}

static void bench(const char *folder, bool is_quick)
{
    if (is_wanted(RAW)) raw_print(is_quick);
    net_start(&net, folder, nodes_count);
    if (is_wanted(IDLE) && !is_quick) {
        sleep(SETTLE_SECONDS);
        print_rss("rss_idle_fresh");
    }
    net_feed(&net, is_quick ? 8 : SERIES);
    net_open_accounts(&net, is_quick ? 1 : NET_ACCOUNTS_MAX);
    if (is_quick) {
        figure_quick();
        net_stop(&net);
        return;
    }
    if (is_wanted(IDLE)) {
        sleep(SETTLE_SECONDS);
        print_rss("rss_idle_with_market");
    }
    if (is_wanted(BESIDE)) figure_beside();
    if (is_wanted(LATENCY)) figure_latency(5000);
    if (is_wanted(CURVE)) figure_curve();
    if (is_wanted(ORDERS)) figure_orders();
    if (is_wanted(QUOTES)) figure_quotes();
    if (is_wanted(SLOW)) slow_print(&net, slow_seconds);
    if (is_wanted(LOGON)) figure_logons();
    net_stop(&net);
}

static void read_options(bool *is_quick, int argc, char **argv)
{
    const struct bench_option options[] = {
        BENCH_OPTION_QUICK(is_quick),
        {.name = "--nodes",
         .value = "N",
         .number = &nodes_count,
         .least = 1,
         .most = NET_NODES_MAX,
         .help = "of the set (1)"},
        {.name = "--checkers",
         .value = "N",
         .number = &net.checkers_count,
         .most = 64,
         .help = "threads of a node that check signatures (0: as it likes)"},
        {.name = "--spin",
         .value = "US",
         .number = &net.spin_us,
         .most = 1000000,
         .help = "clients.limits.spin_us of the nodes (0: they sleep)"},
        {.name = "--slow-seconds",
         .value = "N",
         .number = &slow_seconds,
         .least = 1,
         .most = 86400,
         .help = "that the figure slow may take (100)"},
        {.name = "raw", .flag = &wanted[RAW], .help = "a figure: the machine's own round trips"},
        {.name = "idle", .flag = &wanted[IDLE], .help = "memory of an idle node"},
        {.name = "beside", .flag = &wanted[BESIDE], .help = "orders between raw round trips"},
        {.name = "latency", .flag = &wanted[LATENCY], .help = "of orders, a thousand a second"},
        {.name = "curve", .flag = &wanted[CURVE], .help = "latency by rate"},
        {.name = "orders", .flag = &wanted[ORDERS], .help = "how many a second"},
        {.name = "quotes", .flag = &wanted[QUOTES], .help = "how many a second"},
        {.name = "slow", .flag = &wanted[SLOW], .help = "beside subscribers that read slowly"},
        {.name = "logons", .flag = &wanted[LOGON], .help = "a thousand after a restart"},
    };
    bench_options_read("bench_gateway", options, sizeof options / sizeof options[0], argc, argv);
}

static int remove_one(const char *path, const struct stat *status, int flag, struct FTW *walk)
{
    (void)status;
    (void)flag;
    (void)walk;
    return remove(path);
}

static volatile pid_t worker;
static void pass_on(int number)
{
    (void)number;
    if (worker > 0) kill(worker, SIGKILL);
}

/* The work is a child's, whose own children die with it: whatever ends it, the folder goes. */
int main(int argc, char **argv)
{
    char folder[] = "/tmp/bench_gateway.XXXXXX";
    bool is_quick = false;
    int status = 0;
    read_options(&is_quick, argc, argv);
    if (mkdtemp(folder) == NULL) {
        fprintf(stderr, "bench_gateway: cannot make a folder in /tmp\n");
        return 1;
    }
    signal(SIGINT, pass_on);
    signal(SIGTERM, pass_on);
    worker = fork();
    if (worker == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_TIMERSLACK, 1);
        bench(folder, is_quick);
        exit(EXIT_SUCCESS);
    }
    while (waitpid(worker, &status, 0) < 0) {
    }
    bool is_good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (is_good || getenv("BENCH_KEEP") == NULL) nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
