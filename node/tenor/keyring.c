/* keyring: key files and session files.
 *
 * A session file is written to a name of its own and renamed, so a crash leaves the old one or the
 * new one. Secrets are wiped from memory after use; they are never printed but by `key export`. */
#include "keyring.h"

#include "tenor/crypto.h"
#include "tenor/hex.h"
#include "words.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SESSION_TEXT = 512, CHAIN_DIGITS = 16 };

static bool complain(const char *what, const char *path, const char *why)
{
    fprintf(stderr, "tenor: cannot %s %s: %s\n", what, path, why);
    return false;
}

/* ---- Folders ----------------------------------------------------------------------------------
 */

static bool join(char out[TN_CLIENT_PATH_SIZE], const char *folder, const char *name)
{
    int length = snprintf(out, TN_CLIENT_PATH_SIZE, "%s/%s", folder, name);
    if (length > 0 && (uint32_t)length < TN_CLIENT_PATH_SIZE) return true;
    return complain("use the folder", folder, "its name is too long");
}

static bool home(char out[TN_CLIENT_PATH_SIZE])
{
    const char *own = getenv("TENOR_HOME"), *user = getenv("HOME");
    if (own != NULL && own[0] != '\0') {
        int length = snprintf(out, TN_CLIENT_PATH_SIZE, "%s", own);
        if (length > 0 && (uint32_t)length < TN_CLIENT_PATH_SIZE) return true;
        return complain("use the folder", own, "its name is too long");
    }
    if (user != NULL && user[0] != '\0') return join(out, user, ".tenor");
    fprintf(stderr, "tenor: neither TENOR_HOME nor HOME is set: where are the keys?\n");
    return false;
}

static bool make_folder(const char *path)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST) return true;
    return complain("make the folder", path, strerror(errno));
}

bool keyring_name_is_good(const char *name)
{
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                 "-_");
    if (length > 0 && length <= KEYRING_NAME_MAX && name[length] == '\0') return true;
    fprintf(stderr, "tenor: '%.60s' is no name of a key: 1 to %d letters, digits, '-' and '_'\n",
            name, KEYRING_NAME_MAX);
    return false;
}

static bool keys_folder(char out[TN_CLIENT_PATH_SIZE])
{
    char folder[TN_CLIENT_PATH_SIZE];
    return home(folder) && make_folder(folder) && join(out, folder, "keys") && make_folder(out);
}

/* ---- Keys -------------------------------------------------------------------------------------
 */

bool keyring_path(char path[TN_CLIENT_PATH_SIZE], const char *name)
{
    char folder[TN_CLIENT_PATH_SIZE], file[KEYRING_NAME_MAX + 8];
    if (!keyring_name_is_good(name) || !keys_folder(folder)) return false;
    snprintf(file, sizeof file, "%s.key", name);
    return join(path, folder, file);
}

bool keyring_exists(const char *name)
{
    char path[TN_CLIENT_PATH_SIZE];
    struct stat about;
    return keyring_path(path, name) && stat(path, &about) == 0;
}

bool keyring_read(struct tn_secret_key *key, const char *name)
{
    char path[TN_CLIENT_PATH_SIZE], why[TN_CLIENT_WHY_SIZE];
    struct stat about;
    if (!keyring_path(path, name)) return false;
    if (stat(path, &about) != 0 && errno == ENOENT) {
        fprintf(stderr,
                "tenor: there is no key '%s'; tenor key list shows those that there are, "
                "tenor key new %s makes it, and on a testnet so does tenor faucet\n",
                name, name);
        return false;
    }
    if (tn_client_key_read(key, path, why)) return true;
    fprintf(stderr, "tenor: %s\n", why);
    return false;
}

bool keyring_make(struct tn_secret_key *key, const char *name)
{
    char path[TN_CLIENT_PATH_SIZE], why[TN_CLIENT_WHY_SIZE];
    if (!keyring_path(path, name)) return false;
    if (tn_client_key_make(key, path, why)) return true;
    fprintf(stderr, "tenor: %s\n", why);
    return false;
}

static bool write_all(int file, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t put = write(file, text, size);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        text += put;
        size -= (size_t)put;
    }
    return fsync(file) == 0;
}

bool keyring_import(const struct tn_secret_key *key, const char *name)
{
    char path[TN_CLIENT_PATH_SIZE];
    return keyring_path(path, name) && keyring_write(key, path);
}

bool keyring_write(const struct tn_secret_key *key, const char *path)
{
    char text[2 * TN_SECRET_KEY_SIZE + 2];
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) {
        int problem = errno;
        if (problem == EEXIST) {
            complain("make the key", path, "there is one, and it stays; name another");
        } else {
            complain("make the key file", path, strerror(problem));
        }
        errno = problem;
        return false;
    }
    tn_hex_write(text, key->bytes, TN_SECRET_KEY_SIZE);
    text[sizeof text - 2] = '\n';
    bool is_good = write_all(file, text, sizeof text - 1);
    int fault = errno;
    explicit_bzero(text, sizeof text);
    close(file);
    if (is_good) return true;
    unlink(path);
    complain("write the key file", path, strerror(fault));
    errno = fault;
    return false;
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

bool keyring_list(struct keyring_names *names)
{
    char folder[TN_CLIENT_PATH_SIZE];
    names->count = 0;
    names->more = false;
    if (!keys_folder(folder)) return false;
    DIR *listing = opendir(folder);
    if (listing == NULL) return complain("list the folder", folder, strerror(errno));
    for (struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing)) {
        size_t length = strlen(entry->d_name);
        if (length < 5 || length - 4 > KEYRING_NAME_MAX) continue;
        if (strcmp(entry->d_name + length - 4, ".key") != 0) continue;
        if (names->count == KEYRING_NAMES_MAX) {
            names->more = true;
            break;
        }
        char *name = names->names[names->count++];
        memcpy(name, entry->d_name, length - 4);
        name[length - 4] = '\0';
    }
    closedir(listing);
    qsort(names->names, names->count, sizeof names->names[0], compare);
    return true;
}

/* ---- Sessions ---------------------------------------------------------------------------------
 */

static bool session_path(char path[TN_CLIENT_PATH_SIZE], const uint8_t chain_id[32],
                         const char *name, uint32_t market)
{
    char folder[TN_CLIENT_PATH_SIZE], all[TN_CLIENT_PATH_SIZE], own[TN_CLIENT_PATH_SIZE];
    char chain[CHAIN_DIGITS + 1], file[KEYRING_NAME_MAX + 16];
    tn_hex_write(chain, chain_id, CHAIN_DIGITS / 2);
    if (!keyring_name_is_good(name) || !home(folder) || !make_folder(folder)) return false;
    if (!join(all, folder, "sessions") || !make_folder(all)) return false;
    if (!join(own, all, chain) || !make_folder(own)) return false;
    snprintf(file, sizeof file, "%s-%u", name, market);
    return join(path, own, file);
}

/* The file's text, which is only its owner's; *found false when there is none. */
static bool read_text(char text[SESSION_TEXT], bool *found, const char *path)
{
    struct stat about;
    *found = false;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 && errno == ENOENT) return true;
    if (file < 0) return complain("read the session", path, strerror(errno));
    ssize_t size = read(file, text, SESSION_TEXT - 1);
    int fault = errno;
    bool is_known = fstat(file, &about) == 0;
    close(file);
    if (size < 0 || !is_known) return complain("read the session", path, strerror(fault));
    text[size] = '\0';
    if ((about.st_mode & 077) == 0) {
        *found = true;
        return true;
    }
    explicit_bzero(text, SESSION_TEXT);
    fprintf(stderr, "tenor: others may read %s, which holds a secret key; run: chmod 600 %s\n",
            path, path);
    return false;
}

static bool read_number(uint64_t *number, const char *text, const char *word)
{
    const char *at = strstr(text, word);
    char *end;
    if (at == NULL) return false;
    errno = 0;
    *number = strtoull(at + strlen(word), &end, 10);
    return errno == 0 && *end == '\n';
}

static bool parse(struct keyring_session *session, const char *text)
{
    char digits[2 * TN_SECRET_KEY_SIZE + 1];
    uint64_t account, expires_ms;
    const char *secret = strstr(text, "\nsecret ");
    if (!read_number(&account, text, "account ") || account >= TN_NONE ||
        !read_number(&session->session, text, "\nsession ") ||
        !read_number(&expires_ms, text, "\nexpires_ms ") || expires_ms > INT64_MAX ||
        secret == NULL || strlen(secret + 8) < sizeof digits) {
        return false;
    }
    session->account = (uint32_t)account;
    session->expires_ms = (int64_t)expires_ms;
    memcpy(digits, secret + 8, sizeof digits - 1);
    digits[sizeof digits - 1] = '\0';
    bool is_key = tn_hex_read(session->key.bytes, TN_SECRET_KEY_SIZE, digits);
    explicit_bzero(digits, sizeof digits);
    return is_key;
}

bool keyring_session_read(struct keyring_session *session, bool *found, const uint8_t chain_id[32],
                          const char *name, uint32_t market)
{
    char path[TN_CLIENT_PATH_SIZE], text[SESSION_TEXT];
    *found = false;
    if (!session_path(path, chain_id, name, market) || !read_text(text, found, path)) return false;
    if (!*found) return true;
    session->market = market;
    bool is_good = parse(session, text);
    explicit_bzero(text, sizeof text);
    if (is_good) return true;
    *found = false;
    return complain("use the session", path,
                    "it is damaged: remove that file and run tenor session new");
}

bool keyring_session_write(const struct keyring_session *session, const uint8_t chain_id[32],
                           const char *name)
{
    char path[TN_CLIENT_PATH_SIZE], made[TN_CLIENT_PATH_SIZE + 8], text[SESSION_TEXT];
    char digits[2 * TN_SECRET_KEY_SIZE + 1];
    if (!session_path(path, chain_id, name, session->market)) return false;
    snprintf(made, sizeof made, "%s.new", path);
    unlink(made);
    int file = open(made, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) return complain("make the session's file", made, strerror(errno));
    tn_hex_write(digits, session->key.bytes, TN_SECRET_KEY_SIZE);
    int size = snprintf(text, sizeof text, "account %u\nsession %llu\nexpires_ms %lld\nsecret %s\n",
                        session->account, (unsigned long long)session->session,
                        (long long)session->expires_ms, digits);
    bool is_good = write_all(file, text, (size_t)size);
    int fault = errno;
    explicit_bzero(text, sizeof text);
    explicit_bzero(digits, sizeof digits);
    close(file);
    if (is_good && rename(made, path) == 0) return true;
    if (is_good) fault = errno;
    unlink(made);
    return complain("write the session", path, strerror(fault));
}

bool keyring_session_drop(const uint8_t chain_id[32], const char *name, uint32_t market)
{
    char path[TN_CLIENT_PATH_SIZE];
    if (!session_path(path, chain_id, name, market)) return false;
    if (unlink(path) == 0 || errno == ENOENT) return true;
    return complain("drop the session", path, strerror(errno));
}
