/* tenord: the node. What its files share: how a command ends, how options are read, how a failure
 * of the world is told. */
#ifndef NODE_TENORD_TENORD_H
#define NODE_TENORD_TENORD_H

#include "tenor/base.h"
#include "tenor/crypto.h"

#include <stdio.h>

/* How a command ends: done; the world failed (disk, memory, another process); the usage or a file
 * is refused; what was checked is wrong. */
enum { END_GOOD = 0, END_FAILED = 1, END_REFUSED = 2, END_WRONG = 3 };

/* How a command ends that cannot make or write a file or folder that it was told to make, by errno:
 * END_REFUSED where another name would help (node/named_file.h), else END_FAILED. */
int end_of_place(int error);

/* Says what happened, once, on standard error: "tenord: …". */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* One line of the node's log on standard error: logfmt. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- Options: a table a command ----------------------------------------------------------------
 */

enum option_kind { OPTION_TEXT, OPTION_NUMBER, OPTION_FLAG };
struct option {
    const char *name; /* "--dir" */
    enum option_kind kind;
    void *value;   /* const char *, uint64_t or bool */
    uint64_t most; /* of a number */
    const char *help;
};
/* Fills in the values of the options and up to words_max other words. False after a complaint, or
 * after --help was printed (*help_printed then). */
struct option_set {
    const char *usage; /* printed before the table */
    const struct option *options;
    uint32_t options_count;
    const char **words;
    uint32_t words_count, words_max;
    bool help_printed;
};
bool options_read(struct option_set *set, int arguments_count, char **arguments);

/* ---- Small things ------------------------------------------------------------------------------
 */

/* The widest instructions that this machine has. */
enum tn_cpu machine_cpu(void);

#define HEX_HASH_SIZE (2 * TN_HASH_SIZE + 1)
/* For printf: the text lives until the third call after this one. */
const char *hash_text(const struct tn_hash *hash);

/* Reads a whole file of at most size_max bytes; NULL after a complaint. The caller frees it. */
uint8_t *file_read(size_t *size, const char *path, size_t size_max);
/* Writes a file and makes its bytes durable; its name is once its folder is synced. False after a
 * complaint, with errno: then there is no file. */
bool file_make(const char *path, const void *bytes, size_t size);
/* Writes a file whole or not at all, and makes it durable; false after a complaint, with errno. */
bool file_write(const char *path, const void *bytes, size_t size);
/* Makes durable that there is this name in its folder; false with errno. */
bool folder_sync_of(const char *path);

/* Listens on a local socket that only this user may use; -1 after a complaint. One that a process
 * left behind when it died is replaced; any other file in the way is refused. */
int local_listen(const char *path, int waiting_max);

/* Zeroed memory of any size, pages touched as they are used; NULL after a complaint. */
void *memory_take(size_t size);
/* Asks for huge pages; false with errno: the system has none to give, and all works without. */
bool memory_widen(void *memory, size_t size);
void memory_give(void *memory, size_t size);

/* ---- Commands ----------------------------------------------------------------------------------
 */
int run_command(int arguments_count, char **arguments);
int genesis_command(int arguments_count, char **arguments);
int snapshot_command(int arguments_count, char **arguments);
int backup_command(int arguments_count, char **arguments);
int replay_command(int arguments_count, char **arguments);
int inspect_command(int arguments_count, char **arguments);
int witness_command(int arguments_count, char **arguments);
int verify_block_command(int arguments_count, char **arguments);
int db_command(int arguments_count, char **arguments);
int key_command(int arguments_count, char **arguments);

#endif
