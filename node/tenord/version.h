/* version: which program this is. */
#ifndef NODE_TENORD_VERSION_H
#define NODE_TENORD_VERSION_H

#include <stddef.h>

/* One line of JSON; the size. */
size_t version_write_json(char *out, size_t room);
int version_command(int arguments_count, char **arguments);

#endif
