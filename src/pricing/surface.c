/* surface: raw SVI. The functions here serve the feeds (which surface is the median, where a
 * calendar deficit is), one strike at a time; the scenario pass evaluates the same formula over
 * lanes. */
#include "pricing/internal.h"
#include "pricing/math.h"

#define E12           1000000000000.0
#define VARIANCE_MOST 144.0
#define TAU_MOST_MS   (INT64_C(1) << 40)

static bool within(int64_t value, int64_t low, int64_t high)
{
    return value >= low && value <= high;
}

bool tn_surface_admitted(const struct tn_surface *surface)
{
    const int64_t one = INT64_C(1000000000000);
    if (!within(surface->a_e12, -144 * one, 144 * one)) return false;
    if (!within(surface->b_e12, 0, 144 * one)) return false;
    if (!within(surface->rho_e12, -one, one)) return false;
    if (!within(surface->m_e12, -100 * one, 100 * one)) return false;
    if (!within(surface->sigma_e12, 1, 100 * one)) return false;
    if (!within(surface->forward_micros, 1, TN_VALUE_UNIT_MICROS_MAX)) return false;
    if (!within(surface->tau_ms, 1, TAU_MOST_MS)) return false;

    int64_t steep = surface->rho_e12 < 0 ? -surface->rho_e12 : surface->rho_e12;
    if ((tn_i128)surface->b_e12 * (one + steep) > (tn_i128)2 * one * one) return false;

    double rho = (double)surface->rho_e12 / E12;
    double least = (double)surface->a_e12 / E12 + (double)surface->b_e12 / E12 *
                                                      ((double)surface->sigma_e12 / E12) *
                                                      tn_pricing_root((1.0 - rho) * (1.0 + rho));
    return least >= 0.0;
}

void tn_surface_curve(struct tn_surface_curve *curve, const struct tn_surface *surface)
{
    curve->a = (double)surface->a_e12 / E12;
    curve->b = (double)surface->b_e12 / E12;
    curve->rho = (double)surface->rho_e12 / E12;
    curve->m = (double)surface->m_e12 / E12;
    curve->sigma = (double)surface->sigma_e12 / E12;
    double level = curve->a + curve->b * curve->sigma;
    curve->k_most = 4.0 * tn_pricing_root(level > 0.0 ? level : 0.0);
    curve->forward = (double)surface->forward_micros;
    curve->years = tn_pricing_years(surface->tau_ms);
}

/* w(k), k clamped; the operations of curve_variance in lanes_rows.h, one by one. */
static double variance_at(const struct tn_surface_curve *curve, double k)
{
    k = k < curve->k_most ? k : curve->k_most;
    k = k > -curve->k_most ? k : -curve->k_most;
    double from = k - curve->m;
    double root = tn_pricing_root(from * from + curve->sigma * curve->sigma);
    double w = curve->a + curve->b * (curve->rho * from + root);
    w = w < VARIANCE_MOST ? w : VARIANCE_MOST;
    return w > 0.0 ? w : 0.0;
}

static double moneyness(const struct tn_surface_curve *curve, tn_micros strike_micros)
{
    TN_ASSERT(within(strike_micros, 0, TN_VALUE_UNIT_MICROS_MAX));
    double strike = (double)strike_micros;
    return tn_pricing_log_ratio(strike > NOTHING ? strike : NOTHING, curve->forward);
}

int64_t tn_surface_variance_e12(const struct tn_surface *surface, int64_t k_e12)
{
    struct tn_surface_curve curve;
    TN_ASSERT(tn_surface_admitted(surface));
    tn_surface_curve(&curve, surface);
    return tn_pricing_integer(variance_at(&curve, (double)k_e12 / E12) * E12);
}

int64_t tn_surface_variance_at_e12(const struct tn_surface *surface, tn_micros strike_micros)
{
    struct tn_surface_curve curve;
    TN_ASSERT(tn_surface_admitted(surface));
    tn_surface_curve(&curve, surface);
    return tn_pricing_integer(variance_at(&curve, moneyness(&curve, strike_micros)) * E12);
}

int64_t tn_surface_moneyness_e12(const struct tn_surface *surface, tn_micros strike_micros)
{
    struct tn_surface_curve curve;
    TN_ASSERT(tn_surface_admitted(surface));
    tn_surface_curve(&curve, surface);
    return tn_pricing_integer(moneyness(&curve, strike_micros) * E12);
}

int64_t tn_surface_root_e12(int64_t variance_e12)
{
    TN_ASSERT(variance_e12 >= 0);
    return tn_pricing_integer(tn_pricing_root((double)variance_e12) * 1e6);
}

int64_t tn_surface_deficit_e12(const struct tn_surface *nearer, int64_t nearer_left_ms,
                               const struct tn_surface *farther, int64_t farther_left_ms,
                               tn_micros strike_micros)
{
    struct tn_surface_curve near, far;
    TN_ASSERT(tn_surface_admitted(nearer) && tn_surface_admitted(farther));
    TN_ASSERT(within(nearer_left_ms, 0, TAU_MOST_MS) && within(farther_left_ms, 0, TAU_MOST_MS));
    tn_surface_curve(&near, nearer);
    tn_surface_curve(&far, farther);
    double k = moneyness(&far, strike_micros);
    double near_part = (double)nearer_left_ms / (double)nearer->tau_ms;
    double far_part = (double)farther_left_ms / (double)farther->tau_ms;
    double deficit = variance_at(&near, k) * near_part - variance_at(&far, k) * far_part;
    return tn_pricing_integer(deficit * E12);
}
