/* standard_files: a program that is started with standard input, output or error closed opens
 * something else under that number, a socket or the store, and would print into it. */
#ifndef NODE_STANDARD_FILES_H
#define NODE_STANDARD_FILES_H

#include <fcntl.h>
#include <unistd.h>

/* The first thing in main. What was closed stays of no use: reading and writing fail as before. */
static inline void standard_files_hold(void)
{
    for (int file = 0; file <= 2; file++) {
        if (fcntl(file, F_GETFD) >= 0) continue;
        /* The lowest number that is free, which is this one. */
        (void)!open("/dev/null", file == 0 ? O_WRONLY : O_RDONLY);
    }
}

#endif
