/* keccak_rounds: the permutation keccak-f[1600] of TN_LANES states side by side, one text for every
 * width: `lane` is word (x, y) of all of them, at index x + 5y.
 *
 * theta, rho, pi, chi and iota are one pass over five planes. Each plane of the result gathers the
 * five lanes that pi sends there, turned by rho; the column parities that theta needs next are
 * summed while the planes are at hand. A round reads one array and writes another, so rounds go in
 * pairs and the state stays where it was. Only + ^ & | ~ and shifts of GCC's vector extensions: the
 * compiler finds rotations and three-way logic where the processor has them.
 *
 * Plain words have no "not and" on the oldest x86-64, so a lone state keeps six of its lanes
 * inverted from the first round to the last, which leaves chi one inversion or none a plane. Lanes
 * 1, 2, 8, 12, 17 and 20 are a set that each round maps to itself. */
#ifndef TN_CRYPTO_KECCAK_ROUNDS_H
#define TN_CRYPTO_KECCAK_ROUNDS_H

#include "crypto/internal.h"

#ifndef TN_LANES
#error "TN_LANES is how many states go side by side"
#endif

#if TN_LANES == 1
typedef uint64_t lane;
#else
typedef uint64_t lane __attribute__((vector_size(8 * TN_LANES)));
#endif

/* A macro, not a function: vectors wider than the machine's are no arguments. */
#define ROTATE(word, by) ((word) << (by) | (word) >> (64 - (by)))

/* chi of the plane b0 … b4, for each of the five planes of a result. */
#if TN_LANES == 1
#define CHI_0(to)                                                                                  \
    do {                                                                                           \
        (to)[0] = b0 ^ (b1 | b2);                                                                  \
        (to)[1] = b1 ^ (~b2 | b3);                                                                 \
        (to)[2] = b2 ^ (b3 & b4);                                                                  \
        (to)[3] = b3 ^ (b4 | b0);                                                                  \
        (to)[4] = b4 ^ (b0 & b1);                                                                  \
    } while (0)
#define CHI_1(to)                                                                                  \
    do {                                                                                           \
        (to)[0] = b0 ^ (b1 | b2);                                                                  \
        (to)[1] = b1 ^ (b2 & b3);                                                                  \
        (to)[2] = b2 ^ (b3 | ~b4);                                                                 \
        (to)[3] = b3 ^ (b4 | b0);                                                                  \
        (to)[4] = b4 ^ (b0 & b1);                                                                  \
    } while (0)
#define CHI_2(to)                                                                                  \
    do {                                                                                           \
        (to)[0] = b0 ^ (b1 | b2);                                                                  \
        (to)[1] = b1 ^ (b2 & b3);                                                                  \
        (to)[2] = b2 ^ (~b3 & b4);                                                                 \
        (to)[3] = ~b3 ^ (b4 | b0);                                                                 \
        (to)[4] = b4 ^ (b0 & b1);                                                                  \
    } while (0)
#define CHI_3(to)                                                                                  \
    do {                                                                                           \
        (to)[0] = b0 ^ (b1 & b2);                                                                  \
        (to)[1] = b1 ^ (b2 | b3);                                                                  \
        (to)[2] = b2 ^ (~b3 | b4);                                                                 \
        (to)[3] = ~b3 ^ (b4 & b0);                                                                 \
        (to)[4] = b4 ^ (b0 | b1);                                                                  \
    } while (0)
#define CHI_4(to)                                                                                  \
    do {                                                                                           \
        (to)[0] = b0 ^ (~b1 & b2);                                                                 \
        (to)[1] = ~b1 ^ (b2 | b3);                                                                 \
        (to)[2] = b2 ^ (b3 & b4);                                                                  \
        (to)[3] = b3 ^ (b4 | b0);                                                                  \
        (to)[4] = b4 ^ (b0 & b1);                                                                  \
    } while (0)
#else
#define CHI(to)                                                                                    \
    do {                                                                                           \
        (to)[0] = b0 ^ (~b1 & b2);                                                                 \
        (to)[1] = b1 ^ (~b2 & b3);                                                                 \
        (to)[2] = b2 ^ (~b3 & b4);                                                                 \
        (to)[3] = b3 ^ (~b4 & b0);                                                                 \
        (to)[4] = b4 ^ (~b0 & b1);                                                                 \
    } while (0)
#define CHI_0 CHI
#define CHI_1 CHI
#define CHI_2 CHI
#define CHI_3 CHI
#define CHI_4 CHI
#endif

#define ADD_PARITY(plane)                                                                          \
    do {                                                                                           \
        c0 ^= (plane)[0];                                                                          \
        c1 ^= (plane)[1];                                                                          \
        c2 ^= (plane)[2];                                                                          \
        c3 ^= (plane)[3];                                                                          \
        c4 ^= (plane)[4];                                                                          \
    } while (0)

/* One round. `parity` holds the columns' parities of `from`, and then of `to`. */
static inline __attribute__((always_inline)) void round_once(lane to[TN_KECCAK_LANES],
                                                             lane parity[5],
                                                             const lane from[TN_KECCAK_LANES],
                                                             uint64_t constant)
{
    lane c0 = parity[0], c1 = parity[1], c2 = parity[2], c3 = parity[3], c4 = parity[4];
    lane d0 = c4 ^ ROTATE(c1, 1);
    lane d1 = c0 ^ ROTATE(c2, 1);
    lane d2 = c1 ^ ROTATE(c3, 1);
    lane d3 = c2 ^ ROTATE(c4, 1);
    lane d4 = c3 ^ ROTATE(c0, 1);

    lane b0 = from[0] ^ d0;
    lane b1 = ROTATE(from[6] ^ d1, 44);
    lane b2 = ROTATE(from[12] ^ d2, 43);
    lane b3 = ROTATE(from[18] ^ d3, 21);
    lane b4 = ROTATE(from[24] ^ d4, 14);
    CHI_0(to);
    to[0] ^= constant;
    c0 = to[0], c1 = to[1], c2 = to[2], c3 = to[3], c4 = to[4];

    b0 = ROTATE(from[3] ^ d3, 28);
    b1 = ROTATE(from[9] ^ d4, 20);
    b2 = ROTATE(from[10] ^ d0, 3);
    b3 = ROTATE(from[16] ^ d1, 45);
    b4 = ROTATE(from[22] ^ d2, 61);
    CHI_1(to + 5);
    ADD_PARITY(to + 5);

    b0 = ROTATE(from[1] ^ d1, 1);
    b1 = ROTATE(from[7] ^ d2, 6);
    b2 = ROTATE(from[13] ^ d3, 25);
    b3 = ROTATE(from[19] ^ d4, 8);
    b4 = ROTATE(from[20] ^ d0, 18);
    CHI_2(to + 10);
    ADD_PARITY(to + 10);

    b0 = ROTATE(from[4] ^ d4, 27);
    b1 = ROTATE(from[5] ^ d0, 36);
    b2 = ROTATE(from[11] ^ d1, 10);
    b3 = ROTATE(from[17] ^ d2, 15);
    b4 = ROTATE(from[23] ^ d3, 56);
    CHI_3(to + 15);
    ADD_PARITY(to + 15);

    b0 = ROTATE(from[2] ^ d2, 62);
    b1 = ROTATE(from[8] ^ d3, 55);
    b2 = ROTATE(from[14] ^ d4, 39);
    b3 = ROTATE(from[15] ^ d0, 41);
    b4 = ROTATE(from[21] ^ d1, 2);
    CHI_4(to + 20);
    ADD_PARITY(to + 20);
    parity[0] = c0, parity[1] = c1, parity[2] = c2, parity[3] = c3, parity[4] = c4;
}

/* From a state to one with six lanes inverted, and back. */
static inline __attribute__((always_inline)) void invert_six(lane state[TN_KECCAK_LANES])
{
#if TN_LANES == 1
    state[1] = ~state[1], state[2] = ~state[2], state[8] = ~state[8];
    state[12] = ~state[12], state[17] = ~state[17], state[20] = ~state[20];
#else
    (void)state;
#endif
}

/* Inline, and called at one place where lanes are vectors: what does not fit the registers then
 * lies in the frame that holds the state, which is aligned for them. clang aligns no frame for the
 * sake of spilled vectors alone, and those that cross cache lines cost a third of the time. */
static inline __attribute__((always_inline)) void permute(lane state[TN_KECCAK_LANES])
{
    lane between[TN_KECCAK_LANES], parity[5];
    invert_six(state);
    for (uint32_t x = 0; x < 5; x++)
        parity[x] = state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20];
    for (uint32_t i = 0; i < 24; i += 2) {
        round_once(between, parity, state, tn_keccak_round_constants[i]);
        round_once(state, parity, between, tn_keccak_round_constants[i + 1]);
    }
    invert_six(state);
}

#endif
