/* risk: every constant of pricing, margin, feeds, liquidation and settlement, in one table.
 *
 * The parameters are state of the market: versioned, published, each change admitted only inside
 * its bounds and taking effect at a named block. The table gives name, default, lowest, highest and
 * what it is; docs/specs/margin.md says where it enters. ppm = millionths; money in micros. */
#ifndef TENOR_RISK_H
#define TENOR_RISK_H

#include "tenor/base.h"
#include "tenor/pricing.h"

/* clang-format off */
#define TN_RISK_TABLE(X) \
    /* portfolio margin */ \
    X(im_factor_ppm, 1000000, 1000000, 2000000, "IM = this x worst loss") \
    X(mm_factor_ppm, 800000, 100000, 1000000, "MM = this x worst loss") \
    X(stable_target_ppm, 990000, 0, 1000000, "a cash asset worth less than this adds to the IM factor") \
    X(stable_slope_ppm, 4000000, 0, 10000000, "by this x the shortfall") \
    X(vol_floor_ppm, 400000, 0, 5000000, "least volatility after an up shock") \
    X(vol_up_ppm, 500000, 0, 5000000, "relative up shock of volatility at 30 days") \
    X(vol_down_ppm, 300000, 0, 1000000, "relative down shock of volatility at 30 days") \
    X(vol_power_short_ppm, 300000, 0, 1000000, "its growth towards expiry, up to 30 days") \
    X(vol_power_long_ppm, 130000, 0, 1000000, "its decay beyond 30 days") \
    X(skew_base_ppm, 250000, 0, 1000000, "largest bend of the skew scenarios at expiry") \
    X(skew_slope_ppm, -100000, -1000000, 1000000, "change of it per root year") \
    X(skew_wing_ppm, 0, 0, 10000000, "widening of the wings per root year") \
    X(basis_ppm, 45000, 0, 500000, "half width of the basis bracket") \
    X(basis_base_ppm, 500000, 0, 10000000, "its weight at expiry") \
    X(basis_slope_ppm, 2000000, 0, 10000000, "more of it per year") \
    X(long_ppm, 950000, 0, 1000000, "discount of long option value") \
    X(long_rate_ppm, 0, 0, 10000000, "multiple of the rate in it") \
    X(long_add_ppm, 160000, 0, 2000000, "yearly spread in it") \
    X(short_ppm, 1040000, 1000000, 2000000, "mark-up of short option value") \
    X(short_rate_ppm, 0, 0, 10000000, "multiple of the rate in it") \
    X(short_add_ppm, 160000, 0, 2000000, "yearly spread in it") \
    X(perp_mm_ppm, 30000, 0, 500000, "contingency of perpetuals and futures, MM") \
    X(perp_im_ppm, 10000, 0, 500000, "more of it in IM") \
    X(naked_mm_ppm, 3000, 0, 500000, "contingency of naked short options, MM") \
    X(naked_im_ppm, 2000, 0, 500000, "more of it in IM") \
    X(confidence_floor_ppm, 550000, 0, 1000000, "below this confidence of the feeds IM grows") \
    X(confidence_slope_ppm, 1000000, 0, 5000000, "by this x (1 - confidence) x exposure") \
    /* standard margin */ \
    X(standard_perp_mm_ppm, 65000, 1000, 1000000, "perpetuals and futures, MM") \
    X(standard_perp_im_ppm, 100000, 1000, 1000000, "perpetuals and futures, IM") \
    X(standard_most_ppm, 150000, 0, 1000000, "short option at the money, IM, of spot") \
    X(standard_least_ppm, 130000, 0, 1000000, "short option out of the money, IM, of spot") \
    X(standard_call_mm_ppm, 90000, 0, 1000000, "short call, MM, of spot") \
    X(standard_put_mm_ppm, 90000, 0, 1000000, "short put, MM, of spot") \
    X(standard_put_value_ppm, 90000, 0, 1000000, "short put, MM, of its own value") \
    X(standard_unpaired_im_ppm, 1200000, 1000000, 10000000, "unpaired short calls, IM, of the forward") \
    X(standard_unpaired_mm_ppm, 1100000, 1000000, 10000000, "unpaired short calls, MM, of the forward") \
    X(standard_put_offset_ppm, 1050000, 1000000, 10000000, "short put: IM at least this x MM") \
    /* dynamic scaling of IM */ \
    X(lambda_most_ppm, 1500000, 1000000, 2000000, "highest scaling factor") \
    X(lambda_interest_low_micros, 100000000000000, 0, 1152921504606846976, "open interest (at spot) where scaling begins") \
    X(lambda_interest_high_micros, 1000000000000000, 1, 1152921504606846976, "open interest where it is highest") \
    X(lambda_volatility_low_ppm, 1000000, 0, 100000000, "yearly realised volatility where scaling begins") \
    X(lambda_volatility_high_ppm, 2500000, 1, 100000000, "realised volatility where it is highest") \
    X(lambda_share_low_ppm, 200000, 0, 1000000, "the largest account's share of open interest where scaling begins") \
    X(lambda_share_high_ppm, 600000, 1, 1000000, "share where it is highest") \
    X(volatility_tau_ms, 3600000, 1000, 86400000, "memory of the realised volatility") \
    X(mm_step_ppm, 10000, 1, 1000000, "the MM factor moves at most so much an hour") \
    X(mm_grace_ms, 600000, 0, 86400000, "margin call: time to answer a change of the MM factor") \
    /* bands */ \
    X(band_ticks, 5, 1, 1000000, "least half width of the price band") \
    X(band_delta_ppm, 10000, 0, 1000000, "of the forward, x |delta|") \
    X(band_points_ppm, 100000, 0, 10000000, "volatility points in it, x vega") \
    X(band_vol_ppm, 250000, 0, 10000000, "or this part of the volatility, if more") \
    /* feeds */ \
    X(mark_ms, 100, 10, 60000, "least time between MARK blocks") \
    X(feed_signers_min, 1, 1, 32, "fresh reports a median needs") \
    X(spot_heartbeat_ms, 180000, 1000, 86400000, "spot older than this halts") \
    X(forward_heartbeat_ms, 3600000, 1000, 86400000, "forward older than this halts") \
    X(vol_heartbeat_ms, 1200000, 1000, 86400000, "surface older than this halts") \
    X(rate_heartbeat_ms, 43200000, 1000, 864000000, "rate older than this halts") \
    X(stable_heartbeat_ms, 3600000, 1000, 86400000, "price of the cash asset older than this halts") \
    X(spot_soft_ms, 2000, 100, 86400000, "spot older than this: only what lowers risk") \
    X(forward_soft_ms, 10000, 100, 86400000, "forward older than this: only what lowers risk") \
    X(vol_soft_ms, 60000, 100, 86400000, "surface older than this: only what lowers risk") \
    X(jump_ppm, 100000, 1000, 1000000, "a spot or forward that jumps further waits for a second MARK") \
    X(vol_jump_ppm, 500000, 1000, 10000000, "so does a surface whose at-the-money volatility does") \
    X(calendar_raise_max_e12, 1000000000000, 0, 144000000000000, "most that a calendar deficit raises a by") \
    /* perpetuals */ \
    X(premium_most_ppm, 4000, 0, 500000, "perpetual mark: at most so far from spot") \
    X(premium_tau_ms, 30000, 1000, 86400000, "memory of its premium") \
    X(impact_micros, 10000000000, 1, 1125899906842624, "depth at which the impact price is taken") \
    X(funding_most_ppm, 7500, 0, 500000, "highest funding rate per period") \
    X(funding_period_ms, 28800000, 3600000, 86400000, "period of the funding rate") \
    /* cash and settlement */ \
    X(negative_cash_micros, 100000000000, 0, 1125899906842624, "a portfolio account's CE may go so far below zero") \
    X(borrow_rate_ppm, 100000, 0, 10000000, "yearly rate paid on CE below zero") \
    X(borrow_total_micros, 10000000000000, 0, 1152921504606846976, "sum of CE below zero over the market") \
    X(settlement_window_ms, 1800000, 60000, 86400000, "of the settlement average") \
    X(settlement_cover_ppm, 500000, 0, 1000000, "part of it that fresh spot must cover") \
    X(lag_ms, 1000, 10, 60000, "a series takes no trades so long before expiry") \
    /* liquidation */ \
    X(slice_base_ppm, 50000, 0, 1000000, "a slice gives up this part of what it frees") \
    X(slice_slope_ppm, 500000, 0, 1000000, "and this much more as equity goes to zero") \
    X(slice_cap_micros, 100000000000, 1000000, 1125899906842624, "requirement freed per account and second, at least") \
    X(slice_cap_ppm, 100000, 1, 1000000, "or this part of the requirement, if more") \
    X(slices_ms, 5000, 0, 3600000, "time for slices before the auction") \
    X(buffer_ppm, 150000, 0, 1000000, "liquidation ends at BM = MM + this x (MM - E)") \
    X(auction_at_ppm, 500000, 0, 1000000, "E below this part of R goes to auction at once") \
    X(auction_fee_ppm, 100000, 0, 500000, "of f_max x E to insurance, once per episode") \
    X(auction_start_ppm, 950000, 0, 1000000, "discount factor at the start") \
    X(auction_middle_ppm, 700000, 0, 1000000, "after the first part") \
    X(auction_first_ms, 900000, 1000, 86400000, "length of the first part") \
    X(auction_total_ms, 43200000, 2000, 604800000, "when the factor reaches zero") \
    X(insolvent_rise_ms, 600000, 1000, 86400000, "the insolvent offer rises to MM in this time") \
    X(insurance_cap_ppm, 250000, 0, 1000000, "insurance pays at most -E + this x R per account") \
    /* what came later */ \
    X(standard_orders_max, 256, 2, 4096, "open orders of an account on standard margin")
/* clang-format on */

struct tn_risk {
#define X(name, standard, least, most, text) int64_t name;
    TN_RISK_TABLE(X)
#undef X
};

enum tn_risk_field {
#define X(name, standard, least, most, text) TN_RISK_##name,
    TN_RISK_TABLE(X)
#undef X
        TN_RISK_FIELDS_COUNT,
    /* Those that every encoding has. Of the later ones it has as many as tn_risk_fields_written
     * says, so that parameters that do without them have the bytes that they always had. */
    TN_RISK_FIELDS_FIRST = TN_RISK_standard_orders_max
};

struct tn_risk_field_info {
    const char *name;
    int64_t standard, least, most;
    const char *text;
};
const struct tn_risk_field_info *tn_risk_field_info(uint32_t field); /* NULL past the end */
int64_t *tn_risk_field(struct tn_risk *risk, uint32_t field);        /* field < FIELDS_COUNT */

/* tn_risk_fields_written is how many fields an encoding has: all up to the last one that came later
 * and is not at its default, at least TN_RISK_FIELDS_FIRST. */
uint32_t tn_risk_fields_written(const struct tn_risk *risk);

/* tn_risk_default fills in the standard values and, unless both are NULL, the 33 standard scenarios
 * (those behind them are zeroed). */
void tn_risk_default(struct tn_risk *risk, struct tn_scenario scenarios[TN_SCENARIOS_MAX],
                     uint32_t *scenarios_count);

/* tn_risk_check is the first field that is outside of its bounds, or else the first that conflicts
 * with another (low above high, IM below MM, soft age above heartbeat …; the rules are listed in
 * docs/specs/margin.md); TN_RISK_FIELDS_COUNT when none is. */
uint32_t tn_risk_check(const struct tn_risk *risk);

/* tn_risk_shocks puts the parameters and scenarios into what pricing takes. True when tn_risk_check
 * and tn_shocks_valid both let them pass; else *shocks means nothing. */
bool tn_risk_shocks(struct tn_shocks *shocks, const struct tn_risk *risk,
                    const struct tn_scenario *scenarios, uint32_t scenarios_count);

#endif
