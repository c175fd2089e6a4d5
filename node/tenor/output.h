/* output: what a command says, for people as lines and aligned tables, for machines as JSON.
 *
 * A command says fields and tables once; how they look is decided here. In JSON the fields are
 * members of one object and a table is an array of objects; what may have more than the 53 bits of
 * a double is a string of decimal digits. On a terminal fields are lines of a name and a value, and
 * a table has columns as wide as what is in them, numbers to the right.
 *
 * A stream (tenor watch) is a line for each thing: in JSON one object without line breaks. */
#ifndef NODE_TENOR_OUTPUT_H
#define NODE_TENOR_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "subcommand.h"

#define OUTPUT_COLUMNS_MAX 24

struct output;

/* NULL when memory is short. `stream`: output_line ends each thing. */
struct output *output_make(FILE *out, enum format format, bool stream);
void output_free(struct output *output);
/* People's tables leave spare columns out where a line has less room than they need; 0: any room.
 */
void output_room(struct output *output, int columns);

/* ---- Fields, of the object or of the present row ----------------------------------------------
 * Names are JSON's, with '_' for the blanks that people see. In a row they must come in the order
 * of its columns; a column that is left out is empty, in JSON null. */
void output_text(struct output *output, const char *name, const char *text);
void output_count(struct output *output, const char *name, uint64_t count); /* below 2^53 */
void output_number(struct output *output, const char *name, uint64_t number);
void output_signed(struct output *output, const char *name, int64_t number);
/* value ÷ 10^digits, exactly, with at least so many decimals. */
void output_decimal(struct output *output, const char *name, int64_t value, unsigned digits,
                    unsigned least);
void output_money(struct output *output, const char *name, int64_t micros); /* 6, at least 2 */
void output_flag(struct output *output, const char *name, bool flag);       /* yes, no */
void output_hex(struct output *output, const char *name, const uint8_t *bytes, uint32_t count);
void output_time(struct output *output, const char *name,
                 int64_t time_ms);                         /* 2026-11-20T12:00:00Z */
void output_none(struct output *output, const char *name); /* null; people see "-" */

/* ---- Tables ------------------------------------------------------------------------------------
 * The columns' names, parted by blanks; behind those that hold numbers comes '#', behind spare ones
 * '?', or '??' where they are spare only when all others have gone: "series bid# ask# gamma#?". */
void output_table(struct output *output, const char *name, const char *columns);
void output_row(struct output *output);
void output_table_end(struct output *output);

/* Ends one thing of a stream: its fields go out at once. */
void output_line(struct output *output);

/* Will no line get out any more: has the reader gone, or is the disk full? */
bool output_is_broken(const struct output *output);

/* Was nothing said yet? */
bool output_is_empty(const struct output *output);
/* Prints what is left; END_GOOD, or END_FAILED after a complaint. Frees the output. */
int output_end(struct output *output, FILE *err);

/* "2026-11-20T12:00:00.123Z", without the fraction when it is zero. */
#define OUTPUT_TIME_SIZE 32
const char *output_time_text(char out[OUTPUT_TIME_SIZE], int64_t time_ms);

#endif
