/* What the files of a MARK ask of each other, and entries and BLOCK of them: feeds.c (reports and
 * what is made of them), surface.c, listing.c, perp.c, expire.c, mark.c. */
#ifndef TENOR_EXCHANGE_FEEDS_H
#define TENOR_EXCHANGE_FEEDS_H

#include "exchange/risk.h"

/* parameters.c */
/* Parameters, factors and feeds as they are before any entry; after the memory is laid out. */
void tn_exchange_feeds_init(struct tn_exchange *);
/* On RISK_RANGE *field is the parameter at fault, TN_RISK_FIELDS_COUNT for the scenarios. */
enum tn_reject tn_exchange_set_risk(struct tn_exchange *, uint32_t *field, const struct tn_entry *);
/* At every BLOCK, before a MARK: a change of parameters whose height has come takes effect. */
void tn_exchange_take_risk(struct tn_exchange *);

/* feeds.c: what signers report, and what is made of it at a MARK */
enum tn_reject tn_exchange_feeder(struct tn_exchange *, const struct tn_entry *);
enum tn_reject tn_exchange_report(struct tn_exchange *, const struct tn_entry *);
void tn_exchange_take_readings(struct tn_exchange *);
/* A price that a report may have: one lot of either contract at it, times the largest quantity, is
 * a value that margin can add up. */
bool tn_exchange_price_fits(const struct underlying *under, tn_micros price);

/* The reports of one feed that count at a MARK. */
struct fresh {
    uint32_t count;
    uint32_t signers[TN_SIGNERS_MAX]; /* from 0, ascending */
    int64_t time_ms;                  /* of the feed_signers_min-th freshest */
    int32_t confidence_ppm;           /* lower median */
};
/* The lower median; sorts the values. count ≥ 1. */
int64_t tn_exchange_median(int64_t *values, uint32_t count);

/* The id that names an expiry in events: its future's, or the perpetual's. */
uint64_t tn_exchange_expiry_name(uint32_t underlying, uint16_t day);
void tn_exchange_report_feed(struct tn_exchange *, uint64_t series_id, enum tn_feed feed,
                             enum tn_freshness freshness);

/* surface.c */
int64_t tn_exchange_vol_ppb(const struct tn_surface *surface, int64_t variance_e12);
uint32_t tn_exchange_choose_surface(const struct tn_surface *surfaces, const struct fresh *fresh);
void tn_exchange_repair_surfaces(struct tn_exchange *);

/* slots.c. The slot of an expiry (day 0: of the perpetual); open takes one if there is
 * none, TN_NONE when all are taken. All series of an expiry that is closed are settled. */
uint32_t tn_exchange_find_expiry(const struct tn_exchange *, uint16_t underlying, uint16_t day);
uint32_t tn_exchange_open_expiry(struct tn_exchange *, uint16_t underlying, uint16_t day);
void tn_exchange_close_expiry(struct tn_exchange *, uint32_t expiry);
/* The expiry after this one (TN_NONE: the first), by underlying and day: the order in which a MARK
 * does everything, so that slots never show; TN_NONE at the end. */
uint32_t tn_exchange_next_expiry(const struct tn_exchange *, uint32_t expiry);
/* Time left, as pricing takes it: at most 2^40 ms; 0 of a perpetual's slot. */
static inline int64_t tn_exchange_left_ms(const struct tn_exchange *exchange,
                                          const struct expiry *expiry)
{
    if (expiry->day == 0) return 0;
    int64_t left_ms = expiry->expiry_ms - exchange->time_ms;
    TN_ASSERT(left_ms >= 1);
    return left_ms < INT64_C(1) << 40 ? left_ms : INT64_C(1) << 40;
}
/* How fresh the feeds of a series were at the last MARK. */
static inline enum tn_freshness tn_exchange_freshness(const struct tn_exchange *exchange,
                                                      const struct series *series)
{
    if (series->expiry == TN_NONE) return TN_STALE; /* settled */
    const struct expiry *expiry = &exchange->risk->expiries[series->expiry];
    return (enum tn_freshness)(series->is_linear ? expiry->freshness_linear : expiry->freshness);
}

/* expire.c */
void tn_exchange_integrate_spot(struct tn_exchange *);
void tn_exchange_expire(struct tn_exchange *);
void tn_exchange_average(struct tn_exchange *);

/* halts.c */
void tn_exchange_judge_feeds(struct tn_exchange *);

/* listing.c */
void tn_exchange_list_by_rule(struct tn_exchange *);

/* scaling.c: λ of every underlying, and the MM factor. */
int64_t tn_exchange_volatility_ppm(const struct risk_underlying *under);
void tn_exchange_scale(struct tn_exchange *);
void tn_exchange_step_mm_factor(struct tn_exchange *);

/* perp.c: premium and funding; then what one lot of the perpetual is worth, in micros. */
void tn_exchange_accrue_funding(struct tn_exchange *);
tn_micros tn_exchange_perpetual_mark(const struct tn_exchange *, uint32_t underlying);

/* feeds_digest.c */
void tn_exchange_digest_feeds(struct tn_digest *, const struct tn_exchange *);

#endif
