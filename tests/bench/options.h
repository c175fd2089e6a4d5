/* options: what a bench can be told, as a table. A bench takes minutes, so one that is told
 * something else must not begin. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One of flag, text and number says where what was given goes. A name without dashes is a word that
 * stands alone: a figure that is wanted. */
struct bench_option {
    const char *name;
    const char *value; /* how the help calls its value; NULL: it takes none */
    bool *flag;
    const char **text;
    uint32_t *number;
    uint32_t least, most; /* of the number */
    const char *help;
};

/* Reads the arguments. Ends the program with 0 after --help, which it prints from the table, and
 * with 2 after a complaint on standard error about anything that the table does not have. */
void bench_options_read(const char *bench, const struct bench_option *options, size_t options_count,
                        int argc, char **argv);

#define BENCH_OPTION_QUICK(to)                                                                     \
    {                                                                                              \
        .name = "--quick", .flag = (to), .help = "a short run"                                     \
    }
#define BENCH_OPTION_WORKLOAD(to)                                                                  \
    {                                                                                              \
        .name = "--workload", .value = "NAME", .text = (to), .help = "this one only"               \
    }

#endif
