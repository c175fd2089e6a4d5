/* rows_base: the scenario pass over two lanes, SSE2 or NEON: what every machine has.
 *
 * The text is lanes_rows.h, the same for every width. */
#define TN_LANES 2
#define PATH     tn_pricing_path_base
#include "pricing/lanes_rows.h"
