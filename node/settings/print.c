/* Settings as text: a tenord.toml, and the page of docs that lists them all. */
#include "settings/settings.h"

#include "settings/table.h"

#include <string.h>

/* The part of a name behind its table; NULL: it is not of this table. */
static const char *within(const char *name, const char *section)
{
    size_t length = strlen(section);
    if (strncmp(name, section, length) != 0 || name[length] != '.') return NULL;
    return strchr(name + length + 1, '.') == NULL ? name + length + 1 : NULL;
}

static void print_peers(FILE *out, const struct settings *settings)
{
    static struct setting path = {.kind = SETTING_PATH}, address = {.kind = SETTING_TEXT};
    char value[SETTING_VALUE_SIZE];
    for (uint32_t i = 0; i < settings->peers_count; i++) {
        const struct settings_peer *peer = &settings->peers[i];
        fputs("\n[[peer]]\nkey = \"", out);
        for (uint32_t k = 0; k < sizeof peer->key.bytes; k++)
            fprintf(out, "%02x", peer->key.bytes[k]);
        address.place = (size_t)(peer->address - (const char *)settings);
        path.place = (size_t)(peer->certificate - (const char *)settings);
        setting_write(value, settings, &address);
        fprintf(out, "\"\naddress = %s\n", value);
        setting_write(value, settings, &path);
        fprintf(out, "certificate = %s\n", value);
        if (peer->clients[0] == '\0') continue;
        address.place = (size_t)(peer->clients - (const char *)settings);
        setting_write(value, settings, &address);
        fprintf(out, "clients = %s\n", value);
    }
}

void settings_print(FILE *out, const struct settings *settings)
{
    char name[SETTING_NAME_SIZE], value[SETTING_VALUE_SIZE];
    for (uint32_t i = 0; i < setting_sections_count; i++) {
        const char *section = setting_sections[i].name;
        fprintf(out, "%s[%s]\n", i == 0 ? "" : "\n", section);
        for (uint32_t k = 0; k < settings_count; k++) {
            setting_name(name, &setting_table[k]);
            const char *last = within(name, section);
            if (last == NULL) continue;
            setting_write(value, settings, &setting_table[k]);
            fprintf(out, "%s = %s\n", last, value);
        }
    }
    print_peers(out, settings);
}

void settings_print_commented(FILE *out, const struct settings *settings)
{
    static struct settings standard;
    char name[SETTING_NAME_SIZE], value[SETTING_VALUE_SIZE];
    settings_default(&standard, settings->home);
    fputs(
        "# What an operator decides about this node. A line that begins with '#' shows a default.\n"
        "# 'tenord config check --home DIR' reads this file; 'kill -HUP' takes up what is marked\n"
        "# with 'reload'. Durations are in ms, s, min, h; sizes in B, KiB, MiB, GiB.\n",
        out);
    for (uint32_t i = 0; i < setting_sections_count; i++) {
        const char *section = setting_sections[i].name;
        fprintf(out, "\n# %s\n[%s]\n", setting_sections[i].help, section);
        for (uint32_t k = 0; k < settings_count; k++) {
            const struct setting *setting = &setting_table[k];
            setting_name(name, setting);
            const char *last = within(name, section);
            if (last == NULL) continue;
            setting_write(value, settings, setting);
            fprintf(out, "# %s%s\n%s%s = %s\n", setting->help,
                    setting_reloads(setting) ? " (reload)" : "",
                    setting_equal(setting, settings, &standard) ? "# " : "", last, value);
        }
    }
    print_peers(out, settings);
}

/* A default as the page shows it: of a home that is called HOME. */
static void print_row(FILE *out, const struct settings *standard, const struct setting *setting,
                      const char *last)
{
    char value[SETTING_VALUE_SIZE], range[SETTINGS_TEXT_SIZE];
    setting_write(value, standard, setting);
    setting_write_range(range, setting);
    fprintf(out, "| `%s` | `%s` | %s | %s | %s |\n", last, value, range,
            setting_reloads(setting) ? "reload" : "restart", setting->help);
}

void settings_print_reference(FILE *out)
{
    static struct settings standard;
    char name[SETTING_NAME_SIZE];
    settings_default(&standard, "HOME");
    fputs(
        "# tenord.toml\n\n"
        "Written by `tenord config reference` from the node's own table; a test compares the "
        "two.\n\n"
        "The file is [TOML 1.0](https://toml.io/en/v1.0.0). What it does not say has its default. "
        "An unknown name is refused, with its line, its column and the nearest name that there is. "
        "Durations are whole numbers with `ms`, `s`, `min` or `h`, sizes with `B`, `KiB`, `MiB` or "
        "`GiB`, both in quotes. Relative paths are under the home.\n\n"
        "`tenord config check --home DIR` reads a home's file and says what is wrong with it; "
        "`tenord config print --home DIR` prints what holds. `tenord start --home DIR "
        "SETTING=VALUE...` sets settings of the table in place of those of the file. What says "
        "*reload* is taken up at SIGHUP; a file that is refused then changes nothing.\n",
        out);
    for (uint32_t i = 0; i < setting_sections_count; i++) {
        const char *section = setting_sections[i].name;
        fprintf(out,
                "\n## [%s]\n\n%s\n\n| setting | default | range | taken up | what "
                "|\n|---|---|---|---|---|\n",
                section, setting_sections[i].help);
        for (uint32_t k = 0; k < settings_count; k++) {
            setting_name(name, &setting_table[k]);
            const char *last = within(name, section);
            if (last != NULL) print_row(out, &standard, &setting_table[k], last);
        }
    }
    fputs("\n## [[peer]]\n\nOne such table for each other node, taken up at a restart.\n\n"
          "| setting | what |\n|---|---|\n"
          "| `key` | its public vote key: 33 bytes in hex |\n"
          "| `address` | where it listens, HOST:PORT; \"\": it dials us |\n"
          "| `certificate` | the file of its TLS certificate |\n"
          "| `clients` | where it serves clients, HOST:PORT: clients here are told so |\n",
          out);
}
