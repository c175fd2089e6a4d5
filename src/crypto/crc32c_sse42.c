/* crc32c_sse42: the same checksum by the instruction that computes it, compiled with -msse4.2.
 *
 * Every processor with AVX2 has it. One stream of eight bytes in three cycles: records are short,
 * and a longer run costs less than the disk it goes to. */
#include "crypto/internal.h"

#ifdef TN_CRYPTO_X86
uint32_t tn_crc32c_sse42(uint32_t crc, const uint8_t *bytes, size_t size)
{
    uint64_t wide = crc;
    for (; size >= 8; bytes += 8, size -= 8)
        wide = __builtin_ia32_crc32di(wide, tn_crypto_load(bytes));
    crc = (uint32_t)wide;
    for (; size > 0; bytes++, size--)
        crc = __builtin_ia32_crc32qi(crc, *bytes);
    return crc;
}
#endif
