/* tn_copy_apart: the same bytes as memcpy leaves, and no page touched that has them already. */
#include "tenor/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "seed.h"

#define PAGE   ((size_t)sysconf(_SC_PAGESIZE)) /* not the same on every machine */
#define PAGES  5u
#define ROUNDS 2000u

static uint8_t *pages(int access)
{
    void *memory = mmap(NULL, PAGES * PAGE, access, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    return memory;
}

static void test_copy_apart_leaves_the_same_bytes_as_memcpy(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_base_copy");
    uint8_t *from = pages(PROT_READ | PROT_WRITE), *to = pages(PROT_READ | PROT_WRITE);
    uint8_t *expected = pages(PROT_READ | PROT_WRITE);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        const size_t at = (size_t)tn_random_below(&random, 2 * PAGE);
        const size_t skew = (size_t)tn_random_below(&random, PAGE);
        const size_t size = (size_t)tn_random_below(&random, 2 * PAGE + 1);
        from[tn_random_below(&random, PAGES * PAGE)] = (uint8_t)tn_random_next(&random);
        to[tn_random_below(&random, PAGES * PAGE)] = (uint8_t)tn_random_next(&random);
        memcpy(expected, to, PAGES * PAGE);
        memcpy(expected + at, from + skew, size);
        tn_copy_apart(to + at, from + skew, size);
        assert_memory_equal(to, expected, PAGES * PAGE);
    }
    munmap(from, PAGES * PAGE);
    munmap(to, PAGES * PAGE);
    munmap(expected, PAGES * PAGE);
}

/* A write to any of them would end the program. */
static void test_copy_apart_writes_no_page_that_has_the_bytes_already(void **state)
{
    (void)state;
    uint8_t *from = pages(PROT_READ | PROT_WRITE), *to = pages(PROT_READ | PROT_WRITE);
    from[2 * PAGE + 7] = 1;
    to[4 * PAGE + 9] = from[4 * PAGE + 9] = 2;
    assert_int_equal(mprotect(to, 2 * PAGE, PROT_READ), 0);
    assert_int_equal(mprotect(to + 3 * PAGE, 2 * PAGE, PROT_READ), 0);
    tn_copy_apart(to, from, PAGES * PAGE);
    assert_memory_equal(to, from, PAGES * PAGE);
    munmap(from, PAGES * PAGE);
    munmap(to, PAGES * PAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy_apart_leaves_the_same_bytes_as_memcpy),
        cmocka_unit_test(test_copy_apart_writes_no_page_that_has_the_bytes_already),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
