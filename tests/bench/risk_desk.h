/* risk_desk: an exchange with a margin engine and many accounts that hold positions.
 *
 * Two underlyings of ten expiries each, from a day to two years, 99 options and a future on each:
 * 2 000 series. Every account holds its positions in six of the expiries; accounts come in pairs
 * that have traded with each other in blocks. All have far more money than they need. */
#ifndef BENCH_RISK_DESK_H
#define BENCH_RISK_DESK_H

#include "risk.h"
#include "tenor/exchange.h"
#include "tenor/riskview.h"

enum {
    DESK_EXPIRIES = 10, /* of an underlying */
    DESK_SERIES_OF_EXPIRY = 100,
    DESK_SERIES = 2 * DESK_EXPIRIES * DESK_SERIES_OF_EXPIRY,
    DESK_EXPIRIES_HELD = 6,
};

struct risk_desk {
    struct tn_exchange_limits limits;
    struct tn_exchange *exchange;
    size_t size;
    struct tn_event *events;
    uint32_t events_max, count; /* events of the last entry */
    uint64_t series[2 * DESK_EXPIRIES][DESK_SERIES_OF_EXPIRY];
    uint32_t accounts; /* that hold positions */
    uint64_t height, sequence;
    int64_t time_ms;
    int32_t moved_ppm; /* what is reported of spot and forwards, against the usual prices */
};

/* accounts is even; positions at most 6 × 24. */
void desk_open(struct risk_desk *desk, uint32_t accounts, uint32_t positions, enum tn_cpu cpu);
/* The same with accounts that hold nothing behind them, and resting orders: bids below the mark of
 * series that the accounts hold, with client ids. */
struct desk_extent {
    uint32_t accounts, positions; /* even; at most 6 × 24 */
    uint32_t idle, orders;
    uint32_t orders_more, exposures_more; /* that the caller will bring */
};
void desk_open_wide(struct risk_desk *desk, const struct desk_extent *extent, enum tn_cpu cpu);
void desk_close(struct risk_desk *desk);

/* desk_report sends all feeds as they stand a second later; desk_mark then applies the BLOCK that
 * is a MARK, and nothing of its sweep. */
void desk_report(struct risk_desk *desk);
void desk_mark(struct risk_desk *desk);
/* Takes from the first `percent` of every hundred accounts all the cash that may leave. */
void desk_thin(struct risk_desk *desk, uint32_t percent);
bool desk_is_sweeping(const struct risk_desk *desk);
void desk_sweep(struct risk_desk *desk, uint32_t units);

#endif
