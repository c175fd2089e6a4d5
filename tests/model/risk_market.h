/* risk_market: what the streams, simulations and fuzz targets on markets with feeds have in common:
 * two underlyings, series ids, and surfaces that make sense.
 *
 * BTC is worth about 100 000 dollars and its lot is a hundredth, ETH 4 000 and a tenth; one tick on
 * one lot is a cent of either. */
#ifndef RISK_MARKET_H
#define RISK_MARKET_H

#include "tenor/exchange.h"
#include "tenor/riskview.h"

#define RISK_DOLLAR INT64_C(1000000) /* micros */

enum { RISK_BTC = 1, RISK_ETH = 2, RISK_UNDERLYINGS = 2 };

/* The usual price of one unit, in micros. */
tn_micros risk_market_spot(uint16_t number);

/* Lists nothing by rule but the days of its expiries: series come by LIST entries. */
struct tn_underlying risk_market_underlying(uint16_t number);

/* strike_dollars and day are 0 where the kind has none. */
uint64_t risk_market_series(uint16_t number, enum tn_series_kind kind, uint16_t day,
                            uint64_t strike_dollars);

/* The first day whose 08:00 is after this moment; and the time left until that of a day. */
uint16_t risk_market_next_day(int64_t time_ms);
int64_t risk_market_left_ms(uint16_t day, int64_t time_ms);

/* A smile around this volatility, skewed to the puts; surfaces of several expiries with the same
 * volatility do not contradict each other. */
struct tn_surface risk_market_surface(tn_micros forward_micros, int64_t left_ms, int64_t vol_ppm);

#endif
