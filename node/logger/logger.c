/* The logger's ring and thread.
 *
 * The ring takes lines of any thread without a lock: a slot's turn says whose it is (a writer takes
 * the slot whose turn is its ticket, a full ring is one where the turn is a round behind). The
 * thread gathers lines up to what a pipe takes whole, waits until the descriptor can be written,
 * and writes; only it ever waits for the descriptor. A process that ends does not wait for ever: a
 * thread that is stuck in a write is left behind. */
#include "logger/logger.h"

#include "logger/line.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    BATCH_SIZE = 4096, /* PIPE_BUF: a pipe that can be written takes it whole */
    LOOK_MS = 100,     /* how often a thread that waits looks whether it is to end */
    WAIT_STEP_US = 1000,
};
_Static_assert(LOGGER_LINE_SIZE <= BATCH_SIZE, "a line fits a batch");

struct slot {
    _Atomic uint64_t turn;
    uint32_t size;
    char text[LOGGER_LINE_SIZE];
};

/* One a process, as standard error is. */
static struct {
    struct slot *slots; /* NULL: lines are written at once */
    _Atomic uint64_t taken, written;
    _Atomic uint64_t lines, dropped, cut, failed;
    _Atomic bool is_open, is_sleeping, is_ending, is_ended, is_stuck;
    _Atomic int descriptor; /* 2 before logger_open */
    int waker;
    bool is_json;
    pthread_t thread;
} logger = {.descriptor = STDERR_FILENO, .waker = -1};

_Atomic uint8_t logger_levels[LOGGER_MODULES] = {
#define X(name, text, help) LOGGER_INFO,
    LOGGER_MODULE_TABLE(X)
#undef X
};

void logger_set_level(enum logger_module module, enum logger_level level)
{
    atomic_store_explicit(&logger_levels[module], (uint8_t)level, memory_order_relaxed);
}

static void count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* ---- The ring ----------------------------------------------------------------------------------
 */

/* False: there is no room. */
static bool put_line(const char *text, size_t size)
{
    uint64_t ticket = atomic_load_explicit(&logger.taken, memory_order_relaxed);
    struct slot *slot;
    for (;;) {
        slot = &logger.slots[ticket % LOGGER_LINES_MAX];
        uint64_t turn = atomic_load_explicit(&slot->turn, memory_order_acquire);
        if (turn == ticket) {
            if (atomic_compare_exchange_weak_explicit(&logger.taken, &ticket, ticket + 1,
                                                      memory_order_relaxed, memory_order_relaxed)) {
                break;
            }
        } else if (turn < ticket) {
            return false;
        } else {
            ticket = atomic_load_explicit(&logger.taken, memory_order_relaxed);
        }
    }
    memcpy(slot->text, text, size);
    slot->size = (uint32_t)size;
    atomic_store_explicit(&slot->turn, ticket + 1, memory_order_seq_cst);
    return true;
}

static void wake(void)
{
    uint64_t one = 1;
    if (atomic_exchange(&logger.is_sleeping, false)) {
        ssize_t put = write(logger.waker, &one, sizeof one);
        (void)put; /* a full eventfd wakes as well */
    }
}

/* The slot that is next to be written; NULL: none is there. */
static struct slot *next_slot(uint64_t at)
{
    struct slot *slot = &logger.slots[at % LOGGER_LINES_MAX];
    return atomic_load(&slot->turn) == at + 1 ? slot : NULL;
}

/* ---- The thread --------------------------------------------------------------------------------
 */

static bool wait_writable(void)
{
    while (!atomic_load(&logger.is_ended)) {
        struct pollfd wanted = {.fd = atomic_load(&logger.descriptor), .events = POLLOUT};
        int ready = poll(&wanted, 1, LOOK_MS);
        if (ready > 0 && (wanted.revents & POLLOUT) != 0) return true;
        if (ready > 0) return false; /* nobody is at the other end */
        if (ready < 0 && errno != EINTR) return false;
    }
    return false;
}

static void write_batch(const char *bytes, size_t size, uint64_t lines)
{
    while (size > 0) {
        if (!wait_writable()) break;
        ssize_t put = write(atomic_load(&logger.descriptor), bytes, size);
        if (put < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (put < 0) break;
        bytes += put;
        size -= (size_t)put;
    }
    if (size > 0) atomic_fetch_add_explicit(&logger.failed, lines, memory_order_relaxed);
}

static size_t write_dropped(char *bytes, uint64_t *said)
{
    char words[64];
    uint64_t dropped = atomic_load_explicit(&logger.dropped, memory_order_relaxed);
    if (dropped == *said) return 0;
    snprintf(words, sizeof words, "msg=log_dropped lines=%llu",
             (unsigned long long)(dropped - *said));
    *said = dropped;
    bool is_cut;
    return line_make(bytes, &is_cut, logger.is_json, LOGGER_NODE, LOGGER_WARN, words);
}

/* Writes what waits. */
static void drain(uint64_t *said)
{
    static char batch[BATCH_SIZE + LOGGER_LINE_SIZE];
    uint64_t at = atomic_load_explicit(&logger.written, memory_order_relaxed);
    struct slot *slot = next_slot(at);
    while (slot != NULL) {
        size_t size = write_dropped(batch, said);
        uint64_t first = at;
        while (slot != NULL && size + slot->size <= BATCH_SIZE) {
            memcpy(batch + size, slot->text, slot->size);
            size += slot->size;
            atomic_store_explicit(&slot->turn, at + LOGGER_LINES_MAX, memory_order_release);
            slot = next_slot(++at);
        }
        write_batch(batch, size, at - first);
        atomic_store(&logger.written, at);
    }
}

static void *run(void *context)
{
    uint64_t said = 0;
    (void)context;
    while (!atomic_load(&logger.is_ended)) {
        drain(&said);
        atomic_store(&logger.is_sleeping, true);
        if (next_slot(atomic_load(&logger.written)) != NULL) continue;
        if (atomic_load(&logger.is_ending)) break;
        struct pollfd wanted = {.fd = logger.waker, .events = POLLIN};
        uint64_t news;
        if (poll(&wanted, 1, -1) > 0) {
            ssize_t got = read(logger.waker, &news, sizeof news);
            (void)got;
        }
    }
    atomic_store(&logger.is_ended, true);
    return NULL;
}

/* ---- Saying ------------------------------------------------------------------------------------
 */

static void write_now(const char *text, size_t size)
{
    struct pollfd wanted = {.fd = atomic_load(&logger.descriptor), .events = POLLOUT};
    if (atomic_load(&logger.is_stuck) && poll(&wanted, 1, 0) != 1) {
        count(&logger.dropped);
        return;
    }
    while (size > 0) {
        ssize_t put = write(wanted.fd, text, size);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) {
            count(&logger.failed);
            return;
        }
        text += put;
        size -= (size_t)put;
    }
}

static void say(enum logger_module module, enum logger_level level, const char *words)
{
    char line[LOGGER_LINE_SIZE];
    bool is_cut;
    count(&logger.lines);
    if (!atomic_load_explicit(&logger.is_open, memory_order_acquire)) {
        int length = snprintf(line, sizeof line, "%.*s\n", (int)sizeof line - 2, words);
        write_now(line, (size_t)length);
        return;
    }
    size_t size = line_make(line, &is_cut, logger.is_json, module, level, words);
    if (is_cut) count(&logger.cut);
    if (put_line(line, size)) {
        wake();
    } else {
        count(&logger.dropped);
    }
}

void logger_say_list(enum logger_module module, enum logger_level level, const char *format,
                     va_list arguments)
{
    char words[LOGGER_LINE_SIZE];
    if (!logger_is_on(module, level)) return;
    if (vsnprintf(words, sizeof words, format, arguments) >= 0) say(module, level, words);
}

void logger_say(enum logger_module module, enum logger_level level, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    logger_say_list(module, level, format, arguments);
    va_end(arguments);
}

void logger_complain(const char *format, va_list arguments)
{
    static const char plain[] = "tenord: ";
    char sentence[LOGGER_LINE_SIZE], words[LOGGER_LINE_SIZE];
    if (atomic_load_explicit(&logger.is_open, memory_order_acquire)) {
        if (vsnprintf(sentence, sizeof sentence, format, arguments) < 0) return;
        line_quote(words, sizeof words, "msg=complaint why=", sentence);
        say(LOGGER_NODE, LOGGER_ERROR, words);
        return;
    }
    memcpy(sentence, plain, sizeof plain);
    int length =
        vsnprintf(sentence + sizeof plain - 1, sizeof sentence - sizeof plain, format, arguments);
    if (length < 0) return;
    size_t size = strlen(sentence);
    sentence[size++] = '\n';
    write_now(sentence, size);
}

void logger_counters(struct logger_counters *counters)
{
    *counters = (struct logger_counters){
        .lines = atomic_load_explicit(&logger.lines, memory_order_relaxed),
        .dropped = atomic_load_explicit(&logger.dropped, memory_order_relaxed),
        .cut = atomic_load_explicit(&logger.cut, memory_order_relaxed),
        .failed = atomic_load_explicit(&logger.failed, memory_order_relaxed)};
}

/* ---- Life --------------------------------------------------------------------------------------
 */

bool logger_open(int descriptor, enum logger_format format)
{
    if (atomic_load(&logger.is_open) || logger.slots != NULL) return false;
    logger.slots = calloc(LOGGER_LINES_MAX, sizeof *logger.slots);
    logger.waker = eventfd(0, EFD_CLOEXEC);
    if (logger.slots == NULL || logger.waker < 0) {
        free(logger.slots);
        logger.slots = NULL;
        if (logger.waker >= 0) close(logger.waker);
        return false;
    }
    for (uint64_t i = 0; i < LOGGER_LINES_MAX; i++)
        atomic_store_explicit(&logger.slots[i].turn, i, memory_order_relaxed);
    atomic_store(&logger.taken, 0);
    atomic_store(&logger.written, 0);
    atomic_store(&logger.descriptor, descriptor);
    atomic_store(&logger.is_ending, false);
    atomic_store(&logger.is_ended, false);
    logger.is_json = format == LOGGER_JSON || (format == LOGGER_AUTO && !isatty(descriptor));
    sigset_t all, before; /* signals are for the thread that opened the log */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int why = pthread_create(&logger.thread, NULL, run, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (why != 0) {
        free(logger.slots);
        close(logger.waker);
        logger.slots = NULL;
        return false;
    }
    atomic_store_explicit(&logger.is_open, true, memory_order_release);
    return true;
}

static bool wait_until(bool (*is_done)(uint64_t), uint64_t goal, int64_t wait_ms)
{
    const struct timespec step = {.tv_nsec = WAIT_STEP_US * 1000};
    for (int64_t waited_us = 0; !is_done(goal); waited_us += WAIT_STEP_US) {
        if (waited_us >= wait_ms * 1000) return false;
        nanosleep(&step, NULL);
    }
    return true;
}

static bool is_written(uint64_t goal)
{
    return atomic_load(&logger.written) >= goal;
}

static bool has_ended(uint64_t goal)
{
    (void)goal;
    return atomic_load(&logger.is_ended);
}

bool logger_flush(int64_t wait_ms)
{
    if (!atomic_load(&logger.is_open)) return true;
    return wait_until(is_written, atomic_load(&logger.taken), wait_ms);
}

void logger_close(int64_t wait_ms)
{
    uint64_t one = 1;
    if (!atomic_exchange(&logger.is_open, false)) return;
    atomic_store(&logger.is_ending, true);
    ssize_t put = write(logger.waker, &one, sizeof one);
    (void)put;
    if (!wait_until(has_ended, 0, wait_ms)) {
        /* It waits for a reader, or is in a write that nobody ends: then only the process can. */
        atomic_store(&logger.is_ended, true);
        atomic_store(&logger.is_stuck, true);
        pthread_detach(logger.thread);
        return;
    }
    pthread_join(logger.thread, NULL);
    close(logger.waker);
    free(logger.slots);
    logger.slots = NULL;
}
