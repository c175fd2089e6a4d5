/* gateway_slow: what becomes of others while some do not read.
 *
 * The system takes megabytes for a client that does not read before the node notices. So for those
 * who will not read it takes little, and they ask for more than that first: their sockets are full
 * when the round begins.
 *
 * The same four connections subscribe to everything in two kinds of rounds: in one they read at
 * once, in the other never. What others wait for in the second beside the first is what slowness
 * costs them; what subscribers cost at all is seen beside rounds without any. Rounds are short and
 * come in sets, one of each kind in random order, so that what disturbs the machine for a while
 * disturbs all kinds. Each set gives one ratio; drawing sets anew says between what bounds nine of
 * ten such comparisons would lie, and their spread how many sets it takes to know one to a tenth.
 *
 * Beside it what no disturbance touches: what the node did for the round, by its own counters. */
#include "gateway_slow.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READERS = 4,
    FRAMES = 1000, /* of a round, at as many a second */
    SETS_MAX = 64, /* as many as fit into the time */
    SETS_LEAST = 4,
    DRAWS = 1000,
    RECEIVE_BYTES = 4096, /* that the system takes in for who does not read */
    QUESTIONS = 100,      /* with answers of 1 MB together */
    SETTLE_MS = 300,
    SETTLES_MAX = 50,
};

enum kind { NONE, PROMPT, SLOW, KINDS };
static const char *const kind_names[KINDS] = {"none", "prompt", "slow"};

/* What a node has counted, and its processor time. */
enum counter { CPU_US, QUEUED, QUEUED_BYTES, OWED, WRITES_FULL, COUNTERS };
static const struct {
    const char *metric, *field;
} counters[COUNTERS] = {
    [CPU_US] = {NULL, "node_cpu_us_per_frame"},
    [QUEUED] = {"tenor_gateway_messages_out_total", "messages_queued_per_frame"},
    [QUEUED_BYTES] = {"tenor_gateway_bytes_out_total", "bytes_queued_per_frame"},
    [OWED] = {"tenor_gateway_feed_dropped_total", "messages_owed_per_frame"},
    [WRITES_FULL] = {"tenor_gateway_writes_full_total", "sockets_full_per_frame"},
};

struct rounds {
    uint32_t sets_count;
    double us[KINDS][SETS_MAX][2]; /* of a round: p90 and p99 from when the load had sent a frame */
    double counted[KINDS][COUNTERS];
};

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "bench_gateway: %s\n", what);
    exit(EXIT_FAILURE);
}

/* ---- Those who read ----------------------------------------------------------------------------
 */

/* They throw away what comes, unseen by TLS and uncopied by the system: what it costs a client to
 * understand its messages is not the node's, and has no place beside those who do none of it. */
struct readers {
    pthread_t thread;
    atomic_bool is_over;
    int epoll;
};

static void *read_all(void *context)
{
    struct readers *readers = context;
    struct epoll_event events[READERS];
    while (!atomic_load(&readers->is_over)) {
        int count = epoll_wait(readers->epoll, events, READERS, 20);
        for (int i = 0; i < count; i++) {
            while (recv(events[i].data.fd, NULL, 1 << 20, MSG_TRUNC | MSG_DONTWAIT) > 0) {
            }
        }
    }
    return NULL;
}

static void start_reading(struct readers *readers, const struct load_connection *first)
{
    atomic_init(&readers->is_over, false);
    readers->epoll = epoll_create1(EPOLL_CLOEXEC);
    TN_ASSERT(readers->epoll >= 0);
    for (int i = 0; i < READERS; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = first[i].fd};
        TN_ASSERT(epoll_ctl(readers->epoll, EPOLL_CTL_ADD, first[i].fd, &event) == 0);
    }
    TN_ASSERT(pthread_create(&readers->thread, NULL, read_all, readers) == 0);
}

static void stop_reading(struct readers *readers)
{
    atomic_store(&readers->is_over, true);
    pthread_join(readers->thread, NULL);
    close(readers->epoll);
}

/* ---- A round -----------------------------------------------------------------------------------
 */

static uint64_t counted(const struct net *net, enum counter counter)
{
    return net_metric(net, 0, counters[counter].metric);
}

static void count(double *sums, const struct net *net, double sign)
{
    sums[CPU_US] += sign * (double)net_cpu_us(net, 0);
    for (enum counter i = QUEUED; i < COUNTERS; i++)
        sums[i] += sign * (double)counted(net, i);
}

/* Behind the first two, who trade. When this is back they have their snapshots, or full sockets. */
static void add_subscribers(struct load *load, struct readers *readers, enum kind kind)
{
    const uint64_t full = counted(load->net, WRITES_FULL);
    uint64_t now = full;
    load->receive_bytes = kind == SLOW ? RECEIVE_BYTES : 0;
    for (uint32_t i = 0; i < READERS; i++) {
        struct load_connection *connection = load_connect(load, 0, NULL);
        if (!load_until_ready(load, 3 + i, 10000)) give_up("a subscriber is not served");
        load_subscribe_and_leave(load, connection, kind == SLOW ? QUESTIONS : 0);
    }
    if (kind == PROMPT) start_reading(readers, &load->connections[2]);
    for (int i = 0; i == 0 || (kind == SLOW && i < SETTLES_MAX && now < full + READERS); i++) {
        nanosleep(&(struct timespec){.tv_nsec = SETTLE_MS * 1000000L}, NULL);
        now = counted(load->net, WRITES_FULL);
    }
    if (kind == SLOW && now < full + READERS) give_up("who does not read has no full socket");
}

static void run_round(struct rounds *rounds, const struct net *net, enum kind kind, uint32_t set)
{
    struct load load;
    struct readers readers;
    uint32_t answers;
    load_open(&load, net);
    for (uint32_t i = 0; i < 2; i++)
        load_connect(&load, 0, &net->accounts[i]);
    if (!load_until_ready(&load, 2, 10000)) give_up("a trader is not logged on");
    if (kind != NONE) add_subscribers(&load, &readers, kind);
    load_sign(&load, LOAD_ORDERS, FRAMES, 2, TN_WAIT_SOFT);
    count(rounds->counted[kind], net, -1);
    load_run(&load, FRAMES, 4000);
    count(rounds->counted[kind], net, 1);
    if (kind == PROMPT) stop_reading(&readers);
    uint32_t *ns = load_latencies(&answers, &load, load.sent_ns, load.soft_ns);
    TN_ASSERT(answers > 0);
    rounds->us[kind][set][0] = ns[(uint64_t)answers * 90 / 100] / 1e3;
    rounds->us[kind][set][1] = ns[(uint64_t)answers * 99 / 100] / 1e3;
    free(ns);
    load_close(&load);
}

/* ---- What they say -----------------------------------------------------------------------------
 */

static int compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Sorts them. */
static double median(double *values, uint32_t count)
{
    qsort(values, count, sizeof values[0], compare_doubles);
    return (values[count / 2] + values[(count - 1) / 2]) / 2;
}

static double median_us(const struct rounds *rounds, enum kind kind, int share)
{
    double us[SETS_MAX];
    for (uint32_t i = 0; i < rounds->sets_count; i++)
        us[i] = rounds->us[kind][i][share];
    return median(us, rounds->sets_count);
}

static double percent_of(double logarithm)
{
    return 100 * (exp(logarithm) - 1);
}

/* By how many percent a share of latencies of one kind is above another's: the median of the sets'
 * ratios, since a round in which something else took the machine says nothing of the others. */
static void print_moved(const struct rounds *rounds, const char *name, enum kind kind,
                        enum kind beside, int share)
{
    const uint32_t sets = rounds->sets_count;
    double ratio[SETS_MAX], chosen[SETS_MAX], drawn[DRAWS];
    uint64_t random = 1;
    char field[64];
    for (uint32_t i = 0; i < sets; i++)
        ratio[i] = log(rounds->us[kind][i][share] / rounds->us[beside][i][share]);
    for (uint32_t draw = 0; draw < DRAWS; draw++) {
        for (uint32_t i = 0; i < sets; i++)
            chosen[i] = ratio[tn_random_below(&random, sets)];
        drawn[draw] = median(chosen, sets);
    }
    qsort(drawn, DRAWS, sizeof drawn[0], compare_doubles);
    const double low = drawn[DRAWS / 20], high = drawn[DRAWS - 1 - DRAWS / 20];
    const double tenths = (high - low) / 2 / log(1.1);
    snprintf(field, sizeof field, "%s_moved_percent", name);
    bench_json_double(field, percent_of(median(ratio, sets)));
    snprintf(field, sizeof field, "%s_moved_percent_low", name);
    bench_json_double(field, percent_of(low));
    snprintf(field, sizeof field, "%s_moved_percent_high", name);
    bench_json_double(field, percent_of(high));
    snprintf(field, sizeof field, "%s_sets_to_know_a_tenth", name);
    bench_json_u64(field, (uint64_t)ceil(sets * tenths * tenths));
}

static void print_rounds(const struct rounds *rounds)
{
    const double frames = (double)rounds->sets_count * FRAMES;
    for (enum kind kind = NONE; kind < KINDS; kind++) {
        bench_json_open("slow_consumers_rounds");
        bench_json_string("consumers", kind_names[kind]);
        bench_json_u64("rounds", rounds->sets_count);
        bench_json_double("sent_to_soft_p90_us", median_us(rounds, kind, 0));
        bench_json_double("sent_to_soft_p99_us", median_us(rounds, kind, 1));
        for (int i = 0; i < COUNTERS; i++)
            bench_json_double(counters[i].field, rounds->counted[kind][i] / frames);
        bench_json_close();
    }
    bench_json_open("slow_consumers");
    bench_json_u64("consumers", READERS);
    bench_json_u64("sets_of_rounds", rounds->sets_count);
    print_moved(rounds, "slow_beside_prompt_p90", SLOW, PROMPT, 0);
    print_moved(rounds, "slow_beside_prompt_p99", SLOW, PROMPT, 1);
    print_moved(rounds, "slow_beside_none_p90", SLOW, NONE, 0);
    print_moved(rounds, "slow_beside_none_p99", SLOW, NONE, 1);
    print_moved(rounds, "prompt_beside_none_p99", PROMPT, NONE, 1);
    bench_json_u64("target_percent", 10);
    bench_json_close();
}

void slow_print(const struct net *net, uint32_t seconds)
{
    static struct rounds rounds;
    uint64_t random = 1, end_ns = bench_clock_ns() + seconds * UINT64_C(1000000000);
    uint32_t set = 0;
    for (; set < SETS_LEAST || (set < SETS_MAX && bench_clock_ns() < end_ns); set++) {
        enum kind order[KINDS] = {NONE, PROMPT, SLOW};
        for (uint32_t left = KINDS; left > 1; left--) {
            uint32_t chosen = (uint32_t)tn_random_below(&random, left);
            enum kind kind = order[chosen];
            order[chosen] = order[left - 1];
            order[left - 1] = kind;
        }
        for (uint32_t i = 0; i < KINDS; i++)
            run_round(&rounds, net, order[i], set);
    }
    rounds.sets_count = set;
    print_rounds(&rounds);
}
