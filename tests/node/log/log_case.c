/* The model beside the log, and random lives for both. */
#include "log_case.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define RECORD_BYTES_MAX 6000

void case_begin(struct log_case *c, uint64_t seed)
{
    memset(c, 0, sizeof *c);
    c->seed = c->random = seed;
    c->directory = faulty_disk_open(seed);
    c->options = (struct log_options){
        .directory = c->directory, .segment_bytes = 32768, .group_bytes_max = 5000};
    c->end = c->durable = 1;
}

void case_end(struct log_case *c)
{
    case_close(c);
    faulty_disk_close();
}

void case_close(struct log_case *c)
{
    log_close(c->log);
    c->log = NULL;
}

void case_crash(struct log_case *c, enum faulty_disk_loss loss)
{
    case_close(c);
    faulty_disk_crash(loss);
}

const char *case_path(const struct log_case *c, const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", c->directory, name);
    return path;
}

static void fill(uint8_t *bytes, const struct case_record *record)
{
    uint64_t state = record->content;
    for (uint32_t i = 0; i < record->size; i++)
        bytes[i] = (uint8_t)(tn_random_next(&state) >> 56);
}

struct reading {
    struct log_case *c;
    uint64_t next;
    bool good;
};

static bool see(void *context, const struct log_record *record)
{
    struct reading *reading = context;
    uint8_t expected[RECORD_BYTES_MAX];
    const struct case_record *model = &reading->c->records[record->position % CASE_RECORDS_MAX];
    fill(expected, model);
    reading->good = record->position == reading->next++ && record->position < reading->c->end &&
                    record->type == model->type && record->size == model->size &&
                    memcmp(record->bytes, expected, model->size) == 0;
    return reading->good;
}

enum log_result case_check(struct log_case *c)
{
    uint64_t first = log_first_position(c->log);
    struct reading reading = {c, first, true};
    enum log_result result = log_read(c->log, see, &reading, 0);
    if (result != LOG_OK) return result;
    bool whole = reading.next == log_durable_position(c->log);
    bool kept = first <= c->released || first == 1;
    if (reading.good && whole && kept && log_durable_position(c->log) >= c->durable) return LOG_OK;
    fprintf(stderr,
            "records from %" PRIu64 " to %" PRIu64 " %s, durable was %" PRIu64 " of %" PRIu64
            ", after %s\n",
            first, reading.next, reading.good ? "are right" : "are wrong", c->durable, c->end,
            faulty_disk_place());
    TN_ASSERT(false); /* lost or made up, in silence: what must never happen */
    return LOG_FAILED;
}

enum log_result case_open(struct log_case *c)
{
    TN_ASSERT(c->log == NULL);
    c->options.entropy = ++c->entropy << 32 | (c->seed & 0xFFFFFFFF);
    enum log_result result = log_open(&c->log, &c->report, &c->options);
    if (result != LOG_OK) return result;
    TN_ASSERT(log_end_position(c->log) <= c->end);
    result = case_check(c);
    if (result != LOG_OK) return result;
    c->end = c->durable = log_end_position(c->log);
    return LOG_OK;
}

enum log_result case_append(struct log_case *c, uint32_t size)
{
    uint8_t bytes[RECORD_BYTES_MAX];
    TN_ASSERT(size <= RECORD_BYTES_MAX && c->end < CASE_RECORDS_MAX);
    struct case_record *record = &c->records[c->end];
    *record = (struct case_record){tn_random_next(&c->random), size, (uint8_t)size};
    fill(bytes, record);
    uint64_t position;
    enum log_result result = log_append(c->log, &position, record->type, bytes, size);
    if (result != LOG_OK) return result;
    TN_ASSERT(position == c->end);
    c->end++;
    return LOG_OK;
}

enum log_result case_sync(struct log_case *c)
{
    uint64_t durable;
    enum log_result result = log_sync(c->log, &durable);
    TN_ASSERT(durable >= c->durable && durable <= c->end);
    TN_ASSERT(result != LOG_OK || durable == c->end);
    c->durable = durable;
    return result;
}

enum log_result case_release(struct log_case *c, uint64_t position)
{
    if (position > c->released) c->released = position;
    return log_release(c->log, position);
}

static enum log_result step(struct log_case *c)
{
    uint64_t dice = tn_random_below(&c->random, 100);
    if (c->end + 1 >= CASE_RECORDS_MAX) return case_sync(c);
    if (dice < 55) {
        uint64_t range = tn_random_below(&c->random, 8) == 0 ? RECORD_BYTES_MAX : 900;
        return case_append(c, (uint32_t)tn_random_below(&c->random, range));
    }
    if (dice < 78) {
        const enum log_result result = case_sync(c);
        return result == LOG_OK && c->releases ? case_release(c, c->durable) : result;
    }
    if (dice < 90) return log_tend(c->log);
    if (dice < 93) return case_release(c, tn_random_below(&c->random, c->durable + 1));
    if (dice < 95) return log_seal(c->log);
    if (dice < 98) return case_check(c);
    enum log_result result = c->seals ? log_seal(c->log) : LOG_OK;
    if (result != LOG_OK) return result;
    if (c->seals) c->durable = log_durable_position(c->log);
    case_close(c); /* else without a sync */
    return case_open(c);
}

enum log_result case_run(struct log_case *c, uint32_t steps)
{
    enum log_result result = c->log == NULL ? case_open(c) : LOG_OK;
    for (uint32_t i = 0; result == LOG_OK && i < steps; i++) {
        result = step(c);
        if (c->log != NULL && log_durable_position(c->log) > c->durable) {
            c->durable = log_durable_position(c->log); /* a switch of segments or a seal syncs */
        }
    }
    return result;
}
