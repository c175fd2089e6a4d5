/* reader: a strict view of one JSON document.
 *
 * Every value is reached through a node, which knows its place, so each complaint begins with a
 * path like positions[3].series. The first complaint is kept and later ones are dropped: a caller
 * may go on reading and ask `failed` now and then; what it reads after a failure is 0 or "". */
#ifndef NODE_TENOR_READER_H
#define NODE_TENOR_READER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define READER_PROBLEM_SIZE 1024

struct reader {
    bool failed;
    char problem[READER_PROBLEM_SIZE]; /* "PATH: what is wrong; what to do" */
};

/* A value and where it stands. Parents outlive their children on the caller's stack. */
struct node {
    const struct node *parent; /* NULL: the document */
    const char *key;           /* NULL: element `index` of an array */
    size_t index;
    json_t *value; /* NULL: there is none */
};

/* reader_load parses a document: an object, each key once, and no number that a double would bend.
 * NULL after a failure; else the caller drops it with json_decref. */
json_t *reader_load(struct reader *reader, const char *bytes, size_t size);

__attribute__((format(printf, 3, 4))) void reader_fail(struct reader *reader,
                                                       const struct node *node, const char *format,
                                                       ...);

/* A member that may be missing (value NULL), or must be there: `what` says what it is. */
struct node reader_member(const struct node *parent, const char *key);
struct node reader_needed(struct reader *reader, const struct node *parent, const char *key,
                          const char *what);
struct node reader_element(const struct node *parent, size_t index);

/* False, after a complaint, unless the node is an object with fields out of this list only. */
bool reader_object(struct reader *reader, const struct node *node, const char *const *fields,
                   size_t fields_count);
/* An object whose keys are the file's own. */
bool reader_map(struct reader *reader, const struct node *node);
/* The count of elements, 0 for a missing node; complains of anything but an array of at most max.
 */
size_t reader_array(struct reader *reader, const struct node *node, size_t max);

const char *reader_text(struct reader *reader, const struct node *node);

/* A number scaled by 10^digits, within [least, most]. A string is read as a decimal; a bare number
 * as it is written. reader_decimal_or returns `otherwise` for a missing node. */
int64_t reader_decimal(struct reader *reader, const struct node *node, unsigned digits,
                       int64_t least, int64_t most);
int64_t reader_decimal_or(struct reader *reader, const struct node *node, unsigned digits,
                          int64_t least, int64_t most, int64_t otherwise);

/* The index of the node's text in a list of words. */
size_t reader_choice(struct reader *reader, const struct node *node, const char *const *words,
                     size_t words_count);

/* Complains that `text` is unknown, with the nearest of the words when one is near. */
void reader_unknown(struct reader *reader, const struct node *node, const char *what,
                    const char *text, const char *const *words, size_t words_count);

/* A time: "2026-11-20T12:00:00Z", with milliseconds if wanted, or unix milliseconds. */
int64_t reader_time_ms(struct reader *reader, const struct node *node);
/* The same of text alone; false when it is no such time from 2020 to 2099. */
bool reader_time_parse(int64_t *time_ms, const char *text);

#endif
