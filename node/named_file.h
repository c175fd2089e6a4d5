/* named_file: whose fault it is that a file or folder cannot be read, made or written: whoever
 * named it has to name another, or disk or memory failed. The programs end with 2 and with 1. */
#ifndef NODE_NAMED_FILE_H
#define NODE_NAMED_FILE_H

#include <errno.h>
#include <stdbool.h>

/* By errno: is it not there, taken, of another kind, or somebody else's? */
static inline bool named_file_is_refused(int error)
{
    switch (error) {
        case EACCES:
        case EEXIST:
        case EISDIR:
        case ELOOP:
        case ENAMETOOLONG:
        case ENOENT:
        case ENOTDIR:
        case ENOTEMPTY:
        case EPERM:
        case EROFS: return true;
        default: return false;
    }
}

#endif
