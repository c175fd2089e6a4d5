/* arguments: what stands behind a command, read by a table.
 *
 * A command lists its options; those that all network commands share (where the node is, which
 * market, which key, how to print) are added by themselves. What a reader complains of, it names,
 * with the nearest option that there is. */
#ifndef NODE_TENOR_ARGUMENTS_H
#define NODE_TENOR_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* One command. Its words are "order place"; what comes after them is the command's own. */
struct thin;
struct command {
    const char *words;
    const char *takes;   /* "SERIES buy|sell QUANTITY --limit PRICE"; "" when nothing */
    const char *help;    /* one line */
    const char *example; /* lines, each with an end */
    int (*run)(struct thin *thin);
    /* A command of before this table: reads its arguments itself; `run` is NULL then. */
    int (*own)(int arguments_count, char **arguments);
};

enum argument_kind {
    ARGUMENT_TEXT,   /* const char * */
    ARGUMENT_NUMBER, /* uint64_t */
    ARGUMENT_COUNT,  /* uint64_t, from 1 */
    ARGUMENT_FLAG,   /* bool */
    ARGUMENT_CHOICE, /* uint32_t: the index of a word of `takes`, which are parted by '|' */
};
struct argument {
    const char *name; /* "--limit" */
    enum argument_kind kind;
    void *value;
    uint64_t most;     /* of a number */
    const char *takes; /* "PRICE", "soft|final" */
    const char *help;
};

#define ARGUMENTS_WORDS_MAX 40

struct arguments {
    const char *program;           /* NULL: tenor */
    const struct command *command; /* words "": the program has no others */
    const struct argument *own;    /* the command's */
    size_t own_count;
    const struct argument *common; /* everybody's */
    size_t common_count;
    size_t words_min, words_max;
    const char *words[ARGUMENTS_WORDS_MAX]; /* what is no option, in order */
    size_t words_count;
    bool help_wanted; /* nothing else was looked at */
};

/* Fills in values and words. False after a complaint on `err`. A lone "--" ends the options, and a
 * word that is a negative number is no option. */
bool arguments_read(struct arguments *arguments, FILE *err, int count, char *const *texts);

/* The whole --help of the command. */
void arguments_help(FILE *out, const struct arguments *arguments);

#endif
