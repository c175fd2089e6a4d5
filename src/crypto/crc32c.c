/* crc32c: the checksum of RFC 3720 (Castagnoli, reflected), eight bytes a step.
 *
 * The register is linear in what it eats: what a byte leaves behind after k more bytes is the sum
 * of what its bits leave. Eight tables of 256 hold that for k = 0 … 7, so eight bytes are eight
 * look-ups. They are written down as their basis: the 64 states of the register that holds the
 * polynomial, then takes one zero bit after another. */
#include "crypto/internal.h"

#define BIT(n, bit, state) ((n) >> (bit)&1u ? (state) : 0u)
#define SUM(n, s7, s6, s5, s4, s3, s2, s1, s0)                                                     \
    (BIT(n, 7, s7) ^ BIT(n, 6, s6) ^ BIT(n, 5, s5) ^ BIT(n, 4, s4) ^ BIT(n, 3, s3) ^               \
     BIT(n, 2, s2) ^ BIT(n, 1, s1) ^ BIT(n, 0, s0))
#define SUMS_4(n, ...)                                                                             \
    SUM((n), __VA_ARGS__), SUM((n) + 1u, __VA_ARGS__), SUM((n) + 2u, __VA_ARGS__),                 \
        SUM((n) + 3u, __VA_ARGS__)
#define SUMS_16(n, ...)                                                                            \
    SUMS_4((n), __VA_ARGS__), SUMS_4((n) + 4u, __VA_ARGS__), SUMS_4((n) + 8u, __VA_ARGS__),        \
        SUMS_4((n) + 12u, __VA_ARGS__)
#define SUMS_64(n, ...)                                                                            \
    SUMS_16((n), __VA_ARGS__), SUMS_16((n) + 16u, __VA_ARGS__), SUMS_16((n) + 32u, __VA_ARGS__),   \
        SUMS_16((n) + 48u, __VA_ARGS__)
#define TABLE(...)                                                                                 \
    {                                                                                              \
        SUMS_64(0u, __VA_ARGS__), SUMS_64(64u, __VA_ARGS__), SUMS_64(128u, __VA_ARGS__),           \
            SUMS_64(192u, __VA_ARGS__)                                                             \
    }

/* tables[k][byte]: what the byte leaves when k more bytes have passed. */
static const uint32_t tables[8][256] = {
    TABLE(0x82f63b78, 0x417b1dbc, 0x20bd8ede, 0x105ec76f, 0x8ad958cf, 0xc79a971f, 0xe13b70f7,
          0xf26b8303),
    TABLE(0xfbc3faf9, 0xff17c604, 0x7f8be302, 0x3fc5f181, 0x9d14c3b8, 0x4e8a61dc, 0x274530ee,
          0x13a29877),
    TABLE(0x8b277743, 0xc76580d9, 0xe144fb14, 0x70a27d8a, 0x38513ec5, 0x9edea41a, 0x4f6f520d,
          0xa541927e),
    TABLE(0x52a0c93f, 0xaba65fe7, 0xd725148b, 0xe964b13d, 0xf64463e6, 0x7b2231f3, 0xbf672381,
          0xdd45aab8),
    TABLE(0x6ea2d55c, 0x37516aae, 0x1ba8b557, 0x8f2261d3, 0xc5670b91, 0xe045beb0, 0x7022df58,
          0x38116fac),
    TABLE(0x1c08b7d6, 0x0e045beb, 0x85f4168d, 0xc00c303e, 0x6006181f, 0xb2f53777, 0xdb8ca0c3,
          0xef306b19),
    TABLE(0xf56e0ef4, 0x7ab7077a, 0x3d5b83bd, 0x9c5bfaa6, 0x4e2dfd53, 0xa5e0c5d1, 0xd0065990,
          0x68032cc8),
    TABLE(0x34019664, 0x1a00cb32, 0x0d006599, 0x847609b4, 0x423b04da, 0x211d826d, 0x9278fa4e,
          0x493c7d27),
};

uint32_t tn_crc32c_table(uint32_t crc, const uint8_t *bytes, size_t size)
{
    for (; size >= 8; bytes += 8, size -= 8) {
        uint64_t word = tn_crypto_load(bytes) ^ crc;
        crc = tables[7][word & 0xff] ^ tables[6][word >> 8 & 0xff] ^ tables[5][word >> 16 & 0xff] ^
              tables[4][word >> 24 & 0xff] ^ tables[3][word >> 32 & 0xff] ^
              tables[2][word >> 40 & 0xff] ^ tables[1][word >> 48 & 0xff] ^ tables[0][word >> 56];
    }
    for (; size > 0; bytes++, size--)
        crc = crc >> 8 ^ tables[0][(crc ^ *bytes) & 0xff];
    return crc;
}

uint32_t tn_crc32c(uint32_t crc, enum tn_cpu cpu, const void *bytes, size_t size)
{
    TN_ASSERT(bytes != NULL || size == 0);
#ifdef TN_CRYPTO_X86
    switch (cpu) {
        case TN_CPU_BASE: return ~tn_crc32c_table(~crc, bytes, size);
        case TN_CPU_AVX2:
        case TN_CPU_AVX512: return ~tn_crc32c_sse42(~crc, bytes, size);
    }
    TN_ASSERT(false);
#else
    (void)cpu;
#endif
    return ~tn_crc32c_table(~crc, bytes, size);
}
