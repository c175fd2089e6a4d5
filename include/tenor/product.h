/* product: what can be traded. Series ids and names, dates, contracts, tick schedules, the status
 * machine, listing rules, settlement values. Pure functions over small structs.
 *
 * A series is an option (European, cash-settled), a dated future, or a perpetual on an underlying.
 * Expiries are at 08:00 UTC of a day; a day is a number of days since 2020-01-01. Times are unix
 * milliseconds. docs/products.md tells the same with examples. */
#ifndef TENOR_PRODUCT_H
#define TENOR_PRODUCT_H

#include "tenor/base.h"
#include "tenor/reject.h"

/* ---- Series ids ------------------------------------------------------------------------------
 * 64 bits, high to low: underlying 11 (1..2047) | kind 2 | expiry day 15 | strike 36. So ids sort
 * by underlying, kind, expiry, strike; 0 is never a series. A perpetual has day 0 and strike 0, a
 * future strike 0; an option a strike ≥ 1, in units of 10^-4 of the cash asset per unit of the
 * underlying. The last day is 2099-12-31, as names have two digits for the year: so every id has
 * one name, and every name one id. */

enum tn_series_kind { TN_PERPETUAL = 0, TN_FUTURE = 1, TN_CALL = 2, TN_PUT = 3 };

#define TN_UNDERLYING_MAX         2047u
#define TN_EXPIRY_DAY_MAX         29219u /* 2099-12-31; the day field would hold 32767 */
#define TN_STRIKE_MAX             ((UINT64_C(1) << 36) - 1)
#define TN_STRIKE_UNITS           10000 /* strike units in one of the cash asset */
#define TN_MICROS_PER_STRIKE_UNIT 100
#define TN_SYMBOL_SIZE            9  /* 1-8 of A-Z 0-9, first a letter, and a NUL */
#define TN_SERIES_NAME_SIZE       40 /* any name and its NUL */
#define TN_MS_PER_DAY             INT64_C(86400000)
#define TN_EXPIRY_TIME_OF_DAY     INT64_C(28800000)      /* 08:00 UTC */
#define TN_EPOCH_2020_MS          INT64_C(1577836800000) /* 2020-01-01 in unix time */

struct tn_series_terms {
    uint16_t underlying; /* 1 .. TN_UNDERLYING_MAX */
    uint8_t kind;        /* enum tn_series_kind */
    uint16_t expiry_day; /* 1 .. TN_EXPIRY_DAY_MAX, 0 for a perpetual */
    uint64_t strike;     /* 1 .. TN_STRIKE_MAX, 0 unless an option */
};

/* tn_series_pack packs terms into an id; false when they name no possible series. Together with
 * tn_series_unpack a bijection: unpack is false for any id that pack cannot return. */
bool tn_series_pack(uint64_t *id, const struct tn_series_terms *terms);
bool tn_series_unpack(struct tn_series_terms *terms, uint64_t id);

/* The fields of a valid id; of any other they mean nothing. */
static inline uint16_t tn_series_underlying(uint64_t id)
{
    return (uint16_t)(id >> 53);
}
static inline enum tn_series_kind tn_series_kind(uint64_t id)
{
    return (enum tn_series_kind)(id >> 51 & 3);
}
static inline uint16_t tn_series_expiry_day(uint64_t id)
{
    return (uint16_t)(id >> 36 & 0x7fff);
}
static inline uint64_t tn_series_strike(uint64_t id)
{
    return id & TN_STRIKE_MAX;
}
static inline bool tn_series_is_option(uint64_t id)
{
    return (id >> 52 & 1) != 0;
}

/* tn_series_expiry_ms is the time of expiry of a valid id; INT64_MAX for a perpetual. */
int64_t tn_series_expiry_ms(uint64_t id);

/* Names: BTC-25DEC26-100000-C, XRP-5JUN26-0.55-P, BTC-25DEC26, BTC-PERP. One spelling each: days
 * without a leading zero, upper case, strikes without needless zeros (0.55 and 60000, not .55,
 * 0.550 or 60000.0). symbols[i] names underlying i + 1; the symbols are unique, "" where there is
 * none. format is false (and out "") for an impossible id or unknown underlying; parse is false for
 * any text that format cannot return, leaving *id alone; it reads text up to the first character
 * that does not fit. Parse is O(symbols_count). */
bool tn_series_name_format(char out[TN_SERIES_NAME_SIZE], uint64_t id,
                           const char (*symbols)[TN_SYMBOL_SIZE], uint32_t symbols_count);
bool tn_series_name_parse(uint64_t *id, const char *text, const char (*symbols)[TN_SYMBOL_SIZE],
                          uint32_t symbols_count);
/* tn_symbol_valid reads up to the NUL, at most TN_SYMBOL_SIZE bytes. */
bool tn_symbol_valid(const char symbol[TN_SYMBOL_SIZE]);

/* ---- Days ------------------------------------------------------------------------------------ */

struct tn_date {
    uint16_t year;
    uint8_t month; /* 1..12 */
    uint8_t day;   /* 1..31 */
};

/* tn_date_of_day is the date of a day ≤ TN_EXPIRY_DAY_MAX (asserted), tn_day_of_date its inverse:
 * false, leaving *day alone, when there is no such date from 2020-01-01 to 2099-12-31. */
struct tn_date tn_date_of_day(uint32_t day);
bool tn_day_of_date(uint32_t *day, struct tn_date date);

/* tn_weekday of a day ≤ TN_EXPIRY_DAY_MAX: 0 Monday .. 4 Friday .. 6 Sunday. */
uint32_t tn_weekday(uint32_t day);

/* Is the day the last Friday of its month (so that a dated future is listed too)? Of a quarter: of
 * March, June, September or December? */
bool tn_day_is_month_end_friday(uint32_t day);
bool tn_day_is_quarter_end_friday(uint32_t day);

/* ---- Contracts ------------------------------------------------------------------------------- */

/* Bounds of any contract's price_max and quantity_max: what a book can hold. */
#define TN_PRICE_TICKS_MAX   ((INT64_C(1) << 40) - 1)
#define TN_QUANTITY_LOTS_MAX (INT64_C(1) << 32)

/* margin's bound on price × quantity of one position, and so of one order. */
#define TN_VALUE_MICROS_MAX (INT64_C(1) << 48)

/* A tick schedule: from `from_ticks` upwards prices are multiples of step_ticks. Both ascend
 * strictly, up to TN_PRICE_TICKS_MAX; the first starts at 0, and every later from_ticks is a
 * multiple of its own step and of the one before (so that both neighbours meet in an admissible
 * price). */
#define TN_TICK_STEPS_MAX 6
struct tn_tick_schedule {
    uint32_t steps_count;
    struct {
        tn_ticks from_ticks;
        tn_ticks step_ticks;
    } steps[TN_TICK_STEPS_MAX];
};

bool tn_tick_schedule_valid(const struct tn_tick_schedule *schedule);
/* Of a valid schedule. tn_tick_on: is the price on the schedule? False below 1. _floor and _ceil
 * round a positive price to the nearest admissible one at most / at least it; floor returns 0 when
 * there is none, ceil may pass a contract's price_max. _step is the step that applies to a positive
 * price: the distance to the next admissible price above one that is admissible. */
static inline tn_ticks tn_tick_step(const struct tn_tick_schedule *schedule, tn_ticks price)
{
    TN_ASSERT(price > 0);
    TN_ASSERT(schedule->steps_count - 1 < TN_TICK_STEPS_MAX);
    tn_ticks step = schedule->steps[0].step_ticks;
    for (uint32_t i = 1; i < schedule->steps_count; i++) { /* no branch on a price */
        tn_ticks more = schedule->steps[i].step_ticks - step;
        step += more & -(tn_ticks)(price >= schedule->steps[i].from_ticks);
    }
    return step;
}

static inline bool tn_tick_on(const struct tn_tick_schedule *schedule, tn_ticks price)
{
    if (price < 1) return false;
    tn_ticks step = tn_tick_step(schedule, price);
    return step == 1 || price % step == 0; /* a division is dear */
}
tn_ticks tn_tick_floor(const struct tn_tick_schedule *schedule, tn_ticks price);
tn_ticks tn_tick_ceil(const struct tn_tick_schedule *schedule, tn_ticks price);

/* How one kind of series on an underlying (options, or futures and perpetuals) is quoted. One lot
 * is lot_micro_units × multiplier millionths of a unit of the underlying; one tick of price on one
 * lot is tick_micros × lot_micro_units × multiplier ÷ 10^6 micro-dollars, which must be whole. All
 * are positive. */
struct tn_contract {
    struct tn_tick_schedule schedule;
    tn_micros tick_micros; /* what one tick is on one unit of the underlying */
    int64_t lot_micro_units;
    int64_t multiplier;
    tn_ticks price_max;   /* 1 .. TN_PRICE_TICKS_MAX; of any order */
    tn_lots quantity_max; /* 1 .. TN_QUANTITY_LOTS_MAX; of one order */
};

/* NONE, PARAMETER_RANGE or VALUE_NOT_WHOLE; on NONE *micros_per_tick is the value of one tick on
 * one lot, else it is left alone. price_max × quantity_max × micros_per_tick is at most
 * TN_VALUE_MICROS_MAX. The functions below take contracts that passed. */
enum tn_reject tn_contract_check(tn_micros *micros_per_tick, const struct tn_contract *contract);

/* tn_contract_value_floor is ⌊price_micros of one unit × one lot⌋ in micros: what one lot is worth
 * at an underlying price. False, leaving *value alone, outside of ±2^62. */
bool tn_contract_value_floor(tn_micros *value, tn_micros price_micros,
                             const struct tn_contract *contract);

/* tn_settlement_value is what one long lot receives in micros when the underlying settles at
 * price_micros: max(0, S-K) or max(0, K-S) for options, S for a future; floored per lot, so that
 * Σ position × value is zero whenever Σ position is. A perpetual is settled like a future when it
 * is delisted. The id is valid. False, leaving *value alone, for a negative price or a value above
 * 2^62. */
bool tn_settlement_value(tn_micros *value, uint64_t series_id, tn_micros price_micros,
                         const struct tn_contract *contract);

/* Fees of a kind of series: millionths of the underlying's value traded; maker may be negative (a
 * rebate, never above the taker fee of the same fill). Options: fee = min(⌈ppm·S·q⌉,
 * ⌊premium_cap_ppm · premium⌋). */
struct tn_fees {
    int32_t maker_ppm;       /* -taker_ppm .. 10 000 */
    int32_t taker_ppm;       /* 0 .. 10 000 */
    int32_t premium_cap_ppm; /* 0 .. 1 000 000; 0 on futures and perpetuals means no cap */
};

bool tn_fees_valid(const struct tn_fees *fees);

/* ---- Status ---------------------------------------------------------------------------------- */

/* What a series admits: see tn_status_admits. `auction` collects crossing orders without matching,
 * until the uncross; the other seven are the life of a series. */
#define TN_STATUS_TABLE(X)                                                                         \
    X(INITIALIZING, 0, "initializing")                                                             \
    X(ACTIVE, 1, "active")                                                                         \
    X(POST_ONLY, 2, "post-only")                                                                   \
    X(CANCEL_ONLY, 3, "cancel-only")                                                               \
    X(HALTED, 4, "halted")                                                                         \
    X(AUCTION, 5, "auction")                                                                       \
    X(SETTLING, 6, "settling")                                                                     \
    X(SETTLED, 7, "settled")
enum tn_status {
#define X(name, number, text) TN_STATUS_##name = (number),
    TN_STATUS_TABLE(X)
#undef X
};

/* What a command wants of a series. */
enum tn_action {
    TN_ACTION_TAKE,   /* an order that may trade at once */
    TN_ACTION_POST,   /* an order that only rests */
    TN_ACTION_STOP,   /* an order that waits for a trigger */
    TN_ACTION_CANCEL, /* cancel, mass cancel, a quote of quantity 0 */
    TN_ACTION_BLOCK,  /* a block trade */
};

/* The functions on a status are total: a number that is not in the table has no name (NULL), steps
 * nowhere and admits nothing. */
const char *tn_status_name(enum tn_status status);

/* From → to:
 *     initializing   active, post-only, auction, settling
 *     active         post-only, cancel-only, halted, settling
 *     post-only      active, cancel-only, halted, settling
 *     cancel-only    active, post-only, halted, auction, settling
 *     halted         active, post-only, cancel-only, auction, settling
 *     auction        active, halted, settling
 *     settling       settled
 * An auction leaves a book that may be crossed: whoever steps out of it uncrosses first, or
 * cancels. */
bool tn_status_may_step(enum tn_status from, enum tn_status to);

/* active: all; post-only: POST, CANCEL; auction: TAKE (it rests, crossing or not), POST, CANCEL;
 * initializing, cancel-only, halted, settling (the exchange is cancelling its orders): CANCEL;
 * settled: nothing. */
bool tn_status_admits(enum tn_status status, enum tn_action action);

/* ---- Listing --------------------------------------------------------------------------------- */

/* How many expiries ahead are listed: days, Fridays, last Fridays of months, last Fridays of March,
 * June, September and December. Each is counted alone: the last Friday of March is a day, a week, a
 * month and a quarter, and listed once. Strikes: multiples of a step chosen by the forward, with a
 * call delta within [delta_low_ppb, delta_high_ppb], 0 ≤ low ≤ high ≤ 10^9. */
struct tn_listing_rules {
    uint8_t dailies;     /* 0..7 */
    uint8_t weeklies;    /* 0..8 */
    uint8_t monthlies;   /* 0..12 */
    uint8_t quarterlies; /* 0..12 */
    uint32_t delta_low_ppb;
    uint32_t delta_high_ppb;
    uint32_t strike_step_ppm; /* the grid step is about this part of the forward, 1 000..200 000 */
};

#define TN_LISTING_EXPIRIES_MAX 39

bool tn_listing_rules_valid(const struct tn_listing_rules *rules);
/* tn_listing_expiries writes the days the rules name at a time, ascending, each once, and returns
 * their count. Today counts until 08:00:00.000, when it expires. Days from 1 to TN_EXPIRY_DAY_MAX
 * only; none at all at a time before 2020. O(Fridays until the last one). */
uint32_t tn_listing_expiries(uint16_t days[TN_LISTING_EXPIRIES_MAX],
                             const struct tn_listing_rules *rules, int64_t time_ms);
/* tn_listing_names_day: is the day one of them? */
bool tn_listing_names_day(const struct tn_listing_rules *rules, int64_t time_ms, uint16_t day);
/* tn_listing_strike_step is the largest 1, 2 or 5 × 10^n strike units at most strike_step_ppm of
 * the forward; at least 1 unit, at most TN_STRIKE_MAX. */
uint64_t tn_listing_strike_step(const struct tn_listing_rules *rules, tn_micros forward_micros);

/* ---- Positions: the vocabulary that ledger, margin and exchange share -------------------------
 */

struct tn_position {
    tn_lots quantity; /* signed */
    tn_micros cost;   /* signed average cost of the open quantity; display and ADL rank only */
    tn_micros funding_entry; /* the series' funding index when funding was last settled */
};

#endif
