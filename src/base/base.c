/* base: the few functions of base.h that are not worth inlining.
 *
 * tn_panic is weak so that a program that embeds one module links without defining it, while
 * programs of this project print the place and the broken condition before they stop. */
#include "tenor/base.h"

#include <string.h>

#define PAGE_SIZE 4096u

__attribute__((weak)) _Noreturn void tn_panic(const char *file, int line, const char *what)
{
    (void)file, (void)line, (void)what;
    __builtin_trap();
}

int64_t tn_mul_div_floor(int64_t a, int64_t b, int64_t divisor)
{
    TN_ASSERT(divisor > 0);
    int64_t small;
    if (!__builtin_mul_overflow(a, b, &small)) {
        int64_t quotient = small / divisor;
        return quotient - (small % divisor < 0 ? 1 : 0);
    }
    tn_i128 product = (tn_i128)a * b;
    tn_i128 quotient = product / divisor;
    if (product % divisor < 0) quotient -= 1;
    TN_ASSERT(quotient >= INT64_MIN && quotient <= INT64_MAX);
    return (int64_t)quotient;
}

int64_t tn_mul_div_ceil(int64_t a, int64_t b, int64_t divisor)
{
    TN_ASSERT(divisor > 0);
    int64_t small;
    if (!__builtin_mul_overflow(a, b, &small)) {
        int64_t quotient = small / divisor;
        return quotient + (small % divisor > 0 ? 1 : 0);
    }
    tn_i128 product = (tn_i128)a * b;
    tn_i128 quotient = product / divisor;
    if (product % divisor > 0) quotient += 1;
    TN_ASSERT(quotient >= INT64_MIN && quotient <= INT64_MAX);
    return (int64_t)quotient;
}

void tn_copy_apart(void *to, const void *from, size_t size)
{
    unsigned char *out = to;
    const unsigned char *in = from;
    size_t part = PAGE_SIZE - (uintptr_t)to % PAGE_SIZE; /* to the end of the first page */
    for (size_t at = 0; at < size; at += part, part = PAGE_SIZE) {
        if (part > size - at) part = size - at;
        if (memcmp(out + at, in + at, part) != 0) memcpy(out + at, in + at, part);
    }
}
