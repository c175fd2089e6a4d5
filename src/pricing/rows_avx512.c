/* rows_avx512: the scenario pass over eight lanes, compiled with -mavx512f -mavx512dq.
 *
 * The text is lanes_rows.h, the same for every width; without -mfma, so that no compiler can fuse a
 * product with a sum and change the last bit. */
#include "pricing/internal.h"

#ifdef TN_PRICING_WIDE
#define TN_LANES 8
#define PATH     tn_pricing_path_avx512
#include "pricing/lanes_rows.h"
#endif
