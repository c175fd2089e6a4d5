/* bench_link: what the link costs beside the machine's own TCP.
 *
 * Two nodes on one machine, a thread each, both asleep while nothing comes: round trips of one
 * small message, messages a second one way, bytes a second one way. The raw figures are the same
 * dance over a plain TCP connection with blocking sockets. JSON lines.
 *
 * usage: bench_link [--quick] */
#include "bench.h"

#include "link/certificate.h"
#include "link/nng.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUNDS      20000
#define SMALL       200
#define BURST       400000
#define LARGE       65536u
#define LARGE_COUNT 8000

struct node {
    struct tn_signatures signatures;
    struct tn_secret_key secret;
    struct tn_public_key key;
    struct certificate certificate;
    struct link *link;
};

static struct node nodes[2];
static _Alignas(64) uint8_t signature_memory[4096];
static atomic_bool stop;
static _Atomic uint64_t arrived;
static uint32_t rounds = ROUNDS, burst = BURST, large_count = LARGE_COUNT;

static bool sign(void *context, struct tn_signature *signature, const struct tn_hash *digest)
{
    const struct node *node = context;
    return node->signatures.sign(node->signatures.context, signature, digest, &node->secret);
}

static bool verify(void *context, const struct tn_hash *digest,
                   const struct tn_signature *signature, const struct tn_public_key *key)
{
    const struct node *node = context;
    return node->signatures.verify(node->signatures.context, digest, signature, key);
}

static void open_node(uint32_t i)
{
    struct node *node = &nodes[i];
    char problem[LINK_PROBLEM_SIZE];
    TN_ASSERT(tn_signatures_size() <= sizeof signature_memory);
    tn_signatures_real(&node->signatures, signature_memory);
    memset(node->secret.bytes, (int)i + 1, sizeof node->secret.bytes);
    TN_ASSERT(node->signatures.public_key(node->signatures.context, &node->key, &node->secret));
    TN_ASSERT(certificate_make(&node->certificate, problem));
    struct link_nng_options options = {.key = node->key,
                                       .keys = {.context = node, .sign = sign, .verify = verify},
                                       .certificate = node->certificate.certificate,
                                       .private_key = node->certificate.private_key,
                                       .listen = "127.0.0.1:0"};
    TN_ASSERT(link_nng_open(&node->link, problem, &options));
}

static void meet(uint32_t i)
{
    char problem[LINK_PROBLEM_SIZE], address[32];
    const struct node *other = &nodes[1 - i];
    snprintf(address, sizeof address, "127.0.0.1:%u", link_nng_port(other->link));
    struct link_nng_peer peer = {.id = (uint16_t)(1 - i),
                                 .key = other->key,
                                 .certificate = other->certificate.certificate,
                                 .address = address};
    TN_ASSERT(link_nng_set_peers(nodes[i].link, problem, 1, &peer, 1));
}

/* Node 1: sends votes back, counts the rest. */
static void *answer(void *unused)
{
    struct link_event event;
    (void)unused;
    while (!atomic_load(&stop)) {
        link_poll(nodes[1].link, &event, 50);
        TN_ASSERT(event.kind != LINK_DOWN);
        if (event.kind != LINK_MESSAGE) continue;
        if (event.bytes[0] == TN_PEER_VOTE) {
            uint8_t bytes[256];
            memcpy(bytes, event.bytes, event.size);
            TN_ASSERT(link_send(nodes[1].link, 0, TN_PRIORITY_VOTE, bytes, event.size) ==
                      LINK_SENT);
            link_flush(nodes[1].link);
        } else {
            atomic_fetch_add(&arrived, 1);
        }
    }
    return NULL;
}

static void wait_for(enum link_event_kind kind)
{
    struct link_event event;
    do {
        link_poll(nodes[0].link, &event, 1000);
        TN_ASSERT(event.kind != LINK_DOWN);
    } while (event.kind != kind);
}

static void print_latency(const char *name, uint32_t *ns, uint64_t cpu_ns)
{
    bench_json_open(name);
    bench_json_u64("bytes", SMALL);
    bench_json_double("cpu_ns_both_ends", (double)cpu_ns / rounds);
    bench_json_latency(ns, rounds, 1);
    bench_json_close();
}

static void link_round_trips(uint32_t *ns)
{
    uint8_t bytes[SMALL] = {TN_PEER_VOTE};
    uint64_t cpu_ns = bench_cpu_ns();
    for (uint32_t i = 0; i < rounds; i++) {
        uint64_t begin = bench_clock_ns();
        TN_ASSERT(link_send(nodes[0].link, 1, TN_PRIORITY_VOTE, bytes, SMALL) == LINK_SENT);
        wait_for(LINK_MESSAGE);
        ns[i] = (uint32_t)(bench_clock_ns() - begin);
    }
    print_latency("link_round_trip", ns, bench_cpu_ns() - cpu_ns);
}

static void print_one_way(const char *name, uint64_t ns, uint64_t cpu_ns, uint64_t count,
                          uint32_t size)
{
    bench_json_open(name);
    bench_json_u64("bytes", size);
    bench_json_u64("messages", count);
    bench_json_double("cpu_ns_both_ends", (double)cpu_ns / (double)count);
    bench_json_double("messages_per_second", (double)count * 1e9 / (double)ns);
    bench_json_double("megabytes_per_second", (double)count * size * 1e3 / (double)ns);
    bench_json_close();
}

/* Sends as fast as the link takes, until all arrived. */
static void link_one_way(const char *name, enum tn_priority priority, uint32_t size, uint64_t count)
{
    static uint8_t bytes[LARGE];
    struct link_event event;
    uint64_t sent = 0;
    bytes[0] = priority == TN_PRIORITY_VOTE ? TN_PEER_HEADS : TN_PEER_BATCH;
    atomic_store(&arrived, 0);
    uint64_t cpu_ns = bench_cpu_ns();
    uint64_t begin = bench_clock_ns();
    while (atomic_load(&arrived) < count) {
        while (sent < count && link_send(nodes[0].link, 1, priority, bytes, size) == LINK_SENT)
            sent++;
        link_poll(nodes[0].link, &event, 1);
        TN_ASSERT(event.kind == LINK_NOTHING);
    }
    if (name != NULL)
        print_one_way(name, bench_clock_ns() - begin, bench_cpu_ns() - cpu_ns, count, size);
}

/* The machine's own: a blocking socket at each end. */
static int raw[2];

static void open_raw(void)
{
    int one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    TN_ASSERT(bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 1) == 0);
    TN_ASSERT(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
    raw[0] = socket(AF_INET, SOCK_STREAM, 0);
    TN_ASSERT(connect(raw[0], (struct sockaddr *)&address, size) == 0);
    raw[1] = accept(listener, NULL, NULL);
    TN_ASSERT(raw[1] >= 0);
    for (uint32_t i = 0; i < 2; i++)
        setsockopt(raw[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    close(listener);
}

static bool receive_all(int fd, uint8_t *bytes, size_t size)
{
    return recv(fd, bytes, size, MSG_WAITALL) == (ssize_t)size;
}

static void *answer_raw(void *unused)
{
    static uint8_t bytes[LARGE];
    (void)unused;
    for (uint32_t i = 0; i < rounds; i++)
        TN_ASSERT(receive_all(raw[1], bytes, SMALL) && send(raw[1], bytes, SMALL, 0) == SMALL);
    for (uint32_t i = 0; i < large_count; i++)
        TN_ASSERT(receive_all(raw[1], bytes, LARGE));
    TN_ASSERT(send(raw[1], bytes, 1, 0) == 1);
    return NULL;
}

static void bench_raw(uint32_t *ns)
{
    static uint8_t bytes[LARGE];
    pthread_t thread;
    open_raw();
    uint64_t cpu_ns = bench_cpu_ns();
    TN_ASSERT(pthread_create(&thread, NULL, answer_raw, NULL) == 0);
    for (uint32_t i = 0; i < rounds; i++) {
        uint64_t begin = bench_clock_ns();
        TN_ASSERT(send(raw[0], bytes, SMALL, 0) == SMALL && receive_all(raw[0], bytes, SMALL));
        ns[i] = (uint32_t)(bench_clock_ns() - begin);
    }
    print_latency("raw_tcp_round_trip", ns, bench_cpu_ns() - cpu_ns);
    cpu_ns = bench_cpu_ns();
    uint64_t begin = bench_clock_ns();
    for (uint32_t i = 0; i < large_count; i++)
        TN_ASSERT(send(raw[0], bytes, LARGE, 0) == (ssize_t)LARGE);
    TN_ASSERT(receive_all(raw[0], bytes, 1));
    print_one_way("raw_tcp_bytes", bench_clock_ns() - begin, bench_cpu_ns() - cpu_ns, large_count,
                  LARGE);
    pthread_join(thread, NULL);
    close(raw[0]);
    close(raw[1]);
}

int main(int argc, char **argv)
{
    static uint32_t ns[ROUNDS];
    pthread_t thread;
    bool quick = false;
    const struct bench_option options[] = {BENCH_OPTION_QUICK(&quick)};
    bench_options_read("bench_link", options, 1, argc, argv);
    if (quick) {
        rounds /= 20;
        burst /= 20;
        large_count /= 20;
    }
    bench_raw(ns);
    open_node(0);
    open_node(1);
    meet(0);
    meet(1);
    uint64_t begin = bench_clock_ns();
    TN_ASSERT(pthread_create(&thread, NULL, answer, NULL) == 0);
    wait_for(LINK_UP);
    bench_json_open("link_up");
    bench_json_double("ms", (double)(bench_clock_ns() - begin) / 1e6);
    bench_json_close();
    link_one_way(NULL, TN_PRIORITY_VOTE, SMALL, 1000); /* both ends are up and warm */
    link_round_trips(ns);
    link_one_way("link_messages", TN_PRIORITY_VOTE, SMALL, burst);
    link_one_way("link_bytes", TN_PRIORITY_BATCH, LARGE, large_count);
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    link_close(nodes[0].link);
    link_close(nodes[1].link);
    return 0;
}
