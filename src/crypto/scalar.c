/* scalar: arithmetic modulo n, and splitting.
 *
 * n = 2^256 - FOLD with a FOLD of 129 bits, so the upper half of a product comes back at the bottom
 * times FOLD. A check makes two products and one inverse: this is written to be read, not to race.
 *
 * Splitting: the pairs (a, b) with a + b lambda = 0 modulo n are a lattice. Its short vectors,
 * found by Euclid's algorithm on n and lambda, are (A1, -B1) and (A2, B2) with A1 = B2 =
 * 0x3086d221a7d46bcde86c90e49284eb15 B1 = 0xe4437ed6010e88286f547fa90abfe4c3 A2 =
 * 0x114ca50f7a8e2f3f657c1108d9d44cfd8 and A1 B2 + A2 B1 = n. (k, 0) is c1 (A1, -B1) + c2 (A2, B2)
 * for c1 = k B2 / n and c2 = k B1 / n; with both rounded to the nearest, what is left is k1 = k -
 * c1 A1 - c2 A2,    |k1| <= (A1 + A2) / 2 + 1 < 2^128 k2 = c1 B1 - c2 B2,        |k2| <= (B1 + B2)
 * / 2 + 1 < 2^128. Instead of dividing by n, k is multiplied by G1 = round(2^384 B2 / n) or G2 =
 * round(2^384 B1 / n) and shifted: an error below 2^-129 in c, which the 1 above allows for. */
#include "crypto/scalar.h"

#include "crypto/inverse.h"

#include <string.h>

#define ORDER       tn_modulus_order.words
#define FOLD_LOW    UINT64_C(0x402DA1732FC9BEBF)
#define FOLD_MIDDLE UINT64_C(0x4551231950B75FC4)
#define FOLD_HIGH   UINT64_C(1)

static const uint64_t HALF_ORDER[4] = {UINT64_C(0xDFE92F46681B20A0), UINT64_C(0x5D576E7357A4501D),
                                       UINT64_MAX, UINT64_MAX >> 1};
static const uint64_t A1[3] = {UINT64_C(0xE86C90E49284EB15), UINT64_C(0x3086D221A7D46BCD), 0};
static const uint64_t B1[3] = {UINT64_C(0x6F547FA90ABFE4C3), UINT64_C(0xE4437ED6010E8828), 0};
static const uint64_t A2[3] = {UINT64_C(0x57C1108D9D44CFD8), UINT64_C(0x14CA50F7A8E2F3F6), 1};
static const uint64_t G1[4] = {UINT64_C(0xE893209A45DBB031), UINT64_C(0x3DAA8A1471E8CA7F),
                               UINT64_C(0xE86C90E49284EB15), UINT64_C(0x3086D221A7D46BCD)};
static const uint64_t G2[4] = {UINT64_C(0x1571B4AE8AC47F71), UINT64_C(0x221208AC9DF506C6),
                               UINT64_C(0x6F547FA90ABFE4C4), UINT64_C(0xE4437ED6010E8828)};

/* ---- Long numbers ---------------------------------------------------------------------------- */

static bool is_above(const uint64_t a[4], const uint64_t b[4])
{
    for (uint32_t i = 4; i-- > 0;) {
        if (a[i] != b[i]) return a[i] > b[i];
    }
    return false;
}

/* product = a × b, of the sizes given; the product has both together. */
static void multiply_words(uint64_t *product, const uint64_t *a, uint32_t a_count,
                           const uint64_t *b, uint32_t b_count)
{
    memset(product, 0, ((size_t)a_count + b_count) * sizeof(*product));
    for (uint32_t i = 0; i < a_count; i++) {
        uint64_t carry = 0;
        for (uint32_t j = 0; j < b_count; j++) {
            tn_u128 sum = (tn_u128)a[i] * b[j] + product[i + j] + carry;
            product[i + j] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
        product[i + b_count] = carry;
    }
}

/* a += b over count words; what is carried out is returned. */
static uint64_t add_words(uint64_t *a, const uint64_t *b, uint32_t count)
{
    uint64_t carry = 0;
    for (uint32_t i = 0; i < count; i++) {
        tn_u128 sum = (tn_u128)a[i] + b[i] + carry;
        a[i] = (uint64_t)sum;
        carry = (uint64_t)(sum >> 64);
    }
    return carry;
}

/* a -= b modulo 2^(64 count). */
static void subtract_words(uint64_t *a, const uint64_t *b, uint32_t count)
{
    uint64_t borrow = 0;
    for (uint32_t i = 0; i < count; i++) {
        tn_u128 difference = (tn_u128)a[i] - b[i] - borrow;
        a[i] = (uint64_t)difference;
        borrow = (uint64_t)(difference >> 64) & 1;
    }
}

/* ---- Modulo n -------------------------------------------------------------------------------- */

static void read_words(uint64_t words[4], const uint8_t bytes[32])
{
    for (uint32_t i = 0; i < 4; i++)
        words[i] = tn_get_be(bytes + 8 * (3 - (size_t)i), 8);
}

bool tn_scalar_from_bytes(struct tn_scalar *a, const uint8_t bytes[32])
{
    read_words(a->words, bytes);
    return is_above(ORDER, a->words);
}

void tn_scalar_from_digest(struct tn_scalar *a, const uint8_t bytes[32])
{
    read_words(a->words, bytes);
    if (!is_above(ORDER, a->words)) subtract_words(a->words, ORDER, 4);
}

bool tn_scalar_is_zero(const struct tn_scalar *a)
{
    return (a->words[0] | a->words[1] | a->words[2] | a->words[3]) == 0;
}

bool tn_scalar_is_high(const struct tn_scalar *a)
{
    return is_above(a->words, HALF_ORDER);
}

/* Folding takes 512 bits to below 2^386 (256 of the lower half, 256 + 129 of the other), and these
 * to below 2^260 (130 + 129), which is n at most 16 times. */
void tn_scalar_multiply(struct tn_scalar *product, const struct tn_scalar *a,
                        const struct tn_scalar *b)
{
    static const uint64_t fold[3] = {FOLD_LOW, FOLD_MIDDLE, FOLD_HIGH};
    uint64_t wide[8], folded[8] = {0};
    multiply_words(wide, a->words, 4, b->words, 4);
    for (uint32_t i = 0; i < 2; i++) {
        multiply_words(folded, wide + 4, 4, fold, 3);
        memset(wide + 4, 0, 4 * sizeof(*wide));
        folded[7] = 0;
        uint64_t carry = add_words(wide, folded, 8);
        TN_ASSERT(carry == 0);
    }
    while (wide[4] != 0 || !is_above(ORDER, wide)) {
        static const uint64_t order[5] = {UINT64_C(0xBFD25E8CD0364141),
                                          UINT64_C(0xBAAEDCE6AF48A03B),
                                          UINT64_C(0xFFFFFFFFFFFFFFFE), UINT64_MAX, 0};
        subtract_words(wide, order, 5);
    }
    memcpy(product->words, wide, sizeof(product->words));
}

void tn_scalar_invert(struct tn_scalar *inverse, const struct tn_scalar *a)
{
    tn_modulus_invert(&tn_modulus_order, inverse->words, a->words);
}

/* ---- Splitting ------------------------------------------------------------------------------- */

/* k × g / 2^384, to the nearest; below 2^128. */
static void round_share(uint64_t share[2], const struct tn_scalar *k, const uint64_t g[4])
{
    uint64_t product[8];
    multiply_words(product, k->words, 4, g, 4);
    tn_u128 rounded = ((tn_u128)product[7] << 64 | product[6]) + (product[5] >> 63);
    share[0] = (uint64_t)rounded;
    share[1] = (uint64_t)(rounded >> 64);
}

/* words hold a number of 192 bits with a sign, of which at most 128 bits are used. */
static void take_half(struct tn_scalar_half *half, uint64_t words[3])
{
    half->is_negative = words[2] >> 63 != 0;
    if (half->is_negative) {
        uint64_t positive[3] = {0};
        subtract_words(positive, words, 3);
        memcpy(words, positive, sizeof(positive));
    }
    TN_ASSERT(words[2] == 0 && words[1] <= TN_SCALAR_HALF_TOP);
    memcpy(half->words, words, sizeof(half->words));
}

/* Modulo 2^192, which is enough for what is below 2^128 in size. */
void tn_scalar_split(struct tn_scalar_half halves[2], const struct tn_scalar *k)
{
    uint64_t c1[2], c2[2], product[5];
    uint64_t k1[3] = {k->words[0], k->words[1], k->words[2]}, k2[3];
    round_share(c1, k, G1);
    round_share(c2, k, G2);
    multiply_words(product, c1, 2, A1, 3);
    subtract_words(k1, product, 3);
    multiply_words(product, c2, 2, A2, 3);
    subtract_words(k1, product, 3);
    multiply_words(product, c1, 2, B1, 3);
    memcpy(k2, product, sizeof(k2));
    multiply_words(product, c2, 2, A1, 3);
    subtract_words(k2, product, 3);
    take_half(&halves[0], k1);
    take_half(&halves[1], k2);
}

void tn_scalar_digits(int16_t *digits, uint32_t count, uint32_t bits,
                      const struct tn_scalar_half *half)
{
    tn_u128 rest = (tn_u128)half->words[1] << 64 | half->words[0];
    const int32_t full = 1 << bits;
    int32_t carry = 0;
    for (uint32_t i = 0; i < count; i++) {
        bool is_last = i + 1 == count;
        int32_t digit = (int32_t)(is_last ? rest : (uint64_t)rest & ((UINT64_C(1) << bits) - 1));
        digit += carry;
        carry = !is_last && digit > full / 2 ? 1 : 0;
        if (carry != 0) digit -= full;
        digits[i] = (int16_t)(half->is_negative ? -digit : digit);
        rest >>= bits;
    }
}
