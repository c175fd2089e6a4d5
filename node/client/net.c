/* client_net: client.conf of a testnet, and files of keys.
 *
 * Whatever is wrong in a file is said with its line, and nothing of it is used. A secret key's file
 * that anybody else can read is refused: by the time it is, it is no secret. */
#include "tenor/client_net.h"
#include "tenor/hex.h"

#include <errno.h>
#include <fcntl.h>
#include <mbedtls/platform_util.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONF_BYTES_MAX = 1 << 16, KEY_TEXT_MAX = 128, WORDS_MAX = 4 };

static bool refuse(char why[TN_CLIENT_WHY_SIZE], const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static bool refuse(char why[TN_CLIENT_WHY_SIZE], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, TN_CLIENT_WHY_SIZE, format, arguments);
    va_end(arguments);
    return false;
}

/* The bytes of a small file, NUL behind them; false: errno says why. */
static bool read_text(char *text, size_t room, int file)
{
    size_t size = 0;
    for (;;) {
        ssize_t got = read(file, text + size, room - 1 - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return false;
        if (got == 0) break;
        size += (size_t)got;
        if (size == room - 1) {
            errno = EFBIG;
            return false;
        }
    }
    text[size] = '\0';
    return true;
}

/* ---- client.conf -------------------------------------------------------------------------------
 */

struct line {
    const char *path;
    uint32_t number;
    char *words[WORDS_MAX];
    uint32_t words_count;
    const char *folder;
};

static bool bad(char why[TN_CLIENT_WHY_SIZE], const struct line *line, const char *what)
{
    return refuse(why, "%s:%u: %s", line->path, line->number, what);
}

static bool join(char out[TN_CLIENT_PATH_SIZE], const struct line *line, const char *file)
{
    int size = file[0] == '/' ? snprintf(out, TN_CLIENT_PATH_SIZE, "%s", file)
                              : snprintf(out, TN_CLIENT_PATH_SIZE, "%s/%s", line->folder, file);
    return size > 0 && (size_t)size < TN_CLIENT_PATH_SIZE;
}

static bool read_number(uint32_t *number, const char *text, uint32_t most)
{
    uint64_t value = 0;
    if (text[0] == '\0') return false;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at < '0' || *at > '9') return false;
        value = value * 10 + (uint64_t)(*at - '0');
        if (value > most) return false;
    }
    *number = (uint32_t)value;
    return value > 0;
}

/* HOST:PORT or [HOST]:PORT. */
static bool take_node(struct tn_client_net *net, const struct line *line,
                      char why[TN_CLIENT_WHY_SIZE])
{
    if (line->words_count != 3) return bad(why, line, "a node is HOST:PORT CERTFILE");
    if (net->nodes_count == TN_CLIENT_NODES_MAX) return bad(why, line, "more than 32 nodes");
    char *host = line->words[1];
    char *colon = strrchr(host, ':');
    uint32_t port;
    if (colon == NULL || !read_number(&port, colon + 1, 65535)) {
        return bad(why, line, "a node is HOST:PORT, with a port of 1 to 65535");
    }
    *colon = '\0';
    size_t size = strlen(host);
    if (size > 2 && host[0] == '[' && host[size - 1] == ']') {
        host[size - 1] = '\0';
        host++;
    }
    uint32_t index = net->nodes_count;
    if (host[0] == '\0' || strlen(host) >= sizeof net->hosts[index]) {
        return bad(why, line, "the host has 1 to 63 characters");
    }
    if (!join(net->certificates[index], line, line->words[2])) {
        return bad(why, line, "the certificate's path is too long");
    }
    memcpy(net->hosts[index], host, strlen(host) + 1);
    net->nodes[index] = (struct tn_client_node){
        .host = net->hosts[index], .port = (uint16_t)port, .certificate = net->certificates[index]};
    net->nodes_count++;
    return true;
}

static bool take_validator(struct tn_client_net *net, const struct line *line,
                           char why[TN_CLIENT_WHY_SIZE])
{
    uint32_t index = net->validators_count;
    if (line->words_count != 3) return bad(why, line, "a validator is KEY WEIGHT");
    if (index == TN_CLIENT_VALIDATORS_MAX) return bad(why, line, "more than 128 validators");
    uint32_t weight;
    if (!tn_hex_read(net->validators[index].bytes, TN_PUBLIC_KEY_SIZE, line->words[1]) ||
        !read_number(&weight, line->words[2], UINT32_MAX)) {
        return bad(why, line, "a validator is a public key of 66 digits and a weight");
    }
    net->weights[index] = weight;
    net->validators_count++;
    return true;
}

static bool take_file(char path[TN_CLIENT_PATH_SIZE], const struct line *line,
                      char why[TN_CLIENT_WHY_SIZE])
{
    if (line->words_count != 2) return bad(why, line, "one file belongs here");
    return join(path, line, line->words[1]) || bad(why, line, "the path is too long");
}

static bool take_line(struct tn_client_net *net, const struct line *line, bool *has_chain,
                      char why[TN_CLIENT_WHY_SIZE])
{
    const char *word = line->words[0];
    if (strcmp(word, "node") == 0) return take_node(net, line, why);
    if (strcmp(word, "validator") == 0) return take_validator(net, line, why);
    if (strcmp(word, "faucet") == 0) return take_file(net->faucet, line, why);
    if (strcmp(word, "governance") == 0) return take_file(net->governance, line, why);
    if (strcmp(word, "feeder") == 0) {
        if (net->feeders_count == TN_CLIENT_FEEDERS_MAX) {
            return bad(why, line, "more than 32 feeders");
        }
        return take_file(net->feeders[net->feeders_count++], line, why);
    }
    if (strcmp(word, "chain") == 0) {
        if (line->words_count != 2 || *has_chain ||
            !tn_hex_read(net->chain_id, sizeof net->chain_id, line->words[1])) {
            return bad(why, line, "one chain, of 64 hexadecimal digits");
        }
        *has_chain = true;
        return true;
    }
    if (strcmp(word, "market") == 0) {
        if (line->words_count != 2 || net->markets_count == TN_CLIENT_MARKETS_MAX ||
            !read_number(&net->markets[net->markets_count], line->words[1], UINT32_MAX)) {
            return bad(why, line, "a market is a number from 1, at most 64 of them");
        }
        net->markets_count++;
        return true;
    }
    return bad(why, line, "none of chain, node, market, validator, faucet, governance, feeder");
}

/* Cuts a line into words; false: too many. */
static bool cut(struct line *line, char *text)
{
    char *comment = strchr(text, '#');
    if (comment != NULL) *comment = '\0';
    line->words_count = 0;
    char *state = NULL;
    for (char *word = strtok_r(text, " \t\r", &state); word != NULL;
         word = strtok_r(NULL, " \t\r", &state)) {
        if (line->words_count == WORDS_MAX) return false;
        line->words[line->words_count++] = word;
    }
    return true;
}

static bool take_text(struct tn_client_net *net, char *text, const char *path, const char *folder,
                      char why[TN_CLIENT_WHY_SIZE])
{
    struct line line = {.path = path, .folder = folder};
    bool has_chain = false;
    for (char *at = text; at != NULL;) {
        char *end = strchr(at, '\n');
        if (end != NULL) *end = '\0';
        line.number++;
        if (!cut(&line, at)) return bad(why, &line, "too many words");
        if (line.words_count > 0 && !take_line(net, &line, &has_chain, why)) return false;
        at = end == NULL ? NULL : end + 1;
    }
    if (!has_chain) return refuse(why, "%s names no chain", path);
    if (net->nodes_count == 0) return refuse(why, "%s names no node", path);
    return true;
}

bool tn_client_net_read(struct tn_client_net *net, const char *folder, char why[TN_CLIENT_WHY_SIZE])
{
    char path[TN_CLIENT_PATH_SIZE];
    *net = (struct tn_client_net){.nodes_count = 0};
    int size = snprintf(path, sizeof path, "%s/client.conf", folder);
    if (size < 0 || (size_t)size >= sizeof path)
        return refuse(why, "the folder's path is too long");
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return refuse(why,
                      "cannot open %s: %s; a net's folder is what tenord testnet made, or what its "
                      "operators gave",
                      path, strerror(errno));
    }
    char *text = malloc(CONF_BYTES_MAX);
    bool is_read = text != NULL && read_text(text, CONF_BYTES_MAX, file);
    if (!is_read) refuse(why, "cannot read %s: %s", path, strerror(errno));
    close(file);
    bool is_good = is_read && take_text(net, text, path, folder, why);
    free(text);
    return is_good;
}

/* ---- Keys --------------------------------------------------------------------------------------
 */

static bool is_private(int file, const char *path, char why[TN_CLIENT_WHY_SIZE])
{
    struct stat facts;
    if (fstat(file, &facts) != 0)
        return refuse(why, "cannot look at %s: %s", path, strerror(errno));
    if ((facts.st_mode & 077) == 0) return true;
    return refuse(why, "%s may be read by others (mode %03o): make it 0600, and the key a new one",
                  path, (unsigned)(facts.st_mode & 0777));
}

bool tn_client_key_read(struct tn_secret_key *key, const char *path, char why[TN_CLIENT_WHY_SIZE])
{
    char text[KEY_TEXT_MAX];
    struct tn_public_key public_key;
    struct tn_address address;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return refuse(why, "cannot open the key %s: %s", path, strerror(errno));
    bool is_good = is_private(file, path, why);
    if (is_good && !read_text(text, sizeof text, file)) {
        is_good = refuse(why, "cannot read the key %s: %s", path, strerror(errno));
    }
    close(file);
    if (!is_good) return false;
    text[strcspn(text, "\r\n")] = '\0';
    is_good = tn_hex_read(key->bytes, sizeof key->bytes, text) &&
              tn_client_key_public(&public_key, &address, key);
    mbedtls_platform_zeroize(text, sizeof text);
    return is_good || refuse(why, "%s holds no secret key of 64 hexadecimal digits", path);
}

static bool write_key(const struct tn_secret_key *key, int file)
{
    char text[2 * TN_SECRET_KEY_SIZE + 1];
    tn_hex_write(text, key->bytes, sizeof key->bytes);
    text[sizeof text - 1] = '\n';
    bool is_written = write(file, text, sizeof text) == (ssize_t)sizeof text && fsync(file) == 0;
    mbedtls_platform_zeroize(text, sizeof text);
    return is_written;
}

bool tn_client_key_random(struct tn_secret_key *key)
{
    struct tn_public_key public_key;
    struct tn_address address;
    do {
        if (getrandom(key->bytes, sizeof key->bytes, 0) != (ssize_t)sizeof key->bytes) return false;
    } while (!tn_client_key_public(&public_key, &address, key));
    return true;
}

bool tn_client_key_make(struct tn_secret_key *key, const char *path, char why[TN_CLIENT_WHY_SIZE])
{
    if (!tn_client_key_random(key)) {
        return refuse(why, "the system gives no random numbers: %s", strerror(errno));
    }
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0 && errno == EEXIST) {
        return refuse(why, "cannot make the key %s: there is one, and it stays; name another",
                      path);
    }
    if (file < 0) return refuse(why, "cannot make the key %s: %s", path, strerror(errno));
    bool is_written = write_key(key, file);
    int problem = errno;
    if (close(file) == 0 && is_written) return true;
    unlink(path);
    return refuse(why, "cannot write the key %s: %s", path, strerror(problem));
}

bool tn_client_key_public(struct tn_public_key *public_key, struct tn_address *address,
                          const struct tn_secret_key *key)
{
    struct tn_signatures signatures;
    size_t size = (tn_signatures_size() + 63) & ~(size_t)63;
    void *memory = aligned_alloc(64, size);
    if (memory == NULL) return false;
    tn_signatures_real(&signatures, memory);
    bool is_key = signatures.public_key(signatures.context, public_key, key) &&
                  signatures.address(signatures.context, address, public_key);
    free(memory);
    return is_key;
}
