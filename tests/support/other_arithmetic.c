/* other_arithmetic: a library to preload. The program computes as OTHER_ARITHMETIC says: `up`
 * rounds upwards, `flush` takes denormals for zero (where there is a word for that: x86). */
#include <fenv.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

__attribute__((constructor)) static void compute_otherwise(void)
{
    const char *how = getenv("OTHER_ARITHMETIC");
    if (how == NULL) return;
    if (strcmp(how, "up") == 0) fesetround(FE_UPWARD);
#if defined(__x86_64__)
    enum { FLUSH_TO_ZERO = 0x8000, DENORMALS_ARE_ZERO = 0x0040 };
    if (strcmp(how, "flush") == 0) _mm_setcsr(_mm_getcsr() | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO);
#endif
}
