/* The pages of a node's http server. Everything they say was published by the node's thread. */
#include "cluster/operate.h"

#include "clock.h"
#include "tenord/version.h"

#include <dirent.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { LIVE_US = 15000000 };

static const char plain[] = "text/plain; charset=utf-8";
static const char json[] = "application/json";

static void say(struct http_answer *answer, unsigned status, const char *type, const char *text)
{
    answer->status = status;
    answer->content_type = type;
    answer->body_size = (size_t)snprintf(answer->body, HTTP_BODY_MAX, "%s", text);
}

/* ---- /metrics ----------------------------------------------------------------------------------
 */

static uint64_t resident_bytes(void)
{
    unsigned long long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "re");
    if (statm == NULL) return 0;
    if (fscanf(statm, "%*u %llu", &pages) != 1) pages = 0;
    fclose(statm);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t descriptors_count(void)
{
    uint64_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL) return 0;
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count > 0 ? count - 1 : 0; /* without the folder itself */
}

static void look_at_process(struct metrics_board *board)
{
    struct timespec used;
    struct rlimit most;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == 0) {
        metrics_set(board, METRICS_CPU,
                    (uint64_t)used.tv_sec * 1000000 + (uint64_t)used.tv_nsec / 1000);
    }
    if (getrlimit(RLIMIT_NOFILE, &most) == 0) metrics_set(board, METRICS_FDS_MAX, most.rlim_cur);
    metrics_set(board, METRICS_RESIDENT, resident_bytes());
    metrics_set(board, METRICS_FDS, descriptors_count());
    metrics_publish(board, 1);
    metrics_take(board);
}

static void show_metrics(struct http_answer *answer, struct operate *operate)
{
    look_at_process(operate->process);
    size_t size = metrics_write(answer->body, HTTP_BODY_MAX, operate->board);
    size_t more = metrics_write(answer->body + size, HTTP_BODY_MAX - size, operate->process);
    answer->body_size = size > 0 && more > 0 ? size + more : 0;
    answer->status = answer->body_size > 0 ? 200 : 500;
    answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
}

/* ---- The others --------------------------------------------------------------------------------
 */

/* A node that reads its home is busy, not dead. */
static void show_live(struct http_answer *answer, struct metrics_board *board)
{
    int64_t age_us = monotonic_us() - metrics_published_us(board);
    bool is_starting = metrics_get(board, METRICS_NOT_READY, METRICS_REASON_STARTING) != 0;
    if (is_starting || age_us < LIVE_US) {
        say(answer, 200, plain, "live\n");
        return;
    }
    answer->status = 503;
    answer->content_type = plain;
    answer->body_size =
        (size_t)snprintf(answer->body, HTTP_BODY_MAX,
                         "the node's thread has not turned for %" PRId64 " s\n", age_us / 1000000);
}

static void show_ready(struct http_answer *answer, struct metrics_board *board)
{
    size_t used = 0;
    if (metrics_get(board, METRICS_READY, 0) != 0) {
        say(answer, 200, plain, "ready\n");
        return;
    }
    for (unsigned i = 0; i < METRICS_REASONS; i++) {
        if (metrics_get(board, METRICS_NOT_READY, i) == 0) continue;
        used += (size_t)snprintf(answer->body + used, HTTP_BODY_MAX - used, "%s: %s\n",
                                 metrics_reason_word((enum metrics_reason)i),
                                 metrics_reason_sentence((enum metrics_reason)i));
    }
    answer->status = 503;
    answer->content_type = plain;
    answer->body_size = used;
}

static bool is_number(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
    }
    return size > 0 && size <= 15 && (text[0] != '0' || size == 1);
}

/* key=value words, without quotes or blanks in them, as one object. */
static void show_status(struct http_answer *answer, const struct metrics_board *board)
{
    const char *at = metrics_text(board);
    size_t used = 0;
    const size_t room = HTTP_BODY_MAX;
    used += (size_t)snprintf(answer->body, room, "{");
    while (*at != '\0') {
        size_t word = strcspn(at, " ");
        const char *equals = memchr(at, '=', word);
        if (equals != NULL) {
            size_t key = (size_t)(equals - at), value = word - key - 1;
            const char *quote = is_number(equals + 1, value) ? "" : "\"";
            used += (size_t)snprintf(answer->body + used, room - used, "%s\"%.*s\":%s%.*s%s",
                                     used > 1 ? "," : "", (int)key, at, quote, (int)value,
                                     equals + 1, quote);
        }
        at += word;
        at += strspn(at, " ");
    }
    used += (size_t)snprintf(answer->body + used, room - used, "}\n");
    answer->status = 200;
    answer->content_type = json;
    answer->body_size = used;
}

static void show_version(struct http_answer *answer)
{
    answer->status = 200;
    answer->content_type = json;
    answer->body_size = version_write_json(answer->body, HTTP_BODY_MAX);
}

void operate_answer(void *context, struct http_answer *answer, const char *path)
{
    struct operate *operate = context;
    struct metrics_board *board = operate->board;
    metrics_take(board);
    if (strcmp(path, "/metrics") == 0) {
        show_metrics(answer, operate);
    } else if (strcmp(path, "/livez") == 0) {
        show_live(answer, board);
    } else if (strcmp(path, "/readyz") == 0) {
        show_ready(answer, board);
    } else if (strcmp(path, "/status") == 0) {
        show_status(answer, board);
    } else if (strcmp(path, "/version") == 0) {
        show_version(answer);
    } else {
        say(answer, 404, plain, "there are /metrics, /livez, /readyz, /status and /version\n");
    }
}
