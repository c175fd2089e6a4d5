/* init: a home for a node that is to join a set: its key, its identity, its settings.
 *
 * What all nodes of a set share (genesis.conf, set.conf) and who the others are comes from them;
 * init says what to ask for, and what to hand out. */
#include "cluster/commands.h"
#include "cluster/conf.h"
#include "link/certificate.h"
#include "tenord/keyfile.h"
#include "tenord/tenord.h"

#include "tenor/hex.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct making {
    const char *home, *name, *listen, *clients;
    struct tn_signatures signatures;
    struct tn_public_key key;
    struct certificate identity;
};

static bool path_in(char path[CONF_PATH_SIZE], const struct making *making, const char *name)
{
    int length = snprintf(path, CONF_PATH_SIZE, "%s/%s", making->home, name);
    if (length > 0 && length < (int)CONF_PATH_SIZE) return true;
    complain("the name of the folder %s is too long", making->home);
    return false;
}

static bool make_secrets(struct making *making)
{
    char path[CONF_PATH_SIZE], problem[LINK_PROBLEM_SIZE];
    if (!path_in(path, making, "vote.key") ||
        !keyfile_make(&making->key, path, &making->signatures) ||
        !path_in(path, making, "identity.pem")) {
        return false;
    }
    if (!certificate_make(&making->identity, problem) ||
        !certificate_save(&making->identity, problem, path)) {
        complain("%s", problem);
        return false;
    }
    const char *certificate = making->identity.certificate;
    return path_in(path, making, "identity.crt") &&
           file_make(path, certificate, strlen(certificate));
}

static bool change(struct settings *settings, const char *name, const char *value)
{
    char assignment[SETTINGS_TEXT_SIZE + 32], problem[SETTINGS_PROBLEM_SIZE];
    if (value == NULL) return true;
    snprintf(assignment, sizeof assignment, "%s=%s", name, value);
    if (settings_override(settings, problem, assignment)) return true;
    complain("%s", problem);
    return false;
}

static bool make_settings(struct settings *settings, const struct making *making)
{
    settings_default(settings, ".");
    return change(settings, "node.name", making->name) &&
           change(settings, "node.listen", making->listen) &&
           change(settings, "clients.listen", making->clients);
}

static bool write_settings(const struct settings *settings, const struct making *making)
{
    char path[CONF_PATH_SIZE];
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (out != NULL) {
        settings_print_commented(out, settings);
        fputs("\n# One such table for each other node of the set:\n# [[peer]]\n"
              "# key = \"33 bytes in hex\"\n# address = \"HOST:PORT\"\n"
              "# certificate = \"peer-NAME.crt\"\n",
              out);
        fclose(out);
    }
    bool is_made =
        text != NULL && path_in(path, making, "tenord.toml") && file_make(path, text, size);
    if (text == NULL) complain("out of memory");
    free(text);
    return is_made;
}

/* A package makes the folder for the node's user, who could not make it himself. */
static bool is_empty_folder(const char *path)
{
    uint32_t others = 0;
    DIR *folder = opendir(path);
    if (folder == NULL) return false;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        others += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(folder);
    return others == 0;
}

static int make_home(struct making *making)
{
    char key[2 * TN_PUBLIC_KEY_SIZE + 1];
    struct settings *settings = malloc(sizeof *settings);
    if (settings == NULL) {
        complain("out of memory");
        return END_FAILED;
    }
    if (!make_settings(settings, making)) {
        free(settings);
        return END_REFUSED;
    }
    int made =
        is_empty_folder(making->home) ? chmod(making->home, 0700) : mkdir(making->home, 0700);
    if (made != 0) {
        int why = errno;
        complain("cannot make %s: %s%s", making->home, strerror(why),
                 why == EEXIST ? "; a home is never made over another one: name a new folder" : "");
        free(settings);
        return end_of_place(why);
    }
    bool is_made = make_secrets(making) && write_settings(settings, making);
    free(settings);
    if (!is_made) return END_FAILED;
    tn_hex_write(key, making->key.bytes, sizeof making->key.bytes);
    printf("%s is made. Its public key: %s\n"
           "1. Give that key and %s/identity.crt to the other nodes.\n"
           "2. Put their genesis.conf and set.conf into %s, and for each of them a [[peer]] into\n"
           "   %s/tenord.toml with its certificate.\n"
           "3. tenord config check --home %s\n",
           making->home, key, making->home, making->home, making->home, making->home);
    return END_GOOD;
}

int init_command(int arguments_count, char **arguments)
{
    static struct making making;
    const struct option options[] = {
        {"--home", OPTION_TEXT, &making.home, 0, "a folder to make, or an empty one"},
        {"--name", OPTION_TEXT, &making.name, 0, "node.name"},
        {"--listen", OPTION_TEXT, &making.listen, 0, "node.listen (127.0.0.1:7400)"},
        {"--clients", OPTION_TEXT, &making.clients, 0, "clients.listen (127.0.0.1:7500)"},
    };
    struct option_set set = {.usage = "usage: tenord init --home DIR [OPTION...]\n\n"
                                      "Makes a home for a node that is to join a set.\n",
                             .options = options,
                             .options_count = sizeof options / sizeof options[0]};
    if (!options_read(&set, arguments_count, arguments)) {
        return set.help_printed ? END_GOOD : END_REFUSED;
    }
    if (making.home == NULL) {
        complain("init needs --home DIR; see tenord init --help");
        return END_REFUSED;
    }
    void *memory = keyfile_signatures(&making.signatures);
    if (memory == NULL) return END_FAILED;
    int end = make_home(&making);
    free(memory);
    return end;
}
