/* version: the release, the commit it was configured from, and what compiled it. */
#include "tenord/version.h"

#include "tenord/tenord.h"

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

enum { PROTOCOL = 1, TEXT_SIZE = 512 };

size_t version_write_json(char *out, size_t room)
{
    static const char *const cpus[] = {
        [TN_CPU_BASE] = "base", [TN_CPU_AVX2] = "avx2", [TN_CPU_AVX512] = "avx512"};
    int length = snprintf(out, room,
                          "{\"version\":\"%s\",\"commit\":\"%s\",\"protocol\":%d,"
                          "\"compiler\":\"%s\",\"cpu\":\"%s\"}\n",
                          TENOR_VERSION, TENOR_COMMIT, PROTOCOL, COMPILER, cpus[machine_cpu()]);
    return length > 0 && (size_t)length < room ? (size_t)length : 0;
}

int version_command(int arguments_count, char **arguments)
{
    bool is_json = false;
    char text[TEXT_SIZE];
    const struct option options[] = {{"--json", OPTION_FLAG, &is_json, 0, "as one JSON object"}};
    struct option_set set = {.usage =
                                 "usage: tenord version [--json]\n\nSays which program this is.\n",
                             .options = options,
                             .options_count = 1};
    if (!options_read(&set, arguments_count, arguments)) {
        return set.help_printed ? END_GOOD : END_REFUSED;
    }
    if (is_json) {
        version_write_json(text, sizeof text);
        fputs(text, stdout);
    } else {
        printf("tenord %s (%s)\n", TENOR_VERSION, TENOR_COMMIT);
    }
    return END_GOOD;
}
