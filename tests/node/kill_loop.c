/* kill_loop: a real node on a real disk, killed (SIGKILL) again and again at random moments, while
 * it starts, recovers, takes entries and writes its store. After each round it must come back by
 * itself with every entry that it had acknowledged; at the end its root must be that of a replica
 * that executed the same entries without any crash, its store must check, and a replay of all
 * blocks must agree.
 *
 * usage: kill_loop TENORD MAKE_ENTRIES [ROUNDS] [SEED] */
#include "tenor/replica.h"
#include "tenor/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    BLOCK_ENTRIES = 8,
    CHECKPOINT_BLOCKS = 3,
    ENTRIES_PER_ROUND = 400,
    WINDOW = 64,
    TEXT = 8192,
    WAIT_MS = 60000,
};

static const char *tenord, *make_entries;
static char folder[128], home[192], entries_path[192], genesis_path[192], socket_path[192];
static uint64_t seed, randomness;

/* The entries that there are to send: bytes behind their lengths. */
static uint8_t *stream;
static size_t *starts; /* of each entry's length */
static uint64_t entries_count;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr,
            "kill_loop: %s (%s)\nits files are in %s; to repeat: kill_loop TENORD MAKE_ENTRIES "
            "200 %" PRIu64 "\n",
            what, strerror(errno), folder, seed);
    exit(1);
}

static void sleep_us(uint64_t microseconds)
{
    struct timespec pause = {.tv_sec = (time_t)(microseconds / 1000000),
                             .tv_nsec = (long)(microseconds % 1000000) * 1000};
    nanosleep(&pause, NULL);
}

static uint32_t get_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void load_entries(void)
{
    struct stat about;
    int file = open(entries_path, O_RDONLY);
    if (file < 0 || fstat(file, &about) != 0) fail("no entries");
    size_t size = (size_t)about.st_size;
    stream = malloc(size);
    starts = malloc((size / 5 + 2) * sizeof *starts);
    if (stream == NULL || starts == NULL || read(file, stream, size) != (ssize_t)size) {
        fail("entries do not read");
    }
    close(file);
    for (size_t at = 0; at < size; at += 4 + get_u32(stream + at))
        starts[entries_count++] = at;
    starts[entries_count] = size;
}

/* ---- The node ----------------------------------------------------------------------------------
 */

struct node {
    pid_t process;
    int errors; /* its standard error */
    char text[TEXT];
    size_t text_size;
};

static void start_node(struct node *node)
{
    int ends[2];
    if (pipe(ends) != 0) fail("no pipe");
    *node = (struct node){.errors = ends[0]};
    node->process = fork();
    if (node->process < 0) fail("no process");
    if (node->process == 0) {
        char block[16], checkpoint[16];
        snprintf(block, sizeof block, "%d", BLOCK_ENTRIES);
        snprintf(checkpoint, sizeof checkpoint, "%d", CHECKPOINT_BLOCKS);
        dup2(ends[1], 2);
        close(ends[0]);
        close(ends[1]);
        execl(tenord, tenord, "run", "--solo", "--quiet", "--archive", "--home", home, "--listen",
              socket_path, "--block-entries", block, "--checkpoint-blocks", checkpoint,
              "--segment-bytes", "65536", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
}

/* Waits until the node has said `word`; the rest of its line after it, or NULL when it ended. */
static const char *wait_for(struct node *node, const char *word)
{
    for (;;) {
        node->text[node->text_size] = '\0';
        char *at = strstr(node->text, word);
        if (at != NULL && strchr(at, '\n') != NULL) return at + strlen(word);
        if (node->text_size >= TEXT - 1) fail("the node talks too much");
        struct pollfd wanted = {.fd = node->errors, .events = POLLIN};
        if (poll(&wanted, 1, WAIT_MS) <= 0) fail("the node says nothing");
        ssize_t got = read(node->errors, node->text + node->text_size, TEXT - 1 - node->text_size);
        if (got <= 0) return NULL;
        node->text_size += (size_t)got;
    }
}

static void end_node(struct node *node, int number)
{
    int status;
    kill(node->process, number);
    if (waitpid(node->process, &status, 0) != node->process) fail("the node does not end");
    bool is_killed = number == SIGKILL && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    bool is_done = number == SIGTERM && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!is_killed && !is_done) {
        node->text[node->text_size] = '\0';
        fprintf(stderr, "%s", node->text);
        fail("the node ended by itself, or badly");
    }
    close(node->errors);
}

/* ---- The client --------------------------------------------------------------------------------
 */

static int connect_to_node(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, socket_path, strlen(socket_path));
    int client = socket(AF_UNIX, SOCK_STREAM, 0);
    if (client < 0 || connect(client, (struct sockaddr *)&address, sizeof address) != 0) {
        fail("no connection");
    }
    return client;
}

/* Sends from `first` on until the node is killed, by a process of its own, at some moment; what was
 * acknowledged before the connection broke is returned. */
static uint64_t feed_until_killed(struct node *node, uint64_t first)
{
    int client = connect_to_node();
    uint64_t answered = first, sent = first;
    uint64_t after_us = tn_random_below(&randomness, 12000);
    pid_t killer = fork();
    if (killer == 0) {
        sleep_us(after_us);
        kill(node->process, SIGKILL);
        _exit(0);
    }
    for (;;) {
        uint64_t next = sent + WINDOW < entries_count ? sent + WINDOW : entries_count;
        size_t size = starts[next] - starts[sent];
        if (size == 0 || send(client, stream + starts[sent], size, MSG_NOSIGNAL) != (ssize_t)size) {
            break;
        }
        sent = next;
        uint8_t length[4];
        while (answered < sent) {
            static uint8_t answer[1 << 20];
            if (recv(client, length, 4, MSG_WAITALL) != 4) break;
            uint32_t left = get_u32(length);
            while (left > 0) {
                uint32_t part = left < sizeof answer ? left : (uint32_t)sizeof answer;
                if (recv(client, answer, part, MSG_WAITALL) != (ssize_t)part) break;
                left -= part;
            }
            if (left > 0) break;
            answered++;
        }
        if (answered < sent) break;
    }
    close(client);
    waitpid(killer, NULL, 0);
    return answered;
}

/* ---- The same without crashes ------------------------------------------------------------------
 */

static int run_program(const char *const arguments[], const char *out)
{
    pid_t program = fork();
    if (program == 0) {
        int file = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (file < 0 || dup2(file, 1) < 0 || dup2(file, 2) < 0) _exit(126);
        execv(arguments[0], (char *const *)arguments);
        _exit(127);
    }
    int status;
    if (program < 0 || waitpid(program, &status, 0) != program || !WIFEXITED(status)) {
        fail("a program did not run");
    }
    return WEXITSTATUS(status);
}

static void must_run(const char *const arguments[], char text[TEXT])
{
    char out[256];
    snprintf(out, sizeof out, "%s/out", folder);
    int end = run_program(arguments, out);
    int file = open(out, O_RDONLY);
    ssize_t size = file < 0 ? 0 : read(file, text, TEXT - 1);
    text[size < 0 ? 0 : size] = '\0';
    close(file);
    if (end != 0) {
        fprintf(stderr, "%s %s: ends with %d\n%s", arguments[0], arguments[1], end, text);
        fail("a program refuses");
    }
}

static void make_file(uint64_t count, const char *path)
{
    char seed_text[32], count_text[32], text[TEXT];
    snprintf(seed_text, sizeof seed_text, "%" PRIu64, seed);
    snprintf(count_text, sizeof count_text, "%" PRIu64, count);
    const char *const arguments[] = {make_entries, "--seed", seed_text,   "--count",    count_text,
                                     "--out",      path,     "--genesis", genesis_path, NULL};
    must_run(arguments, text);
}

/* The line of `tenord db stats` that begins with this. */
static void take_line(char line[TEXT], const char *of_home, const char *name)
{
    char text[TEXT];
    const char *const arguments[] = {tenord, "db", "stats", "--home", of_home, NULL};
    must_run(arguments, text);
    const char *at = strstr(text, name);
    if (at == NULL) fail("db stats lacks a line");
    size_t length = strcspn(at, "\n");
    memcpy(line, at, length);
    line[length] = '\0';
}

static void compare_with_calm_run(uint64_t entries)
{
    char calm[192], path[192], text[TEXT], here[TEXT], there[TEXT], block[16], checkpoint[16];
    snprintf(calm, sizeof calm, "%s/calm", folder);
    snprintf(path, sizeof path, "%s/prefix", folder);
    snprintf(block, sizeof block, "%d", BLOCK_ENTRIES);
    snprintf(checkpoint, sizeof checkpoint, "%d", CHECKPOINT_BLOCKS);
    if (mkdir(calm, 0700) != 0) fail("no folder");
    snprintf(genesis_path, sizeof genesis_path, "%s/calm/genesis.conf", folder);
    make_file(entries, path);
    const char *const arguments[] = {tenord,
                                     "run",
                                     "--solo",
                                     "--quiet",
                                     "--home",
                                     calm,
                                     "--entries",
                                     path,
                                     "--block-entries",
                                     block,
                                     "--checkpoint-blocks",
                                     checkpoint,
                                     NULL};
    must_run(arguments, text);
    const char *const names[] = {"height", "root"};
    for (int i = 0; i < 2; i++) {
        take_line(here, home, names[i]);
        take_line(there, calm, names[i]);
        if (strcmp(here, there) != 0) {
            fprintf(stderr, "killed: %s\ncalm:   %s\n", here, there);
            fail("the crashes left a mark");
        }
    }
}

/* ---- Rounds ------------------------------------------------------------------------------------
 */

/* Starts the node; false when it was killed (by us) before it was ready. `entries` is what it says
 * that it has. */
static bool bring_up(struct node *node, uint64_t *entries, bool kill_early)
{
    start_node(node);
    if (kill_early) {
        sleep_us(tn_random_below(&randomness, 15000));
        end_node(node, SIGKILL);
        return false;
    }
    const char *ready = wait_for(node, "msg=ready");
    const char *count = ready == NULL ? NULL : strstr(ready, " entries=");
    if (count == NULL || wait_for(node, "msg=listening") == NULL) {
        node->text[node->text_size] = '\0';
        fprintf(stderr, "%s", node->text);
        fail("the node does not come back");
    }
    *entries = strtoull(count + strlen(" entries="), NULL, 10);
    return true;
}

static void must_have(uint64_t entries, uint64_t acknowledged)
{
    if (entries >= acknowledged) return;
    fprintf(stderr, "acknowledged %" PRIu64 ", came back with %" PRIu64 "\n", acknowledged,
            entries);
    fail("an acknowledged entry is lost");
}

static void prepare(uint64_t rounds)
{
    snprintf(folder, sizeof folder, "/var/tmp/tenor-kill-XXXXXX");
    if (mkdtemp(folder) == NULL) fail("no folder");
    snprintf(home, sizeof home, "%s/home", folder);
    snprintf(entries_path, sizeof entries_path, "%s/entries", folder);
    snprintf(genesis_path, sizeof genesis_path, "%s/home/genesis.conf", folder);
    snprintf(socket_path, sizeof socket_path, "%s/socket", folder);
    if (mkdir(home, 0700) != 0) fail("no home");
    make_file((rounds + 1) * ENTRIES_PER_ROUND, entries_path);
    load_entries();
}

static void clean_up(void)
{
    char out[] = "/dev/null";
    const char *const arguments[] = {"/bin/rm", "-rf", folder, NULL};
    if (run_program(arguments, out) != 0) fail("files are left behind");
}

int main(int arguments_count, char **arguments)
{
    if (arguments_count < 3) return 2;
    tenord = arguments[1];
    make_entries = arguments[2];
    uint64_t rounds = arguments_count > 3 ? strtoull(arguments[3], NULL, 10) : 200;
    seed = arguments_count > 4 ? strtoull(arguments[4], NULL, 10) : 1;
    randomness = seed;
    signal(SIGPIPE, SIG_IGN);
    prepare(rounds);
    uint64_t acknowledged = 0, entries = 0, early = 0;
    struct node node;
    for (uint64_t round = 0; round < rounds; round++) {
        bool kill_early = tn_random_below(&randomness, 5) == 0;
        early += kill_early;
        if (!bring_up(&node, &entries, kill_early)) continue;
        must_have(entries, acknowledged);
        acknowledged = feed_until_killed(&node, entries);
        end_node(&node, SIGKILL);
    }
    bring_up(&node, &entries, false);
    must_have(entries, acknowledged);
    end_node(&node, SIGTERM);
    compare_with_calm_run(entries);
    char text[TEXT];
    const char *const check[] = {tenord, "db", "check", "--home", home, NULL};
    const char *const replay[] = {tenord, "replay", "--verify", "--home", home, NULL};
    must_run(check, text);
    must_run(replay, text);
    printf("%" PRIu64 " rounds, %" PRIu64 " killed while starting, %" PRIu64
           " entries, none lost: %s",
           rounds, early, entries, text);
    clean_up();
    return 0;
}
