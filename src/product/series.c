/* series: terms of a series to and from its packed 64-bit id.
 *
 * An id is the terms laid side by side, so reading a field is a shift, and sorting ids sorts series
 * the way a chain is read: underlying, kind, expiry, strike. The layout is protocol. One predicate,
 * terms_possible, guards both directions: pack refuses terms that name no series, and unpack
 * refuses every id that pack cannot return, so ids and possible terms are in bijection. */
#include "tenor/product.h"

#define UNDERLYING_SHIFT 53
#define KIND_SHIFT       51
#define DAY_SHIFT        36

_Static_assert(TN_UNDERLYING_MAX == (1u << (64 - UNDERLYING_SHIFT)) - 1, "11 bits of underlying");
_Static_assert(TN_PUT < 1 << (UNDERLYING_SHIFT - KIND_SHIFT), "2 bits of kind");
_Static_assert(TN_EXPIRY_DAY_MAX < 1u << (KIND_SHIFT - DAY_SHIFT), "15 bits of expiry day");
_Static_assert(TN_STRIKE_MAX == (UINT64_C(1) << DAY_SHIFT) - 1, "36 bits of strike");

static bool terms_possible(const struct tn_series_terms *terms)
{
    bool dated = terms->expiry_day >= 1 && terms->expiry_day <= TN_EXPIRY_DAY_MAX;
    bool struck = terms->strike >= 1 && terms->strike <= TN_STRIKE_MAX;

    if (terms->underlying < 1 || terms->underlying > TN_UNDERLYING_MAX) return false;
    if (terms->kind > TN_PUT) return false;
    switch ((enum tn_series_kind)terms->kind) {
        case TN_PERPETUAL: return terms->expiry_day == 0 && terms->strike == 0;
        case TN_FUTURE: return dated && terms->strike == 0;
        case TN_CALL:
        case TN_PUT: return dated && struck;
    }
    return false;
}

bool tn_series_pack(uint64_t *id, const struct tn_series_terms *terms)
{
    if (!terms_possible(terms)) return false;
    *id = (uint64_t)terms->underlying << UNDERLYING_SHIFT | (uint64_t)terms->kind << KIND_SHIFT |
          (uint64_t)terms->expiry_day << DAY_SHIFT | terms->strike;
    TN_ASSERT(tn_series_underlying(*id) == terms->underlying);
    TN_ASSERT(tn_series_strike(*id) == terms->strike);
    return true;
}

bool tn_series_unpack(struct tn_series_terms *terms, uint64_t id)
{
    const struct tn_series_terms read = {.underlying = tn_series_underlying(id),
                                         .kind = (uint8_t)tn_series_kind(id),
                                         .expiry_day = tn_series_expiry_day(id),
                                         .strike = tn_series_strike(id)};
    if (!terms_possible(&read)) return false;
    *terms = read;
    return true;
}

int64_t tn_series_expiry_ms(uint64_t id)
{
    uint16_t day = tn_series_expiry_day(id);
    TN_ASSERT(day <= TN_EXPIRY_DAY_MAX);
    TN_ASSERT((day == 0) == (tn_series_kind(id) == TN_PERPETUAL));
    if (day == 0) return INT64_MAX;
    return TN_EPOCH_2020_MS + day * TN_MS_PER_DAY + TN_EXPIRY_TIME_OF_DAY;
}
