/* What the genesis of a chain may hold: genesis.conf, and set.conf with it. Whatever comes is read
 * or refused with a sentence; what is read keeps to the bounds of what it goes into, and means the
 * same when it is read again. The files are the fuzzer's bytes: what the readers ask of the node is
 * here. */
#include "cluster/conf.h"
#include "tenord/genesis.h"
#include "tenord/machine.h"
#include "tenord/tenord.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static struct {
    const uint8_t *bytes;
    size_t size;
} files[2]; /* genesis.conf, set.conf */
static uint32_t complaints_count;

/* ---- What the readers ask of the node ----------------------------------------------------------
 */

void complain(const char *format, ...)
{
    char text[8192];
    va_list values;
    va_start(values, format);
    TN_ASSERT(vsnprintf(text, sizeof text, format, values) > 0);
    va_end(values);
    complaints_count++;
}

uint8_t *file_read(size_t *size, const char *path, size_t size_max)
{
    uint32_t which = strcmp(path, "set.conf") == 0;
    TN_ASSERT(files[which].size <= size_max);
    uint8_t *bytes = malloc(files[which].size + 1);
    TN_ASSERT(bytes != NULL);
    if (files[which].size > 0) memcpy(bytes, files[which].bytes, files[which].size);
    *size = files[which].size;
    return bytes;
}

bool home_path(char path[PATH_SIZE], const char *home, const char *name)
{
    (void)home;
    strcpy(path, name);
    return true;
}

static char *canonical(size_t *size, const struct genesis *genesis)
{
    char *text = NULL;
    FILE *memory = open_memstream(&text, size);
    TN_ASSERT(memory != NULL);
    genesis_print(memory, genesis, false);
    fclose(memory);
    return text;
}

char *home_genesis(size_t *size, const char *home)
{
    struct genesis genesis;
    (void)home;
    TN_ASSERT(genesis_read(&genesis, "genesis.conf"));
    return canonical(size, &genesis);
}

uint64_t local_seed(void)
{
    return 1;
}

enum tn_cpu machine_cpu(void)
{
    return TN_CPU_BASE;
}

const char *hash_text(const struct tn_hash *hash)
{
    return hash == NULL ? "" : "hash";
}

bool options_read(struct option_set *set, int arguments_count, char **arguments)
{
    (void)set;
    (void)arguments_count;
    (void)arguments;
    return false;
}

/* ---- What is read ------------------------------------------------------------------------------
 */

/* The canonical text of what was read is a file that means the same. */
static void check_genesis(void)
{
    struct genesis genesis, again;
    size_t size, size_again;
    uint32_t before = complaints_count;
    if (!genesis_read(&genesis, "genesis.conf")) {
        TN_ASSERT(complaints_count == before + 1);
        return;
    }
    char *text = canonical(&size, &genesis);
    char *copy = malloc(size + 1);
    TN_ASSERT(copy != NULL);
    memcpy(copy, text, size);
    TN_ASSERT(genesis_parse(&again, "genesis.conf", copy, size));
    char *text_again = canonical(&size_again, &again);
    TN_ASSERT(size == size_again && memcmp(text, text_again, size) == 0);
    free(text);
    free(copy);
    free(text_again);
}

static void check_set(const struct tn_signatures *signatures)
{
    static struct set_conf conf, again;
    uint32_t before = complaints_count;
    if (!set_conf_read(&conf, ".", signatures)) {
        TN_ASSERT(complaints_count > before);
        return;
    }
    TN_ASSERT(conf.commands_count <= CONF_COMMANDS_MAX);
    TN_ASSERT(conf.validators_count >= 1 && conf.validators_count <= TN_VALIDATORS_MAX);
    TN_ASSERT(conf.limits.markets_count >= 1 && conf.limits.markets_count <= TN_CHAIN_MARKETS_MAX);
    for (uint32_t i = 0; i < conf.commands_count; i++) {
        uint8_t bytes[TN_REGISTRY_COMMAND_BYTES_MAX];
        TN_ASSERT(tn_registry_write_command(bytes, &conf.commands[i]) <= sizeof bytes);
    }
    fprintf(stderr, "READ %u %u\n", conf.validators_count, conf.limits.markets_count);
    TN_ASSERT(set_conf_read(&again, ".", signatures));
    TN_ASSERT(memcmp(&conf, &again, sizeof conf) == 0);
}

/* ---- Words -------------------------------------------------------------------------------------
 */

#define KEY  "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
#define KEY2 "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"
static const char *const words[] = {
    "validator " KEY " 1 1\n",
    "validator " KEY2 " 3 1000000\n",
    "feeder " KEY "\n",
    "governance " KEY "\n",
    "faucet " KEY2 "\n",
    "time_ms 1795305600000\n",
    "markets 2\n",
    "markets ",
    "mark_ms ",
    "soft_ms ",
    "lag_ms ",
    "stall_ms ",
    "delta_ms ",
    "checkpoint_blocks ",
    "exec_lag ",
    "validator ",
    "feeder ",
    KEY,
    "#",
    "\n",
    " ",
    "18446744073709551615",
    "65536",
    "chain = \"a-1\"\n",
    "market = 1\n",
    "exit_blocks = ",
    "accounts_max = ",
    "orders_max = ",
    "levels_max = ",
    "series_max = ",
    "4294967295\n",
    "= ",
};
static const char good_set[] = "governance " KEY "\nfaucet " KEY2
                               "\ntime_ms 1795305600000\nmarkets 2\nvalidator " KEY2 " 3 1000000\n";
enum { WORDS_COUNT = sizeof words / sizeof words[0], TEXT_MAX = 1 << 16 };

static size_t expand(uint8_t text[TEXT_MAX], size_t length, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const char *word = words[data[i] % WORDS_COUNT];
        size_t more = data[i] < 128 ? 1 : strlen(word);
        if (more > TEXT_MAX - length) break;
        memcpy(text + length, data[i] < 128 ? (const void *)&data[i] : word, more);
        length += more;
    }
    return length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t text[2][TEXT_MAX];
    static struct tn_signatures real;
    if (real.context == NULL) {
        void *memory = aligned_alloc(16, (tn_signatures_size() + 15) / 16 * 16);
        TN_ASSERT(memory != NULL);
        tn_signatures_real(&real, memory);
    }
    if (size == 0) return 0;
    /* Up to a zero byte it is one file, behind it the other, which may begin as a good one does. */
    const uint8_t *start = data + 1, *end = memchr(start, 0, size - 1);
    size_t first = end == NULL ? size - 1 : (size_t)(end - start);
    size_t begun = data[0] % 4 == 0 ? 0 : sizeof good_set - 1;
    memcpy(text[1], good_set, begun);
    files[0].bytes = text[0];
    files[0].size = expand(text[0], 0, start, first);
    files[1].bytes = text[1];
    files[1].size = end == NULL ? begun : expand(text[1], begun, end + 1, size - first - 2);
    check_genesis();
    check_set(&real);
    return 0;
}
