/* counts: what became of what a feed has sent, for its log and for Prometheus.
 *
 * Each item that is sent comes to one end: a node took it, had it already, found it wrong, had no
 * room, answered an error, or its connection ended first. The feed's one thread counts; the thread
 * of the HTTP server reads, number by number, so both are atomic and nothing is locked. */
#include "feed/counts.h"

#include "http/http.h"
#include "tenor/client_errors.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *help;
} kinds[FEED_COUNTS_COUNT] = {
#define X(id, name, help) [FEED_COUNT_##id] = {name, help},
    FEED_COUNT_TABLE(X)
#undef X
};

void feed_count(struct feed_counts *counts, enum feed_count what)
{
    atomic_fetch_add_explicit(&counts->of[what], 1, memory_order_relaxed);
}

void feed_count_many(struct feed_counts *counts, enum feed_count what, uint64_t many)
{
    atomic_fetch_add_explicit(&counts->of[what], many, memory_order_relaxed);
}

/* A number that finds no row of its own is still counted in ERRORS. */
void feed_count_error(struct feed_counts *counts, uint32_t code)
{
    feed_count(counts, FEED_COUNT_ERRORS);
    for (uint32_t i = 0; i < FEED_ERRORS_MAX; i++) {
        struct feed_error *row = &counts->errors[i];
        uint32_t has = atomic_load_explicit(&row->code, memory_order_relaxed);
        if (has != 0 && has != code) continue;
        atomic_fetch_add_explicit(&row->count, 1, memory_order_relaxed);
        if (has == 0) atomic_store_explicit(&row->code, code, memory_order_release);
        return;
    }
}

uint64_t feed_counted(const struct feed_counts *counts, enum feed_count what)
{
    return atomic_load_explicit(&counts->of[what], memory_order_relaxed);
}

void feed_counts_print(FILE *out, const struct feed_counts *counts)
{
    for (uint32_t i = 0; i < FEED_COUNTS_COUNT; i++) {
        fprintf(out, "%s%s=%" PRIu64, i == 0 ? "" : " ", kinds[i].name,
                feed_counted(counts, (enum feed_count)i));
    }
    for (uint32_t i = 0; i < FEED_ERRORS_MAX; i++) {
        const struct feed_error *row = &counts->errors[i];
        uint32_t code = atomic_load_explicit(&row->code, memory_order_acquire);
        if (code == 0) break;
        fprintf(out, " error_%" PRIu32 "=%" PRIu64, code,
                atomic_load_explicit(&row->count, memory_order_relaxed));
    }
    fputc('\n', out);
    fflush(out);
}

/* ---- /metrics ---------------------------------------------------------------------------------
 */

static void write_metrics(FILE *out, const struct feed_counts *counts)
{
    for (uint32_t i = 0; i < FEED_COUNTS_COUNT; i++) {
        fprintf(out, "# HELP tenor_feed_%s_total %s\n# TYPE tenor_feed_%s_total counter\n",
                kinds[i].name, kinds[i].help, kinds[i].name);
        fprintf(out, "tenor_feed_%s_total %" PRIu64 "\n", kinds[i].name,
                feed_counted(counts, (enum feed_count)i));
    }
    fputs("# HELP tenor_feed_errors_by_code_total Items answered by an error, by its number.\n"
          "# TYPE tenor_feed_errors_by_code_total counter\n",
          out);
    for (uint32_t i = 0; i < FEED_ERRORS_MAX; i++) {
        const struct feed_error *row = &counts->errors[i];
        uint32_t code = atomic_load_explicit(&row->code, memory_order_acquire);
        if (code == 0) break;
        fprintf(out,
                "tenor_feed_errors_by_code_total{code=\"%" PRIu32 "\",name=\"%s\"} %" PRIu64 "\n",
                code, tn_error_name(code), atomic_load_explicit(&row->count, memory_order_relaxed));
    }
}

static void answer(void *context, struct http_answer *answer, const char *path)
{
    if (strcmp(path, "/metrics") != 0) {
        answer->status = 404;
        answer->body_size =
            (size_t)snprintf(answer->body, HTTP_BODY_MAX, "here is /metrics, and nothing else\n");
        return;
    }
    FILE *out = fmemopen(answer->body, HTTP_BODY_MAX, "w");
    if (out == NULL) {
        answer->status = 503;
        return;
    }
    write_metrics(out, context);
    answer->body_size = (size_t)ftell(out);
    fclose(out);
    answer->status = 200;
    answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
}

struct http *feed_metrics_open(struct feed_counts *counts, const char *listen, char *why,
                               size_t why_size)
{
    char problem[HTTP_PROBLEM_SIZE];
    const struct http_options options = {.listen = listen,
                                         .connections_max = 8,
                                         .request_ms = 5000,
                                         .answer = answer,
                                         .context = counts};
    struct http *http = http_open(problem, &options);
    if (http == NULL) snprintf(why, why_size, "metrics: %s", problem);
    return http;
}
