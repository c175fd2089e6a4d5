/* bitcoin: the market that everybody plays, on a testnet and in the simulator of whole nodes:
 * bitcoin around 100 000 dollars, a perpetual and options, a spot that wanders, flat surfaces. */
#ifndef NODE_PLAY_BITCOIN_H
#define NODE_PLAY_BITCOIN_H

#include "tenor/exchange.h"

enum { BITCOIN = 1 /* its underlying */ };
#define BITCOIN_SPOT (INT64_C(100000) * 1000000) /* at first */

struct tn_underlying bitcoin_terms(void);
/* expiry_day is not looked at for a perpetual. */
uint64_t bitcoin_series(enum tn_series_kind kind, uint16_t expiry_day, uint64_t strike_dollars);
/* So many dollars on, if that is within 2 % of where it began. */
tn_micros bitcoin_move(tn_micros spot, int64_t dollars);
/* What a feeder, counted from 0, says of it. */
struct tn_report bitcoin_report(uint32_t feeder, enum tn_feed feed, uint16_t expiry_day,
                                tn_micros spot, int64_t unix_ms);
/* What a series is worth, at least one tick. */
tn_ticks bitcoin_fair(uint64_t series_id, tn_micros spot, int64_t unix_ms);

#endif
