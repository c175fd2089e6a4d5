/* lanes: several doubles at once, in GCC vector extensions: + - * / and comparisons work on all.
 *
 * TN_LANES (2, 4 or 8) is set by the file that includes this. Every path compiles the same text, so
 * lane i of any width goes through the same IEEE operations in the same order as a lone number: the
 * paths differ in how many numbers go side by side, never in a bit. No reductions across lanes. */
#ifndef TN_PRICING_LANES_H
#define TN_PRICING_LANES_H

#include "tenor/base.h"

#include <string.h>

#ifndef TN_LANES
#error "TN_LANES is how many doubles go side by side"
#endif

typedef double lanes __attribute__((vector_size(8 * TN_LANES)));
typedef int64_t bits __attribute__((vector_size(8 * TN_LANES)));   /* masks: 0 or −1 */
typedef uint64_t ubits __attribute__((vector_size(8 * TN_LANES))); /* for logical shifts */

#define LANES_INLINE static inline __attribute__((always_inline, unused))

#define ROUNDER      0x1.8p52 /* adding it rounds |x| ≤ 2^51 to an integer, nearest-even … */
#define ROUNDER_BITS INT64_C(0x4338000000000000) /* … which stands in the low bits of the sum */
#define SIGN_BIT     INT64_MIN
#define ONE_BITS     INT64_C(0x3FF0000000000000)

LANES_INLINE lanes lanes_all(double value)
{
    return value - (lanes){0}; /* x − 0 is x, −0 too */
}

LANES_INLINE bits bits_all(int64_t value)
{
    return value - (bits){0};
}

LANES_INLINE lanes lanes_load(const double *from)
{
    lanes value;
    memcpy(&value, from, sizeof value);
    return value;
}

LANES_INLINE void lanes_store(double *to, lanes value)
{
    memcpy(to, &value, sizeof value);
}

LANES_INLINE lanes lanes_select(bits mask, lanes yes, lanes no)
{
    return (lanes)((mask & (bits)yes) | (~mask & (bits)no));
}

LANES_INLINE lanes lanes_min(lanes a, lanes b)
{
    return lanes_select((bits)(a < b), a, b);
}

LANES_INLINE lanes lanes_max(lanes a, lanes b)
{
    return lanes_select((bits)(a > b), a, b);
}

LANES_INLINE lanes lanes_absolute(lanes value)
{
    return (lanes)((bits)value & ~bits_all(SIGN_BIT));
}

/* One lane at a time: IEEE's square root is one instruction wherever it runs. */
LANES_INLINE lanes lanes_root(lanes value)
{
    for (int lane = 0; lane < TN_LANES; lane++)
        value[lane] = __builtin_sqrt(value[lane]);
    return value;
}

#endif
