/* columns_avx2: four columns at once. Compiled for AVX2 (src/CMakeLists.txt), so it is called only
 * on machines that have it; elsewhere it is the base path under another name.
 * What the columns do is in columns.h. */
#ifdef __AVX2__
#define TN_LANES 4
#else
#define TN_LANES 2
#endif
#include "margin/columns.h"

const struct tn_margin_path *tn_margin_path_avx2(void)
{
    return &path;
}
