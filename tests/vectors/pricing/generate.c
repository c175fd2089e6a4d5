/* generate: writes the tables that tests of pricing measure against.
 *
 *     generate FOLDER
 *
 * Every input is an exact double or integer, written in full; every output is the true value of the
 * function at that input, computed by MPFR with 320 bits (96 digits) and rounded once to the
 * nearest double, subnormals too. Nothing here shares a line with src/pricing: a formula is written
 * as the textbook has it and precision pays for the cancellation. A tool, built on demand only:
 * README.md tells how. The same program writes the same bytes on every machine. */
#include <mpfr.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BITS     320
#define ROOT_MAX 40.0

static uint64_t random_state = UINT64_C(20260703);
static const char *folder;

static uint64_t next_random(void)
{
    uint64_t z = (random_state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static double uniform(double low, double high)
{
    return low + (high - low) * ((double)(next_random() >> 11) / 9007199254740992.0);
}

static uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

static double double_of(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof(x));
    return x;
}

/* exp in MPFR, rounded: the grids below must not depend on any libm. */
static double exp_of(double x)
{
    mpfr_t t;
    mpfr_init2(t, BITS);
    mpfr_set_d(t, x, MPFR_RNDN);
    mpfr_exp(t, t, MPFR_RNDN);
    double result = mpfr_get_d(t, MPFR_RNDN);
    mpfr_clear(t);
    return result;
}

static FILE *open_table(const char *name, const char *columns)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s.txt", folder, name);
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    fprintf(file, "# %s\n", columns);
    return file;
}

static void close_table(FILE *file)
{
    if (ferror(file) != 0 || fclose(file) != 0) {
        perror("generate");
        exit(1);
    }
}

/* ---- Functions of one argument --------------------------------------------------------------- */

static void set_normal(mpfr_t out, const mpfr_t x)
{
    mpfr_t root;
    mpfr_init2(root, BITS);
    mpfr_sqrt_ui(root, 2, MPFR_RNDN);
    mpfr_div(out, x, root, MPFR_RNDN);
    mpfr_neg(out, out, MPFR_RNDN);
    mpfr_erfc(out, out, MPFR_RNDN);
    mpfr_div_2ui(out, out, 1, MPFR_RNDN);
    mpfr_clear(root);
}

static double value_at(char function, double x)
{
    mpfr_t t, y;
    mpfr_inits2(BITS, t, y, (mpfr_ptr)0);
    mpfr_set_d(t, x, MPFR_RNDN);
    switch (function) {
        case 'e': mpfr_exp(y, t, MPFR_RNDN); break;
        case 'l': mpfr_log(y, t, MPFR_RNDN); break;
        case 'c': mpfr_erfc(y, t, MPFR_RNDN); break;
        default: set_normal(y, t); break;
    }
    double result = mpfr_get_d(y, MPFR_RNDN);
    mpfr_clears(t, y, (mpfr_ptr)0);
    return result;
}

struct sheet {
    FILE *file;
    char function;
    double low, high;
};

static void put(const struct sheet *sheet, double x)
{
    if (x < sheet->low || x > sheet->high) return;
    fprintf(sheet->file, "%a %a\n", x, value_at(sheet->function, x));
}

/* A point where an implementation may change its formula: itself and its neighbours. */
static void put_seam(const struct sheet *sheet, double x)
{
    static const int64_t steps[] = {-4096, -2, -1, 0, 1, 2, 4096};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        put(sheet, double_of((uint64_t)((int64_t)bits_of(x) + steps[i])));
}

static void put_random(const struct sheet *sheet, uint32_t count, double low, double high)
{
    for (uint32_t i = 0; i < count; i++)
        put(sheet, uniform(low, high));
}

/* ±2^-k and a random neighbour: dense near 0. */
static void put_small(const struct sheet *sheet)
{
    for (uint32_t k = 0; k <= 60; k += k < 12 ? 1 : 4) {
        double x = 1.0 / (double)(UINT64_C(1) << k);
        put(sheet, x);
        put(sheet, -x);
        put(sheet, x * uniform(1, 2));
        put(sheet, -x * uniform(1, 2));
    }
    put(sheet, 0.0);
    put(sheet, 0x1p-1022);
    put(sheet, -0x1p-1022);
}

static void write_exp(void)
{
    struct sheet sheet = {open_table("exp", "x exp(x)"), 'e', -745.25, 709.78};
    const double half_ln2 = 0.34657359027997264;
    for (int32_t i = -2149; i <= 2047; i += i >= -33 && i < 33 ? 2 : 62)
        put_seam(&sheet, i * half_ln2);
    put_small(&sheet);
    put_random(&sheet, 200, -745, 709);
    put_random(&sheet, 150, -40, 40);
    put_random(&sheet, 150, -1, 1);
    put_random(&sheet, 30, -708.5, -708.3);
    put_random(&sheet, 20, -745.2, -708.4);
    close_table(sheet.file);
}

static void write_log(void)
{
    struct sheet sheet = {open_table("log", "x log(x)"), 'l', 0x1p-1022, 0x1.fffffffffffffp1023};
    static const double seams[] = {0.5,
                                   0.6666666666666666,
                                   0.6875,
                                   0.70710678118654757,
                                   0.75,
                                   0.9375,
                                   0.96875,
                                   1.0,
                                   1.03125,
                                   1.0625,
                                   1.3333333333333333,
                                   1.375,
                                   1.4142135623730951,
                                   1.5,
                                   2.0,
                                   0x1p-1022,
                                   0x1p1023};
    for (size_t i = 0; i < sizeof(seams) / sizeof(seams[0]); i++)
        put_seam(&sheet, seams[i]);
    for (uint32_t k = 1; k <= 52; k++) {
        double x = 1.0 / (double)(UINT64_C(1) << k);
        put(&sheet, 1 + x);
        put(&sheet, 1 - x);
        put(&sheet, 1 + x * uniform(1, 2));
        put(&sheet, 1 - x * uniform(0.5, 1));
    }
    put_random(&sheet, 300, 0.5, 2);
    put_random(&sheet, 100, 0.98, 1.02);
    for (uint32_t i = 0; i < 250; i++)
        put(&sheet, double_of(next_random() >> 1));
    for (uint32_t i = 0; i < 100; i++)
        put(&sheet, exp_of(uniform(-14, 14)));
    close_table(sheet.file);
}

/* Where known implementations of erfc and of the normal distribution change polynomials, and the
 * dyadic points that others would choose. */
static const double tail_seams[] = {0.125,   0.25,    0.46875,
                                    0.5,     0.65625, 0.75,
                                    0.84375, 1.0,     1.25,
                                    1.5,     1.75,    2.0,
                                    2.25,    2.5,     2.857142857142857,
                                    3.0,     3.5,     4.0,
                                    5.0,     5.5,     5.65685424949238,
                                    6.0,     7.0,     8.0,
                                    10.0,    12.0,    14.0,
                                    16.0,    20.0,    24.0,
                                    26.0};

static void write_erfc(void)
{
    struct sheet sheet = {open_table("erfc", "x erfc(x)"), 'c', -6.5, 27.22};
    for (size_t i = 0; i < sizeof(tail_seams) / sizeof(tail_seams[0]); i++) {
        put_seam(&sheet, tail_seams[i]);
        put_seam(&sheet, -tail_seams[i]);
    }
    put_small(&sheet);
    put_random(&sheet, 200, -1, 1);
    put_random(&sheet, 200, -6, 6);
    put_random(&sheet, 250, 0.5, 26.5);
    put_random(&sheet, 20, 26.5, 27.22);
    close_table(sheet.file);
}

static void write_normal(void)
{
    struct sheet sheet = {open_table("normal", "x N(x)"), 'n', -38.4, 8.5};
    for (size_t i = 0; i < sizeof(tail_seams) / sizeof(tail_seams[0]); i++) {
        put_seam(&sheet, -tail_seams[i]);
        put_seam(&sheet, -tail_seams[i] * 1.4142135623730951);
        if (i % 2 == 0) put_seam(&sheet, tail_seams[i] * 1.4142135623730951);
    }
    put_small(&sheet);
    put_random(&sheet, 200, -1, 1);
    put_random(&sheet, 200, -8, 8);
    put_random(&sheet, 250, -37.5, -1);
    put_random(&sheet, 20, -38.4, -37.5);
    close_table(sheet.file);
}

/* ---- Black-76 -------------------------------------------------------------------------------- */

/* All that one option's formulas need, at 320 bits. */
struct black {
    mpfr_t forward, strike, root, discount, log_strike; /* ln(K/F) */
    mpfr_t d1, d2, n1, n2, call, put, scratch;
};

static void black_open(struct black *black)
{
    mpfr_inits2(BITS, black->forward, black->strike, black->root, black->discount,
                black->log_strike, black->d1, black->d2, black->n1, black->n2, black->call,
                black->put, black->scratch, (mpfr_ptr)0);
}

static void black_set(struct black *black, double forward, double strike, double discount)
{
    mpfr_set_d(black->forward, forward, MPFR_RNDN);
    mpfr_set_d(black->strike, strike, MPFR_RNDN);
    mpfr_set_d(black->discount, discount, MPFR_RNDN);
    mpfr_div(black->log_strike, black->strike, black->forward, MPFR_RNDN);
    mpfr_log(black->log_strike, black->log_strike, MPFR_RNDN);
}

/* call = D(F·N(d1) − K·N(d2)), put = D(K·N(−d2) − F·N(−d1)), at black->root. */
static void black_price(struct black *black)
{
    mpfr_ptr t = black->scratch;
    mpfr_div(black->d2, black->log_strike, black->root, MPFR_RNDN);
    mpfr_neg(black->d2, black->d2, MPFR_RNDN);
    mpfr_div_2ui(t, black->root, 1, MPFR_RNDN);
    mpfr_add(black->d1, black->d2, t, MPFR_RNDN);
    mpfr_sub(black->d2, black->d2, t, MPFR_RNDN);

    set_normal(black->n1, black->d1);
    set_normal(black->n2, black->d2);
    mpfr_mul(black->call, black->forward, black->n1, MPFR_RNDN);
    mpfr_mul(t, black->strike, black->n2, MPFR_RNDN);
    mpfr_sub(black->call, black->call, t, MPFR_RNDN);
    mpfr_mul(black->call, black->call, black->discount, MPFR_RNDN);

    mpfr_neg(t, black->d2, MPFR_RNDN);
    set_normal(black->put, t);
    mpfr_mul(black->put, black->put, black->strike, MPFR_RNDN);
    mpfr_neg(t, black->d1, MPFR_RNDN);
    mpfr_t tail;
    mpfr_init2(tail, BITS);
    set_normal(tail, t);
    mpfr_mul(t, tail, black->forward, MPFR_RNDN);
    mpfr_clear(tail);
    mpfr_sub(black->put, black->put, t, MPFR_RNDN);
    mpfr_mul(black->put, black->put, black->discount, MPFR_RNDN);
}

static void put_black(FILE *file, struct black *black, double forward, double strike, double root,
                      double discount)
{
    black_set(black, forward, strike, discount);
    mpfr_set_d(black->root, root, MPFR_RNDN);
    black_price(black);
    fprintf(file, "%a %a %a %a %a %a\n", forward, strike, root, discount,
            mpfr_get_d(black->call, MPFR_RNDN), mpfr_get_d(black->put, MPFR_RNDN));
}

static void write_black(void)
{
    static const double moneyness[] = {0, 1e-12, 1e-9, 1e-6, 1e-4, .01, .1, .3, 1, 3, 7, 13.8};
    static const double roots[] = {1e-9, 1e-7, 1e-5, 1e-3, .01, .05, .1, .2,
                                   .4,   .8,   1.5,  3,    6,   10,  15, 20};
    FILE *file = open_table("black", "forward strike root_vol discount call put");
    struct black black;
    black_open(&black);
    for (size_t i = 0; i < sizeof(moneyness) / sizeof(moneyness[0]); i++) {
        for (size_t j = 0; j < sizeof(roots) / sizeof(roots[0]); j++) {
            put_black(file, &black, 1, exp_of(moneyness[i]), roots[j], 1);
            put_black(file, &black, 100000, 100000 * exp_of(-moneyness[i]), roots[j], 0.96875);
        }
    }
    for (uint32_t i = 0; i < 320; i++) {
        double forward = exp_of(uniform(-7, 14));
        double root = exp_of(uniform(-7, 2));
        double reach = i % 4 == 3 ? 38 : 6; /* how many root_vol away; at most a factor of 10^6 */
        double away = uniform(-reach, reach) * root;
        if (away > 13.8 || away < -13.8) away = uniform(-13.8, 13.8);
        double discount = i % 2 == 0 ? 1 : uniform(0.5, 1);
        put_black(file, &black, forward, forward * exp_of(away), root, discount);
    }
    close_table(file);
}

/* ---- Implied volatility ---------------------------------------------------------------------- */

/* Is the price at this root_vol at least `price`? */
static bool reaches(struct black *black, bool is_put, double root, const mpfr_t price)
{
    mpfr_set_d(black->root, root, MPFR_RNDN);
    black_price(black);
    return mpfr_cmp(is_put ? black->put : black->call, price) >= 0;
}

/* The double nearest to the root_vol that gives `price`: 0 when the price at no volatility is more
 * already, infinity when ROOT_MAX does not reach it. Positive doubles order as their bits do. */
static double solve(struct black *black, bool is_put, double price)
{
    mpfr_t target;
    mpfr_init2(target, BITS);
    mpfr_set_d(target, price, MPFR_RNDN);
    double result;
    uint64_t low = bits_of(1e-13);
    uint64_t high = bits_of(ROOT_MAX);
    if (reaches(black, is_put, double_of(low), target)) {
        result = 0;
    } else if (!reaches(black, is_put, double_of(high), target)) {
        result = double_of(UINT64_C(0x7FF) << 52);
    } else {
        while (high - low > 1) {
            uint64_t middle = low + (high - low) / 2;
            if (reaches(black, is_put, double_of(middle), target))
                high = middle;
            else
                low = middle;
        }
        mpfr_set_d(black->root, double_of(low), MPFR_RNDN);
        mpfr_add_d(black->root, black->root, double_of(high), MPFR_RNDN);
        mpfr_div_2ui(black->root, black->root, 1, MPFR_RNDN);
        black_price(black);
        bool above = mpfr_cmp(is_put ? black->put : black->call, target) >= 0;
        result = double_of(above ? low : high);
    }
    mpfr_clear(target);
    return result;
}

static double ulps_away(double x, int64_t ulps)
{
    return double_of((uint64_t)((int64_t)bits_of(x) + ulps));
}

/* Is it a price at all: above the value at no volatility, below the value at all of it? */
static bool price_is_inside(struct black *black, bool is_put, double price)
{
    mpfr_ptr t = black->scratch;
    mpfr_sub(t, black->forward, black->strike, MPFR_RNDN);
    if (is_put) mpfr_neg(t, t, MPFR_RNDN);
    mpfr_mul(t, t, black->discount, MPFR_RNDN);
    if (price < 1e-290 || mpfr_cmp_d(t, price) >= 0) return false;
    mpfr_mul(t, is_put ? black->strike : black->forward, black->discount, MPFR_RNDN);
    return mpfr_cmp_d(t, price) > 0;
}

static void write_implied(void)
{
    FILE *file = open_table("implied", "price forward strike discount is_put root_at_4_ulps_less "
                                       "root root_at_4_ulps_more");
    struct black black;
    black_open(&black);
    for (uint32_t rows = 0; rows < 480;) {
        double forward = rows % 3 == 0 ? 1 : exp_of(uniform(-7, 14));
        double root = exp_of(rows % 5 == 0 ? uniform(-20, 2.7) : uniform(-6, 1.5));
        double reach = rows % 4 == 0 ? 36 : 5;
        double away = uniform(-reach, reach) * root;
        if (away > 13.8 || away < -13.8) away = uniform(-13.8, 13.8);
        if (rows % 16 == 1) away = 0;
        double discount = rows % 2 == 0 ? 1 : uniform(0.5, 1);
        bool is_put = next_random() % 2 == 0;
        double strike = forward * exp_of(away);
        black_set(&black, forward, strike, discount);
        mpfr_set_d(black.root, root, MPFR_RNDN);
        black_price(&black);
        double price = mpfr_get_d(is_put ? black.put : black.call, MPFR_RNDN);
        if (!price_is_inside(&black, is_put, price)) continue;
        fprintf(file, "%a %a %a %a %d %a %a %a\n", price, forward, strike, discount, is_put,
                solve(&black, is_put, ulps_away(price, -4)), solve(&black, is_put, price),
                solve(&black, is_put, ulps_away(price, 4)));
        rows++;
    }
    close_table(file);
}

/* ---- Greeks, and implied volatilities of whole prices ---------------------------------------- */

struct quote {
    int64_t forward_micros, strike_micros, vol_ppb, left_ms, rate_ppb;
    bool is_put;
};

static struct quote random_quote(void)
{
    struct quote quote;
    double forward = exp_of(uniform(0, 13));
    double vol = exp_of(uniform(-3, 1.2));
    double years = exp_of(uniform(-9, 1));
    double root = exp_of(uniform(-3, 1)) * vol * years;
    double away = uniform(-4, 4) * (root < 1 ? root : 1) + uniform(-0.05, 0.05);
    quote.forward_micros = (int64_t)(forward * 1e6);
    quote.strike_micros = (int64_t)(forward * exp_of(away) * 1e4) * 100;
    quote.vol_ppb = (int64_t)(vol * 1e9);
    quote.left_ms = (int64_t)(years * 31536000000.0) + 1;
    quote.rate_ppb = next_random() % 3 == 0 ? 0 : (int64_t)uniform(-5e7, 2e8);
    quote.is_put = next_random() % 2 == 0;
    if (quote.strike_micros == 0) quote.strike_micros = 100;
    return quote;
}

/* F and K in units of the cash asset, root = vol·√T, D = exp(−max(r, 0)·T); years and root_years
 * are T and √T. */
static void quote_set(struct black *black, const struct quote *quote, mpfr_t years,
                      mpfr_t root_years)
{
    mpfr_set_si(black->forward, quote->forward_micros, MPFR_RNDN);
    mpfr_div_ui(black->forward, black->forward, 1000000, MPFR_RNDN);
    mpfr_set_si(black->strike, quote->strike_micros, MPFR_RNDN);
    mpfr_div_ui(black->strike, black->strike, 1000000, MPFR_RNDN);
    mpfr_div(black->log_strike, black->strike, black->forward, MPFR_RNDN);
    mpfr_log(black->log_strike, black->log_strike, MPFR_RNDN);
    mpfr_set_si(years, quote->left_ms, MPFR_RNDN);
    mpfr_div_ui(years, years, UINT64_C(31536000000), MPFR_RNDN);
    mpfr_sqrt(root_years, years, MPFR_RNDN);
    mpfr_set_si(black->root, quote->vol_ppb, MPFR_RNDN);
    mpfr_div_ui(black->root, black->root, 1000000000, MPFR_RNDN);
    mpfr_mul(black->root, black->root, root_years, MPFR_RNDN);
    int64_t rate_ppb = quote->rate_ppb > 0 ? quote->rate_ppb : 0;
    mpfr_mul_si(black->discount, years, -rate_ppb, MPFR_RNDN);
    mpfr_div_ui(black->discount, black->discount, 1000000000, MPFR_RNDN);
    mpfr_exp(black->discount, black->discount, MPFR_RNDN);
}

static void print_scaled(FILE *file, const mpfr_t value, double scale)
{
    mpfr_t t;
    mpfr_init2(t, BITS);
    mpfr_mul_d(t, value, scale, MPFR_RNDN); /* scales are whole or 1/100: see the callers */
    fprintf(file, " %a", mpfr_get_d(t, MPFR_RNDN));
    mpfr_clear(t);
}

/* Greeks from their textbook formulas, in the scales of struct tn_greeks, before rounding. */
static void put_greeks(FILE *file, struct black *black, const struct quote *quote)
{
    mpfr_t years, root_years, vol, delta, vega, t, density;
    mpfr_inits2(BITS, years, root_years, vol, delta, vega, t, density, (mpfr_ptr)0);
    quote_set(black, quote, years, root_years);
    black_price(black);
    mpfr_ptr price = quote->is_put ? black->put : black->call;
    mpfr_div(vol, black->root, root_years, MPFR_RNDN);

    fprintf(file, "%lld %lld %lld %lld %lld %d", (long long)quote->forward_micros,
            (long long)quote->strike_micros, (long long)quote->vol_ppb, (long long)quote->left_ms,
            (long long)quote->rate_ppb, quote->is_put);
    print_scaled(file, price, 1e6);
    if (quote->is_put) mpfr_sub_ui(black->n1, black->n1, 1, MPFR_RNDN);
    mpfr_mul(delta, black->discount, black->n1, MPFR_RNDN);
    print_scaled(file, delta, 1e9);
    mpfr_div(t, price, black->forward, MPFR_RNDN);
    mpfr_sub(t, delta, t, MPFR_RNDN);
    print_scaled(file, t, 1e9); /* premium-adjusted delta */

    mpfr_sqr(density, black->d1, MPFR_RNDN);
    mpfr_div_2ui(density, density, 1, MPFR_RNDN);
    mpfr_neg(density, density, MPFR_RNDN);
    mpfr_exp(density, density, MPFR_RNDN);
    mpfr_const_pi(t, MPFR_RNDN);
    mpfr_mul_2ui(t, t, 1, MPFR_RNDN);
    mpfr_sqrt(t, t, MPFR_RNDN);
    mpfr_div(density, density, t, MPFR_RNDN);
    mpfr_mul(density, density, black->discount, MPFR_RNDN); /* D·φ(d1) */
    mpfr_div(t, density, black->forward, MPFR_RNDN);
    mpfr_div(t, t, black->root, MPFR_RNDN);
    print_scaled(file, t, 1e12); /* gamma */
    mpfr_mul(vega, density, black->forward, MPFR_RNDN);
    mpfr_mul(vega, vega, root_years, MPFR_RNDN);
    print_scaled(file, vega, 1e4); /* 10^6 micros, per 0.01 */

    /* theta = −∂P/∂T = r⁺·P − vega·vol/(2T), per day of 1/365 year */
    mpfr_mul(t, vega, vol, MPFR_RNDN);
    mpfr_div(t, t, years, MPFR_RNDN);
    mpfr_div_2ui(t, t, 1, MPFR_RNDN);
    mpfr_set_si(black->scratch, quote->rate_ppb > 0 ? quote->rate_ppb : 0, MPFR_RNDN);
    mpfr_div_ui(black->scratch, black->scratch, 1000000000, MPFR_RNDN);
    mpfr_mul(black->scratch, black->scratch, price, MPFR_RNDN);
    mpfr_sub(t, black->scratch, t, MPFR_RNDN);
    mpfr_div_ui(t, t, 365, MPFR_RNDN);
    print_scaled(file, t, 1e6);
    mpfr_mul(t, years, price, MPFR_RNDN);
    mpfr_neg(t, t, MPFR_RNDN);
    if (quote->rate_ppb < 0) mpfr_set_ui(t, 0, MPFR_RNDN); /* at 0: of a rate that rises */
    print_scaled(file, t, 1e4);                            /* rho, per 0.01 */
    mpfr_mul(t, density, black->d2, MPFR_RNDN);
    mpfr_div(t, t, vol, MPFR_RNDN);
    mpfr_neg(t, t, MPFR_RNDN);
    print_scaled(file, t, 1e7); /* vanna, ppb per 0.01 */
    mpfr_mul(t, vega, black->d1, MPFR_RNDN);
    mpfr_mul(t, t, black->d2, MPFR_RNDN);
    mpfr_div(t, t, vol, MPFR_RNDN);
    print_scaled(file, t, 1e2); /* volga: micros, per 0.01 twice */
    fprintf(file, "\n");
    mpfr_clears(years, root_years, vol, delta, vega, t, density, (mpfr_ptr)0);
}

static void write_greeks(void)
{
    FILE *file = open_table("greeks", "forward strike vol left rate is_put price delta "
                                      "delta_premium gamma vega theta rho vanna volga");
    struct black black;
    black_open(&black);
    for (uint32_t rows = 0; rows < 180; rows++) {
        struct quote quote = random_quote();
        put_greeks(file, &black, &quote);
    }
    close_table(file);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: generate FOLDER\n");
        return 2;
    }
    folder = argv[1];
    write_exp();
    write_log();
    write_erfc();
    write_normal();
    write_black();
    write_implied();
    write_greeks();
    return 0;
}
