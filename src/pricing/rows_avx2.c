/* rows_avx2: the scenario pass over four lanes, compiled with -mavx2.
 *
 * The text is lanes_rows.h, the same for every width; without -mfma, so that no compiler can fuse a
 * product with a sum and change the last bit. */
#include "pricing/internal.h"

#ifdef TN_PRICING_WIDE
#define TN_LANES 4
#define PATH     tn_pricing_path_avx2
#include "pricing/lanes_rows.h"
#endif
