/* say: what commands of the node tell people, through the logger.
 *
 * A node at work speaks by note(): words of logfmt that begin with msg=. What module such a line is
 * of, and how grave it is, stands in one table here by that word; what is not in it is the node's
 * own and for information. */
#include "tenord.h"

#include "logger/logger.h"

#include <string.h>

static const struct word {
    const char *text;
    enum logger_module module;
    enum logger_level level;
} words[] = {
    {"peer_up", LOGGER_LINK, LOGGER_INFO},
    {"peer_down", LOGGER_LINK, LOGGER_INFO},
    {"peer_unknown", LOGGER_LINK, LOGGER_WARN},
    {"peer_away", LOGGER_LINK, LOGGER_WARN},
    {"ban", LOGGER_LINK, LOGGER_WARN},
    {"behind", LOGGER_SYNC, LOGGER_WARN},
    {"sync_begins", LOGGER_SYNC, LOGGER_INFO},
    {"sync_taking", LOGGER_SYNC, LOGGER_INFO},
    {"sync_done", LOGGER_SYNC, LOGGER_INFO},
    {"sync_resumed", LOGGER_SYNC, LOGGER_INFO},
    {"sync_wiped", LOGGER_SYNC, LOGGER_WARN},
    {"sync_wrong", LOGGER_SYNC, LOGGER_WARN},
    {"sync_ban", LOGGER_SYNC, LOGGER_WARN},
    {"sync_ends", LOGGER_SYNC, LOGGER_WARN},
    {"sync_again", LOGGER_SYNC, LOGGER_WARN},
    {"full", LOGGER_STORE, LOGGER_ERROR},
    {"room", LOGGER_STORE, LOGGER_INFO},
    {"stalled", LOGGER_NODE, LOGGER_WARN},
    {"results_wrong", LOGGER_NODE, LOGGER_ERROR},
    {"no_op", LOGGER_NODE, LOGGER_ERROR},
    {"evidence", LOGGER_NODE, LOGGER_ERROR},
    {"bad_block", LOGGER_NODE, LOGGER_WARN},
    {"diverged", LOGGER_NODE, LOGGER_ERROR},
    {"no_huge_pages", LOGGER_NODE, LOGGER_WARN},
    {"not_ready", LOGGER_NODE, LOGGER_WARN},
    {"reload_refused", LOGGER_NODE, LOGGER_ERROR},
};

static const struct word *find(const char *format)
{
    static const struct word other = {"", LOGGER_NODE, LOGGER_INFO};
    static const char head[] = "msg=";
    if (strncmp(format, head, sizeof head - 1) != 0) return &other;
    format += sizeof head - 1;
    size_t length = strcspn(format, " ");
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strlen(words[i].text) == length && memcmp(words[i].text, format, length) == 0) {
            return &words[i];
        }
    }
    return &other;
}

/* The word may itself be an argument: "msg=%s". */
void note(const char *format, ...)
{
    char text[LOGGER_LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const struct word *word = find(text);
    if (length >= 0) logger_say(word->module, word->level, "%s", text);
}

void complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    logger_complain(format, arguments);
    va_end(arguments);
}
