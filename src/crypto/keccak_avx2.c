/* keccak_avx2: four messages side by side, compiled with -mavx2.
 *
 * The text is keccak_many.h and keccak_each.h, the same for every width. */
#include "crypto/internal.h"

#ifdef TN_CRYPTO_X86
#define TN_LANES 4
#define PATH     tn_keccak_many_avx2
#define EACH     tn_keccak_each_avx2
#include "crypto/keccak_each.h"
#include "crypto/keccak_many.h"
#endif
