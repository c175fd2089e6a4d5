/* common: options, files and memory, for all commands of the node. */
#include "named_file.h"
#include "tenord.h"

#include "tenor/hex.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Options -----------------------------------------------------------------------------------
 */

static void print_options(const struct option_set *set)
{
    fputs(set->usage, stdout);
    fputc('\n', stdout);
    for (uint32_t i = 0; i < set->options_count; i++)
        printf("  %-20s %s\n", set->options[i].name, set->options[i].help);
}

static bool read_number(uint64_t *number, const char *text, uint64_t most)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || value > most) return false;
    *number = value;
    return true;
}

static const struct option *find_option(const struct option_set *set, const char *name)
{
    for (uint32_t i = 0; i < set->options_count; i++) {
        if (strcmp(set->options[i].name, name) == 0) return &set->options[i];
    }
    return NULL;
}

/* One option; *at moves on to the value that it takes. */
static bool read_option(const struct option *option, int *at, int count, char **arguments)
{
    if (option->kind == OPTION_FLAG) {
        *(bool *)option->value = true;
        return true;
    }
    if (*at + 1 >= count) {
        complain("%s needs a value", option->name);
        return false;
    }
    const char *text = arguments[++*at];
    if (option->kind == OPTION_TEXT) {
        *(const char **)option->value = text;
        return true;
    }
    if (read_number(option->value, text, option->most)) return true;
    complain("%s takes a whole number up to %llu, not '%s'", option->name,
             (unsigned long long)option->most, text);
    return false;
}

bool options_read(struct option_set *set, int arguments_count, char **arguments)
{
    for (int i = 0; i < arguments_count; i++) {
        if (strcmp(arguments[i], "--help") == 0 || strcmp(arguments[i], "-h") == 0) {
            print_options(set);
            set->help_printed = true;
            return false;
        }
        const struct option *option = find_option(set, arguments[i]);
        if (option != NULL) {
            if (!read_option(option, &i, arguments_count, arguments)) return false;
        } else if (arguments[i][0] != '-' && set->words_count < set->words_max) {
            set->words[set->words_count++] = arguments[i];
        } else {
            complain("unknown option '%s'; see --help", arguments[i]);
            return false;
        }
    }
    return true;
}

/* ---- Small things ------------------------------------------------------------------------------
 */

int end_of_place(int error)
{
    return named_file_is_refused(error) ? END_REFUSED : END_FAILED;
}

enum tn_cpu machine_cpu(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) {
        return TN_CPU_AVX512;
    }
    if (__builtin_cpu_supports("avx2")) return TN_CPU_AVX2;
#endif
    return TN_CPU_BASE;
}

const char *hash_text(const struct tn_hash *hash)
{
    static char texts[4][HEX_HASH_SIZE];
    static unsigned turn;
    char *text = texts[turn++ % 4];
    tn_hex_write(text, hash->bytes, TN_HASH_SIZE);
    return text;
}

static bool read_all(uint8_t *bytes, size_t size, int descriptor)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got = read(descriptor, bytes + done, size - done);
        if (got < 0 && errno == EINTR) continue;
        if (got == 0) errno = EIO; /* it became shorter */
        if (got <= 0) return false;
        done += (size_t)got;
    }
    return true;
}

uint8_t *file_read(size_t *size, const char *path, size_t size_max)
{
    struct stat about;
    uint8_t *bytes = NULL;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    bool is_open = descriptor >= 0 && fstat(descriptor, &about) == 0;
    if (is_open && (!S_ISREG(about.st_mode) || (uint64_t)about.st_size > size_max)) {
        complain("%s is no file of at most %zu bytes", path, size_max);
        close(descriptor);
        return NULL;
    }
    if (is_open) {
        *size = (size_t)about.st_size;
        bytes = malloc(*size + 1);
        if (bytes != NULL && !read_all(bytes, *size, descriptor)) {
            free(bytes);
            bytes = NULL;
        }
    }
    if (bytes == NULL) complain("cannot read %s: %s", path, strerror(errno));
    if (descriptor >= 0) close(descriptor);
    return bytes;
}

static bool write_all(int descriptor, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t put = write(descriptor, bytes, size);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return false;
        bytes += put;
        size -= (size_t)put;
    }
    return true;
}

bool folder_sync_of(const char *path)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 0 : (size_t)(slash - path);
    if (length >= sizeof folder) return false;
    memcpy(folder, path, length);
    folder[length] = '\0';
    const char *name = slash == NULL ? "." : length == 0 ? "/" : folder;
    int descriptor = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return false;
    bool is_good = fsync(descriptor) == 0;
    return close(descriptor) == 0 && is_good;
}

bool file_make(const char *path, const void *bytes, size_t size)
{
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool is_good = descriptor >= 0 && write_all(descriptor, bytes, size) && fsync(descriptor) == 0;
    if (descriptor >= 0 && close(descriptor) != 0) is_good = false;
    if (is_good) return true;
    int why = errno;
    complain("cannot write %s: %s", path, strerror(why));
    if (descriptor >= 0) unlink(path);
    errno = why;
    return false;
}

bool file_write(const char *path, const void *bytes, size_t size)
{
    char temporary[4096];
    int length = snprintf(temporary, sizeof temporary, "%s.new", path);
    if (length < 0 || (size_t)length >= sizeof temporary) {
        complain("cannot write %s: the name is too long", path);
        errno = ENAMETOOLONG;
        return false;
    }
    if (!file_make(temporary, bytes, size)) return false;
    bool is_good = rename(temporary, path) == 0 && folder_sync_of(path);
    if (is_good) return true;
    int why = errno;
    complain("cannot write %s: %s", path, strerror(why));
    unlink(temporary);
    errno = why;
    return false;
}

void *memory_take(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory != MAP_FAILED) return memory;
    complain("cannot get %zu bytes of memory: %s", size, strerror(errno));
    return NULL;
}

bool memory_widen(void *memory, size_t size)
{
    return madvise(memory, size, MADV_HUGEPAGE) == 0;
}

void memory_give(void *memory, size_t size)
{
    if (memory != NULL) munmap(memory, size);
}
