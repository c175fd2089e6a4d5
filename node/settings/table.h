/* The one list of settings, and what one line of it is. */
#ifndef NODE_SETTINGS_TABLE_H
#define NODE_SETTINGS_TABLE_H

#include "settings/settings.h"

#define SETTING_NAME_SIZE  64u
#define SETTING_VALUE_SIZE (2 * SETTINGS_PATH_SIZE + 16)

enum setting_kind {
    SETTING_BOOL,
    SETTING_INTEGER,
    SETTING_DURATION, /* kept in milliseconds */
    SETTING_SIZE,     /* kept in bytes */
    SETTING_ADDRESS,  /* HOST:PORT; "" : none */
    SETTING_PATH,     /* "" : none */
    SETTING_TEXT,
    SETTING_CHOICE, /* kept as the place in choices, a uint8_t */
};

struct setting {
    const char *field;      /* dotted; setting_name says how it is written in the file */
    enum setting_kind kind; /* setting_kind says it with the unit of the field's name */
    bool reloads;           /* ask setting_reloads */
    size_t place;           /* in struct settings */
    uint64_t least, most;
    uint64_t standard;          /* of BOOL, INTEGER, DURATION, SIZE, CHOICE */
    const char *standard_text;  /* of ADDRESS, PATH, TEXT */
    const char *const *choices; /* ended by NULL */
    const char *help;
};

extern const struct setting setting_table[];
extern const uint32_t settings_count;

/* The heads of docs/config.md and of a written file: one sentence for each table of the file. */
struct setting_section {
    const char *name, *help;
};
extern const struct setting_section setting_sections[];
extern const uint32_t setting_sections_count;

enum setting_kind setting_kind(const struct setting *setting);
/* SIGHUP takes it up. */
bool setting_reloads(const struct setting *setting);
/* As it stands in the file: "clients.limits.heartbeat". */
void setting_name(char name[SETTING_NAME_SIZE], const struct setting *setting);
/* NULL: there is none of that name. */
const struct setting *setting_find(const char *name, size_t size);
/* The setting whose name is nearest, or NULL when none is near. */
const struct setting *setting_nearest(char name[SETTING_NAME_SIZE], const char *asked);
/* Is this the name of a table that has settings below it? */
bool setting_is_section(const char *name, size_t size);

/* ---- Values (value.c). False: problem says what is wrong with the text, without a place. */

bool setting_take_text(struct settings *settings, char problem[SETTINGS_PROBLEM_SIZE],
                       const struct setting *setting, const char *text, size_t size);
bool setting_take_number(struct settings *settings, char problem[SETTINGS_PROBLEM_SIZE],
                         const struct setting *setting, int64_t number);
bool setting_take_bool(struct settings *settings, char problem[SETTINGS_PROBLEM_SIZE],
                       const struct setting *setting, bool truth);
/* A value without quotes, as the command line gives it. */
bool setting_take_word(struct settings *settings, char problem[SETTINGS_PROBLEM_SIZE],
                       const struct setting *setting, const char *word);
void setting_take_standard(struct settings *settings, const struct setting *setting);

bool setting_equal(const struct setting *setting, const struct settings *one,
                   const struct settings *other);
void setting_copy(struct settings *to, const struct setting *setting, const struct settings *from);
/* As TOML. */
void setting_write(char text[SETTING_VALUE_SIZE], const struct settings *settings,
                   const struct setting *setting);
void setting_write_range(char text[SETTINGS_TEXT_SIZE], const struct setting *setting);
const char *setting_kind_text(const struct setting *setting);

/* An address of a peer, and a path under a home: shared with [[peer]]. */
bool setting_check_address(char problem[SETTINGS_PROBLEM_SIZE], const char *text,
                           unsigned long port_least);
bool setting_make_path(char path[SETTINGS_PATH_SIZE], char problem[SETTINGS_PROBLEM_SIZE],
                       const char *home, const char *text, size_t size);

#endif
