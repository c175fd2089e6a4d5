/* local: a socket that programs of this machine talk to a node by. */
#include "tenord.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* A socket of a process that is gone is in the way; anything else is somebody's. */
static bool clear_path(const struct sockaddr_un *address)
{
    struct stat about;
    if (lstat(address->sun_path, &about) != 0) return errno == ENOENT;
    if (!S_ISSOCK(about.st_mode)) {
        errno = EEXIST;
        return false;
    }
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe < 0) return false;
    bool is_used = connect(probe, (const struct sockaddr *)address, sizeof *address) == 0;
    int why = is_used ? EADDRINUSE : errno;
    close(probe);
    errno = why;
    return why == ECONNREFUSED && unlink(address->sun_path) == 0;
}

int local_listen(const char *path, int waiting_max)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        complain("the socket's name %s is longer than %zu bytes", path,
                 sizeof address.sun_path - 1);
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    mode_t mask = umask(0077); /* only who runs the node may talk to it */
    int listener = -1;
    if (clear_path(&address)) {
        listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        bool is_open = listener >= 0 &&
                       bind(listener, (const struct sockaddr *)&address, sizeof address) == 0 &&
                       listen(listener, waiting_max) == 0;
        if (!is_open && listener >= 0) {
            close(listener);
            listener = -1;
        }
    }
    umask(mask);
    if (listener < 0) complain("cannot listen at %s: %s", path, strerror(errno));
    return listener;
}
