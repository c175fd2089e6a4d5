/* solo: the local socket of a node without a network. */
#ifndef NODE_TENORD_SOLO_H
#define NODE_TENORD_SOLO_H

#include "machine.h"

#include <signal.h>

/* How clients are answered. */
enum { SOLO_DONE = 0, SOLO_REFUSED = 1, SOLO_FULL = 2 };

/* Serves clients on a socket at `path` until *stop is set; how the command ends. A socket left
 * behind by a process that is gone is replaced; any other file is refused. */
int solo_serve(struct machine *machine, const char *path, const volatile sig_atomic_t *stop);

#endif
