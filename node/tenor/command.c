/* command: reading a file, printing an answer, and failing visibly at either. */
#include "named_file.h"
#include "subcommand.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

static char *read_all(size_t *size, FILE *file)
{
    size_t room = 1u << 16, used = 0;
    char *bytes = malloc(room);
    while (bytes != NULL) {
        used += fread(bytes + used, 1, room - used, file);
        if (used < room) break;
        if (room > FILE_SIZE_MAX) {
            errno = EFBIG;
            free(bytes);
            return NULL;
        }
        room *= 2;
        char *more = realloc(bytes, room);
        if (more == NULL) free(bytes);
        bytes = more;
    }
    if (bytes != NULL && ferror(file)) {
        free(bytes);
        return NULL;
    }
    *size = used;
    return bytes;
}

char *command_file(size_t *size, const char *path)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "rb");
    char *bytes = file == NULL ? NULL : read_all(size, file);
    int fault = errno;
    if (bytes == NULL) {
        fprintf(stderr, "tenor: cannot read %s: %s\n", standard ? "standard input" : path,
                strerror(fault));
    }
    if (file != NULL && !standard) fclose(file);
    errno = fault;
    return bytes;
}

int command_end_of(int error)
{
    const bool is_too_large = error == EFBIG; /* command_file reads none that is */
    return is_too_large || named_file_is_refused(error) ? END_REFUSED : END_FAILED;
}

bool command_format(enum format *format, const char *text, const char *command)
{
    bool is_json = text != NULL && strcmp(text, "json") == 0;
    if (!is_json && (text == NULL || strcmp(text, "table") != 0)) {
        fprintf(stderr, "tenor %s: -o takes table or json; see tenor %s --help\n", command,
                command);
        return false;
    }
    *format = is_json ? FORMAT_JSON : FORMAT_TABLE;
    return true;
}

bool command_reader_has_gone(FILE *out)
{
    struct pollfd pipe = {.fd = fileno(out)};
    return poll(&pipe, 1, 0) == 1 && (pipe.revents & POLLERR) != 0;
}

int command_flush(FILE *out, FILE *err)
{
    if (fflush(out) == 0 && !ferror(out)) return END_GOOD;
    int fault = errno; /* of this write, or of an earlier one */
    if (command_reader_has_gone(out)) return END_GOOD;
    fprintf(err, "tenor: cannot write the answer: %s\n", strerror(fault));
    return END_FAILED;
}

int command_print_json(FILE *out, FILE *err, json_t *value)
{
    if (value == NULL) {
        fprintf(err, "tenor: out of memory\n");
        return END_FAILED;
    }
    if (json_dumpf(value, out, JSON_INDENT(2)) == 0) fputc('\n', out);
    json_decref(value);
    return command_flush(out, err);
}
