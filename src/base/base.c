/* base: the few functions of base.h that are not worth inlining.
 *
 * tn_panic is weak so that a program that embeds one module links without defining it, while
 * programs of this project print the place and the broken condition before they stop. */
#include "tenor/base.h"

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
