/* keccak_base: two messages side by side, SSE2 or NEON: what every machine has.
 *
 * The text is keccak_many.h and keccak_each.h, the same for every width. Two words in one register
 * of SSE2 take about two thirds of the time of two in two plain ones: their instructions are half
 * as many, and fewer values wait in memory. */
#define TN_LANES 2
#define PATH     tn_keccak_many_base
#define EACH     tn_keccak_each_base
#include "crypto/keccak_each.h"
#include "crypto/keccak_many.h"
