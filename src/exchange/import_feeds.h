/* What import_feeds.c and import_expiries.c share. */
#ifndef TENOR_EXCHANGE_IMPORT_FEEDS_H
#define TENOR_EXCHANGE_IMPORT_FEEDS_H

#include "exchange/records.h"

/* What a feed can say. */
struct feed_range {
    int64_t low, high;
    int64_t unseen;                 /* the value before the first */
    const struct underlying *under; /* prices: whose contracts must bear them; else NULL */
};
static inline struct feed_range tn_exchange_price_range(const struct tn_exchange *exchange,
                                                        uint32_t underlying)
{
    return (struct feed_range){
        .low = 1, .high = TN_VALUE_UNIT_MICROS_MAX, .under = &exchange->underlyings[underlying]};
}

void tn_exchange_get_reading(const struct tn_exchange *exchange, struct reader *reader,
                             struct reading *reading, const struct feed_range *range);
/* Of every signer; range NULL: of a surface. */
void tn_exchange_get_reports(const struct tn_exchange *exchange, struct reader *reader,
                             struct stored *reports, const struct feed_range *range);
bool tn_exchange_any_reports(const struct tn_exchange *exchange, const struct stored *reports);

/* import_expiries.c. place: from the first record of the first expiry. */
void tn_exchange_get_of_expiry(struct tn_exchange *exchange, struct reader *reader, uint32_t place);

#endif
