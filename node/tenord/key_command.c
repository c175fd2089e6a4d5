/* key: secret keys in files: made, taken in, given out; what is public of one. */
#include "tenord/keyfile.h"
#include "tenord/tenord.h"

#include "tenor/hex.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_SIZE = 256 };

static int show_public(const struct tn_secret_key *secret, const struct tn_signatures *signatures,
                       const char *path)
{
    struct tn_public_key key;
    struct tn_address address;
    char key_text[2 * sizeof key.bytes + 1], address_text[2 * sizeof address.bytes + 1];
    if (!signatures->public_key(signatures->context, &key, secret) ||
        !signatures->address(signatures->context, &address, &key)) {
        complain("%s holds a number that is no key", path);
        return END_REFUSED;
    }
    tn_hex_write(key_text, key.bytes, sizeof key.bytes);
    tn_hex_write(address_text, address.bytes, sizeof address.bytes);
    printf("public %s\naddress 0x%s\n", key_text, address_text);
    return END_GOOD;
}

static int show(const char *path, const struct tn_signatures *signatures)
{
    struct tn_secret_key secret;
    if (!keyfile_read(&secret, path)) return END_REFUSED;
    int end = show_public(&secret, signatures, path);
    explicit_bzero(&secret, sizeof secret);
    return end;
}

static int make(const char *path, const struct tn_signatures *signatures)
{
    struct tn_public_key key;
    if (!keyfile_make(&key, path, signatures)) return end_of_place(errno);
    return show(path, signatures);
}

/* From standard input, never from the command line: others can read that. */
static int take(const char *path, const struct tn_signatures *signatures)
{
    struct tn_secret_key secret;
    struct tn_public_key key;
    char line[LINE_SIZE] = "";
    if (fgets(line, sizeof line, stdin) == NULL) line[0] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    bool is_key = tn_hex_read(secret.bytes, sizeof secret.bytes, line) &&
                  signatures->public_key(signatures->context, &key, &secret);
    explicit_bzero(line, sizeof line);
    if (!is_key) complain("standard input holds no key: one line of 32 bytes in hex");
    int end = !is_key ? END_REFUSED : keyfile_write(path, &secret) ? END_GOOD : end_of_place(errno);
    explicit_bzero(&secret, sizeof secret);
    return end == END_GOOD ? show(path, signatures) : end;
}

static int give(const char *path, bool terminal)
{
    struct tn_secret_key secret;
    char text[2 * sizeof secret.bytes + 1];
    if (isatty(STDOUT_FILENO) && !terminal) {
        complain("this would show the secret on the terminal: send it to a file or a pipe, or say "
                 "--terminal");
        return END_REFUSED;
    }
    if (!keyfile_read(&secret, path)) return END_REFUSED;
    tn_hex_write(text, secret.bytes, sizeof secret.bytes);
    printf("%s\n", text);
    explicit_bzero(&secret, sizeof secret);
    explicit_bzero(text, sizeof text);
    return END_GOOD;
}

int key_command(int arguments_count, char **arguments)
{
    const char *words[2];
    bool terminal = false;
    struct tn_signatures signatures;
    const struct option options[] = {
        {"--terminal", OPTION_FLAG, &terminal, 0, "export: also to a terminal"},
    };
    struct option_set set = {
        .usage = "usage: tenord key new|show|import|export FILE\n\n"
                 "new: a new key into a new file, mode 0600.  show: its public key and address.\n"
                 "import: the secret from standard input into a new file.  export: the secret to "
                 "standard output.\n",
        .options = options,
        .options_count = 1,
        .words = words,
        .words_max = 2};
    if (!options_read(&set, arguments_count, arguments)) {
        return set.help_printed ? END_GOOD : END_REFUSED;
    }
    if (set.words_count != 2) {
        complain("key wants one of new, show, import, export, and a file; see tenord key --help");
        return END_REFUSED;
    }
    void *memory = keyfile_signatures(&signatures);
    if (memory == NULL) return END_FAILED;
    int end = END_REFUSED;
    if (strcmp(words[0], "new") == 0) {
        end = make(words[1], &signatures);
    } else if (strcmp(words[0], "show") == 0) {
        end = show(words[1], &signatures);
    } else if (strcmp(words[0], "import") == 0) {
        end = take(words[1], &signatures);
    } else if (strcmp(words[0], "export") == 0) {
        end = give(words[1], terminal);
    } else {
        complain("there is no key %s; see tenord key --help", words[0]);
    }
    free(memory);
    return end;
}
