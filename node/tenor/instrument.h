/* instrument: a series as people write of it: its name, prices and quantities in decimals.
 *
 * Exact both ways: a price that is not on the tick schedule, or a quantity that is not whole lots,
 * is refused with the nearest ones that are. Nothing is ever rounded. */
#ifndef NODE_TENOR_INSTRUMENT_H
#define NODE_TENOR_INSTRUMENT_H

#include "decimal.h"
#include "tenor/product.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct instrument {
    uint64_t series_id;
    char name[TN_SERIES_NAME_SIZE];
    char underlying[TN_SYMBOL_SIZE];
    uint8_t status; /* enum tn_status */
    uint8_t kind;   /* enum tn_series_kind */
    int64_t expiry_ms;
    uint32_t underlying_id, expiry_day; /* as nodes count them */
    tn_micros strike_micros, settlement_micros;
    tn_micros tick_micros;     /* of one unit of the underlying */
    tn_micros micros_per_tick; /* of one lot */
    int64_t lots_per_unit;     /* 1 when a lot is not a whole part of a unit: quantities are lots */
    struct tn_tick_schedule schedule;
};

struct instruments {
    struct instrument *list; /* sorted by id */
    uint32_t count;
};

#define INSTRUMENT_WHY_SIZE 256

/* NULL when there is none; then `why` names the nearest, or some that there are. */
const struct instrument *instruments_find(const struct instruments *instruments, const char *name,
                                          char why[INSTRUMENT_WHY_SIZE]);
const struct instrument *instruments_by_id(const struct instruments *instruments, uint64_t id);
void instruments_sort(struct instruments *instruments);

/* False, with `why`, and *out left alone. Prices are at least one tick, quantities one lot. */
bool instrument_price(tn_ticks *out, const struct instrument *instrument, const char *text,
                      char why[INSTRUMENT_WHY_SIZE]);
bool instrument_quantity(tn_lots *out, const struct instrument *instrument, const char *text,
                         char why[INSTRUMENT_WHY_SIZE]);

/* For printing; both return out. Of any sign. */
const char *instrument_price_text(char out[DECIMAL_SIZE], const struct instrument *instrument,
                                  tn_ticks price);
const char *instrument_quantity_text(char out[DECIMAL_SIZE], const struct instrument *instrument,
                                     tn_lots quantity);
/* Micros of one lot as micros of one unit; saturates. */
tn_micros instrument_of_unit(const struct instrument *instrument, tn_micros micros_of_lot);

#endif
