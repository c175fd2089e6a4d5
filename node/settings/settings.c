/* tenord.toml: every value of the file to its setting, or a refusal with its place.
 *
 * The file is read whole; the first thing that is wrong ends it. What the file does not say has its
 * default. [[peer]] is the one list: who the other nodes are. */
#include "settings/settings.h"

#include "settings/table.h"
#include "settings/toml.h"

#include "tenor/hex.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEXT_STEP "; 'tenord config reference' has every setting"

struct reading {
    struct settings *settings;
    const struct toml_document *document;
    const char *name;
    char *problem;
};

/* The problem of a value, behind its place. */
__attribute__((format(printf, 3, 4))) static bool refuse(const struct reading *reading, uint32_t at,
                                                         const char *format, ...)
{
    char what[SETTINGS_PROBLEM_SIZE];
    uint32_t line, column;
    va_list arguments;
    toml_place(reading->document, &line, &column, at);
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    snprintf(reading->problem, SETTINGS_PROBLEM_SIZE, "%.400s:%u:%u: %.500s", reading->name, line,
             column, what);
    return false;
}

void settings_default(struct settings *settings, const char *home)
{
    memset(settings, 0, sizeof *settings);
    snprintf(settings->home, sizeof settings->home, "%s", home);
    for (uint32_t i = 0; i < settings_count; i++)
        setting_take_standard(settings, &setting_table[i]);
}

/* ---- One value ---------------------------------------------------------------------------------
 */

static bool take_value(const struct reading *reading, const struct setting *setting,
                       const char *name, const struct toml_value *value)
{
    char what[SETTINGS_PROBLEM_SIZE] = "";
    bool is_taken = false;
    switch (value->kind) {
        case TOML_STRING:
            is_taken = setting_take_text(reading->settings, what, setting, value->as.text.bytes,
                                         value->as.text.size);
            break;
        case TOML_INTEGER:
            is_taken = setting_take_number(reading->settings, what, setting, value->as.integer);
            break;
        case TOML_BOOL:
            is_taken = setting_take_bool(reading->settings, what, setting, value->as.truth);
            break;
        case TOML_FLOAT:
        case TOML_DATE:
        case TOML_ARRAY:
        case TOML_TABLE:
            snprintf(what, sizeof what, "it wants %s, not %s", setting_kind_text(setting),
                     toml_kind_text(value->kind));
            break;
    }
    return is_taken || refuse(reading, value->at, "%s: %s" NEXT_STEP, name, what);
}

static bool refuse_unknown(const struct reading *reading, const struct toml_value *value,
                           const char *name)
{
    char nearest[SETTING_NAME_SIZE];
    if (setting_nearest(nearest, name) != NULL) {
        return refuse(reading, value->at, "unknown setting '%.100s'; did you mean '%s'?", name,
                      nearest);
    }
    return refuse(reading, value->at, "unknown setting '%.100s'" NEXT_STEP, name);
}

/* ---- Peers -------------------------------------------------------------------------------------
 */

static bool take_key(struct tn_public_key *key, const struct toml_text *text)
{
    return text->size == 2 * sizeof key->bytes &&
           tn_hex_begins(key->bytes, sizeof key->bytes, text->bytes);
}

static bool key_is(const struct toml_value *value, const char *name)
{
    return value->key.size == strlen(name) && memcmp(value->key.bytes, name, value->key.size) == 0;
}

/* HOST:PORT, or "". */
static bool take_peer_address(const struct reading *reading, char out[SETTINGS_TEXT_SIZE],
                              const struct toml_value *value)
{
    char what[SETTINGS_PROBLEM_SIZE];
    const struct toml_text *text = &value->as.text;
    if (text->size >= SETTINGS_TEXT_SIZE || memchr(text->bytes, 0, text->size) != NULL) {
        return refuse(reading, value->at, "peer.%s is not HOST:PORT", value->key.bytes);
    }
    strcpy(out, text->bytes);
    return text->size == 0 || setting_check_address(what, text->bytes, 1) ||
           refuse(reading, value->at, "peer.%s: %s", value->key.bytes, what);
}

static bool take_peer_value(const struct reading *reading, struct settings_peer *peer,
                            const struct toml_value *value)
{
    const struct toml_text *text = &value->as.text;
    char what[SETTINGS_PROBLEM_SIZE];
    bool is_key = key_is(value, "key"), is_certificate = key_is(value, "certificate");
    bool is_address = key_is(value, "address"), is_clients = key_is(value, "clients");
    if (!is_key && !is_certificate && !is_address && !is_clients) {
        return refuse(reading, value->at,
                      "unknown setting 'peer.%.100s'; a peer has key, address, certificate and "
                      "clients",
                      value->key.bytes);
    }
    if (value->kind != TOML_STRING) {
        return refuse(reading, value->at, "peer.%s wants a text", value->key.bytes);
    }
    if (is_key) {
        return take_key(&peer->key, text) ||
               refuse(reading, value->at, "peer.key wants a public key: 33 bytes in hex");
    }
    if (is_address) return take_peer_address(reading, peer->address, value);
    if (is_clients) return take_peer_address(reading, peer->clients, value);
    return setting_make_path(peer->certificate, what, reading->settings->home, text->bytes,
                             text->size) ||
           refuse(reading, value->at, "peer.certificate: %s", what);
}

static bool take_peer(const struct reading *reading, const struct toml_value *table)
{
    static const struct tn_public_key none;
    struct settings *settings = reading->settings;
    if (table->kind != TOML_TABLE) {
        return refuse(reading, table->at, "a peer is a table: [[peer]]");
    }
    if (settings->peers_count == SETTINGS_PEERS_MAX) {
        return refuse(reading, table->at, "more than %u peers", SETTINGS_PEERS_MAX);
    }
    struct settings_peer *peer = &settings->peers[settings->peers_count];
    const struct toml_value *value = toml_first(reading->document, table);
    for (; value != NULL; value = toml_next(reading->document, value)) {
        if (!take_peer_value(reading, peer, value)) return false;
    }
    if (tn_public_key_equal(&peer->key, &none) || peer->certificate[0] == '\0') {
        return refuse(reading, table->at, "this peer lacks its key or its certificate");
    }
    for (uint32_t i = 0; i < settings->peers_count; i++) {
        if (tn_public_key_equal(&settings->peers[i].key, &peer->key)) {
            return refuse(reading, table->at, "a second peer with the key of another");
        }
    }
    settings->peers_count++;
    return true;
}

static bool take_peers(const struct reading *reading, const struct toml_value *list)
{
    if (list->kind != TOML_ARRAY) {
        return refuse(reading, list->at, "each peer is a table of its own: [[peer]]");
    }
    const struct toml_value *table = toml_first(reading->document, list);
    for (; table != NULL; table = toml_next(reading->document, table)) {
        if (!take_peer(reading, table)) return false;
    }
    return true;
}

/* ---- The file ----------------------------------------------------------------------------------
 */

/* Every value of a table, whose name is "" or "clients.limits". The depth is that of the table of
 * settings: what is no section of it is refused, not entered. */
static bool take_table(const struct reading *reading, const struct toml_value *table,
                       const char *above)
{
    char name[2 * SETTINGS_TEXT_SIZE];
    const struct toml_value *value = toml_first(reading->document, table);
    for (; value != NULL; value = toml_next(reading->document, value)) {
        int length = snprintf(name, sizeof name, "%s%s%.200s", above, above[0] == '\0' ? "" : ".",
                              value->key.bytes);
        bool is_whole = memchr(value->key.bytes, 0, value->key.size) == NULL;
        const struct setting *setting = is_whole ? setting_find(name, (size_t)length) : NULL;
        bool is_good;
        if (above[0] == '\0' && is_whole && key_is(value, "peer")) {
            is_good = take_peers(reading, value);
        } else if (setting != NULL) {
            is_good = take_value(reading, setting, name, value);
        } else if (is_whole && setting_is_section(name, (size_t)length)) {
            is_good = value->kind == TOML_TABLE
                          ? take_table(reading, value, name)
                          : refuse(reading, value->at, "%s is a table: [%s]", name, name);
        } else {
            is_good = refuse_unknown(reading, value, name);
        }
        if (!is_good) return false;
    }
    return true;
}

bool settings_read_text(struct settings *settings, char problem[SETTINGS_PROBLEM_SIZE],
                        const char *home, const char *name, const char *text, size_t size)
{
    struct toml_document document;
    struct toml_fault fault;
    struct reading reading = {
        .settings = settings, .document = &document, .name = name, .problem = problem};
    settings_default(settings, home);
    if (!toml_read(&document, &fault, text, size)) {
        snprintf(problem, SETTINGS_PROBLEM_SIZE, "%.400s:%u:%u: %s", name, fault.line, fault.column,
                 fault.text);
        return false;
    }
    bool is_good = take_table(&reading, &document.values[0], "");
    const struct gateway_limits *limits = &settings->clients.limits;
    if (is_good && limits->heartbeat_least_ms > limits->heartbeat_most_ms) {
        is_good = refuse(&reading, 0, "clients.limits: heartbeat_least is above heartbeat_most");
    }
    toml_free(&document);
    return is_good;
}

/* A regular file of at most SETTINGS_FILE_MAX bytes; NULL: problem says why. */
static char *read_file(char problem[SETTINGS_PROBLEM_SIZE], const char *path, size_t *size)
{
    struct stat about;
    char *text = NULL;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    errno = descriptor < 0 ? errno : EINVAL;
    if (descriptor >= 0 && fstat(descriptor, &about) == 0 && S_ISREG(about.st_mode) &&
        about.st_size <= (off_t)SETTINGS_FILE_MAX) {
        text = malloc((size_t)about.st_size + 1);
        ssize_t got = text == NULL ? -1 : read(descriptor, text, (size_t)about.st_size + 1);
        *size = got < 0 ? 0 : (size_t)got;
        if (got < 0 || got > about.st_size) {
            free(text);
            text = NULL;
        }
    }
    if (text == NULL) {
        snprintf(problem, SETTINGS_PROBLEM_SIZE, "cannot read %.600s: %s", path,
                 errno == EINVAL ? "it is no file of at most 1 MiB" : strerror(errno));
    }
    if (descriptor >= 0) close(descriptor);
    return text;
}

bool settings_read(struct settings *settings, char problem[SETTINGS_PROBLEM_SIZE], const char *home)
{
    char path[SETTINGS_PATH_SIZE], old[SETTINGS_PATH_SIZE];
    struct stat about;
    size_t size = 0;
    int length = snprintf(path, sizeof path, "%s/tenord.toml", home);
    snprintf(old, sizeof old, "%s/node.conf", home);
    if (length < 0 || (size_t)length >= sizeof path) {
        snprintf(problem, SETTINGS_PROBLEM_SIZE, "the name of the folder %.600s is too long", home);
        return false;
    }
    if (stat(path, &about) != 0 && errno == ENOENT && stat(old, &about) == 0) {
        snprintf(problem, SETTINGS_PROBLEM_SIZE,
                 "%.400s has a node.conf, which is no longer read, and no tenord.toml: write one "
                 "with the same keys and peers; 'tenord config reference' says how",
                 home);
        return false;
    }
    char *text = read_file(problem, path, &size);
    if (text == NULL) return false;
    bool is_good = settings_read_text(settings, problem, home, path, text, size);
    free(text);
    return is_good;
}

/* ---- Changes -----------------------------------------------------------------------------------
 */

bool settings_override(struct settings *settings, char problem[SETTINGS_PROBLEM_SIZE],
                       const char *assignment)
{
    char name[SETTING_NAME_SIZE], nearest[SETTING_NAME_SIZE], what[SETTINGS_PROBLEM_SIZE];
    const char *equals = strchr(assignment, '=');
    if (equals == NULL || (size_t)(equals - assignment) >= sizeof name) {
        snprintf(problem, SETTINGS_PROBLEM_SIZE, "'%.100s' is not SETTING=VALUE" NEXT_STEP,
                 assignment);
        return false;
    }
    snprintf(name, sizeof name, "%.*s", (int)(equals - assignment), assignment);
    const struct setting *setting = setting_find(name, strlen(name));
    if (setting == NULL) {
        bool is_near = setting_nearest(nearest, name) != NULL;
        snprintf(problem, SETTINGS_PROBLEM_SIZE, "unknown setting '%s'%s%s%s", name,
                 is_near ? "; did you mean '" : NEXT_STEP, is_near ? nearest : "",
                 is_near ? "'?" : "");
        return false;
    }
    if (setting_take_word(settings, what, setting, equals + 1)) return true;
    snprintf(problem, SETTINGS_PROBLEM_SIZE, "%s: %.800s", name, what);
    return false;
}

uint32_t settings_reload(struct settings *to, char rest[SETTINGS_PROBLEM_SIZE],
                         const struct settings *from)
{
    char name[SETTING_NAME_SIZE];
    uint32_t count = 0;
    size_t used = 0;
    rest[0] = '\0';
    for (uint32_t i = 0; i < settings_count; i++) {
        const struct setting *setting = &setting_table[i];
        if (setting_equal(setting, to, from)) continue;
        if (setting_reloads(setting)) {
            setting_copy(to, setting, from);
            continue;
        }
        setting_name(name, setting);
        size_t length = strlen(name);
        if (used + length + 2 < SETTINGS_PROBLEM_SIZE) {
            if (used > 0) rest[used++] = ' ';
            memcpy(rest + used, name, length + 1);
            used += length;
        }
        count++;
    }
    if (to->peers_count != from->peers_count ||
        memcmp(to->peers, from->peers, sizeof to->peers) != 0) {
        if (used + sizeof " peer" < SETTINGS_PROBLEM_SIZE)
            strcpy(rest + used, used > 0 ? " peer" : "peer");
        count++;
    }
    return count;
}

void settings_apply_log(const struct settings *settings)
{
    for (unsigned i = 0; i < LOGGER_MODULES; i++) {
        const uint8_t own = settings->log.levels[i];
        const uint8_t level = own == SETTINGS_LEVEL_SAME ? settings->log.level : own;
        logger_set_level((enum logger_module)i, (enum logger_level)level);
    }
}
