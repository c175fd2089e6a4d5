/* The node's core on a disk that lies: a bit stored wrong, a write that lands elsewhere, a bit that
 * turns over with age, in the log and in the store. What was damaged is either found, and the
 * machine refuses to open with a sentence, or it is harmless: all that was acknowledged is there,
 * at the root to which it leads. Never another root in silence.
 *
 * Each life is a process of its own: LMDB may crash on pages that are wrong, or walk through them
 * for ever, before anything of ours reads them. Every n-th write with TENOR_NIGHTLY=1, else a
 * sample. */
#define _GNU_SOURCE /* nftw */
#include "faulty_disk.h"
#include "machine_case.h"
#include "seed.h"

#include <dirent.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { REST_AT = 80, FILES_MAX = 64, LIFE_SECONDS = 10 }; /* of a processor; a life takes 0.1 */

static struct machine_case script;
static bool is_nightly;

enum verdict {
    DIED, /* of what it read */
    HARMLESS,
    FOUND,  /* refused, with a sentence */
    MUTE,   /* refused without one */
    LOST,   /* acknowledged entries are gone, and nothing was said */
    FORGED, /* a state that no prefix leads to, and nothing was said */
    VERDICTS
};

/* Shared with the process that lives it. */
struct life {
    enum faulty_disk_fault fault; /* FAULTY_NONE: a bit of age */
    uint64_t n;
    enum verdict verdict;
    char place[600];
    char said[600];
    char directory[300];
};

/* An orderly end, so that no end of the log can pass for torn off. */
static bool go_to(struct case_run *run, uint64_t entries)
{
    if (!case_open(run)) return false;
    uint64_t found = machine_entries(run->machine);
    bool is_good = found >= run->acknowledged && case_is_known(run);
    is_good = is_good && case_go_on(run, entries, 3) && case_flush(run);
    return is_good;
}

static enum verdict judge(const struct case_run *run)
{
    if (run->failed) return case_said()[0] == '\0' ? MUTE : FOUND;
    if (machine_entries(run->machine) < run->acknowledged) return LOST;
    return case_is_known(run) ? HARMLESS : FORGED;
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(left, right);
}

/* A bit of a seeded file among the log's segments and the store's pages. */
static void flip_one(struct life *life, uint64_t random)
{
    static char names[FILES_MAX][300];
    char folder[320];
    struct stat about;
    uint32_t count = 0;
    snprintf(folder, sizeof folder, "%s/log", life->directory);
    DIR *list = opendir(folder);
    TN_ASSERT(list != NULL);
    for (const struct dirent *entry; (entry = readdir(list)) != NULL && count + 1 < FILES_MAX;) {
        if (strstr(entry->d_name, ".log") == NULL) continue;
        snprintf(names[count++], sizeof names[0], "%.200s/log/%.60s", life->directory,
                 entry->d_name);
    }
    closedir(list);
    qsort(names, count, sizeof names[0], compare_names);
    const char *file = names[tn_random_below(&random, count)];
    char store[320];
    snprintf(store, sizeof store, "%s/store/data.mdb", life->directory);
    if (tn_random_below(&random, 2) == 0) file = store;
    bool is_there = stat(file, &about) == 0;
    TN_ASSERT(is_there && about.st_size > 0);
    FILE *stream = fopen(file, "rb");
    TN_ASSERT(stream != NULL);
    uint64_t offset = 0;
    int byte = 0;
    for (uint32_t tries = 0; tries < 100 && byte == 0; tries++) { /* much is zeros, never read */
        offset = tn_random_below(&random, (uint64_t)about.st_size);
        bool is_sought = fseek(stream, (long)offset, SEEK_SET) == 0;
        TN_ASSERT(is_sought);
        byte = getc(stream);
    }
    fclose(stream);
    snprintf(life->place, sizeof life->place, "byte %llu of %s", (unsigned long long)offset, file);
    faulty_disk_flip_bit(file, offset, (unsigned)tn_random_below(&random, 8));
}

static void live_it(struct life *life)
{
    struct case_run run;
    case_settle(&run, &script, life->directory);
    if (life->fault != FAULTY_NONE) faulty_disk_fail(life->fault, life->n);
    bool is_good = go_to(&run, REST_AT);
    if (is_good) {
        case_close(&run);
        is_good = go_to(&run, CASE_ENTRIES);
    }
    if (is_good) {
        case_close(&run);
        if (life->fault == FAULTY_NONE) {
            faulty_disk_crash(FAULTY_KEEP);
            flip_one(life, script.seed + 77 * life->n);
        }
        is_good = case_open(&run);
    }
    if (life->fault != FAULTY_NONE)
        snprintf(life->place, sizeof life->place, "%s", faulty_disk_place());
    life->verdict = judge(&run);
    snprintf(life->said, sizeof life->said, "%.500s", case_said());
}

static enum store_err live_apart(void *context, struct store_trail *trail)
{
    struct life *life = context;
    const struct rlimit limit = {LIFE_SECONDS, LIFE_SECONDS};
    (void)trail;
    TN_ASSERT(setrlimit(RLIMIT_CPU, &limit) == 0);
    snprintf(life->directory, sizeof life->directory, "%s",
             faulty_disk_open(script.seed + 31 * life->n));
    live_it(life);
    return STORE_OK;
}

static int remove_one(const char *path, const struct stat *status, int flag, struct FTW *level)
{
    (void)status;
    (void)flag;
    (void)level;
    return remove(path);
}

static enum verdict live(const char *test, enum faulty_disk_fault fault, uint64_t n)
{
    struct store_trail trail;
    struct life *life =
        mmap(NULL, sizeof *life, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(life != MAP_FAILED);
    *life = (struct life){.fault = fault, .n = n, .verdict = DIED};
    enum store_err err = store_apart(live_apart, life, 0, &trail);
    enum verdict verdict = life->verdict;
    assert_true(verdict == DIED ? err == STORE_CORRUPT : err == STORE_OK);
    *strrchr(life->directory, '/') = '\0'; /* the disk has its files one folder below its own */
    if (access(life->directory, F_OK) == 0)
        assert_int_equal(nftw(life->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    bool is_bad = verdict == LOST || verdict == FORGED || verdict == MUTE;
    if (is_bad || getenv("TENOR_TELL") != NULL) {
        print_message("fault %d, n %llu, verdict %d: %s; said: %s%s\n", (int)fault,
                      (unsigned long long)n, (int)verdict, life->place, life->said,
                      verdict == DIED ? trail.text : "");
    }
    if (is_bad)
        print_message("to repeat: TENOR_SEED=%llu%s test_machine_damage '%s'\n",
                      (unsigned long long)script.seed, is_nightly ? " TENOR_NIGHTLY=1" : "", test);
    munmap(life, sizeof *life);
    return verdict;
}

static uint64_t count_writes(enum faulty_disk_fault fault)
{
    struct case_run run;
    case_settle(&run, &script, faulty_disk_open(script.seed));
    faulty_disk_fail(fault, UINT64_MAX);
    assert_true(go_to(&run, REST_AT));
    case_close(&run);
    assert_true(go_to(&run, CASE_ENTRIES));
    case_close(&run);
    uint64_t calls = faulty_disk_calls();
    faulty_disk_crash(FAULTY_KEEP);
    faulty_disk_close();
    return calls;
}

static void live_many(const char *test, enum faulty_disk_fault fault, uint64_t calls,
                      uint32_t sample)
{
    uint64_t random = script.seed + fault, counts[VERDICTS] = {0};
    uint64_t stride = is_nightly || calls < sample ? 1 : calls / sample;
    for (uint64_t n = 1 + tn_random_below(&random, stride); n <= calls;) {
        counts[live(test, fault, n)]++;
        n += 1 + (stride == 1 ? 0 : tn_random_below(&random, 2 * stride - 1));
    }
    print_message("harmless %llu, found %llu, died of what it read %llu\n",
                  (unsigned long long)counts[HARMLESS], (unsigned long long)counts[FOUND],
                  (unsigned long long)counts[DIED]);
    assert_int_equal(counts[MUTE] + counts[LOST] + counts[FORGED], 0);
    assert_true(counts[FOUND] > 0 && counts[HARMLESS] > 0);
}

static void test_machine_finds_bits_stored_wrong_or_they_are_harmless(void **state)
{
    (void)state;
    live_many(__func__, FAULTY_FLIP, count_writes(FAULTY_FLIP), 30);
}

static void test_machine_finds_writes_that_land_elsewhere_or_they_are_harmless(void **state)
{
    (void)state;
    live_many(__func__, FAULTY_MISDIRECT, count_writes(FAULTY_MISDIRECT), 30);
}

static void test_machine_finds_bits_that_turn_over_with_age_or_they_are_harmless(void **state)
{
    (void)state;
    live_many(__func__, FAULTY_NONE, is_nightly ? 2000 : 40, UINT32_MAX);
}

int main(int arguments_count, char **arguments)
{
    if (arguments_count > 1) cmocka_set_test_filter(arguments[1]);
    is_nightly = getenv("TENOR_NIGHTLY") != NULL;
    case_learn(&script, test_seed("test_machine_damage"));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_machine_finds_bits_stored_wrong_or_they_are_harmless),
        cmocka_unit_test(test_machine_finds_writes_that_land_elsewhere_or_they_are_harmless),
        cmocka_unit_test(test_machine_finds_bits_that_turn_over_with_age_or_they_are_harmless),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    case_forget(&script);
    return failures;
}
