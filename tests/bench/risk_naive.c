/* The naive twin of the scenario pass: one price at a time, log, exp and erfc of libm, nothing kept
 * from one price for the next but what the rules themselves compute once per expiry. It shows what
 * the module's own functions and its lanes buy. */
#include "risk.h"

#define YEAR_MS 31536e6

static double naive_black(double forward, double strike, double root_vol, double discount,
                          bool is_put)
{
    double v = fmax(root_vol, 1e-18);
    double k = strike / forward;
    double d1 = (v * v / 2 - log(k)) / v;
    double n1 = 0.5 * erfc(-d1 / sqrt(2));
    double n2 = 0.5 * erfc(-(d1 - v) / sqrt(2));
    double call = v >= 24 ? 1 : fmin(fmax(n1 - k * n2, 0), 1);
    if (!is_put) return forward * discount * call;
    return fmin(forward * discount * fmax(call + k - 1, 0), strike * discount);
}

static double surface_vol(const struct tn_surface *surface, double strike)
{
    double a = (double)surface->a_e12 * 1e-12;
    double b = (double)surface->b_e12 * 1e-12;
    double rho = (double)surface->rho_e12 * 1e-12;
    double sigma = (double)surface->sigma_e12 * 1e-12;
    double most = 4 * sqrt(a + b * sigma);
    double k = log(strike / (double)surface->forward_micros);
    double x = fmin(fmax(k, -most), most) - (double)surface->m_e12 * 1e-12;
    double w = fmin(a + b * (rho * x + sqrt(x * x + sigma * sigma)), 144);
    return sqrt(fmax(w, 0) / ((double)surface->tau_ms / YEAR_MS));
}

static double shocked(const struct tn_shocks *shocks, const struct tn_scenario *scenario,
                      double vol, double q, double log_strike, double root_time)
{
    if (scenario->kind != TN_SCENARIO_SHOCK) {
        double x = scenario->kind == TN_SCENARIO_ABS ? fabs(log_strike) : log_strike;
        double cap =
            fmax(shocks->skew_base_ppm * 1e-6 + shocks->skew_slope_ppm * 1e-6 * root_time, 0);
        double reach = root_time * 4 * (0.6 + shocks->skew_wing_ppm * 1e-6 * root_time);
        double bend = fmin(fmax(x * cap / fmax(reach, 0.01), -cap), cap);
        return vol * fmax(0, 1 + bend);
    }
    if (scenario->vol == TN_VOL_UP) {
        return fmax(shocks->vol_floor_ppm * 1e-6, vol * (1 + shocks->vol_up_ppm * 1e-6 * q));
    }
    if (scenario->vol == TN_VOL_DOWN) return vol * fmax(0, 1 - shocks->vol_down_ppm * 1e-6 * q);
    return vol;
}

void naive_rows(int64_t (*rows)[TN_ROW_COLUMNS], const struct tn_shocks *shocks,
                const struct tn_price_expiry *expiry, const struct tn_price_series *series,
                uint32_t count)
{
    double left = (double)expiry->left_ms;
    double years = left / YEAR_MS;
    double root_time = sqrt(years);
    double fixed = (double)expiry->fixed_micros;
    double variable = (double)expiry->variable_micros;
    double discount = exp(-fmax((double)expiry->rate_ppb * 1e-9, 0) * years);
    double window = (double)shocks->window_ms;
    double narrow = left >= window ? sqrt(1 - 2 * window / (3 * left))
                                   : variable / (fixed + variable) / sqrt(3);
    double days = left / 864e5;
    double power = (days <= 30 ? shocks->power_short_ppm : shocks->power_long_ppm) * 1e-6;
    double q = pow(30 / fmax(days, 1), power);
    for (uint32_t i = 0; i < count; i++) {
        double strike = (double)series[i].strike_micros;
        double vol = surface_vol(&expiry->surface, strike);
        bool is_put = series[i].kind == TN_PUT;
        double lot = (double)series[i].lot_micro_units * 1e-6;
        for (uint32_t column = 0; column < TN_ROW_COLUMNS; column++) {
            double forward = fixed + variable;
            double bent = vol;
            rows[i][column] = 0;
            if (column >= shocks->scenarios_count && column < TN_COLUMN_MARK) continue;
            if (column < shocks->scenarios_count) {
                const struct tn_scenario *scenario = &shocks->scenarios[column];
                bent = shocked(shocks, scenario, vol, q, log(strike / forward), root_time);
                if (scenario->kind == TN_SCENARIO_SHOCK) {
                    forward = fixed + variable * (1 + scenario->move_ppm * 1e-6);
                }
            }
            if (column == TN_COLUMN_UP) forward *= 1 + shocks->basis_ppm * 1e-6;
            if (column == TN_COLUMN_DOWN) forward *= 1 - shocks->basis_ppm * 1e-6;
            double price =
                naive_black(forward, strike, bent * narrow * root_time, discount, is_put);
            rows[i][column] = llrint(price * lot);
        }
    }
}
