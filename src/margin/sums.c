/* sums: what positions and orders of one expiry add up to, column by column.
 *
 * All of it is addition of whole numbers: a position adds its lots times its row, an order adds its
 * own term to each number it can lower. So sums do not depend on the order of changes, and what was
 * added can be taken away again. Evaluation builds them and throws them away; the hot path keeps
 * them. What they mean is in orders.c and portfolio.c. */
#include "margin/internal.h"

#include <string.h>

void tn_margin_sums_start_terms(struct tn_margin_sums *sums, uint32_t count)
{
    TN_ASSERT(count <= TN_SCENARIOS_MAX);
    memset(sums->low, 0, count * sizeof sums->low[0]);
    memset(sums->high, 0, count * sizeof sums->high[0]);
    memset(sums->back, 0, count * sizeof sums->back[0]);
    sums->zero_terms = sums->up_terms = sums->down_terms = 0;
    sums->orders_count = 0;
}

void tn_margin_sums_start(struct tn_margin_sums *sums, uint32_t expiry)
{
    memset(sums, 0, sizeof *sums);
    sums->expiry = expiry;
}

void tn_margin_sums_position(struct tn_margin_sums *sums, const struct tn_margin_market *market,
                             uint32_t series, tn_lots change)
{
    TN_ASSERT(series < market->series_count && market->series[series].expiry == sums->expiry);
    const struct tn_holding holding = {.series = series, .quantity = change};
    const int64_t *row = market->rows[series];
    bool is_linear = tn_margin_is_linear(&market->series[series]);
    tn_margin_path_of(market->cpu)
        ->add(is_linear ? sums->linear : sums->value, market->rows, &holding, 1, false);
    sums->up += change * (row[TN_COLUMN_UP] - row[TN_COLUMN_MARK]);
    sums->down += change * (row[TN_COLUMN_DOWN] - row[TN_COLUMN_MARK]);
    if (is_linear) sums->has_linear = true;
    sums->is_folded = sums->is_sized = false;
}

tn_micros tn_margin_order_gain(const struct tn_margin_market *market,
                               const struct tn_margin_order *order)
{
    TN_ASSERT(order->series < market->series_count && order->fee_micros >= 0);
    tn_micros mark = market->rows[order->series][TN_COLUMN_MARK];
    return order->quantity * (mark - order->price_micros) - order->fee_micros;
}

/* The terms in the bracket of sums, and what is added to them or taken away. */
static inline void change_basis_terms(struct tn_margin_sums *after,
                                      const struct tn_margin_sums *sums,
                                      const struct tn_margin_path_order *order, bool is_added,
                                      int64_t weight)
{
    const int64_t *row = order->row;
    tn_micros up = order->quantity * (row[TN_COLUMN_UP] - row[TN_COLUMN_MARK]);
    tn_micros down = order->quantity * (row[TN_COLUMN_DOWN] - row[TN_COLUMN_MARK]);
    tn_micros sign = is_added ? 1 : -1, gain = order->gain;
    after->zero_terms = sums->zero_terms + sign * min_of(0, gain);
    after->up_terms = sums->up_terms + sign * min_of(0, tn_margin_weigh(weight, up) + gain);
    after->down_terms = sums->down_terms + sign * min_of(0, tn_margin_weigh(weight, down) + gain);
    after->orders_count = sums->orders_count + (is_added ? 1 : UINT32_MAX);
}

/* An order as the columns see it. */
static inline struct tn_margin_path_order look_at(const struct tn_margin_sums *sums,
                                                  const struct tn_margin_market *market,
                                                  const struct tn_margin_order *order,
                                                  bool is_added)
{
    TN_ASSERT(order->series < market->series_count);
    TN_ASSERT(market->series[order->series].expiry == sums->expiry);
    TN_ASSERT(is_added || sums->orders_count > 0);
    const int64_t *row = market->rows[order->series];
    return (struct tn_margin_path_order){
        .row = row,
        .quantity = order->quantity,
        .mark = order->quantity * row[TN_COLUMN_MARK],
        .gain = tn_margin_order_gain(market, order),
        .is_linear = tn_margin_is_linear(&market->series[order->series]),
    };
}

void tn_margin_sums_order(struct tn_margin_sums *sums, const struct tn_margin_market *market,
                          const struct tn_margin_order *order, bool is_added)
{
    const struct tn_margin_path_order seen = look_at(sums, market, order, is_added);
    const struct tn_margin_weights *weights = &market->expiries[sums->expiry].im;
    tn_margin_path_of(market->cpu)->order(sums, &seen, is_added, weights);
    change_basis_terms(sums, sums, &seen, is_added, weights->flat[TN_COLUMN_UP]);
    sums->is_folded = sums->is_sized = false;
}

void tn_margin_sums_preview(struct tn_margin_sums *after, const struct tn_margin_sums *sums,
                            const struct tn_margin_market *market,
                            const struct tn_margin_order *order, bool is_added)
{
    const struct tn_margin_path_order seen = look_at(sums, market, order, is_added);
    const struct tn_margin_weights *weights = &market->expiries[sums->expiry].im;
    after->expiry = sums->expiry;
    after->has_linear = sums->has_linear;
    after->mark = sums->value[TN_COLUMN_MARK];
    after->up = sums->up;
    after->down = sums->down;
    if (sums->has_linear && after != sums)
        memcpy(after->linear, sums->linear, sizeof after->linear);
    tn_margin_path_of(market->cpu)->preview(after->outcome, sums, &seen, is_added, weights);
    change_basis_terms(after, sums, &seen, is_added, weights->flat[TN_COLUMN_UP]);
    after->basis = tn_margin_basis_bound(after, weights);
    after->is_folded = true;
    after->is_sized = false;
}
