/* columns_brief: which scenarios may be the worst of an underlying, found from briefs (briefs.c) at
 * a fraction of what their numbers cost. Part of columns.h, which includes it.
 *
 * In the unit u = 2^(shift + s) micros, where s is what the account's size asks for on top, a
 * number of a brief is y = F·P/u, F = flat/2^30: P cut to units, below 2^28 of them, times F,
 * rounded, and cut by s bits, so that y is off by less than F + 1/2, or than 1 where that is more
 * and s is not 0. With N lots in all, in E expiries, scenario k comes to A = Σ_e g(V) − m, V = Σ
 * n·y, m = F·M/u, g(V) = V·L or V·H by its sign. Off are V by N times as much, g by H times that,
 * less than 3N as H ≤ 2 and H·F < 2: no weight is wide; its product by 2 in each expiry, m by 3 (in
 * a skew scenario in each expiry). The exact number has weights of its own, at most 2 from flat·H:
 * with prices below 2^28 units that is N/2; and E + 1 floors. All below 3.5N + 6E + 4. MM's weights
 * are IM's times r, their factors' ratio, but for their roundings, less than 1/r after division, of
 * V as of M: MM/r is the exact number but for (N/2 + E + 1)/r. Twice the sum of both is how far
 * apart two scenarios may be and still change places; a test has portfolios that need more than
 * half of it.
 *
 * Products are of 32 bits and sums wrap: the caller sees to it that Σ |n|·y stays below 2^29, so
 * that nothing here reaches 2^31. */
#ifndef TENOR_MARGIN_COLUMNS_BRIEF_H
#define TENOR_MARGIN_COLUMNS_BRIEF_H

/* The widest vectors here are of 32 bytes: half as many would be left to fill those of 64. */
#define TN_WORDS (TN_LANES == 2 ? 4 : 8)

typedef uint32_t words __attribute__((vector_size(4 * TN_WORDS)));
typedef int32_t signed_words __attribute__((vector_size(4 * TN_WORDS)));
typedef uint64_t pairs __attribute__((vector_size(4 * TN_WORDS)));
typedef int builtin_words __attribute__((vector_size(4 * TN_WORDS)));
typedef char builtin_bytes __attribute__((vector_size(4 * TN_WORDS)));

/* The numbers of a brief end it; where vectors are wider than its skews, the first one begins
 * before them, and its first words are anything. */
enum {
    BRIEF_VECTORS = 1 + TN_BRIEF_PLAIN / TN_WORDS,
    BRIEF_BLOCK = 5, /* vectors at a time: their sums fit the registers */
    BRIEF_BEFORE = TN_WORDS - TN_BRIEF_SKEWS,
    BRIEF_FROM = sizeof(struct tn_margin_brief) - BRIEF_VECTORS * 4 * TN_WORDS
};
_Static_assert(sizeof(struct tn_margin_brief) == 192, "a brief is three lines");
_Static_assert(offsetof(struct tn_margin_brief, plain) == 64, "the last two are vectors");

LANES_INLINE words words_all(uint32_t value)
{
    return value - (words){0};
}

LANES_INLINE words words_load(const void *from)
{
    words value;
    memcpy(&value, from, sizeof value);
    return value;
}

/* The product of the lower halves of every pair. */
LANES_INLINE pairs pairs_product(pairs a, pairs b)
{
#if TN_WORDS == 8 && defined(__AVX2__)
    return (pairs)__builtin_ia32_pmuludq256((builtin_words)a, (builtin_words)b);
#elif TN_WORDS == 4 && defined(__SSE2__)
    return (pairs)__builtin_ia32_pmuludq128((builtin_words)a, (builtin_words)b);
#else
    return (a & 0xffffffff) * (b & 0xffffffff);
#endif
}

/* The upper half of each product. */
LANES_INLINE words words_high(words a, words b)
{
    pairs even = pairs_product((pairs)a, (pairs)b);
    pairs odd = pairs_product((pairs)a >> 32, (pairs)b >> 32);
#if TN_WORDS == 8 && defined(__AVX2__) && !defined(__clang__)
    return (words)__builtin_ia32_pblendd256((builtin_words)(even >> 32), (builtin_words)odd, 0xaa);
#else
    return (words)(even >> 32 | (odd & UINT64_C(0xffffffff00000000)));
#endif
}

LANES_INLINE words words_min(words a, words b)
{
#if TN_WORDS == 8 && defined(__AVX2__) && !defined(__clang__)
    return (words)__builtin_ia32_pminsd256((builtin_words)a, (builtin_words)b);
#else
    words less = (words)((signed_words)a < (signed_words)b);
    return (less & a) | (~less & b);
#endif
}

/* A bit for each word of a mask; most have none. */
LANES_INLINE uint64_t words_bits(words mask)
{
    uint64_t bits = 0;
#if TN_WORDS == 8 && defined(__AVX2__)
    bits = (uint32_t)__builtin_ia32_pmovmskb256((builtin_bytes)mask);
    if (bits == 0) return 0;
#elif TN_WORDS == 4 && defined(__SSE2__)
    bits = (uint32_t)__builtin_ia32_pmovmskb128((builtin_bytes)mask);
    if (bits == 0) return 0;
#else
    for (int i = 0; i < TN_WORDS; i++)
        bits |= (uint64_t)(mask[i] & 1) << 4 * i;
#endif
    bits &= 0x11111111; /* one of every four */
    bits = (bits | bits >> 3) & 0x03030303;
    bits = (bits | bits >> 6) & 0x000f000f;
    return (bits | bits >> 12) & 0xff;
}

/* ---- Sums --------------------------------------------------------------------------------------
 * SSE2 multiplies every other word only: there two sums of pairs stand for one of words. */
#if defined(__SSE2__) && !defined(__SSE4_1__)
struct gathering {
    pairs even, odd;
};

LANES_INLINE void gather(struct gathering *sum, words numbers, words lots)
{
    sum->even += pairs_product((pairs)numbers, (pairs)lots);
    sum->odd += pairs_product((pairs)numbers >> 32, (pairs)lots);
}

LANES_INLINE words gathered(const struct gathering *sum)
{
    return (words)((sum->even & 0xffffffff) | sum->odd << 32);
}
#else
struct gathering {
    words all;
};

LANES_INLINE void gather(struct gathering *sum, words numbers, words lots)
{
    sum->all += numbers * lots;
}

LANES_INLINE words gathered(const struct gathering *sum)
{
    return sum->all;
}
#endif

struct brief_block {
    words sums[BRIEF_BLOCK];
    int first, count;
    bool has_shift;
};

LANES_INLINE void gather_rows(struct gathering *values, const struct brief_block *block,
                              const struct tn_margin_search *search,
                              const struct tn_holding *holdings, uint32_t count)
{
    for (int v = 0; v < block->count; v++)
        values[v] = (struct gathering){0};
    for (uint32_t h = 0; h < count; h++) {
        const char *numbers = (const char *)&search->briefs[holdings[h].series] + BRIEF_FROM;
        words lots = words_all((uint32_t)holdings[h].quantity);
        for (int v = 0; v < block->count; v++) {
            words number = words_load(numbers + (block->first + v) * (int)sizeof(words));
            if (block->has_shift) number >>= search->shift;
            gather(&values[v], number, lots);
        }
    }
}

/* V·L or V·H: V less so much of its size. One sign is as likely as the other: no branch for it. */
LANES_INLINE words discounted(words value, const struct tn_margin_run *run)
{
    words loss = words_all(run->loss_q32), rise = words_all(run->rise_q32);
    words sign = (words)((signed_words)value >> 31);
    if (run->rise_q32 == 0) return value - words_high(value & ~sign, loss);
    return value - words_high((value ^ sign) - sign, loss ^ ((loss ^ rise) & sign));
}

/* flat·mark, of a mark in units. */
LANES_INLINE words flat_mark(const struct tn_margin_search *search, int vector, int64_t mark)
{
    const uint32_t *flat = search->flat + 8 - TN_WORDS + vector * TN_WORDS;
    words size = words_high(words_load(flat), words_all((uint32_t)(mark < 0 ? -mark : mark) << 2));
    words sign = words_all((uint32_t)(mark >> 63)); /* a branch would be guessed wrong too often */
    return (size ^ sign) - sign;
}

LANES_INLINE void brief_run(struct brief_block *block, const struct tn_margin_search *search,
                            const struct tn_margin_run *run)
{
    struct gathering values[BRIEF_BLOCK];
    if (run->linear > 0) {
        gather_rows(values, block, search, run->holdings, run->linear);
        for (int v = 0; v < block->count; v++)
            block->sums[v] += gathered(&values[v]);
    }
    if (run->count == run->linear) return;
    gather_rows(values, block, search, run->holdings + run->linear, run->count - run->linear);
    for (int v = 0; v < block->count; v++) {
        words value = gathered(&values[v]), outcome = discounted(value, run);
        if (block->first + v == 0) {
            words mark = flat_mark(search, 0, run->mark);
            outcome = words_min(outcome - mark, mark - value);
        }
        block->sums[v] += outcome;
    }
}

LANES_INLINE void work_out_block(words *sums, const struct tn_margin_search *search, int first,
                                 int count, bool has_shift)
{
    struct brief_block block;
    block.first = first;
    block.count = count;
    block.has_shift = has_shift;
    for (int v = 0; v < count; v++)
        block.sums[v] = words_all(0);
    for (uint32_t r = 0; r < search->runs_count; r++)
        brief_run(&block, search, &search->runs[r]);
    for (int v = 0; v < count; v++)
        sums[first + v] =
            block.sums[v] -
            flat_mark(search, first + v, first + v == 0 ? search->linear_mark : search->all_mark);
}

LANES_INLINE void work_out(words sums[BRIEF_VECTORS], const struct tn_margin_search *search,
                           bool has_shift)
{
    work_out_block(sums, search, 0, BRIEF_BLOCK, has_shift);
    if (BRIEF_VECTORS > BRIEF_BLOCK)
        work_out_block(sums, search, BRIEF_BLOCK, BRIEF_VECTORS - BRIEF_BLOCK, has_shift);
    for (int i = 0; i < BRIEF_BEFORE; i++)
        sums[0][i] = 0;
}

static int32_t least_word(const words sums[BRIEF_VECTORS])
{
    words least = words_all(0);
    int32_t answer = 0;
    for (int v = 0; v < BRIEF_VECTORS; v++)
        least = words_min(least, sums[v]);
    for (int i = 0; i < TN_WORDS; i++)
        if ((int32_t)least[i] < answer) answer = (int32_t)least[i];
    return answer;
}

static uint64_t columns_search(const struct tn_margin_search *search)
{
    words sums[BRIEF_VECTORS];
    if (search->shift == 0)
        work_out(sums, search, false);
    else
        work_out(sums, search, true);
    int64_t limit = least_word(sums) + search->apart;
    if (limit > INT32_MAX) limit = INT32_MAX;
    signed_words most = (signed_words)words_all((uint32_t)(int32_t)limit);
    uint64_t bits = 0;
    for (int v = 1; v < BRIEF_VECTORS; v++)
        bits |= words_bits((words)((signed_words)sums[v] <= most)) << (v - 1) * TN_WORDS;
    uint64_t skews = words_bits((words)((signed_words)sums[0] <= most)) >> BRIEF_BEFORE;
    return bits | skews << TN_BRIEF_PLAIN;
}

#endif
