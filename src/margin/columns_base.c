/* columns_base: the path that every machine has: two columns at once (SSE2, NEON, or plain code).
 * What the columns do is in columns.h. */
#define TN_LANES 2
#include "margin/columns.h"

const struct tn_margin_path *tn_margin_path_base(void)
{
    return &path;
}
