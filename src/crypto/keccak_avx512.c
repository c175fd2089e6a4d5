/* keccak_avx512: eight messages side by side, compiled with -mavx512f -mavx512dq.
 *
 * The text is keccak_many.h and keccak_each.h, the same for every width; here the compiler makes
 * each rotation one instruction, and most pairs of logic operations one. */
#include "crypto/internal.h"

#ifdef TN_CRYPTO_X86
#define TN_LANES 8
#define PATH     tn_keccak_many_avx512
#define EACH     tn_keccak_each_avx512
#include "crypto/keccak_each.h"
#include "crypto/keccak_many.h"
#endif
