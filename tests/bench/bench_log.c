/* bench_log: what durability costs. 64 records of about 200 bytes are in flight: all are appended,
 * one sync makes them durable, then the next 64 come. Beside it the machine's own floor: a program
 * that only writes as many bytes and calls fdatasync, to a file that grows, to one whose room is
 * allocated, and to one that was written full of zeros.
 *
 * Bytes are what the process gave to the disk, zeros of the spare segment and pages of heads
 * included, beside those of the groups.
 *
 * A record's latency runs from the moment its place in flight was free, so the work on the spare
 * segment counts too.
 *
 *     bench_log [--quick] [--directory DIRECTORY]   on a disk, not in memory: /var/tmp by default
 */
#define _GNU_SOURCE /* fallocate */
#include "bench.h"
#include "log/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/vfs.h>
#include <unistd.h>

#define IN_FLIGHT     64
#define GROUP_BYTES   16384 /* 64 records, their heads, whole pages */
#define GROUPS_FULL   16000
#define ROUNDS        8
#define RELEASED_EACH 64 /* groups, as a node's checkpoints do */

enum floor_kind { FLOOR_GROWS, FLOOR_ALLOCATED, FLOOR_ZEROS };
static const char *const floor_names[] = {"file that grows", "file that is allocated",
                                          "file of zeros"};

static char directory[400];

/* One kind of run; the rounds of all kinds take turns, so that neighbours slow all of them. */
struct series {
    uint32_t *latencies_ns;
    uint32_t groups;
    uint64_t ns;
};

static struct series make_series(uint32_t groups_max)
{
    struct series series = {malloc(groups_max * sizeof(uint32_t)), 0, 0};
    TN_ASSERT(series.latencies_ns != NULL);
    return series;
}

static void add_latency(struct series *series, uint64_t *last_ns)
{
    uint64_t now = bench_clock_ns();
    series->latencies_ns[series->groups++] = (uint32_t)(now - *last_ns);
    series->ns += now - *last_ns;
    *last_ns = now;
}

static void say_series(struct series *series)
{
    double seconds = (double)series->ns / 1e9;
    bench_json_u64("groups", series->groups);
    bench_json_double("groups_per_second", series->groups / seconds);
    bench_json_u64("records_per_second", (uint64_t)((double)series->groups * IN_FLIGHT / seconds));
    bench_json_latency(series->latencies_ns, series->groups, 1);
    bench_json_close();
    free(series->latencies_ns);
}

static int floor_file(const char *path, enum floor_kind kind, uint32_t groups)
{
    static const uint8_t zeros[GROUP_BYTES];
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    TN_ASSERT(fd >= 0);
    if (kind == FLOOR_GROWS) return fd;
    TN_ASSERT(fallocate(fd, 0, 0, (off_t)groups * GROUP_BYTES) == 0);
    for (uint32_t i = 0; kind == FLOOR_ZEROS && i < groups; i++) {
        TN_ASSERT(pwrite(fd, zeros, GROUP_BYTES, (off_t)i * GROUP_BYTES) == GROUP_BYTES);
    }
    TN_ASSERT(fsync(fd) == 0);
    return fd;
}

static void run_floor(struct series *series, enum floor_kind kind, uint32_t groups)
{
    static uint8_t bytes[GROUP_BYTES];
    char path[420];
    memset(bytes, 7, sizeof bytes);
    snprintf(path, sizeof path, "%s/floor", directory);
    int fd = floor_file(path, kind, groups);
    uint64_t last_ns = bench_clock_ns();
    for (uint32_t i = 0; i < groups; i++) {
        TN_ASSERT(pwrite(fd, bytes, GROUP_BYTES, (off_t)i * GROUP_BYTES) == GROUP_BYTES);
        TN_ASSERT(fdatasync(fd) == 0);
        add_latency(series, &last_ns);
    }
    close(fd);
    unlink(path);
}

/* By this process to any disk; 0: the system does not tell. */
static uint64_t written_bytes(void)
{
    FILE *file = fopen("/proc/self/io", "r");
    char line[100];
    unsigned long long bytes = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "write_bytes: %llu", &bytes) == 1) break;
    if (file != NULL) fclose(file);
    return bytes;
}

static void append_group(struct log *log, uint64_t *random)
{
    static const uint8_t bytes[256] = {3};
    for (uint32_t i = 0; i < IN_FLIGHT; i++) {
        uint64_t position;
        size_t size = 176 + tn_random_below(random, 49);
        TN_ASSERT(log_append(log, &position, 1, bytes, size) == LOG_OK);
    }
}

static struct log *open_log(struct log_report *report, const struct log_options *options)
{
    struct log *log;
    if (log_open(&log, report, options) == LOG_OK) return log;
    fprintf(stderr, "bench_log: %s\n", report->problem);
    exit(1);
}

struct cost {
    uint64_t bytes, cpu_ns;
};

static void run_log(struct series *series, struct cost *cost, struct log *log, uint64_t *random,
                    uint32_t groups)
{
    uint64_t durable = 0;
    const uint64_t bytes = written_bytes(), cpu_ns = bench_cpu_ns();
    uint64_t last_ns = bench_clock_ns();
    for (uint32_t i = 0; i < groups; i++) {
        append_group(log, random);
        TN_ASSERT(log_sync(log, &durable) == LOG_OK);
        add_latency(series, &last_ns);
        TN_ASSERT(log_tend(log) == LOG_OK);
        if (i % RELEASED_EACH == 0) TN_ASSERT(log_release(log, durable) == LOG_OK);
    }
    TN_ASSERT(log_release(log, durable) == LOG_OK);
    cost->bytes += written_bytes() - bytes;
    cost->cpu_ns += bench_cpu_ns() - cpu_ns;
}

static void say_open(const struct log_options *options)
{
    struct log_report report;
    uint64_t begin = bench_clock_ns();
    struct log *log = open_log(&report, options);
    bench_json_open("log_open");
    bench_json_double("ms", (double)(bench_clock_ns() - begin) / 1e6);
    bench_json_u64("records", report.end_position - report.first_position);
    bench_json_close();
    log_close(log);
}

static void run_all(uint32_t groups, const struct log_options *options)
{
    struct log_report report;
    struct log *log = open_log(&report, options);
    struct series series[4];
    struct cost cost = {0};
    uint64_t random = 1;
    for (uint32_t i = 0; i < 4; i++)
        series[i] = make_series(groups);
    for (uint64_t done = 0; done < options->segment_bytes + ((uint64_t)1 << 20); done += 1 << 18)
        TN_ASSERT(log_tend(log) == LOG_OK); /* a node that has run for a while has a spare */
    for (uint32_t round = 0; round < ROUNDS; round++) {
        run_log(&series[3], &cost, log, &random, groups / ROUNDS);
        for (uint32_t kind = FLOOR_GROWS; kind <= FLOOR_ZEROS; kind++)
            run_floor(&series[kind], (enum floor_kind)kind, groups / ROUNDS / 4);
    }
    log_close(log);
    for (uint32_t kind = FLOOR_GROWS; kind <= FLOOR_ZEROS; kind++) {
        bench_json_open("fdatasync");
        bench_json_string("into", floor_names[kind]);
        say_series(&series[kind]);
    }
    bench_json_open("log");
    bench_json_u64("segment_bytes", options->segment_bytes);
    bench_json_u64("in_flight", IN_FLIGHT);
    bench_json_u64("peak_rss", bench_peak_rss_bytes());
    bench_json_double("written_per_byte",
                      (double)cost.bytes / ((double)series[3].groups * GROUP_BYTES));
    bench_json_double("cpu_us_per_group", (double)cost.cpu_ns / 1e3 / series[3].groups);
    say_series(&series[3]);
    say_open(options);
}

static void remove_directory(void)
{
    DIR *list = opendir(directory);
    TN_ASSERT(list != NULL);
    const struct dirent *entry;
    while ((entry = readdir(list)) != NULL) {
        char path[700];
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        if (entry->d_name[0] != '.') unlink(path);
    }
    closedir(list);
    rmdir(directory);
}

int main(int argc, char **argv)
{
    uint32_t groups = GROUPS_FULL;
    const char *place = "/var/tmp";
    bool quick = false;
    const struct bench_option table[] = {
        BENCH_OPTION_QUICK(&quick),
        {.name = "--directory", .value = "DIRECTORY", .text = &place, .help = "a disk (/var/tmp)"},
    };
    bench_options_read("bench_log", table, 2, argc, argv);
    if (quick) groups = 800;
    snprintf(directory, sizeof directory, "%s/tenor-bench-log-XXXXXX", place);
    if (mkdtemp(directory) == NULL) {
        fprintf(stderr, "bench_log: cannot make a directory in %s\n", place);
        return 1;
    }
    struct statfs system;
    if (statfs(directory, &system) == 0) {
        bench_json_open("disk");
        bench_json_string("directory", place);
        bench_json_u64("file_system_type", (uint64_t)system.f_type);
        bench_json_close();
    }
    struct log_options options = {.directory = directory, .segment_bytes = (uint64_t)64 << 20};
    if (groups < GROUPS_FULL) options.segment_bytes = (uint64_t)4 << 20;
    run_all(groups, &options);
    remove_directory();
    return 0;
}
