/* Secret keys in files. What was read or written is wiped from every buffer that held it. */
#include "tenord/keyfile.h"

#include "tenord/tenord.h"

#include "tenor/hex.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEX_SIZE = 2 * TN_SECRET_KEY_SIZE, TEXT_MAX = 256 };

static bool refuse(int descriptor, const char *format, const char *path)
{
    if (descriptor >= 0) close(descriptor);
    complain(format, path, path);
    return false;
}

/* The descriptor is asked, not the name: what is read is what was looked at. */
bool keyfile_read(struct tn_secret_key *key, const char *path)
{
    struct stat about;
    char text[TEXT_MAX + 1];
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0 || fstat(descriptor, &about) != 0) {
        complain("cannot read %s: %s", path, strerror(errno));
        if (descriptor >= 0) close(descriptor);
        return false;
    }
    if (!S_ISREG(about.st_mode)) return refuse(descriptor, "%s is no file", path);
    if ((about.st_mode & 077) != 0) {
        return refuse(descriptor, "%s can be read by others: chmod 600 %s", path);
    }
    ssize_t got = read(descriptor, text, TEXT_MAX);
    close(descriptor);
    text[got > 0 ? got : 0] = '\0';
    text[strcspn(text, "\r\n")] = '\0';
    bool is_good = got > 0 && tn_hex_read(key->bytes, sizeof key->bytes, text);
    explicit_bzero(text, sizeof text);
    if (!is_good) complain("%s holds no key: 32 bytes in hex", path);
    return is_good;
}

bool keyfile_write(const char *path, const struct tn_secret_key *key)
{
    char text[HEX_SIZE + 2];
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (descriptor < 0) {
        int problem = errno;
        complain("cannot make %s: %s", path, strerror(problem));
        errno = problem;
        return false;
    }
    tn_hex_write(text, key->bytes, sizeof key->bytes);
    text[HEX_SIZE] = '\n';
    bool is_good = write(descriptor, text, HEX_SIZE + 1) == HEX_SIZE + 1 && fsync(descriptor) == 0;
    int why = errno;
    explicit_bzero(text, sizeof text);
    is_good = close(descriptor) == 0 && is_good && folder_sync_of(path);
    if (is_good) return true;
    unlink(path);
    complain("cannot write %s: %s", path, strerror(why));
    errno = why;
    return false;
}

bool keyfile_make(struct tn_public_key *public_key, const char *path,
                  const struct tn_signatures *signatures)
{
    struct tn_secret_key secret;
    do {
        if (getrandom(secret.bytes, sizeof secret.bytes, 0) != (ssize_t)sizeof secret.bytes) {
            int why = errno;
            complain("no randomness: %s", strerror(why));
            errno = why;
            return false;
        }
    } while (!signatures->public_key(signatures->context, public_key, &secret));
    bool is_made = keyfile_write(path, &secret);
    explicit_bzero(&secret, sizeof secret);
    return is_made;
}

void *keyfile_signatures(struct tn_signatures *signatures)
{
    void *memory = aligned_alloc(16, (tn_signatures_size() + 15) / 16 * 16);
    if (memory == NULL) {
        complain("out of memory");
        return NULL;
    }
    tn_signatures_real(signatures, memory);
    return memory;
}
