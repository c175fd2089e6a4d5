/* metrics: what a node counts, for an operator's tools.
 *
 * metrics/table.h is the one list: every metric with its name, type, label and sentence; the text
 * of /metrics and docs/metrics.md come from it. The node's thread sets values on a board when it
 * likes and publishes them some times a second; the http thread takes the last published copy.
 * Neither waits for the other: the board is copies that change hands by one atomic exchange. */
#ifndef NODE_METRICS_METRICS_H
#define NODE_METRICS_METRICS_H

#include "metrics/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum metrics_metric {
#define X(id, name, type, label, places, names, unit, help) METRICS_##id,
    METRICS_TABLE(X)
#undef X
        METRICS_COUNT
};

#define METRICS_TEXT_SIZE 4096u

struct metrics_board;

/* NULL: out of memory. */
struct metrics_board *metrics_board_make(void);
void metrics_board_free(struct metrics_board *board);

/* ---- By the one thread that counts. Values are whole numbers; a metric whose line has a unit
 * other than 1 is divided by it when shown. What was never set is not shown. */

void metrics_set(struct metrics_board *board, enum metrics_metric metric, uint64_t value);
void metrics_set_at(struct metrics_board *board, enum metrics_metric metric, uint32_t place,
                    uint64_t value);
/* All places of a metric at once. */
void metrics_set_all(struct metrics_board *board, enum metrics_metric metric,
                     const uint64_t *values);
/* 1 at one place, 0 at the others. */
void metrics_set_one(struct metrics_board *board, enum metrics_metric metric, uint32_t place);
/* The metric is not shown any more, until it is set again. */
void metrics_clear(struct metrics_board *board, enum metrics_metric metric);
/* counts: by bucket, not cumulative, METRICS_BOUNDS + 1 of them, the last one above all bounds. */
void metrics_set_histogram(struct metrics_board *board, enum metrics_metric metric,
                           const uint64_t *counts, uint64_t sum);
/* Words that stand beside the values, as tenord status prints them; cut at METRICS_TEXT_SIZE. */
void metrics_set_text(struct metrics_board *board, const char *text);
/* All that was set becomes what the reader sees. now_us: monotonic. Cost: a copy of the board. */
void metrics_publish(struct metrics_board *board, int64_t now_us);

/* ---- By the one thread that reads. */

/* The last published values become those of the functions below; false: nothing was published. */
bool metrics_take(struct metrics_board *board);
/* 0 for what was never set. */
uint64_t metrics_get(const struct metrics_board *board, enum metrics_metric metric, uint32_t place);
const char *metrics_text(const struct metrics_board *board);
int64_t metrics_published_us(const struct metrics_board *board);
/* The text format of Prometheus. The size; 0: no room. */
size_t metrics_write(char *out, size_t room, const struct metrics_board *board);

/* ---- About the list. */

uint32_t metrics_places(enum metrics_metric metric);
const char *metrics_reason_word(enum metrics_reason reason);
const char *metrics_reason_sentence(enum metrics_reason reason);
/* docs/metrics.md. */
void metrics_print_reference(FILE *out);

/* Upper bounds of the buckets of all histograms; the bucket that a time falls into. */
extern const uint64_t metrics_bounds_us[METRICS_BOUNDS];
uint32_t metrics_bucket(uint64_t time_us);

#endif
