/* logger: the node's words, one line an event, to standard error.
 *
 * Logfmt on a terminal, JSON lines otherwise. A line is formatted on the caller's stack, copied
 * into a bounded ring and written by a thread: nobody waits for a pipe that nobody reads. What
 * finds no room is dropped and counted, and the next line that gets through says how many. No
 * allocation a line. Before logger_open (and after logger_close) the words alone are written at
 * once, by the caller.
 *
 * The text of an event is logfmt: words key=value, values with spaces in quotes: msg first, so
 *     logger_say(LOGGER_LINK, LOGGER_INFO, "msg=peer_up peer=%u", peer);
 * Never a secret. Any thread may call. */
#ifndef NODE_LOGGER_LOGGER_H
#define NODE_LOGGER_LOGGER_H

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Each has a level of its own. */
#define LOGGER_MODULE_TABLE(X)                                                                     \
    X(NODE, "node", "blocks, terms, markets, the life of the process")                             \
    X(LINK, "link", "peers")                                                                       \
    X(SYNC, "sync", "taking the state from peers")                                                 \
    X(STORE, "store", "log, store, disk")                                                          \
    X(GATEWAY, "gateway", "clients over TLS")                                                      \
    X(FEED, "feed", "market data")                                                                 \
    X(HTTP, "http", "metrics and health")

enum logger_module {
#define X(name, text, help) LOGGER_##name,
    LOGGER_MODULE_TABLE(X)
#undef X
        LOGGER_MODULES /* how many */
};

enum logger_level { LOGGER_ERROR, LOGGER_WARN, LOGGER_INFO, LOGGER_DEBUG, LOGGER_LEVELS };

enum logger_format { LOGGER_AUTO, LOGGER_LOGFMT, LOGGER_JSON };

#define LOGGER_LINE_SIZE 2048u /* a longer line is cut, and says so */
#define LOGGER_LINES_MAX 512u  /* of the ring */

/* Starts the thread that writes to `descriptor` (standard error: 2). AUTO asks whether that is a
 * terminal. False: no thread or no memory; lines are written at once then. */
bool logger_open(int descriptor, enum logger_format format);
/* Writes what waits, for at most wait_ms, and ends the thread. */
void logger_close(int64_t wait_ms);
/* Waits until all that was said before is written, at most wait_ms. For a process that dies. */
bool logger_flush(int64_t wait_ms);

void logger_set_level(enum logger_module module, enum logger_level level);
/* All are at INFO at first. */
extern _Atomic uint8_t logger_levels[LOGGER_MODULES];
static inline bool logger_is_on(enum logger_module module, enum logger_level level)
{
    return level <= atomic_load_explicit(&logger_levels[module], memory_order_relaxed);
}

void logger_say(enum logger_module module, enum logger_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void logger_say_list(enum logger_module module, enum logger_level level, const char *format,
                     va_list arguments) __attribute__((format(printf, 3, 0)));
/* A sentence for people instead of words: level=error msg=complaint why="…"; before logger_open
 * plainly "tenord: …". */
void logger_complain(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

struct logger_counters {
    uint64_t lines, dropped, cut; /* dropped: no room in the ring; cut: too long */
    uint64_t failed;              /* the descriptor refused them */
};
void logger_counters(struct logger_counters *counters);

#endif
