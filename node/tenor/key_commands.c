/* tenor key: owners' keys in files. Only `export` ever prints a secret, and only to a pipe or a
 * file: a secret on a screen is a secret in a scroll-back. */
#include "commands.h"
#include "words.h"

#include "tenor/hex.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEY_TEXT_MAX = 256 };

static bool put_key(struct thin *thin, const struct tn_secret_key *key, const char *name)
{
    struct tn_public_key public_key;
    struct tn_address address;
    char path[TN_CLIENT_PATH_SIZE];
    if (!tn_client_key_public(&public_key, &address, key)) {
        return thin_fail(thin, END_REFUSED, "the file of '%s' holds no key", name);
    }
    if (!keyring_path(path, name)) {
        thin->end = END_FAILED;
        return false;
    }
    output_text(thin->output, "name", name);
    output_hex(thin->output, "address", address.bytes, sizeof address.bytes);
    output_hex(thin->output, "public_key", public_key.bytes, sizeof public_key.bytes);
    output_text(thin->output, "file", path);
    return true;
}

static int show(struct thin *thin, struct tn_secret_key *key, const char *name)
{
    bool is_shown = put_key(thin, key, name);
    explicit_bzero(key, sizeof *key);
    return is_shown ? thin_done(thin) : thin->end;
}

int key_new(struct thin *thin)
{
    struct tn_secret_key key;
    if (!thin_options(thin, NULL, 0, 0, 1)) return thin->end;
    const char *name = thin->arguments.words_count > 0 ? thin->arguments.words[0] : thin_key(thin);
    if (!keyring_make(&key, name)) return END_REFUSED;
    return show(thin, &key, name);
}

int key_show(struct thin *thin)
{
    struct tn_secret_key key;
    if (!thin_options(thin, NULL, 0, 0, 1)) return thin->end;
    const char *name = thin->arguments.words_count > 0 ? thin->arguments.words[0] : thin_key(thin);
    if (!keyring_read(&key, name)) return END_REFUSED;
    return show(thin, &key, name);
}

int key_list(struct thin *thin)
{
    static struct keyring_names names;
    if (!thin_options(thin, NULL, 0, 0, 0)) return thin->end;
    if (!keyring_list(&names)) return END_FAILED;
    output_table(thin->output, "keys", "name address");
    for (uint32_t i = 0; i < names.count; i++) {
        struct tn_secret_key key;
        struct tn_public_key public_key;
        struct tn_address address;
        output_row(thin->output);
        output_text(thin->output, "name", names.names[i]);
        /* One that may not be read says so on standard error and stays without an address. */
        if (keyring_read(&key, names.names[i]) &&
            tn_client_key_public(&public_key, &address, &key)) {
            output_hex(thin->output, "address", address.bytes, sizeof address.bytes);
        }
        explicit_bzero(&key, sizeof key);
    }
    output_table_end(thin->output);
    if (names.more) fprintf(stderr, "tenor: there are more than %d keys\n", KEYRING_NAMES_MAX);
    return thin_done(thin);
}

int key_import(struct thin *thin)
{
    struct tn_secret_key key;
    struct tn_public_key public_key;
    struct tn_address address;
    const char *path = "-";
    const struct argument own[] = {
        {"--file", ARGUMENT_TEXT, &path, 0, "FILE", "64 hexadecimal digits (standard input)"}};
    if (!thin_options(thin, own, 1, 1, 1)) return thin->end;
    size_t size;
    char *text = command_file(&size, path);
    if (text == NULL) return command_end_of(errno);
    bool is_key = size > 0 && size < KEY_TEXT_MAX;
    if (is_key) {
        char line[KEY_TEXT_MAX];
        memcpy(line, text, size);
        line[size] = '\0';
        line[strcspn(line, " \r\n")] = '\0';
        is_key = tn_hex_read(key.bytes, sizeof key.bytes, line) &&
                 tn_client_key_public(&public_key, &address, &key);
        explicit_bzero(line, sizeof line);
    }
    explicit_bzero(text, size);
    free(text);
    if (!is_key) {
        thin_refuse(thin, "%s holds no secret key: 64 hexadecimal digits",
                    strcmp(path, "-") == 0 ? "standard input" : path);
        return thin->end;
    }
    if (keyring_import(&key, thin->arguments.words[0])) {
        return show(thin, &key, thin->arguments.words[0]);
    }
    explicit_bzero(&key, sizeof key);
    return END_REFUSED;
}

int key_export(struct thin *thin)
{
    struct tn_secret_key key;
    char text[2 * TN_SECRET_KEY_SIZE + 1];
    bool is_forced = false;
    const struct argument own[] = {
        {"--screen", ARGUMENT_FLAG, &is_forced, 0, NULL, "print the secret on a terminal too"}};
    if (!thin_options(thin, own, 1, 1, 1)) return thin->end;
    if (isatty(STDOUT_FILENO) && !is_forced) {
        thin_refuse(thin,
                    "the secret would be on the screen: send it into a file or a pipe, or say "
                    "--screen");
        return thin->end;
    }
    if (!keyring_read(&key, thin->arguments.words[0])) return END_REFUSED;
    tn_hex_write(text, key.bytes, sizeof key.bytes);
    explicit_bzero(&key, sizeof key);
    puts(text);
    explicit_bzero(text, sizeof text);
    return command_flush(stdout, stderr);
}
