/* A fuzzer's bytes as the disk of a log. It opens or is refused; when it opens, it reads, goes on,
 * and holds what was added after the next opening.
 *
 * Either the bytes are a segment's file as they stand, or they change a good log: three bytes each,
 * a place and a value, and the checksums of the heads so changed are made right again when the
 * first byte says so, else hardly anything would get past them. */
#include "log/layout.h"
#include "log/log.h"
#include "tenor/crypto.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SEGMENT_BYTES LOG_SEGMENT_BYTES_MIN
#define SEGMENTS      2

static char directory[64];
static uint8_t good[SEGMENTS][SEGMENT_BYTES];
static char names[SEGMENTS][32];

static void path_of(char *path, const char *name)
{
    snprintf(path, 128, "%s/%s", directory, name);
}

static void clear(void)
{
    DIR *list = opendir(directory);
    TN_ASSERT(list != NULL);
    const struct dirent *entry;
    while ((entry = readdir(list)) != NULL) {
        char path[512];
        snprintf(path, sizeof path, "%s/%.200s", directory, entry->d_name);
        if (entry->d_name[0] != '.') unlink(path);
    }
    closedir(list);
}

static void clear_at_exit(void)
{
    clear();
    rmdir(directory);
}

static enum log_result open_log(struct log **log, struct log_report *report, uint64_t entropy)
{
    struct log_options options = {.directory = directory,
                                  .segment_bytes = SEGMENT_BYTES,
                                  .group_bytes_max = 3000,
                                  .entropy = entropy};
    enum log_result result = log_open(log, report, &options);
    TN_ASSERT((result == LOG_OK) == (*log != NULL));
    TN_ASSERT((result == LOG_OK) == (report->problem[0] == '\0'));
    return result;
}

static void read_file(uint8_t *bytes, const char *name)
{
    char path[128];
    path_of(path, name);
    int fd = open(path, O_RDONLY);
    TN_ASSERT(fd >= 0 && pread(fd, bytes, SEGMENT_BYTES, 0) == (ssize_t)SEGMENT_BYTES);
    close(fd);
}

static void write_file(const char *name, const uint8_t *bytes, size_t size)
{
    char path[128];
    path_of(path, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    TN_ASSERT(fd >= 0 && pwrite(fd, bytes, size, 0) == (ssize_t)size);
    close(fd);
}

/* A good log of two segments, five groups in all. */
static void make_good(void)
{
    struct log *log;
    struct log_report report;
    uint64_t position;
    static const uint8_t bytes[2000] = {1, 2, 3};
    snprintf(directory, sizeof directory, "%s/tenor-fuzz-log-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    TN_ASSERT(mkdtemp(directory) != NULL);
    TN_ASSERT(atexit(clear_at_exit) == 0);
    TN_ASSERT(open_log(&log, &report, 1) == LOG_OK);
    snprintf(names[0], sizeof names[0], "%016x.log", 1);
    for (uint32_t group = 0; group < 5; group++) {
        for (uint32_t i = 0; i < 2; i++)
            TN_ASSERT(log_append(log, &position, (uint8_t)group, bytes, 100 + 700 * i) == LOG_OK);
        TN_ASSERT(log_sync(log, &position) == LOG_OK);
    }
    log_close(log);
    snprintf(names[1], sizeof names[1], "%016x.log", 7); /* three groups to a segment */
    for (uint32_t i = 0; i < SEGMENTS; i++)
        read_file(good[i], names[i]);
    clear();
}

/* Makes the checksum of the head on a page right again. */
static void repair(uint8_t *page, bool is_segment)
{
    uint32_t crc = is_segment ? tn_crc32c(0, TN_CPU_BASE, page, 68)
                              : tn_crc32c(0, TN_CPU_BASE, page + 8, LOG_GROUP_HEAD_BYTES - 8);
    for (unsigned i = 0; i < 4; i++)
        page[(is_segment ? 68 : 4) + i] = (uint8_t)(crc >> 8 * i);
}

static void lay_out(const uint8_t *data, size_t size)
{
    static uint8_t bytes[SEGMENTS * SEGMENT_BYTES];
    memcpy(bytes, good, sizeof good);
    for (size_t i = 1; i + 2 < size; i += 3) {
        size_t page = data[i] % (sizeof bytes / LOG_PAGE_BYTES);
        size_t place = page * LOG_PAGE_BYTES + (size_t)data[i + 1] % 160;
        bytes[place] = data[i + 2];
        if ((data[0] & 2) != 0) {
            repair(bytes + page * LOG_PAGE_BYTES, page % (SEGMENT_BYTES / LOG_PAGE_BYTES) == 0);
        }
    }
    for (uint32_t i = 0; i < SEGMENTS; i++)
        write_file(names[i], bytes + i * SEGMENT_BYTES, SEGMENT_BYTES);
}

struct reading {
    uint64_t next;
    uint8_t last_type;
    uint64_t bytes;
};

static bool see(void *context, const struct log_record *record)
{
    struct reading *reading = context;
    TN_ASSERT(record->position == reading->next++);
    for (uint32_t i = 0; i < record->size; i++)
        reading->bytes += record->bytes[i]; /* all of it can be touched */
    reading->last_type = record->type;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct log *log;
    struct log_report report;
    if (good[0][0] == 0) make_good();
    if (size == 0) return 0;
    if ((data[0] & 1) != 0)
        write_file(names[0], data + 1, size - 1);
    else
        lay_out(data, size);

    if (open_log(&log, &report, 2) == LOG_OK) {
        struct reading reading = {report.first_position, 0, 0};
        enum log_result result = log_read(log, see, &reading, 0);
        TN_ASSERT(result == LOG_OK || result == LOG_DAMAGED);
        if (result == LOG_OK) {
            uint64_t position;
            TN_ASSERT(reading.next == report.end_position);
            TN_ASSERT(log_append(log, &position, 77, data, size < 500 ? size : 500) == LOG_OK);
            TN_ASSERT(position == report.end_position && log_sync(log, &position) == LOG_OK);
            log_close(log);
            TN_ASSERT(open_log(&log, &report, 3) == LOG_OK);
            reading.next = report.first_position;
            TN_ASSERT(log_read(log, see, &reading, 0) == LOG_OK && reading.last_type == 77);
            TN_ASSERT(reading.next == report.end_position);
        }
        log_close(log);
    }
    clear();
    return 0;
}
