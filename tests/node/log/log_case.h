/* log_case: a log on the faulty disk beside what it must hold.
 *
 * The model knows each record that was appended and how far the log said that all is durable. After
 * a crash the log must hold a prefix that reaches at least there; whatever it holds then is what
 * the model goes on with. */
#ifndef LOG_CASE_H
#define LOG_CASE_H

#include "faulty_disk.h"
#include "log/log.h"

#define CASE_RECORDS_MAX 4096

struct case_record {
    uint64_t content; /* what its bytes follow from */
    uint32_t size;
    uint8_t type;
};

struct log_case {
    const char *directory;
    struct log_options options;
    struct log *log;
    struct log_report report;
    uint64_t random;
    uint64_t entropy; /* of the next life */
    uint64_t seed;
    struct case_record records[CASE_RECORDS_MAX]; /* by position */
    uint64_t end;                                 /* the first position that is free */
    uint64_t durable;                             /* the log said so */
    uint64_t released;                            /* asked for */
    bool seals;    /* before it reopens in case_run, as a program does that ends in order */
    bool releases; /* all that it can, so that segments are used again all the time */
};

/* Small segments, small groups: everything happens in a few hundred steps. */
void case_begin(struct log_case *c, uint64_t seed);
void case_end(struct log_case *c);

/* Opens and, when it opens, holds what it finds against the model. */
enum log_result case_open(struct log_case *c);
/* Reads all records and compares; LOG_OK only when each is there and right. */
enum log_result case_check(struct log_case *c);
void case_close(struct log_case *c);
/* The life ends here, in order or not; the model keeps what it knows. */
void case_crash(struct log_case *c, enum faulty_disk_loss loss);

enum log_result case_append(struct log_case *c, uint32_t size);
enum log_result case_sync(struct log_case *c);
enum log_result case_release(struct log_case *c, uint64_t position);

/* Random steps until one is not LOG_OK, with reopenings between; returns that answer. */
enum log_result case_run(struct log_case *c, uint32_t steps);

/* A file of the log's directory. */
const char *case_path(const struct log_case *c, const char *name);

#endif
