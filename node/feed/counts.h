/* counts: what became of what a feed has sent. One thread counts; any thread may read. */
#ifndef NODE_FEED_COUNTS_H
#define NODE_FEED_COUNTS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* X(id, name, help): in the log as name=, on /metrics as tenor_feed_<name>_total. */
#define FEED_COUNT_TABLE(X)                                                                        \
    X(REPORTS, "reports", "Reports sent.")                                                         \
    X(GOVERNANCE, "governance", "Items of governance sent, to define markets.")                    \
    X(TAKEN, "taken", "Items that a node took, to stand in a block.")                              \
    X(KNOWN, "known", "Items that a node had already.")                                            \
    X(INVALID, "invalid", "Items that a node found wrong: the signature, the feeder, the value.")  \
    X(NO_ROOM, "no_room", "Items that found no room among those that wait, or came too late.")     \
    X(ERRORS, "errors", "Items that were answered by an error.")                                   \
    X(UNANSWERED, "unanswered", "Items without an answer when their connection ended.")            \
    X(SKIPPED, "skipped", "Reports not sent: their connection had no room, or there was none.")    \
    X(LOST, "lost", "Connections that ended or could not be made.")                                \
    X(LINES, "lines", "Lines read, of a history or a pipe.")                                       \
    X(LINES_REFUSED, "lines_refused", "Lines that were wrong.")

enum feed_count {
#define X(id, name, help) FEED_COUNT_##id,
    FEED_COUNT_TABLE(X)
#undef X
        FEED_COUNTS_COUNT
};

enum { FEED_ERRORS_MAX = 32 };

struct feed_error {
    _Atomic uint32_t code; /* 0: a row that is free, and so are those behind it */
    _Atomic uint64_t count;
};

struct feed_counts {
    _Atomic uint64_t of[FEED_COUNTS_COUNT];
    struct feed_error errors[FEED_ERRORS_MAX]; /* ERRORS, by number */
};

void feed_count(struct feed_counts *counts, enum feed_count what);
void feed_count_many(struct feed_counts *counts, enum feed_count what, uint64_t many);
void feed_count_error(struct feed_counts *counts, uint32_t code);
uint64_t feed_counted(const struct feed_counts *counts, enum feed_count what);
/* One line, and it is flushed. */
void feed_counts_print(FILE *out, const struct feed_counts *counts);

/* /metrics at HOST:PORT, by a thread of its own, until http_close; NULL with `why`. */
struct http;
struct http *feed_metrics_open(struct feed_counts *counts, const char *listen, char *why,
                               size_t why_size);

#endif
