/* operate: the operator's side of a node at work: metrics and health over HTTP, SIGHUP, the service
 * manager.
 *
 * The loop calls it at the turning points of its life and in every turn; some times a second a turn
 * counts all that there is and publishes it for the http thread, which nobody waits for. */
#ifndef NODE_CLUSTER_OPERATE_H
#define NODE_CLUSTER_OPERATE_H

#include "cluster/notify.h"
#include "http/http.h"
#include "metrics/metrics.h"
#include "settings/settings.h"

struct loop;

struct operate {
    struct settings settings; /* those that hold now: after a reload others than at the start */
    struct metrics_board *board;
    struct metrics_board *process; /* the http thread's own: what the process is */
    struct http *http;             /* NULL: metrics.listen is "" */
    struct notify notify;
    int64_t next_us;
    int64_t start_unix_s;
    uint64_t reloads, reloads_refused;
    bool has_started, was_ready;
    bool is_ready;              /* of the last count, */
    enum metrics_reason reason; /* else the first reason why not */
};

/* Before the home is read, so that who looks on sees it being read. False after a complaint. */
bool operate_open(struct loop *loop);
void operate_close(struct loop *loop);
/* The node serves. */
void operate_started(struct loop *loop);
/* It was told to stop. */
void operate_stopping(struct loop *loop);
/* In each turn: cheap unless something is due. */
void operate_turn(struct loop *loop);

/* loop_metrics.c: all that is counted, onto the board, and published. */
void loop_count(struct loop *loop);

/* operate_pages.c: the pages of the http server; the context is the struct operate. */
void operate_answer(void *context, struct http_answer *answer, const char *path);

#endif
