/* tcp_relay: a bad network between two programs that speak TCP.
 *
 *   tcp_relay LISTEN TARGET [KEY=VALUE ...] [control=PATH]
 *
 * Every connection to LISTEN (host:port) is passed on to TARGET. TCP below must stay in order, so
 * what is delayed or held back is the bytes of one connection, in order; *between* connections the
 * order changes by jitter. The settings hold from the moment they are set:
 *
 *   delay_ms=N    each byte arrives so much later, both ways
 *   jitter_ms=N   each connection and direction waits up to so much more, drawn anew every 100 ms
 *   rate=N        bytes a second of each connection and direction; 0: no limit
 *   stall=0|1     1: nothing is passed on, connections stay open (a dead network)
 *   reset=N       now: N of the open connections, the oldest first, end with a reset; all: all
 *   reset_ppm=N   a connection is reset with this chance in a million for each piece passed on
 *   refuse=0|1    1: new connections are closed at once
 *   seed=N        of what is drawn
 *
 * With control=PATH the same words, one line at a time, are taken at a Unix socket there; it
 * answers each line with the number of open connections and the bytes passed. A piece of at most 64
 * KiB is read only when there is room for it, so the sender feels the pressure. */
#define _GNU_SOURCE /* accept4 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tenor/base.h"

#define RELAYS_MAX   256
#define PIECES_MAX   64
#define PIECE_BYTES  65536
#define QUEUED_BYTES (1u << 20)

/* What was read and is due later. */
struct piece {
    int64_t due_us;
    uint32_t size, sent;
    uint8_t *bytes;
};

/* One direction of one connection. */
struct way {
    int from, to;
    bool ended; /* the sender is done; said to the receiver when all is passed on */
    bool end_told;
    struct piece pieces[PIECES_MAX];
    uint32_t first, count;
    uint32_t queued_bytes;
    int64_t free_us;  /* the rate lets the next byte through */
    int64_t last_due; /* of the latest piece: order is kept */
    int64_t jitter_us, jitter_until_us;
};

struct relay {
    uint64_t number;
    struct way ways[2];
    bool used;
};

static struct {
    int64_t delay_ms, jitter_ms, rate, reset_ppm;
    bool stall, refuse;
    uint64_t random;
} settings = {.random = 1};

static struct relay relays[RELAYS_MAX];
static uint64_t relays_made;
static uint64_t bytes_passed;
static struct sockaddr_storage target;
static socklen_t target_size;

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

_Noreturn static void die(const char *what, const char *on)
{
    fprintf(stderr, "tcp_relay: cannot %s %s: %s\n", what, on, strerror(errno));
    exit(1);
}

static void resolve(const char *text, struct sockaddr_storage *address, socklen_t *size)
{
    char host[256];
    const char *colon = strrchr(text, ':');
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found;
    if (colon == NULL || (size_t)(colon - text) >= sizeof host) die("understand", text);
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    if (getaddrinfo(host[0] == '\0' ? NULL : host, colon + 1, &hints, &found) != 0)
        die("resolve", text);
    memcpy(address, found->ai_addr, found->ai_addrlen);
    *size = found->ai_addrlen;
    freeaddrinfo(found);
}

static void close_relay(struct relay *relay, bool reset)
{
    int fds[2] = {relay->ways[0].from, relay->ways[1].from};
    for (uint32_t i = 0; i < 2; i++) {
        struct linger none = {.l_onoff = 1, .l_linger = 0};
        if (reset) setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &none, sizeof none);
        close(fds[i]);
        struct way *way = &relay->ways[i];
        for (; way->count > 0; way->count--) {
            free(way->pieces[way->first].bytes);
            way->first = (way->first + 1) % PIECES_MAX;
        }
    }
    relay->used = false;
}

static void reset_oldest(uint64_t count)
{
    while (count-- > 0) {
        struct relay *oldest = NULL;
        for (uint32_t i = 0; i < RELAYS_MAX; i++) {
            if (!relays[i].used) continue;
            if (oldest == NULL || relays[i].number < oldest->number) oldest = &relays[i];
        }
        if (oldest == NULL) return;
        close_relay(oldest, true);
    }
}

/* One KEY=VALUE; false: there is no such key. */
static bool set(const char *word)
{
    char key[32];
    const char *value = strchr(word, '=');
    if (value == NULL || (size_t)(value - word) >= sizeof key) return false;
    memcpy(key, word, (size_t)(value - word));
    key[value++ - word] = '\0';
    int64_t number = strtoll(value, NULL, 10);
    if (number < 0) return false;
    if (strcmp(key, "delay_ms") == 0)
        settings.delay_ms = number;
    else if (strcmp(key, "jitter_ms") == 0)
        settings.jitter_ms = number;
    else if (strcmp(key, "rate") == 0)
        settings.rate = number;
    else if (strcmp(key, "stall") == 0)
        settings.stall = number != 0;
    else if (strcmp(key, "refuse") == 0)
        settings.refuse = number != 0;
    else if (strcmp(key, "reset_ppm") == 0)
        settings.reset_ppm = number;
    else if (strcmp(key, "seed") == 0)
        settings.random = (uint64_t)number;
    else if (strcmp(key, "reset") == 0)
        reset_oldest(strcmp(value, "all") == 0 ? RELAYS_MAX : (uint64_t)number);
    else
        return false;
    return true;
}

static void accept_one(int listener)
{
    int one = 1;
    int from = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (from < 0) return;
    struct relay *relay = NULL;
    for (uint32_t i = 0; i < RELAYS_MAX && relay == NULL; i++)
        if (!relays[i].used) relay = &relays[i];
    int to = socket(target.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (relay == NULL || to < 0 || settings.refuse ||
        (connect(to, (struct sockaddr *)&target, target_size) < 0 && errno != EINPROGRESS)) {
        close(from);
        if (to >= 0) close(to);
        return;
    }
    setsockopt(from, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(to, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    memset(relay, 0, sizeof *relay);
    relay->used = true;
    relay->number = relays_made++;
    relay->ways[0].from = relay->ways[1].to = from;
    relay->ways[0].to = relay->ways[1].from = to;
}

static int64_t due_of(struct way *way, int64_t now)
{
    if (now >= way->jitter_until_us) {
        way->jitter_until_us = now + 100000;
        way->jitter_us =
            (int64_t)tn_random_below(&settings.random, (uint64_t)settings.jitter_ms * 1000 + 1);
    }
    int64_t due = now + settings.delay_ms * 1000 + way->jitter_us;
    if (due < way->last_due) due = way->last_due;
    way->last_due = due;
    return due;
}

static bool has_room(const struct way *way)
{
    return !way->ended && way->count < PIECES_MAX && way->queued_bytes < QUEUED_BYTES;
}

/* False: the connection broke. */
static bool take_in(struct way *way, int64_t now)
{
    uint8_t *bytes = malloc(PIECE_BYTES);
    if (bytes == NULL) return false;
    ssize_t size = recv(way->from, bytes, PIECE_BYTES, 0);
    if (size <= 0) {
        bool broke = size < 0 && errno != EAGAIN && errno != EINTR;
        free(bytes);
        if (size == 0) way->ended = true;
        return !broke;
    }
    struct piece *piece = &way->pieces[(way->first + way->count++) % PIECES_MAX];
    *piece = (struct piece){.due_us = due_of(way, now), .size = (uint32_t)size, .bytes = bytes};
    way->queued_bytes += (uint32_t)size;
    return true;
}

/* Passes on what is due; false: the connection broke. */
static bool pass_on(struct way *way, int64_t now)
{
    while (!settings.stall && way->count > 0) {
        struct piece *piece = &way->pieces[way->first];
        if (now < piece->due_us || now < way->free_us) return true;
        uint32_t size = piece->size - piece->sent;
        if (settings.rate > 0 && size > settings.rate / 100 + 1)
            size = (uint32_t)(settings.rate / 100 + 1);
        ssize_t sent = send(way->to, piece->bytes + piece->sent, size, MSG_NOSIGNAL);
        if (sent < 0) return errno == EAGAIN || errno == EINTR || errno == ENOTCONN;
        if (settings.rate > 0) {
            if (way->free_us < now - 10000) way->free_us = now - 10000;
            way->free_us += sent * 1000000 / settings.rate;
        }
        bytes_passed += (uint64_t)sent;
        piece->sent += (uint32_t)sent;
        way->queued_bytes -= (uint32_t)sent;
        if (piece->sent < piece->size) continue;
        free(piece->bytes);
        way->first = (way->first + 1) % PIECES_MAX;
        way->count--;
        if (tn_random_below(&settings.random, 1000000) < (uint64_t)settings.reset_ppm) return false;
    }
    if (way->ended && way->count == 0 && !way->end_told) {
        shutdown(way->to, SHUT_WR);
        way->end_told = true;
    }
    return true;
}

/* When this way wants to be looked at even if no socket says so. */
static int64_t wake_of(const struct way *way)
{
    if (settings.stall || way->count == 0) return INT64_MAX;
    int64_t due = way->pieces[way->first].due_us;
    return due > way->free_us ? due : way->free_us;
}

static void serve_control(int listener)
{
    char line[512];
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) return;
    struct timeval patience = {.tv_usec = 200000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ssize_t size = recv(fd, line, sizeof line - 1, 0);
    line[size < 0 ? 0 : size] = '\0';
    bool understood = true;
    char *rest = line;
    for (char *word = strtok_r(line, " \n", &rest); word != NULL;
         word = strtok_r(NULL, " \n", &rest))
        understood = set(word) && understood;
    uint32_t open = 0;
    for (uint32_t i = 0; i < RELAYS_MAX; i++)
        open += relays[i].used;
    dprintf(fd, "%s connections=%u bytes=%" PRIu64 "\n", understood ? "ok" : "unknown", open,
            bytes_passed);
    close(fd);
}

static void run_relay(struct relay *relay, short events[2], int64_t now)
{
    bool alive = true;
    for (uint32_t i = 0; i < 2 && alive; i++) {
        struct way *way = &relay->ways[i];
        if ((events[i] & (POLLIN | POLLHUP | POLLERR)) != 0 && has_room(way))
            alive = take_in(way, now);
        alive = alive && pass_on(way, now);
    }
    bool done = relay->ways[0].end_told && relay->ways[1].end_told;
    if (!alive || done) close_relay(relay, !alive);
}

static short events_of(const struct relay *relay, uint32_t side, int64_t now)
{
    short events = has_room(&relay->ways[side]) ? POLLIN : 0;
    if (wake_of(&relay->ways[1 - side]) <= now) events |= POLLOUT;
    return events;
}

static void turn(int listener, int control)
{
    struct pollfd fds[2 + 2 * RELAYS_MAX];
    uint32_t places[RELAYS_MAX];
    nfds_t count = 2;
    int64_t now = now_us();
    int64_t wake = now + 1000000;
    fds[0] = (struct pollfd){.fd = listener, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = control, .events = POLLIN};
    for (uint32_t i = 0; i < RELAYS_MAX; i++) {
        places[i] = (uint32_t)count;
        if (!relays[i].used) continue;
        for (uint32_t side = 0; side < 2; side++) {
            int64_t due = wake_of(&relays[i].ways[side]);
            if (due > now && due < wake) wake = due;
            short events = events_of(&relays[i], side, now);
            /* Without a wish not even a hang-up is waited for: it would be told at once, always. */
            int fd = events == 0 ? -1 : relays[i].ways[side].from;
            fds[count++] = (struct pollfd){.fd = fd, .events = events};
        }
    }
    if (poll(fds, count, (int)((wake - now + 999) / 1000)) < 0) return;
    now = now_us();
    for (uint32_t i = 0; i < RELAYS_MAX; i++) {
        if (!relays[i].used) continue;
        short events[2] = {fds[places[i]].revents, fds[places[i] + 1].revents};
        run_relay(&relays[i], events, now);
    }
    if (fds[1].revents != 0) serve_control(control);
    if (fds[0].revents != 0) accept_one(listener);
}

static int open_control(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (strlen(path) >= sizeof address.sun_path) die("use the long path", path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    unlink(path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 8) < 0)
        die("listen at", path);
    return fd;
}

int main(int argc, char **argv)
{
    struct sockaddr_storage address;
    socklen_t size;
    int one = 1;
    int control = -1;
    if (argc < 3) {
        fprintf(stderr, "usage: tcp_relay LISTEN TARGET [KEY=VALUE ...] [control=PATH]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    resolve(argv[1], &address, &size);
    resolve(argv[2], &target, &target_size);
    for (int i = 3; i < argc; i++) {
        if (strncmp(argv[i], "control=", 8) == 0) {
            control = open_control(argv[i] + 8);
        } else if (!set(argv[i])) {
            fprintf(stderr, "tcp_relay: unknown setting %s\n", argv[i]);
            return 2;
        }
    }
    int listener = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener >= 0) setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) < 0 ||
        listen(listener, 128) < 0)
        die("listen at", argv[1]);
    if (getsockname(listener, (struct sockaddr *)&address, &size) == 0) {
        /* The port is at one place in both families. */
        printf("port %u\n", ntohs(((struct sockaddr_in *)&address)->sin_port));
        fflush(stdout);
    }
    for (;;)
        turn(listener, control);
}
