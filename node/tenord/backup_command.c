/* backup: a home to start from elsewhere: the genesis, a consistent copy of the store, and a mark
 * that its log begins anew. What the log of the running node has beyond the copy is not in it. */
#include "reading.h"
#include "set_home.h"
#include "tenord.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool copy_genesis(const char *from_home, const char *to_home)
{
    enum { FILE_MAX = 1 << 16 };
    char from[PATH_SIZE], to[PATH_SIZE];
    size_t size;
    if (!home_path(from, from_home, "genesis.conf") || !home_path(to, to_home, "genesis.conf")) {
        return false;
    }
    uint8_t *bytes = file_read(&size, from, FILE_MAX);
    bool is_good = bytes != NULL && file_write(to, bytes, size);
    free(bytes);
    return is_good;
}

static int back_up(const char *home, const char *to)
{
    struct reading reading;
    struct store_trail trail;
    char path[PATH_SIZE], mark[PATH_SIZE];
    if (to == NULL) {
        complain("backup needs --to DIR; see tenord backup --help");
        return END_REFUSED;
    }
    if (set_home_is_one(home)) return set_home_backup(home, to);
    if (!home_path(path, to, "store") || !home_path(mark, to, "restored")) return END_REFUSED;
    if (!reading_open(&reading, home)) return reading_end(&reading);
    int end = END_GOOD;
    bool is_made = mkdir(to, 0755) == 0;
    if (!is_made) {
        int why = errno;
        complain("cannot make %s: %s; give a folder that is not there yet", to, strerror(why));
        end = end_of_place(why);
    }
    const char note_text[] = "The log of this home begins anew: it was made by tenord backup.\n";
    if (end == END_GOOD && store_copy(reading.store, path, &trail) != STORE_OK) {
        complain("%s", trail.text);
        end = END_FAILED;
    }
    if (end == END_GOOD &&
        (!file_write(mark, note_text, sizeof note_text - 1) || !copy_genesis(home, to))) {
        end = END_FAILED;
    }
    if (end == END_GOOD) {
        printf("%s holds height %llu or later, root at the start %s\n", to,
               (unsigned long long)reading.point.height, hash_text(&reading.point.root));
    }
    if (is_made && end != END_GOOD) (void)rmdir(to); /* a second try may name it again */
    reading_close(&reading);
    return end;
}

int backup_command(int arguments_count, char **arguments)
{
    const char *home = NULL, *to = NULL;
    const struct option options[] = {
        {"--home", OPTION_TEXT, &home, 0, "folder of the node, which may be running"},
        {"--to", OPTION_TEXT, &to, 0, "folder to make: a home to start from"},
    };
    struct option_set set = {
        .usage = "usage: tenord backup --home DIR --to DIR\n\n"
                 "Of a node of a set: its store, genesis.conf and set.conf; no key.\n",
        .options = options,
        .options_count = 2};
    if (!options_read(&set, arguments_count, arguments)) {
        return set.help_printed ? END_GOOD : END_REFUSED;
    }
    return back_up(home, to);
}
