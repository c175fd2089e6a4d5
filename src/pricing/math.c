/* math: the functions of one double, as lane 0 of the two-lane text, so that a lone number and a
 * number in a row of eight go through the same operations.
 *
 * Arguments are finite (asserted by who makes them from integers); the results are too. */
#include "pricing/math.h"

#include "pricing/internal.h"

#define TN_LANES 2
#include "pricing/lanes_math.h"

#define INTEGER_MOST 0x1p62

double tn_pricing_exp(double x)
{
    return exp_wide(lanes_all(x), lanes_all(0.0), 1.0, 0.0)[0];
}

double tn_pricing_log_ratio(double above, double below)
{
    TN_ASSERT(above > 0.0 && below > 0.0);
    /* Denormals have no exponent to read. */
    double shift = 0.0;
    if (above < 0x1p-1022) {
        above *= 0x1p54;
        shift -= 54.0;
    }
    if (below < 0x1p-1022) {
        below *= 0x1p54;
        shift += 54.0;
    }
    double log = log_ratio(lanes_all(above), lanes_all(below))[0];
    if (shift != 0.0) log = log + shift * (LN2_HIGH + LN2_LOW);
    return log;
}

double tn_pricing_log(double x)
{
    return tn_pricing_log_ratio(x, 1.0);
}

double tn_pricing_root(double x)
{
    TN_ASSERT(x >= 0.0);
    return __builtin_sqrt(x);
}

double tn_pricing_normal(double x)
{
    lanes density;
    return normal_of(&density, lanes_all(x))[0];
}

double tn_pricing_density(double x)
{
    return density_wide(lanes_absolute(lanes_all(x)))[0];
}

/* erfc(x) = 2·N(−x√2), with exp(−x²) from x itself: √2 would round it. */
double tn_pricing_erfc(double x)
{
    lanes low;
    lanes z = lanes_min(lanes_absolute(lanes_all(x)), lanes_all(28.0));
    lanes high = half_square(&low, z);
    lanes root = z * ROOT_2, slope;
    lanes rest = product_rest(z, lanes_all(ROOT_2), root) + z * ROOT_2_LOW;
    lanes density = exp_wide(high * 2.0, low * 2.0, DENSITY_0, DENSITY_0_LOW);
    lanes tail = density * (mills_fine(&slope, root, rest) * 2.0);
    return x > 0.0 ? tail[0] : 2.0 - tail[0];
}

int64_t tn_pricing_integer(double x)
{
    if (!(x < INTEGER_MOST)) return INT64_C(1) << 62;
    if (!(x > -INTEGER_MOST)) return -(INT64_C(1) << 62);
    /* From 2^51 on adding the rounder would lose bits; from 2^52 on there is nothing to round. */
    if (x >= 0x1p51 || x <= -0x1p51) {
        int64_t whole = (int64_t)x;
        double rest = x - (double)whole;
        if (rest > 0.5 || (rest == 0.5 && (whole & 1) != 0)) return whole + 1;
        if (rest < -0.5 || (rest == -0.5 && (whole & 1) != 0)) return whole - 1;
        return whole;
    }
    return (int64_t)((x + ROUNDER) - ROUNDER);
}

double tn_pricing_years(int64_t left_ms)
{
    TN_ASSERT(left_ms >= 0 && left_ms <= INT64_C(1) << 40);
    return (double)left_ms / MS_PER_YEAR;
}

double tn_pricing_discount(int64_t left_ms, int64_t rate_ppb)
{
    TN_ASSERT(rate_ppb >= -1000000000 && rate_ppb <= 1000000000);
    if (rate_ppb <= 0) return 1.0;
    return tn_pricing_exp(-((double)rate_ppb / 1e9 * tn_pricing_years(left_ms)));
}
