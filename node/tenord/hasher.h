/* hasher: a thread that does one piece of work at a time, beside the one that asks for it. */
#ifndef NODE_TENORD_HASHER_H
#define NODE_TENORD_HASHER_H

#include <stdbool.h>

struct hasher;

/* NULL after a complaint. Without a thread hasher_begin does the work itself. */
struct hasher *hasher_open(void (*work)(void *), void *context, bool threaded);
/* Begins the work; the one before must have been waited for. */
void hasher_begin(struct hasher *hasher);
/* Is there nothing to wait for? */
bool hasher_is_done(struct hasher *hasher);
/* What the work has written is there to be read then. */
void hasher_wait(struct hasher *hasher);
/* Waits, and ends the thread. NULL is allowed. */
void hasher_close(struct hasher *hasher);

#endif
