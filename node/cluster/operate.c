/* The operator's side: life, SIGHUP, the service manager. */
#include "cluster/operate.h"

#include "clock.h"
#include "cluster/loop_gateway.h"
#include "cluster/loop_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT_EACH_US = 200000 };

bool operate_open(struct loop *loop)
{
    char problem[HTTP_PROBLEM_SIZE];
    struct operate *operate = calloc(1, sizeof *operate);
    if (operate == NULL) {
        complain("out of memory for metrics");
        return false;
    }
    loop->operate = operate;
    operate->notify.socket = -1;
    operate->board = metrics_board_make();
    operate->process = metrics_board_make();
    if (operate->board == NULL || operate->process == NULL) {
        complain("out of memory for metrics");
        return false;
    }
    operate->settings = loop->node->settings;
    operate->start_unix_s = clock_us(CLOCK_REALTIME) / 1000000;
    notify_open(&operate->notify);
    loop_count(loop);
    const struct settings_metrics *settings = &operate->settings.metrics;
    if (settings->listen[0] == '\0') return true;
    const struct http_options options = {.listen = settings->listen,
                                         .connections_max = (uint32_t)settings->connections_max,
                                         .request_ms = (int64_t)settings->request_ms,
                                         .answer = operate_answer,
                                         .context = operate};
    operate->http = http_open(problem, &options);
    if (operate->http == NULL) {
        complain("[metrics] %s", problem);
        return false;
    }
    note("msg=metrics port=%u", http_port(operate->http));
    return true;
}

void operate_close(struct loop *loop)
{
    struct operate *operate = loop->operate;
    if (operate == NULL) return;
    http_close(operate->http);
    notify_close(&operate->notify);
    metrics_board_free(operate->board);
    metrics_board_free(operate->process);
    free(operate);
    loop->operate = NULL;
}

void operate_started(struct loop *loop)
{
    if (loop->operate == NULL) return;
    loop->operate->has_started = true;
    loop_count(loop);
    notify_say(&loop->operate->notify, "READY=1\nSTATUS=at work");
}

void operate_stopping(struct loop *loop)
{
    if (loop->operate == NULL) return;
    loop_count(loop);
    notify_say(&loop->operate->notify, "STOPPING=1\nSTATUS=hands its markets over");
}

/* ---- SIGHUP ------------------------------------------------------------------------------------
 */

/* All of it or nothing: the gateway, which may refuse a certificate, is asked first. */
static bool take_up(struct loop *loop, const struct settings *fresh)
{
    struct operate *operate = loop->operate;
    char rest[SETTINGS_PROBLEM_SIZE];
    if (!gate_reload(loop, fresh)) return false;
    uint32_t count = settings_reload(&operate->settings, rest, fresh);
    settings_apply_log(&operate->settings);
    loop->options.quiet = !operate->settings.log.blocks;
    note("msg=reloaded restart_needed=%u settings=\"%s\"", count, rest);
    return true;
}

static void reload(struct loop *loop)
{
    char lines[64];
    struct operate *operate = loop->operate;
    struct settings *fresh = malloc(sizeof *fresh);
    snprintf(lines, sizeof lines, "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
             clock_us(CLOCK_MONOTONIC));
    notify_say(&operate->notify, lines);
    bool is_good = fresh != NULL &&
                   node_settings_read(fresh, loop->options.home, loop->options.changes,
                                      loop->options.changes_count) &&
                   take_up(loop, fresh);
    if (is_good) {
        operate->reloads++;
    } else {
        operate->reloads_refused++;
        note("msg=reload_refused why=\"the settings stay as they were\"");
    }
    free(fresh);
    notify_say(&operate->notify, "READY=1");
}

/* ---- A turn ------------------------------------------------------------------------------------
 */

static void say_ready(struct operate *operate)
{
    const bool is_ready = operate->is_ready;
    if (!operate->has_started || is_ready == operate->was_ready) return;
    operate->was_ready = is_ready;
    if (is_ready) {
        note("msg=readyz ready=true");
    } else {
        note("msg=not_ready why=\"%s\"", metrics_reason_sentence(operate->reason));
    }
}

void operate_turn(struct loop *loop)
{
    struct operate *operate = loop->operate;
    if (operate == NULL) return;
    if (*loop->options.reload) {
        *loop->options.reload = 0;
        reload(loop);
    }
    if (loop->clock.now_us < operate->next_us) return;
    operate->next_us = loop->clock.now_us + COUNT_EACH_US;
    loop_count(loop);
    loop_say_away(loop);
    say_ready(operate);
    notify_live(&operate->notify, loop->clock.now_us);
}
