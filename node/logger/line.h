/* line: one event as a line: logfmt, or JSON. Pure but for the time of day. */
#ifndef NODE_LOGGER_LINE_H
#define NODE_LOGGER_LINE_H

#include "logger/logger.h"

#include <stddef.h>

/* words: "msg=… key=value key=\"some words\"". The line ends with a newline, not with a zero, and
 * has at most LOGGER_LINE_SIZE bytes; one that was longer says cut=true. Control characters and
 * bytes that are no UTF-8 become '?': nobody writes a line of his own through a value. */
size_t line_make(char line[LOGGER_LINE_SIZE], bool *is_cut, bool is_json, enum logger_module module,
                 enum logger_level level, const char *words);
/* head and the sentence in quotes; cut at room. */
void line_quote(char *words, size_t room, const char *head, const char *sentence);

#endif
