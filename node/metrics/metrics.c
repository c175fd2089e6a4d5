/* The board: three published copies and one that is being filled.
 *
 * Of the three the counting thread owns one to fill, the reading thread one to read, and the third
 * lies between them. Publishing exchanges the filled one for it and marks it fresh; taking
 * exchanges the read one for a fresh one. So each side always has a copy of its own, whatever the
 * other does. */
#include "metrics/internal.h"

#include "tenor/base.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* PLACE_x is where the places of a metric begin. */
enum {
#define X(id, name, type, label, places, names, unit, help)                                        \
    PLACE_##id, PLACE_LAST_##id = PLACE_##id + (places)-1,
    METRICS_TABLE(X)
#undef X
        PLACES
};
static const uint32_t places_first[METRICS_COUNT] = {
#define X(id, name, type, label, places, names, unit, help) [METRICS_##id] = PLACE_##id,
    METRICS_TABLE(X)
#undef X
};
enum { COPIES = 3, FRESH = 4 };

struct copy {
    int64_t published_us; /* 0: never */
    uint64_t values[PLACES];
    bool is_set[PLACES];
    char text[METRICS_TEXT_SIZE];
};

struct metrics_board {
    struct copy now; /* being filled; copied when published */
    struct copy copies[COPIES];
    uint32_t writers, readers; /* whose copy is whose */
    _Atomic uint32_t between;  /* the third, and FRESH */
};

struct metrics_board *metrics_board_make(void)
{
    struct metrics_board *board = calloc(1, sizeof *board);
    if (board == NULL) return NULL;
    board->writers = 0;
    board->readers = 1;
    atomic_store(&board->between, 2);
    return board;
}

void metrics_board_free(struct metrics_board *board)
{
    free(board);
}

uint32_t metrics_places(enum metrics_metric metric)
{
    return metrics_rows[metric].places;
}

uint32_t metrics_bucket(uint64_t time_us)
{
    uint32_t bucket = 0;
    while (bucket < METRICS_BOUNDS && time_us > metrics_bounds_us[bucket])
        bucket++;
    return bucket;
}

/* ---- Counting ----------------------------------------------------------------------------------
 */

void metrics_set_at(struct metrics_board *board, enum metrics_metric metric, uint32_t place,
                    uint64_t value)
{
    TN_ASSERT(metric < METRICS_COUNT && place < metrics_rows[metric].places);
    board->now.values[places_first[metric] + place] = value;
    board->now.is_set[places_first[metric] + place] = true;
}

void metrics_set(struct metrics_board *board, enum metrics_metric metric, uint64_t value)
{
    metrics_set_at(board, metric, 0, value);
}

void metrics_set_all(struct metrics_board *board, enum metrics_metric metric,
                     const uint64_t *values)
{
    for (uint32_t i = 0; i < metrics_rows[metric].places; i++)
        metrics_set_at(board, metric, i, values[i]);
}

void metrics_set_one(struct metrics_board *board, enum metrics_metric metric, uint32_t place)
{
    for (uint32_t i = 0; i < metrics_rows[metric].places; i++)
        metrics_set_at(board, metric, i, i == place ? 1 : 0);
}

void metrics_clear(struct metrics_board *board, enum metrics_metric metric)
{
    memset(board->now.is_set + places_first[metric], 0, metrics_rows[metric].places);
}

void metrics_set_histogram(struct metrics_board *board, enum metrics_metric metric,
                           const uint64_t *counts, uint64_t sum)
{
    uint64_t total = 0;
    TN_ASSERT(metrics_rows[metric].type == METRICS_HISTOGRAM);
    for (uint32_t i = 0; i <= METRICS_BOUNDS; i++) {
        total += counts[i];
        metrics_set_at(board, metric, i, total);
    }
    metrics_set_at(board, metric, METRICS_BOUNDS + 1, sum);
}

void metrics_set_text(struct metrics_board *board, const char *text)
{
    snprintf(board->now.text, sizeof board->now.text, "%s", text);
}

void metrics_publish(struct metrics_board *board, int64_t now_us)
{
    board->now.published_us = now_us;
    board->copies[board->writers] = board->now;
    board->writers = atomic_exchange(&board->between, board->writers | FRESH) & ~(uint32_t)FRESH;
}

/* ---- Reading -----------------------------------------------------------------------------------
 */

bool metrics_take(struct metrics_board *board)
{
    if ((atomic_load(&board->between) & FRESH) != 0) {
        board->readers = atomic_exchange(&board->between, board->readers) & ~(uint32_t)FRESH;
    }
    return board->copies[board->readers].published_us != 0;
}

static const struct copy *taken(const struct metrics_board *board)
{
    return &board->copies[board->readers];
}

uint64_t metrics_get(const struct metrics_board *board, enum metrics_metric metric, uint32_t place)
{
    TN_ASSERT(metric < METRICS_COUNT && place < metrics_rows[metric].places);
    return taken(board)->values[places_first[metric] + place];
}

const char *metrics_text(const struct metrics_board *board)
{
    return taken(board)->text;
}

int64_t metrics_published_us(const struct metrics_board *board)
{
    return taken(board)->published_us;
}

struct page {
    char *bytes;
    size_t size, room;
    bool is_full;
};

__attribute__((format(printf, 2, 3))) static void put(struct page *page, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(page->bytes + page->size, page->room - page->size, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= page->room - page->size) {
        page->is_full = true;
    } else {
        page->size += (size_t)length;
    }
}

/* A whole number divided by a power of ten, exactly. */
static void put_value(struct page *page, uint64_t value, uint64_t unit)
{
    int digits = 0;
    for (uint64_t rest = unit; rest > 1; rest /= 10)
        digits++;
    if (digits == 0) {
        put(page, "%" PRIu64 "\n", value);
    } else {
        put(page, "%" PRIu64 ".%0*" PRIu64 "\n", value / unit, digits, value % unit);
    }
}

static void put_histogram(struct page *page, const struct metrics_row *row, const uint64_t *values)
{
    for (uint32_t i = 0; i < METRICS_BOUNDS; i++) {
        put(page, "%s_bucket{le=\"%" PRIu64 ".%06" PRIu64 "\"} %" PRIu64 "\n", row->name,
            metrics_bounds_us[i] / 1000000, metrics_bounds_us[i] % 1000000, values[i]);
    }
    put(page, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum ", row->name, values[METRICS_BOUNDS],
        row->name);
    put_value(page, values[METRICS_BOUNDS + 1], row->unit);
    put(page, "%s_count %" PRIu64 "\n", row->name, values[METRICS_BOUNDS]);
}

static void put_places(struct page *page, const struct metrics_row *row, const struct copy *copy,
                       uint32_t first)
{
    for (uint32_t i = 0; i < row->places; i++) {
        if (!copy->is_set[first + i]) continue;
        if (row->label[0] == '\0') {
            put(page, "%s ", row->name);
        } else if (row->names[0] == NULL) {
            put(page, "%s{%s=\"%u\"} ", row->name, row->label, i);
        } else {
            put(page, "%s{%s=\"%s\"} ", row->name, row->label, row->names[i]);
        }
        put_value(page, copy->values[first + i], row->unit);
    }
}

static bool has_any(const struct copy *copy, uint32_t first, uint32_t places)
{
    return memchr(copy->is_set + first, 1, places) != NULL;
}

size_t metrics_write(char *out, size_t room, const struct metrics_board *board)
{
    const struct copy *copy = taken(board);
    struct page page = {.bytes = out, .room = room};
    for (uint32_t i = 0; i < METRICS_COUNT && !page.is_full; i++) {
        const struct metrics_row *row = &metrics_rows[i];
        if (!has_any(copy, places_first[i], row->places)) continue;
        put(&page, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name,
            metrics_type_text(row->type));
        if (row->type == METRICS_HISTOGRAM) {
            put_histogram(&page, row, copy->values + places_first[i]);
        } else {
            put_places(&page, row, copy, places_first[i]);
        }
    }
    return page.is_full ? 0 : page.size;
}
