/* black: Black-76 of one option and its inverse, accurate to a few ulp relative at any moneyness.
 *
 * The scenario pass needs micros of a price and takes a difference of two Mills ratios; next to
 * each other, for small v, they cancel. Here the difference is an integral of the ratio's slope
 * over [a, b], which is smooth and positive: twelve Gauss points give it to the last bit, and no
 * implied volatility is lost for a price far out of the money or close to expiry. */
#include "pricing/internal.h"
#include "pricing/math.h"

#define TN_LANES 2
#include "pricing/lanes_math.h"

#define INTEGRAL_T_MOST 1.0 /* up to this v/2 the integral, beyond it the difference */
#define Z_MOST          40.0
#define V_MOST          24.0
#define ROOT_2PI        0x1.40d931ff62706p+1
#define STEPS_MAX       128
#define SETTLED         0x1p-32 /* a step as small leaves an error of its square: nothing */

static double absolute(double x)
{
    return x < 0.0 ? -x : x;
}

/* The slopes −R′ at h − step and h + step, summed. Below zero by R(−w) = 1/φ(w) − R(w). */
static double slope_pair(double h, double step)
{
    double w = absolute(h - step);
    lanes z = {w, h + step}, p;
    lanes q = mills_parts(&p, z);
    lanes slope = p / (z * q + p);
    double near = slope[0];
    if (h < step) near = near + w / tn_pricing_density(w);
    return near + slope[1];
}

/* R(h − t) − R(h + t), 0 ≤ t ≤ 1, h ≥ 0, as the integral of the slope. */
static double mills_drop(double h, double t)
{
    static const double nodes[6] = {0x1.f68f1d8e42e81p-1, 0x1.cee874ffb88b4p-1,
                                    0x1.8a30aeed88f36p-1, 0x1.2cb4f05c077f9p-1,
                                    0x1.78a8d20a8b19dp-2, 0x1.007a5f8f630e4p-3};
    static const double weights[6] = {0x1.8275d9dea6d8fp-5, 0x1.b60602bce6181p-4,
                                      0x1.47d7258f22d8fp-3, 0x1.a0163e6b1ab72p-3,
                                      0x1.de3155c256ab5p-3, 0x1.fe40ce6d4f025p-3};
    double sum = 0.0;
    for (int i = 0; i < 6; i++) {
        double step = t * nodes[i];
        sum = sum + weights[i] * slope_pair(h, step);
    }
    return t * sum;
}

static double mills_one(double z)
{
    lanes slope;
    return mills_fine(&slope, lanes_all(z), lanes_all(0.0))[0];
}

/* Where a price out of the money stands at one v: its part of min(F, K), what is left to 1, and the
 * slope by v. */
struct place {
    double part, rest, slope;
};

/* v within (0, 24), distance ≥ 0, and a ≤ 40. */
static void find_place(struct place *place, double distance, double v)
{
    double h = distance / v, t = 0.5 * v;
    double a = h - t, b = h + t;
    double density = tn_pricing_density(a);
    place->slope = density;
    if (t <= INTEGRAL_T_MOST) {
        place->part = density * mills_drop(h, t);
        place->rest = 1.0 - place->part;
        return;
    }
    double mills_a = mills_one(absolute(a)), mills_b = mills_one(b);
    if (a < 0.0) {
        place->rest = density * (mills_a + mills_b);
        place->part = 1.0 - place->rest;
    } else {
        place->part = density * (mills_a - mills_b);
        place->rest = 1.0 - place->part;
    }
}

static double part_of(double distance, double v)
{
    struct place place;
    if (v >= V_MOST) return 1.0;
    if (v < ROOT_VOL_LEAST) v = ROOT_VOL_LEAST;
    if (distance / v - 0.5 * v > Z_MOST) return 0.0;
    find_place(&place, distance, v);
    return place.part > 0.0 ? place.part : 0.0;
}

static double distance_of(double forward, double strike)
{
    return absolute(tn_pricing_log_ratio(strike, forward));
}

double tn_pricing_black(double forward, double strike, double root_vol, double discount,
                        bool is_put)
{
    TN_ASSERT(forward >= 0.0 && strike >= 0.0 && root_vol >= 0.0 && discount > 0.0);
    double inside = is_put ? strike - forward : forward - strike;
    double most = is_put ? strike : forward;
    double value = inside > 0.0 ? inside : 0.0;
    if (forward > 0.0 && strike > 0.0) {
        double least = forward < strike ? forward : strike;
        value = value + least * part_of(distance_of(forward, strike), root_vol);
    }
    value = value < most ? value : most;
    return value * discount;
}

/* One step of Newton's method on the logarithm of the part, in 1/v², in which a far part is nearly
 * a line; and on the logarithm of the rest, in v. Each comes from a side from which it does not
 * overshoot; whatever leaves the bracket is halved instead. */
static double step_part(const struct place *place, double v, double part)
{
    double error = tn_pricing_log_ratio(place->part, part) * place->part / place->slope;
    double scale = 1.0 + 2.0 * error / v;
    if (!(error < 0.25 * v && error > -0.25 * v))
        return v / tn_pricing_root(scale > 0.0625 ? scale : 0.0625);
    return v - error;
}

static double step_rest(const struct place *place, double v, double rest)
{
    return v + tn_pricing_log_ratio(place->rest, rest) * place->rest / place->slope;
}

/* The v in (0, 24) with that part, or that rest when the part is the larger. */
static double find_root(double distance, double part, double rest)
{
    double low = part * ROOT_2PI, high = V_MOST; /* part ≤ v/√(2π) */
    double start = tn_pricing_root(2.0 * distance);
    /* Below this v, where a = 39, the part is no number any more. */
    double least = 2.0 * distance / (39.0 + tn_pricing_root(1521.0 + 2.0 * distance));
    if (low < least) low = least;
    double v = start > low ? start : low;
    if (v >= high) v = 0.5 * (low + high);

    for (int step = 0; step < STEPS_MAX; step++) {
        struct place place;
        find_place(&place, distance, v);
        bool above = rest < part ? place.rest < rest : place.part > part;
        if (above) {
            high = v;
        } else {
            low = v;
        }
        bool usable = place.slope > 0.0 && place.part > 0.0 && place.rest > 0.0;
        double next = -1.0;
        if (usable) next = rest < part ? step_rest(&place, v, rest) : step_part(&place, v, part);
        if (!(next >= low && next <= high)) next = 0.5 * (low + high);
        double change = absolute(next - v);
        v = next;
        if (change <= v * SETTLED) break;
    }
    return v;
}

double tn_pricing_implied_root(double price, double forward, double strike, double discount,
                               bool is_put)
{
    TN_ASSERT(forward >= 0.0 && strike >= 0.0 && discount > 0.0);
    double inside = is_put ? strike - forward : forward - strike;
    double most = (is_put ? strike : forward) * discount;
    double least = inside > 0.0 ? inside * discount : 0.0;
    if (!(price >= least && price <= most)) return -1.0;
    if (price == least) return 0.0;
    if (price == most || forward == 0.0 || strike == 0.0) return -1.0;

    double unit = (forward < strike ? forward : strike) * discount;
    double part = (price - least) / unit, rest = (most - price) / unit;
    if (!(part > 0x1p-1000)) return 0.0;
    return find_root(distance_of(forward, strike), part, rest);
}
