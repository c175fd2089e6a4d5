/* command: the commands of `tenor` and what they share. */
#ifndef NODE_TENOR_SUBCOMMAND_H
#define NODE_TENOR_SUBCOMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "tenor/crypto.h"

/* How a command ends: done; the world failed (disk, memory); the input or the usage is wrong;
 * what was checked does not hold, or the exchange or a node said no; no node could be reached; it
 * is not known whether it was done. */
enum {
    END_GOOD = 0,
    END_FAILED = 1,
    END_REFUSED = 2,
    END_WRONG = 3,
    END_REJECTED = 3,
    END_AWAY = 4,
    END_AMBIGUOUS = 5
};

/* A command takes its own arguments, without its name. */
int margin_command(int arguments_count, char **arguments);
int price_command(int arguments_count, char **arguments);
int proof_command(int arguments_count, char **arguments);

/* How results are printed. */
enum format { FORMAT_TABLE, FORMAT_JSON };

/* margin_answer, price_answer and proof_answer are the commands without the world: the bytes of a
 * file in, the answer on `out`, a complaint that begins with `name` on `err`. */
int margin_answer(FILE *out, FILE *err, const char *name, const char *bytes, size_t size,
                  enum format format);
int price_answer(FILE *out, FILE *err, const char *name, const char *bytes, size_t size,
                 enum format format);

/* Who has signed a root; the answer names the root and them. */
struct proof_signed {
    uint64_t epoch, weight, set_weight; /* of those who signed, and of their whole set */
};
/* signed_by NULL: whoever asked has named the root. */
int proof_answer(FILE *out, FILE *err, const char *name, const char *bytes, size_t size,
                 const struct tn_hash *root, const struct proof_signed *signed_by,
                 enum format format);

/* command_file reads a whole file, "-" for standard input, of at most FILE_SIZE_MAX bytes. NULL
 * after a complaint on standard error, with errno; else the caller frees it. */
#define FILE_SIZE_MAX (16u << 20)
char *command_file(size_t *size, const char *path);

/* How a command ends for which a file that was named could not be read or written, by errno. */
int command_end_of(int error);

/* command_format reads what -o takes: table or json; `command` complains of anything else. */
bool command_format(enum format *format, const char *text, const char *command);

/* command_print_json prints and drops a value; END_GOOD or END_FAILED. */
int command_print_json(FILE *out, FILE *err, json_t *value);
/* command_reader_has_gone: is it a pipe whose reader has had enough, as head(1) has? */
bool command_reader_has_gone(FILE *out);
/* command_flush is END_FAILED when what was printed did not get out, though somebody reads on. */
int command_flush(FILE *out, FILE *err);

#endif
